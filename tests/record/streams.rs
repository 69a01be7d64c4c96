//! Sessions in which nothing is changed: the recording has every byte of both directions.

use std::collections::HashMap;

use serde_json::Value;

use super::Folder;
use crate::support::captured::{Captured, Session};
use crate::support::ends::{Ending, Ends, Server};
use crate::support::program::{Program, packets};
use crate::support::recording::{self, Direction, Event};
use crate::support::replay::{Cut, Framing, replay_with};

/// Replays a recording while it is recorded, and compares every connection.
fn recorded(protocol: &str, name: &str, framing: Framing, cut: Cut) -> Vec<Session> {
    let folder = Folder::new(name);
    let file = folder.path("it.pcapng");
    let lines = recording::read(name);
    let more = ["-w", &file, "--record-secrets"];
    let replayed = replay_with(protocol, &lines, framing, cut, &more);
    let captured = Captured::read(&folder.file("it.pcapng"));
    assert_eq!(captured.damage, [""; 0], "{name}");
    let mut said: HashMap<usize, [Vec<u8>; 2]> = HashMap::new();
    let mut order = Vec::new();
    for line in &lines {
        match &line.event {
            Event::Open => order.push(line.connection),
            Event::Data(direction, bytes) => {
                let streams = said.entry(line.connection).or_default();
                streams[direction.index()].extend_from_slice(bytes);
            }
            Event::Finish(_) | Event::Close => {}
        }
    }
    assert_eq!(captured.sessions.len(), order.len(), "{name}");
    for ((_, number), session) in &captured.sessions {
        let streams = said.remove(&order[*number as usize - 1]).unwrap_or_default();
        for direction in Direction::BOTH {
            let at = direction.index();
            assert!(session.came[at] == streams[at], "{name} #{number} {direction:?}");
            assert!(session.sent[at] == streams[at], "{name} #{number} {direction:?}");
        }
        assert!(session.closed && session.ended == [true; 2], "{name} #{number}");
        assert_eq!(session.fact("protocol"), Some(protocol));
        same_packets(*number, session, &replayed.log, !matches!(framing, Framing::Raw));
    }
    if matches!(framing, Framing::Minecraft | Framing::Terraria) {
        let read = Program::start(&["read", &file, "--json"]).wait().json();
        assert_eq!(listed(&read), listed(&replayed.log), "{name}");
    }
    captured.sessions.into_values().collect()
}

/// The packets of a listing, in an order of their own.
fn listed(log: &[Value]) -> Vec<String> {
    let keys = ["session", "n", "direction", "state", "name", "wire_length", "fields"];
    let mut listed: Vec<String> =
        packets(log).map(|line| keys.map(|key| line[key].to_string()).join(" ")).collect();
    listed.sort_unstable();
    listed
}

/// The frames that have a number are the packets that were listed, with their sizes.
/// Without frames, one that took long to come is recorded in parts, which have none.
fn same_packets(number: u64, session: &Session, log: &[Value], is_framed: bool) {
    let of_session = |line: &&Value| line["session"] == number;
    let mut listed: Vec<(u64, &str, u64)> = packets(log)
        .filter(of_session)
        .map(|line| {
            let direction = line["direction"].as_str().unwrap();
            (line["n"].as_u64().unwrap(), direction, line["wire_length"].as_u64().unwrap())
        })
        .collect();
    listed.sort_unstable();
    let mut recorded: Vec<(u64, &str, u64)> = session
        .frames
        .iter()
        .filter(|frame| frame.number > 0)
        .map(|frame| (frame.number, frame.direction.name(), frame.len as u64))
        .collect();
    recorded.sort_unstable();
    if !is_framed {
        listed.retain(|packet| recorded.contains(packet));
    }
    assert_eq!(recorded, listed);
}

#[test]
fn compressed_minecraft_reads_back_as_it_was_said() {
    for cut in [Cut::AsRecorded, Cut::Random(1)] {
        let sessions = recorded("minecraft", "mc-1.21.4-offline", Framing::Minecraft, cut);
        let played = sessions.iter().find(|session| session.fact("version").is_some()).unwrap();
        assert_eq!(played.fact("version"), Some("1.21.4"));
        assert_eq!(played.fact("version_number"), Some("769"));
        assert_eq!(played.fact("state.clientbound"), Some("play"));
        assert_eq!(played.fact("compression.clientbound"), Some("256"));
        assert_eq!(played.fact("compression.serverbound"), Some("256"));
    }
}

#[test]
fn encrypted_minecraft_is_recorded_as_the_bytes_that_pass() {
    let name = "mc-1.20.4-encrypted";
    let sessions = recorded("minecraft", name, Framing::EncryptedMinecraft, Cut::AsRecorded);
    let unread = |session: &Session| session.frames.iter().any(|frame| frame.number == 0);
    assert!(sessions.iter().any(unread));
}

#[test]
fn pings_of_every_age_are_recorded() {
    recorded("minecraft", "mc-pings", Framing::Minecraft, Cut::Random(2));
}

#[test]
fn terraria_reads_back_as_it_was_said() {
    recorded("terraria", "terraria", Framing::Terraria, Cut::Random(1));
}

#[test]
fn calls_of_amp_read_back_box_by_box() {
    for cut in [Cut::AsRecorded, Cut::Random(1), Cut::EveryByte] {
        recorded("amp", "amp", Framing::Raw, cut);
    }
}

#[test]
fn bytes_without_meaning_are_recorded_though_nobody_looks_at_them() {
    let folder = Folder::new("raw");
    let file = folder.path("raw.pcapng");
    let server = Server::start();
    let (program, proxy) = Program::proxy("raw", server.address, &["-q", "-w", &file]);
    let mut ends = Ends::open(proxy, &server);
    let said: Vec<u8> = (0..3_000_000u32).flat_map(u32::to_le_bytes).collect();
    ends.client.send(b"hello");
    ends.server.expect(b"hello");
    ends.server.send(&said);
    ends.client.expect(&said);
    ends.server.finish();
    ends.client.expect_ending(Ending::Finished);
    ends.client.finish();
    ends.server.expect_ending(Ending::Finished);
    let ended = program.interrupt();
    assert!(ended.status.success(), "{}", ended.diagnostics);
    assert!(
        ended.diagnostics.contains(&format!("of 1 session in {file}")),
        "{}",
        ended.diagnostics
    );
    let captured = Captured::read(&folder.file("raw.pcapng"));
    let session = captured.one();
    assert_eq!(session.sent, [b"hello".to_vec(), said]);
    assert!(session.frames.iter().all(|frame| frame.number == 0));
    assert_eq!(captured.damage, [""; 0]);
}

#[test]
fn a_slow_packet_without_a_frame_is_on_the_disk_before_its_end_has_come() {
    let folder = Folder::new("slow");
    let file = folder.file("slow.pcapng");
    let server = Server::start();
    let path = folder.path("slow.pcapng");
    let (program, proxy) = Program::proxy("amp", server.address, &["-q", "-w", &path]);
    let mut ends = Ends::open(proxy, &server);
    let start = b"\x00\x04_ask\x00\x011\x00\x08_comm";
    ends.client.send(start);
    ends.server.expect(start);
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    // The file is there before its first bytes are.
    let is_empty = || std::fs::metadata(&file).map_or(true, |known| known.len() == 0);
    while is_empty() || Captured::read(&file).sessions.values().all(|s| s.sent[0].is_empty()) {
        assert!(std::time::Instant::now() < deadline, "it is never recorded");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let rest = b"and\x00\x03Sum\x00\x00";
    ends.client.send(rest);
    let all = [&start[..], rest].concat();
    ends.server.expect(&all);
    ends.client.finish();
    ends.server.expect_ending(Ending::Finished);
    program.interrupt();
    let captured = Captured::read(&file);
    assert_eq!(captured.one().sent[0], all);
    assert_eq!(captured.one().came[0], all);
}

//! Files that midwire wrote.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use midwire_capture::{Closing, Content, Ends, Fact, Frame, Opening, Origin, Recorded, Writer};
use midwire_codec::Direction;
use serde_json::Value;

use crate::files::{Folder, as_ours, at, ends, read, read_well, recorded};
use crate::support::program::Ended;

const GAME: &str = r#"protocol game "A game" {
  frame { length: u8, id: u8 }
}
packet Move = 2 both { x: i16, y: i16 }
packet Say = 3 both { text: str[u8] }
packet Bye = 4 clientbound { why: str[u8] }
"#;

/// A frame in which somebody says something.
fn say(text: &str) -> Vec<u8> {
    [&[text.len() as u8 + 2, 3, text.len() as u8][..], text.as_bytes()].concat()
}

fn opening<'a>(session: u64, facts: &'a [Fact<'a>]) -> Opening<'a> {
    let server = Some(Ends { client: ([10, 0, 0, 1], 50_000).into(), ..ends(1, 7_777) });
    Opening { session, at: at(0.0), client: ends(session as usize, 7_777), server, facts }
}

#[test]
fn a_recorded_session_reads_like_the_stream_it_was() {
    let folder = Folder::new("same");
    for (name, protocol) in [("mc-1.12.2-offline", "minecraft"), ("mc-1.21.4-offline", "minecraft")]
    {
        let stream = read_well(&[&recorded(name), "--json"]);
        let log = stream.json();
        let ours = as_ours(name, protocol, &log);
        let file = folder.write("ours.pcapng", &ours);
        let again = read_well(&[&file, "--json"]).output;
        let mut lines = again.lines();
        for line in stream.output.lines() {
            assert_eq!(lines.next(), Some(line), "{name}");
        }
        assert_eq!(lines.next(), None, "{name}");
    }
}

#[test]
fn a_rotated_file_is_read_packed() {
    let folder = Folder::new("packed");
    let name = "mc-1.12.2-offline";
    let log = read_well(&[&recorded(name), "--json"]).json();
    let ours = as_ours(name, "minecraft", &log);
    let plain = folder.write("plain.pcapng", &ours);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&ours).unwrap();
    let packed = packed.finish().unwrap();
    let whole = folder.write("whole.pcapng.gz", &packed);
    assert_eq!(read_well(&[&plain]).output, read_well(&[&whole]).output);

    let cut = folder.write("cut.pcapng.gz", &packed[..packed.len() / 2]);
    let ended = read(&[&cut]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.diagnostics.contains("ends too early"), "{}", ended.diagnostics);
    assert!(ended.output.lines().count() > 10);

    // Two packed files are one; of what is not packed behind them it is told where it is.
    let twice = folder.write("twice.pcapng.gz", &packed.repeat(2));
    let both = read_well(&[&folder.write("twice.pcapng", &ours.repeat(2))]).output;
    assert_eq!(read_well(&[&twice]).output, both);
    for (behind, what) in [
        (&b"\x1f"[..], "1 byte that is not packed: 1f;".to_owned()),
        (b"garbage", "7 bytes that are not packed: 67 61 72 62 61 67 65;".to_owned()),
        (&[0; 100_000], format!("100000 bytes that are not packed: {} ..;", ["00"; 16].join(" "))),
    ] {
        let more = folder.write("more.pcapng.gz", &[&packed[..], behind].concat());
        let ended = read(&[&more]);
        assert_eq!(ended.status.code(), Some(1), "{}", ended.diagnostics);
        assert_eq!(ended.output, read_well(&[&plain]).output);
        let where_ = format!("at offset {}, behind the packed data", packed.len());
        assert!(ended.diagnostics.contains(&where_), "{}", ended.diagnostics);
        assert!(ended.diagnostics.contains(&what), "{}", ended.diagnostics);
    }
}

/// The port that is named is that of the server, as it was asked for, or midwire's own.
#[test]
fn sessions_to_a_port_are_read_alone() {
    let folder = Folder::new("port");
    let mut writer = Writer::new(Vec::new(), "a test");
    for (session, to) in [(1, "example.org:7000"), (2, "[::1]:7001"), (3, "example.org")] {
        let facts = [("protocol", "raw"), ("to", to)];
        writer.session_opened(&opening(session, &facts)).unwrap();
        let bytes = format!("from {session}");
        let frame = Frame::passed(session, 1, Direction::Serverbound, at(1.0), bytes.as_bytes());
        writer.frame(&frame).unwrap();
    }
    let file = folder.write("ours.pcapng", &writer.into_inner().unwrap());
    let sessions = |port: &str| -> Vec<u64> {
        let log = read_well(&[&file, "--json", "--port", port]).json();
        let opened = log.iter().filter(|line| line["event"] == "opened");
        opened.map(|line| line["session"].as_u64().unwrap()).collect()
    };
    assert_eq!(sessions("7000"), [1]);
    assert_eq!(sessions("7001"), [2]);
    assert_eq!(sessions("7777"), [1, 2, 3]);
    let none = read_well(&[&file, "--port", "9"]);
    assert_eq!(none.output, "");
    assert!(
        none.diagnostics.contains("3 streams passed over to other ports"),
        "{}",
        none.diagnostics
    );
}

/// A definition that cannot be used is not passed over in silence.
#[test]
fn a_definition_with_a_mistake_is_told() {
    let folder = Folder::new("mistake");
    folder.write("game.wire", b"protocol game { frame { length: u8, id: u8 } nonsense }\n");
    let defs = folder.path("");
    let ended = read_well(&[&recorded("mc-1.12.2-offline"), "--defs", &defs, "-c", "1"]);
    assert!(ended.diagnostics.contains("game.wire"), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("game is left out"), "{}", ended.diagnostics);
    assert!(ended.output.lines().count() > 0);
}

/// What rules and midwire itself did to a session is marked as it was while it passed.
#[test]
fn what_was_done_to_packets_is_marked() {
    let folder = Folder::new("marked");
    let wire = folder.write("game.wire", GAME.as_bytes());
    let mut writer = Writer::new(Vec::new(), "a test");
    writer.session_opened(&opening(1, &[("protocol", "game"), ("to", "example.org")])).unwrap();
    let (to_server, to_client) = (Direction::Serverbound, Direction::Clientbound);
    let (hello, gold, alex, welcome) = (say("hello"), say("gold"), say("alex"), say("welcome"));
    let mut frame = |number, direction, bytes: Recorded<'_>, origin, by: &'static str| {
        let decided_by = Some(Origin::Rule).filter(|_| !by.is_empty());
        let by = Some(by).filter(|by| !by.is_empty());
        let by: Vec<&str> = by.into_iter().collect();
        let frame = Frame {
            session: 1,
            number,
            count: 1,
            direction,
            at: at(number as f64),
            bytes,
            origin,
            decided_by,
            by: &by,
            marks: &[],
            delayed: None,
        };
        writer.frame(&frame).unwrap();
    };
    let content = |bytes| Content { bytes, blank: &[] };
    frame(1, to_server, Recorded::Passed(content(&hello)), Origin::Client, "");
    frame(2, to_client, Recorded::Dropped(content(&gold)), Origin::Server, "chat.rules:1");
    let changed = Recorded::Changed { came: content(&hello), sent: content(&alex) };
    frame(3, to_client, changed, Origin::Server, "chat.rules:2");
    frame(4, to_client, Recorded::Injected(content(&welcome)), Origin::Rule, "chat.rules:3");
    let changed = Recorded::Changed { came: content(&hello), sent: content(&gold) };
    frame(5, to_server, changed, Origin::Client, "chat.rules:4");
    frame(9, to_server, Recorded::Passed(content(&hello)), Origin::Client, "");
    writer.session_closed(1, Closing::Finished, at(20.0)).unwrap();
    let file = folder.write("ours.pcapng", &writer.into_inner().unwrap());

    let shown = read_well(&[&file, "--protocol", &wire]).output;
    let rows: Vec<&str> = shown.lines().map(|line| &line[18..]).collect();
    assert_eq!(
        rows,
        [
            "     0.000  ·  127.0.0.1:40001 connects to example.org",
            "     0.001  → server   Say                          7  text=\"hello\"",
            "     0.002  client ← x Say                          6  text=\"gold\"  by chat.rules:1",
            "     0.003  client ← ~ Say                          7  text=\"alex\"  by chat.rules:2",
            "     0.004  client ← + Say                          9  text=\"welcome\"  by chat.rules:3",
            "     0.005  → server ~ Say                          7  text=\"gold\"  by chat.rules:4",
            "     0.009  → server   Say                          7  text=\"hello\"",
            "     0.020  ·  closed: 3 packets, 24 bytes serverbound; 2 packets, 15 bytes clientbound",
        ]
    );
    let packets: Vec<Value> = read_well(&[&file, "--protocol", &wire, "--json"])
        .json()
        .into_iter()
        .filter(|line| line["type"] == "packet")
        .collect();
    let told = |key: &str| -> Vec<Value> { packets.iter().map(|line| line[key].clone()).collect() };
    assert_eq!(told("n"), [1, 2, 3, 4, 5, 9]);
    assert_eq!(told("fate"), ["passed", "dropped", "changed", "passed", "changed", "passed"]);
    assert_eq!(told("origin"), ["client", "server", "server", "rule", "client", "client"]);
    assert_eq!(packets[2]["sent"]["fields"]["text"], "alex");
    assert_eq!(packets[2]["fields"]["text"], "hello");
    assert_eq!(packets[4]["rules"][0], "chat.rules:4");
}

#[test]
fn packets_of_a_number_a_time_or_a_kind_are_shown_alone() {
    let file = recorded("mc-1.21.4-offline");
    let all = read_well(&[&file, "--json"]).json();
    let packets: Vec<&Value> = all.iter().filter(|line| line["type"] == "packet").collect();
    let shown = |more: &[&str]| -> Vec<Value> {
        let lines = read_well(&[&[file.as_str(), "--json"], more].concat()).json();
        lines.into_iter().filter(|line| line["type"] == "packet").collect()
    };
    let same = |shown: &[Value], wanted: Vec<&&Value>| {
        assert!(!shown.is_empty());
        let is_same = shown.iter().eq(wanted.iter().map(|packet| **packet));
        assert!(is_same, "{} packets are shown, {} were wanted", shown.len(), wanted.len());
    };
    same(&shown(&["-c", "5"]), packets.iter().take(5).collect());
    same(&shown(&["--packet", "42"]), vec![&packets[41]]);
    let chat = packets.iter().filter(|packet| packet["name"] == "system_chat");
    same(&shown(&["-Y", "system_chat"]), chat.clone().collect());
    same(&shown(&["-Y", "system_chat", "-c", "2"]), chat.take(2).collect());
    let when = |line: &Value| {
        let seconds = &line["at"].as_str().unwrap()["1970-01-01T00:00:".len()..];
        seconds.trim_end_matches('Z').parse::<f64>().unwrap()
    };
    let begin = when(&all[0]);
    let middle = packets.iter().filter(|packet| (2.0..=3.0).contains(&(when(packet) - begin)));
    same(&shown(&["--from", "2", "--to", "3"]), middle.collect());
    assert_eq!(read(&[&file, "--packet", "100000"]).status.code(), Some(1));
    // One that is there and is not shown.
    let name = packets[41]["name"].as_str().unwrap();
    same(&shown(&["--packet", "42", "-Y", name]), vec![&packets[41]]);
    for (more, told) in [
        (["-Y", "keep_alive and not keep_alive"], "packet 42 does not match -Y"),
        (["--from", "1000"], "packet 42 is not of the time"),
    ] {
        let ended = read(&[&[file.as_str(), "--packet", "42"], &more[..]].concat());
        assert_eq!(ended.status.code(), Some(1), "{}", ended.diagnostics);
        assert_eq!(ended.output, "");
        assert!(ended.diagnostics.contains(told), "{}", ended.diagnostics);
    }
}

#[test]
fn what_was_typed_wrong_is_told() {
    let file = recorded("mc-1.21.4-offline");
    for (arguments, told) in [
        (vec![file.as_str(), "-Y", "update_health.helth < 5"], "health"),
        (vec![&file, "--from", "yesterday"], "time of day"),
        (vec![&file, "--from", "2026-02-30"], "date of the calendar"),
        (vec![&file, "--from", "1", "--to", "0.5"], "--to 0.5 is earlier than --from 1"),
        (
            vec![&file, "--from", "2026-11-22", "--to", "2026-11-21"],
            "the earlier one behind --from",
        ),
        (vec![&file, "--from", "00:10", "--to", "00:05"], "--to 00:05 is earlier"),
        (vec![&file, "--csv", "a,,b"], "names of fields"),
        (vec![&file, "--protocol", "minecaft"], "did you mean minecraft?"),
        (vec![&file, "--protocol", "minecraft", "--protocol-version", "9.9"], "no version"),
        (vec![&file, "--follow", &file], "one file"),
        (vec![&file, "--packet", "0"], "0 is not in 1.."),
        (vec![&file, "--defs", "no-such-folder"], "there is no such folder"),
    ] {
        let ended = read(&arguments);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {}", ended.diagnostics);
        assert!(ended.diagnostics.contains(told), "{arguments:?}: {}", ended.diagnostics);
    }
    let missing = read(&["no-such-file.pcapng"]);
    assert_eq!(missing.status.code(), Some(3));
    let folder = Folder::new("odd");
    let text = folder.write("text.pcapng", b"this is no capture");
    let ended = read(&[&text]);
    assert_eq!(ended.status.code(), Some(3));
    assert!(ended.diagnostics.contains("neither pcap nor pcapng"), "{}", ended.diagnostics);
}

fn packets(ended: &Ended) -> Vec<Value> {
    ended.json().into_iter().filter(|line| line["type"] == "packet").collect()
}

/// A packet is found through the index beside the file as it is by reading all of it.
#[test]
fn a_packet_of_a_long_file_is_found_by_the_index_beside_it() {
    let folder = Folder::new("index");
    let name = "mc-1.21.4-offline";
    let log = read_well(&[&recorded(name), "--json"]).json();
    let one = as_ours(name, "minecraft", &log);
    // Long enough for an index, in several runs of midwire.
    let runs = (6 << 20) / one.len() + 1;
    let file = folder.write("long.pcapng", &one.repeat(runs));
    let index = format!("{file}.mwix");
    let total = 329 * runs as u64;
    for packet in [1, 2, 300, 330, total / 2, total - 5, total] {
        let number = packet.to_string();
        let plain = read_well(&[&file, "--packet", &number, "--json", "--no-index"]);
        let by_index = read_well(&[&file, "--packet", &number, "--json"]);
        assert_eq!(packets(&by_index), packets(&plain), "packet {packet}");
        assert_eq!(packets(&plain).len(), 1, "packet {packet}");
        assert!(std::path::Path::new(&index).is_file());
    }
    assert_eq!(read(&[&file, "--packet", &(total + 1).to_string()]).status.code(), Some(1));
    // An index of another file is made anew, a damaged one too.
    std::fs::write(&index, b"MWIX nonsense").unwrap();
    assert_eq!(read(&[&file, "--packet", "500"]).status.code(), Some(0));
    assert!(std::fs::metadata(&index).unwrap().len() > 100);
}

/// What the packets of a long file are counted as stands in the index too, as long as nothing changes.
#[test]
fn counts_of_a_long_file_stand_in_the_index_beside_it() {
    let folder = Folder::new("counted");
    let name = "mc-1.21.4-offline";
    let log = read_well(&[&recorded(name), "--json"]).json();
    let one = as_ours(name, "minecraft", &log);
    let mut long = one.repeat((6 << 20) / one.len() + 1);
    let file = folder.write("long.pcapng", &long);
    let stats = |more: &[&str]| {
        let ended = read(&[&[file.as_str(), "--stats"], more].concat());
        (ended.status.code(), ended.output)
    };
    for more in [&[][..], &["--json"], &["--protocol-version", "1.20.4"]] {
        let plain = stats(&[more, &["--no-index"]].concat());
        assert_eq!(plain.0, Some(0));
        assert!(plain.1.lines().count() > 20, "{}", plain.1);
        for _ in 0..2 {
            assert_eq!(stats(more), plain, "{more:?}");
        }
    }
    // A file that looks unchanged is not even read: its damage is not seen.
    let counted = stats(&[]);
    damage_unseen(&file, &mut long);
    assert_eq!(stats(&[]), counted);
    assert_eq!(stats(&["--no-index"]).0, Some(1));
    // One that is another is.
    long.extend_from_slice(&one);
    folder.write("long.pcapng", &long);
    let damaged = stats(&["--no-index"]);
    assert_eq!(damaged.0, Some(1));
    assert_eq!(stats(&[]), damaged);
}

/// Damages a file in its middle, such that it still looks unchanged.
fn damage_unseen(file: &str, bytes: &mut [u8]) {
    let modified = std::fs::metadata(file).unwrap().modified().unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0xff);
    std::fs::write(file, bytes).unwrap();
    let again = std::fs::File::options().write(true).open(file).unwrap();
    again.set_modified(modified).unwrap();
}

/// Also where a state was told of that the client has not shown to be in, as it says nothing.
#[test]
fn a_packet_is_jumped_to_without_reading_what_is_in_front_of_it() {
    let folder = Folder::new("silent");
    let frame = |payload: &[u8]| {
        let len = payload.len();
        let prefix =
            if len < 128 { vec![len as u8] } else { vec![len as u8 | 128, (len >> 7) as u8] };
        [&prefix, payload].concat()
    };
    let mut writer = Writer::new(Vec::new(), "a test");
    writer.session_opened(&opening(1, &[("protocol", "minecraft")])).unwrap();
    let mut number = 0;
    let mut write = |direction, payload: &[u8]| {
        number += 1;
        let bytes = frame(payload);
        let frame = Frame::passed(1, number, direction, at(number as f64), &bytes);
        writer.frame(&frame).unwrap();
    };
    // Minecraft 1.20.1: handshake, the player's name, who is let in; then a plugin's messages.
    write(Direction::Serverbound, b"\x00\xfb\x05\x0a127.0.0.1.\x63\xdd\x02");
    write(Direction::Serverbound, b"\x00\x04Alva\x00");
    write(Direction::Clientbound, &[&[2][..], &[7; 16], b"\x04Alva\x00"].concat());
    for n in 0..30_000 {
        write(Direction::Clientbound, &[b"\x17\x09test:text", &[n as u8; 200][..]].concat());
    }
    write(Direction::Serverbound, b"\x0d\x09test:textx");
    let mut long = writer.into_inner().unwrap();
    let file = folder.write("long.pcapng", &long);
    for wanted in ["29000", "30004"] {
        let plain = packets(&read_well(&[&file, "--packet", wanted, "--json", "--no-index"]));
        assert_eq!(plain[0]["name"], "custom_payload", "{}", plain[0]);
        assert_eq!(packets(&read_well(&[&file, "--packet", wanted, "--json"])), plain);
    }
    let wanted = read_well(&[&file, "--packet", "29000"]).output;
    damage_unseen(&file, &mut long);
    assert_eq!(read_well(&[&file, "--packet", "29000"]).output, wanted);
    assert_eq!(read(&[&file, "--packet", "29000", "--no-index"]).status.code(), Some(1));
}

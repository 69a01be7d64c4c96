//! Recordings that lack records, because a tool took them out or only some were kept: what is there is read as
//! it was, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Folder;
use crate::support::ends::{Ending, Ends, Server};
use crate::support::program::{Program, packets};
use crate::support::random::Random;
use crate::support::recording;
use crate::support::replay::{Cut, Framing, replay_with};

const NAME: &str = "mc-1.21.4-offline";

/// A recording of a compressed session with protocol states, and what was listed of it.
fn recorded(folder: &Folder, more: &[&str]) -> Vec<Value> {
    let file = folder.path("it.pcapng");
    let lines = recording::read(NAME);
    let more = [&["-w", &file, "--record-secrets"], more].concat();
    replay_with("minecraft", &lines, Framing::Minecraft, Cut::AsRecorded, &more).log
}

fn read(file: &str) -> Vec<Value> {
    Program::start(&["read", file, "--no-index", "--json"]).wait().json()
}

/// How often there is each packet, whatever its session, number and time.
fn count<'a>(log: impl Iterator<Item = &'a Value>) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for line in log {
        let mut line = line.clone();
        let fields = line.as_object_mut().unwrap();
        ["n", "at", "time", "session"].iter().for_each(|key| drop(fields.remove(*key)));
        *count.entry(line.to_string()).or_default() += 1;
    }
    count
}

/// The blocks of a file.
fn blocks(file: &[u8]) -> Vec<&[u8]> {
    let (mut blocks, mut rest) = (Vec::new(), file);
    while let Some(len) = rest.get(4..8) {
        let len = u32::from_le_bytes(len.try_into().unwrap()) as usize;
        let (block, behind) = rest.split_at(len);
        blocks.push(block);
        rest = behind;
    }
    blocks
}

/// A packet block.
fn is_packet(block: &[u8]) -> bool {
    block[..4] == [6, 0, 0, 0]
}

#[test]
fn a_record_that_is_taken_out_costs_what_was_in_it() {
    let folder = Folder::new("lacking");
    let log = recorded(&folder, &[]);
    let file = std::fs::read(folder.file("it.pcapng")).unwrap();
    let whole = count(packets(&log));
    assert_eq!(count(packets(&read(&folder.path("it.pcapng")))), whole);
    let blocks = blocks(&file);
    let records: Vec<usize> = (0..blocks.len()).filter(|at| is_packet(blocks[*at])).collect();
    // The login is in the first ones, with what it changes; then some of the others.
    let mut random = Random::new(5);
    let first = records.iter().take(50).copied();
    let others = (0..20).map(|_| records[random.below(records.len())]);
    for out in first.chain(others).collect::<BTreeSet<_>>() {
        let rest: Vec<&[u8]> = blocks
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != out)
            .map(|(_, block)| *block)
            .collect();
        let log = read(&folder.save("lacking.pcapng", rest.concat()));
        let left = count(packets(&log));
        for (packet, times) in &left {
            let all = whole.get(packet).copied().unwrap_or(0);
            assert!(*times <= all, "block {out}: {packet} was not said");
        }
        let lost = whole.values().sum::<usize>() - left.values().sum::<usize>();
        let text = String::from_utf8_lossy(blocks[out]);
        let frames = text.split_once("frames=").map(|(_, rest)| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().unwrap()
        });
        assert!(lost <= frames.unwrap_or(1), "block {out}: {lost} packets are missing");
    }
}

#[test]
fn what_is_kept_reads_back_as_it_was_whatever_else_was_there() {
    let filters = [
        "login_acknowledged or map_chunk",
        "compress or finish_configuration",
        "packet.state == configuration",
        "clientbound and packet.length < 40",
        "serverbound",
    ];
    for filter in filters {
        let folder = Folder::new("kept");
        let log = recorded(&folder, &["--keep", filter]);
        let file = folder.path("it.pcapng");
        let kept = read(&file);
        // The same filter over everything: a recording of all, filtered when it is read.
        let all = folder.path("all.pcapng");
        std::fs::rename(&file, folder.path("kept.pcapng")).unwrap();
        let every = recorded(&folder, &[]);
        std::fs::rename(&file, &all).unwrap();
        let args = ["read", &all, "--no-index", "--json", "-Y", filter];
        let wanted = Program::start(&args).wait().json();
        assert_eq!(count(packets(&log)), count(packets(&every)));
        let wanted = count(packets(&wanted));
        assert!(!wanted.is_empty(), "{filter}");
        assert_eq!(count(packets(&kept)), wanted, "{filter}");
    }
}

#[test]
fn what_is_left_of_a_rotation_is_read_in_the_state_it_was_in() {
    let folder = Folder::new("left");
    let log = recorded(&folder, &["-b", "filesize:1"]);
    let whole = count(packets(&log));
    let files: Vec<String> = folder.names().iter().map(|name| folder.path(name)).collect();
    assert!(files.len() > 20, "{files:?}");
    for first in (0..files.len()).step_by(3) {
        let args = ["read", "--no-index", "--json"].into_iter();
        let left: Vec<&str> = args.chain(files[first..].iter().map(String::as_str)).collect();
        let left = count(packets(&Program::start(&left).wait().json()));
        for (packet, times) in &left {
            let all = whole.get(packet).copied().unwrap_or(0);
            assert!(*times <= all, "from file {first} on: {packet} was not said");
        }
        assert!(first > 0 || left == whole);
    }
}

/// A protocol whose packets depend on what an earlier one said.
const REMEMBERING: &str = "protocol remembering \"Remembering\" {
  states lobby, round
  start lobby
  stack { frame { length: u8 }, id: u8 }
  conn { wide: bool }
}
packet lobby clientbound Welcome = 0 { wide: bool }
packet round clientbound Place = 0 { x: if conn.wide then u16 else u8 }
on lobby clientbound Welcome { conn.wide = wide, state = round }
";

#[test]
fn variables_are_kept_with_what_is_read_by_them() {
    let folder = Folder::new("variables");
    let game = folder.save("game.wire", REMEMBERING);
    let file = folder.path("it.pcapng");
    let peer = Server::start();
    let more = ["-q", "-w", &file, "--keep", "Place"];
    let (program, proxy) = Program::proxy(&game, peer.address, &more);
    let mut ends = Ends::open(proxy, &peer);
    ends.server.send(&[2, 0, 1, 3, 0, 1, 2, 3, 0, 1, 3]);
    ends.server.finish();
    ends.client.expect_ending(Ending::Finished);
    ends.client.finish();
    ends.server.expect_ending(Ending::Finished);
    program.interrupt();
    let args = ["read", &file, "--no-index", "--json", "--protocol", &game];
    let log = Program::start(&args).wait().json();
    let places: Vec<&Value> = packets(&log).map(|line| &line["fields"]["x"]).collect();
    assert_eq!(places, [258, 259]);
}

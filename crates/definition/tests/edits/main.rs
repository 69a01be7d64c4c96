//! Edits of every place of every Terraria packet at every version: what is decoded again is what was there
//! and the edit, and no byte moved that the edit does not touch, inside deflated blocks neither.
//!
//! `terraria.txt` and `minecraft.txt` list which edits are refused, for which reason, and what else some of
//! them set; `MIDWIRE_WRITE_GOLDEN=1` writes them again.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod compare;
mod grow;
mod leaves;
mod packets;
mod rng;
mod state;
mod tally;
mod tries;
mod wishes;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use leaves::Part;
use midwire_codec::Direction;
use midwire_definition::sources::{LoadError, Loader};
use midwire_definition::{Builtin, Gap, Protocol, Workspace, builtin, coverage};
use packets::{Sample, Samples, generated, recorded, tested};
use serde_json::Value as Json;
use state::State;
use tally::Tally;
use tries::try_all;

/// Packets of a plan besides those that show a new field.
const EFFORT: usize = 2;

fn terraria() -> Arc<Protocol> {
    builtin("terraria").unwrap()
}

fn lines(name: &str) -> Vec<Json> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures/terraria/");
    let text = std::fs::read_to_string(format!("{root}{name}")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// The packet of a line of a capture, without its length.
fn captured(line: &Json, payload: &[u8]) -> Sample {
    let direction = match line["dir"].as_str().unwrap() {
        "c2s" => Direction::Serverbound,
        _ => Direction::Clientbound,
    };
    recorded(&terraria(), line["protocol"].as_i64().unwrap(), direction, payload).unwrap()
}

/// Every packet of the captures.
fn captures() -> Vec<Sample> {
    let mut all = Vec::new();
    let framing = terraria().stack.framing.clone().unwrap();
    for line in lines("vectors.jsonl").iter().filter(|line| line["expect_error"].is_null()) {
        let stream = hex(line["hex"].as_str().or(line["stream_hex"].as_str()).unwrap());
        let mut at = 0;
        while let Some(frame) = framing.next(&stream[at..]).unwrap() {
            all.push(captured(line, &stream[at..][frame.payload.clone()]));
            at += frame.len;
        }
        assert_eq!(at, stream.len(), "no byte is left over");
    }
    for line in &lines("sample.jsonl") {
        let mut payload = vec![line["id"].as_u64().unwrap() as u8];
        payload.extend(hex(line["hex"].as_str().unwrap()));
        all.push(captured(line, &payload));
    }
    all
}

/// Packets of every plan.
fn everything() -> &'static [Samples] {
    static MADE: LazyLock<Vec<Samples>> = LazyLock::new(|| {
        let terraria = terraria();
        generated(&terraria, terraria.versions.iter().map(|(id, _)| id), captures(), EFFORT)
    });
    &MADE
}

#[test]
fn every_place_of_every_terraria_packet_takes_an_edit_or_says_why_not() {
    let mut tally = Tally::default();
    try_all(everything(), &mut tally);
    println!("{}", tally.summary());
    let terraria = terraria();
    let mut messages = BTreeSet::new();
    for (version, _) in terraria.versions.iter() {
        let dialect = terraria.dialect(version);
        messages.extend(dialect.packets().map(|p| packets::label(&terraria, p)));
    }
    assert_eq!(tally.messages, messages, "every message is among them");
    tally.compare("terraria.txt");
}

#[test]
fn every_place_of_the_minecraft_packets_in_tests_takes_an_edit_or_says_why_not() {
    let minecraft = builtin("minecraft").unwrap();
    let mut tally = Tally::default();
    try_all(&tested(&minecraft, "minecraft.wire"), &mut tally);
    println!("{}", tally.summary());
    tally.compare("minecraft.txt");
}

/// The definition with these packets for its tests.
struct WithTests(String);

impl Loader for WithTests {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        match path {
            "terraria/tests.wire" => Ok(self.0.clone()),
            path => Builtin.load(path),
        }
    }
}

#[test]
fn the_packets_that_are_edited_reach_every_arm() {
    let terraria = terraria();
    let mut text = String::new();
    for sample in everything().iter().flatten().filter(|s| s.conn == terraria.initial_conn()) {
        let hex: String = sample.payload[1..].iter().map(|b| format!("{b:02x}")).collect();
        let key = &terraria.versions.get(sample.version).key;
        text += &format!("test {} @\"{key}\" {{ {hex} => }}\n", sample.label);
    }
    let protocol = Protocol::load_checked("terraria.wire", &WithTests(text)).unwrap();
    let missed: Vec<String> = coverage(&protocol)
        .entries
        .iter()
        .filter(|entry| matches!(entry.gap, Gap::UntestedArm(_)))
        .map(|entry| format!("{} {} {:?}", entry.packet, entry.gap, entry.versions))
        .collect();
    assert_eq!(missed, Vec::<String>::new(), "{}", missed.join("\n"));
}

#[test]
fn no_byte_of_a_terraria_packet_is_left_unexplained() {
    let mut ws = Workspace::default();
    for sample in everything().iter().flatten() {
        let state = State::read(sample, &sample.payload, &mut ws).unwrap();
        let gap = state.leaves.tiles.iter().find(|tile| tile.part == Part::Gap);
        assert_eq!(gap, None, "{}", sample.label);
    }
}

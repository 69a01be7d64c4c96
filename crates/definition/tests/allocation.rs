//! Looking at packets allocates nothing once the workspace has grown to what they need.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use midwire_codec::Direction;
use midwire_definition::plan::{Flow, Group, Node, Visitor};
use midwire_definition::value::Value;
use midwire_definition::{Dialect, StateId, Workspace, builtin};

/// Sees every field and keeps nothing.
struct Ignore;

impl Visitor for Ignore {
    fn value(&mut self, _: &Node<'_>, _: &Value<'_>) {}

    fn open(&mut self, _: &Node<'_>, _: Group) -> Flow {
        Flow::Enter
    }

    fn close(&mut self, _: &Node<'_>) {}
}

/// The payloads, ids included, of frames with a length of two bytes that counts itself.
fn payloads(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut payloads = Vec::new();
    while let [low, high, ..] = stream {
        let (frame, rest) = stream.split_at(u16::from_le_bytes([*low, *high]).into());
        payloads.push(&frame[2..]);
        stream = rest;
    }
    payloads
}

/// Decodes a payload, and walks through it if asked to.
fn look(dialect: &Dialect, direction: Direction, payload: &[u8], ws: &mut Workspace, walk: bool) {
    let definition = dialect.packet(StateId(0), direction, payload[0].into()).unwrap();
    let mut packet = definition.plan.as_ref().unwrap().decode(payload, 1, &[0], ws);
    assert!(packet.error().is_none(), "{}: {:?}", definition.name, packet.error());
    if walk {
        packet.walk(&mut Ignore);
    }
}

#[test]
fn a_recorded_session_is_decoded_and_walked_again_without_allocating() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures/terraria/join-228.bin");
    let stream = std::fs::read(file).unwrap();
    let payloads = payloads(&stream);
    let protocol = builtin("terraria").unwrap();
    let dialect = protocol.dialect(protocol.versions.by_number(228).0);
    assert_eq!(payloads.len(), 335);
    for walk in [false, true] {
        let mut ws = Workspace::default();
        let direction = Direction::Clientbound;
        payloads.iter().for_each(|payload| look(&dialect, direction, payload, &mut ws, walk));
        for payload in &payloads {
            let counted =
                allocation_counter::measure(|| look(&dialect, direction, payload, &mut ws, walk));
            assert_eq!(counted.count_total, 0, "packet {}, walked: {walk}", payload[0]);
        }
    }
}

#[test]
fn every_vector_is_decoded_and_walked_again_without_allocating() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures/terraria/vectors.jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    let protocol = builtin("terraria").unwrap();
    let mut ws = Workspace::default();
    let mut count = 0;
    for line in text.lines() {
        let vector: serde_json::Value = serde_json::from_str(line).unwrap();
        let (Some(hex), None) = (vector["hex"].as_str(), vector.get("expect_error")) else {
            continue;
        };
        let frame: Vec<u8> = (0..hex.len() / 2)
            .map(|i| u8::from_str_radix(&hex[i * 2..][..2], 16).unwrap())
            .collect();
        let serverbound = vector["dir"] == "c2s";
        let direction = if serverbound { Direction::Serverbound } else { Direction::Clientbound };
        let version = protocol.versions.by_number(vector["protocol"].as_i64().unwrap()).0;
        let dialect = protocol.dialect(version);
        look(&dialect, direction, &frame[2..], &mut ws, true);
        let counted = allocation_counter::measure(|| {
            look(&dialect, direction, &frame[2..], &mut ws, true);
        });
        assert_eq!(counted.count_total, 0, "{}", vector["message"]);
        count += 1;
    }
    assert!(count > 90, "{count}");
}

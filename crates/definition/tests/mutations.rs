//! Damaged packets: each is read or refused, within its bytes, and what was read before the damage is there.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashSet;

use midwire_codec::{Direction, frames};
use midwire_definition::{Plan, Protocol, StateId, Workspace, builtin};
use serde_json::Value as Json;
use support::{Node, Shown, hex, tree};

/// A payload and how it is read.
struct Case {
    version: i64,
    direction: Direction,
    payload: Vec<u8>,
}

fn capture(name: &str) -> Vec<u8> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures/terraria/");
    std::fs::read(format!("{root}{name}")).unwrap()
}

/// Every payload of the captures, once.
fn cases(terraria: &Protocol) -> Vec<Case> {
    let mut cases = Vec::new();
    let framing = terraria.stack.framing.as_ref().unwrap();
    let mut stream = |bytes: &[u8], version, direction| {
        for frame in frames(framing, bytes) {
            let payload = bytes[frame.unwrap().payload].to_vec();
            cases.push(Case { version, direction, payload });
        }
    };
    stream(&capture("join-228.bin"), 228, Direction::Clientbound);
    for (file, framed) in [("vectors.jsonl", true), ("sample.jsonl", false)] {
        for line in String::from_utf8(capture(file)).unwrap().lines() {
            let line: Json = serde_json::from_str(line).unwrap();
            let (Some(digits), Some(id)) = (line["hex"].as_str(), line["id"].as_u64()) else {
                continue;
            };
            let direction = match line["dir"].as_str().unwrap() {
                "c2s" => Direction::Serverbound,
                _ => Direction::Clientbound,
            };
            let mut payload = hex(digits);
            if framed {
                payload.drain(..2);
            } else {
                payload.insert(0, id as u8);
            }
            cases.push(Case { version: line["protocol"].as_i64().unwrap(), direction, payload });
        }
    }
    let mut seen = HashSet::new();
    cases.retain(|case| seen.insert((case.version, case.direction, case.payload.clone())));
    cases
}

/// Reads damaged bytes and checks that what is said of them can be.
fn look(plan: &Plan, payload: &[u8], conn: &[i64], ws: &mut Workspace) -> (Node, Option<u32>) {
    let len = payload.len() as u32;
    let mut packet = plan.decode(payload, 1, conn, ws);
    assert!(packet.end() <= len);
    let failed = packet.error().map(|error| {
        assert!(error.buffer > 0 || (1..=len).contains(&error.offset), "{error} of {len} bytes");
        assert!(!error.path.is_empty(), "{error}");
        error.offset
    });
    let seen = tree(&mut packet);
    within(&seen, len);
    (seen, failed)
}

/// Every place lies in the bytes, in the place around it and behind the one before it.
fn within(node: &Node, len: u32) {
    let mut at = (node.place.buffer, node.place.start);
    for child in node.children() {
        let place = child.place;
        assert!(place.start <= place.end, "{child:?}");
        assert!(place.buffer > 0 || place.end <= len, "{child:?}");
        if place.buffer == node.place.buffer {
            assert!(place.end <= node.place.end || node.name.is_empty(), "{child:?} in {node:?}");
        }
        if place.buffer == at.0 {
            assert!(place.start >= at.1, "{child:?} behind {at:?}");
            at.1 = if child.computed { at.1 } else { place.end };
        }
        within(child, len);
    }
}

/// The values on the wire, in order.
fn leaves(node: &Node) -> Vec<&Node> {
    let mut all = node.all();
    all.retain(|n| {
        !n.computed && !matches!(n.shown, Shown::Struct(_) | Shown::List(..) | Shown::Absent)
    });
    all
}

#[test]
fn a_packet_cut_anywhere_shows_every_value_in_front_of_the_cut() {
    let terraria = builtin("terraria").unwrap();
    let (mut ws, mut whole) = (Workspace::default(), Workspace::default());
    let conn = terraria.initial_conn();
    for case in cases(&terraria) {
        let dialect = terraria.dialect(terraria.versions.by_number(case.version).0);
        let id = case.payload[0].into();
        let definition = dialect.packet(StateId(0), case.direction, id).unwrap();
        let Some(plan) = &definition.plan else { continue };
        let (good, error) = look(plan, &case.payload, &conn, &mut whole);
        assert_eq!(error, None, "{}", definition.name);
        let good = leaves(&good);
        let step = if case.payload.len() > 256 { 61 } else { 1 };
        for cut in (1..case.payload.len()).step_by(step) {
            let (seen, failed) = look(plan, &case.payload[..cut], &conn, &mut ws);
            if failed.is_none() {
                continue;
            }
            let seen = leaves(&seen);
            let name = &definition.name;
            for (seen, good) in seen.iter().zip(&good) {
                assert_eq!((&seen.name, &seen.shown), (&good.name, &good.shown), "{name} {cut}");
                assert_eq!(seen.place, good.place, "{name} cut at {cut}");
            }
            assert!(seen.len() <= good.len(), "{name} cut at {cut}: {seen:?}");
            if let Some(next) = good.get(seen.len())
                && next.place.buffer == 0
            {
                let end = next.place.end as usize;
                assert!(end > cut, "{name} cut at {cut}: {} is not shown", next.name);
            }
        }
    }
}

#[test]
fn a_packet_with_any_byte_changed_is_read_or_refused_within_its_bytes() {
    let terraria = builtin("terraria").unwrap();
    let mut ws = Workspace::default();
    let conn = terraria.initial_conn();
    let mut count = 0;
    for case in cases(&terraria) {
        let dialect = terraria.dialect(terraria.versions.by_number(case.version).0);
        let id = case.payload[0].into();
        let definition = dialect.packet(StateId(0), case.direction, id).unwrap();
        let Some(plan) = &definition.plan else { continue };
        let mut payload = case.payload.clone();
        // Ten thousand tiles take their time.
        let step = if payload.len() > 256 { 61 } else { 1 };
        for at in (1..payload.len()).step_by(step) {
            let before = payload[at];
            for value in changes(before) {
                payload[at] = value;
                look(plan, &payload, &conn, &mut ws);
                count += 1;
            }
            payload[at] = before;
        }
    }
    assert!(count > 100_000, "{count}");
}

/// What a byte is changed to: each bit turned over, the ends, and its neighbours.
fn changes(byte: u8) -> impl Iterator<Item = u8> {
    let flipped = (0..8).map(move |bit| byte ^ 1 << bit);
    let others = [0, 0x7f, 0x80, 0xff, byte.wrapping_add(1), byte.wrapping_sub(1)];
    flipped.chain(others).filter(move |value| *value != byte)
}

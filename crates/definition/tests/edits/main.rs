//! Edits of every place of every Terraria packet at every version: what is decoded again is what was there
//! and the edit, and no byte moved that the edit does not touch, inside deflated blocks neither.
//!
//! `terraria.txt` and `minecraft.txt` list which edits are refused, for which reason, what else some of them
//! set, and which fields are not offered for edits; `MIDWIRE_WRITE_GOLDEN=1` writes them again, and what
//! changes there is reviewed. These refusals are right:
//!
//! * `Condition`: the field stands in an arm that more than one value would choose, or none of the packet.
//! * `Contradiction`: a count or computed field is set to what its list or formula does not give.
//! * `WrongLength`, `List`: a list has to have as many elements as another field says. Set with that many
//!   they are made, which is tried wherever the number is told.
//! * `Inconsistent`: bytes behind the packet that no field explains would be read as one.
//! * `UnknownField`, `WrongType`: in the arm that is there, the name stands for another kind of value.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod compare;
mod grow;
mod leaves;
mod packets;
mod rng;
mod state;
mod tally;
mod tries;
mod tries_list;
mod wishes;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use leaves::Part;
use midwire_codec::Direction;
use midwire_definition::given::parse;
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
    let framing = terraria().stack.framing.unwrap();
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

/// A section of the world with all that tiles and tile entities can have, which chance hardly finds.
const SECTION: &str = r#"{
    "width": 4, "height": 1,
    "tiles": [
        {
            "tile_color": 1, "wall_color": 2, "wall_hi": 3, "type_hi": 1, "repeat": 1,
            "flags1": { "repeat_is_8bit": true }
        },
        { "type_lo": 21, "frame_x": 18 },
        { "flags1": ["liquid_bit1"], "liquid_amount": 200 }
    ],
    "chests": [{ "chest_id": 1, "name": "a" }], "signs": [{ "sign_id": 2, "text": "b" }],
    "entities": [
        { "kind": "training_dummy", "data": { "npc": 1 } },
        { "kind": "item_frame", "data": { "item": { "stack": 1 } } },
        { "kind": "logic_sensor", "data": { "logic_check": 1 } },
        { "kind": "display_doll", "data": { "doll": { "item_bits": 3, "dye_bits": 4 } } },
        { "kind": "hat_rack", "data": { "hat_rack": { "bits": ["item0"] } } },
        { "kind": "kite_anchor", "data": { "anchor_item": 1 } },
        { "kind": "teleportation_pylon" }
    ]
}"#;

/// That section at one version of each plan.
fn sections() -> Vec<Sample> {
    let terraria = terraria();
    let mut all = Vec::new();
    for (number, front) in [(228, "true"), (228, "false"), (279, ""), (325, "")] {
        let (version, _) = terraria.versions.by_number(number);
        let dialect = terraria.dialect(version);
        let tiles = dialect.packet_named(terraria.start, Direction::Clientbound, "TileSection");
        let plan = tiles.unwrap().plan.as_ref().unwrap();
        let doll = r#""doll": {"#;
        let newer = r#""doll": { "item8": {}, "dye8": {}, "misc0": {}, "#;
        let section = match number {
            325 => SECTION.replace(doll, newer),
            _ => SECTION.to_owned(),
        };
        let given = match front {
            "" => format!(r#"{{ "section": {section} }}"#),
            front => format!(r#"{{ "compressed": {front}, "section": {section} }}"#),
        };
        let mut payload = vec![10];
        let (conn, mut ws) = (terraria.initial_conn(), Workspace::default());
        plan.encode(&parse(&given).unwrap(), &conn, &mut ws, &mut payload).unwrap();
        all.extend(recorded(&terraria, number, Direction::Clientbound, &payload));
    }
    all
}

/// Packets of every plan.
fn everything() -> &'static [Samples] {
    static MADE: LazyLock<Vec<Samples>> = LazyLock::new(|| {
        let terraria = terraria();
        let recorded = [captures(), sections()].concat();
        generated(&terraria, terraria.versions.iter().map(|(id, _)| id), recorded, EFFORT)
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
    let missed: BTreeSet<String> = coverage(&protocol)
        .entries
        .iter()
        .filter_map(|entry| match &entry.gap {
            Gap::UntestedArm(arm) => Some((arm.split(" (").next().unwrap_or(""), entry)),
            _ => None,
        })
        .map(|(arm, entry)| format!("{} {arm}", entry.packet))
        .collect();
    let known: BTreeSet<String> = UNREACHED.iter().map(|arm| (*arm).to_owned()).collect();
    assert_eq!(missed, known);
}

/// Arms that the packets of a connection's first moment do not reach.
const UNREACHED: [&str; 12] = [
    // What the connection has seen decides; packets with its other variables are edited besides.
    "clientbound ModFile display_name",
    "clientbound ModPacket mod_count",
    "clientbound ModPacket net_id",
    "serverbound ModPacket net_id",
    // A type's argument decides, and is false there.
    "clientbound NetModules body.payload.extra",
    "clientbound NetModules body.payload.npc_type",
    "clientbound NetModules body.payload.projectile_type",
    "serverbound NetModules body.payload.extra",
    "serverbound NetModules body.payload.npc_type",
    "serverbound NetModules body.payload.projectile_type",
    "clientbound TileEntitySharing entity.data.logic_check",
    "clientbound TileEntitySharing entity.id",
];

#[test]
fn no_byte_of_a_terraria_packet_is_left_unexplained() {
    let mut ws = Workspace::default();
    for sample in everything().iter().flatten() {
        let state = State::read(sample, &sample.payload, &mut ws).unwrap();
        let gap = state.leaves.tiles.iter().find(|tile| tile.part == Part::Gap);
        assert_eq!(gap, None, "{}", sample.label);
    }
}

//! What the chunks of recorded sessions hold: every one unfolds to its last byte, and has as many blocks
//! that are not air as it says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/recorded.rs"]
mod recorded;
mod support;

use midwire_definition::plan::{Flow, Group, Node, Place, Visitor};
use midwire_definition::value::Value;
use midwire_definition::{DecodeError, Workspace};
use midwire_session::{Options, PacketEvent, Watch};
use recorded::{Step, recording};
use support::{Clientbound, Driver};

/// 16 x 16 x 16 blocks.
#[derive(Debug, Default)]
struct Section {
    says_not_air: Option<i128>,
    palette: Vec<i128>,
    /// The one block that all are.
    single: Option<i128>,
    numbers: Vec<u64>,
}

impl Section {
    fn blocks(&self) -> Vec<i128> {
        if let Some(single) = self.single {
            return vec![single; 4096];
        }
        let block = |n: &u64| match self.palette.as_slice() {
            [] => i128::from(*n),
            palette => palette[*n as usize],
        };
        self.numbers.iter().map(block).collect()
    }
}

#[derive(Debug, Default)]
struct Chunk {
    sections: Vec<Section>,
    /// Names of the groups around.
    open: Vec<String>,
    biomes: usize,
    light: usize,
    unread: usize,
    error: Option<String>,
    is_opened: bool,
}

impl Chunk {
    fn is_in(&self, name: &str) -> bool {
        self.open.iter().any(|open| open == name)
    }
}

impl Visitor for Chunk {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        if !self.is_opened {
            return;
        }
        let is_biome = node.name == "biomes" || self.is_in("biomes");
        self.biomes += usize::from(is_biome);
        self.light += usize::from(node.name.ends_with("_light"));
        let Some(section) = self.sections.last_mut().filter(|_| !is_biome) else { return };
        match (node.name, value) {
            ("blocks_not_air", Value::Int(n)) => section.says_not_air = Some(*n),
            ("value", Value::Int(n)) => section.single = Some(*n),
            ("palette", Value::Int(n)) => section.palette.push(*n),
            ("blocks", Value::Int(n)) => section.numbers.push(*n as u64),
            (_, Value::Packed(bytes, packing)) => {
                section.numbers = packing.numbers(bytes).collect()
            }
            _ => {}
        }
    }

    fn open(&mut self, node: &Node<'_>, group: Group) -> Flow {
        let is_section = matches!(node.name, "sections" | "states") && node.index.is_some();
        if self.is_opened && is_section && group == Group::Struct {
            self.sections.push(Section::default());
        }
        self.open.push(node.name.to_owned());
        Flow::Enter
    }

    fn close(&mut self, _: &Node<'_>) {
        self.open.pop();
    }

    fn rest(&mut self, _: Place, bytes: &[u8]) {
        self.unread += bytes.len();
    }

    fn opens(&self, node: &Node<'_>) -> bool {
        node.name == "chunk_data"
    }

    fn enter_bytes(&mut self, _: &Node<'_>) {
        self.is_opened = true;
    }

    fn leave_bytes(&mut self, _: &Node<'_>, error: Option<&DecodeError>) {
        self.is_opened = false;
        self.error = error.map(ToString::to_string);
    }
}

/// The chunks that a server sent, each with the sections it announces where it does.
fn chunks(name: &str) -> Vec<(Option<u32>, Chunk)> {
    let mut workspace = Workspace::default();
    let mut chunks = Vec::new();
    for recorded in recording(name) {
        let mut driver = Driver::with(support::minecraft(), Options::default());
        driver.session.set_watch(Watch::Packets);
        for (_, step) in &recorded.steps {
            if let Step::Data(direction, bytes) = step {
                driver.feed(*direction, bytes);
            }
        }
        let is_chunk = |packet: &&PacketEvent| {
            packet.direction == Clientbound
                && packet.definition.as_ref().is_some_and(|found| &*found.name == "map_chunk")
        };
        for event in driver.packets().filter(is_chunk) {
            let plan = event.definition.as_ref().unwrap().plan.clone().unwrap();
            let payload = event.payload.as_ref().unwrap();
            let mut packet = plan.decode(payload, event.body, &event.conn, &mut workspace);
            assert!(packet.error().is_none() && packet.rest().is_empty());
            let announced = packet.int("bit_map").map(|map| map.count_ones());
            let mut chunk = Chunk::default();
            packet.walk(&mut chunk);
            chunks.push((announced, chunk));
        }
    }
    chunks
}

/// Opens all chunks of a recording; gives how many there are, and how many sections in them.
fn unfold(name: &str) -> (usize, usize) {
    let chunks = chunks(name);
    let mut sections = 0;
    for (announced, chunk) in &chunks {
        assert_eq!((&chunk.error, chunk.unread), (&None, 0), "{name}");
        sections += chunk.sections.len();
        if let Some(announced) = announced {
            assert_eq!(chunk.sections.len(), *announced as usize, "{name}");
        }
        for section in &chunk.sections {
            let blocks = section.blocks();
            assert_eq!(blocks.len(), 4096, "{name}");
            if let Some(says) = section.says_not_air {
                let not_air = blocks.iter().filter(|block| **block != 0).count();
                assert_eq!(not_air as i128, says, "{name}");
            }
        }
    }
    (chunks.len(), sections)
}

#[test]
fn chunks_of_1_8_are_used_up_with_their_light_and_biomes() {
    assert_eq!(unfold("mc-1.8.8-offline"), (72, 1152));
    // 16 arrays of light of each kind, and the biomes.
    assert!(chunks("mc-1.8.8-offline").iter().all(|(_, c)| (c.light, c.biomes) == (32, 1)));
}

#[test]
fn chunks_of_1_12_are_used_up_with_their_light_and_biomes() {
    assert_eq!(unfold("mc-1.12.2-offline"), (72, 72));
    assert_eq!(unfold("mc-1.12.2-terrain"), (36, 72));
    let chunks = chunks("mc-1.12.2-terrain");
    assert!(chunks.iter().all(|(_, c)| (c.light, c.biomes) == (2 * c.sections.len(), 1)));
}

#[test]
fn chunks_of_1_16_have_as_many_blocks_as_they_say() {
    assert_eq!(unfold("mc-1.16.5-offline"), (72, 72));
}

#[test]
fn chunks_of_1_18_to_1_21_4_have_as_many_blocks_as_they_say() {
    assert_eq!(unfold("mc-1.18.2-terrain"), (36, 864));
    assert_eq!(unfold("mc-1.20.4-offline"), (72, 1728));
    assert_eq!(unfold("mc-1.21.4-offline"), (72, 1728));
}

#[test]
fn chunks_of_1_21_11_and_26_1_have_as_many_blocks_as_they_say() {
    assert_eq!(unfold("mc-1.21.11-offline"), (9, 216));
    assert_eq!(unfold("mc-26.1-offline"), (9, 216));
}

//! The packets: eight of each kind that differ as such packets do, so that no branch is always the same.

use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::sources::Loader;
use midwire_definition::{Builtin, LoadError, PacketDefinition, Protocol, VersionId, builtin};

/// The packets of one kind, ids included, and the plan that reads them.
pub(crate) struct Kind {
    pub(crate) definition: Arc<PacketDefinition>,
    pub(crate) conn: Vec<i64>,
    pub(crate) payloads: Vec<Vec<u8>>,
}

/// Packets that are nobody's: a list of texts, and a list of numbers.
const LISTS: &str = "
protocol lists \"Lists\" {
  endian big
  frame { length: varint, id: u8 }
}
packet Strings = 0 both { names: [varint] str[varint] }
packet Varints = 1 both { numbers: [varint] varint }
packet Behind = 2 both { a: varint, b: varint, text: str[varint], more: [varint] str[varint] }
";

struct Lists;

impl Loader for Lists {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        if path == "lists.wire" { Ok(LISTS.to_owned()) } else { Builtin.load(path) }
    }
}

fn kind(protocol: &Protocol, state: &str, version: VersionId, name: &str) -> Kind {
    let state = protocol.state_named(state).unwrap_or(protocol.start);
    let dialect = protocol.dialect(version);
    let found = dialect.packet_named(state, Direction::Clientbound, name);
    let definition = found.unwrap_or_else(|| panic!("no packet {name}")).clone();
    Kind { definition, conn: protocol.initial_conn(), payloads: Vec::new() }
}

fn terraria(name: &str) -> Kind {
    let protocol = builtin("terraria").expect("terraria is built in");
    kind(&protocol, "", protocol.versions.by_number(326).0, name)
}

fn lists(name: &str) -> Kind {
    let protocol = Protocol::load("lists.wire", &Lists).unwrap_or_else(|p| panic!("{p}"));
    kind(&protocol, "", protocol.versions.newest(), name)
}

impl Kind {
    fn with(mut self, make: impl Fn(u32, &mut Vec<u8>)) -> Kind {
        self.payloads = (0..8)
            .map(|i| {
                let mut payload = vec![self.definition.id as u8];
                make(i, &mut payload);
                payload
            })
            .collect();
        self
    }
}

fn floats(out: &mut Vec<u8>, values: &[f32]) {
    values.iter().for_each(|f| out.extend(f.to_le_bytes()));
}

fn varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Seven of eight have a velocity, one of eight rides, one has drunk a potion.
pub(crate) fn player_controls() -> Kind {
    terraria("PlayerControls").with(|i, out| {
        let misc1 = if i == 3 { 0x10 } else { 0x14 } | if i == 5 { 0x80 } else { 0 };
        let misc2 = if i == 6 { 0x40 } else { 0 };
        out.extend([i as u8, 0x48, misc1, misc2, 0, 2]);
        floats(out, &[1600.0 + i as f32, 320.5]);
        if misc1 & 0x04 != 0 {
            floats(out, &[1.5, -0.25 * i as f32]);
        }
        if misc1 & 0x80 != 0 {
            out.extend([7, 0]);
        }
        if misc2 & 0x40 != 0 {
            floats(out, &[1.0, 2.0, 3.0, 4.0]);
        }
    })
}

/// Ids of entities of one to three bytes.
pub(crate) fn entity_move() -> Kind {
    let protocol = builtin("minecraft").expect("minecraft is built in");
    let version = protocol.versions.by_number(769).0;
    kind(&protocol, "play", version, "rel_entity_move").with(|i, out| {
        varint(out, [77, 301, 1_020, 5, 17_000, 120, 900, 260][i as usize]);
        for delta in [120i16, -4 * i as i16, 900] {
            out.extend(delta.to_be_bytes());
        }
        out.push((i & 1) as u8);
    })
}

/// Some of its numbers for the AI; life of one, two or four bytes, or full.
pub(crate) fn sync_npc() -> Kind {
    terraria("SyncNPC").with(|i, out| {
        out.extend([i as u8, 1]);
        floats(out, &[1600.0, 320.0 + i as f32, 1.5, -0.5]);
        let full = if i % 4 == 3 { 0x80 } else { 0 };
        let ai = [0x14, 0x28, 0x04, 0x00, 0x3c, 0x14, 0x20, 0x04][i as usize];
        out.extend([0xff, 0x00, 0x41 | ai | full, if i == 5 { 1 } else { 0 }]);
        floats(out, &vec![2.5; (ai as u32).count_ones() as usize]);
        out.extend([4 + i as u8, 0]);
        if i == 5 {
            out.push(3);
        }
        if full == 0 {
            match i % 3 {
                0 => out.extend([2, 0xe8, 0x03]),
                1 => out.extend([4, 0xe8, 0x03, 0, 0]),
                _ => out.extend([1, 100]),
            }
        }
        if i == 7 {
            out.push(0xff);
        }
    })
}

/// Eight names of 3 to 18 bytes.
pub(crate) fn strings() -> Kind {
    lists("Strings").with(|i, out| {
        varint(out, 8);
        for n in 0..8 {
            let len = 3 + (n * 5 + i * 3) % 16;
            varint(out, len);
            out.extend((0..len).map(|c| b'a' + c as u8));
        }
    })
}

/// 64 numbers of one to three bytes.
pub(crate) fn varints() -> Kind {
    lists("Varints").with(|i, out| {
        varint(out, 64);
        for n in 0..64u32 {
            let mixed = (n * 8 + i).wrapping_mul(2_654_435_761);
            varint(out, [mixed >> 25, mixed >> 18, mixed >> 11][(mixed % 7 / 3) as usize]);
        }
    })
}

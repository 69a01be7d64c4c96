//! The packets: some hundred of each kind, which differ as such packets do in play.
//!
//! Few packets again and again would be learnt by heart: a processor guesses the branches of a short cycle
//! right, for decoders of all sorts, which no traffic allows. All lie in one buffer, as after a read.

use std::ops::Range;
use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::sources::Loader;
use midwire_definition::{Builtin, LoadError, PacketDefinition, Protocol, VersionId, builtin};

/// How many packets there are of each kind.
const PACKETS: usize = 20_000;

/// The packets of one kind, ids included, and the plan that reads them.
pub(crate) struct Kind {
    pub(crate) definition: Arc<PacketDefinition>,
    pub(crate) conn: Vec<i64>,
    bytes: Vec<u8>,
    places: Vec<Range<usize>>,
}

/// Numbers without order that are the same in every run.
struct Dice(u64);

impl Dice {
    /// Below `sides`.
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(sides)) as u32
    }

    /// True once in so many times.
    fn once_in(&mut self, times: u32) -> bool {
        self.roll(times) == 0
    }
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
    Kind { definition, conn: protocol.initial_conn(), bytes: Vec::new(), places: Vec::new() }
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
    /// Payloads, ids included.
    pub(crate) fn payloads(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.places.iter().map(|place| &self.bytes[place.clone()])
    }

    fn with(mut self, make: impl Fn(&mut Dice, &mut Vec<u8>)) -> Kind {
        let mut dice = Dice(1);
        for _ in 0..PACKETS {
            let start = self.bytes.len();
            self.bytes.push(self.definition.id as u8);
            make(&mut dice, &mut self.bytes);
            self.places.push(start..self.bytes.len());
        }
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

/// Three of four have a velocity, a few ride, use a potion or look elsewhere.
pub(crate) fn player_controls() -> Kind {
    terraria("PlayerControls").with(|dice, out| {
        let (moves, rides) = (!dice.once_in(4), dice.once_in(12));
        let (potion, camera) = (dice.once_in(40), dice.once_in(20));
        let misc1 = 0x10 | u8::from(moves) << 2 | u8::from(rides) << 7;
        let (misc2, misc3) = (u8::from(potion) << 6, u8::from(camera) << 5);
        out.extend([dice.roll(16) as u8, dice.roll(128) as u8, misc1, misc2, misc3, 2]);
        floats(out, &[1600.0 + dice.roll(100) as f32, 320.5]);
        if moves {
            floats(out, &[1.5, -0.25 * dice.roll(8) as f32]);
        }
        if rides {
            out.extend([7, 0]);
        }
        if potion {
            floats(out, &[1.0, 2.0, 3.0, 4.0]);
        }
        if camera {
            floats(out, &[5.0, 6.0]);
        }
    })
}

/// Ids of entities of one to three bytes: a world that has been open for an hour or two.
pub(crate) fn entity_move() -> Kind {
    let protocol = builtin("minecraft").expect("minecraft is built in");
    let version = protocol.versions.by_number(769).0;
    kind(&protocol, "play", version, "rel_entity_move").with(|dice, out| {
        let most = [128, 4_000, 16_384, 40_000][dice.roll(4) as usize];
        varint(out, dice.roll(most));
        for _ in 0..3 {
            out.extend((dice.roll(4_000) as i16 - 2_000).to_be_bytes());
        }
        out.push(u8::from(!dice.once_in(5)));
    })
}

/// Each number for the AI in a third of them; life of one, two or four bytes, or full.
pub(crate) fn sync_npc() -> Kind {
    terraria("SyncNPC").with(|dice, out| {
        out.extend([dice.roll(200) as u8, dice.roll(4) as u8]);
        floats(out, &[1600.0, 320.0 + dice.roll(50) as f32, 1.5, -0.5]);
        let ai = (0..4).fold(0, |ai, bit| ai | u8::from(dice.once_in(3)) << (2 + bit));
        let (full, scaled, hard) = (dice.once_in(2), dice.once_in(10), dice.once_in(10));
        let flags1 = 0x41 | ai | u8::from(full) << 7;
        out.extend([0xff, 0x00, flags1, u8::from(scaled) | u8::from(hard) << 2]);
        floats(out, &vec![2.5; ai.count_ones() as usize]);
        out.extend([dice.roll(200) as u8, 0]);
        if scaled {
            out.push(3);
        }
        if hard {
            floats(out, &[1.5]);
        }
        if !full {
            match dice.roll(4) {
                0 => out.extend([4, 0xe8, 0x03, 0, 0]),
                1 => out.extend([1, 100]),
                _ => out.extend([2, 0xe8, 0x03]),
            }
        }
        if dice.once_in(8) {
            out.push(0xff);
        }
    })
}

/// Eight names of 3 to 18 bytes.
pub(crate) fn strings() -> Kind {
    lists("Strings").with(|dice, out| {
        varint(out, 8);
        for _ in 0..8 {
            text(out, 3 + dice.roll(16));
        }
    })
}

/// 64 numbers of one to three bytes.
pub(crate) fn varints() -> Kind {
    lists("Varints").with(|dice, out| {
        varint(out, 64);
        for _ in 0..64 {
            let most = [128, 128, 16_384, 2_000_000][dice.roll(4) as usize];
            varint(out, dice.roll(most));
        }
    })
}

fn text(out: &mut Vec<u8>, len: u32) {
    varint(out, len);
    out.extend((0..len).map(|c| b'a' + c as u8 % 26));
}

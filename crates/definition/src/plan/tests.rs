//! The quick way through a plan finds what the exact one finds, and fails where that fails.

use std::sync::Arc;

use super::{DecodeError, Plan, Workspace};
use crate::check::tested;
use crate::sources::{LoadError, Loader};
use crate::{Builtin, Limits, PacketDefinition, Protocol, builtins};

/// Everything that a run leaves behind.
type Found = (Option<DecodeError>, u32, Vec<u32>, Vec<u32>, Vec<Arc<Vec<u8>>>);

fn found(plan: &Plan, bytes: &[u8], conn: &[i64], ws: &mut Workspace, exact: bool) -> Found {
    ws.exact = exact;
    let packet = plan.decode(bytes, 0, conn, ws);
    let (error, end) = (packet.error().cloned(), packet.end());
    let ws = packet.ws;
    let buffers = ws.buffers[..ws.live].to_vec();
    (error, end, ws.slots[..ws.top].to_vec(), ws.index.clone(), buffers)
}

/// Both ways agree on these bytes, on every beginning of them, and on them with each byte changed.
fn both_ways_agree(packet: &PacketDefinition, bytes: &[u8], conn: &[i64], ws: &mut Workspace) {
    let Some(plan) = &packet.plan else { return };
    let mut agree = |bytes: &[u8]| {
        let (quick, exact) =
            (found(plan, bytes, conn, ws, false), found(plan, bytes, conn, ws, true));
        assert_eq!(quick, exact, "{} {bytes:02x?}", packet.name);
    };
    agree(bytes);
    (0..bytes.len().min(80)).for_each(|len| agree(&bytes[..len]));
    let mut changed = bytes.to_vec();
    for at in 0..bytes.len().min(80) {
        for byte in [0, 0x7f, 0xff, bytes[at] ^ 0x04, bytes[at] ^ 0x80] {
            changed[at] = byte;
            agree(&changed);
        }
        changed[at] = bytes[at];
    }
}

#[test]
fn the_quick_way_finds_what_the_exact_one_finds_in_all_tests_of_the_definitions() {
    let mut ws = Workspace::default();
    let mut count = 0;
    for name in builtins() {
        let protocol = Protocol::load_checked(&format!("{name}.wire"), &Builtin).unwrap();
        let conn = protocol.initial_conn();
        for test in &protocol.declarations.tests {
            for packet in tested(&protocol, test).unwrap() {
                both_ways_agree(&packet, &test.bytes.node, &conn, &mut ws);
                count += 1;
            }
        }
    }
    assert!(count > 200, "{count}");
}

struct One(&'static str);

impl Loader for One {
    fn load(&self, _: &str) -> Result<String, LoadError> {
        Ok(self.0.to_owned())
    }
}

/// Packets of all that has a quick form.
const FORMS: &str = "
protocol forms \"Forms\" { endian big, frame { length: varint, id: u8 } }
packet Numbers = 0 both { a: varint, b: varlong, c: [varint] varint, d: [u8 max 3] varlong, e: [varint] uvarint }
packet Texts = 1 both { a: str[varint], b: [varint] str[varint], c: [u8] bytes[u8 max 200], d: str[u16], e: bytes[..] }
packet Options = 2 both {
  keys: flags u16 { a b c d e f }
  if keys.a { x: u32 }
  if keys.b { y: u8 } else { z: u64 }
  between: u16
  if not keys.c { w: u8 }
  if keys.d { u: u32 } else { v: f32 }
  if keys.e { first: varint, if keys.f { inner: u8 } }
  kind: u8
  body: match kind { 0 => u8, 1, 2 => u32, 7 => u16 }
  match kind { 3 => { p: u8, q: u8 }, 4 => {}, else => { r: u64 } }
  tail: opt u32
  if remaining > 0 { more: u16 }
}
packet Lists = 3 both { a: [varint] u24, b: [i8] varint, c: [varint] { k: u8, v: str[varint] }, d: [2] varint }
packet Last = 4 both { id: varint, x: i16, y: i16, on_ground: bool }
";

/// Bytes without order that are the same in every run.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    // Small numbers mostly, so that lengths fit and lists end.
    (0..len).map(|_| if next() % 3 == 0 { next() as u8 } else { (next() % 6) as u8 }).collect()
}

#[test]
fn the_quick_way_finds_what_the_exact_one_finds_in_noise() {
    let protocol = Protocol::load("forms.wire", &One(FORMS)).unwrap_or_else(|p| panic!("{p}"));
    let dialect = protocol.dialect(protocol.versions.newest());
    let few = Limits { elements_max: 3, ..Limits::default() };
    let (mut many, mut few) = (Workspace::default(), Workspace::new(few));
    let mut whole = 0;
    for packet in dialect.packets() {
        for seed in 0..4_000 {
            let bytes = noise(seed, 1 + seed as usize % 90);
            for ws in [&mut many, &mut few] {
                let plan = packet.plan.as_ref().unwrap();
                let quick = found(plan, &bytes, &[], ws, false);
                assert_eq!(
                    quick,
                    found(plan, &bytes, &[], ws, true),
                    "{} {bytes:02x?}",
                    packet.name
                );
                whole += u32::from(quick.0.is_none());
            }
        }
    }
    assert!(whole > 2_000, "only {whole} were read to their ends");
}

#[test]
fn long_lists_of_numbers_and_texts_are_found_the_same_both_ways() {
    let protocol = Protocol::load("forms.wire", &One(FORMS)).unwrap_or_else(|p| panic!("{p}"));
    let dialect = protocol.dialect(protocol.versions.newest());
    let mut ws = Workspace::default();
    for (name, lead) in [("Numbers", &[1, 2][..]), ("Texts", &[1, b'a'][..])] {
        let packet = dialect.packets().find(|p| *p.name == *name).unwrap();
        for count in [63u8, 64, 65, 127] {
            let mut bytes = lead.to_vec();
            bytes.push(count);
            for n in 0..count {
                // As a number one to five bytes, as a text its length and that many bytes.
                let size = n % 5;
                bytes.extend(std::iter::repeat_n(
                    0x80 | size,
                    (size * u8::from(name == "Numbers")).into(),
                ));
                bytes.push(size);
                bytes.extend(std::iter::repeat_n(b'x', (size * u8::from(name == "Texts")).into()));
            }
            bytes.extend([0, 0, 0, 0]);
            let quick = found(packet.plan.as_ref().unwrap(), &bytes, &[], &mut ws, false);
            assert_eq!(quick.0, None, "{name} {count}");
            assert_eq!(quick.3.len(), usize::from(count > 64));
            both_ways_agree(packet, &bytes, &[], &mut ws);
        }
    }
}

//! Packets without frames: where each ends, however its bytes come.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::{Duration, Instant};

use hex_literal::hex;
use midwire_codec::Direction;
use midwire_definition::{
    DecodeErrorKind, Extent, Limits, Plan, Problems, Progress, Protocol, StateId, VersionId,
    Workspace,
};
use proptest::prelude::*;

struct One<'a>(&'a str);

impl midwire_definition::Loader for One<'_> {
    fn load(&self, _: &str) -> Result<String, midwire_definition::LoadError> {
        Ok(self.0.to_owned())
    }
}

fn loaded(text: &str) -> Result<std::sync::Arc<Protocol>, Box<Problems>> {
    Protocol::load("test.wire", &One(text))
}

/// A packet without an id, with this body.
fn plan_of(body: &str) -> std::sync::Arc<Plan> {
    let text = format!("protocol test {{ endian big, frame none }}\n{body}\n");
    let protocol = loaded(&text).unwrap_or_else(|problems| panic!("{problems}"));
    let dialect = protocol.dialect(VersionId(0));
    let packet = dialect.packet(StateId(0), Direction::Serverbound, 0).unwrap();
    packet.plan.clone().unwrap()
}

fn measured(plan: &Plan, bytes: &[u8]) -> Extent {
    plan.measure(bytes, 0, &[], &mut Progress::default(), &mut Workspace::default())
}

/// Gives the bytes one after the other; how it ended, and after how many.
fn byte_by_byte(plan: &Plan, bytes: &[u8]) -> (Extent, usize) {
    let (mut progress, mut ws) = (Progress::default(), Workspace::default());
    for len in 0..=bytes.len() {
        match plan.measure(&bytes[..len], 0, &[], &mut progress, &mut ws) {
            Extent::Needs(more) if len < bytes.len() => assert!(more > 0, "{len}"),
            extent => return (extent, len),
        }
    }
    unreachable!("the last length returns")
}

/// What is asked at every length, and told the same by one that goes on and one that begins anew.
fn is_the_same_in_pieces(plan: &Plan, bytes: &[u8]) {
    let (mut progress, mut ws) = (Progress::default(), Workspace::default());
    let mut wanted = 0;
    for len in 0..=bytes.len() {
        let fresh = measured(plan, &bytes[..len]);
        let going_on = plan.measure(&bytes[..len], 0, &[], &mut progress, &mut ws);
        match (&fresh, &going_on) {
            (Extent::Needs(fresh), Extent::Needs(more)) => {
                // Neither asks for bytes that are not needed.
                wanted = wanted.max(len as u64 + more).max(len as u64 + fresh);
            }
            _ => {
                assert_eq!(fresh, going_on, "after {len} of {bytes:02x?}");
                assert!(wanted <= len as u64, "{wanted} were wanted, {len} are enough");
            }
        }
        let packet = plan.decode(&bytes[..len], 0, &[], &mut ws);
        match &fresh {
            Extent::Whole(end) => {
                assert_eq!((packet.error(), packet.end() as usize), (None, *end));
                assert_eq!(measured(plan, &bytes[..*end]), fresh);
                return;
            }
            Extent::Needs(_) => {
                let error = packet.error().unwrap();
                assert!(matches!(error.kind, DecodeErrorKind::Short { .. }), "{error}");
            }
            Extent::Malformed(told) => {
                assert_eq!(packet.error(), Some(&**told));
                return;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Each of these has its own way to be cut.
const BODIES: &[&str] = &[
    "packet p = 0 both { a: u8, b: u32, c: bool }",
    "packet p = 0 both { a: varint, b: varlong, c: uvarint }",
    "packet p = 0 both { a: str[u8], b: bytes[varint], c: utf16[u8] }",
    "packet p = 0 both { n: u8, a: bytes[n], b: [n] u16, c: [n] varint, d: [n] str[u8] }",
    "packet p = 0 both { a: [u8] { b: [u8] { c: varint, d: str[u8] } } }",
    "packet p = 0 both { a: [until u8 == 0] { b: u8, if b > 100 { c: [u8] varint } } }",
    "packet p = 0 both { a: [while it.more] { more: bool, b: varint }, c: u16 }",
    "packet p = 0 both { n: u8, a: [until sum(it.run + 1) >= n] { run: u8, b: [u8] u8 } }",
    "packet p = 0 both { a: opt u16, b: opt str[u8], f: flags u8 { x y z }, if f.x { c: u16 }
       if f.y { d: varint }, if f.z { e: u8 } }",
    "packet p = 0 both { k: u8, match k { 0 => { a: u8 }, 1..9 => { b: [u8] Tree }, else => { c: u24 } } }
     type Tree { n: u8, if n < 40 { inside: [until u8 == 255] Tree, then: u16 } }",
    "packet p = 0 both { a: sized[u8] { x: u8, if remaining > 0 { y: bytes[..] } }, b: u16 }",
    "packet p = 0 both { a: nbt, b: u8 }",
    "packet p = 0 both { n: u8, a: packed(5, n), b: u8 }",
    "packet p = 0 both { a: [u8] nothing, b: bool, c: [u8] { if b { d: u8 } }, e: u8 }",
    "packet p = 0 both { a: List(u16), b: List(str[u8]) }
     type List(T) { n: u8, items: [n] { v: T, if n == 3 { w: varint } } }",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn an_end_is_found_the_same_in_pieces(
        which in 0..BODIES.len(),
        bytes in proptest::collection::vec(prop_oneof![0u8..6, any::<u8>()], 0..120),
    ) {
        is_the_same_in_pieces(&plan_of(BODIES[which]), &bytes);
    }
}

#[test]
fn a_packet_ends_where_its_last_field_does() {
    let plan = plan_of("packet p = 0 both { a: u8, b: str[u8] }");
    let bytes = hex!("05 02 6869 ff ff");
    assert_eq!(measured(&plan, &bytes), Extent::Whole(4));
    assert_eq!(byte_by_byte(&plan, &bytes), (Extent::Whole(4), 4));
    for (len, more) in [(0, 1), (1, 1), (2, 2), (3, 1)] {
        assert_eq!(measured(&plan, &bytes[..len]), Extent::Needs(more), "{len}");
    }
}

#[test]
fn bytes_that_are_known_to_be_wanted_are_waited_for() {
    let plan = plan_of("packet p = 0 both { n: u32, a: [n] u16, b: u8 }");
    let mut bytes = hex!("00 00 00 64").to_vec();
    let (mut progress, mut ws) = (Progress::default(), Workspace::default());
    let mut asked = |bytes: &[u8]| plan.measure(bytes, 0, &[], &mut progress, &mut ws);
    assert_eq!(asked(&bytes), Extent::Needs(200));
    bytes.extend([0; 150]);
    assert_eq!(asked(&bytes), Extent::Needs(50));
    bytes.extend([0; 50]);
    assert_eq!(asked(&bytes), Extent::Needs(1));
    bytes.extend([0; 5]);
    assert_eq!(asked(&bytes), Extent::Whole(205));
}

#[test]
fn what_ends_early_within_a_block_is_wrong_and_not_late() {
    let plan = plan_of("packet p = 0 both { a: sized[u8] { x: u8, y: u32 } }");
    assert_eq!(measured(&plan, &hex!("03 01")), Extent::Needs(2));
    let Extent::Malformed(error) = measured(&plan, &hex!("03 01 02 03")) else { panic!() };
    assert_eq!(error.to_string(), "a.y ends early at 2, 2 more byte(s) wanted");
    let plan = plan_of("packet p = 0 both { n: u8, a: zlib[n] { x: u8, y: u32 } }");
    assert_eq!(measured(&plan, &hex!("09 78")), Extent::Needs(8));
    let stored = hex!("0d 78 01 01 02 00 fd ff 07 08 00 18 00 10");
    let Extent::Malformed(error) = measured(&plan, &stored) else { panic!() };
    assert_eq!(error.buffer, 1, "{error}");
}

#[test]
fn limits_are_no_reason_to_wait() {
    let plan = plan_of("packet p = 0 both { a: [varint] u8, b: str[u16 max 3] }");
    let far = hex!("ff ff ff ff 07");
    let Extent::Malformed(error) = measured(&plan, &far) else { panic!() };
    assert!(error.to_string().contains("elements_max"), "{error}");
    let Extent::Malformed(error) = measured(&plan, &hex!("00 00 04")) else { panic!() };
    assert!(error.to_string().contains("4 is over max 3"), "{error}");
    let mut ws = Workspace::new(Limits { nbt_depth_max: 2, ..Limits::default() });
    let plan = plan_of("packet p = 0 both { a: nbt }");
    let deep = hex!("0a 0a 0000 0a 0000 0a 0000");
    let mut progress = Progress::default();
    assert!(matches!(plan.measure(&deep, 0, &[], &mut progress, &mut ws), Extent::Malformed(_)));
}

#[test]
fn a_packet_that_takes_all_has_no_end() {
    for body in [
        "packet p = 0 both { a: u8, b: bytes[..] }",
        "packet p = 0 both { a: u8, b: str[..] }",
        "packet p = 0 both { a: u8, b: [..] u16 }",
        "packet p = 0 both { a: u8, b: zlib[..] { c: u8 } }",
        "packet p = 0 both { a: u8, ... }",
        "packet p = 0 both { b: [u8] { c: bytes[..] } }",
        "packet p = 0 both { a: u8, if a == 1 { b: bytes[..] } }",
    ] {
        let plan = plan_of(body);
        assert_eq!(measured(&plan, &[1]), Extent::Endless, "{body}");
        assert_eq!(measured(&plan, &[1, 2, 3, 4, 5]), Extent::Endless, "{body}");
    }
    let plan = plan_of("packet p = 0 both { a: u8, if a == 1 { b: bytes[..] } }");
    assert_eq!(measured(&plan, &[2, 3]), Extent::Whole(1));
}

/// Every byte is looked at once, however the bytes come: twice as many take about twice as long.
#[test]
fn slow_bytes_do_not_cost_more_than_they_are() {
    let many: u32 = 200_000;
    let texts: Vec<u8> = [&many.to_be_bytes()[..], &[1, b'x'].repeat(many as usize)].concat();
    let nested = [&many.to_be_bytes()[..], &[1, 5].repeat(many as usize)].concat();
    let pairs = [&[0, 1, b'k', 0, 1, b'v'].repeat(many as usize / 2)[..], &[0, 0]].concat();
    let compounds = [&[10][..], &[1, 0, 1, b'a', 7].repeat(many as usize / 2), &[0]].concat();
    for (body, bytes) in [
        ("packet p = 0 both { n: u32, a: [n] str[u8] }", &texts),
        ("packet p = 0 both { n: u32, a: [n] { b: [u8] u8 } }", &nested),
        ("packet p = 0 both { n: u32, a: [n] { b: [u8] varint } }", &nested),
        ("packet p = 0 both { a: [until u16 == 0] { k: str[u16], v: bytes[u16] } }", &pairs),
        ("packet p = 0 both { a: nbt }", &compounds),
    ] {
        let plan = plan_of(body);
        let started = Instant::now();
        assert_eq!(byte_by_byte(&plan, bytes), (Extent::Whole(bytes.len()), bytes.len()), "{body}");
        // Anew from the start for each byte this would take minutes.
        assert!(started.elapsed() < Duration::from_secs(5), "{body}: {:?}", started.elapsed());
    }
}

#[test]
fn what_is_kept_of_a_packet_is_small() {
    let plan = plan_of("packet p = 0 both { n: u32, a: [n] str[u8] }");
    let bytes = [&100_000u32.to_be_bytes()[..], &[1, b'x'].repeat(90_000)].concat();
    let (mut progress, mut ws) = (Progress::default(), Workspace::default());
    assert!(matches!(plan.measure(&bytes, 0, &[], &mut progress, &mut ws), Extent::Needs(_)));
    assert!(progress.held_bytes() < 16 << 10, "{}", progress.held_bytes());
}

fn problems(text: &str) -> String {
    match loaded(text) {
        Ok(protocol) => midwire_definition::render(&protocol.warnings, &protocol.sources, false),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn an_author_is_told_where_a_packet_has_no_end() {
    let text = "protocol t { frame none }\npacket p = 0 both { a: u8, b: bytes[..] }\n";
    assert_eq!(
        problems(text),
        "warning[W086]: nothing says where this packet ends
 --> test.wire:2:36
  |
2 | packet p = 0 both { a: u8, b: bytes[..] }
  |                                    ^^^^ from here on this direction is passed on and not read
  |
  = help: let a field in front say how long it is, or read until a value; `frame none` says nothing
"
    );
    for (body, place) in [
        ("packet p = 0 both { a: u8, ... }", "2:28"),
        ("packet p = 0 both", "2:8"),
        ("packet p = 0 both { a: [u8] { b: str[..] } }", "2:37"),
        ("packet p = 0 both { a: T }\ntype T { b: u8, if b > 0 { c: T, d: bytes[..] } }", "3:42"),
    ] {
        let told = problems(&format!("protocol t {{ frame none }}\n{body}\n"));
        assert!(told.contains("warning[W086]") && told.contains(place), "{body}\n{told}");
        assert!(!told.contains("error["), "{told}");
    }
}

#[test]
fn what_is_of_an_unknown_kind_may_have_no_end() {
    let text = "protocol t { frame none }
packet p = 0 both { kind: u8, match kind { 1 => { a: u8 }, else => { ... } } }
";
    assert_eq!(problems(text), "");
    let meant = text.replace("1 => { a: u8 }", "1 => { ... }");
    assert!(problems(&meant).contains("warning[W086]"), "{}", problems(&meant));
    let plan =
        plan_of("packet p = 0 both { kind: u8, match kind { 1 => { a: u8 }, else => { ... } } }");
    assert_eq!(measured(&plan, &[1, 7, 9]), Extent::Whole(2));
    assert_eq!(measured(&plan, &[2, 7, 9]), Extent::Endless);
}

const GREETING: &str = "protocol t {
  states hello, talk, trade
  stack { frame none max 4096, id: u8 in talk | trade }
}
packet hello both Hello = 0 { n: u16 }
packet talk both Say = 7 { n: u16 }
packet trade both Say = 8 { n: u16 }
on hello serverbound Hello { state = match n { 0 => talk, else => trade } }
";

#[test]
fn packets_have_ids_in_the_states_that_have_them() {
    let protocol = loaded(GREETING).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(protocol.stack.packet_length_max, Some(4096));
    let dialect = protocol.dialect(VersionId(0));
    let end = |state, bytes: &[u8]| {
        let (progress, ws) = (&mut Progress::default(), &mut Workspace::default());
        let direction = Direction::Clientbound;
        let stack = &protocol.stack;
        let found = dialect.measure(stack, StateId(state), direction, &[], bytes, progress, ws);
        (found.id, found.body, found.extent)
    };
    assert_eq!(end(0, &[7, 0, 1]), (Some(0), 0, Extent::Whole(2)));
    assert_eq!(end(1, &[7, 0, 1]), (Some(7), 1, Extent::Whole(3)));
    assert_eq!(end(2, &[7, 0, 1]), (Some(7), 1, Extent::Unknown(7)));
    assert_eq!(end(2, &[8, 0]), (Some(8), 1, Extent::Needs(1)));
}

#[test]
fn an_author_is_told_what_ids_and_limits_cannot_be() {
    for (of, to, told) in [
        ("Hello = 0", "Hello = 1", "no `id` can be 1: there is no `id` on the wire"),
        ("talk | trade", "talk | trde", "did you mean `trade`?"),
        ("max 4096", "max 0", "no packet's `max` can be 0"),
        ("max 4096", "max 9999999999", "it goes from 1 to 1073741823 bytes"),
        ("{ n: u16 }", "{}", "`Hello` has no bytes, and could be anywhere"),
    ] {
        let text = GREETING.replacen(of, to, 1);
        assert!(problems(&text).contains(told), "{to}: {}", problems(&text));
    }
}

#[test]
fn what_is_left_means_nothing_outside_a_block() {
    for body in [
        "packet p = 0 both { a: u8, if remaining > 0 { b: u8 } }",
        "packet p = 0 both { a: u8, b: [remaining / 2] u16 }",
        "packet p = 0 both { let n = remaining, a: [n] u16 }",
        "packet p = 0 both { a: [u8] { c: u8, if remaining > 4 { b: u8 } } }",
    ] {
        let told = problems(&format!("protocol t {{ frame none }}\n{body}\n"));
        assert!(told.contains("error[W087]"), "{body}\n{told}");
        let framed = problems(&format!("protocol t {{ frame {{ length: u8 }} }}\n{body}\n"));
        assert_eq!(framed, "", "{body}");
    }
    for body in [
        "packet p = 0 both { a: sized[u8] { c: u8, if remaining > 0 { b: u8 }, d: bytes[..] } }",
        "packet p = 0 both { n: u16, a: zlib[n] { b: [remaining / 2] u16, ... } }",
        "packet p = 0 both { a: sized[u8] T }\ntype T { b: u8, if remaining > 0 { c: T } }",
    ] {
        assert_eq!(problems(&format!("protocol t {{ frame none }}\n{body}\n")), "", "{body}");
    }
}

#[test]
fn a_packet_of_no_bytes_is_refused_where_nothing_tells_it() {
    let told = problems("protocol t { frame none }\npacket p = 0 both { }\n");
    assert!(told.contains("error[W088]"), "{told}");
    assert_eq!(
        problems("protocol t { stack { frame none, id: u8 } }\npacket p = 0 both { }\n"),
        ""
    );
}

#[test]
fn compression_of_frames_needs_frames() {
    let told = problems("protocol t { stack { frame none, zip: zlib_threshold off, id: u8 } }\n");
    assert!(told.contains("error[W089]") && told.contains("1:34"), "{told}");
}

#[test]
fn the_id_is_part_of_what_is_measured() {
    let text = "protocol t { endian big, stack { frame none, id: varint } }
packet a = 1 serverbound { n: u16 }
packet b = 300 serverbound { }
packet c = 2 serverbound
";
    let protocol = loaded(text).unwrap();
    let dialect = protocol.dialect(VersionId(0));
    let measured = |bytes: &[u8]| {
        let (mut progress, mut ws) = (Progress::default(), Workspace::default());
        let (state, way) = (StateId(0), Direction::Serverbound);
        let stack = &protocol.stack;
        dialect.measure(stack, state, way, &[], bytes, &mut progress, &mut ws).extent
    };
    assert_eq!(measured(&[]), Extent::Needs(1));
    assert_eq!(measured(&[0xac]), Extent::Needs(1));
    assert_eq!(measured(&[0xac, 2, 9]), Extent::Whole(2));
    assert_eq!(measured(&[1, 7]), Extent::Needs(1));
    assert_eq!(measured(&[1, 7, 7, 1]), Extent::Whole(3));
    assert_eq!(measured(&[2, 7]), Extent::Endless);
    assert_eq!(measured(&[3]), Extent::Unknown(3));
    let Extent::Malformed(error) = measured(&[0x80; 5]) else { panic!() };
    assert!(error.to_string().starts_with("id at 0: variable-length integer"), "{error}");
}

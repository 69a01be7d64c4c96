//! What counts as a difference between two plans, and what does not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use midwire_codec::Direction::Clientbound;
use midwire_definition::plan::{Comparison, Plan};
use midwire_definition::{LoadError, Loader, Protocol, StateId};

struct Text(String);

impl Loader for Text {
    fn load(&self, _: &str) -> Result<String, LoadError> {
        Ok(self.0.clone())
    }
}

/// The plan of a packet with this body; types may stand behind it.
fn plan(body: &str) -> Arc<Plan> {
    let text = format!(
        "protocol game {{ frame {{ length: u8, id: u8 }}, conn {{ me: u8, you: u8 }} }}\n\
         packet P = 1 clientbound {body}\n"
    );
    let game = Protocol::load("game.wire", &Text(text.clone()));
    let game = game.unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let dialect = game.dialect(game.versions.newest());
    dialect.packet(StateId(0), Clientbound, 1).unwrap().plan.clone().unwrap()
}

fn compared(a: &str, b: &str) -> Comparison {
    plan(a).compare(&plan(b))
}

/// Pairs of bodies that cut bytes in different ways, and where that is seen.
const DIFFERENT: [(&str, &str, &str); 36] = [
    // Width, sign, byte order, kind.
    ("{ a: u8 }", "{ a: u16 }", "a"),
    ("{ a: u8 }", "{ a: i8 }", "a"),
    ("{ a: u16 }", "{ a: u16le }", "a"),
    ("{ a: varint }", "{ a: varlong }", "a"),
    ("{ a: u32 }", "{ a: f32 }", "a"),
    ("{ a: u8 }", "{ a: bool }", "a"),
    // Order and number.
    ("{ a: u8, b: u16 }", "{ b: u16, a: u8 }", "b"),
    ("{ a: u8 }", "{ a: u8, b: u8 }", "b"),
    ("{ a: u8, b: u8 }", "{ a: u8 }", "b"),
    ("{ a: u8, ... }", "{ a: u8 }", ""),
    ("{ a: u8, pad 1 }", "{ a: u8, pad 2 }", ""),
    // Counts.
    ("{ a: [varint] u16 }", "{ a: [u8] u16 }", "a"),
    ("{ a: [4] u16 }", "{ a: [5] u16 }", "a"),
    ("{ n: u8, m: u8, a: [n] u16 }", "{ n: u8, m: u8, a: [m] u16 }", "a"),
    ("{ n: u8, a: [n] u16 }", "{ n: u8, a: [n - 1] u16 }", "a"),
    ("{ a: [until 0] u16 }", "{ a: [until 255] u16 }", "a"),
    ("{ a: [..] u16 }", "{ a: [varint] u16 }", "a"),
    ("{ a: [varint] { b: u8, c: u8 } }", "{ a: [varint] { b: u8, c: u16 } }", "a[].c"),
    // Texts and bytes.
    ("{ a: str[varint] }", "{ a: str[u16] }", "a"),
    ("{ a: str[varint] }", "{ a: latin1[varint] }", "a"),
    ("{ a: str[varint] }", "{ a: bytes[varint] }", "a"),
    ("{ a: sized[varint] { b: u8 } }", "{ a: sized[u8] { b: u8 } }", "a"),
    ("{ a: sized[varint] { b: u8 } }", "{ a: zlib[varint] { b: u8 } }", "a"),
    // Forms of NBT.
    ("{ a: nbt }", "{ a: named_nbt }", "a"),
    ("{ a: nbt }", "{ a: opt_nbt }", "a"),
    // Conditions.
    ("{ k: u8, if k == 1 { a: u8 } }", "{ k: u8, if k == 2 { a: u8 } }", ""),
    ("{ k: u8, if k == 1 { a: u8 } }", "{ k: u8, a: u8 }", "a"),
    ("{ k: bool, if k { a: u8 } }", "{ k: bool, if not k { a: u8 } }", ""),
    ("{ if conn.me == 1 { a: u8 } }", "{ if conn.you == 1 { a: u8 } }", ""),
    ("{ a: opt u8 }", "{ a: opt u16 }", "a"),
    // Arms.
    (
        "{ k: u8, v: match k { 1 => u8, else => u16 } }",
        "{ k: u8, v: match k { 1 => i8, else => u16 } }",
        "v",
    ),
    (
        "{ k: u8, v: match k { 1 => u8, else => u16 } }",
        "{ k: u8, v: match k { 1, 2 => u8, else => u16 } }",
        "v",
    ),
    (
        "{ k: u8, match k { 1 => { a: u8 } } }",
        "{ k: u8, match k { 1 => { a: u8 }, 2 => { b: u8 } } }",
        "b",
    ),
    // Parts of numbers.
    ("{ a: bits u8 { x: u3, y: u5 } }", "{ a: bits u8 { x: u4, y: u4 } }", "a"),
    ("{ a: bits u8 lsb { x: u3, y: u5 } }", "{ a: bits u8 msb { x: u3, y: u5 } }", "a"),
    ("{ n: u8, a: packed(4, n) in u64 }", "{ n: u8, a: packed(5, n) in u64 }", "a"),
];

#[test]
fn what_cuts_bytes_otherwise_is_found_at_its_place() {
    for (a, b, path) in DIFFERENT {
        for (a, b, path) in [(a, b, Some(path)), (b, a, None)] {
            let found = compared(a, b).layout;
            let found = found.unwrap_or_else(|| panic!("{a} and {b} were taken to be alike"));
            let at = found.path.split(" (where").next().unwrap_or_default();
            assert!(path.is_none_or(|path| path.is_empty() || at == path), "{a} {b}: {found:?}");
            let choices = found.this.starts_with("a choice");
            assert!(choices || found.this != found.other, "{a} {b}: {found:?}");
        }
    }
}

#[test]
fn a_difference_under_a_condition_says_where() {
    let found = compared(
        "{ k: u8, v: match k { 1 => u8, 2 => u8, else => u16 } }",
        "{ k: u8, v: match k { 1 => u8, 2 => i8, else => u16 } }",
    );
    assert_eq!(found.layout.unwrap().path, "v (where k is 2)");
}

/// Pairs of bodies that cut bytes alike.
const ALIKE: [(&str, &str); 14] = [
    // Parts of a number that only one names.
    ("{ a: bits u8 lsb { x: u3, pad 5 } }", "{ a: bits u8 lsb { y: u3, z: u5 } }"),
    ("{ a: u8, b: u16 }", "{ x: u8, y: u16 }"),
    // Structs are names only.
    ("{ a: u8, b: u16 }", "{ s: { a: u8, b: u16 } }"),
    ("{ p: { x: f32, y: f32 } }", "{ p: Point }\ntype Point { x: f32, y: f32 }"),
    ("{ n: u8, a: [n] u16 }", "{ size: u8, list: [size] u16 }"),
    // Arms in any order, apart or together.
    (
        "{ k: u8, v: match k { 1 => u8, 2 => u16, else => u32 } }",
        "{ k: u8, v: match k { 2 => u16, 1 => u8, else => u32 } }",
    ),
    (
        "{ k: u8, v: match k { 1, 2 => u8, else => u32 } }",
        "{ k: u8, v: match k { 1 => u8, 2 => u8, else => u32 } }",
    ),
    ("{ k: u8, if k == 3 { a: u8 } }", "{ k: u8, match k { 3 => { a: u8 }, else => nothing } }"),
    (
        "{ k: enum u8 { a b }, v: match k { a => u8, b => u16, else => nothing } }",
        "{ k: u8, v: match k { 0 => u8, 1 => u16, else => nothing } }",
    ),
    ("{ a: opt u8 }", "{ has_a: bool, if has_a { a: u8 } }"),
    ("{ k: u8, if k in {1, 2} { a: u8 } }", "{ k: u8, if k == 1 or k == 2 { a: u8 } }"),
    // A type with an argument is what it is with it.
    ("{ a: Pair(u8) }\ntype Pair(T) { l: T, r: T }", "{ l: u8, r: u8 }"),
    // What contains itself may be laid out once.
    (
        "{ a: Tree }\ntype Tree { v: u8, inner: [u8] Tree }",
        "{ a: { v: u8, inner: [u8] Tree } }\ntype Tree { v: u8, inner: [u8] Tree }",
    ),
    (
        "{ a: Tree }\ntype Tree { v: u8, inner: [u8] Tree }",
        "{ a: Tree }\ntype Tree { v: u8, inner: [u8] { v: u8, inner: [u8] Tree } }",
    ),
];

#[test]
fn names_structs_the_order_of_arms_and_unrolled_types_are_no_difference() {
    for (a, b) in ALIKE {
        assert_eq!(compared(a, b).layout, None, "{a} {b}");
        assert_eq!(compared(b, a).layout, None, "{b} {a}");
    }
}

#[test]
fn fields_of_other_names_are_told_with_their_paths() {
    let found =
        compared("{ a: u8, b: [u8] { c: u8, e: u8 } }", "{ a: u8, b: [u8] { d: u8, e: u8 } }");
    assert_eq!(found.renamed, [("b[].c".to_owned(), "b[].d".to_owned())]);
    let found = compared("{ entity_id: u8 }", "{ entityId: u8 }");
    assert_eq!(found, Comparison::default());
}

#[test]
fn names_of_numbers_are_told_one_by_one() {
    let found = compared("{ k: enum u8 { a b c } }", "{ k: enum u8 { a x c d } }");
    assert_eq!(found.layout, None);
    let entries: Vec<_> = found
        .entries
        .iter()
        .map(|e| (e.path.as_str(), e.number, e.this.as_deref(), e.other.as_deref()))
        .collect();
    assert_eq!(entries, [("k", 1, Some("b"), Some("x")), ("k", 3, None, Some("d"))]);
    let found = compared("{ k: flags u8 { a b } }", "{ k: flags u8 { a b = 2 } }");
    assert_eq!(found.entries.len(), 2, "{found:?}");
}

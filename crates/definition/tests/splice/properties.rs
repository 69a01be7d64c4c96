//! What holds of every edit of every packet: it is read back, and nothing else moved.

use std::sync::LazyLock;

use crate::checks::{
    Known, check_cut, check_deletes, check_edits, check_lists, check_made_from_values, read,
};
use crate::support::{Definition, define_with};
use midwire_codec::{Deflater, Wrapper};
use midwire_definition::{Edits, Given};
use proptest::prelude::*;

/// A definition, and how random bytes become a packet of it.
struct Shape {
    around: &'static str,
    fields: &'static str,
    /// Fields that follow from others.
    follow: &'static [&'static str],
    wrap: fn(Vec<u8>) -> Vec<u8>,
    /// Nothing of it is left out of JSON, so that the same bytes are made from it.
    exact: bool,
}

const PLAIN: Shape =
    Shape { around: "", fields: "", follow: &[], wrap: |bytes| bytes, exact: true };

fn wrapped(wrapper: Wrapper, size: usize, mut inner: Vec<u8>) -> Vec<u8> {
    let front = inner.pop().unwrap_or(0);
    let mut stored = Vec::new();
    Deflater::new(6).deflate(wrapper, &inner, &mut stored);
    let mut out = vec![front];
    out.extend_from_slice(&(stored.len() as u32).to_be_bytes()[4 - size..]);
    out.extend_from_slice(&stored);
    out.push(0x77);
    out
}

fn shapes() -> Vec<Shape> {
    vec![
        Shape {
            fields: "a: u8, b: i16le, c: varint, d: zigzag64, e: varlong, f: u24, g: bool, h: f32, i: f64le, j: f16, k: u128",
            ..PLAIN
        },
        Shape {
            fields: "k: enum varint { zero one = 1 five = 5 }, f: flags u8 { a b c = 6 }, s: flags i8 { x = 0 y = 7 }, p: bits u16 { a: u3, b: i5, pad 4, c: u4 }, q: bits u8 lsb { a: i2, b: u6 }",
            ..PLAIN
        },
        Shape {
            fields: "a: str[varint], b: latin1[u8], c: mutf8[u8], d: utf16[u8], e: bytes[u8], n: u8, s: str[n], t: str[u8 max 3], f: bytes[2]",
            follow: &["n"],
            ..PLAIN
        },
        Shape {
            fields: "n: varint, a: [n] u8, b: [u8] varint, c: [2] u16, m: u8, d: [m - 1] { x: varint, y: opt u8 }, e: [until u8 == 0] u8, z: u8",
            follow: &["n", "m"],
            ..PLAIN
        },
        Shape {
            fields: "f: flags u8 { a b c }, if f.a { x: u8, p: { q: varint, r: u8 } }, if f.b { y: str[u8] } else { w: u16 }, if f.c and f.a { v: u8 }, o: opt varint, z: u8",
            ..PLAIN
        },
        Shape {
            fields: "k: u8, match k { 0 => { a: u8, s: varint }, 1 => { b: [u8] u8, s: u16 }, 2 => nothing, else => { c: i32 } }, t: match k { 0 => u8, 1 => str[u8], else => varint }, z: u8",
            ..PLAIN
        },
        Shape {
            fields: "f: flags u8 { lat name }, l: [u8] { id: varint, if f.lat { lat: varint }, if f.name { n: str[u8] }, in: [u8] { if outer.outer.f.lat { q: u8 } , r: u8 } }, z: u8",
            ..PLAIN
        },
        Shape {
            around: "type Node(deep) { v: varint, if deep { w: u8 }, n: u8, kids: [n] Node(deep), more: bool, if more { next: Node(true) } }",
            fields: "d: bool, root: Node(d), z: u8",
            follow: &["n"],
            ..PLAIN
        },
        Shape {
            fields: "w: u8, h: u8, g: [w * h] u8, l: [while it.head.more] { head: bits u8 { more: u1, slot: u7 }, n: varint }, s: [until sum(it.run + 1) >= w] { run: u8, f: bool }, let both = w + h, z: u8 = both + h",
            follow: &["both", "z"],
            ..PLAIN
        },
        Shape {
            fields: "b: sized[varint] { s: str[u8], in: sized[u8] { x: varint, ... } }, c: [u8] sized[u8] { y: u8 }, z: u8",
            wrap: |bytes| {
                let (first, second) = bytes.split_at(bytes.len() / 2);
                let inner = [&[first.len() as u8], first, &[second.len() as u8], second].concat();
                let size = [0x80 | inner.len() as u8, 0x00];
                [&size[..], &inner, &[2, 1, 7, 3, 9, 0, 0, 4]].concat()
            },
            exact: false,
            ..PLAIN
        },
        Shape {
            fields: "f: u8, b: zlib[u16] { a: varint, n: u8, l: [n] u8, s: str[u8] }, z: u8",
            follow: &["n"],
            wrap: |bytes| wrapped(Wrapper::Zlib, 2, bytes),
            exact: false,
            ..PLAIN
        },
        Shape {
            fields: "f: flags u8 { t }, n: u32, b: deflate[n] { a: varint, if f.t { t: u8 }, l: [u8] { s: str[u8], v: varint } }, z: u8",
            follow: &["n"],
            wrap: |bytes| wrapped(Wrapper::Deflate, 4, bytes),
            exact: false,
            ..PLAIN
        },
        Shape {
            fields: "n: nbt, o: opt_nbt, x: uuid, w: u8, c: u8, p: packed(w, c), k: packed(w, c) crossing, pad 2, a: [u8] opt u8, if remaining > 0 { late: u8 }",
            ..PLAIN
        },
    ]
}

/// Bytes of which small ones are many, so that lengths often fit.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let mixed = prop_oneof![4 => 0..4u8, 2 => 0..16u8, 1 => 0x80..0x84u8, 1 => any::<u8>()];
    let small = prop_oneof![6 => 0..2u8, 2 => 2..6u8, 1 => any::<u8>()];
    prop_oneof![prop::collection::vec(mixed, 0..96), prop::collection::vec(small, 8..96)]
}

struct Prepared {
    known: Known,
    definition: Definition,
    wrap: fn(Vec<u8>) -> Vec<u8>,
}

fn prepared() -> &'static [Prepared] {
    static PREPARED: LazyLock<Vec<Prepared>> = LazyLock::new(|| {
        let define = |shape: Shape| Prepared {
            known: Known {
                label: shape.fields.into(),
                follow: Some(shape.follow),
                exact: shape.exact,
            },
            definition: define_with(shape.around, shape.fields),
            wrap: shape.wrap,
        };
        shapes().into_iter().map(define).collect()
    });
    &PREPARED
}

/// Values of all kinds.
fn values() -> impl Strategy<Value = Given> {
    let leaf = prop_oneof![
        Just(Given::Null),
        any::<bool>().prop_map(Given::Bool),
        (-3..300i64).prop_map(|n| Given::Int(n.into())),
        any::<i128>().prop_map(Given::Int),
        any::<f64>().prop_map(Given::Float),
        "[a-d0-9]{0,4}".prop_map(Given::Text),
        ".{0,4}".prop_map(Given::Text),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let names = "[a-z]|next|root|kids|head|run|\\$raw|value|\\$pad|\\$prefix";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Given::List),
            prop::collection::vec((names, inner), 0..3).prop_map(Given::Object),
        ]
    })
}

fn paths() -> impl Strategy<Value = String> {
    let name = "[a-z]|next|root|kids|head|more|run|lat|late|in|slot";
    let step = prop_oneof![
        3 => name.prop_map(|n| format!(".{n}")),
        1 => (0..4u32).prop_map(|i| format!("[{i}]")),
    ];
    (name, prop::collection::vec(step, 0..4)).prop_map(|(first, rest)| first + &rest.concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_editable_path_takes_its_sample_and_nothing_else_moves(bytes in bytes()) {
        for p in prepared() {
            check_edits(&p.known, &p.definition, &(p.wrap)(bytes.clone()));
        }
    }

    #[test]
    fn elements_come_and_go_and_the_others_stay(bytes in bytes()) {
        for p in prepared() {
            check_lists(&p.known, &p.definition, &(p.wrap)(bytes.clone()));
        }
    }

    #[test]
    fn what_was_read_of_a_cut_packet_can_be_edited(bytes in bytes(), cut in 0..20usize) {
        for p in prepared() {
            let body = (p.wrap)(bytes.clone());
            check_cut(&p.known, &p.definition, &body[..body.len().saturating_sub(cut)]);
        }
    }

    #[test]
    fn what_is_deleted_is_gone_or_has_to_be_there(bytes in bytes()) {
        for p in prepared() {
            check_deletes(&p.known, &p.definition, &(p.wrap)(bytes.clone()));
        }
    }

    #[test]
    fn what_is_decoded_is_made_again_from_its_values(bytes in bytes()) {
        for p in prepared() {
            check_made_from_values(&p.known, &p.definition, &(p.wrap)(bytes.clone()));
        }
    }

    #[test]
    fn any_edit_is_made_or_refused(
        bytes in bytes(),
        wishes in prop::collection::vec((paths(), values(), 0..8u8), 1..4),
    ) {
        let mut edits = Edits::new();
        for (path, value, action) in &wishes {
            match action {
                0 => edits.delete(path),
                1 => edits.remove(path),
                2 => edits.insert(path, 0, value.clone()),
                3 => edits.insert(path, 1, value.clone()),
                _ => edits.set(path, value.clone()),
            };
        }
        for p in prepared() {
            let _ = p.definition.spliced(&(p.wrap)(bytes.clone()), &edits);
        }
    }

    #[test]
    fn any_values_make_a_packet_or_are_refused(value in values()) {
        for p in prepared() {
            if let Ok(made) = p.definition.encoded_given(&value) {
                prop_assert!(read(&p.definition, &made).is_some());
            }
        }
    }
}

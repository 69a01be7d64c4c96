//! What holds of every edit of every packet: it is read back, and nothing else moved.

#[path = "splice/leaves.rs"]
mod leaves;
#[path = "splice/support.rs"]
mod support;

use leaves::{Leaf, Leaves, leaves};
use midwire_codec::{Deflater, Wrapper};
use midwire_definition::given::parse;
use midwire_definition::splice::{Editable, editable_paths};
use midwire_definition::{EditError, Edits, Given, Workspace};
use proptest::prelude::*;
use support::{Definition, define_with};

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
            fields: "n: nbt, o: opt_nbt, x: uuid, w: u8, c: u8, p: packed(w, c), pad 2, a: [u8] opt u8, if remaining > 0 { late: u8 }",
            ..PLAIN
        },
    ]
}

/// Bytes of which small ones are many, so that lengths often fit.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => 0..4u8, 2 => 0..16u8, 1 => 0x80..0x84u8, 1 => any::<u8>()];
    prop::collection::vec(byte, 0..96)
}

fn prepared() -> Vec<(Shape, Definition)> {
    let define = |shape: Shape| {
        let definition = define_with(shape.around, shape.fields);
        (shape, definition)
    };
    shapes().into_iter().map(define).collect()
}

struct Read {
    leaves: Leaves,
    editable: Vec<(String, Editable)>,
    json: String,
    rest: Vec<u8>,
}

/// A body as it is read; `None` if it is malformed.
fn read(definition: &Definition, body: &[u8]) -> Option<Read> {
    let mut ws = Workspace::default();
    let mut packet = definition.plan().decode(body, 0, &definition.conn, &mut ws);
    let whole = packet.error().is_none();
    let read = Read {
        leaves: leaves(&mut packet),
        editable: editable_paths(&mut packet),
        json: support::fields(&mut packet),
        rest: packet.rest().to_vec(),
    };
    whole.then_some(read)
}

/// The field of a path without a part of flags or bits.
fn field_of<'p>(path: &'p str, all: &Leaves) -> &'p str {
    match path.rsplit_once('.') {
        Some((field, _)) if !all.list.iter().any(|leaf| leaf.path == path) => field,
        _ => path,
    }
}

fn follows(shape: &Shape, leaf: &Leaf) -> bool {
    let name = leaf.path.rsplit('.').next().unwrap_or("");
    shape.follow.contains(&name)
}

fn check_edits(shape: &Shape, definition: &Definition, body: &[u8]) {
    let Some(before) = read(definition, body) else { return };
    for (path, editable) in &before.editable {
        let mut edits = Edits::new();
        edits.set(path, editable.sample.clone());
        let result = definition.spliced(body, &edits);
        let context = || format!("{}\n{body:02x?}\n{path} = {editable:?}", shape.fields);
        let new = match result {
            Ok(new) => new,
            // Another shape may need what no default gives.
            Err(EditError::List { .. } | EditError::WrongLength { .. }) if editable.reshapes => {
                continue;
            }
            Err(EditError::List { reason, .. }) if reason.contains("ends the list") => continue,
            Err(e) => panic!("{}\n{e}", context()),
        };
        let after = read(definition, &new).unwrap_or_else(|| panic!("{}\n{new:02x?}", context()));
        assert_eq!(after.rest, before.rest, "{}", context());
        let field = field_of(path, &before.leaves);
        let find = |all: &Leaves| all.list.iter().find(|leaf| leaf.path == field).cloned();
        let (old_leaf, new_leaf) = (find(&before.leaves), find(&after.leaves));
        assert_ne!(old_leaf.map(|l| l.value), new_leaf.map(|l| l.value), "{}", context());
        if editable.reshapes {
            continue;
        }
        assert_eq!(after.leaves.lists, before.leaves.lists, "{}", context());
        let untouched = |all: &Leaves| -> Vec<(String, Vec<u8>)> {
            let kept = all.list.iter().filter(|l| l.path != field && !follows(shape, l));
            kept.map(|leaf| (leaf.path.clone(), leaf.bytes.clone())).collect()
        };
        assert_eq!(untouched(&after.leaves), untouched(&before.leaves), "{}", context());
        // Where nothing moved, only the field's own bytes may differ.
        if shape.exact && new.len() == body.len() && shape.follow.is_empty() {
            for leaf in &before.leaves.list {
                if leaf.path == field && leaf.place.buffer == 0 {
                    let range = leaf.place.start as usize..leaf.place.end as usize;
                    assert_eq!(new[..range.start], body[..range.start], "{}", context());
                    assert_eq!(new[range.end..], body[range.end..], "{}", context());
                }
            }
        }
    }
}

fn check_lists(shape: &Shape, definition: &Definition, body: &[u8]) {
    let Some(before) = read(definition, body) else { return };
    for (path, count) in &before.leaves.lists {
        let context = || format!("{}\n{body:02x?}\n{path} of {count}", shape.fields);
        let after = |edits: &Edits| match definition.spliced(body, edits) {
            Ok(new) => {
                let read = read(definition, &new);
                Some(read.unwrap_or_else(|| panic!("{}\n{new:02x?}", context())))
            }
            // Some lists have to have as many, or are not read as they are without it.
            Err(
                EditError::WrongLength { .. }
                | EditError::List { .. }
                | EditError::OutOfRange { .. },
            ) => None,
            Err(e) => panic!("{}\n{e}", context()),
        };
        let elements = |read: &Read, from: u32| -> Vec<(String, Vec<u8>)> {
            let inside = |leaf: &&Leaf| leaf.path.starts_with(&format!("{path}["));
            let number = |leaf: &Leaf| -> u32 {
                let rest = &leaf.path[path.len() + 1..];
                rest[..rest.find(']').unwrap()].parse().unwrap()
            };
            let renumbered = |leaf: &Leaf| {
                let rest = &leaf.path[path.len() + 1..];
                let behind = &rest[rest.find(']').unwrap()..];
                (format!("{}{behind}", number(leaf) - from), leaf.bytes.clone())
            };
            let list = read.leaves.list.iter().filter(inside);
            list.filter(|leaf| number(leaf) >= from).map(renumbered).collect()
        };
        let new_count = |read: &Read| {
            read.leaves.lists.iter().find(|(p, _)| p == path).map(|(_, count)| *count)
        };
        if *count > 0 {
            let mut edits = Edits::new();
            edits.remove(&format!("{path}[0]"));
            if let Some(after) = after(&edits) {
                assert_eq!(new_count(&after), Some(count - 1), "{}", context());
                assert_eq!(elements(&after, 0), elements(&before, 1), "{}", context());
                assert_eq!(after.rest, before.rest, "{}", context());
            }
        }
        let mut edits = Edits::new();
        edits.insert(path, 0, Given::Object(Vec::new()));
        let made = match definition.spliced(body, &edits) {
            Err(EditError::WrongType { .. }) => {
                edits = Edits::new();
                edits.insert(path, 0, Given::Int(1));
                if matches!(definition.spliced(body, &edits), Err(EditError::WrongType { .. })) {
                    continue;
                }
                after(&edits)
            }
            _ => after(&edits),
        };
        if let Some(after) = made {
            assert_eq!(new_count(&after), Some(count + 1), "{}", context());
            assert_eq!(elements(&after, 1), elements(&before, 0), "{}", context());
            assert_eq!(after.rest, before.rest, "{}", context());
        }
    }
}

fn check_made_from_values(shape: &Shape, definition: &Definition, body: &[u8]) {
    let Some(before) = read(definition, body) else { return };
    let given = parse(&before.json).unwrap();
    let made = definition
        .encoded_given(&given)
        .unwrap_or_else(|e| panic!("{}\n{body:02x?}\n{}\n{e}", shape.fields, before.json));
    if shape.exact {
        let mut whole = [made.as_slice(), &before.rest].concat();
        // That an optional value is there may be said by another byte than 1, which its value does not tell.
        if whole.len() == body.len() {
            for (made, was) in whole.iter_mut().zip(body) {
                *made = if *made == 1 && *was > 1 { *was } else { *made };
            }
        }
        assert_eq!(whole, body, "{}\n{}", shape.fields, before.json);
    }
    let again = read(definition, &made).unwrap();
    let second = definition.encoded_given(&parse(&again.json).unwrap()).unwrap();
    assert_eq!(second, made, "{}\n{}", shape.fields, again.json);
    assert!(again.rest.is_empty());
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
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_editable_path_takes_its_sample_and_nothing_else_moves(bytes in bytes()) {
        for (shape, definition) in &prepared() {
            check_edits(shape, definition, &(shape.wrap)(bytes.clone()));
        }
    }

    #[test]
    fn elements_come_and_go_and_the_others_stay(bytes in bytes()) {
        for (shape, definition) in &prepared() {
            check_lists(shape, definition, &(shape.wrap)(bytes.clone()));
        }
    }

    #[test]
    fn what_is_decoded_is_made_again_from_its_values(bytes in bytes()) {
        for (shape, definition) in &prepared() {
            check_made_from_values(shape, definition, &(shape.wrap)(bytes.clone()));
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
        for (shape, definition) in &prepared() {
            let body = (shape.wrap)(bytes.clone());
            let _ = definition.spliced(&body, &edits);
        }
    }

    #[test]
    fn any_values_make_a_packet_or_are_refused(value in values()) {
        for (_, definition) in &prepared() {
            if let Ok(made) = definition.encoded_given(&value) {
                prop_assert!(read(definition, &made).is_some());
            }
        }
    }
}

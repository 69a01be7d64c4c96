//! Packets made from values.

use hex_literal::hex;
use midwire_definition::splice::editable_paths;
use midwire_definition::{Edits, Workspace};

use crate::support::define;

#[test]
fn a_packet_of_nothing_has_defaults() {
    let def = define(
        "a: u16, k: enum u8 { x = 3 y }, o: opt u8, l: [varint] u8, s: str[u8], b: bytes[3],
         p: { q: f32 }, z: sized[u8] { c: u8 }, n: nbt, m: nbt @chat, t: uuid",
    );
    let mut wanted = hex!("0000 03 00 00 00 000000 00000000 01 00 0a00 080000").to_vec();
    wanted.extend([0; 16]);
    assert_eq!(def.encoded("{}").unwrap(), wanted);
}

#[test]
fn what_was_decoded_can_be_encoded() {
    let def = define(
        "a: varint, k: enum u8 { x y }, f: flags u8 { u d }, if f.u { v: i8 }, n: u8, l: [n] { i: varint, o: opt str[u8] },
         t: { x: f32, y: f64 }, let sum = a + n, b: bits u16 { hi: i5, lo: u8, pad 3 }, pad 2, r: bytes[u8], x: [until u8 == 255] u8, ...",
    );
    for body in [
        &hex!(
            "8500 01 81 fe 02 07 01 0161 8700 00 7fc00001 3ff8000000000000 f801 beef 02 abcd 0102ff 77"
        )[..],
        &hex!("05 07 00 00 3f800000 0000000000000000 0000 0000 00 ff"),
    ] {
        let read = def.decoded(body);
        assert_eq!(def.encoded(&read).as_deref(), Ok(body), "{read}");
    }
}

#[test]
fn an_optional_field_of_a_name_that_several_arms_have_goes_into_the_arm_that_is_taken() {
    let def = define(
        "k: u8, match k { 0 => { v: opt u8 }, 1 => { v: opt u16, w: u8 }, 2 => { v: u32 } }",
    );
    assert_eq!(def.encoded(r#"{"k":0,"v":5}"#).as_deref(), Ok(&hex!("00 01 05")[..]));
    assert_eq!(def.encoded(r#"{"k":1,"v":5}"#).as_deref(), Ok(&hex!("01 01 0005 00")[..]));
    assert_eq!(def.encoded(r#"{"k":1}"#).as_deref(), Ok(&hex!("01 00 00")[..]));
    assert_eq!(def.encoded(r#"{"k":2,"v":5}"#).as_deref(), Ok(&hex!("02 00000005")[..]));
    let error = def.encoded(r#"{"k":3,"v":5}"#).unwrap_err().to_string();
    assert!(error.contains("`match k { 0 }` or `match k { 1 }` or `match k { 2 }`"), "{error}");

    let whole = define("k: u8, v: match k { 0 => opt u8, 1 => opt u16 }");
    assert_eq!(whole.encoded(r#"{"k":1,"v":5}"#).as_deref(), Ok(&hex!("01 01 0005")[..]));
    assert_eq!(whole.encoded(r#"{"k":0,"v":5}"#).as_deref(), Ok(&hex!("00 01 05")[..]));
    let around = define("k: u8, v: opt match k { 0 => u8, 1 => u16 }");
    assert_eq!(around.encoded(r#"{"k":1,"v":5}"#).as_deref(), Ok(&hex!("01 01 0005")[..]));
    assert_eq!(around.encoded(r#"{"k":1}"#).as_deref(), Ok(&hex!("01 00")[..]));
    let alone = define("k: u8, l: [u8] match k { 0 => opt u8, 1 => opt u16 }");
    let made = alone.encoded(r#"{"k":1,"l":[5,null]}"#);
    assert_eq!(made.as_deref(), Ok(&hex!("01 02 01 0005 00")[..]));
}

#[test]
fn editable_paths_have_another_value() {
    let def = define(
        "n: u8, f: flags u8 { a b }, if f.a { v: u8 }, l: [n] { x: u8 }, w: u8, h: u8, g: [w * h] u8, let t = v, s: latin1[u8]",
    );
    let payload = hex!("01  02 00 05 06 01 01 09 01 41");
    let mut ws = Workspace::default();
    let mut packet = def.plan().decode(&payload, 1, &[], &mut ws);
    let paths = editable_paths(&mut packet);
    let names: Vec<(&str, bool)> = paths.iter().map(|(p, e)| (p.as_str(), e.reshapes)).collect();
    let wanted = [
        ("f.a", true),
        ("f.b", true),
        ("l[0].x", false),
        ("l[1].x", false),
        ("g[0]", false),
        ("s", false),
    ];
    assert_eq!(names, wanted);
    for (path, editable) in &paths {
        let mut edits = Edits::new();
        edits.set(path, editable.sample.clone());
        assert_ne!(def.spliced(&payload[1..], &edits).unwrap(), payload[1..], "{path}");
    }
}

#[test]
fn what_decides_whether_a_count_is_there_can_be_edited() {
    let def = define("kind: u8, if kind > 0 { n: u8, l: [n] u8 }, z: u8");
    let payload = hex!("01  02 01 07 ff");
    let mut ws = Workspace::default();
    let mut packet = def.plan().decode(&payload, 1, &[], &mut ws);
    let paths = editable_paths(&mut packet);
    let names: Vec<(&str, bool)> = paths.iter().map(|(p, e)| (p.as_str(), e.reshapes)).collect();
    assert_eq!(names, [("kind", true), ("l[0]", false), ("z", false)]);
    // Of a number with parts only the one that says whether another element follows cannot.
    let def = define("l: [while it.head.more] { head: bits u8 { more: u1, slot: u7 } }");
    let payload = hex!("01  81 02");
    let mut packet = def.plan().decode(&payload, 1, &[], &mut ws);
    let names: Vec<_> = editable_paths(&mut packet).into_iter().map(|(path, _)| path).collect();
    assert_eq!(names, ["l[0].head.slot", "l[1].head.slot"]);
}

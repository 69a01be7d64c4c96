//! What no edit reaches stays as it is.

use hex_literal::hex;
use midwire_definition::Given;

use crate::support::{define, int, json, text};

#[test]
fn without_edits_everything_is_copied() {
    let def = define("a: varint, b: bool, c: str[varint]");
    let odd = hex!("85 80 00  02  83 00 ff fe fd  99 99");
    assert_eq!(def.edited(&odd, |e| e).unwrap(), odd);
}

#[test]
fn an_edit_leaves_odd_forms_beside_it_alone() {
    let def = define("a: varint, b: bool, c: str[varint], pad 2, d: u8, e: f32");
    // An over-long varint, a bool of 2, an over-long length, padding, a NaN, and bytes behind.
    let odd = hex!("85 80 00  02  81 00 ff  be ef  07  7f c0 12 34  99 99");
    let new = hex!("85 80 00  02  81 00 ff  be ef  09  7f c0 12 34  99 99");
    assert_eq!(def.edited(&odd, |e| e.set("d", int(9))).unwrap(), new);
}

#[test]
fn a_field_set_to_what_it_is_keeps_its_bytes() {
    let def = define("a: varint, b: bool, c: u8");
    let odd = hex!("85 80 00 02 01");
    let same =
        def.edited(&odd, |e| e.set("a", int(5)).set("b", Given::Bool(true)).set("c", int(1)));
    assert_eq!(same.unwrap(), odd);
}

#[test]
fn what_is_set_to_what_it_is_shown_as_keeps_its_odd_form() {
    let def = define("a: f32, s: str[u8], m: mutf8[u8], z: u8");
    // A NaN with a payload, text that is no UTF-8, and a letter in two bytes.
    let odd = hex!("7fc01234  02 61ff  02 c1a1  00");
    let same = def
        .edited(&odd, |e| e.set("a", text("NaN")).set("s", text("a\u{fffd}")).set("m", text("a")));
    assert_eq!(same.unwrap(), odd);
    let read = def.decoded(&odd);
    assert_eq!(def.edited(&odd, |e| e.set("", json(&read))).unwrap(), odd);
    let other = "{\"value\":\"NaN\",\"$raw\":\"7fc05678\"}";
    let out = def.edited(&odd, |e| e.set("a", json(other))).unwrap();
    assert_eq!(out, hex!("7fc05678  02 61ff  02 c1a1  00"));
}

#[test]
fn edits_that_exclude_each_other_are_refused() {
    let def = define("f: flags u8 { v }, if f.v { v: { x: u8 } }, l: [u8] { x: u8 }");
    let body = hex!("01 05 01 06");
    let message = |path: &str, how: &str| {
        format!("`{path}` is set to another value inside, but another edit needs it to be {how}")
    };
    assert_eq!(def.refused(&body, |e| e.set("v.x", int(1)).delete("v")), message("v", "deleted"));
    assert_eq!(
        def.refused(&body, |e| e.remove("l[0]").set("l[0].x", int(1))),
        message("l[0]", "removed")
    );
    assert_eq!(
        def.refused(&body, |e| e.delete("l[0]")),
        "`l[0]` cannot be left out: an element is taken out by `remove`, not deleted"
    );
}

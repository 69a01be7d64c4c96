//! Packed and computed fields, and packets that could not be read.

use hex_literal::hex;
use midwire_definition::EditError;

use crate::support::{define, int, json, text};

#[test]
fn packed_numbers_are_written_as_they_are_read() {
    let def = define("w: u8, n: u8, p: packed(w, n)");
    let made = def.encoded("{\"w\":5,\"n\":14,\"p\":[1,2,3,4,5,6,7,8,9,10,11,12,13,31]}").unwrap();
    assert_eq!(made.len(), 2 + 16);
    let read = json(&def.decoded(&made));
    assert_eq!(read.get("p"), Some(&json("[1,2,3,4,5,6,7,8,9,10,11,12,13,31]")));
    assert!(def.refused(&made, |e| e.set("p", json("[1]"))).contains("1 numbers"));
    assert!(def.encoded("{\"w\":2,\"n\":1,\"p\":[4]}").unwrap_err().to_string().contains("0 to 3"));
}

#[test]
fn computed_fields_cannot_be_set_to_something_else() {
    let def = define("a: u8, let double = a * 2, b: u8");
    let error = def.refused(&[3, 0], |e| e.set("double", int(7)));
    assert_eq!(error, "`double` is set to 7, but what it is computed from needs it to be 6");
    // As decoded packets have it.
    let out = def.edited(&[3, 0], |e| e.set("double", int(8)).set("a", int(4)));
    assert_eq!(out.unwrap(), [4, 0]);
}

#[test]
fn of_a_packet_that_could_not_be_read_the_rest_is_copied() {
    let def = define("a: varint, s: str[u8], b: u8, c: str[u8], d: u8");
    // `c` says 9 bytes and has two.
    let body = hex!("8500 01 61 07 09 abcd");
    let out = def.edited(&body, |e| e.set("s", text("xyz")).set("b", int(8)));
    assert_eq!(out.unwrap(), hex!("8500 03 78797a 08 09 abcd"));
    let error = def.edited(&body, |e| e.set("c", text(""))).unwrap_err();
    assert_eq!(error, EditError::Unread { path: "c".into() });
    let error = def.edited(&body, |e| e.set("d", int(1))).unwrap_err();
    assert_eq!(error, EditError::Unread { path: "d".into() });
    let def = define("f: flags u8 { has_v }, c: str[u8], if f.has_v { v: u8 }");
    let error = def.edited(&hex!("00 05 61"), |e| e.set("v", int(1))).unwrap_err();
    assert_eq!(error, EditError::Unread { path: "v".into() });
}

#[test]
fn what_would_be_read_otherwise_is_refused() {
    // The bytes behind the last field would become the field.
    let def = define("a: u8, if remaining > 1 { v: u8 }");
    let error = def.edited(&[1], |e| e.set("v", int(5))).unwrap_err();
    assert!(matches!(error, EditError::Inconsistent { .. }), "{error}");
}

//! Five faults of an encoder in wide use, and one that a definition could cause.

use hex_literal::hex;
use midwire_definition::{EditError, Given};

use crate::support::{define, define_with, int, json, text};

#[test]
fn entry_0_of_an_enum_and_an_unknown_number_are_two_things() {
    let def = define("k: enum varint { zero one }");
    assert_eq!(def.decoded(&[0]), "{\"k\":\"zero\"}");
    assert_eq!(def.decoded(&[9]), "{\"k\":9}");
    assert_eq!(def.encoded("{\"k\":\"zero\"}").unwrap(), [0]);
    assert_eq!(def.encoded("{\"k\":9}").unwrap(), [9]);
    assert_eq!(def.edited(&[9], |e| e.set("k", text("zero"))).unwrap(), [0]);
}

#[test]
fn a_flag_that_is_set_can_be_cleared() {
    let def = define("f: flags u8 { a b }");
    assert_eq!(def.edited(&[0xff], |e| e.set("f.a", Given::Bool(false))).unwrap(), [0xfe]);
    assert_eq!(def.edited(&[0xff], |e| e.delete("f.b")).unwrap(), [0xfd]);
    assert_eq!(def.edited(&[0xff], |e| e.set("f", json("[]"))).unwrap(), [0]);
}

#[test]
fn reading_a_list_that_ends_by_its_top_bit_changes_no_byte() {
    let def = define("l: [while it.head.more] { head: bits u8 { more: u1, slot: u7 }, n: u8 }");
    let body = hex!("81 0a 02 0b");
    let copy = body;
    let first = def.decoded(&body);
    assert_eq!(body, copy);
    assert_eq!(def.decoded(&body), first);
    assert_eq!(def.encoded(&first).unwrap(), body);
    assert_eq!(def.edited(&body, |e| e.set("l[0].n", int(1))).unwrap(), hex!("81 01 02 0b"));
}

#[test]
fn an_inline_registry_entry_comes_with_its_marker() {
    let def = define_with(
        "type Holder(T) { id: varint, if id == 0 { value: T } }",
        "sound: Holder({ name: str[varint], range: opt f32 }), z: u8",
    );
    let inline = hex!("00 01 61 00 ff");
    assert_eq!(
        def.edited(&hex!("05 ff"), |e| e.set("sound.value.name", text("a"))).unwrap(),
        inline
    );
    assert_eq!(def.encoded("{\"sound\":{\"value\":{\"name\":\"a\"}},\"z\":255}").unwrap(), inline);
    assert_eq!(def.encoded(&def.decoded(&inline)).unwrap(), inline);
    assert_eq!(def.edited(&inline, |e| e.set("sound.id", int(5))).unwrap(), hex!("05 ff"));
}

#[test]
fn nbt_keeps_its_order_and_its_duplicates() {
    let def = define("n: nbt, z: u8");
    let body = hex!("0a  01 0001 62 01  01 0001 61 02  01 0001 62 03  00  ff");
    assert_eq!(def.edited(&body, |e| e.set("z", int(1))).unwrap()[..16], body[..16]);
    assert_eq!(def.encoded(&def.decoded(&body)).unwrap(), body);
}

#[test]
fn counts_that_multiply_make_no_endless_packet() {
    let def = define("a: u16, b: u16, l: [a] { m: [outer.b] { x: bytes[1000] } }");
    let error = def.encoded("{\"a\":60000,\"b\":60000}").unwrap_err();
    assert!(matches!(error, EditError::TooLong { limit: "elements_max", .. }), "{error}");
}

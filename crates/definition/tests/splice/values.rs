//! Each kind of value in its form.

use hex_literal::hex;
use midwire_definition::{EditError, Given};

use crate::support::{define, int, json, text};

#[test]
fn numbers_are_written_in_their_form() {
    let def = define("a: i16, b: u24le, c: varint, d: zigzag32, e: varlong");
    let zero = hex!("0000 000000 00 00 00");
    let out = def.edited(&zero, |e| {
        e.set("a", int(-2)).set("b", int(0x010203)).set("c", int(-1));
        e.set("d", int(-3)).set("e", int(300))
    });
    assert_eq!(out.unwrap(), hex!("fffe 030201 ffffffff0f 05 ac02"));
}

#[test]
fn a_number_that_does_not_fit_is_refused_with_its_range() {
    let def = define("a: u8, p: bits u8 { x: i4, y: u4 }");
    assert_eq!(
        def.refused(&[0, 0], |e| e.set("a", int(256))),
        "256 does not fit `a`, which takes 0 to 255"
    );
    assert_eq!(
        def.refused(&[0, 0], |e| e.set("p.x", int(8))),
        "8 does not fit `p.x`, which takes -8 to 7"
    );
    assert_eq!(def.edited(&[0, 0], |e| e.set("p.x", int(-8))).unwrap(), hex!("00 80"));
}

#[test]
fn enums_take_names_and_any_number() {
    let def = define("k: enum varint { stone grass = 5 dirt }");
    assert_eq!(def.edited(&[0], |e| e.set("k", text("Dirt"))).unwrap(), [6]);
    assert_eq!(def.edited(&[0], |e| e.set("k", int(99))).unwrap(), [99]);
    assert_eq!(
        def.refused(&[0], |e| e.set("k", text("dirty"))),
        "`k` has no value named `dirty`; did you mean `dirt`?; an unnamed one is given by its number"
    );
}

#[test]
fn floats_uuids_and_bytes_are_written() {
    let def = define("a: f32, b: f64le, c: f16, u: uuid, x: bytes[u8]");
    let mut zero = vec![0; 4 + 8 + 2 + 16 + 1];
    zero.extend([9]);
    let out = def.edited(&zero, |e| {
        e.set("a", Given::Float(1.5)).set("b", int(-2)).set("c", Given::Float(0.5));
        e.set("u", text("069a79f4-44e9-4726-a5be-fca90e38aaf5")).set("x", text("0A1b"))
    });
    let new = hex!("3fc00000 00000000000000c0 3800 069a79f444e94726a5befca90e38aaf5 02 0a1b 09");
    assert_eq!(out.unwrap(), new);
    let nan = def.edited(&zero, |e| e.set("a", text("NaN"))).unwrap();
    assert_eq!(nan[..4], f32::NAN.to_be_bytes());
    assert!(def.refused(&zero, |e| e.set("a", Given::Float(1e39))).contains("too large"));
    assert!(def.refused(&zero, |e| e.set("u", text("12"))).contains("UUID"));
    assert!(def.refused(&zero, |e| e.set("x", text("abc"))).contains("hexadecimal"));
}

#[test]
fn text_gets_its_length_in_every_encoding() {
    let def = define("a: str[varint], b: latin1[u8], c: mutf8[u16], d: utf16[u16], e: str[..]");
    let empty = hex!("00 00 0000 0000");
    let out = def.edited(&empty, |e| {
        e.set("a", text("é")).set("b", text("é")).set("c", text("\0😀")).set("d", text("😀"));
        e.set("e", text("end"))
    });
    let new = hex!("02c3a9 01e9 0008c080eda0bdedb880 0002d83dde00 656e64");
    assert_eq!(out.unwrap(), new);
    assert_eq!(
        def.refused(&empty, |e| e.set("b", text("€"))),
        "`b` cannot hold `€`: it is Latin-1"
    );
}

#[test]
fn an_over_long_prefix_is_kept_while_the_length_stays() {
    let def = define("a: str[varint], b: [varint] u8");
    let odd = hex!("83 00 616263  82 00 0102");
    assert_eq!(
        def.edited(&odd, |e| e.set("a", text("xyz"))).unwrap(),
        hex!("83 00 78797a  82 00 0102")
    );
    assert_eq!(
        def.edited(&odd, |e| e.set("a", text("xy")).set("b[1]", int(9))).unwrap(),
        hex!("02 7879  82 00 0109")
    );
}

#[test]
fn lengths_that_are_fixed_or_limited_hold() {
    let def = define("a: bytes[2], b: str[u8 max 3], c: [u8 max 2] u8, d: str[varint] @max 4");
    let zero = hex!("0000 00 00 00");
    let refused = |path: &str, value: Given| def.refused(&zero, |e| e.set(path, value));
    assert_eq!(
        refused("a", text("01")),
        "`a` would have 1 bytes, but the definition says 2; they have to agree"
    );
    assert_eq!(refused("b", text("abcd")), "`b` would have 4 bytes; at most 3 are allowed (max)");
    assert_eq!(
        refused("c", json("[1,2,3]")),
        "`c` would have 3 elements; at most 2 are allowed (max)"
    );
    assert_eq!(
        refused("d", text("hello")),
        "`d` would have 5 characters; at most 4 are allowed (@max)"
    );
}

#[test]
fn flags_take_names_parts_and_masks() {
    let def = define("f: flags u8 { up down left = 4 }");
    assert_eq!(def.edited(&[0x81], |e| e.set("f", json("[\"down\", 64]"))).unwrap(), [0x42]);
    assert_eq!(def.edited(&[0x81], |e| e.set("f", json("{\"left\":true}"))).unwrap(), [0x91]);
    assert_eq!(def.edited(&[0x81], |e| e.set("f.up", Given::Bool(false))).unwrap(), [0x80]);
    assert_eq!(
        def.refused(&[0], |e| e.set("f.lift", Given::Bool(true))),
        "`f` has no value named `lift`; did you mean `left`?; an unnamed one is given by its number"
    );
}

#[test]
fn the_top_bit_of_signed_flags_is_a_bit_like_any_other() {
    let def = define("f: flags i8 { low = 0 high = 7 }");
    assert_eq!(def.edited(&[0], |e| e.set("f.high", Given::Bool(true))).unwrap(), [0x80]);
    assert_eq!(def.edited(&[0x81], |e| e.set("f.low", Given::Bool(false))).unwrap(), [0x80]);
    assert_eq!(def.edited(&[0], |e| e.set("f", json("[\"high\"]"))).unwrap(), [0x80]);
}

#[test]
fn raw_bytes_are_taken_if_they_are_the_value() {
    let def = define("a: varint, b: bool, s: str[varint], l: [varint] u8");
    let zero = hex!("00 00 00 00");
    let out = def.edited(&zero, |e| {
        e.set("a", json("{\"value\":5,\"$raw\":\"8500\"}"));
        e.set("b", json("{\"value\":true,\"$raw\":\"02\"}"));
        e.set("s", json("{\"value\":\"a\u{fffd}\",\"$raw\":\"820061ff\"}"));
        e.set("l", json("{\"value\":[7],\"$prefix\":\"8100\"}"))
    });
    assert_eq!(out.unwrap(), hex!("8500 02 820061ff 810007"));
    for (path, value) in [
        ("a", "{\"value\":6,\"$raw\":\"8500\"}"),
        ("a", "{\"value\":5,\"$raw\":\"850000\"}"),
        ("s", "{\"value\":\"b\",\"$raw\":\"0161\"}"),
        ("s", "{\"value\":\"a\",\"$raw\":\"0161ff\"}"),
        ("l", "{\"value\":[7],\"$prefix\":\"02\"}"),
    ] {
        let error = def.edited(&zero, |e| e.set(path, json(value))).unwrap_err();
        assert!(matches!(error, EditError::Form { .. }), "{path} {value}: {error}");
    }
}

#[test]
fn nbt_is_written_from_its_typed_form() {
    let def = define("n: nbt, o: opt_nbt");
    let zero = hex!("0a 00  00");
    let out = def.edited(&zero, |e| {
        e.set(
            "n",
            json("{\"type\":\"compound\",\"value\":{\"a\":{\"type\":\"byte\",\"value\":5}}}"),
        )
    });
    assert_eq!(out.unwrap(), hex!("0a 01 0001 61 05 00  00"));
    let out = def.edited(&out_of(&def, "{\"o\":{\"type\":\"byte\",\"value\":1}}"), |e| {
        e.set("o", Given::Null)
    });
    assert_eq!(out.unwrap(), zero);
}

fn out_of(def: &crate::support::Definition, json: &str) -> Vec<u8> {
    def.encoded(json).unwrap()
}

#[test]
fn values_of_another_kind_are_refused_in_words() {
    let def = define("a: u8, s: str[u8], l: [u8] u8, t: { x: u8 }, b: bool");
    let zero = hex!("00 00 00 00 00");
    let refused = |path: &str, value: Given| def.refused(&zero, |e| e.set(path, value));
    assert_eq!(refused("a", text("1")), "`a` takes a whole number, not text");
    assert_eq!(refused("s", int(1)), "`s` takes text, not a number");
    assert_eq!(refused("l", int(1)), "`l` takes a list, not a number");
    assert_eq!(refused("t", int(1)), "`t` takes an object of its fields, not a number");
    assert_eq!(refused("b", int(2)), "`b` takes true or false, not a number");
    assert_eq!(
        refused("s", json("{\"secret\":3}")),
        "`s` takes text, not a secret that was left out"
    );
}

#[test]
fn unknown_paths_name_the_nearest() {
    let def = define("health: u8, l: [u8] { colour: u8 }, t: { x: u8 }");
    let zero = hex!("00 01 05 00");
    let refused = |path: &str| def.refused(&zero, |e| e.set(path, int(1)));
    assert_eq!(refused("healt"), "there is no field `healt` in the packet; did you mean `health`?");
    assert_eq!(
        refused("l[0].color"),
        "there is no field `color` in `l[0]`; did you mean `colour`?"
    );
    assert_eq!(refused("t.z"), "there is no field `z` in `t`");
    assert_eq!(refused("health.x"), "there is no field `x` in `health`");
    assert_eq!(refused("l[1].colour"), "`l` has 1 element(s), so there is no [1]");
    assert_eq!(refused("l["), "`l[` is no path: `[` without `]`");
}

#[test]
fn a_path_that_is_set_twice_has_the_last_value() {
    let def = define("a: u8, f: flags u8 { x y }, z: u8");
    let out = def.edited(&hex!("00 00 ff"), |e| e.set("a", int(1)).set("A", int(2)));
    assert_eq!(out.unwrap(), hex!("02 00 ff"));
    // A part is nearer than the whole.
    let out = def.edited(&hex!("00 00 ff"), |e| e.set("f", int(3)).set("f.x", Given::Bool(false)));
    assert_eq!(out.unwrap(), hex!("00 02 ff"));
}

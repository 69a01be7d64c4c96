//! Edits of packets and packets made from values, told byte by byte.

#[path = "splice/support.rs"]
mod support;

use hex_literal::hex;
use midwire_definition::splice::editable_paths;
use midwire_definition::{EditError, Edits, Given, Workspace};
use support::{define, define_with, json};

fn int(n: i128) -> Given {
    Given::Int(n)
}

fn text(t: &str) -> Given {
    Given::Text(t.into())
}

// ---- copying ---------------------------------------------------------------------------------

#[test]
fn without_edits_everything_is_copied() {
    let def = define("a: varint, b: bool, c: str[varint]");
    let odd = hex!("85 80 00  02  83 00 ff fe fd  99 99");
    assert_eq!(def.edited(&odd, |_| {}).unwrap(), odd);
}

#[test]
fn an_edit_leaves_odd_forms_beside_it_alone() {
    let def = define("a: varint, b: bool, c: str[varint], pad 2, d: u8, e: f32");
    // An over-long varint, a bool of 2, an over-long length, padding, a NaN, and bytes behind.
    let odd = hex!("85 80 00  02  81 00 ff  be ef  07  7f c0 12 34  99 99");
    let new = hex!("85 80 00  02  81 00 ff  be ef  09  7f c0 12 34  99 99");
    assert_eq!(def.edited(&odd, |e| drop(e.set("d", int(9)))).unwrap(), new);
}

#[test]
fn a_field_set_to_what_it_is_keeps_its_bytes() {
    let def = define("a: varint, b: bool, c: u8");
    let odd = hex!("85 80 00 02 01");
    let same = def.edited(&odd, |e| {
        e.set("a", int(5)).set("b", Given::Bool(true)).set("c", int(1));
    });
    assert_eq!(same.unwrap(), odd);
}

// ---- values ----------------------------------------------------------------------------------

#[test]
fn numbers_are_written_in_their_form() {
    let def = define("a: i16, b: u24le, c: varint, d: zigzag32, e: varlong");
    let zero = hex!("0000 000000 00 00 00");
    let out = def.edited(&zero, |e| {
        e.set("a", int(-2)).set("b", int(0x010203)).set("c", int(-1));
        e.set("d", int(-3)).set("e", int(300));
    });
    assert_eq!(out.unwrap(), hex!("fffe 030201 ffffffff0f 05 ac02"));
}

#[test]
fn a_number_that_does_not_fit_is_refused_with_its_range() {
    let def = define("a: u8, p: bits u8 { x: i4, y: u4 }");
    assert_eq!(
        def.refused(&[0, 0], |e| drop(e.set("a", int(256)))),
        "256 does not fit `a`, which takes 0 to 255"
    );
    assert_eq!(
        def.refused(&[0, 0], |e| drop(e.set("p.x", int(8)))),
        "8 does not fit `p.x`, which takes -8 to 7"
    );
    assert_eq!(def.edited(&[0, 0], |e| drop(e.set("p.x", int(-8)))).unwrap(), hex!("00 80"));
}

#[test]
fn enums_take_names_and_any_number() {
    let def = define("k: enum varint { stone grass = 5 dirt }");
    assert_eq!(def.edited(&[0], |e| drop(e.set("k", text("Dirt")))).unwrap(), [6]);
    assert_eq!(def.edited(&[0], |e| drop(e.set("k", int(99)))).unwrap(), [99]);
    assert_eq!(
        def.refused(&[0], |e| drop(e.set("k", text("dirty")))),
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
        e.set("u", text("069a79f4-44e9-4726-a5be-fca90e38aaf5")).set("x", text("0A1b"));
    });
    let new = hex!("3fc00000 00000000000000c0 3800 069a79f444e94726a5befca90e38aaf5 02 0a1b 09");
    assert_eq!(out.unwrap(), new);
    let nan = def.edited(&zero, |e| drop(e.set("a", text("NaN")))).unwrap();
    assert_eq!(nan[..4], f32::NAN.to_be_bytes());
    assert!(def.refused(&zero, |e| drop(e.set("a", Given::Float(1e39)))).contains("too large"));
    assert!(def.refused(&zero, |e| drop(e.set("u", text("12")))).contains("UUID"));
    assert!(def.refused(&zero, |e| drop(e.set("x", text("abc")))).contains("hexadecimal"));
}

#[test]
fn text_gets_its_length_in_every_encoding() {
    let def = define("a: str[varint], b: latin1[u8], c: mutf8[u16], d: utf16[u16], e: str[..]");
    let empty = hex!("00 00 0000 0000");
    let out = def.edited(&empty, |e| {
        e.set("a", text("é")).set("b", text("é")).set("c", text("\0😀")).set("d", text("😀"));
        e.set("e", text("end"));
    });
    let new = hex!("02c3a9 01e9 0008c080eda0bdedb880 0002d83dde00 656e64");
    assert_eq!(out.unwrap(), new);
    assert_eq!(
        def.refused(&empty, |e| drop(e.set("b", text("€")))),
        "`b` cannot hold `€`: it is Latin-1"
    );
}

#[test]
fn an_over_long_prefix_is_kept_while_the_length_stays() {
    let def = define("a: str[varint], b: [varint] u8");
    let odd = hex!("83 00 616263  82 00 0102");
    assert_eq!(
        def.edited(&odd, |e| drop(e.set("a", text("xyz")))).unwrap(),
        hex!("83 00 78797a  82 00 0102")
    );
    assert_eq!(
        def.edited(&odd, |e| drop(e.set("a", text("xy")).set("b[1]", int(9)))).unwrap(),
        hex!("02 7879  82 00 0109")
    );
}

#[test]
fn lengths_that_are_fixed_or_limited_hold() {
    let def = define("a: bytes[2], b: str[u8 max 3], c: [u8 max 2] u8, d: str[varint] @max 4");
    let zero = hex!("0000 00 00 00");
    let refused = |path: &str, value: Given| def.refused(&zero, |e| drop(e.set(path, value)));
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
    assert_eq!(def.edited(&[0x81], |e| drop(e.set("f", json("[\"down\", 64]")))).unwrap(), [0x42]);
    assert_eq!(def.edited(&[0x81], |e| drop(e.set("f", json("{\"left\":true}")))).unwrap(), [0x91]);
    assert_eq!(def.edited(&[0x81], |e| drop(e.set("f.up", Given::Bool(false)))).unwrap(), [0x80]);
    assert_eq!(
        def.refused(&[0], |e| drop(e.set("f.lift", Given::Bool(true)))),
        "`f` has no value named `lift`; did you mean `left`?; an unnamed one is given by its number"
    );
}

#[test]
fn the_top_bit_of_signed_flags_is_a_bit_like_any_other() {
    let def = define("f: flags i8 { low = 0 high = 7 }");
    assert_eq!(def.edited(&[0], |e| drop(e.set("f.high", Given::Bool(true)))).unwrap(), [0x80]);
    assert_eq!(def.edited(&[0x81], |e| drop(e.set("f.low", Given::Bool(false)))).unwrap(), [0x80]);
    assert_eq!(def.edited(&[0], |e| drop(e.set("f", json("[\"high\"]")))).unwrap(), [0x80]);
}

#[test]
fn raw_bytes_are_taken_if_they_are_the_value() {
    let def = define("a: varint, b: bool, s: str[varint], l: [varint] u8");
    let zero = hex!("00 00 00 00");
    let out = def.edited(&zero, |e| {
        e.set("a", json("{\"value\":5,\"$raw\":\"8500\"}"));
        e.set("b", json("{\"value\":true,\"$raw\":\"02\"}"));
        e.set("s", json("{\"value\":\"a\u{fffd}\",\"$raw\":\"820061ff\"}"));
        e.set("l", json("{\"value\":[7],\"$prefix\":\"8100\"}"));
    });
    assert_eq!(out.unwrap(), hex!("8500 02 820061ff 810007"));
    for (path, value) in [
        ("a", "{\"value\":6,\"$raw\":\"8500\"}"),
        ("a", "{\"value\":5,\"$raw\":\"850000\"}"),
        ("s", "{\"value\":\"b\",\"$raw\":\"0161\"}"),
        ("s", "{\"value\":\"a\",\"$raw\":\"0161ff\"}"),
        ("l", "{\"value\":[7],\"$prefix\":\"02\"}"),
    ] {
        let error = def.edited(&zero, |e| drop(e.set(path, json(value)))).unwrap_err();
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
        );
    });
    assert_eq!(out.unwrap(), hex!("0a 01 0001 61 05 00  00"));
    let out = def.edited(&out_of(&def, "{\"o\":{\"type\":\"byte\",\"value\":1}}"), |e| {
        e.set("o", Given::Null);
    });
    assert_eq!(out.unwrap(), zero);
}

fn out_of(def: &support::Definition, json: &str) -> Vec<u8> {
    def.encoded(json).unwrap()
}

#[test]
fn values_of_another_kind_are_refused_in_words() {
    let def = define("a: u8, s: str[u8], l: [u8] u8, t: { x: u8 }, b: bool");
    let zero = hex!("00 00 00 00 00");
    let refused = |path: &str, value: Given| def.refused(&zero, |e| drop(e.set(path, value)));
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
    let refused = |path: &str| def.refused(&zero, |e| drop(e.set(path, int(1))));
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

// ---- lists, counts, lengths ------------------------------------------------------------------

#[test]
fn elements_are_edited_inserted_and_removed_by_their_old_places() {
    let def = define("l: [varint] { a: varint, b: u8 }, z: u8");
    let body = hex!("03  8100 0a  02 0b  03 0c  ff");
    let out = def.edited(&body, |e| {
        e.set("l[2].b", int(0x2c)).remove("l[1]");
        e.insert("l", 0, json("{\"a\":9}")).insert("l", 3, json("{\"b\":8}"));
    });
    assert_eq!(out.unwrap(), hex!("04  09 00  8100 0a  03 2c  00 08  ff"));
}

#[test]
fn a_count_in_front_follows_its_list() {
    let def = define("n: varint, x: u8, l: [n] u16, m: varint, s: str[m - 1]");
    let body = hex!("8200 07 0001 0002 03 6162");
    let out = def.edited(&body, |e| drop(e.remove("l[0]").set("s", text("abc"))));
    assert_eq!(out.unwrap(), hex!("01 07 0002 04 616263"));
    // The number did not change: its odd form stays.
    let out = def.edited(&body, |e| drop(e.set("l[0]", int(9))));
    assert_eq!(out.unwrap(), hex!("8200 07 0009 0002 03 6162"));
    assert_eq!(
        def.refused(&body, |e| drop(e.set("n", int(3)))),
        "`n` is set to 3, but `l` (length 2) needs it to be 2"
    );
    let out = def.edited(&body, |e| drop(e.set("n", int(3)).insert("l", 2, int(3))));
    assert_eq!(out.unwrap(), hex!("03 07 0001 0002 0003 03 6162"));
}

#[test]
fn a_count_that_does_not_fit_its_form_is_refused() {
    let def = define("n: u8, l: [n] u8");
    let long = Given::List(vec![int(0); 256]);
    assert_eq!(
        def.refused(&[0], |e| drop(e.set("l", long))),
        "256 does not fit `n`, which takes 0 to 255"
    );
}

#[test]
fn lists_that_share_a_count_have_to_agree() {
    let def = define("n: u8, a: [n] u8, b: [n] u8");
    let body = hex!("01 05 06");
    assert_eq!(
        def.refused(&body, |e| drop(e.insert("a", 1, int(7)))),
        "`n` is the length of `a` and `b`, which would have 2 and 1; they have to be equal"
    );
    let out = def.edited(&body, |e| drop(e.insert("a", 1, int(7)).insert("b", 0, int(8))));
    assert_eq!(out.unwrap(), hex!("02 0507 0806"));
}

#[test]
fn a_scaled_count_must_come_out_even() {
    let def = define("n: u8, l: [n * 2] u8");
    assert_eq!(
        def.refused(&[0], |e| drop(e.insert("l", 0, int(1)))),
        "no value of `n` stands for 1 of `l` (2 * n + 0)"
    );
    assert_eq!(def.edited(&[0], |e| drop(e.set("l", json("[1,2]")))).unwrap(), [1, 1, 2]);
}

#[test]
fn a_size_that_is_calculated_has_to_agree() {
    let def = define("w: u8, h: u8, l: [w * h] u8");
    let body = hex!("01 02 0a0b");
    assert_eq!(
        def.refused(&body, |e| drop(e.set("w", int(2)))),
        "`l` would have 2 elements, but `w * h` says 4; they have to agree"
    );
    let out = def.edited(&body, |e| drop(e.set("w", int(2)).set("l", json("[1,2,3,4]"))));
    assert_eq!(out.unwrap(), hex!("02 02 01020304"));
    assert_eq!(def.encoded("{\"w\":2,\"h\":2}").unwrap(), hex!("02 02 00000000"));
}

#[test]
fn written_values_are_computed_where_what_they_are_made_of_changed() {
    let def = define("l: [u8] u8, n: u8 = count(l) + 1, a: u8, t: str[u8], sum: u8 = a + bytes(t)");
    // What the sender wrote is wrong, and stays until something it is made of changes.
    let body = hex!("01 05  77  01 00  66");
    let edited = |e: &dyn Fn(&mut Edits)| def.edited(&body, |edits| e(edits)).unwrap();
    assert_eq!(edited(&|e| drop(e.set("l[0]", int(6)))), hex!("01 06  77  01 00  66"));
    assert_eq!(edited(&|e| drop(e.set("a", int(3)))), hex!("01 05  77  03 00  04"));
    assert_eq!(edited(&|e| drop(e.set("t", text("abc")))), hex!("01 05  77  01 03616263  05"));
    assert_eq!(edited(&|e| drop(e.insert("l", 0, int(4)))), hex!("02 0405  03  01 00  66"));
    // Readers do not need it to be right, so it can be set to anything.
    assert_eq!(edited(&|e| drop(e.set("sum", int(9)))), hex!("01 05  77  01 00  09"));
    assert_eq!(def.encoded("{\"l\":[1,2],\"a\":4}").unwrap(), hex!("02 0102 03 04 00 05"));
}

#[test]
fn a_list_ended_by_a_value_keeps_its_end_mark() {
    let def = define("l: [until varint == 0] { id: varint, n: u8 }, z: u8");
    let body = hex!("05 01  8000  ff");
    assert_eq!(
        def.edited(&body, |e| drop(e.insert("l", 1, json("{\"id\":6}")))).unwrap(),
        hex!("05 01  06 00  8000  ff")
    );
    assert_eq!(def.edited(&body, |e| drop(e.remove("l[0]"))).unwrap(), hex!("8000 ff"));
    assert_eq!(
        def.refused(&body, |e| drop(e.set("l[0].id", int(0)))),
        "`l[0]`: it begins with 0, which ends the list"
    );
    assert_eq!(def.encoded("{\"l\":[{\"id\":1}],\"z\":2}").unwrap(), hex!("01 00 00 02"));
}

#[test]
fn a_list_that_goes_on_by_a_flag_of_its_elements_marks_only_the_last() {
    let def =
        define("l: [while it.head.more] { head: bits u8 { more: u1, slot: u7 }, n: u8 }, z: u8");
    let body = hex!("81 0a  82 0b  03 0c  ff");
    let edited = |e: &dyn Fn(&mut Edits)| def.edited(&body, |edits| e(edits)).unwrap();
    assert_eq!(edited(&|e| drop(e.remove("l[2]"))), hex!("81 0a  02 0b  ff"));
    let new = json("{\"head\":{\"slot\":9}}");
    assert_eq!(
        edited(&|e| drop(e.insert("l", 3, new.clone()))),
        hex!("81 0a  82 0b  83 0c  09 00  ff")
    );
    assert_eq!(
        edited(&|e| drop(e.insert("l", 0, new.clone()))),
        hex!("89 00  81 0a  82 0b  03 0c  ff")
    );
    assert_eq!(edited(&|e| drop(e.set("l[1].head.slot", int(5)))), hex!("81 0a  85 0b  03 0c  ff"));
    assert!(def.refused(&body, |e| drop(e.set("l", json("[]")))).contains("one element at least"));
    let wrong = |e: &mut Edits| drop(e.set("l[0].head.more", Given::Bool(false)));
    assert_eq!(def.refused(&body, wrong), "`l[0].head.more` is set to 0, but `l` needs it to be 1");
    assert_eq!(def.encoded("{\"z\":1}").unwrap(), hex!("00 00 01"));
}

#[test]
fn a_list_that_ends_by_a_sum_has_to_reach_it() {
    let def = define("w: u8, l: [until sum(it.run + 1) >= w * 2] { run: u8, v: u8 }, z: u8");
    let body = hex!("02  01 0a  01 0b  ff");
    let out = def.edited(&body, |e| drop(e.set("l[0].v", int(9))));
    assert_eq!(out.unwrap(), hex!("02  01 09  01 0b  ff"));
    assert_eq!(
        def.refused(&body, |e| drop(e.set("l[0].run", int(0)))),
        "`l`: its elements give 3; >= 4 (w * 2) is needed"
    );
    assert_eq!(
        def.refused(&body, |e| drop(e.set("l[0].run", int(3)))),
        "`l`: the elements before [1] already give 4"
    );
    let out = def.edited(&body, |e| drop(e.set("l[0].run", int(3)).remove("l[1]")));
    assert_eq!(out.unwrap(), hex!("02  03 0a  ff"));
    let error = def.edited(&body, |e| drop(e.set("w", int(9)))).unwrap_err();
    assert!(matches!(error, EditError::List { .. }), "{error}");
}

#[test]
fn long_lists_are_spliced_by_range() {
    let def = define("l: [u16] { a: varint }, z: u8");
    let mut body = 1000u16.to_be_bytes().to_vec();
    for i in 0..1000u32 {
        body.extend_from_slice(if i % 2 == 0 { &[0x85, 0x80, 0x00] } else { &[0x06] });
    }
    body.push(0xff);
    let out = def.edited(&body, |e| drop(e.set("l[500].a", int(1)).remove("l[999]"))).unwrap();
    let at = 2 + 500 * 2;
    let mut wanted = body.clone();
    wanted[..2].copy_from_slice(&999u16.to_be_bytes());
    wanted.remove(body.len() - 2);
    wanted.splice(at..at + 3, [1]);
    assert_eq!(out, wanted);
}

// ---- conditions ------------------------------------------------------------------------------

#[test]
fn setting_a_gated_field_sets_its_flag_and_deleting_clears_it() {
    let def = define(
        "m: flags u8 { a has_v b has_r }, if m.has_v { v: { x: u8, y: u8 } }, if m.has_r { r: u16 }, z: u8",
    );
    let body = hex!("81 ff");
    let out = def.edited(&body, |e| drop(e.set("v", json("{\"y\":3}"))));
    assert_eq!(out.unwrap(), hex!("83 0003 ff"));
    let body = hex!("8a 0102 0304 ff");
    assert_eq!(def.edited(&body, |e| drop(e.delete("v"))).unwrap(), hex!("88 0304 ff"));
    assert_eq!(def.edited(&body, |e| drop(e.set("r", Given::Null))).unwrap(), hex!("82 0102 ff"));
    assert_eq!(
        def.edited(&body, |e| drop(e.set("m.has_v", Given::Bool(false)))).unwrap(),
        hex!("88 0304 ff")
    );
    let both =
        def.refused(&body, |e| drop(e.set("m.has_v", Given::Bool(false)).set("v.x", int(1))));
    assert_eq!(both, "`m.has_v` is set to 0, but `v` needs it to be 1");
    let both = def.refused(&body, |e| drop(e.delete("v").set("m", json("[\"has_v\"]"))));
    assert_eq!(both, "`m.has_v` is set to 1, but `v` needs it to be 0");
    // What is not there is not deleted.
    assert_eq!(def.edited(&hex!("81 ff"), |e| drop(e.delete("v"))).unwrap(), hex!("81 ff"));
    assert_eq!(
        def.refused(&body, |e| drop(e.delete("z"))),
        "`z` cannot be left out: nothing in the packet says whether it is there"
    );
}

#[test]
fn flags_that_are_gated_themselves_are_set_all_the_way() {
    let def = define(
        "f1: flags u8 { more x }, if f1.more { f2: flags u8 { more x } }, if f2.more { f3: flags u8 { y } }, z: u8",
    );
    let out = def.edited(&hex!("02 ff"), |e| drop(e.set("f3.y", Given::Bool(true))));
    assert_eq!(out.unwrap(), hex!("03 01 01 ff"));
    assert_eq!(def.edited(&hex!("03 01 01 ff"), |e| drop(e.delete("f2"))).unwrap(), hex!("02 ff"));
}

#[test]
fn conditions_turn_round_by_their_form() {
    let set = |fields: &str, body: &[u8]| {
        define(fields).edited(body, |e| drop(e.set("v", int(7)))).map_err(|e| e.to_string())
    };
    let delete = |fields: &str, body: &[u8]| {
        define(fields).edited(body, |e| drop(e.delete("v"))).map_err(|e| e.to_string())
    };
    let cases: &[(&str, &[u8], &[u8])] = &[
        ("b: bool, if b { v: u8 }", &[0], &[1, 7]),
        ("b: bool, if not b { v: u8 }", &[1], &[0, 7]),
        ("b: bool, if b { w: u8 } else { v: u8 }", &[1, 9], &[0, 7]),
        ("k: u8, if k == 3 { v: u8 }", &[0], &[3, 7]),
        ("k: u8, if 3 == k { v: u8 }", &[0], &[3, 7]),
        ("k: u8, if k != 3 { w: u8 } else { v: u8 }", &[0, 1], &[3, 7]),
        ("k: u8, b: bool, if k == 3 and b { v: u8 }", &[0, 0], &[3, 1, 7]),
        ("k: u8, if k & 0x80 != 0 { v: u8 }", &[1], &[0x81, 7]),
        ("k: u8, let high = k & 0x80, if high != 0 { v: u8 }", &[1], &[0x81, 7]),
        ("k: u8, match k { 1 => { w: u8 }, 4 => { v: u8 } }", &[0], &[4, 7]),
        ("k: enum u8 { a b c }, match k { a => { w: u8 }, c => { v: u8 } }", &[0, 9], &[2, 7]),
        ("k: str[u8], match k { \"x\" => { v: u8 }, else => { w: u8 } }", &[0, 9], &[1, b'x', 7]),
        ("b: bool, match b { true => { v: u8 } }", &[0], &[1, 7]),
        ("p: bits u8 { on: u1, n: u7 }, if p.on { v: u8 }", &[0x05], &[0x85, 7]),
        ("v: opt u8", &[0], &[1, 7]),
        ("k: u8, if k in {5} { v: u8 }", &[0], &[5, 7]),
        ("if remaining > 0 { v: u8 }", &[], &[7]),
    ];
    for (fields, body, wanted) in cases {
        assert_eq!(set(fields, body).as_deref(), Ok(*wanted), "{fields}");
        assert_eq!(set(fields, wanted).as_deref(), Ok(*wanted), "{fields}");
    }
    let cases: &[(&str, &[u8], &[u8])] = &[
        ("b: bool, if b { v: u8 }", &[2, 7], &[0]),
        ("b: bool, if not b { v: u8 }", &[0, 7], &[1]),
        ("k: u8, if k == 3 { w: u8 } else { v: u8 }", &[0, 7], &[3, 0]),
        ("n: u8, if n > 0 { v: u8 }", &[2, 7], &[0]),
        ("n: u8, if n >= 1 { v: u8 }", &[2, 7], &[0]),
        ("k: u8, b: bool, if k == 3 and b { v: u8 }", &[3, 1, 7], &[3, 0]),
        ("v: opt u8", &[1, 7], &[0]),
        ("if remaining > 0 { v: u8 }", &[7], &[]),
    ];
    for (fields, body, wanted) in cases {
        assert_eq!(delete(fields, body).as_deref(), Ok(*wanted), "{fields}");
    }
}

#[test]
fn conditions_with_more_than_one_way_are_refused_with_the_reason() {
    let cases = [
        (
            "a: bool, b: bool, if a or b { v: u8 }",
            "`v` is there only with `a or b`: each side of `or` would do: set the one that is meant",
        ),
        (
            "n: u8, if n < 3 { w: u8 } else { v: u8 }",
            "`v` is there only with `not (n < 3)`: any value >= 3 would do: set the one that is meant",
        ),
        (
            "n: u8, if n > 0 { v: u8 }",
            "`v` is there only with `n > 0`: any value > 0 would do: set the one that is meant",
        ),
        (
            "n: u8, if n + 1 == 5 { v: u8 }",
            "`v` is there only with `(n + 1) == 5`: it is calculated, and more than one way may make it true: set what it depends on",
        ),
        (
            "n: u8, match n { 1, 2 => { v: u8 } }",
            "`v` is there only with `match n { 1, 2 }`: more than one value would do: set it to the one that is meant",
        ),
        (
            "n: u8, match n { 0 => { v: u8 }, 1 => { v: u16 }, else => { w: u8 } }",
            "`v` is there only with `match n { 0 }` or `match n { 1 }`: set what chooses between them",
        ),
        (
            "if conn.me == 8 { v: u8 }",
            "`v` is there only with `conn variable 1 == 8`: it is calculated, and more than one way may make it true: set what it depends on",
        ),
    ];
    for (fields, message) in cases {
        let def = define(fields);
        let zero = def.encoded("{}").unwrap_or_default();
        let zero = if fields.starts_with("n: u8, match n { 0") { vec![9, 0] } else { zero };
        assert_eq!(def.refused(&zero, |e| drop(e.set("v", int(7)))), message);
    }
    let def = define("k: u8, if k == 3 { v: u8 }");
    assert_eq!(
        def.refused(&[3, 7], |e| drop(e.delete("v"))),
        "`v` is there only with `k == 3`: any value != 3 would do: set the one that is meant"
    );
    // The condition is satisfied by another edit: no way has to be found.
    let def = define("n: u8, if n > 0 { v: u8 }");
    let out = def.edited(&[0], |e| drop(e.set("v", int(7)).set("n", int(2))));
    assert_eq!(out.unwrap(), [2, 7]);
}

#[test]
fn another_tag_drops_the_old_arm_and_makes_the_new() {
    let def = define(
        "k: u8, match k { 0 => { a: u16, s: u8 }, 1 => { b: [u8] u8, s: varint }, 2 => nothing }, z: u8",
    );
    let body = hex!("00 1234 05 ff");
    assert_eq!(def.edited(&body, |e| drop(e.set("k", int(1)))).unwrap(), hex!("01 00 00 ff"));
    assert_eq!(
        def.edited(&body, |e| drop(e.set("b", json("[7]")).set("s", int(300)).set("k", int(1))))
            .unwrap(),
        hex!("01 0107 ac02 ff")
    );
    assert_eq!(def.edited(&body, |e| drop(e.set("k", int(2)))).unwrap(), hex!("02 ff"));
    assert_eq!(
        def.refused(&body, |e| drop(e.set("a", int(1)).set("k", int(1)))),
        "`k` is set to 1, but `a` needs it to be 0"
    );
}

#[test]
fn a_count_of_none_turns_with_its_list() {
    let def = define("n: varint, if n == 0 { name: str[u8] } else { ids: [n - 1] varint }, z: u8");
    let ids = hex!("8300 05 06 ff");
    assert_eq!(def.edited(&ids, |e| drop(e.set("name", text("a")))).unwrap(), hex!("00 01 61 ff"));
    assert_eq!(
        def.edited(&hex!("00 01 61 ff"), |e| drop(e.set("ids", json("[9]")))).unwrap(),
        hex!("02 09 ff")
    );
    assert_eq!(def.edited(&ids, |e| drop(e.remove("ids[0]"))).unwrap(), hex!("02 06 ff"));
    assert_eq!(def.encoded("{\"ids\":[],\"z\":1}").unwrap(), hex!("01 01"));
    let def = define("n: u8, if n > 0 { l: [n] u8 }");
    assert_eq!(def.edited(&[0], |e| drop(e.insert("l", 0, int(4)))).unwrap(), [1, 4]);
    assert_eq!(def.edited(&[1, 4], |e| drop(e.delete("l"))).unwrap(), [0]);
}

#[test]
fn a_tag_outside_of_a_list_reshapes_every_element() {
    let def = define(
        "f: flags u8 { lat name }, l: [u8] { id: u8, if f.lat { lat: varint }, if f.name { n: str[u8] } }",
    );
    let body = hex!("01 02  0a 8500  0b 06");
    // One element needs the flag; the others get a default.
    assert_eq!(
        def.edited(&body, |e| drop(e.set("l[1].n", text("x")))).unwrap(),
        hex!("03 02  0a 8500 00  0b 06 0178")
    );
    assert_eq!(
        def.edited(&body, |e| drop(e.set("f.lat", Given::Bool(false)))).unwrap(),
        hex!("00 02 0a 0b")
    );
}

#[test]
fn arguments_of_recursive_types_pass_conditions_on() {
    let def = define_with(
        "type Node(deep) { v: u8, if deep { w: u8 }, more: bool, if more { next: Node(deep) } }",
        "d: bool, n: Node(d), z: u8",
    );
    let body = hex!("00  05 01  06 00  ff");
    assert_eq!(
        def.edited(&body, |e| drop(e.set("n.next.v", int(9)))).unwrap(),
        hex!("00 05 01 09 00 ff")
    );
    assert_eq!(
        def.edited(&body, |e| drop(e.set("n.next.next", json("{\"v\":1}")))).unwrap(),
        hex!("00  05 01  06 01  01 00  ff")
    );
    assert_eq!(
        def.edited(&body, |e| drop(e.set("n.next.w", int(8)))).unwrap(),
        hex!("01  05 00 01  06 08 00  ff")
    );
    assert_eq!(def.edited(&body, |e| drop(e.delete("n.next"))).unwrap(), hex!("00 05 00 ff"));
}

#[test]
fn nesting_without_end_is_refused() {
    let def = define_with("type Node { more: bool, if more { next: Node } }", "n: Node");
    let mut given = json("{}");
    for _ in 0..100 {
        given = Given::Object(vec![("next".into(), given)]);
    }
    let error = def.encoded_given(&Given::Object(vec![("n".into(), given)])).unwrap_err();
    assert!(matches!(error, EditError::Depth { max: 64, .. }), "{error}");
}

// ---- blocks ----------------------------------------------------------------------------------

fn deflated(wrapper: midwire_codec::Wrapper, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    midwire_codec::Deflater::new(9).deflate(wrapper, plain, &mut out);
    out
}

fn inflated(wrapper: midwire_codec::Wrapper, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    midwire_codec::Inflater::default().inflate_block(wrapper, bytes, &mut out).unwrap();
    out
}

#[test]
fn a_sized_block_gets_its_new_size_and_keeps_what_is_behind_its_fields() {
    let def = define("b: sized[varint] { s: str[u8] }, z: u8");
    let body = hex!("84 00  01 61  be ef  ff");
    assert_eq!(
        def.edited(&body, |e| drop(e.set("b.s", text("abc")))).unwrap(),
        hex!("06  03 616263  be ef  ff")
    );
    assert_eq!(
        def.edited(&body, |e| drop(e.set("b.s", text("b")))).unwrap(),
        hex!("84 00  01 62  be ef  ff")
    );
}

#[test]
fn a_compressed_block_is_edited_inside_and_else_stays_as_it_is() {
    use midwire_codec::Wrapper;
    for (name, wrapper) in
        [("zlib", Wrapper::Zlib), ("deflate", Wrapper::Deflate), ("gzip", Wrapper::Gzip)]
    {
        let def =
            define(&format!("a: u8, n: u16, b: {name}[n] {{ x: varint, y: str[u8] }}, z: u8"));
        let plain = hex!("8500 02 6869 cc");
        let stored = deflated(wrapper, &plain);
        let mut body = vec![7];
        body.extend_from_slice(&(stored.len() as u16).to_be_bytes());
        body.extend_from_slice(&stored);
        body.push(0xff);

        let out = def.edited(&body, |e| drop(e.set("a", int(8)))).unwrap();
        assert_eq!(out[1..], body[1..], "{name}");
        let out = def.edited(&body, |e| drop(e.set("b.x", int(5)))).unwrap();
        assert_eq!(out, body, "{name}: nothing changed inside");
        let out = def.edited(&body, |e| drop(e.set("b.y", text("hello")))).unwrap();
        let size = usize::from(u16::from_be_bytes([out[1], out[2]]));
        assert_eq!(out.len(), 1 + 2 + size + 1);
        assert_eq!(inflated(wrapper, &out[3..3 + size]), hex!("8500 05 68656c6c6f cc"), "{name}");
        assert_eq!(out.last(), Some(&0xff));
    }
}

#[test]
fn what_is_behind_a_compressed_stream_is_kept() {
    use midwire_codec::Wrapper;
    let def = define("b: zlib[..] { x: u8 }");
    let mut body = deflated(Wrapper::Zlib, &[1]);
    body.extend_from_slice(b"tail");
    let out = def.edited(&body, |e| drop(e.set("b.x", int(2)))).unwrap();
    assert!(out.ends_with(b"tail"));
    assert_eq!(inflated(Wrapper::Zlib, &out), [2]);
}

#[test]
fn blocks_inside_lists_and_blocks_are_edited() {
    use midwire_codec::Wrapper;
    let def = define("l: [u8] zlib[u8] { s: sized[u8] { x: u8 } }");
    let stored = deflated(Wrapper::Zlib, &[1, 5]);
    let mut body = vec![2];
    for _ in 0..2 {
        body.push(stored.len() as u8);
        body.extend_from_slice(&stored);
    }
    let out = def.edited(&body, |e| drop(e.set("l[1].s.x", int(6)))).unwrap();
    let second = 2 + stored.len();
    assert_eq!(out[..second], body[..second], "the first one stays compressed");
    assert_eq!(inflated(Wrapper::Zlib, &out[second + 1..]), [1, 6]);
}

// ---- packed, computed, unread ----------------------------------------------------------------

#[test]
fn packed_numbers_are_written_as_they_are_read() {
    let def = define("w: u8, n: u8, p: packed(w, n)");
    let made = def.encoded("{\"w\":5,\"n\":14,\"p\":[1,2,3,4,5,6,7,8,9,10,11,12,13,31]}").unwrap();
    assert_eq!(made.len(), 2 + 16);
    let read = json(&def.decoded(&made));
    assert_eq!(read.get("p"), Some(&json("[1,2,3,4,5,6,7,8,9,10,11,12,13,31]")));
    assert!(def.refused(&made, |e| drop(e.set("p", json("[1]")))).contains("1 numbers"));
    assert!(def.encoded("{\"w\":2,\"n\":1,\"p\":[4]}").unwrap_err().to_string().contains("0 to 3"));
}

#[test]
fn computed_fields_cannot_be_set_to_something_else() {
    let def = define("a: u8, let double = a * 2, b: u8");
    let error = def.refused(&[3, 0], |e| drop(e.set("double", int(7))));
    assert_eq!(error, "`double` is set to 7, but what it is computed from needs it to be 6");
    // As decoded packets have it.
    let out = def.edited(&[3, 0], |e| drop(e.set("double", int(8)).set("a", int(4))));
    assert_eq!(out.unwrap(), [4, 0]);
}

#[test]
fn of_a_packet_that_could_not_be_read_the_rest_is_copied() {
    let def = define("a: varint, s: str[u8], b: u8, c: str[u8], d: u8");
    // `c` says 9 bytes and has two.
    let body = hex!("8500 01 61 07 09 abcd");
    let out = def.edited(&body, |e| drop(e.set("s", text("xyz")).set("b", int(8))));
    assert_eq!(out.unwrap(), hex!("8500 03 78797a 08 09 abcd"));
    let error = def.edited(&body, |e| drop(e.set("c", text("")))).unwrap_err();
    assert_eq!(error, EditError::Unread { path: "c".into() });
    let error = def.edited(&body, |e| drop(e.set("d", int(1)))).unwrap_err();
    assert_eq!(error, EditError::Unread { path: "d".into() });
    let def = define("f: flags u8 { has_v }, c: str[u8], if f.has_v { v: u8 }");
    let error = def.edited(&hex!("00 05 61"), |e| drop(e.set("v", int(1)))).unwrap_err();
    assert_eq!(error, EditError::Unread { path: "v".into() });
}

#[test]
fn what_would_be_read_otherwise_is_refused() {
    // The bytes behind the last field would become the field.
    let def = define("a: u8, if remaining > 1 { v: u8 }");
    let error = def.edited(&[1], |e| drop(e.set("v", int(5)))).unwrap_err();
    assert!(matches!(error, EditError::Inconsistent { .. }), "{error}");
}

// ---- making packets --------------------------------------------------------------------------

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

// ---- five faults of an encoder in wide use ---------------------------------------------------

#[test]
fn entry_0_of_an_enum_and_an_unknown_number_are_two_things() {
    let def = define("k: enum varint { zero one }");
    assert_eq!(def.decoded(&[0]), "{\"k\":\"zero\"}");
    assert_eq!(def.decoded(&[9]), "{\"k\":9}");
    assert_eq!(def.encoded("{\"k\":\"zero\"}").unwrap(), [0]);
    assert_eq!(def.encoded("{\"k\":9}").unwrap(), [9]);
    assert_eq!(def.edited(&[9], |e| drop(e.set("k", text("zero")))).unwrap(), [0]);
}

#[test]
fn a_flag_that_is_set_can_be_cleared() {
    let def = define("f: flags u8 { a b }");
    assert_eq!(def.edited(&[0xff], |e| drop(e.set("f.a", Given::Bool(false)))).unwrap(), [0xfe]);
    assert_eq!(def.edited(&[0xff], |e| drop(e.delete("f.b"))).unwrap(), [0xfd]);
    assert_eq!(def.edited(&[0xff], |e| drop(e.set("f", json("[]")))).unwrap(), [0]);
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
    assert_eq!(def.edited(&body, |e| drop(e.set("l[0].n", int(1)))).unwrap(), hex!("81 01 02 0b"));
}

#[test]
fn an_inline_registry_entry_comes_with_its_marker() {
    let def = define_with(
        "type Holder(T) { id: varint, if id == 0 { value: T } }",
        "sound: Holder({ name: str[varint], range: opt f32 }), z: u8",
    );
    let inline = hex!("00 01 61 00 ff");
    assert_eq!(
        def.edited(&hex!("05 ff"), |e| drop(e.set("sound.value.name", text("a")))).unwrap(),
        inline
    );
    assert_eq!(def.encoded("{\"sound\":{\"value\":{\"name\":\"a\"}},\"z\":255}").unwrap(), inline);
    assert_eq!(def.encoded(&def.decoded(&inline)).unwrap(), inline);
    assert_eq!(def.edited(&inline, |e| drop(e.set("sound.id", int(5)))).unwrap(), hex!("05 ff"));
}

#[test]
fn nbt_keeps_its_order_and_its_duplicates() {
    let def = define("n: nbt, z: u8");
    let body = hex!("0a  01 0001 62 01  01 0001 61 02  01 0001 62 03  00  ff");
    assert_eq!(def.edited(&body, |e| drop(e.set("z", int(1)))).unwrap()[..16], body[..16]);
    assert_eq!(def.encoded(&def.decoded(&body)).unwrap(), body);
}

#[test]
fn counts_that_multiply_make_no_endless_packet() {
    let def = define("a: u16, b: u16, l: [a] { m: [outer.b] { x: bytes[1000] } }");
    let error = def.encoded("{\"a\":60000,\"b\":60000}").unwrap_err();
    assert!(matches!(error, EditError::TooLong { limit: "elements_max", .. }), "{error}");
}

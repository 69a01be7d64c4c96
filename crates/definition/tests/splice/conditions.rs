//! Conditions that turn round, and those that do not.

use hex_literal::hex;
use midwire_definition::{EditError, Given};

use crate::support::{define, define_with, int, json, text};

#[test]
fn setting_a_gated_field_sets_its_flag_and_deleting_clears_it() {
    let def = define(
        "m: flags u8 { a has_v b has_r }, if m.has_v { v: { x: u8, y: u8 } }, if m.has_r { r: u16 }, z: u8",
    );
    let body = hex!("81 ff");
    let out = def.edited(&body, |e| e.set("v", json("{\"y\":3}")));
    assert_eq!(out.unwrap(), hex!("83 0003 ff"));
    let body = hex!("8a 0102 0304 ff");
    assert_eq!(def.edited(&body, |e| e.delete("v")).unwrap(), hex!("88 0304 ff"));
    assert_eq!(def.edited(&body, |e| e.set("r", Given::Null)).unwrap(), hex!("82 0102 ff"));
    assert_eq!(
        def.edited(&body, |e| e.set("m.has_v", Given::Bool(false))).unwrap(),
        hex!("88 0304 ff")
    );
    let both = def.refused(&body, |e| e.set("m.has_v", Given::Bool(false)).set("v.x", int(1)));
    assert_eq!(both, "`m.has_v` is set to 0, but `v` needs it to be 1");
    let both = def.refused(&body, |e| e.delete("v").set("m", json("[\"has_v\"]")));
    assert_eq!(both, "`m.has_v` is set to 1, but `v` needs it to be 0");
    // What is not there is not deleted.
    assert_eq!(def.edited(&hex!("81 ff"), |e| e.delete("v")).unwrap(), hex!("81 ff"));
    assert_eq!(
        def.refused(&body, |e| e.delete("z")),
        "`z` cannot be left out: nothing in the packet says whether it is there"
    );
}

#[test]
fn flags_that_are_gated_themselves_are_set_all_the_way() {
    let def = define(
        "f1: flags u8 { more x }, if f1.more { f2: flags u8 { more x } }, if f2.more { f3: flags u8 { y } }, z: u8",
    );
    let out = def.edited(&hex!("02 ff"), |e| e.set("f3.y", Given::Bool(true)));
    assert_eq!(out.unwrap(), hex!("03 01 01 ff"));
    assert_eq!(def.edited(&hex!("03 01 01 ff"), |e| e.delete("f2")).unwrap(), hex!("02 ff"));
}

#[test]
fn conditions_turn_round_by_their_form() {
    let set = |fields: &str, body: &[u8]| {
        define(fields).edited(body, |e| e.set("v", int(7))).map_err(|e| e.to_string())
    };
    let delete = |fields: &str, body: &[u8]| {
        define(fields).edited(body, |e| e.delete("v")).map_err(|e| e.to_string())
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
        assert_eq!(def.refused(&zero, |e| e.set("v", int(7))), message);
    }
    let def = define("k: u8, if k == 3 { v: u8 }");
    assert_eq!(
        def.refused(&[3, 7], |e| e.delete("v")),
        "`v` is there only with `k == 3`: any value != 3 would do: set the one that is meant"
    );
    // The condition is satisfied by another edit: no way has to be found.
    let def = define("n: u8, if n > 0 { v: u8 }");
    let out = def.edited(&[0], |e| e.set("v", int(7)).set("n", int(2)));
    assert_eq!(out.unwrap(), [2, 7]);
}

#[test]
fn another_tag_drops_the_old_arm_and_makes_the_new() {
    let def = define(
        "k: u8, match k { 0 => { a: u16, s: u8 }, 1 => { b: [u8] u8, s: varint }, 2 => nothing }, z: u8",
    );
    let body = hex!("00 1234 05 ff");
    assert_eq!(def.edited(&body, |e| e.set("k", int(1))).unwrap(), hex!("01 00 00 ff"));
    assert_eq!(
        def.edited(&body, |e| e.set("b", json("[7]")).set("s", int(300)).set("k", int(1))).unwrap(),
        hex!("01 0107 ac02 ff")
    );
    assert_eq!(def.edited(&body, |e| e.set("k", int(2))).unwrap(), hex!("02 ff"));
    assert_eq!(
        def.refused(&body, |e| e.set("a", int(1)).set("k", int(1))),
        "`k` is set to 1, but `a` needs it to be 0"
    );
}

#[test]
fn a_count_of_none_turns_with_its_list() {
    let def = define("n: varint, if n == 0 { name: str[u8] } else { ids: [n - 1] varint }, z: u8");
    let ids = hex!("8300 05 06 ff");
    assert_eq!(def.edited(&ids, |e| e.set("name", text("a"))).unwrap(), hex!("00 01 61 ff"));
    assert_eq!(
        def.edited(&hex!("00 01 61 ff"), |e| e.set("ids", json("[9]"))).unwrap(),
        hex!("02 09 ff")
    );
    assert_eq!(def.edited(&ids, |e| e.remove("ids[0]")).unwrap(), hex!("02 06 ff"));
    assert_eq!(def.encoded("{\"ids\":[],\"z\":1}").unwrap(), hex!("01 01"));
    let def = define("n: u8, if n > 0 { l: [n] u8 }");
    assert_eq!(def.edited(&[0], |e| e.insert("l", 0, int(4))).unwrap(), [1, 4]);
    assert_eq!(def.edited(&[1, 4], |e| e.delete("l")).unwrap(), [0]);
}

#[test]
fn a_tag_outside_of_a_list_reshapes_every_element() {
    let def = define(
        "f: flags u8 { lat name }, l: [u8] { id: u8, if f.lat { lat: varint }, if f.name { n: str[u8] } }",
    );
    let body = hex!("01 02  0a 8500  0b 06");
    // One element needs the flag; the others get a default.
    assert_eq!(
        def.edited(&body, |e| e.set("l[1].n", text("x"))).unwrap(),
        hex!("03 02  0a 8500 00  0b 06 0178")
    );
    assert_eq!(
        def.edited(&body, |e| e.set("f.lat", Given::Bool(false))).unwrap(),
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
        def.edited(&body, |e| e.set("n.next.v", int(9))).unwrap(),
        hex!("00 05 01 09 00 ff")
    );
    assert_eq!(
        def.edited(&body, |e| e.set("n.next.next", json("{\"v\":1}"))).unwrap(),
        hex!("00  05 01  06 01  01 00  ff")
    );
    assert_eq!(
        def.edited(&body, |e| e.set("n.next.w", int(8))).unwrap(),
        hex!("01  05 00 01  06 08 00  ff")
    );
    assert_eq!(def.edited(&body, |e| e.delete("n.next")).unwrap(), hex!("00 05 00 ff"));
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

#[test]
fn what_another_arm_would_take_the_place_of_is_not_deleted() {
    let def = define_with(
        "type In { x: u8, y: u8 }",
        "f: flags u8 { packed }, in: if f.packed then sized[u8] In else In, z: u8",
    );
    assert_eq!(
        def.refused(&hex!("00 01 02 ff"), |e| e.delete("in.x")),
        "`in.x` is there only with `not (f.packed)`: another value of it puts something else here: set that"
    );
    // Where nothing takes its place it goes.
    let def = define("f: flags u8 { a b }, if f.a { r: u16 } else if f.b { r: u8 }, z: u8");
    assert_eq!(def.edited(&hex!("01 0001 ff"), |e| e.delete("r")).unwrap(), hex!("00 ff"));
    assert_eq!(def.edited(&hex!("02 01 ff"), |e| e.delete("r")).unwrap(), hex!("00 ff"));
    assert!(def.edited(&hex!("03 0001 ff"), |e| e.delete("r")).is_err());
}

#[test]
fn a_field_of_another_arm_of_the_same_name_is_told_by_what_chooses_it() {
    let def = define_with(
        "type A { x: u8 }\ntype B { text: u8 }\ntype C { text: u16 }",
        "k: u8, body: match k { 0 => A, 1 => B, 2 => sized[u8] C, else => nothing }",
    );
    let error = def.refused(&hex!("00 07"), |e| e.set("body.text", int(1)));
    assert_eq!(
        error,
        "`body.text` is there only with `match k { 1 }` or `match k { 2 }`: set what chooses between them"
    );
    let error = def.refused(&hex!("02 02 0007"), |e| e.set("body.x", int(1)));
    assert_eq!(error, "`body.x` is there only with `match k { 0 }`: set what chooses between them");
    let error = def.refused(&hex!("00 07"), |e| e.set("body.txt", int(1)));
    assert_eq!(error, "there is no field `txt` in `body`");
    let out = def.edited(&hex!("00 07"), |e| e.set("k", int(1)).set("body.text", int(9)));
    assert_eq!(out.unwrap(), hex!("01 09"));
    let def = define("k: u8, v: match k { 0 => u8, else => { x: u8 } }");
    let error = def.refused(&hex!("00 07"), |e| e.set("v.x", int(1)));
    assert_eq!(error, "`v.x` is there only with `match k { else }`: set what chooses between them");
}

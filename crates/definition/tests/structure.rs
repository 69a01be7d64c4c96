//! How types are put together: conditions, matches, scopes, lists, blocks, recursion, arguments.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Write;

use flate2::Compression;
use hex_literal::hex;
use midwire_definition::Workspace;
use support::{Node, Shown, body, fails, load, packet, read, tree, with_body};

fn names(node: &Node) -> Vec<&str> {
    node.children().iter().map(|c| c.name.as_str()).collect()
}

fn numbers(node: &Node) -> Vec<i128> {
    node.children().iter().map(Node::number).collect()
}

// ---- if ----------------------------------------------------------------------------------------

#[test]
fn an_if_chooses_and_its_fields_join_the_struct_around() {
    let protocol = body(
        "a: u8\nif a == 0 { x: u8 } else if a < 3 { x: u16, y: u8 } else { if a > 9 { z: u8 } else { w: u16 } }\nend: u8",
    );
    assert_eq!(names(&read(&protocol, &hex!("00 01 09"))), ["a", "x", "end"]);
    assert_eq!(names(&read(&protocol, &hex!("02 0001 02 09"))), ["a", "x", "y", "end"]);
    assert_eq!(names(&read(&protocol, &hex!("0a 01 09"))), ["a", "z", "end"]);
    assert_eq!(names(&read(&protocol, &hex!("05 0001 09"))), ["a", "w", "end"]);
}

#[test]
fn conditions_take_every_operator() {
    for (condition, value, holds) in [
        ("a == 5", 5, true),
        ("a != 5", 5, false),
        ("a < 5", 4, true),
        ("a <= 5", 5, true),
        ("a > 5", 5, false),
        ("a >= 5", 5, true),
        ("a", 0, false),
        ("not a", 0, true),
        ("a == 1 or a == 2", 2, true),
        ("a > 1 and a < 3", 2, true),
        ("a > 1 and not (a == 2 or a == 4)", 4, false),
        ("a in {1, 3, 5}", 3, true),
        ("a in {1, 3, 5}", 2, false),
        ("a in 2..4", 4, true),
        ("a in 2..4", 5, false),
        ("a + 1 == 6 - 0", 5, true),
        ("a * 2 == 10", 5, true),
        ("a / 2 == 2", 5, true),
        ("a % 3 == 2", 5, true),
        ("a / 0 == 0", 5, true),
        ("a % 0 == 0", 5, true),
        ("a & 4", 5, true),
        ("a & 4 != 0", 3, false),
        ("a | 2 == 7", 5, true),
        ("a ^ 1 == 4", 5, true),
        ("a << 2 == 20", 5, true),
        ("a >> 1 == 2", 5, true),
        ("a >> 1000 == 0", 5, true),
        ("a << 1000 == 0", 5, true),
        ("-a == -5", 5, true),
        ("~a == -6", 5, true),
        ("1 + 2 * 3 == a", 7, true),
        ("(1 + 2) * 3 == a", 9, true),
        ("ones(a) == 2", 5, true),
        ("match a { 1, 2 => 10, 3..5 => 20, else => 30 } == 20", 4, true),
        ("match a { 1, 2 => 10, else => 30 } == 30", 4, true),
        ("match a { 1 => 10 } == 0", 4, true),
        ("true", 0, true),
        ("false", 1, false),
        ("remaining > 0", 0, true),
        ("remaining == 1", 0, true),
        ("bytes(a) == 1", 0, true),
        ("has a", 0, true),
        ("0x0a == a", 10, true),
        ("0b1010 == a", 10, true),
    ] {
        let protocol = body(&format!("a: u8\nif {condition} {{ x: u8 }} else {{ y: u8 }}"));
        let seen = read(&protocol, &[value, 1]);
        assert_eq!(seen.children()[1].name == "x", holds, "{condition} of {value}");
    }
}

#[test]
fn a_field_that_is_absent_reads_as_0() {
    let protocol = body(
        "f1: flags u8 { more }\n\
         if f1.more { f2: flags u8 { more, wide } }\n\
         if f2.more { f3: u8 }\n\
         if f2.wide { a: u16 } else { a: u8 }\n\
         if f3 == 0 { z: u8 }\nif not has f2 { w: u8 }\nlet sum = f3 + a",
    );
    let seen = read(&protocol, &hex!("00 05 06 07"));
    assert_eq!(names(&seen), ["f1", "a", "z", "w", "sum"]);
    assert_eq!(seen.at("sum").number(), 5);
    let seen = read(&protocol, &hex!("01 03 04 0005"));
    assert_eq!(names(&seen), ["f1", "f2", "f3", "a", "sum"]);
    assert_eq!(seen.at("sum").number(), 9);
}

#[test]
fn arms_that_exclude_each_other_may_share_a_name() {
    let protocol = body(
        "k: u8\nif k == 0 { v: u8 } else { v: u16 }\nif v > 300 { x: u8 }\n\
         match k { 0 => { w: u8 }, 1 => { w: { a: u8 } }, else => nothing }\nlist: [v - 5] u8",
    );
    let seen = read(&protocol, &hex!("00 06 01 09"));
    assert_eq!(names(&seen), ["k", "v", "w", "list"]);
    let seen = read(&protocol, &[&hex!("01 012d 07 02")[..], &[0; 296]].concat());
    assert_eq!(seen.at("v").number(), 301);
    assert_eq!(seen.at("x").number(), 7);
    assert_eq!(seen.at("w.a").number(), 2);
    assert_eq!(seen.at("list").children().len(), 296);
}

#[test]
fn what_remains_counts_to_the_end_of_the_block() {
    let protocol =
        body("n: sized[u8] { a: u8, if remaining > 0 { b: u8 } }, if remaining > 0 { c: u8 }");
    assert_eq!(names(&read(&protocol, &hex!("01 01"))), ["n"]);
    let seen = read(&protocol, &hex!("01 01 07"));
    assert_eq!(names(seen.at("n")), ["a"]);
    assert_eq!(seen.at("c").number(), 7);
    assert_eq!(names(read(&protocol, &hex!("02 01 02")).at("n")), ["a", "b"]);
}

#[test]
fn a_let_keeps_what_remained_where_it_stands() {
    let protocol = body(
        "let all = remaining\na: u8\nlet left = remaining\nb: u16\nif left == 3 { c: u8 }\nif all == 4 { d: nothing }",
    );
    let seen = read(&protocol, &hex!("01 0002 03"));
    assert_eq!(names(&seen), ["all", "a", "left", "b", "c"]);
    assert_eq!(seen.at("all").number(), 4);
    assert_eq!(seen.at("left").number(), 3);
}

// ---- match -------------------------------------------------------------------------------------

#[test]
fn a_match_takes_the_first_arm_that_fits() {
    let protocol = body(
        "k: i16\nmatch k {\n 0 => { a: u8 }\n 1, 5 => { b: u8 }\n 10..19, -3..-1 => { c: u8 }\n 12 => { never: u8 }\n 300 => nothing\n else => { d: u16 }\n}\nend: u8",
    );
    for (k, expected) in [
        ("0000 01 09", "a"),
        ("0005 01 09", "b"),
        ("000a 01 09", "c"),
        ("000c 01 09", "c"),
        ("0013 01 09", "c"),
        ("fffd 01 09", "c"),
        ("fffc 0001 09", "d"),
        ("0014 0001 09", "d"),
        ("7fff 0001 09", "d"),
    ] {
        let seen = read(&protocol, &support::hex(k));
        assert_eq!(names(&seen), ["k", expected, "end"], "{k}");
    }
    assert_eq!(names(&read(&protocol, &hex!("012c 09"))), ["k", "end"]);
    // Without `else`, what fits nowhere is nothing.
    let protocol = body("k: u8, match k { 1 => { a: u8 } }, end: u8");
    assert_eq!(names(&read(&protocol, &hex!("02 09"))), ["k", "end"]);
}

#[test]
fn a_match_is_on_anything_that_is_a_number() {
    for (field, label, fits, other) in [
        ("k: enum u8 { low high = 7 }", "high", &hex!("07")[..], &hex!("00")[..]),
        ("k: enum u8 { low high = 7 }", "\"high\"", &hex!("07"), &hex!("00")),
        ("k: enum varint { low high = 300 }", "high", &hex!("ac02"), &hex!("00")),
        ("k: bool", "true", &hex!("01"), &hex!("00")),
        ("k: flags u8 { on }", "1", &hex!("01"), &hex!("02")),
        ("k: str[u8]", "\"x\"", b"\x01x", b"\x01y"),
        ("k: str[u8]", "x", b"\x01x", b"\x00"),
        ("k: enum str[u8] { x y }", "x", b"\x01x", b"\x01y"),
        ("n: u8, k: u8", "(n)", &hex!("07 07"), &hex!("07 08")),
        ("n: u8, k: u8", "(n + 1)", &hex!("06 07"), &hex!("07 07")),
    ] {
        let protocol =
            body(&format!("{field}, match k {{ {label} => {{ a: u8 }}, else => {{ b: u8 }} }}"));
        let seen = read(&protocol, &[fits, &[1]].concat());
        assert_eq!(seen.at("a").number(), 1, "{field} {label}");
        let seen = read(&protocol, &[other, &[1]].concat());
        assert_eq!(seen.at("b").number(), 1, "{field} {label}");
    }
    let protocol =
        body("f: flags u8 { a on }, match f.on { true => { x: u8 }, false => { y: u8 } }");
    assert_eq!(names(&read(&protocol, &hex!("02 01"))), ["f", "x"]);
    assert_eq!(names(&read(&protocol, &hex!("01 01"))), ["f", "y"]);
    let protocol = body("a: u8, match a & 3 { 3 => { x: u8 }, else => { y: u8 } }");
    assert_eq!(names(&read(&protocol, &hex!("ff 01"))), ["a", "x"]);
    let text = format!(
        "{}type T(n) {{ match n {{ 1 => {{ a: u8 }}, else => {{ b: u8 }} }} }}\n",
        with_body("n: u8, x: T(n), y: T(1)")
    );
    let seen = read(&load(&text), &hex!("02 05 06"));
    assert_eq!(names(seen.at("x")), ["b"]);
    assert_eq!(names(seen.at("y")), ["a"]);
}

#[test]
fn a_type_may_be_chosen_by_a_match_or_an_if() {
    let protocol = body(
        "k: u8\nv: match k { 0 => u8, 1 => str[u8], 2 => { x: u8 }, 3 => [2] u8, 4 => nothing, else => bytes[..] }\n",
    );
    assert_eq!(read(&protocol, &hex!("00 07")).at("v").number(), 7);
    assert_eq!(read(&protocol, b"\x01\x01x").at("v").shown, Shown::Text("x".into()));
    assert_eq!(read(&protocol, &hex!("02 07")).at("v.x").number(), 7);
    assert_eq!(numbers(read(&protocol, &hex!("03 0708")).at("v")), [7, 8]);
    assert_eq!(names(&read(&protocol, &hex!("04"))), ["k"]);
    assert_eq!(read(&protocol, &hex!("05 0708")).at("v").shown, Shown::Bytes(vec![7, 8]));
    let protocol = body("k: u8, v: if k > 1 then u16 else u8, w: [v] if k > 1 then u16 else u8");
    assert_eq!(numbers(read(&protocol, &hex!("02 0001 0005")).at("w")), [5]);
    assert_eq!(numbers(read(&protocol, &hex!("01 02 0305")).at("w")), [3, 5]);
}

#[test]
fn a_text_is_compared_with_texts() {
    let protocol = body("s: str[u8], if s == \"on\" { x: u8 }, if \"off\" != s { y: u8 }");
    assert_eq!(names(&read(&protocol, b"\x02on\x01\x02")), ["s", "x", "y"]);
    assert_eq!(names(&read(&protocol, b"\x03off")), ["s"]);
}

#[test]
fn an_entry_of_an_enum_is_compared_by_its_name() {
    let protocol = body(
        "k: enum u8 { low mid high }, if k == high { x: u8 }, if k in {low, mid} { y: u8 }, if k < mid { z: u8 }",
    );
    assert_eq!(names(&read(&protocol, &hex!("02 01"))), ["k", "x"]);
    assert_eq!(names(&read(&protocol, &hex!("01 01"))), ["k", "y"]);
    assert_eq!(names(&read(&protocol, &hex!("00 01 02"))), ["k", "y", "z"]);
}

// ---- opt ---------------------------------------------------------------------------------------

#[test]
fn an_opt_is_there_or_not() {
    let protocol = body("a: opt u8, b: opt { x: u8 }, c: opt opt u8, end: u8");
    let seen = read(&protocol, &hex!("01 05 01 06 01 01 07 09"));
    assert_eq!(names(&seen), ["a", "b", "c", "end"]);
    assert_eq!(seen.at("a").range(), (1, 2), "the byte in front is not part of it");
    assert_eq!(seen.at("b.x").number(), 6);
    assert_eq!(seen.at("c").number(), 7);
    assert_eq!(names(&read(&protocol, &hex!("00 00 00 09"))), ["end"]);
    assert_eq!(names(&read(&protocol, &hex!("00 00 0100 09"))), ["end"]);
    let protocol = body("list: [u8] opt u8");
    let seen = read(&protocol, &hex!("03 01 05 00 01 06"));
    let shown: Vec<_> = seen.at("list").children().iter().map(|c| c.shown.clone()).collect();
    assert_eq!(shown, [Shown::Int(5), Shown::Absent, Shown::Int(6)]);
    let protocol = body("a: opt u8, if has a { x: u8 }, if a == 0 { y: u8 }");
    assert_eq!(names(&read(&protocol, &hex!("01 05 06"))), ["a", "x"]);
    assert_eq!(names(&read(&protocol, &hex!("00 06"))), ["y"]);
    let (error, _) = fails(&body("a: u8, b: opt u8"), &hex!("01"));
    assert_eq!(error, "b ends early at 1, 1 more byte(s) wanted");
}

// ---- scope -------------------------------------------------------------------------------------

#[test]
fn outer_starts_one_struct_further_out() {
    let protocol = body(
        "n: u8\ns: {\n  n: u8\n  a: [n] u8\n  b: [outer.n] u8\n  t: { c: [n] u8, d: [outer.outer.n] u8, m: u8 }\n}\n\
         e: [n] { n: u8, f: [n] u8, g: [outer.n] u8 }\nh: [s.n] u8, i: [s.t.m] u8",
    );
    let bytes = hex!(
        "01" // n
        "02" "0a0b" "0c" // s: n, a, b
        "0d0e" "0f" "03" // t: c, d, m
        "02" "1011" "12" // e[0]: n, f, g
        "1314" "151617" // h, i
    );
    let seen = read(&protocol, &bytes);
    assert_eq!(numbers(seen.at("s.a")), [0x0a, 0x0b]);
    assert_eq!(numbers(seen.at("s.b")), [0x0c]);
    assert_eq!(numbers(seen.at("s.t.c")), [0x0d, 0x0e]);
    assert_eq!(numbers(seen.at("s.t.d")), [0x0f]);
    assert_eq!(numbers(seen.at("e[0].f")), [0x10, 0x11]);
    assert_eq!(numbers(seen.at("e[0].g")), [0x12]);
    assert_eq!(numbers(seen.at("h")), [0x13, 0x14]);
    assert_eq!(numbers(seen.at("i")), [0x15, 0x16, 0x17]);
}

#[test]
fn a_field_of_an_outer_list_is_seen_from_deep_inside() {
    let protocol = body("n: u8, a: [2] { m: u8, b: [m] { c: [n] { d: [m] u8 } } }");
    let seen = read(&protocol, &hex!("01 01 0a 02 0b0c 0d0e"));
    assert_eq!(numbers(seen.at("a[0].b[0].c[0].d")), [0x0a]);
    assert_eq!(numbers(seen.at("a[1].b[1].c[0].d")), [0x0d, 0x0e]);
    assert_eq!(seen.at("a[1].b[1].c[0].d").range(), (6, 8));
}

#[test]
fn a_flattened_type_joins_the_struct_around() {
    let text = format!(
        "{}type T {{ a: u8, if a == 1 {{ b: u8 }} }}\ntype U(X) {{ c: X, ...T }}\n",
        with_body("...U(u16), d: [a] u8, if b { e: u8 }")
    );
    let seen = read(&load(&text), &hex!("0005 01 02 0a 0b"));
    assert_eq!(names(&seen), ["c", "a", "b", "d", "e"]);
    let text = format!(
        "{}type T {{ a: u8 }}\n",
        with_body("k: u8, match k {{ 1 => ...T, else => ...T }}, x: [a] u8")
            .replace("{{", "{")
            .replace("}}", "}")
    );
    assert_eq!(names(&read(&load(&text), &hex!("01 02 0102"))), ["k", "a", "x"]);
}

// ---- lists -------------------------------------------------------------------------------------

#[test]
fn lists_know_their_end_in_every_way() {
    for (field, bytes, expected) in [
        ("a: [u8] u8", &hex!("02 0102")[..], &[1, 2][..]),
        ("a: [u16le] u16", &hex!("0200 0001 0002"), &[1, 2]),
        ("a: [varint] varint", &hex!("02 ac02 01"), &[300, 1]),
        ("a: [i32] u8", &hex!("00000001 05"), &[5]),
        ("a: [3] u8", &hex!("010203"), &[1, 2, 3]),
        ("a: [1 + 1] u8", &hex!("0102"), &[1, 2]),
        ("a: [0] u8", &[], &[]),
        ("a: [..] u8", &hex!("010203"), &[1, 2, 3]),
        ("a: [..] varint", &hex!("ac02 01"), &[300, 1]),
        ("a: [until u8 == 0] u8", &hex!("010200"), &[1, 2]),
        ("a: [until == 0] u8", &hex!("010200"), &[1, 2]),
        ("a: [until 127] u8", &hex!("01027f"), &[1, 2]),
        ("a: [until >= 200] u8", &hex!("01c7c8"), &[1, 199]),
        ("a: [until u16 == 0] u8", &hex!("01 02 0000"), &[1, 2]),
        ("a: [until u16le == 0x0102] u16", &hex!("0201 0102 0201"), &[]),
        ("a: [until varint < 0] varint", &hex!("05 ffffffff0f"), &[5]),
        ("a: [while it > 5] u8", &hex!("06 07 05"), &[6, 7, 5]),
        ("a: [until sum(it) >= 10] u8", &hex!("04 05 06"), &[4, 5, 6]),
        ("a: [until sum(it + 1) == 4] u8", &hex!("00 02"), &[0, 2]),
        ("a: [until sum(it) >= 0] u8", &[], &[]),
    ] {
        let protocol = body(&format!("{field}, end: bytes[..]"));
        let seen = read(&protocol, bytes);
        assert_eq!(numbers(seen.at("a")), expected, "{field}");
        assert_eq!(seen.at("a").range(), (0, bytes.len() as u32), "{field}");
        let first = seen.at("a").children().first().map(|c| c.range().0);
        assert!(first.is_none_or(|at| at <= 4), "{field}");
    }
}

#[test]
fn lists_take_their_number_from_earlier_fields() {
    let protocol = body(
        "w: u8, h: u8, s: { n: u8 }, a: [w * h] u8, b: [s.n - 1] u8, c: [count(a) + 1] u8, d: [bytes(c) / 2] u8",
    );
    let seen = read(&protocol, &hex!("02 01 02 0a0b 0c 0d0e0f 10"));
    assert_eq!(numbers(seen.at("a")), [0x0a, 0x0b]);
    assert_eq!(numbers(seen.at("b")), [0x0c]);
    assert_eq!(numbers(seen.at("c")), [0x0d, 0x0e, 0x0f]);
    assert_eq!(numbers(seen.at("d")), [0x10]);
}

#[test]
fn lists_go_on_by_a_flag_of_the_element() {
    let protocol = body("a: [while it.f.more] { f: flags u8 { more }, v: u8 }, end: u8");
    let seen = read(&protocol, &hex!("01 05 01 06 00 07 09"));
    let values: Vec<_> = seen.at("a").children().iter().map(|c| c.at("v").number()).collect();
    assert_eq!(values, [5, 6, 7]);
    // Names that are not the element's are those around the list.
    let protocol = body("last: u8, a: [while it.v != last] { v: u8 }, end: u8");
    assert_eq!(read(&protocol, &hex!("07 01 02 07 09")).at("a").children().len(), 3);
}

#[test]
fn a_running_total_counts_what_each_element_says() {
    let text = format!(
        "{}type Run {{ f: flags u8 {{ more }}, if f.more {{ run: u8 }} }}\n",
        with_body(
            "scale: u8, w: u8, h: u8, a: [until sum((it.run + 1) * scale) >= w * h] Run, end: u8"
        )
    );
    let seen = read(&load(&text), &hex!("02 04 02 00 01 01 00 09"));
    assert_eq!(seen.at("a").children().len(), 3, "2, 4 and 2 of 8");
    assert_eq!(seen.at("end").number(), 9);
}

#[test]
fn lists_lie_in_lists() {
    let protocol =
        body("a: [u8] [u8] [2] u16, b: [2] [3] u8, c: [u8] str[u8], d: [u8] [u8] { x: str[u8] }");
    let seen = read(
        &protocol,
        &hex!("02 01 0001 0002 00" "010203 040506" "02 01 61 02 6263" "02 01 01 64 02 00 01 65"),
    );
    assert_eq!(numbers(seen.at("a[0][0]")), [1, 2]);
    assert_eq!(seen.at("a[1]").children().len(), 0);
    assert_eq!(numbers(seen.at("b[1]")), [4, 5, 6]);
    assert_eq!(seen.at("c[1]").shown, Shown::Text("bc".into()));
    assert_eq!(seen.at("d[1][1].x").shown, Shown::Text("e".into()));
    assert_eq!(seen.at("d[1][1].x").range(), (23, 25));
}

#[test]
fn lists_hold_every_kind_of_element() {
    for (element, bytes) in [
        ("bool", &hex!("02 00 01")[..]),
        ("f32", &hex!("02 00000000 00000000")),
        ("uuid", &[&[1][..], &[0; 16]].concat()),
        ("enum u8 { a b }", &hex!("02 00 01")),
        ("flags varint { a b }", &hex!("02 00 8001")),
        ("bits u16 { a: u8, b: u8 }", &hex!("01 0102")),
        ("bytes[u8]", &hex!("02 00 01 05")),
        ("bytes[2]", &hex!("02 0001 0203")),
        ("utf16[u8]", &hex!("02 00 01 0041")),
        ("nbt", &hex!("02 00 01 05")),
        ("opt str[u8]", &hex!("02 00 01 01 41")),
        ("sized[u8] { a: u8 }", &hex!("02 01 05 01 06")),
        ("match 1 { 1 => u8, else => u16 }", &hex!("02 01 02")),
        ("{ a: u8, b: { c: u16 } }", &hex!("01 01 0002")),
    ] {
        let protocol = body(&format!("list: [u8] {element}, end: u8"));
        let seen = read(&protocol, &[bytes, &[9]].concat());
        let list = seen.at("list");
        assert_eq!(list.children().len(), usize::from(bytes[0]), "{element}");
        assert_eq!(list.range(), (0, bytes.len() as u32), "{element}");
        let mut at = 1;
        for (i, child) in list.children().iter().enumerate() {
            assert_eq!(child.index, Some(i as u32), "{element}");
            assert!(child.place.start >= at && child.place.end <= list.place.end, "{element}");
            at = child.place.end;
        }
    }
}

#[test]
fn element_i_of_a_thousand_is_found_where_the_walk_shows_it() {
    for (element, name) in [
        ("str[u8]", ""),
        ("varint", ""),
        ("{ x: u8, if x & 1 == 1 { y: u16 } }", ".x"),
        ("u16", ""),
        ("[u8] u8", ""),
    ] {
        for count in ["[u16]", "[..]", "[until u8 == 255]"] {
            let protocol = body(&format!("a: {count} {element}"));
            let mut bytes = Vec::new();
            if count == "[u16]" {
                bytes.extend(1000u16.to_be_bytes());
            }
            for i in 0..1000u32 {
                match element {
                    "varint" => bytes.extend([(i % 50) as u8 | 0x80, 1 + (i % 7) as u8]),
                    "u16" => bytes.extend([(i % 200) as u8, i as u8]),
                    "{ x: u8, if x & 1 == 1 { y: u16 } }" => {
                        bytes.push((i % 9) as u8);
                        if i % 9 % 2 == 1 {
                            bytes.extend([0, 1]);
                        }
                    }
                    _ => {
                        bytes.push((i % 5) as u8);
                        bytes.extend(vec![b'a'; (i % 5) as usize]);
                    }
                }
            }
            if count == "[until u8 == 255]" {
                bytes.push(255);
            }
            let seen = read(&protocol, &bytes);
            assert_eq!(seen.at("a").children().len(), 1000, "{count} {element}");
            let definition = packet(&protocol, "P");
            let mut ws = Workspace::default();
            let mut found = definition.plan.as_ref().unwrap().decode(&bytes, 0, &[], &mut ws);
            assert_eq!(found.count_at("a"), Some(1000));
            for i in [0, 1, 63, 64, 65, 127, 128, 500, 640, 998, 999] {
                let there = found.find(&format!("a[{i}]{name}")).unwrap();
                let shown = seen.at(&format!("a[{i}]{name}"));
                assert_eq!(there.place, shown.place, "{count} {element} {i}");
            }
            assert!(found.find("a[1000]").is_none());
        }
    }
}

// ---- blocks ------------------------------------------------------------------------------------

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

#[test]
fn a_sized_block_bounds_what_is_inside() {
    let protocol = body(
        "a: sized[u8] { x: u8, rest: bytes[..] }, b: sized[2] u8, n: u8, c: sized[n] [..] u8, d: sized[..] { y: u8 }",
    );
    let seen = read(&protocol, &hex!("03 010203 04ff 02 0506 07"));
    assert_eq!(seen.at("a.x").number(), 1);
    assert_eq!(seen.at("a.rest").shown, Shown::Bytes(vec![2, 3]));
    assert_eq!(seen.at("b").number(), 4, "what the block has besides is passed");
    assert_eq!(numbers(seen.at("c")), [5, 6]);
    assert_eq!(seen.at("d.y").number(), 7);
    assert_eq!(seen.at("a").range(), (0, 4));
    assert_eq!(seen.at("a.x").range(), (1, 2));
    let (error, seen) =
        fails(&body("a: sized[u8] { x: u8, y: u16 }, b: u8"), &hex!("02 01 02 03 04"));
    assert_eq!(error, "a.y ends early at 2, 1 more byte(s) wanted");
    assert_eq!(seen.at("a.x").number(), 1);
    assert_eq!(seen.get("b"), None);
}

#[test]
fn compressed_blocks_are_read_inside() {
    let plain = hex!("0005 03 616263 0102");
    let zlib = {
        let mut out = flate2::write::ZlibEncoder::new(Vec::new(), Compression::fast());
        out.write_all(&plain).unwrap();
        out.finish().unwrap()
    };
    let gzip = {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
        out.write_all(&plain).unwrap();
        out.finish().unwrap()
    };
    for (name, data) in [("zlib", zlib), ("gzip", gzip), ("deflate", deflated(&plain))] {
        let protocol = body(&format!(
            "n: u8, d: {name}[u16] {{ a: u16, s: str[u8], rest: bytes[..] }}, end: [n] u8"
        ));
        let mut bytes = vec![1];
        bytes.extend((data.len() as u16).to_be_bytes());
        bytes.extend(&data);
        bytes.push(9);
        let seen = read(&protocol, &bytes);
        assert_eq!(seen.at("d").range(), (1, 3 + data.len() as u32));
        assert_eq!(seen.at("d").place.buffer, 0);
        assert_eq!(seen.at("d.a").number(), 5);
        assert_eq!((seen.at("d.s").place.buffer, seen.at("d.s").range()), (1, (2, 6)));
        assert_eq!(seen.at("d.rest").shown, Shown::Bytes(vec![1, 2]));
        assert_eq!(numbers(seen.at("end")), [9]);
        // Damaged, cut, and with bytes behind its end.
        let mut damaged = bytes.clone();
        damaged[4] ^= 0xff;
        assert!(fails(&protocol, &damaged).0.starts_with("d"), "{name}");
        let (error, seen) = fails(&protocol, &bytes[..bytes.len() - 3]);
        assert!(error.starts_with("d ends early at "), "{error}");
        assert_eq!(names(&seen)[0], "n");
    }
}

#[test]
fn fields_outside_a_block_are_seen_from_inside() {
    let inner = deflated(&hex!("02 0a0b 05"));
    let protocol = body("n: u8, d: deflate[u8] { m: u8, a: [n] u8, k: u8 }, b: [n] u8");
    let seen = read(&protocol, &[&[2, inner.len() as u8][..], &inner, &[7, 8]].concat());
    assert_eq!(numbers(seen.at("d.a")), [0x0a, 0x0b]);
    assert_eq!(numbers(seen.at("b")), [7, 8]);
}

#[test]
fn blocks_lie_in_blocks_and_lists() {
    let inner = deflated(b"\x02hi");
    let outer =
        deflated(&[&[2, inner.len() as u8][..], &inner, &[inner.len() as u8], &inner].concat());
    let protocol = body("a: deflate[..] { list: [u8] deflate[u8] { s: str[u8] } }");
    let seen = read(&protocol, &outer);
    assert_eq!(seen.at("a.list[1].s").shown, Shown::Text("hi".into()));
    let definition = packet(&protocol, "P");
    let mut ws = Workspace::default();
    let mut found = definition.plan.as_ref().unwrap().decode(&outer, 0, &[], &mut ws);
    assert_eq!(found.text("a.list[1].s").as_deref(), Some("hi"));
    assert_eq!(found.text("a.list[0].s").as_deref(), Some("hi"));
}

#[test]
fn an_error_inside_an_inflated_block_says_so() {
    let data = deflated(&hex!("0005 03 61"));
    let protocol = body("n: u8, d: deflate[..] { a: u16, s: str[u8] }");
    let (error, seen) = fails(&protocol, &[&[1][..], &data].concat());
    assert_eq!(error, "d.s ends early at 4, 2 more byte(s) wanted (in inflated block 1)");
    assert_eq!(seen.at("d.a").number(), 5);
}

// ---- recursion and arguments -------------------------------------------------------------------

#[test]
fn a_type_may_contain_itself() {
    let text = format!(
        "{}type Tree {{ v: u8, kids: [u8] Tree }}\ntype Chain {{ v: u8, if v > 0 {{ next: Chain }} }}\ntype Maybe {{ v: u8, next: opt Maybe }}\n",
        with_body("t: Tree, c: Chain, m: Maybe")
    );
    let seen = read(&load(&text), &hex!("01 02 02 00 03 01 04 00" "02 01 00" "01 01 02 00"));
    assert_eq!(seen.at("t.kids[1].kids[0].v").number(), 4);
    assert_eq!(seen.at("t.kids[1]").range(), (4, 8));
    assert_eq!(seen.at("c.next.next.v").number(), 0);
    assert_eq!(seen.at("m.next.v").number(), 2);
    // Two types in a circle, one of which is a list.
    let text = format!("{}type A = [u8] B\ntype B {{ v: u8, a: A }}\n", with_body("a: A"));
    let seen = read(&load(&text), &hex!("01 05 01 06 00"));
    assert_eq!(seen.at("a[0].a[0].v").number(), 6);
}

#[test]
fn a_recursive_type_takes_types_and_values() {
    let text = format!(
        "{}type Tree(T, n) {{ v: T, w: [n] u8, kids: [u8] Tree(T, n + 1) }}\n",
        with_body("a: Tree(u8, 0), b: Tree(u16, 1)")
    );
    let seen = read(&load(&text), &hex!("01 01 02 0a 00" "0003 0b 01 0004 0c0d 00"));
    assert_eq!(seen.at("a.kids[0].v").number(), 2);
    assert_eq!(numbers(seen.at("a.kids[0].w")), [0x0a]);
    assert_eq!(seen.at("b.kids[0].v").number(), 4);
    assert_eq!(numbers(seen.at("b.kids[0].w")), [0x0c, 0x0d]);
    let text = format!(
        "{}type List(T) {{ v: T, next: opt List(T) }}\ntype Pair(A, B) {{ a: A, b: B }}\n",
        with_body("l: List(Pair(u8, List(u16)))")
    );
    let seen = read(&load(&text), &hex!("01 0002 00 01 03 0004 01 0005 00 00"));
    assert_eq!(seen.at("l.next.v.b.next.v").number(), 5);
}

#[test]
fn types_take_types_and_values() {
    let text = format!(
        "{}type Holder(T) {{ id: u8, if id == 0 {{ value: T }} }}\n\
         type Some(T, n) = [n] T\ntype Sized(n) {{ a: bytes[n], b: bytes[n * 2] }}\n\
         type Both(A, B) {{ a: A, b: B }}\n",
        with_body(
            "n: u8\nh: Holder(u16), i: Holder({ x: u8 })\ns: Some(u8, n), t: Some(Holder(u8), 2)\n\
             z: Sized(n + 1), w: Sized(1)\nb: Both([u8] u8, opt u8)\nk: Holder(Holder(u8))"
        )
    );
    let seen = read(
        &load(&text),
        &hex!(
            "02" "00 0005" "00 06" // n h i
            "0102" "00 07 01" // s t
            "0a0b0c 0d0e0f101112" "01 0203" // z w
            "02 0102 01 05" // b
            "00 00 08" // k
        ),
    );
    assert_eq!(seen.at("h.value").number(), 5);
    assert_eq!(seen.at("i.value.x").number(), 6);
    assert_eq!(numbers(seen.at("s")), [1, 2]);
    assert_eq!(seen.at("t[0].value").number(), 7);
    assert_eq!(names(seen.at("t[1]")), ["id"]);
    assert_eq!(seen.at("z.b").range(), (15, 21));
    assert_eq!(numbers(seen.at("b.a")), [1, 2]);
    assert_eq!(seen.at("b.b").number(), 5);
    assert_eq!(seen.at("k.value.value").number(), 8);
}

#[test]
fn an_argument_means_what_it_means_where_it_is_given() {
    // The type's own `n` is not the caller's.
    let text = format!(
        "{}type Inner(T) {{ n: u8, t: T, u: T }}\ntype V(m) {{ n: u8, a: [m] u8 }}\n",
        with_body("n: u8, i: Inner([n] u8), v: V(n), l: [2] {{ k: u8, w: V(k), x: V(n) }}")
            .replace("{{", "{")
            .replace("}}", "}")
    );
    let seen = read(&load(&text), &hex!("01" "05 0a 0b" "07 0c" "02 08 0d0e 09 0f" "00 01 02 10"));
    assert_eq!(numbers(seen.at("i.t")), [0x0a]);
    assert_eq!(numbers(seen.at("i.u")), [0x0b]);
    assert_eq!(numbers(seen.at("v.a")), [0x0c]);
    assert_eq!(numbers(seen.at("l[0].w.a")), [0x0d, 0x0e]);
    assert_eq!(numbers(seen.at("l[0].x.a")), [0x0f]);
    assert_eq!(numbers(seen.at("l[1].x.a")), [0x10]);
}

#[test]
fn a_let_is_a_number_that_is_not_on_the_wire() {
    let protocol =
        body("a: u8, let b = a * 2 + 1, c: [b] u8, let d = b + count(c), if d == 6 { e: u8 }");
    let seen = read(&protocol, &hex!("01 010203 09"));
    assert_eq!(seen.at("b").number(), 3);
    assert!(seen.at("b").computed);
    assert_eq!(seen.at("b").range().0, seen.at("b").range().1);
    assert_eq!(seen.at("e").number(), 9);
    // In each element its own.
    let protocol = body("l: [2] { a: u8, let n = a + 1, b: [n] u8 }");
    let seen = read(&protocol, &hex!("00 05 01 06 07"));
    assert_eq!(numbers(seen.at("l[1].b")), [6, 7]);
    assert_eq!(seen.at("l[1].n").number(), 2);
}

#[test]
fn a_computed_field_is_read_as_it_is() {
    let seen = read(&body("n: u8 = count(a) + 1, a: [n - 1] u8"), &hex!("03 0506"));
    assert_eq!(seen.at("n").number(), 3);
    assert_eq!(numbers(seen.at("a")), [5, 6]);
}

// ---- places ------------------------------------------------------------------------------------

#[test]
fn every_place_is_where_its_bytes_are() {
    let protocol = body(
        "a: u8, s: { b: u16, t: { c: str[u8] }, d: varint }\nl: [u8] { e: u8, f: str[u8] }\n\
         if a == 1 { g: u32 } else { h: u8 }\nv: opt u16, k: flags u8 { x }, pad 2, z: bytes[..]",
    );
    let bytes =
        hex!("01 0002 02 6162 ac02" "02 03 01 63 04 00" "00000005" "01 0006" "01" "0000" "ff");
    let seen = read(&protocol, &bytes);
    let places: Vec<(String, u32, u32)> = seen
        .all()
        .iter()
        .skip(1)
        .map(|n| (n.index.map_or(n.name.clone(), |i| format!("[{i}]")), n.place.start, n.place.end))
        .collect();
    let expected = [
        ("a", 0, 1),
        ("s", 1, 8),
        ("b", 1, 3),
        ("t", 3, 6),
        ("c", 3, 6),
        ("d", 6, 8),
        ("l", 8, 14),
        ("[0]", 9, 12),
        ("e", 9, 10),
        ("f", 10, 12),
        ("[1]", 12, 14),
        ("e", 12, 13),
        ("f", 13, 14),
        ("g", 14, 18),
        ("v", 19, 21),
        ("k", 21, 22),
        ("", 22, 24),
        ("z", 24, 25),
    ];
    let expected: Vec<_> = expected.iter().map(|(n, a, b)| ((*n).to_owned(), *a, *b)).collect();
    assert_eq!(places, expected);
}

#[test]
fn a_body_behind_an_id_has_places_in_the_whole_payload() {
    let protocol = body("a: u8, b: str[u8], l: [u8] u8");
    let definition = packet(&protocol, "P");
    let mut ws = Workspace::default();
    let payload = hex!("00 00 05 01 61 02 0708 ff");
    let mut packet = definition.plan.as_ref().unwrap().decode(&payload, 2, &[], &mut ws);
    assert!(packet.error().is_none());
    assert_eq!((packet.end(), packet.rest()), (8, &hex!("ff")[..]));
    let seen = tree(&mut packet);
    assert_eq!(seen.at("a").range(), (2, 3));
    assert_eq!(seen.at("b").range(), (3, 5));
    assert_eq!(seen.at("l[1]").range(), (7, 8));
}

// ---- what was read before a failure ------------------------------------------------------------

#[test]
fn a_failure_says_where_and_shows_what_came_before() {
    for (fields, bytes, message, shown) in [
        ("a: u8, b: u16", "01 02", "b ends early at 1, 1 more byte(s) wanted", "a"),
        (
            "a: u8, s: { b: u8, c: u32 }",
            "01 02 03",
            "s.c ends early at 2, 3 more byte(s) wanted",
            "a s b",
        ),
        (
            "a: [u8] { b: u8, c: u16 }",
            "03 01 0002 03 00",
            "a ends early at 6, 4 more byte(s) wanted",
            "a [0] b c [1] b",
        ),
        (
            "a: [u8] { b: u8, c: str[u8] }",
            "02 01 00 02 05 61",
            "a[1].c ends early at 6, 4 more byte(s) wanted",
            "a [0] b c [1] b",
        ),
        (
            "a: [u8] str[u8]",
            "02 01 61 05 62",
            "a[1] ends early at 5, 4 more byte(s) wanted",
            "a [0]",
        ),
        (
            "a: [u8] varint",
            "03 01 ac02 80",
            "a[2] ends early at 4, 1 more byte(s) wanted",
            "a [0] [1]",
        ),
        (
            "a: u8, if a == 1 { b: u8, c: u16 }",
            "01 02 03",
            "c ends early at 2, 1 more byte(s) wanted",
            "a b",
        ),
        (
            "a: u8, match a { 1 => { b: u32 } }",
            "01 02 03",
            "b ends early at 1, 2 more byte(s) wanted",
            "a",
        ),
        ("a: [until u8 == 0] u8", "01 02", "a ends early at 2, 1 more byte(s) wanted", "a [0] [1]"),
        (
            "a: [until u16 == 0] u8",
            "01 00 02",
            "a ends early at 2, 1 more byte(s) wanted",
            "a [0] [1]",
        ),
        (
            "a: [while it.m] { m: bool, v: u8 }",
            "01 02 01",
            "a[1].v ends early at 3, 1 more byte(s) wanted",
            "a [0] m v [1] m",
        ),
        (
            "a: [..] { m: u8, v: u16 }",
            "01 0002 01",
            "a[1].v ends early at 4, 2 more byte(s) wanted",
            "a [0] m v [1] m",
        ),
        (
            "a: [u8] [u8] str[u8]",
            "02 01 00 02 01 61 03 62",
            "a[1][1] ends early at 8, 2 more byte(s) wanted",
            "a [0] [0] [1] [0]",
        ),
        (
            "a: u8, b: sized[u8] { c: u8, d: [u8] u8 }",
            "01 03 05 02 06",
            "b.d ends early at 5, 1 more byte(s) wanted",
            "a b c d [0]",
        ),
    ] {
        let protocol = body(fields);
        let (error, seen) = fails(&protocol, &support::hex(bytes));
        assert_eq!(error, message, "{fields}");
        let all: Vec<_> = seen
            .all()
            .iter()
            .skip(1)
            .map(|n| n.index.map_or(n.name.clone(), |i| format!("[{i}]")))
            .collect();
        assert_eq!(all.join(" "), shown, "{fields}");
    }
}

#[test]
fn what_is_left_begins_behind_the_last_field_that_was_read() {
    let protocol = body("a: u8, s: { b: u8, c: u32 }");
    let definition = packet(&protocol, "P");
    let mut ws = Workspace::default();
    let bytes = hex!("01 02 03 04");
    let packet = definition.plan.as_ref().unwrap().decode(&bytes, 0, &[], &mut ws);
    assert_eq!((packet.end(), packet.rest()), (2, &hex!("03 04")[..]));
}

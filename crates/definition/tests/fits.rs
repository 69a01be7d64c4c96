//! Numbers in a definition that its types cannot hold: packet ids, entries, labels, constants, limits.
#![allow(clippy::unwrap_used)]

mod support;

use support::{HEAD, load, problems, with_body};

/// The one thing that is wrong, and the text above its caret.
fn wrong(text: &str) -> (String, String) {
    let shown = problems(text);
    let titles: Vec<&str> = shown.lines().filter(|line| line.starts_with("error[")).collect();
    assert_eq!(titles.len(), 1, "{text}\n{shown}");
    let lines: Vec<&str> = shown.lines().collect();
    let caret = lines.iter().position(|line| line.contains('^')).unwrap();
    let marked: String = lines[caret]
        .chars()
        .zip(lines[caret - 1].chars())
        .filter_map(|(mark, c)| (mark == '^').then_some(c))
        .collect();
    (titles[0].to_owned(), marked)
}

fn is_wrong(text: &str, message: &str, marked: &str) {
    assert_eq!(wrong(text), (message.to_owned(), marked.to_owned()), "{text}");
}

fn body_is_wrong(fields: &str, message: &str, marked: &str) {
    is_wrong(&with_body(fields), message, marked);
}

#[test]
fn a_packet_id_fits_the_type_of_id() {
    for (id, said) in [("300", "300"), ("256", "256"), ("-1", "-1")] {
        is_wrong(
            &format!("{HEAD}packet X = {id} both {{ a: u8 }}\n"),
            &format!("error[W066]: no `id` can be {said}: it goes from 0 to 255"),
            id,
        );
    }
    load(&format!("{HEAD}packet X = 255 both {{ a: u8 }}\npacket Y = 0 both {{ a: u8 }}\n"));
}

#[test]
fn only_the_ids_that_are_too_large_are_wrong_when_versions_have_others() {
    let head = "protocol test { versions { 1, 2 }, frame { length: u16, id: u8 } }\n";
    is_wrong(
        &format!("{head}packet X = 5 @..1, 256 @2.. both {{ a: u8 }}\n"),
        "error[W066]: no `id` can be 256: it goes from 0 to 255",
        "256",
    );
}

#[test]
fn an_id_that_a_table_gives_fits_too() {
    let head = "protocol test { states play, versions { 1, 2 }, frame { length: u16, id: u8 } }\n\
                packet play clientbound A { a: u8 }\npacket play clientbound B { a: u8 }\n";
    is_wrong(
        &format!("{head}ids play clientbound {{\n 1: A = 255 B\n}}\n"),
        "error[W066]: no `id` can be 256: it goes from 0 to 255",
        "B",
    );
    is_wrong(
        &format!("{head}ids play clientbound {{\n 1: A\n 2: + B = 4611686018427387904\n}}\n"),
        "error[W066]: no `id` can be 4611686018427387904: it goes from 0 to 255",
        "B",
    );
}

#[test]
fn an_id_of_no_bytes_is_0() {
    let head = "protocol test { frame { length: u16 } }\n";
    is_wrong(
        &format!("{head}packet X = 1 both {{ a: u8 }}\n"),
        "error[W066]: no `id` can be 1: there is no `id` on the wire, and that counts as 0",
        "1",
    );
}

#[test]
fn an_entry_fits_the_integer_of_its_enum() {
    body_is_wrong(
        "e: enum u8 { a = 255, b }",
        "error[W058]: `b` is 256, which no u8 can be: it goes from 0 to 255",
        "b",
    );
    body_is_wrong(
        "e: enum u8 { a = -1 }",
        "error[W058]: `a` is -1, which no u8 can be: it goes from 0 to 255",
        "a",
    );
    body_is_wrong(
        "e: enum varint { a = 0x80000000 }",
        "error[W058]: `a` is 2147483648, which no varint can be: it goes from -2147483648 to 2147483647",
        "a",
    );
    load(&with_body("e: enum i8 { a = -128, b = 127 }, f: enum u64 { a = 0xffffffffffffffff }"));
}

#[test]
fn an_entry_that_fits_at_one_version_is_right() {
    let head = "protocol test { versions { 1, 2 }, frame { length: u16, id: u8 } }\n\
                type Kind @..1 = u8\ntype Kind @2.. = varint\n";
    load(&format!(
        "{head}packet X = 1 both {{ k: enum Kind {{ a, b = 300 }}, match k {{ 400 => {{ x: u8 }}, else => {{}} }} }}\n"
    ));
    is_wrong(
        &format!("{head}packet X = 1 both {{ k: enum Kind {{ a, b = 0x80000000 }} }}\n"),
        "error[W058]: `b` is 2147483648, which no u8 can be: it goes from 0 to 255",
        "b",
    );
}

#[test]
fn a_label_is_a_number_that_what_is_matched_can_be() {
    for (fields, label, subject) in [
        ("e: u8", "300", "it goes from 0 to 255"),
        ("e: u8", "-1", "it goes from 0 to 255"),
        ("e: u8", "256..300", "it goes from 0 to 255"),
        ("e: i8", "128", "it goes from -128 to 127"),
        ("e: bool", "2", "it goes from 0 to 1"),
        ("e: enum u8 { a b }", "256", "it goes from 0 to 255"),
    ] {
        body_is_wrong(
            &format!("{fields}\nmatch e {{ {label} => {{ x: u8 }}, else => {{ y: u8 }} }}"),
            &format!("error[W059]: this can never be what is matched: {subject}"),
            label,
        );
    }
    for (member, label, range) in
        [("u2", "4", "0 to 3"), ("i2", "2", "-2 to 1"), ("i2", "-3", "-2 to 1")]
    {
        body_is_wrong(
            &format!(
                "e: bits u8 {{ a: {member}, pad 6 }}\nmatch e.a {{ {label} => {{ x: u8 }}, else => {{}} }}"
            ),
            &format!("error[W059]: this can never be what is matched: it goes from {range}"),
            label,
        );
    }
    body_is_wrong(
        "e: flags u8 { on }\nmatch e.on { 2 => { x: u8 }, else => {} }",
        "error[W059]: this can never be what is matched: it goes from 0 to 1",
        "2",
    );
    // A part of a range, and a number without a name, can be.
    load(&with_body(
        "e: enum u8 { a b }\nmatch e { a => { x: u8 }, 7 => { z: u8 }, 250..300 => {} }",
    ));
}

#[test]
fn a_label_that_earlier_ones_take_everything_from_is_wrong() {
    for (labels, marked) in [
        ("1 => { x: u8 }, 1 => { y: u8 }", "1"),
        ("0..9 => { x: u8 }, 4..5 => { y: u8 }", "4..5"),
        ("0..4 => { x: u8 }, 5 => {}, 2..5 => { y: u8 }", "2..5"),
        ("1, 2, 1 => { x: u8 }", "1"),
    ] {
        body_is_wrong(
            &format!("e: u8\nmatch e {{ {labels}, else => {{}} }}"),
            "error[W059]: earlier labels have taken all of this",
            marked,
        );
    }
    body_is_wrong(
        "e: str[u8]\nmatch e { \"a\" => { x: u8 }, \"a\" => { y: u8 }, else => {} }",
        "error[W059]: earlier labels have taken all of this",
        "\"a\"",
    );
    body_is_wrong(
        "e: u8, kind: match e { 1 => u8, 1 => u16, else => nothing }",
        "error[W059]: earlier labels have taken all of this",
        "1",
    );
    load(&with_body("e: u8\nmatch e { 5..6 => { x: u8 }, 0..9 => { y: u8 }, else => {} }"));
}

#[test]
fn names_of_one_number_are_one_label() {
    body_is_wrong(
        "e: enum u8 { a = 1, b = 1 }\nmatch e { a => { x: u8 }, b => { y: u8 }, else => {} }",
        "error[W059]: earlier labels have taken all of this",
        "b",
    );
}

#[test]
fn a_constant_that_is_written_fits_its_field() {
    body_is_wrong(
        "e: u8 = 300",
        "error[W058]: this is 300, which no u8 can be: it goes from 0 to 255",
        "300",
    );
    body_is_wrong(
        "e: i16 = -40000",
        "error[W058]: this is -40000, which no i16 can be: it goes from -32768 to 32767",
        "-40000",
    );
    load(&with_body("e: u8 = 255, f: i8 = -128"));
}

#[test]
fn constants_of_a_frame_fit_their_fields() {
    is_wrong(
        "protocol test { frame { magic: u8 = 300, length: u16, id: u8 } }\n",
        "error[W058]: this is 300, which no u8 can be: it goes from 0 to 255",
        "300",
    );
    is_wrong(
        "protocol test { frame { length: u8 max 256, id: u8 } }\n",
        "error[W064]: no `length` can be 256: it goes from 0 to 255",
        "256",
    );
    is_wrong(
        "protocol test { frame { length: varint max 4294967296, id: u8 } }\n",
        "error[W064]: no `length` can be 4294967296: it goes from 0 to 2147483647",
        "4294967296",
    );
    load("protocol test { frame { magic: u8 = 255, length: u8 max 255, id: u8 } }\n");
}

#[test]
fn bits_and_flags_stay_within_their_integer() {
    body_is_wrong("f: flags u8 { a = 8 }", "error[W031]: `a` would be bit 8, but there are 8", "a");
    body_is_wrong(
        "f: flags u8 { a b c d e f g h i }",
        "error[W031]: `i` would be bit 8, but there are 8",
        "i",
    );
    body_is_wrong("f: bits u8 { a: u9 }", "error[W040]: 9 bits at bit 0 do not fit into 8", "u9");
    load(&with_body("f: flags u8 { a = 7 }, g: bits u8 { a: u8 }"));
}

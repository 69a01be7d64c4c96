//! The parser of the wire language: what each construct becomes.
//!
//! Every case of `syntax/constructs.txt` gives exactly its tree. Run with `UPDATE_EXPECTED=1` to write
//! the file anew, then read the difference.

use std::fs;
use std::path::Path;

use midwire_definition::syntax::ast::{
    FieldKind, File, Item, PacketItem, Span, Spanned, TestExpectation, VersionRef,
};
use midwire_definition::syntax::{is_count_prefix, parse};
use midwire_definition::{Diagnostics, Sources, render};

fn parsed(text: &str) -> File {
    let (file, diagnostics) = parse(0, text);
    if !diagnostics.is_empty() {
        let mut sources = Sources::new();
        sources.add("test.wire", text);
        panic!("{}", render(&Diagnostics(diagnostics), &sources, false));
    }
    file
}

fn packet(text: &str) -> PacketItem {
    match parsed(text).items.remove(0) {
        Item::Packet(packet) => packet,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_snippet_of_the_design_parses() {
    let file = parsed(include_str!("syntax/design.wire"));
    assert_eq!(file.items.len(), 19);
}

#[test]
fn the_sample_of_every_construct_parses() {
    let file = parsed(include_str!("syntax/sample.wire"));
    assert_eq!(file.items.len(), 26);
}

#[test]
fn every_construct_has_its_tree() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/syntax/constructs.txt");
    let table = fs::read_to_string(&path).unwrap();
    let mut actual = String::new();
    for case in table.split("=== ").skip(1) {
        let (title, rest) = case.split_once('\n').unwrap();
        let text = rest.split("---\n").next().unwrap();
        let trees: Vec<_> = parsed(text).items.iter().map(|item| compact(item) + "\n").collect();
        actual += &format!("=== {title}\n{text}---\n{}", trees.concat());
    }
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, actual).unwrap();
        return;
    }
    for (is, should) in actual.split("=== ").zip(table.split("=== ")) {
        assert!(is == should, "is:\n{is}\nshould be:\n{should}");
    }
}

/// A node's debug text without places, wrappers and what is empty.
fn compact(node: &impl std::fmt::Debug) -> String {
    let mut text = format!("{node:?}");
    while let Some(start) = text.find("Span { ") {
        let end = text[start..].find('}').map_or(text.len(), |end| start + end + 1);
        text.replace_range(start..end, "_");
    }
    for empty in ["span: _", "doc: \"\"", "gates: []", "args: []", "attributes: []", "params: []"] {
        text = text.replace(&format!("{empty}, "), "").replace(&format!(", {empty}"), "");
    }
    for field in ["title", "value", "max", "matching", "otherwise", "body", "version", "direction"]
    {
        text = text.replace(&format!(", {field}: None"), "");
    }
    for wrapper in [
        "Spanned { node: ",
        "Expr { kind: ",
        "Type { kind: ",
        "Name { text: ",
        "Name { name: ",
        "Field { kind: ",
    ] {
        let mut from = 0;
        while let Some(found) = text[from..].find(wrapper) {
            let start = from + found;
            let inside = start + wrapper.len();
            let end = inside + matching(&text[inside..]);
            from = inside;
            let is_alone = !text[inside..end].contains(", ") || wrapper != "Name { name: ";
            let is_whole = !text[..start].ends_with(char::is_alphanumeric);
            if is_alone && is_whole {
                text.replace_range(end..end + 2, "");
                text.replace_range(start..inside, "");
                from = start;
            }
        }
    }
    text
}

/// Where the ` }` stands that closes what was open before the text.
fn matching(text: &str) -> usize {
    let mut depth = 0;
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted && depth == 0 => return at - 1,
            '}' if !quoted => depth -= 1,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    panic!("no closing brace in {text}");
}

#[test]
fn spans_hold_exactly_what_was_written() {
    let text =
        "\u{feff}packet A = 1 both {\r\n  @764.. größe: u8\r\n}\r\n".replace("größe", "`größe`");
    let packet = packet(&text);
    let at = |span: Span| &text[span.start as usize..span.end as usize];
    let body = packet.body.unwrap();
    assert_eq!(at(packet.span), text.trim_start_matches('\u{feff}').trim_end());
    assert_eq!(at(packet.name.span), "A");
    assert_eq!(at(packet.ids[0].0.span), "1");
    assert!(at(body.span).starts_with("{\r\n") && at(body.span).ends_with("\r\n}"));
    assert_eq!(at(body.fields[0].span), "@764.. `größe`: u8");
    let FieldKind::Named { name, ty, .. } = &body.fields[0].kind else { panic!("{body:?}") };
    assert_eq!((at(name.span), name.text.as_str(), at(ty.span)), ("`größe`", "größe", "u8"));
}

#[test]
fn doc_comments_keep_their_lines() {
    let text = "/// One.\n///  Two, indented.\n///\n/// Four.\npacket A = 1 both { // plain\n  a: u8 /// behind\n\
                \n  /// Of b.\n  // plain\n  @764.. b: u8\n  //// no doc\n  c: u8\n}\n";
    let packet = packet(text);
    assert_eq!(packet.doc, "One.\n Two, indented.\n\nFour.");
    let docs: Vec<_> = packet.body.unwrap().fields.into_iter().map(|field| field.doc).collect();
    assert_eq!(docs, ["", "Of b.", ""]);
}

#[test]
fn carriage_returns_and_a_byte_order_mark_change_nothing() {
    let plain = include_str!("syntax/sample.wire");
    let dressed = format!("\u{feff}{}", plain.replace('\n', "\r\n"));
    let (plain, dressed) = (parsed(plain), parsed(&dressed));
    for (plain, dressed) in plain.items.iter().zip(&dressed.items) {
        assert_eq!(compact(plain), compact(dressed));
    }
}

#[test]
fn a_line_may_end_behind_an_operator_and_inside_brackets() {
    let short = parsed("packet A = 1 both { a: [b + c] D(e, f), let g = h and i, j: k }");
    let long = parsed(
        "packet A = 1, both {\n a:\n [\nb\n+ c\n] D(\ne,\nf\n)\n let g =\n h and\n i\n j: k\n}"
            .replace("1,", "1")
            .as_str(),
    );
    assert_eq!(compact(&short.items), compact(&long.items));
}

#[test]
fn what_can_be_understood_is_returned_beside_the_errors() {
    let text =
        "packet A = 1 both { a: u8, b u8, c: u8 }\npakcet B = 2 both { a: u8 }\ntype C { d: u8 }\n";
    let (file, diagnostics) = parse(0, text);
    assert_eq!(diagnostics.len(), 2);
    assert_eq!(file.items.len(), 2);
    let Item::Packet(packet) = &file.items[0] else { panic!() };
    assert_eq!(packet.body.as_ref().unwrap().fields.len(), 2);
    assert!(matches!(&file.items[1], Item::Type(item) if item.name.text == "C"));
}

#[test]
fn twenty_errors_are_enough() {
    let (_, diagnostics) = parse(0, &"packet A = 1 both { a u8 }\n".repeat(30));
    assert_eq!(diagnostics.len(), 20);
}

#[test]
fn the_bytes_of_a_test_are_read_as_digits_whatever_words_they_make() {
    let cases: [(&str, &[u8]); 5] = [
        ("", &[]),
        ("0e12 0b11 0xa", &[]),
        ("0e12 0b11 00a1", &[0x0e, 0x12, 0x0b, 0x11, 0x00, 0xa1]),
        ("00\n 01 // two lines\n 02", &[0, 1, 2]),
        ("DEadBEef", &[0xde, 0xad, 0xbe, 0xef]),
    ];
    for (digits, bytes) in cases {
        let (file, diagnostics) =
            parse(0, &format!("test A @\"1.8\" {{ {digits} => error \"short\" }}"));
        if digits.contains('x') {
            assert_eq!(diagnostics[0].code, "W013");
            continue;
        }
        let Item::Test(test) = &file.items[0] else { panic!("{digits}") };
        assert_eq!(test.bytes.node, bytes);
        let version = test.version.as_ref().map(|version| &version.node);
        assert_eq!(version, Some(&VersionRef::Key("1.8".to_owned())));
        let TestExpectation::Error(Some(Spanned { node, .. })) = &test.expect else { panic!() };
        assert_eq!(node, "short");
    }
}

#[test]
fn integers_of_the_wire_are_prefixes_and_other_names_are_fields() {
    for name in
        ["u8", "i8", "u16", "u16le", "i24be", "u64le", "varint", "VarInt", "zig_zag32", "varlong"]
    {
        assert!(is_count_prefix(name), "{name}");
    }
    for name in ["u8le", "varintle", "bool", "u128", "f32", "uuid", "count", "u9", "le", ""] {
        assert!(!is_count_prefix(name), "{name}");
    }
}

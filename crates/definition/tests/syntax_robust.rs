//! The parser of the wire language and texts that nobody would write: it answers, and soon.

use std::time::{Duration, Instant};

use midwire_definition::diagnostics::MAX_ERRORS;
use midwire_definition::sources::MAX_SOURCE_LEN;
use midwire_definition::syntax::parse;
use midwire_definition::{Diagnostics, Sources, render};
use proptest::prelude::*;

const SAMPLE: &str = include_str!("syntax/sample.wire");

/// Parses, and holds the parser to what it promises about any text.
fn survives(text: &str) -> usize {
    let (_, diagnostics) = parse(0, text);
    assert!(diagnostics.len() <= MAX_ERRORS);
    for diagnostic in &diagnostics {
        let places = diagnostic.secondary.iter().map(|(span, _)| *span);
        for span in places.chain([diagnostic.span]) {
            let range = span.start as usize..span.end as usize;
            assert!(text.get(range).is_some(), "{diagnostic:?} is no part of {text:?}");
        }
        assert!(!diagnostic.message.is_empty());
    }
    diagnostics.len()
}

fn renders(text: &str) {
    let (_, diagnostics) = parse(0, text);
    let mut sources = Sources::new();
    sources.add("test.wire", text);
    for diagnostic in &diagnostics {
        assert!(!diagnostic.one_line(&sources).contains('\n'));
    }
    render(&Diagnostics(diagnostics), &sources, true);
}

/// A limit for what must not take time by the square of its length, wide enough for a busy machine.
fn soon<T>(work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "took {took:?}");
    result
}

#[test]
fn every_truncation_is_answered() {
    for (end, _) in SAMPLE.char_indices() {
        survives(&SAMPLE[..end]);
    }
}

#[test]
fn every_single_character_may_be_wrong() {
    const OTHERS: &[&str] = &[
        "", "}", "{", "\n", "[", "]", "(", ")", "@", "=", ",", ".", "\"", "0", "x", "`", "\u{e9}",
    ];
    // A declaration at a time: a mistake in one is not to be found by parsing the others.
    for item in declarations() {
        for (at, c) in item.char_indices() {
            let (before, after) = (&item[..at], &item[at + c.len_utf8()..]);
            for other in [OTHERS[at % OTHERS.len()], OTHERS[(at * 7 + 3) % OTHERS.len()]] {
                survives(&format!("{before}{other}{after}"));
            }
        }
    }
}

/// The declarations of the sample, each with what precedes it.
fn declarations() -> Vec<&'static str> {
    let mut begins: Vec<usize> = SAMPLE.match_indices("\n}\n").map(|(at, _)| at + 3).collect();
    begins.insert(0, 0);
    begins.push(SAMPLE.len());
    begins.windows(2).map(|pair| &SAMPLE[pair[0]..pair[1]]).collect()
}

#[test]
fn deep_nesting_is_refused_without_overflowing_the_stack() {
    for (head, piece) in [
        ("", "{"),
        ("", "["),
        ("", "("),
        ("packet A = 1 both ", "{ a: "),
        ("packet A = 1 both { a: ", "["),
        ("packet A = 1 both { a: ", "{"),
        ("packet A = 1 both { a: ", "[u8]"),
        ("packet A = 1 both { a: ", "opt "),
        ("packet A = 1 both { a: ", "A("),
        ("packet A = 1 both { a: ", "enum "),
        ("packet A = 1 both { a: ", "sized[..] "),
        ("packet A = 1 both { a: ", "match x { 1 => "),
        ("packet A = 1 both { a: ", "if x then "),
        ("packet A = 1 both { a: ", "[sized["),
        ("packet A = 1 both { ", "if a { "),
        ("packet A = 1 both { if a { } ", "else if a { } "),
        ("packet A = 1 both { ", "match x { 1 => { "),
        ("packet A = 1 both { let x = ", "("),
        ("packet A = 1 both { let x = ", "-"),
        ("packet A = 1 both { let x = ", "not "),
        ("packet A = 1 both { let x = ", "~"),
        ("packet A = 1 both { let x = ", "a + "),
        ("packet A = 1 both { let x = ", "a or "),
        ("packet A = 1 both { let x = ", "f("),
        ("packet A = 1 both { let x = ", "t["),
        ("packet A = 1 both { let x = ", "a in {"),
        ("packet A = 1 both { let x = ", "match a { ("),
        ("packet A = 1 both { let x = ", "match "),
        ("packet A = 1 both { let x = ", "f(a + "),
        ("packet A = 1 both { let x = ", "a and not "),
        ("packet A = 1 both { a: u8 @x", "(f"),
        ("packet A = 1 both { a: [until sum(", "("),
        ("test A { 00 => a: ", "["),
        ("protocol a { conn { a: ", "["),
        ("type A = ", "match a { else => "),
    ] {
        let depth = if head.is_empty() { 100_000 } else { 15_000 };
        let text = format!("{head}{}", piece.repeat(depth));
        assert!(soon(|| survives(&text)) > 0, "{head}{piece}");
        renders(&text[..text.len().min(20_000)]);
    }
}

#[test]
fn a_tree_is_no_deeper_than_what_may_be_walked() {
    // The left operand of a chain is its deepest, and here it is a chain in brackets again.
    let mut text = "a".to_owned();
    for _ in 0..60 {
        text = format!("f({text}{})", " + a".repeat(60));
    }
    assert!(survives(&format!("packet A = 1 both {{ let x = {text} }}")) > 0);
    let chain = "a".to_owned() + &" or a".repeat(100);
    assert_eq!(survives(&format!("packet A = 1 both {{ let x = {chain} }}")), 0);
}

#[test]
fn long_texts_end_soon() {
    let long = 20_000;
    for piece in [
        ";",
        "@",
        "}",
        ")",
        ",",
        "\n",
        "a",
        "a ",
        "a: u8\n",
        "a: u8 ",
        "packet ",
        "\"",
        "`",
        "'",
        "\\",
        "0",
        "0x",
        ".",
        "..",
        "///\n",
        "/// a\n",
        "//",
        "é",
        "\r",
        "\u{feff}",
        "packet A = 1 both {\n",
        "packet A = 1 both { a: A(match x {}) }\n",
        "type A {\n}\n",
        "{}",
        "{ \n } \n",
        "[ ] ",
        "ids a clientbound {",
        "1: a b c\n",
        "test A { 00",
        "=> ",
    ] {
        soon(|| survives(&piece.repeat(long)));
        soon(|| survives(&format!("packet A = 1 both {{ {}", piece.repeat(long))));
    }
    soon(|| renders(&"a: u8; ".repeat(long)));
    soon(|| renders(&format!("packet A = 1 both {{ {}", "a: u9, ".repeat(long))));
}

#[test]
fn a_text_over_the_limit_is_refused() {
    let text = " ".repeat(MAX_SOURCE_LEN + 1);
    let (file, diagnostics) = parse(3, &text);
    assert!(file.items.is_empty());
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].code, "W014");
    assert!(parse(3, &text[1..]).1.is_empty());
}

/// Words of the language in any order.
fn soup() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "packet",
        "type",
        "protocol",
        "table",
        "ids",
        "on",
        "group",
        "test",
        "include",
        "clientbound",
        "serverbound",
        "both",
        "if",
        "else",
        "match",
        "let",
        "pad",
        "opt",
        "enum",
        "flags",
        "bits",
        "lsb",
        "packed",
        "in",
        "native",
        "nothing",
        "str",
        "bytes",
        "sized",
        "then",
        "until",
        "while",
        "sum",
        "max",
        "has",
        "not",
        "and",
        "or",
        "true",
        "error",
        "hex",
        "from",
        "where",
        "state",
        "frame",
        "stack",
        "conn",
        "version",
        "versions",
        "a",
        "b",
        "Slot",
        "u8",
        "varint",
        "`q`",
        "\"s\"",
        "1",
        "-1",
        "0xff",
        "1.5",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ",",
        ":",
        "=",
        "=>",
        "==",
        "..",
        "...",
        ".",
        "@",
        "@764..",
        "@clientbound",
        "+",
        "-",
        "|",
        "\n",
        "\n",
        "\n",
        "///x\n",
        "//x\n",
        ";",
        "é",
        "\"",
        "{\n",
        "}\n",
        "a: u8\n",
    ];
    prop::collection::vec(prop::sample::select(WORDS), 0..200).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_characters_are_answered(text in any::<String>()) {
        survives(&text);
        renders(&text);
    }

    #[test]
    fn any_words_are_answered(text in soup()) {
        survives(&text);
        renders(&text);
    }

    #[test]
    fn any_piece_of_the_sample_is_answered(start in 0..SAMPLE.len(), end in 0..SAMPLE.len()) {
        if let Some(text) = SAMPLE.get(start.min(end)..start.max(end)) {
            survives(text);
            renders(text);
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        survives(&String::from_utf8_lossy(&bytes));
    }
}

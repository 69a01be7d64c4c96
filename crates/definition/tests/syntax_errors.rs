//! What people are told about mistakes: every case of `syntax/errors.txt` gives exactly its text.
//!
//! Run with `UPDATE_EXPECTED=1` to write the file anew, then read the difference.

use std::fs;
use std::path::Path;

use midwire_definition::diagnostics::SYNTAX_CODES;
use midwire_definition::syntax::parse;
use midwire_definition::{Diagnostics, Sources, render};

fn rendered(text: &str) -> String {
    let (_, diagnostics) = parse(0, text);
    let mut sources = Sources::new();
    sources.add("game.wire", text);
    render(&Diagnostics(diagnostics), &sources, false)
}

#[test]
fn mistakes_are_explained() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/syntax/errors.txt");
    let table = fs::read_to_string(&path).unwrap();
    let mut actual = String::new();
    for case in table.split("=== ").skip(1) {
        let (title, rest) = case.split_once('\n').unwrap();
        let text = rest.split("---\n").next().unwrap();
        actual += &format!("=== {title}\n{text}---\n{}\n", rendered(text).trim_end());
    }
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, actual).unwrap();
        return;
    }
    for (is, should) in actual.split("=== ").zip(table.split("=== ")) {
        assert!(is == should, "is:\n{is}\nshould be:\n{should}");
    }
}

#[test]
fn every_code_has_an_example() {
    let table = include_str!("syntax/errors.txt");
    for (code, about) in SYNTAX_CODES {
        // A text over the limit is too long for an example.
        assert!(*code == "W014" || table.contains(&format!("error[{code}]")), "{code}: {about}");
    }
}

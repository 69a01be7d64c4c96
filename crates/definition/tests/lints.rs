//! What people are told about definitions that are right and probably not what was meant: every case of
//! `syntax/lints.txt` gives exactly its text.
//!
//! Run with `UPDATE_EXPECTED=1` to write the file anew, then read the difference.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use midwire_definition::diagnostics::{DEFINITION_CODES, SYNTAX_CODES};
use midwire_definition::sources::{LoadError, Loader, Root};
use midwire_definition::{Severity, check, check_extended, render};

/// One text, whatever its name.
struct Text<'a>(&'a str);

impl Loader for Text<'_> {
    fn load(&self, _: &str) -> Result<String, LoadError> {
        Ok(self.0.to_owned())
    }
}

#[test]
fn doubts_are_explained() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/syntax/lints.txt");
    let table = fs::read_to_string(&path).unwrap();
    let mut actual = String::new();
    for case in table.split("=== ").skip(1) {
        let (title, rest) = case.split_once('\n').unwrap();
        let text = rest.split("---\n").next().unwrap();
        let report = check("game.wire", &Text(text));
        let shown = render(&report.diagnostics, &report.sources, false);
        actual += &format!("=== {title}\n{text}---\n{}\n", shown.trim_end());
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
fn an_extension_is_told_of_what_it_brings() {
    let base = "protocol game { frame { length: u8, id: u8 } }\n\
                type Unused { a: u8 }\npacket A = 1 both { a: u8 }";
    let more =
        "extend game\ntype Mine { a: u8 }\npacket B = 2 both { a: u8, if a > 255 { b: u8 } }";
    let (base, more) = (Text(base), Text(more));
    let report = check_extended(
        Root { path: "game.wire", loader: &base },
        &[Root { path: "more.wire", loader: &more }],
    );
    let told: Vec<_> = report.diagnostics.iter().map(|d| (d.code, d.message.as_str())).collect();
    let never = "this condition never holds";
    assert_eq!(told, [("W098", "the type `Mine` is not used"), ("W091", never)]);
}

#[test]
fn doubts_are_warnings_and_the_definition_is_used() {
    let report = check(
        "game.wire",
        &Text(
            "protocol game { frame { length: u8, id: u8 } }\npacket A = 1 both { a: u8, if a > 255 { b: u8 } }",
        ),
    );
    assert!(report.diagnostics.iter().all(|d| d.severity == Severity::Warning));
    assert_eq!(report.diagnostics.len(), 1);
    assert!(report.protocol.is_some());
}

/// The codes in a text, as `"W012"`.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').filter(|part| {
        part.len() == 4 && part.starts_with('W') && part[1..].bytes().all(|b| b.is_ascii_digit())
    })
}

#[test]
fn every_code_that_is_used_is_listed_once_and_every_listed_one_is_used() {
    let mut listed: Vec<&str> =
        SYNTAX_CODES.iter().chain(DEFINITION_CODES).map(|(code, _)| *code).collect();
    assert!(listed.is_sorted_by(|a, b| a < b), "in order, and each once");
    let mut used = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("codes.rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
                used.extend(codes(code).map(str::to_owned));
            }
        }
    }
    used.sort();
    used.dedup();
    listed.retain(|code| !used.iter().any(|u| u == code));
    assert_eq!(listed, [""; 0], "listed and not used");
    for code in &used {
        let known = |list: &[(&str, &str)]| list.iter().any(|(c, _)| c == code);
        assert!(known(SYNTAX_CODES) || known(DEFINITION_CODES), "{code} is not listed");
    }
}

#[test]
fn no_definition_is_too_odd_to_look_at() {
    let table = include_str!("syntax/lints.txt");
    let mut looked_at = 0;
    for case in table.split("=== ").skip(1) {
        let text = case.split_once('\n').unwrap().1.split("---\n").next().unwrap();
        let words: Vec<&str> = text.split_inclusive([' ', '\n']).collect();
        for wrong in 0..words.len() {
            // Without a word, and with a word twice, and with a number at the end of what there is.
            for instead in ["", &words[wrong].repeat(2), "9223372036854775807 ", "-1 "] {
                let mut words = words.clone();
                words[wrong] = instead;
                let report = check("game.wire", &Text(&words.concat()));
                looked_at += usize::from(report.protocol.is_some());
            }
        }
    }
    assert!(looked_at > 1_000, "{looked_at}");
}

#[test]
fn types_that_contain_each_other_have_paths_without_number() {
    let mut text = String::from(
        "protocol game { frame { length: u16, id: u8 } }\npacket A = 1 both { root: T0 }\n\
         group g { x: int, both A { x = root.f1.f2.value } }\n",
    );
    for i in 0..20 {
        let fields: String = (0..20).map(|j| format!("f{j}: opt T{j}, ")).collect();
        text += &format!("type T{i} {{ {fields} value: u8 }}\n");
    }
    let report = check("game.wire", &Text(&text));
    let shown = render(&report.diagnostics, &report.sources, false);
    assert!(report.diagnostics.is_empty(), "{shown}");
}

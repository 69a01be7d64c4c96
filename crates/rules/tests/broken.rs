//! Wrong rule files, and what is said of them: `NAME.rules` and `NAME.txt` beside it.
//! With the variable `UPDATE` set, the texts are written anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod rules_support;

use std::fs;
use std::path::Path;

use midwire_definition::{LoadError, Loader, Root, render};
use midwire_rules::FILTER_CODES;
use midwire_rules::rule::{RULE_CODES, RuleSet};
use rules_support::lexicon;

struct Folder(&'static str);

impl Loader for Folder {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        fs::read_to_string(Path::new(self.0).join(path))
            .map_err(|_| LoadError::NotFound { path: path.into() })
    }
}

const BROKEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/rules/broken");

fn said_of(name: &str) -> String {
    let text = fs::read_to_string(Path::new(BROKEN).join(name)).unwrap();
    let protocol = if text.starts_with("// terraria") { "terraria" } else { "minecraft" };
    let loader = Folder(BROKEN);
    let root = Root { path: name, loader: &loader };
    match RuleSet::load(&[root], &lexicon(protocol)) {
        Ok(set) => render(set.warnings(), set.sources(), false),
        Err(problems) => problems.to_string(),
    }
}

fn names() -> Vec<String> {
    let entries = fs::read_dir(BROKEN).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".rules"));
    names.sort();
    names
}

#[test]
fn each_wrong_file_says_what_is_wrong_with_it() {
    let names = names();
    assert!(names.len() >= 50, "{}", names.len());
    let mut wrong = Vec::new();
    for name in &names {
        let said = said_of(name);
        assert!(!said.is_empty(), "{name}: nothing is said of it");
        let golden = Path::new(BROKEN).join(name).with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&golden, &said).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if said != expected {
            wrong.push(format!("{name}: expected\n{expected}\nfound\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_of_rules_is_said_of_some_file() {
    let said: String = names().iter().map(|name| said_of(name)).collect();
    let missing: Vec<&str> = RULE_CODES
        .iter()
        .map(|(code, _)| *code)
        .filter(|code| !said.contains(&format!("[{code}]")))
        .collect();
    // More rules than the limit make no good file.
    assert_eq!(missing, ["R024"]);
    assert!(RULE_CODES.is_sorted_by(|a, b| a.0 < b.0));
    assert!(FILTER_CODES.is_sorted_by(|a, b| a.0 < b.0));
}

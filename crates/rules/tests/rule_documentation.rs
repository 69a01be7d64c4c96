//! What `docs/rules.md` shows is right, and what it calls wrong is wrong in that way.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod rules_support;

use midwire_rules::rule::RULE_CODES;
use rules_support::load;

const TEXT: &str = include_str!("../../../docs/rules.md");

/// The words behind the fence, and the text, of each block of rules.
fn blocks() -> Vec<(Vec<&'static str>, &'static str)> {
    let mut blocks = Vec::new();
    let mut rest = TEXT;
    while let Some((_, behind)) = rest.split_once("```rules") {
        let (words, behind) = behind.split_once('\n').unwrap();
        let (text, behind) = behind.split_once("```").unwrap();
        blocks.push((words.split_whitespace().collect(), text));
        rest = behind;
    }
    blocks
}

fn said(words: &[&str], text: &str) -> (bool, String) {
    let protocol = if words.contains(&"terraria") { "terraria" } else { "minecraft" };
    match load(protocol, text) {
        Ok((_, warnings)) => (true, warnings),
        Err(errors) => (false, errors),
    }
}

#[test]
fn the_examples_of_the_document_are_rules() {
    let blocks = blocks();
    let mut examples = 0;
    for (words, text) in blocks.iter().filter(|(w, _)| !w.iter().any(|w| w.starts_with('R'))) {
        let (is_right, said) = said(words, text);
        assert!(is_right, "{text}\n{said}");
        examples += 1;
    }
    assert!(examples >= 10, "{examples}");
}

#[test]
fn every_code_is_described_with_an_example() {
    let blocks = blocks();
    for (code, about) in RULE_CODES {
        assert!(TEXT.contains(&format!("**{code}** {about}")), "{code} {about}");
        let example = blocks.iter().find(|(words, _)| words.contains(code));
        match example {
            None => assert_eq!(*code, "R024", "it takes more rules than a document has"),
            Some((words, text)) => {
                let (_, said) = said(words, text);
                assert!(said.contains(&format!("[{code}]")), "{code}: {text}\n{said}");
            }
        }
    }
}

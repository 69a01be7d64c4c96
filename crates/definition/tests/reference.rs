//! What `docs/language.md` shows is right: every block of the wire language in it is read, gives no message,
//! and passes the tests in it; and every construct of the grammar is shown.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use midwire_definition::diagnostics::{DEFINITION_CODES, SYNTAX_CODES};
use midwire_definition::sources::{LoadError, Loader, Root};
use midwire_definition::syntax::format;
use midwire_definition::{Report, check, check_extended, render};

/// What a block that is only a part stands in.
const AROUND: &str = "protocol example { frame { length: u16, id: u8 } }\n";

/// Blocks whose packets have no tests, as there is nothing to read.
const WITHOUT_TESTS: &str = "doubtful";

struct Text<'a>(&'a str);

impl Loader for Text<'_> {
    fn load(&self, _: &str) -> Result<String, LoadError> {
        Ok(self.0.to_owned())
    }
}

fn docs(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    fs::read_to_string(path).unwrap().replace("\r\n", "\n")
}

/// A fenced block: what stands behind its fence, its line, and its text.
struct Block<'a> {
    kind: &'a str,
    line: usize,
    text: &'a str,
}

fn blocks(document: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(start) = document[at..].find("```wire") {
        let start = at + start + 3;
        let body = start + document[start..].find('\n').unwrap() + 1;
        let end = body + document[body..].find("```").unwrap();
        line += document[at..body].matches('\n').count();
        blocks.push(Block { kind: document[start..body].trim(), line, text: &document[body..end] });
        line += document[body..end].matches('\n').count();
        at = end + 3;
    }
    blocks
}

/// The block that defines this protocol.
fn definition<'a>(blocks: &[Block<'a>], name: &str) -> &'a str {
    let begin = format!("protocol {name} ");
    blocks.iter().find(|block| block.text.contains(&begin)).unwrap().text
}

fn checked(blocks: &[Block<'_>], block: &Block<'_>) -> Report {
    let mut words = block.kind.split(' ').skip(1);
    match (words.next(), words.next()) {
        (None, _) => check("block.wire", &Text(block.text)),
        (Some("fragment"), None) | (Some("doubtful"), Some(_)) => {
            check("block.wire", &Text(&format!("{AROUND}{}", block.text)))
        }
        (Some("extend"), Some(name)) => check_extended(
            Root { path: "below.wire", loader: &Text(definition(blocks, name)) },
            &[Root { path: "block.wire", loader: &Text(block.text) }],
        ),
        _ => panic!("line {}: what kind of block is `{}`?", block.line, block.kind),
    }
}

#[test]
fn every_block_is_right_and_passes_its_tests() {
    let document = docs("language.md");
    let blocks = blocks(&document);
    assert!(blocks.len() > 20, "{}", blocks.len());
    let mut wrong = String::new();
    for block in &blocks {
        let report = checked(&blocks, block);
        let shown = render(&report.diagnostics, &report.sources, false);
        let line = block.line;
        if let Some(code) = block.kind.strip_prefix("wire doubtful ") {
            let told: BTreeSet<_> = report.diagnostics.iter().map(|d| d.code).collect();
            if !told.iter().eq([&code]) {
                wrong += &format!("line {line}: {code} is to be told, and not:\n{shown}\n");
            }
        } else if !report.diagnostics.is_empty() {
            wrong += &format!("line {line}:\n{shown}\n");
        }
        if report.tests == 0 && !block.kind.contains(WITHOUT_TESTS) {
            wrong += &format!("line {line}: nothing tests this block\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_block_is_in_the_usual_form() {
    for name in ["language.md", "patch-day.md"] {
        for block in blocks(&docs(name)) {
            assert_eq!(format(block.text), block.text, "{name}:{}", block.line);
        }
    }
}

/// The words in quotes of a grammar's productions, apart from the lexical ones.
fn keywords(grammar: &str) -> BTreeSet<&str> {
    let (_, productions) = grammar.split_once("(* ---- file").unwrap();
    let outside_comments = productions.split("(*").map(|part| match part.split_once("*)") {
        Some((_, behind)) => behind,
        None => part,
    });
    let quoted = outside_comments.flat_map(|part| part.split('"').skip(1).step_by(2));
    quoted.filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic())).collect()
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect()
}

#[test]
fn every_word_of_the_grammar_is_shown() {
    let (document, grammar) = (docs("language.md"), docs("wire.ebnf"));
    let shown: String =
        blocks(&document).iter().map(|block| without_comments(block.text)).collect();
    let shown = words(&shown);
    // `varint le` is no type; these are suffixes of a name.
    let is_suffix = |word: &str| matches!(word, "le" | "be");
    // Shown below, where files are named: a block of its own has none beside it.
    let of_files = ["include", "from"];
    let wanted = keywords(&grammar);
    assert!(wanted.len() > 100, "{wanted:?}");
    let missing: Vec<_> = wanted
        .iter()
        .filter(|word| !is_suffix(word) && !of_files.contains(word) && !shown.contains(*word))
        .collect();
    assert!(missing.is_empty(), "docs/language.md shows no {missing:?}");
    for text in [
        "`include \"more.wire\"`",
        "`versions from \"file.txt\"`",
        "`table NAME from \"file.txt\"`",
    ] {
        assert!(document.contains(text), "{text}");
    }
}

fn without_comments(text: &str) -> String {
    let code =
        |line: &str| line.split("//").next().unwrap_or_default().trim_end().to_owned() + "\n";
    text.lines().map(code).collect()
}

#[test]
fn every_construct_without_a_word_of_its_own_is_shown() {
    let document = docs("language.md");
    let shown: String =
        blocks(&document).iter().map(|block| without_comments(block.text)).collect();
    for (construct, text) in [
        ("rest", "[..]"),
        ("a number in front", "[u8] {"),
        ("an earlier field", "[n] "),
        ("a calculated count", "[m * 2 + 1]"),
        ("a constant count", "[3] "),
        ("a range of versions", "@12.. "),
        ("up to a version", "@..11 "),
        ("several ranges", "@10|20 "),
        ("a key", "@\"1.1\".. "),
        ("a direction", "@serverbound "),
        ("ids by version", "= 1 @..11, 5 @12.. "),
        ("a title", "\"The boss's health\""),
        ("a computed field", "u16 = bytes("),
        ("flat", "...Point"),
        ("an unknown tail", "  ...\n"),
        ("a label in parentheses", "(n) =>"),
        ("a range as a label", "1..9 =>"),
        ("several labels", "1, 2 =>"),
        ("a type's arguments", "Between(u16, 9)"),
        ("a table's members", "in stackable"),
        ("a table by index", "stackable[item]"),
        ("a set", "in {1, 2, 3}"),
        ("a range", "in 1..9"),
        ("an index in a path", "points[0].y"),
        ("a list as a value", "[4, 5, 6]"),
        ("flags as a value", "[up, shield]"),
        ("bytes as a value", "hex \""),
        ("a fraction", "1.5"),
        ("an addition to ids", "+ fly after move"),
        ("a removal of ids", "- kick"),
        ("a doc comment", "Where somebody is."),
    ] {
        let everything = if construct == "a doc comment" { &document } else { &shown };
        assert!(everything.contains(text), "{construct}: no {text:?}");
    }
    for operator in
        ["+", "-", "|", "^", "*", "/", "%", "&", "<<", ">>", "~", "==", "!=", "<", "<=", ">", ">="]
    {
        let spaced = format!(" {operator} ");
        let prefix = format!(" {operator}(");
        assert!(shown.contains(&spaced) || shown.contains(&prefix), "operator {operator}");
    }
}

#[test]
fn every_attribute_is_shown() {
    let document = docs("language.md");
    let shown: String = blocks(&document).iter().map(|block| block.text).collect();
    // The message about an unknown one names them all.
    let text = format!("{AROUND}packet A = 1 both {{ a: u8 @qqqqqq }}");
    let report = check("block.wire", &Text(&text));
    let help = report.diagnostics.iter().find_map(|d| d.help.clone()).unwrap();
    let known: Vec<_> = help.strip_prefix("there are: ").unwrap().split(", ").collect();
    assert!(known.len() > 5, "{known:?}");
    for attribute in known {
        assert!(shown.contains(attribute), "{attribute}");
    }
}

#[test]
fn every_message_is_listed() {
    let document = docs("language.md");
    let (_, appendix) = document.split_once("## All messages").unwrap();
    let rows: Vec<&str> = appendix.lines().filter(|line| line.starts_with("| W")).collect();
    let codes = SYNTAX_CODES.iter().chain(DEFINITION_CODES);
    let wanted: Vec<String> = codes.map(|(code, about)| format!("| {code} | {about} |")).collect();
    assert_eq!(rows, wanted);
}

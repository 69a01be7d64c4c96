//! What is said of wrong and doubtful filters, word by word. `errors.txt` has filters and messages; with the
//! variable BLESS set it is written anew, and the difference is to be read like code.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::sync::Arc;

use midwire_definition::{Diagnostics, Protocol, Severity, Sources, builtin, render};
use midwire_rules::{FILTER_CODES, Filter, Lexicon, Scope, syntax};

fn shown(source: &str, protocol: &Arc<Protocol>, lexicon: &Arc<Lexicon>) -> String {
    let scope = Scope::of_version(protocol.versions.by_text("1.21.4").unwrap());
    let read = syntax::parse(0, source).and_then(|expr| Filter::check(expr, lexicon, scope));
    let reports = match read {
        Ok((_, warnings)) => warnings,
        Err(reports) => {
            assert!(reports.iter().any(|report| report.severity == Severity::Error), "{source}");
            reports
        }
    };
    assert!(reports.iter().all(|report| FILTER_CODES.iter().any(|(code, _)| *code == report.code)));
    let mut sources = Sources::new();
    sources.add("-Y", source);
    render(&Diagnostics(reports), &sources, false)
}

#[test]
fn wrong_filters_are_told_as_written_down() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/errors.txt");
    let text = std::fs::read_to_string(&path).unwrap();
    let protocol = builtin("minecraft").unwrap();
    let lexicon = Arc::new(Lexicon::new(&protocol));
    let mut written = String::new();
    let mut count = 0;
    for block in text.split("\n=== ").map(|block| block.trim_start_matches("=== ")) {
        let source = block.lines().next().unwrap();
        written.push_str(&format!("=== {source}\n{}\n", shown(source, &protocol, &lexicon)));
        count += 1;
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, written.trim_end().to_owned() + "\n").unwrap();
    } else {
        assert!(written.trim_end() == text.trim_end(), "{written}");
    }
    assert!(count >= 60, "{count}");
}

#[test]
fn bad_input_of_any_size_is_told_and_no_more() {
    let protocol = builtin("terraria").unwrap();
    let lexicon = Arc::new(Lexicon::new(&protocol));
    let many = [
        "(".repeat(5000),
        "not ".repeat(5000) + "malformed",
        "-".repeat(5000) + "1 == 1",
        "malformed and ".repeat(5000) + "malformed",
        "1 + ".repeat(5000) + "1 == 1",
        "any(".repeat(5000),
        "packet.id in {".to_owned() + &"1,".repeat(20_000) + "2}",
        "a.".repeat(5000) + "b == 1",
        "\"".to_owned() + &"x".repeat(100_000),
        "packet.name matches /".to_owned() + &"(a*)*".repeat(2000) + "/",
        "packet.name matches /(((((a{100}){100}){100}){100}){100})/".to_owned(),
        "Hello[".repeat(3000),
        "\u{0}\u{7f}\u{202e}".repeat(100),
    ];
    for source in many {
        let read = syntax::parse(0, &source)
            .and_then(|expr| Filter::check(expr, &lexicon, Scope::default()));
        if let Err(reports) = read {
            assert!(!reports.is_empty() && reports.len() < 100, "{}", reports.len());
            let mut sources = Sources::new();
            sources.add("-Y", source);
            let text = render(&Diagnostics(reports), &sources, false);
            assert!(!text.contains(['\u{0}', '\u{202e}']), "{text:?}");
        }
    }
}

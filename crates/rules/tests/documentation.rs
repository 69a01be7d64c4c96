//! What the documentation says is so: its filters can be read, its codes are earned.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::sync::Arc;

use midwire_definition::{Diagnostic, Diagnostics, Sources, builtin, render};
use midwire_rules::{FILTER_CODES, Filter, Lexicon, Scope, syntax};

fn documentation() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/filters.md");
    std::fs::read_to_string(path).unwrap()
}

fn lexicon() -> Arc<Lexicon> {
    Arc::new(Lexicon::new(&builtin("minecraft").unwrap()))
}

fn read(source: &str, lexicon: &Arc<Lexicon>) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let expr = syntax::parse(0, source)?;
    Filter::check(expr, lexicon, Scope::default()).map(|(_, warnings)| warnings)
}

#[test]
fn every_filter_of_the_documentation_can_be_read() {
    let (text, lexicon) = (documentation(), lexicon());
    let blocks: Vec<&str> = text.split("```filter\n").skip(1).collect();
    let mut count = 0;
    let mut wrong = String::new();
    for block in blocks {
        for source in block.split("```").next().unwrap().lines() {
            count += 1;
            if let Err(reports) = read(source, &lexicon) {
                let mut sources = Sources::new();
                sources.add("filters.md", source);
                wrong.push_str(&render(&Diagnostics(reports), &sources, false));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count > 60, "{count}");
}

#[test]
fn every_code_is_in_the_documentation_with_a_filter_that_earns_it() {
    let (text, lexicon) = (documentation(), lexicon());
    for (code, _) in FILTER_CODES {
        let row = text.lines().find(|line| line.starts_with(&format!("| {code} |")));
        let row = row.unwrap_or_else(|| panic!("{code} is not in docs/filters.md"));
        let source = match *code {
            "F008" => format!("{}position{}", "(".repeat(65), ")".repeat(65)),
            "F009" => "x".repeat(300 * 1024),
            "F032" => ["tags.tags.tag_type"; 9].join(" + ") + " == \"\"",
            _ => row.split('`').nth_back(1).unwrap().to_owned(),
        };
        let reports = match read(&source, &lexicon) {
            Ok(reports) | Err(reports) => reports,
        };
        let codes: Vec<_> = reports.iter().map(|report| report.code).collect();
        assert!(codes.contains(code), "{code}: {source} earns {codes:?}");
    }
}

//! The parser of the wire language.

use midwire_definition::syntax::ast::{File, Item};
use midwire_definition::syntax::parse;
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

#[test]
fn every_snippet_of_the_design_parses() {
    let file = parsed(include_str!("syntax/design.wire"));
    assert_eq!(file.items.len(), 19, "{:#?}", file.items);
    assert!(matches!(file.items[0], Item::Protocol(_)));
}

#[test]
fn the_sample_of_every_construct_parses() {
    parsed(include_str!("syntax/sample.wire"));
}

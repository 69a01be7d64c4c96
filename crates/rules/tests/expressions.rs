//! The table of filters over recorded sessions gives the same through rules.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod rules_support;
mod support;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use midwire_definition::{Root, Workspace};
use midwire_rules::rule::{Decision, RuleSet};
use midwire_rules::{Interest, Lexicon};
use serde_json::Value;

use rules_support::texts;
use support::{packets, protocol_of, root};

/// What a capture's filters are expected to match.
#[derive(Default)]
struct Table {
    counts: HashMap<String, u64>,
    /// The filter, and the keys of packets.
    rows: Vec<(String, Vec<String>)>,
}

fn tables() -> HashMap<String, Table> {
    let text = std::fs::read_to_string(root().join("tests/filters/expected.jsonl")).unwrap();
    let mut tables: HashMap<String, Table> = HashMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let table = tables.entry(line["capture"].as_str().unwrap().to_owned()).or_default();
        if let Some(counts) = line["counts"].as_object() {
            let count = |(end, n): (&String, &Value)| (end.clone(), n.as_u64().unwrap());
            table.counts = counts.iter().map(count).collect();
            continue;
        }
        let keys = line["matches"].as_array().unwrap().iter();
        let keys = keys.map(|key| key.as_str().unwrap().to_owned()).collect();
        table.rows.push((line["filter"].as_str().unwrap().to_owned(), keys));
    }
    tables
}

#[test]
fn rules_match_what_filters_match() {
    let (mut filters, mut found) = (0, 0);
    for (capture, table) in tables() {
        let protocol = protocol_of(&capture);
        let lexicon = Arc::new(Lexicon::new(&protocol));
        let mut text = String::new();
        for (at, (filter, _)) in table.rows.iter().enumerate() {
            writeln!(text, "r{at}: count r{at} both * where {filter}").unwrap();
        }
        let loader = texts(&[("test.rules", &text)]);
        let set = RuleSet::load(&[Root { path: "test.rules", loader: &loader }], &lexicon)
            .unwrap_or_else(|problems| panic!("{capture}: {problems}"));
        let known = |key: &str| {
            let at = key.find(['c', 's']).unwrap() + 1;
            let number: u64 = key[at..].parse().unwrap();
            number < table.counts.get(&key[..at]).copied().unwrap_or(0)
        };
        let mut state = set.begin();
        let (mut decision, mut ws) = (Decision::default(), Workspace::default());
        let mut is: Vec<Vec<String>> = vec![Vec::new(); table.rows.len()];
        for recorded in packets(&capture, &protocol) {
            let packet = &recorded.packet;
            let envelope = recorded.envelope();
            let rules = set.at(packet.version);
            set.judge(&rules, &mut state, &envelope, true, &mut ws, &mut decision);
            let interest = rules.interest(packet.state, packet.direction, envelope.definition);
            assert!(interest != Interest::Never || decision.is_nothing(), "{}", recorded.key);
            for rule in decision.hits.iter().filter(|_| known(&recorded.key)) {
                is[rule.0 as usize].push(recorded.key.clone());
            }
        }
        for (at, (filter, expected)) in table.rows.iter().enumerate() {
            let (mut is, mut expected) = (is[at].clone(), expected.clone());
            is.sort();
            expected.sort();
            assert_eq!(is, expected, "{capture}: {filter}");
            found += is.len();
        }
        filters += table.rows.len();
    }
    assert!(filters >= 200 && found > 10_000, "{filters} rules, {found} packets");
    println!("{filters} rules, {found} packets match");
}

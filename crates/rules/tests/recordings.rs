//! Filters over recorded sessions match what the recorded end points' own logs say. The results are those
//! of `tests/filters/expect.py`, which knows nothing of midwire.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::HashMap;
use std::sync::Arc;

use midwire_definition::{Diagnostics, Sources, VersionId, Workspace, render};
use midwire_rules::{Compiled, Envelope, Filter, Interest, Lexicon, Scope, syntax};
use serde_json::Value;

use support::{Recorded, packets, protocol_of, root};

/// Whether a packet matches: as the fewest bytes are read, with all fields, and by the interest.
fn matches(
    compiled: &Compiled,
    recorded: &Recorded,
    ws: &mut Workspace,
    other: &mut Workspace,
) -> bool {
    let envelope = recorded.envelope();
    let is = compiled.matches_payload(&envelope, ws);
    let plan = envelope.definition.and_then(|definition| definition.plan.as_ref());
    let fields =
        plan.map(|plan| plan.decode(envelope.payload, envelope.body, envelope.conn, other));
    let mut fields = fields;
    assert_eq!(is, compiled.matches(&envelope, fields.as_mut()), "{}: two ways", recorded.key);
    match compiled.interest(envelope.state, envelope.direction, envelope.definition) {
        Interest::Never => assert!(!is, "{}: it is never so", recorded.key),
        Interest::EnvelopeOnly => {
            let bare = Envelope { payload: &[], ..envelope };
            assert_eq!(is, compiled.matches_payload(&bare, ws), "{}: the envelope", recorded.key);
        }
        Interest::Fields => {}
    }
    is
}

/// Its packets, how many of each direction its log has, and the names of its protocol.
type Capture = (Vec<Recorded>, HashMap<String, u64>, Arc<Lexicon>);

#[test]
fn filters_match_what_the_end_points_say() {
    let text = std::fs::read_to_string(root().join("tests/filters/expected.jsonl")).unwrap();
    let mut sessions: HashMap<String, Capture> = HashMap::new();
    let mut wrong = Vec::new();
    let mut checked = std::collections::HashSet::new();
    let mut found = 0;
    let (mut ws, mut other) = (Workspace::default(), Workspace::default());
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let capture = line["capture"].as_str().unwrap();
        if let Some(counts) = line["counts"].as_object() {
            let protocol = protocol_of(capture);
            let counts = counts.iter().map(|(end, n)| (end.clone(), n.as_u64().unwrap())).collect();
            let lexicon = Arc::new(Lexicon::new(&protocol));
            sessions.insert(capture.to_owned(), (packets(capture, &protocol), counts, lexicon));
            continue;
        }
        let source = line["filter"].as_str().unwrap();
        let (packets, counts, lexicon) = &sessions[capture];
        let known = |key: &str| {
            let at = key.find(['c', 's']).unwrap() + 1;
            let number: u64 = key[at..].parse().unwrap();
            number < counts.get(&key[..at]).copied().unwrap_or(0)
        };
        let read = syntax::parse(0, source)
            .and_then(|expr| Filter::check(expr, lexicon, Scope::default()));
        let filter = match read {
            Ok((filter, _)) => filter,
            Err(reports) => {
                let mut sources = Sources::new();
                sources.add("filter", source);
                wrong.push(render(&Diagnostics(reports), &sources, false));
                continue;
            }
        };
        let mut compiled: HashMap<VersionId, Compiled> = HashMap::new();
        let mut is = Vec::new();
        for recorded in packets {
            let version = recorded.packet.version;
            let compiled = compiled.entry(version).or_insert_with(|| filter.compile(version));
            if matches(compiled, recorded, &mut ws, &mut other) && known(&recorded.key) {
                is.push(recorded.key.clone());
            }
        }
        let mut expected: Vec<String> = line["matches"]
            .as_array()
            .unwrap()
            .iter()
            .map(|k| k.as_str().unwrap().to_owned())
            .collect();
        expected.sort();
        is.sort();
        found += is.len();
        checked.insert(source.to_owned());
        if is != expected {
            let more: Vec<_> = is.iter().filter(|key| !expected.contains(key)).take(5).collect();
            let less: Vec<_> = expected.iter().filter(|key| !is.contains(key)).take(5).collect();
            wrong.push(format!("{capture}: {source}\n  too many {more:?}\n  too few {less:?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked.len() >= 200 && found > 10_000, "{} filters, {found} packets", checked.len());
    println!("{} filters, {found} packets match", checked.len());
}

//! Every packet in the tests of the built-in definitions can be shown, whole and cut off anywhere.

#![allow(clippy::unwrap_used)]

use midwire_codec::Direction;
use midwire_definition::plan::{Flow, Group, Kind, Node, Visitor};
use midwire_definition::syntax::ast::{Directions, Item, TestItem, Transform, VersionRef};
use midwire_definition::syntax::parse;
use midwire_definition::value::Value;
use midwire_definition::{
    Packet, Plan, Protocol, Workspace, builtin, builtins, escape, given, json, line, tree,
};
use std::sync::Arc;

/// The tests of a built-in definition.
fn tests_of(name: &str) -> Vec<TestItem> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("protocols");
    let mut files = vec![root.join(format!("{name}.wire"))];
    let folder = std::fs::read_dir(root.join(name)).into_iter().flatten();
    files.extend(folder.map(|entry| entry.unwrap().path()));
    let mut tests = Vec::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|e| e == "wire")) {
        let (file, _) = parse(0, &std::fs::read_to_string(path).unwrap());
        tests.extend(file.items.into_iter().filter_map(|item| match item {
            Item::Test(test) => Some(test),
            _ => None,
        }));
    }
    tests
}

fn plan_of(protocol: &Protocol, test: &TestItem) -> Option<Arc<Plan>> {
    let version = match test.version.as_ref().map(|v| &v.node) {
        None => protocol.versions.newest(),
        Some(VersionRef::Key(key)) => protocol.versions.by_text(key)?,
        Some(VersionRef::Number(n)) => protocol.versions.by_number(*n).0,
    };
    let dialect = protocol.dialect(version);
    let directions = match test.direction {
        Some(Directions::Clientbound) => &[Direction::Clientbound][..],
        Some(Directions::Serverbound) => &[Direction::Serverbound],
        _ => &[Direction::Clientbound, Direction::Serverbound],
    };
    let found = directions.iter().find_map(|direction| {
        dialect
            .packets()
            .find(|p| {
                let state = protocol.state_name(p.state);
                let wanted = test.state.as_ref().map_or("", |name| name.text.as_str());
                (test.state.is_none() || state.eq_ignore_ascii_case(wanted))
                    && p.direction == *direction
                    && p.name.eq_ignore_ascii_case(&test.packet.text)
            })
            .cloned()
    })?;
    found.plan.clone()
}

/// Shows a packet in every way, and checks what holds of all packets.
fn show(name: &str, packet: &mut Packet<'_>) {
    let mut text = String::new();
    json::write_fields(packet, &mut text);
    assert!(!text.contains(escape::is_unsafe), "{name}: {text}");
    let value = given::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}: {text}"));
    assert!(matches!(value, given::Given::Object(_)));
    assert!(!has_duplicate_keys(&value), "{name}: {text}");
    let theirs = serde_json::from_str::<serde_json::Value>(&text);
    assert!(theirs.is_ok(), "{name}: {text}");
    let mut shown = line::Line::new();
    for width in [0, 2, 20, 100] {
        shown.clear();
        line::write_summary(packet, width, &mut shown);
        assert!(shown.width() <= width, "{name}: {}", shown.as_str());
        assert!(!shown.as_str().contains(escape::is_unsafe), "{name}: {}", shown.as_str());
        let pieces: String = shown.spans().map(|span| span.text).collect();
        assert_eq!(pieces, shown.as_str(), "{name}");
    }
    let rows = tree::rows(packet, tree::TreeLimits::default());
    for row in &rows {
        let texts = [&row.name, &row.kind, &row.value, &row.doc];
        assert!(!texts.into_iter().any(|t| t.contains(escape::is_unsafe)), "{name}: {row:?}");
        assert!(row.place.start <= row.place.end, "{name}: {row:?}");
    }
    tree::owners(&rows, packet.payload().len());
}

fn has_duplicate_keys(value: &given::Given) -> bool {
    match value {
        given::Given::Object(entries) => {
            let mut keys: Vec<_> = entries.iter().map(|(key, _)| key).collect();
            keys.sort();
            keys.windows(2).any(|pair| pair[0] == pair[1])
                || entries.iter().any(|(_, value)| has_duplicate_keys(value))
        }
        given::Given::List(items) => items.iter().any(has_duplicate_keys),
        _ => false,
    }
}

#[test]
fn every_packet_in_the_tests_is_shown_whole_and_cut_off() {
    let mut shown = 0;
    let mut ws = Workspace::default();
    for name in builtins() {
        let protocol = builtin(name).unwrap();
        let conn = protocol.initial_conn();
        for test in tests_of(name) {
            let Some(plan) = plan_of(&protocol, &test) else { continue };
            let bytes = &test.bytes.node;
            let title = format!("{name} {}", test.packet.text);
            show(&title, &mut plan.decode(bytes, 0, &conn, &mut ws));
            // Long packets are cut at some places only.
            let step = bytes.len() / 6 + 1;
            for end in (0..bytes.len()).step_by(step) {
                show(&title, &mut plan.decode(&bytes[..end], 0, &conn, &mut ws));
            }
            // And with every so many bytes turned over.
            for at in (0..bytes.len()).step_by(step) {
                let mut damaged = bytes.clone();
                damaged[at] ^= 0xff;
                show(&title, &mut plan.decode(&damaged, 0, &conn, &mut ws));
            }
            shown += 1;
        }
    }
    assert!(shown > 200, "{shown}");
}

#[test]
fn every_byte_of_a_whole_packet_has_a_row() {
    let mut ws = Workspace::default();
    for name in builtins() {
        let protocol = builtin(name).unwrap();
        let conn = protocol.initial_conn();
        for test in tests_of(name) {
            let Some(plan) = plan_of(&protocol, &test) else { continue };
            let mut packet = plan.decode(&test.bytes.node, 0, &conn, &mut ws);
            if packet.error().is_some() {
                continue;
            }
            let limits = tree::TreeLimits { elements_max: u32::MAX, ..tree::TreeLimits::default() };
            let rows = tree::rows(&mut packet, limits);
            let owners = tree::owners(&rows, packet.payload().len());
            assert!(owners.iter().all(Option::is_some), "{name} {}: {owners:?}", test.packet.text);
        }
    }
}

/// Whether a part of a packet is compressed.
struct Compressed(bool);

impl Compressed {
    fn look(&mut self, node: &Node<'_>) {
        let block = matches!(&node.field.kind, Kind::Block { transform, .. } if *transform != Transform::Sized);
        self.0 |= block;
    }
}

impl Visitor for Compressed {
    fn value(&mut self, _node: &Node<'_>, _value: &Value<'_>) {}

    fn open(&mut self, node: &Node<'_>, _group: Group) -> Flow {
        self.look(node);
        Flow::Enter
    }

    fn close(&mut self, _node: &Node<'_>) {}

    fn packed(&mut self, node: &Node<'_>) {
        self.look(node);
    }
}

/// What is wrong with the bytes that come of a packet's JSON; nothing if that cannot be asked.
fn wrong_again(plan: &Plan, bytes: &[u8], conn: &[i64], ws: &mut Workspace) -> Option<String> {
    let fields = |bytes: &[u8], ws: &mut Workspace| {
        let mut packet = plan.decode(bytes, 0, conn, ws);
        let mut text = String::new();
        json::write_fields(&mut packet, &mut text);
        (packet.error().is_none() && packet.rest().is_empty()).then_some(text)
    };
    // Secrets are not told, and what a block's content does not reach cannot be given.
    let kept_back = |text: &String| text.contains("{\"secret\":") || text.contains("\"$rest\":");
    let text = fields(bytes, ws).filter(|text| !kept_back(text))?;
    let mut out = Vec::new();
    if let Err(e) = plan.encode(&given::parse(&text).unwrap(), conn, ws, &mut out) {
        return Some(format!("{e}: {text}"));
    }
    // What was compressed may be compressed in another way; its content is the same. A byte that says that
    // something is there is written as 1, whatever it was.
    let differs = |pair: (&u8, &u8)| pair.0 != pair.1 && *pair.0 != 1;
    let alike = out.len() == bytes.len() && !out.iter().zip(bytes).any(differs);
    let mut compressed = Compressed(false);
    plan.decode(bytes, 0, conn, ws).walk(&mut compressed);
    let same = alike || (compressed.0 || out.len() != bytes.len()) && fields(&out, ws)? == text;
    (!same).then(|| format!("{out:02x?}\n  {bytes:02x?}\n  {text}"))
}

#[test]
fn the_json_of_a_packet_is_enough_to_write_it_again() {
    let mut ws = Workspace::default();
    let mut wrong = Vec::new();
    for name in builtins() {
        let protocol = builtin(name).unwrap();
        let conn = protocol.initial_conn();
        for test in tests_of(name) {
            let Some(plan) = plan_of(&protocol, &test) else { continue };
            let bytes = &test.bytes.node;
            let mut check = |bytes: &[u8]| {
                let found = wrong_again(&plan, bytes, &conn, &mut ws);
                wrong.extend(found.map(|found| format!("{name} {}: {found}", test.packet.text)));
            };
            check(bytes);
            // Other values of a byte are mostly values of a field; some are odd forms of one.
            for at in (0..bytes.len()).step_by(bytes.len() / 12 + 1) {
                for change in [0x03, 0x80] {
                    let mut damaged = bytes.clone();
                    damaged[at] ^= change;
                    check(&damaged);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

//! Every packet in the tests of the built-in definitions, edited in every place.

use crate::checks::{Known, check_deletes, check_edits, check_lists, check_made_from_values, read};
use crate::support::Definition;
use midwire_codec::Direction;
use midwire_definition::sources::Loader;
use midwire_definition::syntax::ast::{Directions, Item, TestExpectation, TestItem, VersionRef};
use midwire_definition::syntax::parse;
use midwire_definition::{Builtin, Edits, Protocol, builtins};

/// All tests of a definition and the files that it includes.
fn tests_of(path: &str, out: &mut Vec<TestItem>) {
    let (file, _) = parse(0, &Builtin.load(path).unwrap());
    for item in file.items {
        match item {
            Item::Test(test) => out.push(test),
            Item::Include(include) => tests_of(&include.node, out),
            _ => {}
        }
    }
}

/// The packets of a test: it may be for both directions.
fn definitions_of(protocol: &Protocol, test: &TestItem) -> Vec<Definition> {
    let version = match test.version.as_ref().map(|v| &v.node) {
        None => protocol.versions.newest(),
        Some(VersionRef::Number(number)) => protocol.versions.by_number(*number).0,
        Some(VersionRef::Key(text)) => protocol.versions.by_text(text).unwrap(),
    };
    let dialect = protocol.dialect(version);
    let directions = match test.direction {
        Some(Directions::Serverbound) => vec![Direction::Serverbound],
        Some(Directions::Clientbound) => vec![Direction::Clientbound],
        _ => vec![Direction::Serverbound, Direction::Clientbound],
    };
    let state = test.state.as_ref().map_or("", |state| &state.text);
    let state = protocol.state_named(state).unwrap_or(protocol.start);
    let packets = directions.into_iter().filter_map(|direction| {
        let packet = dialect.packet_named(state, direction, &test.packet.text)?;
        packet.plan.as_ref()?;
        Some(Definition { packet: packet.clone(), conn: protocol.initial_conn() })
    });
    packets.collect()
}

fn for_each_packet(check: impl Fn(&Known, &Definition, &[u8])) {
    let mut packets = 0;
    for name in builtins() {
        let protocol = midwire_definition::builtin(name).unwrap();
        let mut tests = Vec::new();
        tests_of(&format!("{name}.wire"), &mut tests);
        for test in tests {
            if let TestExpectation::Error(_) = test.expect {
                continue;
            }
            for definition in definitions_of(&protocol, &test) {
                let label = format!("{name} {} {:?}", test.packet.text, test.version);
                let known = Known { label, follow: None, exact: false };
                if read(&definition, &test.bytes.node).is_some() {
                    check(&known, &definition, &test.bytes.node);
                    packets += 1;
                }
            }
        }
    }
    assert!(packets > 100, "only {packets} packets");
}

#[test]
fn every_editable_path_of_the_games_packets_takes_its_sample() {
    for_each_packet(check_edits);
}

#[test]
fn elements_of_the_games_lists_come_and_go() {
    for_each_packet(check_lists);
}

#[test]
fn what_is_deleted_of_the_games_packets_is_gone() {
    for_each_packet(check_deletes);
}

#[test]
fn the_games_packets_are_made_again_from_their_values() {
    for_each_packet(check_made_from_values);
}

#[test]
fn without_edits_the_games_packets_stay_as_they_are() {
    for_each_packet(|known, definition, body| {
        assert_eq!(definition.spliced(body, &Edits::new()).unwrap(), body, "{}", known.label);
    });
}

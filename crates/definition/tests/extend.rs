//! Files that extend a definition: what they add, what they replace, and what is said when they are wrong.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use midwire_codec::Direction::{self, Clientbound, Serverbound};
use midwire_definition::json::write_fields;
use midwire_definition::sources::{LoadError, Loader, Root};
use midwire_definition::{Builtin, Protocol, Workspace, check_extended};

/// Texts by path.
struct Texts(&'static [(&'static str, &'static str)]);

impl Loader for Texts {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        let found = self.0.iter().find(|(name, _)| *name == path);
        found
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| LoadError::NotFound { path: path.to_owned() })
    }
}

const BASE: &str = r#"
protocol game "A game" {
  versions { 1 "one", 2 "two" }
  states lobby, round
  start lobby
  stack { frame { length: u8 }, id: u8 }
  conn { me: u8 }
}
ids lobby clientbound {
  1: hello name
  2: + bye after hello
}
packet lobby clientbound hello { a: u8 }
packet lobby clientbound name { who: Who }
packet lobby clientbound bye {}
type Who { n: u8 }
table kind { 1 sword, 2 bow }
packet round serverbound pick = 7 { kind: u8 @ref kind }
on lobby clientbound hello { state = round }
"#;

fn extended(texts: &'static [(&'static str, &'static str)]) -> Result<Arc<Protocol>, String> {
    let base = Texts(&[("game.wire", BASE)]);
    let more = Texts(texts);
    let roots: Vec<Root<'_>> = texts
        .iter()
        .filter(|(path, _)| !path.contains('/'))
        .map(|(path, _)| Root { path, loader: &more })
        .collect();
    Protocol::load_extended(Root { path: "game.wire", loader: &base }, &roots)
        .map_err(|problems| problems.to_string())
}

/// The names of a state's packets with their ids.
fn ids(protocol: &Protocol, version: &str, state: &str, direction: Direction) -> Vec<String> {
    let dialect = protocol.dialect(protocol.versions.by_text(version).unwrap());
    let state = protocol.state_named(state).unwrap();
    let mut found: Vec<_> =
        dialect.packets().filter(|p| p.state == state && p.direction == direction).collect();
    found.sort_by_key(|p| p.id);
    found.iter().map(|p| format!("{} {}", p.id, p.name)).collect()
}

/// The JSON of a packet's fields.
fn fields(
    protocol: &Protocol,
    version: &str,
    state: &str,
    direction: Direction,
    id: i64,
    body: &[u8],
) -> String {
    let dialect = protocol.dialect(protocol.versions.by_text(version).unwrap());
    let state = protocol.state_named(state).unwrap();
    let plan = dialect.packet(state, direction, id).unwrap().plan.clone().unwrap();
    let mut workspace = Workspace::default();
    let mut out = String::new();
    let conn = protocol.initial_conn();
    write_fields(&mut plan.decode(body, 0, &conn, &mut workspace), &mut out);
    out
}

#[test]
fn a_new_version_is_a_few_lines() {
    let game = extended(&[(
        "more.wire",
        r#"
        extend game { versions { 3 "three" } }
        ids lobby clientbound { 3: + wave after hello }
        packet lobby clientbound wave { hand: u8 }
        packet lobby clientbound hello @3.. { a: u8, b: u8 }
        "#,
    )])
    .unwrap();
    assert_eq!(ids(&game, "two", "lobby", Clientbound), ["0 hello", "1 bye", "2 name"]);
    assert_eq!(ids(&game, "three", "lobby", Clientbound), ["0 hello", "1 wave", "2 bye", "3 name"]);
    assert_eq!(fields(&game, "two", "lobby", Clientbound, 0, &[5]), r#"{"a":5}"#);
    assert_eq!(fields(&game, "three", "lobby", Clientbound, 0, &[5, 6]), r#"{"a":5,"b":6}"#);
    assert_eq!(game.versions.by_number(3), (game.versions.newest(), false));
}

#[test]
fn what_replaces_a_packet_keeps_its_id_and_leaves_other_versions_alone() {
    let game =
        extended(&[("more.wire", "extend game\npacket round serverbound pick @2 { x: u16 }")])
            .unwrap();
    for version in ["one", "two"] {
        assert_eq!(ids(&game, version, "round", Serverbound), ["7 pick"]);
    }
    assert_eq!(fields(&game, "one", "round", Serverbound, 7, &[2]), r#"{"kind":2}"#);
    assert_eq!(fields(&game, "two", "round", Serverbound, 7, &[1, 2]), r#"{"x":258}"#);
}

#[test]
fn types_and_tables_are_replaced_where_they_are_used() {
    let game = extended(&[
        (
            "more.wire",
            "extend game\ntype Who @2.. { n: u16 }\ntable kind @2.. from \"kinds/two.txt\"",
        ),
        ("kinds/two.txt", "1 dagger\n"),
    ])
    .unwrap();
    assert_eq!(fields(&game, "one", "lobby", Clientbound, 1, &[9]), r#"{"who":{"n":9}}"#);
    assert_eq!(fields(&game, "two", "lobby", Clientbound, 2, &[1, 0]), r#"{"who":{"n":256}}"#);
}

#[test]
fn the_later_file_counts_and_new_events_take_the_place_of_old_ones() {
    let game = extended(&[
        ("a.wire", "extend game\npacket lobby clientbound hello { first: u8 }"),
        (
            "b.wire",
            "extend game\npacket lobby clientbound hello { last: u8 }\n\
             on lobby clientbound hello { conn.me = last }",
        ),
    ])
    .unwrap();
    assert_eq!(fields(&game, "one", "lobby", Clientbound, 0, &[3]), r#"{"last":3}"#);
    let dialect = game.dialect(game.versions.newest());
    let hello = dialect.packet_named(game.start, Clientbound, "hello").unwrap();
    assert_eq!(hello.events.len(), 1);
    let plan = hello.plan.clone().unwrap();
    let mut workspace = Workspace::default();
    let conn = game.initial_conn();
    let effects = hello.events[0].effects(&plan.decode(&[3], 0, &conn, &mut workspace));
    let assigned = midwire_definition::Effect::Assign { variable: 0, value: 3 };
    assert_eq!(effects, [assigned]);
}

#[test]
fn a_version_that_is_known_by_now_is_only_a_warning() {
    let game = extended(&[("more.wire", "extend game { versions { 2 \"two\" } }")]).unwrap();
    assert_eq!(game.versions.iter().count(), 2);
    assert_eq!(game.warnings.len(), 1);
}

#[test]
fn what_is_wrong_in_an_extension_is_shown_in_its_own_text() {
    let wrong = |text: &'static str| {
        let texts: &'static [_] = Box::leak(Box::new([("more.wire", text)]));
        extended(texts).unwrap_err()
    };
    let error = wrong("extend game\npacket lobby clientbound hello { a: u7 }");
    assert!(error.contains("more.wire:2:37") && error.contains("u7"), "{error}");
    let error = wrong("extend gmae");
    assert!(error.contains("extends `gmae`, and is read with `game`"), "{error}");
    let error = wrong("extend game { port 5 }");
    assert!(error.contains("nothing else"), "{error}");
    let error = wrong("extend game\nids lobby clientbound { 2: + x after nobody }");
    assert!(error.contains("more.wire:2:38") && error.contains("nobody"), "{error}");
    let error = wrong("protocol other { frame none }");
    assert!(error.contains("a second protocol"), "{error}");
    let error = wrong("extend game\ninclude \"gone.wire\"");
    assert!(error.contains("gone.wire"), "{error}");
}

#[test]
fn a_definition_does_not_extend_itself() {
    let text = "protocol x { frame { length: u8, id: u8 } }\nextend x";
    let loader = Texts(Box::leak(Box::new([("x.wire", text)])));
    let error = Protocol::load("x.wire", &loader).unwrap_err().to_string();
    assert!(error.contains("does not extend"), "{error}");
}

#[test]
fn tests_in_an_extension_are_run() {
    let base = Texts(&[("game.wire", BASE)]);
    let more = Texts(&[(
        "more.wire",
        "extend game\ntest lobby clientbound hello @1 { 05 => a: 5 }\n\
         test lobby clientbound hello @1 { 05 => a: 6 }",
    )]);
    let report = check_extended(
        Root { path: "game.wire", loader: &base },
        &[Root { path: "more.wire", loader: &more }],
    );
    assert_eq!((report.tests, report.failures.len()), (2, 1));
}

/// What a user writes on the day that a new Minecraft comes out.
#[test]
fn minecraft_can_be_extended() {
    let more = Texts(&[(
        "new.wire",
        r#"
        extend minecraft { versions { 900 "27.1" } }
        packet login clientbound success @900.. { uuid: uuid, username: Str, flag: bool }
        ids play clientbound { 900: + brand_new after bundle_delimiter }
        packet play clientbound brand_new { text: Str }
        "#,
    )]);
    let minecraft = Protocol::load_extended(
        Root { path: "minecraft.wire", loader: &Builtin },
        &[Root { path: "new.wire", loader: &more }],
    )
    .unwrap();
    assert_eq!(
        &ids(&minecraft, "27.1", "play", Clientbound)[..2],
        ["0 bundle_delimiter", "1 brand_new"]
    );
    assert_eq!(fields(&minecraft, "27.1", "play", Clientbound, 1, b"\x02hi"), r#"{"text":"hi"}"#);
    let before = ids(&minecraft, "26.3", "play", Clientbound);
    assert!(!before.iter().any(|p| p.contains("brand_new")));
}

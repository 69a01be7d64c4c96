//! Groups: views that mean the same in packets of all versions.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::{HashMap, HashSet};

use midwire_codec::varint::read_varint;
use midwire_definition::given::parse;
use midwire_definition::{
    Given, Group, Limits, PacketDefinition, Protocol, VersionId, ViewKind, ViewValue, Workspace,
    builtin, builtins,
};

/// Each version that may differ from the one before in any packet.
fn versions(protocol: &Protocol) -> Vec<VersionId> {
    let ids = protocol.versions.iter().map(|(id, _)| id);
    match &*protocol.name {
        // From 1.7 on; there is no definition of what was before.
        "minecraft" => {
            let (first, _) = protocol.versions.by_number(4);
            ids.filter(|id| *id >= first).collect()
        }
        _ => ids.collect(),
    }
}

#[test]
fn every_view_of_every_group_is_a_field_of_its_kind_at_every_version() {
    let mut seen = 0;
    for name in builtins() {
        let protocol = builtin(name).unwrap();
        let groups = protocol.groups();
        let mut wrong = HashSet::new();
        let mut met: HashSet<(&str, &str)> = HashSet::new();
        for version in versions(&protocol) {
            let dialect = protocol.dialect(version);
            for packet in dialect.packets() {
                for group in &groups {
                    let Some(views) = group.views_of(&protocol, version, packet) else { continue };
                    for view in group.unresolved(&protocol, version, packet) {
                        let state = protocol.state_name(packet.state);
                        let (direction, packet) = (packet.direction, &packet.name);
                        let at = &protocol.versions.get(version).key;
                        let place = format!("{} {state} {direction} {packet} {view}", group.name);
                        if wrong.insert(place.clone()) {
                            eprintln!("{name} {at}: {place}");
                        }
                    }
                    for (view, (known, _)) in views.iter().zip(&group.views) {
                        seen += usize::from(view.is_some());
                        if view.is_some() {
                            met.insert((&group.name, known));
                        }
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{} are wrong", wrong.len());
        for group in &groups {
            for (view, _) in &group.views {
                assert!(met.contains(&(&*group.name, &**view)), "{name}: {} {view}", group.name);
            }
        }
    }
    assert!(seen > 10_000, "{seen}");
}

#[test]
fn every_group_of_minecraft_has_packets_at_every_version_since_1_7() {
    let minecraft = builtin("minecraft").unwrap();
    let groups = minecraft.groups();
    assert!(groups.len() >= 15, "{}", groups.len());
    for version in versions(&minecraft) {
        let dialect = minecraft.dialect(version);
        let key = &minecraft.versions.get(version).key;
        for group in &groups {
            let members = dialect
                .packets()
                .filter(|packet| group.views_of(&minecraft, version, packet).is_some())
                .count();
            assert!(members > 0, "{key}: {}", group.name);
        }
        // What a rule on chat has to find in both directions.
        let chat = group(&groups, "chat");
        let text = chat.view_named("text").unwrap();
        for direction in ["serverbound", "clientbound"] {
            let found = dialect.packets().any(|packet| {
                packet.direction.as_str() == direction
                    && chat
                        .views_of(&minecraft, version, packet)
                        .is_some_and(|views| views[text].is_some())
            });
            assert!(found, "{key}: no {direction} chat");
        }
    }
}

fn group<'g>(groups: &'g [Group], name: &str) -> &'g Group {
    groups.iter().find(|group| &*group.name == name).unwrap()
}

/// The values of a group's views in a packet, by name.
fn values(
    protocol: &Protocol,
    group: &Group,
    version: VersionId,
    definition: &PacketDefinition,
    payload: &[u8],
    body: u32,
) -> HashMap<String, ViewValue> {
    let views = group.views_of(protocol, version, definition).unwrap();
    let conn = protocol.initial_conn();
    let mut ws = Workspace::new(Limits::default());
    let mut packet = definition.plan.as_ref().unwrap().decode(payload, body, &conn, &mut ws);
    assert!(packet.error().is_none());
    let named = group.views.iter().zip(&views);
    named
        .filter_map(|((name, _), view)| {
            Some((name.to_string(), view.as_ref()?.value(&mut packet)?))
        })
        .collect()
}

const GAME: &str = "
protocol game { versions { 1, 2 }, frame { length: u8, id: u8 } }
type Tree { size: u8, if size > 0 { inner: Tree } }
table fruit { 1 apple }
packet Move = 1 serverbound {
  @1 x: i32, @2.. x: f32
  flags: flags u8 { up down }
  at: bits u8 msb { a: i4, b: u4 }
  name: str[u8]
  kind: enum u8 { small big }
  fruit: u8 @ref fruit
  tree: Tree
  there: opt u8
}
packet Other = 2 serverbound {}
/// Everything.
group all {
  x: float, up: bool, a: int, name: str, words: str, kind: int, kind_name: str, fruit: int
  size: int, there: int, nothing: int, fixed: float
  serverbound Move @1 { x = x / 32, nothing = missing }
  serverbound Move @2.. { x = -x * 2 + 1 }
  serverbound Move {
    up = flags.up, a = at.a, name = name, words = text(name), kind = kind, kind_name = kind
    fruit = fruit, size = tree.inner.size, there = there, fixed = 1.5
  }
}
";

#[test]
fn views_give_what_they_are_declared_to_give() {
    let game = support::load(GAME);
    let all = game.group_named("ALL").unwrap();
    assert_eq!(&*all.doc, "Everything.");
    assert_eq!(all.views[0], ("x".into(), ViewKind::Float));
    let read = |number: i64, payload: &[u8]| {
        let (version, _) = game.versions.by_number(number);
        let dialect = game.dialect(version);
        let packet = dialect.packets().find(|packet| &*packet.name == "Move").unwrap();
        assert_eq!(
            all.unresolved(&game, version, packet).len(),
            usize::from(number == 1),
            "`missing` is no field"
        );
        values(&game, &all, version, packet, payload, 0)
    };
    let mut payload = 80i32.to_be_bytes().to_vec();
    payload.extend(b"\x01\xf3\x0f{\"text\":\"hi\"}  \x01\x01\x05\x00\x01\x07");
    let found = read(1, &payload);
    let expected = [
        ("x", ViewValue::Float(2.5)),
        ("up", ViewValue::Bool(true)),
        ("a", ViewValue::Int(-1)),
        ("name", ViewValue::Text("{\"text\":\"hi\"}  ".into())),
        ("words", ViewValue::Text("hi".into())),
        ("kind", ViewValue::Int(1)),
        ("kind_name", ViewValue::Text("big".into())),
        ("fruit", ViewValue::Int(1)),
        ("size", ViewValue::Int(0)),
        ("there", ViewValue::Int(7)),
        ("fixed", ViewValue::Float(1.5)),
    ];
    assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value)).into());
    let mut payload = 3f32.to_be_bytes().to_vec();
    payload.extend(b"\x00\x00\x00\x05\x02\x00\x00");
    let found = read(2, &payload);
    assert_eq!(found["x"], ViewValue::Float(-5.0));
    assert_eq!(found["up"], ViewValue::Bool(false));
    assert_eq!(found["kind_name"], ViewValue::Text("5".into()));
    assert!(!found.contains_key("size") && !found.contains_key("there"));
}

#[test]
fn a_view_knows_the_names_of_its_numbers() {
    let game = support::load(GAME);
    let all = game.group_named("all").unwrap();
    let version = game.versions.newest();
    let dialect = game.dialect(version);
    let packet = dialect.packets().find(|packet| &*packet.name == "Move").unwrap();
    let views = all.views_of(&game, version, packet).unwrap();
    let fruit = views[all.view_named("fruit").unwrap()].as_ref().unwrap();
    assert_eq!(fruit.table().unwrap().number_of("apple"), Some(1));
    let other = dialect.packets().find(|packet| &*packet.name == "Other").unwrap();
    assert!(all.views_of(&game, version, other).is_none());
}

#[test]
fn what_is_of_another_kind_is_no_view() {
    for view in
        ["x: int", "name: int", "name: float", "flags: bool", "x: str", "tree: int", "at: str"]
    {
        let (name, kind) = view.split_once(": ").unwrap();
        let text = GAME.split("/// Everything.").next().unwrap();
        let game = support::load(&format!(
            "{text}group one {{ v: {kind}, serverbound Move {{ v = {name} }} }}"
        ));
        let one = game.group_named("one").unwrap();
        let version = game.versions.newest();
        let dialect = game.dialect(version);
        let packet = dialect.packets().find(|packet| &*packet.name == "Move").unwrap();
        assert_eq!(one.unresolved(&game, version, packet), ["v".into()], "{view}");
    }
}

/// What the JSON twins of vanilla servers' packets say, found through views.
#[test]
fn views_of_vanilla_packets_give_the_twins_values() {
    let minecraft = builtin("minecraft").unwrap();
    let groups = minecraft.groups();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures/minecraft/corpus.jsonl");
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let line = parse(line).unwrap();
        let text = |key: &str| match line.get(key) {
            Some(Given::Text(text)) => text.clone(),
            other => panic!("{other:?}"),
        };
        let payload = support::hex(&text("payload"));
        let (id, body) = read_varint(&payload).unwrap().unwrap();
        let version = minecraft.versions.by_text(&text("version")).unwrap();
        let state = minecraft.state_named("play").unwrap();
        let dialect = minecraft.dialect(version);
        let direction = midwire_codec::Direction::Clientbound;
        let definition = dialect.packet(state, direction, id.into()).unwrap();
        let fields = line.get("fields").unwrap();
        for (name, checks) in [
            ("entity", &[("entity", "entityId", 1.0)][..]),
            ("combat", &[("health", "health", 1.0)]),
            ("movement", &[("x", "x", 1.0), ("yaw", "yaw", 1.0)]),
            ("inventory", &[("slot", "slot", 1.0)]),
            ("sound", &[("x", "x", 8.0), ("volume", "volume", 1.0)]),
            ("effect", &[("effect", "effectId", 1.0)]),
        ] {
            let group = group(&groups, name);
            if group.views_of(&minecraft, version, definition).is_none() {
                continue;
            }
            let found = values(&minecraft, group, version, definition, &payload, body as u32);
            for (view, field, scale) in checks {
                let number = |value: &Given| match value {
                    Given::Int(n) => Some(*n as f64),
                    Given::Float(n) => Some(*n),
                    _ => None,
                };
                let key = |name: &str| name.replace('_', "").to_lowercase();
                let Given::Object(members) = fields else { continue };
                let twin = members.iter().find(|(name, _)| key(name) == key(field));
                let (Some(twin), Some(value)) =
                    (twin.and_then(|(_, value)| number(value)), found.get(*view))
                else {
                    continue;
                };
                let value = match value {
                    ViewValue::Int(n) => *n as f64,
                    ViewValue::Float(n) => *n,
                    other => panic!("{other:?}"),
                };
                assert!((value * scale - twin).abs() < 1e-6, "{} {view}", text("name"));
                *seen.entry(name).or_default() += 1;
            }
        }
    }
    for name in ["entity", "combat", "movement", "inventory", "sound", "effect"] {
        assert!(seen.get(name).is_some_and(|seen| *seen > 2), "{name}: {seen:?}");
    }
}

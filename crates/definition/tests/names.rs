//! Names of numbers: tables that are lists, and those of the game.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;

use midwire_codec::Direction;
use midwire_definition::line::{Line, write_summary};
use midwire_definition::tree::{TreeLimits, rows};
use midwire_definition::{Limits, LoadError, Loader, Protocol, Workspace, builtin};

/// Texts by path.
struct Texts(HashMap<&'static str, &'static str>);

impl Loader for Texts {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        let text = self.0.get(path).ok_or_else(|| LoadError::NotFound { path: path.into() })?;
        Ok((*text).to_owned())
    }
}

const GAME: &str = "protocol game {
  versions { 1, 2, 3, 5, 6 }
  frame { length: u8, id: u8 }
}
table block from \"blocks.txt\"
packet Place = 1 serverbound { block: u8 @ref block, then: [u8] u8 @ref block }
";

const BLOCKS: &str = "# Blocks.
from 2   # not before
air stone*3
_*2 grass

from 3
- stone
+ granite andesite after air
+ void first
~ grass*2

from 4
none
from 6
- void
";

fn game(blocks: &'static str) -> Result<std::sync::Arc<Protocol>, String> {
    let texts = Texts(HashMap::from([("game.wire", GAME), ("blocks.txt", blocks)]));
    Protocol::load("game.wire", &texts).map_err(|problems| problems.to_string())
}

#[test]
fn a_list_changes_from_version_to_version() {
    let game = game(BLOCKS).unwrap();
    let names = |number| {
        let (version, _) = game.versions.by_number(number);
        let table = game.table("block", version)?;
        Some((0..8).map(|n| table.name_of(n).map_or("-", |n| n).to_owned()).collect::<Vec<_>>())
    };
    assert!(names(1).unwrap().iter().all(|name| name == "-"));
    assert_eq!(names(2).unwrap(), ["air", "stone", "stone", "stone", "-", "-", "grass", "-"]);
    assert_eq!(
        names(3).unwrap(),
        ["void", "air", "granite", "andesite", "-", "-", "grass", "grass"]
    );
    assert!(names(5).unwrap().iter().all(|name| name == "-"));
    assert_eq!(names(6).unwrap()[..3], ["air", "granite", "andesite"]);
}

#[test]
fn a_line_has_the_name_and_a_tree_the_number_too() {
    let game = game(BLOCKS).unwrap();
    let (version, _) = game.versions.by_number(2);
    let dialect = game.dialect(version);
    let packet = dialect.packets().next().unwrap();
    let plan = packet.plan.as_ref().unwrap();
    let mut ws = Workspace::new(Limits::default());
    let mut read = plan.decode(&[2, 2, 0, 9], 0, &[], &mut ws);
    let mut line = Line::new();
    write_summary(&mut read, 200, &mut line);
    assert_eq!(line.as_str(), "block=stone then=[air 9]");
    let rows = rows(&mut read, TreeLimits::default());
    assert_eq!(rows[0].value, "stone (2)");
}

#[test]
fn what_is_wrong_in_a_list_is_told_with_its_line() {
    for (text, line, what) in [
        ("from 1\nair\n- water\n", 3, "`water` is not in the list before"),
        ("from 1\nair\n~ water*2\n", 3, "`water` is not in the list before"),
        ("from 1\nair\n+ stone\n", 3, "`+` says where"),
        ("from 1\nair\n+ stone after rock\n", 3, "`rock` is not in the list before"),
        ("from 1\nair stone*x\n", 2, "`stone*x` is no name"),
        ("from 1\n*3\n", 2, "`*3` is no name"),
        ("from x\nair\n", 1, "`from` needs a version's number"),
        ("from \"9\"\nair\n", 1, "`from` needs a version's number"),
        ("from 2\nair\nfrom 2\n- air\n", 3, "this is not newer"),
        ("from 2\nair\nfrom 1\n- air\n", 3, "this is not newer"),
    ] {
        let text: &'static str = text;
        let problems = game(text).unwrap_err();
        assert!(problems.contains(what), "{text:?}\n{problems}");
        assert!(problems.contains(&format!("blocks.txt:{line}:")), "{text:?}\n{problems}");
    }
}

#[test]
fn a_list_that_grows_without_end_is_refused() {
    let mut text = String::from("from 1\n");
    text.push_str(&"a ".repeat(100_001));
    let texts = |path: &str| match path {
        "game.wire" => GAME.to_owned(),
        _ => text.clone(),
    };
    struct Made<F>(F);
    impl<F: Fn(&str) -> String> Loader for Made<F> {
        fn load(&self, path: &str) -> Result<String, LoadError> {
            Ok(self.0(path))
        }
    }
    let problems = Protocol::load("game.wire", &Made(texts)).unwrap_err().to_string();
    assert!(problems.contains("this list is too long"), "{problems}");
}

#[test]
fn the_names_of_the_game_are_those_of_the_version() {
    let minecraft = builtin("minecraft").unwrap();
    let name = |table: &str, version: &str, number: i128| {
        let version = minecraft.versions.by_text(version).unwrap();
        minecraft.table(table, version).unwrap().name_of(number).map(|name| name.to_string())
    };
    for (table, version, number, expected) in [
        ("item", "1.8.9", 1, "stone"),
        ("item", "1.12.2", 1, "stone"),
        ("item", "1.13", 1, "stone"),
        ("item", "1.21.4", 1, "stone"),
        ("item", "1.12.2", 5, "planks"),
        ("item", "1.12.2", 276, "diamond_sword"),
        ("item", "1.13", 13, "oak_planks"),
        ("item", "1.13.1", 447, "dead_tube_coral"),
        ("item", "1.16.5", 603, "diamond_sword"),
        ("item", "26.1", 937, "diamond_sword"),
        ("item", "1.21.4", 36, "oak_planks"),
        ("block", "1.12.2", 2, "grass"),
        ("block", "1.21.4", 8, "grass_block"),
        ("block_state", "1.8.9", 2 << 4, "grass"),
        ("block_state", "1.12.2", (35 << 4) + 14, "wool"),
        ("block_state", "1.13", 8, "grass_block"),
        ("block_state", "1.13", 9, "grass_block"),
        ("block_state", "1.13", 10, "dirt"),
        ("block_state", "1.21.4", 9, "grass_block"),
        ("block_state", "1.21.4", 3008, "oak_stairs"),
        ("entity", "1.12.2", 54, "zombie"),
        ("object", "1.12.2", 2, "item"),
        ("entity", "1.21.4", 0, "acacia_boat"),
        ("effect", "1.12.2", 1, "speed"),
        ("effect", "1.20.1", 1, "speed"),
        ("effect", "1.20.2", 0, "speed"),
        ("sound", "1.21.4", 1, "entity.allay.ambient_with_item"),
        ("sound", "1.12.2", 0, "ambient.cave"),
        ("menu", "1.14.4", 22, "stonecutter"),
        ("menu", "1.21.4", 24, "stonecutter"),
    ] {
        assert_eq!(name(table, version, number).as_deref(), Some(expected), "{version} {number}");
    }
    // 26.3 has no list of its own: it has the last known.
    assert_eq!(name("item", "26.3", 1).as_deref(), Some("stone"));
    // From 1.21 on the server says which enchantments there are.
    assert_eq!(name("enchantment", "1.21.4", 1), None);
}

#[test]
fn every_version_from_1_8_on_has_names_of_items_blocks_and_entities() {
    let minecraft = builtin("minecraft").unwrap();
    let first = minecraft.versions.by_text("1.8").unwrap();
    let mut seen = 0;
    for (version, known) in minecraft.versions.iter().filter(|(id, _)| *id >= first) {
        for (table, least) in
            [("item", 300), ("block", 190), ("block_state", 190), ("entity", 30), ("effect", 20)]
        {
            let table = minecraft.table(table, version).unwrap();
            let names = table.names().count();
            assert!(names >= least, "{} {}: {names}", known.key, table.name);
        }
        seen += 1;
    }
    assert!(seen > 500, "{seen}");
}

#[test]
fn packets_are_found_by_their_aliases_and_shown_by_their_names() {
    let minecraft = builtin("minecraft").unwrap();
    let find = |version: &str, state: &str, name: &str| {
        let dialect = minecraft.dialect(minecraft.versions.by_text(version).unwrap());
        let state = minecraft.state_named(state).unwrap();
        let found = [Direction::Serverbound, Direction::Clientbound]
            .into_iter()
            .find_map(|direction| dialect.packet_named(state, direction, name).cloned());
        found.map(|packet| packet.name.to_string())
    };
    for (version, state, alias, name) in [
        ("1.21.4", "play", "ClientboundSystemChatPacket", "system_chat"),
        ("1.21.4", "play", "clientbound_system_chat_packet", "system_chat"),
        ("1.21.4", "play", "ServerboundMovePlayerPacket.Pos", "position"),
        ("1.18.2", "play", "ServerboundChatPacket", "chat"),
        ("1.19.4", "play", "ServerboundChatPacket", "chat_message"),
        ("1.18.2", "play", "ClientboundPlayerInfoPacket", "player_info"),
        ("1.21.4", "login", "ClientboundGameProfilePacket", "success"),
        ("1.21.4", "configuration", "ClientboundRegistryDataPacket", "registry_data"),
        ("1.21.4", "handshake", "ClientIntentionPacket", "set_protocol"),
    ] {
        assert_eq!(find(version, state, alias).as_deref(), Some(name), "{alias} {version}");
    }
    assert_eq!(find("1.21.4", "play", "ClientboundNothingPacket"), None);
    // An alias means one packet of a state and direction at each version.
    for (version, known) in minecraft.versions.iter() {
        let mut seen = HashMap::new();
        for packet in minecraft.dialect(version).packets() {
            for alias in packet.aliases.iter() {
                let key = (packet.state, packet.direction, alias.clone());
                let before = seen.insert(key, packet.name.clone());
                assert_eq!(before, None, "{}: {alias} is {} too", known.key, packet.name);
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_packets_attributes_is_told() {
    for (attribute, what) in [
        ("@alias", "@alias needs a name"),
        ("@alias 5", "@alias needs a name"),
        ("@alias(A, 5)", "@alias needs a name"),
        ("@secret", "no attribute of a packet is called `@secret`"),
    ] {
        let problems = support::problems(&format!(
            "protocol p {{ frame {{ length: u8, id: u8 }} }}\npacket P = 1 serverbound {attribute} {{}}"
        ));
        assert!(problems.contains(what), "{attribute}: {problems}");
    }
    let good = support::load(
        "protocol p { frame { length: u8, id: u8 } }\npacket P = 1 serverbound @alias(A, \"B.C\") {}",
    );
    let dialect = good.dialect(good.versions.newest());
    let packet = dialect.packets().next().unwrap();
    assert!(packet.is_called("a") && packet.is_called("B.C") && packet.is_called("p"));
    assert!(!packet.is_called("B"));
}

//! An overlay brings the definition to a new version, and keeps what people wrote in it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use midwire_definition::sources::Root;
use midwire_definition::syntax::format;
use midwire_definition::{Loader, Protocol};
use midwire_import::{Change, Compared, Edition, Options, compare, import};

use support::{Folder, Text, differences, folder, table};

fn options() -> Options {
    Options { edition: Edition::Pc, versions: None, name: "game".into() }
}

fn game(text: &str) -> Arc<Protocol> {
    Protocol::load("game.wire", &Text(text.to_owned()))
        .unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// The definition with the overlay as a file of the user's, checked whole.
fn extended(base: &str, overlay: &str) -> Arc<Protocol> {
    let (base, more) = (Text(base.to_owned()), Text(overlay.to_owned()));
    let more = [Root { path: "more.wire", loader: &more as &dyn Loader }];
    Protocol::load_extended(Root { path: "game.wire", loader: &base }, &more)
        .unwrap_or_else(|problems| panic!("{problems}\n{overlay}"))
}

/// Made by the importer, and then curated: comments, attributes, names of fields and types.
const BASE: &str = r#"protocol game "A game" {
  versions { 1 "1.1", 2 "1.2" }
  states play
  start play
  stack { frame { length: varint }, id: varint }
}
ids play clientbound {
  1: move say odd mark
}

type Str = str[varint]

/// Where from.
type Hand = enum varint {
  /// The one that writes.
  main
  off
}

table kinds { 0 zombie, 1 cow }

/// Something goes somewhere.
packet play clientbound move "A move" {
  /// Who goes.
  who: varint @telling
  kind: u8 @ref kinds
  hand: Hand
  /// Where to.
  to: {
    /// From west to east.
    x: i16 @unit "blocks"
    y: i16
  }
  steps: [varint] { far: u8 @unit "blocks", up: u8 }
  /// How it ends.
  end: enum u8 {
    /// On its feet.
    well
    badly
  }
  if kind == 1 { key: bytes[varint] @secret }
}

packet play clientbound say {
  text: Str @chat
}

/// A place in the world.
type Spot @1 {
  east: u8
}

type Spot @2.. {
  east: u16
  north: u8
}

packet play clientbound mark {
  /// Where it is.
  spot: Spot
}

/// Its number is unsigned, whatever the data says.
packet play clientbound odd {
  number: u8
}
"#;

const TYPES: &str = r#""packet_say":["container",[{"name":"text","type":"string"}]],
    "packet_mark":["container",[{"name":"spot","type":"spot"}]],
    "packet_odd":["container",[{"name":"number","type":"i8"}]]"#;

/// The data's `move` of the versions that the definition lists.
const OLD: &str = r#"{"name":"entityId","type":"varint"},{"name":"kind","type":"u8"},
    {"name":"hand","type":"varint"},
    {"name":"to","type":["container",[{"name":"x","type":"i16"},{"name":"y","type":"i16"}]]},
    {"name":"steps","type":["array",{"countType":"varint","type":["container",[
        {"name":"far","type":"u8"},{"name":"up","type":"u8"}]]}]},
    {"name":"end","type":["mapper",{"type":"u8","mappings":{"0":"well","1":"badly"}}]},
    {"name":"key","type":["switch",{"compareTo":"kind","fields":{
        "1":["buffer",{"countType":"varint"}]},"default":"void"}]}"#;

/// The data's `spot`, with what comes behind `x`.
fn spot(first: &str, more: &str) -> String {
    format!(r#""spot":["container",[{{"name":"x","type":"{first}"}}{more}]]"#)
}

const Y: &str = r#",{"name":"y","type":"u8"}"#;

fn version(fields: &str, spot: &str) -> String {
    let names = table(&["move", "say", "odd", "mark"]);
    format!(r#"{names},{TYPES},{spot},"packet_move":["container",[{fields}]]"#)
}

fn files(new: &str) -> Folder {
    let (one, two) = (version(OLD, &spot("u8", "")), version(OLD, &spot("u16", Y)));
    folder(&[(1, &one), (2, &two), (3, &version(new, &spot("u16", Y)))])
}

fn made(files: &Folder) -> Compared {
    compare(files, &options(), &game(BASE)).unwrap()
}

#[test]
fn a_new_field_leaves_what_people_wrote_as_it_is() {
    let files = files(&format!(r#"{OLD},{{"name":"lucky","type":"bool"}}"#));
    let made = made(&files);
    assert_eq!(format(&made.overlay), made.overlay);
    let expected = r#"
/// Something goes somewhere.
packet play clientbound move @3.. "A move" {
  /// Who goes.
  who: varint @telling
  kind: u8 @ref kinds
  hand: Hand
  /// Where to.
  to: {
    /// From west to east.
    x: i16 @unit "blocks"
    y: i16
  }
  steps: [varint] { far: u8 @unit "blocks", up: u8 }
  /// How it ends.
  end: enum u8 {
    /// On its feet.
    well
    badly
  }
  if kind == 1 { key: bytes[varint] @secret }
  lucky: bool
}
"#;
    assert!(made.overlay.ends_with(expected), "{}", made.overlay);
    // What was there before is looked at as well where only the new one is asked for.
    let versions = Some((Some("1.3".to_owned()), None));
    let asked = compare(&files, &Options { versions, ..options() }, &game(BASE)).unwrap();
    assert_eq!(asked.overlay, made.overlay);
    let with = extended(BASE, &made.overlay);
    let left = differences(&files, "1.3", &with);
    assert!(left.iter().all(|line| line.contains("renamed") || line.contains(" odd: ")));
    assert_eq!(differences(&files, "1.2", &with), differences(&files, "1.2", &game(BASE)));
}

#[test]
fn what_changed_inside_of_a_field_takes_no_more_than_that() {
    let new = OLD
        .replace(r#"{"name":"y","type":"i16"}"#, r#"{"name":"y","type":"f32"}"#)
        .replace(r#"{"name":"up","type":"u8"}"#, r#"{"name":"up","type":"bool"}"#)
        .replace(r#""1":"badly""#, r#""1":"badly","2":"never""#);
    let files = files(&new);
    let made = made(&files);
    assert_eq!(format(&made.overlay), made.overlay);
    for part in [
        "    /// From west to east.\n    x: i16 @unit \"blocks\"\n    y: f32\n",
        "    far: u8 @unit \"blocks\"\n    up: bool\n",
        "    /// On its feet.\n    well\n    badly\n    never = 2\n",
        "key: bytes[varint] @secret",
        "hand: Hand\n",
    ] {
        assert!(made.overlay.contains(part), "{part}\n{}", made.overlay);
    }
    let with = extended(BASE, &made.overlay);
    let left = differences(&files, "1.3", &with);
    assert!(left.iter().all(|line| line.contains("renamed") || line.contains(" odd: ")));
}

#[test]
fn what_the_data_has_always_had_otherwise_is_said_and_not_written() {
    let files = files(&format!(r#"{OLD},{{"name":"lucky","type":"bool"}}"#));
    let made = made(&files);
    assert!(!made.overlay.contains("odd"), "{}", made.overlay);
    let odd = made.changes.iter().find(|c| c.packet == "play clientbound odd").unwrap();
    assert!(!odd.written && matches!(odd.change, Change::Layout { .. }), "{odd:?}");
    assert_eq!(odd.versions, [("1.1".to_owned(), "1.3".to_owned())]);
    // Those who ask for a version get it.
    let versions = Some((Some("1.2".to_owned()), Some("1.2".to_owned())));
    let asked = compare(&files, &Options { versions, ..options() }, &game(BASE)).unwrap();
    assert!(asked.overlay.contains("packet play clientbound odd @2.."), "{}", asked.overlay);
    assert!(asked.overlay.contains("/// Its number is unsigned"), "{}", asked.overlay);
    assert!(asked.overlay.contains("number: i8"), "{}", asked.overlay);
}

#[test]
fn a_version_that_is_listed_is_not_written_unless_it_is_asked_for() {
    let base = game(BASE);
    let (one, two) = (version(OLD, &spot("u8", "")), version(OLD, &spot("u16", Y)));
    let made = compare(&folder(&[(1, &one), (2, &two)]), &options(), &base).unwrap();
    assert!(!made.overlay.contains("packet"), "{}", made.overlay);
    assert!(made.changes.iter().all(|change| !change.written), "{:?}", made.changes);
}

#[test]
fn a_type_keeps_its_comment_and_the_names_of_its_fields() {
    let more = format!(r#"{Y},{{"name":"z","type":"i8"}}"#);
    let (one, two) = (version(OLD, &spot("u8", "")), version(OLD, &spot("u16", Y)));
    let three = version(OLD, &spot("u16", &more));
    let files = folder(&[(1, &one), (2, &two), (3, &three)]);
    let made = made(&files);
    let expected =
        "\n/// A place in the world.\ntype Spot @3.. {\n  east: u16\n  north: u8\n  z: i8\n}\n";
    assert!(made.overlay.ends_with(expected), "{}", made.overlay);
    let left = differences(&files, "1.3", &extended(BASE, &made.overlay));
    let known = |line: &String| line.contains("renamed") || line.contains(" odd: ");
    assert!(left.iter().all(known), "{left:?}");
}

/// minecraft-data's own files, of which the newest is taken for a version that the definition lacks.
#[test]
fn an_overlay_is_loaded_as_a_file_that_extends_and_means_what_the_data_means() {
    let files = support::data();
    let keys = |from: &str, to: &str| Some((Some(from.to_owned()), Some(to.to_owned())));
    let old = Options { versions: keys("1.20.2", "1.20.2"), ..options() };
    let base = import(&files, &old).unwrap().documents.remove(0).text;
    let made = compare(&files, &options(), &game(&base)).unwrap();
    assert!(made.changes.iter().all(|change| change.written), "{:?}", made.changes);
    let with = extended(&base, &made.overlay);
    for (key, number) in [("1.20.2", 764), ("1.20.3", 765), ("1.20.4", 765)] {
        assert_eq!(with.versions.get(with.versions.by_text(key).unwrap()).number, number);
    }
    for key in ["1.20.2", "1.20.3", "1.20.4"] {
        assert_eq!(
            differences(&files, key, &with),
            Vec::<String>::new(),
            "{key}\n{}",
            made.overlay
        );
    }
}

#[test]
fn each_version_of_the_merged_files_means_what_it_means_alone() {
    let files = support::data();
    let made = import(&files, &options()).unwrap();
    assert!(made.notes.iter().all(|note| !note.opaque), "{:?}", made.notes);
    let merged = game(&made.documents[0].text);
    assert_eq!(format(&made.documents[0].text), made.documents[0].text);
    for key in ["1.20.2", "1.20.3"] {
        assert_eq!(differences(&files, key, &merged), Vec::<String>::new(), "{key}");
    }
}

//! Small folders in the layout of minecraft-data, written for these tests.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::HashMap;
use std::sync::Arc;

use midwire_definition::Protocol;
use midwire_import::{Change, Edition, ImportError, Imported, Options, compare, import};

use support::{Folder, Text, differences, folder, table};

fn options() -> Options {
    Options { edition: Edition::Pc, versions: None, name: "game".into() }
}

fn imported(files: &Folder) -> Imported {
    import(files, &options()).unwrap()
}

fn resolved(made: &Imported) -> Arc<Protocol> {
    Protocol::load("game.wire", &Text(made.documents[0].text.clone()))
        .unwrap_or_else(|problems| panic!("{problems}\n{}", made.documents[0].text))
}

const OLD: &str = r#""packet_move":["container",[{"name":"entityId","type":"varint"},
    {"name":"kind","type":["mapper",{"type":"u8","mappings":{"0":"walk","1":"jump"}}]},
    {"anon":true,"type":["switch",{"compareTo":"kind","fields":{"walk":["container",[{"name":"far","type":"i16"}]]},"default":"void"}]},
    {"name":"count","type":"u8"},
    {"name":"tail","type":["array",{"count":"count","type":["container",[{"name":"on","type":["switch",{"compareTo":"../kind","fields":{"jump":"bool"}}]}]]}]}]],
    "packet_say":["container",[{"name":"text","type":"string"}]]"#;

const NEW: &str = r#""packet_move":["container",[{"name":"entityId","type":"varint"},
    {"name":"kind","type":["mapper",{"type":"u8","mappings":{"0":"walk","1":"swim","2":"jump"}}]},
    {"anon":true,"type":["switch",{"compareTo":"kind","fields":{"walk":["container",[{"name":"far","type":"i16"}]],"swim":["container",[{"name":"deep","type":"f32"}]]},"default":"void"}]},
    {"name":"count","type":"u8"},
    {"name":"tail","type":["array",{"count":"count","type":["container",[{"name":"on","type":["switch",{"compareTo":"../kind","fields":{"jump":"bool"}}]}]]}]},
    {"name":"who","type":["option","UUID"]}]],
    "packet_say":["container",[{"name":"text","type":"string"}]],
    "packet_new":["container",[]]"#;

fn two() -> Folder {
    let old = format!("{},{OLD}", table(&["move", "say"]));
    let new = format!("{},{NEW}", table(&["new", "move", "say"]));
    folder(&[(1, &old), (2, &old), (3, &new)])
}

#[test]
fn versions_are_merged_with_gates_where_they_differ() {
    let made = imported(&two());
    assert_eq!(made.notes, []);
    assert_eq!(made.packets, (7, 0));
    let text = &made.documents[0].text;
    for line in [
        "  1: move say\n",
        "kind: enum u8 { walk, @3.. swim, jump }",
        "@3.. who: opt uuid",
        "tail: [count] {",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    resolved(&made);
}

#[test]
fn each_version_of_the_merged_text_means_what_it_means_alone() {
    let files = two();
    let merged = resolved(&imported(&files));
    for key in ["1.1", "1.2", "1.3"] {
        assert_eq!(differences(&files, key, &merged), Vec::<String>::new(), "{key}");
    }
}

#[test]
fn what_changed_over_a_definition_is_listed_and_written() {
    let old = format!("{},{OLD}", table(&["move", "say"]));
    let base = resolved(&imported(&folder(&[(1, &old)])));
    let made = compare(&two(), &options(), &base).unwrap();
    let has = |packet: &str, change: &dyn Fn(&Change) -> bool| {
        let found = made.changes.iter().find(|c| c.packet == packet && change(&c.change));
        let found = found.unwrap_or_else(|| panic!("{packet}: {:?}", made.changes));
        assert!(found.written, "{found:?}");
    };
    has("play clientbound new", &|change| *change == Change::Added { id: 0 });
    has("play clientbound move", &|change| *change == Change::Moved { from: 0, to: 1 });
    has("play clientbound move", &|change| matches!(change, Change::Layout { .. }));
    assert!(made.overlay.contains("extend game {"), "{}", made.overlay);
    assert!(made.overlay.contains("3: + new first"), "{}", made.overlay);
    assert!(made.overlay.contains("packet play clientbound move @3.. {"), "{}", made.overlay);
    assert!(!made.overlay.contains("packet play clientbound say"), "{}", made.overlay);
}

#[test]
fn what_cannot_be_carried_is_opaque_from_there_on_and_said_by_name() {
    let body = |ty: &str| {
        format!(
            r#"{},"loop":"pool","pool":"loop","packet_say":["container",[{{"name":"a","type":"u8"}},
            {{"name":"b","type":{ty}}},{{"name":"c","type":"u8"}}]]"#,
            table(&["say"])
        )
    };
    let cases = [
        (r#""nosuch""#, "there is no type `nosuch`"),
        (r#""loop""#, "stands for itself"),
        (r#"["switch",{"compareTo":"zzz","fields":{}}]"#, "no earlier field is called `zzz`"),
        (r#"["array",{"count":"zzz","type":"u8"}]"#, "no earlier field is called `zzz`"),
        (r#"["bitfield",[{"name":"x","size":3}]]"#, "a bitfield of 3 bits"),
        (r#"["nosuch",{"x":1}]"#, "there is no type `nosuch` with arguments"),
        ("17", "a type is a name"),
        ("{}", "a type is a name"),
    ];
    for (ty, why) in cases {
        let made = imported(&folder(&[(1, &body(ty))]));
        let note = made.notes.iter().find(|note| note.opaque).unwrap_or_else(|| panic!("{ty}"));
        assert_eq!(note.packet, "play clientbound say");
        assert_eq!(note.path, "b");
        assert!(note.why.contains(why), "{ty}: {note}");
        let text = &made.documents[0].text;
        assert!(text.contains("  a: u8\n") && text.contains("\n  ...\n"), "{text}");
        resolved(&made);
    }
}

#[test]
fn an_arm_for_what_a_number_cannot_be_is_left_out_and_said() {
    let body = format!(
        r#"{},"packet_say":["container",[
        {{"name":"bits","type":["bitfield",[{{"name":"kind","size":3}},{{"name":"rest","size":5}}]]}},
        {{"name":"byte","type":"u8"}},
        {{"name":"a","type":["switch",{{"compareTo":"bits/kind","fields":{{"7":"u8","8":"i16"}}}}]}},
        {{"name":"b","type":["switch",{{"compareTo":"byte","fields":{{"255":"u8","-1":"i16"}}}}]}}]]"#,
        table(&["say"])
    );
    let made = imported(&folder(&[(1, &body)]));
    let notes: Vec<&str> = made.notes.iter().map(|note| note.why.as_str()).collect();
    assert_eq!(
        notes,
        [
            "`bits/kind` is never `8`; this arm is left out",
            "`byte` is never `-1`; this arm is left out"
        ]
    );
    assert!(made.notes.iter().all(|note| !note.opaque));
    resolved(&made);
}

#[test]
fn a_version_that_cannot_be_read_is_named_and_the_others_stay() {
    let mut files = two();
    files.0.insert("pc/1.2/protocol.json".into(), "{\n \"types\": }".into());
    let made = imported(&files);
    let note = made.notes.iter().find(|note| note.packet == "1.2").unwrap();
    assert!(note.why.contains("pc/1.2/protocol.json:2:"), "{note}");
    assert_eq!(made.documents[0].files, 2);
    resolved(&made);
}

#[test]
fn a_folder_without_data_paths_is_not_minecraft_data() {
    let error = import(&Folder(HashMap::new()), &options()).unwrap_err();
    assert_eq!(error, ImportError::NotThere);
    let bedrock = Options { edition: Edition::Bedrock, ..options() };
    assert_eq!(import(&two(), &bedrock).unwrap_err(), ImportError::NoEdition(Edition::Bedrock));
    let versions = Some((Some("9.9".to_owned()), None));
    let error = import(&two(), &Options { versions, ..options() }).unwrap_err();
    assert!(error.to_string().contains("there are 1.1 to 1.3"), "{error}");
}

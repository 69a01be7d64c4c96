//! Definitions of the user's own: files that extend what is built in, folders of them, and what happens
//! when one is saved while midwire runs.
#![cfg(unix)]

mod support;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use support::ends::{Ends, Server};
use support::program::{Ended, Program};

const GAME: &str = r#"protocol game "A game" {
  frame { length: u8, id: u8 }
}
packet Move = 2 both { x: i16, y: i16 }
"#;

const MOVE: [u8; 6] = [5, 2, 0, 5, 0xff, 0xff];

/// What a user writes on the day that a new version comes out: number, and what has changed.
const NEW_MINECRAFT: &str = r#"extend minecraft { versions { 900 "27.1" } }

packet login clientbound success @900.. {
  uuid: uuid
  username: Str
  lucky: bool
}
ids play clientbound { 900: + confetti after bundle_delimiter }
packet play clientbound confetti { amount: varint }

test play clientbound confetti @900 { 05 => amount: 5 }
"#;

/// A fresh folder for one test.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("midwire-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a fresh folder");
    folder
}

fn run(arguments: &[&str]) -> Ended {
    Program::start(arguments).wait()
}

/// The fields of the packets in a log.
fn fields(log: &[Value]) -> Vec<Value> {
    log.iter().filter(|l| l["type"] == "packet").map(|l| l["fields"].clone()).collect()
}

#[test]
fn a_definition_that_is_saved_counts_at_once_and_a_broken_one_does_not() {
    let folder = folder("saved");
    let game = folder.join("game.wire");
    fs::write(&game, GAME).unwrap();
    let server = Server::start();
    let (program, proxy) =
        Program::proxy(game.to_str().unwrap(), server.address, &["--json", "--all"]);
    let mut ends = Ends::open(proxy, &server);
    let mut sent = Vec::new();
    let mut moves = |ends: &mut Ends| {
        ends.client.send(&MOVE);
        sent.extend_from_slice(&MOVE);
        ends.server.expect(&sent);
    };
    let notice = |text: &'static str| {
        move |line: &Value| {
            line["type"] == "notice" && line["message"].as_str().is_some_and(|m| m.contains(text))
        }
    };
    moves(&mut ends);
    // Editors write a new file and put it in the place of the old one.
    let put = |text: String| {
        let new = folder.join("game.wire.new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, &game).unwrap();
    };
    put(GAME.replace("x: i16", "across: i16"));
    program.wait_for_json("the new text is read", notice("read again"));
    moves(&mut ends);
    put(GAME.replace("x: i16", "x: i17"));
    program.wait_for_json("the error is told", notice("game.wire:4:27"));
    program.wait_for_json("the old text stays", notice("of before stay"));
    moves(&mut ends);
    put(GAME.replace("length: u8", "length: u16"));
    program.wait_for_json("other framing is refused", notice("needs a new start"));
    moves(&mut ends);
    drop(ends);
    let before = json!({"x": 5, "y": -1});
    let after = json!({"across": 5, "y": -1});
    let log = program.interrupt().json();
    assert_eq!(fields(&log), [before, after.clone(), after.clone(), after]);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_version_that_midwire_does_not_know_is_a_file_of_a_few_lines() {
    let folder = folder("patch-day");
    let file = folder.join("new.wire");
    fs::write(&file, NEW_MINECRAFT).unwrap();

    let checked = run(&["check", file.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(0), "{}{}", checked.output, checked.diagnostics);

    let defs = folder.to_str().unwrap();
    let decode = |more: &[&str]| {
        let common = ["decode", "--protocol", "minecraft", "--unframed", "--json"];
        run(&[&common[..], &["--direction", "clientbound"], more].concat()).json()
    };
    let confetti = ["--state", "play", "--hex", "01 07"];
    let with = ["--defs", defs, "--protocol-version", "27.1"];
    assert_eq!(decode(&[&confetti[..], &with].concat())[0]["fields"], json!({"amount": 7}));
    // The packets behind it have moved by one, and the others are as they were.
    let keep_alive = ["--state", "play", "--hex", "2d 0000000000000001"];
    assert_eq!(decode(&[&keep_alive[..], &with].concat())[0]["name"], "keep_alive");
    let older = ["--defs", defs, "--protocol-version", "26.3"];
    assert_eq!(decode(&[&confetti[..], &older].concat())[0]["name"], "spawn_entity");

    let listed = run(&["defs", "list", "--defs", defs]).output;
    assert!(listed.contains("1.0.0 to 27.1") && listed.contains("new.wire"), "{listed}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_extension_that_is_wrong_is_shown_with_its_place() {
    let folder = folder("wrong");
    let file = folder.join("new.wire");
    fs::write(&file, NEW_MINECRAFT.replace("lucky: bool", "lucky: boool")).unwrap();
    let defs = folder.to_str().unwrap();
    for arguments in [&["check", file.to_str().unwrap()][..], &["defs", "list", "--defs", defs]] {
        let ended = run(arguments);
        assert_ne!(ended.status.code(), Some(0));
        let told = &ended.diagnostics;
        assert!(told.contains("new.wire:6:10") && told.contains("did you mean `bool`"), "{told}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_folder_of_the_users_configuration_counts() {
    let folder = folder("configured");
    let defs = folder.join("midwire").join("defs");
    fs::create_dir_all(&defs).unwrap();
    fs::write(defs.join("mine.wire"), GAME.replace("game", "mine")).unwrap();
    fs::write(defs.join("new.wire"), NEW_MINECRAFT).unwrap();
    let ended = Program::start_configured(&["defs", "list"], &folder).wait();
    let listed = ended.output;
    assert!(listed.contains("mine") && listed.contains("1.0.0 to 27.1"), "{listed}");
    fs::remove_dir_all(folder).unwrap();
}

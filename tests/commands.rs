//! The commands that do not relay, and a game that exists only as a text file.
#![cfg(unix)]

mod support;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use support::ends::{Ends, Server};
use support::program::{Ended, Program};

/// A whole game.
const TOY: &str = r#"protocol toy "Toy game" {
  endian big
  port 4000
  frame { length: u8, id: u8 }
}
packet Join = 1 serverbound { name: str[u8] }
packet Move = 2 both { x: i16, y: i16 }
test serverbound Move { 00 05 ff ff => x: 5, y: -1 }
"#;

const JOIN: [u8; 7] = [6, 1, 4, b'A', b'l', b'v', b'a'];
const MOVE: [u8; 6] = [5, 2, 0, 5, 0xff, 0xff];

#[test]
fn a_new_game_of_eight_lines_goes_through_the_proxy() {
    let toy = file("proxied.wire", TOY);
    let server = Server::start();
    let (program, proxy) =
        Program::proxy(toy.to_str().unwrap(), server.address, &["--json", "--all"]);
    let mut ends = Ends::open(proxy, &server);
    ends.client.send(&[&JOIN[..], &MOVE].concat());
    ends.server.expect(&[&JOIN[..], &MOVE].concat());
    ends.server.send(&MOVE);
    ends.client.expect(&MOVE);
    drop(ends);
    let log = program.interrupt().json();
    let shown = |direction: &str| -> Vec<(Value, Value)> {
        let of_direction =
            |line: &&Value| line["type"] == "packet" && line["direction"] == direction;
        let name_and_fields = |line: &Value| (line["name"].clone(), line["fields"].clone());
        log.iter().filter(of_direction).map(name_and_fields).collect()
    };
    let moved = (json!("Move"), json!({"x": 5, "y": -1}));
    assert_eq!(shown("serverbound"), [(json!("Join"), json!({"name": "Alva"})), moved.clone()]);
    assert_eq!(shown("clientbound"), [moved]);
}

#[test]
fn a_new_game_of_eight_lines_is_decoded_from_hex() {
    let toy = file("decoded.wire", TOY);
    let ended = run(&[
        "decode",
        "--protocol",
        toy.to_str().unwrap(),
        "--direction",
        "serverbound",
        "--hex",
        "06 01 04 41 6c 76 61",
        "--json",
    ]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
    let packets = ended.json();
    assert_eq!(packets[0]["name"], "Join");
    assert_eq!(packets[0]["fields"], json!({"name": "Alva"}));
}

/// A game whose packets have no length in front: each ends where its last field does.
const FRAMELESS: &str = r#"protocol chat "Chat without frames" {
  endian big
  port 4001
  states hello, talk
  start hello
  frame none
}
packet hello both Version = 0 { text: latin1[12] }
packet talk both Line = 0 {
  kind: enum u8 { said, left }
  match kind {
    said => { text: str[u16], tags: [until u8 == 0] { key: u8, value: u8 } }
    left => { reason: str[u8] }
    else => { ... }
  }
}
on hello serverbound Version { state = talk }
test talk Line { 00 0002 6869 0102 00 => kind: said, text: "hi", tags[0].value: 2 }
"#;

const TALK: &[u8] = b"HELLO 01.00\n\x00\x00\x02hi\x01\x02\x00\x01\x03bye\x00\x00\x00\x00";

#[test]
fn a_game_without_frames_goes_through_the_proxy() {
    let toy = file("frameless.wire", FRAMELESS);
    let toy = toy.to_str().unwrap();
    for cut in [1, 5, TALK.len()] {
        let server = Server::start();
        let (program, proxy) = Program::proxy(toy, server.address, &["--json", "--all"]);
        let mut ends = Ends::open(proxy, &server);
        let mut sent = Vec::new();
        for piece in TALK.chunks(cut) {
            ends.client.send(piece);
            sent.extend_from_slice(piece);
            // What is only a part of a packet goes on at once.
            ends.server.expect(&sent);
        }
        ends.server.send(b"HELLO 01.00\n\x01\x00\x07any");
        ends.client.expect(b"HELLO 01.00\n\x01\x00\x07any");
        // Half a packet is passed on at the end.
        ends.client.send(&[0, 0]);
        ends.client.finish();
        ends.server.expect(&[TALK, &[0, 0]].concat());
        drop(ends);
        let log = program.interrupt().json();
        let shown: Vec<Value> = log
            .iter()
            .filter(|line| line["type"] == "packet" && line["direction"] == "serverbound")
            .map(|line| json!([line["state"], line["name"], line["wire_length"], line["fields"]]))
            .collect();
        assert_eq!(
            shown,
            [
                json!(["hello", "Version", 12, {"text": "HELLO 01.00\n"}]),
                json!(["talk", "Line", 8, {"kind": "said", "text": "hi", "tags": [{"key": 1, "value": 2}]}]),
                json!(["talk", "Line", 5, {"kind": "left", "reason": "bye"}]),
                json!(["talk", "Line", 4, {"kind": "said", "text": "", "tags": []}]),
            ]
        );
        let notices: Vec<&str> = log
            .iter()
            .filter(|line| line["type"] == "notice")
            .filter_map(|line| line["message"].as_str())
            .collect();
        let raw = "clientbound bytes are passed on from offset 14, and not read: Line takes all that \
                   comes behind kind 7";
        assert!(notices.contains(&raw), "{notices:?}");
        assert!(notices.iter().any(|text| text.contains("ended within a frame")), "{notices:?}");
    }
}

#[test]
fn a_game_without_frames_is_decoded_packet_by_packet() {
    let toy = file("frameless-decoded.wire", FRAMELESS);
    let toy = toy.to_str().unwrap();
    let hex: String = TALK.iter().map(|byte| format!("{byte:02x} ")).collect();
    let decode = |hex: &str, more: &[&str]| {
        run(&[&["decode", "--protocol", toy, "--hex", hex, "--json"], more].concat())
    };
    let ended = decode(&hex, &["--direction", "serverbound"]);
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.output, ended.diagnostics);
    let packets = ended.json();
    let lengths: Vec<_> = packets.iter().map(|packet| packet["length"].clone()).collect();
    assert_eq!(lengths, [12, 8, 5, 4]);
    assert_eq!(packets[2]["fields"], json!({"kind": "left", "reason": "bye"}));

    // What is cut shows what there is of it.
    let ended = decode("00 0002 6869 01", &["--state", "talk"]);
    assert_eq!(ended.status.code(), Some(1), "{}{}", ended.output, ended.diagnostics);
    let packets = ended.json();
    assert_eq!(packets[0]["fields"]["text"], "hi");
    assert_eq!(packets[0]["error"]["field"], "tags[0].value");

    let ended = decode(&hex, &["--direction", "serverbound", "--unframed"]);
    assert_eq!(ended.json().len(), 1);
}

#[test]
fn a_packet_without_an_end_is_told_to_its_author() {
    let endless = FRAMELESS.replace("left => { reason: str[u8] }", "left => { ... }");
    let toy = file("endless.wire", &endless);
    let ended = run(&["check", toy.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.output, ended.diagnostics);
    assert!(ended.diagnostics.contains("warning[W086]"), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("left => { ... }"), "{}", ended.diagnostics);
    // what other numbers stand for nobody has to know
    let meant = file("meant.wire", FRAMELESS);
    let ended = run(&["check", meant.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.output, ended.diagnostics);
    assert!(!ended.diagnostics.contains("W086"), "{}", ended.diagnostics);
    let wrong = FRAMELESS.replace("{ ... }", "{ if remaining > 0 { more: u8 } }");
    let wrong = file("remaining.wire", &wrong);
    let ended = run(&["check", wrong.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(1), "{}{}", ended.output, ended.diagnostics);
    assert!(ended.diagnostics.contains("error[W087]"), "{}", ended.diagnostics);
}

#[test]
fn a_definition_is_put_into_the_usual_form() {
    let untidy = TOY.replace("  ", "\t").replace(": ", "  :").replace('\n', "\r\n");
    let toy = file("untidy.wire", &untidy);
    let path = toy.to_str().unwrap();
    let checked = run(&["fmt", "--check", path]);
    assert_eq!((checked.status.code(), checked.output), (Some(1), format!("{path}\n")));
    assert_eq!(fs::read_to_string(&toy).unwrap(), untidy, "checking changes nothing");
    assert_eq!(run(&["fmt", path]).status.code(), Some(0));
    assert_eq!(fs::read_to_string(&toy).unwrap(), TOY);
    assert_eq!(run(&["fmt", "--check", path]).status.code(), Some(0));
    let piped = Program::start_with_input(&["fmt", "-"], untidy.as_bytes()).wait();
    assert_eq!(piped.output, TOY);

    let broken = file("broken.wire", "packet {\n");
    let ended = run(&["fmt", broken.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.diagnostics.contains("left as it is"), "{}", ended.diagnostics);
    assert_eq!(fs::read_to_string(&broken).unwrap(), "packet {\n");
}

#[test]
fn many_packets_go_through_decode_and_encode_line_by_line() {
    // `compress` says how later frames look; lines without frames are plain all the same.
    let payloads = ["0340", "03", "no hex", "000568656c6c6f"];
    let place = ["--protocol", "minecraft", "--protocol-version", "1.20.4", "--state", "login"];
    let place = [&place[..], &["--direction", "clientbound", "--unframed", "--lines"]].concat();
    let packets = file("packets.txt", &(payloads.join("\n") + "\n"));
    let ended = run(&[&["decode", packets.to_str().unwrap(), "--json"][..], &place].concat());
    assert_eq!(ended.status.code(), Some(1), "{}", ended.diagnostics);
    let lines = ended.json();
    assert_eq!(lines.len(), payloads.len(), "{}", ended.output);
    assert_eq!(lines[0]["fields"], json!({"threshold": 64}));
    assert_eq!(lines[1]["name"], "compress");
    assert_eq!(lines[1]["error"]["field"], "threshold");
    assert_eq!(lines[2]["type"], "notice");
    assert_eq!(lines[3]["fields"], json!({"reason": "hello"}));

    let encode = [&["encode"][..], &place].concat();
    let ended = Program::start_with_input(&encode, ended.output.as_bytes()).wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.diagnostics);
    let made: Vec<&str> = ended.output.lines().collect();
    assert_eq!((made[0], made[3]), (payloads[0], payloads[3]));
    assert!(made[1].starts_with("error: ") && made[2].starts_with("error: "), "{made:?}");
}

#[test]
fn a_definition_is_checked_with_its_tests() {
    let good = file("good.wire", TOY);
    let ended = run(&["check", good.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.output, ended.diagnostics);

    let wrong_test = file("wrong-test.wire", &TOY.replace("x: 5", "x: 6"));
    let ended = run(&["check", wrong_test.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(1), "{}{}", ended.output, ended.diagnostics);
}

#[test]
fn mistakes_in_a_definition_are_shown_where_they_are() {
    let wrong = TOY.replace("y: i16 }", "y: i61 }").replace("str[u8]", "srt[u8]");
    let wrong = file("wrong.wire", &wrong);
    let ended = run(&["check", wrong.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(1), "{}{}", ended.output, ended.diagnostics);
    let said = ended.output + &ended.diagnostics;
    for expected in ["wrong.wire:6:", "wrong.wire:7:", "i61", "srt", "^", "i16"] {
        assert!(said.contains(expected), "{expected} is not in:\n{said}");
    }
}

#[test]
fn built_in_definitions_are_listed_and_shown() {
    let listed = run(&["defs", "list"]);
    assert_eq!(listed.status.code(), Some(0), "{}", listed.diagnostics);
    for name in ["minecraft", "terraria"] {
        assert!(listed.output.contains(name), "{}", listed.output);
        let shown = run(&["defs", "show", name]);
        assert_eq!(shown.status.code(), Some(0), "{}", shown.diagnostics);
        assert!(shown.output.contains(&format!("protocol {name}")));
    }
    assert_ne!(run(&["defs", "show", "no-such-game"]).status.code(), Some(0));
}

#[test]
fn a_new_definition_is_right_says_what_the_reference_shows_and_replaces_nothing() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("new-definition");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("my_game.wire");
    let file = path.to_str().unwrap();
    let written = run(&["defs", "new", file]);
    assert_eq!(written.status.code(), Some(0), "{}", written.diagnostics);
    assert!(written.output.contains(file), "{}", written.output);
    let checked = run(&["check", file]);
    assert_eq!(checked.status.code(), Some(0), "{}", checked.diagnostics);
    assert!(checked.output.contains("2 of 2 tests pass; 0 warnings"), "{}", checked.output);

    let text = fs::read_to_string(&path).unwrap();
    let code = |text: &str| -> Vec<String> {
        let code = |line: &str| line.split("//").next().unwrap_or_default().trim().to_owned();
        text.lines().map(code).filter(|line| !line.is_empty()).collect()
    };
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/language.md");
    let docs = fs::read_to_string(docs).unwrap().replace("\r\n", "\n");
    let first = docs.split("```wire\n").nth(1).unwrap().split("```").next().unwrap();
    let shown = first.replace("toy \"Toy game\"", "my_game \"my_game\"");
    assert_eq!(code(&text), code(&shown));

    fs::write(&path, "mine").unwrap();
    let again = run(&["defs", "new", file]);
    assert_eq!(again.status.code(), Some(3), "{}", again.diagnostics);
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    for name in ["minecraft", "7days", "my-game", ""] {
        let refused = run(&["defs", "new", name]);
        assert_eq!(refused.status.code(), Some(2), "{name}: {}", refused.diagnostics);
    }
}

#[test]
fn the_demo_ends_with_what_it_counted() {
    let ended = run(&["demo"]);
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.output, ended.diagnostics);
    let last = ended.output.lines().last().expect("the demo prints something");
    let words: Vec<&str> = last.split(' ').collect();
    let ["ok:", packets, "packets,", bytes, "bytes;", rest @ ..] = words.as_slice() else {
        panic!("{last}")
    };
    assert!(packets.parse::<u64>().unwrap() > 0 && bytes.parse::<u64>().unwrap() > 0, "{last}");
    assert_eq!(rest.join(" "), "identical at both ends");
}

#[test]
fn mistakes_in_the_command_line_end_with_2() {
    for arguments in [
        &["no-such-command"][..],
        &["proxy"],
        &["proxy", "minecraft"],
        &["proxy", "no-such-game", "--to", "127.0.0.1:1"],
        &["proxy", "raw", "--to", "127.0.0.1:1", "--listen", "nowhere"],
    ] {
        let ended = run(arguments);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}\n{}", ended.diagnostics);
        assert!(!ended.diagnostics.is_empty(), "{arguments:?}");
        assert!(ended.output.is_empty(), "{arguments:?}\n{}", ended.output);
    }
}

fn run(arguments: &[&str]) -> Ended {
    Program::start(arguments).wait()
}

/// A file of this name for one test.
fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("a writable folder for tests");
    path
}

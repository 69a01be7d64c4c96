//! Hex in and out: what `decode` is given and shows, and that `encode` makes the same bytes of what it prints.
#![cfg(unix)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::program::{Ended, Program};
use support::recording;

fn run(arguments: &[&str], input: &str) -> Ended {
    Program::start_with_input(arguments, input.as_bytes()).wait()
}

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).expect("a writable folder for tests");
    path
}

/// The corpus by version: a line of hex for each packet.
fn corpus() -> BTreeMap<String, String> {
    let mut versions: BTreeMap<String, String> = BTreeMap::new();
    let text = fs::read_to_string(recording::find("corpus.jsonl")).expect("the corpus");
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let text = |key: &str| line[key].as_str().expect("a text").to_owned();
        versions.entry(text("version")).or_default().push_str(&(text("payload") + "\n"));
    }
    versions
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What one side of a recorded connection sent.
fn stream(name: &str, connection: usize, direction: recording::Direction) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in recording::read(name) {
        if let (true, recording::Event::Data(way, data)) =
            (line.connection == connection, line.event)
            && way == direction
        {
            bytes.extend_from_slice(&data);
        }
    }
    bytes
}

#[test]
fn encode_makes_the_bytes_of_every_packet_that_decode_has_read() {
    for (version, lines) in corpus() {
        let place = ["--protocol", "minecraft", "--protocol-version", &version, "--unframed"];
        let decode = [&["decode", "--lines", "--json"][..], &place].concat();
        let where_to = ["--state", "play", "--direction", "clientbound"];
        let decoded = run(&[&decode[..], &where_to].concat(), &lines);
        assert_eq!(decoded.status.code(), Some(0), "{version}: {}", decoded.diagnostics);
        let encoded = run(&[&["encode"][..], &place].concat(), &decoded.output);
        assert_eq!(encoded.output, lines, "{version}: {}", encoded.diagnostics);
    }
}

#[test]
fn the_packets_of_a_recorded_stream_come_back_byte_for_byte() {
    for way in recording::Direction::BOTH {
        let bytes = stream("terraria", 1, way);
        let file = file(&format!("terraria-{}.bin", way.name()), &bytes);
        let decode = ["decode", "--protocol", "terraria", "--direction", way.name(), "--json"];
        let raw = ["--protocol-version", "318", "--as", "raw", file.to_str().unwrap()];
        let decoded = Program::start(&[&decode[..], &raw].concat()).wait();
        let (mut at, mut wanted, mut lines) = (0, String::new(), String::new());
        for packet in decoded.json().iter().filter(|line| line["type"] == "packet") {
            let end = at + packet["wire_length"].as_u64().expect("a frame") as usize;
            // The recording has frames that are no packets; of a password only its length is told, and what is
            // deflated anew has other bytes that mean the same.
            let is_secret = packet.to_string().contains("{\"secret\":");
            if packet.get("error").is_none() && !is_secret && packet["name"] != "TileSection" {
                wanted.push_str(&hex(&bytes[at..end]));
                wanted.push('\n');
                lines.push_str(&format!("{packet}\n"));
            }
            at = end;
        }
        assert!(wanted.lines().count() >= 10, "{}{}", decoded.output, decoded.diagnostics);
        let encoded = run(&["encode", "--protocol", "terraria"], &lines);
        assert_eq!(encoded.output, wanted, "{}", encoded.diagnostics);
    }
}

#[test]
fn packets_that_are_compressed_again_say_the_same() {
    // Of a server that compresses from 256 bytes on; the first two packets are not.
    let bytes = stream("mc-1.20.4-offline", 1, recording::Direction::Clientbound);
    let file = file("mc-clientbound.bin", &bytes);
    let place = ["--protocol", "minecraft", "--protocol-version", "1.20.4"];
    let decode = [&["decode", "--json", "--direction", "clientbound"][..], &place].concat();
    let first =
        Program::start(&[&decode[..], &["--as", "raw", file.to_str().unwrap()]].concat()).wait();
    let (packets, notices): (Vec<Value>, Vec<Value>) =
        first.json().into_iter().partition(|line| line["type"] == "packet");
    assert_eq!((notices.len(), first.status.code()), (0, Some(0)), "{notices:?}");
    assert_eq!(packets[0]["name"], "compress", "{}", first.diagnostics);
    let behind: String = packets[1..].iter().map(|packet| format!("{packet}\n")).collect();
    let encode = [&["encode", "--threshold", "256"][..], &place].concat();
    let encoded = run(&encode, &behind);
    assert_eq!(encoded.status.code(), Some(0), "{}", encoded.diagnostics);
    let again = run(&[&decode[..], &["--state", "login"]].concat(), "03 03 80 02");
    assert_eq!(again.json()[0]["name"], "compress");
    let again = run(&decode, &format!("03038002\n{}", encoded.output)).json();
    assert_eq!(again.len(), packets.len());
    for (packet, again) in packets.iter().zip(&again).skip(1) {
        for key in ["name", "state", "length", "fields"] {
            assert_eq!(packet[key], again[key], "{key} of {}", packet["name"]);
        }
    }
}

#[test]
fn what_was_odd_about_a_packet_stays() {
    let place = ["--protocol", "minecraft", "--protocol-version", "1.21.4"];
    let decode =
        [&["decode", "--json", "--state", "play", "--direction", "serverbound"][..], &place]
            .concat();
    let encode = [&["encode"][..], &place].concat();
    for hex in [
        // A length of three bytes, an id of two; bytes behind the last field.
        "8a80009a000000000000000007",
        "0b1a00000000000000070102",
        // An id that no packet has.
        "04ff7f0102",
    ] {
        let decoded = run(&decode, hex);
        let encoded = run(&encode, &decoded.output);
        assert_eq!(encoded.output.trim(), hex, "{}{}", decoded.output, encoded.diagnostics);
    }
    let cut = run(&decode, "091a0000000000");
    let refused = run(&encode, &cut.output);
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.diagnostics.contains("line 1: the packet was not read whole"));
}

#[test]
fn a_packet_is_written_in_any_form_and_read_again() {
    let hello = r#"{"version":"Terraria326"}"#;
    let encode =
        ["encode", "--protocol", "terraria", "--direction", "serverbound", "Hello", "--as"];
    for form in ["hex", "xxd", "c", "base64", "raw"] {
        let written = run(&[&encode[..], &[form]].concat(), hello);
        assert_eq!(written.status.code(), Some(0), "{}", written.diagnostics);
        let read = run(&["decode", "--protocol", "terraria", "--json"], &written.output);
        assert_eq!(
            read.json()[0]["fields"]["version"],
            "Terraria326",
            "{form}: {}",
            written.output
        );
    }
    let wrong = run(&[&encode[..], &["hex"]].concat(), r#"{"verison":"Terraria326"}"#);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(wrong.diagnostics.contains("did you mean `version`?"), "{}", wrong.diagnostics);
}

#[test]
fn a_dump_with_a_missing_row_is_told_with_its_line() {
    let dump = "00000000: 0f00 010b 5465 7272 6172 6961 3332 36 0f  ....Terraria326.\n\
                00000020: 3332 36                                  326\n";
    let ended = run(&["decode", "--protocol", "terraria"], dump);
    assert_eq!(ended.status.code(), Some(1));
    let expected = "line 2: offset 0x20 is behind a gap: 16 bytes from 0x10 on are missing";
    assert!(ended.diagnostics.contains(expected), "{}", ended.diagnostics);
    assert!(ended.output.contains("Terraria326"), "{}", ended.output);
}

#[test]
fn what_fits_as_well_is_told_and_listed() {
    // A byte that is 1: in most versions another packet.
    let ended = run(&["decode", "--protocol", "minecraft", "--hex", "02 0d 01"], "");
    assert!(ended.diagnostics.contains("guessed: "), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("also fits: "), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("--protocol-version"), "{}", ended.diagnostics);
    let hello = ["--hex", "0f 00 01 0b 54 65 72 72 61 72 69 61 33 32 36"];
    let listed = run(&[&["decode", "--guess", "--json"], &hello[..]].concat(), "");
    assert_eq!(listed.status.code(), Some(0), "{}", listed.diagnostics);
    let best = &listed.json()[0];
    assert_eq!((&best["protocol"], &best["names"][0]), (&"terraria".into(), &"Hello".into()));
    assert_eq!((&best["explained"], &best["length"]), (&15.into(), &15.into()));
    let table = run(&[&["decode", "--guess"], &hello[..]].concat(), "");
    let first = table.output.lines().nth(1).unwrap_or_default();
    assert!(first.contains("15/15") && first.contains("Hello"), "{}", table.output);
}

#[test]
fn a_piece_of_a_stream_may_begin_within_a_frame() {
    let bytes = stream("terraria", 1, recording::Direction::Clientbound);
    // Behind the first three frames, in the middle of the fourth.
    let mut at = 0;
    for _ in 0..3 {
        at += usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    }
    let place = ["decode", "--protocol", "terraria", "--direction", "clientbound", "--json"];
    let ended = run(&place, &hex(&bytes[at + 4..]));
    let lines = ended.json();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.diagnostics);
    let expected = "these are the end of a frame that began before them";
    assert_eq!(lines[0]["message"], expected, "{}", ended.output);
    let whole = run(&place, &hex(&bytes[at..]));
    let names = |lines: &[Value]| -> Vec<Value> {
        let packets = lines.iter().filter(|line| line["type"] == "packet");
        packets.map(|line| line["name"].clone()).collect()
    };
    assert_eq!(names(&lines), names(&whole.json())[1..]);
}

#[test]
fn both_directions_in_one_paste_are_read_each_for_itself() {
    // Alone, the second could go either way.
    let paste = "[12:00:01] C->S: 0f 00 01 0b 54 65 72 72 61 72 69 61 33 32 36\n\
                 [12:00:02] S->C: 05 00 02 00 00\n\
                 [12:00:03] C->S: 03 00 06\n";
    let ended = run(&["decode", "--json"], paste);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let found: Vec<(String, String)> =
        ended.json().iter().map(|line| (text(line, "name"), text(line, "direction"))).collect();
    let expected =
        [("Hello", "serverbound"), ("Kick", "clientbound"), ("RequestWorldData", "serverbound")];
    let expected = expected.map(|(name, way)| (name.to_owned(), way.to_owned()));
    assert_eq!(found, expected, "{}{}", ended.output, ended.diagnostics);
}

#[test]
fn a_mark_says_the_direction_that_bytes_alone_do_not() {
    let place = [
        "decode",
        "--protocol",
        "minecraft",
        "--protocol-version",
        "1.21.4",
        "--state",
        "play",
        "--json",
    ];
    for (mark, way) in [("client -> server", "serverbound"), ("server -> client", "clientbound")] {
        let ended = run(&place, &format!("{mark}: 01 00\n"));
        assert_eq!(ended.json()[0]["direction"], way, "{}{}", ended.output, ended.diagnostics);
    }
}

#[test]
fn rows_behind_the_words_of_a_log_are_read_without_them() {
    let front = "11-26 14:22:01.123  1234  1234 D Net: ";
    let paste = format!(
        "{front}0000  0f 00 01 0b 54 65 72 72 61 72 69 61 33 32 36 05  ....Terraria326.\n\
         {front}0010  00 02 00 00                                      ....\n"
    );
    let ended = run(&["decode", "--protocol", "terraria", "--json"], &paste);
    let names: Vec<Value> = ended.json().iter().map(|line| line["name"].clone()).collect();
    assert_eq!(names, ["Hello", "Kick"], "{}{}", ended.output, ended.diagnostics);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
}

#[test]
fn what_can_be_two_things_is_not_read_but_asked_for() {
    let ended = run(&["decode"], "00000001 00000000\n");
    assert_eq!((ended.status.code(), ended.output.as_str()), (Some(2), ""));
    assert!(ended.diagnostics.contains("--as binary or --as hex"), "{}", ended.diagnostics);
}

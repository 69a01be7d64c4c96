//! Filters through the program: `-Y` lists what matches and relays everything; what is wrong is told.
#![cfg(unix)]

mod support;

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use support::program::{Ended, Program};
use support::recording;
use support::replay::{Cut, Framing, replay, replay_with};

fn run(arguments: &[&str]) -> Ended {
    Program::start(arguments).wait()
}

/// Filters with the packets that they match in a recording, as its end points say: see
/// `tests/filters/expect.py`.
fn expected(capture: &str) -> (HashMap<String, Vec<String>>, HashMap<String, u64>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/filters/expected.jsonl");
    let text = std::fs::read_to_string(path).expect("the table");
    let mut counts = HashMap::new();
    let mut filters = HashMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        if line["capture"] != capture {
            continue;
        }
        if let Some(all) = line["counts"].as_object() {
            counts = all.iter().map(|(end, n)| (end.clone(), n.as_u64().unwrap_or(0))).collect();
            continue;
        }
        let keys = line["matches"].as_array().expect("a list");
        let keys = keys.iter().map(|key| key.as_str().expect("text").to_owned()).collect();
        filters.insert(line["filter"].as_str().expect("text").to_owned(), keys);
    }
    (filters, counts)
}

#[test]
fn what_is_listed_is_what_the_end_points_say_and_every_byte_passes() {
    let capture = "mc-1.20.4-offline";
    let lines = recording::read(capture);
    let (filters, counts) = expected(capture);
    let go = |more: &[&str]| {
        replay_with("minecraft", &lines, Framing::Minecraft, Cut::AsRecorded, more).log
    };
    // How the table calls the packets that the log numbers over both directions.
    let mut keys: HashMap<(u64, u64), String> = HashMap::new();
    let mut next: HashMap<String, u64> = HashMap::new();
    for line in replay("minecraft", &lines, Framing::Minecraft, Cut::AsRecorded).log {
        if line["type"] != "packet" {
            continue;
        }
        let session = line["session"].as_u64().expect("a session");
        let to = if line["direction"] == "serverbound" { 's' } else { 'c' };
        let end = format!("{session}{to}");
        let number = next.entry(end.clone()).or_insert(0);
        if *number < counts[&end] {
            keys.insert((session, line["n"].as_u64().expect("a number")), format!("{end}{number}"));
        }
        *number += 1;
    }
    for filter in [
        "group:chat and clientbound",
        "packet.length > 1_000",
        "position.x > 20 and serverbound",
        "all(player_info.data, it.name == \"Alva\")",
        "count(tags.tags) > 3",
        "session.id == 2",
        "client.ip in {10.0.0.0/8, 127.0.0.0/8} and packet.id == 1",
        "text(kick_disconnect.reason) endswith '\\u{2603} #7'",
    ] {
        let Some(wanted) = filters.get(filter) else { continue };
        let log = go(&["-Y", filter]);
        let listed: Vec<&String> = log
            .iter()
            .filter(|line| line["type"] == "packet")
            .filter_map(|line| keys.get(&(line["session"].as_u64()?, line["n"].as_u64()?)))
            .collect();
        let (mut listed, mut wanted): (Vec<&String>, Vec<&String>) =
            (listed, wanted.iter().collect());
        listed.sort();
        wanted.sort();
        assert_eq!(listed, wanted, "{filter}");
        assert!(log.iter().any(|line| line["type"] == "session"), "{filter}");
        assert!(log.iter().any(|line| line["type"] == "state"), "{filter}");
    }
}

#[test]
fn a_wrong_filter_is_told_with_a_caret_before_anything_is_listened_on() {
    for command in ["proxy", "decode"] {
        let mut arguments = vec![command, "-Y", "update_health.helth < 5"];
        match command {
            "proxy" => arguments.extend(["minecraft", "--to", "127.0.0.1:1", "--listen", "0"]),
            _ => arguments.extend(["--protocol", "minecraft", "--hex", "01 00"]),
        }
        let ended = run(&arguments);
        assert_eq!(ended.status.code(), Some(2), "{command}: {}", ended.diagnostics);
        assert!(ended.diagnostics.contains("error[F021]"), "{}", ended.diagnostics);
        assert!(
            ended.diagnostics.contains("^^^^^ did you mean `health`?"),
            "{}",
            ended.diagnostics
        );
        assert!(!ended.diagnostics.contains("listening"), "{}", ended.diagnostics);
    }
}

#[test]
fn decode_shows_only_what_matches() {
    let shown = |filter: &str| {
        let ended = run(&[
            "decode",
            "--protocol",
            "terraria",
            "--direction",
            "serverbound",
            "--json",
            "--hex",
            "0f 00 01 0b 54 65 72 72 61 72 69 61 33 32 36 07 00 2a 00 14 00 14",
            "-Y",
            filter,
        ]);
        let names = ended.json().iter().map(|line| line["name"].to_string()).collect::<Vec<_>>();
        names.join(" ")
    };
    assert_eq!(shown("Hello"), "\"Hello\"");
    assert_eq!(shown("Hello.version endswith \"326\""), "\"Hello\"");
    assert_eq!(shown("not Hello"), "\"PlayerMana\"");
    assert_eq!(shown("packet.length > 100"), "");
}

#[test]
fn fields_lists_what_can_be_written() {
    let out = |arguments: &[&str]| {
        let ended = run(arguments);
        assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
        ended.output
    };
    let all = out(&["fields"]);
    assert!(all.contains("packet.length") && all.contains("serverbound"), "{all}");
    let minecraft = out(&["fields", "minecraft"]);
    for wanted in ["group:chat", "text", "conn.me", "update_health", "packet.state is one of"] {
        assert!(minecraft.contains(wanted), "{wanted} in {minecraft}");
    }
    let packet = out(&["fields", "minecraft", "set_slot"]);
    assert!(packet.contains("set_slot.item.item_id"), "{packet}");
    assert!(packet.contains("varint"), "{packet}");
    let unknown = run(&["fields", "minecraft", "update_helth"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(unknown.diagnostics.contains("did you mean update_health?"), "{}", unknown.diagnostics);
}

//! What was recorded while it was listed reads as it was listed.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::files::{Folder, read_well};
use crate::support::recording;
use crate::support::replay::{Cut, Framing, replay_with};

/// What was told of each session, in order. Notices of the program itself are not a session's.
fn by_session(log: Vec<Value>) -> BTreeMap<u64, Vec<Value>> {
    let mut sessions: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    for mut line in log {
        if line["type"] == "notice" {
            continue;
        }
        // A recording begins when it is told of the session, a little later than the listing.
        for key in ["time", "at"] {
            line.as_object_mut().unwrap().remove(key);
        }
        sessions.entry(line["session"].as_u64().unwrap()).or_default().push(line);
    }
    sessions
}

#[track_caller]
fn assert_same(was: &BTreeMap<u64, Vec<Value>>, is: &BTreeMap<u64, Vec<Value>>, name: &str) {
    assert_eq!(was.len(), is.len(), "{name}");
    for (session, was) in was {
        let is = &is[session];
        for (was, is) in was.iter().zip(is) {
            let shown = |line: &Value| line.to_string().chars().take(400).collect::<String>();
            assert!(was == is, "{name}:\n  was {}\n  is  {}", shown(was), shown(is));
        }
        assert_eq!(was.len(), is.len(), "{name}, session {session}");
    }
}

#[test]
fn a_recording_of_a_live_session_gives_the_json_that_was_printed() {
    let folder = Folder::new("live");
    for (name, protocol, framing) in [
        ("mc-1.12.2-offline", "minecraft", Framing::Minecraft),
        ("mc-1.21.4-offline", "minecraft", Framing::Minecraft),
        ("terraria", "terraria", Framing::Terraria),
    ] {
        let file = folder.path(&format!("{name}.pcapng"));
        let lines = recording::read(name);
        let arguments = ["-w", &file, "--record-secrets"];
        let replayed = replay_with(protocol, &lines, framing, Cut::AsRecorded, &arguments);
        let (was, is) =
            (by_session(replayed.log), by_session(read_well(&[&file, "--json"]).json()));
        assert_same(&was, &is, name);
    }
}

/// A recording in several files: each reads on its own, and together they are one recording.
#[test]
fn the_files_of_a_rotation_are_read_as_the_sessions_that_they_are() {
    for (name, protocol, framing) in [
        ("mc-1.21.4-offline", "minecraft", Framing::Minecraft),
        ("terraria", "terraria", Framing::Terraria),
    ] {
        let folder = Folder::new(&format!("rotated-{name}"));
        let file = folder.path("it.pcapng");
        let lines = recording::read(name);
        let arguments = ["-w", &file, "--record-secrets", "-b", "filesize:20"];
        let replayed = replay_with(protocol, &lines, framing, Cut::AsRecorded, &arguments);
        let was = by_session(replayed.log);
        let files = folder.names();
        let files: Vec<String> = files.iter().map(|name| folder.path(name)).collect();
        assert!(files.len() > 3, "{name}: {files:?}");
        let files: Vec<&str> = files.iter().map(String::as_str).collect();

        let log = read_well(&[&files[..], &["--json"]].concat()).json();
        assert_in_order(&log, name);
        assert_same(&was, &by_session(log), name);
        let stats = read_well(&[&files[..], &["--json", "--stats"]].concat()).json();
        assert_eq!(stats.last().unwrap()["sessions"], was.len(), "{name}");

        let none = read_well(&[&files[..], &["--port", "9"]].concat());
        assert_eq!(none.output, "");
        let told = format!("{} stream", was.len());
        assert!(none.diagnostics.starts_with(&told), "{name}: {}", none.diagnostics);

        let packets = |log: &[Value]| -> Vec<(String, u64)> {
            let packets = log.iter().filter(|line| line["type"] == "packet");
            packets.map(|line| (line["name"].to_string(), line["n"].as_u64().unwrap())).collect()
        };
        let mut one_by_one = Vec::new();
        for file in &files {
            let log = read_well(&[file, "--json"]).json();
            assert_in_order(&log, file);
            one_by_one.extend(packets(&log));
        }
        let mut all: Vec<(String, u64)> = was.values().flat_map(|log| packets(log)).collect();
        one_by_one.sort_unstable();
        all.sort_unstable();
        assert!(one_by_one == all, "{name}: the files one by one");
        // Where one is not there, it is said, and what follows is read.
        let gone = [&files[..2], &files[3..], &["--json"]].concat();
        let log = read_well(&gone).json();
        let told = log.iter().filter(|line| {
            line["message"].as_str().is_some_and(|text| text.contains("in none of these files"))
        });
        assert!(told.count() > 0, "{name}");
        let mut left = packets(&log);
        left.extend(packets(&read_well(&[files[2], "--json"]).json()));
        left.sort_unstable();
        assert!(left == all, "{name}: without a file, and that file");
    }
}

/// No line of a session is earlier than the one before it.
fn assert_in_order(log: &[Value], name: &str) {
    let mut last: BTreeMap<u64, String> = BTreeMap::new();
    for line in log.iter().filter(|line| line["type"] == "packet") {
        let at = line["at"].as_str().unwrap().to_owned();
        let session = line["session"].as_u64().unwrap();
        let before = last.entry(session).or_default();
        assert!(in_digits(&at) >= in_digits(before), "{name}: {at} behind {before}");
        *before = at;
    }
}

/// A time with all its decimals.
fn in_digits(at: &str) -> String {
    let (seconds, decimals) = at.trim_end_matches('Z').split_once('.').unwrap_or((at, ""));
    format!("{seconds:>20}.{decimals:0<9}")
}

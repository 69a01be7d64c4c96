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
        assert_eq!(was.len(), is.len(), "{name}");
        for (session, was) in was {
            let is = &is[&session];
            for (was, is) in was.iter().zip(is) {
                let shown = |line: &Value| line.to_string().chars().take(400).collect::<String>();
                assert!(was == is, "{name}:\n  was {}\n  is  {}", shown(was), shown(is));
            }
            assert_eq!(was.len(), is.len(), "{name}, session {session}");
        }
    }
}

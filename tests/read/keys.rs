//! Encrypted recordings, with their keys.

use serde_json::Value;

use crate::files::{Folder, read, read_well, recorded};
use crate::support::program::packets;
use crate::support::recording::{self, Direction};
use crate::support::truth;

const NAMES: [&str; 2] = ["mc-1.12.2-encrypted", "mc-1.20.4-encrypted"];

fn keys_file(name: &str) -> String {
    recording::find(&format!("{name}.keys.jsonl")).to_str().unwrap().to_owned()
}

fn key(name: &str) -> String {
    let text = std::fs::read_to_string(keys_file(name)).unwrap();
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    line["client_secret_hex"].as_str().unwrap().to_owned()
}

/// The packets are those that the ends logged: state, id, name, length.
fn are_true(name: &str, log: &[Value]) {
    let truth = truth::minecraft(name);
    let word = |value: &Value| value.as_str().map(str::to_owned);
    for direction in Direction::BOTH {
        let seen: Vec<_> = packets(log)
            .filter(|packet| packet["direction"] == direction.name())
            .map(|p| (word(&p["state"]), p["id"].as_i64(), p["length"].as_u64()))
            .collect();
        let told: Vec<_> = truth[&(1, direction)]
            .iter()
            .map(|packet| (packet.state.clone(), Some(packet.id), Some(packet.len)))
            .collect();
        // a packet or two at the very end may be missing in the log of the ends
        let both = seen.len().min(told.len());
        assert_eq!(seen[..both], told[..both], "{name} {direction:?}");
        assert!(seen.len() >= told.len() && seen.len() - told.len() <= 2, "{name} {direction:?}");
        assert!(both > 40, "{name} {direction:?}: {both} packets");
    }
    assert!(packets(log).all(|packet| packet["name"].is_string()), "{name}");
}

#[test]
fn encrypted_recordings_are_read_with_a_key_or_a_file_of_keys() {
    let folder = Folder::new("keys");
    let all: String = NAMES.iter().map(|name| format!("{}\n", key(name))).collect();
    let many = format!("{}{all}", "00112233445566778899aabbccddeeff\n");
    let many = folder.write("keys.log", many.as_bytes());
    for name in NAMES {
        let (file, own_key, own_file) = (recorded(name), key(name), keys_file(name));
        for options in [["--key", &own_key], ["--keylog", &own_file], ["--keylog", &many]] {
            let ended = read_well(&[&[&*file, "--json"], &options[..]].concat());
            are_true(name, &ended.json());
            assert!(ended.output.contains("encrypted from here, and read"), "{options:?}");
            let printed = [&ended.output, &ended.diagnostics];
            assert!(printed.iter().all(|text| !text.contains(&own_key)), "the key was printed");
        }
    }
}

#[test]
fn a_key_that_does_not_fit_is_told_and_the_rest_is_shown() {
    let file = recorded(NAMES[0]);
    let ended = read_well(&[&file, "--json", "--key", "000102030405060708090a0b0c0d0e0f"]);
    assert!(ended.output.contains("none of the keys fits"), "{}", ended.output);
    assert_eq!(packets(&ended.json()).count(), 4);
    let refused = read(&[&file, "--key", "12"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.diagnostics.contains("a key is 32 hex digits"), "{}", refused.diagnostics);
}

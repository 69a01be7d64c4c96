//! Encrypted recordings, with their keys.

use serde_json::Value;

use crate::files::{Folder, as_ours, as_pcap, read, read_well, recorded, records};
use crate::lossy::{beyond, data, file, kinds, places, shown_len, without};
use crate::support::program::packets;
use crate::support::random::Random;
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

/// A recording as tcpdump would have captured it.
fn captured(name: &str) -> Vec<u8> {
    let log = read_well(&[&recorded(name), "--json", "--keylog", &keys_file(name)]).json();
    as_pcap(&as_ours(name, "minecraft", &log))
}

/// Each of some segments is lost by itself: where encryption begins, in front of it, and behind it. What is encrypted is
/// decrypted again 16 bytes behind that, no packet is invented, and all bytes are shown.
#[test]
fn behind_a_lost_segment_an_encrypted_session_is_read_on() {
    let folder = Folder::new("encrypted-lost");
    for name in NAMES {
        let (keys, bytes) = (keys_file(name), captured(name));
        let records = records(&bytes);
        let places = places(&records);
        let there: usize = records.iter().map(|record| data(record).len()).sum();
        let whole_file = folder.write("whole.pcap", &bytes);
        for options in [&["--keylog", &*keys][..], &[]] {
            let read_it = |file: &str| read(&[&[file, "--json"], options].concat());
            let whole = kinds(&read_it(&whole_file));
            let first = places.iter().take(8);
            for gone in first.chain(places.iter().skip(8).step_by(9)) {
                let ended = read_it(&folder.write("torn.pcap", &without(&records, &[*gone])));
                let left = kinds(&ended);
                let what = format!("{name} without {gone}, {options:?}");
                assert_eq!(beyond(&left, &whole), [""; 0], "{what}");
                let missing = beyond(&whole, &left);
                assert!(missing.len() <= 6, "{what}: {missing:?}");
                let there = there - data(records[*gone]).len();
                assert_eq!(shown_len(&ended.json()), there as u64, "{what}");
            }
        }
    }
}

/// Several segments are lost, one of the login among them: what says so of compression and state is found out, and text
/// that is none tells that a packet was taken for another.
#[test]
fn behind_several_lost_segments_no_packet_is_taken_for_another() {
    let folder = Folder::new("encrypted-losses");
    let name = NAMES[1];
    let (keys, bytes) = (keys_file(name), captured(name));
    let records = records(&bytes);
    let places = places(&records);
    let whole_file = folder.write("whole.pcap", &bytes);
    let read_it = |file: &str| read(&[file, "--json", "--keylog", &keys]);
    let whole = kinds(&read_it(&whole_file));
    let mut random = Random::new(26);
    for round in 0..24 {
        let mut gone = vec![places[2 + round % 5]];
        gone.extend((0..3).map(|_| places[7 + random.below(40)]));
        let left = kinds(&read_it(&folder.write("torn.pcap", &without(&records, &gone))));
        assert_eq!(beyond(&left, &whole), [""; 0], "without {gone:?}");
    }
}

/// The packet that begins encryption is lost, and there is no key: ciphertext is not read as packets, and it is said what
/// it likely is.
#[test]
fn without_the_packet_that_begins_it_encryption_is_guessed() {
    let folder = Folder::new("encrypted-unseen");
    let name = NAMES[0];
    let log = read_well(&[&recorded(name), "--json", "--keylog", &keys_file(name)]).json();
    let bytes = as_pcap(&as_ours(name, "minecraft", &log));
    // The client's answer: its length, its id, and the length of the secret.
    let is_answer = |record: &&&[u8]| data(record).starts_with(&[0x85, 0x02, 0x01, 0x80, 0x01]);
    let records = records(&bytes);
    assert_eq!(records.iter().filter(is_answer).count(), 1);
    let left = records.iter().filter(|record| !is_answer(record)).copied();
    let file = folder.write("torn.pcap", &file(left));
    let wrong = ["--key", "000102030405060708090a0b0c0d0e0f"];
    for options in [&[][..], &wrong] {
        let ended = read(&[&[file.as_str(), "--json"], options].concat());
        assert_eq!(packets(&ended.json()).count(), 3, "{}", ended.output);
        for direction in ["serverbound", "clientbound"] {
            let told =
                format!("more {direction} bytes no frame was found: they are likely encrypted");
            assert!(ended.output.contains(&told), "{}", ended.output);
        }
    }
    let keys = keys_file(name);
    let ended = read(&[&file, "--json", "--keylog", &keys]);
    assert!(ended.output.contains("encrypted from here, and read"), "{}", ended.output);
    assert_eq!(packets(&ended.json()).count() + 1, packets(&log).count());
}

//! Files of tcpdump and Wireshark.

use std::collections::BTreeMap;

use midwire_capture::Timestamp;
use serde_json::Value;

use crate::files::{Folder, as_ours, as_pcap, payload, read, read_well, recorded, records};
use crate::support::program::{Ended, Program};

/// A recording as tcpdump would have written it.
fn pcap(name: &str) -> Vec<u8> {
    pcap_of(name, "minecraft")
}

fn pcap_of(name: &str, protocol: &str) -> Vec<u8> {
    let log = read_well(&[&recorded(name), "--protocol", protocol, "--json"]).json();
    as_pcap(&as_ours(name, protocol, &log))
}

/// What packets say, without what tells the sources apart.
fn packets(ended: &Ended) -> Vec<Value> {
    let mut packets: Vec<Value> =
        ended.json().into_iter().filter(|line| line["type"] == "packet").collect();
    for packet in &mut packets {
        packet.as_object_mut().unwrap().remove("time");
    }
    packets
}

#[test]
fn a_foreign_capture_gives_the_packets_that_the_stream_has() {
    let folder = Folder::new("foreign");
    for name in ["mc-1.8.8-offline", "mc-1.20.4-offline"] {
        let stream = packets(&read_well(&[&recorded(name), "--json"]));
        let bytes = pcap(name);
        let file = folder.write("tcpdump.pcap", &bytes);
        assert_eq!(packets(&read_well(&[&file, "--json"])), stream, "{name}");
        let input = Program::start_with_input(&["read", "-", "--json"], &bytes).wait();
        assert_eq!(packets(&input), stream, "{name}");
        assert!(packets(&read_well(&[&file, "--json", "--port", "1"])).is_empty());
    }
}

/// tcpdump was ended while a packet was on its way.
#[test]
fn what_there_is_of_the_last_frame_of_a_capture_is_shown() {
    let folder = Folder::new("within");
    let bytes = pcap("mc-1.20.4-offline");
    let records = records(&bytes);
    let last = records.iter().rposition(|record| payload(record).len() > 10).unwrap();
    let mut torn = bytes[..24].to_vec();
    records[..last].iter().for_each(|record| torn.extend_from_slice(record));
    let whole = records[last];
    let mut cut = whole[..whole.len() - 3].to_vec();
    let len = u32::try_from(cut.len() - 16).unwrap();
    cut[8..12].copy_from_slice(&len.to_le_bytes());
    cut[12..16].copy_from_slice(&len.to_le_bytes());
    cut[18..20].copy_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
    torn.extend_from_slice(&cut);
    let file = folder.write("torn.pcap", &torn);
    let log = read_well(&[&file, "--json"]).json();
    let told = log.iter().find(|line| line["type"] == "bytes");
    let shown = told.unwrap_or_else(|| panic!("{log:?}"))["bytes"].as_str().unwrap();
    let there: String = payload(&cut).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!shown.is_empty() && there.ends_with(shown), "{shown} of {there}");
    let is_told = |line: &Value| {
        line["message"].as_str().is_some_and(|text| text.contains("ended within a frame"))
    };
    assert!(log.iter().any(is_told));
}

/// The packets of each session, by when it began. Without a hint, what a stream begins with waits for more
/// of it, while others go on and get their numbers.
fn by_session(packets: Vec<Value>) -> Vec<Vec<Value>> {
    let mut sessions: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    for mut packet in packets {
        let session = packet.as_object_mut().unwrap().remove("session").unwrap();
        sessions.entry(session.as_u64().unwrap()).or_default().push(packet);
    }
    let mut sessions: Vec<Vec<Value>> = sessions.into_values().collect();
    sessions.sort_by_key(|packets| packets[0]["at"].to_string());
    sessions
}

/// What is missing of a handshake, others tell: acknowledgements, or the first bytes themselves.
#[test]
fn a_stream_without_its_handshake_is_read_from_its_start() {
    let folder = Folder::new("handshake");
    for (name, protocol) in [
        ("mc-1.20.4-offline", "minecraft"),
        ("mc-1.12.2-offline", "minecraft"),
        ("mc-pings", "minecraft"),
        ("terraria", "terraria"),
        ("vnc-auth", "rfb"),
    ] {
        let bytes = pcap_of(name, protocol);
        let whole = read_well(&[&folder.write("whole.pcap", &bytes), "--json"]);
        let whole = by_session(packets(&whole));
        assert!(whole.iter().flatten().count() > 20, "{name}");
        let records = records(&bytes);
        for gone in [&[0][..], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]] {
            let mut torn = bytes[..24].to_vec();
            let mut since_syn = usize::MAX;
            for record in &records {
                let is_syn = record[16 + 33] == 2;
                since_syn = if is_syn { 0 } else { since_syn.saturating_add(1) };
                if !gone.contains(&since_syn) {
                    torn.extend_from_slice(record);
                }
            }
            // A ping of an old client is the same in any place of a stream.
            if name == "mc-pings" && gone.starts_with(&[0, 1]) {
                continue;
            }
            let ended = read_well(&[&folder.write("torn.pcap", &torn), "--json"]);
            assert!(!ended.output.contains("in the middle"), "{name} without {gone:?}");
            let left = by_session(packets(&ended));
            let differs = left.iter().zip(&whole).position(|(a, b)| a != b);
            assert_eq!(differs, None, "{name} without {gone:?}");
            assert_eq!(left.len(), whole.len(), "{name} without {gone:?}");
        }
    }
}

/// The server of VNC speaks first, and on any port.
#[test]
fn a_session_of_vnc_is_found_in_somebodys_capture() {
    let folder = Folder::new("vnc");
    let stream = read_well(&[&recorded("vnc-auth"), "--protocol", "rfb", "--json"]);
    let file = folder.write("vnc.pcap", &pcap_of("vnc-auth", "rfb"));
    let found = read_well(&[&file, "--json"]);
    assert_eq!(packets(&found), packets(&stream));
    assert_eq!(found.json()[0]["protocol"], "rfb", "{}", found.json()[0]);
}

/// Segments out of order, or there twice, change nothing.
#[test]
fn reordered_and_repeated_segments_change_nothing() {
    let folder = Folder::new("reordered");
    let bytes = pcap("mc-1.20.4-offline");
    let whole = folder.write("whole.pcap", &bytes);
    let sorted = |file: &str| {
        let mut packets = packets(&read_well(&[file, "--json"]));
        for packet in &mut packets {
            // When a segment came late, its frames came late; and both directions are cut anew.
            for key in ["at", "n"] {
                packet.as_object_mut().unwrap().remove(key);
            }
        }
        let key = |packet: &Value| (packet["session"].as_u64(), packet["direction"].to_string());
        packets.sort_by_key(key);
        packets
    };
    let records = records(&bytes);
    let mut odd = bytes[..24].to_vec();
    let (handshakes, rest) = records.split_at(12);
    odd.extend(handshakes.concat());
    for pair in rest.chunks(2) {
        odd.extend(pair.iter().rev().copied().collect::<Vec<_>>().concat());
        odd.extend_from_slice(pair[0]);
    }
    let odd = folder.write("odd.pcap", &odd);
    assert_eq!(sorted(&odd), sorted(&whole));
}

/// A segment is gone: its gap is shown, and the frames behind it are found again.
#[test]
fn behind_a_gap_frames_are_found_again() {
    let folder = Folder::new("gap");
    let bytes = pcap("mc-1.21.4-offline");
    let records = records(&bytes);
    let whole = packets(&read_well(&[&folder.write("whole.pcap", &bytes), "--json"]));
    // A piece of a chunk in the middle of the file: in the middle of a frame of several segments.
    let large = records.iter().enumerate().filter(|(_, record)| payload(record).len() > 1_000);
    let gone = large.clone().map(|(index, _)| index).nth(large.count() / 2).unwrap();
    let mut torn = bytes[..24].to_vec();
    for (index, record) in records.iter().enumerate() {
        if index != gone {
            torn.extend_from_slice(record);
        }
    }
    let file = folder.write("torn.pcap", &torn);
    let ended = read(&[&file, "--json"]);
    let left = packets(&ended);
    let notice = ended.json().into_iter().find(|line| {
        line["message"].as_str().is_some_and(|text| text.contains("bytes are missing"))
    });
    let text = notice.expect("a notice of the gap")["message"].as_str().unwrap().to_owned();
    assert!(text.starts_with(&format!("{} clientbound", payload(records[gone]).len())), "{text}");
    assert!(left.len() + 3 > whole.len() && left.len() < whole.len(), "{}", left.len());
    // What was waited for comes late, but nothing is read wrongly.
    let odd = |packets: &[Value]| {
        let is_odd = |packet: &&Value| packet["name"].is_null() || !packet["error"].is_null();
        packets.iter().filter(is_odd).count()
    };
    assert_eq!(odd(&left), odd(&whole));
    assert!(ended.diagnostics.contains("bytes of streams are not in the capture"));
}

/// The capture was begun in the middle of a game.
#[test]
fn a_capture_that_begins_in_the_middle_is_read_and_says_what_it_assumes() {
    let folder = Folder::new("middle");
    for (name, more) in
        [("mc-1.21.4-offline", &["--protocol-version", "1.21.4"][..]), ("mc-1.20.4-offline", &[])]
    {
        let bytes = pcap(name);
        let records = records(&bytes);
        let half = &records[records.len() / 2..];
        let torn = [&bytes[..24], &half.concat()].concat();
        let file = folder.write("middle.pcap", &torn);
        let ended = read(&[&[file.as_str(), "--json"], more].concat());
        let left = packets(&ended);
        let malformed = left.iter().filter(|packet| !packet["error"].is_null()).count();
        let unknown = left.iter().filter(|packet| packet["name"].is_null()).count();
        assert!(left.len() > 60, "{name}: {} packets\n{}", left.len(), ended.diagnostics);
        assert!(malformed + unknown < 5, "{name}: {malformed} malformed, {unknown} unknown");
        assert!(ended.output.contains("begins in the middle of the session"), "{name}");
    }
}

#[test]
fn a_stream_of_something_else_is_passed_over_and_told() {
    let folder = Folder::new("else");
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../capture/tests/data");
    for file in std::fs::read_dir(data).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "pcap") {
            continue;
        }
        let file = path.to_str().unwrap();
        // Two ways to say what is in these files: nothing that is known, and bytes.
        let raw = read_well(&[file, "--protocol", "raw", "--port", "25565", "--json"]).json();
        let closed = raw.iter().find(|line| line["event"] == "closed").expect("a whole stream");
        assert_eq!(closed["serverbound"]["bytes"], 107, "{file}");
        assert_eq!(closed["clientbound"]["bytes"], 1_201, "{file}");
    }
    let mut other = crate::files::Pcap::new();
    for record in records(&pcap("mc-1.8.8-offline")) {
        let mut bytes = record[16..].to_vec();
        for port in [20, 22] {
            if bytes[port..port + 2] == 25_565_u16.to_be_bytes() {
                bytes[port..port + 2].copy_from_slice(&443_u16.to_be_bytes());
            }
        }
        if bytes.len() > 40 {
            bytes[40] = 0x16;
        }
        other.record(Timestamp(1), &bytes);
    }
    let file = folder.write("other.pcap", &other.0);
    let ended = read_well(&[&file]);
    assert_eq!(ended.output, "");
    assert!(ended.diagnostics.contains("no known protocol"), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("443"), "{}", ended.diagnostics);
}

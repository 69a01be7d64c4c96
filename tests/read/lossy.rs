//! Captures of tcpdump that lack segments: what is there is shown, as packets where that is sure, and no packet
//! is shown that was never sent.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::files::{Folder, as_ours, as_pcap, payload, read, read_well, recorded, records};
use crate::support::program::Ended;
use crate::support::random::Random;

/// A recording as tcpdump writes it.
pub(crate) fn pcap(name: &str, protocol: &str) -> Vec<u8> {
    let log = read_well(&[&recorded(name), "--protocol", protocol, "--json"]).json();
    as_pcap(&as_ours(name, protocol, &log))
}

/// A file with these records.
pub(crate) fn file<'a>(records: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut file = crate::files::Pcap::new().0;
    records.into_iter().for_each(|record| file.extend_from_slice(record));
    file
}

/// The same records between ports that say nothing: the lower one is the client's.
fn on_other_ports(records: &[&[u8]]) -> Vec<Vec<u8>> {
    let moved = |record: &&[u8]| {
        let mut record = record.to_vec();
        for at in [16 + 20, 16 + 22] {
            let port = u16::from_be_bytes([record[at], record[at + 1]]);
            let port = if port == 25_565 { 60_563 } else { 40_000 + port };
            record[at..at + 2].copy_from_slice(&port.to_be_bytes());
        }
        record
    };
    records.iter().map(moved).collect()
}

/// What a record has of its stream: behind IPv4 and TCP with whatever options.
pub(crate) fn data(record: &[u8]) -> &[u8] {
    &record[16 + 20 + usize::from(record[16 + 32] >> 4) * 4..]
}

/// Which records have a payload.
pub(crate) fn places(records: &[&[u8]]) -> Vec<usize> {
    (0..records.len()).filter(|place| !data(records[*place]).is_empty()).collect()
}

/// A capture without some of its records.
pub(crate) fn without(records: &[&[u8]], gone: &[usize]) -> Vec<u8> {
    let left = records.iter().enumerate().filter(|(place, _)| !gone.contains(place));
    file(left.map(|(_, record)| *record))
}

fn is_syn(record: &[u8]) -> bool {
    record[16 + 33] & 2 != 0
}

/// How often there is each packet, whatever its session and time.
pub(crate) fn kinds(ended: &Ended) -> BTreeMap<String, usize> {
    let mut packets = BTreeMap::new();
    for mut line in ended.json().into_iter().filter(|line| line["type"] == "packet") {
        let fields = line.as_object_mut().unwrap();
        ["n", "at", "time", "session"].iter().for_each(|key| drop(fields.remove(*key)));
        *packets.entry(line.to_string()).or_default() += 1;
    }
    packets
}

/// What one has that the other has not.
pub(crate) fn beyond(
    one: &BTreeMap<String, usize>,
    other: &BTreeMap<String, usize>,
) -> Vec<String> {
    let more = one.iter().filter(|(packet, count)| other.get(*packet).unwrap_or(&0) < *count);
    more.map(|(packet, _)| packet.clone()).collect()
}

/// Bytes of packets, and bytes that are shown as such.
pub(crate) fn shown_len(log: &[Value]) -> u64 {
    let len = |line: &Value| match line["type"].as_str() {
        Some("packet") => line["wire_length"].as_u64().unwrap(),
        Some("bytes") => line["length"].as_u64().unwrap(),
        _ => 0,
    };
    log.iter().map(len).sum()
}

/// Which end is the server's, what is said tells.
#[test]
fn who_serves_on_an_unusual_port_is_known_without_a_handshake() {
    let folder = Folder::new("unusual");
    for (name, protocol) in
        [("vnc-auth", "rfb"), ("mc-1.20.4-offline", "minecraft"), ("terraria", "terraria")]
    {
        let bytes = pcap(name, protocol);
        let whole = kinds(&read_well(&[&folder.write("whole.pcap", &bytes), "--json"]));
        let moved = on_other_ports(&records(&bytes));
        let left = moved.iter().map(Vec::as_slice).filter(|record| !is_syn(record));
        let ended = read_well(&[&folder.write("moved.pcap", &file(left)), "--json"]);
        assert_eq!(kinds(&ended), whole, "{name}");
        let servers: Vec<_> =
            ended.json().iter().filter_map(|l| l["server"].as_str().map(str::to_owned)).collect();
        assert!(servers.iter().all(|server| server.ends_with(":60563")), "{name}: {servers:?}");
    }
}

/// A session of Minecraft whose middle was captured, on a port that says nothing.
#[test]
fn who_serves_is_known_in_the_middle_of_a_session() {
    let folder = Folder::new("unusual-middle");
    let bytes = pcap("mc-1.20.4-offline", "minecraft");
    let whole = kinds(&read_well(&[&folder.write("whole.pcap", &bytes), "--json"]));
    let moved = on_other_ports(&records(&bytes));
    let half = moved[moved.len() / 2..].iter().map(Vec::as_slice);
    let file = folder.write("half.pcap", &file(half));
    let ended = read_well(&[&file, "--json", "--protocol-version", "1.20.4"]);
    let left = kinds(&ended);
    assert!(left.values().sum::<usize>() > 60, "{}", ended.output);
    assert_eq!(beyond(&left, &whole), [""; 0]);
}

/// Each of some segments is lost by itself. What is read without it is what is read with it, and all bytes
/// that are there are shown.
#[test]
fn a_lost_segment_invents_no_packets_and_hides_no_bytes() {
    let folder = Folder::new("lost");
    for (name, protocol, step, missing_max) in [
        ("vnc-auth", "rfb", 5, usize::MAX),
        ("mc-1.20.4-offline", "minecraft", 9, 12),
        ("mc-1.12.2-terrain", "minecraft", 7, 12),
        ("terraria", "terraria", 60, usize::MAX),
    ] {
        let bytes = pcap(name, protocol);
        let records = records(&bytes);
        let whole = kinds(&read_well(&[&folder.write("whole.pcap", &bytes), "--json"]));
        let all: usize = records.iter().map(|record| data(record).len()).sum();
        let mut places = places(&records);
        // Which version it has nothing else says.
        let says_version =
            |place: &usize| data(records[*place]).windows(8).any(|part| part == b"Terraria");
        places.retain(|place| !says_version(place));
        for gone in places.into_iter().step_by(step) {
            let file = folder.write("torn.pcap", &without(&records, &[gone]));
            let ended = read(&[&file, "--json", "--protocol", protocol, "--port", "25565"]);
            let left = kinds(&ended);
            assert_eq!(beyond(&left, &whole), [""; 0], "{name} without record {gone}");
            let missing = beyond(&whole, &left);
            assert!(missing.len() <= missing_max, "{name} without {gone}: {missing:?}");
            let there = (all - data(records[gone]).len()) as u64;
            assert_eq!(shown_len(&ended.json()), there, "{name} without record {gone}");
        }
    }
}

/// Where compression and states begin, a frame may be read in several ways.
#[test]
fn the_start_of_a_session_invents_no_packets_whatever_of_it_is_lost() {
    let folder = Folder::new("starts");
    for name in ["mc-1.20.4-offline", "mc-1.21.4-offline"] {
        let bytes = pcap(name, "minecraft");
        let records = records(&bytes);
        let whole = kinds(&read_well(&[&folder.write("whole.pcap", &bytes), "--json"]));
        let first: Vec<usize> = places(&records).into_iter().take(12).collect();
        for gone in first.iter().map(|one| vec![*one]).chain([first[2..5].to_vec()]) {
            let file = folder.write("torn.pcap", &without(&records, &gone));
            let args = [&file, "--json", "--protocol", "minecraft", "--port", "25565"];
            assert_eq!(beyond(&kinds(&read(&args)), &whole), [""; 0], "{name} without {gone:?}");
        }
    }
}

/// Segments of both directions, and the handshake's, in another order than they were sent.
#[test]
fn a_capture_in_another_order_is_read_as_it_was_said() {
    let folder = Folder::new("order");
    let mut random = Random::new(3);
    for (name, protocol) in [
        ("vnc-auth", "rfb"),
        ("mc-1.21.4-offline", "minecraft"),
        ("mc-1.8.8-offline", "minecraft"),
        ("terraria", "terraria"),
    ] {
        let bytes = pcap(name, protocol);
        let records = records(&bytes);
        let shown = |file: &[u8]| {
            let file = folder.write("order.pcap", file);
            read_well(&[&file, "--json", "--protocol", protocol, "--port", "25565"])
        };
        let whole = shown(&bytes);
        for reach in [4, 12] {
            let mut places: Vec<usize> = (0..records.len()).collect();
            places.sort_by_cached_key(|place| place + random.below(reach));
            let moved = shown(&file(places.into_iter().map(|place| records[place])));
            assert_eq!(kinds(&moved), kinds(&whole), "{name}, {reach}");
            assert_eq!(shown_len(&moved.json()), shown_len(&whole.json()), "{name}, {reach}");
        }
    }
}

/// What the client said first is lost: its version is found, and where it was.
#[test]
fn a_session_whose_first_packets_are_lost_is_read() {
    let folder = Folder::new("first");
    for name in ["mc-1.8.8-offline", "mc-1.12.2-terrain", "mc-1.20.4-offline", "mc-1.21.4-offline"]
    {
        let bytes = pcap(name, "minecraft");
        let records = records(&bytes);
        let whole = kinds(&read_well(&[&folder.write("whole.pcap", &bytes), "--json"]));
        let is_first =
            |record: &&&[u8]| payload(record).windows(9).any(|part| part == b"127.0.0.1");
        let gone = records.iter().filter(is_first).count();
        let left = records.iter().filter(|record| !is_first(record)).copied();
        let ended = read(&[&folder.write("torn.pcap", &file(left)), "--json"]);
        let left = kinds(&ended);
        assert_eq!(beyond(&left, &whole), [""; 0], "{name}");
        let count = |packets: &BTreeMap<String, usize>| packets.values().sum::<usize>();
        assert!(count(&left) + gone + 2 >= count(&whole), "{name}: {:?}", beyond(&whole, &left));
        assert!(ended.output.contains("at the session's start"), "{name}");
    }
}

/// A password's packet is cut by a gap: there is a place and a length, and not the password.
#[test]
fn the_start_of_a_frame_in_front_of_a_gap_is_shown_without_its_secrets() {
    let folder = Folder::new("cut-secret");
    let bytes = pcap("terraria", "terraria");
    let records = records(&bytes);
    // SendPassword: its length, its id, and text behind a length.
    let is_password = |record: &&[u8]| matches!(payload(record), [_, 0, 38, len, ..] if *len > 3);
    let place = records.iter().position(is_password).unwrap();
    let whole = records[place];
    let text = &payload(whole)[4..4 + usize::from(payload(whole)[3])];
    let lost = payload(whole).len() - 4 - text.len() + 2;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut cut = whole[..whole.len() - lost].to_vec();
    let len = u32::try_from(cut.len() - 16).unwrap();
    cut[8..12].copy_from_slice(&len.to_le_bytes());
    cut[12..16].copy_from_slice(&len.to_le_bytes());
    cut[18..20].copy_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
    let left = records.iter().enumerate();
    let left = left.map(|(at, record)| if at == place { &cut[..] } else { record });
    let file = folder.write("cut.pcap", &file(left));
    for more in [&["--json"][..], &["-x"], &["-V"], &[]] {
        let ended = read(&[&[file.as_str()][..], more].concat());
        for start in 0..text.len() - 5 {
            assert!(!ended.output.contains(&hex(&text[start..start + 5])), "{}", ended.output);
        }
    }
    let log = read(&[&file, "--json"]).json();
    let is_cut =
        |line: &&Value| line["type"] == "bytes" && line["length"] == payload(&cut).len() as u64;
    let shown = log.iter().find(is_cut).expect("the start of the frame");
    assert!(shown["bytes"].as_str().unwrap().ends_with("**"), "{shown}");
    let told = format!("{lost} serverbound bytes are missing");
    let is_told =
        |line: &Value| line["message"].as_str().is_some_and(|text| text.starts_with(&told));
    assert!(log.iter().any(is_told), "{log:?}");
}

/// Pixels are no packets of Minecraft: each byte of them would be a line.
#[test]
fn what_cannot_be_read_in_the_wanted_protocol_stays_short() {
    let folder = Folder::new("nonsense");
    let bytes = pcap("vnc-auth", "rfb");
    let file = folder.write("vnc.pcap", &bytes);
    for more in [&["--port", "25565"][..], &[]] {
        let ended = read(&[&[file.as_str(), "--json", "--protocol", "minecraft"], more].concat());
        let most = 6 * bytes.len();
        assert!(ended.output.len() < most, "{} of {} bytes", ended.output.len(), bytes.len());
    }
}

/// Without frames and without the start nothing says where a packet begins: not even where the protocol is
/// named packets are made up, and what may be a secret is not shown.
#[test]
fn the_middle_of_a_protocol_without_frames_is_bytes() {
    let folder = Folder::new("frameless-middle");
    let bytes = pcap("vnc-auth", "rfb");
    let records = records(&bytes);
    let is_left = |record: &&&[u8]| !is_syn(record) && !data(record).starts_with(b"RFB ");
    let left: Vec<&[u8]> = records.iter().filter(is_left).copied().collect();
    let len: usize = left.iter().map(|record| data(record).len()).sum();
    let file = folder.write("middle.pcap", &file(left));
    let ended = read(&[&file, "--json", "--protocol", "rfb", "--port", "25565"]);
    let log = ended.json();
    assert_eq!(kinds(&ended), BTreeMap::new());
    assert_eq!(shown_len(&log), len as u64);
    assert!(ended.output.contains("in the middle of the session"), "{}", ended.output);
    let shown = log.iter().filter_map(|line| line["bytes"].as_str());
    assert!(shown.clone().all(|bytes| bytes.trim_matches('*').is_empty()), "{}", ended.output);
    assert!(shown.count() > 10);
}

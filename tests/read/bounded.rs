//! Captures in which more waits than is kept: it is given up, told and shown, and memory does not grow with it.

use std::collections::BTreeMap;

use midwire_capture::{Ends, Frame, Opening, Writer};
use midwire_codec::Direction::{self, Clientbound, Serverbound};
use serde_json::Value;

use crate::files::{Folder, as_pcap, at, read_well, records};
use crate::support::random::Random;

/// What a client of Minecraft 1.21.4 says first: it wants to log in.
const HANDSHAKE: &[u8] = b"\x10\x00\x81\x06\x09127.0.0.1\x63\xdd\x02";

/// Streams of Minecraft between clients and a server, as tcpdump writes them: in this order these bytes are sent.
fn streams(count: u64, sent: &[(u64, Direction, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), "a test");
    let mut numbers = BTreeMap::new();
    let mut millis = 0.0;
    let ends = |session: u64| {
        let [high, low] = (session as u16).to_be_bytes();
        let client = ([10, 0, high, low], 40_000).into();
        Ends { client, server: ([127, 0, 0, 1], 25_565).into() }
    };
    for session in 1..=count {
        let client = ends(session);
        let opening = Opening { session, at: at(0.0), client, server: None, facts: &[] };
        writer.session_opened(&opening).unwrap();
    }
    let begun = (1..=count).map(|session| (session, Serverbound, HANDSHAKE));
    for (session, direction, bytes) in begun.chain(sent.iter().copied()) {
        millis += 0.01;
        let number = numbers.entry(session).or_insert(0);
        *number += 1;
        writer.frame(&Frame::passed(session, *number, direction, at(millis), bytes)).unwrap();
    }
    as_pcap(&writer.into_inner().unwrap())
}

/// A file without the first record of each stream in which this is said.
fn without(file: &[u8], lost: &[u8]) -> Vec<u8> {
    let mut left = file[..24].to_vec();
    records(file).into_iter().filter(|record| !record.ends_with(lost)).for_each(|record| {
        left.extend_from_slice(record);
    });
    left
}

/// Bytes of packets, and bytes that are shown as such, by session and direction; no byte twice, none left out.
fn shown(log: &[Value]) -> BTreeMap<(u64, String), u64> {
    let mut shown = BTreeMap::new();
    for line in log {
        let len = match line["type"].as_str() {
            Some("packet") => line["wire_length"].as_u64().unwrap(),
            Some("bytes") => line["length"].as_u64().unwrap(),
            _ => continue,
        };
        let session = line["session"].as_u64().unwrap();
        let direction = line["direction"].as_str().unwrap().to_owned();
        *shown.entry((session, direction)).or_default() += len;
    }
    shown
}

fn notices<'a>(log: &'a [Value], part: &str) -> Vec<&'a str> {
    let texts = log.iter().filter_map(|line| line["message"].as_str());
    texts.filter(|text| text.contains(part)).collect()
}

/// The most memory that reading a capture takes, in bytes: while its end has not come.
#[cfg(target_os = "linux")]
fn most_memory(capture: &[u8], arguments: &[&str]) -> u64 {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    let mut child = Command::new(crate::support::program::binary())
        .args(["read", "-"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(capture).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().split(' ').next().unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn frames_without_an_end_in_many_sessions_are_shown_as_bytes() {
    let folder = Folder::new("unfinished");
    // A frame of 2 MiB, of which there are 600,000 bytes.
    let start = [&[0xff, 0xff, 0x7f, 0x7e][..], &[7; 49_996]].concat();
    let more = vec![7; 50_000];
    let parts = |part: &'static str| (1..=40_u64).map(move |session| (session, part));
    let bytes = |part| if part == "start" { &start[..] } else { &more[..] };
    let order = parts("start").chain((1..12).flat_map(|_| parts("more")));
    let sent: Vec<_> = order.map(|(session, part)| (session, Clientbound, bytes(part))).collect();
    let file = folder.write("unfinished.pcap", &streams(40, &sent));
    let ended = read_well(&[&file, "--json"]);
    let log = ended.json();
    for session in 1..=40 {
        let shown = shown(&log);
        assert_eq!(shown[&(session, "clientbound".to_owned())], 600_000, "session {session}");
    }
    let told = notices(&log, "clientbound bytes of a frame that is not whole are shown as bytes");
    assert!(told.len() > 10 && told.len() <= 40, "{told:?}");
    assert_eq!(read_well(&[&file, "--json"]).output, ended.output, "the same each time");
}

#[test]
fn a_session_goes_on_behind_a_frame_that_was_given_up() {
    let folder = Folder::new("goes-on");
    let start = [&[0xff, 0xff, 0x7f, 0x7e][..], &[7; 49_996]].concat();
    let more = vec![7; 50_000];
    let mut sent: Vec<(u64, Direction, &[u8])> = Vec::new();
    sent.extend((1..=20).map(|session| (session, Clientbound, &start[..])));
    for _ in 1..12 {
        sent.extend((1..=20).map(|session| (session, Clientbound, &more[..])));
    }
    // Its rest, and then login's packet 1 in a frame: it asks for encryption; packet 2 of the client answers.
    let rest = vec![7; 2_097_151 + 3 - 600_000];
    rest.chunks(60_000).for_each(|part| sent.push((1, Clientbound, part)));
    let kick = b"\x05\x00\x03\"a\"";
    sent.push((1, Clientbound, kick));
    let file = folder.write("goes-on.pcap", &streams(20, &sent));
    let log = read_well(&[&file, "--json"]).json();
    assert_eq!(
        shown(&log)[&(1, "clientbound".to_owned())],
        (2_097_151 + 3 + kick.len()) as u64,
        "all bytes are shown"
    );
    let is_kick = |line: &&Value| line["session"] == 1 && line["name"] == "disconnect";
    assert!(log.iter().any(|line| is_kick(&line)), "{:?}", notices(&log, ""));
}

#[test]
fn bytes_behind_gaps_in_many_sessions_are_shown() {
    let folder = Folder::new("searched");
    let lost = b"it is lost";
    // No length of a frame is 0.
    let zeros = vec![0; 48_000];
    let count = 400;
    let mut sent: Vec<(u64, Direction, &[u8])> = Vec::new();
    sent.extend((1..=count).map(|session| (session, Clientbound, &lost[..])));
    sent.extend((1..=count).map(|session| (session, Clientbound, &zeros[..])));
    let file = without(&streams(count, &sent), lost);
    let file = folder.write("searched.pcap", &file);
    let log = read_well(&[&file, "--json"]).json();
    for session in 1..=count {
        let shown = shown(&log);
        assert_eq!(shown[&(session, "clientbound".to_owned())], 48_000, "session {session}");
    }
    let told = notices(&log, "clientbound bytes in which a frame was searched are shown as bytes");
    assert!(told.len() > 10, "{told:?}");
}

/// An encrypted session is searched for a while, not for minutes.
#[test]
fn where_no_frame_is_found_in_long_none_is_searched_any_more() {
    let folder = Folder::new("encrypted");
    let mut random = Random::new(23);
    let lost = b"it is lost";
    let part =
        |random: &mut Random| -> Vec<u8> { (0..50_000).map(|_| random.below(256) as u8).collect() };
    let parts: Vec<Vec<u8>> = (0..120).map(|_| part(&mut random)).collect();
    let mut sent: Vec<(u64, Direction, &[u8])> = vec![(1, Clientbound, lost)];
    sent.extend(parts.iter().map(|part| (1, Clientbound, &part[..])));
    let file = folder.write("encrypted.pcap", &without(&streams(1, &sent), lost));
    let log = read_well(&[&file, "--json"]).json();
    let told = notices(&log, "no frame was found: what follows is shown as bytes");
    assert_eq!(told.len(), 1, "{:?}", notices(&log, ""));
    assert_eq!(shown(&log)[&(1, "clientbound".to_owned())], 6_000_000);
}

/// Bytes that are no packets may look like packets with any ids.
#[test]
fn ids_that_nobody_knows_are_not_all_told_apart() {
    let folder = Folder::new("kinds");
    let frames: Vec<u8> = (0..5_000_u32)
        .flat_map(|n| [4, 0x80 | (n & 0x7f) as u8, 0x80 | (n >> 7) as u8, 1, 7])
        .collect();
    let sent: Vec<_> = frames.chunks(50_000).map(|part| (1, Clientbound, part)).collect();
    let file = folder.write("kinds.pcap", &streams(1, &sent));
    let log = read_well(&[&file, "--stats", "--json"]).json();
    let kinds = log.iter().filter(|line| line["type"] == "count");
    assert!(kinds.clone().count() < 1_100, "{} kinds", kinds.clone().count());
    let others = kinds.filter(|line| line["others"] == true).collect::<Vec<_>>();
    assert!(matches!(&others[..], [one] if one["packets"].as_u64() > Some(3_000)), "{others:?}");
    let total = log.iter().find(|line| line["type"] == "total").unwrap();
    assert_eq!(total["packets"], 5_001);
    assert!(read_well(&[&file, "--stats"]).output.contains("? others"));
}

/// Headers alone, as `tcpdump -s 54` writes them, are no more than gaps.
#[test]
fn a_capture_without_payloads_is_one_gap() {
    let folder = Folder::new("headers");
    let part = [7; 1_000];
    let sent: Vec<_> = (0..200).map(|_| (1, Clientbound, &part[..])).collect();
    let whole = streams(1, &sent);
    let mut file = whole[..24].to_vec();
    for record in records(&whole) {
        let (header, bytes) = record.split_at(16);
        let kept = bytes.len().min(40);
        file.extend_from_slice(&header[..8]);
        file.extend_from_slice(&(kept as u32).to_le_bytes());
        file.extend_from_slice(&header[12..]);
        file.extend_from_slice(&bytes[..kept]);
    }
    let file = folder.write("headers.pcap", &file);
    let log = read_well(&[&file, "--json", "--port", "25565"]).json();
    let told = notices(&log, "200000 clientbound bytes are missing at offset 0");
    assert_eq!(told.len(), 1, "{log:?}");
}

/// Of the program as tests run it, which is larger than the one that people run.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_what_waits() {
    const MEMORY_MAX: u64 = 80 << 20;
    let start = [&[0xff, 0xff, 0x7f, 0x7e][..], &[7; 49_996]].concat();
    let more = vec![7; 50_000];
    let mut unfinished: Vec<(u64, Direction, &[u8])> = Vec::new();
    unfinished.extend((1..=200).map(|session| (session, Clientbound, &start[..])));
    for _ in 1..12 {
        unfinished.extend((1..=200).map(|session| (session, Clientbound, &more[..])));
    }
    let unfinished = streams(200, &unfinished);
    let memory = most_memory(&unfinished, &["--stats"]);
    assert!(memory < MEMORY_MAX, "{} MiB for frames without an end", memory >> 20);
    let open = streams(12_000, &[]);
    let memory = most_memory(&open, &["--stats"]);
    assert!(memory < MEMORY_MAX, "{} MiB for open connections", memory >> 20);
}

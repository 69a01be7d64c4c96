//! Recorded sessions through the program: every byte arrives as it was sent, and the JSON log says
//! of each packet what the recorded end points said of it.
//!
//! Only Unix has a ctrl-c that one program can send to another.
#![cfg(unix)]

mod support;

use std::collections::HashMap;

use serde_json::Value;

use support::recording::{self, Direction, Line};
use support::replay::{Cut, Framing, Replayed, replay};
use support::truth::{self, Packet, Packets};

const CUTS: [Cut; 4] = [Cut::AsRecorded, Cut::Random(1), Cut::Random(2), Cut::Random(3)];
const CUTS_OF_SMALL: [Cut; 4] = [Cut::AsRecorded, Cut::Random(1), Cut::Random(2), Cut::EveryByte];

#[test]
fn minecraft_1_8_8_passes_and_is_named() {
    minecraft("mc-1.8.8-offline", &CUTS_OF_SMALL);
}

#[test]
fn minecraft_1_12_2_passes_and_is_named() {
    minecraft("mc-1.12.2-offline", &CUTS_OF_SMALL);
}

#[test]
fn minecraft_1_12_2_terrain_passes_and_is_named() {
    minecraft("mc-1.12.2-terrain", &CUTS_OF_SMALL);
}

#[test]
fn minecraft_1_16_5_passes_and_is_named() {
    minecraft("mc-1.16.5-offline", &CUTS);
}

#[test]
fn minecraft_1_18_2_terrain_passes_and_is_named() {
    minecraft("mc-1.18.2-terrain", &CUTS);
}

#[test]
fn minecraft_1_20_4_passes_and_is_named() {
    minecraft("mc-1.20.4-offline", &CUTS);
}

#[test]
fn minecraft_1_21_4_passes_and_is_named() {
    minecraft("mc-1.21.4-offline", &CUTS);
}

#[test]
fn minecraft_1_21_11_passes_and_is_named() {
    minecraft("mc-1.21.11-offline", &CUTS_OF_SMALL);
}

#[test]
fn minecraft_26_1_passes_and_is_named() {
    minecraft("mc-26.1-offline", &CUTS_OF_SMALL);
}

#[test]
fn encrypted_minecraft_1_12_2_passes_and_is_named_until_encryption() {
    encrypted_minecraft("mc-1.12.2-encrypted");
}

#[test]
fn encrypted_minecraft_1_20_4_passes_and_is_named_until_encryption() {
    encrypted_minecraft("mc-1.20.4-encrypted");
}

/// Modern pings in one segment, in two, in one a byte; the three legacy forms, which are not logged
/// as packets.
#[test]
fn server_list_pings_of_every_age_pass_and_are_named() {
    let lines = recording::read("mc-pings");
    let packets = pings(&lines);
    assert_eq!(packets.values().map(Vec::len).sum::<usize>(), 69 * 3 + 68 * 2);
    for cut in CUTS {
        let replayed = replay("minecraft", &lines, Framing::Minecraft, cut);
        compare(&replayed, &packets, 0);
        assert_every_frame_is_logged(&replayed);
    }
}

/// Two client programs, one of them of protocol 156, which no definition covers, and frames that
/// are too short, too long and no frames at all.
#[test]
fn terraria_passes_and_is_named() {
    let lines = recording::read("terraria");
    let mut packets = truth::terraria("terraria");
    let of_protocol_156 = 2;
    packets.retain(|&(connection, _), _| connection != of_protocol_156);
    for cut in CUTS {
        let mut replayed = replay("terraria", &lines, Framing::Terraria, cut);
        replayed.framed.retain(|&(connection, _), _| connection != of_protocol_156);
        compare(&replayed, &packets, 0);
        assert_every_frame_is_logged(&replayed);
    }
}

#[test]
fn amp_passes_as_raw_bytes() {
    raw("amp");
}

/// A part of a box is sent on as it comes; only what follows a switch of protocols is no box.
#[test]
fn amp_passes_and_is_cut_into_boxes() {
    let lines = recording::read("amp");
    let mut expected: HashMap<(u64, String), Vec<u64>> = HashMap::new();
    let mut streams: HashMap<(u64, String), Vec<u8>> = HashMap::new();
    let mut numbers: HashMap<usize, u64> = HashMap::new();
    for line in &lines {
        match &line.event {
            recording::Event::Open => {
                let next = numbers.len() as u64 + 1;
                numbers.insert(line.connection, next);
            }
            recording::Event::Data(direction, bytes) => {
                let key = (numbers[&line.connection], direction.name().to_owned());
                streams.entry(key).or_default().extend_from_slice(bytes);
            }
            recording::Event::Finish(_) | recording::Event::Close => {}
        }
    }
    let mut behind_a_switch = 0;
    for (key, bytes) in &streams {
        let boxes = boxes(bytes);
        behind_a_switch += bytes.len() as u64 - boxes.iter().sum::<u64>();
        if !boxes.is_empty() {
            expected.insert(key.clone(), boxes);
        }
    }
    assert_eq!(behind_a_switch, 80);
    for cut in CUTS_OF_SMALL {
        let replayed = replay("amp", &lines, Framing::Raw, cut);
        let mut seen: HashMap<(u64, String), Vec<u64>> = HashMap::new();
        for line in replayed.log.iter().filter(|line| line["type"] == "packet") {
            assert_eq!((&line["name"], &line["error"]), (&Value::from("box"), &Value::Null));
            let key =
                (line["session"].as_u64().unwrap(), line["direction"].as_str().unwrap().into());
            seen.entry(key).or_default().push(line["wire_length"].as_u64().unwrap());
        }
        assert_eq!(seen, expected, "{cut:?}");
        let told = replayed.log.iter().filter(|line| line["type"] == "notice");
        assert_eq!(told.count(), 2, "one each way, {cut:?}");
    }
}

/// The sizes of the boxes at the start of some AMP, read by hand.
fn boxes(bytes: &[u8]) -> Vec<u64> {
    let length =
        |at: usize| Some(usize::from(*bytes.get(at)?) << 8 | usize::from(*bytes.get(at + 1)?));
    let (mut at, mut start, mut sizes) = (0, 0, Vec::new());
    while let Some(key) = length(at).filter(|key| *key < 256) {
        at += 2 + key;
        if key > 0 {
            let Some(value) = length(at) else { break };
            at += 2 + value;
        } else {
            sizes.push((at - start) as u64);
            start = at;
        }
    }
    sizes
}

#[test]
fn vnc_passes_as_raw_bytes() {
    raw("vnc-auth");
}

fn minecraft(name: &str, cuts: &[Cut]) {
    let lines = recording::read(name);
    let packets = truth::minecraft(name);
    for &cut in cuts {
        let replayed = replay("minecraft", &lines, Framing::Minecraft, cut);
        // A packet or two that were sent as the peer went away are not in its log.
        compare(&replayed, &packets, 2);
        assert_every_frame_is_logged(&replayed);
    }
}

fn encrypted_minecraft(name: &str) {
    let lines = recording::read(name);
    let mut packets = truth::minecraft(name);
    for packets in packets.values_mut() {
        let request_or_response =
            packets.iter().position(|packet| packet.name.as_deref() == Some("encryption_begin"));
        packets.truncate(request_or_response.expect("an encrypted session") + 1);
    }
    for cut in CUTS_OF_SMALL {
        let replayed = replay("minecraft", &lines, Framing::EncryptedMinecraft, cut);
        compare(&replayed, &packets, 0);
        let said = replayed.log.iter().any(|line| {
            line["type"] == "notice"
                && line["message"].as_str().is_some_and(|text| text.contains("encrypted"))
        });
        assert!(said, "no notice says that the session is encrypted");
    }
}

fn raw(name: &str) {
    let lines = recording::read(name);
    for cut in CUTS {
        let replayed = replay("raw", &lines, Framing::Raw, cut);
        assert!(!replayed.log.iter().any(|line| line["type"] == "packet"));
    }
}

/// Compares the log's packets with what the end points said. The log may have `more` packets at the
/// end of each direction.
fn compare(replayed: &Replayed, truth: &Packets, more: usize) {
    let logged = logged_packets(&replayed.log);
    for (key @ (connection, direction), packets) in truth {
        let what = format!("connection {connection}, {}", direction.name());
        let logged = logged.get(key).map_or(&[][..], Vec::as_slice);
        for (place, (packet, line)) in packets.iter().zip(logged).enumerate() {
            if let Err(reason) = compare_packet(packet, line) {
                panic!("{what}, packet {place}: {reason}\n  truth {packet:?}\n  log   {line}");
            }
        }
        let (found, wanted) = (logged.len(), packets.len());
        assert!(
            (wanted..=wanted + more).contains(&found),
            "{what}: {found} packets in the log, {wanted} in the truth"
        );
    }
}

/// Terraria's packets have no official names: what the recorded server calls two of them, and what the
/// definition does.
const NAMED_OTHERWISE: [(&str, &str); 2] =
    [("StatusText", "StatusTextSize"), ("PlayerLife", "PlayerLifeMana")];

fn compare_packet(packet: &Packet, line: &Value) -> Result<(), &'static str> {
    let state = packet.state.as_deref();
    if state.is_some() && line["state"].as_str() != state {
        return Err("another state");
    }
    if line["id"].as_i64() != Some(packet.id) {
        return Err("another id");
    }
    if line["length"].as_u64() != Some(packet.len) {
        return Err("another length");
    }
    let name = line["name"].as_str();
    // Minecraft's packets have states and one set of names.
    let Some(state) = state else {
        return match name.zip(packet.name.as_deref()) {
            Some((logged, known)) if logged != known => {
                let known_otherwise = NAMED_OTHERWISE.contains(&(known, logged));
                if known_otherwise { Ok(()) } else { Err("another name") }
            }
            _ => Ok(()),
        };
    };
    if name != packet.name.as_deref() {
        return Err("another name");
    }
    if state != "play" && line.get("error").is_some() {
        return Err("a packet before play that cannot be read");
    }
    Ok(())
}

/// The packet lines, checked for what every such line has.
fn logged_packets(log: &[Value]) -> HashMap<(usize, Direction), Vec<&Value>> {
    let mut packets: HashMap<_, Vec<&Value>> = HashMap::new();
    for line in log.iter().filter(|line| line["type"] == "packet") {
        let (direction, origin) = match line["direction"].as_str() {
            Some("serverbound") => (Direction::Serverbound, "client"),
            Some("clientbound") => (Direction::Clientbound, "server"),
            _ => panic!("no direction: {line}"),
        };
        assert_eq!(line["origin"], origin, "{line}");
        assert_eq!(line["fate"], "passed", "{line}");
        assert!(line["n"].is_u64() && line["time"].is_number() && line["at"].is_string(), "{line}");
        assert!(line["name"].is_string() || line["name"].is_null(), "{line}");
        let session = line["session"].as_u64().expect("a session number") as usize;
        packets.entry((session, direction)).or_default().push(line);
    }
    packets
}

/// One packet for each whole frame, and together their bytes.
fn assert_every_frame_is_logged(replayed: &Replayed) {
    let logged = logged_packets(&replayed.log);
    for (key @ (connection, direction), framed) in &replayed.framed {
        let what = format!("connection {connection}, {}: {framed:?}", direction.name());
        let lines = logged.get(key).map_or(&[][..], Vec::as_slice);
        let wire_length = |line: &&Value| line["wire_length"].as_u64().expect("a wire length");
        assert_eq!(lines.len(), framed.count, "{what}");
        let bytes: u64 = lines.iter().map(wire_length).sum();
        assert_eq!(bytes, framed.bytes as u64, "{what}");
    }
}

/// What the packets of recorded pings are: they are never compressed, so that frames can be read
/// where they lie.
fn pings(lines: &[Line]) -> Packets {
    let mut bytes: HashMap<(usize, Direction), Vec<u8>> = HashMap::new();
    for line in lines {
        if let recording::Event::Data(direction, data) = &line.event {
            bytes.entry((line.connection, *direction)).or_default().extend_from_slice(data);
        }
    }
    let legacy: Vec<usize> =
        bytes.iter().filter(|(_, bytes)| bytes[0] == 0xfe).map(|(key, _)| key.0).collect();
    assert_eq!(legacy.len(), 3);
    bytes.retain(|(connection, _), _| !legacy.contains(connection));
    bytes
        .into_iter()
        .map(|(key, bytes)| {
            let mut rest = bytes.as_slice();
            let mut packets = Vec::new();
            while !rest.is_empty() {
                let (len, prefix) = varint(rest);
                let id = i64::from(rest[prefix]);
                let (state, name) = match (key.1, id, packets.len()) {
                    (Direction::Serverbound, 0, 0) => ("handshake", "set_protocol"),
                    (Direction::Serverbound, 0, _) => ("status", "ping_start"),
                    (Direction::Clientbound, 0, _) => ("status", "server_info"),
                    (_, 1, _) => ("status", "ping"),
                    other => panic!("not in a ping: {other:?}"),
                };
                packets.push(Packet {
                    state: Some(state.to_owned()),
                    id,
                    len: len as u64,
                    name: Some(name.to_owned()),
                });
                rest = &rest[prefix + len..];
            }
            (key, packets)
        })
        .collect()
}

/// A variable-length number and how many bytes it takes.
fn varint(bytes: &[u8]) -> (usize, usize) {
    let last = bytes.iter().position(|&byte| byte < 0x80).expect("a whole number");
    let value =
        bytes[..=last].iter().rev().fold(0, |value, &byte| value << 7 | usize::from(byte & 0x7f));
    (value, last + 1)
}

//! Recorded sessions of real clients and servers: every byte leaves as it came, and each packet is
//! the one that the end points say it was. The recordings are described in `captures/README.md`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/recorded.rs"]
mod recorded;
mod support;

use std::collections::BTreeMap;

use midwire_codec::Direction;
use midwire_definition::{ViewValue, Workspace};
use midwire_session::{Elapsed, Event, Key, Notice, Options, Watch};
use recorded::{Recorded, Step, direction, lines, recording};
use serde_json::Value;
use support::{Clientbound, Driver, Serverbound};

/// A packet as an end point saw it: state, id, length of id and fields.
type Packet = (String, i64, u64);

/// What the end points received, by direction and connection.
fn truth(name: &str) -> [Vec<Vec<Packet>>; 2] {
    let mut seen = [BTreeMap::new(), BTreeMap::new()];
    for line in lines(&format!("{name}.truth.jsonl.gz")) {
        if line["act"] != "recv" {
            continue;
        }
        let state = line["state"].as_str().unwrap().replace("handshaking", "handshake");
        let packet = (state, line["id"].as_i64().unwrap(), line["len"].as_u64().unwrap());
        let connection = line["conn"].as_str().unwrap().to_owned();
        let packets: &mut Vec<_> =
            seen[direction(&line).index()].entry(connection).or_insert_with(Vec::new);
        packets.push(packet);
    }
    seen.map(|connections| connections.into_values().collect())
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    AsRecorded,
    EveryByte,
    /// At places that a seed makes.
    Seeded(u64),
}

fn play(recorded: &Recorded, watch: Watch, cut: Cut, driver: &mut Driver) {
    driver.session.set_watch(watch);
    let mut fed: [Vec<u8>; 2] = Default::default();
    let mut seed = match cut {
        Cut::Seeded(seed) => seed,
        _ => 0,
    };
    let start = recorded.steps.first().map_or(0, |(at, _)| *at);
    for (at, step) in &recorded.steps {
        driver.now = Elapsed::from_millis(at - start);
        driver.wait(0);
        match step {
            Step::Data(direction, bytes) => {
                fed[direction.index()].extend_from_slice(bytes);
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let len = match cut {
                        Cut::AsRecorded => rest.len(),
                        Cut::EveryByte => 1,
                        Cut::Seeded(_) => {
                            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                            (1 + (seed >> 33) as usize % 700).min(rest.len())
                        }
                    };
                    driver.feed(*direction, &rest[..len]);
                    rest = &rest[len..];
                }
            }
            Step::End(direction) => {
                driver.end(*direction);
            }
        }
    }
    driver.wait(1000);
    for direction in Direction::BOTH {
        driver.end(direction);
        assert_eq!(driver.sent(direction), fed[direction.index()], "{direction}, {cut:?}");
    }
    assert!(matches!(driver.events.last(), Some(Event::Closed { .. })));
}

fn new_driver() -> Driver {
    Driver::with(support::minecraft(), Options::default())
}

fn packets(driver: &Driver, direction: Direction) -> Vec<Packet> {
    let protocol = support::minecraft();
    let seen = driver.packets().filter(|packet| packet.direction == direction);
    seen.map(|packet| {
        let name = protocol.state_name(packet.state).to_owned();
        assert_eq!(packet.problem, None);
        let state = &packet.definition;
        assert!(state.is_some(), "{direction} {name} {:?} at {}", packet.id, packet.offset);
        (name, packet.id.unwrap(), packet.length.into())
    })
    .collect()
}

fn is_as_the_end_points_say(name: &str, cuts: &[Cut]) {
    are_as_the_end_points_say(name, cuts, &[]);
}

/// The same of a recording that one of these keys makes plain.
fn are_as_the_end_points_say(name: &str, cuts: &[Cut], keys: &[Key]) {
    let truth = truth(name);
    for recorded in recording(name) {
        for cut in cuts {
            let options = Options { cipher_keys: keys.into(), ..Options::default() };
            let mut driver = Driver::with(support::minecraft(), options);
            play(&recorded, Watch::Packets, *cut, &mut driver);
            for direction in Direction::BOTH {
                let seen = packets(&driver, direction);
                // the end points do not log the last packets before they go away
                let says_so = |told: &&Vec<Packet>| {
                    let both = told.len().min(seen.len());
                    told[..both] == seen[..both] && told.len().abs_diff(seen.len()) <= 3
                };
                if !truth[direction.index()].iter().any(|told| says_so(&told)) {
                    let told = &truth[direction.index()][0];
                    let at = told.iter().zip(&seen).position(|(told, seen)| told != seen);
                    let at = at.unwrap_or(told.len().min(seen.len()));
                    let range = at.saturating_sub(3)..;
                    panic!(
                        "{name} {direction} {cut:?} at {at}: told {:?}, seen {:?}",
                        &told[range.start.min(told.len())..][..6.min(told.len() - range.start)],
                        &seen[range.start.min(seen.len())..][..6.min(seen.len() - range.start)]
                    );
                }
            }
        }
    }
}

/// The other levels of watching must not change what is relayed, nor how the session reads it.
fn is_the_same_however_it_is_watched(name: &str) {
    for recorded in recording(name) {
        let mut states = Vec::new();
        for watch in [Watch::Nothing, Watch::Ids, Watch::Packets] {
            let mut driver = new_driver();
            play(&recorded, watch, Cut::Seeded(7), &mut driver);
            let frames = Direction::BOTH.map(|direction| driver.session.counters(direction).frames);
            let turns = driver.events.iter().filter_map(|event| match event {
                Event::State { direction, state, .. } => Some((*direction, *state)),
                _ => None,
            });
            states.push((turns.collect::<Vec<_>>(), frames));
        }
        assert_eq!(states[0], states[1]);
        assert_eq!(states[0], states[2]);
    }
}

const CUTS: [Cut; 3] = [Cut::AsRecorded, Cut::Seeded(1), Cut::Seeded(2)];
const CUTS_OF_SMALL: [Cut; 3] = [Cut::AsRecorded, Cut::Seeded(1), Cut::EveryByte];

#[test]
fn packets_of_1_8_8_are_what_the_end_points_say() {
    is_as_the_end_points_say("mc-1.8.8-offline", &CUTS_OF_SMALL);
    is_the_same_however_it_is_watched("mc-1.8.8-offline");
}

#[test]
fn packets_of_1_12_2_are_what_the_end_points_say() {
    is_as_the_end_points_say("mc-1.12.2-offline", &CUTS_OF_SMALL);
    is_the_same_however_it_is_watched("mc-1.12.2-offline");
}

#[test]
fn packets_of_1_16_5_are_what_the_end_points_say() {
    is_as_the_end_points_say("mc-1.16.5-offline", &CUTS);
}

#[test]
fn packets_of_1_20_4_are_what_the_end_points_say() {
    is_as_the_end_points_say("mc-1.20.4-offline", &CUTS);
    is_the_same_however_it_is_watched("mc-1.20.4-offline");
}

#[test]
fn packets_of_1_21_4_are_what_the_end_points_say() {
    is_as_the_end_points_say("mc-1.21.4-offline", &CUTS);
}

#[test]
fn packets_of_1_21_11_are_what_the_end_points_say() {
    is_as_the_end_points_say("mc-1.21.11-offline", &CUTS_OF_SMALL);
}

#[test]
fn packets_of_26_1_are_what_the_end_points_say() {
    is_as_the_end_points_say("mc-26.1-offline", &CUTS_OF_SMALL);
    is_the_same_however_it_is_watched("mc-26.1-offline");
}

#[test]
fn encrypted_sessions_pass_and_say_once_that_they_are() {
    for (name, clear) in [("mc-1.12.2-encrypted", [3, 1]), ("mc-1.20.4-encrypted", [3, 1])] {
        for recorded in recording(name) {
            for cut in CUTS_OF_SMALL {
                let mut driver = new_driver();
                play(&recorded, Watch::Packets, cut, &mut driver);
                let seen = Direction::BOTH.map(|direction| packets(&driver, direction).len());
                assert_eq!(seen, clear, "{name} {cut:?}");
                let notices: Vec<_> = driver
                    .events
                    .iter()
                    .filter_map(|event| match event {
                        Event::Notice { notice, .. } => Some(notice.clone()),
                        Event::LostFraming { error, .. } => panic!("lost framing: {error}"),
                        _ => None,
                    })
                    .collect();
                assert_eq!(notices, [Notice::Encrypted], "{name} {cut:?}");
            }
        }
    }
}

/// The key of an encrypted recording.
fn key(name: &str) -> Key {
    let text = recorded::text(&format!("{name}.keys.jsonl"));
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let hex = line["client_secret_hex"].as_str().unwrap();
    let bytes: Vec<u8> =
        (0..16).map(|at| u8::from_str_radix(&hex[2 * at..][..2], 16).unwrap()).collect();
    Key::try_from(&bytes[..]).unwrap()
}

#[test]
fn encrypted_sessions_are_read_with_their_key() {
    for name in ["mc-1.12.2-encrypted", "mc-1.20.4-encrypted"] {
        are_as_the_end_points_say(name, &CUTS_OF_SMALL, &[key(name)]);
    }
}

#[test]
fn of_several_keys_the_right_one_shows_itself() {
    let [old, new] = ["mc-1.12.2-encrypted", "mc-1.20.4-encrypted"].map(key);
    let keys = [Key::from([0; 16]), old.clone(), new, Key::from([9; 16])];
    are_as_the_end_points_say("mc-1.20.4-encrypted", &CUTS_OF_SMALL, &keys);
    are_as_the_end_points_say("mc-1.12.2-encrypted", &CUTS_OF_SMALL, &keys);
    // twice the same is one
    are_as_the_end_points_say("mc-1.12.2-encrypted", &CUTS_OF_SMALL, &[old.clone(), old]);
}

#[test]
fn with_wrong_keys_encrypted_sessions_pass_and_say_so() {
    for keys in [vec![[3; 16]], vec![[3; 16], [4; 16], [5; 16]]] {
        let keys: Vec<Key> = keys.into_iter().map(Key::from).collect();
        for cut in CUTS_OF_SMALL {
            let options = Options { cipher_keys: keys.clone().into(), ..Options::default() };
            let mut driver = Driver::with(support::minecraft(), options);
            play(&recording("mc-1.20.4-encrypted")[0], Watch::Packets, cut, &mut driver);
            let seen = Direction::BOTH.map(|direction| packets(&driver, direction).len());
            assert_eq!(seen, [3, 1], "{cut:?}");
        }
    }
}

#[test]
fn pings_of_all_times_pass() {
    let mut legacy = 0;
    for recorded in recording("mc-pings") {
        for cut in [Cut::AsRecorded, Cut::EveryByte] {
            let mut driver = new_driver();
            play(&recorded, Watch::Packets, cut, &mut driver);
            let is_legacy = driver
                .events
                .iter()
                .any(|event| matches!(event, Event::Notice { notice: Notice::LegacyPing, .. }));
            legacy += u32::from(is_legacy);
            if !is_legacy {
                assert!(packets(&driver, Serverbound).iter().all(|packet| packet.0 != "play"));
                let answers = packets(&driver, Clientbound);
                assert!(answers.iter().all(|packet| packet.0 == "status"), "{answers:?}");
            }
        }
    }
    assert!(legacy >= 6, "{legacy}");
}

/// Ids and frame lengths that Terraria's server logged, by direction and connection. It was started
/// several times, and counts from 0 each time.
fn terraria_truth() -> [Vec<Vec<(i64, u64)>>; 2] {
    let mut seen = [BTreeMap::new(), BTreeMap::new()];
    let mut start = 0;
    for line in lines("terraria.truth.jsonl.gz") {
        start += u32::from(line["seq"] == 0);
        let (Some(id), Some(len)) = (line["id"].as_i64(), line["len"].as_u64()) else { continue };
        let connection = (start, line["conn"].as_str().unwrap().to_owned());
        let packets: &mut Vec<_> =
            seen[direction(&line).index()].entry(connection).or_insert_with(Vec::new);
        packets.push((id, len));
    }
    seen.map(|connections| connections.into_values().collect())
}

#[test]
fn packets_of_terraria_are_what_the_server_says() {
    let truth = terraria_truth();
    for recorded in recording("terraria") {
        for cut in CUTS_OF_SMALL {
            let terraria = midwire_definition::builtin("terraria").unwrap();
            let mut driver = Driver::with(terraria, Options::default());
            play(&recorded, Watch::Packets, cut, &mut driver);
            for direction in Direction::BOTH {
                let seen: Vec<_> = driver
                    .packets()
                    .filter(|packet| packet.direction == direction)
                    .map(|packet| (packet.id.unwrap(), u64::from(packet.wire_length)))
                    .collect();
                let truth = &truth[direction.index()];
                let is_told = seen.is_empty() || truth.iter().any(|told| told.starts_with(&seen));
                assert!(is_told, "{direction} {cut:?}: {seen:?}");
            }
        }
    }
}

/// The boxes at the start of some AMP, read by hand: their sizes.
fn boxes(bytes: &[u8]) -> Vec<u32> {
    let (mut at, mut start, mut sizes) = (0, 0, Vec::new());
    let length =
        |at: usize| Some(usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?])));
    while let Some(key) = length(at).filter(|key| *key < 256) {
        at += 2 + key;
        if key > 0 {
            let Some(value) = length(at) else { break };
            at += 2 + value;
        } else {
            sizes.push((at - start) as u32);
            start = at;
        }
    }
    sizes
}

#[test]
fn boxes_of_amp_are_cut_where_they_end() {
    let (mut seen, mut raw) = (0, 0);
    for recorded in recording("amp") {
        for cut in [Cut::AsRecorded, Cut::Seeded(1), Cut::EveryByte] {
            for watch in [Watch::Packets, Watch::Nothing] {
                let amp = midwire_definition::builtin("amp").unwrap();
                let mut driver = Driver::with(amp, Options::default());
                play(&recorded, watch, cut, &mut driver);
                for direction in Direction::BOTH {
                    let all: Vec<u8> = recorded
                        .steps
                        .iter()
                        .filter_map(|(_, step)| match step {
                            Step::Data(way, bytes) if *way == direction => Some(&bytes[..]),
                            _ => None,
                        })
                        .flatten()
                        .copied()
                        .collect();
                    let expected = boxes(&all);
                    let counters = driver.session.counters(direction);
                    assert_eq!(counters.frames, expected.len() as u64, "{cut:?}");
                    assert_eq!(counters.bytes, all.len() as u64, "{cut:?}");
                    let rest =
                        all.len() as u64 - expected.iter().map(|n| u64::from(*n)).sum::<u64>();
                    if watch == Watch::Packets {
                        let found: Vec<u32> = driver
                            .packets()
                            .filter(|packet| packet.direction == direction)
                            .map(|packet| packet.wire_length)
                            .collect();
                        assert_eq!(found, expected, "{direction} {cut:?}");
                        seen += found.len();
                        raw += rest;
                    }
                    // Only what follows a switch of protocols is no box, and that is said.
                    let lost = driver.events.iter().any(|event| {
                        matches!(event, Event::LostFraming { direction: way, .. } if *way == direction)
                    });
                    assert_eq!(lost, rest > 0, "{direction} {cut:?}");
                }
            }
        }
    }
    println!("{} boxes, {} bytes behind a switch", seen / 3, raw / 3);
    assert!(seen / 3 > 500 && raw / 3 == 40 + 40, "{} {}", seen / 3, raw / 3);
}

/// What a client of VNC says, up to its messages. The server's pictures are not read.
const RFB_CLIENT: &str = r#"
protocol rfb_client {
  endian big
  states version, choice, response, init, messages, pictures
  frame none
}
packet version both Hello = 0 { start: latin1[10], minor: u8, newline: u8 }
packet choice serverbound Choice = 0 { kind: u8 }
packet response serverbound Response = 0 { bytes: bytes[16] @secret }
packet init serverbound Init = 0 { shared: bool }
packet messages serverbound Message = 0 {
  kind: enum u8 { set_pixel_format, set_encodings = 2, request, key, pointer, cut_text }
  match kind {
    set_pixel_format => { pad 3, format: bytes[16] }
    set_encodings => { pad 1, count: u16, encodings: [count] i32 }
    request => { incremental: bool, x: u16, y: u16, width: u16, height: u16 }
    key => { down: bool, pad 2, key: u32 }
    pointer => { buttons: u8, x: u16, y: u16 }
    cut_text => { pad 3, text: latin1[u32] }
  }
}
packet pictures clientbound Pictures = 0
on version serverbound Hello { state serverbound = match minor { 51 => response, else => choice } }
on choice serverbound Choice { state serverbound = match kind { 2 => response, else => init } }
on response serverbound Response { state serverbound = init }
on init serverbound Init { state serverbound = messages }
on version clientbound Hello { state clientbound = pictures }
"#;

#[test]
fn what_vnc_clients_say_is_cut_where_it_ends() {
    let mut seen = BTreeMap::<String, usize>::new();
    for recorded in recording("vnc-auth") {
        for cut in [Cut::AsRecorded, Cut::Seeded(3)] {
            let mut driver = Driver::with(support::protocol(RFB_CLIENT), Options::default());
            play(&recorded, Watch::Packets, cut, &mut driver);
            let mut at = [0; 2];
            for packet in driver.packets() {
                // One behind the other, without a gap.
                let at = &mut at[packet.direction.index()];
                assert_eq!(packet.offset, *at, "{cut:?}");
                *at += u64::from(packet.wire_length);
                let name = packet.definition.as_ref().unwrap().name.to_string();
                *seen.entry(format!("{} {name}", packet.direction)).or_default() += 1;
            }
            assert_eq!(at, [driver.session.counters(Serverbound).bytes, 12], "{cut:?}");
            let notices = driver.events.iter().filter_map(|event| match event {
                Event::Notice { notice, .. } => Some(notice.clone()),
                Event::LostFraming { error, .. } => panic!("{error}"),
                _ => None,
            });
            let notices: Vec<_> = notices.collect();
            assert!(matches!(&notices[..], [Notice::NoEnd { offset: 12, .. }]), "{notices:?}");
        }
    }
    let told: Vec<_> = seen.iter().map(|(name, count)| format!("{name} {}", count / 2)).collect();
    // 20 connections, one of them 3.3, which chooses nothing; one without a password; 8 got in.
    assert_eq!(
        told,
        [
            "clientbound Hello 20",
            "serverbound Choice 19",
            "serverbound Hello 20",
            "serverbound Init 8",
            "serverbound Message 31",
            "serverbound Response 19",
        ]
    );
}

/// What a component in a truth log says: its texts in order, without format codes.
fn words(component: &Value) -> String {
    // Of NBT the log has the types, too.
    if let (Some(_), Some(value)) = (component["type"].as_str(), component.get("value")) {
        return words(value);
    }
    let parsed = component.as_str().map(serde_json::from_str::<Value>);
    match (component, parsed) {
        (_, Some(Ok(parsed))) if parsed.is_object() => words(&parsed),
        (Value::String(text), _) => {
            let mut pieces = text.split('§');
            let first = pieces.next().unwrap_or_default().to_owned();
            pieces.fold(first, |text, piece| text + piece.get(1..).unwrap_or_default())
        }
        (Value::Array(parts), _) => parts.iter().map(words).collect(),
        (Value::Object(members), _) => {
            let parts = ["text", "extra"].iter().filter_map(|key| members.get(*key));
            parts.map(words).collect()
        }
        _ => String::new(),
    }
}

/// The chat lines that the end points received, by direction, sorted.
fn chat_of_the_truth(name: &str) -> [Vec<String>; 2] {
    let mut texts: [Vec<String>; 2] = Default::default();
    for line in lines(&format!("{name}.truth.jsonl.gz")) {
        let params = &line["params"];
        if line["act"] != "recv" || line["state"] != "play" {
            continue;
        }
        let text = match line["name"].as_str().unwrap() {
            "chat" | "chat_message" if line["dir"] == "c2s" => {
                params["message"].as_str().unwrap().to_owned()
            }
            "chat_command" | "chat_command_signed" => params["command"].as_str().unwrap().into(),
            "chat" | "profileless_chat" => words(&params["message"]),
            "system_chat" => words(&params["content"]),
            "player_chat" => params["plainMessage"].as_str().unwrap().to_owned(),
            _ => continue,
        };
        texts[direction(&line).index()].push(text);
    }
    texts.iter_mut().for_each(|texts| texts.sort());
    texts
}

#[test]
fn the_chat_groups_text_is_what_the_end_points_read() {
    let protocol = support::minecraft();
    let chat = protocol.group_named("chat").unwrap();
    let text = chat.view_named("text").unwrap();
    for name in [
        "mc-1.8.8-offline",
        "mc-1.12.2-offline",
        "mc-1.12.2-terrain",
        "mc-1.16.5-offline",
        "mc-1.18.2-terrain",
        "mc-1.20.4-offline",
        "mc-1.21.4-offline",
        "mc-1.21.11-offline",
        "mc-26.1-offline",
    ] {
        let mut texts: [Vec<String>; 2] = Default::default();
        let mut ws = Workspace::default();
        for recorded in recording(name) {
            let mut driver = new_driver();
            play(&recorded, Watch::Packets, Cut::AsRecorded, &mut driver);
            for packet in driver.packets() {
                let definition = packet.definition.as_ref().unwrap();
                let views = chat.views_of(&protocol, packet.version, definition);
                let Some(Some(view)) = views.map(|views| views[text].clone()) else { continue };
                let (plan, payload) =
                    (definition.plan.as_ref().unwrap(), packet.payload.as_ref().unwrap());
                let mut read = plan.decode(payload, packet.body, &packet.conn, &mut ws);
                match view.value(&mut read) {
                    Some(ViewValue::Text(text)) => texts[packet.direction.index()].push(text),
                    other => panic!("{name} {}: {other:?}", definition.name),
                }
            }
        }
        texts.iter_mut().for_each(|texts| texts.sort());
        let truth = chat_of_the_truth(name);
        assert_eq!(texts[0].is_empty(), texts[1].is_empty(), "{name}");
        for direction in Direction::BOTH {
            // Lines that came as the peer went away are not in its log.
            let mut missing = texts[direction.index()].clone();
            for told in &truth[direction.index()] {
                let at = missing.iter().position(|text| text == told);
                missing.remove(at.unwrap_or_else(|| panic!("{name} {direction}: {told:?}")));
            }
            assert!(missing.len() <= 2, "{name} {direction}: not in the truth: {missing:?}");
            assert!(!truth[direction.index()].is_empty(), "{name} {direction}");
        }
    }
}

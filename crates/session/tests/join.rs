//! When a session needs frames no more, and what is left when its connections are joined then.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/recorded.rs"]
mod recorded;
mod support;

use bytes::BytesMut;
use midwire_definition::builtin;
use midwire_session::{
    Direction, Event, HostRewrite, OnLostFraming, Options, PacketInfo, Verdict, Watch,
};
use recorded::{Step, recording};
use support::{By, Clientbound, Driver, Serverbound, TOY, frame, minecraft, say};

const HELLO: &[u8] = b"\x0f\0\x01\x0bTerraria326";

fn unwatched(protocol: &str, options: Options) -> Driver {
    let definition = match protocol {
        "raw" => support::protocol("protocol raw { endian big, frame none }"),
        name => builtin(name).unwrap(),
    };
    let mut driver = Driver::with(definition, options);
    driver.session.set_watch(Watch::Nothing);
    driver
}

/// Joins if that is possible; whether it is.
fn join(driver: &mut Driver) -> bool {
    let is_joinable = driver.session.is_joinable();
    if is_joinable {
        driver.session.join(&mut driver.pending, driver.now);
        driver.drain();
    }
    is_joinable
}

#[test]
fn bytes_without_packets_need_no_frames_unless_somebody_looks_at_them() {
    let mut driver = unwatched("raw", Options::default());
    assert!(driver.session.is_joinable());
    driver.session.set_watch(Watch::Packets);
    assert!(!driver.session.is_joinable());
}

#[test]
fn terraria_needs_frames_until_its_version_is_known() {
    let mut driver = unwatched("terraria", Options::default());
    assert!(!driver.session.is_joinable());
    driver.feed(Serverbound, &HELLO[..9]);
    assert!(!driver.session.is_joinable());
    driver.feed(Serverbound, &HELLO[9..]);
    assert!(driver.session.is_joinable());
}

#[test]
fn what_is_left_over_is_sent_when_the_connections_are_joined() {
    let mut driver = unwatched("terraria", Options::default());
    driver.feed(Serverbound, &[HELLO, &[9, 0, 250, 1]].concat());
    driver.feed(Clientbound, &[5]);
    assert_eq!((driver.sent(Serverbound), driver.sent(Clientbound)), (HELLO, &[][..]));
    assert!(join(&mut driver));
    assert_eq!(driver.sent(Serverbound), [HELLO, &[9, 0, 250, 1]].concat());
    assert_eq!(driver.sent(Clientbound), [5]);
    assert_eq!(driver.pending, [BytesMut::new(), BytesMut::new()]);
    assert!(!driver.session.is_joinable(), "once is enough");
}

#[test]
fn the_part_of_a_packet_without_a_frame_is_not_sent_twice() {
    let mut driver = unwatched("amp", Options::default());
    driver.feed(Serverbound, b"\0\x04_ask\0\x011");
    assert!(join(&mut driver));
    assert_eq!(driver.sent(Serverbound), b"\0\x04_ask\0\x011");
    assert_eq!(driver.session.counters(Serverbound).bytes, 9);
}

#[test]
fn bytes_that_went_past_a_session_are_counted_and_its_end_is_told() {
    let mut driver = unwatched("terraria", Options::default());
    driver.feed(Serverbound, HELLO);
    assert!(join(&mut driver));
    driver.session.handle_joined(Serverbound, 1000, driver.now);
    driver.session.handle_joined(Clientbound, 5, driver.now);
    driver.lines();
    driver.end(Serverbound).end(Clientbound);
    assert_eq!(driver.lines(), ["serverbound finish", "clientbound finish", "closed 1/1015 0/5"]);
    let Some(Event::Closed { counters: [up, down], .. }) = driver.events.last() else {
        panic!("{:?}", driver.events);
    };
    assert_eq!((up.sent_bytes, up.joined_bytes), (1015, 1000));
    assert_eq!((down.sent_bytes, down.joined_bytes), (5, 5));
}

#[test]
fn a_reset_of_joined_connections_is_told() {
    let mut driver = unwatched("raw", Options::default());
    assert!(join(&mut driver));
    driver.lines();
    driver.reset(Clientbound);
    assert_eq!(driver.lines(), ["clientbound abort", "closed 0/0 0/0"]);
}

#[test]
fn a_judge_needs_frames() {
    let mut driver = unwatched("terraria", Options::default());
    driver.session.set_judge(Some(Box::new(By(|_: &PacketInfo<'_>| Verdict::Pass))));
    driver.feed(Serverbound, HELLO);
    assert!(!driver.session.is_joinable());
}

#[test]
fn who_wants_lost_framing_to_close_the_session_needs_frames() {
    let options = Options { on_lost_framing: OnLostFraming::Close, ..Options::default() };
    let mut driver = unwatched("terraria", options);
    driver.feed(Serverbound, HELLO);
    assert!(!driver.session.is_joinable());
}

#[test]
fn what_says_the_version_may_have_to_be_told_another_host() {
    let terraria = builtin("terraria").unwrap();
    let version = terraria.versions.by_number(326).0;
    let rewrite = HostRewrite { host: "a.example".into(), port: 7777 };
    let fixed = Options { version: Some(version), ..Options::default() };
    assert!(unwatched("terraria", fixed.clone()).session.is_joinable());
    let mut driver = unwatched("terraria", Options { rewrite_host: Some(rewrite), ..fixed });
    assert!(!driver.session.is_joinable());
    driver.feed(Serverbound, HELLO);
    assert!(!driver.session.is_joinable(), "with the version set, nobody looks for what says it");
}

#[test]
fn what_may_still_begin_encryption_needs_frames() {
    let mut driver = Driver::unwatched(TOY);
    assert!(!driver.session.is_joinable());
    // from the second state there is a way back to where encryption begins
    driver.feed(Serverbound, &frame(&[5]));
    assert!(!driver.session.is_joinable());
    driver.feed(Clientbound, &say("old"));
    assert!(!driver.session.is_joinable());
}

#[test]
fn an_encrypted_session_needs_no_frames() {
    let mut driver = Driver::unwatched(TOY);
    driver.feed(Serverbound, &frame(&[8]));
    assert!(join(&mut driver));
}

#[test]
fn a_legacy_ping_needs_no_frames() {
    let mut driver = Driver::with(minecraft(), Options::default());
    driver.session.set_watch(Watch::Nothing);
    driver.feed(Serverbound, &[0xfe, 0x01]);
    assert!(!driver.session.is_joinable());
    driver.wait(200);
    assert!(join(&mut driver));
    assert_eq!(driver.sent(Serverbound), [0xfe, 0x01]);
}

#[test]
fn a_session_has_begun_when_its_first_state_is_left_or_its_first_packet_has_come() {
    let mut driver = unwatched("terraria", Options::default());
    driver.feed(Serverbound, &HELLO[..9]);
    assert!(!driver.session.has_begun());
    driver.feed(Serverbound, &HELLO[9..]);
    assert!(driver.session.has_begun());

    let mut driver = Driver::unwatched(TOY);
    driver.feed(Serverbound, &say("still in the first state"));
    assert!(!driver.session.has_begun());
    driver.feed(Serverbound, &frame(&[5]));
    assert!(driver.session.has_begun());

    assert!(unwatched("raw", Options::default()).session.has_begun());
}

/// Joined as soon as that is possible, wherever that is in the reads of a real session.
#[test]
fn recorded_sessions_that_are_joined_lose_nothing() {
    for (name, protocol, all) in [
        ("mc-1.8.8-offline", "minecraft", true),
        ("mc-1.20.4-offline", "minecraft", true),
        ("mc-1.21.11-offline", "minecraft", true),
        ("mc-1.20.4-encrypted", "minecraft", true),
        ("terraria", "terraria", false),
        ("amp", "amp", true),
        ("vnc-auth", "raw", true),
    ] {
        for piece in [1, 7, 1000, usize::MAX] {
            for recorded in recording(name) {
                let mut driver = unwatched(protocol, Options::default());
                let mut fed: [Vec<u8>; 2] = Default::default();
                let mut is_joined = join(&mut driver);
                for (_, step) in &recorded.steps {
                    let Step::Data(direction, bytes) = step else { continue };
                    fed[direction.index()].extend_from_slice(bytes);
                    for piece in bytes.chunks(piece) {
                        if is_joined {
                            driver.sent[direction.index()].extend_from_slice(piece);
                            let len = piece.len() as u64;
                            driver.session.handle_joined(*direction, len, driver.now);
                        } else {
                            driver.feed(*direction, piece);
                            is_joined = join(&mut driver);
                        }
                    }
                }
                assert!(is_joined || !all, "{name} in pieces of {piece}");
                for direction in Direction::BOTH {
                    driver.end(direction);
                    let (sent, fed) = (driver.sent(direction), &fed[direction.index()]);
                    assert!(sent == fed, "{name} {direction} in pieces of {piece}");
                    let counters = driver.session.counters(direction);
                    assert_eq!(counters.bytes, fed.len() as u64, "{name} {direction}");
                }
            }
        }
    }
}

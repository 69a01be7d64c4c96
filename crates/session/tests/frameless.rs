//! Protocols without frames: what is packets, what is held, what goes raw.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use hex_literal::hex;
use midwire_definition::{Edits, Given};
use midwire_session::{
    Elapsed, InjectError, Limits, NewPacket, OnLostFraming, Options, Origin, Verdict, Watch,
};
use support::{By, Clientbound, Driver, Serverbound, bytes, on, protocol};

/// Two states with other ids each, and a packet for each way to end or not.
const TOY: &str = r#"
protocol toy "Toy" {
  endian big
  states first, second
  start first
  stack { frame none, id: u8 }
  conn { n: i32 = 1 }
}
packet first both say = 3 { text: str[u8] }
packet first both go = 5 {}
packet first both go_mine = 6 {}
packet first both pairs = 7 { pairs: [until u8 == 0] { key: u8, value: u8 } }
packet first both blob = 8 { n: u32, data: bytes[n] }
packet first both raw = 9 { kind: u8, ... }
packet first both strict = 10 { inner: sized[u8] { a: u32 } }
packet first both dark = 11
packet first both count = 12 { n: u8 }
packet first both block = 14 { data: [conn.n] u16 }
packet second both say = 0x13 { text: str[u8] }
packet second both back = 0x15 {}
on first serverbound go { state = second }
on first clientbound go { state = second }
on first serverbound go_mine { state serverbound = second }
on first clientbound go_mine { state clientbound = second }
on second serverbound back { state = first }
on second clientbound back { state = first }
on first serverbound count { conn.n = n }
on first clientbound count { conn.n = n }
"#;

fn say(text: &str) -> Vec<u8> {
    [&[3, text.len() as u8], text.as_bytes()].concat()
}

fn some_packets() -> Vec<u8> {
    let mut bytes = say("hi");
    bytes.extend(hex!("07 0102 0304 0506 00")); // pairs
    bytes.extend(hex!("08 00000000")); // an empty blob
    bytes.extend([&hex!("08 00000105")[..], &[0xbb; 261]].concat());
    bytes.extend(hex!("0a 04 00000001")); // strict
    bytes.extend(hex!("0c 03  0e 0001 0002 0003")); // count, and a block of so many
    bytes.extend(hex!("05  13 01 78  15")); // there and back
    bytes.extend(hex!("06  13 00  15"));
    bytes.extend(say("end"));
    bytes
}

fn reported(driver: &mut Driver) -> Vec<String> {
    let lines = driver.lines().into_iter();
    lines.filter(|line| line.starts_with('#') || line.contains(" in ")).collect()
}

#[test]
fn packets_are_found_and_every_byte_passes_wherever_they_are_cut() {
    let all = some_packets();
    for direction in [Serverbound, Clientbound] {
        let mut whole = Driver::new(TOY);
        whole.feed(direction, &all);
        let expected = reported(&mut whole);
        let names: Vec<_> = expected.iter().filter_map(|line| line.split(' ').nth(3)).collect();
        assert_eq!(
            names,
            [
                "say", "pairs", "blob", "blob", "strict", "count", "block", "go", "say", "back",
                "go_mine", "say", "back", "say"
            ]
        );
        assert_eq!(whole.pieces[direction.index()], [all.len()]);
        let sizes: u64 = whole.packets().map(|packet| u64::from(packet.wire_length)).sum();
        assert_eq!(sizes, all.len() as u64);
        for watch in [Watch::Nothing, Watch::Ids, Watch::Packets] {
            for cut in 0..=all.len() {
                let mut driver = Driver::new(TOY);
                driver.session.set_watch(watch);
                driver.feed(direction, &all[..cut]);
                assert_eq!(driver.sent(direction), &all[..cut], "what came has been sent");
                driver.feed(direction, &all[cut..]);
                assert_eq!(driver.sent(direction), all, "cut at {cut}, {watch:?}");
                assert_eq!(driver.session.counters(direction).frames, 14);
                if watch == Watch::Packets {
                    assert_eq!(reported(&mut driver), expected, "cut at {cut}");
                }
            }
        }
        let mut driver = Driver::new(TOY);
        for byte in &all {
            driver.feed(direction, &[*byte]);
        }
        assert_eq!(driver.sent(direction), all);
        assert_eq!(reported(&mut driver), expected);
        assert!(driver.pending[direction.index()].is_empty());
    }
}

#[test]
fn what_passes_whole_is_not_copied() {
    let setup = midwire_session::Setup::new(protocol(TOY), Options::default());
    let mut session = midwire_session::Session::new(setup);
    let mut fed = bytes::BytesMut::from(&some_packets()[..]);
    let place = fed.as_ptr();
    session.handle_bytes(Clientbound, &mut fed, Elapsed::default(), &mut Default::default());
    let sends = std::iter::from_fn(|| session.poll_output()).filter_map(|output| match output {
        midwire_session::Output::Send { bytes, .. } => Some(bytes.as_ptr()),
        _ => None,
    });
    assert_eq!(sends.collect::<Vec<_>>(), [place]);
}

#[test]
fn what_nobody_may_change_is_sent_as_it_comes() {
    let mut driver = Driver::new(TOY);
    driver.lines();
    driver.feed(Serverbound, &hex!("08 00000004 aa")).feed(Serverbound, &hex!("bb cc"));
    driver.feed(Serverbound, &hex!("dd 03 00 03"));
    assert_eq!(
        driver.lines(),
        [
            "serverbound 0800000004aa",
            "serverbound bbcc",
            "#1 serverbound first blob passed",
            "#2 serverbound first say passed",
            "serverbound dd0300",
            "serverbound 03",
        ]
    );
}

#[test]
fn what_somebody_may_change_is_held_until_it_is_whole() {
    let mut driver = Driver::judged(TOY, on(2, Verdict::Replace(bytes(&say("other")))));
    driver.lines();
    let all = [say("one"), say("two"), say("three")].concat();
    for byte in &all {
        driver.feed(Clientbound, &[*byte]);
    }
    assert_eq!(
        driver.lines(),
        [
            "#1 clientbound first say passed",
            "clientbound 03036f6e65",
            "#2 clientbound first say changed",
            "clientbound 03056f74686572",
            "#3 clientbound first say passed",
            "clientbound 03057468726565",
        ]
    );
}

/// Wants packets of one name.
struct Only(&'static str, Verdict);

impl midwire_session::Judge for Only {
    fn interest(
        &self,
        _: midwire_definition::VersionId,
        _: midwire_definition::StateId,
        _: midwire_session::Direction,
        definition: Option<&midwire_definition::PacketDefinition>,
    ) -> bool {
        definition.is_some_and(|known| &*known.name == self.0)
    }

    fn judge(
        &mut self,
        _: &midwire_session::PacketInfo<'_>,
        _: Option<&mut midwire_definition::Packet<'_>>,
    ) -> Verdict {
        self.1.clone()
    }
}

#[test]
fn only_packets_that_a_judge_wants_are_held() {
    let mut driver = Driver::judged(TOY, Only("say", Verdict::Drop));
    driver.lines();
    driver.feed(Serverbound, &hex!("08 00000002 aa")).feed(Serverbound, &hex!("bb 03 02 61"));
    driver.feed(Serverbound, &hex!("62 05"));
    assert_eq!(
        driver.lines(),
        [
            "serverbound 0800000002aa",
            "#1 serverbound first blob passed",
            "serverbound bb",
            "#2 serverbound first say dropped",
            "#3 serverbound first go passed",
            "serverbound in second",
            "serverbound 05",
        ]
    );
    assert_eq!(driver.session.counters(Serverbound).dropped, 1);
}

#[test]
fn a_field_is_edited_and_lengths_follow() {
    let edit = || {
        let mut edits = Edits::new();
        edits.set("text", Given::Text("hello you".into()));
        Verdict::Edit(edits)
    };
    let mut driver = Driver::judged(TOY, Only("say", edit()));
    let all = [say("hi"), hex!("0c 07").to_vec(), say("")].concat();
    for cut in 0..all.len() {
        let mut driver = Driver::judged(TOY, Only("say", edit()));
        driver.feed(Serverbound, &all[..cut]).feed(Serverbound, &all[cut..]);
        let expected = [say("hello you"), hex!("0c 07").to_vec(), say("hello you")].concat();
        assert_eq!(driver.sent(Serverbound), expected, "cut at {cut}");
    }
    driver.feed(Serverbound, &all);
    assert_eq!(driver.session.counters(Serverbound).changed, 2);
}

#[test]
fn delayed_and_intercepted_packets_keep_their_order() {
    let all = [say("one"), say("two"), say("three")].concat();
    for cut in 0..all.len() {
        let wait = Verdict::Delay(Duration::from_millis(50));
        let mut driver = Driver::judged(TOY, on(1, wait));
        driver.feed(Serverbound, &all[..cut]).feed(Serverbound, &all[cut..]);
        assert_eq!(driver.sent(Serverbound), b"", "cut at {cut}");
        driver.wait(50);
        assert_eq!(driver.sent(Serverbound), all, "cut at {cut}");

        let mut driver = Driver::judged(TOY, on(2, Verdict::Intercept));
        driver.feed(Serverbound, &all[..cut]).feed(Serverbound, &all[cut..]);
        assert_eq!(driver.sent(Serverbound), say("one"), "cut at {cut}");
        driver.resume(2, Verdict::Drop);
        assert_eq!(driver.sent(Serverbound), [say("one"), say("three")].concat());
    }
}

fn new_packet(payload: &[u8]) -> NewPacket {
    NewPacket { payload: bytes(payload), origin: Origin::User, forced: false }
}

fn inject(driver: &mut Driver, payload: &[u8]) -> Result<(), InjectError> {
    let (now, packet) = (driver.now, new_packet(payload));
    let injected = driver.session.inject(Serverbound, packet, now, &mut driver.scratch);
    driver.drain();
    injected.map(|_| ())
}

#[test]
fn injected_packets_go_between_packets_and_never_into_one() {
    let packet = hex!("08 00000003 aabbcc");
    for cut in 0..=packet.len() {
        let mut driver = Driver::new(TOY);
        driver.feed(Serverbound, &packet[..cut]);
        inject(&mut driver, &say("in")).unwrap();
        inject(&mut driver, &say("too")).unwrap();
        driver.feed(Serverbound, &packet[cut..]).feed(Serverbound, &say("out"));
        let mut expected = [&packet[..], &say("in"), &say("too"), &say("out")].concat();
        if cut == 0 {
            expected = [&say("in")[..], &say("too"), &packet, &say("out")].concat();
        }
        assert_eq!(driver.sent(Serverbound), expected, "cut at {cut}");
        assert_eq!(driver.session.counters(Serverbound).injected, 2);
    }
    // One that is held has not begun for its receiver.
    let mut driver = Driver::judged(TOY, Only("blob", Verdict::Pass));
    driver.feed(Serverbound, &packet[..4]);
    inject(&mut driver, &say("in")).unwrap();
    driver.feed(Serverbound, &packet[4..]);
    assert_eq!(driver.sent(Serverbound), [&say("in")[..], &packet].concat());
}

#[test]
fn what_is_not_one_whole_packet_is_not_injected() {
    let mut driver = Driver::new(TOY);
    for wrong in [&hex!("03 05 61")[..], &hex!("03 01 61 62"), &hex!("0a 00"), &hex!("09 01 02")] {
        assert_eq!(inject(&mut driver, wrong), Err(InjectError::NoPacket));
    }
    assert!(matches!(inject(&mut driver, &[77]), Err(InjectError::Undefined { .. })));
    assert_eq!(driver.sent(Serverbound), b"");
}

#[test]
fn an_injection_behind_a_packet_that_never_ends_is_refused() {
    let mut driver = Driver::new(TOY);
    driver.lines();
    driver.feed(Serverbound, &hex!("03 05 61"));
    inject(&mut driver, &say("in")).unwrap();
    driver.end(Serverbound);
    assert_eq!(driver.sent(Serverbound), hex!("03 05 61"));
    assert!(driver.lines().iter().any(|line| line.contains("packet 1 was not injected")));
}

#[test]
fn a_packet_that_is_cut_by_the_end_is_passed_on_and_said() {
    for judged in [false, true] {
        let mut driver = match judged {
            false => Driver::new(TOY),
            true => Driver::judged(TOY, on(9, Verdict::Drop)),
        };
        driver.lines();
        driver.feed(Clientbound, &hex!("03 00 03 05")).feed(Clientbound, b"ab").end(Clientbound);
        driver.end(Serverbound);
        let lines = driver.lines();
        assert_eq!(driver.sent(Clientbound), hex!("03 00 03 05 61 62"));
        assert!(lines.contains(&"clientbound opaque 4 at 2".to_owned()), "{lines:?}");
        let cut = "notice: clientbound ended within a frame: its first 4 byte(s), from offset 2 on, \
                   were passed on";
        assert!(lines.contains(&cut.to_owned()), "{lines:?}");
        assert_eq!(lines.last().unwrap(), "closed 0/0 1/6");
    }
}

fn gone_raw(start: &[u8]) -> (Vec<String>, Vec<u8>) {
    let all = [&say("hi")[..], start, &[1, 2, 3]].concat();
    let mut said = None;
    for cut in 0..=all.len() {
        for judged in [false, true] {
            let mut driver = match judged {
                false => Driver::new(TOY),
                true => Driver::judged(TOY, on(99, Verdict::Drop)),
            };
            driver.feed(Serverbound, &all[..cut]).feed(Serverbound, &all[cut..]);
            assert_eq!(driver.sent(Serverbound), all, "cut at {cut}");
            driver.feed(Serverbound, &say("later"));
            let lines = driver.lines();
            let told = |line: &&String| line.contains("lost framing") || line.contains("notice");
            let told: Vec<String> = lines.iter().filter(told).cloned().collect();
            // The bytes from there on are shown as bytes, all of them, once.
            let opaque = driver.events.iter().filter_map(|event| match event {
                midwire_session::Event::Opaque { bytes, offset, .. } => {
                    Some((*offset, bytes.clone()))
                }
                _ => None,
            });
            let mut next = 4;
            let mut seen = Vec::new();
            for (offset, bytes) in opaque {
                assert_eq!(offset, next);
                next += bytes.len() as u64;
                seen.extend_from_slice(&bytes);
            }
            assert_eq!(seen, [&all[4..], &say("later")].concat(), "cut at {cut}");
            assert_eq!(driver.session.counters(Serverbound).bytes, all.len() as u64 + 7);
            assert_eq!(driver.packets().count(), 1);
            // The other direction goes on.
            driver.feed(Clientbound, &say("still"));
            assert_eq!(driver.packets().count(), 2);
            assert_eq!(said.get_or_insert_with(|| told.clone()), &told, "cut at {cut}");
        }
    }
    (said.unwrap(), all)
}

#[test]
fn what_has_no_end_turns_its_direction_raw_and_is_said() {
    for (start, said) in [
        (
            &hex!("63")[..],
            "serverbound lost framing: at offset 4 there is no serverbound packet 99 in first, so \
             nothing says where it ends",
        ),
        (
            &hex!("0a 02 0000"),
            "serverbound lost framing: packet strict at offset 4 cannot be read, so nothing says \
             where it ends: inner.a ends early at 2, 2 more byte(s) wanted",
        ),
        (
            &hex!("09 05"),
            "notice: serverbound bytes are passed on from offset 4, and not read: raw takes all \
             that comes behind kind 5",
        ),
        (
            &hex!("0b"),
            "notice: serverbound bytes are passed on from offset 4, and not read: dark takes all \
             that comes",
        ),
        (
            &hex!("08 00200000"),
            "serverbound lost framing: packet blob at offset 4 has 2097157 or more bytes, which is \
             above the packet length max of 1048576 (setting packet_length_max)",
        ),
    ] {
        assert_eq!(gone_raw(start).0, [said]);
    }
}

#[test]
fn the_session_is_closed_where_that_is_set() {
    let options = Options { on_lost_framing: OnLostFraming::Close, ..Options::default() };
    let mut driver = Driver::with(protocol(TOY), options.clone());
    driver.lines();
    driver.feed(Serverbound, &hex!("03 00 63 01"));
    assert_eq!(
        driver.lines(),
        [
            "#1 serverbound first say passed",
            "serverbound 0300",
            "serverbound lost framing, closed: at offset 2 there is no serverbound packet 99 in \
             first, so nothing says where it ends",
            "serverbound abort",
            "clientbound abort",
            "closed 1/2 0/0",
        ]
    );
    // What the definition means to be so is no loss.
    let mut driver = Driver::with(protocol(TOY), options);
    driver.feed(Serverbound, &hex!("09 01 02"));
    assert_eq!(driver.sent(Serverbound), hex!("09 01 02"));
}

#[test]
fn what_is_kept_of_a_packet_is_bounded() {
    let limits = Limits { packet_length_max: Some(10), ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    let endless = [&[7][..], &[1; 40]].concat(); // pairs without an end
    for cut in 1..endless.len() {
        let mut driver = Driver::with(protocol(TOY), options.clone());
        driver.lines();
        driver.feed(Serverbound, &endless[..cut]).feed(Serverbound, &endless[cut..]);
        assert_eq!(driver.sent(Serverbound), endless, "cut at {cut}");
        let lines = driver.lines();
        assert!(lines.iter().any(|line| line.contains("packet length max of 10")), "{lines:?}");
    }
    let mut driver = Driver::with(protocol(TOY), options);
    driver.feed(Serverbound, &say("12345678")).feed(Serverbound, &say("123456789"));
    assert_eq!(driver.packets().count(), 1);
}

#[test]
fn a_packet_that_stands_still_is_not_held_for_ever() {
    let mut driver = Driver::judged(TOY, Only("say", Verdict::Drop));
    driver.lines();
    driver.feed(Serverbound, &hex!("03 05 61"));
    assert_eq!(driver.session.poll_timeout(), Some(Elapsed::from_millis(3000)));
    driver.wait(2000).feed(Serverbound, b"b").wait(2999);
    assert_eq!(driver.lines(), Vec::<String>::new());
    driver.wait(1).feed(Serverbound, b"cd").feed(Serverbound, b"e").feed(Serverbound, &say("x"));
    assert_eq!(
        driver.lines(),
        [
            "notice: the rest of a serverbound packet did not come: its first 4 byte(s), from \
             offset 0 on, were passed on, and no rule sees it (setting packet_wait)",
            "serverbound 03056162",
            "serverbound 6364",
            "#1 serverbound first say passed",
            "serverbound 65",
            "#2 serverbound first say dropped",
        ]
    );
    assert_eq!(driver.session.poll_timeout(), None);
}

#[test]
fn the_opposite_direction_changes_when_its_sender_has_got_the_packet() {
    let mut driver = Driver::new(TOY);
    driver.lines();
    // On its way in the old state, then the first in the new.
    driver.take(Clientbound, &hex!("05")).take(Serverbound, &say("old")).drain();
    driver.feed(Serverbound, &say("late")).feed(Serverbound, &hex!("13 01 78"));
    driver.feed(Serverbound, &say("never"));
    assert_eq!(
        driver.lines(),
        [
            "#1 clientbound first go passed",
            "clientbound in second",
            "clientbound 05",
            "#2 serverbound first say passed",
            "serverbound 03036f6c64",
            "#3 serverbound first say passed",
            "serverbound 03046c617465",
            "serverbound in second",
            "#4 serverbound second say passed",
            "serverbound 130178",
            "serverbound lost framing: at offset 14 there is no serverbound packet 3 in second, so \
             nothing says where it ends",
            "serverbound opaque 7 at 14",
            "serverbound 03056e65766572",
        ]
    );
}

/// `say` is the same in both states, `go` is not.
const SHARED: &str = r#"
protocol shared {
  endian big
  states first, second, raw
  start first
  stack { frame none, id: u8 }
}
packet first both say = 3 { text: str[u8] }
packet first both go = 5 {}
packet first both stop = 6 {}
packet first both old = 7 { a: u8 }
packet second both say = 3 { text: str[u8] }
packet second both new = 7 { a: u32 }
packet raw both all = 3 { ... }
packet raw both more = 9 { ... }
on first clientbound go { state = second }
on first clientbound stop { state = raw }
"#;

#[test]
fn what_is_the_same_in_both_forms_decides_nothing() {
    let mut driver = Driver::new(SHARED);
    driver.feed(Clientbound, &[5]);
    // One that both have, then one that only the old has, then one that is longer in the new.
    driver.feed(Serverbound, &say("a")).feed(Serverbound, &[6]).feed(Serverbound, &[7, 0]);
    driver.feed(Serverbound, &[0, 0, 1]).feed(Serverbound, &say("b"));
    let lines = driver.lines();
    let lines: Vec<_> = lines.iter().filter(|line| line.contains("serverbound")).collect();
    assert_eq!(
        lines,
        [
            "#2 serverbound second say passed",
            "serverbound 030161",
            "#3 serverbound first stop passed",
            "serverbound 06",
            "serverbound 0700",
            "serverbound in second",
            "#4 serverbound second new passed",
            "serverbound 000001",
            "#5 serverbound second say passed",
            "serverbound 030162",
        ]
    );
}

#[test]
fn what_takes_all_is_the_last_that_is_believed() {
    let mut driver = Driver::new(SHARED);
    driver.feed(Clientbound, &[6]);
    driver.feed(Serverbound, &say("old")).feed(Serverbound, &[7, 1]).feed(Serverbound, &[9, 9]);
    let names: Vec<_> =
        driver.packets().map(|packet| packet.definition.as_ref().unwrap().name.clone()).collect();
    assert_eq!(names.iter().map(|name| &**name).collect::<Vec<_>>(), ["stop", "say", "old"]);
    assert!(driver.lines().iter().any(|line| line.contains("more takes all that comes")));
    assert_eq!(driver.sent(Serverbound), [&say("old")[..], &[7, 1, 9, 9]].concat());
}

/// What a handshake in turns looks like: no ids, a state for each step.
const TURNS: &str = r#"
protocol turns {
  endian big
  states version, security, challenge, joined
  frame none
}
packet version both hello = 0 { text: latin1[12] }
packet security clientbound offer = 0 { kinds: [u8] u8 }
packet security serverbound choice = 0 { kind: u8 }
packet challenge clientbound ask = 0 { bytes: bytes[16] }
packet challenge serverbound response = 0 { bytes: bytes[16] @secret }
packet joined both event = 0 { kind: u8, match kind { 0 => { a: u8 }, 1 => { n: u16, b: [n] u32 }, else => { ... } } }
on version serverbound hello { state = security }
on security serverbound choice { state = challenge }
on challenge serverbound response { state = joined }
"#;

#[test]
fn a_handshake_without_ids_is_followed_byte_by_byte() {
    let steps: [(_, &[u8]); 9] = [
        (Clientbound, b"RFB 003.008\n"),
        (Serverbound, b"RFB 003.008\n"),
        (Clientbound, &hex!("02 01 02")),
        (Serverbound, &hex!("02")),
        (Clientbound, &[7; 16]),
        (Serverbound, &[8; 16]),
        (Clientbound, &hex!("01 0002 00000001 00000002 00 09")),
        (Serverbound, &hex!("00 01 01 0000 00 02")),
        (Serverbound, &hex!("02 03 04")),
    ];
    for piecewise in [false, true] {
        let mut driver = Driver::new(TURNS);
        driver.lines();
        for (direction, bytes) in steps {
            match piecewise {
                true => bytes.iter().for_each(|byte| {
                    driver.feed(direction, &[*byte]);
                }),
                false => {
                    driver.feed(direction, bytes);
                }
            }
        }
        let seen: Vec<_> = driver
            .packets()
            .map(|packet| {
                format!("{} {}", packet.direction, packet.definition.as_ref().unwrap().name)
            })
            .collect();
        assert_eq!(
            seen,
            [
                "clientbound hello",
                "serverbound hello",
                "clientbound offer",
                "serverbound choice",
                "clientbound ask",
                "serverbound response",
                "clientbound event",
                "clientbound event",
                "serverbound event",
                "serverbound event",
                "serverbound event",
            ]
        );
        let lines = driver.lines();
        let notices = lines.iter().filter(|line| line.contains("notice"));
        assert_eq!(notices.count(), 1, "{lines:?}");
        for direction in [Serverbound, Clientbound] {
            let all: Vec<u8> = steps
                .iter()
                .filter(|(way, _)| *way == direction)
                .flat_map(|(_, bytes)| bytes.iter().copied())
                .collect();
            assert_eq!(driver.sent(direction), all);
        }
    }
}

/// Numbers that a seed makes.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    /// Bytes of which many are ids.
    fn bytes(&mut self) -> Vec<u8> {
        let len = self.below(200);
        (0..len)
            .map(|_| if self.below(4) > 0 { self.below(22) as u8 } else { self.below(256) as u8 })
            .collect()
    }
}

#[test]
fn whatever_comes_passes_unchanged_and_in_order() {
    for seed in 0..3000 {
        let mut dice = Dice(seed);
        let streams = [dice.bytes(), dice.bytes()];
        let mut driver = match dice.below(2) {
            0 => Driver::new(TOY),
            _ => Driver::judged(
                TOY,
                By(|info: &midwire_session::PacketInfo<'_>| match info.number.0 % 3 {
                    0 => Verdict::Delay(Duration::from_millis(700)),
                    _ => Verdict::Pass,
                }),
            ),
        };
        let mut at = [0, 0];
        for _ in 0..dice.below(60) {
            let direction = if dice.below(2) == 0 { Serverbound } else { Clientbound };
            let from = at[direction.index()];
            let stream = &streams[direction.index()];
            let to = (from + 1 + dice.below(30) as usize).min(stream.len());
            driver.feed(direction, &stream[from..to]).wait(dice.below(3000));
            at[direction.index()] = to;
        }
        for direction in [Serverbound, Clientbound] {
            let rest = &streams[direction.index()][at[direction.index()]..];
            driver.feed(direction, rest).end(direction);
        }
        driver.wait(10_000).wait(10_000);
        for direction in [Serverbound, Clientbound] {
            assert_eq!(driver.sent(direction), streams[direction.index()], "seed {seed}");
        }
        let lines = driver.lines();
        assert!(lines.last().unwrap().starts_with("closed"), "seed {seed}: {lines:?}");
    }
}

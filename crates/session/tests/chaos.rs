//! Peers that send anything, cut anywhere, held and let go at any time: what goes in comes out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use midwire_codec::Direction;
use midwire_definition::{Edits, Given};
use midwire_session::{
    Content, Decision, Delay, Disconnect, Event, Fate, Log, NewPacket, Options, Origin, PacketInfo,
    PacketNumber, Place, Recording, Setup, Verdict, Watch,
};
use support::{By, Clientbound, Driver, Serverbound, TOY};

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        self.0 >> 33
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// A frame that may be anything; seldom no frame at all.
fn anything(dice: &mut Dice, out: &mut Vec<u8>) {
    let text = "x".repeat(dice.below(100));
    let payload = match dice.below(12) {
        0 => vec![5],
        1 => vec![6],
        2 => vec![0x16],
        3 => vec![7, dice.below(100) as u8],
        4 => vec![9, dice.below(100) as u8],
        5 => support::said(0x13, &text),
        6 => {
            let len = dice.below(20);
            dice.bytes(len)
        }
        7 if dice.below(20) == 0 => vec![8],
        _ => support::said(3, &text),
    };
    match dice.below(40) {
        0 if dice.below(4) == 0 => {
            let len = dice.below(30);
            out.extend(dice.bytes(len));
        }
        n if n < 20 => out.extend(support::frame(&payload)),
        _ => {
            let threshold = dice.below(100);
            out.extend(support::squeezed(threshold, &payload));
        }
    }
}

fn run(seed: u64, setup: &std::sync::Arc<Setup>) {
    let mut dice = Dice(seed);
    let mut driver = Driver::of(setup);
    let watch = [Watch::Nothing, Watch::Ids, Watch::Packets][dice.below(3)];
    driver.session.set_watch(watch);
    let recording = [Recording::Off, Recording::Masked, Recording::Whole][dice.below(3)];
    driver.session.set_recording(recording);
    if dice.below(2) == 0 {
        let mut verdicts = Dice(seed ^ 0x5555);
        driver.session.set_judge(Some(Box::new(By(move |_: &PacketInfo<'_>| {
            match verdicts.below(10) {
                0 => Verdict::Intercept,
                1 => Verdict::Delay(Duration::from_millis(verdicts.next() % 20)),
                _ => Verdict::Pass,
            }
        }))));
    }
    let mut fed: [Vec<u8>; 2] = Default::default();
    let mut held = Vec::new();
    for _ in 0..dice.below(30) {
        let direction = Direction::BOTH[dice.below(2)];
        let mut bytes = Vec::new();
        for _ in 0..dice.below(5) {
            anything(&mut dice, &mut bytes);
        }
        fed[direction.index()].extend_from_slice(&bytes);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let cut = 1 + dice.below(rest.len());
            driver.feed(direction, &rest[..cut]);
            rest = &rest[cut..];
            driver.wait(dice.next() % 10);
        }
        held.extend(driver.events.drain(..).filter_map(|event| match event {
            Event::Packet(packet) if packet.fate == Fate::Held => Some(packet.number),
            _ => None,
        }));
        if !held.is_empty() && dice.below(3) == 0 {
            let number = held.swap_remove(dice.below(held.len()));
            driver.resume(number.0, Verdict::Pass);
        }
    }
    for direction in Direction::BOTH {
        driver.end(direction);
    }
    driver.wait(1000);
    // unwatched sessions do not tell which packets are held
    for number in 1..2000 {
        let number = PacketNumber(number);
        let _ = driver.session.resume(number, Verdict::Pass, driver.now, &mut driver.scratch);
        driver.drain();
    }
    driver.wait(1000);
    for direction in Direction::BOTH {
        assert_eq!(driver.sent(direction), fed[direction.index()], "seed {seed}, {direction}");
        if recording != Recording::Off {
            let [came, sent] = [&driver.tape.came, &driver.tape.sent];
            let at = direction.index();
            assert_eq!(sent[at], fed[at], "recorded, seed {seed}, {direction}");
            assert_eq!(came[at], fed[at], "recorded, seed {seed}, {direction}");
        }
    }
    assert!(matches!(driver.events.last(), Some(Event::Closed { .. })), "seed {seed}");
    let counters = Direction::BOTH.map(|direction| driver.session.counters(direction));
    for direction in Direction::BOTH {
        let counters = counters[direction.index()];
        assert_eq!(counters.bytes, fed[direction.index()].len() as u64);
        assert_eq!(counters.sent_bytes, counters.bytes);
    }
}

#[test]
fn what_goes_in_comes_out() {
    let setup = Setup::new(support::protocol(TOY), Options::default());
    for seed in 0..3000 {
        run(seed, &setup);
    }
}

#[test]
fn what_goes_in_comes_out_of_a_protocol_with_old_pings() {
    let text = TOY.replace("cipher:", "ping: legacy_ping on\n    cipher:");
    let setup = Setup::new(support::protocol(&text), Options::default());
    for seed in 0..1000 {
        run(seed, &setup);
    }
}

#[test]
fn garbage_in_a_game_of_minecraft_comes_out_as_it_went_in() {
    let setup = Setup::new(support::minecraft(), Options::default());
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let mut driver = Driver::of(&setup);
        let number = [47, 340, 765, 769][dice.below(4)];
        let mut hello = vec![0];
        midwire_codec::varint::write_uvarint(number, &mut hello);
        hello.extend_from_slice(b"\x09localhost\x63\xdd\x02");
        let mut fed = [support::frame(&hello), Vec::new()];
        driver.feed(Serverbound, &support::frame(&hello));
        let mut compressed = false;
        for _ in 0..60 {
            let direction = Direction::BOTH[dice.below(2)];
            let len = dice.below(60);
            let mut payload = dice.bytes(len);
            if let Some(id) = payload.first_mut() {
                *id %= 0x50;
            }
            let mut bytes = match compressed {
                true => support::squeezed(8, &payload),
                false => support::frame(&payload),
            };
            if !compressed && direction == Clientbound && dice.below(4) == 0 {
                compressed = true;
                bytes = support::frame(&[3, 8]);
            }
            fed[direction.index()].extend_from_slice(&bytes);
            driver.feed(direction, &bytes);
        }
        for direction in Direction::BOTH {
            driver.end(direction);
            assert_eq!(driver.sent(direction), fed[direction.index()], "seed {seed}");
        }
    }
}

#[test]
fn rules_gone_wild_do_not_break_the_session() {
    let setup = Setup::new(support::protocol(TOY), Options::default());
    for seed in 0..3000 {
        let mut dice = Dice(seed);
        let mut driver = Driver::of(&setup);
        driver.session.set_recording(Recording::Masked);
        let mut verdicts = Dice(seed ^ 0x5555);
        driver.session.set_judge(Some(Box::new(By(move |_: &PacketInfo<'_>| {
            match verdicts.below(8) {
                0 => Verdict::Intercept,
                1 => Verdict::Delay(Duration::from_millis(verdicts.next() % 20)),
                2 => Verdict::Drop,
                3 => {
                    let len = verdicts.below(9);
                    Verdict::Replace(verdicts.bytes(len).into())
                }
                _ => Verdict::Pass,
            }
        }))));
        for _ in 0..30 {
            let direction = Direction::BOTH[dice.below(2)];
            let mut bytes = Vec::new();
            anything(&mut dice, &mut bytes);
            driver.feed(direction, &bytes).wait(dice.next() % 10);
            let len = dice.below(9);
            let (payload, origin) = (dice.bytes(len).into(), Origin::User);
            let packet = NewPacket { payload, origin, forced: dice.below(2) == 0 };
            let _ = driver.session.inject(direction, packet, driver.now, &mut driver.scratch);
            driver.drain();
            let number = PacketNumber(1 + dice.next() % 30);
            let _ = driver.session.resume(number, Verdict::Drop, driver.now, &mut driver.scratch);
            driver.drain();
        }
        let counters = Direction::BOTH.map(|direction| driver.session.counters(direction));
        for direction in Direction::BOTH {
            let sent = driver.sent(direction).len() as u64;
            assert_eq!(counters[direction.index()].sent_bytes, sent);
            let recorded = &driver.tape.sent[direction.index()];
            assert_eq!(recorded, driver.sent(direction), "recorded, seed {seed}, {direction}");
        }
    }
}

/// A decision that may be anything, or that only sends packets besides.
fn decide(dice: &mut Dice, gentle: bool, decision: &mut Decision) {
    let place = |dice: &mut Dice| [Place::Before, Place::After][dice.below(2)];
    for _ in 0..dice.below(3) {
        let direction = Direction::BOTH[dice.below(2)];
        let mut beside = support::saying(place(dice), direction, "beside");
        if !gentle && dice.below(3) == 0 {
            let len = dice.below(6);
            beside.packet = Content::Payload(dice.bytes(len).into());
            beside.forced = dice.below(2) == 0;
        }
        decision.beside.push(beside);
    }
    let wait = Duration::from_millis(dice.next() % 20);
    match dice.below(9) {
        0 => decision.delay = Some(Delay { wait, loose: !gentle && dice.below(2) == 0 }),
        1 => decision.intercept = true,
        2 if !gentle => decision.copies = 1 + dice.next() as u32 % 3,
        3 if !gentle => decision.drop = true,
        4 if !gentle && dice.below(9) == 0 => {
            decision.disconnect = Some(Disconnect { why: "bye".into(), by: None })
        }
        5 => decision.tags.logs.push(Log { by: None, text: None }),
        6 if !gentle => {
            let mut edits = Edits::new();
            edits.set("text", Given::Text("edited".to_owned()));
            decision.edits.push((None, edits));
        }
        _ => {}
    }
}

/// Whether `part` is `whole` with something taken out.
fn is_within(part: &[u8], whole: &[u8]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|byte| rest.any(|other| other == byte))
}

#[test]
fn packets_sent_because_of_others_leave_those_as_they_are() {
    for text in [TOY, FRAMELESS] {
        let setup = Setup::new(support::protocol(text), Options::default());
        for seed in 0..3000 {
            let gentle = seed % 3 > 0;
            let mut dice = Dice(seed);
            let mut driver = Driver::of(&setup);
            driver.session.set_watch([Watch::Nothing, Watch::Ids, Watch::Packets][dice.below(3)]);
            driver.session.set_recording(Recording::Whole);
            let mut decisions = Dice(seed ^ 0x5555);
            driver.session.set_judge(Some(Box::new(support::Deciding(
                move |_: &PacketInfo<'_>, decision: &mut Decision| {
                    decide(&mut decisions, gentle, decision);
                },
            ))));
            let mut fed: [Vec<u8>; 2] = Default::default();
            for _ in 0..30 {
                let direction = Direction::BOTH[dice.below(2)];
                let mut bytes = Vec::new();
                anything(&mut dice, &mut bytes);
                let cut = dice.below(bytes.len() + 1);
                driver.feed(direction, &bytes[..cut]).wait(dice.next() % 10);
                driver.feed(direction, &bytes[cut..]);
                fed[direction.index()].extend_from_slice(&bytes);
            }
            for direction in Direction::BOTH {
                driver.end(direction);
            }
            for number in 1..300 {
                let number = PacketNumber(number);
                let _ =
                    driver.session.resume(number, Verdict::Pass, driver.now, &mut driver.scratch);
                driver.drain().wait(20);
            }
            let closed = matches!(driver.events.last(), Some(Event::Closed { .. }));
            assert!(closed, "seed {seed}: {:?}", driver.lines);
            for direction in Direction::BOTH {
                let (fed, sent) = (&fed[direction.index()], driver.sent(direction));
                assert!(!gentle || is_within(fed, sent), "seed {seed}, {direction}");
                let counted = driver.session.counters(direction).sent_bytes;
                assert_eq!(counted, sent.len() as u64, "seed {seed}, {direction}");
                let [came, left] = [&driver.tape.came, &driver.tape.sent];
                let at = direction.index();
                assert_eq!(left[at], sent, "recorded, seed {seed}, {direction}");
                assert!(fed.starts_with(&came[at]), "recorded, seed {seed}, {direction}");
                assert!(!gentle || *fed == came[at], "recorded, seed {seed}, {direction}");
            }
        }
    }
}

/// What is much like [`TOY`], without frames.
const FRAMELESS: &str = r#"
protocol toy "Toy" {
  states first, second
  start first
  stack { frame none, id: u8 }
}
packet first both say = 3 { text: str[u8] }
packet first both go = 5 {}
packet first both go_mine = 6 {}
packet first both long = 7 { n: u8, data: bytes[n] }
packet second both say = 0x13 { text: str[u8] }
packet second both go_mine = 0x16 {}
on first serverbound go { state = second }
on first clientbound go { state = second }
on first serverbound go_mine { state serverbound = second }
on first clientbound go_mine { state clientbound = second }
on second serverbound go_mine { state serverbound = first }
on second clientbound go_mine { state clientbound = first }
"#;

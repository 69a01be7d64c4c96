//! Packets that are sent because of another: in front of it, behind it, the other way, it once more.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use midwire_session::{Content, Decision, Delay, Limits, Options, Origin, Place, Verdict, Watch};
use support::{
    Clientbound, Deciding, Driver, Serverbound, TOY, bytes, deciding, frame, protocol, said, say,
    saying, squeezed,
};

use Place::{After, Before};

fn three() -> Vec<u8> {
    [say("a"), say("b"), say("c")].concat()
}

/// A decision to send these, and nothing else.
fn sends(beside: impl IntoIterator<Item = midwire_session::Beside>) -> Decision {
    Decision { beside: beside.into_iter().collect(), ..Decision::default() }
}

#[test]
fn packets_go_directly_in_front_of_and_behind_the_one_they_are_sent_because_of() {
    let beside = [
        saying(After, Serverbound, "y1"),
        saying(Before, Serverbound, "x1"),
        saying(After, Serverbound, "y2"),
        saying(Before, Serverbound, "x2"),
    ];
    let expected =
        [say("a"), say("x1"), say("x2"), say("b"), say("y1"), say("y2"), say("c")].concat();
    let all = three();
    for cut in 0..=all.len() {
        let mut driver = Driver::judged(TOY, deciding(2, sends(beside.clone())));
        driver.feed(Serverbound, &all[..cut]).feed(Serverbound, &all[cut..]);
        assert_eq!(driver.sent(Serverbound), expected, "cut at {cut}");
        assert_eq!(driver.sent(Clientbound), b"");
        assert_eq!(driver.session.counters(Serverbound).injected, 4);
    }
}

#[test]
fn they_are_reported_where_they_stand_with_who_sends_them() {
    let beside = [saying(Before, Serverbound, "x"), saying(After, Serverbound, "y")];
    let mut driver = Driver::judged(TOY, deciding(2, sends(beside)));
    driver.feed(Serverbound, &three());
    let seen: Vec<_> = driver
        .packets()
        .map(|packet| {
            let rules = packet.tags.as_ref().map(|tags| tags.rules.join(" "));
            (packet.origin, rules.unwrap_or_default(), packet.payload.clone().unwrap())
        })
        .collect();
    let (client, rule, none) = (Origin::Client, Origin::Rule, String::new());
    assert_eq!(
        seen,
        [
            (client, none.clone(), bytes(&said(3, "a"))),
            (rule, "x".to_owned(), bytes(&said(3, "x"))),
            (client, none.clone(), bytes(&said(3, "b"))),
            (rule, "y".to_owned(), bytes(&said(3, "y"))),
            (client, none, bytes(&said(3, "c"))),
        ]
    );
}

#[test]
fn what_is_sent_beside_a_dropped_packet_goes_in_its_place() {
    let beside = [saying(Before, Serverbound, "x"), saying(After, Serverbound, "y")];
    let decision = Decision { drop: true, copies: 3, ..sends(beside) };
    let mut driver = Driver::judged(TOY, deciding(2, decision));
    driver.feed(Serverbound, &three());
    assert_eq!(driver.sent(Serverbound), [say("a"), say("x"), say("y"), say("c")].concat());
}

#[test]
fn what_is_sent_the_other_way_goes_behind_what_has_come_there() {
    let beside = [saying(Before, Clientbound, "x"), saying(After, Clientbound, "y")];
    let mut driver = Driver::judged(TOY, deciding(2, sends(beside)));
    driver.feed(Clientbound, &say("first"));
    // the start of a frame, which goes behind them
    driver.feed(Clientbound, &say("later")[..3]);
    driver.feed(Serverbound, &say("a"));
    driver.feed(Clientbound, &say("later")[3..]);
    let expected = [say("first"), say("x"), say("y"), say("later")].concat();
    assert_eq!(driver.sent(Clientbound), expected);
    assert_eq!(driver.sent(Serverbound), say("a"));
}

#[test]
fn what_goes_behind_a_held_packet_waits_for_it_the_other_way_too() {
    let beside = [
        saying(Before, Clientbound, "before, back"),
        saying(Before, Serverbound, "before"),
        saying(After, Serverbound, "after"),
        saying(After, Clientbound, "after, back"),
    ];
    for (verdict, kept) in [(Verdict::Pass, say("b")), (Verdict::Drop, Vec::new())] {
        let decision = Decision { intercept: true, ..sends(beside.clone()) };
        let mut driver = Driver::judged(TOY, deciding(2, decision));
        driver.feed(Serverbound, &three());
        driver.feed(Clientbound, &say("server"));
        assert_eq!(driver.sent(Serverbound), [say("a"), say("before")].concat());
        assert_eq!(driver.sent(Clientbound), [say("before, back"), say("server")].concat());
        driver.resume(2, verdict);
        let expected = [say("a"), say("before"), kept, say("after"), say("c")].concat();
        assert_eq!(driver.sent(Serverbound), expected);
        let expected = [say("before, back"), say("server"), say("after, back")].concat();
        assert_eq!(driver.sent(Clientbound), expected);
    }
}

#[test]
fn around_the_packet_that_switches_compression_each_has_the_form_of_its_place() {
    let beside = [saying(Before, Clientbound, "x"), saying(After, Clientbound, "y")];
    let long = "long ".repeat(20);
    let after_too = saying(After, Clientbound, &long);
    let decision = sends(beside.into_iter().chain([after_too]));
    for together in [false, true] {
        let mut driver = Driver::judged(TOY, deciding(1, decision.clone()));
        let squeeze = frame(&[7, 64]);
        let next = squeezed(64, &said(3, "next"));
        if together {
            driver.feed(Clientbound, &[squeeze.clone(), next.clone()].concat());
        } else {
            driver.feed(Clientbound, &squeeze).feed(Clientbound, &next);
        }
        let y = squeezed(64, &said(3, "y"));
        let long = squeezed(64, &said(3, &long));
        assert_eq!(driver.sent(Clientbound), [say("x"), squeeze, y, long, next].concat());
    }
}

#[test]
fn around_the_packet_that_switches_compression_what_goes_back_is_compressed_for_its_receiver() {
    // The server has told that it compresses as it sent the packet, and so reads compressed frames.
    let beside = [saying(Before, Serverbound, "x"), saying(After, Serverbound, "y")];
    let mut driver = Driver::judged(TOY, deciding(1, sends(beside)));
    driver.feed(Clientbound, &frame(&[7, 64]));
    let [x, y] = ["x", "y"].map(|text| squeezed(64, &said(3, text)));
    // In front of a packet means before it is read: its sender had not sent it then.
    assert_eq!(driver.sent(Serverbound), [say("x"), y.clone()].concat());
    assert_ne!(say("x"), x);
    // The client still writes the old form until it has got the packet.
    driver.feed(Serverbound, &squeezed(64, &said(3, "client")));
    assert_eq!(driver.sent(Serverbound), [say("x"), y, squeezed(64, &said(3, "client"))].concat());
}

#[test]
fn around_the_packet_that_switches_the_state_each_is_the_packet_of_its_place() {
    for direction in [Serverbound, Clientbound] {
        for intercept in [false, true] {
            let beside = [saying(Before, direction, "x"), saying(After, direction, "y")];
            let decision = Decision { intercept, ..sends(beside) };
            let mut driver = Driver::judged(TOY, deciding(2, decision));
            let second = frame(&said(0x13, "c"));
            driver.feed(direction, &[say("a"), frame(&[5]), second.clone()].concat());
            if intercept {
                assert_eq!(driver.sent(direction), [say("a"), say("x")].concat());
                driver.resume(2, Verdict::Pass);
            }
            let y = frame(&said(0x13, "y"));
            let expected = [say("a"), say("x"), frame(&[5]), y, second].concat();
            assert_eq!(driver.sent(direction), expected, "{direction} held: {intercept}");
        }
    }
}

#[test]
fn a_packet_that_is_not_defined_at_its_place_is_refused_and_the_rest_goes_on() {
    let mut dark = saying(After, Serverbound, "dark.rules:1");
    let fields = midwire_definition::Given::Object(Vec::new());
    dark.packet = Content::Fields { name: "count".into(), fields: fields.clone() };
    let mut wrong = saying(Before, Serverbound, "wrong.rules:2");
    let given = midwire_definition::given::parse(r#"{"txt":"x"}"#).unwrap();
    wrong.packet = Content::Fields { name: "say".into(), fields: given };
    let mut unknown = saying(After, Serverbound, "unknown.rules:3");
    unknown.packet = Content::Payload(bytes(&[0x70]));
    let mut changes = saying(After, Serverbound, "changes.rules:4");
    changes.packet = Content::Fields { name: "go_mine".into(), fields };
    let mut driver = Driver::judged(TOY, deciding(1, sends([dark, wrong, unknown, changes])));
    driver.lines();
    driver.feed(Serverbound, &[frame(&[5]), frame(&said(0x13, "c"))].concat());
    assert_eq!(
        driver.lines(),
        [
            "notice: wrong.rules:2: nothing was sent beside packet 1: there is no field `txt` in \
             the packet; did you mean `text`?",
            "#1 serverbound first go passed",
            "serverbound in second",
            "serverbound 0105",
            "notice: dark.rules:1: nothing was sent beside packet 1: there is no serverbound packet \
             `count` in second",
            "notice: unknown.rules:3: nothing was sent beside packet 1: no serverbound packet 112 \
             in the receiver's protocol state",
            "notice: changes.rules:4: nothing was sent beside packet 1: packet 22 changes the \
             session's state",
            "#2 serverbound second say passed",
            "serverbound 03130163",
        ]
    );
}

#[test]
fn a_forced_packet_may_change_the_state() {
    let mut go = saying(After, Serverbound, "x");
    let fields = midwire_definition::Given::Object(Vec::new());
    (go.packet, go.forced) = (Content::Fields { name: "go".into(), fields }, true);
    let mut driver = Driver::judged(TOY, deciding(1, sends([go, saying(After, Serverbound, "y")])));
    driver.feed(Serverbound, &say("a"));
    let y = frame(&said(0x13, "y"));
    assert_eq!(driver.sent(Serverbound), [say("a"), frame(&[5]), y].concat());
}

#[test]
fn nothing_is_put_behind_what_makes_a_direction_unreadable() {
    for direction in [Serverbound, Clientbound] {
        let beside = [
            saying(Before, direction, "x"),
            saying(After, direction, "y"),
            saying(After, direction.opposite(), "z"),
        ];
        let mut driver = Driver::judged(TOY, deciding(1, sends(beside)));
        driver.feed(direction, &[&frame(&[8])[..], b"cipher text"].concat());
        let expected = [&say("x")[..], &frame(&[8]), b"cipher text"].concat();
        assert_eq!(driver.sent(direction), expected);
        let refused: Vec<_> =
            driver.lines().into_iter().filter(|line| line.contains("nothing was sent")).collect();
        assert!(refused[0].starts_with("notice: y: "), "{refused:?}");
    }
}

#[test]
fn what_waits_in_front_of_an_encrypted_part_is_still_sent() {
    let mut driver = Driver::judged(
        TOY,
        Deciding(|info: &midwire_session::PacketInfo<'_>, decision: &mut Decision| {
            if info.number.0 == 1 {
                decision.intercept = true;
                decision.beside.push(saying(After, Serverbound, "y"));
            }
        }),
    );
    let all = [&say("a")[..], &frame(&[8]), b"cipher text"].concat();
    driver.feed(Serverbound, &all);
    assert_eq!(driver.sent(Serverbound), b"");
    driver.resume(1, Verdict::Pass);
    let expected = [&say("a")[..], &say("y"), &frame(&[8]), b"cipher text"].concat();
    assert_eq!(driver.sent(Serverbound), expected);
}

#[test]
fn nothing_is_sent_into_a_direction_that_has_ended() {
    let beside = [saying(After, Clientbound, "y"), saying(After, Serverbound, "z")];
    let decision = Decision { intercept: true, ..sends(beside) };
    let mut driver = Driver::judged(TOY, deciding(1, decision));
    driver.feed(Serverbound, &say("a")).end(Clientbound).end(Serverbound);
    driver.lines();
    driver.resume(1, Verdict::Pass);
    assert_eq!(
        driver.lines(),
        [
            "#1 resumed: passed",
            "serverbound 03030161",
            "notice: y: nothing was sent beside packet 1: clientbound has ended",
            "#2 serverbound first say passed",
            "serverbound 0303017a",
            "serverbound finish",
            "closed 1/4 0/0",
        ]
    );
}

#[test]
fn more_than_the_buffer_holds_is_refused() {
    let options =
        Options { limits: Limits { buffer_max: 2000, ..Limits::default() }, ..Options::default() };
    let mut driver = Driver::with(protocol(TOY), options);
    let text = "x".repeat(200);
    driver.session.set_judge(Some(Box::new(Deciding(
        move |info: &midwire_session::PacketInfo<'_>, decision: &mut Decision| {
            decision.intercept = info.number.0 == 1;
            decision.beside.push(saying(After, Serverbound, &text));
        },
    ))));
    driver.feed(Serverbound, &say("a").repeat(100));
    let refused = driver.lines().iter().filter(|l| l.contains("nothing was sent")).count();
    assert!((90..100).contains(&refused), "{refused}");
    driver.resume(1, Verdict::Pass);
    let sent = driver.packets().filter(|packet| packet.origin == Origin::Rule).count();
    assert_eq!(sent + refused, 100);
    // a driver that does not poll is not given without end either
    let options =
        Options { limits: Limits { buffer_max: 2000, ..Limits::default() }, ..Options::default() };
    let mut driver = Driver::with(protocol(TOY), options);
    driver.session.set_judge(Some(Box::new(Deciding(
        move |_: &midwire_session::PacketInfo<'_>, decision: &mut Decision| {
            decision.beside.push(saying(After, Clientbound, "text"));
        },
    ))));
    driver.take(Serverbound, &say("a").repeat(10_000));
    driver.drain();
    assert!(driver.sent(Clientbound).len() <= 2000, "{}", driver.sent(Clientbound).len());
}

#[test]
fn copies_go_directly_behind_the_packet_as_it_went_on() {
    let beside = [saying(Before, Serverbound, "x"), saying(After, Serverbound, "y")];
    let mut edits = midwire_definition::Edits::new();
    edits.set("text", midwire_definition::Given::Text("new".to_owned()));
    for (edits, b) in [(vec![], "b"), (vec![(None, edits)], "new")] {
        let decision = Decision { copies: 2, edits, ..sends(beside.clone()) };
        let mut driver = Driver::judged(TOY, deciding(2, decision));
        driver.feed(Serverbound, &three());
        let b = say(b);
        let expected = [say("a"), say("x"), b.clone(), b.clone(), b, say("y"), say("c")].concat();
        assert_eq!(driver.sent(Serverbound), expected);
    }
}

#[test]
fn a_copy_of_a_compressed_packet_is_the_same_frame() {
    // compressed by somebody who compresses otherwise than we would
    let payload = said(3, &"text ".repeat(30));
    let mut stored = vec![payload.len() as u8 | 0x80, 1];
    stored.extend(
        {
            use std::io::Write as _;
            let mut writer =
                flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::none());
            writer.write_all(&payload).unwrap();
            writer.finish()
        }
        .unwrap(),
    );
    let odd = frame(&stored);
    assert_ne!(odd, squeezed(64, &payload));
    let mut driver =
        Driver::judged(TOY, deciding(2, Decision { copies: 1, ..Decision::default() }));
    driver.feed(Serverbound, &[frame(&[7, 64]), odd.clone()].concat());
    assert_eq!(driver.sent(Serverbound), [frame(&[7, 64]), odd.clone(), odd].concat());
}

#[test]
fn a_loosely_delayed_packet_is_overtaken() {
    let mut driver = Driver::judged(
        TOY,
        Deciding(|info: &midwire_session::PacketInfo<'_>, decision: &mut Decision| {
            let wait = match info.number.0 {
                1 => 50,
                2 => 10,
                _ => return,
            };
            decision.delay = Some(Delay { wait: Duration::from_millis(wait), loose: true });
        }),
    );
    driver.feed(Serverbound, &three());
    assert_eq!(driver.sent(Serverbound), say("c"));
    driver.wait(10);
    assert_eq!(driver.sent(Serverbound), [say("c"), say("b")].concat());
    driver.feed(Serverbound, &say("d")).wait(40);
    assert_eq!(driver.sent(Serverbound), [say("c"), say("b"), say("d"), say("a")].concat());
    assert_eq!(driver.session.poll_timeout(), None);
}

fn loose(millis: u64) -> Decision {
    let delay = Some(Delay { wait: Duration::from_millis(millis), loose: true });
    Decision { delay, ..Decision::default() }
}

#[test]
fn the_end_waits_for_what_was_put_off() {
    let mut driver = Driver::judged(TOY, deciding(1, loose(50)));
    driver.feed(Serverbound, &three()).end(Serverbound).wait(49);
    assert_eq!(driver.sent(Serverbound), [say("b"), say("c")].concat());
    driver.lines();
    driver.wait(1);
    assert_eq!(driver.lines(), ["serverbound 03030161", "serverbound finish"]);
}

#[test]
fn what_was_put_off_is_framed_as_its_receiver_reads_by_then() {
    let mut driver = Driver::judged(TOY, deciding(1, loose(50)));
    driver.feed(Serverbound, &[say("a"), frame(&[7, 64])].concat()).wait(50);
    let expected = [frame(&[7, 64]), squeezed(64, &said(3, "a"))].concat();
    assert_eq!(driver.sent(Serverbound), expected);
}

#[test]
fn what_was_put_off_is_not_sent_into_another_state_or_into_cipher_text() {
    for last in [&[5u8][..], &[8]] {
        let mut driver = Driver::judged(TOY, deciding(1, loose(50)));
        driver.feed(Serverbound, &[say("a"), frame(last)].concat());
        driver.lines();
        driver.wait(50);
        assert_eq!(driver.sent(Serverbound), frame(last));
        let lines = driver.lines();
        assert!(
            matches!(&lines[..], [line] if line.contains("packet 1 was not sent")),
            "{lines:?}"
        );
    }
}

#[test]
fn a_packet_that_changes_the_state_keeps_its_place() {
    let mut driver = Driver::judged(TOY, deciding(1, loose(50)));
    let second = frame(&said(0x13, "c"));
    driver.feed(Serverbound, &[frame(&[5]), second.clone()].concat());
    assert_eq!(driver.sent(Serverbound), b"");
    driver.wait(50);
    assert_eq!(driver.sent(Serverbound), [frame(&[5]), second].concat());
}

#[test]
fn an_edit_that_does_not_fit_is_refused_alone_and_named() {
    let edit = |path: &str, text: &str| {
        let mut edits = midwire_definition::Edits::new();
        edits.set(path, midwire_definition::Given::Text(text.to_owned()));
        (Some(text.into()), edits)
    };
    let edits =
        vec![edit("txt", "wrong.rules:1"), edit("text", "right"), edit("x", "wrong.rules:3")];
    let decision = Decision { edits, ..Decision::default() };
    let mut driver = Driver::judged(TOY, deciding(1, decision));
    driver.lines();
    driver.feed(Serverbound, &say("a"));
    assert_eq!(driver.sent(Serverbound), say("right"));
    let lines = driver.lines();
    assert!(
        lines[0].starts_with(
            "notice: wrong.rules:1: packet 1 went on without that change: there is no field `txt`"
        ),
        "{lines:?}"
    );
    assert!(lines[1].starts_with("notice: wrong.rules:3: "), "{lines:?}");
}

#[test]
fn a_packet_can_be_changed_and_delayed_and_marked_at_once() {
    let mut edits = midwire_definition::Edits::new();
    edits.set("text", midwire_definition::Given::Text("new".to_owned()));
    let mut decision = Decision { edits: vec![(Some("r".into()), edits)], ..Decision::default() };
    decision.delay = Some(Delay { wait: Duration::from_millis(5), loose: false });
    decision.tags.rules.push("r".into());
    decision.tags.marks.push("red".into());
    let mut driver = Driver::judged(TOY, deciding(1, decision));
    driver.feed(Serverbound, &three()).wait(5);
    assert_eq!(driver.sent(Serverbound), [say("new"), say("b"), say("c")].concat());
    let packet = driver.packets().next().unwrap();
    let tags = packet.tags.as_ref().unwrap();
    assert_eq!((&*tags.rules[0], &*tags.marks[0]), ("r", "red"));
    assert_eq!(packet.changed_by, Some(Origin::Rule));
}

#[test]
fn a_packet_with_a_log_line_is_reported_whatever_is_watched() {
    for watch in [Watch::Nothing, Watch::Ids] {
        let mut decision = Decision::default();
        let text = Some("gold!".into());
        decision.tags.logs.push(midwire_session::Log { by: Some("r".into()), text });
        let mut driver = Driver::judged(TOY, deciding(2, decision));
        driver.session.set_watch(watch);
        driver.feed(Serverbound, &three());
        let logged: Vec<_> = driver.packets().filter(|packet| packet.tags.is_some()).collect();
        assert_eq!(logged.len(), 1);
        assert_eq!(logged[0].payload.as_deref(), Some(&said(3, "b")[..]));
        assert_eq!(driver.packets().count(), if watch == Watch::Nothing { 1 } else { 3 });
    }
}

#[test]
fn of_what_nobody_reads_only_the_envelope_is_looked_at() {
    struct Sizes(std::sync::Arc<std::sync::Mutex<Vec<(u32, usize, bool)>>>);
    impl midwire_session::Judge for Sizes {
        fn interest(
            &self,
            _: midwire_definition::VersionId,
            _: midwire_definition::StateId,
            _: midwire_session::Direction,
            definition: Option<&midwire_definition::PacketDefinition>,
        ) -> bool {
            definition.is_some_and(|definition| &*definition.name == "say")
        }

        fn reads(
            &self,
            _: midwire_definition::VersionId,
            _: midwire_definition::StateId,
            _: midwire_session::Direction,
            _: Option<&midwire_definition::PacketDefinition>,
        ) -> bool {
            false
        }

        fn judge(
            &mut self,
            info: &midwire_session::PacketInfo<'_>,
            fields: Option<&mut midwire_definition::Packet<'_>>,
        ) -> Verdict {
            let seen = (info.length, info.payload.len(), fields.is_some());
            self.0.lock().unwrap().push(seen);
            if info.length > 100 { Verdict::Drop } else { Verdict::Pass }
        }
    }
    let seen = std::sync::Arc::default();
    let mut driver = Driver::unwatched(TOY);
    driver.session.set_judge(Some(Box::new(Sizes(std::sync::Arc::clone(&seen)))));
    let long = squeezed(16, &said(3, &"long ".repeat(20)));
    let middling = squeezed(16, &said(3, "more than sixteen bytes"));
    let short = squeezed(16, &said(3, "x"));
    driver.feed(Serverbound, &[frame(&[7, 16]), long, middling.clone(), short.clone()].concat());
    assert_eq!(driver.sent(Serverbound), [frame(&[7, 16]), middling, short].concat());
    assert_eq!(*seen.lock().unwrap(), [(102, 0, false), (25, 0, false), (3, 3, false)]);
}

#[test]
fn without_frames_nothing_is_put_into_a_packet() {
    let text = "protocol toy { stack { frame none, id: u8 } }\n\
                packet say = 3 both { text: str[u8] }\n\
                packet other = 4 both { text: str[u8] }";
    let other = [4, 2, b'h', b'i'];
    let beside = [
        saying(Before, Serverbound, "x"),
        saying(After, Serverbound, "y"),
        saying(After, Clientbound, "z"),
    ];
    let mut driver = Driver::judged(text, deciding(1, sends(beside)));
    driver.session.set_judge(Some(Box::new(OnlySay)));
    // the other direction is within a packet that nobody looks at
    driver.feed(Clientbound, &other[..3]);
    driver.feed(Serverbound, &said(3, "a"));
    driver.feed(Clientbound, &other[3..]);
    let expected = [said(3, "x"), said(3, "a"), said(3, "y")].concat();
    assert_eq!(driver.sent(Serverbound), expected);
    assert_eq!(driver.sent(Clientbound), [&other[..], &said(3, "z")].concat());
}

/// Sends beside each `say`, and does not look at anything else.
struct OnlySay;

impl midwire_session::Judge for OnlySay {
    fn interest(
        &self,
        _: midwire_definition::VersionId,
        _: midwire_definition::StateId,
        _: midwire_session::Direction,
        definition: Option<&midwire_definition::PacketDefinition>,
    ) -> bool {
        definition.is_some_and(|definition| &*definition.name == "say")
    }

    fn judge(
        &mut self,
        _: &midwire_session::PacketInfo<'_>,
        _: Option<&mut midwire_definition::Packet<'_>>,
    ) -> Verdict {
        Verdict::Pass
    }

    fn decide(
        &mut self,
        _: &midwire_session::PacketInfo<'_>,
        _: Option<&mut midwire_definition::Packet<'_>>,
        decision: &mut Decision,
    ) {
        decision.beside = vec![
            saying(Before, Serverbound, "x"),
            saying(After, Serverbound, "y"),
            saying(After, Clientbound, "z"),
        ];
    }
}

#[test]
fn what_the_driver_has_not_written_counts_against_the_buffer() {
    let options =
        Options { limits: Limits { buffer_max: 2000, ..Limits::default() }, ..Options::default() };
    let mut driver = Driver::with(protocol(TOY), options);
    driver.session.set_judge(Some(Box::new(Deciding(
        move |_: &midwire_session::PacketInfo<'_>, decision: &mut Decision| {
            decision.beside.push(saying(After, Clientbound, "text"));
        },
    ))));
    driver.session.set_unwritten(Clientbound, 2000);
    driver.feed(Serverbound, &say("a"));
    assert_eq!(driver.sent(Clientbound), b"");
    assert!(driver.lines().iter().any(|line| line.contains("setting buffer_max")));
    driver.session.set_unwritten(Clientbound, 0);
    driver.feed(Serverbound, &say("b"));
    assert_eq!(driver.sent(Clientbound), say("text"));
}

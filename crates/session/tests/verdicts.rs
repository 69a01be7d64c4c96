//! Packets that are dropped, replaced, delayed, intercepted, injected.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use hex_literal::hex;
use midwire_definition::{Edits, Given};
use midwire_session::{
    Elapsed, HostRewrite, InjectError, Limits, NewPacket, Options, Origin, PacketNumber, Session,
    UnknownPacket, Verdict, Watch,
};
use support::{
    By, Clientbound, Driver, Serverbound, TOY, bytes, on, protocol, said, say, squeezed,
};

fn three() -> Vec<u8> {
    [say("a"), say("b"), say("c")].concat()
}

#[test]
fn a_dropped_packet_is_not_sent_and_its_neighbours_are() {
    let mut driver = Driver::judged(TOY, on(2, Verdict::Drop));
    driver.lines();
    driver.feed(Serverbound, &three());
    assert_eq!(
        driver.lines(),
        [
            "#1 serverbound first say passed",
            "#2 serverbound first say dropped",
            "serverbound 03030161",
            "#3 serverbound first say passed",
            "serverbound 03030163",
        ]
    );
    assert_eq!(driver.session.counters(Serverbound).dropped, 1);
}

#[test]
fn a_replaced_packet_is_framed_anew() {
    let mut driver = Driver::judged(TOY, on(2, Verdict::Replace(bytes(&said(3, "other")))));
    driver.feed(Serverbound, &three());
    assert_eq!(driver.sent(Serverbound), [say("a"), say("other"), say("c")].concat());
    let packet = driver.packets().nth(1).unwrap();
    assert_eq!(packet.changed_by, Some(Origin::Rule));
    assert_eq!(packet.payload.as_deref(), Some(&said(3, "b")[..]));
    assert_eq!(packet.sent.as_deref(), Some(&said(3, "other")[..]));
}

#[test]
fn an_edited_packet_differs_in_what_was_edited() {
    let mut edits = Edits::new();
    edits.set("text", Given::Text("other".to_owned()));
    for held in [false, true] {
        let verdict = if held { Verdict::Intercept } else { Verdict::Edit(edits.clone()) };
        let mut driver = Driver::judged(TOY, on(2, verdict));
        let odd = support::frame(&[0x83, 0, 1, b'x', 9]); // a long id, a byte too many
        driver.feed(Serverbound, &[say("a"), odd, say("c")].concat());
        if held {
            driver.resume(2, Verdict::Edit(edits.clone()));
        }
        let changed = support::frame(b"\x83\0\x05other\x09");
        assert_eq!(driver.sent(Serverbound), [say("a"), changed, say("c")].concat());
        assert_eq!(driver.session.counters(Serverbound).changed, 1);
    }
}

#[test]
fn an_edit_that_cannot_be_made_is_refused_and_the_original_goes_on() {
    let mut edits = Edits::new();
    edits.set("txt", Given::Text("other".to_owned()));
    let mut driver = Driver::judged(TOY, on(1, Verdict::Edit(edits.clone())));
    driver.lines();
    driver.feed(Serverbound, &say("a"));
    assert_eq!(
        driver.lines(),
        [
            "notice: packet 1 went on as it came: there is no field `txt` in the packet; did you \
             mean `text`?",
            "#1 serverbound first say passed",
            "serverbound 03030161",
        ]
    );
    for payload in [&[4, 1][..], &[0x7f]] {
        let mut driver = Driver::judged(TOY, on(1, Verdict::Edit(edits.clone())));
        driver.feed(Serverbound, &support::frame(payload));
        assert_eq!(driver.sent(Serverbound), support::frame(payload));
        assert!(driver.lines().iter().any(|line| line.contains("its fields are not known")));
    }
}

#[test]
fn a_packet_is_composed_as_its_receiver_reads_it() {
    let mut driver = Driver::new(TOY);
    let fields = Given::Object(vec![("text".to_owned(), Given::Text("hi".to_owned()))]);
    let compose = |driver: &mut Driver, name: &str, fields: &Given| {
        driver.session.compose(Serverbound, name, fields, &mut driver.scratch)
    };
    assert_eq!(compose(&mut driver, "say", &fields), Ok(bytes(&said(3, "hi"))));
    driver.feed(Clientbound, &support::frame(&[5]));
    assert_eq!(compose(&mut driver, "say", &fields), Ok(bytes(&said(0x13, "hi"))));
    let refused = compose(&mut driver, "dark", &fields).unwrap_err();
    assert_eq!(refused.to_string(), "there is no serverbound packet `dark` in second");
}

#[test]
fn a_replaced_packet_keeps_to_the_threshold() {
    let long = said(3, &"long ".repeat(20));
    for (new, sent) in
        [(said(3, "x"), squeezed(64, &said(3, "x"))), (long.clone(), squeezed(64, &long))]
    {
        let mut driver = Driver::judged(TOY, on(2, Verdict::Replace(bytes(&new))));
        driver.feed(Serverbound, &support::frame(&[7, 64]));
        driver.sent = Default::default();
        driver.feed(Serverbound, &squeezed(64, &said(3, "b")));
        assert_eq!(driver.sent(Serverbound), sent);
    }
}

#[test]
fn a_payload_that_no_frame_can_hold_is_refused_and_the_original_goes_on() {
    let options = Options {
        limits: Limits { frame_length_max: Some(20), ..Limits::default() },
        ..Options::default()
    };
    let mut driver = Driver::with(protocol(TOY), options);
    driver.session.set_judge(Some(Box::new(on(
        1,
        Verdict::Replace(bytes(&said(3, "12345678901234567890"))),
    ))));
    driver.lines();
    driver.feed(Serverbound, &say("a"));
    assert_eq!(
        driver.lines(),
        [
            "#1 serverbound first say changed",
            "notice: packet 1 went on as it came: a payload of 22 bytes needs the length 22, above \
             the frame length max of 20 (setting frame_length_max)",
            "serverbound 03030161",
        ]
    );
}

#[test]
fn what_follows_a_delayed_packet_waits_behind_it() {
    let mut driver = Driver::judged(
        TOY,
        By(|info: &midwire_session::PacketInfo<'_>| match info.number.0 {
            1 => Verdict::Delay(Duration::from_millis(50)),
            2 => Verdict::Delay(Duration::from_millis(10)),
            _ => Verdict::Pass,
        }),
    );
    driver.lines();
    driver.feed(Serverbound, &three()[..8]).feed(Clientbound, &say("back"));
    assert_eq!(
        driver.lines(),
        [
            "#1 serverbound first say delayed",
            "#2 serverbound first say delayed",
            "#3 clientbound first say passed",
            "clientbound 0603046261636b",
        ]
    );
    driver.wait(20).feed(Serverbound, &three()[8..]);
    assert_eq!(driver.lines(), ["#4 serverbound first say passed"]);
    assert_eq!(driver.session.poll_timeout(), Some(Elapsed::from_millis(50)));
    driver.wait(29);
    assert_eq!(driver.lines(), Vec::<String>::new());
    driver.wait(1);
    assert_eq!(driver.sent(Serverbound), three());
    assert_eq!(driver.session.poll_timeout(), None);
}

#[test]
fn what_follows_an_intercepted_packet_waits_until_it_is_resumed() {
    let verdicts: [(Verdict, Vec<u8>, &str); 3] = [
        (Verdict::Pass, three(), "#1 resumed: passed"),
        (Verdict::Drop, [say("b"), say("c")].concat(), "#1 resumed: dropped"),
        (
            Verdict::Replace(bytes(&said(3, "new"))),
            [say("new"), say("b"), say("c")].concat(),
            "#1 resumed: changed",
        ),
    ];
    for (verdict, sent, line) in verdicts {
        let mut driver = Driver::judged(TOY, on(1, Verdict::Intercept));
        driver.lines();
        driver.feed(Serverbound, &three()).end(Serverbound).wait(1_000_000);
        assert_eq!(
            driver.lines(),
            [
                "#1 serverbound first say held",
                "#2 serverbound first say passed",
                "#3 serverbound first say passed",
            ]
        );
        driver.resume(1, Verdict::Intercept);
        assert_eq!(driver.lines(), Vec::<String>::new());
        driver.resume(1, verdict);
        assert_eq!(driver.lines().first().unwrap(), line);
        assert_eq!(driver.sent(Serverbound), sent);
        let again =
            driver.session.resume(PacketNumber(1), Verdict::Pass, driver.now, &mut driver.scratch);
        assert_eq!(again, Err(UnknownPacket(PacketNumber(1))));
    }
}

#[test]
fn an_intercepted_packet_can_be_delayed() {
    let mut driver = Driver::judged(TOY, on(1, Verdict::Intercept));
    driver.feed(Serverbound, &three()).wait(5);
    driver.resume(1, Verdict::Delay(Duration::from_millis(7)));
    assert_eq!(driver.session.poll_timeout(), Some(Elapsed::from_millis(12)));
    driver.wait(7);
    assert_eq!(driver.sent(Serverbound), three());
}

#[test]
fn a_direction_with_too_much_held_is_not_read() {
    let options =
        Options { limits: Limits { buffer_max: 1000, ..Limits::default() }, ..Options::default() };
    let mut driver = Driver::with(protocol(TOY), options);
    driver.session.set_judge(Some(Box::new(on(1, Verdict::Intercept))));
    driver.feed(Serverbound, &say("a"));
    assert!(driver.session.wants_bytes(Serverbound));
    driver.feed(Serverbound, &say(&"long".repeat(30)).repeat(10));
    assert!(!driver.session.wants_bytes(Serverbound));
    assert!(driver.session.wants_bytes(Clientbound));
    let packet = NewPacket { payload: bytes(&said(3, "x")), origin: Origin::User, forced: false };
    let refused = driver.session.inject(Serverbound, packet, driver.now, &mut driver.scratch);
    assert!(matches!(refused, Err(InjectError::Full { max: 1000, .. })), "{refused:?}");
    driver.resume(1, Verdict::Pass);
    assert!(driver.session.wants_bytes(Serverbound));
}

#[test]
fn a_driver_that_does_not_poll_is_not_given_more() {
    let options =
        Options { limits: Limits { buffer_max: 10, ..Limits::default() }, ..Options::default() };
    let mut driver = Driver::with(protocol(TOY), options);
    driver.take(Serverbound, &three());
    assert!(!driver.session.wants_bytes(Serverbound));
    driver.drain();
    assert!(driver.session.wants_bytes(Serverbound));
}

fn inject(
    driver: &mut Driver,
    direction: midwire_session::Direction,
    payload: &[u8],
    forced: bool,
) -> Result<PacketNumber, InjectError> {
    let packet = NewPacket { payload: bytes(payload), origin: Origin::User, forced };
    let result = driver.session.inject(direction, packet, driver.now, &mut driver.scratch);
    driver.drain();
    result
}

#[test]
fn an_injected_packet_goes_between_frames() {
    let mut driver = Driver::new(TOY);
    let bytes = three();
    driver.feed(Serverbound, &bytes[..6]);
    assert_eq!(inject(&mut driver, Serverbound, &said(3, "new"), false), Ok(PacketNumber(2)));
    driver.feed(Serverbound, &bytes[6..]);
    assert_eq!(driver.sent(Serverbound), [say("a"), say("new"), say("b"), say("c")].concat());
    let origins: Vec<_> = driver.packets().map(|packet| packet.origin.as_str()).collect();
    assert_eq!(origins, ["client", "user", "client", "client"]);
}

#[test]
fn an_injected_packet_has_the_form_that_its_receiver_reads() {
    let mut driver = Driver::new(TOY);
    // the server has told that it compresses, and so reads compressed frames from now on
    driver.take(Clientbound, &support::frame(&[7, 64]));
    assert_eq!(inject(&mut driver, Serverbound, &said(3, "new"), false), Ok(PacketNumber(2)));
    assert_eq!(driver.sent(Serverbound), squeezed(64, &said(3, "new")));
    driver.feed(Clientbound, &squeezed(64, &[5]));
    assert_eq!(
        inject(&mut driver, Clientbound, &said(3, "new"), false),
        Err(InjectError::Undefined { direction: Clientbound, id: 3 })
    );
    assert!(inject(&mut driver, Clientbound, &said(0x13, "new"), false).is_ok());
}

#[test]
fn an_injected_packet_waits_behind_what_is_held() {
    let mut driver = Driver::judged(TOY, on(1, Verdict::Intercept));
    driver.feed(Serverbound, &say("a"));
    inject(&mut driver, Serverbound, &said(3, "new"), false).unwrap();
    assert_eq!(driver.sent(Serverbound), b"");
    driver.resume(1, Verdict::Pass);
    assert_eq!(driver.sent(Serverbound), [say("a"), say("new")].concat());
}

#[test]
fn an_injected_packet_whose_time_has_passed_is_not_sent() {
    let mut driver = Driver::judged(TOY, on(1, Verdict::Intercept));
    driver.feed(Serverbound, &support::frame(&[5]));
    inject(&mut driver, Serverbound, &said(3, "new"), false).unwrap();
    driver.lines();
    driver.resume(1, Verdict::Pass);
    assert_eq!(
        driver.lines(),
        [
            "#1 resumed: passed",
            "serverbound 0105",
            "notice: packet 2 was not injected: the receiver is in second now, where it is not \
             defined",
        ]
    );
}

#[test]
fn what_cannot_be_injected_is_refused() {
    let mut driver = Driver::new(TOY);
    let undefined = InjectError::Undefined { direction: Serverbound, id: 0x13 };
    assert_eq!(inject(&mut driver, Serverbound, &said(0x13, "x"), false), Err(undefined));
    assert_eq!(inject(&mut driver, Serverbound, &[], false), Err(InjectError::NoId));
    let changes = InjectError::ChangesState { id: 5 };
    assert_eq!(inject(&mut driver, Serverbound, &[5], false), Err(changes));
    assert!(inject(&mut driver, Serverbound, &said(0x13, "x"), true).is_ok());
    driver.feed(Clientbound, &hex!("ff ff ff ff"));
    let opaque = InjectError::Opaque { direction: Clientbound };
    assert_eq!(inject(&mut driver, Clientbound, &said(3, "x"), false), Err(opaque));
    driver.end(Serverbound);
    let ended = InjectError::Ended { direction: Serverbound };
    assert_eq!(inject(&mut driver, Serverbound, &said(3, "x"), false), Err(ended));
}

#[test]
fn frames_are_made_anew_when_the_packet_that_switches_compression_was_dropped() {
    let mut driver = Driver::judged(TOY, on(1, Verdict::Drop));
    let long = said(3, &"long".repeat(50));
    let came = [support::frame(&[7, 64]), squeezed(64, &said(3, "short")), squeezed(64, &long)];
    driver.feed(Clientbound, &came.concat());
    assert_eq!(driver.sent(Clientbound), [say("short"), support::frame(&long)].concat());
    driver.feed(Serverbound, &[say("short"), support::frame(&long)].concat());
    let expected = [squeezed(64, &said(3, "short")), squeezed(64, &long)].concat();
    assert_eq!(driver.sent(Serverbound), expected);
    assert!(driver.packets().all(|packet| packet.problem.is_none()));
}

#[test]
fn frames_are_made_anew_when_the_threshold_was_changed() {
    let mut driver = Driver::judged(TOY, on(1, Verdict::Replace(bytes(&[7, 16]))));
    let text = said(3, "more than sixteen bytes");
    driver.feed(Clientbound, &[support::frame(&[7, 64]), squeezed(64, &text)].concat());
    assert_eq!(driver.sent(Clientbound), [support::frame(&[7, 16]), squeezed(16, &text)].concat());
    driver.feed(Serverbound, &squeezed(16, &text));
    assert_eq!(driver.sent(Serverbound), squeezed(64, &text));
}

#[test]
fn only_what_the_judge_wants_to_see_is_shown_to_it() {
    struct Wants;
    impl midwire_session::Judge for Wants {
        fn interest(
            &self,
            _: midwire_definition::VersionId,
            _: midwire_definition::StateId,
            direction: midwire_session::Direction,
            definition: Option<&midwire_definition::PacketDefinition>,
        ) -> bool {
            direction == Serverbound && definition.is_none_or(|d| &*d.name == "say")
        }

        fn judge(
            &mut self,
            info: &midwire_session::PacketInfo<'_>,
            _: Option<&mut midwire_definition::Packet<'_>>,
        ) -> Verdict {
            assert_eq!(info.direction, Serverbound);
            assert!(info.definition.is_none_or(|d| &*d.name == "say"));
            Verdict::Drop
        }
    }
    for watch in [Watch::Nothing, Watch::Packets] {
        let mut driver = Driver::judged(TOY, Wants);
        driver.session.set_watch(watch);
        let bytes = [say("a"), support::frame(&[4]), support::frame(&[0x7f]), say("b")].concat();
        driver.feed(Serverbound, &bytes).feed(Clientbound, &bytes);
        assert_eq!(driver.sent(Serverbound), support::frame(&[4]));
        assert_eq!(driver.sent(Clientbound), bytes);
    }
}

#[test]
fn the_judge_sees_the_fields() {
    struct Quiet;
    impl midwire_session::Judge for Quiet {
        fn interest(
            &self,
            _: midwire_definition::VersionId,
            _: midwire_definition::StateId,
            _: midwire_session::Direction,
            definition: Option<&midwire_definition::PacketDefinition>,
        ) -> bool {
            definition.is_some()
        }

        fn judge(
            &mut self,
            _: &midwire_session::PacketInfo<'_>,
            fields: Option<&mut midwire_definition::Packet<'_>>,
        ) -> Verdict {
            match fields.and_then(|fields| fields.text("text")) {
                Some(text) if text.contains("gold") => Verdict::Drop,
                _ => Verdict::Pass,
            }
        }
    }
    let mut driver = Driver::judged(TOY, Quiet);
    driver.feed(Clientbound, &[say("hello"), say("buy gold"), say("bye")].concat());
    assert_eq!(driver.sent(Clientbound), [say("hello"), say("bye")].concat());
}

fn handshake(host: &str, port: u16) -> Vec<u8> {
    let mut payload = hex!("00 fd 05").to_vec();
    payload.push(host.len() as u8);
    payload.extend_from_slice(host.as_bytes());
    payload.extend_from_slice(&port.to_be_bytes());
    payload.push(2);
    payload
}

#[test]
fn the_server_is_told_its_own_address() {
    for (typed, told) in [
        ("localhost", "play.example.org"),
        ("localhost.", "play.example.org."),
        ("localhost\0FML3\0", "play.example.org\0FML3\0"),
        ("localhost.\0FML\0", "play.example.org.\0FML\0"),
        ("", "play.example.org"),
    ] {
        let rewrite = midwire_session::HostRewrite { host: "play.example.org".into(), port: 25566 };
        let options = Options { rewrite_host: Some(rewrite), ..Options::default() };
        let mut driver = Driver::with(support::minecraft(), options);
        driver.session.set_watch(Watch::Packets);
        let login = support::frame(&said(0, "Alva"));
        driver.feed(Serverbound, &support::frame(&handshake(typed, 25565)));
        driver.feed(Serverbound, &login);
        let expected = [support::frame(&handshake(told, 25566)), login].concat();
        assert_eq!(driver.sent(Serverbound), expected, "{typed:?}");
        let packet = driver.packets().next().unwrap();
        assert_eq!(packet.changed_by, Some(Origin::Midwire));
        assert_eq!(packet.payload, Some(Bytes::from(handshake(typed, 25565))));
        assert_eq!(packet.sent, Some(Bytes::from(handshake(told, 25566))));
    }
}

#[test]
fn the_address_is_rewritten_in_an_intercepted_handshake_too() {
    let rewrite = midwire_session::HostRewrite { host: "play.example.org".into(), port: 25566 };
    let options = Options { rewrite_host: Some(rewrite), ..Options::default() };
    for verdict in [Verdict::Pass, Verdict::Replace(Bytes::from(handshake("typed", 1)))] {
        let mut driver = Driver::with(support::minecraft(), options.clone());
        driver.session.set_judge(Some(Box::new(on(1, Verdict::Intercept))));
        driver.feed(Serverbound, &support::frame(&handshake("localhost", 25565)));
        driver.resume(1, verdict);
        let expected = support::frame(&handshake("play.example.org", 25566));
        assert_eq!(driver.sent(Serverbound), expected);
    }
}

#[test]
fn an_idle_session_is_small() {
    assert!(size_of::<Session>() <= 1024, "{}", size_of::<Session>());
}

#[test]
fn an_injected_packet_has_the_constants_of_the_header() {
    let text = "protocol magic { frame { magic: u16 = 0xcafe, length: u8, kind: u8 = 7, id: u8 } }\n\
                packet hello = 1 both { n: u8 }";
    let mut driver = Driver::new(text);
    let fields = midwire_definition::given::parse("{\"n\":5}").unwrap();
    let scratch = &mut driver.scratch;
    let payload = driver.session.compose(Clientbound, "hello", &fields, scratch).unwrap();
    inject(&mut driver, Clientbound, &payload, false).unwrap();
    assert_eq!(driver.sent(Clientbound), hex!("ca fe 03 07 01 05"));
}

#[test]
fn a_transfer_leads_where_the_setting_says_and_without_one_where_the_server_says() {
    let text = TOY.replace(
        "packet first both dark = 4",
        "packet first clientbound transfer = 4 { host: str[varint] @host, port: varint @port }",
    );
    let transfer = [&[4, 1][..], b"a", &[80]].concat();
    let to = HostRewrite { host: "other".into(), port: 99 };
    let leads_to = [(None, transfer.clone()), (Some(to), [&[4, 5][..], b"other", &[99]].concat())];
    for watch in [Watch::Nothing, Watch::Packets] {
        for (transfer_to, payload) in leads_to.clone() {
            let options = Options { transfer_to, ..Options::default() };
            let mut driver = Driver::with(support::protocol(&text), options);
            driver.session.set_watch(watch);
            driver.feed(Clientbound, &support::frame(&transfer));
            assert_eq!(driver.sent(Clientbound), support::frame(&payload), "{watch:?}");
        }
    }
}

//! What a session says of packets, states and versions.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use hex_literal::hex;
use midwire_session::{Event, Fate, Limits, Options, Origin, Output, Setup, Verdict, Watch};
use support::{Clientbound, Driver, Serverbound, TOY, frame, on, protocol, said, say, squeezed};

#[test]
fn a_packet_event_says_where_it_was_and_what_it_is() {
    let mut driver = Driver::new(TOY);
    driver.now = midwire_session::Elapsed::from_millis(7);
    let long = said(3, &"long".repeat(50));
    let bytes = [frame(&[9, 5]), frame(&[7, 64]), squeezed(64, &long)].concat();
    driver.feed(Clientbound, &bytes);
    let packets: Vec<_> = driver.packets().collect();
    assert_eq!(packets[0].conn[..], [0]);
    let last = packets[2];
    assert_eq!(last.number.0, 3);
    assert_eq!((last.direction, last.id), (Clientbound, Some(3)));
    assert_eq!(&*last.definition.as_ref().unwrap().name, "say");
    assert_eq!(last.payload.as_deref(), Some(&long[..]));
    assert_eq!((last.body, last.length), (1, long.len() as u32));
    assert_eq!(last.wire_length as usize, bytes.len() - 6);
    assert_eq!((last.offset, last.at), (6, driver.now));
    assert_eq!(last.conn[..], [5]);
    assert_eq!((last.origin, last.fate, last.changed_by), (Origin::Server, Fate::Passed, None));
}

#[test]
fn with_only_ids_watched_there_are_no_payloads() {
    let mut driver = Driver::new(TOY);
    driver.session.set_watch(Watch::Ids);
    let long = said(3, &"long".repeat(50));
    driver.feed(Clientbound, &[frame(&[7, 64]), squeezed(64, &long), frame(&[0])].concat());
    let seen: Vec<_> = driver.packets().map(|p| (p.id, p.length, p.payload.is_none())).collect();
    assert_eq!(seen, [(Some(7), 2, true), (Some(3), long.len() as u32, true), (None, 0, true)]);
}

#[test]
fn an_unwatched_session_still_follows_states() {
    let mut driver = Driver::unwatched(TOY);
    driver.lines();
    driver.feed(Serverbound, &[say("a"), frame(&[5]), frame(&said(0x13, "b"))].concat());
    driver.feed(Clientbound, &[say("old"), frame(&said(0x13, "new"))].concat());
    assert_eq!(
        driver.lines(),
        [
            "serverbound in second",
            &format!("serverbound {}", support::hex(driver.sent(Serverbound))),
            "clientbound in second",
            &format!("clientbound {}", support::hex(driver.sent(Clientbound))),
        ]
    );
    assert_eq!(driver.session.counters(Serverbound).frames, 3);
}

#[test]
fn the_other_direction_keeps_its_form_while_the_packet_that_changes_it_is_held() {
    let mut driver = Driver::judged(TOY, on(1, Verdict::Intercept));
    driver.lines();
    driver.feed(Serverbound, &frame(&[5]));
    // the server cannot know of it, so this is an unknown packet of the first state
    driver.feed(Clientbound, &frame(&said(0x13, "x")));
    driver.resume(1, Verdict::Pass);
    driver.feed(Clientbound, &frame(&said(0x13, "x")));
    assert_eq!(
        driver.lines(),
        [
            "#1 serverbound first go held",
            "serverbound in second",
            "#2 clientbound first ?19 passed",
            "clientbound 03130178",
            "#1 resumed: passed",
            "serverbound 0105",
            "clientbound in second",
            "#3 clientbound second say passed",
            "clientbound 03130178",
        ]
    );
}

#[test]
fn the_other_direction_keeps_its_form_when_the_packet_that_changes_it_is_dropped() {
    let mut driver = Driver::judged(TOY, on(1, Verdict::Drop));
    driver.feed(Serverbound, &frame(&[5])).feed(Clientbound, &say("a"));
    driver.lines();
    driver.feed(Clientbound, &say("b")).feed(Serverbound, &frame(&said(0x13, "c")));
    assert_eq!(
        driver.lines(),
        [
            "#3 clientbound first say passed",
            "clientbound 03030162",
            "#4 serverbound second say passed",
            "serverbound 03130163",
        ]
    );
}

#[test]
fn frames_that_fit_no_form_do_not_decide_until_there_are_too_many_in_a_row() {
    let limits = Limits { in_flight_max: 5, ..Limits::default() };
    let mut driver = Driver::with(protocol(TOY), Options { limits, ..Options::default() });
    driver.feed(Serverbound, &frame(&[5]));
    for _ in 0..5 {
        driver.feed(Clientbound, &frame(&[0x7f])).feed(Clientbound, &say("old"));
    }
    let states: Vec<_> = driver.packets().map(|packet| packet.state.0).collect();
    assert_eq!(states, [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]);
    for _ in 0..6 {
        driver.feed(Clientbound, &frame(&[0x7f]));
    }
    driver.feed(Clientbound, &say("too late"));
    let last = driver.packets().last().unwrap();
    assert_eq!((last.state.0, last.definition.is_none()), (1, true));
}

#[test]
fn a_packet_whose_end_is_not_understood_still_changes_the_state() {
    let mut driver = Driver::new(TOY);
    driver.feed(Serverbound, &frame(&[5, 1, 2, 3])).feed(Serverbound, &frame(&said(0x13, "a")));
    assert_eq!(driver.packets().last().unwrap().definition.as_ref().unwrap().state.0, 1);
}

const VERSIONED: &str = r#"
protocol versioned {
  endian big
  versions { 10 "1.0", 20 "2.0", 30 "3.0" }
  frame { length: u8, id: u8 }
  version from serverbound hello.version
}
packet hello = 1 serverbound { version: u8 }
packet old = 2 @..20 both
packet new = 2 @30.. both
"#;

#[test]
fn the_version_is_read_off_the_packet_that_says_it() {
    for (number, line, name) in [
        (10, "version 1.0", "old"),
        (20, "version 2.0", "old"),
        (25, "version 2.0 assumed", "old"),
        (30, "version 3.0", "new"),
        (99, "version 3.0 assumed", "new"),
        (5, "version 1.0 assumed", "old"),
    ] {
        for watch in [Watch::Nothing, Watch::Packets] {
            let mut driver = Driver::new(VERSIONED);
            driver.session.set_watch(watch);
            assert_eq!(driver.session.version(), None);
            driver.lines();
            driver.feed(Serverbound, &[2, 1, number]);
            assert_eq!(driver.lines()[0], line);
            assert!(driver.session.version().is_some());
            driver.session.set_watch(Watch::Packets);
            driver.feed(Clientbound, &[1, 2]);
            let last = driver.packets().last().unwrap();
            assert_eq!(&*last.definition.as_ref().unwrap().name, name, "{number}");
            // it is said once
            driver.lines();
            driver.feed(Serverbound, &[2, 1, 10]);
            assert!(driver.lines().iter().all(|line| !line.starts_with("version")));
        }
    }
}

#[test]
fn a_judge_is_told_that_the_version_is_assumed() {
    for (number, assumed) in [(20, false), (25, true)] {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let told = seen.clone();
        let mut driver = Driver::judged(
            VERSIONED,
            support::By(move |info: &midwire_session::PacketInfo<'_>| {
                told.lock().unwrap().push(info.assumed);
                Verdict::Pass
            }),
        );
        driver.feed(Serverbound, &[2, 1, number]).feed(Clientbound, &[1, 2]);
        assert_eq!(*seen.lock().unwrap(), [assumed, assumed], "{number}");
    }
}

#[test]
fn a_setting_says_the_version_whatever_the_session_says() {
    let protocol = protocol(VERSIONED);
    let version = protocol.versions.by_text("1.0");
    let mut driver = Driver::with(protocol, Options { version, ..Options::default() });
    assert_eq!(driver.lines(), ["opened", "version 1.0"]);
    driver.feed(Serverbound, &[2, 1, 30]).feed(Clientbound, &[1, 2]);
    let names = driver.packets().map(|p| p.definition.as_ref().unwrap().name.to_string());
    assert_eq!(names.collect::<Vec<_>>(), ["hello", "old"]);
}

#[test]
fn a_session_that_says_no_version_is_read_with_the_newest() {
    let mut driver = Driver::new(VERSIONED);
    driver.feed(Serverbound, &[1, 1]).feed(Clientbound, &[1, 2]);
    assert_eq!(&*driver.packets().last().unwrap().definition.as_ref().unwrap().name, "new");
    assert_eq!(driver.session.version(), None);
}

#[test]
fn the_sent_bytes_are_a_slice_of_what_came_and_so_is_the_payload() {
    let mut driver = Driver::new(TOY);
    let pending = &mut driver.pending[Serverbound.index()];
    pending.extend_from_slice(&say("hello"));
    let start = pending.as_ptr() as usize;
    driver.session.handle_bytes(Serverbound, pending, driver.now, &mut driver.scratch);
    let mut places = Vec::new();
    while let Some(output) = driver.session.poll_output() {
        match output {
            Output::Send { bytes, .. } => places.push(bytes.as_ptr() as usize - start),
            Output::Event(Event::Packet(packet)) => {
                places.push(packet.payload.unwrap().as_ptr() as usize - start);
            }
            _ => {}
        }
    }
    assert_eq!(places, [1, 0]);
}

#[test]
fn bytes_in_front_of_a_length_and_an_id_are_kept_when_a_packet_is_replaced() {
    let text = r#"
protocol framed {
  endian big
  frame { magic: u16, length: u16, flags: u8, id: u8 }
}
packet hello = 1 both { n: u8 }
"#;
    let mut driver =
        Driver::judged(text, on(1, Verdict::Replace(support::bytes(&hex!("77 01 0a 0b")))));
    driver.feed(Serverbound, &hex!("ca fe 00 03 77 01 05  ca fe 00 03 66 01 06"));
    let seen: Vec<_> = driver.packets().map(|p| (p.id, p.body)).collect();
    assert_eq!(seen, [(Some(1), 2), (Some(1), 2)]);
    assert_eq!(driver.sent(Serverbound), hex!("ca fe 00 04 77 01 0a 0b  ca fe 00 03 66 01 06"));
}

/// A session's setup by a changed text of the toy game.
fn changed(from: &str, to: &str) -> std::sync::Arc<Setup> {
    assert!(TOY.contains(from));
    Setup::new(protocol(&TOY.replace(from, to)), Options::default())
}

#[test]
fn other_definitions_count_from_the_next_packet_on() {
    let mut driver = Driver::new(TOY);
    driver.feed(Serverbound, &[say("a"), frame(&[5])].concat());
    driver.session.set_definitions(changed("say = 0x13", "tell = 0x13")).unwrap();
    driver.drain();
    driver.feed(Serverbound, &frame(&said(0x13, "b")));
    let names = driver.packets().map(|p| p.definition.as_ref().unwrap().name.to_string());
    assert_eq!(names.collect::<Vec<_>>(), ["say", "go", "tell"]);
    assert_eq!(driver.sent(Serverbound).len(), say("a").len() + 2 + say("b").len());
}

#[test]
fn definitions_with_other_states_or_framing_or_variables_are_refused() {
    let mut driver = Driver::new(TOY);
    for (from, to) in [
        ("states first, second", "states first, second, third"),
        ("start first", "start second"),
        ("max 2097151", "max 100"),
        ("conn { n: i32 = 0 }", "conn { n: i32 = 0, m: i32 = 0 }"),
        ("protocol toy", "protocol another"),
    ] {
        assert!(driver.session.set_definitions(changed(from, to)).is_err(), "{to}");
    }
    driver.feed(Serverbound, &say("a"));
    assert_eq!(driver.packets().count(), 1);
}

#[test]
fn a_version_that_was_assumed_is_known_once_definitions_list_it() {
    let text = |versions: &str| {
        format!(
            "protocol v {{ versions {{ {versions} }}, frame {{ length: u8, id: u8 }}\n\
             version from serverbound hello.number }}\n\
             packet hello = 1 serverbound {{ number: u8, @3.. flag: u8 }}"
        )
    };
    let mut driver = Driver::new(&text("1 \"one\", 2 \"two\""));
    driver.feed(Serverbound, &frame(&[1, 3]));
    let newer = protocol(&text("1 \"one\", 2 \"two\", 3 \"three\""));
    driver.session.set_definitions(Setup::new(newer, Options::default())).unwrap();
    driver.drain();
    let lines = driver.lines();
    let versions: Vec<_> = lines.iter().filter(|line| line.starts_with("version")).collect();
    assert_eq!(versions, ["version two assumed", "version three"]);
}

/// A frame of the stage that compresses, with what is said and what follows.
fn deflated(declared: u32, plain: &[u8], cut: usize, behind: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    midwire_codec::varint::write_uvarint(declared, &mut payload);
    let mut stream = Vec::new();
    midwire_codec::Deflater::default().deflate(midwire_codec::Wrapper::Zlib, plain, &mut stream);
    payload.extend_from_slice(&stream[..stream.len() - cut]);
    payload.extend_from_slice(behind);
    frame(&payload)
}

#[test]
fn a_packet_that_was_compressed_wrongly_is_marked_and_passes() {
    let long = said(3, &"long".repeat(50));
    let more = [&long[..], b"more"].concat();
    let size = long.len() as u32;
    for (bytes, flaw, problem) in [
        (deflated(size, &long, 0, b""), None, None),
        (
            deflated(size, &long, 0, b"xyz"),
            Some("3 bytes are left over behind the compressed data"),
            None,
        ),
        (deflated(size, &more, 0, b""), Some("plain bytes go on after the declared 202"), None),
        (
            deflated(size, &long, 4, b""),
            Some("compressed data ends early, after 202 plain bytes"),
            None,
        ),
        (
            deflated(size + 1, &long, 0, b""),
            None,
            Some("202 plain bytes instead of the declared 203"),
        ),
    ] {
        let mut driver = Driver::new(TOY);
        driver.feed(Clientbound, &frame(&[7, 64]));
        driver.sent[Clientbound.index()].clear();
        driver.feed(Clientbound, &[&bytes[..], &squeezed(64, &long)].concat());
        assert_eq!(driver.sent(Clientbound), [&bytes[..], &squeezed(64, &long)].concat());
        let packet = driver.packets().nth(1).unwrap();
        assert_eq!(packet.flaw.as_ref().map(ToString::to_string).as_deref(), flaw);
        assert_eq!(packet.problem.as_ref().map(ToString::to_string).as_deref(), problem);
        if problem.is_none() {
            assert_eq!(packet.payload.as_deref(), Some(&long[..]));
            assert_eq!(packet.id, Some(3));
        }
        let next = driver.packets().nth(2).unwrap();
        assert!(next.flaw.is_none() && next.problem.is_none());
    }
}

#[test]
fn a_length_that_is_wider_than_it_need_be_passes_and_is_noted() {
    let mut driver = Driver::new(TOY);
    // `say` of "a": id 3, one byte of length, one of text.
    let bytes = hex!("03 03 01 61  83 00 03 01 61  83 80 00 03 01 61");
    driver.feed(Serverbound, &bytes);
    assert_eq!(driver.sent(Serverbound), bytes);
    let noted: Vec<_> = driver.packets().map(|packet| packet.length_raw.as_deref()).collect();
    assert_eq!(noted, [None, Some(&[0x83, 0][..]), Some(&[0x83, 0x80, 0])]);
    assert!(driver.packets().all(|packet| packet.id == Some(3) && packet.length == 3));
}

#[test]
fn a_first_compressed_packet_may_be_flawed() {
    let long = said(3, &"long".repeat(50));
    let mut driver = Driver::new(TOY);
    // From here on the server may compress; its packets in flight may be in either form.
    driver.feed(Serverbound, &frame(&[7, 64]));
    driver.feed(Clientbound, &[say("old"), deflated(long.len() as u32, &long, 0, b"x")].concat());
    let packet = driver.packets().nth(2).unwrap();
    assert_eq!(packet.payload.as_deref(), Some(&long[..]));
    assert!(packet.flaw.is_some());
}

//! Bytes in, bytes out: cuts, runs, ends, lost framing, old pings.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bytes::BytesMut;
use hex_literal::hex;
use midwire_session::{
    Elapsed, Limits, OnLostFraming, Options, Output, Scratch, Session, Setup, Watch,
};
use support::{Clientbound, Driver, Serverbound, TOY, frame, protocol, say, squeezed};

fn some_frames() -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(say("hi"));
    bytes.extend(frame(&[3, 9, 1])); // cut text
    bytes.extend(frame(&[0x7f, 1, 2])); // unknown
    bytes.extend(frame(&[])); // no id
    bytes.extend(frame(&[0x80])); // half an id
    bytes.extend(frame(&[4, 1, 2, 3])); // opaque
    bytes.extend(frame(&[7, 0x40])); // compression from 64
    bytes.extend(squeezed(64, &support::said(3, "short")));
    bytes.extend(squeezed(64, &support::said(3, &"long".repeat(50))));
    bytes.extend(frame(&[])); // no plain size
    bytes.extend(frame(&[0xff, 0xff, 0xff, 0xff, 0x0f])); // a negative one
    bytes.extend(frame(&hex!("80 01 78 9c 00 01"))); // broken zlib
    bytes.extend(squeezed(64, &support::said(3, "end")));
    bytes
}

#[test]
fn every_byte_passes_wherever_it_is_cut() {
    let bytes = some_frames();
    for watch in [Watch::Nothing, Watch::Ids, Watch::Packets] {
        for cut in 0..=bytes.len() {
            let mut driver = Driver::new(TOY);
            driver.session.set_watch(watch);
            driver.feed(Clientbound, &bytes[..cut]).feed(Clientbound, &bytes[cut..]);
            assert_eq!(driver.sent(Clientbound), bytes, "cut at {cut}, {watch:?}");
            assert_eq!(driver.session.counters(Clientbound).frames, 13);
        }
        let mut driver = Driver::new(TOY);
        driver.session.set_watch(watch);
        for byte in &bytes {
            driver.feed(Clientbound, &[*byte]);
        }
        assert_eq!(driver.sent(Clientbound), bytes, "byte by byte, {watch:?}");
    }
}

#[test]
fn packets_are_reported_the_same_wherever_they_are_cut() {
    let bytes = some_frames();
    let mut whole = Driver::new(TOY);
    whole.feed(Clientbound, &bytes);
    let lines = |driver: &mut Driver| -> Vec<String> {
        driver.lines().into_iter().filter(|line| line.starts_with('#')).collect()
    };
    let expected = lines(&mut whole);
    assert_eq!(
        expected,
        [
            "#1 clientbound first say passed",
            "#2 clientbound first say passed",
            "#3 clientbound first ?127 passed",
            "#4 clientbound first ?- passed",
            "#5 clientbound first ?- passed",
            "#6 clientbound first dark passed",
            "#7 clientbound first squeeze passed",
            "#8 clientbound first say passed",
            "#9 clientbound first say passed",
            "#10 clientbound first ?- passed ! payload of 0 bytes ends inside its plain size",
            "#11 clientbound first ?- passed ! plain size -1 is negative",
            "#12 clientbound first ?- passed ! compressed data ends early, after 0 plain \
             bytes",
            "#13 clientbound first say passed",
        ]
    );
    for cut in 1..bytes.len() {
        let mut driver = Driver::new(TOY);
        driver.feed(Clientbound, &bytes[..cut]).feed(Clientbound, &bytes[cut..]);
        assert_eq!(lines(&mut driver), expected, "cut at {cut}");
    }
}

#[test]
fn adjacent_frames_leave_in_one_piece() {
    for watch in [Watch::Nothing, Watch::Packets] {
        let mut driver = Driver::new(TOY);
        driver.session.set_watch(watch);
        let bytes = some_frames();
        driver.feed(Serverbound, &bytes[..]);
        assert_eq!(driver.pieces[Serverbound.index()], [bytes.len()], "{watch:?}");
    }
}

#[test]
fn what_passes_is_not_copied() {
    let setup = Setup::new(protocol(TOY), Options::default());
    for watch in [Watch::Nothing, Watch::Packets] {
        let mut session = Session::new(setup.clone());
        session.set_watch(watch);
        let mut bytes = BytesMut::from(&some_frames()[..]);
        let place = bytes.as_ptr();
        session.handle_bytes(Clientbound, &mut bytes, Elapsed::default(), &mut Scratch::default());
        let sends =
            std::iter::from_fn(|| session.poll_output()).filter_map(|output| match output {
                Output::Send { bytes, .. } => Some(bytes.as_ptr()),
                _ => None,
            });
        assert_eq!(sends.collect::<Vec<_>>(), [place]);
    }
}

#[test]
fn an_incomplete_frame_waits_and_is_passed_on_at_the_end() {
    let mut driver = Driver::new(TOY);
    driver.lines();
    driver.feed(Serverbound, &hex!("01 04 05 03"));
    assert_eq!(driver.pending[Serverbound.index()][..], hex!("05 03"));
    driver.end(Serverbound);
    assert_eq!(
        driver.lines(),
        [
            "#1 serverbound first dark passed",
            "serverbound 0104",
            "notice: serverbound ended within a frame: its first 2 byte(s), from offset 2 on, were \
             passed on",
            "serverbound opaque 2 at 2",
            "serverbound 0503",
            "serverbound finish",
        ]
    );
    driver.feed(Clientbound, &hex!("01 04")).end(Clientbound);
    assert_eq!(
        driver.lines(),
        [
            "#2 clientbound first dark passed",
            "clientbound 0104",
            "clientbound finish",
            "closed 1/4 1/2",
        ]
    );
    assert!(!driver.session.wants_bytes(Serverbound) && !driver.session.wants_bytes(Clientbound));
}

#[test]
fn a_reset_is_passed_on_at_once_and_closes() {
    let mut driver = Driver::new(TOY);
    driver.lines();
    driver.feed(Serverbound, &hex!("01 04")).reset(Clientbound);
    assert_eq!(
        driver.lines(),
        [
            "#1 serverbound first dark passed",
            "serverbound 0104",
            "clientbound abort",
            "closed 1/2 0/0",
        ]
    );
    driver.feed(Serverbound, &hex!("01 04")).end(Serverbound);
    assert_eq!(driver.lines(), Vec::<String>::new());
}

#[test]
fn a_direction_whose_framing_is_lost_is_relayed_as_it_comes() {
    let mut driver = Driver::new(TOY);
    driver.lines();
    driver.feed(Clientbound, &hex!("01 04  ff ff ff 7f 00  01 04"));
    driver.feed(Clientbound, &hex!("01 04"));
    driver.feed(Serverbound, &hex!("01 04"));
    assert_eq!(
        driver.lines(),
        [
            "#1 clientbound first dark passed",
            "clientbound 0104",
            "clientbound lost framing: length at offset 2 is wider than 3 bytes, which the frame \
             length max of 2097151 allows (setting frame_length_max)",
            "clientbound opaque 7 at 2",
            "clientbound ffffff7f000104",
            "clientbound opaque 2 at 9",
            "clientbound 0104",
            "#2 serverbound first dark passed",
            "serverbound 0104",
        ]
    );
}

#[test]
fn a_setting_closes_a_session_whose_framing_is_lost() {
    let limits = Limits { frame_length_max: Some(16), ..Limits::default() };
    let options = Options { limits, on_lost_framing: OnLostFraming::Close, ..Options::default() };
    let mut driver = Driver::with(protocol(TOY), options);
    driver.lines();
    driver.feed(Serverbound, &hex!("01 04 11 04"));
    driver.feed(Clientbound, &hex!("01 04"));
    assert_eq!(
        driver.lines(),
        [
            "#1 serverbound first dark passed",
            "serverbound 0104",
            "serverbound lost framing, closed: length 17 at offset 2 is above the frame length max \
             of 16 (setting frame_length_max)",
            "serverbound abort",
            "clientbound abort",
            "closed 1/2 0/0",
        ]
    );
}

#[test]
fn a_protocol_without_frames_is_relayed_as_it_comes() {
    let mut driver = Driver::new("protocol raw { endian big, frame none }");
    driver.feed(Serverbound, b"RFB 003.008\n").end(Serverbound).end(Clientbound);
    assert_eq!(
        driver.lines(),
        [
            "opened",
            "version 0",
            "notice: this protocol has no frames: bytes are passed on, and not read",
            "serverbound opaque 12 at 0",
            "serverbound 524642203030332e3030380a",
            "serverbound finish",
            "clientbound finish",
            "closed 0/12 0/0",
        ]
    );
}

#[test]
fn encrypted_bytes_right_behind_the_packet_are_not_cut_into_frames() {
    let mut driver = Driver::new(TOY);
    driver.lines();
    driver.feed(Serverbound, &hex!("01 08  ff ff ff ff ff  01"));
    driver.feed(Clientbound, &hex!("ff ff ff ff ff"));
    driver.feed(Serverbound, &hex!("01 04"));
    assert_eq!(
        driver.lines(),
        [
            "#1 serverbound first lock passed",
            "notice: encrypted from here: the game works, packets cannot be read",
            "serverbound 0108",
            "serverbound opaque 6 at 2",
            "serverbound ffffffffff01",
            "clientbound opaque 5 at 0",
            "clientbound ffffffffff",
            "serverbound opaque 2 at 8",
            "serverbound 0104",
        ]
    );
}

#[test]
fn the_other_direction_is_read_until_the_packet_that_encrypts_is_handed_over() {
    let mut driver = Driver::new(TOY);
    driver.lines();
    driver.take(Serverbound, &hex!("01 08")).take(Clientbound, &say("hi")).drain();
    driver.feed(Clientbound, &hex!("ff ff ff ff"));
    assert_eq!(
        driver.lines(),
        [
            "#1 serverbound first lock passed",
            "notice: encrypted from here: the game works, packets cannot be read",
            "serverbound 0108",
            "#2 clientbound first say passed",
            "clientbound 0403026869",
            "clientbound opaque 4 at 5",
            "clientbound ffffffff",
        ]
    );
}

const PINGED: &str = r#"
protocol pinged {
  endian big
  stack { ping: legacy_ping on, frame { length: varint max 2097151 }, id: varint }
}
packet hello = 0 both
"#;

const PING_HOST: &[u8] = b"\xfe\x01\xfa\x00\x0b\0M\0C\0|\0P\0i\0n\0g\0H\0o\0s\0t\0\x07\x4a";

#[test]
fn a_legacy_ping_is_one_if_nothing_follows() {
    for ping in [&hex!("fe")[..], &hex!("fe 01")] {
        let mut driver = Driver::new(PINGED);
        driver.lines();
        for byte in ping {
            driver.feed(Serverbound, &[*byte]);
        }
        assert_eq!(driver.lines(), Vec::<String>::new());
        assert_eq!(driver.session.poll_timeout(), Some(Elapsed::from_millis(100)));
        driver.wait(100);
        driver.feed(Clientbound, &hex!("ff 00 01"));
        assert_eq!(
            driver.lines(),
            [
                "notice: ping of an old client: it is answered by the server, and not read",
                &format!("serverbound opaque {} at 0", ping.len()),
                &format!("serverbound {}", support::hex(ping)),
                "clientbound opaque 3 at 0",
                "clientbound ff0001",
            ]
        );
        assert_eq!(driver.session.poll_timeout(), None);
    }
}

#[test]
fn the_end_of_the_client_decides_that_it_was_a_legacy_ping() {
    let mut driver = Driver::new(PINGED);
    driver.feed(Serverbound, &hex!("fe 01")).end(Serverbound);
    assert_eq!(driver.sent(Serverbound), hex!("fe 01"));
    assert_eq!(driver.lines().last().unwrap(), "serverbound finish");
}

#[test]
fn the_newest_legacy_ping_needs_no_waiting_wherever_it_is_cut() {
    for cut in 0..PING_HOST.len() {
        let mut driver = Driver::new(PINGED);
        driver.feed(Serverbound, &PING_HOST[..cut]).feed(Serverbound, &PING_HOST[cut..]);
        assert_eq!(driver.sent(Serverbound), PING_HOST, "cut at {cut}");
        assert!(driver.lines().iter().any(|line| line.contains("ping of an old client")));
    }
}

#[test]
fn a_frame_of_254_bytes_is_no_legacy_ping_wherever_it_is_cut() {
    let mut bytes = hex!("fe 01 00").to_vec();
    bytes.resize(256, b'x');
    for cut in 0..bytes.len() {
        let mut driver = Driver::new(PINGED);
        driver.lines();
        driver.feed(Serverbound, &bytes[..cut]).wait(99).feed(Serverbound, &bytes[cut..]);
        assert_eq!(driver.sent(Serverbound), bytes, "cut at {cut}");
        assert_eq!(driver.lines()[0], "#1 serverbound hello passed", "cut at {cut}");
    }
}

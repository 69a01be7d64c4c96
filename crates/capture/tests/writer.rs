//! What midwire writes, byte by byte, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::io::{self, Write};
use std::time::Duration;

use hex_literal::hex;
use midwire_capture::{
    Closing, Content, Ends, FACTS_MAX, FRAME_LEN_MAX, Frame, Opening, Origin, Recorded, Since,
    Timestamp, WriteError, Writer,
};
use midwire_codec::Direction::{self, Clientbound, Serverbound};

const AT: Timestamp = Timestamp(0x1122_3344_5566_7788);

fn ends() -> Ends {
    Ends { client: "10.0.0.1:5".parse().unwrap(), server: "10.0.0.2:6".parse().unwrap() }
}

fn opened<W: Write>(out: W, facts: &[(&str, &str)]) -> Writer<W> {
    let mut writer = Writer::new(out, "test");
    let server = None;
    let opening = Opening { session: 1, at: AT, client: ends(), server, facts };
    writer.session_opened(&opening).unwrap();
    writer
}

/// The blocks of a file: type and body.
fn blocks(bytes: &[u8]) -> Vec<(u32, &[u8])> {
    let mut rest = bytes;
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let len = word(4) as usize;
        assert_eq!(word(len - 4) as usize, len);
        blocks.push((word(0), &rest[8..len - 4]));
        rest = &rest[len..];
    }
    blocks
}

fn packets(bytes: &[u8]) -> Vec<&[u8]> {
    let packets = blocks(bytes).into_iter().filter(|(kind, _)| *kind == 6);
    packets.map(|(_, body)| body).collect()
}

#[test]
fn a_section_has_a_header_and_one_interface_a_leg() {
    let bytes = Writer::new(Vec::new(), "test").into_inner().unwrap();
    let blocks = blocks(&bytes);
    assert_eq!(blocks.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [0x0a0d_0d0a, 1, 1]);
    assert_eq!(
        blocks[0].1,
        hex!("4d3c2b1a 0100 0000 ffffffffffffffff" "0400 0400 74657374" "0000 0000")
    );
    // Raw IP, no bytes cut up to 262,144; nanoseconds.
    assert_eq!(blocks[1].1[..8], hex!("6500 0000 00000400"));
    assert!(blocks[1].1.ends_with(&hex!("0900 0100 09 000000" "0000 0000")));
}

#[test]
fn a_frame_stands_in_a_segment_behind_a_handshake() {
    let mut writer = opened(Vec::new(), &[]);
    writer.frame(&Frame::passed(1, 1, Serverbound, AT, &hex!("02 aa bb"))).unwrap();
    let bytes = writer.into_inner().unwrap();
    let packets = packets(&bytes);
    assert_eq!(packets.len(), 4);
    let frame = packets[3];
    // Interface 0, the time's halves, captured and original length.
    assert_eq!(frame[..20], hex!("00000000 44332211 88776655 2b000000 2b000000"));
    assert_eq!(
        frame[20..40],
        hex!("4500 002b 0000 4000 40 06 26cb 0a000001 0a000002"),
        "IPv4 with its checksum"
    );
    assert_eq!(frame[40..44], hex!("0005 0006"));
    let sequence = u32::from_be_bytes(packets[0][44..48].try_into().unwrap());
    assert_eq!(frame[44..48], sequence.wrapping_add(1).to_be_bytes());
    assert_eq!(frame[52..56], hex!("50 18 ffff"), "header length, PSH and ACK, window");
    assert_eq!(frame[60..], hex!("02 aa bb 00"), "padded, and without a note");
}

#[test]
fn what_was_decided_is_a_note_and_what_differs_has_the_servers_leg() {
    let mut writer = opened(Vec::new(), &[("protocol", "terraria")]);
    let server = Ends { client: "10.1.0.1:7".parse().unwrap(), ..ends() };
    writer.server_connected(1, server).unwrap();
    let (came, sent) = (Content::from(&b"came"[..]), Content::from(&b"sent"[..]));
    writer
        .frame(&Frame {
            bytes: Recorded::Changed { came, sent },
            decided_by: Some(Origin::Rule),
            by: &["a b.rules:1", "c"],
            marks: &["red"],
            delayed: Some(Duration::from_nanos(7)),
            ..Frame::passed(1, 1, Clientbound, AT, &[])
        })
        .unwrap();
    let bytes = writer.into_inner().unwrap();
    let packets = packets(&bytes);
    let note =
        b"midwire: n=1 origin=server fate=changed decided_by=rule by=a%20b.rules:1 by=c mark=red delay_ns=7";
    let interfaces: Vec<u8> = packets.iter().map(|packet| packet[0]).collect();
    assert_eq!(interfaces, [0, 0, 0, 1, 1, 1, 1, 0], "both handshakes, what came, what was sent");
    let has = |packet: &[u8], part: &[u8]| packet.windows(part.len()).any(|window| window == part);
    assert!(has(packets[0], b"midwire: session=1 leg=client protocol=terraria"));
    assert!(has(packets[3], b"midwire: session=1 leg=server"));
    assert!(has(packets[6], b"came") && has(packets[6], note), "{:?}", packets[6]);
    assert!(has(packets[7], b"sent") && has(packets[7], note));
    assert_eq!(packets[6][32..36], hex!("0a000002"), "from the server");
    assert_eq!(packets[6][36..40], hex!("0a010001"), "to midwire");
}

#[test]
fn secrets_are_stars_in_the_file() {
    let mut writer = opened(Vec::new(), &[]);
    let secret = Content { bytes: b"user=me pass=hunter2", blank: &[13..20, 99..100, 19..77] };
    writer
        .frame(&Frame {
            bytes: Recorded::Passed(secret),
            ..Frame::passed(1, 1, Serverbound, AT, &[])
        })
        .unwrap();
    let bytes = writer.into_inner().unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("user=me pass=*******"));
    assert!(text.contains("redacted=3"));
    assert!(!text.contains("hunter2"));
}

#[test]
fn secrets_are_stars_in_every_segment_of_a_large_frame() {
    let large = vec![b'.'; 150_000];
    let mut writer = opened(Vec::new(), &[]);
    let (start, middle, end) = (65_490, 100_000, 131_000);
    let content = Content { bytes: &large, blank: &[start..middle, middle..end] };
    writer
        .frame(&Frame {
            bytes: Recorded::Passed(content),
            ..Frame::passed(1, 1, Serverbound, AT, &[])
        })
        .unwrap();
    let bytes = writer.into_inner().unwrap();
    let stored: Vec<u8> = packets(&bytes)[3..]
        .iter()
        .flat_map(|packet| {
            let len = u32::from_le_bytes(packet[12..16].try_into().unwrap()) as usize;
            packet[60..20 + len].to_vec()
        })
        .collect();
    let mut expected = large;
    expected[start..end].fill(b'*');
    assert!(stored == expected);
}

#[test]
fn what_cannot_be_recorded_is_refused_and_leaves_nothing() {
    let mut writer = opened(Vec::new(), &[]);
    let len = writer.len();
    let again = Opening { session: 1, at: AT, client: ends(), server: None, facts: &[] };
    assert!(matches!(writer.session_opened(&again), Err(WriteError::OpenAlready(1))));
    let frame = Frame::passed(2, 1, Serverbound, AT, b"x");
    assert!(matches!(writer.frame(&frame), Err(WriteError::NotOpen(2))));
    let closed = writer.session_closed(2, Closing::Finished, AT);
    assert!(matches!(closed, Err(WriteError::NotOpen(2))));
    assert!(matches!(writer.facts(1, AT, None, &[("a key", "")]), Err(WriteError::Key(_))));
    let long = "x".repeat(70_000);
    assert!(matches!(
        writer.facts(1, AT, None, &[("a", &long)]),
        Err(WriteError::NoteTooLong { .. })
    ));
    let by = Frame { by: &[&long], delayed: Some(Duration::ZERO), ..frame };
    let by = writer.frame(&Frame { session: 1, ..by });
    assert!(matches!(by, Err(WriteError::NoteTooLong { .. })));
    let huge = vec![0; FRAME_LEN_MAX + 1];
    let huge = writer.frame(&Frame::passed(1, 1, Serverbound, AT, &huge));
    assert!(matches!(huge, Err(WriteError::FrameTooLong { .. })));
    assert_eq!(writer.len(), len);
    let keys: Vec<String> = (0..=FACTS_MAX).map(|key| format!("k{key}")).collect();
    for key in &keys[..FACTS_MAX] {
        writer.facts(1, AT, None, &[(key, "")]).unwrap();
    }
    writer.facts(1, AT, None, &[("k3", "said again")]).unwrap();
    let more = writer.facts(1, AT, None, &[(&keys[FACTS_MAX], "")]);
    assert!(matches!(more, Err(WriteError::TooManyFacts { session: 1 })));

    writer.direction_ended(1, Serverbound, AT).unwrap();
    let late = writer.frame(&Frame::passed(1, 1, Serverbound, AT, b"x"));
    assert!(matches!(late, Err(WriteError::Ended { session: 1, direction: Serverbound })));
    writer.frame(&Frame::passed(1, 1, Clientbound, AT, b"x")).unwrap();
    writer.session_closed(1, Closing::Finished, AT).unwrap();
    writer.session_opened(&again).unwrap();
}

/// Takes a few bytes at a time, and none at all while it is full.
#[derive(Default)]
struct Disk {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(self.room).min(1_000);
        self.room -= taken;
        self.bytes.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_until_there_is_room_again_and_nothing_is_lost_or_doubled() {
    let frames: Vec<Vec<u8>> = (0..200_u8).map(|n| vec![n; 10_000]).collect();
    let record = |writer: &mut Writer<Disk>, n: usize| {
        writer.frame(&Frame::passed(1, n as u64 + 1, Direction::BOTH[n % 2], AT, &frames[n]))
    };
    let mut writer = opened(Disk { room: usize::MAX, ..Disk::default() }, &[]);
    for n in 0..frames.len() {
        record(&mut writer, n).unwrap();
    }
    let whole = writer.into_inner().unwrap().bytes;

    let mut writer = opened(Disk { room: 300_123, ..Disk::default() }, &[]);
    let mut refused = 0;
    for n in 0..frames.len() {
        while let Err(error) = record(&mut writer, n) {
            assert!(matches!(error, WriteError::Io(_)), "{error}");
            refused += 1;
            let pending = writer.pending();
            assert!(pending <= (256 << 10) + 20_000, "{pending} bytes are held");
            writer = with_room(writer, 77_777);
        }
    }
    assert!(refused > 5);
    let bytes = with_room(writer, usize::MAX).into_inner().unwrap().bytes;
    assert!(bytes == whole);
}

#[test]
fn what_a_full_disk_has_taken_whole_can_be_told_from_what_it_has_not() {
    for room in (0..3_000).step_by(7) {
        let mut writer = opened(Disk { room, ..Disk::default() }, &[]);
        for n in 0..20 {
            writer.frame(&Frame::passed(1, n + 1, Serverbound, AT, &[7; 99])).unwrap();
        }
        writer.flush().unwrap_err();
        let whole = writer.whole() as usize;
        let bytes = &writer.get_ref().bytes;
        assert!(whole <= bytes.len(), "room {room}");
        // Whole blocks, and less than one behind them.
        blocks(&bytes[..whole]);
        assert!(bytes.len() - whole < 200, "room {room}: {} bytes behind", bytes.len() - whole);
        let rest = with_room(writer, usize::MAX);
        assert!(rest.len() as usize > whole);
    }
}

/// Makes room on the disk of a writer.
fn with_room(mut writer: Writer<Disk>, room: usize) -> Writer<Disk> {
    writer.get_mut().room = room;
    writer
}

#[test]
fn a_session_goes_on_in_the_next_file_with_what_is_known_about_it() {
    let mut writer = opened(Vec::new(), &[("protocol", "minecraft"), ("state", "login")]);
    writer.frame(&Frame::passed(1, 1, Serverbound, AT, b"one")).unwrap();
    writer.facts(1, AT, None, &[("state", "play")]).unwrap();
    writer.direction_ended(1, Serverbound, AT).unwrap();
    let first = writer.rotate(Vec::new(), AT, 0).unwrap();
    assert_eq!(blocks(&first).iter().filter(|(kind, _)| *kind == 5).count(), 2, "statistics");
    assert!(!writer.is_empty());
    writer.frame(&Frame::passed(1, 2, Clientbound, AT, b"two")).unwrap();
    let second = writer.into_inner().unwrap();
    let text = String::from_utf8_lossy(&second);
    let said = format!("continued=1 began={} protocol=minecraft state=play", AT.0);
    assert!(text.contains(&format!("midwire: session=1 leg=client {said}")), "{text}");
    assert!(!text.contains("n=2"), "the number goes on from the one before");
    // Handshake, the end of one direction and its acknowledgement, the frame.
    assert_eq!(packets(&second).len(), 6);
}

/// A state that holds of a later frame does not begin the next file: frames in front of that follow.
#[test]
fn what_holds_of_a_later_frame_is_said_again_in_the_next_file() {
    let mut writer = opened(Vec::new(), &[("state", "login")]);
    writer.frame(&Frame::passed(1, 1, Serverbound, AT, b"one")).unwrap();
    let since = Since { number: 3, from: 4 };
    writer.facts(1, AT, Some(since), &[("state", "play")]).unwrap();
    writer.rotate(Vec::new(), AT, 0).unwrap();
    for number in 2..=4 {
        writer.frame(&Frame::passed(1, number, Clientbound, AT, b"more")).unwrap();
    }
    let second = writer.rotate(Vec::new(), AT, 0).unwrap();
    let text = String::from_utf8_lossy(&second);
    assert!(text.contains(&format!("continued=1 began={} state=login", AT.0)), "{text}");
    assert!(text.contains("midwire: session=1 n=3 from=4 state=play"), "{text}");
    writer.frame(&Frame::passed(1, 5, Clientbound, AT, b"five")).unwrap();
    let third = writer.into_inner().unwrap();
    let text = String::from_utf8_lossy(&third);
    assert!(text.contains(&format!("continued=4 began={} state=play", AT.0)), "{text}");
    assert!(!text.contains("from="), "{text}");
}

/// What was recorded late has an earlier time than the new file: its session begins there no later.
#[test]
fn a_session_begins_in_the_next_file_when_the_first_of_it_is_there() {
    let mut writer = opened(Vec::new(), &[]);
    let opening = Opening { session: 2, at: AT, client: ends(), server: None, facts: &[] };
    writer.session_opened(&opening).unwrap();
    let after = |nanos: u64| Timestamp(AT.0 + nanos);
    writer.rotate(Vec::new(), after(1_000), 0).unwrap();
    writer.frame(&Frame::passed(2, 1, Clientbound, after(700), b"b")).unwrap();
    writer.frame(&Frame::passed(2, 2, Clientbound, after(900), b"c")).unwrap();
    let second = writer.rotate(Vec::new(), after(2_000), 0).unwrap();
    // The one of which nothing came has nothing there.
    assert!(!String::from_utf8_lossy(&second).contains("session=1"));
    let low = |packet: &&[u8]| u32::from_le_bytes(packet[8..12].try_into().unwrap()) - AT.0 as u32;
    let times: Vec<u32> = packets(&second).iter().map(low).collect();
    assert_eq!(times, [700, 700, 700, 700, 900]);
    writer.session_closed(1, Closing::Finished, after(2_500)).unwrap();
    let third = writer.into_inner().unwrap();
    let text = String::from_utf8_lossy(&third);
    assert!(text.contains("session=1 leg=client continued=0") && !text.contains("session=2"));
}

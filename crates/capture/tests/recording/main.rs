//! What was recorded comes back as what it was.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod moved;

use std::time::Duration;

use midwire_capture::{
    Closing, Content, Decoded, Decoder, Ends, Fate, Form, Frame, Item, Leg, Opening, Origin,
    Packet, Reader, Record, Recorded, Recordings, Segment, Timestamp, Writer,
};
use midwire_codec::Direction::{self, Clientbound, Serverbound};
use midwire_codec::{Framing, Prefix};
use proptest::prelude::*;

const AT: Timestamp = Timestamp(1_800_000_000_000_000_001);

fn ends(port: u16) -> Ends {
    Ends { client: ([127, 0, 0, 1], port).into(), server: ([127, 0, 0, 1], 25_565).into() }
}

/// All records of a file, as lines.
fn lines(bytes: &[u8]) -> Vec<String> {
    let mut reader = Reader::new(bytes);
    let (mut decoder, mut recordings) = (Decoder::default(), Recordings::default());
    let mut lines = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        let Item::Packet(packet) = item else { continue };
        let Decoded::Tcp(segment) = decoder.packet(&packet) else {
            lines.push("no segment".to_owned());
            continue;
        };
        if !recordings.push(&packet, &segment, |record| lines.push(line(&record))) {
            lines.push("of others".to_owned());
        }
    }
    recordings.finish(|record| lines.push(line(&record)));
    lines
}

fn line(record: &Record<'_>) -> String {
    let pairs = |note: midwire_capture::note::Note<'_>| {
        let pairs = note.pairs().filter(|(key, _)| !matches!(*key, "session" | "leg"));
        pairs.map(|(key, value)| format!(" {key}={value}")).collect::<String>()
    };
    match record {
        Record::Opened { session, leg, client, server, facts, .. } => {
            format!("{session} opened {} {client} {server}{}", leg.as_str(), pairs(*facts))
        }
        Record::Facts { session, facts, .. } => format!("{session} facts{}", pairs(*facts)),
        Record::Frame(frame) => {
            let form = match frame.form {
                Form::Both => "",
                Form::Came => " came",
                Form::Sent => " sent",
            };
            let more = [
                frame.decided_by().map(|origin| format!(" decided_by={}", origin.as_str())),
                frame.by().next().map(|by| format!(" by={by}")),
                frame.delayed().map(|delayed| format!(" delayed={delayed:?}")),
                (frame.redacted() > 0).then(|| format!(" redacted={}", frame.redacted())),
                (!frame.is_whole).then(|| " in part".to_owned()),
            ];
            let text = match frame.bytes.len() {
                0..100 => String::from_utf8_lossy(frame.bytes).into_owned(),
                len => format!("{len} bytes"),
            };
            format!(
                "{} {} {}{form} {} {} {text:?}{}",
                frame.session,
                frame.number,
                frame.direction,
                frame.origin.as_str(),
                frame.fate.as_str(),
                more.into_iter().flatten().collect::<String>(),
            )
        }
        Record::Missing { session, leg, direction, len } => {
            format!("{session} missing {} {direction} {len}", leg.as_str())
        }
        Record::Damaged { offset, len } => format!("damaged at {offset}: {len} bytes"),
        Record::DirectionEnded { session, direction, .. } => format!("{session} ended {direction}"),
        Record::Closed { session, reset, .. } => format!("{session} closed {reset:?}"),
    }
}

fn record() -> Writer<Vec<u8>> {
    let mut writer = Writer::new(Vec::new(), "midwire test");
    let facts = [("protocol", "a b")];
    let opening =
        Opening { session: 7, at: AT, client: ends(5), server: Some(ends(6)), facts: &facts };
    writer.session_opened(&opening).unwrap();
    writer
}

/// A length of a byte in front of each frame.
fn framed() -> Framing {
    Framing::new(Prefix::U8, 255)
}

/// The frames of a file, split: number, count, bytes, whether it is whole.
fn split(bytes: &[u8]) -> Vec<(u64, u64, Vec<u8>, bool)> {
    let mut reader = Reader::new(bytes);
    let (mut decoder, mut recordings) = (Decoder::default(), Recordings::default());
    let mut frames = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        let Item::Packet(packet) = item else { continue };
        let Decoded::Tcp(segment) = decoder.packet(&packet) else { panic!("{packet:?}") };
        recordings.push(&packet, &segment, |record| {
            let Record::Frame(row) = record else { return };
            let all = row.split(framed());
            frames.extend(all.map(|f| (f.number, f.count, f.bytes.to_vec(), f.is_whole)));
        });
    }
    frames
}

fn row(number: u64, count: u64, bytes: &[u8]) -> Frame<'_> {
    Frame { count, ..Frame::passed(7, number, Serverbound, AT, bytes) }
}

#[test]
fn frames_that_were_kept_together_come_apart_with_their_numbers() {
    let mut writer = record();
    writer.frame(&row(1, 3, b"\x01a\x00\x02bc")).unwrap();
    writer.frame(&row(4, 1, b"\x01d")).unwrap();
    writer.frame(&row(9, 2, b"\x01e\x01f")).unwrap();
    writer.frame(&row(11, 1, b"\x01g")).unwrap();
    let file = writer.into_inner().unwrap();
    let expected: [(u64, &[u8]); 7] = [
        (1, b"\x01a"),
        (2, b"\x00"),
        (3, b"\x02bc"),
        (4, b"\x01d"),
        (9, b"\x01e"),
        (10, b"\x01f"),
        (11, b"\x01g"),
    ];
    assert_eq!(split(&file), expected.map(|(number, bytes)| (number, 1, bytes.to_vec(), true)));
    let notes: Vec<String> = notes(&file);
    assert_eq!(notes, ["midwire: frames=3", "midwire: n=9 frames=2"]);
}

/// The notes of packets with payload.
fn notes(bytes: &[u8]) -> Vec<String> {
    let mut reader = Reader::new(bytes);
    let mut decoder = Decoder::default();
    let mut notes = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        let Item::Packet(packet) = item else { continue };
        let Decoded::Tcp(segment) = decoder.packet(&packet) else { panic!("{packet:?}") };
        let note = packet.note().filter(|_| !segment.payload.is_empty());
        notes.extend(note.map(|note| note.as_str().to_owned()));
    }
    notes
}

#[test]
fn what_is_framed_otherwise_than_it_was_stays_together() {
    let whole = |bytes: &'static [u8], count| {
        let mut writer = record();
        writer.frame(&row(1, count, bytes)).unwrap();
        split(&writer.into_inner().unwrap())
    };
    let one = |number, count, bytes: &[u8]| (number, count, bytes.to_vec(), true);
    // Fewer frames than are said, more, and one that does not end here.
    assert_eq!(whole(b"\x01a\x01b", 9), [one(1, 1, b"\x01a"), one(2, 1, b"\x01b")]);
    assert_eq!(whole(b"\x01a\x01b\x01c", 2), [one(1, 1, b"\x01a"), one(2, 1, b"\x01b\x01c")]);
    assert_eq!(whole(b"\x01a\x05b", 3), [one(1, 1, b"\x01a"), one(2, 2, b"\x05b")]);
    assert_eq!(whole(b"\x01a\x01b", u64::MAX), [one(1, 1, b"\x01a"), one(2, 1, b"\x01b")]);
}

#[test]
fn sessions_frames_facts_and_what_was_decided_come_back() {
    let mut writer = record();
    let decided = |number, direction, bytes| Frame {
        bytes,
        decided_by: Some(Origin::Rule),
        by: &["a b.rules:3"],
        ..Frame::passed(7, number, direction, AT, &[])
    };
    let large = vec![b'x'; 200_000];
    let content = |text: &'static str| Content::from(text.as_bytes());
    writer.frame(&Frame::passed(7, 1, Serverbound, AT, b"hello")).unwrap();
    writer.facts(7, AT, None, &[("state", "play")]).unwrap();
    writer.frame(&Frame::passed(7, 2, Clientbound, AT, &large)).unwrap();
    writer.frame(&Frame::passed(7, 9, Clientbound, AT, b"")).unwrap();
    for direction in Direction::BOTH {
        let (came, sent) = (content("came"), content("sent"));
        let number = 10 + 10 * direction.index() as u64;
        writer.frame(&decided(number, direction, Recorded::Changed { came, sent })).unwrap();
        writer.frame(&decided(number + 1, direction, Recorded::Dropped(came))).unwrap();
        let injected = decided(number + 2, direction, Recorded::Injected(sent));
        writer.frame(&Frame { origin: Origin::Script, ..injected }).unwrap();
    }
    let late = Frame::passed(7, 23, Serverbound, AT, b"late");
    writer.frame(&Frame { delayed: Some(Duration::from_millis(150)), ..late }).unwrap();
    let secret = Content { bytes: b"secret", blank: &[2..3, 3..4] };
    let secret =
        Frame { bytes: Recorded::Passed(secret), ..Frame::passed(7, 24, Serverbound, AT, b"") };
    writer.frame(&secret).unwrap();
    writer.direction_ended(7, Serverbound, AT).unwrap();
    writer.session_closed(7, Closing::Finished, AT).unwrap();
    // The number and the ends are used again.
    let opening = Opening { session: 7, at: AT, client: ends(5), server: None, facts: &[] };
    writer.session_opened(&opening).unwrap();
    writer.frame(&Frame::passed(7, 1, Clientbound, AT, b"again")).unwrap();
    writer.session_closed(7, Closing::Reset(Clientbound), AT).unwrap();

    let expected = [
        "7 opened client 127.0.0.1:5 127.0.0.1:25565 protocol=a b",
        "7 1 serverbound client passed \"hello\"",
        "7 facts state=play",
        "7 2 clientbound server passed \"200000 bytes\"",
        "7 9 clientbound server passed \"\"",
        "7 opened server 127.0.0.1:6 127.0.0.1:25565",
        "7 10 serverbound came client changed \"came\" decided_by=rule by=a b.rules:3",
        "7 10 serverbound sent client changed \"sent\" decided_by=rule by=a b.rules:3",
        "7 11 serverbound came client dropped \"came\" decided_by=rule by=a b.rules:3",
        "7 12 serverbound sent script passed \"sent\" decided_by=rule by=a b.rules:3",
        "7 20 clientbound came server changed \"came\" decided_by=rule by=a b.rules:3",
        "7 20 clientbound sent server changed \"sent\" decided_by=rule by=a b.rules:3",
        "7 21 clientbound came server dropped \"came\" decided_by=rule by=a b.rules:3",
        "7 22 clientbound sent script passed \"sent\" decided_by=rule by=a b.rules:3",
        "7 23 serverbound client delayed \"late\" delayed=150ms",
        "7 24 serverbound client passed \"se**et\" redacted=2",
        "7 ended serverbound",
        "7 ended clientbound",
        "7 closed None",
        "7 opened client 127.0.0.1:5 127.0.0.1:25565",
        "7 1 clientbound server passed \"again\"",
        "7 closed Some(Clientbound)",
    ];
    let mut lines = lines(&writer.into_inner().unwrap());
    // The server's leg is opened just before it is first used.
    let opened = lines.iter().position(|line| line.starts_with("7 opened server")).unwrap();
    assert!(opened == 5 || opened == 6, "{lines:#?}");
    let opened = lines.remove(opened);
    lines.insert(5, opened);
    assert_eq!(lines, expected);
}

#[test]
fn the_halves_of_one_that_others_have_overtaken_come_back_where_they_were() {
    for direction in Direction::BOTH {
        let mut writer = record();
        let half = |bytes| Frame { bytes, ..Frame::passed(7, 1, direction, AT, &[]) };
        let content = Content::from(&b"late"[..]);
        writer.frame(&half(Recorded::Came(content))).unwrap();
        writer.frame(&Frame::passed(7, 2, direction, AT, b"early")).unwrap();
        let delayed = Some(Duration::from_millis(5));
        writer.frame(&Frame { delayed, ..half(Recorded::Sent(content)) }).unwrap();
        let found = lines(&writer.into_inner().unwrap());
        let frames: Vec<_> = found.iter().filter(|line| line.contains("bound ")).collect();
        let way = direction.as_str();
        let sender = Origin::sender(direction).as_str();
        let expected = [
            format!("7 1 {way} came {sender} delayed \"late\""),
            format!("7 2 {way} {sender} passed \"early\""),
            format!("7 1 {way} sent {sender} delayed \"late\" delayed=5ms"),
        ];
        let frames: Vec<_> = frames.into_iter().filter(|line| !line.contains("opened")).collect();
        assert_eq!(frames.len(), 3, "{found:?}");
        for (found, expected) in frames.into_iter().zip(&expected) {
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn numbers_go_on_in_the_next_file() {
    let mut writer = record();
    writer.frame(&Frame::passed(7, 41, Serverbound, AT, b"x")).unwrap();
    writer.rotate(Vec::new(), AT, 0).unwrap();
    writer.frame(&Frame::passed(7, 42, Serverbound, AT, b"y")).unwrap();
    let lines = lines(&writer.into_inner().unwrap());
    assert_eq!(
        lines,
        [
            &format!(
                "7 opened client 127.0.0.1:5 127.0.0.1:25565 continued=41 began={} protocol=a b",
                AT.0
            ),
            "7 42 serverbound client passed \"y\"",
        ]
    );
}

/// Offsets of the packets of a file.
fn offsets(bytes: &[u8]) -> Vec<usize> {
    let mut reader = Reader::new(bytes);
    let mut offsets = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Packet(packet) = item {
            offsets.push(packet.offset as usize);
        }
    }
    offsets
}

#[test]
fn lost_records_are_missing_and_doubled_ones_count_once() {
    let mut writer = record();
    for (number, text) in [(1, "one"), (2, "two"), (3, "three")] {
        writer.frame(&Frame::passed(7, number, Serverbound, AT, text.as_bytes())).unwrap();
    }
    let bytes = writer.into_inner().unwrap();
    let [_, _, _, one, two, three] = offsets(&bytes)[..] else { panic!() };
    let doubled = [&bytes[..two], &bytes[one..two], &bytes[two..]].concat();
    assert_eq!(lines(&doubled), lines(&bytes));
    let lost = [&bytes[..two], &bytes[three..]].concat();
    let lines = lines(&lost);
    assert_eq!(lines[2], "7 missing client serverbound 3");
    assert_eq!(lines[3], "7 2 serverbound client passed \"three\"");
}

#[test]
fn a_large_frame_that_lost_a_part_comes_in_part() {
    let mut writer = record();
    writer.frame(&Frame::passed(7, 1, Serverbound, AT, &[b'x'; 190_000])).unwrap();
    writer.frame(&Frame::passed(7, 2, Serverbound, AT, b"next")).unwrap();
    let bytes = writer.into_inner().unwrap();
    let [_, _, _, _, second, third, next] = offsets(&bytes)[..] else { panic!() };
    let middle = [&bytes[..second], &bytes[third..]].concat();
    assert_eq!(
        lines(&middle)[1..],
        [
            "7 1 serverbound client passed \"65495 bytes\" in part",
            "7 missing client serverbound 65495",
            "7 2 serverbound client passed \"59010 bytes\"",
            "7 3 serverbound client passed \"next\"",
        ]
    );
    let end = [&bytes[..third], &bytes[next..]].concat();
    assert_eq!(lines(&end)[1], "7 1 serverbound client passed \"130990 bytes\" in part");
}

/// Frames of several sessions, whose segments come in turn. Of the longest there are parts, and what follows
/// keeps its number.
#[test]
fn more_of_unfinished_frames_than_is_kept_comes_in_parts() {
    const LEN: usize = 7_000_000;
    let long = vec![b'l'; LEN];
    let facts = [("protocol", "a b")];
    let mut begun = Vec::new();
    let files: Vec<Vec<u8>> = (0..3)
        .map(|session| {
            let mut writer = Writer::new(Vec::new(), "midwire test");
            let client = ends(5 + session);
            let session = u64::from(session);
            let opening = Opening { session, at: AT, client, server: None, facts: &facts };
            writer.session_opened(&opening).unwrap();
            for (number, bytes) in [(1, &long[..]), (2, b"next"), (3, b"last")] {
                writer.frame(&Frame::passed(session, number, Serverbound, AT, bytes)).unwrap();
            }
            writer.into_inner().unwrap()
        })
        .collect();
    let mut readers: Vec<_> = files.iter().map(|file| Reader::new(&file[..])).collect();
    let (mut decoder, mut recordings) = (Decoder::default(), Recordings::default());
    let mut shown: Vec<Vec<(u64, usize, bool)>> = vec![Vec::new(); 3];
    let mut is_over = [false; 3];
    while is_over.contains(&false) {
        for (at, reader) in readers.iter_mut().enumerate() {
            match reader.next().unwrap() {
                Some(Item::Packet(packet)) => {
                    let Decoded::Tcp(segment) = decoder.packet(&packet) else { panic!() };
                    recordings.push(&packet, &segment, |record| match record {
                        Record::Frame(frame) => {
                            let session = usize::try_from(frame.session).unwrap();
                            shown[session].push((frame.number, frame.bytes.len(), frame.is_whole));
                        }
                        Record::Opened { session, .. } => begun.push(session),
                        _ => {}
                    });
                }
                Some(_) => {}
                None => is_over[at] = true,
            }
        }
    }
    assert_eq!(begun, [0, 1, 2]);
    for frames in &shown {
        let (first, rest): (Vec<_>, Vec<_>) = frames.iter().partition(|(number, ..)| *number == 1);
        assert_eq!(first.iter().map(|(_, len, _)| len).sum::<usize>(), LEN, "{frames:?}");
        assert_eq!(first.len() > 1, first.iter().all(|(.., is_whole)| !is_whole), "{frames:?}");
        assert_eq!(rest, [(2, 4, true), (3, 4, true)], "{frames:?}");
    }
    assert!(shown.iter().any(|frames| frames.len() > 3), "{shown:?}");
}

/// Somebody else's capture of the same connection, put into one file with it by a tool.
#[test]
fn packets_between_the_same_ends_on_another_interface_are_not_taken() {
    let mut writer = record();
    writer.frame(&Frame::passed(7, 1, Serverbound, AT, b"hello")).unwrap();
    let bytes = writer.into_inner().unwrap();
    let mut reader = Reader::new(&bytes[..]);
    let (mut decoder, mut recordings) = (Decoder::default(), Recordings::default());
    let mut frames = 0;
    while let Some(item) = reader.next().unwrap() {
        let Item::Packet(packet) = item else { continue };
        let Decoded::Tcp(segment) = decoder.packet(&packet) else { panic!("{packet:?}") };
        let mut count = |record: Record<'_>| match record {
            Record::Frame(_) => frames += 1,
            Record::Missing { len, .. } => panic!("{len} bytes are missing"),
            _ => {}
        };
        assert!(recordings.push(&packet, &segment, &mut count));
        let other = Packet { interface: 9, ..packet };
        let numbers = Segment { sequence: segment.sequence.wrapping_add(1 << 30), ..segment };
        let is_opening = segment.is_syn() && !segment.is_ack();
        assert!(is_opening || !recordings.push(&other, &numbers, &mut count));
    }
    assert_eq!(frames, 1);
}

#[test]
fn packets_of_others_are_not_taken() {
    let mut writer = record();
    writer.frame(&Frame::passed(7, 1, Serverbound, AT, b"x")).unwrap();
    let bytes = writer.into_inner().unwrap();
    let text = bytes.windows(8).position(|window| window == b"midwire:").unwrap();
    let mut other = bytes.clone();
    other[text] = b'M';
    let mut reader = Reader::new(&other[..]);
    let (mut decoder, mut recordings) = (Decoder::default(), Recordings::default());
    while let Some(item) = reader.next().unwrap() {
        let Item::Packet(packet) = item else { continue };
        let Decoded::Tcp(segment) = decoder.packet(&packet) else { panic!() };
        assert!(!recordings.push(&packet, &segment, |record| panic!("{record:?}")));
    }
}

#[derive(Clone, Debug)]
enum Act {
    Open(u64),
    Frame { session: u64, direction: Direction, number: u64, kind: u8, len: usize },
    Facts(u64),
    End(u64, Direction),
    Close(u64, Option<Direction>),
    Rotate,
}

fn act() -> impl Strategy<Value = Act> {
    let direction = || prop_oneof![Just(Serverbound), Just(Clientbound)];
    let len = prop_oneof![0..50_usize, 65_490..65_500_usize, 100_000..200_000_usize];
    let number = prop_oneof![Just(0_u64), any::<u64>()];
    prop_oneof![
        1 => (0..4_u64).prop_map(Act::Open),
        8 => (0..4_u64, direction(), number, 0..5_u8, len).prop_map(
            |(session, direction, number, kind, len)| Act::Frame { session, direction, number, kind, len }
        ),
        1 => (0..4_u64).prop_map(Act::Facts),
        1 => (0..4_u64, direction()).prop_map(|(session, direction)| Act::End(session, direction)),
        1 => (0..4_u64, prop::option::of(direction())).prop_map(|(session, reset)| Act::Close(session, reset)),
        1 => Just(Act::Rotate),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_is_recorded_comes_back_from_all_files_together(acts in prop::collection::vec(act(), 0..60)) {
        let mut writer = Writer::new(Vec::new(), "midwire test");
        let (mut files, mut expected, mut last) = (Vec::new(), Vec::new(), [0_u64; 4]);
        let zeros = vec![b'0'; 200_000];
        for act in &acts {
            match *act {
                Act::Open(session) => {
                    let client = ends(1_000 + session as u16);
                    let server = Some(ends(2_000 + session as u16));
                    let opening = Opening { session, at: AT, client, server, facts: &[] };
                    if writer.session_opened(&opening).is_ok() {
                        last[session as usize] = 0;
                    }
                }
                Act::Frame { session, direction, number, kind, len } => {
                    let number = match number {
                        0 => last[session as usize].wrapping_add(1),
                        number => number,
                    };
                    let content = Content::from(&zeros[..len]);
                    let other = Content::from(&b"other"[..]);
                    let (bytes, forms): (_, &[(Form, usize)]) = match kind {
                        0 | 1 => (Recorded::Passed(content), &[(Form::Both, len)]),
                        2 => (Recorded::Dropped(content), &[(Form::Came, len)]),
                        3 => (
                            Recorded::Changed { came: content, sent: other },
                            &[(Form::Came, len), (Form::Sent, 5)],
                        ),
                        _ => (Recorded::Injected(content), &[(Form::Sent, len)]),
                    };
                    let origin = if kind == 4 { Origin::User } else { Origin::sender(direction) };
                    let frame = Frame { bytes, origin, ..Frame::passed(session, number, direction, AT, &[]) };
                    if writer.frame(&frame).is_ok() {
                        last[session as usize] = number;
                        for (form, len) in forms {
                            expected.push((session, number, direction, *form, *len, frame.fate(), origin));
                        }
                    }
                }
                Act::Facts(session) => drop(writer.facts(session, AT, None, &[("state", "x")])),
                Act::End(session, direction) => drop(writer.direction_ended(session, direction, AT)),
                Act::Close(session, reset) => {
                    let closing = reset.map_or(Closing::Finished, Closing::Reset);
                    drop(writer.session_closed(session, closing, AT));
                }
                Act::Rotate => files.push(writer.rotate(Vec::new(), AT, 0).unwrap()),
            }
        }
        files.push(writer.into_inner().unwrap());
        let mut seen: Vec<(u64, u64, Direction, Form, usize, Fate, Origin)> = Vec::new();
        let mut decoder = Decoder::default().with_checksums();
        let mut recordings = Recordings::default();
        // As one file that was appended to.
        let bytes = files.concat();
        let mut reader = Reader::new(&bytes[..]);
        while let Some(item) = reader.next().unwrap() {
            let packet = match item {
                Item::Packet(packet) => packet,
                Item::Damage(damage) => panic!("{damage}"),
                _ => continue,
            };
            let Decoded::Tcp(segment) = decoder.packet(&packet) else { panic!("{packet:?}") };
            let known = recordings.push(&packet, &segment, |record| match record {
                Record::Frame(frame) => {
                    assert!(frame.is_whole);
                    seen.push((
                        frame.session,
                        frame.number,
                        frame.direction,
                        frame.form,
                        frame.bytes.len(),
                        frame.fate,
                        frame.origin,
                    ));
                }
                Record::Missing { .. } => panic!("{record:?}"),
                _ => {}
            });
            // What acknowledges an end comes behind it.
            prop_assert!(known || segment.payload.is_empty());
        }
        prop_assert_eq!(seen, expected);
    }
}

#[test]
fn legs_have_words() {
    for leg in Leg::BOTH {
        assert_eq!(Leg::from_word(leg.as_str()), Some(leg));
    }
}

//! Records that a tool has moved, or whose numbers it has damaged: each is read in the place where it was written.

use midwire_capture::{Closing, Content, Frame, Origin, Recorded};
use midwire_codec::Direction::{Clientbound, Serverbound};
use proptest::prelude::*;

use super::{AT, lines, offsets, record};

/// The blocks of a file: what stands in front of the first packet, and then each packet with what follows it.
fn packets(bytes: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let offsets = offsets(bytes);
    let ends = offsets.iter().skip(1).copied().chain([bytes.len()]);
    let packets = offsets.iter().zip(ends).map(|(start, end)| &bytes[*start..end]);
    (&bytes[..offsets[0]], packets.collect())
}

/// A session of so many frames in both directions, with a fact now and then, and its end.
fn session(count: u64, len: impl Fn(u64) -> usize) -> Vec<u8> {
    let mut writer = record();
    for number in 1..=count {
        let direction = if number % 3 == 0 { Serverbound } else { Clientbound };
        let text = number.to_string().repeat(len(number));
        writer.frame(&Frame::passed(7, number, direction, AT, text.as_bytes())).unwrap();
        if number % 7 == 0 {
            writer.facts(7, AT, None, &[("state", &number.to_string())]).unwrap();
        }
    }
    writer.direction_ended(7, Serverbound, AT).unwrap();
    writer.session_closed(7, Closing::Finished, AT).unwrap();
    writer.into_inner().unwrap()
}

/// Lines without those of facts, which have no place of their own among frames.
fn frames(lines: &[String]) -> Vec<&String> {
    lines.iter().filter(|line| !line.contains("facts")).collect()
}

#[test]
fn a_record_that_was_moved_is_read_where_it_was_written() {
    let file = session(120, |_| 3);
    let whole = lines(&file);
    let (head, packets) = packets(&file);
    for from in [4, 5, 20, 60, 121] {
        for by in [1, 2, 7, 40, 60] {
            let mut moved = packets.clone();
            let record = moved.remove(from);
            moved.insert((from + by).min(moved.len()), record);
            let lines = lines(&[&[head], &moved[..]].concat().concat());
            assert_eq!(frames(&lines), frames(&whole), "record {from} moved by {by}");
            assert_eq!(lines.len(), whole.len());
        }
    }
}

#[test]
fn a_record_that_comes_too_late_is_missing_in_its_place() {
    let file = session(200, |_| 3);
    let whole = lines(&file);
    let (head, mut packets) = packets(&file);
    let record = packets.remove(20);
    packets.insert(150, record);
    let lines = lines(&[&[head], &packets[..]].concat().concat());
    let missing: Vec<_> = lines.iter().filter(|line| line.contains("missing")).collect();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(lines.len(), whole.len(), "one is missing, and told");
}

/// Every bit of the numbers of some records, turned over.
#[test]
fn a_record_with_damaged_numbers_costs_no_other() {
    let file = session(400, |_| 3);
    let whole = lines(&file);
    let (_, packets) = packets(&file);
    for at in [5, 50, 51, 300] {
        // Block, IPv4 or IPv6 and ports stand in front of them: they are what they are in every record.
        let block = packets[at];
        let start = block.as_ptr() as usize - file.as_ptr() as usize;
        let ip = 28;
        let tcp = ip + if block[ip] >> 4 == 4 { 20 } else { 40 };
        for bit in 0..64 {
            let mut damaged = file.clone();
            damaged[start + tcp + 4 + bit / 8] ^= 1 << (bit % 8);
            let lines = lines(&damaged);
            let left = lines.iter().filter(|line| line.contains("passed")).filter(|line| {
                let text = line.rsplit(' ').next().unwrap();
                whole.iter().any(|line| line.ends_with(text))
            });
            let left = left.count();
            assert!(left >= 399, "record {at}, bit {bit}: {left} frames\n{}", lines.join("\n"));
        }
    }
}

/// Which number a frame has is said in its own record, or by the one in front of it, which may be the other leg's.
fn without_number(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    words.remove(1);
    words.join(" ")
}

#[test]
fn of_both_legs_nothing_is_missing() {
    let mut writer = record();
    for number in 1..=60 {
        let (came, sent) = (format!("came {number}"), format!("sent {number}"));
        let bytes = match number % 4 {
            0 => Recorded::Changed {
                came: Content::from(came.as_bytes()),
                sent: Content::from(sent.as_bytes()),
            },
            1 => Recorded::Dropped(Content::from(came.as_bytes())),
            2 => Recorded::Injected(Content::from(sent.as_bytes())),
            _ => Recorded::Passed(Content::from(came.as_bytes())),
        };
        let origin = if number % 4 == 2 { Origin::User } else { Origin::Client };
        let frame = Frame { bytes, origin, ..Frame::passed(7, number, Serverbound, AT, &[]) };
        writer.frame(&frame).unwrap();
    }
    let file = writer.into_inner().unwrap();
    let whole = lines(&file);
    let (head, packets) = packets(&file);
    let mut wanted: Vec<String> = whole.iter().map(|line| without_number(line)).collect();
    wanted.sort_unstable();
    for from in 12..60 {
        let mut moved = packets.clone();
        let record = moved.remove(from);
        moved.insert(from + 9, record);
        let lines = lines(&[&[head], &moved[..]].concat().concat());
        let mut found: Vec<String> = lines.iter().map(|line| without_number(line)).collect();
        found.sort_unstable();
        assert_eq!(found, wanted, "record {from}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_in_any_order_nearby_are_read_as_they_were_written(
        count in 1_u64..150,
        window in 2_usize..60,
        long in 0_u64..150,
        keys in prop::collection::vec(any::<u32>(), 200),
    ) {
        let file = session(count, |number| if number == long { 60_000 } else { 1 + number as usize % 5 });
        let whole = lines(&file);
        let (head, mut packets) = packets(&file);
        // The opening is what tells whose the others are.
        for some in packets[3..].chunks_mut(window) {
            let mut keyed: Vec<(u32, &[u8])> = keys.iter().copied().zip(some.iter().copied()).collect();
            keyed.sort_by_key(|(key, _)| *key);
            some.iter_mut().zip(keyed).for_each(|(place, (_, packet))| *place = packet);
        }
        let lines = lines(&[&[head], &packets[..]].concat().concat());
        prop_assert_eq!(frames(&lines), frames(&whole));
    }
}

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

/// Where the IP header of a packet block begins, in the block.
const IP: usize = 28;

/// Where the TCP header of a packet block begins.
fn tcp(block: &[u8]) -> usize {
    IP + if block[IP] >> 4 == 4 { 20 } else { 40 }
}

/// A file with a bit of some block turned over. `is_summed`: its checksum is made right again.
fn turned(file: &[u8], block: &[u8], bit: usize, is_summed: bool) -> Vec<u8> {
    let start = block.as_ptr() as usize - file.as_ptr() as usize;
    let mut turned = file.to_vec();
    turned[start + bit / 8] ^= 1 << (bit % 8);
    if is_summed {
        let len = u32::from_le_bytes(block[20..24].try_into().unwrap()) as usize;
        let packet = &mut turned[start + IP..start + IP + len];
        assert_eq!(packet[0] >> 4, 4);
        packet[36..38].fill(0);
        let words = packet[12..]
            .chunks(2)
            .map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)));
        let mut sum = words.sum::<u32>() + 6 + (len as u32 - 20);
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        packet[36..38].copy_from_slice(&(!sum as u16).to_be_bytes());
    }
    turned
}

/// Lines without what is told of packets, sorted: some have other numbers behind one that is missing.
fn frames_of(lines: &[String]) -> Vec<String> {
    let is_frame = |line: &&String| line.contains("bound") && !line.contains("missing");
    let frames = lines.iter().filter(is_frame);
    let mut frames: Vec<String> = frames.map(|line| without_number(line)).collect();
    frames.sort_unstable();
    frames
}

#[test]
fn a_record_with_a_bit_turned_over_is_damaged_and_costs_no_other() {
    let file = session(60, |_| 3);
    let whole = lines(&file);
    let (_, packets) = packets(&file);
    for at in [0, 1, 5, 30] {
        let block = packets[at];
        // From behind the addresses and ports on: with others it would be of another connection.
        let end = IP + u32::from_le_bytes(block[20..24].try_into().unwrap()) as usize;
        let first = tcp(block) + 4;
        for bit in first * 8..end * 8 {
            let lines = lines(&turned(&file, block, bit, false));
            let is_told = |line: &&String| {
                line.contains("damaged at") || ["no segment", "of others"].contains(&line.as_str())
            };
            // Without the first one there is no session.
            let is_opened = lines.iter().any(|line| line.contains("opened"));
            let (left, whole) = (frames_of(&lines), frames_of(&whole));
            let is_told = left == whole || lines.iter().any(|line| is_told(&line));
            assert!(is_told, "record {at}, bit {bit}: {lines:?}");
            assert!(
                !is_opened || left.len() + 1 >= whole.len(),
                "record {at}, bit {bit}: {lines:#?}"
            );
            let others: Vec<_> = left.iter().filter(|line| !whole.contains(line)).collect();
            // Of bytes that are damaged it is told, and they are shown as they are.
            let is_payload = at > 1 && bit >= (tcp(block) + 20) * 8;
            let expected = usize::from(is_payload);
            assert_eq!(others.len(), expected, "record {at}, bit {bit}: {others:?}");
            assert!(!is_payload || left.len() == whole.len(), "record {at}, bit {bit}");
        }
    }
}

#[test]
fn a_record_with_numbers_that_fit_nothing_costs_no_other() {
    for file in [session(400, |_| 3), both_legs(400)] {
        let whole = frames_of(&lines(&file));
        let (_, packets) = packets(&file);
        for at in [8, 50, 51, 52, 300] {
            let block = packets[at];
            let first = (tcp(block) + 4) * 8;
            for bit in first..first + 64 {
                let lines = lines(&turned(&file, block, bit, true));
                let left = frames_of(&lines);
                let lost = whole.iter().filter(|line| !left.contains(line)).count();
                assert!(lost <= 1, "record {at}, bit {}: {lost} are lost\n{lines:#?}", bit - first);
            }
        }
    }
}

/// Which number a frame has is said in its own record, or by the one in front of it, which may be the other leg's.
fn without_number(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    words.remove(1);
    words.join(" ")
}

/// A session of which every fourth frame was changed, dropped, injected, or passed, and its end.
fn both_legs(count: u64) -> Vec<u8> {
    let mut writer = record();
    for number in 1..=count {
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
    writer.direction_ended(7, Serverbound, AT).unwrap();
    writer.session_closed(7, Closing::Finished, AT).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn of_both_legs_nothing_is_missing() {
    let file = both_legs(60);
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

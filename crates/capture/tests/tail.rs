//! Going on with a file, whatever became of its end.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use midwire_capture::{
    Ends, Frame, Item, Opening, Problem, ReadError, Reader, Timestamp, Writer, tail,
};
use midwire_codec::Direction::Serverbound;

fn file(application: &str, frames: u64) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), application);
    let client = Ends { client: "[::1]:5".parse().unwrap(), server: "[::1]:6".parse().unwrap() };
    let at = Timestamp(1);
    let opening = Opening { session: 1, at, client, server: None, facts: &[] };
    writer.session_opened(&opening).unwrap();
    for number in 1..=frames {
        writer.frame(&Frame::passed(1, number, Serverbound, at, b"content")).unwrap();
    }
    writer.into_inner().unwrap()
}

/// Packets, and places that are damaged.
fn count(bytes: &[u8]) -> (usize, usize) {
    let mut reader = Reader::new(bytes);
    let (mut packets, mut damaged) = (0, 0);
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Packet(_) => packets += 1,
            Item::Damage(_) => damaged += 1,
            _ => {}
        }
    }
    (packets, damaged)
}

#[test]
fn a_file_cut_anywhere_is_gone_on_with_at_its_last_whole_record() {
    let (whole, next) = (file("one", 3), file("two", 1));
    let mut last = 0;
    for len in 0..=whole.len() {
        let found = tail(&whole[..len]).unwrap();
        assert!(found.whole <= len as u64 && found.whole >= last && found.takes_sections);
        last = found.whole;
        match found.cut {
            None => assert_eq!(found.whole, len as u64),
            Some(cut) => {
                assert_eq!((cut.offset, cut.len), (found.whole, len as u64 - found.whole));
                assert!(matches!(cut.problem, Problem::Cut { .. }));
            }
        }
        let kept = &whole[..found.whole as usize];
        let before = if kept.is_empty() { 0 } else { count(kept).0 };
        assert_eq!(count(&[kept, &next].concat()), (before + 4, 0));
    }
    assert_eq!(last, whole.len() as u64);
}

#[test]
fn damage_in_the_middle_is_counted_and_stays() {
    let mut bytes = file("one", 5);
    let third_last = bytes.len() - 3 * 100;
    assert_eq!(bytes[third_last..third_last + 4], [6, 0, 0, 0]);
    bytes[third_last..third_last + 40].fill(0xee);
    let found = tail(&bytes[..]).unwrap();
    assert_eq!(found.whole, bytes.len() as u64);
    assert_eq!((found.cut, found.damaged), (None, 1));
}

#[test]
fn a_packet_with_a_wrong_length_ends_where_it_says() {
    let file = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1, 1_795_000_000, 0, 4, 4, 0];
    let mut file: Vec<u8> = file.iter().flat_map(|word| word.to_le_bytes()).collect();
    let whole = file.len() as u64;
    file.extend([0xff; 20]);
    let found = tail(&file[..]).unwrap();
    assert_eq!(found.whole, whole);
    assert_eq!(found.cut.map(|cut| (cut.offset, cut.len)), Some((whole, 20)));
}

#[test]
fn pcap_takes_no_sections_and_other_files_are_refused() {
    let pcap = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1];
    let pcap: Vec<u8> = pcap.iter().flat_map(|word| word.to_le_bytes()).collect();
    assert!(!tail(&pcap[..]).unwrap().takes_sections);
    assert!(matches!(tail(&b"some text"[..]), Err(ReadError::NotACapture(_))));
}

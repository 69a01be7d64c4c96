//! Jumping in long captures by their index.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::io::{Seek, SeekFrom};

use midwire_capture::{
    Closing, Decoded, Decoder, Ends, Frame, Freshness, Index, IndexBuilder, IndexError,
    IndexedPacket, Item, KEY_PLACES_MAX, KEYS_MAX, Opening, Reader, Record, Recordings, STARTS_MAX,
    Stamp, Timestamp, Writer,
};
use midwire_codec::Direction;
use proptest::prelude::*;

const AT: u64 = 1_800_000_000_000_000_000;

/// Frames of some sessions that come and go, each with its number in the file as its content.
fn record(frames: u64) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), "midwire test");
    let open = |writer: &mut Writer<Vec<u8>>, session, at| {
        let end = |port| ([127, 0, 0, 1], port).into();
        let client = Ends { client: end(1_000 + session as u16), server: end(25_565) };
        let opening = Opening { session, at, client, server: None, facts: &[] };
        writer.session_opened(&opening).unwrap();
    };
    for n in 1..=frames {
        let (session, at) = (n / 1_000, Timestamp(AT + n));
        if n % 1_000 == 0 || n == 1 {
            open(&mut writer, session, at);
            if session > 1 {
                writer.session_closed(session - 2, Closing::Finished, at).unwrap();
            }
        }
        if n % 30_000 == 0 {
            let next = writer.rotate(Vec::new(), at, 0).unwrap();
            let rest = std::mem::replace(writer.get_mut(), next);
            assert!(rest.is_empty());
        }
        let direction = Direction::BOTH[n as usize % 2];
        let text = n.to_string();
        writer.frame(&Frame::passed(session, n, direction, at, text.as_bytes())).unwrap();
    }
    writer.into_inner().unwrap()
}

/// Reads frames on from a start: their place in the file, number and content.
fn frames<R: std::io::Read>(
    reader: &mut Reader<R>,
    recordings: &mut Recordings,
    mut take: impl FnMut(&mut Recordings, &Reader<R>, u64, u64, &[u8]) -> bool,
) {
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    loop {
        let before = recordings.save().expect("each record is a frame");
        let Some(item) = reader.next().unwrap() else { return };
        let Item::Packet(packet) = item else { continue };
        let Decoded::Tcp(segment) = decoder.packet(&packet) else { panic!("{packet:?}") };
        found.clear();
        let known = recordings.push(&packet, &segment, |record| {
            if let Record::Frame(frame) = record {
                found.push((frame.offset, frame.number, frame.bytes.to_vec()));
            }
        });
        assert!(known);
        for (offset, number, bytes) in &found {
            // What was known in front of the frame.
            let mut before = Recordings::restore(&before).unwrap();
            if !take(&mut before, reader, *offset, *number, bytes) {
                return;
            }
        }
    }
}

fn index(bytes: &[u8]) -> Index {
    let mut builder = IndexBuilder::default();
    let mut reader = Reader::new(bytes);
    frames(&mut reader, &mut Recordings::default(), |before, reader, offset, number, bytes| {
        let at = Timestamp(AT + number);
        if builder.wants_start() {
            builder.start(offset, at, reader.context().unwrap(), &before.save().unwrap());
        }
        let keys = [number as u32 % 3, 1_000_000];
        builder.packet(&IndexedPacket { offset, at, len: bytes.len() as u32, keys: &keys });
        true
    });
    let stamp = Stamp::new(bytes.len() as u64, 7, bytes);
    builder.finish(stamp, reader.offset(), reader.context().unwrap(), b"end").unwrap()
}

#[test]
fn any_packet_is_found_from_the_start_before_it() {
    let bytes = record(4_000);
    let index = Index::from_bytes(&index(&bytes).to_bytes()).unwrap();
    assert_eq!(index.packets(), 4_000);
    for wanted in [1, 2, 255, 256, 257, 258, 1_000, 2_049, 3_999, 4_000] {
        let start = index.start(wanted).unwrap();
        assert!(start.packet <= wanted && wanted - start.packet < 256, "{start:?}");
        let mut file = std::io::Cursor::new(&bytes);
        file.seek(SeekFrom::Start(start.offset)).unwrap();
        let mut reader = Reader::resume(file, start.offset, start.context.clone());
        let mut recordings = Recordings::restore(start.state).unwrap();
        let mut n = start.packet;
        let mut found = None;
        frames(&mut reader, &mut recordings, |_, _, _, number, bytes| {
            assert_eq!(number, n);
            n += 1;
            found = Some(String::from_utf8(bytes.to_vec()).unwrap());
            number < wanted
        });
        assert_eq!(found, Some(wanted.to_string()));
    }
    assert_eq!(index.start(0), None);
}

#[test]
fn keys_are_counted_and_their_packets_found() {
    let index = index(&record(4_000));
    let all = index.key(1_000_000).unwrap();
    assert_eq!(all.count, 4_000);
    assert_eq!(all.bytes, 9 + 2 * 90 + 3 * 900 + 4 * 3_001);
    assert_eq!(all.lengths, (1, 4));
    assert_eq!(all.times, (Timestamp(AT + 1), Timestamp(AT + 4_000)));
    assert_eq!(index.keys().map(|(key, _)| key).collect::<Vec<_>>(), [0, 1, 2, 1_000_000]);
    assert_eq!(index.nth(2, 1), Some((2, 0)));
    assert_eq!(index.nth(2, 700), Some((2 + 3 * 699, 0)));
    assert_eq!(index.nth(2, 0), None);
    assert_eq!(index.nth(2, 1_334), None);
    assert_eq!(index.nth(77, 1), None);
}

#[test]
fn a_start_is_found_by_time() {
    let index = index(&record(2_000));
    assert_eq!(index.start_at(Timestamp(0)).unwrap().packet, 1);
    assert_eq!(index.start_at(Timestamp(AT + 256)).unwrap().packet, 1);
    assert_eq!(index.start_at(Timestamp(AT + 258)).unwrap().packet, 257);
    assert_eq!(index.start_at(Timestamp(u64::MAX)).unwrap().packet, 1_793);
}

#[test]
fn an_index_tells_whether_it_belongs_to_a_file() {
    let bytes = record(100);
    let index = index(&bytes);
    let (len, head) = (bytes.len() as u64, &bytes[..]);
    assert_eq!(index.freshness(&Stamp::new(len, 7, head)), Freshness::Fresh);
    assert_eq!(index.freshness(&Stamp::new(len, 8, head)), Freshness::Stale);
    assert_eq!(index.freshness(&Stamp::new(len + 1, 8, head)), Freshness::Grown);
    assert_eq!(index.freshness(&Stamp::new(len - 1, 7, head)), Freshness::Stale);
    assert_eq!(index.freshness(&Stamp::new(len, 7, &head[1..])), Freshness::Stale);
}

#[test]
fn an_index_goes_on_where_the_file_ended() {
    let whole = record(3_000);
    let all = index(&whole);
    let half = all.start(1_500).unwrap().offset as usize;
    let first = index(&whole[..half]);
    let end = first.end().unwrap();
    assert_eq!((end.packet, end.offset as usize, end.state), (1_281, half, &b"end"[..]));
    let (offset, context) = (end.offset, end.context.clone());
    let mut reader = Reader::resume(&whole[half..], offset, context);
    let mut recordings = Recordings::restore(all.start(1_500).unwrap().state).unwrap();
    let mut builder = IndexBuilder::extend(first);
    frames(&mut reader, &mut recordings, |before, reader, offset, number, bytes| {
        let at = Timestamp(AT + number);
        if builder.wants_start() {
            builder.start(offset, at, reader.context().unwrap(), &before.save().unwrap());
        }
        let keys = [number as u32 % 3, 1_000_000];
        builder.packet(&IndexedPacket { offset, at, len: bytes.len() as u32, keys: &keys });
        true
    });
    let stamp = Stamp::new(whole.len() as u64, 7, &whole);
    let extended =
        builder.finish(stamp, reader.offset(), reader.context().unwrap(), b"end").unwrap();
    assert_eq!(extended.keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>());
    for n in 1..=1_000 {
        assert_eq!(extended.nth(0, n), all.nth(0, n));
    }
    for packet in (1..3_000).step_by(100) {
        assert_eq!(extended.start(packet).unwrap().offset, all.start(packet).unwrap().offset);
    }
}

#[test]
fn an_index_stays_small_and_still_finds_everything() {
    let one = record(1);
    let mut reader = Reader::new(&one[..]);
    while reader.next().unwrap().is_some() {}
    let context = reader.context().unwrap().clone();
    let mut builder = IndexBuilder::default();
    let total: u64 = 2_000_000;
    for n in 0..total {
        let at = Timestamp(n);
        if builder.wants_start() {
            builder.start(n * 100, at, &context, &[7; 3_000]);
        }
        // A key of half of all packets, and many rare ones.
        let rare = 10 + (n % 70_000) as u32;
        let keys = [n as u32 % 2, rare];
        builder.packet(&IndexedPacket { offset: n * 100, at, len: 47, keys: &keys });
    }
    let index = builder.finish(Stamp::new(1, 1, b""), total * 100, &context, b"").unwrap();
    let bytes = index.to_bytes();
    assert!(bytes.len() < 20 << 20, "{}", bytes.len());
    assert!(index.uncounted() > 0);
    assert_eq!(index.keys().count(), KEYS_MAX);
    let read = Index::from_bytes(&bytes).unwrap();
    assert!(read == index);
    for packet in [1, 1_234_567, total] {
        let start = index.start(packet).unwrap();
        assert!(packet - start.packet < 8_192, "{} {packet}", start.packet);
        assert_eq!(start.offset, (start.packet - 1) * 100);
    }
    for nth in [1, 77_777, 1_000_000] {
        let (packet, more) = index.nth(1, nth).unwrap();
        assert_eq!(packet + more * 2, nth * 2, "packets of that key are two apart");
        assert!(more < 1_000_000 / KEY_PLACES_MAX as u64 * 8);
    }
    assert_eq!(STARTS_MAX, 4_096);
}

#[test]
fn other_bytes_are_no_index() {
    let bytes = index(&record(300)).to_bytes();
    assert_eq!(Index::from_bytes(b""), Err(IndexError::Magic));
    assert_eq!(Index::from_bytes(b"MWIX"), Err(IndexError::Damaged));
    assert_eq!(Index::from_bytes(b"MWIX\x09"), Err(IndexError::Version(9)));
    for len in 5..bytes.len() {
        assert_eq!(Index::from_bytes(&bytes[..len]), Err(IndexError::Damaged));
    }
    for at in 5..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert_eq!(Index::from_bytes(&flipped), Err(IndexError::Damaged));
    }
}

/// Makes the hash right, so that what is in front of it is looked at.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let mix = |hash: u64, word: u64| {
        let mixed = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 32)
    };
    let words = bytes.chunks_exact(8);
    let rest = words.remainder();
    let hash = words.fold(bytes.len() as u64, |hash, word| {
        mix(hash, u64::from_le_bytes(word.try_into().unwrap()))
    });
    let hash = rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)));
    bytes.extend(hash.to_le_bytes());
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn any_content_is_read_within_bounds(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        noise in prop::option::of(prop::collection::vec(any::<u8>(), 0..200)),
    ) {
        use std::sync::OnceLock;
        static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
        let good = GOOD.get_or_init(|| index(&record(300)).to_bytes());
        prop_assert_eq!(&sealed(good[..good.len() - 8].to_vec()), good);
        let mut bytes = good[..good.len() - 8].to_vec();
        for (place, byte) in edits {
            let at = 5 + place.index(bytes.len() - 5);
            bytes[at] = byte;
        }
        let bytes = noise.map_or(bytes, |noise| [b"MWIX\x01", &noise[..]].concat());
        if let Ok(index) = Index::from_bytes(&sealed(bytes)) {
            for packet in [0, 1, 7, 300, u64::MAX] {
                if let Some(start) = index.start(packet) {
                    let _ = Recordings::restore(start.state);
                }
                for (key, _) in index.keys() {
                    let _ = index.nth(key, packet);
                }
            }
            prop_assert!(Index::from_bytes(&index.to_bytes()).is_ok());
        }
    }
}

//! Reading capture files of every kind, whole and damaged.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::io::Read;

use hex_literal::hex;
use midwire_capture::{
    Context, Damage, Ends, Frame, Item, LinkType, Opening, Problem, ReadError, Reader, Timestamp,
    Writer,
};
use midwire_codec::Direction;
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Packet {
    offset: u64,
    section: u32,
    interface: u32,
    link: u32,
    at: Option<u64>,
    data: Vec<u8>,
    original_len: u32,
    comments: Vec<String>,
}

/// All that comes out of a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    sections: Vec<(u64, Option<String>)>,
    interfaces: Vec<(u32, Option<String>)>,
    packets: Vec<Packet>,
    others: Vec<u32>,
    damage: Vec<Damage>,
    contexts: Vec<Context>,
}

impl Seen {
    fn data(&self) -> Vec<&[u8]> {
        self.packets.iter().map(|packet| &packet.data[..]).collect()
    }
}

fn gather<R: Read>(reader: &mut Reader<R>) -> Result<Seen, ReadError> {
    let mut seen = Seen::default();
    while let Some(item) = reader.next()? {
        match item {
            Item::Section(section) => {
                let application = section.application().map(Into::into);
                seen.sections.push((section.offset, application));
            }
            Item::Interface(interface) => {
                seen.interfaces.push((interface.index, interface.name().map(Into::into)));
            }
            Item::Packet(packet) => {
                seen.packets.push(Packet {
                    offset: packet.offset,
                    section: packet.section,
                    interface: packet.interface,
                    link: packet.link.0,
                    at: packet.at.map(|at| at.0),
                    data: packet.data.to_vec(),
                    original_len: packet.original_len,
                    comments: packet.options.comments().map(Into::into).collect(),
                });
                seen.contexts.push(reader.context().unwrap().clone());
            }
            Item::Other { kind, .. } => seen.others.push(kind),
            Item::Damage(damage) => seen.damage.push(damage),
        }
    }
    Ok(seen)
}

fn read(bytes: &[u8]) -> Seen {
    gather(&mut Reader::new(bytes)).unwrap()
}

/// A writer of either byte order.
#[derive(Clone, Copy)]
struct File {
    big: bool,
}

const ORDERS: [File; 2] = [File { big: false }, File { big: true }];

impl File {
    fn u16(self, n: u16) -> [u8; 2] {
        if self.big { n.to_be_bytes() } else { n.to_le_bytes() }
    }

    fn u32(self, n: u32) -> [u8; 4] {
        if self.big { n.to_be_bytes() } else { n.to_le_bytes() }
    }

    fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|&word| self.u32(word)).collect()
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut option = [self.u16(code), self.u16(value.len() as u16)].concat();
        option.extend_from_slice(value);
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = body.len() as u32 + 12;
        [self.words(&[kind, len]), body, self.words(&[len])].concat()
    }

    fn section(self) -> Vec<u8> {
        let mut body = self.words(&[0x1a2b_3c4d]);
        body.extend([self.u16(1), self.u16(0)].concat());
        body.extend([0xff; 8]);
        body.extend(self.option(4, b"a program"));
        self.block(0x0a0d_0d0a, &body)
    }

    fn interface(self, link: u16, snap_len: u32, options: &[u8]) -> Vec<u8> {
        let head = [self.u16(link), self.u16(0)].concat();
        self.block(1, &[head, self.u32(snap_len).to_vec(), options.to_vec()].concat())
    }

    fn packet(self, interface: u32, time: u64, data: &[u8], options: &[u8]) -> Vec<u8> {
        let len = data.len() as u32;
        let mut body = self.words(&[interface, (time >> 32) as u32, time as u32, len, len + 5]);
        body.extend_from_slice(data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend_from_slice(options);
        self.block(6, &body)
    }

    fn pcap(self, magic: u32, link: u32, packets: &[(u32, u32, &[u8])]) -> Vec<u8> {
        let mut bytes = self.words(&[magic]);
        bytes.extend([self.u16(2), self.u16(4)].concat());
        bytes.extend(self.words(&[0, 0, 65_535, link]));
        for (seconds, fraction, data) in packets {
            let len = data.len() as u32;
            bytes.extend(self.words(&[*seconds, *fraction, len, len]));
            if magic == 0xa1b2_cd34 {
                bytes.extend([9; 8]);
            }
            bytes.extend_from_slice(data);
        }
        bytes
    }
}

#[test]
fn pcapng_of_either_byte_order_is_read() {
    for file in ORDERS {
        let bytes = [
            file.section(),
            file.interface(1, 0, &file.option(2, b"eth0")),
            file.interface(101, 0, &[file.option(9, &[9]), file.option(0, b"")].concat()),
            file.packet(0, 1_000_001, b"one", &file.option(1, b"look")),
            file.packet(1, 1 << 40, b"four", &[]),
            file.block(0x0bad, b"somebody's own"),
            file.block(4, &[0; 4]),
            file.packet(1, 7, b"", &[]),
        ]
        .concat();
        let seen = read(&bytes);
        assert_eq!(seen.sections, [(0, Some("a program".to_owned()))]);
        assert_eq!(seen.interfaces, [(0, Some("eth0".to_owned())), (1, None)]);
        assert_eq!(seen.data(), [&b"one"[..], b"four", b""]);
        assert_eq!(seen.others, [0x0bad, 4]);
        assert_eq!(seen.damage, []);
        let first = &seen.packets[0];
        assert_eq!((first.interface, first.link, first.original_len), (0, 1, 8));
        assert_eq!(first.at, Some(1_000_001_000), "microseconds, unless it is said otherwise");
        assert_eq!(first.comments, ["look"]);
        assert_eq!((seen.packets[1].link, seen.packets[1].at), (101, Some(1 << 40)));
    }
}

#[test]
fn sections_of_either_byte_order_follow_each_other_with_interfaces_of_their_own() {
    let [little, big] = ORDERS;
    let bytes = [
        little.section(),
        little.interface(1, 0, &[]),
        little.interface(0, 0, &[]),
        little.packet(1, 0, b"a", &[]),
        big.section(),
        big.interface(113, 0, &[]),
        big.packet(0, 0, b"b", &[]),
        big.packet(1, 0, b"c", &[]),
    ]
    .concat();
    let seen = read(&bytes);
    let packets: Vec<_> = seen.packets.iter().map(|packet| (packet.section, packet.link)).collect();
    assert_eq!(packets, [(0, 0), (1, 113)]);
    assert_eq!(seen.damage[0].problem, Problem::Interface(1));
    assert_eq!(seen.damage[0].len, 36);
}

#[test]
fn simple_and_old_packets_are_read() {
    for file in ORDERS {
        let old = [
            [file.u16(0), file.u16(3)].concat(),
            file.words(&[0, 5_000_000, 3, 3]),
            b"old".to_vec(),
        ]
        .concat();
        let bytes = [
            file.section(),
            file.interface(1, 6, &[]),
            file.block(3, &[file.words(&[4]), b"four".to_vec()].concat()),
            file.block(3, &[file.words(&[9]), b"ninebytes"[..6].to_vec()].concat()),
            file.block(2, &old),
        ]
        .concat();
        let seen = read(&bytes);
        assert_eq!(seen.data(), [&b"four"[..], b"ninebyte".get(..6).unwrap(), b"old"]);
        let times: Vec<_> = seen.packets.iter().map(|packet| packet.at).collect();
        assert_eq!(times, [None, None, Some(5_000_000_000)]);
        assert_eq!(seen.packets[1].original_len, 9);
        assert_eq!(seen.damage, []);
    }
}

#[test]
fn pcap_of_every_kind_is_read() {
    for file in ORDERS {
        for (magic, unit) in [(0xa1b2_c3d4, 1_000), (0xa1b2_3c4d, 1), (0xa1b2_cd34, 1_000)] {
            // The link type's upper half tells of checksums.
            let packets: [(u32, u32, &[u8]); 2] = [(10, 999_999, b"one"), (11, 0, b"")];
            let seen = read(&file.pcap(magic, 0x1400_0001, &packets));
            assert_eq!(seen.data(), [&b"one"[..], b""]);
            assert_eq!(seen.packets[0].link, LinkType::ETHERNET.0);
            assert_eq!(seen.packets[0].at, Some(10_000_000_000 + 999_999 * unit));
            assert_eq!(seen.sections.len(), 1);
            assert_eq!(seen.damage, []);
        }
    }
}

#[test]
fn what_is_no_capture_is_refused_with_its_first_bytes() {
    let error = gather(&mut Reader::new(&b"PK\x03\x04 a zip file"[..])).unwrap_err();
    assert_eq!(error.to_string(), "neither pcap nor pcapng: it starts with 50 4b 03 04");
    for len in [0, 3] {
        let error = gather(&mut Reader::new(&hex!("0a0d0d")[..len])).unwrap_err();
        assert!(matches!(error, ReadError::TooShort(found) if found == len as u64), "{error}");
    }
    let header = &ORDERS[0].pcap(0xa1b2_c3d4, 1, &[])[..23];
    assert!(matches!(gather(&mut Reader::new(header)), Err(ReadError::TooShort(23))));
}

fn many(file: File) -> (Vec<u8>, Vec<Vec<u8>>) {
    let data: Vec<Vec<u8>> = (0..20_u8).map(|n| vec![n; usize::from(n) * 7 + 1]).collect();
    let mut bytes = [file.section(), file.interface(1, 0, &[])].concat();
    for (n, data) in data.iter().enumerate() {
        bytes.extend(file.packet(0, n as u64, data, &[]));
    }
    (bytes, data)
}

#[test]
fn a_bad_length_costs_one_packet_and_is_named() {
    for file in ORDERS {
        let (whole, data) = many(file);
        let good = read(&whole);
        let offset = good.packets[7].offset;
        let at = offset as usize + 4;
        let first = 32 + 52;
        let cases = [
            (at, 3, Problem::BlockLength(3)),
            (at, first + 1, Problem::BlockLength(first + 1)),
            (at, 0x4000_0000, Problem::TooLong { len: 0x4000_0000, max: 16 << 20 }),
            (at, 28, Problem::Trailer { first: 28, second: 55 }),
        ];
        for (at, len, problem) in cases {
            let mut bytes = whole.clone();
            bytes[at..at + 4].copy_from_slice(&file.u32(len));
            let seen = read(&bytes);
            assert_eq!(seen.packets.len(), data.len() - 1);
            assert_eq!(seen.damage.len(), 1);
            let damage = seen.damage[0];
            assert_eq!((damage.offset, damage.len), (offset, good.packets[8].offset - offset));
            match problem {
                Problem::Trailer { .. } => {
                    assert!(matches!(damage.problem, Problem::Trailer { first: 28, .. }));
                }
                _ => assert_eq!(damage.problem, problem),
            }
        }
    }
}

#[test]
fn a_bad_second_length_costs_nothing_and_is_named() {
    for file in ORDERS {
        let (mut bytes, data) = many(file);
        let offset = read(&bytes).packets[8].offset - 4;
        let at = offset as usize;
        bytes[at..at + 4].copy_from_slice(&file.u32(77));
        let seen = read(&bytes);
        assert_eq!(seen.data(), data);
        assert_eq!((seen.damage[0].offset, seen.damage[0].len), (offset, 0));
        assert_eq!(
            seen.damage[0].to_string(),
            format!("at offset {offset}: a block's lengths differ: 84 in front, 77 behind")
        );
    }
}

#[test]
fn a_packet_longer_than_its_block_costs_itself() {
    for file in ORDERS {
        let (mut bytes, data) = many(file);
        let offset = read(&bytes).packets[3].offset as usize;
        bytes[offset + 20..offset + 24].copy_from_slice(&file.u32(u32::MAX));
        let seen = read(&bytes);
        assert_eq!(seen.packets.len(), data.len() - 1);
        assert_eq!(seen.damage[0].problem, Problem::BlockContent { kind: 6 });
    }
}

#[test]
fn garbage_and_holes_between_packets_are_passed_over() {
    for file in ORDERS {
        let (whole, data) = many(file);
        let offset = read(&whole).packets[5].offset as usize;
        let mut garbage = whole.clone();
        garbage.splice(offset..offset, [6, 0, 0, 0, 0, 0, 6, 1, 2].repeat(77));
        let seen = read(&garbage);
        assert_eq!(seen.data(), data);
        assert_eq!(seen.damage.len(), 1);
        assert_eq!((seen.damage[0].offset, seen.damage[0].len), (offset as u64, 9 * 77));

        let mut hole = whole.clone();
        hole.drain(offset + 30..offset + 61);
        let seen = read(&hole);
        assert_eq!(seen.data(), [&data[..5], &data[6..]].concat());
        assert_eq!(seen.damage.len(), 1);
    }
}

#[test]
fn garbage_in_pcap_is_passed_over() {
    for file in ORDERS {
        let data: Vec<Vec<u8>> = (0..20_u8).map(|n| vec![n; usize::from(n) * 7 + 1]).collect();
        let packets: Vec<_> = data.iter().map(|data| (1_795_000_000, 5, &data[..])).collect();
        let whole = file.pcap(0xa1b2_c3d4, 1, &packets);
        assert_eq!(read(&whole).data(), data);
        let offset = read(&whole).packets[9].offset as usize;
        let mut garbage = whole.clone();
        garbage.splice(offset..offset, [0xe7; 99]);
        let seen = read(&garbage);
        assert_eq!(seen.data(), data);
        assert_eq!(seen.damage.len(), 1, "{:?}", seen.damage);

        // A length that leads somewhere else: the packet comes as it can, the others as they are.
        let mut longer = whole.clone();
        longer[offset + 8..offset + 12].copy_from_slice(&file.u32(100));
        let seen = read(&longer);
        assert_eq!(seen.packets.len(), data.len());
        assert_eq!(seen.data()[10..], data[10..]);
        assert_eq!(seen.damage[0].problem, Problem::PacketLength(100));

        let mut impossible = whole;
        impossible[offset + 8..offset + 12].copy_from_slice(&[0xff; 4]);
        let seen = read(&impossible);
        assert_eq!(seen.data(), [&data[..9], &data[10..]].concat());
        assert_eq!(seen.damage.len(), 1);
    }
}

#[test]
fn a_time_that_is_wrong_does_not_hide_what_follows_damage() {
    for file in ORDERS {
        let data: Vec<Vec<u8>> = (0..20_u8).map(|n| vec![n; 30]).collect();
        let packets: Vec<_> = data.iter().map(|data| (1_795_000_000, 5, &data[..])).collect();
        let mut bytes = file.pcap(0xa1b2_c3d4, 1, &packets);
        bytes[24..28].copy_from_slice(&file.u32(0x7fff_ffff));
        bytes[24 + 46 + 4..24 + 46 + 8].copy_from_slice(&[0xff; 4]);
        let seen = read(&bytes);
        assert_eq!(seen.data(), [&data[..1], &data[2..]].concat());
    }
}

#[test]
fn packets_of_another_week_are_found_behind_damage() {
    for file in ORDERS {
        let data = [7; 60_000];
        let time = |n| if n < 10 { 1_795_000_000 } else { 1_796_000_000 };
        let packets: Vec<_> = (0..60).map(|n| (time(n), 5, &data[..])).collect();
        let mut bytes = file.pcap(0xa1b2_c3d4, 1, &packets);
        let all = read(&bytes);
        assert_eq!((all.packets.len(), all.damage.len()), (60, 0));
        let at = all.packets[10].offset as usize;
        bytes[at + 4..at + 8].fill(0xff);
        let seen = read(&bytes);
        // A megabyte and what was read with it are searched for packets of the time before.
        assert!((60 - 25..60 - 17).contains(&seen.packets.len()), "{}", seen.packets.len());
        assert_eq!(seen.damage.len(), 1);
    }
}

#[test]
fn every_prefix_reads_to_its_last_whole_packet_and_says_what_was_cut() {
    let pcap: &[(u32, u32, &[u8])] = &[(1, 2, b"one"), (1, 3, b"three"), (2, 0, b"")];
    for file in ORDERS {
        let files =
            [many(file).0, file.pcap(0xa1b2_c3d4, 1, pcap), file.pcap(0xa1b2_cd34, 1, pcap)];
        for whole in files {
            let all = read(&whole);
            let start = all.packets[0].offset as usize;
            for len in start..whole.len() {
                let seen = read(&whole[..len]);
                let complete = seen.packets.len();
                assert_eq!(seen.packets, all.packets[..complete]);
                let end = all.packets[complete].offset as usize;
                assert!(end <= len, "all whole packets come out");
                match &seen.damage[..] {
                    [] => assert_eq!(end, len),
                    [Damage { offset, len: cut, problem: Problem::Cut { found, .. } }] => {
                        assert_eq!(*offset as usize, end);
                        assert_eq!((*cut as usize, *found as usize), (len - end, len - end));
                    }
                    damage => panic!("{damage:?}"),
                }
            }
        }
    }
}

/// Gives what a file has so far, then nothing until it has grown.
struct Growing<'a> {
    bytes: &'a [u8],
    there: &'a std::cell::Cell<usize>,
    at: usize,
}

impl Read for Growing<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let len = into.len().min(self.there.get() - self.at);
        into[..len].copy_from_slice(&self.bytes[self.at..self.at + len]);
        self.at += len;
        Ok(len)
    }
}

#[test]
fn a_growing_file_gives_each_packet_once_it_is_whole() {
    let pcap: &[(u32, u32, &[u8])] = &[(1, 2, b"one"), (1, 3, b"three"), (2, 0, b"")];
    for file in ORDERS {
        for whole in [many(file).0, file.pcap(0xa1b2_c3d4, 1, pcap)] {
            let all = read(&whole);
            let there = std::cell::Cell::new(0);
            let mut reader = Reader::new(Growing { bytes: &whole, there: &there, at: 0 });
            reader.set_growing(true);
            let mut packets = Vec::new();
            for len in 0..=whole.len() {
                there.set(len);
                let seen = gather(&mut reader).unwrap();
                assert_eq!(seen.damage, []);
                packets.extend(seen.packets);
                let next = all.packets.get(packets.len()).map(|packet| packet.offset as usize);
                assert!(next.is_none_or(|next| next <= len || packets.is_empty()));
            }
            assert_eq!(packets, all.packets);
        }
    }
}

#[test]
fn reading_can_start_at_any_packet() {
    let [little, big] = ORDERS;
    let bytes = [many(little).0, many(big).0].concat();
    let all = read(&bytes);
    for (n, packet) in all.packets.iter().enumerate() {
        let rest = &bytes[packet.offset as usize..];
        let mut reader = Reader::resume(rest, packet.offset, all.contexts[n].clone());
        assert_eq!(gather(&mut reader).unwrap().packets, all.packets[n..]);
    }
}

#[test]
fn what_midwire_writes_is_read_with_its_notes_and_after_every_crash() {
    let mut writer = Writer::new(Vec::new(), "midwire test");
    let ends = Ends { client: "10.0.0.1:5".parse().unwrap(), server: "[::1]:6".parse().unwrap() };
    let at = Timestamp(1_700_000_000_123_456_789);
    let facts = [("protocol", "a b")];
    let opening = Opening { session: 3, at, client: ends, server: None, facts: &facts };
    writer.session_opened(&opening).unwrap();
    for number in 1..20 {
        let bytes = vec![number as u8; number as usize * 3];
        let direction = Direction::BOTH[number as usize % 2];
        writer.frame(&Frame::passed(3, number, direction, at, &bytes)).unwrap();
    }
    let first = writer.into_inner().unwrap();
    let mut reader = Reader::new(&first[..]);
    let note = loop {
        if let Item::Packet(packet) = reader.next().unwrap().unwrap() {
            assert_eq!(packet.at, Some(at));
            break packet.note().map(|note| (note.number("session"), note.get("protocol")));
        }
    };
    assert_eq!(note, Some((Some(3), Some("a b".into()))));

    let all = read(&first);
    assert_eq!(all.packets.len(), 3 + 19);
    assert_eq!(all.damage, []);
    // Appending behind a crash, without repairing anything.
    let second = Writer::new(Vec::new(), "midwire again").into_inner().unwrap();
    for cut in (all.packets[0].offset as usize..first.len()).step_by(3) {
        let seen = read(&[&first[..cut], &second].concat());
        assert_eq!(seen.sections.len(), 2);
        assert_eq!(seen.sections[1].1.as_deref(), Some("midwire again"));
        let begun = all.packets.iter().filter(|packet| packet.offset < cut as u64).count();
        assert!(seen.packets.len() + 1 >= begun);
        assert_eq!(seen.packets[..], all.packets[..seen.packets.len()]);
    }
}

#[test]
fn blocks_above_the_limit_are_passed_over_and_named() {
    let file = ORDERS[0];
    let bytes = [
        file.section(),
        file.interface(1, 0, &[]),
        file.packet(0, 0, &[1; 300_000], &[]),
        file.packet(0, 0, b"small", &[]),
    ]
    .concat();
    let seen = gather(&mut Reader::new(&bytes[..]).with_block_len_max(1)).unwrap();
    assert_eq!(seen.data(), [b"small"]);
    assert_eq!(
        seen.damage[0].to_string(),
        "at offset 64: a block of 300032 bytes is longer than 262144 (block_len_max); \
         300032 bytes passed over"
    );
}

#[test]
fn no_more_interfaces_are_kept_than_may_be() {
    let file = ORDERS[0];
    let bytes = [file.section(), file.interface(1, 0, &[]).repeat(5_000)].concat();
    let seen = read(&bytes);
    assert_eq!(seen.interfaces.len(), 4_096);
    assert_eq!(seen.damage.len(), 904);
    assert!(seen.damage[0].to_string().contains("more than 4096 interfaces (interfaces_max)"));
}

#[test]
fn options_that_are_cut_or_run_over_are_passed_over() {
    let file = ORDERS[0];
    for options in [
        vec![1, 0, 9],
        [file.u16(1), file.u16(900)].concat(),
        [file.option(1, b"in front"), vec![1, 0, 200, 0, 65, 66, 67, 68]].concat(),
        [file.option(1, b"in front"), file.option(0, b""), file.option(1, b"behind")].concat(),
    ] {
        let bytes =
            [file.section(), file.interface(1, 0, &[]), file.packet(0, 0, b"data", &options)];
        let seen = read(&bytes.concat());
        assert_eq!(seen.data(), [b"data"]);
        let expected: &[&str] = if options.len() > 4 { &["in front"] } else { &[] };
        assert_eq!(seen.packets[0].comments, expected);
    }
}

#[test]
fn a_length_that_leads_to_a_later_record_swallows_none() {
    for file in ORDERS {
        let data: Vec<Vec<u8>> = (0..6_u8).map(|n| vec![n; 7]).collect();
        let packets: Vec<_> = data.iter().map(|data| (1_795_000_000, 1, &data[..])).collect();
        let mut bytes = file.pcap(0xa1b2_c3d4, 1, &packets);
        // The second says that it ends where the fourth does.
        let second = 24 + 23;
        bytes[second + 8..second + 12].copy_from_slice(&file.u32(7 + 2 * 23));
        let seen = read(&bytes);
        assert_eq!(seen.packets.len(), data.len());
        assert_eq!(seen.data()[2..], data[2..]);
        assert_eq!(seen.damage[0].problem, Problem::PacketLength(7 + 2 * 23));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn flipped_bytes_cost_little(
        big in any::<bool>(),
        pcap in any::<bool>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..4),
    ) {
        let file = File { big };
        let (mut bytes, data) = many(file);
        if pcap {
            let times = (0..).map(|n| (1_795_000_000 + n / 5, n * 1_009 % 1_000_000));
            let packets: Vec<_> =
                data.iter().zip(times).map(|(data, (s, f))| (s, f, &data[..])).collect();
            bytes = file.pcap(0xa1b2_c3d4, 1, &packets);
        }
        let all = read(&bytes);
        let start = all.packets[0].offset as usize;
        let count = flips.len();
        for (place, flip) in flips {
            let at = start + place.index(bytes.len() - start);
            bytes[at] ^= flip;
        }
        let seen = read(&bytes);
        let came = all.packets.iter().filter(|packet| {
            seen.packets.iter().any(|seen| seen.offset == packet.offset && seen.data == packet.data)
        });
        // A flip harms its own packet, and in pcap, whose lengths are not repeated, a neighbour.
        prop_assert!(came.count() + 2 * count >= data.len());
    }

    #[test]
    fn any_bytes_are_read_to_their_end(
        big in any::<bool>(),
        pcap in any::<bool>(),
        bytes in prop::collection::vec(prop_oneof![0_u8..12, any::<u8>()], 0..300),
    ) {
        let file = File { big };
        let start = match pcap {
            true => file.pcap(0xa1b2_c3d4, 1, &[]),
            false => [file.section(), file.interface(1, 0, &[])].concat(),
        };
        let bytes = [start, bytes].concat();
        let mut reader = Reader::new(&bytes[..]);
        gather(&mut reader).unwrap();
        prop_assert_eq!(reader.offset(), bytes.len() as u64);
    }
}

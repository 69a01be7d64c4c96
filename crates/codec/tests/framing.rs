//! Cutting bytes into frames: every kind of length, however the bytes arrive.

mod support;

use hex_literal::hex;
use midwire_codec::{ByteOrder, Counts, FrameError, Framing, Prefix, frames};
use proptest::prelude::*;
use support::read_however_split;

const MINECRAFT: Framing = Framing::new(Prefix::Varint, 2_097_151);

const TERRARIA: Framing = Framing {
    order: ByteOrder::Little,
    counts: Counts::Whole,
    min: 3,
    ..Framing::new(Prefix::U16, 65_535)
};

const PREFIXES: [Prefix; 5] = [Prefix::Varint, Prefix::U8, Prefix::U16, Prefix::U24, Prefix::U32];

/// Every prefix, order and kind of counting, with and without bytes before the length.
fn every_framing(max: usize) -> Vec<Framing> {
    let mut all = Vec::new();
    for prefix in PREFIXES {
        for order in [ByteOrder::Big, ByteOrder::Little] {
            for counts in [Counts::Whole, Counts::Rest] {
                for before in [0, 1, 4] {
                    all.push(Framing { before, prefix, order, counts, max, min: 0 });
                }
            }
        }
    }
    all
}

fn written(framing: &Framing, payloads: &[&[u8]]) -> Vec<u8> {
    let mut wire = Vec::new();
    for payload in payloads {
        framing.write_frame(payload, &mut wire).expect("a payload within the limit");
    }
    wire
}

#[test]
fn one_frame_is_read() {
    let frame = MINECRAFT.next(&hex!("03 616263")).unwrap().unwrap();
    assert_eq!((frame.len, frame.payload), (4, 1..4));
    let frame = TERRARIA.next(&hex!("0500 616263")).unwrap().unwrap();
    assert_eq!((frame.len, frame.payload), (5, 2..5));
}

#[test]
fn each_kind_of_length_is_read_as_its_bytes_say() {
    use {ByteOrder::*, Counts::*, Prefix::*};
    let cases: [(Prefix, ByteOrder, Counts, &[u8]); 14] = [
        (U8, Big, Rest, &hex!("02 6869")),
        (U8, Big, Whole, &hex!("03 6869")),
        (U16, Big, Rest, &hex!("0002 6869")),
        (U16, Little, Rest, &hex!("0200 6869")),
        (U16, Big, Whole, &hex!("0004 6869")),
        (U16, Little, Whole, &hex!("0400 6869")),
        (U24, Big, Rest, &hex!("000002 6869")),
        (U24, Little, Rest, &hex!("020000 6869")),
        (U24, Little, Whole, &hex!("050000 6869")),
        (U32, Big, Rest, &hex!("00000002 6869")),
        (U32, Little, Rest, &hex!("02000000 6869")),
        (U32, Big, Whole, &hex!("00000006 6869")),
        (Varint, Big, Rest, &hex!("02 6869")),
        (Varint, Big, Whole, &hex!("03 6869")),
    ];
    for (prefix, order, counts, wire) in cases {
        let framing = Framing { order, counts, ..Framing::new(prefix, 1000) };
        let read = read_however_split(&framing, wire);
        assert_eq!(read.payloads, [b"hi"], "{framing:?}");
        assert_eq!(written(&framing, &[b"hi"]), wire, "{framing:?}");
    }
}

#[test]
fn bytes_before_the_length_belong_to_the_frame_and_not_to_its_payload() {
    let framing = Framing { before: 4, ..Framing::new(Prefix::U8, 255) };
    let wire = hex!("cafebabe 02 6869");
    let frame = framing.next(&wire).unwrap().unwrap();
    assert_eq!((frame.len, frame.payload.clone(), frame.header_len()), (7, 5..7, 5));
    let counted = Framing { counts: Counts::Whole, ..framing };
    let frame = counted.next(&hex!("cafebabe 07 6869")).unwrap().unwrap();
    assert_eq!((frame.len, frame.payload), (7, 5..7));
}

#[test]
fn several_frames_at_once_are_read_in_order_and_what_follows_is_left() {
    let read = read_however_split(&MINECRAFT, &hex!("01 61  02 6262  00  03 6363"));
    assert_eq!(read.payloads, [&b"a"[..], b"bb", b""]);
    assert_eq!(read.rest, hex!("03 6363"));
}

#[test]
fn every_kind_of_frame_is_read_however_its_bytes_are_split() {
    let long = [7; 200];
    let payloads: [&[u8]; 4] = [b"", b"a", &long, b"bcd"];
    for framing in every_framing(255) {
        let wire = written(&framing, &payloads);
        let read = read_however_split(&framing, &wire);
        assert_eq!(read.payloads, payloads, "{framing:?}");
        assert_eq!((read.rest.len(), read.error), (0, None), "{framing:?}");
    }
}

#[test]
fn nothing_is_no_frame() {
    for framing in every_framing(255) {
        assert_eq!(framing.next(&[]), Ok(None));
        assert_eq!(frames(&framing, &[]).count(), 0);
    }
}

#[test]
fn a_length_without_its_payload_waits_and_says_for_how_much() {
    assert_eq!(MINECRAFT.next(&hex!("05")), Ok(None));
    assert_eq!(MINECRAFT.needed(&hex!("05")), Ok(5));
    assert_eq!(MINECRAFT.needed(&hex!("05 6162")), Ok(3));
    assert_eq!(MINECRAFT.needed(&hex!("05 6162636465")), Ok(0));
    assert_eq!(TERRARIA.needed(&hex!("0700")), Ok(5));
}

#[test]
fn half_a_length_waits_for_the_shortest_frame_there_can_be() {
    assert_eq!(MINECRAFT.next(&hex!("80")), Ok(None));
    assert_eq!(MINECRAFT.needed(&hex!("80")), Ok(1));
    assert_eq!(TERRARIA.next(&hex!("04")), Ok(None));
    assert_eq!(TERRARIA.needed(&hex!("04")), Ok(2));
    assert_eq!(TERRARIA.needed(&[]), Ok(3));
    let framing = Framing { before: 4, min: 8, ..Framing::new(Prefix::U32, 100) };
    assert_eq!(framing.needed(&[1]), Ok(15));
}

#[test]
fn a_length_of_zero_is_an_empty_payload() {
    let frame = MINECRAFT.next(&hex!("00")).unwrap().unwrap();
    assert_eq!((frame.len, frame.payload), (1, 1..1));
}

#[test]
fn a_length_that_does_not_cover_its_own_header_is_an_error() {
    for framing in every_framing(255) {
        let header_len = framing.before + framing.prefix.width().unwrap_or(1);
        let mut wire = vec![0; header_len + 10];
        let least = match framing.order {
            ByteOrder::Big => header_len - 1,
            ByteOrder::Little => framing.before,
        };
        wire[least] = (header_len - 1) as u8;
        let read = framing.next(&wire);
        if framing.counts == Counts::Whole {
            let (found, min) = (header_len as u64 - 1, header_len as u64);
            let offset = framing.before as u64;
            assert_eq!(read, Err(FrameError::TooShort { offset, found, min }), "{framing:?}");
        } else {
            assert_eq!(read.unwrap().unwrap().payload.len(), header_len - 1, "{framing:?}");
        }
    }
}

#[test]
fn a_length_below_the_least_a_protocol_has_is_an_error() {
    let found = TERRARIA.next(&hex!("0200 0102"));
    assert_eq!(found, Err(FrameError::TooShort { offset: 0, found: 2, min: 3 }));
    assert_eq!(found, TERRARIA.needed(&hex!("0200")).map(|_| None));
}

#[test]
fn the_longest_frame_is_read_and_one_byte_more_is_an_error_at_once() {
    for framing in every_framing(200) {
        let header_len = framing.before + framing.prefix.width().unwrap_or(2);
        let most = match framing.counts {
            Counts::Rest => 200,
            Counts::Whole => 200 - header_len,
        };
        let wire = written(&framing, &[&vec![1; most]]);
        assert_eq!(framing.next(&wire).unwrap().unwrap().payload.len(), most, "{framing:?}");

        let looser = Framing { max: 201, ..framing };
        let wire = written(&looser, &[&vec![1; most + 1]]);
        let header = &wire[..header_len];
        let offset = framing.before as u64;
        assert_eq!(
            framing.next(header),
            Err(FrameError::TooLong { offset, found: 201, max: 200 }),
            "{framing:?}"
        );
    }
}

#[test]
fn lengths_of_four_gigabytes_are_refused_and_not_waited_for() {
    for prefix in [Prefix::Varint, Prefix::U32] {
        let framing = Framing::new(prefix, 16_000_000);
        assert!(framing.next(&[0xff; 5]).is_err(), "{prefix:?}");
    }
}

#[test]
fn a_varint_length_may_be_as_wide_as_the_limit_needs() {
    let longest = hex!("ffff7f");
    assert_eq!(MINECRAFT.needed(&longest), Ok(2_097_151));
    assert_eq!(MINECRAFT.needed(&hex!("ffff")), Ok(1));
    let too_wide = FrameError::PrefixTooWide { offset: 0, width_max: 3, max: 2_097_151 };
    for wire in [&hex!("ffffff")[..], &hex!("80808000"), &hex!("80808080 80"), &[0xff; 10]] {
        assert_eq!(MINECRAFT.next(wire), Err(too_wide.clone()), "{wire:02x?}");
        assert_eq!(MINECRAFT.needed(wire), Err(too_wide.clone()), "{wire:02x?}");
    }
    let raised = Framing::new(Prefix::Varint, 8_388_608);
    assert_eq!(raised.needed(&hex!("80808004")), Ok(8_388_608));
}

#[test]
fn an_overlong_varint_length_is_read_with_its_width() {
    let frame = MINECRAFT.next(&hex!("828000 6869")).unwrap().unwrap();
    assert_eq!((frame.len, frame.payload), (5, 3..5));
}

#[test]
fn after_an_error_no_more_frames_come_and_the_offset_is_where_it_was_lost() {
    let wire = hex!("0300aa  0100  0300bb");
    let mut read = frames(&TERRARIA, &wire);
    assert!(read.next().unwrap().is_ok());
    assert_eq!(read.next().unwrap(), Err(FrameError::TooShort { offset: 3, found: 1, min: 3 }));
    assert_eq!(read.next(), None);
    assert_eq!((read.consumed(), read.rest()), (3, &wire[3..]));
}

#[test]
fn a_varint_that_counts_itself_stays_right_where_it_grows() {
    let framing = Framing { counts: Counts::Whole, ..Framing::new(Prefix::Varint, 1 << 21) };
    for len in [0, 125, 126, 127, 128, 16_380, 16_381, 16_382, 16_383] {
        let wire = written(&framing, &[&vec![0; len]]);
        let frame = framing.next(&wire).unwrap().unwrap();
        assert_eq!((frame.len, frame.payload.len()), (wire.len(), len));
    }
}

#[test]
fn a_header_that_would_break_the_limits_is_not_written() {
    let mut out = b"kept".to_vec();
    assert_eq!(
        MINECRAFT.write_header(2_097_152, &mut out),
        Err(FrameError::PayloadTooLong {
            payload_len: 2_097_152,
            length: 2_097_152,
            max: 2_097_151
        })
    );
    assert_eq!(
        TERRARIA.write_header(65_534, &mut out),
        Err(FrameError::PayloadTooLong { payload_len: 65_534, length: 65_536, max: 65_535 })
    );
    assert_eq!(
        TERRARIA.write_header(0, &mut out),
        Err(FrameError::PayloadTooShort { payload_len: 0, length: 2, min: 3 })
    );
    let unlimited = Framing::new(Prefix::U8, usize::MAX);
    assert!(unlimited.write_header(256, &mut out).is_err(), "the prefix holds no more than 255");
    for framing in every_framing(usize::MAX) {
        assert!(framing.write_header(usize::MAX, &mut out).is_err(), "{framing:?}");
    }
    assert_eq!(out, b"kept");
}

#[test]
fn a_minecraft_client_joining() {
    // serverbound, 1.20.4: set_protocol, login_start, login_acknowledged
    let read = read_however_split(
        &MINECRAFT,
        &hex!(
            "10 00fd05093132372e302e302e31b47e02
             16 0004416c7661c7456f8714b834029ab9da5f3572771c
             02 0003"
        ),
    );
    assert_eq!(read.payloads.len(), 3);
    assert_eq!(read.payloads[0], hex!("00 fd05 09 3132372e302e302e31 b47e 02"));
    assert_eq!(read.payloads[2], hex!("0003"));
    assert!(read.rest.is_empty());
}

#[test]
fn a_terraria_client_joining() {
    // serverbound: Hello "Terraria318", a password, requests for slots
    let read = read_however_split(
        &TERRARIA,
        &hex!("0f00 010b5465727261726961333138  0d00 2609736573616d6520c3a9  0b00 05"),
    );
    assert_eq!(
        read.payloads,
        [&hex!("01 0b 5465727261726961333138")[..], &hex!("26 09 736573616d6520c3a9")]
    );
    assert_eq!(read.rest, hex!("0b00 05"));
}

fn any_framing() -> impl Strategy<Value = Framing> {
    (
        0..6_usize,
        prop::sample::select(&PREFIXES),
        any::<bool>(),
        any::<bool>(),
        prop_oneof![0..300_usize, any::<usize>()],
        0..20_usize,
    )
        .prop_map(|(before, prefix, big, whole, max, min)| Framing {
            before,
            prefix,
            order: if big { ByteOrder::Big } else { ByteOrder::Little },
            counts: if whole { Counts::Whole } else { Counts::Rest },
            max,
            min,
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        framing in any_framing(),
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6),
    ) {
        let mut wire = Vec::new();
        let mut kept = Vec::new();
        for payload in payloads {
            if framing.write_frame(&payload, &mut wire).is_ok() {
                kept.push(payload);
            }
        }
        let mut read = frames(&framing, &wire);
        let payloads: Vec<_> = read.by_ref().map(|frame| &wire[frame.unwrap().payload]).collect();
        prop_assert_eq!(payloads, kept);
        prop_assert!(read.rest().is_empty());
    }

    #[test]
    fn any_bytes_are_read_alike_however_they_are_split(
        framing in any_framing(),
        wire in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let read = read_however_split(&framing, &wire);
        prop_assert!(read.error.is_some() || framing.next(&read.rest) == Ok(None));
    }

    #[test]
    fn next_and_needed_agree(
        framing in any_framing(),
        wire in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        match (framing.next(&wire), framing.needed(&wire)) {
            (Ok(Some(frame)), Ok(0)) => prop_assert!(frame.len <= wire.len()),
            (Ok(None), Ok(needed)) => prop_assert!(needed > 0),
            (Err(one), Err(other)) => prop_assert_eq!(one, other),
            pair => prop_assert!(false, "{pair:?}"),
        }
    }
}

#[test]
fn a_length_that_is_wider_than_it_need_be_is_told() {
    let rest = Framing::new(Prefix::Varint, 2_097_151);
    assert_eq!(rest.overlong(&hex!("83 00  01 02 03"), 3), Some(&hex!("83 00")[..]));
    assert_eq!(rest.overlong(&hex!("83 80 00  01 02 03"), 3), Some(&hex!("83 80 00")[..]));
    assert_eq!(rest.overlong(&hex!("03  01 02 03"), 3), None);
    assert_eq!(rest.overlong(&hex!("80 00"), 0), Some(&hex!("80 00")[..]));
    let whole = Framing { counts: Counts::Whole, before: 1, ..rest };
    assert_eq!(whole.overlong(&hex!("ff 85 00  01 02"), 2), Some(&hex!("85 00")[..]));
    assert_eq!(whole.overlong(&hex!("ff 04  01 02"), 2), None);
    let fixed = Framing::new(Prefix::U16, 65_535);
    assert_eq!(fixed.overlong(&hex!("00 01  01"), 1), None);
}

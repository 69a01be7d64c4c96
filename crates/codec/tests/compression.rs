//! Compressed payloads and blocks: what is right is read, what lies or is damaged costs nothing.

use hex_literal::hex;
use midwire_codec::{
    Compressed, CompressionError, Deflater, Framing, INFLATE_MAX, Inflater, Prefix, VarintError,
    Wrapper, first_byte, split, write_compressed,
};
use proptest::prelude::*;

const WRAPPERS: [Wrapper; 3] = [Wrapper::Zlib, Wrapper::Deflate, Wrapper::Gzip];

/// `map_chunk` as a 1.12.2 server sent it: one whole frame.
const CHUNK: [u8; 66] = hex!(
    "41 9632
     789cedc4410d80300004b01b99011c2c2858c0181278e21a8209f658fb684b52f2
     55eebdd69cbd5dcb3ad8c650c760010000e0170f00309d32b9bc7ca650a0"
);

const HELLO: &[u8] = b"hello hello hello";
const HELLO_ZLIB: [u8; 16] = hex!("789c cb48cdc9c957c8409000 3a2e067d");
const HELLO_DEFLATE: [u8; 10] = hex!("cb48cdc9c957c8409000");
/// With a file name in its header.
const HELLO_GZIP: [u8; 38] =
    hex!("1f8b08080000000002ff 6c6576656c2e64617400 cb48cdc9c957c8409000 8088f9e5 11000000");

fn deflated(wrapper: Wrapper, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Deflater::default().deflate(wrapper, plain, &mut out);
    out
}

fn inflated(data: &[u8], plain_len: usize) -> (Result<(), CompressionError>, Vec<u8>) {
    let mut out = Vec::new();
    let result = Inflater::default().inflate(data, plain_len, &mut out);
    (result, out)
}

fn block(wrapper: Wrapper, data: &[u8]) -> (Result<usize, CompressionError>, Vec<u8>) {
    let mut out = Vec::new();
    let result = Inflater::default().inflate_block(wrapper, data, &mut out);
    (result, out)
}

/// Bytes that deflate makes little of.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

#[test]
fn a_plain_size_of_zero_says_stored() {
    assert_eq!(
        split(&hex!("00 0401")).unwrap(),
        Compressed { plain_len: None, data: &hex!("0401"), header_len: 1 }
    );
    assert_eq!(split(&hex!("00")).unwrap().data, []);
}

#[test]
fn an_overlong_plain_size_is_read_with_its_width() {
    assert_eq!(
        split(&hex!("808000 aa")).unwrap(),
        Compressed { plain_len: None, data: &[0xaa], header_len: 3 }
    );
    assert_eq!(split(&hex!("858000 aa")).unwrap().plain_len, Some(5));
}

#[test]
fn a_payload_that_ends_inside_its_plain_size_is_an_error() {
    let cut = |payload_len| Err(CompressionError::PlainLenCut { payload_len });
    assert_eq!(split(&[]), cut(0));
    assert_eq!(split(&hex!("8080")), cut(2));
}

#[test]
fn a_plain_size_that_is_negative_or_no_varint_is_an_error() {
    assert_eq!(split(&hex!("ffffffff0f")), Err(CompressionError::PlainLenNegative { found: -1 }));
    assert_eq!(
        split(&[0x80; 6]),
        Err(CompressionError::PlainLenVarint(VarintError::TooLong { width_max: 5 }))
    );
}

#[test]
fn a_chunk_of_a_real_server_inflates_to_its_plain_size() {
    let frame = Framing::new(Prefix::Varint, 2_097_151).next(&CHUNK).unwrap().unwrap();
    let compressed = split(&CHUNK[frame.payload]).unwrap();
    assert_eq!((compressed.plain_len, compressed.header_len), (Some(6422), 2));
    let (result, plain) = inflated(compressed.data, 6422);
    assert_eq!(result, Ok(()));
    assert_eq!(plain.len(), 6422);
    // packet id 0x20, chunk 1 0, a whole column, section 0 is there
    assert_eq!(plain[..11], hex!("20 00000001 00000000 01 01"));
    assert_eq!(plain[6412..], hex!("01010101010101010100"));
}

#[test]
fn the_packet_id_of_a_real_chunk_is_read_without_inflating_it() {
    let mut inflater = Inflater::default();
    let mut out = Vec::new();
    for n in [1, 5, 300, 6422] {
        out.clear();
        assert_eq!(inflater.inflate_prefix(&CHUNK[3..], n, &mut out), Ok(n));
        assert_eq!((out[0], out.len()), (0x20, n));
    }
    out.clear();
    assert_eq!(inflater.inflate_prefix(&CHUNK[3..], 10_000, &mut out), Ok(6422));
    assert_eq!(out.len(), 6422);
}

#[test]
fn a_prefix_gives_what_there_is_of_a_cut_stream_and_refuses_damage() {
    let mut inflater = Inflater::default();
    let mut out = Vec::new();
    assert_eq!(inflater.inflate_prefix(&HELLO_ZLIB[..8], 5, &mut out), Ok(5));
    assert_eq!(out, b"hello");
    out.clear();
    assert!(inflater.inflate_prefix(&HELLO_ZLIB[..4], 5, &mut out).unwrap() < 5);
    assert_eq!(inflater.inflate_prefix(&[], 5, &mut Vec::new()), Ok(0));
    out.clear();
    let error = inflater.inflate_prefix(b"no zlib", 5, &mut out).unwrap_err();
    assert!(matches!(error, CompressionError::Corrupt { found: 0, .. }), "{error:?}");
    assert!(out.is_empty());
}

#[test]
fn output_is_appended_and_the_state_serves_again_after_an_error() {
    let mut inflater = Inflater::default();
    let mut out = b"kept ".to_vec();
    inflater.inflate(&HELLO_ZLIB, 17, &mut out).unwrap();
    assert!(inflater.inflate(b"no zlib", 17, &mut out).is_err());
    inflater.inflate_block(Wrapper::Deflate, &HELLO_DEFLATE, &mut out).unwrap();
    inflater.inflate(&HELLO_ZLIB, 17, &mut out).unwrap();
    inflater.inflate_block(Wrapper::Gzip, &HELLO_GZIP, &mut out).unwrap();
    inflater.inflate_block(Wrapper::Gzip, &HELLO_GZIP, &mut out).unwrap();
    assert_eq!(out, [b"kept ", HELLO, HELLO, HELLO, HELLO, HELLO].concat());
}

#[test]
fn a_stream_that_gives_fewer_bytes_than_declared_is_an_error_that_keeps_them() {
    let (result, out) = inflated(&HELLO_ZLIB, 20);
    assert_eq!(result, Err(CompressionError::Shorter { declared: 20, found: 17 }));
    assert_eq!(out, HELLO);
    assert!(!result.unwrap_err().is_plain_whole());
}

#[test]
fn a_stream_that_goes_on_after_the_declared_bytes_is_an_error_that_keeps_those() {
    for declared in [0, 1, 5, 16] {
        let (result, out) = inflated(&HELLO_ZLIB, declared);
        assert_eq!(result, Err(CompressionError::Longer { declared }));
        assert_eq!(out, HELLO[..declared]);
    }
}

#[test]
fn bytes_left_over_behind_the_stream_are_counted_and_the_output_is_whole() {
    let (result, out) = inflated(&[&HELLO_ZLIB[..], b"xyz"].concat(), 17);
    let error = result.unwrap_err();
    assert_eq!(error, CompressionError::Trailing { count: 3 });
    assert!(error.is_plain_whole());
    assert_eq!(out, HELLO);
}

#[test]
fn a_stream_cut_anywhere_is_an_error_that_keeps_what_came_before() {
    for cut in 0..HELLO_ZLIB.len() {
        let (result, out) = inflated(&HELLO_ZLIB[..cut], 17);
        assert_eq!(
            result,
            Err(CompressionError::Truncated { found: out.len(), declared: Some(17) }),
            "cut after {cut}"
        );
        assert!(HELLO.starts_with(&out));
    }
}

#[test]
fn a_stream_that_was_flushed_but_not_ended_is_whole_though_cut() {
    let (result, out) = inflated(&hex!("789c ca48cdc9c957c8409000 0000ffff"), 17);
    let error = result.unwrap_err();
    assert_eq!(error, CompressionError::Truncated { found: 17, declared: Some(17) });
    assert!(error.is_plain_whole());
    assert_eq!(out, HELLO);
}

#[test]
fn a_wrong_checksum_and_a_preset_dictionary_are_damage() {
    let mut wrong = HELLO_ZLIB;
    wrong[15] ^= 1;
    let (result, _) = inflated(&wrong, 17);
    assert!(matches!(result, Err(CompressionError::Corrupt { found: 17, .. })), "{result:?}");
    let (result, out) = inflated(&hex!("78bb 062c0215 cb00110a4824003a2e067d"), 17);
    assert!(matches!(result, Err(CompressionError::Corrupt { found: 0, .. })), "{result:?}");
    assert!(out.is_empty());
}

#[test]
fn every_single_damaged_byte_of_a_real_chunk_is_noticed_or_harmless() {
    let data = &CHUNK[3..];
    let (_, plain) = inflated(data, 6422);
    for at in 0..data.len() {
        for bit in 0..8 {
            let mut damaged = data.to_vec();
            damaged[at] ^= 1 << bit;
            let (result, out) = inflated(&damaged, 6422);
            assert!(result.is_err() || out == plain, "byte {at} bit {bit}");
            assert!(out.len() <= 6422);
        }
    }
}

#[test]
fn a_plain_size_over_the_limit_is_refused_before_anything_is_allocated() {
    let mut out = Vec::new();
    let result = Inflater::new(100).inflate(&HELLO_ZLIB, 101, &mut out);
    assert_eq!(result, Err(CompressionError::AboveMax { found: 101, max: 100 }));
    assert_eq!(out.capacity(), 0);
    let result = Inflater::new(100).inflate_prefix(&HELLO_ZLIB, 101, &mut out);
    assert_eq!(result, Err(CompressionError::AboveMax { found: 101, max: 100 }));
    assert_eq!(out.capacity(), 0);
}

#[test]
fn a_size_that_is_declared_but_not_there_is_not_allocated() {
    let mut out = Vec::new();
    let result = Inflater::default().inflate(&HELLO_ZLIB, INFLATE_MAX, &mut out);
    assert_eq!(result, Err(CompressionError::Shorter { declared: INFLATE_MAX, found: 17 }));
    assert!(out.capacity() <= 8192, "{}", out.capacity());
}

#[test]
fn a_bomb_goes_no_further_than_what_it_declared() {
    let mut bomb = Vec::new();
    Deflater::new(9).deflate(Wrapper::Zlib, &vec![0; 10_000_000], &mut bomb);
    assert!(bomb.len() < 10_000);
    let (result, out) = inflated(&bomb, 1000);
    assert_eq!(result, Err(CompressionError::Longer { declared: 1000 }));
    assert_eq!(out.len(), 1000);
    assert!(out.capacity() < 10_000);
}

#[test]
fn a_bomb_in_a_block_goes_no_further_than_the_limit() {
    for wrapper in WRAPPERS {
        let bomb = deflated(wrapper, &vec![0; 1_000_000]);
        let mut out = Vec::new();
        let result = Inflater::new(999).inflate_block(wrapper, &bomb, &mut out);
        assert_eq!(result, Err(CompressionError::AboveMax { found: 1000, max: 999 }));
        assert_eq!(out.len(), 999);
        let mut out = Vec::new();
        let result = Inflater::new(1_000_000).inflate_block(wrapper, &bomb, &mut out);
        assert_eq!(result, Ok(bomb.len()), "as much as the limit is no more than the limit");
        assert_eq!(out.len(), 1_000_000);
    }
}

#[test]
fn a_block_of_each_kind_says_where_it_ends() {
    for (wrapper, data) in [
        (Wrapper::Zlib, &HELLO_ZLIB[..]),
        (Wrapper::Deflate, &HELLO_DEFLATE),
        (Wrapper::Gzip, &HELLO_GZIP),
    ] {
        assert_eq!(block(wrapper, data), (Ok(data.len()), HELLO.to_vec()));
        let followed = [data, b"what follows"].concat();
        assert_eq!(block(wrapper, &followed), (Ok(data.len()), HELLO.to_vec()));
        for cut in 0..data.len() {
            let (result, out) = block(wrapper, &data[..cut]);
            let found = out.len();
            assert_eq!(result, Err(CompressionError::Truncated { found, declared: None }));
        }
    }
}

#[test]
fn a_block_of_one_kind_is_damage_to_another() {
    for (wrapper, data) in [
        (Wrapper::Zlib, &HELLO_GZIP[..]),
        (Wrapper::Zlib, &HELLO_DEFLATE),
        (Wrapper::Gzip, &HELLO_ZLIB),
        (Wrapper::Gzip, &HELLO_DEFLATE),
    ] {
        let (result, _) = block(wrapper, data);
        assert!(matches!(result, Err(CompressionError::Corrupt { .. })), "{result:?}");
    }
}

#[test]
fn a_tile_section_of_a_terraria_server_is_a_raw_deflate_block() {
    let (result, out) = block(Wrapper::Deflate, &hex!("63608080130cd3181af44b211c00"));
    assert_eq!(result, Ok(14));
    // x 0, y 0, 200 by 150 tiles, then records and three empty lists
    assert_eq!(out, hex!("00000000 00000000 c800 9600 802f75 0000 0000 0000"));
}

#[test]
fn below_the_threshold_is_stored_and_from_it_on_compressed() {
    let mut deflater = Deflater::default();
    for (len, stored) in [(0, true), (255, true), (256, false), (257, false)] {
        let plain = vec![7; len];
        let mut out = Vec::new();
        write_compressed(&plain, 256, &mut deflater, &mut out).unwrap();
        let compressed = split(&out).unwrap();
        assert_eq!(compressed.plain_len.is_none(), stored, "{len}");
        match compressed.plain_len {
            None => assert_eq!(compressed.data, plain),
            Some(plain_len) => {
                assert_eq!(plain_len, len);
                assert_eq!(inflated(compressed.data, len), (Ok(()), plain));
            }
        }
    }
}

#[test]
fn nothing_is_stored_even_at_a_threshold_of_zero() {
    let mut out = Vec::new();
    write_compressed(&[], 0, &mut Deflater::default(), &mut out).unwrap();
    assert_eq!(out, [0]);
}

#[test]
fn deflated_data_inflates_to_what_it_was_at_every_level_and_size() {
    for level in [0, 1, 6, 9, 99] {
        let mut deflater = Deflater::new(level);
        for plain in [&b""[..], HELLO, &noise(100_000), &vec![0; 300_000]] {
            for wrapper in WRAPPERS {
                let mut data = b"kept".to_vec();
                deflater.deflate(wrapper, plain, &mut data);
                let (result, out) = block(wrapper, &data[4..]);
                assert_eq!(result, Ok(data.len() - 4));
                assert!(out == plain, "level {level}, {} bytes, {wrapper:?}", plain.len());
            }
        }
    }
}

proptest! {
    #[test]
    fn what_is_compressed_is_read_back(
        plain in prop::collection::vec(0..8_u8, 0..2000),
        threshold in 0..600_usize,
    ) {
        let mut payload = Vec::new();
        write_compressed(&plain, threshold, &mut Deflater::default(), &mut payload).unwrap();
        let compressed = split(&payload).unwrap();
        let out = match compressed.plain_len {
            None => compressed.data.to_vec(),
            Some(plain_len) => {
                let (result, out) = inflated(compressed.data, plain_len);
                prop_assert_eq!(result, Ok(()));
                out
            }
        };
        prop_assert_eq!(out, plain);
    }

    #[test]
    fn any_bytes_inflate_to_no_more_than_the_limit(
        data in prop::collection::vec(any::<u8>(), 0..200),
        limit in 0..3000_usize,
    ) {
        let mut inflater = Inflater::new(limit);
        for wrapper in WRAPPERS {
            let mut out = Vec::new();
            let result = inflater.inflate_block(wrapper, &data, &mut out);
            prop_assert!(out.len() <= limit);
            prop_assert!(result.is_err() || result.unwrap() <= data.len());
        }
        let mut out = Vec::new();
        let _ = inflater.inflate(&data, limit, &mut out);
        prop_assert!(out.len() <= limit);
    }
}

/// Plain bytes that deflate in all ways: as they are, in the fixed codes, in codes of their own.
fn plain() -> impl Strategy<Value = Vec<u8>> {
    let word = proptest::sample::select(vec!["minecraft:", "stone", "\0\0\0", "\u{7f}é", "x"]);
    let words =
        proptest::collection::vec(word, 1..400).prop_map(|words| words.concat().into_bytes());
    let few = proptest::collection::vec(0u8..20, 1..3000);
    let noise = proptest::collection::vec(any::<u8>(), 1..3000);
    (any::<u8>(), prop_oneof![words, few, noise])
        .prop_map(|(first, rest)| [vec![first], rest].concat())
}

proptest! {
    #[test]
    fn the_first_byte_is_the_first_of_what_is_inflated(plain in plain(), level in 0u32..=9) {
        let mut data = Vec::new();
        Deflater::new(level).deflate(Wrapper::Zlib, &plain, &mut data);
        match first_byte(&data) {
            Some(first) => prop_assert_eq!(first, plain[0]),
            None => prop_assert!(data.len() < 20, "{} bytes", data.len()),
        }
    }

    #[test]
    fn of_damaged_data_the_first_byte_is_none_or_a_byte(
        plain in plain(), at in any::<proptest::sample::Index>(), with in any::<u8>(), cut in any::<proptest::sample::Index>(),
    ) {
        let mut data = deflated(Wrapper::Zlib, &plain);
        let at = at.index(data.len().min(100));
        data[at] = with;
        data.truncate(cut.index(data.len() + 1));
        let mut out = Vec::new();
        let found = Inflater::default().inflate_prefix(&data, 1, &mut out);
        if let (Some(first), Ok(1)) = (first_byte(&data), found) {
            prop_assert_eq!(first, out[0]);
        }
    }
}

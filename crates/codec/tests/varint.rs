//! Variable-length integers: every width, cut anywhere, overlong, and too long.

use hex_literal::hex;
use midwire_codec::VarintError;
use midwire_codec::varint::*;
use proptest::prelude::*;

/// The 32-bit vectors that implementations of the Minecraft protocol share.
const VARINTS: [(i32, &[u8]); 12] = [
    (0, &hex!("00")),
    (1, &hex!("01")),
    (127, &hex!("7f")),
    (128, &hex!("8001")),
    (255, &hex!("ff01")),
    (25_565, &hex!("ddc701")),
    (2_097_151, &hex!("ffff7f")),
    (2_097_152, &hex!("80808001")),
    (268_435_456, &hex!("8080808001")),
    (i32::MAX, &hex!("ffffffff07")),
    (-1, &hex!("ffffffff0f")),
    (i32::MIN, &hex!("8080808008")),
];

/// Reads `bytes` cut at every point, alone and followed by others: all but the whole must wait.
fn read_however_cut<T: PartialEq + std::fmt::Debug + Copy>(
    read: impl Fn(&[u8]) -> ReadVarint<T>,
    bytes: &[u8],
) -> T {
    for cut in 0..bytes.len() {
        assert_eq!(read(&bytes[..cut]), Ok(None), "{cut} of {bytes:02x?}");
    }
    let whole = read(bytes);
    let Ok(Some((value, width))) = whole else { panic!("{whole:?} of {bytes:02x?}") };
    assert_eq!(width, bytes.len());
    for follower in [0x00, 0x7f, 0x80, 0xff] {
        for count in 1..12 {
            let more = [bytes, &vec![follower; count]].concat();
            assert_eq!(read(&more), Ok(Some((value, width))), "{more:02x?}");
        }
    }
    value
}

#[test]
fn known_varints_are_read_and_written() {
    for (value, bytes) in VARINTS {
        assert_eq!(read_however_cut(read_varint, bytes), value);
        assert_eq!(read_however_cut(read_uvarint, bytes), value.cast_unsigned());
        assert_eq!(varint_len(value), bytes.len());
        let mut out = Vec::new();
        write_varint(value, &mut out);
        assert_eq!(out, bytes);
    }
}

#[test]
fn known_varlongs_are_read_and_written() {
    for (value, bytes) in [
        (0, &hex!("00")[..]),
        (2_147_483_647, &hex!("ffffffff07")),
        (i64::MAX, &hex!("ffffffffffffffff7f")),
        (-1, &hex!("ffffffffffffffffff01")),
        (-2_147_483_648, &hex!("80808080f8ffffffff01")),
        (i64::MIN, &hex!("80808080808080808001")),
    ] {
        assert_eq!(read_however_cut(read_varlong, bytes), value);
        assert_eq!(varlong_len(value), bytes.len());
        let mut out = Vec::new();
        write_varlong(value, &mut out);
        assert_eq!(out, bytes);
    }
}

#[test]
fn the_largest_128_bit_varint_takes_nineteen_bytes() {
    let mut out = Vec::new();
    write_varint128(u128::MAX, &mut out);
    assert_eq!(out, [&[0xff; 18][..], &[0x03]].concat());
    assert_eq!(varint128_len(u128::MAX), 19);
    assert_eq!(read_however_cut(read_varint128, &out), u128::MAX);
}

#[test]
fn zigzag_numbers_alternate_around_zero() {
    for (value, written) in [(0, 0), (-1, 1), (1, 2), (-2, 3), (i32::MAX, !1), (i32::MIN, !0)] {
        assert_eq!(zigzag32_encode(value), written);
        assert_eq!(zigzag32_decode(written), value);
    }
    for (value, written) in [(0, 0), (-1, 1), (1, 2), (-2, 3), (i64::MAX, !1), (i64::MIN, !0)] {
        assert_eq!(zigzag64_encode(value), written);
        assert_eq!(zigzag64_decode(written), value);
    }
    assert_eq!(read_zigzag32(&hex!("03")), Ok(Some((-2, 1))));
    assert_eq!(read_zigzag64(&hex!("03")), Ok(Some((-2, 1))));
}

#[test]
fn overlong_forms_are_read_with_their_width_and_can_be_written_again() {
    for (bytes, value) in [
        (&hex!("8000")[..], 0),
        (&hex!("ff8000"), 127),
        (&hex!("81808000"), 1),
        (&hex!("8180808000"), 1),
    ] {
        assert_eq!(read_however_cut(read_varint, bytes), value);
        let mut out = Vec::new();
        write_varint_padded(value, bytes.len(), &mut out);
        assert_eq!(out, bytes);
    }
    let mut out = Vec::new();
    write_varlong_padded(5, 10, &mut out);
    assert_eq!(out, hex!("85808080808080808000"));
    assert_eq!(read_however_cut(read_varlong, &out), 5);
    out.clear();
    write_varint128_padded(5, 19, &mut out);
    assert_eq!(read_however_cut(read_varint128, &out), 5);
}

#[test]
fn a_width_that_does_not_fit_gives_the_nearest_that_does() {
    let mut out = Vec::new();
    write_varint_padded(300, 1, &mut out);
    write_varint_padded(300, 0, &mut out);
    assert_eq!(out, hex!("ac02 ac02"));
    out.clear();
    write_uvarint_padded(1, 99, &mut out);
    assert_eq!(out, hex!("8180808000"));
    out.clear();
    write_varlong_padded(1, 99, &mut out);
    assert_eq!(out.len(), 10);
    out.clear();
    write_varint128_padded(1, 99, &mut out);
    assert_eq!(out.len(), 19);
}

#[test]
fn bits_beyond_the_type_in_the_last_byte_are_dropped() {
    assert_eq!(read_varint(&hex!("ffffffff7f")), Ok(Some((-1, 5))));
    assert_eq!(read_varint(&hex!("ffffffff7f 000000")), Ok(Some((-1, 5))));
    assert_eq!(read_uvarint(&hex!("8080808070")), Ok(Some((0, 5))));
    assert_eq!(read_varlong(&hex!("ffffffffffffffffff7f")), Ok(Some((-1, 10))));
    let wide = [&[0xff; 18][..], &[0x7f]].concat();
    assert_eq!(read_varint128(&wide), Ok(Some((u128::MAX, 19))));
}

#[test]
fn a_last_byte_that_goes_on_is_an_error_and_not_a_wait() {
    let too_long = |width_max| VarintError::TooLong { width_max };
    for more in 0..6 {
        let bytes = vec![0x80; 5 + more];
        assert_eq!(read_varint(&bytes), Err(too_long(5)));
        assert_eq!(read_uvarint(&bytes), Err(too_long(5)));
        assert_eq!(read_zigzag32(&bytes), Err(too_long(5)));
    }
    assert_eq!(read_varlong(&[0xff; 9]), Ok(None));
    assert_eq!(read_varlong(&[0xff; 10]), Err(too_long(10)));
    assert_eq!(read_zigzag64(&[0xff; 10]), Err(too_long(10)));
    assert_eq!(read_varint128(&[0xff; 18]), Ok(None));
    assert_eq!(read_varint128(&[0xff; 19]), Err(too_long(19)));
    assert_eq!(too_long(5).to_string(), "varint is longer than 5 bytes");
}

#[test]
fn skipping_finds_the_width_that_reading_finds() {
    for (_, bytes) in VARINTS {
        assert_eq!(skip_varint(bytes, 5), Ok(Some(bytes.len())));
        assert_eq!(skip_varint(&bytes[..bytes.len() - 1], 5), Ok(None));
    }
    assert_eq!(skip_varint(&[], 5), Ok(None));
    assert_eq!(skip_varint(&hex!("ffff"), 2), Err(VarintError::TooLong { width_max: 2 }));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        value in any::<u128>(),
        narrow in 0..128_u32,
        width in 0..25_usize,
        follower in any::<[u8; 10]>(),
    ) {
        let value = value >> narrow;
        let check = |out: &[u8], shortest, width_max: usize| {
            prop_assert_eq!(out.len(), width.min(width_max).max(shortest));
            prop_assert_eq!(skip_varint(out, width_max), Ok(Some(out.len())));
            Ok([out, &follower].concat())
        };
        let mut out = Vec::new();
        write_varint_padded(value as i32, width, &mut out);
        let wire = check(&out, varint_len(value as i32), 5)?;
        prop_assert_eq!(read_varint(&wire), Ok(Some((value as i32, out.len()))));
        prop_assert_eq!(read_varint(&out), Ok(Some((value as i32, out.len()))));

        out.clear();
        write_varlong_padded(value as i64, width, &mut out);
        let wire = check(&out, varlong_len(value as i64), 10)?;
        prop_assert_eq!(read_varlong(&wire), Ok(Some((value as i64, out.len()))));

        out.clear();
        write_varint128_padded(value, width, &mut out);
        let wire = check(&out, varint128_len(value), 19)?;
        prop_assert_eq!(read_varint128(&wire), Ok(Some((value, out.len()))));

        out.clear();
        write_zigzag32(value as i32, &mut out);
        prop_assert_eq!(read_zigzag32(&out), Ok(Some((value as i32, out.len()))));
        out.clear();
        write_zigzag64(value as i64, &mut out);
        prop_assert_eq!(read_zigzag64(&out), Ok(Some((value as i64, out.len()))));
    }

    #[test]
    fn any_bytes_read_alike_whether_eight_are_at_hand_or_not(bytes in any::<[u8; 8]>()) {
        let read = read_uvarint(&bytes);
        prop_assert_eq!(read_uvarint(&bytes[..5]), read);
        prop_assert_eq!(skip_varint(&bytes, 5), read.map(|read| read.map(|(_, width)| width)));
    }
}

//! Variable-length integers: seven bits a byte, the lowest first, the top bit set on all but the
//! last byte.
//!
//! ```text
//! 300 = 0b10_0101100   ->   ac 02      1_0101100  0_0000010
//!                                      more       last
//! ```
//!
//! Every reader answers `Ok(None)` when the bytes end before the number does, and otherwise the
//! value with the bytes it took. A number may be written wider than it needs (`80 00` is 0); such
//! forms are read, and their width is told so that they can be written back as they were. Bits
//! beyond the type's in the last possible byte are dropped, as Java's and .NET Framework's readers
//! drop them; written anew they would be zero, so a caller that must keep them keeps the bytes.

use crate::error::VarintError;

/// The most bytes a 32-bit varint takes.
pub const VARINT_WIDTH_MAX: usize = 5;
/// The most bytes a 64-bit varint takes.
pub const VARLONG_WIDTH_MAX: usize = 10;
/// The most bytes a 128-bit varint takes.
pub const VARINT128_WIDTH_MAX: usize = 19;

/// What a reader answers: the value and its width in bytes, or `None` when more bytes are needed.
pub type ReadVarint<T> = Result<Option<(T, usize)>, VarintError>;

/// Reads a signed 32-bit varint (two's complement: -1 takes five bytes).
///
/// # Errors
///
/// The fifth byte says that another follows.
#[inline]
pub fn read_varint(bytes: &[u8]) -> ReadVarint<i32> {
    Ok(read_uvarint(bytes)?.map(|(value, width)| (value.cast_signed(), width)))
}

/// Reads an unsigned 32-bit varint, the "7-bit encoded int" of .NET.
///
/// # Errors
///
/// The fifth byte says that another follows.
#[inline]
pub fn read_uvarint(bytes: &[u8]) -> ReadVarint<u32> {
    match bytes {
        [only @ 0..0x80, ..] => Ok(Some((u32::from(*only), 1))),
        [first, last @ 0..0x80, ..] => {
            Ok(Some((u32::from(first & 0x7f) | u32::from(*last) << 7, 2)))
        }
        _ => read_uvarint_wide(bytes),
    }
}

/// Reads a signed 64-bit varint (two's complement: -1 takes ten bytes).
///
/// # Errors
///
/// The tenth byte says that another follows.
#[inline]
pub fn read_varlong(bytes: &[u8]) -> ReadVarint<i64> {
    Ok(read_u64(bytes)?.map(|(value, width)| (value.cast_signed(), width)))
}

/// Reads an unsigned 128-bit varint of at most 19 bytes.
///
/// # Errors
///
/// The nineteenth byte says that another follows.
pub fn read_varint128(bytes: &[u8]) -> ReadVarint<u128> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(VARINT128_WIDTH_MAX).enumerate() {
        value |= u128::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok(Some((value, index + 1)));
        }
    }
    unfinished(bytes, VARINT128_WIDTH_MAX)
}

/// Reads a 32-bit varint that holds a zigzag number: 0, -1, 1, -2 are written as 0, 1, 2, 3.
///
/// # Errors
///
/// The fifth byte says that another follows.
#[inline]
pub fn read_zigzag32(bytes: &[u8]) -> ReadVarint<i32> {
    Ok(read_uvarint(bytes)?.map(|(value, width)| (zigzag32_decode(value), width)))
}

/// Reads a 64-bit varint that holds a zigzag number: 0, -1, 1, -2 are written as 0, 1, 2, 3.
///
/// # Errors
///
/// The tenth byte says that another follows.
#[inline]
pub fn read_zigzag64(bytes: &[u8]) -> ReadVarint<i64> {
    Ok(read_u64(bytes)?.map(|(value, width)| (zigzag64_decode(value), width)))
}

/// The width of the varint at the start of `bytes`, without its value. `width_max` is the most
/// bytes its type can have.
///
/// # Errors
///
/// Byte number `width_max` says that another follows.
#[inline]
pub fn skip_varint(bytes: &[u8], width_max: usize) -> Result<Option<usize>, VarintError> {
    match bytes.iter().take(width_max).position(|&byte| byte < 0x80) {
        Some(last) => Ok(Some(last + 1)),
        None => unfinished(bytes, width_max),
    }
}

/// Appends a signed 32-bit varint in its shortest form.
#[inline]
pub fn write_varint(value: i32, out: &mut Vec<u8>) {
    write_uvarint(value.cast_unsigned(), out);
}

/// Appends an unsigned 32-bit varint in its shortest form.
#[inline]
pub fn write_uvarint(value: u32, out: &mut Vec<u8>) {
    if value < 0x80 {
        out.push(value as u8);
    } else {
        write_u64(u64::from(value), 0, out);
    }
}

/// Appends a signed 64-bit varint in its shortest form.
#[inline]
pub fn write_varlong(value: i64, out: &mut Vec<u8>) {
    write_u64(value.cast_unsigned(), 0, out);
}

/// Appends an unsigned 128-bit varint in its shortest form.
pub fn write_varint128(value: u128, out: &mut Vec<u8>) {
    write_varint128_padded(value, 0, out);
}

/// Appends a signed 32-bit zigzag varint in its shortest form.
#[inline]
pub fn write_zigzag32(value: i32, out: &mut Vec<u8>) {
    write_uvarint(zigzag32_encode(value), out);
}

/// Appends a signed 64-bit zigzag varint in its shortest form.
#[inline]
pub fn write_zigzag64(value: i64, out: &mut Vec<u8>) {
    write_u64(zigzag64_encode(value), 0, out);
}

/// Appends a signed 32-bit varint that takes `width` bytes, to keep the form its sender chose. A
/// width that the value does not fit gives the shortest form, one above 5 gives 5.
pub fn write_varint_padded(value: i32, width: usize, out: &mut Vec<u8>) {
    write_uvarint_padded(value.cast_unsigned(), width, out);
}

/// Appends an unsigned 32-bit varint that takes `width` bytes. A width that the value does not fit
/// gives the shortest form, one above 5 gives 5.
pub fn write_uvarint_padded(value: u32, width: usize, out: &mut Vec<u8>) {
    write_u64(u64::from(value), width.min(VARINT_WIDTH_MAX), out);
}

/// Appends a signed 64-bit varint that takes `width` bytes. A width that the value does not fit
/// gives the shortest form, one above 10 gives 10.
pub fn write_varlong_padded(value: i64, width: usize, out: &mut Vec<u8>) {
    write_u64(value.cast_unsigned(), width.min(VARLONG_WIDTH_MAX), out);
}

/// Appends an unsigned 128-bit varint that takes `width` bytes. A width that the value does not
/// fit gives the shortest form, one above 19 gives 19.
pub fn write_varint128_padded(mut value: u128, width: usize, out: &mut Vec<u8>) {
    let width = width.min(VARINT128_WIDTH_MAX);
    let mut written = 1;
    while value >= 0x80 || written < width {
        out.push(value as u8 | 0x80);
        value >>= 7;
        written += 1;
    }
    out.push(value as u8);
}

/// Bytes that the shortest form of a signed 32-bit varint takes: 1 to 5.
#[inline]
#[must_use]
pub const fn varint_len(value: i32) -> usize {
    uvarint_len(value.cast_unsigned())
}

/// Bytes that the shortest form of an unsigned 32-bit varint takes: 1 to 5.
#[inline]
#[must_use]
pub const fn uvarint_len(value: u32) -> usize {
    ((31 - (value | 1).leading_zeros()) / 7 + 1) as usize
}

/// Bytes that the shortest form of a signed 64-bit varint takes: 1 to 10.
#[inline]
#[must_use]
pub const fn varlong_len(value: i64) -> usize {
    ((63 - (value.cast_unsigned() | 1).leading_zeros()) / 7 + 1) as usize
}

/// Bytes that the shortest form of an unsigned 128-bit varint takes: 1 to 19.
#[inline]
#[must_use]
pub const fn varint128_len(value: u128) -> usize {
    ((127 - (value | 1).leading_zeros()) / 7 + 1) as usize
}

/// The signed number for which a zigzag number stands.
#[inline]
#[must_use]
pub const fn zigzag32_decode(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// The zigzag number that stands for a signed one.
#[inline]
#[must_use]
pub const fn zigzag32_encode(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)).cast_unsigned()
}

/// The signed number for which a zigzag number stands.
#[inline]
#[must_use]
pub const fn zigzag64_decode(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// The zigzag number that stands for a signed one.
#[inline]
#[must_use]
pub const fn zigzag64_encode(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Three to five bytes. Where eight bytes are at hand the width is found with one look at them all:
/// widths that vary would make a loop's branches unpredictable.
fn read_uvarint_wide(bytes: &[u8]) -> ReadVarint<u32> {
    let Some(word) = bytes.first_chunk::<8>() else {
        return Ok(read_narrow(bytes)?.map(|(value, width)| (value as u32, width)));
    };
    let word = u64::from_le_bytes(*word);
    let stops = !word & 0x80_8080_8080;
    if stops == 0 {
        return unfinished(bytes, VARINT_WIDTH_MAX);
    }
    let width = stops.trailing_zeros() / 8 + 1;
    let kept = word & (stops ^ (stops - 1));
    let value = kept & 0x7f
        | (kept >> 1 & 0x7f << 7)
        | (kept >> 2 & 0x7f << 14)
        | (kept >> 3 & 0x7f << 21)
        | (kept >> 4 & 0x7f << 28);
    Ok(Some((value as u32, width as usize)))
}

fn read_narrow(bytes: &[u8]) -> ReadVarint<u64> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(VARINT_WIDTH_MAX).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok(Some((value, index + 1)));
        }
    }
    unfinished(bytes, VARINT_WIDTH_MAX)
}

#[inline]
fn read_u64(bytes: &[u8]) -> ReadVarint<u64> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(VARLONG_WIDTH_MAX).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok(Some((value, index + 1)));
        }
    }
    unfinished(bytes, VARLONG_WIDTH_MAX)
}

fn write_u64(mut value: u64, width: usize, out: &mut Vec<u8>) {
    let mut written = 1;
    while value >= 0x80 || written < width {
        out.push(value as u8 | 0x80);
        value >>= 7;
        written += 1;
    }
    out.push(value as u8);
}

/// No last byte among the first `width_max`: either they are not all there, or it is no varint.
#[cold]
fn unfinished<T>(bytes: &[u8], width_max: usize) -> Result<Option<T>, VarintError> {
    if bytes.len() < width_max {
        Ok(None)
    } else {
        Err(VarintError::TooLong { width_max: u8::try_from(width_max).unwrap_or(u8::MAX) })
    }
}

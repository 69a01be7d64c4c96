//! Passing what varies in size: from a position in a window of bytes to the one behind.
//!
//! There are two of most functions. The quick one answers `None` to everything that is wrong or rare;
//! the exact one is then asked, and tells what is wrong.

use super::IntRepr;
use super::error::{Failed, fail, int_failed, over};
use super::int::IntError;
use crate::plan::DecodeErrorKind;

/// The highest bit of every byte: set in all bytes of a variable-length integer but the last.
const MORE: u64 = 0x8080_8080_8080_8080;

/// Behind a variable-length integer.
#[inline]
pub(super) fn varint(window: &[u8], at: usize, max: u8) -> Option<usize> {
    // Without a branch for each size: which it is cannot be guessed.
    if let Some(word) = word(window, at) {
        let ends = !word & MORE;
        let size = ends.trailing_zeros() / 8 + 1;
        return (ends != 0 && size <= max.into()).then_some(at + size as usize);
    }
    varint_near_end(window, at, max)
}

/// The same with fewer than eight bytes left.
#[inline(never)]
fn varint_near_end(window: &[u8], at: usize, max: u8) -> Option<usize> {
    let rest = window.get(at..)?;
    let last = rest.iter().take(max.into()).position(|byte| byte & 0x80 == 0)?;
    Some(at + last + 1)
}

/// Behind a variable-length integer, or what is wrong with it.
pub(super) fn varint_exact(window: &[u8], at: usize, max: u8) -> Result<usize, Failed> {
    let rest = &window[at..];
    if let Some(last) = rest.iter().take(max.into()).position(|byte| byte & 0x80 == 0) {
        return Ok(at + last + 1);
    }
    let cut = rest.len() < max.into();
    Err(int_failed(if cut { IntError::Short(1) } else { IntError::TooLong(max) }, at as u32))
}

/// Behind `count` variable-length integers, by eight bytes at a time.
pub(super) fn varints(window: &[u8], mut at: usize, mut count: u32, max: u8) -> Option<usize> {
    // Bit 24 + n: byte n of this word goes on; below it those of the words before.
    let mut going_on = 0u32;
    while count > 0 {
        let cut = window.len() - at < 8;
        let word = if cut { padded(window.get(at..)?) } else { word(window, at)? };
        let mut ends = !word & MORE;
        let found = ends.count_ones();
        // Gathers the top bits of eight bytes in one byte.
        let mask = ((word & MORE) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        going_on = going_on >> 8 | (mask as u32) << 24;
        if found < count {
            if cut || longer(going_on, max) {
                return None;
            }
            at += 8;
            count -= found;
            continue;
        }
        for _ in 1..count {
            ends &= ends - 1;
        }
        let last = ends.trailing_zeros() / 8;
        at += last as usize + 1;
        // What goes on behind the last of them is none of theirs.
        if longer(going_on << (8 - last), max) {
            return None;
        }
        return Some(at);
    }
    Some(at)
}

/// Whether `max` bytes in a row go on: then an integer is longer than that.
#[inline]
fn longer(going_on: u32, max: u8) -> bool {
    let mut rows = going_on;
    for _ in 1..max {
        rows &= rows >> 1;
    }
    rows != 0
}

#[inline]
fn word(window: &[u8], at: usize) -> Option<u64> {
    window.get(at..)?.first_chunk().map(|raw| u64::from_le_bytes(*raw))
}

/// Fewer than eight bytes, filled up with some that end no integer.
fn padded(rest: &[u8]) -> u64 {
    let mut raw = [0x80; 8];
    for (to, from) in raw.iter_mut().zip(rest) {
        *to = *from;
    }
    u64::from_le_bytes(raw)
}

/// Behind a length in front and as many units.
#[inline]
pub(super) fn prefixed(
    window: &[u8],
    at: usize,
    repr: IntRepr,
    unit: u8,
    max: u32,
) -> Option<usize> {
    let first = *window.get(at)?;
    let (count, behind) = if first < 0x80 && repr.is_plain_groups() {
        (u64::from(first), at + 1)
    } else {
        let (count, width) = repr.read_length(&window[at..])?;
        (count, at + width)
    };
    if count > max.into() {
        return None;
    }
    // At most 2^32 units of a byte or two: no overflow.
    let end = behind as u64 + count * u64::from(unit);
    (end <= window.len() as u64).then_some(end as usize)
}

/// Behind a length in front and as many units, or what is wrong with them.
pub(super) fn prefixed_exact(
    window: &[u8],
    at: usize,
    repr: IntRepr,
    unit: u8,
    max: u32,
) -> Result<usize, Failed> {
    let (count, width) = repr.read(&window[at..]).map_err(|e| int_failed(e, at as u32))?;
    sized(count, unit, max.into(), at + width as usize, window.len())
}

/// Behind `count` byte strings with their lengths in front.
pub(super) fn prefixed_many(
    window: &[u8],
    mut at: usize,
    count: u32,
    repr: IntRepr,
    unit: u8,
    max: u32,
) -> Option<usize> {
    if unit != 1 || !repr.is_plain_groups() || max < 0x80 {
        for _ in 0..count {
            at = prefixed(window, at, repr, unit, max)?;
        }
        return Some(at);
    }
    for _ in 0..count {
        at = match *window.get(at)? {
            first @ ..0x80 => at + usize::from(first) + 1,
            _ => prefixed(window, at, repr, 1, max)?,
        };
    }
    (at <= window.len()).then_some(at)
}

/// Behind `count` texts of fewer than 128 bytes, with a byte in front.
#[inline]
pub(super) fn texts(window: &[u8], mut at: usize, count: u32) -> Option<usize> {
    for _ in 0..count {
        at = match *window.get(at)? {
            first @ ..0x80 => at + usize::from(first) + 1,
            _ => return None,
        };
    }
    Some(at)
}

/// Behind `count` units of `unit` bytes, if they are there.
pub(super) fn sized(
    count: i128,
    unit: u8,
    max: u64,
    at: usize,
    limit: usize,
) -> Result<usize, Failed> {
    if count < 0 {
        return Err(fail(at as u32, DecodeErrorKind::Negative { found: count }));
    }
    let found = u64::try_from(count).unwrap_or(u64::MAX);
    if found > max {
        return Err(over(at as u32, "max", max, found));
    }
    let size = found.saturating_mul(unit.into());
    let left = (limit - at) as u64;
    if size > left {
        return Err(fail(limit as u32, DecodeErrorKind::Short { wanted: size - left }));
    }
    Ok(at + size as usize)
}

/// Behind the next byte of this value, of at most `max` before it.
pub(super) fn until(
    window: &[u8],
    at: usize,
    mark: u8,
    max: u32,
    lenient: bool,
) -> Result<usize, Failed> {
    let rest = window.get(at..).unwrap_or(&[]);
    let looked_at = rest.len().min(max as usize);
    let found = rest[..looked_at].iter().position(|byte| *byte == mark);
    match (found, rest.get(looked_at)) {
        (Some(len), _) => Ok(at + len + 1),
        (None, Some(byte)) if *byte == mark => Ok(at + looked_at + 1),
        (None, Some(_)) => Err(over(at as u32, "max", max.into(), u64::from(max) + 1)),
        (None, None) if lenient => Ok(window.len()),
        (None, None) => Err(fail(window.len() as u32, DecodeErrorKind::Short { wanted: 1 })),
    }
}

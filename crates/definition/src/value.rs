//! Values: built only for what somebody looks at.

use std::borrow::Cow;
use std::sync::Arc;

use crate::packed::Packing;
use crate::plan::{BitsMember, FlagMember, FloatRepr, Kind, Len, NbtForm};
use midwire_codec::ByteOrder;

/// How text is written in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// ISO 8859-1.
    Latin1,
    /// Java's modified UTF-8.
    Mutf8,
    /// UTF-16; lengths count code units.
    Utf16(ByteOrder),
}

impl Encoding {
    /// Bytes of what lengths count.
    pub(crate) fn unit(self) -> u8 {
        if matches!(self, Encoding::Utf16(_)) { 2 } else { 1 }
    }
}

/// A code unit of UTF-16.
fn utf16_unit(order: ByteOrder, pair: [u8; 2]) -> u16 {
    match order {
        ByteOrder::Big => u16::from_be_bytes(pair),
        ByteOrder::Little => u16::from_le_bytes(pair),
    }
}

/// What a field holds, borrowed from the packet and its plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// An integer. 128-bit unsigned ones have their bits as signed.
    Int(i128),
    /// A 32-bit or half float.
    F32(f32),
    /// A 64-bit float.
    F64(f64),
    /// A bool, as the byte that it was: every one but 0 is true.
    Bool(u8),
    /// A UUID.
    Uuid([u8; 16]),
    /// An enum's number and its name, if it has one.
    Enum(i128, Option<&'a Arc<str>>),
    /// Flags: the number and what its bits mean.
    Flags(i128, &'a [FlagMember]),
    /// Parts of an integer: the number and where they are.
    Bits(i128, &'a [BitsMember]),
    /// Text: the decoded form, and the bytes that it was (without a prefix).
    Text(Cow<'a, str>, &'a [u8], Encoding),
    /// Bytes.
    Bytes(&'a [u8]),
    /// NBT, not yet looked into.
    Nbt(&'a [u8], NbtForm),
    /// Packed integers: the bytes, and how they are packed.
    Packed(&'a [u8], Packing),
    /// There is nothing: an element that is not present.
    Absent,
}

impl Value<'_> {
    /// The number, of everything that is one.
    pub fn as_int(&self) -> Option<i128> {
        match self {
            Value::Int(n) | Value::Enum(n, _) | Value::Flags(n, _) | Value::Bits(n, _) => Some(*n),
            Value::Bool(b) => Some((*b != 0).into()),
            _ => None,
        }
    }
}

/// The value of a field of one value, from the bytes of its place. `None` for structs, lists and blocks.
pub(crate) fn read<'a>(kind: &'a Kind, raw: &'a [u8]) -> Option<Value<'a>> {
    let number = |repr: &crate::plan::IntRepr| repr.read(raw).map_or(0, |(value, _)| value);
    Some(match kind {
        Kind::Int(repr) => Value::Int(number(repr)),
        Kind::Float(repr) => float(*repr, raw)?,
        Kind::Bool | Kind::Presence => Value::Bool(*raw.first()?),
        Kind::Uuid => Value::Uuid(raw.get(..16)?.try_into().ok()?),
        Kind::Enum { repr, entries } => {
            let n = number(repr);
            Value::Enum(n, entries.name(n))
        }
        Kind::Flags { repr, members } => Value::Flags(number(repr), members),
        Kind::Bits { repr, members } => Value::Bits(number(repr), members),
        Kind::Str { encoding, len, .. } => {
            let bytes = content(len, raw);
            Value::Text(text(*encoding, bytes), bytes, *encoding)
        }
        Kind::Bytes { len } => Value::Bytes(content(len, raw)),
        Kind::Nbt(form) => Value::Nbt(raw, *form),
        Kind::Pad(_) | Kind::Tail => Value::Bytes(raw),
        Kind::Packed { .. } => Value::Packed(raw, Packing { width: 0, count: 0, crossing: false }),
        Kind::Array(_)
        | Kind::Struct(_)
        | Kind::Block { .. }
        | Kind::Call { .. }
        | Kind::Let(_) => {
            return None;
        }
    })
}

/// The bytes behind a length in front, or before the byte that ends them.
pub(crate) fn content<'a>(len: &Len, raw: &'a [u8]) -> &'a [u8] {
    match len {
        Len::Until { mark, .. } => raw.strip_suffix(&[*mark]).unwrap_or(raw),
        Len::Prefix { repr, .. } => {
            let width = repr.read(raw).map_or(0, |(_, width)| width as usize);
            raw.get(width..).unwrap_or(&[])
        }
        _ => raw,
    }
}

pub(crate) fn float<'a>(repr: FloatRepr, raw: &[u8]) -> Option<Value<'a>> {
    let mut bytes: [u8; 8] = [0; 8];
    let used = bytes.get_mut(..usize::from(repr.bytes))?;
    used.copy_from_slice(raw.get(..usize::from(repr.bytes))?);
    if repr.order == ByteOrder::Big {
        used.reverse();
    }
    let bits = u64::from_le_bytes(bytes);
    Some(match repr.bytes {
        2 => Value::F32(half(bits as u16)),
        4 => Value::F32(f32::from_bits(bits as u32)),
        _ => Value::F64(f64::from_bits(bits)),
    })
}

/// An IEEE 754 half float.
pub(crate) fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let fraction = u32::from(bits & 0x3ff);
    let magnitude = match (exponent, fraction) {
        (0, fraction) => {
            return f32::from_bits(sign | (fraction as f32 * 2f32.powi(-24)).to_bits());
        }
        (31, 0) => 0xff << 23,
        (31, fraction) => 0xff << 23 | fraction << 13,
        (exponent, fraction) => (exponent + 112) << 23 | fraction << 13,
    };
    f32::from_bits(sign | magnitude)
}

/// Text as characters; what is no text becomes U+FFFD.
pub(crate) fn text(encoding: Encoding, bytes: &[u8]) -> Cow<'_, str> {
    match encoding {
        Encoding::Utf8 => String::from_utf8_lossy(bytes),
        Encoding::Latin1 => bytes.iter().map(|b| char::from(*b)).collect::<String>().into(),
        Encoding::Utf16(order) => {
            let units = bytes.chunks_exact(2).map(|c| utf16_unit(order, [c[0], c[1]]));
            char::decode_utf16(units)
                .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect::<String>()
                .into()
        }
        Encoding::Mutf8 => mutf8(bytes),
    }
}

/// Java's modified UTF-8: NUL as two bytes, characters beyond U+FFFF as two surrogates of three bytes.
pub(crate) fn mutf8(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !bytes.contains(&0)
    {
        return text.into();
    }
    let mut units = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let next = |i: usize| {
            bytes.get(at + i).filter(|b| **b & 0xc0 == 0x80).map(|b| u16::from(*b & 0x3f))
        };
        let (unit, width) = match bytes[at] {
            b @ 1..=0x7f => (b.into(), 1),
            b @ 0xc0..=0xdf => match next(1) {
                Some(low) => (u16::from(b & 0x1f) << 6 | low, 2),
                None => (0xfffd, 1),
            },
            b @ 0xe0..=0xef => match (next(1), next(2)) {
                (Some(mid), Some(low)) => (u16::from(b & 0x0f) << 12 | mid << 6 | low, 3),
                _ => (0xfffd, 1),
            },
            _ => (0xfffd, 1),
        };
        units.push(unit);
        at += width;
    }
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect::<String>()
        .into()
}

/// Whether writing `text` gives exactly `bytes`.
pub(crate) fn is_exact(encoding: Encoding, text: &str, bytes: &[u8]) -> bool {
    match encoding {
        Encoding::Utf8 => text.as_bytes() == bytes,
        Encoding::Latin1 => true,
        Encoding::Utf16(order) => {
            let units = bytes.chunks_exact(2).map(|c| utf16_unit(order, [c[0], c[1]]));
            bytes.len().is_multiple_of(2) && text.encode_utf16().eq(units)
        }
        Encoding::Mutf8 => {
            let mut rest = bytes;
            let all = text.chars().all(|c| {
                let mut buffer = [0; 6];
                let part = mutf8_char(c, &mut buffer);
                rest.strip_prefix(part).inspect(|r| rest = r).is_some()
            });
            all && rest.is_empty()
        }
    }
}

/// Appends text as Java's modified UTF-8.
pub(crate) fn write_mutf8(text: &str, out: &mut Vec<u8>) {
    for c in text.chars() {
        out.extend_from_slice(mutf8_char(c, &mut [0; 6]));
    }
}

fn mutf8_char(c: char, buffer: &mut [u8; 6]) -> &[u8] {
    match u32::from(c) {
        0 => {
            buffer[..2].copy_from_slice(&[0xc0, 0x80]);
            &buffer[..2]
        }
        1..=0xffff => c.encode_utf8(buffer).as_bytes(),
        _ => {
            let mut units = [0; 2];
            c.encode_utf16(&mut units);
            for (unit, part) in units.iter().zip(buffer.chunks_exact_mut(3)) {
                part[0] = 0xe0 | (unit >> 12) as u8;
                part[1] = 0x80 | (unit >> 6) as u8 & 0x3f;
                part[2] = 0x80 | *unit as u8 & 0x3f;
            }
            buffer
        }
    }
}

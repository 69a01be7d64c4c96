//! The forms that floats, UUIDs and texts have on the wire.

use midwire_codec::ByteOrder;

use super::convert::wrong_type;
use super::error::EditError;
use super::scope::units;
use crate::given::Given;
use crate::json::hex_bytes;
use crate::plan::{FloatRepr, Kind};
use crate::value::{self, Encoding, Value};

/// A float's bytes on the wire.
pub(super) fn float_bytes(
    repr: FloatRepr,
    given: &Given,
    path: impl Fn() -> String,
) -> Result<Vec<u8>, EditError> {
    let number = match given {
        Given::Float(f) => *f,
        Given::Int(n) => *n as f64,
        Given::Text(text) => match text.as_str() {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => return Err(wrong_type(path(), "a number", given)),
        },
        other => return Err(wrong_type(path(), "a number", other)),
    };
    let mut bytes = match repr.bytes {
        2 => half_bits(number).to_le_bytes().to_vec(),
        4 => (number as f32).to_le_bytes().to_vec(),
        _ => number.to_le_bytes().to_vec(),
    };
    let overflow = match repr.bytes {
        2 => half_bits(number) & 0x7fff == 0x7c00,
        4 => (number as f32).is_infinite(),
        _ => false,
    };
    if overflow && number.is_finite() {
        let reason = format!("{number} is too large for a float of {} bytes", repr.bytes);
        return Err(EditError::Form { path: path(), reason });
    }
    if repr.order == ByteOrder::Big {
        bytes.reverse();
    }
    Ok(bytes)
}

/// The nearest IEEE 754 half float, ties to even.
fn half_bits(number: f64) -> u16 {
    let single = number as f32;
    let bits = single.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let exponent = (bits >> 23 & 0xff) as i32;
    let fraction = bits & 0x7f_ffff;
    if exponent == 0xff {
        let quiet = if fraction == 0 { 0 } else { 0x200 | (fraction >> 13) as u16 };
        return sign | 0x7c00 | quiet;
    }
    let shifted = exponent - 127 + 15;
    if shifted >= 31 {
        return sign | 0x7c00;
    }
    if shifted < -10 {
        return sign;
    }
    // What does not fit is rounded; a carry goes on into the exponent as it should.
    let (all, drop) = if shifted > 0 {
        ((shifted as u32) << 23 | fraction, 13)
    } else {
        (fraction | 0x80_0000, (14 - shifted) as u32)
    };
    let kept = all >> drop;
    let rest = all & ((1 << drop) - 1);
    let tie = 1 << (drop - 1);
    let up = rest > tie || rest == tie && kept & 1 == 1;
    sign | (kept + u32::from(up)) as u16
}

/// Whether two forms of a float are the same number; -0 is another than 0.
pub(super) fn same_float(kind: &Kind, a: &[u8], b: &[u8]) -> bool {
    let number = |bytes: &[u8]| match value::read(kind, bytes) {
        Some(Value::F32(f)) => Some(f.into()),
        Some(Value::F64(f)) => Some(f),
        _ => None,
    };
    let (Some(a), Some(b)): (Option<f64>, Option<f64>) = (number(a), number(b)) else {
        return false;
    };
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

/// The bytes of a written UUID.
pub(super) fn uuid(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    hex_bytes(&digits).filter(|bytes| bytes.len() == 16)
}

/// Text as its encoding has it.
pub(super) fn encode_text(
    encoding: Encoding,
    text: &str,
    path: &str,
) -> Result<Vec<u8>, EditError> {
    Ok(match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Latin1 => {
            let byte = |character: char| {
                u8::try_from(u32::from(character)).map_err(|_| EditError::Unencodable {
                    path: path.into(),
                    character,
                    encoding: "Latin-1",
                })
            };
            text.chars().map(byte).collect::<Result<_, _>>()?
        }
        Encoding::Utf16(ByteOrder::Big) => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Encoding::Utf16(ByteOrder::Little) => {
            text.encode_utf16().flat_map(u16::to_le_bytes).collect()
        }
        Encoding::Mutf8 => {
            let mut bytes = Vec::with_capacity(text.len());
            value::write_mutf8(text, &mut bytes);
            bytes
        }
    })
}

/// The length of a text as games count it: in UTF-16 code units.
pub(super) fn text_length(encoding: Encoding, bytes: &[u8]) -> u64 {
    match encoding {
        Encoding::Utf16(_) => units(encoding, bytes),
        encoding => value::text(encoding, bytes).encode_utf16().count() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_float_is_written_as_it_was_read() {
        for bits in 0..=u16::MAX {
            let number = value::half(bits);
            let again = half_bits(number.into());
            if number.is_nan() {
                assert!(value::half(again).is_nan(), "{bits:04x}");
            } else {
                assert_eq!(again, bits, "{bits:04x}");
            }
        }
    }

    #[test]
    fn half_floats_round_to_the_nearest_even() {
        assert_eq!(half_bits(1.0 + 1.0 / 2048.0), 0x3c00);
        assert_eq!(half_bits(1.0 + 3.0 / 2048.0), 0x3c02);
        assert_eq!(half_bits(65519.0), 0x7bff);
        assert_eq!(half_bits(65520.0), 0x7c00);
        assert_eq!(half_bits(1e-9), 0);
        assert_eq!(half_bits(-0.0), 0x8000);
    }
}

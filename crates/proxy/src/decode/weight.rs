//! What single values tell, in bits: how much likelier they are where they are meant than among the bytes of
//! other packets. In those 0 is frequent (about one byte in eight), and the rest is not: so fields that read zeros
//! tell the same for the same zeros, whatever their types are.

use midwire_definition::plan::{BitsMember, Kind};

/// What cannot be meant: a text with control characters, a bool of 7.
pub(super) const ODD: f64 = -14.0;
/// A byte that is 0, and has to be where the value is what it is.
const ZERO: f64 = 3.0;
/// A byte that is 1 is less frequent, but more so than others.
const ONE: f64 = 4.5;
/// Bytes of one value that may tell as zeros do.
const ZEROS_MAX: usize = 6;
/// Characters that are looked at of one text.
const TEXT_MAX: usize = 24;

/// An integer of a fixed size: small ones are likely, so that some bytes only repeat the sign.
pub(super) fn fixed(size: usize, n: i128) -> f64 {
    let needed = if n < 0 { (!n).max(1) } else { n.max(1) };
    let used = (128 - needed.leading_zeros()).div_ceil(8) as usize;
    let repeated = size.saturating_sub(used).min(ZEROS_MAX);
    let each = if n < 0 { ZERO * 0.8 } else { ZERO };
    each * repeated as f64
}

/// An integer of as many bytes as it needs: nearly any byte is one, so it tells little.
pub(super) fn varint(raw: &[u8], n: i128) -> f64 {
    match raw.len() {
        0 | 1 if n == 0 => 1.0,
        0 | 1 => 0.5,
        _ if raw.last() == Some(&0) => -10.0,
        _ if n < -1 => -3.0,
        // -1 is five bytes that are nothing else.
        _ if n == -1 => 4.0,
        2 => 0.0,
        3 => -1.0,
        _ => -2.0,
    }
}

/// 0 or 1.
pub(super) fn bool(byte: u8) -> f64 {
    if byte == 0 { ZERO - 1.0 } else { ONE - 1.0 }
}

/// A number that has a name.
pub(super) fn named(n: i128, kind: &Kind) -> f64 {
    let Kind::Enum { entries, .. } = kind else { return 2.0 };
    let choice = (entries.by_number.len().clamp(2, 256) as f64).log2();
    let byte = match n {
        0 => ZERO,
        1 => ONE,
        _ => 8.0,
    };
    (byte - choice).clamp(0.5, 5.0)
}

/// A number with parts: each is as likely small as a number by itself, counted in bits.
pub(super) fn parts(n: i128, members: &[BitsMember]) -> f64 {
    let part = |member: &BitsMember| {
        let width = u32::from(member.width).min(128);
        let high = n.checked_shl(128u32.saturating_sub(width + u32::from(member.shift)));
        let high = high.unwrap_or(0);
        let spare = 128 - width;
        let value = match member.signed {
            true => high.checked_shr(spare).unwrap_or(0),
            false => (high as u128).checked_shr(spare).unwrap_or(0) as i128,
        };
        let needed = if value < 0 { !value } else { value };
        let used = 128 - needed.leading_zeros() + u32::from(member.signed);
        f64::from(width.saturating_sub(used)) * ZERO / 8.0
    };
    members.iter().map(part).sum::<f64>().min(ZERO * ZEROS_MAX as f64)
}

/// A number of a size that things have, or 0; round ones end with zeros.
pub(super) fn float(n: f64, raw: &[u8]) -> f64 {
    if n == 0.0 {
        return fixed(raw.len(), 0);
    }
    let zeros = raw.iter().filter(|byte| **byte == 0).count().min(ZEROS_MAX) as f64;
    let is_wide = raw.len() > 4;
    if !n.is_finite() {
        return -12.0;
    }
    match (1e-5..1e8).contains(&n.abs()) {
        true => (if is_wide { 5.5 } else { 2.5 }) + ZERO * 0.8 * zeros,
        false => -8.0,
    }
}

/// Whether a text has what no text has.
pub(super) fn is_odd_text(text: &str) -> bool {
    let is_odd = |c: char| c == '\u{fffd}' || c.is_control() && !matches!(c, '\n' | '\t');
    text.chars().take(256).any(is_odd)
}

/// A text: each character could be another byte.
pub(super) fn text(text: &str) -> f64 {
    if text.is_empty() {
        return 1.0;
    }
    let letters = text.chars().take(TEXT_MAX);
    1.0 + letters.map(|c| if c.is_ascii() { 1.4 } else { 0.6 }).sum::<f64>()
}

/// A text that has to be JSON.
pub(super) fn json(text: &str) -> f64 {
    match text.trim_start().bytes().next() {
        Some(b'{' | b'[' | b'"') => 4.0,
        _ => -6.0,
    }
}

/// NBT of so many bytes: one byte says that there is none.
pub(super) fn nbt(len: usize) -> f64 {
    if len <= 1 { 1.5 } else { 6.0 + (len as f64 / 2.0).min(24.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_tell_the_same_whatever_they_are() {
        let two_ints = fixed(4, 0) + fixed(4, 0);
        assert_eq!(fixed(8, 0), two_ints);
        assert_eq!(float(0.0, &[0; 4]), fixed(4, 0));
        assert!(float(20.0, &20f32.to_be_bytes()) > float(20.3, &20.3f32.to_be_bytes()));
        assert!(bool(0) < bool(1));
    }

    #[test]
    fn what_has_to_be_json_and_is_not_is_less_likely() {
        assert!(json(" {\"text\":\"hi\"}") > 0.0);
        assert!(json("Alva") < 0.0);
    }
}

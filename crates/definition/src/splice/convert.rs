//! Given values to what is on the wire, by the kind of their field.

use midwire_codec::ByteOrder;

use super::draft::{Change, DraftId, Encoder, NumberChange};
use super::edits::same_name;
use super::error::EditError;
use super::scope::{unit_size, units};
use crate::diagnostics::suggest;
use crate::given::Given;
use crate::json::{hex_bytes, part_of};
use crate::nbt;
use crate::plan::{BitsMember, Field, FieldId, FlagMember, FloatRepr, IntRepr, Kind, Len, NbtForm};
use crate::syntax::ast::Encoding;
use crate::value::{self, Value};

/// What a given value says of a number.
pub(super) enum GivenNumber {
    Whole(i128),
    /// Some of its bits: which, and what they are.
    Parts(u128, u128),
}

impl Encoder<'_, '_> {
    /// What a given value makes of a field of one value. Numbers go by [`Encoder::given_number`].
    pub(super) fn given_change(
        &self,
        d: DraftId,
        id: FieldId,
        given: &Given,
    ) -> Result<Change, EditError> {
        let field = self.field(id);
        let path = || self.path(d, id);
        let (given, raw) = self.unwrap_raw(d, id, given)?;
        let Some(given) = given else {
            // Raw bytes alone.
            let bytes = raw.unwrap_or_default();
            return Ok(match &field.kind {
                Kind::Str { len, .. } | Kind::Bytes { len } => Change::Content {
                    bytes: value::content(len, &bytes).to_vec(),
                    raw: Some(bytes),
                    explicit: true,
                },
                _ => Change::Bytes(bytes),
            });
        };
        let change = match &field.kind {
            Kind::Str { encoding, len, .. } => {
                let bytes = match (given, &raw) {
                    (Given::Text(text), Some(raw)) => {
                        // Text that is none is shown with replacements, so its bytes tell more.
                        let content = value::content(len, raw);
                        if value::text(*encoding, content) != *text {
                            return Err(other_value(path()));
                        }
                        content.to_vec()
                    }
                    (Given::Text(text), None) => encode_text(*encoding, text, &path())?,
                    (Given::Bytes(bytes), _) => bytes.clone(),
                    (other, _) => return Err(wrong_type(path(), "text", other)),
                };
                if bytes.len() % unit_size(*encoding) != 0 {
                    let reason = "half a code unit is too much".into();
                    return Err(EditError::Form { path: path(), reason });
                }
                self.check_marks_length(field, text_length(*encoding, &bytes), "characters", path)?;
                Change::Content { bytes, raw, explicit: true }
            }
            Kind::Bytes { len } => {
                let bytes = given_bytes(given, &path())?;
                if raw.as_ref().is_some_and(|raw| value::content(len, raw) != bytes) {
                    return Err(other_value(path()));
                }
                self.check_marks_length(field, bytes.len() as u64, "bytes", path)?;
                Change::Content { bytes, raw, explicit: true }
            }
            Kind::Float(repr) => {
                let bytes = float_bytes(*repr, given, path)?;
                match raw {
                    Some(raw) if same_float(&field.kind, &raw, &bytes) => Change::Bytes(raw),
                    Some(_) => return Err(other_value(path())),
                    None => Change::Bytes(bytes),
                }
            }
            Kind::Uuid => Change::Bytes(match given {
                Given::Bytes(bytes) if bytes.len() == 16 => bytes.clone(),
                Given::Text(text) => uuid(text).ok_or_else(|| EditError::Form {
                    path: path(),
                    reason: "a UUID is 32 hexadecimal digits, with or without `-`".into(),
                })?,
                other => return Err(wrong_type(path(), "a UUID as text", other)),
            }),
            Kind::Nbt(form) => Change::Bytes(match given {
                Given::Bytes(bytes) => self.checked_nbt(bytes.clone(), *form, path)?,
                given => {
                    let mut bytes = Vec::new();
                    nbt::write(given, *form, self.limits.nbt_depth_max, &mut bytes)
                        .map_err(|e| EditError::Form { path: path(), reason: e.to_string() })?;
                    self.checked_nbt(bytes, *form, path)?
                }
            }),
            Kind::Packed { .. } => match given {
                Given::List(items) => {
                    let mut numbers = Vec::with_capacity(items.len());
                    for item in items {
                        let Given::Int(n) = item else {
                            return Err(wrong_type(path(), "a list of whole numbers", item));
                        };
                        numbers.push(u64::try_from(*n).map_err(|_| EditError::OutOfRange {
                            path: path(),
                            value: *n,
                            min: 0,
                            max: u64::MAX.into(),
                        })?);
                    }
                    match raw {
                        Some(raw) => Change::Bytes(raw),
                        None => Change::Packed(numbers),
                    }
                }
                other => return Err(wrong_type(path(), "a list of whole numbers", other)),
            },
            Kind::Pad(size) => {
                let bytes = given_bytes(given, &path())?;
                if bytes.len() != *size as usize {
                    return Err(EditError::WrongLength {
                        path: path(),
                        unit: "bytes",
                        found: bytes.len() as u64,
                        wanted: (*size).into(),
                        by: "the definition".into(),
                    });
                }
                Change::Bytes(bytes)
            }
            Kind::Tail => Change::Bytes(given_bytes(given, &path())?),
            _ => return Err(wrong_type(path(), "another kind of value", given)),
        };
        Ok(change)
    }

    /// What a given value says of a field that is a number.
    pub(super) fn given_number(
        &self,
        d: DraftId,
        id: FieldId,
        given: &Given,
    ) -> Result<(GivenNumber, Option<Vec<u8>>), EditError> {
        let field = self.field(id);
        let path = || self.path(d, id);
        let (inner, raw) = self.unwrap_raw(d, id, given)?;
        let from_raw = raw.as_ref().and_then(|raw| value::read(&field.kind, raw)?.as_int());
        let Some(inner) = inner else {
            return Ok((GivenNumber::Whole(from_raw.unwrap_or(0)), raw));
        };
        let number = match (&field.kind, inner) {
            (Kind::Bool | Kind::Presence, Given::Bool(b)) => GivenNumber::Whole((*b).into()),
            (Kind::Bool | Kind::Presence, Given::Int(n @ (0 | 1))) => GivenNumber::Whole(*n),
            (Kind::Bool | Kind::Presence, other) => {
                return Err(wrong_type(path(), "true or false", other));
            }
            (Kind::Enum { entries, .. }, Given::Text(name)) => {
                let number = entries.number(name).ok_or_else(|| {
                    unknown(path(), name, entries.by_number.iter().map(|(_, n)| &**n))
                })?;
                GivenNumber::Whole(number)
            }
            (Kind::Enum { .. }, given) => GivenNumber::Whole(
                whole(given)
                    .ok_or_else(|| wrong_type(path(), "a name or a whole number", given))?,
            ),
            (Kind::Int(_), Given::Text(name)) => {
                let table = field.marks.reference_table.as_ref();
                let Some(table) = table else {
                    return Err(wrong_type(path(), "a whole number", inner));
                };
                let number = table.number_of(name);
                GivenNumber::Whole(number.ok_or_else(|| unknown(path(), name, std::iter::empty()))?)
            }
            (Kind::Int(_), given) => GivenNumber::Whole(
                whole(given).ok_or_else(|| wrong_type(path(), "a whole number", given))?,
            ),
            (Kind::Flags { members, repr }, given) => flags(members, *repr, given, path)?,
            (Kind::Bits { members, repr }, given) => bits(members, *repr, given, path)?,
            (_, other) => return Err(wrong_type(path(), "another kind of value", other)),
        };
        if let GivenNumber::Whole(value) = number {
            if let Some(max) = field.marks.max
                && value > max.into()
            {
                let min = repr_of(&field.kind).map_or(0, |repr| repr.range().0);
                return Err(EditError::OutOfRange { path: path(), value, min, max: max.into() });
            }
            if from_raw.is_some_and(|raw| raw != value) {
                return Err(other_value(path()));
            }
        }
        Ok((number, raw))
    }

    /// What a given value says of a part of flags or bits: which bits, and what they are to be.
    pub(super) fn given_member(
        &self,
        d: DraftId,
        id: FieldId,
        name: &str,
        given: &Given,
    ) -> Result<(u128, u128), EditError> {
        let kind = &self.field(id).kind;
        let path = || super::draft::join(self.path(d, id), name);
        match kind {
            Kind::Flags { members, .. } => {
                let bit = flag(members, name, || self.path(d, id))?;
                match given {
                    Given::Bool(b) => Ok((bit, if *b { bit } else { 0 })),
                    Given::Int(n @ (0 | 1)) => Ok((bit, if *n == 1 { bit } else { 0 })),
                    other => Err(wrong_type(path(), "true or false", other)),
                }
            }
            Kind::Bits { members, .. } => {
                let part = members.iter().find(|m| same_name(&m.name, name)).ok_or_else(|| {
                    unknown(self.path(d, id), name, members.iter().map(|m| &*m.name))
                })?;
                let value = match given {
                    Given::Bool(b) if part.width == 1 => i128::from(*b),
                    given => {
                        whole(given).ok_or_else(|| wrong_type(path(), "a whole number", given))?
                    }
                };
                part_bits(part, value, path)
            }
            _ => Err(EditError::UnknownField {
                path: self.path(d, id),
                name: name.into(),
                nearest: None,
            }),
        }
    }

    /// A value and the bytes it is to have: `{"value":v,"$raw":"hex"}`; the bytes are those of the
    /// field's kind and no more.
    fn unwrap_raw<'g>(
        &self,
        d: DraftId,
        id: FieldId,
        given: &'g Given,
    ) -> Result<(Option<&'g Given>, Option<Vec<u8>>), EditError> {
        let Some((value, hex)) = raw_parts(given) else { return Ok((Some(given), None)) };
        let path = self.path(d, id);
        let raw = given_bytes(hex, &path)?;
        let field = self.field(id);
        if let Kind::Nbt(form) = &field.kind {
            return Ok((None, Some(self.checked_nbt(raw, *form, || path.clone())?)));
        }
        if raw_size(&field.kind, &raw) != Some(raw.len()) {
            let reason = "these raw bytes are not one value of its kind".into();
            return Err(EditError::Form { path, reason });
        }
        Ok((value, Some(raw)))
    }

    fn checked_nbt(
        &self,
        bytes: Vec<u8>,
        form: NbtForm,
        path: impl Fn() -> String,
    ) -> Result<Vec<u8>, EditError> {
        let reason = match nbt::skip(&bytes, form, self.limits.nbt_depth_max) {
            Ok(size) if size == bytes.len() => return Ok(bytes),
            Ok(_) => "bytes follow the NBT".to_string(),
            Err((_, e)) => e.to_string(),
        };
        Err(EditError::Form { path: path(), reason })
    }

    /// Compares a length with `@max`.
    pub(super) fn check_marks_length(
        &self,
        field: &Field,
        found: u64,
        unit: &'static str,
        path: impl Fn() -> String,
    ) -> Result<(), EditError> {
        match field.marks.max.and_then(|max| u64::try_from(max).ok()) {
            Some(max) if found > max => {
                Err(EditError::TooLong { path: path(), unit, found, max, limit: "@max" })
            }
            _ => Ok(()),
        }
    }
}

impl NumberChange {
    /// Takes what was given.
    pub(super) fn give(&mut self, given: GivenNumber, raw: Option<Vec<u8>>) {
        match given {
            GivenNumber::Whole(value) => {
                self.whole = Some(value);
                self.raw = raw;
            }
            GivenNumber::Parts(mask, bits) => {
                self.mask |= mask;
                self.bits = self.bits & !mask | bits;
            }
        }
    }
}

/// The value and the hexadecimal text of `{"value":v,"$raw":"hex"}`; the value may be missing.
pub(super) fn raw_parts(given: &Given) -> Option<(Option<&Given>, &Given)> {
    let Given::Object(members) = given else { return None };
    let raw = given.get("$raw")?;
    let value = given.get("value");
    (members.len() == 1 + usize::from(value.is_some())).then_some((value, raw))
}

/// Bytes of a kind's value at the start of `raw`, as far as that shows in them.
fn raw_size(kind: &Kind, raw: &[u8]) -> Option<usize> {
    let by_len = |len: &Len, unit: usize| match len {
        Len::Prefix { repr, .. } => {
            let (count, width) = repr.read(raw).ok()?;
            usize::try_from(count).ok()?.checked_mul(unit)?.checked_add(width as usize)
        }
        _ => Some(raw.len()),
    };
    match kind {
        Kind::Bool | Kind::Presence => Some(1),
        Kind::Float(repr) => Some(repr.bytes.into()),
        Kind::Uuid => Some(16),
        Kind::Str { encoding, len, .. } => by_len(len, unit_size(*encoding)),
        Kind::Bytes { len } => by_len(len, 1),
        Kind::Packed { .. } | Kind::Tail => Some(raw.len()),
        Kind::Pad(size) => Some(*size as usize),
        kind => repr_of(kind)?.read(raw).ok().map(|(_, width)| width as usize),
    }
}

/// The form of a field that is an integer on the wire.
pub(super) fn repr_of(kind: &Kind) -> Option<IntRepr> {
    match kind {
        Kind::Int(repr)
        | Kind::Enum { repr, .. }
        | Kind::Flags { repr, .. }
        | Kind::Bits { repr, .. } => Some(*repr),
        Kind::Bool | Kind::Presence => {
            Some(IntRepr::Fixed { bytes: 1, signed: false, order: ByteOrder::Big })
        }
        _ => None,
    }
}

/// An integer, also one written with a fraction of 0.
fn whole(given: &Given) -> Option<i128> {
    match given {
        Given::Int(n) => Some(*n),
        // Beyond 2^53 a float is not the number that was meant.
        Given::Float(f) if f.fract() == 0.0 && f.abs() <= 9_007_199_254_740_992.0 => {
            Some(*f as i128)
        }
        _ => None,
    }
}

fn wrong_type(path: String, expected: &'static str, found: &Given) -> EditError {
    let secret = found.get("secret").is_some();
    let found = if secret { "a secret that was left out" } else { found.kind_name() };
    EditError::WrongType { path, expected, found }
}

fn other_value(path: String) -> EditError {
    EditError::Form { path, reason: "`$raw` and `value` are not the same value".into() }
}

fn unknown<'n>(path: String, name: &str, names: impl Iterator<Item = &'n str>) -> EditError {
    EditError::UnknownName {
        path,
        name: name.into(),
        nearest: suggest(name, names).map(Into::into),
    }
}

/// Bytes as such or as hexadecimal text.
fn given_bytes(given: &Given, path: &str) -> Result<Vec<u8>, EditError> {
    match given {
        Given::Bytes(bytes) => Ok(bytes.clone()),
        Given::Text(text) => hex_bytes(text).ok_or_else(|| EditError::Form {
            path: path.into(),
            reason: "bytes are pairs of hexadecimal digits".into(),
        }),
        other => Err(wrong_type(path.into(), "bytes as hexadecimal text", other)),
    }
}

fn flag(members: &[FlagMember], name: &str, path: impl Fn() -> String) -> Result<u128, EditError> {
    let member = members.iter().find(|m| same_name(&m.name, name));
    let member = member.ok_or_else(|| unknown(path(), name, members.iter().map(|m| &*m.name)))?;
    Ok(1u128.checked_shl(member.bit.into()).unwrap_or(0))
}

/// Flags from a list of names and masks, a number, or an object of those to change.
fn flags(
    members: &[FlagMember],
    repr: IntRepr,
    given: &Given,
    path: impl Fn() -> String,
) -> Result<GivenNumber, EditError> {
    match given {
        Given::List(items) => {
            let mut bits = 0u128;
            for item in items {
                bits |= match item {
                    Given::Text(name) => flag(members, name, &path)?,
                    Given::Int(mask) => *mask as u128,
                    other => return Err(wrong_type(path(), "names of flags and masks", other)),
                };
            }
            Ok(GivenNumber::Whole(signed(repr, bits)))
        }
        Given::Object(given) => {
            let (mut mask, mut bits) = (0, 0);
            for (name, value) in given {
                let bit = flag(members, name, &path)?;
                mask |= bit;
                bits = match value {
                    Given::Bool(true) | Given::Int(1) => bits | bit,
                    Given::Bool(false) | Given::Int(0) => bits & !bit,
                    other => return Err(wrong_type(path(), "true or false of each flag", other)),
                };
            }
            Ok(GivenNumber::Parts(mask, bits))
        }
        given => whole(given)
            .map(GivenNumber::Whole)
            .ok_or_else(|| wrong_type(path(), "a list of names, or a number", given)),
    }
}

/// Bits from an object of those to change, or a number.
fn bits(
    members: &[BitsMember],
    repr: IntRepr,
    given: &Given,
    path: impl Fn() -> String + Copy,
) -> Result<GivenNumber, EditError> {
    let Given::Object(given) = given else {
        let number = whole(given).map(GivenNumber::Whole);
        return number.ok_or_else(|| wrong_type(path(), "an object of parts, or a number", given));
    };
    let (mut mask, mut bits) = (0, 0);
    for (name, value) in given {
        let value = match value {
            Given::Bool(b) => i128::from(*b),
            value => whole(value).ok_or_else(|| wrong_type(path(), "whole numbers", value))?,
        };
        let (part_mask, part_bits) = if name == "$pad" {
            // All bits that belong to no part.
            let named = members.iter().fold(0, |all, m| all | part_of(m).put(0, -1) as u128);
            let free = !named & width_mask(repr);
            if value as u128 & !free != 0 {
                let max = free as i128;
                return Err(EditError::OutOfRange { path: path(), value, min: 0, max });
            }
            (free, value as u128)
        } else {
            let part = members.iter().find(|m| same_name(&m.name, name));
            let part =
                part.ok_or_else(|| unknown(path(), name, members.iter().map(|m| &*m.name)))?;
            part_bits(part, value, || super::draft::join(path(), name))?
        };
        mask |= part_mask;
        bits = bits & !part_mask | part_bits;
    }
    Ok(GivenNumber::Parts(mask, bits))
}

fn part_bits(
    part: &BitsMember,
    value: i128,
    path: impl Fn() -> String,
) -> Result<(u128, u128), EditError> {
    let (min, max) = match (part.width, part.signed) {
        (128.., _) => (i128::MIN, i128::MAX),
        (width, true) => (-(1i128 << (width - 1)), (1i128 << (width - 1)) - 1),
        (127, false) => (0, i128::MAX),
        (width, false) => (0, (1i128 << width) - 1),
    };
    if value < min || value > max {
        return Err(EditError::OutOfRange { path: path(), value, min, max });
    }
    let member = part_of(part);
    Ok((member.put(0, -1) as u128, member.put(0, value) as u128))
}

fn width_mask(repr: IntRepr) -> u128 {
    match repr {
        IntRepr::Fixed { bytes: 16.., .. } | IntRepr::Varint128 => u128::MAX,
        IntRepr::Fixed { bytes, .. } => (1 << (u32::from(bytes) * 8)) - 1,
        IntRepr::Varint | IntRepr::Uvarint | IntRepr::Zigzag32 => u32::MAX.into(),
        IntRepr::Varlong | IntRepr::Zigzag64 => u64::MAX.into(),
    }
}

/// Set bits as the number they are in a form; bits that it does not have make a number that does not fit.
fn signed(repr: IntRepr, bits: u128) -> i128 {
    if bits & !width_mask(repr) == 0 {
        super::scope::wrapped(repr, bits as i128)
    } else {
        bits as i128
    }
}

/// A float's bytes on the wire.
fn float_bytes(
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

fn same_float(kind: &Kind, a: &[u8], b: &[u8]) -> bool {
    let number = |bytes: &[u8]| match value::read(kind, bytes) {
        Some(Value::F32(f)) => f64::from(f),
        Some(Value::F64(f)) => f,
        _ => 0.0,
    };
    let (a, b) = (number(a), number(b));
    a == b || a.is_nan() && b.is_nan()
}

fn uuid(text: &str) -> Option<Vec<u8>> {
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
        Encoding::Utf16 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Encoding::Mutf8 => {
            let mut bytes = Vec::with_capacity(text.len());
            value::write_mutf8(text, &mut bytes);
            bytes
        }
    })
}

/// The length of a text as games count it: in UTF-16 code units.
fn text_length(encoding: Encoding, bytes: &[u8]) -> u64 {
    match encoding {
        Encoding::Utf16 => units(encoding, bytes),
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

    #[test]
    fn bits_of_a_signed_form_keep_their_sign() {
        let repr = IntRepr::Fixed { bytes: 1, signed: true, order: ByteOrder::Big };
        assert_eq!(signed(repr, 0x80), -128);
        assert_eq!(signed(repr, 0x7f), 127);
        assert_eq!(signed(repr, 0x100), 0x100);
        assert_eq!(signed(IntRepr::Varint, 0xffff_ffff), -1);
    }
}

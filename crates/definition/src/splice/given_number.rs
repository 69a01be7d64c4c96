//! Given values of integers: names, flags, parts.

use super::convert::{other_value, repr_of, unknown, wrong_type};
use super::draft::{DraftId, Encoder, NumberChange};
use super::error::EditError;
use crate::given::Given;
use crate::json::part_of;
use crate::plan::{BitsMember, FieldId, FlagMember, IntRepr, Kind};
use crate::syntax::ast::same_name;
use crate::value;

/// What a given value says of a number.
pub(super) enum GivenNumber {
    Whole(i128),
    /// Some of its bits: which, and what they are.
    Parts(u128, u128),
}

impl Encoder<'_, '_> {
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

#[cfg(test)]
mod tests {
    use midwire_codec::ByteOrder;

    use super::*;

    #[test]
    fn bits_of_a_signed_form_keep_their_sign() {
        let repr = IntRepr::Fixed { bytes: 1, signed: true, order: ByteOrder::Big };
        assert_eq!(signed(repr, 0x80), -128);
        assert_eq!(signed(repr, 0x7f), 127);
        assert_eq!(signed(repr, 0x100), 0x100);
        assert_eq!(signed(IntRepr::Varint, 0xffff_ffff), -1);
    }
}

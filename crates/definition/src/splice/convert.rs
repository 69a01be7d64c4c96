//! Given values to what is on the wire, by the kind of their field.

use midwire_codec::ByteOrder;

use super::draft::{Change, DraftId, Encoder};
use super::error::EditError;
use super::forms::{encode_text, float_bytes, same_float, text_length, uuid};
use super::scope::unit_size;
use crate::diagnostics::suggest;
use crate::given::Given;
use crate::json::hex_bytes;
use crate::nbt;
use crate::plan::{Field, FieldId, IntRepr, Kind, Len, NbtForm};
use crate::value;

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
                    // A NaN has many forms; set to what it is shown as, it stays as it was sent.
                    None => Change::Bytes(match self.original_bytes(d, id) {
                        Some(was) if same_float(&field.kind, was, &bytes) => was.to_vec(),
                        _ => bytes,
                    }),
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

    /// A value and the bytes it is to have: `{"value":v,"$raw":"hex"}`; the bytes are those of the
    /// field's kind and no more.
    pub(super) fn unwrap_raw<'g>(
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

    pub(super) fn checked_nbt(
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
        Len::Until { mark, .. } => Some(raw.iter().position(|byte| byte == mark)? + 1),
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

pub(super) fn wrong_type(path: String, expected: &'static str, found: &Given) -> EditError {
    let secret = found.get("secret").is_some();
    let found = if secret { "a secret that was left out" } else { found.kind_name() };
    EditError::WrongType { path, expected, found }
}

pub(super) fn other_value(path: String) -> EditError {
    EditError::Form { path, reason: "`$raw` and `value` are not the same value".into() }
}

pub(super) fn unknown<'n>(
    path: String,
    name: &str,
    names: impl Iterator<Item = &'n str>,
) -> EditError {
    EditError::UnknownName {
        path,
        name: name.into(),
        nearest: suggest(name, names).map(Into::into),
    }
}

/// Bytes as such or as hexadecimal text.
pub(super) fn given_bytes(given: &Given, path: &str) -> Result<Vec<u8>, EditError> {
    match given {
        Given::Bytes(bytes) => Ok(bytes.clone()),
        Given::Text(text) => hex_bytes(text).ok_or_else(|| EditError::Form {
            path: path.into(),
            reason: "bytes are pairs of hexadecimal digits".into(),
        }),
        other => Err(wrong_type(path.into(), "bytes as hexadecimal text", other)),
    }
}

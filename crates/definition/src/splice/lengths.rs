//! What says how long something is, and texts and bytes behind it.

use super::describe::expression;
use super::draft::{Change, DraftId, Encoder};
use super::error::EditError;
use super::facts::mentions_rest;
use super::scope::{default_text, unit_size, units};
use crate::plan::{FieldId, Kind, Len};
use crate::value;

impl Encoder<'_, '_> {
    /// Writes what stands in front of `count` units, or checks what is said elsewhere.
    pub(super) fn write_len(
        &self,
        d: DraftId,
        id: FieldId,
        len: &Len,
        (count, unit): (u64, &'static str),
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        let path = || self.path(d, id);
        if let Len::Prefix { max: Some(max), .. }
        | Len::Expr { max: Some(max), .. }
        | Len::Until { max: Some(max), .. } = len
            && count > *max
        {
            let (max, limit) = (*max, "max");
            return Err(EditError::TooLong { path: path(), unit, found: count, max, limit });
        }
        match len {
            Len::Rest | Len::Until { .. } => Ok(()),
            Len::Fixed(n) if count == u64::from(*n) => Ok(()),
            Len::Fixed(n) => {
                let (wanted, by) = ((*n).into(), "the definition".into());
                Err(EditError::WrongLength { path: path(), unit, found: count, wanted, by })
            }
            Len::Expr { expr, .. } => {
                // How much is left behind shows only when all is there.
                let is_block = matches!(self.field(id).kind, Kind::Block { .. });
                if mentions_rest(self.plan, expr) || is_block && self.ahead == Some((d, id)) {
                    return Ok(());
                }
                let wanted = self.eval(d, expr);
                if wanted == count.into() {
                    return Ok(());
                }
                let by = format!("`{}`", expression(self.plan, expr));
                Err(EditError::WrongLength { path: path(), unit, found: count, wanted, by })
            }
            Len::Prefix { repr, .. } => {
                if let Some(raw) = self.original_bytes(d, id)
                    && let Ok((was, width)) = repr.read(raw)
                    && was == count.into()
                {
                    // Its sender may have had another form for it.
                    out.extend_from_slice(&raw[..width as usize]);
                    return Ok(());
                }
                if repr.write(count.into(), out) {
                    return Ok(());
                }
                let max = u64::try_from(repr.range().1).unwrap_or(u64::MAX);
                Err(EditError::TooLong {
                    path: path(),
                    unit,
                    found: count,
                    max,
                    limit: "its prefix",
                })
            }
        }
    }

    /// How many units something has by default.
    pub(super) fn default_count(
        &self,
        d: DraftId,
        id: FieldId,
        len: &Len,
    ) -> Result<u64, EditError> {
        let count = match len {
            Len::Prefix { .. } | Len::Rest | Len::Until { .. } => 0,
            Len::Fixed(n) => (*n).into(),
            Len::Expr { expr, .. } if mentions_rest(self.plan, expr) => 0,
            Len::Expr { expr, .. } => self.eval(d, expr),
        };
        match u64::try_from(count) {
            Ok(count) => self.spend_defaults(d, id, count),
            Err(_) => {
                let by = "its count".into();
                let (path, unit, found) = (self.path(d, id), "units", 0);
                Err(EditError::WrongLength { path, unit, found, wanted: count, by })
            }
        }
    }

    /// Bounds what is made of counts alone: they may multiply each other.
    pub(super) fn spend_defaults(
        &self,
        d: DraftId,
        id: FieldId,
        count: u64,
    ) -> Result<u64, EditError> {
        let max = u64::from(self.limits.elements_max);
        let found = self.defaults.get().saturating_add(count);
        self.defaults.set(found);
        if found > max {
            let (path, unit, limit) = (self.path(d, id), "default units", "elements_max");
            return Err(EditError::TooLong { path, unit, found, max, limit });
        }
        Ok(count)
    }

    pub(super) fn write_content(
        &self,
        d: DraftId,
        id: FieldId,
        len: &Len,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        let kind = &self.field(id).kind;
        let encoding = match kind {
            Kind::Str { encoding, .. } => Some(*encoding),
            _ => None,
        };
        let size = encoding.map_or(1, unit_size);
        let count = |bytes: &[u8]| match encoding {
            Some(encoding) => {
                (units(encoding, bytes), if size == 2 { "code units" } else { "bytes" })
            }
            None => (bytes.len() as u64, "bytes"),
        };
        let change = match self.drafts[d].changes.get(&id) {
            // Text that is not well formed is shown as something that is: it stays as it was sent.
            Some(Change::Content { raw: None, .. }) if self.is_same_text(d, id, len) => None,
            change => change,
        };
        match (change, self.original_bytes(d, id)) {
            (Some(Change::Content { bytes, raw: Some(raw), .. }), _) => {
                // The prefix is in it; this only looks whether the length is right.
                self.write_len(d, id, len, count(bytes), &mut Vec::new())?;
                out.extend_from_slice(raw);
            }
            (Some(Change::Content { bytes, .. }), _) => {
                self.write_len(d, id, len, count(bytes), out)?;
                out.extend_from_slice(bytes);
                self.write_mark(d, id, len, bytes, out)?;
            }
            (_, Some(raw)) => {
                if let Len::Expr { .. } = len {
                    self.write_len(d, id, len, count(raw), out)?;
                }
                out.extend_from_slice(raw);
            }
            _ => {
                let text = default_text(kind);
                let bytes = match (encoding, text) {
                    (Some(encoding), text) if !text.is_empty() => {
                        super::forms::encode_text(encoding, text, &self.path(d, id))?
                    }
                    _ => vec![0; self.default_count(d, id, len)? as usize * size],
                };
                self.write_len(d, id, len, count(&bytes), out)?;
                out.extend_from_slice(&bytes);
                self.write_mark(d, id, len, &bytes, out)?;
            }
        }
        Ok(())
    }

    /// Writes the byte that ends a text or bytes, which must not be in them.
    fn write_mark(
        &self,
        d: DraftId,
        id: FieldId,
        len: &Len,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        let Len::Until { mark, .. } = len else { return Ok(()) };
        if content.contains(mark) {
            let reason = format!("the byte {mark} ends it and cannot be in it");
            return Err(EditError::Form { path: self.path(d, id), reason });
        }
        out.push(*mark);
        Ok(())
    }

    /// Whether a text is set to what the original is shown as.
    fn is_same_text(&self, d: DraftId, id: FieldId, len: &Len) -> bool {
        let Kind::Str { encoding, .. } = &self.field(id).kind else { return false };
        self.original_bytes(d, id)
            .is_some_and(|raw| value::text(*encoding, value::content(len, raw)) == self.text(d, id))
    }
}

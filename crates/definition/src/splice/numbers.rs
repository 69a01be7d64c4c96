//! Numbers: set, derived, or as they were; and packed ones.

use super::convert::repr_of;
use super::describe::expression;
use super::draft::{Change, DraftId, Encoder, NumberChange, Original};
use super::error::EditError;
use super::scope::Derived;
use crate::packed::{Packing, packed_words};
use crate::plan::{Derivation, Ex, FieldId, Kind};
use crate::syntax::ast::Transform;

impl Encoder<'_, '_> {
    pub(super) fn write_number(
        &self,
        d: DraftId,
        id: FieldId,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        let field = self.field(id);
        let path = || self.path(d, id);
        let plain = self.plain_number(d, id);
        let change = match self.drafts[d].changes.get(&id) {
            Some(Change::Number(change)) => Some(change),
            _ => None,
        };
        let value = match self.derived(d, id) {
            Derived::Free => plain,
            Derived::Value(value) => {
                let explicit = change.is_some_and(NumberChange::is_explicit);
                if explicit && plain != value && !self.measures_deflated(d, id) {
                    return Err(EditError::Contradiction {
                        path: path(),
                        set: plain.to_string(),
                        needed: value.to_string(),
                        by: self.measured_text(d, id),
                    });
                }
                value
            }
            Derived::Disagree(lengths) => {
                let name = |(of, _): &(FieldId, u64)| format!("`{}`", self.path(d, *of));
                let list = |f: &dyn Fn(&(FieldId, u64)) -> String| {
                    lengths.iter().map(f).collect::<Vec<_>>().join(" and ")
                };
                return Err(EditError::Disagree {
                    path: path(),
                    of: list(&name),
                    found: list(&|(_, count)| count.to_string()),
                });
            }
            Derived::NotExact { of, count, scale, offset } => {
                let rule = format!("{scale} * {} + {offset}", field.name);
                let of = self.path(d, of);
                return Err(EditError::NotExact { path: path(), of, found: count, rule });
            }
        };
        if let Some(change) = change {
            self.check_agreement(d, id, change, value)?;
            if let (Some(raw), Some(whole)) = (&change.raw, change.whole)
                && whole == value
            {
                out.extend_from_slice(raw);
                return Ok(());
            }
        }
        if let Some(bytes) = self.original_bytes(d, id)
            && self.original_number(d, id) == Some(value)
        {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        let Some(repr) = repr_of(&field.kind) else { return Ok(()) };
        let range = match field.kind {
            Kind::Bool | Kind::Presence => (0, 1),
            _ => repr.range(),
        };
        let fits = range.0 <= value && value <= range.1;
        if !fits || !repr.write(value, out) {
            return Err(EditError::OutOfRange { path: path(), value, min: range.0, max: range.1 });
        }
        Ok(())
    }

    /// What was set and what other edits need of it have to be the same.
    fn check_agreement(
        &self,
        d: DraftId,
        id: FieldId,
        change: &NumberChange,
        value: i128,
    ) -> Result<(), EditError> {
        let set = change.whole.unwrap_or(value) as u128 & !change.mask | change.bits;
        let fixed = if change.whole.is_some() { u128::MAX } else { change.mask };
        let differ = (set ^ change.implied) & fixed & change.implied_mask;
        if differ == 0 {
            return Ok(());
        }
        Err(EditError::Contradiction {
            path: self.path(d, id),
            set: (set as i128).to_string(),
            needed: value.to_string(),
            by: change.implied_by.clone(),
        })
    }

    /// Whether a field is the length of something that was deflated just now. What somebody says of that
    /// length can only be that of another deflater's output.
    fn measures_deflated(&self, d: DraftId, id: FieldId) -> bool {
        self.field(id).derived.iter().any(|derivation| match derivation {
            Derivation::Measures { of, .. } => {
                let inflates = matches!(&self.field(*of).kind,
                    Kind::Block { transform, .. } if *transform != Transform::Sized);
                let is_original = matches!(self.original(d, *of), Original::At(_))
                    && !self.drafts[d].changes.contains_key(of);
                inflates && !is_original && self.encoded.contains_key(&(d, *of))
            }
            Derivation::Expr(_) => false,
        })
    }

    /// What a derived field follows from, for messages.
    fn measured_text(&self, d: DraftId, id: FieldId) -> String {
        let one = |derivation: &Derivation| match derivation {
            Derivation::Measures { of, .. } => {
                let count = self.measured(d, *of).filter(|m| m.own)?.count;
                Some(format!("`{}` (length {count})", self.path(d, *of)))
            }
            Derivation::Expr(ex) => Some(format!("`{}`", expression(self.plan, ex))),
        };
        self.field(id).derived.iter().filter_map(one).collect::<Vec<_>>().join(" and ")
    }

    pub(super) fn write_packed(
        &self,
        d: DraftId,
        id: FieldId,
        (width, count, crossing): (&Ex, &Ex, bool),
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        let path = || self.path(d, id);
        let (width, count) = (self.eval(d, width), self.eval(d, count));
        // With another width there is nothing.
        let count = if (1..=64).contains(&width) { count.max(0) } else { 0 };
        let words = u64::try_from(packed_words(width, count, crossing)).unwrap_or(u64::MAX);
        let start = out.len();
        match (self.drafts[d].changes.get(&id), self.original_bytes(d, id)) {
            (Some(Change::Bytes(bytes)), _) => out.extend_from_slice(bytes),
            (Some(Change::Packed(numbers)), _) => {
                if count != numbers.len() as i128 {
                    let (unit, found) = ("numbers", numbers.len() as u64);
                    let by = "its count".into();
                    return Err(EditError::WrongLength {
                        path: path(),
                        unit,
                        found,
                        wanted: count,
                        by,
                    });
                }
                let max = match u32::try_from(width) {
                    Ok(width @ 1..64) => (1u64 << width) - 1,
                    _ => u64::MAX,
                };
                if let Some(n) = numbers.iter().find(|n| **n > max) {
                    let (value, max) = ((*n).into(), max.into());
                    return Err(EditError::OutOfRange { path: path(), value, min: 0, max });
                }
                let width = u32::try_from(width).unwrap_or(0);
                let packing = Packing { width, count: numbers.len() as u32, crossing };
                packing.pack(numbers, out);
            }
            (_, Some(bytes)) => out.extend_from_slice(bytes),
            _ => {
                self.spend_defaults(d, id, words)?;
                out.resize(start + words as usize * 8, 0);
            }
        }
        let found = (out.len() - start) as u64;
        if found != words.saturating_mul(8) {
            let (unit, wanted) = ("bytes", i128::from(words) * 8);
            let by = "its width and count".into();
            return Err(EditError::WrongLength { path: path(), unit, found, wanted, by });
        }
        Ok(())
    }
}

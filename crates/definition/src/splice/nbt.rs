//! Changes of single tags in a field that is NBT.

use super::draft::{Change, DraftId, Encoder, join};
use super::edits::{Action, Wish};
use super::error::EditError;
use crate::nbt;
use crate::plan::{FieldId, NbtForm};

impl Encoder<'_, '_> {
    /// Changes what is inside of NBT: that of the original, or the value that is given with it.
    pub(super) fn wish_nbt(
        &mut self,
        d: DraftId,
        id: FieldId,
        form: NbtForm,
        wish: &Wish<'_>,
    ) -> Result<(), EditError> {
        let given = match wish.action {
            Action::Set(given) => match self.given_change(d, id, given)? {
                Change::Bytes(bytes) => Some(bytes),
                _ => None,
            },
            _ => self.original_bytes(d, id).map(<[u8]>::to_vec),
        };
        let Some(bytes) = given else {
            let reason = "there is no NBT yet that could be changed: set it as a whole".into();
            return Err(EditError::Absent { path: self.path(d, id), reason });
        };
        let edited = nbt::edited(&bytes, form, self.limits.nbt_depth_max, wish.nbt_changes());
        let bytes = edited.map_err(|error| EditError::Form {
            path: join(self.path(d, id), &error.path),
            reason: error.kind.to_string(),
        })?;
        let bytes = self.checked_nbt(bytes, form, || self.path(d, id))?;
        self.change(d, id, Change::Bytes(bytes));
        Ok(())
    }
}

//! From drafts to bytes: what is untouched is copied, what is not is written by its kind.

use std::collections::HashSet;

use super::draft::{Change, DraftId, Encoder, Original};
use super::error::EditError;
use crate::plan::{BranchId, Derivation, FieldId, Item, Kind, Len, NbtForm};

impl<'a> Encoder<'_, 'a> {
    /// Appends the new bytes of the body. `false`: as far as the original could be read.
    pub(super) fn encode(&mut self, root: DraftId, out: &mut Vec<u8>) -> Result<bool, EditError> {
        self.find_touched();
        for d in 0..self.drafts.len() {
            self.check_present(d)?;
        }
        let mut written = HashSet::new();
        let unread = self.packet.as_deref().is_some_and(|packet| packet.error().is_some());
        let whole = self.activation(root, unread.then_some(&mut written), out)?;
        if !whole {
            let lost = self.drafts[root].changes.keys().find(|id| !written.contains(*id));
            if let Some(id) = lost {
                return Err(EditError::Unread { path: self.path(root, *id) });
            }
        }
        Ok(whole)
    }

    /// Finds the fields whose value or presence changes, which decides what has to be walked.
    fn find_touched(&mut self) {
        let mut touched = HashSet::new();
        for draft in &self.drafts {
            touched.extend(draft.changes.keys().copied());
            for branch in draft.forced.keys() {
                for arm in &self.plan.branches[*branch as usize].arms {
                    super::facts::each_field(self.plan, &arm.items, &mut |id| {
                        touched.insert(id);
                    });
                }
            }
        }
        if !touched.is_empty() {
            for id in &self.facts.derived {
                let follows = self.field(*id).derived.iter().any(|derivation| match derivation {
                    Derivation::Measures { of, .. } => touched.contains(of),
                    Derivation::Expr(_) => true,
                });
                if follows {
                    touched.insert(*id);
                }
            }
        }
        self.touched = touched;
        // A block whose content follows from something else may change in size, too.
        for &id in &self.facts.derived {
            let follows = self.field(id).derived.iter().any(|derivation| match derivation {
                Derivation::Measures { of, .. } => {
                    matches!(self.field(*of).kind, Kind::Block { .. }) && self.is_tainted(*of)
                }
                Derivation::Expr(_) => false,
            });
            if follows {
                self.touched.insert(id);
            }
        }
    }

    /// Whether something outside of an array, block or call that it depends on changes.
    pub(super) fn is_tainted(&self, id: FieldId) -> bool {
        !self.touched.is_empty()
            && self.facts.reads(self.plan, id).iter().any(|id| self.touched.contains(id))
    }

    /// What was set has to be there after all other changes.
    fn check_present(&self, d: DraftId) -> Result<(), EditError> {
        let draft = &self.drafts[d];
        let explicit = draft.changes.iter().filter(|(_, change)| match change {
            Change::Number(number) => number.is_explicit(),
            Change::Content { explicit, .. } => *explicit,
            _ => true,
        });
        let set = explicit.map(|(id, _)| *id).chain(draft.expected.iter().map(|(id, _)| *id));
        for id in set {
            let mut guard = self.field(id).guard;
            if self.present(d, guard) {
                continue;
            }
            let mut reason = String::new();
            while let Some((branch, arm)) = guard {
                if self.arm(d, branch) != arm as usize {
                    let condition = self.condition_text(branch, arm);
                    reason = format!("it is there only with `{condition}`");
                }
                guard = self.plan.branches[branch as usize].guard;
            }
            return Err(EditError::Absent { path: self.path(d, id), reason });
        }
        Ok(())
    }

    /// Writes an activation; `false`: as far as it could be read.
    pub(super) fn activation(
        &mut self,
        d: DraftId,
        written: Option<&mut HashSet<FieldId>>,
        out: &mut Vec<u8>,
    ) -> Result<bool, EditError> {
        let layout = &self.plan.layouts[self.drafts[d].layout as usize];
        self.measure_ahead(d)?;
        let mut ignored = HashSet::new();
        let track = written.is_some();
        let written = written.unwrap_or(&mut ignored);
        let whole = self.items(d, &layout.items, track, written, out)?;
        for (id, expected) in self.drafts[d].expected.clone() {
            let found = self.number(d, id);
            if found != expected {
                return Err(EditError::Contradiction {
                    path: self.path(d, id),
                    set: expected.to_string(),
                    needed: found.to_string(),
                    by: "what it is computed from".into(),
                });
            }
        }
        Ok(whole)
    }

    /// Encodes what has to be measured before it is written.
    fn measure_ahead(&mut self, d: DraftId) -> Result<(), EditError> {
        if self.facts.measured.is_empty() {
            return Ok(());
        }
        let layout = self.drafts[d].layout;
        let here = |id: &FieldId| self.plan.fields[*id as usize].layout == layout;
        for id in self.facts.measured.iter().copied().filter(here) {
            let changes = self.drafts[d].changes.contains_key(&id);
            let there = self.present(d, self.field(id).guard);
            let wanted = match self.original(d, id) {
                Original::Unread => false,
                Original::Absent => true,
                // A struct has no change of its own.
                Original::At(_) => {
                    changes || self.is_tainted(id) || matches!(self.field(id).kind, Kind::Struct(_))
                }
            };
            if there && wanted && !self.encoded.contains_key(&(d, id)) {
                let mut bytes = Vec::new();
                let before = self.ahead.replace((d, id));
                self.write_field(d, id, &mut bytes)?;
                self.ahead = before;
                let count = bytes.len() as u64;
                self.encoded.insert((d, id), bytes);
                // A text's or list's length was checked by itself: it is known from what was given.
                if let Kind::Block { len: len @ Len::Expr { .. }, .. } = &self.field(id).kind {
                    self.write_len(d, id, len, (count, "bytes"), &mut Vec::new())?;
                }
            }
        }
        Ok(())
    }

    fn items(
        &mut self,
        d: DraftId,
        items: &'a [Item],
        track: bool,
        written: &mut HashSet<FieldId>,
        out: &mut Vec<u8>,
    ) -> Result<bool, EditError> {
        for item in items {
            let whole = match item {
                Item::Branch(id) => {
                    if track && self.is_unread(d, *id) {
                        return Ok(false);
                    }
                    let arm = self.arm(d, *id);
                    match self.plan.branches[*id as usize].arms.get(arm) {
                        Some(arm) => self.items(d, &arm.items, track, written, out)?,
                        None => true,
                    }
                }
                Item::Field(id) => {
                    if track {
                        written.insert(*id);
                    }
                    if let Some(bytes) = self.encoded.get(&(d, *id)) {
                        out.extend_from_slice(bytes);
                        continue;
                    }
                    match &self.field(*id).kind {
                        Kind::Struct(items) => self.items(d, items, track, written, out)?,
                        Kind::Let(_) => true,
                        _ if self.original(d, *id) == Original::Unread => {
                            if self.drafts[d].changes.contains_key(id) {
                                return Err(EditError::Unread { path: self.path(d, *id) });
                            }
                            false
                        }
                        _ => {
                            self.write_field(d, *id, out)?;
                            true
                        }
                    }
                }
            };
            if !whole {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether reading the original ended before a branch that it should have.
    fn is_unread(&self, d: DraftId, branch: BranchId) -> bool {
        let guard = self.plan.branches[branch as usize].guard;
        self.drafts[d].origin.is_some()
            && self.present(d, guard)
            && self.original_arm(d, branch).is_none()
            && guard.is_none_or(|(outer, arm)| self.original_arm(d, outer) == Some(arm as usize))
    }

    fn write_field(&mut self, d: DraftId, id: FieldId, out: &mut Vec<u8>) -> Result<(), EditError> {
        match &self.field(id).kind {
            Kind::Struct(items) => {
                self.items(d, items, false, &mut HashSet::new(), out).map(|_| ())
            }
            Kind::Let(_) => Ok(()),
            Kind::Int(_)
            | Kind::Bool
            | Kind::Presence
            | Kind::Enum { .. }
            | Kind::Flags { .. }
            | Kind::Bits { .. } => self.write_number(d, id, out),
            Kind::Str { len, .. } | Kind::Bytes { len } => self.write_content(d, id, len, out),
            Kind::Array(array) => self.write_list(d, id, array, out),
            Kind::Block { transform, len, layout, .. } => {
                self.write_block(d, id, *transform, len, *layout, out)
            }
            Kind::Call { layout, .. } => self.write_call(d, id, *layout, out),
            Kind::Packed { width, count, crossing } => {
                self.write_packed(d, id, (width, count, *crossing), out)
            }
            Kind::Float(repr) => self.write_bytes(d, id, out, || vec![0; repr.bytes.into()]),
            Kind::Uuid => self.write_bytes(d, id, out, || vec![0; 16]),
            Kind::Nbt(form) => {
                let chat = self.field(id).marks.chat;
                self.write_bytes(d, id, out, || default_nbt(*form, chat))
            }
            Kind::Pad(size) => self.write_bytes(d, id, out, || vec![0; *size as usize]),
            Kind::Tail => self.write_bytes(d, id, out, Vec::new),
        }
    }

    /// A field whose bytes are its value.
    fn write_bytes(
        &self,
        d: DraftId,
        id: FieldId,
        out: &mut Vec<u8>,
        default: impl FnOnce() -> Vec<u8>,
    ) -> Result<(), EditError> {
        match (self.drafts[d].changes.get(&id), self.original_bytes(d, id)) {
            (Some(Change::Bytes(bytes)), _) => out.extend_from_slice(bytes),
            (_, Some(bytes)) => out.extend_from_slice(bytes),
            _ => out.extend(default()),
        }
        Ok(())
    }
}

/// NBT that nobody gave: nothing where that may be, an empty text for chat, else an empty compound.
fn default_nbt(form: NbtForm, chat: bool) -> Vec<u8> {
    let name: &[u8] = if form.named { &[0, 0] } else { &[] };
    match (form.optional, chat) {
        (true, _) => vec![0],
        (false, true) => [&[8], name, &[0, 0]].concat(),
        (false, false) => [&[10], name, &[0]].concat(),
    }
}

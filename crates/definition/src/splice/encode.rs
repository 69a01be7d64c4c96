//! From drafts to bytes: what is untouched is copied, what is not is written by its kind.

use std::collections::HashSet;

use midwire_codec::Wrapper;

use super::convert::repr_of;
use super::describe::expression;
use super::draft::{Change, DraftId, Encoder, Holder, NumberChange, Original};
use super::error::EditError;
use super::facts::mentions_rest;
use super::scope::{Derived, default_text, unit_size, units};
use crate::plan::{
    ABSENT, BUFFER_SLOT, BranchId, Derivation, Ex, FieldId, Item, Kind, LIMIT_SLOT, LayoutId, Len,
    NbtForm, Place, packed_words,
};
use crate::syntax::ast::Transform;

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
            Kind::Packed { width, count } => self.write_packed(d, id, (width, count), out),
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

    // ---- numbers -----------------------------------------------------------------------------

    fn write_number(&self, d: DraftId, id: FieldId, out: &mut Vec<u8>) -> Result<(), EditError> {
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
                inflates && self.encoded.contains_key(&(d, *of))
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

    // ---- lengths -----------------------------------------------------------------------------

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
        if let Len::Prefix { max: Some(max), .. } | Len::Expr { max: Some(max), .. } = len
            && count > *max
        {
            let (max, limit) = (*max, "max");
            return Err(EditError::TooLong { path: path(), unit, found: count, max, limit });
        }
        match len {
            Len::Rest => Ok(()),
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
            Len::Prefix { .. } | Len::Rest => 0,
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
    fn spend_defaults(&self, d: DraftId, id: FieldId, count: u64) -> Result<u64, EditError> {
        let max = u64::from(self.limits.elements_max);
        let found = self.defaults.get().saturating_add(count);
        self.defaults.set(found);
        if found > max {
            let (path, unit, limit) = (self.path(d, id), "default units", "elements_max");
            return Err(EditError::TooLong { path, unit, found, max, limit });
        }
        Ok(count)
    }

    fn write_content(
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
        match (self.drafts[d].changes.get(&id), self.original_bytes(d, id)) {
            (Some(Change::Content { bytes, raw: Some(raw), .. }), _) => {
                // The prefix is in it; this only looks whether the length is right.
                self.write_len(d, id, len, count(bytes), &mut Vec::new())?;
                out.extend_from_slice(raw);
            }
            (Some(Change::Content { bytes, .. }), _) => {
                self.write_len(d, id, len, count(bytes), out)?;
                out.extend_from_slice(bytes);
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
                        super::convert::encode_text(encoding, text, &self.path(d, id))?
                    }
                    _ => vec![0; self.default_count(d, id, len)? as usize * size],
                };
                self.write_len(d, id, len, count(&bytes), out)?;
                out.extend_from_slice(&bytes);
            }
        }
        Ok(())
    }

    // ---- what is inside others ---------------------------------------------------------------

    fn write_block(
        &mut self,
        d: DraftId,
        id: FieldId,
        transform: Transform,
        len: &Len,
        layout: LayoutId,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        let changed = match self.drafts[d].changes.get(&id) {
            Some(Change::Inner(inner)) => Some(*inner),
            _ => None,
        };
        let original = self.original(d, id);
        if let (None, Original::At(place), false) = (changed, original, self.is_tainted(id)) {
            return self.copy_block(d, id, len, place, out);
        }
        let mark = self.drafts.len();
        let inner = match changed {
            Some(inner) => inner,
            None => {
                let origin = self.original_inner(d, id);
                self.draft(Some(Holder { draft: d, field: id, index: None }), layout, origin)?
            }
        };
        let mut plain = Vec::new();
        self.activation(inner, None, &mut plain)?;
        let window = self.window(inner);
        if let Some(window) = window {
            plain.extend_from_slice(self.bytes(window.behind));
        }
        self.release(mark);
        let max = u64::from(self.limits.inflate_max);
        let found = plain.len() as u64;
        if transform != Transform::Sized && found > max {
            let (path, unit, limit) = (self.path(d, id), "plain bytes", "inflate_max");
            return Err(EditError::TooLong { path, unit, found, max, limit });
        }
        if let (Some(window), Original::At(place)) = (window, original)
            && self.bytes(window.whole) == plain
        {
            // Deflating again would give other bytes that mean the same.
            return self.copy_block(d, id, len, place, out);
        }
        let wrapper = match transform {
            Transform::Sized => None,
            Transform::Zlib => Some(Wrapper::Zlib),
            Transform::Deflate => Some(Wrapper::Deflate),
            Transform::Gzip => Some(Wrapper::Gzip),
        };
        let bytes = match wrapper {
            None => plain,
            Some(wrapper) => {
                let mut bytes = Vec::new();
                self.deflater.deflate(wrapper, &plain, &mut bytes);
                bytes.extend(self.behind_stream(d, id, wrapper, len));
                bytes
            }
        };
        self.write_len(d, id, len, (bytes.len() as u64, "bytes"), out)?;
        out.extend_from_slice(&bytes);
        Ok(())
    }

    fn copy_block(
        &self,
        d: DraftId,
        id: FieldId,
        len: &Len,
        place: Place,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        let raw = self.bytes(place);
        if let Len::Expr { .. } = len {
            self.write_len(d, id, len, (raw.len() as u64, "bytes"), out)?;
        }
        out.extend_from_slice(raw);
        Ok(())
    }

    /// The window of a block of the original.
    fn window(&self, d: DraftId) -> Option<Window> {
        let (packet, base) = self.origin(d)?;
        let slot = |slot: u32| packet.ws.slots[(base + slot) as usize];
        let layout = &self.plan.layouts[self.drafts[d].layout as usize];
        let end = packet.ws.resolve(base, layout.end);
        let (buffer, start, limit) =
            (slot(BUFFER_SLOT), slot(crate::plan::START_SLOT), slot(LIMIT_SLOT));
        let end = if end == ABSENT { limit } else { end };
        Some(Window {
            whole: Place { buffer, start, end: limit },
            behind: Place { buffer, start: end, end: limit },
        })
    }

    /// What stands in a compressed block of the original behind its stream.
    fn behind_stream(&mut self, d: DraftId, id: FieldId, wrapper: Wrapper, len: &Len) -> Vec<u8> {
        let Some(raw) = self.original_bytes(d, id) else { return Vec::new() };
        let data = crate::value::content(len, raw).to_vec();
        let Some(packet) = self.packet.as_deref_mut() else { return Vec::new() };
        let used = packet.ws.inflater.inflate_block(wrapper, &data, &mut Vec::new());
        data.get(used.unwrap_or(data.len())..).unwrap_or(&[]).to_vec()
    }

    fn write_call(
        &mut self,
        d: DraftId,
        id: FieldId,
        layout: LayoutId,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        if let Some(Change::Inner(inner)) = self.drafts[d].changes.get(&id) {
            let inner = *inner;
            return self.activation(inner, None, out).map(|_| ());
        }
        if let (Original::At(place), false) = (self.original(d, id), self.is_tainted(id)) {
            out.extend_from_slice(self.bytes(place));
            return Ok(());
        }
        let mark = self.drafts.len();
        let origin = self.original_inner(d, id);
        let holder = Holder { draft: d, field: id, index: None };
        let inner = self.draft(Some(holder), layout, origin)?;
        self.activation(inner, None, out)?;
        self.release(mark);
        Ok(())
    }

    fn write_packed(
        &self,
        d: DraftId,
        id: FieldId,
        (width, count): (&Ex, &Ex),
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        let path = || self.path(d, id);
        let (width, count) = (self.eval(d, width), self.eval(d, count));
        // With another width there is nothing.
        let count = if (1..=64).contains(&width) { count.max(0) } else { 0 };
        let words = u64::try_from(packed_words(width, count)).unwrap_or(u64::MAX);
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
                pack(numbers, width, out);
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

/// A block's bytes in the original.
#[derive(Clone, Copy)]
struct Window {
    whole: Place,
    /// From the end of its last field on.
    behind: Place,
}

/// As many numbers to a 64-bit word as fit whole, from the least significant bit on.
fn pack(numbers: &[u64], width: i128, out: &mut Vec<u8>) {
    let Ok(width @ 1..=64) = u32::try_from(width) else { return };
    for part in numbers.chunks((64 / width) as usize) {
        let word = part.iter().rev().fold(0u64, |word, n| {
            // A width of 64 leaves nothing of the word before, and there is none.
            word.checked_shl(width).unwrap_or(0) | n
        });
        out.extend_from_slice(&word.to_be_bytes());
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

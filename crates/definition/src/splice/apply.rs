//! From wishes to drafts: every path finds its field, every value its form.

use std::borrow::Cow;

use super::apply_list::list_parts;
use super::draft::{Change, DraftId, Encoder, Holder, Original};
use super::edits::{Action, Wish};
use super::error::EditError;
use super::given_number::GivenNumber;
use super::invert::Wanted;
use super::scope::{units, unmeasured};
use crate::diagnostics::suggest;
use crate::given::Given;
use crate::plan::{BranchId, Derivation, Ex, FieldId, Item, Kind, Plan, Select};
use crate::syntax::ast::same_name;

impl<'a> Encoder<'_, 'a> {
    /// Puts wishes into an activation.
    pub(super) fn wish(&mut self, d: DraftId, wish: Wish<'_>) -> Result<(), EditError> {
        let layout = &self.plan.layouts[self.drafts[d].layout as usize];
        if !layout.transparent {
            return self.wish_struct(d, None, &layout.items, wish);
        }
        let mut order = Vec::new();
        fields_of(self.plan, &layout.items, &mut order);
        order.retain(|id| !matches!(self.field(*id).kind, Kind::Presence | Kind::Pad(_)));
        if let Some(id) = order.iter().find(|id| self.present(d, self.field(**id).guard)) {
            return self.wish_field(d, *id, wish);
        }
        match order.as_slice() {
            [id] => self.wish_absent(d, *id, wish),
            _ if deletes(&wish.action) => Ok(()),
            [] => Err(EditError::Absent {
                path: self.path_of(d),
                reason: "nothing is laid out there".into(),
            }),
            several => {
                let id = self.one_of(d, several)?;
                self.wish_absent(d, id, wish)
            }
        }
    }

    fn wish_struct(
        &mut self,
        d: DraftId,
        at: Option<FieldId>,
        items: &'a [Item],
        mut wish: Wish<'_>,
    ) -> Result<(), EditError> {
        let path = || at.map_or_else(|| self.path_of(d), |id| self.path(d, id));
        if let Action::Delete | Action::Remove = wish.action {
            let reason = match self.drafts[d].holder {
                Some(_) => "an element is taken out by `remove`, not deleted",
                None => "it is the packet itself",
            };
            return Err(EditError::Required { path: path(), reason: reason.into() });
        }
        if let Some(given) = not_an_object(&wish) {
            let expected = "an object of its fields";
            return Err(EditError::WrongType { path: path(), expected, found: given });
        }
        if let Action::Set(Given::Object(members)) = wish.action {
            wish.unfold(members);
        }
        let mut order = Vec::new();
        fields_of(self.plan, items, &mut order);
        let mut wishes: Vec<_> = wish.fields.into_iter().map(Some).collect();
        let mut pads = 0;
        for (place, id) in order.iter().enumerate() {
            let field = self.field(*id);
            let name = match &field.kind {
                Kind::Presence => continue,
                Kind::Pad(_) if self.present(d, field.guard) => {
                    pads += 1;
                    if pads == 1 { "$pad".into() } else { Cow::from(format!("$pad{pads}")) }
                }
                Kind::Pad(_) => continue,
                Kind::Tail => "$tail".into(),
                _ => Cow::from(&*field.name),
            };
            let named = |wish: &Option<(&str, Wish<'_>)>| {
                wish.as_ref().is_some_and(|(wanted, _)| same_name(wanted, &name))
            };
            let Some(found) = wishes.iter().position(named) else { continue };
            let there = self.present(d, field.guard);
            let is_tail = matches!(field.kind, Kind::Tail);
            let same = |id: &&FieldId| {
                let field = self.field(**id);
                match field.kind {
                    Kind::Tail => is_tail,
                    Kind::Presence => false,
                    _ => same_name(&field.name, &name),
                }
            };
            if !there && order[place + 1..].iter().any(|id| same(&id)) {
                // Another arm has that name, too; perhaps it is there.
                continue;
            }
            let Some((_, wish)) = wishes[found].take() else { continue };
            if there {
                self.wish_field(d, *id, wish)?;
                continue;
            }
            let candidates: Vec<FieldId> = order.iter().filter(same).copied().collect();
            match candidates.as_slice() {
                [_] => self.wish_absent(d, *id, wish)?,
                _ if deletes(&wish.action) => {}
                several => {
                    let id = self.one_of(d, several)?;
                    self.wish_absent(d, id, wish)?;
                }
            }
        }
        for (name, wish) in wishes.into_iter().flatten() {
            if name.starts_with("$rest") && self.wish_rest(d, at, &order, &wish)? {
                continue;
            }
            let others = self.in_other_arms(d, at, name);
            if !others.is_empty() {
                let path = at.map_or_else(|| self.path_of(d), |id| self.path(d, id));
                return Err(self.ambiguous(super::draft::join(path, name), &others));
            }
            let names = order.iter().map(|id| &*self.field(*id).name);
            let nearest = suggest(name, names).map(Into::into);
            let path = at.map_or_else(|| self.path_of(d), |id| self.path(d, id));
            return Err(EditError::UnknownField { path, name: name.into(), nearest });
        }
        Ok(())
    }

    /// Bytes in a block behind its content. They are told with its fields, or, where it has none of its
    /// own, with those around it.
    fn wish_rest(
        &mut self,
        d: DraftId,
        at: Option<FieldId>,
        order: &[FieldId],
        wish: &Wish<'_>,
    ) -> Result<bool, EditError> {
        let Action::Set(given) = wish.action else { return Ok(false) };
        let holder = self.drafts[d].holder.filter(|_| at.is_none());
        let block = match holder {
            Some(holder) if matches!(self.field(holder.field).kind, Kind::Block { .. }) => d,
            _ => {
                let is_bare = |id: &&FieldId| match self.field(**id).kind {
                    Kind::Block { layout, .. } => {
                        self.plan.layouts[layout as usize].transparent
                            && self.present(d, self.field(**id).guard)
                    }
                    _ => false,
                };
                let mut blocks = order.iter().filter(is_bare);
                let (Some(id), None) = (blocks.next(), blocks.next()) else { return Ok(false) };
                self.inner_draft(d, *id)?
            }
        };
        let path = super::draft::join(self.path_of(d), "$rest");
        self.drafts[block].rest = Some(super::convert::given_bytes(given, &path)?);
        Ok(true)
    }

    /// The draft of what is inside a block or call.
    fn inner_draft(&mut self, d: DraftId, id: FieldId) -> Result<DraftId, EditError> {
        if let Some(Change::Inner(inner)) = self.drafts[d].changes.get(&id) {
            return Ok(*inner);
        }
        let layout = match self.field(id).kind {
            Kind::Block { layout, .. } | Kind::Call { layout, .. } => layout,
            _ => self.drafts[d].layout,
        };
        let origin = self.original_inner(d, id);
        let inner =
            self.draft(Some(Holder { draft: d, field: id, index: None }), layout, origin)?;
        self.change(d, id, Change::Inner(inner));
        Ok(inner)
    }

    /// Of fields of one name in several arms, the one in the arm that is taken, where nothing but its `opt`
    /// keeps it away.
    fn one_of(&self, d: DraftId, fields: &[FieldId]) -> Result<FieldId, EditError> {
        let mut open = fields.iter().filter(|id| self.is_optional_there(d, **id));
        match (open.next(), open.next()) {
            (Some(id), None) => Ok(*id),
            _ => {
                let path = fields.first().map_or(String::new(), |id| self.path(d, *id));
                Err(self.ambiguous(path, fields))
            }
        }
    }

    /// Whether nothing but an `opt` keeps a field away.
    fn is_optional_there(&self, d: DraftId, id: FieldId) -> bool {
        let mut guard = self.field(id).guard;
        while let Some((branch, arm)) = guard {
            if self.arm(d, branch) != arm as usize && !self.is_opt(branch) {
                return false;
            }
            guard = self.plan.branches[branch as usize].guard;
        }
        true
    }

    /// Whether a branch is that of an `opt`.
    fn is_opt(&self, branch: BranchId) -> bool {
        match &self.plan.branches[branch as usize].select {
            Select::If(Ex::Field(r)) => {
                r.fields.iter().all(|id| matches!(self.field(*id).kind, Kind::Presence))
            }
            _ => false,
        }
    }

    /// A field is there under one of the conditions of these, and each would do.
    fn ambiguous(&self, path: String, fields: &[FieldId]) -> EditError {
        let chosen = |id: &FieldId| {
            let mut guard = self.field(*id).guard?;
            // That something is optional is no condition that people could set.
            while self.is_opt(guard.0) {
                guard = self.plan.branches[guard.0 as usize].guard?;
            }
            Some(format!("`{}`", self.condition_text(guard.0, guard.1)))
        };
        let conditions: Vec<String> = fields.iter().filter_map(chosen).collect();
        EditError::Condition {
            path,
            condition: conditions.join(" or "),
            reason: "set what chooses between them".into(),
        }
    }

    /// What stands in other arms in the place of a struct, block or call and has a field of that name.
    fn in_other_arms(&self, d: DraftId, at: Option<FieldId>, name: &str) -> Vec<FieldId> {
        let Some(here) = at.or(self.drafts[d].holder.map(|holder| holder.field)) else {
            return Vec::new();
        };
        let field = self.field(here);
        let stands_here = |id: &FieldId| {
            let other = self.field(*id);
            other.layout == field.layout
                && other.parent == field.parent
                && other.guard != field.guard
                && other.name == field.name
        };
        let has_it = |id: &FieldId| {
            let mut inside = Vec::new();
            match &self.field(*id).kind {
                Kind::Struct(items) => fields_of(self.plan, items, &mut inside),
                Kind::Block { layout, .. } | Kind::Call { layout, .. } => {
                    let items = &self.plan.layouts[*layout as usize].items;
                    fields_of(self.plan, items, &mut inside);
                }
                _ => {}
            }
            inside.iter().any(|id| same_name(&self.field(*id).name, name))
        };
        let all = 0..self.plan.fields.len() as FieldId;
        all.filter(|id| stands_here(id) && has_it(id)).collect()
    }

    /// Puts a wish into a field that is not there (yet).
    fn wish_absent(&mut self, d: DraftId, id: FieldId, wish: Wish<'_>) -> Result<(), EditError> {
        let field = self.field(id);
        let is_nbt = matches!(field.kind, Kind::Nbt(_));
        if deletes(&wish.action) && !(is_nbt && matches!(wish.action, Action::Set(_))) {
            return Ok(());
        }
        if let (Kind::Let(_), Action::Set(_)) = (&field.kind, wish.action) {
            // Nothing computes it there.
            return Err(self.computed_error(d, id));
        }
        self.hint(d, id, &wish)?;
        self.require(d, field.guard, Wanted { draft: d, field: id })?;
        self.wish_field(d, id, wish)
    }

    /// Tells the counts that measure a field what it is going to have: whether it is there may depend on
    /// them.
    fn hint(&mut self, d: DraftId, id: FieldId, wish: &Wish<'_>) -> Result<(), EditError> {
        let field = self.field(id);
        let count = match (&field.kind, wish.action) {
            (Kind::Array(_), Action::Set(given)) => {
                list_parts(given).map_or(0, |(items, ..)| items.len() as i128)
            }
            (Kind::Array(_), _) => 0,
            (Kind::Str { .. } | Kind::Bytes { .. }, Action::Set(given)) => {
                match (self.given_change(d, id, given)?, &field.kind) {
                    (Change::Content { bytes, .. }, Kind::Str { encoding, .. }) => {
                        units(*encoding, &bytes).into()
                    }
                    (Change::Content { bytes, .. }, _) => bytes.len() as i128,
                    _ => return Ok(()),
                }
            }
            _ => return Ok(()),
        };
        let count = count + wish.inserts.len() as i128;
        for &derived in &self.facts.derived {
            for derivation in self.field(derived).derived.iter() {
                if let Derivation::Measures { of, scale, offset } = derivation
                    && *of == id
                    && !matches!(self.field(derived).kind, Kind::Let(_))
                {
                    self.number_change(d, derived).hint = unmeasured(count, *scale, *offset);
                }
            }
        }
        Ok(())
    }

    fn computed_error(&self, d: DraftId, id: FieldId) -> EditError {
        let by = match &self.field(id).kind {
            Kind::Let(ex) => super::describe::expression(self.plan, ex),
            _ => String::new(),
        };
        EditError::Computed { path: self.path(d, id), by }
    }

    /// Puts a wish into a field that is there.
    fn wish_field(&mut self, d: DraftId, id: FieldId, wish: Wish<'_>) -> Result<(), EditError> {
        let field = self.field(id);
        let is_nbt = matches!(field.kind, Kind::Nbt(_));
        let is_struct = matches!(field.kind, Kind::Struct(_));
        if !is_struct && self.original(d, id) == Original::Unread {
            return Err(EditError::Unread { path: self.path(d, id) });
        }
        let inside =
            !wish.fields.is_empty() || !wish.elements.is_empty() || !wish.inserts.is_empty();
        match wish.action {
            // Of NBT `null` is a value.
            Action::Set(Given::Null) if is_nbt => {}
            _ if inside && deletes(&wish.action) => {
                return Err(self.gone(self.path(d, id), "deleted"));
            }
            Action::Delete => return self.exclude(d, id),
            Action::Set(Given::Null) => return self.exclude(d, id),
            Action::Remove => {
                let reason = "only an element of a list can be removed; a field is deleted".into();
                return Err(EditError::Form { path: self.path(d, id), reason });
            }
            _ => {}
        }
        match &field.kind {
            Kind::Array(array) => return self.wish_list(d, id, array, wish),
            Kind::Nbt(form) if inside => return self.wish_nbt(d, id, *form, &wish),
            // What is inside of these knows; a recursive type may be a list.
            Kind::Struct(_) | Kind::Block { .. } | Kind::Call { .. } => {}
            _ if wish.elements.is_empty() && wish.inserts.is_empty() => {}
            _ => {
                let (expected, found) = ("no index: it is no list", "one");
                return Err(EditError::WrongType { path: self.path(d, id), expected, found });
            }
        }
        match &field.kind {
            Kind::Struct(items) => self.wish_struct(d, Some(id), items, wish),
            Kind::Let(_) => match wish.action {
                Action::Set(Given::Int(value)) if wish.fields.is_empty() => {
                    // Decoded packets have computed fields; what they say must only be right.
                    self.drafts[d].expected.push((id, *value));
                    Ok(())
                }
                _ => Err(self.computed_error(d, id)),
            },
            Kind::Block { .. } | Kind::Call { .. } => {
                let inner = self.inner_draft(d, id)?;
                self.wish(inner, wish)
            }
            Kind::Int(_)
            | Kind::Bool
            | Kind::Enum { .. }
            | Kind::Flags { .. }
            | Kind::Bits { .. } => self.wish_number(d, id, wish),
            _ => {
                if let Action::Set(given) = wish.action {
                    let change = self.given_change(d, id, given)?;
                    self.change(d, id, change);
                }
                self.no_parts(d, id, &wish)
            }
        }
    }

    /// Something inside of what another edit takes away was to be changed.
    pub(super) fn gone(&self, path: String, how: &str) -> EditError {
        EditError::Contradiction {
            path,
            set: "another value inside".into(),
            needed: how.into(),
            by: "another edit".into(),
        }
    }

    /// A field without parts: it takes no wishes for any.
    pub(super) fn no_parts(
        &self,
        d: DraftId,
        id: FieldId,
        wish: &Wish<'_>,
    ) -> Result<(), EditError> {
        let Some((name, _)) = wish.fields.first() else { return Ok(()) };
        let others = self.in_other_arms(d, Some(id), name);
        if !others.is_empty() {
            return Err(self.ambiguous(super::draft::join(self.path(d, id), name), &others));
        }
        let (path, name) = (self.path(d, id), (*name).into());
        Err(EditError::UnknownField { path, name, nearest: None })
    }

    fn wish_number(&mut self, d: DraftId, id: FieldId, wish: Wish<'_>) -> Result<(), EditError> {
        if !matches!(self.field(id).kind, Kind::Flags { .. } | Kind::Bits { .. }) {
            self.no_parts(d, id, &wish)?;
        }
        if let Action::Set(given) = wish.action {
            let (number, raw) = self.given_number(d, id, given)?;
            self.number_change(d, id).give(number, raw);
        }
        for (name, part) in wish.fields {
            let unset = Given::Bool(false);
            let given = match part.action {
                Action::Set(given) => given,
                Action::Delete if matches!(self.field(id).kind, Kind::Flags { .. }) => &unset,
                Action::Delete => {
                    let reason = "it is a part of a number".into();
                    return Err(EditError::Required { path: self.path(d, id), reason });
                }
                _ => {
                    let path = super::draft::join(self.path(d, id), name);
                    let name = part.fields.first().map_or("[..]", |(name, _)| name).into();
                    return Err(EditError::UnknownField { path, name, nearest: None });
                }
            };
            let (mask, bits) = self.given_member(d, id, name, given)?;
            let number = GivenNumber::Parts(mask, bits);
            self.number_change(d, id).give(number, None);
        }
        Ok(())
    }
}

/// The kind of value that was given for a struct, if it is no object.
fn not_an_object(wish: &Wish<'_>) -> Option<&'static str> {
    match wish.action {
        Action::Set(given) if !matches!(given, Given::Object(_)) => {
            return Some(given.kind_name());
        }
        _ => {}
    }
    let indexed = !wish.elements.is_empty() || !wish.inserts.is_empty();
    indexed.then_some("an index")
}

fn deletes(action: &Action<'_>) -> bool {
    matches!(action, Action::Delete | Action::Set(Given::Null))
}

/// The fields of a struct in wire order, those of all arms, not those of structs inside.
pub(super) fn fields_of(plan: &Plan, items: &[Item], out: &mut Vec<FieldId>) {
    for item in items {
        match item {
            Item::Field(id) => out.push(*id),
            Item::Branch(id) => {
                for arm in &plan.branches[*id as usize].arms {
                    fields_of(plan, &arm.items, out);
                }
            }
        }
    }
}

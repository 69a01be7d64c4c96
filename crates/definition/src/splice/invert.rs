//! Turning conditions round: setting what a gated field needs, clearing what holds a deleted one.

use super::describe::{compare, expression};
use super::draft::{Change, DraftId, Encoder};
use super::error::EditError;
use super::facts::ref_name;
use crate::plan::{ArmLabel, BranchId, Ex, Field, FieldId, FieldRef, Kind, Member, Select};
use crate::syntax::ast::{BinaryOp, Compare};

/// The field whose presence is at stake, for messages.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) draft: DraftId,
    pub(super) field: FieldId,
}

/// Why a condition does not turn round.
pub(super) type Stuck = String;

impl<'a> Encoder<'_, 'a> {
    /// Makes an arm and those around it be taken.
    pub(super) fn require(
        &mut self,
        d: DraftId,
        guard: Option<(BranchId, u32)>,
        wanted: Wanted,
    ) -> Result<(), EditError> {
        let Some((id, arm)) = guard else { return Ok(()) };
        let branch = &self.plan.branches[id as usize];
        self.require(d, branch.guard, wanted)?;
        if self.arm(d, id) == arm as usize {
            return Ok(());
        }
        if self.facts.decides_by_rest(id) {
            self.force(d, id, arm as usize);
            return Ok(());
        }
        let labels = branch.arms.get(arm as usize).map_or(&[][..], |arm| &arm.labels);
        let turned = match (&branch.select, labels) {
            (Select::If(ex), _) => self.make(d, ex, arm == 0, wanted)?,
            (Select::Match(ex), [ArmLabel::Range(low, high)]) if low == high => {
                self.assign(d, ex, *low, wanted)?
            }
            (Select::Match(ex), [ArmLabel::Expr(label)]) => {
                let value = self.eval(d, label);
                self.assign(d, ex, value, wanted)?
            }
            (Select::MatchText(r), [ArmLabel::Text(text)]) => {
                self.assign_text(d, r, text, wanted)?
            }
            _ => Err("more than one value would do: set it to the one that is meant".into()),
        };
        match turned {
            Ok(()) if self.arm(d, id) == arm as usize => Ok(()),
            Ok(()) => {
                let reason = "what it needs is decided by something else, too".into();
                Err(self.condition(d, id, arm, wanted, reason))
            }
            Err(reason) => Err(self.condition(d, id, arm, wanted, reason)),
        }
    }

    /// Makes the innermost arm around a field not be taken.
    pub(super) fn exclude(&mut self, d: DraftId, field: FieldId) -> Result<(), EditError> {
        let wanted = Wanted { draft: d, field };
        if !self.present(d, self.field(field).guard) {
            return Ok(());
        }
        let required =
            |reason: &str| EditError::Required { path: self.path(d, field), reason: reason.into() };
        let Some((id, arm)) = self.field(field).guard else {
            return Err(required("nothing in the packet says whether it is there"));
        };
        let branch = &self.plan.branches[id as usize];
        if self.facts.decides_by_rest(id) {
            let other = match branch.select {
                Select::If(_) => 1 - (arm as usize).min(1),
                _ => branch.arms.len(),
            };
            self.force(d, id, other);
            return Ok(());
        }
        let turned = match &branch.select {
            Select::If(ex) => self.make(d, ex, arm != 0, wanted)?,
            _ => Err("another value of it would put something else here: set that".into()),
        };
        match turned {
            Ok(()) if self.is_replaced(d, field) => {
                let reason = "another value of it puts something else here: set that".into();
                Err(self.condition(d, id, arm, wanted, reason))
            }
            Ok(()) if self.arm(d, id) != arm as usize => Ok(()),
            Ok(()) => {
                let reason = "what it needs is decided by something else, too".into();
                Err(self.condition(d, id, arm, wanted, reason))
            }
            Err(reason) => Err(self.condition(d, id, arm, wanted, reason)),
        }
    }

    /// Whether something of the same name is there now instead of what held the field in its arm.
    fn is_replaced(&self, d: DraftId, id: FieldId) -> bool {
        let mut holder = self.field(id);
        let guard = holder.guard;
        while let Some(outer) = holder.parent.map(|parent| self.field(parent))
            && outer.guard == guard
        {
            holder = outer;
        }
        let replaces = |other: &Field| {
            let named = !matches!(other.kind, Kind::Presence | Kind::Pad(_) | Kind::Tail);
            named
                && other.layout == holder.layout
                && other.parent == holder.parent
                && other.name == holder.name
                && self.present(d, other.guard)
        };
        self.plan.fields.iter().any(replaces)
    }

    fn force(&mut self, d: DraftId, branch: BranchId, arm: usize) {
        self.drafts[d].forced.insert(branch, arm);
        self.changed();
    }

    fn condition(
        &self,
        _: DraftId,
        branch: BranchId,
        arm: u32,
        wanted: Wanted,
        reason: Stuck,
    ) -> EditError {
        EditError::Condition {
            path: self.path(wanted.draft, wanted.field),
            condition: format!("`{}`", self.condition_text(branch, arm)),
            reason,
        }
    }

    /// The condition of an arm as people write it.
    pub(super) fn condition_text(&self, branch: BranchId, arm: u32) -> String {
        let branch = &self.plan.branches[branch as usize];
        let labels = branch.arms.get(arm as usize).map_or(&[][..], |arm| &arm.labels);
        let label = |label: &ArmLabel| match label {
            ArmLabel::Range(low, high) if low == high => low.to_string(),
            ArmLabel::Range(low, high) => format!("{low}..{high}"),
            ArmLabel::Text(text) => format!("{text:?}"),
            ArmLabel::Expr(ex) => expression(self.plan, ex),
        };
        let labels = match labels {
            [] => "else".to_string(),
            labels => labels.iter().map(label).collect::<Vec<_>>().join(", "),
        };
        match &branch.select {
            Select::If(ex) if arm == 0 => expression(self.plan, ex),
            Select::If(ex) => format!("not ({})", expression(self.plan, ex)),
            Select::Match(ex) => format!("match {} {{ {labels} }}", expression(self.plan, ex)),
            Select::MatchText(r) => format!("match {} {{ {labels} }}", ref_name(self.plan, r)),
        }
    }

    /// Makes a condition true or false, if there is one way to do so.
    pub(super) fn make(
        &mut self,
        d: DraftId,
        ex: &'a Ex,
        truth: bool,
        wanted: Wanted,
    ) -> Result<Result<(), Stuck>, EditError> {
        if (self.eval(d, ex) != 0) == truth {
            return Ok(Ok(()));
        }
        match ex {
            Ex::Not(e) => self.make(d, e, !truth, wanted),
            Ex::Field(r) => {
                if let Some((d, inner)) = self.let_of(d, r) {
                    return self.make(d, inner, truth, wanted);
                }
                if truth && !self.is_bit(d, ex) {
                    let name = ref_name(self.plan, r);
                    return Ok(Err(format!("any value of `{name}` but 0 would do: set it")));
                }
                self.assign(d, ex, truth.into(), wanted)
            }
            Ex::Arg { up, index } => match self.argument(d, *up, *index) {
                Some((d, ex)) => self.make(d, ex, truth, wanted),
                None => Ok(Err("it is an argument that nothing gives".into())),
            },
            Ex::Binary(BinaryOp::And, a, b) if truth => {
                Ok(self.make(d, a, true, wanted)?.and(self.make(d, b, true, wanted)?))
            }
            Ex::Binary(BinaryOp::And, ..) => self.clear_one(d, ex, wanted),
            Ex::Binary(BinaryOp::Or, a, b) if !truth => {
                Ok(self.make(d, a, false, wanted)?.and(self.make(d, b, false, wanted)?))
            }
            Ex::Binary(BinaryOp::Or, ..) => {
                Ok(Err("each side of `or` would do: set the one that is meant".into()))
            }
            Ex::Binary(BinaryOp::BitAnd, ..) => match single_bit(ex) {
                Some((r, bit)) => self.imply(d, r, Some(bit), truth.into(), wanted),
                None => Ok(Err(calculated(truth))),
            },
            Ex::Compare(op, a, b) => self.make_compare(d, (*op, a, b), truth, wanted),
            Ex::InSet(e, set) => match (truth, set.as_slice()) {
                (true, [one]) => {
                    let value = self.eval(d, one);
                    self.assign(d, e, value, wanted)
                }
                _ => Ok(Err("more than one value would do: set the one that is meant".into())),
            },
            Ex::TextIs(r, text) if truth => self.assign_text(d, r, text, wanted),
            Ex::TextIs(..) => Ok(Err("any other text would do: set the one that is meant".into())),
            Ex::Has(r) => {
                let name = ref_name(self.plan, r);
                let verb = if truth { "set" } else { "delete" };
                Ok(Err(format!("it goes with `{name}`: {verb} that")))
            }
            Ex::Int(_) | Ex::Conn(_) => Ok(Err("no field of the packet decides it".into())),
            _ => Ok(Err(calculated(truth))),
        }
    }

    fn make_compare(
        &mut self,
        d: DraftId,
        (op, a, b): (Compare, &'a Ex, &'a Ex),
        truth: bool,
        wanted: Wanted,
    ) -> Result<Result<(), Stuck>, EditError> {
        // The side that can be set, on the left.
        let (op, left, right) = match (self.is_place(d, a), self.is_place(d, b)) {
            (false, true) => (turned(op), b, a),
            _ => (op, a, b),
        };
        if !self.is_place(d, left) {
            return Ok(Err(calculated(truth)));
        }
        let value = self.eval(d, right);
        let bit = self.is_bit(d, left);
        let wanted_value = match (op, truth) {
            (Compare::Equal, true) | (Compare::NotEqual, false) => value,
            (Compare::Equal, false) | (Compare::NotEqual, true) if bit => 1 - value.clamp(0, 1),
            // "There are some" turns round only to "there are none".
            (Compare::Greater, false) if value == 0 => 0,
            (Compare::GreaterEqual, false) if value == 1 => 0,
            (op, truth) => {
                let op = if truth { op } else { negated(op) };
                let sign = compare(op);
                return Ok(Err(format!(
                    "any value {sign} {value} would do: set the one that is meant"
                )));
            }
        };
        self.assign(d, left, wanted_value, wanted)
    }

    /// Makes `a and b` false, where exactly one of its parts can be cleared.
    fn clear_one(
        &mut self,
        d: DraftId,
        ex: &'a Ex,
        wanted: Wanted,
    ) -> Result<Result<(), Stuck>, EditError> {
        let mut parts = Vec::new();
        conjuncts(ex, &mut parts);
        let clearable: Vec<&'a Ex> =
            parts.into_iter().filter(|e| self.is_clearable(d, e)).collect();
        match clearable.as_slice() {
            [one] => self.make(d, one, false, wanted),
            [] => Ok(Err("none of its parts can be cleared: set what it depends on".into())),
            several => {
                let names: Vec<String> =
                    several.iter().map(|e| format!("`{}`", expression(self.plan, e))).collect();
                Ok(Err(format!("clear the one of {} that is meant", names.join(", "))))
            }
        }
    }

    fn is_clearable(&self, d: DraftId, ex: &Ex) -> bool {
        match ex {
            Ex::Not(e) => self.is_clearable(d, e),
            Ex::Compare(Compare::NotEqual, a, b) => self.is_bit(d, a) && b.constant() == Some(0),
            ex => self.is_bit(d, ex),
        }
    }

    /// Gives what an expression names a value.
    fn assign(
        &mut self,
        d: DraftId,
        ex: &'a Ex,
        value: i128,
        wanted: Wanted,
    ) -> Result<Result<(), Stuck>, EditError> {
        match ex {
            Ex::Field(r) => match self.let_of(d, r) {
                Some((d, inner)) => self.assign(d, inner, value, wanted),
                None => self.imply(d, r, r.member, value, wanted),
            },
            Ex::Arg { up, index } => match self.argument(d, *up, *index) {
                Some((d, ex)) => self.assign(d, ex, value, wanted),
                None => Ok(Err("it is an argument that nothing gives".into())),
            },
            ex => match single_bit(ex) {
                Some((r, bit)) => self.imply(d, r, Some(bit), (value != 0).into(), wanted),
                None if self.eval(d, ex) == value => Ok(Ok(())),
                None => Ok(Err(calculated(true))),
            },
        }
    }

    /// Whether `assign` has a place to put a value.
    fn is_place(&self, d: DraftId, ex: &Ex) -> bool {
        match ex {
            Ex::Field(r) => self.let_of(d, r).is_none_or(|(d, inner)| self.is_place(d, inner)),
            Ex::Arg { up, index } => {
                self.argument(d, *up, *index).is_some_and(|(d, ex)| self.is_place(d, ex))
            }
            ex => single_bit(ex).is_some(),
        }
    }

    /// The expression of a reference to a computed field, and the draft in whose scope it is.
    fn let_of(&self, d: DraftId, r: &FieldRef) -> Option<(DraftId, &'a Ex)> {
        if r.member.is_some() {
            return None;
        }
        let (d, id) = self.located(d, r)?;
        match &self.field(id).kind {
            Kind::Let(ex) => Some((d, ex)),
            _ => None,
        }
    }

    /// Whether what an expression names is one bit.
    fn is_bit(&self, d: DraftId, ex: &Ex) -> bool {
        match ex {
            Ex::Field(r) => match (self.let_of(d, r), r.member) {
                (Some((d, inner)), _) => self.is_bit(d, inner),
                (None, Some(member)) => member.width == 1 && !member.signed,
                (None, None) => r
                    .fields
                    .iter()
                    .all(|id| matches!(self.field(*id).kind, Kind::Bool | Kind::Presence)),
            },
            Ex::Arg { up, index } => {
                self.argument(d, *up, *index).is_some_and(|(d, ex)| self.is_bit(d, ex))
            }
            ex => single_bit(ex).is_some(),
        }
    }

    /// The field that a reference stands for; it is made present if there is only one it can be.
    fn target(
        &mut self,
        d: DraftId,
        r: &FieldRef,
        wanted: Wanted,
    ) -> Result<Result<(DraftId, FieldId), Stuck>, EditError> {
        if let Some(found) = self.located(d, r) {
            return Ok(Ok(found));
        }
        match (self.outwards(d, r.up), r.fields.as_slice()) {
            (Some(d), [id]) => {
                self.require(d, self.field(*id).guard, wanted)?;
                Ok(Ok((d, *id)))
            }
            _ => {
                let name = ref_name(self.plan, r);
                Ok(Err(format!("`{name}` stands in several arms and in none that is there")))
            }
        }
    }

    /// Sets a number, or bits of one, because something else needs it.
    fn imply(
        &mut self,
        d: DraftId,
        r: &FieldRef,
        member: Option<Member>,
        value: i128,
        wanted: Wanted,
    ) -> Result<Result<(), Stuck>, EditError> {
        let (d, id) = match self.target(d, r, wanted)? {
            Ok(found) => found,
            Err(stuck) => return Ok(Err(stuck)),
        };
        let (mask, bits) = match member {
            Some(member) => (member.put(0, -1) as u128, member.put(0, value) as u128),
            None => (u128::MAX, value as u128),
        };
        let by = format!("`{}`", self.path(wanted.draft, wanted.field));
        let now = self.plain_number(d, id) as u128;
        if let Some(Change::Number(change)) = self.drafts[d].changes.get(&id) {
            let fixed = if change.whole.is_some() { u128::MAX } else { change.mask };
            let fixed = (fixed | change.implied_mask) & mask;
            if now & fixed != bits & fixed {
                let set = member.map_or(now as i128, |m| m.of(now as i128)).to_string();
                return Err(EditError::Contradiction {
                    path: self.part_path(d, id, member),
                    set,
                    needed: value.to_string(),
                    by,
                });
            }
        }
        let change = self.number_change(d, id);
        change.implied_mask |= mask;
        change.implied = change.implied & !mask | bits;
        change.implied_by = by;
        Ok(Ok(()))
    }

    fn assign_text(
        &mut self,
        d: DraftId,
        r: &FieldRef,
        text: &str,
        wanted: Wanted,
    ) -> Result<Result<(), Stuck>, EditError> {
        let (d, id) = match self.target(d, r, wanted)? {
            Ok(found) => found,
            Err(stuck) => return Ok(Err(stuck)),
        };
        let path = self.path(d, id);
        if let Some(Change::Content { .. }) = self.drafts[d].changes.get(&id)
            && self.text(d, id) != text
        {
            return Err(EditError::Contradiction {
                path,
                set: format!("{:?}", self.text(d, id)),
                needed: format!("{text:?}"),
                by: format!("`{}`", self.path(wanted.draft, wanted.field)),
            });
        }
        let Kind::Str { encoding, .. } = &self.field(id).kind else {
            return Ok(Err("it is no text".into()));
        };
        let bytes = super::forms::encode_text(*encoding, text, &path)?;
        if !self.drafts[d].changes.contains_key(&id) {
            self.change(d, id, Change::Content { bytes, raw: None, explicit: false });
        }
        Ok(Ok(()))
    }

    /// A field, or a part of one, as people write it.
    pub(super) fn part_path(&self, d: DraftId, id: FieldId, member: Option<Member>) -> String {
        let holder = self.path_of(d);
        let r = FieldRef { up: 0, fields: vec![id], member, guarded: false };
        super::draft::join(holder, &ref_name(self.plan, &r))
    }
}

fn calculated(truth: bool) -> Stuck {
    let word = if truth { "true" } else { "false" };
    format!("it is calculated, and more than one way may make it {word}: set what it depends on")
}

/// The parts of `a and b and c`.
fn conjuncts<'a>(ex: &'a Ex, out: &mut Vec<&'a Ex>) {
    match ex {
        Ex::Binary(BinaryOp::And, a, b) => {
            conjuncts(a, out);
            conjuncts(b, out);
        }
        ex => out.push(ex),
    }
}

/// `field & 8`: the field and the bit.
fn single_bit(ex: &Ex) -> Option<(&FieldRef, Member)> {
    let Ex::Binary(BinaryOp::BitAnd, a, b) = ex else { return None };
    let (Ex::Field(r), Some(mask)) = (&**a, b.constant()) else { return None };
    if r.member.is_some() || mask.count_ones() != 1 {
        return None;
    }
    Some((r, Member { shift: mask.trailing_zeros() as u8, width: 1, signed: false }))
}

/// A comparison with its sides exchanged.
fn turned(op: Compare) -> Compare {
    match op {
        Compare::Less => Compare::Greater,
        Compare::LessEqual => Compare::GreaterEqual,
        Compare::Greater => Compare::Less,
        Compare::GreaterEqual => Compare::LessEqual,
        same => same,
    }
}

fn negated(op: Compare) -> Compare {
    match op {
        Compare::Equal => Compare::NotEqual,
        Compare::NotEqual => Compare::Equal,
        Compare::Less => Compare::GreaterEqual,
        Compare::LessEqual => Compare::Greater,
        Compare::Greater => Compare::LessEqual,
        Compare::GreaterEqual => Compare::Less,
    }
}

//! A packet that is being read, as expressions see it.

use super::expr::{FieldRef, Scope};
use super::workspace::{ABSENT, BUFFER, HEADER, LIMIT, PARENT};
use super::{Field, FieldId, IntRepr, Kind, Plan, Pos, Workspace};

impl Workspace {
    /// Where a position is; [`ABSENT`] where it was not reached.
    #[inline]
    pub(crate) fn resolve(&self, base: u32, pos: Pos) -> u32 {
        match self.slots[(base + pos.slot) as usize] {
            ABSENT => ABSENT,
            at => at.saturating_add(pos.offset),
        }
    }
}

/// A packet that is being read, as expressions see it.
pub(crate) struct RunScope<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) payload: &'a [u8],
    pub(crate) conn: &'a [i64],
    pub(crate) ws: &'a Workspace,
    pub(crate) base: u32,
    pub(crate) pos: u32,
}

impl RunScope<'_> {
    fn outwards(&self, up: u8) -> u32 {
        (0..up).fold(self.base, |base, _| self.ws.slots[(base + PARENT) as usize])
    }

    /// The first of the fields that is present, and its block.
    fn present(&self, field: &FieldRef) -> Option<(u32, FieldId)> {
        let base = self.outwards(field.up);
        let there = |id: &&FieldId| {
            !field.guarded
                || self.plan.is_present(self.ws, base, self.plan.fields[**id as usize].guard)
        };
        field.fields.iter().find(there).map(|id| (base, *id))
    }

    /// The bytes of a field; none if it was not read.
    fn bytes_of_field(&self, base: u32, field: &Field) -> &[u8] {
        let (start, end) = (self.ws.resolve(base, field.start), self.ws.resolve(base, field.end));
        let buffer = self.ws.buffer(self.payload, self.ws.slots[(base + BUFFER) as usize]);
        buffer.get(start as usize..end as usize).unwrap_or(&[])
    }

    /// The bytes from a field's start to the end of its block's window.
    fn bytes_from(&self, base: u32, id: FieldId) -> &[u8] {
        let field = &self.plan.fields[id as usize];
        let buffer = self.ws.buffer(self.payload, self.ws.slots[(base + BUFFER) as usize]);
        let limit = (self.ws.slots[(base + LIMIT) as usize] as usize).min(buffer.len());
        let start = self.ws.resolve(base, field.start);
        buffer.get(start as usize..limit).unwrap_or(&[])
    }
}

impl Scope for RunScope<'_> {
    fn field(&self, field: &FieldRef) -> i128 {
        let Some((base, id)) = self.present(field) else { return 0 };
        let bytes = || self.bytes_from(base, id);
        let value = match &self.plan.fields[id as usize].kind {
            Kind::Int(repr) | Kind::Enum { repr, .. } => int_at(bytes(), *repr),
            Kind::Flags { repr, .. } | Kind::Bits { repr, .. } => int_at(bytes(), *repr),
            Kind::Bool | Kind::Presence => i128::from(bytes().first().is_some_and(|b| *b != 0)),
            Kind::Let(ex) => {
                // `remaining` is what was left where the `let` stands.
                let pos = self.ws.resolve(base, self.plan.fields[id as usize].start);
                ex.eval(&RunScope { base, pos, ..*self })
            }
            _ => 0,
        };
        field.member.map_or(value, |m| m.of(value))
    }

    fn arg(&self, up: u8, index: u32) -> i128 {
        let base = self.outwards(up);
        let slot = |i| u64::from(self.ws.slots[(base + HEADER + index * 2 + i) as usize]);
        ((slot(0) | slot(1) << 32) as i64).into()
    }

    fn conn(&self, index: u32) -> i128 {
        self.conn.get(index as usize).copied().unwrap_or(0).into()
    }

    fn remaining(&self) -> i128 {
        let limit = self.ws.slots[(self.base + LIMIT) as usize];
        i128::from(limit) - i128::from(self.pos.min(limit))
    }

    fn count_of(&self, field: &FieldRef) -> i128 {
        let Some((base, id)) = self.present(field) else { return 0 };
        let named = &self.plan.fields[id as usize];
        let (len, unit) = match &named.kind {
            Kind::Array(array) => {
                return self.ws.slots[(base + array.count_slot) as usize].into();
            }
            Kind::Str { len, encoding, .. } => (len, encoding.unit()),
            Kind::Bytes { len } => (len, 1),
            _ => return self.bytes_of(field),
        };
        // What a length in front counts, not the length itself.
        let size = crate::value::content(len, self.bytes_of_field(base, named)).len();
        (size / usize::from(unit)) as i128
    }

    fn bytes_of(&self, field: &FieldRef) -> i128 {
        let Some((base, id)) = self.present(field) else { return 0 };
        let field = &self.plan.fields[id as usize];
        let (start, end) = (self.ws.resolve(base, field.start), self.ws.resolve(base, field.end));
        if start == ABSENT || end == ABSENT { 0 } else { i128::from(end) - i128::from(start) }
    }

    fn has(&self, field: &FieldRef) -> bool {
        self.present(field).is_some()
    }

    fn text_is(&self, field: &FieldRef, text: &str) -> bool {
        let Some((base, id)) = self.present(field) else { return false };
        let Kind::Str { len, encoding, .. } = &self.plan.fields[id as usize].kind else {
            return false;
        };
        let raw = self.bytes_of_field(base, &self.plan.fields[id as usize]);
        crate::value::text(*encoding, crate::value::content(len, raw)) == text
    }
}

impl Plan {
    /// Whether the arm and those around it were taken.
    pub(crate) fn is_present(&self, ws: &Workspace, base: u32, guard: Option<(u32, u32)>) -> bool {
        let Some((branch, arm)) = guard else { return true };
        let branch = &self.branches[branch as usize];
        // Arms share slots, so an inner slot means nothing where an outer arm was not taken.
        self.is_present(ws, base, branch.guard) && ws.slots[(base + branch.slot) as usize] == arm
    }
}

impl super::Branch {
    /// The arm for a number; one past the last if none fits.
    pub(crate) fn arm_for(&self, value: i128, scope: &impl Scope) -> usize {
        let fits = |label: &super::ArmLabel| match label {
            super::ArmLabel::Range(low, high) => *low <= value && value <= *high,
            super::ArmLabel::Expr(ex) => ex.eval(scope) == value,
            super::ArmLabel::Text(_) => false,
        };
        let found =
            self.arms.iter().position(|arm| arm.labels.is_empty() || arm.labels.iter().any(fits));
        found.unwrap_or(self.arms.len())
    }

    /// The arm for a text; one past the last if none fits.
    pub(crate) fn arm_for_text(&self, field: &FieldRef, scope: &impl Scope) -> usize {
        let fits = |label: &super::ArmLabel| matches!(label, super::ArmLabel::Text(text) if scope.text_is(field, text));
        let found =
            self.arms.iter().position(|arm| arm.labels.is_empty() || arm.labels.iter().any(fits));
        found.unwrap_or(self.arms.len())
    }
}

fn int_at(bytes: &[u8], repr: IntRepr) -> i128 {
    repr.read(bytes).map_or(0, |(value, _)| value)
}

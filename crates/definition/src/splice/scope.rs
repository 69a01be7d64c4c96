//! The new packet as expressions see it, before its bytes are there.

use super::draft::{Change, DraftId, Encoder, Original};
use crate::plan::{BranchId, Derivation, Ex, FieldId, FieldRef, IntRepr, Kind, Len, Scope, Select};
use crate::value::{self, Encoding};

/// The new values around a draft.
pub(super) struct NewScope<'e, 'p, 'a> {
    pub(super) encoder: &'e Encoder<'p, 'a>,
    pub(super) draft: DraftId,
}

impl Scope for NewScope<'_, '_, '_> {
    fn field(&self, r: &FieldRef) -> i128 {
        let Some((d, id)) = self.encoder.located(self.draft, r) else { return 0 };
        let value = self.encoder.number(d, id);
        r.member.map_or(value, |member| member.of(value))
    }

    fn arg(&self, up: u8, index: u32) -> i128 {
        match self.encoder.argument(self.draft, up, index) {
            // A block keeps 64 bits of an argument.
            Some((d, ex)) => (self.encoder.eval(d, ex) as i64).into(),
            None => 0,
        }
    }

    fn conn(&self, index: u32) -> i128 {
        self.encoder.conn.get(index as usize).copied().unwrap_or(0).into()
    }

    fn remaining(&self) -> i128 {
        // What comes behind is not made yet; who asks for it is told apart before.
        0
    }

    fn count_of(&self, r: &FieldRef) -> i128 {
        let Some((d, id)) = self.encoder.located(self.draft, r) else { return 0 };
        match self.encoder.field(id).kind {
            Kind::Array(_) | Kind::Str { .. } | Kind::Bytes { .. } => {
                self.encoder.measured(d, id).map_or(0, |m| m.count.into())
            }
            _ => self.bytes_of(r),
        }
    }

    fn bytes_of(&self, r: &FieldRef) -> i128 {
        let Some((d, id)) = self.encoder.located(self.draft, r) else { return 0 };
        let ahead = self.encoder.encoded.get(&(d, id)).map(Vec::len);
        let size = ahead.or_else(|| self.encoder.original_bytes(d, id).map(<[u8]>::len));
        size.unwrap_or(0) as i128
    }

    fn has(&self, r: &FieldRef) -> bool {
        self.encoder.located(self.draft, r).is_some()
    }

    fn text_is(&self, r: &FieldRef, text: &str) -> bool {
        let Some((d, id)) = self.encoder.located(self.draft, r) else { return false };
        self.encoder.text(d, id) == text
    }
}

/// How many elements, bytes or code units something is to have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measure {
    pub(super) count: u64,
    /// It is that of given or original content, and not of a default that fits any count.
    pub(super) own: bool,
}

/// What a derived field is to be.
pub(super) enum Derived {
    /// Whatever it is.
    Free,
    Value(i128),
    /// The fields that it measures do not go together; these they are, with their lengths.
    Disagree(Vec<(FieldId, u64)>),
    /// No value stands for the length of this field.
    NotExact {
        of: FieldId,
        count: u64,
        scale: i128,
        offset: i128,
    },
}

impl<'a> Encoder<'_, 'a> {
    pub(super) fn eval(&self, d: DraftId, ex: &Ex) -> i128 {
        ex.eval(&NewScope { encoder: self, draft: d })
    }

    /// The draft some layouts outwards.
    pub(super) fn outwards(&self, d: DraftId, up: u8) -> Option<DraftId> {
        (0..up).try_fold(d, |d, _| self.drafts[d].holder.map(|holder| holder.draft))
    }

    /// The first field of a reference that is present, and its draft.
    pub(super) fn located(&self, d: DraftId, r: &FieldRef) -> Option<(DraftId, FieldId)> {
        let d = self.outwards(d, r.up)?;
        let there = |id: &&FieldId| !r.guarded || self.present(d, self.field(**id).guard);
        r.fields.iter().find(there).map(|id| (d, *id))
    }

    /// The expression of a call's argument, and the draft in whose scope it is.
    pub(super) fn argument(&self, d: DraftId, up: u8, index: u32) -> Option<(DraftId, &'a Ex)> {
        let holder = self.drafts[self.outwards(d, up)?].holder?;
        match &self.field(holder.field).kind {
            Kind::Call { args, .. } => Some((holder.draft, args.get(index as usize)?)),
            _ => None,
        }
    }

    /// Whether an arm and those around it are taken in the new packet.
    pub(super) fn present(&self, d: DraftId, guard: Option<(BranchId, u32)>) -> bool {
        let Some((branch, arm)) = guard else { return true };
        self.present(d, self.plan.branches[branch as usize].guard)
            && self.arm(d, branch) == arm as usize
    }

    /// The arm that a branch takes in the new packet; as many as there are: none.
    pub(super) fn arm(&self, d: DraftId, id: BranchId) -> usize {
        if let Some(arm) = self.drafts[d].forced.get(&id) {
            return *arm;
        }
        if let Some(arm) = self.known_arm(d, id) {
            return arm;
        }
        let branch = &self.plan.branches[id as usize];
        let scope = NewScope { encoder: self, draft: d };
        let arm = if self.facts.decides_by_rest(id) {
            // How many bytes will be left is not known; what was there stays.
            let none = if let Select::If(_) = branch.select { 1 } else { branch.arms.len() };
            self.original_arm(d, id).unwrap_or(none)
        } else {
            match &branch.select {
                Select::If(ex) => usize::from(ex.eval(&scope) == 0),
                Select::Match(ex) => branch.arm_for(ex.eval(&scope), &scope),
                Select::MatchText(r) => branch.arm_for_text(r, &scope),
            }
        };
        // While a derived field is computed, arms may be those without it.
        if self.busy.borrow().is_empty() {
            self.know_arm(d, id, arm);
        }
        arm
    }

    /// A field's number in the new packet.
    pub(super) fn number(&self, d: DraftId, id: FieldId) -> i128 {
        let field = self.field(id);
        if let Kind::Let(ex) = &field.kind {
            return self.eval(d, ex);
        }
        match self.derived(d, id) {
            Derived::Value(value) => value,
            _ => self.plain_number(d, id),
        }
    }

    /// A field's number in the new packet as it was set, or was, or is by default.
    pub(super) fn plain_number(&self, d: DraftId, id: FieldId) -> i128 {
        let kind = &self.field(id).kind;
        let base = || self.original_number(d, id).unwrap_or_else(|| default_number(kind));
        match self.drafts[d].changes.get(&id) {
            Some(Change::Number(change)) => {
                let value = change.of(base());
                match kind {
                    Kind::Flags { repr, .. } | Kind::Bits { repr, .. } => wrapped(*repr, value),
                    _ => value,
                }
            }
            _ => base(),
        }
    }

    /// What a derived field is to be.
    pub(super) fn derived(&self, d: DraftId, id: FieldId) -> Derived {
        let field = self.field(id);
        if field.derived.is_empty() || matches!(field.kind, Kind::Let(_)) {
            return Derived::Free;
        }
        // Whether what it measures is there may depend on itself: then it is what it is by itself.
        if self.busy.borrow().contains(&(d, id)) {
            return Derived::Free;
        }
        self.busy.borrow_mut().push((d, id));
        let result = self.derive(d, id, &field.derived);
        self.busy.borrow_mut().pop();
        result
    }

    fn derive(&self, d: DraftId, id: FieldId, derivations: &[Derivation]) -> Derived {
        let mut found: Option<i128> = None;
        let mut lengths = Vec::new();
        for derivation in derivations {
            let value = match derivation {
                Derivation::Measures { of, scale, offset } => {
                    let Some(Measure { count, own: true }) = self.measured(d, *of) else {
                        continue;
                    };
                    lengths.push((*of, count));
                    match unmeasured(count.into(), *scale, *offset) {
                        Some(value) => value,
                        None => {
                            let (scale, offset) = (*scale, *offset);
                            return Derived::NotExact { of: *of, count, scale, offset };
                        }
                    }
                }
                Derivation::Expr(ex) => match self.computed(d, id, ex) {
                    Some(value) => value,
                    None => continue,
                },
            };
            match found {
                Some(other) if other != value => return Derived::Disagree(lengths),
                _ => found = Some(value),
            }
        }
        found.map_or(Derived::Free, Derived::Value)
    }

    /// What `= expr` makes of a field; `None` where nothing that it is made of changed, or where it was set.
    fn computed(&self, d: DraftId, id: FieldId, ex: &Ex) -> Option<i128> {
        let set = matches!(self.drafts[d].changes.get(&id),
            Some(Change::Number(change)) if change.is_explicit());
        if set || super::facts::mentions_rest(self.plan, ex) {
            return None;
        }
        let new = self.eval(d, ex);
        if let (Some((packet, base)), Original::At(_)) = (self.origin(d), self.original(d, id)) {
            let old = ex.eval(&packet.scope(base));
            if new == old {
                return None;
            }
        }
        Some(new)
    }

    /// How many elements, bytes or code units a field has in the new packet; `None` if it is not there.
    pub(super) fn measured(&self, d: DraftId, id: FieldId) -> Option<Measure> {
        let field = self.field(id);
        if !self.present(d, field.guard) {
            return None;
        }
        let own = |count: u64| Some(Measure { count, own: true });
        let change = self.drafts[d].changes.get(&id);
        let raw = || self.original_bytes(d, id);
        let counted = match (&field.kind, change) {
            (Kind::Array(_), Some(Change::List(list))) => own(list.count()),
            (Kind::Array(_), _) => self.original_count(d, id).and_then(|n| own(n.into())),
            (Kind::Str { encoding, .. }, Some(Change::Content { bytes, .. })) => {
                own(units(*encoding, bytes))
            }
            (Kind::Str { encoding, len, .. }, _) => {
                raw().and_then(|raw| own(units(*encoding, value::content(len, raw))))
            }
            (Kind::Bytes { .. }, Some(Change::Content { bytes, .. })) => own(bytes.len() as u64),
            (Kind::Bytes { len }, _) => {
                raw().and_then(|raw| own(value::content(len, raw).len() as u64))
            }
            (Kind::Block { len, .. }, _) => {
                let ahead = self.encoded.get(&(d, id)).map(Vec::as_slice);
                ahead.or_else(raw).and_then(|raw| own(value::content(len, raw).len() as u64))
            }
            _ => None,
        };
        counted.or(Some(Measure { count: 0, own: false }))
    }

    /// A field's text in the new packet.
    pub(super) fn text(&self, d: DraftId, id: FieldId) -> String {
        let Kind::Str { encoding, len, .. } = &self.field(id).kind else { return String::new() };
        let content = match self.drafts[d].changes.get(&id) {
            Some(Change::Content { bytes, .. }) => bytes.as_slice(),
            _ => match self.original_bytes(d, id) {
                Some(raw) => value::content(len, raw),
                None => return default_text(&self.field(id).kind).into(),
            },
        };
        value::text(*encoding, content).into_owned()
    }
}

/// The value of which `scale * value + offset` is a length, if there is one.
pub(super) fn unmeasured(count: i128, scale: i128, offset: i128) -> Option<i128> {
    let rest = count.checked_sub(offset)?;
    if rest.checked_rem(scale)? != 0 { None } else { rest.checked_div(scale) }
}

/// The number of a field that nobody gave one.
pub(super) fn default_number(kind: &Kind) -> i128 {
    match kind {
        Kind::Enum { entries, .. } if entries.name(0).is_none() => {
            entries.by_number.first().map_or(0, |(number, _)| *number)
        }
        _ => 0,
    }
}

/// The text of a field that nobody gave one.
pub(super) fn default_text(kind: &Kind) -> &str {
    match kind {
        Kind::Str { names, len: Len::Prefix { .. } | Len::Rest | Len::Until { .. }, .. } => {
            names.first().map_or("", |name| name)
        }
        _ => "",
    }
}

/// How many units a text's length counts.
pub(super) fn units(encoding: Encoding, bytes: &[u8]) -> u64 {
    (bytes.len() / unit_size(encoding)) as u64
}

/// Bytes of what a text's length counts.
pub(super) fn unit_size(encoding: Encoding) -> usize {
    encoding.unit().into()
}

/// The bits of a number that its form has, with the sign they give it.
pub(super) fn wrapped(repr: IntRepr, value: i128) -> i128 {
    let (low, high) = repr.range();
    if low <= value && value <= high {
        return value;
    }
    let width = match repr {
        IntRepr::Fixed { bytes, .. } => u32::from(bytes) * 8,
        IntRepr::Varint | IntRepr::Uvarint | IntRepr::Zigzag32 => 32,
        IntRepr::Varlong | IntRepr::Zigzag64 => 64,
        IntRepr::Varint128 => return value,
    };
    if width >= 128 {
        return value;
    }
    let bits = value & ((1i128 << width) - 1);
    if low < 0 && bits > high { bits - (1i128 << width) } else { bits }
}

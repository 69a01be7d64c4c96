//! What is right, but probably not what was meant: conditions that are settled, and what cannot be turned
//! round when it is written.
//!
//! As with numbers that must fit, a type may differ between versions and its arguments between uses: what is
//! doubtful at one place may be needed at another, and is then nothing to tell.

use std::collections::HashSet;

use super::*;
use crate::plan::each;
use crate::syntax::ast::{BinaryOp, Compare};

/// A condition that holds always, or never.
const SETTLED: &str = "W091";
/// A label that its arm's versions do not have.
const NO_ENTRY: &str = "W092";
/// Nothing can be written back.
const CALCULATED: &str = "W095";
/// A number that counts several things.
const SHARED: &str = "W096";
/// Elements without bytes.
const UNBOUNDED: &str = "W097";

/// A field behind what takes all bytes.
const BEHIND_REST: &str = "W103";

/// So many elements without a byte are no danger.
const HARMLESS: i128 = 0xffff;

/// Whether something that was compiled is doubtful.
#[derive(Debug, Clone)]
pub(in crate::resolve) struct Doubt {
    span: Span,
    code: &'static str,
    /// What to say if it is doubtful wherever it is compiled.
    doubtful: Option<Box<Diagnostic>>,
}

impl Doubt {
    /// What is doubtful everywhere, in the order in which it was found.
    pub(in crate::resolve) fn everywhere(all: &[Doubt]) -> Vec<Diagnostic> {
        let mut first: HashMap<(Span, &str), &str> = HashMap::new();
        let mut needed = HashSet::new();
        for Doubt { span, code, doubtful } in all {
            let Some(found) = doubtful else {
                // A list that nothing bounds at one place is not bounded by another.
                if *code != UNBOUNDED {
                    needed.insert((*span, *code));
                }
                continue;
            };
            let known = first.entry((*span, code)).or_insert(&found.message);
            // It always holds here, and never there: then it tells the two apart.
            if *code == SETTLED && *known != found.message {
                needed.insert((*span, *code));
            }
        }
        let mut seen = HashSet::new();
        all.iter()
            .filter(|doubt| !needed.contains(&(doubt.span, doubt.code)))
            .filter(|doubt| seen.insert((doubt.span, doubt.code)))
            .filter_map(|doubt| doubt.doubtful.as_deref().cloned())
            .collect()
    }
}

impl<'d> Compiler<'d> {
    fn doubt(&mut self, span: Span, code: &'static str, doubtful: Option<Diagnostic>) {
        // What bytes hold is never written, and every arm of it may be a guess.
        if !self.quiet && !self.opening {
            self.doubts.push(Doubt { span, code, doubtful: doubtful.map(Box::new) });
        }
    }

    /// A condition that fields stand behind.
    pub(super) fn doubt_condition(&mut self, ex: &Ex, span: Span) {
        let settled = self.settled(ex).map(|holds| {
            let (message, label) = match holds {
                true => ("this condition always holds", "what stands behind it is always there"),
                false => ("this condition never holds", "what stands behind it is never there"),
            };
            let help = "leave the condition out, or compare with what the field can be";
            Diagnostic::warning(SETTLED, span, message).label(label).help(help)
        });
        let is_settled = settled.is_some();
        self.doubt(span, SETTLED, settled);
        if !is_settled && self.is_calculated(ex) {
            let message = "this condition cannot be turned round";
            let warning = Diagnostic::warning(CALCULATED, span, message)
                .label("calculated from fields that it does not say how to set")
                .help("compare a field, a flag or a bit itself, as in `n == 3` or `n & 4 != 0`; if it is meant, give what is calculated a name with `let`")
                .note("an edit that adds or deletes what stands behind it has to set those fields");
            self.doubt(span, CALCULATED, Some(warning));
        }
    }

    /// A label, and whether this version has what it names.
    pub(super) fn doubt_entry(&mut self, label: &ast::Spanned<ast::Label>, is_there: bool) {
        let (ast::Label::Name(name) | ast::Label::Str(name)) = &label.node else { return };
        let doubtful = (!is_there).then(|| {
            let message =
                format!("`{name}` is no entry of what is matched in any of these versions");
            Diagnostic::warning(NO_ENTRY, label.span, message)
                .label("can never be taken")
                .help("let the gates of the arm and of the entry meet, or leave the label out")
        });
        self.doubt(label.span, NO_ENTRY, doubtful);
    }

    /// An `else` behind labels.
    pub(super) fn doubt_else(
        &mut self,
        span: Span,
        labels: &[(Span, ArmLabel)],
        limits: Option<(i128, i128)>,
    ) {
        let Some((least, most)) = limits else { return };
        let doubtful = fits::take_all(labels, least, most).then(|| {
            let message = format!("the arms in front take all from {least} to {most}");
            Diagnostic::warning(SETTLED, span, message)
                .label("can never be taken")
                .help("leave this arm out")
        });
        self.doubt(span, SETTLED, doubtful);
    }

    /// A list's number of elements, when its elements are known.
    pub(super) fn doubt_elements(&mut self, count: &Count, written: &ast::Count, layout: LayoutId) {
        let most = match count {
            Count::Len(Len::Prefix { max: Some(max), .. } | Len::Expr { max: Some(max), .. })
            | Count::Until { max: Some(max), .. }
            | Count::While { max: Some(max), .. } => Some(i128::from(*max)),
            Count::Len(Len::Prefix { repr, .. }) => Some(repr.range().1),
            Count::Len(Len::Fixed(_) | Len::Rest | Len::Until { .. }) => return,
            Count::Len(Len::Expr { expr, .. }) => self.limits_of(expr).map(|(_, most)| most),
            // Each element has been looked at, or a byte passed, before the next.
            Count::Until { .. } | Count::Sum { .. } => return,
            Count::While { .. } => None,
        };
        let is_open = most.is_none_or(|most| most > HARMLESS);
        let items = &self.plan.layouts[layout as usize].items;
        let empty = is_open && self.may_be_empty(items, &mut HashSet::new());
        let doubtful = empty.then(|| {
            Diagnostic::warning(UNBOUNDED, written.span, "nothing bounds this list")
                .label("an element may have no bytes, so the bytes that are left do not, either")
                .help("say how many there can be, as in `[varint max 100]`")
        });
        self.doubt(written.span, UNBOUNDED, doubtful);
    }

    /// Fields of a layout behind one that takes all bytes that are left; gives whether one does.
    pub(super) fn doubt_behind_rest(
        &mut self,
        items: &[Item],
        mut taken: Option<Span>,
    ) -> Option<Span> {
        for item in items {
            match item {
                Item::Branch(id) => {
                    let branch = &self.plan.branches[*id as usize];
                    let is_exhaustive = is_exhaustive(branch);
                    let arms: Vec<Vec<Item>> =
                        branch.arms.iter().map(|arm| arm.items.clone()).collect();
                    let ends: Vec<Option<Span>> =
                        arms.iter().map(|arm| self.doubt_behind_rest(arm, taken)).collect();
                    if is_exhaustive && ends.iter().all(Option::is_some) {
                        taken = taken.or_else(|| ends.into_iter().next().flatten());
                    }
                }
                Item::Field(id) => {
                    if let (Some(rest), Some(at)) = (taken, self.named_at.get(id).copied())
                        && !self.may_be_empty(&[*item], &mut HashSet::new())
                    {
                        let name = self.plan.fields[*id as usize].name.clone();
                        let message = format!("nothing is ever left for `{name}`");
                        let warning = Diagnostic::warning(BEHIND_REST, at, message)
                            .secondary(rest, "takes all that is left")
                            .help("put it in front, or say how long the other is");
                        self.doubt(at, BEHIND_REST, Some(warning));
                    }
                    let kind = &self.plan.fields[*id as usize].kind;
                    if let Kind::Struct(items) = kind {
                        let items = items.clone();
                        taken = self.doubt_behind_rest(&items, taken);
                    } else if takes_rest(kind) {
                        taken = taken.or(self.named_at.get(id).copied());
                    }
                }
            }
        }
        taken
    }

    /// Whether all of this may have no bytes. What contains itself has some, or it would have no end.
    fn may_be_empty(&self, items: &[Item], seen: &mut HashSet<LayoutId>) -> bool {
        items.iter().all(|item| match item {
            Item::Branch(id) => {
                let branch = &self.plan.branches[*id as usize];
                !is_exhaustive(branch)
                    || branch.arms.iter().any(|arm| self.may_be_empty(&arm.items, seen))
            }
            Item::Field(id) => match &self.plan.fields[*id as usize].kind {
                Kind::Struct(items) => self.may_be_empty(items, seen),
                Kind::Call { layout, .. } => {
                    let is_open = self.layouts.iter().any(|open| open.id == *layout);
                    let items = &self.plan.layouts[*layout as usize].items;
                    !is_open && seen.insert(*layout) && self.may_be_empty(items, seen)
                }
                Kind::Str { len, .. } | Kind::Bytes { len } | Kind::Block { len, .. } => {
                    matches!(len, Len::Rest | Len::Expr { .. } | Len::Fixed(0))
                }
                // A grid: rows of a length that is said elsewhere.
                Kind::Array(array) => match &array.count {
                    Count::Len(Len::Fixed(n)) => {
                        let items = &self.plan.layouts[array.element as usize].items;
                        *n == 0 || self.may_be_empty(items, seen)
                    }
                    count => matches!(count, Count::Len(Len::Rest)),
                },
                Kind::Packed { .. } | Kind::Let(_) | Kind::Tail | Kind::Pad(0) => true,
                _ => false,
            },
        })
    }

    /// The expression that says how many or how long a field is, if one does.
    pub(super) fn doubt_sizes(&mut self, id: FieldId, written: &TypeKind) {
        let (TypeKind::Array { count, .. }
        | TypeKind::Bytes(count)
        | TypeKind::Block { count, .. }
        | TypeKind::Str { count: Some(count), .. }) = written
        else {
            return;
        };
        let CountKind::Expr(e) = &count.kind else { return };
        let expr = match &self.plan.fields[id as usize].kind {
            Kind::Str { len: Len::Expr { expr, .. }, .. }
            | Kind::Bytes { len: Len::Expr { expr, .. } }
            | Kind::Block { len: Len::Expr { expr, .. }, .. } => expr,
            Kind::Array(array) => match &array.count {
                Count::Len(Len::Expr { expr, .. }) => expr,
                _ => return,
            },
            _ => return,
        };
        let expr = expr.clone();
        self.doubt_count(id, &expr, e.span);
    }

    /// What says how many or how long a field is: whether it can be written back, and is for it alone.
    fn doubt_count(&mut self, id: FieldId, ex: &Ex, span: Span) {
        if let Some((field, ..)) = ex.linear() {
            self.doubt_shared(id, field, span);
            return;
        }
        let mut named: Vec<FieldRef> = Vec::new();
        let mut is_plain = true;
        each(ex, &mut |part| match part {
            Ex::Field(r) if !named.contains(r) => named.push(r.clone()),
            // Bits cut out of a number are several numbers, and of several either could be changed.
            Ex::Binary(BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor, ..) => {
                is_plain = false;
            }
            Ex::Field(_) | Ex::Int(_) | Ex::Binary(..) | Ex::Negate(_) => {}
            _ => is_plain = false,
        });
        let is_let = |id: FieldId| matches!(self.plan.fields[id as usize].kind, Kind::Let(_));
        let here = |r: &FieldRef| {
            r.up == 0 && r.member.is_none() && r.fields.len() == 1 && !is_let(r.fields[0])
        };
        // `[width * height]` is edited with its sides.
        let [one] = named.as_slice() else { return };
        if is_plain && here(one) && !matches!(ex, Ex::Field(_)) {
            let name = self.plan.fields[one.fields[0] as usize].name.clone();
            let message =
                format!("nothing can be written back for `{name}`: this cannot be turned round");
            let warning = Diagnostic::warning(CALCULATED, span, message)
                .label("not of the form `a * n + b`")
                .help(format!("an edit of this has to set `{name}`, too; if it is meant, give the calculation a name with `let`"));
            self.doubt(span, CALCULATED, Some(warning));
        }
    }

    fn doubt_shared(&mut self, id: FieldId, counter: FieldId, span: Span) {
        let others = self.plan.fields[counter as usize].derived.iter().filter_map(|d| match d {
            Derivation::Measures { of, .. } if *of != id => Some(*of),
            _ => None,
        });
        let clash = others.into_iter().find(|other| !self.exclude_each_other(*other, id));
        let Some(other) = clash else { return };
        let name = |id: FieldId| self.plan.fields[id as usize].name.clone();
        let message =
            format!("`{}` counts both `{}` and `{}`", name(counter), name(other), name(id));
        let mut warning = Diagnostic::warning(SHARED, span, message)
            .label("neither can be made longer or shorter alone")
            .help("one list of both says so: `[n] { a: u8, b: u8 }`; if the wire has them apart, `let m = n` and `[m]` for the second say that it is meant");
        if let Some(at) = self.named_at.get(&counter) {
            warning = warning.secondary(*at, "the number");
        }
        self.doubt(span, SHARED, Some(warning));
    }

    /// Whether a condition's outcome is known.
    fn settled(&self, ex: &Ex) -> Option<bool> {
        if let Some(n) = ex.constant() {
            return Some(n != 0);
        }
        match ex {
            Ex::Not(e) => self.settled(e).map(|holds| !holds),
            Ex::Binary(BinaryOp::And, a, b) => match (self.settled(a), self.settled(b)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Ex::Binary(BinaryOp::Or, a, b) => match (self.settled(a), self.settled(b)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Ex::Compare(op, a, b) => {
                let (low, high) = self.limits_of(a)?;
                let n = b.constant()?;
                let (least, most) =
                    (crate::plan::compare(*op, low, n), crate::plan::compare(*op, high, n));
                let within = low <= n && n <= high;
                match op {
                    Compare::Equal => (!within).then_some(false),
                    Compare::NotEqual => (!within).then_some(true),
                    _ => (least == most).then_some(least),
                }
            }
            _ => None,
        }
    }

    /// Whether a condition depends on a number that is calculated, so that no edit could know what to set.
    fn is_calculated(&self, ex: &Ex) -> bool {
        match ex {
            Ex::Not(e) => self.is_calculated(e),
            Ex::Binary(BinaryOp::And | BinaryOp::Or, a, b) => {
                self.is_calculated(a) || self.is_calculated(b)
            }
            Ex::Compare(_, a, b) => {
                let is_constant = a.constant().is_some() && b.constant().is_some();
                !is_constant && !self.has_place(a) && !self.has_place(b)
            }
            Ex::InSet(e, _) | Ex::InRange(e, ..) | Ex::InTable(e, _) => !self.has_place(e),
            Ex::TextIs(..) | Ex::Has(_) => false,
            ex => ex.constant().is_none() && !self.has_place(ex),
        }
    }

    /// Whether a number is a field, a part of one, or what no field of the packet decides.
    fn has_place(&self, ex: &Ex) -> bool {
        if ex.any(|part| matches!(part, Ex::Remaining | Ex::CountOf(_) | Ex::BytesOf(_))) {
            return true;
        }
        match ex {
            // A calculation with a name, and an argument, are meant to be what they are.
            Ex::Field(_) | Ex::Arg { .. } | Ex::Conn(_) => true,
            Ex::Binary(BinaryOp::BitAnd, a, b) => {
                matches!(**a, Ex::Field(_))
                    && b.constant().is_some_and(|mask| mask.count_ones() == 1)
            }
            _ => false,
        }
    }
}

/// Whether one of the arms is taken in any case.
fn is_exhaustive(branch: &Branch) -> bool {
    match branch.select {
        Select::If(_) => branch.arms.len() > 1,
        _ => branch.arms.iter().any(|arm| arm.labels.is_empty()),
    }
}

/// Whether a field takes all bytes that are left.
fn takes_rest(kind: &Kind) -> bool {
    match kind {
        Kind::Str { len, .. } | Kind::Bytes { len } | Kind::Block { len, .. } => {
            matches!(len, Len::Rest)
        }
        Kind::Array(array) => matches!(array.count, Count::Len(Len::Rest)),
        _ => false,
    }
}

//! What a plan's expressions read, which tells how far an edit reaches.

use std::collections::HashSet;
use std::sync::OnceLock;

use crate::plan::{
    ArmLabel, Branch, BranchId, Count, Derivation, Ex, Field, FieldId, FieldRef, Item, Kind,
    LayoutId, Len, Plan, Select, each,
};

/// How deep `let`s inside each other are followed.
const LETS_MAX: u32 = 32;

/// What does not depend on the packet; a plan keeps it.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Fields that follow from others.
    pub(super) derived: Vec<FieldId>,
    /// Fields whose size in bytes something asks for, in order.
    pub(super) measured: Vec<FieldId>,
    /// By branch: whether bytes being left decides.
    by_rest: Vec<bool>,
    /// By field: what it depends on besides its own bytes, found when it is first asked for.
    reads: Vec<OnceLock<Vec<FieldId>>>,
}

impl Facts {
    pub(super) fn of(plan: &Plan) -> &Facts {
        plan.facts.get_or_init(|| Facts::find(plan))
    }

    fn find(plan: &Plan) -> Facts {
        let mut facts = Facts::default();
        facts.reads.resize_with(plan.fields.len(), OnceLock::new);
        for (id, field) in plan.fields.iter().enumerate() {
            if !field.derived.is_empty() {
                facts.derived.push(id as FieldId);
            }
            for derivation in field.derived.iter() {
                if let Derivation::Measures { of, .. } = derivation
                    && let Kind::Block { .. } = plan.fields[*of as usize].kind
                {
                    facts.measured.push(*of);
                }
            }
            if !plan.layouts[field.layout as usize].opened {
                field_exprs(field, &mut |ex| facts.note_sizes(plan, ex));
            }
        }
        for branch in &plan.branches {
            branch_exprs(branch, &mut |ex| facts.note_sizes(plan, ex));
            let mut found = false;
            branch_exprs(branch, &mut |ex| found |= mentions_rest(plan, ex));
            facts.by_rest.push(found);
        }
        facts.measured.sort_unstable();
        facts.measured.dedup();
        facts
    }

    fn note_sizes(&mut self, plan: &Plan, ex: &Ex) {
        each(ex, &mut |ex| match ex {
            Ex::BytesOf(r) => self.measured.extend(&r.fields),
            Ex::CountOf(r) => {
                let no_array =
                    |id: &&FieldId| !matches!(plan.fields[**id as usize].kind, Kind::Array(_));
                self.measured.extend(r.fields.iter().filter(no_array));
            }
            _ => {}
        });
    }

    /// The fields that an array, block or call depends on besides its own bytes.
    pub(super) fn reads(&self, plan: &Plan, id: FieldId) -> &[FieldId] {
        match self.reads.get(id as usize) {
            Some(reads) => reads.get_or_init(|| reads_of(plan, id)),
            None => &[],
        }
    }

    /// Whether bytes being left decides about a branch's arm.
    pub(super) fn decides_by_rest(&self, branch: BranchId) -> bool {
        self.by_rest.get(branch as usize).copied().unwrap_or(false)
    }
}

/// Whether an expression asks how many bytes are left.
pub(super) fn mentions_rest(plan: &Plan, ex: &Ex) -> bool {
    fn deep(plan: &Plan, ex: &Ex, seen: &mut HashSet<FieldId>, depth: u32) -> bool {
        let mut found = false;
        each(ex, &mut |ex| match ex {
            Ex::Remaining => found = true,
            Ex::Field(r) if depth < LETS_MAX => {
                for id in &r.fields {
                    if let Kind::Let(inner) = &plan.fields[*id as usize].kind
                        && seen.insert(*id)
                    {
                        found |= deep(plan, inner, seen, depth + 1);
                    }
                }
            }
            _ => {}
        });
        found
    }
    deep(plan, ex, &mut HashSet::new(), 0)
}

/// The fields outside of an array, block or call that decide how it is laid out.
fn reads_of(plan: &Plan, id: FieldId) -> Vec<FieldId> {
    let mut reads = HashSet::new();
    let field = &plan.fields[id as usize];
    field_exprs(field, &mut |ex| add_refs(plan, ex, 0, &mut reads));
    element_exprs(&field.kind, &mut |ex| add_refs(plan, ex, 1, &mut reads));
    // The nearest depth at which a layout is met decides what lies outside of all of them.
    let mut met: HashSet<LayoutId> = HashSet::new();
    let mut level: Vec<LayoutId> = inner_layout(&field.kind).into_iter().collect();
    let mut depth = 1;
    while !level.is_empty() {
        let mut next = Vec::new();
        for layout in level {
            if met.insert(layout) {
                layout_exprs(plan, layout, depth, &mut |ex, depth| {
                    add_refs(plan, ex, depth, &mut reads);
                });
                inner_layouts(plan, layout, &mut next);
            }
        }
        level = next;
        depth += 1;
    }
    reads.into_iter().collect()
}

/// Adds what an expression, `depth` layouts inside, reads outside.
pub(super) fn add_refs(plan: &Plan, ex: &Ex, depth: u32, reads: &mut HashSet<FieldId>) {
    each(ex, &mut |ex| {
        let r = match ex {
            Ex::Field(r) | Ex::CountOf(r) | Ex::BytesOf(r) | Ex::Has(r) | Ex::TextIs(r, _) => r,
            Ex::Arg { up, .. } if u32::from(*up) >= depth => return add_arguments(plan, reads),
            _ => return,
        };
        if u32::from(r.up) >= depth {
            for id in &r.fields {
                add_field(plan, *id, reads);
            }
        }
    });
}

/// Adds what the arguments of all calls read: which call gave one shows only in a packet.
fn add_arguments(plan: &Plan, reads: &mut HashSet<FieldId>) {
    for field in &plan.fields {
        let Kind::Call { args, .. } = &field.kind else { continue };
        for ex in args {
            each(ex, &mut |ex| {
                if let Ex::Field(r)
                | Ex::CountOf(r)
                | Ex::BytesOf(r)
                | Ex::Has(r)
                | Ex::TextIs(r, _) = ex
                {
                    r.fields.iter().for_each(|id| add_field(plan, *id, reads));
                }
            });
        }
    }
}

/// Adds a field, and what its being there and its value follow from.
fn add_field(plan: &Plan, id: FieldId, reads: &mut HashSet<FieldId>) {
    if !reads.insert(id) {
        return;
    }
    let field = &plan.fields[id as usize];
    if let Kind::Let(ex) = &field.kind {
        add_refs(plan, ex, 0, reads);
    }
    let mut guard = field.guard;
    while let Some((branch, _)) = guard {
        let branch = &plan.branches[branch as usize];
        branch_exprs(branch, &mut |ex| add_refs(plan, ex, 0, reads));
        guard = branch.guard;
    }
}

/// The layout inside a field.
pub(super) fn inner_layout(kind: &Kind) -> Option<LayoutId> {
    match kind {
        Kind::Array(array) => Some(array.element),
        Kind::Block { layout, .. } | Kind::Call { layout, .. } => Some(*layout),
        _ => None,
    }
}

fn inner_layouts(plan: &Plan, layout: LayoutId, out: &mut Vec<LayoutId>) {
    each_field(plan, &plan.layouts[layout as usize].items, &mut |id| {
        out.extend(inner_layout(&plan.fields[id as usize].kind));
    });
}

/// The expressions of a layout, `depth` layouts inside, and how deep each is.
fn layout_exprs(plan: &Plan, layout: LayoutId, depth: u32, f: &mut dyn FnMut(&Ex, u32)) {
    let items = &plan.layouts[layout as usize].items;
    each_field(plan, items, &mut |id| {
        let field = &plan.fields[id as usize];
        field_exprs(field, &mut |ex| f(ex, depth));
        element_exprs(&field.kind, &mut |ex| f(ex, depth + 1));
    });
    each_branch(plan, items, &mut |id| {
        branch_exprs(&plan.branches[id as usize], &mut |ex| f(ex, depth));
    });
}

/// Every field among the items, in all arms and nested structs, in wire order.
pub(super) fn each_field(plan: &Plan, items: &[Item], f: &mut dyn FnMut(FieldId)) {
    for item in items {
        match item {
            Item::Field(id) => {
                f(*id);
                if let Kind::Struct(items) = &plan.fields[*id as usize].kind {
                    each_field(plan, items, f);
                }
            }
            Item::Branch(id) => {
                for arm in &plan.branches[*id as usize].arms {
                    each_field(plan, &arm.items, f);
                }
            }
        }
    }
}

fn each_branch(plan: &Plan, items: &[Item], f: &mut dyn FnMut(BranchId)) {
    for item in items {
        match item {
            Item::Field(id) => {
                if let Kind::Struct(items) = &plan.fields[*id as usize].kind {
                    each_branch(plan, items, f);
                }
            }
            Item::Branch(id) => {
                f(*id);
                for arm in &plan.branches[*id as usize].arms {
                    each_branch(plan, &arm.items, f);
                }
            }
        }
    }
}

pub(super) fn branch_exprs(branch: &Branch, f: &mut dyn FnMut(&Ex)) {
    match &branch.select {
        Select::If(ex) | Select::Match(ex) => f(ex),
        Select::MatchText(field) => f(&Ex::Field(field.clone())),
    }
    for label in branch.arms.iter().flat_map(|arm| &arm.labels) {
        if let ArmLabel::Expr(ex) = label {
            f(ex);
        }
    }
}

/// The expressions of a field's kind and derivation.
pub(super) fn field_exprs(field: &Field, f: &mut dyn FnMut(&Ex)) {
    for derivation in field.derived.iter() {
        if let Derivation::Expr(ex) = derivation {
            f(ex);
        }
    }
    size_exprs(&field.kind, f);
    match &field.kind {
        Kind::Let(ex) => f(ex),
        Kind::Call { args, .. } => args.iter().for_each(f),
        _ => {}
    }
}

/// The expressions that say how much of something there is.
pub(super) fn size_exprs(kind: &Kind, f: &mut dyn FnMut(&Ex)) {
    match kind {
        Kind::Str { len, .. } | Kind::Bytes { len } | Kind::Block { len, .. } => len_expr(len, f),
        Kind::Array(array) => match &array.count {
            Count::Len(len) => len_expr(len, f),
            Count::Until { value, .. } => f(value),
            Count::Sum { total, .. } => f(total),
            Count::While { .. } => {}
        },
        Kind::Packed { width, count, .. } => {
            f(width);
            f(count);
        }
        _ => {}
    }
}

/// The expression of a list that is in its elements' scope.
pub(super) fn element_exprs(kind: &Kind, f: &mut dyn FnMut(&Ex)) {
    if let Kind::Array(array) = kind
        && let Count::Sum { each: ex, .. } | Count::While { more: ex, .. } = &array.count
    {
        f(ex);
    }
}

fn len_expr(len: &Len, f: &mut dyn FnMut(&Ex)) {
    if let Len::Expr { expr, .. } = len {
        f(expr);
    }
}

/// A field as people write it, from its layout inwards.
pub(super) fn field_name(plan: &Plan, id: FieldId) -> String {
    let mut names = Vec::new();
    let mut next = Some(id);
    while let Some(id) = next {
        let field = &plan.fields[id as usize];
        if !field.name.is_empty() {
            names.push(&*field.name);
        }
        next = field.parent;
    }
    names.reverse();
    names.join(".")
}

/// A field as an expression names it.
pub(super) fn ref_name(plan: &Plan, r: &FieldRef) -> String {
    let Some(id) = r.fields.first() else { return "?".into() };
    let name = field_name(plan, *id);
    let Some(member) = r.member else { return name };
    let part = match &plan.fields[*id as usize].kind {
        Kind::Flags { members, .. } => {
            members.iter().find(|m| m.bit == member.shift && member.width == 1).map(|m| &m.name)
        }
        Kind::Bits { members, .. } => members
            .iter()
            .find(|m| m.shift == member.shift && m.width == member.width)
            .map(|m| &m.name),
        _ => None,
    };
    match part {
        None => format!("bit {} of {name}", member.shift),
        // The one value of an element has no name.
        Some(part) if name.is_empty() => part.to_string(),
        Some(part) => format!("{name}.{part}"),
    }
}

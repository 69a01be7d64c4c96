//! One packet at one version in one direction: from its syntax tree to a plan.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use midwire_codec::{ByteOrder, Direction};

use super::gates::{self, Interval};
use super::primitives::{self, Primitive};
use super::scope::{Binding, NameScope, ScopeId};
use super::{Declarations, TypeId};
use crate::diagnostics::{Diagnostic, suggest};
use crate::plan::{
    Arm, ArmLabel, ArrayCode, ArrayKind, BitsMember, BlockCode, Branch, BranchId, CallCode, Code,
    Cond, Count, Derivation, ElementShape, EnumEntries, Ex, Field, FieldId, FieldRef, FlagMember,
    IntRepr, Item, Kind, Layout, LayoutId, Len, Marks, Op, Plan, Pos, START_SLOT, Select, Switch,
};
use crate::syntax::ast::{
    self, Arg, Attribute, CountKind, Encoding, Entry, Expr, ExprKind, FieldKind, Gate, Labels,
    Literal, Name, Span, Struct, Transform, Type, TypeKind, lookup_key,
};
use crate::version::VersionId;

/// The most layouts, and the most fields, of one plan: types may grow without end through their arguments.
const LAYOUTS_MAX: usize = 4_096;
const FIELDS_MAX: usize = 65_536;
/// The deepest nesting of types in a plan that is being made.
const NESTING_MAX: usize = 200;

/// A packet could not be compiled as it is: it must be started again.
pub(super) enum Broken {
    /// This type contains itself, and so must be called rather than laid out in place.
    Recursive(TypeId),
    /// What is wrong was reported.
    Reported,
}

/// Whether a piece was compiled.
type Compiled<T> = Result<T, Broken>;

/// Makes one plan.
pub(super) struct Compiler<'d> {
    pub(super) decls: &'d Declarations,
    pub(super) version: VersionId,
    pub(super) direction: Direction,
    pub(super) interval: Interval,
    pub(super) problems: Vec<Diagnostic>,
    pub(super) plan: Plan,
    pub(super) scopes: Vec<NameScope<'d>>,
    pub(super) struct_scopes: HashMap<FieldId, ScopeId>,
    /// The arms that the place being compiled stands in.
    pub(super) arms: Vec<(BranchId, u32)>,
    recursive: HashSet<TypeId>,
    open_types: Vec<TypeId>,
    called: HashMap<(TypeId, String), LayoutId>,
    pub(super) layouts: Vec<OpenLayout>,
    parent: Option<FieldId>,
    nesting: usize,
    /// The names that each enum field has at any version.
    enum_names: HashMap<FieldId, Vec<String>>,
}

/// A layout that is being made.
pub(super) struct OpenLayout {
    id: LayoutId,
    code: Vec<Code>,
    covers: Vec<(FieldId, FieldId)>,
    switches: Vec<u32>,
    /// Where the next field starts.
    cur: Pos,
    /// Bytes of fixed fields not yet in the code, and the first of these fields.
    pending: u32,
    pending_first: Option<FieldId>,
    next_slot: u32,
    slots: u32,
    fixed: bool,
    min: u32,
}

impl<'d> Compiler<'d> {
    pub(super) fn new(
        decls: &'d Declarations,
        version: VersionId,
        direction: Direction,
        recursive: HashSet<TypeId>,
    ) -> Self {
        Compiler {
            decls,
            version,
            direction,
            interval: Interval::ALL,
            problems: Vec::new(),
            plan: Plan::empty(),
            scopes: Vec::new(),
            struct_scopes: HashMap::new(),
            arms: Vec::new(),
            recursive,
            open_types: Vec::new(),
            called: HashMap::new(),
            layouts: Vec::new(),
            parent: None,
            nesting: 0,
            enum_names: HashMap::new(),
        }
    }

    /// Compiles the body; gives the scope of its names.
    pub(super) fn body(&mut self, body: Option<&'d Struct>) -> Compiled<ScopeId> {
        let scope = self.new_scope(None);
        let id = self.open_layout(None, 0);
        debug_assert_eq!(id, 0);
        self.scopes[scope].level = self.layouts.len();
        let mut items = Vec::new();
        match body {
            Some(body) => self.struct_items(body, scope, &mut items)?,
            None => self.tail(&mut items),
        }
        self.close_layout(items, false);
        Ok(scope)
    }

    // ---- layouts and code --------------------------------------------------------------------

    pub(super) fn new_scope(&mut self, parent: Option<ScopeId>) -> ScopeId {
        self.scopes.push(NameScope::new(parent, self.layouts.len()));
        self.scopes.len() - 1
    }

    fn open_layout(&mut self, name: Option<Arc<str>>, args: u32) -> LayoutId {
        let id = self.plan.layouts.len() as LayoutId;
        let cur = Pos { slot: START_SLOT, offset: 0 };
        self.plan.layouts.push(Layout {
            name,
            items: Vec::new(),
            entry: 0,
            slots: 0,
            fixed_size: None,
            min_size: 0,
            end: cur,
            transparent: false,
            args,
        });
        self.resume_layout(id, args);
        id
    }

    fn resume_layout(&mut self, id: LayoutId, args: u32) {
        let first = Layout::first_free_slot(args);
        self.layouts.push(OpenLayout {
            id,
            code: Vec::new(),
            covers: Vec::new(),
            switches: Vec::new(),
            cur: Pos { slot: START_SLOT, offset: 0 },
            pending: 0,
            pending_first: None,
            next_slot: first,
            slots: first,
            fixed: true,
            min: 0,
        });
    }

    fn close_layout(&mut self, items: Vec<Item>, transparent: bool) {
        self.emit(Op::Return, None);
        let open = self.layouts.pop().expect("every close_layout has its open_layout");
        let entry = self.plan.code.len() as u32;
        for mut code in open.code {
            match &mut code.op {
                Op::If { otherwise, .. } | Op::IfBits { otherwise, .. } => *otherwise += entry,
                Op::Jump { to } => *to += entry,
                _ => {}
            }
            self.plan.code.push(code);
        }
        self.plan.covers.extend(open.covers);
        for switch in open.switches {
            for target in &mut self.plan.switches[switch as usize].targets {
                *target += entry;
            }
        }
        self.plan.fuse(entry as usize);
        let layout = &mut self.plan.layouts[open.id as usize];
        layout.items = items;
        layout.entry = entry;
        layout.slots = open.slots;
        layout.fixed_size = open.fixed.then_some(open.cur.offset);
        layout.min_size = open.min;
        layout.end = open.cur;
        layout.transparent = transparent;
    }

    fn here(&mut self) -> &mut OpenLayout {
        self.layouts.last_mut().expect("fields are compiled inside an open layout")
    }

    fn slot(&mut self) -> u32 {
        let open = self.here();
        let slot = open.next_slot;
        open.next_slot += 1;
        open.slots = open.slots.max(open.next_slot);
        slot
    }

    fn emit(&mut self, op: Op, field: Option<FieldId>) -> usize {
        let open = self.here();
        let first = open.pending_first.or(field).unwrap_or(0);
        let behind = field
            .map_or(if open.pending_first.is_some() { FieldId::MAX } else { first }, |f| f + 1);
        let skip = std::mem::take(&mut open.pending);
        open.pending_first = None;
        open.code.push(Code { skip, op });
        open.covers.push((first, behind));
        let behind = self.plan.fields.len() as FieldId;
        let open = self.here();
        let at = open.code.len() - 1;
        let covers = &mut open.covers[at];
        covers.1 = covers.1.min(behind.max(covers.0));
        at
    }

    /// Passes so many bytes with the next instruction.
    fn advance(&mut self, size: u32, field: FieldId) {
        let open = self.here();
        open.pending = open.pending.saturating_add(size);
        open.pending_first.get_or_insert(field);
        open.cur.offset = open.cur.offset.saturating_add(size);
        open.min = open.min.saturating_add(size);
    }

    /// Passes something of unknown size whose end the instruction puts into a new slot.
    fn advance_to(&mut self, field: FieldId, min: u32, op: impl FnOnce(u32) -> Op) {
        let slot = self.slot();
        self.emit(op(slot), Some(field));
        let open = self.here();
        open.cur = Pos { slot, offset: 0 };
        open.fixed = false;
        open.min = open.min.saturating_add(min);
    }

    fn jump_here(&mut self, at: usize) {
        let open = self.here();
        let target = open.code.len() as u32;
        match &mut open.code[at].op {
            Op::If { otherwise, .. } | Op::IfBits { otherwise, .. } => *otherwise = target,
            Op::Jump { to } => *to = target,
            _ => {}
        }
    }

    fn new_field(&mut self, name: Arc<str>, doc: &str, kind: Kind, marks: Marks) -> FieldId {
        let open = self.here();
        let (layout, cur) = (open.id, open.cur);
        let guard = self
            .arms
            .last()
            .copied()
            .filter(|(b, _)| self.plan.branches[*b as usize].layout == layout);
        let id = self.plan.fields.len() as FieldId;
        let doc = doc.into();
        let parent = self.parent;
        let derived = Vec::new();
        self.plan.fields.push(Field {
            name,
            doc,
            parent,
            layout,
            guard,
            start: cur,
            end: cur,
            kind,
            marks,
            derived,
        });
        id
    }

    fn end_field(&mut self, id: FieldId) {
        let cur = self.here().cur;
        self.plan.fields[id as usize].end = cur;
    }

    fn tail(&mut self, items: &mut Vec<Item>) {
        let id = self.new_field("".into(), "", Kind::Tail, Marks::default());
        self.advance_to(id, 0, |slot| Op::Rest { slot });
        self.end_field(id);
        items.push(Item::Field(id));
    }

    pub(super) fn problem(&mut self, diagnostic: Diagnostic) -> Broken {
        self.problems.push(diagnostic);
        Broken::Reported
    }

    pub(super) fn admitted(&mut self, gates: &[Gate]) -> bool {
        let versions = &self.decls.versions;
        gates::admits(gates, versions, self.version, Some(self.direction), &mut self.interval)
    }

    // ---- structs -----------------------------------------------------------------------------

    fn struct_items(
        &mut self,
        body: &'d Struct,
        scope: ScopeId,
        items: &mut Vec<Item>,
    ) -> Compiled<()> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX || self.plan.fields.len() > FIELDS_MAX {
            return Err(self.problem(Diagnostic::error(
                "W024",
                body.span,
                "this type grows without end",
            )));
        }
        let mut broken = false;
        for field in &body.fields {
            if !self.admitted(&field.gates) {
                continue;
            }
            match self.struct_item(field, scope, items) {
                Ok(()) => {}
                // One wrong field does not hide what is wrong with the next.
                Err(Broken::Reported) => broken = true,
                Err(again) => return Err(again),
            }
        }
        self.nesting -= 1;
        if broken { Err(Broken::Reported) } else { Ok(()) }
    }

    fn struct_item(
        &mut self,
        field: &'d ast::Field,
        scope: ScopeId,
        items: &mut Vec<Item>,
    ) -> Compiled<()> {
        match &field.kind {
            FieldKind::Named { name, ty, value, attributes } => {
                let marks = self.marks(attributes)?;
                let first = self.plan.fields.len();
                self.typed(name, &field.doc, ty, marks, scope, scope, items)?;
                if let Some(value) = value {
                    let ex = self.lower(value, scope)?;
                    let made =
                        self.plan.fields[first..].iter_mut().find(|f| f.name.as_ref() == name.text);
                    if let Some(made) = made {
                        made.derived.push(Derivation::Expr(ex));
                    }
                }
                Ok(())
            }
            FieldKind::If { condition, then, otherwise } => {
                let ex = self.lower(condition, scope)?;
                let bodies = std::iter::once(then).chain(otherwise).map(|arm| {
                    (Vec::new(), move |c: &mut Self, items: &mut Vec<Item>| {
                        c.struct_items(arm, scope, items)
                    })
                });
                self.branch(Select::If(ex), bodies.collect(), items)
            }
            FieldKind::Match { subject, arms } => {
                let kept: Vec<_> = arms.iter().filter(|arm| self.admitted(&arm.gates)).collect();
                let labels: Vec<_> = kept.iter().map(|arm| &arm.labels).collect();
                let (select, labels) = self.select(subject, &labels, scope)?;
                let bodies = kept.into_iter().map(|arm| {
                    move |c: &mut Self, items: &mut Vec<Item>| {
                        c.struct_items(&arm.body, scope, items)
                    }
                });
                let arms =
                    labels.into_iter().zip(bodies).filter_map(|(l, b)| Some((l?, b))).collect();
                self.branch(select, arms, items)
            }
            FieldKind::Let { name, value } => {
                let ex = self.lower(value, scope)?;
                let shared: Arc<str> = name.text.as_str().into();
                let id =
                    self.new_field(shared.clone(), &field.doc, Kind::Let(ex), Marks::default());
                self.scopes[scope].bind(name.key(), &shared, Binding::Field(id));
                items.push(Item::Field(id));
                Ok(())
            }
            FieldKind::Pad(n) => {
                let size = u32::try_from(n.node).ok().filter(|n| *n <= 1 << 20);
                let Some(size) = size else {
                    return Err(self.problem(Diagnostic::error(
                        "W025",
                        n.span,
                        "no number of bytes to pad",
                    )));
                };
                let id = self.new_field("".into(), &field.doc, Kind::Pad(size), Marks::default());
                self.advance(size, id);
                self.end_field(id);
                items.push(Item::Field(id));
                Ok(())
            }
            FieldKind::Tail => {
                self.tail(items);
                Ok(())
            }
            FieldKind::Flat(ty) => self.flat(ty, scope, items),
        }
    }

    /// The fields of a struct type, in the struct around.
    fn flat(&mut self, ty: &'d Type, scope: ScopeId, items: &mut Vec<Item>) -> Compiled<()> {
        let (shape, inner, _, opened) = self.resolve(ty, scope)?;
        let result = match &shape.kind {
            TypeKind::Struct(body) if opened.recursive.is_none() => {
                let around = self.new_scope(inner);
                self.struct_items(body, around, items)?;
                let fields: Vec<_> =
                    self.scopes[around].fields().map(|(k, f)| (k.clone(), f)).collect();
                for (key, id) in fields {
                    let name = self.plan.fields[id as usize].name.clone();
                    self.scopes[scope].bind(key, &name, Binding::Field(id));
                }
                Ok(())
            }
            _ => Err(self.problem(
                Diagnostic::error(
                    "W026",
                    ty.span,
                    "only a struct that does not contain itself can be flattened",
                )
                .help("give it a name: `name: Type`"),
            )),
        };
        self.leave(opened);
        result
    }

    /// An `if`, `match` or `opt`: code that takes one of the arms.
    fn branch<F>(
        &mut self,
        select: Select,
        arms: Vec<(Vec<ArmLabel>, F)>,
        items: &mut Vec<Item>,
    ) -> Compiled<()>
    where
        F: FnOnce(&mut Self, &mut Vec<Item>) -> Compiled<()>,
    {
        let slot = self.slot();
        let layout = self.here().id;
        let id = self.plan.branches.len() as BranchId;
        let guard = self
            .arms
            .last()
            .copied()
            .filter(|(b, _)| self.plan.branches[*b as usize].layout == layout);
        let is_if = matches!(select, Select::If(_));
        let (test, subject) = match &select {
            Select::If(ex) => (Some(self.condition(ex, slot)), None),
            Select::Match(ex) => (None, self.quick_int(ex)),
            Select::MatchText(_) => (None, None),
        };
        self.plan.branches.push(Branch { slot, layout, guard, select, arms: Vec::new() });
        items.push(Item::Branch(id));

        let switch = self.plan.switches.len() as u32;
        let head = match test {
            Some(test) => self.emit(test, None),
            None => {
                self.plan.switches.push(Switch {
                    branch: id,
                    slot,
                    targets: Vec::new(),
                    subject,
                    dense: Vec::new(),
                });
                self.here().switches.push(switch);
                self.emit(Op::Switch { switch }, None)
            }
        };

        let count = arms.len();
        let open = self.here();
        let (start, slots, min_before, fixed_before) =
            (open.cur, open.next_slot, open.min, open.fixed);
        let mut exits = Vec::new();
        let mut mins = Vec::new();
        let mut ends = Vec::new();
        let mut targets = Vec::new();
        let mut most_slots = slots;
        let mut exhaustive = is_if;
        let mut broken = None;
        for (number, (labels, body)) in arms.into_iter().enumerate() {
            let open = self.here();
            (open.cur, open.next_slot, open.min, open.fixed) =
                (start, slots, min_before, fixed_before);
            targets.push(open.code.len() as u32);
            if is_if && number == 1 {
                self.jump_here(head);
            }
            exhaustive |= labels.is_empty();
            self.arms.push((id, number as u32));
            let mut inner = Vec::new();
            let result = body(self, &mut inner);
            self.arms.pop();
            match result {
                Ok(()) => {}
                Err(Broken::Reported) => broken = Some(Broken::Reported),
                Err(again) => return Err(again),
            }
            self.plan.branches[id as usize].arms.push(Arm { labels, items: inner });
            let open = self.here();
            most_slots = most_slots.max(open.next_slot);
            mins.push(open.min);
            ends.push((open.cur, open.fixed));
            let last = number + 1 == count;
            if !last || open.pending > 0 {
                let jump = self.emit(Op::Jump { to: 0 }, None);
                exits.push(jump);
            }
        }
        if let Some(broken) = broken {
            return Err(broken);
        }
        let open = self.here();
        targets.push(open.code.len() as u32);
        open.next_slot = most_slots;
        if !exhaustive || count == 0 || (is_if && count < 2) {
            mins.push(min_before);
            ends.push((start, fixed_before));
        }
        open.min = mins.into_iter().min().unwrap_or(min_before);
        for exit in exits {
            self.jump_here(exit);
        }
        if is_if && count < 2 {
            self.jump_here(head);
        }
        if !is_if {
            self.plan.switches[switch as usize].targets = targets;
            self.plan.switches[switch as usize].dense =
                dense(&self.plan.branches[id as usize].arms);
        }
        let same = ends.windows(2).all(|pair| pair[0] == pair[1]);
        if same && let Some((cur, fixed)) = ends.first().copied() {
            let open = self.here();
            (open.cur, open.fixed) = (cur, fixed);
        } else {
            let slot = self.slot();
            self.emit(Op::Mark { slot }, None);
            let open = self.here();
            open.cur = Pos { slot, offset: 0 };
            open.fixed = false;
        }
        Ok(())
    }

    /// The test of a condition, in its quickest form.
    fn condition(&mut self, ex: &Ex, slot: u32) -> Op {
        let (zero, inner) = match ex {
            Ex::Not(inner) => (true, &**inner),
            ex => (false, ex),
        };
        let otherwise = 0;
        if let Some((at, mask)) = self.quick_bit(inner) {
            return Op::IfBits { at, mask, zero, slot, otherwise };
        }
        let more = |op: &ast::Compare| matches!(op, ast::Compare::Greater | ast::Compare::NotEqual);
        self.plan.conds.push(match ex {
            Ex::Compare(op, left, right)
                if **left == Ex::Remaining && **right == Ex::Int(0) && more(op) =>
            {
                Cond::Remaining
            }
            ex => Cond::Ex(ex.clone()),
        });
        Op::If { cond: self.plan.conds.len() as u32 - 1, slot, otherwise }
    }

    /// An integer of this block that is certainly present.
    fn quick_int(&self, ex: &Ex) -> Option<(Pos, IntRepr)> {
        let Ex::Field(FieldRef { up: 0, fields, member: None, guarded: false }) = ex else {
            return None;
        };
        let [id] = fields.as_slice() else { return None };
        let field = &self.plan.fields[*id as usize];
        match &field.kind {
            Kind::Int(repr) | Kind::Enum { repr, .. } => Some((field.start, *repr)),
            _ => None,
        }
    }

    /// One bit of a field of this block that is certainly present.
    fn quick_bit(&self, ex: &Ex) -> Option<(Pos, u8)> {
        let Ex::Field(FieldRef { up: 0, fields, member, guarded: false }) = ex else { return None };
        let [id] = fields.as_slice() else { return None };
        let field = &self.plan.fields[*id as usize];
        match (&field.kind, member) {
            (Kind::Bool | Kind::Presence, None) => Some((field.start, 0xff)),
            (
                Kind::Flags { repr: IntRepr::Fixed { bytes, order, .. }, .. }
                | Kind::Bits { repr: IntRepr::Fixed { bytes, order, .. }, .. },
                Some(member),
            ) if member.width == 1 => {
                let byte = u32::from(member.shift / 8);
                let offset = match order {
                    ByteOrder::Little => byte,
                    ByteOrder::Big => u32::from(*bytes) - 1 - byte,
                };
                let at = Pos { offset: field.start.offset + offset, ..field.start };
                Some((at, 1 << (member.shift % 8)))
            }
            _ => None,
        }
    }

    /// How a match chooses, and each arm's labels; no labels for `else`, `None` for an arm that cannot be
    /// taken at this version.
    #[expect(clippy::type_complexity, reason = "one list of labels an arm")]
    fn select(
        &mut self,
        subject: &'d Expr,
        labels: &[&'d Labels],
        scope: ScopeId,
    ) -> Compiled<(Select, Vec<Option<Vec<ArmLabel>>>)> {
        let textual = self.text_field(subject, scope);
        let names = self.names_of(subject, scope);
        let mut all = Vec::new();
        for (number, labels) in labels.iter().enumerate() {
            let Labels::Any(labels_of) = labels else {
                all.push(Some(Vec::new()));
                if let Labels::Else(span) = labels
                    && number + 1 < all.len()
                {
                    self.problems.push(Diagnostic::error(
                        "W027",
                        *span,
                        "`else` is not the last arm",
                    ));
                }
                continue;
            };
            let mut lowered = Vec::new();
            for label in labels_of {
                lowered.extend(self.label(label, textual.is_some(), names.as_ref(), scope)?);
            }
            all.push((!lowered.is_empty()).then_some(lowered));
        }
        let select = match textual {
            Some(field) => Select::MatchText(field),
            None => Select::Match(self.lower(subject, scope)?),
        };
        Ok((select, all))
    }

    /// A label's meaning; `None` if it is an entry that this version does not have.
    fn label(
        &mut self,
        label: &'d ast::Spanned<ast::Label>,
        textual: bool,
        names: Option<&EnumNames>,
        scope: ScopeId,
    ) -> Compiled<Option<ArmLabel>> {
        let mismatch = |what: &str| {
            Diagnostic::error(
                "W028",
                label.span,
                format!("{what} cannot be compared with what is matched"),
            )
        };
        match &label.node {
            ast::Label::Str(text) if textual => Ok(Some(ArmLabel::Text(text.as_str().into()))),
            ast::Label::Name(text) if textual => Ok(Some(ArmLabel::Text(text.as_str().into()))),
            ast::Label::Str(text) => match names {
                Some(names) => self.entry_label(text, label.span, names),
                None => Err(self.problem(mismatch("a text"))),
            },
            _ if textual => Err(self
                .problem(mismatch("this label").help("texts are matched by texts: `\"x\" => ..`"))),
            ast::Label::Int(n) => Ok(Some(ArmLabel::Range(*n, *n))),
            ast::Label::Range(low, high) => Ok(Some(ArmLabel::Range(*low, *high))),
            ast::Label::Bool(b) => Ok(Some(ArmLabel::Range((*b).into(), (*b).into()))),
            ast::Label::Expr(e) => {
                let ex = self.lower(e, scope)?;
                Ok(Some(match ex.constant() {
                    Some(n) => ArmLabel::Range(n, n),
                    None => ArmLabel::Expr(ex),
                }))
            }
            ast::Label::Name(name) => match names {
                Some(names) => self.entry_label(name, label.span, names),
                None => Err(self.problem(
                    Diagnostic::error(
                        "W028",
                        label.span,
                        format!("`{name}` is a name, but what is matched is no enum"),
                    )
                    .help(format!("write a number, or `({name})` if it is a field or an argument")),
                )),
            },
        }
    }

    fn entry_label(
        &mut self,
        name: &str,
        span: Span,
        names: &EnumNames,
    ) -> Compiled<Option<ArmLabel>> {
        if let Some(n) = names.entries.number(name) {
            return Ok(Some(ArmLabel::Range(n, n)));
        }
        let key = lookup_key(name);
        if names.all.iter().any(|n| lookup_key(n) == key) {
            return Ok(None);
        }
        let error =
            Diagnostic::error("W029", span, format!("`{name}` is no entry of what is matched"));
        let near = suggest(name, names.all.iter().map(String::as_str));
        Err(self.problem(match near {
            Some(near) => error.label(format!("did you mean `{near}`?")),
            None => error,
        }))
    }

    // ---- types -------------------------------------------------------------------------------

    /// A field of a type. Names are bound in `bind`, the type's own names are looked up in `scope`.
    #[expect(clippy::too_many_arguments, reason = "what is written of a field, and where it goes")]
    fn typed(
        &mut self,
        name: &Name,
        doc: &str,
        ty: &'d Type,
        mut marks: Marks,
        scope: ScopeId,
        bind: ScopeId,
        items: &mut Vec<Item>,
    ) -> Compiled<()> {
        let (shape, inner, extra, opened) = self.resolve(ty, scope)?;
        for attributes in &extra {
            marks = marks.over(self.marks(attributes)?);
        }
        let result = match opened.recursive {
            Some(_) => self.called(name, doc, marks, scope, bind, items, &opened),
            None => self.shaped(name, doc, shape, marks, inner, scope, bind, items),
        };
        self.leave(opened);
        result
    }

    #[expect(clippy::too_many_arguments, reason = "what is written of a field, and where it goes")]
    fn shaped(
        &mut self,
        name: &Name,
        doc: &str,
        shape: Shape<'d>,
        marks: Marks,
        inner: Option<ScopeId>,
        scope: ScopeId,
        bind: ScopeId,
        items: &mut Vec<Item>,
    ) -> Compiled<()> {
        let names_at = inner.unwrap_or(scope);
        match shape.kind {
            // One field in each arm, all of the same name.
            TypeKind::Match { subject, arms } => {
                let kept: Vec<_> = arms.iter().filter(|arm| self.admitted(&arm.gates)).collect();
                let labels: Vec<_> = kept.iter().map(|arm| &arm.labels).collect();
                let (select, labels) = self.select(subject, &labels, names_at)?;
                let bodies = kept.into_iter().map(|arm| {
                    let (marks, name) = (marks.clone(), name.clone());
                    move |c: &mut Self, items: &mut Vec<Item>| {
                        c.typed(&name, doc, &arm.ty, marks, names_at, bind, items)
                    }
                });
                let arms =
                    labels.into_iter().zip(bodies).filter_map(|(l, b)| Some((l?, b))).collect();
                self.branch(select, arms, items)
            }
            TypeKind::If { condition, then, otherwise } => {
                let ex = self.lower(condition, names_at)?;
                let bodies = [then, otherwise].map(|ty| {
                    let (marks, name) = (marks.clone(), name.clone());
                    (Vec::new(), move |c: &mut Self, items: &mut Vec<Item>| {
                        c.typed(&name, doc, ty, marks, names_at, bind, items)
                    })
                });
                self.branch(Select::If(ex), bodies.into_iter().collect(), items)
            }
            TypeKind::Opt(ty) => {
                let presence = self.new_field("".into(), "", Kind::Presence, Marks::default());
                self.advance(1, presence);
                self.end_field(presence);
                items.push(Item::Field(presence));
                let there =
                    FieldRef { up: 0, fields: vec![presence], member: None, guarded: false };
                let body = |c: &mut Self, items: &mut Vec<Item>| {
                    c.typed(name, doc, ty, marks, names_at, bind, items)
                };
                self.branch(Select::If(Ex::Field(there)), vec![(Vec::new(), body)], items)
            }
            TypeKind::Nothing => Ok(()),
            _ => self.leaf(name, doc, shape, marks, names_at, inner, bind, items),
        }
    }

    /// A field that is one field of the plan.
    #[expect(clippy::too_many_arguments, reason = "what is written of a field, and where it goes")]
    fn leaf(
        &mut self,
        name: &Name,
        doc: &str,
        shape: Shape<'d>,
        marks: Marks,
        names_at: ScopeId,
        inner: Option<ScopeId>,
        bind: ScopeId,
        items: &mut Vec<Item>,
    ) -> Compiled<()> {
        let shared: Arc<str> = name.text.as_str().into();
        let placeholder = Kind::Struct(Vec::new());
        // A count's expression is looked up before the field itself has a name.
        let id = self.new_field(shared.clone(), doc, placeholder, marks);
        let kind = self.kind(id, shape, names_at, inner)?;
        self.plan.fields[id as usize].kind = kind;
        self.end_field(id);
        self.derive(id);
        if !name.text.is_empty() {
            self.check_duplicate(name, id, bind);
            self.scopes[bind].bind(name.key(), &shared, Binding::Field(id));
        }
        items.push(Item::Field(id));
        Ok(())
    }

    /// An error if a field of that name may be present together with an earlier one.
    fn check_duplicate(&mut self, name: &Name, id: FieldId, scope: ScopeId) {
        let Some(bindings) = self.scopes[scope].get(&name.key()) else { return };
        let chain = |mut guard: Option<(BranchId, u32)>, plan: &Plan| {
            let mut chain = Vec::new();
            while let Some((branch, arm)) = guard {
                chain.push((branch, arm));
                guard = plan.branches[branch as usize].guard;
            }
            chain
        };
        let mine = chain(self.plan.fields[id as usize].guard, &self.plan);
        let clash = bindings.iter().any(|binding| {
            let Binding::Field(other) = binding else { return true };
            let theirs = chain(self.plan.fields[*other as usize].guard, &self.plan);
            // Two arms of one branch exclude each other.
            !theirs.iter().any(|(b, a)| mine.iter().any(|(b2, a2)| b == b2 && a != a2))
        });
        if clash {
            self.problems.push(
                Diagnostic::error(
                    "W030",
                    name.span,
                    format!("`{}` is the name of an earlier field", name.text),
                )
                .help(
                    "two fields of a struct may share a name only in arms that exclude each other",
                ),
            );
        }
    }

    /// Passes the bytes of a type, and tells what they are.
    fn kind(
        &mut self,
        id: FieldId,
        shape: Shape<'d>,
        scope: ScopeId,
        inner: Option<ScopeId>,
    ) -> Compiled<Kind> {
        match shape.kind {
            TypeKind::Name { name, .. } => self.primitive(id, name),
            TypeKind::Native(name) => self.primitive(id, name),
            TypeKind::Str { encoding, count } => {
                self.text(id, *encoding, count.as_ref(), shape.span, scope, Vec::new())
            }
            TypeKind::Bytes(count) => {
                let len = self.len(count, scope)?;
                self.pass_len(id, &len, 1);
                Ok(Kind::Bytes { len })
            }
            TypeKind::Enum { repr, entries } => self.enumeration(id, repr, entries, scope),
            TypeKind::Flags { repr, entries } => {
                let repr = self.integer(repr, scope)?;
                let bits =
                    u32::from(repr.max_size()) * if repr.fixed_size().is_some() { 8 } else { 7 };
                let mut members = Vec::new();
                let mut next = 0;
                for entry in entries.iter().filter(|e| self.admitted(&e.gates)).collect::<Vec<_>>()
                {
                    let number = self.entry_number(entry, next)?;
                    if !(0..bits.min(128).into()).contains(&number) {
                        let message = format!(
                            "`{}` would be bit {number}, but there are {bits}",
                            entry.name.text
                        );
                        return Err(self.problem(Diagnostic::error(
                            "W031",
                            entry.name.span,
                            message,
                        )));
                    }
                    next = number + 1;
                    let (name, doc) = (entry.name.text.as_str().into(), entry.doc.as_str().into());
                    members.push(FlagMember { name, bit: number as u8, doc });
                }
                self.pass_int(id, repr);
                Ok(Kind::Flags { repr, members })
            }
            TypeKind::Bits { repr, lsb_first, members } => {
                self.bits(id, repr, *lsb_first, members, shape.span, scope)
            }
            TypeKind::Array { count, element } => self.array(id, count, element, scope),
            TypeKind::Block { transform, count, inner: ty } => {
                self.block(id, *transform, count, ty, scope)
            }
            TypeKind::Packed { width, count, unit } => {
                if let Some(unit) = unit
                    && unit.text != "u64"
                {
                    return Err(self.problem(Diagnostic::error(
                        "W032",
                        unit.span,
                        "numbers are packed in u64",
                    )));
                }
                let (width, count) = (self.lower(width, scope)?, self.lower(count, scope)?);
                let (w, c) = (self.expr(width.clone()), self.expr(count.clone()));
                self.advance_to(id, 0, |slot| Op::Packed { width: w, count: c, slot });
                Ok(Kind::Packed { width, count })
            }
            TypeKind::Struct(body) => {
                // A declared type's names end at the type; those of a struct in place go on outwards.
                let around = self.new_scope(Some(inner.unwrap_or(scope)));
                self.struct_scopes.insert(id, around);
                let outer = self.parent.replace(id);
                let mut items = Vec::new();
                let result = self.struct_items(body, around, &mut items);
                self.parent = outer;
                result?;
                Ok(Kind::Struct(items))
            }
            TypeKind::Match { .. } | TypeKind::If { .. } | TypeKind::Opt(_) | TypeKind::Nothing => {
                Err(self.problem(Diagnostic::error(
                    "W033",
                    shape.span,
                    "a condition cannot stand here",
                )))
            }
        }
    }

    fn primitive(&mut self, id: FieldId, name: &Name) -> Compiled<Kind> {
        let order = self.decls.order;
        let Some(primitive) = primitives::named(&name.text, order) else {
            return Err(self.unknown_type(name));
        };
        Ok(match primitive {
            Primitive::Int(repr) => {
                self.pass_int(id, repr);
                Kind::Int(repr)
            }
            Primitive::Float(repr) => {
                self.advance(repr.bytes.into(), id);
                Kind::Float(repr)
            }
            Primitive::Bool => {
                self.advance(1, id);
                Kind::Bool
            }
            Primitive::Uuid => {
                self.advance(16, id);
                Kind::Uuid
            }
            Primitive::Nbt(form) => {
                self.advance_to(id, 1, |slot| Op::Nbt { form, slot });
                Kind::Nbt(form)
            }
        })
    }

    fn unknown_type(&mut self, name: &Name) -> Broken {
        let decls = self.decls;
        let known = decls
            .types
            .iter()
            .map(|t| t.name.text.as_str())
            .chain(primitives::NAMES.iter().copied());
        let error =
            Diagnostic::error("W034", name.span, format!("no type is called `{}`", name.text));
        let near = suggest(&name.text, known);
        self.problem(match near {
            Some(near) => error.label(format!("did you mean `{near}`?")),
            None => error.label("unknown type"),
        })
    }

    fn pass_int(&mut self, id: FieldId, repr: IntRepr) {
        match repr.fixed_size() {
            Some(size) => self.advance(size, id),
            None => self.advance_to(id, 1, |slot| Op::Varint { max: repr.max_size(), slot }),
        }
    }

    pub(super) fn expr(&mut self, ex: Ex) -> u32 {
        self.plan.exprs.push(ex);
        self.plan.exprs.len() as u32 - 1
    }

    fn pass_len(&mut self, id: FieldId, len: &Len, unit: u8) {
        match len {
            Len::Fixed(n) => self.advance(n.saturating_mul(unit.into()), id),
            Len::Rest => self.advance_to(id, 0, |slot| Op::Rest { slot }),
            Len::Prefix { repr, max } => {
                let min = repr.fixed_size().unwrap_or(1);
                let (repr, max) = (*repr, narrow(*max));
                self.advance_to(id, min, |slot| Op::Prefixed { repr, unit, max, slot });
            }
            Len::Expr { expr, max } => {
                let (expr, max) = (self.expr(expr.clone()), narrow(*max));
                self.advance_to(id, 0, |slot| Op::Counted { expr, unit, max, slot });
            }
        }
    }

    fn text(
        &mut self,
        id: FieldId,
        encoding: Encoding,
        count: Option<&'d ast::Count>,
        span: Span,
        scope: ScopeId,
        names: Vec<Arc<str>>,
    ) -> Compiled<Kind> {
        let Some(count) = count else {
            return Err(self.problem(
                Diagnostic::error("W035", span, "a text's length is missing").help(
                    "write how its length is known: `str[varint]`, `str[u8]`, `str[16]`, `str[..]`",
                ),
            ));
        };
        let len = self.len(count, scope)?;
        self.pass_len(id, &len, if encoding == Encoding::Utf16 { 2 } else { 1 });
        Ok(Kind::Str { encoding, len, names })
    }

    /// A number of bytes or elements that is known before the first.
    fn len(&mut self, count: &'d ast::Count, scope: ScopeId) -> Compiled<Len> {
        let max = count.max.as_ref().and_then(|m| u64::try_from(m.node).ok());
        match &count.kind {
            CountKind::Rest => Ok(Len::Rest),
            CountKind::Prefix(ty) => Ok(Len::Prefix { repr: self.integer(ty, scope)?, max }),
            CountKind::Expr(e) => {
                let ex = self.lower(e, scope)?;
                match ex.constant() {
                    None => Ok(Len::Expr { expr: ex, max }),
                    Some(n) => match u32::try_from(n).ok().filter(|n| *n <= 1 << 24) {
                        Some(n) => Ok(Len::Fixed(n)),
                        None => Err(self.problem(Diagnostic::error(
                            "W036",
                            e.span,
                            format!("{n} is no length"),
                        ))),
                    },
                }
            }
            _ => Err(self.problem(Diagnostic::error("W037", count.span, "only a list can end so"))),
        }
    }

    /// The integer that a type is.
    fn integer(&mut self, ty: &'d Type, scope: ScopeId) -> Compiled<IntRepr> {
        let (shape, _, _, opened) = self.resolve(ty, scope)?;
        self.leave(opened);
        let order = self.decls.order;
        let repr = match shape.kind {
            TypeKind::Name { name, .. } => match primitives::named(&name.text, order) {
                Some(Primitive::Int(repr)) => Some(repr),
                Some(Primitive::Bool) => Some(IntRepr::Fixed { bytes: 1, signed: false, order }),
                Some(_) => None,
                None => return Err(self.unknown_type(name)),
            },
            _ => None,
        };
        repr.ok_or_else(|| {
            self.problem(
                Diagnostic::error("W038", ty.span, "an integer type is needed here")
                    .label("not an integer"),
            )
        })
    }

    fn entry_number(&mut self, entry: &Entry, next: i128) -> Compiled<i128> {
        match &entry.value {
            None => Ok(next),
            Some(value) => match &value.node {
                Literal::Int(n) => Ok(*n),
                _ => Err(self.problem(Diagnostic::error(
                    "W039",
                    value.span,
                    "an entry's value is a number here",
                ))),
            },
        }
    }

    fn enumeration(
        &mut self,
        id: FieldId,
        repr: &'d Type,
        entries: &'d [Entry],
        scope: ScopeId,
    ) -> Compiled<Kind> {
        let (shape, inner, _, opened) = self.resolve(repr, scope)?;
        if let TypeKind::Str { encoding, count } = shape.kind {
            let names = entries
                .iter()
                .filter(|e| self.admitted(&e.gates))
                .map(|e| match e.value.as_ref().map(|v| &v.node) {
                    Some(Literal::Str(text)) => text.as_str().into(),
                    _ => e.name.text.as_str().into(),
                })
                .collect();
            let kind =
                self.text(id, *encoding, count.as_ref(), shape.span, inner.unwrap_or(scope), names);
            self.leave(opened);
            return kind;
        }
        self.leave(opened);
        let repr = self.integer(repr, scope)?;
        self.enum_names.insert(id, entries.iter().map(|e| e.name.text.clone()).collect());
        let entries = self.entries(entries)?;
        self.pass_int(id, repr);
        Ok(Kind::Enum { repr, entries: Arc::new(entries) })
    }

    /// An enum's numbers at this version.
    fn entries(&mut self, entries: &'d [Entry]) -> Compiled<EnumEntries> {
        let mut by_number: Vec<(i128, Arc<str>)> = Vec::new();
        let mut next = 0;
        for entry in entries {
            if !self.admitted(&entry.gates) {
                continue;
            }
            let number = self.entry_number(entry, next)?;
            next = number.saturating_add(1);
            by_number.push((number, entry.name.text.as_str().into()));
        }
        by_number.sort_by_key(|(n, _)| *n);
        by_number.dedup_by_key(|(n, _)| *n);
        Ok(EnumEntries { by_number })
    }

    fn bits(
        &mut self,
        id: FieldId,
        repr: &'d Type,
        lsb_first: bool,
        members: &'d [ast::BitMember],
        span: Span,
        scope: ScopeId,
    ) -> Compiled<Kind> {
        let repr = self.integer(repr, scope)?;
        let total: i64 = match repr {
            IntRepr::Fixed { bytes, .. } => i64::from(bytes) * 8,
            IntRepr::Varint | IntRepr::Uvarint | IntRepr::Zigzag32 => 32,
            IntRepr::Varlong | IntRepr::Zigzag64 => 64,
            IntRepr::Varint128 => 128,
        };
        let mut used = 0;
        let mut list = Vec::new();
        for member in members {
            if !self.admitted(&member.gates) {
                continue;
            }
            let width = member.width.node;
            if !(1..=total).contains(&width) || used + width > total {
                let message = format!("{width} bits at bit {used} do not fit into {total}");
                return Err(self.problem(Diagnostic::error("W040", member.width.span, message)));
            }
            let shift = if lsb_first { used } else { total - used - width };
            used += width;
            if let Some(name) = &member.name {
                let marks = self.marks(&member.attributes)?;
                list.push(BitsMember {
                    name: name.text.as_str().into(),
                    shift: shift as u8,
                    width: width as u8,
                    signed: member.signed,
                    doc: member.doc.as_str().into(),
                    marks,
                });
            }
        }
        if used < total && repr.fixed_size().is_some() {
            let message = format!("the parts have {used} bits, the integer {total}");
            return Err(self.problem(
                Diagnostic::error("W040", span, message)
                    .help(format!("add `pad {}`", total - used)),
            ));
        }
        self.pass_int(id, repr);
        Ok(Kind::Bits { repr, members: list })
    }

    // ---- lists, blocks, calls ----------------------------------------------------------------

    /// A layout for a type of its own: a struct's fields, or one value without a name.
    fn layout_of(
        &mut self,
        ty: &'d Type,
        scope: ScopeId,
        wanted: &[&'d Expr],
    ) -> Compiled<(LayoutId, Vec<Ex>)> {
        if self.plan.layouts.len() > LAYOUTS_MAX || self.layouts.len() > NESTING_MAX {
            return Err(self.problem(Diagnostic::error(
                "W024",
                ty.span,
                "this type grows without end",
            )));
        }
        let parent = self.parent.take();
        let id = self.open_layout(None, 0);
        let (shape, inner, extra, opened) = self.resolve(ty, scope)?;
        let mut items = Vec::new();
        let mut transparent = false;
        let around = match shape.kind {
            TypeKind::Struct(body) if opened.recursive.is_none() => {
                let around = self.new_scope(Some(inner.unwrap_or(scope)));
                self.struct_items(body, around, &mut items)?;
                around
            }
            _ => {
                transparent = true;
                let nameless = Name { text: String::new(), span: ty.span };
                let mut marks = Marks::default();
                for attributes in &extra {
                    marks = marks.over(self.marks(attributes)?);
                }
                let around = self.new_scope(Some(inner.unwrap_or(scope)));
                match opened.recursive {
                    Some(_) => {
                        self.called(&nameless, "", marks, scope, around, &mut items, &opened)?
                    }
                    None => {
                        self.shaped(&nameless, "", shape, marks, inner, scope, around, &mut items)?
                    }
                }
                if let Some(Item::Field(id)) = items.iter().find(|i| matches!(i, Item::Field(_))) {
                    let written: Arc<str> = "it".into();
                    self.scopes[around].bind(String::new(), &written, Binding::Field(*id));
                }
                around
            }
        };
        let mut lowered = Vec::new();
        for expr in wanted {
            lowered.push(self.lower_it(expr, around)?);
        }
        self.leave(opened);
        self.close_layout(items, transparent);
        self.parent = parent;
        Ok((id, lowered))
    }

    fn array(
        &mut self,
        id: FieldId,
        count: &'d ast::Count,
        element: &'d Type,
        scope: ScopeId,
    ) -> Compiled<Kind> {
        let max = count.max.as_ref().and_then(|m| u64::try_from(m.node).ok());
        let order = self.decls.order;
        // What is asked of the array around the elements is looked up before they are.
        let (mut known, mut wanted) = (None, Vec::new());
        match &count.kind {
            CountKind::Rest | CountKind::Prefix(_) | CountKind::Expr(_) => {
                known = Some(Count::Len(self.len(count, scope)?));
            }
            CountKind::UntilValue { prim, compare, value } => {
                let Some(Primitive::Int(repr)) = primitives::named(&prim.text, order) else {
                    return Err(self.problem(Diagnostic::error(
                        "W038",
                        prim.span,
                        "an integer type is needed here",
                    )));
                };
                let value = self.lower(value, scope)?;
                known = Some(Count::Until { repr, compare: *compare, value, max });
            }
            CountKind::UntilSum { each, .. } => wanted.push(each),
            CountKind::While(more) => wanted.push(more),
        }
        // Only `it` is looked up in the element; the rest of such an expression is the array's.
        let (layout, lowered) = self.layout_of(element, scope, &wanted)?;
        let count = match (known, &count.kind, lowered.into_iter().next()) {
            (Some(count), ..) => count,
            (None, CountKind::UntilSum { compare, total, .. }, Some(each)) => {
                Count::Sum { each, compare: *compare, total: self.lower(total, scope)? }
            }
            (None, _, Some(more)) => Count::While { more, max },
            (None, _, None) => return Err(Broken::Reported),
        };
        let shape = self.element_shape(layout);
        let min = match &count {
            Count::Len(Len::Fixed(n)) => {
                n.saturating_mul(self.plan.layouts[layout as usize].min_size)
            }
            Count::Len(Len::Prefix { repr, .. }) => repr.fixed_size().unwrap_or(1),
            Count::Until { repr, .. } => repr.fixed_size().unwrap_or(1),
            _ => 0,
        };
        let (count_slot, first_slot, index_slot) = (self.slot(), self.slot(), self.slot());
        let array = self.plan.arrays.len() as u32;
        let kind = ArrayKind {
            count: count.clone(),
            element: layout,
            count_slot,
            first: Pos { slot: first_slot, offset: 0 },
            index_slot: Some(index_slot),
        };
        let end_slot = self.slot();
        self.plan.arrays.push(ArrayCode {
            count,
            element: layout,
            shape,
            element_min: self.plan.layouts[layout as usize].min_size,
            count_slot,
            first_slot,
            index_slot,
            end_slot,
        });
        self.emit(Op::Array { array }, Some(id));
        self.moved_to(end_slot, min);
        Ok(Kind::Array(kind))
    }

    fn moved_to(&mut self, slot: u32, min: u32) {
        let open = self.here();
        open.cur = Pos { slot, offset: 0 };
        open.fixed = false;
        open.min = open.min.saturating_add(min);
    }

    fn element_shape(&self, layout: LayoutId) -> ElementShape {
        let layout = &self.plan.layouts[layout as usize];
        if let Some(size) = layout.fixed_size {
            return ElementShape::Fixed(size);
        }
        let [Item::Field(id)] = layout.items.as_slice() else { return ElementShape::Layout };
        match &self.plan.fields[*id as usize].kind {
            Kind::Int(repr)
            | Kind::Enum { repr, .. }
            | Kind::Flags { repr, .. }
            | Kind::Bits { repr, .. } => ElementShape::Varint(repr.max_size()),
            Kind::Str { encoding, len: Len::Prefix { repr, max }, .. } => {
                let unit = if *encoding == Encoding::Utf16 { 2 } else { 1 };
                ElementShape::Prefixed { repr: *repr, unit, max: narrow(*max) }
            }
            Kind::Bytes { len: Len::Prefix { repr, max } } => {
                ElementShape::Prefixed { repr: *repr, unit: 1, max: narrow(*max) }
            }
            _ => ElementShape::Layout,
        }
    }

    fn block(
        &mut self,
        id: FieldId,
        transform: Transform,
        count: &'d ast::Count,
        ty: &'d Type,
        scope: ScopeId,
    ) -> Compiled<Kind> {
        let len = self.len(count, scope)?;
        let (layout, _) = self.layout_of(ty, scope, &[])?;
        let min = match &len {
            Len::Fixed(n) => *n,
            Len::Prefix { repr, .. } => repr.fixed_size().unwrap_or(1),
            _ => 0,
        };
        let (slot, end_slot) = (self.slot(), self.slot());
        let block = self.plan.blocks.len() as u32;
        self.plan.blocks.push(BlockCode { transform, len: len.clone(), layout, slot, end_slot });
        self.emit(Op::Block { block }, Some(id));
        self.moved_to(end_slot, min);
        Ok(Kind::Block { transform, len, layout, slot })
    }

    /// A type that contains itself: in a block of its own.
    #[expect(clippy::too_many_arguments, reason = "what is written of a field, and where it goes")]
    fn called(
        &mut self,
        name: &Name,
        doc: &str,
        marks: Marks,
        scope: ScopeId,
        bind: ScopeId,
        items: &mut Vec<Item>,
        opened: &Opened<'d>,
    ) -> Compiled<()> {
        let Some(ty) = opened.recursive else { return Err(Broken::Reported) };
        let decl = &self.decls.types[ty];
        let mut args = Vec::new();
        let mut type_args = String::new();
        for (param, arg) in decl.params.iter().zip(&opened.args) {
            match arg {
                Binding::Value { ex, level } => args.push(ex.outwards(self.layouts.len() - level)),
                Binding::Type { ty, scope } => {
                    type_args.push_str(&format!("{}={scope}:{ty:?};", param.text))
                }
                Binding::Field(_) => {}
            }
        }
        let layout = match self.called.get(&(ty, type_args.clone())) {
            Some(layout) => *layout,
            None => self.call_layout(ty, type_args, args.len() as u32, &opened.args)?,
        };
        let _ = scope;
        let shared: Arc<str> = name.text.as_str().into();
        let (slot, end_slot) = (self.slot(), self.slot());
        let id = self.new_field(
            shared.clone(),
            doc,
            Kind::Call { layout, slot, args: args.clone() },
            marks,
        );
        let call = self.plan.calls.len() as u32;
        self.plan.calls.push(CallCode { layout, args, slot, end_slot });
        self.emit(Op::Call { call }, Some(id));
        self.moved_to(end_slot, 0);
        self.end_field(id);
        if !name.text.is_empty() {
            self.check_duplicate(name, id, bind);
            self.scopes[bind].bind(name.key(), &shared, Binding::Field(id));
        }
        items.push(Item::Field(id));
        Ok(())
    }

    fn call_layout(
        &mut self,
        ty: TypeId,
        key: String,
        args: u32,
        bindings: &[Binding<'d>],
    ) -> Compiled<LayoutId> {
        let decl = &self.decls.types[ty];
        if self.plan.layouts.len() > LAYOUTS_MAX {
            return Err(self.problem(Diagnostic::error(
                "W024",
                decl.span,
                "this type grows without end",
            )));
        }
        let parent = self.parent.take();
        let arms = std::mem::take(&mut self.arms);
        let id = self.open_layout(Some(decl.name.text.as_str().into()), args);
        self.called.insert((ty, key), id);
        let scope = self.new_scope(None);
        let mut next = 0;
        for (param, binding) in decl.params.iter().zip(bindings) {
            let binding = match binding {
                Binding::Value { .. } => {
                    next += 1;
                    Binding::Value {
                        ex: Ex::Arg { up: 0, index: next - 1 },
                        level: self.layouts.len(),
                    }
                }
                other => other.clone(),
            };
            self.scopes[scope].bind(param.key(), &param.text.as_str().into(), binding);
        }
        let mut items = Vec::new();
        let mut transparent = false;
        match &decl.body.kind {
            TypeKind::Struct(body) => {
                let around = self.new_scope(Some(scope));
                self.struct_items(body, around, &mut items)?;
            }
            _ => {
                transparent = true;
                let nameless = Name { text: String::new(), span: decl.span };
                let bind = self.new_scope(Some(scope));
                self.typed(&nameless, "", &decl.body, Marks::default(), scope, bind, &mut items)?;
            }
        }
        self.close_layout(items, transparent);
        self.parent = parent;
        self.arms = arms;
        Ok(id)
    }

    /// Notes what is derived from this field's number of elements, bytes or code units.
    fn derive(&mut self, id: FieldId) {
        let ex = match &self.plan.fields[id as usize].kind {
            Kind::Str { len: Len::Expr { expr, .. }, .. }
            | Kind::Bytes { len: Len::Expr { expr, .. } }
            | Kind::Block { len: Len::Expr { expr, .. }, .. } => expr,
            Kind::Array(array) => match &array.count {
                Count::Len(Len::Expr { expr, .. }) => expr,
                _ => return,
            },
            _ => return,
        };
        if let Some((field, scale, offset)) = ex.linear() {
            self.plan.fields[field as usize].derived.push(Derivation::Measures {
                of: id,
                scale,
                offset,
            });
        }
    }

    // ---- declared types ----------------------------------------------------------------------

    /// Follows names to a type's shape; gives the scope of its parameters if it was declared, and the
    /// attributes met on the way.
    #[expect(clippy::type_complexity, reason = "what is found on one way")]
    pub(super) fn resolve(
        &mut self,
        ty: &'d Type,
        scope: ScopeId,
    ) -> Compiled<(Shape<'d>, Option<ScopeId>, Vec<&'d [Attribute]>, Opened<'d>)> {
        let mut extra = Vec::new();
        let mut opened = Opened { depth: self.open_types.len(), recursive: None, args: Vec::new() };
        let (mut ty, mut at, mut inner) = (ty, scope, None);
        loop {
            let TypeKind::Name { name, args } = &ty.kind else { break };
            if self.open_types.len() > NESTING_MAX {
                return Err(self.problem(Diagnostic::error(
                    "W024",
                    name.span,
                    "this type grows without end",
                )));
            }
            if let Some(Binding::Type { ty: bound, scope }) = self.parameter(name, at) {
                (ty, at, inner) = (bound, scope, Some(scope));
                continue;
            }
            let Some(id) = self.declared(name)? else {
                if !args.is_empty() {
                    return Err(self.unknown_type(name));
                }
                break;
            };
            let decl = &self.decls.types[id];
            if decl.params.len() != args.len() {
                let message = format!(
                    "`{}` takes {} argument(s), not {}",
                    name.text,
                    decl.params.len(),
                    args.len()
                );
                return Err(self.problem(
                    Diagnostic::error("W041", name.span, message)
                        .secondary(decl.name.span, "declared here"),
                ));
            }
            let mut bound = Vec::new();
            for (param, arg) in decl.params.iter().zip(args) {
                bound.push(self.argument(param, arg, at)?);
            }
            if self.recursive.contains(&id) {
                opened.recursive = Some(id);
                opened.args = bound;
                extra.push(decl.attributes.as_slice());
                break;
            }
            if self.open_types.contains(&id) {
                return Err(Broken::Recursive(id));
            }
            self.open_types.push(id);
            let params = self.new_scope(None);
            for (param, binding) in decl.params.iter().zip(bound) {
                self.scopes[params].bind(param.key(), &param.text.as_str().into(), binding);
            }
            extra.push(decl.attributes.as_slice());
            (ty, at, inner) = (&decl.body, params, Some(params));
        }
        Ok((Shape { kind: &ty.kind, span: ty.span }, inner, extra, opened))
    }

    pub(super) fn leave(&mut self, opened: Opened<'d>) {
        self.open_types.truncate(opened.depth);
    }

    fn parameter(&self, name: &Name, scope: ScopeId) -> Option<Binding<'d>> {
        let key = name.key();
        let mut at = Some(scope);
        while let Some(scope) = at {
            if let Some([binding @ Binding::Type { .. }, ..]) = self.scopes[scope].get(&key) {
                return Some(binding.clone());
            }
            at = self.scopes[scope].parent;
        }
        None
    }

    /// The declaration of a type at this version.
    fn declared(&mut self, name: &Name) -> Compiled<Option<TypeId>> {
        let decls = self.decls;
        let Some(candidates) = decls.types_by_name.get(&name.key()) else { return Ok(None) };
        let found = candidates.iter().copied().find(|id| {
            let gates = &decls.types[*id].gates;
            gates::admits(
                gates,
                &decls.versions,
                self.version,
                Some(self.direction),
                &mut self.interval,
            )
        });
        if found.is_none() {
            let key = &decls.versions.get(self.version).key;
            let message = format!("`{}` is not declared for version {key}", name.text);
            return Err(self.problem(
                Diagnostic::error("W042", name.span, message)
                    .secondary(decls.types[candidates[0]].name.span, "declared here for others"),
            ));
        }
        Ok(found)
    }

    fn argument(&mut self, param: &Name, arg: &'d Arg, scope: ScopeId) -> Compiled<Binding<'d>> {
        let wants_type = param.text.starts_with(char::is_uppercase);
        match (wants_type, arg) {
            (true, Arg::Type(ty) | Arg::Name(ty)) => Ok(Binding::Type { ty, scope }),
            (false, Arg::Expr(e)) => {
                let ex = self.lower(e, scope)?;
                Ok(Binding::Value { ex, level: self.layouts.len() })
            }
            (false, Arg::Name(ty)) => {
                let TypeKind::Name { name, args } = &ty.kind else { return Err(Broken::Reported) };
                if !args.is_empty() {
                    return Err(self.problem(Diagnostic::error(
                        "W043",
                        ty.span,
                        "a value is needed here",
                    )));
                }
                let ex = self.lower_name(name, scope)?;
                Ok(Binding::Value { ex, level: self.layouts.len() })
            }
            (true, Arg::Expr(e)) => Err(self.problem(Diagnostic::error(
                "W043",
                e.span,
                format!("`{}` is a type", param.text),
            ))),
            (false, Arg::Type(ty)) => Err(self.problem(Diagnostic::error(
                "W043",
                ty.span,
                format!("`{}` is a value", param.text),
            ))),
        }
    }

    // ---- names of enums ----------------------------------------------------------------------

    /// The entries of the enum that an expression is of.
    pub(super) fn names_of(&mut self, expr: &'d Expr, scope: ScopeId) -> Option<EnumNames> {
        let ExprKind::Path(path) = &expr.kind else { return None };
        let before = self.problems.len();
        let found = self.field_of(path, expr.span, scope);
        self.problems.truncate(before);
        let field = found.ok()?;
        let id = *field.fields.first()?;
        match &self.plan.fields[id as usize].kind {
            Kind::Enum { entries, .. } if field.member.is_none() => {
                let entries = entries.clone();
                let all = self.enum_names.get(&id).cloned().unwrap_or_default();
                Some(EnumNames { entries, all })
            }
            _ => None,
        }
    }

    /// The text field that an expression is.
    pub(super) fn text_field(&mut self, expr: &'d Expr, scope: ScopeId) -> Option<FieldRef> {
        let ExprKind::Path(path) = &expr.kind else { return None };
        let before = self.problems.len();
        let found = self.field_of(path, expr.span, scope);
        self.problems.truncate(before);
        let field = found.ok()?;
        let id = *field.fields.first()?;
        matches!(self.plan.fields[id as usize].kind, Kind::Str { .. }).then_some(field)
    }

    /// An expression over the body's fields, after the body's layout is closed.
    pub(super) fn lower_at_body(&mut self, expr: &'d Expr, scope: ScopeId) -> Compiled<Ex> {
        self.resume_layout(0, 0);
        let lowered = self.lower(expr, scope);
        self.layouts.pop();
        lowered
    }

    /// The enum that an expression over the body's fields is of.
    pub(super) fn names_at_body(&mut self, expr: &'d Expr, scope: ScopeId) -> Option<EnumNames> {
        self.resume_layout(0, 0);
        let names = self.names_of(expr, scope);
        self.layouts.pop();
        names
    }

    // ---- attributes --------------------------------------------------------------------------

    fn marks(&mut self, attributes: &'d [Attribute]) -> Compiled<Marks> {
        let mut marks = Marks::default();
        for attribute in attributes {
            let word = |c: &mut Self| match attribute.args.first().map(|e| &e.kind) {
                Some(ExprKind::Path(path)) if path.len() == 1 => {
                    Ok(Arc::from(path[0].text.as_str()))
                }
                Some(ExprKind::Str(text)) => Ok(Arc::from(text.as_str())),
                _ => Err(c.problem(Diagnostic::error(
                    "W044",
                    attribute.name.span,
                    format!("@{} needs a name", attribute.name.text),
                ))),
            };
            match attribute.name.text.as_str() {
                "ref" => {
                    let name: Arc<str> = word(self)?;
                    marks.reference_table = self.table(&name);
                    marks.reference = Some(name);
                }
                "unit" => marks.unit = Some(word(self)?),
                "secret" => marks.secret = true,
                "chat" => marks.chat = true,
                "color" => marks.color = true,
                "hex" => marks.hex = true,
                "hide" => marks.hide = true,
                "telling" => marks.telling = true,
                "host" => marks.host = true,
                "port" => marks.port = true,
                "max" => match attribute.args.first().map(|e| &e.kind) {
                    Some(ExprKind::Int(n)) => marks.max = i64::try_from(*n).ok(),
                    _ => {
                        return Err(self.problem(Diagnostic::error(
                            "W044",
                            attribute.name.span,
                            "@max needs a number",
                        )));
                    }
                },
                other => {
                    const KNOWN: [&str; 11] = [
                        "ref", "unit", "secret", "chat", "color", "hex", "hide", "telling", "host",
                        "port", "max",
                    ];
                    let error = Diagnostic::error(
                        "W045",
                        attribute.name.span,
                        format!("no attribute is called `@{other}`"),
                    );
                    let near = suggest(other, KNOWN.into_iter());
                    return Err(self.problem(match near {
                        Some(near) => error.label(format!("did you mean `@{near}`?")),
                        None => error.help(format!("there are: @{}", KNOWN.join(", @"))),
                    }));
                }
            }
        }
        Ok(marks)
    }

    /// A table as it is at this version.
    pub(super) fn table(&mut self, name: &str) -> Option<Arc<crate::table::Table>> {
        self.decls.table(name, self.version, Some(self.direction), &mut self.interval)
    }
}

/// The names of an enum: those of this version, and of all.
pub(super) struct EnumNames {
    pub(super) entries: Arc<EnumEntries>,
    pub(super) all: Vec<String>,
}

/// A type behind its names.
#[derive(Clone, Copy)]
pub(super) struct Shape<'d> {
    pub(super) kind: &'d TypeKind,
    pub(super) span: Span,
}

/// Which declared types were entered on the way to a shape.
pub(super) struct Opened<'d> {
    depth: usize,
    /// The way ended at a type that contains itself.
    pub(super) recursive: Option<TypeId>,
    /// Its arguments.
    args: Vec<Binding<'d>>,
}

fn narrow(max: Option<u64>) -> u32 {
    max.map_or(u32::MAX, |max| u32::try_from(max).unwrap_or(u32::MAX))
}

/// Arm by value, where all labels are constants and there are few arms.
fn dense(arms: &[Arm]) -> Vec<u8> {
    let constant = |arm: &Arm| arm.labels.iter().all(|l| matches!(l, ArmLabel::Range(..)));
    if arms.len() > 250 || !arms.iter().all(constant) {
        return Vec::new();
    }
    let arm_of = |value: i128| {
        let fits = |l: &ArmLabel| matches!(l, ArmLabel::Range(low, high) if *low <= value && value <= *high);
        let found =
            arms.iter().position(|arm| arm.labels.is_empty() || arm.labels.iter().any(fits));
        found.unwrap_or(arms.len()) as u8
    };
    (0..256).map(arm_of).collect()
}

//! One packet at one version in one direction: from its syntax tree to a plan.

mod branch;
mod containers;
mod declared;
mod doubts;
mod ends;
mod fields;
mod fits;
mod late;
mod layout;
mod lower;
mod marks;
mod opened;
mod scalars;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use midwire_codec::{ByteOrder, Direction};

use super::gates::{self, Interval};
use super::primitives::{self, Primitive};
use super::scope::{Binding, NameScope, ScopeId};
use super::{Declarations, TypeId};
use crate::diagnostics::{Diagnostic, suggest};
use crate::plan::{
    Arm, ArmLabel, ArrayCode, ArrayKind, BitsMember, BlockCode, Branch, BranchId, CallCode,
    CipherField, Code, Cond, Count, Derivation, ElementShape, EnumEntries, Ex, Field, FieldId,
    FieldRef, FlagMember, IntRepr, Item, Kind, Layout, LayoutId, Len, Marks, Member, Op, Plan, Pos,
    START_SLOT, Select, Switch,
};
use crate::syntax::ast::{
    self, Arg, Attribute, CountKind, Entry, Expr, ExprKind, FieldKind, Gate, Labels, Literal, Name,
    Span, Struct, Transform, Type, TypeKind, lookup_key, same_name,
};
use crate::value::Encoding;
use crate::version::VersionId;
pub(super) use doubts::Doubt;
pub(super) use fits::{Fit, misfit};
use late::Late;

/// The most layouts, and the most fields, of one plan: types may grow without end through their arguments.
const LAYOUTS_MAX: usize = 4_096;
const FIELDS_MAX: usize = 65_536;
/// The deepest nesting of types in a plan that is being made.
const NESTING_MAX: usize = 200;
/// The most entries of structs that are gone through for one plan, with or without a field.
const ENTRIES_MAX: usize = 1 << 18;
/// The most comparisons of fields that share a name, in exclusive arms, for one plan.
const COMPARED_MAX: usize = 1 << 24;
/// The most operands and operators of one expression, those of the `let`s and arguments in it included.
const EXPRESSION_MAX: usize = 1_000;

/// So many things wrong in one packet are enough to report.
const PROBLEMS_MAX: usize = 100;

/// A piece could not be compiled, and what is wrong was reported.
pub(super) struct Reported;

/// Whether a piece was compiled.
type Compiled<T> = Result<T, Reported>;

/// What is written of a field besides its type, and where its name counts.
#[derive(Clone)]
pub(super) struct Written<'a, 'd> {
    name: &'a Name,
    doc: &'a str,
    marks: Marks,
    bind: ScopeId,
    /// What its bytes may hold: `@open`.
    opens: Vec<&'d Type>,
}

/// Makes one plan.
pub(super) struct Compiler<'d> {
    pub(super) decls: &'d Declarations,
    pub(super) version: VersionId,
    pub(super) direction: Direction,
    pub(super) interval: Interval,
    pub(super) problems: Vec<Diagnostic>,
    /// Numbers that were written, and whether they fit here.
    pub(super) fits: Vec<Fit>,
    /// What is right, but should be known.
    pub(super) warnings: Vec<Diagnostic>,
    /// What is right, but may not be what was meant.
    pub(super) doubts: Vec<Doubt>,
    /// Where fields were given their names.
    named_at: HashMap<FieldId, Span>,
    dependents: Vec<ends::Dependent>,
    pub(super) plan: Plan,
    pub(super) scopes: Vec<NameScope<'d>>,
    pub(super) struct_scopes: HashMap<FieldId, ScopeId>,
    /// The arms that the place being compiled stands in.
    pub(super) arms: Vec<(BranchId, u32)>,
    /// What is compiled stands in the `else` arm of a match.
    pub(super) in_else: bool,
    open_types: Vec<TypeId>,
    called: HashMap<(TypeId, String), LayoutId>,
    /// How many layouts were open, that of the type included, at each type that contains itself.
    called_at: Vec<usize>,
    pub(super) layouts: Vec<OpenLayout>,
    parent: Option<FieldId>,
    nesting: usize,
    entries: usize,
    /// Fields of one name that were compared with each other.
    compared: usize,
    /// How large the expression of each `let` is.
    let_sizes: HashMap<FieldId, usize>,
    /// It is only tried whether something has a meaning.
    pub(super) quiet: bool,
    /// What is computed from fields that come later in their struct.
    late: Vec<Late<'d>>,
    /// All fields of the struct are known.
    at_the_end: bool,
    /// What bytes hold is being compiled.
    opening: bool,
    /// The names that each enum field has at any version.
    enum_names: HashMap<FieldId, Arc<[String]>>,
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
    pub(super) fn new(decls: &'d Declarations, version: VersionId, direction: Direction) -> Self {
        Compiler {
            decls,
            version,
            direction,
            interval: Interval::ALL,
            problems: Vec::new(),
            fits: Vec::new(),
            warnings: Vec::new(),
            doubts: Vec::new(),
            named_at: HashMap::new(),
            dependents: Vec::new(),
            plan: Plan::empty(),
            scopes: Vec::new(),
            struct_scopes: HashMap::new(),
            arms: Vec::new(),
            in_else: false,
            open_types: Vec::new(),
            called: HashMap::new(),
            called_at: Vec::new(),
            layouts: Vec::new(),
            parent: None,
            nesting: 0,
            entries: 0,
            compared: 0,
            let_sizes: HashMap::new(),
            quiet: false,
            late: Vec::new(),
            at_the_end: false,
            opening: false,
            enum_names: HashMap::new(),
        }
    }

    /// How much was gone through.
    pub(super) fn steps(&self) -> usize {
        self.entries
    }

    /// Compiles the body; gives the scope of its names.
    pub(super) fn body(&mut self, body: Option<&'d Struct>) -> Compiled<ScopeId> {
        let scope = self.new_scope(None);
        let id = self.open_layout(None, 0);
        debug_assert_eq!(id, 0);
        self.scopes[scope].level = self.layouts.len();
        let mut items = Vec::new();
        match body {
            Some(body) => self.struct_body(body, scope, &mut items)?,
            None => self.tail(&mut items),
        }
        self.close_layout(items, false);
        Ok(scope)
    }

    pub(super) fn problem(&mut self, diagnostic: Diagnostic) -> Reported {
        if !self.quiet {
            self.problems.push(diagnostic);
        }
        Reported
    }

    fn grows(&mut self, span: Span) -> Reported {
        self.problem(Diagnostic::error("W024", span, "this type grows without end"))
    }

    /// The size of an expression, as what has to be gone through for its value.
    fn bounded(&mut self, ex: &Ex, span: Span) -> Compiled<usize> {
        let size = ex.size(&|id| self.let_sizes.get(&id).copied().unwrap_or(0));
        if size > EXPRESSION_MAX {
            let message = "this expression grows without end";
            let error = Diagnostic::error("W055", span, message)
                .note("what it names is part of it: each `let`, and each argument");
            return Err(self.problem(error));
        }
        Ok(size)
    }

    pub(super) fn admitted(&mut self, gates: &[Gate]) -> bool {
        let versions = &self.decls.versions;
        gates::admits(gates, versions, self.version, Some(self.direction), &mut self.interval)
    }

    pub(super) fn struct_items(
        &mut self,
        body: &'d Struct,
        scope: ScopeId,
        items: &mut Vec<Item>,
    ) -> Compiled<()> {
        let before = (self.nesting, self.layouts.len(), self.open_types.len(), self.parent);
        let arms = self.arms.clone();
        self.nesting += 1;
        if self.nesting > NESTING_MAX || self.plan.fields.len() > FIELDS_MAX {
            return Err(self.grows(body.span));
        }
        let mut broken = false;
        for field in &body.fields {
            self.entries += 1;
            if self.entries > ENTRIES_MAX {
                return Err(self.grows(body.span));
            }
            if !self.admitted(&field.gates) {
                continue;
            }
            match self.struct_item(field, scope, items) {
                Ok(()) => {}
                // One wrong field does not hide what is wrong with the next, unless there is no end to it.
                Err(Reported) => {
                    broken = true;
                    if self.problems.len() >= PROBLEMS_MAX {
                        return Err(Reported);
                    }
                    if let FieldKind::Named { name, .. } | FieldKind::Let { name, .. } = &field.kind
                    {
                        self.scopes[scope].bind_broken(name.key());
                    }
                    self.nesting = before.0 + 1;
                    self.layouts.truncate(before.1);
                    self.open_types.truncate(before.2);
                    self.parent = before.3;
                    self.arms.clone_from(&arms);
                }
            }
        }
        self.nesting -= 1;
        if broken { Err(Reported) } else { Ok(()) }
    }

    pub(super) fn struct_item(
        &mut self,
        field: &'d ast::Field,
        scope: ScopeId,
        items: &mut Vec<Item>,
    ) -> Compiled<()> {
        match &field.kind {
            FieldKind::Named { name, ty, value, attributes } => {
                let (marks, opens) = self.field_marks(attributes)?;
                let first = self.plan.fields.len();
                let written = Written { name, doc: &field.doc, marks, bind: scope, opens };
                self.typed(written, ty, scope, items)?;
                // What is opened is looked at, and never written.
                if let (Some(value), false) = (value, self.opening) {
                    let made = self.plan.fields[first..].iter().position(|f| *f.name == *name.text);
                    if let Some(made) = made {
                        self.computed(first + made, value, scope);
                    }
                }
                Ok(())
            }
            FieldKind::If { condition, then, otherwise } => {
                let ex = self.lower(condition, scope)?;
                self.doubt_condition(&ex, condition.span);
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
                let size = self.bounded(&ex, value.span)?;
                let shared: Arc<str> = name.text.as_str().into();
                let id =
                    self.new_field(shared, &field.doc, Kind::Let(Box::new(ex)), Marks::default());
                self.let_sizes.insert(id, size);
                self.bind(name, id, scope);
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
                // What is of an unknown kind has no end that its author could have named.
                if !self.in_else {
                    self.depends(field.span, ends::Depends::Tail);
                }
                self.tail(items);
                Ok(())
            }
            FieldKind::Flat(ty) => self.flat(ty, scope, items),
        }
    }

    /// The fields of a struct type, in the struct around.
    pub(super) fn flat(
        &mut self,
        ty: &'d Type,
        scope: ScopeId,
        items: &mut Vec<Item>,
    ) -> Compiled<()> {
        let (shape, inner, _, opened) = self.resolve(ty, scope)?;
        let result = match &shape.kind {
            TypeKind::Struct(body) if opened.recursive.is_none() => {
                let around = self.new_scope(inner);
                self.struct_body(body, around, items)?;
                let mut fields: Vec<_> = self.scopes[around].fields().map(|(_, id)| id).collect();
                fields.sort_unstable();
                for id in fields {
                    let text = self.plan.fields[id as usize].name.to_string();
                    self.bind(&Name { text, span: ty.span }, id, scope);
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
}

/// The names of an enum: those of this version, and of all.
pub(super) struct EnumNames {
    entries: Arc<EnumEntries>,
    all: Arc<[String]>,
    /// Keys of those that do not mean the same in all fields that are asked.
    differing: HashSet<String>,
}

/// What a name stands for in an enum.
pub(super) enum EntryOf {
    Number(i128),
    /// It has a number at other versions.
    OtherVersion,
    Unknown,
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

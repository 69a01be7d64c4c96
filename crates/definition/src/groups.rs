//! Groups: one name for packets that people see as one thing, with views that mean the same in all of
//! them, at all versions.
//!
//! A view is a path, `text(path)` (the words of a chat component), a number or a text, or numbers joined
//! by `+ - * /`, as in `x / 32`.

mod give;

use std::sync::Arc;

use midwire_codec::Direction;

use crate::chat;
use crate::given::Given;
use crate::json::write_uuid;
use crate::plan::{Item, Kind, Layout, Packet, Plan};
use crate::protocol::{PacketDefinition, Protocol, StateId};
use crate::resolve::{Interval, directions, gates_admit};
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, GroupItem, GroupMember, Name, same_name};
use crate::table::Table;
use crate::value::Value;
use crate::version::VersionId;

/// What players call one thing.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name.
    pub name: Arc<str>,
    /// The doc comment.
    pub doc: Arc<str>,
    /// The names of its views, and what they give.
    pub views: Vec<(Arc<str>, ViewKind)>,
    members: Vec<Member>,
    /// Packets of it may be left out.
    may_drop: bool,
}

/// What makes players not see a packet.
#[derive(Debug, Clone, PartialEq)]
pub enum Hiding {
    /// It does not go on.
    Drop,
    /// It goes on with other values in these fields.
    Set(Vec<(Box<str>, Given)>),
}

#[derive(Debug, Clone)]
struct Member {
    state: Option<StateId>,
    written: GroupMember,
}

/// What a view gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ViewKind {
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `float`: any number
    Float,
    /// `str`
    Text,
}

/// One view of one packet at one version, compiled.
#[derive(Debug, Clone)]
pub struct View {
    kind: ViewKind,
    form: Form,
    table: Option<Arc<Table>>,
}

/// What a view gives of a packet.
#[derive(Debug, Clone, PartialEq)]
pub enum ViewValue {
    /// Of a `bool`.
    Bool(bool),
    /// Of an `int`.
    Int(i128),
    /// Of a `float`.
    Float(f64),
    /// Of a `str`.
    Text(String),
}

/// How a view is computed.
#[derive(Debug, Clone)]
pub enum ViewForm {
    /// A field, as `item.count`.
    Path(Box<str>),
    /// The words of a chat component.
    Words(Box<str>, Component),
    /// A constant.
    Int(i128),
    /// A constant.
    Float(f64),
    /// A constant.
    Text(Box<str>),
    /// `+ - * /`
    Binary(BinaryOp, Box<ViewForm>, Box<ViewForm>),
}

use ViewForm as Form;

/// How a chat component is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// As JSON, or as plain text.
    Json,
    /// As NBT.
    Nbt,
    /// The one in some packets of the plan, the other in others.
    Either,
}

/// How deep an expression of a view may nest.
const DEPTH_MAX: usize = 64;
/// Layouts within each other on the way of a path: a type that contains itself has longer ones.
const LAYOUTS_MAX: usize = 16;

impl ViewKind {
    fn named(name: &Name) -> Option<ViewKind> {
        Some(match name.text.as_str() {
            "bool" => ViewKind::Bool,
            "int" => ViewKind::Int,
            "float" => ViewKind::Float,
            "str" => ViewKind::Text,
            _ => return None,
        })
    }

    /// The word that definitions use.
    pub fn as_str(self) -> &'static str {
        match self {
            ViewKind::Bool => "bool",
            ViewKind::Int => "int",
            ViewKind::Float => "float",
            ViewKind::Text => "str",
        }
    }
}

impl Protocol {
    /// The groups of the definition. Where an extension has a group of the same name, its packets are added.
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for item in &self.declarations.groups {
            let group = match groups.iter_mut().find(|group| item.name.is(&group.name)) {
                Some(group) => group,
                None => {
                    groups.push(Group {
                        name: item.name.text.as_str().into(),
                        doc: item.doc.as_str().into(),
                        views: Vec::new(),
                        members: Vec::new(),
                        may_drop: false,
                    });
                    let last = groups.len() - 1;
                    &mut groups[last]
                }
            };
            group.add(item, self);
        }
        groups
    }

    /// The group of a name; case and `_` do not matter.
    pub fn group_named(&self, name: &str) -> Option<Group> {
        self.groups().into_iter().find(|group| same_name(&group.name, name))
    }
}

impl Group {
    fn add(&mut self, item: &GroupItem, protocol: &Protocol) {
        self.may_drop |= item.hide;
        for (name, kind) in &item.views {
            let known = self.views.iter().any(|(known, _)| name.is(known));
            if let Some(kind) = ViewKind::named(kind).filter(|_| !known) {
                self.views.push((name.text.as_str().into(), kind));
            }
        }
        self.members.extend(item.members.iter().map(|member| Member {
            state: protocol.declarations.state(member.state.as_ref()),
            written: member.clone(),
        }));
    }

    /// The place of a view in [`Group::views`]; case and `_` do not matter.
    pub fn view_named(&self, name: &str) -> Option<usize> {
        self.views.iter().position(|(known, _)| same_name(known, name))
    }

    /// Where in the group the first line about packets of that name stands, at any version.
    pub fn place_of(&self, state: StateId, direction: Direction, name: &str) -> Option<usize> {
        self.members.iter().position(|member| {
            let written = &member.written;
            member.state == Some(state)
                && written.packet.is(name)
                && directions(written.directions).any(|admitted| admitted == direction)
        })
    }

    /// Whether packets of that name are in this group at any version.
    pub fn has_member(&self, state: StateId, direction: Direction, name: &str) -> bool {
        self.members.iter().any(|member| {
            let written = &member.written;
            member.state == Some(state)
                && written.packet.is(name)
                && directions(written.directions).any(|admitted| admitted == direction)
        })
    }

    /// The views of a packet, in the order of [`Group::views`]; `None` in the place of one that it does
    /// not have at this version. `None` altogether: it is not in this group.
    pub fn views_of(
        &self,
        protocol: &Protocol,
        version: VersionId,
        packet: &PacketDefinition,
    ) -> Option<Vec<Option<View>>> {
        let mut views: Option<Vec<Option<View>>> = None;
        for written in self.members_for(protocol, version, packet) {
            let views = views.get_or_insert_with(|| vec![None; self.views.len()]);
            let Some(plan) = &packet.plan else { continue };
            for (name, e) in &written.views {
                let Some(at) = self.view_named(&name.text) else { continue };
                if views[at].is_none() {
                    views[at] = View::new(self.views[at].1, e, plan);
                }
            }
        }
        views
    }

    /// How a packet is hidden from players at a version: as its line in the group says, else as the group
    /// says. `None`: it is not in this group, or nothing is said.
    pub fn hides(
        &self,
        protocol: &Protocol,
        version: VersionId,
        packet: &PacketDefinition,
    ) -> Option<Hiding> {
        let mut fields = Vec::new();
        let (mut is_member, mut is_fixed) = (false, false);
        for written in self.members_for(protocol, version, packet) {
            is_member = true;
            is_fixed |= written.fixed;
            for (path, e) in &written.hide {
                let value = match &e.kind {
                    ExprKind::Int(n) => Given::Int(*n),
                    ExprKind::Float(n) => Given::Float(*n),
                    ExprKind::Bool(b) => Given::Bool(*b),
                    ExprKind::Str(text) => Given::Text(text.clone()),
                    ExprKind::Path(name) => Given::Text(self::written(name).into()),
                    _ => continue,
                };
                fields.push((self::written(path), value));
            }
        }
        match (is_member, fields.is_empty()) {
            (true, false) => Some(Hiding::Set(fields)),
            (true, true) if self.may_drop && !is_fixed => Some(Hiding::Drop),
            _ => None,
        }
    }

    /// What is written of a packet at a version.
    fn members_for<'g>(
        &'g self,
        protocol: &'g Protocol,
        version: VersionId,
        packet: &'g PacketDefinition,
    ) -> impl Iterator<Item = &'g GroupMember> {
        self.members.iter().filter_map(move |member| {
            let written = &member.written;
            let is_meant = member.state == Some(packet.state)
                && written.packet.is(&packet.name)
                && directions(written.directions).any(|direction| direction == packet.direction)
                && admits(written, protocol, version, packet.direction);
            is_meant.then_some(written)
        })
    }

    /// What is wrong with the views of a packet at a version: those that name no field there, or one of
    /// another kind.
    pub fn unresolved(
        &self,
        protocol: &Protocol,
        version: VersionId,
        packet: &PacketDefinition,
    ) -> Vec<Arc<str>> {
        let Some(views) = self.views_of(protocol, version, packet) else { return Vec::new() };
        let mut wrong = Vec::new();
        for written in self.members_for(protocol, version, packet) {
            for (name, _) in &written.views {
                let found = self.view_named(&name.text).and_then(|at| views[at].as_ref());
                if found.is_none() {
                    wrong.push(name.text.as_str().into());
                }
            }
        }
        wrong
    }
}

fn admits(
    member: &GroupMember,
    protocol: &Protocol,
    version: VersionId,
    direction: Direction,
) -> bool {
    let mut interval = Interval::ALL;
    gates_admit(&member.gates, &protocol.versions, version, Some(direction), &mut interval)
}

impl View {
    fn new(kind: ViewKind, e: &Expr, plan: &Plan) -> Option<View> {
        let mut table = None;
        let form = form(e, kind, plan, 0, &mut table)?;
        Some(View { kind, form, table })
    }

    /// What it gives.
    pub fn kind(&self) -> ViewKind {
        self.kind
    }

    /// How it is computed.
    pub fn form(&self) -> &ViewForm {
        &self.form
    }

    /// The names of its numbers, if it is a field with `@ref`.
    pub fn table(&self) -> Option<&Arc<Table>> {
        self.table.as_ref()
    }

    /// What it gives of a packet; `None`: the field is absent, or was not read.
    pub fn value(&self, packet: &mut Packet<'_>) -> Option<ViewValue> {
        match self.kind {
            ViewKind::Bool => Some(ViewValue::Bool(self.form.int(packet)? != 0)),
            ViewKind::Int => Some(ViewValue::Int(self.form.int(packet)?)),
            ViewKind::Float => Some(ViewValue::Float(self.form.float(packet)?)),
            ViewKind::Text => Some(ViewValue::Text(self.form.text(packet)?)),
        }
    }
}

/// Compiles what is written; `None` where the plan has no such field, or one of another kind.
fn form(
    e: &Expr,
    kind: ViewKind,
    plan: &Plan,
    depth: usize,
    table: &mut Option<Arc<Table>>,
) -> Option<Form> {
    let is_number = kind != ViewKind::Text;
    if depth > DEPTH_MAX {
        return None;
    }
    match &e.kind {
        ExprKind::Path(path) => {
            let targets = targets(plan, path)?;
            if !targets.iter().all(|target| target.gives(kind)) {
                return None;
            }
            if depth == 0 {
                let of = |target: &Target<'_>| match target.member {
                    None => target.field.marks.reference_table.clone(),
                    Some(_) => None,
                };
                *table = targets.iter().find_map(of);
            }
            Some(Form::Path(written(path)))
        }
        ExprKind::Call(name, args) if name.text == "text" && kind == ViewKind::Text => {
            let [Expr { kind: ExprKind::Path(path), .. }] = args.as_slice() else { return None };
            let is_chat = |target: &Target<'_>| {
                target.member.is_none()
                    && matches!(target.field.kind, Kind::Str { .. } | Kind::Nbt(_))
            };
            let targets = targets(plan, path)?;
            let is_nbt = |target: &Target<'_>| matches!(target.field.kind, Kind::Nbt(_));
            let component = match targets.iter().filter(|target| is_nbt(target)).count() {
                0 => Component::Json,
                nbt if nbt == targets.len() => Component::Nbt,
                _ => Component::Either,
            };
            targets.iter().all(is_chat).then(|| Form::Words(written(path), component))
        }
        ExprKind::Int(n) if is_number => Some(Form::Int(*n)),
        ExprKind::Bool(b) if is_number => Some(Form::Int((*b).into())),
        ExprKind::Float(n) if kind == ViewKind::Float => Some(Form::Float(*n)),
        ExprKind::Str(text) if kind == ViewKind::Text => Some(Form::Text(text.as_str().into())),
        ExprKind::Negate(e) if is_number => {
            let inner = form(e, kind, plan, depth + 1, table)?;
            Some(Form::Binary(BinaryOp::Subtract, Box::new(Form::Int(0)), Box::new(inner)))
        }
        ExprKind::Binary(op, a, b) if is_number => {
            let is_arithmetic = matches!(
                op,
                BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide
            );
            let mut side = |e| Some(Box::new(form(e, kind, plan, depth + 1, table)?));
            let (a, b) = (side(a)?, side(b)?);
            is_arithmetic.then_some(Form::Binary(*op, a, b))
        }
        _ => None,
    }
}

fn written(path: &[Name]) -> Box<str> {
    path.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(".").into()
}

impl Form {
    fn int(&self, packet: &mut Packet<'_>) -> Option<i128> {
        match self {
            Form::Path(path) => packet.int(path),
            Form::Int(n) => Some(*n),
            Form::Binary(op, a, b) => {
                Some(crate::plan::binary(*op, a.int(packet)?, b.int(packet)?))
            }
            Form::Words(..) | Form::Float(_) | Form::Text(_) => None,
        }
    }

    fn float(&self, packet: &mut Packet<'_>) -> Option<f64> {
        match self {
            Form::Path(path) => {
                let float = packet.look(path, |value| match value {
                    Value::F32(n) => Some(f64::from(*n)),
                    Value::F64(n) => Some(*n),
                    _ => None,
                });
                // A whole number of the games is far smaller than what a float holds exactly.
                float.or_else(|| packet.int(path).map(|n| n as f64))
            }
            Form::Int(n) => Some(*n as f64),
            Form::Float(n) => Some(*n),
            Form::Binary(op, a, b) => {
                let (a, b) = (a.float(packet)?, b.float(packet)?);
                match op {
                    BinaryOp::Add => Some(a + b),
                    BinaryOp::Subtract => Some(a - b),
                    BinaryOp::Multiply => Some(a * b),
                    BinaryOp::Divide => Some(a / b),
                    _ => None,
                }
            }
            Form::Words(..) | Form::Text(_) => None,
        }
    }

    fn text(&self, packet: &mut Packet<'_>) -> Option<String> {
        match self {
            Form::Path(path) => packet.look(path, |value| match value {
                Value::Text(text, ..) => Some(text.clone().into_owned()),
                Value::Uuid(uuid) => {
                    let mut text = String::new();
                    write_uuid(*uuid, &mut text);
                    Some(text)
                }
                Value::Enum(_, Some(name)) => Some(name.to_string()),
                Value::Enum(number, None) => Some(number.to_string()),
                _ => None,
            }),
            Form::Words(path, _) => packet.look(path, |value| match value {
                Value::Text(text, ..) => Some(chat::from_text(text).into_owned()),
                Value::Nbt(bytes, form) => Some(chat::from_nbt(bytes, *form).into_owned()),
                _ => None,
            }),
            Form::Text(text) => Some(text.to_string()),
            Form::Int(_) | Form::Float(_) | Form::Binary(..) => None,
        }
    }
}

/// A field that a path may name, and the bits of it.
struct Target<'p> {
    field: &'p crate::plan::Field,
    /// How many bits, of a member of flags or bits.
    member: Option<u8>,
}

impl Target<'_> {
    fn gives(&self, wanted: ViewKind) -> bool {
        let kind = &self.field.kind;
        if let Some(width) = self.member {
            return match wanted {
                ViewKind::Bool => width == 1,
                ViewKind::Int | ViewKind::Float => true,
                ViewKind::Text => false,
            };
        }
        let is_int = matches!(
            kind,
            Kind::Int(_)
                | Kind::Enum { .. }
                | Kind::Bool
                | Kind::Flags { .. }
                | Kind::Bits { .. }
                | Kind::Let(_)
        );
        match wanted {
            ViewKind::Bool => matches!(kind, Kind::Bool | Kind::Let(_)),
            ViewKind::Int => is_int,
            ViewKind::Float => is_int || matches!(kind, Kind::Float(_)),
            ViewKind::Text => matches!(kind, Kind::Str { .. } | Kind::Uuid | Kind::Enum { .. }),
        }
    }
}

/// All fields that a path may name in packets of this plan; `None` if there are none.
fn targets<'p>(plan: &'p Plan, path: &[Name]) -> Option<Vec<Target<'p>>> {
    let mut found = Vec::new();
    in_items(plan, &plan.layouts[0].items, path, 0, &mut found);
    (!found.is_empty()).then_some(found)
}

fn in_items<'p>(
    plan: &'p Plan,
    items: &'p [Item],
    path: &[Name],
    depth: usize,
    out: &mut Vec<Target<'p>>,
) {
    let Some((first, rest)) = path.split_first() else { return };
    for item in items {
        match item {
            Item::Branch(id) => {
                for arm in &plan.branches[*id as usize].arms {
                    in_items(plan, &arm.items, path, depth, out);
                }
            }
            Item::Field(id) => {
                let field = &plan.fields[*id as usize];
                if first.is(&field.name) && !matches!(field.kind, Kind::Presence) {
                    in_field(plan, field, rest, depth, out);
                }
            }
        }
    }
}

/// What the rest of a path names in a field.
fn in_field<'p>(
    plan: &'p Plan,
    field: &'p crate::plan::Field,
    rest: &[Name],
    depth: usize,
    out: &mut Vec<Target<'p>>,
) {
    if let Kind::Call { layout, .. } | Kind::Block { layout, .. } = &field.kind {
        if depth < LAYOUTS_MAX {
            in_layout(plan, &plan.layouts[*layout as usize], rest, depth + 1, out);
        }
        return;
    }
    let Some((name, behind)) = rest.split_first() else {
        return out.push(Target { field, member: None });
    };
    let width = match &field.kind {
        Kind::Struct(items) => return in_items(plan, items, rest, depth, out),
        Kind::Flags { members, .. } => members.iter().find(|m| name.is(&m.name)).map(|_| 1),
        Kind::Bits { members, .. } => members.iter().find(|m| name.is(&m.name)).map(|m| m.width),
        _ => None,
    };
    if let Some(width) = width.filter(|_| behind.is_empty()) {
        out.push(Target { field, member: Some(width) });
    }
}

fn in_layout<'p>(
    plan: &'p Plan,
    layout: &'p Layout,
    rest: &[Name],
    depth: usize,
    out: &mut Vec<Target<'p>>,
) {
    if !layout.transparent {
        return in_items(plan, &layout.items, rest, depth, out);
    }
    // One value without a name.
    for item in &layout.items {
        let mut next = vec![item];
        while let Some(item) = next.pop() {
            match item {
                Item::Branch(id) => {
                    let arms = &plan.branches[*id as usize].arms;
                    next.extend(arms.iter().flat_map(|arm| &arm.items));
                }
                Item::Field(id) => {
                    let field = &plan.fields[*id as usize];
                    if !matches!(field.kind, Kind::Presence | Kind::Pad(_)) {
                        in_field(plan, field, rest, depth, out);
                    }
                }
            }
        }
    }
}

//! Anchors: paths that were looked up once, in a plan, and are then followed in every packet of it.
//!
//! An anchor knows all fields that a path may mean (in the arms of branches), how to get to them through
//! blocks, recursive types and lists, and what must be run of the plan for that ([`Cut`]).

use super::workspace::{ABSENT, START};
use super::{
    Activation, ArrayKind, BitsMember, Field, FieldId, FlagMember, FloatRepr, Found, IntRepr, Item,
    Kind, LayoutId, Member, Packet, Plan, Pos,
};
use crate::syntax::ast::same_name;
use crate::value::{self, Value};

pub use super::cut::Cut;

/// Layouts within each other on the way of a path: a type that contains itself has longer ones.
const LAYOUTS_MAX: usize = 16;

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A name; case and `_` do not matter.
    Name(Box<str>),
    /// An element of a list, from 0.
    Index(u32),
}

/// What a path means in packets of one plan.
#[derive(Debug, Clone)]
pub struct Anchor {
    pub(super) layout: LayoutId,
    pub(super) hops: Vec<Hop>,
    repeats: bool,
    direct: bool,
}

/// A field, and how it goes on from there.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    pub(super) field: FieldId,
    pub(super) next: Next,
}

#[derive(Debug, Clone)]
pub(super) enum Next {
    /// The field itself, or bits of it; and what is left of the path, for what lies inside its value.
    Here(Option<Member>, Box<[Step]>),
    /// Into a block or a recursive type.
    Inner(LayoutId, u32, Vec<Hop>),
    /// Into every element of a list. Without hops: the elements themselves, which are structs.
    Each(LayoutId, Vec<Hop>),
    /// Into one element.
    Element(u32, LayoutId, Vec<Hop>),
    /// Into what bytes hold, by what they turn out to be.
    Opened(Vec<(LayoutId, Vec<Hop>)>),
}

/// One thing that a path may mean.
#[derive(Debug, Clone, Copy)]
pub enum Target<'p> {
    /// A field.
    Field(&'p Field),
    /// Something inside the value of a field: a path in NBT.
    Inside(&'p Field),
    /// A bit of flags.
    Flag(&'p Field, &'p FlagMember),
    /// A part of bits.
    Part(&'p Field, &'p BitsMember),
    /// An element of this list, a struct of this layout.
    Element(&'p Field, LayoutId),
}

/// Something that an anchor led to in a packet.
#[derive(Debug, Clone, Copy)]
pub struct Spot<'a, 's> {
    /// The field.
    pub found: Found<'a>,
    /// What is left of the path, for what lies inside the value.
    pub inside: &'s [Step],
}

impl Activation {
    /// What is laid out here.
    pub fn layout(self) -> LayoutId {
        self.layout
    }
}

impl Found<'_> {
    /// The block that anchors of this element or struct start from.
    pub fn activation(&self) -> Activation {
        self.act
    }
}

impl Plan {
    /// What a path means in the body of packets of this plan; `None` if it means nothing in any of them.
    pub fn anchor(&self, path: &[Step]) -> Option<Anchor> {
        self.anchor_in(0, path)
    }

    /// The same in a layout: of the elements of a list, see [`Target::Element`].
    pub fn anchor_in(&self, layout: LayoutId, path: &[Step]) -> Option<Anchor> {
        let shape = self.layouts.get(layout as usize)?;
        let mut finder = Finder { plan: self, repeats: false };
        let hops = finder.layout(shape, path, 0);
        let direct = hops.iter().all(|hop| matches!(hop.next, Next::Here(..)));
        (!hops.is_empty()).then_some(Anchor { layout, hops, repeats: finder.repeats, direct })
    }

    /// The layout of the elements of a list.
    pub fn element_layout(&self, field: &Field) -> Option<LayoutId> {
        match &field.kind {
            Kind::Array(ArrayKind { element, .. }) => Some(*element),
            _ => None,
        }
    }

    /// The field that the elements of a list are, where they are one value; several in different arms.
    pub fn element_values(&self, layout: LayoutId) -> Vec<&Field> {
        let Some(shape) = self.layouts.get(layout as usize) else { return Vec::new() };
        if !shape.transparent {
            return Vec::new();
        }
        let mut finder = Finder { plan: self, repeats: false };
        let hops = finder.layout(shape, &[], 0);
        hops.iter().filter_map(|hop| self.fields.get(hop.field as usize)).collect()
    }

    /// The names and fields of a layout, in wire order; of all arms. 0 is the body.
    pub fn fields_of(&self, layout: LayoutId) -> Vec<&Field> {
        let mut out = Vec::new();
        if let Some(shape) = self.layouts.get(layout as usize) {
            self.named_fields(&shape.items, &mut out);
        }
        out
    }

    /// The fields of a struct, block or recursive type, in wire order; of all arms.
    pub fn fields_in<'p>(&'p self, field: &'p Field) -> Vec<&'p Field> {
        let mut out = Vec::new();
        match &field.kind {
            Kind::Struct(items) => self.named_fields(items, &mut out),
            Kind::Block { layout, .. } | Kind::Call { layout, .. } => {
                out = self.fields_of(*layout);
            }
            _ => {}
        }
        out
    }

    fn named_fields<'p>(&'p self, items: &'p [Item], out: &mut Vec<&'p Field>) {
        for item in items {
            match item {
                Item::Field(id) => {
                    let field = &self.fields[*id as usize];
                    if !matches!(field.kind, Kind::Presence | Kind::Pad(_)) {
                        out.push(field);
                    }
                }
                Item::Branch(id) => {
                    let arms = &self.branches[*id as usize].arms;
                    arms.iter().for_each(|arm| self.named_fields(&arm.items, out));
                }
            }
        }
    }
}

struct Finder<'p> {
    plan: &'p Plan,
    repeats: bool,
}

impl<'p> Finder<'p> {
    fn layout(&mut self, shape: &'p super::Layout, path: &[Step], depth: usize) -> Vec<Hop> {
        let mut out = Vec::new();
        if depth > LAYOUTS_MAX {
            return out;
        }
        if shape.transparent {
            self.values(&shape.items, path, depth, &mut out);
        } else {
            self.items(&shape.items, path, depth, &mut out);
        }
        out
    }

    /// The one value of a transparent layout.
    fn values(&mut self, items: &'p [Item], path: &[Step], depth: usize, out: &mut Vec<Hop>) {
        for item in items {
            match item {
                Item::Field(id) => {
                    let kind = &self.plan.fields[*id as usize].kind;
                    if !matches!(kind, Kind::Presence | Kind::Pad(_)) {
                        self.field(*id, path, depth, out);
                    }
                }
                Item::Branch(id) => {
                    for arm in &self.plan.branches[*id as usize].arms {
                        self.values(&arm.items, path, depth, out);
                    }
                }
            }
        }
    }

    fn items(&mut self, items: &'p [Item], path: &[Step], depth: usize, out: &mut Vec<Hop>) {
        let Some((Step::Name(name), rest)) = path.split_first() else { return };
        for item in items {
            match item {
                Item::Field(id) => {
                    let field = &self.plan.fields[*id as usize];
                    let is_shown = !matches!(field.kind, Kind::Presence);
                    if is_shown && same_name(&field.name, name) {
                        self.field(*id, rest, depth, out);
                    }
                }
                Item::Branch(id) => {
                    for arm in &self.plan.branches[*id as usize].arms {
                        self.items(&arm.items, path, depth, out);
                    }
                }
            }
        }
    }

    /// What the rest of a path means in a field.
    fn field(&mut self, id: FieldId, rest: &[Step], depth: usize, out: &mut Vec<Hop>) {
        let plan = self.plan;
        let field = &plan.fields[id as usize];
        let here = |inside: &[Step]| Next::Here(None, inside.into());
        let next = match (&field.kind, rest) {
            (Kind::Struct(items), [_, ..]) => return self.items(items, rest, depth, out),
            (Kind::Block { layout, slot, .. } | Kind::Call { layout, slot, .. }, _) => {
                let shape = &plan.layouts[*layout as usize];
                if rest.is_empty() && !shape.transparent {
                    here(&[])
                } else {
                    let hops = self.layout(shape, rest, depth + 1);
                    if hops.is_empty() {
                        return;
                    }
                    Next::Inner(*layout, *slot, hops)
                }
            }
            (Kind::Array(array), [first, ..]) => {
                let rest = if let Step::Index(_) = first { &rest[1..] } else { rest };
                let shape = &plan.layouts[array.element as usize];
                let hops = if rest.is_empty() && !shape.transparent {
                    Vec::new()
                } else {
                    let hops = self.layout(shape, rest, depth + 1);
                    if hops.is_empty() {
                        return;
                    }
                    hops
                };
                match first {
                    Step::Index(index) => Next::Element(*index, array.element, hops),
                    Step::Name(_) => {
                        self.repeats = true;
                        Next::Each(array.element, hops)
                    }
                }
            }
            (kind @ (Kind::Flags { .. } | Kind::Bits { .. }), [Step::Name(name)]) => {
                match super::walk::member(kind, name) {
                    Some(member) => Next::Here(Some(member), Box::default()),
                    None => return,
                }
            }
            (Kind::Nbt(_), inside) => here(inside),
            (_, []) => here(&[]),
            (_, _) if !field.opened.is_empty() => {
                let mut forms = Vec::new();
                for layout in &field.opened {
                    let shape = &plan.layouts[*layout as usize];
                    let hops = self.layout(shape, rest, depth + 1);
                    if !hops.is_empty() {
                        forms.push((*layout, hops));
                    }
                }
                if forms.is_empty() {
                    return;
                }
                Next::Opened(forms)
            }
            _ => return,
        };
        out.push(Hop { field: id, next });
    }
}

impl Anchor {
    /// It leads into every element of a list, and so to any number of fields.
    pub fn repeats(&self) -> bool {
        self.repeats
    }

    /// Through the elements of the list that this one leads to: to blocks that other anchors start from.
    pub fn elements(&self, plan: &Plan) -> Option<Anchor> {
        let mut anchor = self.clone();
        (anchor.repeats, anchor.direct) = (true, false);
        anchor.hops = elements_of(&self.hops, plan);
        (!anchor.hops.is_empty()).then_some(anchor)
    }

    /// It passes no list, block or recursive type: [`Packet::first`] finds what it leads to.
    #[inline]
    pub fn is_direct(&self) -> bool {
        self.direct
    }

    /// What is left of the path for what lies inside a value, if it leads into one.
    pub fn inside(&self) -> Option<&[Step]> {
        inside(&self.hops)
    }

    /// To the values that the elements of the list are which this one leads to; `None`: they are structs.
    pub fn values(&self, plan: &Plan) -> Option<Anchor> {
        let mut anchor = self.elements(plan)?;
        anchor.hops = values_of(&anchor.hops, plan);
        (!anchor.hops.is_empty()).then_some(anchor)
    }

    /// The layout that it starts in.
    pub fn layout(&self) -> LayoutId {
        self.layout
    }

    /// All that the path may mean.
    pub fn targets<'p>(&self, plan: &'p Plan) -> Vec<Target<'p>> {
        let mut out = Vec::new();
        targets(&self.hops, plan, &mut out);
        out
    }

    /// What the anchor is the only thing that it leads to: a field of the body that every packet has, at
    /// a constant place. Where that starts, from the start of the body.
    pub fn fixed<'p>(&self, plan: &'p Plan) -> Option<(u32, &'p Field, Option<Member>)> {
        let [Hop { field, next: Next::Here(member, inside) }] = self.hops.as_slice() else {
            return None;
        };
        let field = plan.fields.get(*field as usize)?;
        let Pos { slot, offset } = field.start;
        let is_fixed = slot == START && field.guard.is_none() && self.layout == 0;
        (is_fixed && inside.is_empty()).then_some((offset, field, *member))
    }
}

fn inside(hops: &[Hop]) -> Option<&[Step]> {
    hops.iter().find_map(|hop| match &hop.next {
        Next::Here(_, path) => (!path.is_empty()).then_some(&**path),
        Next::Inner(_, _, hops) | Next::Each(_, hops) | Next::Element(_, _, hops) => inside(hops),
        Next::Opened(forms) => forms.iter().find_map(|(_, hops)| inside(hops)),
    })
}

fn elements_of(hops: &[Hop], plan: &Plan) -> Vec<Hop> {
    let of = |hop: &Hop| {
        let next = match &hop.next {
            Next::Here(..) => match &plan.fields[hop.field as usize].kind {
                Kind::Array(array) => Next::Each(array.element, Vec::new()),
                _ => return None,
            },
            Next::Inner(layout, slot, hops) => Next::Inner(*layout, *slot, elements_of(hops, plan)),
            Next::Each(layout, hops) => Next::Each(*layout, elements_of(hops, plan)),
            Next::Element(index, layout, hops) => {
                Next::Element(*index, *layout, elements_of(hops, plan))
            }
            Next::Opened(forms) => {
                let forms = forms.iter().map(|(layout, hops)| (*layout, elements_of(hops, plan)));
                Next::Opened(forms.collect())
            }
        };
        Some(Hop { field: hop.field, next })
    };
    hops.iter().filter_map(of).collect()
}

/// The same with the value of each element that is one value, and without the others.
fn values_of(hops: &[Hop], plan: &Plan) -> Vec<Hop> {
    let of = |hop: &Hop| {
        let next = match &hop.next {
            Next::Here(..) => return None,
            Next::Each(layout, inner) if inner.is_empty() => {
                let shape = &plan.layouts[*layout as usize];
                let inner = match shape.transparent {
                    true => Finder { plan, repeats: true }.layout(shape, &[], 0),
                    false => return None,
                };
                if inner.is_empty() {
                    return None;
                }
                Next::Each(*layout, inner)
            }
            Next::Inner(layout, slot, inner) => Next::Inner(*layout, *slot, values_of(inner, plan)),
            Next::Each(layout, inner) => Next::Each(*layout, values_of(inner, plan)),
            Next::Element(index, layout, inner) => {
                Next::Element(*index, *layout, values_of(inner, plan))
            }
            Next::Opened(forms) => {
                let forms = forms.iter().map(|(layout, inner)| (*layout, values_of(inner, plan)));
                Next::Opened(forms.collect())
            }
        };
        Some(Hop { field: hop.field, next })
    };
    hops.iter().filter_map(of).collect()
}

fn targets<'p>(hops: &[Hop], plan: &'p Plan, out: &mut Vec<Target<'p>>) {
    for hop in hops {
        let field = &plan.fields[hop.field as usize];
        match &hop.next {
            Next::Here(None, inside) if inside.is_empty() => out.push(Target::Field(field)),
            Next::Here(None, _) => out.push(Target::Inside(field)),
            Next::Here(Some(member), _) => match &field.kind {
                Kind::Flags { members, .. } => {
                    let named = members.iter().find(|m| m.bit == member.shift);
                    out.extend(named.map(|m| Target::Flag(field, m)));
                }
                Kind::Bits { members, .. } => {
                    let named =
                        members.iter().find(|m| m.shift == member.shift && m.width == member.width);
                    out.extend(named.map(|m| Target::Part(field, m)));
                }
                _ => {}
            },
            Next::Each(layout, hops) | Next::Element(_, layout, hops) if hops.is_empty() => {
                out.push(Target::Element(field, *layout));
            }
            Next::Inner(_, _, hops) | Next::Each(_, hops) | Next::Element(_, _, hops) => {
                targets(hops, plan, out);
            }
            Next::Opened(forms) => forms.iter().for_each(|(_, hops)| targets(hops, plan, out)),
        }
    }
}

/// What is shown the spots of an anchor; `true` ends it.
type See<'f, 'a> = dyn FnMut(&mut Packet<'a>, Spot<'a, '_>) -> bool + 'f;

impl<'a> Packet<'a> {
    /// The plan it was read by.
    pub fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// The connection's variables that it was read with.
    pub fn conn(&self) -> &'a [i64] {
        self.conn
    }

    /// Where the body starts in the payload.
    #[inline]
    pub fn body_start(&self) -> u32 {
        self.ws.slots.get(START as usize).copied().unwrap_or(0)
    }

    /// The block of the packet's body, where anchors start.
    pub fn body(&self) -> Activation {
        self.root()
    }

    /// The first field that an anchor leads to without passing a list, block or recursive type. `None`:
    /// there is none, or [`each`](Self::each) must be asked.
    #[inline]
    pub fn first(&self, from: Activation, anchor: &Anchor) -> Option<Found<'a>> {
        for hop in &anchor.hops {
            let Next::Here(member, _) = &hop.next else { return None };
            let field = self.plan.fields.get(hop.field as usize)?;
            if field.guard.is_none() || self.plan.is_present(self.ws, from.base, field.guard) {
                let place = self.field_place(from.base, field)?;
                return Some(Found { field, place, act: from, element: None, member: *member });
            }
        }
        None
    }

    /// Shows what an anchor leads to, in order, until `see` says that it has seen enough; and whether it
    /// has. Of a packet that failed, what was read before.
    pub fn each(&mut self, from: Activation, anchor: &Anchor, see: &mut See<'_, 'a>) -> bool {
        let before = (self.ws.checkpoint(), self.ws.counts());
        self.ws.begin_counting();
        let enough = self.follow(from, &anchor.hops, see);
        self.ws.restore(before.0);
        self.ws.set_counts(before.1);
        enough
    }

    fn follow(&mut self, act: Activation, hops: &[Hop], see: &mut See<'_, 'a>) -> bool {
        let plan = self.plan;
        for hop in hops {
            let field = &plan.fields[hop.field as usize];
            if !plan.is_present(self.ws, act.base, field.guard) {
                continue;
            }
            let enough = match &hop.next {
                Next::Here(member, inside) => match self.field_place(act.base, field) {
                    Some(place) => {
                        let found = Found { field, place, act, element: None, member: *member };
                        see(self, Spot { found, inside })
                    }
                    None => false,
                },
                Next::Inner(layout, slot, hops) => {
                    match self.ws.slots[(act.base + slot) as usize] {
                        ABSENT => false,
                        base => self.follow(Activation { base, layout: *layout }, hops, see),
                    }
                }
                Next::Each(_, hops) => self.follow_each(act, field, hops, see),
                Next::Element(index, layout, hops) => {
                    let Kind::Array(array) = &field.kind else { continue };
                    match self.element_start(act, array, *index) {
                        Some(at) => {
                            self.follow_element(act, field, (*index, *layout, at), hops, see).0
                        }
                        None => false,
                    }
                }
                Next::Opened(forms) => self.follow_opened(act, field, forms, see),
            };
            if enough {
                return true;
            }
        }
        false
    }

    fn follow_each(
        &mut self,
        act: Activation,
        field: &'a Field,
        hops: &[Hop],
        see: &mut See<'_, 'a>,
    ) -> bool {
        let Kind::Array(array) = &field.kind else { return false };
        let count = self.ws.slots[(act.base + array.count_slot) as usize];
        let mut at = self.ws.resolve(act.base, array.first);
        if count == ABSENT || at == ABSENT {
            return false;
        }
        for index in 0..count {
            let before = self.ws.checkpoint();
            let (enough, end) =
                self.follow_element(act, field, (index, array.element, at), hops, see);
            self.ws.restore(before);
            match end {
                _ if enough => return true,
                Some(end) => at = end,
                None => return false,
            }
        }
        false
    }

    /// Follows into one element; tells where it ends.
    fn follow_element(
        &mut self,
        act: Activation,
        field: &'a Field,
        (index, layout, at): (u32, LayoutId, u32),
        hops: &[Hop],
        see: &mut See<'_, 'a>,
    ) -> (bool, Option<u32>) {
        if self.ws.count_walked(1).is_err() {
            return (false, None);
        }
        let (inner, end) = self.open_element(act, layout, at);
        if !hops.is_empty() {
            return (self.follow(inner, hops, see), end);
        }
        let Some(end) = end else { return (false, None) };
        let buffer = self.buffer_of(act);
        let place = super::Place { buffer, start: at, end };
        let found = Found { field, place, act: inner, element: Some(index), member: None };
        (see(self, Spot { found, inside: &[] }), Some(end))
    }

    fn follow_opened(
        &mut self,
        act: Activation,
        field: &'a Field,
        forms: &[(LayoutId, Vec<Hop>)],
        see: &mut See<'_, 'a>,
    ) -> bool {
        let Some(place) = self.field_place(act.base, field) else { return false };
        let before = self.ws.checkpoint();
        let enough = match self.opened_activation(act.base, field, place) {
            Some(inner) => match forms.iter().find(|(layout, _)| *layout == inner.layout) {
                Some((_, hops)) => self.follow(inner, hops, see),
                None => false,
            },
            None => false,
        };
        self.ws.restore(before);
        enough
    }

    /// The number of elements of a list, if all of them were read.
    pub fn count_of(&self, found: &Found<'a>) -> Option<u32> {
        match &found.field.kind {
            Kind::Array(array) if found.element.is_none() => {
                match self.ws.slots[(found.act.base + array.count_slot) as usize] {
                    ABSENT => None,
                    count => Some(count),
                }
            }
            _ => None,
        }
    }

    /// The number that a found field or part of one is.
    #[inline]
    pub fn int_of(&self, found: &Found<'a>) -> Option<i128> {
        let whole = match &found.field.kind {
            Kind::Int(repr)
            | Kind::Enum { repr, .. }
            | Kind::Flags { repr, .. }
            | Kind::Bits { repr, .. } => repr.read(self.bytes(found.place)).ok()?.0,
            Kind::Bool | Kind::Presence => {
                i128::from(self.bytes(found.place).first().is_some_and(|byte| *byte != 0))
            }
            _ => self.value_of(found)?.as_int()?,
        };
        Some(found.member.map_or(whole, |m| m.of(whole)))
    }

    /// The content of a found text or bytes: without a length in front.
    #[inline]
    pub fn content_of(&self, found: &Found<'a>) -> Option<&[u8]> {
        if found.element.is_some() {
            return None;
        }
        let raw = self.bytes(found.place);
        match &found.field.kind {
            Kind::Str { len, .. } | Kind::Bytes { len } => Some(value::content(len, raw)),
            Kind::Uuid | Kind::Tail => Some(raw),
            _ => None,
        }
    }
}

/// A number at a place, read without running a plan; `None` if the bytes end before.
#[inline]
pub fn peek_int(bytes: &[u8], at: usize, repr: IntRepr, member: Option<Member>) -> Option<i128> {
    let whole = repr.read(bytes.get(at..)?).ok()?.0;
    Some(member.map_or(whole, |m| m.of(whole)))
}

/// A float at a place, read without running a plan; `None` if the bytes end before.
#[inline]
pub fn peek_float(bytes: &[u8], at: usize, repr: FloatRepr) -> Option<f64> {
    match value::float(repr, bytes.get(at..)?)? {
        Value::F32(n) => Some(n.into()),
        Value::F64(n) => Some(n),
        _ => None,
    }
}

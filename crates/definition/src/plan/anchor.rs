//! Anchors: paths that were looked up once, in a plan, and are then followed in every packet of it.
//!
//! An anchor knows all fields that a path may mean (in the arms of branches), how to get to them through
//! blocks, recursive types and lists, and what must be run of the plan for that ([`Cut`]).

use super::workspace::START;
use super::{
    Activation, BitsMember, Field, FieldId, FlagMember, FloatRepr, Found, IntRepr, Item, Kind,
    LayoutId, Member, Plan, Pos,
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
            Kind::Array(array) => Some(array.element),
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
                for layout in field.opened.iter() {
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

    /// It passes no list, block or recursive type: [`Packet::first`](super::Packet::first) finds what it leads to.
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

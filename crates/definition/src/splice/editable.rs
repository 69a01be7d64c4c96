//! Which fields of a packet can be edited, each with another value that it may have.

use std::collections::HashSet;

use super::convert::repr_of;
use super::draft::{DraftId, Encoder, Holder, Original, join};
use super::facts::{add_refs, branch_exprs, element_exprs, size_exprs};
use super::scope::{unit_size, units, unmeasured};
use crate::given::Given;
use crate::json::part_of;
use crate::packed::Packing;
use crate::plan::{
    Derivation, Ex, FieldId, IntRepr, Item, Kind, LayoutId, Len, Packet, Plan, each,
};
use crate::value::{self, Value};

/// Elements at the front of a list that are looked into; the last one comes besides.
const ELEMENTS_SHOWN: u32 = 3;

/// A field that an edit can set.
#[derive(Debug, Clone, PartialEq)]
pub struct Editable {
    /// A value that it does not have now, and may have.
    pub sample: Given,
    /// Other fields come and go with its value, or get another form. The sample may need values of those,
    /// or as many elements as a list has to have, and is refused alone.
    pub reshapes: bool,
}

/// The paths of a packet that can be set, each with a sample of another value.
///
/// Left out are fields that follow from others (counts, lengths, computed ones), fields that a size is
/// calculated from, lists as a whole, and what was not read. Of a list's elements the first three and the
/// last are looked into.
pub fn editable_paths(packet: &mut Packet<'_>) -> Vec<(String, Editable)> {
    let (plan, conn, limits) = (packet.plan, packet.conn, packet.ws.limits);
    let before = packet.ws.checkpoint();
    let mut encoder = Encoder::new(plan, conn, Some(packet), limits);
    let mut found = Found::default();
    let is_written = |layout: LayoutId| !plan.layouts[layout as usize].opened;
    for field in plan.fields.iter().filter(|field| is_written(field.layout)) {
        for exprs in [size_exprs, element_exprs] {
            exprs(&field.kind, &mut |ex| {
                add_named(plan, ex, &mut found);
                // Whether those are there may follow from others.
                add_refs(plan, ex, 0, &mut found.shapes);
            });
        }
        match &field.kind {
            Kind::Let(ex) => add_refs(plan, ex, 0, &mut found.shapes),
            Kind::Call { args, .. } => {
                args.iter().for_each(|ex| add_refs(plan, ex, 0, &mut found.shapes));
            }
            _ => {}
        }
    }
    for branch in plan.branches.iter().filter(|branch| is_written(branch.layout)) {
        branch_exprs(branch, &mut |ex| add_refs(plan, ex, 0, &mut found.shapes));
    }
    for (id, field) in plan.fields.iter().enumerate() {
        if field.derived.iter().any(|d| matches!(d, Derivation::Expr(_))) {
            found.sizes.insert(id as FieldId);
        }
    }
    if let Ok(root) = encoder.draft(None, 0, Some(0)) {
        encoder.show(root, &plan.layouts[0].items, &mut found);
    }
    if let Some(packet) = encoder.packet {
        packet.ws.restore(before);
    }
    found.list
}

/// Adds the fields that an expression is calculated from, through computed ones and arguments.
fn add_named(plan: &Plan, ex: &Ex, found: &mut Found) {
    let mut open = vec![ex];
    let mut with_arguments = false;
    while let Some(ex) = open.pop() {
        each(ex, &mut |ex| match ex {
            Ex::Field(r) | Ex::CountOf(r) | Ex::BytesOf(r) | Ex::Has(r) | Ex::TextIs(r, _) => {
                for id in &r.fields {
                    if let Some(member) = r.member {
                        found.parts.insert((*id, member.shift));
                    } else if let (true, Kind::Let(ex)) =
                        (found.sizes.insert(*id), &plan.fields[*id as usize].kind)
                    {
                        open.push(ex);
                    }
                }
            }
            // Which call gave it shows only in a packet.
            Ex::Arg { .. } if !with_arguments => {
                with_arguments = true;
                for field in &plan.fields {
                    if let Kind::Call { args, .. } = &field.kind {
                        open.extend(args);
                    }
                }
            }
            _ => {}
        });
    }
}

#[derive(Default)]
struct Found {
    list: Vec<(String, Editable)>,
    /// Fields that sizes are calculated from, or that are calculated themselves.
    sizes: HashSet<FieldId>,
    /// Flags and bits that sizes are calculated from, by their lowest bit.
    parts: HashSet<(FieldId, u8)>,
    /// Fields that arms are chosen by.
    shapes: HashSet<FieldId>,
}

impl<'a> Encoder<'_, 'a> {
    /// `false`: reading ended here.
    fn show(&mut self, d: DraftId, items: &'a [Item], found: &mut Found) -> bool {
        items.iter().all(|item| match item {
            Item::Field(id) => self.show_field(d, *id, found),
            Item::Branch(id) => match self.original_arm(d, *id) {
                None => false,
                Some(arm) => match self.plan.branches[*id as usize].arms.get(arm) {
                    Some(arm) => self.show(d, &arm.items, found),
                    None => true,
                },
            },
        })
    }

    fn show_field(&mut self, d: DraftId, id: FieldId, found: &mut Found) -> bool {
        let field = self.field(id);
        if let Kind::Struct(items) = &field.kind {
            return self.show(d, items, found);
        }
        let Original::At(place) = self.original(d, id) else { return false };
        match &field.kind {
            Kind::Block { layout, .. } | Kind::Call { layout, .. } => {
                let holder = Holder { draft: d, field: id, index: None };
                let origin = self.original_inner(d, id);
                let mark = self.drafts.len();
                if let Ok(inner) = self.draft(Some(holder), *layout, origin) {
                    self.show(inner, &self.plan.layouts[*layout as usize].items, found);
                }
                self.release(mark);
            }
            Kind::Array(array) => {
                let count = self.original_count(d, id).unwrap_or(0);
                let shown = (0..count).filter(|i| *i < ELEMENTS_SHOWN || i + 1 == count);
                for index in shown {
                    let mark = self.drafts.len();
                    let Some((base, _)) = self.open_element(d, id, index) else { return false };
                    if let Ok(element) = self.element_draft(d, id, array, index, Some(base)) {
                        let layout = &self.plan.layouts[array.element as usize];
                        self.show(element, &layout.items, found);
                    }
                    self.release(mark);
                }
            }
            _ if found.sizes.contains(&id) => {}
            _ => {
                let raw = self.bytes(place).to_vec();
                let reshapes = found.shapes.contains(&id);
                for (part, sample) in self.samples(d, id, &raw, &found.parts) {
                    let path = join(self.path(d, id), &part);
                    found.list.push((path, Editable { sample, reshapes }));
                }
            }
        }
        true
    }

    /// Other values of a field: by part where it has parts.
    fn samples(
        &self,
        d: DraftId,
        id: FieldId,
        raw: &[u8],
        fixed: &HashSet<(FieldId, u8)>,
    ) -> Vec<(String, Given)> {
        let field = self.field(id);
        let one = |given: Given| vec![(String::new(), given)];
        let number = value::read(&field.kind, raw).and_then(|value| value.as_int()).unwrap_or(0);
        match &field.kind {
            Kind::Int(repr) => {
                let max = field.marks.max.map_or(i128::MAX, i128::from).min(repr.range().1);
                one(Given::Int(other_number(number, repr.range().0, max)))
            }
            Kind::Bool => one(Given::Bool(number == 0)),
            Kind::Enum { repr, entries } => {
                let other = entries.by_number.iter().find(|(n, _)| *n != number);
                one(match other {
                    Some((_, name)) => Given::Text(name.to_string()),
                    None => Given::Int(other_number(number, repr.range().0, repr.range().1)),
                })
            }
            Kind::Flags { members, .. } => members
                .iter()
                .filter(|member| !fixed.contains(&(id, member.bit)))
                .map(|member| {
                    let set = (number as u128).checked_shr(member.bit.into()).unwrap_or(0) & 1 == 1;
                    (member.name.to_string(), Given::Bool(!set))
                })
                .collect(),
            Kind::Bits { members, .. } => members
                .iter()
                .filter(|member| member.width < 128 && !fixed.contains(&(id, member.shift)))
                .map(|member| {
                    let (low, high) = if member.signed {
                        (-(1i128 << (member.width - 1)), (1i128 << (member.width - 1)) - 1)
                    } else {
                        (0, (1i128 << member.width.min(126)) - 1)
                    };
                    let other = other_number(part_of(member).of(number), low, high);
                    (member.name.to_string(), Given::Int(other))
                })
                .collect(),
            Kind::Float(_) => {
                let now = match value::read(&field.kind, raw) {
                    Some(Value::F32(f)) => f.into(),
                    Some(Value::F64(f)) => f,
                    _ => 0.0,
                };
                one(Given::Float(if now == 1.5 { 2.5 } else { 1.5 }))
            }
            Kind::Uuid => {
                let other = if raw.iter().all(|b| *b == 0x5a) { "a5" } else { "5a" };
                one(Given::Text(other.repeat(16)))
            }
            Kind::Str { encoding, len, .. } => {
                let content = value::content(len, raw);
                let text = value::text(*encoding, content);
                let count = units(*encoding, content);
                let grown = self.may_have(d, id, len, count + 1);
                let same = content.len() / unit_size(*encoding);
                let other = if text.starts_with('y') { "z" } else { "y" };
                // As many plain letters: one of them is one unit in every encoding.
                let letters = if grown { same } else { same.saturating_sub(1) };
                // The letters must not end it.
                let is_free = !matches!(len, Len::Until { mark: b'x'..=b'z', .. });
                match is_free && (grown || same > 0) {
                    true => one(Given::Text(format!("{other}{}", "x".repeat(letters)))),
                    false => Vec::new(),
                }
            }
            Kind::Bytes { len } => {
                let mut bytes = value::content(len, raw).to_vec();
                if self.may_have(d, id, len, bytes.len() as u64 + 1) {
                    let last = if let Len::Until { mark: 0xa5, .. } = len { 0x5a } else { 0xa5 };
                    bytes.push(last);
                    one(Given::Bytes(bytes))
                } else if let Some(first) = bytes.first_mut() {
                    *first ^= 0xff;
                    one(Given::Bytes(bytes))
                } else {
                    Vec::new()
                }
            }
            Kind::Nbt(form) => {
                let text = if raw.ends_with(b"edited") { "again" } else { "edited" };
                let mut tag = vec![
                    ("type".into(), Given::Text("string".into())),
                    ("value".into(), Given::Text(text.into())),
                ];
                if form.named {
                    tag.insert(0, ("name".into(), Given::Text(String::new())));
                }
                one(Given::Object(tag))
            }
            Kind::Packed { width, count, crossing } => {
                let (width, count) = (self.eval(d, width), self.eval(d, count));
                let (width, count) =
                    (u32::try_from(width).unwrap_or(0), u32::try_from(count).unwrap_or(0));
                let packing = Packing { width, count, crossing: *crossing };
                let mut numbers: Vec<u64> = packing.numbers(raw).collect();
                let Some(first) = numbers.first_mut() else { return Vec::new() };
                *first ^= 1;
                one(Given::List(numbers.into_iter().map(|n| Given::Int(n.into())).collect()))
            }
            _ => Vec::new(),
        }
    }

    /// Whether a text or bytes can be of that length.
    fn may_have(&self, d: DraftId, id: FieldId, len: &Len, count: u64) -> bool {
        let marked = self.field(id).marks.max.and_then(|max| u64::try_from(max).ok());
        if marked.is_some_and(|max| count > max) {
            return false;
        }
        let holds = |repr: IntRepr, n: i128| n <= repr.range().1;
        match len {
            Len::Prefix { repr, max } => {
                holds(*repr, count.into()) && max.is_none_or(|max| count <= max)
            }
            Len::Fixed(_) => false,
            Len::Rest => true,
            Len::Until { max, .. } => max.is_none_or(|max| count <= max),
            Len::Expr { max, expr } => {
                max.is_none_or(|max| count <= max) && self.is_free_count(d, id, expr, count)
            }
        }
    }

    /// Whether a count in front belongs to this field alone and can be another.
    fn is_free_count(&self, d: DraftId, id: FieldId, expr: &Ex, count: u64) -> bool {
        let Some((field, scale, offset)) = expr.linear() else { return false };
        let Some(value) = unmeasured(count.into(), scale, offset) else { return false };
        let Some(repr) = repr_of(&self.field(field).kind) else { return false };
        let measures = |derivation: &Derivation| matches!(derivation, Derivation::Measures { of, .. } if *of == id);
        value <= repr.range().1
            && self.field(field).derived.iter().all(measures)
            && self.original_number(d, field).is_some()
    }
}

fn other_number(number: i128, low: i128, high: i128) -> i128 {
    if number < high && number >= low { number + 1 } else { (number - 1).max(low) }
}

//! A packet as the list of its values, each with its path, its bytes and what may be put there; and as
//! tiles, which are all its bytes.

use std::collections::HashMap;

use midwire_definition::Packet;
use midwire_definition::plan::{
    BitsMember, Field, Flow, Group, IntRepr, Kind, Len, Node, Place, Visitor,
};
use midwire_definition::syntax::ast::Transform;
use midwire_definition::value::{Encoding, Value};

/// What a field holds, so that two can be compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Held {
    /// Of flags and bits, all bits; of a bool, 0 or 1.
    Number(i128),
    /// Its bits, as those of a 64-bit float.
    Float(u64),
    Text(String),
    Bytes(Vec<u8>),
    Nothing,
}

/// What may be put into a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Form {
    Int {
        low: i128,
        high: i128,
    },
    Bool,
    Enum {
        names: Vec<(i128, String)>,
        low: i128,
        high: i128,
    },
    /// Names and numbers of bits, and the highest number that there can be.
    Flags(Vec<(String, u8)>, i128),
    /// Names, distances from the lowest bit, widths, signs; the highest number.
    Bits(Vec<(String, u8, u8, bool)>, i128),
    Float(u8),
    Uuid,
    Text {
        encoding: Encoding,
        size: Size,
        max: Option<i64>,
    },
    Bytes {
        size: Size,
        max: Option<i64>,
    },
    Nbt {
        named: bool,
    },
    Packed {
        width: u32,
        count: u32,
    },
    Computed,
    Pad,
    Tail,
    Nothing,
}

/// Whether a length can be another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Size {
    /// At most so much.
    Free(u64),
    Said,
}

/// A value in a packet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf {
    pub(crate) path: String,
    /// The field's definition, by its address: two packets of one plan have the same.
    pub(crate) field: usize,
    /// That, and the definitions around it.
    pub(crate) chain: u64,
    /// It stands in an arm.
    pub(crate) guarded: bool,
    pub(crate) place: Place,
    pub(crate) bytes: Vec<u8>,
    pub(crate) held: Held,
    pub(crate) form: Form,
}

/// A list in a packet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct List {
    pub(crate) path: String,
    pub(crate) field: usize,
    pub(crate) count: u32,
}

/// What a tile is of what its path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Value,
    /// The byte that says that it is there.
    Presence,
    /// What stands in front of the first element, or of the content.
    Front,
    /// What stands behind the last element.
    Back,
    /// A compressed block, whose content is in another buffer.
    Packed,
    /// What a block's content did not reach.
    Rest,
    /// In front of a value, and no part of anything that is shown.
    Gap,
}

/// A run of bytes. Those of a packet cover it, without a hole and each byte once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tile {
    pub(crate) path: String,
    /// The definitions of its field and of those around it.
    pub(crate) chain: u64,
    pub(crate) part: Part,
    pub(crate) place: Place,
    pub(crate) bytes: Vec<u8>,
    /// Of a value: its place in the list of them. Of what is in front of a list or behind it: how many
    /// elements that has.
    pub(crate) of: Option<usize>,
    /// Of what is in front of a block: the size of that.
    pub(crate) size: u32,
    /// Which compressed block it is in, counted from 1; 0: none. Buffers serve several in turn.
    block: u32,
}

/// Everything in a packet, in wire order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Leaves {
    pub(crate) list: Vec<Leaf>,
    pub(crate) lists: Vec<List>,
    pub(crate) tiles: Vec<Tile>,
    /// Paddings seen, by the path of their struct.
    pads: HashMap<String, u32>,
    open: Vec<Open>,
    /// Compressed blocks so far, and the last that each buffer served.
    blocks: u32,
    served: HashMap<u32, u32>,
    /// A compressed block in this buffer has begun: what comes next in another buffer is inside.
    entered_from: Option<u32>,
}

/// A struct, list or block that is being shown.
#[derive(Debug, Clone)]
struct Open {
    path: String,
    chain: u64,
    count: Option<u32>,
    /// Where what was shown of it begins and ends.
    inside: Option<Place>,
}

/// What a packet holds.
pub(crate) fn leaves(packet: &mut Packet<'_>, body: u32) -> Leaves {
    let mut all = Leaves::default();
    packet.walk(&mut all);
    // What is in front of a list was noted when the list ended.
    all.tiles.sort_by_key(|tile| (tile.block, tile.place.start, tile.place.end));
    let mut covered = Vec::with_capacity(all.tiles.len());
    let mut at = (0, body);
    for tile in std::mem::take(&mut all.tiles) {
        let place = tile.place;
        if tile.block != at.0 {
            at = (tile.block, 0);
        }
        assert!(place.start >= at.1, "{} {:?} lies over another tile", tile.path, tile.part);
        if place.start > at.1 {
            let place = Place { start: at.1, end: place.start, ..place };
            let bytes = packet.bytes(place).to_vec();
            covered.push(Tile { part: Part::Gap, place, bytes, of: None, ..tile.clone() });
        }
        at.1 = place.end;
        covered.push(tile);
    }
    let reached = covered.iter().filter(|t| t.place.buffer == 0).map(|t| t.place.end).max();
    assert_eq!(reached.unwrap_or(body), packet.end(), "the last tile ends where reading ended");
    all.tiles = covered;
    all
}

impl Leaves {
    pub(crate) fn get(&self, path: &str) -> Option<&Leaf> {
        self.list.iter().find(|leaf| leaf.path == path)
    }

    pub(crate) fn list_at(&self, path: &str) -> Option<&List> {
        self.lists.iter().find(|list| list.path == path)
    }

    fn path(&mut self, node: &Node<'_>) -> String {
        let around = self.open.last().map(|open| open.path.clone()).unwrap_or_default();
        let name = match (&node.field.kind, node.index) {
            (_, Some(index)) => return format!("{around}[{index}]"),
            (Kind::Pad(_), _) => {
                let seen = self.pads.entry(around.clone()).or_default();
                *seen += 1;
                if *seen == 1 { "$pad".to_owned() } else { format!("$pad{seen}") }
            }
            (Kind::Tail, _) => "$tail".to_owned(),
            _ => node.name.to_owned(),
        };
        match (around.is_empty(), name.is_empty()) {
            (true, _) => name,
            (_, true) => around,
            _ => format!("{around}.{name}"),
        }
    }

    fn chain(&self, field: &Field) -> u64 {
        let around = self.open.last().map_or(0, |open| open.chain);
        around.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(address(field) as u64)
    }

    fn tile(&mut self, mut tile: Tile) {
        let buffer = tile.place.buffer;
        if self.entered_from.is_some_and(|outer| outer != buffer) {
            self.entered_from = None;
            self.blocks += 1;
            self.served.insert(buffer, self.blocks);
        }
        tile.block = if buffer == 0 { 0 } else { self.served.get(&buffer).copied().unwrap_or(0) };
        self.covers(tile.place);
        self.tiles.push(tile);
    }

    /// Notes that what is open now goes on to there.
    fn covers(&mut self, place: Place) {
        if let Some(open) = self.open.last_mut() {
            // The one value of a compressed block is in that block's buffer; the block itself is not.
            if open.inside.is_some_and(|inside| inside.buffer < place.buffer) {
                return;
            }
            let start = open.inside.map_or(place.start, |inside| inside.start);
            open.inside = Some(Place { start, ..place });
        }
    }
}

fn address(field: &Field) -> usize {
    std::ptr::from_ref(field) as usize
}

impl Visitor for Leaves {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        let form = match value {
            Value::Absent => Form::Nothing,
            _ => form(node.field, value),
        };
        let (path, chain) = (self.path(node), self.chain(node.field));
        if !matches!(form, Form::Computed | Form::Nothing) {
            self.tile(Tile {
                path: path.clone(),
                chain,
                part: Part::Value,
                place: node.place,
                bytes: node.raw.to_vec(),
                of: Some(self.list.len()),
                size: 0,
                block: 0,
            });
        }
        self.list.push(Leaf {
            path,
            field: address(node.field),
            chain,
            guarded: node.field.guard.is_some(),
            place: node.place,
            bytes: node.raw.to_vec(),
            held: held(value),
            form,
        });
    }

    fn open(&mut self, node: &Node<'_>, group: Group) -> Flow {
        let path = self.path(node);
        let count = match group {
            Group::List(count) => Some(count),
            Group::Struct => None,
        };
        if let Some(count) = count {
            self.lists.push(List { path: path.clone(), field: address(node.field), count });
        }
        let compressed = matches!(&node.field.kind,
            Kind::Block { transform, .. } if *transform != Transform::Sized);
        if compressed && node.index.is_none() {
            self.entered_from = Some(node.place.buffer);
        }
        let chain = self.chain(node.field);
        self.open.push(Open { path, chain, count, inside: None });
        Flow::Enter
    }

    fn close(&mut self, node: &Node<'_>) {
        let Some(open) = self.open.pop() else { return };
        let whole = node.place;
        let inside = open.inside.unwrap_or(Place { start: whole.end, ..whole });
        let mut tile = |part, start: u32, end: u32| {
            let from = whole.start as usize;
            let bytes = node.raw.get(start as usize - from..end as usize - from);
            if start < end {
                self.tile(Tile {
                    path: open.path.clone(),
                    chain: open.chain,
                    part,
                    place: Place { start, end, ..whole },
                    bytes: bytes.unwrap_or(&[]).to_vec(),
                    of: open.count.map(|count| count as usize),
                    size: whole.end - whole.start,
                    block: 0,
                });
            }
        };
        if inside.buffer == whole.buffer {
            tile(Part::Front, whole.start, inside.start);
            tile(Part::Back, inside.end, whole.end);
        } else {
            tile(Part::Packed, whole.start, whole.end);
        }
        self.covers(whole);
    }

    fn presence(&mut self, node: &Node<'_>) {
        let (path, chain) = (self.path(node), self.chain(node.field));
        self.tile(Tile {
            path,
            chain,
            part: Part::Presence,
            place: node.place,
            bytes: node.raw.to_vec(),
            of: None,
            size: 0,
            block: 0,
        });
    }

    fn packed(&mut self, node: &Node<'_>) {
        let (path, chain) = (self.path(node), self.chain(node.field));
        let (place, bytes) = (node.place, node.raw.to_vec());
        self.tile(Tile {
            path,
            chain,
            part: Part::Packed,
            place,
            bytes,
            of: None,
            size: 0,
            block: 0,
        });
        self.entered_from = Some(place.buffer);
    }

    fn rest(&mut self, place: Place, bytes: &[u8]) {
        let (path, chain) = match self.open.last() {
            Some(open) => (open.path.clone(), open.chain),
            None => (String::new(), 0),
        };
        let bytes = bytes.to_vec();
        self.tile(Tile {
            path,
            chain,
            part: Part::Rest,
            place,
            bytes,
            of: None,
            size: 0,
            block: 0,
        });
    }
}

fn held(value: &Value<'_>) -> Held {
    match value {
        Value::Int(n) | Value::Enum(n, _) | Value::Flags(n, _) | Value::Bits(n, _) => {
            Held::Number(*n)
        }
        Value::Bool(b) => Held::Number((*b != 0).into()),
        Value::F32(f) => Held::Float(f64::from(*f).to_bits()),
        Value::F64(f) => Held::Float(f.to_bits()),
        Value::Uuid(bytes) => Held::Bytes(bytes.to_vec()),
        Value::Text(text, ..) => Held::Text(text.to_string()),
        Value::Bytes(bytes) | Value::Nbt(bytes, _) | Value::Packed(bytes, ..) => {
            Held::Bytes(bytes.to_vec())
        }
        Value::Absent => Held::Nothing,
    }
}

fn form(field: &Field, value: &Value<'_>) -> Form {
    let max = field.marks.max;
    let range = |repr: IntRepr| {
        let (low, high) = repr.range();
        (low, max.map_or(high, |max| high.min(max.into())))
    };
    match &field.kind {
        Kind::Int(repr) => {
            let (low, high) = range(*repr);
            Form::Int { low, high }
        }
        Kind::Bool | Kind::Presence => Form::Bool,
        Kind::Enum { repr, entries } => {
            let (low, high) = range(*repr);
            let names = entries.by_number.iter().map(|(n, name)| (*n, name.to_string())).collect();
            Form::Enum { names, low, high }
        }
        Kind::Flags { members, repr } => {
            let members = members.iter().map(|m| (m.name.to_string(), m.bit)).collect();
            Form::Flags(members, repr.range().1)
        }
        Kind::Bits { members, repr } => {
            let part = |m: &BitsMember| (m.name.to_string(), m.shift, m.width, m.signed);
            Form::Bits(members.iter().map(part).collect(), repr.range().1)
        }
        Kind::Float(repr) => Form::Float(repr.bytes),
        Kind::Uuid => Form::Uuid,
        Kind::Str { encoding, len, .. } => Form::Text { encoding: *encoding, size: size(len), max },
        Kind::Bytes { len } => Form::Bytes { size: size(len), max },
        Kind::Nbt(form) => Form::Nbt { named: form.named },
        Kind::Packed { .. } => match value {
            Value::Packed(_, packing) => {
                Form::Packed { width: packing.width, count: packing.count }
            }
            _ => Form::Nothing,
        },
        Kind::Let(_) => Form::Computed,
        Kind::Pad(_) => Form::Pad,
        Kind::Tail => Form::Tail,
        Kind::Array(_) | Kind::Struct(_) | Kind::Block { .. } | Kind::Call { .. } => Form::Nothing,
    }
}

fn size(len: &Len) -> Size {
    let most = |repr: &IntRepr| u64::try_from(repr.range().1).unwrap_or(u64::MAX);
    match len {
        Len::Prefix { repr, max } => Size::Free(most(repr).min(max.unwrap_or(u64::MAX))),
        Len::Rest => Size::Free(u64::MAX),
        Len::Until { max, .. } => Size::Free(max.unwrap_or(u64::MAX)),
        Len::Expr { .. } | Len::Fixed(_) => Size::Said,
    }
}

/// A path without its indices.
pub(crate) fn plain(path: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for c in path.chars() {
        match c {
            '[' => inside = true,
            ']' => {
                inside = false;
                out.push_str("[]");
            }
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

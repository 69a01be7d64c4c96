//! A packet as the flat list of its values, each with its path, its bytes and what may be put there.
#![allow(dead_code, unreachable_pub, reason = "each test uses its own part")]

use std::collections::HashMap;

use midwire_definition::Packet;
use midwire_definition::plan::{
    BitsMember, Count, Field, Flow, Group, IntRepr, Kind, Len, Node, Place, Visitor,
};
use midwire_definition::syntax::ast::{Encoding, Transform};
use midwire_definition::value::Value;

/// What a field holds, so that two can be compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Held {
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
pub enum Form {
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
pub enum Size {
    /// At most so much.
    Free(u64),
    Said,
}

/// A value in a packet.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    pub path: String,
    /// The field's definition, by its address: two packets of one plan have the same.
    pub field: usize,
    /// It stands in an arm.
    pub guarded: bool,
    pub place: Place,
    pub bytes: Vec<u8>,
    pub held: Held,
    pub form: Form,
}

/// A struct, list or block in a packet.
#[derive(Debug, Clone, PartialEq)]
pub struct Holder {
    pub path: String,
    pub field: usize,
    pub guarded: bool,
    pub place: Place,
    /// The number of elements of a list.
    pub count: Option<u32>,
    pub element: bool,
    /// It has a length of its own in front.
    pub transform: Option<Transform>,
    /// Another number of elements follows from something else.
    pub size: Option<Size>,
}

/// All values of a packet, in wire order.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Leaves {
    pub list: Vec<Leaf>,
    pub holders: Vec<Holder>,
    /// The whole contents of buffers: the payload, then the inflated blocks.
    pub buffers: Vec<Vec<u8>>,
    /// Paddings seen, by the path of their struct.
    pads: HashMap<String, u32>,
    open: Vec<String>,
}

/// What a packet holds.
pub fn leaves(packet: &mut Packet<'_>) -> Leaves {
    let mut all = Leaves::default();
    packet.walk(&mut all);
    for leaf in &mut all.list {
        leaf.bytes = packet.bytes(leaf.place).to_vec();
    }
    let deepest = all.list.iter().map(|leaf| leaf.place.buffer).max().unwrap_or(0);
    all.buffers.push(packet.payload().to_vec());
    for buffer in 1..=deepest {
        // How long it is shows by what can be had of it.
        let has = |end: u32| end == 0 || !packet.bytes(Place { buffer, start: 0, end }).is_empty();
        let (mut low, mut high) = (0u32, 1 << 24);
        while low < high {
            let middle = (low + high).div_ceil(2);
            if has(middle) { low = middle } else { high = middle - 1 }
        }
        all.buffers.push(packet.bytes(Place { buffer, start: 0, end: low }).to_vec());
    }
    all
}

impl Leaves {
    pub fn get(&self, path: &str) -> Option<&Leaf> {
        self.list.iter().find(|leaf| leaf.path == path)
    }

    fn path(&mut self, node: &Node<'_>) -> String {
        let around = self.open.last().cloned().unwrap_or_default();
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
        if around.is_empty() { name } else { format!("{around}.{name}") }
    }
}

impl Visitor for Leaves {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        let form = match value {
            Value::Absent => Form::Nothing,
            _ => form(node.field, value),
        };
        let path = self.path(node);
        self.list.push(Leaf {
            path,
            field: std::ptr::from_ref(node.field) as usize,
            guarded: node.field.guard.is_some(),
            place: node.place,
            bytes: Vec::new(),
            held: held(value),
            form,
        });
    }

    fn open(&mut self, node: &Node<'_>, group: Group) -> Flow {
        let path = self.path(node);
        let (transform, size) = match (&node.field.kind, node.index) {
            (Kind::Block { transform, .. }, _) => (Some(*transform), None),
            (Kind::Array(array), None) => (None, Some(count_size(&array.count))),
            _ => (None, None),
        };
        self.holders.push(Holder {
            path: path.clone(),
            field: std::ptr::from_ref(node.field) as usize,
            guarded: node.field.guard.is_some(),
            place: node.place,
            count: match group {
                Group::List(count) => Some(count),
                Group::Struct => None,
            },
            element: node.index.is_some(),
            transform,
            size,
        });
        self.open.push(path);
        Flow::Enter
    }

    fn close(&mut self, _: &Node<'_>) {
        self.open.pop();
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
            Value::Packed(_, width, count) => Form::Packed { width: *width, count: *count },
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
        Len::Expr { .. } | Len::Fixed(_) => Size::Said,
    }
}

fn count_size(count: &Count) -> Size {
    match count {
        Count::Len(len) => size(len),
        Count::Until { max, .. } | Count::While { max, .. } => Size::Free(max.unwrap_or(u64::MAX)),
        Count::Sum { .. } => Size::Said,
    }
}

/// A path without its indices.
pub fn plain(path: &str) -> String {
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

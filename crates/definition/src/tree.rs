//! A packet as rows, one for each field and element, with the bytes that each comes from.

mod kind;
mod nbt;

use std::fmt::{self, Write as _};

pub(crate) use self::kind::kind_text;
use self::kind::layout_text;
use crate::escape::{Clip, Clipped, escape, write_quoted};
use crate::json::{bits_of, is_secret, part_of, repr_of, write_uuid};
use crate::plan::{
    DecodeError, Flow, Group, IntRepr, Item, Kind, Marks, Node, Packet, Place, Visitor,
};
use crate::secrets::{Secrets, holds_secret};
use crate::value::Value;

/// A row: a field, an element, a part of a field, or what could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// How far it is indented.
    pub depth: u32,
    /// The field's name; `[3]` for an element.
    pub name: String,
    /// Its type as definitions write it: `varint`, `str[varint]`, `enum u8`.
    pub kind: String,
    /// What it holds, safe for a terminal; empty for structs. Of a list the number of its elements.
    pub value: String,
    /// Its bytes: in the payload (buffer 0), or in one of [`Explained::blocks`], from 1.
    pub place: Place,
    /// Which bits of its bytes, taken as one number, it has: the highest and the lowest, from 0.
    pub bits: Option<(u8, u8)>,
    /// Its bytes must not be shown.
    pub secret: bool,
    /// The first line of its documentation.
    pub doc: String,
    /// What it is.
    pub state: RowState,
}

/// How a row came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowState {
    /// It was read.
    Read,
    /// Some bits of the row above, whose bytes it shares.
    Part,
    /// Computed from others; it has no bytes.
    Computed,
    /// A struct, list or block of which only the beginning could be read.
    Partial,
    /// What could not be read; the value says why.
    Malformed,
    /// Bytes that no field covers.
    Unread,
}

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeLimits {
    /// Elements of one list; the rest is one row.
    pub elements_max: u32,
    /// Rows of the whole packet; the rest is one row.
    pub rows_max: usize,
    /// Columns of one value.
    pub width_max: usize,
    /// Bytes of one value; of more, the first and the last.
    pub bytes_max: usize,
    /// NBT, and bytes that hold something, are blocks of their own from this many bytes on.
    pub block_min: Option<u32>,
}

impl Default for TreeLimits {
    /// 64 elements, 10,000 rows, 120 columns; nothing but what was compressed is a block of its own.
    fn default() -> TreeLimits {
        TreeLimits {
            elements_max: 64,
            rows_max: 10_000,
            width_max: 120,
            bytes_max: 64,
            block_min: None,
        }
    }
}

impl TreeLimits {
    /// Nothing is left out but what is more than a million rows.
    pub const ALL: TreeLimits = TreeLimits {
        elements_max: u32::MAX,
        rows_max: 1_000_000,
        width_max: usize::MAX / 8,
        bytes_max: usize::MAX,
        block_min: None,
    };
}

/// A packet as rows, and the blocks in it that have offsets of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explained {
    /// In the order of the packet's bytes. What could not be read comes last.
    pub rows: Vec<Row>,
    /// What rows with a place in another buffer than 0 lie in.
    pub blocks: Vec<Block>,
    /// Which bytes must not be shown, whatever row they belong to.
    pub secrets: Secrets,
}

impl Explained {
    /// The bytes that places in a buffer lie in: of this payload (buffer 0), or of a block.
    pub fn bytes<'a>(&'a self, payload: &'a [u8], buffer: u32) -> &'a [u8] {
        let Some(number) = buffer.checked_sub(1) else { return payload };
        let Some(block) = self.blocks.get(number as usize) else { return &[] };
        match block.within {
            // A block is never within one that comes later, and not deeper in others than a packet may nest.
            Some(Place { buffer: around, start, end }) if around < buffer => {
                let around = self.bytes(payload, around);
                around.get(start as usize..end as usize).unwrap_or_default()
            }
            _ => &block.inflated,
        }
    }

    /// Whether a byte must not be shown, of the payload (buffer 0) or a block.
    pub fn is_secret(&self, buffer: u32, at: usize) -> bool {
        let (mut buffer, mut at) = (buffer, at);
        // A block is never within one that comes later.
        loop {
            let Some(block) = buffer.checked_sub(1) else { return self.secrets.holds(at) };
            match self.blocks.get(block as usize).and_then(|block| block.within) {
                Some(place) if place.buffer < buffer => {
                    (buffer, at) = (place.buffer, at.saturating_add(place.start as usize));
                }
                _ => return self.secrets.are_inside,
            }
        }
    }
}

/// Bytes inside a packet with offsets of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The row that holds it.
    pub row: u32,
    /// Its bytes, if they were compressed; see [`Explained::bytes`].
    inflated: Vec<u8>,
    /// Where the very same bytes lie, if they were not compressed.
    pub within: Option<Place>,
}

/// The rows of a packet, in the order of its bytes. What could not be read comes last.
pub fn rows(packet: &mut Packet<'_>, limits: TreeLimits) -> Vec<Row> {
    explain(packet, limits).rows
}

/// The rows of a packet, and its blocks.
pub fn explain(packet: &mut Packet<'_>, limits: TreeLimits) -> Explained {
    let failed = packet.error().map(|error| (error.offset, error.buffer));
    let mut tree = Tree {
        rows: Vec::new(),
        limits,
        failed,
        open: Vec::new(),
        left_out: 0,
        opened: None,
        enters: false,
        blocks: Vec::new(),
        inflated: Vec::new(),
        within: Vec::new(),
        bytes_len: 0,
    };
    packet.walk(&mut tree);
    tree.within.clear();
    let has_secrets = packet.plan.has_secrets();
    let error_place = packet.error().map(|error| {
        let (buffer, offset) = (error.buffer, error.offset);
        tree.place(Place { buffer, start: offset, end: offset })
    });
    let Tree { mut rows, left_out, blocks, .. } = tree;
    if left_out > 0 {
        let place = Place { buffer: 0, start: 0, end: 0 };
        rows.push(note(place, format!("… {left_out} more rows"), RowState::Unread));
    }
    let (end, len) = (packet.end(), packet.payload().len() as u32);
    let rest = Place { buffer: 0, start: end.min(len), end: len };
    if let Some(error) = packet.error() {
        let place = match (error.buffer, error_place) {
            (buffer, Some(place)) if buffer != 0 => place,
            _ => Place { buffer: 0, start: error.offset.min(len), end: len },
        };
        let name = escape(&error.path_text()).into_owned();
        let value = escape(&error.kind.to_string()).into_owned();
        let secret = has_secrets;
        rows.push(Row { name, secret, ..note(place, value, RowState::Malformed) });
        return Explained { rows, blocks, secrets: packet.secrets() };
    }
    if rest.start < rest.end {
        let value = format!("{} bytes left over", rest.end - rest.start);
        rows.push(Row { secret: has_secrets, ..note(rest, value, RowState::Unread) });
    }
    Explained { rows, blocks, secrets: packet.secrets() }
}

/// For each byte of the payload the row that explains it best: the innermost.
pub fn owners(rows: &[Row], payload_len: usize) -> Vec<Option<u32>> {
    let mut owners = vec![None; payload_len];
    for (i, row) in rows.iter().enumerate() {
        if row.place.buffer != 0 || row.state == RowState::Part {
            continue;
        }
        let range = row.place.start as usize..(row.place.end as usize).min(payload_len);
        if let Some(bytes) = owners.get_mut(range) {
            bytes.fill(Some(i as u32));
        }
    }
    owners
}

fn note(place: Place, value: String, state: RowState) -> Row {
    Row {
        depth: 0,
        name: String::new(),
        kind: String::new(),
        value,
        place,
        bits: None,
        secret: false,
        doc: String::new(),
        state,
    }
}

struct Tree {
    rows: Vec<Row>,
    limits: TreeLimits,
    /// Where reading failed.
    failed: Option<(u32, u32)>,
    /// For each open group, how many of a list's elements were left out, and the row of the list.
    open: Vec<Open>,
    /// Rows that had no room.
    left_out: usize,
    /// How many groups are open around the bytes whose content is being shown.
    opened: Option<usize>,
    /// What comes next is what bytes hold.
    enters: bool,
    blocks: Vec<Block>,
    /// The block of each buffer of the workspace, which are used again and again.
    inflated: Vec<u32>,
    /// Blocks around what is shown whose bytes are those of the buffer that they lie in.
    within: Vec<Within>,
    /// How many bytes the value before had.
    bytes_len: u32,
}

/// A block that is a part of a buffer.
struct Within {
    /// The buffer as the packet numbers it, and where in it the block begins.
    buffer: u32,
    start: u32,
    /// Its number.
    block: u32,
    /// How many groups are open around it.
    around: usize,
}

/// The number of a block that is not shown.
const UNSEEN: u32 = u32::MAX;

/// Numbers that are shown of a list of them in what bytes hold.
const OPENED_NUMBERS_MAX: u32 = 12;

struct Open {
    /// The elements behind this one are left out.
    elements_max: u32,
    /// The row of the list or struct.
    row: usize,
    /// The marks of a list, which its elements share.
    marks: Marks,
    /// The list has this many elements.
    count: u32,
    /// It has no row: its fields are those of the bytes that hold it.
    rowless: bool,
    /// Its elements are numbers that stand in its own row.
    inline: bool,
}

impl Tree {
    fn add(&mut self, row: Row) -> bool {
        if self.rows.len() >= self.limits.rows_max {
            self.left_out += 1;
            return false;
        }
        self.rows.push(row);
        true
    }

    /// Whether an element is one of those that are shown.
    fn is_shown(&self, node: &Node<'_>) -> bool {
        match (node.index, self.open.last()) {
            (Some(index), Some(list)) => index < list.elements_max,
            _ => true,
        }
    }

    /// A place as rows give it.
    fn place(&self, place: Place) -> Place {
        let around = self.within.last().filter(|within| within.buffer == place.buffer);
        if let Some(within) = around.filter(|within| within.start <= place.start) {
            let Within { start, block, .. } = *within;
            return Place { buffer: block, start: place.start - start, end: place.end - start };
        }
        match place.buffer.checked_sub(1).and_then(|n| self.inflated.get(n as usize)) {
            Some(block) => Place { buffer: *block, ..place },
            None => place,
        }
    }

    /// The bytes at a place of the packet, which the row added last holds, are a block of their own.
    fn begin_within(&mut self, place: Place, bytes: &[u8]) -> bool {
        let is_long = self.limits.block_min.is_some_and(|min| bytes.len() >= min as usize);
        if !is_long || self.rows.is_empty() {
            return false;
        }
        let row = self.rows.len() as u32 - 1;
        let within = self.place(place);
        let is_seen = within.buffer as usize <= self.blocks.len();
        let inflated = if is_seen { Vec::new() } else { bytes.to_vec() };
        self.blocks.push(Block { row, inflated, within: Some(within) });
        let (buffer, start, block) = (place.buffer, place.start, self.blocks.len() as u32);
        self.within.push(Within { buffer, start, block, around: self.open.len() });
        true
    }

    fn row(&self, node: &Node<'_>, kind: String, value: String) -> Row {
        let name = match (node.index, &node.field.kind) {
            (Some(index), _) => format!("[{index}]"),
            (None, Kind::Pad(_)) => "pad".to_owned(),
            (None, Kind::Tail) => "...".to_owned(),
            (None, _) => escape(node.name).into_owned(),
        };
        let doc = match node.index {
            Some(_) => String::new(),
            None => escape(node.field.doc.lines().next().unwrap_or("").trim()).into_owned(),
        };
        let state = if matches!(node.field.kind, Kind::Let(_)) {
            RowState::Computed
        } else {
            RowState::Read
        };
        let (depth, place) = (self.depth(), self.place(node.place));
        Row { depth, name, kind, value, place, bits: None, secret: is_secret(node), doc, state }
    }

    fn depth(&self) -> u32 {
        self.open.iter().filter(|open| !open.rowless).count() as u32
    }

    /// Whether what bytes hold has a list of numbers here, which needs no rows for them.
    fn is_inline(&self, node: &Node<'_>) -> bool {
        let Kind::Array(array) = &node.field.kind else { return false };
        let element = node.plan.layouts.get(array.element as usize);
        let only = element.filter(|layout| layout.transparent).map(|layout| &layout.items[..]);
        let Some([Item::Field(id)]) = only else { return false };
        let field = node.plan.fields.get(*id as usize);
        self.opened.is_some() && field.is_some_and(|field| matches!(field.kind, Kind::Int(_)))
    }

    /// Adds a number to the row of its list.
    fn number_inline(&mut self, node: &Node<'_>, value: &Value<'_>) {
        let text = value_text(&node.field.kind, &self.marks(node), value, self.limits);
        let (Some(index), Some(open)) = (node.index, self.open.last()) else { return };
        if let (true, Some(row)) = (index < open.elements_max, self.rows.get_mut(open.row)) {
            row.value.push_str(if index == 0 { ": " } else { " " });
            row.value.push_str(&text);
        }
    }

    /// The marks of a value: its own, and of an element those of the list.
    fn marks(&self, node: &Node<'_>) -> Marks {
        let own = Marks::clone(&node.field.marks);
        match (node.index, self.open.last()) {
            (Some(_), Some(list)) => own.over(list.marks.clone()),
            _ => own,
        }
    }
}

impl Visitor for Tree {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        self.enters = false;
        if node.index.is_some() && self.open.last().is_some_and(|open| open.inline) {
            return self.number_inline(node, value);
        }
        if !self.is_shown(node) {
            return;
        }
        let marks = self.marks(node);
        let secret = is_secret(node);
        let text = if secret || holds_secret(&node.field.kind) {
            "***".to_owned()
        } else {
            value_text(&node.field.kind, &marks, value, self.limits)
        };
        self.bytes_len = match value {
            Value::Bytes(bytes) => bytes.len() as u32,
            _ => 0,
        };
        let mut kind = kind_text(node.plan, &node.field.kind);
        if let (Value::Absent, Some(_)) = (value, node.index) {
            kind.clear();
        }
        if matches!(node.field.kind, Kind::Let(_)) {
            let row = self.row(node, kind, text);
            let place = Place { end: row.place.start, ..row.place };
            self.add(Row { place, ..row });
            return;
        }
        let row = self.row(node, kind, text);
        if !self.add(row) {
            return;
        }
        if let (Value::Nbt(bytes, form), false) = (value, secret) {
            self.nbt_rows(node.place, bytes, *form);
        }
        if let (Value::Bits(number, members), false) = (value, secret) {
            let depth = self.depth() + 1;
            let bits = bits_of(*number, repr_of(&node.field.kind)) as i128;
            for member in *members {
                let part = part_of(member).of(bits);
                let value = if member.marks.secret {
                    "***".to_owned()
                } else {
                    number_text(&member.marks, None, part)
                };
                let letter = if member.signed { 'i' } else { 'u' };
                self.add(Row {
                    depth,
                    name: escape(&member.name).into_owned(),
                    kind: format!("{letter}{}", member.width),
                    value,
                    place: self.place(node.place),
                    bits: Some((member.shift + member.width.saturating_sub(1), member.shift)),
                    secret: member.marks.secret,
                    doc: escape(member.doc.lines().next().unwrap_or("").trim()).into_owned(),
                    state: RowState::Part,
                });
            }
        }
    }

    fn open(&mut self, node: &Node<'_>, group: Group) -> Flow {
        if std::mem::take(&mut self.enters) && group == Group::Struct {
            let (elements_max, row) = (u32::MAX, self.rows.len().saturating_sub(1));
            let marks = Marks::default();
            self.open.push(Open {
                elements_max,
                row,
                marks,
                count: 0,
                rowless: true,
                inline: false,
            });
            return Flow::Enter;
        }
        if !self.is_shown(node) {
            return Flow::Skip;
        }
        let secret = is_secret(node);
        let marks = self.marks(node);
        let kind = match (node.index, &node.field.kind, group) {
            (Some(_), Kind::Array(array), Group::Struct) => layout_text(node.plan, array.element),
            (_, kind, _) => kind_text(node.plan, kind),
        };
        let (value, count) = match group {
            Group::List(count) => (format!("{count} elements"), count),
            Group::Struct => (String::new(), 0),
        };
        let value = if secret { "***".to_owned() } else { value };
        let mut row = self.row(node, kind, value);
        if let Some((offset, 0)) = self.failed
            && self.opened.is_none()
            && node.place.buffer == 0
            && node.place.start <= offset
            && offset <= node.place.end
            && node.place.end > node.place.start
        {
            row.state = RowState::Partial;
        }
        if !self.add(row) || secret {
            return Flow::Skip;
        }
        let (inline, row) = (self.is_inline(node), self.rows.len() - 1);
        let elements_max = match inline {
            true if self.limits.elements_max < u32::MAX => {
                OPENED_NUMBERS_MAX.min(self.limits.elements_max)
            }
            true => u32::MAX,
            false => self.limits.elements_max,
        };
        self.open.push(Open { elements_max, row, marks, count, rowless: false, inline });
        Flow::Enter
    }

    fn packed(&mut self, node: &Node<'_>) {
        if self.is_shown(node) {
            let value = format!("{} bytes", node.raw.len());
            let row = self.row(node, kind_text(node.plan, &node.field.kind), value);
            self.add(row);
        }
    }

    fn presence(&mut self, node: &Node<'_>) {
        if self.is_shown(node) {
            let there = node.raw.first().is_some_and(|byte| *byte != 0);
            let mut row = self.row(node, "bool".to_owned(), there.to_string());
            if row.name.is_empty() {
                row.name.push_str("present");
            }
            self.add(row);
        }
    }

    fn rest(&mut self, place: Place, bytes: &[u8]) {
        let depth = self.depth();
        let place = self.place(place);
        let value = format!("{} bytes left over", bytes.len());
        self.add(Row { depth, ..note(place, value, RowState::Unread) });
    }

    fn opens(&self, node: &Node<'_>) -> bool {
        self.is_shown(node) && !is_secret(node) && self.rows.len() < self.limits.rows_max
    }

    fn inflated(&mut self, node: &Node<'_>, buffer: u32, bytes: &[u8]) {
        let at = buffer.saturating_sub(1) as usize;
        if self.inflated.len() <= at {
            self.inflated.resize(at + 1, UNSEEN);
        }
        self.inflated[at] = UNSEEN;
        let has_room = self.rows.len() < self.limits.rows_max;
        if has_room && self.is_shown(node) && !is_secret(node) {
            // Its row comes next.
            let row = self.rows.len() as u32;
            self.blocks.push(Block { row, inflated: bytes.to_vec(), within: None });
            self.inflated[at] = self.blocks.len() as u32;
        }
    }

    fn enter_bytes(&mut self, node: &Node<'_>) {
        let len = self.bytes_len.min(node.place.end - node.place.start);
        let start = node.place.end - len;
        let bytes = node.raw.get(node.raw.len().saturating_sub(len as usize)..).unwrap_or_default();
        self.begin_within(Place { start, ..node.place }, bytes);
        self.opened = Some(self.open.len());
        self.enters = true;
        let row = self.rows.len().saturating_sub(1);
        let marks = Marks::default();
        self.open.push(Open {
            elements_max: u32::MAX,
            row,
            marks,
            count: 0,
            rowless: false,
            inline: false,
        });
    }

    fn leave_bytes(&mut self, node: &Node<'_>, error: Option<&DecodeError>) {
        if let Some(error) = error {
            let start = match error.buffer == node.place.buffer {
                true => error.offset.min(node.place.end),
                false => error.offset,
            };
            let place = self.place(Place { buffer: error.buffer, start, end: start });
            let name = escape(&error.path_text()).into_owned();
            let value = escape(&error.kind.to_string()).into_owned();
            let depth = self.depth();
            self.add(Row { depth, name, ..note(place, value, RowState::Malformed) });
        }
        if let Some(around) = self.opened.take() {
            self.open.truncate(around);
        }
        self.within.retain(|within| within.around < self.open.len());
        self.enters = false;
    }

    fn close(&mut self, node: &Node<'_>) {
        let Some(open) = self.open.pop() else { return };
        if open.count > open.elements_max && open.inline {
            if let Some(row) = self.rows.get_mut(open.row) {
                row.value.push_str(" …");
            }
        } else if open.count > open.elements_max {
            let more = open.count - open.elements_max;
            let depth = self.rows.get(open.row).map_or(0, |row| row.depth) + 1;
            let place = self.place(Place { start: node.place.end, ..node.place });
            self.add(Row {
                depth,
                ..note(place, format!("… {more} more elements"), RowState::Read)
            });
        }
    }
}

/// A value as text of at most so many columns.
fn value_text(kind: &Kind, marks: &Marks, value: &Value<'_>, limits: TreeLimits) -> String {
    let mut out = String::new();
    let mut clip = Clip::new(limits.width_max, 0);
    let mut clipped = Clipped::new(&mut out, &mut clip);
    // It fails where the text is cut off.
    let _ = write_value(kind, marks, value, limits, &mut clipped);
    out
}

fn write_value(
    kind: &Kind,
    marks: &Marks,
    value: &Value<'_>,
    limits: TreeLimits,
    out: &mut Clipped<'_>,
) -> fmt::Result {
    match value {
        Value::Int(n) => out.write_str(&number_text(marks, repr_of(kind), *n)),
        Value::Enum(n, None) => write!(out, "{n} (unknown)"),
        Value::Enum(n, Some(name)) => write!(out, "{} ({n})", escape(name)),
        Value::F32(n) => write!(out, "{n}{}", unit(marks)),
        Value::F64(n) => write!(out, "{n}{}", unit(marks)),
        Value::Bool(b @ 0..=1) => write!(out, "{}", *b != 0),
        Value::Bool(b) => write!(out, "true ({b})"),
        Value::Uuid(uuid) => {
            let mut text = String::new();
            write_uuid(*uuid, &mut text);
            out.write_str(&text)
        }
        Value::Flags(n, members) => {
            let bits = bits_of(*n, repr_of(kind));
            write!(out, "{bits:#x}")?;
            let mut unknown = bits;
            let mut separator = ": ";
            for member in *members {
                let bit = 1u128.checked_shl(member.bit.into()).unwrap_or(0);
                if bits & bit != 0 {
                    write!(out, "{separator}{}", escape(&member.name))?;
                    separator = " | ";
                    unknown &= !bit;
                }
            }
            if unknown != 0 && unknown != bits {
                write!(out, "{separator}{unknown:#x}")?;
            }
            Ok(())
        }
        Value::Bits(n, _) => write!(out, "{:#x}", bits_of(*n, repr_of(kind))),
        Value::Text(text, ..) => write_quoted(text, out),
        Value::Bytes(bytes) => {
            write!(out, "{} bytes", bytes.len())?;
            let is_long = bytes.len() > limits.bytes_max;
            let head = if is_long { limits.bytes_max.saturating_sub(4) } else { bytes.len() };
            let mut separator = ": ";
            for byte in bytes.iter().take(head) {
                write!(out, "{separator}{byte:02x}")?;
                separator = " ";
            }
            if is_long {
                out.write_str(" …")?;
                for byte in &bytes[bytes.len() - 4.min(bytes.len())..] {
                    write!(out, " {byte:02x}")?;
                }
            }
            Ok(())
        }
        Value::Nbt(bytes, form) => {
            let mut text = String::new();
            crate::nbt::write_snbt(bytes, *form, limits.width_max, &mut text);
            out.write_str(&text)
        }
        Value::Packed(bytes, packing) => {
            write!(out, "{} numbers of {} bits", packing.count, packing.width)?;
            let mut separator = ": ";
            for number in packing.numbers(bytes) {
                write!(out, "{separator}{number}")?;
                separator = " ";
            }
            Ok(())
        }
        Value::Absent => out.write_str("absent"),
    }
}

fn unit(marks: &Marks) -> String {
    marks.unit.as_ref().map_or(String::new(), |unit| format!(" {}", escape(unit)))
}

fn number_text(marks: &Marks, repr: Option<IntRepr>, number: i128) -> String {
    let bits = bits_of(number, repr);
    let unsigned =
        matches!(repr, Some(IntRepr::Varint128 | IntRepr::Fixed { bytes: 16, signed: false, .. }));
    let mut text = if marks.color && bits <= 0xffff_ffff {
        format!("#{bits:06x}")
    } else if marks.hex {
        format!("{bits:#x}")
    } else if unsigned {
        bits.to_string()
    } else {
        number.to_string()
    };
    if let Some(name) = marks.reference_table.as_ref().and_then(|table| table.name_of(number)) {
        text = format!("{} ({text})", escape(name));
    }
    text + &unit(marks)
}

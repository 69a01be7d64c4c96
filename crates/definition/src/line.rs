//! A packet on one line, for people.
//!
//! ```text
//! health=20 food=20 food_saturation=5      numbers; floats with two decimals at most
//! on_ground                                a bool that is true
//! keys=up|jump|0x40                        flags that are set; a bit without a name as a number
//! "maintenance at midnight"                chat has no name before it
//! brand="vanilla" id=069a79f4…             other text; the start of a UUID
//! item.count=3 slots=[1 2 3] tags=[×200]   structs by dots, short lists, the length of long ones
//! color=#ff8800 token=***                  colours, secrets
//! slot=36; item.added[2].data ends early at 27
//! ```
//!
//! Fields marked `@telling` come first, those marked `@hide` not at all; counts that only measure a later
//! field are left out, and so is what is false, zero flags, or an empty list, unless there is nothing else.
//! The coordinates of a struct called `position` or `location` stand without its name. All text is
//! escaped ([`crate::escape`]).

use std::fmt::{self, Write as _};

use crate::chat;
use crate::escape::{Clip, Clipped, width, write_escaped, write_quoted};
use crate::json::{bits_of, is_secret, part_of, repr_of};
use crate::packed::Packing;
use crate::plan::{
    BitsMember, DecodeError, DecodeErrorKind, Derivation, FlagMember, Flow, Group, IntRepr, Kind,
    Marks, Node, Packet, Visitor,
};
use crate::value::Value;

/// Lists with more elements are shown by their length.
const LIST_MAX: u32 = 4;
/// Bytes with more are shown by their start.
const BYTES_MAX: usize = 8;
/// The columns that a text takes at most where it is not chat, and that NBT takes.
const TEXT_WIDTH_MAX: usize = 48;

/// What a piece of a line is, so that it can be coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Names of values, punctuation.
    Plain,
    /// The name of a field, with its `=`.
    FieldName,
    /// Text from the packet, with its quotes.
    Text,
    /// A number.
    Number,
    /// What could not be read.
    Error,
    /// What matters less: placeholders, secrets.
    Dim,
}

/// A piece of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Styled<'a> {
    /// What it says; safe for a terminal.
    pub text: &'a str,
    /// What it is.
    pub role: Role,
}

/// A line in pieces. It can be cleared and used again, and then allocates nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    text: String,
    /// Where each piece ends, and what it is.
    ends: Vec<(usize, Role)>,
}

impl Line {
    /// An empty line.
    pub fn new() -> Line {
        Line::default()
    }

    /// Makes it empty.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// All of it without roles.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Its columns on a terminal, nearly.
    pub fn width(&self) -> usize {
        width(&self.text)
    }

    /// Appends foreign text; it is escaped.
    pub fn push(&mut self, role: Role, text: &str) {
        crate::escape::escape_into(text, &mut self.text);
        self.end(role);
    }

    /// Its pieces in order.
    pub fn spans(&self) -> impl Iterator<Item = Styled<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(end, _)| *end));
        starts
            .zip(&self.ends)
            .map(|(start, (end, role))| Styled { text: &self.text[start..*end], role: *role })
    }

    /// Ends a piece here.
    fn end(&mut self, role: Role) {
        let end = self.text.len();
        match self.ends.last_mut() {
            Some((last, last_role)) if *last_role == role => *last = end,
            Some((last, _)) if *last == end => {}
            _ if end == 0 => {}
            _ => self.ends.push((end, role)),
        }
    }

    /// Ends a piece here; pieces that were cut off with the text end where it was cut.
    fn cut(&mut self, role: Role, clip: &Clip) {
        let kept = if clip.is_cut() { clip.mark() } else { self.text.len() };
        while self.ends.last().is_some_and(|(last, _)| *last > kept) {
            self.ends.pop();
        }
        self.end(role);
    }
}

/// Appends the packet's summary to `line`, at most `width_max` columns of it. What could not be read is
/// told at its end and has its room before the fields have theirs.
pub fn write_summary(packet: &mut Packet<'_>, width_max: usize, line: &mut Line) {
    let mut ending = Line::new();
    if let Some(error) = packet.error() {
        ending.push(Role::Error, &error_text(error));
    } else if !packet.rest().is_empty() {
        ending.push(Role::Error, &format!("{} bytes left over", packet.rest().len()));
    }
    let room = match ending.width() {
        0 => width_max,
        wanted => width_max.saturating_sub(wanted + 2),
    };
    let start = line.text.len();
    let telling = packet.plan.fields.iter().any(|field| field.marks.telling);
    let mut summary = Summary::new(line, room);
    if telling {
        summary.pass = Pass::Telling;
        packet.walk(&mut summary);
        summary.pass = Pass::Others;
    }
    packet.walk(&mut summary);
    if summary.line.text.len() == start && summary.left_out {
        summary.show_empty = true;
        summary.pass = Pass::All;
        packet.walk(&mut summary);
    }
    if !ending.is_empty() {
        let mut clip = Clip::new(width_max.min(ending.width() + 2), line.text.len());
        if line.text.len() > start {
            let _ = Clipped::new(&mut line.text, &mut clip).write_str("; ");
            line.cut(Role::Plain, &clip);
        }
        let _ = Clipped::new(&mut line.text, &mut clip).write_str(&ending.text);
        line.cut(Role::Error, &clip);
    }
}

/// Appends the start of bytes that are not looked into: `4a 00 01 9c …`.
pub fn write_bytes(bytes: &[u8], width_max: usize, line: &mut Line) {
    write_masked(bytes, |_| false, width_max, line);
}

/// The same, with `**` for each byte that is not to be seen.
pub fn write_masked(
    bytes: &[u8],
    is_secret: impl Fn(usize) -> bool,
    width_max: usize,
    line: &mut Line,
) {
    let mut clip = Clip::new(width_max, line.text.len());
    let mut out = Clipped::new(&mut line.text, &mut clip);
    for (i, byte) in bytes.iter().enumerate() {
        let space = if i > 0 { " " } else { "" };
        let written = match is_secret(i) {
            true => write!(out, "{space}**"),
            false => write!(out, "{space}{byte:02x}"),
        };
        if written.is_err() {
            break;
        }
    }
    line.cut(Role::Dim, &clip);
}

/// What could not be read, as short as it can be: `item.added[2].data ends early at 27`.
pub fn error_text(error: &DecodeError) -> String {
    let mut path = error.path_text();
    if path.is_empty() {
        path.push_str("packet");
    }
    let block = if error.buffer > 0 {
        format!(" of inflated block {}", error.buffer)
    } else {
        String::new()
    };
    match &error.kind {
        DecodeErrorKind::Short { .. } => format!("{path} ends early at {}{block}", error.offset),
        kind => format!("{path} at {}{block}: {kind}", error.offset),
    }
}

/// Which fields are shown on this way through the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    All,
    Telling,
    Others,
}

/// What is open around the value that comes next.
enum Frame {
    /// A struct: how long the path was outside, and whether it is told or chat.
    Struct { path: usize, telling: bool, chat: bool },
    /// A struct in a list: how long the path was outside, and where it began.
    Braces { path: usize, base: usize },
    /// A list, and the marks of the list around it.
    List { around: Option<Marks> },
    /// A colour, its channels so far, and the path outside.
    Color { channels: [u8; 4], count: usize, path: usize },
}

struct Summary<'l> {
    line: &'l mut Line,
    clip: Clip,
    pass: Pass,
    open: Vec<Frame>,
    /// The names of the structs around, with a dot behind each.
    path: String,
    /// Where in it the names begin that are shown.
    base: usize,
    /// How many of the open groups are telling.
    telling: u32,
    /// How many are chat.
    chat: u32,
    /// The marks of the list around, which its elements share.
    list_marks: Option<Marks>,
    /// Nothing stands directly in front that a space has to part.
    fresh: bool,
    /// Something false or empty was left out.
    left_out: bool,
    show_empty: bool,
}

impl<'l> Summary<'l> {
    fn new(line: &'l mut Line, width_max: usize) -> Summary<'l> {
        let clip = Clip::new(width_max, line.text.len());
        Summary {
            line,
            clip,
            pass: Pass::All,
            open: Vec::new(),
            path: String::new(),
            base: 0,
            telling: 0,
            chat: 0,
            list_marks: None,
            fresh: true,
            left_out: false,
            show_empty: false,
        }
    }

    fn put(&mut self, role: Role, write: impl FnOnce(&mut Clipped<'_>) -> fmt::Result) {
        if self.clip.is_cut() {
            return;
        }
        // What does not fit is cut off, and the line then takes nothing more.
        let _ = write(&mut Clipped::new(&mut self.line.text, &mut self.clip));
        self.line.cut(role, &self.clip);
    }

    fn put_str(&mut self, role: Role, text: &str) {
        self.put(role, |out| out.write_str(text));
    }

    /// The space before a value.
    fn part(&mut self) {
        if !std::mem::take(&mut self.fresh) {
            self.put_str(Role::Plain, " ");
        }
    }

    fn name(&mut self, node: &Node<'_>, behind: &str) {
        self.part();
        if node.index.is_some() {
            return;
        }
        let path = std::mem::take(&mut self.path);
        let base = self.base;
        self.put(Role::FieldName, |out| {
            write_escaped(&path[base..], out)?;
            write_escaped(node.name, out)?;
            out.write_str(behind)
        });
        self.path = path;
    }

    /// Whether this pass leaves a field out.
    fn passes_over(&self, marks: &Marks) -> bool {
        let telling = marks.telling || self.telling > 0;
        match self.pass {
            Pass::All => false,
            Pass::Telling => !telling,
            Pass::Others => telling,
        }
    }

    fn enter_struct(&mut self, node: &Node<'_>) {
        let path = self.path.len();
        let (telling, chat) = (node.field.marks.telling, node.field.marks.chat);
        self.telling += u32::from(telling);
        self.chat += u32::from(chat);
        if !matches!(node.name, "" | "position" | "location") {
            self.path.push_str(node.name);
            self.path.push('.');
        }
        self.open.push(Frame::Struct { path, telling, chat });
    }

    /// Whether the value is left out, being nothing to speak of.
    fn is_empty(&mut self, value: &Value<'_>, in_list: bool) -> bool {
        let empty = match value {
            Value::Absent => return !in_list,
            Value::Bool(b) => *b == 0,
            Value::Flags(n, _) => *n == 0,
            Value::Bytes(bytes) => bytes.is_empty(),
            _ => false,
        };
        self.left_out |= empty;
        empty && !in_list && !self.show_empty
    }

    fn bits(&mut self, node: &Node<'_>, number: i128, members: &[BitsMember]) {
        let bits = bits_of(number, repr_of(&node.field.kind)) as i128;
        let in_list = node.index.is_some();
        let path = self.path.len();
        if in_list {
            self.part();
            self.put_str(Role::Plain, "{");
            self.fresh = true;
        } else if !matches!(node.name, "position" | "location") {
            self.path.push_str(node.name);
            self.path.push('.');
        }
        let base = if in_list { std::mem::replace(&mut self.base, path) } else { self.base };
        for member in members.iter().filter(|member| !member.marks.hide) {
            let inner = Node { name: &member.name, index: None, ..*node };
            self.name(&inner, "=");
            let number = part_of(member).of(bits);
            self.number(&member.marks, None, number);
        }
        if in_list {
            self.base = base;
            self.put_str(Role::Plain, "}");
        }
        self.path.truncate(path);
    }

    fn number(&mut self, marks: &Marks, repr: Option<IntRepr>, number: i128) {
        if marks.secret {
            return self.put_str(Role::Dim, "***");
        }
        if let Some(name) = marks.reference_table.as_ref().and_then(|table| table.name_of(number)) {
            return self.put(Role::Plain, |out| write_escaped(name, out));
        }
        let bits = bits_of(number, repr);
        let unsigned = matches!(
            repr,
            Some(IntRepr::Varint128 | IntRepr::Fixed { bytes: 16, signed: false, .. })
        );
        self.put(Role::Number, |out| {
            if marks.color && bits <= 0xffff_ffff {
                write!(out, "#{bits:06x}")
            } else if marks.hex {
                write!(out, "{bits:#x}")
            } else if unsigned {
                write!(out, "{bits}")
            } else {
                write!(out, "{number}")
            }
        });
        self.unit(marks);
    }

    fn float(&mut self, marks: &Marks, number: f64) {
        self.put(Role::Number, |out| write_short(number, out));
        self.unit(marks);
    }

    /// Only the shortest units, such as `px` and `%`: words make a line hard to read.
    fn unit(&mut self, marks: &Marks) {
        if let Some(unit) = marks.unit.as_ref().filter(|unit| unit.chars().count() <= 2) {
            self.put(Role::Plain, |out| write_escaped(unit, out));
        }
    }

    fn flags(&mut self, kind: &Kind, number: i128, members: &[FlagMember]) {
        let mut unknown = bits_of(number, repr_of(kind));
        self.put(Role::Plain, |out| {
            let mut first = true;
            for member in members {
                let bit = 1u128.checked_shl(member.bit.into()).unwrap_or(0);
                if unknown & bit == 0 {
                    continue;
                }
                unknown &= !bit;
                if !std::mem::take(&mut first) {
                    out.write_char('|')?;
                }
                write_escaped(&member.name, out)?;
            }
            match (unknown, first) {
                (0, true) => out.write_char('0'),
                (0, false) => Ok(()),
                (_, true) => write!(out, "{unknown:#x}"),
                (_, false) => write!(out, "|{unknown:#x}"),
            }
        });
    }

    fn text(&mut self, text: &str, is_chat: bool) {
        if is_chat {
            let words = chat::from_text(text);
            self.put(Role::Text, |out| write_quoted(&words, out));
            return;
        }
        // A text longer than its share is cut inside its quotes.
        let mut shown = String::new();
        let mut clip = Clip::new(TEXT_WIDTH_MAX, 0);
        let _ = write_quoted(text, &mut Clipped::new(&mut shown, &mut clip));
        if clip.is_cut() {
            shown.push('"');
        }
        self.put_str(Role::Text, &shown);
    }
}

impl Visitor for Summary<'_> {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        if self.clip.is_cut() {
            return;
        }
        let in_list = node.index.is_some();
        let marks = match (&self.list_marks, in_list) {
            (Some(marks), true) => {
                let own = Marks::clone(&node.field.marks);
                &own.over(marks.clone())
            }
            _ => &node.field.marks,
        };
        if let (Some(Frame::Color { channels, count, .. }), Some(n)) =
            (self.open.last_mut(), value.as_int())
        {
            if let Some(channel) = channels.get_mut(*count) {
                *channel = n as u8;
                *count += 1;
            }
            return;
        }
        let measures =
            || node.field.derived.iter().any(|d| matches!(d, Derivation::Measures { .. }));
        let unseen = matches!(node.field.kind, Kind::Pad(_) | Kind::Let(_)) && !marks.telling;
        if marks.hide || unseen || (!in_list && (self.passes_over(marks) || measures())) {
            return;
        }
        if self.is_empty(value, in_list) {
            return;
        }
        let secret = is_secret(node);
        let chat = marks.chat || self.chat > 0;
        if self.chat > 0 && !matches!(value, Value::Text(..) | Value::Nbt(..)) {
            return;
        }
        match value {
            Value::Bool(b) if !in_list && !secret => {
                if *b == 0 {
                    self.part();
                    self.put_str(Role::Plain, "!");
                    self.fresh = true;
                }
                return self.name(node, "");
            }
            Value::Bits(n, members) if !secret => return self.bits(node, *n, members),
            Value::Text(..) | Value::Nbt(..) if chat && !secret => self.part(),
            _ => match node.field.kind {
                Kind::Tail => {
                    self.part();
                    self.put_str(Role::FieldName, "tail=");
                }
                _ => self.name(node, "="),
            },
        }
        if secret {
            return self.put_str(Role::Dim, "***");
        }
        let kind = &node.field.kind;
        match value {
            Value::Int(n) | Value::Enum(n, None) => self.number(marks, repr_of(kind), *n),
            Value::Enum(_, Some(name)) => {
                self.put(Role::Plain, |out| write_escaped(name, out));
            }
            Value::F32(n) => self.float(marks, f64::from(*n)),
            Value::F64(n) => self.float(marks, *n),
            Value::Bool(b) => self.put_str(Role::Plain, if *b == 0 { "false" } else { "true" }),
            Value::Uuid(uuid) => self.put(Role::Number, |out| {
                uuid[..4].iter().try_for_each(|b| write!(out, "{b:02x}"))?;
                out.write_char('…')
            }),
            Value::Flags(n, members) => self.flags(kind, *n, members),
            Value::Bits(..) => {}
            Value::Text(text, ..) => self.text(text, chat),
            Value::Bytes(bytes) => {
                self.put(Role::Number, |out| {
                    bytes.iter().take(BYTES_MAX).try_for_each(|b| write!(out, "{b:02x}"))
                });
                if bytes.len() > BYTES_MAX {
                    self.put(Role::Dim, |out| write!(out, "…({} bytes)", bytes.len()));
                }
            }
            Value::Nbt(bytes, form) if chat => {
                let words = chat::from_nbt(bytes, *form);
                self.put(Role::Text, |out| write_quoted(&words, out));
            }
            Value::Nbt(bytes, form) => {
                let mut shown = String::new();
                crate::nbt::write_snbt(bytes, *form, TEXT_WIDTH_MAX, &mut shown);
                self.put_str(Role::Plain, &shown);
            }
            Value::Packed(_, packing) => {
                let Packing { width, count, .. } = packing;
                self.put(Role::Dim, |out| write!(out, "[×{count} of {width} bits]"));
            }
            Value::Absent => self.put_str(Role::Dim, "-"),
        }
    }

    fn open(&mut self, node: &Node<'_>, group: Group) -> Flow {
        let marks = &node.field.marks;
        let in_list = node.index.is_some();
        if self.clip.is_cut() || marks.hide {
            return Flow::Skip;
        }
        if matches!(self.open.last(), Some(Frame::Color { .. })) {
            return Flow::Skip;
        }
        if self.pass == Pass::Others && marks.telling && !in_list {
            return Flow::Skip;
        }
        let over = !in_list && self.passes_over(marks);
        match group {
            Group::Struct if is_secret(node) && !in_list => {
                if !over {
                    self.name(node, "=");
                    self.put_str(Role::Dim, "***");
                }
                Flow::Skip
            }
            Group::Struct if marks.color => {
                if over {
                    return Flow::Skip;
                }
                self.name(node, "=");
                self.open.push(Frame::Color { channels: [0; 4], count: 0, path: self.path.len() });
                Flow::Enter
            }
            Group::Struct if in_list => {
                self.part();
                self.put_str(Role::Plain, "{");
                self.fresh = true;
                let base = std::mem::replace(&mut self.base, self.path.len());
                self.open.push(Frame::Braces { path: self.path.len(), base });
                Flow::Enter
            }
            Group::Struct => {
                self.enter_struct(node);
                Flow::Enter
            }
            Group::List(_) if over || self.chat > 0 => Flow::Skip,
            Group::List(0) if !in_list && !self.show_empty => {
                self.left_out = true;
                Flow::Skip
            }
            Group::List(count) => {
                self.name(node, "=");
                if is_secret(node) {
                    self.put_str(Role::Dim, "***");
                    return Flow::Skip;
                }
                if count > LIST_MAX {
                    self.put(Role::Dim, |out| write!(out, "[×{count}]"));
                    return Flow::Skip;
                }
                self.put_str(Role::Plain, "[");
                self.fresh = true;
                let around = self.list_marks.replace(Marks::clone(marks));
                self.open.push(Frame::List { around });
                Flow::Enter
            }
        }
    }

    fn close(&mut self, _: &Node<'_>) {
        match self.open.pop() {
            Some(Frame::Struct { path, telling, chat }) => {
                self.path.truncate(path);
                self.telling -= u32::from(telling);
                self.chat -= u32::from(chat);
            }
            Some(Frame::Braces { path, base }) => {
                self.path.truncate(path);
                self.base = base;
                self.fresh = false;
                self.put_str(Role::Plain, "}");
            }
            Some(Frame::List { around }) => {
                self.list_marks = around;
                self.fresh = false;
                self.put_str(Role::Plain, "]");
            }
            Some(Frame::Color { channels, count, path }) => {
                self.path.truncate(path);
                self.put(Role::Number, |out| {
                    out.write_char('#')?;
                    channels[..count].iter().try_for_each(|c| write!(out, "{c:02x}"))
                });
            }
            None => {}
        }
    }
}

/// A float with two decimals at most, more only for small ones.
fn write_short(number: f64, out: &mut impl fmt::Write) -> fmt::Result {
    let size = number.abs();
    if !number.is_finite() || size == 0.0 || (number.fract() == 0.0 && size < 1e15) {
        write!(out, "{number}")
    } else if !(0.0005..1e15).contains(&size) {
        write!(out, "{number:.2e}")
    } else if size < 0.1 {
        write!(out, "{number:.3}")
    } else {
        write!(out, "{number:.2}")
    }
}

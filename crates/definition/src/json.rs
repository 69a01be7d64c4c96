//! A packet's fields as JSON from which nothing is missing.
//!
//! ```text
//! integer      its digits, exact whatever its size; a number with names: "name", or the number without one
//! float        shortest form that reads back the same; "NaN", "Infinity", "-Infinity"
//! bool         true, false
//! flags        ["up","jump",64]        names of the set bits, then what has no name as one number
//! bits         {"x":1,"y":-2}          "$pad" has set bits that belong to no part
//! text         text
//! bytes        "0a1b"
//! uuid         "069a79f4-44e9-4726-a5be-fca90e38aaf5"
//! NBT          see [`nbt::write_json`](crate::nbt::write_json)
//! list         [..]                    an element that is not there is null
//! struct       {..}                    a field that is not there has no key
//! padding      "$pad":"00ff"           only if not zero; "$pad2" is the second of a struct
//! unknown tail "$tail":"0a1b"
//! unread bytes "$rest":"0a1b"          at the end of a block whose content ended before it; in a packet with
//!                                      secrets as one
//! secret       {"secret":11}           its length in bytes
//! ```
//!
//! Where writing the value would not give the same bytes again (an over-long varint, a bool that is 2, text
//! that is no UTF-8, a NaN with a payload), the field is `{"value":v,"$raw":"hex"}` with all its bytes. A list whose count is
//! over-long, or whose end mark says more than that it is the end, is `{"value":[..],"$prefix":"hex","$end":"hex"}`.
//! Of numbers with parts that are secret there is no `$raw`.
//! What an `opt` was announced with, if not with 0 or 1, is not told, nor are the
//! bytes at the end of a block that its content does not reach, nor odd forms inside inflated blocks.
//!
//! What bytes hold (`@open`) is in none of this: [`write_opened`] gives it beside the fields.

mod opened;
mod parts;

use std::fmt::Write as _;

pub use opened::write_opened;
pub(crate) use parts::write_list;
pub use parts::{PART_LEN, Pass, keep, write_hex_in_parts};

use crate::escape::is_unsafe;
use crate::plan::{
    BitsMember, Count, DecodeError, FlagMember, Flow, Group, IntRepr, Kind, Len, Member, Node,
    Packet, Place, Plan, Visitor,
};
use crate::secrets::holds_secret;
use crate::syntax::ast::Compare;
use crate::value::{Value, is_exact};

/// Appends the fields that could be read as one JSON object.
///
/// What could not be read is not in it: [`Packet::error`] and [`Packet::rest`] tell.
pub fn write_fields(packet: &mut Packet<'_>, out: &mut String) {
    write_fields_in_parts(packet, out, &mut keep);
}

/// The same where `pass` may take away what was written so far, whenever that is [`PART_LEN`] bytes or more.
pub fn write_fields_in_parts(packet: &mut Packet<'_>, out: &mut String, pass: Pass<'_>) {
    out.push('{');
    let mut fields = Fields::new(packet.error().is_none(), packet.plan, out, pass);
    packet.walk(&mut fields);
    out.push('}');
}

/// Appends `{"field":"a.b[2]","offset":27,"message":".."}`; `"block":1` is added for an offset in the first
/// inflated block, and so on.
pub fn write_error(error: &DecodeError, out: &mut String) {
    out.push_str("{\"field\":");
    write_string(&error.path_text(), out);
    out.push_str(",\"offset\":");
    write_int(error.offset.into(), out);
    if error.buffer > 0 {
        out.push_str(",\"block\":");
        write_int(error.buffer.into(), out);
    }
    out.push_str(",\"message\":");
    write_string(&error.kind.to_string(), out);
    out.push('}');
}

/// Appends text in quotes. Besides what JSON asks for, what would steer a terminal or stay invisible is
/// written as `\u`: JSON is looked at on terminals, too.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        if !matches!(c, '"' | '\\') && !is_unsafe(c) {
            continue;
        }
        out.push_str(&text[plain..at]);
        plain = at + c.len_utf8();
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String does not fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

/// Appends bytes as pairs of hexadecimal digits, without quotes.
pub fn write_hex(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2);
    // A digit at a time takes three times as long, which shows where chunks of a world are written.
    let mut pairs = [[0; 2]; 64];
    for some in bytes.chunks(pairs.len()) {
        for (pair, byte) in pairs.iter_mut().zip(some) {
            *pair = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
        }
        let digits = pairs[..some.len()].as_flattened();
        out.push_str(std::str::from_utf8(digits).expect("digits are text"));
    }
}

pub(crate) fn write_hex_string(bytes: &[u8], out: &mut String) {
    out.push('"');
    write_hex(bytes, out);
    out.push('"');
}

/// The bytes of pairs of hexadecimal digits; `None` if it is something else.
pub(crate) fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

pub(crate) fn write_int(number: i128, out: &mut String) {
    // Formatting 128 bits is slow, and hardly any number has them.
    let _ = match i64::try_from(number) {
        Ok(number) => write!(out, "{number}"),
        Err(_) => write!(out, "{number}"),
    };
}

/// Appends a float; a NaN other than the usual one with its bytes, big endian.
pub(crate) fn write_f32(number: f32, out: &mut String) {
    if !number.is_nan() {
        let _ = match number {
            f32::INFINITY => out.write_str("\"Infinity\""),
            f32::NEG_INFINITY => out.write_str("\"-Infinity\""),
            number => write!(out, "{number:?}"),
        };
    } else if number.to_bits() == f32::NAN.to_bits() {
        out.push_str("\"NaN\"");
    } else {
        write_nan(&number.to_be_bytes(), out);
    }
}

/// As [`write_f32`].
pub(crate) fn write_f64(number: f64, out: &mut String) {
    if !number.is_nan() {
        let _ = match number {
            f64::INFINITY => out.write_str("\"Infinity\""),
            f64::NEG_INFINITY => out.write_str("\"-Infinity\""),
            number => write!(out, "{number:?}"),
        };
    } else if number.to_bits() == f64::NAN.to_bits() {
        out.push_str("\"NaN\"");
    } else {
        write_nan(&number.to_be_bytes(), out);
    }
}

fn write_nan(raw: &[u8], out: &mut String) {
    out.push_str("{\"value\":\"NaN\",\"$raw\":");
    write_hex_string(raw, out);
    out.push('}');
}

pub(crate) fn write_uuid(uuid: [u8; 16], out: &mut String) {
    for (i, part) in [0..4, 4..6, 6..8, 8..10, 10..16].into_iter().enumerate() {
        if i > 0 {
            out.push('-');
        }
        write_hex(&uuid[part], out);
    }
}

/// Whether the integer at the start of `raw` is written as [`IntRepr::write`] would write it.
pub(crate) fn is_canonical(repr: IntRepr, raw: &[u8]) -> bool {
    let Ok((_, width)) = repr.read(raw) else { return true };
    let last = raw.get(width as usize - 1).copied().unwrap_or(0);
    // Bits that the last byte of the longest form may have.
    let most = match repr {
        IntRepr::Fixed { .. } => return true,
        IntRepr::Varint | IntRepr::Uvarint | IntRepr::Zigzag32 => 0x0f,
        IntRepr::Varlong | IntRepr::Zigzag64 => 0x01,
        IntRepr::Varint128 => 0x03,
    };
    let over_long = width > 1 && last == 0;
    !over_long && (width < repr.max_size().into() || last <= most)
}

/// The bits of a number that its form has on the wire.
pub(crate) fn bits_of(number: i128, repr: Option<IntRepr>) -> u128 {
    let width = match repr {
        Some(IntRepr::Fixed { bytes, .. }) => u32::from(bytes) * 8,
        Some(IntRepr::Varint | IntRepr::Uvarint | IntRepr::Zigzag32) => 32,
        Some(IntRepr::Varlong | IntRepr::Zigzag64) => 64,
        Some(IntRepr::Varint128) | None => 128,
    };
    number as u128 & if width >= 128 { u128::MAX } else { (1 << width) - 1 }
}

/// A struct or list that is being written.
struct Frame {
    list: bool,
    /// It is written with its prefix, of this many bytes, beside it.
    prefix: usize,
    /// Where it starts in the output, if more may have to stand in front of it: until it ends nothing is passed on.
    start: Option<usize>,
    /// Paddings seen in it.
    pads: u32,
    /// Blocks in it with bytes that were not read.
    rests: u32,
    /// The buffer that it is in.
    buffer: u32,
    /// Where the element before ends; `None` if that is in another buffer.
    end: Option<u32>,
}

struct Fields<'o> {
    /// The packet was read to its end.
    whole: bool,
    plan: &'o Plan,
    out: &'o mut String,
    pass: Pass<'o>,
    /// Lists around for which nothing is passed on.
    holds: u32,
    open: Vec<Frame>,
    /// Paddings seen outside all structs.
    pads: u32,
    /// Blocks outside all structs with bytes that were not read.
    rests: u32,
}

impl<'o> Fields<'o> {
    fn new(whole: bool, plan: &'o Plan, out: &'o mut String, pass: Pass<'o>) -> Self {
        Fields { whole, plan, out, pass, holds: 0, open: Vec::new(), pads: 0, rests: 0 }
    }

    /// Passes on what was written, where that is much: behind a value, never behind a bracket that opens.
    fn relieve(&mut self) {
        if self.out.len() >= PART_LEN && self.holds == 0 {
            (self.pass)(self.out);
        }
    }

    fn hex_string(&mut self, bytes: &[u8]) {
        self.out.push('"');
        self.in_parts(|out, pass| write_hex_in_parts(bytes, out, pass));
        self.out.push('"');
    }

    /// Writes something long.
    fn in_parts(&mut self, write: impl FnOnce(&mut String, Pass<'_>)) {
        match self.holds {
            0 => write(self.out, self.pass),
            _ => write(self.out, &mut keep),
        }
    }

    fn key(&mut self, node: &Node<'_>, name: &str) {
        self.separate();
        if node.index.is_none() {
            write_string(name, self.out);
            self.out.push(':');
        }
    }

    fn separate(&mut self) {
        if !self.out.ends_with(['{', '[']) {
            self.out.push(',');
        }
    }

    /// Notes that an element ends there.
    fn passed(&mut self, node: &Node<'_>) {
        if let Some(frame) = self.open.last_mut().filter(|frame| frame.list) {
            frame.end = (node.place.buffer == frame.buffer).then_some(node.place.end);
        }
    }

    fn nameless(&mut self, node: &Node<'_>, bytes: &[u8]) {
        match node.field.kind {
            Kind::Pad(_) => {
                let pads = self.open.last_mut().map_or(&mut self.pads, |frame| &mut frame.pads);
                *pads += 1;
                let number = *pads;
                if bytes.iter().all(|b| *b == 0) {
                    return;
                }
                self.separate();
                self.out.push_str("\"$pad");
                if number > 1 {
                    write_int(number.into(), self.out);
                }
                self.out.push_str("\":");
            }
            _ => {
                if bytes.is_empty() {
                    return;
                }
                self.separate();
                self.out.push_str("\"$tail\":");
            }
        }
        self.hex_string(bytes);
        self.relieve();
    }

    fn written(&mut self, node: &Node<'_>, value: &Value<'_>) {
        let kind = &node.field.kind;
        match value {
            Value::Bytes(bytes) => self.hex_string(bytes),
            Value::Nbt(bytes, form) => {
                self.in_parts(|out, pass| crate::nbt::write_json_in_parts(bytes, *form, out, pass));
            }
            Value::Packed(bytes, packing) => self.in_parts(|out, pass| {
                write_list(packing.numbers(bytes), out, pass, |n, out| {
                    let _ = write!(out, "{n}");
                });
            }),
            value => write_value(kind, value, self.out),
        }
    }
}

impl Visitor for Fields<'_> {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        self.passed(node);
        if let (Kind::Pad(_) | Kind::Tail, Value::Bytes(bytes)) = (&node.field.kind, value) {
            return self.nameless(node, bytes);
        }
        if let (Value::Absent, None) = (value, node.index) {
            return;
        }
        self.key(node, node.name);
        if is_secret(node) && !matches!(value, Value::Absent) {
            write_secret(value_len(node, value), self.out);
        } else if is_value_exact(&node.field.kind, value, node.raw)
            || holds_secret(&node.field.kind)
        {
            self.written(node, value);
        } else {
            self.out.push_str("{\"value\":");
            self.written(node, value);
            self.out.push_str(",\"$raw\":");
            self.hex_string(node.raw);
            self.out.push('}');
        }
        self.relieve();
    }

    fn rest(&mut self, _: Place, bytes: &[u8]) {
        // An element of a list has no key to stand beside.
        if self.open.last().is_some_and(|frame| frame.list) {
            return;
        }
        let rests = self.open.last_mut().map_or(&mut self.rests, |frame| &mut frame.rests);
        *rests += 1;
        let number = *rests;
        self.separate();
        self.out.push_str("\"$rest");
        if number > 1 {
            write_int(number.into(), self.out);
        }
        self.out.push_str("\":");
        match self.plan.has_secrets() {
            // What was not reached may be the rest of one.
            true => write_secret(bytes.len() as u32, self.out),
            false => self.hex_string(bytes),
        }
        self.relieve();
    }

    fn open(&mut self, node: &Node<'_>, group: Group) -> Flow {
        self.passed(node);
        self.key(node, node.name);
        if is_secret(node) {
            write_secret(node.place.end - node.place.start, self.out);
            return Flow::Skip;
        }
        let list = matches!(group, Group::List(_));
        let (mut prefix, mut start) = (0, None);
        if let (true, Kind::Array(array)) = (list, &node.field.kind) {
            match &array.count {
                Count::Len(Len::Prefix { repr, .. }) if !is_canonical(*repr, node.raw) => {
                    prefix = repr.read(node.raw).map_or(0, |(_, width)| width as usize);
                }
                // Whether its end says more is known once it has come.
                Count::Until { repr, compare, .. }
                    if self.whole
                        && (*compare != Compare::Equal
                            || !matches!(repr, IntRepr::Fixed { .. })) =>
                {
                    start = Some(self.out.len());
                    self.holds += 1;
                }
                _ => {}
            }
        }
        if prefix > 0 {
            self.out.push_str("{\"value\":");
        }
        self.out.push(if list { '[' } else { '{' });
        let Place { buffer, start: first, .. } = node.place;
        self.open.push(Frame { list, prefix, start, pads: 0, rests: 0, buffer, end: Some(first) });
        Flow::Enter
    }

    fn close(&mut self, node: &Node<'_>) {
        let Some(frame) = self.open.pop() else { return };
        self.out.push(if frame.list { ']' } else { '}' });
        let raw = node.raw;
        let mut beside = (frame.prefix > 0).then_some((",\"$prefix\":", 0..frame.prefix));
        if let Some(start) = frame.start
            && let Kind::Array(array) = &node.field.kind
            && let Count::Until { repr, compare, .. } = &array.count
        {
            self.holds -= 1;
            let end = frame.end.and_then(|end| end.checked_sub(node.place.start));
            let tail = end.and_then(|end| raw.get(end as usize..)).unwrap_or(&[]);
            let is_plain = *compare == Compare::Equal && is_canonical(*repr, tail);
            if !is_plain && !tail.is_empty() {
                self.out.insert_str(start, "{\"value\":");
                beside = Some((",\"$end\":", raw.len() - tail.len()..raw.len()));
            }
        }
        if let Some((key, range)) = beside {
            self.out.push_str(key);
            write_hex_string(raw.get(range).unwrap_or(&[]), self.out);
            self.out.push('}');
        }
        self.relieve();
    }
}

/// Whether a value is masked: it is marked so, or it is all that a block or recursive type holds that is.
pub(crate) fn is_secret(node: &Node<'_>) -> bool {
    let own = node.field.layout;
    let holds = |kind: &Kind| match kind {
        Kind::Block { layout, .. } | Kind::Call { layout, .. } => *layout == own,
        Kind::Array(array) => array.element == own,
        _ => false,
    };
    let nameless = || node.plan.layouts.get(own as usize).is_some_and(|layout| layout.transparent);
    node.field.marks.secret
        || (own > 0 && nameless())
            && node.plan.fields.iter().any(|field| field.marks.secret && holds(&field.kind))
}

/// The length of a secret: of its content where that is bytes or text.
fn value_len(node: &Node<'_>, value: &Value<'_>) -> u32 {
    match value {
        Value::Text(_, bytes, _) | Value::Bytes(bytes) => bytes.len() as u32,
        _ => node.place.end - node.place.start,
    }
}

/// Appends what stands for a secret of so many bytes.
pub fn write_secret(len: u32, out: &mut String) {
    out.push_str("{\"secret\":");
    write_int(len.into(), out);
    out.push('}');
}

/// Whether writing the value would give these bytes of its field again. (Floats tell by their bits, and
/// NBT in itself; see [`write_value`].)
fn is_value_exact(kind: &Kind, value: &Value<'_>, raw: &[u8]) -> bool {
    match (kind, value) {
        (Kind::Let(_), _) => true,
        (_, Value::Bool(b)) => *b <= 1,
        (_, Value::Text(text, bytes, encoding)) => {
            is_prefix_exact(kind, raw) && is_exact(*encoding, text, bytes)
        }
        (_, Value::Bytes(_)) => is_prefix_exact(kind, raw),
        (_, Value::Packed(bytes, packing)) => packing.is_exact(bytes),
        _ => repr_of(kind).is_none_or(|repr| is_canonical(repr, raw)),
    }
}

fn is_prefix_exact(kind: &Kind, raw: &[u8]) -> bool {
    match kind {
        Kind::Str { len: Len::Prefix { repr, .. }, .. }
        | Kind::Bytes { len: Len::Prefix { repr, .. } } => is_canonical(*repr, raw),
        Kind::Str { len: Len::Until { mark, .. }, .. }
        | Kind::Bytes { len: Len::Until { mark, .. } } => raw.ends_with(&[*mark]),
        _ => true,
    }
}

/// The form of a field that is an integer on the wire.
pub(crate) fn repr_of(kind: &Kind) -> Option<IntRepr> {
    match kind {
        Kind::Int(repr)
        | Kind::Enum { repr, .. }
        | Kind::Flags { repr, .. }
        | Kind::Bits { repr, .. } => Some(*repr),
        _ => None,
    }
}

fn write_value(kind: &Kind, value: &Value<'_>, out: &mut String) {
    match value {
        Value::Int(n) | Value::Enum(n, None) => write_number(kind, *n, out),
        Value::Enum(_, Some(name)) => write_string(name, out),
        Value::F32(n) => write_float(kind, *n, out),
        Value::F64(n) => write_double(kind, *n, out),
        Value::Bool(b) => out.push_str(if *b == 0 { "false" } else { "true" }),
        Value::Uuid(uuid) => {
            out.push('"');
            write_uuid(*uuid, out);
            out.push('"');
        }
        Value::Flags(n, members) => write_flags(bits_of(*n, repr_of(kind)), members, out),
        Value::Bits(n, members) => write_bits(bits_of(*n, repr_of(kind)), members, out),
        Value::Text(text, ..) => write_string(text, out),
        // These are written in parts.
        Value::Bytes(_) | Value::Nbt(..) | Value::Packed(..) => {}
        Value::Absent => out.push_str("null"),
    }
}

/// An integer; 128-bit unsigned ones come with their bits as signed.
pub(crate) fn write_number(kind: &Kind, number: i128, out: &mut String) {
    let unsigned = matches!(
        repr_of(kind),
        Some(IntRepr::Varint128 | IntRepr::Fixed { bytes: 16, signed: false, .. })
    );
    if unsigned && number < 0 {
        let _ = write!(out, "{}", number as u128);
    } else {
        write_int(number, out);
    }
}

/// A 32-bit or half float; a NaN with a payload has the bytes of its field beside it.
fn write_float(kind: &Kind, number: f32, out: &mut String) {
    let Kind::Float(repr) = kind else { return write_f32(number, out) };
    if !number.is_nan() || number.to_bits() == f32::NAN.to_bits() {
        return write_f32(number, out);
    }
    let bits = number.to_bits();
    if repr.bytes == 2 {
        let half = (bits >> 16 & 0x8000 | 0x7c00 | bits >> 13 & 0x3ff) as u16;
        write_nan(&in_order(half.to_be_bytes(), *repr), out);
    } else {
        write_nan(&in_order(bits.to_be_bytes(), *repr), out);
    }
}

fn write_double(kind: &Kind, number: f64, out: &mut String) {
    match kind {
        Kind::Float(repr) if number.is_nan() && number.to_bits() != f64::NAN.to_bits() => {
            write_nan(&in_order(number.to_be_bytes(), *repr), out);
        }
        _ => write_f64(number, out),
    }
}

/// Big-endian bytes in the order of a field.
fn in_order<const N: usize>(mut bytes: [u8; N], repr: crate::plan::FloatRepr) -> [u8; N] {
    if repr.order == midwire_codec::ByteOrder::Little {
        bytes.reverse();
    }
    bytes
}

fn write_flags(bits: u128, members: &[FlagMember], out: &mut String) {
    out.push('[');
    let mut unknown = bits;
    for member in members {
        let bit = 1u128.checked_shl(member.bit.into()).unwrap_or(0);
        if bits & bit != 0 {
            if !out.ends_with('[') {
                out.push(',');
            }
            write_string(&member.name, out);
            unknown &= !bit;
        }
    }
    if unknown != 0 {
        if !out.ends_with('[') {
            out.push(',');
        }
        let _ = write!(out, "{unknown}");
    }
    out.push(']');
}

fn write_bits(bits: u128, members: &[BitsMember], out: &mut String) {
    out.push('{');
    let mut unknown = bits;
    for member in members {
        if !out.ends_with('{') {
            out.push(',');
        }
        write_string(&member.name, out);
        out.push(':');
        let part = part_of(member);
        if member.marks.secret {
            write_secret(u32::from(member.width).div_ceil(8), out);
        } else {
            let number = part.of(bits as i128);
            if member.signed {
                write_int(number, out);
            } else {
                let _ = write!(out, "{}", number as u128);
            }
        }
        unknown = part.put(unknown as i128, 0) as u128;
    }
    if unknown != 0 {
        if !out.ends_with('{') {
            out.push(',');
        }
        let _ = write!(out, "\"$pad\":{unknown}");
    }
    out.push('}');
}

pub(crate) fn part_of(member: &BitsMember) -> Member {
    Member { shift: member.shift, width: member.width, signed: member.signed }
}

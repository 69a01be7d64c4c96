//! Fields that are read without running the plan: in front of them are only fields of constant size,
//! numbers of variable length and texts or bytes with their length in front.

use midwire_codec::ByteOrder;

use super::anchor::{Anchor, Hop, Next};
use super::workspace::START;
use super::{Code, Field, FloatRepr, IntRepr, Kind, Len, Member, NbtForm, Op, Plan, Pos, pass};
use crate::value::{self, Encoding};

/// The most fields of variable size that are passed: behind more of them, running the plan is no slower.
const PASSES_MAX: usize = 6;

/// The way to a field of the body that every packet has, and what lies there.
///
/// What it finds is what [`Packet::first`](super::Packet::first) finds in the packet that was read, however
/// the bytes are cut or damaged.
#[derive(Debug, Clone, PartialEq)]
pub struct Straight {
    passes: Box<[Pass]>,
    /// Bytes between what is passed and the field.
    skip: u32,
    what: What,
}

/// What lies at the end of the way.
#[derive(Debug, Clone, PartialEq)]
enum What {
    /// An integer of a constant number of bytes.
    Small(Small),
    Int(IntRepr, Option<Member>),
    Bool,
    Float(FloatRepr),
    /// Text or bytes: how their end is found.
    Content {
        end: End,
        is_utf8: bool,
    },
    Nbt(NbtForm),
}

/// An integer of 1, 2, 4 or 8 bytes, of which all or some bits are taken: moved up against the highest of 64,
/// and down again with or without the sign.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Small {
    bytes: u8,
    order: ByteOrder,
    up: u8,
    down: u8,
    signed: bool,
}

/// Where texts and bytes end.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Size(u32),
    /// A length is in front.
    Prefixed(IntRepr, u32),
    Rest,
}

/// Something that varies in size, behind bytes that do not.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pass {
    skip: u32,
    over: Over,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Over {
    Nothing,
    Varint(u8),
    Prefixed { repr: IntRepr, unit: u8, max: u32 },
}

impl Plan {
    /// The straight way to what an anchor of the body leads to, if there is one, and it is a number, bool,
    /// UUID, bytes, a text in UTF-8, or NBT.
    pub fn straight(&self, anchor: &Anchor) -> Option<Straight> {
        let [Hop { field, next: Next::Here(member, inside) }] = anchor.hops.as_slice() else {
            return None;
        };
        let field = self.fields.get(*field as usize)?;
        if anchor.layout() != 0 || field.guard.is_some() || !inside.is_empty() {
            return None;
        }
        let Field { start, end, .. } = field;
        let code = self.code.get(self.layouts.first()?.entry as usize..)?;
        let mut passes = Vec::new();
        let mut rest = code.iter();
        let mut slot = START;
        while slot != start.slot {
            let Code { skip, op } = rest.next()?;
            let over;
            (over, slot) = match *op {
                Op::Mark { slot } => (Over::Nothing, slot),
                Op::Varint { max, slot } | Op::VarintLast { max, slot, .. } => {
                    (Over::Varint(max), slot)
                }
                Op::Prefixed { repr, unit, max, slot } => {
                    (Over::Prefixed { repr, unit, max }, slot)
                }
                _ => return None,
            };
            passes.push(Pass { skip: *skip, over });
        }
        if passes.len() > PASSES_MAX {
            return None;
        }
        // What the field itself is passed by, where it varies in size.
        let passed = (end.slot != start.slot)
            .then(|| rest.next())
            .flatten()
            .filter(|code| code.skip == start.offset && end.offset == 0);
        let what = what(field, *member, *start, *end, passed)?;
        Some(Straight { passes: passes.into(), skip: start.offset, what })
    }
}

/// What a field is; `None` where only running the plan tells where it ends.
fn what(
    field: &Field,
    member: Option<Member>,
    start: Pos,
    end: Pos,
    passed: Option<&Code>,
) -> Option<What> {
    let size = (end.slot == start.slot).then(|| end.offset.checked_sub(start.offset)).flatten();
    Some(match &field.kind {
        Kind::Int(repr)
        | Kind::Enum { repr, .. }
        | Kind::Flags { repr, .. }
        | Kind::Bits { repr, .. } => {
            let is_whole = match (passed.map(|code| code.op), repr.fixed_size()) {
                (None, Some(fixed)) => size == Some(fixed) && fixed > 0,
                (Some(Op::Varint { max, slot } | Op::VarintLast { max, slot, .. }), None) => {
                    max == repr.max_size() && slot == end.slot
                }
                _ => false,
            };
            is_whole.then(|| What::int(*repr, member))?
        }
        Kind::Bool if size == Some(1) => What::Bool,
        Kind::Float(repr) if size == Some(repr.bytes.into()) => What::Float(*repr),
        Kind::Uuid if size == Some(16) => What::Content { end: End::Size(16), is_utf8: false },
        Kind::Str { encoding: Encoding::Utf8, len, .. } => {
            What::Content { end: end_of(len, size, end, passed)?, is_utf8: true }
        }
        Kind::Bytes { len } => {
            What::Content { end: end_of(len, size, end, passed)?, is_utf8: false }
        }
        Kind::Tail => What::Content { end: end_of(&Len::Rest, size, end, passed)?, is_utf8: false },
        Kind::Nbt(form) => What::Nbt(*form),
        _ => return None,
    })
}

fn end_of(len: &Len, size: Option<u32>, end: Pos, passed: Option<&Code>) -> Option<End> {
    match (len, passed.map(|code| code.op)) {
        (Len::Fixed(n), None) if size == Some(*n) => Some(End::Size(*n)),
        (Len::Prefix { repr, .. }, Some(Op::Prefixed { repr: passed, unit: 1, max, slot })) => {
            (*repr == passed && slot == end.slot).then_some(End::Prefixed(*repr, max))
        }
        (Len::Rest, Some(Op::Rest { slot })) if slot == end.slot => Some(End::Rest),
        _ => None,
    }
}

impl Pass {
    #[inline]
    fn end(self, payload: &[u8], at: usize) -> Option<usize> {
        let at = at + self.skip as usize;
        if at > payload.len() {
            return None;
        }
        match self.over {
            Over::Nothing => Some(at),
            Over::Varint(max) => match *payload.get(at)? {
                0..0x80 => Some(at + 1),
                _ => pass::varint(payload, at, max).or_else(|| slow_varint(payload, at, max)),
            },
            Over::Prefixed { repr, unit, max } => prefixed(payload, at, repr, unit, max),
        }
    }
}

#[cold]
fn slow_varint(payload: &[u8], at: usize, max: u8) -> Option<usize> {
    pass::varint_exact(payload, at, max).ok()
}

#[inline]
fn prefixed(payload: &[u8], at: usize, repr: IntRepr, unit: u8, max: u32) -> Option<usize> {
    pass::prefixed(payload, at, repr, unit, max)
        .or_else(|| slow_prefixed(payload, at, repr, unit, max))
}

#[cold]
fn slow_prefixed(payload: &[u8], at: usize, repr: IntRepr, unit: u8, max: u32) -> Option<usize> {
    pass::prefixed_exact(payload, at, repr, unit, max).ok()
}

impl Small {
    /// `None` for one of other widths, and one that 64 bits with a sign do not hold.
    fn new(repr: IntRepr, member: Option<Member>) -> Option<Small> {
        let IntRepr::Fixed { bytes: bytes @ (1 | 2 | 4 | 8), signed, order } = repr else {
            return None;
        };
        let whole = Member { shift: 0, width: bytes * 8, signed };
        let Member { shift, width, signed } = member.unwrap_or(whole);
        let fits = width > 0 && shift + width <= bytes * 8 && (signed || width < 64);
        let up = 64u8.checked_sub(shift.checked_add(width)?)?;
        fits.then_some(Small { bytes, order, up, down: 64 - width, signed })
    }

    #[inline]
    fn read(self, raw: &[u8]) -> Option<i64> {
        let bits: u64 = match (self.bytes, self.order) {
            (1, _) => (*raw.first()?).into(),
            (2, ByteOrder::Big) => u16::from_be_bytes(*raw.first_chunk()?).into(),
            (2, ByteOrder::Little) => u16::from_le_bytes(*raw.first_chunk()?).into(),
            (4, ByteOrder::Big) => u32::from_be_bytes(*raw.first_chunk()?).into(),
            (4, ByteOrder::Little) => u32::from_le_bytes(*raw.first_chunk()?).into(),
            (_, ByteOrder::Big) => u64::from_be_bytes(*raw.first_chunk()?),
            (_, ByteOrder::Little) => u64::from_le_bytes(*raw.first_chunk()?),
        };
        let bits = bits << self.up;
        Some(if self.signed { bits as i64 >> self.down } else { (bits >> self.down) as i64 })
    }
}

impl What {
    fn int(repr: IntRepr, member: Option<Member>) -> What {
        Small::new(repr, member).map_or(What::Int(repr, member), What::Small)
    }
}

impl Straight {
    /// An integer so many bytes behind the start of the body, or some bits of it.
    pub fn int_at(at: u32, repr: IntRepr, member: Option<Member>) -> Straight {
        Straight { passes: Box::default(), skip: at, what: What::int(repr, member) }
    }

    /// A float so many bytes behind the start of the body.
    pub fn float_at(at: u32, repr: FloatRepr) -> Straight {
        Straight { passes: Box::default(), skip: at, what: What::Float(repr) }
    }

    /// It leads to an integer, a part of one, or a bool.
    pub fn is_int(&self) -> bool {
        matches!(self.what, What::Small(_) | What::Int(..) | What::Bool)
    }

    /// It leads to a float.
    pub fn is_float(&self) -> bool {
        matches!(self.what, What::Float(_))
    }

    /// It leads to text, which is UTF-8, or should be.
    pub fn is_text(&self) -> bool {
        matches!(self.what, What::Content { is_utf8: true, .. })
    }

    /// It leads to bytes.
    pub fn is_bytes(&self) -> bool {
        matches!(self.what, What::Content { is_utf8: false, .. })
    }

    /// It leads to NBT.
    pub fn is_nbt(&self) -> bool {
        matches!(self.what, What::Nbt(_))
    }

    /// Where it starts, if what is in front is there.
    #[inline]
    fn start(&self, payload: &[u8], body: u32) -> Option<usize> {
        let mut at = (body as usize).min(payload.len());
        for pass in &self.passes {
            at = pass.end(payload, at)?;
        }
        Some(at + self.skip as usize)
    }

    /// The integer or bool, if it is there.
    #[inline]
    pub fn int(&self, payload: &[u8], body: u32) -> Option<i128> {
        let raw = payload.get(self.start(payload, body)?..)?;
        match self.what {
            What::Small(small) => small.read(raw).map(Into::into),
            What::Int(repr, None) => Some(repr.read(raw).ok()?.0),
            What::Int(repr, Some(member)) => Some(member.of(repr.read(raw).ok()?.0)),
            What::Bool => Some((*raw.first()? != 0).into()),
            What::Float(_) | What::Content { .. } | What::Nbt(_) => None,
        }
    }

    /// The float, if it is there.
    #[inline]
    pub fn float(&self, payload: &[u8], body: u32) -> Option<f64> {
        let What::Float(repr) = self.what else { return None };
        let raw = payload.get(self.start(payload, body)?..)?;
        match (repr.bytes, repr.order) {
            (8, ByteOrder::Big) => Some(f64::from_be_bytes(*raw.first_chunk()?)),
            (8, ByteOrder::Little) => Some(f64::from_le_bytes(*raw.first_chunk()?)),
            (4, ByteOrder::Big) => Some(f32::from_be_bytes(*raw.first_chunk()?).into()),
            (4, ByteOrder::Little) => Some(f32::from_le_bytes(*raw.first_chunk()?).into()),
            _ => match value::float(repr, raw)? {
                value::Value::F32(n) => Some(n.into()),
                _ => None,
            },
        }
    }

    /// The bytes of the text, or the bytes, without a length in front, if they are there.
    #[inline]
    pub fn content<'b>(&self, payload: &'b [u8], body: u32) -> Option<&'b [u8]> {
        let What::Content { end, .. } = self.what else { return None };
        let start = self.start(payload, body)?;
        match end {
            End::Size(size) => payload.get(start..start + size as usize),
            End::Rest => payload.get(start..),
            End::Prefixed(repr, max) => {
                // Most lengths are a byte.
                let first = *payload.get(start)?;
                if first < 0x80 && u32::from(first) <= max && repr.is_plain_groups() {
                    return payload.get(start + 1..start + 1 + usize::from(first));
                }
                let raw = payload.get(start..prefixed(payload, start, repr, 1, max)?)?;
                let (_, width) = repr.read(raw).ok()?;
                raw.get(width as usize..)
            }
        }
    }
    /// NBT, with what comes behind it: where it ends, and whether it is whole, only reading it tells.
    pub fn nbt<'b>(&self, payload: &'b [u8], body: u32) -> Option<(&'b [u8], NbtForm)> {
        let What::Nbt(form) = self.what else { return None };
        Some((payload.get(self.start(payload, body)?..)?, form))
    }
}

//! Expressions over the fields of a packet, as a plan keeps them.

use std::sync::Arc;

use super::FieldId;
use crate::syntax::ast::{BinaryOp, Compare};
use crate::table::Table;

/// A field as an expression names it.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldRef {
    /// How many layouts outwards.
    pub(crate) up: u8,
    /// Fields of that name that exclude each other (arms); the first that is present counts.
    pub(crate) fields: Vec<FieldId>,
    /// A flag or a part of a bits field.
    pub(crate) member: Option<Member>,
    /// Whether an arm that was not taken may make it absent (then it reads as 0).
    pub(crate) guarded: bool,
}

/// Some bits of an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    pub(crate) shift: u8,
    pub(crate) width: u8,
    pub(crate) signed: bool,
}

impl Member {
    /// These bits of `whole`.
    pub(crate) fn of(self, whole: i128) -> i128 {
        // Up against the highest bit, and down again with or without the sign.
        let unused = 128 - u32::from(self.width);
        let bits = ((whole as u128) >> self.shift).checked_shl(unused).unwrap_or(0);
        if self.signed { bits as i128 >> unused } else { (bits >> unused) as i128 }
    }

    /// `whole` with these bits replaced by those of `value`.
    pub(crate) fn put(self, whole: i128, value: i128) -> i128 {
        let mask = if self.width >= 128 { u128::MAX } else { (1u128 << self.width) - 1 };
        let cleared = whole as u128 & !(mask << self.shift);
        (cleared | (value as u128 & mask) << self.shift) as i128
    }
}

/// An expression. Truth is 0 or 1; a field that is absent is 0; division by 0 gives 0.
#[derive(Debug, Clone, PartialEq)]
pub enum Ex {
    /// A constant.
    Int(i128),
    /// A field's number; a string's or array's does not exist and reads as 0.
    Field(FieldRef),
    /// An argument of the type, by its place; `up` layouts outwards.
    Arg {
        /// How many layouts outwards.
        up: u8,
        /// Its place among the arguments.
        index: u32,
    },
    /// A connection variable, by its place.
    Conn(u32),
    /// Bytes left in the block.
    Remaining,
    /// The number of elements of an array, or bytes of a text.
    CountOf(FieldRef),
    /// The number of bytes that a field takes on the wire.
    BytesOf(FieldRef),
    /// Whether a field is present.
    Has(FieldRef),
    /// Whether a text field equals this.
    TextIs(FieldRef, Arc<str>),
    /// Logical negation.
    Not(Box<Ex>),
    /// Arithmetic negation.
    Negate(Box<Ex>),
    /// All bits turned over.
    Complement(Box<Ex>),
    /// Number of set bits.
    Ones(Box<Ex>),
    /// An operator.
    Binary(BinaryOp, Box<Ex>, Box<Ex>),
    /// A comparison.
    Compare(Compare, Box<Ex>, Box<Ex>),
    /// Membership in a list.
    InSet(Box<Ex>, Vec<Ex>),
    /// Membership in a range, both ends included.
    InRange(Box<Ex>, Box<Ex>, Box<Ex>),
    /// Membership in a table.
    InTable(Box<Ex>, Arc<Table>),
    /// The first arm with a fitting label; no label: else.
    Match(Box<Ex>, Vec<(Vec<Ex>, Ex)>),
}

/// A condition in the form that is quickest to test.
#[derive(Debug)]
pub(crate) enum Cond {
    /// There are bytes left in the block.
    Remaining,
    /// Anything else.
    Ex(Ex),
}

/// Where an expression gets its values from: a packet that was read, or one that is being made.
pub(crate) trait Scope {
    fn field(&self, field: &FieldRef) -> i128;
    fn arg(&self, up: u8, index: u32) -> i128;
    fn conn(&self, index: u32) -> i128;
    fn remaining(&self) -> i128;
    fn count_of(&self, field: &FieldRef) -> i128;
    fn bytes_of(&self, field: &FieldRef) -> i128;
    fn has(&self, field: &FieldRef) -> bool;
    fn text_is(&self, field: &FieldRef, text: &str) -> bool;
}

impl Ex {
    /// The constant that this is, if it is one.
    pub(crate) fn constant(&self) -> Option<i128> {
        match self {
            Ex::Int(n) => Some(*n),
            _ => None,
        }
    }

    pub(crate) fn eval(&self, scope: &impl Scope) -> i128 {
        match self {
            Ex::Int(n) => *n,
            Ex::Field(field) => scope.field(field),
            Ex::Arg { up, index } => scope.arg(*up, *index),
            Ex::Conn(index) => scope.conn(*index),
            Ex::Remaining => scope.remaining(),
            Ex::CountOf(field) => scope.count_of(field),
            Ex::BytesOf(field) => scope.bytes_of(field),
            Ex::Has(field) => scope.has(field).into(),
            Ex::TextIs(field, text) => scope.text_is(field, text).into(),
            Ex::Not(e) => (e.eval(scope) == 0).into(),
            Ex::Negate(e) => e.eval(scope).wrapping_neg(),
            Ex::Complement(e) => !e.eval(scope),
            Ex::Ones(e) => e.eval(scope).count_ones().into(),
            Ex::Binary(BinaryOp::And, a, b) => (a.eval(scope) != 0 && b.eval(scope) != 0).into(),
            Ex::Binary(BinaryOp::Or, a, b) => (a.eval(scope) != 0 || b.eval(scope) != 0).into(),
            Ex::Binary(op, a, b) => binary(*op, a.eval(scope), b.eval(scope)),
            Ex::Compare(op, a, b) => compare(*op, a.eval(scope), b.eval(scope)).into(),
            Ex::InSet(e, set) => {
                let value = e.eval(scope);
                set.iter().any(|x| x.eval(scope) == value).into()
            }
            Ex::InRange(e, low, high) => {
                let value = e.eval(scope);
                (low.eval(scope) <= value && value <= high.eval(scope)).into()
            }
            Ex::InTable(e, table) => table.contains(e.eval(scope)).into(),
            Ex::Match(e, arms) => {
                let value = e.eval(scope);
                let fits = |labels: &[Ex]| {
                    labels.is_empty() || labels.iter().any(|l| l.eval(scope) == value)
                };
                arms.iter().find(|(labels, _)| fits(labels)).map_or(0, |(_, e)| e.eval(scope))
            }
        }
    }
}

impl Ex {
    /// The same expression, seen from so many layouts further in.
    pub(crate) fn outwards(&self, by: usize) -> Ex {
        if by == 0 {
            return self.clone();
        }
        let more = |up: u8| up.saturating_add(u8::try_from(by).unwrap_or(u8::MAX));
        let field = |f: &FieldRef| FieldRef { up: more(f.up), ..f.clone() };
        let inner = |e: &Ex| Box::new(e.outwards(by));
        match self {
            Ex::Int(_) | Ex::Conn(_) | Ex::Remaining => self.clone(),
            Ex::Field(f) => Ex::Field(field(f)),
            Ex::Arg { up, index } => Ex::Arg { up: more(*up), index: *index },
            Ex::CountOf(f) => Ex::CountOf(field(f)),
            Ex::BytesOf(f) => Ex::BytesOf(field(f)),
            Ex::Has(f) => Ex::Has(field(f)),
            Ex::TextIs(f, text) => Ex::TextIs(field(f), text.clone()),
            Ex::Not(e) => Ex::Not(inner(e)),
            Ex::Negate(e) => Ex::Negate(inner(e)),
            Ex::Complement(e) => Ex::Complement(inner(e)),
            Ex::Ones(e) => Ex::Ones(inner(e)),
            Ex::Binary(op, a, b) => Ex::Binary(*op, inner(a), inner(b)),
            Ex::Compare(op, a, b) => Ex::Compare(*op, inner(a), inner(b)),
            Ex::InSet(e, set) => Ex::InSet(inner(e), set.iter().map(|x| x.outwards(by)).collect()),
            Ex::InRange(e, a, b) => Ex::InRange(inner(e), inner(a), inner(b)),
            Ex::InTable(e, table) => Ex::InTable(inner(e), table.clone()),
            Ex::Match(e, arms) => {
                let arm = |(labels, e): &(Vec<Ex>, Ex)| {
                    (labels.iter().map(|l| l.outwards(by)).collect(), e.outwards(by))
                };
                Ex::Match(inner(e), arms.iter().map(arm).collect())
            }
        }
    }

    /// The field that this is about, if it is a field's value or something else of it.
    pub(crate) fn reference(&self) -> Option<&FieldRef> {
        match self {
            Ex::Field(f) | Ex::CountOf(f) | Ex::BytesOf(f) | Ex::Has(f) | Ex::TextIs(f, _) => {
                Some(f)
            }
            _ => None,
        }
    }

    /// Operands and operators, and for each field named as many as `of` says.
    pub(crate) fn size(&self, of: &dyn Fn(FieldId) -> usize) -> usize {
        let mut size = 0usize;
        each(self, &mut |ex| {
            let named = ex.reference().into_iter().flat_map(|f| &f.fields);
            size = named.map(|id| of(*id)).fold(size.saturating_add(1), usize::saturating_add);
        });
        size
    }

    /// Whether any part of this is so.
    pub(crate) fn any(&self, mut is: impl FnMut(&Ex) -> bool) -> bool {
        let mut found = false;
        each(self, &mut |ex| found |= is(ex));
        found
    }

    /// The one field that this is a linear function of, in the same layout: field, scale, offset.
    pub(crate) fn linear(&self) -> Option<(FieldId, i128, i128)> {
        match self {
            Ex::Field(FieldRef { up: 0, fields, member: None, .. }) if fields.len() == 1 => {
                Some((fields[0], 1, 0))
            }
            Ex::Binary(op, a, b) => {
                match (op, a.linear(), b.constant(), a.constant(), b.linear()) {
                    (BinaryOp::Add, Some((f, s, o)), Some(n), ..) => {
                        Some((f, s, o.checked_add(n)?))
                    }
                    (BinaryOp::Subtract, Some((f, s, o)), Some(n), ..) => {
                        Some((f, s, o.checked_sub(n)?))
                    }
                    (BinaryOp::Multiply, Some((f, s, o)), Some(n), ..) if n != 0 => {
                        Some((f, s.checked_mul(n)?, o.checked_mul(n)?))
                    }
                    (BinaryOp::Add, _, _, Some(n), Some((f, s, o))) => {
                        Some((f, s, o.checked_add(n)?))
                    }
                    (BinaryOp::Multiply, _, _, Some(n), Some((f, s, o))) if n != 0 => {
                        Some((f, s.checked_mul(n)?, o.checked_mul(n)?))
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// An expression and all its parts.
pub(crate) fn each(ex: &Ex, f: &mut dyn FnMut(&Ex)) {
    f(ex);
    match ex {
        Ex::Not(e) | Ex::Negate(e) | Ex::Complement(e) | Ex::Ones(e) | Ex::InTable(e, _) => {
            each(e, f);
        }
        Ex::Binary(_, a, b) | Ex::Compare(_, a, b) => {
            each(a, f);
            each(b, f);
        }
        Ex::InSet(e, set) => {
            each(e, f);
            set.iter().for_each(|e| each(e, f));
        }
        Ex::InRange(a, b, c) => [a, b, c].into_iter().for_each(|e| each(e, f)),
        Ex::Match(e, arms) => {
            each(e, f);
            for (labels, value) in arms {
                labels.iter().for_each(|e| each(e, f));
                each(value, f);
            }
        }
        Ex::Int(_)
        | Ex::Field(_)
        | Ex::Arg { .. }
        | Ex::Conn(_)
        | Ex::Remaining
        | Ex::CountOf(_)
        | Ex::BytesOf(_)
        | Ex::Has(_)
        | Ex::TextIs(..) => {}
    }
}

/// Applies an operator that always needs both sides.
pub(crate) fn binary(op: BinaryOp, a: i128, b: i128) -> i128 {
    let shift = |b: i128| u32::try_from(b).unwrap_or(u32::MAX);
    match op {
        BinaryOp::And => (a != 0 && b != 0).into(),
        BinaryOp::Or => (a != 0 || b != 0).into(),
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Subtract => a.wrapping_sub(b),
        BinaryOp::Multiply => a.wrapping_mul(b),
        BinaryOp::Divide => a.checked_div(b).unwrap_or(0),
        BinaryOp::Remainder => a.checked_rem(b).unwrap_or(0),
        BinaryOp::BitAnd => a & b,
        BinaryOp::BitOr => a | b,
        BinaryOp::BitXor => a ^ b,
        BinaryOp::ShiftLeft => a.checked_shl(shift(b)).unwrap_or(0),
        BinaryOp::ShiftRight => a.checked_shr(shift(b)).unwrap_or(if a < 0 { -1 } else { 0 }),
    }
}

/// Applies a comparison.
pub(crate) fn compare(op: Compare, a: i128, b: i128) -> bool {
    match op {
        Compare::Equal => a == b,
        Compare::NotEqual => a != b,
        Compare::Less => a < b,
        Compare::LessEqual => a <= b,
        Compare::Greater => a > b,
        Compare::GreaterEqual => a >= b,
    }
}

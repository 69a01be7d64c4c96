//! Predicates over the bytes of a packet: what compares one field with constants, where the plan need
//! not be run to find it. Nothing is allocated, and nothing is read but what is asked for.

use std::borrow::Cow;

use midwire_definition::plan::anchor::Anchor;
use midwire_definition::plan::{Plan, Straight};

use crate::matcher::Matcher;
use crate::predicate::{Num, Place, Pred, Str};
use crate::syntax::ast::Comparison;
use crate::value::Number;

/// A predicate over bytes. It says what the predicate it was made of says of the packet that was read.
#[derive(Debug)]
pub(crate) enum Direct {
    Const(bool),
    /// From the first to the last number, both included; or anywhere else.
    Int {
        field: Straight,
        low: i128,
        high: i128,
        outside: bool,
    },
    /// In one of these ranges.
    Ints {
        field: Straight,
        ranges: Box<[(i128, i128)]>,
    },
    Float {
        field: Straight,
        op: Comparison,
        value: f64,
    },
    /// Bytes, or a text for which it makes no difference that it may be no UTF-8.
    Bytes {
        field: Straight,
        matcher: Matcher,
        negated: bool,
    },
    /// A text in which what is no UTF-8 is replaced first.
    Text {
        field: Straight,
        matcher: Matcher,
        negated: bool,
    },
    Not(Box<Direct>),
    All(Box<[Direct]>),
    Any(Box<[Direct]>),
}

impl Direct {
    /// The same over the bytes of packets of a plan; `None` where fields have to be located for it.
    pub(crate) fn of(pred: &Pred, plan: Option<&Plan>) -> Option<Direct> {
        let all =
            |parts: &[Pred]| parts.iter().map(|part| Direct::of(part, plan)).collect::<Option<_>>();
        Some(match pred {
            Pred::Const(is) => Direct::Const(*is),
            Pred::Not(inner) => Direct::Not(Box::new(Direct::of(inner, plan)?)),
            Pred::All(parts) => Direct::All(all(parts)?),
            Pred::Any(parts) => Direct::Any(all(parts)?),
            Pred::FixedInt { at, repr, member, op, value } => {
                int(Straight::int_at(*at, *repr, *member), *op, *value)?
            }
            Pred::Compare(op, num, Num::Const(value)) => {
                let field = number(num, plan)?;
                match *value {
                    Number::Int(value) if field.is_int() => int(field, *op, value)?,
                    value if field.is_float() => {
                        Direct::Float { field, op: *op, value: value.as_float() }
                    }
                    _ => return None,
                }
            }
            Pred::Within(num, ranges) => {
                let field = number(num, plan).filter(Straight::is_int)?;
                let range = |(low, high): &(Number, Number)| match (low, high) {
                    (Number::Int(low), Number::Int(high)) => Some((*low, *high)),
                    _ => None,
                };
                Direct::Ints { field, ranges: ranges.iter().map(range).collect::<Option<_>>()? }
            }
            Pred::True(num) => {
                let field = number(num, plan)?;
                match field.is_int() {
                    true => Direct::Int { field, low: 0, high: 0, outside: true },
                    false => Direct::Float { field, op: Comparison::NotEqual, value: 0.0 },
                }
            }
            Pred::Text { of, matcher, negated } => {
                let (matcher, negated) = (matcher.clone(), *negated);
                match of {
                    Str::Text(place) => {
                        let field = way(place, plan).filter(Straight::is_text)?;
                        match matcher.takes_bytes_as_text() {
                            true => Direct::Bytes { field, matcher, negated },
                            false => Direct::Text { field, matcher, negated },
                        }
                    }
                    Str::Bytes(place) => {
                        let field = way(place, plan).filter(Straight::is_bytes)?;
                        Direct::Bytes { field, matcher, negated }
                    }
                    _ => return None,
                }
            }
            _ => return None,
        })
    }

    /// Whether it is so.
    #[inline]
    pub(crate) fn holds(&self, payload: &[u8], body: u32) -> bool {
        match self {
            Direct::Const(is) => *is,
            Direct::Int { field, low, high, outside } => {
                field.int(payload, body).is_some_and(|n| (*low <= n && n <= *high) != *outside)
            }
            Direct::Float { field, op, value } => match field.float(payload, body) {
                Some(n) => match n.partial_cmp(value) {
                    Some(order) => op.holds(order),
                    None => *op == Comparison::NotEqual,
                },
                None => false,
            },
            Direct::Bytes { field, matcher, negated } => field
                .content(payload, body)
                .is_some_and(|bytes| matcher.is_match(bytes) != *negated),
            _ => self.holds_more(payload, body),
        }
    }

    /// The rarer ones.
    #[inline(never)]
    fn holds_more(&self, payload: &[u8], body: u32) -> bool {
        match self {
            Direct::Ints { field, ranges } => field
                .int(payload, body)
                .is_some_and(|n| ranges.iter().any(|(low, high)| *low <= n && n <= *high)),
            Direct::Text { field, matcher, negated } => {
                field.content(payload, body).is_some_and(|bytes| {
                    let matches = match String::from_utf8_lossy(bytes) {
                        Cow::Borrowed(text) => matcher.is_match(text.as_bytes()),
                        Cow::Owned(text) => matcher.is_match(text.as_bytes()),
                    };
                    matches != *negated
                })
            }
            Direct::Not(inner) => !inner.holds(payload, body),
            Direct::All(parts) => parts.iter().all(|part| part.holds(payload, body)),
            Direct::Any(parts) => parts.iter().any(|part| part.holds(payload, body)),
            other => other.holds(payload, body),
        }
    }
}

/// The comparison of an integer with one, as the range that it must be in, or must not.
fn int(field: Straight, op: Comparison, value: i128) -> Option<Direct> {
    let (low, high, outside) = match op {
        Comparison::Equal => (value, value, false),
        Comparison::NotEqual => (value, value, true),
        Comparison::Less => (i128::MIN, value.checked_sub(1)?, false),
        Comparison::LessEqual => (i128::MIN, value, false),
        Comparison::Greater => (value.checked_add(1)?, i128::MAX, false),
        Comparison::GreaterEqual => (value, i128::MAX, false),
        _ => return None,
    };
    Some(Direct::Int { field, low, high, outside })
}

/// The way to a number.
fn number(num: &Num, plan: Option<&Plan>) -> Option<Straight> {
    let field = match num {
        Num::FixedInt { at, repr, member } => Straight::int_at(*at, *repr, *member),
        Num::FixedFloat { at, repr } => Straight::float_at(*at, *repr),
        Num::Field(place) => way(place, plan)?,
        _ => return None,
    };
    (field.is_int() || field.is_float()).then_some(field)
}

/// The way to what stands at a place.
pub(crate) fn way(place: &Place, plan: Option<&Plan>) -> Option<Straight> {
    let Place::Body(anchor) = place else { return None };
    let anchor: &Anchor = anchor;
    plan?.straight(anchor)
}

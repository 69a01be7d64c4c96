//! Values: what expressions give.

use std::cmp::Ordering;

/// A number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole one.
    Int(i128),
    /// One with a fraction.
    Float(f64),
}

/// What an expression gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Truth.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// What kind of value an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// Truth.
    Bool,
    /// A whole number.
    Int,
    /// A number with a fraction.
    Float,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
}

impl Number {
    /// As a float; whole numbers beyond 53 bits are rounded.
    pub fn as_float(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::Float(n) => n,
        }
    }

    /// Which is greater; nothing is said of what is no number (NaN).
    pub fn compare(self, other: Number) -> Option<Ordering> {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
            (a, b) => a.as_float().partial_cmp(&b.as_float()),
        }
    }
}

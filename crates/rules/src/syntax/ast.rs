//! Expressions as they are written.

use std::cmp::Ordering;

use midwire_definition::syntax::ast::{Name, Span};

/// An expression, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `12`
    Int(i128),
    /// `1.5`, and as it is written: it may be a version.
    Float(f64, Box<str>),
    /// `"text"`
    Text(String),
    /// `hex "0a 0b"`
    Bytes(Vec<u8>),
    /// `true`
    Bool(bool),
    /// `1.21.4`
    Version(String),
    /// `10.0.0.0/8`
    Address(String),
    /// `/re/i`, on the right of `matches`
    Regex {
        /// What stands between the slashes.
        pattern: String,
        /// `i`: case does not matter.
        nocase: bool,
    },
    /// `150ms`, in nanoseconds
    Duration(u64),
    /// A name, or names and places: `item.added[2].x`
    Path(Path),
    /// `group:chat`, `group:chat.text`
    Group(Name, Path),
    /// `not a`
    Not(Box<Expr>),
    /// `-a`
    Negate(Box<Expr>),
    /// `a and b and c`
    And(Vec<Expr>),
    /// `a or b or c`
    Or(Vec<Expr>),
    /// `a + b`
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// `a == b`
    Compare {
        /// How.
        op: Comparison,
        /// The left side.
        left: Box<Expr>,
        /// The right side.
        right: Box<Expr>,
        /// Case does not matter.
        nocase: bool,
    },
    /// `a in {1, 3..5}`, `a in 3..5`
    In {
        /// What is looked for.
        left: Box<Expr>,
        /// Where.
        set: Vec<Element>,
        /// Case does not matter.
        nocase: bool,
    },
    /// `has a.b`
    Has(Box<Expr>),
    /// `any(list, it > 3)` and the like
    Call(Name, Vec<Expr>),
    /// `bytes[0..4]`: from, and one past the last
    Slice(Path, u32, Option<u32>),
    /// Something that was reported already.
    Wrong,
}

/// An element of a set.
#[derive(Debug, Clone, PartialEq)]
pub enum Element {
    /// One value.
    One(Expr),
    /// From the first to the last, both included.
    Range(Expr, Expr),
}

/// Names and places in lists, joined by dots.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Path {
    /// The steps.
    pub segments: Vec<Segment>,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Segment {
    /// A name; and whether it stands in back-ticks.
    Name(Name, bool),
    /// `[2]`
    Index(u32, Span),
}

/// What arithmetic is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `contains`
    Contains,
    /// `startswith`
    StartsWith,
    /// `endswith`
    EndsWith,
    /// `matches`
    Matches,
}

impl Comparison {
    /// Whether it is so for values of this order. Those of texts alone never are.
    #[inline]
    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterEqual => order.is_ge(),
            _ => false,
        }
    }
}

impl Comparison {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterEqual => ">=",
            Comparison::Contains => "contains",
            Comparison::StartsWith => "startswith",
            Comparison::EndsWith => "endswith",
            Comparison::Matches => "matches",
        }
    }

    /// It asks which of two values is greater.
    pub fn is_order(self) -> bool {
        use Comparison::{Greater, GreaterEqual, Less, LessEqual};
        matches!(self, Less | LessEqual | Greater | GreaterEqual)
    }

    /// It looks into a text.
    pub fn is_of_text(self) -> bool {
        use Comparison::{Contains, EndsWith, Matches, StartsWith};
        matches!(self, Contains | StartsWith | EndsWith | Matches)
    }

    /// The same with its sides changed over: `a < b` is `b > a`.
    pub fn turned(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessEqual => Comparison::GreaterEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterEqual => Comparison::LessEqual,
            other => other,
        }
    }
}

impl Path {
    /// Where all of it stands.
    pub fn span(&self) -> Option<Span> {
        let first = self.segments.first()?.span();
        Some(self.segments.last().map_or(first, |last| first.to(last.span())))
    }

    /// As people write it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for segment in &self.segments {
            match segment {
                Segment::Name(name, _) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(&name.text);
                }
                Segment::Index(index, _) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

impl Segment {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Segment::Name(name, _) => name.span,
            Segment::Index(_, span) => *span,
        }
    }
}

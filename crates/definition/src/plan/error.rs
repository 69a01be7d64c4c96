//! Why a packet's body cannot be read to its end, and where.

use std::fmt;
use std::sync::Arc;

use super::Plan;
use super::int::IntError;
use super::workspace::ABSENT;
use crate::nbt::NbtError;

/// Why a packet's body cannot be read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The field that failed, from the body inwards.
    pub path: Vec<PathSegment>,
    /// 0: the payload; others: an inflated block.
    pub buffer: u32,
    /// Where in that buffer.
    pub offset: u32,
    /// What is wrong there.
    pub kind: DecodeErrorKind,
}

/// One step of a field's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathSegment {
    /// A field.
    Field(Arc<str>),
    /// An element of an array, from 0.
    Index(u32),
}

/// What can be wrong with bytes. Numbers that were read there are 0 in packets with secrets, since they may be
/// bytes of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// More bytes are needed than there are.
    #[error("ends early{}", missing(": ", *wanted))]
    Short {
        /// How many are missing, at least; 0 where that is not told.
        wanted: u64,
    },
    /// A variable-length integer has no end.
    #[error("variable-length integer longer than {max} bytes")]
    VarintTooLong {
        /// The longest form.
        max: u8,
    },
    /// A length or count is negative.
    #[error("{} is negative", length(*found))]
    Negative {
        /// The number; 0 where it is not told.
        found: i128,
    },
    /// A limit of the program or of the definition was passed.
    #[error("{} is over {limit} {max}", number(*found))]
    Limit {
        /// The limit's name: a field of [`Limits`](crate::Limits), or `max` for one in the definition.
        limit: &'static str,
        /// Its value.
        max: u64,
        /// What was asked for; 0 where it is not told.
        found: u64,
    },
    /// A packet of a protocol without frames takes all that is left, and so has no end.
    #[error("takes all that is left, and nothing says where that ends")]
    Endless,
    /// A compressed block is damaged.
    #[error("{0}")]
    Inflate(String),
    /// Not NBT.
    #[error("{0}")]
    Nbt(NbtError),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.path_text())?;
        match &self.kind {
            DecodeErrorKind::Short { wanted } => {
                write!(f, "ends early at {}{}", self.offset, missing(", ", *wanted))?;
            }
            kind => write!(f, "at {}: {kind}", self.offset)?,
        }
        if self.buffer > 0 {
            write!(f, " (in inflated block {})", self.buffer)?;
        }
        Ok(())
    }
}

impl std::error::Error for DecodeError {}

impl DecodeError {
    /// The failed field's path, as `item.added[2].data`.
    pub fn path_text(&self) -> String {
        path_text(&self.path)
    }
}

fn missing(between: &str, wanted: u64) -> String {
    match wanted {
        0 => String::new(),
        wanted => format!("{between}{wanted} more byte(s) wanted"),
    }
}

fn length(found: i128) -> String {
    if found == 0 { "its length".to_owned() } else { format!("length {found}") }
}

fn number(found: u64) -> String {
    if found == 0 { "it".to_owned() } else { found.to_string() }
}

impl DecodeErrorKind {
    /// The same without numbers that were read from the packet.
    fn without_numbers(self) -> Self {
        match self {
            Self::Short { .. } => Self::Short { wanted: 0 },
            Self::Negative { .. } => Self::Negative { found: 0 },
            Self::Limit { limit, max, .. } => Self::Limit { limit, max, found: 0 },
            Self::Nbt(error) => Self::Nbt(error.without_numbers()),
            Self::VarintTooLong { .. } | Self::Endless | Self::Inflate(_) => self,
        }
    }
}

impl Plan {
    /// A failure as it may be told of this packet.
    #[cold]
    pub(super) fn told(&self, failed: Failed) -> Failed {
        match self.has_secrets() {
            true => Box::new(DecodeError { kind: failed.kind.without_numbers(), ..*failed }),
            false => failed,
        }
    }
}

/// A path as people write it.
pub(crate) fn path_text(path: &[PathSegment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            PathSegment::Field(name) if name.is_empty() => {}
            PathSegment::Field(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            PathSegment::Index(i) => text.push_str(&format!("[{i}]")),
        }
    }
    text
}

/// A failure on its way out; the path is filled in from the inside.
pub(super) type Failed = Box<DecodeError>;

/// A failure whose buffer and path are still to be filled in.
#[cold]
pub(super) fn fail(offset: u32, kind: DecodeErrorKind) -> Failed {
    Box::new(DecodeError { path: Vec::new(), buffer: ABSENT, offset, kind })
}

/// A limit was passed.
#[cold]
pub(super) fn over(offset: u32, limit: &'static str, max: u64, found: u64) -> Failed {
    fail(offset, DecodeErrorKind::Limit { limit, max, found })
}

/// An integer could not be read.
#[cold]
pub(super) fn int_failed(error: IntError, at: u32) -> Failed {
    match error {
        IntError::Short(wanted) => fail(at, DecodeErrorKind::Short { wanted: wanted.into() }),
        IntError::TooLong(max) => fail(at, DecodeErrorKind::VarintTooLong { max }),
    }
}

/// An element failed: its number goes in front of the path.
#[cold]
pub(super) fn element_failed(mut failed: Failed, index: u32) -> Failed {
    failed.path.insert(0, PathSegment::Index(index));
    failed
}

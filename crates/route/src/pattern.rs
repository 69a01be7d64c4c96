//! Bytes to look for, some of which may be anything.

use thiserror::Error;

use crate::Answer;

/// The longest pattern, in bytes.
pub const PATTERN_LEN_MAX: usize = 256;

/// Bytes to look for; each is a value, or any at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    bytes: Vec<Option<u8>>,
}

/// What is wrong with a pattern's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PatternError {
    /// It has no bytes.
    #[error("a pattern of no bytes is everywhere")]
    Empty,
    /// It has more than [`PATTERN_LEN_MAX`] bytes.
    #[error("{len} bytes are more than the {max} that a pattern may have")]
    TooLong {
        /// Its bytes.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// All of its bytes may be anything.
    #[error("a pattern of wildcards alone is everywhere")]
    Wildcards,
    /// It is not written in pairs of hexadecimal digits.
    #[error("bytes are written as pairs of hexadecimal digits, or ?? for any byte")]
    NotPairs {
        /// Where in the text, in bytes.
        at: usize,
    },
}

impl Pattern {
    /// The bytes of a text.
    ///
    /// # Errors
    ///
    /// It is empty or too long.
    pub fn text(text: &str) -> Result<Self, PatternError> {
        Self::new(text.bytes().map(Some).collect())
    }

    /// Bytes in pairs of hexadecimal digits, with blanks between pairs where one likes; `??` is any byte.
    ///
    /// # Errors
    ///
    /// It is empty, too long, nothing but wildcards, or not in pairs.
    pub fn hex(text: &str) -> Result<Self, PatternError> {
        let mut bytes = Vec::new();
        let mut rest = text.bytes().enumerate().filter(|(_, byte)| !byte.is_ascii_whitespace());
        while let Some((at, high)) = rest.next() {
            let low = rest.next().filter(|(next, _)| *next == at + 1);
            let Some((_, low)) = low else { return Err(PatternError::NotPairs { at }) };
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
            bytes.push(match (digit(high), digit(low)) {
                (Some(high), Some(low)) => Some(high << 4 | low),
                _ if (high, low) == (b'?', b'?') => None,
                _ => return Err(PatternError::NotPairs { at }),
            });
        }
        Self::new(bytes)
    }

    fn new(bytes: Vec<Option<u8>>) -> Result<Self, PatternError> {
        if bytes.is_empty() {
            return Err(PatternError::Empty);
        }
        if bytes.len() > PATTERN_LEN_MAX {
            return Err(PatternError::TooLong { len: bytes.len(), max: PATTERN_LEN_MAX });
        }
        if bytes.iter().all(Option::is_none) {
            return Err(PatternError::Wildcards);
        }
        Ok(Self { bytes })
    }

    /// How many bytes it has: at least one.
    #[expect(clippy::len_without_is_empty, reason = "none is empty")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Its bytes; `None` is any.
    pub fn bytes(&self) -> impl Iterator<Item = Option<u8>> + '_ {
        self.bytes.iter().copied()
    }

    /// Whether it stands at this place of some bytes.
    #[must_use]
    pub fn stands_at(&self, at: usize, bytes: &[u8]) -> Answer {
        let here = bytes.get(at..).unwrap_or(&[]);
        let fits = |(wanted, byte): (&Option<u8>, &u8)| wanted.is_none_or(|wanted| wanted == *byte);
        if !self.bytes.iter().zip(here).all(fits) {
            Answer::No
        } else if here.len() < self.bytes.len() {
            Answer::NeedsMore
        } else {
            Answer::Yes
        }
    }
}

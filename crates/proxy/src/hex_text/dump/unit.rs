//! What stands between the spaces of a dump: bytes in their order, or numbers of several bytes.

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Hex digits of bytes in their order.
    Bytes,
    /// Hex numbers of so many bytes, the low byte first.
    Numbers(usize),
    /// Three octal digits a byte.
    Octal,
    /// Six octal digits for two bytes, the low byte first.
    OctalNumbers,
    /// Eight digits of a byte.
    Bits,
}

impl Unit {
    /// The bytes of a word, if it is one.
    pub(super) fn read(self, word: &str) -> Option<Vec<u8>> {
        match self {
            Self::Bytes => hex::decode(word).ok(),
            Self::Numbers(size) => {
                let mut bytes = hex::decode(word).ok().filter(|bytes| bytes.len() <= size)?;
                bytes.reverse();
                Some(bytes)
            }
            Self::Octal => number(word, 3, 8).and_then(|n| u8::try_from(n).ok()).map(|n| vec![n]),
            Self::OctalNumbers => {
                let number = number(word, 6, 8).and_then(|n| u16::try_from(n).ok())?;
                Some(number.to_le_bytes().to_vec())
            }
            Self::Bits => number(word, 8, 2).and_then(|n| u8::try_from(n).ok()).map(|n| vec![n]),
        }
    }

    /// The bytes of a number; 1 where each byte is written for itself.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Numbers(size) => size,
            Self::OctalNumbers => 2,
            Self::Bytes | Self::Octal | Self::Bits => 1,
        }
    }
}

fn number(word: &str, digits: usize, radix: u32) -> Option<u32> {
    let is_number = word.len() == digits && word.chars().all(|c| c.is_digit(radix));
    u32::from_str_radix(word, radix).ok().filter(|_| is_number)
}

/// A word of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'t> {
    /// Where it begins and ends in the line.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Without `0x`.
    pub(super) digits: &'t str,
    pub(super) is_prefixed: bool,
}

/// The words of a line; a dash parts two only between digits.
pub(super) fn words(rest: &str) -> impl Iterator<Item = Word<'_>> {
    let bytes = rest.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let is_apart = move |at: usize| match bytes.get(at) {
        Some(b' ' | b'\t') => true,
        Some(b'-') => at > 0 && is_digit(at - 1) && is_digit(at + 1),
        _ => false,
    };
    let mut at = 0;
    std::iter::from_fn(move || {
        while is_apart(at) {
            at += 1;
        }
        let start = at;
        while at < bytes.len() && !is_apart(at) {
            at += 1;
        }
        let word = rest.get(start..at).filter(|word| !word.is_empty())?;
        let digits = word.strip_prefix("0x").unwrap_or(word);
        Some(Word { start, end: at, digits, is_prefixed: digits.len() < word.len() })
    })
}

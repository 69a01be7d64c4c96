//! What midwire says about a packet or a session, in a comment that every tool keeps and shows.
//!
//! ```text
//! midwire: n=12 origin=server fate=changed by=demo.rules:1
//! midwire: session=1 leg=client protocol=minecraft version=1.21.4
//! ```
//!
//! A note is one line of printable ASCII: `midwire:`, then `key=value` pairs, each after one blank.
//! Keys are of `a`-`z`, `0`-`9`, `.`, `_` and `-`. In values, everything but printable ASCII, the
//! blank and `%` are written as `%` and two hex digits a byte.

use std::borrow::Cow;

/// What a note starts with.
pub const PREFIX: &str = "midwire:";

/// The longest note, in bytes: what fits into an option.
pub const NOTE_LEN_MAX: usize = 60_000;

/// A note found in a comment. Borrows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    text: &'a str,
}

impl<'a> Note<'a> {
    /// The note in a comment; `None` where it is somebody else's comment.
    #[must_use]
    pub fn parse(comment: &'a str) -> Option<Self> {
        let pairs = comment.strip_prefix(PREFIX)?;
        (pairs.is_empty() || pairs.starts_with(' ')).then_some(Self { text: comment })
    }

    /// The note as it was found.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.text
    }

    /// All pairs in their order. What is not a pair is passed over.
    pub fn pairs(self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
        self.text.split(' ').skip(1).filter_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (!key.is_empty()).then(|| (key, unescape(value)))
        })
    }

    /// The value of a key; of the first where it stands several times.
    #[must_use]
    pub fn get(self, key: &str) -> Option<Cow<'a, str>> {
        self.pairs().find_map(|(name, value)| (name == key).then_some(value))
    }

    /// The value of a key as a number.
    #[must_use]
    pub fn number(self, key: &str) -> Option<u64> {
        self.get(key)?.parse().ok()
    }
}

/// Whether something may be a key.
#[must_use]
pub fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-')
        })
}

/// Puts one more pair behind a note, and the prefix in front of the first.
pub fn push_pair(note: &mut String, key: &str, value: &str) {
    if note.is_empty() {
        note.push_str(PREFIX);
    }
    note.push(' ');
    note.push_str(key);
    note.push('=');
    for byte in value.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            note.push(char::from(byte));
        } else {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            note.push('%');
            note.push(char::from(DIGITS[usize::from(byte >> 4)]));
            note.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('%') {
        return Cow::Borrowed(value);
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let escaped = behind
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    Cow::Owned(
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    )
}

#[cfg(test)]
mod tests {
    use super::{Note, push_pair};

    fn note(pairs: &[(&str, &str)]) -> String {
        let mut text = String::new();
        for (key, value) in pairs {
            push_pair(&mut text, key, value);
        }
        text
    }

    #[test]
    fn any_text_comes_back_as_it_was() {
        let values = ["", "plain", "two words", "100%", "%41", "a=b", "Ω\u{202e}\n\0", "%"];
        for value in values {
            let text = note(&[("first", "1"), ("key", value), ("last", "2")]);
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{text:?}");
            assert_eq!(Note::parse(&text).unwrap().get("key").unwrap(), value);
            assert_eq!(Note::parse(&text).unwrap().number("last"), Some(2));
        }
    }

    #[test]
    fn comments_of_others_are_no_notes() {
        assert_eq!(Note::parse("look at this one"), None);
        assert_eq!(Note::parse("midwire:n=1"), None);
        assert_eq!(Note::parse("midwire"), None);
        assert_eq!(Note::parse("").map(|_| ()), None);
    }

    #[test]
    fn what_is_not_a_pair_is_passed_over() {
        let note = Note::parse("midwire: =x  n=3 word n=4 half=%4 bad=%zz").unwrap();
        assert_eq!(note.number("n"), Some(3));
        assert_eq!(note.get("word"), None);
        assert_eq!(note.get("half").unwrap(), "%4");
        assert_eq!(note.get("bad").unwrap(), "%zz");
    }
}

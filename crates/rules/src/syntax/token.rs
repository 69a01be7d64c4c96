//! The words of a filter.

/// One word, by its place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// What a word is. Its value is read from the text when it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// One or more ends of lines, where they count.
    Newline,
    /// `abc_1`
    Ident,
    /// A name in back-ticks.
    Quoted,
    /// `12`, `0xff`, `0b1`, with `_` anywhere behind the first digit
    Integer,
    /// `1.5`, `2e3`
    Float,
    /// `150ms`, `5s`, `2m`, `1h`
    Duration,
    /// `1.21.4`
    Version,
    /// `127.0.0.1`, `10.0.0.0/8`
    Address,
    /// A text in quotes; its escapes are not checked yet.
    Text,
    /// `/re/i`, behind `matches`
    Regex,
    /// Punctuation.
    Symbol(&'static str),
    /// Something that is no word.
    Bad(Bad),
    /// Behind the last word.
    End,
}

/// Why something is no word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// A character of no meaning.
    Character,
    /// `12ab`
    Number,
    /// A text without its closing quote.
    Text,
    /// A name without its closing back-tick, or without characters.
    Name,
    /// A regular expression without its closing `/`.
    Regex,
}

/// Punctuation, the longer before what it begins with. The last row has no meaning here, but is used for
/// something in other languages: a message says what to write instead.
pub(super) const SYMBOLS: &[&str] = &[
    "..", "==", "!=", "<=", ">=", "&&", "||", "=~", //
    "{", "}", "(", ")", "[", "]", ",", ":", ".", "=", "<", ">", "+", "-", "*", "/", "%", //
    "!", "&", "|", "^", "~", ";", "@", "?", "$",
];

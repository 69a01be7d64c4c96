//! The words of a definition text.

/// One word, by its place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// First byte.
    pub(super) start: u32,
    /// One past the last byte.
    pub(super) end: u32,
    /// Nothing but blanks stands before it on its line.
    pub(super) first_of_line: bool,
}

/// What a word is. Its value is read from the text when it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One or more ends of lines, where they count.
    Newline,
    /// `abc_1`
    Ident,
    /// A name in back-ticks.
    Quoted,
    /// `12`, `0xff`, `0b1`
    Integer,
    /// `1.5`
    Float,
    /// A text in quotes; its escapes are not checked yet.
    Text,
    /// Punctuation.
    Symbol(&'static str),
    /// Something that is no word.
    Bad(Bad),
    /// Behind the last word.
    End,
}

/// Why something is no word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bad {
    /// A character of no meaning.
    Character,
    /// `12ab`
    Number,
    /// A text without its closing quote.
    Text,
    /// A name without its closing back-tick, or without characters.
    Name,
}

/// Punctuation, the longer before what it begins with. The last row has no meaning here, but is
/// used for something in other languages: a message can say what to write instead.
pub(super) const SYMBOLS: &[&str] = &[
    "...", "..", "=>", "==", "!=", "<=", ">=", "<<", ">>", "&&", "||", "->", "::", "/*", //
    "{", "}", "(", ")", "[", "]", ",", ":", ".", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|",
    "^", "~", "@", //
    ";", "!", "#", "?", "$",
];

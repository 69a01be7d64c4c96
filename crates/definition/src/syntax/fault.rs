//! What a parser says when it fails, and the message that becomes of it.

use nom::Err;
use nom::error::{ErrorKind, ParseError};

use super::ast::Span;
use super::cursor::{Cursor, MAX_NESTING, Parsed};
use super::token::{Bad, Kind};
use crate::diagnostics::Diagnostic;

/// Something that could have stood at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Exactly this: punctuation or a keyword.
    Word(&'static str),
    /// A kind of thing: "a type".
    Thing(&'static str),
}

/// Why a parser failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// Other words could have stood here.
    Expected { at: usize, wanted: Vec<Wanted> },
    /// A finished message.
    Known { at: usize, message: Box<Diagnostic> },
    /// A finished message after which the rest of the declaration makes no sense.
    TooDeep { at: usize, message: Box<Diagnostic> },
    /// Enough was found wrong.
    Stop,
}

impl Fault {
    /// Fails: something else belongs here.
    pub(super) fn expected<'a, T>(i: Cursor<'a>, wanted: Wanted) -> Parsed<'a, T> {
        Err(Err::Error(Fault::Expected { at: i.at(), wanted: vec![wanted] }))
    }

    /// Fails for good: something else belongs here.
    pub(super) fn needed<'a, T>(i: Cursor<'a>, wanted: &[Wanted]) -> Parsed<'a, T> {
        Err(Err::Failure(Fault::Expected { at: i.at(), wanted: wanted.to_vec() }))
    }

    /// Fails for good with this message about the next word.
    pub(super) fn known<'a, T>(i: Cursor<'a>, message: Diagnostic) -> Parsed<'a, T> {
        Err(Fault::fatal(i, message))
    }

    /// This message about the next word, as a failure for good.
    pub(super) fn fatal(i: Cursor<'_>, message: Diagnostic) -> Err<Fault> {
        Err::Failure(Fault::Known { at: i.at(), message: Box::new(message) })
    }

    pub(super) fn too_deep(i: Cursor<'_>) -> Fault {
        let message =
            Diagnostic::error("W008", i.span(), format!("this nests more than {MAX_NESTING} deep"))
                .label("one level too many")
                .help("give the inner part a name with `type` or `let`");
        Fault::TooDeep { at: i.at(), message: Box::new(message) }
    }

    /// The word it is about.
    pub(super) fn at(&self) -> usize {
        match self {
            Fault::Expected { at, .. } | Fault::Known { at, .. } | Fault::TooDeep { at, .. } => *at,
            Fault::Stop => 0,
        }
    }

    /// The message; none if parsing just ends.
    pub(super) fn into_diagnostic(self, i: Cursor<'_>) -> Option<Diagnostic> {
        match self {
            Fault::Expected { at, wanted } => Some(unexpected(i.moved_to(at), &wanted)),
            Fault::Known { message, .. } | Fault::TooDeep { message, .. } => Some(*message),
            Fault::Stop => None,
        }
    }
}

impl<'a> ParseError<Cursor<'a>> for Fault {
    fn from_error_kind(i: Cursor<'a>, _: ErrorKind) -> Self {
        Fault::Expected { at: i.at(), wanted: Vec::new() }
    }

    fn append(_: Cursor<'a>, _: ErrorKind, other: Self) -> Self {
        other
    }

    /// The one that came further; from one place, both.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Fault::Expected { at, mut wanted }, Fault::Expected { at: place, wanted: more })
                if at == place =>
            {
                wanted.extend(more);
                Fault::Expected { at, wanted }
            }
            (this, that) => {
                if this.at() > that.at() {
                    this
                } else {
                    that
                }
            }
        }
    }
}

/// "expected .., found ..", with what is usually meant.
pub(super) fn unexpected(i: Cursor<'_>, wanted: &[Wanted]) -> Diagnostic {
    let token = i.token();
    let text = i.text_of(token);
    if let Kind::Bad(bad) = token.kind {
        return bad_word(bad, i.span(), text);
    }
    let wanted = list(wanted);
    let found = found(token.kind, text);
    let message = format!("expected {wanted}, found {found}");
    let label = format!("expected {wanted}");
    if token.kind == Kind::Symbol(";") {
        return Diagnostic::error("W016", i.span(), "`;` does not separate")
            .label("not needed")
            .help("end the line here, or write `,`");
    }
    let mut span = i.span();
    if token.kind == Kind::Newline {
        span.end = span.start;
    }
    let diagnostic = Diagnostic::error("W001", span, message).label(label);
    match meant(token.kind, text) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

fn list(wanted: &[Wanted]) -> String {
    let mut words: Vec<String> = Vec::new();
    for one in wanted {
        let word = match one {
            Wanted::Word(word) => format!("`{word}`"),
            Wanted::Thing(thing) => (*thing).to_owned(),
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    match words.pop() {
        None => "something else".to_owned(),
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} or {last}", words.join(", ")),
    }
}

/// The next word as messages call it.
pub(super) fn found(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Newline => "the end of the line".to_owned(),
        Kind::End => "the end of the file".to_owned(),
        Kind::Quoted => text.to_owned(),
        Kind::Text => format!("the text {}", shortened(text)),
        Kind::Integer | Kind::Float => format!("the number {}", shortened(text)),
        Kind::Ident | Kind::Symbol(_) | Kind::Bad(_) => format!("`{}`", shortened(text)),
    }
}

/// At most this much of a file's text in one message.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}..", &text[..at]),
        None => text.to_owned(),
    }
}

/// What people who write this in other languages should write here.
fn meant(kind: Kind, text: &str) -> Option<&'static str> {
    match kind {
        Kind::Symbol("&&") => Some("write `and`"),
        Kind::Symbol("||") => Some("write `or`"),
        Kind::Symbol("!") => Some("write `not`"),
        Kind::Symbol("->") => Some("an arm is written with `=>`"),
        Kind::Symbol("#") => Some("a comment begins with `//`"),
        Kind::Symbol("/*") => Some("a comment begins with `//` and ends with the line"),
        Kind::Symbol("::") => Some("a member is reached with `.`"),
        Kind::Ident if matches!(text, "struct" | "record") => {
            Some("a struct is just its braces: `name: { x: u8 }`")
        }
        _ => None,
    }
}

/// A message about something that is no word of the language.
pub(super) fn bad_word(bad: Bad, span: Span, text: &str) -> Diagnostic {
    let first = text.chars().next().unwrap_or(' ');
    match bad {
        Bad::Character if matches!(first, '\u{201c}'..='\u{201f}' | '\u{2018}'..='\u{201b}') => {
            Diagnostic::error("W002", span, format!("`{first}` is a typographic quote"))
                .label("not a plain quote")
                .help("write \" or '")
        }
        Bad::Character if first.is_alphanumeric() || first == '_' => {
            let text = shortened(text);
            Diagnostic::error("W002", span, format!("`{text}` has letters other than a to z"))
                .label("not a plain name")
                .help(format!("put the name in back-ticks: `{text}`"))
        }
        Bad::Character => {
            let code = u32::from(first);
            Diagnostic::error(
                "W002",
                span,
                format!("the character `{first}` (U+{code:04X}) has no meaning here"),
            )
            .label("not part of the language")
        }
        Bad::Number => Diagnostic::error(
            "W004",
            span,
            format!("`{}` is not a number", shortened(text)),
        )
        .label("malformed")
        .help(
            "numbers are written 42, 1_000, 0xff, 0b101 or 1.5; a name cannot begin with a digit",
        ),
        Bad::Text => Diagnostic::error("W003", span, "this text has no closing quote")
            .label("opened here")
            .help("a text ends on its line; write \\n for a line break inside it"),
        Bad::Name if text == "``" => {
            Diagnostic::error("W003", span, "a name in back-ticks is empty")
                .label("nothing between the back-ticks")
        }
        Bad::Name => Diagnostic::error("W003", span, "this name has no closing back-tick")
            .label("opened here"),
    }
}

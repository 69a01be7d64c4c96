//! Where a parser stands, and the parsers of single words.

use std::cell::{Cell, RefCell};
use std::iter::{Copied, Enumerate};
use std::slice::Iter;

use nom::combinator::cut;
use nom::{Err, IResult, Input, Needed, Parser};

use super::ast::{Name, Span, Spanned};
use super::fault::{Fault, Wanted, found};
use super::lexical::{Lexed, at_margin};
use super::token::{Kind, Token};
use crate::diagnostics::{Diagnostic, MAX_ERRORS};
use crate::escape::escape;

/// How deep types, structs and expressions may nest.
pub(super) const MAX_NESTING: u8 = 64;

pub(super) type Parsed<'a, T> = IResult<Cursor<'a>, T, Fault>;

/// What all parsers of one text share.
pub(super) struct Context<'a> {
    pub(super) file: u16,
    pub(super) text: &'a str,
    pub(super) tokens: Vec<Token>,
    docs: Vec<(usize, String)>,
    reports: RefCell<Vec<Diagnostic>>,
    /// The first pair of braces in this declaration whose indentation does not agree.
    misleading: Cell<Option<(Span, Span)>>,
}

impl<'a> Context<'a> {
    pub(super) fn new(file: u16, text: &'a str, lexed: Lexed) -> Self {
        let Lexed { tokens, docs } = lexed;
        Context {
            file,
            text,
            tokens,
            docs,
            reports: RefCell::default(),
            misleading: Cell::default(),
        }
    }

    /// The diagnostics, once parsing is done.
    pub(super) fn into_reports(self) -> Vec<Diagnostic> {
        let mut reports = self.reports.into_inner();
        reports.sort_by_key(|report| report.span.start);
        reports
    }
}

/// The words from here on, and how deep this place is nested. Going back is copying it.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [Token],
    cx: &'a Context<'a>,
    depth: u8,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(cx: &'a Context<'a>) -> Self {
        Cursor { rest: &cx.tokens, cx, depth: 0 }
    }

    /// Index of the next word.
    pub(super) fn at(self) -> usize {
        self.cx.tokens.len() - self.rest.len()
    }

    /// The same place in the nesting, at another word.
    pub(super) fn moved_to(self, at: usize) -> Self {
        Cursor { rest: self.cx.tokens.get(at..).unwrap_or_default(), ..self }
    }

    /// Past the next word, but never past the end.
    pub(super) fn skip(self) -> Self {
        if self.token().kind == Kind::End { self } else { self.moved_to(self.at() + 1) }
    }

    pub(super) fn token(self) -> Token {
        self.ahead(0)
    }

    pub(super) fn ahead(self, n: usize) -> Token {
        let length = u32::try_from(self.cx.text.len()).unwrap_or(u32::MAX);
        let end = Token { kind: Kind::End, start: length, end: length, first_of_line: false };
        self.rest.get(n).copied().unwrap_or(end)
    }

    pub(super) fn text_of(self, token: Token) -> &'a str {
        self.cx.text.get(token.start as usize..token.end as usize).unwrap_or_default()
    }

    pub(super) fn slice(self, span: Span) -> &'a str {
        self.cx.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// The next word's text if it is a name without back-ticks.
    pub(super) fn word(self) -> Option<&'a str> {
        self.word_ahead(0)
    }

    pub(super) fn word_ahead(self, n: usize) -> Option<&'a str> {
        let token = self.ahead(n);
        (token.kind == Kind::Ident).then(|| self.text_of(token))
    }

    pub(super) fn is_word(self, word: &str) -> bool {
        self.word() == Some(word)
    }

    pub(super) fn is_symbol(self, symbol: &str) -> bool {
        matches!(self.token().kind, Kind::Symbol(found) if found == symbol)
    }

    pub(super) fn is_symbol_ahead(self, n: usize, symbol: &str) -> bool {
        matches!(self.ahead(n).kind, Kind::Symbol(found) if found == symbol)
    }

    pub(super) fn is_name_ahead(self, n: usize) -> bool {
        matches!(self.ahead(n).kind, Kind::Ident | Kind::Quoted)
    }

    /// Whether the next word touches the one before.
    pub(super) fn is_adjacent(self) -> bool {
        self.at() > 0 && self.cx.tokens[self.at() - 1].end == self.token().start
    }

    pub(super) fn is_at_margin(self) -> bool {
        at_margin(self.cx.text, self.token().start as usize)
    }

    pub(super) fn span_of(self, token: Token) -> Span {
        Span { file: self.cx.file, start: token.start, end: token.end }
    }

    /// The next word's place.
    pub(super) fn span(self) -> Span {
        self.span_of(self.token())
    }

    /// From this place's next word to the last word before `rest`.
    pub(super) fn span_to(self, rest: Cursor<'a>) -> Span {
        let start = self.token().start;
        let last = rest.at().checked_sub(1).and_then(|at| self.cx.tokens.get(at));
        let end = last.map_or(start, |token| token.end.max(start));
        Span { file: self.cx.file, start, end }
    }

    /// The doc comment in front of the next word.
    pub(super) fn doc(self) -> String {
        let docs = &self.cx.docs;
        match docs.binary_search_by_key(&self.at(), |(at, _)| *at) {
            Ok(found) => docs[found].1.clone(),
            Err(_) => String::new(),
        }
    }

    pub(super) fn tokens(self) -> &'a [Token] {
        &self.cx.tokens
    }

    /// The line of a place, from 1.
    pub(super) fn line_of(self, span: Span) -> usize {
        let before = self.cx.text.get(..span.start as usize).unwrap_or_default();
        before.bytes().filter(|byte| *byte == b'\n').count() + 1
    }

    /// Notes that the next word closes the brace at `open`, in case another is found missing.
    pub(super) fn note_closed(self, open: Span) {
        let close = self.span();
        let noted = &self.cx.misleading;
        if self.token().first_of_line
            && noted.get().is_none()
            && self.indent(close) < self.indent(open)
        {
            noted.set(Some((open, close)));
        }
    }

    /// A pair of braces in this declaration of which the second stands further left.
    pub(super) fn misleading_close(self) -> Option<(Span, Span)> {
        self.cx.misleading.get()
    }

    /// A declaration begins here: forget what was noted before.
    pub(super) fn begin_item(self) {
        self.cx.misleading.set(None);
    }

    /// How many blanks begin the line of a place.
    fn indent(self, place: Span) -> usize {
        let before = self.cx.text.get(..place.start as usize).unwrap_or_default();
        let line = before.rfind('\n').map_or(before, |newline| &before[newline + 1..]);
        line.len() - line.trim_start_matches([' ', '\t']).len()
    }

    /// Keeps a message and goes on.
    ///
    /// # Errors
    ///
    /// There are enough of them: parsing ends.
    pub(super) fn report(self, diagnostic: Diagnostic) -> Result<(), Err<Fault>> {
        let mut reports = self.cx.reports.borrow_mut();
        // One mistake, seen again by the block around the one that saw it first.
        if reports.iter().all(|known| known.span.start != diagnostic.span.start) {
            reports.push(diagnostic);
        }
        if reports.len() >= MAX_ERRORS { Err(Err::Failure(Fault::Stop)) } else { Ok(()) }
    }
}

/// Runs a parser one level deeper.
pub(super) fn nested<'a, T>(
    i: Cursor<'a>,
    inner: impl FnOnce(Cursor<'a>) -> Parsed<'a, T>,
) -> Parsed<'a, T> {
    if i.depth >= MAX_NESTING {
        return Err(Err::Failure(Fault::too_deep(i)));
    }
    let (rest, found) = inner(Cursor { depth: i.depth + 1, ..i })?;
    Ok((Cursor { depth: i.depth, ..rest }, found))
}

/// Punctuation.
pub(super) fn symbol<'a>(symbol: &'static str) -> impl Fn(Cursor<'a>) -> Parsed<'a, Span> {
    move |i| {
        if i.is_symbol(symbol) {
            Ok((i.skip(), i.span()))
        } else {
            Fault::expected(i, Wanted::Word(symbol))
        }
    }
}

/// Punctuation after which a line may end.
pub(super) fn continued<'a>(text: &'static str) -> impl Fn(Cursor<'a>) -> Parsed<'a, Span> {
    move |i| {
        let (i, span) = symbol(text)(i)?;
        Ok((newlines(i), span))
    }
}

/// The bracket that closes the one at `open`.
pub(super) fn closing<'a>(
    open: Span,
    bracket: &'static str,
) -> impl Fn(Cursor<'a>) -> Parsed<'a, Span> {
    move |i| {
        if i.is_symbol(bracket) {
            return Ok((i.skip(), i.span()));
        }
        let is_end = matches!(i.token().kind, Kind::End | Kind::Symbol("}" | ")" | "]"));
        if !is_end && !i.token().first_of_line {
            return Fault::needed(i, &[Wanted::Word(bracket)]);
        }
        let opening = i.slice(open);
        let found = found(i.token().kind, i.text_of(i.token()));
        let message = format!("expected `{bracket}` for this `{opening}`, found {found}");
        Fault::known(i, Diagnostic::error("W005", open, message).label("never closed"))
    }
}

/// A keyword.
pub(super) fn keyword<'a>(word: &'static str) -> impl Fn(Cursor<'a>) -> Parsed<'a, Span> {
    move |i| {
        if i.is_word(word) {
            Ok((i.skip(), i.span()))
        } else {
            Fault::expected(i, Wanted::Word(word))
        }
    }
}

/// One or more things with commas between them; a line may end behind a comma.
pub(super) fn commas<'a, T>(
    mut thing: impl FnMut(Cursor<'a>) -> Parsed<'a, T>,
) -> impl FnMut(Cursor<'a>) -> Parsed<'a, Vec<T>> {
    move |i| {
        let (mut i, first) = thing(i)?;
        let mut things = vec![first];
        while i.is_symbol(",") {
            let (rest, next) = cut(&mut thing).parse(newlines(i.skip()))?;
            things.push(next);
            i = rest;
        }
        Ok((i, things))
    }
}

/// Past the ends of lines.
pub(super) fn newlines(mut i: Cursor<'_>) -> Cursor<'_> {
    while i.token().kind == Kind::Newline {
        i = i.skip();
    }
    i
}

/// A name; `what` is what the message calls it.
pub(super) fn named<'a>(what: &'static str) -> impl Fn(Cursor<'a>) -> Parsed<'a, Name> {
    move |i| {
        let token = i.token();
        let text = i.text_of(token);
        let text = match token.kind {
            Kind::Ident => text,
            // Names are shown everywhere, so none holds what must not reach a screen.
            Kind::Quoted => &*escape(text.trim_matches('`')),
            _ => return Fault::expected(i, Wanted::Thing(what)),
        };
        Ok((i.skip(), Name { text: text.to_owned(), span: i.span() }))
    }
}

/// A name.
pub(super) fn name(i: Cursor<'_>) -> Parsed<'_, Name> {
    named("a name")(i)
}

impl<'a> Input for Cursor<'a> {
    type Item = Token;
    type Iter = Copied<Iter<'a, Token>>;
    type IterIndices = Enumerate<Self::Iter>;

    fn input_len(&self) -> usize {
        self.rest.len()
    }

    fn take(&self, index: usize) -> Self {
        Cursor { rest: &self.rest[..index], ..*self }
    }

    fn take_from(&self, index: usize) -> Self {
        Cursor { rest: &self.rest[index..], ..*self }
    }

    fn take_split(&self, index: usize) -> (Self, Self) {
        (self.take_from(index), self.take(index))
    }

    fn position<P: Fn(Token) -> bool>(&self, predicate: P) -> Option<usize> {
        self.rest.iter().position(|token| predicate(*token))
    }

    fn iter_elements(&self) -> Self::Iter {
        self.rest.iter().copied()
    }

    fn iter_indices(&self) -> Self::IterIndices {
        self.iter_elements().enumerate()
    }

    fn slice_index(&self, count: usize) -> Result<usize, Needed> {
        if self.rest.len() >= count { Ok(count) } else { Err(Needed::new(count - self.rest.len())) }
    }
}

/// A value and where it was written.
pub(super) fn spanned<T>(node: T, span: Span) -> Spanned<T> {
    Spanned { node, span }
}

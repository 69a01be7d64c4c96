//! Lists in braces, and how parsing goes on after a mistake in one of them.

use nom::Err;

use super::ast::Span;
use super::cursor::{Cursor, Parsed, nested, symbol};
use super::fault::{Fault, Wanted, found, shortened, unexpected};
use super::gates::begins_gate;
use super::lexical::ITEM_KEYWORDS;
use super::token::Kind;
use crate::diagnostics::Diagnostic;

/// How the things in a pair of braces are told apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// By newlines or commas; none begins with a declaration's keyword and a name.
    Fields,
    /// By newlines or commas.
    Lines,
    /// By blanks too.
    Words,
}

/// `{`, things, `}`. A thing with a mistake is reported and left out; the span has the braces.
pub(super) fn block<'a, T>(
    i: Cursor<'a>,
    style: Style,
    what: &'static str,
    thing: impl FnMut(Cursor<'a>) -> Parsed<'a, T>,
) -> Parsed<'a, (Vec<T>, Span)> {
    let (inside, open) = symbol("{")(i)?;
    let (rest, things) = nested(inside, |i| body(i, open, style, what, thing))?;
    Ok((rest, (things, i.span_to(rest))))
}

/// What follows a `{` that stands at `open`, and the `}`.
pub(super) fn body<'a, T>(
    mut i: Cursor<'a>,
    open: Span,
    style: Style,
    what: &'static str,
    mut thing: impl FnMut(Cursor<'a>) -> Parsed<'a, T>,
) -> Parsed<'a, Vec<T>> {
    let mut things = Vec::new();
    loop {
        i = separators(i);
        if i.is_symbol("}") {
            i.note_closed(open);
            return Ok((i.skip(), things));
        }
        if i.token().kind == Kind::End || begins_item(i, style) {
            i.report(never_closed(i, open))?;
            return Ok((i, things));
        }
        match thing(i) {
            Ok((rest, one)) => {
                things.push(one);
                if style == Style::Words || ends_thing(rest) || begins_item(rest, style) {
                    i = rest;
                    continue;
                }
                i.report(not_separated(rest, what))?;
                i = resume(i, rest.at(), style);
            }
            Err(Err::Error(fault) | Err::Failure(fault)) => i = recover(i, fault, style)?,
            Err(incomplete) => return Err(incomplete),
        }
    }
}

/// Reports what is wrong with the thing at `i` and finds where the next may begin.
fn recover(i: Cursor<'_>, fault: Fault, style: Style) -> Result<Cursor<'_>, Err<Fault>> {
    if matches!(fault, Fault::TooDeep { .. } | Fault::Stop) {
        return Err(Err::Failure(fault));
    }
    let at = fault.at();
    if let Some(message) = fault.into_diagnostic(i) {
        i.report(message)?;
    }
    Ok(resume(i, at, style))
}

/// Past newlines and commas.
pub(super) fn separators(mut i: Cursor<'_>) -> Cursor<'_> {
    while matches!(i.token().kind, Kind::Newline | Kind::Symbol(",")) {
        i = i.skip();
    }
    i
}

/// Whether a thing is over. In a bracket that was never closed newlines are no words, but a line
/// begins all the same.
fn ends_thing(i: Cursor<'_>) -> bool {
    i.token().first_of_line
        || matches!(i.token().kind, Kind::Newline | Kind::End | Kind::Symbol("," | "}"))
}

/// Whether a declaration begins here, so that a brace before it was never closed.
pub(super) fn begins_item(i: Cursor<'_>, style: Style) -> bool {
    i.token().first_of_line
        && (style == Style::Fields || i.is_at_margin())
        && i.word().is_some_and(|word| {
            ITEM_KEYWORDS.contains(&word)
                && match word {
                    "include" => i.ahead(1).kind == Kind::Text,
                    _ => i.is_name_ahead(1),
                }
        })
}

/// After a mistake at word `at` in the thing that begins at `i`: where the next thing may begin.
///
/// That is behind the line or at the comma, at the level of the thing itself; before the `}` that
/// closes the block; or at a line that can only be something new.
pub(super) fn resume(i: Cursor<'_>, at: usize, style: Style) -> Cursor<'_> {
    let begin = i.at();
    let mut open = Vec::new();
    let mut here = i;
    loop {
        let token = here.token();
        if here.at() > begin && token.first_of_line {
            let only_brackets = open.iter().all(|symbol| *symbol != "{");
            let is_new = here.at() == at || here.at() > at && begins_field(here);
            if begins_item(here, style) || (only_brackets && is_new) {
                return here;
            }
        }
        match token.kind {
            Kind::End => return here,
            Kind::Symbol(symbol @ ("{" | "(" | "[")) => open.push(symbol),
            Kind::Symbol(")") => close(&mut open, "("),
            Kind::Symbol("]") => close(&mut open, "["),
            Kind::Symbol("}") => match open.iter().rposition(|symbol| *symbol == "{") {
                Some(brace) => open.truncate(brace),
                None => return here,
            },
            Kind::Newline | Kind::Symbol("," | ";") if open.is_empty() && here.at() >= at => {
                return here.skip();
            }
            _ => {}
        }
        here = here.skip();
    }
}

/// Whether a line begins here as only fields do.
fn begins_field(i: Cursor<'_>) -> bool {
    i.is_name_ahead(0)
        && (i.is_symbol_ahead(1, ":")
            || i.is_name_ahead(1) && matches!(i.word(), Some("let" | "if" | "match")))
}

fn close(open: &mut Vec<&'static str>, symbol: &str) {
    if open.last() == Some(&symbol) {
        open.pop();
    }
}

fn never_closed(i: Cursor<'_>, open: Span) -> Diagnostic {
    let line = i.line_of(open);
    let mut span = i.span();
    if i.token().kind == Kind::End {
        // The caret belongs on the last line that has something on it.
        let last = i.tokens()[..i.at()].iter().rev().find(|token| token.kind != Kind::Newline);
        if let Some(last) = last {
            span.start = last.end;
            span.end = last.end;
        }
    }
    let found = found(i.token().kind, i.text_of(i.token()));
    let message = Diagnostic::error(
        "W005",
        span,
        format!("expected `}}` for the `{{` of line {line}, found {found}"),
    )
    .label("`}` is missing before this")
    .secondary(open, "opened here");
    match i.misleading_close() {
        Some((open, close)) if open != message.secondary[0].0 => {
            let line = i.line_of(close);
            message.secondary(
                open,
                format!("perhaps this one: the `}}` of line {line} stands further left"),
            )
        }
        _ => message,
    }
}

fn not_separated(i: Cursor<'_>, what: &'static str) -> Diagnostic {
    let wanted = [Wanted::Thing("a newline"), Wanted::Word(","), Wanted::Word("}")];
    let message = unexpected(i, &wanted);
    let help = match i.token().kind {
        Kind::Symbol("@") if begins_gate(i) => return misplaced_gate(i),
        Kind::Symbol("[") => "a list is written with its count in front: `[4] u8`, `[varint] Slot`",
        Kind::Symbol("?") => "what may be absent is written `opt u8`",
        Kind::Symbol("<") => "arguments of a type are written in round brackets: `Holder(u8)`",
        Kind::Ident | Kind::Quoted => {
            return message.help(format!("{what} ends with its line, or with `,`"));
        }
        _ => return message,
    };
    message.help(help)
}

/// A gate behind the thing it should stand before.
fn misplaced_gate(i: Cursor<'_>) -> Diagnostic {
    let mut end = i.skip();
    while end.is_adjacent()
        && matches!(
            end.token().kind,
            Kind::Integer | Kind::Float | Kind::Ident | Kind::Symbol(".." | "|" | ".")
        )
    {
        end = end.skip();
    }
    let span = i.span_to(end);
    let gate = shortened(i.slice(span));
    Diagnostic::error("W009", span, "a gate stands before what it is for")
        .label("too late for a gate")
        .help(format!("write it first: `{gate} name: type`"))
}

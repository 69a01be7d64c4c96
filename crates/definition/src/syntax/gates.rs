//! What begins with `@`: gates before things, attributes behind them.

use nom::Parser;
use nom::combinator::{cut, opt};

use super::ast::{
    Attribute, Directions, Expr, ExprKind, Gate, Name, Spanned, VersionRange, VersionRef,
};
use super::cursor::{Cursor, Parsed, name, nested, spanned, symbol};
use super::expression::arguments;
use super::fault::{Fault, Wanted};
use super::token::Kind;
use super::types::needed_type;
use super::value::{integer, small, string};
use crate::diagnostics::{Diagnostic, suggest};

/// The attribute whose argument is a type: what bytes hold.
pub(crate) const OPEN: &str = "open";

/// `clientbound` or `serverbound`, without looking further.
pub(super) fn direction_word(word: Option<&str>) -> Option<Directions> {
    match word? {
        "clientbound" => Some(Directions::Clientbound),
        "serverbound" => Some(Directions::Serverbound),
        _ => None,
    }
}

/// The same, or `both`.
pub(super) fn directions_word(word: Option<&str>) -> Option<Directions> {
    if word == Some("both") { Some(Directions::Both) } else { direction_word(word) }
}

/// `clientbound` or `serverbound`.
pub(super) fn direction(i: Cursor<'_>) -> Parsed<'_, Directions> {
    match direction_word(i.word()) {
        Some(direction) => Ok((i.skip(), direction)),
        None => Fault::needed(i, &[Wanted::Word("clientbound"), Wanted::Word("serverbound")]),
    }
}

/// Whether `@` begins a gate here, not an attribute.
pub(super) fn begins_gate(i: Cursor<'_>) -> bool {
    i.is_symbol("@")
        && (matches!(
            i.ahead(1).kind,
            Kind::Integer | Kind::Float | Kind::Text | Kind::Symbol("..")
        ) || direction_word(i.word_ahead(1)).is_some())
}

/// All gates that stand here.
pub(super) fn gates(mut i: Cursor<'_>) -> Parsed<'_, Vec<Gate>> {
    let mut gates = Vec::new();
    while begins_gate(i) {
        let (rest, gate) = gate(i)?;
        gates.push(gate);
        i = rest;
    }
    Ok((i, gates))
}

/// Gates before a thing. An attribute there is a mistake with a message of its own.
pub(super) fn leading_gates(i: Cursor<'_>) -> Parsed<'_, Vec<Gate>> {
    let (rest, gates) = gates(i)?;
    if !rest.is_symbol("@") {
        return Ok((rest, gates));
    }
    let word = rest.word_ahead(1).unwrap_or_default();
    let message = match suggest(word, ["clientbound", "serverbound"].into_iter()) {
        Some(direction) => Diagnostic::error("W010", rest.span(), format!("`@{word}` is no gate"))
            .label("unknown direction")
            .help(format!("did you mean `@{direction}`?")),
        None => Diagnostic::error("W009", rest.span(), "an attribute stands behind the type")
            .label("only gates stand here")
            .help(format!("write `name: type @{word}`; a gate is `@764..` or `@clientbound`")),
    };
    Fault::known(rest, message)
}

fn gate(i: Cursor<'_>) -> Parsed<'_, Gate> {
    let (mut rest, _) = symbol("@")(i)?;
    if let Some(direction) = direction_word(rest.word()) {
        let rest = rest.skip();
        return Ok((rest, Gate::Direction(direction, i.span_to(rest))));
    }
    let mut ranges = Vec::new();
    loop {
        let (next, range) = range(rest)?;
        ranges.push(range);
        if !next.is_symbol("|") {
            return Ok((next, Gate::Versions(ranges, i.span_to(next))));
        }
        rest = next.skip();
    }
}

/// `764`, `764..`, `..764`, `764..766`; the last version touches the dots, because a title or a name
/// in quotes may follow an open range.
fn range(i: Cursor<'_>) -> Parsed<'_, VersionRange> {
    let (rest, from) =
        if i.is_symbol("..") { (i, None) } else { cut(version).map(Some).parse(i)? };
    let (rest, to) = if rest.is_symbol("..") {
        let dots = rest.skip();
        let is_version = matches!(dots.token().kind, Kind::Integer | Kind::Float | Kind::Text);
        if is_version && (dots.is_adjacent() || from.is_none()) {
            cut(version).map(Some).parse(dots)?
        } else if from.is_none() {
            let message = Diagnostic::error("W010", i.span(), "a range of versions has no end")
                .label("from where, or to where?")
                .help("write `@764..`, `@..764` or `@764..766`");
            return Fault::known(i, message);
        } else {
            (dots, None)
        }
    } else {
        (rest, from.clone())
    };
    if rest.is_symbol(".") && rest.is_adjacent() {
        return not_quoted(i);
    }
    Ok((rest, VersionRange { from, to, span: i.span_to(rest) }))
}

/// A wire number, or a key or release in quotes.
pub(super) fn version(i: Cursor<'_>) -> Parsed<'_, Spanned<VersionRef>> {
    match i.token().kind {
        Kind::Text => {
            string(i).map(|(rest, key)| (rest, spanned(VersionRef::Key(key.node), key.span)))
        }
        Kind::Float => not_quoted(i),
        Kind::Integer => {
            small(i).map(|(rest, n)| (rest, spanned(VersionRef::Number(n.node), n.span)))
        }
        _ => Fault::expected(i, Wanted::Thing("a version")),
    }
}

fn not_quoted<T>(i: Cursor<'_>) -> Parsed<'_, T> {
    let mut rest = i.skip();
    while rest.is_adjacent()
        && matches!(rest.token().kind, Kind::Symbol(".") | Kind::Integer | Kind::Float)
    {
        rest = rest.skip();
    }
    let span = i.span_to(rest);
    let text = i.slice(span);
    let message = Diagnostic::error("W010", span, "a release is written in quotes")
        .label("not a wire number")
        .help(format!("write `\"{text}\"`, or the wire number"));
    Fault::known(i, message)
}

/// All attributes that stand here.
pub(super) fn attributes(mut i: Cursor<'_>) -> Parsed<'_, Vec<Attribute>> {
    let mut attributes = Vec::new();
    while i.is_symbol("@") && !begins_gate(i) {
        let (rest, attribute) = cut(attribute).parse(i)?;
        attributes.push(attribute);
        i = rest;
    }
    Ok((i, attributes))
}

fn attribute(i: Cursor<'_>) -> Parsed<'_, Attribute> {
    let (i, _) = symbol("@")(i)?;
    let (i, name) = super::cursor::named("an attribute's name or a gate")(i)?;
    if name.text == OPEN {
        let (i, ty) = needed_type(i)?;
        return Ok((i, Attribute { name, args: Vec::new(), ty: Some(ty) }));
    }
    let (i, args) = match i.token().kind {
        Kind::Symbol("(") => nested(i, arguments)?,
        _ => opt(argument).map(|arg| arg.into_iter().collect()).parse(i)?,
    };
    Ok((i, Attribute { name, args, ty: None }))
}

/// One bare argument: a name, a text or a whole number.
fn argument(i: Cursor<'_>) -> Parsed<'_, Expr> {
    let token = i.token();
    let kind = match token.kind {
        Kind::Ident | Kind::Quoted => {
            let (_, name): (_, Name) = name(i)?;
            (i.skip(), ExprKind::Path(vec![name]))
        }
        Kind::Text => string(i).map(|(rest, text)| (rest, ExprKind::Str(text.node)))?,
        _ => integer(i).map(|(rest, value)| (rest, ExprKind::Int(value.node)))?,
    };
    let (rest, kind) = kind;
    Ok((rest, Expr { kind, span: i.span_to(rest) }))
}

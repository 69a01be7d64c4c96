//! Packets and tests of them.

use nom::Parser;
use nom::combinator::{cut, map, opt};
use nom::sequence::preceded;

use super::ast::{
    Directions, Expectation, Gate, Name, PacketItem, Span, Spanned, TestExpectation, TestItem,
};
use super::cursor::{Cursor, Parsed, commas, continued, name, named, newlines, spanned, symbol};
use super::fault::{Fault, Wanted};
use super::fields::structure;
use super::gates::{attributes, directions_word, gates, version};
use super::recovery::{Style, body};
use super::token::Kind;
use super::value::{hex_pairs, literal, not_pairs, small, string};
use crate::diagnostics::{Diagnostic, suggest};

/// State, direction and name as they stand before each other.
pub(super) struct Head {
    pub(super) state: Option<Name>,
    pub(super) directions: Option<Directions>,
    pub(super) name: Name,
}

/// `[state] [direction] name`: a name that is a direction is one unless it is the last.
pub(super) fn head(i: Cursor<'_>) -> Parsed<'_, Head> {
    let both = |i: Cursor<'_>| directions_word(i.word()).filter(|_| i.is_name_ahead(1));
    let (mut rest, mut state) = (i, None);
    let mut directions = both(rest);
    if directions.is_none() && rest.is_name_ahead(1) && rest.word_ahead(1) != Some("where") {
        let (next, first) = name(rest)?;
        state = Some(first);
        rest = next;
        directions = both(rest);
    }
    if directions.is_some() {
        rest = rest.skip();
    }
    if directions_word(rest.word()).is_some() && directions.is_none() {
        return Fault::needed(rest.skip(), &[Wanted::Thing("the packet's name")]);
    }
    let (rest, name) = named("the packet's name")(rest)?;
    Ok((rest, Head { state, directions, name }))
}

/// The one direction of a head; without it the message names what was meant.
pub(super) fn one_direction(i: Cursor<'_>, head: &Head) -> Result<Directions, nom::Err<Fault>> {
    match head.directions {
        Some(direction @ (Directions::Clientbound | Directions::Serverbound)) => Ok(direction),
        Some(Directions::Both) => {
            let message =
                Diagnostic::error("W012", i.skip().span(), "one direction is needed here")
                    .label("expected `clientbound` or `serverbound`");
            Err(Fault::fatal(i, message))
        }
        None => Err(no_direction(i, head)),
    }
}

/// The fault of a head without a direction.
pub(super) fn no_direction(i: Cursor<'_>, head: &Head) -> nom::Err<Fault> {
    let written = head.state.as_ref().unwrap_or(&head.name);
    let name = &head.name.text;
    let directions = ["clientbound", "serverbound", "both"];
    let message = match suggest(&written.text, directions.into_iter()) {
        Some(meant) => {
            Diagnostic::error("W012", written.span, format!("`{}` is no direction", written.text))
                .label("unknown direction")
                .help(format!("did you mean `{meant}`?"))
        }
        None => Diagnostic::error(
            "W012",
            head.name.span,
            format!("the direction of `{name}` is missing"),
        )
        .label("which way does it go?")
        .help("write `clientbound` (from the server) or `serverbound` (to it)"),
    };
    Fault::fatal(i, message)
}

/// `packet ..`
pub(super) fn packet(i: Cursor<'_>) -> Parsed<'_, PacketItem> {
    let doc = i.doc();
    let (rest, mut head) = head(i.skip())?;
    let (rest, mut all_gates) = gates(rest)?;
    let (rest, title) = opt(string).parse(rest)?;
    let (rest, ids) = opt(preceded(continued("="), cut(commas(packet_id)))).parse(rest)?;
    let mut rest = rest;
    if let Some(directions) = directions_word(rest.word()) {
        if head.directions.is_some() {
            let message = Diagnostic::error("W012", rest.span(), "the direction is given twice")
                .label("one of them is enough");
            return Fault::known(rest, message);
        }
        head.directions = Some(directions);
        rest = rest.skip();
    }
    let Some(directions) = head.directions else {
        return Err(no_direction(rest, &head));
    };
    let (rest, mut more) = gates(rest)?;
    all_gates.append(&mut more);
    let (rest, attributes) = attributes(rest)?;
    let (rest, body) =
        if rest.is_symbol("{") { map(structure, Some).parse(rest)? } else { (rest, None) };
    let Head { state, name, .. } = head;
    let ids = ids.unwrap_or_default();
    let span = i.span_to(rest);
    let gates = all_gates;
    Ok((
        rest,
        PacketItem { doc, state, directions, name, gates, title, ids, attributes, body, span },
    ))
}

fn packet_id(i: Cursor<'_>) -> Parsed<'_, (Spanned<i64>, Vec<Gate>)> {
    (small, gates).parse(i)
}

/// `test ..`
pub(super) fn test(i: Cursor<'_>) -> Parsed<'_, TestItem> {
    let (rest, head) = head(i.skip())?;
    let direction = match head.directions {
        Some(Directions::Both) => Some(one_direction(rest, &head)?),
        other => other,
    };
    let (rest, version) = opt(preceded(symbol("@"), cut(version))).parse(rest)?;
    let (inside, open) = symbol("{")(rest)?;
    let (inside, bytes) = bytes(inside)?;
    let (inside, _) = continued("=>")(inside)?;
    let is_error =
        inside.is_word("error") && !matches!(inside.ahead(1).kind, Kind::Symbol(":" | "." | "["));
    let (rest, expect) = if is_error {
        let (rest, message) = opt(string).parse(inside.skip())?;
        let (rest, _) = symbol("}")(super::recovery::separators(rest))?;
        (rest, TestExpectation::Error(message))
    } else {
        let (rest, fields) = body(inside, open, Style::Lines, "an expectation", expectation)?;
        (rest, TestExpectation::Fields(fields))
    };
    let Head { state, name: packet, .. } = head;
    let span = i.span_to(rest);
    Ok((rest, TestItem { state, direction, packet, version, bytes, expect, span }))
}

/// Hexadecimal digits up to the arrow. They are read from the text: `0e` and `12` are words of
/// different kinds, but all the same here.
fn bytes(i: Cursor<'_>) -> Parsed<'_, Spanned<Vec<u8>>> {
    let start = newlines(i);
    let mut rest = start;
    let mut digits = String::new();
    let mut end = start;
    loop {
        let token = rest.token();
        match token.kind {
            Kind::Symbol("=>") => break,
            Kind::Newline => digits.push(' '),
            Kind::End | Kind::Symbol("}") => return Fault::needed(rest, &[Wanted::Word("=>")]),
            _ => {
                if !rest.is_adjacent() {
                    digits.push(' ');
                }
                let text = rest.text_of(token);
                if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Fault::known(rest, not_pairs(rest.span()));
                }
                digits.push_str(text);
                end = rest.skip();
            }
        }
        rest = rest.skip();
    }
    let span = if end.at() > start.at() {
        start.span_to(end)
    } else {
        Span { end: start.span().start, ..start.span() }
    };
    match hex_pairs(&digits) {
        Some(bytes) => Ok((rest, spanned(bytes, span))),
        None => Fault::known(rest, not_pairs(span)),
    }
}

fn expectation(i: Cursor<'_>) -> Parsed<'_, Expectation> {
    let (rest, path) = expected_path(i)?;
    let (rest, _) = cut(continued(":")).parse(rest)?;
    let (rest, value) = cut(literal).parse(rest)?;
    Ok((rest, Expectation { path, value }))
}

fn expected_path(i: Cursor<'_>) -> Parsed<'_, Spanned<String>> {
    path_with(i, false)
}

/// A path such as `pairs[0].key`, in which `[..]` stands for any element.
pub(super) fn element_path(i: Cursor<'_>) -> Parsed<'_, Spanned<String>> {
    path_with(i, true)
}

fn path_with(i: Cursor<'_>, any_element: bool) -> Parsed<'_, Spanned<String>> {
    let (mut rest, _) = named("a field's name")(i)?;
    loop {
        if rest.is_symbol(".") {
            rest = cut(name).parse(rest.skip())?.0;
        } else if rest.is_symbol("[") && any_element && rest.is_symbol_ahead(1, "..") {
            rest = cut(symbol("]")).parse(rest.skip().skip())?.0;
        } else if rest.is_symbol("[") {
            rest = cut((small, symbol("]"))).parse(rest.skip())?.0;
        } else {
            let span = i.span_to(rest);
            return Ok((rest, spanned(i.slice(span).to_owned(), span)));
        }
    }
}

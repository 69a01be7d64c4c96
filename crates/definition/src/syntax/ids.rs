//! Tables of packet ids by version.

use nom::Parser;
use nom::combinator::{cut, map, opt};
use nom::sequence::preceded;

use super::ast::{IdsChange, IdsEdit, IdsItem, IdsLine, IdsPlace, Name, Spanned};
use super::cursor::{Cursor, Parsed, continued, keyword, name, named, symbol};
use super::fault::{Fault, Wanted, unexpected};
use super::gates::{direction, direction_word, version};
use super::recovery::{Style, block, separators};
use super::token::Kind;
use super::value::{committed, small};

/// `ids [state] direction { .. }`
pub(super) fn ids(i: Cursor<'_>) -> Parsed<'_, IdsItem> {
    let start = i.skip();
    let (rest, state) = match direction_word(start.word()) {
        Some(_) if !start.is_name_ahead(1) => (start, None),
        _ => map(named("a protocol state or a direction"), Some).parse(start)?,
    };
    let (rest, direction) = direction(rest)?;
    let (rest, (lines, _)) = cut(|i| block(i, Style::Lines, "a line of ids", line)).parse(rest)?;
    Ok((rest, IdsItem { state, direction, lines, span: i.span_to(rest) }))
}

fn line(i: Cursor<'_>) -> Parsed<'_, IdsLine> {
    if i.is_name_ahead(0) {
        let message = unexpected(i, &[Wanted::Thing("a version")]);
        let help = "a line is `765: a b c`, or edits of the one before: `+ a after b`, `- a`, \
                    `move a after b`, `rename a to b`";
        return Fault::known(i, message.help(help));
    }
    let (i, version) = version(i)?;
    let (i, _) = cut(continued(":")).parse(i)?;
    let (i, change) = if begins_edit(i) {
        map(edits, IdsChange::Edits).parse(i).map_err(committed)?
    } else {
        map(base, IdsChange::Base).parse(i).map_err(committed)?
    };
    Ok((i, IdsLine { version, change }))
}

/// Whether an edit stands here; `move` and `rename` may also be packets of a first line.
fn begins_edit(i: Cursor<'_>) -> bool {
    match i.token().kind {
        Kind::Symbol("+" | "-") => true,
        Kind::Ident => match i.word().unwrap_or_default() {
            "move" => i.is_name_ahead(1) && matches!(i.word_ahead(2), Some("after" | "first")),
            "rename" => i.is_name_ahead(1) && i.word_ahead(2) == Some("to"),
            _ => false,
        },
        _ => false,
    }
}

/// A line of a table may go on below: only a version begins the next.
fn base(i: Cursor<'_>) -> Parsed<'_, Vec<(Name, Option<Spanned<i64>>)>> {
    let (mut i, first) = id_name(i)?;
    let mut names = vec![first];
    loop {
        let next = separators(i);
        if !next.is_name_ahead(0) || super::recovery::begins_item(next, Style::Lines) {
            return Ok((i, names));
        }
        let (rest, name) = id_name(next)?;
        names.push(name);
        i = rest;
    }
}

fn id_name(i: Cursor<'_>) -> Parsed<'_, (Name, Option<Spanned<i64>>)> {
    let id = opt(preceded(continued("="), cut(small)));
    (named("a packet's name"), id).parse(i)
}

fn edits(i: Cursor<'_>) -> Parsed<'_, Vec<IdsEdit>> {
    let (mut i, first) = edit(i)?;
    let mut edits = vec![first];
    loop {
        let next = separators(i);
        if !begins_edit(next) {
            return Ok((i, edits));
        }
        let (rest, edit) = edit(next)?;
        edits.push(edit);
        i = rest;
    }
}

fn edit(i: Cursor<'_>) -> Parsed<'_, IdsEdit> {
    if i.is_symbol("+") {
        let (rest, name) = name(i.skip())?;
        let (rest, place) = place(rest, true)?;
        return Ok((rest, IdsEdit::Add { name, place }));
    }
    if i.is_symbol("-") {
        return map(name, IdsEdit::Remove).parse(i.skip());
    }
    if i.is_word("move") {
        let (rest, name) = name(i.skip())?;
        let (rest, place) = place(rest, false)?;
        return Ok((rest, IdsEdit::Move { name, place }));
    }
    let (i, _) = keyword("rename")(i)?;
    let (i, (from, _, to)) = (name, keyword("to"), name).parse(i)?;
    Ok((i, IdsEdit::Rename { from, to }))
}

fn place(i: Cursor<'_>, may_be_id: bool) -> Parsed<'_, IdsPlace> {
    match i.word() {
        Some("after") => map(name, IdsPlace::After).parse(i.skip()),
        Some("first") => Ok((i.skip(), IdsPlace::First)),
        _ if may_be_id && i.is_symbol("=") => {
            map(preceded(symbol("="), small), IdsPlace::Id).parse(i)
        }
        _ if may_be_id => {
            Fault::needed(i, &[Wanted::Word("after"), Wanted::Word("first"), Wanted::Word("=")])
        }
        _ => Fault::needed(i, &[Wanted::Word("after"), Wanted::Word("first")]),
    }
}

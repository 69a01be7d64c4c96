//! Declarations: types and tables, and which parser is for which keyword.

use nom::Parser;
use nom::combinator::{cut, map, opt};
use nom::sequence::terminated;

use super::ast::{Item, Name, TableEntry, TableItem, TableSource, TypeItem};
use super::cursor::{Cursor, Parsed, closing, commas, name, named, newlines, symbol};
use super::events::{group, on};
use super::fault::{Fault, Wanted};
use super::gates::{attributes, gates};
use super::ids::ids;
use super::lexical::ITEM_KEYWORDS;
use super::packets::{packet, test};
use super::protocol::{extend, protocol};
use super::recovery::{Style, block};
use super::token::Kind;
use super::types::needed_type;
use super::value::{small, string};
use crate::diagnostics::{Diagnostic, suggest};

/// One declaration.
pub(super) fn item(i: Cursor<'_>) -> Parsed<'_, Item> {
    match i.word() {
        Some("protocol") => map(cut(protocol), Item::Protocol).parse(i),
        Some("extend") => map(cut(extend), Item::Extend).parse(i),
        Some("include") => map(cut(string), Item::Include).parse(i.skip()),
        Some("type") => map(cut(type_item), Item::Type).parse(i),
        Some("table") => map(cut(table), Item::Table).parse(i),
        Some("packet") => map(cut(packet), Item::Packet).parse(i),
        Some("ids") => map(cut(ids), Item::Ids).parse(i),
        Some("on") => map(cut(on), Item::On).parse(i),
        Some("group") => map(cut(group), Item::Group).parse(i),
        Some("test") => map(cut(test), Item::Test).parse(i),
        _ => no_item(i),
    }
}

/// Whether a declaration may have been meant here.
pub(super) fn resembles_item(i: Cursor<'_>) -> bool {
    let known = ITEM_KEYWORDS.iter().copied();
    let is_named = i.is_name_ahead(1) || i.ahead(1).kind == Kind::Text;
    is_named && (i.is_at_margin() || i.word().is_some_and(|word| suggest(word, known).is_some()))
}

fn no_item(i: Cursor<'_>) -> Parsed<'_, Item> {
    let span = i.span();
    let message = match i.token().kind {
        Kind::Symbol("}") => {
            Diagnostic::error("W006", span, "this `}` closes nothing").label("no `{` is open here")
        }
        Kind::Symbol("{") => {
            Diagnostic::error("W001", span, "a `{` stands at the end of the line before")
                .label("begins nothing")
                .help("write it behind the name, as in `packet Hello = 1 serverbound {`")
        }
        Kind::Ident => {
            let word = i.word().unwrap_or_default();
            let known = ITEM_KEYWORDS.iter().copied();
            let message =
                Diagnostic::error("W007", span, format!("`{word}` begins no declaration"));
            match (suggest(word, known), word) {
                (Some(meant), _) => {
                    message.label("unknown keyword").help(format!("did you mean `{meant}`?"))
                }
                (None, "struct" | "enum" | "flags" | "bits") => message
                    .label("unknown keyword")
                    .help("write `type Name = ..`; a struct is `type Name { .. }`"),
                (None, "import" | "use") => {
                    message.label("unknown keyword").help("write `include \"file.wire\"`")
                }
                (None, _) if i.is_symbol_ahead(1, ":") => message
                    .label("a field outside of a declaration")
                    .help("was a `}` written too early?"),
                (None, _) => message
                    .label("unknown keyword")
                    .help(format!("declarations begin with {}", ITEM_KEYWORDS.join(", "))),
            }
        }
        _ => return Fault::needed(i, &[Wanted::Thing("a declaration")]),
    };
    Fault::known(i, message)
}

/// What is wrong when something stands behind a declaration, on its line.
pub(super) fn trailing(i: Cursor<'_>) -> Fault {
    if i.is_symbol("}") {
        let message = Diagnostic::error("W006", i.span(), "this `}` closes nothing")
            .label("no `{` is open here");
        return Fault::Known { at: i.at(), message: Box::new(message) };
    }
    if i.is_symbol("@") {
        let message =
            Diagnostic::error("W009", i.span(), "a gate or an attribute is not expected here")
                .label("too late")
                .help("gates follow the name, as in `type Slot @766.. {`");
        return Fault::Known { at: i.at(), message: Box::new(message) };
    }
    Fault::Expected { at: i.at(), wanted: vec![Wanted::Thing("the end of the line")] }
}

fn type_item(i: Cursor<'_>) -> Parsed<'_, TypeItem> {
    let doc = i.doc();
    let (rest, name) = named("a name for the type")(i.skip())?;
    let (rest, mut versions) = gates(rest)?;
    let (rest, params) = opt(parameters).parse(rest)?;
    let (rest, mut more) = gates(rest)?;
    versions.append(&mut more);
    let (rest, mut marks) = attributes(rest)?;
    let rest = if rest.is_symbol("=") { newlines(rest.skip()) } else { rest };
    let (rest, body) = needed_type(rest)?;
    let (rest, mut more) = attributes(rest)?;
    marks.append(&mut more);
    let params = params.unwrap_or_default();
    let (gates, attributes, span) = (versions, marks, i.span_to(rest));
    Ok((rest, TypeItem { doc, name, gates, params, attributes, body, span }))
}

fn parameters(i: Cursor<'_>) -> Parsed<'_, Vec<Name>> {
    let (i, open) = symbol("(")(i)?;
    cut(terminated(commas(parameter), closing(open, ")"))).parse(i)
}

fn parameter(i: Cursor<'_>) -> Parsed<'_, Name> {
    named("a parameter's name")(i)
}

fn table(i: Cursor<'_>) -> Parsed<'_, TableItem> {
    let doc = i.doc();
    let (rest, name) = named("a name for the table")(i.skip())?;
    let (rest, gates) = gates(rest)?;
    let (rest, source) = if rest.is_word("from") {
        map(string, TableSource::File).parse(rest.skip())?
    } else if rest.is_symbol("{") {
        let (rest, (entries, _)) = block(rest, Style::Lines, "an entry", table_entry)?;
        (rest, TableSource::Inline(entries))
    } else {
        return Fault::needed(rest, &[Wanted::Word("from"), Wanted::Word("{")]);
    };
    Ok((rest, TableItem { doc, name, gates, source, span: i.span_to(rest) }))
}

fn table_entry(i: Cursor<'_>) -> Parsed<'_, TableEntry> {
    let (rest, first) = small(i)?;
    let (rest, last) =
        if rest.is_symbol("..") { cut(small).parse(rest.skip())? } else { (rest, first.clone()) };
    let (rest, name) = match rest.token().kind {
        Kind::Text => map(string, |text| Some(text.node)).parse(rest)?,
        Kind::Ident | Kind::Quoted => map(name, |name| Some(name.text)).parse(rest)?,
        _ => (rest, None),
    };
    Ok((rest, TableEntry { first: first.node, last: last.node, name, span: i.span_to(rest) }))
}

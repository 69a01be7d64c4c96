//! The `protocol` block.

use nom::Parser;
use nom::combinator::{cut, map, opt};
use nom::sequence::preceded;

use super::ast::{
    DetectItem, DetectWhat, ExtendItem, FrameField, Literal, Name, ProtocolEntry, ProtocolItem,
    Sign, SignTest, Spanned, Stage, Variable, VersionFrom,
};
use super::count::{counts, limit};
use super::cursor::{Cursor, Parsed, continued, keyword, name, named, newlines, spanned, symbol};
use super::expression::{compare, expr, path};
use super::fault::{Fault, Wanted};
use super::gates::{attributes, direction, direction_word};
use super::packets::element_path;
use super::recovery::{Style, block};
use super::token::Kind;
use super::types::needed_type;
use super::value::{integer, literal, small, string};
use crate::diagnostics::{Diagnostic, suggest};

/// The keywords of the block's lines.
const ENTRIES: &[&str] = &[
    "endian", "versions", "port", "states", "start", "frame", "stack", "version", "conn", "detect",
];

/// `protocol name "Title" { .. }`
pub(super) fn protocol(i: Cursor<'_>) -> Parsed<'_, ProtocolItem> {
    let doc = i.doc();
    let (rest, name) = named("a name for the protocol")(i.skip())?;
    let (rest, title) = opt(string).parse(rest)?;
    let (rest, (entries, _)) =
        cut(|i| block(i, Style::Lines, "a line of the protocol", entry)).parse(rest)?;
    Ok((rest, ProtocolItem { doc, name, title, entries, span: i.span_to(rest) }))
}

/// `extend name`, and what it adds to the `protocol` block in braces, if anything.
pub(super) fn extend(i: Cursor<'_>) -> Parsed<'_, ExtendItem> {
    let (rest, name) = named("the name of a protocol")(i.skip())?;
    let (rest, entries) = match rest.is_symbol("{") {
        true => {
            let (rest, (entries, _)) =
                cut(|i| block(i, Style::Lines, "a line of the protocol", entry)).parse(rest)?;
            (rest, entries)
        }
        false => (rest, Vec::new()),
    };
    Ok((rest, ExtendItem { name, entries, span: i.span_to(rest) }))
}

fn entry(i: Cursor<'_>) -> Parsed<'_, ProtocolEntry> {
    let rest = i.skip();
    match i.word() {
        Some("endian") => {
            let little = match rest.word() {
                Some("little") => true,
                Some("big") => false,
                _ => return Fault::needed(rest, &[Wanted::Word("little"), Wanted::Word("big")]),
            };
            let rest = rest.skip();
            Ok((rest, ProtocolEntry::Endian { little, span: i.span_to(rest) }))
        }
        Some("versions") if rest.is_word("from") => {
            map(cut(string), ProtocolEntry::VersionsFrom).parse(rest.skip())
        }
        Some("versions") if rest.is_symbol("{") => {
            let (rest, (list, _)) = block(rest, Style::Lines, "a version", version_entry)?;
            Ok((rest, ProtocolEntry::Versions(list)))
        }
        Some("versions") => Fault::needed(rest, &[Wanted::Word("from"), Wanted::Word("{")]),
        Some("port") => map(cut(small), ProtocolEntry::Port).parse(rest),
        Some("states") => map(cut(states), ProtocolEntry::States).parse(rest),
        Some("start") => map(cut(named("a protocol state")), ProtocolEntry::Start).parse(rest),
        Some("frame") => {
            let (rest, frame) = frame(rest)?;
            Ok((rest, ProtocolEntry::Frame(frame, i.span_to(rest))))
        }
        Some("stack") => {
            let (rest, (stages, _)) =
                cut(|i| block(i, Style::Lines, "a stage", stage)).parse(rest)?;
            Ok((rest, ProtocolEntry::Stack(stages, i.span_to(rest))))
        }
        Some("version") => map(cut(version_from), ProtocolEntry::VersionFrom).parse(i),
        Some("detect") => map(cut(detect), ProtocolEntry::Detect).parse(i),
        Some("conn") => {
            let (rest, (variables, _)) =
                cut(|i| block(i, Style::Lines, "a variable", variable)).parse(rest)?;
            Ok((rest, ProtocolEntry::Conn(variables)))
        }
        Some(word) => {
            let message = Diagnostic::error(
                "W007",
                i.span(),
                format!("`{word}` begins no line of a protocol"),
            )
            .label("unknown keyword");
            let message = match suggest(word, ENTRIES.iter().copied()) {
                Some(meant) => message.help(format!("did you mean `{meant}`?")),
                None => message.help(format!("there are {}", ENTRIES.join(", "))),
            };
            Fault::known(i, message)
        }
        None => Fault::needed(i, &[Wanted::Thing("a line of the protocol")]),
    }
}

fn version_entry(i: Cursor<'_>) -> Parsed<'_, (Spanned<i64>, Option<Spanned<String>>)> {
    (small, opt(string)).parse(i)
}

/// Names with commas or blanks between them, up to the next line of the block: that may stand on the
/// same line, behind a comma.
fn states(i: Cursor<'_>) -> Parsed<'_, Vec<Name>> {
    let (mut i, first) = named("a protocol state")(i)?;
    let mut states = vec![first];
    loop {
        let next = if i.is_symbol(",") { newlines(i.skip()) } else { i };
        if !next.is_name_ahead(0) || begins_entry(next) {
            return Ok((i, states));
        }
        let (rest, state) = name(next)?;
        states.push(state);
        i = rest;
    }
}

/// Whether a keyword of the block stands here with something of its own behind it.
fn begins_entry(i: Cursor<'_>) -> bool {
    let follows =
        matches!(i.ahead(1).kind, Kind::Ident | Kind::Quoted | Kind::Integer | Kind::Symbol("{"));
    follows && i.word().is_some_and(|word| ENTRIES.contains(&word))
}

/// What follows `frame`: nothing at all, or the fields of its header.
fn frame(i: Cursor<'_>) -> Parsed<'_, Option<Vec<FrameField>>> {
    if i.is_word("none") {
        return Ok((i.skip(), None));
    }
    if !i.is_symbol("{") {
        return Fault::needed(i, &[Wanted::Word("none"), Wanted::Word("{")]);
    }
    let (rest, (fields, _)) = block(i, Style::Lines, "a field of the frame", frame_field)?;
    Ok((rest, Some(fields)))
}

fn frame_field(i: Cursor<'_>) -> Parsed<'_, FrameField> {
    let (i, name) = named("a field of the frame")(i)?;
    let (i, _) = cut(continued(":")).parse(i)?;
    let (i, ty) = needed_type(i)?;
    let (i, counts_whole) = opt(counts).parse(i)?;
    let (i, max) = limit(i)?;
    let (i, value) = opt(preceded(continued("="), cut(expr))).parse(i)?;
    let (i, attributes) = attributes(i)?;
    let counts_whole = counts_whole.unwrap_or(false);
    Ok((i, FrameField { name, ty, counts_whole, max, value, attributes }))
}

fn stage(i: Cursor<'_>) -> Parsed<'_, Stage> {
    if i.is_word("frame") && !i.is_symbol_ahead(1, ":") {
        let (rest, frame) = frame(i.skip())?;
        return Ok((rest, Stage::Frame(frame, i.span_to(rest))));
    }
    let (rest, name) = named("a stage")(i)?;
    let (rest, _) = cut(continued(":")).parse(rest)?;
    if i.is_word("id") {
        let (rest, ty) = needed_type(rest)?;
        return Ok((rest, Stage::Id(ty, i.span_to(rest))));
    }
    let (rest, kind) = cut(named("a kind of stage")).parse(rest)?;
    let (rest, on) = match rest.word() {
        Some("off") => (rest.skip(), false),
        Some("on") => (rest.skip(), true),
        _ => (rest, true),
    };
    Ok((rest, Stage::Named { name, kind, on }))
}

/// `version from [state.]direction Packet.field [matching ".."]`
fn version_from(i: Cursor<'_>) -> Parsed<'_, VersionFrom> {
    let (rest, _) = keyword("from")(i.skip())?;
    let (rest, state) = match direction_word(rest.word()) {
        Some(_) if !rest.is_symbol_ahead(1, ".") => (rest, None),
        _ => {
            let (rest, state) = named("a protocol state or a direction")(rest)?;
            let (rest, _) = opt(symbol(".")).parse(rest)?;
            (rest, Some(state))
        }
    };
    let (rest, direction) = direction(rest)?;
    let (rest, packet) = named("a packet's name")(rest)?;
    let (rest, field) = preceded(symbol("."), path).parse(rest)?;
    let (rest, matching) = opt(preceded(keyword("matching"), cut(string))).parse(rest)?;
    let span = i.span_to(rest);
    Ok((rest, VersionFrom { state, direction, packet, field, matching, span }))
}

fn variable(i: Cursor<'_>) -> Parsed<'_, Variable> {
    let (i, name) = named("a variable's name")(i)?;
    let (i, _) = cut(continued(":")).parse(i)?;
    let (i, ty) = needed_type(i)?;
    let (i, initial) = opt(preceded(continued("="), cut(expr))).parse(i)?;
    let (i, attributes) = attributes(i)?;
    Ok((i, Variable { name, ty, initial, attributes }))
}

/// `detect direction hex ".."`, `detect direction Packet where field startswith ".."`
fn detect(i: Cursor<'_>) -> Parsed<'_, DetectItem> {
    let (rest, direction) = direction(i.skip())?;
    if rest.is_word("hex") && rest.ahead(1).kind == Kind::Text {
        let (rest, written) = literal(rest)?;
        let Literal::Bytes(bytes) = written.node else {
            return Fault::needed(rest, &[Wanted::Thing("bytes")]);
        };
        let alone = rest.is_word("alone");
        let rest = if alone { rest.skip() } else { rest };
        let what = DetectWhat::Bytes { bytes: spanned(bytes, written.span), alone };
        return Ok((rest, DetectItem { direction, what, span: i.span_to(rest) }));
    }
    let (mut rest, packet) = named("a packet's name, or `hex` and bytes")(rest)?;
    let mut signs = Vec::new();
    let mut next = "where";
    while rest.is_word(next) {
        let (after, sign) = cut(sign).parse(rest.skip())?;
        signs.push(sign);
        (rest, next) = (after, "and");
    }
    let what = DetectWhat::Packet { packet, signs };
    Ok((rest, DetectItem { direction, what, span: i.span_to(rest) }))
}

fn sign(i: Cursor<'_>) -> Parsed<'_, Sign> {
    let (rest, path) = element_path(i)?;
    if rest.is_word("startswith") {
        let (rest, text) = cut(string).parse(rest.skip())?;
        return Ok((rest, Sign { path, test: SignTest::StartsWith(text) }));
    }
    if rest.is_word("in") {
        let (rest, (first, _, last)) = cut((integer, symbol(".."), integer)).parse(rest.skip())?;
        return Ok((rest, Sign { path, test: SignTest::In(first.node, last.node) }));
    }
    let Ok((rest, sign)) = compare(rest) else {
        return Fault::needed(
            rest,
            &[Wanted::Word("startswith"), Wanted::Word("in"), Wanted::Thing("a comparison")],
        );
    };
    let (rest, value) = cut(literal).parse(rest)?;
    Ok((rest, Sign { path, test: SignTest::Compare(sign, value) }))
}

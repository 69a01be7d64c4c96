//! What stands in a struct.

use nom::Parser;
use nom::combinator::{cut, opt};
use nom::sequence::preceded;

use super::arms::{ArmHead, arm_head};
use super::ast::{Field, FieldArm, FieldKind, Struct};
use super::cursor::{Cursor, Parsed, continued, named, nested, newlines};
use super::expression::{begins_operator, condition, expr};
use super::fault::{Fault, Wanted, shortened, unexpected};
use super::gates::{attributes, leading_gates};
use super::recovery::{Style, block};
use super::token::Kind;
use super::types::{needed_type, type_name};
use super::value::{committed, small};
use crate::diagnostics::{Diagnostic, suggest};

/// `{ fields }`
pub(super) fn structure(i: Cursor<'_>) -> Parsed<'_, Struct> {
    let (i, (fields, span)) = block(i, Style::Fields, "a field", field)?;
    Ok((i, Struct { fields, span }))
}

/// A field, with its doc comment and gates.
fn field(i: Cursor<'_>) -> Parsed<'_, Field> {
    let doc = i.doc();
    let (rest, gates) = leading_gates(i)?;
    let (rest, kind) = kind(rest)?;
    Ok((rest, Field { doc, gates, kind, span: i.span_to(rest) }))
}

fn kind(i: Cursor<'_>) -> Parsed<'_, FieldKind> {
    if i.is_symbol("...") {
        return flat(i);
    }
    // Any of the keywords may be a field's name: the colon decides.
    if i.is_symbol_ahead(1, ":") {
        return named_field(i);
    }
    match i.word() {
        Some("if") => conditional(i),
        Some("match") => flat_match(i),
        Some("let") => {
            let (i, name) = cut(named("a name for the value")).parse(i.skip())?;
            if i.is_symbol(":") {
                let message = unexpected(i, &[Wanted::Word("=")]);
                return Fault::known(i, message.help("a `let` has no type: it takes its value's"));
            }
            let (i, value) = cut(preceded(continued("="), expr)).parse(i)?;
            Ok((i, FieldKind::Let { name, value }))
        }
        Some("pad") => {
            let (i, bytes) = cut(small).parse(i.skip())?;
            Ok((i, FieldKind::Pad(bytes)))
        }
        _ => named_field(i),
    }
}

fn named_field(i: Cursor<'_>) -> Parsed<'_, FieldKind> {
    let (after, name) = match i.word() {
        Some("else") if !i.is_symbol_ahead(1, ":") => {
            let message = Diagnostic::error("W001", i.span(), "`else` without an `if` before it")
                .label("belongs to nothing")
                .help("`else` follows the `}` of its `if`");
            return Fault::known(i, message);
        }
        _ if begins_operator(i) && !i.is_name_ahead(0) => {
            let message = unexpected(i, &[Wanted::Thing("a field")]);
            let help =
                "a line that goes on ends with its operator, the next does not begin with it";
            return Fault::known(i, message.help(help));
        }
        _ => named("a field")(i)?,
    };
    if !after.is_symbol(":") {
        return no_colon(i, after);
    }
    let ty = newlines(after.skip());
    if ty.token().first_of_line && ty.is_name_ahead(0) && ty.is_symbol_ahead(1, ":") {
        // The next field, not the type of this one.
        return Fault::needed(after.skip(), &[Wanted::Thing("a type")]);
    }
    let (rest, ty) = needed_type(ty)?;
    let (rest, value) = opt(preceded(continued("="), cut(expr))).parse(rest)?;
    let (rest, attributes) = attributes(rest)?;
    Ok((rest, FieldKind::Named { name, ty, value, attributes }))
}

/// A name without the colon: perhaps a keyword, misspelt.
fn no_colon<'a>(i: Cursor<'a>, after: Cursor<'a>) -> Parsed<'a, FieldKind> {
    let word = i.word().unwrap_or_default();
    let message = unexpected(after, &[Wanted::Word(":")]);
    if ends(after) {
        return Fault::known(after, message.help(format!("a field needs a type: `{word}: u8`")));
    }
    // `a u8` is a field; what goes on is something else.
    let looks_like_field =
        after.is_name_ahead(0) && (ends(after.skip()) || after.is_symbol_ahead(1, "@"));
    let meant = match word {
        "switch" => Some("match"),
        _ if looks_like_field => None,
        _ => suggest(word, ["if", "match", "let", "pad", "else"].into_iter()),
    };
    match meant {
        Some(meant) => {
            let message = Diagnostic::error("W007", i.span(), format!("`{word}` is no keyword"))
                .label("unknown keyword")
                .help(format!("did you mean `{meant}`? a field is written `{word}: type`"));
            Fault::known(i, message)
        }
        None if looks_like_field => {
            let ty = shortened(after.text_of(after.token()));
            Fault::known(after, message.help(format!("write `{word}: {ty}`")))
        }
        None => Fault::known(after, message),
    }
}

fn ends(i: Cursor<'_>) -> bool {
    matches!(i.token().kind, Kind::Newline | Kind::End | Kind::Symbol("," | "}"))
}

/// `...` alone, or with the type whose fields stand here.
fn flat(i: Cursor<'_>) -> Parsed<'_, FieldKind> {
    let rest = i.skip();
    if !rest.is_name_ahead(0) {
        return Ok((rest, FieldKind::Tail));
    }
    let (rest, ty) = type_name(rest)?;
    Ok((rest, FieldKind::Flat(ty)))
}

fn conditional(i: Cursor<'_>) -> Parsed<'_, FieldKind> {
    let (i, condition) = condition(i.skip())?;
    let (i, then) = structure(i).map_err(committed)?;
    let (i, otherwise) = otherwise(i)?;
    Ok((i, FieldKind::If { condition, then, otherwise }))
}

/// `else`, on the line of the `}` or below it. A field or a label may have that name too.
fn otherwise(i: Cursor<'_>) -> Parsed<'_, Option<Struct>> {
    let start = newlines(i);
    if !start.is_word("else") || matches!(start.ahead(1).kind, Kind::Symbol(":" | "=>" | ",")) {
        return Ok((i, None));
    }
    let branch = start.skip();
    if !branch.is_word("if") {
        let (rest, body) = structure(branch).map_err(committed)?;
        return Ok((rest, Some(body)));
    }
    let (rest, kind) = nested(branch, conditional)?;
    let span = branch.span_to(rest);
    let field = Field { doc: String::new(), gates: Vec::new(), kind, span };
    Ok((rest, Some(Struct { fields: vec![field], span })))
}

fn flat_match(i: Cursor<'_>) -> Parsed<'_, FieldKind> {
    let (i, subject) = condition(i.skip())?;
    let (i, (arms, _)) = block(i, Style::Lines, "an arm", arm).map_err(committed)?;
    Ok((i, FieldKind::Match { subject, arms }))
}

fn arm(i: Cursor<'_>) -> Parsed<'_, FieldArm> {
    let (body, ArmHead { doc, gates, labels }) = arm_head(i)?;
    let (rest, body) = arm_body(body)?;
    Ok((rest, FieldArm { doc, gates, labels, body, span: i.span_to(rest) }))
}

fn arm_body(i: Cursor<'_>) -> Parsed<'_, Struct> {
    match i.token().kind {
        Kind::Symbol("{") => structure(i),
        Kind::Symbol("...") => {
            let (rest, kind) = flat(i)?;
            let span = i.span_to(rest);
            let field = Field { doc: String::new(), gates: Vec::new(), kind, span };
            Ok((rest, Struct { fields: vec![field], span }))
        }
        Kind::Ident if i.is_word("nothing") => {
            Ok((i.skip(), Struct { fields: Vec::new(), span: i.span() }))
        }
        Kind::Ident | Kind::Quoted | Kind::Symbol("[") => {
            let message = Diagnostic::error("W015", i.span(), "an arm between fields gives fields")
                .label("expected `{`, `...Name` or `nothing`")
                .help("write `=> { name: type }`, or give the whole `match` a name: `name: match .. { .. }`");
            Fault::known(i, message)
        }
        _ => Fault::needed(i, &[Wanted::Word("{"), Wanted::Word("..."), Wanted::Word("nothing")]),
    }
}

//! Numbers and texts.

use nom::Err;
use nom::Parser;
use nom::combinator::opt;

use super::ast::{Literal, Name, Span, Spanned};
use super::cursor::{Cursor, Parsed, spanned, symbol};
use super::escapes::unescaped;
use super::fault::{Fault, Wanted, shortened};
use super::token::Kind;
use crate::diagnostics::Diagnostic;

/// A whole number, with its sign.
pub(super) fn integer(i: Cursor<'_>) -> Parsed<'_, Spanned<i128>> {
    let (number, sign) = opt(symbol("-")).parse(i)?;
    let token = number.token();
    if token.kind != Kind::Integer {
        return Fault::expected(number, Wanted::Thing("a whole number"));
    }
    let rest = number.skip();
    match digits(number.text_of(token)) {
        Some(value) => {
            let value = if sign.is_some() { -value } else { value };
            Ok((rest, spanned(value, i.span_to(rest))))
        }
        None => too_large(number, "a number has at most 127 bits"),
    }
}

/// A whole number that fits 64 bits with sign.
pub(super) fn small(i: Cursor<'_>) -> Parsed<'_, Spanned<i64>> {
    let (rest, value) = integer(i)?;
    match i64::try_from(value.node) {
        Ok(number) => Ok((rest, spanned(number, value.span))),
        Err(_) => too_large(i, "this number has at most 63 bits"),
    }
}

fn too_large<'a, T>(i: Cursor<'a>, limit: &'static str) -> Parsed<'a, T> {
    let text = shortened(i.text_of(i.token()));
    let message = Diagnostic::error("W004", i.span(), format!("the number {text} is too large"));
    Fault::known(i, message.label(limit))
}

fn digits(text: &str) -> Option<i128> {
    let text = text.replace('_', "");
    if let Some(hex) = text.strip_prefix("0x") {
        i128::from_str_radix(hex, 16).ok()
    } else if let Some(bits) = text.strip_prefix("0b") {
        i128::from_str_radix(bits, 2).ok()
    } else {
        text.parse().ok()
    }
}

/// A number with a fraction, without sign.
pub(super) fn float(i: Cursor<'_>) -> Parsed<'_, Spanned<f64>> {
    let token = i.token();
    let text = i.text_of(token).replace('_', "");
    match (token.kind, text.parse()) {
        (Kind::Float, Ok(value)) => Ok((i.skip(), spanned(value, i.span()))),
        _ => Fault::expected(i, Wanted::Thing("a number")),
    }
}

/// A text in quotes, its escapes resolved.
pub(super) fn string(i: Cursor<'_>) -> Parsed<'_, Spanned<String>> {
    let token = i.token();
    if token.kind != Kind::Text {
        return Fault::expected(i, Wanted::Thing("a text in quotes"));
    }
    let raw = i.text_of(token);
    let inside = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    match unescaped(inside) {
        Ok(text) => Ok((i.skip(), spanned(text, i.span()))),
        Err((start, end)) => {
            let place = |at: usize| token.start + 1 + u32::try_from(at).unwrap_or(0);
            let span = Span { start: place(start), end: place(end), ..i.span() };
            let what = shortened(&inside[start..end]);
            let message = Diagnostic::error("W003", span, format!("`{what}` is no escape"))
                .label("unknown escape")
                .help(r#"the escapes are \" \' \\ \n \r \t \0 \x41 and \u{1F600}"#);
            Fault::known(i, message)
        }
    }
}

/// Pairs of hexadecimal digits; blanks may stand between pairs.
pub(super) fn hex_pairs(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for word in text.split_ascii_whitespace() {
        let (pairs, odd) = word.as_bytes().as_chunks::<2>();
        if !odd.is_empty() {
            return None;
        }
        for pair in pairs {
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
            bytes.push(digit(pair[0])? << 4 | digit(pair[1])?);
        }
    }
    Some(bytes)
}

/// A value in a test.
pub(super) fn literal(i: Cursor<'_>) -> Parsed<'_, Spanned<Literal>> {
    let token = i.token();
    match token.kind {
        Kind::Symbol("[") => list(i),
        Kind::Symbol("-") if i.ahead(1).kind == Kind::Float => {
            let (rest, value) = float(i.skip())?;
            Ok((rest, spanned(Literal::Float(-value.node), i.span_to(rest))))
        }
        Kind::Integer | Kind::Symbol("-") => {
            let (rest, value) = integer(i)?;
            Ok((rest, spanned(Literal::Int(value.node), value.span)))
        }
        Kind::Float => float(i).map(|(rest, v)| (rest, spanned(Literal::Float(v.node), v.span))),
        Kind::Text => string(i).map(|(rest, v)| (rest, spanned(Literal::Str(v.node), v.span))),
        Kind::Ident if i.is_word("hex") && i.ahead(1).kind == Kind::Text => hex(i),
        Kind::Ident | Kind::Quoted => {
            let (rest, name) = super::cursor::name(i)?;
            let literal = match name {
                Name { text, .. } if token.kind == Kind::Quoted => Literal::Name(text),
                Name { text, .. } if text == "true" => Literal::Bool(true),
                Name { text, .. } if text == "false" => Literal::Bool(false),
                Name { text, .. } if text == "absent" => Literal::Absent,
                Name { text, .. } => Literal::Name(text),
            };
            Ok((rest, spanned(literal, i.span())))
        }
        _ => Fault::expected(i, Wanted::Thing("a value")),
    }
}

fn hex(i: Cursor<'_>) -> Parsed<'_, Spanned<Literal>> {
    let (rest, text) = string(i.skip())?;
    match hex_pairs(&text.node) {
        Some(bytes) => Ok((rest, spanned(Literal::Bytes(bytes), i.span_to(rest)))),
        None => Fault::known(i, not_pairs(text.span)),
    }
}

pub(super) fn not_pairs(span: Span) -> Diagnostic {
    Diagnostic::error("W013", span, "bytes are written as pairs of hexadecimal digits")
        .label("not pairs of 0-9 and a-f")
        .help("write each byte with two digits: `0a 00 ff`")
}

fn list(i: Cursor<'_>) -> Parsed<'_, Spanned<Literal>> {
    let (inside, _) = symbol("[")(i)?;
    let (rest, items) = super::cursor::nested(inside, |mut i| {
        let mut items: Vec<Spanned<Literal>> = Vec::new();
        loop {
            let is_separated = items.is_empty() || i.is_symbol(",") || i.token().first_of_line;
            while i.is_symbol(",") {
                i = i.skip();
            }
            if i.is_symbol("]") {
                return Ok((i.skip(), items));
            }
            if !is_separated {
                return Fault::needed(i, &[Wanted::Word(","), Wanted::Word("]")]);
            }
            let (next, item) = literal(i).map_err(committed)?;
            items.push(item);
            i = next;
        }
    })?;
    Ok((rest, spanned(Literal::List(items), i.span_to(rest))))
}

/// The same failure, for good.
pub(super) fn committed(error: Err<Fault>) -> Err<Fault> {
    match error {
        Err::Error(fault) => Err::Failure(fault),
        other => other,
    }
}

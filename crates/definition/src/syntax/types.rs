//! Types.

use nom::Parser;
use nom::combinator::{cut, map, opt};
use nom::sequence::{preceded, terminated};

use super::arms::{ArmHead, arm_head};
use super::ast::{
    Arg, BitMember, Encoding, Entry, Expr, ExprKind, Literal, Name, Span, Spanned, Transform, Type,
    TypeArm, TypeKind,
};
use super::count::{count, is_primitive};
use super::cursor::{
    Cursor, Parsed, closing, commas, continued, keyword, name, named, nested, newlines, spanned,
    symbol,
};
use super::expression::{begins_operator, condition, continue_with, expr};
use super::fault::{Fault, Wanted, unexpected};
use super::fields::structure;
use super::gates::{attributes, leading_gates};
use super::recovery::{Style, block};
use super::token::Kind;
use super::value::{committed, integer, small, string};
use crate::diagnostics::Diagnostic;

/// A type.
pub(super) fn type_expr(i: Cursor<'_>) -> Parsed<'_, Type> {
    nested(i, |i| {
        let (rest, kind) = kind(i)?;
        Ok((rest, Type { kind, span: i.span_to(rest) }))
    })
}

/// A type where nothing else can stand.
pub(super) fn needed_type(i: Cursor<'_>) -> Parsed<'_, Type> {
    cut(type_expr).parse(i)
}

fn kind(i: Cursor<'_>) -> Parsed<'_, TypeKind> {
    match i.token().kind {
        Kind::Symbol("[") => {
            let (i, (count, element)) = (count, boxed).parse(i)?;
            Ok((i, TypeKind::Array { count, element }))
        }
        Kind::Symbol("{") => map(structure, TypeKind::Struct).parse(i),
        Kind::Quoted => named_type(i),
        Kind::Ident => keyword_type(i),
        _ => Fault::expected(i, Wanted::Thing("a type")),
    }
}

fn boxed(i: Cursor<'_>) -> Parsed<'_, Box<Type>> {
    map(needed_type, Box::new).parse(i)
}

/// A type that begins with a word: the language's own words first, then names.
fn keyword_type(i: Cursor<'_>) -> Parsed<'_, TypeKind> {
    let word = i.word().unwrap_or_default();
    let rest = i.skip();
    if let Some(encoding) = encoding(word) {
        let (rest, count) =
            if rest.is_symbol("[") { map(count, Some).parse(rest)? } else { (rest, None) };
        return Ok((rest, TypeKind::Str { encoding, count }));
    }
    if let Some(transform) = transform(word) {
        let (rest, (count, inner)) = (cut(count), boxed).parse(rest)?;
        return Ok((rest, TypeKind::Block { transform, count, inner }));
    }
    match word {
        "opt" => map(boxed, TypeKind::Opt).parse(rest),
        "bytes" => map(cut(count), TypeKind::Bytes).parse(rest),
        "enum" | "flags" => {
            let (rest, repr) = representation(rest, word)?;
            let (rest, (entries, _)) =
                cut(|i| block(i, Style::Words, "an entry", entry)).parse(rest)?;
            let is_enum = word == "enum";
            let kind = if is_enum {
                TypeKind::Enum { repr, entries }
            } else {
                TypeKind::Flags { repr, entries }
            };
            Ok((rest, kind))
        }
        "bits" => bits(rest, word),
        "packed" => packed(rest),
        "match" => match_type(rest),
        "if" => if_type(rest),
        "native" => map(cut(named("a native type's name")), TypeKind::Native).parse(rest),
        "nothing" => Ok((rest, TypeKind::Nothing)),
        _ => named_type(i),
    }
}

/// The type that carries an enum, flags or bits.
fn representation<'a>(i: Cursor<'a>, word: &str) -> Parsed<'a, Box<Type>> {
    if i.is_symbol("{") {
        let message = unexpected(i, &[Wanted::Thing("a type")]);
        let help = format!("say what carries it: `{word} u8 {{ .. }}`");
        return Fault::known(i, message.help(help));
    }
    boxed(i)
}

fn encoding(word: &str) -> Option<Encoding> {
    Some(match word {
        "str" => Encoding::Utf8,
        "latin1" => Encoding::Latin1,
        "mutf8" => Encoding::Mutf8,
        "utf16" => Encoding::Utf16,
        _ => return None,
    })
}

fn transform(word: &str) -> Option<Transform> {
    Some(match word {
        "sized" => Transform::Sized,
        "zlib" => Transform::Zlib,
        "deflate" => Transform::Deflate,
        "gzip" => Transform::Gzip,
        _ => return None,
    })
}

fn named_type(i: Cursor<'_>) -> Parsed<'_, TypeKind> {
    if i.token().kind == Kind::Ident {
        check_width(i)?;
    }
    name_with_arguments(i)
}

fn name_with_arguments(i: Cursor<'_>) -> Parsed<'_, TypeKind> {
    let (i, name) = name(i)?;
    let (i, args) = opt(type_arguments).parse(i)?;
    Ok((i, TypeKind::Name { name, args: args.unwrap_or_default() }))
}

/// A declared type by name, as it follows `...`.
pub(super) fn type_name(i: Cursor<'_>) -> Parsed<'_, Type> {
    let (rest, kind) = nested(i, named_type)?;
    Ok((rest, Type { kind, span: i.span_to(rest) }))
}

fn type_arguments(i: Cursor<'_>) -> Parsed<'_, Vec<Arg>> {
    nested(i, |i| {
        let (i, open) = symbol("(")(i)?;
        cut(terminated(commas(argument), closing(open, ")"))).parse(i)
    })
}

/// Reports `u9` and the like: the shape of a primitive, but of a width there is none of.
fn check_width(i: Cursor<'_>) -> Result<(), nom::Err<Fault>> {
    let word = i.word().unwrap_or_default();
    let bare = word.strip_suffix("le").or(word.strip_suffix("be")).unwrap_or(word);
    let digits = bare.strip_prefix(['u', 'i', 'f']).unwrap_or_default();
    // `f1` is more often a name of somebody's own.
    let is_name = digits.is_empty() || (digits.len() == 1 && bare.starts_with('f'));
    if is_name || !digits.bytes().all(|b| b.is_ascii_digit()) || is_primitive(word) {
        return Ok(());
    }
    let message = Diagnostic::error("W018", i.span(), format!("there is no primitive `{word}`"));
    let help = match bare.as_bytes().first() {
        Some(b'f') => "floats are f16, f32 and f64",
        _ if bare.len() < word.len() && is_primitive(bare) => "a single byte has no byte order",
        _ => "whole numbers have 8, 16, 24, 32, 64 or 128 bits; `bits` has members of any width",
    };
    i.report(message.label("no such width").help(help))
}

/// An argument of a type: a type or a value, where that can be seen.
fn argument(i: Cursor<'_>) -> Parsed<'_, Arg> {
    if begins_certain_type(i) {
        return map(type_expr, Arg::Type).parse(i);
    }
    let calls = i.ahead(1).kind == Kind::Symbol("(");
    let is_value = match i.word() {
        Some("has" | "not" | "true" | "false") => true,
        // What is matched may stand in parentheses: `match (a) & 3 { .. }` is no type `match(a)`.
        Some("ones" | "count" | "bytes") => calls,
        Some("match") => calls && gives_values(i),
        _ => false,
    };
    let is_callable = i.is_name_ahead(0) && !is_value;
    let ends_name = matches!(i.ahead(1).kind, Kind::Symbol("," | ")" | "("));
    if !is_callable || !ends_name {
        return map(expr, Arg::Expr).parse(i);
    }
    let (rest, kind) = nested(i, name_with_arguments)?;
    let named = Type { kind, span: i.span_to(rest) };
    if !begins_operator(rest) {
        return Ok((rest, Arg::Name(named)));
    }
    match as_expression(named) {
        Ok(left) => map(|i| continue_with(i, left.clone()), Arg::Expr).parse(rest),
        Err(span) => {
            let message = Diagnostic::error("W001", span, "expected an expression, found a type")
                .label("not a value");
            Fault::known(i, message)
        }
    }
}

/// Whether what stands here can only be a type.
fn begins_certain_type(i: Cursor<'_>) -> bool {
    let next = i.ahead(1).kind;
    let type_follows = matches!(next, Kind::Quoted | Kind::Symbol("[" | "{"))
        || i.word_ahead(1).is_some_and(|word| !matches!(word, "and" | "or" | "in"));
    match i.token().kind {
        Kind::Symbol("[" | "{") => true,
        Kind::Ident => match i.word().unwrap_or_default() {
            "opt" | "enum" | "flags" | "bits" | "native" => type_follows,
            "packed" => next == Kind::Symbol("("),
            "bytes" | "sized" | "zlib" | "deflate" | "gzip" => next == Kind::Symbol("["),
            "str" | "latin1" | "mutf8" | "utf16" => !matches!(next, Kind::Symbol("." | "(")),
            "nothing" => true,
            "if" => !matches!(next, Kind::Symbol("," | ")" | ".")),
            "match" => !matches!(next, Kind::Symbol("," | ")" | ".")) && !gives_values(i),
            _ => false,
        },
        _ => false,
    }
}

/// Whether the first arm of the `match` here gives something that can only be a value.
fn gives_values(i: Cursor<'_>) -> bool {
    const FARTHEST: usize = 256;
    let mut ahead = i.tokens()[i.at()..].iter().take(FARTHEST);
    let arrow = ahead.position(|token| token.kind == Kind::Symbol("=>"));
    arrow.is_some_and(|arrow| {
        let body = newlines(i.moved_to(i.at() + arrow + 1));
        matches!(
            body.token().kind,
            Kind::Integer | Kind::Float | Kind::Text | Kind::Symbol("(" | "-" | "~")
        ) || matches!(body.word(), Some("has" | "not" | "true" | "false"))
    })
}

/// A name with arguments, read again as a call; or the place of what is certainly a type in it.
fn as_expression(named: Type) -> Result<Expr, Span> {
    let span = named.span;
    let TypeKind::Name { name, args } = named.kind else { return Err(span) };
    if args.is_empty() {
        return Ok(Expr { kind: ExprKind::Path(vec![name]), span });
    }
    let args = args.into_iter().map(|arg| match arg {
        Arg::Expr(expr) => Ok(expr),
        Arg::Name(named) => as_expression(named),
        Arg::Type(ty) => Err(ty.span),
    });
    Ok(Expr { kind: ExprKind::Call(name, args.collect::<Result<_, _>>()?), span })
}

/// An entry of an enum or of flags.
fn entry(i: Cursor<'_>) -> Parsed<'_, Entry> {
    let doc = i.doc();
    let (i, gates) = leading_gates(i)?;
    let (i, name) = match i.token().kind {
        Kind::Text => map(string, |text| Name { text: text.node, span: text.span }).parse(i)?,
        _ => named("an entry's name")(i)?,
    };
    let (i, value) = opt(preceded(continued("="), cut(entry_value))).parse(i)?;
    Ok((i, Entry { doc, gates, name, value }))
}

fn entry_value(i: Cursor<'_>) -> Parsed<'_, Spanned<Literal>> {
    match i.token().kind {
        Kind::Text => map(string, |text| spanned(Literal::Str(text.node), text.span)).parse(i),
        _ => map(integer, |value| spanned(Literal::Int(value.node), value.span)).parse(i),
    }
}

fn bits<'a>(i: Cursor<'a>, word: &str) -> Parsed<'a, TypeKind> {
    let (i, repr) = representation(i, word)?;
    let (i, lsb_first) = match i.word() {
        Some("lsb") => (i.skip(), true),
        Some("msb") => (i.skip(), false),
        _ => (i, false),
    };
    let (i, (members, _)) =
        cut(|i| block(i, Style::Lines, "a member of `bits`", bit_member)).parse(i)?;
    Ok((i, TypeKind::Bits { repr, lsb_first, members }))
}

fn bit_member(i: Cursor<'_>) -> Parsed<'_, BitMember> {
    let doc = i.doc();
    let (i, gates) = leading_gates(i)?;
    if i.is_word("pad") && !i.is_symbol_ahead(1, ":") {
        let (i, width) = cut(small).parse(i.skip())?;
        return Ok((
            i,
            BitMember { doc, gates, name: None, signed: false, width, attributes: vec![] },
        ));
    }
    let (i, name) = named("a member's name")(i)?;
    let (i, _) = cut(continued(":")).parse(i)?;
    let word = i.word().unwrap_or_default();
    let width = word.strip_prefix(['u', 'i']).and_then(|digits| {
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        if plain { digits.parse::<i64>().ok() } else { None }
    });
    let Some(width) = width else {
        return Fault::needed(i, &[Wanted::Thing("a width such as `u3` or `i3`")]);
    };
    let width = spanned(width, i.span());
    let (i, attributes) = attributes(i.skip())?;
    let signed = word.starts_with('i');
    Ok((i, BitMember { doc, gates, name: Some(name), signed, width, attributes }))
}

fn packed(i: Cursor<'_>) -> Parsed<'_, TypeKind> {
    let (i, open) = cut(symbol("(")).parse(i)?;
    let (i, (width, _, count, _)) =
        cut((expr, continued(","), expr, closing(open, ")"))).parse(i)?;
    let (i, unit) = opt(preceded(keyword("in"), cut(name))).parse(i)?;
    let crossing = i.is_word("crossing");
    let i = if crossing { i.skip() } else { i };
    let (width, count) = (Box::new(width), Box::new(count));
    Ok((i, TypeKind::Packed { width, count, unit, crossing }))
}

fn match_type(i: Cursor<'_>) -> Parsed<'_, TypeKind> {
    let (i, subject) = condition(i)?;
    let (i, (arms, _)) = block(i, Style::Lines, "an arm", arm).map_err(committed)?;
    Ok((i, TypeKind::Match { subject: Box::new(subject), arms }))
}

fn arm(i: Cursor<'_>) -> Parsed<'_, TypeArm> {
    let (rest, ArmHead { doc, gates, labels }) = arm_head(i)?;
    let (rest, ty) = needed_type(rest)?;
    Ok((rest, TypeArm { doc, gates, labels, ty, span: i.span_to(rest) }))
}

fn if_type(i: Cursor<'_>) -> Parsed<'_, TypeKind> {
    let (i, condition) = condition(i)?;
    let (i, _) = cut(keyword("then")).parse(newlines(i))?;
    let (i, then) = boxed(newlines(i))?;
    let (i, _) = cut(keyword("else")).parse(newlines(i))?;
    let (i, otherwise) = boxed(newlines(i))?;
    Ok((i, TypeKind::If { condition: Box::new(condition), then, otherwise }))
}

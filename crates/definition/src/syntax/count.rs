//! What stands in the brackets of arrays, texts and blocks.

use nom::Parser;
use nom::combinator::cut;

use super::ast::{
    Compare, Count, CountKind, Expr, ExprKind, Name, Spanned, Type, TypeKind, lookup_key,
};
use super::cursor::{Cursor, Parsed, closing, keyword, name, nested, symbol};
use super::expression::{compare, condition, expr};
use super::fault::{Fault, Wanted, unexpected};
use super::token::Kind;
use super::value::{committed, integer, small};

/// Primitives that can stand in front of something and say how long it is, in lookup form.
const PREFIXES: &[&str] = &[
    "u8", "i8", "u16", "i16", "u24", "i24", "u32", "i32", "u64", "i64", "varint", "varlong",
    "uvarint", "zigzag32", "zigzag64",
];

/// Other primitives with a width in their names.
const OTHER_WIDTHS: &[&str] = &["u128", "i128", "f16", "f32", "f64"];

/// Whether this name, between brackets, is a number on the wire and not an earlier field.
pub fn is_count_prefix(name: &str) -> bool {
    let key = lookup_key(name);
    PREFIXES.contains(&without_order(&key))
}

/// The name without `le` or `be` where those may stand.
fn without_order(key: &str) -> &str {
    let bare = key.strip_suffix("le").or(key.strip_suffix("be")).unwrap_or(key);
    if matches!(bare, "u8" | "i8") || !bare.ends_with(|c: char| c.is_ascii_digit()) {
        key
    } else {
        bare
    }
}

/// Whether there is a primitive of this sign and width.
pub(super) fn is_primitive(name: &str) -> bool {
    let key = lookup_key(name);
    let bare = without_order(&key);
    PREFIXES.contains(&bare) || OTHER_WIDTHS.contains(&bare)
}

/// `[`, how many, `]`.
pub(super) fn count(i: Cursor<'_>) -> Parsed<'_, Count> {
    let (inside, open) = match symbol("[")(i) {
        Ok(found) => found,
        Err(_) => return no_count(i),
    };
    let (rest, (kind, max)) = nested(inside, |inside| {
        let (rest, kind) = cut(kind).parse(inside)?;
        let (rest, max) = limit(rest)?;
        let (rest, _) = closing(open, "]")(rest)?;
        Ok((rest, (kind, max)))
    })?;
    Ok((rest, Count { kind, max, span: i.span_to(rest) }))
}

/// `max n`
pub(super) fn limit(i: Cursor<'_>) -> Parsed<'_, Option<Spanned<i64>>> {
    if !i.is_word("max") {
        return Ok((i, None));
    }
    cut(small).map(Some).parse(i.skip())
}

fn no_count<T>(i: Cursor<'_>) -> Parsed<'_, T> {
    let message = unexpected(i, &[Wanted::Word("[")]);
    Fault::known(
        i,
        message.help("say how long it is: `[varint]`, `[20]`, `[field]`, or `[..]` for the rest"),
    )
}

fn kind(i: Cursor<'_>) -> Parsed<'_, CountKind> {
    let ends = |n: usize| i.is_symbol_ahead(n, "]") || i.word_ahead(n) == Some("max");
    match i.token().kind {
        Kind::Symbol("]") => {
            let message = unexpected(i, &[Wanted::Thing("a count")]);
            let help =
                "a prefix such as `varint`, a number, an earlier field, or `..` for the rest";
            Fault::known(i, message.help(help))
        }
        Kind::Symbol("..") => Ok((i.skip(), CountKind::Rest)),
        Kind::Ident if i.is_word("until") && !ends(1) => until(i.skip()).map_err(committed),
        Kind::Ident if i.is_word("while") && !ends(1) => {
            condition(i.skip()).map(|(rest, holds)| (rest, CountKind::While(holds)))
        }
        Kind::Ident if ends(1) && i.word().is_some_and(is_count_prefix) => {
            let (rest, name) = name(i)?;
            let span = name.span;
            let kind = TypeKind::Name { name, args: Vec::new() };
            Ok((rest, CountKind::Prefix(Box::new(Type { kind, span }))))
        }
        _ => expr(i).map(|(rest, number)| (rest, CountKind::Expr(number))),
    }
}

fn until(i: Cursor<'_>) -> Parsed<'_, CountKind> {
    if i.is_word("sum") && i.is_symbol_ahead(1, "(") {
        let open = i.skip().span();
        let (rest, each) = nested(i.skip().skip(), |i| cut(expr).parse(i))?;
        let (rest, (_, compare, total)) = (closing(open, ")"), compare, cut(expr)).parse(rest)?;
        return Ok((rest, CountKind::UntilSum { each, compare, total }));
    }
    let byte = Name { text: "u8".to_owned(), span: i.span() };
    if matches!(i.token().kind, Kind::Integer | Kind::Symbol("-")) {
        let (rest, number) = integer(i)?;
        let value = Expr { kind: ExprKind::Int(number.node), span: number.span };
        return Ok((rest, CountKind::UntilValue { prim: byte, compare: Compare::Equal, value }));
    }
    let (rest, prim) = if i.is_name_ahead(0) { name(i)? } else { (i, byte) };
    let (rest, (compare, value)) = (compare, cut(expr)).parse(rest)?;
    Ok((rest, CountKind::UntilValue { prim, compare, value }))
}

/// `counts whole` or `counts rest`.
pub(super) fn counts(i: Cursor<'_>) -> Parsed<'_, bool> {
    let (i, _) = keyword("counts")(i)?;
    if i.is_word("rest") {
        return Ok((i.skip(), false));
    }
    cut(keyword("whole")).map(|_| true).parse(i)
}

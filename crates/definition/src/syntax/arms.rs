//! The labels of an arm of `match`.

use nom::Parser;
use nom::combinator::cut;

use super::ast::{Gate, Label, Labels, Spanned};
use super::cursor::{Cursor, Parsed, closing, commas, continued, name, nested, spanned};
use super::expression::expr;
use super::fault::{Fault, Wanted};
use super::gates::leading_gates;
use super::token::Kind;
use super::value::{integer, string};

/// What stands before the body of an arm.
pub(super) struct ArmHead {
    pub(super) doc: String,
    pub(super) gates: Vec<Gate>,
    pub(super) labels: Labels,
}

/// Doc comment, gates, labels and `=>`.
pub(super) fn arm_head(i: Cursor<'_>) -> Parsed<'_, ArmHead> {
    let doc = i.doc();
    let (i, gates) = leading_gates(i)?;
    let (i, labels) = labels(i)?;
    let (i, _) = cut(continued("=>")).parse(i)?;
    Ok((i, ArmHead { doc, gates, labels }))
}

/// `else`, or labels with commas between them.
pub(super) fn labels(i: Cursor<'_>) -> Parsed<'_, Labels> {
    if i.is_word("else") {
        return Ok((i.skip(), Labels::Else(i.span())));
    }
    let (rest, labels) = commas(label)(i)?;
    Ok((rest, Labels::Any(labels)))
}

fn label(i: Cursor<'_>) -> Parsed<'_, Spanned<Label>> {
    let (rest, label) = match i.token().kind {
        Kind::Integer | Kind::Symbol("-") => number(i)?,
        Kind::Text => string(i).map(|(rest, text)| (rest, Label::Str(text.node)))?,
        Kind::Symbol("(") => {
            let (rest, value) = nested(i.skip(), |i| cut(expr).parse(i))?;
            let (rest, _) = closing(i.span(), ")")(rest)?;
            (rest, Label::Expr(value))
        }
        Kind::Ident if i.is_word("true") => (i.skip(), Label::Bool(true)),
        Kind::Ident if i.is_word("false") => (i.skip(), Label::Bool(false)),
        Kind::Ident | Kind::Quoted => name(i).map(|(rest, name)| (rest, Label::Name(name.text)))?,
        _ => return Fault::expected(i, Wanted::Thing("a label")),
    };
    Ok((rest, spanned(label, i.span_to(rest))))
}

fn number(i: Cursor<'_>) -> Parsed<'_, Label> {
    let (rest, first) = integer(i)?;
    if !rest.is_symbol("..") {
        return Ok((rest, Label::Int(first.node)));
    }
    let (rest, last) = cut(integer).parse(rest.skip())?;
    Ok((rest, Label::Range(first.node, last.node)))
}

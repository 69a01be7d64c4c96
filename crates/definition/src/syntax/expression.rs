//! Expressions, by the precedence of their operators.

use nom::Parser;
use nom::combinator::cut;
use nom::multi::many0;
use nom::sequence::preceded;

use super::arms::labels;
use super::ast::{BinaryOp, Compare, Expr, ExprKind, Label, Labels, Name, Span};
use super::cursor::{Cursor, Parsed, closing, commas, continued, name, nested, newlines, symbol};
use super::fault::{Fault, Wanted, unexpected};
use super::recovery::{Style, block};
use super::token::Kind;
use super::value::{committed, float, integer, string};
use crate::diagnostics::Diagnostic;

/// How high the tree of one expression may be: operators in a row count, not only brackets.
const MAX_HEIGHT: usize = 128;

/// An operator binds its sides more tightly than those of a smaller number.
mod binds {
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const NOT: u8 = 3;
    pub(super) const COMPARISON: u8 = 4;
    pub(super) const SUM: u8 = 5;
    pub(super) const PRODUCT: u8 = 6;
}

/// An expression.
pub(super) fn expr(i: Cursor<'_>) -> Parsed<'_, Expr> {
    operators(i, binds::OR).map(|(rest, tree)| (rest, tree.expr))
}

/// An expression that is a condition: `=` behind it is a mistake with a message of its own.
pub(super) fn condition(i: Cursor<'_>) -> Parsed<'_, Expr> {
    let (rest, condition) = cut(expr).parse(i)?;
    if rest.is_symbol("=") {
        let message = Diagnostic::error("W011", rest.span(), "`=` gives a value, `==` compares")
            .label("in a condition")
            .help("write `==`");
        return Fault::known(rest, message);
    }
    Ok((rest, condition))
}

/// The rest of an expression whose first operand is known.
pub(super) fn continue_with(i: Cursor<'_>, left: Expr) -> Parsed<'_, Expr> {
    let height = height(&left);
    let left = Tree { expr: left, height };
    rest_of(i, left, binds::OR).map(|(rest, tree)| (rest, tree.expr))
}

/// The height of a finished tree.
fn height(expr: &Expr) -> usize {
    use ExprKind as E;
    let highest = |list: &[Expr]| list.iter().map(height).max().unwrap_or(0);
    1 + match &expr.kind {
        E::Int(_) | E::Float(_) | E::Str(_) | E::Bool(_) | E::Path(_) | E::Has(_) => 0,
        E::Not(e) | E::Negate(e) | E::Complement(e) | E::InTable(e, _) | E::Lookup(_, e) => {
            height(e)
        }
        E::Binary(_, a, b) | E::Compare(_, a, b) => height(a).max(height(b)),
        E::InSet(e, set) => height(e).max(highest(set)),
        E::InRange(e, a, b) => height(e).max(height(a)).max(height(b)),
        E::Call(_, args) => highest(args),
        E::Match(e, arms) => {
            let arms = arms.iter().map(|(labels, value)| labels_height(labels).max(height(value)));
            arms.max().unwrap_or(0).max(height(e))
        }
    }
}

/// The height of the highest label that is an expression.
fn labels_height(labels: &Labels) -> usize {
    let Labels::Any(labels) = labels else { return 0 };
    let heights = labels.iter().map(|label| match &label.node {
        Label::Expr(expr) => height(expr),
        _ => 0,
    });
    heights.max().unwrap_or(0)
}

/// Whether an operator stands here that can follow an operand.
pub(super) fn begins_operator(i: Cursor<'_>) -> bool {
    operator(i).is_some()
}

/// An expression and the height of its tree.
struct Tree {
    expr: Expr,
    height: usize,
}

impl Tree {
    fn leaf(kind: ExprKind, span: Span) -> Self {
        Tree { expr: Expr { kind, span }, height: 1 }
    }
}

/// A node over parts of which the highest is `below` high.
fn node<'a>(i: Cursor<'a>, kind: ExprKind, span: Span, below: usize) -> Parsed<'a, Tree> {
    let height = below + 1;
    if height > MAX_HEIGHT {
        let message =
            Diagnostic::error("W008", span, "this expression has too many operators in a row")
                .label(format!("more than {MAX_HEIGHT}"))
                .help("give parts of it names with `let`, or use `in { .. }`");
        return Fault::known(i, message);
    }
    Ok((i, Tree { expr: Expr { kind, span }, height }))
}

#[derive(Clone, Copy)]
enum Operator {
    Binary(BinaryOp),
    Compare(Compare),
    In,
}

/// The operator that stands here, and how tightly it binds.
fn operator(i: Cursor<'_>) -> Option<(Operator, u8)> {
    use BinaryOp as B;
    let binary = |op, binds| Some((Operator::Binary(op), binds));
    match i.token().kind {
        Kind::Ident => match i.word()? {
            "or" => binary(B::Or, binds::OR),
            "and" => binary(B::And, binds::AND),
            "in" => Some((Operator::In, binds::COMPARISON)),
            _ => None,
        },
        Kind::Symbol(symbol) => match symbol {
            "+" => binary(B::Add, binds::SUM),
            "-" => binary(B::Subtract, binds::SUM),
            "|" => binary(B::BitOr, binds::SUM),
            "^" => binary(B::BitXor, binds::SUM),
            "*" => binary(B::Multiply, binds::PRODUCT),
            "/" => binary(B::Divide, binds::PRODUCT),
            "%" => binary(B::Remainder, binds::PRODUCT),
            "&" => binary(B::BitAnd, binds::PRODUCT),
            "<<" => binary(B::ShiftLeft, binds::PRODUCT),
            ">>" => binary(B::ShiftRight, binds::PRODUCT),
            _ => compare_symbol(symbol).map(|op| (Operator::Compare(op), binds::COMPARISON)),
        },
        _ => None,
    }
}

fn compare_symbol(symbol: &str) -> Option<Compare> {
    Some(match symbol {
        "==" => Compare::Equal,
        "!=" => Compare::NotEqual,
        "<" => Compare::Less,
        "<=" => Compare::LessEqual,
        ">" => Compare::Greater,
        ">=" => Compare::GreaterEqual,
        _ => return None,
    })
}

/// A comparison sign.
pub(super) fn compare(i: Cursor<'_>) -> Parsed<'_, Compare> {
    let op = match i.token().kind {
        Kind::Symbol(symbol) => compare_symbol(symbol),
        _ => None,
    };
    match op {
        Some(op) => Ok((newlines(i.skip()), op)),
        None => Fault::expected(i, Wanted::Thing("a comparison")),
    }
}

/// Operands joined by operators that bind at least this tightly.
fn operators(i: Cursor<'_>, least: u8) -> Parsed<'_, Tree> {
    if i.is_word("not") && begins_operand(i, 1) {
        if least > binds::NOT {
            let message = Diagnostic::error("W001", i.span(), "`not` needs brackets here")
                .label("binds less tightly than what stands before it")
                .help("write `(not ..)`");
            return Fault::known(i, message);
        }
        let (rest, inner) = nested(i.skip(), |i| operators(i, binds::NOT)).map_err(committed)?;
        let kind = ExprKind::Not(Box::new(inner.expr));
        let (rest, tree) = node(rest, kind, i.span_to(rest), inner.height)?;
        return rest_of(rest, tree, least);
    }
    let (rest, left) = unary(i)?;
    rest_of(rest, left, least)
}

fn rest_of(mut i: Cursor<'_>, mut left: Tree, least: u8) -> Parsed<'_, Tree> {
    let mut compared: Option<Span> = None;
    while let Some((op, binds)) = operator(i) {
        if binds < least {
            break;
        }
        if binds == binds::COMPARISON
            && let Some(first) = compared.replace(i.span())
        {
            let message =
                Diagnostic::error("W017", i.span(), "comparisons do not follow each other")
                    .label("a second comparison")
                    .secondary(first, "the first")
                    .help("join them with `and`, as in `0 < a and a < 9`, or use `a in 1..8`");
            return Fault::known(i, message);
        }
        let after = newlines(i.skip());
        (i, left) = match op {
            Operator::In => membership(after, left)?,
            Operator::Binary(op) => joined(after, left, binds, |a, b| ExprKind::Binary(op, a, b))?,
            Operator::Compare(op) => {
                joined(after, left, binds, |a, b| ExprKind::Compare(op, a, b))?
            }
        };
    }
    Ok((i, left))
}

/// The right side of an operator, and both sides as one.
fn joined<'a>(
    i: Cursor<'a>,
    left: Tree,
    binds: u8,
    kind: impl FnOnce(Box<Expr>, Box<Expr>) -> ExprKind,
) -> Parsed<'a, Tree> {
    let (rest, right) = operators(i, binds + 1).map_err(committed)?;
    let below = left.height.max(right.height);
    let span = left.expr.span.to(right.expr.span);
    node(rest, kind(Box::new(left.expr), Box::new(right.expr)), span, below)
}

/// What follows `in`: a set, a range or a table.
fn membership<'a>(i: Cursor<'a>, left: Tree) -> Parsed<'a, Tree> {
    let start = left.expr.span;
    let subject = Box::new(left.expr);
    if i.is_symbol("{") {
        let (rest, (set, height)) = nested(i, set).map_err(committed)?;
        let span = Span { end: i.span_to(rest).end, ..start };
        return node(rest, ExprKind::InSet(subject, set), span, left.height.max(height));
    }
    let (rest, first) = operators(i, binds::SUM).map_err(committed)?;
    let span = start.to(first.expr.span);
    if rest.is_symbol("..") {
        let (rest, last) = operators(rest.skip(), binds::SUM).map_err(committed)?;
        let below = left.height.max(first.height).max(last.height);
        let span = start.to(last.expr.span);
        let kind = ExprKind::InRange(subject, Box::new(first.expr), Box::new(last.expr));
        return node(rest, kind, span, below);
    }
    match first.expr.kind {
        ExprKind::Path(mut path) if path.len() == 1 => {
            let table = path.remove(0);
            node(rest, ExprKind::InTable(subject, table), span, left.height)
        }
        _ => Fault::needed(rest, &[Wanted::Word("..")]),
    }
}

/// The members of a set, and the height of the highest.
fn set(i: Cursor<'_>) -> Parsed<'_, (Vec<Expr>, usize)> {
    let (mut i, open) = symbol("{")(i)?;
    let mut members = Vec::new();
    let mut height = 0;
    loop {
        i = super::recovery::separators(i);
        if i.is_symbol("}") && !members.is_empty() {
            return Ok((i.skip(), (members, height)));
        }
        let (rest, member) = operators(i, binds::OR)?;
        height = height.max(member.height);
        members.push(member.expr);
        if !matches!(rest.token().kind, Kind::Newline | Kind::Symbol("," | "}")) {
            let message = unexpected(rest, &[Wanted::Word(","), Wanted::Word("}")])
                .secondary(open, "the set begins here");
            return Fault::known(rest, message);
        }
        i = rest;
    }
}

/// Whether an operand can begin `n` words ahead.
fn begins_operand(i: Cursor<'_>, n: usize) -> bool {
    match i.ahead(n).kind {
        Kind::Integer | Kind::Float | Kind::Text | Kind::Quoted => true,
        Kind::Symbol(symbol) => matches!(symbol, "(" | "-" | "~"),
        Kind::Ident => !matches!(i.word_ahead(n), Some("and" | "or" | "in" | "then")),
        _ => false,
    }
}

fn unary(i: Cursor<'_>) -> Parsed<'_, Tree> {
    let token = i.token();
    match token.kind {
        Kind::Symbol("-") if i.ahead(1).kind == Kind::Integer && i.skip().is_adjacent() => {
            let (rest, value) = integer(i)?;
            Ok((rest, Tree::leaf(ExprKind::Int(value.node), value.span)))
        }
        Kind::Symbol(sign @ ("-" | "~")) => {
            let (rest, inner) = nested(i.skip(), unary).map_err(committed)?;
            let operand = Box::new(inner.expr);
            let kind = match sign {
                "-" => ExprKind::Negate(operand),
                _ => ExprKind::Complement(operand),
            };
            node(rest, kind, i.span_to(rest), inner.height)
        }
        _ => primary(i),
    }
}

fn primary(i: Cursor<'_>) -> Parsed<'_, Tree> {
    let leaf = |rest, kind| Ok((rest, Tree::leaf(kind, i.span_to(rest))));
    match i.token().kind {
        Kind::Integer => integer(i).and_then(|(rest, n)| leaf(rest, ExprKind::Int(n.node))),
        Kind::Float => float(i).and_then(|(rest, n)| leaf(rest, ExprKind::Float(n.node))),
        Kind::Text => string(i).and_then(|(rest, text)| leaf(rest, ExprKind::Str(text.node))),
        Kind::Symbol("(") => {
            let (rest, mut inner) =
                nested(i.skip(), |i| operators(i, binds::OR)).map_err(committed)?;
            let (rest, _) = closing(i.span(), ")")(rest)?;
            inner.expr.span = i.span_to(rest);
            Ok((rest, inner))
        }
        Kind::Ident => match i.word().unwrap_or_default() {
            "true" => leaf(i.skip(), ExprKind::Bool(true)),
            "false" => leaf(i.skip(), ExprKind::Bool(false)),
            "has" if begins_operand(i, 1) && i.is_name_ahead(1) => {
                let (rest, path) = path(i.skip())?;
                leaf(rest, ExprKind::Has(path))
            }
            "match" if begins_operand(i, 1) => nested(i, match_expr),
            _ => named(i),
        },
        Kind::Quoted => named(i),
        _ => Fault::expected(i, Wanted::Thing("an expression")),
    }
}

/// A call, a table's entry or a path.
fn named(i: Cursor<'_>) -> Parsed<'_, Tree> {
    if i.is_symbol_ahead(1, "(") && i.token().kind == Kind::Ident {
        let (after, function) = name(i)?;
        let (rest, (args, height)) = nested(after, trees).map_err(committed)?;
        let kind = ExprKind::Call(function, args);
        return node(rest, kind, i.span_to(rest), height);
    }
    if i.is_symbol_ahead(1, "[") {
        let (after, table) = name(i)?;
        let (rest, index) = nested(after.skip(), |i| operators(i, binds::OR)).map_err(committed)?;
        let (rest, _) = closing(after.span(), "]")(rest)?;
        let kind = ExprKind::Lookup(table, Box::new(index.expr));
        return node(rest, kind, i.span_to(rest), index.height);
    }
    let (rest, path) = path(i)?;
    Ok((rest, Tree::leaf(ExprKind::Path(path), i.span_to(rest))))
}

/// `(a, b)`, or nothing between the brackets.
pub(super) fn arguments(i: Cursor<'_>) -> Parsed<'_, Vec<Expr>> {
    trees(i).map(|(rest, (args, _))| (rest, args))
}

/// The same, and the height of the highest.
fn trees(i: Cursor<'_>) -> Parsed<'_, (Vec<Expr>, usize)> {
    let (i, open) = symbol("(")(i)?;
    if i.is_symbol(")") {
        return Ok((i.skip(), (Vec::new(), 0)));
    }
    let (i, trees) = cut(commas(|i| operators(i, binds::OR))).parse(i)?;
    let (i, _) = closing(open, ")")(i)?;
    let height = trees.iter().map(|tree| tree.height).max().unwrap_or(0);
    Ok((i, (trees.into_iter().map(|tree| tree.expr).collect(), height)))
}

/// `a.b.c`
pub(super) fn path(i: Cursor<'_>) -> Parsed<'_, Vec<Name>> {
    let (i, first) = name(i)?;
    let (i, more) = many0(preceded(symbol("."), cut(name))).parse(i)?;
    let mut path = vec![first];
    path.extend(more);
    Ok((i, path))
}

fn match_expr(i: Cursor<'_>) -> Parsed<'_, Tree> {
    let (rest, subject) = cut(|i| operators(i, binds::OR)).parse(i.skip())?;
    let mut height = subject.height;
    let arm = |i| {
        let (i, labels) = labels(i)?;
        let (i, _) = cut(continued("=>")).parse(i)?;
        let (i, value) = cut(|i| operators(i, binds::OR)).parse(i)?;
        height = height.max(value.height).max(labels_height(&labels));
        Ok((i, (labels, value.expr)))
    };
    let (rest, (arms, _)) = block(rest, Style::Lines, "an arm", arm).map_err(committed)?;
    let kind = ExprKind::Match(Box::new(subject.expr), arms);
    node(rest, kind, i.span_to(rest), height)
}

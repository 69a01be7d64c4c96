//! Literals and arithmetic.

use midwire_definition::syntax::ast::Span;

use super::compare::kind_of;
use super::{Lowerer, NumType, Operand, StrType};
use crate::evaluate::arithmetic;
use crate::predicate::{Num, Pred, Str};
use crate::syntax::ast::{Arithmetic, Expr, ExprKind};
use crate::value::Number;

impl Lowerer<'_> {
    pub(super) fn value(&mut self, expr: &Expr) -> Operand {
        let number = |n, is_float| {
            let shown = if is_float { "a number" } else { "a whole number" };
            let ty = NumType { is_float, shown: shown.into(), ..NumType::default() };
            Operand::Num(Num::Const(n), ty)
        };
        match &expr.kind {
            ExprKind::Int(n) => number(Number::Int(*n), false),
            ExprKind::Float(n, _) => number(Number::Float(*n), true),
            ExprKind::Bool(is) => Operand::Truth(Pred::Const(*is)),
            ExprKind::Text(text) => Operand::Str(Self::text_const(text), StrType::Text),
            ExprKind::Bytes(bytes) => {
                Operand::Str(Str::Const(bytes.as_slice().into()), StrType::Bytes)
            }
            ExprKind::Duration(nanos) => number(Number::Float(*nanos as f64 / 1e9), true),
            ExprKind::Version(text) | ExprKind::Address(text) => {
                let message = format!("`{text}` cannot be compared with this");
                let report = self.error("F025", expr.span, message);
                let help =
                    "versions are compared with `session.version`, addresses with `client.ip`";
                self.facts.report(report.label("a version or address").help(help));
                Operand::Wrong
            }
            ExprKind::Negate(inner) => {
                let zero = (Num::Const(Number::Int(0)), NumType::default());
                match self.scalar(inner) {
                    Operand::Num(num, ty) => self.arithmetic(Arithmetic::Subtract, zero, (num, ty)),
                    Operand::Inside(place, path) => self.arithmetic(
                        Arithmetic::Subtract,
                        zero,
                        (Num::Inside(place, path), NumType::default()),
                    ),
                    Operand::Absent => Operand::Absent,
                    Operand::Wrong => Operand::Wrong,
                    other => self.no_number(&other, inner.span),
                }
            }
            ExprKind::Arithmetic(op, a, b) => {
                let (left, right) = (self.scalar(a), self.scalar(b));
                self.joined(*op, (left, a), (right, b))
            }
            _ => Operand::Wrong,
        }
    }

    fn no_number(&mut self, operand: &Operand, span: Span) -> Operand {
        let message = format!("{} cannot be reckoned with", kind_of(operand));
        let report = self.error("F029", span, message).label("a number is needed");
        self.facts.report(report);
        Operand::Wrong
    }

    /// A value is wanted that there is in no packet.
    fn no_value(&mut self, by_zero: bool, span: Span) -> Operand {
        let message = match by_zero {
            true => "this divides by 0, so that it never has a value",
            false => "this is too large a number, so that it never has a value",
        };
        let report = self.error("F029", span, message);
        self.facts.report(report.label(if by_zero { "this is 0" } else { "too large" }));
        Operand::Wrong
    }

    fn joined(
        &mut self,
        op: Arithmetic,
        (left, a): (Operand, &Expr),
        (right, b): (Operand, &Expr),
    ) -> Operand {
        let number = |operand| match operand {
            Operand::Inside(place, path) => {
                Operand::Num(Num::Inside(place, path), NumType::default())
            }
            Operand::Mixed(place, num, _) => Operand::Num(Num::Field(place), num),
            other => other,
        };
        match (left, right) {
            (Operand::Absent, _) | (_, Operand::Absent) => Operand::Absent,
            (Operand::Wrong, _) | (_, Operand::Wrong) => Operand::Wrong,
            // Texts are joined.
            (left, right)
                if op == Arithmetic::Add
                    && (matches!(left, Operand::Str(..)) || matches!(right, Operand::Str(..))) =>
            {
                if let Some(span) =
                    (!is_text(&left)).then_some(a.span).or((!is_text(&right)).then_some(b.span))
                {
                    let wrong = if span == a.span { left } else { right };
                    return self.no_number(&wrong, span);
                }
                match (text_of(left), text_of(right)) {
                    (Some(Str::Const(a)), Some(Str::Const(b))) => {
                        Operand::Str(Str::Const([a, b].concat().into()), StrType::Text)
                    }
                    (Some(a), Some(b)) => {
                        Operand::Str(Str::Join(Box::new(a), Box::new(b)), StrType::Text)
                    }
                    _ => Operand::Wrong,
                }
            }
            (left, right) => match (number(left), number(right)) {
                (Operand::Num(x, xt), Operand::Num(y, yt)) => {
                    let divides = matches!(op, Arithmetic::Divide | Arithmetic::Remainder);
                    let by_zero = divides && matches!(&y, Num::Const(n) if n.as_float() == 0.0);
                    let made = self.arithmetic(op, (x, xt), (y, yt));
                    match (&made, by_zero) {
                        (Operand::Absent, _) | (_, true) if self.is_value => {
                            let span = Span { end: b.span.end, ..a.span };
                            self.no_value(by_zero, if by_zero { b.span } else { span })
                        }
                        _ => made,
                    }
                }
                (Operand::Num(..), wrong) => self.no_number(&wrong, b.span),
                (wrong, _) => self.no_number(&wrong, a.span),
            },
        }
    }

    fn arithmetic(
        &mut self,
        op: Arithmetic,
        (a, at): (Num, NumType),
        (b, bt): (Num, NumType),
    ) -> Operand {
        let is_float = at.is_float || bt.is_float;
        let shown = if is_float { "a number" } else { "a whole number" };
        let ty = NumType { is_float, shown: shown.into(), ..NumType::default() };
        if let (Num::Const(x), Num::Const(y)) = (&a, &b) {
            return match arithmetic(op, *x, *y) {
                Some(n) => Operand::Num(Num::Const(n), ty),
                None => Operand::Absent,
            };
        }
        Operand::Num(Num::Arithmetic(op, Box::new(a), Box::new(b)), ty)
    }
}

/// Whether something can be written as a text.
fn is_text(operand: &Operand) -> bool {
    matches!(operand, Operand::Str(..) | Operand::Word(..) | Operand::Inside(..) | Operand::Num(..))
}

/// Something as a text.
fn text_of(operand: Operand) -> Option<Str> {
    Some(match operand {
        Operand::Str(of, _) => of,
        Operand::Word(_, text) => Str::Const(text.into_bytes().into()),
        Operand::Inside(place, path) => Str::Inside(place, path),
        Operand::Num(num, _) => Str::Digits(Box::new(num)),
        _ => return None,
    })
}

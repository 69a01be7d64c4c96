//! `in`: one of several values, or between two.

use midwire_definition::syntax::ast::Span;

use super::compare::{kind_of, rounded};
use super::{Lowerer, NumType, Operand, StrType};
use crate::predicate::{Num, Pred, Str};
use crate::syntax::ast::{Comparison, Element, Expr};
use crate::value::Number;

impl Lowerer<'_> {
    pub(super) fn within(
        &mut self,
        span: Span,
        left: &Expr,
        set: &[Element],
        nocase: bool,
    ) -> Pred {
        let operand = self.scalar(left);
        match operand {
            Operand::Absent | Operand::Wrong => Pred::Const(false),
            Operand::Word(word, text) => {
                let mut is = false;
                for element in set {
                    let Element::One(expr) = element else {
                        return self.wrong_operator(span, Comparison::Less, "names");
                    };
                    let this = Operand::Word(word, text.clone());
                    let pred = self.compared(span, Comparison::Equal, this, expr, left, nocase);
                    is |= matches!(pred, Pred::Const(true));
                }
                Pred::Const(is)
            }
            Operand::Version => {
                let mut is = false;
                for element in set {
                    let mut ask = |op, expr| {
                        let pred = self.compared(span, op, Operand::Version, expr, left, false);
                        matches!(pred, Pred::Const(true))
                    };
                    is |= match element {
                        Element::One(expr) => ask(Comparison::Equal, expr),
                        Element::Range(first, last) => {
                            let from = ask(Comparison::GreaterEqual, first);
                            ask(Comparison::LessEqual, last) && from
                        }
                    };
                }
                Pred::Const(is)
            }
            Operand::Address(side) => {
                let mut nets = Vec::new();
                for element in set {
                    let Element::One(expr) = element else {
                        return self.wrong_operator(span, Comparison::Less, "addresses");
                    };
                    nets.extend(self.net(expr));
                }
                Pred::Address(side, nets)
            }
            Operand::Str(of, ty) => self.texts_within(span, of, ty, set, nocase),
            Operand::Num(num, ty) => self.numbers_within(num, &ty, set),
            Operand::Truth(pred) => {
                let ty = NumType { is_bool: true, ..NumType::default() };
                self.numbers_within(Num::Truth(Box::new(pred)), &ty, set)
            }
            Operand::Inside(place, path) => match self.is_of_texts(set) {
                true => {
                    self.texts_within(span, Str::Inside(place, path), StrType::Text, set, nocase)
                }
                false => self.numbers_within(Num::Inside(place, path), &NumType::default(), set),
            },
            Operand::Mixed(place, num, text) => match self.is_of_texts(set) && num.names.is_empty()
            {
                true => self.texts_within(span, Str::Text(place), text, set, nocase),
                false => self.numbers_within(Num::Field(place), &num, set),
            },
            other @ (Operand::List(_) | Operand::Group(..)) => {
                let what = kind_of(&other);
                let message = format!("{what} is not one of several values");
                let report = self.error("F025", span, message).label("a number or text is needed");
                self.facts.report(report);
                Pred::Const(false)
            }
        }
    }

    fn is_of_texts(&self, set: &[Element]) -> bool {
        set.iter().all(|element| {
            matches!(element, Element::One(expr)
                if matches!(expr.kind, crate::syntax::ast::ExprKind::Text(_)))
        })
    }

    fn texts_within(
        &mut self,
        span: Span,
        of: Str,
        ty: StrType,
        set: &[Element],
        nocase: bool,
    ) -> Pred {
        let mut texts = Vec::new();
        let mut is_right = true;
        for element in set {
            let Element::One(expr) = element else {
                return self.wrong_operator(span, Comparison::Less, "texts");
            };
            match self.operand(expr) {
                Operand::Str(text, _) => {
                    match self.uuid_const(text, ty, expr) {
                        Some(Str::Const(text)) => texts.push(text),
                        Some(_) => {
                            self.not_constant(expr.span);
                            is_right = false;
                        }
                        None => is_right = false,
                    };
                }
                Operand::Absent | Operand::Wrong => {}
                other => {
                    let message = format!("{} is no text", kind_of(&other));
                    let report = self.error("F025", expr.span, message).label("a text is needed");
                    self.facts.report(report);
                    is_right = false;
                }
            }
        }
        if is_right {
            self.facts.right(span);
        }
        match self.facts.matchers.one_of(texts, nocase) {
            Some(matcher) => Pred::Text { of, matcher, negated: false },
            None => self.too_long(span),
        }
    }

    fn not_constant(&mut self, span: Span) {
        let message = "the values of a set are constants".to_owned();
        let report = self.error("F029", span, message).label("a field");
        self.facts.report(report.help("join comparisons with `or`"));
    }

    fn numbers_within(&mut self, num: Num, ty: &NumType, set: &[Element]) -> Pred {
        let mut ranges = Vec::new();
        for element in set {
            let (first, last) = match element {
                Element::One(expr) => {
                    let n = self.number_const(ty, expr);
                    (n, n)
                }
                Element::Range(first, last) => {
                    (self.number_const(ty, first), self.number_const(ty, last))
                }
            };
            let (Some(first), Some(last)) = (first, last) else { continue };
            if first.compare(last).is_some_and(|order| order.is_gt())
                && let Element::Range(a, b) = element
            {
                let message = "this range is empty: its end is below its start".to_owned();
                let span = a.span.to(b.span);
                let report = midwire_definition::Diagnostic::warning("F026", span, message);
                self.facts.report(report.label("never true"));
            }
            ranges.push((first, last));
        }
        Pred::Within(num, ranges)
    }

    /// The number that an element of a set is.
    fn number_const(&mut self, ty: &NumType, expr: &Expr) -> Option<Number> {
        if !ty.names.is_empty()
            && let Some(found) = self.named(ty, expr)
        {
            return found.map(Number::Int);
        }
        match self.operand(expr) {
            Operand::Num(num, _) => match rounded(num, ty) {
                Num::Const(n) => Some(n),
                _ => {
                    self.not_constant(expr.span);
                    None
                }
            },
            Operand::Truth(Pred::Const(is)) => Some(Number::Int(is.into())),
            Operand::Absent | Operand::Wrong => None,
            other => {
                let message = format!("{} is no number", kind_of(&other));
                let report = self.error("F025", expr.span, message).label("a number is needed");
                self.facts.report(report);
                None
            }
        }
    }
}

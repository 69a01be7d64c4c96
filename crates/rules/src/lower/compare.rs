//! Comparisons of two values.

use midwire_codec::Direction;
use midwire_definition::plan::anchor::Step;
use midwire_definition::syntax::ast::Span;

use super::{Lowerer, NumType, Operand, StrType, bare};
use crate::predicate::{Net, Num, Place, Pred, Str};
use crate::syntax::ast::{Comparison, Expr, ExprKind};
use crate::value::Number;

impl Lowerer<'_> {
    pub(super) fn compare(
        &mut self,
        span: Span,
        op: Comparison,
        left: &Expr,
        right: &Expr,
        nocase: bool,
    ) -> Pred {
        // A name that stands alone may be a value of what it is compared with, so that goes first.
        if bare(left).is_some() && bare(right).is_none() && !op.is_of_text() {
            let other = self.scalar(right);
            if self.has_names(&other) {
                return self.compared(span, op.turned(), other, left, right, nocase);
            }
            let operand = self.scalar(left);
            return self.pair(span, op, (operand, left), (other, right), nocase);
        }
        let operand = self.scalar(left);
        self.compared(span, op, operand, right, left, nocase)
    }

    fn has_names(&self, operand: &Operand) -> bool {
        match operand {
            Operand::Num(_, ty) | Operand::Mixed(_, ty, _) => !ty.names.is_empty(),
            Operand::Word(..) | Operand::Version => true,
            _ => false,
        }
    }

    /// A comparison whose one side is known.
    pub(super) fn compared(
        &mut self,
        span: Span,
        op: Comparison,
        operand: Operand,
        other: &Expr,
        this: &Expr,
        nocase: bool,
    ) -> Pred {
        match &operand {
            Operand::Absent | Operand::Wrong => return Pred::Const(false),
            Operand::Word(word, text) => {
                return self.word(span, op, *word, text, other, nocase);
            }
            Operand::Version => return self.version(span, op, other),
            Operand::Address(side) => {
                let side = *side;
                let Some(net) = self.net(other) else { return Pred::Const(false) };
                let is = Pred::Address(side, vec![net]);
                return match op {
                    Comparison::Equal => is,
                    Comparison::NotEqual => {
                        let any = ["0.0.0.0/0", "::/0"].into_iter().filter_map(Net::parse);
                        let there = Pred::Address(side, any.collect());
                        Pred::All(vec![there, Pred::Not(Box::new(is))])
                    }
                    _ => self.wrong_operator(span, op, "addresses"),
                };
            }
            Operand::Num(_, ty) | Operand::Mixed(_, ty, _) if !ty.names.is_empty() => {
                if let Some(found) = self.named(ty, other) {
                    let Some(n) = found else { return Pred::Const(false) };
                    let value = Operand::Num(Num::Const(Number::Int(n)), NumType::default());
                    if op.is_of_text() {
                        return self.wrong_operator(span, op, "names of numbers");
                    }
                    self.facts.right(span);
                    return self.pair(span, op, (operand, this), (value, other), false);
                }
            }
            _ => {}
        }
        let second = self.scalar(other);
        self.pair(span, op, (operand, this), (second, other), nocase)
    }

    pub(super) fn wrong_operator(&mut self, span: Span, op: Comparison, what: &str) -> Pred {
        let message = format!("{what} are not compared with `{}`", op.as_str());
        let report = self.error("F025", span, message);
        let help = match op.is_order() {
            true => "only numbers, times and versions have an order",
            false => "it is for texts and bytes",
        };
        self.facts.report(report.label("cannot be compared so").help(help));
        Pred::Const(false)
    }

    /// Two values that are both known.
    pub(super) fn pair(
        &mut self,
        span: Span,
        op: Comparison,
        left: (Operand, &Expr),
        right: (Operand, &Expr),
        nocase: bool,
    ) -> Pred {
        let ((left, left_expr), (right, right_expr)) = (left, right);
        if let ExprKind::Regex { pattern, nocase: own } = &right_expr.kind {
            return self.matches(span, left, left_expr, (pattern, *own || nocase), right_expr);
        }
        match (left, right) {
            (Operand::Absent | Operand::Wrong, _) | (_, Operand::Absent | Operand::Wrong) => {
                Pred::Const(false)
            }
            // What is in NBT is what the other side is.
            (Operand::Inside(a, x), Operand::Inside(b, y)) => {
                let num = |place: &Place, path: &[Step]| Num::Inside(place.clone(), path.into());
                let mut ways = Vec::new();
                if !op.is_of_text() {
                    ways.push(Pred::Compare(op, num(&a, &x), num(&b, &y)));
                }
                if !op.is_order() {
                    ways.push(Pred::Texts { op, a: Str::Inside(a, x), b: Str::Inside(b, y) });
                }
                self.facts.right(span);
                Pred::Any(ways)
            }
            (Operand::Inside(place, path), other) => {
                if path.is_empty() && matches!(other, Operand::Str(..)) {
                    self.chat_as_it_is(left_expr);
                }
                let (a, b) = self.like(place, path, other, span);
                self.typed(span, op, (a, left_expr), (b, right_expr), nocase)
            }
            (other, Operand::Inside(place, path)) => {
                let (b, a) = self.like(place, path, other, span);
                self.typed(span, op, (a, left_expr), (b, right_expr), nocase)
            }
            (Operand::Mixed(place, num, text), other) => {
                let is_text = matches!(other, Operand::Str(..));
                let a = one_of(place, num, text, is_text);
                self.typed(span, op, (a, left_expr), (other, right_expr), nocase)
            }
            (other, Operand::Mixed(place, num, text)) => {
                let is_text = matches!(other, Operand::Str(..));
                let b = one_of(place, num, text, is_text);
                self.typed(span, op, (other, left_expr), (b, right_expr), nocase)
            }
            (left, right) => self.typed(span, op, (left, left_expr), (right, right_expr), nocase),
        }
    }

    /// Something in NBT, as a number or text as the other side is one.
    fn like(
        &mut self,
        place: Place,
        path: Box<[Step]>,
        other: Operand,
        _span: Span,
    ) -> (Operand, Operand) {
        let this = match &other {
            Operand::Str(_, ty) => Operand::Str(Str::Inside(place, path), *ty),
            _ => {
                let ty = NumType { is_float: true, shown: "nbt".into(), ..NumType::default() };
                Operand::Num(Num::Inside(place, path), ty)
            }
        };
        (this, other)
    }

    fn typed(
        &mut self,
        span: Span,
        op: Comparison,
        left: (Operand, &Expr),
        right: (Operand, &Expr),
        nocase: bool,
    ) -> Pred {
        let ((left, left_expr), (right, right_expr)) = (left, right);
        for (operand, expr) in [(&left, left_expr), (&right, right_expr)] {
            if let (Operand::Truth(Pred::Const(_)), Some(name)) = (operand, bare(expr))
                && self.known.packets.contains_key(&name.key())
            {
                let message = format!("`{}` is a packet, and no value", name.text);
                let report = self.error("F025", expr.span, message).label("a packet");
                let help = format!("name a field of it: `{}.field`", name.text);
                self.facts.report(report.help(help));
                return Pred::Const(false);
            }
        }
        let (left, right) = (as_number(left), as_number(right));
        match (left, right) {
            (Operand::Num(a, at), Operand::Num(b, bt)) => {
                if op.is_of_text() {
                    return self.wrong_operator(span, op, "numbers");
                }
                self.facts.right(span);
                self.numbers(span, op, (a, at), (b, bt))
            }
            (Operand::Str(a, at), Operand::Str(b, bt)) => {
                if at == StrType::Chat && !matches!(b, Str::Text(_)) {
                    self.chat_as_it_is(left_expr);
                }
                self.texts(span, op, (a, at, left_expr), (b, bt, right_expr), nocase)
            }
            (left, right) => {
                let (what, with) = (kind_of(&left), kind_of(&right));
                let name = match &left_expr.kind {
                    ExprKind::Path(path) => format!("`{}` ({what})", path.text()),
                    _ => what.clone(),
                };
                let message = format!("cannot compare {name} with {with}");
                let report = self.error("F025", right_expr.span, message);
                let report = match (&left, &right) {
                    (Operand::Num(..), _) => {
                        report.label(format!("a number is needed here, as in `{} 20`", op.as_str()))
                    }
                    (Operand::Str(..), _) => report
                        .label(format!("a text is needed here, as in `{} \"...\"`", op.as_str())),
                    (Operand::List(_), _) => {
                        report.label("a list").help("write `any(.., it == ..)` or `count(..)`")
                    }
                    _ => report.label("kinds differ"),
                };
                self.facts.report(report);
                Pred::Const(false)
            }
        }
    }

    fn numbers(
        &mut self,
        span: Span,
        op: Comparison,
        (a, at): (Num, NumType),
        (b, bt): (Num, NumType),
    ) -> Pred {
        let (a, b) = (rounded(a, &bt), rounded(b, &at));
        if let (Num::Const(x), Num::Const(y)) = (&a, &b) {
            let pred = Pred::Compare(op, Num::Const(*x), Num::Const(*y));
            let order = x.compare(*y);
            self.always(span, "these are the same for all packets");
            return match (order, pred) {
                (Some(order), _) => Pred::Const(op.holds(order)),
                (None, _) => Pred::Const(op == Comparison::NotEqual),
            };
        }
        // The constant stands on the right.
        let (op, a, at, b) = match a {
            Num::Const(_) => (op.turned(), b, bt, a),
            _ => (op, a, at, b),
        };
        if let (Num::Const(Number::Int(n)), Some((least, most))) = (&b, at.range) {
            self.check_range(span, op, *n, (least, most), &at.shown);
        }
        match (a, b) {
            (Num::FixedInt { at, repr, member }, Num::Const(Number::Int(value))) => {
                Pred::FixedInt { at, repr, member, op, value }
            }
            (a, b) => Pred::Compare(op, a, b),
        }
    }

    /// Warns of a comparison that a number of so many bits decides alone.
    fn check_range(
        &mut self,
        span: Span,
        op: Comparison,
        n: i128,
        (least, most): (i128, i128),
        shown: &str,
    ) {
        let is_never = match op {
            Comparison::Equal => n < least || n > most,
            Comparison::Less => n <= least,
            Comparison::LessEqual => n < least,
            Comparison::Greater => n >= most,
            Comparison::GreaterEqual => n > most,
            _ => false,
        };
        let is_always = match op {
            Comparison::NotEqual => n < least || n > most,
            Comparison::Less => n > most,
            Comparison::LessEqual => n >= most,
            Comparison::Greater => n < least,
            Comparison::GreaterEqual => n <= least,
            _ => false,
        };
        if is_never || is_always {
            let word = if is_never { "never" } else { "always" };
            let message = format!("this is {word} true");
            let report = midwire_definition::Diagnostic::warning("F026", span, message)
                .label(format!("{shown} is from {least} to {most}"));
            self.facts.report(report);
        }
    }

    pub(super) fn always(&mut self, span: Span, why: &str) {
        let report = midwire_definition::Diagnostic::warning("F026", span, why);
        self.facts.report(report.label("nothing of the packet is asked"));
    }

    fn chat_as_it_is(&mut self, left: &Expr) {
        let ExprKind::Path(path) = &left.kind else { return };
        // What clients say is plain text.
        if self.kind.direction == Direction::Serverbound {
            return;
        }
        let name = path.text();
        let message = format!("`{name}` is a chat component, and this compares how it is written");
        let report = midwire_definition::Diagnostic::warning("F030", left.span, message)
            .label(format!("write `text({name})` for the words that players read"));
        self.facts.report(report);
    }

    fn texts(
        &mut self,
        span: Span,
        op: Comparison,
        (a, at, left_expr): (Str, StrType, &Expr),
        (b, bt, right_expr): (Str, StrType, &Expr),
        nocase: bool,
    ) -> Pred {
        if op.is_order() {
            return self.wrong_operator(span, op, "texts");
        }
        let a = self.uuid_const(a, bt, left_expr);
        let b = self.uuid_const(b, at, right_expr);
        let (Some(a), Some(b)) = (a, b) else { return Pred::Const(false) };
        let negated = op == Comparison::NotEqual;
        if !nocase || matches!(b, Str::Const(_)) {
            self.facts.right(span);
        }
        match (a, b) {
            (Str::Const(x), Str::Const(y)) => {
                self.always(span, "these are the same for all packets");
                let matcher = self.facts.matchers.compare(op, &y, nocase);
                Pred::Const(matcher.is_some_and(|m| m.is_match(&x)) != negated)
            }
            (of, Str::Const(text)) => {
                if let (Str::Slice(_, from, Some(to)), Comparison::Equal) = (&of, op)
                    && (to - from) as usize != text.len()
                {
                    let message = format!(
                        "this is never true: {} bytes are compared with {}",
                        to - from,
                        text.len()
                    );
                    let report = midwire_definition::Diagnostic::warning("F026", span, message);
                    self.facts.report(report.label("lengths differ"));
                }
                match self.facts.matchers.compare(op, &text, nocase) {
                    Some(matcher) => Pred::Text { of, matcher, negated },
                    None => self.too_long(right_expr.span),
                }
            }
            (Str::Const(text), of) if matches!(op, Comparison::Equal | Comparison::NotEqual) => {
                match self.facts.matchers.compare(op, &text, nocase) {
                    Some(matcher) => Pred::Text { of, matcher, negated },
                    None => self.too_long(left_expr.span),
                }
            }
            (a, b) => {
                if nocase {
                    let message = "`nocase` needs a constant on the right".to_owned();
                    let report = self.error("F025", span, message).label("two fields");
                    self.facts.report(report);
                }
                Pred::Texts { op, a, b }
            }
        }
    }

    pub(super) fn too_long(&mut self, span: Span) -> Pred {
        let message =
            "this cannot be looked for without case: it is too long, or no text".to_owned();
        let report = self.error("F011", span, message).label("too large");
        self.facts.report(report);
        Pred::Const(false)
    }

    /// The bytes of a UUID that is written as text.
    pub(super) fn uuid_const(&mut self, of: Str, other: StrType, expr: &Expr) -> Option<Str> {
        let (Str::Const(text), StrType::Uuid, ExprKind::Text(_)) = (&of, other, &expr.kind) else {
            return Some(of);
        };
        let digits: Vec<u8> = text.iter().copied().filter(|b| *b != b'-').collect();
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (pairs, odd) = digits.as_chunks::<2>();
        let bytes: Option<Vec<u8>> =
            pairs.iter().map(|[a, b]| Some((digit(*a)? << 4 | digit(*b)?) as u8)).collect();
        match bytes {
            Some(bytes) if bytes.len() == 16 && odd.is_empty() => Some(Str::Const(bytes.into())),
            _ => {
                let message = "this is no UUID".to_owned();
                let report = midwire_definition::Diagnostic::error("F025", expr.span, message)
                    .label("32 hexadecimal digits are needed");
                self.facts.report(report);
                None
            }
        }
    }

    fn matches(
        &mut self,
        span: Span,
        left: Operand,
        left_expr: &Expr,
        (pattern, nocase): (&str, bool),
        right_expr: &Expr,
    ) -> Pred {
        let of = match left {
            Operand::Absent | Operand::Wrong => return Pred::Const(false),
            Operand::Str(of, ty) => {
                if ty == StrType::Chat {
                    self.chat_as_it_is(left_expr);
                }
                of
            }
            Operand::Inside(place, path) => {
                if path.is_empty() {
                    self.chat_as_it_is(left_expr);
                }
                Str::Inside(place, path)
            }
            Operand::Mixed(place, ..) => Str::Text(place),
            other => {
                let what = kind_of(&other);
                let message = format!("cannot look for a regular expression in {what}");
                let report = self.error("F025", span, message).label("a text is needed");
                self.facts.report(report);
                return Pred::Const(false);
            }
        };
        self.facts.right(span);
        match self.facts.matchers.regex(pattern, nocase) {
            Ok(matcher) => Pred::Text { of, matcher, negated: false },
            Err(why) => {
                let message = format!("the regular expression is wrong: {why}");
                let report =
                    midwire_definition::Diagnostic::error("F011", right_expr.span, message);
                self.facts.report(report.label("wrong"));
                Pred::Const(false)
            }
        }
    }
}

/// Truth as a number, where a number is compared.
fn as_number(operand: Operand) -> Operand {
    match operand {
        Operand::Truth(Pred::Const(is)) => Operand::Num(
            Num::Const(Number::Int(is.into())),
            NumType { is_bool: true, shown: "bool".into(), ..NumType::default() },
        ),
        Operand::Truth(pred) => Operand::Num(
            Num::Truth(Box::new(pred)),
            NumType { is_bool: true, shown: "bool".into(), ..NumType::default() },
        ),
        other => other,
    }
}

fn one_of(place: Place, num: NumType, text: StrType, is_text: bool) -> Operand {
    match is_text {
        true => Operand::Str(Str::Text(place), text),
        false => Operand::Num(Num::Field(place), num),
    }
}

/// A constant as it is when it is held by a number of the other side's type.
pub(super) fn rounded(num: Num, other: &NumType) -> Num {
    match num {
        Num::Const(Number::Float(n)) if other.is_single => {
            Num::Const(Number::Float(f64::from(n as f32)))
        }
        num => num,
    }
}

/// What kind of value something is, for messages.
pub(super) fn kind_of(operand: &Operand) -> String {
    match operand {
        Operand::Absent | Operand::Wrong => "nothing".to_owned(),
        Operand::Truth(_) => "a condition".to_owned(),
        Operand::Num(_, ty) if ty.is_bool => "true or false".to_owned(),
        Operand::Num(_, ty) if ty.shown.is_empty() => "a number".to_owned(),
        Operand::Num(_, ty) => ty.shown.clone(),
        Operand::Str(_, ty) => ty.as_str().to_owned(),
        Operand::Inside(..) => "NBT".to_owned(),
        Operand::Mixed(..) => "a number or text".to_owned(),
        Operand::List(_) => "a list".to_owned(),
        Operand::Group(_, what) => what.clone(),
        Operand::Address(_) => "an address".to_owned(),
        Operand::Version => "a version".to_owned(),
        Operand::Word(..) => "a name".to_owned(),
    }
}

//! What an expression gives, where a value is wanted: on the right of an assignment, in a text.

use midwire_definition::plan::anchor::{Step, Target};
use midwire_definition::syntax::ast::Span;

use super::compare::{kind_of, rounded};
use super::{Lowerer, NumType, Operand, Shape, StrType, steps};
use crate::predicate::{Num, Place, Pred, Str};
use crate::syntax::ast::{Expr, Path, Segment};
use crate::value::{Number, ValueKind};

/// What an expression gives.
#[derive(Debug)]
pub(crate) enum Yield {
    Truth(Pred),
    Num(Num),
    Text(Str),
    Bytes(Str),
    /// A number or text out of NBT.
    Inside(Place, Box<[Step]>),
}

impl Lowerer<'_> {
    /// What an expression gives for packets of this kind; `None`: nothing, or it is wrong. `target` is the
    /// field that it is to be put in: names are those of its enum then, and the kind must fit.
    pub(crate) fn yields(&mut self, expr: &Expr, target: Option<&Path>) -> Option<Yield> {
        if !self.is_in_scope() {
            return None;
        }
        self.is_value = true;
        let (ty, wanted) = match target {
            Some(path) => self.target(path)?,
            None => (NumType::default(), None),
        };
        if !ty.names.is_empty()
            && let Some(found) = self.named(&ty, expr)
        {
            return found.map(|n| Yield::Num(Num::Const(Number::Int(n))));
        }
        let given = match self.scalar(expr) {
            Operand::Absent | Operand::Wrong => return None,
            Operand::Truth(pred) => Yield::Truth(pred),
            Operand::Num(num, from) if from.is_bool => Yield::Truth(match num {
                Num::Const(Number::Int(n)) => Pred::Const(n != 0),
                num => Pred::True(num),
            }),
            Operand::Num(num, _) => Yield::Num(rounded(num, &ty)),
            Operand::Str(of, StrType::Text | StrType::Chat) => Yield::Text(of),
            Operand::Str(of, StrType::Bytes | StrType::Uuid) => Yield::Bytes(of),
            Operand::Inside(place, path) => Yield::Inside(place, path),
            Operand::Mixed(place, ..) => Yield::Num(Num::Field(place)),
            Operand::Word(_, text) => Yield::Text(Self::text_const(&text)),
            Operand::Version => {
                let key = self.protocol.versions.get(self.kind.version).key.clone();
                Yield::Text(Self::text_const(&key))
            }
            other @ (Operand::List(_) | Operand::Group(..) | Operand::Address(_)) => {
                let message = format!("{} is not one value", kind_of(&other));
                let report = self.error("F029", expr.span, message).label("a value is needed");
                self.facts.report(report);
                return None;
            }
        };
        self.fits(&given, wanted, &ty, expr.span).then_some(given)
    }

    /// The type of the field that a value is put in.
    fn target(&mut self, path: &Path) -> Option<(NumType, Option<ValueKind>)> {
        let plan = self.plan?;
        let span = path.span()?;
        let Some(anchor) = plan.anchor(&steps(&path.segments)) else {
            self.missing(&path.segments, span);
            return None;
        };
        path.segments.iter().for_each(|s| self.facts.found(Segment::span(s), ""));
        let targets: Vec<Target<'_>> = anchor.targets(plan);
        let mut out = (NumType::default(), None);
        for target in &targets {
            match Shape::of(target) {
                Shape::Num(ty) => {
                    let kind = match () {
                        () if ty.is_bool => ValueKind::Bool,
                        () if ty.is_float => ValueKind::Float,
                        () => ValueKind::Int,
                    };
                    out = (ty, Some(kind));
                }
                Shape::Str(StrType::Text | StrType::Chat, _) => out.1 = Some(ValueKind::Text),
                Shape::Str(..) => out.1 = Some(ValueKind::Bytes),
                Shape::Inside => out.1 = None,
                Shape::List | Shape::Group(_) => {
                    let message = format!("`{}` is not one value", path.text());
                    let report = self.error("F029", span, message);
                    self.facts.report(report.label("cannot be set as a whole"));
                    return None;
                }
            }
        }
        Some(out)
    }

    fn fits(&mut self, given: &Yield, wanted: Option<ValueKind>, ty: &NumType, span: Span) -> bool {
        let (is_right, what) = match (given, wanted) {
            (_, None) | (Yield::Inside(..), _) => return true,
            (Yield::Truth(_), Some(kind)) => {
                (matches!(kind, ValueKind::Bool | ValueKind::Int), "true or false")
            }
            (Yield::Num(_), Some(kind)) => {
                (matches!(kind, ValueKind::Int | ValueKind::Float | ValueKind::Bool), "a number")
            }
            (Yield::Text(_), Some(kind)) => {
                (matches!(kind, ValueKind::Text | ValueKind::Bytes), "a text")
            }
            (Yield::Bytes(_), Some(kind)) => (kind == ValueKind::Bytes, "bytes"),
        };
        if !is_right {
            let needed = match wanted {
                Some(ValueKind::Bool) => "true or false is needed",
                Some(ValueKind::Int) => "a whole number is needed",
                Some(ValueKind::Float) => "a number is needed",
                Some(ValueKind::Text) => "a text is needed",
                _ => "bytes are needed",
            };
            let message = format!("{what} does not fit this field");
            let report = self.error("F029", span, message).label(needed);
            self.facts.report(report);
            return false;
        }
        let constant = match given {
            Yield::Num(Num::Const(n)) => Some(*n),
            _ => None,
        };
        if let (Some(Number::Int(n)), Some((least, most))) = (constant, ty.range)
            && (n < least || n > most)
        {
            let message = format!("{n} does not fit this field");
            let report = self.error("F029", span, message);
            self.facts.report(report.label(format!("{} is from {least} to {most}", ty.shown)));
            return false;
        }
        if let (Some(Number::Float(n)), Some(ValueKind::Int | ValueKind::Bool)) = (constant, wanted)
        {
            let message = format!("{n} does not fit this field");
            let report = self.error("F029", span, message);
            self.facts.report(report.label("a whole number is needed"));
            return false;
        }
        self.facts.right(span);
        true
    }
}

//! `any`, `all`, `count`, `text`.

use midwire_definition::plan::anchor::{Anchor, Target};
use midwire_definition::syntax::ast::{Name, Span};

use super::compare::kind_of;
use super::paths::of_targets;
use super::{Hoisted, It, Lowerer, NumType, Operand, StrType};
use crate::predicate::{Num, Place, Pred, Str};
use crate::syntax::ast::{Expr, ExprKind, Segment};

/// The functions, with what they give.
pub const FUNCTIONS: &[(&str, &str)] = &[
    ("any(list, it > 3)", "it is so for an element of the list"),
    ("all(list, it > 3)", "the list is there, and it is so for all of its elements"),
    ("count(list)", "the number of elements; of a text its characters, of bytes their number"),
    ("text(field)", "the words of a chat component, as players read them"),
];

impl Lowerer<'_> {
    /// A part of an expression that is to be one value: of a list of values each of them.
    pub(super) fn scalar(&mut self, expr: &Expr) -> Operand {
        let operand = self.operand(expr);
        let (Operand::List(place), Some(plan)) = (&operand, self.plan) else { return operand };
        let (from, lists) = match place {
            Place::Body(anchor) => (None, vec![(**anchor).clone()]),
            Place::Within(slot, anchors) => (Some(*slot), anchors.to_vec()),
            Place::Slot(slot) => {
                // Its lists are gone through already: their values take the lists' place.
                let Some(hoisted) = self.hoisted.iter_mut().find(|h| h.slot == *slot) else {
                    return operand;
                };
                let values: Vec<Anchor> =
                    hoisted.anchors.iter().filter_map(|list| list.values(plan)).collect();
                if values.is_empty() {
                    return operand;
                }
                let targets: Vec<Target<'_>> =
                    values.iter().flat_map(|a| a.targets(plan)).collect();
                hoisted.anchors = values;
                return of_targets(Place::Slot(*slot), &targets, Box::default());
            }
        };
        let values: Vec<Anchor> = lists.iter().filter_map(|list| list.values(plan)).collect();
        if values.is_empty() {
            return operand;
        }
        let targets: Vec<Target<'_>> = values.iter().flat_map(|a| a.targets(plan)).collect();
        if self.is_value {
            let place = match (from, values.as_slice()) {
                (None, [value]) => Place::Body(value.clone().into()),
                (Some(slot), _) => Place::Within(slot, values.into()),
                _ => return operand,
            };
            return of_targets(place, &targets, Box::default());
        }
        match self.slot(expr.span) {
            Some(slot) => {
                self.hoisted.push(Hoisted { from, anchors: values, slot });
                of_targets(Place::Slot(slot), &targets, Box::default())
            }
            None => Operand::Wrong,
        }
    }

    fn wrong_args(&mut self, span: Span, message: &str, help: &str) -> Operand {
        let report = midwire_definition::Diagnostic::error("F012", span, message);
        self.facts.report(report.label("wrong arguments").help(help));
        Operand::Wrong
    }

    pub(super) fn call(&mut self, name: &Name, args: &[Expr], span: Span) -> Operand {
        match (name.text.as_str(), args) {
            ("any" | "all", _) => Operand::Truth(self.quantified(name, args, span)),
            ("count", [list]) => self.count(list),
            ("text", [component]) => self.words(component),
            ("count", _) => self.wrong_args(span, "`count` takes a list", "write `count(items)`"),
            ("text", _) => {
                self.wrong_args(span, "`text` takes a chat component", "write `text(content)`")
            }
            (unknown, _) => {
                let all = ["any", "all", "count", "text", "has"];
                let near = midwire_definition::diagnostics::suggest(unknown, all.into_iter());
                let message = format!("there is no function `{unknown}`");
                let report = midwire_definition::Diagnostic::error("F020", name.span, message);
                let report = match near {
                    Some(near) => report.label(format!("did you mean `{near}`?")),
                    None => report.label("unknown function"),
                };
                self.facts.report(report.note("there are: any, all, count, text"));
                Operand::Wrong
            }
        }
    }

    fn count(&mut self, list: &Expr) -> Operand {
        let int = |num| Operand::Num(num, NumType { shown: "int".into(), ..NumType::default() });
        match self.operand(list) {
            Operand::List(place) => int(Num::Count(place)),
            Operand::Str(of, ty) => {
                let is_text = matches!(ty, StrType::Text | StrType::Chat);
                int(Num::Size(Box::new(of), is_text))
            }
            Operand::Absent => Operand::Absent,
            Operand::Wrong => Operand::Wrong,
            other => {
                let message = format!("{} has no number of elements", kind_of(&other));
                let report = self.error("F012", list.span, message).label("a list is needed");
                self.facts.report(report);
                Operand::Wrong
            }
        }
    }

    fn words(&mut self, component: &Expr) -> Operand {
        match self.operand(component) {
            Operand::Str(Str::Text(place), _) => Operand::Str(Str::Words(place), StrType::Text),
            Operand::Inside(place, path) if path.is_empty() => {
                Operand::Str(Str::Words(place), StrType::Text)
            }
            // Text already: of a view, or out of NBT.
            Operand::Str(of, StrType::Text) => Operand::Str(of, StrType::Text),
            Operand::Mixed(place, ..) => Operand::Str(Str::Words(place), StrType::Text),
            Operand::Absent => Operand::Absent,
            Operand::Wrong => Operand::Wrong,
            other => {
                let message = format!("{} is no chat component", kind_of(&other));
                let report = self.error("F012", component.span, message);
                self.facts.report(report.label("a text or NBT is needed"));
                Operand::Wrong
            }
        }
    }

    /// `any(list, ..)`, `all(list, ..)`
    pub(super) fn quantified(&mut self, name: &Name, args: &[Expr], span: Span) -> Pred {
        let [list, condition] = args else {
            let help = format!("write `{}(items, it.count > 3)`", name.text);
            let message = format!("`{}` takes a list and a condition", name.text);
            self.wrong_args(span, &message, &help);
            return Pred::Const(false);
        };
        if !matches!(list.kind, ExprKind::Path(_) | ExprKind::Group(..)) {
            let message = format!("`{}` takes the name of a list", name.text);
            self.wrong_args(list.span, &message, "write its name, as in `any(items, it > 3)`");
            return Pred::Const(false);
        }
        let slots = self.slots;
        let is_value = std::mem::replace(&mut self.is_value, true);
        let operand = self.operand(list);
        self.is_value = is_value;
        let place = match operand {
            Operand::List(place) => place,
            Operand::Absent | Operand::Wrong => return Pred::Const(false),
            other => {
                let message = format!("{} is no list", kind_of(&other));
                let report = self.error("F012", list.span, message).label("a list is needed");
                self.facts.report(report);
                return Pred::Const(false);
            }
        };
        let Some(plan) = self.plan else { return Pred::Const(false) };
        let (from, lists): (Option<usize>, Vec<Anchor>) = match &place {
            Place::Body(anchor) => (None, vec![(**anchor).clone()]),
            Place::Within(slot, anchors) => (Some(*slot), anchors.to_vec()),
            Place::Slot(_) => return Pred::Const(false),
        };
        let elements: Vec<Anchor> = lists.iter().filter_map(|list| list.elements(plan)).collect();
        let layouts = elements.iter().flat_map(|anchor| anchor.targets(plan)).filter_map(
            |target| match target {
                Target::Element(_, layout) => Some(layout),
                _ => None,
            },
        );
        let layouts: Vec<u32> = layouts.collect();
        let Some(slot) = self.slot(list.span) else { return Pred::Const(false) };
        if !mentions_it(condition) {
            let message = "the condition does not ask anything of the element";
            let report = midwire_definition::Diagnostic::warning("F026", condition.span, message);
            self.facts.report(report.label("the element is called `it`"));
        }
        self.its.push(It { slot, layouts });
        let body = Box::new(self.pred(condition));
        self.its.pop();
        self.slots = slots;
        match name.text.as_str() {
            "any" => match *body {
                Pred::Const(false) => Pred::Const(false),
                _ => Pred::Exists { from, anchors: elements, slot, body },
            },
            _ => Pred::ForAll { list: place, elements, from, slot, body },
        }
    }
}

fn mentions_it(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Path(path) | ExprKind::Slice(path, ..) => {
            matches!(path.segments.first(), Some(Segment::Name(name, false)) if name.text == "it")
        }
        ExprKind::Not(inner) | ExprKind::Negate(inner) | ExprKind::Has(inner) => mentions_it(inner),
        ExprKind::And(parts) | ExprKind::Or(parts) | ExprKind::Call(_, parts) => {
            parts.iter().any(mentions_it)
        }
        ExprKind::Arithmetic(_, a, b) => mentions_it(a) || mentions_it(b),
        ExprKind::Compare { left, right, .. } => mentions_it(left) || mentions_it(right),
        ExprKind::In { left, .. } => mentions_it(left),
        _ => false,
    }
}

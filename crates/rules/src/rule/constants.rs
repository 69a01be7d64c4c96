//! Named values and lists: put in place of their names before anything else is looked at.

use std::cell::Cell;
use std::collections::HashMap;

use midwire_definition::Diagnostic;
use midwire_definition::syntax::ast::{Name, Span};

use super::ast::{Action, Assigned, Filling, Let, LetValue, Rule};
use crate::syntax::ast::{Arithmetic, Element, Expr, ExprKind, Segment};

/// The most elements of a named list, with those of the lists that are named in it.
const ELEMENTS_MAX: usize = 10_000;

/// The longest text that constants joined make, in bytes.
const TEXT_MAX: usize = 64 * 1024;
/// The most that constants put in place of their names take in all rules together: bytes of texts, and for
/// each element of a list as much as a short text.
const FILLED_MAX: usize = 32 * 1024 * 1024;
/// What an element of a list counts.
const ELEMENT_SIZE: usize = 128;

/// What names stand for so far.
#[derive(Debug, Default)]
pub(super) struct Constants {
    by_key: HashMap<String, (Name, LetValue)>,
    /// What was put in place of names so far.
    filled: Cell<usize>,
}

impl Constants {
    /// Adds a declaration. What is wrong with it is told, and the name is known all the same.
    pub(super) fn add(&mut self, item: Let, reports: &mut Vec<Diagnostic>) {
        let Let { name, value } = item;
        if let Some((known, _)) = self.by_key.get(&name.key()) {
            let message = format!("`{}` is declared twice", name.text);
            let report = Diagnostic::error("R005", name.span, message).label("again");
            reports.push(report.secondary(known.span, "here first"));
            return;
        }
        let value = match value {
            LetValue::One(mut expr) => {
                self.fill(&mut expr, reports);
                LetValue::One(constant(expr, reports))
            }
            LetValue::List(mut list) => {
                self.fill_set(&mut list, reports);
                for element in &mut list {
                    let ends = match element {
                        Element::One(one) => [Some(one), None],
                        Element::Range(from, to) => [Some(from), Some(to)],
                    };
                    for end in ends.into_iter().flatten() {
                        let span = end.span;
                        let value = std::mem::replace(end, Expr { kind: ExprKind::Wrong, span });
                        *end = constant(value, reports);
                    }
                }
                if list.len() > ELEMENTS_MAX {
                    let message = format!("this list has {} elements", list.len());
                    let report = Diagnostic::error("R024", name.span, message);
                    reports.push(report.label(format!("at most {ELEMENTS_MAX}")));
                    list.truncate(ELEMENTS_MAX);
                }
                LetValue::List(list)
            }
        };
        self.by_key.insert(name.key(), (name, value));
    }

    /// Puts values in place of their names, in all of a rule.
    pub(super) fn fill_rule(&self, rule: &mut Rule, reports: &mut Vec<Diagnostic>) {
        if self.by_key.is_empty() {
            return;
        }
        if let Some(condition) = &mut rule.condition {
            self.fill(condition, reports);
        }
        match &mut rule.assigned {
            Assigned::Nothing => {}
            Assigned::Fields(fields) => {
                fields.iter_mut().for_each(|field| self.fill_filling(&mut field.value, reports));
            }
            Assigned::Values(values) => {
                values.iter_mut().for_each(|value| self.fill(value, reports));
            }
        }
        match &mut rule.action {
            Action::Disconnect(why) => self.fill(why, reports),
            Action::Send(send) => {
                send.fields.iter_mut().for_each(|(_, value)| self.fill_filling(value, reports));
            }
            _ => {}
        }
    }

    fn fill_filling(&self, filling: &mut Filling, reports: &mut Vec<Diagnostic>) {
        match filling {
            Filling::One(expr) => self.fill(expr, reports),
            Filling::Fields(fields, _) => {
                fields.iter_mut().for_each(|(_, value)| self.fill_filling(value, reports));
            }
            Filling::List(list, _) => {
                list.iter_mut().for_each(|value| self.fill_filling(value, reports));
            }
        }
    }

    /// Whether so much more may be put in place of a name; the first time that it may not is told.
    fn has_room(&self, size: usize, span: Span, reports: &mut Vec<Diagnostic>) -> bool {
        let filled = self.filled.get();
        if filled > FILLED_MAX {
            return false;
        }
        self.filled.set(filled.saturating_add(size));
        if filled.saturating_add(size) <= FILLED_MAX {
            return true;
        }
        let message = "constants are named so often that the rules grow without bound";
        let report = Diagnostic::error("R024", span, message);
        reports.push(report.label(format!("at most {FILLED_MAX} bytes")));
        false
    }

    fn named(&self, expr: &Expr) -> Option<&(Name, LetValue)> {
        let ExprKind::Path(path) = &expr.kind else { return None };
        let [Segment::Name(name, false)] = path.segments.as_slice() else { return None };
        self.by_key.get(&name.key())
    }

    fn fill(&self, expr: &mut Expr, reports: &mut Vec<Diagnostic>) {
        match self.named(expr) {
            Some((_, LetValue::One(value))) => {
                let size = match &value.kind {
                    ExprKind::Text(text) => text.len(),
                    ExprKind::Bytes(bytes) => bytes.len(),
                    _ => 0,
                };
                expr.kind = match self.has_room(size, expr.span, reports) {
                    true => value.kind.clone(),
                    false => ExprKind::Wrong,
                };
            }
            Some((name, LetValue::List(_))) => {
                let message = format!("`{}` is a list", name.text);
                let report = Diagnostic::error("R021", expr.span, message)
                    .label("a single value is expected here")
                    .secondary(name.span, "declared here")
                    .help(format!("a list stands behind `in`, as in `x in {}`", name.text));
                reports.push(report);
                expr.kind = ExprKind::Wrong;
            }
            None => self.fill_parts(expr, reports),
        }
    }

    fn fill_parts(&self, expr: &mut Expr, reports: &mut Vec<Diagnostic>) {
        match &mut expr.kind {
            ExprKind::Not(inner) | ExprKind::Negate(inner) => self.fill(inner, reports),
            ExprKind::And(parts) | ExprKind::Or(parts) => {
                parts.iter_mut().for_each(|part| self.fill(part, reports));
            }
            ExprKind::Arithmetic(_, left, right) | ExprKind::Compare { left, right, .. } => {
                self.fill(left, reports);
                self.fill(right, reports);
            }
            ExprKind::In { left, set, .. } => {
                self.fill(left, reports);
                self.fill_set(set, reports);
            }
            ExprKind::Call(_, args) => args.iter_mut().for_each(|arg| self.fill(arg, reports)),
            // `has x` asks for a field, whatever else is called so.
            _ => {}
        }
    }

    fn fill_set(&self, set: &mut Vec<Element>, reports: &mut Vec<Diagnostic>) {
        let mut filled = Vec::with_capacity(set.len());
        for element in std::mem::take(set) {
            match element {
                Element::One(mut one) => match self.named(&one) {
                    Some((_, LetValue::List(list))) if filled.len() <= ELEMENTS_MAX => {
                        if self.has_room(list.len() * ELEMENT_SIZE, one.span, reports) {
                            filled.extend(list.iter().cloned());
                        }
                    }
                    Some((_, LetValue::List(_))) => {}
                    _ => {
                        self.fill(&mut one, reports);
                        filled.push(Element::One(one));
                    }
                },
                Element::Range(mut from, mut to) => {
                    self.fill(&mut from, reports);
                    self.fill(&mut to, reports);
                    filled.push(Element::Range(from, to));
                }
            }
        }
        *set = filled;
    }
}

/// The value that an expression has wherever it stands; what has none is reported.
fn constant(expr: Expr, reports: &mut Vec<Diagnostic>) -> Expr {
    let span = expr.span;
    let kind = match folded(&expr) {
        Some(kind) => kind,
        None => {
            if let Some(at) = inconstant(&expr) {
                reports.push(
                    Diagnostic::error("R021", at, "a constant cannot depend on a packet")
                        .label("not a constant")
                        .help("`let` names texts, numbers, bytes and lists of them"),
                );
            }
            ExprKind::Wrong
        }
    };
    Expr { kind, span }
}

/// The first part of an expression that is no constant; `None` if all that is wrong was reported.
fn inconstant(expr: &Expr) -> Option<Span> {
    match &expr.kind {
        ExprKind::Wrong => None,
        ExprKind::Arithmetic(_, left, right) => {
            let parts = [left, right];
            match parts
                .iter()
                .find_map(|part| if folded(part).is_none() { inconstant(part) } else { None })
            {
                Some(span) => Some(span),
                None if parts.iter().all(|part| folded(part).is_some()) => Some(expr.span),
                None => None,
            }
        }
        ExprKind::Negate(inner) => inconstant(inner),
        _ => Some(expr.span),
    }
}

fn folded(expr: &Expr) -> Option<ExprKind> {
    Some(match &expr.kind {
        ExprKind::Int(_)
        | ExprKind::Float(..)
        | ExprKind::Text(_)
        | ExprKind::Bytes(_)
        | ExprKind::Bool(_)
        | ExprKind::Version(_)
        | ExprKind::Address(_)
        | ExprKind::Duration(_) => expr.kind.clone(),
        ExprKind::Negate(inner) => match folded(inner)? {
            ExprKind::Int(n) => ExprKind::Int(n.checked_neg()?),
            ExprKind::Float(n, _) => float(-n),
            _ => return None,
        },
        ExprKind::Arithmetic(op, left, right) => joined(*op, folded(left)?, folded(right)?)?,
        _ => return None,
    })
}

fn joined(op: Arithmetic, left: ExprKind, right: ExprKind) -> Option<ExprKind> {
    use ExprKind::{Float, Int, Text};
    Some(match (left, right) {
        (Int(a), Int(b)) => Int(match op {
            Arithmetic::Add => a.checked_add(b)?,
            Arithmetic::Subtract => a.checked_sub(b)?,
            Arithmetic::Multiply => a.checked_mul(b)?,
            Arithmetic::Divide => a.checked_div(b)?,
            Arithmetic::Remainder => a.checked_rem(b)?,
        }),
        (Text(a), Text(b)) if op == Arithmetic::Add && a.len() + b.len() <= TEXT_MAX => {
            Text(a + &b)
        }
        (Int(a), Float(b, _)) => float(floats(op, a as f64, b)),
        (Float(a, _), Int(b)) => float(floats(op, a, b as f64)),
        (Float(a, _), Float(b, _)) => float(floats(op, a, b)),
        _ => return None,
    })
}

fn float(n: f64) -> ExprKind {
    ExprKind::Float(n, n.to_string().into())
}

fn floats(op: Arithmetic, a: f64, b: f64) -> f64 {
    match op {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide => a / b,
        Arithmetic::Remainder => a % b,
    }
}

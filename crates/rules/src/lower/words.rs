//! Names that values of fields have, and what of the envelope is compared by name: states, directions,
//! packets, versions, addresses.

use midwire_codec::Direction;
use midwire_definition::diagnostics::suggest;
use midwire_definition::syntax::ast::{Span, same_name};

use super::{Lowerer, NumType, Operand, StrType, Word, bare};
use crate::predicate::{Net, Pred, Str};
use crate::syntax::ast::{Comparison, Expr, ExprKind};

impl Lowerer<'_> {
    /// The number of a name that is compared with a number that has names. `None`: it is no such name;
    /// `Some(None)`: it was to be one, and that was reported.
    pub(super) fn named(&mut self, ty: &NumType, other: &Expr) -> Option<Option<i128>> {
        let (text, is_text) = match (&other.kind, bare(other)) {
            (ExprKind::Text(text), _) => (text.clone(), true),
            (_, Some(name)) => (name.text.clone(), false),
            _ => return None,
        };
        let number = ty.names.iter().find_map(|names| names.number(&text));
        if let Some(number) = number {
            self.facts.found(other.span, &text);
            return Some(Some(number));
        }
        if !is_text && !matches!(self.quietly(other), Operand::Absent) {
            return None;
        }
        self.facts.found(other.span, &text);
        let what = ty.names.first().map_or(String::new(), super::Names::what);
        let all: Vec<_> = ty.names.iter().flat_map(super::Names::all).collect();
        let message = format!("`{text}` is no value of {what}");
        let report = self.error("F024", other.span, message);
        let report = match suggest(&text, all.iter().map(|name| &**name)) {
            Some(near) => report.label(format!("did you mean `{near}`?")),
            None => report.label("no such value"),
        };
        let some: Vec<&str> = all.iter().take(12).map(|name| &**name).collect();
        let more = if all.len() > some.len() { ", ..." } else { "" };
        self.facts.report(report.note(format!("there are: {}{more}", some.join(", "))));
        Some(None)
    }

    /// What a name stands for, without a note if it is nothing.
    fn quietly(&mut self, expr: &Expr) -> Operand {
        let mut facts = super::Facts::default();
        std::mem::swap(&mut facts, self.facts);
        let (hoisted, slots, anchors) = (self.hoisted.len(), self.slots, self.anchors.len());
        let operand = self.operand(expr);
        self.hoisted.truncate(hoisted);
        self.anchors.truncate(anchors);
        self.slots = slots;
        std::mem::swap(&mut facts, self.facts);
        operand
    }

    /// A name out of a list: of states, directions, packets.
    pub(super) fn word(
        &mut self,
        span: Span,
        op: Comparison,
        word: Word,
        text: &str,
        other: &Expr,
        nocase: bool,
    ) -> Pred {
        if op.is_of_text() || matches!(other.kind, ExprKind::Regex { .. }) {
            let of = Self::text_const(text);
            let second = self.operand(other);
            let this = Operand::Str(of, StrType::Text);
            return match self.pair(span, op, (this, other), (second, other), nocase) {
                Pred::Text { of: Str::Const(text), matcher, negated } => {
                    Pred::Const(matcher.is_match(&text) != negated)
                }
                pred => pred,
            };
        }
        let wanted = match (&other.kind, bare(other)) {
            (ExprKind::Text(text), _) => text.clone(),
            (_, Some(name)) => name.text.clone(),
            _ => {
                let message = "a name is needed here".to_owned();
                let report = self.error("F025", other.span, message);
                self.facts.report(report.label("not a name"));
                return Pred::Const(false);
            }
        };
        self.facts.found(other.span, &wanted);
        let is = match word {
            Word::Packet => self.kind.definition.is_some_and(|d| d.is_called(&wanted)),
            Word::Direction => match wanted.as_str() {
                "c2s" => self.kind.direction == Direction::Serverbound,
                "s2c" => self.kind.direction == Direction::Clientbound,
                wanted => same_name(text, wanted),
            },
            Word::State => same_name(text, &wanted),
        };
        let is_known = match word {
            Word::Packet => {
                let key = midwire_definition::syntax::ast::lookup_key(&wanted);
                is || self.known.packets.contains_key(&key)
            }
            Word::Direction => {
                let all = ["serverbound", "clientbound", "c2s", "s2c"];
                all.iter().any(|name| same_name(name, &wanted))
            }
            Word::State => self.protocol.states.iter().any(|state| same_name(state, &wanted)),
        };
        if !is_known {
            self.unknown_word(word, &wanted, other.span);
            return Pred::Const(false);
        }
        match op {
            Comparison::Equal => Pred::Const(is),
            Comparison::NotEqual => Pred::Const(!is),
            _ => self.wrong_operator(span, op, "names"),
        }
    }

    pub(super) fn unknown_word(&mut self, word: Word, wanted: &str, span: Span) {
        let (what, all): (&str, Vec<&str>) = match word {
            Word::Packet => ("packet", self.known.packets.values().map(|name| &**name).collect()),
            Word::Direction => ("direction", vec!["serverbound", "clientbound"]),
            Word::State => ("state", self.protocol.states.iter().map(|s| &**s).collect()),
        };
        let report = midwire_definition::Diagnostic::error(
            "F023",
            span,
            format!("there is no {what} `{wanted}`"),
        );
        let report = match suggest(wanted, all.iter().copied()) {
            Some(near) => report.label(format!("did you mean `{near}`?")),
            None => report.label(format!("no such {what}")),
        };
        let report = match word {
            Word::Packet => report,
            _ => report.note(format!("there are: {}", all.join(", "))),
        };
        self.facts.report(report);
    }

    pub(super) fn version(&mut self, span: Span, op: Comparison, other: &Expr) -> Pred {
        let versions = &self.protocol.versions;
        let text = match &other.kind {
            ExprKind::Text(text) | ExprKind::Version(text) => text.clone(),
            ExprKind::Int(n) => n.to_string(),
            ExprKind::Float(_, text) => text.to_string(),
            _ => match bare(other) {
                Some(name) => name.text.clone(),
                None => String::new(),
            },
        };
        self.facts.found(other.span, &text);
        let number = text.parse::<i64>().ok();
        let wanted = match (versions.by_text(&text), number, op) {
            (Some(id), ..) => Some(id),
            // Numbers between two versions have an order all the same.
            (None, Some(n), Comparison::Less | Comparison::GreaterEqual) => versions.first_from(n),
            (None, Some(n), Comparison::LessEqual | Comparison::Greater) => versions.last_to(n),
            _ => None,
        };
        let Some(wanted) = wanted else {
            let message = format!("`{text}` is no version of {}", self.protocol.title);
            let report = midwire_definition::Diagnostic::error("F031", other.span, message);
            let keys = versions.iter().map(|(_, version)| &*version.key);
            let report = match suggest(&text, keys) {
                Some(near) => report.label(format!("did you mean \"{near}\"?")),
                None => report.label("no such version"),
            };
            self.facts.report(report);
            return Pred::Const(false);
        };
        // Versions of one wire number cannot be told from each other.
        let (mine, wanted) = (versions.get(self.kind.version), versions.get(wanted));
        let order = match mine.number == wanted.number {
            true => std::cmp::Ordering::Equal,
            false => mine.ordinal.cmp(&wanted.ordinal),
        };
        match op {
            Comparison::Equal => Pred::Const(order.is_eq()),
            Comparison::NotEqual => Pred::Const(order.is_ne()),
            Comparison::Less => Pred::Const(order.is_lt()),
            Comparison::LessEqual => Pred::Const(order.is_le()),
            Comparison::Greater => Pred::Const(order.is_gt()),
            Comparison::GreaterEqual => Pred::Const(order.is_ge()),
            _ => self.wrong_operator(span, op, "versions"),
        }
    }

    pub(super) fn net(&mut self, other: &Expr) -> Option<Net> {
        let text = match &other.kind {
            ExprKind::Text(text) | ExprKind::Address(text) => text.clone(),
            _ => String::new(),
        };
        let net = Net::parse(&text);
        if net.is_none() {
            let message = "an address is needed here".to_owned();
            let report = midwire_definition::Diagnostic::error("F031", other.span, message)
                .label("not an address")
                .help("write 127.0.0.1, 10.0.0.0/8 or \"::1\"");
            self.facts.report(report);
        }
        net
    }
}

//! What stands behind a rule's condition: modifiers and values.

use std::time::Duration;

use midwire_definition::Diagnostic;
use midwire_definition::diagnostics::suggest;

use super::ast::{Action, Assigned, Assignment, Modifier, ModifierKind};
use crate::syntax::ast::ExprKind;
use crate::syntax::{Parser, TokenKind};

/// The most times in a `rate` or `over`: each is kept.
const RATE_MAX: u32 = 10_000;
/// Words of modifiers.
const MODIFIERS: [&str; 6] = ["every", "rate", "over", "once", "after", "force"];
/// Words of operators in conditions, for suggestions.
const OPERATORS: [&str; 8] =
    ["and", "or", "in", "contains", "startswith", "endswith", "matches", "nocase"];

impl Parser<'_> {
    /// `every 5s` and the like, as many as there are.
    pub(super) fn modifiers(&mut self, has_condition: bool) -> Vec<Modifier> {
        let mut modifiers: Vec<Modifier> = Vec::new();
        loop {
            self.go_on();
            let start = self.span();
            let Some(word) = self.word() else { return modifiers };
            if word == "where" {
                let (message, label) = match has_condition {
                    true => ("`where` is said twice", "join conditions with `and`"),
                    false => {
                        ("`where` comes too late", "the condition comes in front of these words")
                    }
                };
                self.report(Diagnostic::error("R006", start, message).label(label));
                self.give_up();
                return modifiers;
            }
            if !MODIFIERS.contains(&word) {
                let word = crate::syntax::shortened(word);
                let report =
                    Diagnostic::error("R006", start, format!("`{word}` means nothing here"));
                let words = MODIFIERS.into_iter().chain(["where", "with"]).chain(OPERATORS);
                self.report(match suggest(&word, words) {
                    Some(near) => report.label(format!("did you mean `{near}`?")),
                    None => report
                        .label(
                            "neither `where` nor `every`, `rate`, `over`, `once`, `after`, `force`",
                        )
                        .help("a rule's condition begins with `where`"),
                });
                self.give_up();
                return modifiers;
            }
            self.skip();
            let Some(kind) = self.modifier(word) else { return modifiers };
            let modifier = Modifier { kind, span: self.since(start) };
            if let Some(known) = modifiers.iter().find(|m| m.kind.as_str() == word) {
                let message = format!("`{word}` is said twice");
                let report = Diagnostic::error("R006", modifier.span, message);
                self.report(report.label("again").secondary(known.span, "here first"));
            } else {
                modifiers.push(modifier);
            }
        }
    }

    fn modifier(&mut self, word: &str) -> Option<ModifierKind> {
        Some(match word {
            "once" => ModifierKind::Once,
            "force" => ModifierKind::Force,
            "after" => ModifierKind::After(self.duration("how long, as in `after 5s`,")?),
            "every" if self.token().kind == TokenKind::Duration => {
                ModifierKind::EveryTime(self.duration("")?)
            }
            "every" => {
                let n = self.times("a number or a time, as in `every 10` or `every 5s`,")?;
                ModifierKind::EveryNth(n)
            }
            _ => {
                let example = format!("how often in which time, as in `{word} 3/10s`,");
                let n = self.times(&example)?;
                if !self.take_symbol("/") {
                    self.expected("`/` and a time, as in `3/10s`,");
                    self.give_up();
                    return None;
                }
                let unit = match self.word() {
                    Some("s") => Some(1),
                    Some("m") => Some(60),
                    Some("h") => Some(3600),
                    _ => None,
                };
                let time = match unit {
                    Some(seconds) => {
                        self.skip();
                        Duration::from_secs(seconds)
                    }
                    None => self.duration("a time, as in `3/10s`,")?,
                };
                match word {
                    "rate" => ModifierKind::Rate(n, time),
                    _ => ModifierKind::Over(n, time),
                }
            }
        })
    }

    /// A number of times, from 1.
    fn times(&mut self, what: &str) -> Option<u32> {
        let span = self.span();
        if self.token().kind != TokenKind::Integer {
            self.expected(what);
            self.give_up();
            return None;
        }
        let Some(ExprKind::Int(n)) = self.literal() else { return None };
        match u32::try_from(n).ok().filter(|n| (1..=RATE_MAX).contains(n)) {
            Some(n) => Some(n),
            None => {
                let message = format!("{n} is no number of times");
                let report = Diagnostic::error("R006", span, message);
                self.report(report.label(format!("from 1 to {RATE_MAX}")));
                Some(1)
            }
        }
    }

    /// What stands behind the colon, if there is one.
    pub(super) fn assigned(&mut self, action: &Action) -> Assigned {
        self.go_on();
        let colon = self.span();
        if !self.take_symbol(":") {
            return Assigned::Nothing;
        }
        self.skip_line_end();
        match action {
            Action::Set => Assigned::Fields(self.assignments()),
            Action::Log => {
                let mut values = Vec::new();
                loop {
                    values.push(self.expression());
                    if !self.take_symbol(",") {
                        return Assigned::Values(values);
                    }
                    self.skip_line_end();
                }
            }
            other => {
                let message = format!("`{}` takes no values", other.as_str());
                let report =
                    Diagnostic::error("R009", colon, message).label("nothing may follow here");
                let help = "only `set` has assignments, and `log` values; write two rules";
                self.report(report.help(help));
                self.give_up();
                Assigned::Nothing
            }
        }
    }

    fn assignments(&mut self) -> Vec<Assignment> {
        let mut all = Vec::new();
        loop {
            let start = self.span();
            let is_name = matches!(self.token().kind, TokenKind::Ident | TokenKind::Quoted);
            let field = if is_name { self.field() } else { None };
            let Some(field) = field else {
                self.expected("a field and its value, as in `health = 20`,");
                self.give_up();
                return all;
            };
            if self.is_symbol("==") {
                let report = Diagnostic::error("F006", self.span(), "`==` compares");
                self.report(report.label("write `=` to give a field a value"));
            }
            if !self.take_symbol("=") && !self.take_symbol("==") {
                self.expected("`=` and a value");
                self.give_up();
                return all;
            }
            self.skip_line_end();
            let value = self.filling();
            all.push(Assignment { field, value, span: self.since(start) });
            if !self.take_symbol(",") {
                return all;
            }
            self.skip_line_end();
        }
    }
}

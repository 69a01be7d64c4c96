//! Fields that several rules set: of each the last rule counts, which is easily not what was meant.

use midwire_codec::Direction;
use midwire_definition::syntax::ast::{Span, lookup_key};
use midwire_definition::{Diagnostic, VersionId};

use super::ast::{Action, Assigned, What};
use super::compile::Rule;

/// What was set so far.
#[derive(Debug, Default)]
pub(super) struct Doubled(Vec<SetBefore>);

#[derive(Debug)]
struct SetBefore {
    /// A packet's name or a group, and the field.
    what: (String, String),
    ways: [bool; 2],
    versions: (VersionId, VersionId),
    /// Of every packet in scope.
    always: bool,
    span: Span,
}

impl Doubled {
    /// Notes what a rule sets. Gives a warning for each field that a rule in front surely sets in the same
    /// packets: one of the two sets it in all of them.
    pub(super) fn note(&mut self, rule: &Rule) -> Vec<Diagnostic> {
        let written = &rule.written.rule;
        let (Action::Set, Assigned::Fields(fields)) = (&written.action, &written.assigned) else {
            return Vec::new();
        };
        let names: Vec<String> = match &written.scope.what {
            What::Packets(list) => list.iter().map(|(_, name)| name.key()).collect(),
            What::Group(name) => vec![format!("group:{}", name.key())],
            What::All | What::Wrong => Vec::new(),
        };
        let way = written.scope.way;
        let ways = Direction::BOTH.map(|to| way.is_none_or(|way| way.admits(to)));
        let always = written.condition.is_none() && written.modifiers.is_empty();
        let versions = rule.written.versions;
        let mut reports = Vec::new();
        let mut set = Vec::new();
        for field in fields {
            let text = field.field.text();
            for name in &names {
                let what = (name.clone(), lookup_key(&text));
                let before = self.0.iter().rev().find(|before| {
                    before.what == what
                        && (before.always || always)
                        && before.ways.iter().zip(&ways).any(|(a, b)| *a && *b)
                        && before.versions.0 <= versions.1
                        && versions.0 <= before.versions.1
                });
                if let Some(before) = before
                    && reports.iter().all(|report: &Diagnostic| report.span != field.span)
                {
                    let message = format!("two rules set `{text}` of the same packets");
                    let report = Diagnostic::warning("R026", field.span, message);
                    let report = report.label("of the two this one counts");
                    reports.push(report.secondary(before.span, "set here already"));
                }
                set.push(SetBefore { what, ways, versions, always, span: field.span });
            }
        }
        self.0.append(&mut set);
        reports
    }
}

//! Rules as one set: read, checked, and compiled for the versions that sessions have.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use midwire_codec::Direction;
use midwire_definition::{
    Diagnostics, PacketDefinition, Problems, Protocol, Root, Severity, Sources, StateId, VersionId,
};
use regex::{Regex, RegexBuilder};

use super::ast::{Action, Replacement};
use super::check::Checker;
use super::compile::Rule;
use super::decision::RuleId;
use super::load::{Loaded, load};
use super::replace::{From, Pair};
use super::state::{RuleState, Slot};
use super::tables::VersionRules;
use crate::filter::Interest;
use crate::lexicon::Lexicon;
use crate::matcher::{REGEX_NESTING_MAX, REGEX_SIZE_MAX, fault};
use crate::syntax::ast::ExprKind;

/// Rules of one or several files, in order, checked against a protocol.
///
/// It is shared by sessions, which keep what the rules remember in a [`RuleState`] each.
#[derive(Debug)]
pub struct RuleSet {
    pub(super) lexicon: Arc<Lexicon>,
    pub(super) rules: Vec<Rule>,
    infos: Vec<RuleInfo>,
    /// The names of `count`.
    counts: Vec<Arc<str>>,
    sources: Sources,
    warnings: Diagnostics,
    versions: Mutex<HashMap<VersionId, Arc<VersionRules>>>,
}

/// What people are told of a rule.
#[derive(Debug, Clone)]
pub struct RuleInfo {
    /// Its name, or its file and line.
    pub name: Arc<str>,
    /// As it is written.
    pub text: Arc<str>,
    /// The file it stands in.
    pub file: Arc<str>,
    /// The line that it begins on, from 1.
    pub line: usize,
    /// The word of what it does.
    pub action: &'static str,
}

impl RuleSet {
    /// No rules.
    pub fn empty(lexicon: &Arc<Lexicon>) -> RuleSet {
        RuleSet {
            lexicon: lexicon.clone(),
            rules: Vec::new(),
            infos: Vec::new(),
            counts: Vec::new(),
            sources: Sources::new(),
            warnings: Diagnostics::new(),
            versions: Mutex::default(),
        }
    }

    /// Reads files and what they include, and checks all rules for every version that they can meet.
    ///
    /// # Errors
    /// What is wrong with them, with the texts that the messages point into. Nothing of the files is used
    /// then.
    pub fn load(roots: &[Root<'_>], lexicon: &Arc<Lexicon>) -> Result<RuleSet, Box<Problems>> {
        let Loaded { rules, sources, mut reports } = load(roots, &lexicon.protocol);
        let mut set = RuleSet::empty(lexicon);
        let mut checker = Checker::new(lexicon);
        for written in rules {
            let count = match &written.rule.action {
                Action::Count(name) => set.count(&name.text),
                _ => 0,
            };
            let pairs = match &written.rule.action {
                Action::Replace { pairs, .. } => {
                    pairs.iter().filter_map(|pair| compiled(pair, &mut reports)).collect()
                }
                _ => Vec::new(),
            };
            let file = sources.get(written.rule.span.file).map_or("", |file| file.name.as_str());
            set.infos.push(RuleInfo {
                name: written.name.clone(),
                text: written.text.clone(),
                file: file.into(),
                line: written.line,
                action: written.rule.action.as_str(),
            });
            // What was misread is not looked at further: more would be said than is wrong.
            let span = written.rule.span;
            let is_misread = reports.iter().any(|report| {
                let at = report.span;
                report.severity == Severity::Error
                    && at.file == span.file
                    && (span.start..=span.end).contains(&at.start)
            });
            let rule = Rule::new(written, lexicon, count, pairs);
            if !is_misread {
                checker.rule(&rule);
            }
            set.rules.push(rule);
        }
        reports.append(&mut checker.reports);
        // By file and place, as people read them.
        reports.sort_by_key(|report| (report.span.file, report.span.start));
        let reports = Diagnostics::from(reports);
        if reports.has_errors() {
            return Err(Box::new(Problems { diagnostics: reports, sources }));
        }
        (set.sources, set.warnings) = (sources, reports);
        Ok(set)
    }

    fn count(&mut self, name: &str) -> u32 {
        let known = self.counts.iter().position(|known| super::compile::is_named(known, name));
        let at = known.unwrap_or_else(|| {
            self.counts.push(name.into());
            self.counts.len() - 1
        });
        u32::try_from(at).unwrap_or(0)
    }

    /// The protocol that they are for.
    pub fn protocol(&self) -> &Arc<Protocol> {
        &self.lexicon.protocol
    }

    /// The rules, in order: a [`RuleId`] is the place in here.
    pub fn rules(&self) -> &[RuleInfo] {
        &self.infos
    }

    /// A rule.
    pub fn rule(&self, id: RuleId) -> Option<&RuleInfo> {
        self.infos.get(id.0 as usize)
    }

    /// The names of `count`, in the order of [`RuleSet::counts_of`].
    pub fn count_names(&self) -> &[Arc<str>] {
        &self.counts
    }

    /// How often was counted in a session, by the names of `count`.
    pub fn counts_of<'s>(
        &'s self,
        state: &'s RuleState,
    ) -> impl Iterator<Item = (&'s Arc<str>, u64)> {
        self.counts.iter().zip(state.counts.iter().copied())
    }

    /// What is doubtful in the files.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The texts that messages point into.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The rules for one version; compiled on first use.
    pub fn at(&self, version: VersionId) -> Arc<VersionRules> {
        let mut versions = self.versions.lock().unwrap_or_else(|e| e.into_inner());
        versions
            .entry(version)
            .or_insert_with(|| Arc::new(VersionRules::new(self, version)))
            .clone()
    }

    /// What must be looked at of a kind of packet; `None` stands for unknown ids.
    pub fn interest(
        &self,
        version: VersionId,
        state: StateId,
        direction: Direction,
        definition: Option<&PacketDefinition>,
    ) -> Interest {
        self.at(version).interest(state, direction, definition)
    }

    /// What rules remember of a session that begins.
    pub fn begin(&self) -> RuleState {
        RuleState {
            slots: vec![Slot::default(); self.rules.len()],
            counts: vec![0; self.counts.len()],
            ..RuleState::default()
        }
    }

    /// What rules remember of a session that had another set so far: rules whose name and text are the same
    /// keep how often and when they acted, and counts their number.
    pub fn carry(&self, old: &RuleSet, state: RuleState) -> RuleState {
        let keys = |set: &RuleSet| -> Vec<(Arc<str>, Arc<str>)> {
            set.infos.iter().map(|info| (info.name.clone(), info.text.clone())).collect()
        };
        let counted = |name: &Arc<str>| {
            let at = old.counts.iter().position(|known| super::compile::is_named(known, name));
            at.and_then(|at| state.counts.get(at).copied()).unwrap_or(0)
        };
        let counts = self.counts.iter().map(counted).collect();
        state.carried(keys(old).into_iter(), keys(self).into_iter(), counts)
    }
}

/// What a replacement looks for.
fn compiled(pair: &Replacement, reports: &mut Vec<midwire_definition::Diagnostic>) -> Option<Pair> {
    use midwire_definition::Diagnostic;
    let span = pair.from.span;
    let to: Box<str> = pair.to.0.as_str().into();
    let (pattern, nocase, is_text) = match &pair.from.kind {
        ExprKind::Text(text) if text.is_empty() => {
            let report = Diagnostic::error("R023", span, "nothing is replaced");
            reports.push(report.label("this text is empty"));
            return None;
        }
        ExprKind::Text(text) if !pair.nocase => {
            return Some(Pair { from: From::Text(text.as_str().into()), to });
        }
        ExprKind::Text(text) => (regex::escape(text), true, true),
        ExprKind::Regex { pattern, nocase } => (pattern.clone(), *nocase || pair.nocase, false),
        _ => return None,
    };
    let regex = match regex(&pattern, nocase) {
        Ok(regex) => Box::new(regex),
        Err(reason) => {
            let message = format!("this regular expression is wrong: {reason}");
            reports.push(Diagnostic::error("F011", span, message));
            return None;
        }
    };
    if is_text {
        return Some(Pair { from: From::Nocase(regex), to });
    }
    for group in groups(&to) {
        let is_there = match group.parse::<usize>() {
            Ok(n) => n < regex.captures_len(),
            Err(_) => regex.capture_names().flatten().any(|name| name == group),
        };
        if !is_there {
            let message = format!("the regular expression has no group `{group}`");
            let report = Diagnostic::error("R025", pair.to.1, message);
            let last = regex.captures_len().saturating_sub(1);
            let report = match last {
                0 => report.label("it has no groups"),
                last => report.label(format!("its groups are 1 to {last}")),
            };
            reports.push(report.help("`$$` is a dollar sign, `${1}x` group 1 and an x"));
        }
    }
    Some(Pair { from: From::Regex(regex), to })
}

/// The groups that a text names with `$`.
fn groups(to: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut rest = to;
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix('$') {
            rest = behind;
        } else if let Some(inner) = rest.strip_prefix('{') {
            if let Some((name, behind)) = inner.split_once('}') {
                all.push(name);
                rest = behind;
            }
        } else {
            let len = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            if len > 0 {
                all.push(&rest[..len]);
            }
            rest = &rest[len..];
        }
    }
    all
}

fn regex(pattern: &str, nocase: bool) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern)
        .case_insensitive(nocase)
        .size_limit(REGEX_SIZE_MAX)
        .dfa_size_limit(REGEX_SIZE_MAX)
        .nest_limit(REGEX_NESTING_MAX)
        .build();
    built.map_err(|error| fault(&error))
}

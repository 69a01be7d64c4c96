//! Rule files and what they include, as one list of rules in order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use midwire_definition::diagnostics::suggest;
use midwire_definition::syntax::ast::Span;
use midwire_definition::{Diagnostic, Protocol, Root, Sources, VersionId};

use super::ast::{For, Item, Rule};
use super::constants::Constants;
use super::parse::parse;

/// Files that include each other, from the first inwards.
const INCLUDES_DEEP_MAX: usize = 16;
/// The most files of one set of rules.
const FILES_MAX: usize = 256;
/// The most rules of one set.
pub const RULES_MAX: usize = 10_000;

/// Rules as they are written, in order, with the values of their constants.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) rules: Vec<Written>,
    pub(super) sources: Sources,
    pub(super) reports: Vec<Diagnostic>,
}

/// A rule as it is written.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) rule: Rule,
    /// Its name, or its file and line.
    pub(super) name: Arc<str>,
    /// Its text.
    pub(super) text: Arc<str>,
    /// The line that it begins on, from 1.
    pub(super) line: usize,
    /// The versions it is for, both included.
    pub(super) versions: (VersionId, VersionId),
}

/// Reads files and what they include.
pub(super) fn load(roots: &[Root<'_>], protocol: &Protocol) -> Loaded {
    let mut loader = Files {
        protocol,
        loaded: Loaded::default(),
        constants: Constants::default(),
        open: Vec::new(),
        known: HashSet::new(),
        names: HashMap::new(),
        too_many: false,
    };
    for root in roots {
        loader.known.clear();
        loader.file(*root, root.path, None);
    }
    loader.loaded
}

struct Files<'p> {
    protocol: &'p Protocol,
    loaded: Loaded,
    constants: Constants,
    /// The files that are being read, from the first inwards.
    open: Vec<String>,
    known: HashSet<String>,
    /// Names of rules, in the form they are compared by, and where they stand.
    names: HashMap<String, Span>,
    too_many: bool,
}

impl Files<'_> {
    fn report(&mut self, report: Diagnostic) {
        self.loaded.reports.push(report);
    }

    fn file(&mut self, root: Root<'_>, path: &str, included: Option<Span>) {
        if self.open.iter().any(|open| open == path) {
            let span = included.unwrap_or(Span { file: 0, start: 0, end: 0 });
            let way = self.open.iter().map(String::as_str).chain([path]);
            let way = way.collect::<Vec<_>>().join(" -> ");
            let report = Diagnostic::error("R007", span, format!("`{path}` includes itself"));
            return self.report(report.label("included again here").note(way));
        }
        if !self.known.insert(path.to_owned()) {
            return;
        }
        if self.known.len() > FILES_MAX || self.open.len() >= INCLUDES_DEEP_MAX {
            let span = included.unwrap_or(Span { file: 0, start: 0, end: 0 });
            let message = format!(
                "more than {FILES_MAX} files, or more than {INCLUDES_DEEP_MAX} that include each other"
            );
            return self.report(Diagnostic::error("R007", span, message).label("this is one more"));
        }
        let text = match root.loader.load(path) {
            Ok(text) => text,
            Err(error) => {
                let span = match included {
                    Some(span) => span,
                    None => Span { file: self.loaded.sources.add(path, ""), start: 0, end: 0 },
                };
                // Players may be told: no more of the path than what stands in the files.
                let folder = root.path.rfind('/').map_or("", |end| &root.path[..=end]);
                let message = match included {
                    Some(_) if folder.len() > 1 => error.to_string().replace(folder, ""),
                    _ => error.to_string(),
                };
                return self.report(Diagnostic::error("R007", span, message));
            }
        };
        let file = self.loaded.sources.add(path, text.as_str());
        let (items, mut reports) = parse(file, &text);
        self.loaded.reports.append(&mut reports);
        self.open.push(path.to_owned());
        self.items(root, items);
        self.open.pop();
    }

    fn items(&mut self, root: Root<'_>, items: Vec<Item>) {
        let all = (VersionId(0), VersionId(u32::MAX));
        let mut versions = all;
        let mut is_first = true;
        for item in items {
            match item {
                Item::For(header) => {
                    if !is_first {
                        let message = "`for` stands in front of everything else";
                        let report = Diagnostic::error("R008", header.span, message);
                        self.report(report.label("move it to the top of the file"));
                    }
                    versions = self.header(&header).unwrap_or(all);
                }
                Item::Include { path, span } => self.include(root, &path, span),
                Item::Let(item) => self.constants.add(item, &mut self.loaded.reports),
                Item::Rule(rule) => self.rule(*rule, versions),
            }
            is_first = false;
        }
    }

    fn include(&mut self, root: Root<'_>, path: &str, span: Span) {
        let is_outside = path.contains(['\\', ':', '\0'])
            || path.split('/').any(|part| part.is_empty() || part == "..");
        if is_outside {
            let report = Diagnostic::error("R007", span, format!("`{path}` cannot be included"));
            let help = "name a file in this folder, or in a folder of it: \"more/chat.rules\"";
            return self.report(report.label("outside the folder of the rules").help(help));
        }
        let parts: Vec<&str> = path.split('/').filter(|part| *part != ".").collect();
        // It is written as seen from the folder of the first file, which may have been named with a path.
        let folder = root.path.rfind(['/', '\\']).and_then(|end| root.path.get(..=end));
        let path = format!("{}{}", folder.unwrap_or_default(), parts.join("/"));
        self.file(root, &path, Some(span));
    }

    fn header(&mut self, header: &For) -> Option<(VersionId, VersionId)> {
        let wanted = &header.protocol;
        if !wanted.is(&self.protocol.name) {
            let name = self.protocol.name.clone();
            let message = format!("these rules are for `{}`, and this is `{name}`", wanted.text);
            let report = Diagnostic::error("R008", wanted.span, message).label("another protocol");
            self.report(report);
            return None;
        }
        let range = header.versions.as_ref()?;
        let mut end = |end: &Option<(String, Span)>, default| match end {
            None => Some(default),
            Some((text, span)) => {
                let versions = &self.protocol.versions;
                let found = versions.by_text(text);
                if found.is_none() {
                    let message = format!("no version is called `{text}`");
                    let report = Diagnostic::error("R008", *span, message);
                    let keys: Vec<_> = versions.iter().map(|(_, v)| &*v.key).collect();
                    self.loaded.reports.push(match suggest(text, keys.into_iter()) {
                        Some(near) => report.label(format!("did you mean `{near}`?")),
                        None => report.label("not in the list of versions"),
                    });
                }
                found
            }
        };
        let is_one = range.from.is_some() && range.from == range.to;
        let from = end(&range.from, VersionId(0))?;
        let to = if is_one { from } else { end(&range.to, VersionId(u32::MAX))? };
        if from > to {
            let report =
                Diagnostic::error("R008", range.span, "the first version is newer than the last");
            self.report(report.label("no version is in this range"));
            return None;
        }
        Some((from, to))
    }

    fn rule(&mut self, mut rule: Rule, versions: (VersionId, VersionId)) {
        if self.loaded.rules.len() >= RULES_MAX {
            if !std::mem::replace(&mut self.too_many, true) {
                let message = format!("there are more than {RULES_MAX} rules");
                self.report(
                    Diagnostic::error("R024", rule.span, message).label("this is one more"),
                );
            }
            return;
        }
        self.constants.fill_rule(&mut rule, &mut self.loaded.reports);
        let (line, _) = self.loaded.sources.line_col(rule.span);
        let file = self.loaded.sources.get(rule.span.file);
        let text =
            file.and_then(|file| file.text.get(rule.span.start as usize..rule.span.end as usize));
        let text: Arc<str> = text.unwrap_or_default().into();
        let name = match &rule.name {
            Some(name) => {
                let key = name.key();
                if let Some(known) = self.names.insert(key, name.span) {
                    let message = format!("two rules are called `{}`", name.text);
                    let report = Diagnostic::error("R005", name.span, message).label("again");
                    let report = report.secondary(known, "here first");
                    self.loaded.reports.push(report);
                }
                name.text.as_str().into()
            }
            None => {
                let path = file.map_or("", |file| file.name.as_str());
                let base = path.rsplit(['/', '\\']).next().unwrap_or(path);
                format!("{base}:{line}").into()
            }
        };
        self.loaded.rules.push(Written { rule, name, text, line, versions });
    }
}

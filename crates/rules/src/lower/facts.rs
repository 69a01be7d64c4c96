//! What was found out about the names of an expression, over all packets and versions in scope.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::diagnostics::suggest;
use midwire_definition::syntax::ast::Span;
use midwire_definition::{Diagnostic, PacketDefinition, Protocol, Severity, VersionId};

use crate::matcher::Matchers;

/// Names of fields that are kept for suggestions.
const CANDIDATES_MAX: usize = 400;

/// What was found out, by the place of the name.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    fields: BTreeMap<(u32, u32), Fact>,
    /// Expressions that were right somewhere.
    right: HashSet<(u32, u32)>,
    /// What is looked for in texts, made once.
    pub(crate) matchers: Matchers,
    reports: Vec<Diagnostic>,
    /// How often a field was not there.
    missed: usize,
}

/// A packet of a direction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    name: Arc<str>,
    direction: Direction,
}

impl Owner {
    pub(crate) fn of(definition: &PacketDefinition) -> Owner {
        Owner { name: definition.name.clone(), direction: definition.direction }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.name, self.direction)
    }
}

#[derive(Debug)]
struct Fact {
    span: Span,
    name: String,
    /// It means something.
    is_found: bool,
    /// Packets that have it at some version.
    found_in: BTreeSet<Owner>,
    /// Where it is not: packet, and from which version to which.
    missing: Vec<(Owner, VersionId, VersionId)>,
    /// The packet's fields are not known.
    is_opaque: bool,
    candidates: BTreeSet<Arc<str>>,
}

impl Facts {
    fn fact(&mut self, span: Span, name: &str) -> &mut Fact {
        self.fields.entry((span.start, span.end)).or_insert_with(|| Fact {
            span,
            name: name.to_owned(),
            is_found: false,
            found_in: BTreeSet::new(),
            missing: Vec::new(),
            is_opaque: false,
            candidates: BTreeSet::new(),
        })
    }

    /// Whether a place was looked at.
    pub(crate) fn knows(&self, span: Span) -> bool {
        self.fields.range((span.start, 0)..(span.end.max(span.start + 1), 0)).next().is_some()
    }

    /// A name means something.
    pub(crate) fn found(&mut self, span: Span, name: &str) {
        self.fact(span, name).is_found = true;
    }

    /// A name is a field of a packet.
    pub(crate) fn found_in(&mut self, span: Span, owner: Option<Owner>) {
        let fact = self.fact(span, "");
        fact.is_found = true;
        fact.found_in.extend(owner);
    }

    pub(crate) fn missing(
        &mut self,
        span: Span,
        name: &str,
        packet: Owner,
        versions: (VersionId, VersionId),
        candidates: Option<Vec<Arc<str>>>,
    ) {
        self.missed += 1;
        let fact = self.fact(span, name);
        match candidates {
            Some(names) if fact.candidates.len() < CANDIDATES_MAX => {
                fact.candidates.extend(names.into_iter().filter(|name| !name.is_empty()));
            }
            Some(_) => {}
            None => fact.is_opaque = true,
        }
        if fact.name.is_empty() {
            name.clone_into(&mut fact.name);
        }
        fact.missing.push((packet, versions.0, versions.1));
    }

    /// How often a field was not there, and how many messages there are.
    pub(crate) fn marks(&self) -> (usize, usize) {
        (self.missed, self.reports.len())
    }

    /// Forgets the messages behind the first ones.
    pub(crate) fn forget_reports(&mut self, from: usize) {
        self.reports.truncate(from);
    }

    /// An expression was right.
    pub(crate) fn right(&mut self, span: Span) {
        self.right.insert((span.start, span.end));
    }

    /// Keeps a message about an expression; of several about one place the first.
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        let same =
            |known: &Diagnostic| (known.span, known.code) == (diagnostic.span, diagnostic.code);
        if !self.reports.iter().any(same) {
            self.reports.push(diagnostic);
        }
    }

    pub(crate) fn into_reports(self, protocol: &Protocol) -> Vec<Diagnostic> {
        let Facts { fields, right, reports, .. } = self;
        let mut out = Vec::new();
        for fact in fields.into_values() {
            out.extend(fact.report(protocol));
        }
        for mut report in reports {
            let encloses =
                |(start, end): &(u32, u32)| *start <= report.span.start && report.span.end <= *end;
            let is_right = right.iter().any(encloses);
            let depends = matches!(report.code, "F012" | "F024" | "F025" | "F028" | "F029");
            if is_right && depends && report.severity == Severity::Error {
                report.severity = Severity::Warning;
                report = report.note("it is right in other packets or versions; here it is false");
            }
            out.push(report);
        }
        out.sort_by_key(|report| (report.span.start, report.severity == Severity::Warning));
        out
    }
}

impl Fact {
    fn report(mut self, protocol: &Protocol) -> Option<Diagnostic> {
        // Of packets that share a name, some have the field, and those are meant.
        let found_in = std::mem::take(&mut self.found_in);
        self.missing.retain(|(owner, ..)| {
            found_in.contains(owner) || found_in.iter().all(|other| other.name != owner.name)
        });
        let (packet, ..) = self.missing.first()?;
        let name = &self.name;
        let mut packets: Vec<&Owner> = self.missing.iter().map(|(packet, ..)| packet).collect();
        packets.sort();
        packets.dedup();
        let many = match packets.as_slice() {
            [_] => format!("packet {packet}"),
            [_, _] | [_, _, _] => {
                let names: Vec<String> = packets.iter().map(|p| p.to_string()).collect();
                format!("packets {}", names.join(", "))
            }
            all => format!("{} packets in scope", all.len()),
        };
        let key = |version: VersionId| protocol.versions.get(version).key.clone();
        if !self.is_found {
            if self.is_opaque && self.candidates.is_empty() {
                let message = format!("the fields of {many} are not known");
                return Some(Diagnostic::error("F021", self.span, message).label("cannot be read"));
            }
            let verb = if packets.len() == 1 { "has" } else { "have" };
            let message = format!("{many} {verb} no field `{name}`");
            let report = Diagnostic::error("F021", self.span, message);
            let near = suggest(name, self.candidates.iter().map(|name| &**name));
            let report = match near {
                Some(near) => report.label(format!("did you mean `{near}`?")),
                None => report.label("no such field"),
            };
            let mut names: Vec<&str> = self.candidates.iter().map(|name| &**name).collect();
            let more = names.len().saturating_sub(12);
            names.truncate(12);
            let mut list = names.join(", ");
            if more > 0 {
                list.push_str(&format!(" and {more} more"));
            }
            return Some(match list.is_empty() {
                true => report.note("it has no fields"),
                false => report.note(format!("there are: {list}")),
            });
        }
        let mut rows: Vec<(u32, u32)> =
            self.missing.iter().map(|(_, first, last)| (first.0, last.0)).collect();
        rows.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::new();
        for row in rows {
            match merged.last_mut() {
                Some(last) if row.0 <= last.1.saturating_add(1) => last.1 = last.1.max(row.1),
                _ => merged.push(row),
            }
        }
        let shown = |(first, last): &(u32, u32)| match first == last {
            true => format!("at {}", key(VersionId(*first))),
            false => format!("from {} to {}", key(VersionId(*first)), key(VersionId(*last))),
        };
        let versions = match merged.as_slice() {
            _ if protocol.versions.iter().len() == 1 => String::new(),
            rows if rows.len() <= 3 => {
                format!(" {}", rows.iter().map(shown).collect::<Vec<_>>().join(", "))
            }
            rows => format!(" {}, and at {} more", shown(&rows[0]), rows.len() - 1),
        };
        let verb = if packets.len() == 1 { "has" } else { "have" };
        let message = format!("{many} {verb} no field `{name}`{versions}");
        let report = Diagnostic::warning("F022", self.span, message);
        Some(report.label("comparisons with it are false there"))
    }
}

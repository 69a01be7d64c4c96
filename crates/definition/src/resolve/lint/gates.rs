//! Gates: places that no version has, versions between two of a name, two of a name in one version.

use std::borrow::Cow;
use std::collections::HashMap;

use midwire_codec::Direction;

use super::when::When;
use crate::diagnostics::Diagnostic;
use crate::resolve::Declarations;
use crate::syntax::ast::{
    Directions, Entry, Field, FieldKind, Gate, Label, Labels, Literal, Name, Span, Spanned, Struct,
    Type, TypeKind,
};
use crate::version::{VersionId, Versions};

/// What stands in no version, or twice in one.
pub(super) fn lint(declarations: &Declarations) -> Vec<Diagnostic> {
    let versions = &declarations.versions;
    let mut lint = Lint { versions, out: Vec::new() };
    for packet in &declarations.packets {
        let all = When::all(versions, packet.directions);
        let here = all.and(&When::of(&packet.gates, versions));
        if let Some(body) = &packet.body {
            lint.body(body, &here, gate_span(&packet.gates));
        }
        for (_, gates) in &packet.ids {
            lint.inside(gates, &here, gate_span(&packet.gates));
        }
    }
    for ty in &declarations.types {
        lint.ty(&ty.body, &When::of(&ty.gates, versions), gate_span(&ty.gates));
    }
    for on in &declarations.events {
        lint.of_packet(declarations, on.state.as_ref(), &on.packet, &on.gates);
    }
    for member in declarations.groups.iter().flat_map(|group| &group.members) {
        lint.of_packet(declarations, member.state.as_ref(), &member.packet, &member.gates);
    }
    lint.declared(declarations);
    lint.out
}

struct Lint<'d> {
    versions: &'d Versions,
    out: Vec<Diagnostic>,
}

/// A name that stands in several places of one list, with what it is called.
struct Alternative<'d> {
    name: Cow<'d, str>,
    span: Span,
    when: When,
    gated: bool,
}

impl<'d> Lint<'d> {
    /// What gates admit of what is there around them; none at all is told.
    fn inside(&mut self, gates: &[Gate], here: &When, around: Option<Span>) -> When {
        let own = When::of(gates, self.versions);
        let both = own.and(here);
        // That a range has no version at all is told where gates are read.
        let has_versions = |gate| !When::of(std::slice::from_ref(gate), self.versions).is_empty();
        if let Some(span) = gate_span(gates)
            && both.is_empty()
            && !here.is_empty()
            && gates.iter().all(has_versions)
        {
            let message = "what stands here is in no version";
            let mut warning = Diagnostic::warning("W090", span, message)
                .help("widen one of the two, or leave this out");
            warning = match around {
                Some(around) if !own.is_empty() => {
                    warning.label("outside of the gate around it").secondary(around, "this gate")
                }
                _ if own.is_empty() => warning.label("these gates exclude each other"),
                _ => warning.label("the declaration around it does not go this way"),
            };
            self.out.push(warning);
        }
        both
    }

    /// Gates of what is said about a packet: the packet must be there in some of the versions.
    fn of_packet(
        &mut self,
        declarations: &Declarations,
        state: Option<&Name>,
        packet: &Name,
        gates: &[Gate],
    ) {
        let state = declarations.state(state);
        let candidates = declarations.packets_by_name.get(&packet.key());
        let declared: Vec<_> = candidates
            .into_iter()
            .flatten()
            .map(|index| &declarations.packets[*index])
            .filter(|packet| declarations.state(packet.state.as_ref()) == state)
            .collect();
        let whens = declared.iter().map(|packet| When::of(&packet.gates, self.versions));
        // What has no declaration is told elsewhere.
        let Some(here) = whens.reduce(|all, one| all.or(&one)) else { return };
        let gate = declared.iter().find_map(|packet| gate_span(&packet.gates));
        let before = self.out.len();
        self.inside(gates, &here, gate);
        if let Some(told) = self.out.get_mut(before) {
            told.label = "the packet is not there then".to_owned();
        }
    }

    fn body(&mut self, body: &'d Struct, here: &When, around: Option<Span>) {
        let mut names: HashMap<String, Vec<Alternative<'d>>> = HashMap::new();
        for field in &body.fields {
            let when = self.inside(&field.gates, here, around);
            let inner = gate_span(&field.gates).or(around);
            self.field(field, &when, inner);
            if let FieldKind::Named { name, .. } = &field.kind {
                let gated = !field.gates.is_empty();
                names.entry(name.key()).or_default().push(Alternative {
                    name: name_of(name),
                    span: name.span,
                    when,
                    gated,
                });
            }
        }
        names.values().for_each(|list| self.left_out(list, here));
    }

    fn field(&mut self, field: &'d Field, here: &When, around: Option<Span>) {
        match &field.kind {
            FieldKind::Named { ty, .. } | FieldKind::Flat(ty) => self.ty(ty, here, around),
            FieldKind::If { then, otherwise, .. } => {
                self.body(then, here, around);
                otherwise.iter().for_each(|body| self.body(body, here, around));
            }
            FieldKind::Match { arms, .. } => {
                let mut whens = Vec::new();
                for arm in arms {
                    let when = self.inside(&arm.gates, here, around);
                    self.body(&arm.body, &when, gate_span(&arm.gates).or(around));
                    whens.push((&arm.labels, arm.gates.as_slice(), when));
                }
                self.labels(&whens, here);
            }
            FieldKind::Let { .. } | FieldKind::Pad(_) | FieldKind::Tail => {}
        }
    }

    fn ty(&mut self, ty: &'d Type, here: &When, around: Option<Span>) {
        match &ty.kind {
            TypeKind::Array { element: inner, .. }
            | TypeKind::Opt(inner)
            | TypeKind::Block { inner, .. } => self.ty(inner, here, around),
            TypeKind::Enum { entries, .. } => self.entries(entries, "number", here, around),
            TypeKind::Flags { entries, .. } => self.entries(entries, "bit", here, around),
            TypeKind::Bits { members, .. } => {
                for member in members {
                    self.inside(&member.gates, here, around);
                }
            }
            TypeKind::Match { arms, .. } => {
                let mut whens = Vec::new();
                for arm in arms {
                    let when = self.inside(&arm.gates, here, around);
                    self.ty(&arm.ty, &when, gate_span(&arm.gates).or(around));
                    whens.push((&arm.labels, arm.gates.as_slice(), when));
                }
                self.labels(&whens, here);
            }
            TypeKind::If { then, otherwise, .. } => {
                self.ty(then, here, around);
                self.ty(otherwise, here, around);
            }
            TypeKind::Struct(body) => self.body(body, here, around),
            TypeKind::Name { .. }
            | TypeKind::Str { .. }
            | TypeKind::Bytes(_)
            | TypeKind::Packed { .. }
            | TypeKind::Native(_)
            | TypeKind::Nothing => {}
        }
    }

    /// Arms of one match that have a label in common in some versions; in those the first is taken.
    fn labels(&mut self, arms: &[(&'d Labels, &'d [Gate], When)], here: &When) {
        let mut known: HashMap<String, Vec<Alternative<'_>>> = HashMap::new();
        for (labels, gates, when) in arms {
            let Labels::Any(labels) = labels else { continue };
            for label in labels {
                let Some(key) = label_key(label) else { continue };
                let earlier = known.entry(key).or_default();
                let shared = earlier.iter().find_map(|first: &Alternative<'_>| {
                    Some((first.when.and(when).first()?, first.span))
                });
                if let Some((version, at)) = shared {
                    let message = format!("two arms have this label in {}", self.version(version));
                    self.out.push(
                        Diagnostic::warning("W093", label.span, message)
                            .label("not taken there")
                            .secondary(at, "the arm that is taken")
                            .help("end one where the other begins, as in `@..764` and `@765..`"),
                    );
                }
                earlier.push(Alternative {
                    name: "arm of this label".into(),
                    span: label.span,
                    when: when.clone(),
                    gated: !gates.is_empty(),
                });
            }
        }
        known.values().for_each(|list| self.left_out(list, here));
    }

    /// Entries of an enum, or flags, and their gates.
    fn entries(&mut self, entries: &'d [Entry], what: &str, here: &When, around: Option<Span>) {
        let mut whens = Vec::new();
        let mut names: HashMap<String, Vec<Alternative<'d>>> = HashMap::new();
        for entry in entries {
            let when = self.inside(&entry.gates, here, around);
            names.entry(entry.name.key()).or_default().push(Alternative {
                name: name_of(&entry.name),
                span: entry.name.span,
                when: when.clone(),
                gated: !entry.gates.is_empty(),
            });
            whens.push(when);
        }
        names.values().for_each(|list| self.left_out(list, here));
        // The numbers change only where an entry comes or goes.
        for direction in Direction::BOTH {
            let mut at: Vec<VersionId> =
                here.runs(direction).into_iter().map(|(first, _)| first).collect();
            for (entry, when) in entries.iter().zip(&whens) {
                if !entry.gates.is_empty() {
                    for (first, last) in when.runs(direction) {
                        at.extend([first, VersionId(last.0 + 1)]);
                    }
                }
            }
            at.sort();
            at.dedup();
            for version in at.into_iter().filter(|v| here.has(*v, direction)) {
                let there =
                    entries.iter().zip(&whens).filter(|(_, when)| when.has(version, direction));
                self.numbers(there.map(|(entry, _)| entry), what, version);
            }
        }
    }

    /// The names and numbers of one version.
    fn numbers(&mut self, entries: impl Iterator<Item = &'d Entry>, what: &str, at: VersionId) {
        let mut names: HashMap<String, Span> = HashMap::new();
        let mut numbers: HashMap<i128, (&str, Span)> = HashMap::new();
        let mut next = 0i128;
        for entry in entries {
            let twice = |message: String, first: Span| {
                Diagnostic::warning("W093", entry.name.span, message)
                    .secondary(first, "the first")
                    .help("gates keep them apart, as in `@..764 a = 1` and `@765.. b = 1`")
            };
            if let Some(first) = names.insert(entry.name.key(), entry.name.span) {
                let message =
                    format!("`{}` is given twice for {}", entry.name.text, self.version(at));
                self.out.push(twice(message, first));
            }
            let number = match &entry.value {
                None => next,
                Some(Spanned { node: Literal::Int(n), .. }) => *n,
                // Texts: the name or the value, which need not differ from another's number.
                Some(_) => continue,
            };
            next = number.saturating_add(1);
            if let Some((other, first)) =
                numbers.insert(number, (&entry.name.text, entry.name.span))
            {
                let message = format!(
                    "`{}` and `{other}` have the {what} {number} in {}",
                    entry.name.text,
                    self.version(at)
                );
                self.out.push(twice(message, first).label(format!("shown as `{other}`")));
            }
        }
    }

    /// A release between two declarations of a name that has neither, where all others have one.
    fn left_out(&mut self, list: &[Alternative<'_>], here: &When) {
        let [_, _, ..] = list else { return };
        if list.iter().any(|one| !one.gated) {
            return;
        }
        let union = list.iter().skip(1).fold(list[0].when.clone(), |all, one| all.or(&one.when));
        for direction in Direction::BOTH {
            let holes = here.without(&union).runs(direction);
            let covered = union.runs(direction);
            let [hole] = holes.as_slice() else { continue };
            let (Some(before), Some(behind)) = (
                covered.iter().find(|(_, last)| last.0 + 1 == hole.0.0),
                covered.iter().find(|(first, _)| hole.1.0 + 1 == first.0),
            ) else {
                continue;
            };
            if self.releases(*hole) > 1 {
                continue;
            }
            let at = |wanted: &(VersionId, VersionId), last: bool| {
                list.iter().find(|one| {
                    let end = if last { wanted.1 } else { wanted.0 };
                    one.when.has(end, direction)
                })
            };
            let (Some(before), Some(behind)) = (at(before, true), at(behind, false)) else {
                continue;
            };
            let message =
                format!("{} has no {}, and all others have", self.version(hole.0), behind.name);
            self.out.push(
                Diagnostic::warning("W094", behind.span, message)
                    .label("begins too late")
                    .secondary(before.span, "or this ends too early")
                    .help("gates that meet leave no version out, as in `@..764` and `@765..`"),
            );
        }
    }

    /// Declarations of packets and types of one name.
    fn declared(&mut self, declarations: &'d Declarations) {
        let mut packets: HashMap<_, Vec<Alternative<'d>>> = HashMap::new();
        for item in &declarations.packets {
            let key = (declarations.state(item.state.as_ref()), item.name.key());
            let all = When::all(self.versions, item.directions);
            packets.entry(key).or_default().push(Alternative {
                name: name_of(&item.name),
                span: item.name.span,
                when: all.and(&When::of(&item.gates, self.versions)),
                gated: !item.gates.is_empty(),
            });
        }
        let all = When::all(self.versions, Directions::Both);
        for list in packets.values() {
            self.left_out(list, &all);
        }
        for ids in declarations.types_by_name.values() {
            let list: Vec<_> = ids
                .iter()
                .map(|id| &declarations.types[*id])
                .map(|item| Alternative {
                    name: name_of(&item.name),
                    span: item.name.span,
                    when: When::of(&item.gates, self.versions),
                    gated: !item.gates.is_empty(),
                })
                .collect();
            self.left_out(&list, &all);
        }
    }

    /// How many wire numbers of releases are in a range.
    fn releases(&self, (first, last): (VersionId, VersionId)) -> usize {
        let mut numbers: Vec<i64> = (first.0..=last.0)
            .map(|id| self.versions.get(VersionId(id)))
            .filter(|version| version.key == version.release)
            .map(|version| version.number)
            .collect();
        numbers.dedup();
        numbers.len()
    }

    fn version(&self, version: VersionId) -> String {
        let version = self.versions.get(version);
        if version.number.to_string() == *version.key {
            format!("version {}", version.key)
        } else {
            format!("version {} ({})", version.key, version.number)
        }
    }
}

/// A name as messages quote it.
fn name_of(name: &Name) -> Cow<'_, str> {
    format!("`{}`", name.text).into()
}

/// Where gates are written.
fn gate_span(gates: &[Gate]) -> Option<Span> {
    let spans = gates.iter().map(|gate| match gate {
        Gate::Versions(_, span) | Gate::Direction(_, span) => *span,
    });
    spans.reduce(Span::to)
}

/// What two labels have in common if they are the same.
fn label_key(label: &Spanned<Label>) -> Option<String> {
    Some(match &label.node {
        Label::Int(n) => n.to_string(),
        Label::Range(low, high) => format!("{low}..{high}"),
        Label::Str(text) => format!("{text:?}"),
        Label::Bool(b) => b.to_string(),
        Label::Name(name) => crate::syntax::ast::lookup_key(name),
        Label::Expr(_) => return None,
    })
}

//! Declarations of one name, of which one at most may hold at a version.

use std::collections::{HashMap, HashSet};

use midwire_codec::Direction;

use super::Declarations;
use super::gates::{self, Interval};
use crate::diagnostics::Diagnostic;
use crate::protocol::StateId;
use crate::syntax::ast::{Directions, Gate, Name, Span};
use crate::version::{VersionId, Versions};

/// Errors for declarations of one name that hold for one version.
pub(super) fn check(declarations: &Declarations, out: &mut Vec<Diagnostic>) {
    let mut budget = OVERLAP_STEPS_MAX;
    let types = declarations.types_by_name.values().map(|list| {
        let of = |index: &usize| {
            let item = &declarations.types[*index];
            (item.gates.as_slice(), &item.name, Directions::Both)
        };
        list.iter().map(of).collect::<Vec<_>>()
    });
    let mut by_name: HashMap<(Option<StateId>, String), Vec<usize>> = HashMap::new();
    for (index, packet) in declarations.packets.iter().enumerate() {
        let key = (declarations.state(packet.state.as_ref()), packet.name.key());
        by_name.entry(key).or_default().push(index);
    }
    let packets = by_name.values().map(|list| {
        let of = |index: &usize| {
            let item = &declarations.packets[*index];
            (item.gates.as_slice(), &item.name, item.directions)
        };
        list.iter().map(of).collect()
    });
    for list in types.chain(packets).filter(|list| list.len() > 1) {
        overlaps(&list, &declarations.versions, &mut budget, out);
        if budget == 0 {
            let message = format!("too many declarations are called `{}`", list[0].1.text);
            out.push(Diagnostic::error("W079", list[0].1.span, message));
            return;
        }
    }
}

/// Questions to gates that are asked to find declarations that hold together.
const OVERLAP_STEPS_MAX: usize = 20_000_000;
/// Overlaps of one name that are told.
const OVERLAPS_MAX: usize = 20;

/// Finds which declarations of one name hold together, at any version.
fn overlaps(
    list: &[(&[Gate], &Name, Directions)],
    versions: &Versions,
    budget: &mut usize,
    out: &mut Vec<Diagnostic>,
) {
    let mut told: HashSet<Span> = HashSet::new();
    for direction in [Direction::Serverbound, Direction::Clientbound] {
        let mut version = 0;
        while (version as usize) < versions.iter().len() {
            let id = VersionId(version);
            let mut interval = Interval::ALL;
            let mut first: Option<&Name> = None;
            for (written, name, directions) in list {
                *budget = budget.saturating_sub(1);
                let holds = gates::goes(*directions, direction)
                    && gates::admits(written, versions, id, Some(direction), &mut interval);
                let Some(first) = first.filter(|_| holds) else {
                    first = first.or(holds.then_some(*name));
                    continue;
                };
                if !told.insert(name.span) {
                    continue;
                }
                let key = &versions.get(id).key;
                let message = format!("`{}` is declared twice for version {key}", name.text);
                out.push(
                    Diagnostic::error("W077", name.span, message)
                        .secondary(first.span, "first declared here")
                        .help("give each a gate, as in `@..764` and `@765..`"),
                );
                if told.len() >= OVERLAPS_MAX {
                    return;
                }
            }
            if *budget == 0 {
                return;
            }
            version = interval.last.0.saturating_add(1).max(version + 1);
        }
    }
}

//! Declarations of one name, of which one at most may hold at a version.

use std::collections::{HashMap, HashSet};

use midwire_codec::Direction;

use super::Declarations;
use super::gates::{self, Interval};
use super::reading::{Layer, Reading};
use crate::diagnostics::Diagnostic;
use crate::protocol::StateId;
use crate::syntax::ast::{Directions, Gate, Name, Span};
use crate::version::{VersionId, Versions};

/// Errors for declarations of one name, in one layer, that hold for one version.
pub(super) fn check(declarations: &Declarations, reading: &Reading<'_>, out: &mut Vec<Diagnostic>) {
    let mut types: HashMap<(Layer, String), Vec<Declared<'_>>> = HashMap::new();
    for item in &declarations.types {
        let key = (reading.layer(item.span), item.name.key());
        types.entry(key).or_default().push((&item.gates, &item.name, Directions::Both));
    }
    let mut packets: HashMap<(Layer, Option<StateId>, String), Vec<Declared<'_>>> = HashMap::new();
    for item in &declarations.packets {
        let state = declarations.state(item.state.as_ref());
        let key = (reading.layer(item.span), state, item.name.key());
        packets.entry(key).or_default().push((&item.gates, &item.name, item.directions));
    }
    let mut budget = OVERLAP_STEPS_MAX;
    for list in types.values().chain(packets.values()).filter(|list| list.len() > 1) {
        overlaps(list, &declarations.versions, &mut budget, out);
        if budget == 0 {
            let message = format!("too many declarations are called `{}`", list[0].1.text);
            out.push(Diagnostic::error("W079", list[0].1.span, message));
            return;
        }
    }
}

/// What is written of a declaration in front of its body.
type Declared<'d> = (&'d [Gate], &'d Name, Directions);

/// Questions to gates that are asked to find declarations that hold together.
const OVERLAP_STEPS_MAX: usize = 20_000_000;
/// Overlaps of one name that are told.
const OVERLAPS_MAX: usize = 20;

/// Finds which declarations of one name hold together, at any version.
fn overlaps(
    list: &[Declared<'_>],
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

//! Tables of packet ids: holes, packets named twice, and packets that are nowhere declared.

use std::collections::{HashMap, HashSet};

use crate::diagnostics::Diagnostic;
use crate::resolve::gates::Interval;
use crate::resolve::{Declarations, directions, ids};
use crate::syntax::ast::{IdsItem, Name, Span};
use crate::version::VersionId;

/// So many names are told of one table.
const NAMES_TOLD: usize = 6;

pub(super) fn lint(declarations: &Declarations, out: &mut Vec<Diagnostic>) {
    for table in &declarations.ids {
        let count = declarations.versions.iter().count() as u32;
        let mut undeclared = Vec::new();
        let mut version = 0;
        while version < count {
            let mut interval = Interval::ALL;
            let id = VersionId(version);
            // What is wrong with the lines themselves was told when they were read.
            let list = ids::at(table, declarations, id, &mut interval, &mut Vec::new());
            let key = &declarations.versions.get(id).key;
            twice(&list, key, out);
            hole(&list, key, out);
            undeclared.extend(
                list.into_iter()
                    .map(|(_, name)| name)
                    .filter(|name| !is_declared(declarations, table, name)),
            );
            version = interval.last.0.saturating_add(1).max(version + 1);
        }
        out.extend(not_declared(undeclared));
    }
}

fn is_declared(declarations: &Declarations, table: &IdsItem, name: &Name) -> bool {
    let state = declarations.state(table.state.as_ref());
    let candidates = declarations.packets_by_name.get(&name.key());
    candidates.into_iter().flatten().map(|index| &declarations.packets[*index]).any(|packet| {
        declarations.state(packet.state.as_ref()) == state
            && directions(table.direction).any(|d| directions(packet.directions).any(|e| d == e))
    })
}

fn twice(list: &[(i64, Name)], version: &str, out: &mut Vec<Diagnostic>) {
    let mut known: HashMap<String, (i64, Span)> = HashMap::new();
    for (id, name) in list {
        let Some((first, at)) = known.insert(name.key(), (*id, name.span)) else { continue };
        let message = format!("`{}` has two ids in version {version}: {first} and {id}", name.text);
        out.push(
            Diagnostic::warning("W099", name.span, message).secondary(at, "named before").help(
                "take one of the names out of this table; `move` gives a packet another place",
            ),
        );
    }
}

/// A hole in a table that is otherwise dense; sparse ones are meant to be.
fn hole(list: &[(i64, Name)], version: &str, out: &mut Vec<Diagnostic>) {
    let (Some((first, _)), Some((last, _))) = (list.first(), list.last()) else { return };
    let missing = i128::from(*last) - i128::from(*first) + 1 - list.len() as i128;
    if missing <= 0 || missing > list.len() as i128 / 2 {
        return;
    }
    for pair in list.windows(2) {
        let [(below, _), (above, name)] = pair else { continue };
        let (from, to) = (below.saturating_add(1), above.saturating_sub(1));
        if from > to {
            continue;
        }
        let ids = if from == to { format!("id {from}") } else { format!("ids {from} to {to}") };
        out.push(
            Diagnostic::warning("W100", name.span, format!("no packet has {ids} in version {version}"))
                .label(format!("this is {above}"))
                .help("a packet that is only known to be there has a name here and is declared without fields"),
        );
    }
}

fn not_declared(names: Vec<Name>) -> Option<Diagnostic> {
    let mut seen = HashSet::new();
    let names: Vec<Name> = names.into_iter().filter(|name| seen.insert(name.key())).collect();
    let first = names.first()?;
    let told: Vec<String> =
        names.iter().take(NAMES_TOLD).map(|name| format!("`{}`", name.text)).collect();
    let more = match names.len().saturating_sub(NAMES_TOLD) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let is_one = names.len() == 1;
    let message = if is_one {
        format!("{} is not declared: it is passed on and not read", told.join(", "))
    } else {
        format!("{}{more} are not declared: they are passed on and not read", told.join(", "))
    };
    let help = format!("`packet .. {}` without braces says that this is meant", first.text);
    Some(Diagnostic::warning("W101", first.span, message).help(help))
}

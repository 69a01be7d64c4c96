//! Packet ids, where they are kept apart from the packets.

use super::Declarations;
use super::gates::Interval;
use crate::diagnostics::{Diagnostic, suggest};
use crate::syntax::ast::{IdsChange, IdsEdit, IdsItem, IdsLine, IdsPlace, Name, VersionRef};
use crate::version::{VersionId, Versions};

/// About how many names have to be looked at to make a table for a version.
pub(crate) fn cost(table: &IdsItem) -> usize {
    let (mut names, mut cost) = (0usize, 0usize);
    for line in &table.lines {
        match &line.change {
            IdsChange::Base(list) => {
                names = list.len();
                cost = cost.saturating_add(names);
            }
            IdsChange::Edits(edits) => {
                let added = edits.iter().filter(|edit| matches!(edit, IdsEdit::Add { .. })).count();
                names += added;
                cost = cost.saturating_add(edits.len().saturating_mul(names));
            }
        }
    }
    cost
}

/// The id table as it is at a version: id and name, in order of id. Problems go to `out`; the interval
/// is narrowed to the versions that have the same table.
pub(crate) fn at(
    table: &IdsItem,
    declarations: &Declarations,
    version: VersionId,
    interval: &mut Interval,
    out: &mut Vec<Diagnostic>,
) -> Vec<(i64, Name)> {
    let versions = &declarations.versions;
    let mut list: Vec<(i64, Name)> = Vec::new();
    for line in &table.lines {
        let range = first_of(line, versions).map(|from| (from, VersionId(u32::MAX)));
        if !interval.ask(range, version) {
            continue;
        }
        match &line.change {
            IdsChange::Base(names) => {
                let mut next = 0;
                list = names
                    .iter()
                    .map(|(name, id)| {
                        let id = id.as_ref().map_or(next, |id| id.node);
                        next = id.saturating_add(1);
                        (id, name.clone())
                    })
                    .collect();
            }
            IdsChange::Edits(edits) => {
                for edit in edits {
                    if let Err(error) = apply(&mut list, edit) {
                        out.push(*error);
                    }
                }
            }
        }
    }
    list
}

/// Puts the lines of an extension's table between those of the table that it extends, in order of
/// version and behind those of the same version.
pub(super) fn extend(declarations: &mut Declarations, item: IdsItem) {
    let state = declarations.state(item.state.as_ref());
    let same = declarations.ids.iter().position(|known| {
        declarations.state(known.state.as_ref()) == state && known.direction == item.direction
    });
    let Some(same) = same else {
        declarations.ids.push(item);
        return;
    };
    let versions = declarations.versions.clone();
    let lines = &mut declarations.ids[same].lines;
    for line in item.lines {
        let from = first_of(&line, &versions);
        // A version that is not listed is an error, which is told elsewhere.
        let at = lines.iter().rposition(|known| first_of(known, &versions) <= from);
        lines.insert(at.map_or(0, |at| at + 1), line);
    }
}

/// The first version that a line holds for.
pub(super) fn first_of(line: &IdsLine, versions: &Versions) -> Option<VersionId> {
    match &line.version.node {
        VersionRef::Number(n) => versions.first_from(*n),
        VersionRef::Key(key) => versions.by_text(key),
    }
}

fn apply(list: &mut Vec<(i64, Name)>, edit: &IdsEdit) -> Result<(), Box<Diagnostic>> {
    match edit {
        IdsEdit::Add { name, place } => insert(list, name.clone(), place),
        IdsEdit::Remove(name) => take(list, name).map(|_| ()),
        IdsEdit::Move { name, place } => {
            let moved = take(list, name)?;
            insert(list, moved, place)
        }
        IdsEdit::Rename { from, to } => {
            let at = find(list, from)?;
            list[at].1 = to.clone();
            Ok(())
        }
    }
}

fn insert(
    list: &mut Vec<(i64, Name)>,
    name: Name,
    place: &IdsPlace,
) -> Result<(), Box<Diagnostic>> {
    let (at, id) = match place {
        IdsPlace::First => (0, 0),
        IdsPlace::After(other) => {
            let at = find(list, other)?;
            (at + 1, list[at].0.saturating_add(1))
        }
        IdsPlace::Id(id) => (list.partition_point(|(n, _)| *n < id.node), id.node),
    };
    // Those behind move up by one as far as they stand close.
    let mut next = id;
    for (id, _) in &mut list[at..] {
        if *id != next {
            break;
        }
        *id = id.saturating_add(1);
        next = *id;
    }
    list.insert(at, (id, name));
    Ok(())
}

fn take(list: &mut Vec<(i64, Name)>, name: &Name) -> Result<Name, Box<Diagnostic>> {
    let at = find(list, name)?;
    let (mut next, taken) = list.remove(at);
    for (id, _) in &mut list[at..] {
        if *id != next.saturating_add(1) {
            break;
        }
        next = *id;
        *id = id.saturating_sub(1);
    }
    Ok(taken)
}

fn find(list: &[(i64, Name)], name: &Name) -> Result<usize, Box<Diagnostic>> {
    list.iter().position(|(_, n)| n.is(&name.text)).ok_or_else(|| {
        let message = format!("`{}` has no id in the version before", name.text);
        let near = suggest(
            &name.text,
            list.iter().map(|(_, n)| n.text.as_str()).collect::<Vec<_>>().into_iter(),
        );
        let error = Diagnostic::error("W023", name.span, message);
        Box::new(match near {
            Some(near) => error.label(format!("did you mean `{near}`?")),
            None => error,
        })
    })
}

//! What holds of every edit of a packet.

use std::collections::HashSet;

use midwire_definition::given::parse;
use midwire_definition::splice::{Editable, editable_paths};
use midwire_definition::{EditError, Edits, Given, Workspace};

use crate::leaves::{Leaf, Leaves, leaves};
use crate::support::{Definition, fields};

/// What is known of a definition.
pub(crate) struct Known {
    /// For messages.
    pub(crate) label: String,
    /// Names of fields that follow from others; `None`: all that cannot be edited may.
    pub(crate) follow: Option<&'static [&'static str]>,
    /// Nothing of it is left out of JSON, so that the same bytes are made from it.
    pub(crate) exact: bool,
}

pub(crate) struct Read {
    pub(crate) leaves: Leaves,
    pub(crate) editable: Vec<(String, Editable)>,
    pub(crate) json: String,
    pub(crate) rest: Vec<u8>,
}

/// A body as it is read; `None` if it is malformed.
pub(crate) fn read(definition: &Definition, body: &[u8]) -> Option<Read> {
    let mut ws = Workspace::default();
    let mut packet = definition.plan().decode(body, 0, &definition.conn, &mut ws);
    let whole = packet.error().is_none();
    let read = Read {
        leaves: leaves(&mut packet),
        editable: editable_paths(&mut packet),
        json: fields(&mut packet),
        rest: packet.rest().to_vec(),
    };
    whole.then_some(read)
}

/// The field of a path without a part of flags or bits.
fn field_of<'p>(path: &'p str, all: &Leaves) -> &'p str {
    match path.rsplit_once('.') {
        Some((field, _)) if !all.list.iter().any(|leaf| leaf.path == path) => field,
        _ => path,
    }
}

/// Whether a value may change with another.
fn follows(known: &Known, editable: &HashSet<String>, leaf: &Leaf) -> bool {
    match known.follow {
        Some(names) => names.contains(&leaf.path.rsplit('.').next().unwrap_or("")),
        None => !editable.contains(&without_indices(&leaf.path)),
    }
}

/// The fields that can be edited, whatever the place in a list.
fn editable_fields(read: &Read) -> HashSet<String> {
    let field = |(path, _): &(String, Editable)| without_indices(field_of(path, &read.leaves));
    read.editable.iter().map(field).collect()
}

fn without_indices(path: &str) -> String {
    let mut inside = false;
    let kept = path.chars().filter(|c| {
        inside = *c == '[' || inside && *c != ']';
        !inside
    });
    kept.collect()
}

pub(crate) fn check_edits(known: &Known, definition: &Definition, body: &[u8]) {
    let Some(before) = read(definition, body) else { return };
    let can_edit = editable_fields(&before);
    // Of a very large packet a few will do.
    let step = 1 + before.leaves.list.len() / 2000;
    for (path, editable) in before.editable.iter().step_by(step) {
        let mut edits = Edits::new();
        edits.set(path, editable.sample.clone());
        let result = definition.spliced(body, &edits);
        let context = || format!("{}\n{body:02x?}\n{path} = {editable:?}", known.label);
        let new = match result {
            Ok(new) => new,
            // Another shape may need what no default gives.
            Err(EditError::List { .. } | EditError::WrongLength { .. }) if editable.reshapes => {
                continue;
            }
            Err(EditError::List { reason, .. }) if reason.contains("ends the list") => continue,
            // What is of an unknown kind takes the fields behind it, too.
            Err(EditError::Inconsistent { reason })
                if editable.reshapes && reason.contains("ends early") =>
            {
                continue;
            }
            Err(e) => panic!("{}\n{e}", context()),
        };
        let after = read(definition, &new).unwrap_or_else(|| panic!("{}\n{new:02x?}", context()));
        assert_eq!(after.rest, before.rest, "{}", context());
        let field = field_of(path, &before.leaves);
        let find = |all: &Leaves| all.list.iter().find(|leaf| leaf.path == field).cloned();
        let (old_leaf, new_leaf) = (find(&before.leaves), find(&after.leaves));
        assert_ne!(old_leaf.map(|l| l.value), new_leaf.map(|l| l.value), "{}", context());
        if editable.reshapes {
            continue;
        }
        assert_eq!(after.leaves.lists, before.leaves.lists, "{}", context());
        let untouched = |all: &Leaves| -> Vec<(String, Vec<u8>)> {
            let kept = all.list.iter().filter(|l| l.path != field && !follows(known, &can_edit, l));
            kept.map(|leaf| (leaf.path.clone(), leaf.bytes.clone())).collect()
        };
        assert_eq!(untouched(&after.leaves), untouched(&before.leaves), "{}", context());
        // Where nothing moved, only the field's own bytes may differ.
        if known.exact && new.len() == body.len() && known.follow == Some(&[]) {
            for leaf in &before.leaves.list {
                if leaf.path == field && leaf.place.buffer == 0 {
                    let range = leaf.place.start as usize..leaf.place.end as usize;
                    assert_eq!(new[..range.start], body[..range.start], "{}", context());
                    assert_eq!(new[range.end..], body[range.end..], "{}", context());
                }
            }
        }
    }
}

pub(crate) fn check_lists(known: &Known, definition: &Definition, body: &[u8]) {
    let Some(before) = read(definition, body) else { return };
    for (path, count) in &before.leaves.lists {
        let context = || format!("{}\n{body:02x?}\n{path} of {count}", known.label);
        let after = |edits: &Edits| match definition.spliced(body, edits) {
            Ok(new) => {
                let read = read(definition, &new);
                Some(read.unwrap_or_else(|| panic!("{}\n{new:02x?}", context())))
            }
            // Some lists have to have as many, or are not read as they are without it.
            Err(
                EditError::WrongLength { .. }
                | EditError::List { .. }
                | EditError::OutOfRange { .. },
            ) => None,
            Err(e) => panic!("{}\n{e}", context()),
        };
        let elements = |read: &Read, from: u32| -> Vec<(String, Vec<u8>)> {
            let inside = |leaf: &&Leaf| leaf.path.starts_with(&format!("{path}["));
            let number = |leaf: &Leaf| -> u32 {
                let rest = &leaf.path[path.len() + 1..];
                rest[..rest.find(']').unwrap()].parse().unwrap()
            };
            let renumbered = |leaf: &Leaf| {
                let rest = &leaf.path[path.len() + 1..];
                let behind = &rest[rest.find(']').unwrap()..];
                (format!("{}{behind}", number(leaf) - from), leaf.bytes.clone())
            };
            let list = read.leaves.list.iter().filter(inside);
            list.filter(|leaf| number(leaf) >= from).map(renumbered).collect()
        };
        let new_count = |read: &Read| {
            read.leaves.lists.iter().find(|(p, _)| p == path).map(|(_, count)| *count)
        };
        if *count > 0 {
            let mut edits = Edits::new();
            edits.remove(&format!("{path}[0]"));
            if let Some(after) = after(&edits) {
                assert_eq!(new_count(&after), Some(count - 1), "{}", context());
                assert_eq!(elements(&after, 0), elements(&before, 1), "{}", context());
                assert_eq!(after.rest, before.rest, "{}", context());
            }
        }
        let mut edits = Edits::new();
        edits.insert(path, 0, Given::Object(Vec::new()));
        let made = match definition.spliced(body, &edits) {
            Err(EditError::WrongType { .. } | EditError::Form { .. }) => {
                edits = Edits::new();
                edits.insert(path, 0, Given::Int(1));
                if let Err(EditError::WrongType { .. } | EditError::Form { .. }) =
                    definition.spliced(body, &edits)
                {
                    continue;
                }
                after(&edits)
            }
            _ => after(&edits),
        };
        if let Some(after) = made {
            assert_eq!(new_count(&after), Some(count + 1), "{}", context());
            assert_eq!(elements(&after, 1), elements(&before, 0), "{}", context());
            assert_eq!(after.rest, before.rest, "{}", context());
        }
    }
}

/// A packet that ends too early can be edited in front of where it does.
pub(crate) fn check_cut(known: &Known, definition: &Definition, body: &[u8]) {
    let mut ws = Workspace::default();
    let mut packet = definition.plan().decode(body, 0, &definition.conn, &mut ws);
    if packet.error().is_none() {
        return;
    }
    let rest = packet.rest().to_vec();
    for (path, editable) in editable_paths(&mut packet) {
        let mut edits = Edits::new();
        edits.set(&path, editable.sample.clone());
        match definition.spliced(body, &edits) {
            Ok(new) => assert!(new.ends_with(&rest), "{}\n{body:02x?}\n{path}", known.label),
            Err(_) if editable.reshapes => {}
            Err(EditError::List { reason, .. }) if reason.contains("ends the list") => {}
            Err(e) => panic!("{}\n{body:02x?}\n{path} = {editable:?}\n{e}", known.label),
        }
    }
}

pub(crate) fn check_deletes(known: &Known, definition: &Definition, body: &[u8]) {
    let Some(before) = read(definition, body) else { return };
    let step = if before.leaves.list.len() > 2000 { 40_000 } else { 1 };
    for leaf in before.leaves.list.iter().filter(|leaf| !leaf.path.is_empty()).step_by(step) {
        let context = || format!("{}\n{body:02x?}\n{}", known.label, leaf.path);
        let mut edits = Edits::new();
        edits.delete(&leaf.path);
        match definition.spliced(body, &edits) {
            Ok(new) => {
                let after =
                    read(definition, &new).unwrap_or_else(|| panic!("{}\n{new:02x?}", context()));
                let there = |l: &&Leaf| l.path == leaf.path && !l.value.starts_with("Absent");
                // Another arm may have a field of the same name.
                let kept = after.leaves.list.iter().find(there);
                assert!(kept.is_none_or(|l| l.value != leaf.value || new != body), "{}", context());
                assert_eq!(after.rest, before.rest, "{}", context());
            }
            Err(EditError::Inconsistent { reason }) => {
                // What is left behind would be read in its place.
                assert!(!before.rest.is_empty(), "{}\n{reason}", context());
            }
            Err(_) => {}
        }
    }
}

pub(crate) fn check_made_from_values(known: &Known, definition: &Definition, body: &[u8]) {
    let Some(before) = read(definition, body) else { return };
    if before.json.contains("{\"secret\":") {
        return;
    }
    let given = parse(&before.json).unwrap();
    let made = definition
        .encoded_given(&given)
        .unwrap_or_else(|e| panic!("{}\n{body:02x?}\n{}\n{e}", known.label, before.json));
    if known.exact {
        let mut whole = [made.as_slice(), &before.rest].concat();
        // That an optional value is there may be said by another byte than 1, which its value does not tell.
        if whole.len() == body.len() {
            for (made, was) in whole.iter_mut().zip(body) {
                *made = if *made == 1 && *was > 1 { *was } else { *made };
            }
        }
        assert_eq!(whole, body, "{}\n{}", known.label, before.json);
    }
    let again = read(definition, &made).unwrap();
    let second = definition.encoded_given(&parse(&again.json).unwrap()).unwrap();
    assert_eq!(second, made, "{}\n{}", known.label, again.json);
    assert!(again.rest.is_empty());
}

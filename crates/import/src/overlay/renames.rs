//! Names of fields that people changed.

use std::collections::{BTreeMap, HashMap};

use midwire_definition::syntax::ast::{FieldKind, Item, Name, Struct, Type, TypeKind};

use super::patch::{self, Edit, Node};
use super::work::Work;
use super::{Declaration, What};
use crate::compare::{Change, Changes};
use crate::names::written;

/// Edits that give the fields of a declaration the names that the definition has for them in versions
/// where both are alike.
pub(super) fn renames(declaration: &Declaration, changes: &Changes) -> Vec<Edit> {
    let What::Packet(place, name) = &declaration.what else { return Vec::new() };
    let label = format!("{place} {name}");
    let mut known: BTreeMap<&str, &str> = BTreeMap::new();
    for (packet, change) in changes.keys() {
        if let Change::Renamed { from, to } = change
            && *packet == label
        {
            known.insert(to, from.rsplit('.').next().unwrap_or(from));
        }
    }
    let work = Work::new(declaration.text.clone(), Vec::new());
    let Some(Item::Packet(item)) = work.tree.items.first() else { return Vec::new() };
    let mut edits = Vec::new();
    let mut names: HashMap<String, &str> = HashMap::new();
    let mut found = |name: &Name, path: &str| {
        if let Some(old) = known.get(path) {
            names.insert(name.key(), old);
            edits.push(Edit::replace(name.span, written(old)));
        }
    };
    if let Some(body) = item.body.as_ref().filter(|_| !known.is_empty()) {
        named_fields(body, "", &mut found);
    }
    let mut mentions = Vec::new();
    patch::visit_item(&Item::Packet(item.clone()), &mut |node| {
        if let Node::Path(path) = node {
            for name in path {
                if let Some(old) = names.get(&name.key()) {
                    mentions.push(Edit::replace(name.span, written(old)));
                }
            }
        }
    });
    edits.extend(mentions);
    edits
}

/// The fields of a struct with their paths, as a comparison has them.
fn named_fields(of: &Struct, at: &str, found: &mut dyn FnMut(&Name, &str)) {
    for field in &of.fields {
        match &field.kind {
            FieldKind::Named { name, ty, .. } => {
                let dot = if at.is_empty() { "" } else { "." };
                let path = format!("{at}{dot}{}", name.text);
                found(name, &path);
                named_in(ty, &path, found);
            }
            FieldKind::If { then, otherwise, .. } => {
                named_fields(then, at, found);
                otherwise.iter().for_each(|body| named_fields(body, at, found));
            }
            FieldKind::Match { arms, .. } => {
                arms.iter().for_each(|arm| named_fields(&arm.body, at, found));
            }
            _ => {}
        }
    }
}

fn named_in(ty: &Type, at: &str, found: &mut dyn FnMut(&Name, &str)) {
    match &ty.kind {
        TypeKind::Struct(of) => named_fields(of, at, found),
        TypeKind::Array { element, .. } => named_in(element, &format!("{at}[]"), found),
        TypeKind::Opt(inner) | TypeKind::Block { inner, .. } => named_in(inner, at, found),
        TypeKind::Match { arms, .. } => arms.iter().for_each(|arm| named_in(&arm.ty, at, found)),
        TypeKind::If { then, otherwise, .. } => {
            named_in(then, at, found);
            named_in(otherwise, at, found);
        }
        _ => {}
    }
}

//! Names of fields that people changed.

use std::collections::{BTreeMap, HashMap};

use midwire_definition::syntax::ast::{FieldKind, Item, Name, Struct, Type, TypeKind};

use super::patch::{self, Edit, Node};
use super::work::Work;
use super::{Declaration, What};
use crate::compare::{Change, Changes};
use crate::names::written;

/// The definition's paths of fields by the data's.
type Paths = BTreeMap<String, String>;

/// Edits that give the fields of a declaration the names that the definition has for them in versions
/// where both are alike.
pub(super) fn renames(
    declaration: &Declaration,
    changes: &Changes,
    types: &BTreeMap<String, Paths>,
) -> Vec<Edit> {
    let known: Paths = match &declaration.what {
        What::Type(name) => types.get(name).cloned().unwrap_or_default(),
        What::Packet(place, name) => {
            let label = format!("{place} {name}");
            let own = changes.keys().filter(|(packet, _)| *packet == label);
            let paths = own.filter_map(|(_, change)| match change {
                Change::Renamed { from, to } => Some((to.clone(), from.clone())),
                _ => None,
            });
            paths.collect()
        }
    };
    let work = Work::new(declaration.text.clone(), Vec::new());
    let Some(item) = work.tree.items.first().filter(|_| !known.is_empty()) else {
        return Vec::new();
    };
    let mut edits = Vec::new();
    let mut names: HashMap<String, &str> = HashMap::new();
    let mut found = |name: &Name, path: &str| {
        if let Some(old) = known.get(path) {
            let old = old.rsplit('.').next().unwrap_or(old);
            names.insert(name.key(), old);
            edits.push(Edit::replace(name.span, written(old)));
        }
    };
    match item {
        Item::Packet(item) => {
            item.body.iter().for_each(|body| named_fields(body, "", &mut found));
        }
        Item::Type(item) => named_in(&item.body, "value", &mut found),
        _ => {}
    }
    let mut mentions = Vec::new();
    patch::visit_item(item, &mut |node| {
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

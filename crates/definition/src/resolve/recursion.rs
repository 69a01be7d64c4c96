//! Which declared types contain themselves: those are called, all others are laid out in place.

use std::collections::{HashMap, HashSet};

use super::TypeId;
use crate::syntax::ast::{Arg, Field, FieldKind, Struct, Type, TypeItem, TypeKind};

/// The types that can be reached from themselves, at whatever version.
pub(super) fn recursive(
    types: &[TypeItem],
    by_name: &HashMap<String, Vec<TypeId>>,
) -> HashSet<TypeId> {
    let uses: Vec<Vec<TypeId>> = types
        .iter()
        .map(|item| {
            let mut names = Vec::new();
            in_type(&item.body, &mut names);
            names.iter().filter_map(|name| by_name.get(name)).flatten().copied().collect()
        })
        .collect();
    (0..types.len()).filter(|ty| reaches(*ty, &uses)).collect()
}

/// Whether a type is used by one that it uses.
fn reaches(ty: TypeId, uses: &[Vec<TypeId>]) -> bool {
    let mut seen = HashSet::new();
    let mut next = uses[ty].clone();
    while let Some(used) = next.pop() {
        if used == ty {
            return true;
        }
        if seen.insert(used) {
            next.extend(&uses[used]);
        }
    }
    false
}

fn in_type(ty: &Type, names: &mut Vec<String>) {
    match &ty.kind {
        TypeKind::Name { name, args } => {
            names.push(name.key());
            for arg in args {
                if let Arg::Type(ty) | Arg::Name(ty) = arg {
                    in_type(ty, names);
                }
            }
        }
        TypeKind::Array { element: inner, .. }
        | TypeKind::Opt(inner)
        | TypeKind::Block { inner, .. } => {
            in_type(inner, names);
        }
        TypeKind::Enum { repr, .. }
        | TypeKind::Flags { repr, .. }
        | TypeKind::Bits { repr, .. } => in_type(repr, names),
        TypeKind::Match { arms, .. } => arms.iter().for_each(|arm| in_type(&arm.ty, names)),
        TypeKind::If { then, otherwise, .. } => {
            in_type(then, names);
            in_type(otherwise, names);
        }
        TypeKind::Struct(body) => in_struct(body, names),
        TypeKind::Str { .. }
        | TypeKind::Bytes(_)
        | TypeKind::Packed { .. }
        | TypeKind::Native(_)
        | TypeKind::Nothing => {}
    }
}

fn in_struct(body: &Struct, names: &mut Vec<String>) {
    body.fields.iter().for_each(|field| in_field(field, names));
}

fn in_field(field: &Field, names: &mut Vec<String>) {
    match &field.kind {
        // What bytes hold is not opened further, so it is no way back to a type.
        FieldKind::Named { ty, .. } | FieldKind::Flat(ty) => in_type(ty, names),
        FieldKind::If { then, otherwise, .. } => {
            in_struct(then, names);
            otherwise.iter().for_each(|body| in_struct(body, names));
        }
        FieldKind::Match { arms, .. } => arms.iter().for_each(|arm| in_struct(&arm.body, names)),
        FieldKind::Let { .. } | FieldKind::Pad(_) | FieldKind::Tail => {}
    }
}

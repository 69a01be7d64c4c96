//! Where types are declared in a file, and what they are called in the text.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use midwire_codec::Direction;
use midwire_definition::syntax::ast::lookup_key;
use serde_json::{Map, Value};

use super::{Namespace, Place};
use crate::names::{pascal, snake};

/// The names that types get, the same in all versions.
#[derive(Debug, Default)]
pub(crate) struct TypeNames {
    pub(super) names: HashMap<(Namespace, String), String>,
}

impl TypeNames {
    /// Chooses them over all files: a name that means one thing in one state and another in another is
    /// given the state and direction.
    pub(crate) fn of<'a>(files: impl Iterator<Item = &'a Value> + Clone) -> TypeNames {
        // By what lookups compare, which is less than what is written.
        let mut places: BTreeMap<String, BTreeSet<(Namespace, &str)>> = BTreeMap::new();
        let mut unlike: BTreeSet<String> = BTreeSet::new();
        for file in files {
            let mut here: HashMap<String, &Value> = HashMap::new();
            for (namespace, types) in namespaces(file) {
                for (name, ty) in types.iter().filter(|(name, ty)| is_declared(name, ty)) {
                    let key = lookup_key(&wire_name(name));
                    let other = here.entry(key.clone()).or_insert(ty);
                    if *other != ty {
                        unlike.insert(key.clone());
                    }
                    places.entry(key).or_default().insert((namespace.clone(), name));
                }
            }
        }
        let mut names = HashMap::new();
        for (key, all) in places {
            let wire = all.first().map_or_else(String::new, |(_, name)| wire_name(name));
            for (at, (namespace, name)) in all.into_iter().enumerate() {
                let unlike = at > 0 && unlike.contains(&key);
                let chosen = match &namespace {
                    _ if !unlike => wire.clone(),
                    Some(place) => format!("{wire}{}", pascal(&place.to_string())),
                    None => format!("{wire}{}", at + 1),
                };
                names.insert((namespace, name.to_owned()), chosen);
            }
        }
        TypeNames { names }
    }
}

/// Names that types of the file must not take: the importer's own.
const OWN: [&str; 9] = [
    "Str",
    "Holder",
    "HolderSet",
    "LpVec3",
    "CompressedNbt",
    "NetworkNbt",
    "NetworkNbtTag",
    "LittleNbt",
    "LittleNbtTag",
];

fn wire_name(name: &str) -> String {
    match pascal(name) {
        // `string` is what every file calls it.
        wire if wire == "String" => "Str".into(),
        wire if OWN.contains(&wire.as_str()) => format!("{wire}2"),
        wire => wire,
    }
}

/// Whether a type gets a declaration: natives have none, macros and packets are laid out where they are used.
pub(super) fn is_declared(name: &str, ty: &Value) -> bool {
    let native = ty.as_str() == Some("native");
    !native && !name.starts_with("packet_") && name != "packet" && !has_parameters(ty)
}

/// Whether a type has `$parameters`.
pub(super) fn has_parameters(ty: &Value) -> bool {
    match ty {
        Value::String(text) => text.starts_with('$'),
        Value::Array(list) => list.iter().any(has_parameters),
        Value::Object(map) => map.values().any(has_parameters),
        _ => false,
    }
}

/// All places with types: everywhere first.
pub(super) fn namespaces(file: &Value) -> Vec<(Namespace, &Map<String, Value>)> {
    fn types(value: Option<&Value>) -> Option<&Map<String, Value>> {
        value?.get("types")?.as_object()
    }
    let mut found = Vec::new();
    found.extend(types(Some(file)).map(|types| (None, types)));
    let sides = [("toClient", Direction::Clientbound), ("toServer", Direction::Serverbound)];
    for (name, inner) in file.as_object().into_iter().flatten() {
        for (side, direction) in sides {
            if name == side {
                let place = Place { state: String::new(), direction: Some(direction) };
                found.extend(types(Some(inner)).map(|types| (Some(place), types)));
            }
            let place = Place { state: state_name(name), direction: Some(direction) };
            found.extend(types(inner.get(side)).map(|types| (Some(place), types)));
        }
    }
    found
}

/// A state as midwire's own definitions call it.
fn state_name(name: &str) -> String {
    match name {
        "handshaking" => "handshake".into(),
        name => snake(name),
    }
}

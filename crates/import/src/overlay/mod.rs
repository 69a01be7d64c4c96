//! What differs as a text of its own, that is laid over a definition; and the definition with it, to see
//! that nothing differs any more.

mod bench;
mod carry;
mod ids;
mod older;
mod patch;
mod renames;
mod sources;
mod types;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use midwire_definition::syntax::ast::{Item, lookup_key};
use midwire_definition::syntax::{format, parse};
use midwire_definition::{Protocol, VersionId};

use crate::compare::{self, Change, Changes, Matched};
use crate::document::{self, Merged};
use crate::folder::Key;
use crate::gates::Timeline;
use crate::merge::Variant;
use crate::names::{quoted, written};
use crate::protodef::Place;
use crate::set::Set;
use crate::shape::{Entry, Shape};
use crate::write::Writer;
use sources::is_wire;
use types::Types;

/// The id of the first packet that only asks for a type.
const PROBES: i64 = 1 << 40;

/// What is laid over a definition.
#[derive(Debug, Default)]
struct Items {
    versions: Vec<Key>,
    types: BTreeMap<String, Set>,
    packets: BTreeMap<(Place, String), Set>,
    /// Lines of id tables.
    ids: BTreeMap<Place, String>,
}

/// A declaration of the overlay.
#[derive(Debug, Clone)]
struct Declaration {
    what: What,
    set: Set,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Type(String),
    Packet(Place, String),
}

/// The text that brings a definition to the imported data, and what it does not bring.
pub(crate) struct Overlay {
    pub(crate) text: String,
    pub(crate) left: Changes,
}

/// Everything that is needed to make one.
pub(crate) struct Maker<'a> {
    base: &'a Protocol,
    /// The text of the import.
    new_text: &'a str,
    new: &'a Protocol,
    merged: &'a Merged,
    keys: &'a [Vec<Key>],
    /// Versions that the definition does not list.
    unknown: Vec<Key>,
    /// What is written is for these.
    written: Set,
}

impl<'a> Maker<'a> {
    /// The overlay is for the versions that were `asked` for, or those that the definition does not list.
    pub(crate) fn new(
        base: &'a Protocol,
        new_text: &'a str,
        new: &'a Protocol,
        merged: &'a Merged,
        keys: &'a [Vec<Key>],
        asked: Option<Set>,
    ) -> Maker<'a> {
        let is_new = |key: &Key| crate::gates::find(&base.versions, key).is_none();
        let unknown = keys.iter().flatten().filter(|key| is_new(key)).cloned().collect();
        let listed = |keys: &[Key]| !keys.iter().any(is_new);
        let new_ones = keys.iter().enumerate().filter(|(_, keys)| !listed(keys));
        let new_ones = new_ones.fold(Set::default(), |all, (at, _)| all.or(Set::one(at)));
        let written = asked.unwrap_or(new_ones);
        Maker { base, new_text, new, merged, keys, unknown, written }
    }

    /// The versions that the definition does not list, with the one that each is compared with.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = (&Key, VersionId)> {
        self.unknown.iter().map(|key| (key, self.base.versions.by_number(key.number).0))
    }

    /// What differs, and the text that would mend it.
    pub(crate) fn make(&self) -> Result<(Changes, Overlay), String> {
        let mut items = Items { versions: self.unknown.clone(), ..Items::default() };
        let plain = self.laid_over(&items, "")?;
        let no_times = || "a version is missing in the list of versions".to_owned();
        let times = Timeline::new(plain.versions.clone(), self.keys).ok_or_else(no_times)?;
        let matched = self.matched(&times);
        let changes = compare::compare(&plain, self.new, &matched);
        let stale = self.stale(&matched, &changes);

        let Types { differing, absent, steady, renamed, .. } =
            self.types(&items, &matched, &BTreeSet::new())?;
        // Those that differ by the types in them alone need nothing but these.
        let all: BTreeSet<String> = differing.keys().cloned().collect();
        let own = self.types(&items, &matched, &all)?;
        let differing: BTreeMap<String, Set> = differing
            .into_iter()
            .filter(|(name, set)| {
                // One that looks into others cannot be read without them.
                let read = own.compared.get(name).copied().unwrap_or_default();
                own.differing.contains_key(name) || read.and(*set) != *set
            })
            .collect();
        let starts = self.id_lines(&plain, &matched, &times, &mut items);
        // Packets that differ by their types alone need nothing but these.
        let used = self.used_by(&touched(&changes, self.written));
        let blamed = self.blamed(&stale);
        for (name, set) in differing.iter().filter(|(name, _)| used.contains(*name)) {
            let of = |sets: &BTreeMap<String, Set>| sets.get(name).copied().unwrap_or_default();
            let set = set.and(self.written).without(of(&steady).and(of(&blamed)));
            if !set.is_empty() {
                items.types.insert(name.clone(), set);
            }
        }
        self.close(&mut items, &absent);
        let text = self.text_of(&items, &self.declarations(&items, &times));
        let mended = self.laid_over(&items, &text)?;
        let left = compare::compare(&mended, self.new, &matched);
        for ((label, change), set) in &left {
            let Some((place, name)) = self.placed(label) else { continue };
            let set = match change {
                Change::Added { .. } => match starts.get(&place) {
                    Some(start) => from(*start, *set),
                    None => continue,
                },
                change if change.is_body() => {
                    set.without(stale.get(label).copied().unwrap_or_default())
                }
                _ => continue,
            };
            let all = items.packets.entry((place, name)).or_default();
            *all = all.or(set.and(self.written));
        }
        items.packets.retain(|_, set| !set.is_empty());
        self.close(&mut items, &absent);
        let declarations = self.declarations(&items, &times);
        let plain_text = self.text_of(&items, &declarations);
        let mended = self.laid_over(&items, &plain_text)?;
        let plain_left = compare::compare(&mended, self.new, &matched);
        let carried = self.carried(&items, &declarations, &times, &matched, &changes, &renamed)?;
        let carried = self.pruned(&items, carried, &absent);
        let text = self.text_of(&items, &carried);
        let left = match self.laid_over(&items, &text) {
            Ok(mended) => compare::compare(&mended, self.new, &matched),
            Err(_) => changes.clone(),
        };
        // What was carried stands in the way of nothing.
        let worse = left.iter().any(|(key, set)| {
            let before = plain_left.get(key).copied().unwrap_or_default();
            key.1.is_body() && !set.without(before).is_empty()
        });
        let (text, left) = if worse { (plain_text, plain_left) } else { (text, left) };
        Ok((changes, Overlay { text: self.text(&items, &text), left }))
    }

    fn is_unknown(&self, version: usize) -> bool {
        self.keys[version].iter().any(|key| self.unknown.contains(key))
    }

    /// The version in front of a new one that the definition lists.
    fn before(&self, version: usize) -> Option<usize> {
        let listed = |key: &Key| crate::gates::find(&self.base.versions, key).is_some();
        (0..version).rev().find(|at| self.keys[*at].iter().all(listed))
    }

    /// New versions in which a packet differs as it did before: the data says nothing new of it there,
    /// so that the definition counts.
    fn stale(&self, matched: &[Matched], changes: &Changes) -> BTreeMap<String, Set> {
        let mut stale: BTreeMap<String, Set> = BTreeMap::new();
        for (version, at) in matched.iter().enumerate() {
            let before = self.before(version).filter(|_| self.is_unknown(version));
            let Some(before) = before else { continue };
            let pair = Matched { base: matched[before].new, new: at.new };
            let grown = compare::compare(self.new, self.new, &[pair]);
            let grown: BTreeSet<&str> = grown
                .keys()
                .filter(|(_, change)| !matches!(change, Change::Moved { .. }))
                .map(|(label, _)| label.as_str())
                .collect();
            let touched =
                changes.iter().filter(|((_, change), set)| set.has(version) && change.is_body());
            for ((label, _), _) in touched {
                if !grown.contains(label.as_str()) {
                    stale.entry(label.clone()).or_default().add(version);
                }
            }
        }
        stale
    }

    /// The types in such packets, with the versions.
    fn blamed(&self, stale: &BTreeMap<String, Set>) -> BTreeMap<String, Set> {
        let mut blamed: BTreeMap<String, Set> = BTreeMap::new();
        for (label, set) in stale {
            for name in self.used_by(&BTreeSet::from([label.as_str()])) {
                let all = blamed.entry(name).or_default();
                *all = all.or(*set);
            }
        }
        blamed
    }

    /// Without the types that came with the data and that nothing names any more.
    fn pruned(
        &self,
        items: &Items,
        mut declarations: Vec<Declaration>,
        absent: &BTreeMap<String, Set>,
    ) -> Vec<Declaration> {
        loop {
            let named = |name: &str, at: usize| {
                let others = declarations.iter().enumerate().filter(|(other, _)| *other != at);
                others.into_iter().any(|(_, other)| sources::names(&other.text, name))
            };
            let idle = declarations.iter().enumerate().position(|(at, one)| match &one.what {
                What::Type(name) => {
                    let absent = absent.get(name).copied().unwrap_or_default();
                    let here = items.types.get(name).copied().unwrap_or_default();
                    here.without(absent).is_empty() && !named(name, at)
                }
                What::Packet(..) => false,
            });
            match idle {
                Some(at) => drop(declarations.remove(at)),
                None => return declarations,
            }
        }
    }

    fn matched(&self, times: &Timeline) -> Vec<Matched> {
        let own = Timeline::new(self.new.versions.clone(), self.keys);
        let new = |at| own.as_ref().map_or(VersionId(0), |own| own.id(at));
        (0..self.keys.len()).map(|at| Matched { base: times.id(at), new: new(at) }).collect()
    }

    /// A packet by its label.
    fn placed(&self, label: &str) -> Option<(Place, String)> {
        let packets = self.merged.packets.iter();
        let mut all = packets.flat_map(|(place, list)| list.iter().map(move |(n, _)| (place, n)));
        let found = all.find(|(place, name)| format!("{place} {name}") == label);
        found.map(|(place, name)| (place.clone(), name.clone()))
    }

    fn variants_of(&self, name: &str, set: Set) -> Vec<Variant<Shape>> {
        let all = self.merged.types.get(name).into_iter().flatten();
        let within = all.map(|v| Variant { set: v.set.and(set), body: v.body.clone() });
        within.filter(|variant| !variant.set.is_empty()).collect()
    }

    fn bodies_of(&self, place: &Place, name: &str, set: Set) -> Vec<Variant<Vec<Entry>>> {
        let list = self.merged.packets.get(place);
        let found = list.and_then(|list| list.iter().find(|(other, _)| other == name));
        let all = found.into_iter().flat_map(|(_, variants)| variants);
        let within = all.map(|v| Variant { set: v.set.and(set), body: v.body.clone() });
        within.filter(|variant| !variant.set.is_empty()).collect()
    }

    /// The types and packets, as they are written.
    fn declarations(&self, items: &Items, times: &Timeline) -> Vec<Declaration> {
        let writer = Writer { timeline: times };
        let mut out = Vec::new();
        for (name, set) in &items.types {
            for variant in self.variants_of(name, *set) {
                let head = format!("type {name} {}", times.closed_gate(variant.set));
                let text = document::type_with(&writer, &head, &variant);
                out.push(Declaration { what: What::Type(name.clone()), set: variant.set, text });
            }
        }
        for ((place, name), set) in &items.packets {
            for variant in self.bodies_of(place, name, *set) {
                let gate = times.closed_gate(variant.set);
                let text = document::packet_text(&writer, place, name, &variant, &gate, None);
                let what = What::Packet(place.clone(), name.clone());
                out.push(Declaration { what, set: variant.set, text });
            }
        }
        out
    }

    /// The declarations as one text, with the importer's own types that they need.
    fn text_of(&self, items: &Items, declarations: &[Declaration]) -> String {
        let text: String = declarations.iter().map(|one| format!("\n{}", one.text)).collect();
        let is_there = |name: &str| {
            self.declares(name) || items.types.contains_key(name) || !sources::names(&text, name)
        };
        document::own_types(&is_there) + &text
    }

    /// Whether the definition has a type of this name, in any version.
    fn declares(&self, name: &str) -> bool {
        let key = lookup_key(name);
        let mut files = self.base.sources.files().iter().filter(|file| is_wire(&file.name));
        files.any(|file| {
            let (tree, _) = parse(0, &file.text);
            tree.items.iter().any(|item| matches!(item, Item::Type(ty) if ty.name.key() == key))
        })
    }

    /// The overlay. Only this function knows its form.
    fn text(&self, items: &Items, declarations: &str) -> String {
        let mut out = format!(
            "// Made by `midwire defs import protodef --over {}` from minecraft-data (MIT).\n\n\
             extend {} {{\n",
            self.base.name,
            written(&self.base.name)
        );
        if !items.versions.is_empty() {
            out.push_str("  versions {\n");
            for key in &items.versions {
                out.push_str(&format!("    {} {}\n", key.number, quoted(&key.key)));
            }
            out.push_str("  }\n");
        }
        out.push_str("}\n");
        for (place, lines) in &items.ids {
            out.push_str(&format!("\nids {place} {{\n{lines}}}\n"));
        }
        out.push_str(declarations);
        format(&out)
    }
}

/// The packets that are read otherwise in any of these versions.
fn touched(changes: &Changes, versions: Set) -> BTreeSet<&str> {
    let changes = changes.iter().filter(|((_, change), set)| {
        set.meets(versions) && (change.is_body() || matches!(change, Change::Added { .. }))
    });
    changes.map(|((label, _), _)| label.as_str()).collect()
}

/// Those of a set that are not older than a version.
fn from(start: usize, set: Set) -> Set {
    set.iter()
        .filter(|version| *version >= start)
        .fold(Set::default(), |all, version| all.or(Set::one(version)))
}

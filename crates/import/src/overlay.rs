//! What differs as a text of its own, that is laid over a definition; and the definition with it, to see
//! that nothing differs any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use midwire_definition::plan::Plan;
use midwire_definition::syntax::ast::{self, Item, ProtocolEntry, lookup_key};
use midwire_definition::syntax::parse;
use midwire_definition::{LoadError, Loader, Protocol, VersionId};

use crate::compare::{self, Change, Changes, Matched};
use crate::document::{self, Merged};
use crate::folder::Key;
use crate::gates::Timeline;
use crate::ids;
use crate::merge::Variant;
use crate::names::{quoted, written};
use crate::protodef::Place;
use crate::set::Set;
use crate::shape::{Entry, Shape};
use crate::write::Writer;

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

/// Types by name, with the versions.
#[derive(Debug, Default)]
struct Types {
    /// They mean something else than in the definition.
    differing: BTreeMap<String, Set>,
    /// The definition does not have them.
    absent: BTreeMap<String, Set>,
    /// They could be read on both sides.
    compared: BTreeMap<String, Set>,
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
}

impl<'a> Maker<'a> {
    pub(crate) fn new(
        base: &'a Protocol,
        new_text: &'a str,
        new: &'a Protocol,
        merged: &'a Merged,
        keys: &'a [Vec<Key>],
    ) -> Maker<'a> {
        let unknown = keys.iter().flatten();
        let unknown = unknown.filter(|key| crate::gates::find(&base.versions, key).is_none());
        Maker { base, new_text, new, merged, keys, unknown: unknown.cloned().collect() }
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

        let Types { differing, absent, .. } = self.types(&items, &matched, &BTreeSet::new())?;
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
        let touched = touched(&changes);
        let used = self.used_by(&touched);
        for (name, set) in differing.iter().filter(|(name, _)| used.contains(*name)) {
            items.types.insert(name.clone(), *set);
        }
        self.close(&mut items, &absent);
        let mended = self.laid_over(&items, &self.declarations(&items, &times))?;
        let left = compare::compare(&mended, self.new, &matched);
        for ((label, change), set) in &left {
            let Some((place, name)) = self.placed(label) else { continue };
            let set = match change {
                Change::Added { .. } => match starts.get(&place) {
                    Some(start) => from(*start, *set),
                    None => continue,
                },
                change if change.is_body() => *set,
                _ => continue,
            };
            let all = items.packets.entry((place, name)).or_default();
            *all = all.or(set);
        }
        items.packets.retain(|_, set| !set.is_empty());
        self.close(&mut items, &absent);
        let declarations = self.declarations(&items, &times);
        let mended = self.laid_over(&items, &declarations)?;
        let left = compare::compare(&mended, self.new, &matched);
        let text = self.text(&items, &declarations);
        Ok((changes, Overlay { text, left }))
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

    /// The types that these packets use, those of their types included.
    fn used_by(&self, labels: &BTreeSet<&str>) -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        for (place, packets) in &self.merged.packets {
            for (name, variants) in packets {
                if labels.contains(format!("{place} {name}").as_str()) {
                    let entries = variants.iter().flat_map(|variant| &variant.body);
                    entries.for_each(|entry| document::names_in_entry(entry, &mut used));
                }
            }
        }
        let mut next: Vec<String> = used.iter().cloned().collect();
        while let Some(name) = next.pop() {
            let mut inner = BTreeSet::new();
            for variant in self.merged.types.get(&name).into_iter().flatten() {
                document::names_in(&variant.body, &mut inner);
            }
            next.extend(inner.into_iter().filter(|name| used.insert(name.clone())));
        }
        used
    }

    /// In which versions each type means something else than in the definition, and in which it has none.
    /// Types in `apart` stand for nothing but themselves inside of others.
    fn types(
        &self,
        items: &Items,
        matched: &[Matched],
        apart: &BTreeSet<String>,
    ) -> Result<Types, String> {
        let names: Vec<&String> = self.merged.types.keys().collect();
        let probes: String = names
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let state = self.new.states.first().map_or("", |state| state);
                let id = PROBES + at as i64;
                let own = if apart.contains(*name) { OWN } else { "" };
                format!("packet {state} clientbound probe_{at} = {id} {{ value: {own}{name} }}\n")
            })
            .collect();
        let (main, mut files) = self.files(items, &probes);
        take_apart(&mut files, apart);
        let base = Protocol::load_checked(&main, &Files { files }).map_err(|e| e.to_string())?;
        let text = format!("{}\n{probes}", self.new_text);
        let mut files = vec![("imported.wire".to_owned(), text)];
        take_apart(&mut files, apart);
        let files = Files { files };
        let new = Protocol::load_checked("imported.wire", &files).map_err(|e| e.to_string())?;
        let mut found = Types::default();
        let mut known: BTreeMap<(usize, usize), bool> = BTreeMap::new();
        let mut kept = Vec::new();
        for (version, at) in matched.iter().enumerate() {
            let (mine, theirs) = (base.dialect(at.base), new.dialect(at.new));
            let plans = |dialect: &midwire_definition::Dialect| -> BTreeMap<i64, Arc<Plan>> {
                let probes = dialect.packets().filter(|packet| packet.id >= PROBES);
                probes.filter_map(|p| Some((p.id - PROBES, p.plan.clone()?))).collect()
            };
            let (mine_of, theirs_of) = (plans(&mine), plans(&theirs));
            for (at, plan) in &theirs_of {
                let Some(name) = usize::try_from(*at).ok().and_then(|at| names.get(at)) else {
                    continue;
                };
                let Some(old) = mine_of.get(at) else {
                    found.absent.entry((*name).clone()).or_default().add(version);
                    continue;
                };
                found.compared.entry((*name).clone()).or_default().add(version);
                let key = (Arc::as_ptr(old) as usize, Arc::as_ptr(plan) as usize);
                let differs = *known.entry(key).or_insert_with(|| {
                    let found = old.compare(plan);
                    found.layout.is_some() || found.entries.iter().any(|e| e.this.is_none())
                });
                if differs {
                    found.differing.entry((*name).clone()).or_default().add(version);
                }
            }
            // Plans are told apart by their addresses, so they must live until the end.
            kept.push((mine, theirs));
        }
        Ok(found)
    }

    /// Adds the types that what is written needs, and the definition does not have.
    fn close(&self, items: &mut Items, absent: &BTreeMap<String, Set>) {
        loop {
            let mut wanted: Vec<(String, Set)> = Vec::new();
            let mut want = |names: BTreeSet<String>, set: Set| {
                for name in names {
                    let missing = absent.get(&name).map_or_else(Set::default, |a| a.and(set));
                    wanted.push((name, missing));
                }
            };
            for (name, set) in &items.types {
                for variant in self.variants_of(name, *set) {
                    let mut names = BTreeSet::new();
                    document::names_in(&variant.body, &mut names);
                    want(names, variant.set);
                }
            }
            for ((place, name), set) in &items.packets {
                for variant in self.bodies_of(place, name, *set) {
                    let mut names = BTreeSet::new();
                    variant.body.iter().for_each(|e| document::names_in_entry(e, &mut names));
                    want(names, variant.set);
                }
            }
            let mut grown = false;
            for (name, set) in wanted.into_iter().filter(|(_, set)| !set.is_empty()) {
                let all = items.types.entry(name).or_default();
                grown |= all.or(set) != *all;
                *all = all.or(set);
            }
            if !grown {
                return;
            }
        }
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

    /// The lines that bring the id tables of the newest versions to those of the data; gives from which
    /// imported version on. Lines lie over all versions behind theirs, so that older tables stay.
    fn id_lines(
        &self,
        base: &Protocol,
        matched: &[Matched],
        times: &Timeline,
        items: &mut Items,
    ) -> BTreeMap<Place, usize> {
        let mut starts = BTreeMap::new();
        for (place, tables) in &self.merged.ids {
            let Some(direction) = place.direction else { continue };
            let Some(state) = base.state_named(&place.state) else { continue };
            let old = |version: usize| -> ids::Ids {
                let dialect = base.dialect(matched[version].base);
                let here =
                    dialect.packets().filter(|p| p.state == state && p.direction == direction);
                let mut ids: ids::Ids = here.map(|p| (p.id, p.name.to_string())).collect();
                ids.sort();
                ids
            };
            let Some((newest, _)) = tables.last().filter(|(v, _)| *v + 1 == matched.len()) else {
                continue;
            };
            let differs = tables.iter().rev().take_while(|(version, table)| {
                let old = old(*version);
                let key = |ids: &ids::Ids| -> Vec<(i64, String)> {
                    ids.iter().map(|(id, name)| (*id, lookup_key(name))).collect()
                };
                key(&old) != key(table)
            });
            let count = differs.count();
            let Some((start, _)) = tables.get(tables.len() - count).filter(|_| count > 0) else {
                continue;
            };
            let before = old(*start);
            let row = tables[tables.len() - count..].iter().cloned();
            let steady = (*start..=*newest).all(|version| old(version) == before);
            let row: Vec<(usize, ids::Ids)> = row.collect();
            let lines = if steady {
                ids::lines_after(&before, &row, times)
            } else {
                row.iter()
                    .flat_map(|entry| ids::lines(std::slice::from_ref(entry), times))
                    .collect()
            };
            items.ids.insert(place.clone(), lines.concat());
            starts.insert(place.clone(), *start);
        }
        starts
    }

    /// The types and packets, as they are written.
    fn declarations(&self, items: &Items, times: &Timeline) -> String {
        let writer = Writer { timeline: times };
        let mut out = String::new();
        let mut used = BTreeSet::new();
        for (name, set) in &items.types {
            for variant in self.variants_of(name, *set) {
                document::names_in(&variant.body, &mut used);
                let head = format!("type {name} {}", times.closed_gate(variant.set));
                out.push('\n');
                out.push_str(&document::type_with(&writer, &head, &variant));
            }
        }
        for ((place, name), set) in &items.packets {
            for variant in self.bodies_of(place, name, *set) {
                variant.body.iter().for_each(|entry| document::names_in_entry(entry, &mut used));
                let gate = times.closed_gate(variant.set);
                out.push('\n');
                out.push_str(&document::packet_text(&writer, place, name, &variant, &gate, None));
            }
        }
        let own = document::own_types(&used, &|name| self.declares(name));
        own + &out
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
        out
    }

    /// The definition with this laid over it.
    fn laid_over(&self, items: &Items, declarations: &str) -> Result<Arc<Protocol>, String> {
        let (main, files) = self.files(items, declarations);
        Protocol::load_checked(&main, &Files { files }).map_err(|problems| problems.to_string())
    }

    /// Its texts, and the name of the first.
    fn files(&self, items: &Items, declarations: &str) -> (String, Vec<(String, String)>) {
        let sources = self.base.sources.files();
        let mut files: Vec<(String, String)> =
            sources.iter().map(|file| (file.name.clone(), file.text.clone())).collect();
        let listed = || {
            let newest = self.base.versions.iter().last().map_or(0, |(_, v)| v.ordinal);
            items.versions.iter().zip(newest + 1..)
        };
        let times = (!items.types.is_empty() || !items.packets.is_empty()).then(|| {
            let mut list: Vec<_> = self.base.versions.iter().map(|(_, v)| v.clone()).collect();
            list.extend(listed().map(|(key, ordinal)| crate::version(key, ordinal)));
            Timeline::new(midwire_definition::Versions::new(list), self.keys)
        });
        let times = times.flatten();
        let mut data: Vec<String> = Vec::new();
        for (_, text) in files.iter_mut().filter(|(name, _)| is_wire(name)) {
            let (tree, _) = parse(0, text);
            let mut inserts: Vec<(u32, String)> = Vec::new();
            for item in &tree.items {
                match item {
                    Item::Protocol(protocol) => {
                        for entry in &protocol.entries {
                            match entry {
                                ProtocolEntry::VersionsFrom(file) => data.push(file.node.clone()),
                                ProtocolEntry::Versions(list) => {
                                    let end = list.last().map(|(number, release)| {
                                        release.as_ref().map_or(number.span.end, |r| r.span.end)
                                    });
                                    let lines = items.versions.iter().map(|key| {
                                        format!("\n{} {}", key.number, quoted(&key.key))
                                    });
                                    inserts.extend(end.map(|end| (end, lines.collect())));
                                }
                                _ => {}
                            }
                        }
                    }
                    Item::Type(ty) => {
                        let name = items.types.iter().find(|(n, _)| lookup_key(n) == ty.name.key());
                        if let (Some((_, set)), Some(times)) = (name, &times) {
                            inserts.push((ty.name.span.end, times.other_gate(*set)));
                        }
                    }
                    Item::Packet(packet) => {
                        let found = items.packets.iter().find(|((place, name), _)| {
                            lookup_key(name) == packet.name.key() && is_at(packet, place)
                        });
                        if let (Some((_, set)), Some(times)) = (found, &times) {
                            inserts.push((packet.name.span.end, times.other_gate(*set)));
                        }
                    }
                    Item::Ids(table) => {
                        let found = items.ids.iter().find(|(place, _)| is_table(table, place));
                        if let Some((_, lines)) = found {
                            inserts.push((table.span.end.saturating_sub(1), format!("\n{lines}")));
                        }
                    }
                    _ => {}
                }
            }
            inserts.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
            for (at, insert) in inserts {
                let at = at as usize;
                if text.is_char_boundary(at) {
                    text.insert_str(at, &insert);
                }
            }
        }
        for (name, text) in &mut files {
            if data.contains(name) && !is_wire(name) {
                for (key, ordinal) in listed() {
                    text.push_str(&format!("\n{} {} {ordinal} {}\n", key.key, key.number, key.key));
                }
            }
        }
        let mut main = String::new();
        if let Some((name, text)) = files.first_mut() {
            text.push_str(declarations);
            main.clone_from(name);
        }
        (main, files)
    }
}

/// In front of the names of types that are taken apart.
const OWN: &str = "Own_";

/// Renames these types, and puts under their names something that is like nothing else: what a type is
/// apart from the types in it can then be compared.
fn take_apart(files: &mut [(String, String)], types: &BTreeSet<String>) {
    let keys: Vec<String> = types.iter().map(|name| lookup_key(name)).collect();
    for (_, text) in files.iter_mut().filter(|(name, _)| is_wire(name)) {
        let (tree, _) = parse(0, text);
        let names = tree.items.iter().filter_map(|item| match item {
            Item::Type(ty) => keys.contains(&ty.name.key()).then_some(ty.name.span.start as usize),
            _ => None,
        });
        let mut names: Vec<usize> = names.collect();
        names.sort_unstable();
        for at in names.into_iter().rev().filter(|at| *at <= text.len()).collect::<Vec<_>>() {
            if text.is_char_boundary(at) {
                text.insert_str(at, OWN);
            }
        }
    }
    if let Some((_, text)) = files.first_mut() {
        for (at, name) in types.iter().enumerate() {
            text.push_str(&format!("\ntype {name} = bytes[{}]\n", 100_000 + at));
        }
    }
}

/// The packets that are read otherwise.
fn touched(changes: &Changes) -> BTreeSet<&str> {
    let changes = changes
        .keys()
        .filter(|(_, change)| change.is_body() || matches!(change, Change::Added { .. }));
    changes.map(|(label, _)| label.as_str()).collect()
}

/// Those of a set that are not older than a version.
fn from(start: usize, set: Set) -> Set {
    set.iter()
        .filter(|version| *version >= start)
        .fold(Set::default(), |all, version| all.or(Set::one(version)))
}

fn is_wire(name: &str) -> bool {
    name.ends_with(".wire")
}

fn is_at(packet: &ast::PacketItem, place: &Place) -> bool {
    let state = packet.state.as_ref().map_or_else(String::new, |state| state.key());
    let direction = place.direction.is_none_or(|direction| match packet.directions {
        ast::Directions::Both => true,
        ast::Directions::Serverbound => direction == midwire_codec::Direction::Serverbound,
        ast::Directions::Clientbound => direction == midwire_codec::Direction::Clientbound,
    });
    state == lookup_key(&place.state) && direction
}

fn is_table(table: &ast::IdsItem, place: &Place) -> bool {
    let state = table.state.as_ref().map_or_else(String::new, |state| state.key());
    let direction = match table.direction {
        ast::Directions::Both => None,
        ast::Directions::Serverbound => Some(midwire_codec::Direction::Serverbound),
        ast::Directions::Clientbound => Some(midwire_codec::Direction::Clientbound),
    };
    state == lookup_key(&place.state) && direction == place.direction
}

/// Texts by name.
struct Files {
    files: Vec<(String, String)>,
}

impl Loader for Files {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        let exact = self.files.iter().find(|(name, _)| name == path);
        // Lists and tables are known by what the definition calls them, beside itself.
        let beside = || {
            self.files.iter().find(|(name, _)| {
                path.strip_suffix(name.as_str()).is_some_and(|front| front.ends_with('/'))
            })
        };
        exact
            .or_else(beside)
            .map(|(_, text)| text.clone())
            .ok_or_else(|| LoadError::NotFound { path: path.to_owned() })
    }
}

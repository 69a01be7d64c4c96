//! The definition's texts, and what is laid over them.

use std::collections::BTreeSet;
use std::sync::Arc;

use midwire_definition::sources::Root;
use midwire_definition::syntax::ast::{self, Item, ProtocolEntry, lookup_key};
use midwire_definition::syntax::parse;
use midwire_definition::{LoadError, Loader, Protocol};

use super::{Items, Maker};
use crate::gates::Timeline;
use crate::names::quoted;
use crate::protodef::Place;

impl Maker<'_> {
    /// The definition with this laid over it.
    pub(super) fn laid_over(
        &self,
        items: &Items,
        declarations: &str,
    ) -> Result<Arc<Protocol>, String> {
        let (main, files) = self.files(items, declarations);
        Files { files }.load_all(&main)
    }

    /// Its texts, and the name of the first.
    pub(super) fn files(
        &self,
        items: &Items,
        declarations: &str,
    ) -> (String, Vec<(String, String)>) {
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
        // Of several files with lines of a table the last one's come last.
        let mut tables: Vec<(&Place, usize, u32)> = Vec::new();
        for (file, (_, text)) in files.iter().enumerate().filter(|(_, (name, _))| is_wire(name)) {
            for item in parse(0, text).0.items {
                let Item::Ids(table) = item else { continue };
                if let Some((place, _)) =
                    items.ids.iter().find(|(place, _)| is_table(&table, place))
                {
                    tables.retain(|(other, ..)| *other != place);
                    tables.push((place, file, table.span.end));
                }
            }
        }
        for (file, (_, text)) in files.iter_mut().enumerate().filter(|(_, (name, _))| is_wire(name))
        {
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
                    _ => {}
                }
            }
            for (place, _, end) in tables.iter().filter(|(_, at, _)| *at == file) {
                let lines = items.ids.get(*place).map_or("", |lines| lines);
                inserts.push((end.saturating_sub(1), format!("\n{lines}")));
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
pub(super) const OWN: &str = "Own_";

/// Renames these types, and puts under their names something that is like nothing else: what a type is
/// apart from the types in it can then be compared.
pub(super) fn take_apart(files: &mut [(String, String)], types: &BTreeSet<String>) {
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

fn is_extend(item: &Item) -> bool {
    matches!(item, Item::Extend(_))
}

/// Whether a text has this name in it, as a word of its own.
pub(super) fn names(text: &str, name: &str) -> bool {
    let key = lookup_key(name);
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| lookup_key(word) == key)
}

pub(super) fn is_wire(name: &str) -> bool {
    name.ends_with(".wire")
}

pub(super) fn is_at(packet: &ast::PacketItem, place: &Place) -> bool {
    let state = packet.state.as_ref().map_or_else(String::new, |state| state.key());
    let direction = place.direction.is_none_or(|direction| match packet.directions {
        ast::Directions::Both => true,
        ast::Directions::Serverbound => direction == midwire_codec::Direction::Serverbound,
        ast::Directions::Clientbound => direction == midwire_codec::Direction::Clientbound,
    });
    state == lookup_key(&place.state) && direction
}

pub(super) fn is_table(table: &ast::IdsItem, place: &Place) -> bool {
    let state = table.state.as_ref().map_or_else(String::new, |state| state.key());
    let direction = match table.direction {
        ast::Directions::Both => None,
        ast::Directions::Serverbound => Some(midwire_codec::Direction::Serverbound),
        ast::Directions::Clientbound => Some(midwire_codec::Direction::Clientbound),
    };
    state == lookup_key(&place.state) && direction == place.direction
}

/// Texts by name.
pub(super) struct Files {
    pub(super) files: Vec<(String, String)>,
}

impl Files {
    /// The definition in the file `main`, with all those that extend it.
    pub(super) fn load_all(&self, main: &str) -> Result<Arc<Protocol>, String> {
        let extends = |text: &str| parse(0, text).0.items.iter().any(is_extend);
        let more = self.files.iter().filter(|(name, _)| name != main && is_wire(name));
        let more = more.filter(|(_, text)| text.contains("extend") && extends(text));
        let roots: Vec<Root<'_>> = more.map(|(path, _)| Root { path, loader: self }).collect();
        let main = Root { path: main, loader: self };
        let read = Protocol::load_all_checked_extended(main, &roots);
        read.map_err(|problems| problems.to_string())
    }
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

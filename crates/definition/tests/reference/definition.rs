//! A definition as it was written, with nothing made of it but lists: for the naive reader.

use std::collections::HashMap;

use midwire_codec::Direction;
use midwire_definition::sources::Loader;
use midwire_definition::syntax::ast::{
    Directions, ExprKind, Gate, Item, Name, PacketItem, ProtocolEntry, TableItem, TableSource,
    TestItem, TypeItem, VersionRange, VersionRef, lookup_key,
};
use midwire_definition::syntax::parse;

pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) number: i64,
    pub(crate) release: String,
}

/// A line of a table: its gate if it has one, and the numbers.
type Line = (Option<(Option<i64>, Option<i64>)>, i128, i128);

#[derive(Default)]
pub(crate) struct Definition {
    pub(crate) little: bool,
    pub(crate) versions: Vec<Listed>,
    pub(crate) conn: Vec<(String, i64)>,
    types: HashMap<String, Vec<TypeItem>>,
    pub(crate) packets: Vec<PacketItem>,
    pub(crate) tests: Vec<TestItem>,
    tables: Vec<(TableItem, Vec<Line>)>,
}

const SNAPSHOT: i64 = 0x4000_0000;

impl Definition {
    pub(crate) fn load(path: &str, loader: &dyn Loader) -> Definition {
        let mut all = Definition::default();
        let mut wanted = vec![path.to_owned()];
        let mut read = 0;
        while let Some(path) = wanted.get(read).cloned() {
            read += 1;
            let folder = path.rsplit_once('/').map_or(String::new(), |(f, _)| format!("{f}/"));
            let beside = |name: &str| loader.load(&format!("{folder}{name}")).unwrap();
            let text = loader.load(&path).unwrap();
            for item in parse(0, &text).0.items {
                match item {
                    Item::Include(name) => wanted.push(format!("{folder}{}", name.node)),
                    Item::Type(item) => all.types.entry(item.name.key()).or_default().push(item),
                    Item::Packet(item) => all.packets.push(item),
                    Item::Test(item) => all.tests.push(item),
                    Item::Table(item) => {
                        let lines = match &item.source {
                            TableSource::Inline(_) => Vec::new(),
                            TableSource::File(name) => table_lines(&beside(&name.node)),
                        };
                        all.tables.push((item, lines));
                    }
                    Item::Protocol(item) => {
                        for entry in item.entries {
                            match entry {
                                ProtocolEntry::Endian { little, .. } => all.little = little,
                                ProtocolEntry::Versions(list) => {
                                    all.versions.extend(list.into_iter().map(|(number, text)| {
                                        let key =
                                            text.map_or(number.node.to_string(), |text| text.node);
                                        Listed { release: key.clone(), number: number.node, key }
                                    }));
                                }
                                ProtocolEntry::VersionsFrom(name) => {
                                    all.versions = versions(&beside(&name.node));
                                }
                                ProtocolEntry::Conn(list) => {
                                    all.conn.extend(list.iter().map(|variable| {
                                        let first = match variable.initial.as_ref().map(|e| &e.kind)
                                        {
                                            Some(ExprKind::Int(n)) => *n as i64,
                                            Some(ExprKind::Negate(e)) => match e.kind {
                                                ExprKind::Int(n) => -n as i64,
                                                _ => panic!(),
                                            },
                                            Some(ExprKind::Bool(b)) => (*b).into(),
                                            _ => 0,
                                        };
                                        (variable.name.key(), first)
                                    }));
                                }
                                _ => {}
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        if all.versions.is_empty() {
            all.versions.push(Listed { key: "0".into(), number: 0, release: "0".into() });
        }
        all
    }

    /// Whether what stands behind the gates is there.
    pub(crate) fn admits(&self, gates: &[Gate], version: usize, direction: Direction) -> bool {
        gates.iter().all(|gate| match gate {
            Gate::Direction(written, _) => goes(*written, direction),
            Gate::Versions(ranges, _) => ranges.iter().any(|range| self.holds(range, version)),
        })
    }

    fn holds(&self, range: &VersionRange, version: usize) -> bool {
        let from = match range.from.as_ref().map(|v| &v.node) {
            None => true,
            Some(VersionRef::Number(n)) => self.begins(*n).is_some_and(|first| first <= version),
            Some(VersionRef::Key(key)) => self.keyed(key).is_some_and(|first| first <= version),
        };
        let to = match range.to.as_ref().map(|v| &v.node) {
            None => true,
            Some(VersionRef::Number(n)) => {
                let listed = self.versions.iter().rposition(|v| v.number == *n);
                if *n >= SNAPSHOT {
                    listed.is_some_and(|last| version <= last)
                } else {
                    // Up to the first release that is newer by its number.
                    let from = listed.unwrap_or(0);
                    let newer = |v: &Listed| v.number > *n && v.number < SNAPSHOT;
                    let end = self.versions[from..].iter().position(newer).map(|at| at + from);
                    end.is_none_or(|end| version < end)
                }
            }
            Some(VersionRef::Key(key)) => self.keyed(key).is_some_and(|last| version <= last),
        };
        from && to
    }

    fn begins(&self, number: i64) -> Option<usize> {
        let listed = self.versions.iter().position(|v| v.number == number);
        listed
            .or_else(|| self.versions.iter().position(|v| v.number > number && v.number < SNAPSHOT))
    }

    fn keyed(&self, text: &str) -> Option<usize> {
        let by_key = self.versions.iter().rposition(|v| v.key.eq_ignore_ascii_case(text));
        let number = text.parse().ok();
        by_key
            .or_else(|| number.and_then(|n| self.versions.iter().rposition(|v| v.number == n)))
            .or_else(|| self.versions.iter().rposition(|v| v.release.eq_ignore_ascii_case(text)))
    }

    pub(crate) fn ty(
        &self,
        name: &Name,
        version: usize,
        direction: Direction,
    ) -> Option<&TypeItem> {
        self.types.get(&name.key())?.iter().find(|ty| self.admits(&ty.gates, version, direction))
    }

    pub(crate) fn in_table(
        &self,
        name: &Name,
        n: i128,
        version: usize,
        direction: Direction,
    ) -> bool {
        let key = name.key();
        let here = self.tables.iter().filter(|(table, _)| {
            table.name.key() == key && self.admits(&table.gates, version, direction)
        });
        here.into_iter().any(|(table, lines)| match &table.source {
            TableSource::Inline(entries) => {
                entries.iter().any(|e| i128::from(e.first) <= n && n <= i128::from(e.last))
            }
            TableSource::File(_) => lines.iter().any(|(gate, first, last)| {
                let number = self.versions[version].number;
                let open = gate.is_none_or(|(from, to)| {
                    from.is_none_or(|from| from <= number) && to.is_none_or(|to| number <= to)
                });
                open && *first <= n && n <= *last
            }),
        })
    }
}

pub(crate) fn goes(written: Directions, direction: Direction) -> bool {
    match written {
        Directions::Both => true,
        Directions::Serverbound => direction == Direction::Serverbound,
        Directions::Clientbound => direction == Direction::Clientbound,
    }
}

fn versions(text: &str) -> Vec<Listed> {
    let mut list = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let words: Vec<_> = line.split_whitespace().map(|w| w.trim_matches('"')).collect();
        let [key, number, ordinal, release @ ..] = words.as_slice() else { continue };
        let release = if release.is_empty() { (*key).to_owned() } else { release.join(" ") };
        let ordinal: u32 = ordinal.parse().unwrap();
        let number = number.parse().unwrap();
        list.push((ordinal, Listed { key: (*key).to_owned(), number, release }));
    }
    list.sort_by_key(|(ordinal, _)| *ordinal);
    list.into_iter().map(|(_, listed)| listed).collect()
}

fn table_lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap().trim();
        let mut words = line.split_whitespace().peekable();
        let gate = words.next_if(|w| w.starts_with('@')).map(|w| {
            let (from, to) = w[1..].split_once("..").unwrap_or((&w[1..], &w[1..]));
            (from.parse().ok(), to.parse().ok())
        });
        let Some(word) = words.next() else { continue };
        let word = word.trim_end_matches(',');
        let (first, last) = word.split_once("..").unwrap_or((word, word));
        lines.push((gate, first.parse().unwrap(), last.parse().unwrap()));
    }
    lines
}

pub(crate) fn same(a: &str, b: &str) -> bool {
    lookup_key(a) == lookup_key(b)
}

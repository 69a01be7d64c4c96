//! What changed: an imported definition against another one, packet by packet, by what they mean.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use midwire_definition::plan::{Comparison, Plan};
use midwire_definition::syntax::ast::lookup_key;
use midwire_definition::{Dialect, Protocol, VersionId};

use crate::set::Set;

/// What became of a packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// The definition does not have it.
    Added {
        /// Its id.
        id: i64,
    },
    /// The data does not have it.
    Removed {
        /// Its id in the definition.
        id: i64,
    },
    /// It has another id.
    Moved {
        /// In the definition.
        from: i64,
        /// In the data.
        to: i64,
    },
    /// Its bytes are cut in another way.
    Layout {
        /// The first place that differs.
        path: String,
        /// What the definition has there.
        from: String,
        /// What the data has there.
        to: String,
    },
    /// A field has another name.
    Renamed {
        /// In the definition.
        from: String,
        /// In the data.
        to: String,
    },
    /// A number has another name, or is named on one side only.
    Entry {
        /// The field.
        path: String,
        /// The number.
        number: i128,
        /// Its name in the definition.
        from: Option<String>,
        /// Its name in the data.
        to: Option<String>,
    },
    /// The definition does not have this version.
    NewVersion {
        /// Its wire number.
        number: i64,
        /// The version of the definition that it was compared with.
        with: String,
    },
}

impl Change {
    /// Whether a body is read otherwise: ids, and names that were there before, do not count.
    pub fn is_body(&self) -> bool {
        matches!(self, Change::Layout { .. } | Change::Entry { from: None, to: Some(_), .. })
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Change::Added { id } => write!(f, "added, id {id:#04x}"),
            Change::Removed { id } => write!(f, "removed, was id {id:#04x}"),
            Change::Moved { from, to } => write!(f, "moved id {from:#04x} to {to:#04x}"),
            Change::Layout { path, from, to } => {
                let at = if path.is_empty() { "" } else { " at " };
                write!(f, "changed layout{at}{path}: {from} became {to}")
            }
            Change::Renamed { from, to } => write!(f, "renamed field {from} to {to}"),
            Change::Entry { path, number, from, to } => match (from, to) {
                (Some(from), Some(to)) => {
                    write!(f, "renamed value {number} of {path}: {from} to {to}")
                }
                (None, Some(to)) => write!(f, "added value {number} of {path}: {to}"),
                (Some(from), None) => write!(f, "removed value {number} of {path}: {from}"),
                (None, None) => write!(f, "value {number} of {path}"),
            },
            Change::NewVersion { number, with } => {
                write!(f, "new version, number {number}; compared with {with}")
            }
        }
    }
}

/// What became of the packets, with the imported versions in which it is so.
pub(crate) type Changes = BTreeMap<(String, Change), Set>;

/// A packet's place and name, as messages and keys have it: `play clientbound map_chunk`.
pub(crate) type Label = String;

/// One imported version: where the definition has it, and where the import.
pub(crate) struct Matched {
    pub(crate) base: VersionId,
    pub(crate) new: VersionId,
}

/// Compares every packet of every version.
pub(crate) fn compare(base: &Protocol, new: &Protocol, versions: &[Matched]) -> Changes {
    let mut changes = Changes::new();
    let mut known: HashMap<(*const Plan, *const Plan), Arc<Comparison>> = HashMap::new();
    // Plans are told apart by their addresses, so they must live until the end.
    let mut kept = Vec::new();
    for (version, Matched { base: from, new: to }) in versions.iter().enumerate() {
        let (mine, theirs) = (base.dialect(*from), new.dialect(*to));
        let mut note = |label: &str, change: Change| {
            changes.entry((label.to_owned(), change)).or_default().add(version);
        };
        let (old, now) = (packets(base, &mine), packets(new, &theirs));
        for (key, (label, packet)) in &now {
            let Some((_, before)) = old.get(key) else {
                note(label, Change::Added { id: packet.id });
                continue;
            };
            if before.id != packet.id {
                note(label, Change::Moved { from: before.id, to: packet.id });
            }
            let (from, to) = match (&before.plan, &packet.plan) {
                (Some(from), Some(to)) => (from, to),
                (None, None) => continue,
                (from, _) => {
                    let text = |known: bool| if known { "fields" } else { "opaque" }.to_owned();
                    let known = from.is_some();
                    let (from, to) = (text(known), text(!known));
                    note(label, Change::Layout { path: String::new(), from, to });
                    continue;
                }
            };
            let key = (Arc::as_ptr(from), Arc::as_ptr(to));
            let found = known.entry(key).or_insert_with(|| Arc::new(from.compare(to))).clone();
            if let Some(differs) = &found.layout {
                let (path, from, to) =
                    (differs.path.clone(), differs.this.clone(), differs.other.clone());
                note(label, Change::Layout { path, from, to });
                continue;
            }
            for (from, to) in &found.renamed {
                note(label, Change::Renamed { from: from.clone(), to: to.clone() });
            }
            for entry in &found.entries {
                let (path, number) = (entry.path.clone(), entry.number);
                let (from, to) = (entry.this.clone(), entry.other.clone());
                note(label, Change::Entry { path, number, from, to });
            }
        }
        for (key, (label, packet)) in &old {
            if !now.contains_key(key) {
                note(label, Change::Removed { id: packet.id });
            }
        }
        kept.push((mine, theirs));
    }
    changes
}

type Packets<'d> =
    BTreeMap<(String, usize, String), (Label, &'d midwire_definition::PacketDefinition)>;

fn packets<'d>(protocol: &Protocol, dialect: &'d Dialect) -> Packets<'d> {
    let packets = dialect.packets().map(|packet| {
        let state = protocol.state_name(packet.state);
        let space = if state.is_empty() { "" } else { " " };
        let label = format!("{state}{space}{} {}", packet.direction, packet.name);
        let key = (lookup_key(state), packet.direction.index(), lookup_key(&packet.name));
        (key, (label, &**packet))
    });
    packets.collect()
}

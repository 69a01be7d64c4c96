//! What a definition leaves opaque, and which of its arms no test takes, per version.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use midwire_codec::Direction;

use crate::check::tested;
use crate::plan::{Item, Kind, Plan, Workspace};
use crate::protocol::{Protocol, StateId};
use crate::version::VersionId;

/// What a definition leaves opaque or untested, by packet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// By state, direction and packet.
    pub entries: Vec<CoverageEntry>,
}

/// Something opaque or untested, and the versions in which it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageEntry {
    /// `play clientbound map_chunk`
    pub packet: String,
    /// What is missing.
    pub gap: Gap,
    /// The first and the last version's key.
    pub versions: (Arc<str>, Arc<str>),
}

/// What may be missing of a packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gap {
    /// It has no fields.
    Opaque,
    /// Its end, behind this field, is kept as bytes.
    OpaqueTail(String),
    /// No test takes this arm.
    UntestedArm(String),
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gap::Opaque => f.write_str("opaque"),
            Gap::OpaqueTail(path) if path.is_empty() => f.write_str("opaque tail"),
            Gap::OpaqueTail(path) => write!(f, "opaque tail in {path}"),
            Gap::UntestedArm(arm) => write!(f, "untested: {arm}"),
        }
    }
}

impl Coverage {
    /// A line a packet: what is opaque, and how many arms at most are untested at one version. This is the
    /// form that a list of what is allowed is kept in.
    pub fn summary(&self) -> String {
        let mut packets: BTreeMap<&str, Vec<&CoverageEntry>> = BTreeMap::new();
        for entry in &self.entries {
            packets.entry(&entry.packet).or_default().push(entry);
        }
        let mut text = String::new();
        for (packet, entries) in packets {
            let mut parts = Vec::new();
            for entry in &entries {
                if !matches!(entry.gap, Gap::UntestedArm(_)) {
                    parts.push(format!("{} {}..{}", entry.gap, entry.versions.0, entry.versions.1));
                }
            }
            let arms: HashSet<_> = entries
                .iter()
                .filter(|e| matches!(e.gap, Gap::UntestedArm(_)))
                .map(|e| &e.gap)
                .collect();
            if !arms.is_empty() {
                parts.push(format!("{} untested", arms.len()));
            }
            text.push_str(&format!("{packet}: {}\n", parts.join(", ")));
        }
        text
    }
}

/// By state, direction, packet and gap: the versions, first and one past the last.
type Runs = BTreeMap<(StateId, &'static str, Arc<str>, Gap), Vec<(u32, u32)>>;

/// What the definition leaves opaque, and which arms none of its tests takes, with the versions.
pub fn coverage(protocol: &Protocol) -> Coverage {
    let taken = taken(protocol);
    let mut missing = Runs::new();
    // Plans are told apart by their address, so they must live until the end.
    let mut dialects = Vec::new();
    let count = protocol.versions.iter().count() as u32;
    let mut version = VersionId(0);
    while version.0 < count {
        let next = protocol.declarations.next_change(version).0.min(count);
        let dialect = protocol.dialect_uncached(version);
        for packet in dialect.packets() {
            let gaps = match &packet.plan {
                None => vec![Gap::Opaque],
                Some(plan) => gaps(plan, packet.direction, &taken),
            };
            for gap in gaps {
                let key = (packet.state, packet.direction.as_str(), packet.name.clone(), gap);
                let runs = missing.entry(key).or_default();
                match runs.last_mut() {
                    Some((_, end)) if *end == next => {}
                    Some((_, end)) if *end == version.0 => *end = next,
                    _ => runs.push((version.0, next)),
                }
            }
        }
        dialects.push(dialect);
        version = VersionId(next);
    }
    let key = |n: u32| protocol.versions.get(VersionId(n)).key.clone();
    let mut entries = Vec::new();
    for ((state, direction, name, gap), runs) in missing {
        let state = protocol.state_name(state);
        let space = if state.is_empty() { "" } else { " " };
        for (first, end) in runs {
            let packet = format!("{state}{space}{direction} {name}");
            let versions = (key(first), key(end - 1));
            entries.push(CoverageEntry { packet, gap: gap.clone(), versions });
        }
    }
    Coverage { entries }
}

/// An arm of a plan that some test takes: the plan's address, the direction (both may share a plan), branch
/// and arm.
type Taken = HashSet<(*const Plan, Direction, u32, u32)>;

fn taken(protocol: &Protocol) -> Taken {
    let mut ws = Workspace::default();
    let conn = protocol.initial_conn();
    let mut taken = Taken::new();
    for test in &protocol.declarations.tests {
        for definition in tested(protocol, test).unwrap_or_default() {
            let Some(plan) = &definition.plan else { continue };
            let mut packet = plan.decode(&test.bytes.node, 0, &conn, &mut ws);
            packet.note_arms(&mut |branch, arm| {
                taken.insert((Arc::as_ptr(plan), definition.direction, branch, arm));
            });
        }
    }
    taken
}

fn gaps(plan: &Arc<Plan>, direction: Direction, taken: &Taken) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for field in &plan.fields {
        if matches!(field.kind, Kind::Tail) {
            gaps.push(Gap::OpaqueTail(path(plan, field.parent)));
        }
    }
    for (index, branch) in plan.branches.iter().enumerate() {
        for arm in 0..branch.arms.len() as u32 {
            if !taken.contains(&(Arc::as_ptr(plan), direction, index as u32, arm)) {
                gaps.push(Gap::UntestedArm(arm_text(plan, index, arm)));
            }
        }
    }
    gaps
}

/// The path of a struct field.
fn path(plan: &Plan, mut field: Option<u32>) -> String {
    let mut names = Vec::new();
    while let Some(id) = field {
        let parent = &plan.fields[id as usize];
        names.push(&*parent.name);
        field = parent.parent;
    }
    names.reverse();
    names.join(".")
}

/// An arm as people find it: by what it holds first, else by its number.
fn arm_text(plan: &Plan, index: usize, arm: u32) -> String {
    let branch = &plan.branches[index];
    let named = branch.arms[arm as usize].items.iter().find_map(|item| match item {
        Item::Field(id) => (!plan.fields[*id as usize].name.is_empty()).then_some(*id),
        Item::Branch(_) => None,
    });
    let layout = plan.layouts[branch.layout as usize].name.as_deref().unwrap_or("");
    let dot = if layout.is_empty() || named.is_none() { "" } else { "." };
    format!("{layout}{dot}{} (choice {index}, arm {arm})", path(plan, named))
}

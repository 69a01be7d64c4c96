//! Versions of a protocol: keys, wire numbers, releases, and the order they came in.

use std::sync::Arc;

/// One version, by its place in the order of age (its *ordinal*): gates compare these, not wire numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionId(pub u32);

/// What is known of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// What people type: `1.21.4`.
    pub key: Arc<str>,
    /// What is on the wire: 769. Several versions may share one.
    pub number: i64,
    /// The order of age.
    pub ordinal: u32,
    /// The release it belongs to, for people.
    pub release: Arc<str>,
}

/// Wire numbers from here on are Minecraft's snapshots; numbers do not order them among the releases.
const SNAPSHOT: i64 = 0x4000_0000;

/// All versions of a protocol, in order of age. There is always at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    list: Vec<Version>,
}

impl Versions {
    /// The versions in order of their ordinals; an empty list stands for one version with number 0.
    pub fn new(mut list: Vec<Version>) -> Versions {
        list.sort_by_key(|v| v.ordinal);
        if list.is_empty() {
            let text: Arc<str> = "0".into();
            list.push(Version { key: text.clone(), number: 0, ordinal: 0, release: text });
        }
        Versions { list }
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (VersionId, &Version)> {
        self.list.iter().enumerate().map(|(i, v)| (VersionId(i as u32), v))
    }

    /// What is known of a version.
    ///
    /// # Panics
    /// If the id is not one that this list gave out.
    pub fn get(&self, id: VersionId) -> &Version {
        &self.list[id.0 as usize]
    }

    /// The newest release (snapshots do not count unless there is nothing else).
    pub fn newest(&self) -> VersionId {
        let release = self.iter().rev().find(|(_, v)| v.number < SNAPSHOT);
        release.map_or(VersionId(self.list.len() as u32 - 1), |(id, _)| id)
    }

    /// The version of a wire number, and whether that is only assumed: a number that is not listed takes
    /// the newest version below it (the oldest if there is none). Of two versions of one number the newer.
    pub fn by_number(&self, number: i64) -> (VersionId, bool) {
        if let Some((id, _)) = self.iter().rev().find(|(_, v)| v.number == number) {
            return (id, false);
        }
        let same_kind = |v: &Version| (v.number < SNAPSHOT) == (number < SNAPSHOT);
        let below = self.iter().filter(|(_, v)| same_kind(v) && v.number < number);
        let nearest = below.max_by_key(|(id, v)| (v.number, *id)).map(|(id, _)| id);
        (nearest.unwrap_or(if number < SNAPSHOT { VersionId(0) } else { self.newest() }), true)
    }

    /// The version of a key, a release or a written wire number; the newest of several.
    pub fn by_text(&self, text: &str) -> Option<VersionId> {
        let text = text.trim();
        let by_key = self.iter().rev().find(|(_, v)| v.key.eq_ignore_ascii_case(text));
        let by_number = || {
            let number: i64 = text.parse().ok()?;
            self.iter().rev().find(|(_, v)| v.number == number)
        };
        let by_release = || self.iter().rev().find(|(_, v)| v.release.eq_ignore_ascii_case(text));
        by_key.or_else(by_number).or_else(by_release).map(|(id, _)| id)
    }

    /// The first version that a gate starting at this wire number admits: itself if listed (the oldest of
    /// several), else the first release above it. `None`: all are older.
    pub fn first_from(&self, number: i64) -> Option<VersionId> {
        let listed = self.iter().find(|(_, v)| v.number == number);
        let above = || self.iter().find(|(_, v)| v.number > number && v.number < SNAPSHOT);
        listed.or_else(above).map(|(id, _)| id)
    }

    /// The last version that a gate ending at this wire number admits: the one in front of the first
    /// release with a higher number, so that snapshots between two releases are read as the older one, and
    /// `@..764` and `@765..` leave no version out. `None`: all are newer.
    pub fn last_to(&self, number: i64) -> Option<VersionId> {
        let listed = self.iter().rev().find(|(_, v)| v.number == number).map(|(id, _)| id);
        if number >= SNAPSHOT {
            return listed;
        }
        let from = listed.map_or(0, |id| id.0 as usize);
        let higher = |v: &Version| v.number > number && v.number < SNAPSHOT;
        match self.list[from..].iter().position(higher) {
            Some(at) => (from + at).checked_sub(1).map(|at| VersionId(at as u32)),
            None => Some(VersionId(self.list.len() as u32 - 1)),
        }
    }
}

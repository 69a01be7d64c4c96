//! Versions of a protocol: keys, wire numbers, releases, and the order they came in.

use std::collections::HashMap;
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
    /// By wire number: the oldest and the newest version that has it.
    by_number: HashMap<i64, (u32, u32)>,
    /// By key and by release, in lower case: the newest version that has it.
    by_key: HashMap<String, u32>,
    by_release: HashMap<String, u32>,
    /// By version: the highest number of a release up to there.
    highest: Vec<i64>,
}

impl Versions {
    /// The versions in order of their ordinals; an empty list stands for one version with number 0.
    pub fn new(mut list: Vec<Version>) -> Versions {
        list.sort_by_key(|v| v.ordinal);
        if list.is_empty() {
            let text: Arc<str> = "0".into();
            list.push(Version { key: text.clone(), number: 0, ordinal: 0, release: text });
        }
        let mut versions = Versions {
            by_number: HashMap::new(),
            by_key: HashMap::new(),
            by_release: HashMap::new(),
            highest: Vec::new(),
            list: Vec::new(),
        };
        let mut highest = i64::MIN;
        for (at, version) in list.iter().enumerate() {
            let at = at as u32;
            versions.by_number.entry(version.number).or_insert((at, at)).1 = at;
            versions.by_key.insert(version.key.to_ascii_lowercase(), at);
            versions.by_release.insert(version.release.to_ascii_lowercase(), at);
            if version.number < SNAPSHOT {
                highest = highest.max(version.number);
            }
            versions.highest.push(highest);
        }
        versions.list = list;
        versions
    }

    /// The first release with a higher number.
    fn first_above(&self, number: i64) -> usize {
        self.highest.partition_point(|highest| *highest <= number)
    }

    /// All of them, oldest first.
    pub fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = (VersionId, &Version)> + ExactSizeIterator {
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
        let key = text.to_ascii_lowercase();
        let by_number = || self.by_number.get(&text.parse().ok()?).map(|(_, newest)| newest);
        let found = self.by_key.get(&key).or_else(by_number);
        found.or_else(|| self.by_release.get(&key)).map(|at| VersionId(*at))
    }

    /// The first version that a gate starting at this wire number admits: itself if listed (the oldest of
    /// several), else the first release above it. `None`: all are older.
    pub fn first_from(&self, number: i64) -> Option<VersionId> {
        let listed = self.by_number.get(&number).map(|(oldest, _)| *oldest);
        let above = self.first_above(number);
        let above = || (above < self.list.len()).then_some(above as u32);
        listed.or_else(above).map(VersionId)
    }

    /// The last version that a gate ending at this wire number admits: the one in front of the first
    /// release with a higher number, so that snapshots between two releases are read as the older one, and
    /// `@..764` and `@765..` leave no version out. `None`: all are newer.
    pub fn last_to(&self, number: i64) -> Option<VersionId> {
        let listed = self.by_number.get(&number).map(|(_, newest)| VersionId(*newest));
        if number >= SNAPSHOT {
            return listed;
        }
        let from = listed.map_or(0, |id| id.0 as usize);
        let higher = |v: &Version| v.number > number && v.number < SNAPSHOT;
        let first = match self.first_above(number) {
            // Numbers that fall: one in front of it is higher, too.
            above if above < from => {
                self.list[from..].iter().position(higher).map_or(self.list.len(), |at| from + at)
            }
            above => above,
        };
        first.checked_sub(1).map(|at| VersionId(at as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(numbers: &[i64]) -> Versions {
        let version = |(at, number): (usize, &i64)| Version {
            key: format!("K{at}").into(),
            number: *number,
            ordinal: at as u32,
            release: format!("R{}", at / 2).into(),
        };
        Versions::new(numbers.iter().enumerate().map(version).collect())
    }

    #[test]
    fn gates_find_what_looking_through_all_versions_finds() {
        let lists: [&[i64]; 5] = [
            &[1, 2, 2, 5, 9],
            &[5, 5, SNAPSHOT + 1, 7, SNAPSHOT + 2, SNAPSHOT + 3],
            &[9, 3, 4, 4, 10, 2],
            &[SNAPSHOT + 1],
            &[],
        ];
        for list in lists {
            let versions = versions(list);
            for number in (-1..12).chain([SNAPSHOT, SNAPSHOT + 1, SNAPSHOT + 2, i64::MAX]) {
                let is_above = |v: &Version| v.number > number && v.number < SNAPSHOT;
                let all: Vec<_> = versions.iter().collect();
                let listed = all.iter().find(|(_, v)| v.number == number);
                let first = listed.or_else(|| all.iter().find(|(_, v)| is_above(v)));
                assert_eq!(
                    versions.first_from(number),
                    first.map(|(id, _)| *id),
                    "{list:?} {number}"
                );
                let newest = all.iter().rposition(|(_, v)| v.number == number);
                let last = match newest {
                    _ if number >= SNAPSHOT => newest,
                    newest => {
                        let from = newest.unwrap_or(0);
                        let above = all[from..].iter().position(|(_, v)| is_above(v));
                        above.map_or(all.len(), |at| from + at).checked_sub(1)
                    }
                };
                let last = last.map(|at| VersionId(at as u32));
                assert_eq!(versions.last_to(number), last, "{list:?} {number}");
            }
        }
    }

    #[test]
    fn texts_are_keys_then_numbers_then_releases() {
        let versions = versions(&[7, 8, 8]);
        assert_eq!(versions.by_text(" k1 "), Some(VersionId(1)));
        assert_eq!(versions.by_text("8"), Some(VersionId(2)));
        assert_eq!(versions.by_text("r0"), Some(VersionId(1)));
        assert_eq!(versions.by_text("R1"), Some(VersionId(2)));
        assert_eq!(versions.by_text("9"), None);
    }
}

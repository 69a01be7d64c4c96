//! From sets of imported versions to gates in the text.

use midwire_definition::{VersionId, Versions};

use crate::folder::{Key, SNAPSHOT};
use crate::names::quoted;
use crate::set::Set;

/// The imported versions as the text's own list of versions knows them.
#[derive(Debug)]
pub(crate) struct Timeline {
    versions: Versions,
    /// The keys of each imported version, oldest first, and the part of the list that it holds for.
    spans: Vec<Span>,
}

#[derive(Debug, Clone)]
struct Span {
    first: Key,
    last: Key,
    ids: (VersionId, VersionId),
}

impl Timeline {
    /// The imported versions on a list that has all of their keys; those that it has not are `None`.
    pub(crate) fn new(versions: Versions, imported: &[Vec<Key>]) -> Option<Timeline> {
        let span = |keys: &Vec<Key>| {
            let (first, last) = (keys.first()?.clone(), keys.last()?.clone());
            let ids = (find(&versions, &first)?, find(&versions, &last)?);
            Some(Span { first, last, ids })
        };
        let spans = imported.iter().map(span).collect::<Option<Vec<_>>>()?;
        Some(Timeline { versions, spans })
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The version of the list that stands for an imported one.
    pub(crate) fn id(&self, version: usize) -> VersionId {
        self.spans[version].ids.1
    }

    /// All versions.
    pub(crate) fn all(&self) -> Set {
        (0..self.spans.len()).fold(Set::default(), |all, version| all.or(Set::one(version)))
    }

    /// The gate of what is there in `set`, within something that is there in `around`; with a space behind.
    pub(crate) fn gate(&self, set: Set, around: Set) -> String {
        let set = set.and(around);
        if set == around {
            return String::new();
        }
        let around: Vec<usize> = around.iter().collect();
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for (at, version) in around.iter().enumerate() {
            if !set.has(*version) {
                continue;
            }
            match runs.last_mut() {
                Some((_, end)) if *end + 1 == at => *end = at,
                _ => runs.push((at, at)),
            }
        }
        let texts: Vec<String> = runs.into_iter().map(|run| self.range(run, &around)).collect();
        format!("@{} ", texts.join("|"))
    }

    /// The gate of what is there in `set` and nowhere else, in a text that holds for other versions too.
    pub(crate) fn closed_gate(&self, set: Set, before_any: bool) -> String {
        let versions: Vec<usize> = (0..self.spans.len()).collect();
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for version in set.iter() {
            match runs.last_mut() {
                Some((_, end)) if *end + 1 == version => *end = version,
                _ => runs.push((version, version)),
            }
        }
        let text = |(from, to): (usize, usize)| {
            let newest = to + 1 == versions.len();
            self.ends(from, to, from > 0 || before_any, !newest, &versions)
        };
        let texts: Vec<String> = runs.into_iter().map(text).collect();
        format!("@{} ", texts.join("|"))
    }

    /// How the list's line for a version begins.
    pub(crate) fn start(&self, version: usize) -> String {
        let span = &self.spans[version];
        let number = span.first.number;
        if number < SNAPSHOT && self.versions.first_from(number) == Some(span.ids.0) {
            number.to_string()
        } else {
            quoted(&span.first.key)
        }
    }

    fn range(&self, (from, to): (usize, usize), around: &[usize]) -> String {
        self.ends(around[from], around[to], from > 0, to + 1 < around.len(), around)
    }

    /// A range of versions; numbers where they say what is meant, else keys.
    fn ends(&self, from: usize, to: usize, open: bool, close: bool, around: &[usize]) -> String {
        let (first, last) = (&self.spans[from], &self.spans[to]);
        let both = open && close;
        if both && first.first.number == last.last.number && first.first.number < SNAPSHOT {
            let n = first.first.number;
            let low = self.versions.first_from(n);
            if self.admits((low, self.versions.last_to(n)), from, to, around) {
                return n.to_string();
            }
        }
        // People know snapshots by their keys.
        let numbered = |key: &Key, id: Option<VersionId>| id.filter(|_| key.number < SNAPSHOT);
        let low = [
            (
                first.first.number.to_string(),
                numbered(&first.first, self.versions.first_from(first.first.number)),
            ),
            (quoted(&first.first.key), Some(first.ids.0)),
        ];
        let high = [
            (
                last.last.number.to_string(),
                numbered(&last.last, self.versions.last_to(last.last.number)),
            ),
            (quoted(&last.last.key), Some(last.ids.1)),
        ];
        let low = if open { low.to_vec() } else { vec![(String::new(), Some(VersionId(0)))] };
        let high =
            if close { high.to_vec() } else { vec![(String::new(), Some(VersionId(u32::MAX)))] };
        for (low_text, low) in &low {
            for (high_text, high) in &high {
                if self.admits((*low, *high), from, to, around) {
                    return format!("{low_text}..{high_text}");
                }
            }
        }
        // Keys are exact.
        let key = |list: &[(String, Option<VersionId>)]| {
            list.last().map_or_else(String::new, |(text, _)| text.clone())
        };
        format!("{}..{}", key(&low), key(&high))
    }

    /// Whether this range has the versions from `from` to `to`, and no other of `around`.
    fn admits(
        &self,
        range: (Option<VersionId>, Option<VersionId>),
        from: usize,
        to: usize,
        around: &[usize],
    ) -> bool {
        let (Some(low), Some(high)) = range else { return false };
        around.iter().all(|version| {
            let (first, last) = self.spans[*version].ids;
            if from <= *version && *version <= to {
                low <= first && last <= high
            } else {
                last < low || high < first
            }
        })
    }
}

/// A key in a list; if only its number is there, that.
pub(crate) fn find(versions: &Versions, key: &Key) -> Option<VersionId> {
    let by_key = versions.iter().find(|(_, v)| *v.key == *key.key).map(|(id, _)| id);
    by_key.or_else(|| match versions.by_number(key.number) {
        (id, false) => Some(id),
        (_, true) => None,
    })
}

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

    /// The version of the list that stands for an imported one.
    pub(crate) fn id(&self, version: usize) -> VersionId {
        self.spans[version].ids.1
    }

    /// The versions of the list from the first to the last of each row of imported ones.
    pub(crate) fn ids(&self, set: Set) -> Vec<VersionId> {
        let row = |(from, to): (usize, usize)| self.spans[from].ids.0.0..=self.spans[to].ids.1.0;
        runs(set).into_iter().flat_map(row).map(VersionId).collect()
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
        let places = around.iter().enumerate().filter(|(_, version)| set.has(**version));
        let places = places.fold(Set::default(), |all, (at, _)| all.or(Set::one(at)));
        let texts: Vec<String> =
            runs(places).into_iter().map(|run| self.range(run, &around)).collect();
        format!("@{} ", texts.join("|"))
    }

    /// The gate of what is there in `set` and nowhere else, in a text that holds for other versions too;
    /// with a space behind.
    pub(crate) fn closed_gate(&self, set: Set) -> String {
        let versions: Vec<usize> = (0..self.spans.len()).collect();
        let text = |(from, to): (usize, usize)| {
            self.ends(from, to, true, !self.is_newest(to), &versions).0
        };
        let texts: Vec<String> = runs(set).into_iter().map(text).collect();
        format!("@{} ", texts.join("|"))
    }

    /// The gate of all versions that [`Timeline::closed_gate`] leaves out; with spaces around.
    pub(crate) fn other_gate(&self, set: Set) -> String {
        let versions: Vec<usize> = (0..self.spans.len()).collect();
        let mut next = VersionId(0);
        let mut texts = Vec::new();
        let key = |id: VersionId| quoted(&self.versions.get(id).key);
        for (from, to) in runs(set) {
            let (_, low, high) = self.ends(from, to, true, !self.is_newest(to), &versions);
            if next < low {
                texts.push(format!("{}..{}", key(next), key(VersionId(low.0 - 1))));
            }
            next = VersionId(high.0.saturating_add(1));
        }
        if (next.0 as usize) < self.versions.iter().count() {
            texts.push(format!("{}..", key(next)));
        }
        if texts.is_empty() {
            // There is none left: a range that ends before it begins.
            let ends = [self.versions.iter().next_back(), self.versions.iter().next()];
            let ends = ends.map(|end| end.map_or_else(String::new, |(id, _)| key(id)));
            texts.push(ends.join(".."));
        }
        format!(" @{} ", texts.join("|"))
    }

    /// Whether nothing newer is listed.
    pub(crate) fn is_newest(&self, version: usize) -> bool {
        self.spans[version].ids.1.0 as usize + 1 == self.versions.iter().count()
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
        self.ends(around[from], around[to], from > 0, to + 1 < around.len(), around).0
    }

    /// A range of versions as text, and its first and last; numbers where they say what is meant, else keys.
    fn ends(
        &self,
        from: usize,
        to: usize,
        open: bool,
        close: bool,
        around: &[usize],
    ) -> (String, VersionId, VersionId) {
        let (first, last) = (&self.spans[from], &self.spans[to]);
        // People know snapshots by their keys.
        let numbered = |key: &Key, id: Option<VersionId>| id.filter(|_| key.number < SNAPSHOT);
        let (n, m) = (first.first.number, last.last.number);
        let (from_n, to_n) = (
            numbered(&first.first, self.versions.first_from(n)),
            numbered(&last.last, self.versions.last_to(m)),
        );
        if let (true, true, Some(low), Some(high)) = (open && close, n == m, from_n, to_n)
            && self.admits((low, high), from, to, around)
        {
            return (n.to_string(), low, high);
        }
        if open && close && first.ids.0 == last.ids.1 {
            return (quoted(&first.first.key), first.ids.0, last.ids.1);
        }
        let newest = VersionId(self.versions.iter().count().saturating_sub(1) as u32);
        let low = if open {
            vec![(n.to_string(), from_n), (quoted(&first.first.key), Some(first.ids.0))]
        } else {
            vec![(String::new(), Some(VersionId(0)))]
        };
        let high = if close {
            vec![(m.to_string(), to_n), (quoted(&last.last.key), Some(last.ids.1))]
        } else {
            vec![(String::new(), Some(newest))]
        };
        let mut best = None;
        for (low_text, low) in &low {
            for (high_text, high) in &high {
                let (Some(low), Some(high)) = (*low, *high) else { continue };
                let found = (format!("{low_text}..{high_text}"), low, high);
                if self.admits((low, high), from, to, around) {
                    return found;
                }
                best = Some(found);
            }
        }
        // Keys are exact.
        best.unwrap_or((String::from(".."), VersionId(0), newest))
    }

    /// Whether this range has the versions from `from` to `to`, and no other of `around`.
    fn admits(
        &self,
        (low, high): (VersionId, VersionId),
        from: usize,
        to: usize,
        around: &[usize],
    ) -> bool {
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

/// Rows of versions that follow each other: first and last.
pub(crate) fn runs(set: Set) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for version in set.iter() {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == version => *end = version,
            _ => runs.push((version, version)),
        }
    }
    runs
}

/// A key in a list; if only its number is there, that.
pub(crate) fn find(versions: &Versions, key: &Key) -> Option<VersionId> {
    let by_key = versions.iter().find(|(_, v)| *v.key == *key.key).map(|(id, _)| id);
    by_key.or_else(|| match versions.by_number(key.number) {
        (id, false) => Some(id),
        (_, true) => None,
    })
}

//! Tables of numbers: sets that conditions ask (`kind in catchable`) and names that `@ref` shows.

use std::sync::Arc;

/// Numbers, some with names, at one version.
#[derive(Debug, Default, PartialEq)]
pub struct Table {
    /// The table's name.
    pub name: Arc<str>,
    /// Ranges of numbers, both ends included, in order and without overlap.
    ranges: Vec<(i128, i128)>,
    /// Names, in order of number.
    names: Vec<(i128, Arc<str>)>,
}

impl Table {
    /// A table of these entries: first, last, name. Overlaps are merged; of several names the first counts.
    pub fn new(
        name: Arc<str>,
        entries: impl IntoIterator<Item = (i128, i128, Option<Arc<str>>)>,
    ) -> Table {
        let mut spans = Vec::new();
        let mut names = Vec::new();
        for (first, last, text) in entries {
            spans.push((first, last));
            names.extend(text.map(|text| (first, text)));
        }
        spans.sort_unstable();
        names.sort_by_key(|(number, _)| *number);
        names.dedup_by_key(|(number, _)| *number);
        let mut ranges: Vec<(i128, i128)> = Vec::with_capacity(spans.len());
        for (first, last) in spans {
            match ranges.last_mut() {
                Some(range) if first <= range.1.saturating_add(1) => range.1 = range.1.max(last),
                _ => ranges.push((first, last)),
            }
        }
        Table { name, ranges, names }
    }

    /// Whether the number is in the table.
    pub fn contains(&self, number: i128) -> bool {
        let at = self.ranges.partition_point(|(_, last)| *last < number);
        self.ranges.get(at).is_some_and(|(first, _)| *first <= number)
    }

    /// The name of a number.
    pub fn name_of(&self, number: i128) -> Option<&Arc<str>> {
        let at = self.names.binary_search_by_key(&number, |(n, _)| *n).ok()?;
        Some(&self.names[at].1)
    }

    /// The number of a name; case and `_` do not matter.
    pub fn number_of(&self, name: &str) -> Option<i128> {
        let found = self.names.iter().find(|(_, n)| crate::syntax::ast::same_name(n, name));
        found.map(|(number, _)| *number)
    }
}

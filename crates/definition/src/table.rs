//! Tables of numbers: sets that conditions ask (`kind in catchable`) and names that `@ref` shows.

use std::sync::{Arc, OnceLock};

use crate::resolve::NameList;
use crate::syntax::ast::same_name;

/// Numbers, some with names, at one version. One that is a list is read when it is first asked.
#[derive(Debug, Default)]
pub struct Table {
    /// The table's name.
    pub name: Arc<str>,
    contents: OnceLock<Contents>,
    /// What it is read from, and which of the changes there is the last that counts.
    list: Option<(Arc<NameList>, usize)>,
}

#[derive(Debug, Default, PartialEq)]
struct Contents {
    /// Ranges of numbers, both ends included, in order and without overlap.
    ranges: Vec<(i128, i128)>,
    /// Ranges that have a name, in order of their first number.
    names: Vec<(i128, i128, Arc<str>)>,
}

impl Table {
    /// A table of these entries: first, last, name. Overlaps are merged; of several names that begin at one
    /// number the first counts.
    pub fn new(
        name: Arc<str>,
        entries: impl IntoIterator<Item = (i128, i128, Option<Arc<str>>)>,
    ) -> Table {
        Table { name, contents: OnceLock::from(Contents::new(entries)), list: None }
    }

    /// A list as it is after this change.
    pub(crate) fn of_list(name: Arc<str>, list: Arc<NameList>, change: usize) -> Table {
        Table { name, contents: OnceLock::new(), list: Some((list, change)) }
    }

    fn contents(&self) -> &Contents {
        self.contents.get_or_init(|| match &self.list {
            Some((list, change)) => Contents::new(list.entries(*change)),
            None => Contents::default(),
        })
    }

    /// Whether the number is in the table.
    pub fn contains(&self, number: i128) -> bool {
        let ranges = &self.contents().ranges;
        let at = ranges.partition_point(|(_, last)| *last < number);
        ranges.get(at).is_some_and(|(first, _)| *first <= number)
    }

    /// The name of a number.
    pub fn name_of(&self, number: i128) -> Option<&Arc<str>> {
        let names = &self.contents().names;
        let before = names.partition_point(|(first, _, _)| *first <= number).checked_sub(1)?;
        names.get(before).filter(|(_, last, _)| *last >= number).map(|(_, _, name)| name)
    }

    /// The first number of a name; case and `_` do not matter.
    pub fn number_of(&self, name: &str) -> Option<i128> {
        let found = self.contents().names.iter().find(|(_, _, n)| same_name(n, name));
        found.map(|(first, _, _)| *first)
    }

    /// The ranges of numbers that have names, in order.
    pub fn names(&self) -> impl Iterator<Item = (i128, i128, &Arc<str>)> {
        self.contents().names.iter().map(|(first, last, name)| (*first, *last, name))
    }
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || self.name == other.name && self.contents() == other.contents()
    }
}

impl Contents {
    fn new(entries: impl IntoIterator<Item = (i128, i128, Option<Arc<str>>)>) -> Contents {
        let mut spans = Vec::new();
        let mut names = Vec::new();
        for (first, last, text) in entries {
            spans.push((first, last));
            names.extend(text.map(|text| (first, last, text)));
        }
        spans.sort_unstable();
        names.sort_by_key(|(number, _, _)| *number);
        names.dedup_by_key(|(number, _, _)| *number);
        let mut ranges: Vec<(i128, i128)> = Vec::with_capacity(spans.len());
        for (first, last) in spans {
            match ranges.last_mut() {
                Some(range) if first <= range.1.saturating_add(1) => range.1 = range.1.max(last),
                _ => ranges.push((first, last)),
            }
        }
        ranges.shrink_to_fit();
        names.shrink_to_fit();
        Contents { ranges, names }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_one_name_and_gaps_have_none() {
        let entry = |first, last, name: &str| (first, last, Some(Arc::from(name)));
        let entries = [entry(5, 8, "door"), entry(0, 0, "air"), (9, 9, None), entry(5, 5, "gate")];
        let table = Table::new("block".into(), entries);
        let names: Vec<_> = (-1..10).map(|n| table.name_of(n).map_or("", |name| name)).collect();
        assert_eq!(names, ["", "air", "", "", "", "", "door", "door", "door", "door", ""]);
        assert_eq!(table.number_of("Do_or"), Some(5));
        assert_eq!(table.number_of("gate"), None);
        assert!([0, 5, 9].into_iter().all(|n| table.contains(n)));
        assert!([-1, 1, 4, 10].into_iter().all(|n| !table.contains(n)));
    }
}

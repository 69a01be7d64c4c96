//! Which row explains each byte best: in runs, as there are far more bytes than rows.

use std::collections::BTreeMap;
use std::ops::Range;

/// The row of each byte of a pane.
pub(super) struct Owners {
    /// By where it begins, what the bytes up to the next run belong to.
    runs: BTreeMap<usize, Option<u32>>,
    len: usize,
}

impl Owners {
    /// So many bytes that belong to no row.
    pub(super) fn new(len: usize) -> Self {
        Self { runs: BTreeMap::from([(0, None)]), len }
    }

    /// These bytes belong to a row, whatever they belonged to before.
    pub(super) fn paint(&mut self, range: Range<usize>, row: u32) {
        let Range { start, end } = range;
        if start >= end || end > self.len {
            return;
        }
        if end < self.len {
            let behind = self.row(end);
            self.runs.insert(end, behind);
        }
        while let Some((at, _)) = self.runs.range(start..end).next() {
            let at = *at;
            self.runs.remove(&at);
        }
        self.runs.insert(start, Some(row));
    }

    /// The row of a byte.
    pub(super) fn row(&self, at: usize) -> Option<u32> {
        let run = self.runs.range(..=at).next_back().filter(|_| at < self.len);
        run.and_then(|(_, row)| *row)
    }

    /// Whether what explains a byte begins with it.
    pub(super) fn begins(&self, at: usize) -> bool {
        let row = self.row(at);
        row.is_some() && at.checked_sub(1).is_none_or(|before| self.row(before) != row)
    }

    /// Where runs begin, and the rows that they belong to, in order.
    pub(super) fn runs(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        self.runs.iter().filter_map(|(at, row)| Some((*at, (*row)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_painted_later_covers_what_was_there() {
        let mut owners = Owners::new(10);
        let mut plain = [None; 10];
        for (row, range) in [0..10, 2..8, 3..5, 5..5, 4..9, 9..10, 0..1].into_iter().enumerate() {
            plain[range.clone()].fill(Some(row as u32));
            owners.paint(range, row as u32);
            let rows: Vec<_> = (0..10).map(|at| owners.row(at)).collect();
            assert_eq!(rows, plain);
        }
        owners.paint(8..11, 99);
        assert_eq!(owners.row(8), plain[8], "what is not there is not painted");
        assert_eq!(owners.row(10), None);
        let begins: Vec<_> = (0..10).filter(|at| owners.begins(*at)).collect();
        let expected = (0..10).filter(|at| *at == 0 || plain[*at] != plain[*at - 1]);
        assert_eq!(begins, expected.collect::<Vec<_>>());
    }
}

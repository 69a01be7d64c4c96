//! The bytes of one line: as many as the next offset says, or else those beside which they stand as
//! characters.

use super::chars::{Beside, beside, is_same};
use super::unit::{Unit, Word, words};

/// Lines with more bytes have no characters behind them.
pub(super) const LINE_MAX: usize = 256;

/// What was read of a line.
#[derive(Clone, Debug)]
pub(super) struct Row<'t> {
    pub(super) bytes: Vec<u8>,
    pub(super) beside: Beside,
    /// What stands behind the bytes.
    pub(super) tail: &'t str,
    /// Where that begins.
    pub(super) end: usize,
    /// The last number may be shorter than it is written: by so many bytes.
    pub(super) filled: usize,
    /// What was wanted is there.
    pub(super) is_as_long: bool,
}

/// What is known of a line before it is read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// The bytes it has.
    pub(super) count: Option<usize>,
    /// The bytes that other lines have.
    pub(super) most: Option<usize>,
    /// Where the characters begin in other lines.
    pub(super) chars_at: Option<usize>,
}

/// The words that are bytes, with the bytes up to the end of each.
struct Cells<'t> {
    rest: &'t str,
    words: Vec<(Word<'t>, usize)>,
    bytes: Vec<u8>,
}

impl<'t> Cells<'t> {
    fn new(rest: &'t str, unit: Unit) -> Self {
        let mut cells = Self { rest, words: Vec::new(), bytes: Vec::new() };
        for word in words(rest) {
            let Some(bytes) = unit.read(word.digits).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            cells.bytes.extend(bytes);
            cells.words.push((word, cells.bytes.len()));
        }
        cells
    }

    /// The first so many words.
    fn row(&self, count: usize) -> Row<'t> {
        let last = count.checked_sub(1).and_then(|last| self.words.get(last));
        let (end, len) = last.map_or((0, 0), |(word, len)| (word.end, *len));
        let (bytes, tail) = (self.bytes[..len].to_vec(), &self.rest[end..]);
        let beside = beside(tail, &bytes);
        Row { bytes, beside, tail, end, filled: 0, is_as_long: false }
    }

    fn filled(&self, count: usize, unit: Unit) -> usize {
        let Some((word, len)) = count.checked_sub(1).and_then(|last| self.words.get(last)) else {
            return 0;
        };
        let is_full = word.digits.len() == unit.size() * 2 || unit == Unit::OctalNumbers;
        let zeros = self.bytes[..*len].iter().rev().take_while(|byte| **byte == 0).count();
        if is_full { zeros.min(unit.size() - 1) } else { 0 }
    }
}

/// Reads a line.
pub(super) fn row<'t>(rest: &'t str, unit: Unit, known: Known) -> Row<'t> {
    let cells = Cells::new(rest, unit);
    if let Some(count) = known.count
        && let Some(row) = counted(&cells, unit, count)
    {
        return row;
    }
    let by_place = known.chars_at.filter(|at| rest.len() > *at).map(|at| placed(&cells, unit, at));
    if let Some(row) = by_place.as_ref().filter(|row| row.beside == Beside::Same) {
        return row.clone();
    }
    let most = known.most.unwrap_or(usize::MAX);
    let mut taken = cells.words.iter().take_while(|(_, len)| *len <= most).count();
    if taken == 0 && known.most.is_some() {
        taken = cells.words.len();
    }
    for count in (1..=taken).rev() {
        let (word, len) = &cells.words[count - 1];
        if *len > LINE_MAX {
            continue;
        }
        for cut in 0..=cells.filled(count, unit) {
            if is_same(&rest[word.end..], &cells.bytes[..len - cut]) {
                let mut row = cells.row(count);
                row.bytes.truncate(len - cut);
                return Row { beside: Beside::Same, ..row };
            }
        }
    }
    if let Some(row) = by_place.filter(|row| matches!(row.beside, Beside::Differs(_))) {
        return row;
    }
    let mut row = cells.row(taken);
    row.filled = cells.filled(taken, unit);
    let is_full = known.most == Some(row.bytes.len());
    let text = row.tail.trim();
    if text.is_empty() || is_full || text.starts_with(['|', '>']) || row.bytes.len() > LINE_MAX {
        return row;
    }
    // The characters begin behind the last wide gap, and some of them look like hex.
    let gap = |count: &usize| rest[cells.words[count - 1].0.end..].starts_with("  ");
    if let Some(count) = (1..=taken).rev().find(gap) {
        row = cells.row(count);
        row.filled = cells.filled(count, unit);
    }
    row
}

/// The line if its characters begin at a place.
fn placed<'t>(cells: &Cells<'t>, unit: Unit, at: usize) -> Row<'t> {
    let count = cells.words.iter().take_while(|(word, _)| word.start < at).count();
    let mut row = cells.row(count);
    let len = row.bytes.len();
    // Of a number that is filled up the characters know how long it is.
    for cut in 1..=cells.filled(count, unit) {
        if row.beside != Beside::Same && is_same(row.tail, &row.bytes[..len - cut]) {
            row.bytes.truncate(len - cut);
            row.beside = Beside::Same;
        }
    }
    row
}

/// The line if it has so many bytes.
fn counted<'t>(cells: &Cells<'t>, unit: Unit, count: usize) -> Option<Row<'t>> {
    let at = cells.words.iter().position(|(_, len)| *len >= count)?;
    let more = cells.words[at].1 - count;
    let mut row = cells.row(at + 1);
    if more >= unit.size() && more > 0 || row.bytes[count..].iter().any(|byte| *byte != 0) {
        return None;
    }
    row.bytes.truncate(count);
    if row.beside != Beside::Same {
        row.beside = beside(row.tail, &row.bytes);
    }
    row.is_as_long = true;
    Some(row)
}

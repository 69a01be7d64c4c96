//! All lines of a dump, read in one of the ways in which it may be written.

use std::collections::HashMap;

use super::super::HexText;
use super::chars::Beside;
use super::line::{Line, Parted};
use super::row::{Known, LINE_MAX, Row, row};
use super::unit::Unit;

/// A line repeated by `*` in a dump adds no more bytes than this in all.
const REPEATED_MAX: usize = 16 << 20;
/// Lines with other characters that are told.
const DIFFERENT_MAX: usize = 4;

/// How a dump is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Of the offsets.
    pub(super) radix: u32,
    pub(super) unit: Unit,
}

/// A dump that was read in some way.
pub(super) struct Reading {
    pub(super) parts: Vec<HexText>,
    /// Lines of which the next offset says that they are right, and that they are not.
    pub(super) agree: usize,
    against: usize,
    /// Lines of which the characters say it.
    pub(super) shown: usize,
    differ: usize,
}

impl Reading {
    /// `None` if the lines claim to be longer than anything.
    pub(super) fn new(lines: &[Line<'_>], shape: Shape) -> Option<Self> {
        let Shape { radix, unit } = shape;
        let per_line = per_line(lines, radix);
        let mut reading = Self { parts: Vec::new(), agree: 0, against: 0, shown: 0, differ: 0 };
        let chars_at = chars_at(lines, shape, per_line);
        let mut part = HexText::default();
        let mut expected: Option<u64> = None;
        let mut last: Vec<u8> = Vec::new();
        let mut repeated = 0;
        for (at, line) in lines.iter().enumerate() {
            let Some(start) = line.offset(radix) else {
                part.ignored.push((line.number, format!("{}{}", line.digits, line.rest)));
                continue;
            };
            let before = expected.unwrap_or(start);
            if line.repeats && start > before && !last.is_empty() {
                let missing = usize::try_from(start - before).ok()?;
                repeated += missing;
                if repeated > REPEATED_MAX {
                    return None;
                }
                let len = last.len();
                if missing.is_multiple_of(len) {
                    reading.agree += 1;
                } else {
                    reading.against += 1;
                    let problem = format!(
                        "{missing} bytes are left out here, which is no number of whole lines of {len}"
                    );
                    part.problems.push((line.number, problem));
                }
                part.bytes.extend((0..missing).map(|i| last[i % len]));
            } else if start != before {
                let next = HexText { problems: gap(line, start, before), ..HexText::default() };
                reading.parts.push(std::mem::replace(&mut part, next));
            }
            if line.is_end() {
                // What comes now begins anew.
                expected = Some(start);
                continue;
            }
            // A line that is repeated has as many bytes as there can be.
            let is_whole = lines.get(at + 1).is_some_and(|next| next.repeats);
            let most = per_line.filter(|_| !is_whole);
            let chars_at = chars_at.filter(|_| !is_whole);
            let known = Known { count: count(lines, at, radix, per_line), most, chars_at };
            let row = row(line.rest, unit, known);
            reading.compare(line, &row, known, &mut part);
            let is_last =
                known.count.is_none() && lines.get(at + 1).is_none_or(|next| !next.repeats);
            if is_last
                && row.filled > 0
                && row.beside != Beside::Same
                && line.parted != Parted::Colon
            {
                let most = row.filled;
                let problem = format!(
                    "the last number can have {most} bytes less, which the offset on the line behind it tells; it is not in the text"
                );
                part.problems.push((line.number, problem));
            }
            if row.bytes.is_empty() {
                part.ignored.push((line.number, format!("{}{}", line.digits, line.rest)));
                continue;
            }
            expected = Some(start.saturating_add(row.bytes.len() as u64));
            part.bytes.extend_from_slice(&row.bytes);
            last = row.bytes;
        }
        reading.parts.push(part);
        reading.parts.retain(|part| !part.bytes.is_empty() || !part.problems.is_empty());
        Some(reading)
    }

    /// What the offset and the characters say of a line.
    fn compare(&mut self, line: &Line<'_>, row: &Row<'_>, known: Known, part: &mut HexText) {
        match (&row.beside, known.count) {
            (_, Some(_)) if !row.is_as_long => self.against += 1,
            (Beside::Junk, Some(_)) => self.against += 1,
            (_, Some(_)) => self.agree += 1,
            (_, None) => {}
        }
        match &row.beside {
            Beside::Nothing => {}
            Beside::Same => self.shown += 1,
            Beside::Differs(place) => {
                self.differ += 1;
                if self.differ <= DIFFERENT_MAX {
                    let place = place.map_or(String::new(), |at| {
                        format!(", first at byte {} of the line", at + 1)
                    });
                    let what = format!(
                        "the characters behind the bytes are not those of the bytes{place}"
                    );
                    part.problems.push((line.number, what));
                }
            }
            Beside::Junk => {
                let tail = row.tail.trim();
                let is_hex = tail.split(' ').next().is_some_and(super::super::plain::is_hex_word);
                if is_hex && row.is_as_long {
                    let problem =
                        "there are more bytes on this line than the next offset says".to_owned();
                    part.problems.push((line.number, problem));
                }
                part.ignored.push((line.number, tail.to_owned()));
            }
        }
    }

    /// The higher the better.
    pub(super) fn score(&self) -> (isize, isize) {
        let less = |a: usize, b: usize| a as isize - b as isize;
        (less(self.agree, self.against), less(self.shown, self.differ))
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.parts.iter().flat_map(|part| &part.bytes).copied().collect()
    }
}

fn gap(line: &Line<'_>, start: u64, before: u64) -> Vec<(usize, String)> {
    let problem = if start > before {
        let missing = start - before;
        format!(
            "offset {start:#x} is behind a gap: {missing} bytes from {before:#x} on are missing"
        )
    } else if start != 0 {
        format!("offset {start:#x} is in front of {before:#x}, which would come next")
    } else {
        return Vec::new();
    };
    vec![(line.number, problem)]
}

/// The bytes of most lines.
fn per_line(lines: &[Line<'_>], radix: u32) -> Option<usize> {
    let mut steps: HashMap<u64, usize> = HashMap::new();
    for pair in lines.windows(2) {
        let [line, next] = pair else { continue };
        let step = line.offset(radix).zip(next.offset(radix)).and_then(|(a, b)| b.checked_sub(a));
        let is_step =
            |step: &u64| (1..=LINE_MAX as u64).contains(step) && !next.repeats && !line.is_end();
        if let Some(step) = step.filter(is_step) {
            *steps.entry(step).or_default() += 1;
        }
    }
    let (step, _) = steps.into_iter().max_by_key(|(step, count)| (*count, *step))?;
    usize::try_from(step).ok()
}

/// The bytes that a line has by the next offset.
fn count(lines: &[Line<'_>], at: usize, radix: u32, per_line: Option<usize>) -> Option<usize> {
    let next = lines.get(at + 1).filter(|next| !next.repeats)?;
    let step = next.offset(radix)?.checked_sub(lines.get(at)?.offset(radix)?)?;
    usize::try_from(step).ok().filter(|step| (1..=per_line.unwrap_or(0)).contains(step))
}

/// Where the characters begin behind the bytes, if they do so at one place.
fn chars_at(lines: &[Line<'_>], shape: Shape, per_line: Option<usize>) -> Option<usize> {
    let mut places: HashMap<usize, usize> = HashMap::new();
    let mut all = 0;
    for (at, line) in lines.iter().enumerate().take(64) {
        let Some(count) = count(lines, at, shape.radix, per_line) else { continue };
        let known = Known { count: Some(count), ..Known::default() };
        let row = row(line.rest, shape.unit, known);
        // A space at the beginning can be one of the characters.
        let is_open = row.bytes.first() == Some(&b' ');
        if !row.is_as_long
            || row.bytes.len() != per_line.unwrap_or(0)
            || is_open
            || row.tail.is_empty()
        {
            continue;
        }
        all += 1;
        *places.entry(row.end + row.tail.len() - row.tail.trim_start().len()).or_default() += 1;
    }
    let (place, count) = places.into_iter().max_by_key(|(_, count)| *count)?;
    (2 * count > all).then_some(place)
}

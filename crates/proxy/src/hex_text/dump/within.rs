//! Lines of a dump behind something else, as in logs: the offset is what grows from line to line by the bytes
//! that stand behind it.

use super::line::{Line, Parted, line_of};
use super::row::LINE_MAX;
use super::unit::words;

/// Places in a line at which an offset is looked for.
const PLACES_MAX: usize = 32;
/// Lines with a `*` that may stand between two others.
const STARS_MAX: usize = 4;
/// The digits of offsets that are known as such without another line.
const SURE_DIGITS: usize = 6;

/// A line of a dump, and what stands in front of it.
pub(super) struct Within<'t> {
    pub(super) before: &'t str,
    pub(super) line: Line<'t>,
}

/// Lines in the order of a text.
#[derive(Default)]
pub(super) struct Found<'t> {
    pub(super) lines: Vec<Within<'t>>,
    /// Lines that are none.
    pub(super) others: Vec<(usize, &'t str)>,
    /// Lines that begin where the one before ends.
    pub(super) links: usize,
    /// A `*` behind which no line is.
    pub(super) open: Option<usize>,
}

/// Finds the lines of a dump, wherever they begin.
pub(super) fn within<'t>(text: impl Iterator<Item = (usize, &'t str)>) -> Found<'t> {
    let all: Vec<(usize, &str)> = text.collect();
    let mut found = Found::default();
    let mut next = Vec::new();
    let mut at_next = usize::MAX;
    for (at, (number, line)) in all.iter().enumerate() {
        let places = if at_next == at { std::mem::take(&mut next) } else { places(*number, line) };
        let repeats = found.open.is_some();
        let last = found.lines.last();
        let before = last.map_or(&[][..], std::slice::from_ref);
        if (line.trim() == "*" || last.is_some()) && is_star(line, &places, before, repeats) {
            found.open = Some(*number);
            continue;
        }
        let below = all.iter().enumerate().skip(at + 1).take(STARS_MAX);
        (at_next, next) = below
            .map(|(at, (number, line))| (at, line, self::places(*number, line)))
            .find(|(_, line, below)| !is_star(line, below, &places, repeats))
            .map_or((usize::MAX, Vec::new()), |(at, _, below)| (at, below));
        let linked = last.and_then(|last| {
            places.iter().position(|place| links(&last.line, &place.line, repeats))
        });
        let chosen = linked.or_else(|| begin(&places, &next, last));
        let Some(chosen) = chosen.and_then(|chosen| places.into_iter().nth(chosen)) else {
            found.others.push((*number, line));
            continue;
        };
        found.links += usize::from(linked.is_some());
        let repeats = found.open.take().is_some();
        found.lines.push(Within { line: Line { repeats, ..chosen.line }, ..chosen });
    }
    found
}

/// How many lines begin where the one before ends.
pub(super) fn linked(lines: &[Line<'_>]) -> usize {
    lines.windows(2).filter(|pair| links(&pair[0], &pair[1], pair[1].repeats)).count()
}

/// Whether a line stands for lines that repeat: it has a `*` at its end, which is no character of bytes that
/// go on where the line before ends.
fn is_star(line: &str, places: &[Within<'_>], before: &[Within<'_>], repeats: bool) -> bool {
    let goes_on =
        |place: &Within<'_>| before.iter().any(|last| links(&last.line, &place.line, repeats));
    line.split_whitespace().next_back() == Some("*") && !places.iter().any(goes_on)
}

/// The place where a dump begins, or goes on behind a gap.
fn begin(places: &[Within<'_>], next: &[Within<'_>], last: Option<&Within<'_>>) -> Option<usize> {
    let grows = |place: &Within<'_>| next.iter().any(|next| links(&place.line, &next.line, false));
    let is_zero = |place: &Within<'_>| {
        let line = &place.line;
        let is_sure = line.parted != Parted::Space || line.digits.len() >= SURE_DIGITS;
        line.digits.bytes().all(|digit| digit == b'0')
            && line.digits.len() >= 4
            && is_sure
            && !line.is_end()
    };
    let is_below = |place: &Within<'_>| {
        last.is_some_and(|last| {
            last.before.len() == place.before.len()
                && last.line.digits.len() == place.line.digits.len()
        })
    };
    let is_likely = |place: &Within<'_>| {
        let line = &place.line;
        line.parted != Parted::Space && line.digits.len() >= 4 && !line.is_end()
    };
    let first = |is: &dyn Fn(&Within<'_>) -> bool| places.iter().position(is);
    first(&grows)
        .or_else(|| first(&is_zero))
        .or_else(|| first(&is_below))
        .or_else(|| first(&is_likely))
}

/// Whether a line begins where another ends.
fn links(line: &Line<'_>, next: &Line<'_>, repeats: bool) -> bool {
    let is_alike = line.is_prefixed == next.is_prefixed
        && line.digits.len().abs_diff(next.digits.len()) <= 1
        && (line.parted == next.parted || next.is_end());
    let most = capacity(line);
    is_alike
        && [16, 10, 8].into_iter().any(|radix| {
            let step =
                line.offset(radix).zip(next.offset(radix)).and_then(|(a, b)| b.checked_sub(a));
            step.is_some_and(|step| step > 0 && (repeats || step <= most as u64))
        })
}

/// The most bytes that a line can have.
fn capacity(line: &Line<'_>) -> usize {
    let words =
        words(line.rest).take_while(|word| crate::hex_text::plain::is_hex_word(word.digits));
    words.take(LINE_MAX).map(|word| word.digits.len().div_ceil(2)).sum::<usize>().min(LINE_MAX)
}

/// Everything in a line that may be an offset with bytes behind it.
fn places(number: usize, line: &str) -> Vec<Within<'_>> {
    let begins = line.match_indices([' ', '\t', '|', ']', ':']).map(|(at, mark)| at + mark.len());
    let mut last = usize::MAX;
    std::iter::once(0)
        .chain(begins)
        .filter(|at| {
            let is_new = line[*at..].starts_with(|c: char| c.is_ascii_hexdigit()) || *at == 0;
            is_new && std::mem::replace(&mut last, *at) != *at
        })
        .take(PLACES_MAX)
        .filter_map(|at| Some(Within { before: &line[..at], line: line_of(number, &line[at..])? }))
        .filter(|place| {
            let is_hex = place
                .line
                .first()
                .is_none_or(|word| crate::hex_text::plain::is_hex_word(word.digits));
            let is_long = place.line.digits.len() >= 4;
            is_hex && (place.before.trim().is_empty() || is_long)
        })
        .collect()
}

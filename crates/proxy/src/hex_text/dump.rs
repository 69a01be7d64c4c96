//! Dumps: lines that begin with the offset of their bytes, often with the same bytes as characters behind
//! them. The offsets say how many bytes a line has, the characters which they are.

use std::collections::HashMap;

use super::HexText;

/// A line repeated by `*` in a dump adds no more bytes than this in all.
const REPEATED_MAX: usize = 16 << 20;
/// Lines with more bytes have no characters behind them.
const LINE_MAX: usize = 256;

/// A line that begins with an offset.
struct Line<'t> {
    number: usize,
    /// The digits of its offset.
    digits: &'t str,
    rest: &'t str,
    parted: Parted,
    /// `*` stands in front of it.
    repeats: bool,
}

/// What parts an offset from the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parted {
    Colon,
    Wide,
    /// One space, as behind bytes.
    Space,
}

/// How a dump is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    radix: u32,
    /// The bytes of most lines.
    per_line: usize,
    /// Groups of bytes are numbers, the low byte first.
    is_swapped: bool,
}

/// Reads a dump, in parts where it begins anew or has a gap; `None` if the text is none.
pub(super) fn parse(text: &str, certain: bool) -> Option<Vec<HexText>> {
    let text = unboxed(text);
    let mut ignored = Vec::new();
    let mut lines = Vec::new();
    let mut repeats = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end();
        if line.trim().is_empty() || is_ruler(line) {
            continue;
        }
        if line.trim() == "*" {
            repeats = true;
            continue;
        }
        match line_of(number + 1, line) {
            Some(line) => lines.push(Line { repeats: std::mem::take(&mut repeats), ..line }),
            None => ignored.push((number + 1, line.trim().to_owned())),
        }
    }
    if let Some(found) = octal(&lines) {
        return Some(vec![found]);
    }
    let shape = shape(&lines, certain)?;
    let mut parts = read(&lines, shape)?;
    let first = parts.first_mut()?;
    first.ignored = ignored;
    let start = lines.first().and_then(|line| offset(line.digits, shape.radix));
    if let Some(start) = start.filter(|start| *start > 0) {
        first.notes.push(format!("the dump begins at offset {start:#x}"));
    }
    if shape.is_swapped {
        let note = "read as numbers of two bytes and more, the low byte first, as hexdump and od -x write them";
        first.notes.push(note.to_owned());
    }
    Some(parts)
}

/// hexyl's box without its lines, so that its columns are those of other dumps.
fn unboxed(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains('│') {
        return text.into();
    }
    let line = |line: &str| {
        let cells: Vec<&str> = line.trim().trim_matches('│').split('│').collect();
        match cells.as_slice() {
            [_] if line.contains(['─', '┌', '└']) => String::new(),
            [offset, ..] if offset.trim() == "*" => "*".to_owned(),
            [offset, bytes @ ..] if !offset.trim().is_empty() => {
                // The first half of the cells has bytes, the other the characters.
                let half = bytes.len().div_ceil(2);
                let hex = bytes[..half].join(" ").replace('┊', " ");
                let hex: Vec<&str> = hex.split_whitespace().collect();
                let chars = bytes[half..].concat().replace('┊', "");
                let chars: String = chars.chars().take(hex.len()).collect();
                format!("{}  {}  |{}|", offset.trim(), hex.join(" "), chars)
            }
            _ => String::new(),
        }
    };
    text.lines().map(|text| line(text) + "\n").collect::<String>().into()
}

/// `00 01 02 .. 0f` above the columns of some dumps.
fn is_ruler(line: &str) -> bool {
    let line = line.trim().trim_start_matches("Offset(h)").trim_start_matches("Label");
    let words = line.split_whitespace().take_while(|word| word.len() <= 2);
    let numbers: Vec<Option<usize>> =
        words.map(|word| usize::from_str_radix(word, 16).ok()).collect();
    numbers.len() >= 8 && numbers.iter().enumerate().all(|(at, number)| *number == Some(at))
}

/// A line's offset, and what follows it.
fn line_of(number: usize, line: &str) -> Option<Line<'_>> {
    let line = line.trim_start();
    let is_prefixed = line.starts_with("0x");
    let line = line.strip_prefix("0x").unwrap_or(line);
    let count = line.bytes().take_while(u8::is_ascii_hexdigit).count();
    if !(4..=16).contains(&count) {
        return None;
    }
    let (digits, rest) = line.split_at(count);
    // gdb names the place as well: `0x7ffe <buffer+8>:`.
    let rest = match rest.strip_prefix(" <").and_then(|rest| rest.split_once(">:")) {
        Some((_, rest)) if is_prefixed => {
            return Some(Line { number, digits, rest, parted: Parted::Colon, repeats: false });
        }
        _ => rest,
    };
    let (parted, rest) = match rest.strip_prefix(':') {
        Some(rest) if rest.is_empty() || rest.starts_with([' ', '\t']) => (Parted::Colon, rest),
        Some(_) => return None,
        None if rest.starts_with("  ") || rest.starts_with('\t') => (Parted::Wide, rest),
        None if rest.is_empty() || rest.starts_with(' ') => (Parted::Space, rest),
        None => return None,
    };
    (!is_prefixed || parted == Parted::Colon).then_some(())?;
    Some(Line { number, digits, rest, parted, repeats: false })
}

fn offset(digits: &str, radix: u32) -> Option<u64> {
    u64::from_str_radix(digits, radix).ok()
}

/// How the lines are written, if they are a dump.
fn shape(lines: &[Line<'_>], certain: bool) -> Option<Shape> {
    let first = lines.first()?;
    if lines.iter().all(|line| line.rest.trim().is_empty()) {
        return None;
    }
    let mut best: Option<(usize, Shape)> = None;
    // Only od, which has one space there, counts otherwise than in hex.
    let is_od = first.parted == Parted::Space;
    for radix in [16, 8, 10].into_iter().take(if is_od { 3 } else { 1 }) {
        let mut steps: HashMap<u64, usize> = HashMap::new();
        let mut agree = 0;
        for pair in lines.windows(2) {
            let [line, next] = pair else { continue };
            let at = |line: &Line<'_>| offset(line.digits, radix);
            let step = at(line).zip(at(next)).and_then(|(a, b)| b.checked_sub(a));
            let Some(step) = step.filter(|step| (1..=LINE_MAX as u64).contains(step)) else {
                continue;
            };
            let taken = bytes(line.rest, LINE_MAX, false, false);
            let agrees = match taken.by {
                By::Chars | By::End => step as usize == taken.bytes.len(),
                _ => step as usize <= taken.bytes.len(),
            };
            if agrees {
                agree += 1;
                *steps.entry(step).or_default() += 1;
            }
        }
        let per_line = steps.into_iter().max_by_key(|(step, count)| (*count, *step));
        let per_line = per_line.map_or(0, |(step, _)| step as usize);
        let shape = Shape { radix, per_line, is_swapped: false };
        if best.is_none_or(|(most, _)| agree > most) {
            best = Some((agree, shape));
        }
    }
    let (agree, mut shape) = best?;
    let pairs = lines.len() - 1;
    if agree == 0 || 2 * agree < pairs {
        // A line alone, or a few that agree in nothing.
        let is_zero = first.digits.bytes().all(|digit| digit == b'0');
        let shown = lines.iter().any(|line| has_chars(line, LINE_MAX));
        let with_bytes = lines.iter().filter(|line| !line.rest.trim().is_empty()).count();
        let is_one = with_bytes == 1
            && (first.parted == Parted::Colon || is_zero && first.parted == Parted::Wide);
        (certain || shown || is_one).then_some(())?;
        shape.per_line = LINE_MAX;
    }
    shape.is_swapped = lines.iter().any(|line| is_swapped(line, shape.per_line));
    Some(shape)
}

/// Whether characters stand behind a line's bytes that are these bytes.
fn has_chars(line: &Line<'_>, most: usize) -> bool {
    matches!(bytes(line.rest, most, false, false), Taken { by: By::Chars, .. })
}

/// Whether a line's groups are numbers with the low byte first: as the characters say, or where none are, as
/// the tools write it that have no colon and groups of two bytes.
fn is_swapped(line: &Line<'_>, per_line: usize) -> bool {
    let (plain, swapped) =
        (bytes(line.rest, per_line, false, false), bytes(line.rest, per_line, false, true));
    if plain.by == By::Chars || plain.bytes == swapped.bytes {
        return false;
    }
    if swapped.by == By::Chars {
        return true;
    }
    let words = groups(line.rest).all(|(_, group)| group.len() == 4);
    words && line.parted != Parted::Colon && line.digits.len() == 7
}

/// Bytes taken from a line, and what says that these are all.
struct Taken {
    bytes: Vec<u8>,
    by: By,
    /// Characters stand behind them, and they are others.
    differs: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The characters behind them.
    Chars,
    /// Nothing stands behind them.
    End,
    /// As many as were wanted.
    Count,
    /// A wide gap.
    Gap,
    /// What follows is no hex.
    Junk,
}

/// The words of a line, and where each ends.
fn groups(rest: &str) -> impl Iterator<Item = (usize, &str)> {
    let base = rest.as_ptr() as usize;
    rest.split([' ', '\t', '-'])
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - base + word.len(), word))
        .map(|(end, word)| (end, word.strip_prefix("0x").unwrap_or(word)))
        .take_while(|(_, word)| {
            word.len() % 2 == 0
                && !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

/// A line's bytes, at most so many; `exact` if it has so many.
fn bytes(rest: &str, most: usize, exact: bool, swapped: bool) -> Taken {
    let mut taken = Vec::new();
    // Where each group ends in the line, and how many bytes there are up to there.
    let mut ends = Vec::new();
    for (end, word) in groups(rest) {
        let mut group = hex::decode(word).unwrap_or_default();
        if swapped {
            group.reverse();
        }
        if taken.len() + group.len() > most {
            // A number that was filled up to its size.
            if swapped && exact {
                taken.extend(group);
                taken.truncate(most);
            }
            break;
        }
        taken.extend(group);
        ends.push((end, taken.len()));
    }
    if exact && taken.len() == most {
        return Taken { bytes: taken, by: By::Count, differs: false };
    }
    let (end, _) = ends.last().copied().unwrap_or((0, 0));
    let tail = &rest[end..];
    if taken.len() > LINE_MAX {
        return Taken { bytes: taken, by: By::Count, differs: false };
    }
    for (end, count) in ends.iter().rev() {
        if are_chars(&rest[*end..], &taken[..*count]) {
            taken.truncate(*count);
            return Taken { bytes: taken, by: By::Chars, differs: false };
        }
    }
    let differs = tail.trim_start().chars().count() >= taken.len() && tail.starts_with("  ");
    if tail.trim().is_empty() {
        return Taken { bytes: taken, by: By::End, differs: false };
    }
    if taken.len() == most || tail.trim_start().starts_with(['|', '>']) {
        return Taken { bytes: taken, by: By::Count, differs };
    }
    // The characters begin behind the last wide gap, and some of them look like hex.
    let gap = ends.iter().rev().find(|(end, _)| rest[*end..].starts_with("  "));
    if let Some((_, count)) = gap {
        taken.truncate(*count);
        return Taken { bytes: taken, by: By::Gap, differs: true };
    }
    Taken { bytes: taken, by: By::Junk, differs: false }
}

/// Whether a line's end is some bytes as characters.
fn are_chars(tail: &str, bytes: &[u8]) -> bool {
    let spaces = tail.len() - tail.trim_start_matches([' ', '\t']).len();
    let shown = tail.trim_start();
    if shown.is_empty() || spaces == 0 {
        return false;
    }
    for (open, close) in [('|', '|'), ('>', '<')] {
        let inner = shown.strip_prefix(open).and_then(|shown| shown.strip_suffix(close));
        if inner.is_some_and(|inner| is_shown(inner, bytes, 0)) {
            return true;
        }
    }
    // Spaces may be the first characters, or stand in front of them; at the line's end they get lost.
    (1..=spaces)
        .any(|space| tail.is_char_boundary(space) && is_shown(&tail[space..], bytes, bytes.len()))
        && spaces >= 2
        || tail.starts_with('\t') && is_shown(shown, bytes, 0)
}

/// Whether bytes look so; of spaces at the end some may be missing.
fn is_shown(text: &str, bytes: &[u8], missing_max: usize) -> bool {
    let mut chars = text.chars();
    let mut missing = 0;
    for byte in bytes {
        match chars.next() {
            None if *byte == b' ' && missing < missing_max => missing += 1,
            None => return false,
            Some(c) if (0x20..0x7f).contains(byte) => {
                // hexyl shows a space so.
                if c != char::from(*byte) && !(*byte == b' ' && c == '_') {
                    return false;
                }
            }
            Some(c) if c == '.' || c == '_' || c == '0' || c == ' ' || !c.is_ascii() => {}
            Some(_) => return false,
        }
    }
    chars.next().is_none() && missing < bytes.len().max(1)
}

/// The bytes of all lines.
fn read(lines: &[Line<'_>], shape: Shape) -> Option<Vec<HexText>> {
    let mut parts = Vec::new();
    let mut part = HexText::default();
    let mut expected: Option<u64> = None;
    let mut last: Vec<u8> = Vec::new();
    let mut repeated = 0;
    let mut odd = 0;
    for (at, line) in lines.iter().enumerate() {
        let Some(start) = offset(line.digits, shape.radix) else {
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
            part.bytes.extend((0..missing).map(|i| last[i % len]));
        } else if start < before && line.rest.trim().is_empty() {
            // The last line of od's words: one byte was only filled up.
            let more = usize::try_from(before - start).ok()?;
            part.bytes.truncate(part.bytes.len().saturating_sub(more));
        } else if start != before {
            let mut next = HexText::default();
            if start > before {
                let missing = start - before;
                next.problems.push((
                    line.number,
                    format!(
                        "offset {start:#x} is behind a gap: {missing} bytes from {before:#x} on are missing"
                    ),
                ));
            } else if start != 0 {
                next.problems.push((
                    line.number,
                    format!("offset {start:#x} is in front of {before:#x}, which would come next"),
                ));
            }
            parts.push(std::mem::replace(&mut part, next));
        }
        let following = lines.get(at + 1).and_then(|next| offset(next.digits, shape.radix));
        let count = following.and_then(|next| next.checked_sub(start)).unwrap_or(u64::MAX);
        let is_short =
            usize::try_from(count).is_ok_and(|count| (1..=shape.per_line).contains(&count));
        let most = if is_short { count as usize } else { shape.per_line };
        let taken = bytes(line.rest, most, is_short, shape.is_swapped);
        if taken.differs {
            odd += 1;
            if odd <= 4 {
                let what = "the characters behind the bytes are not those of the bytes";
                part.problems.push((line.number, what.to_owned()));
            }
        }
        expected = Some(start + taken.bytes.len() as u64);
        part.bytes.extend_from_slice(&taken.bytes);
        last = taken.bytes;
    }
    parts.push(part);
    parts.retain(|part| !part.bytes.is_empty() || !part.problems.is_empty());
    Some(parts)
}

/// What od writes when it is told nothing: numbers of two bytes with six octal digits.
fn octal(lines: &[Line<'_>]) -> Option<HexText> {
    let is_octal = |line: &Line<'_>| {
        let mut words = line.rest.split_whitespace();
        let digits = |word: &str| word.bytes().all(|digit| (b'0'..b'8').contains(&digit));
        line.digits.len() == 7 && words.all(|word| word.len() == 6 && digits(word))
    };
    let first = lines.iter().find(|line| !line.rest.trim().is_empty())?;
    lines.iter().all(is_octal).then(|| {
        let problem = "these are octal numbers; let od write hex: od -A x -t x1z".to_owned();
        HexText { problems: vec![(first.number, problem)], ..HexText::default() }
    })
}

//! Dumps: lines that begin with the offset of their bytes, often with the same bytes as characters behind
//! them. The offsets say how many bytes a line has, the characters which they are.
//!
//! In which base the offsets are, and whether groups are bytes in their order or numbers with the low byte
//! first, is tried: what agrees with most offsets and characters is meant. Where two readings agree as well
//! and give other bytes, none is taken.

mod chars;
mod line;
mod reading;
mod refused;
mod row;
mod unit;
mod within;

use self::line::{Line, Parted};
use self::reading::{Reading, Shape};
use self::unit::Unit;
use super::{Form, HexText};

/// The lines that are looked at to find out how a dump is written.
const SAMPLE: usize = 400;

/// Reads a dump, in parts where it begins anew or has a gap; `None` if the text is none.
pub(super) fn parse(text: &str, form: Option<Form>) -> Option<Vec<HexText>> {
    let text = line::unboxed(text);
    let found = lines(&text, form.is_some());
    if let Some(problem) = refused::refused(&found) {
        return Some(vec![problem]);
    }
    let Lines { lines, ignored, open } = found;
    // od's offsets have six or seven digits: other words are bytes without an offset.
    let is_numbers = matches!(form, Some(Form::Od | Form::Hexdump | Form::Numbers));
    let has_offset =
        |line: &Line<'_>| line.parted == Parted::Colon || (6..=7).contains(&line.digits.len());
    if is_numbers && !lines.first().is_some_and(has_offset) {
        return None;
    }
    let shape = match best(&lines, form)? {
        Best::One(shape) => shape,
        Best::Several(problem) => {
            let problems = vec![(lines.first()?.number, problem)];
            return Some(vec![HexText { problems, ignored, ..HexText::default() }]);
        }
    };
    let mut parts = Reading::new(&lines, shape)?.parts;
    let first = parts.first_mut()?;
    first.ignored.splice(0..0, ignored);
    let start = lines.first().and_then(|line| line.offset(shape.radix));
    if let Some(start) = start.filter(|start| *start > 0) {
        first.notes.push(format!("the dump begins at offset {start:#x}"));
    }
    if shape.unit.size() > 1 {
        let note = "read as numbers of two bytes and more, the low byte first, as hexdump, od -x and gdb write them";
        first.notes.push(note.to_owned());
    }
    if shape.unit == Unit::Octal {
        let note = "read as octal, as od -b writes it; if it is decimal, take od -t x1";
        first.notes.push(note.to_owned());
    }
    if let Some(number) = open {
        let problem = "lines that repeat are left out here, and the offset behind them that says how many is not in the text";
        parts.last_mut()?.problems.push((number, problem.to_owned()));
    }
    Some(parts)
}

/// Whether a text begins as a line of a dump does.
pub(super) fn begins(text: &str) -> bool {
    line::line_of(1, text).is_some_and(|line| line.digits.len() >= 4 && !line.is_end())
}

/// Whether what stands behind bytes is the bytes as characters.
pub(super) fn are_characters(tail: &str, bytes: &[u8]) -> bool {
    tail.starts_with("  ") && chars::is_same(tail, bytes)
}

/// The lines of a text that may be a dump.
struct Lines<'t> {
    lines: Vec<Line<'t>>,
    ignored: Vec<(usize, String)>,
    /// A `*` behind which no line is.
    open: Option<usize>,
}

fn lines(text: &str, is_certain: bool) -> Lines<'_> {
    let with_text = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim_end()));
    let with_text = with_text.filter(|(_, line)| !line.trim().is_empty() && !line::is_ruler(line));
    let mut found = Lines { lines: Vec::new(), ignored: Vec::new(), open: None };
    let mut others = Vec::new();
    for (number, line) in with_text.clone() {
        if line.trim() == "*" {
            found.open = Some(number);
            continue;
        }
        match line::line_of(number, line) {
            Some(line) => {
                found.lines.push(Line { repeats: found.open.take().is_some(), ..line });
            }
            None => others.push((number, line)),
        }
    }
    let linked = within::linked(&found.lines);
    // Words may be hex, and no offset has letters alone.
    let is_word = |line: &Line<'_>| {
        line.digits.bytes().all(|digit| digit.is_ascii_alphabetic())
            || line.first().is_some_and(|word| !super::plain::is_hex_word(word.digits))
    };
    let may_be_words = !is_certain && found.lines.iter().all(is_word);
    if linked + 1 < found.lines.len() || !others.is_empty() || may_be_words {
        let inner = within::within(with_text);
        let are_words = inner.links == linked
            && may_be_words
            && inner.lines.iter().all(|inner| !inner.before.trim().is_empty());
        let is_better = inner.links > linked || are_words;
        if is_better && !inner.lines.is_empty() {
            found = Lines { lines: Vec::new(), ignored: Vec::new(), open: inner.open };
            for within::Within { before, line } in inner.lines {
                if !before.trim().is_empty() {
                    found.ignored.push((line.number, before.trim().to_owned()));
                }
                found.lines.push(line);
            }
            others = inner.others;
        }
    }
    let others = others.into_iter().map(|(number, line)| (number, line.trim().to_owned()));
    found.ignored.extend(others);
    found.ignored.sort_by_key(|(number, _)| *number);
    found
}

/// How a dump is written.
enum Best {
    One(Shape),
    /// It can be read in several ways; what to do.
    Several(String),
}

/// How the lines are written, if they are a dump.
fn best(lines: &[Line<'_>], form: Option<Form>) -> Option<Best> {
    let sample = &lines[..lines.len().min(SAMPLE)];
    let first = sample.iter().find(|line| !line.is_end())?;
    let mut found: Vec<(Shape, Reading)> = Vec::new();
    for radix in radixes(sample, form) {
        for unit in units(first, form) {
            let shape = Shape { radix, unit };
            found.extend(Reading::new(sample, shape).map(|reading| (shape, reading)));
        }
    }
    let most = found.iter().map(|(_, reading)| reading.score()).max()?;
    found.retain(|(_, reading)| {
        reading.score() == most && reading.parts.iter().any(|part| !part.bytes.is_empty())
    });
    let (shape, reading) = found.first()?;
    is_dump(sample, first, reading, form).then_some(())?;
    let other = |is: fn(&Shape, &Shape) -> bool| {
        found.iter().any(|(other, read)| is(other, shape) && read.bytes() != reading.bytes())
    };
    if other(|a, b| a.radix != b.radix && a.unit == b.unit) && form.is_none() {
        let problem = "these offsets can be hex or octal, and with lines left out (`*`) that makes other lengths: \
                       say --as hexdump or --as od, or write it anew with xxd";
        return Some(Best::Several(problem.to_owned()));
    }
    let is_wide = |line: &&Line<'_>| line.first().is_some_and(|word| word.digits.len() > 4);
    let is_aligned = first.rest.starts_with("   ");
    let is_open =
        first.parted == Parted::Colon && !first.first().is_some_and(|word| word.is_prefixed);
    if is_open
        && !is_aligned
        && form.is_none()
        && sample.iter().any(|line| is_wide(&line))
        && other(|a, b| a.unit != b.unit && a.radix == b.radix)
    {
        let problem = "these groups can be bytes in their order (xxd -g 4) or numbers with the low byte first (xxd -e): \
                       say --as xxd or --as numbers, or write it anew with xxd";
        return Some(Best::Several(problem.to_owned()));
    }
    Some(Best::One(*shape))
}

/// Whether so much agrees that it is a dump.
fn is_dump(lines: &[Line<'_>], first: &Line<'_>, reading: &Reading, form: Option<Form>) -> bool {
    let pairs = lines.len() - 1;
    if form.is_some() || reading.shown > 0 || reading.agree > 0 && 2 * reading.agree >= pairs {
        return true;
    }
    // A line alone, or a few that agree in nothing.
    let with_bytes = lines.iter().filter(|line| !line.is_end()).count();
    let is_zero = first.digits.bytes().all(|digit| digit == b'0');
    let len = first.digits.len();
    let is_offset = match first.parted {
        Parted::Colon => true,
        Parted::Wide => is_zero && len >= 4,
        Parted::Space => {
            let mut words = unit::words(first.rest);
            let is_hex = |word: &unit::Word<'_>| super::plain::is_hex_word(word.digits);
            let are_bytes = words.by_ref().take_while(is_hex).all(|word| word.digits.len() == 2);
            is_zero && ((6..=7).contains(&len) || len > 7 && are_bytes)
        }
    };
    with_bytes == 1 && is_offset
        || with_bytes > 1 && first.parted == Parted::Space && len == 7 && is_zero
}

/// The bases in which the offsets may be, the likeliest first.
fn radixes(lines: &[Line<'_>], form: Option<Form>) -> Vec<u32> {
    let has = |radix| lines.iter().all(|line| line.digits.chars().all(|c| c.is_digit(radix)));
    let is_long = lines.iter().all(|line| line.digits.len() >= 7);
    let is_colon = lines.iter().any(|line| line.parted == Parted::Colon);
    let is_prefixed = lines.iter().any(|line| line.is_prefixed);
    let all: &[u32] = match form {
        _ if is_prefixed => &[16],
        Some(Form::Od) if is_long => &[8, 10, 16],
        Some(Form::Od) => &[16],
        _ if is_colon => &[16, 10],
        Some(Form::Hexdump) => &[16],
        // Only hexdump and od have seven digits, and only od counts otherwise than in hex.
        _ if lines.iter().all(|line| line.digits.len() == 7) => &[16, 8, 10],
        _ => &[16],
    };
    all.iter().copied().filter(|radix| has(*radix)).collect()
}

/// How the bytes may be written, the likeliest first.
fn units(first: &Line<'_>, form: Option<Form>) -> Vec<Unit> {
    let Some(word) = first.first() else { return Vec::new() };
    let len = word.digits.len();
    let longest = unit::words(first.rest).take_while(|word| super::plain::is_hex_word(word.digits));
    let longest =
        longest.map(|word| word.digits.len()).filter(|len| [2, 4, 8, 16].contains(len)).max();
    let is_od = first.parted != Parted::Colon && (6..=7).contains(&first.digits.len());
    // xxd -e writes what is less than a number at the right of its place.
    let is_aligned = first.parted == Parted::Colon && first.rest.starts_with("   ") && len > 2;
    let size = if is_aligned { 8 } else { longest.unwrap_or(2).max(len) / 2 };
    let numbers = Unit::Numbers(size);
    if matches!(form, Some(Form::Numbers | Form::Hexdump | Form::Od))
        && len > 3
        && first.parted != Parted::Wide
    {
        return if len == 6 && form != Some(Form::Numbers) {
            vec![Unit::OctalNumbers, numbers]
        } else {
            vec![numbers]
        };
    }
    match len {
        _ if word.is_prefixed && len > 2 => vec![numbers],
        2 if is_od || first.parted == Parted::Space => vec![Unit::Bytes],
        3 => vec![Unit::Octal],
        6 if is_od => vec![Unit::OctalNumbers],
        _ if is_aligned => vec![numbers, Unit::Bytes],
        _ if is_od => vec![numbers, Unit::Bytes],
        8 => vec![Unit::Bytes, numbers, Unit::Bits],
        2 if first.parted != Parted::Colon => vec![Unit::Bytes],
        _ => vec![Unit::Bytes, numbers],
    }
}

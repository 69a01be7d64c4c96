//! The lines of a dump: an offset, and what stands behind it.

use super::unit::{Word, words};

/// A line that begins with an offset.
#[derive(Clone, Debug)]
pub(super) struct Line<'t> {
    /// From 1.
    pub(super) number: usize,
    /// The digits of its offset.
    pub(super) digits: &'t str,
    /// `0x` stands in front of the offset.
    pub(super) is_prefixed: bool,
    pub(super) parted: Parted,
    pub(super) rest: &'t str,
    /// `*` stands in front of it.
    pub(super) repeats: bool,
}

/// What parts an offset from the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parted {
    Colon,
    Wide,
    /// One space, as behind bytes.
    Space,
}

impl<'t> Line<'t> {
    pub(super) fn offset(&self, radix: u32) -> Option<u64> {
        u64::from_str_radix(self.digits, radix).ok()
    }

    /// The last line of many tools has the length alone.
    pub(super) fn is_end(&self) -> bool {
        self.rest.trim().is_empty()
    }

    pub(super) fn first(&self) -> Option<Word<'t>> {
        words(self.rest).next()
    }
}

/// The boxes of hexyl and netty without their lines, so that the columns are those of other dumps.
pub(super) fn unboxed(text: &str) -> std::borrow::Cow<'_, str> {
    let line: fn(&str) -> String = if text.contains('│') {
        of_hexyl
    } else if text.contains("+--------+-") {
        of_netty
    } else {
        return text.into();
    };
    text.lines().map(|text| line(text) + "\n").collect::<String>().into()
}

fn of_hexyl(line: &str) -> String {
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
}

fn of_netty(line: &str) -> String {
    let row = || {
        let (before, row) = line.split_once('|')?;
        let (offset, row) = row.split_once('|')?;
        let (hex, chars) = row.split_once('|')?;
        let chars = chars.trim_end().strip_suffix('|')?;
        let is_offset = offset.len() >= 4 && crate::hex_text::plain::is_hex_word(offset);
        let count = hex.split_whitespace().count();
        let chars: String = chars.chars().take(count).collect();
        let before = before.trim();
        let before = if before.is_empty() { String::new() } else { format!("{before} ") };
        is_offset.then(|| format!("{before}{offset}  {}  |{chars}|", hex.trim()))
    };
    let is_frame = line.contains("+----") || line.contains("|  0  1  2  3 ");
    row().unwrap_or_else(|| if is_frame { String::new() } else { line.to_owned() })
}

/// `00 01 02 .. 0f` above the columns of some dumps.
pub(super) fn is_ruler(line: &str) -> bool {
    let line = line.trim().trim_start_matches("Offset(h)").trim_start_matches("Hex View");
    let words = line.split_whitespace().take_while(|word| word.len() <= 2);
    let numbers: Vec<Option<usize>> =
        words.map(|word| usize::from_str_radix(word, 16).ok()).collect();
    numbers.len() >= 8 && numbers.iter().enumerate().all(|(at, number)| *number == Some(at))
}

/// A line's offset, and what follows it.
pub(super) fn line_of(number: usize, line: &str) -> Option<Line<'_>> {
    let line = line.trim_start();
    if let Some(found) = marked_line(number, line) {
        return Some(found);
    }
    let is_prefixed = line.starts_with("0x");
    let line = line.strip_prefix("0x").unwrap_or(line);
    let count = line.bytes().take_while(u8::is_ascii_hexdigit).count();
    if !(1..=16).contains(&count) {
        return None;
    }
    let (digits, rest) = line.split_at(count);
    let found = |parted, rest| Line { number, digits, is_prefixed, parted, rest, repeats: false };
    // gdb names the place as well: `0x7ffe <buffer+8>:`.
    if let Some((_, rest)) = rest.strip_prefix(" <").and_then(|rest| rest.split_once(">:"))
        && is_prefixed
    {
        return Some(found(Parted::Colon, rest));
    }
    // 010 Editor has an h behind it.
    let rest = rest.strip_prefix('h').filter(|rest| rest.starts_with(':')).unwrap_or(rest);
    // DOS has a segment in front of it.
    let (digits, rest) = of_segment(digits, rest).unwrap_or((digits, rest));
    let found = |parted, rest| Line { digits, ..found(parted, rest) };
    let (parted, rest) = match rest.strip_prefix(':') {
        Some(rest) if rest.is_empty() || rest.starts_with([' ', '\t']) => (Parted::Colon, rest),
        Some(_) => return None,
        None if rest.starts_with("  ") || rest.starts_with('\t') => (Parted::Wide, rest),
        None if rest.is_empty() || rest.starts_with(' ') => (Parted::Space, rest),
        None => return None,
    };
    // Short words may be hex, and no offset has letters alone.
    let is_word =
        count < 4 && !is_prefixed && digits.bytes().all(|digit| digit.is_ascii_alphabetic());
    let is_offset = parted == Parted::Colon && !is_word || !is_prefixed && count >= 4;
    is_offset.then(|| found(parted, rest))
}

/// A line whose offset stands in brackets, behind a plus, or in front of a dash or bar: `[0010]`, `0010 - `.
fn marked_line(number: usize, line: &str) -> Option<Line<'_>> {
    let open = line.chars().next().filter(|c| "[<(+".contains(*c));
    let close = match open {
        Some('[') => "]",
        Some('<') => ">",
        Some('(') => ")",
        _ => "",
    };
    let inner = if open.is_some() { &line[1..] } else { line };
    let plain = inner.strip_prefix("0x").unwrap_or(inner);
    let is_prefixed = plain.len() < inner.len();
    let count = plain.bytes().take_while(u8::is_ascii_hexdigit).count();
    let (digits, rest) = plain.split_at(count);
    let rest = rest.strip_prefix(close)?;
    let rest = match open {
        Some(_) => rest.strip_prefix(':').unwrap_or(rest),
        None => rest.strip_prefix(" -").or_else(|| rest.strip_prefix(" |"))?,
    };
    let is_one = (4..=16).contains(&count) && rest.starts_with([' ', '\t']);
    let parted = Parted::Colon;
    is_one.then_some(Line { number, digits, is_prefixed, parted, rest, repeats: false })
}

/// The offset and what is behind it in `0b2f:0100  ` and in WinDbg's ``00000000`0012f8f0  ``.
fn of_segment<'t>(segment: &str, rest: &'t str) -> Option<(&'t str, &'t str)> {
    if let Some(low) = rest.strip_prefix('`') {
        let (digits, rest) = low.split_at_checked(8)?;
        return crate::hex_text::plain::is_hex_word(digits).then_some((digits, rest));
    }
    let (digits, rest) = rest.strip_prefix(':')?.split_at_checked(4)?;
    let is_one = segment.len() == 4 && crate::hex_text::plain::is_hex_word(digits);
    (is_one && rest.starts_with("  ")).then_some((digits, rest))
}

//! Bytes in binary digits: `11111110 00000001`, `0b11111110`.

use super::HexText;

/// Digits of a byte.
const DIGITS: usize = 8;

/// A line's words, and what stands behind them.
struct Row<'t> {
    bytes: Vec<u8>,
    /// Pairs of digits, which are bytes if it is hex, and how many of these would be from 10 on.
    pairs: usize,
    high: usize,
    words: usize,
    tail: &'t str,
    has_prefix: bool,
}

/// Reads binary digits. Unless they are said to be some, no byte may be written otherwise.
pub(super) fn parse(text: &str, certain: bool) -> Option<HexText> {
    let mut out = HexText::default();
    let (mut pairs, mut high, mut words, mut prefixed) = (0, 0, 0, 0);
    for (number, line) in text.lines().enumerate() {
        let row = row(line);
        if row.words == 0 {
            if !certain && !row.tail.is_empty() {
                return None;
            }
            out.ignored
                .extend(row.tail.split_whitespace().map(|word| (number + 1, word.to_owned())));
            continue;
        }
        if !row.tail.trim().is_empty() && !super::dump::are_characters(row.tail, &row.bytes) {
            let mut rest =
                row.tail.split(super::plain::is_separator).filter(|word| !word.is_empty());
            if !certain && rest.any(super::plain::is_hex_word) {
                return None;
            }
            out.ignored.push((number + 1, row.tail.trim().to_owned()));
        }
        pairs += row.pairs;
        high += row.high;
        words += row.words;
        prefixed += usize::from(row.has_prefix);
        out.bytes.extend(row.bytes);
    }
    if certain {
        return Some(out);
    }
    let is_sure = prefixed > 0 && (words > 1 || pairs * 2 == DIGITS);
    if words == 0 || prefixed > 0 && !is_sure {
        return None;
    }
    // Bytes in hex that have no other digits are seldom from 10 on, and of binary digits half of all pairs are.
    if is_sure || 4 * high >= pairs {
        let note = "read as binary digits; if these are hex, say it with --as hex";
        out.notes.push(note.to_owned());
        return Some(out);
    }
    if words == 1 {
        return None;
    }
    let problem = "these can be binary digits or hex: say --as binary or --as hex";
    Some(HexText { problems: vec![(1, problem.to_owned())], ..HexText::default() })
}

/// The binary digits that a line begins with.
fn row(line: &str) -> Row<'_> {
    let mut row = Row {
        bytes: Vec::new(),
        pairs: 0,
        high: 0,
        words: 0,
        tail: line.trim_end(),
        has_prefix: false,
    };
    let is_apart = |c: char| c.is_whitespace() || ",;{}()[]".contains(c);
    loop {
        let rest = row.tail.trim_start_matches(is_apart);
        let end = rest.find(is_apart).unwrap_or(rest.len());
        let word = &rest[..end];
        let prefixed = word.strip_prefix("0b").or(word.strip_prefix("0B"));
        let digits: String =
            prefixed.unwrap_or(word).chars().filter(|c| *c != '_' || prefixed.is_none()).collect();
        let is_long = match prefixed {
            Some(_) => (1..=DIGITS).contains(&digits.len()),
            None => !digits.is_empty() && digits.len().is_multiple_of(DIGITS),
        };
        if !is_long || !digits.bytes().all(|digit| matches!(digit, b'0' | b'1')) {
            if rest.is_empty() {
                row.tail = rest;
            }
            return row;
        }
        let bytes = digits.as_bytes().chunks(DIGITS);
        row.bytes
            .extend(bytes.map(|byte| byte.iter().fold(0, |sum, digit| sum << 1 | (digit & 1))));
        row.pairs += digits.len().div_ceil(2);
        row.high += digits.bytes().step_by(2).filter(|digit| *digit == b'1').count();
        row.words += 1;
        row.has_prefix |= prefixed.is_some();
        row.tail = &rest[end..];
    }
}

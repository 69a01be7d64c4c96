//! The elements of lists of bytes: numbers as C, Java, Go, Rust, JSON and debuggers write them.

use super::HexText;
use super::plain::is_hex_word;

/// What the type of a number may be written as.
const SUFFIXES: [&str; 8] = ["_u8", "u8", "i8", "ui8", "UL", "U", "u", "L"];

/// A number as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Element<'t> {
    /// Behind `0x`.
    Hex(&'t str),
    /// Digits alone, with a minus maybe.
    Digits(&'t str),
    /// Without `0x`, but with letters.
    Letters(&'t str),
    Byte(u8),
}

/// How numbers without `0x` are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Hex,
    Decimal,
    /// Zeros in front make it octal in some languages.
    Prefixed,
}

/// The elements of a list, and where each begins in it.
pub(super) fn elements(inside: &str) -> Vec<(usize, &str)> {
    let has_commas = inside.contains(',');
    let is_apart = |c: char| c == ',' || !has_commas && c.is_whitespace();
    let mut found = Vec::new();
    let mut start = 0;
    // A comma can be a character: `','`.
    for (at, c) in inside.char_indices().chain([(inside.len(), ',')]) {
        if at < inside.len() && (!is_apart(c) || inside[start..at].trim() == "'") {
            continue;
        }
        let word = inside[start..at].trim();
        if has_commas || !word.is_empty() {
            let skipped = inside[start..at].len() - inside[start..at].trim_start().len();
            found.push((start + skipped, word));
        }
        start = (at + c.len_utf8()).min(inside.len());
    }
    // A comma may stand behind the last.
    if found.last().is_some_and(|(_, word)| word.is_empty()) {
        found.pop();
    }
    found
}

/// A number, as far as it is one.
pub(super) fn element(word: &str) -> Option<Element<'_>> {
    let word = word.strip_suffix(" as u8").unwrap_or(word).trim();
    if let Some(inner) = word.strip_prefix('\'').and_then(|word| word.strip_suffix('\'')) {
        let found = super::literal::bytes(inner)?;
        return <[u8; 1]>::try_from(found).ok().map(|[byte]| Element::Byte(byte));
    }
    let suffix =
        |digits: &str| SUFFIXES.iter().find_map(|suffix| digits.strip_suffix(suffix)).map(str::len);
    let cut = |digits: &'_ str| suffix(digits).unwrap_or(digits.len());
    if let Some(digits) = word.strip_prefix("0x").or(word.strip_prefix("0X")) {
        let digits = &digits[..cut(digits)];
        return (!digits.is_empty() && is_hex_word(digits)).then_some(Element::Hex(digits));
    }
    for (prefix, radix) in [("0b", 2), ("0B", 2), ("0o", 8)] {
        let digits = word.strip_prefix(prefix);
        // `0b` alone is a byte in hex.
        if let Some(digits) = digits.filter(|digits| !digits.is_empty()) {
            return u8::from_str_radix(&digits[..cut(digits)], radix).ok().map(Element::Byte);
        }
    }
    let number = &word[..cut(word)];
    let digits = number.strip_prefix('-').unwrap_or(number);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Element::Digits(number));
    }
    (!word.is_empty() && word.len() <= 2 && is_hex_word(word)).then_some(Element::Letters(word))
}

/// gdb's `0x0 <repeats 15 times>`.
pub(super) fn times(word: &str) -> (&str, usize) {
    let Some((number, rest)) = word.split_once("<repeats") else { return (word, 1) };
    match rest.trim().strip_suffix("times>").and_then(|count| count.trim().parse().ok()) {
        Some(count) => (number.trim(), count),
        None => (word, 1),
    }
}

/// How the numbers of a list are meant.
pub(super) fn base(known: &[Option<Element<'_>>], out: &mut HexText) -> Base {
    let any = |is: &dyn Fn(&Element<'_>) -> bool| known.iter().flatten().any(is);
    if any(&|element| matches!(element, Element::Hex(_) | Element::Byte(_))) {
        return Base::Prefixed;
    }
    let is_padded = |element: &Element<'_>| matches!(element, Element::Digits(digits) if digits.len() == 2 && digits.starts_with('0'));
    let is_long =
        |element: &Element<'_>| matches!(element, Element::Digits(digits) if digits.len() > 2);
    if any(&|element| matches!(element, Element::Letters(_))) || any(&is_padded) && !any(&is_long) {
        if any(&is_padded) && !any(&|element| matches!(element, Element::Letters(_))) {
            let note = "read as hex; if these numbers are decimal, say it with --as decimal";
            out.notes.push(note.to_owned());
        }
        return Base::Hex;
    }
    let note = "read as decimal numbers; if they are hex, say it with --as hex";
    out.notes.push(note.to_owned());
    if any(
        &|element| matches!(element, Element::Digits(digits) if digits.len() > 1 && digits.starts_with('0')),
    ) {
        return Base::Prefixed;
    }
    Base::Decimal
}

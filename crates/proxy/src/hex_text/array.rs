//! Arrays of bytes, as C, Java, Go, Rust, JSON and debuggers write them.
//!
//! An element that is no byte is an error with its place, and then none are taken: the others would stand at
//! wrong places.

use std::ops::Range;

use super::HexText;
use super::element::{Base, Element, base, element, elements, times};
use super::plain::{is_hex_word, is_separator, uncommented};

/// An element that is repeated adds no more bytes than this.
const REPEATED_MAX: usize = 16 << 20;
/// The longest name of a type in a cast.
const CAST_MAX: usize = 32;
/// Elements that are told one by one.
const TOLD_MAX: usize = 8;
/// Casts and conversions that are no part of a number.
const AROUND: [&str; 2] = [".toByte()", ".toUByte()"];

/// What stands between two brackets in which are no others.
struct List {
    range: Range<usize>,
    open: char,
    is_closed: bool,
}

/// The bytes of a text's lists; `None` if there is no list of numbers.
pub(super) fn parse(text: &str) -> Option<HexText> {
    let mut ignored = Vec::new();
    // Erlang's brackets are as wide as two.
    let plain = without_comments(text, &mut ignored).replace("<<", " [").replace(">>", "] ");
    let mut lists = lists(&plain);
    lists.retain(|list| is_list(&plain, list));
    // Braces hold bytes where there are some: brackets then have sizes.
    let kind =
        ['{', '[', '('].into_iter().find(|open| lists.iter().any(|list| list.open == *open))?;
    lists.retain(|list| list.open == kind);
    let mut out = HexText { ignored, ..HexText::default() };
    let mut outside = 0;
    let (mut hex_outside, mut line) = (0, 1);
    for range in
        lists.iter().map(|list| list.range.clone()).chain(std::iter::once(plain.len()..plain.len()))
    {
        let between = plain.get(outside..range.start).unwrap_or("");
        for (number, text) in between.split('\n').enumerate() {
            for word in text.split(is_separator).filter(|word| !word.is_empty()) {
                hex_outside +=
                    if is_hex_word(word) && word.len() % 2 == 0 { word.len() } else { 0 };
                out.ignored.push((line + number, word.to_owned()));
            }
        }
        outside = range.end;
        line += between.matches('\n').count() + plain[range].matches('\n').count();
    }
    out.ignored.sort_by_key(|(line, _)| *line);
    let mut has_prefix = false;
    for list in &lists {
        has_prefix |= plain[list.range.clone()].contains("0x");
        read(&plain, list, &mut out)?;
    }
    // A short list among more hex is not what was meant.
    if !has_prefix && out.problems.is_empty() && hex_outside > 2 * out.bytes.len() {
        return None;
    }
    if lists.len() > 1 {
        out.notes.push(format!("{} arrays, read one behind the other", lists.len()));
    } else if let Some(said) = lists.first().and_then(|list| said(&plain, list))
        && said != out.bytes.len()
        && out.problems.is_empty()
    {
        let problem =
            format!("the array is said to have {said} elements and has {}", out.bytes.len());
        out.problems.push((1, problem));
    }
    if !out.problems.is_empty() {
        out.bytes.clear();
    }
    out.notes.dedup();
    Some(out)
}

/// The text with spaces where comments and casts are.
fn without_comments(text: &str, ignored: &mut Vec<(usize, String)>) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut in_comment = false;
    for (number, line) in text.split('\n').enumerate() {
        let (parts, comments) = uncommented(line, &mut in_comment);
        ignored.extend(comments.into_iter().map(|comment| (number + 1, comment)));
        let begin = plain.len();
        for part in parts {
            let at = part.as_ptr() as usize - line.as_ptr() as usize;
            plain.extend(std::iter::repeat_n(' ', (begin + at).saturating_sub(plain.len())));
            plain.push_str(part);
        }
        plain.push('\n');
    }
    for around in AROUND {
        plain = plain.replace(around, &" ".repeat(around.len()));
    }
    let mut from = 0;
    while let Some(open) = plain[from..].find('(').map(|at| from + at) {
        from = open + 1;
        let near = &plain.as_bytes()[from..plain.len().min(from + CAST_MAX)];
        let Some(close) = near.iter().position(|byte| *byte == b')').map(|at| from + at) else {
            continue;
        };
        let inside = plain[from..close].trim();
        let is_type = |c: char| c.is_ascii_alphanumeric() || " _:*".contains(c);
        // A type in front of a number.
        let is_cast = inside.starts_with(|c: char| c.is_ascii_alphabetic())
            && inside.chars().all(is_type)
            && plain[close + 1..]
                .trim_start()
                .starts_with(|c: char| c.is_ascii_digit() || "-'".contains(c));
        if is_cast {
            plain.replace_range(open..=close, &" ".repeat(close + 1 - open));
        }
    }
    plain
}

/// What stands between brackets that have no others in them.
fn lists(text: &str) -> Vec<List> {
    let mut lists = Vec::new();
    // The last open bracket, if no other was closed behind it.
    let mut open: Option<(usize, char)> = None;
    let mut quoted = None;
    let mut last = ' ';
    for (at, c) in text.char_indices() {
        match (c, quoted) {
            ('"', None) => quoted = Some('"'),
            ('\'', None) if !last.is_alphanumeric() => quoted = Some('\''),
            (c, Some(quote)) if c == quote && last != '\\' => quoted = None,
            ('\n', Some(_)) => quoted = None,
            (_, Some(_)) => {}
            ('{' | '[' | '(', None) => open = Some((at, c)),
            ('}' | ']' | ')', None) => {
                if let Some((start, open)) = open.take() {
                    lists.push(List { range: start + 1..at, open, is_closed: true });
                }
            }
            _ => {}
        }
        last = if last == '\\' && c == '\\' { ' ' } else { c };
    }
    if let Some((start, open)) = open {
        lists.push(List { range: start + 1..text.len(), open, is_closed: false });
    }
    lists
}

/// `Uint8Array(1)` and the like.
fn is_named(before: &str) -> bool {
    let count = |before: &str| {
        before.rsplit_once('(').is_some_and(|(name, count)| {
            name.ends_with("Array") && count.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    before.ends_with("Array") || before.strip_suffix(')').is_some_and(count)
}

/// Whether numbers stand in a list.
fn is_list(text: &str, list: &List) -> bool {
    let inside = &text[list.range.clone()];
    let is_whole = text.trim().len() == inside.len() + 2;
    let has_commas = inside.contains(',');
    let elements = elements(inside);
    let is_number = |(_, word): &(usize, &str)| element(word).is_some();
    let numbers = elements.iter().filter(|element| is_number(element)).count();
    let is_prefixed = inside.contains("0x") || inside.contains("0X");
    if has_commas {
        return 2 * numbers >= elements.len() && (list.open != '(' || numbers > 1);
    }
    let before = text[..list.range.start - 1].trim_end();
    match list.open {
        '(' if numbers == 1 => {
            let names = ["arrayof", "chr", "char", "chrb"];
            names.iter().any(|name| before.to_ascii_lowercase().ends_with(name))
        }
        '[' if numbers == 1 && is_named(before) => true,
        '{' => numbers > 0 && numbers == elements.len(),
        // Go has spaces alone, and its numbers are decimal; hex has two digits.
        '[' if numbers == elements.len() => {
            let digits =
                |word: &str| word.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
            let is_decimal = |(_, word): &(usize, &str)| digits(word) && word.len() != 2;
            is_prefixed && numbers > 1
                || is_whole && numbers == 1
                || numbers > 1
                    && elements.iter().all(|(_, word)| digits(word))
                    && elements.iter().any(is_decimal)
        }
        _ => false,
    }
}

/// Appends the bytes of a list.
fn read(text: &str, list: &List, out: &mut HexText) -> Option<()> {
    let inside = &text[list.range.clone()];
    let found = elements(inside);
    let known: Vec<Option<Element<'_>>> =
        found.iter().map(|(_, word)| element(times(word).0)).collect();
    let base = base(&known, out);
    let mut is_wide = false;
    for (n, ((at, word), element)) in found.iter().zip(&known).enumerate() {
        if out.problems.len() > TOLD_MAX {
            break;
        }
        let mut problem = |what: &str| {
            let (line, column) = place(text, list.range.start + at);
            let shown: String = word.chars().take(24).collect();
            out.problems
                .push((line, format!("column {column}, element {}: `{shown}` {what}", n + 1)));
        };
        let is_cut = word.starts_with("...") || word.contains('…');
        let bytes = match (element, base) {
            (None, _) if is_cut => {
                problem("stands for elements that are not in the text");
                continue;
            }
            (None, _) => {
                problem("is no number from 0 to 255");
                continue;
            }
            (Some(Element::Byte(byte)), _) => vec![*byte],
            (Some(Element::Hex(digits)), _) => {
                is_wide |= digits.len() > 2;
                let even =
                    if digits.len() % 2 == 0 { (*digits).to_owned() } else { format!("0{digits}") };
                ::hex::decode(even).unwrap_or_default()
            }
            (Some(Element::Letters(digits) | Element::Digits(digits)), Base::Hex) => {
                match u8::from_str_radix(digits, 16) {
                    Ok(byte) => vec![byte],
                    Err(_) => {
                        problem("is no byte in hex, as the others are");
                        continue;
                    }
                }
            }
            (Some(Element::Letters(_)), _) => {
                problem("has no 0x, as others have");
                continue;
            }
            (Some(Element::Digits(digits)), base) => {
                let is_octal =
                    base == Base::Prefixed && digits.len() > 1 && digits.starts_with('0');
                match digits.parse::<i16>() {
                    _ if is_octal => {
                        problem("is octal in C and decimal elsewhere; write it with 0x");
                        continue;
                    }
                    Ok(n @ -128..=255) => vec![n as u8],
                    _ => {
                        problem("is no byte: bytes are from -128 to 255");
                        continue;
                    }
                }
            }
        };
        let count = times(word).1;
        if count.saturating_mul(bytes.len()) > REPEATED_MAX {
            problem("is repeated too often");
            continue;
        }
        out.bytes.extend(std::iter::repeat_n(bytes, count).flatten());
    }
    if !list.is_closed {
        let (line, _) = place(text, list.range.end);
        let problem = "the list is not closed: its end is missing in the text".to_owned();
        out.problems.push((line.saturating_sub(1).max(1), problem));
    }
    if is_wide {
        let note =
            "numbers of more than one byte are read as they are written, the high byte first";
        out.notes.push(note.to_owned());
    }
    Some(())
}

/// Bytes written 0x0a without brackets around them, where other numbers are sizes and indexes.
pub(super) fn bare(text: &str) -> HexText {
    let mut out = HexText::default();
    let mut in_comment = false;
    let mut is_wide = false;
    let mut last: Option<(usize, usize)> = None;
    let mut cut = None;
    for (number, line) in text.lines().enumerate() {
        let (parts, comments) = uncommented(line, &mut in_comment);
        out.ignored.extend(comments.into_iter().map(|comment| (number + 1, comment)));
        let words = parts.iter().flat_map(|part| part.split(is_separator));
        for word in words.filter(|word| !word.is_empty()) {
            cut = (word == "0x" || word == "0X").then_some(number + 1);
            match element(word) {
                Some(Element::Hex(digits)) => {
                    is_wide |= digits.len() > 2;
                    last = Some((number + 1, digits.len()));
                    let even = if digits.len() % 2 == 0 {
                        digits.to_owned()
                    } else {
                        format!("0{digits}")
                    };
                    out.bytes.extend(::hex::decode(even).unwrap_or_default());
                }
                // Among bytes 0 has no need of 0x.
                Some(Element::Digits(digits)) if last.is_some() && line.contains(',') => {
                    match digits.parse::<i16>() {
                        Ok(n @ -128..=255) if n < 8 || !digits.starts_with('0') => {
                            last = Some((number + 1, 1));
                            out.bytes.push(n as u8);
                        }
                        _ => {
                            let problem =
                                format!("`{digits}` is no byte: bytes are from -128 to 255");
                            out.problems.push((number + 1, problem));
                        }
                    }
                }
                _ => out.ignored.push((number + 1, word.to_owned())),
            }
        }
    }
    if let Some(number) = cut {
        out.problems.push((number, "the last byte is cut: nothing stands behind `0x`".to_owned()));
    } else if let Some((number, 1)) = last
        && text.matches("0x").count() > 1
        && !text.trim_end().ends_with([',', '}', ';'])
        && out.bytes.len() > 2
        && (text.matches("0x0").count() > 1)
    {
        let problem = "the last byte has one digit and others have two: it may be cut".to_owned();
        out.problems.push((number, problem));
    }
    if is_wide && text.contains(',') {
        let note =
            "numbers of more than one byte are read as they are written, the high byte first";
        out.notes.push(note.to_owned());
    }
    out
}

/// The number of elements that stands in front of an array, or in the length that xxd -i writes.
fn said(text: &str, list: &List) -> Option<usize> {
    let before = text[..list.range.start - 1].trim_end();
    let size = before.strip_suffix('=').map_or(before, str::trim_end).strip_suffix(']')?;
    size.rsplit('[').next().and_then(|size| size.trim().parse().ok()).or_else(|| {
        let (_, said) = text[list.range.end..].split_once("_len = ")?;
        said.split(';').next()?.trim().parse().ok()
    })
}

/// Line and column, from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    (line, column)
}

//! Hex digits and numbers between whatever parts them.

use super::HexText;

/// Hex digits, together or apart.
pub(super) fn hex(text: &str) -> HexText {
    let mut out = HexText::default();
    let mut words: Vec<(usize, &str)> = Vec::new();
    let mut in_comment = false;
    for (number, line) in text.lines().enumerate() {
        let (line, comments) = uncommented(line, &mut in_comment);
        out.ignored.extend(comments.into_iter().map(|comment| (number + 1, comment)));
        for line in line {
            if line.trim() == "*" {
                let problem = "lines that repeat are left out here, and without offsets nobody knows how many";
                out.problems.push((number + 1, problem.to_owned()));
                continue;
            }
            hex_line(number + 1, line, &mut words, &mut out);
        }
    }
    let odd = words.iter().filter(|(_, digits)| digits.len() % 2 != 0).count();
    let all: usize = words.iter().map(|(_, digits)| digits.len()).sum();
    let singles = words.iter().all(|(_, digits)| digits.len() <= 2);
    if odd > 0 && all.is_multiple_of(2) && !singles {
        // Cut anywhere, as by a line's end.
        let joined: String = words.into_iter().map(|(_, digits)| digits).collect();
        out.bytes = ::hex::decode(joined).unwrap_or_default();
        return out;
    }
    let is_listed = text.contains('[') && text.contains(',');
    if is_listed && words.iter().all(|(_, word)| word.len() <= 2 && is_decimal(word)) {
        let note = "read as hex; if these numbers are decimal, say it with --as decimal";
        out.notes.push(note.to_owned());
    }
    for (number, digits) in words {
        let taken = match digits.len() {
            1 => ::hex::decode(format!("0{digits}")),
            _ => ::hex::decode(digits),
        };
        match taken {
            Ok(bytes) => out.bytes.extend(bytes),
            Err(_) => out.ignored.push((number, digits.to_owned())),
        }
    }
    out.ignored.sort_by_key(|(number, _)| *number);
    out
}

/// The hex of a line. Where words stand in it that are no hex, others may only look like some: the longest
/// row of them is meant.
fn hex_line<'t>(
    number: usize,
    line: &'t str,
    words: &mut Vec<(usize, &'t str)>,
    out: &mut HexText,
) {
    let mut rows: Vec<Vec<&str>> = vec![Vec::new()];
    let mut is_mixed = false;
    for word in line.split(is_separator).filter(|word| !word.is_empty()) {
        if is_hex_word(word) {
            if let Some(row) = rows.last_mut() {
                row.push(word);
            }
            continue;
        }
        // `12 bytes` is how many, not which.
        let is_count = ["byte", "bytes", "octets"].contains(&word.to_ascii_lowercase().as_str());
        if is_count
            && let Some(row) = rows.last_mut()
            && let Some(count) = row.pop()
        {
            out.ignored.push((number, count.to_owned()));
        }
        is_mixed = true;
        out.ignored.push((number, word.to_owned()));
        rows.push(Vec::new());
    }
    if !is_mixed {
        words.extend(rows.into_iter().flatten().map(|word| (number, word)));
        return;
    }
    let len = |row: &Vec<&str>| row.iter().map(|word| word.len()).sum::<usize>();
    let has_digit =
        |row: &Vec<&str>| row.iter().any(|word| word.bytes().any(|b| b.is_ascii_digit()));
    let mut best: Option<usize> = None;
    for (at, row) in rows.iter().enumerate() {
        let rank = |row: &Vec<&str>| (has_digit(row), len(row));
        // A word of letters alone among other words is a word: "add", "bad", "a".
        let is_word = !has_digit(row) && len(row) < 8;
        if !row.is_empty() && !is_word && best.is_none_or(|best| rank(row) > rank(&rows[best])) {
            best = Some(at);
        }
    }
    for (at, row) in rows.into_iter().enumerate() {
        for word in row {
            if Some(at) == best {
                words.push((number, word));
            } else {
                out.ignored.push((number, word.to_owned()));
            }
        }
    }
}

/// A line's parts that are in no comment, and the comments.
fn uncommented<'l>(line: &'l str, in_comment: &mut bool) -> (Vec<&'l str>, Vec<String>) {
    let (mut parts, mut comments) = (Vec::new(), Vec::new());
    let mut rest = line;
    loop {
        if *in_comment {
            // In the comments of Wireshark stand any characters: the last end counts.
            match rest.rfind("*/") {
                Some(end) => {
                    *in_comment = false;
                    rest = &rest[end + 2..];
                }
                None => return (parts, comments),
            }
        }
        let line_end = ["//", "#"].into_iter().filter_map(|mark| comment_at(rest, mark)).min();
        match rest.find("/*").filter(|at| line_end.is_none_or(|end| *at < end)) {
            Some(start) => {
                parts.push(&rest[..start]);
                *in_comment = true;
                rest = &rest[start + 2..];
            }
            None => {
                let end = line_end.unwrap_or(rest.len());
                parts.push(&rest[..end]);
                let comment = rest[end..].trim();
                if !comment.is_empty() {
                    comments.push(comment.to_owned());
                }
                return (parts, comments);
            }
        }
    }
}

/// Where a comment to the line's end begins: at its start or behind a space.
fn comment_at(line: &str, mark: &str) -> Option<usize> {
    let begins =
        |at: usize| at == 0 || line[..at].ends_with(|c: char| c.is_whitespace() || c == ',');
    line.match_indices(mark).map(|(at, _)| at).find(|at| begins(*at))
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || ",;:{}()[]<>\"'|-_=$┊│".contains(c)
}

pub(super) fn is_hex_word(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_decimal(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// What bytes have in front of them, if they have anything.
pub(super) fn prefix(text: &str) -> Option<&'static str> {
    ["0x", "0X", "\\x"].into_iter().find(|prefix| {
        let after = |(at, _): (usize, &str)| {
            let is_begin =
                !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()) || *prefix == "\\x";
            is_begin && text[at + 2..].starts_with(|c: char| c.is_ascii_hexdigit())
        };
        text.match_indices(prefix).any(after)
    })
}

/// Bytes written 0x0a, where numbers without 0x are sizes and indexes; or `\x0a`.
pub(super) fn prefixed(text: &str, prefix: &str) -> HexText {
    if prefix == "\\x" {
        return super::literal::bare(text);
    }
    let mut out = HexText::default();
    let mut in_comment = false;
    let mut arrays = 0;
    let mut has_long = false;
    for (number, line) in text.lines().enumerate() {
        let (parts, comments) = uncommented(line, &mut in_comment);
        out.ignored.extend(comments.into_iter().map(|comment| (number + 1, comment)));
        for part in parts {
            arrays += part.matches('{').count();
            for word in part.split(is_separator).filter(|word| !word.is_empty()) {
                let Some(digits) = prefixed_word(word) else {
                    out.ignored.push((number + 1, word.to_owned()));
                    continue;
                };
                has_long |= digits.len() > 2;
                let even = digits.len().is_multiple_of(2);
                let digits = if even { digits.to_owned() } else { format!("0{digits}") };
                out.bytes.extend(::hex::decode(digits).unwrap_or_default());
            }
        }
    }
    if arrays > 1 {
        out.notes.push(format!("{arrays} arrays, read one behind the other"));
    }
    if has_long && arrays > 0 {
        let note =
            "numbers of more than one byte are read as they are written, the high byte first";
        out.notes.push(note.to_owned());
    }
    out
}

fn prefixed_word(word: &str) -> Option<&str> {
    let rest = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"))?;
    // Rust's suffix; `u8` would otherwise be no digits.
    let rest = rest.strip_suffix("u8").unwrap_or(rest).trim_end_matches(['u', 'U', 'l', 'L']);
    (!rest.is_empty() && is_hex_word(rest)).then_some(rest)
}

/// A list of numbers that cannot be hex: one is below zero, or has three digits.
pub(super) fn decimal_for_certain(text: &str) -> Option<HexText> {
    let end = text.rfind([']', '}', ')'])?;
    let start = text[..end].rfind(['[', '{', '('])?;
    let list = text.get(start + 1..end)?;
    let words: Vec<&str> =
        list.split([',', ' ', '\n', '\r', '\t']).filter(|w| !w.is_empty()).collect();
    let is_byte = |word: &&str| word.parse::<i16>().is_ok_and(|n| (-128..256).contains(&n));
    let is_certain = |word: &&str| word.starts_with('-') || word.len() == 3;
    let is_list = list.contains(',') && words.iter().all(is_byte) && words.iter().any(is_certain);
    is_list.then(|| {
        let note = "read as decimal numbers; if they are hex, say it with --as hex".to_owned();
        HexText { notes: vec![note], ..decimal(list) }
    })
}

/// Numbers from -128 to 255.
pub(super) fn decimal(text: &str) -> HexText {
    let mut out = HexText::default();
    for (number, line) in text.lines().enumerate() {
        let is_apart = |c: char| c.is_whitespace() || ",;:{}()[]<>\"'|=".contains(c);
        for word in line.split(is_apart).filter(|word| !word.is_empty()) {
            match word.parse::<i16>() {
                Ok(n @ -128..=255) => out.bytes.push(n as u8),
                _ => out.ignored.push((number + 1, word.to_owned())),
            }
        }
    }
    out
}

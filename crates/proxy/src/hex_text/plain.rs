//! Hex digits and numbers between whatever parts them.

use super::HexText;

/// What `*` on a line of its own means.
const REPEATED_WITHOUT_OFFSETS: &str = "lines that repeat are left out here, and without offsets nobody knows how many; hexdump and od write all with -v";

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
                out.problems.push((number + 1, REPEATED_WITHOUT_OFFSETS.to_owned()));
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
    if let Some((number, last)) = words.last()
        && last.len() == 1
        && words.len() > 2
        && words[..words.len() - 1].iter().all(|(_, word)| word.len() % 2 == 0)
    {
        let problem = format!("`{last}` is half a byte: the text may be cut here");
        out.problems.push((*number, problem));
    }
    if is_of_od(text, &words) {
        let note = "groups are read as bytes in their order; if od -A n wrote them, say it with --as numbers";
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

/// Numbers in hex with the low byte first, as od -A n writes them.
pub(super) fn numbers(text: &str) -> HexText {
    let mut out = HexText::default();
    for (number, line) in text.lines().enumerate() {
        for word in line.split_whitespace() {
            match ::hex::decode(word.strip_prefix("0x").unwrap_or(word)) {
                Ok(bytes) => out.bytes.extend(bytes.into_iter().rev()),
                Err(_) if word == "*" => {
                    out.problems.push((number + 1, REPEATED_WITHOUT_OFFSETS.to_owned()));
                }
                Err(_) => out.ignored.push((number + 1, word.to_owned())),
            }
        }
    }
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
        if word.ends_with("..") || word.contains('…') {
            let problem = format!("`{word}` stands for bytes that are not in the text");
            out.problems.push((number, problem));
        } else {
            out.ignored.push((number, word.to_owned()));
        }
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
pub(super) fn uncommented<'l>(line: &'l str, in_comment: &mut bool) -> (Vec<&'l str>, Vec<String>) {
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

pub(super) fn is_separator(c: char) -> bool {
    c.is_whitespace() || ",;:{}()[]<>\"'|-_=$┊│".contains(c)
}

pub(super) fn is_hex_word(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Numbers of one length behind one space each, as od writes them without offsets.
fn is_of_od(text: &str, words: &[(usize, &str)]) -> bool {
    let len = words.first().map_or(0, |(_, word)| word.len());
    let is_line = |line: &str| {
        line.starts_with(' ')
            && !line.starts_with("  ")
            && line.trim().split(' ').all(|word| word.len() == len)
    };
    [4, 8, 16].contains(&len) && text.lines().filter(|line| !line.trim().is_empty()).all(is_line)
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

/// Numbers apart that cannot be hex: bytes of hex have two digits each, and these are of one to three.
pub(super) fn is_decimal(text: &str) -> bool {
    let is_apart = |c: char| c.is_whitespace() || ",;".contains(c);
    let (mut count, mut is_other) = (0, false);
    for word in text.split(is_apart).filter(|word| !word.is_empty()) {
        let is_number = word == "0" || !word.starts_with('0');
        if word.len() > 3 || !is_number || word.parse::<u8>().is_err() {
            return false;
        }
        (count, is_other) = (count + 1, is_other || word.len() != 2);
    }
    count >= 2 && is_other
}

/// Numbers from -128 to 255.
pub(super) fn decimal(text: &str) -> HexText {
    let mut out = HexText::default();
    for (number, line) in text.lines().enumerate() {
        let is_apart = |c: char| c.is_whitespace() || ",;:{}()[]<>\"'|=".contains(c);
        for word in line.split(is_apart).filter(|word| !word.is_empty()) {
            match word.parse::<i16>() {
                Ok(n @ -128..=255) => out.bytes.push(n as u8),
                _ if word.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()) => {
                    let problem = format!("`{word}` is no byte: bytes are from -128 to 255");
                    out.problems.push((number + 1, problem));
                }
                _ => out.ignored.push((number + 1, word.to_owned())),
            }
        }
    }
    out
}

//! Hex digits and numbers between whatever parts them.

use super::HexText;

/// What `*` on a line of its own means.
const REPEATED_WITHOUT_OFFSETS: &str = "lines that repeat are left out here, and without offsets nobody knows how many; hexdump and od write all with -v";

/// What bytes are called that stand behind it in the same brackets.
const NAMES: [&str; 3] = ["Buffer", "SlowBuffer", "Uint8Array"];
/// What numbers that follow are that are no bytes.
const LENGTHS: [&str; 3] = ["length", "size", "len"];
/// Words of a line that are looked at for characters behind them.
const LINE_MAX: usize = 64;
/// Bytes behind a longer word that make it look like an offset.
const OFFSET_WORDS: usize = 3;

/// Hex digits, together or apart. `is_certain`: it is said that they are hex.
pub(super) fn hex(text: &str, is_certain: bool) -> HexText {
    let mut out = HexText::default();
    let mut words: Vec<(usize, &str)> = Vec::new();
    let mut in_comment = false;
    for (number, line) in text.lines().enumerate() {
        let (line, comments) = uncommented(line, &mut in_comment);
        out.ignored.extend(comments.into_iter().map(|comment| (number + 1, comment)));
        for line in line {
            let (line, chars) = without_characters(line);
            out.ignored.extend(chars.map(|chars| (number + 1, chars.to_owned())));
            if line.trim() == "*" {
                out.problems.push((number + 1, REPEATED_WITHOUT_OFFSETS.to_owned()));
                continue;
            }
            hex_line(number + 1, line, &mut words, &mut out);
        }
    }
    if let Some((number, offset)) =
        words.iter().find(|word| is_offset(word, &words)).filter(|_| !is_certain)
    {
        let zero = offset.bytes().all(|digit| digit == b'0');
        let text =
            format!("`{offset}` may be an offset: say --as dump, or --as hex if it is bytes");
        if zero {
            out.problems.push((*number, text));
            return out;
        }
        out.notes.push(text);
    }
    if is_wrapped(&words) {
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
    if let [(_, word)] = words[..]
        && !is_certain
        && word.len().is_multiple_of(8)
        && word.bytes().all(|digit| matches!(digit, b'0' | b'1'))
    {
        let note = "read as hex; if these are binary digits, say it with --as binary";
        out.notes.push(note.to_owned());
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
    // One word of letters and signs that hex has not is something else, in which some letters look like hex.
    let is_sign = |c: char| "~^`!@?*+&%".contains(c);
    if !is_certain
        && !text.trim().contains(char::is_whitespace)
        && out.ignored.iter().any(|(_, word)| word.contains(is_sign))
    {
        let problem = "this is no hex: say with --as what it is, or write it in hex or base64";
        return HexText { problems: vec![(1, problem.to_owned())], ..HexText::default() };
    }
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
    let (mut is_mixed, mut is_length) = (false, false);
    let (named, others): (Vec<&str>, Vec<&str>) =
        line.split_whitespace().partition(|word| is_named_number(word));
    out.ignored.extend(named.iter().map(|word| (number, (*word).to_owned())));
    is_mixed |= !named.is_empty();
    let parts = others.into_iter().flat_map(|word| word.split(is_separator));
    for word in parts.filter(|word| !word.is_empty()) {
        let is_decimal = word.len() < 6
            && word.bytes().all(|byte| byte.is_ascii_digit())
            && !word.starts_with('0');
        if std::mem::take(&mut is_length) && is_decimal {
            out.ignored.push((number, word.to_owned()));
            continue;
        }
        if is_hex_word(word) {
            if let Some(row) = rows.last_mut() {
                row.push(word);
            }
            continue;
        }
        if NAMES.contains(&word) {
            continue;
        }
        is_length = LENGTHS.iter().any(|name| word.to_ascii_lowercase().ends_with(name));
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
        let are_bytes = row.len() > 1 && row.iter().all(|word| word.len() == 2);
        let is_word = !has_digit(row) && len(row) < 8 && !are_bytes;
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

/// `from=0` and the like, but not `data=12`.
fn is_named_number(word: &str) -> bool {
    let Some((name, number)) = word.split_once('=') else { return false };
    let number = number.trim_end_matches([',', ';', ')', ']', ':']);
    let is_data =
        ["data", "hex", "bytes", "payload", "buf", "buffer", "packet", "body", "raw"].iter();
    number.len() <= 5
        && number.parse::<u32>().is_ok()
        && (number == "0" || !number.starts_with('0'))
        && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && !name.is_empty()
        && !is_data.into_iter().any(|data| name.to_ascii_lowercase().ends_with(data))
}

/// A line, and the characters behind its bytes if there are such.
fn without_characters(line: &str) -> (&str, Option<&str>) {
    let mut bytes = Vec::new();
    let mut at = 0;
    for _ in 0..LINE_MAX {
        let start = at + line[at..].len() - line[at..].trim_start().len();
        let end = line[start..].find(char::is_whitespace).map_or(line.len(), |end| start + end);
        let Ok(more) = ::hex::decode(&line[start..end]) else { break };
        bytes.extend(more);
        at = end;
        if bytes.len() >= 2 && super::dump::are_characters(&line[at..], &bytes) {
            return (&line[..at], Some(line[at..].trim()));
        }
        if at == line.len() {
            break;
        }
    }
    (line, None)
}

/// Whether bytes are cut by the ends of lines: what is odd goes on in the next line.
fn is_wrapped(words: &[(usize, &str)]) -> bool {
    let mut odd =
        words.iter().enumerate().filter(|(_, (_, digits))| digits.len() % 2 != 0).peekable();
    let is_any = odd.peek().is_some();
    while let Some((at, (number, _))) = odd.next() {
        let goes_on = odd.next().is_some_and(|(next, (below, _))| next == at + 1 && below > number);
        if !goes_on {
            return false;
        }
    }
    is_any && words.iter().any(|(_, digits)| digits.len() > 2)
}

/// Whether a word is the first of a line in which all others are shorter, as offsets are.
fn is_offset(word: &(usize, &str), words: &[(usize, &str)]) -> bool {
    let (number, digits) = word;
    let from = words.partition_point(|(line, _)| line < number);
    let to = words.partition_point(|(line, _)| line <= number);
    let row = words.get(from..to).unwrap_or_default();
    let is_first = row.first().is_some_and(|first| std::ptr::eq(first.1, *digits));
    is_first
        && digits.len() >= 4
        && row.len() > OFFSET_WORDS
        && row.iter().skip(1).all(|(_, word)| word.len() == 2)
}

/// What Objective-C and Swift show of data: `{length = 4, bytes = 0xfe010203}`.
pub(super) fn of_apple(text: &str) -> Option<HexText> {
    let (before, rest) = text.split_once("length = ")?;
    let (length, rest) = rest.split_once(", bytes = 0x")?;
    let (digits, _) = rest.split_once('}').unwrap_or((rest, ""));
    let line = before.matches('\n').count() + 1;
    let mut out = HexText::default();
    let is_cut = digits.contains("..") || digits.contains('\u{2026}');
    let joined: String = digits.chars().filter(|c| !c.is_whitespace()).collect();
    out.bytes = if is_cut { Vec::new() } else { ::hex::decode(joined).ok()? };
    if length.trim().parse() != Ok(out.bytes.len()) {
        let problem = format!(
            "there are {} bytes here and {} in the data: it is shown with its middle left out, or was cut",
            out.bytes.len(),
            length.trim()
        );
        out.problems.push((line, problem));
    }
    Some(out)
}

/// What Node shows of a buffer's memory: `[Uint8Contents]: <fe 01>`.
pub(super) fn of_node(text: &str) -> Option<HexText> {
    let (before, rest) = text.split_once("[Uint8Contents]: <")?;
    let (inside, _) = rest.split_once('>')?;
    Some(hex(&format!("{}{inside}", "\n".repeat(before.matches('\n').count())), true))
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

/// Whether bytes have `0x` in front of them. Base64 may look so within, and at its start.
pub(super) fn has_prefix(text: &str) -> bool {
    ["0x", "0X"].into_iter().any(|prefix| {
        let is_one = |(at, _): (usize, &str)| {
            let rest = &text[at + 2..];
            let behind = rest.trim_start_matches(|c: char| c.is_ascii_hexdigit());
            behind.len() < rest.len()
                && is_suffix(behind)
                && !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || "+/".contains(c))
        };
        text.match_indices(prefix).any(is_one)
    })
}

/// Whether a number may end in front of a text: with a type, as C, Rust and Java write it, or without.
fn is_suffix(text: &str) -> bool {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (word, behind) = text.split_at(text.find(|c| !is_of_word(c)).unwrap_or(text.len()));
    let name = word.trim_start_matches('_').to_ascii_lowercase();
    let size = name.strip_prefix(['i', 'u']).unwrap_or("");
    let is_type = ["", "u", "l", "ul", "lu", "ll", "ull", "llu"].contains(&name.as_str())
        || ["8", "16", "32", "64", "128", "size"].contains(&size);
    (is_type || word.starts_with('_')) && !behind.starts_with(['+', '/', '='])
}

/// Whether more bytes have no `0x` than have it: then it stands in front of other numbers.
pub(super) fn is_mostly_bare(text: &str) -> bool {
    let (mut with, mut without) = (0, 0);
    for word in text.split(is_separator) {
        let digits = word.strip_prefix("0x").or(word.strip_prefix("0X"));
        let is_byte = |word: &str| word.len() == 2 && is_hex_word(word);
        with += usize::from(digits.is_some_and(is_hex_word));
        without += usize::from(is_byte(word));
    }
    without > 2 * with
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

//! Bytes of which each has a mark of its own: `&HFE` of Basic, `$FE` of Pascal, `0FEh` of assemblers,
//! `16#FE#` of Ada, `8'hFE` of Verilog, `X'FE01'` of SQL.
//!
//! What stands between them and is none is an error, and then none are taken: the others would stand at wrong
//! places.

use super::HexText;

/// What stands around the digits of a byte.
struct Mark {
    open: &'static str,
    close: &'static str,
    /// Many bytes may stand in one, in their order.
    is_string: bool,
    /// One alone is one, whatever stands around it.
    is_sure: bool,
}

const fn mark(open: &'static str, close: &'static str, is_string: bool, is_sure: bool) -> Mark {
    Mark { open, close, is_string, is_sure }
}

const MARKS: [Mark; 11] = [
    mark("&H", "", false, true),
    mark("16#", "#", false, true),
    mark("16#", "", false, true),
    mark("8'h", "", false, true),
    mark("X'", "'", true, true),
    mark("H'", "'", false, true),
    mark("X\"", "\"", true, true),
    mark("#x", "", false, true),
    mark("#", "", true, false),
    mark("$", "", false, false),
    mark("", "h", false, false),
];

/// A text that is no longer is one byte.
const ALONE_MAX: usize = 4;

/// What is written for one or several bytes.
enum Element<'t> {
    Marked(Vec<&'t str>),
    Digits(&'t str),
    Text(&'t str),
}

/// The bytes of a text in which all have one mark; `None`: they have none.
pub(super) fn parse(text: &str) -> Option<HexText> {
    let is_other = text.contains("0x") || text.contains("0X") || text.contains("\\x");
    let mark = MARKS.iter().filter(|_| !is_other).find(|mark| is_marked(text, mark))?;
    let mut out = HexText::default();
    for (number, line) in text.lines().enumerate() {
        let (line, comment) = uncommented(line);
        out.ignored.extend(words(comment).map(|word| (number + 1, word.to_owned())));
        let has_mark = words(line).any(|word| mark.digits(word).is_some());
        if mark.is_string && mark.is_sure {
            strings(number + 1, line, mark, &mut out);
        } else if line.contains(',') {
            list(number + 1, line, mark, has_mark, &mut out);
        } else if has_mark {
            row(number + 1, line, mark, &mut out);
        } else {
            out.ignored.extend(words(line).map(|word| (number + 1, word.to_owned())));
        }
    }
    if !out.problems.is_empty() {
        out.bytes.clear();
    }
    Some(out)
}

/// Whether most words from the first with a mark on have it.
fn is_marked(text: &str, mark: &Mark) -> bool {
    let (mut count, mut digits, mut others, mut has_commas) = (0, 0, 0, false);
    for line in text.lines() {
        let line = uncommented(line).0;
        let mut found = words(line)
            .map(|word| mark.digits(word).ok_or(word))
            .skip_while(Result::is_err)
            .peekable();
        let is_list = line.contains(',') && found.peek().is_some();
        has_commas |= is_list;
        for word in found {
            match word {
                Ok(found) => {
                    count += 1;
                    digits += found.iter().map(|digits| digits.len()).sum::<usize>();
                }
                // In a list what is decimal needs no mark.
                Err(word) => others += usize::from(!is_list && super::plain::is_hex_word(word)),
            }
        }
    }
    let is_alone = text.trim().len() <= ALONE_MAX;
    let is_enough =
        count > 1 || count == 1 && (mark.is_sure || digits > 2 || has_commas || is_alone);
    is_enough && count > others
}

/// A line of which each value with a mark is a string of bytes.
fn strings(number: usize, line: &str, mark: &Mark, out: &mut HexText) {
    for word in words(line) {
        match mark.digits(word) {
            Some(digits) => marked(number, &digits, mark, out),
            None => out.ignored.push((number, word.to_owned())),
        }
    }
}

/// A line without commas: from the first byte to the last.
fn row(number: usize, line: &str, mark: &Mark, out: &mut HexText) {
    let words: Vec<&str> = words(line).collect();
    let is_one = |word: &&str| mark.digits(word).is_some();
    let first = words.iter().position(is_one).unwrap_or(0);
    let last = words.iter().rposition(is_one).unwrap_or(0);
    for (at, word) in words.iter().enumerate() {
        match mark.digits(word) {
            Some(digits) => marked(number, &digits, mark, out),
            None if (first..last).contains(&at) => {
                let problem = format!("`{word}` stands between bytes and is none: it has no mark");
                out.problems.push((number, problem));
            }
            None => out.ignored.push((number, (*word).to_owned())),
        }
    }
}

/// A line with commas, in which also decimal numbers and texts may stand.
fn list(number: usize, line: &str, mark: &Mark, has_mark: bool, out: &mut HexText) {
    let parts = elements(line);
    let count = parts.len();
    let mut found = Vec::new();
    let mut ignored = Vec::new();
    for (at, part) in parts.into_iter().enumerate() {
        let part = part.trim_matches(|c: char| c.is_whitespace() || "(){}[]<>".contains(c));
        let whole = element(part, mark);
        // In front of the first stands what is done with them, behind the last a comment.
        let (word, rest) = match whole {
            Some(_) => (part, ""),
            None if at == 0 => {
                let split = part.rfind(|c: char| c.is_whitespace() || "(){}[]<>=".contains(c));
                split.map_or(("", part), |split| (&part[split + 1..], &part[..split]))
            }
            None if at + 1 == count => {
                let split = part.find(|c: char| c.is_whitespace() || "(){}[]<>;".contains(c));
                split.map_or((part, ""), |split| (&part[..split], &part[split..]))
            }
            None => (part, ""),
        };
        ignored.extend(words(rest).map(|word| (number, word.to_owned())));
        if !(word.is_empty() && (at == 0 || at + 1 == count)) {
            found.push((word, element(word, mark)));
        }
    }
    if !has_mark && found.iter().any(|(_, element)| element.is_none()) {
        out.ignored.extend(words(line).map(|word| (number, word.to_owned())));
        return;
    }
    out.ignored.extend(ignored);
    for (word, element) in found {
        match element {
            Some(Element::Marked(digits)) => marked(number, &digits, mark, out),
            Some(Element::Text(text)) => out.bytes.extend_from_slice(text.as_bytes()),
            Some(Element::Digits(digits)) => match digits.parse::<i16>() {
                Ok(n @ -128..=255) => out.bytes.push(n as u8),
                _ => {
                    let problem = format!("`{digits}` is no byte: bytes are from -128 to 255");
                    out.problems.push((number, problem));
                }
            },
            None => {
                let shown: String = word.chars().take(24).collect();
                out.problems.push((number, format!("`{shown}` is no byte, as the others are")));
            }
        }
    }
}

/// Appends bytes that have a mark.
fn marked(number: usize, digits: &[&str], mark: &Mark, out: &mut HexText) {
    for digits in digits {
        // A number begins with a digit for assemblers.
        let digits = match digits.strip_prefix('0') {
            Some(rest) if digits.len() % 2 != 0 && digits.len() > 1 => rest,
            _ => digits,
        };
        let even = if digits.len() == 1 { format!("0{digits}") } else { (*digits).to_owned() };
        match ::hex::decode(even) {
            Ok(bytes) if bytes.len() == 1 || mark.is_string => out.bytes.extend(bytes),
            Ok(_) => {
                let problem = format!(
                    "`{digits}` has several bytes, and which comes first is not told: write each for itself"
                );
                out.problems.push((number, problem));
            }
            Err(_) => {
                let problem = format!("`{digits}` has an odd number of hex digits");
                out.problems.push((number, problem));
            }
        }
    }
}

/// What commas part that stand in no quotes.
fn elements(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut quoted, mut last) = (0, None, ' ');
    for (at, c) in line.char_indices() {
        match (c, quoted) {
            (',', None) => {
                found.push(&line[start..at]);
                start = at + 1;
            }
            // Behind a letter or digit a quote is part of a mark.
            ('"' | '\'', None) if !last.is_ascii_alphanumeric() => quoted = Some(c),
            (c, Some(quote)) if c == quote => quoted = None,
            _ => {}
        }
        last = c;
    }
    found.push(&line[start..]);
    found
}

fn element<'t>(word: &'t str, mark: &Mark) -> Option<Element<'t>> {
    if let Some(digits) = mark.digits(word) {
        return Some(Element::Marked(digits));
    }
    for quote in ['"', '\''] {
        let inner = word.strip_prefix(quote).and_then(|word| word.strip_suffix(quote));
        if let Some(inner) = inner.filter(|inner| !inner.contains([quote, '\\'])) {
            return Some(Element::Text(inner));
        }
    }
    let digits = word.strip_prefix('-').unwrap_or(word);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(Element::Digits(word))
}

/// A line, and the comment at its end.
fn uncommented(line: &str) -> (&str, &str) {
    let begins = [" ;", "\t;", " //", " --"].iter().filter_map(|mark| line.find(mark));
    line.split_at(begins.min().unwrap_or(line.len()))
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    let is_apart = |c: char| c.is_whitespace() || ",;(){}[]<>=".contains(c);
    line.split(is_apart).filter(|word| !word.is_empty())
}

impl Mark {
    /// The digits of a word that is one byte or several behind each other.
    fn digits<'t>(&self, word: &'t str) -> Option<Vec<&'t str>> {
        let mut rest = word;
        if self.open.is_empty() || !self.open.ends_with(['\'', '"']) {
            rest = rest.trim_matches(['"', '\'', '`']);
        }
        let mut found = Vec::new();
        while !rest.is_empty() {
            rest = without(rest, self.open)?;
            let len = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
            let (digits, behind) =
                rest.split_at_checked(len).filter(|(digits, _)| !digits.is_empty())?;
            // Words end in h, too.
            let is_number = digits.len() == 2 || digits.starts_with(|c: char| c.is_ascii_digit());
            rest = without(behind, self.close).filter(|_| self.close != "h" || is_number)?;
            if self.open == "&H" {
                rest = rest
                    .strip_prefix('&')
                    .filter(|rest| !rest.starts_with(['h', 'H']))
                    .unwrap_or(rest);
            }
            found.push(digits);
        }
        (!found.is_empty()).then_some(found)
    }
}

/// A text without what it begins with, in capitals or not.
fn without<'t>(text: &'t str, start: &str) -> Option<&'t str> {
    let (begin, rest) = text.split_at_checked(start.len())?;
    begin.eq_ignore_ascii_case(start).then_some(rest)
}

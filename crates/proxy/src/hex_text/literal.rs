//! Strings with escapes, as Python, C, Rust and Wireshark write bytes.

use super::HexText;
pub(super) use super::escapes::Base;
use super::escapes::Escapes;

/// The bytes of all string literals that have an escape or a `b` in front; `None` if there are none.
pub(super) fn parse(text: &str, base: Option<Base>) -> Option<HexText> {
    let mut out = HexText::default();
    let escapes = Escapes::new(text, base);
    let mut is_one = false;
    let mut outside = String::new();
    let mut line = 1;
    let mut rest = text;
    // Quotes of which one was never closed: what is behind it is not searched again and again.
    let mut open = Vec::new();
    while let Some(c) = rest.chars().next() {
        let is_quote = (c == '"' || c == '\'') && !open.contains(&c);
        let literal = if is_quote { quoted(rest, c) } else { None };
        if is_quote && literal.is_none() {
            open.push(c);
        }
        match literal {
            Some((inside, after))
                if is_bytes(inside, &outside)
                    || is_one && (goes_on(&outside) || c == '\'' && is_next(inside, &outside)) =>
            {
                is_one = true;
                if ends_in_prefix(&outside) {
                    outside.pop();
                }
                ignore(&outside, line, &mut out);
                outside.clear();
                escapes.read(inside, line, &mut out);
                line += inside.matches('\n').count();
                rest = after;
            }
            _ => {
                outside.push(c);
                if c == '\n' {
                    ignore(&outside, line, &mut out);
                    outside.clear();
                    line += 1;
                }
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    // A quote that is never closed, with escapes behind it: the paste is cut.
    if let Some(at) = outside
        .find(['"', '\''])
        .filter(|at| has_escape(&outside[*at..]) || ends_in_prefix(&outside[..*at]))
    {
        let before = outside[..at].strip_suffix(['b', 'B']).unwrap_or(&outside[..at]);
        ignore(before, line, &mut out);
        escapes.read(outside[at + 1..].trim_end(), line, &mut out);
        let problem = "the string is not closed: its end is missing in the text".to_owned();
        out.problems.push((line, problem));
        return Some(escapes.told(out));
    }
    ignore(&outside, line, &mut out);
    is_one.then(|| escapes.told(out))
}

/// Strings that stand behind each other are one.
fn goes_on(outside: &str) -> bool {
    outside.chars().all(|c| c.is_whitespace() || c == '\\' || c == '+')
}

/// Characters with commas between them are a list.
fn is_next(inside: &str, outside: &str) -> bool {
    inside.chars().count() == 1 && outside.trim() == ","
}

/// The bytes of what stands between quotes, if all of it can be read.
pub(super) fn bytes(inside: &str) -> Option<Vec<u8>> {
    let mut out = HexText::default();
    Escapes::new(inside, Some(Base::Octal)).read(inside, 1, &mut out);
    out.problems.is_empty().then_some(out.bytes)
}

/// What PostgreSQL shows of bytes: hex behind one `\x`.
pub(super) fn postgres(text: &str) -> Option<HexText> {
    let mut words = text.split(|c: char| c.is_whitespace() || "'\"|,;():".contains(c));
    let digits = words.find_map(|word| word.strip_prefix("\\x"))?;
    let is_python = text.contains("b'") || text.contains("b\"");
    let is_one = text.matches("\\x").count() == 1 && digits.len() >= 4 && !is_python;
    let bytes = ::hex::decode(digits).ok().filter(|_| is_one)?;
    let note = "read as hex behind one `\\x`, as PostgreSQL writes bytes; if it is a string, say it with --as string";
    Some(HexText { bytes, notes: vec![note.to_owned()], ..HexText::default() })
}

/// Words without quotes in which escapes stand: `\x0f\x00Terraria`.
pub(super) fn bare(text: &str, base: Option<Base>) -> HexText {
    let mut out = HexText::default();
    let escapes = Escapes::new(text, base);
    let is_text = |word: &str| {
        has_escape(word) && !word.trim_matches(['\\', '"', '\'']).split('\\').all(is_short)
    };
    let mut words = 0;
    let mut has_text = false;
    for (number, line) in text.lines().enumerate() {
        for word in line.split(|c: char| c.is_whitespace() || c == ',' || c == ';') {
            if has_escape(word) {
                words += 1;
                has_text |= is_text(word);
                escapes.read(word.trim_matches(['"', '\'']), number + 1, &mut out);
            } else if !word.trim_matches(['\\', '"', '\'']).is_empty() {
                out.ignored.push((number + 1, word.to_owned()));
            }
        }
    }
    if words > 1 && has_text {
        let note =
            "spaces between escapes are left out; if they are bytes, put the text into quotes";
        out.notes.push(note.to_owned());
    }
    escapes.told(out)
}

/// Whether what stands behind a backslash is no more than an escape.
fn is_short(escape: &str) -> bool {
    match escape.strip_prefix('x') {
        Some(digits) => digits.len() == 2 || digits.starts_with('{') && digits.ends_with('}'),
        None => {
            escape.len() <= 1
                || escape.len() <= 3 && escape.bytes().all(|byte| byte.is_ascii_digit())
        }
    }
}

/// What stands between the quote that a text begins with and the next, and what follows.
fn quoted(text: &str, quote: char) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' {
            is_escaped = true;
        } else if c == quote {
            return Some((&text[1..at], &text[at + 1..]));
        }
    }
    None
}

fn is_bytes(inside: &str, before: &str) -> bool {
    has_escape(inside) || ends_in_prefix(before)
}

/// Whether an escape that stands for a byte is in a text.
pub(super) fn has_escape(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        rest = &rest[at + 1..];
        let is_one = match rest {
            [b'\\', more @ ..] => {
                rest = more;
                false
            }
            [b'x', b'{', digit, ..] | [b'x', digit, ..] => digit.is_ascii_hexdigit(),
            [b'u', b'0', b'0', ..] | [b'u', b'{', ..] => true,
            [digit, ..] => digit.is_ascii_digit(),
            [] => false,
        };
        if is_one {
            return true;
        }
    }
    false
}

/// The text with one backslash for two, as where a string was escaped again.
pub(super) fn unescaped(text: &str) -> Option<String> {
    let is_one = |(at, _): (usize, &str)| {
        let digits = text.get(at + 3..at + 5);
        digits.is_some_and(super::plain::is_hex_word)
    };
    let is_python = text.contains("b'") || text.contains("b\"");
    let has_one = text.match_indices("\\\\x").any(is_one) && !is_python;
    let single = text.replace("\\\\", "\u{0}");
    (has_one && !single.contains('\\')).then(|| single.replace('\u{0}', "\\"))
}

/// A `b` in front of the quote that belongs to no word.
fn ends_in_prefix(before: &str) -> bool {
    let Some(rest) = before.strip_suffix(['b', 'B']) else { return false };
    !rest.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// What stands between strings, as far as it is no punctuation.
fn ignore(between: &str, line: usize, out: &mut HexText) {
    let is_apart = |c: char| c.is_whitespace() || ",;:{}()[]<>\"'|=+\\&.$".contains(c);
    let between = between.split("//").next().unwrap_or("");
    for word in between.split(is_apart).filter(|word| !word.is_empty()) {
        out.ignored.push((line, word.to_owned()));
    }
}

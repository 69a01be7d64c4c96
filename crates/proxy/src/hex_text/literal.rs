//! Strings with escapes, as Python, C, Rust and Wireshark write bytes.

use super::HexText;

/// The bytes of all string literals that have an escape or a `b` in front; `None` if there are none.
pub(super) fn parse(text: &str) -> Option<HexText> {
    let mut out = HexText::default();
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
            Some((inside, after)) if is_bytes(inside, &outside) || is_one && goes_on(&outside) => {
                is_one = true;
                if ends_in_prefix(&outside) {
                    outside.pop();
                }
                ignore(&outside, line, &mut out);
                outside.clear();
                read(inside, line, &mut out);
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
        .filter(|at| outside[*at..].contains("\\x") || ends_in_prefix(&outside[..*at]))
    {
        let before = outside[..at].strip_suffix(['b', 'B']).unwrap_or(&outside[..at]);
        ignore(before, line, &mut out);
        read(outside[at + 1..].trim_end(), line, &mut out);
        let problem = "the string is not closed: its end is missing in the text".to_owned();
        out.problems.push((line, problem));
        return Some(out);
    }
    ignore(&outside, line, &mut out);
    is_one.then_some(out)
}

/// Strings that stand behind each other are one.
fn goes_on(outside: &str) -> bool {
    outside.chars().all(|c| c.is_whitespace() || c == '\\' || c == '+')
}

/// The bytes of what stands between quotes, if all of it can be read.
pub(super) fn bytes(inside: &str) -> Option<Vec<u8>> {
    let mut out = HexText::default();
    read(inside, 1, &mut out);
    out.problems.is_empty().then_some(out.bytes)
}

/// What PostgreSQL shows of bytes: hex behind one `\x`.
pub(super) fn postgres(text: &str) -> Option<HexText> {
    let mut words = text.split(|c: char| c.is_whitespace() || "'\"|,;():".contains(c));
    let digits = words.find_map(|word| word.strip_prefix("\\x"))?;
    let is_one = text.matches("\\x").count() == 1 && digits.len() >= 6;
    let bytes = ::hex::decode(digits).ok().filter(|_| is_one)?;
    let note = "read as hex behind one `\\x`, as PostgreSQL writes bytes; if it is a string, say it with --as string";
    Some(HexText { bytes, notes: vec![note.to_owned()], ..HexText::default() })
}

/// Words without quotes in which escapes stand: `\x0f\x00Terraria`.
pub(super) fn bare(text: &str) -> HexText {
    let mut out = HexText::default();
    for (number, line) in text.lines().enumerate() {
        for word in line.split(|c: char| c.is_whitespace() || c == ',' || c == ';') {
            if word.contains("\\x") {
                read(word.trim_matches(['"', '\'']), number + 1, &mut out);
            } else if !word.trim_matches(['\\', '"', '\'']).is_empty() {
                out.ignored.push((number + 1, word.to_owned()));
            }
        }
    }
    out
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
    inside.contains("\\x")
        || inside.contains("\\u00")
        || inside.contains("\\u{")
        || is_octal(inside)
        || ends_in_prefix(before)
}

fn is_octal(inside: &str) -> bool {
    let three = |at: usize| {
        let digits = inside.as_bytes().get(at + 1..at + 4);
        digits.is_some_and(|digits| digits.iter().all(|digit| (b'0'..b'8').contains(digit)))
    };
    inside.match_indices('\\').any(|(at, _)| three(at))
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

/// Three digits that cannot be octal.
fn is_lua(first: char, rest: &std::iter::Peekable<std::str::Chars<'_>>) -> bool {
    let more: Vec<char> = rest.clone().take(2).collect();
    let is_three = more.len() == 2 && more.iter().all(char::is_ascii_digit);
    is_three && (more.iter().any(|digit| *digit >= '8') || first >= '8')
}

/// The byte of `\u000f` or `\u{f}`, if it is one in every encoding.
fn unicode(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<u8> {
    let is_open = chars.next_if_eq(&'{').is_some();
    let mut digits = String::new();
    while digits.len() < 4
        && let Some(digit) = chars.next_if(char::is_ascii_hexdigit)
    {
        digits.push(digit);
    }
    let is_whole = if is_open { chars.next_if_eq(&'}').is_some() } else { digits.len() == 4 };
    u8::from_str_radix(digits.trim_start_matches('0'), 16)
        .or_else(|_| if digits.bytes().all(|digit| digit == b'0') { Ok(0) } else { Err(()) })
        .ok()
        .filter(|byte| is_whole && *byte < 0x80)
}

/// Appends the bytes of a literal.
fn read(inside: &str, line: usize, out: &mut HexText) {
    let mut chars = inside.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let Some(kind) = chars.next() else {
            out.problems
                .push((line, "nothing stands behind the last `\\`: the text is cut".to_owned()));
            break;
        };
        match kind {
            'x' => {
                let mut value = 0;
                let mut count = 0;
                while count < 2
                    && let Some(digit) = chars.peek().and_then(|c| c.to_digit(16))
                {
                    value = value * 16 + digit;
                    count += 1;
                    chars.next();
                }
                if count == 2 {
                    out.bytes.push(value as u8);
                } else {
                    let problem = "`\\x` is followed by two hex digits, and here it is not";
                    out.problems.push((line, problem.to_owned()));
                }
            }
            '0'..='9' if is_lua(kind, &chars) => {
                let problem = "escapes of three digits with 8 or 9 are decimal, as Lua has them; write them as \\x";
                out.problems.push((line, problem.to_owned()));
            }
            'u' => match unicode(&mut chars) {
                Some(byte) => out.bytes.push(byte),
                None => {
                    let problem = "what `\\u` stands for from 80 on has other bytes in each encoding; write it as \\x";
                    out.problems.push((line, problem.to_owned()));
                }
            },
            '0'..='7' => {
                let mut value = kind.to_digit(8).unwrap_or(0);
                let mut count = 1;
                while count < 3
                    && let Some(digit) = chars.peek().and_then(|c| c.to_digit(8))
                    && value * 8 + digit < 256
                {
                    value = value * 8 + digit;
                    count += 1;
                    chars.next();
                }
                out.bytes.push(value as u8);
            }
            'n' => out.bytes.push(b'\n'),
            'r' => out.bytes.push(b'\r'),
            't' => out.bytes.push(b'\t'),
            'a' => out.bytes.push(7),
            'b' => out.bytes.push(8),
            'v' => out.bytes.push(11),
            'f' => out.bytes.push(12),
            'e' => out.bytes.push(27),
            // A line that goes on in the next.
            '\n' => {}
            '\r' => {
                chars.next_if_eq(&'\n');
            }
            '\\' | '\'' | '"' | '?' => out.bytes.extend_from_slice(kind.to_string().as_bytes()),
            other => {
                // Python leaves such a backslash where it is.
                out.bytes.push(b'\\');
                out.bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                let problem = format!("`\\{other}` is no escape; its backslash was kept");
                out.problems.push((line, problem));
            }
        }
    }
}

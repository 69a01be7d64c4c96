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
            Some((inside, after)) if is_bytes(inside, &outside) => {
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
    ignore(&outside, line, &mut out);
    is_one.then_some(out)
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
    inside.contains("\\x") || is_octal(inside) || ends_in_prefix(before)
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

/// Appends the bytes of a literal.
fn read(inside: &str, line: usize, out: &mut HexText) {
    let mut chars = inside.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let Some(kind) = chars.next() else { break };
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

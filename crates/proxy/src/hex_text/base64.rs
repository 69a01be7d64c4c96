//! Base64, with either alphabet, padded or not, in one piece or in lines.

use super::HexText;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// A word in other text is taken for base64 from this length on.
const WORD_MIN: usize = 12;

/// Bytes as padded base64.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let joined =
            group.iter().enumerate().fold(0, |sum, (i, b)| sum | u32::from(*b) << (16 - 8 * i));
        for i in 0..4 {
            if i <= group.len() {
                let letter = LETTERS[(joined >> (18 - 6 * i)) as usize & 63];
                out.push(char::from(letter));
            } else {
                out.push('=');
            }
        }
    }
    out
}

/// The bytes of one piece of base64; `None` if it is none, or not all of it.
fn decode(text: &str) -> Option<Vec<u8>> {
    let letters = text.trim_end_matches('=');
    let padding = text.len() - letters.len();
    if letters.len() % 4 == 1 || padding > 0 && !(text.len().is_multiple_of(4) && padding <= 2) {
        return None;
    }
    let mut out = Vec::with_capacity(letters.len() / 4 * 3 + 2);
    let (mut joined, mut bits) = (0u32, 0);
    for letter in letters.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        joined = joined << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((joined >> bits) as u8);
            joined &= (1 << bits) - 1;
        }
    }
    // Bits that belong to no byte are zero in what programs write.
    (joined == 0).then_some(out)
}

/// Reads base64. Unless it is said to be some, it must look like some and like nothing else.
pub(super) fn parse(text: &str, certain: bool) -> Option<HexText> {
    // Of a data URL the bytes stand behind this.
    let text = text.rsplit_once(";base64,").map_or(text, |(_, bytes)| bytes);
    let quotes: &[char] = &['"', '\'', '`', ',', ';'];
    let lines = text.lines().map(|line| line.trim().trim_matches(quotes));
    let is_text =
        |line: &&str| !(line.is_empty() || line.starts_with("-----") && line.ends_with("-----"));
    let lines: Vec<&str> = lines.filter(is_text).collect();
    let is_whole = certain || are_even(&lines);
    let joined: String = lines.iter().flat_map(|line| line.split_whitespace()).collect();
    let joined = joined.strip_prefix("b'").or(joined.strip_prefix("b\"")).unwrap_or(&joined);
    if is_whole
        && (certain || is_no_hex(joined) && joined.len() >= 4 && is_likely(joined))
        && let Some(bytes) = decode(joined)
    {
        return Some(found(bytes, Vec::new(), certain));
    }
    // One word of base64 among others.
    let mut best: Option<(usize, &str, Vec<u8>)> = None;
    let mut ignored = Vec::new();
    let mut hex_digits = 0;
    for (number, line) in text.lines().enumerate() {
        let is_apart = |c: char| c.is_whitespace() || "\"'`,;:{}()[]<>|\\$".contains(c);
        for word in line.split(is_apart).filter(|word| !word.is_empty()) {
            let is_long = word.len() >= if certain { 4 } else { WORD_MIN };
            let is_base64 = is_long && (certain || is_no_hex(word) && is_mixed(word));
            match decode(word).filter(|_| is_base64) {
                Some(_) if best.is_some() => return None,
                Some(bytes) => best = Some((number + 1, word, bytes)),
                None => {
                    if super::plain::is_hex_word(word) {
                        hex_digits += word.len();
                    }
                    ignored.push((number + 1, word.to_owned()));
                }
            }
        }
    }
    let (_, word, bytes) = best?;
    // Where there is more hex it is hex that was meant.
    if !certain && 2 * hex_digits > word.len() {
        return None;
    }
    Some(found(bytes, ignored, certain))
}

fn found(bytes: Vec<u8>, ignored: Vec<(usize, String)>, certain: bool) -> HexText {
    let note = "read as base64; if it is something else, say it with --as".to_owned();
    let notes = if certain { Vec::new() } else { vec![note] };
    HexText { bytes, ignored, notes, ..HexText::default() }
}

/// One piece, or lines of one length, as base64 is wrapped; the last may be shorter.
fn are_even(lines: &[&str]) -> bool {
    let Some((last, before)) = lines.split_last() else { return false };
    let is_one = |line: &&str| !line.contains(char::is_whitespace);
    let len = before.first().map_or(last.len(), |line| line.len());
    // Short lines can be words: these have digits or signs in them, and make whole groups.
    let all: usize = lines.iter().map(|line| line.len()).sum();
    let has_signs = lines
        .iter()
        .any(|line| line.bytes().any(|byte| byte.is_ascii_digit() || b"+/=".contains(&byte)));
    let is_wrapped =
        len.is_multiple_of(4) && len >= 16 || len >= 4 && all.is_multiple_of(4) && has_signs;
    lines.iter().all(is_one)
        && (before.is_empty() || is_wrapped)
        && before.iter().all(|line| line.len() == len)
        && last.len() <= len
}

fn is_no_hex(text: &str) -> bool {
    !text.bytes().all(|byte| byte.is_ascii_hexdigit() || b"-_".contains(&byte))
}

/// Words are unlikely to be base64; what is padded, or of several kinds of letters, is not.
fn is_likely(text: &str) -> bool {
    text.ends_with('=')
        || text.len().is_multiple_of(4) && (is_mixed(text) || text.len() <= 8)
        || is_mixed(text)
}

fn is_mixed(text: &str) -> bool {
    let has = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    let kinds = [
        has(u8::is_ascii_uppercase),
        has(u8::is_ascii_lowercase),
        has(u8::is_ascii_digit),
        has(|byte| b"+/=".contains(byte)),
    ];
    kinds.into_iter().filter(|has| *has).count() >= 2
}

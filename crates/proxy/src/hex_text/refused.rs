//! Forms that are known and not read, with what to do.

use super::HexText;

/// What to do with a text in a form that is not read; `None`: it is in none of them.
pub(super) fn refused(text: &str) -> Option<HexText> {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let problem = if lines().all(is_intel) && lines().next().is_some() {
        "this is Intel HEX: make the bytes of it with objcopy -I ihex -O binary"
    } else if lines().all(is_motorola) && lines().next().is_some() {
        "these are S-records: make the bytes of them with objcopy -I srec -O binary"
    } else if text.trim().starts_with("<~") && text.trim().ends_with("~>") {
        "this is Ascii85, which is not read: write the bytes in hex or base64"
    } else if lines().next().is_some_and(is_uuencoded) {
        "this is uuencoded, which is not read: take uudecode, or write the bytes in hex or base64"
    } else {
        return None;
    };
    Some(HexText { problems: vec![(1, problem.to_owned())], ..HexText::default() })
}

/// A record that begins with the number of its data bytes.
fn is_intel(line: &str) -> bool {
    let bytes = line.strip_prefix(':').and_then(|digits| ::hex::decode(digits).ok());
    bytes.is_some_and(|bytes| {
        let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        bytes.first().is_some_and(|len| usize::from(*len) + 5 == bytes.len()) && sum == 0
    })
}

/// A record that begins with the number of the bytes that follow.
fn is_motorola(line: &str) -> bool {
    let digits = line.strip_prefix('S').and_then(|line| line.get(1..));
    let bytes = digits.and_then(|digits| ::hex::decode(digits).ok());
    bytes.is_some_and(|bytes| bytes.first().is_some_and(|len| usize::from(*len) + 1 == bytes.len()))
}

fn is_uuencoded(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("begin")
        && words
            .next()
            .is_some_and(|mode| mode.len() == 3 && mode.bytes().all(|byte| byte.is_ascii_digit()))
}

//! Bytes out of text: hex in whatever form people have it, dumps of the usual tools included.
//!
//! ```text
//! 0a1b2c   0a 1b 2c   0a:1b:2c   0x0a, 0x1b   \x0a\x1b   unsigned char p[] = { 0x0a, 0x1b };
//! 00000000: 0a1b 2c                                  ..,          xxd
//! 00000000  0a 1b 2c                                |..,|         hexdump -C
//! 0000   0a 1b 2c                                  ..,            Wireshark
//! 0000000 0a 1b 2c                                                od -A x -t x1
//! ```

/// The most text that is taken, in bytes.
pub(crate) const TEXT_MAX: usize = 64 << 20;
/// A line repeated by `*` in a dump adds no more bytes than this in all.
const REPEATED_MAX: usize = 16 << 20;

/// What was found in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HexText {
    pub(crate) bytes: Vec<u8>,
    /// What was no hex, with the line it stands in, from 1.
    pub(crate) ignored: Vec<(usize, String)>,
}

/// Reads hex text.
pub(crate) fn parse(text: &str) -> HexText {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    parse_dump(text).unwrap_or_else(|| parse_plain(text))
}

/// A dump: every line begins with its offset, and the offsets agree with the bytes.
fn parse_dump(text: &str) -> Option<HexText> {
    let mut out = HexText::default();
    let mut base = None;
    let mut repeat = false;
    let mut last_line: Vec<u8> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end();
        if line.trim().is_empty() {
            continue;
        }
        if line.trim() == "*" {
            repeat = true;
            continue;
        }
        let Some((offset, rest)) = offset_of(line) else {
            out.ignored.push((number + 1, line.trim().to_owned()));
            continue;
        };
        let base = *base.get_or_insert(offset);
        let at = usize::try_from(offset.checked_sub(base)?).ok()?;
        if repeat && at > out.bytes.len() && !last_line.is_empty() {
            if at > REPEATED_MAX {
                return None;
            }
            while out.bytes.len() < at {
                let missing = at - out.bytes.len();
                out.bytes.extend(last_line.iter().take(missing));
            }
        }
        repeat = false;
        if at != out.bytes.len() {
            return None;
        }
        last_line = dump_bytes(rest)?;
        out.bytes.extend_from_slice(&last_line);
    }
    // One line of two words could be anything.
    (base.is_some() && !out.bytes.is_empty()).then_some(out)
}

/// The offset that a line begins with, and what follows it.
fn offset_of(line: &str) -> Option<(u64, &str)> {
    let line = line.trim_start();
    let digits = line.bytes().take_while(u8::is_ascii_hexdigit).count();
    if !(4..=16).contains(&digits) {
        return None;
    }
    let (offset, rest) = line.split_at(digits);
    // What parts an offset from bytes: a colon, two spaces, a tab, or that it is longer than bytes are.
    let is_parted = match rest.strip_prefix(':') {
        Some(rest) => rest.is_empty() || rest.starts_with([' ', '\t']),
        None => {
            rest.is_empty() && digits > 4
                || rest.starts_with("  ")
                || rest.starts_with('\t')
                || rest.starts_with(' ') && digits == 7
        }
    };
    is_parted.then_some(())?;
    Some((u64::from_str_radix(offset, 16).ok()?, rest))
}

/// The bytes of a dump's line, up to its column of characters.
fn dump_bytes(rest: &str) -> Option<Vec<u8>> {
    let (is_xxd, rest) = match rest.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let rest = rest.trim_start();
    let rest = rest.split_once('|').map_or(rest, |(bytes, _)| bytes);
    // In the middle of a line some tools leave two spaces; before the characters xxd leaves two, the others
    // three.
    let end = if is_xxd { rest.find("  ") } else { rest.find("   ") };
    let rest = &rest[..end.unwrap_or(rest.len())];
    let mut bytes = Vec::new();
    for group in rest.split_whitespace() {
        if group.len() % 2 != 0 || !is_xxd && group.len() != 2 {
            return None;
        }
        bytes.extend(hex::decode(group).ok()?);
    }
    Some(bytes)
}

/// Hex digits between whatever parts them.
fn parse_plain(text: &str) -> HexText {
    // Where bytes are written 0x0a, numbers without 0x are sizes and indexes.
    let prefix = ["0x", "0X", "\\x"].into_iter().find(|prefix| has_prefixed(text, prefix));
    let mut out = HexText::default();
    let mut words = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for word in line.split(is_separator).filter(|word| !word.is_empty()) {
            let taken = match prefix {
                Some("\\x") => escapes(word),
                Some(_) => prefixed(word),
                None => digits(word),
            };
            match taken {
                Some(digits) => words.push((number + 1, digits)),
                None => out.ignored.push((number + 1, word.to_owned())),
            }
        }
    }
    let odd = words.iter().filter(|(_, digits)| digits.len() % 2 != 0).count();
    let all: usize = words.iter().map(|(_, digits)| digits.len()).sum();
    let singles = words.iter().all(|(_, digits)| digits.len() <= 2);
    if odd > 0 && prefix.is_none() && all.is_multiple_of(2) && !singles {
        // Cut anywhere, as by a line's end.
        let joined: String = words.into_iter().map(|(_, digits)| digits).collect();
        out.bytes = hex::decode(joined).unwrap_or_default();
        return out;
    }
    for (number, mut digits) in words {
        if digits.len() == 1 {
            digits.insert(0, '0');
        }
        match hex::decode(&digits) {
            Ok(bytes) => out.bytes.extend(bytes),
            Err(_) => out.ignored.push((number, digits)),
        }
    }
    out.ignored.sort_by_key(|(number, _)| *number);
    out
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || ",;:{}()[]<>\"'|-_=".contains(c)
}

fn has_prefixed(text: &str, prefix: &str) -> bool {
    let after = |(at, _): (usize, &str)| {
        text[at + prefix.len()..].bytes().next().is_some_and(|byte| byte.is_ascii_hexdigit())
    };
    text.match_indices(prefix).any(after)
}

fn digits(word: &str) -> Option<String> {
    word.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| word.to_owned())
}

fn prefixed(word: &str) -> Option<String> {
    let rest = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"))?;
    let rest = rest.trim_end_matches(['u', 'U', 'l', 'L']);
    (!rest.is_empty()).then(|| digits(rest))?
}

/// `\x0a\x1b`; nothing else may stand between.
fn escapes(word: &str) -> Option<String> {
    let mut out = String::new();
    for part in word.strip_prefix("\\x")?.split("\\x") {
        if part.len() != 2 {
            return None;
        }
        out.push_str(&digits(part)?);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: [u8; 19] = *b"\x0f\x00\x01\x0bTerraria326 |x\n";

    fn bytes(text: &str) -> Vec<u8> {
        let found = parse(text);
        assert_eq!(found.ignored, [], "{text}");
        found.bytes
    }

    #[test]
    fn digits_may_stand_together_or_apart() {
        for text in [
            "0f00010b",
            "0f 00 01 0b",
            "0F:00:01:0B",
            "0f00 010b",
            "0f-00-01-0b",
            "f 0 1 b",
            "0f000\n10b",
            "\u{feff}0f 00\r\n01 0b\r\n",
        ] {
            assert_eq!(bytes(text), [0x0f, 0, 1, 0x0b], "{text}");
        }
        assert!(bytes("").is_empty());
    }

    #[test]
    fn prefixes_are_taken_off() {
        for text in [
            "0x0f, 0x00, 0x1, 0x0B",
            "[0x0f,0x00,0x01,0x0b]",
            r#""\x0f\x00\x01\x0b""#,
            "0x0f00010b",
        ] {
            assert_eq!(bytes(text), [0x0f, 0, 1, 0x0b], "{text}");
        }
    }

    #[test]
    fn of_a_c_array_only_the_bytes_count() {
        let found = parse("unsigned char p[4] = {\n  0x0f, 0x00,\n  0x01, 0x0b };\nint len = 4;");
        assert_eq!(found.bytes, [0x0f, 0, 1, 0x0b]);
        let words: Vec<_> =
            found.ignored.iter().map(|(line, word)| (*line, word.as_str())).collect();
        let expected =
            [(1, "unsigned"), (1, "char"), (1, "p"), (1, "4"), (4, "int"), (4, "len"), (4, "4")];
        assert_eq!(words, expected);
    }

    #[test]
    fn dumps_of_the_usual_tools_are_read() {
        for text in [
            "00000000: 0f00 010b 5465 7272 6172 6961 3332 3620  ....Terraria326 \n\
             00000010: 7c78 0a                                  |x.\n",
            "00000000  0f 00 01 0b 54 65 72 72  61 72 69 61 33 32 36 20  |....Terraria326 |\n\
             00000010  7c 78 0a                                          ||x.|\n00000013\n",
            "0000   0f 00 01 0b 54 65 72 72 61 72 69 61 33 32 36 20   ....Terraria326 \n\
             0010   7c 78 0a                                          |x.\n",
            "0000000 0f 00 01 0b 54 65 72 72 61 72 69 61 33 32 36 20\n0000010 7c 78 0a\n0000013\n",
        ] {
            assert_eq!(bytes(text), BYTES, "{text}");
        }
    }

    #[test]
    fn a_dump_may_begin_anywhere_and_leave_out_what_repeats() {
        let text = "00000100  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n\
                    *\n00000140  01  |.|\n00000141\n";
        let mut expected = vec![0; 64];
        expected.push(1);
        assert_eq!(bytes(text), expected);
    }

    #[test]
    fn a_dump_that_claims_to_repeat_without_end_is_no_dump() {
        let text = "00000000  00 00  |..|\n*\nffffffffff  01  |.|\n";
        assert!(parse(text).bytes.len() < 100);
    }

    #[test]
    fn junk_is_left_out_and_told() {
        let found = parse("packet: 0f 00 zz\n# 01");
        assert_eq!(found.bytes, [0x0f, 0, 1]);
        let words: Vec<_> =
            found.ignored.iter().map(|(line, word)| (*line, word.as_str())).collect();
        assert_eq!(words, [(1, "packet"), (1, "zz"), (2, "#")]);
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        for text in
            ["0", "é 0x", "\\x", "\\xé0", "0x0xx", "00000000:", "0000  é", "*\n*\n", "a  b   c"]
        {
            parse(text);
        }
    }
}

//! The characters that many dumps have beside the bytes.

/// Spaces that may be characters themselves.
const SPACES_MAX: usize = 256;

/// What stands behind a line's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    Nothing,
    /// The bytes as characters.
    Same,
    /// Other characters: where the first is, if they are as many.
    Differs(Option<usize>),
    /// Something else, as a comment.
    Junk,
}

/// Compares a line's end with its bytes.
pub(super) fn beside(tail: &str, bytes: &[u8]) -> Beside {
    let text = tail.trim();
    if text.is_empty() {
        return Beside::Nothing;
    }
    if is_same(tail, bytes) {
        return Beside::Same;
    }
    let is_comment = ["//", "/*", "# ", "; ", "<-", "--"].iter().any(|mark| text.starts_with(mark));
    let is_apart = tail.starts_with("  ") || tail.starts_with('\t') || text.starts_with(['|', '>']);
    if is_comment || !is_apart {
        return Beside::Junk;
    }
    let inner = [('|', '|'), ('>', '<')].into_iter().find_map(|(open, close)| {
        text.strip_prefix(open).map(|inner| inner.strip_suffix(close).unwrap_or(inner))
    });
    let inner = inner.unwrap_or(text);
    let lost = bytes.len().saturating_sub(inner.chars().count());
    let is_lost = |bytes: &[u8]| bytes.iter().all(|byte| *byte == b' ');
    let is_placed = bytes.first() != Some(&b' ') && is_lost(&bytes[bytes.len() - lost..]);
    let at = (is_placed && inner.chars().count() <= bytes.len())
        .then(|| inner.chars().zip(bytes).position(|(c, byte)| !shows(c, *byte, true)))
        .flatten();
    Beside::Differs(at)
}

/// Whether a line's end is some bytes as characters.
pub(super) fn is_same(tail: &str, bytes: &[u8]) -> bool {
    let spaces = tail.len() - tail.trim_start_matches([' ', '\t']).len();
    let shown = tail.trim_start();
    if shown.is_empty() || spaces == 0 {
        return false;
    }
    for (open, close) in [('|', '|'), ('>', '<')] {
        let inner = shown.strip_prefix(open).and_then(|shown| shown.trim_end().strip_suffix(close));
        if inner.is_some_and(|inner| is_shown(inner, bytes, 0, true)) {
            return true;
        }
    }
    if shown
        .strip_prefix("| ")
        .is_some_and(|shown| is_shown(shown.trim_end(), bytes, bytes.len(), false))
    {
        return true;
    }
    // Spaces may be the first characters, or stand in front of them; at the line's end they get lost.
    let is_at = |space: usize| {
        tail.get(space..).is_some_and(|text| {
            is_shown(text, bytes, bytes.len(), false)
                || without_middle(text)
                    .is_some_and(|text| is_shown(&text, bytes, bytes.len(), false))
        })
    };
    if spaces >= 2 {
        return (spaces.saturating_sub(SPACES_MAX).max(1)..=spaces).any(is_at);
    }
    // curl has one space behind a whole row.
    tail.starts_with('\t') && is_shown(shown, bytes, 0, false)
        || bytes.len() >= 16 && is_shown(&tail[1..], bytes, bytes.len(), false)
}

/// Some tools have a space between the characters of eight bytes each.
fn without_middle(text: &str) -> Option<String> {
    let (at, _) = text.char_indices().nth(8)?;
    let rest = text[at..].strip_prefix(' ')?;
    Some(format!("{}{rest}", &text[..at]))
}

fn shows(c: char, byte: u8, is_framed: bool) -> bool {
    if (0x20..0x7f).contains(&byte) {
        // tcpdump and hexyl show a space so.
        c == char::from(byte) || byte == b' ' && (c == '.' || is_framed && c == '_')
    } else {
        c == '.' || is_framed && ['_', '0', ' '].contains(&c) || !c.is_ascii()
    }
}

/// Whether bytes look so; of spaces at the end some may be missing.
fn is_shown(text: &str, bytes: &[u8], missing_max: usize, is_framed: bool) -> bool {
    let mut chars = text.chars();
    let mut missing = 0;
    for byte in bytes {
        match chars.next() {
            None if *byte == b' ' && missing < missing_max => missing += 1,
            Some(c) if shows(c, *byte, is_framed) => {}
            _ => return false,
        }
    }
    chars.all(|c| c == ' ') && missing < bytes.len().max(1)
}

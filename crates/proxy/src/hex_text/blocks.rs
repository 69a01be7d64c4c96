//! Both directions in one text: blocks behind marks such as `C->S:`, `server -> client`, or `>` and `<`.

use super::Toward;

/// How far into a line a mark is looked for, in bytes.
const MARK_MAX: usize = 120;
const SIDES: [(&str, Toward); 4] = [
    ("client", Toward::Client),
    ("server", Toward::Server),
    ("c", Toward::Client),
    ("s", Toward::Server),
];
const ARROWS: [&str; 10] = ["-->", "->", "==>", "=>", "→", ">>", ">", "➜", " to ", "2"];
const BACK: [&str; 6] = ["<--", "<-", "<==", "<=", "←", "<"];
const WORDS: [(&str, Toward); 2] =
    [("serverbound", Toward::Server), ("clientbound", Toward::Client)];

/// A part of a text that goes one way.
pub(super) struct Block {
    /// The lines in front of it.
    pub(super) before: usize,
    pub(super) toward: Option<Toward>,
    pub(super) text: String,
}

/// What a line has in front of its bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// It says where the bytes go.
    Toward(Toward),
    /// `>` or `<`, which mean it where both are.
    Sign(Toward),
    /// A line of a dump, indented or not, which is what Wireshark tells them by.
    Indented(bool),
    /// Sent and received by one who is not named.
    Sent(bool),
}

/// The blocks of a text; `None`: nothing says that there are several, or where they go.
pub(super) fn blocks(text: &str) -> Option<Vec<Block>> {
    let lines: Vec<(Option<Mark>, &str)> = text.lines().map(marked).collect();
    let has = |mark| lines.iter().any(|(found, _)| *found == Some(mark));
    // curl writes so what is no bytes.
    let are_signs = !text.contains("HTTP/")
        && has(Mark::Sign(Toward::Server))
        && has(Mark::Sign(Toward::Client));
    let are_sent = has(Mark::Sent(true)) && has(Mark::Sent(false));
    let are_indented = has(Mark::Indented(true)) && has(Mark::Indented(false));
    let is_meant = |mark: Mark| match mark {
        Mark::Toward(_) => true,
        Mark::Sign(_) => are_signs,
        Mark::Sent(_) => are_sent,
        Mark::Indented(_) => are_indented,
    };
    if !lines.iter().any(|(mark, _)| mark.is_some_and(is_meant)) {
        return None;
    }
    let mut blocks: Vec<(Option<Mark>, Block)> = Vec::new();
    for (number, ((mark, rest), line)) in lines.into_iter().zip(text.lines()).enumerate() {
        let mark = mark.filter(|mark| is_meant(*mark));
        let line = if mark.is_some() { rest } else { line };
        let toward = match mark {
            Some(Mark::Toward(toward) | Mark::Sign(toward)) => Some(toward),
            Some(Mark::Indented(false)) => Some(Toward::Server),
            Some(Mark::Indented(true)) => Some(Toward::Client),
            _ => None,
        };
        match blocks.last_mut() {
            Some((last, block)) if mark.is_none() || *last == mark => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            _ => {
                let text = format!("{line}\n");
                blocks.push((mark, Block { before: number, toward, text }));
            }
        }
    }
    Some(blocks.into_iter().map(|(_, block)| block).collect())
}

/// A line's mark, and what stands behind it.
fn marked(line: &str) -> (Option<Mark>, &str) {
    let lower = line.to_ascii_lowercase();
    if let Some((toward, end)) = said(&lower) {
        let rest = line.get(end..).unwrap_or("");
        return (
            Some(Mark::Toward(toward)),
            rest.trim_start_matches([':', ']', ')', ' ', '\t', '|']),
        );
    }
    let start = line.trim_start();
    // So Wireshark names what it writes of a stream as arrays.
    for (name, toward) in [("char peer0_", Toward::Server), ("char peer1_", Toward::Client)] {
        if start.starts_with(name) {
            return (Some(Mark::Toward(toward)), line);
        }
    }
    if is_row(start) && [0, 4].contains(&(line.len() - start.len())) {
        return (Some(Mark::Indented(line.len() > start.len())), line);
    }
    for (sign, toward) in [('>', Toward::Server), ('<', Toward::Client)] {
        let rest = start.trim_start_matches(sign);
        if rest.len() < start.len() && (rest.is_empty() || rest.starts_with([' ', '\t'])) {
            return (Some(Mark::Sign(toward)), rest.trim_start());
        }
    }
    let is_end = |c: char| !c.is_ascii_alphabetic();
    let word = start.split(is_end).next().unwrap_or("");
    let is_sent = match word.to_ascii_lowercase().as_str() {
        "send" | "sent" | "sending" | "tx" => Some(true),
        "recv" | "received" | "receive" | "receiving" | "rx" => Some(false),
        _ => None,
    };
    match is_sent {
        Some(is_sent) => {
            (Some(Mark::Sent(is_sent)), start[word.len()..].trim_start_matches([':', '>', '<']))
        }
        None => (None, line),
    }
}

/// Whether a line is a dump's with an offset of eight digits.
fn is_row(line: &str) -> bool {
    let row = line.split_once("  ").filter(|(offset, _)| offset.len() == 8);
    row.is_some_and(|(offset, bytes)| {
        let is_byte = |bytes: &str| bytes.len() == 2 && super::plain::is_hex_word(bytes);
        super::plain::is_hex_word(offset) && bytes.split(' ').next().is_some_and(is_byte)
    })
}

/// Where the bytes of a line go, if it says so in front of them, and where that ends.
fn said(line: &str) -> Option<(Toward, usize)> {
    let mut before = "";
    let is_letter = |c: char| c.is_ascii_alphanumeric();
    let starts = line.char_indices().filter(|(_, c)| is_letter(*c)).map(|(at, _)| at);
    for at in starts.take_while(|at| *at < MARK_MAX) {
        let begin = line.get(..at)?;
        if !(begin.is_empty()
            || begin.ends_with(|c: char| c.is_whitespace() || "[(|:<".contains(c)))
        {
            continue;
        }
        // Behind bytes stand characters, which may be anything.
        if begin.len() > before.len() && has_bytes(begin) {
            return None;
        }
        before = begin;
        let rest = line.get(at..)?;
        let found =
            WORDS.iter().find_map(|(word, toward)| Some((*toward, rest.strip_prefix(word)?)));
        if let Some((toward, behind)) = found.or_else(|| arrow(rest))
            && (behind.is_empty()
                || behind.starts_with(|c: char| c.is_whitespace() || "])|:,>".contains(c)))
        {
            return Some((toward, line.len() - behind.len()));
        }
    }
    None
}

/// `client -> server` and the like, and what follows.
fn arrow(text: &str) -> Option<(Toward, &str)> {
    let side = |text: &str| {
        SIDES.iter().find_map(|(name, side)| Some((*side, text.strip_prefix(name)?.len())))
    };
    let (from, len) = side(text)?;
    let rest = &text[text.len() - len..];
    let behind = |signs: &[&str]| {
        signs.iter().find_map(|sign| {
            rest.strip_prefix(sign).or_else(|| rest.trim_start().strip_prefix(sign.trim_start()))
        })
    };
    let (to, is_back) = match (behind(&ARROWS), behind(&BACK)) {
        (Some(to), _) => (to, false),
        (None, Some(to)) => (to, true),
        (None, None) => return None,
    };
    let to = to.trim_start();
    let (toward, len) = side(to)?;
    let toward = if is_back { from } else { toward };
    (from != side(to)?.0).then_some((toward, &to[to.len() - len..]))
}

/// Whether bytes stand in a text: two for themselves, three groups, or any behind an offset.
fn has_bytes(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_offset = |word: &str| {
        let digits = word.strip_suffix(':').map(|word| word.strip_prefix("0x").unwrap_or(word));
        digits.is_some_and(|digits| digits.len() >= 4 && super::plain::is_hex_word(digits))
    };
    let is_bytes = |word: &str| word.len().is_multiple_of(2) && super::plain::is_hex_word(word);
    if words.windows(2).any(|words| is_offset(words[0]) && is_bytes(words[1])) {
        return true;
    }
    let are_like = |words: &[&str], lens: &[usize]| {
        let len = words[0].len();
        lens.contains(&len)
            && words.iter().all(|word| word.len() == len && super::plain::is_hex_word(word))
    };
    words.windows(2).any(|words| are_like(words, &[2]))
        || words.windows(3).any(|words| are_like(words, &[4, 8, 16]))
        || text.contains(['"', '\\'])
}

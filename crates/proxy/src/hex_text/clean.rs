//! What stands in a text because of where it was copied from: colours, quoting, line numbers, spaces and dashes
//! of other kinds. Lines stay where they are.

use super::HexText;

/// Quotes of quotes that are taken off.
const QUOTES_MAX: usize = 8;

/// A text without what does not belong to it.
pub(super) struct Cleaned {
    pub(super) text: String,
    pub(super) notes: Vec<String>,
}

pub(super) fn cleaned(text: &str) -> Cleaned {
    let mut notes = Vec::new();
    let text = without_colours(text);
    let mut lines: Vec<&str> =
        text.lines().map(|line| if is_fence(line) { "" } else { line }).collect();
    for _ in 0..QUOTES_MAX {
        if !is_quoted(&lines) {
            break;
        }
        for line in &mut lines {
            let quoted = line.trim_start();
            *line = quoted
                .strip_prefix('>')
                .map_or(quoted, |line| line.strip_prefix(' ').unwrap_or(line));
        }
    }
    if let Some(unnumbered) = unnumbered(&lines) {
        lines = unnumbered;
        notes.push("the numbers in front of the lines were taken for line numbers".to_owned());
    }
    if let Some(found) = super::front::taken_off(&lines) {
        lines = found;
        notes.push("times and words of a log in front of the lines were taken off".to_owned());
    }
    Cleaned { text: lines.join("\n"), notes }
}

/// Terminals' escapes for colours and the like.
pub(crate) fn without_colours(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        out.push_str(&rest[..at]);
        let inside = &rest[at + 2..];
        let is_end = |c: char| ('@'..='~').contains(&c);
        rest = match inside.find(is_end) {
            Some(end) if inside[..end].bytes().all(|byte| (0x20..0x40).contains(&byte)) => {
                &inside[end + 1..]
            }
            _ => {
                out.push_str("\u{1b}[");
                inside
            }
        };
    }
    out.push_str(rest);
    out
}

/// Spaces, dashes and quotes that word processors and web pages put in the place of others.
pub(super) fn plain_marks(text: &str) -> String {
    let mark = |c: char| match c {
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Some(' '),
        '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => None,
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some('-'),
        '\u{201c}'..='\u{201f}' => Some('"'),
        '\u{2018}'..='\u{201b}' => Some('\''),
        c => Some(c),
    };
    text.chars().filter_map(mark).collect()
}

/// Markdown's marks around code.
fn is_fence(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("```") && !line.trim_matches('`').contains('`') && line.len() < 24
        || line.starts_with("~~~") && line.len() < 24
}

/// `> ` stands in front of every line.
fn is_quoted(lines: &[&str]) -> bool {
    let mut with_text =
        lines.iter().map(|line| line.trim_start()).filter(|line| !line.is_empty()).peekable();
    with_text.peek().is_some() && with_text.all(|line| line.starts_with('>'))
}

/// The lines without numbers in front that count them.
fn unnumbered<'t>(lines: &[&'t str]) -> Option<Vec<&'t str>> {
    let mut found = Vec::new();
    let mut before: Option<u32> = None;
    let mut count = 0;
    for line in lines {
        let trimmed = line.trim_start();
        if trimmed.is_empty() {
            found.push("");
            continue;
        }
        let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = trimmed.split_at(digits);
        let number =
            number.parse::<u32>().ok().filter(|_| !number.starts_with('0') && digits <= 6)?;
        let text = rest.trim_start_matches([':', '|', '.', ')', ' ', '\t', '\u{2502}']);
        let is_apart = rest.starts_with(['\t', ':', '|', '.', ')'])
            || rest.starts_with("  ")
            || rest.starts_with(" |");
        let is_dump = super::dump::begins(text);
        if !(is_apart || rest.starts_with(' ') && is_dump)
            || before.is_some_and(|before| before.checked_add(1) != Some(number))
        {
            return None;
        }
        before = Some(number);
        count += 1;
        found.push(text);
    }
    (count >= 2).then_some(found)
}

/// What has no bytes in it, and what writes them.
pub(super) fn without_bytes(text: &str) -> Option<HexText> {
    let begins = |mark: &str| text.lines().any(|line| line.starts_with(mark));
    let is_http = text
        .lines()
        .any(|line| line.contains("HTTP/") && (line.starts_with("> ") || line.starts_with("< ")));
    let is_verbose = begins("* ") && is_http;
    let is_trace = ["=> Send ", "<= Recv "].into_iter().any(begins) && begins("0000: ");
    (is_verbose || is_trace).then(|| {
        let problem =
            "this is what curl says, which are not the bytes; curl --trace - writes them in hex"
                .to_owned();
        HexText { problems: vec![(1, problem)], ..HexText::default() }
    })
}

//! What logs have in front of bytes: times, levels, names, numbers of processes, brackets and arrows.
//!
//! Only where something is sure to be of a log it is taken off; words alone are left to what reads the bytes.

/// The longest text in brackets that is of a log.
const BRACKETS_MAX: usize = 80;
/// The longest name in front of a colon.
const NAME_MAX: usize = 64;
const LEVELS: [&str; 12] = [
    "TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL", "VERBOSE",
    "FINE", "SEVERE",
];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// The letters of Android's log for levels.
const LETTERS: &str = "VDIWEFAS";

/// The lines without what a log has in front of them; `None`: no line has anything.
pub(super) fn taken_off<'t>(lines: &[&'t str]) -> Option<Vec<&'t str>> {
    let mut with_text = lines.iter().filter(|line| !line.trim().is_empty());
    let is_timed = with_text.all(|line| time(line.trim_start(), true).is_some());
    let mut is_any = false;
    let found = lines.iter().map(|line| match behind(line, is_timed) {
        Some(rest) => {
            is_any = true;
            rest
        }
        None => line,
    });
    let found = found.collect();
    is_any.then_some(found)
}

/// What follows a log's words. `is_timed`: every line has a time, or what looks like one.
fn behind(line: &str, is_timed: bool) -> Option<&str> {
    let (mut rest, mut is_sure, mut is_first) = (line.trim_start(), false, true);
    let mut behind_time = None;
    loop {
        if let Some(behind) = time(rest, is_timed && is_first) {
            (rest, is_sure) = (behind.trim_start(), true);
            behind_time = Some(rest);
        } else if let Some(behind) = process(rest).or_else(|| brackets(rest)) {
            (rest, is_sure) = (behind.trim_start(), true);
        } else if begins_bytes(rest) {
            break;
        } else if let Some((behind, is_of_log)) = word(rest) {
            rest = behind.trim_start();
            is_sure |= is_of_log;
        } else {
            break;
        }
        is_first = false;
    }
    Some(rest).filter(|rest| is_sure && begins_bytes(rest)).or(behind_time)
}

/// Whether a text begins with hex, or with what a dump has for lines that repeat.
fn begins_bytes(text: &str) -> bool {
    let word = text.split_whitespace().next().unwrap_or("");
    let digits = word.strip_prefix("0x").unwrap_or(word).trim_end_matches([':', ',']);
    let is_hex = |c: char| c.is_ascii_hexdigit() || c == ':' || c == '-';
    word == "*"
        || !word.contains("::")
            && digits.len() >= 2
            && digits.chars().all(is_hex)
            && !digits.starts_with(['-', ':'])
}

/// Behind a date, a time, or both. `is_bare`: a time may stand without anything else.
fn time(text: &str, is_bare: bool) -> Option<&str> {
    let opened = text.strip_prefix('[');
    let text = opened.unwrap_or(text);
    let (dated, is_syslog) = match date(text) {
        Some(rest) => (Some(rest), false),
        None => (month(text), true),
    };
    let text = dated.unwrap_or(text);
    if !is_like(text, "00:00:00") || text.get(..2)? > "23" || text.get(3..5)? > "59" {
        return None;
    }
    let rest = text.get(8..)?;
    let fraction =
        rest.strip_prefix(['.', ',']).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let rest = fraction.map_or(rest, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let rest = zone(rest);
    let rest = match opened {
        Some(_) => rest.trim_start().strip_prefix(']')?,
        None => rest,
    };
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let apart = rest.trim_start();
    // Bytes may be parted by colons, too.
    let is_sure = opened.is_some() || dated.is_some() || fraction.is_some();
    if apart.len() == rest.len() && opened.is_none()
        || !(is_sure || is_bare && !apart.contains(':'))
    {
        return None;
    }
    // Syslog has the name of the machine there.
    let host = dated.filter(|_| is_syslog).and_then(|_| apart.split_once(' '));
    Some(host.map_or(apart, |(_, rest)| rest))
}

/// Behind `2026-11-26T`, `26/11/2026 ` or `11-26 `.
fn date(text: &str) -> Option<&str> {
    ["0000-00-00", "0000/00/00", "0000.00.00", "00/00/0000", "00.00.0000", "00-00"]
        .into_iter()
        .find(|like| is_like(text, like))
        .and_then(|like| text.get(like.len()..)?.strip_prefix(['T', ' ', '_']))
        .map(str::trim_start)
}

/// Behind `Nov 26 ` or `Thu Nov 26 `.
fn month(text: &str) -> Option<&str> {
    let begins = |text: &str| MONTHS.iter().any(|month| text.starts_with(month));
    let text = if begins(text) { text } else { text.get(3..)?.strip_prefix(' ')? };
    let day = text.get(3..).filter(|_| begins(text))?.strip_prefix(' ')?.trim_start();
    let rest = day.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.strip_prefix(' ').filter(|_| (1..=2).contains(&(day.len() - rest.len())))
}

/// Behind `Z` or `+01:00`.
fn zone(text: &str) -> &str {
    let of_hours = || {
        let rest = text.trim_start().strip_prefix(['+', '-'])?;
        let like = ["00:00", "0000"].into_iter().find(|like| is_like(rest, like))?;
        rest.get(like.len()..)
    };
    text.strip_prefix('Z').or_else(of_hours).unwrap_or(text)
}

/// Whether a text begins with digits where another has them, and else with the same characters.
fn is_like(text: &str, like: &str) -> bool {
    text.len() >= like.len()
        && text.bytes().zip(like.bytes()).all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            like => byte == like,
        })
}

/// Behind numbers of processes and a level: `1234  1234 D Net: `, `1234 INFO `, `D Net: `.
fn process(text: &str) -> Option<&str> {
    let mut rest = text;
    let mut count = 0;
    while let Some((number, behind)) = rest.split_once(' ')
        && count < 2
        && number.len() <= 7
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && !number.is_empty()
    {
        (rest, count) = (behind.trim_start(), count + 1);
    }
    let (level, behind) = rest.split_once(' ')?;
    if count > 0 && LEVELS.contains(&level.to_ascii_uppercase().as_str()) {
        return Some(behind);
    }
    let is_letter = level.len() == 1 && LETTERS.contains(level);
    if !is_letter {
        return None;
    }
    let end = behind.char_indices().take(NAME_MAX).zip(behind.char_indices().skip(1));
    let end = end.into_iter().find(|((_, a), (_, b))| (*a, *b) == (':', ' '))?.0.0;
    let (name, behind) = (&behind[..end], behind.get(end + 2..)?);
    let name = name.trim();
    // A name that could be bytes is one only behind both numbers.
    let is_name = (1..=NAME_MAX).contains(&name.len()) && (count == 2 || has_word(name));
    is_name.then_some(behind)
}

/// Behind `[netty]`, `( 123):` or `<13>`.
fn brackets(text: &str) -> Option<&str> {
    let close = match text.chars().next()? {
        '[' => ']',
        '(' => ')',
        '<' => '>',
        _ => return None,
    };
    let end = text.char_indices().take(BRACKETS_MAX).find(|(_, c)| *c == close)?.0;
    let (inside, behind) = (text.get(1..end)?, text.get(end + 1..)?);
    let is_number =
        !inside.trim().is_empty() && inside.trim().bytes().all(|byte| byte.is_ascii_digit());
    let is_of_log = if is_number {
        inside.starts_with(' ') || inside.len() % 2 != 0 || behind.starts_with(':')
    } else {
        has_word(inside) || inside.contains('.') && !inside.contains("..")
    };
    let is_priority =
        close == '>' && is_number && (month(behind).is_some() || behind.starts_with("1 "));
    let is_bytes = inside.contains([',', '\\', '"', '\'', '{']) || inside.contains("0x");
    let behind = behind.strip_prefix(':').unwrap_or(behind);
    let is_apart =
        behind.starts_with(char::is_whitespace) || behind.starts_with(['[', '(']) || close == '>';
    Some(behind).filter(|_| (is_of_log || is_priority) && !is_bytes && is_apart)
}

/// Behind a word that is no bytes, and whether only logs have such a one.
fn word(text: &str) -> Option<(&str, bool)> {
    let end = text.find(char::is_whitespace).filter(|end| *end > 0)?;
    let (word, behind) = text.split_at(end);
    if word.contains(['\\', '"', '\'', '{', '}', ',', '%', '$', '#', ';', '&', '`'])
        || word.contains("0x")
    {
        return None;
    }
    let is_address =
        word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ':');
    let has_arrow = ["->", "<-", "=>", "→", "←"].iter().any(|arrow| word.contains(arrow));
    let is_sign =
        word.chars().all(|c| "-<>=|:".contains(c) || !c.is_alphanumeric() && !c.is_ascii());
    let is_level = LEVELS.contains(&word.trim_matches(':').to_ascii_uppercase().as_str());
    let is_service = word.ends_with('|') && word.len() > 1 && has_word(word);
    let is_process = word.ends_with("]:") && has_word(word);
    let is_of_log = has_arrow || is_sign || is_level || is_service || is_process;
    (is_of_log || is_address || has_word(word) || word.contains("::"))
        .then_some((behind, is_of_log))
}

/// Whether a letter stands in a text that is no hex digit.
fn has_word(text: &str) -> bool {
    text.chars().any(|c| c.is_alphabetic() && !c.is_ascii_hexdigit())
}

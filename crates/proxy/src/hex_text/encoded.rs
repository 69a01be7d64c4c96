//! Texts in which bytes that are no characters are written in hex: addresses (`%FE%01`) and mail (`=FE=01`).

use super::HexText;

/// The two digits at the start of a text.
fn digits(text: &str) -> Option<u8> {
    let digits = text.get(..2).filter(|digits| super::plain::is_hex_word(digits))?;
    u8::from_str_radix(digits, 16).ok()
}

/// Bytes as addresses and forms have them; `None`: there are none. `certain`: it is said that they are.
pub(super) fn percent(text: &str, certain: bool) -> Option<HexText> {
    let is_begin = |(at, _): (usize, &str)| digits(&text[at + 1..]).is_some();
    if !certain && !text.match_indices('%').any(is_begin) {
        return None;
    }
    let mut out = HexText::default();
    let is_part = |c: char| c.is_ascii_alphanumeric() || "%-._~!*'()/+".contains(c);
    let mut count = 0;
    for (number, line) in text.lines().enumerate() {
        for run in line.split(|c: char| !is_part(c)).filter(|run| !run.is_empty()) {
            let run = run.strip_prefix('\'').and_then(|run| run.strip_suffix('\'')).unwrap_or(run);
            let is_one =
                certain || run.match_indices('%').any(|(at, _)| digits(&run[at + 1..]).is_some());
            if !is_one {
                out.ignored.push((number + 1, run.to_owned()));
                continue;
            }
            count += 1;
            let mut rest = run;
            while let Some(c) = rest.chars().next() {
                rest = &rest[1..];
                match (c, digits(rest)) {
                    ('%', Some(byte)) => {
                        out.bytes.push(byte);
                        rest = &rest[2..];
                    }
                    ('%', None) => {
                        let problem = "`%` is followed by two hex digits, and here it is not";
                        out.problems.push((number + 1, problem.to_owned()));
                    }
                    ('+', _) => {
                        let note = "`+` is read as a space, as forms have it";
                        if out.notes.is_empty() {
                            out.notes.push(note.to_owned());
                        }
                        out.bytes.push(b' ');
                    }
                    (c, _) => out.bytes.push(c as u8),
                }
            }
        }
    }
    if count > 1 {
        out.notes.push(format!("{count} pieces with `%`, read one behind the other"));
    }
    Some(out)
}

/// Bytes as mail has them; `None`: there are none.
pub(super) fn quoted_printable(text: &str) -> Option<HexText> {
    let is_byte = |at: usize| {
        let digits = text.get(at + 1..at + 3)?;
        let is_one = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
        digits.bytes().all(is_one).then_some(at)
    };
    let signs: Vec<usize> = text.match_indices('=').map(|(at, _)| at).collect();
    let first = signs.iter().copied().find_map(is_byte)?;
    let is_break = |at: usize| {
        let rest = &text[at + 1..];
        rest.trim_matches([' ', '\t', '\r']).is_empty()
            || rest.trim_start_matches(['\r', ' ']).starts_with('\n')
    };
    let are_near =
        signs.windows(2).any(|pair| pair[0] + 3 == pair[1] && is_byte(pair[1]).is_some());
    if !are_near || !signs.iter().all(|at| is_byte(*at).is_some() || is_break(*at)) {
        return None;
    }
    let mut out = HexText::default();
    let start = text[..first].rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let mut line_number = text[..start].matches('\n').count() + 1;
    for (number, line) in text[..start].lines().enumerate() {
        out.ignored.extend(line.split_whitespace().map(|word| (number + 1, word.to_owned())));
    }
    let end = text.trim_end().len();
    let mut at = start;
    while let Some(c) = text.get(at..end).and_then(|rest| rest.chars().next()) {
        let next = at + c.len_utf8();
        at = match c {
            '=' if is_byte(at).is_some() => {
                out.bytes.extend(digits(&text[next..]));
                next + 2
            }
            // A line that goes on in the next.
            '=' => {
                line_number += 1;
                text[next..end].find('\n').map_or(end, |len| next + len + 1)
            }
            '\n' => {
                let problem = "where a line ends without `=` there is an end of line, and which bytes that is is not told: write it as =0A or =0D=0A";
                out.problems.push((line_number, problem.to_owned()));
                line_number += 1;
                next
            }
            '\r' => next,
            c => {
                out.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                next
            }
        };
    }
    Some(out)
}

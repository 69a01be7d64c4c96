//! Dumps that are not in hex.

use super::super::HexText;
use super::Lines;
use super::line::{Line, Parted};
use super::unit::words;

/// What to do with a dump that cannot be read.
pub(super) fn refused(found: &Lines<'_>) -> Option<HexText> {
    let lines: Vec<&Line<'_>> = found.lines.iter().filter(|line| !line.is_end()).collect();
    let first = lines.first()?;
    let problem = if is_gdb(first) {
        "these are no hex numbers; let gdb write bytes in hex, as in x/64xb"
    } else if is_counted(&found.lines) && lines.iter().any(|line| is_no_hex(line)) {
        "these are characters or decimal numbers; let od write hex: od -A x -t x1z"
    } else {
        return None;
    };
    Some(HexText { problems: vec![(first.number, problem.to_owned())], ..HexText::default() })
}

/// gdb's tabs with words that have no `0x`.
fn is_gdb(line: &Line<'_>) -> bool {
    let is_first = line.first().is_some_and(|word| !word.is_prefixed);
    line.is_prefixed && line.rest.starts_with('\t') && is_first
}

/// Seven digits in front, as only od and hexdump have them.
fn is_counted(lines: &[Line<'_>]) -> bool {
    let is_od = |line: &Line<'_>| line.digits.len() == 7 && line.parted != Parted::Colon;
    let is_first = lines.first().is_some_and(|line| line.digits.bytes().all(|digit| digit == b'0'));
    lines.iter().all(is_od) && (is_first || lines.len() > 1)
}

/// Numbers stand one space apart, or four where hexdump -x writes them.
fn is_no_hex(line: &Line<'_>) -> bool {
    let mut last_end = 0;
    let mut gaps = Vec::new();
    for word in words(line.rest) {
        let text = &line.rest[last_end..];
        if text.trim_start().starts_with(['>', '|']) && last_end > 0 {
            break;
        }
        let len = word.digits.len();
        let is_hex = word.digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_octal = len == 3 && word.digits.bytes().all(|byte| (b'0'..b'8').contains(&byte));
        if !is_octal && (!is_hex || ![2, 4, 6, 8, 16].contains(&len)) {
            return true;
        }
        gaps.push((word.start - last_end, len));
        last_end = word.end;
    }
    let is_wide = |(gap, len): &(usize, usize)| {
        *gap >= 2 && !(*gap == 4 && *len == 4) && !(*gap == 2 && *len == 6)
    };
    gaps.first().is_some_and(is_wide)
}

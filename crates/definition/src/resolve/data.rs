//! The files beside a definition: lists of versions and tables of numbers. (Lists of names: `lists`.)

use std::collections::HashSet;
use std::sync::Arc;

use crate::diagnostics::Diagnostic;
use crate::escape::escape;
use crate::sources::Sources;
use crate::syntax::ast::Spanned;
use crate::syntax::ast::{Gate, Span, TableEntry, VersionRange, VersionRef};
use crate::version::Version;

/// A line's words; a word may stand in double quotes. `#` begins a comment.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once([' ', '\t']).unwrap_or((rest, "")),
        };
        words.push(word);
        rest = behind.trim_start();
    }
    words
}

fn lines(sources: &Sources, file: u16) -> Vec<(Span, &str)> {
    let Some(source) = sources.get(file) else { return Vec::new() };
    let mut at = 0u32;
    let mut lines = Vec::new();
    for line in source.text.split('\n') {
        let end = at + line.len() as u32;
        let text = line.trim_end_matches('\r').trim_start_matches('\u{feff}');
        lines.push((Span { file, start: at, end: at + line.trim_end().len() as u32 }, text));
        at = end + 1;
    }
    lines
}

/// Versions: `key number ordinal release` on a line.
pub(crate) fn versions(sources: &Sources, file: u16, out: &mut Vec<Diagnostic>) -> Vec<Version> {
    let mut list: Vec<Version> = Vec::new();
    let mut ordinals = HashSet::new();
    for (span, line) in lines(sources, file) {
        let words = words(line);
        let (key, number, ordinal) = match words.as_slice() {
            [] => continue,
            [key, number, ordinal, ..] => (key, number.parse(), ordinal.parse()),
            _ => {
                out.push(bad(span, "a version is a key, a number, an ordinal and a release"));
                continue;
            }
        };
        let (Ok(number), Ok(ordinal)) = (number, ordinal) else {
            out.push(bad(span, "the number or the ordinal of this version is no number"));
            continue;
        };
        if !ordinals.insert(ordinal) {
            out.push(bad(span, "this ordinal was given before; each version has its own"));
            continue;
        }
        let release = words.get(3).unwrap_or(key);
        let (key, release) = (escape(key).into(), escape(release).into());
        list.push(Version { key, number, ordinal, release });
    }
    list
}

fn bad(span: Span, message: &str) -> Diagnostic {
    Diagnostic::error("W022", span, message)
}

/// A table's entries: `number`, `first..last`, a name behind; a gate may stand in front.
pub(crate) fn table(
    sources: &Sources,
    file: u16,
    out: &mut Vec<Diagnostic>,
) -> Vec<(Vec<Gate>, TableEntry)> {
    let mut entries = Vec::new();
    for (span, line) in lines(sources, file) {
        let words = words(line);
        let mut words = words.as_slice();
        let mut gates = Vec::new();
        if let [first, rest @ ..] = words
            && let Some(range) = first.strip_prefix('@')
        {
            match gate(range, span) {
                Some(gate) => gates.push(gate),
                None => {
                    out.push(bad(span, "a malformed gate; they look like `@315..` or `@..314`"));
                    continue;
                }
            }
            words = rest;
        }
        let Some((number, name)) = words.split_first() else { continue };
        let (first, last) = number.split_once("..").unwrap_or((number, number));
        let (Ok(first), Ok(last)) =
            (first.trim_end_matches(',').parse(), last.trim_end_matches(',').parse())
        else {
            out.push(bad(span, "an entry begins with a number or a range, as in `24` or `3..5`"));
            continue;
        };
        let name = (!name.is_empty()).then(|| name.join(" "));
        entries.push((gates, TableEntry { first, last, name, span }));
    }
    entries
}

fn gate(range: &str, span: Span) -> Option<Gate> {
    let one = |text: &str| match text {
        "" => Some(None),
        text => text.parse().ok().map(|n| Some(Spanned { node: VersionRef::Number(n), span })),
    };
    let (from, to) = match range.split_once("..") {
        Some((from, to)) => (one(from)?, one(to)?),
        None => (one(range)?, one(range)?),
    };
    Some(Gate::Versions(vec![VersionRange { from, to, span }], span))
}

/// A name that many may share.
pub(crate) fn shared(text: &str) -> Arc<str> {
    text.into()
}

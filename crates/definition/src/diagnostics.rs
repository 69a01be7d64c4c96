//! What is wrong with a definition, and how that is shown: file, line, column, the line, a caret.

use std::borrow::Cow;
use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

pub use crate::codes::DEFINITION_CODES;
use crate::escape::{escape, is_unsafe};
use crate::sources::{SourceFile, Sources};
use crate::syntax::ast::{Span, lookup_key};

/// The most errors that [`render`] shows, and that the parser looks for in one text.
pub const MAX_ERRORS: usize = 20;

/// The codes of the parser's messages and what each is about. A code never changes its meaning.
pub const SYNTAX_CODES: &[(&str, &str)] = &[
    ("W001", "something else was expected here"),
    ("W002", "a character that is not part of the language"),
    ("W003", "a text in quotes or a name in back-ticks that does not end, or a wrong escape"),
    ("W004", "a number that is malformed or too large"),
    ("W005", "an opening brace or bracket that is never closed"),
    ("W006", "a closing brace that closes nothing"),
    ("W007", "an unknown keyword"),
    ("W008", "nesting deeper than the limit"),
    ("W009", "a gate where an attribute belongs, or an attribute where a gate belongs"),
    ("W010", "a malformed version gate"),
    ("W011", "`=` where `==` belongs"),
    ("W012", "a packet's direction is missing or given twice"),
    ("W013", "bytes that are not pairs of hexadecimal digits"),
    ("W014", "a text longer than the limit"),
    ("W015", "an arm between fields that is not a struct"),
    ("W016", "`;` where a newline or a comma belongs"),
    ("W017", "comparisons in a row"),
    ("W018", "no primitive has this width"),
];

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The definition cannot be used.
    Error,
    /// It can, but is probably not what was meant.
    Warning,
}

/// One message about a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// `W012` and the like; see [`SYNTAX_CODES`] and [`DEFINITION_CODES`].
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One line without a final stop. May quote the file: [`render`] escapes what does not print.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What stands beside the caret; may be empty.
    pub label: String,
    /// Other places that matter, and why.
    pub secondary: Vec<(Span, String)>,
    /// How to put it right.
    pub help: Option<String>,
    /// More that is worth knowing.
    pub notes: Vec<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message.into())
    }

    /// A warning.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message.into())
    }

    fn new(severity: Severity, code: &'static str, span: Span, message: String) -> Self {
        let label = String::new();
        Diagnostic {
            code,
            severity,
            message,
            span,
            label,
            secondary: vec![],
            help: None,
            notes: vec![],
        }
    }

    /// Sets what stands beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds another place that matters.
    #[must_use]
    pub fn secondary(mut self, span: Span, label: impl Into<String>) -> Self {
        self.secondary.push((span, label.into()));
        self
    }

    /// Sets how to put it right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds something worth knowing.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// `file:line:column: error[W001]: message`
    pub fn one_line(&self, sources: &Sources) -> String {
        let name = sources.get(self.span.file).map_or("?", |file| file.name.as_str());
        let (line, column) = sources.line_col(self.span);
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let message = escape(&self.message);
        format!("{}:{line}:{column}: {severity}[{}]: {message}", escape(name), self.code)
    }
}

/// Messages, in the order in which they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// No messages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.errors().next().is_some()
    }

    /// The errors among them.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter().filter(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl From<Vec<Diagnostic>> for Diagnostics {
    fn from(list: Vec<Diagnostic>) -> Self {
        Diagnostics(list)
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, more: I) {
        self.0.extend(more);
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// The messages as people read them: each with its lines and a caret, a blank line between them.
///
/// All warnings and the first [`MAX_ERRORS`] errors are shown, then how many more there are.
/// `color` adds ANSI sequences; without it the text is plain.
pub fn render(diagnostics: &Diagnostics, sources: &Sources, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    let mut errors = 0;
    for diagnostic in diagnostics {
        if diagnostic.severity == Severity::Error {
            errors += 1;
            if errors > MAX_ERRORS {
                continue;
            }
        }
        text.push_str(&render_one(&renderer, diagnostic, sources));
        text.push_str("\n\n");
    }
    if errors > MAX_ERRORS {
        let more = errors - MAX_ERRORS;
        let _ = writeln!(text, "and {more} more error{}", if more == 1 { "" } else { "s" });
    } else if text.ends_with("\n\n") {
        text.pop();
    }
    text
}

fn render_one(renderer: &Renderer, diagnostic: &Diagnostic, sources: &Sources) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(escape(&diagnostic.message)).id(diagnostic.code);
    let mut group = Group::with_title(title);
    let mut places = vec![(diagnostic.span, &diagnostic.label, AnnotationKind::Primary)];
    for (span, label) in &diagnostic.secondary {
        places.push((*span, label, AnnotationKind::Context));
    }
    let mut shown = Vec::new();
    for (span, _, _) in &places {
        if shown.contains(&span.file) {
            continue;
        }
        shown.push(span.file);
        if let Some(file) = sources.get(span.file) {
            let here: Vec<_> = places.iter().filter(|place| place.0.file == span.file).collect();
            let window = Window::around(file, here.iter().map(|place| place.0));
            let mut snippet = Snippet::source(safe(window.text))
                .line_start(window.line)
                .path(escape(&file.name))
                .fold(true);
            for (span, label, kind) in here {
                let mark = kind.span(window.range(*span));
                let mark = if label.is_empty() { mark } else { mark.label(escape(label)) };
                snippet = snippet.annotation(mark);
            }
            group = group.element(snippet);
        }
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(escape(help)));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(escape(note)));
    }
    renderer.render(&[group])
}

/// The lines of a file that hold some spans: the renderer's work is by the length of its text.
struct Window<'a> {
    text: &'a str,
    start: usize,
    line: usize,
}

impl<'a> Window<'a> {
    fn around(file: &'a SourceFile, spans: impl Iterator<Item = Span>) -> Self {
        let (mut first, mut last) = (u32::MAX, 0);
        for span in spans {
            first = first.min(span.start);
            last = last.max(span.end);
        }
        let line = file.line_col(first).0;
        let start = file.line_start(line) as usize;
        let end = file.line_start(file.line_col(last.max(first)).0 + 1) as usize;
        let text = file.text.get(start..end.max(start)).unwrap_or_default();
        let bom =
            if start == 0 && text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Window { text: text[bom..].trim_end_matches(['\n', '\r']), start: start + bom, line }
    }

    /// A span in this text, on character boundaries whatever it was made from.
    fn range(&self, span: Span) -> std::ops::Range<usize> {
        let place = |offset: u32| {
            let mut at = (offset as usize).saturating_sub(self.start).min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = place(span.start);
        start..place(span.end).max(start)
    }
}

/// A file's text with something of the same length, in bytes, for each character that must not reach a
/// screen, so that places in it stay what they are.
fn safe(text: &str) -> Cow<'_, str> {
    let is_layout = |c| matches!(c, '\n' | '\t');
    if !text.contains(|c| is_unsafe(c) && !is_layout(c)) {
        return text.into();
    }
    let stand_in = |c: char| match c.len_utf8() {
        _ if is_layout(c) || !is_unsafe(c) => c,
        1 => '?',
        2 => '\u{bf}',
        3 => '\u{fffd}',
        _ => '\u{1fbc4}',
    };
    text.chars().map(stand_in).collect::<String>().into()
}

/// The candidate that `wrong` was most likely meant to be, if any is near enough.
///
/// Case and `_` do not count; about a third of the letters may differ, two that changed places
/// count as one difference.
pub fn suggest<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    let wrong: Vec<char> = lookup_key(wrong).chars().take(LONGEST + 1).collect();
    if wrong.is_empty() || wrong.len() > LONGEST {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let letters: Vec<char> = lookup_key(candidate).chars().take(LONGEST + 1).collect();
        let limit = (wrong.len().max(letters.len()) + 1) / 3;
        if letters.len() > LONGEST || wrong.len().abs_diff(letters.len()) > limit {
            continue;
        }
        let distance = edit_distance(&wrong, &letters);
        if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one into the other.
fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut cost = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> Sources {
        let mut sources = Sources::new();
        sources.add("game.wire", text);
        sources
    }

    fn span(start: u32, end: u32) -> Span {
        Span { file: 0, start, end }
    }

    #[test]
    fn a_message_shows_places_of_several_files_help_and_notes() {
        let mut sources = sources("type A = B\n");
        let other = sources.add("other.wire", "\n\ntype C = u8\n");
        let diagnostic = Diagnostic::warning("W999", span(9, 10), "`B` is unknown")
            .label("here")
            .secondary(Span { file: other, start: 7, end: 8 }, "perhaps this")
            .help("write `C`")
            .note("types are declared anywhere");
        assert_eq!(diagnostic.one_line(&sources), "game.wire:1:10: warning[W999]: `B` is unknown");
        let text = render(&Diagnostics(vec![diagnostic]), &sources, false);
        assert_eq!(
            text,
            "\
warning[W999]: `B` is unknown
 --> game.wire:1:10
  |
1 | type A = B
  |          ^ here
  |
 ::: other.wire:3:6
  |
3 | type C = u8
  |      - perhaps this
  |
  = help: write `C`
  = note: types are declared anywhere
"
        );
    }

    #[test]
    fn colour_is_only_added() {
        let sources = sources("abc");
        let one = Diagnostics(vec![Diagnostic::error("W999", span(1, 2), "wrong")]);
        assert!(!render(&one, &sources, false).contains('\x1b'));
        assert!(render(&one, &sources, true).contains('\x1b'));
    }

    #[test]
    fn the_first_twenty_errors_are_shown_and_the_others_counted() {
        let sources = sources("abc");
        let errors = |n| {
            let mut list = Diagnostics::new();
            list.extend((0..n).map(|_| Diagnostic::error("W999", span(0, 1), "wrong")));
            list.push(Diagnostic::warning("W998", span(0, 1), "odd"));
            render(&list, &sources, false)
        };
        assert_eq!(errors(20).matches("error[").count(), 20);
        assert!(!errors(20).contains("more error"));
        assert_eq!(errors(22).matches("error[").count(), 20);
        assert_eq!(errors(22).matches("warning[").count(), 1);
        assert!(errors(21).ends_with("\nand 1 more error\n"));
        assert!(errors(22).ends_with("\nand 2 more errors\n"));
    }

    #[test]
    fn nothing_of_a_file_steers_the_terminal() {
        let unsafe_ones: String = (1..=0x10ffff)
            .filter_map(char::from_u32)
            .filter(|c| is_unsafe(*c) && !matches!(c, '\n' | '\r' | '\t'))
            .collect();
        let text = format!("a{unsafe_ones}b");
        let mut sources = sources(&text);
        sources.add(text.as_str(), "x");
        let end = u32::try_from(text.len()).unwrap();
        let both = Diagnostics(vec![
            Diagnostic::error("W999", span(end - 1, end), text.as_str()).label(text.as_str()),
            Diagnostic::error("W999", Span { file: 1, start: 0, end: 1 }, "x").help(text.as_str()),
        ]);
        let shown = render(&both, &sources, false) + &both.0[0].one_line(&sources);
        assert!(!shown.contains(|c| is_unsafe(c) && c != '\n'));
    }

    #[test]
    fn spans_that_fit_no_text_are_shown_as_well_as_can_be() {
        for text in ["", "\u{feff}", "\n", "\u{feff}a\r\né\r\n", "é"] {
            let sources = sources(text);
            for (file, start, end) in [(0, 0, 0), (0, 1, 2), (0, 3, 1), (0, 7, u32::MAX), (9, 0, 1)]
            {
                let place = Span { file, start, end };
                let diagnostic = Diagnostic::error("W999", place, "wrong").secondary(place, "here");
                assert!(diagnostic.one_line(&sources).contains("error[W999]: wrong"));
                let text = render(&Diagnostics(vec![diagnostic]), &sources, false);
                assert!(text.starts_with("error[W999]: wrong\n"), "{text}");
            }
        }
    }

    #[test]
    fn the_nearest_name_is_suggested_if_it_is_near() {
        let names = ["packet", "protocol", "if", "added_count", "id"];
        let suggested = |wrong| suggest(wrong, names.into_iter());
        assert_eq!(suggested("pakcet"), Some("packet"));
        assert_eq!(suggested("PACKETS"), Some("packet"));
        assert_eq!(suggested("addedCount"), Some("added_count"));
        assert_eq!(suggested("fi"), Some("if"));
        assert_eq!(suggested("item"), None);
        assert_eq!(suggested("x"), None);
        assert_eq!(suggested(""), None);
        assert_eq!(suggested(&"packet".repeat(100)), None);
    }

    #[test]
    fn codes_are_in_order_and_used_once() {
        assert!(SYNTAX_CODES.is_sorted_by(|a, b| a.0 < b.0));
    }
}

//! A TOML text, taken apart with its places, so that every mistake can be shown where it is.

use std::collections::BTreeSet;

use midwire_definition::diagnostics::{Diagnostic, suggest};
use midwire_definition::syntax::ast::Span;
use midwire_definition::{Diagnostics, Sources, render};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// A value, and where it stands.
pub(crate) type Value<'t> = Spanned<DeValue<'t>>;

/// What is wrong with a configuration's text, with stable codes.
pub(crate) mod codes {
    /// It is not TOML.
    pub(crate) const SYNTAX: &str = "C001";
    /// An unknown key or table.
    pub(crate) const KEY: &str = "C002";
    /// A value of another kind than is needed.
    pub(crate) const KIND: &str = "C003";
    /// Something that is needed and not there.
    pub(crate) const MISSING: &str = "C004";
    /// A value that cannot be read.
    pub(crate) const VALUE: &str = "C005";
    /// A name of which there is nothing.
    pub(crate) const NAME: &str = "C006";
    /// Two things that exclude each other.
    pub(crate) const EXCLUDED: &str = "C007";
    /// A route that no connection can take.
    pub(crate) const UNREACHABLE: &str = "C008";
    /// A name or address that stands twice.
    pub(crate) const TWICE: &str = "C009";
    /// A password that cannot be used, or that others may know.
    pub(crate) const PASSWORD: &str = "C010";
    /// An address that cannot be listened on now.
    pub(crate) const LISTEN: &str = "C011";
}

/// Gathers what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Diagnostics,
}

impl Problems {
    pub(crate) fn push(&mut self, problem: Diagnostic) {
        self.found.push(problem);
    }

    /// Notes a mistake, with what stands beside the caret and how to put it right.
    pub(crate) fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.push(Diagnostic::error(code, span, message));
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.found.has_errors()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn render(&self, sources: &Sources, color: bool) -> String {
        render(&self.found, sources, color)
    }

    /// In the order of the text.
    pub(crate) fn sort(&mut self) {
        self.found.0.sort_by_key(|problem| problem.span.start);
    }
}

/// The place of a value or key.
pub(crate) fn span_of<T>(spanned: &Spanned<T>) -> Span {
    let range = spanned.span();
    let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { file: 0, start: place(range.start), end: place(range.end) }
}

/// What a value is, in words.
pub(crate) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A table whose entries are asked for by name; what nobody asked for is no entry that there is.
pub(crate) struct Table<'a, 't> {
    entries: &'a DeTable<'t>,
    /// What messages about something missing point at.
    pub(crate) span: Span,
    asked: BTreeSet<&'static str>,
}

impl<'a, 't> Table<'a, 't> {
    pub(crate) fn new(entries: &'a DeTable<'t>, span: Span) -> Self {
        Self { entries, span, asked: BTreeSet::new() }
    }

    /// The value of a key, if it is there.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<&'a Value<'t>> {
        self.asked.insert(key);
        let found = self.entries.iter().find(|(name, _)| name.get_ref() == key);
        found.map(|(_, value)| value)
    }

    /// Where a key stands.
    pub(crate) fn key_span(&self, key: &str) -> Span {
        let found = self.entries.iter().find(|(name, _)| name.get_ref() == key);
        found.map_or(self.span, |(name, _)| span_of(name))
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name.get_ref() == key)
    }

    pub(crate) fn text(&mut self, key: &'static str, out: &mut Problems) -> Option<Text<'a>> {
        let value = self.get(key)?;
        as_text(value, &format!("`{key}`"), out)
    }

    pub(crate) fn bool(&mut self, key: &'static str, out: &mut Problems) -> Option<bool> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Boolean(value) => Some(*value),
            other => {
                wrong_kind(span_of(value), &format!("`{key}`"), "true or false", other, out);
                None
            }
        }
    }

    /// A text, or a list of texts.
    pub(crate) fn texts(&mut self, key: &'static str, out: &mut Problems) -> Vec<Text<'a>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let what = format!("`{key}`");
        match value.get_ref() {
            DeValue::Array(list) => list
                .iter()
                .filter_map(|item| as_text(item, &format!("each of {what}"), out))
                .collect(),
            _ => as_text(value, &what, out).into_iter().collect(),
        }
    }

    /// A table, or a list of tables.
    pub(crate) fn tables(&mut self, key: &'static str, out: &mut Problems) -> Vec<Table<'a, 't>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let span = span_of(value);
        match value.get_ref() {
            DeValue::Table(table) => vec![Table::new(table, span)],
            DeValue::Array(list) => as_tables(list, &format!("`{key}`"), out),
            other => {
                wrong_kind(span, &format!("`{key}`"), "a table, or a list of tables", other, out);
                Vec::new()
            }
        }
    }

    /// Whether a key that nobody asked for was most likely meant to be this one.
    pub(crate) fn is_misspelt(&self, key: &str) -> bool {
        let mut unknown =
            self.entries.keys().filter(|name| !self.asked.contains(&**name.get_ref()));
        unknown.any(|name| suggest(name.get_ref(), self.asked.iter().copied()) == Some(key))
    }

    /// Notes the keys that nobody asked for. `what` is the table, in words.
    pub(crate) fn end(&self, what: &str, out: &mut Problems) {
        for (key, _) in self.entries {
            let name = key.get_ref();
            if self.asked.contains(&**name) {
                continue;
            }
            let problem =
                Diagnostic::error(codes::KEY, span_of(key), format!("{what} has no `{name}`"));
            out.push(match suggest(name, self.asked.iter().copied()) {
                Some(near) => problem.label(format!("did you mean `{near}`?")),
                None => {
                    let known: Vec<&str> = self.asked.iter().copied().collect();
                    problem.help(format!("there are: {}", known.join(", ")))
                }
            });
        }
    }

    /// All entries, for tables whose keys are names of another place.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'a str, Span, &'a Value<'t>)> + use<'a, 't> {
        self.entries.iter().map(|(key, value)| (&**key.get_ref(), span_of(key), value))
    }
}

/// A text, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    pub(crate) text: &'a str,
    pub(crate) span: Span,
}

impl Text<'_> {
    /// The place of a byte of it, if it is written plainly: quotes of one letter and no escapes.
    pub(crate) fn at(&self, at: usize) -> Span {
        let len = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        if self.span.end.saturating_sub(self.span.start) != len.saturating_add(2) {
            return self.span;
        }
        let start = self.span.start.saturating_add(1).saturating_add(at);
        Span { start, end: start.saturating_add(1), ..self.span }
    }
}

fn as_text<'a>(value: &'a Value<'_>, what: &str, out: &mut Problems) -> Option<Text<'a>> {
    match value.get_ref() {
        DeValue::String(text) => Some(Text { text, span: span_of(value) }),
        other => {
            wrong_kind(span_of(value), what, "a text in quotes", other, out);
            None
        }
    }
}

pub(crate) fn as_tables<'a, 't>(
    list: &'a DeArray<'t>,
    what: &str,
    out: &mut Problems,
) -> Vec<Table<'a, 't>> {
    let mut tables = Vec::new();
    for item in list.iter() {
        match item.get_ref() {
            DeValue::Table(table) => tables.push(Table::new(table, span_of(item))),
            other => {
                wrong_kind(span_of(item), &format!("each of {what}"), "a table", other, out);
            }
        }
    }
    tables
}

pub(crate) fn wrong_kind(
    span: Span,
    what: &str,
    wanted: &str,
    found: &DeValue<'_>,
    out: &mut Problems,
) {
    let message = format!("{what} is {}", kind(found));
    out.push(Diagnostic::error(codes::KIND, span, message).label(format!("{wanted} belongs here")));
}

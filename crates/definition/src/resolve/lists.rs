//! Tables that are lists of names: what is in one, and what changed from version to version.
//!
//! ```text
//! from 477                      # from this version on
//! air stone*2 _*3 grass         # 0 air, 1..2 stone, 3..5 without a name, 6 grass
//! from 498
//! - stone                       # grass is 4 now
//! + granite diorite after air   # or `first` instead of `after NAME`
//! ~ grass*2                     # it has two numbers
//! from 573
//! anew                          # nothing of the list before
//! none                          # no names at these versions; what follows changes the list before
//! ```

use std::sync::{Arc, OnceLock};

use super::gates::Interval;
use crate::diagnostics::Diagnostic;
use crate::escape::escape;
use crate::sources::Sources;
use crate::syntax::ast::Span;
use crate::table::Table;
use crate::version::{VersionId, Versions};

/// Names of one list.
const NAMES_MAX: usize = 100_000;
/// Names that are looked at to make all changes.
const STEPS_MAX: usize = 100_000_000;

/// A list of names and its changes, unread.
#[derive(Debug)]
pub(crate) struct NameList {
    text: Box<str>,
    changes: Vec<Change>,
}

/// What stands behind a `from`, up to the next.
#[derive(Debug)]
struct Change {
    /// The first version of it; `None`: newer than all.
    from: Option<VersionId>,
    start: usize,
    end: usize,
}

/// A list and the tables that were made of it.
#[derive(Debug)]
pub(crate) struct ListTables {
    list: Arc<NameList>,
    tables: Vec<OnceLock<Arc<Table>>>,
}

impl ListTables {
    /// The table at a version; the interval is narrowed to where it is the same.
    pub(super) fn at(
        &self,
        name: &str,
        version: VersionId,
        interval: &mut Interval,
    ) -> Option<Arc<Table>> {
        let mut last = None;
        for (at, change) in self.list.changes.iter().enumerate() {
            let range = change.from.map(|from| (from, VersionId(u32::MAX)));
            if interval.ask(range, version) {
                last = Some(at);
            }
        }
        let last = last?;
        let make = || Arc::new(Table::of_list(name.into(), self.list.clone(), last));
        Some(self.tables[last].get_or_init(make).clone())
    }
}

/// Whether a file is a list: its first word is `from`.
pub(super) fn is_list(text: &str) -> bool {
    content(text).next().is_some_and(|(_, line)| line.starts_with("from "))
}

/// The list of a file. It is read once to find what is wrong with it if `checked`.
pub(super) fn read(
    sources: &Sources,
    file: u16,
    versions: &Versions,
    checked: bool,
    out: &mut Vec<Diagnostic>,
) -> ListTables {
    let text = sources.get(file).map_or("", |source| source.text.as_str());
    let mut changes: Vec<Change> = Vec::new();
    for (start, line) in content(text) {
        let Some(version) = line.strip_prefix("from ") else { continue };
        if let Some(before) = changes.last_mut() {
            before.end = start;
        }
        let from = first_of(version.trim(), versions);
        let mut bad = |message: &str| out.push(fault(file, start, line, message));
        match from {
            Err(()) => bad("`from` needs a version's number or its key in quotes"),
            Ok(Some(from)) if changes.iter().any(|c| c.from.is_some_and(|other| other >= from)) => {
                bad("this is not newer than what stands before it");
            }
            Ok(_) => {}
        }
        let from = from.unwrap_or(None);
        changes.push(Change { from, start: start + line.len(), end: text.len() });
    }
    let tables = changes.iter().map(|_| OnceLock::new()).collect();
    let list = NameList { text: text.into(), changes };
    if checked {
        let mut problems = Vec::new();
        list.names(list.changes.len().saturating_sub(1), &mut |start, line, message| {
            problems.push(fault(file, start, line, message));
        });
        out.extend(problems);
    }
    ListTables { list: Arc::new(list), tables }
}

fn fault(file: u16, start: usize, line: &str, message: &str) -> Diagnostic {
    // Texts are shorter than 4 GiB.
    let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let span = Span { file, start: place(start), end: place(start + line.len()) };
    Diagnostic::error("W022", span, message)
}

/// The version that a list changes at: a number, or a key in quotes. `None`: newer than all.
fn first_of(version: &str, versions: &Versions) -> Result<Option<VersionId>, ()> {
    match version.strip_prefix('"').and_then(|key| key.strip_suffix('"')) {
        Some(key) => versions.by_text(key).map(Some).ok_or(()),
        None => version.parse().map(|number| versions.first_from(number)).map_err(|_| ()),
    }
}

/// The lines that hold something, without comments, and where each begins.
fn content(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0;
    let lines = text.split('\n').map(move |line| {
        let start = next;
        next += line.len() + 1;
        let line = line.find('#').map_or(line, |comment| &line[..comment]);
        let shorter = line.trim_start_matches(['\u{feff}', ' ', '\t']);
        (start + line.len() - shorter.len(), shorter.trim_end())
    });
    lines.filter(|(_, line)| !line.is_empty())
}

/// A name of a list, and how many numbers have it.
#[derive(Clone, Copy)]
struct Entry<'t> {
    name: &'t str,
    count: u32,
}

impl NameList {
    /// The entries after a change: first number, last, name. What is wrong in the text is passed over.
    pub(crate) fn entries(
        &self,
        change: usize,
    ) -> impl Iterator<Item = (i128, i128, Option<Arc<str>>)> {
        let mut next = 0i128;
        self.names(change, &mut |_, _, _| {}).into_iter().filter_map(move |entry| {
            let first = next;
            next += i128::from(entry.count);
            let named = entry.name != "_" && entry.count > 0;
            named.then(|| (first, next - 1, Some(escape(entry.name).into())))
        })
    }

    fn names(&self, change: usize, wrong: &mut dyn FnMut(usize, &str, &str)) -> Vec<Entry<'_>> {
        let mut list: Vec<Entry<'_>> = Vec::new();
        let mut steps = 0usize;
        let mut none = false;
        for change in self.changes.iter().take(change.saturating_add(1)) {
            none = false;
            for (start, line) in content(&self.text[change.start..change.end]) {
                steps = steps.saturating_add(list.len().saturating_mul(line.len()));
                match line {
                    "none" => none = true,
                    "anew" => list.clear(),
                    line => {
                        if let Err(message) = apply(&mut list, line) {
                            wrong(change.start + start, line, &message);
                        }
                    }
                }
                if list.len() > NAMES_MAX || steps > STEPS_MAX {
                    wrong(change.start + start, line, "this list is too long");
                    return Vec::new();
                }
            }
        }
        if none { Vec::new() } else { list }
    }
}

/// Makes what one line says of the list.
fn apply<'t>(list: &mut Vec<Entry<'t>>, line: &'t str) -> Result<(), String> {
    let mut words: Vec<&str> = line.split_ascii_whitespace().collect();
    match words[0] {
        "-" => {
            for name in &words[1..] {
                let at = find(list, name)?;
                list.remove(at);
            }
        }
        "~" => {
            for word in &words[1..] {
                let changed = entry(word)?;
                let at = find(list, changed.name)?;
                list[at].count = changed.count;
            }
        }
        "+" => {
            let at = match words.as_slice() {
                [_, .., "first"] => {
                    words.truncate(words.len() - 1);
                    0
                }
                [_, .., "after", name] => {
                    let at = find(list, name)? + 1;
                    words.truncate(words.len() - 2);
                    at
                }
                _ => return Err("`+` says where: `after NAME` or `first`".into()),
            };
            let added = words[1..].iter().map(|word| entry(word)).collect::<Result<Vec<_>, _>>()?;
            list.splice(at..at, added);
        }
        _ => {
            for word in words {
                list.push(entry(word)?);
            }
        }
    }
    Ok(())
}

fn find(list: &[Entry<'_>], name: &str) -> Result<usize, String> {
    let found = list.iter().position(|entry| entry.name == name);
    found.ok_or_else(|| format!("`{}` is not in the list before", escape(name)))
}

/// `name` or `name*count`.
fn entry(word: &str) -> Result<Entry<'_>, String> {
    let (name, count) = word.split_once('*').unwrap_or((word, "1"));
    match count.parse() {
        Ok(count) if !name.is_empty() => Ok(Entry { name, count }),
        _ => Err(format!("`{}` is no name; they look like `stone` or `stone*2`", escape(word))),
    }
}

//! Id tables: a list of names, and what changed from version to version.

use crate::gates::Timeline;
use crate::names::written;

/// Ids and names, in order of id.
pub(crate) type Ids = Vec<(i64, String)>;

/// What is written on a line is no wider than this.
const WIDTH: usize = 100;

/// The lines of a table over the versions that have it, oldest first.
pub(crate) fn lines(tables: &[(usize, Ids)], timeline: &Timeline) -> Vec<String> {
    lines_from(None, tables, timeline)
}

/// The same behind lines that lead to a table.
pub(crate) fn lines_after(
    before: &Ids,
    tables: &[(usize, Ids)],
    timeline: &Timeline,
) -> Vec<String> {
    lines_from(Some(before), tables, timeline)
}

fn lines_from(before: Option<&Ids>, tables: &[(usize, Ids)], timeline: &Timeline) -> Vec<String> {
    let mut lines = Vec::new();
    let mut last: Option<&Ids> = before;
    for (version, ids) in tables.iter().filter(|(_, ids)| !ids.is_empty()) {
        let words = match last {
            Some(last) if last == ids => continue,
            Some(last) => edits(last, ids).unwrap_or_else(|| base(ids)),
            None => base(ids),
        };
        last = Some(ids);
        lines.push(line(&timeline.start(*version), &words));
    }
    lines
}

/// Words on lines, the first behind the version.
fn line(version: &str, words: &[String]) -> String {
    let mut text = format!("  {version}:");
    let mut column = text.len();
    for word in words {
        if column + 1 + word.trim_end_matches(',').len() > WIDTH {
            // A comma at the end of a line would go on with the same change.
            while text.ends_with(',') {
                text.pop();
            }
            text.push_str("\n   ");
            column = 3;
        }
        text.push(' ');
        text.push_str(word);
        column += 1 + word.len();
    }
    while text.ends_with(',') {
        text.pop();
    }
    text.push('\n');
    text
}

/// The whole table.
fn base(ids: &Ids) -> Vec<String> {
    let mut next = 0;
    let word = |(id, name): &(i64, String)| {
        let name = written(name);
        let word = if *id == next { name } else { format!("{name} = {id}") };
        next = id.saturating_add(1);
        word
    };
    ids.iter().map(word).collect()
}

/// One change of a table.
enum Edit<'a> {
    Remove(&'a str),
    Move(&'a str, Option<&'a str>),
    Add(&'a str, Option<&'a str>),
    AddAt(&'a str, i64),
}

/// What turns one table into another; `None` if that is longer than the table, or cannot be said so.
fn edits(from: &Ids, to: &Ids) -> Option<Vec<String>> {
    let found = by_place(from, to).or_else(|| by_number(from, to))?;
    if found.len() * 3 > to.len() {
        return None;
    }
    let place = |after: &Option<&str>| match after {
        Some(name) => format!("after {}", written(name)),
        None => "first".to_owned(),
    };
    let word = |edit: &Edit<'_>| match edit {
        Edit::Remove(name) => format!("- {},", written(name)),
        Edit::Move(name, after) => format!("move {} {},", written(name), place(after)),
        Edit::Add(name, after) => format!("+ {} {},", written(name), place(after)),
        Edit::AddAt(name, id) => format!("+ {} = {id},", written(name)),
    };
    Some(found.iter().map(word).collect())
}

/// Edits by the order of the names.
fn by_place<'a>(from: &'a Ids, to: &'a Ids) -> Option<Vec<Edit<'a>>> {
    let has = |list: &Ids, name: &str| list.iter().any(|(_, other)| other == name);
    let mut edits = Vec::new();
    let mut now = from.clone();
    for (_, name) in from.iter().filter(|(_, name)| !has(to, name)) {
        edits.push(Edit::Remove(name));
        take(&mut now, name);
    }
    let kept = common(&now, to);
    let mut before: Option<&str> = None;
    for (_, name) in to {
        if !has(from, name) {
            insert(&mut now, name, before)?;
            edits.push(Edit::Add(name, before));
        } else if !kept.contains(&name.as_str()) {
            take(&mut now, name);
            insert(&mut now, name, before)?;
            edits.push(Edit::Move(name, before));
        }
        before = Some(name);
    }
    (now == *to).then_some(edits)
}

/// Edits of a table with gaps, where nothing but new numbers is added.
fn by_number<'a>(from: &'a Ids, to: &'a Ids) -> Option<Vec<Edit<'a>>> {
    let kept = from.iter().all(|entry| to.contains(entry));
    let new = to.iter().filter(|entry| !from.contains(entry));
    kept.then(|| new.map(|(id, name)| Edit::AddAt(name, *id)).collect())
}

/// The longest row of names that both have in this order.
fn common<'a>(a: &Ids, b: &'a Ids) -> Vec<&'a str> {
    let width = b.len() + 1;
    let mut best = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            best[i * width + j] = if a[i].1 == b[j].1 {
                best[(i + 1) * width + j + 1] + 1
            } else {
                best[(i + 1) * width + j].max(best[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut row = Vec::new();
    while i < a.len() && j < b.len() {
        if a[i].1 == b[j].1 {
            row.push(b[j].1.as_str());
            (i, j) = (i + 1, j + 1);
        } else if best[(i + 1) * width + j] >= best[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    row
}

/// As the wire language takes a name out: those close behind move down.
fn take(list: &mut Ids, name: &str) {
    let Some(at) = list.iter().position(|(_, other)| other == name) else { return };
    let (mut next, _) = list.remove(at);
    for (id, _) in &mut list[at..] {
        if *id != next + 1 {
            break;
        }
        next = *id;
        *id -= 1;
    }
}

/// As the wire language puts a name in: those close behind move up.
fn insert(list: &mut Ids, name: &str, after: Option<&str>) -> Option<()> {
    let (at, id) = match after {
        None => (0, 0),
        Some(after) => {
            let at = list.iter().position(|(_, other)| other == after)?;
            (at + 1, list[at].0 + 1)
        }
    };
    let mut next = id;
    for (id, _) in &mut list[at..] {
        if *id != next {
            break;
        }
        *id += 1;
        next = *id;
    }
    list.insert(at, (id, name.to_owned()));
    Some(())
}

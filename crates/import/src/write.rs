//! Shapes as text in the wire language.

use crate::gates::Timeline;
use crate::names::{one_line, quoted, written};
use crate::set::Set;
use crate::shape::{Arm, Entry, EntryKind, EntryValue, EnumEntry, Label, Part, Shape};

/// What is written is no wider than this, where it can be cut.
const WIDTH: usize = 100;

/// Writes what is there in `around`.
#[derive(Clone, Copy)]
pub(crate) struct Writer<'a> {
    pub(crate) timeline: &'a Timeline,
}

impl Writer<'_> {
    /// A type behind `column` columns of its line; further lines stand `indent` deep.
    pub(crate) fn shape(&self, shape: &Shape, around: Set, indent: usize, column: usize) -> String {
        match shape {
            Shape::Name(name, args) => {
                if args.is_empty() {
                    return name.clone();
                }
                let args: Vec<String> =
                    args.iter().map(|arg| self.shape(arg, around, indent, column)).collect();
                format!("{name}({})", args.join(", "))
            }
            Shape::Text(encoding, len) => format!("{encoding}[{len}]"),
            Shape::Bytes(len) => format!("bytes[{len}]"),
            Shape::Struct(entries) => self.structure(entries, around, indent, column),
            Shape::Array(count, inner) => {
                self.behind(&format!("[{count}] "), inner, around, indent, column)
            }
            Shape::Opt(inner) => self.behind("opt ", inner, around, indent, column),
            Shape::Sized(len, inner) => {
                self.behind(&format!("sized[{len}] "), inner, around, indent, column)
            }
            Shape::Enum(repr, entries) => {
                let head = format!("enum {} ", self.shape(repr, around, indent, column));
                self.names(head, entries, around, indent, column)
            }
            Shape::Flags(repr, entries) => {
                let head = format!("flags {} ", self.shape(repr, around, indent, column));
                self.names(head, entries, around, indent, column)
            }
            Shape::Bits(repr, parts) => bits(repr, parts, indent, column),
            Shape::Match(subject, arms) => {
                let arms = self.arms(arms, around, indent + 2, &|writer, body, set, column| {
                    writer.shape(body, set, indent + 2, column)
                });
                format!("match {subject} {{\n{arms}{}}}", pad(indent))
            }
            // As a type it has no bytes: it is written as a `let`.
            Shape::Width(_) | Shape::Nothing => "nothing".into(),
        }
    }

    fn behind(&self, head: &str, inner: &Shape, set: Set, indent: usize, column: usize) -> String {
        format!("{head}{}", self.shape(inner, set, indent, column + head.len()))
    }

    /// `{ .. }`, on one line where it fits.
    fn structure(&self, entries: &[Entry], around: Set, indent: usize, column: usize) -> String {
        if entries.is_empty() {
            return "{}".into();
        }
        let plain = entries.iter().all(|entry| {
            entry.set.and(around) == around && matches!(entry.kind, EntryKind::Field(..))
        });
        let lines = self.entries(entries, around, indent + 2);
        if plain && entries.len() <= 6 {
            let fields: Vec<&str> = lines.lines().map(str::trim).collect();
            let one = format!("{{ {} }}", fields.join(", "));
            if lines.lines().count() == entries.len() && column + one.chars().count() <= WIDTH {
                return one;
            }
        }
        format!("{{\n{lines}{}}}", pad(indent))
    }

    /// Fields, one a line, with a newline behind each.
    pub(crate) fn entries(&self, entries: &[Entry], around: Set, indent: usize) -> String {
        let mut out = String::new();
        let mut at = 0;
        while let Some(entry) = entries.get(at) {
            let set = entry.set.and(around);
            at += 1;
            if set.is_empty() {
                continue;
            }
            let Some((condition, mut fields)) = self.conditional(entry, set) else {
                let gate = self.timeline.gate(set, around);
                out.push_str(&self.entry(entry, &gate, set, indent));
                continue;
            };
            // Fields of one condition stand together.
            let mut all = set;
            while let Some(next) = entries.get(at) {
                let set = next.set.and(around);
                if !set.is_empty() {
                    match self.conditional(next, set) {
                        Some((other, body)) if other == condition => fields.extend(body),
                        _ => break,
                    }
                    all = all.or(set);
                }
                at += 1;
            }
            let head = format!("{}{}if {condition} ", pad(indent), self.timeline.gate(all, around));
            let body = self.structure(&fields, all, indent, head.chars().count());
            out.push_str(&format!("{head}{body}\n"));
        }
        out
    }

    fn entry(&self, entry: &Entry, gate: &str, set: Set, indent: usize) -> String {
        let start = format!("{}{gate}", pad(indent));
        match &entry.kind {
            EntryKind::Field(name, shape) => {
                let head = format!("{start}{}: ", written(name));
                let column = head.chars().count();
                format!("{head}{}\n", self.shape(shape, set, indent, column))
            }
            EntryKind::Match(subject, arms) => {
                let arms =
                    self.arms(arms, set, indent + 2, &|writer, body, set, column| match body {
                        Shape::Struct(entries) if entries.is_empty() => "nothing".into(),
                        Shape::Struct(entries) => {
                            writer.structure(entries, set, indent + 2, column)
                        }
                        other => writer.shape(other, set, indent + 2, column),
                    });
                format!("{start}match {subject} {{\n{arms}{}}}\n", pad(indent))
            }
            EntryKind::Let(name, value) => format!("{start}let {} = {value}\n", written(name)),
            EntryKind::Tail(why) => {
                format!("{}// Not read from here: {}.\n{start}...\n", pad(indent), one_line(why))
            }
        }
    }

    /// A match with one thing in it, or nothing, as a condition and fields. What stands under the same
    /// condition may be another thing in other versions.
    fn conditional(&self, entry: &Entry, set: Set) -> Option<(String, Vec<Entry>)> {
        let (subject, arms) = match &entry.kind {
            EntryKind::Field(_, Shape::Match(subject, arms)) | EntryKind::Match(subject, arms) => {
                (subject, arms)
            }
            _ => return None,
        };
        let mut found: Option<(String, Vec<Entry>)> = None;
        for (set, arms) in by_version(arms, set) {
            let (otherwise, listed): (Vec<&Arm>, Vec<&Arm>) =
                arms.into_iter().partition(|arm| arm.label == Label::Else);
            let first = listed.first()?;
            let (body, negated) = match otherwise.first() {
                None if listed.iter().all(|arm| arm.body == first.body) => (&first.body, false),
                Some(arm) if listed.iter().all(|arm| arm.body.is_nothing()) => (&arm.body, true),
                _ => return None,
            };
            let labels: Vec<&Label> = listed.iter().map(|arm| &arm.label).collect();
            let condition = condition(subject, &labels, negated)?;
            let fields = match (&entry.kind, body) {
                (EntryKind::Field(name, _), body) => {
                    vec![Entry { set, kind: EntryKind::Field(name.clone(), body.clone()) }]
                }
                (_, Shape::Struct(fields)) => fields
                    .iter()
                    .map(|field| Entry { set: field.set.and(set), kind: field.kind.clone() })
                    .filter(|field| !field.set.is_empty())
                    .collect(),
                _ => return None,
            };
            match &mut found {
                None => found = Some((condition, fields)),
                Some((other, all)) if *other == condition => all.extend(fields),
                Some(_) => return None,
            }
        }
        found
    }

    /// Arms of a match, with those that hold the same together.
    fn arms(
        &self,
        arms: &[Arm],
        around: Set,
        indent: usize,
        body: &dyn Fn(&Self, &Shape, Set, usize) -> String,
    ) -> String {
        let mut groups: Vec<(Set, &Shape, Vec<&Label>)> = Vec::new();
        for arm in arms {
            let set = arm.set.and(around);
            if set.is_empty() {
                continue;
            }
            let same = groups.iter_mut().find(|(other, shape, labels)| {
                *other == set
                    && **shape == arm.body
                    && labels[0] != &Label::Else
                    && arm.label != Label::Else
            });
            match same {
                Some((_, _, labels)) => labels.push(&arm.label),
                None => groups.push((set, &arm.body, vec![&arm.label])),
            }
        }
        let mut out = String::new();
        for (set, shape, labels) in groups {
            let start = format!("{}{}", pad(indent), self.timeline.gate(set, around));
            let labels: Vec<String> = labels.into_iter().map(label).collect();
            let mut column = start.chars().count();
            let mut text = start;
            for (at, label) in labels.iter().enumerate() {
                let last = at + 1 == labels.len();
                let width = label.chars().count() + 1;
                if at > 0 && column + width > WIDTH - 4 {
                    text.truncate(text.trim_end().len());
                    text.push_str(&format!("\n{}", pad(indent + 2)));
                    column = indent + 2;
                }
                text.push_str(label);
                text.push_str(if last { "" } else { ", " });
                column += width + 1;
            }
            let body = body(self, shape, set, column + 3);
            out.push_str(&format!("{text} => {body}\n"));
        }
        out
    }

    /// `{ a b c }` behind `enum` or `flags`.
    fn names(
        &self,
        head: String,
        entries: &[EnumEntry],
        around: Set,
        indent: usize,
        column: usize,
    ) -> String {
        let mut words: Vec<String> = Vec::new();
        let mut plain = true;
        for (at, entry) in entries.iter().enumerate() {
            let set = entry.set.and(around);
            match &entry.value {
                EntryValue::Text(text) => {
                    plain = false;
                    let gate = self.timeline.gate(set, around);
                    words.push(format!("{gate}{} = {}", written(&entry.name), quoted(text)));
                }
                EntryValue::Ints(_) => {
                    for (set, number) in follow(&entries[..at], entry, set) {
                        let gate = self.timeline.gate(set, around);
                        let number = number.map_or(String::new(), |n| format!(" = {n}"));
                        plain &= gate.is_empty() && number.is_empty();
                        words.push(format!("{gate}{}{number}", written(&entry.name)));
                    }
                }
            }
        }
        let separator = if plain { " " } else { ", " };
        let one = format!("{head}{{ {} }}", words.join(separator));
        if column + one.chars().count() <= WIDTH {
            return one;
        }
        let mut out = format!("{head}{{\n{}", pad(indent + 2));
        let mut column = indent + 2;
        for (at, word) in words.iter().enumerate() {
            let width = word.chars().count();
            if at > 0 {
                if column + separator.len() + width > WIDTH {
                    out.push_str(&format!("\n{}", pad(indent + 2)));
                    column = indent + 2;
                } else {
                    out.push_str(separator);
                    column += separator.len();
                }
            }
            out.push_str(word);
            column += width;
        }
        out.push_str(&format!("\n{}}}", pad(indent)));
        out
    }
}

/// The versions of a match that have the same arms, and these.
fn by_version(arms: &[Arm], set: Set) -> Vec<(Set, Vec<&Arm>)> {
    let mut groups: Vec<(Set, Vec<usize>)> = Vec::new();
    for version in set.iter() {
        let here: Vec<usize> = (0..arms.len()).filter(|at| arms[*at].set.has(version)).collect();
        match groups.iter_mut().find(|(_, other)| *other == here) {
            Some((set, _)) => set.add(version),
            None => groups.push((Set::one(version), here)),
        }
    }
    groups
        .into_iter()
        .map(|(set, here)| (set, here.iter().map(|at| &arms[*at]).collect()))
        .collect()
}

/// In which versions an entry's number follows from the entry before, and its number in the others.
fn follow(before: &[EnumEntry], entry: &EnumEntry, set: Set) -> Vec<(Set, Option<i128>)> {
    let mut groups: Vec<(Set, Option<i128>)> = Vec::new();
    for version in set.iter() {
        let Some(number) = entry.value.at(Some(version)) else { continue };
        let last = before.iter().rev().find(|other| other.set.has(version));
        let next = last.map_or(Some(0), |other| other.value.at(Some(version)).map(|n| n + 1));
        let written = (next != Some(number)).then_some(number);
        match groups.iter_mut().find(|(_, other)| *other == written) {
            Some((set, _)) => set.add(version),
            None => groups.push((Set::one(version), written)),
        }
    }
    // A number that is the same everywhere may as well be written everywhere.
    let mut numbers = set.iter().filter_map(|version| entry.value.at(Some(version)));
    if groups.len() > 1
        && let Some(first) = numbers.next()
        && numbers.all(|n| n == first)
    {
        return vec![(set, Some(first))];
    }
    groups
}

fn label(label: &Label) -> String {
    match label {
        Label::Bool(b) => b.to_string(),
        Label::Int(n) => n.to_string(),
        Label::Name(name) => written(name),
        Label::Text(text) => quoted(text),
        Label::Conn(name) => format!("(conn.{})", written(name)),
        Label::Else => "else".into(),
    }
}

/// `x == 1`, `x in {1, 2}`, `not flag`.
fn condition(subject: &str, labels: &[&Label], negated: bool) -> Option<String> {
    Some(match (labels, negated) {
        ([Label::Bool(truth)], _) => {
            if *truth != negated {
                subject.to_owned()
            } else {
                format!("not {subject}")
            }
        }
        ([one], negated) => {
            let compare = if negated { "!=" } else { "==" };
            format!("{subject} {compare} {}", label(one))
        }
        (labels, negated) => {
            if labels.iter().any(|label| !matches!(label, Label::Int(_) | Label::Name(_))) {
                return None;
            }
            let labels: Vec<String> = labels.iter().map(|one| label(one)).collect();
            let set = format!("{subject} in {{{}}}", labels.join(", "));
            if set.len() > WIDTH / 2 {
                return None;
            }
            if negated { format!("not ({set})") } else { set }
        }
    })
}

fn bits(repr: &str, parts: &[Part], indent: usize, column: usize) -> String {
    let part = |part: &Part| match &part.name {
        Some(name) => {
            let letter = if part.signed { 'i' } else { 'u' };
            format!("{}: {letter}{}", written(name), part.width)
        }
        None => format!("pad {}", part.width),
    };
    let parts: Vec<String> = parts.iter().map(part).collect();
    let one = format!("bits {repr} msb {{ {} }}", parts.join(", "));
    if column + one.chars().count() <= WIDTH {
        return one;
    }
    let inner = format!("\n{}", pad(indent + 2));
    format!("bits {repr} msb {{{inner}{}\n{}}}", parts.join(&inner), pad(indent))
}

fn pad(indent: usize) -> String {
    " ".repeat(indent)
}

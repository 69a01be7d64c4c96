//! Replacing texts: in plain text, and in the words of chat components, wherever they are cut.

use midwire_definition::given::{self, Given};
use midwire_definition::nbt::{self, Event, Group, Payload, Walk};
use midwire_definition::plan::NbtForm;
use midwire_definition::plan::anchor::Step;
use midwire_definition::syntax::ast::same_name;
use regex::Regex;

/// The most bytes that a text may get.
const TEXT_MAX: usize = 1 << 20;
/// Components inside each other that are looked into, and how many of them.
const DEPTH_MAX: usize = 64;
const PARTS_MAX: usize = 10_000;

/// What is replaced, and by what.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) from: From,
    pub(super) to: Box<str>,
}

/// What is looked for.
#[derive(Debug, Clone)]
pub(super) enum From {
    Text(Box<str>),
    /// A text without regard of case: what stands in its place is meant as it is.
    Nocase(Box<Regex>),
    /// `$1` in what stands in its place is a group.
    Regex(Box<Regex>),
}

/// A part of a text, and what stands in its place.
struct Match {
    start: usize,
    end: usize,
    to: String,
}

impl Pair {
    /// Whether it looks for format codes.
    pub(super) fn has_codes(&self) -> bool {
        match &self.from {
            From::Text(text) => text.contains('§'),
            From::Nocase(regex) => regex.as_str().contains('§'),
            From::Regex(_) => false,
        }
    }

    /// Where a text matches, from its start on.
    fn matches(&self, text: &str) -> Vec<Match> {
        let plain = |start, end| Match { start, end, to: self.to.to_string() };
        match &self.from {
            From::Text(from) => {
                text.match_indices(&**from).map(|(at, found)| plain(at, at + found.len())).collect()
            }
            From::Nocase(regex) => {
                regex.find_iter(text).map(|found| plain(found.start(), found.end())).collect()
            }
            From::Regex(regex) => {
                let mut all = Vec::new();
                for captures in regex.captures_iter(text) {
                    let Some(whole) = captures.get(0) else { continue };
                    let mut to = String::new();
                    captures.expand(&self.to, &mut to);
                    all.push(Match { start: whole.start(), end: whole.end(), to });
                }
                all
            }
        }
    }
}

/// A text with everything replaced, one pair after the other; `None` if nothing was found.
///
/// # Errors
/// The text would become too long.
pub(super) fn in_text(text: &str, pairs: &[Pair]) -> Result<Option<String>, String> {
    let mut run = vec![text.to_owned()];
    Ok(if in_run(&mut run, pairs)? { run.pop() } else { None })
}

/// Replaces in texts that are read as one. What stands in the place of a match goes to the text that the
/// match begins in.
fn in_run(run: &mut [String], pairs: &[Pair]) -> Result<bool, String> {
    let mut is_changed = false;
    for pair in pairs {
        let joined = run.concat();
        let matches = pair.matches(&joined);
        if matches.is_empty() {
            continue;
        }
        let grown: usize = matches.iter().map(|m| m.to.len()).sum();
        if joined.len().saturating_add(grown) > TEXT_MAX {
            return Err(format!("the text would have more than {TEXT_MAX} bytes"));
        }
        is_changed = true;
        let (mut start, last) = (0, run.len().saturating_sub(1));
        for (i, part) in run.iter_mut().enumerate() {
            let end = start + part.len();
            let mut new = String::with_capacity(part.len());
            let mut at = start;
            for found in &matches {
                if found.end <= start && found.start < start {
                    continue;
                }
                // What is empty and lies between two parts belongs to the second.
                if found.start >= end && !(i == last && found.start == end) {
                    break;
                }
                new.push_str(joined.get(at..found.start.max(at)).unwrap_or_default());
                if found.start >= start {
                    new.push_str(&found.to);
                }
                at = at.max(found.end.min(end));
            }
            new.push_str(joined.get(at..end).unwrap_or_default());
            *part = new;
            start = end;
        }
    }
    Ok(is_changed)
}

/// A component in JSON, or a text that is meant as it stands, with the words replaced that players see.
///
/// # Errors
/// The text would become too long.
pub(super) fn in_json(text: &str, pairs: &[Pair]) -> Result<Option<String>, String> {
    let is_component = text.trim_start().starts_with(['{', '[', '"']);
    let parsed = if is_component { given::parse(text).ok() } else { None };
    let Some(mut component) = parsed else { return in_text(text, pairs) };
    let mut words = Words::default();
    words.add(&mut component, 0);
    words.end_run();
    let mut is_changed = false;
    for run in words.runs {
        let mut texts: Vec<String> = run.iter().map(|text| (**text).clone()).collect();
        if in_run(&mut texts, pairs)? {
            is_changed = true;
            for (old, new) in run.into_iter().zip(texts) {
                *old = new;
            }
        }
    }
    Ok(is_changed.then(|| {
        let mut out = String::new();
        write_json(&component, &mut out);
        out
    }))
}

/// The words of a component, in runs of texts that players read as one.
#[derive(Default)]
struct Words<'c> {
    runs: Vec<Vec<&'c mut String>>,
    run: Vec<&'c mut String>,
    parts: usize,
}

impl<'c> Words<'c> {
    fn end_run(&mut self) {
        if !self.run.is_empty() {
            self.runs.push(std::mem::take(&mut self.run));
        }
    }

    fn add(&mut self, component: &'c mut Given, depth: usize) {
        self.parts += 1;
        if depth > DEPTH_MAX || self.parts > PARTS_MAX {
            return self.end_run();
        }
        match component {
            Given::Text(text) => self.run.push(text),
            Given::List(parts) => parts.iter_mut().for_each(|part| self.add(part, depth + 1)),
            Given::Object(members) => self.object(members, depth),
            _ => self.end_run(),
        }
    }

    fn object(&mut self, members: &'c mut [(String, Given)], depth: usize) {
        let (mut own, mut with, mut extra, mut fallback) = (None, None, None, None);
        for (key, value) in members {
            match key.as_str() {
                "text" | "" if own.is_none() => own = Some(value),
                "with" => with = Some(value),
                "extra" => extra = Some(value),
                "fallback" => fallback = Some(value),
                _ => {}
            }
        }
        match own {
            Some(own) => self.add(own, depth + 1),
            None => {
                // A translated text: each argument stands between words that are not here.
                self.end_run();
                if let Some(part) = fallback {
                    self.add(part, depth + 1);
                    self.end_run();
                }
                if let Some(Given::List(args)) = with {
                    for arg in args {
                        self.add(arg, depth + 1);
                        self.end_run();
                    }
                }
            }
        }
        if let Some(extra) = extra {
            self.add(extra, depth + 1);
        }
    }
}

/// A text in NBT that is to get another value: where, as an edit's path behind the field.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NbtChange {
    pub(super) path: String,
    pub(super) text: String,
}

/// What to change in a component in NBT.
///
/// # Errors
/// A text would become too long.
pub(super) fn in_nbt(
    bytes: &[u8],
    form: NbtForm,
    pairs: &[Pair],
) -> Result<Vec<NbtChange>, String> {
    let Some(mut component) = component_of(bytes, form) else { return Ok(Vec::new()) };
    let before = component.clone();
    let mut words = Words::default();
    words.add(&mut component, 0);
    words.end_run();
    for run in words.runs {
        let mut texts: Vec<String> = run.iter().map(|text| (**text).clone()).collect();
        if in_run(&mut texts, pairs)? {
            for (old, new) in run.into_iter().zip(texts) {
                *old = new;
            }
        }
    }
    let mut changes = Vec::new();
    differences(&before, &component, &mut String::new(), &mut changes);
    Ok(changes)
}

/// The texts that a path leads to in NBT, as they are: names go through all elements of lists, and a list
/// at the end stands for its elements.
pub(super) fn texts_in_nbt(bytes: &[u8], form: NbtForm, steps: &[Step]) -> Vec<NbtChange> {
    let mut texts = Vec::new();
    if let Some(root) = component_of(bytes, form) {
        texts_at(&root, steps, &mut String::new(), &mut texts);
    }
    texts
}

/// Paths in NBT, with every element of the lists that they go through in the packet.
pub(super) fn paths_in_nbt(bytes: &[u8], form: NbtForm, steps: &[Step]) -> Vec<String> {
    let mut paths = Vec::new();
    let root = component_of(bytes, form);
    paths_at(root.as_ref(), steps, &mut String::new(), &mut paths);
    paths
}

fn paths_at(value: Option<&Given>, steps: &[Step], path: &mut String, out: &mut Vec<String>) {
    let length = path.len();
    let Some((step, rest)) = steps.split_first() else { return out.push(path.clone()) };
    let next = match (value, step) {
        (Some(Given::List(items)), Step::Name(_)) => {
            for (i, item) in items.iter().enumerate() {
                path.push_str(&format!("[{i}]"));
                paths_at(Some(item), steps, path, out);
                path.truncate(length);
            }
            return;
        }
        (value, Step::Index(index)) => {
            path.push_str(&format!("[{index}]"));
            match value {
                Some(Given::List(items)) => items.get(*index as usize),
                _ => None,
            }
        }
        (value, Step::Name(wanted)) => {
            let members = match value {
                Some(Given::Object(members)) => members.as_slice(),
                _ => &[],
            };
            let known = members.iter().find(|(key, _)| same_name(key, wanted));
            let name = known.map_or(&**wanted, |(key, _)| key);
            path.push_str(&format!(".`{name}`"));
            known.map(|(_, member)| member)
        }
    };
    paths_at(next, rest, path, out);
    path.truncate(length);
}

fn texts_at(value: &Given, steps: &[Step], path: &mut String, out: &mut Vec<NbtChange>) {
    let length = path.len();
    match (value, steps.split_first()) {
        (Given::Text(text), None) => out.push(NbtChange { path: path.clone(), text: text.clone() }),
        (Given::List(items), first) => {
            for (i, item) in items.iter().enumerate() {
                let rest = match first {
                    Some((Step::Index(wanted), _)) if usize::try_from(*wanted) != Ok(i) => continue,
                    Some((Step::Index(_), rest)) => rest,
                    _ => steps,
                };
                path.push_str(&format!("[{i}]"));
                texts_at(item, rest, path, out);
                path.truncate(length);
            }
        }
        (Given::Object(members), Some((Step::Name(wanted), rest))) => {
            for (key, member) in members.iter().filter(|(key, _)| same_name(key, wanted)) {
                path.push_str(&format!(".`{key}`"));
                texts_at(member, rest, path, out);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// The texts in which two values of one shape differ.
fn differences(old: &Given, new: &Given, path: &mut String, out: &mut Vec<NbtChange>) {
    let length = path.len();
    match (old, new) {
        (Given::Text(a), Given::Text(b)) if a != b => {
            out.push(NbtChange { path: path.clone(), text: b.clone() });
        }
        (Given::List(a), Given::List(b)) => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                path.push_str(&format!("[{i}]"));
                differences(a, b, path, out);
                path.truncate(length);
            }
        }
        (Given::Object(a), Given::Object(b)) => {
            for ((key, a), (_, b)) in a.iter().zip(b) {
                path.push_str(&format!(".`{key}`"));
                differences(a, b, path, out);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// NBT without its types.
fn component_of(bytes: &[u8], form: NbtForm) -> Option<Given> {
    let mut walk = Walk::new(bytes, form, 2 * DEPTH_MAX as u32);
    let mut open: Vec<(String, Given)> = Vec::new();
    for _ in 0..PARTS_MAX {
        let (name, value) = match walk.next_event().ok()?? {
            Event::Nothing => return None,
            Event::Open(tag, group) => {
                let empty = match group {
                    Group::Compound => Given::Object(Vec::new()),
                    Group::List(..) => Given::List(Vec::new()),
                };
                open.push((nbt::text(tag.name.unwrap_or(&[])).into_owned(), empty));
                continue;
            }
            Event::Value(tag, payload) => {
                let value = match payload {
                    Payload::String(text) => Given::Text(nbt::text(text).into_owned()),
                    _ => Given::Null,
                };
                (nbt::text(tag.name.unwrap_or(&[])).into_owned(), value)
            }
            Event::Close(_) => open.pop()?,
        };
        match open.last_mut() {
            Some((_, Given::Object(members))) => members.push((name, value)),
            Some((_, Given::List(items))) => items.push(value),
            _ => return Some(value),
        }
    }
    None
}

/// Writes a value as JSON.
pub(super) fn write_json(value: &Given, out: &mut String) {
    match value {
        Given::Null => out.push_str("null"),
        Given::Bool(is) => out.push_str(if *is { "true" } else { "false" }),
        Given::Int(n) => out.push_str(&n.to_string()),
        Given::Float(n) => out.push_str(&format!("{n:?}")),
        Given::Text(text) => write_json_text(text, out),
        Given::Bytes(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            write_json_text(&hex, out);
        }
        Given::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_json(item, out);
            }
            out.push(']');
        }
        Given::Object(members) => {
            out.push('{');
            for (i, (key, item)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_json_text(key, out);
                out.push(':');
                write_json(item, out);
            }
            out.push('}');
        }
    }
}

fn write_json_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A text as a component in JSON; what is one already stays.
pub(super) fn json_component(text: &str) -> String {
    if text.trim_start().starts_with(['{', '[', '"']) && given::parse(text).is_ok() {
        return text.to_owned();
    }
    let mut out = String::from("{\"text\":");
    write_json_text(text, &mut out);
    out.push('}');
    out
}

/// A text as a component in NBT, in typed JSON; what is a component in JSON keeps its parts.
pub(super) fn nbt_component(text: &str) -> Given {
    let is_component = text.trim_start().starts_with(['{', '[', '"']);
    match is_component.then(|| given::parse(text)) {
        Some(Ok(component)) if is_shallow(&component, DEPTH_MAX) => typed(&component),
        _ => typed(&Given::Text(text.to_owned())),
    }
}

/// Whether a component has no more parts inside each other than this: the text may be a peer's.
fn is_shallow(component: &Given, depth: usize) -> bool {
    match component {
        _ if depth == 0 => false,
        Given::List(items) => items.iter().all(|item| is_shallow(item, depth - 1)),
        Given::Object(members) => members.iter().all(|(_, item)| is_shallow(item, depth - 1)),
        _ => true,
    }
}

/// A component with the types that NBT has for its parts.
fn typed(component: &Given) -> Given {
    let tag = |kind: &str, value: Given| {
        Given::Object(vec![
            ("type".to_owned(), Given::Text(kind.to_owned())),
            ("value".to_owned(), value),
        ])
    };
    match component {
        Given::Text(_) | Given::Null | Given::Bytes(_) => tag("string", text_of(component)),
        Given::Bool(is) => tag("byte", Given::Int((*is).into())),
        Given::Int(n) if i32::try_from(*n).is_ok() => tag("int", component.clone()),
        Given::Int(_) => tag("long", component.clone()),
        Given::Float(_) => tag("double", component.clone()),
        Given::Object(members) => {
            let members = members.iter().map(|(key, value)| (key.clone(), typed(value)));
            tag("compound", Given::Object(members.collect()))
        }
        Given::List(items) => {
            // All elements of a list are of one type: texts among compounds stand in one with an empty name.
            let is_plain = items.iter().all(|item| matches!(item, Given::Text(_)));
            let element = |item: &Given| match (is_plain, item) {
                (true, _) => text_of(item),
                (false, Given::Object(members)) => Given::Object(
                    members.iter().map(|(key, value)| (key.clone(), typed(value))).collect(),
                ),
                (false, other) => Given::Object(vec![(String::new(), typed(other))]),
            };
            let of = if is_plain { "string" } else { "compound" };
            let list = Given::Object(vec![
                ("type".to_owned(), Given::Text(of.to_owned())),
                ("value".to_owned(), Given::List(items.iter().map(element).collect())),
            ]);
            tag("list", list)
        }
    }
}

fn text_of(component: &Given) -> Given {
    match component {
        Given::Text(_) => component.clone(),
        _ => Given::Text(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    fn pair(from: &str, to: &str) -> Pair {
        Pair { from: From::Text(from.into()), to: to.into() }
    }

    fn regex(from: &str, to: &str) -> Pair {
        Pair { from: From::Regex(Box::new(Regex::new(from).unwrap())), to: to.into() }
    }

    const PLAIN: NbtForm = NbtForm { named: false, optional: false };

    #[test]
    fn texts_are_replaced_one_pair_after_the_other() {
        let pairs = [pair("Steve", "Alex"), regex(r"(\w+) joined", "hello $1")];
        assert_eq!(in_text("Steve joined", &pairs), Ok(Some("hello Alex".into())));
        assert_eq!(in_text("nothing here", &pairs[..1]), Ok(None));
        assert_eq!(in_text("aaa", &[pair("a", "")]), Ok(Some(String::new())));
        assert_eq!(in_text("ab", &[regex("$", "!")]), Ok(Some("ab!".into())));
        assert_eq!(in_text("ab", &[regex("", "-")]), Ok(Some("-a-b-".into())));
    }

    #[test]
    fn a_name_cut_into_parts_is_found_and_formats_stay() {
        let component = r#"{"text":"<St","color":"red","extra":[{"text":"eve> hi","bold":true}]}"#;
        assert_eq!(
            in_json(component, &[pair("Steve", "Alex")]),
            Ok(Some(
                r#"{"text":"<Alex","color":"red","extra":[{"text":"> hi","bold":true}]}"#.into()
            ))
        );
        assert_eq!(in_json(component, &[pair("red", "blue")]), Ok(None), "no words");
    }

    #[test]
    fn arguments_of_translated_texts_are_words_of_their_own() {
        let component =
            r#"{"translate":"chat.type.text","with":[{"text":"Steve"},"Steve is here"]}"#;
        assert_eq!(
            in_json(component, &[pair("Steve", "Alex")]),
            Ok(Some(
                r#"{"translate":"chat.type.text","with":[{"text":"Alex"},"Alex is here"]}"#.into()
            ))
        );
        assert_eq!(in_json(component, &[pair("SteveSteve", "x")]), Ok(None));
    }

    #[test]
    fn what_is_no_component_is_text() {
        assert_eq!(in_json("{Steve", &[pair("Steve", "Alex")]), Ok(Some("{Alex".into())));
        assert_eq!(in_json(r#""Steve""#, &[pair("Steve", "Alex")]), Ok(Some(r#""Alex""#.into())));
    }

    #[test]
    fn texts_in_nbt_are_found_by_their_paths() {
        let root = hex!("08 0005 5374657665");
        let change = |path: &str, text: &str| NbtChange { path: path.into(), text: text.into() };
        let pairs = [pair("Steve", "Alex")];
        assert_eq!(in_nbt(&root, PLAIN, &pairs), Ok(vec![change("", "Alex")]));
        // {text: "St", extra: [{"": "eve"}, {text: "Steve"}]}
        let compound = hex!(
            "0a 08 0004 74657874 0002 5374"
            "09 0005 6578747261 0a 00000002"
            "08 0000 0003 657665 00"
            "08 0004 74657874 0005 5374657665 00"
            "00"
        );
        assert_eq!(
            in_nbt(&compound, PLAIN, &pairs),
            Ok(vec![
                change(".`text`", "Alex"),
                change(".`extra`[0].``", ""),
                change(".`extra`[1].`text`", "Alex"),
            ])
        );
    }

    #[test]
    fn a_text_that_grows_without_bound_is_refused() {
        let many = "a".repeat(2000);
        assert!(in_text(&many, &[pair("a", &"b".repeat(1000))]).is_err());
    }

    #[test]
    fn plain_text_becomes_a_component_and_components_stay() {
        assert_eq!(json_component("say \"hi\""), r#"{"text":"say \"hi\""}"#);
        assert_eq!(json_component(r#"{"text":"x"}"#), r#"{"text":"x"}"#);
        let text = nbt_component("hi");
        assert_eq!(text.get("type"), Some(&Given::Text("string".into())));
        let mixed = nbt_component(r#"["a",{"text":"b","bold":true}]"#);
        assert_eq!(mixed.get("type"), Some(&Given::Text("list".into())));
    }
}

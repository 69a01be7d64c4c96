//! What came of all edits, and the committed list of those that are refused.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use midwire_definition::EditError;

use crate::leaves::plain;
use crate::packets::Sample;

/// What is done to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Act {
    /// A field that is there gets another value.
    Set,
    /// A field that is not there gets one.
    Add,
    Delete,
    Insert,
    Remove,
    /// A list is given as a whole.
    Replace,
}

impl Act {
    fn name(self) -> &'static str {
        match self {
            Act::Set => "set",
            Act::Add => "add",
            Act::Delete => "delete",
            Act::Insert => "insert",
            Act::Remove => "remove",
            Act::Replace => "replace",
        }
    }
}

/// What came of all edits, over all packets and versions.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Edits that were made and that were refused.
    acts: BTreeMap<Act, (usize, usize)>,
    /// What the list has: a reason, or what follows, and the places.
    lines: BTreeMap<String, BTreeSet<String>>,
    /// Places where an edit was made.
    made: BTreeSet<(Act, String)>,
    /// Fields that the encoder offers, and those that are there.
    offered: BTreeSet<String>,
    there: BTreeSet<String>,
    pub(crate) packets: usize,
    /// Packets that were made again from their values: byte for byte, and those whose blocks were deflated
    /// anew.
    pub(crate) made_again: (usize, usize),
    /// Packets in which several fields were edited at once, and that were made into another.
    pub(crate) together: usize,
    pub(crate) became: usize,
    /// Wrong lengths that were put right.
    pub(crate) remedied: usize,
    pub(crate) messages: BTreeSet<String>,
}

impl Tally {
    pub(crate) fn made(&mut self, sample: &Sample, act: Act, path: &str) {
        self.acts.entry(act).or_default().0 += 1;
        self.made.insert((act, place(sample, path)));
    }

    pub(crate) fn refused(&mut self, sample: &Sample, act: Act, path: &str, error: &EditError) {
        self.acts.entry(act).or_default().1 += 1;
        let reason = reason(error, path);
        let line = format!("{} refused: {reason}", act.name());
        self.lines.entry(line).or_default().insert(place(sample, path));
    }

    /// Another field has another value because of an edit.
    pub(crate) fn follows(&mut self, sample: &Sample, act: Act, path: &str, with: &[String]) {
        let with: BTreeSet<String> = with.iter().map(|path| plain(path)).collect();
        let with: Vec<_> = with.iter().map(|path| format!("`{path}`")).collect();
        let line = format!("{} also sets {}", act.name(), with.join(", "));
        self.lines.entry(line).or_default().insert(place(sample, path));
    }

    pub(crate) fn is_there(&mut self, sample: &Sample, path: &str) {
        self.there.insert(place(sample, path));
    }

    pub(crate) fn is_offered(&mut self, sample: &Sample, path: &str) {
        self.offered.insert(place(sample, path));
    }

    /// The list: under each reason the places, and at the end the fields that are not offered.
    fn list(&self) -> String {
        let mut text = String::new();
        let hidden = "not offered".to_owned();
        let not_offered: BTreeSet<String> = self.there.difference(&self.offered).cloned().collect();
        for (line, places) in self.lines.iter().chain([(&hidden, &not_offered)]) {
            text += &format!("{line}\n");
            for place in places {
                text += &format!("    {place}\n");
            }
        }
        text
    }

    /// Compares what was refused with the committed list.
    pub(crate) fn compare(&self, file: &str) {
        let path = format!("{}/tests/edits/{file}", env!("CARGO_MANIFEST_DIR"));
        let found = self.list();
        if std::env::var_os("MIDWIRE_WRITE_GOLDEN").is_some() {
            std::fs::write(&path, &found).expect("the list can be written");
        }
        let known = std::fs::read_to_string(&path).unwrap_or_default();
        let difference = |a: &str, b: &str| -> String {
            let b: HashSet<String> = whole_lines(b).into_iter().collect();
            let only: Vec<_> = whole_lines(a).into_iter().filter(|l| !b.contains(l)).collect();
            only.join("\n")
        };
        let (more, fewer) = (difference(&found, &known), difference(&known, &found));
        assert!(
            more.is_empty() && fewer.is_empty(),
            "not in {file}:\n{more}\nin {file}, but not so:\n{fewer}"
        );
    }

    /// Numbers for people.
    pub(crate) fn summary(&self) -> String {
        let (same, other) = self.made_again;
        let mut text = format!(
            "{} packets of {} messages\nmade from values: {same} byte for byte, {other} deflated anew\n\
             all at once: {}\nmade into another: {}\nput right: {}\n",
            self.packets,
            self.messages.len(),
            self.together,
            self.became,
            self.remedied,
        );
        for (act, (made, refused)) in &self.acts {
            let places = self.made.iter().filter(|(a, _)| a == act).count();
            text += &format!("{}: {made} made in {places} places, {refused} refused\n", act.name());
        }
        text
    }
}

/// Each place with its reason in front.
fn whole_lines(list: &str) -> Vec<String> {
    let mut reason = "";
    let mut lines = Vec::new();
    for line in list.lines() {
        match line.strip_prefix("    ") {
            Some(place) => lines.push(format!("{reason}: {place}")),
            None => reason = line,
        }
    }
    lines
}

/// A field of a packet, whatever its direction and its place in lists.
fn place(sample: &Sample, path: &str) -> String {
    format!("{} {}", sample.definition.name, plain(path))
}

/// Why an edit of a path is refused, without what differs from packet to packet.
fn reason(error: &EditError, path: &str) -> String {
    let kind = format!("{error:?}");
    let kind = kind.split([' ', '{']).next().unwrap_or("");
    let text = error.to_string().replace(&format!("`{path}`"), "it");
    let mut out = format!("{kind}: ");
    let mut previous = ' ';
    for c in text.chars() {
        match c {
            '0'..='9' if previous == 'N' => continue,
            '0'..='9' if !previous.is_alphanumeric() => {
                if previous == '-' {
                    out.pop();
                }
                out.push('N');
                previous = 'N';
                continue;
            }
            c => out.push(c),
        }
        previous = c;
    }
    out
}

//! Values picked out of a line of JSON while it is written: neither the line nor all that is in it is ever there as
//! a whole, as a packet of eight megabytes may be a hundred as text.

use midwire_definition::syntax::ast::same_name;
use midwire_definition::{Given, given};

use super::columns::write_value;
use crate::print::Sink;

/// The longest value that is kept, in bytes.
const VALUE_MAX: usize = 1 << 20;

/// A step of a path into a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Name(String),
    Index(usize),
}

/// What a path may mean, what comes first in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    /// A key of the packet's JSON.
    Key,
    /// A field of the packet.
    Field,
    /// A field of a packet whose name is the path's first step.
    OfName,
}

const MEANINGS: [Meaning; 3] = [Meaning::Key, Meaning::Field, Meaning::OfName];

/// What was picked.
#[derive(Debug, Default)]
pub(super) struct Picked {
    /// `None`: the packet has no such value.
    pub(super) meaning: Option<Meaning>,
    /// Of a text what it says, of null nothing, of anything else its JSON.
    pub(super) text: String,
    pub(super) is_text: bool,
    /// It was more than is kept, which has to be asked for again.
    pub(super) is_long: bool,
    /// There is a comma or a quote in it.
    pub(super) is_special: bool,
    /// What a text begins with is the beginning of a formula to spreadsheets.
    pub(super) is_formula: bool,
}

impl Picked {
    fn push(&mut self, text: &str, keeps_all: bool) {
        self.is_special = self.is_special || text.contains([',', '"']);
        if self.is_long {
            return;
        }
        if self.text.is_empty() {
            self.is_formula |= self.is_text && text.starts_with(['=', '+', '-', '@']);
        }
        self.text.push_str(text);
        if self.text.len() > VALUE_MAX && !keeps_all {
            (self.text, self.is_long) = (String::new(), true);
        }
    }
}

/// A list or an object that is being read.
#[derive(Debug, Default)]
struct Group {
    is_list: bool,
    /// Elements in front.
    count: usize,
    key: String,
    awaits_key: bool,
}

/// What stands here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Between,
    /// In a number, or in `true`, `false` or `null`.
    Word,
    Text {
        is_key: bool,
    },
}

/// A character of a text that is written as several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    None,
    Begun,
    /// `\u` and so many digits, and what they are.
    Unit(u8, u16),
}

/// Reads lines of JSON, in pieces, and picks values out of them.
#[derive(Debug)]
pub(super) struct Picker {
    paths: Vec<Vec<Step>>,
    /// Values are looked for in no other meaning.
    only: Option<Meaning>,
    pub(super) values: Vec<Picked>,
    /// How many steps of each path in each meaning lead to what is being read.
    matched: Vec<[usize; 3]>,
    groups: Vec<Group>,
    place: Place,
    escape: Escape,
    /// The first half of a character that is written as two units.
    half: Option<u16>,
    word: String,
    /// Values that are being read: which, and how many groups are around.
    open: Vec<(usize, usize)>,
    /// The line's `type` and `name`.
    kind: String,
    name: String,
    /// Values are kept whatever their length.
    pub(super) keeps_all: bool,
}

impl Picker {
    pub(super) fn new(paths: Vec<Vec<Step>>) -> Self {
        let count = paths.len();
        Self {
            paths,
            only: None,
            values: (0..count).map(|_| Picked::default()).collect(),
            matched: vec![[0; 3]; count],
            groups: Vec::new(),
            place: Place::Between,
            escape: Escape::None,
            half: None,
            word: String::new(),
            open: Vec::new(),
            kind: String::new(),
            name: String::new(),
            keeps_all: true,
        }
    }

    /// For one path in one meaning.
    pub(super) fn again(path: Vec<Step>, meaning: Meaning) -> Self {
        Self { only: Some(meaning), ..Self::new(vec![path]) }
    }

    /// Whether the line is about a packet.
    pub(super) fn is_packet(&self) -> bool {
        self.kind == "packet"
    }

    /// Forgets the line.
    pub(super) fn clear(&mut self) {
        for value in &mut self.values {
            let mut text = std::mem::take(&mut value.text);
            text.clear();
            *value = Picked { text, ..Picked::default() };
        }
        self.matched.fill([0; 3]);
        self.groups.clear();
        self.open.clear();
        self.kind.clear();
        self.name.clear();
        (self.place, self.escape, self.half) = (Place::Between, Escape::None, None);
    }

    /// Reads a piece of a line.
    pub(super) fn read(&mut self, piece: &str) {
        let mut rest = piece;
        while let Some(first) = rest.chars().next() {
            let len = match self.place {
                Place::Text { is_key } => self.text(rest, first, is_key),
                Place::Word => self.word(rest),
                Place::Between => self.between(first),
            };
            rest = rest.get(len..).unwrap_or_default();
        }
    }

    /// Reads what stands between values. Gives how many bytes that was.
    fn between(&mut self, first: char) -> usize {
        let mut raw = [0; 4];
        let raw = &*first.encode_utf8(&mut raw);
        match first {
            '{' | '[' => {
                self.begin(false);
                self.raw(raw);
                self.enter();
                let is_list = first == '[';
                self.groups.push(Group { is_list, awaits_key: !is_list, ..Group::default() });
            }
            '}' | ']' => {
                self.raw(raw);
                self.groups.pop();
                self.leave();
                self.end();
            }
            ',' => {
                self.raw(raw);
                if let Some(group) = self.groups.last_mut() {
                    group.count += 1;
                    group.awaits_key = !group.is_list;
                }
            }
            ':' => self.raw(raw),
            '"' => {
                let key = self.groups.last_mut().filter(|group| group.awaits_key);
                let is_key = key.map(|group| group.key.clear()).is_some();
                if !is_key {
                    self.begin(true);
                }
                self.raw(raw);
                self.place = Place::Text { is_key };
            }
            _ => {
                self.begin(false);
                self.word.clear();
                self.place = Place::Word;
                return 0;
            }
        }
        first.len_utf8()
    }

    fn word(&mut self, rest: &str) -> usize {
        let end = rest.find([',', '}', ']']);
        let len = end.unwrap_or(rest.len());
        self.word.push_str(rest.get(..len).unwrap_or_default());
        if end.is_some() {
            let mut written = std::mem::take(&mut self.word);
            // An integer is as it stands.
            if !self.open.is_empty()
                && written.contains(['.', 'e', 'E'])
                && let Ok(value @ Given::Float(_)) = given::parse(&written)
            {
                written.clear();
                write_value(&value, &mut written);
            }
            let is_null = written == "null";
            let depth = self.groups.len();
            for (which, around) in &self.open {
                if (*around < depth || !is_null)
                    && let Some(value) = self.values.get_mut(*which)
                {
                    value.push(&written, self.keeps_all);
                }
            }
            self.word = written;
            self.place = Place::Between;
            self.end();
        }
        len
    }

    fn text(&mut self, rest: &str, first: char, is_key: bool) -> usize {
        match self.escape {
            Escape::None => {}
            Escape::Begun => {
                self.escape = Escape::None;
                match first {
                    'u' => self.escape = Escape::Unit(0, 0),
                    'n' => self.says("\n", "n", is_key),
                    'r' => self.says("\r", "r", is_key),
                    't' => self.says("\t", "t", is_key),
                    other => {
                        let mut raw = [0; 4];
                        let raw = &*other.encode_utf8(&mut raw);
                        self.says(raw, raw, is_key);
                    }
                }
                if first == 'u' {
                    self.says("", "u", is_key);
                }
                return first.len_utf8();
            }
            Escape::Unit(count, unit) => {
                let unit = unit << 4 | first.to_digit(16).map_or(0, |digit| digit as u16);
                let mut said = String::new();
                self.escape = Escape::Unit(count + 1, unit);
                if count == 3 {
                    self.escape = Escape::None;
                    let units = self.half.take().into_iter().chain([unit]);
                    match char::decode_utf16(units).next() {
                        Some(Err(_)) if (0xd800..0xdc00).contains(&unit) => self.half = Some(unit),
                        decoded => said.push(decoded.and_then(Result::ok).unwrap_or('\u{fffd}')),
                    }
                }
                let mut raw = [0; 4];
                self.says(&said, first.encode_utf8(&mut raw), is_key);
                return first.len_utf8();
            }
        }
        let end = rest.find(['"', '\\']).unwrap_or(rest.len());
        let plain = rest.get(..end).unwrap_or_default();
        self.says(plain, plain, is_key);
        match rest.as_bytes().get(end) {
            Some(b'\\') => {
                self.escape = Escape::Begun;
                self.says("", "\\", is_key);
                end + 1
            }
            Some(_) => {
                self.says("", "\"", is_key);
                self.place = Place::Between;
                if is_key {
                    self.groups.last_mut().into_iter().for_each(|group| group.awaits_key = false);
                } else {
                    self.end();
                }
                end + 1
            }
            None => end,
        }
    }

    /// Of a text, what it says and how that is written.
    fn says(&mut self, said: &str, raw: &str, is_key: bool) {
        let depth = self.groups.len();
        for (which, around) in &self.open {
            if let Some(value) = self.values.get_mut(*which) {
                value.push(if *around < depth { raw } else { said }, self.keeps_all);
            }
        }
        let Some(group) = self.groups.last_mut() else { return };
        if is_key {
            group.key.push_str(said);
        } else if depth == 1 {
            match group.key.as_str() {
                "type" => self.kind.push_str(said),
                "name" => self.name.push_str(said),
                _ => {}
            }
        }
    }

    /// JSON that belongs to lists and objects around.
    fn raw(&mut self, raw: &str) {
        for (which, _) in &self.open {
            if let Some(value) = self.values.get_mut(*which).filter(|value| !value.is_text) {
                value.push(raw, self.keeps_all);
            }
        }
    }

    /// How many steps a path has in a meaning; 0: it has none.
    fn len(&self, which: usize, meaning: Meaning) -> usize {
        let Some(path) = self.paths.get(which) else { return 0 };
        let is_fields = || matches!(&path[..], [Step::Name(name)] if name == "fields");
        match meaning {
            _ if self.only.is_some_and(|only| only != meaning) => 0,
            Meaning::Key if is_fields() => 0,
            Meaning::Key => path.len(),
            Meaning::Field => path.len() + 1,
            Meaning::OfName => match path.first() {
                Some(Step::Name(name)) if same_name(name, &self.name) => path.len(),
                _ => 0,
            },
        }
    }

    /// Whether what is read here is a step of a path.
    fn is_step(&self, which: usize, meaning: Meaning, at: usize) -> bool {
        let Some(group) = self.groups.last() else { return false };
        let path = self.paths.get(which);
        let step = match (meaning, at) {
            (Meaning::Key, at) | (Meaning::OfName, at @ 1..) => path.and_then(|path| path.get(at)),
            (_, 0) => return !group.is_list && same_name(&group.key, "fields"),
            (Meaning::Field, at) => path.and_then(|path| path.get(at - 1)),
        };
        match step {
            Some(Step::Index(index)) => group.is_list && group.count == *index,
            Some(Step::Name(name)) => !group.is_list && same_name(&group.key, name),
            None => false,
        }
    }

    /// A value begins.
    fn begin(&mut self, is_text: bool) {
        let Some(at) = self.groups.len().checked_sub(1) else { return };
        for which in 0..self.paths.len() {
            for meaning in MEANINGS {
                let is_it = self.matched.get(which).is_some_and(|m| m[meaning as usize] == at)
                    && self.len(which, meaning) == at + 1
                    && self.is_step(which, meaning, at);
                let Some(value) = self.values.get_mut(which).filter(|_| is_it) else { continue };
                if value.meaning.is_none_or(|known| meaning < known) {
                    *value = Picked { meaning: Some(meaning), is_text, ..Picked::default() };
                    self.open.retain(|(open, _)| *open != which);
                    self.open.push((which, at + 1));
                }
            }
        }
    }

    /// The value that ended here is over.
    fn end(&mut self) {
        let depth = self.groups.len();
        self.open.retain(|(_, around)| *around < depth);
    }

    /// A list or an object begins, of which paths may go on.
    fn enter(&mut self) {
        let Some(at) = self.groups.len().checked_sub(1) else { return };
        for which in 0..self.paths.len() {
            for meaning in MEANINGS {
                if self.matched.get(which).is_some_and(|m| m[meaning as usize] == at)
                    && self.len(which, meaning) > at + 1
                    && self.is_step(which, meaning, at)
                    && let Some(matched) = self.matched.get_mut(which)
                {
                    matched[meaning as usize] = at + 1;
                }
            }
        }
    }

    /// It is over.
    fn leave(&mut self) {
        let depth = self.groups.len();
        for matched in self.matched.iter_mut().flatten() {
            *matched = (*matched).min(depth.saturating_sub(1));
        }
    }
}

/// Gives lines to a picker, and tells of each that is over.
pub(super) struct Lines<'p, F: FnMut(&mut Picker, bool)> {
    pub(super) picker: &'p mut Picker,
    /// Called behind each piece; whether a line is over.
    pub(super) told: F,
}

impl<F: FnMut(&mut Picker, bool)> Sink for Lines<'_, F> {
    fn text(&mut self, text: &str) {
        for piece in text.split_inclusive('\n') {
            let line = piece.strip_suffix('\n');
            self.picker.read(line.unwrap_or(piece));
            (self.told)(self.picker, line.is_some());
            if line.is_some() {
                self.picker.clear();
            }
        }
    }
}

//! What is on the wire, as the importer keeps it: a type of one version, or of many merged.

use crate::set::Set;

/// A type.
///
/// Two shapes of one version are equal if they are written equally; sets are filled in when versions are
/// merged, and say in which of them a part is there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// A primitive, or a declared type with its arguments.
    Name(String, Vec<Shape>),
    /// A text: `str`, `latin1`.
    Text(&'static str, String),
    /// Raw bytes.
    Bytes(String),
    Struct(Vec<Entry>),
    Array(String, Box<Shape>),
    Opt(Box<Shape>),
    /// A part with its length in front.
    Sized(String, Box<Shape>),
    Enum(Box<Shape>, Vec<EnumEntry>),
    Flags(Box<Shape>, Vec<EnumEntry>),
    Bits(&'static str, Vec<Part>),
    Match(String, Vec<Arm>),
    /// How wide a number is that counts up to what an expression says: 0 a byte, 1 two, 2 four.
    Width(String),
    Nothing,
}

/// An entry of a struct.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) set: Set,
    pub(crate) kind: EntryKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum EntryKind {
    Field(String, Shape),
    /// A match whose arms' fields join the struct.
    Match(String, Vec<Arm>),
    /// Bytes that are kept but not read, and why.
    Tail(String),
    /// A number that is computed.
    Let(String, String),
}

/// An arm of a match, for one label.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Arm {
    pub(crate) set: Set,
    pub(crate) label: Label,
    pub(crate) body: Shape,
}

/// In the order in which arms are written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Label {
    Bool(bool),
    Int(i128),
    /// An entry of the enum that is matched, and its number, which is its place.
    Name(String),
    Text(String),
    /// What a variable of the connection holds.
    Conn(String),
    Else,
}

/// A name of an enum, or of a bit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct EnumEntry {
    pub(crate) set: Set,
    pub(crate) name: String,
    pub(crate) value: EntryValue,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum EntryValue {
    /// The number, which may have changed over the versions. It is written as `= n` only where it does not
    /// follow from the entry before.
    Ints(Vec<(Set, i128)>),
    Text(String),
}

impl EntryValue {
    pub(crate) fn int(n: i128) -> EntryValue {
        EntryValue::Ints(vec![(Set::default(), n)])
    }

    /// The number at a version; of an entry of one version the number that it has.
    pub(crate) fn at(&self, version: Option<usize>) -> Option<i128> {
        let EntryValue::Ints(numbers) = self else { return None };
        let fits = |set: &Set| version.is_none_or(|version| set.has(version));
        numbers.iter().find(|(set, _)| fits(set)).map(|(_, n)| *n)
    }
}

/// A part of a `bits` integer; without a name padding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Part {
    pub(crate) name: Option<String>,
    pub(crate) width: u32,
    pub(crate) signed: bool,
}

impl Shape {
    pub(crate) fn named(name: impl Into<String>) -> Shape {
        Shape::Name(name.into(), Vec::new())
    }

    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Shape::Nothing => true,
            Shape::Struct(entries) => entries.is_empty(),
            _ => false,
        }
    }

    /// The same, in these versions.
    pub(crate) fn lift(&mut self, set: Set) {
        match self {
            Shape::Name(_, args) => args.iter_mut().for_each(|arg| arg.lift(set)),
            Shape::Struct(entries) => lift_entries(entries, set),
            Shape::Array(_, inner) | Shape::Opt(inner) | Shape::Sized(_, inner) => inner.lift(set),
            Shape::Enum(_, entries) | Shape::Flags(_, entries) => {
                for entry in entries {
                    entry.set = set;
                    if let EntryValue::Ints(numbers) = &mut entry.value {
                        numbers.iter_mut().for_each(|(at, _)| *at = set);
                    }
                }
            }
            Shape::Match(_, arms) => lift_arms(arms, set),
            Shape::Text(..)
            | Shape::Bytes(_)
            | Shape::Bits(..)
            | Shape::Width(_)
            | Shape::Nothing => {}
        }
    }
}

pub(crate) fn lift_entries(entries: &mut [Entry], set: Set) {
    for entry in entries {
        entry.set = set;
        match &mut entry.kind {
            EntryKind::Field(_, shape) => shape.lift(set),
            EntryKind::Match(_, arms) => lift_arms(arms, set),
            EntryKind::Tail(_) | EntryKind::Let(..) => {}
        }
    }
}

fn lift_arms(arms: &mut [Arm], set: Set) {
    for arm in arms {
        arm.set = set;
        arm.body.lift(set);
    }
}

//! Many versions of a shape as one: parts that are alike are written once, and the others say in which
//! versions they are there.

use std::collections::HashMap;
use std::hash::Hash;

use midwire_definition::syntax::ast::lookup_key;

use crate::set::Set;
use crate::shape::{Arm, Entry, EntryKind, EntryValue, EnumEntry, Label, Shape, lift_entries};

/// A declaration, and the versions that it holds for.
#[derive(Debug, Clone)]
pub(crate) struct Variant<T> {
    pub(crate) set: Set,
    pub(crate) body: T,
}

/// Gathers what is equal in several versions.
pub(crate) fn gather<T: Eq + Hash + Clone>(versions: Vec<(usize, T)>) -> Vec<Variant<T>> {
    let mut at: HashMap<T, usize> = HashMap::new();
    let mut found: Vec<Variant<T>> = Vec::new();
    for (version, body) in versions {
        match at.get(&body) {
            Some(at) => found[*at].set.add(version),
            None => {
                at.insert(body.clone(), found.len());
                found.push(Variant { set: Set::one(version), body });
            }
        }
    }
    found
}

/// Types of one name: as few declarations as can be read.
pub(crate) fn types(versions: Vec<(usize, Shape)>) -> Vec<Variant<Shape>> {
    let mut merged: Vec<Variant<Shape>> = Vec::new();
    for mut variant in gather(versions) {
        variant.body.lift(variant.set);
        let joined = merged.iter_mut().rev().any(|other| {
            let Some(body) = shape(&other.body, &variant.body) else { return false };
            other.body = body;
            other.set = other.set.or(variant.set);
            true
        });
        if !joined {
            merged.push(variant);
        }
    }
    merged
}

/// Bodies of one packet.
pub(crate) fn bodies(versions: Vec<(usize, Vec<Entry>)>) -> Vec<Variant<Vec<Entry>>> {
    let mut merged: Vec<Variant<Vec<Entry>>> = Vec::new();
    for mut variant in gather(versions) {
        lift_entries(&mut variant.body, variant.set);
        let joined = merged.iter_mut().rev().any(|other| {
            if !alike(&other.body, &variant.body) {
                return false;
            }
            other.body = entries(&other.body, &variant.body);
            other.set = other.set.or(variant.set);
            true
        });
        if !joined {
            merged.push(variant);
        }
    }
    merged
}

/// Two shapes as one; `None` if they have too little in common.
fn shape(a: &Shape, b: &Shape) -> Option<Shape> {
    let inner = |a: &Shape, b: &Shape| Some(Box::new(shape(a, b)?));
    Some(match (a, b) {
        (Shape::Struct(a), Shape::Struct(b)) => {
            if !alike(a, b) {
                return None;
            }
            Shape::Struct(entries(a, b))
        }
        (Shape::Array(count, a), Shape::Array(other, b)) if count == other => {
            Shape::Array(count.clone(), inner(a, b)?)
        }
        (Shape::Opt(a), Shape::Opt(b)) => Shape::Opt(inner(a, b)?),
        (Shape::Sized(len, a), Shape::Sized(other, b)) if len == other => {
            Shape::Sized(len.clone(), inner(a, b)?)
        }
        (Shape::Enum(repr, a), Shape::Enum(other, b)) if repr == other => {
            Shape::Enum(repr.clone(), names(a, b))
        }
        (Shape::Flags(repr, a), Shape::Flags(other, b)) if repr == other => {
            Shape::Flags(repr.clone(), names(a, b))
        }
        (Shape::Match(subject, a), Shape::Match(other, b)) if subject == other => {
            Shape::Match(subject.clone(), arms(a, b))
        }
        (Shape::Name(name, a), Shape::Name(other, b)) if name == other && a.len() == b.len() => {
            let args: Option<Vec<Shape>> = a.iter().zip(b).map(|(a, b)| shape(a, b)).collect();
            Shape::Name(name.clone(), args?)
        }
        (a, b) if a == b => a.clone(),
        _ => return None,
    })
}

/// Whether two lists of fields are better read as one.
fn alike(a: &[Entry], b: &[Entry]) -> bool {
    if a.is_empty() || b.is_empty() {
        return a.is_empty() && b.is_empty();
    }
    let key = |entry: &Entry| match &entry.kind {
        EntryKind::Field(name, _) => lookup_key(name),
        EntryKind::Match(subject, _) => format!("match {subject}"),
        EntryKind::Tail(_) => "...".to_owned(),
        EntryKind::Let(name, _) => format!("let {name}"),
    };
    // Fields that are there in several forms count once.
    let names =
        |list: &[Entry]| -> std::collections::BTreeSet<String> { list.iter().map(key).collect() };
    let (a, b) = (names(a), names(b));
    let common = a.intersection(&b).count();
    common > 0 && common * 2 >= a.len().min(b.len())
}

/// How well two things stand for each other, as a pair in a row.
#[derive(Clone)]
enum Pair<T> {
    Unlike,
    /// They have one name, and both are written, one behind the other.
    Side,
    Joined(T),
}

/// Two rows as one, in the order of both.
fn rows<T: Clone>(a: &[T], b: &[T], pair: impl Fn(&T, &T) -> Pair<T>) -> Vec<T> {
    // Mostly they begin and end alike.
    let (mut a, mut b) = (a, b);
    let (mut front, mut back) = (Vec::new(), Vec::new());
    while let ([x, more @ ..], [y, others @ ..]) = (a, b)
        && let Pair::Joined(joined) = pair(x, y)
    {
        front.push(joined);
        (a, b) = (more, others);
    }
    while let ([more @ .., x], [others @ .., y]) = (a, b)
        && let Pair::Joined(joined) = pair(x, y)
    {
        back.push(joined);
        (a, b) = (more, others);
    }
    front.extend(aligned(a, b, pair));
    front.extend(back.into_iter().rev());
    front
}

/// The longest row of pairs, and around them what has none.
fn aligned<T: Clone>(a: &[T], b: &[T], pair: impl Fn(&T, &T) -> Pair<T>) -> Vec<T> {
    let mut pairs: Vec<Pair<T>> = Vec::with_capacity(a.len() * b.len());
    for x in a {
        pairs.extend(b.iter().map(|y| pair(x, y)));
    }
    let weight = |pair: &Pair<T>| match pair {
        Pair::Unlike => 0u32,
        Pair::Side => 1,
        Pair::Joined(_) => 4,
    };
    let width = b.len() + 1;
    let mut best = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            let weight = weight(&pairs[i * b.len() + j]);
            let both = if weight > 0 { best[(i + 1) * width + j + 1] + weight } else { 0 };
            best[i * width + j] = both.max(best[(i + 1) * width + j]).max(best[i * width + j + 1]);
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut out = Vec::with_capacity(a.len().max(b.len()));
    while i < a.len() && j < b.len() {
        let here = best[i * width + j];
        let found = &pairs[i * b.len() + j];
        let weight = weight(found);
        if weight > 0 && here == best[(i + 1) * width + j + 1] + weight {
            match found {
                Pair::Joined(joined) => out.push(joined.clone()),
                _ => out.extend([a[i].clone(), b[j].clone()]),
            }
            (i, j) = (i + 1, j + 1);
        } else if here == best[(i + 1) * width + j] {
            out.push(a[i].clone());
            i += 1;
        } else {
            out.push(b[j].clone());
            j += 1;
        }
    }
    out.extend_from_slice(&a[i..]);
    out.extend_from_slice(&b[j..]);
    out
}

fn entries(a: &[Entry], b: &[Entry]) -> Vec<Entry> {
    rows(a, b, |a, b| {
        if a.set.meets(b.set) {
            return Pair::Unlike;
        }
        let kind = match (&a.kind, &b.kind) {
            (EntryKind::Field(name, x), EntryKind::Field(other, y)) if name == other => {
                match shape(x, y) {
                    Some(shape) => EntryKind::Field(name.clone(), shape),
                    None => return Pair::Side,
                }
            }
            (EntryKind::Match(subject, x), EntryKind::Match(other, y)) if subject == other => {
                EntryKind::Match(subject.clone(), arms(x, y))
            }
            (EntryKind::Tail(_), EntryKind::Tail(_)) | (EntryKind::Let(..), EntryKind::Let(..))
                if a.kind == b.kind =>
            {
                a.kind.clone()
            }
            _ => return Pair::Unlike,
        };
        Pair::Joined(Entry { set: a.set.or(b.set), kind })
    })
}

fn names(a: &[EnumEntry], b: &[EnumEntry]) -> Vec<EnumEntry> {
    rows(a, b, |a, b| {
        if a.name != b.name || a.set.meets(b.set) {
            return Pair::Unlike;
        }
        let value = match (&a.value, &b.value) {
            (EntryValue::Ints(x), EntryValue::Ints(y)) => {
                let mut numbers = x.clone();
                for (set, n) in y {
                    match numbers.iter_mut().find(|(_, other)| other == n) {
                        Some((other, _)) => *other = other.or(*set),
                        None => numbers.push((*set, *n)),
                    }
                }
                EntryValue::Ints(numbers)
            }
            (x, y) if x == y => x.clone(),
            _ => return Pair::Side,
        };
        Pair::Joined(EnumEntry { set: a.set.or(b.set), name: a.name.clone(), value })
    })
}

fn arms(a: &[Arm], b: &[Arm]) -> Vec<Arm> {
    let mut out: Vec<Arm> = a.to_vec();
    for arm in b {
        let same = |other: &&mut Arm| other.label == arm.label && !other.set.meets(arm.set);
        let joined = out.iter_mut().rev().filter(same).any(|other| {
            let Some(body) = shape(&other.body, &arm.body) else { return false };
            other.body = body;
            other.set = other.set.or(arm.set);
            true
        });
        if joined {
            continue;
        }
        // Behind the arm for this label, or that of the arm before it.
        let before = b.iter().take_while(|other| other.label != arm.label).map(|a| &a.label);
        let mut near: Vec<_> = before.collect();
        near.push(&arm.label);
        let at = near
            .iter()
            .rev()
            .find_map(|label| out.iter().rposition(|other| other.label == **label))
            .map_or(0, |at| at + 1);
        out.insert(at, arm.clone());
    }
    // `else` is the last arm.
    out.sort_by_key(|arm| arm.label == Label::Else);
    out
}

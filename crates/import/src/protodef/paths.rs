//! Names in a protocol.json: from `../flags/x` to the field that the text names.

use midwire_definition::syntax::ast::lookup_key;

use super::{Carried, Reader};
use crate::names::{snake, written};
use crate::shape::{EntryValue, Part, Shape};

/// What a container has so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Frame {
    pub(super) bound: Vec<Bound>,
}

#[derive(Debug, Clone)]
pub(super) struct Bound {
    /// As minecraft-data writes it.
    name: String,
    /// From the struct of the text: `flags`, `bits.x`.
    path: Vec<String>,
    scope: usize,
    shape: Shape,
}

/// What a path leads to: how the text names it, and what can be compared with it.
pub(super) struct Target {
    pub(super) text: String,
    pub(super) domain: Domain,
}

/// What the labels of a match over something are.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Domain {
    /// Names, each with its number.
    Names(Vec<(String, i128)>),
    /// Names, each with the text on the wire.
    TextNames(Vec<(String, String)>),
    /// From the least to the most that it can be.
    Int(i128, i128),
    /// A number whose values the file knows by names, and the text does not.
    Numbers(Vec<(String, i128)>),
    Bool,
    Text,
    /// Nothing can be.
    None,
}

/// Words that mean something of their own where a prefix of a count could stand.
const PREFIXES: [&str; 16] = [
    "u8", "i8", "varint", "varlong", "uvarint", "zigzag32", "zigzag64", "u16", "i16", "u24", "i24",
    "u32", "i32", "u64", "i64", "while",
];

impl<'a> Reader<'a> {
    /// A name that no field of the open struct has.
    pub(super) fn free_name(&self, name: &str) -> String {
        let name = if name.is_empty() { "value" } else { name };
        let Some(scope) = self.here.scopes.last() else { return name.to_owned() };
        let taken = |name: &str| scope.iter().any(|other| *other == lookup_key(name));
        if !taken(name) {
            return name.to_owned();
        }
        (2..).map(|n| format!("{name}{n}")).find(|name| !taken(name)).unwrap_or_default()
    }

    pub(super) fn take_name(&mut self, name: &str) {
        if let Some(scope) = self.here.scopes.last_mut() {
            scope.push(lookup_key(name));
        }
    }

    pub(super) fn bind(&mut self, name: &str, wire: String, shape: Shape) {
        self.bind_path(name, vec![wire], shape);
    }

    fn bind_path(&mut self, name: &str, path: Vec<String>, shape: Shape) {
        let scope = self.here.scopes.len().saturating_sub(1);
        if let Some(frame) = self.here.frames.last_mut() {
            frame.bound.push(Bound { name: name.to_owned(), path, scope, shape });
        }
    }

    /// The parts of an integer that has no name itself.
    pub(super) fn bind_parts(&mut self, holder: &str, shape: &Shape) {
        let parts: Vec<String> = match shape {
            Shape::Bits(_, parts) => parts.iter().filter_map(|part| part.name.clone()).collect(),
            Shape::Flags(_, entries) => entries.iter().map(|entry| entry.name.clone()).collect(),
            _ => Vec::new(),
        };
        for part in parts {
            let shape = part_of(shape, &part).unwrap_or(Shape::Nothing);
            self.bind_path(&part, vec![holder.to_owned(), part.clone()], shape);
        }
    }

    /// What a path of the file leads to.
    pub(super) fn target(&self, path: &str) -> Carried<Target> {
        if path.contains("||") {
            // Some files have an expression of JavaScript here.
            let any: Vec<Target> =
                path.split("||").map(|path| self.target(path.trim())).collect::<Carried<_>>()?;
            if any.iter().any(|target| target.domain != Domain::Bool) {
                return Err(format!("`{path}` is more than a choice of flags"));
            }
            let texts: Vec<String> = any.into_iter().map(|target| target.text).collect();
            return Ok(Target { text: texts.join(" or "), domain: Domain::Bool });
        }
        if path.starts_with('/') {
            return Err(format!("`{path}` is a variable of the session"));
        }
        if path.starts_with('$') {
            return Err(format!("the argument `{path}` was not given"));
        }
        let mut parts: Vec<&str> = path.split('/').collect();
        let mut outwards = 0;
        while parts.first() == Some(&"..") {
            parts.remove(0);
            outwards += 1;
        }
        // Some files write members with a dot, as JavaScript does.
        let parts: Vec<&str> = parts.iter().flat_map(|part| part.split('.')).collect();
        let Some((first, rest)) = parts.split_first() else {
            return Err(format!("`{path}` names nothing"));
        };
        let frames = &self.here.frames;
        let reach = frames.len().saturating_sub(outwards);
        let key = lookup_key(first);
        let found = frames[..reach].iter().rev().find_map(|frame| {
            frame.bound.iter().rev().find(|bound| lookup_key(&bound.name) == key)
        });
        let Some(bound) = found else {
            let where_ = if self.open.is_empty() { "" } else { ", or it is outside of the type" };
            return Err(format!("no earlier field is called `{path}`{where_}"));
        };
        let mut shape = bound.shape.clone();
        let mut names = bound.path.clone();
        for part in rest {
            let part = snake(part);
            shape = self.member(&shape, &part).ok_or_else(|| {
                format!("`{path}` leads to nothing: `{}` has no `{part}`", names.join("."))
            })?;
            names.push(part);
        }
        if shape == Shape::Nothing {
            return Err(format!("`{path}` is a field without bytes"));
        }
        let head = lookup_key(&names[0]);
        let inner = self.here.scopes.get(bound.scope + 1..).unwrap_or_default();
        let hidden = inner.iter().any(|scope| scope.contains(&head));
        let outer = if hidden { "outer.".repeat(inner.len()) } else { String::new() };
        let text: Vec<String> = names.iter().map(|name| written(name)).collect();
        Ok(Target { text: outer + &text.join("."), domain: self.domain(&shape) })
    }

    /// The number that a path leads to, as a count is written.
    pub(super) fn count_of(&self, path: &str) -> Carried<String> {
        let target = self.target(path)?;
        match target.domain {
            Domain::Int(..) | Domain::Names(_) => {}
            _ => return Err(format!("`{path}` is no number")),
        }
        if PREFIXES.contains(&target.text.as_str()) {
            return Ok(format!("`{}`", target.text));
        }
        Ok(target.text)
    }

    /// A part of a shape by its name in the text.
    fn member(&self, shape: &Shape, name: &str) -> Option<Shape> {
        let key = lookup_key(name);
        match shape {
            Shape::Name(declared, _) => self.member(&self.done.get(declared)?.shape.clone(), name),
            Shape::Opt(inner) => self.member(inner, name),
            Shape::Struct(entries) => entries.iter().find_map(|entry| match &entry.kind {
                crate::shape::EntryKind::Field(field, shape) => {
                    (lookup_key(field) == key).then(|| shape.clone())
                }
                crate::shape::EntryKind::Match(_, arms) => {
                    arms.iter().find_map(|arm| self.member(&arm.body, name))
                }
                crate::shape::EntryKind::Tail(_) | crate::shape::EntryKind::Let(..) => None,
            }),
            Shape::Match(_, arms) => arms.iter().find_map(|arm| self.member(&arm.body, name)),
            shape => part_of(shape, name),
        }
    }

    /// What can be compared with a value of this shape.
    pub(super) fn domain(&self, shape: &Shape) -> Domain {
        match shape {
            Shape::Name(name, _) => match (name.as_str(), range(name)) {
                ("bool", _) => Domain::Bool,
                (_, Some((least, most))) => Domain::Int(least, most),
                (name, None) => {
                    self.done.get(name).map_or(Domain::None, |ty| self.domain(&ty.shape))
                }
            },
            Shape::Text(..) => Domain::Text,
            Shape::Enum(_, entries) => {
                let mut names = Vec::new();
                let mut texts = Vec::new();
                for entry in entries {
                    match &entry.value {
                        EntryValue::Text(text) => texts.push((entry.name.clone(), text.clone())),
                        value => names.extend(value.at(None).map(|n| (entry.name.clone(), n))),
                    }
                }
                if texts.is_empty() { Domain::Names(names) } else { Domain::TextNames(texts) }
            }
            Shape::Flags(repr, _) => self.domain(repr),
            Shape::Bits(repr, _) => self.domain(&Shape::named(*repr)),
            Shape::Width(_) => Domain::Numbers(
                ["byte", "short", "int"].into_iter().map(str::to_owned).zip(0..).collect(),
            ),
            Shape::Opt(inner) => self.domain(inner),
            Shape::Match(_, arms) => {
                let domains = arms.iter().map(|arm| self.domain(&arm.body));
                let all = domains.reduce(|all, next| match (all, next) {
                    (Domain::Int(a, b), Domain::Int(c, d)) => Domain::Int(a.min(c), b.max(d)),
                    (all, next) if all == next => all,
                    _ => Domain::None,
                });
                all.unwrap_or(Domain::None)
            }
            _ => Domain::None,
        }
    }
}

/// A bit or part of an integer, as what it is compared with.
fn part_of(shape: &Shape, name: &str) -> Option<Shape> {
    let key = lookup_key(name);
    match shape {
        Shape::Bits(_, parts) => {
            let named =
                |part: &&Part| part.name.as_ref().is_some_and(|name| lookup_key(name) == key);
            let sign = |part: &Part| if part.signed { 'i' } else { 'u' };
            let found = parts.iter().find(named);
            found.map(|part| Shape::named(format!("{}{}", sign(part), part.width)))
        }
        Shape::Flags(_, entries) => {
            entries.iter().any(|entry| lookup_key(&entry.name) == key).then(|| Shape::named("bool"))
        }
        _ => None,
    }
}

/// From the least to the most that an integer can be, a primitive or a part of one (`u3`).
fn range(name: &str) -> Option<(i128, i128)> {
    let (signed, width) = match name {
        "varint" | "zigzag32" => (true, 32),
        "varlong" | "zigzag64" => (true, 64),
        "uvarint" => (false, 32),
        "varint128" => (false, 128),
        name => {
            let signed = name.starts_with('i');
            let digits = name.strip_prefix(['i', 'u'])?;
            (signed, digits.trim_end_matches("le").parse::<u32>().ok()?)
        }
    };
    Some(match (signed, width) {
        (_, 0) | (_, 129..) => return None,
        (true, width) => {
            let most = i128::MAX >> (128 - width);
            (-most - 1, most)
        }
        // What is above cannot be written as a label.
        (false, 127..) => (0, i128::MAX),
        (false, width) => (0, (1 << width) - 1),
    })
}

/// Whether a primitive is an integer.
pub(super) fn is_integer(name: &str) -> bool {
    let base = name.strip_suffix("le").unwrap_or(name);
    PREFIXES[..15].contains(&base) || matches!(base, "u128" | "varint128")
}

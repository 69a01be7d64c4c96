//! NBT from typed JSON; see [`write_json`](super::write_json) for the form.

use std::fmt;

use super::{TagKind, fixed_size};
use crate::given::Given;
use crate::json::hex_bytes;
use crate::plan::NbtForm;
use crate::value::write_mutf8;

/// Why a value cannot be written as NBT, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotNbt {
    /// The names and places from the root inwards, as `display.Lore[2]`.
    pub path: String,
    /// What is wrong there.
    pub kind: NotNbtKind,
}

/// What can be wrong with a value for NBT.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotNbtKind {
    /// A tag is `{"type":..,"value":..}`.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What belongs here.
        expected: &'static str,
        /// What stands here.
        found: &'static str,
    },
    /// There is no such type.
    #[error("NBT has no type `{0}`")]
    Type(String),
    /// A number does not fit its type.
    #[error("{found} does not fit {kind}")]
    Range {
        /// The number.
        found: i128,
        /// The type's name.
        kind: &'static str,
    },
    /// A text or name is longer than 65,535 bytes.
    #[error("text of {found} bytes; NBT takes 65535")]
    TextTooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// A list or array has more elements than can be counted.
    #[error("list of {found} elements")]
    TooMany {
        /// Their number.
        found: usize,
    },
    /// Bytes are pairs of hexadecimal digits.
    #[error("expected bytes as pairs of hexadecimal digits")]
    Hex,
    /// Nested too deep.
    #[error("nested deeper than nbt_depth_max {max}")]
    Depth {
        /// The limit.
        max: u32,
    },
}

impl fmt::Display for NotNbt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "{}", self.kind)
        } else {
            write!(f, "{}: {}", self.path, self.kind)
        }
    }
}

impl std::error::Error for NotNbt {}

type Written = Result<(), NotNbtKind>;

fn expected(expected: &'static str, found: &Given) -> NotNbtKind {
    NotNbtKind::Expected { expected, found: found.kind_name() }
}

/// Appends the bytes of a value in typed JSON.
///
/// # Errors
/// What is no NBT and where; then part of the value may have been appended.
pub fn write(
    value: &Given,
    form: NbtForm,
    depth_max: u32,
    out: &mut Vec<u8>,
) -> Result<(), NotNbt> {
    let mut writer = Writer { open: Vec::new(), depth: 0, depth_max, out };
    writer.root(value, form).map_err(|kind| NotNbt { path: writer.path(), kind })
}

/// Appends a payload of this type. A list is `{"type":..,"value":[..]}`.
///
/// # Errors
/// What is not of that type.
pub(super) fn payload(
    kind: TagKind,
    value: &Given,
    depth_max: u32,
    out: &mut Vec<u8>,
) -> Result<(), NotNbtKind> {
    let mut writer = Writer { open: Vec::new(), depth: 0, depth_max, out };
    writer.payload(kind, value)?;
    while writer.step()? {}
    Ok(())
}

/// The type that a plain value has where nothing says another.
///
/// # Errors
/// It may be of several.
pub(super) fn inferred(value: &Given) -> Result<TagKind, NotNbtKind> {
    match value {
        Given::Bool(_) => Ok(TagKind::Byte),
        Given::Int(n) if i32::try_from(*n).is_ok() => Ok(TagKind::Int),
        Given::Int(_) => Ok(TagKind::Long),
        Given::Float(_) => Ok(TagKind::Double),
        Given::Text(_) => Ok(TagKind::String),
        Given::Bytes(_) => Ok(TagKind::ByteArray),
        other => Err(expected("{\"type\":..,\"value\":..}", other)),
    }
}

/// The type and value of a tag.
fn tag(value: &Given) -> Result<(TagKind, &Given), NotNbtKind> {
    let (Some(kind), Some(payload)) = (value.get("type"), value.get("value")) else {
        return Err(expected("{\"type\":..,\"value\":..}", value));
    };
    let Given::Text(name) = kind else { return Err(expected("the name of a type", kind)) };
    match TagKind::from_name(name) {
        Some(kind) if kind != TagKind::End => Ok((kind, payload)),
        _ => Err(NotNbtKind::Type(name.clone())),
    }
}

/// A list or compound that is being written, and how far.
enum Open<'g> {
    Members(&'g [(String, Given)], usize),
    Entries(&'g [Given], usize),
    Items { of: u8, items: &'g [Given], next: usize, counts: bool },
}

/// Works without recursion: whoever gives the value chooses its depth.
struct Writer<'g, 'o> {
    open: Vec<Open<'g>>,
    /// Lists and compounds around, counted as [`skip`](super::skip) does.
    depth: u32,
    depth_max: u32,
    out: &'o mut Vec<u8>,
}

impl<'g> Writer<'g, '_> {
    fn root(&mut self, value: &'g Given, form: NbtForm) -> Written {
        if let Given::Null = value {
            self.out.push(TagKind::End as u8);
            return Ok(());
        }
        if let (Given::Object(_), Some(raw)) = (value, value.get("$raw")) {
            self.out.extend_from_slice(&hex(raw)?);
            return Ok(());
        }
        let (kind, payload) = tag(value)?;
        self.out.push(kind as u8);
        if form.named {
            match (value.get("$name"), value.get("name")) {
                (Some(raw), _) => string_bytes(&hex(raw)?, self.out)?,
                (None, Some(Given::Text(name))) => string(name, self.out)?,
                (None, Some(other)) => return Err(expected("a name", other)),
                (None, None) => string("", self.out)?,
            }
        }
        self.payload(kind, payload)?;
        while self.step()? {}
        Ok(())
    }

    /// Writes the next tag or element, or the end of what is open; false when nothing is.
    fn step(&mut self) -> Result<bool, NotNbtKind> {
        let Some(open) = self.open.last_mut() else { return Ok(false) };
        match open {
            Open::Members(members, next) => {
                if let Some((name, value)) = members.get(*next) {
                    *next += 1;
                    self.member(name, None, value)?;
                    return Ok(true);
                }
                self.out.push(TagKind::End as u8);
                self.depth -= 1;
            }
            Open::Entries(entries, next) => {
                if let Some(entry) = entries.get(*next) {
                    *next += 1;
                    let (name, value, raw) = parts(entry)?;
                    match raw {
                        Some(raw) => self.member(name, Some(&hex(raw)?), value)?,
                        None => self.member(name, None, value)?,
                    }
                    return Ok(true);
                }
                self.out.push(TagKind::End as u8);
                self.depth -= 1;
            }
            Open::Items { of, items, next, counts } => {
                if let Some(item) = items.get(*next) {
                    *next += 1;
                    let Some(kind) = TagKind::from_byte(*of) else {
                        return Err(NotNbtKind::Type(of.to_string()));
                    };
                    self.payload(kind, item)?;
                    return Ok(true);
                }
                self.depth -= u32::from(*counts);
            }
        }
        self.open.pop();
        Ok(true)
    }

    /// Where the writer is.
    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            let name = match open {
                Open::Members(members, next) => {
                    next.checked_sub(1).and_then(|i| members.get(i)).map(|(name, _)| name.as_str())
                }
                Open::Entries(entries, next) => next
                    .checked_sub(1)
                    .and_then(|i| entries.get(i))
                    .and_then(|entry| parts(entry).ok())
                    .map(|(name, ..)| name),
                Open::Items { next, .. } => {
                    if let Some(i) = next.checked_sub(1) {
                        path.push_str(&format!("[{i}]"));
                    }
                    None
                }
            };
            if let Some(name) = name {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
            }
        }
        path
    }

    fn member(&mut self, name: &str, raw: Option<&[u8]>, value: &'g Given) -> Written {
        let (kind, payload) = tag(value)?;
        self.out.push(kind as u8);
        match raw {
            Some(raw) => string_bytes(raw, self.out)?,
            None => string(name, self.out)?,
        }
        self.payload(kind, payload)
    }

    /// Writes a payload; of a list or compound its beginning.
    fn payload(&mut self, kind: TagKind, value: &'g Given) -> Written {
        match kind {
            TagKind::End => Ok(()),
            TagKind::Byte | TagKind::Short | TagKind::Int | TagKind::Long => {
                self.integer(kind, value)
            }
            TagKind::Float => self.bytes(&float(value, 4)?),
            TagKind::Double => self.bytes(&float(value, 8)?),
            TagKind::String => match (value, value.get("$raw")) {
                (Given::Text(text), _) => string(text, self.out),
                (_, Some(raw)) => string_bytes(&hex(raw)?, self.out),
                _ => Err(expected("text", value)),
            },
            TagKind::ByteArray => match value {
                Given::List(items) => self.numbers(TagKind::Byte, items),
                value => {
                    let bytes = hex(value)?;
                    count(bytes.len(), self.out)?;
                    self.bytes(&bytes)
                }
            },
            TagKind::IntArray | TagKind::LongArray => {
                let Given::List(items) = value else {
                    return Err(expected("a list of numbers", value));
                };
                let of = if kind == TagKind::IntArray { TagKind::Int } else { TagKind::Long };
                self.numbers(of, items)
            }
            TagKind::Compound => self.compound(value),
            TagKind::List => self.list(value),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Written {
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn deeper(&mut self) -> Written {
        self.depth += 1;
        if self.depth > self.depth_max {
            return Err(NotNbtKind::Depth { max: self.depth_max });
        }
        Ok(())
    }

    fn compound(&mut self, value: &'g Given) -> Written {
        let Given::Object(members) = value else {
            return Err(expected("an object of named tags", value));
        };
        self.deeper()?;
        self.open.push(match members.as_slice() {
            [(key, Given::List(entries))] if key == "$entries" => Open::Entries(entries, 0),
            members => Open::Members(members, 0),
        });
        Ok(())
    }

    fn list(&mut self, value: &'g Given) -> Written {
        let (Some(kind), Some(items)) = (value.get("type"), value.get("value")) else {
            return Err(expected("{\"type\":..,\"value\":[..]}", value));
        };
        let of = match kind {
            Given::Text(name) => match TagKind::from_name(name) {
                Some(kind) => kind as u8,
                None => return Err(NotNbtKind::Type(name.clone())),
            },
            Given::Int(n) => u8::try_from(*n)
                .map_err(|_| NotNbtKind::Range { found: *n, kind: "the byte of a type" })?,
            other => return Err(expected("the type of the elements", other)),
        };
        self.out.push(of);
        let items = match (items, TagKind::from_byte(of)) {
            (Given::List(items), _) => items.as_slice(),
            (Given::Int(n), Some(TagKind::End)) => {
                let found = usize::try_from(*n)
                    .map_err(|_| NotNbtKind::Range { found: *n, kind: "a count" })?;
                return count(found, self.out);
            }
            (other, _) => return Err(expected("a list", other)),
        };
        count(items.len(), self.out)?;
        let counts = fixed_size(of).is_none();
        if counts {
            self.deeper()?;
        }
        self.open.push(Open::Items { of, items, next: 0, counts });
        Ok(())
    }

    fn numbers(&mut self, kind: TagKind, items: &'g [Given]) -> Written {
        count(items.len(), self.out)?;
        self.open.push(Open::Items { of: kind as u8, items, next: 0, counts: false });
        Ok(())
    }

    fn integer(&mut self, kind: TagKind, value: &Given) -> Written {
        let n = match value {
            Given::Int(n) => *n,
            Given::Bool(b) if kind == TagKind::Byte => (*b).into(),
            other => return Err(expected("a whole number", other)),
        };
        let bits = match kind {
            TagKind::Byte => 8,
            TagKind::Short => 16,
            TagKind::Int => 32,
            _ => 64,
        };
        let most = (1i128 << (bits - 1)) - 1;
        if n > most || n < -most - 1 {
            return Err(NotNbtKind::Range { found: n, kind: kind.name() });
        }
        self.bytes(&n.to_be_bytes()[16 - bits / 8..])
    }
}

/// Name, tag and raw name of an entry of `$entries`.
fn parts(entry: &Given) -> Result<(&str, &Given, Option<&Given>), NotNbtKind> {
    let Given::List(list) = entry else { return Err(expected("[\"name\",tag]", entry)) };
    match list.as_slice() {
        [Given::Text(name), value] => Ok((name, value, None)),
        [Given::Text(name), value, raw] => Ok((name, value, Some(raw))),
        _ => Err(expected("[\"name\",tag]", entry)),
    }
}

/// The bytes of a 32-bit or 64-bit float.
fn float(value: &Given, size: usize) -> Result<Vec<u8>, NotNbtKind> {
    let number = match value {
        Given::Float(n) => *n,
        Given::Int(n) => *n as f64,
        Given::Text(text) => match text.as_str() {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => return Err(expected("a number", value)),
        },
        other => match other.get("$raw") {
            Some(raw) => {
                let bytes = hex(raw)?;
                return if bytes.len() == size { Ok(bytes) } else { Err(NotNbtKind::Hex) };
            }
            None => return Err(expected("a number", other)),
        },
    };
    Ok(if size == 4 {
        let number = if number.is_nan() { f32::NAN } else { number as f32 };
        number.to_be_bytes().to_vec()
    } else {
        number.to_be_bytes().to_vec()
    })
}

pub(super) fn string(text: &str, out: &mut Vec<u8>) -> Written {
    let start = out.len();
    out.extend_from_slice(&[0, 0]);
    write_mutf8(text, out);
    let found = out.len() - start - 2;
    let len = u16::try_from(found).map_err(|_| NotNbtKind::TextTooLong { found })?;
    out[start..start + 2].copy_from_slice(&len.to_be_bytes());
    Ok(())
}

fn string_bytes(bytes: &[u8], out: &mut Vec<u8>) -> Written {
    let found = bytes.len();
    let len = u16::try_from(found).map_err(|_| NotNbtKind::TextTooLong { found })?;
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

pub(super) fn count(found: usize, out: &mut Vec<u8>) -> Written {
    let n = i32::try_from(found).map_err(|_| NotNbtKind::TooMany { found })?;
    out.extend_from_slice(&n.to_be_bytes());
    Ok(())
}

fn hex(value: &Given) -> Result<Vec<u8>, NotNbtKind> {
    match value {
        Given::Bytes(bytes) => Ok(bytes.clone()),
        Given::Text(text) => hex_bytes(text).ok_or(NotNbtKind::Hex),
        other => Err(expected("bytes as hexadecimal text", other)),
    }
}

//! NBT as people write it in the game's commands, on one line.

use std::fmt::{self, Write};

use super::{Event, Group, Payload, TagKind, Walk, ints, longs};
use crate::escape::{Clip, Clipped, is_unsafe, write_char};
use crate::plan::NbtForm;

/// Appends the value at the start of `bytes` as SNBT, cut off with `…` where it is wider than `width_max`
/// columns. A root's name is left out. What does not print is escaped.
pub fn write_snbt(bytes: &[u8], form: NbtForm, width_max: usize, out: &mut String) {
    // Writing ends early where the text is cut off; then the rest is not looked at.
    let mut clip = Clip::new(width_max, out.len());
    let _ = write_tags(bytes, form, &mut Clipped::new(out, &mut clip));
}

/// Appends one value alike.
pub(crate) fn payload_snbt(payload: Payload<'_>, width_max: usize, out: &mut String) {
    let mut clip = Clip::new(width_max, out.len());
    let _ = write_payload(payload, &mut Clipped::new(out, &mut clip));
}

fn write_tags(bytes: &[u8], form: NbtForm, out: &mut impl Write) -> fmt::Result {
    let mut walk = Walk::new(bytes, form, u32::MAX);
    // What closes each open group, and whether nothing was written in it yet.
    let mut open: Vec<(char, bool)> = Vec::new();
    loop {
        let event = match walk.next_event() {
            Ok(Some(event)) => event,
            Ok(None) => return Ok(()),
            Err(e) => return write!(out, "<{e}>"),
        };
        let tag = match &event {
            Event::Nothing => return out.write_str("nothing"),
            Event::Close(_) => None,
            Event::Value(tag, _) | Event::Open(tag, _) => Some(tag),
        };
        if let (Some(tag), Some((_, first))) = (tag, open.last_mut()) {
            if !std::mem::take(first) {
                out.write_char(',')?;
            }
            if let Some(name) = tag.name {
                write_key(&super::text(name), out)?;
                out.write_char(':')?;
            }
        }
        match event {
            Event::Value(_, payload) => write_payload(payload, out)?,
            Event::Open(_, Group::Compound) => {
                out.write_char('{')?;
                open.push(('}', true));
            }
            Event::Open(_, Group::List(of, count)) => {
                out.write_char('[')?;
                if of == TagKind::End as u8 && count > 0 {
                    write!(out, "{count} end tags")?;
                }
                open.push((']', true));
            }
            Event::Close(_) => {
                if let Some((close, _)) = open.pop() {
                    out.write_char(close)?;
                }
            }
            Event::Nothing => {}
        }
    }
}

fn write_key(key: &str, out: &mut impl Write) -> fmt::Result {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+');
    if !key.is_empty() && key.chars().all(bare) {
        out.write_str(key)
    } else {
        write_quoted(key, out)
    }
}

/// Text in quotes, with the escapes that the game knows (since 1.21.5; before, only those of `"` and `\\`).
fn write_quoted(text: &str, out: &mut impl Write) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.write_char('\\')?;
                out.write_char(c)?;
            }
            c if !is_unsafe(c) || u32::from(c) < 0x100 => write_char(c, out)?,
            c if u32::from(c) < 0x1_0000 => write!(out, "\\u{:04x}", u32::from(c))?,
            c => write!(out, "\\U{:08x}", u32::from(c))?,
        }
    }
    out.write_char('"')
}

fn write_payload(payload: Payload<'_>, out: &mut impl Write) -> fmt::Result {
    match payload {
        Payload::Byte(n) => write!(out, "{n}b"),
        Payload::Short(n) => write!(out, "{n}s"),
        Payload::Int(n) => write!(out, "{n}"),
        Payload::Long(n) => write!(out, "{n}L"),
        Payload::Float(n) => write!(out, "{n:?}f"),
        Payload::Double(n) => write!(out, "{n:?}d"),
        Payload::String(bytes) => write_quoted(&super::text(bytes), out),
        Payload::ByteArray(bytes) => {
            write_array('B', bytes.iter().map(|b| (*b).cast_signed()), "b", out)
        }
        Payload::IntArray(bytes) => write_array('I', ints(bytes), "", out),
        Payload::LongArray(bytes) => write_array('L', longs(bytes), "L", out),
    }
}

fn write_array<T: fmt::Display>(
    letter: char,
    numbers: impl Iterator<Item = T>,
    suffix: &str,
    out: &mut impl Write,
) -> fmt::Result {
    write!(out, "[{letter};")?;
    for (i, number) in numbers.enumerate() {
        if i > 0 {
            out.write_char(',')?;
        }
        write!(out, "{number}{suffix}")?;
    }
    out.write_char(']')
}

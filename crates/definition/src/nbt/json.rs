//! NBT as typed JSON from which the same bytes can be written.
//!
//! ```text
//! tag       {"type":"int","value":5}       with "name" in front at a root that has one
//! types     byte short int long float double string list compound byteArray intArray longArray
//! numbers   JSON numbers, exact; "NaN", "Infinity", "-Infinity"
//! string    text
//! byteArray hexadecimal text
//! intArray  [1,2]          longArray alike
//! compound  {"name":tag, ..}   in order
//! list      {"type":"int","value":[1,2]}   the elements without their types
//! nothing   null               an end tag alone
//! ```
//!
//! What this form cannot carry is written at greater length. A compound in which a name comes twice, is not
//! canonical text, begins with `$` or looks like a number (JavaScript moves such keys to the front) is
//! `{"$entries":[["name",tag],["name",tag,"raw name as hex"]]}`. Text that is not canonical and a NaN that
//! is not the usual one are `{"value":v,"$raw":"hex"}`. A list of end tags that is not empty has their
//! number as its value, and an empty list of no known type has the type's number. The name of a root that
//! is not canonical stands as hex in `$name`.

use super::{Event, Group, Payload, Tag, TagKind, Walk, ints, longs};
use crate::json::{write_f32, write_f64, write_hex, write_hex_string, write_int, write_string};
use crate::plan::NbtForm;
use crate::value::Encoding;
use crate::value::is_exact;

/// Appends the value at the start of `bytes` as typed JSON; what is not NBT becomes `{"$raw":"hex"}`.
pub fn write_json(bytes: &[u8], form: NbtForm, out: &mut String) {
    let start = out.len();
    if write_tags(bytes, form, out).is_none() {
        out.truncate(start);
        out.push_str("{\"$raw\":");
        write_hex_string(bytes, out);
        out.push('}');
    }
}

/// A list or compound that is being written, and what has to be written behind it.
struct Frame<'a> {
    kind: FrameKind,
    /// It was written with its type, so that an object around it has to be closed.
    typed: bool,
    /// It is an entry of `$entries`, and its name was this.
    entry: Option<&'a [u8]>,
}

#[derive(Clone, Copy, PartialEq)]
enum FrameKind {
    List,
    /// A list of end tags: its value is a number.
    Ends,
    Compound,
    Entries,
}

fn write_tags(bytes: &[u8], form: NbtForm, out: &mut String) -> Option<()> {
    let odd = odd_compounds(bytes, form)?;
    let mut compounds = 0;
    // Memory is bounded by the bytes: whoever found the value has checked its depth.
    let mut walk = Walk::new(bytes, form, u32::MAX);
    let mut open: Vec<Frame<'_>> = Vec::new();
    while let Some(event) = walk.next_event().ok()? {
        match event {
            Event::Nothing => out.push_str("null"),
            Event::Value(tag, payload) => {
                let (typed, entry) = begin(&tag, open.last(), out);
                write_payload(payload, out);
                end(typed, entry, out);
            }
            Event::Open(tag, group) => {
                let (typed, entry) = begin(&tag, open.last(), out);
                let kind = match group {
                    Group::Compound => {
                        compounds += 1;
                        if odd.get(compounds - 1).copied().unwrap_or(false) {
                            out.push_str("{\"$entries\":[");
                            FrameKind::Entries
                        } else {
                            out.push('{');
                            FrameKind::Compound
                        }
                    }
                    Group::List(of, count) => {
                        out.push_str("{\"type\":");
                        match TagKind::from_byte(of) {
                            Some(kind) => write_string(kind.name(), out),
                            None => write_int(of.into(), out),
                        }
                        out.push_str(",\"value\":");
                        if of == TagKind::End as u8 && count > 0 {
                            write_int(count.into(), out);
                            FrameKind::Ends
                        } else {
                            out.push('[');
                            FrameKind::List
                        }
                    }
                };
                open.push(Frame { kind, typed, entry });
            }
            Event::Close(_) => {
                let frame = open.pop()?;
                out.push_str(match frame.kind {
                    FrameKind::List | FrameKind::Entries => "]}",
                    FrameKind::Compound | FrameKind::Ends => "}",
                });
                end(frame.typed, frame.entry, out);
            }
        }
    }
    Some(())
}

/// Writes what stands in front of a payload: comma, name and type.
fn begin<'a>(
    tag: &Tag<'a>,
    around: Option<&Frame<'_>>,
    out: &mut String,
) -> (bool, Option<&'a [u8]>) {
    if !out.ends_with(['{', '[']) && around.is_some() {
        out.push(',');
    }
    let name = tag.name.unwrap_or(&[]);
    let mut entry = None;
    match around.map(|frame| frame.kind) {
        Some(FrameKind::List | FrameKind::Ends) => return (false, None),
        Some(FrameKind::Compound) => {
            write_string(&super::text(name), out);
            out.push(':');
        }
        Some(FrameKind::Entries) => {
            out.push('[');
            write_string(&super::text(name), out);
            out.push(',');
            entry = Some(name);
        }
        None => {}
    }
    out.push('{');
    if around.is_none() && tag.name.is_some() {
        let text = super::text(name);
        out.push_str("\"name\":");
        write_string(&text, out);
        if !is_exact(Encoding::Mutf8, &text, name) {
            out.push_str(",\"$name\":");
            write_hex_string(name, out);
        }
        out.push(',');
    }
    out.push_str("\"type\":\"");
    out.push_str(tag.kind.name());
    out.push_str("\",\"value\":");
    (true, entry)
}

/// Closes what `begin` opened.
fn end(typed: bool, entry: Option<&[u8]>, out: &mut String) {
    if typed {
        out.push('}');
    }
    if let Some(name) = entry {
        if !is_exact(Encoding::Mutf8, &super::text(name), name) {
            out.push(',');
            write_hex_string(name, out);
        }
        out.push(']');
    }
}

fn write_payload(payload: Payload<'_>, out: &mut String) {
    match payload {
        Payload::Byte(n) => write_int(n.into(), out),
        Payload::Short(n) => write_int(n.into(), out),
        Payload::Int(n) => write_int(n.into(), out),
        Payload::Long(n) => write_int(n.into(), out),
        Payload::Float(n) => write_f32(n, out),
        Payload::Double(n) => write_f64(n, out),
        Payload::ByteArray(bytes) => write_hex_string(bytes, out),
        Payload::IntArray(bytes) => write_list(ints(bytes).map(i128::from), out),
        Payload::LongArray(bytes) => write_list(longs(bytes).map(i128::from), out),
        Payload::String(bytes) => {
            let text = super::text(bytes);
            if is_exact(Encoding::Mutf8, &text, bytes) {
                return write_string(&text, out);
            }
            out.push_str("{\"value\":");
            write_string(&text, out);
            out.push_str(",\"$raw\":\"");
            write_hex(bytes, out);
            out.push_str("\"}");
        }
    }
}

fn write_list(numbers: impl Iterator<Item = i128>, out: &mut String) {
    out.push('[');
    for (i, number) in numbers.enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_int(number, out);
    }
    out.push(']');
}

/// Which compounds, in the order of their beginnings, cannot be JSON objects; those behind the last one
/// listed can.
fn odd_compounds(bytes: &[u8], form: NbtForm) -> Option<Vec<bool>> {
    let mut walk = Walk::new(bytes, form, u32::MAX);
    let mut odd: Vec<bool> = Vec::new();
    let mut compounds = 0;
    // The names of all open compounds, and for each group where its own begin, and its number.
    let mut names: Vec<&[u8]> = Vec::new();
    let mut open: Vec<(usize, Option<usize>)> = Vec::new();
    while let Some(event) = walk.next_event().ok()? {
        let tag = match &event {
            Event::Value(tag, _) | Event::Open(tag, _) => Some(tag),
            _ => None,
        };
        if let (Some(name), false) = (tag.and_then(|tag| tag.name), open.is_empty()) {
            names.push(name);
        }
        match event {
            Event::Open(_, Group::Compound) => {
                open.push((names.len(), Some(compounds)));
                compounds += 1;
            }
            Event::Open(_, Group::List(..)) => open.push((names.len(), None)),
            Event::Close(_) => {
                let (first, compound) = open.pop()?;
                if let Some(compound) = compound
                    && is_odd(&mut names[first..])
                {
                    if odd.len() <= compound {
                        odd.resize(compound + 1, false);
                    }
                    odd[compound] = true;
                }
                names.truncate(first);
            }
            Event::Nothing | Event::Value(..) => {}
        }
    }
    Some(odd)
}

fn is_odd(names: &mut [&[u8]]) -> bool {
    names.sort_unstable();
    let odd_name = |name: &&[u8]| {
        name.first() == Some(&b'$')
            || (!name.is_empty() && name.iter().all(u8::is_ascii_digit))
            || !is_exact(Encoding::Mutf8, &super::text(name), name)
    };
    names.windows(2).any(|pair| pair[0] == pair[1]) || names.iter().any(odd_name)
}

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
use crate::json::{
    PART_LEN, Pass, keep, write_f32, write_f64, write_hex, write_hex_in_parts, write_hex_string,
    write_int, write_list, write_string,
};
use crate::plan::NbtForm;
use crate::value::Encoding;
use crate::value::is_exact;

/// Appends the value at the start of `bytes` as typed JSON; what is not NBT becomes `{"$raw":"hex"}`.
pub fn write_json(bytes: &[u8], form: NbtForm, out: &mut String) {
    write_json_in_parts(bytes, form, out, &mut keep);
}

/// The same where `pass` may take away what was written so far, whenever that is [`PART_LEN`] bytes or more.
pub fn write_json_in_parts(bytes: &[u8], form: NbtForm, out: &mut String, pass: Pass<'_>) {
    // Whether it is NBT is found out here, before anything is written.
    let Some(odd) = odd_compounds(bytes, form) else {
        out.push_str("{\"$raw\":\"");
        write_hex_in_parts(bytes, out, pass);
        out.push_str("\"}");
        return;
    };
    let _ = write_tags(bytes, form, &odd, out, pass);
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

fn write_tags(
    bytes: &[u8],
    form: NbtForm,
    odd: &[bool],
    out: &mut String,
    pass: Pass<'_>,
) -> Option<()> {
    let mut compounds = 0;
    // Memory is bounded by the bytes: whoever found the value has checked its depth.
    let mut walk = Walk::new(bytes, form, u32::MAX);
    let mut open: Vec<Frame<'_>> = Vec::new();
    while let Some(event) = walk.next_event().ok()? {
        match event {
            Event::Nothing => out.push_str("null"),
            Event::Value(tag, payload) => {
                let (typed, entry) = begin(&tag, open.last(), out);
                write_payload(payload, out, pass);
                end(typed, entry, out);
                if out.len() >= PART_LEN {
                    pass(out);
                }
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
                if out.len() >= PART_LEN {
                    pass(out);
                }
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

fn write_payload(payload: Payload<'_>, out: &mut String, pass: Pass<'_>) {
    match payload {
        Payload::Byte(n) => write_int(n.into(), out),
        Payload::Short(n) => write_int(n.into(), out),
        Payload::Int(n) => write_int(n.into(), out),
        Payload::Long(n) => write_int(n.into(), out),
        Payload::Float(n) => write_f32(n, out),
        Payload::Double(n) => write_f64(n, out),
        Payload::ByteArray(bytes) => {
            out.push('"');
            write_hex_in_parts(bytes, out, pass);
            out.push('"');
        }
        Payload::IntArray(bytes) => {
            write_list(ints(bytes), out, pass, |n, out| write_int(n.into(), out));
        }
        Payload::LongArray(bytes) => {
            write_list(longs(bytes), out, pass, |n, out| write_int(n.into(), out));
        }
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

/// Which compounds, in the order of their beginnings, cannot be JSON objects; those behind the last one
/// listed can.
fn odd_compounds(bytes: &[u8], form: NbtForm) -> Option<Vec<bool>> {
    let mut walk = Walk::new(bytes, form, u32::MAX);
    let mut odd: Vec<bool> = Vec::new();
    let mut compounds = 0;
    // Where the entries of all open compounds begin, and for each group where its own do in that, and its number.
    let mut names: Vec<u32> = Vec::new();
    let mut open: Vec<(usize, Option<usize>)> = Vec::new();
    while let Some(event) = walk.next_event().ok()? {
        let tag = match &event {
            Event::Value(tag, _) | Event::Open(tag, _) => Some(tag),
            _ => None,
        };
        if let (Some(tag), false) = (tag.filter(|tag| tag.name.is_some()), open.is_empty()) {
            names.push(u32::try_from(tag.start).ok()?);
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
                    && is_odd(bytes, names.get_mut(first..)?)
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

/// The name of an entry that begins there: behind its type and length.
fn name_at(bytes: &[u8], start: u32) -> &[u8] {
    match bytes.get(start as usize + 1..) {
        Some([high, low, behind @ ..]) => {
            behind.get(..u16::from_be_bytes([*high, *low]).into()).unwrap_or_default()
        }
        _ => &[],
    }
}

fn is_odd(bytes: &[u8], entries: &mut [u32]) -> bool {
    let name = |start: &u32| name_at(bytes, *start);
    entries.sort_unstable_by_key(name);
    let odd_name = |start: &u32| {
        let name = name(start);
        name.first() == Some(&b'$')
            || (!name.is_empty() && name.iter().all(u8::is_ascii_digit))
            || !is_exact(Encoding::Mutf8, &super::text(name), name)
    };
    entries.windows(2).any(|pair| name(&pair[0]) == name(&pair[1])) || entries.iter().any(odd_name)
}

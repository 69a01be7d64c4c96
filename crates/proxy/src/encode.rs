//! `midwire encode`: JSON on stdin, packets' bytes on stdout.

mod lines;

use std::io::Read;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use midwire_codec::{Deflater, write_compressed};
use midwire_definition::diagnostics::suggest;
use midwire_definition::{Given, PacketDefinition, Protocol, StateId, VersionId, Workspace, given};
use midwire_session::Direction;

use crate::args;
use crate::error::{NO, print, say, usage, write};
use crate::hex_text::to_base64;
use crate::print::put;
use crate::protocols;
use crate::wire_id;

/// The most JSON that is read, in bytes.
const JSON_MAX: u64 = 64 << 20;

/// Runs `midwire encode`.
pub(crate) fn run(args: &args::Encode) -> anyhow::Result<ExitCode> {
    let wanted = &args.packet;
    let Some(protocol) = &wanted.protocol else {
        return Err(usage("encode needs to know the protocol: --protocol minecraft"));
    };
    let protocol = protocols::find(protocol, &args.definitions.defs)?;
    let version = match &wanted.protocol_version {
        Some(text) => protocols::version(&protocol, text)?,
        None => protocol.versions.newest(),
    };
    let state =
        wanted.state.as_deref().map(|text| protocols::state(&protocol, text)).transpose()?;
    let direction = wanted.direction.as_deref().map(protocols::direction).transpose()?;
    if args.threshold.is_some() && protocol.stack.compression.is_none() {
        return Err(usage(format!("packets of {} are never compressed", protocol.name)));
    }
    let place = Place { version, state, direction };
    let shape = Shape { unframed: args.unframed, threshold: args.threshold };
    let mut writer = Writer::new(&protocol, place, shape);
    if args.lines {
        return lines::run(&mut writer, args.name.as_deref());
    }
    let Some(name) = &args.name else {
        return written(lines::all(&mut writer)?, args.form);
    };
    let definition = place.packet(&protocol, name).map_err(usage)?;
    let mut text = String::new();
    std::io::stdin()
        .take(JSON_MAX)
        .read_to_string(&mut text)
        .context("cannot read the JSON on stdin")?;
    let fields = if text.trim().is_empty() {
        Given::Object(Vec::new())
    } else {
        given::parse(&text).map_err(|error| usage(format!("the JSON on stdin: {error}")))?
    };
    match writer.packet(&definition, &Parts { fields: Some(fields), ..Parts::default() }) {
        Ok(bytes) => written(vec![bytes], args.form),
        Err(reason) => {
            say(&format!("{} cannot be made: {reason}", definition.name));
            Ok(ExitCode::from(NO))
        }
    }
}

/// Prints packets in a form.
fn written(packets: Vec<Vec<u8>>, form: args::WrittenAs) -> anyhow::Result<ExitCode> {
    let lines = |line: fn(&Vec<u8>) -> String| {
        packets.iter().map(|packet| line(packet) + "\n").collect::<String>()
    };
    let text = match form {
        args::WrittenAs::Hex => lines(|packet| hex::encode(packet)),
        args::WrittenAs::Base64 => lines(|packet| to_base64(packet)),
        args::WrittenAs::Xxd => dump(&packets.concat()),
        args::WrittenAs::C => array(&packets.concat()),
        args::WrittenAs::Raw => {
            write(&packets.concat())?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    Ok(print(&text))
}

/// `00000000: 0f00 010b 5465 7272 6172 6961 3332 36    ....Terraria326`
fn dump(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (number, row) in bytes.chunks(16).enumerate() {
        let pairs: Vec<String> = row.chunks(2).map(hex::encode).collect();
        let shown = |byte: &u8| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' };
        let chars: String = row.iter().map(shown).collect();
        put(&mut out, format_args!("{:08x}: {:<39}  {chars}\n", number * 16, pairs.join(" ")));
    }
    out
}

/// An array of C, as `xxd -i` writes it.
fn array(bytes: &[u8]) -> String {
    let rows = bytes.chunks(12).map(|row| {
        let row: Vec<String> = row.iter().map(|byte| format!("0x{byte:02x}")).collect();
        format!("  {}", row.join(", "))
    });
    let rows: Vec<String> = rows.collect();
    let len = bytes.len();
    format!(
        "unsigned char packet[{len}] = {{\n{}\n}};\nunsigned int packet_len = {len};\n",
        rows.join(",\n")
    )
}

/// Where a packet belongs, as far as it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place {
    version: VersionId,
    state: Option<StateId>,
    direction: Option<Direction>,
}

impl Place {
    /// The one packet of this name there, or why there is none.
    fn packet(self, protocol: &Protocol, name: &str) -> Result<Arc<PacketDefinition>, String> {
        let dialect = protocol.dialect(self.version);
        let mut found: Vec<&Arc<PacketDefinition>> = dialect
            .packets()
            .filter(|packet| self.state.is_none_or(|state| packet.state == state))
            .filter(|packet| self.direction.is_none_or(|direction| packet.direction == direction))
            .filter(|packet| packet.is_called(name))
            .collect();
        found.sort_by_key(|packet| (packet.state, packet.direction));
        match found.as_slice() {
            [one] => Ok(Arc::clone(one)),
            [] => {
                let names: Vec<&str> = dialect.packets().map(|packet| &*packet.name).collect();
                let hint = suggest(name, names.into_iter())
                    .map_or(String::new(), |near| format!("; did you mean {near}?"));
                let version = &protocol.versions.get(self.version).key;
                Err(format!("{} {version} has no packet {name} there{hint}", protocol.name))
            }
            several => {
                let places: Vec<String> = several
                    .iter()
                    .map(|packet| {
                        let state = protocol.state_name(packet.state);
                        let state = if state.is_empty() {
                            String::new()
                        } else {
                            format!("--state {state} ")
                        };
                        format!("\n  {state}--direction {}", packet.direction)
                    })
                    .collect();
                Err(format!("which {name}?{}", places.concat()))
            }
        }
    }
}

/// What stands around a packet's fields.
#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    /// There is no length in front.
    unframed: bool,
    /// Packets of so many bytes are compressed, and all have the header that says so.
    threshold: Option<u32>,
}

/// A packet as `decode --json` gives it.
#[derive(Debug, Default)]
struct Parts {
    /// `None` where the definition does not say what is in it.
    fields: Option<Given>,
    /// The bytes behind the fields.
    rest: Vec<u8>,
    /// Its id as it was written, where that is not the shortest form.
    id_raw: Option<Vec<u8>>,
    /// The length in front of it, likewise.
    length_raw: Option<Vec<u8>>,
}

/// A packet's frame, uncompressed.
pub(crate) fn frame(
    protocol: &Protocol,
    definition: &PacketDefinition,
    fields: Given,
) -> Result<Vec<u8>, String> {
    let place = Place { version: protocol.versions.newest(), state: None, direction: None };
    let parts = Parts { fields: Some(fields), ..Parts::default() };
    Writer::new(protocol, place, Shape::default()).packet(definition, &parts)
}

/// Makes packets.
struct Writer<'a> {
    protocol: &'a Protocol,
    place: Place,
    shape: Shape,
    workspace: Workspace,
    deflater: Deflater,
}

impl<'a> Writer<'a> {
    fn new(protocol: &'a Protocol, place: Place, shape: Shape) -> Self {
        // What Java's zlib does when it is told nothing.
        let deflater = Deflater::new(6);
        Self { protocol, place, shape, workspace: Workspace::default(), deflater }
    }

    /// A packet's frame, or without one its payload.
    fn packet(&mut self, definition: &PacketDefinition, parts: &Parts) -> Result<Vec<u8>, String> {
        let mut payload = Vec::new();
        self.id(definition.state, definition.id, parts, &mut payload)?;
        match (&definition.plan, &parts.fields) {
            (Some(plan), fields) => {
                let nothing = Given::Object(Vec::new());
                let fields = fields.as_ref().unwrap_or(&nothing);
                let conn = self.protocol.initial_conn();
                plan.encode(fields, &conn, &mut self.workspace, &mut payload)
                    .map_err(|error| error.to_string())?;
            }
            (None, None) if !parts.rest.is_empty() => {}
            (None, _) => return Err("the definition does not say what is in it".into()),
        }
        payload.extend_from_slice(&parts.rest);
        self.frame(payload, parts)
    }

    /// A packet that no definition knows, by its id and the bytes behind it.
    fn unknown(&mut self, state: StateId, id: i64, parts: &Parts) -> Result<Vec<u8>, String> {
        let mut payload = Vec::new();
        self.id(state, id, parts, &mut payload)?;
        payload.extend_from_slice(&parts.rest);
        self.frame(payload, parts)
    }

    fn id(&self, state: StateId, id: i64, parts: &Parts, out: &mut Vec<u8>) -> Result<(), String> {
        let stack = &self.protocol.stack;
        if !wire_id::write(stack, state, id, out) {
            return Err(format!("its id {id} does not fit"));
        }
        if let Some(raw) = &parts.id_raw {
            out.truncate(stack.before_id.len());
            out.extend_from_slice(raw);
            if wire_id::read(stack, state, out) != Some((id, out.len())) {
                return Err(format!("`id_raw` is not the id {id}"));
            }
        }
        Ok(())
    }

    fn frame(&mut self, payload: Vec<u8>, parts: &Parts) -> Result<Vec<u8>, String> {
        let Some(framing) = self.protocol.stack.framing.filter(|_| !self.shape.unframed) else {
            return Ok(payload);
        };
        let payload = match self.shape.threshold {
            Some(threshold) => {
                let mut out = Vec::new();
                write_compressed(&payload, threshold as usize, &mut self.deflater, &mut out)
                    .map_err(|error| error.to_string())?;
                out
            }
            None => payload,
        };
        let before = &self.protocol.stack.before_length;
        if let Some(raw) = &parts.length_raw {
            let frame = [before, &raw[..], &payload].concat();
            let is_right =
                framing.next(&frame).ok().flatten().is_some_and(|read| {
                    read.len == frame.len() && read.payload.len() == payload.len()
                });
            // Of other fields, or compressed, it may have another length.
            if is_right {
                return Ok(frame);
            }
        }
        let mut frame = Vec::new();
        framing.write_frame(&payload, &mut frame).map_err(|error| error.to_string())?;
        frame[..framing.before].copy_from_slice(before);
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_made_from_its_fields() {
        let protocol = protocols::find("terraria", &[]).unwrap();
        let place = Place {
            version: protocol.versions.newest(),
            state: None,
            direction: Some(Direction::Serverbound),
        };
        let hello = place.packet(&protocol, "hello").unwrap();
        let fields = Some(given::parse(r#"{"version":"Terraria326"}"#).unwrap());
        let parts = Parts { fields, ..Parts::default() };
        let made = |unframed| {
            let shape = Shape { unframed, threshold: None };
            Writer::new(&protocol, place, shape).packet(&hello, &parts).unwrap()
        };
        assert_eq!(made(false), b"\x0f\x00\x01\x0bTerraria326");
        assert_eq!(made(true), b"\x01\x0bTerraria326");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let bytes: Vec<u8> = (0..=255).chain(*b"0x00 | hi").collect();
        let read = |text: &str| crate::hex_text::parse(text, None)[0].bytes.clone();
        for len in [1, 15, 16, 17, bytes.len()] {
            assert_eq!(read(&dump(&bytes[..len])), &bytes[..len]);
            assert_eq!(read(&array(&bytes[..len])), &bytes[..len]);
        }
    }
}

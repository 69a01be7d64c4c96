//! `midwire encode`: JSON on stdin, packets' bytes as hex on stdout.

mod lines;

use std::io::Read;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use midwire_definition::diagnostics::suggest;
use midwire_definition::{Given, PacketDefinition, Protocol, StateId, VersionId, Workspace, given};
use midwire_session::Direction;

use crate::args;
use crate::error::{NO, print, say, usage};
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
    let place = Place { version, state, direction };
    if args.lines {
        return lines::run(&protocol, args.name.as_deref(), place, args.unframed);
    }
    let name = args.name.as_deref().unwrap_or_default();
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
    let mut workspace = Workspace::default();
    match encode(&protocol, &definition, &fields, args.unframed, &mut workspace) {
        Ok(bytes) => Ok(print(&format!("{}\n", hex::encode(bytes)))),
        Err(reason) => {
            say(&format!("{} cannot be made: {reason}", definition.name));
            Ok(ExitCode::from(NO))
        }
    }
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

/// A packet's frame, or without one its payload.
pub(crate) fn encode(
    protocol: &Protocol,
    definition: &PacketDefinition,
    fields: &Given,
    unframed: bool,
    workspace: &mut Workspace,
) -> Result<Vec<u8>, String> {
    let Some(plan) = &definition.plan else {
        return Err("the definition does not say what is in it".into());
    };
    let mut payload = Vec::new();
    if !wire_id::write(&protocol.stack, definition.id, &mut payload) {
        return Err(format!("its id {} does not fit", definition.id));
    }
    let conn = protocol.initial_conn();
    plan.encode(fields, &conn, workspace, &mut payload).map_err(|e| e.to_string())?;
    match protocol.stack.framing.filter(|_| !unframed) {
        None => Ok(payload),
        Some(framing) => {
            let mut frame = Vec::new();
            framing.write_frame(&payload, &mut frame).map_err(|e| e.to_string())?;
            frame[..framing.before].copy_from_slice(&protocol.stack.before_length);
            Ok(frame)
        }
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
        let fields = given::parse(r#"{"version":"Terraria326"}"#).unwrap();
        let mut workspace = Workspace::default();
        let frame = encode(&protocol, &hello, &fields, false, &mut workspace).unwrap();
        assert_eq!(frame, b"\x0f\x00\x01\x0bTerraria326");
        let payload = encode(&protocol, &hello, &fields, true, &mut workspace).unwrap();
        assert_eq!(payload, b"\x01\x0bTerraria326");
    }
}

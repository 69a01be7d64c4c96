//! `midwire encode`: JSON fields on stdin, a packet's bytes as hex on stdout.

use std::io::Read;
use std::process::ExitCode;

use anyhow::Context as _;
use midwire_definition::diagnostics::suggest;
use midwire_definition::{Given, PacketDefinition, Workspace, given};

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
    let dialect = protocol.dialect(version);
    let key = |text: &str| text.replace('_', "").to_lowercase();
    let mut found: Vec<&PacketDefinition> = dialect
        .packets()
        .map(|packet| &**packet)
        .filter(|packet| key(&packet.name) == key(&args.name))
        .filter(|packet| state.is_none_or(|state| packet.state == state))
        .filter(|packet| direction.is_none_or(|direction| packet.direction == direction))
        .collect();
    found.sort_by_key(|packet| (packet.state, packet.direction));
    let definition = match found.as_slice() {
        [one] => *one,
        [] => {
            let names: Vec<&str> = dialect.packets().map(|packet| &*packet.name).collect();
            let hint = suggest(&args.name, names.into_iter())
                .map_or(String::new(), |near| format!("; did you mean {near}?"));
            let version = &protocol.versions.get(version).key;
            let name = &args.name;
            return Err(usage(format!(
                "{} {version} has no packet {name} there{hint}",
                protocol.name
            )));
        }
        several => {
            let places: Vec<String> = several
                .iter()
                .map(|packet| {
                    let state = protocol.state_name(packet.state);
                    let state =
                        if state.is_empty() { String::new() } else { format!("--state {state} ") };
                    format!("\n  {state}--direction {}", packet.direction)
                })
                .collect();
            return Err(usage(format!("which {}?{}", args.name, places.concat())));
        }
    };
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
    match encode(&protocol, definition, &fields, args.unframed) {
        Ok(bytes) => Ok(print(&format!("{}\n", hex::encode(bytes)))),
        Err(reason) => {
            say(&format!("{} cannot be made: {reason}", definition.name));
            Ok(ExitCode::from(NO))
        }
    }
}

fn encode(
    protocol: &midwire_definition::Protocol,
    definition: &PacketDefinition,
    fields: &Given,
    unframed: bool,
) -> Result<Vec<u8>, String> {
    let Some(plan) = &definition.plan else {
        return Err("the definition does not say what is in it".into());
    };
    let mut payload = Vec::new();
    if !wire_id::write(&protocol.stack, definition.id, &mut payload) {
        return Err(format!("its id {} does not fit", definition.id));
    }
    let conn = protocol.initial_conn();
    plan.encode(fields, &conn, &mut Workspace::default(), &mut payload)
        .map_err(|e| e.to_string())?;
    match protocol.stack.framing.filter(|_| !unframed) {
        None => Ok(payload),
        Some(framing) => {
            let mut frame = Vec::new();
            framing.write_frame(&payload, &mut frame).map_err(|e| e.to_string())?;
            Ok(frame)
        }
    }
}

#[cfg(test)]
mod tests {
    use midwire_session::Direction;

    use super::*;

    #[test]
    fn a_packet_is_made_from_its_fields() {
        let protocol = protocols::find("terraria", &[]).unwrap();
        let dialect = protocol.dialect(protocol.versions.newest());
        let direction = Direction::Serverbound;
        let hello = dialect.packet_named(protocol.start, direction, "hello").unwrap();
        let fields = given::parse(r#"{"version":"Terraria326"}"#).unwrap();
        let frame = encode(&protocol, hello, &fields, false).unwrap();
        assert_eq!(frame, b"\x0f\x00\x01\x0bTerraria326");
        let payload = encode(&protocol, hello, &fields, true).unwrap();
        assert_eq!(payload, b"\x01\x0bTerraria326");
    }
}

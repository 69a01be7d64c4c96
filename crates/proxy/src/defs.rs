//! `midwire defs`: which definitions there are, what they say, and a new one.

mod new;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use midwire_definition::diagnostics::suggest;
use midwire_definition::escape::{escape, escape_lines};
use midwire_definition::syntax;
use midwire_definition::syntax::ast::{Item, PacketItem};
use midwire_definition::{PacketDefinition, Protocol, StateId, VersionId};
use midwire_session::Direction;

use crate::args;
use crate::error::{print, usage};
use crate::print::put;
use crate::protocols::{self, Lookup};

/// Runs `midwire defs`.
pub(crate) fn run(args: &args::DefsCommand) -> anyhow::Result<ExitCode> {
    match args {
        args::DefsCommand::List { definitions } => list(&definitions.defs),
        args::DefsCommand::Import { from: args::ImportFrom::Protodef(args) } => {
            crate::import::protodef(args)
        }
        args::DefsCommand::New { name } => new::run(name),
        args::DefsCommand::Show { name, packet, protocol_version, definitions } => {
            let protocol = protocols::find(name, &definitions.defs)?;
            let version = match protocol_version {
                Some(text) => protocols::version(&protocol, text)?,
                None => protocol.versions.newest(),
            };
            match packet {
                Some(packet) => show_packet(&protocol, packet, version),
                None => show(&protocol, version),
            }
        }
    }
}

fn list(folders: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut out = String::new();
    let names = protocols::names(&protocols::folders(folders));
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
    for name in names {
        let lookup = Lookup::new(&name, folders)?;
        let protocol = lookup.read()?;
        let (oldest, newest) = ends(&protocol);
        let port = protocol.port.map_or(String::new(), |port| format!("port {port}"));
        let versions =
            if oldest == newest { String::new() } else { format!("{oldest} to {newest}") };
        let shown = |file: &Path| {
            midwire_definition::escape::escape(&file.display().to_string()).into_owned()
        };
        let mut origin =
            lookup.file().map_or(String::new(), |file| format!("  from {}", shown(file)));
        for file in lookup.extensions() {
            put(&mut origin, format_args!("  extended by {}", shown(file)));
        }
        let name = escape(&name);
        put(
            &mut out,
            format_args!("{name:<width$}  {:<24} {port:<11} {versions}{origin}", protocol.title),
        );
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    Ok(print(&out))
}

/// The keys of the oldest and the newest version.
fn ends(protocol: &Protocol) -> (String, String) {
    let oldest = protocol.versions.iter().next().map(|(id, _)| id);
    let key = |id: VersionId| protocol.versions.get(id).key.to_string();
    (oldest.map_or_else(String::new, key), key(protocol.versions.newest()))
}

fn show(protocol: &Protocol, version: VersionId) -> anyhow::Result<ExitCode> {
    let mut out = format!("protocol {} \"{}\"\n", protocol.name, protocol.title);
    for line in protocol.doc.lines() {
        put(&mut out, format_args!("  {}\n", line.trim()));
    }
    if let Some(port) = protocol.port {
        put(&mut out, format_args!("port {port}\n"));
    }
    let (oldest, newest) = ends(protocol);
    let shown = protocol.versions.get(version);
    if oldest != newest {
        let count = protocol.versions.iter().count();
        put(
            &mut out,
            format_args!(
                "{count} versions, {oldest} to {newest}; below: {} ({})\n",
                shown.key, shown.number
            ),
        );
    }
    let dialect = protocol.dialect(version);
    let mut packets: Vec<_> = dialect.packets().collect();
    packets.sort_by_key(|packet| (packet.state, packet.direction, packet.id));
    let mut above = None;
    for packet in packets {
        if above != Some((packet.state, packet.direction)) {
            above = Some((packet.state, packet.direction));
            let place = place(protocol, packet.state, packet.direction);
            put(&mut out, format_args!("\n{place}\n"));
        }
        let doc = packet.doc.lines().next().unwrap_or_default().trim();
        let opaque = if packet.plan.is_none() { "(opaque) " } else { "" };
        put(
            &mut out,
            format_args!(
                "  {:>4}  {:#04x}  {:<28} {opaque}{doc}",
                packet.id, packet.id, packet.name
            ),
        );
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    Ok(print(&out))
}

/// `play clientbound`
fn place(protocol: &Protocol, state: StateId, direction: Direction) -> String {
    let state = protocol.state_name(state);
    if state.is_empty() { direction.to_string() } else { format!("{state} {direction}") }
}

/// A packet in one state and direction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    state: StateId,
    direction: Direction,
}

/// An id, and the first and the last version that have it.
type Run = (i64, VersionId, VersionId);

fn show_packet(protocol: &Protocol, name: &str, version: VersionId) -> anyhow::Result<ExitCode> {
    // Packet ids come and go with releases; snapshots would make the ranges unreadable.
    let mut ids: Vec<(Place, Vec<Run>)> = Vec::new();
    let mut known: Vec<String> = Vec::new();
    // An alias is never shown: the packets' own names are.
    let mut named: BTreeMap<Place, Arc<str>> = BTreeMap::new();
    for id in releases(protocol) {
        let dialect = protocol.dialect(id);
        for packet in dialect.packets() {
            if !packet.is_called(name) {
                if id == version {
                    known.push(packet.name.to_string());
                }
                continue;
            }
            let place = Place { state: packet.state, direction: packet.direction };
            named.insert(place, packet.name.clone());
            add(&mut ids, place, packet, id);
        }
    }
    if ids.is_empty() {
        let hint = suggest(name, known.iter().map(String::as_str))
            .map_or(String::new(), |near| format!("; did you mean {near}?"));
        return Err(usage(format!("{} has no packet {name}{hint}", protocol.name)));
    }
    ids.sort_by_key(|(place, _)| *place);
    let mut out = String::new();
    for (place @ Place { state, direction }, runs) in &ids {
        let name = escape(named.get(place).map_or(name, |name| name));
        put(&mut out, format_args!("{} {name}\n", self::place(protocol, *state, *direction)));
        for (id, first, last) in runs {
            let (first, last) = (protocol.versions.get(*first), protocol.versions.get(*last));
            put(&mut out, format_args!("  {id:>4}  {id:#04x}  {}", first.key));
            if first.key != last.key {
                put(&mut out, format_args!(" to {}", last.key));
            }
            out.push('\n');
        }
    }
    let is_shown = |item: &PacketItem| named.values().any(|name| item.name.is(name));
    for text in written(protocol, &is_shown) {
        put(&mut out, format_args!("\n{text}\n"));
    }
    Ok(print(&out))
}

fn add(
    ids: &mut Vec<(Place, Vec<Run>)>,
    place: Place,
    packet: &PacketDefinition,
    version: VersionId,
) {
    let at = ids.iter().position(|(known, _)| *known == place).unwrap_or_else(|| {
        ids.push((place, Vec::new()));
        ids.len() - 1
    });
    match ids[at].1.last_mut() {
        Some((id, _, last)) if *id == packet.id => *last = version,
        _ => ids[at].1.push((packet.id, version, version)),
    }
}

/// One version for each number that is no snapshot's, oldest first.
pub(crate) fn releases(protocol: &Protocol) -> Vec<VersionId> {
    const SNAPSHOT: i64 = 0x4000_0000;
    let mut found: Vec<(i64, VersionId)> = Vec::new();
    for (id, version) in protocol.versions.iter() {
        if version.number >= SNAPSHOT || *version.key != *version.release {
            continue;
        }
        match found.last_mut() {
            Some(last) if last.0 == version.number => last.1 = id,
            _ => found.push((version.number, id)),
        }
    }
    if found.is_empty() {
        return vec![protocol.versions.newest()];
    }
    found.into_iter().map(|(_, id)| id).collect()
}

/// The declarations of a packet as they are written, with their doc comments.
fn written(protocol: &Protocol, wanted: &dyn Fn(&PacketItem) -> bool) -> Vec<String> {
    let mut texts = Vec::new();
    for (number, source) in protocol.sources.files().iter().enumerate() {
        if !source.name.ends_with(".wire") {
            continue;
        }
        let (file, _) = syntax::parse(u16::try_from(number).unwrap_or(u16::MAX), &source.text);
        for item in &file.items {
            let Item::Packet(packet) = item else { continue };
            if !wanted(packet) {
                continue;
            }
            let range = packet.span.start as usize..packet.span.end as usize;
            let mut text = String::new();
            for line in packet.doc.lines() {
                put(&mut text, format_args!("/// {}\n", line.trim()));
            }
            let source = source.text.get(range).unwrap_or_default();
            text.push_str(&escape_lines(&source.replace("\r\n", "\n")));
            texts.push(text);
        }
    }
    texts
}

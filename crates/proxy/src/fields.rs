//! `midwire fields`: what can be written in filters and rules.

use std::process::ExitCode;
use std::sync::Arc;

use midwire_definition::diagnostics::suggest;
use midwire_definition::escape::escape;
use midwire_definition::{Group, PacketDefinition, Protocol, VersionId};
use midwire_rules::{ENVELOPE, FLAGS, FUNCTIONS, describe};

use crate::args;
use crate::error::{print, usage};
use crate::print::put;
use crate::protocols;

/// Runs `midwire fields`.
pub(crate) fn run(args: &args::Fields) -> anyhow::Result<ExitCode> {
    let Some(name) = &args.protocol else {
        let mut out = String::new();
        envelope(&mut out, None);
        out.push_str("\nof a packet: midwire fields PROTOCOL PACKET\n");
        return Ok(print(&out));
    };
    let protocol = protocols::find(name, &args.definitions.defs)?;
    let version = match &args.protocol_version {
        Some(text) => protocols::version(&protocol, text)?,
        None => protocol.versions.newest(),
    };
    let mut out = String::new();
    match &args.packet {
        None => all(&protocol, version, &mut out),
        Some(packet) => one(&protocol, version, packet, &mut out)?,
    }
    Ok(print(&out))
}

fn envelope(out: &mut String, protocol: Option<&Protocol>) {
    out.push_str("of every packet:\n");
    for (item, ty, doc) in ENVELOPE {
        line(out, 2, item, ty, doc);
    }
    if let Some(protocol) = protocol {
        for (name, _) in &protocol.conn {
            line(out, 2, &format!("conn.{name}"), "int", "a variable of the connection");
        }
        let states: Vec<&str> =
            protocol.states.iter().map(|s| &**s).filter(|s| !s.is_empty()).collect();
        if !states.is_empty() {
            put(out, format_args!("  packet.state is one of {}\n", states.join(", ")));
        }
    }
    out.push_str("\ntrue or false:\n");
    for (flag, doc) in FLAGS {
        line(out, 2, flag, "bool", doc);
    }
    out.push_str("\nfunctions:\n");
    for (function, doc) in FUNCTIONS {
        line(out, 2, function, "", doc);
    }
}

fn line(out: &mut String, indent: usize, name: &str, ty: &str, doc: &str) {
    let width = 30usize.saturating_sub(indent);
    let doc = escape(doc.lines().next().unwrap_or_default().trim());
    put(out, format_args!("{:indent$}{:<width$} {ty:<18} {doc}", "", escape(name)));
    out.truncate(out.trim_end().len());
    out.push('\n');
}

fn all(protocol: &Arc<Protocol>, version: VersionId, out: &mut String) {
    envelope(out, Some(protocol));
    for group in protocol.groups() {
        put(out, format_args!("\ngroup:{}", escape(&group.name)));
        if !group.doc.is_empty() {
            put(out, format_args!("  {}", escape(group.doc.lines().next().unwrap_or_default())));
        }
        out.push('\n');
        for (view, kind) in &group.views {
            line(out, 2, view, kind.as_str(), "");
        }
        let members = members(protocol, version, &group);
        if !members.is_empty() {
            put(out, format_args!("  of {}\n", members.join(", ")));
        }
    }
    let dialect = protocol.dialect(version);
    let mut packets: Vec<_> = dialect.packets().collect();
    packets.sort_by_key(|packet| (packet.state, packet.direction.index(), packet.id));
    let mut above = None;
    for packet in packets {
        if above != Some((packet.state, packet.direction)) {
            above = Some((packet.state, packet.direction));
            put(out, format_args!("\n{}\n", place(protocol, packet)));
        }
        let doc = packet.doc.lines().next().unwrap_or_default().trim();
        line(out, 2, &packet.name, "", doc);
    }
}

fn members(protocol: &Protocol, version: VersionId, group: &Group) -> Vec<String> {
    let dialect = protocol.dialect(version);
    let mut names: Vec<String> = dialect
        .packets()
        .filter(|packet| group.views_of(protocol, version, packet).is_some())
        .map(|packet| format!("{} {}", packet.direction, escape(&packet.name)))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn place(protocol: &Protocol, packet: &PacketDefinition) -> String {
    let state = protocol.state_name(packet.state);
    let space = if state.is_empty() { "" } else { " " };
    format!("{state}{space}{}", packet.direction)
}

fn one(
    protocol: &Arc<Protocol>,
    version: VersionId,
    name: &str,
    out: &mut String,
) -> anyhow::Result<()> {
    let dialect = protocol.dialect(version);
    let mut packets: Vec<_> = dialect.packets().filter(|p| p.is_called(name)).collect();
    packets.sort_by_key(|packet| (packet.state, packet.direction.index(), packet.id));
    if packets.is_empty() {
        let names = dialect.packets().map(|packet| &*packet.name);
        let hint =
            suggest(name, names).map_or(String::new(), |near| format!("; did you mean {near}?"));
        let key = &protocol.versions.get(version).key;
        return Err(usage(format!("{} {key} has no packet {name}{hint}", protocol.name)));
    }
    for (i, packet) in packets.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        put(out, format_args!("{} {}", place(protocol, packet), escape(&packet.name)));
        if protocol.versions.iter().len() > 1 {
            put(out, format_args!("  ({})", escape(&protocol.versions.get(version).key)));
        }
        out.push('\n');
        for doc in packet.doc.lines() {
            put(out, format_args!("  {}\n", escape(doc.trim())));
        }
        let Some(plan) = &packet.plan else {
            out.push_str("  its fields are not known\n");
            continue;
        };
        let rows = describe(plan);
        if rows.is_empty() {
            out.push_str("  it has no fields\n");
        }
        for row in rows {
            let name = format!("{}.{}", packet.name, row.path);
            line(out, 2, &name, &row.kind, &row.doc);
        }
        for group in protocol.groups() {
            let Some(views) = group.views_of(protocol, version, packet) else { continue };
            for ((view, kind), here) in group.views.iter().zip(views) {
                if here.is_some() {
                    let name = format!("group:{}.{view}", group.name);
                    line(out, 2, &name, kind.as_str(), "");
                }
            }
        }
    }
    Ok(())
}

//! A whole definition: its head, id tables, types and packets.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use midwire_codec::Direction;

use crate::folder::{Edition, Key};
use crate::gates::Timeline;
use crate::ids;
use crate::merge::{self, Variant};
use crate::names::{quoted, written};
use crate::protodef::{Packet, Place, Read};
use crate::set::Set;
use crate::shape::{Arm, Entry, EntryKind, Label, Shape};
use crate::write::Writer;

/// The bodies of a packet, each with its versions.
type Bodies = Vec<Variant<Vec<Entry>>>;

/// A body as it is in one version.
type Versioned = (usize, Vec<Entry>);

/// Everything that was read, merged over the versions.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    pub(crate) types: BTreeMap<String, Vec<Variant<Shape>>>,
    /// In the order of their ids.
    pub(crate) packets: BTreeMap<Place, Vec<(String, Bodies)>>,
    pub(crate) ids: BTreeMap<Place, Vec<(usize, ids::Ids)>>,
}

/// Merges what was read of each version, oldest first.
pub(crate) fn merge(reads: &[Read]) -> Merged {
    let mut types: BTreeMap<&str, Vec<(usize, Shape)>> = BTreeMap::new();
    let mut bodies: BTreeMap<(&Place, &str), Vec<Versioned>> = BTreeMap::new();
    let mut order: BTreeMap<&Place, Vec<&str>> = BTreeMap::new();
    let mut tables: BTreeMap<Place, Vec<(usize, ids::Ids)>> = BTreeMap::new();
    for (version, read) in reads.iter().enumerate() {
        for (name, shape) in &read.types {
            types.entry(name).or_default().push((version, shape.clone()));
        }
        for Packet { place, name, body } in &read.packets {
            bodies.entry((place, name)).or_default().push((version, body.clone()));
        }
        for table in &read.ids {
            tables.entry(table.place.clone()).or_default().push((version, table.ids.clone()));
        }
    }
    // The newest version's order, and behind each of its packets what stood there before.
    for read in reads.iter().rev() {
        for table in &read.ids {
            let row = order.entry(&table.place).or_default();
            let mut at = 0;
            for (_, name) in &table.ids {
                match row.iter().position(|other| other == name) {
                    Some(found) => at = found + 1,
                    None => {
                        row.insert(at, name);
                        at += 1;
                    }
                }
            }
        }
    }
    let mut packets = BTreeMap::new();
    for (place, names) in order {
        let merged = names.into_iter().filter_map(|name| {
            let versions = bodies.remove(&(place, name))?;
            Some((name.to_owned(), merge::bodies(versions)))
        });
        packets.insert(place.clone(), merged.collect());
    }
    let types = types.into_iter().map(|(name, versions)| (name.to_owned(), merge::types(versions)));
    Merged { types: types.collect(), packets, ids: tables }
}

/// What a definition is called, and where it comes from.
pub(crate) struct Head<'a> {
    pub(crate) name: &'a str,
    pub(crate) edition: Edition,
    /// 0.30c: unframed, with packets of its own.
    pub(crate) classic: bool,
    /// All keys with their numbers, oldest first.
    pub(crate) keys: &'a [Vec<Key>],
}

/// The text of a whole definition.
pub(crate) fn text(merged: &Merged, head: &Head<'_>, timeline: &Timeline) -> String {
    let writer = Writer { timeline };
    let mut out = String::new();
    protocol(&mut out, merged, head);
    for (place, tables) in &merged.ids {
        if place.direction.is_none() || head.classic {
            continue;
        }
        let lines = ids::lines(tables, timeline).concat();
        if lines.is_empty() {
            continue;
        }
        put(&mut out, format_args!("\nids {place} {{\n{lines}}}\n"));
    }
    let used = used_types(merged);
    out.push_str(&own_types(&|name| !used.contains(name)));
    for (name, variants) in &merged.types {
        let around = union(variants);
        for variant in variants {
            out.push('\n');
            out.push_str(&type_text(&writer, name, variant, around));
        }
    }
    for (place, packets) in &merged.packets {
        for (name, variants) in packets {
            let around = union(variants);
            for variant in variants {
                out.push('\n');
                let ids = match place.direction {
                    Some(_) if !head.classic => None,
                    _ => Some(id_list(merged, place, name, variant.set, timeline)),
                };
                let gate = timeline.gate(variant.set, around);
                out.push_str(&packet_text(&writer, place, name, variant, &gate, ids.as_deref()));
            }
        }
    }
    out
}

/// All versions that one of these is for.
pub(crate) fn union<T>(variants: &[Variant<T>]) -> Set {
    variants.iter().fold(Set::default(), |all, variant| all.or(variant.set))
}

/// A type's declaration.
pub(crate) fn type_text(
    writer: &Writer<'_>,
    name: &str,
    variant: &Variant<Shape>,
    around: Set,
) -> String {
    let head = format!("type {name} {}", writer.timeline.gate(variant.set, around));
    type_with(writer, &head, variant)
}

/// A type's declaration behind its head.
pub(crate) fn type_with(writer: &Writer<'_>, head: &str, variant: &Variant<Shape>) -> String {
    match &variant.body {
        Shape::Struct(entries) if entries.is_empty() => format!("{head}{{}}\n"),
        Shape::Struct(entries) => {
            format!("{head}{{\n{}}}\n", writer.entries(entries, variant.set, 2))
        }
        shape => {
            let head = format!("{head}= ");
            let column = head.chars().count();
            format!("{head}{}\n", writer.shape(shape, variant.set, 0, column))
        }
    }
}

/// A packet's declaration.
pub(crate) fn packet_text(
    writer: &Writer<'_>,
    place: &Place,
    name: &str,
    variant: &Variant<Vec<Entry>>,
    gate: &str,
    ids: Option<&str>,
) -> String {
    let fields = writer.entries(&variant.body, variant.set, 2);
    let body = if fields.is_empty() { "{}".to_owned() } else { format!("{{\n{fields}}}") };
    let name = written(name);
    match ids {
        None => format!("packet {place} {name} {gate}{body}\n"),
        Some(ids) => {
            let direction = place.direction.map_or("both", Direction::as_str);
            format!("packet {name} {gate}= {ids} {direction} {body}\n")
        }
    }
}

/// `162 @..324, 163 @325..`
fn id_list(merged: &Merged, place: &Place, name: &str, around: Set, timeline: &Timeline) -> String {
    let mut ids: BTreeMap<i64, Set> = BTreeMap::new();
    for (version, table) in merged.ids.get(place).into_iter().flatten() {
        if let Some((id, _)) = table.iter().find(|(_, other)| other == name)
            && around.has(*version)
        {
            ids.entry(*id).or_default().add(*version);
        }
    }
    // A packet that comes or goes has no id before or after.
    let all = timeline.all();
    let list = ids.into_iter().map(|(id, set)| format!("{id} {}", timeline.gate(set, all)));
    let list: Vec<String> = list.map(|text| text.trim_end().to_owned()).collect();
    list.join(", ")
}

/// The head, as far as it is known without protocol.json: that has no framing in it.
fn protocol(out: &mut String, merged: &Merged, head: &Head<'_>) {
    let title = match (head.edition, head.classic) {
        (_, true) => "Minecraft Classic",
        (Edition::Pc, _) => "Minecraft Java Edition",
        (Edition::Bedrock, _) => "Minecraft Bedrock Edition",
    };
    let count: usize = head.keys.len();
    put(
        out,
        format_args!(
            "// Made by `midwire defs import protodef` from {count} protocol.json of minecraft-data (MIT).\n\
             // Names are those of minecraft-data in snake case. A gate holds for the versions between\n\
             // two that have a protocol.json as well.\n\n"
        ),
    );
    let name = written(head.name);
    put(out, format_args!("protocol {name} {} {{\n  endian big\n  versions {{\n", quoted(title)));
    for key in head.keys.iter().flatten() {
        put(out, format_args!("    {} {}\n", key.number, quoted(&key.key)));
    }
    out.push_str("  }\n");
    match (head.edition, head.classic) {
        (_, true) => out.push_str("  port 25565\n  stack {\n    frame none\n    id: u8\n  }\n"),
        (Edition::Pc, _) => {
            let states: BTreeSet<&str> =
                merged.packets.keys().map(|place| place.state.as_str()).collect();
            let known = ["handshake", "status", "login", "configuration", "play"];
            let mut row: Vec<&str> = known.into_iter().filter(|s| states.contains(s)).collect();
            row.extend(states.iter().filter(|s| !known.contains(s)));
            put(out, format_args!("  port 25565\n  states {}\n", row.join(", ")));
            if let Some(first) = row.first() {
                put(out, format_args!("  start {first}\n"));
            }
            out.push_str(
                "  stack {\n    ping: legacy_ping on\n    cipher: aes128_cfb8 off\n    \
                 frame { length: varint max 2097151 }\n    compression: zlib_threshold off\n    \
                 id: varint\n  }\n",
            );
            if has(merged, "handshake", Direction::Serverbound, "set_protocol") {
                out.push_str(
                    "  version from handshake.serverbound set_protocol.protocol_version\n",
                );
            }
        }
        (Edition::Bedrock, _) => out.push_str(
            "  // A packet out of a batch: RakNet and batches are below what is described here.\n  \
             stack {\n    frame { length: uvarint }\n    id: uvarint\n  }\n",
        ),
    }
    let variables = variables(merged);
    if !variables.is_empty() {
        out.push_str("  // Nothing sets these: protocol.json does not say what does.\n  conn {\n");
        for name in variables {
            put(out, format_args!("    {}: i32 = 0\n", written(&name)));
        }
        out.push_str("  }\n");
    }
    out.push_str("}\n");
    if head.edition == Edition::Pc && !head.classic {
        events(out, merged);
    }
}

/// The variables of the connection that arms are chosen by.
fn variables(merged: &Merged) -> BTreeSet<String> {
    fn of_shape(shape: &Shape, out: &mut BTreeSet<String>) {
        match shape {
            Shape::Name(_, args) => args.iter().for_each(|arg| of_shape(arg, out)),
            Shape::Struct(entries) => of_entries(entries, out),
            Shape::Array(_, inner) | Shape::Opt(inner) | Shape::Sized(_, inner) => {
                of_shape(inner, out);
            }
            Shape::Match(_, arms) => of_arms(arms, out),
            _ => {}
        }
    }
    fn of_entries(entries: &[Entry], out: &mut BTreeSet<String>) {
        for entry in entries {
            match &entry.kind {
                EntryKind::Field(_, shape) => of_shape(shape, out),
                EntryKind::Match(_, arms) => of_arms(arms, out),
                EntryKind::Tail(_) | EntryKind::Let(..) => {}
            }
        }
    }
    fn of_arms(arms: &[Arm], out: &mut BTreeSet<String>) {
        for arm in arms {
            if let Label::Conn(name) = &arm.label {
                out.insert(name.clone());
            }
            of_shape(&arm.body, out);
        }
    }
    let mut out = BTreeSet::new();
    merged.types.values().flatten().for_each(|variant| of_shape(&variant.body, &mut out));
    let bodies = merged.packets.values().flatten().flat_map(|(_, variants)| variants);
    bodies.for_each(|variant| of_entries(&variant.body, &mut out));
    out
}

fn has(merged: &Merged, state: &str, direction: Direction, name: &str) -> bool {
    let place = Place { state: state.into(), direction: Some(direction) };
    merged.packets.get(&place).is_some_and(|list| list.iter().any(|(other, _)| other == name))
}

/// What changes the state of a session, for the packets that there are.
fn events(out: &mut String, merged: &Merged) {
    use Direction::{Clientbound, Serverbound};
    let configured = has(merged, "login", Serverbound, "login_acknowledged");
    let events = [
        (
            "handshake",
            Serverbound,
            "set_protocol",
            "state = match next_state { 1 => status, else => login }",
        ),
        ("login", Clientbound, "compress", "compression.on(threshold)"),
        ("play", Clientbound, "set_compression", "compression.on(threshold)"),
        ("login", Serverbound, "encryption_begin", "cipher.on()"),
        ("login", Serverbound, "login_acknowledged", "state serverbound = configuration"),
        ("configuration", Clientbound, "finish_configuration", "state clientbound = play"),
        ("configuration", Serverbound, "finish_configuration", "state serverbound = play"),
        ("play", Clientbound, "start_configuration", "state clientbound = configuration"),
        ("play", Serverbound, "configuration_acknowledged", "state serverbound = configuration"),
    ];
    out.push('\n');
    for (state, direction, name, effect) in events {
        if has(merged, state, direction, name) {
            put(out, format_args!("on {state} {direction} {name} {{ {effect} }}\n"));
        }
    }
    if has(merged, "login", Clientbound, "success") {
        // 1.20.2 put configuration between login and play.
        let plain = "on login clientbound success";
        if configured {
            put(out, format_args!("{plain} @..763 {{ state = play }}\n"));
            put(out, format_args!("{plain} @764.. {{ state clientbound = configuration }}\n"));
        } else {
            put(out, format_args!("{plain} {{ state = play }}\n"));
        }
    }
}

/// The types that stand for what ProtoDef has built in.
const OWN: [(&str, &str); 6] = [
    (
        "Holder",
        "/// An entry of a registry by its number and 1, or 0 and the entry itself.\n\
         type Holder(T) {\n  id: varint\n  if id == 0 { value: T }\n}\n",
    ),
    (
        "HolderSet",
        "/// Entries of a registry: 0 and the name of a tag, or how many and 1, and the entries.\n\
         type HolderSet(A, B) {\n  size: varint\n  if size == 0 {\n    name: A\n  } else {\n    \
         ids: [size - 1] B\n  }\n}\n",
    ),
    (
        "LpVec3",
        "/// A vector with a common scale. All bits low first: 2 of the scale, 1 that tells that more of\n\
         /// the scale follows, then 15 each of x, y and z.\n\
         type LpVec3 {\n  /// 0: the vector is zero, and nothing follows.\n  low: u8\n  \
         if low != 0 {\n    middle: u8\n    high: u32\n    if low & 4 != 0 { scale_high: varint }\n  \
         }\n}\n",
    ),
    (
        "CompressedNbt",
        "/// NBT of 1.7: below 0 there is none.\n\
         type CompressedNbt {\n  length: i16\n  if length >= 0 { data: gzip[length] named_nbt }\n}\n",
    ),
    (
        "NetworkNbt",
        "/// NBT as Bedrock sends it: numbers of 32 and 64 bits are varints.\n\
         type NetworkNbt { kind: u8, name: str[uvarint], value: NetworkNbtTag(kind) }\n\n\
         type NetworkNbtTag(kind) = match kind {\n  1 => i8\n  2 => i16le\n  3 => zigzag32\n  \
         4 => zigzag64\n  5 => f32le\n  6 => f64le\n  7 => bytes[zigzag32]\n  8 => str[uvarint]\n  \
         9 => { kind: u8, items: [zigzag32] NetworkNbtTag(kind) }\n  10 => [until 0] NetworkNbt\n  \
         11 => [zigzag32] zigzag32\n  12 => [zigzag32] zigzag64\n}\n",
    ),
    (
        "LittleNbt",
        "/// NBT as Bedrock keeps it: little endian.\n\
         type LittleNbt { kind: u8, name: str[u16le], value: LittleNbtTag(kind) }\n\n\
         type LittleNbtTag(kind) = match kind {\n  1 => i8\n  2 => i16le\n  3 => i32le\n  \
         4 => i64le\n  5 => f32le\n  6 => f64le\n  7 => bytes[i32le]\n  8 => str[u16le]\n  \
         9 => { kind: u8, items: [i32le] LittleNbtTag(kind) }\n  10 => [until 0] LittleNbt\n  \
         11 => [i32le] i32le\n  12 => [i32le] i64le\n}\n",
    ),
];

/// Those of the importer's own types that are not there.
pub(crate) fn own_types(is_there: &dyn Fn(&str) -> bool) -> String {
    let missing = OWN.iter().filter(|(name, _)| !is_there(name));
    missing.map(|(_, text)| format!("\n{text}")).collect()
}

fn used_types(merged: &Merged) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let shapes = merged.types.values().flatten().map(|variant| &variant.body);
    shapes.for_each(|shape| names_in(shape, &mut used));
    for (_, variants) in merged.packets.values().flatten() {
        for variant in variants {
            variant.body.iter().for_each(|entry| names_in_entry(entry, &mut used));
        }
    }
    used
}

/// The types that a shape names.
pub(crate) fn names_in(shape: &Shape, out: &mut BTreeSet<String>) {
    match shape {
        Shape::Name(name, args) => {
            out.insert(name.clone());
            args.iter().for_each(|arg| names_in(arg, out));
        }
        Shape::Struct(entries) => entries.iter().for_each(|entry| names_in_entry(entry, out)),
        Shape::Array(_, inner)
        | Shape::Opt(inner)
        | Shape::Sized(_, inner)
        | Shape::Enum(inner, _)
        | Shape::Flags(inner, _) => names_in(inner, out),
        Shape::Match(_, arms) => names_in_arms(arms, out),
        Shape::Text(..) | Shape::Bytes(_) | Shape::Bits(..) | Shape::Width(_) | Shape::Nothing => {}
    }
}

pub(crate) fn names_in_entry(entry: &Entry, out: &mut BTreeSet<String>) {
    match &entry.kind {
        EntryKind::Field(_, shape) => names_in(shape, out),
        EntryKind::Match(_, arms) => names_in_arms(arms, out),
        EntryKind::Tail(_) | EntryKind::Let(..) => {}
    }
}

fn names_in_arms(arms: &[Arm], out: &mut BTreeSet<String>) {
    arms.iter().for_each(|arm| names_in(&arm.body, out));
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

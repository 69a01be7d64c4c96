//! The Terraria definition on frames of others: `captures/terraria`.
#![allow(clippy::unwrap_used)]

#[path = "support/sha256.rs"]
mod sha256;
mod support;

use std::collections::BTreeMap;

use midwire_codec::Direction;
use midwire_definition::{Protocol, StateId, Workspace, builtin};
use serde_json::Value as Json;
use support::{Node, Shown, hex, tree};

fn capture(name: &str) -> Vec<u8> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures/terraria/");
    std::fs::read(format!("{root}{name}")).unwrap()
}

fn direction(written: &str) -> Direction {
    match written {
        "c2s" => Direction::Serverbound,
        "s2c" => Direction::Clientbound,
        other => panic!("{other}"),
    }
}

/// Everything in the body of a packet, at a version, which must have been read to its end.
fn body(
    terraria: &Protocol,
    number: i64,
    direction: Direction,
    payload: &[u8],
) -> Result<(String, Node), String> {
    let (version, assumed) = terraria.versions.by_number(number);
    assert!(!assumed || number < 315, "version {number} is listed");
    let dialect = terraria.dialect(version);
    let id = i64::from(payload[0]);
    let definition = dialect.packet(StateId(0), direction, id);
    let definition = definition.ok_or(format!("no {direction} packet {id} in {number}"))?;
    let plan = definition.plan.as_ref().ok_or("opaque")?;
    let mut ws = Workspace::default();
    let conn = terraria.initial_conn();
    let mut packet = plan.decode(payload, 1, &conn, &mut ws);
    if let Some(error) = packet.error() {
        return Err(error.to_string());
    }
    if !packet.rest().is_empty() {
        return Err(format!("{} byte(s) left over", packet.rest().len()));
    }
    Ok((definition.name.to_string(), tree(&mut packet)))
}

/// What is different between a packet and what it should be; nothing on the wire may be left out.
fn differences(path: &str, node: &Node, expected: &Json, out: &mut Vec<String>) {
    let same = match (&node.shown, expected) {
        (Shown::Struct(children), Json::Object(fields)) => {
            let wanted = fields.iter().filter(|(name, _)| !name.starts_with('_'));
            for (name, expected) in wanted.clone() {
                match children.iter().find(|child| child.name == *name) {
                    Some(child) => differences(&format!("{path}.{name}"), child, expected, out),
                    None => out.push(format!("{path}.{name} is missing, not {expected}")),
                }
            }
            for child in children.iter().filter(|child| !child.computed) {
                if !fields.contains_key(&child.name) {
                    out.push(format!("{path}.{} was not expected", child.name));
                }
            }
            return;
        }
        (Shown::List(count, children), Json::Array(items)) => {
            assert_eq!(*count as usize, children.len());
            // Slots that are empty are none in the definition.
            let items: Vec<_> = items.iter().filter(|item| !item.is_null()).collect();
            if items.len() != children.len() {
                out.push(format!("{path} has {} elements, not {}", children.len(), items.len()));
            }
            for (i, (child, item)) in children.iter().zip(items).enumerate() {
                differences(&format!("{path}[{i}]"), child, item, out);
            }
            return;
        }
        (Shown::Bits(members), Json::Object(fields)) => {
            let parts = fields.get("_packed").unwrap_or(expected).as_object().unwrap();
            members.len() == parts.len()
                && members.iter().all(|(name, n)| parts[name].as_i64() == i64::try_from(*n).ok())
        }
        (Shown::Int(n) | Shown::Enum(n, _) | Shown::Flags(n, _), Json::Number(m)) => {
            m.to_string().parse() == Ok(*n)
        }
        (Shown::Enum(_, Some(name)), Json::String(text)) => name == text,
        // A byte that is 0 or 1 in one and a bool in the other.
        (Shown::Bool(b), Json::Number(m)) => m.as_u64() == Some((*b).into()),
        (Shown::Bool(b), Json::Bool(m)) => (*b != 0) == *m,
        (Shown::Float(f), Json::Number(m)) => m.as_f64().map(|m| m as f32) == Some(*f as f32),
        (Shown::Text(text), Json::String(m)) => text == m,
        (Shown::Bytes(bytes), Json::String(m)) => *bytes == hex(m),
        _ => false,
    };
    if !same {
        out.push(format!("{path} is {:?}, not {expected}", node.shown));
    }
}

#[test]
fn every_vector_is_read_with_the_values_it_should_have() {
    let terraria = builtin("terraria").unwrap();
    let text = String::from_utf8(capture("vectors.jsonl")).unwrap();
    let mut read = 0;
    let mut wrong = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line: Json = serde_json::from_str(line).unwrap();
        let name = line["message"].as_str().unwrap_or("-");
        let mut problems = match (&line["hex"], &line["expect_error"]) {
            (Json::String(digits), Json::Null) => vector(&terraria, &line, &hex(digits)),
            (Json::String(digits), _) => refused(&terraria, &hex(digits)),
            _ => join(&terraria, &line),
        };
        if problems.is_empty() {
            read += 1;
        }
        wrong.extend(problems.drain(..).map(|p| format!("line {}: {name}{p}", number + 1)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(read, 100);
}

/// A whole frame and what it should hold.
fn vector(terraria: &Protocol, line: &Json, bytes: &[u8]) -> Vec<String> {
    let framing = terraria.stack.framing.as_ref().unwrap();
    let frame = framing.next(bytes).unwrap().unwrap();
    assert_eq!(frame.len, bytes.len());
    let payload = &bytes[frame.payload];
    let direction = direction(line["dir"].as_str().unwrap());
    let (name, mut body) =
        match body(terraria, line["protocol"].as_i64().unwrap(), direction, payload) {
            Ok(found) => found,
            Err(error) => return vec![format!(": {error}")],
        };
    let mut out = Vec::new();
    if name != line["message"].as_str().unwrap() {
        out.push(format!(" is called {name}"));
    }
    let mut expected = line["expect"].clone();
    if name == "TileSection" {
        section(&mut body, &mut expected, &mut out);
    }
    differences("", &body, &expected, &mut out);
    out
}

/// Compares sums over the tiles of a section, and takes both away.
fn section(body: &mut Node, expected: &mut Json, out: &mut Vec<String>) {
    let section = body.at("section");
    let fields = expected["section"].as_object_mut().unwrap();
    let mut take = |name: &str| fields.remove(name).unwrap();
    let (records, count) = (take("tile_record_count"), take("tile_count"));
    let (types, walls) = (take("tile_type_histogram(-1=air)"), take("wall_histogram"));
    let (liquids, samples) = (take("liquid_tiles"), take("samples"));
    let (sum, _) = (take("tiles_sha256"), take("tiles_sha256_of"));

    let mut tiles: Vec<[i128; 4]> = Vec::new();
    for record in section.at("tiles").children() {
        let get = |name: &str| record.get(name).map_or(0, Node::number);
        let kind = record.get("tile_type").map_or(-1, Node::number);
        // The sums know shimmer as the water that it is in these bits.
        let liquid = get("liquid_kind");
        let amount = record.get("liquid_amount").map_or(0, Node::number);
        let tile = [kind, get("wall"), liquid, amount];
        tiles.extend(std::iter::repeat_n(tile, get("repeat") as usize + 1));
    }
    let histogram = |part: usize| {
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        for tile in &tiles {
            *found.entry(tile[part].to_string()).or_default() += 1;
        }
        serde_json::json!(found)
    };
    let text: Vec<_> = tiles.iter().map(|[t, w, k, a]| format!("{t}:{w}:{k}:{a}")).collect();
    let checks = [
        ("records", records, section.at("tiles").children().len().into()),
        ("tiles", count, tiles.len().into()),
        ("types", types, histogram(0)),
        ("walls", walls, histogram(1)),
        ("liquids", liquids, tiles.iter().filter(|t| t[2] != 0).count().into()),
        ("sum", sum, sha256::sha256(text.join(",").as_bytes()).into()),
    ];
    for (what, expected, found) in checks {
        if expected != found {
            out.push(format!(": {what}: {found}, not {expected}"));
        }
    }
    let width = section.at("width").number();
    for sample in samples.as_array().unwrap() {
        let n = |name: &str| i128::from(sample[name].as_i64().unwrap());
        let tile = tiles[(n("dy") * width + n("dx")) as usize];
        if tile != [n("type"), n("wall"), n("liquid_kind"), n("liquid")] {
            out.push(format!(": {tile:?}, not {sample}"));
        }
    }
    let Shown::Struct(children) = &mut body.shown else { unreachable!() };
    let section = children.iter_mut().find(|child| child.name == "section").unwrap();
    let Shown::Struct(children) = &mut section.shown else { unreachable!() };
    children.retain(|child| child.name != "tiles");
}

/// A frame that cannot be one.
fn refused(terraria: &Protocol, bytes: &[u8]) -> Vec<String> {
    match terraria.stack.framing.as_ref().unwrap().next(bytes) {
        Err(error) if error.to_string().contains("below the least possible, 3") => Vec::new(),
        other => vec![format!(": {other:?}")],
    }
}

/// The recorded join: ids in order, and every body read to its end.
fn join(terraria: &Protocol, line: &Json) -> Vec<String> {
    let bytes = hex(line["stream_hex"].as_str().unwrap());
    assert_eq!(bytes, capture("join-228.bin"));
    let mut out = Vec::new();
    let mut runs: Vec<(u8, u64)> = Vec::new();
    let framing = terraria.stack.framing.as_ref().unwrap();
    let (mut at, mut frames) = (0, 0);
    while let Some(frame) = framing.next(&bytes[at..]).unwrap() {
        let payload = &bytes[at..][frame.payload.clone()];
        match runs.last_mut() {
            Some((id, n)) if *id == payload[0] => *n += 1,
            _ => runs.push((payload[0], 1)),
        }
        if let Err(error) = body(terraria, 228, Direction::Clientbound, payload) {
            out.push(format!(": frame {frames} at {at}: {error}"));
        }
        at += frame.len;
        frames += 1;
    }
    let expected = &line["expect"];
    assert_eq!(expected["ids_in_order_rle"], serde_json::json!(runs));
    assert_eq!(expected["frames"], frames);
    assert_eq!(expected["bytes"], at);
    out
}

/// Bodies made and read by another reader of the same layouts.
#[test]
fn every_packet_of_the_sample_is_read_as_another_reader_reads_it() {
    let terraria = builtin("terraria").unwrap();
    let text = String::from_utf8(capture("sample.jsonl")).unwrap();
    let mut wrong = Vec::new();
    let mut names = std::collections::HashSet::new();
    for (number, line) in text.lines().enumerate() {
        let line: Json = serde_json::from_str(line).unwrap();
        let name = line["message"].as_str().unwrap();
        names.insert(name.to_owned());
        let mut payload = vec![line["id"].as_u64().unwrap() as u8];
        payload.extend(hex(line["hex"].as_str().unwrap()));
        let (version, direction) =
            (line["protocol"].as_i64().unwrap(), direction(line["dir"].as_str().unwrap()));
        let mut out = Vec::new();
        match body(&terraria, version, direction, &payload) {
            Ok((found, body)) => {
                if found != name {
                    out.push(format!(" is called {found}"));
                }
                differences("", &body, &line["expect"], &mut out);
            }
            Err(error) => out.push(format!(": {error}")),
        }
        wrong.extend(out.into_iter().map(|p| format!("line {}: {version} {name}{p}", number + 1)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(names.len(), 165, "every message is among them");
}

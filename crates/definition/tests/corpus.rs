//! The Minecraft definition on packets of vanilla servers and their values as others tell them
//! (`captures/minecraft/corpus.jsonl`): read to the end, equal, the same after no edit, and written from the
//! values as they were.
//!
//! `MIDWIRE_CORPUS` names another file of this form: `node tests/peers/oracle/corpus.js --write FILE` writes
//! all 3,358 packets of npm `minecraft-packets`.
#![allow(clippy::unwrap_used)]

use midwire_codec::Direction;
use midwire_codec::varint::read_varint;
use midwire_definition::given::parse;
use midwire_definition::json::write_fields;
use midwire_definition::{Edits, Given, Protocol, Workspace, builtin};

/// A packet of the file.
struct Sample {
    version: String,
    name: String,
    payload: Vec<u8>,
    fields: Given,
}

fn samples() -> Vec<Sample> {
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures/minecraft/corpus.jsonl");
    let file = std::env::var("MIDWIRE_CORPUS").unwrap_or_else(|_| committed.into());
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(sample).collect()
}

fn sample(line: &str) -> Sample {
    let line = parse(line).unwrap();
    let text = |key: &str| match line.get(key) {
        Some(Given::Text(text)) => text.clone(),
        other => panic!("{key}: {other:?}"),
    };
    let digits = text("payload");
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    Sample {
        version: text("version"),
        name: text("name"),
        payload: (0..digits.len()).step_by(2).map(byte).collect(),
        fields: line.get("fields").unwrap().clone(),
    }
}

#[test]
fn packets_of_vanilla_servers_have_the_values_that_others_read_in_them() {
    let minecraft = builtin("minecraft").unwrap();
    let samples = samples();
    let mut workspace = Workspace::default();
    let mut wrong = Vec::new();
    for sample in &samples {
        if let Err(reason) = check(&minecraft, sample, &mut workspace) {
            wrong.push(format!("{} {}: {reason}", sample.version, sample.name));
        }
    }
    assert!(samples.len() >= 900, "only {} packets", samples.len());
    let shown = &wrong[..wrong.len().min(20)];
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), samples.len(), shown.join("\n"));
}

fn check(minecraft: &Protocol, sample: &Sample, workspace: &mut Workspace) -> Result<(), String> {
    let version = minecraft.versions.by_text(&sample.version).ok_or("no such version")?;
    let dialect = minecraft.dialect(version);
    let play = minecraft.state_named("play").unwrap();
    let (id, body) = read_varint(&sample.payload).unwrap().unwrap();
    let definition = dialect.packet(play, Direction::Clientbound, id.into()).ok_or("no such id")?;
    if *definition.name != *sample.name {
        return Err(format!("read as {}", definition.name));
    }
    let plan = definition.plan.as_ref().ok_or("opaque")?;
    let conn = minecraft.initial_conn();
    let mut packet = plan.decode(&sample.payload, body as u32, &conn, workspace);
    if let Some(error) = packet.error() {
        return Err(error.to_string());
    }
    if !packet.rest().is_empty() {
        return Err(format!("{} bytes left over", packet.rest().len()));
    }
    let mut fields = String::new();
    write_fields(&mut packet, &mut fields);
    let fields = parse(&fields).map_err(|e| e.to_string())?;
    differs("", &sample.fields, &fields)?;
    let mut spliced = Vec::new();
    packet.splice(&Edits::new(), &mut spliced).map_err(|e| e.to_string())?;
    if spliced != sample.payload {
        return Err("other bytes after no edit".into());
    }
    for (from, values) in [("others' values", &sample.fields), ("its own values", &fields)] {
        let mut written = sample.payload[..body].to_vec();
        plan.encode(values, &conn, workspace, &mut written).map_err(|e| format!("{from}: {e}"))?;
        if written != sample.payload {
            return Err(format!("other bytes from {from}"));
        }
    }
    Ok(())
}

/// Where two values differ. A number is the same with and without a fraction of nothing; the order of keys does
/// not matter.
fn differs(path: &str, expected: &Given, found: &Given) -> Result<(), String> {
    let same = match (expected, found) {
        (Given::Int(a), Given::Float(b)) => *a as f64 == *b,
        (Given::List(a), Given::List(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                differs(&format!("{path}[{i}]"), a, b)?;
            }
            true
        }
        (Given::Object(a), Given::Object(b)) if a.len() == b.len() => {
            for (key, a) in a {
                let b = found.get(key).ok_or_else(|| format!("{path}.{key} is not there"))?;
                differs(&format!("{path}.{key}"), a, b)?;
            }
            true
        }
        (a, b) => a == b,
    };
    if same { Ok(()) } else { Err(format!("{path}: {found:?} should be {expected:?}")) }
}

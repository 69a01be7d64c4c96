//! Recorded sessions as steps; `captures/README.md` describes the files.
#![allow(dead_code, unreachable_pub, reason = "each test uses its own part")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use midwire_codec::Direction;
use serde_json::Value;

use crate::support::{Clientbound, Serverbound};

/// What happened to one recorded connection.
pub enum Step {
    Data(Direction, Vec<u8>),
    End(Direction),
}

pub struct Recorded {
    pub steps: Vec<(u64, Step)>,
}

fn find(name: &str) -> PathBuf {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|file| file == name) {
                return path;
            }
        }
    }
    panic!("no {name} below captures/");
}

/// A file of text.
pub fn text(name: &str) -> String {
    std::fs::read_to_string(find(name)).unwrap()
}

pub fn lines(name: &str) -> Vec<Value> {
    let file = std::fs::File::open(find(name)).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|c| *c != b'=').map(value).collect();
    let group = |four: &[u8]| {
        let bits = four.iter().fold(0u32, |bits, six| bits << 6 | u32::from(*six));
        let bits = bits << (6 * (4 - four.len()));
        bits.to_be_bytes()[1..four.len()].to_vec()
    };
    digits.chunks(4).flat_map(group).collect()
}

pub fn direction(line: &Value) -> Direction {
    if line["dir"] == "c2s" { Serverbound } else { Clientbound }
}

pub fn recording(name: &str) -> Vec<Recorded> {
    let mut connections = BTreeMap::<u64, Recorded>::new();
    for line in lines(&format!("{name}.stream.jsonl.gz")) {
        let at = line["t"].as_u64().unwrap();
        let connection = line["conn"].as_u64().unwrap();
        let steps =
            &mut connections.entry(connection).or_insert(Recorded { steps: Vec::new() }).steps;
        match line["ev"].as_str().unwrap() {
            "data" => {
                steps.push((
                    at,
                    Step::Data(direction(&line), base64(line["b64"].as_str().unwrap())),
                ));
            }
            "fin" => steps.push((at, Step::End(direction(&line)))),
            _ => {}
        }
    }
    connections.into_values().collect()
}

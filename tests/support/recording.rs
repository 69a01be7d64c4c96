//! Reading recorded sessions: `NAME.stream.jsonl.gz`, the raw bytes of both directions.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::Value;

/// Which way bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    Serverbound,
    Clientbound,
}

impl Direction {
    pub const BOTH: [Self; 2] = [Self::Serverbound, Self::Clientbound];

    /// 0 for serverbound, 1 for clientbound.
    pub fn index(self) -> usize {
        self as usize
    }

    pub fn of_index(index: usize) -> Self {
        Self::BOTH[index]
    }

    /// As midwire's JSON spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Serverbound => "serverbound",
            Self::Clientbound => "clientbound",
        }
    }

    pub fn from_recording(line: &Value) -> Self {
        match line["dir"].as_str() {
            Some("c2s") => Self::Serverbound,
            Some("s2c") => Self::Clientbound,
            _ => panic!("a recording's line without a direction: {line}"),
        }
    }
}

/// One thing that happened to a recorded connection.
#[derive(Debug)]
pub enum Event {
    Open,
    /// What one read of a socket gave; neither a packet nor a frame.
    Data(Direction, Vec<u8>),
    /// That side said it has nothing more to send.
    Finish(Direction),
    Close,
}

pub struct Line {
    /// Recorded connections count from 1 in order of accepting.
    pub connection: usize,
    pub event: Event,
}

/// Reads every line of a recording.
pub fn read(name: &str) -> Vec<Line> {
    json_lines(&find(&format!("{name}.stream.jsonl.gz")))
        .map(|line| {
            let connection = line["conn"].as_u64().expect("a line names its connection");
            let event = match line["ev"].as_str() {
                Some("open") => Event::Open,
                Some("data") => {
                    let text = line["b64"].as_str().expect("data lines carry bytes");
                    Event::Data(Direction::from_recording(&line), base64(text))
                }
                Some("fin") => Event::Finish(Direction::from_recording(&line)),
                Some("close") => Event::Close,
                other => panic!("{name}: no meaning is known for the event {other:?}"),
            };
            Line { connection: connection as usize, event }
        })
        .collect()
}

/// The objects of a gzip file with one JSON object a line.
pub fn json_lines(path: &Path) -> impl Iterator<Item = Value> + use<> {
    let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let shown = path.display().to_string();
    BufReader::new(GzDecoder::new(file)).lines().map(move |line| {
        let line = line.unwrap_or_else(|e| panic!("{shown}: {e}"));
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{shown}: {e} in {line}"))
    })
}

/// Finds a file anywhere below `captures/`.
pub fn find(file_name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures");
    search(&root, file_name)
        .unwrap_or_else(|| panic!("{file_name} is nowhere below {}", root.display()))
}

fn search(folder: &Path, file_name: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            folders.push(path);
        } else if path.file_name().is_some_and(|name| name == file_name) {
            return Some(path);
        }
    }
    folders.iter().find_map(|folder| search(folder, file_name))
}

/// Standard base64 with padding, as the recorder wrote it.
pub fn base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut pending = 0_u32;
    let mut bits = 0;
    for digit in text.bytes().filter(|&digit| digit != b'=') {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => panic!("not base64: {text}"),
        };
        pending = pending << 6 | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((pending >> bits) as u8);
        }
    }
    bytes
}

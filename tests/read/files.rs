//! Capture files for the tests: midwire's own, and such as tcpdump writes.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use midwire_capture::{Closing, Ends, Frame, Item, Opening, Reader, Timestamp, Writer};
use midwire_codec::Direction;
use serde_json::Value;

use crate::support::program::{Ended, Program};
use crate::support::recording;

/// A folder of one test, which is gone when it is over.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("midwire-read-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a fresh folder");
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// The names of what is in it, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.0.join(name), bytes).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What `midwire read` makes of these arguments.
pub(crate) fn read(arguments: &[&str]) -> Ended {
    Program::start(&[&["read"], arguments].concat()).wait()
}

/// The same, which must go well.
pub(crate) fn read_well(arguments: &[&str]) -> Ended {
    let ended = read(arguments);
    assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {}", ended.diagnostics);
    ended
}

/// A recording of `captures/`.
pub(crate) fn recorded(name: &str) -> String {
    recording::find(&format!("{name}.stream.jsonl.gz")).to_str().unwrap().to_owned()
}

/// When a recording of the tests begins.
pub(crate) const BEGINNING: Timestamp = Timestamp(1_795_363_507_000_000_000);

pub(crate) fn at(millis: f64) -> Timestamp {
    Timestamp(BEGINNING.0 + (millis * 1e6) as u64)
}

pub(crate) fn direction(of: recording::Direction) -> Direction {
    match of {
        recording::Direction::Serverbound => Direction::Serverbound,
        recording::Direction::Clientbound => Direction::Clientbound,
    }
}

/// The ends of a connection of a recording.
pub(crate) fn ends(connection: usize, port: u16) -> Ends {
    let client = ([127, 0, 0, 1], 40_000 + connection as u16).into();
    Ends { client, server: ([127, 0, 0, 1], port).into() }
}

/// A recording as midwire writes it: the packets that its JSON tells of, frame by frame.
pub(crate) fn as_ours(name: &str, protocol: &str, log: &[Value]) -> Vec<u8> {
    let lines = recording::json_lines(&recording::find(&format!("{name}.stream.jsonl.gz")));
    let mut streams: HashMap<(u64, Direction), Vec<u8>> = HashMap::new();
    for line in lines.filter(|line| line["ev"] == "data") {
        let bytes = base64(line["b64"].as_str().unwrap());
        let direction = direction(recording::Direction::from_recording(&line));
        let connection = line["conn"].as_u64().unwrap();
        streams.entry((connection, direction)).or_default().extend_from_slice(&bytes);
    }
    let mut writer = Writer::new(Vec::new(), "a test");
    let mut taken: HashMap<(u64, Direction), usize> = HashMap::new();
    for line in log {
        let session = line["session"].as_u64().unwrap_or(0);
        let when = time(line);
        match (line["type"].as_str(), line["event"].as_str()) {
            (Some("session"), Some("opened")) => {
                let facts = [("protocol", protocol), ("to", "the server")];
                let client = Ends {
                    client: line["client"].as_str().unwrap().parse().unwrap(),
                    server: ([127, 0, 0, 1], 25_565).into(),
                };
                let opening = Opening { session, at: when, client, server: None, facts: &facts };
                writer.session_opened(&opening).unwrap();
            }
            (Some("session"), Some("closed")) => {
                writer.session_closed(session, Closing::Finished, when).unwrap();
            }
            (Some("packet"), _) => {
                let direction = match line["direction"].as_str() {
                    Some("serverbound") => Direction::Serverbound,
                    _ => Direction::Clientbound,
                };
                let len = line["wire_length"].as_u64().unwrap() as usize;
                let start = taken.entry((session, direction)).or_default();
                let bytes = &streams[&(session, direction)][*start..*start + len];
                *start += len;
                let number = line["n"].as_u64().unwrap();
                writer.frame(&Frame::passed(session, number, direction, when, bytes)).unwrap();
            }
            _ => {}
        }
    }
    writer.into_inner().unwrap()
}

/// When a line of JSON says that it happened.
fn time(line: &Value) -> Timestamp {
    // A recording forwarder's times count from 1970 on: there are seconds and no more in them.
    let at = line["at"].as_str().unwrap();
    let seconds = &at["1970-01-01T00:00:".len()..at.len() - 1];
    let minutes: f64 = at["1970-01-01T00:".len().."1970-01-01T00:00".len()].parse().unwrap();
    let seconds: f64 = seconds.parse().unwrap();
    Timestamp(((minutes * 60.0 + seconds) * 1e6).round() as u64 * 1000)
}

/// The packets of a file of midwire's, such as tcpdump writes them: without notes.
pub(crate) fn as_pcap(ours: &[u8]) -> Vec<u8> {
    let mut pcap = Pcap::new();
    let mut reader = Reader::new(ours);
    while let Some(item) = reader.next().unwrap() {
        if let Item::Packet(packet) = item {
            pcap.record(packet.at.unwrap(), packet.data);
        }
    }
    pcap.0
}

/// A pcap file of raw IP.
pub(crate) struct Pcap(pub(crate) Vec<u8>);

impl Pcap {
    pub(crate) fn new() -> Self {
        let words: [u32; 6] = [0xa1b2_3c4d, 0x0004_0002, 0, 0, 262_144, 101];
        Self(words.iter().flat_map(|word| word.to_le_bytes()).collect())
    }

    pub(crate) fn record(&mut self, at: Timestamp, bytes: &[u8]) {
        let len = bytes.len() as u32;
        let words = [(at.0 / 1_000_000_000) as u32, (at.0 % 1_000_000_000) as u32, len, len];
        self.0.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        self.0.extend_from_slice(bytes);
    }
}

/// The records of a pcap file, each with its header.
pub(crate) fn records(pcap: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    let mut rest = &pcap[24..];
    while !rest.is_empty() {
        let len = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let (record, behind) = rest.split_at(16 + len);
        records.push(record);
        rest = behind;
    }
    records
}

/// The payload of a record: behind IPv4 and TCP without options.
pub(crate) fn payload(record: &[u8]) -> &[u8] {
    &record[16 + 40..]
}

fn base64(text: &str) -> Vec<u8> {
    recording::base64(text)
}

//! Recorded sessions as packets.

// Each test uses some of this.
#![allow(dead_code, unreachable_pub)]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::BytesMut;
use flate2::read::GzDecoder;
use midwire_definition::{Protocol, builtin};
use midwire_rules::Envelope;
use midwire_session::{
    Direction, Elapsed, Event, Options, Output, PacketEvent, Peers, Scratch, Session, Setup, Watch,
};
use serde_json::Value;

/// A packet, and how the tables of results call it: connection, direction, number.
pub struct Recorded {
    pub key: String,
    pub connection: u64,
    pub packet: PacketEvent,
}

impl Recorded {
    /// As filters see it; both ends are on this machine.
    pub fn envelope(&self) -> Envelope<'_> {
        let here = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        self.packet.envelope(Peers { session: self.connection, client: here, server: here })
    }
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn protocol_of(capture: &str) -> Arc<Protocol> {
    builtin(if capture.starts_with("mc") { "minecraft" } else { capture }).unwrap()
}

/// All packets of a recording, in the order in which they came.
pub fn packets(capture: &str, protocol: &Arc<Protocol>) -> Vec<Recorded> {
    let folder = if capture.starts_with("mc") { "minecraft" } else { capture };
    let path = root().join(format!("captures/{folder}/{capture}.stream.jsonl.gz"));
    let lines = BufReader::new(GzDecoder::new(File::open(path).unwrap())).lines();
    let setup = Setup::new(protocol.clone(), Options::default());
    let mut open: Vec<(Session, [BytesMut; 2], [usize; 2])> = Vec::new();
    let mut scratch = Scratch::default();
    let mut out = Vec::new();
    for line in lines {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let connection = line["conn"].as_u64().unwrap();
        let at = Elapsed::from_millis(line["t"].as_u64().unwrap());
        let place = connection as usize - 1;
        if line["ev"] == "open" {
            let mut session = Session::new(setup.clone());
            session.set_watch(Watch::Packets);
            assert_eq!(place, open.len());
            open.push((session, Default::default(), [0; 2]));
            continue;
        }
        if line["ev"] != "data" {
            continue;
        }
        let direction = match line["dir"].as_str().unwrap() {
            "c2s" => Direction::Serverbound,
            _ => Direction::Clientbound,
        };
        let (session, buffers, counts) = &mut open[place];
        let buffer = &mut buffers[direction.index()];
        buffer.extend_from_slice(&base64(line["b64"].as_str().unwrap()));
        session.handle_bytes(direction, buffer, at, &mut scratch);
        while let Some(output) = session.poll_output() {
            let Output::Event(Event::Packet(packet)) = output else { continue };
            let number = &mut counts[packet.direction.index()];
            let to = if packet.direction == Direction::Serverbound { 's' } else { 'c' };
            out.push(Recorded { key: format!("{connection}{to}{number}"), connection, packet });
            *number += 1;
        }
    }
    out
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bits, mut count, mut out) = (0u32, 0, Vec::new());
    for value in text.bytes().filter_map(digit) {
        bits = bits << 6 | value;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

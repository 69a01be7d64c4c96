//! What the recorded end points themselves said about each packet: `NAME.truth.jsonl.gz`.

use std::collections::HashMap;

use serde_json::Value;

use super::recording::{self, Direction};

/// A packet as the end point that received it logged it.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Absent for protocols without states.
    pub state: Option<String>,
    pub id: i64,
    /// Packet id and payload, after decryption and decompression.
    pub len: u64,
    pub name: Option<String>,
}

/// The received packets of each recorded connection and direction, in order.
pub type Packets = HashMap<(usize, Direction), Vec<Packet>>;

/// Minecraft: server and client log apart, under names of their own, in order of arrival.
pub fn minecraft(name: &str) -> Packets {
    let mut names: HashMap<Direction, Vec<String>> = HashMap::new();
    let mut packets = Packets::new();
    for line in lines(name) {
        // The server's log numbers what goes to the server, the client's what comes from it.
        let logs = match line["at"].as_str() {
            Some("server") => Direction::Serverbound,
            Some("client") => Direction::Clientbound,
            other => panic!("{name}: no end point is called {other:?}"),
        };
        let names = names.entry(logs).or_default();
        let own_name = line["conn"].as_str().expect("truth lines name a connection");
        let place = names.iter().position(|known| known == own_name).unwrap_or_else(|| {
            names.push(own_name.to_owned());
            names.len() - 1
        });
        if line["act"] == "recv" {
            assert_eq!(Direction::from_recording(&line), logs, "{name}: {line}");
            let state = match line["state"].as_str().expect("a Minecraft packet has a state") {
                "handshaking" => "handshake",
                state => state,
            };
            let packet = Packet { state: Some(state.to_owned()), ..packet(&line, 0) };
            packets.entry((place + 1, logs)).or_default().push(packet);
        }
    }
    packets
}

/// Terraria: one stand-in server logged both directions; it was started several times, and each run
/// counts its connections and its lines from 0.
pub fn terraria(name: &str) -> Packets {
    let mut packets = Packets::new();
    let (mut before, mut most, mut last_line) = (0, 0, None);
    for line in lines(name) {
        let number = line["seq"].as_u64().expect("truth lines are numbered");
        if last_line.is_some_and(|last| number < last) {
            before = most;
        }
        last_line = Some(number);
        let own_name = line["conn"].as_str().expect("truth lines name a connection");
        let own_number: usize = own_name[1..].parse().expect("a name like s3");
        let connection = before + own_number + 1;
        most = most.max(connection);
        // What the stand-in calls these two is of its own making.
        let mut packet = packet(&line, 2);
        packet.name = packet.name.filter(|name| name != "PlayerLife" && name != "Chat(old)");
        packets.entry((connection, Direction::from_recording(&line))).or_default().push(packet);
    }
    packets
}

fn lines(name: &str) -> impl Iterator<Item = Value> {
    recording::json_lines(&recording::find(&format!("{name}.truth.jsonl.gz")))
}

/// `header` is what the log's lengths count beside id and payload.
fn packet(line: &Value, header: u64) -> Packet {
    Packet {
        state: None,
        id: line["id"].as_i64().expect("a packet has an id"),
        len: line["len"].as_u64().expect("a packet has a length") - header,
        name: line["name"].as_str().map(str::to_owned),
    }
}

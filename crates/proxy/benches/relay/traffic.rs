//! What is said: openings and packets of recorded sessions.

use std::sync::Arc;

use bytes::BytesMut;
use midwire_codec::{Framing, Prefix};
use midwire_definition::builtin;
use midwire_session::{
    Elapsed, Event, Options, Output, PacketEvent, Scratch, Session, Setup, Watch,
};
use serde_json::Value;

use crate::recording::{self, Direction};

/// Bytes of a flood before it starts over.
const FLOOD: usize = 1 << 20;

/// Packets of one kind, and what is said before them.
pub(crate) struct Traffic {
    pub(crate) name: &'static str,
    pub(crate) protocol: &'static str,
    /// From the first byte to where the packets below are understood.
    pub(crate) opening: Vec<(Direction, Vec<u8>)>,
    /// Whole frames for the client.
    pub(crate) flood: Vec<u8>,
    /// How many.
    pub(crate) packets: usize,
    /// A small frame for the server.
    pub(crate) ask: Vec<u8>,
    /// A small frame for the client.
    pub(crate) answer: Vec<u8>,
}

impl Traffic {
    /// Whether a packet is so small that copying it takes no longer than finding where it ends.
    pub(crate) fn is_tiny(&self) -> bool {
        self.flood.len() / self.packets < 16
    }
}

/// All that is measured.
pub(crate) fn all() -> Vec<Traffic> {
    let game = Recorded::read("mc-1.20.4-offline");
    let hills = Recorded::read("mc-1.18.2-terrain");
    let chunk = |packet: &Packet| &*packet.name == "map_chunk";
    let small = |packet: &Packet| !chunk(packet);
    let any = |_: &Packet| true;
    vec![
        game.traffic("moves of 11 bytes", true, |p| &*p.name == "rel_entity_move", |_| false),
        game.traffic("1.20.4 as recorded", true, any, |_| false),
        game.traffic("a chunk in 200, plain", false, small, chunk),
        game.traffic("a chunk in 200, compressed", true, small, chunk),
        hills.traffic("chunks, compressed", true, chunk, |_| false),
        terraria_mixed(),
        terraria_join(),
    ]
}

/// A packet of a recording.
struct Packet {
    direction: Direction,
    name: Arc<str>,
    in_play: bool,
    /// As it was recorded.
    frame: Vec<u8>,
    /// As it is where nothing is compressed.
    plain_frame: Vec<u8>,
}

/// The first session of a Minecraft recording.
struct Recorded(Vec<Packet>);

impl Recorded {
    fn read(name: &str) -> Self {
        let minecraft = builtin("minecraft").expect("it is built in");
        let play = minecraft.state_named("play").expect("Minecraft has a state of play");
        let mut session = Session::new(Setup::new(minecraft, Options::default()));
        session.set_watch(Watch::Packets);
        let mut scratch = Scratch::default();
        let mut sides = [Vec::new(), Vec::new()];
        let mut left = [BytesMut::new(), BytesMut::new()];
        let mut packets = Vec::new();
        for line in recording::read(name).into_iter().filter(|line| line.connection == 1) {
            let recording::Event::Data(direction, bytes) = line.event else { continue };
            let side = direction as usize;
            sides[side].extend_from_slice(&bytes);
            left[side].extend_from_slice(&bytes);
            let towards = midwire_codec::Direction::BOTH[side];
            session.handle_bytes(towards, &mut left[side], Elapsed::default(), &mut scratch);
            while let Some(output) = session.poll_output() {
                if let Output::Event(Event::Packet(event)) = output {
                    let start = event.offset as usize;
                    let frame = sides[side][start..start + event.wire_length as usize].to_vec();
                    let in_play = event.state == play;
                    packets.push(packet(direction, in_play, frame, &event));
                }
            }
        }
        Self(packets)
    }

    /// Most packets are of one choice, one in 200 is of the other.
    fn traffic(
        &self,
        name: &'static str,
        compressed: bool,
        most: impl Fn(&Packet) -> bool,
        few: impl Fn(&Packet) -> bool,
    ) -> Traffic {
        let frame = |p: &Packet| if compressed { p.frame.clone() } else { p.plain_frame.clone() };
        let opening = self
            .0
            .iter()
            .filter(|packet| !packet.in_play && (compressed || &*packet.name != "compress"))
            .map(|packet| (packet.direction, frame(packet)))
            .collect();
        let for_client =
            |packet: &&Packet| packet.in_play && packet.direction == Direction::Clientbound;
        let of = |choice: &dyn Fn(&Packet) -> bool| -> Vec<Vec<u8>> {
            self.0.iter().filter(for_client).filter(|p| choice(p)).map(frame).collect()
        };
        let (most, few) = (of(&most), of(&few));
        let mut few = few.iter().cycle();
        let mut flood = Vec::new();
        let mut packets = 0;
        for frame in most.iter().cycle() {
            if flood.len() >= FLOOD {
                break;
            }
            flood.extend_from_slice(frame);
            packets += 1;
            if packets % 200 == 0
                && let Some(frame) = few.next()
            {
                flood.extend_from_slice(frame);
                packets += 1;
            }
        }
        let first = |direction| {
            let found = self.0.iter().find(|p| p.in_play && p.direction == direction);
            frame(found.expect("both ends of the recording play"))
        };
        let ask = first(Direction::Serverbound);
        let answer = most.first().expect("the recording has such packets").clone();
        Traffic { name, protocol: "minecraft", opening, flood, packets, ask, answer }
    }
}

fn packet(direction: Direction, in_play: bool, frame: Vec<u8>, event: &PacketEvent) -> Packet {
    let mut plain_frame = Vec::new();
    let payload = event.payload.as_deref().expect("payloads are watched");
    let framing = Framing::new(Prefix::Varint, 2_097_151);
    framing.write_frame(payload, &mut plain_frame).expect("it came in a frame");
    let name = event.definition.as_ref().map_or_else(|| "".into(), |known| known.name.clone());
    Packet { direction, name, in_play, frame, plain_frame }
}

/// What a server says to one that joins, again and again: 335 packets.
fn terraria_join() -> Traffic {
    let join = std::fs::read(recording::find("join-228.bin")).expect("a recording");
    terraria("Terraria, a join, 11 bytes", "Terraria228", &join)
}

/// What there is of a recent release, again and again; without tile sections, which are a thousand times
/// as much when shown, and are sent to one that joins.
fn terraria_mixed() -> Traffic {
    let text = std::fs::read_to_string(recording::find("vectors.jsonl")).expect("a recording");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let of_release = lines.filter(|line| {
        line["protocol"] == 326 && line["dir"] == "s2c" && line["message"] != "TileSection"
    });
    let frames = of_release.filter_map(|line| hex::decode(line["hex"].as_str()?).ok());
    terraria("Terraria, all but tile sections", "Terraria326", &frames.collect::<Vec<_>>().concat())
}

fn terraria(name: &'static str, version: &str, frames: &[u8]) -> Traffic {
    let framing = builtin("terraria").and_then(|terraria| terraria.stack.framing);
    let framing = framing.expect("Terraria is built in, and has frames");
    let read = midwire_codec::frames(&framing, frames);
    let packets = read.clone().count();
    assert_eq!(read.last().and_then(Result::ok).map(|frame| frame.range().end), Some(frames.len()));
    let times = FLOOD.div_ceil(frames.len());
    let mut hello = Vec::new();
    let text = [&[1, version.len() as u8], version.as_bytes()].concat();
    framing.write_frame(&text, &mut hello).expect("a frame holds a few bytes");
    Traffic {
        name,
        protocol: "terraria",
        opening: vec![(Direction::Serverbound, hello)],
        flood: frames.repeat(times),
        packets: packets * times,
        ask: b"\x03\x00\x06".to_vec(),
        answer: frames[..usize::from(frames[0])].to_vec(),
    }
}

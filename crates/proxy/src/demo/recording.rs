//! The recorded session that the demo plays.

use std::io::Read;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use midwire_session::{
    Direction, Elapsed, Event, Output, PacketEvent, Scratch, Session, Setup, Watch,
};

use crate::recorded;

/// Minecraft 1.21.4: a mineflayer bot on a flying-squid server. See captures/minecraft/README.md.
static RECORDING: &[u8] =
    include_bytes!("../../../../captures/minecraft/mc-1.21.4-offline.stream.jsonl.gz");
/// Which of its connections is played.
const CONNECTION: u64 = 1;
/// What the recording unpacks to, at most.
const UNPACKED_MAX: u64 = 4 << 20;

/// A frame of the recording, and what midwire says of it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) direction: Direction,
    /// The whole frame.
    pub(super) frame: Bytes,
    pub(super) packet: PacketEvent,
}

impl Step {
    pub(super) fn name(&self) -> &str {
        self.packet.definition.as_ref().map_or("", |definition| &definition.name)
    }
}

/// Every frame of the recorded connection, in the order in which it passed.
pub(super) fn steps(setup: &std::sync::Arc<Setup>) -> anyhow::Result<Vec<Step>> {
    let mut session = Session::new(setup.clone());
    session.set_watch(Watch::Packets);
    let mut scratch = Scratch::new(&setup.options().limits);
    let mut streams = [Vec::new(), Vec::new()];
    let mut waiting = [BytesMut::new(), BytesMut::new()];
    let mut packets = Vec::new();
    for (at, direction, bytes) in reads()? {
        streams[direction.index()].extend_from_slice(&bytes);
        let waiting = &mut waiting[direction.index()];
        waiting.extend_from_slice(&bytes);
        session.handle_bytes(direction, waiting, at, &mut scratch);
        while let Some(output) = session.poll_output() {
            if let Output::Event(Event::Packet(packet)) = output {
                packets.push(packet);
            }
        }
    }
    let whole = streams.map(Bytes::from);
    packets
        .into_iter()
        .map(|packet| {
            let start = usize::try_from(packet.offset)?;
            let end = start + packet.wire_length as usize;
            let stream = &whole[packet.direction.index()];
            anyhow::ensure!(end <= stream.len(), "the recording is damaged");
            Ok(Step { direction: packet.direction, frame: stream.slice(start..end), packet })
        })
        .collect()
}

/// When, which way, and what.
type Recorded = (Elapsed, Direction, Vec<u8>);

/// What each read of the recorded connection gave.
fn reads() -> anyhow::Result<Vec<Recorded>> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(RECORDING).take(UNPACKED_MAX).read_to_string(&mut text)?;
    let mut begun = None;
    let mut reads = Vec::new();
    for line in text.lines() {
        let line =
            recorded::line(line).ok_or_else(|| anyhow::anyhow!("the recording is damaged"))?;
        if line.connection != CONNECTION {
            continue;
        }
        let begun = *begun.get_or_insert(line.millis);
        let recorded::Event::Data(direction, bytes) = line.event else { continue };
        let at = Duration::from_secs_f64((line.millis - begun).max(0.0) / 1000.0);
        reads.push((Elapsed(at), direction, bytes));
    }
    Ok(reads)
}

//! The recorded session that the demo plays.

use std::io::Read;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use midwire_definition::{Given, given};
use midwire_session::{
    Direction, Elapsed, Event, Output, PacketEvent, Scratch, Session, Setup, Watch,
};

/// Minecraft 1.21.4: a mineflayer bot on a flying-squid server. See captures/minecraft/README.md.
static RECORDING: &[u8] =
    include_bytes!("../../../../captures/minecraft/mc-1.21.4-offline.stream.jsonl.gz");
/// Which of its connections is played.
const CONNECTION: i128 = 1;
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
        let line = given::parse(line).map_err(|error| anyhow::anyhow!("the recording: {error}"))?;
        if line.get("conn") != Some(&Given::Int(CONNECTION)) {
            continue;
        }
        let time = match line.get("t") {
            Some(Given::Int(millis)) => *millis as f64,
            Some(Given::Float(millis)) => *millis,
            _ => continue,
        };
        let begun = *begun.get_or_insert(time);
        let text = |key| match line.get(key) {
            Some(Given::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let (Some(direction), Some(bytes)) = (text("dir"), text("b64")) else { continue };
        let direction =
            if direction == "c2s" { Direction::Serverbound } else { Direction::Clientbound };
        let bytes = base64(bytes).ok_or_else(|| anyhow::anyhow!("the recording is damaged"))?;
        let at = Duration::from_secs_f64((time - begun).max(0.0) / 1000.0);
        reads.push((Elapsed(at), direction, bytes));
    }
    Ok(reads)
}

/// RFC 4648, with padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(value(byte)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_length_is_read() {
        assert_eq!(base64("").unwrap(), b"");
        assert_eq!(base64("Zg==").unwrap(), b"f");
        assert_eq!(base64("Zm8=").unwrap(), b"fo");
        assert_eq!(base64("Zm9vYmFy").unwrap(), b"foobar");
        assert_eq!(base64("Zm9v YmFy"), None);
    }
}

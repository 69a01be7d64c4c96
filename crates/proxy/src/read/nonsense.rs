//! Bytes that are cut into frames though they are none: of pixels taken for frames each byte would be a packet
//! in the listing. Where that is seen, a direction is shown as bytes.

use midwire_definition::Workspace;
use midwire_session::{Direction, Event};

/// Bytes that are cut into frames before it is looked again whether they are any.
pub(super) const PIECE_LEN: usize = 4 << 10;
/// Frames in a row that are no packets, where they are that short.
const SHORT_FRAMES_MAX: u64 = 256;
/// Mean length of a frame that is short.
const SHORT_LEN: u64 = 8;
/// Frames from the first one on that are no packets, where the definition is one that is complete.
const FIRST_FRAMES_MAX: u64 = 1_024;

/// The frames of a direction that were no packets, up to the last one.
#[derive(Default)]
pub(super) struct Nonsense {
    frames: u64,
    bytes: u64,
    /// There was a packet.
    has_packets: bool,
}

impl Nonsense {
    /// Counts the frames in what was reported of a direction. Gives how many there are, if they are none.
    pub(super) fn count(
        &mut self,
        direction: Direction,
        events: &[Event],
        is_complete: impl FnOnce() -> bool,
        workspace: &mut Workspace,
    ) -> Option<u64> {
        for event in events {
            let Event::Packet(packet) = event else { continue };
            if packet.direction != direction {
                continue;
            }
            if is_read(event, workspace) {
                *self = Self { has_packets: true, ..Self::default() };
            } else {
                self.frames += 1;
                self.bytes += u64::from(packet.wire_length);
            }
        }
        let is_short = self.bytes < self.frames.saturating_mul(SHORT_LEN);
        let is_nonsense = self.frames >= SHORT_FRAMES_MAX && is_short
            || self.frames >= FIRST_FRAMES_MAX && !self.has_packets && is_complete();
        is_nonsense.then_some(self.frames)
    }
}

/// Whether a packet is known, and its fields take all of it.
pub(super) fn is_read(event: &Event, workspace: &mut Workspace) -> bool {
    let Event::Packet(packet) = event else { return false };
    let Some(definition) = packet.definition.as_ref().filter(|_| packet.problem.is_none()) else {
        return false;
    };
    let (Some(plan), Some(payload)) = (&definition.plan, &packet.payload) else { return true };
    let read = plan.decode(payload, packet.body, &packet.conn, workspace);
    read.error().is_none() && read.rest().is_empty()
}

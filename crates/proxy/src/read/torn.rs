//! Somebody's stream, played: bytes that are not frames, or not all of them.

use bytes::{Bytes, BytesMut};
use midwire_capture::Timestamp;
use midwire_session::{Direction, Event, PacketStart, Scratch};

use super::nonsense::PIECE_LEN;
use super::replay::Replay;
use super::tools::Tools;
use super::waiting::WAITING_MAX;

/// What there was of a frame in front of a gap.
pub(super) struct Torn {
    /// Bytes that were there.
    pub(super) len: usize,
    /// Bytes that are missing at its end, if its length is known.
    pub(super) left: Option<u64>,
    /// What is known of its packet.
    pub(super) start: Option<PacketStart>,
}

impl Replay {
    /// Bytes of a stream came. From where they turn out not to be frames, they are shown as bytes.
    pub(super) fn stream(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        at: Timestamp,
        tools: &mut Tools,
        events: &mut Vec<Event>,
    ) {
        let mut rest = bytes;
        while !rest.is_empty() {
            // What is not cut into frames stays in one piece.
            let is_cut = self.session.is_framed(direction);
            let len = if is_cut { rest.len().min(PIECE_LEN) } else { rest.len() };
            let (piece, behind) = rest.split_at(len);
            rest = behind;
            let start = events.len();
            self.bytes(direction, piece, at, &mut tools.scratch, events);
            join_opaque(events, start);
            let protocol = self.session.protocol().clone();
            if self.framing.is_none() || !protocol.has_packets() {
                continue;
            }
            let new = events.get(start..).unwrap_or_default();
            let is_complete = || midwire_definition::builtin(&protocol.name).is_some();
            let nonsense = &mut self.nonsense[direction.index()];
            let found = nonsense.count(direction, new, is_complete, &mut tools.workspace);
            if let Some(frames) = found.filter(|_| self.session.is_framed(direction)) {
                let text = format!(
                    "of {frames} {direction} frames in a row none is a packet of {}: what follows is shown as \
                     bytes",
                    protocol.title
                );
                self.tell(text, at, events);
                self.leave(direction, at, &mut tools.scratch, events);
            }
        }
    }

    /// What is there of a frame is not followed by the rest of it: it is shown as bytes.
    pub(super) fn tear(
        &mut self,
        direction: Direction,
        at: Timestamp,
        scratch: &mut Scratch,
        events: &mut Vec<Event>,
    ) -> Torn {
        let elapsed = self.elapsed(at);
        let waiting = &mut self.waiting[direction.index()];
        let len = waiting.len();
        let extent = self.framing.and_then(|framing| framing.extent(waiting).ok()?);
        let left = extent.and_then(|frame| frame.end.checked_sub(len));
        let start = self.session.start_of(direction, waiting, scratch);
        self.session.handle_torn(direction, waiting, elapsed, scratch);
        // What was taken out of it keeps the memory, and so would the rest.
        *waiting = BytesMut::new();
        self.drain(events);
        Torn { len, left: left.map(|left| left as u64).filter(|_| len > 0), start }
    }

    /// Bytes that are of no packet that can be read.
    pub(super) fn unread(
        &mut self,
        direction: Direction,
        bytes: Bytes,
        has_no_secret: bool,
        at: Timestamp,
        events: &mut Vec<Event>,
    ) {
        let at = self.elapsed(at);
        self.session.handle_unread(direction, bytes, has_no_secret, at);
        self.drain(events);
    }

    /// Nothing more of a direction is cut into packets.
    pub(super) fn leave(
        &mut self,
        direction: Direction,
        at: Timestamp,
        scratch: &mut Scratch,
        events: &mut Vec<Event>,
    ) {
        let elapsed = self.elapsed(at);
        let mut waiting = std::mem::take(&mut self.waiting[direction.index()]);
        self.session.handle_torn(direction, &mut waiting, elapsed, scratch);
        self.session.leave(direction, elapsed, scratch);
        self.drain(events);
    }

    /// Memory for what waits of a direction: of a frame that is not whole.
    pub(super) fn waiting_of(&self, direction: Direction) -> usize {
        let waiting = &self.waiting[direction.index()];
        let len = if waiting.is_empty() { 0 } else { waiting.capacity() };
        len + self.session.partial_len(direction)
    }

    /// Memory for all that waits.
    pub(super) fn waiting(&self) -> usize {
        let [serverbound, clientbound] = Direction::BOTH.map(|to| self.waiting_of(to));
        serverbound + clientbound + self.unsent_len()
    }

    /// Too much waits in all sessions: what does in this one, of a recording, is shown without what it waits for.
    pub(super) fn relieve(
        &mut self,
        at: Timestamp,
        scratch: &mut Scratch,
        events: &mut Vec<Event>,
    ) {
        self.settle(false, scratch, events);
        for direction in Direction::BOTH {
            let partial = self.session.partial_len(direction);
            let len = self.tear(direction, at, scratch, events).len + partial;
            if len > 0 {
                self.tell_given_up(len, direction, "of a frame that is not whole", at, events);
            }
        }
    }

    /// What waited is shown as bytes, and why.
    pub(super) fn tell_given_up(
        &self,
        len: usize,
        direction: Direction,
        what: &str,
        at: Timestamp,
        events: &mut Vec<Event>,
    ) {
        let max = WAITING_MAX >> 20;
        let text = format!(
            "{len} {direction} bytes {what} are shown as bytes: more than {max} MiB wait in all sessions"
        );
        self.tell(text, at, events);
    }

    /// Takes the start of a frame back, until it is known how it is read.
    pub(super) fn take_back(&mut self, direction: Direction) -> BytesMut {
        std::mem::take(&mut self.waiting[direction.index()])
    }

    /// The start of a frame that was taken back.
    pub(super) fn put_back(&mut self, direction: Direction, bytes: &[u8]) {
        self.waiting[direction.index()].extend_from_slice(bytes);
    }
}

/// Joins bytes of which a part was reported in front of a place, and the rest behind it.
fn join_opaque(events: &mut Vec<Event>, place: usize) {
    let Some([.., Event::Opaque { direction, offset, at, bytes, secret }, next]) =
        events.get_mut(..=place)
    else {
        return;
    };
    let Event::Opaque {
        direction: of,
        offset: next_offset,
        at: next_at,
        bytes: more,
        secret: more_secret,
    } = next
    else {
        return;
    };
    let len = bytes.len();
    if direction != of || at != next_at || offset.saturating_add(len as u64) != *next_offset {
        return;
    }
    let mut all = BytesMut::from(&bytes[..]);
    all.extend_from_slice(more);
    *bytes = all.freeze();
    secret.extend(more_secret.iter().map(|range| range.start + len..range.end + len));
    events.remove(place);
}

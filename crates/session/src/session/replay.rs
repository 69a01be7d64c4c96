//! For who reads a recording: entering a session in its middle, and what was sent in place of what came.

use std::sync::Arc;

use bytes::Bytes;
use midwire_codec::Direction;
use midwire_definition::{Protocol, StateId, VersionId};

use super::Session;
use super::relay::owned;
use crate::form::Received;
use crate::payload::{Stored, inflate, stored};
use crate::scratch::Scratch;

impl Session {
    /// The protocol state in which packets of a direction are read.
    #[must_use]
    pub fn state(&self, direction: Direction) -> StateId {
        self.sides[direction.index()].received.form.state
    }

    /// What its packets are read by.
    #[must_use]
    pub fn protocol(&self) -> &Arc<Protocol> {
        self.setup.protocol()
    }

    /// The version that packets are read with, said or assumed.
    #[must_use]
    pub fn version_read(&self) -> VersionId {
        self.tables.version
    }

    /// Whether payloads of a direction are read as compressed ones.
    #[must_use]
    pub fn is_compressed(&self, direction: Direction) -> bool {
        self.sides[direction.index()].received.form.threshold.is_some()
    }

    /// Whether a direction is cut into frames or packets.
    #[must_use]
    pub fn is_framed(&self, direction: Direction) -> bool {
        !self.sides[direction.index()].opaque
    }

    /// Whether something may still come behind which everything is encrypted.
    #[must_use]
    pub fn may_encrypt(&self) -> bool {
        self.sides
            .iter()
            .any(|side| !side.opaque && self.tables.ahead(side.received.form.state).cipher)
    }

    /// From the next byte on, a direction is cut into frames in this state, compressed or not: what
    /// was in front of it is not known, or it was made readable by somebody else. `threshold` counts
    /// where frames are made.
    pub fn enter(&mut self, direction: Direction, state: StateId, threshold: Option<u32>) {
        let has_packets = self.setup.framing.is_some() || self.setup.frameless;
        let side = self.side(direction);
        let mut form = side.received.form.clone();
        (form.state, form.threshold) = (state, threshold);
        side.sent = form.clone();
        side.received = Received::new(form);
        side.opaque = !has_packets;
        side.partial = None;
        if direction == Direction::Serverbound {
            (self.may_ping, self.unclear) = (false, None);
        }
    }

    /// From the next byte on, nothing in a direction is cut into frames.
    pub fn leave(&mut self, direction: Direction) {
        let side = self.side(direction);
        side.opaque = true;
        side.partial = None;
    }

    /// The plain payload of a whole frame, as the receiver of a direction reads it now. `None` where
    /// that cannot be had.
    #[must_use]
    pub fn plain_of(
        &self,
        direction: Direction,
        frame: &[u8],
        scratch: &mut Scratch,
    ) -> Option<Bytes> {
        let Some(framing) = self.setup.framing else {
            return self.setup.frameless.then(|| owned(frame));
        };
        let payload = framing.next(frame).ok()??.payload;
        let compressed = self.sides[direction.index()].sent.threshold.is_some();
        match stored(frame, payload, compressed).ok()? {
            Stored::Plain(range) => frame.get(range).map(owned),
            Stored::Deflated(data, len) => {
                inflate(scratch, frame.get(data)?, len).ok()?;
                Some(owned(&scratch.plain))
            }
        }
    }
}

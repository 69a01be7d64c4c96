//! For who reads a recording: entering a session in its middle, and what was sent in place of what came.

use std::sync::Arc;

use bytes::Bytes;
use midwire_codec::Direction;
use midwire_definition::{Effect, Protocol, StateId, VersionId};

use super::relay::owned;
use super::{Session, Side};
use crate::form::{Form, Received};
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

    /// Packets are read with this version from the next one on, whatever the session may say.
    pub fn know_version(&mut self, version: VersionId) {
        self.set_version(version, None, false);
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
        side.is_hidden = false;
        (side.partial, side.left) = (None, 0);
        if direction == Direction::Serverbound {
            (self.may_ping, self.unclear) = (false, None);
        }
    }

    /// From the next byte on, a variable of the connection has this value in a direction. Of
    /// [`Protocol::conn`](midwire_definition::Protocol::conn), or nothing happens.
    pub fn assign(&mut self, direction: Direction, variable: u32, value: i64) {
        let effects = [Effect::Assign { variable, value }];
        let side = self.side(direction);
        side.received.form.apply(&effects, direction);
        side.sent.apply(&effects, direction);
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

/// Where a session is: enough to read on from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The version that packets are read with.
    pub version: VersionId,
    /// Whether it was said, and not only assumed.
    pub is_known: bool,
    /// Packets so far.
    pub packets: u64,
    /// By [`Direction::index`].
    pub directions: [DirectionSnapshot; 2],
}

/// How packets of a direction are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormSnapshot {
    /// The protocol state.
    pub state: StateId,
    /// The compression threshold.
    pub threshold: Option<u32>,
    /// The connection's variables.
    pub conn: Vec<i64>,
}

impl From<Form> for FormSnapshot {
    fn from(form: Form) -> Self {
        let Form { state, threshold, conn } = form;
        Self { state, threshold, conn: conn.to_vec() }
    }
}

/// Where a direction of a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectionSnapshot {
    /// How its packets are read, and how they may be from the next one on: as its sender was told, one
    /// change after the other. Never none.
    pub forms: Vec<FormSnapshot>,
    /// Whether it is cut into frames or packets.
    pub is_framed: bool,
    /// Bytes so far.
    pub bytes: u64,
}

impl Session {
    /// Where the session is; `None` while something is in the air: a part of a packet, something that is
    /// held, a packet of which it is not known how it was written.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot> {
        let forms = |direction: Direction| self.sides[direction.index()].received.forms(direction);
        let is_at_rest = |direction: Direction| {
            let side: &Side = &self.sides[direction.index()];
            side.partial.is_none()
                && side.order.is_idle()
                && !side.diverged
                && !side.received.is_unclear()
                && forms(direction).last() == Some(&side.sent)
        };
        let is_at_rest = self.unclear.is_none()
            && self.outputs.is_empty()
            && Direction::BOTH.into_iter().all(is_at_rest);
        let directions = Direction::BOTH.map(|direction| {
            let side = &self.sides[direction.index()];
            DirectionSnapshot {
                forms: forms(direction).into_iter().map(FormSnapshot::from).collect(),
                is_framed: !side.opaque,
                bytes: side.counters.bytes,
            }
        });
        is_at_rest.then(|| Snapshot {
            version: self.tables.version,
            is_known: self.version_known,
            packets: self.packets,
            directions,
        })
    }

    /// Goes on from where a session of the same protocol was. To be called before any bytes are given.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        if snapshot.is_known && !self.version_known {
            self.set_version(snapshot.version, None, false);
        }
        self.packets = snapshot.packets;
        (self.may_ping, self.unclear) = (false, None);
        for (direction, at) in Direction::BOTH.into_iter().zip(&snapshot.directions) {
            let Some((first, later)) = at.forms.split_first() else { continue };
            self.enter(direction, first.state, first.threshold);
            let side = self.side(direction);
            let of = |saved: &FormSnapshot, form: &Form| {
                let is_same = form.conn.len() == saved.conn.len();
                let conn = if is_same { saved.conn.as_slice().into() } else { form.conn.clone() };
                Form { state: saved.state, threshold: saved.threshold, conn }
            };
            side.sent = of(first, &side.sent);
            side.received = Received::new(side.sent.clone());
            for next in later {
                let next = of(next, &side.sent);
                side.received.announce(&side.sent.changes_to(&next, direction), direction);
                side.sent = next;
            }
            side.opaque |= !at.is_framed;
            side.counters.bytes = at.bytes;
        }
    }
}

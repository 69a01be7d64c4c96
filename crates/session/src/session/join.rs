//! When nobody needs frames any more: the driver may join both connections, past the session.

use bytes::BytesMut;
use midwire_codec::Direction;

use super::{Session, Side};
use crate::event::Elapsed;
use crate::interest::Watch;
use crate::setup::OnLostFraming;

impl Session {
    /// Whether nothing that may still come needs to be cut into frames: nothing is watched or recorded and
    /// there is no judge, nothing is held, the version is known or none is asked for, what begins
    /// encryption can come no more (which is worth a line), and lost framing would close nothing. Then
    /// [`join`](Self::join) loses no more than the count of frames.
    ///
    /// Ask when all outputs have been polled.
    #[must_use]
    pub fn is_joinable(&self) -> bool {
        self.watch == Watch::Nothing
            && !self.is_recorded()
            && self.judged.is_none()
            && !self.may_ping
            && !self.joined
            && !self.closed
            && self.outputs.is_empty()
            && self.sides.iter().all(|side| side.is_idle() && (side.opaque || self.is_done(side)))
    }

    /// Whether the frames of a direction tell nothing any more.
    fn is_done(&self, side: &Side) -> bool {
        let options = &self.setup.options;
        let ahead = self.tables.ahead(side.received.form.state);
        // The version is said once, and the host with it.
        let version = self.said.is_some() || !ahead.version || options.rewrite_host.is_none();
        self.version_known
            && version
            && !ahead.cipher
            && options.transfer_to.is_none()
            && !side.received.is_changing()
            && !side.diverged
            && options.on_lost_framing == OnLostFraming::Relay
    }

    /// From here on bytes go past the session, for good: watching and judging have no effect any more. What
    /// is left of both directions, which was to be given again, is sent on; when it has been polled, the
    /// driver passes on what comes by itself and tells the session how much that was
    /// ([`handle_joined`](Self::handle_joined)). Ends and resets are told as before.
    pub fn join(&mut self, leftover: &mut [BytesMut; 2], at: Elapsed) {
        self.now = at;
        self.joined = true;
        for direction in Direction::BOTH {
            self.side(direction).opaque = true;
            if let Some(partial) = self.side(direction).partial.take() {
                self.give_up(direction, *partial);
            }
            let left = std::mem::take(&mut leftover[direction.index()]);
            self.pass_opaque(direction, left.freeze());
        }
    }

    /// So many bytes went past the session since it was joined.
    pub fn handle_joined(&mut self, direction: Direction, len: u64, at: Elapsed) {
        self.now = at;
        let side = self.side(direction);
        side.given += len;
        side.counters.bytes += len;
        side.counters.sent_bytes += len;
        side.counters.joined_bytes += len;
    }
}

impl Side {
    /// Nothing is held.
    fn is_idle(&self) -> bool {
        let passes = self.stage.as_ref().is_none_or(|stage| stage.passes());
        passes && self.order.is_idle() && (self.opaque || self.handovers.is_empty())
    }
}

//! Letting go of a server whose client goes on elsewhere.

use std::time::Instant;

use bytes::BytesMut;
use midwire_session::Direction;

use super::Driver;

impl Driver {
    /// Looks for what hands the client over in what follows the first `old` bytes.
    pub(super) fn watch(&mut self, direction: Direction, old: usize, bytes: &mut BytesMut) {
        if direction == Direction::Serverbound
            && let Some(watcher) = &mut self.watcher
        {
            watcher.filter(old, bytes);
        }
    }

    /// Puts what is held as the beginning of a pattern behind some bytes; whether there was any.
    pub(super) fn release_into(&mut self, direction: Direction, bytes: &mut BytesMut) -> bool {
        if direction != Direction::Serverbound || self.is_handing_over() {
            return false;
        }
        let held = self.watcher.as_mut().map(|watcher| watcher.release()).unwrap_or_default();
        bytes.extend_from_slice(&held);
        !held.is_empty()
    }

    /// Passes on what is held as the beginning of a pattern.
    pub(super) fn release(&mut self) {
        let direction = Direction::Serverbound;
        let mut bytes = std::mem::take(&mut self.leftover[direction.index()]);
        self.release_into(direction, &mut bytes);
        self.pass(direction, bytes);
    }

    pub(super) fn is_handing_over(&self) -> bool {
        self.watcher.as_ref().is_some_and(|watcher| watcher.has_seen())
    }

    /// Ends the direction to a server that the client is handed over from, and waits for its end.
    pub(super) fn end_if_handed_over(&mut self) {
        if self.is_handing_over() && self.end(Direction::Serverbound) {
            self.due.drained_at = Some(Instant::now() + self.drain_wait);
        }
    }

    /// Gives up a server that the client is handed over from and that does not end.
    pub(super) fn stop_draining(&mut self) {
        let server = &mut self.legs[Direction::Serverbound.index()];
        server.aborted = true;
        server.fail();
        self.due.drained_at = None;
        self.reset[Direction::Clientbound.index()] = true;
    }
}

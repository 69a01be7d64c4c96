//! What the client is told in its game's words when the session ends.

use midwire_session::{Direction, Elapsed, Origin, Parting, Scratch};

use super::Driver;
use crate::relay::farewell::Words;
use crate::relay::lent::with_lent;

impl Driver {
    /// Whether the client may still be told something in its game's words.
    pub(super) fn can_tell(&self) -> bool {
        self.words.is_some() && self.session.has_parting_words()
    }

    /// Tells the session that a direction's sender was reset, once all that it had sent is written.
    pub(super) fn tell_reset(&mut self, direction: Direction) {
        let is_told = self.is_told && direction == Direction::Clientbound;
        if !self.reset[direction.index()] || self.closed || is_told {
            return;
        }
        let receiver = &self.legs[direction.index()];
        if receiver.is_empty() || receiver.failed {
            let at = self.now();
            if receiver.failed || !self.tell_of_reset(direction, at) {
                self.session.handle_reset(direction, at);
            } else {
                let part = std::mem::take(&mut self.leftover[direction.index()]);
                self.note_dropped(direction, part.len());
            }
            self.take_outputs();
        } else {
            self.give_up_later();
        }
    }

    /// Tells the client in its game's words that the server was reset, unless the server has said why
    /// itself. Gives whether it was told.
    fn tell_of_reset(&mut self, direction: Direction, at: Elapsed) -> bool {
        let setup = self.setup.clone();
        with_lent(&setup, |lent| {
            let parting = self.session.parting(direction, &mut lent.scratch);
            parting != Parting::Said && self.tell(direction, Words::broke, at, &mut lent.scratch)
        })
    }

    /// Tells the client that the server has ended, if it never does without saying why and has not. Gives
    /// whether it was told.
    pub(super) fn tell_of_missing_words(
        &mut self,
        direction: Direction,
        at: Elapsed,
        scratch: &mut Scratch,
    ) -> bool {
        self.session.parting(direction, scratch) == Parting::Missing
            && self.tell(direction, Words::no_reason, at, scratch)
    }

    /// Says that a part of a frame made room for what the client is told.
    pub(super) fn note_dropped(&mut self, direction: Direction, len: usize) {
        if len > 0 {
            self.reason = Some(format!(
                "{direction} ended within a frame: its first {len} byte(s) were not passed on, as the \
                 client is told why instead"
            ));
        }
    }

    fn tell(
        &mut self,
        direction: Direction,
        text: fn(&Words) -> String,
        at: Elapsed,
        scratch: &mut Scratch,
    ) -> bool {
        let is_leaving = self.session.has_ended(Direction::Serverbound) || self.is_stopping();
        let Some(words) = self.words.as_ref().filter(|_| !is_leaving) else { return false };
        if direction != Direction::Clientbound {
            return false;
        }
        let (text, mut wait) = (text(words), words.wait);
        if let Some(until) = self.session.held_until(direction) {
            wait += until.0.saturating_sub(at.0);
        }
        if self.session.disconnect(direction, &text, Origin::Midwire, at, scratch).is_err() {
            return false;
        }
        self.is_told = true;
        self.due.give_up_in(wait);
        true
    }

    /// Tells the session how much has not been written: nothing is injected above its limit.
    pub(super) fn tell_unwritten(&mut self) {
        for direction in Direction::BOTH {
            let queued = self.legs[direction.index()].queued;
            self.session.set_unwritten(direction, queued);
        }
    }

    /// Ends the session, says why, and tells the client where its game has words for it.
    pub(super) fn stop_because(&mut self, reason: String) {
        if self.can_tell() && !self.joined {
            let (text, at, setup) = (format!("midwire: {reason}"), self.now(), self.setup.clone());
            with_lent(&setup, |lent| {
                let direction = Direction::Clientbound;
                // In a state that has none it ends without.
                let _ = self.session.disconnect(
                    direction,
                    &text,
                    Origin::Midwire,
                    at,
                    &mut lent.scratch,
                );
            });
            self.take_outputs();
        }
        self.reason = Some(reason);
        self.stop();
    }
}

//! What the client is told in its game's words when the session ends.

use std::time::{Duration, Instant};

use bytes::Bytes;
use midwire_session::{Direction, Elapsed, Origin, Outside, Parting, Scratch};

use super::Driver;
use crate::relay::farewell::{Words, list};
use crate::relay::lent::with_lent;

/// How long a client that was told that the session is ended may take to go by itself. It may still be
/// sending: closing at once would be a reset, which may overtake the words.
const LEAVE: Duration = Duration::from_millis(500);
/// A client that waits for its first answer has said no more than this, in bytes.
const ASKED_MAX: u64 = 4 << 10;
/// What the client is told when the program is asked to end.
const ENDS: &str = "midwire ends";

impl Driver {
    /// Whether the client may still be told something in its game's words.
    pub(super) fn can_tell(&self) -> bool {
        self.words.is_some() && self.session.has_parting_words()
    }

    /// Whether nothing has come from the server, though the client has asked for something, and the server
    /// has been sent all of it: in a protocol with states the client's first packet only chooses one.
    pub(super) fn is_unanswered(&self) -> bool {
        let asked = self.session.counters(Direction::Serverbound);
        let chooses = self.setup.protocol().states.len() > 1;
        let server = &self.legs[Direction::Serverbound.index()];
        asked.frames > u64::from(chooses)
            && asked.bytes <= ASKED_MAX
            && server.is_empty()
            && self.is_mute()
    }

    /// Whether nothing has come from the server.
    pub(super) fn is_mute(&self) -> bool {
        let at = Direction::Clientbound;
        self.session.counters(at).bytes == 0 && self.leftover[at.index()].is_empty()
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
                self.note_dropped(direction, &part);
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
            parting != Parting::Said
                && self.speak_for(direction, Words::broke, at, &mut lent.scratch)
        })
    }

    /// Tells the client that the server has ended, if it never does without saying why and has not, or has
    /// not said anything at all. Gives whether it was told.
    pub(super) fn tell_of_missing_words(
        &mut self,
        direction: Direction,
        at: Elapsed,
        scratch: &mut Scratch,
    ) -> bool {
        let is_missing = self.session.parting(direction, scratch) == Parting::Missing;
        (is_missing || self.is_unanswered())
            && self.speak_for(direction, Words::no_reason, at, scratch)
    }

    /// Says that a part of a frame made room for what the client is told.
    pub(super) fn note_dropped(&mut self, direction: Direction, part: &[u8]) {
        let len = part.len();
        if len > 0 {
            if self.tape.is_some() {
                let (part, at) = (Bytes::copy_from_slice(part), self.now());
                self.session.handle_outside(direction, part, Outside::Dropped, at);
            }
            self.notes.push(format!(
                "{direction} ended within a frame: its first {len} byte(s) were not passed on, as the \
                 client is told why instead"
            ));
        }
    }

    /// Speaks for a server that is gone, to a client that has not gone before it.
    fn speak_for(
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
        let told = self.tell(&text, at, scratch);
        if told {
            self.due.give_up_in(wait);
        }
        told
    }

    /// Tells the client why its session ends, in the words that its game has for that now, or as what the
    /// server says of itself, if that is what the client waits for. Gives whether it was told.
    fn tell(&mut self, text: &str, at: Elapsed, scratch: &mut Scratch) -> bool {
        let direction = Direction::Clientbound;
        let told = self.session.disconnect(direction, text, Origin::Midwire, at, scratch).is_ok()
            || self.is_unanswered()
                && list::tell(&mut self.session, &self.setup, text, at, scratch);
        self.is_told |= told;
        told
    }

    /// Tells the client that the session is ended from here. Gives whether it was told.
    fn tell_of_end(&mut self, text: &str) -> bool {
        let direction = Direction::Clientbound;
        if !self.can_tell() || self.joined || self.ended[direction.index()] {
            return false;
        }
        let (at, setup) = (self.now(), self.setup.clone());
        if !with_lent(&setup, |lent| self.tell(text, at, &mut lent.scratch)) {
            return false;
        }
        self.ended[direction.index()] = true;
        let part = std::mem::take(&mut self.leftover[direction.index()]);
        self.note_dropped(direction, &part);
        self.take_outputs();
        self.due.leaves_by = Some(Instant::now() + LEAVE);
        true
    }

    /// Tells the client that the program ends, if it is not going itself.
    pub(super) fn tell_of_stop(&mut self) -> bool {
        !self.session.has_ended(Direction::Serverbound) && self.tell_of_end(ENDS)
    }

    /// Whether what the client sends is passed on until it goes, though the session is ended from here: it
    /// is told why, or will be.
    pub(super) fn is_let_go(&self) -> bool {
        let direction = Direction::Clientbound;
        let is_to_be_told = self.can_tell() && !self.joined && !self.ended[direction.index()];
        !self.session.has_ended(Direction::Serverbound)
            && (is_to_be_told || self.due.leaves_by.is_some())
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
        self.tell_of_end(&format!("midwire: {reason}"));
        self.notes.push(reason);
        self.stop();
    }
}

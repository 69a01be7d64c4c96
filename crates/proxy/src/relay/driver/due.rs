//! What is due when, and the timer that wakes the session for it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use midwire_session::{Direction, Elapsed};
use tokio::time::Sleep;

use super::Driver;
use crate::relay::lent::with_lent;
use crate::settings::RelayLimits;

/// When a session's limits in time are reached.
pub(super) struct Due {
    clock: Instant,
    /// When what is left is given up.
    deadline: Option<Instant>,
    /// When the peers must have begun to talk; `None`: they have, or need not.
    handshake: Option<Instant>,
    handshake_timeout: Duration,
    /// How long nothing may come from either side; zero: for ever.
    idle_timeout: Duration,
    /// When something came last.
    pub(super) last_read: Elapsed,
    /// When a server that the client is handed over from is not waited for any longer.
    pub(super) drained_at: Option<Instant>,
    /// Until when a client that was told that the session is ended may go by itself.
    pub(super) leaves_by: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Due {
    /// Those of a session that begins now, and whose clock this is.
    pub(super) fn new(limits: &RelayLimits, clock: Instant) -> Self {
        Self {
            clock,
            deadline: None,
            handshake: later(Instant::now(), limits.handshake_timeout),
            handshake_timeout: limits.handshake_timeout,
            idle_timeout: limits.idle_timeout,
            last_read: Elapsed(clock.elapsed()),
            drained_at: None,
            leaves_by: None,
            timer: None,
        }
    }

    /// What is left is given up after so long, if not before.
    pub(super) fn give_up_in(&mut self, wait: Duration) {
        self.deadline.get_or_insert_with(|| Instant::now() + wait);
    }

    /// When nothing has come from either side for too long.
    fn idle(&self) -> Option<Instant> {
        later(self.clock.checked_add(self.last_read.0)?, self.idle_timeout)
    }

    /// Ready at a time, if there is one.
    fn poll_until(&mut self, next: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(next) = next else {
            self.timer = None;
            return Poll::Pending;
        };
        let timer =
            self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next.into())));
        // One that is too early is left as it is: bytes that come put off what is due, again and again.
        if timer.deadline() > next.into() {
            timer.as_mut().reset(next.into());
        }
        ready!(timer.as_mut().poll(cx));
        self.timer = None;
        Poll::Ready(())
    }
}

impl Driver {
    /// When something is due next.
    fn next_due(&self) -> Option<Instant> {
        let asked = self.session.poll_timeout().and_then(|at| self.clock.checked_add(at.0));
        let Due { deadline, handshake, drained_at, leaves_by, .. } = self.due;
        let limits =
            [deadline, asked, handshake, self.idle_due(), self.held_until(), drained_at, leaves_by];
        limits.into_iter().flatten().min()
    }

    /// When the beginning of a hand-over's pattern is let go.
    fn held_until(&self) -> Option<Instant> {
        self.watcher.as_ref().and_then(|watcher| watcher.release_at())
    }

    fn idle_due(&self) -> Option<Instant> {
        self.due.idle().filter(|_| !self.is_stopping())
    }

    /// Acts at the time that the session or a limit asked for; ready when that was now.
    pub(super) fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let next = self.next_due();
        ready!(self.due.poll_until(next, cx));
        let (now, at) = (Instant::now(), self.now());
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if is_due(self.due.deadline) {
            if self.is_told && !self.closed {
                self.session.handle_reset(Direction::Clientbound, at);
                self.take_outputs();
            }
            self.given_up = true;
            return Poll::Ready(());
        }
        if is_due(self.due.handshake) {
            self.end_without_handshake(now);
        }
        if is_due(self.idle_due()) {
            let limit = self.due.idle_timeout.as_millis();
            self.stop_because(format!(
                "nothing came from either side for {limit} ms (idle_timeout), so the session is ended"
            ));
        }
        if is_due(self.due.leaves_by) {
            self.due.leaves_by = None;
        }
        if is_due(self.held_until()) {
            self.release();
        }
        if is_due(self.due.drained_at) {
            self.stop_draining();
        }
        let setup = self.setup.clone();
        self.tell_unwritten();
        with_lent(&setup, |lent| self.session.handle_timeout(at, &mut lent.scratch));
        self.take_outputs();
        Poll::Ready(())
    }

    /// Ends a session in which the client has not begun to talk in time, or has got no answer.
    fn end_without_handshake(&mut self, now: Instant) {
        let limit = self.due.handshake_timeout;
        self.due.handshake = None;
        if self.is_stopping() {
            return;
        }
        let millis = limit.as_millis();
        if !self.session.has_begun() {
            return self.stop_because(format!(
                "the client did not begin to talk within {millis} ms (handshake_timeout), so the \
                 session is ended"
            ));
        }
        // Only a game's server is known to answer.
        if !self.session.has_parting_words() || !self.is_mute() {
            return;
        }
        let asked = self.clock.checked_add(self.due.last_read.0).filter(|_| self.is_unanswered());
        match later(asked.unwrap_or(now), limit) {
            Some(due) if due <= now => self.stop_because(format!(
                "the server did not answer within {millis} ms (handshake_timeout), so the session is \
                 ended"
            )),
            due => self.due.handshake = due,
        }
    }
}

/// So much later than `since`; `None` where that is zero, which means never.
fn later(since: Instant, limit: Duration) -> Option<Instant> {
    if limit.is_zero() { None } else { since.checked_add(limit) }
}

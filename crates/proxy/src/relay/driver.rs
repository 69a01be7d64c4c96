//! A session with its two connections: moves bytes between them as the session says.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use midwire_session::{
    Counters, Direction, Elapsed, Event, Origin, Output, Parting, Scratch, Session, Setup,
};
use tokio::io::AsyncReadExt;
use tokio::time::Sleep;

use super::Shared;
use super::farewell::Words;
use super::joined::{Moved, poll_move};
use super::leg::{Finish, Leg, reset_on_close};
use super::lent::{grow, make_room, read_len, with_lent};
use super::session::Ends;

/// Unfinished frames up to this size are copied into the scratch and back; larger ones grow where they are.
const LEFTOVER_MAX: usize = 8 << 10;
/// Reads of a direction after the program was asked to end, before the direction is ended.
const LAST_READS: u32 = 64;

/// A session with its two connections.
pub(super) struct Driver {
    session: Session,
    setup: Arc<Setup>,
    /// By the direction whose bytes they take: the server's, then the client's.
    legs: [Leg; 2],
    /// Beginnings of frames, by direction.
    leftover: [BytesMut; 2],
    /// Whether connections are joined when nobody needs frames any more.
    joins: bool,
    /// They are: bytes go past the session.
    joined: bool,
    /// Directions whose sender was reset, which is told once what it sent has been written.
    reset: [bool; 2],
    pub(super) events: Vec<Event>,
    /// Bytes of one read.
    read_len: usize,
    write_max: usize,
    close_wait: Duration,
    clock: Instant,
    /// When what is left is given up.
    deadline: Option<Instant>,
    /// When the peers must have begun to talk; `None`: they have, or need not.
    handshake_due: Option<Instant>,
    handshake_timeout: Duration,
    /// How long nothing may come from either side; zero: for ever.
    idle_timeout: Duration,
    /// When something came last.
    last_read: Elapsed,
    /// Why the session is ended, for people.
    pub(super) reason: Option<String>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Reads that each direction may still have before it is ended; `None`: it goes on.
    last_reads: Option<[u32; 2]>,
    /// Directions that were ended because the program ends.
    ended: [bool; 2],
    counters: [Counters; 2],
    closed: bool,
    given_up: bool,
    /// What the client is told when the server is gone.
    words: Option<Words>,
    /// It has been told.
    is_told: bool,
}

impl Driver {
    pub(super) fn new(shared: &Shared, setup: Arc<Setup>, ends: Ends, clock: Instant) -> Self {
        let Ends { client, server, read } = ends;
        let mut session = Session::new(setup.clone());
        let watch = shared.watch_of(&setup);
        session.set_watch(watch);
        let mut driver = Self {
            session,
            setup,
            legs: [Leg::new(server), Leg::new(client)],
            leftover: read,
            joins: shared.limits.joins,
            joined: false,
            reset: [false; 2],
            events: Vec::new(),
            read_len: read_len(watch),
            write_max: shared.limits.write_max,
            close_wait: shared.limits.close_wait,
            clock,
            deadline: None,
            handshake_due: due(Instant::now(), shared.limits.handshake_timeout),
            handshake_timeout: shared.limits.handshake_timeout,
            idle_timeout: shared.limits.idle_timeout,
            last_read: Elapsed(clock.elapsed()),
            reason: None,
            timer: None,
            last_reads: None,
            ended: [false; 2],
            counters: [Counters::default(); 2],
            closed: false,
            given_up: false,
            words: None,
            is_told: false,
        };
        driver.take_outputs();
        for direction in Direction::BOTH {
            driver.take_read(direction);
        }
        driver.join();
        driver
    }

    /// Joins the connections, if nobody needs frames any more.
    fn join(&mut self) {
        if self.joins && !self.joined && self.session.is_joinable() {
            self.joined = true;
            let at = self.now();
            self.session.join(&mut self.leftover, at);
            self.take_outputs();
        }
    }

    /// Takes what was read before the connections were joined.
    fn take_read(&mut self, direction: Direction) {
        let mut bytes = std::mem::take(&mut self.leftover[direction.index()]);
        if bytes.is_empty() {
            return;
        }
        let at = self.now();
        let setup = self.setup.clone();
        with_lent(&setup, |lent| {
            self.session.handle_bytes(direction, &mut bytes, at, &mut lent.scratch);
        });
        self.take_outputs();
        self.leftover[direction.index()] = BytesMut::from(&bytes[..]);
    }

    /// Sets what the client is told when the server is gone.
    pub(super) fn set_words(&mut self, words: Option<Words>) {
        self.words = words;
    }

    fn now(&self) -> Elapsed {
        Elapsed(self.clock.elapsed())
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.last_reads.is_some()
    }

    pub(super) fn is_done(&self) -> bool {
        self.given_up || self.closed && self.legs.iter().all(Leg::is_settled)
    }

    /// Reads packets by other definitions, from the next one on. A protocol that is another altogether
    /// is for new sessions only.
    pub(super) fn set_definitions(&mut self, setup: Arc<Setup>) {
        if self.session.set_definitions(setup.clone()).is_ok() {
            self.setup = setup;
        }
        self.take_outputs();
    }

    /// Ends both directions once what has come already is read.
    pub(super) fn stop(&mut self) {
        self.last_reads = Some([LAST_READS; 2]);
        self.give_up_later();
    }

    fn give_up_later(&mut self) {
        self.deadline.get_or_insert_with(|| Instant::now() + self.close_wait);
    }

    /// Resets what is to be reset, and lets the connections go.
    pub(super) fn finish(mut self) -> [Counters; 2] {
        for leg in &mut self.legs {
            if leg.aborted || self.given_up {
                reset_on_close(&leg.stream);
            }
        }
        if !self.closed {
            self.counters = Direction::BOTH.map(|direction| self.session.counters(direction));
        }
        self.counters
    }

    /// Moves bytes; ready when there is something to report, or the session is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut progress = false;
            for direction in Direction::BOTH {
                // Whether it could write everything shows in what is left.
                let _ = self.legs[direction.index()].poll_write(cx);
                self.tell_reset(direction);
                let read = self.may_read(direction) && self.poll_read(direction, cx).is_ready();
                progress |= read;
                if let Some(left) = &mut self.last_reads {
                    left[direction.index()] = left[direction.index()].saturating_sub(1);
                    if !read || left[direction.index()] == 0 {
                        progress |= self.end(direction);
                    }
                }
            }
            if !self.events.is_empty() || self.reason.is_some() || self.is_done() {
                return Poll::Ready(());
            }
            if !progress && self.poll_timer(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn may_read(&self, direction: Direction) -> bool {
        let receiver = &self.legs[direction.index()];
        let has_room =
            if self.joined { receiver.is_empty() } else { receiver.queued < self.write_max };
        !self.reset[direction.index()] && has_room && self.session.wants_bytes(direction)
    }

    /// Reads once from who sends in a direction, and writes what comes of it.
    fn poll_read(&mut self, direction: Direction, cx: &mut Context<'_>) -> Poll<()> {
        if self.joined {
            return self.poll_joined(direction, cx);
        }
        let setup = self.setup.clone();
        with_lent(&setup, |lent| {
            let leftover = &mut self.leftover[direction.index()];
            let in_place = leftover.len() > LEFTOVER_MAX;
            let mut buffer = if in_place {
                let mut buffer = std::mem::take(leftover);
                grow(&mut buffer);
                buffer
            } else {
                lent.read.clear();
                make_room(&mut lent.read, leftover.len() + self.read_len);
                lent.read.extend_from_slice(leftover);
                std::mem::take(&mut lent.read)
            };
            let sender = &mut self.legs[direction.opposite().index()];
            let polled = pin!(sender.stream.read_buf(&mut buffer)).poll(cx);
            let failed = sender.failed;
            let at = Elapsed(self.clock.elapsed());
            match polled {
                Poll::Pending if in_place => self.leftover[direction.index()] = buffer,
                Poll::Pending => lent.read = buffer,
                Poll::Ready(Ok(0))
                    if !failed && self.tell_of_missing_words(direction, at, &mut lent.scratch) =>
                {
                    // A part of a frame is of no use to anybody.
                    buffer.clear();
                }
                Poll::Ready(Ok(0)) if !failed => {
                    self.session.handle_end(direction, &mut buffer, at, &mut lent.scratch);
                }
                // One that takes no bytes and now sends none has not finished: it is gone.
                Poll::Ready(Ok(0) | Err(_)) => {
                    self.legs[direction.opposite().index()].fail();
                    self.reset[direction.index()] = true;
                }
                Poll::Ready(Ok(_)) => {
                    self.last_read = at;
                    self.session.handle_bytes(direction, &mut buffer, at, &mut lent.scratch);
                    self.take_outputs();
                    // What cannot be written now is tried again when there is room.
                    for leg in &mut self.legs {
                        let _ = leg.poll_write(cx);
                    }
                    lent.read = self.keep(direction, buffer, in_place, &mut lent.read);
                }
            }
            self.take_outputs();
            polled.map(|_| ())
        })
        .map(|()| self.join())
    }

    /// The same once the connections are joined.
    fn poll_joined(&mut self, direction: Direction, cx: &mut Context<'_>) -> Poll<()> {
        let [to_server, to_client] = &mut self.legs;
        let (sender, receiver) = match direction {
            Direction::Serverbound => (to_client, to_server),
            Direction::Clientbound => (to_server, to_client),
        };
        let moved = ready!(with_lent(&self.setup, |lent| poll_move(sender, receiver, lent, cx)));
        let at = self.now();
        match moved {
            Moved::Bytes(len) => {
                self.last_read = at;
                self.session.handle_joined(direction, len as u64, at);
            }
            Moved::End => {
                let setup = self.setup.clone();
                with_lent(&setup, |lent| {
                    let nothing = &mut BytesMut::new();
                    self.session.handle_end(direction, nothing, at, &mut lent.scratch);
                });
                self.take_outputs();
            }
            Moved::Reset => self.reset[direction.index()] = true,
        }
        Poll::Ready(())
    }

    /// Keeps what is left of a read, in as little memory as it takes; gives the thread's memory back.
    fn keep(
        &mut self,
        direction: Direction,
        buffer: BytesMut,
        in_place: bool,
        lent: &mut BytesMut,
    ) -> BytesMut {
        let leftover = &mut self.leftover[direction.index()];
        if in_place && buffer.len() > LEFTOVER_MAX {
            *leftover = buffer;
            return std::mem::take(lent);
        }
        *leftover = BytesMut::from(&buffer[..]);
        if in_place { std::mem::take(lent) } else { buffer }
    }

    /// Tells the session that a direction's sender was reset, once all that it had sent is written.
    fn tell_reset(&mut self, direction: Direction) {
        let is_told = self.is_told && direction == Direction::Clientbound;
        if !self.reset[direction.index()] || self.closed || is_told {
            return;
        }
        let receiver = &self.legs[direction.index()];
        if receiver.is_empty() || receiver.failed {
            let at = self.now();
            if receiver.failed || !self.tell_of_reset(direction, at) {
                self.session.handle_reset(direction, at);
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
    fn tell_of_missing_words(
        &mut self,
        direction: Direction,
        at: Elapsed,
        scratch: &mut Scratch,
    ) -> bool {
        self.session.parting(direction, scratch) == Parting::Missing
            && self.tell(direction, Words::no_reason, at, scratch)
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
        let (text, wait) = (text(words), words.wait);
        if self.session.disconnect(direction, &text, Origin::Midwire, at, scratch).is_err() {
            return false;
        }
        self.is_told = true;
        self.deadline.get_or_insert_with(|| Instant::now() + wait);
        true
    }

    /// Ends a direction when the program is to end and nothing more has come.
    fn end(&mut self, direction: Direction) -> bool {
        if std::mem::replace(&mut self.ended[direction.index()], true) {
            return false;
        }
        let at = self.now();
        let setup = self.setup.clone();
        let mut leftover = std::mem::take(&mut self.leftover[direction.index()]);
        with_lent(&setup, |lent| {
            self.session.handle_end(direction, &mut leftover, at, &mut lent.scratch);
        });
        self.take_outputs();
        true
    }

    /// When something is due next.
    fn next_due(&self) -> Option<Instant> {
        let asked = self.session.poll_timeout().and_then(|at| self.clock.checked_add(at.0));
        let limits = [self.deadline, asked, self.handshake_due, self.idle_due()];
        limits.into_iter().flatten().min()
    }

    fn idle_due(&self) -> Option<Instant> {
        let last_read = self.clock.checked_add(self.last_read.0)?;
        due(last_read, self.idle_timeout).filter(|_| !self.is_stopping())
    }

    /// Acts at the time that the session or a limit asked for; ready when that was now.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(next) = self.next_due() else {
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
        let now = Instant::now();
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        let at = self.now();
        if is_due(self.deadline) {
            if self.is_told && !self.closed {
                self.session.handle_reset(Direction::Clientbound, at);
                self.take_outputs();
            }
            self.given_up = true;
            return Poll::Ready(());
        }
        if is_due(self.handshake_due) {
            self.handshake_due = None;
            if !self.session.has_begun() && !self.is_stopping() {
                let limit = self.handshake_timeout.as_millis();
                self.stop_because(format!(
                    "the client did not begin to talk within {limit} ms (handshake_timeout), so the \
                     session is ended"
                ));
            }
        }
        if is_due(self.idle_due()) {
            let limit = self.idle_timeout.as_millis();
            self.stop_because(format!(
                "nothing came from either side for {limit} ms (idle_timeout), so the session is ended"
            ));
        }
        let setup = self.setup.clone();
        with_lent(&setup, |lent| self.session.handle_timeout(at, &mut lent.scratch));
        self.take_outputs();
        Poll::Ready(())
    }

    fn stop_because(&mut self, reason: String) {
        self.reason = Some(reason);
        self.stop();
    }

    /// Does what the session wants done.
    fn take_outputs(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send { direction, bytes } => self.legs[direction.index()].push(bytes),
                Output::Finish { direction } => {
                    let leg = &mut self.legs[direction.index()];
                    if leg.finish == Finish::No {
                        leg.finish = Finish::Wanted;
                    }
                }
                Output::Abort { direction } => self.legs[direction.index()].aborted = true,
                Output::Event(event) => {
                    if let Event::Closed { counters, .. } = &event {
                        (self.counters, self.closed) = (*counters, true);
                    }
                    self.events.push(event);
                }
            }
        }
    }
}

/// So much later than `since`; `None` where that is zero, which means never.
fn due(since: Instant, limit: Duration) -> Option<Instant> {
    if limit.is_zero() { None } else { since.checked_add(limit) }
}

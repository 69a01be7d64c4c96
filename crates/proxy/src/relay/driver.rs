//! A session with its two connections: moves bytes between them as the session says.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use midwire_capture::Closing;
use midwire_session::{
    Counters, Direction, Elapsed, Event, Origin, Output, Outside, Parting, Peers, Recording,
    Scratch, Session, Setup, Watch,
};
use tokio::io::AsyncReadExt;
use tokio::time::Sleep;

use super::Shared;
use super::farewell::Words;
use super::handover::{HandedOver, Watcher};
use super::joined::{Moved, poll_move};
use super::leg::{Finish, Leg, reset_on_close};
use super::lent::{grow, make_room, read_len, with_lent};
use super::session::Ends;
use crate::metrics::Meter;
use crate::queue::Sender;
use crate::record::{Tape, Told};

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
    /// Directions that were ended here: the program ends, or the client goes on elsewhere.
    ended: [bool; 2],
    counters: [Counters; 2],
    closed: bool,
    given_up: bool,
    /// Watches for what hands the client over.
    watcher: Option<Box<Watcher>>,
    drain_wait: Duration,
    /// When a server that the client is handed over from is not waited for any longer.
    drained_at: Option<Instant>,
    /// What the client is told when the server is gone.
    words: Option<Words>,
    /// What counts for whoever watches midwire.
    meter: Option<Meter>,
    /// What is recorded of it.
    tape: Option<Tape>,
    /// The direction whose sender broke the session off.
    broken: Option<Direction>,
    /// Packets are shown, not only told to a recording.
    shows: bool,
    /// It has been told.
    is_told: bool,
}

impl Driver {
    /// `words` are what the client is told when the server is gone.
    pub(super) fn new(
        shared: &Shared,
        setup: Arc<Setup>,
        ends: Ends,
        watcher: Option<Watcher>,
        words: Option<Words>,
        tape: Option<Tape>,
        clock: Instant,
    ) -> Self {
        let Ends { client, server, read, before } = ends;
        let mut session = Session::new(setup.clone());
        let shown = shared.watch_of(&setup);
        let tells = tape.as_ref().is_some_and(Tape::keeps_some);
        let watch = if tells { Watch::Packets } else { shown };
        session.set_watch(watch);
        session.set_recording(tape.as_ref().map_or(Recording::Off, Tape::recording));
        // Who counts frames needs them.
        let counts = shared.metrics.is_some() && setup.protocol().stack.framing.is_some();
        let mut driver = Self {
            session,
            setup,
            legs: [Leg::new(server), Leg::new(client)],
            leftover: read,
            joins: shared.limits.joins && !counts,
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
            watcher: watcher.map(Box::new),
            drain_wait: shared.limits.drain_wait,
            drained_at: None,
            words,
            meter: shared.metrics.clone().map(Meter::new),
            tape,
            broken: None,
            shows: shown > Watch::Nothing,
            is_told: false,
        };
        let at = driver.now();
        for (outside, bytes) in before {
            driver.session.handle_outside(Direction::Serverbound, bytes, outside, at);
        }
        driver.take_outputs();
        for direction in Direction::BOTH {
            driver.take_read(direction);
        }
        driver
    }

    /// Whether the client may still be told something in its game's words.
    fn can_tell(&self) -> bool {
        self.words.is_some() && self.session.has_parting_words()
    }

    /// Joins the connections, if nobody needs frames any more. Between frames alone the client can be told
    /// that the server is gone.
    fn join(&mut self) {
        if self.joins
            && !self.joined
            && self.watcher.is_none()
            && self.session.is_joinable()
            && !self.can_tell()
        {
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
        self.watch(direction, 0, &mut bytes);
        self.pass(direction, bytes);
        self.end_if_handed_over();
    }

    /// Takes bytes of a direction, those first that were left.
    fn pass(&mut self, direction: Direction, mut bytes: BytesMut) {
        let at = self.now();
        let setup = self.setup.clone();
        with_lent(&setup, |lent| {
            self.session.handle_bytes(direction, &mut bytes, at, &mut lent.scratch);
        });
        self.take_outputs();
        self.leftover[direction.index()] = BytesMut::from(&bytes[..]);
    }

    /// Looks for what hands the client over in what follows the first `old` bytes.
    fn watch(&mut self, direction: Direction, old: usize, bytes: &mut BytesMut) {
        if direction == Direction::Serverbound
            && let Some(watcher) = &mut self.watcher
        {
            watcher.filter(old, bytes);
        }
    }

    /// Puts what is held as the beginning of a pattern behind some bytes; whether there was any.
    fn release_into(&mut self, direction: Direction, bytes: &mut BytesMut) -> bool {
        if direction != Direction::Serverbound || self.is_handing_over() {
            return false;
        }
        let held = self.watcher.as_mut().map(|watcher| watcher.release()).unwrap_or_default();
        bytes.extend_from_slice(&held);
        !held.is_empty()
    }

    /// Passes on what is held as the beginning of a pattern.
    fn release(&mut self) {
        let direction = Direction::Serverbound;
        let mut bytes = std::mem::take(&mut self.leftover[direction.index()]);
        self.release_into(direction, &mut bytes);
        self.pass(direction, bytes);
    }

    fn is_handing_over(&self) -> bool {
        self.watcher.as_ref().is_some_and(|watcher| watcher.has_seen())
    }

    /// Ends the direction to a server that the client is handed over from, and waits for its end.
    fn end_if_handed_over(&mut self) {
        if self.is_handing_over() && self.end(Direction::Serverbound) {
            self.drained_at = Some(Instant::now() + self.drain_wait);
        }
    }

    /// Gives up a server that the client is handed over from and that does not end.
    fn stop_draining(&mut self) {
        let server = &mut self.legs[Direction::Serverbound.index()];
        server.aborted = true;
        server.fail();
        self.drained_at = None;
        self.reset[Direction::Clientbound.index()] = true;
    }

    /// Tells rules who is at the two ends.
    pub(super) fn set_peers(&mut self, session: u64) {
        let address = |leg: &Leg| leg.stream.peer_addr().ok().map(|address| address.ip());
        let [server, client] = &self.legs;
        let (client, server) = (address(client), address(server));
        self.session.set_peers(Peers { session, client, server });
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
        let announced = setup.options().announcement.clone();
        let is_new = announced != self.setup.options().announcement;
        if self.session.set_definitions(setup.clone()).is_ok() {
            self.setup = setup.clone();
        }
        if let Some(text) = announced.filter(|_| is_new) {
            let at = self.now();
            // Where there is no chat yet, nobody misses it.
            self.tell_unwritten();
            with_lent(&setup, |lent| self.session.say(&text, at, &mut lent.scratch));
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
    pub(super) fn finish(mut self) -> ([Counters; 2], Option<HandedOver>) {
        self.measure();
        if !self.closed {
            let at = self.now();
            self.tell_tape(Told::given_up(at));
        }
        for leg in &mut self.legs {
            if leg.aborted || self.given_up {
                reset_on_close(&leg.stream);
            }
        }
        if !self.closed {
            self.counters = Direction::BOTH.map(|direction| self.session.counters(direction));
        }
        let [_, client] = self.legs;
        let goes_on = !self.given_up && !client.failed && !client.aborted;
        let watcher = self.watcher.filter(|_| goes_on && self.last_reads.is_none());
        let handed_over = watcher.and_then(|watcher| watcher.into_handed_over(client.stream));
        (self.counters, handed_over)
    }

    /// Adds to what all sessions count.
    fn measure(&mut self) {
        if let Some(meter) = &mut self.meter {
            meter.add(Direction::BOTH.map(|direction| self.session.counters(direction)));
        }
    }

    /// Moves bytes; ready when there is something to report, or the session is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let polled = self.poll_bytes(cx);
        if let Some(meter) = &self.meter {
            meter.add_events(&self.events);
        }
        self.measure();
        polled
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.join();
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
            let is_taped = self.tape.as_mut().is_none_or(Tape::try_flush);
            if !is_taped || !self.events.is_empty() || self.reason.is_some() || self.is_done() {
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
        let goes_elsewhere = direction == Direction::Serverbound && self.is_handing_over();
        !self.reset[direction.index()]
            && !goes_elsewhere
            && has_room
            && self.session.wants_bytes(direction)
    }

    /// Reads once from who sends in a direction, and writes what comes of it.
    fn poll_read(&mut self, direction: Direction, cx: &mut Context<'_>) -> Poll<()> {
        if self.joined {
            return self.poll_joined(direction, cx);
        }
        let setup = self.setup.clone();
        let polled = with_lent(&setup, |lent| {
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
            let old = buffer.len();
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
                    self.note_dropped(direction, &buffer);
                    buffer.clear();
                }
                Poll::Ready(Ok(0)) if !failed => {
                    self.release_into(direction, &mut buffer);
                    self.session.handle_end(direction, &mut buffer, at, &mut lent.scratch);
                }
                // One that takes no bytes and now sends none has not finished: it is gone.
                Poll::Ready(Ok(0) | Err(_)) => {
                    self.legs[direction.opposite().index()].fail();
                    self.reset[direction.index()] = true;
                    if self.release_into(direction, &mut buffer) {
                        self.session.handle_bytes(direction, &mut buffer, at, &mut lent.scratch);
                    }
                }
                Poll::Ready(Ok(_)) => {
                    self.last_read = at;
                    self.watch(direction, old, &mut buffer);
                    self.tell_unwritten();
                    self.session.handle_bytes(direction, &mut buffer, at, &mut lent.scratch);
                    self.take_outputs();
                    // What cannot be written now is tried again when there is room.
                    for leg in &mut self.legs {
                        let _ = leg.poll_write(cx);
                    }
                    self.take_time(direction, at);
                    lent.read = self.keep(direction, buffer, in_place, &mut lent.read);
                }
            }
            self.take_outputs();
            polled.map(|_| ())
        });
        if polled.is_ready() {
            self.end_if_handed_over();
        }
        polled
    }

    /// The same once the connections are joined.
    fn poll_joined(&mut self, direction: Direction, cx: &mut Context<'_>) -> Poll<()> {
        let [to_server, to_client] = &mut self.legs;
        let (sender, receiver) = match direction {
            Direction::Serverbound => (to_client, to_server),
            Direction::Clientbound => (to_server, to_client),
        };
        let at = Elapsed(self.clock.elapsed());
        let moved = ready!(with_lent(&self.setup, |lent| poll_move(sender, receiver, lent, cx)));
        match moved {
            Moved::Bytes(len) => {
                self.last_read = at;
                self.session.handle_joined(direction, len as u64, at);
                self.take_time(direction, at);
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

    /// Takes the time from a read to when all of it had been written, of some.
    fn take_time(&mut self, direction: Direction, read: Elapsed) {
        if let Some(meter) = &mut self.meter
            && meter.is_sampled()
            && self.legs[direction.index()].is_empty()
        {
            meter.took(self.clock.elapsed().saturating_sub(read.0));
        }
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

    /// Says that a part of a frame made room for what the client is told.
    fn note_dropped(&mut self, direction: Direction, part: &[u8]) {
        let len = part.len();
        if len > 0 {
            if self.tape.is_some() {
                let (part, at) = (Bytes::copy_from_slice(part), self.now());
                self.session.handle_outside(direction, part, Outside::Dropped, at);
            }
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
        self.deadline.get_or_insert_with(|| Instant::now() + wait);
        true
    }

    /// Tells the session how much has not been written: nothing is injected above its limit.
    fn tell_unwritten(&mut self) {
        for direction in Direction::BOTH {
            let queued = self.legs[direction.index()].queued;
            self.session.set_unwritten(direction, queued);
        }
    }

    /// Ends a direction when the program is to end and nothing more has come.
    fn end(&mut self, direction: Direction) -> bool {
        if std::mem::replace(&mut self.ended[direction.index()], true) {
            return false;
        }
        let at = self.now();
        let setup = self.setup.clone();
        let mut leftover = std::mem::take(&mut self.leftover[direction.index()]);
        self.release_into(direction, &mut leftover);
        with_lent(&setup, |lent| {
            self.session.handle_end(direction, &mut leftover, at, &mut lent.scratch);
        });
        self.take_outputs();
        true
    }

    /// When something is due next.
    fn next_due(&self) -> Option<Instant> {
        let asked = self.session.poll_timeout().and_then(|at| self.clock.checked_add(at.0));
        let limits = [
            self.deadline,
            asked,
            self.handshake_due,
            self.idle_due(),
            self.held_until(),
            self.drained_at,
        ];
        limits.into_iter().flatten().min()
    }

    /// When the beginning of a hand-over's pattern is let go.
    fn held_until(&self) -> Option<Instant> {
        self.watcher.as_ref().and_then(|watcher| watcher.release_at())
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
        let (now, at) = (Instant::now(), self.now());
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
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
        if is_due(self.held_until()) {
            self.release();
        }
        if is_due(self.drained_at) {
            self.stop_draining();
        }
        let setup = self.setup.clone();
        self.tell_unwritten();
        with_lent(&setup, |lent| self.session.handle_timeout(at, &mut lent.scratch));
        self.take_outputs();
        Poll::Ready(())
    }

    /// Ends the session, says why, and tells the client where its game has words for it.
    fn stop_because(&mut self, reason: String) {
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

    /// Does what the session wants done.
    fn take_outputs(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send { direction, bytes } => self.legs[direction.index()].push(bytes),
                // The client goes on elsewhere.
                Output::Finish { direction: Direction::Clientbound }
                | Output::Abort { direction: Direction::Clientbound }
                    if self.is_handing_over() => {}
                Output::Finish { direction } => {
                    let at = self.now();
                    self.tell_tape(Told::Ended(direction, at));
                    let leg = &mut self.legs[direction.index()];
                    if leg.finish == Finish::No {
                        leg.finish = Finish::Wanted;
                    }
                }
                Output::Abort { direction } => {
                    self.broken.get_or_insert(direction);
                    self.legs[direction.index()].aborted = true;
                }
                Output::Record(record) => {
                    if let Some(tape) = &mut self.tape {
                        tape.record(record);
                    }
                }
                Output::Event(event) => self.take_event(event),
            }
        }
    }
}

impl Driver {
    fn take_event(&mut self, event: Event) {
        if let Event::Closed { counters, at } = &event {
            (self.counters, self.closed) = (*counters, true);
            let closing = self.broken.map_or(Closing::Finished, Closing::Reset);
            self.tell_tape(Told::Closed(closing, *at));
        }
        if let Some(tape) = &mut self.tape {
            tape.event(&event);
        }
        let is_told_alone = match &event {
            Event::Packet(packet) => packet.tags.as_ref().is_none_or(|tags| tags.logs.is_empty()),
            Event::Opaque { .. } => true,
            _ => false,
        };
        if self.shows || !is_told_alone {
            self.events.push(event);
        }
    }

    fn tell_tape(&mut self, told: Told) {
        if let Some(tape) = &mut self.tape {
            tape.push(told);
        }
    }

    /// Tells the recording what there is, once there is room for it.
    pub(super) async fn flush_tape(&mut self, events: &Sender) {
        if let Some(tape) = &mut self.tape {
            tape.flush(events).await;
        }
    }
}

/// So much later than `since`; `None` where that is zero, which means never.
fn due(since: Instant, limit: Duration) -> Option<Instant> {
    if limit.is_zero() { None } else { since.checked_add(limit) }
}

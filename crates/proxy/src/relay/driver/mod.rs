//! A session with its two connections: moves bytes between them as the session says.

mod due;
mod handing;
mod parting;
mod reading;
mod taping;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use midwire_session::{
    Answer, Counters, Direction, Elapsed, Event, Output, Peers, Recording, Request, RequestId,
    Session, Setup, Watch,
};

use self::due::Due;
use super::Shared;
use super::farewell::Words;
use super::handover::{HandedOver, Watcher};
use super::leg::{Finish, Leg, reset_on_close};
use super::lent::{read_len, with_lent};
use super::session::Ends;
use crate::metrics::Meter;
use crate::record::{Tape, Told};

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
    /// What the session waits for from outside.
    pub(super) requests: Vec<(RequestId, Request)>,
    /// Bytes of one read.
    read_len: usize,
    /// What the last read of a direction brought.
    last_read_len: [usize; 2],
    write_max: usize,
    close_wait: Duration,
    clock: Instant,
    due: Due,
    /// Why the session is ended, and what was left out for that, for people.
    pub(super) notes: Vec<String>,
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
            requests: Vec::new(),
            read_len: read_len(watch),
            last_read_len: [0; 2],
            write_max: shared.limits.write_max,
            close_wait: shared.limits.close_wait,
            clock,
            due: Due::new(&shared.limits, clock),
            notes: Vec::new(),
            last_reads: None,
            ended: [false; 2],
            counters: [Counters::default(); 2],
            closed: false,
            given_up: false,
            watcher: watcher.map(Box::new),
            drain_wait: shared.limits.drain_wait,
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

    /// Tells the session what became of what it waited for.
    pub(super) fn answer(&mut self, request: RequestId, answer: Answer) {
        let (at, setup) = (self.now(), self.setup.clone());
        with_lent(&setup, |lent| self.session.answer(request, answer, at, &mut lent.scratch));
        self.take_outputs();
    }

    /// Ends both directions once what has come already is read.
    pub(super) fn stop(&mut self) {
        self.last_reads = Some([LAST_READS; 2]);
        self.give_up_later();
    }

    fn give_up_later(&mut self) {
        self.due.give_up_in(self.close_wait);
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
                progress |= self.end_if_drained(direction, read);
            }
            let is_taped = self.tape.as_mut().is_none_or(Tape::try_flush);
            let has_news = !self.events.is_empty() || !self.requests.is_empty();
            if !is_taped || has_news || !self.notes.is_empty() || self.is_done() {
                return Poll::Ready(());
            }
            if !progress && self.poll_timer(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Ends a direction when the program is to end and nothing more has come; the client is told why.
    fn end_if_drained(&mut self, direction: Direction, read: bool) -> bool {
        let has_room = self.has_room(direction);
        let Some(left) = &mut self.last_reads else { return false };
        let left = &mut left[direction.index()];
        *left = left.saturating_sub(u32::from(read));
        let is_drained = *left == 0 || !read && has_room;
        match direction {
            _ if !is_drained => false,
            Direction::Serverbound if self.is_let_go() => false,
            Direction::Clientbound if self.tell_of_stop() => true,
            _ => self.end(direction),
        }
    }

    /// Ends a direction before its sender does.
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
                Output::Request(request, what) => self.requests.push((request, what)),
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

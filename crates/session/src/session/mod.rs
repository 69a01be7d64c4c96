//! The contract: what a driver calls, and what it gets.

mod behind;
mod beside;
mod cipher;
mod deciders;
mod deciphered;
mod frameless;
mod gap;
mod handshake;
mod inject;
mod inspect;
mod join;
mod judge;
mod parting;
mod read;
mod relay;
mod replay;
mod resume;
mod say;
mod secret;
mod skim;
mod taped;
mod turn;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use midwire_codec::{Direction, Origin};
use midwire_definition::{Given, VersionId};

use crate::encryption::{Answer, Request, RequestId};
use crate::event::{Counters, Elapsed, Event, Notice, PacketNumber};
use crate::form::{Effects, Form, Received};
use crate::interest::{Tables, Watch};
use crate::judged::Judged;
use crate::legacy::{self, Start, Unclear};
use crate::order::Order;
use crate::record::{Outside, Record, Recording};
use crate::rules::Peers;
use crate::scratch::Scratch;
use crate::setup::{OtherProtocol, Setup};
use crate::stage::Stage;
use crate::verdict::{
    ComposeError, DisconnectError, InjectError, NewPacket, UnknownPacket, Verdict,
};

pub use deciphered::Ciphered;
pub use gap::PacketStart;
pub use parting::Parting;
pub use replay::{DirectionSnapshot, FormSnapshot, Snapshot};

/// What the driver is to do.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "an event is moved once, to the driver; a box would be an allocation for each packet"
)]
pub enum Output {
    /// Send these bytes.
    Send {
        /// Which way: to the server if serverbound, to the client if clientbound.
        direction: Direction,
        /// The bytes, never none.
        bytes: Bytes,
    },
    /// No more bytes will be sent that way: half-close that connection.
    Finish {
        /// Which way.
        direction: Direction,
    },
    /// Reset the connection that bytes of this direction are sent to.
    Abort {
        /// Which way.
        direction: Direction,
    },
    /// Something is wanted from outside; its answer is told with [`Session::answer`]. Until then packets
    /// wait.
    Request(RequestId, Request),
    /// Tell whoever listens.
    Event(Event),
    /// Tell whoever records, see [`Session::set_recording`].
    Record(Record),
}

/// One game connection: the client's and the server's connection together, from the first byte to
/// the last.
///
/// It does nothing by itself. A driver tells it what happened with the `handle_*` methods and asks
/// what to do with the `poll_*` methods:
///
/// - After every call of a method that takes `&mut self`, call [`poll_output`](Self::poll_output)
///   until it gives `None`, before anything else. A packet counts as handed to its receiver when
///   the output that carries it is polled.
/// - Then [`poll_timeout`](Self::poll_timeout) says when to call
///   [`handle_timeout`](Self::handle_timeout) at the latest; the answer changes with every call.
/// - Read a direction only while [`wants_bytes`](Self::wants_bytes).
///
/// Time is an argument, and must not go backwards. A [`Scratch`] is an argument as well: one of a
/// thread serves all sessions driven by it, and an idle session holds less than two kilobytes.
///
/// What was decoded or not never decides what is relayed: bytes that no judge, no person and no
/// setting changed leave as they came, in order.
///
/// Memory is bounded by [`Limits`](crate::Limits) between calls. Within a call, outputs take some
/// two hundred bytes for each frame in the bytes given, and the plain form of each compressed
/// payload that is watched, which is at most a thousand times its size: a driver should read some
/// 64 KiB at a time, and poll before it reads again.
#[derive(Debug)]
pub struct Session {
    setup: Arc<Setup>,
    tables: Arc<Tables>,
    judged: Option<Box<Judged>>,
    watch: Watch,
    recording: Recording,
    sides: [Side; 2],
    outputs: VecDeque<Output>,
    /// Packets counted so far.
    packets: u64,
    now: Elapsed,
    version_known: bool,
    /// The version is the nearest to what the session said, or it has said nothing yet.
    assumed: bool,
    /// The version's number, as the session said it.
    said: Option<i64>,
    /// The first serverbound bytes may be a legacy ping.
    may_ping: bool,
    unclear: Option<Box<Unclear>>,
    /// It is a legacy ping.
    asked: Option<legacy::Asked>,
    encrypted: bool,
    login: Option<Box<handshake::Login>>,
    peers: Peers,
    /// It was told that rules only watch.
    told_watching: bool,
    /// Bytes go past the session.
    joined: bool,
    closed: bool,
}

/// One direction.
#[derive(Debug)]
struct Side {
    /// Its bytes are not cut into frames.
    opaque: bool,
    received: Received,
    sent: Form,
    /// A packet that switches compression was not sent on as it came: frames may have to be made
    /// anew.
    diverged: bool,
    order: Order,
    /// Once the direction may be encrypted, and is read.
    stage: Option<Box<Stage>>,
    /// Bytes that were given and stayed: those that will be given again first. They are plain.
    left: usize,
    /// The start of a packet, in a protocol without frames.
    partial: Option<Box<frameless::Partial>>,
    /// What the receiver changes when it gets the byte before this offset of what is sent.
    handovers: VecDeque<(u64, Effects)>,
    /// Bytes given to `outputs`; those that were polled are in the counters.
    given: u64,
    /// Bytes that were polled and have not been written, as the driver last said.
    unwritten: usize,
    /// The start of the last whole frame that came.
    last: parting::Last,
    counters: Counters,
    /// Bytes that a recording does not have.
    missing: u64,
    /// What comes may be secrets, and cannot be told from what is none.
    is_hidden: bool,
    /// Nothing more comes.
    ended: bool,
    /// Nothing more will be sent.
    finished: bool,
}

impl Session {
    /// A session at its start.
    #[must_use]
    pub fn new(setup: Arc<Setup>) -> Self {
        let protocol = setup.protocol();
        let version = setup.options.version.unwrap_or_else(|| protocol.versions.newest());
        let form = Form {
            state: setup.start,
            threshold: protocol.stack.compression.unwrap_or(false).then_some(0),
            conn: setup.conn.clone(),
        };
        let opaque = setup.framing.is_none() && !setup.frameless;
        let side = || Side {
            opaque,
            received: Received::new(form.clone()),
            sent: form.clone(),
            diverged: false,
            order: Order::default(),
            stage: None,
            left: 0,
            partial: None,
            handovers: VecDeque::new(),
            given: 0,
            unwritten: 0,
            last: parting::Last::default(),
            counters: Counters::default(),
            missing: 0,
            is_hidden: false,
            ended: false,
            finished: false,
        };
        let mut session = Self {
            tables: setup.tables(version),
            judged: None,
            watch: Watch::default(),
            recording: Recording::Off,
            sides: [side(), side()],
            outputs: VecDeque::from([Output::Event(Event::Opened { protocol: protocol.clone() })]),
            packets: 0,
            now: Elapsed::default(),
            version_known: false,
            assumed: true,
            said: None,
            may_ping: protocol.stack.legacy_ping,
            unclear: None,
            asked: None,
            encrypted: false,
            login: None,
            peers: Peers::default(),
            told_watching: false,
            joined: false,
            closed: false,
            setup,
        };
        session.use_rules(session.setup.options.rules.clone());
        if let Some(version) = session.setup.options.version {
            session.set_version(version, None, false);
        } else if session.setup.protocol.version_from.is_none() {
            session.set_version(session.tables.version, None, false);
        }
        if opaque {
            session.notice(Notice::NoFrames);
        }
        session
    }

    /// Sets how much is reported about packets, from the next one on. At first, nothing. Variables
    /// of the connection that no definition reads are followed only while packets are reported or
    /// there is a judge.
    pub fn set_watch(&mut self, watch: Watch) {
        self.watch = watch;
    }

    /// Sets whether all that is sent is told to somebody who records it, as [`Output::Record`], in the order
    /// in which it is. To be set before anything has come.
    pub fn set_recording(&mut self, recording: Recording) {
        self.recording = recording;
    }

    /// Bytes that the driver passed by the session, or did not pass on: they have no meaning for it, but are
    /// recorded if it is.
    pub fn handle_outside(
        &mut self,
        direction: Direction,
        bytes: Bytes,
        outside: Outside,
        at: Elapsed,
    ) {
        self.now = at;
        self.record_outside(direction, bytes, outside);
    }

    /// Says how many bytes that were polled of a direction have not been written yet. Together with what
    /// waits in the session they count against `buffer_max` when something is to be injected: without
    /// that, rules that send packets would fill the memory of a driver whose peer takes none.
    pub fn set_unwritten(&mut self, direction: Direction, bytes: usize) {
        self.side(direction).unwritten = bytes;
    }

    /// Reads packets by other definitions of the same protocol, from the next one on, at the version of
    /// the same key or else the nearest to its number. What is held keeps what was decided about it.
    ///
    /// # Errors
    ///
    /// The protocol's states, stages or connection variables are others: then only new sessions can
    /// be read so, and nothing changes.
    pub fn set_definitions(&mut self, setup: Arc<Setup>) -> Result<(), OtherProtocol> {
        if !self.setup.is_interchangeable_with(&setup) {
            return Err(OtherProtocol);
        }
        let old = self.setup.protocol().versions.get(self.tables.version).clone();
        self.setup = setup;
        let versions = &self.setup.protocol().versions;
        let same = || versions.by_text(&old.key).unwrap_or(versions.by_number(old.number).0);
        let (version, assumed) = match self.said.filter(|_| self.assumed) {
            Some(said) => versions.by_number(said),
            None => (same(), self.assumed),
        };
        if versions.get(version).key != old.key || assumed != self.assumed {
            self.set_version(version, self.said, assumed);
        } else {
            self.use_tables(version);
        }
        self.use_rules(self.setup.options.rules.clone());
        Ok(())
    }

    /// The version whose definitions are used, once the session has said it or a setting has.
    #[must_use]
    pub fn version(&self) -> Option<VersionId> {
        self.version_known.then_some(self.tables.version)
    }

    /// The number of its version that the session has said, be it listed or not.
    #[must_use]
    pub fn version_number(&self) -> Option<i64> {
        self.said
    }

    /// What went through a direction so far.
    #[must_use]
    pub fn counters(&self, direction: Direction) -> Counters {
        self.sides[direction.index()].counters
    }

    /// Whether the peers have begun to talk: whether a direction has left the state that sessions start
    /// in or, in a protocol without states, a whole packet has come. Bytes that are not cut into packets
    /// count as talk; a protocol that has none has always begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        let protocol = self.setup.protocol();
        let has_begun = |side: &Side| {
            if side.opaque {
                side.counters.bytes > 0
            } else if protocol.states.len() > 1 {
                side.received.form.state != protocol.start
            } else {
                side.counters.frames > 0
            }
        };
        !protocol.has_packets() || self.sides.iter().any(has_begun)
    }

    /// Bytes came. Whole frames are taken off `bytes`; what is incomplete stays there and is to be
    /// given again with what follows it. Nothing is copied that is only passed on. Of a protocol
    /// without frames all is taken: the session keeps what is incomplete itself.
    pub fn handle_bytes(
        &mut self,
        direction: Direction,
        bytes: &mut BytesMut,
        at: Elapsed,
        scratch: &mut Scratch,
    ) {
        self.now = at;
        if self.closed || self.sides[direction.index()].ended {
            bytes.clear();
            return;
        }
        if self.may_ping && direction == Direction::Serverbound && !self.may_start(bytes) {
            return;
        }
        self.relay(direction, bytes, scratch);
        scratch.trim();
    }

    /// The connection that sends in a direction will send no more. What is left in `bytes` is part
    /// of a frame; it is passed on. When all that is held has been sent, [`Output::Finish`] passes
    /// the end on.
    pub fn handle_end(
        &mut self,
        direction: Direction,
        bytes: &mut BytesMut,
        at: Elapsed,
        scratch: &mut Scratch,
    ) {
        self.now = at;
        if self.closed || self.sides[direction.index()].ended {
            bytes.clear();
            return;
        }
        if direction == Direction::Serverbound && self.unclear.is_some() {
            self.unclear_ping();
        }
        self.relay(direction, bytes, scratch);
        if self.closed || self.sides[direction.index()].ended {
            bytes.clear();
            return;
        }
        self.end_frameless(direction);
        if !bytes.is_empty() {
            self.end_undecided(direction);
            let offset = self.offset(direction);
            self.notice(Notice::CutFrame { direction, bytes: bytes.len(), offset });
            let part = self.fragment(direction, bytes.split().freeze(), scratch);
            self.pass_opaque_as(direction, part, 0, 0);
        }
        self.end_loose(direction, scratch);
        self.end_behind(direction, scratch);
    }

    /// The connection that sends in a direction was reset, or failed. The other connection is reset
    /// at once; what is held is lost. The session is closed.
    pub fn handle_reset(&mut self, direction: Direction, at: Elapsed) {
        self.now = at;
        if !self.closed {
            self.outputs.push_back(Output::Abort { direction });
            self.close();
        }
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) gave has come. Calling it at any other
    /// time does no harm.
    pub fn handle_timeout(&mut self, at: Elapsed, scratch: &mut Scratch) {
        self.now = at;
        if self.unclear.as_ref().is_some_and(|unclear| unclear.until <= at) {
            self.unclear_ping();
        }
        for direction in Direction::BOTH {
            self.release(direction);
            self.record_late(direction);
            self.pump(direction, scratch);
            self.release_loose(direction, scratch);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None`: not until something
    /// else happens.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Elapsed> {
        let unclear = self.unclear.as_ref().map(|unclear| unclear.until);
        let partial = |side: &Side| side.partial.as_ref().and_then(|partial| partial.next_due());
        let due = self.sides.iter().flat_map(|side| [side.order.due(), partial(side)]);
        due.chain([unclear]).flatten().min()
    }

    /// Whether a direction is to be read. False once it has ended, and while more than `buffer_max`
    /// bytes of it are held or wait to be polled.
    #[must_use]
    pub fn wants_bytes(&self, direction: Direction) -> bool {
        let side = &self.sides[direction.index()];
        !self.closed && !side.ended && side.waiting() < self.setup.options.limits.buffer_max
    }

    /// Whether a direction has ended: who sends in it has finished, or the session is over.
    #[must_use]
    pub fn has_ended(&self, direction: Direction) -> bool {
        self.closed || self.sides[direction.index()].ended
    }

    /// Sends a packet that nobody sent: between two frames, behind all that has come so far, what
    /// is held included. Its number is that of its packet event.
    ///
    /// # Errors
    ///
    /// The direction has ended or is not cut into frames; too many bytes wait; the payload has no
    /// id or no frame can hold it; or, unless it is forced, the packet is not defined in the
    /// receiver's protocol state, or changes the session's state. Nothing is sent then. A driver
    /// whose own write buffer is full should refuse as well.
    pub fn inject(
        &mut self,
        direction: Direction,
        packet: NewPacket,
        at: Elapsed,
        scratch: &mut Scratch,
    ) -> Result<PacketNumber, InjectError> {
        self.now = at;
        self.inject_behind(direction, packet, scratch)
    }

    /// Makes the payload of a packet from named fields, as the receiver of a direction reads it
    /// now: for [`inject`](Self::inject). What the fields do not say is 0, empty or follows from
    /// the others.
    ///
    /// # Errors
    ///
    /// The receiver's protocol state has no packet of that name, its fields are not known, or one
    /// cannot be written as it was given.
    pub fn compose(
        &self,
        direction: Direction,
        name: &str,
        fields: &Given,
        scratch: &mut Scratch,
    ) -> Result<Bytes, ComposeError> {
        self.composed(direction, name, fields, scratch)
    }

    /// Tells the receiver of a direction in its game's own words why its connection ends, and ends
    /// that direction: the packet is the one of the definition's group `disconnect` that has a view
    /// `text` and is defined in the receiver's protocol state. It goes behind all that was given to
    /// be sent; what is held is lost. A legacy ping is answered by this text as well. What still
    /// comes in the other direction is relayed until its end.
    ///
    /// # Errors
    ///
    /// The receiver cannot be told, and nothing has changed: bytes of that direction are not cut
    /// into frames, it has ended, part of a packet has been sent, or the receiver's protocol state
    /// has no such packet.
    pub fn disconnect(
        &mut self,
        direction: Direction,
        text: &str,
        origin: Origin,
        at: Elapsed,
        scratch: &mut Scratch,
    ) -> Result<(), DisconnectError> {
        self.now = at;
        self.part(direction, text, origin, scratch)
    }

    /// Until when packets of a direction are held, if it is a time that they wait for.
    #[must_use]
    pub fn held_until(&self, direction: Direction) -> Option<Elapsed> {
        self.sides[direction.index()].order.last_due()
    }

    /// What it would mean if a direction ended now, by the last packet of it and the definition's
    /// group `disconnect`.
    #[must_use]
    pub fn parting(&self, direction: Direction, scratch: &mut Scratch) -> Parting {
        self.parting_of(direction, scratch)
    }

    /// Decides about an intercepted packet, and lets go what waited behind it.
    /// [`Verdict::Intercept`] leaves it as it is.
    ///
    /// # Errors
    ///
    /// There is no intercepted packet of that number (any more).
    pub fn resume(
        &mut self,
        number: PacketNumber,
        verdict: Verdict,
        at: Elapsed,
        scratch: &mut Scratch,
    ) -> Result<(), UnknownPacket> {
        self.now = at;
        self.decide_held(number, verdict, scratch)
    }

    /// Tells what became of a request. An answer that nobody waits for any more does no harm.
    pub fn answer(
        &mut self,
        request: RequestId,
        answer: Answer,
        at: Elapsed,
        scratch: &mut Scratch,
    ) {
        self.now = at;
        self.answered(request, answer, scratch);
    }

    /// What to do next; `None`: nothing until something else happens.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        match &output {
            Some(Output::Send { direction, bytes }) => self.hand_over(*direction, bytes.len()),
            Some(Output::Finish { direction }) => {
                self.sides[direction.index()].finished = true;
                if self.sides.iter().all(|side| side.finished) {
                    self.close();
                }
            }
            Some(
                Output::Abort { .. } | Output::Request(..) | Output::Event(_) | Output::Record(_),
            ) => {}
            None => self.outputs = VecDeque::new(),
        }
        output
    }
}

impl Side {
    /// Bytes that are held, or wait to be polled.
    fn waiting(&self) -> usize {
        let unpolled = self.given - self.counters.sent_bytes;
        let behind = self.partial.as_ref().map_or(0, |partial| partial.waiting());
        let held = self.order.bytes().saturating_add(behind);
        held.saturating_add(usize::try_from(unpolled).unwrap_or(usize::MAX))
    }
}

impl Session {
    fn side(&mut self, direction: Direction) -> &mut Side {
        &mut self.sides[direction.index()]
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn notice(&mut self, notice: Notice) {
        self.event(Event::Notice { notice, at: self.now });
    }

    fn set_version(&mut self, version: VersionId, number: Option<i64>, assumed: bool) {
        (self.version_known, self.assumed, self.said) = (true, assumed, number);
        self.use_tables(version);
        let version = self.setup.protocol().versions.get(version).clone();
        self.event(Event::Version { version, number, assumed, at: self.now });
    }

    fn use_tables(&mut self, version: VersionId) {
        self.tables = self.setup.tables(version);
        self.ask_again();
    }

    /// Whether the first serverbound bytes are surely no legacy ping, or are one and so need no
    /// more looking at. If not, they have been taken off `bytes`, to wait.
    fn may_start(&mut self, bytes: &mut BytesMut) -> bool {
        if let Some(unclear) = &mut self.unclear {
            let mut all = std::mem::take(&mut unclear.bytes);
            all.unsplit(bytes.split());
            *bytes = all;
        }
        if bytes.is_empty() {
            return false;
        }
        match legacy::start(bytes) {
            Start::Other => {
                (self.may_ping, self.unclear) = (false, None);
                true
            }
            Start::Ping => {
                self.unclear = None;
                self.legacy_ping(legacy::Asked::by(bytes));
                true
            }
            Start::Unclear => {
                let until = self.now.after(self.setup.options.limits.legacy_wait);
                let until = self.unclear.as_ref().map_or(until, |unclear| unclear.until);
                // a copy, so that a few bytes do not keep a whole read buffer
                let waiting = BytesMut::from(&bytes[..]);
                bytes.clear();
                self.unclear = Some(Box::new(Unclear { bytes: waiting, until }));
                false
            }
        }
    }

    /// What waited was a legacy ping.
    fn unclear_ping(&mut self) {
        let asked = self.unclear.as_ref().map_or(&[][..], |unclear| &unclear.bytes);
        self.legacy_ping(legacy::Asked::by(asked));
    }

    fn legacy_ping(&mut self, asked: legacy::Asked) {
        self.may_ping = false;
        self.asked = Some(asked);
        self.notice(Notice::LegacyPing);
        for side in &mut self.sides {
            side.opaque = true;
        }
        if let Some(unclear) = self.unclear.take() {
            self.pass_opaque(Direction::Serverbound, unclear.bytes.freeze());
        }
    }

    /// Both directions are over.
    fn close(&mut self) {
        if self.closed {
            return;
        }
        self.closed = true;
        self.unclear = None;
        for direction in Direction::BOTH {
            self.forget_held(direction);
            self.forget_partial(direction);
        }
        // what was given out goes out before the end, so it counts
        let counters = Direction::BOTH.map(|direction| {
            let side = &self.sides[direction.index()];
            Counters { sent_bytes: side.given, ..side.counters }
        });
        self.event(Event::Closed { counters, at: self.now });
    }
}

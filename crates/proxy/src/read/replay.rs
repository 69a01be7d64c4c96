//! One session, played again: frames go through the session's state machine, and what a recording
//! says of them is put back into the events.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use midwire_capture::{
    Fate as RecordedFate, Form, Origin as RecordedOrigin, RecordedFrame, Timestamp,
};
use midwire_codec::Framing;
use midwire_session::{
    Decision, Direction, Elapsed, Event, Fate, NewPacket, Notice, Origin, Output, Scratch, Session,
    Setup, Snapshot, Verdict, Watch,
};

use super::cipher::Cipher;
use super::nonsense::Nonsense;
use super::player::{Decided, Looks, Player};
use super::provenance::Provenance;

/// A session that is played.
pub(super) struct Replay {
    pub(super) session: Session,
    /// How frames that were recorded together are told apart.
    pub(super) framing: Option<Framing>,
    pub(super) begun: Timestamp,
    looks: Looks,
    /// What was decided about the next packet.
    decided: Option<Decided>,
    /// What the recording says was done with packets does not count: rules decide anew.
    is_trial: bool,
    pub(super) waiting: [BytesMut; 2],
    /// A frame that was changed, until what was sent in its place is there.
    changed: Option<Changed>,
    /// Frames that came and are sent behind others, until they are.
    overtaken: BTreeMap<u64, Changed>,
    /// Bytes of them.
    overtaken_len: usize,
    pub(super) nonsense: [Nonsense; 2],
    /// What decrypts a direction, where the session does not.
    pub(super) ciphers: [Option<Cipher>; 2],
}

/// Frames that wait for being sent at most: a file may name as many as it likes.
const OVERTAKEN_MAX: usize = 4096;

/// Memory that a direction may keep while nothing waits in it, in bytes.
const IDLE_MAX: usize = 256;

/// A frame that came and was changed.
struct Changed {
    bytes: Bytes,
    said: Provenance,
}

impl Replay {
    pub(super) fn new(setup: Arc<Setup>, begun: Timestamp, looks: Looks, is_trial: bool) -> Self {
        let framing = setup.framing().copied();
        let mut session = Session::new(setup);
        match &looks {
            Looks::All => session.set_watch(Watch::Packets),
            Looks::Sift(_) | Looks::Count { .. } => {
                session.set_judge(Some(Box::new(Player::new(looks.clone(), begun, None))));
            }
        }
        Self {
            session,
            framing,
            begun,
            looks,
            decided: None,
            is_trial,
            waiting: [BytesMut::new(), BytesMut::new()],
            changed: None,
            overtaken: BTreeMap::new(),
            overtaken_len: 0,
            nonsense: Default::default(),
            ciphers: [None, None],
        }
    }

    /// How long after its beginning something happened.
    pub(super) fn elapsed(&self, at: Timestamp) -> Elapsed {
        Elapsed(at.since(self.begun))
    }

    /// Something that is worth a line.
    pub(super) fn tell(&self, text: String, at: Timestamp, events: &mut Vec<Event>) {
        let at = self.elapsed(at);
        events.push(Event::Notice { notice: Notice::Told(text.into()), at });
    }

    /// Takes what the session reports.
    pub(super) fn drain(&mut self, events: &mut Vec<Event>) {
        let is_sifting = matches!(self.looks, Looks::Sift(_));
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Event(Event::Packet(mut packet)) => {
                    if is_sifting {
                        packet.tags = None;
                    }
                    let held = (packet.fate == Fate::Held).then_some((packet.number, packet.at));
                    events.push(Event::Packet(packet));
                    // There is nobody who would decide.
                    if let Some((number, at)) = held {
                        let scratch = &mut Scratch::default();
                        let _ = self.session.resume(number, Verdict::Pass, at, scratch);
                    }
                }
                Output::Event(event) => events.push(event),
                Output::Send { .. }
                | Output::Finish { .. }
                | Output::Abort { .. }
                | Output::Request(..)
                | Output::Record(_) => {}
            }
        }
    }

    /// How many packets there were, those that nobody sent included.
    pub(super) fn packets(&self) -> u64 {
        let counters = Direction::BOTH.map(|direction| self.session.counters(direction));
        counters.iter().map(|counters| counters.frames + counters.injected).sum()
    }

    /// Where the session is; `None` while something is in the air.
    pub(super) fn snapshot(&self) -> Option<Snapshot> {
        let is_at_rest = self.changed.is_none() && self.overtaken.is_empty();
        let is_at_rest = is_at_rest && self.waiting.iter().all(BytesMut::is_empty);
        self.session.snapshot().filter(|_| is_at_rest)
    }

    /// How many frames came in both directions, and how many bytes.
    pub(super) fn came(&self) -> (u64, u64) {
        let counters = Direction::BOTH.map(|direction| self.session.counters(direction));
        (counters.iter().map(|c| c.frames).sum(), counters.iter().map(|c| c.bytes).sum())
    }

    /// Bytes of a direction came.
    pub(super) fn bytes(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        at: Timestamp,
        scratch: &mut Scratch,
        events: &mut Vec<Event>,
    ) {
        let elapsed = self.elapsed(at);
        if direction == Direction::Clientbound && !self.is_trial {
            // Who is answered has said all that it had to say first.
            self.pass_time(None, scratch, events);
        } else {
            self.pass_time(Some(elapsed), scratch, events);
        }
        self.handle_bytes(direction, bytes, elapsed, scratch);
        self.drain(events);
    }

    /// Gives bytes to the session. What is left of them does not keep the memory of all.
    fn handle_bytes(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        at: Elapsed,
        scratch: &mut Scratch,
    ) {
        let waiting = &mut self.waiting[direction.index()];
        waiting.extend_from_slice(bytes);
        let len = waiting.len();
        self.session.handle_bytes(direction, waiting, at, scratch);
        if len > IDLE_MAX && waiting.len() <= len / 2 {
            *waiting = BytesMut::from(&waiting[..]);
        }
    }

    /// Bytes of frames that came and wait for what was sent.
    pub(super) fn unsent_len(&self) -> usize {
        self.overtaken_len + self.changed.as_ref().map_or(0, |changed| changed.bytes.len())
    }

    /// What waits for a time that has come, or for any time, does not wait longer.
    fn pass_time(&mut self, now: Option<Elapsed>, scratch: &mut Scratch, events: &mut Vec<Event>) {
        while let Some(due) = self.session.poll_timeout()
            && now.is_none_or(|now| due <= now)
        {
            self.session.handle_timeout(due, scratch);
            self.drain(events);
        }
    }

    /// A frame of a recording.
    pub(super) fn frame(
        &mut self,
        frame: &RecordedFrame<'_>,
        scratch: &mut Scratch,
        events: &mut Vec<Event>,
    ) {
        if self.is_trial {
            return self.try_frame(frame, scratch, events);
        }
        let said = Provenance::of(frame, self.elapsed(frame.at));
        if let Some(changed) = self.changed.take() {
            let is_its = frame.form == Form::Sent
                && frame.number == changed.said.number
                && frame.direction == changed.said.direction;
            let sent = is_its.then_some(frame.bytes);
            self.change(&changed, sent, scratch, events);
            if is_its {
                return;
            }
        }
        let start = events.len();
        if !frame.is_whole {
            let (len, direction) = (frame.bytes.len(), frame.direction);
            let text = format!("a {direction} frame is not whole: {len} bytes of it are there");
            self.tell(text, frame.at, events);
            let bytes = Bytes::copy_from_slice(frame.bytes);
            return self.unread(direction, bytes, false, frame.at, events);
        }
        self.reopen(frame);
        let is_injected = !matches!(said.origin, Origin::Client | Origin::Server);
        match frame.form {
            Form::Came if frame.fate == RecordedFate::Changed => {
                let bytes = Bytes::copy_from_slice(frame.bytes);
                self.changed = Some(Changed { bytes, said });
                return;
            }
            Form::Came if frame.fate == RecordedFate::Delayed => {
                let bytes = Bytes::copy_from_slice(frame.bytes);
                self.overtaken_len += bytes.len();
                let same = self.overtaken.insert(said.number, Changed { bytes, said });
                self.overtaken_len -= same.map_or(0, |same| same.bytes.len());
                if self.overtaken.len() > OVERTAKEN_MAX
                    && let Some((_, first)) = self.overtaken.pop_first()
                {
                    self.overtaken_len -= first.bytes.len();
                    self.unsent(&first, false, scratch, events);
                }
                return;
            }
            Form::Sent if frame.fate == RecordedFate::Delayed && !is_injected => {
                let came = self.overtaken.remove(&said.number);
                self.overtaken_len -= came.as_ref().map_or(0, |came| came.bytes.len());
                let has_come = came.is_some();
                let bytes = came.map(|came| came.bytes);
                match bytes.filter(|came| *came != frame.bytes) {
                    Some(bytes) => {
                        let changed = Changed { bytes, said };
                        self.change(&changed, Some(frame.bytes), scratch, events);
                        return;
                    }
                    None => {
                        if !has_come {
                            self.tell_half(&said, Form::Sent, events);
                        }
                        self.recorded_bytes(frame.bytes, &said, scratch, events);
                    }
                }
            }
            Form::Sent if frame.fate == RecordedFate::Changed && !is_injected => {
                self.tell_half(&said, Form::Sent, events);
                self.recorded_bytes(frame.bytes, &said, scratch, events);
            }
            Form::Came if !is_injected => {
                self.decide(Decision { drop: true, ..Decision::default() });
                self.recorded_bytes(frame.bytes, &said, scratch, events);
            }
            _ if is_injected => self.inject(frame.bytes, &said, scratch, events),
            _ => self.recorded_bytes(frame.bytes, &said, scratch, events),
        }
        said.put_back(self.elapsed(said.at), events.get_mut(start..).unwrap_or_default());
    }

    /// Of what came and what was sent in its place, one is not there.
    fn tell_half(&self, said: &Provenance, there: Form, events: &mut Vec<Event>) {
        let (there, missing) = match there {
            Form::Sent => ("was sent", "came"),
            Form::Came | Form::Both => ("came", "was sent"),
        };
        let number = said.number;
        let text = format!("of packet {number} this is what {there}: what {missing} is not there");
        self.tell(text, said.at, events);
    }

    /// What was cut into frames where it was recorded was decrypted.
    fn reopen(&mut self, frame: &RecordedFrame<'_>) {
        if frame.number > 0 && !self.session.is_framed(frame.direction) {
            let state = self.session.state(frame.direction);
            let threshold = self.session.is_compressed(frame.direction).then_some(0);
            self.session.enter(frame.direction, state, threshold);
        }
    }

    /// What came, whatever was done with it then.
    fn try_frame(
        &mut self,
        frame: &RecordedFrame<'_>,
        scratch: &mut Scratch,
        events: &mut Vec<Event>,
    ) {
        let sender = RecordedOrigin::sender(frame.direction);
        if frame.form == Form::Sent || frame.origin != sender || !frame.is_whole {
            return;
        }
        self.reopen(frame);
        self.bytes(frame.direction, frame.bytes, frame.at, scratch, events);
    }

    /// A changed frame is played, with what was sent in its place, if that is known.
    fn change(
        &mut self,
        changed: &Changed,
        sent: Option<&[u8]>,
        scratch: &mut Scratch,
        events: &mut Vec<Event>,
    ) {
        let Changed { bytes, said } = changed;
        if sent.is_none() {
            self.tell_half(said, Form::Came, events);
        }
        let start = events.len();
        let payload = sent.and_then(|sent| self.session.plain_of(said.direction, sent, scratch));
        if payload.is_some() {
            self.decide(Decision { replace: payload, ..Decision::default() });
        }
        self.recorded_bytes(bytes, said, scratch, events);
        said.put_back(self.elapsed(said.at), events.get_mut(start..).unwrap_or_default());
    }

    fn recorded_bytes(
        &mut self,
        bytes: &[u8],
        said: &Provenance,
        scratch: &mut Scratch,
        events: &mut Vec<Event>,
    ) {
        let elapsed = self.elapsed(said.at);
        self.handle_bytes(said.direction, bytes, elapsed, scratch);
        self.drain(events);
        if said.number == 0 {
            // Whether these are an old client's ping was known when they were recorded.
            self.pass_time(None, scratch, events);
        }
    }

    /// A frame came and was never sent.
    fn unsent(
        &mut self,
        came: &Changed,
        is_known: bool,
        scratch: &mut Scratch,
        events: &mut Vec<Event>,
    ) {
        let start = events.len();
        let said = came.said.clone().unsent(is_known);
        self.decide(Decision { drop: true, ..Decision::default() });
        self.recorded_bytes(&came.bytes, &said, scratch, events);
        said.put_back(self.elapsed(said.at), events.get_mut(start..).unwrap_or_default());
    }

    /// What is decided about the next packet.
    fn decide(&mut self, decision: Decision) {
        let decided = self.decided.get_or_insert_with(|| {
            let decided = Decided::default();
            let player = Player::new(self.looks.clone(), self.begun, Some(decided.clone()));
            self.session.set_judge(Some(Box::new(player)));
            decided
        });
        *decided.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(decision);
    }

    fn inject(
        &mut self,
        bytes: &[u8],
        said: &Provenance,
        scratch: &mut Scratch,
        events: &mut Vec<Event>,
    ) {
        let at = self.elapsed(said.at);
        let direction = said.direction;
        let payload = self.session.plain_of(direction, bytes, scratch);
        // No judge sees what neither peer sent.
        self.session.set_watch(Watch::Packets);
        let is_in = payload.is_some_and(|payload| {
            let packet = NewPacket { payload, origin: said.origin, forced: true };
            self.session.inject(direction, packet, at, scratch).is_ok()
        });
        self.drain(events);
        if !matches!(self.looks, Looks::All) {
            self.session.set_watch(Watch::Nothing);
        }
        if !is_in {
            let bytes = Bytes::copy_from_slice(bytes);
            // What it is cannot be told where there are packets.
            let is_secret = self.session.is_framed(direction);
            let secret = is_secret.then_some(0..bytes.len()).into_iter().collect();
            events.push(Event::Opaque { direction, offset: 0, at, bytes, secret });
        }
    }

    /// A direction has come to its end.
    pub(super) fn end(
        &mut self,
        direction: Direction,
        at: Timestamp,
        scratch: &mut Scratch,
        events: &mut Vec<Event>,
    ) {
        self.end_changed(scratch, events);
        self.end_overtaken(direction, true, scratch, events);
        self.pass_time(None, scratch, events);
        let at = self.elapsed(at);
        let waiting = &mut self.waiting[direction.index()];
        self.session.handle_end(direction, waiting, at, scratch);
        self.drain(events);
    }

    /// Nothing more comes, of the session or of the capture: what there is of frames that are not whole is told.
    pub(super) fn give_up(
        &mut self,
        at: Timestamp,
        scratch: &mut Scratch,
        events: &mut Vec<Event>,
    ) {
        self.settle(false, scratch, events);
        for direction in Direction::BOTH {
            let is_within = !self.waiting[direction.index()].is_empty();
            if is_within && !self.session.has_ended(direction) {
                self.end(direction, at, scratch, events);
            }
        }
    }

    /// The session is over; `reset`: the sender of this direction broke it off.
    pub(super) fn close(
        &mut self,
        reset: Option<Direction>,
        at: Timestamp,
        scratch: &mut Scratch,
        events: &mut Vec<Event>,
    ) {
        self.settle(true, scratch, events);
        match reset {
            Some(direction) => {
                self.session.handle_reset(direction, self.elapsed(at));
                self.drain(events);
            }
            None => {
                for direction in Direction::BOTH {
                    if !self.session.has_ended(direction) {
                        self.end(direction, at, scratch, events);
                    }
                }
            }
        }
    }

    /// Nothing is waited for any more. `is_over`: the session is, and not only what is known of it.
    pub(super) fn settle(&mut self, is_over: bool, scratch: &mut Scratch, events: &mut Vec<Event>) {
        self.end_changed(scratch, events);
        Direction::BOTH
            .iter()
            .for_each(|direction| self.end_overtaken(*direction, is_over, scratch, events));
        self.pass_time(None, scratch, events);
    }

    /// The other half of a changed packet does not come any more.
    fn end_changed(&mut self, scratch: &mut Scratch, events: &mut Vec<Event>) {
        if let Some(changed) = self.changed.take() {
            self.change(&changed, None, scratch, events);
        }
    }

    /// What has not been sent by the end of its direction was not; whether it was, is not known otherwise.
    fn end_overtaken(
        &mut self,
        direction: Direction,
        is_known: bool,
        scratch: &mut Scratch,
        events: &mut Vec<Event>,
    ) {
        let (over, others) = std::mem::take(&mut self.overtaken)
            .into_iter()
            .partition(|(_, came)| came.said.direction == direction);
        self.overtaken = others;
        let over: BTreeMap<u64, Changed> = over;
        self.overtaken_len -= over.values().map(|came| came.bytes.len()).sum::<usize>();
        over.into_values().for_each(|came| self.unsent(&came, is_known, scratch, events));
    }
}

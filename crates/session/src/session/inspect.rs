//! Frames that somebody looks at: what is done with them, and what is reported.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use midwire_codec::{Direction, Framing, Origin};

use super::Session;
use super::judge::Ruling;
use super::read::{Plain, Read};
use super::relay::owned;
use super::skim::{Skimmed, Stop};
use super::turn::effects_of;
use crate::decision::{Disconnect, Place};
use crate::event::{Event, Fate, PacketEvent, PacketNumber};
use crate::form::Effects;
use crate::interest::Watch;
use crate::order::{Came, Copied, Gate, Held, Item, Loose, Made, Next};
use crate::record::{Keep, Note};
use crate::scratch::Scratch;
use crate::verdict::PacketInfo;

/// The most copies of one packet.
const COPIES_MAX: u32 = 100;
/// From so many bytes on a payload that was made plain is given away and not copied.
const GIVEN_MIN: usize = 1 << 20;

/// What is to be sent for a frame.
pub(super) enum Action {
    /// The frame as it came, which changes its receiver.
    Pass(Effects),
    /// Nothing, or nothing yet.
    Drop,
    /// Something else, or later.
    Put(Item, Gate),
}

/// What is to be done for a packet.
pub(super) struct Outcome {
    number: PacketNumber,
    pub(super) action: Action,
    /// What is recorded of it, if it is not put somewhere and not one of many that go on as they came.
    keep: Keep,
    /// What goes behind it.
    pub(super) after: Vec<Item>,
    /// The session is to be ended, and the client told why.
    pub(super) disconnect: Option<(Disconnect, Origin)>,
}

/// A frame among others.
pub(super) struct Looked<'a> {
    pub(super) direction: Direction,
    pub(super) number: PacketNumber,
    pub(super) chunk: &'a Bytes,
    /// Where in the chunk it is, and where its payload.
    pub(super) frame: Range<usize>,
    pub(super) payload: Range<usize>,
    /// Where in the direction's stream it started.
    pub(super) offset: u64,
    /// So many of its bytes have been recorded.
    pub(super) recorded: usize,
}

/// Frames of a chunk in a row that go on as they came and have not been sent yet.
pub(super) struct Run {
    /// Where they start.
    pub(super) at: usize,
    /// The number of the first, if there is one.
    first: u64,
    /// The number that would follow the last.
    next: u64,
    /// The frame that was added last, and its number.
    newest: (usize, u64),
}

impl Run {
    /// None so far, from this place on.
    pub(super) fn new(at: usize) -> Self {
        Self { at, first: 0, next: 0, newest: (at, 0) }
    }

    /// So many frames follow at a place, from a number on.
    fn add(&mut self, start: usize, first: u64, count: u64) {
        if self.at >= start {
            self.first = first;
        }
        (self.newest, self.next) = ((start, first), first + count);
    }
}

impl Session {
    /// Looks at the whole frames of a chunk behind those that were skimmed, and sends all on. Those of
    /// `skimmed` go in front. Gives how many bytes that were; what is left is no whole frame.
    pub(super) fn inspect(
        &mut self,
        direction: Direction,
        framing: &Framing,
        chunk: &Bytes,
        skimmed: &Skimmed,
        scratch: &mut Scratch,
    ) -> usize {
        let (mut run, mut at) = (Run::new(0), skimmed.len);
        run.add(0, self.packets + 1 - skimmed.frames, skimmed.frames);
        let mut last = None;
        let was_plain = !self.may_decrypt(direction);
        loop {
            let skimmed = self.skim(direction, framing, &chunk[at..], scratch);
            self.count_skimmed(direction, &skimmed);
            let first = self.packets + 1 - skimmed.frames;
            self.add_to_run(direction, chunk, &mut run, at, first..first + skimmed.frames);
            if let Some(payload) = skimmed.last {
                let payload = at + payload.start..at + payload.end;
                last = Some((payload, self.side(direction).received.form.clone()));
            }
            at += skimmed.len;
            let Stop::Look(frame) = skimmed.stop else { break };
            let payload = at + frame.payload.start..at + frame.payload.end;
            let frame = at..at + frame.len;
            at = frame.end;
            let offset = self.offset(direction);
            self.count(direction, frame.len(), 1);
            let number = PacketNumber(self.packets);
            let looked = Looked {
                direction,
                number,
                chunk,
                frame: frame.clone(),
                payload,
                offset,
                recorded: 0,
            };
            self.add_to_run(direction, chunk, &mut run, frame.start, number.0..number.0 + 1);
            let read = self.read(direction, chunk, looked.payload.clone(), scratch);
            last = Some((looked.payload.clone(), read.form.clone()));
            let outcome = self.look_at(looked, read, &mut run, scratch);
            self.settle(direction, chunk, &mut run, frame, outcome, scratch);
            if self.side(direction).ended {
                return chunk.len();
            }
            if was_plain && self.may_decrypt(direction) {
                break;
            }
            if self.side(direction).opaque {
                self.flush(direction, chunk, &mut run, at);
                self.pass_opaque(direction, chunk.slice(at..));
                return chunk.len();
            }
        }
        if let Some((payload, form)) = last {
            self.side(direction).last.set(&chunk[payload], &form);
        }
        self.flush(direction, chunk, &mut run, at);
        at
    }

    /// Sends what is to be sent for a frame of a chunk, and what of the chunk was not sent before it, from
    /// `run` on; or leaves both to be sent together with what follows.
    pub(super) fn settle(
        &mut self,
        direction: Direction,
        chunk: &Bytes,
        run: &mut Run,
        frame: Range<usize>,
        outcome: Outcome,
        scratch: &mut Scratch,
    ) {
        let Outcome { number, action, keep, after, disconnect } = outcome;
        self.settle_frame(direction, chunk, run, frame.clone(), action, keep, number, scratch);
        if !after.is_empty() {
            self.flush(direction, chunk, run, frame.end);
            for item in after {
                self.put_beside(direction, item, scratch);
            }
        }
        if let Some((disconnect, origin)) = disconnect {
            self.flush(direction, chunk, run, frame.end);
            self.disconnect_for(number, disconnect, origin, scratch);
        }
    }

    /// Sends what of a chunk up to `end` goes on as it came and was not sent before, from `run` on.
    pub(super) fn flush(&mut self, direction: Direction, chunk: &Bytes, run: &mut Run, end: usize) {
        if run.at >= end {
            return;
        }
        let keep = self.keep_run(run.first);
        self.pass(direction, chunk.slice(run.at..end), keep);
        let (start, number) = run.newest;
        (run.at, run.first) = (end, if start == end { number } else { run.next });
    }

    /// Frames of these numbers follow in a run; one whose numbers do not go on so is sent first, if anybody
    /// records it.
    fn add_to_run(
        &mut self,
        direction: Direction,
        chunk: &Bytes,
        run: &mut Run,
        start: usize,
        numbers: Range<u64>,
    ) {
        if numbers.is_empty() {
            return;
        }
        if run.next != numbers.start && self.is_recorded() {
            self.flush(direction, chunk, run, start);
        }
        run.add(start, numbers.start, numbers.end - numbers.start);
    }

    #[allow(clippy::too_many_arguments, reason = "all of them say where the frame is and goes")]
    fn settle_frame(
        &mut self,
        direction: Direction,
        chunk: &Bytes,
        run: &mut Run,
        frame: Range<usize>,
        action: Action,
        keep: Keep,
        number: PacketNumber,
        scratch: &mut Scratch,
    ) {
        // the start of a frame may have been sent already
        let start = frame.start.max(run.at).min(frame.end);
        let is_apart = !matches!(keep, Keep::Nothing);
        let waits = !self.side(direction).order.is_empty();
        let (item, gate) = match action {
            Action::Pass(effects) if effects.is_empty() && !is_apart => return,
            // What is behind it is sent in another way, so it goes out by itself.
            Action::Pass(effects)
                if !waits && !is_apart && !self.begins_cipher(direction, &effects) =>
            {
                return self.sent(direction, frame.end.saturating_sub(run.at), &effects);
            }
            Action::Pass(effects) => {
                let bytes = chunk.slice(start..frame.end);
                let bytes = if waits { owned(&bytes) } else { bytes };
                let keep = if is_apart { keep } else { self.keep_run(number.0) };
                (Some(Item::Frame(bytes, effects, keep)), Gate::Open)
            }
            Action::Drop => {
                let record = match keep {
                    Keep::Note(note) => note.dropped(direction).map(Box::new),
                    Keep::Record(record) => Some(record),
                    Keep::Nothing | Keep::Run(..) => None,
                };
                (record.map(|record| Item::Bytes(Bytes::new(), Keep::Record(record))), Gate::Open)
            }
            Action::Put(item, gate) => (Some(item), gate),
        };
        self.flush(direction, chunk, run, start);
        if let Some(item) = item {
            self.deliver(direction, item, gate, scratch);
        }
        run.at = frame.end.max(run.at);
    }

    /// Decides what becomes of a frame that was read.
    pub(super) fn look_at(
        &mut self,
        looked: Looked<'_>,
        mut read: Read,
        run: &mut Run,
        scratch: &mut Scratch,
    ) -> Outcome {
        let (direction, number) = (looked.direction, looked.number);
        if !read.wanted && !self.side(direction).diverged {
            let ruling = Ruling::default();
            let keep = self.note(&looked, &read, &ruling, scratch).map(Keep::Note);
            let keep = self.rest_of(&looked, keep.unwrap_or_default());
            if self.watch > Watch::Nothing {
                self.report(looked, read, &mut scratch.plain, Fate::Passed, ruling);
            }
            let action = Action::Pass(Effects::default());
            return Outcome { number, action, keep, after: Vec::new(), disconnect: None };
        }
        self.learn_version(direction, looked.chunk, &mut read, scratch);

        let Scratch { workspace, plain, .. } = scratch;
        let payload = read.payload(looked.chunk, plain);
        let definition = read.definition.as_deref();
        let mut effects = Effects::default();
        if read.sure {
            effects = effects_of(definition, payload, read.body, &read.form, workspace);
        }
        let mut ruling = Ruling::default();
        if read.wanted && !read.is_late {
            let info = PacketInfo {
                number: looked.number,
                direction,
                state: read.form.state,
                version: self.tables.version,
                assumed: self.assumed,
                id: read.id.unwrap_or_default(),
                definition,
                payload,
                body: read.body,
                length: u32::try_from(read.length).unwrap_or(u32::MAX),
                origin: Origin::sender(direction),
                wire_length: u32::try_from(looked.frame.len()).unwrap_or(u32::MAX),
                at: self.now,
            };
            ruling = self.judge(&info, &read.form, workspace);
            if definition
                .and_then(|d| d.plan.as_ref())
                .is_some_and(|plan| plan.is_of_cipher() || plan.is_own())
            {
                self.shake_hands(&info, &read.form, &effects, workspace, &mut ruling);
            }
        }
        let mut changes = effects.clone();
        if let Some(new) = ruling.new.as_ref().filter(|_| !ruling.dropped) {
            changes = self.effects_at(direction, new, &read.form, workspace);
        }
        self.tell_refused(looked.number, &mut ruling);
        let mut after = Vec::new();
        if !ruling.beside.is_empty() {
            for (origin, beside) in std::mem::take(&mut ruling.beside) {
                let place = beside.place;
                let item = Item::Beside(Box::new(Next { beside, origin, number, generation: 0 }));
                if place == Place::After {
                    after.push(item);
                } else {
                    let start = looked.frame.start.max(run.at);
                    self.flush(direction, looked.chunk, run, start);
                    self.put_beside(direction, item, scratch);
                }
            }
        }
        let note = self.note(&looked, &read, &ruling, scratch);
        let payload = read.payload(looked.chunk, &scratch.plain);
        let index = read.index;
        let (fate, action, keep) =
            self.act(&looked, &read, payload, &ruling, &effects, changes.clone(), note);
        let keep = self.rest_of(&looked, keep);
        if !ruling.dropped && ruling.copies > 0 {
            let copies = self.copies(&looked, &read, payload, &ruling, &effects, &changes);
            after.splice(0..0, copies);
        }
        let origin = if ruling.is_refused { Origin::Midwire } else { Origin::Rule };
        let disconnect = ruling.disconnect.take().map(|disconnect| (disconnect, origin));
        if self.watch > Watch::Nothing || !ruling.tags.logs.is_empty() {
            self.report(looked, read, &mut scratch.plain, fate, ruling);
        }
        if !effects.is_empty() {
            self.commit(direction, index, number);
            self.was_sent(direction, &effects, number);
        }
        Outcome { number, action, keep, after, disconnect }
    }

    /// What is to be sent for a packet that changes `effects`, and is to be sent such that it
    /// changes `changes`.
    #[allow(clippy::too_many_arguments, reason = "all of them were found out about one packet")]
    fn act(
        &mut self,
        looked: &Looked<'_>,
        read: &Read,
        payload: &[u8],
        ruling: &Ruling,
        effects: &Effects,
        changes: Effects,
        mut note: Option<Box<Note>>,
    ) -> (Fate, Action, Keep) {
        let keep = |note: Option<Box<Note>>| note.map_or(Keep::Nothing, Keep::Note);
        let side = self.side(looked.direction);
        if ruling.dropped {
            side.counters.dropped += 1;
            self.diverge(effects, &Effects::default());
            return (Fate::Dropped, Action::Drop, keep(note));
        }
        let is_prompt = ruling.is_prompt();
        if is_prompt && ruling.new.is_none() && !(side.diverged && read.is_plain()) {
            return (Fate::Passed, Action::Pass(changes), keep(note));
        }
        let frame = looked.frame.clone();
        let frame = match is_prompt && side.order.is_empty() {
            true => looked.chunk.slice(frame),
            false => owned(&looked.chunk[frame]),
        };
        let came = Came { frame, threshold: read.form.threshold, effects: effects.clone() };
        let made = |payload: Bytes, note: Option<Box<Note>>| Made {
            note,
            number: looked.number,
            payload,
            instead: Some(came.clone()),
            changed: ruling.new.is_some(),
            forced: true,
            effects: changes.clone(),
        };
        let is_loose = ruling.delay.is_some_and(|delay| delay.loose) && !ruling.held;
        let is_loose = is_loose && effects.is_empty() && changes.is_empty();
        let mut came_record = Keep::Nothing;
        if let Some(note) = note.as_mut().filter(|_| is_loose) {
            let record = note.came(looked.direction);
            came_record = record.map_or(Keep::Nothing, |record| Keep::Record(Box::new(record)));
            note.is_loose = true;
        }
        let item = match &ruling.new {
            Some(new) => Item::Payload(made(new.clone(), note)),
            None if (side.diverged || is_loose) && read.is_plain() => {
                Item::Payload(made(owned(payload), note))
            }
            None => Item::Frame(came.frame.clone(), changes.clone(), keep(note)),
        };
        let is_held = ruling.held;
        side.counters.changed += u64::from(ruling.new.is_some() && !is_held);
        let (fate, gate) = match ruling.delay {
            _ if ruling.held => {
                let held = Held {
                    number: looked.number,
                    direction: looked.direction,
                    came,
                    form: read.form.clone(),
                    payload: owned(payload),
                    body: read.body,
                    new: ruling.new.clone(),
                };
                (Fate::Held, Gate::Held(Box::new(held)))
            }
            Some(delay) => {
                let until = self.now.after(delay.wait);
                if is_loose {
                    let (number, form) = (looked.number, read.form.clone());
                    let loose = Box::new(Loose { number, form, item });
                    self.side(looked.direction).order.put_off(loose, until);
                    return (Fate::Delayed(until), Action::Drop, came_record);
                }
                (Fate::Delayed(until), Gate::Until(until))
            }
            _ if ruling.new.is_some() => (Fate::Changed, Gate::Open),
            _ => (Fate::Passed, Gate::Open),
        };
        let gate = match ruling.asked {
            Some(request) => Gate::Asked(request, Box::new(gate)),
            None => gate,
        };
        self.diverge(effects, &changes);
        (fate, Action::Put(item, gate), Keep::Nothing)
    }

    /// Copies of a packet, which go behind it.
    fn copies(
        &self,
        looked: &Looked<'_>,
        read: &Read,
        payload: &[u8],
        ruling: &Ruling,
        effects: &Effects,
        changes: &Effects,
    ) -> Vec<Item> {
        let origin = ruling.copied_by.unwrap_or(Origin::Rule);
        let came = || Came {
            frame: owned(&looked.chunk[looked.frame.clone()]),
            threshold: read.form.threshold,
            effects: effects.clone(),
        };
        let copy = Copied {
            of: looked.number,
            payload: ruling.new.clone().unwrap_or_else(|| owned(payload)),
            came: ruling.new.is_none().then(came),
            effects: changes.clone(),
            origin,
            by: ruling.tags.rules.last().cloned(),
        };
        let copies = ruling.copies.min(COPIES_MAX);
        (0..copies).map(|_| Item::Copy(Box::new(copy.clone()))).collect()
    }

    fn report(
        &mut self,
        looked: Looked<'_>,
        read: Read,
        inflated: &mut Vec<u8>,
        fate: Fate,
        ruling: Ruling,
    ) {
        let all = self.watch == Watch::Packets || !ruling.tags.logs.is_empty();
        // Of what nobody reads there are only the bytes as they came, which would be misread.
        let is_whole = read.is_plain() || read.problem.is_some();
        let payload = all.then(|| match read.plain {
            Plain::InFrame(range) => looked.chunk.slice(range),
            Plain::Inflated => given(inflated),
            Plain::Unread => looked.chunk.slice(looked.payload.clone()),
        });
        let payload = payload.filter(|_| is_whole);
        let framing = self.setup.protocol.stack.framing.as_ref();
        let length_raw = framing
            .and_then(|f| f.overlong(&looked.chunk[looked.frame.clone()], looked.payload.len()))
            .map(Into::into);
        let is_sent = fate != Fate::Dropped;
        self.event(Event::Packet(PacketEvent {
            number: looked.number,
            direction: looked.direction,
            state: read.form.state,
            version: self.tables.version,
            id: read.id,
            definition: read.definition,
            payload,
            body: read.body,
            length: u32::try_from(read.length).unwrap_or(u32::MAX),
            wire_length: u32::try_from(looked.frame.len()).unwrap_or(u32::MAX),
            offset: looked.offset,
            at: self.now,
            conn: read.form.conn,
            origin: Origin::sender(looked.direction),
            fate,
            changed_by: ruling.changed_by.filter(|_| is_sent),
            sent: ruling.new.filter(|_| is_sent && all),
            tags: (!ruling.tags.is_empty()).then(|| Arc::new(ruling.tags)),
            problem: read.problem,
            flaw: read.flaw.map(Box::new),
            length_raw,
            is_hidden: read.is_hidden,
        }));
    }
}

/// A payload that was made plain, which nothing else needs: a large one is not copied.
fn given(inflated: &mut Vec<u8>) -> Bytes {
    if inflated.len() < GIVEN_MIN {
        return owned(inflated);
    }
    let mut given = std::mem::take(inflated);
    given.shrink_to_fit();
    given.into()
}

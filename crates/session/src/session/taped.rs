//! What is told to whoever records.

use std::ops::Range;

use bytes::Bytes;
use midwire_codec::{Direction, Origin, frames};
use midwire_definition::{PacketDefinition, Secrets, Workspace};

use super::inspect::Looked;
use super::judge::Ruling;
use super::read::{Plain, Read};
use super::relay::owned;
use super::{Output, Session};
use crate::decision::Tags;
use crate::event::{Elapsed, PacketNumber};
use crate::form::Form;
use crate::order::{Gate, Item, Order};
use crate::payload::{Stored, stored};
use crate::record::{
    Keep, Marked, Note, Outside, Passage, Record, Recorded, RecordedFrame, Recording,
};
use crate::scratch::Scratch;

impl Session {
    /// Whether anybody records.
    #[inline]
    pub(super) fn is_recorded(&self) -> bool {
        self.recording != Recording::Off
    }

    pub(super) fn record(&mut self, record: Record) {
        self.outputs.push_back(Output::Record(record));
    }

    /// Whole frames that go on as they came, from this number on.
    pub(super) fn keep_run(&self, first: u64) -> Keep {
        if self.is_recorded() { Keep::Run(PacketNumber(first), self.now) } else { Keep::Nothing }
    }

    /// Records bytes of no frame, when their turn has come.
    pub(super) fn record_opaque(&mut self, direction: Direction, bytes: Marked) {
        if self.is_recorded() && !bytes.bytes.is_empty() {
            let is_masked = self.recording == Recording::Masked;
            let content = Recorded::Opaque(if is_masked { bytes } else { bytes.bytes.into() });
            self.record_in_turn(direction, Record { direction, at: self.now, content });
        }
    }

    /// Records something when its turn has come.
    pub(super) fn record_in_turn(&mut self, direction: Direction, record: Record) {
        let order = &mut self.side(direction).order;
        if order.is_empty() {
            self.record(record);
        } else {
            order.push(Item::Bytes(Bytes::new(), Keep::Record(Box::new(record))), Gate::Open);
        }
    }

    /// Records what of a direction's form, besides the state, is not as before from this packet on.
    pub(super) fn record_form(&mut self, direction: Direction, before: &Form, from: PacketNumber) {
        if !self.is_recorded() {
            return;
        }
        let now = self.side(direction).received.form.clone();
        let at = self.now;
        if now.threshold != before.threshold {
            let content = Recorded::Compression { threshold: now.threshold, from };
            self.record(Record { direction, at, content });
        }
        let both = before.conn.iter().zip(now.conn.iter()).enumerate();
        let changed = both.filter(|(_, (old, new))| old != new);
        let values: Vec<(usize, i64)> = changed.map(|(at, (_, new))| (at, *new)).collect();
        if !values.is_empty() {
            let content = Recorded::Variables { values, from };
            self.record(Record { direction, at, content });
        }
    }

    /// What is recorded of a frame that is not among others that go on as they came.
    pub(super) fn note(
        &mut self,
        looked: &Looked<'_>,
        read: &Read,
        ruling: &Ruling,
        scratch: &mut Scratch,
    ) -> Option<Box<Note>> {
        if !self.is_recorded() {
            return None;
        }
        let secret = self.secrets_of(looked, read, scratch);
        let tags = ruling.tags.kept();
        let is_plain = secret.is_empty()
            && tags.is_empty()
            && ruling.is_prompt()
            && !ruling.dropped
            && ruling.new.is_none()
            && !self.side(looked.direction).diverged
            && !self.setup.frameless;
        if is_plain {
            return None;
        }
        let is_decided = ruling.dropped || ruling.new.is_some() || !ruling.is_prompt();
        let by_rule = (!tags.rules.is_empty()).then_some(Origin::Rule);
        let decided_by = ruling.changed_by.or(by_rule).filter(|_| is_decided);
        let is_waiting = !ruling.is_prompt() || !self.side(looked.direction).order.is_empty();
        let bytes = match is_waiting {
            true => owned(&looked.chunk[looked.frame.clone()]),
            false => looked.chunk.slice(looked.frame.clone()),
        };
        Some(Box::new(Note {
            number: looked.number,
            at: self.now,
            origin: Origin::sender(looked.direction),
            decided_by,
            tags,
            is_delayed: !ruling.is_prompt(),
            is_loose: false,
            came: Some(Marked { bytes, secret }),
        }))
    }

    /// What is recorded of a packet of which the start has been recorded as bytes: the rest of them.
    pub(super) fn rest_of(&self, looked: &Looked<'_>, keep: Keep) -> Keep {
        let Keep::Note(note) = &keep else { return keep };
        if looked.recorded == 0 {
            return keep;
        }
        let rest = note.came.as_ref().map(|came| came.from(looked.recorded)).unwrap_or_default();
        let content = Recorded::Opaque(rest);
        let record = Record { direction: looked.direction, at: self.now, content };
        Keep::Record(Box::new(record))
    }

    /// Where secrets stand in a frame that came.
    fn secrets_of(
        &self,
        looked: &Looked<'_>,
        read: &Read,
        scratch: &mut Scratch,
    ) -> Vec<Range<usize>> {
        if self.recording != Recording::Masked {
            return Vec::new();
        }
        let frame = &looked.chunk[looked.frame.clone()];
        let start = looked.frame.start;
        let all = looked.payload.start - start..looked.payload.end - start;
        if read.is_hidden {
            return packed(frame, all, read.form.threshold.is_some());
        }
        let Some(definition) = read.definition.as_deref().filter(|_| read.is_plain()) else {
            return Vec::new();
        };
        let Scratch { workspace, plain, .. } = scratch;
        let payload = read.payload(looked.chunk, plain);
        let secrets = secrets_in(definition, payload, read.body, &read.form, workspace);
        match &read.plain {
            _ if secrets.is_empty() => Vec::new(),
            Plain::InFrame(range) => moved(secrets, range.start - start),
            _ => packed(frame, all, read.form.threshold.is_some()),
        }
    }

    /// What is recorded of a frame that is sent for this note now.
    pub(super) fn keep_sent(
        &self,
        direction: Direction,
        note: Option<Box<Note>>,
        frame: &Bytes,
        payload: &[u8],
        scratch: &mut Scratch,
    ) -> Keep {
        let Some(note) = note else { return Keep::Nothing };
        let sent = self.marked(direction, frame.clone(), payload, scratch);
        Keep::Record(Box::new(note.sent(direction, sent, self.now)))
    }

    /// Where secrets stand in a frame that was made of a payload.
    fn marked(
        &self,
        direction: Direction,
        frame: Bytes,
        payload: &[u8],
        scratch: &mut Scratch,
    ) -> Marked {
        let form = &self.sides[direction.index()].sent;
        let id = crate::id::read(&self.setup.protocol.stack, form.state, payload);
        let known = id.and_then(|(id, body)| {
            Some((self.tables.definition(form.state, direction, id)?, body as u32))
        });
        let Some((definition, body)) = known.filter(|_| self.recording == Recording::Masked) else {
            return frame.into();
        };
        let secrets = secrets_in(definition, payload, body, form, &mut scratch.workspace);
        if secrets.is_empty() {
            return frame.into();
        }
        let header = frame.len().saturating_sub(payload.len());
        let secret = if frame.ends_with(payload) {
            moved(secrets, header)
        } else {
            let framing = self.setup.framing.as_ref();
            let cut = framing.and_then(|framing| framing.next(&frame).ok().flatten());
            let payload = cut.map_or(0..frame.len(), |cut| cut.payload);
            packed(&frame, payload, form.threshold.is_some())
        };
        Marked { bytes: frame, secret }
    }

    /// Bytes that are sent on without being read, of a packet that may have secrets.
    pub(super) fn unread(&self, direction: Direction, bytes: Bytes) -> Marked {
        let state = self.sides[direction.index()].received.form.state;
        let has_secrets =
            self.recording == Recording::Masked && self.tables.ids(state, direction).has_secrets();
        if has_secrets { Marked::secret(bytes) } else { bytes.into() }
    }

    /// Forgets what is held of a direction, which is as good as dropped.
    pub(super) fn forget_held(&mut self, direction: Direction) {
        let order = std::mem::take(&mut self.side(direction).order);
        self.record_lost(direction, order);
    }

    /// Records what was held and will not be sent.
    pub(super) fn record_lost(&mut self, direction: Direction, order: Order) {
        if !self.is_recorded() {
            return;
        }
        for item in order.into_items() {
            match item {
                Item::Bytes(bytes, Keep::Run(first, at))
                | Item::Frame(bytes, _, Keep::Run(first, at)) => {
                    self.record_dropped(direction, first, at, &bytes);
                }
                Item::Bytes(_, Keep::Record(record)) => self.record(record.lost()),
                item => {
                    let record = item.into_note().and_then(|note| note.dropped(direction));
                    record.into_iter().for_each(|record| self.record(record));
                }
            }
        }
    }

    fn record_dropped(
        &mut self,
        direction: Direction,
        first: PacketNumber,
        at: Elapsed,
        bytes: &Bytes,
    ) {
        let Some(framing) = self.setup.framing else { return };
        let whole = frames(&framing, bytes).map_while(Result::ok);
        for (frame, number) in whole.zip(first.0..) {
            let note = Note {
                number: PacketNumber(number),
                at,
                origin: Origin::sender(direction),
                decided_by: None,
                tags: Tags::default(),
                is_delayed: false,
                is_loose: false,
                came: Some(bytes.slice(frame.range()).into()),
            };
            note.dropped(direction).into_iter().for_each(|record| self.record(record));
        }
    }

    /// Bytes that the driver passed by the session, or did not pass on.
    pub(super) fn record_outside(&mut self, direction: Direction, bytes: Bytes, outside: Outside) {
        if !self.is_recorded() || bytes.is_empty() {
            return;
        }
        if outside == Outside::Made {
            return self.record_made(direction, &bytes);
        }
        let content = Recorded::Opaque(self.unread(direction, bytes));
        let record = Record { direction, at: self.now, content };
        let is_lost = outside == Outside::Dropped;
        self.record(if is_lost { record.lost() } else { record });
    }

    /// Bytes that midwire made where nothing is cut into frames.
    pub(super) fn record_made(&mut self, direction: Direction, bytes: &Bytes) {
        if self.is_recorded() {
            let frame = RecordedFrame {
                number: PacketNumber(0),
                origin: Origin::Midwire,
                passage: Passage::Injected(bytes.clone().into()),
                decided_by: None,
                tags: Tags::default(),
                delayed: None,
            };
            let content = Recorded::Frame(Box::new(frame));
            self.record(Record { direction, at: self.now, content });
        }
    }
}

/// Where in a frame the secrets of a payload stand that begins there.
pub(super) fn moved(secrets: Secrets, by: usize) -> Vec<Range<usize>> {
    secrets.ranges.into_iter().map(|range| range.start + by..range.end + by).collect()
}

pub(super) fn secrets_in(
    definition: &PacketDefinition,
    payload: &[u8],
    body: u32,
    form: &Form,
    workspace: &mut Workspace,
) -> Secrets {
    match definition.plan.as_ref().filter(|plan| plan.has_secrets()) {
        Some(plan) => plan.decode(payload, body, &form.conn, workspace).secrets(),
        None => Secrets::default(),
    }
}

/// All that is compressed of a frame: where in it something stands cannot be told.
fn packed(frame: &[u8], payload: Range<usize>, is_compressed: bool) -> Vec<Range<usize>> {
    let data = match stored(frame, payload.clone(), is_compressed) {
        Ok(Stored::Deflated(data, _) | Stored::Plain(data)) => data,
        Err(_) => payload,
    };
    vec![data]
}

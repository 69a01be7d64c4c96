//! Protocols without frames: each packet's fields say where it ends.
//!
//! ```text
//!   bytes ──▶ Partial ──measure──▶ whole: looked at like a frame
//!                │            ├──▶ more wanted: kept; sent on at once, unless somebody may change it
//!                └────────────┴──▶ no end to be found: the direction is relayed as it comes from here
//! ```

use std::ops::Range;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use midwire_codec::Direction;
use midwire_definition::{Extent, Measured, Progress, VersionId};

use super::Session;
use super::behind::last_number;
use super::inspect::{Looked, Run};
use super::read::{Plain, Read};
use crate::event::{Elapsed, Lost, Notice, PacketNumber};
use crate::form::Form;
use crate::judged::{Judged, Need};
use crate::order::{Gate, Item};
use crate::record::Keep;
use crate::scratch::Scratch;

/// The start of a packet whose end has not come.
#[derive(Debug, Default)]
pub(super) struct Partial {
    bytes: BytesMut,
    /// So many of them have been sent on.
    passed: usize,
    /// How far it was read in each of the forms that it may be in, oldest first.
    read: Vec<(Form, Progress)>,
    /// The version that it was read with.
    version: Option<VersionId>,
    /// When what is held of it is sent on, whoever may want to change it.
    pub(super) due: Option<Elapsed>,
    /// Injected packets, which go behind it because its start has been sent on.
    behind: Vec<Item>,
    /// So many of them have been recorded.
    recorded: usize,
    /// When what was sent on is recorded, if the rest has not come by then.
    record_due: Option<Elapsed>,
}

/// How long the start of a packet that was sent on waits to be recorded with its end.
const RECORD_WAIT: Duration = Duration::from_millis(400);

/// What stands at the start of some bytes.
enum Next {
    /// A packet, and how it is read.
    Whole(Whole),
    /// A part of one. It is held if somebody may want to change it.
    Part { held: bool },
    /// None whose end is known.
    Lost(Lost),
}

/// A packet that is all there, in the form that it was read in.
struct Whole {
    len: usize,
    form: Form,
    /// Which of the forms that it may be in that is.
    index: usize,
    measured: Measured,
}

impl Partial {
    /// Bytes of injected packets that wait for its end.
    pub(super) fn waiting(&self) -> usize {
        self.behind.iter().map(Item::cost).sum()
    }

    /// Memory for the bytes that there are.
    pub(super) fn kept(&self) -> usize {
        self.bytes.capacity()
    }

    /// When something is to be done about it.
    pub(super) fn next_due(&self) -> Option<Elapsed> {
        self.due.into_iter().chain(self.record_due).min()
    }
}

impl Session {
    /// Sends on what can be sent on of some bytes, and keeps what is part of a packet.
    pub(super) fn relay_frameless(
        &mut self,
        direction: Direction,
        bytes: &mut BytesMut,
        scratch: &mut Scratch,
    ) {
        let kept = self.side(direction).partial.take();
        let is_new = kept.is_none();
        let mut partial = kept.map_or_else(Partial::default, |kept| *kept);
        if is_new {
            partial.bytes = bytes.split();
        } else {
            partial.bytes.extend_from_slice(bytes);
            bytes.clear();
        }
        if partial.bytes.is_empty() {
            return;
        }
        if self.side(direction).opaque {
            return self.give_up(direction, partial);
        }
        if partial.version != Some(self.tables.version) {
            partial.version = Some(self.tables.version);
            partial.read.clear();
        }
        match self.next_packet(direction, &partial.bytes, &mut partial.read, scratch) {
            Next::Part { held } => {
                if is_new {
                    // A copy, so that a few bytes do not keep a whole read buffer.
                    partial.bytes = BytesMut::from(&partial.bytes[..]);
                }
                self.keep(direction, partial, held);
            }
            Next::Lost(lost) => {
                self.lose(direction, lost);
                self.give_up(direction, partial);
            }
            Next::Whole(first) => self.relay_packets(direction, partial, first, scratch),
        }
    }

    /// Sends on the packets at the start of what was kept, of which the first was measured.
    fn relay_packets(
        &mut self,
        direction: Direction,
        mut partial: Partial,
        first: Whole,
        scratch: &mut Scratch,
    ) {
        let chunk = partial.bytes.split().freeze();
        let mut next = Next::Whole(first);
        // Packets from `run` to `at` go on as they came and have not been sent yet. `run` is ahead where
        // the start of a packet was sent before its end came.
        let (mut run, mut at) = (Run::new(partial.passed), 0);
        let mut recorded = std::mem::take(&mut partial.recorded);
        partial.record_due = None;
        while let Next::Whole(whole) = next {
            let frame = at..at + whole.len;
            at = frame.end;
            let is_late = run.at > frame.start;
            let offset = self.offset(direction);
            self.count(direction, whole.len, 1);
            let number = PacketNumber(self.packets);
            let payload = frame.clone();
            let looked = Looked {
                direction,
                number,
                chunk: &chunk,
                frame: frame.clone(),
                payload,
                offset,
                recorded: std::mem::take(&mut recorded),
            };
            let read = self.read_whole(direction, frame.clone(), whole, is_late);
            let outcome = self.look_at(looked, read, &mut run, scratch);
            self.settle(direction, &chunk, &mut run, frame, outcome, scratch);
            if self.side(direction).ended {
                return;
            }
            if run.at <= at && !partial.behind.is_empty() {
                self.flush(direction, &chunk, &mut run, at);
                for item in partial.behind.drain(..) {
                    self.deliver(direction, item, Gate::Open, scratch);
                }
            }
            for (_, progress) in &mut partial.read {
                *progress = Progress::default();
            }
            if at == chunk.len() || self.side(direction).opaque {
                next = Next::Part { held: false };
                break;
            }
            if partial.version != Some(self.tables.version) {
                partial.version = Some(self.tables.version);
                partial.read.clear();
            }
            next = self.next_packet(direction, &chunk[at..], &mut partial.read, scratch);
        }
        self.flush(direction, &chunk, &mut run, at);
        partial.passed = run.at.saturating_sub(at);
        partial.bytes = BytesMut::from(&chunk[at..]);
        match next {
            _ if self.side(direction).opaque => self.give_up(direction, partial),
            Next::Part { held } => self.keep(direction, partial, held),
            Next::Lost(lost) => {
                self.lose(direction, lost);
                self.give_up(direction, partial);
            }
            Next::Whole(_) => {}
        }
    }

    /// Finds the packet at the start of some bytes.
    fn next_packet(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        read: &mut Vec<(Form, Progress)>,
        scratch: &mut Scratch,
    ) -> Next {
        let received = &self.sides[direction.index()].received;
        if received.is_changing() {
            return self.next_of_several(direction, bytes, read, scratch);
        }
        if !matches!(&read[..], [(form, _)] if *form == received.form) {
            read.clear();
            read.push((received.form.clone(), Progress::default()));
        }
        let (form, progress) = &mut read[0];
        let measured = self.measure(direction, form, bytes, progress, scratch);
        if let Some(lost) = self.lost(direction, form, &measured, bytes, scratch) {
            return Next::Lost(lost);
        }
        match measured.extent {
            Extent::Whole(len) => {
                Next::Whole(Whole { len, form: form.clone(), index: 0, measured })
            }
            _ => Next::Part { held: self.may_change(direction, form, &measured) },
        }
    }

    /// The same where the sender may have gone over to another form.
    ///
    /// Then it has, unless that cannot be. Without frames the receiver cannot know better than we do, so
    /// protocols see to it: nothing is on its way then, or what is cannot be taken for what is new. And
    /// where the forms would cut the bytes at other places, there is no way back.
    fn next_of_several(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        read: &mut Vec<(Form, Progress)>,
        scratch: &mut Scratch,
    ) -> Next {
        let forms = self.sides[direction.index()].received.forms(direction);
        if !read.iter().map(|(form, _)| form).eq(&forms) {
            *read = forms.into_iter().map(|form| (form, Progress::default())).collect();
        }
        let mut found: Vec<(Measured, Option<Lost>)> = Vec::with_capacity(read.len());
        for (form, progress) in read.iter_mut() {
            let measured = self.measure(direction, form, bytes, progress, scratch);
            let lost = self.lost(direction, form, &measured, bytes, scratch);
            found.push((measured, lost));
        }
        let can_be = |(_, lost): &(Measured, Option<Lost>)| lost.is_none();
        let takes_all =
            |(_, lost): &(Measured, Option<Lost>)| matches!(lost, Some(Lost::Endless { .. }));
        // One that takes all fits everything. In none is the one that it has not left for certain.
        let index = found.iter().rposition(can_be).or_else(|| found.iter().rposition(takes_all));
        let index = index.unwrap_or(0);
        // A packet that ends at the same place in an older form tells nothing.
        let extent = &found[index].0.extent;
        let is_clear =
            !found[..index].iter().any(|older| can_be(older) && older.0.extent == *extent);
        let held = (0..=index).any(|index| {
            can_be(&found[index]) && self.may_change(direction, &read[index].0, &found[index].0)
        });
        let form = read[index].0.clone();
        let (measured, lost) = found.swap_remove(index);
        if let Some(lost) = lost {
            return Next::Lost(lost);
        }
        let Extent::Whole(len) = measured.extent else { return Next::Part { held } };
        let max = self.setup.options.limits.in_flight_max;
        if is_clear || self.side(direction).received.count_unclear() > max {
            // It has not been counted yet.
            self.commit(direction, index, PacketNumber(self.packets.saturating_add(1)));
            return Next::Whole(Whole { len, form, index: 0, measured });
        }
        Next::Whole(Whole { len, form, index, measured })
    }

    fn measure(
        &self,
        direction: Direction,
        form: &Form,
        bytes: &[u8],
        progress: &mut Progress,
        scratch: &mut Scratch,
    ) -> Measured {
        let stack = &self.setup.protocol.stack;
        self.tables.measure(stack, form, direction, bytes, progress, &mut scratch.workspace)
    }

    /// Why the end of a packet cannot be found, if it cannot.
    fn lost(
        &self,
        direction: Direction,
        form: &Form,
        measured: &Measured,
        bytes: &[u8],
        scratch: &mut Scratch,
    ) -> Option<Lost> {
        let offset = self.offset(direction);
        let max = self.setup.packet_length_max;
        let name = || measured.definition.as_ref().map_or_else(|| "".into(), |d| d.name.clone());
        let found = match &measured.extent {
            Extent::Whole(len) => *len as u64,
            Extent::Needs(more) => (bytes.len() as u64).saturating_add(*more),
            Extent::Endless => {
                let plan = measured.definition.as_ref().and_then(|known| known.plan.as_ref());
                let behind = plan.and_then(|plan| {
                    let (body, workspace) = (measured.body, &mut scratch.workspace);
                    last_number(plan, bytes, body, &form.conn, workspace)
                });
                let behind = behind.map(Into::into);
                return Some(Lost::Endless { offset, name: name(), behind });
            }
            Extent::Nothing => return Some(Lost::Nothing { offset, name: name() }),
            Extent::Unknown(id) => {
                let has_id = self.setup.protocol.stack.id_in(form.state).fixed_size() != Some(0);
                let id = has_id.then_some(*id);
                let state = self.setup.protocol.state_name(form.state).into();
                return Some(Lost::Unknown { offset, direction, id, state });
            }
            Extent::Malformed(error) => {
                return Some(Lost::Malformed { offset, name: name(), error: error.clone() });
            }
        };
        (found > max as u64).then(|| Lost::TooLong { offset, name: name(), found, max })
    }

    /// Whether a packet may not go on as it came, as far as it is known what it is.
    fn may_change(&self, direction: Direction, form: &Form, measured: &Measured) -> bool {
        let rewrites = self.setup.options.rewrite_host.is_some();
        match (measured.id, &measured.definition) {
            (Some(id), definition) => {
                let wants =
                    |judged: &Judged| judged.wanted.need(form.state, direction, id) > Need::Nothing;
                rewrites && definition.as_ref().is_some_and(|known| known.says_version)
                    || self.judged.as_deref().is_some_and(wants)
            }
            (None, _) => {
                let wants = |judged: &Judged| judged.wanted.any(form.state, direction);
                rewrites || self.judged.as_deref().is_some_and(wants)
            }
        }
    }

    fn read_whole(
        &self,
        direction: Direction,
        frame: Range<usize>,
        whole: Whole,
        is_late: bool,
    ) -> Read {
        let Whole { form, index, measured, .. } = whole;
        let interest = self.interest(form.state, direction);
        let wanted = measured.id.is_some_and(|id| interest.wants(id));
        let length = frame.len();
        Read {
            form,
            sure: true,
            index,
            plain: Plain::InFrame(frame),
            length,
            id: measured.id,
            body: measured.body,
            wanted,
            is_late,
            definition: measured.definition,
            problem: None,
            flaw: None,
            is_hidden: false,
        }
    }

    /// Keeps the start of a packet, and sends it on unless it is held.
    fn keep(&mut self, direction: Direction, mut partial: Partial, held: bool) {
        if partial.bytes.is_empty() {
            return;
        }
        if held && partial.passed == 0 {
            let wait = self.setup.options.limits.packet_wait;
            partial.due = Some(self.now.after(wait));
        } else {
            partial.due = None;
            self.pass_start(direction, &mut partial);
        }
        self.side(direction).partial = Some(Box::new(partial));
    }

    /// Sends on what there is of a packet.
    fn pass_start(&mut self, direction: Direction, partial: &mut Partial) {
        let start = partial.passed.min(partial.bytes.len());
        let bytes = Bytes::copy_from_slice(&partial.bytes[start..]);
        self.pass(direction, bytes, Keep::Nothing);
        partial.passed = partial.passed.max(partial.bytes.len());
        if partial.recorded > 0 {
            self.record_start(direction, partial);
        } else if self.is_recorded() {
            partial.record_due.get_or_insert(self.now.after(RECORD_WAIT));
        }
    }

    /// Records what of a packet's start was sent on and has not been recorded.
    fn record_start(&mut self, direction: Direction, partial: &mut Partial) {
        let passed = partial.passed.min(partial.bytes.len());
        let start = std::mem::replace(&mut partial.recorded, passed).min(passed);
        partial.record_due = None;
        let all = Bytes::copy_from_slice(&partial.bytes[..passed]);
        let bytes = self.fragment(direction, all, &mut Scratch::default()).from(start);
        self.record_opaque(direction, bytes);
    }

    /// Records the start of a packet whose end takes too long to come.
    pub(super) fn record_late(&mut self, direction: Direction) {
        let now = self.now;
        let is_due = |partial: &mut Box<Partial>| partial.record_due.is_some_and(|due| due <= now);
        let Some(mut partial) = self.side(direction).partial.take_if(is_due) else { return };
        self.record_start(direction, &mut partial);
        self.side(direction).partial = Some(partial);
    }

    /// Forgets the start of a packet; what of it was sent is recorded.
    pub(super) fn forget_partial(&mut self, direction: Direction) {
        if let Some(mut partial) = self.side(direction).partial.take() {
            self.record_start(direction, &mut partial);
        }
    }

    /// Sends on a packet's start that was held too long.
    pub(super) fn release(&mut self, direction: Direction) {
        let now = self.now;
        let is_due = |partial: &mut Box<Partial>| partial.due.is_some_and(|due| due <= now);
        let Some(mut partial) = self.side(direction).partial.take_if(is_due) else { return };
        let offset = self.offset(direction);
        let bytes = partial.bytes.len();
        self.notice(Notice::LatePacket { direction, offset, bytes });
        partial.due = None;
        self.pass_start(direction, &mut partial);
        self.side(direction).partial = Some(partial);
    }

    /// Nothing more comes: what there is of a packet is sent on.
    pub(super) fn end_frameless(&mut self, direction: Direction) {
        let Some(partial) = self.side(direction).partial.take() else { return };
        let offset = self.offset(direction);
        self.notice(Notice::CutFrame { direction, bytes: partial.bytes.len(), offset });
        self.give_up(direction, *partial);
    }

    /// Sends on bytes in which no packets are looked for, as far as they have not been.
    pub(super) fn give_up(&mut self, direction: Direction, partial: Partial) {
        if self.closed {
            return;
        }
        let bytes = self.fragment(direction, partial.bytes.freeze(), &mut Scratch::default());
        self.pass_opaque_as(direction, bytes, partial.passed, partial.recorded);
        for item in partial.behind {
            self.refuse(item, "the packet in front of it has no end".to_owned());
        }
    }

    /// Queues an injected packet behind one whose start has been sent on; gives it back if there is none.
    pub(super) fn behind_partial(&mut self, direction: Direction, item: Item) -> Option<Item> {
        match &mut self.side(direction).partial {
            Some(partial) if partial.passed > 0 => {
                partial.behind.push(item);
                None
            }
            _ => Some(item),
        }
    }
}

//! Bytes in, bytes out: sending, and what sending changes.

use bytes::{Bytes, BytesMut};
use midwire_codec::{Direction, Framing};

use super::skim::{Skimmed, Stop};
use super::{Output, Session};
use crate::event::{Elapsed, Event, Lost, Notice};
use crate::form::{self, Effects};
use crate::id;
use crate::interest::Watch;
use crate::order::{Gate, Item, Made};
use crate::record::{Keep, Marked};
use crate::scratch::Scratch;
use crate::setup::OnLostFraming;

/// Bytes that frames are cut off.
pub(super) trait Chunk: std::ops::Deref<Target = [u8]> {
    /// All of them.
    fn take(&mut self) -> Bytes;
    /// The first of them.
    fn take_front(&mut self, len: usize) -> Bytes;
    /// The last of what was all of them.
    fn put_back(&mut self, rest: Bytes);
}

impl Chunk for BytesMut {
    fn take(&mut self) -> Bytes {
        self.split().freeze()
    }

    fn take_front(&mut self, len: usize) -> Bytes {
        self.split_to(len).freeze()
    }

    /// The start of a frame: a copy, once, since there is no frame in front of it then.
    fn put_back(&mut self, rest: Bytes) {
        self.extend_from_slice(&rest);
    }
}

impl Chunk for Bytes {
    fn take(&mut self) -> Bytes {
        std::mem::take(self)
    }

    fn take_front(&mut self, len: usize) -> Bytes {
        self.split_to(len)
    }

    fn put_back(&mut self, rest: Bytes) {
        *self = rest;
    }
}

impl Session {
    /// Sends on what can be sent on of some bytes. What is part of a frame stays.
    pub(super) fn relay(
        &mut self,
        direction: Direction,
        bytes: &mut BytesMut,
        scratch: &mut Scratch,
    ) {
        if self.setup.frameless {
            return self.relay_frameless(direction, bytes, scratch);
        }
        let mut left = 0;
        if !self.may_decrypt(direction) {
            self.relay_frames(direction, bytes, scratch);
        } else {
            left = self.side(direction).left.min(bytes.len());
        }
        if self.may_decrypt(direction) {
            self.relay_cipher(direction, bytes, left, scratch);
        } else {
            self.side(direction).left = bytes.len();
        }
    }

    /// Sends on what can be sent on of some plain bytes. What is part of a frame stays, and so does all that
    /// is behind a packet from which on bytes are encrypted.
    pub(super) fn relay_frames(
        &mut self,
        direction: Direction,
        bytes: &mut impl Chunk,
        scratch: &mut Scratch,
    ) {
        let was_plain = !self.may_decrypt(direction);
        loop {
            if bytes.is_empty() {
                return;
            }
            let framing = match self.setup.framing {
                Some(framing) if !self.sides[direction.index()].opaque => framing,
                _ => return self.pass_opaque(direction, bytes.take()),
            };
            let skimmed = self.skim(direction, &framing, bytes, scratch);
            self.count_skimmed(direction, &skimmed);
            if let Some(payload) = skimmed.last.clone() {
                let side = self.side(direction);
                side.last.set(&bytes[payload], &side.received.form);
            }
            match skimmed.stop {
                Stop::End => {
                    let keep = self.keep_run(self.packets + 1 - skimmed.frames);
                    self.pass(direction, bytes.take_front(skimmed.len), keep);
                    return;
                }
                Stop::Look(_) => {
                    let chunk = bytes.take();
                    let used = self.inspect(direction, &framing, &chunk, &skimmed, scratch);
                    bytes.put_back(chunk.slice(used..));
                }
                Stop::Lost(error) => {
                    let keep = self.keep_run(self.packets + 1 - skimmed.frames);
                    self.pass(direction, bytes.take_front(skimmed.len), keep);
                    let error = error.shifted(self.offset(direction));
                    self.lose(direction, error.into());
                }
            }
            if self.closed {
                bytes.take();
                return;
            }
            if was_plain && self.may_decrypt(direction) {
                return;
            }
        }
    }

    pub(super) fn count(&mut self, direction: Direction, bytes: usize, frames: u64) {
        let counters = &mut self.side(direction).counters;
        counters.bytes += bytes as u64;
        counters.frames += frames;
        self.packets += frames;
    }

    /// Counts frames that were passed over.
    pub(super) fn count_skimmed(&mut self, direction: Direction, skimmed: &Skimmed) {
        self.count(direction, skimmed.len, skimmed.frames);
        if skimmed.quiet > 0 {
            self.note_quiet(skimmed.quiet);
        }
    }

    /// Nothing says where the next frame or packet starts: a direction is relayed as it comes from here.
    pub(super) fn lose(&mut self, direction: Direction, error: Lost) {
        if let Lost::Endless { offset, name, behind } = error {
            // as its definition has it
            self.side(direction).opaque = true;
            return self.notice(Notice::NoEnd { direction, offset, name, behind });
        }
        let closed = self.setup.options.on_lost_framing == OnLostFraming::Close;
        self.event(Event::LostFraming { direction, error, closed, at: self.now });
        self.side(direction).opaque = true;
        if closed {
            for direction in Direction::BOTH {
                self.outputs.push_back(Output::Abort { direction });
            }
            self.close();
        }
    }

    /// Sends on bytes that are not cut into frames.
    pub(super) fn pass_opaque(&mut self, direction: Direction, bytes: Bytes) {
        self.pass_opaque_as(direction, bytes.into(), 0, 0);
    }

    /// The same with bytes of which so many were sent on before, and so many recorded.
    pub(super) fn pass_opaque_as(
        &mut self,
        direction: Direction,
        bytes: Marked,
        passed: usize,
        recorded: usize,
    ) {
        let kept = bytes.from(recorded);
        let Marked { bytes, secret } = bytes;
        let offset = self.offset(direction);
        self.count(direction, bytes.len(), 0);
        if self.watch == Watch::Packets && !bytes.is_empty() {
            let (at, bytes) = (self.now, bytes.clone());
            self.event(Event::Opaque { direction, offset, at, bytes, secret });
        }
        self.record_opaque(direction, kept);
        self.pass(direction, bytes.slice(passed.min(bytes.len())..), Keep::Nothing);
    }

    /// Sends on bytes as they came, when it is their turn.
    pub(super) fn pass(&mut self, direction: Direction, bytes: Bytes, keep: Keep) {
        if bytes.is_empty() {
            return;
        }
        let side = self.side(direction);
        if side.order.is_empty() {
            self.send(direction, bytes, keep);
        } else {
            side.order.push(Item::Bytes(owned(&bytes), keep), Gate::Open);
        }
    }

    /// Sends an item, when it is its turn.
    pub(super) fn deliver(
        &mut self,
        direction: Direction,
        item: Item,
        gate: Gate,
        scratch: &mut Scratch,
    ) {
        let side = self.side(direction);
        if side.order.is_empty() && matches!(gate, Gate::Open) {
            self.send_item(direction, item, scratch);
        } else {
            side.order.push(item, gate);
        }
    }

    /// Sends what is held and whose turn has come.
    pub(super) fn pump(&mut self, direction: Direction, scratch: &mut Scratch) {
        let now: Elapsed = self.now;
        while let Some(item) = self.side(direction).order.pop(now) {
            self.send_item(direction, item, scratch);
        }
    }

    /// Sends bytes that nobody sent where nothing is cut into frames.
    pub(super) fn pass_made(&mut self, direction: Direction, bytes: Bytes) {
        self.side(direction).counters.injected += 1;
        self.record_made(direction, &bytes);
        self.send(direction, bytes, Keep::Nothing);
    }

    fn send(&mut self, direction: Direction, bytes: Bytes, keep: Keep) {
        if let Some(record) = keep.sent(direction, &bytes, self.now) {
            self.record(record);
        }
        if bytes.is_empty() {
            return;
        }
        let Self { sides, outputs, .. } = self;
        let side = &mut sides[direction.index()];
        let offset = side.given;
        side.given += bytes.len() as u64;
        let mut put = |bytes| outputs.push_back(Output::Send { direction, bytes });
        match &mut side.stage {
            None => put(bytes),
            Some(stage) => stage.send(bytes, offset, put),
        }
    }

    pub(super) fn send_item(&mut self, direction: Direction, item: Item, scratch: &mut Scratch) {
        match item {
            Item::Bytes(bytes, keep) => self.send(direction, bytes, keep),
            Item::Frame(frame, effects, keep) => {
                self.send_frame(direction, frame, keep, &effects);
            }
            Item::Payload(made) => self.send_made(direction, made, scratch),
            Item::Beside(next) => self.send_next(direction, next, scratch),
            Item::Copy(copy) => self.send_copy(direction, copy, scratch),
            Item::Loose(loose) => self.send_loose(direction, *loose, scratch),
            Item::End => self.outputs.push_back(Output::Finish { direction }),
        }
    }

    fn send_frame(&mut self, direction: Direction, frame: Bytes, keep: Keep, effects: &Effects) {
        self.send(direction, frame, keep);
        self.sent(direction, 0, effects);
    }

    /// A packet has been put into what is sent: its receiver reads what follows in another form,
    /// and will write in another form once it has got it. `more` bytes up to its end are still to
    /// be sent.
    pub(super) fn sent(&mut self, direction: Direction, more: usize, effects: &Effects) {
        if effects.is_empty() {
            return;
        }
        if form::encrypts(effects) {
            self.send_cipher(direction);
        }
        let side = self.side(direction);
        side.sent.apply(effects, direction);
        side.handovers.push_back((side.given + more as u64, effects.clone()));
        // its receiver may have all of it already, where it was sent before its end was found
        self.hand_over(direction, 0);
    }

    /// So many bytes more have been handed to a receiver.
    pub(super) fn hand_over(&mut self, direction: Direction, len: usize) {
        let side = self.side(direction);
        side.counters.sent_bytes += len as u64;
        let reached = side.counters.sent_bytes;
        let back = direction.opposite();
        while self.side(direction).handovers.front().is_some_and(|(end, _)| *end <= reached) {
            let Some((_, effects)) = self.side(direction).handovers.pop_front() else { return };
            self.side(back).received.announce(&effects, back);
            if form::encrypts(&effects) {
                self.expect_cipher(back);
            }
        }
        let handovers = &mut self.side(direction).handovers;
        if handovers.is_empty() && handovers.capacity() > 0 {
            handovers.shrink_to_fit();
        }
    }

    pub(super) fn send_made(
        &mut self,
        direction: Direction,
        mut made: Made,
        scratch: &mut Scratch,
    ) {
        let note = made.note.take();
        let framing = self.setup.framing;
        let setup = self.setup.clone();
        let sent = &self.sides[direction.index()].sent;
        if let Some(came) = &made.instead
            && !made.changed
            && came.threshold == sent.threshold
        {
            let frame = came.frame.clone();
            let keep = self.keep_sent(direction, note, &frame, &made.payload, scratch);
            return self.send_frame(direction, frame, keep, &made.effects);
        }
        if made.instead.is_none() && !made.forced {
            let state = sent.state;
            let id = id::read(&self.setup.protocol.stack, state, &made.payload).map(|(id, _)| id);
            if id.is_none_or(|id| self.tables.definition(state, direction, id).is_none()) {
                let state = self.setup.protocol.state_name(state);
                let reason = format!("the receiver is in {state} now, where it is not defined");
                return self.notice(Notice::InjectionRefused { number: made.number, reason });
            }
        }
        let constants = &setup.protocol.stack.before_length[..];
        let came = made.instead.as_ref().map_or(constants, |came| &came.frame[..]);
        match frame_of(framing.as_ref(), &made.payload, came, sent.threshold, scratch) {
            Ok(frame) => {
                let keep = self.keep_sent(direction, note, &frame, &made.payload, scratch);
                self.send_frame(direction, frame, keep, &made.effects);
            }
            Err(reason) => match made.instead {
                Some(came) => {
                    self.notice(Notice::EditRefused { number: made.number, by: None, reason });
                    let keep = note.map_or(Keep::Nothing, Keep::Note);
                    self.send_frame(direction, came.frame, keep, &came.effects);
                }
                None => self.notice(Notice::InjectionRefused { number: made.number, reason }),
            },
        }
    }
}

/// A frame around a payload, compressed if the form asks for it; without frames the payload. `like`
/// begins with the bytes in front of the length: the frame that it stands in for, or constants.
fn frame_of(
    framing: Option<&Framing>,
    payload: &[u8],
    like: &[u8],
    threshold: Option<u32>,
    scratch: &mut Scratch,
) -> Result<Bytes, String> {
    let Some(framing) = framing else { return Ok(owned(payload)) };
    let Scratch { made, deflater, .. } = scratch;
    made.clear();
    let payload = match threshold {
        None => payload,
        Some(threshold) => {
            let threshold = usize::try_from(threshold).unwrap_or(usize::MAX);
            midwire_codec::write_compressed(payload, threshold, deflater, made)
                .map_err(|error| error.to_string())?;
            made.as_slice()
        }
    };
    let mut frame = Vec::with_capacity(payload.len() + framing.before + 5);
    framing.write_frame(payload, &mut frame).map_err(|error| error.to_string())?;
    if let Some(before) = like.get(..framing.before) {
        frame[..framing.before].copy_from_slice(before);
    }
    Ok(frame.into())
}

/// A copy: what is held must not keep a whole read buffer in memory.
pub(super) fn owned(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

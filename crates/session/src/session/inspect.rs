//! Frames that somebody looks at: reading them, asking about them, reporting them.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use midwire_codec::{CompressionError, Direction, Framing};
use midwire_definition::{PacketDefinition, StateId, Workspace};

use super::Session;
use super::relay::{Stop, owned};
use crate::event::{Event, Fate, Origin, PacketEvent, PacketNumber};
use crate::form::{self, Effects, Form};
use crate::host;
use crate::id;
use crate::interest::{Interest, Tables, Watch};
use crate::order::{Came, Gate, Held, Item, Made};
use crate::payload::{Fit, Stored, fit, inflate, stored};
use crate::scratch::Scratch;
use crate::verdict::{PacketInfo, Verdict};

/// What is to be sent for a frame.
enum Action {
    /// The frame as it came, which changes its receiver.
    Pass(Effects),
    /// Nothing.
    Drop,
    /// Something else, or later.
    Put(Item, Gate),
}

/// A frame as it was read.
struct Read {
    form: Form,
    /// The form is not only a guess.
    sure: bool,
    /// Which of the forms that it may be in it is.
    index: usize,
    plain: Plain,
    /// Bytes of the payload when plain.
    length: usize,
    id: Option<i64>,
    body: u32,
    wanted: bool,
    definition: Option<Arc<PacketDefinition>>,
    problem: Option<CompressionError>,
}

/// Where the plain payload is.
enum Plain {
    /// Here in the chunk.
    InFrame(Range<usize>),
    /// In the scratch memory.
    Inflated,
    /// Nowhere: nobody needs it, or it cannot be had.
    Unread,
}

impl Session {
    /// Looks at the whole frames of a chunk from `start` on and sends the chunk on.
    pub(super) fn inspect(
        &mut self,
        direction: Direction,
        framing: &Framing,
        chunk: Bytes,
        start: usize,
        scratch: &mut Scratch,
    ) {
        // frames from `run` to `at` go on as they came and have not been sent yet
        let (mut run, mut at) = (0, start);
        loop {
            let skimmed = self.skim(direction, framing, &chunk[at..], scratch);
            self.count(direction, skimmed.len, skimmed.frames);
            at += skimmed.len;
            let Stop::Look = skimmed.stop else { break };
            let Ok(Some(frame)) = framing.next(&chunk[at..]) else { break };
            let payload = at + frame.payload.start..at + frame.payload.end;
            let frame = at..at + frame.len;
            at = frame.end;
            let action = self.look(direction, &chunk, frame.clone(), payload, scratch);
            match action {
                Action::Pass(effects) if effects.is_empty() => {}
                Action::Pass(effects) if self.side(direction).order.is_empty() => {
                    self.sent(direction, at - run, &effects);
                }
                Action::Pass(effects) => {
                    self.pass(direction, chunk.slice(run..frame.start));
                    let item = Item::Frame(owned(&chunk[frame]), effects);
                    self.deliver(direction, item, Gate::Open, scratch);
                    run = at;
                }
                Action::Drop => {
                    self.pass(direction, chunk.slice(run..frame.start));
                    run = at;
                }
                Action::Put(item, gate) => {
                    self.pass(direction, chunk.slice(run..frame.start));
                    self.deliver(direction, item, gate, scratch);
                    run = at;
                }
            }
            if self.side(direction).opaque {
                self.pass(direction, chunk.slice(run..at));
                self.pass_opaque(direction, chunk.slice(at..));
                return;
            }
        }
        self.pass(direction, chunk.slice(run..at));
    }

    fn look(
        &mut self,
        direction: Direction,
        chunk: &Bytes,
        frame: Range<usize>,
        payload: Range<usize>,
        scratch: &mut Scratch,
    ) -> Action {
        let offset = self.side(direction).counters.bytes;
        self.count(direction, frame.len(), 1);
        let number = PacketNumber(self.packets);
        let mut read = self.read(direction, chunk, payload.clone(), scratch);
        if !read.wanted && self.watch == Watch::Nothing && !self.side(direction).diverged {
            return Action::Pass(Effects::default());
        }
        self.learn_version(direction, chunk, &mut read, scratch);

        let Scratch { workspace, plain, .. } = scratch;
        let bytes: &[u8] = match &read.plain {
            Plain::InFrame(range) => &chunk[range.clone()],
            Plain::Inflated => plain,
            Plain::Unread => &[],
        };
        let definition = read.definition.as_deref();
        let mut effects = Effects::default();
        if read.sure && definition.is_some_and(|d| !d.events.is_empty()) {
            effects = effects_of(definition, bytes, read.body, &read.form.conn, workspace);
        }
        let mut changed_by = None;
        let mut replacement =
            self.rewritten(definition, bytes, read.body, &read.form.conn, workspace);
        if replacement.is_some() {
            changed_by = Some(Origin::Midwire);
        }
        let info = PacketInfo {
            number,
            direction,
            state: read.form.state,
            version: self.tables.version,
            id: read.id.unwrap_or_default(),
            definition,
            payload: bytes,
            body: read.body,
            wire_length: u32::try_from(frame.len()).unwrap_or(u32::MAX),
            at: self.now,
        };
        let verdict = match read.wanted {
            true => self.judge(&info, &read.form.conn, workspace),
            false => Verdict::Pass,
        };
        if let Verdict::Replace(new) = &verdict {
            let body = id::read(&self.setup.protocol.stack, new).map_or(0, |(_, body)| body as u32);
            let again = self.rewritten(definition, new, body, &read.form.conn, workspace);
            replacement = Some(again.unwrap_or_else(|| new.clone()));
            changed_by = self.judged.as_ref().map(|judged| judged.judge.origin());
        }

        let is_held = matches!(verdict, Verdict::Intercept);
        let waits = is_held
            || matches!(verdict, Verdict::Delay(_))
            || !self.side(direction).order.is_empty();
        let is_plain = !matches!(read.plain, Plain::Unread) && read.problem.is_none();
        let came = |effects: &Effects| Came {
            frame: if waits { owned(&chunk[frame.clone()]) } else { chunk.slice(frame.clone()) },
            threshold: read.form.threshold,
            effects: effects.clone(),
        };
        let item = match &replacement {
            _ if matches!(verdict, Verdict::Drop) => None,
            Some(new) => {
                let changed = self.effects_at(direction, new, &read.form, workspace);
                self.diverge(&effects, &changed);
                Some(Item::Payload(Made {
                    number,
                    payload: new.clone(),
                    instead: Some(came(&effects)),
                    changed: true,
                    forced: true,
                    effects: changed,
                }))
            }
            None if self.side(direction).diverged && is_plain => Some(Item::Payload(Made {
                number,
                payload: owned(bytes),
                instead: Some(came(&effects)),
                changed: false,
                forced: true,
                effects: effects.clone(),
            })),
            None if is_held || matches!(verdict, Verdict::Delay(_)) => {
                Some(Item::Frame(came(&effects).frame, effects.clone()))
            }
            None => None,
        };
        let changed = replacement.is_some();
        let (fate, action) = match (verdict, item) {
            (Verdict::Drop, _) => {
                self.side(direction).counters.dropped += 1;
                self.diverge(&effects, &Effects::default());
                (Fate::Dropped, Action::Drop)
            }
            (Verdict::Intercept, Some(item)) => {
                let held = Held {
                    number,
                    came: came(&effects),
                    state: read.form.state,
                    conn: read.form.conn.clone(),
                };
                (Fate::Held, Action::Put(item, Gate::Held(Box::new(held))))
            }
            (Verdict::Delay(wait), Some(item)) => {
                let until = self.now.after(wait);
                (Fate::Delayed(until), Action::Put(item, Gate::Until(until)))
            }
            (_, Some(item)) => {
                let fate = if changed { Fate::Changed } else { Fate::Passed };
                (fate, Action::Put(item, Gate::Open))
            }
            (_, None) => (Fate::Passed, Action::Pass(effects.clone())),
        };
        if changed && fate != Fate::Dropped {
            self.side(direction).counters.changed += 1;
        }
        if self.watch > Watch::Nothing {
            let payload = match &read.plain {
                _ if self.watch < Watch::Packets => None,
                Plain::InFrame(range) => Some(chunk.slice(range.clone())),
                Plain::Inflated => Some(owned(bytes)),
                Plain::Unread => Some(chunk.slice(payload)),
            };
            self.event(Event::Packet(PacketEvent {
                number,
                direction,
                state: read.form.state,
                version: self.tables.version,
                id: read.id,
                definition: read.definition,
                payload,
                body: read.body,
                length: u32::try_from(read.length).unwrap_or(u32::MAX),
                wire_length: u32::try_from(frame.len()).unwrap_or(u32::MAX),
                offset,
                at: self.now,
                conn: read.form.conn,
                origin: Origin::sender(direction),
                fate,
                changed_by: changed_by.filter(|_| fate != Fate::Dropped),
                sent: replacement.filter(|_| fate != Fate::Dropped && self.watch == Watch::Packets),
                problem: read.problem,
            }));
        }
        if !effects.is_empty() {
            self.commit(direction, read.index);
            self.was_sent(direction, &effects);
        }
        action
    }

    /// Reads a frame as far as anybody needs it.
    fn read(
        &mut self,
        direction: Direction,
        chunk: &[u8],
        payload: Range<usize>,
        scratch: &mut Scratch,
    ) -> Read {
        let (form, index, sure) = self.form_of(direction, &chunk[payload.clone()], scratch);
        let stack = &self.setup.protocol.stack;
        let judged = self.judged.as_deref();
        let interest = Interest::new(&self.tables, judged, form.state, direction);
        let side = &self.sides[direction.index()];
        let all = self.watch == Watch::Packets || side.diverged;
        let peek = all || self.watch == Watch::Ids || interest.any();
        let wants = |id: Option<(i64, usize)>| id.is_some_and(|(id, _)| interest.wants(id));

        let mut length = payload.len();
        let mut problem = None;
        let mut found = None;
        let plain = match stored(chunk, payload, form.threshold.is_some()) {
            Ok(Stored::Plain(range)) => {
                length = range.len();
                found = id::read(stack, &chunk[range.clone()]);
                Plain::InFrame(range)
            }
            Ok(Stored::Deflated(data, plain_len)) => {
                length = plain_len;
                let data = &chunk[data];
                let mut full = all;
                if peek && !all {
                    scratch.plain.clear();
                    let reach = id::reach(stack);
                    match scratch.inflater.inflate_prefix(data, reach, &mut scratch.plain) {
                        Ok(_) => found = id::read(stack, &scratch.plain),
                        Err(error) => problem = Some(error),
                    }
                    full = wants(found);
                }
                match full.then(|| inflate(scratch, data, plain_len)) {
                    Some(Ok(())) => {
                        found = id::read(stack, &scratch.plain);
                        Plain::Inflated
                    }
                    Some(Err(error)) => {
                        problem = Some(error);
                        found = None;
                        Plain::Unread
                    }
                    None => Plain::Unread,
                }
            }
            Err(error) => {
                problem = Some(error);
                Plain::Unread
            }
        };
        let wanted = problem.is_none() && wants(found);
        let definition = found
            .filter(|_| wanted || self.watch > Watch::Nothing)
            .and_then(|(id, _)| self.tables.definition(form.state, direction, id).cloned());
        let (id, body) = found.map_or((None, 0), |(id, body)| (Some(id), body as u32));
        Read { form, sure, index, plain, length, id, body, wanted, definition, problem }
    }

    /// The form that a frame is in, which of those it may be in that is, and whether it fits.
    fn form_of(
        &mut self,
        direction: Direction,
        payload: &[u8],
        scratch: &mut Scratch,
    ) -> (Form, usize, bool) {
        let received = &self.sides[direction.index()].received;
        if !received.is_changing() {
            return (received.form.clone(), 0, true);
        }
        let mut forms = received.forms(direction);
        let stack = &self.setup.protocol.stack;
        let fits: Vec<Fit> = forms
            .iter()
            .map(|form| fit(stack, &self.tables, form, direction, payload, scratch))
            .collect();
        let best = fits.iter().copied().max().unwrap_or(Fit::Broken);
        let index = fits.iter().rposition(|fit| *fit == best).unwrap_or(0);
        let sure = best >= Fit::Opaque;
        let form = forms.swap_remove(index);
        // variables change how a packet is understood, hardly ever what a packet is
        let differs = |old: &Form| old.state != form.state || old.threshold != form.threshold;
        let is_clear = (0..index).all(|older| fits[older] < Fit::Opaque || !differs(&forms[older]));
        if sure && is_clear {
            self.commit(direction, index);
            return (form, 0, true);
        }
        let max = self.setup.options.limits.in_flight_max;
        if self.side(direction).received.count_unclear() > max {
            self.commit(direction, usize::MAX);
            return (self.side(direction).received.form.clone(), 0, true);
        }
        (form, index, sure)
    }

    /// The sender of a direction has surely made the first changes that it was told of.
    fn commit(&mut self, direction: Direction, changes: usize) {
        let received = &mut self.side(direction).received;
        let before = received.form.state;
        received.commit(changes, direction);
        self.report_state(direction, before);
    }

    /// A packet that changes the session has been read: its sender has made the changes.
    fn was_sent(&mut self, direction: Direction, effects: &Effects) {
        let side = self.side(direction);
        let before = side.received.form.state;
        side.received.form.apply(effects, direction);
        let back = direction.opposite();
        self.side(back).sent.apply(effects, back);
        self.report_state(direction, before);
        if form::encrypts(effects) {
            self.side(direction).opaque = true;
            if !std::mem::replace(&mut self.encrypted, true) {
                self.notice(crate::event::Notice::Encrypted);
            }
        }
    }

    fn report_state(&mut self, direction: Direction, before: StateId) {
        let state = self.side(direction).received.form.state;
        if state != before {
            self.event(Event::State { direction, state, at: self.now });
        }
    }

    /// Reads the version off the packet that says it, and the packet anew by the version's definitions.
    fn learn_version(
        &mut self,
        direction: Direction,
        chunk: &[u8],
        read: &mut Read,
        scratch: &mut Scratch,
    ) {
        if self.version_known || !read.sure {
            return;
        }
        let setup = self.setup.clone();
        let Some(from) = &setup.protocol.version_from else { return };
        let Some(definition) = read.definition.as_ref().filter(|d| d.says_version) else { return };
        let Some(plan) = &definition.plan else { return };
        let Scratch { workspace, plain, .. } = scratch;
        let bytes = match &read.plain {
            Plain::InFrame(range) => &chunk[range.clone()],
            Plain::Inflated => plain,
            Plain::Unread => return,
        };
        let mut packet = plan.decode(bytes, read.body, &read.form.conn, workspace);
        let Some(number) = from.number(&mut packet) else { return };
        let (version, assumed) = setup.protocol.versions.by_number(number);
        self.set_version(version, Some(number), assumed);
        let id = read.id.unwrap_or_default();
        read.definition = self.tables.definition(read.form.state, direction, id).cloned();
    }

    fn judge(&mut self, info: &PacketInfo<'_>, conn: &[i64], workspace: &mut Workspace) -> Verdict {
        let tables: &Tables = &self.tables;
        let Some(judged) = self.judged.as_deref_mut() else { return Verdict::Pass };
        if !judged.wants(tables, info.state, info.direction, info.id) {
            return Verdict::Pass;
        }
        match info.definition.and_then(|definition| definition.plan.as_ref()) {
            Some(plan) => {
                let mut packet = plan.decode(info.payload, info.body, conn, workspace);
                judged.judge.judge(info, Some(&mut packet))
            }
            None => judged.judge.judge(info, None),
        }
    }

    /// The payload with the server's address in it, if this packet is to have that and does not.
    pub(super) fn rewritten(
        &self,
        definition: Option<&PacketDefinition>,
        payload: &[u8],
        body: u32,
        conn: &[i64],
        workspace: &mut Workspace,
    ) -> Option<Bytes> {
        let to = self.setup.options.rewrite_host.as_ref()?;
        let plan = definition.filter(|d| d.says_version)?.plan.as_ref()?;
        host::rewrite(plan.decode(payload, body, conn, workspace), to).map(Bytes::from)
    }

    /// What a payload changes, read as the packet that it is in a form.
    pub(super) fn effects_at(
        &self,
        direction: Direction,
        payload: &[u8],
        form: &Form,
        workspace: &mut Workspace,
    ) -> Effects {
        let Some((id, body)) = id::read(&self.setup.protocol.stack, payload) else {
            return Effects::default();
        };
        let definition = self.tables.definition(form.state, direction, id);
        effects_of(definition.map(Arc::as_ref), payload, body as u32, &form.conn, workspace)
    }

    /// What a packet changed is not what the packet sent in its place changes.
    pub(super) fn diverge(&mut self, came: &Effects, sent: &Effects) {
        if form::compression(came) != form::compression(sent) {
            for side in &mut self.sides {
                side.diverged = true;
            }
        }
    }
}

/// What a packet changes. Of a malformed one too: that its end is not understood must not make all that
/// follows unreadable.
pub(super) fn effects_of(
    definition: Option<&PacketDefinition>,
    payload: &[u8],
    body: u32,
    conn: &[i64],
    workspace: &mut Workspace,
) -> Effects {
    let Some(definition) = definition.filter(|d| !d.events.is_empty()) else {
        return Effects::default();
    };
    let Some(plan) = &definition.plan else { return Effects::default() };
    let packet = plan.decode(payload, body, conn, workspace);
    definition.events.iter().flat_map(|event| event.effects(&packet)).collect()
}

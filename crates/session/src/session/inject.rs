//! Packets that nobody sent.

use std::sync::Arc;

use bytes::Bytes;
use midwire_codec::{Direction, Origin};
use midwire_definition::{Extent, Given, PacketDefinition, Progress};

use super::Session;
use super::judge::Ruling;
use super::turn::effects_of;
use crate::decision::Place;
use crate::event::{Event, Fate, PacketEvent, PacketNumber};
use crate::form::{Effects, Form};
use crate::id;
use crate::interest::Watch;
use crate::order::{Gate, Item, Made, Next};
use crate::record::Note;
use crate::scratch::Scratch;
use crate::verdict::{ComposeError, InjectError, NewPacket, PacketInfo};

impl Session {
    pub(super) fn composed(
        &self,
        direction: Direction,
        name: &str,
        fields: &Given,
        scratch: &mut Scratch,
    ) -> Result<Bytes, ComposeError> {
        let protocol = &self.setup.protocol;
        let form = &self.sides[direction.index()].sent;
        let Some(definition) = self.tables.named(form.state, direction, name) else {
            let state = protocol.state_name(form.state).to_owned();
            return Err(ComposeError::Undefined { direction, name: name.to_owned(), state });
        };
        let opaque = || ComposeError::Opaque { name: definition.name.to_string() };
        let plan = definition.plan.as_ref().ok_or_else(opaque)?;
        let mut payload = Vec::new();
        id::write(&protocol.stack, form.state, definition.id, &mut payload).ok_or_else(opaque)?;
        plan.encode(fields, &form.conn, &mut scratch.workspace, &mut payload)?;
        Ok(payload.into())
    }

    pub(super) fn inject_behind(
        &mut self,
        direction: Direction,
        packet: NewPacket,
        scratch: &mut Scratch,
    ) -> Result<PacketNumber, InjectError> {
        self.may_inject(direction, packet.payload.len())?;
        let known = self.known(direction, &packet.payload, packet.forced, scratch)?;
        let NewPacket { payload, origin, forced } = packet;
        let injected = Injected { payload, origin, by: None, forced, generation: 0 };
        let (number, items) = self.announce(direction, known, injected, scratch);
        for item in items {
            self.put(direction, item, scratch);
        }
        Ok(number)
    }

    /// Whether so many bytes more may be put into a direction.
    pub(super) fn may_inject(&self, direction: Direction, len: usize) -> Result<(), InjectError> {
        let side = &self.sides[direction.index()];
        if self.closed || side.ended {
            return Err(InjectError::Ended { direction });
        }
        if side.opaque {
            return Err(InjectError::Opaque { direction });
        }
        let held = side.waiting().saturating_add(side.unwritten);
        let max = self.setup.options.limits.buffer_max;
        if held.saturating_add(len) > max {
            return Err(InjectError::Full { held, len, max });
        }
        Ok(())
    }

    /// Queues what is injected into a direction.
    pub(super) fn put(&mut self, direction: Direction, item: Item, scratch: &mut Scratch) {
        if let Some(item) = self.behind_partial(direction, item) {
            self.deliver(direction, item, Gate::Open, scratch);
        }
    }

    /// What a payload is to its receiver, if it may be sent now.
    pub(super) fn known(
        &self,
        direction: Direction,
        payload: &[u8],
        forced: bool,
        scratch: &mut Scratch,
    ) -> Result<Known, InjectError> {
        let setup = &self.setup;
        let form = self.sides[direction.index()].sent.clone();
        let (id, body) =
            id::read(&setup.protocol.stack, form.state, payload).ok_or(InjectError::NoId)?;
        let definition = self.tables.definition(form.state, direction, id).cloned();
        if definition.is_none() && !forced {
            return Err(InjectError::Undefined { direction, id });
        }
        if definition.as_ref().is_some_and(|d| !d.events.is_empty()) && !forced {
            return Err(InjectError::ChangesState { id });
        }
        if let Some(framing) = setup.framing.filter(|_| form.threshold.is_none()) {
            scratch.made.clear();
            framing.write_header(payload.len(), &mut scratch.made)?;
        }
        if setup.frameless && !forced {
            let (progress, workspace) = (&mut Progress::default(), &mut scratch.workspace);
            let stack = &setup.protocol.stack;
            let measured =
                self.tables.measure(stack, &form, direction, payload, progress, workspace);
            if measured.extent != Extent::Whole(payload.len()) {
                return Err(InjectError::NoPacket);
            }
        }
        let body = body as u32;
        let workspace = &mut scratch.workspace;
        let effects = effects_of(definition.as_deref(), payload, body, &form, workspace);
        Ok(Known { id, body, definition, form, effects })
    }

    /// Counts and reports a packet that nobody sent, once the rules that are about such have been asked.
    /// Gives what is to be sent, in order.
    pub(super) fn announce(
        &mut self,
        direction: Direction,
        mut known: Known,
        injected: Injected,
        scratch: &mut Scratch,
    ) -> (PacketNumber, Vec<Item>) {
        let Injected { mut payload, origin, by, forced, generation } = injected;
        self.packets += 1;
        let number = PacketNumber(self.packets);
        let mut ruling = Ruling::default();
        if generation < GENERATIONS_MAX {
            let info = PacketInfo {
                number,
                direction,
                state: known.form.state,
                version: self.tables.version,
                assumed: self.assumed,
                id: known.id,
                definition: known.definition.as_deref(),
                payload: &payload,
                body: known.body,
                length: u32::try_from(payload.len()).unwrap_or(u32::MAX),
                wire_length: 0,
                origin,
                at: self.now,
            };
            ruling = self.judge_injected(&info, &known.form, &mut scratch.workspace);
        }
        self.tell_refused(number, &mut ruling);
        let mut kept = ruling.tags.kept();
        kept.rules.splice(0..0, by.clone());
        let sent_by = ruling.changed_by.or(by.as_ref().map(|_| Origin::Rule));
        self.side(direction).counters.injected += 1;
        let came = payload.clone();
        let (came_body, came_id, came_as) = (known.body, known.id, known.definition.clone());
        let mut sent = None;
        if let Some(new) = ruling.new.take().filter(|_| !ruling.dropped) {
            match self.known(direction, &new, forced, scratch) {
                Ok(other) => {
                    (known, payload) = (other, new.clone());
                    sent = Some(new);
                }
                Err(error) => self.refused_beside(number, by.clone(), error.to_string()),
            }
        }
        if self.watch > Watch::Nothing || !ruling.tags.logs.is_empty() {
            let all = self.watch == Watch::Packets || !ruling.tags.logs.is_empty();
            let mut tags = std::mem::take(&mut ruling.tags);
            tags.rules.splice(0..0, by);
            self.event(Event::Packet(PacketEvent {
                number,
                direction,
                state: known.form.state,
                version: self.tables.version,
                id: Some(came_id),
                definition: came_as,
                length: u32::try_from(came.len()).unwrap_or(u32::MAX),
                payload: all.then_some(came),
                body: came_body,
                wire_length: 0,
                offset: 0,
                at: self.now,
                conn: known.form.conn.clone(),
                origin,
                fate: match (ruling.dropped, &sent) {
                    (true, _) => Fate::Dropped,
                    (false, Some(_)) => Fate::Changed,
                    (false, None) => Fate::Passed,
                },
                changed_by: sent.as_ref().map(|_| Origin::Rule),
                sent: sent.filter(|_| all),
                tags: (!tags.is_empty()).then(|| Arc::new(tags)),
                problem: None,
                flaw: None,
                length_raw: None,
                is_hidden: false,
            }));
        }
        let (mut items, mut after) = (Vec::new(), Vec::new());
        for (origin, beside) in ruling.beside {
            let place = beside.place;
            let next = Next { beside, origin, number, generation: generation + 1 };
            let list = if place == Place::Before { &mut items } else { &mut after };
            list.push(Item::Beside(Box::new(next)));
        }
        if !ruling.dropped {
            self.diverge(&Effects::default(), &known.effects);
            let effects = known.effects;
            let note = self.is_recorded().then(|| {
                Box::new(Note {
                    number,
                    at: self.now,
                    origin,
                    decided_by: sent_by,
                    tags: kept,
                    is_delayed: false,
                    is_loose: false,
                    came: None,
                })
            });
            let instead = None;
            let made = Made { number, payload, instead, changed: false, forced, effects, note };
            items.push(Item::Payload(made));
        }
        items.append(&mut after);
        (number, items)
    }
}

/// A packet that nobody sent.
pub(super) struct Injected {
    /// Id and fields, plain.
    pub(super) payload: Bytes,
    pub(super) origin: Origin,
    /// The rule that sends it.
    pub(super) by: Option<Arc<str>>,
    pub(super) forced: bool,
    /// How many injected packets it is sent because of, one because of the other.
    pub(super) generation: u8,
}

/// Rules that send packets because of injected ones could go on without end; of so many in a row the last
/// is not shown to rules.
const GENERATIONS_MAX: u8 = 4;

/// What a payload is to its receiver.
pub(super) struct Known {
    pub(super) id: i64,
    pub(super) body: u32,
    pub(super) definition: Option<Arc<PacketDefinition>>,
    pub(super) form: Form,
    pub(super) effects: Effects,
}

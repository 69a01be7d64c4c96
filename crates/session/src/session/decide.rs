//! What is decided from outside: injected packets, and intercepted ones.

use std::sync::Arc;

use bytes::Bytes;
use midwire_codec::Direction;

use super::Session;
use super::inspect::effects_of;
use crate::event::{Event, Fate, PacketEvent, PacketNumber};
use crate::form::{Effects, Form};
use crate::id;
use crate::interest::Watch;
use crate::order::{Gate, Item, Made};
use crate::scratch::Scratch;
use crate::verdict::{InjectError, NewPacket, UnknownPacket, Verdict};

impl Session {
    pub(super) fn inject_behind(
        &mut self,
        direction: Direction,
        packet: NewPacket,
        scratch: &mut Scratch,
    ) -> Result<PacketNumber, InjectError> {
        let setup = self.setup.clone();
        let side = &self.sides[direction.index()];
        if self.closed || side.ended {
            return Err(InjectError::Ended { direction });
        }
        let Some(framing) = setup.framing.filter(|_| !side.opaque) else {
            return Err(InjectError::Opaque { direction });
        };
        let (held, len) = (side.waiting(), packet.payload.len());
        let max = setup.options.limits.buffer_max;
        if held.saturating_add(len) > max {
            return Err(InjectError::Full { held, len, max });
        }
        let (id, body) =
            id::read(&setup.protocol.stack, &packet.payload).ok_or(InjectError::NoId)?;
        let form = side.sent.clone();
        let definition = self.tables.definition(form.state, direction, id).cloned();
        if definition.is_none() && !packet.forced {
            return Err(InjectError::Undefined { direction, id });
        }
        if definition.as_ref().is_some_and(|d| !d.events.is_empty()) && !packet.forced {
            return Err(InjectError::ChangesState { id });
        }
        if form.threshold.is_none() {
            scratch.made.clear();
            framing.write_header(len, &mut scratch.made)?;
        }
        let body = body as u32;
        let effects = effects_of(
            definition.as_deref(),
            &packet.payload,
            body,
            &form.conn,
            &mut scratch.workspace,
        );
        self.packets += 1;
        let number = PacketNumber(self.packets);
        self.side(direction).counters.injected += 1;
        if self.watch > Watch::Nothing {
            let payload = (self.watch == Watch::Packets).then(|| packet.payload.clone());
            self.event(Event::Packet(PacketEvent {
                number,
                direction,
                state: form.state,
                version: self.tables.version,
                id: Some(id),
                definition,
                payload,
                body,
                length: u32::try_from(len).unwrap_or(u32::MAX),
                wire_length: 0,
                offset: 0,
                at: self.now,
                conn: form.conn,
                origin: packet.origin,
                fate: Fate::Passed,
                changed_by: None,
                sent: None,
                problem: None,
            }));
        }
        self.diverge(&Effects::default(), &effects);
        let made = Made {
            number,
            payload: packet.payload,
            instead: None,
            changed: false,
            forced: packet.forced,
            effects,
        };
        self.deliver(direction, Item::Payload(made), Gate::Open, scratch);
        Ok(number)
    }

    pub(super) fn decide_held(
        &mut self,
        number: PacketNumber,
        verdict: Verdict,
        scratch: &mut Scratch,
    ) -> Result<(), UnknownPacket> {
        let found = Direction::BOTH.into_iter().find_map(|direction| {
            let held = self.sides[direction.index()].order.held(number)?;
            Some((direction, held.came.clone(), held.state, held.conn.clone()))
        });
        let Some((direction, came, state, conn)) = found else {
            return Err(UnknownPacket(number));
        };
        let form = Form { state, threshold: came.threshold, conn };
        let (mut fate, mut sent) = (Fate::Passed, None);
        match verdict {
            Verdict::Intercept => return Ok(()),
            Verdict::Pass => self.side(direction).order.open(number, Gate::Open),
            Verdict::Delay(wait) => {
                let until = self.now.after(wait);
                fate = Fate::Delayed(until);
                self.side(direction).order.open(number, Gate::Until(until));
            }
            Verdict::Drop => {
                fate = Fate::Dropped;
                self.side(direction).counters.dropped += 1;
                self.diverge(&came.effects, &Effects::default());
                self.side(direction).order.decide(number, None, Gate::Open);
            }
            Verdict::Replace(new) => {
                fate = Fate::Changed;
                self.side(direction).counters.changed += 1;
                let new = self.with_address(direction, new, &form, scratch);
                let effects = self.effects_at(direction, &new, &form, &mut scratch.workspace);
                self.diverge(&came.effects, &effects);
                sent = Some(new.clone());
                let made = Made {
                    number,
                    payload: new,
                    instead: Some(came),
                    changed: true,
                    forced: true,
                    effects,
                };
                self.side(direction).order.decide(number, Some(Item::Payload(made)), Gate::Open);
            }
        }
        if self.watch > Watch::Nothing {
            self.event(Event::Resumed { number, at: self.now, fate, sent });
        }
        self.pump(direction, scratch);
        Ok(())
    }

    /// The payload with the server's address in it, if it is to have that.
    fn with_address(
        &self,
        direction: Direction,
        payload: Bytes,
        form: &Form,
        scratch: &mut Scratch,
    ) -> Bytes {
        let Some((id, body)) = id::read(&self.setup.protocol.stack, &payload) else {
            return payload;
        };
        let definition = self.tables.definition(form.state, direction, id).map(Arc::as_ref);
        self.rewritten(definition, &payload, body as u32, &form.conn, &mut scratch.workspace)
            .unwrap_or(payload)
    }
}

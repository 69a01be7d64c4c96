//! Packets that nobody sent.

use bytes::Bytes;
use midwire_codec::Direction;
use midwire_definition::{Extent, Given, Progress};

use super::Session;
use super::turn::effects_of;
use crate::event::{Event, Fate, PacketEvent, PacketNumber};
use crate::form::Effects;
use crate::id;
use crate::interest::Watch;
use crate::order::{Gate, Item, Made};
use crate::scratch::Scratch;
use crate::verdict::{ComposeError, InjectError, NewPacket};

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
        let setup = self.setup.clone();
        let side = &self.sides[direction.index()];
        if self.closed || side.ended {
            return Err(InjectError::Ended { direction });
        }
        if side.opaque {
            return Err(InjectError::Opaque { direction });
        }
        let (held, len) = (side.waiting(), packet.payload.len());
        let max = setup.options.limits.buffer_max;
        if held.saturating_add(len) > max {
            return Err(InjectError::Full { held, len, max });
        }
        let form = side.sent.clone();
        let (id, body) = id::read(&setup.protocol.stack, form.state, &packet.payload)
            .ok_or(InjectError::NoId)?;
        let definition = self.tables.definition(form.state, direction, id).cloned();
        if definition.is_none() && !packet.forced {
            return Err(InjectError::Undefined { direction, id });
        }
        if definition.as_ref().is_some_and(|d| !d.events.is_empty()) && !packet.forced {
            return Err(InjectError::ChangesState { id });
        }
        if let Some(framing) = setup.framing.filter(|_| form.threshold.is_none()) {
            scratch.made.clear();
            framing.write_header(len, &mut scratch.made)?;
        }
        if setup.frameless && !packet.forced {
            let (progress, workspace) = (&mut Progress::default(), &mut scratch.workspace);
            let stack = &setup.protocol.stack;
            let measured =
                self.tables.measure(stack, &form, direction, &packet.payload, progress, workspace);
            if measured.extent != Extent::Whole(len) {
                return Err(InjectError::NoPacket);
            }
        }
        let body = body as u32;
        let workspace = &mut scratch.workspace;
        let effects = effects_of(definition.as_deref(), &packet.payload, body, &form, workspace);
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
                flaw: None,
                length_raw: None,
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
        if let Some(made) = self.behind_partial(direction, made) {
            self.deliver(direction, Item::Payload(made), Gate::Open, scratch);
        }
        Ok(number)
    }
}

//! What packets change: states, compression, encryption, variables.

use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::{PacketDefinition, StateId, Workspace};

use super::Session;
use crate::event::{Event, PacketNumber};
use crate::form::{self, Effects, Form};
use crate::id;

impl Session {
    /// The sender of a direction has surely made the first changes that it was told of, before this packet.
    pub(super) fn commit(&mut self, direction: Direction, changes: usize, from: PacketNumber) {
        let received = &mut self.side(direction).received;
        let before = received.form.clone();
        received.commit(changes, direction);
        self.report_state(direction, before.state, from);
        self.record_form(direction, &before, from);
    }

    /// A packet that changes the session has been read: its sender has made the changes.
    pub(super) fn was_sent(
        &mut self,
        direction: Direction,
        effects: &Effects,
        number: PacketNumber,
    ) {
        let from = PacketNumber(number.0.saturating_add(1));
        let side = self.side(direction);
        let before = side.received.form.clone();
        side.received.form.apply(effects, direction);
        let back = direction.opposite();
        self.side(back).sent.apply(effects, back);
        self.report_state(direction, before.state, from);
        self.record_form(direction, &before, from);
        if form::encrypts(effects) {
            self.encrypted_from_here(direction);
        }
    }

    fn report_state(&mut self, direction: Direction, before: StateId, from: PacketNumber) {
        let state = self.side(direction).received.form.state;
        if state != before {
            self.event(Event::State { direction, state, from, at: self.now });
        }
    }

    /// What a payload changes, read as the packet that it is in a form.
    pub(super) fn effects_at(
        &self,
        direction: Direction,
        payload: &[u8],
        form: &Form,
        workspace: &mut Workspace,
    ) -> Effects {
        let Some((id, body)) = id::read(&self.setup.protocol.stack, form.state, payload) else {
            return Effects::default();
        };
        let definition = self.tables.definition(form.state, direction, id);
        effects_of(definition.map(Arc::as_ref), payload, body as u32, form, workspace)
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

/// What a packet changes. Of a malformed one too: that its end is not understood must not make all
/// that follows unreadable.
pub(super) fn effects_of(
    definition: Option<&PacketDefinition>,
    payload: &[u8],
    body: u32,
    form: &Form,
    workspace: &mut Workspace,
) -> Effects {
    let Some(definition) = definition.filter(|d| !d.events.is_empty()) else {
        return Effects::default();
    };
    let Some(plan) = &definition.plan else { return Effects::default() };
    let packet = plan.decode(payload, body, &form.conn, workspace);
    definition.events.iter().flat_map(|event| event.effects(&packet)).collect()
}

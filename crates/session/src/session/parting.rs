//! How a connection ends: telling its receiver why, and whether its sender has.

use std::sync::Arc;

use bytes::Bytes;
use midwire_codec::{Direction, Origin};
use midwire_definition::{PacketDefinition, StateId, ViewKind};

use super::Session;
use crate::decision::Disconnect;
use crate::event::{Notice, PacketNumber};
use crate::form::Form;
use crate::id;
use crate::order::{Gate, Item, Order};
use crate::payload::{Stored, stored};
use crate::scratch::Scratch;
use crate::verdict::{ComposeError, DisconnectError, InjectError, NewPacket};

/// The group of packets that end a connection.
const GROUP: &str = "disconnect";
/// Its view of the words that people read.
const TEXT: &str = "text";
/// Its view that says that a sender does not end a connection without the packet.
const ALWAYS: &str = "always";

/// What the end of a direction means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parting {
    /// The last packet said that the connection ends.
    Said,
    /// It did not, though in this protocol state senders always say so.
    Missing,
    /// There are no words for it, or it cannot be told whether they were said.
    Unknown,
}

/// How much of a frame is kept: of most compressed ones that is enough to tell the packet's id.
const KEPT: usize = 159;
/// Plain bytes of a packet of which nothing more can be told, from which on it is none that ends a
/// connection.
const LARGE: usize = 4 << 10;

/// The start of the last whole frame's payload, as it came, and in which form: what it changes is the form of
/// those behind it.
#[derive(Debug)]
pub(super) struct Last {
    state: StateId,
    compressed: bool,
    len: u8,
    bytes: [u8; KEPT],
}

impl Default for Last {
    fn default() -> Self {
        Self { state: StateId(0), compressed: false, len: 0, bytes: [0; KEPT] }
    }
}

impl Last {
    pub(super) fn set(&mut self, payload: &[u8], form: &Form) {
        (self.state, self.compressed) = (form.state, form.threshold.is_some());
        let len = payload.len().min(KEPT);
        self.bytes[..len].copy_from_slice(&payload[..len]);
        self.len = len as u8;
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl Session {
    /// Whether the protocol has words with which a client can be told that its session ends, and it is
    /// known where in what the client gets they can stand.
    #[must_use]
    pub fn has_parting_words(&self) -> bool {
        let has_frames = !self.sides[Direction::Clientbound.index()].opaque;
        has_frames && self.setup.protocol.group_named(GROUP).is_some()
    }

    /// See [`Session::disconnect`].
    pub(super) fn part(
        &mut self,
        direction: Direction,
        text: &str,
        origin: Origin,
        scratch: &mut Scratch,
    ) -> Result<(), DisconnectError> {
        let side = &self.sides[direction.index()];
        if self.closed || side.ended {
            return Err(InjectError::Ended { direction }.into());
        }
        if let Some(asked) = self.asked.filter(|_| direction == Direction::Clientbound)
            && side.given == 0
        {
            let answer = asked.answer(text).into();
            self.pass_made(direction, answer);
            self.notice(Notice::LegacyAnswer { text: text.to_owned() });
            self.end_behind(direction, scratch);
            return Ok(());
        }
        if side.opaque {
            return Err(InjectError::Opaque { direction }.into());
        }
        if side.partial.is_some() {
            return Err(DisconnectError::Partial { direction });
        }
        let payload = self.farewell(direction, text, scratch)?;
        let packet = NewPacket { payload, origin, forced: false };
        // What comes late by a rule comes still. What waits for a person would wait for ever.
        let order = &mut self.side(direction).order;
        let comes = origin == Origin::Midwire && order.last_due().is_some();
        let held = if comes { Order::default() } else { std::mem::take(order) };
        if let Err(error) = self.inject_behind(direction, packet, scratch) {
            if !comes {
                self.side(direction).order = held;
            }
            return Err(error.into());
        }
        self.record_lost(direction, held);
        self.end_behind(direction, scratch);
        Ok(())
    }

    /// Ends the session because of a packet, and tells the client why. What is held is lost.
    pub(super) fn disconnect_for(
        &mut self,
        number: PacketNumber,
        disconnect: Disconnect,
        origin: Origin,
        scratch: &mut Scratch,
    ) {
        let Disconnect { why, by } = disconnect;
        if let Err(error) = self.part(Direction::Clientbound, &why, origin, scratch) {
            self.note_refused(by.as_deref());
            self.notice(Notice::NotTold { number, by, reason: error.to_string() });
        }
        for direction in Direction::BOTH {
            if !self.side(direction).ended {
                self.forget_held(direction);
                self.end_behind(direction, scratch);
            }
        }
    }

    /// Nothing goes into a direction any more but what is held.
    pub(super) fn end_behind(&mut self, direction: Direction, scratch: &mut Scratch) {
        self.side(direction).ended = true;
        self.deliver(direction, Item::End, Gate::Open, scratch);
    }

    /// The packet that tells the receiver of a direction this text.
    fn farewell(
        &self,
        direction: Direction,
        text: &str,
        scratch: &mut Scratch,
    ) -> Result<Bytes, DisconnectError> {
        let protocol = &self.setup.protocol;
        let state = self.sides[direction.index()].sent.state;
        let given = protocol.group_named(GROUP).and_then(|group| {
            let at = group.view_named(TEXT)?;
            let telling = |packet: &Arc<PacketDefinition>| {
                let views = group.views_of(protocol, self.tables.version, packet)?;
                Some((packet.id, packet.name.clone(), views.get(at)?.as_ref()?.given(text)?))
            };
            let packets = self.tables.packets(state, direction);
            packets.filter_map(telling).min_by_key(|(id, ..)| *id)
        });
        let state = || protocol.state_name(state).to_owned();
        let (_, name, fields) =
            given.ok_or_else(|| DisconnectError::Undefined { direction, state: state() })?;
        self.composed(direction, &name, &fields, scratch).map_err(ComposeError::into)
    }

    /// See [`Session::parting`].
    pub(super) fn parting_of(&self, direction: Direction, scratch: &mut Scratch) -> Parting {
        let side = &self.sides[direction.index()];
        let form = &side.received.form;
        if side.opaque || self.setup.frameless {
            return Parting::Unknown;
        }
        let is_last = |id: i64| {
            self.members(side.last.state, direction).iter().any(|(packet, _)| packet.id == id)
        };
        match self.last_packet(direction, scratch) {
            LastPacket::Id(id) if is_last(id) => Parting::Said,
            LastPacket::Id(_) | LastPacket::Large
                if self.members(form.state, direction).iter().any(|(_, always)| *always) =>
            {
                Parting::Missing
            }
            _ => Parting::Unknown,
        }
    }

    /// The packets of the group, and whether a sender does not end a connection without it.
    fn members<'s>(
        &'s self,
        state: StateId,
        direction: Direction,
    ) -> Vec<(&'s Arc<PacketDefinition>, bool)> {
        let protocol = &self.setup.protocol;
        let Some(group) = protocol.group_named(GROUP) else { return Vec::new() };
        let always = group.view_named(ALWAYS);
        let always =
            always.filter(|at| group.views.get(*at).is_some_and(|v| v.1 == ViewKind::Bool));
        let member = |packet: &'s Arc<PacketDefinition>| {
            let views = group.views_of(protocol, self.tables.version, packet)?;
            let view = always.and_then(|at| views.get(at)?.as_ref()?.constant());
            Some((packet, view.is_some_and(|value| value != 0)))
        };
        self.tables.packets(state, direction).filter_map(member).collect()
    }

    fn last_packet(&self, direction: Direction, scratch: &mut Scratch) -> LastPacket {
        let side = &self.sides[direction.index()];
        let (stack, last) = (&self.setup.protocol.stack, side.last.bytes());
        let (state, compressed) = (side.last.state, side.last.compressed);
        let told = |id: Option<(i64, usize)>| id.map(|(id, _)| LastPacket::Id(id));
        match stored(last, 0..last.len(), compressed) {
            Ok(Stored::Plain(range)) => told(id::read(stack, state, &last[range])),
            Ok(Stored::Deflated(data, plain_len)) => {
                scratch.plain.clear();
                let (data, reach) = (&last[data], id::reach(stack, state));
                let inflated = scratch.inflater.inflate_prefix(data, reach, &mut scratch.plain);
                let id = inflated.ok().and_then(|_| id::read(stack, state, &scratch.plain));
                told(id).or((plain_len >= LARGE).then_some(LastPacket::Large))
            }
            Err(_) => None,
        }
        .unwrap_or(LastPacket::Unknown)
    }
}

/// The last packet that came in a direction.
enum LastPacket {
    Id(i64),
    /// Its id cannot be told, but it is too large to be one that ends a connection.
    Large,
    Unknown,
}

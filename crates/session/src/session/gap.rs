//! For who reads a recording in which bytes are missing: what there is of a packet, what can be read of none,
//! and how far what is missing may change what follows.

use bytes::{Bytes, BytesMut};
use midwire_codec::Direction;
use midwire_definition::{PacketDefinition, StateId};

use super::Session;
use super::replay::FormSnapshot;
use crate::event::Elapsed;
use crate::form::Form;
use crate::id;
use crate::payload::{Stored, stored};
use crate::record::Marked;
use crate::scratch::Scratch;

impl Session {
    /// Where in its direction's stream the next byte is.
    pub(super) fn offset(&self, direction: Direction) -> u64 {
        let side = &self.sides[direction.index()];
        side.counters.bytes.saturating_add(side.missing)
    }

    /// So many bytes of a direction are not there. Offsets count them.
    pub fn handle_missing(&mut self, direction: Direction, len: u64) {
        let missing = &mut self.side(direction).missing;
        *missing = missing.saturating_add(len);
    }

    /// The rest of a frame or packet is missing: what there is of it is reported as bytes. `bytes` are those
    /// that would have been given again.
    pub fn handle_torn(
        &mut self,
        direction: Direction,
        bytes: &mut BytesMut,
        at: Elapsed,
        scratch: &mut Scratch,
    ) {
        self.now = at;
        if direction == Direction::Serverbound
            && let Some(unclear) = self.unclear.take()
        {
            let mut all = unclear.bytes;
            all.unsplit(bytes.split());
            *bytes = all;
        }
        self.side(direction).left = 0;
        if let Some(partial) = self.side(direction).partial.take() {
            self.give_up(direction, *partial);
        }
        if !bytes.is_empty() {
            let part = self.fragment(direction, bytes.split().freeze(), scratch);
            self.pass_opaque_as(direction, part, 0, 0);
        }
    }

    /// Bytes of a packet that is not whole, in a protocol without frames, that the session keeps.
    #[must_use]
    pub fn partial_len(&self, direction: Direction) -> usize {
        let partial = self.sides[direction.index()].partial.as_ref();
        partial.map_or(0, |partial| partial.kept())
    }

    /// Bytes that are of no packet that can be read are reported as such; what may be a secret is not to be
    /// shown, unless it is known that there is none.
    pub fn handle_unread(
        &mut self,
        direction: Direction,
        bytes: Bytes,
        has_no_secret: bool,
        at: Elapsed,
    ) {
        self.now = at;
        let is_hidden = !has_no_secret && !bytes.is_empty() && self.may_have_secrets(direction);
        let part = if is_hidden { Marked::secret(bytes) } else { bytes.into() };
        self.pass_opaque_as(direction, part, 0, 0);
    }

    /// From the next byte on, nothing in a direction is cut into frames or packets. What there is of a packet
    /// is reported as bytes, and so is what follows. Where packets with secrets may follow, none of it is to
    /// be shown.
    pub fn leave(&mut self, direction: Direction, at: Elapsed, scratch: &mut Scratch) {
        let ahead = self.states_ahead(direction);
        let has_secrets =
            ahead.into_iter().any(|state| self.tables.ids(state, direction).has_secrets());
        self.handle_torn(direction, &mut BytesMut::new(), at, scratch);
        let is_hidden = has_secrets && self.setup.frameless;
        let side = self.side(direction);
        (side.opaque, side.is_hidden) = (true, is_hidden);
    }

    /// How the next frame of a direction may be read: as before, and as its sender was told since. Never none.
    #[must_use]
    pub fn forms(&self, direction: Direction) -> Vec<FormSnapshot> {
        let forms = self.sides[direction.index()].received.forms(direction);
        forms.into_iter().map(FormSnapshot::from).collect()
    }

    /// Whether packets that may come next in a direction, or later, change how the other direction is read.
    #[must_use]
    pub fn may_change_other(&self, direction: Direction) -> bool {
        let mut ahead = self.states_ahead(direction).into_iter();
        ahead.any(|state| self.tables.changes(state, direction, direction.opposite()))
    }

    /// Whether packets that may come next in a direction, or later, change how that direction is read.
    #[must_use]
    pub fn may_change_itself(&self, direction: Direction) -> bool {
        let mut ahead = self.states_ahead(direction).into_iter();
        ahead.any(|state| self.tables.changes(state, direction, direction))
    }

    /// What is known of the packet of which these bytes are the start.
    #[must_use]
    pub fn start_of(
        &self,
        direction: Direction,
        bytes: &[u8],
        scratch: &mut Scratch,
    ) -> Option<PacketStart> {
        let received = &self.sides[direction.index()].received;
        let form = &received.form;
        let payload = match &self.setup.framing {
            Some(framing) => {
                let payload = framing.extent(bytes).ok()??;
                payload.start.min(bytes.len())..payload.end.min(bytes.len())
            }
            None => 0..bytes.len(),
        };
        let known = match stored(bytes, payload, form.threshold.is_some()).ok()? {
            Stored::Plain(range) => self.definition_of_plain(direction, form, bytes.get(range)?),
            Stored::Deflated(data, _) => {
                self.definition_of_start(direction, form, bytes.get(data)?, scratch)
            }
        };
        let known = known.filter(|_| !received.is_changing())?;
        Some(PacketStart {
            has_secrets: known.plan.as_ref().is_some_and(|plan| plan.has_secrets()),
            has_events: !known.events.is_empty() || known.says_version,
        })
    }

    fn definition_of_plain(
        &self,
        direction: Direction,
        form: &Form,
        payload: &[u8],
    ) -> Option<&PacketDefinition> {
        let (id, _) = id::read(&self.setup.protocol.stack, form.state, payload)?;
        self.tables.definition(form.state, direction, id).map(|known| &**known)
    }

    /// The states that a direction may be in from here on.
    pub(super) fn states_ahead(&self, direction: Direction) -> Vec<StateId> {
        let forms = self.sides[direction.index()].received.forms(direction);
        self.tables.states_from(forms.iter().map(|form| form.state))
    }
}

/// What the start of a packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketStart {
    /// It may have secrets.
    pub has_secrets: bool,
    /// It may change something in the session.
    pub has_events: bool,
}

//! What may be a secret where a packet cannot be read.

use std::ops::Range;

use bytes::Bytes;
use midwire_codec::Direction;
use midwire_definition::PacketDefinition;

use super::Session;
use super::taped::{moved, secrets_in};
use crate::form::Form;
use crate::id;
use crate::interest::Watch;
use crate::payload::{Stored, stored};
use crate::record::{Marked, Recording};
use crate::scratch::Scratch;

impl Session {
    /// Whether packets with secrets may come next in a direction.
    pub(super) fn may_have_secrets(&self, direction: Direction) -> bool {
        let received = &self.sides[direction.index()].received;
        let has_secrets = |form: &Form| self.tables.ids(form.state, direction).has_secrets();
        match received.is_changing() {
            true => received.forms(direction).iter().any(has_secrets),
            false => has_secrets(&received.form),
        }
    }

    /// Whether a compressed payload that cannot be made plain may be that of a packet with secrets.
    pub(super) fn may_hide(
        &self,
        direction: Direction,
        form: &Form,
        data: &[u8],
        scratch: &mut Scratch,
    ) -> bool {
        if !self.may_have_secrets(direction) {
            return false;
        }
        let is_sure = !self.sides[direction.index()].received.is_changing();
        let known = self.definition_of_start(direction, form, data, scratch);
        known.filter(|_| is_sure).is_none_or(has_secrets)
    }

    /// Bytes that are no whole packet, with what of them may be a secret, if anybody shows or keeps them.
    pub(super) fn fragment(
        &self,
        direction: Direction,
        bytes: Bytes,
        scratch: &mut Scratch,
    ) -> Marked {
        let is_seen = self.watch == Watch::Packets || self.recording == Recording::Masked;
        if is_seen && self.sides[direction.index()].is_hidden {
            return Marked::secret(bytes);
        }
        if !is_seen || !self.may_have_secrets(direction) {
            return bytes.into();
        }
        let received = &self.sides[direction.index()].received;
        if received.is_changing() {
            return Marked::secret(bytes);
        }
        let secret = self.secrets_of_part(direction, &received.form, &bytes, scratch);
        Marked { secret, bytes }
    }

    fn secrets_of_part(
        &self,
        direction: Direction,
        form: &Form,
        bytes: &[u8],
        scratch: &mut Scratch,
    ) -> Vec<Range<usize>> {
        let all = || std::iter::once(0..bytes.len()).filter(|all| !all.is_empty()).collect();
        let payload = match &self.setup.framing {
            Some(framing) => match framing.extent(bytes) {
                Ok(Some(payload)) => payload.start.min(bytes.len())..bytes.len(),
                Ok(None) | Err(_) => return all(),
            },
            None => 0..bytes.len(),
        };
        match stored(bytes, payload, form.threshold.is_some()) {
            Ok(Stored::Plain(range)) => {
                let payload = &bytes[range.clone()];
                let known = id::read(&self.setup.protocol.stack, form.state, payload);
                let Some((id, body)) = known else { return all() };
                let definition = self.tables.definition(form.state, direction, id);
                let Some(definition) = definition else {
                    // Of a packet that is not known the end is not, either.
                    return if self.setup.frameless { all() } else { Vec::new() };
                };
                let body = u32::try_from(body).unwrap_or(u32::MAX);
                let secrets = secrets_in(definition, payload, body, form, &mut scratch.workspace);
                moved(secrets, range.start)
            }
            Ok(Stored::Deflated(data, _)) => {
                let known =
                    self.definition_of_start(direction, form, &bytes[data.clone()], scratch);
                match known.is_some_and(|known| !has_secrets(known)) {
                    true => Vec::new(),
                    false => std::iter::once(data).filter(|data| !data.is_empty()).collect(),
                }
            }
            Err(_) => all(),
        }
    }

    /// What a packet is of which there is the start, compressed.
    pub(super) fn definition_of_start(
        &self,
        direction: Direction,
        form: &Form,
        data: &[u8],
        scratch: &mut Scratch,
    ) -> Option<&PacketDefinition> {
        let stack = &self.setup.protocol.stack;
        scratch.plain.clear();
        let reach = id::reach(stack, form.state);
        // What there is of it is there even where it then fails.
        let _ = scratch.inflater.inflate_prefix(data, reach, &mut scratch.plain);
        let (id, _) = id::read(stack, form.state, &scratch.plain)?;
        self.tables.definition(form.state, direction, id).map(|known| &**known)
    }
}

fn has_secrets(definition: &PacketDefinition) -> bool {
    definition.plan.as_ref().is_some_and(|plan| plan.has_secrets())
}

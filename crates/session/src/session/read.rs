//! From a frame to a packet: which form it is in, what it is, and as much of its payload as is
//! needed.

use std::ops::Range;
use std::sync::Arc;

use midwire_codec::{CompressionError, Direction};
use midwire_definition::PacketDefinition;

use super::Session;
use crate::event::PacketNumber;
use crate::form::Form;
use crate::id;
use crate::interest::Watch;
use crate::payload::{Fit, Stored, fit, inflate, stored};
use crate::scratch::Scratch;

/// A frame as it was read.
pub(super) struct Read {
    pub(super) form: Form,
    /// The form is not only a guess.
    pub(super) sure: bool,
    /// Which of the forms that the frame may be in it is.
    pub(super) index: usize,
    pub(super) plain: Plain,
    /// Bytes of the payload when plain.
    pub(super) length: usize,
    pub(super) id: Option<i64>,
    pub(super) body: u32,
    /// The session itself or the judge needs it.
    pub(super) wanted: bool,
    /// It has been sent on in part, so it is too late to decide about it.
    pub(super) is_late: bool,
    pub(super) definition: Option<Arc<PacketDefinition>>,
    pub(super) problem: Option<CompressionError>,
    /// What is wrong with how it was compressed, though it could be made plain.
    pub(super) flaw: Option<CompressionError>,
    /// It cannot be read, and may be a packet with secrets.
    pub(super) is_hidden: bool,
}

/// Where the plain payload is.
pub(super) enum Plain {
    /// Here in the chunk.
    InFrame(Range<usize>),
    /// In the scratch memory.
    Inflated,
    /// Nowhere: nobody needs it, or it cannot be had.
    Unread,
}

impl Read {
    /// The plain payload, as far as it is there.
    pub(super) fn payload<'a>(&self, chunk: &'a [u8], inflated: &'a [u8]) -> &'a [u8] {
        match &self.plain {
            Plain::InFrame(range) => &chunk[range.clone()],
            Plain::Inflated => inflated,
            Plain::Unread => &[],
        }
    }

    /// Whether the whole plain payload is there.
    pub(super) fn is_plain(&self) -> bool {
        !matches!(self.plain, Plain::Unread)
    }
}

impl Session {
    /// Reads a frame as far as anybody needs it.
    pub(super) fn read(
        &mut self,
        direction: Direction,
        chunk: &[u8],
        payload: Range<usize>,
        scratch: &mut Scratch,
    ) -> Read {
        let (form, index, sure) = self.form_of(direction, &chunk[payload.clone()], scratch);
        let stack = &self.setup.protocol.stack;
        let interest = self.interest(form.state, direction);
        let all = self.watch == Watch::Packets || self.sides[direction.index()].diverged;

        let mut length = payload.len();
        let (mut problem, mut flaw) = (None, None);
        let mut found = None;
        let mut plain = Plain::Unread;
        let mut packed = None;
        match stored(chunk, payload, form.threshold.is_some()) {
            Ok(Stored::Plain(range)) => {
                length = range.len();
                found = id::read(stack, form.state, &chunk[range.clone()]);
                plain = Plain::InFrame(range);
            }
            Ok(Stored::Deflated(data, plain_len)) => {
                (length, packed) = (plain_len, Some(data.clone()));
                let data = &chunk[data];
                let mut full = all;
                if !all && (self.watch == Watch::Ids || interest.any()) {
                    scratch.plain.clear();
                    let reach = id::reach(stack, form.state);
                    match scratch.inflater.inflate_prefix(data, reach, &mut scratch.plain) {
                        Ok(_) => found = id::read(stack, form.state, &scratch.plain),
                        Err(error) => problem = Some(error),
                    }
                    full = found.is_some_and(|(id, _)| interest.reads(id));
                }
                if full {
                    match inflate(scratch, data, plain_len) {
                        Ok(odd) => {
                            flaw = odd;
                            found = id::read(stack, form.state, &scratch.plain);
                            plain = Plain::Inflated;
                        }
                        Err(error) => (found, problem) = (None, Some(error)),
                    }
                }
            }
            Err(error) => problem = Some(error),
        }
        let is_hidden = match packed.filter(|_| problem.is_some()) {
            Some(packed) => self.may_hide(direction, &form, &chunk[packed], scratch),
            None => {
                let is_unread =
                    problem.is_some() || found.is_none() && matches!(plain, Plain::InFrame(_));
                is_unread && self.may_have_secrets(direction)
            }
        };
        let interest = self.interest(form.state, direction);
        let wants = |id: Option<(i64, usize)>| id.is_some_and(|(id, _)| interest.wants(id));
        let wanted = problem.is_none() && wants(found);
        let definition = found
            .filter(|_| wanted || self.watch > Watch::Nothing)
            .and_then(|(id, _)| self.tables.definition(form.state, direction, id).cloned());
        let (id, body) = found.map_or((None, 0), |(id, body)| (Some(id), body as u32));
        let is_late = false;
        Read {
            form,
            sure,
            index,
            plain,
            length,
            id,
            body,
            wanted,
            is_late,
            definition,
            problem,
            flaw,
            is_hidden,
        }
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
        // variables change how a packet is understood, hardly ever what a packet is
        let is_other =
            |old: &Form| old.state != forms[index].state || old.threshold != forms[index].threshold;
        let is_clear =
            (0..index).all(|older| fits[older] < Fit::Opaque || !is_other(&forms[older]));
        let form = forms.swap_remove(index);
        // It has been counted.
        let number = PacketNumber(self.packets);
        if sure && is_clear {
            self.commit(direction, index, number);
            return (form, 0, true);
        }
        let max = self.setup.options.limits.in_flight_max;
        if self.side(direction).received.count_unclear() > max {
            self.commit(direction, usize::MAX, number);
            return (self.side(direction).received.form.clone(), 0, true);
        }
        (form, index, sure)
    }

    /// Reads the version off the packet that says it, and takes the packet's definition from there.
    pub(super) fn learn_version(
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
        let payload = read.payload(chunk, &scratch.plain);
        let mut packet = plan.decode(payload, read.body, &read.form.conn, &mut scratch.workspace);
        let Some(number) = from.number(&mut packet) else { return };
        let (version, assumed) = setup.protocol.versions.by_number(number);
        self.set_version(version, Some(number), assumed);
        let id = read.id.unwrap_or_default();
        read.definition = self.tables.definition(read.form.state, direction, id).cloned();
    }
}

//! Finding a frame's start in the middle of a stream: a place from which several frames in a row are
//! packets from their first byte to their last.

use std::sync::Arc;

use midwire_codec::{Direction, Framing, Inflater, split};
use midwire_definition::{Protocol, StateId, VersionId, Workspace};

use crate::wire_id;

/// Frames in a row that must be packets, where it is known how they are read, and where it is not.
const FRAMES_MIN: [usize; 2] = [4, 8];
/// The same where nothing follows, away from the first byte.
const LAST_FRAMES_MIN: [usize; 2] = [2, 5];
/// Forms up to which it is known how frames are read, more or less.
const KNOWN_FORMS: usize = 16;
/// Frames that are looked at to choose among versions and states.
const FRAMES_MAX: usize = 48;

/// How frames may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) version: VersionId,
    pub(super) state: StateId,
    pub(super) compressed: bool,
}

/// Where frames begin, and how they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) offset: usize,
    pub(super) form: Form,
}

/// What is looked for.
pub(super) struct Search<'a> {
    pub(super) protocol: &'a Arc<Protocol>,
    pub(super) framing: Framing,
    pub(super) direction: Direction,
    /// In order: of those that read equally many packets the first is taken.
    pub(super) forms: &'a [Form],
    /// Nothing follows these bytes.
    pub(super) is_end: bool,
    /// So many places are tried.
    pub(super) offsets_max: usize,
}

impl Search<'_> {
    /// Looks from `start` on. Where nothing is found gives the place from which on more bytes may tell.
    pub(super) fn find(
        &self,
        bytes: &[u8],
        start: usize,
        inflater: &mut Inflater,
        workspace: &mut Workspace,
    ) -> Result<Found, usize> {
        let mut undecided = None;
        let which = usize::from(self.forms.len() > KNOWN_FORMS);
        let (frames_min, last_frames_min) = (FRAMES_MIN[which], LAST_FRAMES_MIN[which]);
        let end = bytes.len().min(start.saturating_add(self.offsets_max));
        for offset in start..end {
            let rest = bytes.get(offset..).unwrap_or_default();
            let (chain, is_cut) = self.chain(rest);
            let is_last = self.is_end && is_cut;
            let last_frames_min = if offset == 0 && which == 0 { 1 } else { last_frames_min };
            if chain.len() < frames_min && !(is_last && chain.len() >= last_frames_min) {
                if is_cut {
                    undecided = undecided.or(Some(offset));
                }
                continue;
            }
            let least = chain.len().min(frames_min);
            let mut best: Option<(usize, Form)> = None;
            for form in self.forms {
                let read = self.readable(form, &chain, least, inflater, workspace);
                if read >= least && best.is_none_or(|(most, _)| read > most) {
                    best = Some((read, *form));
                }
                if best.is_some_and(|(most, _)| most == chain.len()) {
                    break;
                }
            }
            if let Some((_, form)) = best {
                return Ok(Found { offset, form });
            }
        }
        Err(undecided.unwrap_or(end))
    }

    /// The payloads of frames in a row, and whether they end because the bytes do.
    fn chain<'b>(&self, bytes: &'b [u8]) -> (Vec<&'b [u8]>, bool) {
        let (mut chain, mut at) = (Vec::new(), 0);
        while chain.len() < FRAMES_MAX {
            let rest = bytes.get(at..).unwrap_or_default();
            match self.framing.next(rest) {
                Ok(Some(frame)) if frame.len > 0 => {
                    let Some(payload) = rest.get(frame.payload) else { return (chain, false) };
                    if payload.is_empty() {
                        return (Vec::new(), false);
                    }
                    chain.push(payload);
                    at += frame.len;
                }
                Ok(_) => return (chain, true),
                // Behind enough frames something may be wrong that has nothing to do with these.
                Err(_) => return (chain, false),
            }
        }
        (chain, false)
    }

    /// How many payloads are packets; 0 if one of the first `least` is none.
    fn readable(
        &self,
        form: &Form,
        chain: &[&[u8]],
        least: usize,
        inflater: &mut Inflater,
        workspace: &mut Workspace,
    ) -> usize {
        let dialect = self.protocol.dialect(form.version);
        let conn = self.protocol.initial_conn();
        let mut plain = Vec::new();
        let mut count = 0;
        for (index, payload) in chain.iter().enumerate() {
            let is_packet = (|| {
                let bytes = if form.compressed {
                    let parts = split(payload).ok()?;
                    match parts.plain_len {
                        None => parts.data,
                        Some(len) => {
                            plain.clear();
                            inflater.inflate(parts.data, len, &mut plain).ok()?;
                            &plain
                        }
                    }
                } else {
                    payload
                };
                let (id, body) = wire_id::read(&self.protocol.stack, form.state, bytes)?;
                let known = dialect.packet(form.state, self.direction, id)?;
                let Some(plan) = &known.plan else { return Some(()) };
                let packet = plan.decode(bytes, u32::try_from(body).ok()?, &conn, workspace);
                (packet.error().is_none() && packet.rest().is_empty()).then_some(())
            })();
            match is_packet {
                Some(()) => count += 1,
                None if index < least => return 0,
                None => {}
            }
        }
        count
    }
}

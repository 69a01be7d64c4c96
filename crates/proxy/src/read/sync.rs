//! Finding a frame's start in the middle of a stream: a place from which several frames in a row are
//! packets from their first byte to their last.

use std::collections::HashMap;
use std::sync::Arc;

use midwire_codec::{Direction, Framing, Inflater, Prefix, split};
use midwire_definition::plan::Plan;
use midwire_definition::{Dialect, Effect, Protocol, StateId, VersionId, Workspace};

use super::sound::is_sound;
use crate::wire_id;

/// Frames in a row that must be packets, where it is known how they are read, more or less, and where it is
/// not.
const FRAMES_MIN: [usize; 3] = [4, 6, 8];
/// The same where nothing follows, away from the first byte.
const LAST_FRAMES_MIN: [usize; 3] = [2, 2, 5];
/// Frames in a row that may be read each in another way.
const DIFFERING_MIN: usize = 6;
/// Frames in a row of which it is known what they are, where lengths take two bytes or more.
const KNOWN_MIN: usize = 16;
/// Forms up to which it is known how frames are read, more or less.
const KNOWN_FORMS: usize = 16;
/// Frames that are looked at to choose among versions and states.
const FRAMES_MAX: usize = 48;
/// So much more must the first frame say than the number of places at which one was looked for, in bits:
/// those behind it may be frames though it is none.
const SURE_BITS: u32 = 6;
/// What is said, in bits, by fields that end where the frame does, by a payload that is not compressed where it may
/// be, and by one that can be inflated.
const BITS_OF_FIELDS: u32 = 6;
const BITS_OF_PLAIN: u32 = 8;
const BITS_OF_ZLIB: u32 = 32;
/// Bytes that are enough to see how a payload is compressed: a length, and zlib's header.
const LOOKED_AT: usize = 8;

/// How frames may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) version: VersionId,
    pub(super) state: StateId,
    pub(super) compressed: bool,
}

impl Form {
    /// The same behind a packet of this direction with an effect.
    const fn apply(&mut self, effect: Effect, direction: Direction) {
        match effect {
            Effect::State { direction: Some(only), .. } if only.index() != direction.index() => {}
            Effect::State { state, .. } => self.state = state,
            Effect::Compression { threshold } => self.compressed = threshold >= 0,
            Effect::Assign { .. } | Effect::Cipher => {}
        }
    }
}

/// Where frames begin, and how they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) offset: usize,
    pub(super) form: Form,
    /// All of them are read so. Otherwise others may be read in other ways.
    pub(super) is_sure: bool,
}

/// What is looked for.
pub(super) struct Search<'a> {
    pub(super) protocol: &'a Arc<Protocol>,
    pub(super) framing: Framing,
    pub(super) direction: Direction,
    /// In order: of those that read equally many packets the first is taken.
    pub(super) forms: &'a [Form],
    /// Where segments begin: frames often begin there.
    pub(super) segments: &'a [usize],
    /// Frames that begin where a segment does may be read each in another way.
    pub(super) may_differ: bool,
    /// Bytes in front of these in which none was found.
    pub(super) passed: u64,
    /// Nothing follows these bytes.
    pub(super) is_end: bool,
    /// So many places are tried.
    pub(super) offsets_max: usize,
}

/// What was found out about the frames of a chain, which many forms read alike.
#[derive(Default)]
struct Memo {
    plain: Plain,
    /// Whether the plan at an address reads a frame, whose fields begin there, from its first byte to its last.
    read: HashMap<(usize, bool, u32, *const Plan), bool>,
}

/// Payloads made plain, as far as they were asked for; `None` in it: they cannot be.
#[derive(Default)]
struct Plain {
    made: HashMap<usize, Option<Vec<u8>>>,
    /// Bytes of them.
    len: usize,
}

/// Bytes of plain payloads from which on they are made anew when they are asked for again.
const PLAIN_MAX: usize = 4 << 20;

impl Memo {
    fn clear(&mut self) {
        self.plain = Plain::default();
        self.read.clear();
    }
}

impl Plain {
    /// A compressed payload made plain.
    fn get(
        &mut self,
        index: usize,
        data: &[u8],
        len: usize,
        inflater: &mut Inflater,
    ) -> Option<&[u8]> {
        if !self.made.contains_key(&index) {
            let mut made = Vec::new();
            let is_made = is_zlib(data) && inflater.inflate(data, len, &mut made).is_ok();
            if self.len > PLAIN_MAX {
                *self = Self::default();
            }
            self.len += made.len();
            self.made.insert(index, is_made.then_some(made));
        }
        self.made.get(&index)?.as_deref()
    }
}

/// Whether bytes begin as zlib's do (RFC 1950): the method, and a check of two bytes.
fn is_zlib(data: &[u8]) -> bool {
    matches!(data, [method, flags, ..]
        if method & 15 == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31))
}

/// A frame in a row of such.
struct Link<'b> {
    /// Bytes of the frame in front of its payload.
    header: usize,
    payload: &'b [u8],
}

/// How well frames in a row can be read.
struct Reading {
    /// How many of them are packets.
    packets: usize,
    /// How unlikely it is that the first is one by chance, in bits.
    bits: u32,
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
        let which = match self.forms.len() {
            0 | 1 => 0,
            2..=KNOWN_FORMS => 1,
            _ => 2,
        };
        let (frames_min, last_frames_min) = (FRAMES_MIN[which], LAST_FRAMES_MIN[which]);
        let end = bytes.len().min(start.saturating_add(self.offsets_max));
        let dialects: Vec<_> =
            self.forms.iter().map(|form| self.protocol.dialect(form.version)).collect();
        let mut memo = Memo::default();
        for offset in start..end {
            let rest = bytes.get(offset..).unwrap_or_default();
            let may_differ = self.may_differ && self.segments.binary_search(&offset).is_ok();
            if !may_differ && !self.may_begin(rest, self.bits_min(offset)) {
                continue;
            }
            let (chain, is_cut) = self.chain(rest);
            let is_last = self.is_end && is_cut;
            let last_frames_min = if offset == 0 && which < 2 { 1 } else { last_frames_min };
            if chain.len() < frames_min && !(is_last && chain.len() >= last_frames_min) {
                if is_cut {
                    undecided = undecided.or(Some(offset));
                }
                continue;
            }
            let least = chain.len().min(frames_min);
            let mut best: Option<(usize, Form)> = None;
            memo.clear();
            for (form, dialect) in self.forms.iter().zip(&dialects) {
                let memo = &mut memo;
                let reading =
                    self.readable_at(form, dialect, &chain, least, memo, inflater, workspace);
                let packets = reading.packets;
                // Behind enough frames something may be wrong that has nothing to do with these.
                let is_enough = packets >= least && (chain.len() - packets) * 8 <= chain.len();
                if is_enough
                    && reading.bits >= self.bits_min(offset)
                    && best.is_none_or(|(most, _)| packets > most)
                {
                    best = Some((packets, *form));
                }
                if best.is_some_and(|(most, _)| most == chain.len()) {
                    break;
                }
            }
            if let Some((_, form)) = best {
                // The first may have been sent before the others are as they are.
                let earlier = self.forms.iter().take_while(|earlier| **earlier != form);
                let earlier = earlier.filter(|_| may_differ).find(|earlier| {
                    let first = chain.get(..1).unwrap_or_default();
                    self.readable(earlier, first, 1, inflater, workspace).packets == 1
                });
                return Ok(match earlier {
                    Some(earlier) => Found { offset, form: *earlier, is_sure: false },
                    None => Found { offset, form, is_sure: true },
                });
            }
            if may_differ
                && let Some(form) = self.differing(&chain, least, offset, inflater, workspace)
            {
                return Ok(Found { offset, form, is_sure: false });
            }
        }
        Err(undecided.unwrap_or(end))
    }

    /// The form in which all frames from the first byte on, up to so many of them, are packets: the first such
    /// one, unless another says much more about them.
    pub(super) fn reads(
        &self,
        bytes: &[u8],
        most: usize,
        inflater: &mut Inflater,
        workspace: &mut Workspace,
    ) -> Option<Form> {
        let (mut chain, _) = self.chain(bytes);
        chain.truncate(most);
        let mut best: Option<(u32, Form)> = None;
        for form in self.forms {
            let reading = self.readable(form, &chain, chain.len(), inflater, workspace);
            let is_read = !chain.is_empty() && reading.packets == chain.len();
            // That a payload says to be plain is little: any that begins with 0 does.
            let is_better =
                best.is_none_or(|(bits, _)| reading.bits > bits.saturating_add(BITS_OF_PLAIN));
            if is_read && is_better {
                best = Some((reading.bits, *form));
            }
        }
        best.map(|(_, form)| form)
    }

    /// The form of the first of some frames that are packets each in some form, or in which all are at least
    /// known, in a chain of lengths that is none by chance.
    fn differing(
        &self,
        chain: &[Link<'_>],
        least: usize,
        offset: usize,
        inflater: &mut Inflater,
        workspace: &mut Workspace,
    ) -> Option<Form> {
        if self.forms.len() > KNOWN_FORMS || chain.is_empty() {
            return None;
        }
        let mut first = None;
        let is_read = |(index, link): (usize, &Link<'_>)| {
            let one = std::slice::from_ref(link);
            self.forms.iter().any(|form| {
                let reading = self.readable(form, one, 1, inflater, workspace);
                if index == 0 && reading.bits >= self.bits_min(offset) {
                    first = first.or(Some(*form));
                }
                reading.packets == 1 && first.is_some()
            })
        };
        if chain.iter().enumerate().take(least.max(DIFFERING_MIN)).all(is_read) {
            return first;
        }
        let form = *self.forms.first()?;
        let dialect = self.protocol.dialect(form.version);
        let is_known = |link: &Link<'_>| {
            let known = wire_id::read(&self.protocol.stack, form.state, link.payload);
            known.is_some_and(|(id, _)| dialect.packet(form.state, self.direction, id).is_some())
        };
        let is_sturdy = self.framing.prefix != Prefix::Varint && chain.len() >= KNOWN_MIN;
        (is_sturdy && !form.compressed && chain.iter().all(is_known)).then_some(form)
    }

    /// How much the first frame must say: the more places there were, the likelier is it that one of them
    /// looks like a frame.
    fn bits_min(&self, offset: usize) -> u32 {
        let places = match self.segments.binary_search(&offset) {
            Ok(index) => index as u64,
            Err(_) => self.passed.saturating_add(offset as u64),
        };
        SURE_BITS + places.saturating_add(1).ilog2()
    }

    /// Whether a frame may begin here of which so much can be said that it is one, whatever its packet is: a look at
    /// its first bytes rules out most places.
    fn may_begin(&self, bytes: &[u8], bits_min: u32) -> bool {
        let extent = match self.framing.extent(bytes) {
            Ok(Some(extent)) => extent,
            Ok(None) => return true,
            Err(_) => return false,
        };
        let Some(payload) = bytes.get(extent.start..extent.end.min(bytes.len())) else {
            return true;
        };
        let bits = self.bits_of_header(extent.start) + BITS_OF_FIELDS;
        self.forms.iter().any(|form| {
            if !form.compressed {
                return bits >= bits_min;
            }
            match split(payload) {
                Ok(parts) if parts.plain_len.is_none() => bits + BITS_OF_PLAIN >= bits_min,
                Ok(parts) if parts.data.len() >= 2 => {
                    is_zlib(parts.data) && bits + BITS_OF_ZLIB >= bits_min
                }
                // What would say that has not come.
                Ok(_) | Err(_) => payload.len() < LOOKED_AT && extent.end > bytes.len(),
            }
        })
    }

    /// How much a length says that leads to another frame, or to the end.
    const fn bits_of_header(&self, len: usize) -> u32 {
        match self.framing.prefix {
            Prefix::Varint => 7 * len as u32,
            _ => 10,
        }
    }

    /// Frames in a row, and whether they end because the bytes do.
    fn chain<'b>(&self, bytes: &'b [u8]) -> (Vec<Link<'b>>, bool) {
        let (mut chain, mut at) = (Vec::new(), 0);
        while chain.len() < FRAMES_MAX {
            let rest = bytes.get(at..).unwrap_or_default();
            match self.framing.next(rest) {
                Ok(Some(frame)) if frame.len > 0 => {
                    let header = frame.payload.start;
                    let Some(payload) = rest.get(frame.payload) else { return (chain, false) };
                    if payload.is_empty() {
                        return (Vec::new(), false);
                    }
                    chain.push(Link { header, payload });
                    at += frame.len;
                }
                Ok(_) => return (chain, true),
                // Behind enough frames something may be wrong that has nothing to do with these.
                Err(_) => return (chain, false),
            }
        }
        (chain, false)
    }

    /// How many payloads are packets; none if one of the first `least` is none.
    fn readable(
        &self,
        form: &Form,
        chain: &[Link<'_>],
        least: usize,
        inflater: &mut Inflater,
        workspace: &mut Workspace,
    ) -> Reading {
        let dialect = self.protocol.dialect(form.version);
        let memo = &mut Memo::default();
        self.readable_at(form, &dialect, chain, least, memo, inflater, workspace)
    }

    #[allow(clippy::too_many_arguments, reason = "all of them are kept for the next call")]
    fn readable_at(
        &self,
        form: &Form,
        dialect: &Dialect,
        chain: &[Link<'_>],
        least: usize,
        memo: &mut Memo,
        inflater: &mut Inflater,
        workspace: &mut Workspace,
    ) -> Reading {
        let Memo { plain, read } = memo;
        let mut reading = Reading { packets: 0, bits: 0 };
        let mut form = *form;
        for (index, link) in chain.iter().enumerate() {
            let mut next = form;
            let bits = (|| {
                let mut bits = self.bits_of_header(link.header);
                let payload = if form.compressed {
                    let parts = split(link.payload).ok()?;
                    bits += if parts.plain_len.is_some() { BITS_OF_ZLIB } else { BITS_OF_PLAIN };
                    match parts.plain_len {
                        None => parts.data,
                        Some(len) => plain.get(index, parts.data, len, inflater)?,
                    }
                } else {
                    link.payload
                };
                let (id, body) = wire_id::read(&self.protocol.stack, form.state, payload)?;
                let known = dialect.packet(form.state, self.direction, id)?;
                let Some(plan) = &known.plan else { return Some(bits) };
                let body = u32::try_from(body).ok()?;
                let key = (index, form.compressed, body, Arc::as_ptr(plan));
                let is_packet = *read.entry(key).or_insert_with(|| {
                    let conn = self.protocol.initial_conn();
                    let mut packet = plan.decode(payload, body, &conn, workspace);
                    let is_whole = packet.error().is_none() && packet.rest().is_empty();
                    is_whole && is_sound(&mut packet)
                });
                if is_packet && !known.events.is_empty() {
                    let conn = self.protocol.initial_conn();
                    let packet = plan.decode(payload, body, &conn, workspace);
                    let effects = known.events.iter().flat_map(|event| event.effects(&packet));
                    effects.for_each(|effect| next.apply(effect, self.direction));
                }
                // Its fields end where the frame does.
                let fields = if plan.takes_rest() { 0 } else { BITS_OF_FIELDS };
                is_packet.then_some(bits + fields)
            })();
            match bits {
                Some(bits) => {
                    reading.packets += 1;
                    if index == 0 {
                        reading.bits = bits;
                    }
                    form = next;
                }
                None if index < least => return Reading { packets: 0, bits: 0 },
                None => {}
            }
        }
        reading
    }
}

//! Passing over frames that nobody looks at: the way that nearly all bytes take.

use std::ops::Range;

use midwire_codec::{
    ByteOrder, Counts, Direction, Frame, FrameError, Framing, Origin, Prefix, first_byte,
};
use midwire_definition::{Stack, StateId, Workspace};

use super::Session;
use crate::event::PacketNumber;
use crate::form::Form;
use crate::id;
use crate::interest::{ByFirstByte, Interest, Watch};
use crate::payload::{Stored, stored};
use crate::record::Recording;
use crate::scratch::Scratch;
use crate::verdict::PacketInfo;

/// Frames at the start of some bytes that need no looking at.
pub(super) struct Skimmed {
    /// Bytes that they take.
    pub(super) len: usize,
    pub(super) frames: u64,
    /// Of those, the ones that rules were asked about and do nothing about.
    pub(super) quiet: u64,
    /// The payload of the last of them.
    pub(super) last: Option<Range<usize>>,
    pub(super) stop: Stop,
}

/// Why skimming stopped.
pub(super) enum Stop {
    /// The next frame is not all there.
    End,
    /// The next frame is to be looked at. Its places count from its own start.
    Look(Frame),
    /// There is no next frame.
    Lost(FrameError),
}

impl Session {
    /// Who needs packets of a direction in a state.
    pub(super) fn interest(&self, state: StateId, direction: Direction) -> Interest<'_> {
        let is_shown = self.watch > Watch::Nothing;
        let wanted = self.judged.as_deref().map(|judged| &*judged.wanted);
        let is_masked = self.recording == Recording::Masked;
        Interest::new(&self.tables, wanted, is_shown, is_masked, state, direction)
    }

    /// Whether a packet that is not compressed is wanted by rules alone, none of which does anything about it.
    fn is_quiet(
        &self,
        interest: &Interest<'_>,
        form: &Form,
        known: Known,
        payload: &[u8],
        workspace: &mut Workspace,
    ) -> bool {
        let Known { direction, id, body, number, wire_length } = known;
        let Some(judged) = self.judged.as_deref() else { return false };
        if interest.needs(id) {
            return false;
        }
        let info = PacketInfo {
            number: PacketNumber(number),
            direction,
            state: form.state,
            version: self.tables.version,
            assumed: self.assumed,
            id,
            definition: interest.definition(id),
            payload,
            body: u32::try_from(body).unwrap_or(u32::MAX),
            length: u32::try_from(payload.len()).unwrap_or(u32::MAX),
            wire_length: u32::try_from(wire_length).unwrap_or(u32::MAX),
            origin: Origin::sender(direction),
            at: self.now,
        };
        judged.are_quiet(&info, &form.conn, workspace)
    }

    /// Passes over frames that nobody needs.
    pub(super) fn skim(
        &self,
        direction: Direction,
        framing: &Framing,
        bytes: &[u8],
        scratch: &mut Scratch,
    ) -> Skimmed {
        let side = &self.sides[direction.index()];
        let form = &side.received.form;
        let interest = self.interest(form.state, direction);
        let all = self.watch > Watch::Nothing || side.received.is_changing() || side.diverged;
        let compressed = form.threshold.is_some();
        let stack = &self.setup.protocol.stack;
        let both;
        let quick = match (interest.by_first_byte(), interest.secret_by_first_byte()) {
            (quick, None) => quick.filter(|_| !all),
            (Some(one), Some(Some(other))) if !all => {
                both = std::array::from_fn(|byte| one[byte] && other[byte]);
                Some(&both)
            }
            _ => None,
        };
        let (mut len, mut frames, mut quiet, mut last) = (0, 0, 0, None);
        let stop = loop {
            if let Some(unneeded) = quick {
                let short = short_frames(framing, compressed, unneeded, &bytes[len..]);
                last = (short.frames > 0).then_some(len + short.last).or(last);
                len += short.len;
                frames += short.frames;
            }
            let frame = match framing.next(&bytes[len..]) {
                Ok(Some(frame)) => frame,
                Ok(None) => break Stop::End,
                Err(error) => break Stop::Lost(error),
            };
            if all {
                break Stop::Look(frame);
            }
            if interest.any() {
                let payload = &bytes[len..][frame.payload.clone()];
                let Peeked { id: read, plain, is_unreadable } = if compressed {
                    peek(stack, form.state, payload, interest.plain_len_max(), scratch)
                } else {
                    let id = id::read(stack, form.state, payload);
                    Peeked { id, plain: Some(payload), is_unreadable: id.is_none() }
                };
                // What cannot be read may be a packet with secrets.
                if is_unreadable && interest.secret_by_first_byte().is_some() {
                    break Stop::Look(frame);
                }
                if let Some((id, body)) = read
                    && interest.wants(id)
                {
                    let number = self.packets + frames + 1;
                    let known = Known { direction, id, body, number, wire_length: frame.len };
                    let workspace = &mut scratch.workspace;
                    let is_quiet = |plain| self.is_quiet(&interest, form, known, plain, workspace);
                    if !plain.is_some_and(is_quiet) {
                        break Stop::Look(frame);
                    }
                    quiet += 1;
                }
            }
            last = Some(len);
            len += frame.len;
            frames += 1;
        };
        let payload = |start: usize| {
            let frame = framing.next(&bytes[start..]).ok()??;
            Some(start + frame.payload.start..start + frame.payload.end)
        };
        Skimmed { len, frames, quiet, last: last.and_then(payload), stop }
    }
}

/// What a packet is.
#[derive(Clone, Copy)]
struct Known {
    direction: Direction,
    id: i64,
    /// Where its fields start.
    body: usize,
    number: u64,
    wire_length: usize,
}

/// What is seen of a payload at a glance.
struct Peeked<'b> {
    /// Its id and where its fields start.
    id: Option<(i64, usize)>,
    /// All of it, if it is not compressed.
    plain: Option<&'b [u8]>,
    /// Its id cannot be had.
    is_unreadable: bool,
}

/// The id of a payload that starts with its plain size, unless it is too long for anybody; and the plain
/// payload, if it is not compressed.
fn peek<'b>(
    stack: &Stack,
    state: StateId,
    payload: &'b [u8],
    plain_len_max: usize,
    scratch: &mut Scratch,
) -> Peeked<'b> {
    match stored(payload, 0..payload.len(), true) {
        Ok(Stored::Plain(range)) => {
            let plain = &payload[range];
            let id = id::read(stack, state, plain);
            Peeked { id, plain: Some(plain), is_unreadable: id.is_none() }
        }
        Ok(Stored::Deflated(data, plain_len)) if plain_len <= plain_len_max => {
            let data = &payload[data];
            // Most ids are a byte.
            if let Some(first) = first_byte(data)
                && let Some(known) = id::read(stack, state, &[first])
            {
                return Peeked { id: Some(known), plain: None, is_unreadable: false };
            }
            scratch.plain.clear();
            let reach = id::reach(stack, state);
            let found = scratch.inflater.inflate_prefix(data, reach, &mut scratch.plain);
            let id = found.ok().and_then(|_| id::read(stack, state, &scratch.plain));
            Peeked { id, plain: None, is_unreadable: id.is_none() }
        }
        Ok(_) => Peeked { id: None, plain: None, is_unreadable: false },
        Err(_) => Peeked { id: None, plain: None, is_unreadable: true },
    }
}

/// Whole frames in a row.
struct Short {
    len: usize,
    frames: u64,
    /// Where the last of them starts.
    last: usize,
}

/// Frames at the start of `bytes` that are not needed, as far as their first bytes tell all there is to
/// know: the usual ones. What stops it is for [`Framing::next`] to say.
fn short_frames(
    framing: &Framing,
    compressed: bool,
    unneeded: &ByFirstByte,
    bytes: &[u8],
) -> Short {
    let none = Short { len: 0, frames: 0, last: 0 };
    if framing.before != 0 {
        return none;
    }
    match (framing.prefix, framing.counts) {
        // A length of one byte.
        (Prefix::Varint, Counts::Rest) if framing.min <= 1 && framing.max >= 0x7f => {
            if compressed {
                // A plain size of 0: what follows is not compressed.
                in_a_row(bytes, unneeded, |[len, plain_len, id]: &[u8; 3]| {
                    let is_short = *len < 0x80 && *plain_len == 0;
                    is_short.then_some((usize::from(*len) + 1, *id))
                })
            } else {
                in_a_row(bytes, unneeded, |[len, id]: &[u8; 2]| {
                    (*len < 0x80).then_some((usize::from(*len) + 1, *id))
                })
            }
        }
        (Prefix::U16, counts) if !compressed => {
            let width = if counts == Counts::Whole { 0 } else { 2 };
            let (min, max) = (framing.min, framing.max);
            let head = move |said: u16, id: u8| {
                let said = usize::from(said);
                (min <= said && said <= max).then_some((said + width, id))
            };
            match framing.order {
                ByteOrder::Little => in_a_row(bytes, unneeded, |[a, b, id]: &[u8; 3]| {
                    head(u16::from_le_bytes([*a, *b]), *id)
                }),
                ByteOrder::Big => in_a_row(bytes, unneeded, |[a, b, id]: &[u8; 3]| {
                    head(u16::from_be_bytes([*a, *b]), *id)
                }),
            }
        }
        _ => none,
    }
}

/// Frames in a row of which `head` gives the length and the first byte of the id.
#[inline(always)] // the loop must hold nothing but what one kind of frame takes
fn in_a_row<const HEAD: usize>(
    bytes: &[u8],
    unneeded: &ByFirstByte,
    head: impl Fn(&[u8; HEAD]) -> Option<(usize, u8)>,
) -> Short {
    let (mut at, mut last) = (0, 0);
    let mut frames = 0;
    while let Some(first) = bytes.get(at..).and_then(|rest| rest.first_chunk::<HEAD>())
        && let Some((len, id)) = head(first)
        && len >= HEAD
        && len <= bytes.len() - at
        && unneeded[usize::from(id)]
    {
        last = at;
        at += len;
        frames += 1;
    }
    Short { len: at, frames, last }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    const NEEDED: u8 = 7;

    fn unneeded() -> ByFirstByte {
        std::array::from_fn(|id| id != usize::from(NEEDED))
    }

    /// Frames with these lengths, id 1 each.
    fn stream(framing: &Framing, payloads: &[usize], compressed: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        for len in payloads {
            let mut payload = if compressed { vec![0, 1] } else { vec![1] };
            payload.resize(*len, 9);
            framing.write_frame(&payload, &mut bytes).unwrap();
        }
        bytes
    }

    #[test]
    fn short_frames_are_those_that_the_framing_gives() {
        let u16 = Framing::new(Prefix::U16, 65_535);
        let little = Framing { order: ByteOrder::Little, ..u16 };
        let whole = Framing { counts: Counts::Whole, ..little };
        for framing in [Framing::new(Prefix::Varint, 2_097_151), u16, little, whole] {
            for compressed in [false, true] {
                let bytes = stream(&framing, &[4, 2, 100, 3, 300, 5], compressed);
                for cut in 0..=bytes.len() {
                    let bytes = &bytes[..cut];
                    let short = short_frames(&framing, compressed, &unneeded(), bytes);
                    let ends: Vec<usize> = midwire_codec::frames(&framing, bytes)
                        .map(|frame| frame.unwrap().range().end)
                        .collect();
                    let passed = short.frames as usize;
                    let end = passed.checked_sub(1).map_or(0, |last| ends[last]);
                    assert_eq!(short.len, end, "{framing:?} {compressed} cut at {cut}");
                    let last = passed.checked_sub(2).map_or(0, |before| ends[before]);
                    assert_eq!(short.last, last, "{framing:?} {compressed} cut at {cut}");
                    if framing.prefix == Prefix::U16 && !compressed {
                        assert_eq!(passed, ends.len(), "{framing:?} cut at {cut}");
                    }
                }
            }
        }
    }

    #[test]
    fn short_frames_end_in_front_of_one_that_is_needed() {
        let varint = Framing::new(Prefix::Varint, 2_097_151);
        let passed = |compressed, bytes: &[u8]| {
            let short = short_frames(&varint, compressed, &unneeded(), bytes);
            (short.len, short.frames)
        };
        assert_eq!(passed(false, &[1, 1, 2, 1, 7, 1, NEEDED, 1, 1]), (5, 2));
        assert_eq!(passed(true, &[2, 0, 1, 3, 0, NEEDED, 7]), (3, 1));
        // deflated, a length of two bytes, a frame without a payload: not for here
        assert_eq!(passed(true, &[3, 5, 1, 1]), (0, 0));
        assert_eq!(passed(false, &[0x80, 1, 1]), (0, 0));
        assert_eq!(passed(false, &[0, 1, 1]), (0, 0));
    }
}

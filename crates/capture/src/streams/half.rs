//! One direction of a stream.
//!
//! Places are sequence numbers that do not wrap: the first one seen is [`ORIGIN`].

use std::collections::BTreeMap;

use crate::timestamp::Timestamp;

/// The place of the first sequence number seen. Larger than any sequence number, so that what came
/// before it has a place as well.
const ORIGIN: u64 = 1 << 40;

/// A receiver that says it has more than this beyond what is known is taken to be damaged.
const RECEIVED_AHEAD_MAX: u64 = 16 << 20;

/// What a waiting piece takes beside its bytes.
pub(super) const PIECE_COST: usize = 96;

/// A moment: in the file's time, and in packets of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) packet: u64,
}

/// How bytes were said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) now: Moment,
    /// What their sender had got of the other direction, if it said so.
    pub(super) behind: Option<u32>,
}

/// Bytes that wait, or a part that was sent and not captured.
#[derive(Debug)]
enum Piece {
    Bytes(Said, Box<[u8]>),
    Missing(u64),
}

/// What becomes of a direction's bytes.
pub(super) enum Out<'a> {
    Bytes(Timestamp, &'a [u8]),
    Gap(u64),
}

#[derive(Debug, Default)]
pub(super) struct Half {
    /// The number of its SYN.
    pub(super) initial: Option<u32>,
    /// The sequence number and place of the next byte; before the start is known, of the first one that was
    /// heard of.
    next: Option<(u32, u64)>,
    /// Something of it was seen.
    is_seen: bool,
    /// The place of the first byte, once it is known.
    start: Option<u64>,
    waiting: BTreeMap<u64, Piece>,
    /// What waits, with its cost.
    pub(super) waiting_len: usize,
    /// Where it ends.
    fin: Option<u64>,
    /// The place up to which the receiver has everything.
    received: u64,
    /// The first place that the receiver said that it waits for: before anything was seen, or, where the capture
    /// begins where the connection does, before the start is known.
    expected: Option<u64>,
    /// Since when something waits without the next byte coming.
    pub(super) hole_since: Option<Moment>,
    /// Since when the receiver is known to have what is missing.
    pub(super) received_since: Option<Moment>,
    /// What the receiver has got was given up, and nothing has come since: it is not waited for again.
    is_unheard: bool,
    pub(super) is_finished: bool,
}

impl Half {
    pub(super) const fn has_started(&self) -> bool {
        self.start.is_some()
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether the next byte is missing: there is something behind it, or the receiver has it.
    #[inline]
    pub(super) fn has_hole(&self) -> bool {
        let Some((_, next)) = self.next.filter(|_| self.has_started()) else { return false };
        match self.waiting.first_key_value() {
            Some((first, _)) => *first > next,
            None => self.received.min(self.fin.unwrap_or(u64::MAX)) > next && !self.is_unheard,
        }
    }

    /// How many bytes, delivered or missing, are in front of the next one.
    pub(super) fn offset(&self) -> u64 {
        match (self.next, self.start) {
            (Some((_, next)), Some(start)) => next.saturating_sub(start),
            _ => 0,
        }
    }

    fn place(&self, sequence: u32) -> Option<u64> {
        let (next_sequence, next) = self.next?;
        let distance = sequence.wrapping_sub(next_sequence).cast_signed();
        next.checked_add_signed(i64::from(distance))
    }

    /// Whether nothing of it was seen.
    pub(super) const fn is_unseen(&self) -> bool {
        !self.is_seen
    }

    /// Whether something was heard of it, and its start is not known yet.
    pub(super) const fn is_awaited(&self) -> bool {
        self.next.is_some() && !self.has_started()
    }

    /// Whether a sequence number is one that was passed, or not further than `near` from those.
    pub(super) fn may_have(&self, sequence: u32, near: u32) -> bool {
        let Some((next, _)) = self.next else { return false };
        let ahead = sequence.wrapping_sub(next).cast_signed();
        let passed = self.offset().saturating_add(u64::from(near));
        ahead <= near.cast_signed() && (ahead >= 0 || u64::from(ahead.unsigned_abs()) <= passed)
    }

    /// The first byte has this number.
    pub(super) fn start_at(&mut self, sequence: u32) {
        if self.has_started() {
            return;
        }
        let place = self.place(sequence).unwrap_or(ORIGIN);
        self.is_seen = true;
        self.next = Some((sequence, place));
        self.start = Some(place);
        self.forget_before(place);
    }

    /// Whether the first byte is known to have this number.
    pub(super) fn starts_at(&self, sequence: u32) -> bool {
        self.start.is_some() && self.place(sequence) == self.start
    }

    /// Whether nothing that was seen contradicts a first byte of this number.
    pub(super) fn may_start_at(&self, sequence: u32) -> bool {
        let first = self.waiting.keys().next();
        !self.has_started()
            && self.place(sequence).zip(first).is_none_or(|(place, first)| place <= *first)
    }

    /// The first byte is the first one that its receiver waited for, or the first one seen.
    pub(super) fn start_at_first(&mut self) {
        let seen = self.waiting.keys().next().copied().or(self.fin);
        let is_near = |expected: &u64| {
            seen.is_none_or(|seen| seen.saturating_sub(*expected) <= RECEIVED_AHEAD_MAX)
        };
        let first = seen.into_iter().chain(self.expected.filter(is_near)).min();
        if let (Some((sequence, place)), Some(first)) = (self.next, first)
            && !self.has_started()
        {
            let distance = first.wrapping_sub(place) as u32;
            self.next = Some((sequence.wrapping_add(distance), first));
            self.start = Some(first);
        }
    }

    /// Whether bytes can go straight on, without waiting.
    pub(super) fn is_next(&self, sequence: u32) -> bool {
        self.start.is_some()
            && self.waiting.is_empty()
            && self.fin.is_none()
            && self.next.is_some_and(|(next, _)| next == sequence)
    }

    pub(super) fn advance(&mut self, len: usize) {
        self.is_unheard = false;
        if let Some((sequence, place)) = &mut self.next {
            *sequence = sequence.wrapping_add(len as u32);
            *place += len as u64;
        }
    }

    /// Keeps what is new of bytes, of which `missing` more were not captured.
    pub(super) fn keep(&mut self, sequence: u32, bytes: &[u8], missing: u32, said: Said) {
        self.is_unheard = false;
        self.is_seen = true;
        let (_, next) = *self.next.get_or_insert((sequence, ORIGIN));
        let Some(place) = self.place(sequence) else { return };
        let low = if self.has_started() { next } else { 0 };
        let high = self.fin.unwrap_or(u64::MAX);
        let end = place + bytes.len() as u64;
        let whole = end + u64::from(missing);
        let mut from = place.max(low);
        let limit = whole.min(high);
        while from < limit {
            // What was there first stays.
            if let Some((start, piece)) = self.waiting.range(..=from).next_back() {
                let covered = start + piece.len();
                if covered > from {
                    from = covered;
                    continue;
                }
            }
            let free = self.waiting.range(from..).next().map_or(limit, |(start, _)| *start);
            let to = if from < end { free.min(limit).min(end) } else { free.min(limit) };
            let part = usize::try_from(from - place)
                .ok()
                .zip(usize::try_from(to - place).ok())
                .and_then(|(from, to)| bytes.get(from..to));
            let piece = match part {
                Some(part) => Piece::Bytes(said, part.into()),
                None => Piece::Missing(to - from),
            };
            self.waiting_len += piece.cost();
            self.waiting.insert(from, piece);
            from = to;
        }
    }

    /// Its last byte is in front of this number.
    pub(super) fn end_at(&mut self, sequence: u32) {
        self.is_seen = true;
        self.next.get_or_insert((sequence, ORIGIN));
        let Some((place, (_, next))) = self.place(sequence).zip(self.next) else { return };
        if self.fin.is_none() && (!self.has_started() || place >= next) {
            self.fin = Some(place);
        }
    }

    /// The receiver has everything in front of this number. `is_of_all`: its capture begins where it does.
    pub(super) fn received_to(&mut self, sequence: u32, is_of_all: bool) {
        let (_, next) = *self.next.get_or_insert((sequence, ORIGIN));
        let Some(place) = self.place(sequence) else { return };
        if place > next.saturating_add(RECEIVED_AHEAD_MAX) {
            return;
        }
        self.received = self.received.max(place);
        // Where the beginning is not there, what was still on its way then would seem to be missing.
        if self.is_unseen() || is_of_all && !self.has_started() {
            self.expected = Some(self.expected.map_or(place, |expected| expected.min(place)));
        }
    }

    /// The receiver is known to have the next byte, which is missing here.
    pub(super) fn is_received(&self) -> bool {
        self.next.is_some_and(|(_, next)| self.received > next)
    }

    /// Gives the next piece. False: it is not there.
    pub(super) fn drain_one(&mut self, out: &mut impl FnMut(u64, Out<'_>)) -> bool {
        let Some((_, next)) = self.next.filter(|_| self.has_started()) else { return false };
        let Some(entry) = self.waiting.first_entry().filter(|entry| *entry.key() <= next) else {
            return false;
        };
        let piece = entry.remove();
        self.waiting_len -= piece.cost();
        let offset = self.offset();
        self.advance(piece.len() as usize);
        match &piece {
            Piece::Bytes(said, bytes) => out(offset, Out::Bytes(said.now.at, bytes)),
            Piece::Missing(len) => out(offset, Out::Gap(*len)),
        }
        true
    }

    /// How the next piece was said, if it is there.
    pub(super) fn next_said(&self) -> Option<Said> {
        let (_, next) = self.next.filter(|_| self.has_started())?;
        let (_, piece) = self.waiting.first_key_value().filter(|(place, _)| **place <= next)?;
        Some(match piece {
            Piece::Bytes(said, _) => *said,
            Piece::Missing(_) => Said { now: Moment { at: Timestamp(0), packet: 0 }, behind: None },
        })
    }

    /// Whether bytes in front of this number wait here, or may come.
    pub(super) fn withholds(&self, number: u32) -> bool {
        if self.is_awaited() {
            return true;
        }
        let first = self.waiting.keys().next();
        first.is_some_and(|first| self.place(number).is_some_and(|place| *first < place))
    }

    /// Gives up the next bytes, up to those that are there, or to what the receiver has got. Gives how many.
    pub(super) fn skip_hole(&mut self) -> u64 {
        let Some((sequence, next)) = self.next.filter(|_| self.has_hole()) else { return 0 };
        let first = self.waiting.keys().next().copied();
        self.is_unheard = first.is_none();
        let received = self.received.min(self.fin.unwrap_or(u64::MAX));
        let len = match first {
            Some(first) => first.saturating_sub(next),
            // It may be a FIN that is not in the capture.
            None if received == next + 1 => 0,
            None => received.saturating_sub(next),
        };
        self.next = Some((sequence.wrapping_add(len as u32), next + len));
        len
    }

    /// Gives up what is missing at the end: in front of a FIN, or what the receiver has got. Gives
    /// how much.
    pub(super) fn skip_tail(&mut self) -> u64 {
        let Some((sequence, next)) = self.next.filter(|_| self.has_started()) else { return 0 };
        let len = match self.fin {
            Some(fin) => fin.saturating_sub(next),
            // One more than what came is a FIN that is not in the capture.
            None => match self.received.saturating_sub(next) {
                1 => 0,
                len => len,
            },
        };
        self.next = Some((sequence.wrapping_add(len as u32), next + len));
        len
    }

    /// Whether a FIN was seen that was not told yet.
    pub(super) const fn has_unseen_end(&self) -> bool {
        self.fin.is_some() && !self.is_finished
    }

    /// Whether its last byte was given.
    pub(super) fn is_at_end(&self) -> bool {
        self.has_started()
            && self.fin.is_some_and(|fin| self.next.is_some_and(|(_, next)| next >= fin))
    }

    fn forget_before(&mut self, place: u64) {
        while let Some(entry) = self.waiting.first_entry()
            && *entry.key() < place
        {
            let (start, piece) = entry.remove_entry();
            self.waiting_len -= piece.cost();
            let Some(rest) = (start + piece.len()).checked_sub(place).filter(|rest| *rest > 0)
            else {
                continue;
            };
            let piece = match piece {
                Piece::Bytes(at, bytes) => {
                    let from = bytes.len() - rest as usize;
                    Piece::Bytes(at, bytes[from..].into())
                }
                Piece::Missing(_) => Piece::Missing(rest),
            };
            self.waiting_len += piece.cost();
            self.waiting.insert(place, piece);
        }
    }
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(_, bytes) => bytes.len() as u64,
            Self::Missing(len) => *len,
        }
    }

    fn cost(&self) -> usize {
        match self {
            Self::Bytes(_, bytes) => bytes.len() + PIECE_COST,
            Self::Missing(_) => PIECE_COST,
        }
    }
}

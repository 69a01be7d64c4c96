//! Records that a tool has put in front of others: they wait for those.
//!
//! The numbers of a leg's segments, its own and the one that it acknowledges, count all bytes that were written in
//! front of it: they say where in its leg a record belongs, and the order of the file says the rest.

use std::collections::BTreeMap;

use super::{Connection, Piece, Record, RecordedFrame, Recordings};
use crate::decode::Segment;
use crate::note::Note;
use crate::timestamp::Timestamp;

/// Records of one session that wait for others. One more, and what they wait for is missing.
const HELD_MAX: usize = 64;
/// So many records of its session later, the numbers of a record that still waits fit nothing.
const STRAY_AFTER: u64 = 4 * HELD_MAX as u64;
/// No more bytes than these are missing between two records: numbers that are further ahead fit nothing.
const AHEAD_MAX: u64 = 1 << 28;
/// What may wait in all sessions, in bytes; a record counts with its payload and [`COST`].
const BYTES_MAX: usize = 4 << 20;
const COST: usize = 256;

/// What waits, by session.
#[derive(Debug, Default)]
pub(super) struct Held {
    sessions: BTreeMap<u64, Waiting>,
    bytes: usize,
}

/// What waits of a session, in the order of the file.
#[derive(Debug)]
struct Waiting {
    session: u64,
    records: Vec<HeldRecord>,
    /// Records of the session since the first that waited.
    count: u64,
}

#[derive(Debug)]
struct HeldRecord {
    place: usize,
    segment: Segment<'static>,
    payload: Vec<u8>,
    interface: u32,
    at: Timestamp,
    offset: u64,
    note: Option<String>,
    /// The session's count when it came.
    since: u64,
    /// One of its leg that the file has behind it was taken first: nothing waits for it.
    is_passed: bool,
}

impl Held {
    pub(super) fn has(&self, session: u64) -> bool {
        self.sessions.contains_key(&session)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }
}

impl HeldRecord {
    fn piece(&self) -> Piece<'_> {
        Piece {
            segment: Segment { payload: &self.payload, ..self.segment },
            interface: self.interface,
            at: self.at,
            offset: self.offset,
            note: self.note.as_deref().and_then(Note::parse),
        }
    }

    fn cost(&self) -> usize {
        self.payload.len() + self.note.as_ref().map_or(0, String::len) + COST
    }
}

impl Recordings {
    /// Gives what waits for records that the file does not have: at its end, or where no more is to be waited for.
    pub fn finish(&mut self, mut sink: impl FnMut(Record<'_>)) {
        while let Some((session, _)) = self.held.sessions.first_key_value() {
            self.release(*session, &mut sink);
        }
    }

    /// Whether a record waits for others.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes a record that stands in front of others, or behind one that does.
    #[cold]
    pub(super) fn hold(
        &mut self,
        session: u64,
        place: usize,
        piece: &Piece<'_>,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        let mut waiting = match self.held.sessions.remove(&session) {
            Some(waiting) => waiting,
            None => Waiting { session, records: Vec::new(), count: 0 },
        };
        waiting.count += 1;
        let record = HeldRecord {
            place,
            segment: Segment { payload: &[], ..piece.segment },
            payload: piece.segment.payload.to_vec(),
            interface: piece.interface,
            at: piece.at,
            offset: piece.offset,
            note: piece.note.map(|note| note.as_str().to_owned()),
            since: waiting.count,
            is_passed: false,
        };
        self.held.bytes += record.cost();
        waiting.records.push(record);
        // Of those that were there before, nothing has changed.
        let mut from = waiting.records.len() - 1;
        loop {
            let is_much = waiting.records.len() > HELD_MAX || self.held.bytes > BYTES_MAX;
            let first = waiting.records.first().map_or(waiting.count, |first| first.since);
            if let Some(at) = self.next(&waiting, from) {
                self.take_held(&mut waiting, at, sink);
            } else if waiting.count - first >= STRAY_AFTER {
                self.give_stray(&mut waiting, 0, sink);
            } else if is_much {
                self.take_first(&mut waiting, sink);
            } else {
                break;
            }
            from = 0;
        }
        if !waiting.records.is_empty() {
            self.held.sessions.insert(session, waiting);
        }
    }

    /// Takes all that waits of a session.
    pub(super) fn release(&mut self, session: u64, sink: &mut impl FnMut(Record<'_>)) {
        let Some(mut waiting) = self.held.sessions.remove(&session) else { return };
        while !waiting.records.is_empty() {
            match self.next(&waiting, 0) {
                Some(at) => self.take_held(&mut waiting, at, sink),
                None => self.take_first(&mut waiting, sink),
            }
        }
    }

    /// The first that waits for nothing any more. What other legs have in front of it in the file comes first: the
    /// numbers of one leg say nothing of the other.
    fn next(&self, waiting: &Waiting, from: usize) -> Option<usize> {
        (from..waiting.records.len()).find(|at| {
            let record = &waiting.records[*at];
            let blocks = |other: &HeldRecord| other.place != record.place && !other.is_passed;
            let is_alone = || !waiting.records[..*at].iter().any(blocks);
            self.ahead(waiting, record) == 0 && is_alone()
        })
    }

    /// The leg that a record is of, while it lasts: others may be in its place later.
    fn leg(&self, waiting: &Waiting, record: &HeldRecord) -> Option<&Connection> {
        let leg = self.places.get(record.place)?.as_ref();
        leg.filter(|leg| leg.session == waiting.session)
    }

    fn ahead(&self, waiting: &Waiting, record: &HeldRecord) -> u64 {
        self.leg(waiting, record).map_or(0, |leg| leg.ahead(&record.segment))
    }

    /// Takes the one that is the least ahead, in the leg that has waited longest: what it waits for is missing.
    fn take_first(&mut self, waiting: &mut Waiting, sink: &mut impl FnMut(Record<'_>)) {
        let Some(place) = waiting.records.first().map(|first| first.place) else { return };
        let records =
            waiting.records.iter().enumerate().filter(|(_, record)| record.place == place);
        let least = records.map(|(at, record)| (self.ahead(waiting, record), at)).min();
        match least {
            Some((ahead, at)) if ahead > AHEAD_MAX => self.give_stray(waiting, at, sink),
            Some((_, at)) => {
                for earlier in &mut waiting.records[..at] {
                    earlier.is_passed |= earlier.place == place;
                }
                self.take_held(waiting, at, sink);
            }
            None => {}
        }
    }

    fn take_held(&mut self, waiting: &mut Waiting, at: usize, sink: &mut impl FnMut(Record<'_>)) {
        let record = waiting.records.remove(at);
        self.held.bytes -= record.cost();
        let Some(leg) = self.leg(waiting, &record) else { return };
        let other = leg.direction(&record.segment).opposite();
        if record.segment.is_rst() || record.segment.is_fin() && leg.ended[other.index()] {
            // Nothing comes behind a leg's end: what still waits there fits nothing.
            let of_leg = |other: &HeldRecord| other.place == record.place;
            let stray_of = |waiting: &Waiting, recordings: &Self| {
                let mut records = waiting.records.iter();
                records.position(|other| of_leg(other) && recordings.ahead(waiting, other) > 0)
            };
            while let Some(stray) = stray_of(waiting, self) {
                self.give_stray(waiting, stray, sink);
            }
        }
        self.take(record.place, &record.piece(), sink);
    }

    /// Gives the bytes of a record whose numbers fit nothing, where it stands; what comes behind it does not change.
    fn give_stray(&mut self, waiting: &mut Waiting, at: usize, sink: &mut impl FnMut(Record<'_>)) {
        let record = waiting.records.remove(at);
        self.held.bytes -= record.cost();
        let Some(leg) = self.leg(waiting, &record) else { return };
        let Piece { segment, at, offset, note, .. } = record.piece();
        let session = waiting.session;
        if let Some(facts) = note.filter(|note| note.number("session") == Some(session)) {
            sink(Record::Facts { session, at, facts });
        } else if !segment.payload.is_empty() {
            let mut last = self.numbers.get(&session).copied().unwrap_or(0);
            let direction = leg.direction(&segment);
            let frame = leg.read(direction, at, segment.payload, note, &mut last);
            let is_whole = segment.is_push() && segment.missing == 0;
            sink(Record::Frame(RecordedFrame { is_whole, offset, ..frame }));
        }
    }
}

//! What midwire wrote, read again as what it was: sessions and frames, not streams.

mod record;
mod state;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use midwire_codec::Direction;

pub use self::record::{Form, Record, RecordedFrame};
pub use self::state::StateError;
use crate::decode::Segment;
use crate::note::Note;
use crate::provenance::{Fate, Leg, Origin};
use crate::read::Packet;
use crate::timestamp::Timestamp;
use crate::writer::HALVES;

/// The longest frame that is put together from its segments, in bytes. A longer one comes in parts.
pub const FRAME_LEN_MAX: usize = 16 << 20;

/// Legs that are followed at once.
pub const LEGS_MAX: usize = 131_072;

/// Legs that are found without looking for them.
const RECENT: usize = 256;

type Ends = (SocketAddr, SocketAddr);

/// Reads sessions and frames out of what midwire wrote, in the order in which it wrote them.
///
/// It believes the order of the file: what a tool has put out of order is missing first, and then
/// passed over. [`Streams`](crate::Streams) put such files together, without the notes.
#[derive(Debug, Default)]
pub struct Recordings {
    section: Option<u32>,
    legs: HashMap<Ends, usize>,
    places: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Some of the legs that had the last packets, and where they are, by [`slot`].
    recent: Vec<Option<(Ends, usize)>>,
    /// The leg that was closed last: what acknowledges its end follows.
    closed: Option<Ends>,
    /// The number that each open session's last frame had.
    numbers: BTreeMap<u64, u64>,
}

#[derive(Debug)]
struct Connection {
    session: u64,
    /// The interface that it is on: others may have connections between the same ends.
    interface: u32,
    leg: Leg,
    client: SocketAddr,
    next: [Option<u32>; 2],
    ended: [bool; 2],
    parts: [Option<Parts>; 2],
}

/// The segments of a frame so far.
#[derive(Debug)]
struct Parts {
    bytes: Vec<u8>,
    note: Option<String>,
    at: Timestamp,
    offset: u64,
    is_whole: bool,
}

impl Recordings {
    /// Takes a packet and the segment in it. False: it is not of a session that midwire recorded.
    pub fn push(
        &mut self,
        packet: &Packet<'_>,
        segment: &Segment<'_>,
        mut sink: impl FnMut(Record<'_>),
    ) -> bool {
        if self.section.replace(packet.section) != Some(packet.section) {
            *self = Self { section: self.section, ..Self::default() };
        }
        let note = packet.note();
        if segment.is_syn() && !segment.is_ack() {
            return self.open(packet, segment, note, &mut sink);
        }
        let Some(place) = self.place(segment) else {
            return self.closed == Some((segment.destination, segment.source));
        };
        let Some(connection) = self.places.get_mut(place).and_then(Option::as_mut) else {
            return false;
        };
        if connection.interface != packet.interface {
            return false;
        }
        let direction = if segment.source == connection.client {
            Direction::Serverbound
        } else {
            Direction::Clientbound
        };
        let (session, at) = (connection.session, packet.at.unwrap_or_default());
        if segment.is_syn() {
            connection.next[direction.index()] = Some(segment.sequence.wrapping_add(1));
            return true;
        }
        let leg = connection.leg;
        // A server's leg may outlive the client's.
        let mut gone = 0;
        let last = self.numbers.get_mut(&session).unwrap_or(&mut gone);
        // Both sides' numbers count all that is written in front of a segment.
        if segment.is_ack() {
            connection.pass(direction.opposite(), segment.acknowledgment, last, &mut sink);
        }
        let facts = note.filter(|note| note.number("session") == Some(session));
        if !connection.follow(direction, segment, last, &mut sink) && facts.is_none() {
            return true;
        }
        if let Some(facts) = facts {
            // Where frames are missing, this tells the next one's number again.
            let before = facts.number("n").unwrap_or(0).saturating_sub(1);
            *last = before.max(*last);
            sink(Record::Facts { session, at, facts });
            return true;
        }
        if !segment.payload.is_empty() || segment.is_push() {
            connection.frame(direction, packet, segment, note, last, &mut sink);
        }
        if segment.is_fin() && !connection.ended[direction.index()] {
            connection.ended[direction.index()] = true;
            if leg == Leg::Client {
                sink(Record::DirectionEnded { session, direction, at });
            }
        }
        if segment.is_rst() || connection.ended == [true; 2] {
            let reset = segment.is_rst().then_some(direction);
            if leg == Leg::Client {
                sink(Record::Closed { session, at, reset });
            }
            self.close(segment, place);
        }
        true
    }

    fn open(
        &mut self,
        packet: &Packet<'_>,
        segment: &Segment<'_>,
        note: Option<Note<'_>>,
        sink: &mut impl FnMut(Record<'_>),
    ) -> bool {
        let opened = note.and_then(|note| {
            let leg = Leg::from_word(&note.get("leg")?)?;
            Some((note, note.number("session")?, leg))
        });
        let known = self.place(segment);
        let is_known = known.and_then(|place| self.places.get(place)?.as_ref());
        let is_known = is_known.is_some_and(|known| known.interface == packet.interface);
        let Some((facts, session, leg)) = opened else { return is_known };
        let (client, server) = (segment.source, segment.destination);
        let next = segment.sequence.wrapping_add(1);
        if let Some(Some(open)) = known.and_then(|place| self.places.get(place))
            && open.next[Direction::Serverbound.index()] == Some(next)
        {
            // The same once more.
            return true;
        }
        if let Some(place) = known {
            self.close(segment, place);
        }
        if self.legs.len() >= LEGS_MAX {
            return false;
        }
        let connection = Connection {
            session,
            interface: packet.interface,
            leg,
            client,
            next: [Some(next), None],
            ended: [false; 2],
            parts: [None, None],
        };
        let place = self.free.pop().unwrap_or(self.places.len());
        match self.places.get_mut(place) {
            Some(free) => *free = Some(connection),
            None => self.places.push(Some(connection)),
        }
        self.legs.insert((client, server), place);
        if leg == Leg::Client {
            self.numbers.insert(session, facts.number("continued").unwrap_or(0));
        }
        let at = packet.at.unwrap_or_default();
        sink(Record::Opened { session, leg, at, client, server, facts });
        true
    }

    /// Where the connection of a segment is.
    fn place(&mut self, segment: &Segment<'_>) -> Option<usize> {
        let (source, destination) = (segment.source, segment.destination);
        let slot = slot(segment);
        if let Some(Some(((client, server), place))) = self.recent.get(slot)
            && ((*client, *server) == (source, destination)
                || (*client, *server) == (destination, source))
        {
            return Some(*place);
        }
        let (ends, place) = [(source, destination), (destination, source)]
            .into_iter()
            .find_map(|ends| Some((ends, *self.legs.get(&ends)?)))?;
        self.recent.resize(RECENT, None);
        self.recent[slot] = Some((ends, place));
        Some(place)
    }

    fn close(&mut self, segment: &Segment<'_>, place: usize) {
        self.legs.remove(&(segment.source, segment.destination));
        self.legs.remove(&(segment.destination, segment.source));
        if let Some(closed) = self.places.get_mut(place).and_then(Option::take) {
            self.free.push(place);
            if closed.leg == Leg::Client {
                self.numbers.remove(&closed.session);
            }
        }
        if let Some(recent) = self.recent.get_mut(slot(segment)) {
            *recent = None;
        }
        self.closed = Some((segment.source, segment.destination));
    }
}

/// Where a segment's leg may be among the recent ones.
const fn slot(segment: &Segment<'_>) -> usize {
    (segment.source.port() ^ segment.destination.port()) as usize % RECENT
}

impl Connection {
    /// Whether a segment is the next one, or behind what is missing; not, if it was there before.
    fn follow(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        last: &mut u64,
        sink: &mut impl FnMut(Record<'_>),
    ) -> bool {
        if !self.pass(direction, segment.sequence, last, sink) {
            return false;
        }
        let counts = segment.payload.len() + usize::from(segment.is_fin());
        self.next[direction.index()] = Some(segment.sequence.wrapping_add(counts as u32));
        true
    }

    /// Everything in front of this number has been written. Tells what of that was not there. False: the number is
    /// of what was passed already.
    fn pass(
        &mut self,
        direction: Direction,
        number: u32,
        last: &mut u64,
        sink: &mut impl FnMut(Record<'_>),
    ) -> bool {
        let next = self.next[direction.index()].unwrap_or(number);
        let distance = number.wrapping_sub(next).cast_signed();
        if distance < 0 {
            return false;
        }
        self.next[direction.index()] = Some(number);
        if distance > 0 {
            if let Some(mut parts) = self.parts[direction.index()].take() {
                parts.is_whole = false;
                self.give(direction, &parts, last, sink);
            }
            let (session, leg) = (self.session, self.leg);
            sink(Record::Missing {
                session,
                leg,
                direction,
                len: u64::from(distance.unsigned_abs()),
            });
        }
        true
    }

    fn frame(
        &mut self,
        direction: Direction,
        packet: &Packet<'_>,
        segment: &Segment<'_>,
        note: Option<Note<'_>>,
        last: &mut u64,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        let at = packet.at.unwrap_or_default();
        let is_whole = segment.missing == 0;
        if segment.is_push() && self.parts[direction.index()].is_none() {
            let frame = self.read(direction, at, segment.payload, note, last);
            sink(Record::Frame(RecordedFrame { is_whole, offset: packet.offset, ..frame }));
            return;
        }
        let parts = self.parts[direction.index()].get_or_insert_with(|| Parts {
            bytes: Vec::new(),
            note: note.map(|note| note.as_str().to_owned()),
            at,
            offset: packet.offset,
            is_whole: true,
        });
        parts.is_whole &= is_whole;
        parts.bytes.extend_from_slice(segment.payload);
        let is_long = parts.bytes.len() >= FRAME_LEN_MAX;
        if !segment.is_push() && !is_long {
            return;
        }
        if let Some(mut parts) = self.parts[direction.index()].take() {
            parts.is_whole &= segment.is_push();
            self.give(direction, &parts, last, sink);
        }
    }

    fn give(
        &self,
        direction: Direction,
        parts: &Parts,
        last: &mut u64,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        let note = parts.note.as_deref().and_then(Note::parse);
        let frame = self.read(direction, parts.at, &parts.bytes, note, last);
        let (is_whole, offset) = (parts.is_whole, parts.offset);
        sink(Record::Frame(RecordedFrame { is_whole, offset, ..frame }));
    }

    fn read<'a>(
        &self,
        direction: Direction,
        at: Timestamp,
        bytes: &'a [u8],
        note: Option<Note<'a>>,
        last: &mut u64,
    ) -> RecordedFrame<'a> {
        let number = note.and_then(|note| note.number("n")).unwrap_or(last.saturating_add(1));
        let count = note.and_then(|note| note.number("frames")).unwrap_or(1);
        let count = count.max(1);
        *last = number.saturating_add(count - 1);
        let sender = Origin::sender(direction);
        let origin = note.and_then(|note| Origin::from_word(&note.get("origin")?));
        let origin = origin.unwrap_or(sender);
        let fate = note.and_then(|note| Fate::from_word(&note.get("fate")?));
        let fate = fate.unwrap_or(Fate::Passed);
        let half = note.and_then(|note| note.get("half"));
        let form = match fate {
            Fate::Delayed if half.as_deref() == Some(HALVES[0]) => Form::Came,
            Fate::Delayed if half.as_deref() == Some(HALVES[1]) => Form::Sent,
            Fate::Changed if self.leg == Leg::outgoing(direction) => Form::Sent,
            Fate::Changed | Fate::Dropped => Form::Came,
            Fate::Passed | Fate::Delayed if origin == sender => Form::Both,
            Fate::Passed | Fate::Delayed => Form::Sent,
        };
        RecordedFrame {
            session: self.session,
            number,
            count,
            direction,
            at,
            bytes,
            is_whole: true,
            form,
            origin,
            fate,
            offset: 0,
            note,
        }
    }
}

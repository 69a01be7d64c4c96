//! What midwire wrote, read again as what it was: sessions and frames, not streams.

mod held;
mod record;
mod state;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use midwire_codec::Direction;

use self::held::Held;
pub use self::record::{Form, Record, RecordedFrame};
pub use self::state::StateError;
use crate::decode::{Segment, is_intact};
use crate::format::flags::{ACK, FIN, PSH, RST, SYN};
use crate::note::Note;
use crate::provenance::{Fate, Leg, Origin};
use crate::read::Packet;
use crate::timestamp::Timestamp;
use crate::writer::{HALVES, SEGMENT_LEN_MAX};

/// The longest frame that is put together from its segments, in bytes. A longer one comes in parts.
pub const FRAME_LEN_MAX: usize = 16 << 20;

/// Bytes of frames that are not whole yet, in all legs. Where there are more, the longest come in parts.
const WAITING_LEN_MAX: usize = FRAME_LEN_MAX;

/// Legs that are followed at once. What comes of more is no recording, but can be read as streams.
pub const LEGS_MAX: usize = 8_192;

/// Legs that are found without looking for them.
const RECENT: usize = 256;

type Ends = (SocketAddr, SocketAddr);

/// Reads sessions and frames out of what midwire wrote, in the order in which it wrote them.
///
/// A record that a tool has put in front of others waits for them, as long as the file has them among the next
/// 64 of the session; [`finish`](Self::finish) gives what waits at the file's end. Of a record with numbers that do
/// not fit the rest, as of a damaged one, the bytes are given where it stands.
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
    /// Bytes of frames that are not whole yet.
    waiting_len: usize,
    held: Held,
}

/// A record: a segment, and what is said about it.
#[derive(Clone, Copy, Debug)]
struct Piece<'a> {
    segment: Segment<'a>,
    interface: u32,
    at: Timestamp,
    offset: u64,
    note: Option<Note<'a>>,
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
    /// An earlier part of it was given, when the last frame in front of it had this number.
    behind: Option<u64>,
}

impl Recordings {
    /// Takes a packet and the segment in it. False: it is not of a session that midwire recorded.
    pub fn push(
        &mut self,
        packet: &Packet<'_>,
        segment: &Segment<'_>,
        mut sink: impl FnMut(Record<'_>),
    ) -> bool {
        if self.section != Some(packet.section) {
            self.finish(&mut sink);
            *self = Self { section: Some(packet.section), ..Self::default() };
        }
        let mut piece = Piece {
            segment: *segment,
            interface: packet.interface,
            at: packet.at.unwrap_or_default(),
            offset: packet.offset,
            note: packet.note(),
        };
        if segment.is_syn() && !segment.is_ack() {
            return self.open(packet, &piece, &mut sink);
        }
        let Some(place) = self.place(segment) else {
            let (source, destination) = (segment.source, segment.destination);
            return self.closed == Some((destination, source))
                || self.closed == Some((source, destination)) && segment.payload.is_empty();
        };
        let Some(connection) = self.places.get_mut(place).and_then(Option::as_mut) else {
            return false;
        };
        if connection.interface != packet.interface {
            return false;
        }
        if !is_intact(packet) {
            let mended = connection.mended(packet, segment);
            let len = if mended.is_some() { 0 } else { segment.payload.len() as u64 };
            sink(Record::Damaged { offset: packet.offset, len });
            match mended {
                Some(segment) => piece.segment = segment,
                None => return true,
            }
        }
        if segment.is_syn() {
            let direction = connection.direction(segment);
            connection.next[direction.index()] = Some(segment.sequence.wrapping_add(1));
            return true;
        }
        let session = connection.session;
        if connection.ahead(segment) > 0 || self.held.has(session) {
            self.hold(session, place, &piece, &mut sink);
        } else {
            self.take(place, &piece, &mut sink);
        }
        true
    }

    /// Takes what comes next, or behind what is missing.
    fn take(&mut self, place: usize, piece: &Piece<'_>, sink: &mut impl FnMut(Record<'_>)) {
        let Some(connection) = self.places.get_mut(place).and_then(Option::as_mut) else { return };
        let segment = &piece.segment;
        let direction = connection.direction(segment);
        let (session, at, leg) = (connection.session, piece.at, connection.leg);
        // A server's leg may outlive the client's.
        let mut gone = 0;
        let last = self.numbers.get_mut(&session).unwrap_or(&mut gone);
        // Both sides' numbers count all that is written in front of a segment.
        if segment.is_ack() {
            connection.pass(direction.opposite(), segment.acknowledgment, last, sink);
        }
        let facts = piece.note.filter(|note| note.number("session") == Some(session));
        if !connection.follow(direction, segment, last, sink) && facts.is_none() {
            return;
        }
        if let Some(facts) = facts {
            // Where frames are missing, this tells the next one's number again.
            let before = facts.number("n").unwrap_or(0).saturating_sub(1);
            *last = before.max(*last);
            sink(Record::Facts { session, at, facts });
            return;
        }
        if !segment.payload.is_empty() || segment.is_push() {
            connection.frame(direction, piece, last, sink);
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
        if !segment.is_push() {
            self.waiting_len += segment.payload.len();
            if self.waiting_len > WAITING_LEN_MAX {
                self.make_room(sink);
            }
        }
    }

    /// Counts what waits, and gives the longest parts of frames if that is too much.
    #[cold]
    fn make_room(&mut self, sink: &mut impl FnMut(Record<'_>)) {
        let connections = self.places.iter().enumerate();
        let parts = connections.flat_map(|(place, connection)| {
            let parts = connection.iter().flat_map(|connection| connection.parts.iter().zip(0..));
            parts.map(move |(parts, index)| {
                (Reverse(parts.as_ref().map_or(0, |parts| parts.bytes.len())), place, index)
            })
        });
        let mut waiting: Vec<(Reverse<usize>, usize, usize)> =
            parts.filter(|(len, ..)| len.0 > 0).collect();
        self.waiting_len = waiting.iter().map(|(len, ..)| len.0).sum();
        if self.waiting_len <= WAITING_LEN_MAX {
            return;
        }
        waiting.sort_unstable();
        for (Reverse(len), place, index) in waiting {
            if self.waiting_len <= WAITING_LEN_MAX / 2 {
                break;
            }
            let Some(connection) = self.places.get_mut(place).and_then(Option::as_mut) else {
                continue;
            };
            let mut gone = 0;
            let last = self.numbers.get_mut(&connection.session).unwrap_or(&mut gone);
            connection.give_part(Direction::BOTH[index], last, sink);
            self.waiting_len -= len;
        }
    }

    fn open(
        &mut self,
        packet: &Packet<'_>,
        piece: &Piece<'_>,
        sink: &mut impl FnMut(Record<'_>),
    ) -> bool {
        let segment = &piece.segment;
        let opened = piece.note.and_then(|note| {
            let leg = Leg::from_word(&note.get("leg")?)?;
            Some((note, note.number("session")?, leg))
        });
        let known = self.place(segment);
        let is_known = known.and_then(|place| self.places.get(place)?.as_ref());
        let is_known = is_known.is_some_and(|known| known.interface == piece.interface);
        let Some((facts, session, leg)) = opened else { return is_known };
        let (client, server) = (segment.source, segment.destination);
        let next = segment.sequence.wrapping_add(1);
        let is_intact = is_intact(packet);
        if let Some(Some(open)) = known.and_then(|place| self.places.get(place))
            && open.next[Direction::Serverbound.index()] == Some(next)
        {
            // The same once more.
            return true;
        }
        if let Some(place) = known {
            let replaced = self.places.get(place).and_then(Option::as_ref);
            if let Some(session) = replaced.map(|replaced| replaced.session) {
                self.release(session, sink);
            }
            self.close(segment, place);
        }
        if self.legs.len() >= LEGS_MAX {
            return false;
        }
        let connection = Connection {
            session,
            interface: piece.interface,
            leg,
            client,
            next: [Some(next).filter(|_| is_intact), None],
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
        if !is_intact {
            sink(Record::Damaged { offset: piece.offset, len: 0 });
        }
        sink(Record::Opened { session, leg, at: piece.at, client, server, facts });
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
    fn direction(&self, segment: &Segment<'_>) -> Direction {
        if segment.source == self.client { Direction::Serverbound } else { Direction::Clientbound }
    }

    /// How many bytes of both directions stand in front of a segment and have not come: 0 where it is the next, or came
    /// before.
    fn ahead(&self, segment: &Segment<'_>) -> u64 {
        let direction = self.direction(segment);
        let ahead = |direction: Direction, number: u32| {
            let next = self.next[direction.index()].unwrap_or(number);
            u64::try_from(number.wrapping_sub(next).cast_signed()).unwrap_or(0)
        };
        let answered =
            if segment.is_ack() { ahead(direction.opposite(), segment.acknowledgment) } else { 0 };
        ahead(direction, segment.sequence) + answered
    }

    /// A segment whose checksum is wrong, if it has the next numbers and as many bytes as its packet: what is damaged is
    /// what it holds, and others may be in it. Whether a frame ends with it says its length.
    fn mended<'a>(&self, packet: &Packet<'_>, segment: &Segment<'a>) -> Option<Segment<'a>> {
        const HEADERS: [usize; 2] = [20 + 20, 40 + 20];
        let direction = self.direction(segment);
        let is_next = self.next[direction.index()] == Some(segment.sequence)
            && self.next[direction.opposite().index()] == Some(segment.acknowledgment);
        let headers = HEADERS[usize::from(segment.source.is_ipv6())];
        let len = segment.payload.len();
        let is_whole = packet.data.len() == headers + len;
        let is_plain = segment.is_ack() && segment.flags & (SYN | FIN | RST) == 0;
        let push = if (1..SEGMENT_LEN_MAX).contains(&len) { PSH } else { segment.flags & PSH };
        (is_next && is_whole && is_plain).then_some(Segment { flags: ACK | push, ..*segment })
    }

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
            self.give_part(direction, last, sink);
            self.parts[direction.index()] = None;
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
        piece: &Piece<'_>,
        last: &mut u64,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        let Piece { segment, at, note, offset, .. } = *piece;
        let is_whole = segment.missing == 0;
        if segment.is_push() && self.parts[direction.index()].is_none() {
            let frame = self.read(direction, at, segment.payload, note, last);
            sink(Record::Frame(RecordedFrame { is_whole, offset, ..frame }));
            return;
        }
        let parts = self.parts[direction.index()].get_or_insert_with(|| Parts {
            bytes: Vec::new(),
            note: note.map(|note| note.as_str().to_owned()),
            at,
            offset,
            is_whole: true,
            behind: None,
        });
        parts.is_whole &= is_whole;
        parts.bytes.extend_from_slice(segment.payload);
        let is_long = parts.bytes.len() >= FRAME_LEN_MAX;
        if segment.is_push() {
            if let Some(parts) = self.parts[direction.index()].take() {
                self.give(direction, &parts, last, sink);
            }
        } else if is_long {
            self.give_part(direction, last, sink);
        }
    }

    /// Gives what there is of a frame. What follows of it is another part.
    fn give_part(
        &mut self,
        direction: Direction,
        last: &mut u64,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        let Some(mut parts) = self.parts[direction.index()].take() else { return };
        let before = *last;
        parts.is_whole = false;
        self.give(direction, &parts, last, sink);
        parts.bytes = Vec::new();
        parts.behind = parts.behind.or(Some(before));
        self.parts[direction.index()] = Some(parts);
    }

    fn give(
        &self,
        direction: Direction,
        parts: &Parts,
        last: &mut u64,
        sink: &mut impl FnMut(Record<'_>),
    ) {
        if parts.bytes.is_empty() && parts.behind.is_some() {
            return;
        }
        let note = parts.note.as_deref().and_then(Note::parse);
        // All parts of a frame have its number; others may have come between them.
        let mut before = parts.behind.unwrap_or(*last);
        let frame = self.read(direction, parts.at, &parts.bytes, note, &mut before);
        *last = if parts.behind.is_some() { before.max(*last) } else { before };
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

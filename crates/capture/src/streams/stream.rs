//! One connection: two directions, and when something in them is given up.

use std::net::SocketAddr;
use std::time::Duration;

use midwire_codec::Direction;

use super::event::{StreamEnd, StreamEvent, StreamId};
use super::half::{Half, Moment, Out, Said};
use super::limits::StreamLimits;
use crate::decode::Segment;
use crate::timestamp::Timestamp;

/// Packets of all streams that pass after a reset before the stream is over: stragglers.
const LINGER_PACKETS: u64 = 64;

/// What makes waiting end, beside packets and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Nothing: a file is read, whatever its times say.
    Endless,
    /// Time.
    Timed,
    /// Whatever waits is given up.
    None,
}

impl Patience {
    fn is_over(self, waited: Duration, max: Duration) -> bool {
        match self {
            Self::Endless => false,
            Self::Timed => waited > max,
            Self::None => true,
        }
    }
}

/// An end of a stream: address and port.
pub(super) type End = (u128, u16);

/// The ends of a stream, the lower one first.
pub(super) type Key = (End, End);

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) key: Key,
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    client_end: End,
    from_start: bool,
    opened_at: Timestamp,
    is_announced: bool,
    pub(super) halves: [Half; 2],
    /// Packets of this stream so far.
    packets: u64,
    /// The last packet: its time, and its number among those of all streams.
    pub(super) last: Moment,
    /// When a reset was seen, in packets of all streams.
    reset: Option<(Direction, Moment)>,
    /// It is over; what is left are stragglers.
    pub(super) is_over: bool,
    /// It stands in the list of those that wait.
    pub(super) is_listed: bool,
}

impl Stream {
    pub(super) fn new(
        id: StreamId,
        key: Key,
        (client, server): (SocketAddr, SocketAddr),
        client_end: End,
        from_start: bool,
        now: Moment,
    ) -> Self {
        Self {
            id,
            key,
            client,
            server,
            client_end,
            from_start,
            opened_at: now.at,
            is_announced: false,
            halves: [Half::default(), Half::default()],
            packets: 0,
            last: now,
            reset: None,
            is_over: false,
            is_listed: false,
        }
    }

    pub(super) fn direction_from(&self, source: End) -> Direction {
        if source == self.client_end { Direction::Serverbound } else { Direction::Clientbound }
    }

    /// The handshake says that the ends are the other way round. Only while nothing was told.
    pub(super) fn connects_from(&mut self, source: End) {
        self.from_start |= !self.is_announced;
        if self.client_end != source && !self.is_announced {
            self.client_end = source;
            std::mem::swap(&mut self.client, &mut self.server);
            self.halves.swap(0, 1);
            if let Some((direction, _)) = &mut self.reset {
                *direction = direction.opposite();
            }
        }
    }

    /// Whether something is to be looked at again, though no packet comes.
    pub(super) fn is_waiting(&self) -> bool {
        let is_waiting =
            |half: &Half| half.is_waiting() || half.has_hole() || half.has_unseen_end();
        !self.is_over && (self.reset.is_some() || self.halves.iter().any(is_waiting))
    }

    /// Whether the last segment may have changed more than the place of the next byte.
    pub(super) fn needs_settling(&self) -> bool {
        let may_settle =
            |half: &Half| half.is_waiting() || half.has_unseen_end() || half.has_hole();
        self.reset.is_some() || self.halves.iter().any(may_settle)
    }

    pub(super) fn waiting_len(&self) -> usize {
        self.halves.iter().map(|half| half.waiting_len).sum()
    }

    /// Takes a segment. `now` counts the packets of all streams.
    pub(super) fn take(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        now: Moment,
        sink: &mut impl FnMut(StreamEvent<'_>),
    ) {
        self.packets += 1;
        self.last = now;
        let first = segment.sequence.wrapping_add(u32::from(segment.is_syn()));
        let half = &mut self.halves[direction.index()];
        if segment.is_syn() {
            half.initial = Some(segment.sequence);
            half.start_at(first);
        }
        if segment.is_ack() {
            let other = &mut self.halves[direction.opposite().index()];
            // A SYN's answer acknowledges the SYN alone.
            if segment.is_syn() && other.may_start_at(segment.acknowledgment) {
                other.start_at(segment.acknowledgment);
            }
            other.received_to(segment.acknowledgment, self.from_start);
        }
        let behind = segment.is_ack().then_some(segment.acknowledgment);
        if !segment.payload.is_empty() || segment.missing > 0 {
            let other = &self.halves[direction.opposite().index()];
            // What its sender had got before is not all there: how this is to be read may depend on that.
            let is_held = other.has_hole() || behind.is_some_and(|number| other.withholds(number));
            let half = &mut self.halves[direction.index()];
            if segment.missing == 0 && !is_held && half.is_next(first) {
                let offset = half.offset();
                half.advance(segment.payload.len());
                half.hole_since = None;
                half.received_since = None;
                self.tell(direction, now.at, offset, Out::Bytes(now.at, segment.payload), sink);
            } else {
                half.keep(first, segment.payload, segment.missing, Said { now, behind });
            }
        }
        let half = &mut self.halves[direction.index()];
        if segment.is_fin() {
            let len = (segment.payload.len() as u32).wrapping_add(segment.missing);
            half.end_at(first.wrapping_add(len));
        }
        if segment.is_rst() {
            self.reset.get_or_insert((direction, now));
        }
    }

    /// Gives what can be given, and gives up what has waited for too long.
    pub(super) fn settle(
        &mut self,
        now: Moment,
        limits: &StreamLimits,
        patience: Patience,
        sink: &mut impl FnMut(StreamEvent<'_>),
    ) {
        if self.is_over {
            return;
        }
        self.drain(now.at, sink);
        for direction in Direction::BOTH {
            self.settle_half(direction, now, limits, patience, sink);
        }
        if self.halves.iter().all(|half| half.is_finished) {
            self.end(StreamEnd::Finished, sink);
        } else if let Some((direction, since)) = self.reset {
            let is_late = now.packet.saturating_sub(since.packet) > LINGER_PACKETS
                || patience.is_over(now.at.since(since.at), limits.received_time_max);
            if is_late {
                self.give_up(now, sink);
                self.end(StreamEnd::Reset(direction), sink);
            }
        }
    }

    fn settle_half(
        &mut self,
        direction: Direction,
        now: Moment,
        limits: &StreamLimits,
        patience: Patience,
        sink: &mut impl FnMut(StreamEvent<'_>),
    ) {
        let here = Moment { at: now.at, packet: self.packets };
        loop {
            // What is held back in the other direction waits for this one.
            let held_len = self.halves[direction.opposite().index()].waiting_len;
            let is_holding = held_len > 0;
            let half = &mut self.halves[direction.index()];
            let is_waiting = match half.has_started() {
                true => half.has_hole(),
                false => {
                    half.is_waiting() || half.has_unseen_end() || half.is_awaited() && is_holding
                }
            };
            if !is_waiting {
                half.hole_since = None;
                half.received_since = None;
                break;
            }
            let passed = |since: &Option<Moment>| {
                let since = *since.as_ref().unwrap_or(&here);
                (here.packet.saturating_sub(since.packet), here.at.since(since.at))
            };
            half.hole_since.get_or_insert(here);
            let (packets, time) = passed(&half.hole_since);
            let is_full = half.waiting_len.max(held_len) > limits.waiting_len_max;
            if !half.has_started() {
                if is_full
                    || packets >= limits.start_packets_max
                    || patience.is_over(time, limits.start_time_max)
                {
                    self.start_at_first(now.at, sink);
                    continue;
                }
                return;
            }
            if half.is_received() {
                half.received_since.get_or_insert(here);
            }
            let (received_packets, received_time) = passed(&half.received_since);
            let is_late = packets >= limits.waiting_packets_max
                || patience.is_over(time, limits.waiting_time_max)
                || received_packets >= limits.received_packets_max
                || half.received_since.is_some()
                    && patience.is_over(received_time, limits.received_time_max);
            if !(is_full || is_late) {
                return;
            }
            self.skip(direction, now.at, Half::skip_hole, sink);
            self.drain(now.at, sink);
        }
        let half = &mut self.halves[direction.index()];
        if half.is_at_end() && !half.is_finished {
            half.is_finished = true;
            self.announce(sink);
            sink(StreamEvent::Finished { stream: self.id, direction, at: now.at });
        }
    }

    /// Which direction goes on. What its sender had got before saying it comes first, then what was captured
    /// first. Where bytes are missing, the other direction waits as well: what it says may depend on them.
    fn next_direction(&self) -> Option<Direction> {
        let next = Direction::BOTH.map(|direction| {
            let other = &self.halves[direction.opposite().index()];
            let said = self.halves[direction.index()].next_said().filter(|_| !other.has_hole())?;
            let is_held = said.behind.is_some_and(|number| other.withholds(number));
            Some((said.now, is_held, direction))
        });
        match next {
            // Both answer each other, so one of them was said before, in a segment that is not here: the one that
            // was captured last.
            [Some((_, true, _)), Some((_, true, _))] => next.into_iter().flatten().max(),
            _ => next.into_iter().flatten().filter(|(_, is_held, _)| !is_held).min(),
        }
        .map(|(_, _, direction)| direction)
    }

    /// Gives what can be given, of both directions.
    fn drain(&mut self, now: Timestamp, sink: &mut impl FnMut(StreamEvent<'_>)) {
        while let Some(direction) = self.next_direction() {
            let mut half = std::mem::take(&mut self.halves[direction.index()]);
            half.drain_one(&mut |offset, out| self.tell(direction, now, offset, out, sink));
            half.hole_since = None;
            half.received_since = None;
            self.halves[direction.index()] = half;
        }
    }

    /// The first bytes seen are the first ones, of both directions.
    fn start_at_first(&mut self, now: Timestamp, sink: &mut impl FnMut(StreamEvent<'_>)) {
        for half in self.halves.iter_mut().filter(|half| !half.has_started()) {
            half.start_at_first();
            half.hole_since = None;
        }
        self.drain(now, sink);
    }

    /// Gives up all that is missing.
    fn give_up(&mut self, now: Moment, sink: &mut impl FnMut(StreamEvent<'_>)) {
        self.start_at_first(now.at, sink);
        let has_hole =
            |this: &Self, direction: &Direction| this.halves[direction.index()].has_hole();
        while let Some(direction) =
            Direction::BOTH.into_iter().find(|direction| has_hole(self, direction))
        {
            self.skip(direction, now.at, Half::skip_hole, sink);
            self.drain(now.at, sink);
        }
        for direction in Direction::BOTH {
            self.skip(direction, now.at, Half::skip_tail, sink);
            let half = &mut self.halves[direction.index()];
            if half.is_at_end() && !half.is_finished {
                half.is_finished = true;
                self.announce(sink);
                sink(StreamEvent::Finished { stream: self.id, direction, at: now.at });
            }
        }
    }

    /// It is over for a reason that no packet of it gives.
    pub(super) fn close(
        &mut self,
        how: StreamEnd,
        now: Moment,
        sink: &mut impl FnMut(StreamEvent<'_>),
    ) {
        if self.is_over {
            return;
        }
        self.give_up(now, sink);
        let how = match self.reset {
            _ if self.halves.iter().all(|half| half.is_finished) => StreamEnd::Finished,
            Some((direction, _)) => StreamEnd::Reset(direction),
            None => how,
        };
        self.end(how, sink);
    }

    fn skip(
        &mut self,
        direction: Direction,
        now: Timestamp,
        skip: fn(&mut Half) -> u64,
        sink: &mut impl FnMut(StreamEvent<'_>),
    ) {
        let half = &mut self.halves[direction.index()];
        let offset = half.offset();
        let len = skip(half);
        half.hole_since = None;
        half.received_since = None;
        if len > 0 {
            self.tell(direction, now, offset, Out::Gap(len), sink);
        }
    }

    fn end(&mut self, how: StreamEnd, sink: &mut impl FnMut(StreamEvent<'_>)) {
        self.is_over = true;
        self.announce(sink);
        sink(StreamEvent::Ended { stream: self.id, at: self.last.at, how });
    }

    fn tell(
        &mut self,
        direction: Direction,
        now: Timestamp,
        offset: u64,
        out: Out<'_>,
        sink: &mut impl FnMut(StreamEvent<'_>),
    ) {
        self.announce(sink);
        let stream = self.id;
        sink(match out {
            Out::Bytes(at, bytes) => StreamEvent::Bytes { stream, direction, at, offset, bytes },
            Out::Gap(len) => StreamEvent::Gap { stream, direction, at: now, offset, len },
        });
    }

    fn announce(&mut self, sink: &mut impl FnMut(StreamEvent<'_>)) {
        if !std::mem::replace(&mut self.is_announced, true) {
            sink(StreamEvent::Opened {
                stream: self.id,
                at: self.opened_at,
                client: self.client,
                server: self.server,
                from_start: self.from_start,
            });
        }
    }

    /// Tells that it began, where it began with a handshake.
    pub(super) fn announce_handshake(&mut self, sink: &mut impl FnMut(StreamEvent<'_>)) {
        if self.from_start {
            self.announce(sink);
        }
    }

    /// Whether a segment belongs to another connection between the same ends.
    pub(super) fn is_foreign(&self, direction: Direction, segment: &Segment<'_>) -> bool {
        /// How far from what was seen a segment of the same connection may be.
        const NEAR: u32 = 1 << 20;
        let half = &self.halves[direction.index()];
        let other = &self.halves[direction.opposite().index()];
        if segment.is_syn() {
            let first = segment.sequence.wrapping_add(1);
            let is_answer = segment.is_ack() && self.answers(other, segment);
            return match half.initial {
                Some(initial) => initial != segment.sequence && !is_answer,
                None if half.has_started() => !half.starts_at(first) && !is_answer,
                None if self.is_over => !is_answer,
                None => !half.is_unseen() && !half.may_have(first, NEAR),
            };
        }
        self.is_over && !segment.payload.is_empty() && !half.may_have(segment.sequence, NEAR)
    }

    /// Whether a SYN answers the one of the other direction.
    fn answers(&self, other: &Half, segment: &Segment<'_>) -> bool {
        other.initial == Some(segment.acknowledgment.wrapping_sub(1))
    }
}

//! TCP segments into streams.

mod event;
mod half;
mod limits;
mod stream;

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

pub use self::event::{StreamEnd, StreamEvent, StreamId};
use self::half::Moment;
pub use self::limits::StreamLimits;
use self::stream::{End, Key, Patience, Stream};
use crate::decode::Segment;
use crate::timestamp::Timestamp;

/// After so many packets, those streams are looked at that wait and get none.
const SWEEP_EVERY: u64 = 256;

/// Streams that are found without looking for them.
const RECENT: usize = 256;

/// Puts TCP streams together, many at once, from segments in the order of the capture.
///
/// What comes twice counts once: where copies differ, the first one holds. What is missing is waited
/// for, and then given up as a [`StreamEvent::Gap`] of known length; the stream goes on behind it.
#[derive(Debug)]
pub struct Streams {
    limits: StreamLimits,
    server_ports: HashSet<u16>,
    places: HashMap<Key, usize>,
    streams: Vec<Stream>,
    /// Some of the streams that had the last segments, and where they are, by [`slot`].
    recent: [Option<(Key, usize)>; RECENT],
    /// Streams that wait for something.
    listed: Vec<usize>,
    waiting_total: usize,
    opened: u64,
    now: Moment,
}

impl Default for Streams {
    fn default() -> Self {
        Self::new(StreamLimits::default())
    }
}

impl Streams {
    /// Reassembly within limits.
    #[must_use]
    pub fn new(limits: StreamLimits) -> Self {
        Self {
            limits: StreamLimits { streams_max: limits.streams_max.max(8), ..limits },
            server_ports: HashSet::new(),
            places: HashMap::new(),
            streams: Vec::new(),
            recent: [None; RECENT],
            listed: Vec::new(),
            waiting_total: 0,
            opened: 0,
            now: Moment { at: Timestamp(0), packet: 0 },
        }
    }

    /// Ports that servers listen on: tells which end is the server's where no handshake was seen.
    #[must_use]
    pub fn with_server_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.server_ports.extend(ports);
        self
    }

    /// Takes a segment, and gives what follows from it. `at`: when it was captured, if known.
    pub fn push(
        &mut self,
        segment: &Segment<'_>,
        at: Option<Timestamp>,
        mut sink: impl FnMut(StreamEvent<'_>),
    ) {
        self.now.packet += 1;
        self.now.at = at.unwrap_or(self.now.at);
        if self.now.packet.is_multiple_of(SWEEP_EVERY) {
            self.sweep(Patience::Endless, &mut sink);
        }
        let (source, destination) = (end(segment.source), end(segment.destination));
        let key = if source <= destination { (source, destination) } else { (destination, source) };
        let slot = slot(&key);
        let known = match self.recent[slot] {
            Some((recent, place)) if recent == key => Some(place),
            _ => self.places.get(&key).copied(),
        };
        let known = known.filter(|&place| {
            let stream = &mut self.streams[place];
            let direction = stream.direction_from(source);
            let is_foreign = stream.is_foreign(direction, segment);
            if is_foreign {
                let before = stream.waiting_len();
                stream.close(StreamEnd::Replaced, self.now, &mut sink);
                self.waiting_total -= before - stream.waiting_len();
            }
            !is_foreign
        });
        let place = match known {
            Some(place) => place,
            None => match self.open(key, source, segment, &mut sink) {
                Some(place) => place,
                None => return,
            },
        };
        self.recent[slot] = Some((key, place));
        let stream = &mut self.streams[place];
        if stream.is_over {
            stream.last = self.now;
            return;
        }
        if segment.is_syn() {
            stream.connects_from(if segment.is_ack() { destination } else { source });
            stream.announce_handshake(&mut sink);
        }
        let before = stream.waiting_len();
        let direction = stream.direction_from(source);
        stream.take(direction, segment, self.now, &mut sink);
        if before > 0 || stream.needs_settling() {
            stream.settle(self.now, &self.limits, Patience::Endless, &mut sink);
        }
        self.waiting_total = self.waiting_total + stream.waiting_len() - before;
        if stream.is_waiting() && !stream.is_listed {
            stream.is_listed = true;
            self.listed.push(place);
        }
        if self.waiting_total > self.limits.waiting_total_max {
            self.sweep(Patience::None, &mut sink);
        }
    }

    /// This is the time now, for who follows a capture that grows: what has waited for too long is given
    /// up. Without it, only packets and bytes count, and a file may be in any order of times.
    pub fn pass_time(&mut self, now: Timestamp, mut sink: impl FnMut(StreamEvent<'_>)) {
        self.now.at = self.now.at.max(now);
        self.sweep(Patience::Timed, &mut sink);
    }

    /// The capture is over: gives what still waits, and ends all streams.
    pub fn finish(&mut self, mut sink: impl FnMut(StreamEvent<'_>)) {
        let mut streams = std::mem::take(&mut self.streams);
        streams.sort_unstable_by_key(|stream| stream.id);
        for stream in &mut streams {
            stream.close(StreamEnd::Capture, self.now, &mut sink);
        }
        self.places.clear();
        self.listed.clear();
        self.recent = [None; RECENT];
        self.waiting_total = 0;
    }

    /// Bytes that wait for others, with what keeping them costs.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.waiting_total
    }

    fn open(
        &mut self,
        key: Key,
        source: End,
        segment: &Segment<'_>,
        sink: &mut impl FnMut(StreamEvent<'_>),
    ) -> Option<usize> {
        let has_bytes = !segment.payload.is_empty() || segment.missing > 0;
        if !segment.is_syn() && !has_bytes {
            return None;
        }
        let is_to_server = match (segment.is_syn(), segment.is_ack()) {
            (true, is_answer) => !is_answer,
            (false, _) => self.is_to_server(segment),
        };
        let (source_address, destination) = (segment.source, segment.destination);
        let (ends, client_end) = if is_to_server {
            ((source_address, destination), source)
        } else {
            ((destination, source_address), if key.0 == source { key.1 } else { key.0 })
        };
        let id = StreamId(self.opened);
        self.opened += 1;
        let stream = Stream::new(id, key, ends, client_end, segment.is_syn(), self.now);
        // One that is over makes room for the next between the same ends.
        if let Some(&place) = self.places.get(&key) {
            let last = std::mem::replace(&mut self.streams[place], stream);
            self.streams[place].is_listed = last.is_listed;
            return Some(place);
        }
        if self.streams.len() >= self.limits.streams_max {
            self.forget(sink);
        }
        let place = self.streams.len();
        self.streams.push(stream);
        self.places.insert(key, place);
        Some(place)
    }

    fn is_to_server(&self, segment: &Segment<'_>) -> bool {
        let (source, destination) = (segment.source.port(), segment.destination.port());
        let known = |port| self.server_ports.contains(&port);
        match (known(source), known(destination)) {
            (true, false) => false,
            (false, true) => true,
            _ => destination <= source,
        }
    }

    /// Makes room: for an eighth of all streams, so that it is seldom done. Those that are over go
    /// first, then those that were silent for longest.
    fn forget(&mut self, sink: &mut impl FnMut(StreamEvent<'_>)) {
        let mut order: Vec<usize> = (0..self.streams.len()).collect();
        order.sort_by_key(|&place| {
            let stream = &self.streams[place];
            (!stream.is_over, stream.last.packet)
        });
        order.truncate(self.streams.len() / 8);
        for &place in &order {
            self.streams[place].close(StreamEnd::Forgotten, self.now, sink);
        }
        let mut gone = vec![false; self.streams.len()];
        order.iter().for_each(|&place| gone[place] = true);
        let mut gone = gone.into_iter();
        self.streams.retain(|_| !gone.next().unwrap_or(false));
        self.recent = [None; RECENT];
        self.places.clear();
        self.listed.clear();
        self.waiting_total = 0;
        for (place, stream) in self.streams.iter_mut().enumerate() {
            self.places.insert(stream.key, place);
            self.waiting_total += stream.waiting_len();
            stream.is_listed = stream.is_waiting();
            if stream.is_listed {
                self.listed.push(place);
            }
        }
    }

    /// Looks at the streams that wait. Without patience: until few enough bytes wait, those first that
    /// have done so for longest.
    fn sweep(&mut self, patience: Patience, sink: &mut impl FnMut(StreamEvent<'_>)) {
        let mut listed = std::mem::take(&mut self.listed);
        listed.retain(|&place| {
            let Some(stream) = self.streams.get_mut(place) else { return false };
            let is_enough = self.waiting_total <= self.limits.waiting_total_max / 2;
            let patience = match patience {
                Patience::None if is_enough => Patience::Endless,
                patience => patience,
            };
            let before = stream.waiting_len();
            stream.settle(self.now, &self.limits, patience, sink);
            self.waiting_total = self.waiting_total + stream.waiting_len() - before;
            stream.is_listed = stream.is_waiting();
            stream.is_listed
        });
        self.listed = listed;
    }
}

/// Where a stream may be among the recent ones.
const fn slot(key: &Key) -> usize {
    let ((_, low), (_, high)) = *key;
    ((low ^ high) as usize) % RECENT
}

fn end(address: SocketAddr) -> End {
    let bits = match address.ip() {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    };
    (bits, address.port())
}

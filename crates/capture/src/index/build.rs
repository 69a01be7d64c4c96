//! Making an index, packet by packet.

use std::collections::BTreeMap;

use super::{
    CONTEXTS_MAX, Index, KEY_PLACES_MAX, KEYS_MAX, Key, KeyTotals, PLACES_MAX, Point, STARTS_MAX,
    STATES_LEN_MAX, Stamp,
};
use crate::read::Context;
use crate::timestamp::Timestamp;

/// Starts are this far apart at first, in packets.
const EVERY: u64 = 256;

/// Interfaces in all contexts together.
const CONTEXT_INTERFACES_MAX: usize = 65_536;

/// A packet, as its maker counts them: a frame of a game.
#[derive(Clone, Copy, Debug)]
pub struct IndexedPacket<'a> {
    /// Where in the file the first of its records starts.
    pub offset: u64,
    /// When it was.
    pub at: Timestamp,
    /// Its length.
    pub len: u32,
    /// What it is counted and found by.
    pub keys: &'a [u32],
}

/// Makes an index of the packets that it is given, in the order of the file.
#[derive(Debug)]
pub struct IndexBuilder {
    packets: u64,
    every: u64,
    contexts: Vec<Context>,
    points: Vec<Point>,
    states_len: usize,
    keys: BTreeMap<u32, Key>,
    places: usize,
    uncounted: u64,
}

impl Default for IndexBuilder {
    fn default() -> Self {
        Self {
            packets: 0,
            every: EVERY,
            contexts: Vec::new(),
            points: Vec::new(),
            states_len: 0,
            keys: BTreeMap::new(),
            places: 0,
            uncounted: 0,
        }
    }
}

impl IndexBuilder {
    /// Goes on where an index ended: see [`Index::end`].
    #[must_use]
    pub fn extend(index: Index) -> Self {
        Self {
            packets: index.packets,
            every: index.every,
            states_len: index.points.iter().map(|point| point.state.len()).sum(),
            places: index.keys.values().map(|key| key.places.len()).sum(),
            contexts: index.contexts,
            points: index.points,
            keys: index.keys,
            uncounted: index.uncounted,
        }
    }

    /// Whether the next packet is one to start at, for which [`IndexBuilder::start`] is to be called.
    #[must_use]
    pub const fn wants_start(&self) -> bool {
        self.packets.is_multiple_of(self.every)
    }

    /// Reading can start at the next packet, which starts at `offset`. `state` is given back with it.
    pub fn start(&mut self, offset: u64, at: Timestamp, context: &Context, state: &[u8]) {
        if !self.wants_start() {
            return;
        }
        let Some(point) = self.point(offset, at, context, state) else { return };
        self.states_len += point.state.len();
        self.points.push(point);
        while self.points.len() > STARTS_MAX || self.states_len > STATES_LEN_MAX {
            self.every = self.every.saturating_mul(2);
            let every = self.every;
            self.points.retain(|point| (point.packet - 1).is_multiple_of(every));
            self.states_len = self.points.iter().map(|point| point.state.len()).sum();
        }
    }

    /// The next packet.
    pub fn packet(&mut self, packet: &IndexedPacket<'_>) {
        self.packets += 1;
        for &key in packet.keys {
            if self.keys.len() >= KEYS_MAX && !self.keys.contains_key(&key) {
                self.uncounted += 1;
                continue;
            }
            let of = self.keys.entry(key).or_insert_with(|| Key {
                totals: KeyTotals {
                    count: 0,
                    bytes: 0,
                    lengths: (packet.len, packet.len),
                    times: (packet.at, packet.at),
                },
                stride: 1,
                places: Vec::new(),
            });
            if of.totals.count.is_multiple_of(of.stride) {
                of.places.push(self.packets);
                self.places += 1;
                if of.places.len() > KEY_PLACES_MAX {
                    self.places -= of.thin();
                }
            }
            let totals = &mut of.totals;
            totals.count += 1;
            totals.bytes += u64::from(packet.len);
            totals.lengths = (totals.lengths.0.min(packet.len), totals.lengths.1.max(packet.len));
            totals.times.1 = packet.at;
        }
        if self.places > PLACES_MAX {
            // Keys that have one place keep it: there are fewer keys than places.
            let gone: usize = self.keys.values_mut().map(Key::thin).sum();
            self.places -= gone;
        }
    }

    /// The file ends at `offset`, for now. `None` where there are too many sections and interfaces, or the
    /// state is too long, to go on there.
    #[must_use]
    pub fn finish(
        mut self,
        stamp: Stamp,
        offset: u64,
        context: &Context,
        state: &[u8],
    ) -> Option<Index> {
        let at = self.keys.values().map(|key| key.totals.times.1).max().unwrap_or_default();
        let end = self.point(offset, at, context, state)?;
        Some(Index {
            stamp,
            packets: self.packets,
            every: self.every,
            contexts: self.contexts,
            points: self.points,
            end,
            keys: self.keys,
            uncounted: self.uncounted,
        })
    }

    fn point(
        &mut self,
        offset: u64,
        at: Timestamp,
        context: &Context,
        state: &[u8],
    ) -> Option<Point> {
        if state.len() > STATES_LEN_MAX / 4 {
            return None;
        }
        if self.contexts.last() != Some(context) {
            let interfaces: usize =
                self.contexts.iter().map(|context| context.interfaces.len()).sum();
            if self.contexts.len() >= CONTEXTS_MAX || interfaces > CONTEXT_INTERFACES_MAX {
                return None;
            }
            self.contexts.push(context.clone());
        }
        let context = u32::try_from(self.contexts.len() - 1).ok()?;
        Some(Point { packet: self.packets + 1, offset, at, context, state: state.into() })
    }
}

impl Key {
    /// Drops every other place. Gives how many those are.
    fn thin(&mut self) -> usize {
        let before = self.places.len();
        if before < 2 {
            return 0;
        }
        let mut even = [true, false].into_iter().cycle();
        self.places.retain(|_| even.next().unwrap_or(true));
        self.stride = self.stride.saturating_mul(2);
        before - self.places.len()
    }
}

//! Where in a long capture its packets are: what is kept in a file beside it.
//!
//! An index knows a start for every so many packets, and for each key that its maker gave (a session, a
//! type of packet) how many there are and where. Its size does not grow with the capture: when there are
//! too many starts or places, every other one is dropped.

mod build;
mod bytes;

use std::collections::BTreeMap;

pub use self::build::{IndexBuilder, IndexedPacket};
pub use self::bytes::{INDEX_VERSION, IndexError};
use crate::read::Context;
use crate::timestamp::Timestamp;

/// Starts that are kept.
pub const STARTS_MAX: usize = 4_096;

/// Bytes of all starts' states.
pub const STATES_LEN_MAX: usize = 4 << 20;

/// Contexts that are kept: sections and interfaces. Behind the last one, an index knows no starts.
pub const CONTEXTS_MAX: usize = 1_024;

/// Keys that are counted.
pub const KEYS_MAX: usize = 65_536;

/// Places that are kept, of all keys together.
pub const PLACES_MAX: usize = 1 << 19;

/// Places that are kept of one key.
pub const KEY_PLACES_MAX: usize = 8_192;

/// How much of a file's start tells it from others.
pub const HEAD_LEN: usize = 4_096;

/// What tells whether an index belongs to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The file's length.
    pub len: u64,
    /// When it was changed, in nanoseconds since 1970; 0 where that is not known.
    pub modified: u64,
    /// A hash of its first [`HEAD_LEN`] bytes, or of what there is.
    pub head: u64,
}

impl Stamp {
    /// `head`: the file's first bytes, of which [`HEAD_LEN`] count.
    #[must_use]
    pub fn new(len: u64, modified: u64, head: &[u8]) -> Self {
        Self { len, modified, head: bytes::hash(&head[..head.len().min(HEAD_LEN)]) }
    }
}

/// Whether an index belongs to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It does.
    Fresh,
    /// The file has grown since: [`IndexBuilder::extend`] goes on.
    Grown,
    /// It does not: it has to be made anew.
    Stale,
}

/// A place where reading can start.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Point {
    packet: u64,
    offset: u64,
    at: Timestamp,
    /// Which of the contexts holds there.
    context: u32,
    state: Box<[u8]>,
}

/// A place where reading can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start<'a> {
    /// The number of the first packet that is read from there, counted from 1.
    pub packet: u64,
    /// Where in the file.
    pub offset: u64,
    /// When the packet was.
    pub at: Timestamp,
    /// For [`Reader::resume`](crate::Reader::resume).
    pub context: &'a Context,
    /// What the index's maker gave.
    pub state: &'a [u8],
}

/// What there is of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTotals {
    /// Packets.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The least and the most bytes of one.
    pub lengths: (u32, u32),
    /// The time of the first one in the file, and of the last one.
    pub times: (Timestamp, Timestamp),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    totals: KeyTotals,
    /// Every so many packets of the key, one has its place kept.
    stride: u64,
    /// Their packet numbers, the key's first one at the front.
    places: Vec<u64>,
}

/// A finished index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    stamp: Stamp,
    packets: u64,
    /// Every so many packets there is a start.
    every: u64,
    contexts: Vec<Context>,
    points: Vec<Point>,
    /// Where the file ended.
    end: Point,
    keys: BTreeMap<u32, Key>,
    /// Packets whose keys did not fit.
    uncounted: u64,
}

impl Index {
    /// Whether it belongs to a file.
    #[must_use]
    pub fn freshness(&self, stamp: &Stamp) -> Freshness {
        let same_head = self.stamp.head == stamp.head;
        if *stamp == self.stamp {
            Freshness::Fresh
        } else if same_head && stamp.len > self.stamp.len && self.stamp.len >= HEAD_LEN as u64 {
            Freshness::Grown
        } else {
            Freshness::Stale
        }
    }

    /// How many packets there are.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Keys of packets that are not among [`Index::keys`], because there are [`KEYS_MAX`] of those.
    #[must_use]
    pub const fn uncounted(&self) -> u64 {
        self.uncounted
    }

    /// The last start in front of a packet, or at it. Packets count from 1.
    #[must_use]
    pub fn start(&self, packet: u64) -> Option<Start<'_>> {
        let behind = self.points.partition_point(|point| point.packet <= packet);
        self.view(self.points.get(behind.checked_sub(1)?)?)
    }

    /// A start in front of all packets of a time or later, as far as the file is in order of time.
    #[must_use]
    pub fn start_at(&self, at: Timestamp) -> Option<Start<'_>> {
        let behind = self.points.partition_point(|point| point.at < at);
        self.view(self.points.get(behind.saturating_sub(1))?)
    }

    /// Where the file ended when the index was made.
    #[must_use]
    pub fn end(&self) -> Option<Start<'_>> {
        self.view(&self.end)
    }

    /// The keys, in their order, with what there is of each.
    pub fn keys(&self) -> impl Iterator<Item = (u32, KeyTotals)> {
        self.keys.iter().map(|(key, of)| (*key, of.totals))
    }

    /// What there is of a key.
    #[must_use]
    pub fn key(&self, key: u32) -> Option<KeyTotals> {
        Some(self.keys.get(&key)?.totals)
    }

    /// The `nth` packet of a key, counted from 1: the number of a packet of that key which is not behind
    /// it, and how many more of the key follow up to it.
    #[must_use]
    pub fn nth(&self, key: u32, nth: u64) -> Option<(u64, u64)> {
        let key = self.keys.get(&key)?;
        let before = nth.checked_sub(1).filter(|before| *before < key.totals.count)?;
        let place = key.places.get(usize::try_from(before / key.stride).ok()?)?;
        Some((*place, before % key.stride))
    }

    fn view<'a>(&'a self, point: &'a Point) -> Option<Start<'a>> {
        Some(Start {
            packet: point.packet,
            offset: point.offset,
            at: point.at,
            context: self.contexts.get(point.context as usize)?,
            state: &point.state,
        })
    }
}

//! An index as bytes.
//!
//! ```text
//! "MWIX" version  stamp  numbers  contexts  starts  end  keys  hash
//! ```
//!
//! The hash, at the end, is of all in front of it, as 8 bytes with the lowest first. It finds damage, not intent.

use std::collections::BTreeMap;

use super::{
    CONTEXTS_MAX, Index, KEY_PLACES_MAX, KEYS_MAX, Key, KeyTotals, PLACES_MAX, Point, STARTS_MAX,
    STATES_LEN_MAX, Stamp,
};
use crate::format::LinkType;
use crate::numbers::{In, Out};
use crate::read::{Context, INTERFACES_MAX, InterfaceContext, Kind, Order, Resolution};
use crate::timestamp::Timestamp;

const MAGIC: [u8; 4] = *b"MWIX";

/// The form of index that is written and read.
pub const INDEX_VERSION: u8 = 2;

/// Why bytes are no index. It has to be made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// They do not start like one.
    #[error("not an index")]
    Magic,
    /// Another form of index than this.
    #[error("an index of version {0}, where {INDEX_VERSION} is read")]
    Version(u8),
    /// They end too early, or a bit is flipped.
    #[error("the index is damaged")]
    Damaged,
}

pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(8);
    let mix = |hash: u64, word: u64| {
        let mixed = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 32
    };
    let mut hash = bytes.len() as u64;
    for word in &mut words {
        hash = mix(hash, u64::from_le_bytes(word.try_into().unwrap_or_default()));
    }
    words.remainder().iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)))
}

impl Index {
    /// As bytes for a file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Out(Vec::new());
        out.0.extend_from_slice(&MAGIC);
        out.0.push(INDEX_VERSION);
        let stamp = &self.stamp;
        for number in [stamp.len, stamp.modified, stamp.head, self.packets, self.every] {
            out.number(number);
        }
        out.number(self.uncounted);
        out.number(self.contexts.len() as u64);
        self.contexts.iter().for_each(|context| out.context(context));
        out.number(self.points.len() as u64);
        self.points.iter().for_each(|point| out.point(point));
        out.point(&self.end);
        out.number(self.keys.len() as u64);
        for (id, key) in &self.keys {
            let KeyTotals { count, bytes, lengths, times } = key.totals;
            let (first, last) = (times.0.0, times.1.0);
            let (least, most) = (u64::from(lengths.0), u64::from(lengths.1));
            for number in [u64::from(*id), count, bytes, least, most, first, last, key.stride] {
                out.number(number);
            }
            out.number(key.places.len() as u64);
            let mut before = 0;
            for place in &key.places {
                out.number(place - before);
                before = *place;
            }
        }
        let hash = hash(&out.0);
        out.0.extend_from_slice(&hash.to_le_bytes());
        out.0
    }

    /// Out of a file's bytes.
    ///
    /// # Errors
    /// Where they are no index, or a damaged one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        let rest = bytes.strip_prefix(&MAGIC).ok_or(IndexError::Magic)?;
        let (&version, _) = rest.split_first().ok_or(IndexError::Damaged)?;
        if version != INDEX_VERSION {
            return Err(IndexError::Version(version));
        }
        let (content, end) = bytes.split_last_chunk::<8>().ok_or(IndexError::Damaged)?;
        if hash(content) != u64::from_le_bytes(*end) {
            return Err(IndexError::Damaged);
        }
        let mut input = In(content.get(5..).unwrap_or_default());
        let index = input.index().ok_or(IndexError::Damaged)?;
        if input.0.is_empty() { Ok(index) } else { Err(IndexError::Damaged) }
    }
}

impl Out {
    fn context(&mut self, context: &Context) {
        self.number(match context.kind {
            Kind::Pcapng => 0,
            Kind::Pcap { header_len } => u64::from(header_len),
        });
        self.number(u64::from(context.order == Order::Big));
        self.number(u64::from(context.section));
        self.number(context.interfaces.len() as u64);
        for interface in &context.interfaces {
            self.number(u64::from(interface.link.0));
            self.number(u64::from(interface.snap_len));
            self.number(u64::from(interface.resolution.0));
            self.number(interface.offset.cast_unsigned());
        }
    }

    fn point(&mut self, point: &Point) {
        for number in [point.packet, point.offset, point.at.0, u64::from(point.context)] {
            self.number(number);
        }
        self.number(point.state.len() as u64);
        self.0.extend_from_slice(&point.state);
    }
}

impl In<'_> {
    fn index(&mut self) -> Option<Index> {
        let stamp = Stamp { len: self.number()?, modified: self.number()?, head: self.number()? };
        let (packets, every, uncounted) = (self.number()?, self.number()?, self.number()?);
        let contexts =
            (0..self.count(CONTEXTS_MAX)?).map(|_| self.context()).collect::<Option<Vec<_>>>()?;
        let known = contexts.len();
        let points =
            (0..self.count(STARTS_MAX)?).map(|_| self.point(known)).collect::<Option<Vec<_>>>()?;
        let end = self.point(known)?;
        let mut keys = BTreeMap::new();
        let mut places = 0;
        for _ in 0..self.count(KEYS_MAX)? {
            let (id, key) = self.key()?;
            places += key.places.len();
            keys.insert(id, key);
        }
        let is_sorted = points.windows(2).all(|pair| pair[0].packet < pair[1].packet);
        let is_sound = is_sorted
            && every > 0
            && places <= PLACES_MAX
            && points.iter().all(|point| point.packet > 0 && point.packet <= packets)
            && end.packet == packets.checked_add(1)?;
        is_sound.then_some(Index { stamp, packets, every, contexts, points, end, keys, uncounted })
    }

    fn context(&mut self) -> Option<Context> {
        let kind = match self.number()? {
            0 => Kind::Pcapng,
            16 => Kind::Pcap { header_len: 16 },
            24 => Kind::Pcap { header_len: 24 },
            _ => return None,
        };
        let order = match self.number()? {
            0 => Order::Little,
            1 => Order::Big,
            _ => return None,
        };
        let section = self.small()?;
        let interfaces = (0..self.count(INTERFACES_MAX as usize)?)
            .map(|_| {
                Some(InterfaceContext {
                    link: LinkType(self.small()?),
                    snap_len: self.small()?,
                    resolution: Resolution(self.small()?),
                    offset: self.number()?.cast_signed(),
                })
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Context { kind, order, section, interfaces })
    }

    fn point(&mut self, contexts: usize) -> Option<Point> {
        let (packet, offset, at) = (self.number()?, self.number()?, Timestamp(self.number()?));
        let context = self.small::<u32>().filter(|context| (*context as usize) < contexts)?;
        let len = self.count(STATES_LEN_MAX)?;
        let (state, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(Point { packet, offset, at, context, state: state.into() })
    }

    fn key(&mut self) -> Option<(u32, Key)> {
        let id = self.small()?;
        let (count, bytes) = (self.number()?, self.number()?);
        let lengths = (self.small()?, self.small()?);
        let times = (Timestamp(self.number()?), Timestamp(self.number()?));
        let stride = self.number().filter(|stride| *stride > 0)?;
        let mut before: u64 = 0;
        let places = (0..self.count(KEY_PLACES_MAX)?)
            .map(|_| {
                before = before.checked_add(self.number()?)?;
                Some(before)
            })
            .collect::<Option<Vec<_>>>()?;
        let totals = KeyTotals { count, bytes, lengths, times };
        Some((id, Key { totals, stride, places }))
    }
}

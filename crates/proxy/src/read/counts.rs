//! Packets, counted by what they are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use midwire_capture::Timestamp;
use midwire_definition::{PacketDefinition, Protocol, StateId};
use midwire_session::Direction;

use super::numbers::{put, put_bytes, take, take_bytes};

/// What packets are counted by.
pub(super) type Key = (Arc<str>, StateId, u8, Id, Option<Arc<str>>);

/// The id of a kind of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Id {
    /// It cannot be read.
    Unread,
    Is(i64),
    /// One that nobody knows, of so many that they are not told apart.
    Others,
}

/// Ids without a definition that are counted each by itself: bytes taken for packets have any number of them.
const UNKNOWN_MAX: usize = 1_024;

/// What was counted of one kind of packet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) bytes: u64,
    pub(super) wire_bytes: u64,
    pub(super) least: u32,
    pub(super) most: u32,
    pub(super) malformed: u64,
    pub(super) first: Duration,
    pub(super) last: Duration,
}

/// A packet, as far as it is counted.
pub(super) struct Seen<'a> {
    /// What [`Counts::protocol`] gave.
    pub(super) protocol: u32,
    pub(super) state: StateId,
    pub(super) direction: Direction,
    pub(super) id: Option<i64>,
    pub(super) definition: Option<&'a PacketDefinition>,
    pub(super) length: u32,
    pub(super) wire_length: u32,
    pub(super) at: Timestamp,
    pub(super) is_malformed: bool,
}

/// All that is counted.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) protocols: Vec<Arc<Protocol>>,
    places: HashMap<Place, usize>,
    /// Those of them that no definition knows.
    unknown: usize,
    /// The same for small ids of the first protocols, by [`dense`].
    dense: Vec<u32>,
    kinds: Vec<Counted>,
    /// When the first packet was.
    begun: Option<Timestamp>,
    packets: u64,
    wire_bytes: u64,
    /// Frames and bytes of sessions, whether they were counted as packets or not.
    came: (u64, u64),
    /// Sessions.
    pub(super) opened: u64,
    /// Bytes that were not cut into packets.
    pub(super) opaque: u64,
}

/// What tells kinds of packets apart.
type Place = (u32, StateId, u8, Id);

/// What was counted of one kind of packet.
struct Counted {
    key: Place,
    name: Option<Arc<str>>,
    tally: Tally,
}

/// Where a kind of packet stands among those of small ids.
fn dense(seen: &Seen<'_>) -> Option<usize> {
    const IDS: usize = 256;
    let id = usize::try_from(seen.id?).ok().filter(|id| *id < IDS)?;
    let state = usize::from(seen.state.0);
    (seen.protocol < 4 && state < 16)
        .then(|| ((seen.protocol as usize * 16 + state) * 2 + seen.direction.index()) * IDS + id)
}

impl Counts {
    /// What stands for a protocol.
    pub(super) fn protocol(&mut self, protocol: &Arc<Protocol>) -> u32 {
        let known = self.protocols.iter().position(|known| Arc::ptr_eq(known, protocol));
        let at = known.unwrap_or_else(|| {
            self.protocols.push(protocol.clone());
            self.protocols.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// Counts a packet. Of several versions the same id may be another packet: then the first one's
    /// name stands.
    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        let begun = *self.begun.get_or_insert(seen.at);
        let at = seen.at.since(begun);
        self.packets += 1;
        self.wire_bytes += u64::from(seen.wire_length);
        let place = dense(seen);
        let known = place.and_then(|place| self.dense.get(place)).copied().unwrap_or(0);
        let index = match usize::try_from(known).ok().and_then(|known| known.checked_sub(1)) {
            Some(index) => index,
            None => self.place(seen, place),
        };
        if let Some(counted) = self.kinds.get_mut(index) {
            counted.tally.add(seen.length, seen.wire_length, at, seen.is_malformed);
        }
    }

    fn place(&mut self, seen: &Seen<'_>, dense: Option<usize>) -> usize {
        let id = seen.id.map_or(Id::Unread, Id::Is);
        let mut key = (seen.protocol, seen.state, seen.direction.index() as u8, id);
        if seen.definition.is_none() && !self.places.contains_key(&key) {
            self.unknown += 1;
            if self.unknown > UNKNOWN_MAX && id != Id::Unread {
                key.3 = Id::Others;
            }
        }
        let kinds = &mut self.kinds;
        let index = *self.places.entry(key).or_insert_with(|| {
            let name = seen.definition.map(|known| known.name.clone());
            kinds.push(Counted { key, name, tally: Tally::default() });
            kinds.len() - 1
        });
        if let Some(dense) = dense.filter(|_| key.3 != Id::Others) {
            if self.dense.len() <= dense {
                self.dense.resize(dense + 1, 0);
            }
            self.dense[dense] = u32::try_from(index + 1).unwrap_or(0);
        }
        index
    }

    /// A session is over, in which so many frames and bytes came.
    pub(super) fn came(&mut self, frames: u64, bytes: u64) {
        self.came = (self.came.0 + frames, self.came.1 + bytes);
    }

    /// All that was counted, the most frequent first.
    pub(super) fn rows(&self) -> Vec<(Key, Tally)> {
        let mut rows: Vec<(Key, Tally)> = Vec::new();
        for Counted { key: (protocol, state, direction, id), name, tally } in &self.kinds {
            let protocol = self.protocols.get(*protocol as usize);
            let protocol = protocol.map_or_else(|| "".into(), |known| known.name.clone());
            rows.push(((protocol, *state, *direction, *id, name.clone()), *tally));
        }
        rows.sort_by(|(a, x), (b, y)| y.count.cmp(&x.count).then_with(|| a.cmp(b)));
        rows
    }

    pub(super) fn state_name(&self, protocol: &str, state: StateId) -> &str {
        let known = self.protocols.iter().find(|known| &*known.name == protocol);
        known.map_or("", |known| known.state_name(state))
    }

    /// Frames that were not counted as packets, and bytes that were not cut into frames.
    pub(super) fn rest(&self) -> (u64, u64) {
        let (frames, bytes) = self.came;
        let unread = frames.saturating_sub(self.packets);
        let opaque = self.opaque + bytes.saturating_sub(self.wire_bytes);
        (unread, opaque)
    }

    pub(super) fn total(rows: &[(Key, Tally)]) -> Tally {
        rows.iter().map(|(_, tally)| *tally).reduce(Tally::with).unwrap_or_default()
    }
}

impl Tally {
    fn add(&mut self, length: u32, wire_length: u32, at: Duration, is_malformed: bool) {
        if self.count == 0 {
            (self.least, self.first) = (length, at);
        }
        self.count += 1;
        self.bytes += u64::from(length);
        self.wire_bytes += u64::from(wire_length);
        self.least = self.least.min(length);
        self.most = self.most.max(length);
        self.malformed += u64::from(is_malformed);
        self.first = self.first.min(at);
        self.last = self.last.max(at);
    }

    fn with(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            bytes: self.bytes + other.bytes,
            wire_bytes: self.wire_bytes + other.wire_bytes,
            least: self.least.min(other.least),
            most: self.most.max(other.most),
            malformed: self.malformed + other.malformed,
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }
}

/// What is shared with who looks at packets.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Counts {
    /// As bytes, for [`Counts::restore`].
    pub(super) fn save(&self, out: &mut Vec<u8>) {
        put(out, self.protocols.len() as u64);
        self.protocols.iter().for_each(|known| put_bytes(out, known.name.as_bytes()));
        put(out, self.begun.map_or(0, |begun| begun.0));
        let (frames, bytes) = self.came;
        for number in [self.packets, self.wire_bytes, frames, bytes, self.opened, self.opaque] {
            put(out, number);
        }
        put(out, self.kinds.len() as u64);
        for Counted { key: (protocol, state, direction, id), name, tally } in &self.kinds {
            let id = match id {
                Id::Unread => [0, 0],
                Id::Is(id) => [1, id.cast_unsigned()],
                Id::Others => [2, 0],
            };
            let key =
                [u64::from(*protocol), u64::from(state.0), u64::from(*direction), id[0], id[1]];
            key.into_iter().for_each(|number| put(out, number));
            let name = name.as_deref().map_or(String::new(), |name| format!("={name}"));
            put_bytes(out, name.as_bytes());
            let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            let lens = [u64::from(tally.least), u64::from(tally.most)];
            let counts = [tally.count, tally.bytes, tally.wire_bytes, tally.malformed];
            let times = [nanos(tally.first), nanos(tally.last)];
            lens.into_iter().chain(counts).chain(times).for_each(|number| put(out, number));
        }
    }

    /// What was saved; `None`: it is something else, or a protocol is not known any more.
    pub(super) fn restore(
        rest: &mut &[u8],
        mut named: impl FnMut(&str) -> Option<Arc<Protocol>>,
    ) -> Option<Self> {
        // Sums of these fit.
        let small = |rest: &mut &[u8]| take(rest).filter(|number| *number < 1 << 44);
        let mut counts = Self::default();
        for _ in 0..take(rest)? {
            let name = std::str::from_utf8(take_bytes(rest)?).ok()?;
            counts.protocols.push(named(name)?);
        }
        counts.begun = Some(Timestamp(take(rest)?)).filter(|begun| begun.0 > 0);
        (counts.packets, counts.wire_bytes) = (small(rest)?, small(rest)?);
        counts.came = (small(rest)?, small(rest)?);
        (counts.opened, counts.opaque) = (small(rest)?, small(rest)?);
        for _ in 0..take(rest)? {
            let protocol = u32::try_from(take(rest)?).ok()?;
            let state = StateId(u8::try_from(take(rest)?).ok()?);
            let direction = u8::try_from(take(rest)?).ok()?;
            let id = match (take(rest)?, take(rest)?.cast_signed()) {
                (0, _) => Id::Unread,
                (1, id) => Id::Is(id),
                _ => Id::Others,
            };
            let name = std::str::from_utf8(take_bytes(rest)?).ok()?;
            let (least, most) = (take(rest)?, take(rest)?);
            let tally = Tally {
                least: u32::try_from(least).ok()?,
                most: u32::try_from(most).ok()?,
                count: small(rest)?,
                bytes: small(rest)?,
                wire_bytes: small(rest)?,
                malformed: small(rest)?,
                first: Duration::from_nanos(take(rest)?),
                last: Duration::from_nanos(take(rest)?),
            };
            let key = (protocol, state, direction, id);
            counts.kinds.push(Counted { key, name: name.strip_prefix('=').map(Into::into), tally });
        }
        Some(counts)
    }
}

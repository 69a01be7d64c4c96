//! Datagrams out of fragments.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::ip::{Fragment, Transport};
use crate::timestamp::Timestamp;

/// Datagrams that are put together at once. The oldest makes room.
pub const FRAGMENTED_MAX: usize = 64;

/// Fragments of one datagram that are kept.
pub const FRAGMENTS_MAX: usize = 256;

/// How long a datagram's fragments wait for the others: what a receiver grants them at most.
pub const FRAGMENT_WAIT: Duration = Duration::from_secs(60);

const DATAGRAM_LEN_MAX: usize = 65_535;

type Key = (IpAddr, IpAddr, u32);

/// The fragments of datagrams of which some are missing.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    datagrams: HashMap<Key, Datagram>,
    /// Counts the datagrams begun.
    begun: u64,
    whole: Vec<u8>,
}

#[derive(Debug)]
struct Datagram {
    number: u64,
    since: Option<Timestamp>,
    len: Option<usize>,
    parts: Vec<(usize, Vec<u8>)>,
}

impl Fragments {
    /// Keeps a fragment; gives the datagram if that makes it whole. Where fragments overlap, what
    /// came first holds.
    pub(super) fn add(
        &mut self,
        ip: &Transport<'_>,
        fragment: Fragment,
        at: Option<Timestamp>,
    ) -> Option<&[u8]> {
        let end = fragment.start + ip.payload.len();
        if ip.missing > 0 || end > DATAGRAM_LEN_MAX {
            return None;
        }
        let key = (ip.source, ip.destination, fragment.id);
        let is_late = |datagram: &Datagram| match (datagram.since, at) {
            (Some(since), Some(at)) => at.since(since) > FRAGMENT_WAIT,
            _ => false,
        };
        if self.datagrams.get(&key).is_some_and(is_late) {
            self.datagrams.remove(&key);
        }
        if !self.datagrams.contains_key(&key) && self.datagrams.len() >= FRAGMENTED_MAX {
            let oldest = self.datagrams.iter().min_by_key(|(_, datagram)| datagram.number);
            let oldest = oldest.map(|(key, _)| *key)?;
            self.datagrams.remove(&oldest);
        }
        self.begun += 1;
        let number = self.begun;
        let datagram = self.datagrams.entry(key).or_insert_with(|| Datagram {
            number,
            since: at,
            len: None,
            parts: Vec::new(),
        });
        if datagram.parts.len() >= FRAGMENTS_MAX {
            self.datagrams.remove(&key);
            return None;
        }
        if fragment.is_last {
            datagram.len.get_or_insert(end);
        }
        datagram.parts.push((fragment.start, ip.payload.to_vec()));
        if !datagram.is_whole() {
            return None;
        }
        let datagram = self.datagrams.remove(&key)?;
        self.whole.clear();
        self.whole.resize(datagram.len?, 0);
        for (start, part) in datagram.parts.iter().rev() {
            let end = self.whole.len().min(start + part.len());
            if let Some(place) = self.whole.get_mut(*start..end) {
                place.copy_from_slice(&part[..end - start]);
            }
        }
        Some(&self.whole)
    }
}

impl Datagram {
    fn is_whole(&self) -> bool {
        let Some(len) = self.len else { return false };
        let mut ranges: Vec<(usize, usize)> =
            self.parts.iter().map(|(start, part)| (*start, start + part.len())).collect();
        ranges.sort_unstable();
        let mut covered = 0;
        for (start, end) in ranges {
            if start > covered {
                return false;
            }
            covered = covered.max(end);
        }
        covered >= len
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::{FRAGMENT_WAIT, FRAGMENTED_MAX, FRAGMENTS_MAX, Fragments};
    use crate::decode::ip::{Fragment, Transport};
    use crate::timestamp::Timestamp;

    const AT: Timestamp = Timestamp(1);

    /// A fragment's identification, place, bytes, and whether it is the last.
    fn add(
        fragments: &mut Fragments,
        (id, start, payload, is_last): (u32, usize, &[u8], bool),
        at: Timestamp,
    ) -> Option<Vec<u8>> {
        let host = IpAddr::from(Ipv4Addr::LOCALHOST);
        let fragment = Fragment { id, start, is_last };
        let ip = Transport {
            source: host,
            destination: host,
            protocol: 6,
            payload,
            missing: 0,
            fragment: Some(fragment),
        };
        fragments.add(&ip, fragment, Some(at)).map(<[u8]>::to_vec)
    }

    #[test]
    fn fragments_in_any_order_make_their_datagram() {
        let mut fragments = Fragments::default();
        assert_eq!(add(&mut fragments, (1, 16, b"end", true), AT), None);
        assert_eq!(add(&mut fragments, (2, 0, b"another one", false), AT), None);
        assert_eq!(add(&mut fragments, (1, 0, b"01234567", false), AT), None);
        let whole = add(&mut fragments, (1, 8, b"89abcdef", false), AT);
        assert_eq!(whole.unwrap(), b"0123456789abcdefend");
    }

    #[test]
    fn where_fragments_overlap_the_first_wins() {
        let mut fragments = Fragments::default();
        assert_eq!(add(&mut fragments, (1, 8, b"firstfirst", true), AT), None);
        let whole = add(&mut fragments, (1, 0, b"second, second", false), AT);
        assert_eq!(whole.unwrap(), b"second, firstfirst");
    }

    #[test]
    fn a_last_fragment_that_ends_before_another_bounds_the_datagram() {
        let mut fragments = Fragments::default();
        assert_eq!(add(&mut fragments, (1, 80, b"beyond", false), AT), None);
        assert_eq!(add(&mut fragments, (1, 8, b"end", true), AT), None);
        let whole = add(&mut fragments, (1, 0, b"01234567", false), AT);
        assert_eq!(whole.map(|whole| whole.len()), None, "there is a hole in front of 80");
    }

    #[test]
    fn the_oldest_datagram_makes_room_and_no_datagram_grows_without_end() {
        let mut fragments = Fragments::default();
        for id in 0..=FRAGMENTED_MAX as u32 {
            assert_eq!(add(&mut fragments, (id, 0, b"01234567", false), AT), None);
        }
        assert_eq!(fragments.datagrams.len(), FRAGMENTED_MAX);
        assert_eq!(add(&mut fragments, (0, 8, b"x", true), AT), None, "its start is forgotten");
        assert!(add(&mut fragments, (2, 8, b"x", true), AT).is_some());
        for _ in 0..10 * FRAGMENTS_MAX {
            add(&mut fragments, (3, 8, b"01234567", false), AT);
        }
        let parts = fragments.datagrams.values().map(|datagram| datagram.parts.len()).max();
        assert!(parts <= Some(FRAGMENTS_MAX));
        assert_eq!(add(&mut fragments, (9, 65_528, b"too far off", true), AT), None);
    }

    #[test]
    fn an_identification_that_is_used_again_is_another_datagram() {
        let mut fragments = Fragments::default();
        assert_eq!(add(&mut fragments, (1, 0, b"01234567", false), AT), None);
        let later = AT.after(2 * FRAGMENT_WAIT);
        assert_eq!(add(&mut fragments, (1, 8, b"x", true), later), None);
        assert_eq!(add(&mut fragments, (1, 0, b"abcdefgh", false), later).unwrap(), b"abcdefghx");
    }
}

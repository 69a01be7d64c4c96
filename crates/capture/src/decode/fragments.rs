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

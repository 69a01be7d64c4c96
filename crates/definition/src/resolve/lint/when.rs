//! Sets of versions, by direction: when something that stands behind gates is there.

use midwire_codec::Direction;

use crate::resolve::gates;
use crate::syntax::ast::{Directions, Gate};
use crate::version::{VersionId, Versions};

/// The versions in which something is there, for each direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct When {
    /// A bit a version.
    serverbound: Box<[u64]>,
    clientbound: Box<[u64]>,
}

impl When {
    /// All versions, in these directions.
    pub(super) fn all(versions: &Versions, directions: Directions) -> When {
        let count = versions.iter().count();
        let mut bits = vec![0u64; count.div_ceil(64)].into_boxed_slice();
        set(&mut bits, 0, count - 1);
        let none = vec![0u64; bits.len()].into_boxed_slice();
        let of = |wanted| if gates::goes(directions, wanted) { bits.clone() } else { none.clone() };
        When { serverbound: of(Direction::Serverbound), clientbound: of(Direction::Clientbound) }
    }

    /// What these gates admit.
    pub(super) fn of(written: &[Gate], versions: &Versions) -> When {
        let mut when = When::all(versions, Directions::Both);
        let last = versions.iter().count() - 1;
        for gate in written {
            let admitted = match gate {
                Gate::Direction(directions, _) => When::all(versions, *directions),
                Gate::Versions(ranges, _) => {
                    let mut bits = vec![0u64; when.serverbound.len()].into_boxed_slice();
                    for (first, end) in ranges.iter().filter_map(|r| gates::range_of(r, versions)) {
                        set(&mut bits, first.0 as usize, (end.0 as usize).min(last));
                    }
                    When { serverbound: bits.clone(), clientbound: bits }
                }
            };
            when = when.and(&admitted);
        }
        when
    }

    pub(super) fn and(&self, other: &When) -> When {
        self.with(other, |a, b| a & b)
    }

    pub(super) fn or(&self, other: &When) -> When {
        self.with(other, |a, b| a | b)
    }

    pub(super) fn without(&self, other: &When) -> When {
        self.with(other, |a, b| a & !b)
    }

    fn with(&self, other: &When, op: impl Fn(u64, u64) -> u64) -> When {
        let of = |a: &[u64], b: &[u64]| a.iter().zip(b).map(|(a, b)| op(*a, *b)).collect();
        When {
            serverbound: of(&self.serverbound, &other.serverbound),
            clientbound: of(&self.clientbound, &other.clientbound),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.serverbound.iter().chain(&self.clientbound).all(|bits| *bits == 0)
    }

    /// The oldest version in it, in either direction.
    pub(super) fn first(&self) -> Option<VersionId> {
        self.runs(Direction::Serverbound)
            .into_iter()
            .chain(self.runs(Direction::Clientbound))
            .map(|(first, _)| first)
            .min()
    }

    pub(super) fn has(&self, version: VersionId, direction: Direction) -> bool {
        let word = self.bits(direction).get(version.0 as usize / 64);
        word.is_some_and(|word| word >> (version.0 % 64) & 1 == 1)
    }

    /// Its versions in a direction, as ranges with both ends.
    pub(super) fn runs(&self, direction: Direction) -> Vec<(VersionId, VersionId)> {
        let mut runs: Vec<(VersionId, VersionId)> = Vec::new();
        let bits = self.bits(direction);
        for version in (0..bits.len() as u32 * 64).map(VersionId) {
            if !self.has(version, direction) {
                continue;
            }
            match runs.last_mut() {
                Some((_, last)) if last.0 + 1 == version.0 => *last = version,
                _ => runs.push((version, version)),
            }
        }
        runs
    }

    fn bits(&self, direction: Direction) -> &[u64] {
        match direction {
            Direction::Serverbound => &self.serverbound,
            Direction::Clientbound => &self.clientbound,
        }
    }
}

fn set(bits: &mut [u64], first: usize, last: usize) {
    for version in first..=last {
        bits[version / 64] |= 1 << (version % 64);
    }
}

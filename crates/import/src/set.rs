//! Sets of imported versions.

/// The most versions that are merged in one run.
pub const VERSIONS_MAX: usize = 512;

/// Which of the imported versions something is in; they count from 0, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Set([u64; VERSIONS_MAX / 64]);

impl Set {
    pub(crate) fn one(version: usize) -> Set {
        let mut set = Set::default();
        set.add(version);
        set
    }

    pub(crate) fn add(&mut self, version: usize) {
        if let Some(word) = self.0.get_mut(version / 64) {
            *word |= 1 << (version % 64);
        }
    }

    pub(crate) fn has(self, version: usize) -> bool {
        self.0.get(version / 64).is_some_and(|word| word >> (version % 64) & 1 == 1)
    }

    pub(crate) fn or(self, other: Set) -> Set {
        self.with(other, |a, b| a | b)
    }

    pub(crate) fn and(self, other: Set) -> Set {
        self.with(other, |a, b| a & b)
    }

    pub(crate) fn without(self, other: Set) -> Set {
        self.with(other, |a, b| a & !b)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn meets(self, other: Set) -> bool {
        !self.and(other).is_empty()
    }

    /// Its versions, oldest first.
    pub(crate) fn iter(self) -> impl DoubleEndedIterator<Item = usize> {
        (0..VERSIONS_MAX).filter(move |version| self.has(*version))
    }

    fn with(mut self, other: Set, f: impl Fn(u64, u64) -> u64) -> Set {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word = f(*word, other);
        }
        self
    }
}

//! Numbers of sessions over several recordings.

use std::collections::HashSet;

/// Numbers that sessions have had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    /// All up to this one are taken.
    pub(super) floor: u64,
    /// The last one that was made.
    pub(super) last: u64,
    /// Those above the floor that are taken.
    pub(super) used: HashSet<u64>,
}

impl Numbers {
    /// A number for a session: the wanted one, unless another has it.
    pub(super) fn next(&mut self, wanted: Option<u64>) -> u64 {
        if let Some(wanted) = wanted.filter(|wanted| *wanted > self.floor)
            && self.used.insert(wanted)
        {
            self.raise_floor();
            return wanted;
        }
        let mut next = self.last.max(self.floor).saturating_add(1);
        while !self.used.insert(next) && next < u64::MAX {
            next += 1;
        }
        self.last = next;
        self.raise_floor();
        next
    }

    /// Numbers that are taken without a gap need not be known one by one.
    fn raise_floor(&mut self) {
        while let Some(next) = self.floor.checked_add(1)
            && self.used.remove(&next)
        {
            self.floor = next;
        }
    }

    /// What follows numbers its sessions on its own: none of the numbers so far.
    pub(super) fn close(&mut self) {
        self.floor = self.used.drain().max().unwrap_or(0).max(self.floor);
    }
}

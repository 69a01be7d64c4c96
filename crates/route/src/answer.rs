//! What can be said of some bytes while more may come.

use midwire_definition::Detected;

/// Whether first bytes meet a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// They do not, whatever follows.
    No,
    /// More of them have to be seen.
    NeedsMore,
    /// They do, if nothing follows them.
    IfNothingFollows,
    /// They do, whatever follows.
    Yes,
}

impl Answer {
    /// Both: the worse of the two.
    #[must_use]
    pub fn and(self, other: Answer) -> Answer {
        self.min(other)
    }

    /// Either: the better of the two.
    #[must_use]
    pub fn or(self, other: Answer) -> Answer {
        self.max(other)
    }
}

impl From<Detected> for Answer {
    fn from(detected: Detected) -> Self {
        match detected {
            Detected::No => Answer::No,
            Detected::NeedsMore => Answer::NeedsMore,
            Detected::IfNothingFollows => Answer::IfNothingFollows,
            Detected::Yes => Answer::Yes,
        }
    }
}

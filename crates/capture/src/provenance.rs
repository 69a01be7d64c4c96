//! Where a recorded packet comes from, and what became of it.

use midwire_codec::Direction;
pub use midwire_codec::Origin;

/// What was done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It was sent as it came, or as it was made.
    Passed,
    /// It was not sent.
    Dropped,
    /// Other bytes were sent in its place.
    Changed,
    /// It was sent as it came, but later.
    Delayed,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Passed, Self::Dropped, Self::Changed, Self::Delayed];

    /// The word for it in notes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Dropped => "dropped",
            Self::Changed => "changed",
            Self::Delayed => "delayed",
        }
    }

    /// The one that a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fate| fate.as_str() == word)
    }
}

/// One of the two connections of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leg {
    /// Between the client and midwire. What stands there is what the client sent and got.
    Client,
    /// Between midwire and the server. What stands there is what the server sent and got, where
    /// that is not the same as on the client's leg.
    Server,
}

impl Leg {
    /// Both, in the order of their interfaces in a section.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    /// The number of its interface in a section that midwire wrote.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Server => 1,
        }
    }

    /// The word for it in notes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    /// The one that a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::BOTH.into_iter().find(|leg| leg.as_str() == word)
    }

    /// The leg on which a direction's bytes come in: its sender's.
    #[must_use]
    pub const fn incoming(direction: Direction) -> Self {
        match direction {
            Direction::Serverbound => Self::Client,
            Direction::Clientbound => Self::Server,
        }
    }

    /// The leg on which a direction's bytes go out: its receiver's.
    #[must_use]
    pub const fn outgoing(direction: Direction) -> Self {
        match direction {
            Direction::Serverbound => Self::Server,
            Direction::Clientbound => Self::Client,
        }
    }
}

//! The direction in which bytes travel through a session.

use std::fmt;

/// Which way bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the client to the server.
    Serverbound,
    /// From the server to the client.
    Clientbound,
}

impl Direction {
    /// Both directions, in the order of [`Direction::index`].
    pub const BOTH: [Self; 2] = [Self::Serverbound, Self::Clientbound];

    /// The other direction.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Serverbound => Self::Clientbound,
            Self::Clientbound => Self::Serverbound,
        }
    }

    /// The word for it in definitions, rules and output: `serverbound` or `clientbound`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serverbound => "serverbound",
            Self::Clientbound => "clientbound",
        }
    }

    /// 0 for serverbound, 1 for clientbound: the place in an array of two.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Serverbound => 0,
            Self::Clientbound => 1,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Direction::{self, Clientbound, Serverbound};

    #[test]
    fn each_direction_is_the_opposite_of_the_other() {
        assert_eq!(Serverbound.opposite(), Clientbound);
        assert_eq!(Clientbound.opposite(), Serverbound);
    }

    #[test]
    fn index_is_the_place_in_an_array_of_both() {
        for direction in Direction::BOTH {
            assert_eq!(Direction::BOTH[direction.index()], direction);
        }
    }

    #[test]
    fn display_keeps_to_a_column() {
        assert_eq!(format!("{Serverbound}|{Clientbound:>12}"), "serverbound| clientbound");
    }
}

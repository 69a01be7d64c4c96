//! Who made some bytes, or decided about them.

use crate::Direction;

/// Who made a packet, changed it, or decided about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The game.
    Client,
    /// The server.
    Server,
    /// midwire itself.
    Midwire,
    /// A rule.
    Rule,
    /// A script.
    Script,
    /// A person.
    User,
}

impl Origin {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Client, Self::Server, Self::Midwire, Self::Rule, Self::Script, Self::User];

    /// The peer that sends in a direction.
    #[must_use]
    pub const fn sender(direction: Direction) -> Self {
        match direction {
            Direction::Serverbound => Self::Client,
            Direction::Clientbound => Self::Server,
        }
    }

    /// The word for it in output and in captures.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Midwire => "midwire",
            Self::Rule => "rule",
            Self::Script => "script",
            Self::User => "user",
        }
    }

    /// The one that a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::Origin;

    #[test]
    fn every_origin_is_found_by_its_word() {
        for origin in Origin::ALL {
            assert_eq!(Origin::from_word(origin.as_str()), Some(origin));
        }
        assert_eq!(Origin::from_word("Client"), None);
    }
}

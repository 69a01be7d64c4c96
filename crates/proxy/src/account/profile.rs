//! Who somebody is in the game.

use std::fmt;

/// A player's id: a UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ProfileId([u8; 16]);

impl ProfileId {
    /// Reads 32 hex digits, with dashes between them or without.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        let mut id = [0; 16];
        hex::decode_to_slice(digits, &mut id).ok()?;
        Some(Self(id))
    }

    /// Without dashes, as the services write it.
    pub(crate) fn plain(self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.plain();
        let part = |from, to| plain.get(from..to).unwrap_or_default();
        write!(
            f,
            "{}-{}-{}-{}-{}",
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 32)
        )
    }
}

impl fmt::Debug for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A player: the id stays, the name may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) id: ProfileId,
    /// As a service said it: escape it before it is shown.
    pub(crate) name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_with_and_without_dashes() {
        let plain = "069a79f444e94726a5befca90e38aaf5";
        let dashed = "069a79f4-44e9-4726-a5be-fca90e38aaf5";
        for text in [plain, dashed, &plain.to_uppercase()] {
            let id = ProfileId::parse(text).unwrap();
            assert_eq!((id.plain().as_str(), id.to_string().as_str()), (plain, dashed));
        }
        for wrong in
            ["", "069a", &plain[1..], &format!("{plain}00"), &"g".repeat(32), &"é".repeat(16)]
        {
            assert_eq!(ProfileId::parse(wrong), None, "{wrong}");
        }
    }
}

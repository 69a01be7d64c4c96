//! When a packet was seen.

use std::time::Duration;

/// Nanoseconds since 1970-01-01 00:00 UTC. Reaches to the year 2554; what a file places outside of
/// that is taken as the nearest end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// So much later; the end of time where that does not exist.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// The time from `earlier` to this; none where `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Timestamp;

    #[test]
    fn what_does_not_exist_is_the_nearest_that_does() {
        assert_eq!(Timestamp(5).after(Duration::MAX), Timestamp(u64::MAX));
        assert_eq!(Timestamp(5).since(Timestamp(7)), Duration::ZERO);
        assert_eq!(Timestamp(7).since(Timestamp(5)), Duration::from_nanos(2));
    }
}

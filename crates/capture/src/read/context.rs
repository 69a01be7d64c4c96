//! What must be known to read a file from its middle.

use super::order::Order;
use crate::format::LinkType;
use crate::timestamp::Timestamp;

/// What is known at some place of a file: enough to go on reading there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    pub(crate) kind: Kind,
    pub(crate) order: Order,
    /// The section's number in the file.
    pub(crate) section: u32,
    /// The interfaces described so far.
    pub(crate) interfaces: Vec<InterfaceContext>,
}

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Pcapng,
    /// Packets have a header of so many bytes.
    Pcap {
        header_len: u8,
    },
}

/// What packets of an interface are read by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InterfaceContext {
    pub(crate) link: LinkType,
    /// The most bytes of a packet that are kept; 0: no limit.
    pub(crate) snap_len: u32,
    pub(crate) resolution: Resolution,
    /// Seconds to add to all times.
    pub(crate) offset: i64,
}

impl InterfaceContext {
    pub(super) fn time(&self, units: u64) -> Timestamp {
        let nanos = match self.resolution.0 {
            9 => i128::from(units),
            6 => i128::from(units) * 1_000,
            _ => self.resolution.nanos(units),
        };
        let nanos = nanos + i128::from(self.offset) * 1_000_000_000;
        Timestamp(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }
}

/// The unit of times, as pcapng writes it: a negative power of 10, or with the highest bit set, of 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resolution(pub(crate) u8);

impl Resolution {
    pub(crate) const MICROS: Self = Self(6);
    pub(crate) const NANOS: Self = Self(9);

    fn nanos(self, units: u64) -> i128 {
        let units = u128::from(units) * 1_000_000_000;
        let exponent = u32::from(self.0 & 0x7f);
        let nanos = if self.0 & 0x80 == 0 {
            10_u128.checked_pow(exponent).map_or(0, |per_second| units / per_second)
        } else {
            units.checked_shr(exponent).unwrap_or(0)
        };
        // At most 2^64 * 10^9, which is below 2^94.
        i128::try_from(nanos).unwrap_or(i128::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::{InterfaceContext, Resolution};
    use crate::format::LinkType;

    fn nanos(resolution: u8, offset: i64, units: u64) -> u64 {
        let resolution = Resolution(resolution);
        InterfaceContext { link: LinkType::RAW, snap_len: 0, resolution, offset }.time(units).0
    }

    #[test]
    fn times_are_nanoseconds_whatever_their_unit() {
        assert_eq!(nanos(6, 0, 1_500_000), 1_500_000_000);
        assert_eq!(nanos(9, 0, 7), 7);
        assert_eq!(nanos(0, 0, 3), 3_000_000_000);
        assert_eq!(nanos(3, 0, 3), 3_000_000);
        assert_eq!(nanos(12, 0, 7_999), 7);
        assert_eq!(nanos(0x80 | 10, 0, 512), 500_000_000);
        assert_eq!(nanos(6, 10, 1), 10_000_001_000);
        assert_eq!(nanos(6, -10, 11_000_000), 1_000_000_000);
    }

    #[test]
    fn no_time_overflows() {
        for resolution in 0..=u8::MAX {
            for offset in [i64::MIN, -1, 0, i64::MAX] {
                nanos(resolution, offset, u64::MAX);
                nanos(resolution, offset, 0);
            }
        }
        assert_eq!(nanos(6, i64::MAX, u64::MAX), u64::MAX);
        assert_eq!(nanos(6, i64::MIN, u64::MAX), 0);
        assert_eq!(nanos(0x7f, 0, u64::MAX), 0);
        assert_eq!(nanos(0xff, 0, u64::MAX), 0);
    }
}

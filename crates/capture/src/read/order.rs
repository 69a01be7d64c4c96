//! Numbers in the byte order of the machine that wrote a file.

/// A byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    /// Reads 0 behind the end of the bytes: callers ask for what they have checked to be there.
    pub(crate) fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied();
        match self {
            Self::Little => bytes.map_or(0, u16::from_le_bytes),
            Self::Big => bytes.map_or(0, u16::from_be_bytes),
        }
    }

    /// As [`Order::u16`].
    pub(crate) fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied();
        match self {
            Self::Little => bytes.map_or(0, u32::from_le_bytes),
            Self::Big => bytes.map_or(0, u32::from_be_bytes),
        }
    }

    /// As [`Order::u16`].
    pub(crate) fn u64(self, bytes: &[u8], at: usize) -> u64 {
        let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied();
        match self {
            Self::Little => bytes.map_or(0, u64::from_le_bytes),
            Self::Big => bytes.map_or(0, u64::from_be_bytes),
        }
    }
}

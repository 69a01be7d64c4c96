//! Integers on the wire.

use std::fmt;

use midwire_codec::ByteOrder;

use super::IntRepr;

/// Why an integer cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntError {
    /// So many more bytes are needed, at least.
    Short(u32),
    /// No end within the longest form.
    TooLong(u8),
}

/// As definitions write it, without a byte order.
impl fmt::Display for IntRepr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IntRepr::Fixed { bytes, signed, .. } => {
                write!(f, "{}{}", if *signed { 'i' } else { 'u' }, u32::from(*bytes) * 8)
            }
            IntRepr::Varint => f.write_str("varint"),
            IntRepr::Varlong => f.write_str("varlong"),
            IntRepr::Uvarint => f.write_str("uvarint"),
            IntRepr::Varint128 => f.write_str("varint128"),
            IntRepr::Zigzag32 => f.write_str("zigzag32"),
            IntRepr::Zigzag64 => f.write_str("zigzag64"),
        }
    }
}

impl IntRepr {
    /// Bytes it takes, where that is always the same.
    pub fn fixed_size(self) -> Option<u32> {
        match self {
            IntRepr::Fixed { bytes, .. } => Some(bytes.into()),
            _ => None,
        }
    }

    /// An integer of no bytes, which is 0.
    pub const NOTHING: IntRepr = IntRepr::Fixed { bytes: 0, signed: false, order: ByteOrder::Big };

    /// The most bytes it can take.
    pub fn max_size(self) -> u8 {
        match self {
            IntRepr::Fixed { bytes, .. } => bytes,
            IntRepr::Varint | IntRepr::Uvarint | IntRepr::Zigzag32 => 5,
            IntRepr::Varlong | IntRepr::Zigzag64 => 10,
            IntRepr::Varint128 => 19,
        }
    }

    /// Bits of the number.
    pub(crate) fn width(self) -> u32 {
        match self {
            IntRepr::Fixed { bytes, .. } => u32::from(bytes) * 8,
            IntRepr::Varint | IntRepr::Uvarint | IntRepr::Zigzag32 => 32,
            IntRepr::Varlong | IntRepr::Zigzag64 => 64,
            IntRepr::Varint128 => 128,
        }
    }

    /// The smallest and the largest value it can hold (of 128-bit unsigned ones the bits, as signed).
    pub fn range(self) -> (i128, i128) {
        let signed = |bits: u32| (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1);
        match self {
            IntRepr::Fixed { bytes: 16, .. } | IntRepr::Varint128 => (i128::MIN, i128::MAX),
            IntRepr::Fixed { bytes, signed: true, .. } => signed(u32::from(bytes) * 8),
            IntRepr::Fixed { bytes, .. } => (0, (1i128 << (u32::from(bytes) * 8)) - 1),
            IntRepr::Varint | IntRepr::Zigzag32 => signed(32),
            IntRepr::Varlong | IntRepr::Zigzag64 => signed(64),
            IntRepr::Uvarint => (0, u32::MAX.into()),
        }
    }

    /// The integer at the start of `bytes`, and how many of them it takes.
    #[inline]
    pub(crate) fn read(self, bytes: &[u8]) -> Result<(i128, u32), IntError> {
        match self {
            IntRepr::Fixed { bytes: n, signed, order } => {
                let Some(raw) = bytes.get(..usize::from(n)) else {
                    return Err(IntError::Short(u32::from(n) - bytes.len() as u32));
                };
                Ok((fixed(raw, signed, order), n.into()))
            }
            _ => {
                if let Some(&first) = bytes.first()
                    && first < 0x80
                {
                    return Ok((self.of_groups(first.into()), 1));
                }
                self.read_groups(bytes)
            }
        }
    }

    /// The length at the start of `bytes`, and how many of them it takes. `None` for what [`IntRepr::read`]
    /// must be asked: a negative one, one of more than 64 bits, one that is cut.
    #[inline]
    pub(crate) fn read_length(self, bytes: &[u8]) -> Option<(u64, usize)> {
        match self {
            IntRepr::Fixed { bytes: n @ 1..=8, signed, order } => {
                let value = fixed_bits(bytes.get(..usize::from(n))?, order);
                let negative = signed && value >> (u32::from(n) * 8 - 1) & 1 == 1;
                (!negative).then_some((value, n.into()))
            }
            IntRepr::Fixed { .. } => None,
            _ => {
                let (value, width) = self.read(bytes).ok()?;
                Some((u64::try_from(value).ok()?, width as usize))
            }
        }
    }

    /// A first byte below 128 is the number itself.
    #[inline]
    pub(crate) fn is_plain_groups(self) -> bool {
        match self {
            IntRepr::Varint | IntRepr::Varlong | IntRepr::Uvarint | IntRepr::Varint128 => true,
            IntRepr::Fixed { bytes, .. } => bytes == 1,
            IntRepr::Zigzag32 | IntRepr::Zigzag64 => false,
        }
    }

    fn read_groups(self, bytes: &[u8]) -> Result<(i128, u32), IntError> {
        let max = self.max_size();
        if max <= 10 {
            return self.read_short_groups(bytes, max);
        }
        let mut value = 0u128;
        for (i, byte) in bytes.iter().take(max.into()).enumerate() {
            value |= u128::from(byte & 0x7f).checked_shl(i as u32 * 7).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok((self.of_groups(value), i as u32 + 1));
            }
        }
        Err(if bytes.len() < max.into() { IntError::Short(1) } else { IntError::TooLong(max) })
    }

    /// The same for at most 64 bits; those beyond are dropped.
    fn read_short_groups(self, bytes: &[u8], max: u8) -> Result<(i128, u32), IntError> {
        let mut value = 0u64;
        for (i, byte) in bytes.iter().take(max.into()).enumerate() {
            value |= u64::from(byte & 0x7f) << (i * 7);
            if byte & 0x80 == 0 {
                return Ok((self.of_groups(value.into()), i as u32 + 1));
            }
        }
        Err(if bytes.len() < max.into() { IntError::Short(1) } else { IntError::TooLong(max) })
    }

    /// What the bits of a variable-length integer mean; bits beyond its width are dropped, as its games do.
    fn of_groups(self, bits: u128) -> i128 {
        match self {
            IntRepr::Varint => (bits as u32 as i32).into(),
            IntRepr::Varlong => (bits as u64 as i64).into(),
            IntRepr::Uvarint => (bits as u32).into(),
            IntRepr::Zigzag32 => {
                let bits = bits as u32;
                ((bits >> 1) as i32 ^ -((bits & 1) as i32)).into()
            }
            IntRepr::Zigzag64 => {
                let bits = bits as u64;
                ((bits >> 1) as i64 ^ -((bits & 1) as i64)).into()
            }
            IntRepr::Varint128 | IntRepr::Fixed { .. } => bits as i128,
        }
    }

    /// Writes the value in its shortest form; false (and nothing written) if it does not fit.
    pub(crate) fn write(self, value: i128, out: &mut Vec<u8>) -> bool {
        let (low, high) = self.range();
        if value < low || value > high {
            return false;
        }
        let mut bits = match self {
            IntRepr::Fixed { bytes, order, .. } => {
                let all = value.to_le_bytes();
                let used = &all[..usize::from(bytes)];
                match order {
                    ByteOrder::Little => out.extend_from_slice(used),
                    ByteOrder::Big => out.extend(used.iter().rev()),
                }
                return true;
            }
            IntRepr::Varint => (value as i32 as u32).into(),
            IntRepr::Varlong => (value as i64 as u64).into(),
            IntRepr::Uvarint | IntRepr::Varint128 => value as u128,
            IntRepr::Zigzag32 => (((value as i32) << 1 ^ (value as i32) >> 31) as u32).into(),
            IntRepr::Zigzag64 => (((value as i64) << 1 ^ (value as i64) >> 63) as u64).into(),
        };
        while bits >= 0x80 {
            out.push(bits as u8 | 0x80);
            bits >>= 7;
        }
        out.push(bits as u8);
        true
    }
}

#[inline]
fn fixed(raw: &[u8], signed: bool, order: ByteOrder) -> i128 {
    if raw.len() > 8 {
        return fixed_wide(raw, signed, order);
    }
    let bits = fixed_bits(raw, order);
    let unused = 64 - raw.len() as u32 * 8;
    if signed { ((bits << unused) as i64 >> unused).into() } else { bits.into() }
}

/// The bits of at most eight bytes.
#[inline]
fn fixed_bits(raw: &[u8], order: ByteOrder) -> u64 {
    let fold = |bits: u64, byte: &u8| bits << 8 | u64::from(*byte);
    match (raw, order) {
        ([a], _) => (*a).into(),
        ([a, b], ByteOrder::Little) => u16::from_le_bytes([*a, *b]).into(),
        ([a, b], ByteOrder::Big) => u16::from_be_bytes([*a, *b]).into(),
        ([a, b, c, d], ByteOrder::Little) => u32::from_le_bytes([*a, *b, *c, *d]).into(),
        ([a, b, c, d], ByteOrder::Big) => u32::from_be_bytes([*a, *b, *c, *d]).into(),
        (_, ByteOrder::Little) => raw.iter().rev().fold(0, fold),
        (_, ByteOrder::Big) => raw.iter().fold(0, fold),
    }
}

fn fixed_wide(raw: &[u8], signed: bool, order: ByteOrder) -> i128 {
    let fold = |bits: u128, byte: &u8| bits << 8 | u128::from(*byte);
    let bits = match order {
        ByteOrder::Little => raw.iter().rev().fold(0, fold),
        ByteOrder::Big => raw.iter().fold(0, fold),
    };
    let width = raw.len() as u32 * 8;
    if signed && width < 128 && bits >> (width - 1) & 1 == 1 {
        bits as i128 - (1i128 << width)
    } else {
        bits as i128
    }
}

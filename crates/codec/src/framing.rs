//! How a stream of bytes is cut into frames: what stands in front of each payload and what its
//! length counts.

use crate::error::FrameError;
use crate::frame::Frame;
use crate::varint::{read_uvarint, uvarint_len, write_uvarint};

/// How a length is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prefix {
    /// Unsigned varint of 1 to 5 bytes.
    Varint,
    /// One byte.
    U8,
    /// Two bytes.
    U16,
    /// Three bytes.
    U24,
    /// Four bytes.
    U32,
}

impl Prefix {
    /// Bytes the length takes, if that does not depend on its value.
    #[inline]
    #[must_use]
    pub const fn width(self) -> Option<usize> {
        match self {
            Self::Varint => None,
            Self::U8 => Some(1),
            Self::U16 => Some(2),
            Self::U24 => Some(3),
            Self::U32 => Some(4),
        }
    }

    /// The most a length can say.
    #[must_use]
    pub const fn value_max(self) -> u32 {
        match self {
            Self::U8 => 0xff,
            Self::U16 => 0xffff,
            Self::U24 => 0xff_ffff,
            Self::Varint | Self::U32 => u32::MAX,
        }
    }
}

/// The order of a fixed-width length's bytes. A varint has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// Most significant byte first.
    Big,
    /// Least significant byte first.
    Little,
}

/// What a length counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counts {
    /// The whole frame: the bytes before the length, the length itself, and the payload.
    Whole,
    /// What follows the length: the payload.
    Rest,
}

/// How one direction is cut into frames, as a definition's `frame { ... }` says.
///
/// A definition may also say `frame none`: then nothing on the wire tells where a packet ends, each
/// packet's own layout does, and the session asks that layout instead of a `Framing`.
///
/// ```
/// use midwire_codec::{ByteOrder, Counts, Framing, Prefix};
///
/// // 05 00 | 0d 01 02: a two-byte length, little endian, that counts itself
/// let framing = Framing {
///     order: ByteOrder::Little,
///     counts: Counts::Whole,
///     ..Framing::new(Prefix::U16, 65_535)
/// };
/// assert_eq!(framing.next(&[5, 0, 13, 1])?, None);
/// assert_eq!(framing.needed(&[5, 0, 13, 1])?, 1);
/// let frame = framing.next(&[5, 0, 13, 1, 2, 99])?.expect("all of it is there");
/// assert_eq!((frame.len, frame.payload), (5, 2..5));
/// # Ok::<(), midwire_codec::FrameError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Framing {
    /// Fixed bytes in front of the length: a magic number, for instance.
    pub before: usize,
    /// How the length is written.
    pub prefix: Prefix,
    /// The order of its bytes.
    pub order: ByteOrder,
    /// What it counts.
    pub counts: Counts,
    /// *Frame length max*: the most the length field may say. It also bounds how wide a varint
    /// length may be: as wide as the longest length within the limit (2,097,151: three bytes).
    pub max: usize,
    /// The least the length field may say. A length that counts the whole frame never says less
    /// than its header takes, whatever this is.
    pub min: usize,
}

/// What is known from the bytes at hand.
enum Header {
    /// The header is there, and says how long it and the whole frame are.
    Whole { header_len: usize, len: usize },
    /// At least so many more bytes are needed to know.
    Wants(usize),
}

impl Framing {
    /// Framing with nothing before the length, big endian, counting what follows the length.
    #[must_use]
    pub const fn new(prefix: Prefix, max: usize) -> Self {
        Self { before: 0, prefix, order: ByteOrder::Big, counts: Counts::Rest, max, min: 0 }
    }

    /// The frame at the start of `bytes`, or `None` while it is not all there. A length out of
    /// bounds is an error as soon as it can be seen, not when the whole frame has come.
    ///
    /// # Errors
    ///
    /// The length is above `max`, below `min` or what the header takes, or too wide.
    #[inline]
    pub fn next(&self, bytes: &[u8]) -> Result<Option<Frame>, FrameError> {
        match self.header(bytes)? {
            Header::Whole { header_len, len } if len <= bytes.len() => {
                Ok(Some(Frame { len, payload: header_len..len }))
            }
            _ => Ok(None),
        }
    }

    /// How many more bytes are needed at least before [`next`](Self::next) gives a frame: 0 if it
    /// does. Exact once the length can be read.
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next).
    pub fn needed(&self, bytes: &[u8]) -> Result<usize, FrameError> {
        match self.header(bytes)? {
            Header::Whole { len, .. } => Ok(len.saturating_sub(bytes.len())),
            Header::Wants(more) => Ok(more),
        }
    }

    /// Appends the header of a frame with `payload_len` bytes of payload, the length in its
    /// shortest form. The `before` bytes are written as zeros: what they mean is not known here,
    /// and who knows it fills them in.
    ///
    /// # Errors
    ///
    /// The length would be above `max`, below `min`, or more than the prefix can hold. Then nothing
    /// is written.
    pub fn write_header(&self, payload_len: usize, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let length = self.length_for(payload_len)?;
        out.resize(out.len() + self.before, 0);
        match (self.prefix.width(), self.order) {
            (None, _) => write_uvarint(length, out),
            (Some(width), ByteOrder::Big) => out.extend(&length.to_be_bytes()[4 - width..]),
            (Some(width), ByteOrder::Little) => out.extend(&length.to_le_bytes()[..width]),
        }
        Ok(())
    }

    /// Appends a whole frame: header and payload.
    ///
    /// # Errors
    ///
    /// As for [`write_header`](Self::write_header).
    pub fn write_frame(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        self.write_header(payload.len(), out)?;
        out.extend_from_slice(payload);
        Ok(())
    }

    #[inline]
    fn header(&self, bytes: &[u8]) -> Result<Header, FrameError> {
        let Some(prefix) = bytes.get(self.before..) else {
            return Ok(self.wants(bytes));
        };
        let (length, width) = match (self.prefix, prefix) {
            (Prefix::Varint, [only @ 0..0x80, ..]) => (u32::from(*only), 1),
            (Prefix::Varint, _) => match self.varint_length(prefix)? {
                Some(read) => read,
                None => return Ok(self.wants(bytes)),
            },
            (Prefix::U8, [a, ..]) => (u32::from(*a), 1),
            (Prefix::U16, [a, b, ..]) => (self.ordered([*a, *b]), 2),
            (Prefix::U24, [a, b, c, ..]) => (self.ordered([*a, *b, *c]), 3),
            (Prefix::U32, [a, b, c, d, ..]) => (self.ordered([*a, *b, *c, *d]), 4),
            _ => return Ok(self.wants(bytes)),
        };
        let (length, header_len) = (length as usize, self.before + width);
        if length > self.max {
            return Err(self.too_long(length));
        }
        let least = self.least(header_len);
        if length < least {
            return Err(self.too_short(length, least));
        }
        let len = match self.counts {
            Counts::Whole => length,
            Counts::Rest => match header_len.checked_add(length) {
                Some(len) => len,
                None => return Err(self.too_long(length)),
            },
        };
        Ok(Header::Whole { header_len, len })
    }

    fn varint_length(&self, prefix: &[u8]) -> Result<Option<(u32, usize)>, FrameError> {
        let width_max = self.width_max();
        let too_wide = FrameError::PrefixTooWide {
            offset: self.before as u64,
            width_max,
            max: self.max as u64,
        };
        match read_uvarint(prefix) {
            Ok(Some((_, width))) if width > width_max => Err(too_wide),
            Ok(None) if prefix.len() >= width_max => Err(too_wide),
            Ok(read) => Ok(read),
            Err(_) => Err(too_wide),
        }
    }

    /// A fixed-width length from its bytes.
    #[inline]
    fn ordered<const N: usize>(&self, bytes: [u8; N]) -> u32 {
        let join = |value, &byte: &u8| value << 8 | u32::from(byte);
        match self.order {
            ByteOrder::Big => bytes.iter().fold(0, join),
            ByteOrder::Little => bytes.iter().rev().fold(0, join),
        }
    }

    /// The header is not all there. A frame is never shorter than its shortest header and `min`.
    #[cold]
    fn wants(&self, bytes: &[u8]) -> Header {
        let header_len = self.before.saturating_add(self.prefix.width().unwrap_or(1));
        let shortest = match self.counts {
            Counts::Whole => header_len.max(self.min),
            Counts::Rest => header_len.saturating_add(self.min),
        };
        Header::Wants(shortest.saturating_sub(bytes.len()).max(1))
    }

    /// The widest a varint length may be.
    fn width_max(&self) -> usize {
        uvarint_len(u32::try_from(self.max).unwrap_or(u32::MAX))
    }

    /// The least a length may say in a frame with such a header.
    #[inline]
    fn least(&self, header_len: usize) -> usize {
        match self.counts {
            Counts::Whole => self.min.max(header_len),
            Counts::Rest => self.min,
        }
    }

    /// What the length field says for such a payload.
    fn length_for(&self, payload_len: usize) -> Result<u32, FrameError> {
        let length = match (self.counts, self.prefix.width()) {
            (Counts::Rest, _) => payload_len as u64,
            (Counts::Whole, Some(width)) => (self.before + width) as u64 + payload_len as u64,
            // the length counts its own width: the first width that holds the sum with itself
            (Counts::Whole, None) => {
                let rest = self.before as u64 + payload_len as u64;
                (1..=5)
                    .map(|width| rest + width)
                    .find(|sum| sum >> (7 * (sum - rest)) == 0)
                    .unwrap_or(u64::MAX)
            }
        };
        let max = self.max.min(self.prefix.value_max() as usize) as u64;
        if length < self.min as u64 {
            return Err(FrameError::PayloadTooShort { payload_len, length, min: self.min as u64 });
        }
        match u32::try_from(length) {
            Ok(short) if length <= max => Ok(short),
            _ => Err(FrameError::PayloadTooLong { payload_len, length, max }),
        }
    }

    #[cold]
    fn too_long(&self, found: usize) -> FrameError {
        FrameError::TooLong {
            offset: self.before as u64,
            found: found as u64,
            max: self.max as u64,
        }
    }

    #[cold]
    fn too_short(&self, found: usize, min: usize) -> FrameError {
        FrameError::TooShort { offset: self.before as u64, found: found as u64, min: min as u64 }
    }
}

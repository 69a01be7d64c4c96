//! How a stream of bytes is cut into frames: what stands in front of each payload and what its
//! length counts.

use std::ops::Range;

use crate::error::FrameError;
use crate::frame::Frame;
use crate::varint::{VARINT_WIDTH_MAX, read_uvarint, uvarint_len, write_uvarint};

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

impl Framing {
    /// Framing with nothing before the length, big endian, counting what follows the length.
    #[must_use]
    pub const fn new(prefix: Prefix, max: usize) -> Self {
        Self { before: 0, prefix, order: ByteOrder::Big, counts: Counts::Rest, max, min: 0 }
    }

    /// A frame's length as it is written, if it takes more bytes than it need. `frame` is the whole
    /// frame, of which `payload_len` bytes are payload.
    #[must_use]
    pub fn overlong<'f>(&self, frame: &'f [u8], payload_len: usize) -> Option<&'f [u8]> {
        if self.prefix != Prefix::Varint {
            return None;
        }
        let value = match self.counts {
            Counts::Whole => frame.len(),
            Counts::Rest => payload_len,
        };
        let raw = frame.get(self.before..frame.len().checked_sub(payload_len)?)?;
        (raw.len() > uvarint_len(u32::try_from(value).ok()?)).then_some(raw)
    }

    /// The frame at the start of `bytes`, or `None` while it is not all there. A length out of
    /// bounds is an error as soon as it can be seen, not when the whole frame has come.
    ///
    /// # Errors
    ///
    /// The length is above `max`, below `min` or what the header takes, or too wide.
    #[inline(always)] // with the iterator's state in registers a frame takes half the time
    pub fn next(&self, bytes: &[u8]) -> Result<Option<Frame>, FrameError> {
        if let Some((length, header_len)) = self.length(bytes)
            && let Some(len) = self.frame_len(length, header_len)
            && len <= bytes.len()
        {
            return Ok(Some(Frame { len, payload: header_len..len }));
        }
        self.needed(bytes).map(|_| None)
    }

    /// How many more bytes are needed at least before [`next`](Self::next) gives a frame: 0 if it
    /// does. Exact once the length can be read.
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next).
    #[cold]
    pub fn needed(&self, bytes: &[u8]) -> Result<usize, FrameError> {
        match self.length(bytes) {
            Some((length, header_len)) => match self.frame_len(length, header_len) {
                Some(len) => Ok(len.saturating_sub(bytes.len())),
                None => Err(self.out_of_bounds(length, header_len)),
            },
            None if bytes.len() < self.header_len_max() => Ok(self.wanted(bytes.len())),
            None => Err(FrameError::PrefixTooWide {
                offset: self.before as u64,
                width_max: self.width_max(),
                max: self.max as u64,
            }),
        }
    }

    /// Where the payload of the first frame starts and where it ends, as soon as its length can be
    /// read: before the frame is all there.
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next).
    pub fn extent(&self, bytes: &[u8]) -> Result<Option<Range<usize>>, FrameError> {
        match self.length(bytes) {
            Some((length, header_len)) => match self.frame_len(length, header_len) {
                Some(len) => Ok(Some(header_len..len)),
                None => Err(self.out_of_bounds(length, header_len)),
            },
            None => self.needed(bytes).map(|_| None),
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

    /// What the length field says, and the bytes of the header it ends. `None` if it is not all
    /// there, or wider than it may be.
    #[inline(always)]
    fn length(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        let (length, width) = match (self.prefix, bytes.get(self.before..)?) {
            (Prefix::Varint, [only @ 0..0x80, ..]) => (u32::from(*only), 1),
            (Prefix::Varint, wide) => {
                let (length, width) = read_uvarint(wide).ok()??;
                if width > self.width_max() {
                    return None;
                }
                (length, width)
            }
            (Prefix::U8, [a, ..]) => (u32::from(*a), 1),
            (Prefix::U16, [a, b, ..]) => (self.ordered([*a, *b]), 2),
            (Prefix::U24, [a, b, c, ..]) => (self.ordered([*a, *b, *c]), 3),
            (Prefix::U32, [a, b, c, d, ..]) => (self.ordered([*a, *b, *c, *d]), 4),
            _ => return None,
        };
        Some((length as usize, self.before + width))
    }

    /// Bytes of the whole frame, or `None` if the length is out of bounds.
    #[inline(always)]
    fn frame_len(&self, length: usize, header_len: usize) -> Option<usize> {
        if length > self.max || length < self.least(header_len) {
            return None;
        }
        match self.counts {
            Counts::Whole => Some(length),
            Counts::Rest => header_len.checked_add(length),
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

    /// Bytes that are missing at least when `have` bytes do not hold the header: a frame is never
    /// shorter than its shortest header and `min`.
    fn wanted(&self, have: usize) -> usize {
        let header_len = self.before.saturating_add(self.prefix.width().unwrap_or(1));
        let shortest = match self.counts {
            Counts::Whole => header_len.max(self.min),
            Counts::Rest => header_len.saturating_add(self.min),
        };
        shortest.saturating_sub(have).max(1)
    }

    /// The longest header there can be.
    fn header_len_max(&self) -> usize {
        self.before.saturating_add(self.prefix.width().unwrap_or_else(|| self.width_max()))
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
            (Counts::Whole, Some(width)) => self.whole(width, payload_len),
            // the length counts its own width: the first width that holds the sum with itself
            (Counts::Whole, None) => (1..=VARINT_WIDTH_MAX)
                .map(|width| (width, self.whole(width, payload_len)))
                .find(|(width, sum)| sum >> (7 * width) == 0)
                .map_or(u64::MAX, |(_, sum)| sum),
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

    /// Bytes of a whole frame with a length so wide.
    fn whole(&self, width: usize, payload_len: usize) -> u64 {
        (self.before as u64).saturating_add(width as u64).saturating_add(payload_len as u64)
    }

    fn out_of_bounds(&self, found: usize, header_len: usize) -> FrameError {
        let (offset, found) = (self.before as u64, found as u64);
        let min = self.least(header_len) as u64;
        if found < min {
            FrameError::TooShort { offset, found, min }
        } else {
            FrameError::TooLong { offset, found, max: self.max as u64 }
        }
    }
}

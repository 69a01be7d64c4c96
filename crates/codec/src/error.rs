//! What can be wrong with a peer's bytes, or with a frame that we were asked to make.
//!
//! "Not yet" is never among these: a decoder that wants more bytes answers `Ok(None)`.

use thiserror::Error;

/// The bytes are not a frame, or a frame cannot be made. After a reading error the direction's
/// framing is lost: nothing in the bytes says where the next frame starts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The length field says more than the limit *frame length max*.
    #[error(
        "length {found} at offset {offset} is above the frame length max of {max} \
         (setting {})",
        FrameError::LENGTH_MAX_SETTING
    )]
    TooLong {
        /// Where the length field starts, in the bytes given.
        offset: u64,
        /// What the length field says.
        found: u64,
        /// The limit in force.
        max: u64,
    },
    /// The length field says less than the header itself takes, or less than the framing's `min`.
    #[error("length {found} at offset {offset} is below the least possible, {min}")]
    TooShort {
        /// Where the length field starts, in the bytes given.
        offset: u64,
        /// What the length field says.
        found: u64,
        /// The least a length can say here.
        min: u64,
    },
    /// A varint length goes on for longer than any length within *frame length max* needs.
    #[error(
        "length at offset {offset} is wider than {width_max} bytes, which the frame length max \
         of {max} allows (setting {})",
        FrameError::LENGTH_MAX_SETTING
    )]
    PrefixTooWide {
        /// Where the length field starts, in the bytes given.
        offset: u64,
        /// The most bytes a length within the limit takes.
        width_max: usize,
        /// The limit in force.
        max: u64,
    },
    /// A frame was to be made whose length field would say more than *frame length max*.
    #[error(
        "a payload of {payload_len} bytes needs the length {length}, above the frame length max \
         of {max} (setting {})",
        FrameError::LENGTH_MAX_SETTING
    )]
    PayloadTooLong {
        /// Bytes of payload.
        payload_len: usize,
        /// What the length field would say.
        length: u64,
        /// The limit in force, or the most the prefix can hold if that is less.
        max: u64,
    },
    /// A frame was to be made whose length field would say less than the framing's `min`.
    #[error("a payload of {payload_len} bytes needs the length {length}, below the least, {min}")]
    PayloadTooShort {
        /// Bytes of payload.
        payload_len: usize,
        /// What the length field would say.
        length: u64,
        /// The least a length can say here.
        min: u64,
    },
}

impl FrameError {
    /// The setting that raises *frame length max*.
    pub const LENGTH_MAX_SETTING: &'static str = "frame_length_max";

    /// The setting that lifts the limit which was met, if the error is about a limit.
    #[must_use]
    pub fn setting(&self) -> Option<&'static str> {
        match self {
            Self::TooLong { .. } | Self::PrefixTooWide { .. } | Self::PayloadTooLong { .. } => {
                Some(Self::LENGTH_MAX_SETTING)
            }
            Self::TooShort { .. } | Self::PayloadTooShort { .. } => None,
        }
    }

    /// The same error, with its offset counted from `by` bytes further back: from the start of
    /// the stream rather than of the bytes at hand, for instance.
    #[must_use]
    pub fn shifted(mut self, by: u64) -> Self {
        match &mut self {
            Self::TooLong { offset, .. }
            | Self::TooShort { offset, .. }
            | Self::PrefixTooWide { offset, .. } => *offset = offset.saturating_add(by),
            Self::PayloadTooLong { .. } | Self::PayloadTooShort { .. } => {}
        }
        self
    }
}

/// The bytes are not a variable-length integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum VarintError {
    /// The last byte that the type can have still says that another follows.
    #[error("varint is longer than {width_max} bytes")]
    TooLong {
        /// The most bytes the type can have.
        width_max: u8,
    },
}

/// A compressed payload or block is not what it says, or does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CompressionError {
    /// The payload ends before its plain size does.
    #[error("payload of {payload_len} bytes ends inside its plain size")]
    PlainLenCut {
        /// Bytes of payload there were.
        payload_len: usize,
    },
    /// The plain size is not a varint.
    #[error("plain size: {0}")]
    PlainLenVarint(#[from] VarintError),
    /// The plain size is below zero.
    #[error("plain size {found} is negative")]
    PlainLenNegative {
        /// What it says.
        found: i32,
    },
    /// The plain bytes are more than the limit *inflate max*, by their own account (`found` is
    /// the plain size) or because they went on (`found` is one more than the limit).
    #[error(
        "{found} plain bytes are above the inflate max of {max} (setting {})",
        CompressionError::INFLATE_MAX_SETTING
    )]
    AboveMax {
        /// Plain bytes declared, or seen until the limit was passed.
        found: u64,
        /// The limit in force.
        max: u64,
    },
    /// More plain bytes than the plain size said. The output holds as many as it said.
    #[error("plain bytes go on after the declared {declared}")]
    Longer {
        /// The plain size.
        declared: usize,
    },
    /// The compressed data is complete but gave fewer plain bytes than the plain size said.
    #[error("{found} plain bytes instead of the declared {declared}")]
    Shorter {
        /// The plain size.
        declared: usize,
        /// Plain bytes there were.
        found: usize,
    },
    /// The compressed data stops before its end mark. The output holds what came before.
    #[error("compressed data ends early, after {found} plain bytes")]
    Truncated {
        /// Plain bytes there were.
        found: usize,
        /// The plain size, where one was declared.
        declared: Option<usize>,
    },
    /// The data is not of its format, or a checksum is wrong. The output holds what came before.
    #[error("compressed data is damaged near byte {offset}, after {found} plain bytes")]
    Corrupt {
        /// Compressed bytes that had been read.
        offset: usize,
        /// Plain bytes there were.
        found: usize,
    },
    /// All plain bytes are there, but compressed bytes are left over behind the end mark.
    #[error("{count} bytes are left over behind the compressed data")]
    Trailing {
        /// Bytes left over.
        count: usize,
    },
    /// Plain bytes were to be written that their own size field cannot count.
    #[error("{len} plain bytes are more than a plain size can say, {max}")]
    Uncountable {
        /// Plain bytes there were.
        len: usize,
        /// The most there can be.
        max: usize,
    },
}

impl CompressionError {
    /// The setting that raises *inflate max*.
    pub const INFLATE_MAX_SETTING: &'static str = "inflate_max";

    /// The setting that lifts the limit which was met, if the error is about a limit.
    #[must_use]
    pub fn setting(&self) -> Option<&'static str> {
        matches!(self, Self::AboveMax { .. }).then_some(Self::INFLATE_MAX_SETTING)
    }

    /// Whether every declared plain byte was produced all the same, so that a reader who is not
    /// strict can go on with the output. Java's readers, for example, look neither for the end
    /// mark nor behind it.
    #[must_use]
    pub fn is_plain_whole(&self) -> bool {
        match self {
            Self::Trailing { .. } | Self::Longer { .. } => true,
            Self::Truncated { found, declared } => Some(*found) == *declared,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_about_a_limit_names_the_limit_its_value_and_the_setting() {
        let error = FrameError::TooLong { offset: 7, found: 3_000_000, max: 2_097_151 };
        assert_eq!(
            error.to_string(),
            "length 3000000 at offset 7 is above the frame length max of 2097151 \
             (setting frame_length_max)"
        );
        assert_eq!(error.setting(), Some("frame_length_max"));
        let error = CompressionError::AboveMax { found: 9, max: 8 };
        assert_eq!(
            error.to_string(),
            "9 plain bytes are above the inflate max of 8 (setting inflate_max)"
        );
        assert_eq!(error.setting(), Some("inflate_max"));
    }

    #[test]
    fn an_error_without_a_limit_names_no_setting() {
        assert_eq!(FrameError::TooShort { offset: 0, found: 1, min: 2 }.setting(), None);
        assert_eq!(CompressionError::Trailing { count: 1 }.setting(), None);
    }

    #[test]
    fn shifting_counts_the_offset_from_further_back() {
        let error = FrameError::TooShort { offset: 4, found: 0, min: 2 };
        assert_eq!(error.shifted(100), FrameError::TooShort { offset: 104, found: 0, min: 2 });
    }
}

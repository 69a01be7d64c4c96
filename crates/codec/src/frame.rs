//! A frame: a range of the read buffer, and where its payload stands in it. Nothing is copied.

use std::ops::Range;

use crate::error::FrameError;
use crate::framing::Framing;

/// One length-delimited unit of bytes. The payload is what follows the length, to the frame's end.
///
/// ```text
///  before   length   payload
/// |-------|--------|-----------------|
/// |<-------------- len ------------->|
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// Bytes of the whole frame, its header included. Never 0.
    pub len: usize,
    /// Where the payload stands in the bytes that were read.
    pub payload: Range<usize>,
}

impl Frame {
    /// Where the whole frame stands in the bytes that were read.
    #[inline]
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.payload.end - self.len..self.payload.end
    }

    /// Bytes in front of the payload.
    #[inline]
    #[must_use]
    pub fn header_len(&self) -> usize {
        self.len - (self.payload.end - self.payload.start)
    }
}

/// The whole frames at the start of `bytes`, one after the other.
///
/// ```
/// use midwire_codec::{Framing, Prefix, frames};
///
/// let framing = Framing::new(Prefix::Varint, 2_097_151);
/// let bytes = b"\x02hi\x00\x05he";
/// let mut frames = frames(&framing, bytes);
/// let payloads: Vec<_> = frames.by_ref().map(|frame| &bytes[frame.unwrap().payload]).collect();
/// assert_eq!(payloads, [&b"hi"[..], b""]);
/// assert_eq!(frames.rest(), b"\x05he");
/// ```
#[inline]
#[must_use]
pub fn frames<'a>(framing: &'a Framing, bytes: &'a [u8]) -> Frames<'a> {
    Frames { framing, bytes, consumed: 0, lost: false }
}

/// Iterator over whole frames; see [`frames`]. Ranges and error offsets count from the start of the
/// bytes given to [`frames`]. It ends where a frame is not all there, or after the first error.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    framing: &'a Framing,
    bytes: &'a [u8],
    consumed: usize,
    lost: bool,
}

impl<'a> Frames<'a> {
    /// Bytes taken by the frames given so far.
    #[inline]
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.consumed
    }

    /// What follows the frames given so far.
    #[inline]
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.consumed..]
    }
}

impl Iterator for Frames<'_> {
    type Item = Result<Frame, FrameError>;

    #[inline(always)] // as `Framing::next`
    fn next(&mut self) -> Option<Self::Item> {
        if self.lost {
            return None;
        }
        let start = self.consumed;
        match self.framing.next(self.rest()) {
            Ok(Some(frame)) => {
                self.consumed = start + frame.len;
                let payload = start + frame.payload.start..start + frame.payload.end;
                Some(Ok(Frame { len: frame.len, payload }))
            }
            Ok(None) => None,
            Err(error) => {
                self.lost = true;
                Some(Err(error.shifted(start as u64)))
            }
        }
    }
}

impl std::iter::FusedIterator for Frames<'_> {}

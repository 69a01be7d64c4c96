//! The framing as a tokio-util codec, for end points, tools and tests. The session does not use it:
//! it needs ranges of its own buffer, not an item a frame.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;
use tokio_util::codec::{Decoder, Encoder};

use crate::compression::{Deflater, Inflater, split, write_compressed};
use crate::error::{CompressionError, FrameError};
use crate::framing::Framing;

/// What a [`FrameCodec`] reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A frame.
    Frame {
        /// The whole frame as it came, to be sent on unchanged.
        wire: Bytes,
        /// Its payload, inflated. Not compressed, it shares its memory with `wire`.
        payload: Bytes,
    },
    /// Bytes that could not be read. An item and not an error, as after an error a tokio-util
    /// stream ends with the bytes still inside it; so a tool can go on with them.
    Undecodable {
        /// The bytes as they came.
        wire: Bytes,
        /// What is wrong with them.
        reason: UndecodableReason,
    },
}

/// Why bytes could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UndecodableReason {
    /// The framing is lost; this and everything that follows comes raw, as it arrives. The error's
    /// offset counts from the first raw byte.
    #[error(transparent)]
    Framing(#[from] FrameError),
    /// This one frame does not inflate; the next may be fine.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// The stream ended inside a frame.
    #[error("the stream ended {needed} bytes or more before its last frame's end")]
    Cut {
        /// Bytes that are missing at least.
        needed: usize,
    },
}

/// Reads and writes frames over any byte stream; with `tokio_util::codec::Framed`, for instance.
#[derive(Debug)]
pub struct FrameCodec {
    framing: Framing,
    compression: Option<usize>,
    inflater: Inflater,
    deflater: Deflater,
    scratch: Vec<u8>,
    lost: Option<FrameError>,
}

impl FrameCodec {
    /// A codec without compression.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        Self {
            framing,
            compression: None,
            inflater: Inflater::default(),
            deflater: Deflater::default(),
            scratch: Vec::new(),
            lost: None,
        }
    }

    /// Switches the stage `zlib_threshold` on with a threshold in bytes, or off, for the frames
    /// read and written from now on. Bytes already buffered but not yet decoded come under it.
    pub fn set_compression(&mut self, threshold: Option<usize>) {
        self.compression = threshold;
    }

    /// The threshold in force, if the stage is on.
    #[must_use]
    pub fn compression(&self) -> Option<usize> {
        self.compression
    }

    /// Replaces the limit *inflate max*, in bytes.
    pub fn set_inflate_max(&mut self, inflate_max: usize) {
        self.inflater = Inflater::new(inflate_max);
    }

    fn payload(&mut self, raw: Bytes) -> Result<Bytes, CompressionError> {
        if self.compression.is_none() {
            return Ok(raw);
        }
        let compressed = split(&raw)?;
        match compressed.plain_len {
            None => Ok(raw.slice(compressed.header_len..)),
            Some(plain_len) => {
                let mut plain = Vec::new();
                self.inflater.inflate(compressed.data, plain_len, &mut plain)?;
                Ok(plain.into())
            }
        }
    }

    fn write(&mut self, payload: &[u8], dst: &mut BytesMut) -> io::Result<()> {
        let mut frame = Vec::with_capacity(payload.len() + 16);
        let framed = match self.compression {
            None => self.framing.write_frame(payload, &mut frame),
            Some(threshold) => {
                self.scratch.clear();
                write_compressed(payload, threshold, &mut self.deflater, &mut self.scratch)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
                self.framing.write_frame(&self.scratch, &mut frame)
            }
        };
        framed.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        dst.extend_from_slice(&frame);
        Ok(())
    }
}

impl Decoder for FrameCodec {
    type Item = Received;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Received>> {
        if src.is_empty() {
            return Ok(None);
        }
        if let Some(error) = &self.lost {
            let reason = error.clone().into();
            return Ok(Some(Received::Undecodable { wire: src.split().freeze(), reason }));
        }
        let frame = match self.framing.next(src) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(None),
            Err(error) => {
                self.lost = Some(error.clone());
                let wire = src.split().freeze();
                return Ok(Some(Received::Undecodable { wire, reason: error.into() }));
            }
        };
        let wire = src.split_to(frame.len).freeze();
        Ok(Some(match self.payload(wire.slice(frame.payload)) {
            Ok(payload) => Received::Frame { wire, payload },
            Err(error) => Received::Undecodable { wire, reason: error.into() },
        }))
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> io::Result<Option<Received>> {
        if let Some(item) = self.decode(src)? {
            return Ok(Some(item));
        }
        if !src.has_remaining() {
            return Ok(None);
        }
        // a whole frame or lost framing would have been an item
        let needed = self.framing.needed(src).unwrap_or_default();
        let reason = UndecodableReason::Cut { needed };
        Ok(Some(Received::Undecodable { wire: src.split().freeze(), reason }))
    }
}

impl Encoder<&[u8]> for FrameCodec {
    type Error = io::Error;

    /// Appends a frame with this payload, given plain.
    fn encode(&mut self, payload: &[u8], dst: &mut BytesMut) -> io::Result<()> {
        self.write(payload, dst)
    }
}

impl Encoder<Bytes> for FrameCodec {
    type Error = io::Error;

    /// Appends a frame with this payload, given plain.
    fn encode(&mut self, payload: Bytes, dst: &mut BytesMut) -> io::Result<()> {
        self.write(&payload, dst)
    }
}

//! Compression: the stage between a frame and its payload, and compressed blocks inside a payload.
//!
//! With the stage `zlib_threshold` on, every payload starts with a varint that says how long it is
//! when plain. 0 means that it is stored as it is; anything else, that a zlib stream follows which
//! gives exactly so many bytes.
//!
//! ```text
//!  length   plain size = 0   plain payload                (shorter than the threshold)
//!  length   plain size > 0   zlib stream                  (the threshold or longer)
//! ```
//!
//! A declared size is the peer's word, so it is checked against *inflate max* first, and output
//! grows with what the data really gives: a header that lies allocates next to nothing.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::error::CompressionError;
use crate::varint::{read_varint, write_varint};

/// Default of *inflate max*: 8 MiB, the most that Minecraft's own reader accepts.
pub const INFLATE_MAX: usize = 8 * 1024 * 1024;

/// A payload of the stage `zlib_threshold`, split but not yet inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compressed<'a> {
    /// Bytes it is said to have when plain; `None` if it is stored plain.
    pub plain_len: Option<usize>,
    /// The zlib stream, or the plain bytes.
    pub data: &'a [u8],
    /// Bytes that the plain size takes in front of `data`.
    pub header_len: usize,
}

/// Splits a payload of the stage `zlib_threshold` into its plain size and its data.
///
/// # Errors
///
/// The payload ends within the plain size, or that is no varint, or negative.
#[inline]
pub fn split(payload: &[u8]) -> Result<Compressed<'_>, CompressionError> {
    let Some((plain_len, header_len)) = read_varint(payload)? else {
        return Err(CompressionError::PlainLenCut { payload_len: payload.len() });
    };
    let Ok(plain_len) = usize::try_from(plain_len) else {
        return Err(CompressionError::PlainLenNegative { found: plain_len });
    };
    let plain_len = (plain_len != 0).then_some(plain_len);
    Ok(Compressed { plain_len, data: &payload[header_len..], header_len })
}

/// Appends `plain` as a payload of the stage `zlib_threshold`: compressed if it is `threshold`
/// bytes or longer, else stored. Game clients refuse what keeps to neither.
///
/// # Errors
///
/// There are more than 2,147,483,647 bytes. Then nothing is written.
pub fn write_compressed(
    plain: &[u8],
    threshold: usize,
    deflater: &mut Deflater,
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    let Ok(plain_len) = i32::try_from(plain.len()) else {
        let max = i32::MAX as usize;
        return Err(CompressionError::Uncountable { len: plain.len(), max });
    };
    // nothing at all is stored whatever the threshold: its size is 0, which says "stored"
    if plain.is_empty() || plain.len() < threshold {
        out.push(0);
        out.extend_from_slice(plain);
    } else {
        write_varint(plain_len, out);
        deflater.deflate(Wrapper::Zlib, plain, out);
    }
    Ok(())
}

/// What stands around deflated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wrapper {
    /// Two bytes in front, an Adler-32 behind (RFC 1950).
    Zlib,
    /// Nothing (RFC 1951).
    Deflate,
    /// Ten bytes or more in front, a CRC-32 and the size behind (RFC 1952). One member.
    Gzip,
}

/// Inflates, reusing one state: making a new one takes tens of kilobytes. The state is made when
/// first needed, so that an unused inflater costs nothing.
///
/// Output is appended. After an error it holds what was read up to there.
#[derive(Debug)]
pub struct Inflater {
    inflate_max: usize,
    /// Zlib or raw, as each reset says.
    state: Option<Decompress>,
    gzip: Option<Decompress>,
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new(INFLATE_MAX)
    }
}

impl Inflater {
    /// An inflater that gives at most `inflate_max` plain bytes a call.
    #[must_use]
    pub const fn new(inflate_max: usize) -> Self {
        Self { inflate_max, state: None, gzip: None }
    }

    /// The most plain bytes that one call gives.
    #[must_use]
    pub const fn inflate_max(&self) -> usize {
        self.inflate_max
    }

    /// Inflates a zlib stream that is said to give `plain_len` bytes, and appends them to `out`.
    ///
    /// # Errors
    ///
    /// `plain_len` is above *inflate max*; the stream is damaged, cut, gives fewer bytes or more;
    /// or bytes follow it. [`CompressionError::is_plain_whole`] tells whether `out` can be used.
    pub fn inflate(
        &mut self,
        data: &[u8],
        plain_len: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        if plain_len > self.inflate_max {
            return Err(self.above_max(plain_len));
        }
        let run = run(self.fresh(Wrapper::Zlib), data, plain_len, out);
        match run.end {
            End::Finished if run.found < plain_len => {
                Err(CompressionError::Shorter { declared: plain_len, found: run.found })
            }
            End::Finished if run.used < data.len() => {
                Err(CompressionError::Trailing { count: data.len() - run.used })
            }
            End::Finished => Ok(()),
            End::Full => Err(CompressionError::Longer { declared: plain_len }),
            End::Cut => {
                Err(CompressionError::Truncated { found: run.found, declared: Some(plain_len) })
            }
            End::Corrupt => Err(CompressionError::Corrupt { offset: run.used, found: run.found }),
        }
    }

    /// Inflates the first `n` plain bytes of a zlib stream, to read a packet id for example, and
    /// appends them to `out`. Returns how many there are: fewer than `n` where the stream ends or
    /// is cut. What follows is not looked at.
    ///
    /// # Errors
    ///
    /// `n` is above *inflate max*, or the stream is damaged before byte `n`.
    pub fn inflate_prefix(
        &mut self,
        data: &[u8],
        n: usize,
        out: &mut Vec<u8>,
    ) -> Result<usize, CompressionError> {
        if n > self.inflate_max {
            return Err(self.above_max(n));
        }
        let start = out.len();
        out.resize(start + n, 0);
        let state = self.fresh(Wrapper::Zlib);
        let result = state.decompress(data, &mut out[start..], FlushDecompress::None);
        let (used, found) = (state.total_in() as usize, state.total_out() as usize);
        out.truncate(start + found);
        match result {
            Err(_) if found < n => Err(CompressionError::Corrupt { offset: used, found }),
            _ => Ok(found),
        }
    }

    /// Inflates a block whose plain size nobody declared, and appends it to `out`. Returns how many
    /// bytes of `data` it took: the rest follows the block.
    ///
    /// # Errors
    ///
    /// The block is damaged or cut, or gives more than *inflate max* bytes.
    pub fn inflate_block(
        &mut self,
        wrapper: Wrapper,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<usize, CompressionError> {
        let limit = self.inflate_max;
        let run = run(self.fresh(wrapper), data, limit, out);
        match run.end {
            End::Finished => Ok(run.used),
            End::Full => Err(self.above_max(limit.saturating_add(1))),
            End::Cut => Err(CompressionError::Truncated { found: run.found, declared: None }),
            End::Corrupt => Err(CompressionError::Corrupt { offset: run.used, found: run.found }),
        }
    }

    fn above_max(&self, found: usize) -> CompressionError {
        CompressionError::AboveMax { found: found as u64, max: self.inflate_max as u64 }
    }

    /// A state at the start of a stream.
    fn fresh(&mut self, wrapper: Wrapper) -> &mut Decompress {
        let zlib_header = wrapper != Wrapper::Deflate;
        let state = match wrapper {
            Wrapper::Gzip => self.gzip.get_or_insert_with(|| Decompress::new_gzip(WINDOW_BITS)),
            Wrapper::Zlib | Wrapper::Deflate => {
                self.state.get_or_insert_with(|| Decompress::new(zlib_header))
            }
        };
        state.reset(zlib_header);
        state
    }
}

/// Deflates, reusing one state a wrapper: each takes a quarter of a megabyte, and is made when
/// first needed.
#[derive(Debug)]
pub struct Deflater {
    level: Compression,
    zlib: Option<Compress>,
    raw: Option<Compress>,
    gzip: Option<Compress>,
}

impl Default for Deflater {
    /// Level 1: on a local connection time counts more than size.
    fn default() -> Self {
        Self::new(1)
    }
}

impl Deflater {
    /// A deflater of level 0 (stored) to 9 (smallest, slowest). A higher level is taken as 9.
    #[must_use]
    pub fn new(level: u32) -> Self {
        Self { level: Compression::new(level.min(9)), zlib: None, raw: None, gzip: None }
    }

    /// Appends `plain`, deflated, to `out`. The bytes are not those that another implementation
    /// would make of it; only what they inflate to is.
    pub fn deflate(&mut self, wrapper: Wrapper, plain: &[u8], out: &mut Vec<u8>) {
        let level = self.level;
        let state = match wrapper {
            Wrapper::Zlib => self.zlib.get_or_insert_with(|| Compress::new(level, true)),
            Wrapper::Deflate => self.raw.get_or_insert_with(|| Compress::new(level, false)),
            Wrapper::Gzip => {
                self.gzip.get_or_insert_with(|| Compress::new_gzip(level, WINDOW_BITS))
            }
        };
        state.reset();
        loop {
            let rest = &plain[state.total_in() as usize..];
            // what does not shrink takes five bytes a block more than it had, and the wrapper
            out.reserve(rest.len() / 4 + 64);
            let status = state
                .compress_vec(rest, out, FlushCompress::Finish)
                .expect("a state that was reset, with room to write to, cannot fail");
            if status == Status::StreamEnd {
                return;
            }
        }
    }
}

/// The window of every deflate stream can be as large as the format allows.
const WINDOW_BITS: u8 = 15;

/// The least that output grows by, so that small data needs one step.
const STEP_MIN: usize = 4096;

/// How a run ended.
enum End {
    /// At the stream's end mark.
    Finished,
    /// At the limit, with more plain bytes to come.
    Full,
    /// At the end of the data, before the end mark.
    Cut,
    /// At bytes that make no sense.
    Corrupt,
}

struct Run {
    used: usize,
    found: usize,
    end: End,
}

/// Inflates up to `limit` bytes and appends them to `out`, which grows with what is really found.
fn run(state: &mut Decompress, data: &[u8], limit: usize, out: &mut Vec<u8>) -> Run {
    let start = out.len();
    // usual data inflates to less than eight times its size: one step
    let mut step = data.len().saturating_mul(8).max(STEP_MIN);
    let end = loop {
        let (used, found) = (state.total_in() as usize, state.total_out() as usize);
        let room = step.min(limit - found);
        if room == 0 {
            // all the output there may be is there; is this the end?
            break match state.decompress(&data[used..], &mut [0], FlushDecompress::Finish) {
                _ if state.total_out() as usize > found => End::Full,
                Ok(Status::StreamEnd) => End::Finished,
                Ok(_) => End::Cut,
                Err(_) => End::Corrupt,
            };
        }
        out.resize(start + found + room, 0);
        let into = &mut out[start + found..];
        // "finish" spares the window's upkeep when all fits; when not, the next step goes on
        let result = state.decompress(&data[used..], into, FlushDecompress::Finish);
        let filled = state.total_out() as usize == found + room;
        match result {
            Ok(Status::StreamEnd) => break End::Finished,
            Err(_) => break End::Corrupt,
            Ok(_) if !filled => break End::Cut,
            Ok(_) => step = found + room,
        }
    };
    let found = (state.total_out() as usize).min(limit);
    out.truncate(start + found);
    Run { used: state.total_in() as usize, found, end }
}

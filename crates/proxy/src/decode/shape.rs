//! Bytes cut into frames and payloads, in one of the ways in which they may be.

use midwire_codec::{Inflater, split};

use super::candidates::Search;
use super::reading::{Plain, plain};

/// Packets of a stream that are looked at.
pub(super) const PACKETS_MAX: usize = 24;
/// What each byte of a frame's length tells that leads to its end.
const FRAME: f64 = 7.0;
/// Of one frame at most.
const FRAME_MAX: f64 = 14.0;
/// What the compression stage tells that can be taken off.
const STORED: f64 = 5.0;
const INFLATED: f64 = 30.0;

/// One frame that is cut is less likely than one that is whole, or than bytes without one.
const CUT: f64 = -5.0;
/// Of the plain bytes of a frame that is cut so many are looked at.
const PLAIN_MAX: usize = 1 << 16;

/// The bytes of pieces under one shape.
pub(super) struct Shape {
    pub(super) framed: bool,
    pub(super) compressed: bool,
    pub(super) payloads: Vec<Payload>,
    pub(super) lost: usize,
    pub(super) len: usize,
    /// What the frames and the compression tell.
    pub(super) bits: f64,
    /// The frames do not end where the bytes do.
    pub(super) problem: Option<String>,
}

pub(super) struct Payload {
    pub(super) bytes: Vec<u8>,
    /// Its end is missing: so many bytes.
    pub(super) missing: Option<usize>,
    /// Bytes around it.
    pub(super) around: usize,
    pub(super) problem: Option<String>,
}

/// The frames of pieces from a place in the first on; `None` if there are none.
pub(super) fn shape(
    search: &Search<'_>,
    pieces: &[&[u8]],
    framed: bool,
    compressed: bool,
    start: usize,
) -> Option<Shape> {
    let mut shape = Shape {
        framed,
        compressed,
        payloads: Vec::new(),
        lost: 0,
        len: pieces.iter().map(|piece| piece.len()).sum(),
        bits: 0.0,
        problem: None,
    };
    let framing = search.protocol.stack.framing.filter(|_| framed);
    let mut inflater = Inflater::new(search.inflate_max);
    for (at, piece) in pieces.iter().enumerate() {
        let Some(framing) = framing else {
            shape.payloads.push(Payload {
                bytes: piece.to_vec(),
                missing: None,
                around: 0,
                problem: None,
            });
            continue;
        };
        let mut rest = if at == 0 { start } else { 0 };
        shape.lost += rest;
        while rest < piece.len() && shape.payloads.len() < PACKETS_MAX {
            let frame = match framing.next(&piece[rest..]) {
                Ok(Some(frame)) => frame,
                Ok(None) => {
                    let left = piece.len() - rest;
                    let extent = framing.extent(&piece[rest..]).ok().flatten();
                    if let Some(extent) = extent.filter(|extent| extent.start < left) {
                        let there = &piece[rest + extent.start..];
                        let around = left - there.len();
                        // The more of a frame is missing, the less it was one.
                        shape.bits += if extent.end <= 4 * left { 0.0 } else { -8.0 };
                        shape.bits += if shape.payloads.is_empty() { CUT } else { 2.0 };
                        let len = extent.end - extent.start;
                        let payload = match compressed {
                            false => Some((there.to_vec(), len, 0.0)),
                            true => of_cut(there, len, &mut inflater),
                        };
                        if let Some((bytes, len, bits)) = payload {
                            shape.bits += bits;
                            let missing = Some(len.saturating_sub(bytes.len()));
                            shape.payloads.push(Payload { bytes, missing, around, problem: None });
                        }
                    }
                    shape.problem = Some("the last frame is cut".to_owned());
                    break;
                }
                Err(error) => {
                    shape.bits -= 60.0;
                    shape.problem = Some(format!("no frame at {rest}: {error}"));
                    break;
                }
            };
            let payload = &piece[rest..][frame.payload.clone()];
            let plain = plain(compressed, payload, &mut inflater);
            let header = frame.len - payload.len();
            shape.bits += (FRAME * header as f64).min(FRAME_MAX);
            if compressed {
                shape.bits += staged(&plain, payload.len());
            }
            shape.payloads.push(Payload {
                bytes: plain.payload,
                missing: None,
                around: header,
                problem: plain.problem.or(plain.flaw),
            });
            rest += frame.len;
        }
    }
    shape.bits = shape.bits.min(40.0 + 6.0 * shape.payloads.len() as f64);
    (!shape.payloads.is_empty()).then_some(shape)
}

/// The plain bytes of a compressed frame that is cut, how many there would be, and what the stage tells; `None` if it
/// cannot be one.
///
/// `len`: that of the whole payload.
fn of_cut(there: &[u8], len: usize, inflater: &mut Inflater) -> Option<(Vec<u8>, usize, f64)> {
    let parts = split(there).ok()?;
    let Some(plain_len) = parts.plain_len else {
        return Some((parts.data.to_vec(), len.saturating_sub(parts.header_len), STORED));
    };
    if !may_inflate(plain_len, len) {
        return None;
    }
    let mut plain = Vec::new();
    inflater.inflate_prefix(parts.data, plain_len.min(PLAIN_MAX), &mut plain).ok()?;
    if plain.is_empty() {
        return None;
    }
    Some((plain, plain_len, INFLATED / 2.0))
}

/// Whether so many compressed bytes may be so many plain ones: they are hardly more, nor less than a thousandth.
pub(super) fn may_inflate(plain_len: usize, len: usize) -> bool {
    len <= plain_len.saturating_add(64) && plain_len / 1100 <= len
}

/// What the compression stage tells of a payload that was so long with it.
pub(super) fn staged(plain: &Plain, len: usize) -> f64 {
    match &plain.problem {
        Some(_) => -60.0,
        None if plain.payload.len() + 1 != len => INFLATED,
        None => STORED,
    }
}

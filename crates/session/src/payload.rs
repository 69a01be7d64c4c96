//! From a frame to its plain payload: splitting, inflating, and judging whether it fits a form.

use std::ops::Range;

use midwire_codec::{CompressionError, Direction, split};

use crate::form::Form;
use crate::id;
use crate::interest::Tables;
use crate::scratch::Scratch;
use midwire_definition::Stack;

/// Where a payload's plain bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// In the frame.
    Plain(Range<usize>),
    /// In the frame, compressed; so many when plain.
    Deflated(Range<usize>, usize),
}

/// Splits off the plain size, if the form has one.
#[inline]
pub(crate) fn stored(
    bytes: &[u8],
    payload: Range<usize>,
    compressed: bool,
) -> Result<Stored, CompressionError> {
    if !compressed {
        return Ok(Stored::Plain(payload));
    }
    let parts = split(&bytes[payload.clone()])?;
    let data = payload.start + parts.header_len..payload.end;
    Ok(match parts.plain_len {
        None => Stored::Plain(data),
        Some(plain_len) => Stored::Deflated(data, plain_len),
    })
}

/// Makes a payload plain in `scratch.plain`. As game clients do, data behind its end mark and a
/// missing end mark are let pass; gives what is wrong with it then.
pub(crate) fn inflate(
    scratch: &mut Scratch,
    data: &[u8],
    plain_len: usize,
) -> Result<Option<CompressionError>, CompressionError> {
    scratch.plain.clear();
    match scratch.inflater.inflate(data, plain_len, &mut scratch.plain) {
        Ok(()) => Ok(None),
        Err(error) if error.is_plain_whole() => Ok(Some(error)),
        Err(error) => Err(error),
    }
}

/// How well a frame fits a form; greater is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// Its payload cannot be made plain.
    Broken,
    /// Its id is not known.
    Unknown,
    /// Its id is known, its fields cannot be read, or not to the end.
    Malformed,
    /// Its id is known; its fields are opaque.
    Opaque,
    /// It is read to the last byte.
    Whole,
}

/// How well a frame fits a form.
pub(crate) fn fit(
    stack: &Stack,
    tables: &Tables,
    form: &Form,
    direction: Direction,
    payload: &[u8],
    scratch: &mut Scratch,
) -> Fit {
    let plain: &[u8] = match stored(payload, 0..payload.len(), form.threshold.is_some()) {
        Err(_) => return Fit::Broken,
        Ok(Stored::Plain(range)) => &payload[range],
        Ok(Stored::Deflated(data, plain_len)) => {
            // peers refuse a compressed payload below the threshold, so that is another form's
            // frame
            if form.threshold.is_some_and(|threshold| plain_len < threshold as usize)
                || scratch.inflater.inflate_max() < plain_len
            {
                return Fit::Broken;
            }
            match inflate(scratch, &payload[data], plain_len) {
                Ok(_) => &scratch.plain,
                Err(_) => return Fit::Broken,
            }
        }
    };
    let Some((id, body)) = id::read(stack, form.state, plain) else { return Fit::Broken };
    let Some(definition) = tables.definition(form.state, direction, id) else {
        return Fit::Unknown;
    };
    let Some(plan) = &definition.plan else { return Fit::Opaque };
    let body = u32::try_from(body).unwrap_or(u32::MAX);
    let packet = plan.decode(plain, body, &form.conn, &mut scratch.workspace);
    if packet.error().is_none() && packet.rest().is_empty() { Fit::Whole } else { Fit::Malformed }
}

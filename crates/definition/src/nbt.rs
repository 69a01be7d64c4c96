//! Named Binary Tag, walked where it lies: nothing is built, order and duplicates stay.

use crate::plan::NbtForm;

/// Why bytes are not NBT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NbtError {
    /// The bytes end too early.
    #[error("NBT needs {wanted} more bytes")]
    Short {
        /// How many are missing at least.
        wanted: u64,
    },
    /// There is no tag of this type.
    #[error("no NBT tag has type {tag}")]
    Tag {
        /// The type byte.
        tag: u8,
    },
    /// A list or array has a negative length.
    #[error("NBT list of {length} elements")]
    Negative {
        /// The length.
        length: i32,
    },
    /// Lists and compounds are nested too deep.
    #[error("NBT nested deeper than nbt_depth_max {max}")]
    Depth {
        /// The limit.
        max: u32,
    },
}

/// Passes one NBT value; gives its size in bytes, or where and why that failed.
///
/// # Errors
/// The offset of the failure and its reason.
pub fn skip(bytes: &[u8], form: NbtForm, depth_max: u32) -> Result<usize, (usize, NbtError)> {
    let mut at = 0;
    let tag = byte(bytes, &mut at)?;
    if tag == 0 {
        // An end tag alone: nothing at all.
        return Ok(at);
    }
    if form.named {
        skip_string(bytes, &mut at)?;
    }
    skip_payload(bytes, &mut at, tag, depth_max)?;
    Ok(at)
}

/// A list or compound that is being passed.
enum Open {
    List { tag: u8, left: u32 },
    Compound,
}

/// Passes the payload of a tag, without recursion: the depth is the peer's to choose.
pub(crate) fn skip_payload(
    bytes: &[u8],
    at: &mut usize,
    tag: u8,
    depth_max: u32,
) -> Result<(), (usize, NbtError)> {
    let mut open: Vec<Open> = Vec::new();
    let mut next = Some(tag);
    loop {
        if let Some(tag) = next.take() {
            match tag {
                1 => pass(bytes, at, 1)?,
                2 => pass(bytes, at, 2)?,
                3 | 5 => pass(bytes, at, 4)?,
                4 | 6 => pass(bytes, at, 8)?,
                7 => skip_array(bytes, at, 1)?,
                8 => skip_string(bytes, at)?,
                9 => {
                    let tag = byte(bytes, at)?;
                    let left = length(bytes, at)?;
                    match fixed_size(tag) {
                        Some(size) => pass(bytes, at, u64::from(left) * size)?,
                        None => open.push(Open::List { tag, left }),
                    }
                }
                10 => open.push(Open::Compound),
                11 => skip_array(bytes, at, 4)?,
                12 => skip_array(bytes, at, 8)?,
                tag => return Err((at.saturating_sub(1), NbtError::Tag { tag })),
            }
            if open.len() > depth_max as usize {
                return Err((*at, NbtError::Depth { max: depth_max }));
            }
        }
        match open.last_mut() {
            None => return Ok(()),
            Some(Open::List { left: 0, .. }) => {
                open.pop();
            }
            Some(Open::List { tag, left }) => {
                *left -= 1;
                next = Some(*tag);
            }
            Some(Open::Compound) => match byte(bytes, at)? {
                0 => {
                    open.pop();
                }
                tag => {
                    skip_string(bytes, at)?;
                    next = Some(tag);
                }
            },
        }
    }
}

/// The size of a tag's payload where it is always the same. The end tag takes nothing.
fn fixed_size(tag: u8) -> Option<u64> {
    match tag {
        0 => Some(0),
        1 => Some(1),
        2 => Some(2),
        3 | 5 => Some(4),
        4 | 6 => Some(8),
        _ => None,
    }
}

fn pass(bytes: &[u8], at: &mut usize, count: u64) -> Result<(), (usize, NbtError)> {
    let left = (bytes.len() - *at) as u64;
    if count > left {
        return Err((*at, NbtError::Short { wanted: count - left }));
    }
    *at += count as usize;
    Ok(())
}

pub(crate) fn byte(bytes: &[u8], at: &mut usize) -> Result<u8, (usize, NbtError)> {
    pass(bytes, at, 1)?;
    Ok(bytes[*at - 1])
}

fn skip_string(bytes: &[u8], at: &mut usize) -> Result<(), (usize, NbtError)> {
    pass(bytes, at, 2)?;
    let len = u16::from_be_bytes([bytes[*at - 2], bytes[*at - 1]]);
    pass(bytes, at, len.into())
}

/// The four-byte length of a list or array; it is not trusted until the bytes are there.
fn length(bytes: &[u8], at: &mut usize) -> Result<u32, (usize, NbtError)> {
    let start = *at;
    pass(bytes, at, 4)?;
    let length =
        i32::from_be_bytes([bytes[start], bytes[start + 1], bytes[start + 2], bytes[start + 3]]);
    u32::try_from(length).map_err(|_| (start, NbtError::Negative { length }))
}

fn skip_array(bytes: &[u8], at: &mut usize, size: u64) -> Result<(), (usize, NbtError)> {
    let count = length(bytes, at)?;
    pass(bytes, at, u64::from(count) * size)
}

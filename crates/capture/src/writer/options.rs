//! Blocks and options of pcapng, as midwire writes them: in the byte order of most machines.

use crate::format::OPTION_END;

/// Starts a block; its length is written by [`end_block`]. Gives where it starts.
pub(super) fn begin_block(out: &mut Vec<u8>, kind: u32) -> usize {
    let start = out.len();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    start
}

/// Writes a block's length at both of its ends.
pub(super) fn end_block(out: &mut Vec<u8>, start: usize) {
    // A block holds a segment and a note at most: far below 4 GiB.
    let len = u32::try_from(out.len() - start + 4).unwrap_or(u32::MAX);
    out[start + 4..start + 8].copy_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&len.to_le_bytes());
}

/// One option. `value` is cut at 65,535 bytes.
pub(super) fn push_option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(value);
    pad(out, value.len());
}

pub(super) fn end_options(out: &mut Vec<u8>) {
    push_option(out, OPTION_END, &[]);
}

/// Fills up to four bytes behind something of a length.
pub(super) fn pad(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&[0; 3][..len.wrapping_neg() & 3]);
}

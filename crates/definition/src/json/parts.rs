//! Long JSON, passed on while it is written: a packet of eight megabytes may be a hundred as text.

use super::write_hex;

/// Who takes away what was written so far, all of it, or leaves it.
pub type Pass<'p> = &'p mut dyn FnMut(&mut String);

/// From so many bytes of text on it is passed on.
pub const PART_LEN: usize = 64 << 10;
/// Bytes that are written as hex at once.
const HEX_LEN: usize = PART_LEN / 2;
/// Numbers of a list between two looks at how much was written.
const NUMBERS: usize = 1024;

/// Leaves what was written where it is.
pub fn keep(_: &mut String) {}

/// Appends bytes as pairs of hexadecimal digits, without quotes.
pub fn write_hex_in_parts(bytes: &[u8], out: &mut String, pass: Pass<'_>) {
    for part in bytes.chunks(HEX_LEN) {
        write_hex(part, out);
        if out.len() >= PART_LEN {
            pass(out);
        }
    }
}

/// Appends a list of numbers, each of which is appended by `put`.
pub(crate) fn write_list<N>(
    numbers: impl Iterator<Item = N>,
    out: &mut String,
    pass: Pass<'_>,
    mut put: impl FnMut(N, &mut String),
) {
    out.push('[');
    for (at, number) in numbers.enumerate() {
        if at > 0 {
            out.push(',');
        }
        put(number, out);
        if at % NUMBERS == NUMBERS - 1 && out.len() >= PART_LEN {
            pass(out);
        }
    }
    out.push(']');
}

//! The terminal's size.

use std::io;

use terminal_size::{Height, Width, terminal_size_of};

/// Columns and lines of the terminal that standard output is, if it is one.
pub(crate) fn size() -> Option<(usize, usize)> {
    let (Width(width), Height(height)) = terminal_size_of(io::stdout())?;
    (width > 0 && height > 0).then_some((width.into(), height.into()))
}

//! The terminal's size.

use std::io;

use terminal_size::{Height, Width, terminal_size_of};

/// Columns and lines of the terminal that standard output is, if it is one. The variable COLUMNS says how many
/// columns are to be used of it.
pub(crate) fn size() -> Option<(usize, usize)> {
    let (Width(width), Height(height)) = terminal_size_of(io::stdout())?;
    let wanted = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let width = wanted.filter(|wanted| (1..=10_000).contains(wanted)).unwrap_or(width.into());
    (width > 0 && height > 0).then_some((width, height.into()))
}

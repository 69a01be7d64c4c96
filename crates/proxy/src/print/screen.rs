//! The terminal's size.

use std::io::{self, IsTerminal as _};

use terminal_size::{Height, Width, terminal_size_of};

/// Lines of a terminal that does not say how many it has.
const HEIGHT: usize = 24;

/// Columns and lines of the terminal that standard output is, if it is one. The variable COLUMNS says how many
/// columns are to be used of it.
pub(crate) fn size() -> Option<(usize, usize)> {
    let wanted = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let wanted = wanted.filter(|wanted| (1..=10_000).contains(wanted));
    let found = terminal_size_of(io::stdout())
        .map(|(Width(width), Height(height))| (usize::from(width), usize::from(height)));
    match (found.filter(|(width, height)| *width > 0 && *height > 0), wanted) {
        (Some((_, height)), Some(wanted)) => Some((wanted, height)),
        (Some(found), None) => Some(found),
        (None, wanted) => {
            wanted.filter(|_| io::stdout().is_terminal()).map(|wanted| (wanted, HEIGHT))
        }
    }
}

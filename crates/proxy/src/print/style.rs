//! What an output can show: whether it is a terminal, how wide it is, and colours.

use std::fmt;
use std::io::{self, IsTerminal};

/// How to write to an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// People watch: lines may be drawn anew.
    pub(crate) is_terminal: bool,
    /// ANSI colours.
    pub(crate) color: bool,
}

impl Style {
    /// Of standard output.
    pub(crate) fn of_stdout() -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_terminal = io::stdout().is_terminal() && !dumb;
        Self { is_terminal, color: is_terminal && colors_wanted() }
    }

    /// Text without colours that is not drawn anew.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { is_terminal: false, color: false };

    /// Text in a colour, if there are colours.
    pub(crate) fn paint<T: fmt::Display>(self, paint: Paint, text: T) -> Painted<T> {
        Painted { style: self, paint, text }
    }
}

/// Whether messages on stderr may be coloured.
pub(crate) fn stderr_is_colored() -> bool {
    io::stderr().is_terminal() && colors_wanted()
}

/// <https://no-color.org>
fn colors_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// What something is, to be seen at a glance. Never the only sign of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Serverbound,
    Clientbound,
    /// Names of packets.
    Name,
    /// Names of fields, and what is of less interest.
    Dim,
    /// Text in packets.
    Text,
    /// Malformed, dropped.
    Bad,
    /// Changed, injected.
    Changed,
}

impl Paint {
    const fn code(self) -> &'static str {
        match self {
            Self::Serverbound => "\x1b[33m",
            Self::Clientbound => "\x1b[36m",
            Self::Name => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Text => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Changed => "\x1b[35m",
        }
    }
}

/// Text with its colour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Painted<T> {
    style: Style,
    paint: Paint,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.style.color {
            return self.text.fmt(f);
        }
        f.write_str(self.paint.code())?;
        self.text.fmt(f)?;
        f.write_str("\x1b[0m")
    }
}

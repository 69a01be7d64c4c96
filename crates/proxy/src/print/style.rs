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
    /// Marked by a rule: an ANSI colour, 1 to 7.
    Marked(u8),
}

/// The colours that rules mark with, in the order of their ANSI numbers from 1.
const COLORS: [&str; 7] = ["red", "green", "yellow", "blue", "magenta", "cyan", "white"];

impl Paint {
    /// The colour of a mark, if it is called like one.
    pub(crate) fn named(mark: &str) -> Option<Self> {
        let at = COLORS.iter().position(|color| color.eq_ignore_ascii_case(mark))?;
        Some(Self::Marked(at as u8 + 1))
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Serverbound => "\x1b[33m",
            Self::Clientbound => "\x1b[36m",
            Self::Name => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Text => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Changed => "\x1b[35m",
            Self::Marked(color) => match color {
                1 => "\x1b[1;31m",
                2 => "\x1b[1;32m",
                3 => "\x1b[1;33m",
                4 => "\x1b[1;34m",
                5 => "\x1b[1;35m",
                6 => "\x1b[1;36m",
                _ => "\x1b[1;37m",
            },
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

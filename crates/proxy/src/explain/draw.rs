//! A line that is drawn: text with colours, and how wide it is.

use midwire_definition::escape::{char_width, width};

use crate::print::{Paint, Style, put};

/// A line of text, safe for a terminal.
#[derive(Clone, Debug, Default)]
pub(super) struct Drawn {
    text: String,
    width: usize,
}

impl Drawn {
    /// Columns that it takes.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Appends text in a colour, an escape sequence; empty for none.
    pub(super) fn colored(&mut self, text: &str, color: &str, style: Style) {
        self.width += width(text);
        if style.color && !color.is_empty() && !text.is_empty() {
            put(&mut self.text, format_args!("{color}{text}\x1b[0m"));
        } else {
            self.text.push_str(text);
        }
    }

    pub(super) fn plain(&mut self, text: &str) {
        self.width += width(text);
        self.text.push_str(text);
    }

    pub(super) fn dim(&mut self, text: &str, style: Style) {
        self.painted(text, Paint::Dim, style);
    }

    pub(super) fn painted(&mut self, text: &str, paint: Paint, style: Style) {
        if text.is_empty() {
            return;
        }
        self.width += width(text);
        put(&mut self.text, format_args!("{}", style.paint(paint, text)));
    }

    /// Makes it at least so wide.
    pub(super) fn pad(&mut self, columns: usize) {
        let missing = columns.saturating_sub(self.width);
        put(&mut self.text, format_args!("{:missing$}", ""));
        self.width += missing;
    }

    pub(super) fn append(&mut self, other: &Self) {
        self.text.push_str(&other.text);
        self.width += other.width;
    }

    /// Appends it to some text, without spaces at its end.
    pub(super) fn write(&self, out: &mut String) {
        out.push_str(self.text.trim_end_matches(' '));
        out.push('\n');
    }
}

/// As much of a text as so many columns show; what is cut off is an ellipsis.
pub(super) fn clip(text: &str, columns: usize) -> String {
    if text.len() <= columns || width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let next = used + char_width(c);
        if next + 1 > columns {
            break;
        }
        used = next;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

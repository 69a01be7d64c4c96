//! Lines that go on in the next one where a terminal is too narrow.

use midwire_definition::escape::width;

use super::View;
use crate::print::{Paint, put};

/// What stands between the parts of a heading.
const BETWEEN: &str = " · ";
/// A line that goes on has at least so much room.
const ROOM_MIN: usize = 16;

/// A part of a heading.
pub(crate) struct Part {
    plain_width: usize,
    painted: String,
}

impl Part {
    /// Text that is painted already; `plain`: the same without colours.
    pub(crate) fn new(plain: &str, painted: String) -> Self {
        Self { plain_width: width(plain), painted }
    }

    /// Text without colours.
    pub(crate) fn plain(text: String) -> Self {
        Self { plain_width: width(&text), painted: text }
    }
}

impl View {
    /// Appends parts with dots between them, on as few lines as they need.
    pub(crate) fn heading(&self, parts: &[Part], out: &mut String) {
        let mut used = 0;
        for (at, part) in parts.iter().enumerate() {
            let wanted = used + width(BETWEEN) + part.plain_width;
            if at > 0 && self.width.is_some_and(|columns| wanted > columns) {
                out.push_str("\n  ");
                used = 2;
            } else if at > 0 {
                out.push_str(BETWEEN);
                used += width(BETWEEN);
            }
            out.push_str(&part.painted);
            used += part.plain_width;
        }
        out.push('\n');
    }

    /// Appends a sentence in a colour, each line of it behind the same mark.
    pub(crate) fn sentence(&self, mark: &str, text: &str, paint: Paint, out: &mut String) {
        let room = self.width.map(|columns| columns.saturating_sub(width(mark)).max(ROOM_MIN));
        for line in words(text, room) {
            let line = match paint {
                Paint::Dim => self.style.paint(paint, format!("{mark}{line}")).to_string(),
                _ => format!("{mark}{}", self.style.paint(paint, line)),
            };
            put(out, format_args!("{line}\n"));
        }
    }
}

/// Text on lines of so many columns, broken between words where there are some.
fn words(text: &str, columns: Option<usize>) -> Vec<String> {
    let Some(columns) = columns.filter(|columns| width(text) > *columns) else {
        return vec![text.to_owned()];
    };
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let wanted = width(word);
        if used > 0 && used + 1 + wanted > columns {
            lines.push(String::new());
            used = 0;
        }
        let Some(line) = lines.last_mut() else { continue };
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += wanted;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sentence_goes_on_in_the_next_line() {
        assert_eq!(words("one two three", None), ["one two three"]);
        assert_eq!(words("one two three", Some(13)), ["one two three"]);
        assert_eq!(words("one two three", Some(8)), ["one two", "three"]);
        assert_eq!(words("a verylongword b", Some(4)), ["a", "verylongword", "b"]);
    }
}

//! Foreign text made safe to look at: what would steer a terminal, turn the direction of reading or stay
//! invisible becomes an escape that can be seen. Also how wide text is on a terminal.

use std::borrow::Cow;
use std::fmt;

use unicode_width::UnicodeWidthChar as _;

/// Whether a character must not reach a screen as it is: C0 and C1 controls, DEL, controls of the
/// direction of reading, characters without width, and fillers that look like a space.
pub fn is_unsafe(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(c,
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}' | '\u{1160}'
        | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Text for a terminal, a log line or a table: `\n`, `\r`, `\t`, `\x1b`, `\u{202e}` instead of what
/// [`is_unsafe`]. A backslash stays as it is; [`quote_into`] doubles it.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    escape_into(text, &mut out);
    out.into()
}

/// The same for text of several lines: their ends and tabs stay.
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    let is_layout = |c| matches!(c, '\n' | '\t');
    if !text.contains(|c| is_unsafe(c) && !is_layout(c)) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_layout(c) {
            out.push(c);
        } else {
            // Writing to a String does not fail.
            let _ = write_char(c, &mut out);
        }
    }
    out.into()
}

/// Appends what [`escape`] gives.
pub fn escape_into(text: &str, out: &mut String) {
    for c in text.chars() {
        // Writing to a String does not fail.
        let _ = write_char(c, out);
    }
}

/// Appends the text in double quotes, so that it can be read back: quotes and backslashes are escaped, too.
pub fn quote_into(text: &str, out: &mut String) {
    // Writing to a String does not fail.
    let _ = write_quoted(text, out);
}

pub(crate) fn write_quoted(text: &str, out: &mut impl fmt::Write) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.write_char('\\')?;
        }
        write_char(c, out)?;
    }
    out.write_char('"')
}

/// Writes text, what is unsafe as escapes.
pub(crate) fn write_escaped(text: &str, out: &mut impl fmt::Write) -> fmt::Result {
    if text.contains(is_unsafe) {
        text.chars().try_for_each(|c| write_char(c, out))
    } else {
        out.write_str(text)
    }
}

/// Writes one character, or the escape for it.
pub(crate) fn write_char(c: char, out: &mut impl fmt::Write) -> fmt::Result {
    match c {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        c if !is_unsafe(c) => out.write_char(c),
        c if u32::from(c) < 0x100 => write!(out, "\\x{:02x}", u32::from(c)),
        c => write!(out, "\\u{{{:x}}}", u32::from(c)),
    }
}

/// How much of a line is taken, and where it is cut off with `…`.
#[derive(Debug)]
pub(crate) struct Clip {
    width_max: usize,
    width: usize,
    /// Combining marks have no width; their number is bounded with that of all characters.
    chars: usize,
    /// Where in the text `…` still has room.
    mark: usize,
    cut: bool,
}

impl Clip {
    /// Room for so many columns, from this byte of the text on.
    pub(crate) fn new(width_max: usize, at: usize) -> Clip {
        Clip { width_max, width: 0, chars: 0, mark: at, cut: false }
    }

    /// Whether something did not fit. Nothing more is taken then.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Where the text ends that stays if it is cut off.
    pub(crate) fn mark(&self) -> usize {
        self.mark
    }
}

/// Text that is cut off where it gets too wide. Writing fails from there on, so that whoever writes can
/// stop.
#[derive(Debug)]
pub(crate) struct Clipped<'o> {
    out: &'o mut String,
    clip: &'o mut Clip,
}

impl<'o> Clipped<'o> {
    /// Appends to `out` as long as `clip` has room.
    pub(crate) fn new(out: &'o mut String, clip: &'o mut Clip) -> Clipped<'o> {
        Clipped { out, clip }
    }
}

impl fmt::Write for Clipped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let clip = &mut *self.clip;
        let (width, chars) = (clip.width + text.len(), clip.chars + text.len());
        if !clip.cut
            && text.is_ascii()
            && width < clip.width_max
            && chars < clip.width_max.saturating_mul(4)
        {
            self.out.push_str(text);
            (clip.width, clip.chars, clip.mark) = (width, chars, self.out.len());
            return Ok(());
        }
        text.chars().try_for_each(|c| self.write_char(c))
    }

    fn write_char(&mut self, c: char) -> fmt::Result {
        let clip = &mut *self.clip;
        if clip.cut {
            return Err(fmt::Error);
        }
        let width = clip.width + char_width(c);
        clip.chars += 1;
        if width > clip.width_max || clip.chars > clip.width_max.saturating_mul(4) {
            clip.cut = true;
            self.out.truncate(clip.mark);
            if clip.width_max > 0 {
                self.out.push('…');
            }
            return Err(fmt::Error);
        }
        self.out.push(c);
        clip.width = width;
        if width < clip.width_max {
            clip.mark = self.out.len();
        }
        Ok(())
    }
}

/// How many columns a character takes on a terminal, nearly: 0 for combining marks, 2 for East Asian wide
/// characters and pictures, else 1.
pub fn char_width(c: char) -> usize {
    match u32::from(c) {
        0x20..0x300 => 1,
        _ => c.width().unwrap_or(1),
    }
}

/// How many columns text takes on a terminal, nearly.
pub fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(escape("Alva 漢字 é \\ \"x\""), Cow::Borrowed(_)));
    }

    #[test]
    fn controls_become_visible() {
        assert_eq!(escape("a\nb\r\tc\u{1b}[31m\0\u{7f}"), r"a\nb\r\tc\x1b[31m\x00\x7f");
        assert_eq!(escape("\u{9b}31m\u{85}"), r"\x9b31m\x85");
    }

    #[test]
    fn direction_marks_and_invisible_characters_become_visible() {
        assert_eq!(escape("user\u{202e}gpj.exe"), r"user\u{202e}gpj.exe");
        assert_eq!(
            escape("a\u{200b}b\u{2066}c\u{feff}d\u{e0041}"),
            r"a\u{200b}b\u{2066}c\u{feff}d\u{e0041}"
        );
        assert_eq!(escape("\u{ad}\u{61c}\u{3164}"), r"\xad\u{61c}\u{3164}");
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(escape_lines("a\n\tb\u{1b}[m\u{9b}\r\n"), "a\n\tb\\x1b[m\\x9b\\r\n");
        assert!(matches!(escape_lines("a\n\tb"), Cow::Borrowed(_)));
    }

    #[test]
    fn quoted_text_can_be_told_from_escapes() {
        let mut out = String::new();
        quote_into("say \"hi\" \\n\n", &mut out);
        assert_eq!(out, r#""say \"hi\" \\n\n""#);
    }

    #[test]
    fn wide_and_combining_characters_are_counted_as_terminals_show_them() {
        assert_eq!(width("abc"), 3);
        assert_eq!(width("漢字"), 4);
        assert_eq!(width("e\u{301}"), 1);
        assert_eq!(width("😀✅⚡"), 6);
        assert_eq!(width("การ 한국 ｶﾅ"), 3 + 1 + 4 + 1 + 2);
    }

    #[test]
    fn clipped_text_ends_in_an_ellipsis_within_its_width() {
        let clip = |text: &str, width: usize| {
            let mut out = String::new();
            let whole =
                fmt::Write::write_str(&mut Clipped::new(&mut out, &mut Clip::new(width, 0)), text)
                    .is_ok();
            (out, whole)
        };
        assert_eq!(clip("abcd", 4), ("abcd".into(), true));
        assert_eq!(clip("abcde", 4), ("abc…".into(), false));
        assert_eq!(clip("漢字漢", 5), ("漢字…".into(), false));
        assert_eq!(clip("漢字漢", 4), ("漢…".into(), false));
        assert_eq!(clip("abc", 0), ("".into(), false));
        let zalgo = format!("a{}", "\u{301}".repeat(1000));
        assert!(clip(&zalgo, 10).0.chars().count() <= 41);
    }

    #[test]
    fn nothing_escaped_stays_unsafe() {
        for c in (0..=0x10ffff).filter_map(char::from_u32) {
            let mut out = String::new();
            write_char(c, &mut out).unwrap();
            assert!(!out.contains(is_unsafe), "U+{:04X}", u32::from(c));
            assert!(!c.is_control() || is_unsafe(c));
        }
    }
}

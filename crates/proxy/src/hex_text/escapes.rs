//! Escapes in strings: `\x0f` of most languages, `\017` of C and `\015` of Lua, `\x{0f}` of Perl, `\u000f` of
//! JavaScript and JSON.

use std::iter::Peekable;
use std::str::Chars;

use super::HexText;

/// In which base the digits behind a backslash are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    Octal,
    /// As Lua has them.
    Decimal,
}

/// How the escapes of a text are meant.
pub(super) struct Escapes {
    base: Base,
    /// In the other base they would be other bytes, and nothing tells which it is.
    is_open: bool,
    /// `\u0080` to `\u00ff` are a byte each, as in strings that hold nothing else.
    are_units: bool,
    /// A character that is one byte in Latin-1 and two in UTF-8.
    latin: Option<char>,
}

/// What the escapes with digits of a text say about their base.
#[derive(Default)]
struct Seen {
    octal: bool,
    decimal: bool,
    differs: bool,
}

impl Escapes {
    /// Finds out what is not said.
    pub(super) fn new(text: &str, base: Option<Base>) -> Self {
        let mut seen = Seen::default();
        let (mut units, mut has_control) = (0, false);
        let mut others = false;
        let mut rest = text;
        while let Some(at) = rest.find('\\') {
            others |= !rest[..at].is_ascii();
            rest = &rest[at + 1..];
            let count = rest.bytes().take(3).take_while(u8::is_ascii_digit).count();
            match rest.chars().next() {
                Some('\\') => rest = &rest[1..],
                Some('u') => {
                    let unit =
                        rest.get(1..5).and_then(|digits| u32::from_str_radix(digits, 16).ok());
                    units += usize::from(unit.is_some_and(|unit| (0x80..0x100).contains(&unit)));
                    has_control |= unit.is_some_and(|unit| unit < 0x20);
                    others |= unit.is_none_or(|unit| unit >= 0x100);
                }
                _ if count > 0 => seen.digits(&rest[..count]),
                _ => {}
            }
        }
        others |= !rest.is_ascii();
        let found = if seen.decimal { Base::Decimal } else { Base::Octal };
        let is_open = base.is_none() && !seen.octal && !seen.decimal && seen.differs;
        let are_units = units > 0 && has_control && !others;
        let latin = text.chars().find(|c| ('\u{80}'..='\u{ff}').contains(c));
        let latin = latin.filter(|_| text.contains('\\'));
        Self { base: base.unwrap_or(found), is_open, are_units, latin }
    }

    /// Says how the escapes were read, where that could be otherwise.
    pub(super) fn told(&self, mut out: HexText) -> HexText {
        if self.is_open {
            let note = r"escapes such as \101 are read as octal, as C and printf have them; if Lua wrote them, say it with --as lua";
            out.notes.push(note.to_owned());
        } else if self.base == Base::Decimal {
            let note = r"escapes of digits are read as decimal, as Lua has them";
            out.notes.push(note.to_owned());
        }
        if self.are_units {
            let note = r"`\u0080` to `\u00ff` are read as one byte each, for this is no text";
            out.notes.push(note.to_owned());
        }
        if let Some(latin) = self.latin {
            let note = format!(
                "`{latin}` and the like are read as UTF-8; if each stands for one byte, write them as \\x"
            );
            out.notes.push(note);
        }
        out
    }

    /// Appends the bytes of a literal.
    pub(super) fn read(&self, inside: &str, line: usize, out: &mut HexText) {
        let mut chars = inside.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '\\' {
                out.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            match self.escape(&mut chars, out) {
                Ok(Some(byte)) => out.bytes.push(byte),
                Ok(None) => {}
                Err(problem) => out.problems.push((line, problem)),
            }
        }
    }

    /// The byte of an escape, behind its backslash.
    fn escape(
        &self,
        chars: &mut Peekable<Chars<'_>>,
        out: &mut HexText,
    ) -> Result<Option<u8>, String> {
        let Some(kind) = chars.next() else {
            return Err("nothing stands behind the last `\\`: the text is cut".to_owned());
        };
        let byte = match kind {
            'x' => hex(chars)?,
            'u' => self.unicode(chars)?,
            '0'..='9' => self.number(kind, chars)?,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'a' => 7,
            'b' => 8,
            'v' => 11,
            'f' => 12,
            'e' => 27,
            // Lua's, for the spaces behind it.
            'z' if self.base == Base::Decimal => {
                while chars.next_if(|c| c.is_whitespace()).is_some() {}
                return Ok(None);
            }
            '\n' if self.base == Base::Decimal => b'\n',
            // A line that goes on in the next.
            '\n' => return Ok(None),
            '\r' => {
                chars.next_if_eq(&'\n');
                return Ok(None);
            }
            '\\' | '\'' | '"' | '?' => kind as u8,
            // JSON writes it so where it likes.
            '/' => b'/',
            other => {
                // Python leaves such a backslash where it is.
                out.bytes.push(b'\\');
                out.bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                return Err(format!("`\\{other}` is no escape; its backslash was kept"));
            }
        };
        Ok(Some(byte))
    }

    /// The byte of `\u000f` or `\u{f}`, if it is one in every encoding.
    fn unicode(&self, chars: &mut Peekable<Chars<'_>>) -> Result<u8, String> {
        let is_open = chars.next_if_eq(&'{').is_some();
        let mut digits = String::new();
        while digits.len() < 4
            && let Some(digit) = chars.next_if(char::is_ascii_hexdigit)
        {
            digits.push(digit);
        }
        let is_whole = if is_open { chars.next_if_eq(&'}').is_some() } else { digits.len() == 4 };
        let found = u32::from_str_radix(&digits, 16).ok().filter(|_| is_whole);
        let max = if self.are_units && !is_open { 0xff } else { 0x7f };
        found.filter(|unit| *unit <= max).and_then(|unit| u8::try_from(unit).ok()).ok_or_else(
            || {
                "what `\\u` stands for from 80 on has other bytes in each encoding; write it as \\x"
                    .to_owned()
            },
        )
    }

    /// The byte of `\017` or `\15`.
    fn number(&self, first: char, chars: &mut Peekable<Chars<'_>>) -> Result<u8, String> {
        let (radix, name) = match self.base {
            Base::Octal => (8, "octal"),
            Base::Decimal => (10, "decimal"),
        };
        let Some(mut value) = first.to_digit(radix) else {
            return Err(format!(
                "`\\{first}` is no escape: digits are octal here; if Lua wrote them, say --as lua"
            ));
        };
        let mut count = 1;
        while count < 3
            && let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix))
        {
            value = value * radix + digit;
            count += 1;
            chars.next();
        }
        u8::try_from(value)
            .map_err(|_| format!("an escape is no byte: {value} in {name} is more than 255"))
    }
}

impl Seen {
    /// Up to three digits behind a backslash.
    fn digits(&mut self, digits: &str) {
        let octal: String = digits.chars().take_while(|digit| *digit < '8').collect();
        let decimal = digits.parse::<u16>().unwrap_or(0);
        let as_octal = u16::from_str_radix(&octal, 8).unwrap_or(0);
        self.decimal |= octal.len() < 3 && digits.len() == 3 || octal.is_empty() || as_octal > 255;
        self.octal |= decimal > 255;
        self.differs |= octal != digits || decimal != as_octal;
    }
}

/// The byte of `\x0f` or `\x{f}`.
fn hex(chars: &mut Peekable<Chars<'_>>) -> Result<u8, String> {
    let is_open = chars.next_if_eq(&'{').is_some();
    let mut digits = String::new();
    while digits.len() < 2
        && let Some(digit) = chars.next_if(char::is_ascii_hexdigit)
    {
        digits.push(digit);
    }
    if is_open {
        let is_whole = chars.next_if_eq(&'}').is_some() && !digits.is_empty();
        return u8::from_str_radix(&digits, 16).ok().filter(|_| is_whole).ok_or_else(|| {
            "`\\x{` is followed by the hex digits of a byte and `}`, and here it is not".to_owned()
        });
    }
    if digits.len() < 2 {
        return Err("`\\x` is followed by two hex digits, and here it is not".to_owned());
    }
    u8::from_str_radix(&digits, 16).map_err(|error| error.to_string())
}

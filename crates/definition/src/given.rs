//! Values that somebody gives, for edits and for new packets, and the JSON that they are written in.
//!
//! Integers are exact, order and duplicate keys stay, and nothing recurses over the text's nesting.

use std::fmt;

/// The most lists and objects inside each other that [`parse`] takes. Enough for the deepest NBT that
/// the game reads, whose levels are two in JSON.
pub const DEPTH_MAX: usize = 2048;

/// A value as somebody wrote it, before it meets the field that it is for.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without fraction and exponent. Those from 2^127 on, which only fields of 128 bits have,
    /// have their bits as signed.
    Int(i128),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A text.
    Text(String),
    /// Bytes; JSON writes them as hexadecimal text, so [`parse`] never gives them.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Given>),
    /// Named values in the order of writing, duplicates included.
    Object(Vec<(String, Given)>),
}

/// Why a text is not JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub kind: JsonErrorKind,
}

/// What can be wrong with JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonErrorKind {
    /// Something else belongs here.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What belongs here.
        expected: &'static str,
        /// What stands here.
        found: Found,
    },
    /// A text without its closing quote.
    #[error("the text has no closing quote")]
    OpenText,
    /// A control character that has to be escaped.
    #[error("control character U+{0:04X} has to be written as an escape")]
    Control(u32),
    /// A backslash with something that JSON does not know.
    #[error("unknown escape in a text")]
    Escape,
    /// Half of a surrogate pair.
    #[error("half of a surrogate pair")]
    Surrogate,
    /// A number that does not fit in 128 bits, or in a 64-bit float.
    #[error("number out of range")]
    Range,
    /// Nested too deep.
    #[error("nested deeper than {DEPTH_MAX}")]
    Depth,
}

/// What stands where something else belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The end of the text.
    End,
    /// A character.
    Char(char),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::End => f.write_str("the end of the text"),
            Found::Char(c) => write!(f, "`{}`", c.escape_debug()),
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.kind)
    }
}

impl std::error::Error for JsonError {}

impl Given {
    /// The value of a key in an object; the first, if it is there more than once.
    pub fn get(&self, key: &str) -> Option<&Given> {
        match self {
            Given::Object(entries) => entries.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// What it is, for messages: `a number`, `text`, ...
    pub fn kind_name(&self) -> &'static str {
        match self {
            Given::Null => "null",
            Given::Bool(_) => "true or false",
            Given::Int(_) | Given::Float(_) => "a number",
            Given::Text(_) => "text",
            Given::Bytes(_) => "bytes",
            Given::List(_) => "a list",
            Given::Object(_) => "an object",
        }
    }
}

/// Reads one JSON value; nothing but white space may follow.
///
/// # Errors
/// What is wrong with the text, with line and column.
pub fn parse(text: &str) -> Result<Given, JsonError> {
    let mut parser = Parser { text, at: 0 };
    parser.document().map_err(|kind| {
        let before = &text[..parser.at.min(text.len())];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        JsonError {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            kind,
        }
    })
}

/// A list or object that is not complete.
enum Open {
    List(Vec<Given>),
    /// Its entries, and the key of the value that comes next.
    Object(Vec<(String, Given)>, String),
}

struct Parser<'t> {
    text: &'t str,
    /// Always at a character boundary.
    at: usize,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Given, JsonErrorKind> {
        let value = self.value()?;
        self.space();
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(self.unexpected("the end of the text")),
        }
    }

    fn value(&mut self) -> Result<Given, JsonErrorKind> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            self.space();
            let mut value = match self.peek() {
                Some(start @ (b'[' | b'{')) => {
                    if open.len() >= DEPTH_MAX {
                        return Err(JsonErrorKind::Depth);
                    }
                    self.at += 1;
                    self.space();
                    match (start, self.peek()) {
                        (b'[', Some(b']')) => {
                            self.at += 1;
                            Given::List(Vec::new())
                        }
                        (b'{', Some(b'}')) => {
                            self.at += 1;
                            Given::Object(Vec::new())
                        }
                        (b'[', _) => {
                            open.push(Open::List(Vec::new()));
                            continue;
                        }
                        _ => {
                            let key = self.key()?;
                            open.push(Open::Object(Vec::new(), key));
                            continue;
                        }
                    }
                }
                _ => self.scalar()?,
            };
            // A complete value goes into what it stands in, which may thereby be complete as well.
            loop {
                let Some(inner) = open.last_mut() else { return Ok(value) };
                self.space();
                let (close, expected) = match inner {
                    Open::List(items) => {
                        items.push(value);
                        (b']', "`,` or `]`")
                    }
                    Open::Object(entries, key) => {
                        entries.push((std::mem::take(key), value));
                        (b'}', "`,` or `}`")
                    }
                };
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.space();
                        if let Open::Object(_, key) = inner {
                            *key = self.key()?;
                        }
                        break;
                    }
                    Some(c) if c == close => self.at += 1,
                    _ => return Err(self.unexpected(expected)),
                }
                value = match open.pop() {
                    Some(Open::List(items)) => Given::List(items),
                    Some(Open::Object(entries, _)) => Given::Object(entries),
                    None => return Ok(Given::Null),
                };
            }
        }
    }

    /// A key and its colon.
    fn key(&mut self) -> Result<String, JsonErrorKind> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a key in quotes"));
        }
        let key = self.string()?;
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.unexpected("`:`"));
        }
        self.at += 1;
        Ok(key)
    }

    fn scalar(&mut self) -> Result<Given, JsonErrorKind> {
        match self.peek() {
            Some(b'"') => self.string().map(Given::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                let words = [
                    ("null", Given::Null),
                    ("true", Given::Bool(true)),
                    ("false", Given::Bool(false)),
                ];
                for (word, value) in words {
                    if self.text[self.at..].starts_with(word) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                Err(self.unexpected("a value"))
            }
        }
    }

    fn number(&mut self) -> Result<Given, JsonErrorKind> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        let digits = &self.text[start + usize::from(negative)..self.at];
        let mut whole = true;
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
            whole = false;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
            whole = false;
        }
        let end = std::mem::replace(&mut self.at, start);
        let given = if whole {
            let magnitude: u128 = digits.parse().map_err(|_| JsonErrorKind::Range)?;
            if negative {
                // The bits of -2^127 are its magnitude.
                if magnitude > 1 << 127 {
                    return Err(JsonErrorKind::Range);
                }
                Given::Int((magnitude as i128).wrapping_neg())
            } else {
                Given::Int(magnitude as i128)
            }
        } else {
            match self.text[start..end].parse::<f64>() {
                Ok(value) if value.is_finite() => Given::Float(value),
                _ => return Err(JsonErrorKind::Range),
            }
        };
        self.at = end;
        Ok(given)
    }

    /// One digit at least.
    fn digits(&mut self) -> Result<(), JsonErrorKind> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected("a digit"));
        }
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        Ok(())
    }

    /// A text, from its opening quote on.
    fn string(&mut self) -> Result<String, JsonErrorKind> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let plain = self.text[self.at..]
                .bytes()
                .position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f))
                .unwrap_or(self.text.len() - self.at);
            out.push_str(&self.text[self.at..self.at + plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    let c = self.escape()?;
                    out.push(c);
                }
                Some(control) => return Err(JsonErrorKind::Control(control.into())),
                None => {
                    self.at = start;
                    return Err(JsonErrorKind::OpenText);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonErrorKind> {
        let c = match self.text.as_bytes().get(self.at + 1) {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(*c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.code_unit(self.at + 2)?;
                let mut width = 6;
                let mut units = [first, 0];
                let mut used = 1;
                if (0xd800..0xdc00).contains(&first) && self.text[self.at + 6..].starts_with("\\u")
                {
                    units[1] = self.code_unit(self.at + 8)?;
                    (width, used) = (12, 2);
                }
                let mut chars = char::decode_utf16(units[..used].iter().copied());
                let Some(Ok(c)) = chars.next() else { return Err(JsonErrorKind::Surrogate) };
                self.at += width;
                return Ok(c);
            }
            _ => return Err(JsonErrorKind::Escape),
        };
        self.at += 2;
        Ok(c)
    }

    fn code_unit(&self, at: usize) -> Result<u16, JsonErrorKind> {
        let digits = self.text.get(at..at + 4).ok_or(JsonErrorKind::Escape)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(JsonErrorKind::Escape);
        }
        u16::from_str_radix(digits, 16).map_err(|_| JsonErrorKind::Escape)
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self, expected: &'static str) -> JsonErrorKind {
        let found = self.text[self.at..].chars().next().map_or(Found::End, Found::Char);
        JsonErrorKind::Unexpected { expected, found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(t: &str) -> Given {
        Given::Text(t.into())
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let given =
            parse(" {\"a\": [1, -2.5, 1e3, true, false, null, \"x\"], \"b\": {}, \"c\": []}\r\n");
        let list = vec![
            Given::Int(1),
            Given::Float(-2.5),
            Given::Float(1000.0),
            Given::Bool(true),
            Given::Bool(false),
            Given::Null,
            text("x"),
        ];
        let expected = Given::Object(vec![
            ("a".into(), Given::List(list)),
            ("b".into(), Given::Object(vec![])),
            ("c".into(), Given::List(vec![])),
        ]);
        assert_eq!(given.unwrap(), expected);
    }

    #[test]
    fn integers_are_exact_up_to_128_bits() {
        assert_eq!(parse("9007199254740993"), Ok(Given::Int(9_007_199_254_740_993)));
        assert_eq!(parse("-9223372036854775808"), Ok(Given::Int(i64::MIN.into())));
        assert_eq!(parse("-170141183460469231731687303715884105728"), Ok(Given::Int(i128::MIN)));
        assert_eq!(parse("340282366920938463463374607431768211455"), Ok(Given::Int(-1)));
        for text in [
            "340282366920938463463374607431768211456",
            "-170141183460469231731687303715884105729",
            "1e999",
        ] {
            assert_eq!(parse(text).unwrap_err().kind, JsonErrorKind::Range);
        }
    }

    #[test]
    fn minus_zero_keeps_its_sign_only_as_a_float() {
        assert_eq!(parse("-0"), Ok(Given::Int(0)));
        let Ok(Given::Float(zero)) = parse("-0.0") else { panic!() };
        assert!(zero.is_sign_negative());
    }

    #[test]
    fn escapes_and_surrogate_pairs_become_characters() {
        assert_eq!(parse(r#""\"\\\/\b\f\n\r\té😀""#), Ok(text("\"\\/\u{8}\u{c}\n\r\té😀")));
        assert_eq!(parse(r#""\u00e9\ud83d\ude00""#), Ok(text("é😀")));
        for half in [r#""\ud83d""#, r#""\ud83dx""#, r#""\ude00""#, r#""\ud83d\u0041""#] {
            assert_eq!(parse(half).unwrap_err().kind, JsonErrorKind::Surrogate);
        }
        for wrong in [r#""\x""#, r#""\u12""#, r#""\u+123""#, r#""\u12é4""#] {
            assert_eq!(parse(wrong).unwrap_err().kind, JsonErrorKind::Escape, "{wrong}");
        }
    }

    #[test]
    fn duplicate_keys_stay_in_order() {
        let given = parse(r#"{"a":1,"b":2,"a":3}"#).unwrap();
        let Given::Object(entries) = &given else { panic!() };
        let keys: Vec<&str> = entries.iter().map(|(k, _)| k.as_str()).collect();
        assert_eq!(keys, ["a", "b", "a"]);
        assert_eq!(given.get("a"), Some(&Given::Int(1)));
    }

    #[test]
    fn errors_say_line_and_column_in_characters() {
        let at = |text: &str| {
            let e = parse(text).unwrap_err();
            (e.line, e.column)
        };
        assert_eq!(at("{\n  \"ä\": 1 2}"), (2, 10));
        assert_eq!(at("[1,\n2"), (2, 2));
        assert_eq!(at(""), (1, 1));
        assert_eq!(at("[\"abc"), (1, 2));
        let message = parse("{\"a\" 1}").unwrap_err().to_string();
        assert_eq!(message, "line 1, column 6: expected `:`, found `1`");
        let message = parse("[1, ]").unwrap_err().to_string();
        assert_eq!(message, "line 1, column 5: expected a value, found `]`");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "[1 2]",
            "{a:1}",
            "{\"a\":1,}",
            "nul",
            "\"\t\"",
            "1 1",
            "]",
            "-",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded_without_recursion() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(&nested(DEPTH_MAX)).is_ok());
        assert_eq!(parse(&nested(DEPTH_MAX + 1)).unwrap_err().kind, JsonErrorKind::Depth);
        assert_eq!(parse(&"[{\"a\":".repeat(1_000_000)).unwrap_err().kind, JsonErrorKind::Depth);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn agrees_with_another_reader(text in r#"[\[\]{}:,"0-9ae.\-\\u ]{0,24}"#) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            proptest::prop_assert_eq!(parse(&text).is_ok(), theirs.is_ok(), "{}", text);
        }
    }
}

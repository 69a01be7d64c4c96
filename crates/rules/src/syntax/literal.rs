//! Numbers, texts and bytes.

use midwire_definition::Diagnostic;
use midwire_definition::syntax::ast::Span;
use midwire_definition::syntax::unescaped;

use super::ast::ExprKind;
use super::parser::{Parser, shortened};
use super::token::TokenKind;

impl Parser<'_> {
    /// A literal that is one word, or `hex` and a text; `None`: something else comes next.
    pub(crate) fn literal(&mut self) -> Option<ExprKind> {
        let token = self.token();
        let (text, span) = (self.text_of(token), self.span_of(token));
        let kind = match token.kind {
            TokenKind::Integer => ExprKind::Int(self.integer_value(text, span)),
            TokenKind::Float => {
                let number = text.replace('_', "").parse().unwrap_or(f64::NAN);
                ExprKind::Float(number, text.into())
            }
            TokenKind::Version => ExprKind::Version(text.to_owned()),
            TokenKind::Address => ExprKind::Address(text.to_owned()),
            TokenKind::Duration => ExprKind::Duration(self.duration_value(text, span)),
            TokenKind::Text => ExprKind::Text(self.text_value(text, span)),
            TokenKind::Ident if text == "true" || text == "false" => ExprKind::Bool(text == "true"),
            TokenKind::Ident if text == "hex" && self.ahead(1).kind == TokenKind::Text => {
                self.skip();
                let token = self.token();
                let span = self.span_of(token);
                let written = self.text_value(self.text_of(token), span);
                ExprKind::Bytes(self.bytes_value(&written, span))
            }
            _ => return None,
        };
        self.skip();
        Some(kind)
    }

    fn integer_value(&mut self, text: &str, span: Span) -> i128 {
        let digits = text.replace('_', "");
        let number = match (digits.strip_prefix("0x"), digits.strip_prefix("0b")) {
            (Some(hex), _) => i128::from_str_radix(hex, 16),
            (_, Some(bits)) => i128::from_str_radix(bits, 2),
            _ => digits.parse(),
        };
        number.unwrap_or_else(|_| {
            let message = format!("the number {} is too large", shortened(text));
            let report = Diagnostic::error("F004", span, message);
            self.report(report.label("a number has at most 127 bits"));
            0
        })
    }

    fn duration_value(&mut self, text: &str, span: Span) -> u64 {
        let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(unit_at);
        let nanos: f64 = match unit {
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            _ => 3600e9,
        };
        let value = digits.replace('_', "").parse::<f64>().unwrap_or(f64::INFINITY) * nanos;
        if value > 1e18 {
            let message = format!("{} is too long a time", shortened(text));
            self.report(Diagnostic::error("F004", span, message).label("at most 30 years"));
            return 0;
        }
        value as u64
    }

    pub(crate) fn text_value(&mut self, written: &str, span: Span) -> String {
        let inside = written.get(1..written.len().saturating_sub(1)).unwrap_or_default();
        match unescaped(inside) {
            Ok(text) => text,
            Err((start, end)) => {
                let place = |at: usize| span.start + 1 + u32::try_from(at).unwrap_or(0);
                let what = shortened(inside.get(start..end).unwrap_or_default());
                let wrong = Span { start: place(start), end: place(end), ..span };
                let report = Diagnostic::error("F003", wrong, format!("`{what}` is no escape"))
                    .label("unknown escape")
                    .help(r#"the escapes are \" \' \\ \n \r \t \0 \x41 and \u{1F600}"#);
                self.report(report);
                String::new()
            }
        }
    }

    fn bytes_value(&mut self, text: &str, span: Span) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(text.len() / 2);
        for word in text.split_ascii_whitespace() {
            let (pairs, odd) = word.as_bytes().as_chunks::<2>();
            let digit = |byte: u8| char::from(byte).to_digit(16);
            for [high, low] in pairs {
                match (digit(*high), digit(*low)) {
                    (Some(high), Some(low)) => bytes.push((high << 4 | low) as u8),
                    _ => return self.not_pairs(span),
                }
            }
            if !odd.is_empty() {
                return self.not_pairs(span);
            }
        }
        bytes
    }

    fn not_pairs(&mut self, span: Span) -> Vec<u8> {
        let message = "bytes are written as pairs of hexadecimal digits";
        let report = Diagnostic::error("F010", span, message)
            .label("not pairs of 0-9 and a-f")
            .help("write each byte with two digits: `hex \"0a 00 ff\"`");
        self.report(report);
        Vec::new()
    }

    /// `/re/i` or a text, behind `matches`.
    pub(crate) fn regex(&mut self) -> Option<ExprKind> {
        let token = self.token();
        let (text, span) = (self.text_of(token), self.span_of(token));
        match token.kind {
            TokenKind::Text => {
                let pattern = self.text_value(text, span);
                self.skip();
                Some(ExprKind::Regex { pattern, nocase: false })
            }
            TokenKind::Regex => {
                let end = text.rfind('/').unwrap_or(0);
                let pattern = text.get(1..end).unwrap_or_default().replace("\\/", "/");
                let letters = text.get(end + 1..).unwrap_or_default();
                if !matches!(letters, "" | "i") {
                    let message =
                        format!("`{letters}` is nothing that a regular expression can have");
                    let report = Diagnostic::error("F011", span, message);
                    self.report(report.help("`/re/i` takes no account of case"));
                }
                self.skip();
                Some(ExprKind::Regex { pattern, nocase: letters == "i" })
            }
            _ => None,
        }
    }
}

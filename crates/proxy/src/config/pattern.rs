//! Patterns and bytes, written as a text or in hexadecimal digits.

use midwire_definition::diagnostics::Diagnostic;
use midwire_route::{Pattern, PatternError};

use super::reader::{Problems, Table, Text, codes};

/// What was written as `text` or `hex`.
pub(crate) enum Written<'a> {
    Text(Text<'a>),
    Hex(Text<'a>),
}

/// The `text` or the `hex` of a table; a mistake if it has both.
pub(crate) fn written<'a>(table: &mut Table<'a, '_>, out: &mut Problems) -> Option<Written<'a>> {
    let text = table.text("text", out);
    let hex = table.text("hex", out);
    if table.has("text") && table.has("hex") {
        let message = "a pattern is written as `text` or as `hex`, not both";
        out.error(codes::EXCLUDED, table.key_span("hex"), message);
        return None;
    }
    text.map(Written::Text).or(hex.map(Written::Hex))
}

/// The pattern of a table, if it has one that is right.
pub(crate) fn pattern(table: &mut Table<'_, '_>, out: &mut Problems) -> Option<Pattern> {
    let written = written(table, out)?;
    let (text, read) = match &written {
        Written::Text(text) => (text, Pattern::text(text.text)),
        Written::Hex(text) => (text, Pattern::hex(text.text)),
    };
    read.map_err(|error| {
        let span = match error {
            PatternError::NotPairs { at } => text.at(at),
            _ => text.span,
        };
        let problem = Diagnostic::error(codes::VALUE, span, error.to_string());
        out.push(match error {
            PatternError::NotPairs { .. } => problem.help("such as hex = \"16 03 ?? 01\""),
            _ => problem,
        });
    })
    .ok()
}

/// Bytes without wildcards, for an answer.
pub(crate) fn bytes(table: &mut Table<'_, '_>, out: &mut Problems) -> Option<Vec<u8>> {
    match written(table, out)? {
        Written::Text(text) => Some(text.text.as_bytes().to_vec()),
        Written::Hex(text) => {
            let digits: String = text.text.split_ascii_whitespace().collect();
            let bytes = hex::decode(&digits).ok();
            if bytes.is_none() {
                let message = "bytes are written as pairs of hexadecimal digits";
                out.error(codes::VALUE, text.span, message);
            }
            bytes
        }
    }
}

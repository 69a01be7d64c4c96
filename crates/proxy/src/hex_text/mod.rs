//! Bytes out of text, in whatever form people have them.
//!
//! ```text
//! 0a1b2c   0a 1b 2c   0a:1b:2c   0x0a, 0x1b                              hex
//! 00000000: 0a1b 2c                                  ..,                 dump: xxd, hexdump -C, od,
//! 0000   0a 1b 2c                                  ..,                     tshark -x, gdb, hexyl, ...
//! unsigned char p[] = { 0x0a, 0x1b };                                    c
//! b'\n\x1bTerraria'    "\x0a\x1b"                                        string
//! ChsAVGVycmFyaWE=                                                       base64
//! [10, 27, -1]                                                           decimal
//! ```
//!
//! Nothing is left out without a word: what was ignored, what could be read otherwise and what is missing
//! is told with its line.

mod base64;
mod dump;
mod literal;
mod plain;

use clap::ValueEnum;

pub(crate) use self::base64::encode as to_base64;

/// The most text that is taken, in bytes.
pub(crate) const TEXT_MAX: usize = 64 << 20;

/// How bytes are written in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Hex digits, together or apart, with or without 0x
    Hex,
    /// Lines that begin with an offset: xxd, hexdump -C, od -A x -t x1z, tshark -x, gdb, hexyl
    #[value(aliases = ["xxd", "hexdump", "od", "tshark", "hexyl"])]
    Dump,
    /// An array of C or another language: 0x0f, 0x00
    C,
    /// A string with escapes: b'\x0f\x00Terraria' of Python, "\x0f\000" of C
    #[value(aliases = ["python", "escaped"])]
    String,
    /// Base64, also the one for addresses
    Base64,
    /// Numbers from -128 to 255: [15, 0, 1]
    Decimal,
    /// No text: the bytes of the input themselves
    Raw,
}

/// What was found in a text, or in a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HexText {
    pub(crate) bytes: Vec<u8>,
    /// What was no hex, with the line it stands in, from 1.
    pub(crate) ignored: Vec<(usize, String)>,
    /// How it was read, where that could be otherwise.
    pub(crate) notes: Vec<String>,
    /// What is missing or contradicts itself, with its line.
    pub(crate) problems: Vec<(usize, String)>,
}

/// Reads a text in the form that fits, or in the one that is said. There is at least one part; several where
/// a dump begins anew, or has a gap.
pub(crate) fn parse(text: &str, form: Option<Form>) -> Vec<HexText> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let parts = match form {
        Some(Form::Hex) => vec![plain::hex(text)],
        Some(Form::Dump) => dump::parse(text, true).unwrap_or_default(),
        Some(Form::C) => vec![plain::prefixed(text, "0x")],
        Some(Form::String) => vec![literal::parse(text).unwrap_or_else(|| literal::bare(text))],
        Some(Form::Base64) => vec![base64::parse(text, true).unwrap_or_default()],
        Some(Form::Decimal) => vec![plain::decimal(text)],
        Some(Form::Raw) => {
            vec![HexText { bytes: text.as_bytes().to_vec(), ..HexText::default() }]
        }
        None => found_out(text),
    };
    if parts.is_empty() { vec![HexText::default()] } else { parts }
}

fn found_out(text: &str) -> Vec<HexText> {
    if let Some(parts) = dump::parse(text, false) {
        return parts;
    }
    if let Some(found) = literal::parse(text) {
        return vec![found];
    }
    if let Some(prefix) = plain::prefix(text) {
        return vec![plain::prefixed(text, prefix)];
    }
    if let Some(found) = plain::decimal_for_certain(text) {
        return vec![found];
    }
    if let Some(found) = base64::parse(text, false) {
        return vec![found];
    }
    vec![plain::hex(text)]
}

#[cfg(test)]
mod tests;

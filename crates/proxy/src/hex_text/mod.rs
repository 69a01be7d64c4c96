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

mod array;
mod base64;
mod bits;
mod blocks;
mod clean;
mod dump;
mod element;
mod encoded;
mod escapes;
mod front;
mod literal;
mod marks;
mod plain;
mod refused;

use clap::ValueEnum;

pub(crate) use self::base64::encode as to_base64;
use self::clean::Cleaned;
pub(crate) use self::clean::without_colours;
use self::literal::Base;

/// The most text that is taken, in bytes.
pub(crate) const TEXT_MAX: usize = 64 << 20;

/// How bytes are written in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Hex digits, together or apart, with or without 0x
    Hex,
    /// Lines that begin with an offset: xxd, hexdump -C, od -A x -t x1z, tshark -x, gdb, hexyl
    #[value(aliases = ["xxd", "tshark", "tcpdump", "gdb", "hexyl"])]
    Dump,
    /// What hexdump writes without -C: numbers with the low byte first, and hex offsets
    Hexdump,
    /// What od writes: octal offsets where they have seven digits, and numbers with the low byte first
    Od,
    /// A dump of numbers with the low byte first: xxd -e, gdb's x/8xw
    Numbers,
    /// An array of C or another language: 0x0f, 0x00
    C,
    /// A string with escapes: b'\x0f\x00Terraria' of Python, "\x0f\000" of C
    #[value(aliases = ["python", "escaped"])]
    String,
    /// A string of Lua, in which the digits of escapes are decimal: "\015\0"
    Lua,
    /// Base64, also the one for addresses
    Base64,
    /// Numbers from -128 to 255: [15, 0, 1]
    Decimal,
    /// Binary digits, eight a byte
    #[value(alias = "bits")]
    Binary,
    /// An address or a form: %0f%00Terraria
    #[value(aliases = ["url", "uri"])]
    Percent,
    /// No text: the bytes of the input themselves
    Raw,
}

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toward {
    Server,
    Client,
}

/// What was found in a text, or in a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HexText {
    pub(crate) bytes: Vec<u8>,
    /// Where they go, if the text says so.
    pub(crate) toward: Option<Toward>,
    /// What was no hex, with the line it stands in, from 1.
    pub(crate) ignored: Vec<(usize, String)>,
    /// How it was read, where that could be otherwise.
    pub(crate) notes: Vec<String>,
    /// What is missing or contradicts itself, with its line.
    pub(crate) problems: Vec<(usize, String)>,
}

/// Reads a text in the form that fits, or in the one that is said. There is at least one part; several where
/// a dump begins anew, or has a gap, and where the direction changes.
pub(crate) fn parse(text: &str, form: Option<Form>) -> Vec<HexText> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if form == Some(Form::Raw) {
        return vec![HexText { bytes: text.as_bytes().to_vec(), ..HexText::default() }];
    }
    let mut parts = Vec::new();
    match blocks::blocks(&clean::without_colours(text)) {
        Some(blocks) => {
            let mut told = std::collections::HashSet::new();
            for block in blocks {
                let found = parse_block(&block.text, form).into_iter();
                let has_any = |part: &HexText| {
                    !(part.bytes.is_empty() && part.ignored.is_empty() && part.problems.is_empty())
                };
                let toward = block.toward;
                for mut part in found.filter(has_any) {
                    // Once is enough for all blocks.
                    part.notes.retain(|note| told.insert(note.clone()));
                    let lines = part.ignored.iter_mut().chain(&mut part.problems);
                    lines.for_each(|(line, _)| *line += block.before);
                    parts.push(HexText { toward, ..part });
                }
            }
        }
        None => parts = parse_block(text, form),
    }
    if parts.is_empty() {
        parts.push(HexText::default());
    }
    parts
}

/// Reads what goes one way.
fn parse_block(text: &str, form: Option<Form>) -> Vec<HexText> {
    let Cleaned { text, notes } = clean::cleaned(text);
    let mut parts = match form {
        // In a string any character is meant as it is.
        Some(form @ (Form::String | Form::Lua)) => {
            let base = Some(if form == Form::Lua { Base::Decimal } else { Base::Octal });
            vec![literal::parse(&text, base).unwrap_or_else(|| literal::bare(&text, base))]
        }
        Some(form) => in_form(&clean::plain_marks(&text), form),
        None => found_out(&text),
    };
    if parts.is_empty() {
        parts.push(HexText::default());
    }
    parts[0].notes.splice(0..0, notes);
    parts
}

fn in_form(text: &str, form: Form) -> Vec<HexText> {
    match form {
        Form::Dump | Form::Hexdump | Form::Od | Form::Numbers => {
            let is_numbers = form != Form::Dump;
            let without_offsets =
                || if is_numbers { plain::numbers(text) } else { HexText::default() };
            dump::parse(text, Some(form)).unwrap_or_else(|| vec![without_offsets()])
        }
        Form::C => vec![array::parse(text).unwrap_or_else(|| array::bare(text))],
        Form::Base64 => vec![base64::parse(text, true).unwrap_or_default()],
        Form::Decimal => vec![plain::decimal(text)],
        Form::Binary => vec![bits::parse(text, true).unwrap_or_default()],
        Form::Percent => vec![encoded::percent(text, true).unwrap_or_default()],
        Form::Hex | Form::String | Form::Lua | Form::Raw => vec![plain::hex(text, true)],
    }
}

fn found_out(text: &str) -> Vec<HexText> {
    let plain = clean::plain_marks(text);
    if let Some(nothing) = refused::refused(&plain) {
        return vec![nothing];
    }
    if let Some(single) = literal::unescaped(&plain) {
        let mut parts = found_out(&single);
        if let Some(first) = parts.first_mut() {
            first.notes.push("two backslashes are read as one".to_owned());
        }
        return parts;
    }
    if let Some(found) = bits::parse(&plain, false) {
        return vec![found];
    }
    if let Some(parts) = dump::parse(&plain, None) {
        return parts;
    }
    if let Some(nothing) = clean::without_bytes(&plain) {
        return vec![nothing];
    }
    if let Some(found) = plain::of_apple(&plain).or_else(|| plain::of_node(&plain)) {
        return vec![found];
    }
    if let Some(found) = literal::postgres(&plain) {
        return vec![found];
    }
    if let Some(found) = literal::parse(text, None).or_else(|| literal::parse(&plain, None)) {
        return vec![found];
    }
    // Braces are no list there.
    if plain.contains("\\x{") {
        return vec![literal::bare(&plain, None)];
    }
    if let Some(found) = marks::parse(&plain) {
        return vec![found];
    }
    if let Some(found) = array::parse(&plain) {
        return vec![found];
    }
    if literal::has_escape(&plain) {
        return vec![literal::bare(&plain, None)];
    }
    if let Some(found) =
        encoded::percent(&plain, false).or_else(|| encoded::quoted_printable(&plain))
    {
        return vec![found];
    }
    if plain::has_prefix(&plain) && !plain::is_mostly_bare(&plain) {
        return vec![array::bare(&plain)];
    }
    if plain::is_decimal(&plain) {
        let mut found = plain::decimal(&plain);
        found.notes.push("read as decimal numbers, for not all have two digits".to_owned());
        return vec![found];
    }
    if let Some(found) = base64::parse(&plain, false) {
        return vec![found];
    }
    vec![plain::hex(&plain, false)]
}

#[cfg(test)]
mod tests;

//! A packet for pipes and files: a line for each field, of any length, without colours.

use midwire_definition::escape::width;
use midwire_definition::line::{Line, Role};
use midwire_definition::tree::{Explained, Row, RowState};

use super::{bytes_at, is_bad, range};
use crate::print::{Paint, Style, put, write_line};

/// Bytes shown of one field.
const BYTES: usize = 8;
/// Columns of the bytes.
const BYTES_WIDTH: usize = BYTES * 3 + 2;
/// The widest a column of names gets.
const NAME_MAX: usize = 36;
/// The widest a column of types gets.
const KIND_MAX: usize = 20;

/// Appends a line for each row: where its bytes are, the bytes, its name, its type, what it holds.
pub(super) fn write(
    explained: &Explained,
    payload: &[u8],
    all: bool,
    style: Style,
    out: &mut String,
) {
    let rows = &explained.rows;
    let name_width = |row: &Row| 2 * row.depth as usize + width(&row.name);
    let names = rows.iter().filter(|row| row.name != "id" || row.depth > 0).map(name_width);
    let names = names.max().unwrap_or(0).clamp(2, NAME_MAX);
    let kinds = rows.iter().map(|row| width(&row.kind)).max().unwrap_or(0).min(KIND_MAX);
    let ranges = rows.iter().map(|row| range(row).len()).max().unwrap_or(0);
    let ranges = ranges.max(2 * payload.len().to_string().len() + 2);
    for row in rows {
        if is_bad(row) {
            put(out, format_args!("{} ", style.paint(Paint::Bad, '!')));
        } else {
            out.push_str("  ");
        }
        put(out, format_args!("{:>ranges$}  ", range(row)));
        let has_bytes = match row.state {
            RowState::Part | RowState::Computed => false,
            RowState::Read => row.name == "id" || !row.value.is_empty(),
            _ => !row.value.is_empty(),
        };
        let is_secret = |at| explained.is_secret(row.place.buffer, at);
        let bytes = if has_bytes { bytes_at(explained, payload, row.place) } else { &[] };
        put(
            out,
            format_args!(
                "{:<BYTES_WIDTH$}",
                hex(bytes, |at| row.secret || is_secret(row.place.start as usize + at), all)
            ),
        );
        let indent = 2 * row.depth as usize;
        let gap = names.saturating_sub(indent + width(&row.name)) + 2;
        put(out, format_args!("{:indent$}", ""));
        painted(&row.name, Paint::Name, style, out);
        put(out, format_args!("{:gap$}", ""));
        painted(&row.kind, Paint::Dim, style, out);
        put(out, format_args!("{:1$}", "", kinds.saturating_sub(width(&row.kind))));
        if !row.value.is_empty() {
            out.push_str("  ");
            let mut line = Line::new();
            let role = match row.state {
                RowState::Malformed | RowState::Unread => Role::Error,
                _ if row.value.starts_with('"') => Role::Text,
                _ => Role::Plain,
            };
            line.push(role, &row.value);
            write_line(&line, style, out);
        }
        if !row.doc.is_empty() {
            put(out, format_args!("  {}", style.paint(Paint::Dim, format_args!("// {}", row.doc))));
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
}

/// Text in a colour; of no text no colour either, which would be no end of a line.
fn painted(text: &str, paint: Paint, style: Style, out: &mut String) {
    if !text.is_empty() {
        put(out, format_args!("{}", style.paint(paint, text)));
    }
}

fn hex(bytes: &[u8], is_secret: impl Fn(usize) -> bool, all: bool) -> String {
    let shown = if all { bytes.len() } else { BYTES };
    let mut text = String::new();
    for (at, byte) in bytes.iter().take(shown).enumerate() {
        if is_secret(at) {
            text.push_str("** ");
        } else {
            put(&mut text, format_args!("{byte:02x} "));
        }
    }
    if bytes.len() > shown {
        text.push('…');
    }
    text
}

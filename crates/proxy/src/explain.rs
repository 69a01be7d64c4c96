//! One packet, every byte of it explained: a tree of fields beside the bytes that each comes from.

use midwire_definition::Packet;
use midwire_definition::escape::width;
use midwire_definition::line::{Line, Role};
use midwire_definition::tree::{Row, RowState, TreeLimits, rows};

use crate::print::{Paint, Style, put, write_line};

/// Bytes shown of one field.
const BYTES: usize = 8;
/// Columns of the bytes.
const BYTES_WIDTH: usize = BYTES * 3 + 2;
/// The widest a column of names gets.
const NAME_MAX: usize = 36;
/// The widest a column of types gets.
const KIND_MAX: usize = 20;

/// Appends a tree of the packet's fields; `body` bytes of its payload are in front of them.
pub(crate) fn write_tree(packet: &mut Packet<'_>, body: u32, style: Style, out: &mut String) {
    let limits = TreeLimits { width_max: 72, ..TreeLimits::default() };
    let rows = rows(packet, limits);
    let payload = packet.payload();
    let name_width = |row: &Row| 2 * row.depth as usize + width(&row.name);
    let names = rows.iter().map(name_width).max().unwrap_or(0).clamp(2, NAME_MAX);
    let kinds = rows.iter().map(|row| width(&row.kind)).max().unwrap_or(0).min(KIND_MAX);
    let ranges = 2 * payload.len().to_string().len() + 2;
    let columns = Columns { names, kinds, ranges };
    let id = payload.get(..body as usize).unwrap_or_default();
    if !id.is_empty() {
        let range = format!("0..{body}");
        let cells = Cells {
            mark: ' ',
            is_bad: false,
            range: &range,
            bytes: id,
            name: "id",
            depth: 0,
            kind: "",
        };
        columns.write(&cells, style, out);
        trim(out);
        out.push('\n');
    }
    for row in &rows {
        let (start, end) = (row.place.start, row.place.end);
        let inflated = row.place.buffer > 0;
        let range = match row.place.buffer {
            0 => format!("{start}..{end}"),
            // A block that was inflated has offsets of its own.
            block => format!("{block}:{start}..{end}"),
        };
        let is_group = row.value.is_empty() && row.state == RowState::Read;
        let bytes = if inflated || is_group { &[] } else { bytes(payload, start, end) };
        let is_bad =
            matches!(row.state, RowState::Malformed | RowState::Unread | RowState::Partial);
        let (range, bytes) = match row.state {
            RowState::Part | RowState::Computed => (String::new(), &[][..]),
            RowState::Malformed if start == end => (format!("{start}"), bytes),
            _ => (range, bytes),
        };
        let cells = Cells {
            mark: if is_bad { '!' } else { ' ' },
            is_bad,
            range: &range,
            bytes,
            name: &row.name,
            depth: row.depth,
            kind: &row.kind,
        };
        columns.write(&cells, style, out);
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
        trim(out);
        out.push('\n');
    }
}

/// Takes spaces off the end.
fn trim(out: &mut String) {
    out.truncate(out.trim_end_matches(' ').len());
}

struct Columns {
    names: usize,
    kinds: usize,
    ranges: usize,
}

/// What stands in the columns of a line.
struct Cells<'a> {
    mark: char,
    is_bad: bool,
    range: &'a str,
    bytes: &'a [u8],
    name: &'a str,
    depth: u32,
    kind: &'a str,
}

impl Columns {
    fn write(&self, cells: &Cells<'_>, style: Style, out: &mut String) {
        let Cells { mark, is_bad, range, bytes, name, depth, kind } = *cells;
        if is_bad {
            put(out, format_args!("{} ", style.paint(Paint::Bad, mark)));
        } else {
            put(out, format_args!("{mark} "));
        }
        put(out, format_args!("{range:>0$}  ", self.ranges));
        let mut hex = String::new();
        for byte in bytes.iter().take(BYTES) {
            put(&mut hex, format_args!("{byte:02x} "));
        }
        if bytes.len() > BYTES {
            hex.push('…');
        }
        put(out, format_args!("{hex:<BYTES_WIDTH$}"));
        let indent = 2 * depth as usize;
        let gap = self.names.saturating_sub(indent + width(name)) + 2;
        put(out, format_args!("{:indent$}{}{:gap$}", "", style.paint(Paint::Name, name), ""));
        let gap = self.kinds.saturating_sub(width(kind));
        put(out, format_args!("{}{:gap$}", style.paint(Paint::Dim, kind), ""));
    }
}

fn bytes(payload: &[u8], start: u32, end: u32) -> &[u8] {
    payload.get(start as usize..end as usize).unwrap_or_default()
}

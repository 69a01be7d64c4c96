//! The tree of a packet's fields, for a terminal.

use midwire_definition::escape::width;
use midwire_definition::tree::{Explained, Row, RowState};

use super::draw::{Drawn, clip};
use super::panes::Panes;
use super::{is_bad, palette, range};
use crate::print::{Paint, Style};

/// The widest a column of names gets.
const NAME_MAX: usize = 30;
/// The widest a column of types gets.
const KIND_MAX: usize = 18;
/// Columns that values have at least, if types take their place otherwise.
const VALUE_MIN: usize = 24;
/// Documentation needs so many columns to be of use.
const DOC_MIN: usize = 16;

/// A line for each row, of at most so many columns.
pub(super) fn lines(
    explained: &Explained,
    panes: &Panes<'_>,
    columns: Option<usize>,
    style: Style,
) -> Vec<Drawn> {
    let rows = &explained.rows;
    let name_width = |row: &Row| 2 * row.depth as usize + width(&row.name);
    let ranges = rows.iter().map(|row| range(row).len()).max().unwrap_or(0);
    let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(ranges + 4));
    let names = rows.iter().map(name_width).max().unwrap_or(0);
    let names = names.clamp(2, NAME_MAX.min(room / 2).max(2));
    let kinds = rows.iter().map(|row| width(&row.kind)).max().unwrap_or(0).min(KIND_MAX);
    // Types are what can be missed where there is little room.
    let left = room.saturating_sub(names + 2);
    let kinds = if left >= kinds + 2 + VALUE_MIN { kinds } else { 0 };
    let columns = columns.unwrap_or(usize::MAX);
    let line = |(at, row): (usize, &Row)| {
        let mut line = Drawn::default();
        if is_bad(row) {
            line.painted("!", Paint::Bad, style);
        }
        line.pad(2);
        line.dim(&format!("{:>ranges$}", range(row)), style);
        line.plain("  ");
        let indent = 2 * row.depth as usize;
        line.pad(line.width() + indent.min(names));
        let name = clip(&row.name, columns.saturating_sub(line.width()).min(NAME_MAX.max(names)));
        match panes.color(at) {
            _ if matches!(row.state, RowState::Malformed | RowState::Unread) => {
                line.colored(&name, palette::BAD, style);
            }
            Some(color) => line.colored(&name, color, style),
            None => line.painted(&name, Paint::Name, style),
        }
        line.pad(ranges + 4 + names + 2);
        if kinds > 0 {
            line.dim(&clip(&row.kind, kinds), style);
            line.pad(ranges + 4 + names + 2 + kinds + 2);
        }
        let value = clip(&row.value, columns.saturating_sub(line.width()));
        match row.state {
            RowState::Malformed | RowState::Unread => line.painted(&value, Paint::Bad, style),
            _ => line.plain(&value),
        }
        let left = columns.saturating_sub(line.width());
        if !row.doc.is_empty() && left >= DOC_MIN + 5 {
            line.dim(&clip(&format!("  // {}", row.doc), left), style);
        }
        line
    };
    rows.iter().enumerate().map(line).collect()
}

//! The tags of NBT as rows below the row of their field.

use super::{Row, RowState, Tree, note};
use crate::escape::escape;
use crate::nbt::{Event, Group, Tag, TagKind, Walk, payload_snbt, text};
use crate::plan::{NbtForm, Place};

/// Rows for the tags of one value; the rest is one row.
const ROWS_MAX: usize = 256;

impl Tree {
    /// Adds a row for each tag inside of the value that lies at `place`.
    pub(super) fn nbt_rows(&mut self, place: Place, bytes: &[u8], form: NbtForm) {
        let around = self.depth();
        let first = self.rows.len();
        let rows_max = match self.limits.elements_max {
            u32::MAX => usize::MAX,
            _ => ROWS_MAX,
        };
        let is_block = self.begin_within(place, bytes);
        // What rows' offsets are less than the packet's.
        let base = place.start - self.place(place).start;
        // What was read was not nested too deep.
        let mut walk = Walk::new(bytes, form, u32::MAX);
        // For each group that is open its row; the root has none of its own.
        let mut open: Vec<Option<usize>> = Vec::new();
        let mut left_out = 0usize;
        while let Ok(Some(event)) = walk.next_event() {
            let end = place.start + walk.position() as u32;
            match event {
                Event::Nothing => {}
                Event::Close(_) => {
                    let row = open.pop().flatten().and_then(|row| self.rows.get_mut(row));
                    if let Some(row) = row {
                        row.place.end = end - base;
                    }
                }
                Event::Value(tag, _) | Event::Open(tag, _) => {
                    let is_root = tag.depth == 0;
                    let too_many = tag.index.is_some_and(|i| i >= self.limits.elements_max)
                        || self.rows.len() - first >= rows_max
                        || self.rows.len() >= self.limits.rows_max;
                    if !is_root && too_many {
                        left_out += 1;
                        if let Event::Open(..) = event
                            && walk.leave().is_err()
                        {
                            break;
                        }
                        continue;
                    }
                    if !is_root {
                        let start = place.start + tag.start as u32;
                        let place = self.place(Place { start, end, ..place });
                        let row = self.tag_row(&tag, &event, place, around);
                        self.rows.push(row);
                    }
                    if let Event::Open(..) = event {
                        open.push((!is_root).then(|| self.rows.len() - 1));
                    }
                }
            }
        }
        if left_out > 0 {
            let place = self.place(Place { start: place.end, ..place });
            let more = note(place, format!("… {left_out} more tags"), RowState::Read);
            self.add(Row { depth: around + 1, ..more });
        }
        if is_block {
            self.within.pop();
        }
    }

    fn tag_row(&self, tag: &Tag<'_>, event: &Event<'_>, place: Place, around: u32) -> Row {
        let name = match (tag.index, tag.name) {
            (Some(index), _) => format!("[{index}]"),
            (None, name) => escape(&text(name.unwrap_or(&[]))).into_owned(),
        };
        let (kind, value) = match event {
            Event::Value(_, payload) => {
                let mut value = String::new();
                payload_snbt(*payload, self.limits.width_max, &mut value);
                (tag.kind.name().to_owned(), value)
            }
            Event::Open(_, Group::List(of, count)) => {
                let of = TagKind::from_byte(*of).map_or("unknown", TagKind::name);
                (format!("list of {of}"), format!("{count} elements"))
            }
            _ => (tag.kind.name().to_owned(), String::new()),
        };
        let (depth, doc) = (around + tag.depth, String::new());
        let (bits, secret, state) = (None, false, RowState::Read);
        Row { depth, name, kind, value, place, bits, secret, doc, state }
    }
}

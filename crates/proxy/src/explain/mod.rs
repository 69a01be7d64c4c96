//! One packet, every byte of it explained: a tree of its fields, and the bytes that each comes from.
//!
//! ```text
//! a terminal of 110 columns and more        a narrower one      a pipe or a file
//! ┌ bytes ┬ fields ┐                        fields              a line for each field,
//! └ blocks┴────────┘                        bytes, blocks       with its first bytes
//! ```
//!
//! On a terminal a field and its bytes have one colour. A bar stands in front of its first byte as well, and
//! the tree has the offsets, so that nothing depends on colours. What has offsets of its own, since it was
//! compressed or because it is a world in itself, has a number, a pane, and offsets `number:start..end`.

mod draw;
mod fold;
mod lines;
mod owners;
mod palette;
mod panes;
mod tree;

use midwire_definition::json::{PART_LEN, Pass};
use midwire_definition::tree::{Explained, Row, RowState, TreeLimits, explain};
use midwire_definition::{Packet, Plan, Workspace, plan::Place};

use self::draw::Drawn;
pub(crate) use self::fold::Part;
use self::panes::Panes;
use crate::print::{Style, screen};

/// From so many columns on the bytes stand beside the tree.
const BESIDE_MIN: usize = 110;
/// From so many columns on they stand there in lines of 16.
const BESIDE_LONG_MIN: usize = 150;
/// What holds something is a block with offsets of its own from so many bytes on.
const BLOCK_MIN: u32 = 64;

/// How packets are shown in full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    style: Style,
    /// Columns, on a terminal.
    width: Option<usize>,
    /// Nothing is left out or cut off.
    all: bool,
}

impl View {
    /// For standard output.
    pub(crate) fn new(style: Style) -> Self {
        let width = style.is_terminal.then(|| screen::size().map_or(80, |(width, _)| width));
        Self { style, width, all: false }
    }

    /// Whether long lists, bytes and texts are shown whole.
    pub(crate) fn all(self, all: bool) -> Self {
        Self { all, ..self }
    }

    /// Appends a packet; `body` bytes of its payload are in front of its fields.
    pub(crate) fn packet(&self, packet: &mut Packet<'_>, body: u32, out: &mut String) {
        let explained = explain(packet, self.limits());
        let payload = packet.payload();
        self.shown(&with_id(explained, payload, body), payload, out);
    }

    /// Appends a payload of which only its id is known, if that. `is_secret`: its bytes are not to be seen.
    pub(crate) fn unknown(&self, payload: &[u8], body: u32, is_secret: bool, out: &mut String) {
        self.shown(&unread(payload, body, is_secret), payload, out);
    }

    fn shown(&self, explained: &Explained, payload: &[u8], out: &mut String) {
        let Some(width) = self.width else {
            lines::write(explained, payload, self.all, self.style, out);
            return;
        };
        let panes = Panes::new(explained, payload);
        let is_beside = width >= BESIDE_MIN;
        let per_line = match is_beside {
            true if width < BESIDE_LONG_MIN => 8,
            false if width < panes.width(16) => 8,
            _ => 16,
        };
        let lines_max = if self.all { usize::MAX } else { panes::LINES_MAX };
        let bytes = panes.lines(per_line, lines_max, self.style);
        if !is_beside {
            for line in tree::lines(explained, &panes, self.tree_width(width), self.style) {
                line.write(out);
            }
            for line in bytes {
                line.write(out);
            }
            return;
        }
        let left = bytes.iter().map(Drawn::width).max().unwrap_or(0);
        let room = self.tree_width(width.saturating_sub(left + 3));
        let fields = tree::lines(explained, &panes, room, self.style);
        for at in 0..bytes.len().max(fields.len()) {
            let mut line = bytes.get(at).cloned().unwrap_or_default();
            line.pad(left);
            line.dim(" │ ", self.style);
            if let Some(field) = fields.get(at) {
                line.append(field);
            }
            line.write(out);
        }
    }

    /// Columns of the tree's lines; with everything shown, as many as they take.
    fn tree_width(&self, room: usize) -> Option<usize> {
        (!self.all).then_some(room.max(30))
    }

    fn limits(&self) -> TreeLimits {
        let block_min = self.width.map(|_| BLOCK_MIN);
        if self.all {
            return TreeLimits { block_min, ..TreeLimits::ALL };
        }
        let bytes_max = if self.width.is_some() { 12 } else { 16 };
        TreeLimits { width_max: 160, bytes_max, block_min, ..TreeLimits::default() }
    }
}

/// Appends a tree of the packet's fields with their bytes; `body` bytes of its payload are in front of them.
pub(crate) fn write_tree(packet: &mut Packet<'_>, body: u32, style: Style, out: &mut String) {
    View::new(style).packet(packet, body, out);
}

/// A payload's fields for its bytes alone, the ids in front; without a plan, the id alone, and `is_secret` says
/// whether its bytes are not to be seen.
pub(crate) fn fields_of(
    payload: &[u8],
    body: u32,
    plan: Option<(&Plan, &[i64])>,
    is_secret: bool,
    workspace: &mut Workspace,
) -> Explained {
    let Some((plan, conn)) = plan else { return unread(payload, body, is_secret) };
    let mut packet = plan.decode(payload, body, conn, workspace);
    let limits = TreeLimits {
        elements_max: 32,
        rows_max: 4096,
        width_max: 0,
        block_min: Some(BLOCK_MIN),
        ..TreeLimits::default()
    };
    with_id(explain(&mut packet, limits), payload, body)
}

/// Appends bytes in lines of 16, the fields that begin in a line named beside it.
/// `pass` may take away what was written so far.
pub(crate) fn write_bytes(
    explained: &Explained,
    bytes: &[u8],
    style: Style,
    out: &mut String,
    pass: Pass<'_>,
) {
    let panes = Panes::new(explained, bytes);
    panes.named_lines(View::new(style).width, style, |line| {
        line.write(out);
        if out.len() >= PART_LEN {
            pass(out);
        }
    });
}

/// The same with a row for the packet id in front. What could not be read begins where what was read ends.
fn with_id(mut explained: Explained, payload: &[u8], body: u32) -> Explained {
    for at in 0..explained.rows.len() {
        let (before, after) = explained.rows.split_at_mut(at);
        let Some(Row { place, state: RowState::Malformed, .. }) = after.first_mut() else {
            continue;
        };
        let read = before.iter().filter(|row| row.state == RowState::Read);
        let read =
            read.filter(|row| row.place.buffer == place.buffer && row.place.end <= place.start);
        let first = if place.buffer == 0 { body } else { 0 };
        place.start = read.map(|row| row.place.end).max().unwrap_or(first).min(place.start);
    }
    if body == 0 || payload.is_empty() {
        return explained;
    }
    explained.rows.insert(0, row("id", Place { buffer: 0, start: 0, end: body }, RowState::Read));
    for block in &mut explained.blocks {
        block.row += 1;
    }
    explained
}

/// What is known of a payload without a plan.
fn unread(payload: &[u8], body: u32, is_secret: bool) -> Explained {
    let len = payload.len() as u32;
    let body = body.min(len);
    let mut explained = with_id(Explained::default(), payload, body);
    if body < len {
        let place = Place { buffer: 0, start: body, end: len };
        let value = format!("{} bytes not read", len - body);
        let secret = is_secret;
        explained.rows.push(Row { value, secret, ..row("", place, RowState::Unread) });
    }
    explained
}

fn row(name: &str, place: Place, state: RowState) -> Row {
    Row {
        depth: 0,
        name: name.to_owned(),
        kind: String::new(),
        value: String::new(),
        place,
        bits: None,
        secret: false,
        doc: String::new(),
        state,
    }
}

/// Whether something is wrong with what a row shows.
fn is_bad(row: &Row) -> bool {
    matches!(row.state, RowState::Malformed | RowState::Unread | RowState::Partial)
}

/// Where a row's bytes are, in words: `1..13`, in a block `2:0..4`, of bits `b7..b4`.
fn range(row: &Row) -> String {
    let Place { buffer, start, end } = row.place;
    let block = match buffer {
        0 => String::new(),
        u32::MAX => "…:".to_owned(),
        block => format!("{block}:"),
    };
    match (row.state, row.bits) {
        (RowState::Part, Some((high, low))) if high == low => format!("b{low}"),
        (RowState::Part, Some((high, low))) => format!("b{high}..b{low}"),
        (RowState::Part | RowState::Computed, _) => String::new(),
        (RowState::Malformed, _) if start == end => format!("{block}{start}"),
        _ => format!("{block}{start}..{end}"),
    }
}

/// The bytes of a place.
fn bytes_at<'a>(explained: &'a Explained, payload: &'a [u8], place: Place) -> &'a [u8] {
    let bytes = explained.bytes(payload, place.buffer);
    bytes.get(place.start as usize..place.end as usize).unwrap_or_default()
}

#[cfg(test)]
mod tests;

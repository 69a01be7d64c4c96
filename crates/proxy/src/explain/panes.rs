//! The bytes of a packet in hex, each block of it in a pane of its own.

use midwire_definition::plan::Place;
use midwire_definition::tree::{Explained, Row, RowState};

use super::draw::{Drawn, clip};
use super::owners::Owners;
use super::palette;
use crate::print::{Paint, Style, put};

/// Lines shown of one pane, beside those round what could not be read.
pub(super) const LINES_MAX: usize = 24;
/// Of them so many at its end.
const LINES_LAST: usize = 4;
/// Lines shown of one pane where the bytes are what is wanted.
const NAMED_LINES_MAX: usize = 256;
/// What stands in front of lines below a packet's row.
const INDENT: &str = "      ";

/// All panes of a packet.
pub(super) struct Panes<'a> {
    explained: &'a Explained,
    panes: Vec<Pane<'a>>,
    /// The colour of each row that has bytes of its own.
    colors: Vec<Option<usize>>,
}

/// The bytes of a payload, or of a block in it.
struct Pane<'a> {
    /// What places in it have as their buffer.
    number: u32,
    title: String,
    bytes: &'a [u8],
    owners: Owners,
    /// What stands in panes of its own, and their numbers.
    elsewhere: Vec<(Place, usize)>,
}

impl<'a> Panes<'a> {
    pub(super) fn new(explained: &'a Explained, payload: &'a [u8]) -> Self {
        let blocks = explained.blocks.iter().enumerate();
        let mut panes = vec![Pane::new(0, format!("payload · {}", count(payload.len())), payload)];
        panes.extend(blocks.map(|(at, block)| {
            let row = explained.rows.get(block.row as usize);
            let number = at as u32 + 1;
            let bytes = explained.bytes(payload, number);
            Pane::new(number, title(at + 1, bytes.len(), row, block.within), bytes)
        }));
        for (at, block) in explained.blocks.iter().enumerate() {
            if let Some(place) = block.within
                && let Some(around) = panes.get_mut(place.buffer as usize)
            {
                around.elsewhere.push((place, at + 1));
            }
        }
        for (at, row) in explained.rows.iter().enumerate() {
            let Some(pane) = panes.get_mut(row.place.buffer as usize) else { continue };
            if matches!(row.state, RowState::Part | RowState::Computed) {
                continue;
            }
            let is_open = row.state == RowState::Malformed;
            let end = if is_open { pane.bytes.len() } else { row.place.end as usize };
            pane.owners.paint(row.place.start as usize..end.min(pane.bytes.len()), at as u32);
        }
        let mut colors = vec![None; explained.rows.len()];
        let mut next = 0;
        for (_, owner) in panes.iter().flat_map(|pane| pane.owners.runs()) {
            if let Some(color) = colors.get_mut(owner as usize)
                && color.is_none()
            {
                *color = Some(next);
                next += 1;
            }
        }
        Self { explained, panes, colors }
    }

    /// The colour of a row, if it has bytes of its own.
    pub(super) fn color(&self, row: usize) -> Option<&'static str> {
        self.colors.get(row).copied().flatten().map(palette::color)
    }

    /// Columns that the lines take with so many bytes on each.
    pub(super) fn width(&self, per_line: usize) -> usize {
        self.offset_width() + 4 * per_line + 4
    }

    fn offset_width(&self) -> usize {
        let longest = self.panes.iter().map(|pane| pane.bytes.len()).max().unwrap_or(0);
        format!("{longest:x}").len().max(4)
    }

    /// All panes below each other.
    pub(super) fn lines(&self, per_line: usize, lines_max: usize, style: Style) -> Vec<Drawn> {
        let mut lines = Vec::new();
        for pane in self.panes.iter().filter(|pane| !pane.bytes.is_empty()) {
            if self.panes.len() > 1 {
                let mut line = Drawn::default();
                let columns = self.width(per_line);
                line.dim("── ", style);
                line.painted(&clip(&pane.title, columns.saturating_sub(6)), Paint::Name, style);
                let left = columns.saturating_sub(line.width() + 1);
                line.dim(&format!(" {}", "─".repeat(left)), style);
                lines.push(line);
            }
            self.pane(pane, per_line, lines_max, style, |line, _, _| lines.push(line));
        }
        lines
    }

    /// The same, the fields that begin in a line named beside it.
    pub(super) fn named_lines(
        &self,
        columns: Option<usize>,
        style: Style,
        mut draw: impl FnMut(Drawn),
    ) {
        let mut path = Vec::new();
        let paths: Vec<String> =
            self.explained.rows.iter().map(|row| path_of(row, &mut path)).collect();
        for pane in &self.panes {
            if pane.bytes.is_empty() {
                continue;
            }
            if self.panes.len() > 1 {
                let mut line = Drawn::default();
                line.plain(INDENT);
                line.dim(&pane.title, style);
                draw(line);
            }
            self.pane(pane, 16, NAMED_LINES_MAX, style, |bytes, start, end| {
                let mut line = Drawn::default();
                line.plain(INDENT);
                line.append(&bytes);
                let names = self.names(pane, start, end, &paths);
                if !names.is_empty() {
                    line.pad(INDENT.len() + self.width(16));
                    let left = columns.map(|columns| columns.saturating_sub(line.width() + 2));
                    let names = left.map_or_else(|| names.clone(), |left| clip(&names, left));
                    line.plain("  ");
                    line.plain(&names);
                }
                draw(line);
            });
        }
    }

    /// The fields that begin between two offsets of a pane.
    fn names(&self, pane: &Pane<'_>, start: usize, end: usize, paths: &[String]) -> String {
        let mut names = String::new();
        for at in start..end {
            if !pane.owners.begins(at) {
                continue;
            }
            let owner = pane.owners.row(at);
            let Some(row) = owner.and_then(|owner| self.explained.rows.get(owner as usize)) else {
                continue;
            };
            let name = match row.state {
                RowState::Malformed | RowState::Unread => "not read",
                _ => owner.and_then(|owner| paths.get(owner as usize)).map_or("", String::as_str),
            };
            if !names.is_empty() {
                names.push_str(", ");
            }
            put(&mut names, format_args!("{at} {name}"));
        }
        names
    }

    /// Draws a pane's lines, each with where it starts and ends.
    fn pane(
        &self,
        pane: &Pane<'_>,
        per_line: usize,
        lines_max: usize,
        style: Style,
        mut draw: impl FnMut(Drawn, usize, usize),
    ) {
        let count = pane.bytes.len().div_ceil(per_line);
        let bad = pane.owners.runs().map(|(at, _)| at).find(|at| self.is_bad(pane, *at));
        let bad = bad.map(|at| at / per_line);
        let is_shown = |line: usize| {
            count <= lines_max
                || line < lines_max - LINES_LAST
                || line >= count - LINES_LAST
                || bad.is_some_and(|bad| bad.abs_diff(line) <= 1)
        };
        let mut gap = 0..0;
        let mut gap_block = None;
        let flush = |gap: &mut std::ops::Range<usize>,
                     block: &mut Option<usize>,
                     draw: &mut dyn FnMut(Drawn, usize, usize)| {
            if gap.start < gap.end {
                let mut line = Drawn::default();
                let bytes = gap.end - gap.start;
                let text = match block {
                    Some(block) => format!("… {bytes} bytes: see {block}"),
                    None => format!("… {bytes} bytes more"),
                };
                line.pad(self.offset_width() + 2);
                line.dim(&text, style);
                draw(line, 0, 0);
            }
            (*gap, *block) = (0..0, None);
        };
        // Between these lines nothing changes about what is left out.
        let mut stops: Vec<usize> = pane
            .elsewhere
            .iter()
            .flat_map(|(place, _)| {
                [(place.start as usize).div_ceil(per_line) + 1, place.end as usize / per_line]
            })
            .chain(bad.into_iter().flat_map(|bad| [bad.saturating_sub(1), bad + 2]))
            .chain([count.saturating_sub(LINES_LAST), count])
            .collect();
        stops.sort_unstable();
        let mut number = 0;
        while number < count {
            let start = number * per_line;
            let end = (start + per_line).min(pane.bytes.len());
            let block = pane.elsewhere.iter().find(|(place, _)| {
                place.start as usize + per_line <= start && end <= place.end as usize
            });
            let block = block.map(|(_, number)| *number);
            if block.is_some() || !is_shown(number) {
                if block != gap_block || gap.end != start {
                    flush(&mut gap, &mut gap_block, &mut draw);
                    gap = start..start;
                }
                let next = stops.partition_point(|stop| *stop <= number);
                number = stops.get(next).copied().unwrap_or(count).min(count);
                (gap.end, gap_block) = ((number * per_line).min(pane.bytes.len()), block);
                continue;
            }
            flush(&mut gap, &mut gap_block, &mut draw);
            draw(self.line(pane, start, end, per_line, style), start, end);
            number += 1;
        }
        flush(&mut gap, &mut gap_block, &mut draw);
    }

    fn is_bad(&self, pane: &Pane<'_>, at: usize) -> bool {
        self.owner(pane, at)
            .is_some_and(|row| matches!(row.state, RowState::Malformed | RowState::Unread))
    }

    fn owner(&self, pane: &Pane<'_>, at: usize) -> Option<&Row> {
        let owner = pane.owners.row(at)?;
        self.explained.rows.get(owner as usize)
    }

    fn line(
        &self,
        pane: &Pane<'_>,
        start: usize,
        end: usize,
        per_line: usize,
        style: Style,
    ) -> Drawn {
        let mut line = Drawn::default();
        line.dim(&format!("{start:0width$x}", width = self.offset_width()), style);
        line.plain("  ");
        let colors = |at: usize| {
            let owner = pane.owners.row(at);
            match owner.and_then(|owner| self.color(owner as usize)) {
                _ if self.is_bad(pane, at) => palette::BAD,
                Some(color) => color,
                None => "",
            }
        };
        let is_secret = |at: usize| {
            self.owner(pane, at).is_some_and(|row| row.secret)
                || self.explained.is_secret(pane.number, at)
        };
        for at in start..end {
            line.plain(match (pane.owners.begins(at), self.is_bad(pane, at)) {
                (true, true) => "!",
                (true, false) => "|",
                _ => " ",
            });
            let text = match is_secret(at) {
                true => "**".to_owned(),
                false => format!("{:02x}", pane.bytes[at]),
            };
            line.colored(&text, colors(at), style);
        }
        line.pad(self.offset_width() + 2 + 3 * per_line);
        line.plain("  ");
        for at in start..end {
            let shown = match pane.bytes[at] {
                _ if is_secret(at) => '*',
                byte @ 0x20..0x7f => char::from(byte),
                _ => '.',
            };
            line.colored(shown.encode_utf8(&mut [0; 4]), colors(at), style);
        }
        line
    }
}

impl<'a> Pane<'a> {
    fn new(number: u32, title: String, bytes: &'a [u8]) -> Self {
        Self { number, title, bytes, owners: Owners::new(bytes.len()), elsewhere: Vec::new() }
    }
}

fn count(bytes: usize) -> String {
    if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") }
}

/// `1 · data · zlib[..] · 4096 bytes, sent as 391`
fn title(number: usize, len: usize, row: Option<&Row>, within: Option<Place>) -> String {
    let Some(row) = row else { return format!("{number} · {}", count(len)) };
    let sent = row.place.end.saturating_sub(row.place.start);
    let place = match within {
        Some(place) if place.buffer == 0 => format!(" at {}", place.start),
        Some(place) => format!(" at {}:{}", place.buffer, place.start),
        None => format!(", sent as {sent}"),
    };
    format!("{number} · {} · {} · {}{place}", row.name, row.kind, count(len))
}

/// A row's name with those around it.
fn path_of(row: &Row, path: &mut Vec<String>) -> String {
    path.truncate(row.depth as usize);
    path.resize(row.depth as usize, String::new());
    path.push(row.name.clone());
    let mut name = String::new();
    for step in path.iter().filter(|step| !step.is_empty()) {
        if !name.is_empty() && !step.starts_with('[') {
            name.push('.');
        }
        name.push_str(step);
    }
    name
}

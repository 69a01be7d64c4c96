//! The listing on a terminal: packets that are alike fold into one line while it is young, and a
//! status line below counts everything.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use midwire_definition::Limits;
use midwire_definition::line::Role;
use midwire_session::{Elapsed, Event, PacketEvent};

use super::listing::write_header;
use super::row::{Above, Columns, Kind, Mark, Row, RowWriter, put};
use super::style::{Paint, Style};
use super::{Sink, View, screen};
use crate::queue::Message;
use crate::record::{Recordings, Stopped};

/// How long a line takes up what is like it.
const FOLD: Duration = Duration::from_secs(1);
/// Lines that may still change, at most.
const YOUNG_MAX: usize = 16;
/// The shortest time between two pictures.
const FRAME: Duration = Duration::from_millis(50);

/// Draws the newest lines anew while they change.
pub(crate) struct Live {
    rows: RowWriter,
    style: Style,
    above: Above,
    /// The lines that may still change, oldest first. Nothing above them does.
    young: VecDeque<Young>,
    /// How many of them are on the screen, and the status line below them.
    drawn: usize,
    /// The first of them that is not on the screen as it should be.
    dirty: usize,
    status_drawn: bool,
    status_changed: bool,
    last_drawn: Option<Instant>,
    packets: u64,
    bytes: [u64; 2],
    lost: u64,
    open: u64,
    /// What is wrong until somebody puts it right.
    problem: Option<String>,
    recordings: Recordings,
}

enum Young {
    Header(String),
    /// A line of a message, ready for the screen.
    Text(String),
    Row {
        row: Box<Row>,
        since: Instant,
    },
}

impl Live {
    pub(crate) fn new(limits: Limits, style: Style, recordings: Recordings) -> Self {
        Self {
            recordings,
            rows: RowWriter::new(limits),
            style,
            above: Above::default(),
            young: VecDeque::new(),
            drawn: 0,
            dirty: 0,
            status_drawn: false,
            status_changed: false,
            last_drawn: None,
            packets: 0,
            bytes: [0; 2],
            lost: 0,
            open: 0,
            problem: None,
        }
    }

    fn event(&mut self, session: u64, event: &Event, out: &mut dyn Sink) {
        match event {
            Event::Packet(packet) => self.count(packet),
            Event::Opaque { direction, bytes, .. } => {
                self.bytes[direction.index()] += bytes.len() as u64;
            }
            // What went past the session was not shown.
            Event::Closed { counters, .. } => {
                for (bytes, counters) in self.bytes.iter_mut().zip(counters) {
                    *bytes += counters.joined_bytes;
                }
            }
            _ => {}
        }
        self.status_changed = true;
        if let Some(row) = self.rows.event(session, event) {
            self.add(row, out);
        }
    }

    fn count(&mut self, packet: &PacketEvent) {
        self.packets += 1;
        self.bytes[packet.direction.index()] += u64::from(packet.wire_length);
    }

    /// Adds a line, or counts it to one that is like it and young.
    fn add(&mut self, row: Row, out: &mut dyn Sink) {
        let now = Instant::now();
        let same = self.young.iter_mut().enumerate().rev().find_map(|(at, young)| match young {
            Young::Row { row: older, since } if is_alike(older, &row) && now - *since < FOLD => {
                Some((at, older))
            }
            _ => None,
        });
        if let Some((at, older)) = same {
            if let (Kind::Packet(older), Kind::Packet(new)) = (&mut older.kind, &row.kind) {
                older.count += new.count;
                older.length += new.length;
            }
            older.summary = row.summary;
            self.dirty = self.dirty.min(at);
            return;
        }
        if let Some(header) = self.rows.header_above(&row, &mut self.above) {
            self.push(Young::Header(header), out);
        }
        self.push(Young::Row { row: Box::new(row), since: now }, out);
    }

    fn push(&mut self, young: Young, out: &mut dyn Sink) {
        let height = screen::size().map_or(24, |(_, height)| height);
        // What has left the screen cannot be drawn anew.
        let max = YOUNG_MAX.min(height.saturating_sub(3)).max(1);
        if self.young.len() >= max {
            self.draw(out);
            while self.young.len() >= max {
                self.young.pop_front();
                self.drawn = self.drawn.saturating_sub(1);
                self.dirty = self.dirty.saturating_sub(1);
            }
        }
        self.young.push_back(young);
    }

    /// Brings the screen up to date.
    fn draw(&mut self, out: &mut dyn Sink) {
        if self.dirty >= self.young.len() && !self.status_changed {
            return;
        }
        let width = screen::size().map(|(width, _)| width);
        self.rows.set_width(width);
        let mut text = String::new();
        if self.status_drawn {
            text.push_str("\r\x1b[2K");
        }
        let up = self.drawn.saturating_sub(self.dirty);
        if up > 0 {
            put(&mut text, format_args!("\x1b[{up}A\r\x1b[J"));
        }
        for young in self.young.iter().skip(self.dirty.min(self.drawn)) {
            match young {
                Young::Header(header) => write_header(header, self.style, &mut text),
                Young::Text(line) => text.push_str(line),
                Young::Row { row, .. } => row.write(self.style, Columns::Short, &mut text),
            }
            text.push('\n');
        }
        self.drawn = self.young.len();
        self.dirty = self.young.len();
        self.write_status(width.unwrap_or(80), &mut text);
        self.status_drawn = true;
        self.status_changed = false;
        self.last_drawn = Some(Instant::now());
        out.text(&text);
    }

    fn write_status(&self, width: usize, out: &mut String) {
        let mut status = format!(
            "{} open · {} packets · {} bytes → server · {} bytes → client",
            self.open, self.packets, self.bytes[0], self.bytes[1]
        );
        if self.lost > 0 {
            put(&mut status, format_args!(" · {} not shown", self.lost));
        }
        let is_recorded = match self.recordings.bytes() {
            Some(Ok(bytes)) => {
                put(&mut status, format_args!(" · {bytes} bytes recorded"));
                true
            }
            Some(Err(Stopped)) => {
                status = format!("nothing is recorded any more · {status}");
                false
            }
            None => true,
        };
        if let Some(problem) = &self.problem {
            // In front: it must not be cut off.
            let problem = midwire_definition::escape::escape(problem);
            status = format!("{problem} · {status}");
        }
        let is_well = self.problem.is_none() && is_recorded;
        let paint = if is_well { Paint::Dim } else { Paint::Bad };
        let shown: String = status.chars().take(width.saturating_sub(1)).collect();
        put(out, format_args!("{}", self.style.paint(paint, shown)));
    }
}

/// Whether two lines may be one.
fn is_alike(a: &Row, b: &Row) -> bool {
    let (Kind::Packet(x), Kind::Packet(y)) = (&a.kind, &b.kind) else { return false };
    a.session == b.session
        && a.state == b.state
        && x.direction == y.direction
        && x.name == y.name
        && x.mark == y.mark
        && x.marked == y.marked
        // What was changed is worth a line each.
        && !matches!(x.mark, Mark::Changed | Mark::Dropped | Mark::Injected)
        // A line that begins with text is what somebody said: each is worth reading.
        && (!begins_with_text(b) || a.summary.as_str() == b.summary.as_str())
}

fn begins_with_text(row: &Row) -> bool {
    row.summary.spans().next().is_some_and(|span| span.role == Role::Text)
}

impl View for Live {
    fn message(&mut self, message: &Message, out: &mut dyn Sink) {
        match message {
            Message::Opened { session, client, server, .. } => {
                self.open += 1;
                self.rows.open(*session, *client);
                let text = format!("{client} connects to {server}");
                let row = self.rows.notice(*session, Elapsed::default(), &text);
                self.add(row, out);
            }
            Message::Events { session, events, .. } => {
                for event in events {
                    self.event(*session, event, out);
                }
            }
            Message::Notice { session, at, text } => {
                let row = self.rows.notice_at(session.unwrap_or(0), *at, text);
                self.add(row, out);
            }
            Message::Report { report, text, .. } => {
                for line in report.shown.lines() {
                    self.push(Young::Text(line.to_owned()), out);
                }
                self.problem.clone_from(&report.status);
                self.status_changed = true;
                // A mistake stands in the status line until it is put right.
                if self.problem.is_none() {
                    let row = self.rows.notice(0, Elapsed::default(), text);
                    self.add(row, out);
                }
            }
            Message::Ended { session } => {
                self.open = self.open.saturating_sub(1);
                self.rows.close(*session);
                self.status_changed = true;
            }
        }
    }

    fn unlisted(&mut self, packet: &PacketEvent) {
        self.count(packet);
        self.status_changed = true;
    }

    fn idle(&mut self, lost: u64, out: &mut dyn Sink) {
        if lost > 0 {
            self.lost += lost;
            self.status_changed = true;
        }
        if self.last_drawn.is_none_or(|drawn| drawn.elapsed() >= FRAME) {
            self.draw(out);
        }
    }

    fn end(&mut self, out: &mut dyn Sink) {
        self.draw(out);
        if self.status_drawn {
            out.text("\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use midwire_definition::VersionId;
    use midwire_session::{Direction, Fate, Origin, PacketNumber};

    use super::*;
    use crate::protocols;

    /// What a terminal shows of the text written to it.
    fn screen(written: &[u8]) -> Vec<String> {
        let text = String::from_utf8(written.to_vec()).unwrap();
        let (mut lines, mut row, mut column) = (vec![Vec::new()], 0, 0);
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\r' => column = 0,
                '\n' => {
                    (row, column) = (row + 1, 0);
                    lines.resize(lines.len().max(row + 1), Vec::new());
                }
                '\x1b' => {
                    let mut sequence = String::new();
                    while !sequence.ends_with(|c: char| c.is_ascii_uppercase()) {
                        sequence.extend(chars.next());
                    }
                    match sequence.as_str() {
                        "[2K" => lines[row].clear(),
                        "[J" => {
                            lines.truncate(row + 1);
                            lines[row].truncate(column);
                        }
                        up => row -= up.trim_matches(['[', 'A']).parse::<usize>().unwrap(),
                    }
                }
                c => {
                    lines[row].truncate(column);
                    lines[row].push(c);
                    column += 1;
                }
            }
        }
        lines.into_iter().map(String::from_iter).collect()
    }

    fn live() -> Live {
        let style = Style { is_terminal: true, color: false };
        Live::new(Limits::default(), style, Recordings::default())
    }

    fn packet(body: &[u8], id: u8) -> Message {
        let protocol = protocols::find("terraria", &[]).unwrap();
        let dialect = protocol.dialect(VersionId(0));
        let direction = Direction::Serverbound;
        let payload: Vec<u8> = [&[id][..], body].concat();
        let state = protocol.start;
        let event = PacketEvent {
            number: PacketNumber(1),
            direction,
            state,
            version: VersionId(0),
            id: Some(id.into()),
            definition: dialect.packet(state, direction, id.into()).cloned(),
            length: payload.len() as u32,
            wire_length: payload.len() as u32 + 2,
            payload: Some(Bytes::from(payload)),
            body: 1,
            offset: 0,
            at: Elapsed::default(),
            conn: protocol.initial_conn().into(),
            origin: Origin::Client,
            fate: Fate::Passed,
            changed_by: None,
            sent: None,
            tags: None,
            problem: None,
            flaw: None,
            length_raw: None,
            is_hidden: false,
        };
        let begun = std::time::SystemTime::UNIX_EPOCH;
        Message::Events { session: 1, begun, events: vec![Event::Packet(event)] }
    }

    #[test]
    fn packets_that_are_alike_fold_even_with_others_between() {
        let (mut live, mut out) = (live(), Vec::new());
        let (life, mana) = ([0, 100, 0, 100, 0], [0, 20, 0, 20, 0]);
        for _ in 0..3 {
            let message = packet(&life, 16);
            live.message(&message, &mut out);
            live.draw(&mut out);
            let message = packet(&mana, 42);
            live.message(&message, &mut out);
        }
        live.end(&mut out);
        let shown = screen(&out);
        assert!(shown[1].contains("PlayerLifeMana") && shown[1].contains("×3"), "{shown:#?}");
        assert!(shown[2].contains("PlayerMana") && shown[2].contains("×3"), "{shown:#?}");
        assert!(shown[3].contains("6 packets"), "{shown:#?}");
    }

    #[test]
    fn lines_that_have_left_the_young_ones_stay_as_they_are() {
        let (mut live, mut out) = (live(), Vec::new());
        for id in 150..200 {
            let message = packet(&[1], id);
            live.message(&message, &mut out);
        }
        live.end(&mut out);
        let shown = screen(&out);
        assert_eq!(shown.len(), 1 + 50 + 1 + 1, "{shown:#?}");
        assert!(shown[1].contains("0x96") && shown[50].contains("0xc7"), "{shown:#?}");
    }
}

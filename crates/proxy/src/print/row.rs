//! A line of the listing: what stands in its columns, and how they are laid out.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use midwire_definition::line::{Line, Role, write_bytes, write_masked, write_summary};
use midwire_definition::{Limits, Protocol, Secrets, Version, Workspace};
use midwire_session::{Direction, Elapsed, Event, Fate, Origin, PacketEvent};

use super::count_malformed;
use super::notices::notice;
use super::style::{Paint, Style};
use super::tags;
use crate::wire_id;

/// Columns in front of the summary.
pub(crate) const BEFORE_SUMMARY: usize = 53;
/// Columns of the name together with the count.
const NAME: usize = 24;
/// Columns of the name where a count follows.
const NAME_WITH_COUNT: usize = 20;
/// Columns of a summary where nothing limits them.
const SUMMARY: usize = 200;

/// A line.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) session: u64,
    /// Empty where that means nothing.
    pub(crate) state: Arc<str>,
    pub(crate) at: Elapsed,
    pub(crate) kind: Kind,
    pub(crate) summary: Line,
}

/// What a line is about.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A packet, or several that are alike.
    Packet(PacketRow),
    /// Something worth a line.
    Notice,
}

/// What the columns of a packet's line say.
#[derive(Clone, Debug)]
pub(crate) struct PacketRow {
    pub(crate) direction: Direction,
    pub(crate) mark: Mark,
    /// The colour that a rule marks it with.
    pub(crate) marked: Option<Paint>,
    pub(crate) name: Arc<str>,
    pub(crate) count: u64,
    /// Bytes of all together.
    pub(crate) length: u64,
}

/// The sign in front of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mark {
    None,
    Changed,
    Dropped,
    Injected,
    Malformed,
    Unknown,
}

impl Mark {
    pub(crate) const fn sign(self) -> char {
        match self {
            Self::None => ' ',
            Self::Changed => '~',
            Self::Dropped => 'x',
            Self::Injected => '+',
            Self::Malformed => '!',
            Self::Unknown => '?',
        }
    }

    const fn paint(self) -> Option<Paint> {
        match self {
            Self::None | Self::Unknown => None,
            Self::Changed | Self::Injected => Some(Paint::Changed),
            Self::Dropped | Self::Malformed => Some(Paint::Bad),
        }
    }
}

/// A row's text ends where the line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Columns {
    /// Time, direction and so on: the session and state stand in a header.
    Short,
    /// Session and state come first.
    Long,
}

impl Row {
    /// The line, without its end.
    pub(crate) fn write(&self, style: Style, columns: Columns, out: &mut String) {
        if columns == Columns::Long {
            let state = if self.state.is_empty() { "-" } else { &*self.state };
            put(out, format_args!("{:>3}  {state:<13}  ", self.session));
        }
        put(out, format_args!("{:>8.3}  ", self.at.0.as_secs_f64()));
        match &self.kind {
            Kind::Notice => {
                // It may stand under another session's header.
                let session = if columns == Columns::Short { self.session } else { 0 };
                match session {
                    0 => out.push_str("·  "),
                    session => put(out, format_args!("·  #{session} ")),
                }
            }
            Kind::Packet(packet) => {
                packet.write(style, out);
                if self.summary.is_empty() {
                    return;
                }
                out.push_str("  ");
            }
        }
        write_line(&self.summary, style, out);
    }
}

impl PacketRow {
    fn write(&self, style: Style, out: &mut String) {
        let (paint, arrow) = match self.direction {
            Direction::Serverbound => (Paint::Serverbound, "→ server"),
            Direction::Clientbound => (Paint::Clientbound, "client ←"),
        };
        put(out, format_args!("{} ", style.paint(paint, arrow)));
        match self.mark.paint() {
            Some(paint) => put(out, format_args!("{} ", style.paint(paint, self.mark.sign()))),
            None => put(out, format_args!("{} ", self.mark.sign())),
        }
        put(out, format_args!("{}", style.paint(self.marked.unwrap_or(Paint::Name), &self.name)));
        let mut at = midwire_definition::escape::width(&self.name);
        if self.count > 1 {
            let count = format!("×{}", self.count);
            let gap = NAME_WITH_COUNT.saturating_sub(at).max(1);
            put(out, format_args!("{:gap$}{count}", ""));
            at += gap + count.chars().count();
        }
        let room = (NAME + 5).saturating_sub(at);
        put(out, format_args!(" {:>room$}", self.length));
    }
}

/// A line in pieces, each in its colour.
pub(crate) fn write_line(line: &Line, style: Style, out: &mut String) {
    for span in line.spans() {
        let paint = match span.role {
            Role::FieldName | Role::Dim => Some(Paint::Dim),
            Role::Text => Some(Paint::Text),
            Role::Error => Some(Paint::Bad),
            Role::Plain | Role::Number => None,
        };
        match paint {
            Some(paint) => put(out, format_args!("{}", style.paint(paint, span.text))),
            None => out.push_str(span.text),
        }
    }
}

/// What a payload says on one line, and the mark that it earns.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) line: Line,
    pub(crate) mark: Mark,
}

/// What is known of an open session.
#[derive(Debug, Default)]
pub(crate) struct Known {
    client: Option<SocketAddr>,
    /// When it was heard of.
    begun: Option<SystemTime>,
    protocol: Option<Arc<Protocol>>,
    version: Option<Version>,
    /// The player's name, once a packet has said it.
    player: Option<Arc<str>>,
    /// Packets that may still say it.
    looks: u32,
}

/// Makes rows of what is reported.
pub(crate) struct RowWriter {
    workspace: Workspace,
    sessions: HashMap<u64, Known>,
    /// Columns that a line may take.
    width: Option<usize>,
    id_name: HashMap<i64, Arc<str>>,
}

/// The header that stands above; empty while there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Above(String);

/// Serverbound packets of a session in which a player's name is looked for.
const LOOKS: u32 = 32;
/// Names of unknown ids that are kept.
const NAMES_MAX: usize = 1024;

impl RowWriter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            workspace: Workspace::new(limits),
            sessions: HashMap::new(),
            width: None,
            id_name: HashMap::new(),
        }
    }

    /// Lines may take so many columns; `None`: as many as they like.
    pub(crate) fn set_width(&mut self, width: Option<usize>) {
        self.width = width;
    }

    /// A session begins.
    pub(crate) fn open(&mut self, session: u64, client: SocketAddr) {
        let known = self.sessions.entry(session).or_default();
        known.client = Some(client);
        known.begun.get_or_insert_with(SystemTime::now);
    }

    /// A session is over.
    pub(crate) fn close(&mut self, session: u64) {
        self.sessions.remove(&session);
    }

    /// `#1 Alva · Minecraft 1.21.4 (769) · play`
    fn header(&self, session: u64, state: &str) -> String {
        let mut text = format!("#{session}");
        let known = self.sessions.get(&session);
        if let Some(known) = known {
            match &known.player {
                Some(player) => put(&mut text, format_args!(" {player}")),
                None => {
                    if let Some(client) = known.client {
                        put(&mut text, format_args!(" {client}"));
                    }
                }
            }
            if let Some(protocol) = &known.protocol {
                put(&mut text, format_args!(" · {}", short_title(protocol)));
            }
        }
        if let Some(version) = known.and_then(|known| known.version.as_ref())
            && version.number != 0
        {
            put(&mut text, format_args!(" {} ({})", version.release, version.number));
        }
        if !state.is_empty() {
            put(&mut text, format_args!(" · {state}"));
        }
        text
    }

    /// The header that a row needs above it, if that does not stand there already. Notices come before
    /// the first packet and between states; they have none.
    pub(crate) fn header_above(&self, row: &Row, above: &mut Above) -> Option<String> {
        if matches!(row.kind, Kind::Notice) {
            return None;
        }
        // Compared as a whole: a session's version and player are learnt on the way.
        let header = self.header(row.session, &row.state);
        if above.0 == header {
            return None;
        }
        above.0.clone_from(&header);
        Some(header)
    }

    /// The row of an event, if it has one.
    pub(crate) fn event(&mut self, session: u64, event: &Event) -> Option<Row> {
        match event {
            Event::Packet(packet) => Some(self.packet(session, packet)),
            Event::Key { .. } => None,
            Event::Opaque { direction, at, bytes, secret, .. } => {
                let mut summary = Line::new();
                let secrets = Secrets { ranges: secret.clone(), are_inside: false };
                write_masked(bytes, |at| secrets.holds(at), self.room(), &mut summary);
                let row = PacketRow {
                    direction: *direction,
                    mark: Mark::None,
                    marked: None,
                    name: "bytes".into(),
                    count: 1,
                    length: bytes.len() as u64,
                };
                Some(self.row(session, "".into(), *at, Kind::Packet(row), summary))
            }
            Event::Opened { protocol } => {
                let known = self.sessions.entry(session).or_default();
                known.protocol = Some(protocol.clone());
                known.version = None;
                known.looks = LOOKS;
                None
            }
            Event::State { .. } => None,
            Event::Version { version, at, .. } => {
                if let Some(known) = self.sessions.get_mut(&session) {
                    known.version = Some(version.clone());
                }
                notice(event).map(|text| self.notice(session, *at, &text))
            }
            Event::LostFraming { at, .. } | Event::Notice { at, .. } => {
                notice(event).map(|text| self.notice(session, *at, &text))
            }
            Event::Resumed { number, at, fate, .. } => {
                let text = format!("packet {number} was held: {}", fate.as_str());
                Some(self.notice(session, *at, &text))
            }
            Event::Closed { counters, at } => {
                let [serverbound, clientbound] = counters;
                let text = format!(
                    "closed: {} packets, {} bytes serverbound; {} packets, {} bytes clientbound",
                    serverbound.frames, serverbound.bytes, clientbound.frames, clientbound.bytes
                );
                Some(self.notice(session, *at, &text))
            }
        }
    }

    /// A row of words.
    pub(crate) fn notice(&self, session: u64, at: Elapsed, text: &str) -> Row {
        let mut summary = Line::new();
        summary.push(Role::Plain, text);
        self.row(session, "".into(), at, Kind::Notice, summary)
    }

    /// The same at a time of the day.
    pub(crate) fn notice_at(&self, session: u64, at: SystemTime, text: &str) -> Row {
        let begun = self.sessions.get(&session).and_then(|known| known.begun);
        let elapsed = begun.and_then(|begun| at.duration_since(begun).ok()).unwrap_or_default();
        self.notice(session, Elapsed(elapsed), text)
    }

    fn row(&self, session: u64, state: Arc<str>, at: Elapsed, kind: Kind, summary: Line) -> Row {
        Row { session, state, at, kind, summary }
    }

    fn room(&self) -> usize {
        self.width.map_or(SUMMARY, |width| width.saturating_sub(BEFORE_SUMMARY))
    }

    fn packet(&mut self, session: u64, packet: &PacketEvent) -> Row {
        self.look_for_player(session, packet);
        let name = match (&packet.definition, packet.id) {
            (Some(definition), _) => definition.name.clone(),
            (None, Some(id)) => self.name_of_id(id),
            (None, None) => "?".into(),
        };
        let protocol = self.sessions.get(&session).and_then(|known| known.protocol.as_ref());
        let states = protocol.map_or(&[][..], |protocol| &protocol.states);
        let state = states.get(usize::from(packet.state.0)).cloned().unwrap_or_default();
        let odd = protocol.map_or(String::new(), |protocol| oddly_written(protocol, packet));
        let mut room = self.room();
        room = room.saturating_sub(tags::width(packet) + odd.len());
        let Summary { mut line, mut mark } = self.summary(packet, &state, room);
        line.push(Role::Dim, &odd);
        tags::write(packet, &mut line);
        let injected = !matches!(packet.origin, Origin::Client | Origin::Server);
        if packet.fate == Fate::Dropped {
            mark = Mark::Dropped;
        } else if injected {
            mark = Mark::Injected;
        } else if packet.changed_by.is_some() {
            mark = Mark::Changed;
        }
        let row = PacketRow {
            direction: packet.direction,
            mark,
            marked: tags::paint(packet),
            name,
            count: 1,
            length: packet.length.into(),
        };
        self.row(session, state, packet.at, Kind::Packet(row), line)
    }

    /// What a packet says; of a changed one, what was sent.
    pub(crate) fn summary(&mut self, packet: &PacketEvent, state: &str, room: usize) -> Summary {
        let mut line = Line::new();
        let payload = packet.sent.as_ref().or(packet.payload.as_ref());
        let payload = payload.map_or(&[][..], |payload| payload);
        let body = payload.get(packet.body as usize..).unwrap_or_default();
        if let Some(problem) = &packet.problem {
            line.push(Role::Error, &problem.to_string());
            line.push(Role::Dim, " · ");
            let room = room.saturating_sub(line.width());
            write_masked(payload, |_| packet.is_hidden, room, &mut line);
            return Summary { line, mark: Mark::Malformed };
        }
        if let Some(flaw) = &packet.flaw {
            line.push(Role::Error, &flaw.to_string());
            line.push(Role::Dim, " · ");
        }
        let room = room.saturating_sub(line.width());
        let flawed = packet.flaw.is_some();
        let good = if flawed { Mark::Malformed } else { Mark::None };
        let Some(definition) = &packet.definition else {
            let place = if state.is_empty() { String::new() } else { format!(" in {state}") };
            let (text, mark) = match packet.id {
                Some(id) => (format!("no packet {id}{place}"), Mark::Unknown),
                None => ("ends within its packet id".to_owned(), Mark::Malformed),
            };
            line.push(Role::Plain, &text);
            if !body.is_empty() {
                line.push(Role::Dim, " · ");
                let room = room.saturating_sub(line.width());
                write_masked(body, |_| packet.is_hidden, room, &mut line);
            }
            return Summary { line, mark };
        };
        let Some(plan) = &definition.plan else {
            write_bytes(body, room, &mut line);
            return Summary { line, mark: good };
        };
        let mut read = plan.decode(payload, packet.body, &packet.conn, &mut self.workspace);
        write_summary(&mut read, room, &mut line);
        let whole = read.error().is_none() && read.rest().is_empty();
        count_malformed(&read);
        Summary { line, mark: if whole { good } else { Mark::Malformed } }
    }

    fn name_of_id(&mut self, id: i64) -> Arc<str> {
        if self.id_name.len() > NAMES_MAX {
            self.id_name.clear();
        }
        let name = || if id < 0 { id.to_string() } else { format!("{id:#04x}") }.into();
        self.id_name.entry(id).or_insert_with(name).clone()
    }

    /// Games tell a player's name in one of their first packets: in a field `username`, or `name` in a
    /// packet about a player.
    fn look_for_player(&mut self, session: u64, packet: &PacketEvent) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        if packet.direction != Direction::Serverbound || known.looks == 0 {
            return;
        }
        let (Some(definition), Some(payload)) = (&packet.definition, &packet.payload) else {
            return;
        };
        known.looks -= 1;
        let Some(plan) = &definition.plan else { return };
        let mut read = plan.decode(payload, packet.body, &packet.conn, &mut self.workspace);
        let is_player = definition.name.to_lowercase().contains("player");
        let name = read.text("username");
        let name = name.or_else(|| if is_player { read.text("name") } else { None });
        if let Some(name) = name.filter(|name| !name.trim().is_empty()) {
            let name: String = name.chars().take(32).collect();
            known.player = Some(midwire_definition::escape::escape(&name).as_ref().into());
            known.looks = 0;
        }
    }
}

/// Which numbers of a frame take more bytes than they need.
fn oddly_written(protocol: &Protocol, packet: &PacketEvent) -> String {
    let payload = packet.payload.as_deref().unwrap_or_default();
    let mut text = String::new();
    if let Some(raw) = wire_id::overlong(&protocol.stack, packet.state, payload, packet.body) {
        put(&mut text, format_args!("  id in {} bytes", raw.len()));
    }
    if let Some(raw) = &packet.length_raw {
        put(&mut text, format_args!("  length in {} bytes", raw.len()));
    }
    text
}

/// `Minecraft` of `minecraft "Minecraft Java Edition"`; the whole title where it does not begin so.
fn short_title(protocol: &Protocol) -> &str {
    let first = protocol.title.split(' ').next().unwrap_or_default();
    if first.eq_ignore_ascii_case(&protocol.name) { first } else { &protocol.title }
}

/// Appends formatted text.
pub(crate) fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn row(packet: PacketRow, at: f64, summary: &str) -> Row {
        let mut line = Line::new();
        line.push(Role::Plain, summary);
        Row {
            session: 1,
            state: "play".into(),
            at: Elapsed(Duration::from_secs_f64(at)),
            kind: Kind::Packet(packet),
            summary: line,
        }
    }

    fn packet(direction: Direction, mark: Mark, name: &str, count: u64, length: u64) -> PacketRow {
        PacketRow { direction, mark, marked: None, name: name.into(), count, length }
    }

    #[test]
    fn columns_stand_where_the_listing_has_them() {
        let (to_client, to_server) = (Direction::Clientbound, Direction::Serverbound);
        let rows = [
            row(packet(to_client, Mark::None, "update_health", 1, 10), 1.269, "health=20"),
            row(packet(to_client, Mark::Changed, "system_chat", 1, 36), 2.385, "\"hi\""),
            row(packet(to_server, Mark::None, "position", 20, 520), 2.867, "x=16.31"),
            row(packet(to_client, Mark::Unknown, "0x7f", 1, 212), 3.901, "no packet 127 in play"),
        ];
        let text: Vec<String> = rows
            .iter()
            .map(|row| {
                let mut out = String::new();
                row.write(Style::PLAIN, Columns::Short, &mut out);
                out
            })
            .collect();
        assert_eq!(
            text,
            [
                "   1.269  client ←   update_health               10  health=20",
                "   2.385  client ← ~ system_chat                 36  \"hi\"",
                "   2.867  → server   position            ×20    520  x=16.31",
                "   3.901  client ← ? 0x7f                       212  no packet 127 in play",
            ]
        );
        let before = text[0].chars().take_while(|c| *c != 'h').count();
        assert_eq!(before.max(BEFORE_SUMMARY), BEFORE_SUMMARY);
    }

    #[test]
    fn a_long_name_moves_the_rest_of_its_line() {
        let row = row(packet(Direction::Clientbound, Mark::None, &"n".repeat(40), 3, 7), 0.0, "s");
        let mut out = String::new();
        row.write(Style::PLAIN, Columns::Short, &mut out);
        assert!(out.ends_with("nnn ×3 7  s"), "{out}");
    }

    #[test]
    fn a_great_length_stands_apart_from_its_count() {
        let packet = packet(Direction::Clientbound, Mark::None, "map_chunk", 36, 1_280_448);
        let mut out = String::new();
        row(packet, 0.0, "x=1").write(Style::PLAIN, Columns::Short, &mut out);
        assert!(out.ends_with("map_chunk           ×36 1280448  x=1"), "{out}");
    }
}

//! The listing, a line for every packet: for pipes and files, and for terminals with `--all` or `-x`.

use midwire_definition::json::PART_LEN;
use midwire_definition::{Limits, Workspace};
use midwire_session::{Elapsed, Event, PacketEvent};

use super::marked::{Marked, write_marked};
use super::row::{Above, Columns, Row, RowWriter, put};
use super::style::{Paint, Style};
use super::{Sink, View, screen};
use crate::error::say_styled;
use crate::explain::write_tree;
use crate::queue::Message;

/// What is shown of each packet below its line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Detail {
    /// Its bytes.
    pub(crate) hex: bool,
    /// Its fields.
    pub(crate) tree: bool,
}

/// Writes every packet on a line of its own.
pub(crate) struct Listing {
    rows: RowWriter,
    style: Style,
    columns: Columns,
    detail: Detail,
    /// What details are read with.
    workspace: Workspace,
    above: Above,
    line: String,
}

impl Listing {
    pub(crate) fn new(limits: Limits, style: Style, detail: Detail) -> Self {
        let columns = if style.is_terminal { Columns::Short } else { Columns::Long };
        Self {
            rows: RowWriter::new(limits),
            style,
            columns,
            detail,
            workspace: Workspace::new(limits),
            above: Above::default(),
            line: String::new(),
        }
    }

    fn row(&mut self, row: &Row) {
        if self.columns == Columns::Short
            && let Some(header) = self.rows.header_above(row, &mut self.above)
        {
            write_header(&header, self.style, &mut self.line);
            self.line.push('\n');
        }
        row.write(self.style, self.columns, &mut self.line);
        self.line.push('\n');
    }

    fn event(&mut self, session: u64, event: &Event, out: &mut dyn Sink) {
        let Some(row) = self.rows.event(session, event) else { return };
        self.row(&row);
        match event {
            Event::Packet(packet) => self.detail(packet, out),
            Event::Opaque { bytes, secret, .. } if self.detail != Detail::default() => {
                let marked = Marked::outside(secret);
                let mut pass = |line: &mut String| out.take(line);
                write_marked(bytes, &marked, self.style, &mut self.line, &mut pass);
            }
            _ => {}
        }
        if self.line.len() > PART_LEN {
            out.take(&mut self.line);
        }
    }

    fn detail(&mut self, packet: &PacketEvent, out: &mut dyn Sink) {
        let Some(payload) = packet.sent.as_ref().or(packet.payload.as_ref()) else { return };
        let plan = packet.definition.as_ref().and_then(|definition| definition.plan.as_ref());
        let plan = plan.filter(|_| packet.problem.is_none());
        let workspace = &mut self.workspace;
        if let Some(plan) = plan.filter(|_| self.detail.tree) {
            let mut read = plan.decode(payload, packet.body, &packet.conn, workspace);
            write_tree(&mut read, packet.body, self.style, &mut self.line);
        }
        // What has no fields has bytes.
        if self.detail.hex || self.detail.tree && plan.is_none() {
            let plan = plan.map(|plan| (&**plan, &*packet.conn));
            let marked = Marked::read(payload, packet.body, plan, packet.is_hidden, workspace);
            let mut pass = |line: &mut String| out.take(line);
            write_marked(payload, &marked, self.style, &mut self.line, &mut pass);
        }
    }
}

impl View for Listing {
    fn message(&mut self, message: &Message, out: &mut dyn Sink) {
        if self.style.is_terminal {
            self.rows.set_width(screen::size().map(|(width, _)| width));
        }
        match message {
            Message::Opened { session, client, server, .. } => {
                self.rows.open(*session, *client);
                let text = format!("{client} connects to {server}");
                let row = self.rows.notice(*session, Elapsed::default(), &text);
                self.row(&row);
            }
            Message::Events { session, events, .. } => {
                for event in events {
                    self.event(*session, event, out);
                }
            }
            Message::Notice { session, at, text } => match session {
                Some(session) => {
                    let row = self.rows.notice_at(*session, *at, text);
                    self.row(&row);
                }
                None => {
                    let text = midwire_definition::escape::escape(text);
                    put(&mut self.line, format_args!("·  {text}\n"));
                }
            },
            Message::Report { report, text, .. } => {
                if !report.shown.is_empty() {
                    say_styled(&report.shown);
                }
                let text = midwire_definition::escape::escape(text);
                put(&mut self.line, format_args!("·  {text}\n"));
            }
            Message::Ended { session } => self.rows.close(*session),
        }
        out.take(&mut self.line);
    }

    fn idle(&mut self, lost: u64, out: &mut dyn Sink) {
        if lost > 0 {
            out.text(&format!("·  {lost} packets were not shown\n"));
        }
    }
}

/// `── #1 Alva · Minecraft 1.21.4 (769) · play ──────…`, without its end.
pub(super) fn write_header(text: &str, style: Style, out: &mut String) {
    let width = screen::size().map_or(70, |(width, _)| width.clamp(20, 70));
    let used = midwire_definition::escape::width(text) + 4;
    let line = "─".repeat(width.saturating_sub(used).max(2));
    put(
        out,
        format_args!("{} {text} {}", style.paint(Paint::Dim, "──"), style.paint(Paint::Dim, line)),
    );
}

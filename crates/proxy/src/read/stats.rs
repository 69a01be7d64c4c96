//! `--stats`: which packets there are, how many, how large, and when.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use midwire_capture::Timestamp;
use midwire_definition::escape::{escape, width};
use midwire_definition::json::write_string;
use midwire_definition::{Limits, Workspace};
use midwire_session::{Direction, Event, PacketEvent};

use super::counts::{Counts, Id, Key, Seen, Tally, lock};
use crate::print::{Paint, Sink, Style, View};
use crate::queue::Message;

/// Counts packets, and shows a table at the end.
pub(super) struct Stats {
    json: bool,
    style: Style,
    workspace: Workspace,
    sessions: HashMap<u64, u32>,
    counts: Arc<Mutex<Counts>>,
}

impl Stats {
    pub(super) fn new(
        json: bool,
        style: Style,
        limits: Limits,
        counts: Arc<Mutex<Counts>>,
    ) -> Self {
        let workspace = Workspace::new(limits);
        Self { json, style, workspace, sessions: HashMap::new(), counts }
    }

    fn packet(&mut self, session: u64, begun: SystemTime, packet: &PacketEvent) {
        let protocol = self.sessions.get(&session).copied().unwrap_or(0);
        let begun = begun.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at = Timestamp(0).after(begun.saturating_add(packet.at.0));
        let is_malformed = self.is_malformed(packet);
        lock(&self.counts).add(&Seen {
            protocol,
            state: packet.state,
            direction: packet.direction,
            id: packet.id,
            definition: packet.definition.as_deref(),
            length: packet.length,
            wire_length: packet.wire_length,
            at,
            is_malformed,
        });
    }

    fn is_malformed(&mut self, packet: &PacketEvent) -> bool {
        if packet.problem.is_some() || packet.flaw.is_some() || packet.id.is_none() {
            return true;
        }
        let plan = packet.definition.as_ref().and_then(|known| known.plan.as_ref());
        let Some((plan, payload)) = plan.zip(packet.payload.as_deref()) else { return false };
        let read = plan.decode(payload, packet.body, &packet.conn, &mut self.workspace);
        read.error().is_some() || !read.rest().is_empty()
    }
}

impl Stats {
    fn table(&self, counts: &Counts, out: &mut String) {
        let rows = counts.rows();
        let name = |key: &Key| match (&key.4, key.3) {
            (Some(name), _) => escape(name).into_owned(),
            (None, Id::Is(id)) if id >= 0 => format!("{id:#04x}"),
            (None, Id::Is(id)) => id.to_string(),
            (None, Id::Unread) => "?".to_owned(),
            (None, Id::Others) => "others".to_owned(),
        };
        let several = counts.protocols.len() > 1;
        let place = |key: &Key| {
            let state = counts.state_name(&key.0, key.1);
            let protocol = if several { &*key.0 } else { "" };
            let arrow = if key.2 == 0 { "→ server" } else { "client ←" };
            let words: Vec<&str> =
                [protocol, state].into_iter().filter(|word| !word.is_empty()).collect();
            (escape(&words.join(" ")).into_owned(), arrow)
        };
        let names = rows.iter().map(|(key, _)| width(&name(key))).max().unwrap_or(0).max(6);
        let places = rows.iter().map(|(key, _)| width(&place(key).0)).max().unwrap_or(0);
        let columns = format!(
            "{:>9} {:>7} {:>11} {:>9}  {:>7} {:>9} {:>7}  {:>9} {:>9}",
            "packets", "share", "bytes", "per s", "least", "average", "most", "first", "last"
        );
        let head = format!("{columns}  {:places$} {:8}   packet", "", "");
        let _ = writeln!(out, "{}", self.style.paint(Paint::Dim, head));
        let total = Counts::total(&rows);
        for (key, tally) in &rows {
            let (words, arrow) = place(key);
            let mark = match (&key.4, tally.malformed) {
                (None, _) => "? ",
                (_, 1..) => "! ",
                _ => "  ",
            };
            let name = name(key);
            let gap = names.saturating_sub(width(&name));
            let _ = write!(out, "{}", tally.columns(&total));
            let pad = places.saturating_sub(width(&words));
            let _ = write!(out, "  {words}{:pad$} {arrow} {mark}", "");
            let _ = write!(out, "{}", self.style.paint(Paint::Name, &name));
            if tally.malformed > 0 && key.4.is_some() {
                let _ = write!(out, "{:gap$}  {} malformed", "", tally.malformed);
            }
            out.push('\n');
        }
        let unknown: u64 =
            rows.iter().filter(|(key, _)| key.4.is_none()).map(|(_, tally)| tally.count).sum();
        let _ = writeln!(out, "{}  in all", total.columns(&total));
        let share = |part: u64| percent(part, total.count);
        let _ = writeln!(
            out,
            "{} session{}, {:.3} s; {unknown} unknown ({}), {} malformed ({})",
            counts.opened,
            if counts.opened == 1 { "" } else { "s" },
            total.last.as_secs_f64(),
            share(unknown),
            total.malformed,
            share(total.malformed),
        );
        let (unread, opaque) = counts.rest();
        if unread > 0 {
            let _ = writeln!(out, "{unread} frames more could not be inflated");
        }
        if opaque > 0 {
            let _ = writeln!(out, "{opaque} bytes more are in no packet that was counted");
        }
    }

    fn lines(&self, counts: &Counts, out: &mut String) {
        let rows = counts.rows();
        let total = Counts::total(&rows);
        for (key, tally) in &rows {
            let (protocol, state, direction, id, name) = key;
            out.push_str("{\"type\":\"count\",\"protocol\":");
            write_string(protocol, out);
            let word = |text: &str, out: &mut String| match text {
                "" => out.push_str("null"),
                text => write_string(text, out),
            };
            let _ = write!(
                out,
                ",\"direction\":\"{}\",\"state\":",
                Direction::BOTH[usize::from(*direction).min(1)]
            );
            word(counts.state_name(protocol, *state), out);
            match id {
                Id::Is(id) => {
                    let _ = write!(out, ",\"id\":{id}");
                }
                Id::Unread => out.push_str(",\"id\":null"),
                Id::Others => out.push_str(",\"id\":null,\"others\":true"),
            }
            out.push_str(",\"name\":");
            word(name.as_deref().unwrap_or_default(), out);
            tally.write_json(out);
            out.push_str("}\n");
        }
        let unknown: u64 =
            rows.iter().filter(|(key, _)| key.4.is_none()).map(|(_, tally)| tally.count).sum();
        let (unread, opaque) = counts.rest();
        let _ = write!(out, "{{\"type\":\"total\",\"sessions\":{}", counts.opened);
        total.write_json(out);
        let _ =
            writeln!(out, ",\"unknown\":{unknown},\"unread\":{unread},\"opaque_bytes\":{opaque}}}");
    }
}

impl Tally {
    /// How many in a second, of all seconds of the capture.
    fn rate(&self, total: &Self) -> f64 {
        let seconds = total.last.saturating_sub(total.first).as_secs_f64();
        if seconds > 0.0 { self.count as f64 / seconds } else { 0.0 }
    }

    fn columns(&self, total: &Self) -> String {
        format!(
            "{:>9} {:>7} {:>11} {:>9.1}  {:>7} {:>9.1} {:>7}  {:>9.3} {:>9.3}",
            self.count,
            percent(self.count, total.count),
            self.bytes,
            self.rate(total),
            self.least,
            self.bytes as f64 / self.count.max(1) as f64,
            self.most,
            self.first.as_secs_f64(),
            self.last.as_secs_f64(),
        )
    }

    fn write_json(&self, out: &mut String) {
        let _ = write!(
            out,
            ",\"packets\":{},\"bytes\":{},\"wire_bytes\":{},\"least\":{},\"most\":{},\
             \"malformed\":{},\"first\":{:.6},\"last\":{:.6}",
            self.count,
            self.bytes,
            self.wire_bytes,
            self.least,
            self.most,
            self.malformed,
            self.first.as_secs_f64(),
            self.last.as_secs_f64(),
        );
    }
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.1}%", 100.0 * part as f64 / whole.max(1) as f64)
}

impl View for Stats {
    fn message(&mut self, message: &Message, _: &mut dyn Sink) {
        match message {
            Message::Opened { .. } => lock(&self.counts).opened += 1,
            Message::Ended { session } => {
                self.sessions.remove(session);
            }
            Message::Events { session, begun, events } => {
                for event in events {
                    match event {
                        Event::Opened { protocol } => {
                            let protocol = lock(&self.counts).protocol(protocol);
                            self.sessions.insert(*session, protocol);
                        }
                        Event::Packet(packet) => self.packet(*session, *begun, packet),
                        Event::Opaque { bytes, .. } => {
                            lock(&self.counts).opaque += bytes.len() as u64;
                        }
                        _ => {}
                    }
                }
            }
            Message::Notice { .. } | Message::Report { .. } => {}
        }
    }

    fn end(&mut self, out: &mut dyn Sink) {
        let mut text = String::new();
        let counts = self.counts.clone();
        let counts = lock(&counts);
        if self.json {
            self.lines(&counts, &mut text);
        } else {
            self.table(&counts, &mut text);
        }
        out.text(&text);
    }
}

//! `--stats`: which packets there are, how many, how large, and when.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use midwire_definition::escape::{escape, width};
use midwire_definition::json::write_string;
use midwire_definition::{Limits, PacketDefinition, Protocol, StateId, Workspace};
use midwire_session::{Direction, Event, PacketEvent};

use crate::print::{Paint, Style, View};
use crate::queue::Message;

/// What packets are counted by.
type Key = (Arc<str>, StateId, u8, Option<i64>, Option<Arc<str>>);

/// What was counted of one kind of packet.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    count: u64,
    bytes: u64,
    wire_bytes: u64,
    least: u32,
    most: u32,
    malformed: u64,
    first: Duration,
    last: Duration,
}

/// Counts packets, and shows a table at the end.
pub(super) struct Stats {
    json: bool,
    style: Style,
    workspace: Workspace,
    sessions: HashMap<u64, (u32, SystemTime)>,
    protocols: Vec<Arc<Protocol>>,
    tallies: HashMap<(u32, StateId, u8, Option<i64>), Counted>,
    opened: u64,
    opaque: [u64; 2],
    begun: Option<SystemTime>,
}

struct Counted {
    definition: Option<Arc<PacketDefinition>>,
    tally: Tally,
}

impl Stats {
    pub(super) fn new(json: bool, style: Style, limits: Limits) -> Self {
        Self {
            json,
            style,
            workspace: Workspace::new(limits),
            sessions: HashMap::new(),
            protocols: Vec::new(),
            tallies: HashMap::new(),
            opened: 0,
            opaque: [0; 2],
            begun: None,
        }
    }

    fn packet(&mut self, session: u64, begun: SystemTime, packet: &PacketEvent) {
        let (protocol, _) = self.sessions.get(&session).copied().unwrap_or((0, begun));
        let start = *self.begun.get_or_insert(begun + packet.at.0);
        let at = (begun + packet.at.0).duration_since(start).unwrap_or_default();
        let is_malformed = self.is_malformed(packet);
        let key = (protocol, packet.state, packet.direction.index() as u8, packet.id);
        let counted = self.tallies.entry(key).or_insert_with(|| Counted {
            definition: packet.definition.clone(),
            tally: Tally::default(),
        });
        // Of several versions the same id may be another packet: then the first one's name stands.
        counted.tally.add(packet.length, packet.wire_length, at, is_malformed);
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

    /// All that was counted, the most frequent first.
    fn rows(&self) -> Vec<(Key, Tally)> {
        let mut rows: Vec<(Key, Tally)> = Vec::new();
        for ((protocol, state, direction, id), counted) in &self.tallies {
            let protocol = self.protocols.get(*protocol as usize);
            let protocol = protocol.map_or_else(|| "".into(), |known| known.name.clone());
            let name = counted.definition.as_ref().map(|known| known.name.clone());
            rows.push(((protocol, *state, *direction, *id, name), counted.tally));
        }
        rows.sort_by(|(a, x), (b, y)| y.count.cmp(&x.count).then_with(|| a.cmp(b)));
        rows
    }

    fn state_name(&self, protocol: &str, state: StateId) -> &str {
        let known = self.protocols.iter().find(|known| &*known.name == protocol);
        known.map_or("", |known| known.state_name(state))
    }

    fn table(&self, out: &mut String) {
        let rows = self.rows();
        let name = |key: &Key| match (&key.4, key.3) {
            (Some(name), _) => escape(name).into_owned(),
            (None, Some(id)) if id >= 0 => format!("{id:#04x}"),
            (None, Some(id)) => id.to_string(),
            (None, None) => "?".to_owned(),
        };
        let several = self.protocols.len() > 1;
        let place = |key: &Key| {
            let state = self.state_name(&key.0, key.1);
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
        let total = self.total(&rows);
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
            self.opened,
            if self.opened == 1 { "" } else { "s" },
            total.last.as_secs_f64(),
            share(unknown),
            total.malformed,
            share(total.malformed),
        );
        let opaque: u64 = self.opaque.iter().sum();
        if opaque > 0 {
            let _ = writeln!(
                out,
                "{opaque} bytes more were not cut into packets: {} serverbound, {} clientbound",
                self.opaque[0], self.opaque[1]
            );
        }
    }

    fn total(&self, rows: &[(Key, Tally)]) -> Tally {
        rows.iter().map(|(_, tally)| *tally).reduce(Tally::with).unwrap_or_default()
    }

    fn lines(&self, out: &mut String) {
        let rows = self.rows();
        let total = self.total(&rows);
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
            word(self.state_name(protocol, *state), out);
            match id {
                Some(id) => {
                    let _ = write!(out, ",\"id\":{id}");
                }
                None => out.push_str(",\"id\":null"),
            }
            out.push_str(",\"name\":");
            word(name.as_deref().unwrap_or_default(), out);
            tally.write_json(out);
            out.push_str("}\n");
        }
        let unknown: u64 =
            rows.iter().filter(|(key, _)| key.4.is_none()).map(|(_, tally)| tally.count).sum();
        let _ = write!(out, "{{\"type\":\"total\",\"sessions\":{}", self.opened);
        total.write_json(out);
        let _ = writeln!(
            out,
            ",\"unknown\":{unknown},\"opaque_bytes\":{}}}",
            self.opaque.iter().sum::<u64>()
        );
    }
}

impl Tally {
    fn add(&mut self, length: u32, wire_length: u32, at: Duration, is_malformed: bool) {
        if self.count == 0 {
            (self.least, self.first) = (length, at);
        }
        self.count += 1;
        self.bytes += u64::from(length);
        self.wire_bytes += u64::from(wire_length);
        self.least = self.least.min(length);
        self.most = self.most.max(length);
        self.malformed += u64::from(is_malformed);
        self.first = self.first.min(at);
        self.last = self.last.max(at);
    }

    fn with(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            bytes: self.bytes + other.bytes,
            wire_bytes: self.wire_bytes + other.wire_bytes,
            least: self.least.min(other.least),
            most: self.most.max(other.most),
            malformed: self.malformed + other.malformed,
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }

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
    fn message(&mut self, message: &Message, _: &mut Vec<u8>) {
        match message {
            Message::Opened { .. } => self.opened += 1,
            Message::Ended { session } => {
                self.sessions.remove(session);
            }
            Message::Events { session, begun, events } => {
                for event in events {
                    match event {
                        Event::Opened { protocol } => {
                            let known = self.protocols.iter();
                            let at = known.clone().position(|known| Arc::ptr_eq(known, protocol));
                            let at = at.unwrap_or_else(|| {
                                self.protocols.push(protocol.clone());
                                self.protocols.len() - 1
                            });
                            self.sessions.insert(*session, (at as u32, *begun));
                        }
                        Event::Packet(packet) => self.packet(*session, *begun, packet),
                        Event::Opaque { direction, bytes, .. } => {
                            self.opaque[direction.index()] += bytes.len() as u64;
                        }
                        _ => {}
                    }
                }
            }
            Message::Notice { .. } | Message::Report { .. } => {}
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let mut text = String::new();
        if self.json {
            self.lines(&mut text)
        } else {
            self.table(&mut text)
        }
        out.extend_from_slice(text.as_bytes());
    }
}

//! `--stats`: which packets there are, how many, how large, and when.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use midwire_capture::Timestamp;
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

/// A packet, as far as it is counted.
pub(super) struct Seen<'a> {
    /// What [`Counts::protocol`] gave.
    pub(super) protocol: u32,
    pub(super) state: StateId,
    pub(super) direction: Direction,
    pub(super) id: Option<i64>,
    pub(super) definition: Option<&'a PacketDefinition>,
    pub(super) length: u32,
    pub(super) wire_length: u32,
    pub(super) at: Timestamp,
    pub(super) is_malformed: bool,
}

/// All that is counted.
#[derive(Default)]
pub(super) struct Counts {
    protocols: Vec<Arc<Protocol>>,
    places: HashMap<(u32, StateId, u8, Option<i64>), usize>,
    /// The same for small ids of the first protocols, by [`dense`].
    dense: Vec<u32>,
    kinds: Vec<Counted>,
    /// When the first packet was.
    begun: Option<Timestamp>,
    packets: u64,
    wire_bytes: u64,
    /// Frames and bytes of sessions, whether they were counted as packets or not.
    came: (u64, u64),
}

/// What was counted of one kind of packet.
struct Counted {
    key: (u32, StateId, u8, Option<i64>),
    name: Option<Arc<str>>,
    tally: Tally,
}

/// Where a kind of packet stands among those of small ids.
fn dense(seen: &Seen<'_>) -> Option<usize> {
    const IDS: usize = 256;
    let id = usize::try_from(seen.id?).ok().filter(|id| *id < IDS)?;
    let state = usize::from(seen.state.0);
    (seen.protocol < 4 && state < 16)
        .then(|| ((seen.protocol as usize * 16 + state) * 2 + seen.direction.index()) * IDS + id)
}

impl Counts {
    /// What stands for a protocol.
    pub(super) fn protocol(&mut self, protocol: &Arc<Protocol>) -> u32 {
        let known = self.protocols.iter().position(|known| Arc::ptr_eq(known, protocol));
        let at = known.unwrap_or_else(|| {
            self.protocols.push(protocol.clone());
            self.protocols.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// Counts a packet. Of several versions the same id may be another packet: then the first one's
    /// name stands.
    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        let begun = *self.begun.get_or_insert(seen.at);
        let at = seen.at.since(begun);
        self.packets += 1;
        self.wire_bytes += u64::from(seen.wire_length);
        let place = dense(seen);
        let known = place.and_then(|place| self.dense.get(place)).copied().unwrap_or(0);
        let index = match usize::try_from(known).ok().and_then(|known| known.checked_sub(1)) {
            Some(index) => index,
            None => self.place(seen, place),
        };
        if let Some(counted) = self.kinds.get_mut(index) {
            counted.tally.add(seen.length, seen.wire_length, at, seen.is_malformed);
        }
    }

    fn place(&mut self, seen: &Seen<'_>, dense: Option<usize>) -> usize {
        let key = (seen.protocol, seen.state, seen.direction.index() as u8, seen.id);
        let kinds = &mut self.kinds;
        let index = *self.places.entry(key).or_insert_with(|| {
            let name = seen.definition.map(|known| known.name.clone());
            kinds.push(Counted { key, name, tally: Tally::default() });
            kinds.len() - 1
        });
        if let Some(dense) = dense {
            if self.dense.len() <= dense {
                self.dense.resize(dense + 1, 0);
            }
            self.dense[dense] = u32::try_from(index + 1).unwrap_or(0);
        }
        index
    }

    /// A session is over, in which so many frames and bytes came.
    pub(super) fn came(&mut self, frames: u64, bytes: u64) {
        self.came = (self.came.0 + frames, self.came.1 + bytes);
    }
}

/// Counts packets, and shows a table at the end.
pub(super) struct Stats {
    json: bool,
    style: Style,
    workspace: Workspace,
    sessions: HashMap<u64, u32>,
    counts: Arc<Mutex<Counts>>,
    opened: u64,
    opaque: u64,
}

impl Stats {
    pub(super) fn new(
        json: bool,
        style: Style,
        limits: Limits,
        counts: Arc<Mutex<Counts>>,
    ) -> Self {
        let workspace = Workspace::new(limits);
        Self { json, style, workspace, sessions: HashMap::new(), counts, opened: 0, opaque: 0 }
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

    /// Frames that were not counted as packets, and bytes that were not cut into frames.
    fn rest(&self, counts: &Counts) -> (u64, u64) {
        let (frames, bytes) = counts.came;
        let unread = frames.saturating_sub(counts.packets);
        let opaque = self.opaque + bytes.saturating_sub(counts.wire_bytes);
        (unread, opaque)
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Counts {
    /// All that was counted, the most frequent first.
    fn rows(&self) -> Vec<(Key, Tally)> {
        let mut rows: Vec<(Key, Tally)> = Vec::new();
        for Counted { key: (protocol, state, direction, id), name, tally } in &self.kinds {
            let protocol = self.protocols.get(*protocol as usize);
            let protocol = protocol.map_or_else(|| "".into(), |known| known.name.clone());
            rows.push(((protocol, *state, *direction, *id, name.clone()), *tally));
        }
        rows.sort_by(|(a, x), (b, y)| y.count.cmp(&x.count).then_with(|| a.cmp(b)));
        rows
    }

    fn state_name(&self, protocol: &str, state: StateId) -> &str {
        let known = self.protocols.iter().find(|known| &*known.name == protocol);
        known.map_or("", |known| known.state_name(state))
    }

    fn total(rows: &[(Key, Tally)]) -> Tally {
        rows.iter().map(|(_, tally)| *tally).reduce(Tally::with).unwrap_or_default()
    }
}

impl Stats {
    fn table(&self, counts: &Counts, out: &mut String) {
        let rows = counts.rows();
        let name = |key: &Key| match (&key.4, key.3) {
            (Some(name), _) => escape(name).into_owned(),
            (None, Some(id)) if id >= 0 => format!("{id:#04x}"),
            (None, Some(id)) => id.to_string(),
            (None, None) => "?".to_owned(),
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
            self.opened,
            if self.opened == 1 { "" } else { "s" },
            total.last.as_secs_f64(),
            share(unknown),
            total.malformed,
            share(total.malformed),
        );
        let (unread, opaque) = self.rest(counts);
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
        let (unread, opaque) = self.rest(counts);
        let _ = write!(out, "{{\"type\":\"total\",\"sessions\":{}", self.opened);
        total.write_json(out);
        let _ =
            writeln!(out, ",\"unknown\":{unknown},\"unread\":{unread},\"opaque_bytes\":{opaque}}}");
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
                            let protocol = lock(&self.counts).protocol(protocol);
                            self.sessions.insert(*session, protocol);
                        }
                        Event::Packet(packet) => self.packet(*session, *begun, packet),
                        Event::Opaque { bytes, .. } => self.opaque += bytes.len() as u64,
                        _ => {}
                    }
                }
            }
            Message::Notice { .. } | Message::Report { .. } => {}
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let mut text = String::new();
        let counts = self.counts.clone();
        let counts = lock(&counts);
        if self.json {
            self.lines(&counts, &mut text);
        } else {
            self.table(&counts, &mut text);
        }
        out.extend_from_slice(text.as_bytes());
    }
}

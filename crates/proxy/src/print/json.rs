//! `--json`: one object a line.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use midwire_definition::json::{
    PART_LEN, Pass, keep, write_error, write_fields_in_parts, write_hex, write_hex_in_parts,
    write_secret, write_string,
};
use midwire_definition::{Limits, PacketDefinition, Protocol, Workspace};
use midwire_session::{Counters, Direction, Elapsed, Event, PacketEvent};

use super::notices::notice;
use super::time::{Seconds, Utc};
use super::{Sink, View, count_malformed, tags};
use crate::error::say_styled;
use crate::queue::Message;
use crate::wire_id;

/// Writes every message as a line of JSON.
pub(crate) struct Json {
    workspace: Workspace,
    opened: HashMap<u64, Opened>,
    line: String,
}

/// What is known of a session.
#[derive(Default)]
struct Opened {
    protocol: Option<Arc<Protocol>>,
    client: String,
    server: Arc<str>,
}

/// When and where something happened.
#[derive(Clone, Copy)]
struct Place {
    session: u64,
    begun: SystemTime,
    time: Elapsed,
}

impl Json {
    pub(crate) fn new(limits: Limits) -> Self {
        let workspace = Workspace::new(limits);
        Self { workspace, opened: HashMap::new(), line: String::new() }
    }

    fn event(&mut self, session: u64, begun: SystemTime, event: &Event, out: &mut dyn Sink) {
        let line = &mut self.line;
        let mut begin = |kind: &str, at: &Elapsed| {
            let place = Place { session, begun, time: *at };
            write_start(kind, Some(place), None, line);
        };
        match event {
            Event::Packet(packet) => return self.packet(session, begun, packet, out),
            Event::Key { .. } => return,
            Event::Opaque { direction, offset, at, bytes, secret } => {
                begin("bytes", at);
                let len = bytes.len();
                put(line, format_args!(",\"direction\":\"{direction}\",\"offset\":{offset}"));
                put(line, format_args!(",\"length\":{len},\"bytes\":\""));
                write_masked(bytes, secret, line, &mut |line| out.take(line));
                line.push('"');
            }
            Event::Opened { protocol } => {
                begin("session", &Elapsed::default());
                line.push_str(",\"event\":\"opened\",\"protocol\":");
                write_string(&protocol.name, line);
                if let Some(opened) = self.opened.get_mut(&session) {
                    opened.protocol = Some(protocol.clone());
                    line.push_str(",\"client\":");
                    write_string(&opened.client, line);
                    line.push_str(",\"server\":");
                    write_string(&opened.server, line);
                }
            }
            Event::State { direction, state, at, .. } => {
                begin("state", at);
                put(line, format_args!(",\"direction\":\"{direction}\",\"state\":"));
                let opened = self.opened.get(&session).and_then(|o| o.protocol.as_ref());
                write_name(opened.map_or("", |protocol| protocol.state_name(*state)), line);
            }
            Event::Version { version, number, assumed, at } => {
                begin("session", at);
                line.push_str(",\"event\":\"version\",\"version\":");
                write_string(&version.key, line);
                let number = number.unwrap_or(version.number);
                put(line, format_args!(",\"number\":{number},\"assumed\":{assumed}"));
                if let (true, Some(text)) = (*assumed, notice(event)) {
                    line.push_str("}\n");
                    let place = Place { session, begun, time: *at };
                    write_start("notice", Some(place), None, line);
                    line.push_str(",\"message\":");
                    write_string(&text, line);
                }
            }
            Event::LostFraming { at, direction, .. } => {
                begin("notice", at);
                put(line, format_args!(",\"direction\":\"{direction}\",\"message\":"));
                write_string(&notice(event).unwrap_or_default(), line);
            }
            Event::Notice { at, .. } => {
                let Some(text) = notice(event) else { return };
                begin("notice", at);
                line.push_str(",\"message\":");
                write_string(&text, line);
            }
            Event::Resumed { number, at, fate, .. } => {
                begin("notice", at);
                let text = format!("packet {number} was held: {}", fate.as_str());
                put(line, format_args!(",\"n\":{number},\"fate\":\"{}\"", fate.as_str()));
                line.push_str(",\"message\":");
                write_string(&text, line);
            }
            Event::Closed { counters, at } => {
                begin("session", at);
                line.push_str(",\"event\":\"closed\"");
                for (direction, counters) in Direction::BOTH.iter().zip(counters) {
                    put(line, format_args!(",\"{direction}\":"));
                    write_counters(counters, line);
                }
            }
        }
        line.push_str("}\n");
    }

    fn packet(
        &mut self,
        session: u64,
        begun: SystemTime,
        packet: &PacketEvent,
        out: &mut dyn Sink,
    ) {
        let mut pass = |line: &mut String| out.take(line);
        let place = Place { session, begun, time: packet.at };
        write_start("packet", Some(place), Some(packet.number.0), &mut self.line);
        let protocol = self.opened.get(&session).and_then(|opened| opened.protocol.as_ref());
        let id_raw = protocol.zip(packet.payload.as_deref());
        let json = PacketJson {
            direction: packet.direction,
            state: protocol.map_or("", |protocol| protocol.state_name(packet.state)),
            id: packet.id,
            definition: packet.definition.as_deref(),
            length: packet.length,
            wire_length: Some(packet.wire_length),
            id_raw: id_raw.and_then(|(known, bytes)| {
                wire_id::overlong(&known.stack, packet.state, bytes, packet.body)
            }),
            length_raw: packet.length_raw.as_deref(),
            flaw: packet.flaw.as_ref().map(ToString::to_string),
            is_hidden: packet.is_hidden,
        };
        json.write_envelope(&mut self.line);
        let line = &mut self.line;
        let (origin, fate) = (packet.origin.as_str(), packet.fate.as_str());
        put(line, format_args!(",\"origin\":\"{origin}\",\"fate\":\"{fate}\""));
        if let Some(by) = packet.changed_by {
            put(line, format_args!(",\"changed_by\":\"{}\"", by.as_str()));
        }
        if let Some(tags) = &packet.tags {
            write_texts("rules", tags.rules.iter().map(|name| &**name), line);
            write_texts("marks", tags.marks.iter().map(|mark| &**mark), line);
            write_texts("log", tags::texts(tags), line);
        }
        if let Some(problem) = &packet.problem {
            line.push_str(",\"error\":{\"field\":\"\",\"offset\":0,\"message\":");
            write_string(&problem.to_string(), line);
            line.push('}');
            let bytes = packet.payload.as_deref().unwrap_or_default();
            write_bytes("rest", bytes, packet.is_hidden, line, &mut pass);
        } else if let Some(payload) = &packet.payload {
            let (body, conn) = (packet.body, &packet.conn);
            json.write_body_in_parts(payload, body, conn, &mut self.workspace, line, &mut pass);
        }
        if let Some(sent) = &packet.sent {
            put(line, format_args!(",\"sent\":{{\"length\":{}", sent.len()));
            let sent_json = PacketJson { flaw: None, ..json };
            let (body, conn) = (packet.body, &packet.conn);
            sent_json.write_body_in_parts(sent, body, conn, &mut self.workspace, line, &mut pass);
            line.push('}');
        }
        line.push_str("}\n");
    }
}

impl View for Json {
    fn message(&mut self, message: &Message, out: &mut dyn Sink) {
        match message {
            Message::Opened { session, client, server, .. } => {
                let opened = self.opened.entry(*session).or_default();
                (opened.client, opened.server) = (client.to_string(), server.clone());
            }
            Message::Events { session, begun, events } => {
                for event in events {
                    self.event(*session, *begun, event, out);
                    if self.line.len() > PART_LEN {
                        out.take(&mut self.line);
                    }
                }
            }
            Message::Notice { session, at, text } => {
                self.line.push_str("{\"type\":\"notice\"");
                put(&mut self.line, format_args!(",\"at\":\"{}\"", Utc(*at)));
                if let Some(session) = session {
                    put(&mut self.line, format_args!(",\"session\":{session}"));
                }
                self.line.push_str(",\"message\":");
                write_string(text, &mut self.line);
                self.line.push_str("}\n");
            }
            Message::Report { at, report, text } => {
                if !report.shown.is_empty() {
                    say_styled(&report.shown);
                }
                put(&mut self.line, format_args!("{{\"type\":\"notice\",\"at\":\"{}\"", Utc(*at)));
                self.line.push_str(",\"message\":");
                write_string(text, &mut self.line);
                self.line.push_str("}\n");
            }
            Message::Ended { session } => {
                self.opened.remove(session);
            }
        }
        out.take(&mut self.line);
        if self.line.capacity() > 1 << 20 {
            self.line = String::new();
        }
    }
}

/// A packet as JSON, without what only a session knows.
#[derive(Clone, Debug)]
pub(crate) struct PacketJson<'a> {
    pub(crate) direction: Direction,
    /// Empty in a protocol without states.
    pub(crate) state: &'a str,
    pub(crate) id: Option<i64>,
    pub(crate) definition: Option<&'a PacketDefinition>,
    pub(crate) length: u32,
    pub(crate) wire_length: Option<u32>,
    /// The id as it was written, if that is not its shortest form.
    pub(crate) id_raw: Option<&'a [u8]>,
    /// The frame's length, likewise.
    pub(crate) length_raw: Option<&'a [u8]>,
    /// What is wrong with how it was compressed.
    pub(crate) flaw: Option<String>,
    /// Where it cannot be read, its bytes are not to be seen.
    pub(crate) is_hidden: bool,
}

impl PacketJson<'_> {
    /// `,"direction":..` to the lengths.
    pub(crate) fn write_envelope(&self, line: &mut String) {
        put(line, format_args!(",\"direction\":\"{}\",\"state\":", self.direction));
        write_name(self.state, line);
        match self.id {
            Some(id) => put(line, format_args!(",\"id\":{id}")),
            None => line.push_str(",\"id\":null"),
        }
        write_raw("id_raw", self.id_raw, line);
        line.push_str(",\"name\":");
        write_name(self.definition.map_or("", |definition| &definition.name), line);
        put(line, format_args!(",\"length\":{}", self.length));
        if let Some(wire_length) = self.wire_length {
            put(line, format_args!(",\"wire_length\":{wire_length}"));
        }
        write_raw("length_raw", self.length_raw, line);
    }

    /// `,"fields":..`, and what could not be read of the payload.
    pub(crate) fn write_body(
        &self,
        payload: &[u8],
        body: u32,
        conn: &[i64],
        workspace: &mut Workspace,
        line: &mut String,
    ) {
        self.write_body_in_parts(payload, body, conn, workspace, line, &mut keep);
    }

    /// The same where `pass` may take away what was written so far.
    fn write_body_in_parts(
        &self,
        payload: &[u8],
        body: u32,
        conn: &[i64],
        workspace: &mut Workspace,
        line: &mut String,
        pass: Pass<'_>,
    ) {
        let Some(plan) = self.definition.and_then(|definition| definition.plan.as_ref()) else {
            self.write_flaw("error", line);
            let rest = payload.get(body as usize..).unwrap_or_default();
            return write_bytes("rest", rest, self.is_hidden, line, pass);
        };
        let mut packet = plan.decode(payload, body, conn, workspace);
        line.push_str(",\"fields\":");
        write_fields_in_parts(&mut packet, line, pass);
        count_malformed(&packet);
        if let Some(error) = packet.error() {
            line.push_str(",\"error\":");
            write_error(error, line);
            self.write_flaw("compression_error", line);
        } else {
            self.write_flaw("error", line);
        }
        write_bytes("rest", packet.rest(), plan.has_secrets(), line, pass);
    }

    fn write_flaw(&self, key: &str, line: &mut String) {
        if let Some(flaw) = &self.flaw {
            put(line, format_args!(",\"{key}\":{{\"field\":\"\",\"offset\":0,\"message\":"));
            write_string(flaw, line);
            line.push('}');
        }
    }
}

/// Texts in a list, where there are any.
fn write_texts<'a>(key: &str, texts: impl Iterator<Item = &'a str>, line: &mut String) {
    let mut between = "[";
    for text in texts {
        if between == "[" {
            put(line, format_args!(",\"{key}\":"));
        }
        line.push_str(between);
        write_string(text, line);
        between = ",";
    }
    if between == "," {
        line.push(']');
    }
}

/// Bytes as hex, where there are any.
fn write_raw(key: &str, bytes: Option<&[u8]>, line: &mut String) {
    if let Some(bytes) = bytes {
        put(line, format_args!(",\"{key}\":\""));
        write_hex(bytes, line);
        line.push('"');
    }
}

/// Bytes as hex, and `**` for each of those that are not to be seen.
fn write_masked(bytes: &[u8], secret: &[Range<usize>], line: &mut String, pass: Pass<'_>) {
    const STARS: &str = "****************************************************************";
    let mut shown = 0;
    for range in secret {
        write_hex_in_parts(bytes.get(shown..range.start).unwrap_or_default(), line, pass);
        let mut left = 2 * range.len();
        while left > 0 {
            let some = left.min(STARS.len());
            line.push_str(&STARS[..some]);
            left -= some;
            if line.len() >= PART_LEN {
                pass(line);
            }
        }
        shown = range.end;
    }
    write_hex_in_parts(bytes.get(shown..).unwrap_or_default(), line, pass);
}

/// What was not read; nothing if there is nothing. Of what is not to be seen the length alone.
pub(crate) fn write_rest(rest: &[u8], is_hidden: bool, line: &mut String) {
    write_bytes("rest", rest, is_hidden, line, &mut keep);
}

fn write_bytes(key: &str, bytes: &[u8], is_hidden: bool, line: &mut String, pass: Pass<'_>) {
    if bytes.is_empty() {
        return;
    }
    put(line, format_args!(",\"{key}\":"));
    if is_hidden {
        return write_secret(u32::try_from(bytes.len()).unwrap_or(u32::MAX), line);
    }
    line.push('"');
    write_hex_in_parts(bytes, line, pass);
    line.push('"');
}

/// `{"type":..` to the session.
fn write_start(kind: &str, place: Option<Place>, number: Option<u64>, line: &mut String) {
    put(line, format_args!("{{\"type\":\"{kind}\""));
    if let Some(number) = number {
        put(line, format_args!(",\"n\":{number}"));
    }
    if let Some(Place { session, begun, time }) = place {
        let at = Utc(begun + time.0);
        put(
            line,
            format_args!(",\"time\":{},\"at\":\"{at}\",\"session\":{session}", Seconds(time.0)),
        );
    }
}

fn write_counters(counters: &Counters, line: &mut String) {
    let Counters { bytes, frames, sent_bytes, dropped, changed, injected, joined_bytes } = counters;
    put(
        line,
        format_args!(
            "{{\"bytes\":{bytes},\"packets\":{frames},\"sent_bytes\":{sent_bytes},\
             \"dropped\":{dropped},\"changed\":{changed},\"injected\":{injected},\
             \"joined_bytes\":{joined_bytes}}}"
        ),
    );
}

/// A name, or null where there is none.
fn write_name(name: &str, line: &mut String) {
    if name.is_empty() {
        line.push_str("null");
    } else {
        write_string(name, line);
    }
}

fn put(line: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = line.write_fmt(text);
}

//! `midwire rules try`: what rules would have done to what was recorded.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use midwire_definition::json::{write_fields, write_string};
use midwire_definition::{Given, Protocol, Workspace, given};
use midwire_session::{Direction, Event, Fate, Origin, PacketEvent, Rules, Scratch};

use super::choose::Choice;
use super::columns::write_value;
use super::out::{Out, Wanted};
use super::sessions::Sessions;
use super::stop::Stop;
use super::tools::{Tools, Viewed};
use super::walk::Walk;
use crate::args;
use crate::error::{NO, print_and_end, say_styled};
use crate::print::{Columns, Paint, RowWriter, Sink, Style, View, put, style};
use crate::queue::Message;
use crate::rules::{self, Broken, Read, RuleFiles};
use crate::settings::Settings;

/// Values that are shown of one packet.
const CHANGES_MAX: usize = 16;
/// Bytes of a difference that are shown.
const BYTES_MAX: usize = 16;
/// Bytes of a packet whose fields are compared: of a longer one it is shown where the bytes differ.
const COMPARED_MAX: usize = 256 << 10;
/// Characters of a value.
const VALUE_MAX: usize = 60;

/// Runs `midwire rules try`.
pub(super) fn run(args: &args::RulesTry) -> anyhow::Result<ExitCode> {
    let settings = Settings::from_args(&args.set)?;
    let captures = args.on.iter().filter(|file| *file != Path::new("-"));
    for file in args.rules.iter().chain(captures) {
        std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    let mut choice = Choice::new(&args.with, settings.clone())?;
    let Some(files) = RuleFiles::new(&args.rules)? else {
        return Err(crate::error::usage("which rules? midwire rules try FILE --on CAPTURE"));
    };
    let read = match read_rules(&files, &choice) {
        Ok(read) => read,
        Err(broken) => {
            say_styled(&broken.shown);
            return Ok(ExitCode::from(NO));
        }
    };
    if !read.warnings.is_empty() {
        say_styled(&read.warnings);
    }
    choice.rules = Some(read.rules.clone());
    choice.trust_version = args.trust_version;
    let found = Arc::<Mutex<Found>>::default();
    let style = Style::of_stdout();
    let trial = Trial {
        found: found.clone(),
        rows: RowWriter::new(settings.definition),
        workspace: Workspace::new(settings.definition),
        style,
        json: args.json,
        samples: args.samples,
    };
    let out = Rc::new(RefCell::new(Out::new(Box::new(trial), Wanted::default())));
    let tools = Tools {
        choice,
        scratch: Scratch::new(&settings.session),
        workspace: Workspace::new(settings.definition),
        inflate_max: settings.session.inflate_max,
        view: Viewed::Packets,
        is_trial: true,
        has_tried: false,
    };
    let stop = Stop::listen()?;
    let mut walk = Walk::new(Sessions::new(tools, out.clone()), out.clone(), stop, (false, true));
    for file in &args.on {
        walk.file(file)?;
        if walk.is_done() {
            break;
        }
    }
    walk.finish();
    out.borrow_mut().finish()?;
    walk.tell(&out.borrow());
    let packets = out.borrow().packets;
    let is_damaged = walk.is_damaged();
    // What sessions counted is told when they are gone.
    drop(walk);
    let found = found.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let text =
        if args.json { found.lines(&read.rules) } else { found.table(&read.rules, packets, style) };
    let code = if is_damaged { ExitCode::from(NO) } else { ExitCode::SUCCESS };
    Ok(print_and_end(&text, code))
}

/// Reads the rules for what they say that they are for, or for the first protocol that they fit.
fn read_rules(files: &RuleFiles, choice: &Choice) -> Result<Read, Broken> {
    let color = style::stderr_is_colored();
    let said = files.files().iter().find_map(|file: &PathBuf| rules::protocol_of(file));
    let candidates: Vec<Arc<Protocol>> =
        choice.candidates().into_iter().map(|(known, _)| known).collect();
    let named = |known: &&Arc<Protocol>| said.as_deref().is_none_or(|said| *known.name == *said);
    let mut best: Option<Broken> = None;
    for protocol in candidates.iter().filter(named) {
        match files.read(protocol, None, color) {
            Ok(read) => return Ok(read),
            Err(broken) => {
                if best.as_ref().is_none_or(|best| {
                    (broken.unknown, broken.errors) < (best.unknown, best.errors)
                }) {
                    best = Some(broken);
                }
            }
        }
    }
    Err(best.unwrap_or_else(|| {
        let first = format!("there is no protocol {}", said.unwrap_or_default());
        let shown = format!("error: {first}\n");
        Broken { shown, first, files: files.files(), errors: 1, unknown: 0, warnings: 0 }
    }))
}

/// What was found, by rule.
#[derive(Default)]
struct Found {
    rules: HashMap<Arc<str>, OfRule>,
    dropped: u64,
    changed: u64,
    injected: u64,
    delayed: u64,
}

/// What one rule would have done.
#[derive(Default)]
struct OfRule {
    /// Bytes of the packets that it was about, as they came and as they would have been sent.
    bytes: [u64; 2],
    /// The first few of them.
    samples: Vec<String>,
    count: u64,
}

/// Looks at what rules do while a recording is played.
struct Trial {
    found: Arc<Mutex<Found>>,
    rows: RowWriter,
    workspace: Workspace,
    style: Style,
    json: bool,
    samples: usize,
}

impl Trial {
    fn packet(&mut self, session: u64, event: &Event, packet: &PacketEvent) {
        // Also packets that no rule is about tell who plays.
        let row = self.rows.event(session, event);
        let Some(tags) = packet.tags.clone().filter(|tags| !tags.rules.is_empty()) else { return };
        let found = self.found.clone();
        let mut found = found.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let is_injected = !matches!(packet.origin, Origin::Client | Origin::Server);
        let is_dropped = packet.fate == Fate::Dropped;
        found.dropped += u64::from(is_dropped);
        found.changed += u64::from(packet.sent.is_some());
        found.injected += u64::from(is_injected);
        found.delayed += u64::from(matches!(packet.fate, Fate::Delayed(_)));
        let came = if is_injected { 0 } else { u64::from(packet.length) };
        let sent = match &packet.sent {
            _ if is_dropped => 0,
            Some(sent) => sent.len() as u64,
            None => u64::from(packet.length),
        };
        let mut sample = None;
        for rule in &tags.rules {
            let of = found.rules.entry(rule.clone()).or_default();
            of.count += 1;
            of.bytes[0] += came;
            of.bytes[1] += sent;
            if of.samples.len() < self.samples {
                let text = sample.get_or_insert_with(|| {
                    if self.json {
                        sample_json(session, packet, rule, &mut self.workspace)
                    } else {
                        let mut text = String::new();
                        if let Some(row) = &row {
                            row.write(self.style, Columns::Long, &mut text);
                        }
                        text.push('\n');
                        changes_text(packet, self.style, &mut self.workspace, &mut text);
                        text
                    }
                });
                of.samples.push(text.clone());
                if self.json {
                    sample = None;
                }
            }
        }
    }
}

impl View for Trial {
    fn message(&mut self, message: &Message, _: &mut dyn Sink) {
        match message {
            Message::Opened { session, client, .. } => self.rows.open(*session, *client),
            Message::Ended { session } => self.rows.close(*session),
            Message::Events { session, events, .. } => {
                for event in events {
                    match event {
                        Event::Packet(packet) => self.packet(*session, event, packet),
                        event => drop(self.rows.event(*session, event)),
                    }
                }
            }
            Message::Notice { .. } | Message::Report { .. } => {}
        }
    }
}

impl Found {
    fn table(&self, rules: &Rules, packets: u64, style: Style) -> String {
        let mut text = String::new();
        for count in rules.counts() {
            let of = self.rules.get(&count.name);
            let name = midwire_definition::escape::escape(&count.name).into_owned();
            put(&mut text, format_args!("{:>9}  {}", count.hits, style.paint(Paint::Name, name)));
            if let Some([came, sent]) = of.map(|of| of.bytes)
                && came != sent
            {
                put(&mut text, format_args!("  {came} → {sent} bytes"));
            }
            if count.refused > 0 {
                put(&mut text, format_args!("  ({} times it could not)", count.refused));
            }
            text.push('\n');
            for sample in of.iter().flat_map(|of| &of.samples) {
                for line in sample.lines() {
                    put(&mut text, format_args!("           {line}\n"));
                }
            }
            if let Some(more) = of.map(|of| of.count - of.samples.len() as u64).filter(|n| *n > 0) {
                put(&mut text, format_args!("           … and {more} more\n"));
            }
        }
        for (name, count) in rules.named_counts() {
            put(&mut text, format_args!("{count:>9}  counted as {name}\n"));
        }
        let Self { dropped, changed, injected, delayed, .. } = self;
        let packets = packets.saturating_sub(*injected);
        put(
            &mut text,
            format_args!(
                "of {packets} packets {changed} would have been changed, {dropped} dropped, {delayed} \
                 delayed; {injected} sent beside them\n"
            ),
        );
        text
    }

    fn lines(&self, rules: &Rules) -> String {
        let mut text = String::new();
        for count in rules.counts() {
            let of = self.rules.get(&count.name);
            let [came, sent] = of.map_or([0; 2], |of| of.bytes);
            text.push_str("{\"type\":\"rule\",\"name\":");
            write_string(&count.name, &mut text);
            put(
                &mut text,
                format_args!(
                    ",\"hits\":{},\"refused\":{},\"bytes\":{came},\"sent_bytes\":{sent}}}\n",
                    count.hits, count.refused
                ),
            );
            for sample in of.iter().flat_map(|of| &of.samples) {
                text.push_str(sample);
                text.push('\n');
            }
        }
        text
    }
}

/// What would have been changed in a packet.
struct Changes {
    /// Fields: before and after; `None` where there was or would be none.
    fields: Vec<(String, Option<String>, Option<String>)>,
    /// Where the payloads differ first, and what is there.
    bytes: Option<(usize, Vec<u8>, Vec<u8>)>,
}

fn changes(packet: &PacketEvent, workspace: &mut Workspace) -> Option<Changes> {
    let (came, sent) = (packet.payload.as_ref()?, packet.sent.as_ref()?);
    let is_short = came.len().max(sent.len()) <= COMPARED_MAX;
    let start = came.iter().zip(sent.iter()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&came[start..], &sent[start..]);
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let part = |bytes: &[u8]| bytes[..bytes.len() - end].to_vec();
    let plan = packet.definition.as_ref().and_then(|known| known.plan.as_ref());
    // Where the secret is in what a rule has made of it, nobody knows.
    let is_secret = plan.is_some_and(|plan| plan.has_secrets());
    let bytes = (a != b && !is_secret).then(|| (start, part(a), part(b)));
    let mut fields = Vec::new();
    if let Some(plan) = plan.filter(|_| is_short) {
        let mut read = |payload: &[u8]| {
            let mut text = String::new();
            let mut read = plan.decode(payload, packet.body, &packet.conn, workspace);
            write_fields(&mut read, &mut text);
            let mut flat = Vec::new();
            if let Ok(value) = given::parse(&text) {
                flatten(&value, String::new(), &mut flat);
            }
            flat
        };
        let (before, after) = (read(came), read(sent));
        let value = |list: &[(String, String)], path: &str| {
            list.iter().find(|(known, _)| known == path).map(|(_, value)| value.clone())
        };
        let new = after.iter().filter(|(path, _)| value(&before, path).is_none());
        for (path, _) in before.iter().chain(new) {
            let (was, is) = (value(&before, path), value(&after, path));
            if was != is {
                fields.push((path.clone(), was, is));
            }
        }
    }
    Some(Changes { fields, bytes })
}

/// The values in a value, by their paths. Long lists are one value.
fn flatten(value: &Given, path: String, out: &mut Vec<(String, String)>) {
    const ELEMENTS_MAX: usize = 64;
    match value {
        Given::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(value, format!("{path}{dot}{name}"), out);
            }
        }
        Given::List(list) if !list.is_empty() && list.len() <= ELEMENTS_MAX => {
            for (index, value) in list.iter().enumerate() {
                flatten(value, format!("{path}[{index}]"), out);
            }
        }
        value => {
            let mut text = String::new();
            write_value(value, &mut text);
            out.push((path, text));
        }
    }
}

fn shortened(text: &str) -> String {
    let shown: String = text.chars().take(VALUE_MAX).collect();
    let dots = if shown.len() < text.len() { "…" } else { "" };
    format!("{}{dots}", midwire_definition::escape::escape(&shown))
}

fn hex_of(bytes: &[u8]) -> String {
    let shown: Vec<String> =
        bytes.iter().take(BYTES_MAX).map(|byte| format!("{byte:02x}")).collect();
    let dots = if bytes.len() > BYTES_MAX { " …" } else { "" };
    if shown.is_empty() { "nothing".to_owned() } else { format!("{}{dots}", shown.join(" ")) }
}

fn changes_text(packet: &PacketEvent, style: Style, workspace: &mut Workspace, out: &mut String) {
    let Some(Changes { fields, bytes }) = changes(packet, workspace) else { return };
    for (path, was, is) in fields.iter().take(CHANGES_MAX) {
        let path = midwire_definition::escape::escape(path);
        let value = |value: &Option<String>| {
            value.as_ref().map_or_else(|| "absent".to_owned(), |value| shortened(value))
        };
        let name = style.paint(Paint::Dim, &path);
        put(out, format_args!("    {name}: {} → {}\n", value(was), value(is)));
    }
    if fields.len() > CHANGES_MAX {
        put(out, format_args!("    … and {} more fields\n", fields.len() - CHANGES_MAX));
    }
    let sent = packet.sent.as_ref().map_or(0, |sent| sent.len());
    put(out, format_args!("    {} → {sent} bytes", packet.length));
    if let Some((at, was, is)) = bytes {
        put(out, format_args!("; from byte {at} on: {} → {}", hex_of(&was), hex_of(&is)));
    }
    out.push('\n');
}

fn sample_json(
    session: u64,
    packet: &PacketEvent,
    rule: &str,
    workspace: &mut Workspace,
) -> String {
    let mut out = String::from("{\"type\":\"sample\",\"rule\":");
    write_string(rule, &mut out);
    let direction: Direction = packet.direction;
    put(
        &mut out,
        format_args!(
            ",\"session\":{session},\"n\":{},\"direction\":\"{direction}\",\"name\":",
            packet.number
        ),
    );
    match &packet.definition {
        Some(known) => write_string(&known.name, &mut out),
        None => out.push_str("null"),
    }
    put(
        &mut out,
        format_args!(
            ",\"origin\":\"{}\",\"fate\":\"{}\",\"length\":{}",
            packet.origin.as_str(),
            packet.fate.as_str(),
            packet.length
        ),
    );
    if let Some(Changes { fields, bytes }) = changes(packet, workspace) {
        let sent = packet.sent.as_ref().map_or(0, |sent| sent.len());
        put(&mut out, format_args!(",\"sent_length\":{sent},\"changes\":["));
        for (index, (path, was, is)) in fields.iter().enumerate() {
            out.push_str(if index > 0 { ",{\"field\":" } else { "{\"field\":" });
            write_string(path, &mut out);
            for (key, value) in [("before", was), ("after", is)] {
                put(&mut out, format_args!(",\"{key}\":"));
                out.push_str(value.as_deref().unwrap_or("null"));
            }
            out.push('}');
        }
        out.push(']');
        if let Some((at, was, is)) = bytes {
            put(
                &mut out,
                format_args!(
                    ",\"offset\":{at},\"bytes\":\"{}\",\"sent_bytes\":\"{}\"",
                    hex::encode(was),
                    hex::encode(is)
                ),
            );
        }
    }
    out.push('}');
    out
}

//! `midwire decode`: what pasted bytes mean.

mod candidate;
mod candidates;
mod evidence;
mod guess;
mod lost;
#[cfg(test)]
mod quality;
mod reading;
mod seen;
mod shape;
mod stream;
mod table;
mod weight;

use std::borrow::Cow;
use std::io::{IsTerminal as _, Read};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use midwire_definition::escape::escape;
use midwire_definition::json::{write_opened, write_string};
use midwire_definition::{Protocol, Workspace};
use midwire_rules::Envelope;
use midwire_session::Direction;

use self::guess::Wanted;
use self::reading::{Fixed, Found, Reading, may_have_secrets};
use crate::args;
use crate::error::{NO, USAGE, print_and_end, say, usage};
use crate::explain::{Part, View};
use crate::filter::Filters;
use crate::hex_text::{self, HexText, Toward};
use crate::print::{PacketJson, Paint, Style, put, write_rest};
use crate::settings::Settings;
use crate::wire_id;

/// Words that were ignored, and things that are wrong with a text, that are told one by one.
const TOLD_MAX: usize = 8;

/// Runs `midwire decode`.
pub(crate) fn run(args: &args::Decode) -> anyhow::Result<ExitCode> {
    let settings = Settings::from_args(&args.set)?;
    let wanted = Wanted::new(args, &settings)?;
    let input = input(args)?;
    let pieces: Vec<HexText> = match (input, args.lines) {
        (Input::Bytes(bytes), _) => vec![HexText { bytes, ..HexText::default() }],
        (Input::Text(text), false) => hex_text::parse(&text, args.form),
        (Input::Text(text), true) => lines(&text, args.form),
    };
    for note in pieces.iter().flat_map(|piece| &piece.notes) {
        say(note);
    }
    let problems = pieces.iter().flat_map(|piece| &piece.problems);
    for (line, problem) in problems.clone().take(TOLD_MAX) {
        say(&format!("line {line}: {}", escape(problem)));
    }
    let is_sound = problems.count() == 0;
    for (line, text) in pieces.iter().flat_map(|piece| &piece.ignored).take(TOLD_MAX) {
        let is_odd = text.len() % 2 != 0 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let why = if is_odd { "an odd number of hex digits" } else { "no hex" };
        say(&format!("ignored, being {why}: {} (line {line})", shortened(text)));
    }
    let more =
        pieces.iter().map(|piece| piece.ignored.len()).sum::<usize>().saturating_sub(TOLD_MAX);
    if more > 0 {
        say(&format!("ignored, being no hex: {more} pieces more"));
    }
    if pieces.iter().all(|piece| piece.bytes.is_empty()) {
        let why =
            if is_sound { "there is no hex in the input" } else { "nothing of the input is read" };
        return Err(usage(why));
    }
    if args.guess {
        let toward = pieces.first().map(|piece| piece.toward);
        let are_one = pieces.iter().all(|piece| Some(piece.toward) == toward);
        let wanted = if are_one { wanted_of(&wanted, &pieces[0]) } else { Cow::Borrowed(&wanted) };
        return table::print(&wanted, &pieces, args.json);
    }
    let mut show = Show::new(args, &settings);
    let mut form = None;
    for piece in &pieces {
        if piece.bytes.is_empty() {
            show.nothing();
            continue;
        }
        let wanted = wanted_of(&wanted, piece);
        let reading = guess::best(&wanted, &piece.bytes, form.as_ref(), &mut show.workspace);
        if form.is_none()
            && let Some(guessed) = wanted.guessed(&reading)
        {
            say(&guessed);
            if let Some(also) = wanted.also(&reading) {
                say(&also);
            }
        }
        show.reading(&reading, &piece.bytes);
        form = Some(reading.form);
    }
    if let Some(wrong) = &show.wrong_filter {
        say(wrong);
        return Ok(ExitCode::from(USAGE));
    }
    let code = if show.all_read && is_sound { ExitCode::SUCCESS } else { ExitCode::from(NO) };
    Ok(print_and_end(&show.out, code))
}

/// What is wanted of a piece, of which the text may say where it goes.
fn wanted_of<'w>(wanted: &'w Wanted, piece: &HexText) -> Cow<'w, Wanted> {
    match piece.toward {
        Some(Toward::Server) => Cow::Owned(wanted.toward(Direction::Serverbound)),
        Some(Toward::Client) => Cow::Owned(wanted.toward(Direction::Clientbound)),
        None => Cow::Borrowed(wanted),
    }
}

enum Input {
    Text(String),
    /// A file that is no text: the bytes themselves.
    Bytes(Vec<u8>),
}

fn input(args: &args::Decode) -> anyhow::Result<Input> {
    if let Some(text) = &args.hex {
        return Ok(Input::Text(text.clone()));
    }
    let file = args.file.as_deref().unwrap_or(Path::new("-"));
    let mut bytes = Vec::new();
    let limit = hex_text::TEXT_MAX as u64 + 1;
    if file == Path::new("-") {
        if std::io::stdin().is_terminal() {
            say("paste hex, end with ctrl-d");
        }
        std::io::stdin()
            .take(limit)
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
    } else {
        let name = file.display();
        let opened = std::fs::File::open(file).with_context(|| format!("cannot open {name}"))?;
        opened
            .take(limit)
            .read_to_end(&mut bytes)
            .with_context(|| format!("cannot read {name}"))?;
    }
    if bytes.len() > hex_text::TEXT_MAX {
        let max = hex_text::TEXT_MAX;
        return Err(usage(format!("the input is longer than {max} bytes")));
    }
    if args.form == Some(hex_text::Form::Raw) {
        return Ok(Input::Bytes(bytes));
    }
    let bytes = from_utf16(&bytes).map_or(bytes, String::into_bytes);
    let is_text = |c: char| !c.is_control() || c.is_whitespace();
    match String::from_utf8(bytes) {
        Ok(text) if hex_text::without_colours(&text).chars().all(is_text) => Ok(Input::Text(text)),
        Ok(text) => Ok(Input::Bytes(text.into_bytes())),
        Err(error) => Ok(Input::Bytes(error.into_bytes())),
    }
}

/// Text as Windows tools write it to files: UTF-16 behind a byte order mark.
fn from_utf16(bytes: &[u8]) -> Option<String> {
    let (mark, units) = bytes.split_at_checked(2)?;
    let unit: fn([u8; 2]) -> u16 = match mark {
        [0xff, 0xfe] => u16::from_le_bytes,
        [0xfe, 0xff] => u16::from_be_bytes,
        _ => return None,
    };
    let (pairs, []) = units.as_chunks::<2>() else { return None };
    let text = char::decode_utf16(pairs.iter().map(|pair| unit(*pair)));
    text.collect::<Result<String, _>>().ok()
}

/// Each line that has something on it, for itself.
fn lines(text: &str, form: Option<hex_text::Form>) -> Vec<HexText> {
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    numbered
        .map(|(number, line)| {
            let mut parts = hex_text::parse(line, form);
            let mut piece = parts.swap_remove(0);
            piece.ignored.iter_mut().for_each(|(line, _)| *line = number + 1);
            piece.problems.iter_mut().for_each(|(line, _)| *line = number + 1);
            piece.notes.clear();
            piece
        })
        .collect()
}

fn shortened(text: &str) -> String {
    let start: String = text.chars().take(40).collect();
    let dots = if start.len() < text.len() { "…" } else { "" };
    format!("`{}{dots}`", midwire_definition::escape::escape(&start))
}

/// Collects what is printed.
struct Show {
    json: bool,
    /// What bytes hold is in the JSON.
    open: bool,
    style: Style,
    view: View,
    workspace: Workspace,
    out: String,
    count: u64,
    all_read: bool,
    /// What `-Y` says, and what it is for the protocol that was found.
    filter: Option<String>,
    filters: Option<Filters>,
    wrong_filter: Option<String>,
    limits: midwire_definition::Limits,
}

impl Show {
    fn new(args: &args::Decode, settings: &Settings) -> Self {
        let style = Style::of_stdout();
        Self {
            json: args.json,
            open: args.open,
            style,
            view: View::new(style).all(args.all),
            workspace: Workspace::new(settings.definition),
            out: String::new(),
            count: 0,
            all_read: true,
            filter: args.filter.clone(),
            filters: None,
            wrong_filter: None,
            limits: settings.definition,
        }
    }

    /// A line without hex, which has a line in the output like any other.
    fn nothing(&mut self) {
        const PROBLEM: &str = "there is no hex in this line";
        self.all_read = false;
        if self.json {
            put(&mut self.out, format_args!("{{\"type\":\"notice\",\"message\":\"{PROBLEM}\"}}\n"));
        } else {
            let problem = self.style.paint(Paint::Bad, PROBLEM);
            put(&mut self.out, format_args!("! {problem}\n"));
        }
    }

    fn reading(&mut self, reading: &Reading, bytes: &[u8]) {
        if let Some(lost) = bytes.get(..reading.lost).filter(|lost| !lost.is_empty()) {
            let problem = "these are the end of a frame that began before them";
            self.all_read = false;
            let is_hidden = may_have_secrets(&reading.form, Fixed::default(), None);
            self.problem(problem, 0, lost, is_hidden);
        }
        for found in &reading.packets {
            if !self.is_wanted(&reading.form.protocol, found) {
                continue;
            }
            self.count += 1;
            self.all_read &= found.is_whole;
            if self.json {
                self.json(&reading.form.protocol, found);
            } else {
                self.tree(&reading.form.protocol, found);
            }
        }
        let Some(problem) = &reading.problem else { return };
        self.all_read = false;
        let rest = bytes.get(reading.rest..).unwrap_or_default();
        self.problem(problem, reading.rest, rest, reading.is_hidden);
    }

    /// Bytes that are no packet, and why. `is_hidden`: they may be part of a secret.
    fn problem(&mut self, problem: &str, at: usize, bytes: &[u8], is_hidden: bool) {
        if self.json {
            self.out.push_str("{\"type\":\"notice\",\"message\":");
            write_string(problem, &mut self.out);
            put(&mut self.out, format_args!(",\"offset\":{at}"));
            write_rest(bytes, is_hidden, &mut self.out);
            self.out.push_str("}\n");
        } else {
            self.view.sentence(&format!("! at {at}: "), problem, Paint::Bad, &mut self.out);
            self.view.unknown(bytes, 0, is_hidden, &mut self.out);
        }
    }

    /// Whether `-Y` lets a packet be shown.
    fn is_wanted(&mut self, protocol: &Arc<Protocol>, found: &Found) -> bool {
        let Some(source) = &self.filter else { return true };
        if self.filters.is_none() {
            match Filters::new("-Y", source, [(protocol.clone(), Some(found.version))], self.limits)
            {
                Ok(filters) => self.filters = Some(filters),
                Err(wrong) => {
                    self.wrong_filter.get_or_insert(wrong);
                    return false;
                }
            }
        }
        let Some(filters) = &mut self.filters else { return false };
        let envelope = Envelope {
            version: found.version,
            state: found.state,
            direction: found.direction,
            id: found.id,
            definition: found.definition.as_deref(),
            length: u32::try_from(found.payload.len()).unwrap_or(u32::MAX),
            time: std::time::Duration::ZERO,
            session: 1,
            client: None,
            server: None,
            malformed: found.problem.is_some() || found.flaw.is_some(),
            injected: false,
            changed: false,
            conn: &found.conn,
            payload: if found.problem.is_some() { &[] } else { &found.payload },
            body: found.body,
        };
        filters.matches(protocol, &envelope)
    }

    fn json(&mut self, protocol: &Arc<Protocol>, found: &Found) {
        let out = &mut self.out;
        put(out, format_args!("{{\"type\":\"packet\",\"n\":{}", self.count));
        out.push_str(",\"protocol\":");
        write_string(&protocol.name, out);
        out.push_str(",\"version\":");
        write_string(&protocol.versions.get(found.version).key, out);
        let json = PacketJson {
            direction: found.direction,
            state: protocol.state_name(found.state),
            id: found.id,
            definition: found.definition.as_deref(),
            length: u32::try_from(found.payload.len()).unwrap_or(u32::MAX),
            wire_length: found.wire_length,
            id_raw: wire_id::overlong(&protocol.stack, found.state, &found.payload, found.body),
            length_raw: found.length_raw.as_deref(),
            flaw: found.flaw.clone(),
            is_hidden: found.is_hidden,
        };
        json.write_envelope(out);
        if let Some(problem) = &found.problem {
            out.push_str(",\"error\":{\"field\":\"\",\"offset\":0,\"message\":");
            write_string(problem, out);
            out.push('}');
            write_rest(&found.payload, found.is_hidden, out);
        } else {
            json.write_body(&found.payload, found.body, &found.conn, &mut self.workspace, out);
            let plan = found.definition.as_ref().and_then(|definition| definition.plan.as_ref());
            if let Some(plan) = plan.filter(|_| self.open) {
                let mut packet =
                    plan.decode(&found.payload, found.body, &found.conn, &mut self.workspace);
                write_opened(&mut packet, out);
            }
        }
        out.push_str("}\n");
    }

    fn tree(&mut self, protocol: &Arc<Protocol>, found: &Found) {
        let (out, style) = (&mut self.out, self.style);
        if self.count > 1 {
            out.push('\n');
        }
        let state = protocol.state_name(found.state);
        let state = if state.is_empty() { String::new() } else { format!("{state} ") };
        let paint = match found.direction {
            Direction::Serverbound => Paint::Serverbound,
            Direction::Clientbound => Paint::Clientbound,
        };
        let place = format!("{state}{}", found.direction);
        let (name, painted) = match (&found.definition, found.id) {
            (Some(definition), _) => {
                (&*definition.name, style.paint(Paint::Name, &definition.name).to_string())
            }
            (None, Some(_)) => ("? unknown packet", "? unknown packet".to_owned()),
            (None, None) => ("! no packet id", "! no packet id".to_owned()),
        };
        let plain = format!("{place} {name}");
        let mut parts = vec![Part::new(&plain, format!("{} {painted}", style.paint(paint, place)))];
        if let Some(id) = found.id {
            let raw = wire_id::overlong(&protocol.stack, found.state, &found.payload, found.body);
            let raw = raw.map_or(String::new(), |raw| {
                format!(", written longer than it need be: {}", hex::encode(raw))
            });
            parts.push(Part::plain(format!("id {id} ({id:#04x}){raw}")));
        }
        let mut sizes = format!("{} bytes", found.payload.len());
        let framed = found.wire_length.filter(|_| protocol.stack.framing.is_some());
        if let Some(wire_length) = framed {
            put(&mut sizes, format_args!(", {wire_length} with the frame"));
        }
        if let Some(raw) = &found.length_raw {
            let raw = hex::encode(raw);
            put(
                &mut sizes,
                format_args!(", whose length is written longer than it need be: {raw}"),
            );
        }
        parts.push(Part::plain(sizes));
        self.view.heading(&parts, out);
        if let Some(flaw) = &found.flaw {
            self.view.sentence("! ", flaw, Paint::Bad, out);
        }
        if let Some(definition) = &found.definition {
            for line in definition.doc.lines().take(2) {
                self.view.sentence("  // ", line.trim(), Paint::Dim, out);
            }
        }
        let plan = found.definition.as_ref().and_then(|definition| definition.plan.as_ref());
        match plan.filter(|_| found.problem.is_none()) {
            Some(plan) => {
                let mut packet =
                    plan.decode(&found.payload, found.body, &found.conn, &mut self.workspace);
                self.view.packet(&mut packet, found.body, out);
            }
            None => {
                if let Some(problem) = &found.problem {
                    self.view.sentence("! ", problem, Paint::Bad, out);
                }
                self.view.unknown(&found.payload, found.body, found.is_hidden, out);
            }
        }
    }
}

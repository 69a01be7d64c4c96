//! `--lines`: a packet a line, each with its name, and where it belongs if that differs.

use std::collections::HashMap;
use std::io::{BufRead, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use midwire_definition::diagnostics::suggest;
use midwire_definition::escape::escape;
use midwire_definition::{Given, PacketDefinition, given};

use super::{JSON_MAX, Parts, Place, Writer};
use crate::error::{NO, usage};
use crate::protocols;

/// Keys that `midwire decode --json` writes beside those that are read here.
const OF_DECODE: [&str; 11] = [
    "type",
    "n",
    "length",
    "wire_length",
    "opened",
    "opened_errors",
    "time",
    "at",
    "session",
    "origin",
    "fate",
];

/// Writes a line of hex, or `error: ...`, for every line of standard input.
pub(super) fn run(writer: &mut Writer<'_>, name: Option<&str>) -> anyhow::Result<ExitCode> {
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    let mut lines = Lines::new(writer, name);
    let mut all_made = true;
    each(|_, line| {
        match line.and_then(|line| lines.line(line)) {
            Ok(bytes) => writeln!(output, "{}", hex::encode(bytes))?,
            Err(reason) => {
                all_made = false;
                writeln!(output, "error: {}", escape(&reason.replace('\n', ";")))?;
            }
        }
        Ok(())
    })?;
    output.flush()?;
    Ok(if all_made { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

/// The packets of all lines.
///
/// # Errors
/// The first line that is no packet.
pub(super) fn all(writer: &mut Writer<'_>) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut lines = Lines::new(writer, None);
    let mut packets = Vec::new();
    each(|number, line| {
        if line.as_ref().is_ok_and(|line| line.trim_ascii().is_empty()) {
            return Ok(());
        }
        let made = line.and_then(|line| lines.line(line));
        packets.push(made.map_err(|reason| usage(format!("line {number}: {reason}")))?);
        Ok(())
    })?;
    if packets.is_empty() {
        return Err(usage(
            "say which packet to make, or give packets as `decode --json` prints them",
        ));
    }
    Ok(packets)
}

/// Gives every line of standard input with its number, from 1.
fn each(
    mut take: impl FnMut(usize, Result<&[u8], String>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut input = std::io::stdin().lock();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        // One more than the limit, so that a line of just that length is told from a longer one.
        let mut limited = (&mut input).take(JSON_MAX + 1);
        let read = limited.read_until(b'\n', &mut line).context("cannot read standard input")?;
        if read == 0 {
            break;
        }
        if read as u64 > JSON_MAX {
            skip_line(&mut input).context("cannot read standard input")?;
            take(number, Err(format!("the line is longer than {JSON_MAX} bytes")))?;
        } else {
            take(number, Ok(&line))?;
        }
    }
    Ok(())
}

/// Reads to the end of a line without keeping it.
fn skip_line(input: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        if used == 0 {
            return Ok(());
        }
        input.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

/// Makes the packets of lines.
struct Lines<'w, 'p> {
    writer: &'w mut Writer<'p>,
    name: Option<&'w str>,
    /// The packets that lines before have named.
    found: HashMap<(Place, String), Arc<PacketDefinition>>,
}

/// What a line says.
struct Line {
    name: Option<String>,
    id: Option<i64>,
    place: Place,
    parts: Parts,
}

impl<'w, 'p> Lines<'w, 'p> {
    fn new(writer: &'w mut Writer<'p>, name: Option<&'w str>) -> Self {
        Self { writer, name, found: HashMap::new() }
    }

    fn line(&mut self, line: &[u8]) -> Result<Vec<u8>, String> {
        let Line { name, id, place, parts } = self.parse(line)?;
        let protocol = self.writer.protocol;
        let Some(name) = name else {
            let id = id.ok_or("the packet's `name` is missing")?;
            if parts.fields.is_some() {
                return Err("the packet's `name` is missing".into());
            }
            return self.writer.unknown(place.state.unwrap_or(protocol.start), id, &parts);
        };
        let key = (place, name);
        if let Some(definition) = self.found.get(&key) {
            return self.writer.packet(definition, &parts);
        }
        let definition = place.packet(protocol, &key.1)?;
        // Names that are there are few; those that are not are not kept.
        self.found.insert(key, definition.clone());
        self.writer.packet(&definition, &parts)
    }

    fn parse(&self, line: &[u8]) -> Result<Line, String> {
        let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
        let given = given::parse(text)
            .map_err(|error| format!("column {}: {}", error.column, error.kind))?;
        let Given::Object(entries) = given else {
            return Err(format!("a packet is an object, not {}", given.kind_name()));
        };
        let protocol = self.writer.protocol;
        let name = self.name.map(str::to_owned);
        let mut said = Line { name, id: None, place: self.writer.place, parts: Parts::default() };
        let (place, parts) = (&mut said.place, &mut said.parts);
        for (key, value) in entries {
            match (key.as_str(), value) {
                ("fields", value) => parts.fields = Some(value),
                ("name", Given::Text(text)) => said.name = Some(text),
                ("name" | "state", Given::Null) => {}
                ("id", Given::Int(id)) => said.id = i64::try_from(id).ok(),
                ("id", Given::Null) => {}
                ("state", Given::Text(text)) => {
                    let state = protocols::state(protocol, &text);
                    place.state = Some(state.map_err(|error| error.to_string())?);
                }
                ("direction", Given::Text(text)) => {
                    let direction = protocols::direction(&text);
                    place.direction = Some(direction.map_err(|error| error.to_string())?);
                }
                ("version", Given::Text(text)) => {
                    let version = protocols::version(protocol, &text);
                    place.version = version.map_err(|error| error.to_string())?;
                }
                ("version", Given::Int(number)) => {
                    let version = protocols::version(protocol, &number.to_string());
                    place.version = version.map_err(|error| error.to_string())?;
                }
                ("protocol", Given::Text(text)) if *text == *protocol.name => {}
                ("protocol", _) => {
                    return Err(format!("this is no packet of {}", protocol.name));
                }
                ("type", Given::Text(kind)) if kind != "packet" => {
                    return Err(format!("this is a {kind}, no packet"));
                }
                ("error", _) => return Err("the packet was not read whole".into()),
                ("rest", value) => parts.rest = raw("rest", &value)?,
                ("id_raw", value) => parts.id_raw = Some(raw("id_raw", &value)?),
                ("length_raw", value) => parts.length_raw = Some(raw("length_raw", &value)?),
                (key, _) if OF_DECODE.contains(&key) => {}
                (key @ ("name" | "state" | "direction" | "version"), value) => {
                    return Err(format!("`{key}` is text, not {}", value.kind_name()));
                }
                (key, _) => {
                    let hint = suggest(key, KEYS.into_iter())
                        .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                    return Err(format!(
                        "`{key}` means nothing here; a line has `name`, `fields`, `state`, \
                         `direction` and `version`{hint}"
                    ));
                }
            }
        }
        Ok(said)
    }
}

/// Keys that mean something.
const KEYS: [&str; 10] = [
    "name",
    "fields",
    "state",
    "direction",
    "version",
    "protocol",
    "id",
    "id_raw",
    "length_raw",
    "rest",
];

/// Bytes, which JSON has as hex.
fn raw(key: &str, value: &Given) -> Result<Vec<u8>, String> {
    let bytes = match value {
        Given::Text(text) => hex::decode(text).ok(),
        Given::Bytes(bytes) => Some(bytes.clone()),
        _ => None,
    };
    bytes.ok_or_else(|| format!("`{key}` is bytes in hex"))
}

#[cfg(test)]
mod tests {
    use midwire_session::Direction;

    use super::super::Shape;
    use super::*;

    fn made(lines: &[&str]) -> Vec<Result<String, String>> {
        let protocol = protocols::find("minecraft", &[]).unwrap();
        let place = Place {
            version: protocols::version(&protocol, "1.20.4").unwrap(),
            state: Some(protocols::state(&protocol, "play").unwrap()),
            direction: Some(Direction::Clientbound),
        };
        let shape = Shape { unframed: true, threshold: None };
        let mut writer = Writer::new(&protocol, place, shape);
        let mut writer = Lines::new(&mut writer, None);
        lines.iter().map(|line| writer.line(line.as_bytes()).map(hex::encode)).collect()
    }

    #[test]
    fn a_line_may_say_where_its_packet_belongs() {
        let lines = [
            r#"{"name":"difficulty","fields":{"difficulty":2,"difficulty_locked":true}}"#,
            r#"{"name":"ping_start","state":"status","direction":"serverbound"}"#,
            r#"{"name":"difficulty","version":"1.8.8","fields":{"difficulty":1}}"#,
            r#"{"version":47,"name":"difficulty","fields":{"difficulty":3},"id":65,"n":7}"#,
        ];
        assert_eq!(made(&lines), ["0b0201", "00", "4101", "4103"].map(|hex| Ok(hex.into())));
    }

    #[test]
    fn a_line_that_cannot_be_written_says_why_and_stops_no_other() {
        let lines = [
            r#"{"fields":{}}"#,
            r#"{"name":"dificulty"}"#,
            r#"{"name":"difficulty","feilds":{}}"#,
            r#"{"name":"difficulty","fields":{"difficulty":300}}"#,
            r#"["difficulty"]"#,
            r#"{"name":"difficulty","error":{},"rest":"00"}"#,
            r#"{"name":7}"#,
            "nonsense",
            "",
            r#"{"name":"difficulty","fields":{"difficulty":2,"difficulty_locked":false}}"#,
        ];
        let made = made(&lines);
        let (last, failed) = made.split_last().unwrap();
        assert_eq!(last.as_deref(), Ok("0b0200"));
        let wanted = [
            "`name` is missing",
            "did you mean difficulty",
            "`feilds` means nothing",
            "difficulty",
            "a packet is an object, not a list",
            "not read whole",
            "`name` is text, not a number",
            "column 1",
            "column 1",
        ];
        for (made, wanted) in failed.iter().zip(wanted) {
            let error = made.as_ref().unwrap_err();
            assert!(error.contains(wanted), "{error} should say {wanted}");
        }
    }
}

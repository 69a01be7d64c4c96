//! `--lines`: a packet a line, each with its name, and where it belongs if that differs.

use std::collections::HashMap;
use std::io::{BufRead, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use midwire_definition::escape::escape;
use midwire_definition::{Given, PacketDefinition, Protocol, Workspace, given};

use super::{JSON_MAX, Place, encode};
use crate::error::NO;
use crate::protocols;

/// Keys that `midwire decode --json` writes beside those that are read here.
const OF_DECODE: [&str; 7] =
    ["type", "n", "id", "length", "wire_length", "opened", "opened_errors"];

/// Writes a line of hex, or `error: ...`, for every line of standard input.
pub(super) fn run(
    protocol: &Arc<Protocol>,
    name: Option<&str>,
    place: Place,
    unframed: bool,
) -> anyhow::Result<ExitCode> {
    let mut input = std::io::stdin().lock();
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    let mut writer = Lines::new(protocol, name, place, unframed);
    let mut line = Vec::new();
    let mut all_made = true;
    loop {
        line.clear();
        // One more than the limit, so that a line of just that length is told from a longer one.
        let mut limited = (&mut input).take(JSON_MAX + 1);
        let read = limited.read_until(b'\n', &mut line).context("cannot read standard input")?;
        if read == 0 {
            break;
        }
        let made = if read as u64 > JSON_MAX {
            skip_line(&mut input).context("cannot read standard input")?;
            Err(format!("the line is longer than {JSON_MAX} bytes"))
        } else {
            writer.line(&line)
        };
        match made {
            Ok(bytes) => writeln!(output, "{}", hex::encode(bytes))?,
            Err(reason) => {
                all_made = false;
                writeln!(output, "error: {}", escape(&reason.replace('\n', ";")))?;
            }
        }
    }
    output.flush()?;
    Ok(if all_made { ExitCode::SUCCESS } else { ExitCode::from(NO) })
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
struct Lines<'a> {
    protocol: &'a Arc<Protocol>,
    name: Option<&'a str>,
    place: Place,
    unframed: bool,
    workspace: Workspace,
    /// The packets that lines before have named.
    found: HashMap<(Place, String), Arc<PacketDefinition>>,
}

impl<'a> Lines<'a> {
    fn new(
        protocol: &'a Arc<Protocol>,
        name: Option<&'a str>,
        place: Place,
        unframed: bool,
    ) -> Self {
        let workspace = Workspace::default();
        Self { protocol, name, place, unframed, workspace, found: HashMap::new() }
    }

    fn line(&mut self, line: &[u8]) -> Result<Vec<u8>, String> {
        let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
        let given = given::parse(text)
            .map_err(|error| format!("column {}: {}", error.column, error.kind))?;
        let Given::Object(entries) = given else {
            return Err(format!("a packet is an object, not {}", given.kind_name()));
        };
        let mut name = self.name.map(str::to_owned);
        let mut place = self.place;
        let mut fields = Given::Object(Vec::new());
        for (key, value) in entries {
            match (key.as_str(), value) {
                ("fields", value) => fields = value,
                ("name", Given::Text(text)) => name = Some(text),
                ("state", Given::Text(text)) => {
                    let state = protocols::state(self.protocol, &text);
                    place.state = Some(state.map_err(|error| error.to_string())?);
                }
                ("direction", Given::Text(text)) => {
                    let direction = protocols::direction(&text);
                    place.direction = Some(direction.map_err(|error| error.to_string())?);
                }
                ("version", Given::Text(text)) => {
                    let version = protocols::version(self.protocol, &text);
                    place.version = version.map_err(|error| error.to_string())?;
                }
                ("version", Given::Int(number)) => {
                    let version = protocols::version(self.protocol, &number.to_string());
                    place.version = version.map_err(|error| error.to_string())?;
                }
                ("protocol", Given::Text(text)) if *text == *self.protocol.name => {}
                ("protocol", _) => {
                    return Err(format!("this is no packet of {}", self.protocol.name));
                }
                ("error" | "rest", _) => return Err("the packet was not read whole".into()),
                (key, _) if OF_DECODE.contains(&key) => {}
                (key @ ("name" | "state" | "direction" | "version"), value) => {
                    return Err(format!("`{key}` is text, not {}", value.kind_name()));
                }
                (key, _) => {
                    return Err(format!(
                        "`{key}` means nothing here; a line has `name`, `fields`, `state`, \
                         `direction` and `version`"
                    ));
                }
            }
        }
        let Some(name) = name else { return Err("the packet's `name` is missing".into()) };
        let key = (place, name);
        if let Some(definition) = self.found.get(&key) {
            return encode(self.protocol, definition, &fields, self.unframed, &mut self.workspace);
        }
        let definition = place.packet(self.protocol, &key.1)?;
        // Names that are there are few; those that are not are not kept.
        self.found.insert(key, definition.clone());
        encode(self.protocol, &definition, &fields, self.unframed, &mut self.workspace)
    }
}

#[cfg(test)]
mod tests {
    use midwire_session::Direction;

    use super::*;

    fn made(lines: &[&str]) -> Vec<Result<String, String>> {
        let protocol = protocols::find("minecraft", &[]).unwrap();
        let place = Place {
            version: protocols::version(&protocol, "1.20.4").unwrap(),
            state: Some(protocols::state(&protocol, "play").unwrap()),
            direction: Some(Direction::Clientbound),
        };
        let mut writer = Lines::new(&protocol, None, place, true);
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
            r#"{"name":"difficulty","rest":"00"}"#,
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

//! `--csv` and `--tsv`: a line for each packet, of what was asked for.

use std::fmt::Write as _;

use midwire_definition::escape::escape;
use midwire_definition::syntax::ast::same_name;
use midwire_definition::{Given, given};

use crate::error::{say, usage};
use crate::print::View;
use crate::queue::Message;

/// What separates cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    Comma,
    Tab,
}

/// A column: a key of the packet's JSON, or a field of it.
struct Column {
    name: String,
    path: Vec<Step>,
    /// Some packet had it.
    is_found: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

/// Shows packets in columns: out of the JSON that describes each of them.
pub(super) struct Columns {
    json: Box<dyn View>,
    separator: Separator,
    columns: Vec<Column>,
    line: Vec<u8>,
    has_header: bool,
    has_packets: bool,
}

impl Columns {
    /// `json` makes the lines that the cells are taken from.
    pub(super) fn new(
        json: Box<dyn View>,
        separator: Separator,
        fields: &str,
    ) -> anyhow::Result<Self> {
        let columns = fields.split(',').map(str::trim).map(column).collect::<Option<Vec<_>>>();
        let columns = columns.filter(|columns| !columns.is_empty()).ok_or_else(|| {
            usage(format!(
                "{fields}: write names of fields with commas between them, such as \
                 time,name,window_click.slot,position.x; `midwire fields` lists them"
            ))
        })?;
        let (has_header, has_packets) = (false, false);
        Ok(Self { json, separator, columns, line: Vec::new(), has_header, has_packets })
    }

    fn header(&mut self, out: &mut String) {
        if !std::mem::replace(&mut self.has_header, true) {
            let names: Vec<String> =
                self.columns.iter().map(|column| self.cell(&column.name)).collect();
            out.push_str(&names.join(self.separator.as_str()));
            out.push('\n');
        }
    }

    /// Text that neither a separator nor a spreadsheet takes for something else.
    fn cell(&self, text: &str) -> String {
        let text = escape(text);
        match self.separator {
            Separator::Tab => text.into_owned(),
            Separator::Comma if text.contains([',', '"']) => {
                format!("\"{}\"", text.replace('"', "\"\""))
            }
            Separator::Comma => text.into_owned(),
        }
    }

    fn packet(&mut self, line: &str, out: &mut String) {
        let Ok(packet) = given::parse(line) else { return };
        if !matches!(packet.get("type"), Some(Given::Text(kind)) if kind == "packet") {
            return;
        }
        self.has_packets = true;
        for at in 0..self.columns.len() {
            if at > 0 {
                out.push_str(self.separator.as_str());
            }
            let Some(column) = self.columns.get_mut(at) else { return };
            let Some(value) = find(&packet, &column.path) else { continue };
            column.is_found = true;
            let mut text = String::new();
            match value {
                Given::Text(foreign) => {
                    // What begins like this is a formula to spreadsheets.
                    if foreign.starts_with(['=', '+', '-', '@']) {
                        text.push('\'');
                    }
                    text.push_str(foreign);
                }
                value => write_value(value, &mut text),
            }
            let cell = self.cell(&text);
            out.push_str(&cell);
        }
        out.push('\n');
    }
}

impl Separator {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Comma => ",",
            Self::Tab => "\t",
        }
    }
}

impl View for Columns {
    fn message(&mut self, message: &Message, out: &mut Vec<u8>) {
        let mut line = std::mem::take(&mut self.line);
        self.json.message(message, &mut line);
        let mut text = String::new();
        self.header(&mut text);
        for line in String::from_utf8_lossy(&line).lines() {
            self.packet(line, &mut text);
        }
        out.extend_from_slice(text.as_bytes());
        line.clear();
        self.line = line;
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let mut text = String::new();
        self.header(&mut text);
        out.extend_from_slice(text.as_bytes());
        let missing: Vec<&str> = self
            .columns
            .iter()
            .filter(|column| self.has_packets && !column.is_found)
            .map(|column| column.name.as_str())
            .collect();
        if !missing.is_empty() {
            say(&format!("no packet that was shown has {}", missing.join(", ")));
        }
    }
}

fn column(name: &str) -> Option<Column> {
    let mut path = Vec::new();
    // As filters write the envelope.
    let inner = name.strip_prefix("packet.").unwrap_or(name);
    for part in inner.split('.') {
        let (word, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        if word.is_empty() {
            return None;
        }
        path.push(Step::Name(word.to_owned()));
        while !rest.is_empty() {
            let (index, behind) = rest.strip_prefix('[')?.split_once(']')?;
            path.push(Step::Index(index.parse().ok()?));
            rest = behind;
        }
    }
    Some(Column { name: name.to_owned(), path, is_found: false })
}

/// What a column means in a packet: a key of its JSON, a field of it, or one of the packet of a name.
fn find<'g>(packet: &'g Given, path: &[Step]) -> Option<&'g Given> {
    let fields = packet.get("fields");
    let of_name = || {
        let (Step::Name(first), rest) = path.split_first()? else { return None };
        let Some(Given::Text(name)) = packet.get("name") else { return None };
        same_name(name, first).then(|| follow(fields?, rest))?
    };
    follow(packet, path)
        .filter(|_| path.first() != Some(&Step::Name("fields".to_owned())) || path.len() > 1)
        .or_else(|| follow(fields?, path))
        .or_else(of_name)
}

fn follow<'g>(value: &'g Given, path: &[Step]) -> Option<&'g Given> {
    let Some((step, rest)) = path.split_first() else { return Some(value) };
    let next = match (step, value) {
        (Step::Index(index), Given::List(list)) => list.get(*index)?,
        (Step::Name(name), Given::Object(fields)) => {
            let is_it = |(known, _): &&(String, Given)| same_name(known, name);
            &fields.iter().find(is_it)?.1
        }
        _ => return None,
    };
    follow(next, rest)
}

/// A value as JSON has it.
fn write_value(value: &Given, out: &mut String) {
    match value {
        Given::Null => {}
        Given::Bool(value) => put(out, format_args!("{value}")),
        Given::Int(value) => put(out, format_args!("{value}")),
        Given::Float(value) => put(out, format_args!("{value}")),
        Given::Text(text) => midwire_definition::json::write_string(text, out),
        Given::Bytes(bytes) => out.push_str(&hex::encode(bytes)),
        Given::List(list) => {
            out.push('[');
            for (index, value) in list.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(value, out);
            }
            out.push(']');
        }
        Given::Object(fields) => {
            out.push('{');
            for (index, (name, value)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                midwire_definition::json::write_string(name, out);
                out.push(':');
                write_value(value, out);
            }
            out.push('}');
        }
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_a_key_or_a_field() {
        let packet = given::parse(
            r#"{"type":"packet","id":7,"name":"set_slot","fields":{"slot":3,"id":9,"list":[{"a":1},5]}}"#,
        )
        .unwrap();
        let cell = |name: &str| {
            let mut text = String::new();
            if let Some(value) = find(&packet, &column(name).unwrap().path) {
                write_value(value, &mut text);
            }
            text
        };
        assert_eq!(cell("id"), "7");
        assert_eq!(cell("packet.id"), "7");
        assert_eq!(cell("slot"), "3");
        assert_eq!(cell("set_slot.slot"), "3");
        assert_eq!(cell("SetSlot.ID"), "9");
        assert_eq!(cell("fields.id"), "9");
        assert_eq!(cell("list[0].a"), "1");
        assert_eq!(cell("list[1]"), "5");
        assert_eq!(cell("other_packet.slot"), "");
        assert!(column("list[x]").is_none() && column("").is_none() && column("a..b").is_none());
    }
}

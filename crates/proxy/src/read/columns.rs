//! `--csv` and `--tsv`: a line for each packet, of what was asked for.

use std::fmt::Write as _;

use midwire_definition::Given;
use midwire_definition::escape::escape;
use midwire_session::Event;

use super::pick::{Lines, Picked, Picker, Step};
use crate::error::{say, usage};
use crate::print::{Sink, View};
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

/// Packets from so many bytes on are shown one by one, and what is long of them is not kept.
const LARGE: usize = 16 << 10;

/// Shows packets in columns: out of the JSON that describes each of them.
pub(super) struct Columns {
    json: Box<dyn View>,
    separator: Separator,
    columns: Vec<Column>,
    picker: Picker,
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
        let picker = Picker::new(columns.iter().map(|column| column.path.clone()).collect());
        let (has_header, has_packets) = (false, false);
        Ok(Self { json, separator, columns, picker, has_header, has_packets })
    }

    fn header(&mut self, out: &mut dyn Sink) {
        if !std::mem::replace(&mut self.has_header, true) {
            let names: Vec<String> =
                self.columns.iter().map(|column| self.separator.cell(&column.name)).collect();
            out.text(&names.join(self.separator.as_str()));
            out.text("\n");
        }
    }

    /// A line for each packet of a message. `is_large`: it is one packet, and long values of it are asked for again.
    fn rows(&mut self, message: &Message, is_large: bool, out: &mut dyn Sink) {
        let Self { json, separator, columns, picker, has_packets, .. } = self;
        let mut long = None;
        picker.keeps_all = !is_large;
        let told = |picker: &mut Picker, is_over: bool| {
            if !is_over || !picker.is_packet() {
                return;
            }
            *has_packets = true;
            for (column, value) in columns.iter_mut().zip(&picker.values) {
                column.is_found |= value.meaning.is_some();
            }
            if picker.values.iter().any(|value| value.is_long) {
                let none = picker.values.iter().map(|_| Picked::default()).collect();
                long = Some(std::mem::replace(&mut picker.values, none));
                return;
            }
            let mut line = String::new();
            for (at, value) in picker.values.iter().enumerate() {
                line.push_str(if at > 0 { separator.as_str() } else { "" });
                line.push_str(&separator.picked(value));
            }
            line.push('\n');
            out.text(&line);
        };
        json.message(message, &mut Lines { picker, told });
        let Some(values) = long else { return };
        for (at, (value, column)) in values.iter().zip(&*columns).enumerate() {
            out.text(if at > 0 { separator.as_str() } else { "" });
            match value.meaning.filter(|_| value.is_long) {
                None => out.text(&separator.picked(value)),
                Some(meaning) => {
                    let quote = if separator.quotes(value.is_special) { "\"" } else { "" };
                    out.text(quote);
                    out.text(if value.is_formula { "'" } else { "" });
                    let mut again = Picker::again(column.path.clone(), meaning);
                    let told = |picker: &mut Picker, _: bool| {
                        for value in &mut picker.values {
                            out.text(&separator.inner(&value.text, !quote.is_empty()));
                            value.text.clear();
                        }
                    };
                    json.message(message, &mut Lines { picker: &mut again, told });
                    out.text(quote);
                }
            }
        }
        out.text("\n");
    }
}

impl Separator {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Comma => ",",
            Self::Tab => "\t",
        }
    }

    /// Whether a cell stands in quotes; `is_special`: there are commas or quotes in it.
    const fn quotes(self, is_special: bool) -> bool {
        is_special && matches!(self, Self::Comma)
    }

    /// What is in a cell, or a part of that.
    fn inner(self, text: &str, is_quoted: bool) -> String {
        let text = escape(text);
        if is_quoted { text.replace('"', "\"\"") } else { text.into_owned() }
    }

    /// Text that neither a separator nor a spreadsheet takes for something else.
    fn cell(self, text: &str) -> String {
        let is_quoted = self.quotes(text.contains([',', '"']));
        let quote = if is_quoted { "\"" } else { "" };
        format!("{quote}{}{quote}", self.inner(text, is_quoted))
    }

    fn picked(self, value: &Picked) -> String {
        // What begins like this is a formula to spreadsheets.
        match value.is_formula {
            true => self.cell(&format!("'{}", value.text)),
            false => self.cell(&value.text),
        }
    }
}

/// Bytes of what an event tells of a packet.
fn len_of(event: &Event) -> usize {
    let Event::Packet(packet) = event else { return 0 };
    let len = |payload: &Option<bytes::Bytes>| payload.as_ref().map_or(0, |payload| payload.len());
    len(&packet.payload) + len(&packet.sent)
}

impl View for Columns {
    fn message(&mut self, message: &Message, out: &mut dyn Sink) {
        self.header(out);
        let Message::Events { session, begun, events } = message else {
            return self.rows(message, false, out);
        };
        if events.iter().all(|event| len_of(event) < LARGE) {
            return self.rows(message, false, out);
        }
        for event in events {
            let is_large = len_of(event) >= LARGE;
            let events = vec![event.clone()];
            let one = Message::Events { session: *session, begun: *begun, events };
            self.rows(&one, is_large, out);
        }
    }

    fn end(&mut self, out: &mut dyn Sink) {
        self.header(out);
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

/// A value as JSON has it.
pub(super) fn write_value(value: &Given, out: &mut String) {
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

    /// What a column is in a packet, read in pieces of so many bytes.
    fn picked(line: &str, name: &str, piece: usize) -> Option<String> {
        let mut picker = Picker::new(vec![column(name).unwrap().path]);
        line.as_bytes()
            .chunks(piece)
            .for_each(|part| picker.read(std::str::from_utf8(part).unwrap()));
        assert!(picker.is_packet());
        let value = picker.values.pop().unwrap();
        value.meaning.map(|_| value.text)
    }

    #[test]
    fn a_column_is_a_key_or_a_field_however_its_line_comes_in_pieces() {
        let line = r#"{"type":"packet","id":7,"name":"set_slot","fields":{"slot":3,"id":9,"list":[{"a":1},5,[-1.50,null]],"say":"a \"b\" \ud83d\ude00\n","none":null,"set_slot":{"x":true}},"rest":"00"}"#;
        for piece in 1..line.len() {
            let cell =
                |name: &str| picked(line, name, piece).unwrap_or_else(|| "absent".to_owned());
            assert_eq!(cell("id"), "7");
            assert_eq!(cell("packet.id"), "7");
            assert_eq!(cell("slot"), "3");
            assert_eq!(cell("set_slot.slot"), "3");
            assert_eq!(cell("SetSlot.ID"), "9");
            assert_eq!(cell("fields.id"), "9");
            assert_eq!(cell("list[0].a"), "1");
            assert_eq!(cell("list[1]"), "5");
            assert_eq!(cell("list[2][0]"), "-1.5");
            assert_eq!(cell("list"), r#"[{"a":1},5,[-1.5,null]]"#);
            assert_eq!(cell("say"), "a \"b\" \u{1f600}\n");
            assert_eq!(cell("none"), "");
            assert_eq!(cell("rest"), "00");
            assert_eq!(cell("set_slot.x"), "true");
            assert_eq!(cell("set_slot"), r#"{"x":true}"#);
            assert_eq!(cell("other_packet.slot"), "absent");
            assert_eq!(cell("list[3]"), "absent");
        }
    }

    #[test]
    fn what_is_no_column_is_none() {
        assert!(column("list[x]").is_none() && column("").is_none() && column("a..b").is_none());
    }

    #[test]
    fn a_cell_stands_in_quotes_where_a_comma_is_in_it() {
        assert_eq!(Separator::Comma.cell("a\"b,c"), "\"a\"\"b,c\"");
        assert_eq!(Separator::Tab.cell("a\tb,c"), "a\\tb,c");
        let formula = Picked { is_formula: true, text: "=1".to_owned(), ..Picked::default() };
        assert_eq!(Separator::Comma.picked(&formula), "'=1");
    }
}

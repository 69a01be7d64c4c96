//! `-q`: what is wrong, on stderr, and what rules log, on stdout.

use midwire_definition::Limits;
use midwire_session::{Event, Lost};

use super::row::{Columns, RowWriter};
use super::style::Style;
use super::{Sink, View, tags};
use crate::error::{say, say_styled};
use crate::queue::Message;

/// Says notices, each on a line of stderr; what rules log goes to stdout.
pub(crate) struct Notices {
    rows: RowWriter,
}

impl Notices {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { rows: RowWriter::new(limits) }
    }

    /// A packet that a rule logs: the rule's text, or where it has none the packet's line.
    fn logged(&mut self, session: u64, event: &Event, out: &mut dyn Sink) {
        // Also those that are not shown tell what packets are read by.
        let row = self.rows.event(session, event);
        let Event::Packet(packet) = event else { return };
        let Some(tags) = packet.tags.as_ref().filter(|tags| !tags.logs.is_empty()) else { return };
        let mut text = String::new();
        for line in tags::texts(tags) {
            midwire_definition::escape::escape_into(line, &mut text);
            text.push('\n');
        }
        if let Some(row) = row.filter(|_| tags.logs.iter().any(|log| log.text.is_none())) {
            let style = Style { is_terminal: false, color: false };
            row.write(style, Columns::Long, &mut text);
            text.push('\n');
        }
        out.text(&text);
    }
}

impl View for Notices {
    fn message(&mut self, message: &Message, out: &mut dyn Sink) {
        match message {
            Message::Notice { session, text, .. } => say(&line(*session, text)),
            Message::Events { session, events, .. } => {
                for event in events {
                    if let Some(text) = notice(event) {
                        say(&line(Some(*session), &text));
                    }
                    self.logged(*session, event, out);
                }
            }
            Message::Report { report, text, .. } => {
                if !report.shown.is_empty() {
                    say_styled(&report.shown);
                }
                say(&line(None, text));
            }
            Message::Opened { session, client, .. } => self.rows.open(*session, *client),
            Message::Ended { session } => self.rows.close(*session),
        }
    }
}

fn line(session: Option<u64>, text: &str) -> String {
    let text = midwire_definition::escape::escape(text);
    session.map_or_else(|| text.to_string(), |number| format!("#{number} {text}"))
}

/// What an event says in words, if it is one that people must hear of.
pub(super) fn notice(event: &Event) -> Option<String> {
    match event {
        Event::LostFraming { direction, error, closed, .. } => {
            let then = if *closed {
                "the session is closed"
            } else {
                "from here on its bytes pass as they come, and are not read"
            };
            Some(match error {
                Lost::Frame(error) => format!("{direction} frames are lost: {error}; {then}"),
                error => format!("{direction} packets cannot be told apart: {error}; {then}"),
            })
        }
        Event::Notice { notice: midwire_session::Notice::NoFrames, .. } => None,
        Event::Notice { notice, .. } => Some(notice.to_string()),
        Event::Version { assumed: true, number: Some(number), .. } => Some(format!(
            "version {number} is not known; packets are read with the nearest version below it"
        )),
        _ => None,
    }
}

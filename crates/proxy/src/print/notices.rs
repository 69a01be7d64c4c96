//! `-q`: nothing but what is wrong, on stderr.

use midwire_session::{Event, Lost};

use super::View;
use crate::error::say;
use crate::queue::Message;

/// Says notices, each on a line.
pub(crate) struct Notices;

impl View for Notices {
    fn message(&mut self, message: &Message, _out: &mut Vec<u8>) {
        match message {
            Message::Notice { session, text, .. } => say(&line(*session, text)),
            Message::Events { session, events, .. } => {
                for text in events.iter().filter_map(notice) {
                    say(&line(Some(*session), &text));
                }
            }
            Message::Opened { .. } | Message::Ended { .. } => {}
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

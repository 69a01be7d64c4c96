//! `-Y`: shows a view only the packets that match. Everything else it is shown all the same.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use midwire_definition::Protocol;
use midwire_session::{Event, PacketEvent, Peers};

use super::{Sink, View};
use crate::filter::Filters;
use crate::queue::Message;

/// A view that is shown only the packets that match.
pub(crate) struct Filtered {
    view: Box<dyn View>,
    filters: Filters,
    sessions: HashMap<u64, Opened>,
}

/// What is known of a session.
struct Opened {
    protocol: Option<Arc<Protocol>>,
    peers: Peers,
}

impl Filtered {
    pub(crate) fn new(view: Box<dyn View>, filters: Filters) -> Self {
        Self { view, filters, sessions: HashMap::new() }
    }

    fn matches(&mut self, session: u64, packet: &PacketEvent) -> bool {
        let Some(opened) = self.sessions.get(&session) else { return true };
        let Some(protocol) = &opened.protocol else { return true };
        self.filters.matches(protocol, &packet.envelope(opened.peers))
    }
}

/// What a rule logs is shown whatever the filter says.
fn is_logged(packet: &PacketEvent) -> bool {
    packet.tags.as_ref().is_some_and(|tags| !tags.logs.is_empty())
}

impl View for Filtered {
    fn message(&mut self, message: &Message, out: &mut dyn Sink) {
        match message {
            Message::Opened { session, client, server } => {
                let server = server.parse::<SocketAddr>().ok().map(|address| address.ip());
                let peers = Peers { session: *session, client: Some(client.ip()), server };
                let opened = Opened { protocol: None, peers };
                self.sessions.insert(*session, opened);
            }
            Message::Ended { session } => {
                self.sessions.remove(session);
            }
            Message::Events { session, begun, events } => {
                let mut shown = Vec::with_capacity(events.len());
                for event in events {
                    match event {
                        Event::Packet(packet)
                            if !is_logged(packet) && !self.matches(*session, packet) =>
                        {
                            self.view.unlisted(packet);
                            continue;
                        }
                        Event::Opened { protocol } => {
                            if let Some(opened) = self.sessions.get_mut(session) {
                                opened.protocol = Some(protocol.clone());
                            }
                        }
                        _ => {}
                    }
                    shown.push(event.clone());
                }
                let message = Message::Events { session: *session, begun: *begun, events: shown };
                return self.view.message(&message, out);
            }
            Message::Notice { .. } | Message::Report { .. } => {}
        }
        self.view.message(message, out);
    }

    fn idle(&mut self, lost: u64, out: &mut dyn Sink) {
        self.view.idle(lost, out);
    }

    fn end(&mut self, out: &mut dyn Sink) {
        self.view.end(out);
    }
}

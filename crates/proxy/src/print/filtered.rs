//! `-Y`: shows a view only the packets that match. Everything else it is shown all the same.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use midwire_definition::Protocol;
use midwire_rules::Envelope;
use midwire_session::{Event, Fate, Origin, PacketEvent};

use super::View;
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
    client: IpAddr,
    server: Option<IpAddr>,
}

impl Filtered {
    pub(crate) fn new(view: Box<dyn View>, filters: Filters) -> Self {
        Self { view, filters, sessions: HashMap::new() }
    }

    fn matches(&mut self, session: u64, packet: &PacketEvent) -> bool {
        let Some(opened) = self.sessions.get(&session) else { return true };
        let Some(protocol) = &opened.protocol else { return true };
        let envelope = Envelope {
            version: packet.version,
            state: packet.state,
            direction: packet.direction,
            id: packet.id,
            definition: packet.definition.as_deref(),
            length: packet.length,
            time: packet.at.0,
            session,
            client: Some(opened.client),
            server: opened.server,
            malformed: packet.problem.is_some() || packet.flaw.is_some(),
            injected: packet.origin != Origin::sender(packet.direction),
            changed: packet.fate == Fate::Changed,
            conn: &packet.conn,
            payload: packet.payload.as_deref().filter(|_| packet.problem.is_none()).unwrap_or(&[]),
            body: packet.body,
        };
        self.filters.matches(protocol, &envelope)
    }
}

/// What a rule logs is shown whatever the filter says.
fn is_logged(packet: &PacketEvent) -> bool {
    packet.tags.as_ref().is_some_and(|tags| !tags.logs.is_empty())
}

impl View for Filtered {
    fn message(&mut self, message: &Message, out: &mut Vec<u8>) {
        match message {
            Message::Opened { session, client, server } => {
                let server = server.parse::<SocketAddr>().ok().map(|address| address.ip());
                let opened = Opened { protocol: None, client: client.ip(), server };
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

    fn idle(&mut self, lost: u64, out: &mut Vec<u8>) {
        self.view.idle(lost, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.view.end(out);
    }
}

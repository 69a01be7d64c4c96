//! What is shown of all that is read: packets of the wanted times that match, as many as are wanted.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use midwire_capture::Timestamp;
use midwire_definition::Protocol;
use midwire_session::{Event, PacketEvent, Peers};

use super::times::Moment;
use crate::error::OutputError;
use crate::filter::Filters;
use crate::print::{Output, View};
use crate::queue::Message;

/// Which packets are wanted.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) filters: Option<Filters>,
    pub(super) from: Option<Moment>,
    pub(super) to: Option<Moment>,
    /// So many that are shown.
    pub(super) count: Option<u64>,
    /// This one alone, counted over all that is read.
    pub(super) packet: Option<u64>,
}

impl Wanted {
    /// Whether sessions may begin where nothing is shown.
    const fn is_partial(&self) -> bool {
        self.from.is_some() || self.packet.is_some()
    }

    /// Whether all packets that match are wanted, and no others are to be seen before.
    pub(super) const fn is_by_filter(&self) -> bool {
        self.filters.is_some() && self.packet.is_none()
    }

    /// Whether all packets are wanted.
    pub(super) const fn is_all(&self) -> bool {
        self.filters.is_none()
            && self.from.is_none()
            && self.to.is_none()
            && self.count.is_none()
            && self.packet.is_none()
    }
}

/// What is known of a session.
struct Known {
    protocol: Option<Arc<Protocol>>,
    peers: Peers,
    /// What was said of it before something of it is shown.
    intro: Vec<Message>,
    is_shown: bool,
}

/// Messages that are kept of what a session began with: a session may change its state at will.
const INTRO_MAX: usize = 128;

impl Known {
    /// Keeps a message until something of the session is shown: the first ones, and the last ones.
    fn keep(&mut self, message: Message) {
        if self.intro.len() >= INTRO_MAX {
            self.intro.remove(INTRO_MAX / 2);
        }
        self.intro.push(message);
    }
}

/// Where everything that is read goes.
pub(super) struct Out {
    view: Box<dyn View>,
    wanted: Wanted,
    /// The same as times, once the first packet is known.
    times: Option<(Timestamp, Timestamp)>,
    /// The one at which to end is in front of the one at which to begin.
    pub(super) is_turned_round: bool,
    sessions: HashMap<u64, Known>,
    output: Output,
    /// Packets that were read.
    pub(super) packets: u64,
    /// Packets that were shown.
    pub(super) shown: u64,
    /// Why the one packet that is wanted is not shown.
    pub(super) denied: Option<&'static str>,
}

/// A point in time as the views have it.
pub(super) fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(at.0)
}

impl Out {
    pub(super) fn new(view: Box<dyn View>, wanted: Wanted) -> Self {
        Self {
            view,
            wanted,
            times: None,
            is_turned_round: false,
            denied: None,
            sessions: HashMap::new(),
            output: Output::default(),
            packets: 0,
            shown: 0,
        }
    }

    /// The first packet of all was then. Later calls change nothing.
    pub(super) fn begins(&mut self, at: Timestamp) {
        if self.times.is_none() {
            let from = self.wanted.from.map_or(Timestamp(0), |moment| moment.resolve(at));
            let to = self.wanted.to.map_or(Timestamp(u64::MAX), |moment| moment.resolve(at));
            self.times = Some((from, to));
            self.is_turned_round = from > to;
        }
    }

    /// Whether nothing more is wanted.
    pub(super) fn is_done(&self) -> bool {
        self.output.has_failed()
            || self.is_turned_round
            || self.wanted.count.is_some_and(|count| self.shown >= count)
            || self.wanted.packet.is_some_and(|packet| self.packets >= packet)
    }

    pub(super) fn opened(
        &mut self,
        session: u64,
        at: Timestamp,
        client: SocketAddr,
        server: &Arc<str>,
    ) {
        let address = server.parse::<SocketAddr>().ok().map(|address| address.ip());
        let peers = Peers { session, client: Some(client.ip()), server: address };
        let is_shown = !self.wanted.is_partial();
        let known = Known { protocol: None, peers, intro: Vec::new(), is_shown };
        self.sessions.insert(session, known);
        self.tell(session, at, Message::Opened { session, client, server: server.clone() });
    }

    /// Shows a message, or keeps it until something of its session is shown.
    fn tell(&mut self, session: u64, at: Timestamp, message: Message) {
        if self.is_done() || !self.is_in_time(at) && !self.wanted.is_partial() {
            return;
        }
        match self.sessions.get_mut(&session) {
            Some(known) if !known.is_shown => known.keep(message),
            _ => self.show(&message),
        }
    }

    fn is_in_time(&self, at: Timestamp) -> bool {
        self.times.is_none_or(|(from, to)| from <= at && at <= to)
    }

    fn show(&mut self, message: &Message) {
        self.view.message(message, &mut self.output);
    }

    /// What a session reported, since it began then.
    pub(super) fn events(&mut self, session: u64, begun: Timestamp, events: Vec<Event>) {
        let mut kept = Vec::with_capacity(events.len());
        for event in events {
            if self.is_done() {
                break;
            }
            let at = begun.after(event.at().0);
            let is_kept = match &event {
                Event::Packet(packet) => {
                    self.packets += 1;
                    let is_one = self.wanted.packet.is_none_or(|number| number == self.packets);
                    let is_in_time = self.is_in_time(at);
                    let is_kept = is_one && is_in_time && self.matches(session, packet);
                    if is_kept {
                        self.shown += 1;
                        self.introduce(session);
                    } else if is_one && self.wanted.packet.is_some() {
                        let why = ["is not of the time of --from and --to", "does not match -Y"];
                        self.denied = Some(why[usize::from(is_in_time)]);
                    }
                    is_kept
                }
                Event::Opened { protocol } => {
                    if let Some(known) = self.sessions.get_mut(&session) {
                        known.protocol = Some(protocol.clone());
                    }
                    true
                }
                // What later packets are read by.
                Event::Version { .. } | Event::State { .. } => {
                    self.times.is_none_or(|(_, to)| at <= to)
                }
                // Who asks for packets that match asks for no bytes without packets.
                Event::Opaque { .. } if self.wanted.filters.is_some() => false,
                _ => {
                    self.is_in_time(at)
                        && self.sessions.get(&session).is_none_or(|known| known.is_shown)
                }
            };
            if is_kept {
                kept.push(event);
            }
        }
        if kept.is_empty() {
            return;
        }
        let message = Message::Events { session, begun: system_time(begun), events: kept };
        match self.sessions.get_mut(&session) {
            Some(known) if !known.is_shown => known.keep(message),
            _ => self.show(&message),
        }
    }

    /// Shows what a session began with, if that was not yet.
    fn introduce(&mut self, session: u64) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        if !std::mem::replace(&mut known.is_shown, true) {
            for message in std::mem::take(&mut known.intro) {
                self.show(&message);
            }
        }
    }

    fn matches(&mut self, session: u64, packet: &PacketEvent) -> bool {
        let Some(filters) = &mut self.wanted.filters else { return true };
        let Some(known) = self.sessions.get(&session) else { return true };
        let Some(protocol) = &known.protocol else { return true };
        filters.matches(protocol, &packet.envelope(known.peers))
    }

    pub(super) fn ended(&mut self, session: u64) {
        if let Some(known) = self.sessions.remove(&session)
            && known.is_shown
        {
            self.show(&Message::Ended { session });
        }
    }

    /// Writes what waits. That it failed tells [`Out::finish`].
    pub(super) fn flush(&mut self) {
        self.output.flush();
    }

    /// Nothing more comes.
    pub(super) fn finish(&mut self) -> Result<(), OutputError> {
        self.view.idle(0, &mut self.output);
        self.view.end(&mut self.output);
        self.output.finish()
    }
}

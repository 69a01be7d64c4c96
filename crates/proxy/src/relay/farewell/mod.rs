//! What a player sees when there is no server to say it: the game's own words for the end of a
//! connection, in place of a bare reset.
//!
//! A client that cannot be served is heard as far as its game's protocol asks for, then told why, and
//! what it still sends is thrown away until it has closed: closing at once would be a reset, which may
//! overtake the words.

mod heard;
pub(super) mod list;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use midwire_definition::Given;
use midwire_session::{
    Counters, Direction, Elapsed, Event, Notice, Origin, Output, Session, Setup,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use self::heard::{Heard, Request};
use super::leg::reset_on_close;
use super::lent::with_lent;
use super::session::asked;
use super::{ListenerConfig, Shared};
use crate::queue::Message;

/// Bytes of one read.
const READ: usize = 4 << 10;
/// The most that a client who cannot be served is listened to.
const HEARD_MAX: usize = 64 << 10;
/// Clients turned away that are told why at once; any more are reset.
pub(super) const TURNED_AWAY_MAX: usize = 64;

/// What a session's driver says when the server is gone.
#[derive(Clone, Debug)]
pub(super) struct Words {
    server: String,
    /// How long the client may take to go.
    pub(super) wait: Duration,
}

impl Words {
    /// For sessions with this server; `None` where nothing is to be said.
    pub(super) fn of(shared: &Shared, server: &dyn std::fmt::Display) -> Option<Self> {
        let limits = &shared.limits;
        limits.farewell.then(|| Self { server: server.to_string(), wait: limits.farewell_wait })
    }

    pub(super) fn broke(&self) -> String {
        format!("midwire: the connection to {} broke off", self.server)
    }

    pub(super) fn no_reason(&self) -> String {
        format!("midwire: {} has ended the connection and gave no reason", self.server)
    }
}

/// A client that cannot be served.
pub(super) struct Unserved<'a> {
    pub(super) client: TcpStream,
    /// What was read of it.
    pub(super) read: BytesMut,
    pub(super) setup: Arc<Setup>,
    /// Why.
    pub(super) text: &'a str,
    pub(super) shared: &'a Shared,
    /// The session that it is; `None`: it never became one.
    pub(super) session: Option<(u64, SystemTime)>,
    pub(super) clock: Instant,
}

/// Tells a client for which there is no room, without keeping those waiting who come after it.
pub(super) fn turn_away(
    listener: &ListenerConfig,
    client: TcpStream,
    text: String,
    shared: &Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    let setup = listener.service.routes().first().map(|route| route.setup.borrow().clone());
    let (Some(setup), Ok(permit)) = (setup, shared.farewells.clone().try_acquire_owned()) else {
        return reset_on_close(&client);
    };
    let shared = shared.clone();
    tokio::spawn(async move {
        let clock = Instant::now();
        let (read, session) = (BytesMut::new(), None);
        let unserved =
            Unserved { client, read, setup, text: &text, shared: &shared, session, clock };
        unserved.tell(&mut stop).await;
        drop(permit);
    });
}

impl Unserved<'_> {
    /// Tells the client why it is not served, if its game has words for that; otherwise it is reset.
    pub(super) async fn tell(self, stop: &mut watch::Receiver<bool>) -> [Counters; 2] {
        let protocol = self.setup.protocol();
        let has_words = protocol.group_named("disconnect").is_some() || protocol.stack.legacy_ping;
        let limits = &self.shared.limits;
        if !limits.farewell || !has_words {
            reset_on_close(&self.client);
            return Default::default();
        }
        let wait = limits.farewell_wait;
        let mut stand_in = StandIn::new(self);
        tokio::select! {
            _ = tokio::time::timeout(wait, stand_in.run()) => {}
            () = asked(stop) => {}
        }
        stand_in.end().await
    }
}

/// Stands in for a server that is not there.
struct StandIn<'a> {
    unserved: Unserved<'a>,
    session: Session,
    heard: Heard,
    /// What was read and not taken yet.
    bytes: BytesMut,
    /// What the client is to get.
    out: Vec<u8>,
    events: Vec<Event>,
    is_ping: bool,
    /// It has been told all that there is to say.
    is_told: bool,
    is_closed: bool,
}

impl<'a> StandIn<'a> {
    fn new(unserved: Unserved<'a>) -> Self {
        let mut session = Session::new(unserved.setup.clone());
        session.set_watch(unserved.shared.watch);
        let heard = Heard::default();
        session.set_judge(Some(Box::new(heard.clone())));
        Self {
            unserved,
            session,
            heard,
            bytes: BytesMut::new(),
            out: Vec::new(),
            events: Vec::new(),
            is_ping: false,
            is_told: false,
            is_closed: false,
        }
    }

    fn now(&self) -> Elapsed {
        Elapsed(self.unserved.clock.elapsed())
    }

    /// Hears the client, tells it, and waits until it has gone.
    async fn run(&mut self) -> io::Result<()> {
        let mut heard = 0;
        let mut is_heard = false;
        self.take_outputs();
        let read = std::mem::take(&mut self.unserved.read);
        if !read.is_empty() {
            self.hear(&read);
        }
        while !self.is_closed {
            self.report().await;
            if !self.out.is_empty() {
                self.unserved.client.write_all(&std::mem::take(&mut self.out)).await?;
            }
            if self.is_told && !is_heard {
                self.unserved.client.shutdown().await?;
            }
            let mut chunk = [0; READ];
            let due = self.session.poll_timeout();
            let due = due.and_then(|at| self.unserved.clock.checked_add(at.0));
            tokio::select! {
                read = self.unserved.client.read(&mut chunk), if !is_heard => match read? {
                    0 => {
                        is_heard = true;
                        self.hear_end();
                    }
                    len if heard + len > HEARD_MAX => return Ok(()),
                    len => {
                        heard += len;
                        self.hear(&chunk[..len]);
                    }
                },
                () = until(due), if due.is_some() => self.hear_nothing(),
                else => return Ok(()),
            }
        }
        self.report().await;
        Ok(())
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let (at, setup) = (self.now(), self.unserved.setup.clone());
        with_lent(&setup, |lent| {
            let direction = Direction::Serverbound;
            self.session.handle_bytes(direction, &mut self.bytes, at, &mut lent.scratch);
        });
        self.answer();
    }

    /// The client says no more.
    fn hear_end(&mut self) {
        let (at, setup) = (self.now(), self.unserved.setup.clone());
        with_lent(&setup, |lent| {
            let direction = Direction::Serverbound;
            self.session.handle_end(direction, &mut self.bytes, at, &mut lent.scratch);
        });
        self.answer();
        self.finish();
    }

    fn hear_nothing(&mut self) {
        let (at, setup) = (self.now(), self.unserved.setup.clone());
        with_lent(&setup, |lent| self.session.handle_timeout(at, &mut lent.scratch));
        self.answer();
    }

    /// Answers what has been heard.
    fn answer(&mut self) {
        self.take_outputs();
        if self.is_ping {
            self.part();
        }
        for request in self.heard.take() {
            if self.is_told {
                return;
            }
            match request {
                Request::Other => self.part(),
                Request::List { number } => {
                    let response = list::list(&self.unserved.setup, number, self.unserved.text);
                    self.send("server_info", "response", Given::Text(response));
                }
                Request::Ping { time } => {
                    self.send("ping", "time", Given::Int(time));
                    self.finish();
                }
            }
        }
    }

    /// Tells the client why, if it is in a state in which its game has words for that.
    fn part(&mut self) {
        let (at, setup) = (self.now(), self.unserved.setup.clone());
        let told = with_lent(&setup, |lent| {
            let Self { session, unserved, .. } = self;
            let (direction, origin) = (Direction::Clientbound, Origin::Midwire);
            session.disconnect(direction, unserved.text, origin, at, &mut lent.scratch)
        });
        self.is_told |= told.is_ok();
        self.take_outputs();
    }

    /// Nothing more will be said.
    fn finish(&mut self) {
        let (at, setup) = (self.now(), self.unserved.setup.clone());
        with_lent(&setup, |lent| {
            let (direction, nothing) = (Direction::Clientbound, &mut BytesMut::new());
            self.session.handle_end(direction, nothing, at, &mut lent.scratch);
        });
        self.is_told = true;
        self.take_outputs();
    }

    /// Sends a packet of one field; one that the definition does not have is not missed.
    fn send(&mut self, name: &str, field: &str, value: Given) {
        let (at, setup) = (self.now(), self.unserved.setup.clone());
        with_lent(&setup, |lent| {
            list::send(&mut self.session, name, field, value, at, &mut lent.scratch);
        });
        self.take_outputs();
    }

    fn take_outputs(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send { direction: Direction::Clientbound, bytes } => {
                    self.out.extend_from_slice(&bytes);
                }
                // There is no server that could get it.
                Output::Send { .. }
                | Output::Finish { .. }
                | Output::Abort { .. }
                | Output::Request(..)
                | Output::Record(_) => {}
                Output::Event(event) => {
                    self.is_closed |= matches!(event, Event::Closed { .. });
                    let ping = Notice::LegacyPing;
                    if matches!(&event, Event::Notice { notice, .. } if *notice == ping) {
                        self.is_ping = true;
                        // Its words are for a ping that a server answers.
                        continue;
                    }
                    self.events.push(event);
                }
            }
        }
    }

    async fn report(&mut self) {
        let events = std::mem::take(&mut self.events);
        if let Some((session, begun)) = self.unserved.session.filter(|_| !events.is_empty()) {
            self.unserved.shared.events.send(Message::Events { session, begun, events }).await;
        }
    }

    /// Lets the client go: by a reset where it was not told anything, or does not go by itself.
    async fn end(mut self) -> [Counters; 2] {
        if !self.is_closed {
            let at = self.now();
            reset_on_close(&self.unserved.client);
            self.session.handle_reset(Direction::Clientbound, at);
            self.take_outputs();
            self.report().await;
        }
        Direction::BOTH.map(|direction| self.session.counters(direction))
    }
}

async fn until(due: Option<Instant>) {
    if let Some(due) = due {
        tokio::time::sleep_until(due.into()).await;
    }
}

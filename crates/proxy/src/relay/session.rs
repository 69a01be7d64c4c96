//! One session, from the accepted client to the end of both connections.

use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use midwire_definition::escape::escape;
use midwire_route::{After, ProxyHeader, Response};
use midwire_session::{Counters, Direction, HostRewrite, Outside, Setup};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::Instrument as _;

use super::driver::Driver;
use super::encryption::Questions;
use super::farewell::{Unserved, Words};
use super::handover::{HandedOver, Watcher};
use super::leg::reset_on_close;
use super::rfb::Arriving;
use super::sniff::{Action, Sniffed, Then, Turned};
use super::target::{ConnectError, Connected};
use super::{ListenerConfig, RfbService, Route, Service, Shared};
use crate::metrics::Failure;
use crate::names::Place;
use crate::queue::Message;
use crate::record::{self, Tape};

/// How long after the program was asked to end sessions begin to: what had come by then is known as ready to
/// be read only once the runtime has asked the system again.
const SEEN: Duration = Duration::from_millis(10);

/// What a session begins with.
pub(super) struct Start {
    pub(super) number: u64,
    pub(super) client: TcpStream,
    pub(super) from: SocketAddr,
    pub(super) listener: Arc<ListenerConfig>,
    pub(super) shared: Arc<Shared>,
    pub(super) stop: watch::Receiver<bool>,
}

/// Two connections, and what was read of them before they are joined.
pub(super) struct Ends {
    pub(super) client: TcpStream,
    pub(super) server: TcpStream,
    /// By direction: what the client sent, what the server sent.
    pub(super) read: [BytesMut; 2],
    /// What of the client's bytes is not among them, in order.
    pub(super) before: Vec<(Outside, Bytes)>,
}

/// Where a client goes, and what is known of it.
struct Going {
    client: TcpStream,
    /// Who the client is: its address, or the one that a PROXY header gave.
    from: SocketAddr,
    /// Whom it has connected to.
    to: Option<SocketAddr>,
    /// What was read of it.
    read: BytesMut,
    /// Its server is sent this first.
    header: Bytes,
    /// So many bytes of that midwire has made.
    made: usize,
    /// The client sent this before, and nobody is sent it.
    dropped: Bytes,
}

/// When a session began.
#[derive(Clone, Copy)]
struct Begun {
    at: SystemTime,
    clock: Instant,
}

impl Start {
    /// Relays until both connections have ended.
    pub(super) async fn run(self) -> [Counters; 2] {
        let metrics = self.shared.metrics.clone();
        if let Some(metrics) = &metrics {
            metrics.session_opened();
        }
        let span = tracing::info_span!(
            "session",
            number = self.number,
            client = %self.from,
            server = tracing::field::Empty,
            protocol = tracing::field::Empty,
            version = tracing::field::Empty,
        );
        let counters = self.serve().instrument(span).await;
        if let Some(metrics) = &metrics {
            metrics.session_ended();
        }
        counters
    }

    async fn serve(self) -> [Counters; 2] {
        let Self { number, client, from, listener, shared, stop } = self;
        let begun = Begun { at: SystemTime::now(), clock: Instant::now() };
        let going = Going {
            from,
            to: client.local_addr().ok(),
            client,
            read: BytesMut::new(),
            header: Bytes::new(),
            made: 0,
            dropped: Bytes::new(),
        };
        let serving = Serving { number, begun, shared, stop };
        match &listener.service {
            Service::Route(route) => serving.relay(route, None, going).await.0,
            Service::Rfb(service) => {
                Box::pin(serving.authenticate(service, going.client, going.from)).await
            }
            Service::Sniff(sniffed) => {
                // Boxed: what the choice takes is given back before the client goes on.
                match Box::pin(serving.choose(sniffed, going)).await {
                    Some((way, going)) => serving.follow(sniffed, way, going).await,
                    None => Default::default(),
                }
            }
        }
    }
}

fn add(total: &mut [Counters; 2], more: [Counters; 2]) {
    for (total, more) in total.iter_mut().zip(more) {
        total.bytes += more.bytes;
        total.frames += more.frames;
    }
}

/// A session that has a number.
struct Serving {
    number: u64,
    begun: Begun,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
}

impl Serving {
    /// Chooses the client's way by its first bytes. `None`: there is none for it.
    async fn choose(&self, sniffed: &Sniffed, mut going: Going) -> Option<(usize, Going)> {
        let mut stop = self.stop.clone();
        let chosen = tokio::select! {
            chosen = sniffed.choose(&going.client) => chosen,
            () = asked(&mut stop) => return None,
        };
        match chosen {
            Ok(chosen) => {
                if let Some((from, to)) = chosen.addresses {
                    (going.from, going.to) = (from, Some(to));
                }
                (going.read, going.header) = (chosen.read, chosen.header);
                Some((chosen.way, going))
            }
            Err(Turned::Refused(refusal)) => {
                let text = format!("{} was turned away: {refusal}", going.from);
                self.shared.events.notice(None, text);
                None
            }
            // Nobody has heard of it yet.
            Err(Turned::Gone) => None,
        }
    }

    /// Goes on with a client on the way that was chosen, and from one to the next.
    async fn follow(&self, sniffed: &Sniffed, mut way: usize, mut going: Going) -> [Counters; 2] {
        let mut total = [Counters::default(); 2];
        while let Some(next) = sniffed.ways().get(way) {
            let (from, to) = (going.from, going.to);
            let (counters, handed_over) = match &next.action {
                Action::Relay(route) => {
                    if let (Some(is_binary), Some(to)) = (next.send_header, to) {
                        let mut header = ProxyHeader::write(is_binary, from, to);
                        going.made = header.len();
                        header.extend_from_slice(&going.header);
                        going.header = header.freeze();
                    }
                    self.relay(route, next.then.as_ref(), going).await
                }
                Action::Respond(response) => {
                    (Box::pin(self.respond(&next.name, response, going)).await, None)
                }
            };
            add(&mut total, counters);
            let handed_over = handed_over.and_then(|handed_over| {
                let next = next.then.as_ref()?.next.get(handed_over.needle)?;
                Some((handed_over, next))
            });
            let Some((handed_over, next)) = handed_over else { break };
            way = next.way;
            let HandedOver { client, text, rest, .. } = handed_over;
            let (text, dropped) =
                if next.drop_match { (Bytes::new(), text) } else { (text, Bytes::new()) };
            let is_first = sniffed.ways().get(way).is_some_and(|way| way.begins_with(&text));
            let (header, mut read) = match is_first {
                true => (Bytes::new(), BytesMut::from(text)),
                false => (text, BytesMut::new()),
            };
            read.extend_from_slice(&rest);
            going = Going { client, from, to, read, header, made: 0, dropped };
        }
        total
    }

    /// Joins a client with a server, until both have ended or the client goes on elsewhere.
    async fn relay(
        &self,
        route: &Route,
        then: Option<&Then>,
        going: Going,
    ) -> ([Counters; 2], Option<HandedOver>) {
        // Boxed: what a session began with takes no memory while it lasts.
        let ended = match Box::pin(self.connect(route, then, going)).await {
            Ok((driver, setup)) => self.drive(driver, setup).await,
            Err(counters) => (counters, None),
        };
        self.shared.events.send(Message::Ended { session: self.number }).await;
        ended
    }

    /// Connects to the server; where that fails, the client is told.
    async fn connect(
        &self,
        route: &Route,
        then: Option<&Then>,
        going: Going,
    ) -> Result<(Box<Driver>, watch::Receiver<Arc<Setup>>), [Counters; 2]> {
        let shared = &self.shared;
        let server: Arc<str> = route.to.to_string().into();
        let span = tracing::Span::current();
        span.record("server", &*server);
        span.record("protocol", &*route.setup.borrow().protocol().name);
        tracing::debug!("accepted");
        let opened = Message::Opened { session: self.number, client: going.from, server };
        shared.events.send(opened).await;
        let connecting = async {
            let Shared { addresses, names, limits, .. } = &**shared;
            let connecting = route.to.connect(names, addresses, limits.connect_timeout);
            let failed = |error: ConnectError| (error.to_string(), error.failure());
            let mut connected = connecting.await.map_err(failed)?;
            if !going.header.is_empty() {
                let written = connected.stream.write_all(&going.header).await;
                written.map_err(|error| {
                    (format!("it takes no PROXY header: {error}"), Failure::Refused)
                })?;
            }
            Ok(connected)
        };
        let mut stop = self.stop.clone();
        let connected = tokio::select! {
            connected = connecting => connected,
            () = asked(&mut stop) => Err(("midwire ends".to_owned(), Failure::Ending)),
        };
        let (reason, why) = match connected {
            Ok(Connected { stream, place }) => {
                tracing::info!("connected");
                let read = [going.read, BytesMut::new()];
                let header = going.header.clone();
                let before = vec![
                    (Outside::Made, header.slice(..going.made.min(header.len()))),
                    (Outside::Dropped, going.dropped),
                    (Outside::Passed, header.slice(going.made.min(header.len())..)),
                ];
                let ends = Ends { client: going.client, server: stream, read, before };
                let mut setup = route.setup.clone();
                let mut first = setup.borrow_and_update().clone();
                if let Some(Place { host, port }) = place {
                    // A game that follows an SRV record tells the server where it has led.
                    first = first.with_host(HostRewrite { host, port });
                }
                let watcher = then.map(|then| Watcher::new(then, shared.limits.partial_wait));
                let words = Words::of(shared, &route.to);
                let clock = self.begun.clock;
                let tape = self.tape(route, &ends, &first);
                let mut driver =
                    Box::new(Driver::new(shared, first, ends, watcher, words, tape, clock));
                driver.set_peers(self.number);
                return Ok((driver, setup));
            }
            Err(failed) => failed,
        };
        tracing::warn!("cannot connect: {}", escape(&reason));
        if let Some(metrics) = &shared.metrics {
            metrics.failed(why);
        }
        let text = format!("cannot connect to {}: {reason}", route.to);
        shared.events.notice(Some(self.number), text);
        let unserved = Unserved {
            client: going.client,
            read: going.read,
            setup: route.setup.borrow().clone(),
            text: &format!("midwire: cannot reach {}: {reason}", route.to),
            shared,
            session: Some((self.number, self.begun.at)),
            clock: self.begun.clock,
        };
        Err(unserved.tell(&mut stop).await)
    }

    /// Authenticates a client and midwire, and joins both sides until they have ended.
    async fn authenticate(
        &self,
        service: &RfbService,
        client: TcpStream,
        from: SocketAddr,
    ) -> [Counters; 2] {
        let shared = &self.shared;
        let arriving = Arriving { client, from, session: self.number, shared };
        // Boxed: what the handshakes need is given back before the connections are joined.
        let joined = Box::pin(arriving.let_in(service, &mut self.stop.clone())).await;
        let counters = match joined {
            Some((route, ends)) => {
                let mut setup = route.setup.clone();
                let first = setup.borrow_and_update().clone();
                let clock = self.begun.clock;
                let tape = self.tape(&route, &ends, &first);
                let mut driver =
                    Box::new(Driver::new(shared, first, ends, None, None, tape, clock));
                driver.set_peers(self.number);
                self.drive(driver, setup).await.0
            }
            None => [Counters::default(); 2],
        };
        shared.events.send(Message::Ended { session: self.number }).await;
        counters
    }

    /// Answers a client without a server.
    async fn respond(&self, way: &str, response: &Response, going: Going) -> [Counters; 2] {
        let server = format!("midwire's own answer ({way})").into();
        let opened = Message::Opened { session: self.number, client: going.from, server };
        self.shared.events.send(opened).await;
        let mut counters = [Counters::default(); 2];
        counters[Direction::Serverbound.index()].bytes = going.read.len() as u64;
        let mut stop = self.stop.clone();
        tokio::select! {
            received = respond(response, going.client, self.shared.limits.close_wait) => {
                counters[Direction::Serverbound.index()].bytes += received;
            }
            () = asked(&mut stop) => {}
        }
        self.shared.events.send(Message::Ended { session: self.number }).await;
        counters
    }

    /// What is recorded of a session that goes this way, from here on.
    fn tape(&self, route: &Route, ends: &Ends, setup: &Arc<Setup>) -> Option<Tape> {
        let recorder = route.recorder.get()?.clone();
        let (client, server) = (&ends.client, &ends.server);
        let unknown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let client = midwire_capture::Ends {
            client: client.peer_addr().unwrap_or(unknown),
            server: client.local_addr().unwrap_or(unknown),
        };
        let server = match (server.local_addr(), server.peer_addr()) {
            (Ok(client), Ok(server)) => Some(midwire_capture::Ends { client, server }),
            _ => None,
        };
        let to = route.to.to_string().into();
        let opened = record::Begun { client, server, to, setup: setup.clone() };
        Some(Tape::new(recorder, self.number, self.begun.at, opened))
    }

    /// Moves bytes until the session is over.
    async fn drive(
        &self,
        mut driver: Box<Driver>,
        mut setup: watch::Receiver<Arc<Setup>>,
    ) -> ([Counters; 2], Option<HandedOver>) {
        let mut stop = self.stop.clone();
        let mut stopped = pin!(async {
            asked(&mut stop).await;
            tokio::time::sleep(SEEN).await;
        });
        let mut questions = Questions::default();
        loop {
            tokio::select! {
                // What was saved counts for what comes afterwards, however much waits to be read.
                biased;
                () = changed(&mut setup) => {
                    let setup = setup.borrow_and_update().clone();
                    driver.set_definitions(setup);
                }
                (request, answer) = questions.answered() => driver.answer(request, answer),
                () = &mut stopped, if !driver.is_stopping() => driver.stop(),
                () = poll_fn(|cx| driver.poll(cx)) => {}
            }
            driver.flush_tape(&self.shared.events).await;
            for note in std::mem::take(&mut driver.notes) {
                self.shared.events.notice(Some(self.number), note);
            }
            if !driver.events.is_empty() {
                let events = std::mem::take(&mut driver.events);
                crate::log::events(&events);
                let (session, begun) = (self.number, self.begun.at);
                self.shared.events.send(Message::Events { session, begun, events }).await;
            }
            for (request, what) in std::mem::take(&mut driver.requests) {
                questions.ask(request, what, &self.shared);
            }
            if driver.is_done() {
                return driver.finish();
            }
        }
    }
}

/// Sends an answer, and waits for the client's end: for a while, or as long as it likes. Gives how many bytes
/// came meanwhile.
async fn respond(response: &Response, mut client: TcpStream, wait: Duration) -> u64 {
    let _ = client.set_nodelay(true);
    let write = async {
        client.write_all(&response.bytes()).await?;
        match response.after() {
            After::Close => client.shutdown().await,
            After::Stay => Ok(()),
        }
    };
    if !matches!(tokio::time::timeout(wait, write).await, Ok(Ok(()))) {
        reset_on_close(&client);
        return 0;
    }
    let mut received = 0;
    let drain = async {
        let mut bytes = [0; 512];
        while let Ok(len @ 1..) = client.read(&mut bytes).await {
            received += len as u64;
        }
    };
    match response.after() {
        // A connection that is closed while bytes are still coming would be reset, and its answer lost.
        After::Close => drop(tokio::time::timeout(wait, drain).await),
        After::Stay => drain.await,
    }
    received
}

/// Waits until other definitions are to be used.
async fn changed(setup: &mut watch::Receiver<Arc<Setup>>) {
    if setup.changed().await.is_err() {
        // Nobody watches the files.
        std::future::pending::<()>().await;
    }
}

/// Waits until the program is to end.
pub(super) async fn asked(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // There is nobody left to ask for it.
        std::future::pending::<()>().await;
    }
}

//! The sockets: accepts clients, connects each to the server, and drives their sessions.
//!
//! One task owns both connections of a session. Bytes are read into memory that belongs to the thread,
//! and go out in one write for each read; what a session keeps while nothing happens is the beginning of
//! a frame, if any. No other part of the program knows a session's sockets.

mod attempts;
mod driver;
mod farewell;
mod files;
mod handover;
mod joined;
#[cfg_attr(not(target_os = "linux"), path = "no_kernel.rs")]
mod kernel;
mod leg;
mod lent;
mod probe;
mod rfb;
mod seats;
mod session;
mod sniff;
mod target;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use midwire_session::{Counters, Session, Setup, Watch};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub(crate) use self::attempts::Attempts;
pub(crate) use self::rfb::{RfbServer, RfbService, Waits};
use self::seats::{Full, Seats};
use self::session::{Start, asked};
pub(crate) use self::sniff::{Action, Next, Sniffed, Then, Way};
pub(crate) use self::target::{Leads, Target, leads_to, reason, service};
use crate::metrics::Metrics;
use crate::names::Names;
use crate::queue::Sender;
use crate::record::{RecordTo, Recorder};
use crate::settings::RelayLimits;

/// How to relay.
#[derive(Debug)]
pub(crate) struct RelayConfig {
    /// At least one.
    pub(crate) listeners: Vec<ListenerConfig>,
    pub(crate) watch: Watch,
    /// The same for protocols that have no packets.
    pub(crate) watch_raw: Watch,
    pub(crate) limits: RelayLimits,
    /// Where what happens is counted, if anybody wants to know.
    pub(crate) metrics: Option<Arc<Metrics>>,
}

/// An address that clients connect to.
#[derive(Debug)]
pub(crate) struct ListenerConfig {
    pub(crate) listen: SocketAddr,
    /// A port that another program uses may be left for the next free one.
    pub(crate) may_move: bool,
    pub(crate) service: Service,
}

/// What is done with a client that has connected.
#[derive(Debug)]
pub(crate) enum Service {
    /// All go the same way.
    Route(Arc<Route>),
    /// Each shows who it is, and midwire does so to a server.
    Rfb(Box<RfbService>),
    /// Each goes the way that its first bytes say.
    Sniff(Sniffed),
}

/// Where a connection goes, and how it is read.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) to: Target,
    /// It changes when a definition is saved.
    pub(crate) setup: watch::Receiver<Arc<Setup>>,
    /// Where what passes this way is recorded, if it says so itself.
    pub(crate) record_to: Option<RecordTo>,
    /// What passes this way is recorded there.
    pub(crate) recorder: OnceLock<Arc<Recorder>>,
}

impl Route {
    pub(crate) fn new(to: Target, setup: watch::Receiver<Arc<Setup>>) -> Self {
        Self { to, setup, record_to: None, recorder: OnceLock::new() }
    }
}

impl Service {
    /// All ways that a client may go.
    pub(crate) fn routes(&self) -> Vec<&Arc<Route>> {
        match self {
            Self::Route(route) => vec![route],
            Self::Rfb(rfb) => rfb.servers.iter().map(|server| &server.route).collect(),
            Self::Sniff(sniffed) => sniffed.routes().collect(),
        }
    }
}

/// Why relaying cannot begin.
#[derive(Debug)]
pub(crate) enum BindError {
    /// The system refused the address.
    Listen(SocketAddr, io::Error),
    /// The same, of the address for the metrics.
    Metrics(SocketAddr, io::Error),
    /// The server's address is our own.
    Itself(SocketAddr),
}

impl std::fmt::Display for BindError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen(address, error) => {
                write!(f, "cannot listen on {address}: ")?;
                match error.kind() {
                    io::ErrorKind::AddrInUse => write!(
                        f,
                        "another program uses that port; end it, or take another port with \
                         --listen {}:PORT (0: any free one)",
                        address.ip()
                    ),
                    io::ErrorKind::PermissionDenied => write!(
                        f,
                        "{error}; ports below 1024 often need rights, others do not: --listen {}:PORT",
                        address.ip()
                    ),
                    io::ErrorKind::AddrNotAvailable => {
                        write!(f, "this machine does not have that address")
                    }
                    _ => write!(f, "{error}"),
                }
            }
            Self::Metrics(address, error) => write!(
                f,
                "cannot listen on {address} for the metrics: {error}; another port is chosen with \
                 --metrics PORT"
            ),
            Self::Itself(address) => write!(
                f,
                "the server {address} is midwire itself: it would connect to itself without end; \
                 take another port for the game with --listen 127.0.0.1:PORT"
            ),
        }
    }
}

impl std::error::Error for BindError {}

/// What went through, in all sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) sessions: u64,
    pub(crate) packets: u64,
    /// Bytes received, by direction.
    pub(crate) bytes: [u64; 2],
    /// Sessions with packets that were not counted to the end, since their connections were joined.
    pub(crate) joined: u64,
}

/// What all sessions share.
#[derive(Debug)]
struct Shared {
    /// Where midwire itself listens.
    addresses: Vec<SocketAddr>,
    watch: Watch,
    watch_raw: Watch,
    limits: RelayLimits,
    names: Names,
    metrics: Option<Arc<Metrics>>,
    events: Sender,
    /// Room for clients that are told why they are turned away.
    farewells: Arc<Semaphore>,
}

impl Shared {
    /// How much is reported about the packets of sessions of a protocol.
    fn watch_of(&self, setup: &Setup) -> Watch {
        if setup.protocol().has_packets() { self.watch } else { self.watch_raw }
    }
}

/// A listening relay.
#[derive(Debug)]
pub(crate) struct Relay {
    listeners: Vec<Listener>,
    shared: Arc<Shared>,
}

/// An address that is listened on.
#[derive(Debug)]
struct Listener {
    socket: TcpListener,
    config: Arc<ListenerConfig>,
}

impl Relay {
    /// Starts to listen.
    pub(crate) async fn bind(config: RelayConfig, events: Sender) -> Result<Self, BindError> {
        let RelayConfig { listeners, watch, watch_raw, limits, metrics } = config;
        files::make_room_for(limits.sessions_max);
        // Before listening: afterwards a refused loop and a taken port could not be told apart.
        let names = Names::new(limits.dns, limits.dns_timeout);
        let mut reached = Vec::new();
        let mut seen: Vec<&Target> = Vec::new();
        for route in listeners.iter().flat_map(|listener| listener.service.routes()) {
            // The first session of a version makes its tables; nobody waits for those of the newest.
            drop(Session::new(route.setup.borrow().clone()));
            if seen.contains(&&route.to) {
                continue;
            }
            seen.push(&route.to);
            reached.extend(reach(&route.to, &names, &events).await);
        }
        let refuse_loop = |own: SocketAddr| match reached.iter().find(|to| leads_to(**to, own)) {
            Some(to) => Err(BindError::Itself(*to)),
            None => Ok(()),
        };
        let mut bound = Vec::new();
        let mut addresses = Vec::new();
        for config in listeners {
            if !config.may_move {
                refuse_loop(config.listen)?;
            }
            let (socket, address) = listen(&config, &reached).await?;
            refuse_loop(address)?;
            addresses.push(address);
            bound.push(Listener { socket, config: Arc::new(config) });
        }
        let farewells = Arc::new(Semaphore::new(farewell::TURNED_AWAY_MAX));
        let shared = Arc::new(Shared {
            addresses,
            watch,
            watch_raw,
            limits,
            names,
            metrics,
            events,
            farewells,
        });
        Ok(Self { listeners: bound, shared })
    }

    /// Where it listens, in the order of the configuration.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.shared.addresses
    }

    /// Relays until `stop` says true, then ends the sessions that are open.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) -> Totals {
        let Self { listeners, shared } = self;
        let (limits, events) = (shared.limits, &shared.events);
        let routes = listeners.iter().flat_map(|listener| listener.config.service.routes());
        let mut seen: Vec<&Target> = Vec::new();
        for route in routes.filter(|_| limits.probe) {
            if !seen.contains(&&route.to) {
                seen.push(&route.to);
                tokio::spawn(probe::look(route.clone(), shared.clone()));
            }
        }
        let mut sessions: JoinSet<[Counters; 2]> = JoinSet::new();
        let mut totals = Totals::default();
        let mut turned_away = 0u64;
        let seats = Seats::new(limits.sessions_per_client_max);
        let mut first = 0;
        // Once some sessions are over, their memory is released.
        let mut release = pin!(tokio::time::sleep(RELEASE_AFTER));
        let mut releases = false;
        let handed_out = stop.clone();
        loop {
            tokio::select! {
                (listener, accepted) = accept(&listeners, &mut first) => match accepted {
                    Ok((client, from)) => {
                        let seat = if sessions.len() >= limits.sessions_max {
                            Err((
                                format!("{max} of {max} sessions are open", max = limits.sessions_max),
                                "sessions_max",
                            ))
                        } else {
                            seats.take(from.ip()).map_err(|Full| (
                                format!(
                                    "{} has {max} of {max} sessions",
                                    from.ip(), max = limits.sessions_per_client_max
                                ),
                                "sessions_per_client_max",
                            ))
                        };
                        let seat = match seat {
                            Ok(seat) => seat,
                            Err((why, setting)) => {
                                let text = format!(
                                    "midwire: {why}, and no more are allowed ({setting})"
                                );
                                let stop = handed_out.clone();
                                farewell::turn_away(
                                    &listener.config, client, text, &shared, stop,
                                );
                                turned_away += 1;
                                if let Some(metrics) = &shared.metrics {
                                    metrics.turned_away();
                                }
                                if turned_away.is_power_of_two() {
                                    events.notice(None, format!(
                                        "a client was turned away ({turned_away} so far): {why}, that \
                                         is {setting}"
                                    ));
                                }
                                continue;
                            }
                        };
                        totals.sessions += 1;
                        let start = Start {
                            number: totals.sessions,
                            client,
                            from,
                            listener: listener.config.clone(),
                            shared: shared.clone(),
                            stop: handed_out.clone(),
                        };
                        sessions.spawn(async move {
                            let _seat = seat;
                            start.run().await
                        });
                    }
                    Err(error) => {
                        // Mostly too many open files: sessions that end make room.
                        events.notice(None, format!("cannot accept a client: {error}"));
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                },
                Some(ended) = sessions.join_next() => {
                    totals.add(ended);
                    if sessions.is_empty() {
                        kernel::close_spare_pipes();
                    }
                    if !std::mem::replace(&mut releases, true) {
                        release.as_mut().reset(tokio::time::Instant::now() + RELEASE_AFTER);
                    }
                }
                () = &mut release, if releases => {
                    releases = false;
                    release_memory();
                    // Threads have memory of their own; who runs these is by chance.
                    for _ in 0..RELEASES {
                        tokio::spawn(async { release_memory() });
                    }
                }
                () = asked(&mut stop) => break,
            }
        }
        drop(listeners);
        let all = async {
            while let Some(ended) = sessions.join_next().await {
                totals.add(ended);
            }
        };
        // Each session keeps to `close_wait` itself; the second more is for one that waits for its listing.
        let _ = tokio::time::timeout(limits.close_wait + Duration::from_secs(1), all).await;
        totals
    }
}

/// The addresses that a server is reached at now. What is wrong with it is told: every client is a new
/// chance.
async fn reach(to: &Target, names: &Names, events: &Sender) -> Vec<SocketAddr> {
    let Leads { places, by_record, unknown } = to.leads(names).await;
    if let Some(unknown) = unknown {
        events.notice(
            None,
            format!("the SRV records of {} are not known, so it is {to} now: {unknown}", to.host),
        );
    }
    let mut reached = Vec::new();
    for place in places {
        match place.resolve().await {
            Ok(found) => reached.extend(found),
            Err(error) => {
                let by = if by_record { format!(" of {to}") } else { String::new() };
                let again = "it is looked up again for each client";
                let host = &place.host;
                events.notice(None, format!("cannot find the server {host}{by}: {error}; {again}"));
            }
        }
    }
    reached
}

/// How long after the end of a session memory is released, with that of others which have ended by then.
const RELEASE_AFTER: Duration = Duration::from_millis(200);

/// Threads that are asked for memory.
const RELEASES: usize = 8;

/// Lets the allocator give memory back to the system. The one of Linux looks for some when a piece of 64 KiB or
/// more is freed, and what sessions free is smaller: without this, two thousand that are over mostly leave ten
/// megabytes behind until something else is freed.
fn release_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(96 << 10)));
}

/// Ports that are tried after the one that is taken.
pub(crate) const MOVES: u16 = 20;

/// Listens on an address, or on the next free port where that is allowed and does not lead to a server.
async fn listen(
    config: &ListenerConfig,
    reached: &[SocketAddr],
) -> Result<(TcpListener, SocketAddr), BindError> {
    let failed = |error| BindError::Listen(config.listen, error);
    let moves = if config.may_move { MOVES } else { 0 };
    let mut address = config.listen;
    for port in (config.listen.port()..=u16::MAX).take(usize::from(moves) + 1) {
        address.set_port(port);
        let is_last = port == u16::MAX || port - config.listen.port() == moves;
        if !is_last && reached.iter().any(|to| leads_to(*to, address)) {
            continue;
        }
        match TcpListener::bind(address).await {
            Ok(socket) => return settled(socket, reached).await.map_err(failed),
            Err(error) if is_last || error.kind() != io::ErrorKind::AddrInUse => {
                return Err(failed(error));
            }
            Err(_) => {}
        }
    }
    Err(failed(io::ErrorKind::AddrInUse.into()))
}

/// A socket with its address. Of "any free port" the system may choose the one that a server which is down will
/// come back to; then it chooses again.
async fn settled(
    socket: TcpListener,
    reached: &[SocketAddr],
) -> io::Result<(TcpListener, SocketAddr)> {
    let address = socket.local_addr()?;
    if !reached.iter().any(|to| leads_to(*to, address)) {
        return Ok((socket, address));
    }
    let mut any = address;
    any.set_port(0);
    // While the first is open its port is not chosen again.
    match TcpListener::bind(any).await {
        Ok(other) => other.local_addr().map(|address| (other, address)),
        Err(_) => Ok((socket, address)),
    }
}

/// The next client of any listener; none of them is passed over for long.
async fn accept<'l>(
    listeners: &'l [Listener],
    first: &mut usize,
) -> (&'l Listener, io::Result<(TcpStream, SocketAddr)>) {
    poll_fn(|cx| {
        let (before, after) = listeners.split_at(*first % listeners.len().max(1));
        for listener in after.iter().chain(before) {
            if let Poll::Ready(accepted) = listener.socket.poll_accept(cx) {
                *first = first.wrapping_add(1);
                return Poll::Ready((listener, accepted));
            }
        }
        Poll::Pending
    })
    .await
}

impl Totals {
    fn add(&mut self, ended: Result<[Counters; 2], tokio::task::JoinError>) {
        let Ok(counters) = ended else { return };
        let [serverbound, clientbound] = &counters;
        let had_packets = serverbound.frames + clientbound.frames > 0;
        let is_joined = serverbound.joined_bytes + clientbound.joined_bytes > 0;
        self.joined += u64::from(had_packets && is_joined);
        for (direction, counters) in counters.iter().enumerate() {
            self.packets += counters.frames;
            self.bytes[direction] += counters.bytes;
        }
    }
}

//! The sockets: accepts clients, connects each to the server, and drives their sessions.
//!
//! One task owns both connections of a session. Bytes are read into memory that belongs to the thread,
//! and go out in one write for each read; what a session keeps while nothing happens is the beginning of
//! a frame, if any. No other part of the program knows a session's sockets.

mod driver;
mod leg;
mod lent;

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use midwire_session::{Counters, Session, Setup, Watch};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::driver::Driver;
use self::leg::reset_on_close;
use crate::queue::{Message, Sender};
use crate::settings::RelayLimits;

/// Where sessions go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// A name or an address.
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// How to relay.
#[derive(Clone, Debug)]
pub(crate) struct RelayConfig {
    pub(crate) listen: SocketAddr,
    pub(crate) to: Target,
    /// How sessions are read; it changes when a definition is saved.
    pub(crate) setup: watch::Receiver<Arc<Setup>>,
    pub(crate) watch: Watch,
    pub(crate) limits: RelayLimits,
}

/// Why relaying cannot begin.
#[derive(Debug)]
pub(crate) enum BindError {
    /// The system refused the address.
    Listen(SocketAddr, io::Error),
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
}

/// A listening relay.
#[derive(Debug)]
pub(crate) struct Relay {
    listener: TcpListener,
    address: SocketAddr,
    config: Arc<RelayConfig>,
    events: Sender,
}

impl Relay {
    /// Starts to listen.
    pub(crate) async fn bind(config: RelayConfig, events: Sender) -> Result<Self, BindError> {
        // Before listening: afterwards a refused loop and a taken port could not be told apart.
        let resolved = resolve(&config.to).await;
        if let Some(own) = resolved.iter().flatten().find(|to| leads_to(**to, config.listen)) {
            return Err(BindError::Itself(*own));
        }
        if let Err(error) = &resolved {
            let text = format!(
                "cannot find the server {}: {error}; it is looked up again for each client",
                config.to.host
            );
            events.notice(None, text);
        }
        // The first session of a version makes its tables; nobody waits for those of the newest.
        drop(Session::new(config.setup.borrow().clone()));
        let listen = |error| BindError::Listen(config.listen, error);
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        if let Some(own) = resolved.iter().flatten().find(|to| leads_to(**to, address)) {
            return Err(BindError::Itself(*own));
        }
        Ok(Self { listener, address, config: Arc::new(config), events })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Relays until `stop` says true, then ends the sessions that are open.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) -> Totals {
        let Self { listener, address, config, events } = self;
        let mut sessions: JoinSet<[Counters; 2]> = JoinSet::new();
        let mut totals = Totals::default();
        let mut turned_away = 0u64;
        let handed_out = stop.clone();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok(_) if sessions.len() >= config.limits.sessions_max => {
                        turned_away += 1;
                        if turned_away.is_power_of_two() {
                            events.notice(None, format!(
                                "a client was turned away ({turned_away} so far): {} sessions are \
                                 open, that is sessions_max", config.limits.sessions_max
                            ));
                        }
                    }
                    Ok((client, from)) => {
                        totals.sessions += 1;
                        sessions.spawn(session(Start {
                            number: totals.sessions,
                            client,
                            from,
                            own: address,
                            config: config.clone(),
                            events: events.clone(),
                            stop: handed_out.clone(),
                        }));
                    }
                    Err(error) => {
                        // Mostly too many open files: sessions that end make room.
                        events.notice(None, format!("cannot accept a client: {error}"));
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                },
                Some(ended) = sessions.join_next() => totals.add(ended),
                () = asked(&mut stop) => break,
            }
        }
        drop(listener);
        let all = async {
            while let Some(ended) = sessions.join_next().await {
                totals.add(ended);
            }
        };
        // Each session keeps to `close_wait` itself; the second more is for one that waits for its listing.
        let _ = tokio::time::timeout(config.limits.close_wait + Duration::from_secs(1), all).await;
        totals
    }
}

impl Totals {
    fn add(&mut self, ended: Result<[Counters; 2], tokio::task::JoinError>) {
        let Ok(counters) = ended else { return };
        for (direction, counters) in counters.iter().enumerate() {
            self.packets += counters.frames;
            self.bytes[direction] += counters.bytes;
        }
    }
}

/// The addresses of a target.
async fn resolve(to: &Target) -> io::Result<Vec<SocketAddr>> {
    let found: Vec<_> = tokio::net::lookup_host((&*to.host, to.port)).await?.collect();
    if found.is_empty() {
        return Err(io::Error::other("the name has no address"));
    }
    Ok(found)
}

/// Whether connecting to `to` reaches who listens on `own`.
fn leads_to(to: SocketAddr, own: SocketAddr) -> bool {
    if to.port() != own.port() || own.port() == 0 {
        return false;
    }
    let plain = |ip: IpAddr| ip.to_canonical();
    let here = |ip: IpAddr| {
        // Only an address of this machine can be bound; no packet leaves for this.
        ip.is_loopback() || ip.is_unspecified() || std::net::UdpSocket::bind((ip, 0)).is_ok()
    };
    let (to, own) = (plain(to.ip()), plain(own.ip()));
    match own {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) | IpAddr::V6(Ipv6Addr::UNSPECIFIED) => here(to),
        // Connecting to the unspecified address is connecting to this machine.
        own => to == own || to.is_unspecified() && own.is_loopback(),
    }
}

/// What a session begins with.
struct Start {
    number: u64,
    client: TcpStream,
    from: SocketAddr,
    own: SocketAddr,
    config: Arc<RelayConfig>,
    events: Sender,
    stop: watch::Receiver<bool>,
}

/// One session, from the accepted client to the end of both connections.
async fn session(start: Start) -> [Counters; 2] {
    let Start { number, client, from, own, config, events, mut stop } = start;
    let mut setup = config.setup.clone();
    let begun = SystemTime::now();
    let clock = Instant::now();
    let server = config.to.to_string().into();
    events.send(Message::Opened { session: number, client: from, server }).await;
    let connected = tokio::select! {
        connected = connect(&config, own) => connected,
        () = asked(&mut stop) => Err("midwire ends".to_owned()),
    };
    let counters = match connected {
        Ok(server) => {
            let driver =
                Driver::new(&config, setup.borrow_and_update().clone(), client, server, clock);
            drive(driver, setup, number, begun, &events, stop).await
        }
        Err(reason) => {
            // What it would have met without midwire: nobody there, not an orderly end.
            reset_on_close(&client);
            events.notice(Some(number), format!("cannot connect to {}: {reason}", config.to));
            [Counters::default(); 2]
        }
    };
    events.send(Message::Ended { session: number }).await;
    counters
}

/// Waits until other definitions are to be used.
async fn changed(setup: &mut watch::Receiver<Arc<Setup>>) {
    if setup.changed().await.is_err() {
        // Nobody watches the files.
        std::future::pending::<()>().await;
    }
}

/// Waits until the program is to end.
async fn asked(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // There is nobody left to ask for it.
        std::future::pending::<()>().await;
    }
}

/// A connection to the server.
async fn connect(config: &RelayConfig, own: SocketAddr) -> Result<TcpStream, String> {
    let limit = config.limits.connect_timeout;
    let attempt = async {
        let mut last = String::new();
        for to in resolve(&config.to).await.map_err(|e| e.to_string())? {
            if leads_to(to, own) {
                return Err("that is midwire itself".to_owned());
            }
            match TcpStream::connect(to).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error.to_string(),
            }
        }
        Err(last)
    };
    let timed = tokio::time::timeout(limit, attempt).await;
    timed.unwrap_or_else(|_| {
        Err(format!("no answer within {} ms (connect_timeout)", limit.as_millis()))
    })
}

/// Moves bytes until the session is over.
async fn drive(
    mut driver: Driver,
    mut setup: watch::Receiver<Arc<Setup>>,
    number: u64,
    begun: SystemTime,
    events: &Sender,
    mut stop: watch::Receiver<bool>,
) -> [Counters; 2] {
    let mut stopped = pin!(asked(&mut stop));
    loop {
        tokio::select! {
            () = poll_fn(|cx| driver.poll(cx)) => {}
            () = &mut stopped, if !driver.is_stopping() => driver.stop(),
            () = changed(&mut setup) => {
                let setup = setup.borrow_and_update().clone();
                driver.set_definitions(setup);
            }
        }
        if !driver.events.is_empty() {
            let reported = std::mem::take(&mut driver.events);
            events.send(Message::Events { session: number, begun, events: reported }).await;
        }
        if driver.is_done() {
            return driver.finish();
        }
    }
}

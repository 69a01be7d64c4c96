//! VNC: midwire checks the client's password, logs in to the server with another, and joins both.
//!
//! ```text
//!   client ─── password ──▶ ClientSide ── which server ──▶ ServerSide ─── its password ──▶ server
//!          ◀── it is in ───     ▲                              │
//!                               ╰──── midwire is in itself ────╯
//!          ═══════════ joined; what was read already goes first ═══════════
//! ```

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use midwire_definition::escape::escape;
use midwire_rfb::{
    Access, Awaited, Challenge, ClientError, ClientHandshake, ClientOutput, Limits, Password,
    ServerError, ServerHandshake, ServerOutput,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{timeout, timeout_at};

use super::attempts::Attempts;
use super::session::{Ends, asked};
use super::target::{ConnectError, Connected};
use super::{Route, Shared};
use crate::queue::Message;

/// How VNC clients are let in, and where they go then.
#[derive(Debug)]
pub(crate) struct RfbService {
    /// At least one. Without a client's password there is one alone, and everybody is let in.
    pub(crate) servers: Vec<RfbServer>,
    pub(crate) attempts: Attempts,
    pub(crate) waits: Waits,
    pub(crate) limits: Limits,
}

/// How long others may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waits {
    /// `handshake_timeout`: for what programs say, and for the whole of a server's part; zero: for ever.
    pub(crate) handshake: Duration,
    /// `password_timeout`: for a password, which people type; zero: for ever.
    pub(crate) password: Duration,
}

/// A server, and the passwords that lead to it.
#[derive(Clone, Debug)]
pub(crate) struct RfbServer {
    pub(crate) route: Arc<Route>,
    /// What clients give that want this server.
    pub(crate) client_password: Option<Password>,
    /// What midwire gives to the server, if that asks.
    pub(crate) server_password: Option<Password>,
}

/// Why a client does not get to a server.
#[derive(Debug)]
enum Refusal {
    Client(ClientError),
    /// A wrong password, and how many of them count.
    WrongPassword(usize),
    TooManyAttempts,
    /// The client did not do its part in time; the setting that says how long that is.
    Slow(&'static str, Duration),
    Connect(ConnectError),
    Server(ServerError),
    /// The server did not do its part in time.
    SlowServer,
    /// The client's connection, or the server's, broke.
    Broken(&'static str, io::Error),
    /// The client went away while midwire logged in.
    Gone,
    /// The system gives no random bytes.
    Random(getrandom::Error),
    Stopped,
}

impl RfbService {
    fn access(&self) -> Access {
        match &self.servers[..] {
            [RfbServer { client_password: None, .. }] => Access::Open,
            servers => Access::Passwords(
                servers.iter().filter_map(|s| s.client_password.clone()).collect(),
            ),
        }
    }

    /// The server of a client's password.
    fn server(&self, password: Option<usize>) -> Option<&RfbServer> {
        match password {
            None => self.servers.first(),
            Some(place) => {
                self.servers.iter().filter(|server| server.client_password.is_some()).nth(place)
            }
        }
    }

    fn explain(&self, refusal: &Refusal) -> String {
        match refusal {
            Refusal::Client(error) => error.to_string(),
            Refusal::WrongPassword(count) => format!(
                "the client's password is wrong ({count} of {} within {}: auth_attempts_max)",
                self.attempts.max(),
                seconds(self.attempts.window())
            ),
            Refusal::TooManyAttempts => too_often(&self.attempts),
            Refusal::Slow(setting, limit) => format!(
                "the client did not go on with the handshake within {} ({setting})",
                seconds(*limit)
            ),
            Refusal::SlowServer => format!(
                "the server did not finish the handshake within {} (handshake_timeout)",
                seconds(self.waits.handshake)
            ),
            Refusal::Connect(error) => format!("the server cannot be reached: {error}"),
            // A server's own words, which go on to people on both sides.
            Refusal::Server(error) => escape(&error.to_string()).into_owned(),
            Refusal::Broken(side, error) => format!("the {side}'s connection broke: {error}"),
            Refusal::Gone => "the client left while midwire logged in to the server".into(),
            Refusal::Random(error) => format!("the system gives no random bytes: {error}"),
            Refusal::Stopped => "midwire ends".into(),
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// What clients are told once too many passwords were wrong, whatever they give.
fn too_often(attempts: &Attempts) -> String {
    format!(
        "the client has given a wrong password too often ({} times within {}: auth_attempts_max)",
        attempts.max(),
        seconds(attempts.window())
    )
}

/// The client's connection during the handshake.
struct ClientSide<'a> {
    stream: TcpStream,
    address: IpAddr,
    attempts: &'a Attempts,
    waits: Waits,
    /// What is waited for, and since when.
    awaited: (Awaited, Instant),
    handshake: ClientHandshake,
    /// What was read and not taken.
    read: BytesMut,
}

/// How far the client has come.
enum Step {
    Admitted(Option<usize>),
    Joined,
}

/// Bytes of one read during a handshake.
const READ: usize = 512;

impl ClientSide<'_> {
    /// Goes on until the client may come in, or is in.
    async fn next(&mut self) -> Result<Step, Refusal> {
        let broken = |error| Refusal::Broken("client", error);
        loop {
            if self.attempts.are_used_up(self.address, Instant::now()) {
                self.handshake.set_wrong_reason(&too_often(self.attempts));
            }
            let handled =
                self.handshake.handle_bytes(&mut self.read).map_err(|error| match error {
                    // Counted before the client knows it. Once too many were wrong, nothing tells the right
                    // one from others.
                    ClientError::WrongPassword => {
                        let (attempts, now) = (self.attempts, Instant::now());
                        let are_used_up = attempts.are_used_up(self.address, now);
                        match (attempts.fail(self.address, now), are_used_up) {
                            (_, true) => Refusal::TooManyAttempts,
                            (count, false) => Refusal::WrongPassword(count),
                        }
                    }
                    error => Refusal::Client(error),
                });
            while let Some(output) = self.handshake.poll_output() {
                match output {
                    ClientOutput::Send(bytes) => {
                        self.stream.write_all(&bytes).await.map_err(broken)?;
                    }
                    ClientOutput::Admitted { password } => return Ok(Step::Admitted(password)),
                    ClientOutput::Joined => return Ok(Step::Joined),
                    // That it was refused is known where it was.
                    ClientOutput::Close if handled.is_ok() => {
                        return Err(Refusal::TooManyAttempts);
                    }
                    ClientOutput::Close => {}
                }
            }
            handled?;
            let awaited = self.handshake.awaits();
            if awaited != self.awaited.0 {
                self.awaited = (awaited, Instant::now());
            }
            let (setting, limit) = match awaited {
                Awaited::Answer => ("password_timeout", self.waits.password),
                _ => ("handshake_timeout", self.waits.handshake),
            };
            self.read.reserve(READ);
            let reading = self.stream.read_buf(&mut self.read);
            let read = within(limit, self.awaited.1, reading).await;
            if read.ok_or(Refusal::Slow(setting, limit))?.map_err(broken)? == 0 {
                return Err(Refusal::Client(self.handshake.handle_end()));
            }
        }
    }

    /// Tells the client why it is not let in, where its version can, and closes the connection.
    async fn refuse(mut self, reason: &str) {
        self.handshake.refuse(reason);
        while let Some(output) = self.handshake.poll_output() {
            if let ClientOutput::Send(bytes) = output
                && self.stream.write_all(&bytes).await.is_err()
            {
                return;
            }
        }
        // With bytes that nobody has read a closed connection is reset, and the reason with it.
        if self.stream.shutdown().await.is_ok() {
            let mut rest = [0; READ];
            while self.stream.read(&mut rest).await.is_ok_and(|len| len > 0) {}
        }
    }
}

/// What comes of a future before a limit that began at a time; nothing if that has passed.
async fn within<T>(limit: Duration, since: Instant, future: impl Future<Output = T>) -> Option<T> {
    if limit.is_zero() {
        return Some(future.await);
    }
    match since.checked_add(limit) {
        Some(end) => timeout_at(end.into(), future).await.ok(),
        None => Some(future.await),
    }
}

/// Waits until the client's connection ends, if it does while nothing more of it is read.
async fn gone(client: &TcpStream) {
    match client.peek(&mut [0]).await {
        Ok(0) | Err(_) => {}
        Ok(_) => std::future::pending().await,
    }
}

/// Logs in to a server. Gives its connection, and what it has sent behind the handshake.
async fn log_in(
    service: &RfbService,
    server: &RfbServer,
    shared: &Shared,
) -> Result<(TcpStream, BytesMut), Refusal> {
    let Shared { addresses, names, limits, .. } = shared;
    let connecting = server.route.to.connect(names, addresses, limits.connect_timeout);
    let Connected { mut stream, .. } = connecting.await.map_err(Refusal::Connect)?;
    let _ = stream.set_nodelay(true);
    let mut handshake = ServerHandshake::new(server.server_password.clone(), service.limits);
    let mut read = BytesMut::new();
    let conversation = async {
        let broken = |error| Refusal::Broken("server", error);
        loop {
            read.reserve(READ);
            if stream.read_buf(&mut read).await.map_err(broken)? == 0 {
                return Err(Refusal::Server(handshake.handle_end(&read)));
            }
            let handled = handshake.handle_bytes(&mut read);
            while let Some(output) = handshake.poll_output() {
                match output {
                    ServerOutput::Send(bytes) => stream.write_all(&bytes).await.map_err(broken)?,
                    ServerOutput::LoggedIn => return Ok(()),
                }
            }
            handled.map_err(Refusal::Server)?;
        }
    };
    let ended = within(service.waits.handshake, Instant::now(), conversation).await;
    ended.unwrap_or(Err(Refusal::SlowServer))?;
    Ok((stream, BytesMut::from(&read[..])))
}

/// A client whose handshake is going on.
struct Front<'a> {
    service: &'a RfbService,
    shared: &'a Shared,
    session: u64,
    from: SocketAddr,
    /// Whether the session has been announced, which is done when its server is known.
    announced: bool,
}

impl Front<'_> {
    async fn announce(&mut self, server: String) {
        if !std::mem::replace(&mut self.announced, true) {
            let server = server.into();
            let opened = Message::Opened { session: self.session, client: self.from, server };
            self.shared.events.send(opened).await;
        }
    }

    /// Lets the client in and logs in to its server; gives that.
    async fn join(&mut self, client: &mut ClientSide<'_>) -> Result<Joined, Refusal> {
        let (service, address) = (self.service, self.from.ip());
        let step = client.next().await?;
        let Step::Admitted(password) = step else { return Err(Refusal::Gone) };
        // Other connections of this client may have used up the attempts meanwhile.
        if password.is_some() && service.attempts.are_used_up(address, Instant::now()) {
            return Err(Refusal::TooManyAttempts);
        }
        let Some(server) = service.server(password) else { return Err(Refusal::Gone) };
        self.announce(server.route.to.to_string()).await;
        let (stream, read) = tokio::select! {
            logged_in = log_in(service, server, self.shared) => logged_in?,
            () = gone(&client.stream) => return Err(Refusal::Gone),
        };
        client.handshake.accept();
        match client.next().await? {
            Step::Joined => Ok(Joined { route: server.route.clone(), stream, read }),
            Step::Admitted(_) => Err(Refusal::Gone),
        }
    }
}

/// The server that a client has got to.
struct Joined {
    route: Arc<Route>,
    stream: TcpStream,
    /// What it has sent behind the handshake.
    read: BytesMut,
}

fn challenge() -> Result<Challenge, Refusal> {
    let mut challenge = Challenge::default();
    getrandom::fill(&mut challenge).map_err(Refusal::Random)?;
    Ok(challenge)
}

/// A client that has connected.
pub(super) struct Arriving<'a> {
    pub(super) client: TcpStream,
    pub(super) from: SocketAddr,
    pub(super) session: u64,
    pub(super) shared: &'a Shared,
}

impl Arriving<'_> {
    /// Authenticates both sides, and gives what is to be joined; nothing if the client may not come in, or
    /// midwire cannot, which has been told then.
    pub(super) async fn let_in(
        self,
        service: &RfbService,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<(Arc<Route>, Ends)> {
        let Self { client, from, session, shared } = self;
        let mut front = Front { service, shared, session, from, announced: false };
        if let [only] = &service.servers[..] {
            front.announce(only.route.to.to_string()).await;
        }
        let _ = client.set_nodelay(true);
        let (challenge, mut refusal) = match challenge() {
            Ok(challenge) => (challenge, None),
            Err(refusal) => (Challenge::default(), Some(refusal)),
        };
        if service.attempts.are_used_up(from.ip(), Instant::now()) {
            refusal = Some(Refusal::TooManyAttempts);
        }
        let mut client = ClientSide {
            stream: client,
            address: from.ip(),
            attempts: &service.attempts,
            waits: service.waits,
            awaited: (Awaited::Version, Instant::now()),
            handshake: ClientHandshake::new(service.access(), challenge),
            read: BytesMut::new(),
        };
        if let Some(refusal) = &refusal {
            client.handshake.refuse(&service.explain(refusal));
        }
        let joined = tokio::select! {
            joined = front.join(&mut client) => joined,
            () = asked(stop) => Err(Refusal::Stopped),
        };
        match joined {
            Ok(Joined { route, stream, read }) => {
                let read = [BytesMut::from(&client.read[..]), read];
                Some((
                    route,
                    Ends { client: client.stream, server: stream, read, before: Vec::new() },
                ))
            }
            Err(refused) => {
                let reason = service.explain(&refusal.unwrap_or(refused));
                front.announce(format!("one of {} servers", service.servers.len())).await;
                shared.events.notice(Some(session), format!("the client was refused: {reason}"));
                let farewell = timeout(shared.limits.farewell_wait, client.refuse(&reason));
                tokio::select! {
                    // Whoever does not listen is not waited for.
                    _ = farewell => {}
                    () = asked(stop) => {}
                }
                None
            }
        }
    }
}

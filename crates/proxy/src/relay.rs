//! The sockets: accepts clients, connects each to the server, and drives their sessions.
//!
//! One task owns both connections of a session. Bytes are read into memory that belongs to the thread,
//! and go out in one write for each read; what a session keeps while nothing happens is the beginning of
//! a frame, if any.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime};

use bytes::{Buf, Bytes, BytesMut};
use midwire_session::{
    Counters, Direction, Elapsed, Event, Output, Scratch, Session, Setup, Watch,
};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Sleep;

use crate::queue::{Message, Sender};
use crate::settings::RelayLimits;

/// Bytes of one read.
const READ: usize = 64 << 10;
/// A scratch with less room than this gets new room.
const ROOM_MIN: usize = 16 << 10;
/// Unfinished frames up to this size are copied into the scratch and back; larger ones grow where they are.
const LEFTOVER_MAX: usize = 8 << 10;
/// Pieces of one write.
const PIECES: usize = 32;
/// Reads of a direction after the program was asked to end, before the direction is ended.
const LAST_READS: u32 = 64;

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
    pub(crate) setup: Arc<Setup>,
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
        drop(Session::new(config.setup.clone()));
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
            let driver = Driver::new(&config, client, server, clock);
            drive(driver, number, begun, &events, stop).await
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

/// Waits until the program is to end.
async fn asked(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // There is nobody left to ask for it.
        std::future::pending::<()>().await;
    }
}

/// Makes the connection's end a reset: that is what closing is without any lingering.
fn reset_on_close(stream: &TcpStream) {
    // Where it cannot be set the connection has ended already.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
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
    number: u64,
    begun: SystemTime,
    events: &Sender,
    mut stop: watch::Receiver<bool>,
) -> [Counters; 2] {
    let mut stopped = pin!(asked(&mut stop));
    loop {
        let asked_to_stop = tokio::select! {
            () = poll_fn(|cx| driver.poll(cx)) => false,
            () = &mut stopped, if !driver.is_stopping() => true,
        };
        if asked_to_stop {
            driver.stop();
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

/// What a thread lends to the session that it drives just now.
struct Lent {
    read: BytesMut,
    scratch: Scratch,
}

thread_local! {
    static LENT: RefCell<Option<Lent>> = const { RefCell::new(None) };
}

/// Runs `act` with this thread's memory.
fn with_lent<R>(setup: &Setup, act: impl FnOnce(&mut Lent) -> R) -> R {
    LENT.with_borrow_mut(|lent| {
        let make =
            || Lent { read: BytesMut::new(), scratch: Scratch::new(&setup.options().limits) };
        act(lent.get_or_insert_with(make))
    })
}

/// Makes room for a read.
fn make_room(buffer: &mut BytesMut) {
    if buffer.capacity() - buffer.len() < ROOM_MIN {
        buffer.reserve(READ);
    }
}

/// A connection, as what bytes are written to.
struct Leg {
    stream: TcpStream,
    queue: VecDeque<Bytes>,
    queued: usize,
    finish: Finish,
    /// It takes no more bytes: the peer is gone.
    failed: bool,
    /// It is to be reset.
    aborted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    No,
    Wanted,
    Done,
}

impl Leg {
    fn new(stream: TcpStream) -> Self {
        // Games send many small frames that must not wait for each other. A system that refuses is
        // slower, not wrong.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            queue: VecDeque::new(),
            queued: 0,
            finish: Finish::No,
            failed: false,
            aborted: false,
        }
    }

    fn push(&mut self, bytes: Bytes) {
        if !self.failed {
            self.queued += bytes.len();
            self.queue.push_back(bytes);
        }
    }

    fn fail(&mut self) {
        self.failed = true;
        self.queue = VecDeque::new();
        self.queued = 0;
    }

    fn took(&mut self, mut len: usize) {
        self.queued -= len;
        while len > 0 {
            let Some(first) = self.queue.front_mut() else { break };
            if first.len() > len {
                first.advance(len);
                break;
            }
            len -= first.len();
            self.queue.pop_front();
        }
        if self.queue.is_empty() && self.queue.capacity() > PIECES {
            self.queue = VecDeque::new();
        }
    }

    /// Writes what waits; then ends the direction, if that is wanted.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.queue.is_empty() {
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let mut count = 0;
            for (piece, bytes) in pieces.iter_mut().zip(&self.queue) {
                *piece = IoSlice::new(bytes);
                count += 1;
            }
            let stream = Pin::new(&mut self.stream);
            match ready!(stream.poll_write_vectored(cx, &pieces[..count])) {
                Ok(0) | Err(_) => self.fail(),
                Ok(len) => self.took(len),
            }
        }
        if self.finish == Finish::Wanted {
            // Fails where the peer is gone, which its own end tells.
            let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(cx));
            self.finish = Finish::Done;
        }
        Poll::Ready(())
    }

    /// Nothing is left to be done for it.
    fn is_settled(&self) -> bool {
        let flushed = self.queue.is_empty() && self.finish != Finish::Wanted;
        self.aborted || self.failed || flushed
    }
}

/// A session with its two connections.
struct Driver {
    session: Session,
    setup: Arc<Setup>,
    /// By the direction whose bytes they take: the server's, then the client's.
    legs: [Leg; 2],
    /// Beginnings of frames, by direction.
    leftover: [BytesMut; 2],
    /// Directions whose sender was reset, which is told once what it sent has been written.
    reset: [bool; 2],
    events: Vec<Event>,
    write_max: usize,
    close_wait: Duration,
    clock: Instant,
    /// When what is left is given up.
    deadline: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Reads that each direction may still have before it is ended; `None`: it goes on.
    last_reads: Option<[u32; 2]>,
    /// Directions that were ended because the program ends.
    ended: [bool; 2],
    counters: [Counters; 2],
    closed: bool,
    given_up: bool,
}

impl Driver {
    fn new(config: &RelayConfig, client: TcpStream, server: TcpStream, clock: Instant) -> Self {
        let mut session = Session::new(config.setup.clone());
        session.set_watch(config.watch);
        let mut driver = Self {
            session,
            setup: config.setup.clone(),
            legs: [Leg::new(server), Leg::new(client)],
            leftover: [BytesMut::new(), BytesMut::new()],
            reset: [false; 2],
            events: Vec::new(),
            write_max: config.limits.write_max,
            close_wait: config.limits.close_wait,
            clock,
            deadline: None,
            timer: None,
            last_reads: None,
            ended: [false; 2],
            counters: [Counters::default(); 2],
            closed: false,
            given_up: false,
        };
        driver.take_outputs();
        driver
    }

    fn now(&self) -> Elapsed {
        Elapsed(self.clock.elapsed())
    }

    fn is_stopping(&self) -> bool {
        self.last_reads.is_some()
    }

    fn is_done(&self) -> bool {
        self.given_up || self.closed && self.legs.iter().all(Leg::is_settled)
    }

    /// Ends both directions once what has come already is read.
    fn stop(&mut self) {
        self.last_reads = Some([LAST_READS; 2]);
        self.give_up_later();
    }

    fn give_up_later(&mut self) {
        self.deadline.get_or_insert_with(|| Instant::now() + self.close_wait);
    }

    /// Resets what is to be reset, and lets the connections go.
    fn finish(mut self) -> [Counters; 2] {
        for leg in &mut self.legs {
            if leg.aborted || self.given_up {
                reset_on_close(&leg.stream);
            }
        }
        if !self.closed {
            self.counters = Direction::BOTH.map(|direction| self.session.counters(direction));
        }
        self.counters
    }

    /// Moves bytes; ready when there is something to report, or the session is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut progress = false;
            for direction in Direction::BOTH {
                // Whether it could write everything shows in what is left.
                let _ = self.legs[direction.index()].poll_write(cx);
                self.tell_reset(direction);
                let read = self.may_read(direction) && self.poll_read(direction, cx).is_ready();
                progress |= read;
                if let Some(left) = &mut self.last_reads {
                    left[direction.index()] = left[direction.index()].saturating_sub(1);
                    if !read || left[direction.index()] == 0 {
                        progress |= self.end(direction);
                    }
                }
            }
            if !self.events.is_empty() || self.is_done() {
                return Poll::Ready(());
            }
            if !progress && self.poll_timer(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn may_read(&self, direction: Direction) -> bool {
        !self.reset[direction.index()]
            && self.legs[direction.index()].queued < self.write_max
            && self.session.wants_bytes(direction)
    }

    /// Reads once from who sends in a direction, and writes what comes of it.
    fn poll_read(&mut self, direction: Direction, cx: &mut Context<'_>) -> Poll<()> {
        let setup = self.setup.clone();
        with_lent(&setup, |lent| {
            let leftover = &mut self.leftover[direction.index()];
            let in_place = leftover.len() > LEFTOVER_MAX;
            let mut buffer = if in_place {
                std::mem::take(leftover)
            } else {
                lent.read.clear();
                make_room(&mut lent.read);
                lent.read.extend_from_slice(leftover);
                std::mem::take(&mut lent.read)
            };
            make_room(&mut buffer);
            let sender = &mut self.legs[direction.opposite().index()];
            let polled = pin!(sender.stream.read_buf(&mut buffer)).poll(cx);
            let failed = sender.failed;
            let at = Elapsed(self.clock.elapsed());
            match polled {
                Poll::Pending if in_place => self.leftover[direction.index()] = buffer,
                Poll::Pending => lent.read = buffer,
                Poll::Ready(Ok(0)) if !failed => {
                    self.session.handle_end(direction, &mut buffer, at, &mut lent.scratch);
                }
                // One that takes no bytes and now sends none has not finished: it is gone.
                Poll::Ready(Ok(0) | Err(_)) => {
                    sender.fail();
                    self.reset[direction.index()] = true;
                }
                Poll::Ready(Ok(_)) => {
                    self.session.handle_bytes(direction, &mut buffer, at, &mut lent.scratch);
                    self.take_outputs();
                    // What cannot be written now is tried again when there is room.
                    for leg in &mut self.legs {
                        let _ = leg.poll_write(cx);
                    }
                    lent.read = self.keep(direction, buffer, in_place, &mut lent.read);
                }
            }
            self.take_outputs();
            polled.map(|_| ())
        })
    }

    /// Keeps what is left of a read, in as little memory as it takes; gives the thread's memory back.
    fn keep(
        &mut self,
        direction: Direction,
        buffer: BytesMut,
        in_place: bool,
        lent: &mut BytesMut,
    ) -> BytesMut {
        let leftover = &mut self.leftover[direction.index()];
        if buffer.len() > LEFTOVER_MAX {
            // A large frame grows where it is; the thread gets new memory when it needs some.
            *leftover = buffer;
            return std::mem::take(lent);
        }
        *leftover = BytesMut::from(&buffer[..]);
        if in_place { std::mem::take(lent) } else { buffer }
    }

    /// Tells the session that a direction's sender was reset, once all that it had sent is written.
    fn tell_reset(&mut self, direction: Direction) {
        if !self.reset[direction.index()] || self.closed {
            return;
        }
        let receiver = &self.legs[direction.index()];
        if receiver.queue.is_empty() || receiver.failed {
            let at = self.now();
            self.session.handle_reset(direction, at);
            self.take_outputs();
        } else {
            self.give_up_later();
        }
    }

    /// Ends a direction when the program is to end and nothing more has come.
    fn end(&mut self, direction: Direction) -> bool {
        if std::mem::replace(&mut self.ended[direction.index()], true) {
            return false;
        }
        let at = self.now();
        let setup = self.setup.clone();
        let mut leftover = std::mem::take(&mut self.leftover[direction.index()]);
        with_lent(&setup, |lent| {
            self.session.handle_end(direction, &mut leftover, at, &mut lent.scratch);
        });
        self.take_outputs();
        true
    }

    /// Acts at the time that the session asked for; ready when that was now.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let wanted = self.session.poll_timeout().and_then(|at| self.clock.checked_add(at.0));
        let Some(next) = wanted.into_iter().chain(self.deadline).min() else {
            self.timer = None;
            return Poll::Pending;
        };
        let timer =
            self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next.into())));
        if timer.deadline() != next.into() {
            timer.as_mut().reset(next.into());
        }
        ready!(timer.as_mut().poll(cx));
        self.timer = None;
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            self.given_up = true;
            return Poll::Ready(());
        }
        let at = self.now();
        let setup = self.setup.clone();
        with_lent(&setup, |lent| self.session.handle_timeout(at, &mut lent.scratch));
        self.take_outputs();
        Poll::Ready(())
    }

    /// Does what the session wants done.
    fn take_outputs(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send { direction, bytes } => self.legs[direction.index()].push(bytes),
                Output::Finish { direction } => {
                    let leg = &mut self.legs[direction.index()];
                    if leg.finish == Finish::No {
                        leg.finish = Finish::Wanted;
                    }
                }
                Output::Abort { direction } => self.legs[direction.index()].aborted = true,
                Output::Event(event) => {
                    if let Event::Closed { counters, .. } = &event {
                        (self.counters, self.closed) = (*counters, true);
                    }
                    self.events.push(event);
                }
            }
        }
    }
}

//! The addresses that are listened on.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use tokio::net::{TcpListener, TcpStream};

use super::route::Service;
use super::target::leads_to;

/// An address that clients connect to.
#[derive(Debug)]
pub(crate) struct ListenerConfig {
    pub(crate) listen: SocketAddr,
    /// A port that another program uses may be left for the next free one.
    pub(crate) may_move: bool,
    pub(crate) service: Service,
}

/// An address that is listened on.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: TcpListener,
    pub(super) config: Arc<ListenerConfig>,
}

/// Why relaying cannot begin.
#[derive(Debug)]
pub(crate) enum BindError {
    /// The system refused the address.
    Listen(SocketAddr, io::Error),
    /// The same, of the address for the metrics.
    Metrics(SocketAddr, io::Error),
    /// The account cannot be used.
    Account(anyhow::Error),
    /// Listening there, the server's address would be midwire's own.
    Itself { listen: SocketAddr, server: SocketAddr },
}

impl BindError {
    /// Where it was to listen for clients.
    pub(crate) fn listen(&self) -> Option<SocketAddr> {
        match self {
            Self::Listen(listen, _) | Self::Itself { listen, .. } => Some(*listen),
            Self::Metrics(..) | Self::Account(_) => None,
        }
    }

    /// How to put it right, if that is known. `another` takes an address and says where another one is
    /// written, as `--listen 127.0.0.1:PORT`.
    pub(crate) fn remedy(&self, another: fn(&str) -> String) -> Option<String> {
        match self {
            Self::Listen(address, error) => {
                let any = SocketAddr::new(address.ip(), 0).to_string();
                let host = any.strip_suffix(":0").unwrap_or(&any);
                let another = another(&format!("{host}:PORT"));
                match error.kind() {
                    io::ErrorKind::AddrInUse => Some(format!(
                        "end it, or take another port with {another} (0: any free one)"
                    )),
                    io::ErrorKind::PermissionDenied => Some(format!(
                        "ports below 1024 often need rights, others do not: {another}"
                    )),
                    _ => None,
                }
            }
            Self::Account(_) => None,
            Self::Metrics(..) => Some("another port is chosen with --metrics PORT".to_owned()),
            Self::Itself { .. } => {
                Some(format!("take another port for the game with {}", another("127.0.0.1:PORT")))
            }
        }
    }
}

impl std::fmt::Display for BindError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen(address, error) => {
                write!(f, "cannot listen on {address}: ")?;
                match error.kind() {
                    io::ErrorKind::AddrInUse => f.write_str("another program uses that port"),
                    io::ErrorKind::AddrNotAvailable => {
                        f.write_str("this machine does not have that address")
                    }
                    _ => write!(f, "{error}"),
                }
            }
            Self::Metrics(address, error) => {
                write!(f, "cannot listen on {address} for the metrics: {error}")
            }
            Self::Account(error) => write!(f, "{error}"),
            Self::Itself { server, .. } => write!(
                f,
                "the server {server} is midwire itself: it would connect to itself without end"
            ),
        }
    }
}

impl std::error::Error for BindError {}

/// Ports that are tried after the one that is taken.
pub(crate) const MOVES: u16 = 20;

/// Listens on an address, or on the next free port where that is allowed and does not lead to a server.
pub(super) async fn listen(
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
pub(super) async fn accept<'l>(
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

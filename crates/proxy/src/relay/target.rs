//! Where sessions go to: names, addresses, and connecting to them.
//!
//! A name without a port leads where its SRV records say, as it does for the game itself. Where it has
//! none, or they cannot be had, it is the name and the usual port.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::names::{Names, NoAnswer, Place};

/// Where sessions go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// A name or an address.
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    /// The service whose SRV records say where the name leads, as `_minecraft._tcp`. `None`: name and
    /// port stand for themselves.
    pub(crate) service: Option<&'static str>,
}

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) stream: TcpStream,
    /// Where an SRV record has led to.
    pub(super) place: Option<Place>,
}

/// Where a name leads.
#[derive(Debug)]
pub(crate) struct Leads {
    pub(crate) places: Vec<Place>,
    /// An SRV record says so.
    pub(crate) by_record: bool,
    /// Why it is not known what the records say.
    pub(crate) unknown: Option<NoAnswer>,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_place(f, &self.host, self.port)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_place(f, &self.host, self.port)
    }
}

fn write_place(f: &mut std::fmt::Formatter<'_>, host: &str, port: u16) -> std::fmt::Result {
    if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
}

/// The service by which a game's servers are found, of a protocol of this name.
pub(crate) fn service(protocol: &str) -> Option<&'static str> {
    (protocol == "minecraft").then_some("_minecraft._tcp")
}

/// Why there is no connection to a server.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// The name is not known.
    Lookup(io::Error),
    /// The address is midwire's own.
    Itself,
    /// No address of it took the connection; this is what the last one said.
    Refused(io::Error),
    /// None answered in time.
    Timeout(Duration),
    /// An SRV record leads to this place, and there it went wrong.
    At(Place, Box<ConnectError>),
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lookup(error) => match error.kind() {
                io::ErrorKind::TimedOut => f.write_str("the name was not answered in time"),
                _ => f.write_str("the name is not known"),
            },
            Self::Refused(error) => f.write_str(&reason(error)),
            Self::Itself => f.write_str("that is midwire itself"),
            Self::Timeout(limit) => {
                write!(f, "no answer within {} ms (connect_timeout)", limit.as_millis())
            }
            Self::At(place, error) => write!(f, "its SRV record says {place}: {error}"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// Why a connection was not made, in words for players.
pub(crate) fn reason(error: &io::Error) -> String {
    let words = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset",
        io::ErrorKind::TimedOut => "no answer",
        io::ErrorKind::HostUnreachable => "the host cannot be reached",
        io::ErrorKind::NetworkUnreachable => "no network leads there",
        _ => return error.to_string(),
    };
    words.to_owned()
}

impl Target {
    /// Where it leads, now: at least to one place.
    pub(crate) async fn leads(&self, names: &Names) -> Leads {
        let itself = || vec![Place { host: self.host.clone(), port: self.port }];
        let Some(service) = self.service else {
            return Leads { places: itself(), by_record: false, unknown: None };
        };
        match names.places(service, &self.host).await {
            Ok(places) if !places.is_empty() => Leads { places, by_record: true, unknown: None },
            Ok(_) => Leads { places: itself(), by_record: false, unknown: None },
            Err(error) => Leads { places: itself(), by_record: false, unknown: Some(error) },
        }
    }

    /// A connection to it, which must not lead to one of `own`.
    pub(super) async fn connect(
        &self,
        names: &Names,
        own: &[SocketAddr],
        limit: Duration,
    ) -> Result<Connected, ConnectError> {
        let attempt = async {
            let Leads { places, by_record, .. } = self.leads(names).await;
            let mut last = ConnectError::Lookup(no_address());
            for place in places {
                match place.connect(own).await {
                    Ok(stream) => {
                        let place = by_record.then_some(place);
                        return Ok(Connected { stream, place });
                    }
                    // Another place cannot make up for that.
                    Err(ConnectError::Itself) => return Err(ConnectError::Itself),
                    Err(error) if by_record => last = ConnectError::At(place, Box::new(error)),
                    Err(error) => last = error,
                }
            }
            Err(last)
        };
        let timed = tokio::time::timeout(limit, attempt).await;
        timed.unwrap_or(Err(ConnectError::Timeout(limit)))
    }
}

impl Place {
    /// Its addresses.
    pub(crate) async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<_> = tokio::net::lookup_host((&*self.host, self.port)).await?.collect();
        if found.is_empty() { Err(no_address()) } else { Ok(found) }
    }

    async fn connect(&self, own: &[SocketAddr]) -> Result<TcpStream, ConnectError> {
        let mut last = no_address();
        for to in self.resolve().await.map_err(ConnectError::Lookup)? {
            if own.iter().any(|own| leads_to(to, *own)) {
                return Err(ConnectError::Itself);
            }
            match TcpStream::connect(to).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(ConnectError::Refused(last))
    }
}

fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the name has no address")
}

/// Whether connecting to `to` reaches who listens on `own`.
pub(crate) fn leads_to(to: SocketAddr, own: SocketAddr) -> bool {
    if to.port() != own.port() || own.port() == 0 {
        return false;
    }
    let (to, own) = (to.ip().to_canonical(), own.ip().to_canonical());
    match own {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) | IpAddr::V6(Ipv6Addr::UNSPECIFIED) => is_here(to),
        // Connecting to the unspecified address is connecting to this machine.
        own => to == own || to.is_unspecified() && own.is_loopback(),
    }
}

/// Whether an address is one of this machine's.
pub(crate) fn is_here(ip: IpAddr) -> bool {
    // Only an address of this machine can be bound; no packet leaves for this.
    ip.is_loopback() || ip.is_unspecified() || std::net::UdpSocket::bind((ip, 0)).is_ok()
}

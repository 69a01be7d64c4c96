//! Where sessions go to: names, addresses, and connecting to them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

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
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lookup(error) | Self::Refused(error) => error.fmt(f),
            Self::Itself => f.write_str("that is midwire itself"),
            Self::Timeout(limit) => {
                write!(f, "no answer within {} ms (connect_timeout)", limit.as_millis())
            }
        }
    }
}

impl std::error::Error for ConnectError {}

impl Target {
    /// Its addresses.
    pub(super) async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<_> = tokio::net::lookup_host((&*self.host, self.port)).await?.collect();
        if found.is_empty() {
            return Err(io::Error::other("the name has no address"));
        }
        Ok(found)
    }

    /// A connection to it, which must not lead to one of `own`.
    pub(super) async fn connect(
        &self,
        own: &[SocketAddr],
        limit: Duration,
    ) -> Result<TcpStream, ConnectError> {
        let attempt = async {
            let mut last = io::Error::other("the name has no address");
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
        };
        let timed = tokio::time::timeout(limit, attempt).await;
        timed.unwrap_or(Err(ConnectError::Timeout(limit)))
    }
}

/// Whether connecting to `to` reaches who listens on `own`.
pub(super) fn leads_to(to: SocketAddr, own: SocketAddr) -> bool {
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

//! Whether the servers are there when midwire starts: a warning where one is not.
//!
//! A connection that says nothing is no harmless thing: a server may log it, count it, or keep a place
//! for it. So one is made only to a game's server elsewhere whose clients speak first. On this machine the
//! system tells whether anybody listens, and a connection is made only to see that it is refused.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use midwire_session::{Direction, Session};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;

use super::target::is_here;
use super::{Route, Shared, leg::reset_on_close};

/// How long a server may take.
const WAIT: Duration = Duration::from_secs(3);

/// Tells of a server that is not there now.
pub(super) async fn look(route: Arc<Route>, shared: Arc<Shared>) {
    let places = route.to.leads(&shared.names).await.places;
    let mut down = None;
    for place in places {
        let Ok(addresses) = place.resolve().await else { return };
        for address in addresses {
            match state(address, &route).await {
                State::Down(error) => down = Some((address, error)),
                State::Up | State::Unknown => return,
            }
        }
    }
    if let Some((address, error)) = down {
        let error = super::target::reason(&error);
        let by = if route.to.to_string() == address.to_string() {
            String::new()
        } else {
            format!(" ({address})")
        };
        // Only where the protocol has words for it.
        let setup = route.setup.borrow().clone();
        let has_words = shared.limits.farewell && Session::new(setup).has_parting_words();
        let then = if has_words { "; clients are told so" } else { "" };
        shared
            .events
            .notice(None, format!("the server {}{by} is not there now: {error}{then}", route.to));
    }
}

enum State {
    Up,
    Down(io::Error),
    Unknown,
}

async fn state(address: SocketAddr, route: &Route) -> State {
    let protocol = route.setup.borrow().protocol().clone();
    let says_version = protocol.version_from.as_ref();
    let clients_begin = says_version.is_some_and(|from| from.direction == Direction::Serverbound);
    let may_connect = if is_here(address.ip()) { is_free(address) } else { clients_begin };
    if !may_connect {
        return State::Unknown;
    }
    match tokio::time::timeout(WAIT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => {
            reset_on_close(&stream);
            State::Up
        }
        Ok(Err(error)) => State::Down(error),
        Err(_) => State::Down(io::ErrorKind::TimedOut.into()),
    }
}

/// Whether nobody on this machine listens on an address: it could be taken. It is not listened on for
/// that, so nobody can connect to midwire by mistake.
fn is_free(address: SocketAddr) -> bool {
    let taken = || -> io::Result<()> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // What remains of old connections does not count. Elsewhere than on Unix this would share a port.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())
    };
    taken().is_ok()
}

//! Choosing a client's route by its first bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use midwire_codec::Direction;
use midwire_definition::Detected;
use midwire_route::{Candidate, Needles, Refusal, Response, Sniffer, Table, Verdict};
use tokio::net::TcpStream;

use super::Route;

/// Bytes of one read.
const READ: usize = 4 << 10;

/// Routes to choose from by first bytes.
#[derive(Debug)]
pub(crate) struct Sniffed {
    table: Arc<Table>,
    /// Which way each candidate of the table is.
    order: Vec<usize>,
    ways: Arc<[Way]>,
    /// How long first bytes are waited for.
    wait: Duration,
}

/// What is done with a connection that a route was chosen for.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) name: Arc<str>,
    pub(crate) action: Action,
    /// What hands it over to another way.
    pub(crate) then: Option<Then>,
    /// A PROXY header is sent to the server: of version 2 (true) or 1.
    pub(crate) send_header: Option<bool>,
}

/// What a way does.
#[derive(Debug)]
pub(crate) enum Action {
    /// The connection is joined with one to a server.
    Relay(Arc<Route>),
    /// It is answered by midwire itself.
    Respond(Response),
}

/// Patterns that hand a connection over.
#[derive(Debug)]
pub(crate) struct Then {
    pub(crate) needles: Arc<Needles>,
    /// For each pattern.
    pub(crate) next: Vec<Next>,
}

/// Where a pattern hands a connection over to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Next {
    /// Its place among the ways.
    pub(crate) way: usize,
    /// The pattern itself is not sent there.
    pub(crate) drop_match: bool,
}

/// A client whose way is known.
pub(super) struct Chosen {
    pub(super) way: usize,
    /// Whom a PROXY header named as the client and its destination.
    pub(super) addresses: Option<(SocketAddr, SocketAddr)>,
    /// A PROXY header for the server.
    pub(super) header: Bytes,
    /// What was read behind it.
    pub(super) read: BytesMut,
}

/// Why no way was chosen.
pub(super) enum Turned {
    /// There is none for it.
    Refused(Refusal),
    /// The client is gone.
    Gone,
}

impl Way {
    /// Whether packets of its protocol may begin with this. If not it stands in front of them.
    pub(super) fn begins_with(&self, text: &[u8]) -> bool {
        let Action::Relay(route) = &self.action else { return true };
        let setup = route.setup.borrow().clone();
        let protocol = setup.protocol();
        let direction = Direction::Serverbound;
        !protocol.has_detect(direction)
            || protocol.detect(direction, text, usize::MAX) != Detected::No
    }
}

impl Sniffed {
    /// Candidates with the way of each.
    pub(crate) fn new(
        candidates: Vec<(Candidate, usize)>,
        ways: Arc<[Way]>,
        sniff_max: usize,
        wait: Duration,
    ) -> Self {
        let (candidates, order): (Vec<_>, Vec<_>) = candidates.into_iter().unzip();
        Self { table: Arc::new(Table::new(candidates, sniff_max)), order, ways, wait }
    }

    /// All ways, those included that are only come to by a hand-over.
    pub(super) fn ways(&self) -> &Arc<[Way]> {
        &self.ways
    }

    /// The routes to servers among them.
    pub(super) fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.ways.iter().filter_map(|way| match &way.action {
            Action::Relay(route) => Some(route),
            Action::Respond(_) => None,
        })
    }

    /// Reads what it takes to choose a way.
    pub(super) async fn choose(&self, client: &TcpStream) -> Result<Chosen, Turned> {
        let mut sniffer = Sniffer::new(self.table.clone());
        let mut read = BytesMut::new();
        let mut verdict = sniffer.look(&read);
        let deadline = tokio::time::Instant::now() + self.wait;
        while verdict == Verdict::NeedsMore {
            let more = tokio::time::timeout_at(deadline, read_some(client, &mut read)).await;
            verdict = match more {
                Ok(Ok(0)) | Err(_) => sniffer.settle(&read),
                Ok(Ok(_)) => sniffer.look(&read),
                Ok(Err(_)) => return Err(Turned::Gone),
            };
        }
        match verdict {
            Verdict::Chosen(choice) => {
                let way = self.order.get(choice.route).copied().unwrap_or(0);
                let header_len = match choice.skip {
                    0 => choice.pass,
                    skip => skip,
                };
                let header = read.split_to(header_len.min(read.len()));
                let header = if choice.skip > 0 { Bytes::new() } else { header.freeze() };
                Ok(Chosen { way, addresses: choice.addresses, header, read })
            }
            Verdict::Refused(refusal) => Err(Turned::Refused(refusal)),
            Verdict::NeedsMore => Err(Turned::Refused(Refusal::NoRoute)),
        }
    }
}

/// Reads once; no memory is held while nothing comes.
async fn read_some(client: &TcpStream, into: &mut BytesMut) -> std::io::Result<usize> {
    loop {
        client.readable().await?;
        let mut bytes = [0; READ];
        match client.try_read(&mut bytes) {
            Ok(len) => {
                into.extend_from_slice(bytes.get(..len).unwrap_or(&[]));
                return Ok(len);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

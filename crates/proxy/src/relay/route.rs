//! What is done with clients, and where they go.

use std::sync::Arc;

use midwire_session::Setup;
use tokio::sync::watch;

use super::rfb::RfbService;
use super::sniff::Sniffed;
use super::target::Target;

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
}

impl Service {
    /// All ways that a client may go.
    pub(super) fn routes(&self) -> Vec<&Arc<Route>> {
        match self {
            Self::Route(route) => vec![route],
            Self::Rfb(rfb) => rfb.servers.iter().map(|server| &server.route).collect(),
            Self::Sniff(sniffed) => sniffed.routes().collect(),
        }
    }
}

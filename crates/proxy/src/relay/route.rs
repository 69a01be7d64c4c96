//! What is done with clients, and where they go.

use std::sync::{Arc, OnceLock};

use midwire_session::Setup;
use tokio::sync::watch;

use super::rfb::RfbService;
use super::sniff::Sniffed;
use super::target::Target;
use crate::record::{RecordTo, Recorder};

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

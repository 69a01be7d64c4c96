//! The sockets: accepts clients, connects each to the server, and drives their sessions.
//!
//! One task owns both connections of a session. Bytes are read into memory that belongs to the thread,
//! and go out in one write for each read; what a session keeps while nothing happens is the beginning of
//! a frame, if any. No other part of the program knows a session's sockets.

mod attempts;
mod driver;
mod encryption;
mod farewell;
mod files;
mod handover;
mod joined;
#[cfg_attr(not(target_os = "linux"), path = "no_kernel.rs")]
mod kernel;
mod leg;
mod lent;
mod listener;
mod memory;
mod probe;
mod rfb;
mod route;
mod seats;
mod session;
mod sniff;
mod target;
mod totals;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use midwire_session::{Counters, Session, Setup, Watch};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub(crate) use self::attempts::Attempts;
pub(crate) use self::listener::{BindError, ListenerConfig, MOVES};
use self::listener::{Listener, accept, listen};
use self::memory::{RELEASE_AFTER, RELEASES, release_memory};
pub(crate) use self::rfb::{RfbServer, RfbService, Waits};
pub(crate) use self::route::{Route, Service};
use self::seats::{Full, Seats};
use self::session::{Start, asked};
pub(crate) use self::sniff::{Action, Next, Sniffed, Then, Way};
pub(crate) use self::target::{Leads, Target, leads_to, reason, service};
pub(crate) use self::totals::Totals;
use crate::account::Account;
use crate::metrics::Metrics;
use crate::names::Names;
use crate::queue::Sender;
use crate::settings::RelayLimits;

/// How to relay.
#[derive(Debug)]
pub(crate) struct RelayConfig {
    /// At least one.
    pub(crate) listeners: Vec<ListenerConfig>,
    pub(crate) watch: Watch,
    /// The same for protocols that have no packets.
    pub(crate) watch_raw: Watch,
    pub(crate) limits: RelayLimits,
    /// Where what happens is counted, if anybody wants to know.
    pub(crate) metrics: Option<Arc<Metrics>>,
    /// Who joins for midwire where a server asks who the client is.
    pub(crate) account: Option<Account>,
}

/// What all sessions share.
#[derive(Debug)]
struct Shared {
    /// Where midwire itself listens.
    addresses: Vec<SocketAddr>,
    watch: Watch,
    watch_raw: Watch,
    limits: RelayLimits,
    names: Names,
    metrics: Option<Arc<Metrics>>,
    account: Option<Account>,
    events: Sender,
    /// Room for clients that are told why they are turned away.
    farewells: Arc<Semaphore>,
}

impl Shared {
    /// How much is reported about the packets of sessions of a protocol.
    fn watch_of(&self, setup: &Setup) -> Watch {
        if setup.protocol().has_packets() { self.watch } else { self.watch_raw }
    }
}

/// A listening relay.
#[derive(Debug)]
pub(crate) struct Relay {
    listeners: Vec<Listener>,
    shared: Arc<Shared>,
}

impl Relay {
    /// Starts to listen.
    pub(crate) async fn bind(config: RelayConfig, events: Sender) -> Result<Self, BindError> {
        let RelayConfig { listeners, watch, watch_raw, limits, metrics, account } = config;
        files::make_room_for(limits.sessions_max);
        // Before listening: afterwards a refused loop and a taken port could not be told apart.
        let names = Names::new(limits.dns, limits.dns_timeout);
        let mut reached = Vec::new();
        let mut seen: Vec<&Target> = Vec::new();
        for route in listeners.iter().flat_map(|listener| listener.service.routes()) {
            // The first session of a version makes its tables; nobody waits for those of the newest.
            drop(Session::new(route.setup.borrow().clone()));
            if seen.contains(&&route.to) {
                continue;
            }
            seen.push(&route.to);
            reached.extend(reach(&route.to, &names, &events).await);
        }
        let refuse_loop = |own: SocketAddr| match reached.iter().find(|to| leads_to(**to, own)) {
            Some(to) => Err(BindError::Itself { listen: own, server: *to }),
            None => Ok(()),
        };
        let mut bound = Vec::new();
        let mut addresses = Vec::new();
        for config in listeners {
            if !config.may_move {
                refuse_loop(config.listen)?;
            }
            let (socket, address) = listen(&config, &reached).await?;
            refuse_loop(address)?;
            addresses.push(address);
            bound.push(Listener { socket, config: Arc::new(config) });
        }
        let farewells = Arc::new(Semaphore::new(farewell::TURNED_AWAY_MAX));
        let shared = Arc::new(Shared {
            addresses,
            watch,
            watch_raw,
            limits,
            names,
            metrics,
            account,
            events,
            farewells,
        });
        Ok(Self { listeners: bound, shared })
    }

    /// Where it listens, in the order of the configuration.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.shared.addresses
    }

    /// Relays until `stop` says true, then ends the sessions that are open.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) -> Totals {
        let Self { listeners, shared } = self;
        let (limits, events) = (shared.limits, &shared.events);
        let routes = listeners.iter().flat_map(|listener| listener.config.service.routes());
        let mut seen: Vec<&Target> = Vec::new();
        for route in routes.filter(|_| limits.probe) {
            if !seen.contains(&&route.to) {
                seen.push(&route.to);
                tokio::spawn(probe::look(route.clone(), shared.clone()));
            }
        }
        let mut sessions: JoinSet<[Counters; 2]> = JoinSet::new();
        let mut totals = Totals::default();
        let mut turned_away = 0u64;
        let seats = Seats::new(limits.sessions_per_client_max);
        let mut first = 0;
        // Once some sessions are over, their memory is released.
        let mut release = pin!(tokio::time::sleep(RELEASE_AFTER));
        let mut releases = false;
        let handed_out = stop.clone();
        loop {
            tokio::select! {
                (listener, accepted) = accept(&listeners, &mut first) => match accepted {
                    Ok((client, from)) => {
                        let seat = if sessions.len() >= limits.sessions_max {
                            Err((
                                format!("{max} of {max} sessions are open", max = limits.sessions_max),
                                "sessions_max",
                            ))
                        } else {
                            seats.take(from.ip()).map_err(|Full| (
                                format!(
                                    "{} has {max} of {max} sessions",
                                    from.ip(), max = limits.sessions_per_client_max
                                ),
                                "sessions_per_client_max",
                            ))
                        };
                        let seat = match seat {
                            Ok(seat) => seat,
                            Err((why, setting)) => {
                                let text = format!(
                                    "midwire: {why}, and no more are allowed ({setting})"
                                );
                                let stop = handed_out.clone();
                                farewell::turn_away(
                                    &listener.config, client, text, &shared, stop,
                                );
                                turned_away += 1;
                                if let Some(metrics) = &shared.metrics {
                                    metrics.turned_away();
                                }
                                if turned_away.is_power_of_two() {
                                    events.notice(None, format!(
                                        "a client was turned away ({turned_away} so far): {why}, that \
                                         is {setting}"
                                    ));
                                }
                                continue;
                            }
                        };
                        totals.sessions += 1;
                        let start = Start {
                            number: totals.sessions,
                            client,
                            from,
                            listener: listener.config.clone(),
                            shared: shared.clone(),
                            stop: handed_out.clone(),
                        };
                        sessions.spawn(async move {
                            let _seat = seat;
                            start.run().await
                        });
                    }
                    Err(error) => {
                        // Mostly too many open files: sessions that end make room.
                        events.notice(None, format!("cannot accept a client: {error}"));
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                },
                Some(ended) = sessions.join_next() => {
                    totals.add(ended);
                    if sessions.is_empty() {
                        kernel::close_spare_pipes();
                    }
                    if !std::mem::replace(&mut releases, true) {
                        release.as_mut().reset(tokio::time::Instant::now() + RELEASE_AFTER);
                    }
                }
                () = &mut release, if releases => {
                    releases = false;
                    release_memory();
                    // Threads have memory of their own; who runs these is by chance.
                    for _ in 0..RELEASES {
                        tokio::spawn(async { release_memory() });
                    }
                }
                () = asked(&mut stop) => break,
            }
        }
        drop(listeners);
        let all = async {
            while let Some(ended) = sessions.join_next().await {
                totals.add(ended);
            }
        };
        // Each session keeps to `close_wait` itself; the second more is for one that waits for its listing.
        let _ = tokio::time::timeout(limits.close_wait + Duration::from_secs(1), all).await;
        totals
    }
}

/// The addresses that a server is reached at now. What is wrong with it is told: every client is a new
/// chance.
async fn reach(to: &Target, names: &Names, events: &Sender) -> Vec<SocketAddr> {
    let Leads { places, by_record, unknown } = to.leads(names).await;
    if let Some(unknown) = unknown {
        events.notice(
            None,
            format!("the SRV records of {} are not known, so it is {to} now: {unknown}", to.host),
        );
    }
    let mut reached = Vec::new();
    for place in places {
        match place.resolve().await {
            Ok(found) => reached.extend(found),
            Err(error) => {
                let by = if by_record { format!(" of {to}") } else { String::new() };
                let again = "it is looked up again for each client";
                let host = &place.host;
                events.notice(None, format!("cannot find the server {host}{by}: {error}; {again}"));
            }
        }
    }
    reached
}

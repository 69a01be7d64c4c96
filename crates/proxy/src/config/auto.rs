//! `midwire proxy auto` without a configuration: all definitions that say how their first bytes look, in
//! front of one server.

use std::path::PathBuf;
use std::sync::Arc;

use midwire_codec::Direction;
use midwire_route::{Candidate, Condition};
use midwire_session::{Options, Setup};
use tokio::sync::watch;

use super::build::{Built, Followed};
use crate::protocols::{Lookup, folders, names};
use crate::proxy::rewrite;
use crate::relay::{Action, ListenerConfig, Route, Service, Sniffed, Target, Way};
use crate::settings::Settings;

/// A listener for every protocol that can be told by its first bytes; others are passed on.
pub(crate) fn auto(
    to: &Target,
    keep_host: bool,
    (listen, may_move): (std::net::SocketAddr, bool),
    settings: &Settings,
    defs: &[PathBuf],
) -> anyhow::Result<Built> {
    let mut candidates = Vec::new();
    let mut ways = Vec::new();
    let mut followed = Vec::new();
    let mut add = |name: &str, lookup: Lookup, protocol| {
        let options = Options {
            limits: settings.session,
            version: None,
            announcement: None,
            rules: None,
            trust_version: false,
            start: None,
            rewrite_host: rewrite(to, keep_host),
            on_lost_framing: settings.on_lost_framing,
            encryption: settings.encryption(),
            transfer_to: settings.transfer.clone(),
            cipher_keys: Arc::default(),
        };
        let (setups, setup) = watch::channel(Setup::new(protocol, options));
        followed.push(Followed { lookup, version: None, rules: None, setups });
        let action = Action::Relay(Arc::new(Route::new(to.clone(), setup)));
        ways.push(Way { name: name.into(), action, then: None, send_header: None });
        ways.len() - 1
    };
    let mut told = Vec::new();
    for name in names(&folders(defs)) {
        let lookup = Lookup::new(&name, defs)?;
        let protocol = lookup.read()?;
        if protocol.has_detect(Direction::Serverbound) {
            let way = add(&name, lookup, protocol.clone());
            candidates.push((Candidate::of([Condition::Detect(protocol)]), way));
            told.push(name);
        }
    }
    let lookup = Lookup::new("raw", &[])?;
    let protocol = lookup.read()?;
    candidates.push((Candidate::default(), add("raw", lookup, protocol)));
    told.push("all others unread".to_owned());
    let (max, wait) = (settings.relay.sniff_max, settings.relay.sniff_wait);
    let service = Service::Sniff(Sniffed::new(candidates, ways.into(), max, wait));
    let listeners = vec![ListenerConfig { listen, may_move, service }];
    Ok(Built { listeners, followed, routes: vec![told] })
}

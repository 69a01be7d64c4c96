//! From what is written to listeners: protocols looked up, servers read, routes put in their order.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::Protocol;
use midwire_definition::diagnostics::Diagnostic;
use midwire_definition::escape::escape;
use midwire_definition::syntax::ast::Span;
use midwire_route::{After, Candidate, Condition, HeaderUse, Needles, Response};
use midwire_session::{Options, Setup};
use tokio::sync::watch;

use super::Config;
use super::address::target;
use super::reader::{Problems, codes};
use super::route::{
    Named, WrittenAction, WrittenCondition, WrittenNext, WrittenRelay, WrittenRoute, WrittenThen,
};
use super::vnc;
use crate::error::say_styled;
use crate::print::style::stderr_is_colored;
use crate::protocols::{self, Lookup};
use crate::proxy::rewrite;
use crate::record::RecordTo;
use crate::relay::{Action, ListenerConfig, Next, RfbServer, Route, Service, Sniffed, Then, Way};
use crate::rules::{self, RuleFiles};
use crate::settings::Settings;

/// What a relay begins with.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) listeners: Vec<ListenerConfig>,
    /// Definitions whose files may change while it runs.
    pub(crate) followed: Vec<Followed>,
    /// The routes of each listener, for people.
    pub(crate) routes: Vec<Vec<String>>,
}

/// A definition whose files may change.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) lookup: Lookup,
    pub(crate) version: Option<String>,
    /// The rules for it, and what was read of them.
    pub(crate) rules: Option<(RuleFiles, rules::Read)>,
    pub(crate) setups: watch::Sender<Arc<Setup>>,
}

/// Ways as they are made of what is written.
pub(super) struct Builder<'a> {
    pub(super) settings: &'a Settings,
    defs: &'a [PathBuf],
    pub(super) folder: &'a Path,
    protocols: HashMap<String, Option<Arc<Protocol>>>,
    pub(super) followed: Vec<Followed>,
    ways: Vec<Option<Way>>,
    /// The servers of the routes of protocol rfb, by their places.
    rfb: HashMap<usize, Vec<(RfbServer, Span)>>,
}

impl Config {
    /// Looks up what the routes name; what is wrong is said, with its places.
    pub(crate) fn build(&self, settings: &Settings, defs: &[PathBuf]) -> anyhow::Result<Built> {
        let mut out = Problems::default();
        let mut builder = Builder {
            settings,
            defs,
            folder: &self.folder,
            protocols: HashMap::new(),
            followed: Vec::new(),
            ways: self.routes.iter().map(|_| None).collect(),
            rfb: HashMap::new(),
        };
        for (at, route) in self.routes.iter().enumerate() {
            let name = route.shown(at);
            let way = route.action.as_ref().and_then(|action| {
                let (action, send_header) = builder.action(at, action, &mut out)?;
                let then = builder.then(at, &name, &route.then, &self.routes, &mut out);
                Some(Way { name: name.into(), action, then, send_header })
            });
            if let Some(place) = builder.ways.get_mut(at) {
                *place = way;
            }
        }
        let candidates: Vec<Candidate> = self
            .routes
            .iter()
            .map(|route| builder.candidate(route.header, &route.any, &mut out))
            .collect();
        let mut services = HashMap::new();
        for (at, servers) in &builder.rfb {
            for listen in self.routes.get(*at).into_iter().flat_map(|route| &route.listen) {
                let service = vnc::service(servers, *listen, &builder, &mut out);
                services.extend(service.map(|service| (listen.0, service)));
            }
        }
        self.say(out)?;
        let ways: Arc<[Way]> = builder.ways.into_iter().flatten().collect();
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for (address, _) in self.routes.iter().flat_map(|route| &route.listen) {
            if !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        let mut built =
            Built { listeners: Vec::new(), followed: builder.followed, routes: Vec::new() };
        for address in addresses {
            let mut here = Vec::new();
            let mut names = Vec::new();
            for (at, (route, candidate)) in self.routes.iter().zip(&candidates).enumerate() {
                if route.listen.iter().any(|(listen, _)| *listen == address) {
                    here.push((candidate.clone(), at));
                    names.push(route.shown(at));
                }
            }
            let (max, wait) = (settings.relay.sniff_max, settings.relay.sniff_wait);
            let service = services
                .remove(&address)
                .unwrap_or_else(|| Service::Sniff(Sniffed::new(here, ways.clone(), max, wait)));
            built.listeners.push(ListenerConfig { listen: address, may_move: false, service });
            built.routes.push(names);
        }
        Ok(built)
    }
}

impl WrittenRoute {
    /// What people are told of it.
    fn shown(&self, at: usize) -> String {
        let unnamed = || format!("route {}", at + 1);
        self.name.as_ref().map_or_else(unnamed, |name| escape(&name.text).into_owned())
    }
}

impl Builder<'_> {
    /// The protocol of a name, or of a file beside the configuration.
    pub(super) fn protocol(
        &mut self,
        name: &Named,
        out: &mut Problems,
    ) -> Option<(Lookup, Arc<Protocol>)> {
        let is_file = name.text.ends_with(".wire") || name.text.contains(['/', '\\']);
        let path = match is_file {
            true => self.folder.join(&name.text).to_string_lossy().into_owned(),
            false => name.text.clone(),
        };
        let lookup = match Lookup::new(&path, self.defs) {
            Ok(lookup) => lookup,
            Err(error) => {
                let text = error.to_string();
                let mut lines = text.lines();
                let (message, near) = split_hint(lines.next().unwrap_or_default());
                let problem = Diagnostic::error(codes::NAME, name.span, message);
                let problem = match near {
                    Some(near) => problem.label(format!("did you mean `{near}`?")),
                    None => problem,
                };
                out.push(match lines.next() {
                    Some(help) => problem.help(help.trim()),
                    None => problem,
                });
                return None;
            }
        };
        let known = match self.protocols.get(&path) {
            Some(known) => known.clone(),
            None => {
                let read = lookup.read().map_err(|error| {
                    out.error(codes::NAME, name.span, error.to_string());
                });
                self.protocols.insert(path, read.as_ref().ok().cloned());
                read.ok()
            }
        };
        known.map(|protocol| (lookup, protocol))
    }

    /// What is done by the route of this place.
    fn action(
        &mut self,
        at: usize,
        action: &WrittenAction,
        out: &mut Problems,
    ) -> Option<(Action, Option<bool>)> {
        match action {
            WrittenAction::Respond(response) => Some((Action::Respond(response.clone()), None)),
            WrittenAction::Relay(relay) => {
                let route = self.relay(relay, out)?;
                Some((Action::Relay(Arc::new(route)), relay.send_header))
            }
            WrittenAction::Rfb(rfb) => {
                // Its listener has a service of its own; no other way leads here.
                let servers = self.servers(rfb, out)?;
                self.rfb.insert(at, servers);
                Some((Action::Respond(Response::new(Vec::new(), After::Close).ok()?), None))
            }
        }
    }

    fn relay(&mut self, relay: &WrittenRelay, out: &mut Problems) -> Option<Route> {
        let found = self.protocol(&relay.protocol, out);
        let usual = found.as_ref().and_then(|(_, protocol)| protocol.port);
        let to = target(&relay.to.text, usual, &relay.protocol.text).map_err(|what| {
            let message = format!("`{}`: {what}", relay.to.text);
            out.error(codes::VALUE, relay.to.span, message);
        });
        let (lookup, protocol) = found?;
        let version = relay.version.as_ref().map(|version| {
            protocols::version(&protocol, &version.text).map_err(|error| {
                let text = error.to_string();
                let mut lines = text.lines();
                let (message, near) = split_hint(lines.next().unwrap_or_default());
                let problem = Diagnostic::error(codes::NAME, version.span, message);
                out.push(match near {
                    Some(near) => problem.label(format!("did you mean `{near}`?")),
                    None => problem.help(lines.next().unwrap_or_default().trim()),
                });
            })
        });
        let to = to.ok()?;
        let version = match version {
            Some(version) => Some(version.ok()?),
            None => None,
        };
        let rules = self.rules(&relay.rules, &protocol, out).ok()?;
        let options = Options {
            limits: self.settings.session,
            version,
            start: None,
            announcement: None,
            rules: rules.as_ref().map(|(_, read)| read.rules.clone()),
            trust_version: relay.trust_version,
            rewrite_host: rewrite(&to, relay.keep_host),
            on_lost_framing: self.settings.on_lost_framing,
            encryption: self.settings.encryption(),
            transfer_to: self.settings.transfer.clone(),
            cipher_keys: Arc::default(),
        };
        let (setups, setup) = watch::channel(Setup::new(protocol, options));
        let version = relay.version.as_ref().map(|version| version.text.clone());
        self.followed.push(Followed { lookup, version, rules, setups });
        let record_to = self.recorded(relay.record.as_ref());
        Some(Route { record_to, ..Route::new(to, setup) })
    }

    /// Where a route is recorded: a file is beside the configuration.
    pub(super) fn recorded(&self, written: Option<&RecordTo>) -> Option<RecordTo> {
        Some(match written? {
            RecordTo::File(path) => RecordTo::File(self.folder.join(path)),
            RecordTo::Data => RecordTo::Data,
        })
    }

    /// The rules in files and folders beside the configuration. What is wrong with them is shown at once, as
    /// it stands in other files.
    fn rules(
        &self,
        named: &[Named],
        protocol: &Arc<Protocol>,
        out: &mut Problems,
    ) -> Result<Option<(RuleFiles, rules::Read)>, ()> {
        let Some(first) = named.first() else { return Ok(None) };
        let mut paths = Vec::new();
        for file in named {
            let path = self.folder.join(&file.text);
            if !path.exists() {
                let message = format!("there is no file or folder `{}`", file.text);
                out.error(codes::NAME, file.span, message);
                return Err(());
            }
            paths.push(path);
        }
        let wrong = |message: String| Diagnostic::error(codes::VALUE, first.span, message);
        let files = RuleFiles::new(&paths).map_err(|error| out.push(wrong(error.to_string())))?;
        let Some(files) = files else { return Ok(None) };
        match files.read(protocol, None, stderr_is_colored()) {
            Ok(read) => {
                if !read.warnings.is_empty() {
                    say_styled(&read.warnings);
                }
                Ok(Some((files, read)))
            }
            Err(broken) => {
                say_styled(&broken.shown);
                out.push(wrong(format!("these rules cannot be used: {}", broken.first)));
                Err(())
            }
        }
    }

    fn then(
        &mut self,
        at: usize,
        name: &str,
        written: &[WrittenThen],
        routes: &[WrittenRoute],
        out: &mut Problems,
    ) -> Option<Then> {
        let mut patterns = Vec::new();
        let mut next = Vec::new();
        for one in written {
            let way = match &one.next {
                WrittenNext::Route(wanted) => routes.iter().position(|route| {
                    route.name.as_ref().is_some_and(|name| name.text == wanted.text)
                }),
                WrittenNext::Action(action) => self.action(at, action, out).map(|made| {
                    let (action, send_header) = made;
                    let name = format!("{name}, then").into();
                    self.ways.push(Some(Way { name, action, then: None, send_header }));
                    self.ways.len() - 1
                }),
            };
            if let Some(way) = way {
                patterns.push(one.pattern.clone());
                next.push(Next { way, drop_match: one.drop_match });
            }
        }
        (!patterns.is_empty()).then(|| Then { needles: Arc::new(Needles::new(&patterns)), next })
    }

    fn candidate(
        &mut self,
        header: HeaderUse,
        any: &[Vec<WrittenCondition>],
        out: &mut Problems,
    ) -> Candidate {
        let mut made = Vec::new();
        for all in any {
            let mut conditions = Vec::new();
            for condition in all {
                conditions.extend(self.condition(condition, out));
            }
            made.push(conditions);
        }
        Candidate { header, any: made }
    }

    fn condition(&mut self, written: &WrittenCondition, out: &mut Problems) -> Option<Condition> {
        Some(match written {
            WrittenCondition::Pattern { pattern, at } => {
                Condition::Pattern { pattern: pattern.clone(), at: *at }
            }
            WrittenCondition::Tls(tls) => Condition::Tls(tls.clone()),
            WrittenCondition::Detect(name) => {
                let (_, protocol) = self.protocol(name, out)?;
                if !protocol.has_detect(Direction::Serverbound) {
                    let message =
                        format!("`{}` does not say how its first bytes look", protocol.name);
                    let problem = Diagnostic::error(codes::VALUE, name.span, message);
                    out.push(problem.help(
                        "its definition needs a line as `detect serverbound Hello`; or give a pattern here",
                    ));
                    return None;
                }
                Condition::Detect(protocol)
            }
        })
    }
}

/// A message without the nearest name at its end, and that name.
fn split_hint(message: &str) -> (&str, Option<&str>) {
    match message.split_once("; did you mean ") {
        Some((message, near)) => (message, near.strip_suffix('?')),
        None => (message, None),
    }
}

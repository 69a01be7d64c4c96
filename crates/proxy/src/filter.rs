//! `-Y` and `--keep`: which packets are shown, and which are kept.

use std::collections::HashMap;
use std::sync::Arc;

use midwire_definition::{
    Diagnostic, Diagnostics, Limits, Protocol, Sources, StateId, VersionId, Workspace, render,
};
use midwire_rules::{Compiled, Envelope, Filter, Interest, Scope};
use midwire_session::Direction;

use crate::error::say;

/// Protocols that are kept: definitions that are saved again and again must not fill the memory.
const KNOWN_MAX: usize = 8;

/// A filter for the packets of any protocol and version that sessions turn out to have.
#[derive(Debug)]
pub(crate) struct Filters {
    source: String,
    /// The option that it was typed for.
    option: &'static str,
    /// The versions that were typed, by the protocol's name.
    scopes: Vec<(Arc<str>, Scope)>,
    known: Vec<Known>,
    /// Those that it began with.
    kept: usize,
    workspace: Workspace,
}

#[derive(Debug)]
struct Known {
    protocol: Arc<Protocol>,
    /// `None`: it is wrong for that protocol.
    filter: Option<Filter>,
    compiled: HashMap<VersionId, Compiled>,
}

impl Filters {
    /// Reads a filter, and says its warnings.
    ///
    /// # Errors
    /// What is wrong with it, as it is shown.
    pub(crate) fn new(
        option: &'static str,
        source: &str,
        protocols: impl IntoIterator<Item = (Arc<Protocol>, Option<VersionId>)>,
        limits: Limits,
    ) -> Result<Self, String> {
        let (mut known, mut scopes) = (Vec::<Known>::new(), Vec::new());
        let (mut wrong, mut told) = (String::new(), String::new());
        for (protocol, version) in protocols {
            let scope = version.map_or_else(Scope::default, Scope::of_version);
            scopes.push((protocol.name.clone(), scope.clone()));
            if known.iter().any(|known| Arc::ptr_eq(&known.protocol, &protocol)) {
                continue;
            }
            let filter = match Filter::parse(source, &protocol, scope) {
                Ok((filter, warnings)) => {
                    told.push_str(&shown(option, source, warnings));
                    Some(filter)
                }
                Err(reports) => {
                    wrong.push_str(&shown(option, source, reports));
                    None
                }
            };
            known.push(Known { protocol, filter, compiled: HashMap::new() });
        }
        // Packets of the protocols that do not have what it asks for do not match.
        if known.iter().all(|known| known.filter.is_none()) {
            return Err(wrong);
        }
        if !told.is_empty() {
            say(&told);
        }
        let workspace = Workspace::new(limits);
        let kept = known.len();
        Ok(Self { source: source.to_owned(), option, scopes, known, kept, workspace })
    }

    /// Whether a packet of a protocol matches.
    pub(crate) fn matches(&mut self, protocol: &Arc<Protocol>, envelope: &Envelope<'_>) -> bool {
        let at = self.known.iter().position(|known| Arc::ptr_eq(&known.protocol, protocol));
        let at = at.unwrap_or_else(|| self.learn(protocol));
        let Known { filter: Some(filter), compiled, .. } = &mut self.known[at] else {
            return false;
        };
        let version = envelope.version;
        let compiled = compiled.entry(version).or_insert_with(|| filter.compile(version));
        compiled.matches_payload(envelope, &mut self.workspace)
    }

    /// Another protocol, or the same after its text was saved.
    fn learn(&mut self, protocol: &Arc<Protocol>) -> usize {
        // Versions are places in the protocol's own list.
        let same = self.scopes.iter().find(|(name, _)| *name == protocol.name);
        let scope = same.map_or_else(Scope::default, |(_, scope)| scope.clone());
        let filter = match Filter::parse(&self.source, protocol, scope) {
            Ok((filter, _)) => Some(filter),
            Err(reports) => {
                let option = self.option;
                say(&format!("{option} matches no packet of {}:", protocol.title));
                say(&shown(option, &self.source, reports));
                None
            }
        };
        if self.known.len() >= KNOWN_MAX + self.kept {
            self.known.remove(self.kept);
        }
        let known = Known { protocol: protocol.clone(), filter, compiled: HashMap::new() };
        self.known.push(known);
        self.known.len() - 1
    }
}

/// Which packets a filter can match at all.
pub(crate) enum Selects {
    /// Packets with a known name, and none without one.
    Known(Filter),
    /// None of that protocol.
    Nothing,
    /// Any.
    Any,
}

/// What a filter can match of a protocol.
pub(crate) fn known_packets(
    source: &str,
    protocol: &Arc<Protocol>,
    version: Option<VersionId>,
) -> Selects {
    let scope = version.map_or_else(Scope::default, Scope::of_version);
    let Ok((filter, _)) = Filter::parse(source, protocol, scope) else { return Selects::Nothing };
    let compiled = filter.compile(version.unwrap_or_else(|| protocol.versions.newest()));
    let states = (0..=u8::MAX).map(StateId).take(protocol.states.len().max(1));
    let mut places = states.flat_map(|state| Direction::BOTH.map(|direction| (state, direction)));
    let is_any = places
        .any(|(state, direction)| compiled.interest(state, direction, None) != Interest::Never);
    if is_any { Selects::Any } else { Selects::Known(filter) }
}

/// Messages about a filter as people read them.
fn shown(option: &str, source: &str, reports: Vec<Diagnostic>) -> String {
    let mut sources = Sources::new();
    sources.add(option, source);
    render(&Diagnostics(reports), &sources, false)
}

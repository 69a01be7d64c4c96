//! `-Y`: which packets are shown.

use std::collections::HashMap;
use std::sync::Arc;

use midwire_definition::{
    Diagnostic, Diagnostics, Limits, Protocol, Sources, VersionId, Workspace, render,
};
use midwire_rules::{Compiled, Envelope, Filter, Scope};

use crate::error::say;

/// Protocols that are kept: definitions that are saved again and again must not fill the memory.
const KNOWN_MAX: usize = 8;

/// A filter for the packets of any protocol and version that sessions turn out to have.
#[derive(Debug)]
pub(crate) struct Filters {
    source: String,
    scope: Scope,
    known: Vec<Known>,
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
        source: &str,
        protocol: &Arc<Protocol>,
        version: Option<VersionId>,
        limits: Limits,
    ) -> Result<Self, String> {
        let scope = version.map_or_else(Scope::default, Scope::of_version);
        let (filter, warnings) = Filter::parse(source, protocol, scope.clone())
            .map_err(|reports| shown(source, reports))?;
        if !warnings.is_empty() {
            say(&shown(source, warnings));
        }
        let known =
            Known { protocol: protocol.clone(), filter: Some(filter), compiled: HashMap::new() };
        let workspace = Workspace::new(limits);
        Ok(Self { source: source.to_owned(), scope, known: vec![known], workspace })
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
        let is_same = self.known.first().is_some_and(|known| known.protocol.name == protocol.name);
        let scope = if is_same { self.scope.clone() } else { Scope::default() };
        let filter = match Filter::parse(&self.source, protocol, scope) {
            Ok((filter, _)) => Some(filter),
            Err(reports) => {
                say(&format!("-Y shows no packet of {}:", protocol.title));
                say(&shown(&self.source, reports));
                None
            }
        };
        if self.known.len() >= KNOWN_MAX {
            self.known.remove(1);
        }
        let known = Known { protocol: protocol.clone(), filter, compiled: HashMap::new() };
        self.known.push(known);
        self.known.len() - 1
    }
}

/// Messages about a filter as people read them.
fn shown(source: &str, reports: Vec<Diagnostic>) -> String {
    let mut sources = Sources::new();
    sources.add("-Y", source);
    render(&Diagnostics(reports), &sources, false)
}

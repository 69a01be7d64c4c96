//! Which protocol a session is of: as its recording says, as was typed, by its port, by its first bytes.

use std::collections::HashMap;
use std::hash::{Hash as _, Hasher as _};
use std::path::PathBuf;
use std::sync::Arc;

use midwire_definition::{Detected, Limits, Protocol, VersionId};
use midwire_session::{Direction, Key, Options, Rules, Setup};

use crate::args;
use crate::encryption::keys;
use crate::error::say;
use crate::protocols;
use crate::settings::Settings;

/// Bytes of a direction that are looked at.
pub(super) const LOOK_LEN: usize = 16 << 10;

/// Names that are remembered with what they stand for: a file may name as many as it likes.
const NAMED_MAX: usize = 256;

/// The protocols that sessions may be of, and how they are read.
pub(super) struct Choice {
    folders: Vec<PathBuf>,
    settings: Settings,
    /// The one that was typed.
    given: Option<Arc<Protocol>>,
    /// All that streams may be of.
    candidates: Vec<Arc<Protocol>>,
    /// The ports that were typed; none: those that protocols have.
    ports: Vec<u16>,
    version: Option<String>,
    pub(super) rules: Option<Arc<Rules>>,
    pub(super) trust_version: bool,
    cipher_keys: Arc<[Key]>,
    /// What is known by a name; `None`: there is no such protocol.
    named: HashMap<String, Option<Arc<Protocol>>>,
    setups: Vec<(Arc<Protocol>, Option<VersionId>, Arc<Setup>)>,
}

/// What the first bytes of a stream say.
pub(super) enum Sniffed {
    Is(Arc<Protocol>),
    /// More bytes may tell.
    NeedsMore,
    Nothing,
}

impl Choice {
    pub(super) fn new(args: &args::ReadWith, settings: Settings) -> anyhow::Result<Self> {
        let folders = args.definitions.defs.clone();
        protocols::check_folders(&folders)?;
        let given = args.protocol.as_deref();
        let given = given.map(|name| protocols::find(name, &folders)).transpose()?;
        let candidates = match &given {
            Some(given) => vec![given.clone()],
            None => {
                let names = protocols::names(&folders);
                let names = names.iter().filter(|name| *name != "raw");
                let found = |name: &String| match protocols::find(name, &folders) {
                    Ok(found) => Some(found),
                    Err(error) => {
                        say(&format!("{name} is left out: {error:#}"));
                        None
                    }
                };
                names.filter_map(found).collect()
            }
        };
        let choice = Self {
            folders,
            settings,
            given,
            candidates,
            ports: args.port.clone(),
            version: args.protocol_version.clone(),
            rules: None,
            trust_version: false,
            cipher_keys: keys(&args.keys)?,
            named: HashMap::new(),
            setups: Vec::new(),
        };
        // A version that the given protocol does not have is a mistake.
        if let (Some(given), Some(text)) = (&choice.given, &choice.version) {
            protocols::version(given, text)?;
        }
        if choice.given.is_none()
            && let Some(text) = &choice.version
            && choice.candidates.iter().all(|known| known.versions.by_text(text).is_none())
        {
            return Err(crate::error::usage(format!("no protocol has a version {text}")));
        }
        Ok(choice)
    }

    /// Whether there are keys of encrypted sessions.
    pub(super) fn has_keys(&self) -> bool {
        !self.cipher_keys.is_empty()
    }

    /// Limits of definitions.
    pub(super) const fn limits(&self) -> Limits {
        self.settings.definition
    }

    /// What tells whether packets are read as they were before: the definitions, and what was said about
    /// sessions. `None`: with secrets, which are not to be written anywhere.
    pub(super) fn fingerprint(&self) -> Option<u64> {
        if !self.cipher_keys.is_empty() {
            return None;
        }
        let mut hasher = std::hash::DefaultHasher::new();
        (env!("CARGO_PKG_VERSION"), self.given.is_some(), &self.version).hash(&mut hasher);
        for known in &self.candidates {
            known.name.hash(&mut hasher);
            known.sources.files().iter().for_each(|file| file.text.hash(&mut hasher));
        }
        Some(hasher.finish())
    }

    /// The protocols that there may be, each with the version that was typed.
    pub(super) fn candidates(&self) -> Vec<(Arc<Protocol>, Option<VersionId>)> {
        self.candidates.iter().map(|known| (known.clone(), self.version_of(known))).collect()
    }

    /// The version that was typed, if the protocol has it.
    pub(super) fn version_of(&self, protocol: &Protocol) -> Option<VersionId> {
        protocol.versions.by_text(self.version.as_deref()?)
    }

    /// Ports that servers listen on.
    pub(super) fn server_ports(&self) -> impl Iterator<Item = u16> + '_ {
        let own = self.candidates.iter().filter_map(|known| known.port);
        self.ports.iter().copied().chain(own)
    }

    /// Whether a version was typed.
    pub(super) const fn says_version(&self) -> bool {
        self.version.is_some()
    }

    /// Whether it is known that servers listen on this port.
    pub(super) fn is_server_port(&self, port: u16) -> bool {
        self.server_ports().any(|known| known == port)
    }

    /// The protocol that a recording names. `Err`: nobody knows it.
    pub(super) fn named(&mut self, name: &str) -> Option<Arc<Protocol>> {
        if let Some(given) = &self.given {
            return Some(given.clone());
        }
        if let Some(known) = self.candidates.iter().find(|known| *known.name == *name) {
            return Some(known.clone());
        }
        // The name stands in a file: nothing but a name is looked up.
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let folders = &self.folders;
        let find = || protocols::find(name, folders).ok().filter(|_| is_name);
        if self.named.len() >= NAMED_MAX && !self.named.contains_key(name) {
            return find();
        }
        self.named.entry(name.to_owned()).or_insert_with(find).clone()
    }

    /// Bytes without meaning.
    pub(super) fn raw(&mut self) -> Option<Arc<Protocol>> {
        let find = || protocols::find("raw", &[]).ok();
        self.named.entry("raw".to_owned()).or_insert_with(find).clone()
    }

    /// What the ports of a stream say: `None`: nothing, and it is not wanted for its port.
    pub(super) fn by_port(&self, port: u16) -> Option<Arc<Protocol>> {
        if !self.ports.is_empty() && !self.ports.contains(&port) {
            return None;
        }
        if self.insists_on(port) && self.given.is_some() {
            return self.given.clone();
        }
        self.candidates.iter().find(|known| known.port == Some(port)).cloned()
    }

    /// Whether a stream to this port is looked at.
    pub(super) fn admits(&self, port: u16) -> bool {
        self.admits_all() || self.ports.contains(&port)
    }

    /// Whether streams to all ports are looked at.
    pub(super) const fn admits_all(&self) -> bool {
        self.ports.is_empty()
    }

    /// Whether a stream to this port is shown whatever it is. 0: its port is not known.
    pub(super) fn insists_on(&self, port: u16) -> bool {
        self.ports.contains(&port) || port == 0 && self.given.is_some()
    }

    /// What the first bytes of both directions say.
    pub(super) fn sniff(&self, first: [&[u8]; 2]) -> Sniffed {
        let mut needs_more = false;
        for protocol in &self.candidates {
            for (direction, bytes) in Direction::BOTH.into_iter().zip(first) {
                if !protocol.has_detect(direction) {
                    continue;
                }
                if bytes.is_empty() {
                    needs_more = true;
                    continue;
                }
                match protocol.detect(direction, bytes, LOOK_LEN) {
                    Detected::Yes | Detected::IfNothingFollows => {
                        return Sniffed::Is(protocol.clone());
                    }
                    Detected::NeedsMore => needs_more = true,
                    Detected::No => {}
                }
            }
        }
        if needs_more { Sniffed::NeedsMore } else { Sniffed::Nothing }
    }

    /// The protocol whose sessions begin with these first bytes, where it is not known whether they
    /// are the first ones.
    pub(super) fn begins(&self, first: [&[u8]; 2]) -> Option<Arc<Protocol>> {
        let begins = |protocol: &&Arc<Protocol>| {
            Direction::BOTH.into_iter().zip(first).any(|(direction, bytes)| {
                protocol.has_detect(direction)
                    && protocol.detect(direction, bytes, LOOK_LEN) == Detected::Yes
            })
        };
        self.candidates.iter().find(begins).cloned()
    }

    /// Forgets how versions are read that no session has: many are tried where a session's start is missing.
    pub(super) fn forget_unused(&mut self) {
        self.setups.retain(|(_, _, setup)| Arc::strong_count(setup) > 1);
        self.candidates.iter().chain(&self.given).for_each(|known| known.forget_unused());
    }

    /// How sessions of a protocol are read, at this version or at the one that they say.
    pub(super) fn setup(
        &mut self,
        protocol: &Arc<Protocol>,
        version: Option<VersionId>,
    ) -> Arc<Setup> {
        let version = self.version_of(protocol).or(version);
        let known = self
            .setups
            .iter()
            .find(|(known, at, _)| Arc::ptr_eq(known, protocol) && *at == version);
        if let Some((_, _, setup)) = known {
            return setup.clone();
        }
        let options = Options {
            limits: self.settings.session,
            version,
            rules: self.rules.clone(),
            trust_version: self.trust_version,
            cipher_keys: self.cipher_keys.clone(),
            ..Options::default()
        };
        let setup = Setup::new(protocol.clone(), options);
        self.setups.push((protocol.clone(), version, setup.clone()));
        setup
    }
}

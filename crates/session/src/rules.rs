//! Rules as sessions use them: compiled for a version once, with a memory for each session.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use midwire_codec::Direction;
use midwire_definition::{PacketDefinition, Protocol, StateId, VersionId, Workspace};
use midwire_rules::rule::{
    Counter, Decision, Looks, RuleId, RuleInfo, RuleSet, RuleState, VersionRules,
};
use midwire_rules::{Envelope, Interest};

use crate::interest::Tables;
use crate::judged::{Need, Wanted};

/// A set of rules, shared by all sessions that it is for.
#[derive(Debug)]
pub struct Rules {
    set: Arc<RuleSet>,
    /// Some rule is asked about injected packets.
    for_injected: bool,
    by_version: Mutex<HashMap<VersionId, Arc<AtVersion>>>,
    totals: Arc<Mutex<Totals>>,
}

/// A set of rules at one version.
#[derive(Debug)]
struct AtVersion {
    rules: Arc<VersionRules>,
    wanted: Arc<Wanted>,
}

/// What rules have done in sessions that are over, by name and text.
#[derive(Debug, Default)]
struct Totals {
    rules: HashMap<Key, Counter>,
    counts: HashMap<Arc<str>, u64>,
    looks: Looks,
}

/// What one rule has done in the sessions that are over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCount {
    /// The rule's name.
    pub name: Arc<str>,
    /// How often it acted.
    pub hits: u64,
    /// How often it could not do what it says.
    pub refused: u64,
}

/// Who is at the two ends of a session, as far as rules ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// The session's number, counted from 1; 0: it has none.
    pub session: u64,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The server's address.
    pub server: Option<IpAddr>,
}

impl Rules {
    /// Rules for sessions. What was counted of the rules that they take the place of goes on.
    #[must_use]
    pub fn new(set: RuleSet, before: Option<&Self>) -> Arc<Self> {
        let totals = before.map_or_else(Arc::default, |before| before.totals.clone());
        let for_injected = set.any_asks_for_injected();
        Arc::new(Self { set: Arc::new(set), for_injected, by_version: Mutex::default(), totals })
    }

    /// The rules themselves.
    #[must_use]
    pub fn set(&self) -> &RuleSet {
        &self.set
    }

    /// What each rule has done in the sessions that are over, in the order of the rules, zero included.
    #[must_use]
    pub fn counts(&self) -> Vec<RuleCount> {
        let totals = self.totals();
        let count = |info: &RuleInfo| {
            let counter = totals.rules.get(&key(info)).copied().unwrap_or_default();
            RuleCount { name: info.name.clone(), hits: counter.hits, refused: counter.refused }
        };
        self.set.rules().iter().map(count).collect()
    }

    /// What `count NAME` has counted in the sessions that are over, in the order of the rules, zero
    /// included.
    #[must_use]
    pub fn named_counts(&self) -> Vec<(Arc<str>, u64)> {
        let totals = self.totals();
        let count = |name: &Arc<str>| (name.clone(), totals.counts.get(name).copied().unwrap_or(0));
        self.set.count_names().iter().map(count).collect()
    }

    /// How many packets the rules were asked about in the sessions that are over, and how many of those
    /// had their fields located.
    #[must_use]
    pub fn looks(&self) -> Looks {
        self.totals().looks
    }

    pub(crate) fn is_for(&self, protocol: &Arc<Protocol>) -> bool {
        Arc::ptr_eq(self.set.protocol(), protocol)
    }

    fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn at(&self, tables: &Tables) -> Arc<AtVersion> {
        let mut known = self.by_version.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let make = || {
            let rules = self.set.at(tables.version);
            let stack = &self.set.protocol().stack;
            // Longer words than this do no harm: then more is followed than need be.
            let telling =
                self.set.rules().iter().any(|info| info.text.to_lowercase().contains("conn"));
            let wanted =
                Wanted::ask(tables, stack, telling, &|state, direction, definition| match rules
                    .interest(state, direction, definition)
                {
                    Interest::Never => Need::Nothing,
                    Interest::EnvelopeOnly => Need::Envelope,
                    Interest::Fields => Need::Fields,
                });
            Arc::new(AtVersion { rules, wanted: Arc::new(wanted) })
        };
        known.entry(tables.version).or_insert_with(make).clone()
    }
}

/// The rules of one session, and what they remember of it.
#[derive(Debug)]
pub(crate) struct Ruled {
    rules: Arc<Rules>,
    at: Arc<AtVersion>,
    state: RuleState,
}

impl Ruled {
    /// Rules for a session, which remember what the rules before them remembered of themselves.
    pub(crate) fn new(rules: Arc<Rules>, tables: &Tables, before: Option<Self>) -> Self {
        let at = rules.at(tables);
        let state = match before {
            None => rules.set.begin(),
            Some(mut before) => {
                let state = std::mem::take(&mut before.state);
                if Arc::ptr_eq(&before.rules, &rules) {
                    state
                } else {
                    before.count_those_not_in(&rules, &state);
                    rules.set.carry(&before.rules.set, state)
                }
            }
        };
        Self { rules, at, state }
    }

    /// The same rules at another version.
    pub(crate) fn again(self, tables: &Tables) -> Self {
        let rules = self.rules.clone();
        Self::new(rules, tables, Some(self))
    }

    pub(crate) fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Whether some rule is asked about injected packets.
    pub(crate) fn are_for_injected(&self) -> bool {
        self.rules.for_injected
    }

    pub(crate) fn wanted(&self) -> &Arc<Wanted> {
        &self.at.wanted
    }

    /// Whether surely no rule acts on a packet of a peer.
    #[inline]
    pub(crate) fn are_quiet(
        &self,
        state: StateId,
        direction: Direction,
        definition: Option<&PacketDefinition>,
        payload: &[u8],
        body: u32,
    ) -> bool {
        self.at.rules.is_quiet(state, direction, definition, payload, body)
    }

    /// Counts packets that the rules were found to be quiet about.
    pub(crate) fn note_quiet(&mut self, packets: u64) {
        self.state.note_quiet(packets);
    }

    /// Asks the rules about a packet.
    pub(crate) fn judge(
        &mut self,
        envelope: &Envelope<'_>,
        trusted: bool,
        workspace: &mut Workspace,
        decision: &mut Decision,
    ) {
        let Self { rules, at, state } = self;
        let Envelope { definition, payload, body, injected, .. } = *envelope;
        let (in_state, direction) = (envelope.state, envelope.direction);
        if !injected && at.rules.is_quiet(in_state, direction, definition, payload, body) {
            decision.clear();
            let is_asked = at.rules.interest(in_state, direction, definition) != Interest::Never;
            return state.note_quiet(is_asked.into());
        }
        rules.set.judge(&at.rules, state, envelope, trusted, workspace, decision);
    }
}

impl Ruled {
    /// A rule's name.
    pub(crate) fn name(&self, rule: RuleId) -> Arc<str> {
        self.rules.set.rule(rule).map_or_else(|| "".into(), |info| info.name.clone())
    }

    /// What a rule wanted could not be done after all.
    pub(crate) fn note_refused(&mut self, name: &str) {
        let at = self.rules.set.rules().iter().position(|info| &*info.name == name);
        if let Some(rule) = at.and_then(|at| u32::try_from(at).ok()) {
            self.state.note_refused(RuleId(rule));
        }
    }

    /// Counts what rules did that are not in the set that follows.
    fn count_those_not_in(&self, next: &Rules, state: &RuleState) {
        let kept: HashSet<Key> = next.set.rules().iter().map(key).collect();
        self.add_to_totals(state, |key| !kept.contains(key));
    }

    fn add_to_totals(&self, state: &RuleState, counts: impl Fn(&Key) -> bool) {
        let mut totals = self.rules.totals();
        for (rule, info) in (0..).map(RuleId).zip(self.rules.set.rules()) {
            let counter = state.counter(rule);
            if counter != Counter::default() && counts(&key(info)) {
                let total = totals.rules.entry(key(info)).or_default();
                total.hits = total.hits.saturating_add(counter.hits);
                total.refused = total.refused.saturating_add(counter.refused);
            }
        }
    }
}

impl Drop for Ruled {
    fn drop(&mut self) {
        let state = std::mem::take(&mut self.state);
        self.add_to_totals(&state, |_| true);
        let mut totals = self.rules.totals();
        let Looks { judged, decoded } = state.looks();
        totals.looks.judged = totals.looks.judged.saturating_add(judged);
        totals.looks.decoded = totals.looks.decoded.saturating_add(decoded);
        for (name, count) in self.rules.set.counts_of(&state).filter(|(_, count)| *count > 0) {
            let total = totals.counts.entry(name.clone()).or_default();
            *total = total.saturating_add(count);
        }
    }
}

/// What tells a rule from others, over all sets.
type Key = (Arc<str>, Arc<str>);

fn key(info: &RuleInfo) -> Key {
    (info.name.clone(), info.text.clone())
}

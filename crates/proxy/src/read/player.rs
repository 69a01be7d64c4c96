//! Who looks at the packets of a session that is played: what a recording decided about them is decided
//! again; they are counted, or those that match a filter are picked out. What nobody looks at is not
//! even made into events.

use std::cell::{Ref, RefCell};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use midwire_capture::Timestamp;
use midwire_definition::{Packet, PacketDefinition, StateId, VersionId, Workspace};
use midwire_rules::{Compiled, Envelope, Filter, Interest};
use midwire_session::{Decision, Direction, Judge, Log, PacketInfo, Peers, Verdict};

use super::counts::{Counts, Seen, lock};

/// What is looked at in a session.
#[derive(Clone, Default)]
pub(super) enum Looks {
    /// Every packet is an event.
    #[default]
    All,
    /// Packets that match are events.
    Sift(Arc<Sift>),
    /// Packets are counted.
    Count { counts: Arc<Mutex<Counts>>, protocol: u32 },
}

/// A filter that is about known packets alone; `None`: no packet matches.
#[derive(Debug)]
pub(super) struct Sift {
    filter: Option<Filter>,
    compiled: Mutex<HashMap<VersionId, Arc<Compiled>>>,
}

impl Sift {
    pub(super) fn new(filter: Option<Filter>) -> Self {
        Self { filter, compiled: Mutex::default() }
    }

    fn at(&self, version: VersionId) -> Option<Arc<Compiled>> {
        let filter = self.filter.as_ref()?;
        let mut known = lock(&self.compiled);
        Some(known.entry(version).or_insert_with(|| Arc::new(filter.compile(version))).clone())
    }
}

/// What was decided about the next packet.
pub(super) type Decided = Arc<Mutex<Option<Decision>>>;

/// Looks at the packets of one session.
pub(super) struct Player {
    pub(super) looks: Looks,
    pub(super) begun: Timestamp,
    pub(super) decided: Option<Decided>,
    /// The filter at the version that packets have.
    compiled: RefCell<Option<(VersionId, Option<Arc<Compiled>>)>>,
}

impl Player {
    pub(super) const fn new(looks: Looks, begun: Timestamp, decided: Option<Decided>) -> Self {
        Self { looks, begun, decided, compiled: RefCell::new(None) }
    }

    fn sift(&self, version: VersionId) -> Option<Arc<Compiled>> {
        match &self.looks {
            Looks::Sift(sift) => sift.at(version),
            Looks::All | Looks::Count { .. } => None,
        }
    }

    /// The filter at a version, if any packet can match.
    fn compiled(&self, version: VersionId) -> Option<Ref<'_, Compiled>> {
        if self.compiled.borrow().as_ref().is_none_or(|(known, _)| *known != version) {
            *self.compiled.borrow_mut() = Some((version, self.sift(version)));
        }
        let known = self.compiled.borrow();
        Ref::filter_map(known, |known| known.as_ref()?.1.as_deref()).ok()
    }

    fn matches(
        &self,
        info: &PacketInfo<'_>,
        fields: Option<&mut Packet<'_>>,
        changed: bool,
    ) -> bool {
        let Some(compiled) = self.compiled(info.version) else { return false };
        let conn = fields.as_ref().map_or(&[][..], |fields| fields.conn());
        let envelope = Envelope { changed, ..info.envelope(Peers::default(), conn) };
        compiled.matches(&envelope, fields)
    }
}

impl Judge for Player {
    fn interest(
        &self,
        version: VersionId,
        state: StateId,
        direction: Direction,
        definition: Option<&PacketDefinition>,
    ) -> bool {
        self.decided.is_some() || self.reads(version, state, direction, definition)
    }

    fn reads(
        &self,
        version: VersionId,
        state: StateId,
        direction: Direction,
        definition: Option<&PacketDefinition>,
    ) -> bool {
        match &self.looks {
            Looks::All => false,
            Looks::Count { .. } => true,
            Looks::Sift(_) => self.sift(version).is_some_and(|compiled| {
                compiled.interest(state, direction, definition) != Interest::Never
            }),
        }
    }

    fn is_quiet(&self, info: &PacketInfo<'_>, conn: &[i64], workspace: &mut Workspace) -> bool {
        let is_decided = self.decided.as_ref().is_some_and(|decided| lock(decided).is_some());
        if is_decided || !matches!(self.looks, Looks::Sift(_)) {
            return false;
        }
        let envelope = info.envelope(Peers::default(), conn);
        self.compiled(info.version)
            .is_none_or(|compiled| !compiled.matches_payload(&envelope, workspace))
    }

    fn judge(&mut self, _: &PacketInfo<'_>, _: Option<&mut Packet<'_>>) -> Verdict {
        Verdict::Pass
    }

    fn decide(
        &mut self,
        info: &PacketInfo<'_>,
        fields: Option<&mut Packet<'_>>,
        decision: &mut Decision,
    ) {
        if let Some(decided) = &self.decided
            && let Some(decided) = lock(decided).take()
        {
            *decision = decided;
        }
        match &self.looks {
            Looks::All => {}
            Looks::Count { counts, protocol } => {
                let is_malformed = fields
                    .is_some_and(|fields| fields.error().is_some() || !fields.rest().is_empty());
                lock(counts).add(&Seen {
                    protocol: *protocol,
                    state: info.state,
                    direction: info.direction,
                    id: Some(info.id),
                    definition: info.definition,
                    length: info.length,
                    wire_length: info.wire_length,
                    at: self.begun.after(info.at.0),
                    is_malformed,
                });
            }
            Looks::Sift(_) => {
                if self.matches(info, fields, decision.replace.is_some()) {
                    // What is logged is reported, with its payload.
                    decision.tags.logs.push(Log { by: None, text: None });
                }
            }
        }
    }
}

//! What sessions are read with, one after the other.

use std::sync::{Arc, Mutex};

use midwire_capture::Timestamp;
use midwire_definition::{Protocol, VersionId, Workspace};
use midwire_session::Scratch;

use super::choose::Choice;
use super::counts::{Counts, lock};
use super::player::{Looks, Sift};
use super::replay::Replay;
use crate::filter::{self, Selects};

/// What sessions are read with, one after the other.
pub(super) struct Tools {
    pub(super) choice: Choice,
    pub(super) scratch: Scratch,
    pub(super) workspace: Workspace,
    pub(super) inflate_max: usize,
    pub(super) view: Viewed,
    /// Rules decide anew what becomes of what was recorded.
    pub(super) is_trial: bool,
    /// Versions were tried since they were forgotten last.
    pub(super) has_tried: bool,
}

/// What is made of packets.
pub(super) enum Viewed {
    /// Each is shown, as far as it is wanted.
    Packets,
    /// They are counted.
    Counts(Arc<Mutex<Counts>>),
    /// Those that match are shown; by protocol.
    Matches(String, Vec<(Arc<Protocol>, Looks)>),
}

impl Tools {
    /// Gives back what was only needed to try versions.
    #[cold]
    pub(super) fn forget_tried(&mut self) {
        if std::mem::take(&mut self.has_tried) {
            self.choice.forget_unused();
        }
    }

    /// A session of a protocol, to be played.
    pub(super) fn replay(
        &mut self,
        protocol: &Arc<Protocol>,
        version: Option<VersionId>,
        begun: Timestamp,
    ) -> Replay {
        let setup = self.choice.setup(protocol, version);
        let looks = match &mut self.view {
            Viewed::Packets => Looks::All,
            Viewed::Counts(counts) => {
                let protocol = lock(counts).protocol(protocol);
                Looks::Count { counts: counts.clone(), protocol }
            }
            Viewed::Matches(source, known) => {
                let found = known.iter().find(|(known, _)| Arc::ptr_eq(known, protocol));
                match found {
                    Some((_, looks)) => looks.clone(),
                    None => {
                        let scope = self.choice.version_of(protocol);
                        let looks = looks_for(source, protocol, scope);
                        known.push((protocol.clone(), looks.clone()));
                        looks
                    }
                }
            }
        };
        Replay::new(setup, begun, looks, self.is_trial)
    }
}

/// How packets of a protocol are picked out by a filter.
fn looks_for(source: &str, protocol: &Arc<Protocol>, version: Option<VersionId>) -> Looks {
    // Who is at the ends of a session is not known to who looks at its packets.
    if ["session", "client.", "server."].iter().any(|word| source.contains(word)) {
        return Looks::All;
    }
    match filter::known_packets(source, protocol, version) {
        Selects::Known(filter) => Looks::Sift(Arc::new(Sift::new(Some(filter)))),
        Selects::Nothing => Looks::Sift(Arc::new(Sift::new(None))),
        Selects::Any => Looks::All,
    }
}

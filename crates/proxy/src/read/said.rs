//! What a recording says of a session besides its frames: version, states and compression.

use std::sync::Arc;

use midwire_capture::note::Note;
use midwire_definition::{Protocol, VersionId};
use midwire_session::Direction;

use super::replay::Replay;

/// The version that a recording names.
pub(super) fn version_of(protocol: &Arc<Protocol>, facts: Note<'_>) -> Option<VersionId> {
    protocol.versions.by_text(&facts.get("version")?)
}

/// What a recording says of a session. It stands in front of the packets by which it became known.
#[derive(Default)]
pub(super) struct Said {
    last: Known,
    /// What it had said when the last frame was read; `None`: nothing else since.
    settled: Option<Known>,
}

#[derive(Clone, Default)]
struct Known {
    version: Option<String>,
    /// By direction.
    states: [Option<String>; 2],
    compression: [Option<String>; 2],
}

impl Said {
    /// What it says now.
    pub(super) fn add(&mut self, facts: Note<'_>) {
        self.settled.get_or_insert_with(|| self.last.clone());
        self.last.add(facts);
    }

    /// A frame was read.
    pub(super) fn settle(&mut self) {
        self.settled = None;
    }

    /// Goes on in the state that the recording names, where the session is in another.
    pub(super) fn enter(&self, replay: &mut Replay) {
        self.last.enter(replay);
    }

    /// The same where the packets in front of the next frame are missing: what was said last is about those
    /// behind it.
    pub(super) fn enter_behind_missing(&self, replay: &mut Replay) {
        self.settled.as_ref().unwrap_or(&self.last).enter(replay);
    }
}

impl Known {
    fn add(&mut self, facts: Note<'_>) {
        for (key, value) in facts.pairs() {
            let place = match key {
                "version" => &mut self.version,
                "state.serverbound" => &mut self.states[0],
                "state.clientbound" => &mut self.states[1],
                "compression.serverbound" => &mut self.compression[0],
                "compression.clientbound" => &mut self.compression[1],
                _ => continue,
            };
            *place = Some(value.into_owned());
        }
    }

    fn enter(&self, replay: &mut Replay) {
        let session = &mut replay.session;
        let versions = &session.protocol().versions;
        let version = self.version.as_deref().and_then(|text| versions.by_text(text));
        if let Some(version) = version.filter(|_| session.version().is_none()) {
            session.know_version(version);
        }
        let said = self.states.iter().zip(&self.compression);
        for (direction, (state, compression)) in Direction::BOTH.into_iter().zip(said) {
            let named = state.as_deref().and_then(|name| session.protocol().state_named(name));
            let state = named.unwrap_or(session.state(direction));
            let threshold = match compression.as_deref() {
                Some("off") => None,
                Some(number) => Some(number.parse().unwrap_or(0)),
                None => session.is_compressed(direction).then_some(0),
            };
            let is_same = state == session.state(direction)
                && threshold.is_some() == session.is_compressed(direction);
            if !is_same {
                session.enter(direction, state, threshold);
            }
        }
    }
}

//! What a recording says of a session besides its frames: version, states and compression.

use std::collections::VecDeque;
use std::sync::Arc;

use midwire_capture::note::Note;
use midwire_definition::{Protocol, VersionId};
use midwire_session::Direction;

use super::replay::Replay;

/// The version that a recording names.
pub(super) fn version_of(protocol: &Arc<Protocol>, facts: Note<'_>) -> Option<VersionId> {
    protocol.versions.by_text(&facts.get("version")?)
}

/// What a recording says of a session. It stands in front of the packet by which it became known: as long as
/// none is missing, the session finds it out itself.
#[derive(Default)]
pub(super) struct Said {
    /// What may not hold yet, in the order in which it was said.
    ahead: VecDeque<Known>,
    /// Packets are missing, and with them what the session would have found out.
    lacks_some: bool,
}

/// What is ahead at most: a file may say as much as it likes.
const AHEAD_MAX: usize = 64;

#[derive(Default)]
struct Known {
    version: Option<String>,
    /// By direction.
    states: [Option<String>; 2],
    compression: [Option<String>; 2],
    /// Direction, name and value.
    variables: Vec<(Direction, String, i64)>,
    /// The first packet of which it holds; `None`: that is not said, it may be the next one or the one behind it.
    from: Option<u64>,
}

impl Said {
    /// More is said.
    pub(super) fn add(&mut self, facts: Note<'_>, replay: &mut Replay) {
        self.ahead.push_back(Known::new(facts));
        if self.ahead.len() > AHEAD_MAX {
            self.pass(replay);
        }
    }

    /// What is said where a session begins, or goes on in the middle, holds at once.
    pub(super) fn begin(facts: Note<'_>, replay: &mut Replay) -> Self {
        Known::new(facts).enter(replay);
        Self { lacks_some: facts.number("continued").is_some(), ..Self::default() }
    }

    /// A frame is next. `is_behind_others`: others in front of it are missing.
    pub(super) fn frame(&mut self, number: u64, is_behind_others: bool, replay: &mut Replay) {
        self.lacks_some |= is_behind_others;
        while let Some(next) = self.ahead.front()
            && next.from.is_none_or(|from| from <= number)
        {
            if next.from.is_some() || is_behind_others {
                self.pass(replay);
            } else {
                // It may be what this frame is about to do.
                self.ahead.pop_front();
            }
        }
    }

    /// Packets are missing here, and all that was said is of those.
    pub(super) fn enter(&mut self, replay: &mut Replay) {
        self.lacks_some = true;
        while !self.ahead.is_empty() {
            self.pass(replay);
        }
    }

    /// What was said first holds now.
    fn pass(&mut self, replay: &mut Replay) {
        if let Some(known) = self.ahead.pop_front().filter(|_| self.lacks_some) {
            known.enter(replay);
        }
    }
}

impl Known {
    fn new(facts: Note<'_>) -> Self {
        let mut known = Self { from: facts.number("from"), ..Self::default() };
        for (key, value) in facts.pairs() {
            let place = match key {
                "version" => &mut known.version,
                "state.serverbound" => &mut known.states[0],
                "state.clientbound" => &mut known.states[1],
                "compression.serverbound" => &mut known.compression[0],
                "compression.clientbound" => &mut known.compression[1],
                _ => {
                    known.variables.extend(variable(key, &value));
                    continue;
                }
            };
            *place = Some(value.into_owned());
        }
        known
    }

    /// Goes on in the state that is named, where the session is in another.
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
        for (direction, name, value) in &self.variables {
            let mut all = session.protocol().conn.iter().zip(0..);
            if let Some((_, place)) = all.find(|((known, _), _)| **known == **name) {
                session.assign(*direction, place, *value);
            }
        }
    }
}

/// What the fact of a variable says: `conn.NAME.DIRECTION`.
fn variable(key: &str, value: &str) -> Option<(Direction, String, i64)> {
    let (name, way) = key.strip_prefix("conn.")?.rsplit_once('.')?;
    let direction = Direction::BOTH.into_iter().find(|direction| direction.to_string() == way)?;
    Some((direction, name.to_owned(), value.parse().ok()?))
}

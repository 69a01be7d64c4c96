//! The ways in which frames may be read: version, protocol state, compression.

use std::sync::Arc;

use midwire_definition::{PacketDefinition, Protocol, StateId, VersionId};
use midwire_session::Direction;

use crate::read::replay::Replay;
use crate::read::sync::Form;

/// How the frames may be read.
#[derive(Clone)]
pub(super) enum Ways {
    /// As the session says.
    AsBefore,
    /// As the session says, or in any other way.
    Any,
    /// In one of these, the likeliest in front: it is not known what the session says.
    These(Vec<Form>),
}

impl Ways {
    /// The forms, the likeliest in front, and how many of them are as the session says.
    pub(super) fn forms(&self, replay: &Replay, direction: Direction) -> (Vec<Form>, usize) {
        let before = forms_before(replay, direction);
        let len = before.len();
        match self {
            Self::AsBefore => (before, len),
            Self::Any => (forms_behind(replay, direction, before), len),
            Self::These(forms) => (forms.clone(), 0),
        }
    }
}

/// How the next frame of a direction is read, as far as the session knows: never in no way.
pub(super) fn forms_before(replay: &Replay, direction: Direction) -> Vec<Form> {
    let version = replay.session.version_read();
    let mut before: Vec<Form> = Vec::new();
    // What waits here was most likely sent before what its sender was told last.
    for form in replay.session.forms(direction) {
        let form = Form { version, state: form.state, compressed: form.threshold.is_some() };
        if !before.contains(&form) {
            before.push(form);
        }
    }
    before
}

/// The same with all other ways: those in front in which as much is as before, and states that follow.
fn forms_behind(replay: &Replay, direction: Direction, before: Vec<Form>) -> Vec<Form> {
    let session = &replay.session;
    let protocol = session.protocol();
    let Some(first) = before.first().copied() else { return before };
    let states = protocol.states.len().max(1);
    let mut others = forms(protocol, direction, &[first.version]);
    others.retain(|form| !before.contains(form));
    others.sort_by_key(|form| {
        let ahead = (usize::from(form.state.0) + states - usize::from(first.state.0)) % states;
        (ahead, form.compressed != first.compressed)
    });
    [before, others].concat()
}

/// The forms that frames of a direction may be in.
pub(in crate::read) fn forms(
    protocol: &Protocol,
    direction: Direction,
    versions: &[VersionId],
) -> Vec<Form> {
    let states = protocol.states.len().max(1);
    let play = protocol.state_named("play");
    let mut order: Vec<StateId> = (0..=u8::MAX).map(StateId).take(states).collect();
    order.sort_by_key(|state| Some(*state) != play);
    let compressed: &[bool] =
        if protocol.stack.compression.is_some() { &[true, false] } else { &[false] };
    let mut forms = Vec::new();
    for version in versions {
        let dialect = protocol.dialect(*version);
        for state in &order {
            let has = |packet: &Arc<PacketDefinition>| {
                packet.state == *state && packet.direction == direction
            };
            if dialect.packets().any(has) {
                forms.extend(compressed.iter().map(|compressed| Form {
                    version: *version,
                    state: *state,
                    compressed: *compressed,
                }));
            }
        }
    }
    forms
}

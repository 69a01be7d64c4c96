//! The form of one direction at one end: protocol state, compression, encryption, variables.
//!
//! Each direction has two forms. The *received* one is what its sender writes, and packets are read
//! in it. The *sent* one is what its receiver reads, and packets are made in it. A packet with an
//! event changes all four, each when that end of that connection changes it:
//!
//! ```text
//!   packet P goes from X to Y            X changes both as it sends P, Y as it gets P
//!
//!   received, P's direction   X writes   when P is read
//!   sent, the opposite        X reads    when P is read
//!   sent, P's direction       Y reads    behind P in what is sent, as it is sent
//!   received, the opposite    Y writes   some time after P was handed to Y
//! ```
//!
//! The last is the only one whose time is not known: frames that Y sent before it got P are still
//! on their way. Until one comes that is clearly new, they are read in the old and the new form.

use std::collections::VecDeque;
use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::{Effect, StateId};

/// What a packet changes, shared by those who will apply it. Hardly any packet changes anything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effects(Option<Arc<[Effect]>>);

impl std::ops::Deref for Effects {
    type Target = [Effect];

    fn deref(&self) -> &[Effect] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl FromIterator<Effect> for Effects {
    fn from_iter<I: IntoIterator<Item = Effect>>(effects: I) -> Self {
        let effects: Vec<_> = effects.into_iter().collect();
        Self((!effects.is_empty()).then(|| effects.into()))
    }
}

/// How bytes of a direction are written and read at one end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// Which packets are valid.
    pub(crate) state: StateId,
    /// Plain size from which payloads are compressed; `None`: the stage is off.
    pub(crate) threshold: Option<u32>,
    /// The connection's variables.
    pub(crate) conn: Arc<[i64]>,
}

impl Form {
    /// Makes the changes that concern a direction.
    pub(crate) fn apply(&mut self, effects: &[Effect], direction: Direction) {
        for effect in effects {
            match *effect {
                Effect::State { direction: only, state } => {
                    if only.is_none_or(|only| only == direction) {
                        self.state = state;
                    }
                }
                Effect::Assign { variable, value } => {
                    let variable = variable as usize;
                    if self.conn.get(variable).is_some_and(|old| *old != value) {
                        let mut conn = self.conn.to_vec();
                        conn[variable] = value;
                        self.conn = conn.into();
                    }
                }
                Effect::Compression { threshold } => {
                    self.threshold =
                        (threshold >= 0).then(|| u32::try_from(threshold).unwrap_or(u32::MAX));
                }
                Effect::Cipher => {}
            }
        }
    }

    /// What makes another form of this one, in a direction.
    pub(crate) fn changes_to(&self, next: &Self, direction: Direction) -> Effects {
        let state = Effect::State { direction: Some(direction), state: next.state };
        let threshold = next.threshold.map_or(-1, i64::from);
        let compression = Effect::Compression { threshold };
        let conn = self.conn.iter().zip(next.conn.iter()).zip(0..);
        let assigned = conn
            .filter(|((old, new), _)| old != new)
            .map(|((_, new), variable)| Effect::Assign { variable, value: *new });
        let state = (self.state != next.state).then_some(state);
        let compression = (self.threshold != next.threshold).then_some(compression);
        state.into_iter().chain(compression).chain(assigned).collect()
    }

    /// The form after these changes.
    pub(crate) fn with(&self, effects: &[Effect], direction: Direction) -> Self {
        let mut form = self.clone();
        form.apply(effects, direction);
        form
    }
}

/// Whether everything behind the packet is encrypted.
pub(crate) fn encrypts(effects: &[Effect]) -> bool {
    effects.contains(&Effect::Cipher)
}

/// Whether the packet says from which size on payloads are compressed, and what.
pub(crate) fn compression(effects: &[Effect]) -> Option<i64> {
    effects.iter().rev().find_map(|effect| match effect {
        Effect::Compression { threshold } => Some((*threshold).max(-1)),
        _ => None,
    })
}

/// Changes that a sender may have been told of before it shows that it has made the first of them.
/// No game comes near; more are taken as made.
const ANNOUNCED_MAX: usize = 8;

/// The form that a direction is received in, and changes of it that its sender has been told.
#[derive(Debug)]
pub(crate) struct Received {
    /// The form of the last frame that was surely in it.
    pub(crate) form: Form,
    announced: Option<Box<Announced>>,
}

#[derive(Debug)]
struct Announced {
    /// Oldest first. The sender makes them in this order, each at an unknown time.
    changes: VecDeque<Effects>,
    /// Frames in a row that were neither clearly old nor clearly new.
    frames: u32,
}

impl Received {
    pub(crate) fn new(form: Form) -> Self {
        Self { form, announced: None }
    }

    /// Whether frames may come in another form than [`form`](Self::form).
    #[inline]
    pub(crate) fn is_changing(&self) -> bool {
        self.announced.is_some()
    }

    /// The sender has been told of changes.
    pub(crate) fn announce(&mut self, effects: &Effects, direction: Direction) {
        let newest = self.newest(direction);
        if newest.with(effects, direction) == newest {
            return;
        }
        let announced = self
            .announced
            .get_or_insert_with(|| Box::new(Announced { changes: VecDeque::new(), frames: 0 }));
        announced.changes.push_back(effects.clone());
        announced.frames = 0;
        if announced.changes.len() > ANNOUNCED_MAX {
            self.commit(1, direction);
        }
    }

    /// Whether a frame came of which it is not known in which form it was.
    pub(crate) fn is_unclear(&self) -> bool {
        self.announced.as_ref().is_some_and(|announced| announced.frames > 0)
    }

    /// The forms that the next frame may be in, oldest first: never none.
    pub(crate) fn forms(&self, direction: Direction) -> Vec<Form> {
        let mut forms = vec![self.form.clone()];
        for effects in self.announced.iter().flat_map(|announced| &announced.changes) {
            let newest = forms[forms.len() - 1].with(effects, direction);
            forms.push(newest);
        }
        forms
    }

    /// The form that the sender will end up with.
    fn newest(&self, direction: Direction) -> Form {
        let mut form = self.form.clone();
        for effects in self.announced.iter().flat_map(|announced| &announced.changes) {
            form.apply(effects, direction);
        }
        form
    }

    /// A frame was surely in the form of this index in [`forms`](Self::forms).
    pub(crate) fn commit(&mut self, index: usize, direction: Direction) {
        let Some(announced) = &mut self.announced else { return };
        for effects in announced.changes.drain(..index.min(announced.changes.len())) {
            self.form.apply(&effects, direction);
        }
        announced.frames = 0;
        if announced.changes.is_empty() {
            self.announced = None;
        }
    }

    /// A frame came that was neither clearly old nor clearly new. Gives how many there were in a
    /// row.
    pub(crate) fn count_unclear(&mut self) -> u32 {
        self.announced.as_mut().map_or(0, |announced| {
            announced.frames = announced.frames.saturating_add(1);
            announced.frames
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Clientbound, Serverbound};

    fn form() -> Form {
        Form { state: StateId(0), threshold: None, conn: vec![0, 0].into() }
    }

    #[test]
    fn a_state_for_one_direction_leaves_the_other() {
        let effects = [Effect::State { direction: Some(Clientbound), state: StateId(3) }];
        assert_eq!(form().with(&effects, Clientbound).state, StateId(3));
        assert_eq!(form().with(&effects, Serverbound), form());
    }

    #[test]
    fn a_threshold_below_zero_switches_compression_off() {
        let on = form().with(&[Effect::Compression { threshold: 256 }], Serverbound);
        assert_eq!(on.threshold, Some(256));
        assert_eq!(on.with(&[Effect::Compression { threshold: -1 }], Serverbound).threshold, None);
    }

    #[test]
    fn a_change_that_changes_nothing_is_not_waited_for() {
        let mut received = Received::new(form());
        let effects: Effects = [Effect::Assign { variable: 1, value: 0 }].into_iter().collect();
        received.announce(&effects, Serverbound);
        assert!(!received.is_changing());
    }

    #[test]
    fn announced_changes_build_on_each_other_and_on_what_the_sender_did_before() {
        let mut received = Received::new(form());
        received
            .announce(&[Effect::Compression { threshold: 64 }].into_iter().collect(), Serverbound);
        received.announce(
            &[Effect::State { direction: None, state: StateId(2) }].into_iter().collect(),
            Serverbound,
        );
        received.form.apply(&[Effect::Assign { variable: 0, value: 5 }], Serverbound);
        let forms = received.forms(Serverbound);
        let seen: Vec<_> = forms.iter().map(|f| (f.state.0, f.threshold, f.conn[0])).collect();
        assert_eq!(seen, [(0, None, 5), (0, Some(64), 5), (2, Some(64), 5)]);
        received.commit(1, Serverbound);
        assert!(received.is_changing());
        assert_eq!(received.form, forms[1]);
        received.commit(1, Serverbound);
        assert!(!received.is_changing());
        assert_eq!(received.form, forms[2]);
    }

    #[test]
    fn an_assignment_to_a_variable_that_is_not_there_is_ignored() {
        assert_eq!(form().with(&[Effect::Assign { variable: 9, value: 1 }], Serverbound), form());
    }
}

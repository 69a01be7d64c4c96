//! What rules remember of one session: how often they acted, and when.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::ast::ModifierKind;
use super::decision::RuleId;

/// What the rules of a set remember of one session.
#[derive(Debug, Default)]
pub struct RuleState {
    pub(super) slots: Vec<Slot>,
    /// The counts of `count`, by the place of their name in the set.
    pub(super) counts: Vec<u64>,
    pub(super) looks: Looks,
    /// Kept for the next packet.
    pub(super) acting: Vec<u32>,
}

/// How often a rule acted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counter {
    /// Times that it acted.
    pub hits: u64,
    /// Times that it could not do what it says.
    pub refused: u64,
}

/// How often packets were looked at for rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looks {
    /// Packets that rules were asked about.
    pub judged: u64,
    /// Of those, packets whose fields were located.
    pub decoded: u64,
}

/// What one rule remembers.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot {
    pub(super) counter: Counter,
    matched: u64,
    acted: Option<Duration>,
    times: VecDeque<Duration>,
    over: VecDeque<Duration>,
}

impl Slot {
    /// Whether a rule with these modifiers acts on one more packet that it matches.
    pub(super) fn admits(&mut self, modifiers: &[ModifierKind], at: Duration) -> bool {
        for modifier in modifiers {
            if let ModifierKind::After(wait) = modifier
                && at < *wait
            {
                return false;
            }
        }
        self.matched = self.matched.saturating_add(1);
        for modifier in modifiers {
            let admits = match modifier {
                ModifierKind::EveryNth(n) => self.matched.is_multiple_of(u64::from((*n).max(1))),
                ModifierKind::EveryTime(wait) => {
                    self.acted.is_none_or(|acted| at >= acted.saturating_add(*wait))
                }
                ModifierKind::Rate(n, time) => {
                    forget(&mut self.times, at, *time);
                    self.times.len() < *n as usize
                }
                ModifierKind::Over(n, time) => {
                    forget(&mut self.over, at, *time);
                    let is_over = self.over.len() >= *n as usize;
                    if !is_over {
                        self.over.push_back(at);
                    }
                    is_over
                }
                ModifierKind::Once => self.acted.is_none(),
                ModifierKind::After(_) | ModifierKind::Force => true,
            };
            if !admits {
                return false;
            }
        }
        self.acted = Some(at);
        if modifiers.iter().any(|modifier| matches!(modifier, ModifierKind::Rate(..))) {
            self.times.push_back(at);
        }
        true
    }
}

/// Forgets what is longer ago.
fn forget(times: &mut VecDeque<Duration>, at: Duration, time: Duration) {
    while times.front().is_some_and(|first| first.saturating_add(time) <= at) {
        times.pop_front();
    }
}

impl RuleState {
    /// How often a rule acted.
    pub fn counter(&self, rule: RuleId) -> Counter {
        self.slots.get(rule.0 as usize).map_or(Counter::default(), |slot| slot.counter)
    }

    /// How often packets were looked at.
    pub fn looks(&self) -> Looks {
        self.looks
    }

    /// Notes packets that rules were asked about by [`VersionRules::is_quiet`](super::VersionRules::is_quiet).
    pub fn note_quiet(&mut self, packets: u64) {
        self.looks.judged += packets;
    }

    /// Notes that something which a rule wanted could not be done after all: a packet to send, for example.
    pub fn note_refused(&mut self, rule: RuleId) {
        if let Some(slot) = self.slots.get_mut(rule.0 as usize) {
            slot.counter.refused += 1;
        }
    }

    /// The state for another set of rules: rules whose name and text are the same keep what they remember.
    pub(super) fn carried(
        mut self,
        old: impl Iterator<Item = (Arc<str>, Arc<str>)>,
        new: impl Iterator<Item = (Arc<str>, Arc<str>)>,
        counts: Vec<u64>,
    ) -> RuleState {
        let mut known: HashMap<(Arc<str>, Arc<str>), Slot> =
            old.zip(std::mem::take(&mut self.slots)).collect();
        let slots = new.map(|key| known.remove(&key).unwrap_or_default()).collect();
        RuleState { slots, counts, looks: self.looks, acting: self.acting }
    }
}

//! Texts that several rules look into: asked once whether any of them can match.

use std::collections::HashMap;

use midwire_definition::plan::Packet;
use regex::bytes::{RegexSet, RegexSetBuilder};

use super::tables::Step;
use crate::evaluate::Evaluator;
use crate::predicate::{Pred, Str};

/// The most memory that one guard may take.
const SIZE_MAX: usize = 8 << 20;
/// The most guards of one kind of packet: their answers are kept in as many bits.
const GUARDS_MAX: usize = 64;

/// What several rules look for in one text.
#[derive(Debug)]
pub(super) struct Guard {
    /// A step that looks into the text, and the part of its condition that does.
    step: usize,
    part: usize,
    any: RegexSet,
}

/// What guards said of one packet.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Answers {
    asked: u64,
    is: u64,
}

/// The part of a condition that looks into a text, and must be true.
fn text_part(step: &Step, part: usize) -> Option<&Pred> {
    match step.pred.as_ref()? {
        Pred::All(parts) => parts.get(part),
        pred => (part == 0).then_some(pred),
    }
}

/// Makes the guards of a kind of packet, and tells the steps which is theirs.
pub(super) fn guards(steps: &mut [Step]) -> Vec<Guard> {
    let mut shared: HashMap<String, Vec<(usize, usize, String)>> = HashMap::new();
    for (at, step) in steps.iter().enumerate() {
        let count = match &step.pred {
            Some(Pred::All(parts)) => parts.len(),
            Some(_) => 1,
            None => 0,
        };
        let found = (0..count).find_map(|part| match text_part(step, part) {
            Some(Pred::Text { of, matcher, negated: false }) => {
                Some((format!("{of:?}"), part, matcher.pattern()?))
            }
            _ => None,
        });
        if let Some((key, part, pattern)) = found {
            shared.entry(key).or_default().push((at, part, pattern));
        }
    }
    let mut groups: Vec<_> = shared.into_values().filter(|group| group.len() > 1).collect();
    groups.sort_by_key(|group| group.first().map(|first| first.0));
    let mut guards = Vec::new();
    for group in groups.into_iter().take(GUARDS_MAX) {
        let patterns = group.iter().map(|(_, _, pattern)| pattern);
        let mut any = RegexSetBuilder::new(patterns);
        let any = any.size_limit(SIZE_MAX).dfa_size_limit(SIZE_MAX).build();
        let (Ok(any), Some((step, part, _))) = (any, group.first()) else { continue };
        let guard = guards.len();
        guards.push(Guard { step: *step, part: *part, any });
        for (at, ..) in &group {
            if let Some(step) = steps.get_mut(*at) {
                step.guard = u8::try_from(guard).ok();
            }
        }
    }
    guards
}

impl Answers {
    /// Whether anything can match of what a guard stands for.
    pub(super) fn may_match<'a>(
        &mut self,
        guard: u8,
        guards: &[Guard],
        steps: &[Step],
        evaluator: &mut Evaluator<'_, 'a>,
        packet: Option<&mut Packet<'a>>,
    ) -> bool {
        let bit = 1u64.checked_shl(guard.into()).unwrap_or(0);
        if self.asked & bit == 0 {
            self.asked |= bit;
            let found = guards.get(usize::from(guard)).and_then(|guard| {
                match text_part(steps.get(guard.step)?, guard.part)? {
                    Pred::Text { of, .. } => Some((of, &guard.any)),
                    _ => None,
                }
            });
            let is = found.is_none_or(|(of, any)| looks(of, any, evaluator, packet));
            self.is |= if is { bit } else { 0 };
        }
        self.is & bit != 0
    }
}

fn looks<'a>(
    of: &Str,
    any: &RegexSet,
    evaluator: &mut Evaluator<'_, 'a>,
    packet: Option<&mut Packet<'a>>,
) -> bool {
    evaluator.str(of, packet, &mut |text| any.is_match(text))
}

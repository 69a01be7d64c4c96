//! What tells that surely no rule acts on a packet, from bytes where they lie. Of most packets that rules name
//! none acts, and then no field has to be located, and rules of one field are not asked one by one.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use midwire_definition::chat;
use midwire_definition::plan::{Plan, Straight};
use regex::bytes::{Regex, RegexBuilder};

use super::tables::Step;
use crate::direct::{Direct, way};
use crate::matcher::Matcher;
use crate::predicate::{Pred, Str};

/// The most memory that what is looked for in one text may take.
const SIZE_MAX: usize = 8 << 20;

/// The most bytes of words for which there is a table that takes one step a byte. It takes 2 MiB then at most.
const WORDS_QUICK_MAX: usize = 2048;

/// For each rule something that must be so if it acts; of rules that ask for the same, together.
#[derive(Debug)]
pub(super) struct Quiet(Vec<Must>);

#[derive(Debug)]
enum Must {
    /// One of these ranges, which are in order and apart.
    Int(Straight, Vec<(i128, i128)>),
    Text(Straight, Looked, Any),
    One(Direct),
}

/// What is looked for in a text, for all rules that look into it.
#[derive(Debug)]
enum Any {
    /// One of these words, anywhere. For words alone this takes half the time of the other.
    Words(AhoCorasick),
    Patterns(Regex),
}

/// What is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Looked {
    Bytes,
    /// A text, in which what is no UTF-8 is replaced.
    Text,
    /// The words of a chat component, in JSON or NBT.
    Words,
}

/// What must be so, before it is put together.
enum Part {
    Ints(Straight, Vec<(i128, i128)>),
    Text(Straight, Looked, Matcher),
    One(Direct),
}

impl Quiet {
    /// `None`: of some rule the bytes do not tell.
    pub(super) fn new(steps: &[Step], plan: Option<&Plan>) -> Option<Quiet> {
        // Fields by how they are reached, in the order in which they are met.
        let mut ints: HashMap<String, usize> = HashMap::new();
        let mut texts: HashMap<(String, Looked), usize> = HashMap::new();
        let (mut all, mut patterns) = (Vec::new(), Vec::<(Straight, Looked, Vec<Matcher>)>::new());
        for step in steps {
            match part_of(step, plan)? {
                Part::Ints(field, more) => {
                    let at = *ints.entry(format!("{field:?}")).or_insert_with(|| {
                        all.push(Must::Int(field, Vec::new()));
                        all.len() - 1
                    });
                    if let Some(Must::Int(_, ranges)) = all.get_mut(at) {
                        ranges.extend(more);
                    }
                }
                Part::Text(field, looked, matcher) => {
                    let at = *texts.entry((format!("{field:?}"), looked)).or_insert_with(|| {
                        patterns.push((field, looked, Vec::new()));
                        patterns.len() - 1
                    });
                    if let Some((.., known)) = patterns.get_mut(at) {
                        known.push(matcher);
                    }
                }
                Part::One(direct) => all.push(Must::One(direct)),
            }
        }
        for must in &mut all {
            if let Must::Int(_, ranges) = must {
                *ranges = joined(std::mem::take(ranges));
            }
        }
        for (field, looked, matchers) in patterns {
            all.push(Must::Text(field, looked, Any::of(&matchers)?));
        }
        Some(Quiet(all))
    }

    /// Whether surely no rule acts.
    #[inline]
    pub(super) fn is_sure(&self, payload: &[u8], body: u32) -> bool {
        !self.0.iter().any(|must| must.may_be(payload, body))
    }
}

impl Any {
    /// `None`: it takes too much memory, or what is looked for is no text.
    fn of(matchers: &[Matcher]) -> Option<Any> {
        if let Some(words) = matchers.iter().map(Matcher::word).collect::<Option<Vec<_>>>() {
            let mut any = AhoCorasick::builder();
            if words.iter().map(|word| word.len()).sum::<usize>() <= WORDS_QUICK_MAX {
                any.kind(Some(AhoCorasickKind::DFA));
            }
            return any.build(words).ok().map(Any::Words);
        }
        let patterns = matchers.iter().map(|m| Some(format!("(?:{})", m.pattern()?)));
        let any = patterns.collect::<Option<Vec<_>>>()?.join("|");
        let mut any = RegexBuilder::new(&any);
        any.size_limit(SIZE_MAX).dfa_size_limit(SIZE_MAX).build().ok().map(Any::Patterns)
    }

    #[inline]
    fn is_match(&self, text: &[u8]) -> bool {
        match self {
            Any::Words(words) => words.is_match(text),
            Any::Patterns(patterns) => patterns.is_match(text),
        }
    }
}

impl Must {
    #[inline]
    fn may_be(&self, payload: &[u8], body: u32) -> bool {
        match self {
            Must::Int(field, ranges) => field.int(payload, body).is_some_and(|n| {
                let at = ranges.partition_point(|(_, high)| *high < n);
                ranges.get(at).is_some_and(|(low, _)| *low <= n)
            }),
            Must::One(direct) => direct.holds(payload, body),
            Must::Text(field, looked, any) => may_be_in(field, *looked, any, payload, body),
        }
    }
}

fn may_be_in(field: &Straight, looked: Looked, any: &Any, payload: &[u8], body: u32) -> bool {
    let is_in = |text: &str| any.is_match(text.as_bytes());
    if let Some((bytes, form)) = field.nbt(payload, body) {
        return match chat::ascii_in_nbt(bytes, form) {
            Some(words) => any.is_match(words),
            None => is_in(&chat::from_nbt(bytes, form)),
        };
    }
    let Some(content) = field.content(payload, body) else { return false };
    let text = match looked {
        Looked::Bytes => return any.is_match(content),
        Looked::Text | Looked::Words => String::from_utf8_lossy(content),
    };
    match looked {
        Looked::Words => is_in(&chat::from_text(&text)),
        _ => is_in(&text),
    }
}

/// What must be so if a rule acts: the part of its condition that is told soonest.
fn part_of(step: &Step, plan: Option<&Plan>) -> Option<Part> {
    let parts = step.gate.iter().chain(&step.pred).flat_map(|pred| match pred {
        Pred::All(parts) => parts.as_slice(),
        pred => std::slice::from_ref(pred),
    });
    let (mut one, mut text) = (None, None);
    for part in parts {
        if let Pred::Text { of, matcher, negated: false } = part {
            let (place, looked) = match of {
                Str::Text(place) => (place, Looked::Text),
                Str::Bytes(place) => (place, Looked::Bytes),
                Str::Words(place) => (place, Looked::Words),
                _ => continue,
            };
            let Some(field) = way(place, plan) else { continue };
            let is_fit = match looked {
                Looked::Text => field.is_text(),
                Looked::Bytes => field.is_bytes(),
                Looked::Words => field.is_text() || field.is_nbt(),
            };
            if text.is_none() && is_fit && matcher.pattern().is_some() {
                text = Some(Part::Text(field, looked, matcher.clone()));
            }
            continue;
        }
        match Direct::of(part, plan) {
            Some(Direct::Int { field, low, high, outside: false }) => {
                return Some(Part::Ints(field, vec![(low, high)]));
            }
            Some(Direct::Ints { field, ranges }) => {
                return Some(Part::Ints(field, ranges.into_vec()));
            }
            Some(direct) => one = one.or(Some(Part::One(direct))),
            None => {}
        }
    }
    one.or(text)
}

/// The same ranges, in order and apart.
fn joined(mut ranges: Vec<(i128, i128)>) -> Vec<(i128, i128)> {
    ranges.retain(|(low, high)| low <= high);
    ranges.sort_unstable();
    let mut out: Vec<(i128, i128)> = Vec::new();
    for (low, high) in ranges {
        match out.last_mut() {
            Some((_, last)) if low <= last.saturating_add(1) => *last = high.max(*last),
            _ => out.push((low, high)),
        }
    }
    out
}

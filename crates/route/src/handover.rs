//! Watches a stream for patterns that hand it over.
//!
//! ```text
//!   stream ──▶ … passed on … │ held: the part of a pattern that may go on │
//!                            └─ after a match: the match and all that follows, for another
//! ```
//!
//! All prefixes of a pattern that end here are kept as bits (Shift-And), so each byte costs the same
//! whatever came before it, overlapping beginnings are never missed, and a byte may be any.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::{PATTERN_LEN_MAX, Pattern};

const WORDS: usize = PATTERN_LEN_MAX / 64;
/// Prefixes of a pattern that end here: bit n is the one of n + 1 bytes.
type Bits = [u64; WORDS];

/// Patterns, prepared for searching.
#[derive(Debug)]
pub struct Needles {
    needles: Vec<Needle>,
    /// Bytes that a pattern may begin with, if they are few.
    first: Vec<u8>,
    len_max: usize,
}

#[derive(Debug)]
struct Needle {
    len: usize,
    /// For each byte, the places of the pattern where it may stand.
    places: Box<[Bits; 256]>,
}

impl Needles {
    /// Prepares patterns. Of two that end at one byte the earlier in this order is found.
    #[must_use]
    pub fn new(patterns: &[Pattern]) -> Self {
        let mut first: Vec<u8> = Vec::new();
        let mut is_any = false;
        for pattern in patterns {
            match pattern.bytes().next().flatten() {
                Some(byte) if !first.contains(&byte) => first.push(byte),
                Some(_) => {}
                None => is_any = true,
            }
        }
        if is_any || first.len() > 3 {
            first.clear();
        }
        let len_max = patterns.iter().map(Pattern::len).max().unwrap_or(0);
        Self { needles: patterns.iter().map(Needle::new).collect(), first, len_max }
    }

    /// Where the next byte is that a pattern may begin with.
    fn next_first(&self, bytes: &[u8]) -> usize {
        let found = match self.first[..] {
            [a] => memchr::memchr(a, bytes),
            [a, b] => memchr::memchr2(a, b, bytes),
            [a, b, c] => memchr::memchr3(a, b, c, bytes),
            _ => Some(0),
        };
        found.unwrap_or(bytes.len())
    }
}

impl Needle {
    fn new(pattern: &Pattern) -> Self {
        let mut places = Box::new([[0; WORDS]; 256]);
        for (at, wanted) in pattern.bytes().enumerate() {
            let (word, bit) = (at / 64, 1u64 << (at % 64));
            for (byte, places) in places.iter_mut().enumerate() {
                if wanted.is_none_or(|wanted| usize::from(wanted) == byte)
                    && let Some(word) = places.get_mut(word)
                {
                    *word |= bit;
                }
            }
        }
        Self { len: pattern.len(), places }
    }

    /// Goes on by a byte; whether the pattern ends with it.
    fn step(&self, state: &mut Bits, byte: u8) -> bool {
        let places = self.places.get(usize::from(byte)).unwrap_or(&[0; WORDS]);
        let mut carry = 1;
        for (word, places) in state.iter_mut().zip(places) {
            let out = *word >> 63;
            *word = (*word << 1 | carry) & places;
            carry = out;
        }
        let last = self.len.saturating_sub(1);
        state.get(last / 64).is_some_and(|word| word >> (last % 64) & 1 == 1)
    }
}

/// The longest prefix among these.
fn longest(state: &Bits) -> usize {
    let top = state.iter().enumerate().rev().find(|(_, word)| **word != 0);
    top.map_or(0, |(at, word)| (at + 1) * 64 - word.leading_zeros() as usize)
}

/// A stream that is watched.
#[derive(Debug)]
pub struct HandOver {
    needles: Arc<Needles>,
    states: Vec<Bits>,
    /// The beginning of a match, as far as it was passed on already because nothing followed for long.
    gone: Vec<u8>,
    /// What is held back: it follows `gone`.
    held: BytesMut,
}

/// What becomes of some bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// What was held and is now to be passed on, first.
    pub before: Bytes,
    /// What is to be passed on of the bytes that came.
    pub pass: Bytes,
    /// A pattern has been seen: nothing more is passed on.
    pub matched: Option<Matched>,
}

/// A pattern that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// Which, by its place.
    pub needle: usize,
    /// What matched. Its beginning may have been passed on before, when nothing followed it for long.
    pub text: Bytes,
    /// What came behind it.
    pub rest: Bytes,
}

impl HandOver {
    /// Watches a stream from here on.
    #[must_use]
    pub fn new(needles: Arc<Needles>) -> Self {
        let states = vec![[0; WORDS]; needles.needles.len()];
        Self { needles, states, gone: Vec::new(), held: BytesMut::new() }
    }

    /// How many bytes are held back: fewer than the longest pattern has.
    #[must_use]
    pub fn held_len(&self) -> usize {
        self.held.len()
    }

    /// Takes the next bytes of the stream.
    pub fn handle_bytes(&mut self, bytes: Bytes) -> Watched {
        match self.search(&bytes) {
            Some((needle, len, end)) => self.hand_over(needle, len, &bytes, end),
            None => self.keep(&bytes),
        }
    }

    /// Gives what is held back, because nothing has followed it for long, or the stream has ended. It may
    /// still be the beginning of a match.
    pub fn release(&mut self) -> Bytes {
        let held = self.held.split().freeze();
        self.gone.extend_from_slice(&held);
        held
    }

    /// Which pattern ends first, its length, and where it ends.
    fn search(&mut self, bytes: &[u8]) -> Option<(usize, usize, usize)> {
        let needles = self.needles.clone();
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if self.states.iter().all(|state| *state == [0; WORDS]) {
                at += needles.next_first(rest);
            }
            let byte = *bytes.get(at)?;
            at += 1;
            let mut found = None;
            for (index, (needle, state)) in needles.needles.iter().zip(&mut self.states).enumerate()
            {
                if needle.step(state, byte) && found.is_none() {
                    found = Some((index, needle.len, at));
                }
            }
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// No pattern ends in these bytes: keeps what may be the beginning of one.
    fn keep(&mut self, bytes: &Bytes) -> Watched {
        let keep = self.states.iter().map(longest).max().unwrap_or(0);
        debug_assert!(keep < self.needles.len_max.max(1));
        let of_bytes = keep.min(bytes.len());
        let of_held = (keep - of_bytes).min(self.held.len());
        let of_gone = (keep - of_bytes - of_held).min(self.gone.len());
        self.gone.drain(..self.gone.len() - of_gone);
        let before = self.held.split_to(self.held.len() - of_held).freeze();
        let pass = bytes.slice(..bytes.len() - of_bytes);
        self.held.extend_from_slice(&bytes[pass.len()..]);
        Watched { before, pass, matched: None }
    }

    fn hand_over(&mut self, needle: usize, len: usize, bytes: &Bytes, end: usize) -> Watched {
        let of_bytes = len.min(end);
        let of_held = (len - of_bytes).min(self.held.len());
        let of_gone = (len - of_bytes - of_held).min(self.gone.len());
        let before = self.held.split_to(self.held.len() - of_held).freeze();
        let pass = bytes.slice(..end - of_bytes);
        let mut text = BytesMut::with_capacity(len);
        text.extend_from_slice(&self.gone[self.gone.len() - of_gone..]);
        text.extend_from_slice(&self.held);
        text.extend_from_slice(&bytes[end - of_bytes..end]);
        self.gone.clear();
        self.held.clear();
        self.states.fill([0; WORDS]);
        let matched = Matched { needle, text: text.freeze(), rest: bytes.slice(end..) };
        Watched { before, pass, matched: Some(matched) }
    }
}

//! The first frame behind the end of one that began before the bytes.

use std::sync::Arc;

use midwire_codec::{Framing, split};
use midwire_definition::Workspace;

use super::candidate::{Candidate, sort};
use super::candidates::Search;
use super::seen::{Packets, Seen};
use super::shape::{may_inflate, shape};

/// Of bytes that begin within a frame, so many are passed at most to find the next.
const LOST_MAX: usize = 1 << 20;
/// Frames that have to follow each other behind what was passed.
const CHAIN_MIN: u32 = 3;
/// Places from which frames lead to the same ones that are tried as the first.
const STARTS_MAX: usize = 2048;
/// Places that are tried if too few frames follow each other to tell.
const SINGLES_MAX: usize = 8;
/// What a first frame has to tell more than nothing.
const FIRST_MIN: f64 = 8.0;

/// Where the first frame begins behind the end of one that began before the bytes.
///
/// Frames follow each other from many places, but nearly always come to the true ones soon. So it is found out
/// what those are, and then how many in front of them are frames as well.
pub(super) fn behind_lost(
    search: &Search<'_>,
    pieces: &[&[u8]],
    compressed: bool,
    workspace: &mut Workspace,
) -> Option<usize> {
    let framing = search.protocol.stack.framing?;
    let bytes = pieces.first()?;
    let steps = Steps::new(&framing, bytes, compressed);
    let Some(anchor) = steps.anchor() else {
        let mut best: Option<(f64, usize)> = None;
        for start in steps.singles() {
            if let Some(found) = best_from(search, pieces, compressed, start, workspace)
                && best.is_none_or(|(most, _)| found.bits > most)
            {
                best = Some((found.bits, start));
            }
        }
        return best.map(|(_, start)| start);
    };
    let best = best_from(search, pieces, compressed, anchor, workspace)?;
    let (dialect, _) = search.protocol.packets_at(best.versions.1);
    let packets = Packets { version: best.versions.1, without_plans: Arc::new(dialect) };
    // What the frames tell from each place to the anchor.
    let mut told: Vec<f64> = vec![f64::NEG_INFINITY; anchor + 1];
    told[anchor] = 0.0;
    let mut first = (FIRST_MIN, anchor);
    for start in steps.leading_to(anchor).into_iter().take(STARTS_MAX) {
        let next = steps.next(start).unwrap_or(anchor).min(anchor);
        let behind = told[next].max(0.0);
        let Some(shape) = shape(search, &[&bytes[start..next]], true, compressed, 0) else {
            continue;
        };
        let mut seen = Seen::new(search, &shape, workspace);
        let Some(candidate) = seen.candidate(&packets, best.state, best.direction) else {
            continue;
        };
        told[start] = candidate.bits + behind;
        if candidate.begins_whole && told[start] > first.0 {
            first = (told[start], start);
        }
    }
    // What begins with the bytes has lost nothing.
    Some(first.1).filter(|start| *start > 0)
}

/// The best of what begins at a place.
fn best_from(
    search: &Search<'_>,
    pieces: &[&[u8]],
    compressed: bool,
    start: usize,
    workspace: &mut Workspace,
) -> Option<Candidate> {
    let shape = shape(search, pieces, true, compressed, start)?;
    let mut found = Seen::new(search, &shape, workspace).all();
    sort(&mut found);
    found.into_iter().next()
}

/// Where the frame ends that would begin at each place.
struct Steps {
    /// 0: there cannot be one.
    ends: Vec<usize>,
    /// Frames from there to the end of the bytes, the last of which may be cut; 0: they do not lead there.
    frames: Vec<u32>,
    /// One of them is compressed, which few bytes look like.
    is_sure: Vec<bool>,
    len: usize,
}

impl Steps {
    fn new(framing: &Framing, bytes: &[u8], compressed: bool) -> Self {
        let len = bytes.len().min(LOST_MAX);
        let mut steps =
            Self { ends: vec![0; len], frames: vec![0; len], is_sure: vec![false; len], len };
        for at in (0..len).rev() {
            let Ok(extent) = framing.extent(&bytes[at..]) else { continue };
            // The end comes within the length of a frame.
            let Some(extent) = extent else {
                (steps.ends[at], steps.frames[at]) = (bytes.len(), 1);
                continue;
            };
            let end = at.saturating_add(extent.end);
            let there = &bytes[(at + extent.start).min(bytes.len())..end.min(bytes.len())];
            let Some(is_sure) = looks(there, extent.len(), compressed) else { continue };
            let behind = match end < len {
                true if steps.frames[end] == 0 => continue,
                true => (steps.frames[end], steps.is_sure[end]),
                false => (0, false),
            };
            steps.ends[at] = end;
            steps.frames[at] = behind.0 + 1;
            steps.is_sure[at] = is_sure || behind.1;
        }
        steps
    }

    fn next(&self, at: usize) -> Option<usize> {
        self.ends.get(at).copied().filter(|end| *end > at)
    }

    /// The place that most frames lead to, of those that enough follow.
    fn anchor(&self) -> Option<usize> {
        let is_enough =
            |at: usize| self.frames[at] >= CHAIN_MIN || self.is_sure[at] && self.frames[at] > 1;
        let mut passed = vec![1u32; self.len];
        let mut best: Option<(u32, usize)> = None;
        for at in (1..self.len).filter(|at| self.frames[*at] > 0) {
            let so_many = passed[at];
            if let Some(passed) = self.next(at).and_then(|next| passed.get_mut(next)) {
                *passed += so_many;
            }
            if is_enough(at) && best.is_none_or(|(most, _)| so_many > most) {
                best = Some((so_many, at));
            }
        }
        best.map(|(_, at)| at)
    }

    /// The places in front of one whose frames come to it, the last first.
    fn leading_to(&self, to: usize) -> Vec<usize> {
        let mut comes = vec![false; to + 1];
        comes[to] = true;
        let mut found = Vec::new();
        for at in (0..to).rev().filter(|at| self.frames[*at] > 0) {
            if self.next(at).is_some_and(|next| comes.get(next) == Some(&true)) {
                comes[at] = true;
                found.push(at);
            }
        }
        found
    }

    /// Places where a compressed frame seems to begin, though not enough others follow.
    fn singles(&self) -> impl Iterator<Item = usize> {
        let is_first = |at: &usize| self.frames[*at] > 0 && self.is_sure[*at];
        (1..self.len).filter(is_first).take(SINGLES_MAX)
    }
}

/// Whether a payload may be one; `Some(true)`: it begins as few bytes do. `len`: how long it is where all is there.
fn looks(there: &[u8], len: usize, compressed: bool) -> Option<bool> {
    if len == 0 {
        return None;
    }
    if !compressed {
        return Some(false);
    }
    if there.is_empty() {
        return Some(false);
    }
    let parts = split(there).ok()?;
    let Some(plain_len) = parts.plain_len else { return Some(false) };
    if !may_inflate(plain_len, len) {
        return None;
    }
    match parts.data {
        // zlib's header: deflate, a checksum.
        [method, flags, ..] => {
            let is_zlib = method & 0x0f == 8
                && method >> 4 <= 7
                && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0
                && flags & 0x20 == 0;
            is_zlib.then_some(true)
        }
        _ => Some(false),
    }
}

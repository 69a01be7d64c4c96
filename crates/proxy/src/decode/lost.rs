//! The first frame behind the end of one that began before the bytes.

use std::collections::HashMap;
use std::sync::Arc;

use midwire_codec::Framing;
use midwire_definition::Workspace;

use super::candidate::sort;
use super::candidates::Search;
use super::seen::{Packets, Seen};
use super::shape::shape;

/// Of bytes that begin within a frame, so many are passed at most to find the next.
const LOST_MAX: usize = 1 << 20;
/// Frames that are looked at in search of the first.
const STEPS_MAX: usize = 4_000_000;
/// Frames that have to follow each other behind what was passed.
const CHAIN_MIN: usize = 3;
/// Of them so many are remembered.
const CHAIN_MAX: usize = 64;
/// Places that are tried as the first.
const STARTS_MAX: usize = 64;

/// Where the first frame begins behind the end of one that began before the bytes.
///
/// Frames follow each other from many places, but nearly always come to the true ones soon. So it is found out
/// what those are, and then from where on they are the same.
pub(super) fn behind_lost(
    search: &Search<'_>,
    pieces: &[&[u8]],
    compressed: bool,
    workspace: &mut Workspace,
) -> Option<usize> {
    let framing = search.protocol.stack.framing?;
    let bytes = pieces.first()?;
    let mut steps = 0;
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for start in 1..bytes.len().min(LOST_MAX) {
        if steps > STEPS_MAX || chains.len() == STARTS_MAX {
            break;
        }
        let chain = chain(&framing, bytes, start, &mut steps);
        chains.extend(chain.filter(|chain| chain.len() >= CHAIN_MIN));
    }
    let mut passed: HashMap<usize, usize> = HashMap::new();
    for at in chains.iter().flatten() {
        *passed.entry(*at).or_default() += 1;
    }
    let (anchor, _) = passed.into_iter().max_by_key(|(at, count)| (*count, usize::MAX - at))?;
    let shape_from = |start| shape(search, pieces, true, compressed, start);
    let shape = shape_from(anchor)?;
    let mut found = Seen::new(search, &shape, workspace).all();
    sort(&mut found);
    let best = found.into_iter().next()?;
    let (dialect, _) = search.protocol.packets_at(best.versions.1);
    let packets = Packets { version: best.versions.1, without_plans: Arc::new(dialect) };
    let mut first = (best.bits, anchor);
    for start in chains.iter().filter(|chain| chain.contains(&anchor)).map(|chain| chain[0]) {
        let Some(shape) = shape_from(start) else { continue };
        let mut seen = Seen::new(search, &shape, workspace);
        if let Some(candidate) = seen.candidate(&packets, best.state, best.direction)
            && candidate.bits > first.0
        {
            first = (candidate.bits, start);
        }
    }
    Some(first.1)
}

/// Where frames begin that follow each other from a place to the end of some bytes; the last may be cut.
fn chain(framing: &Framing, bytes: &[u8], start: usize, steps: &mut usize) -> Option<Vec<usize>> {
    let mut rest = start;
    let mut found = Vec::new();
    while rest < bytes.len() {
        *steps += 1;
        if found.len() < CHAIN_MAX {
            found.push(rest);
        }
        match framing.next(&bytes[rest..]) {
            Ok(Some(frame)) if frame.len > 0 && !frame.payload.is_empty() => rest += frame.len,
            Ok(None) => break,
            _ => return None,
        }
    }
    Some(found)
}

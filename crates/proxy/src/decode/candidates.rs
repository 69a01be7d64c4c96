//! What bytes may be: every protocol, version, state, direction and shape in which they can be read, each with
//! how much it explains.

use std::sync::Arc;

use midwire_definition::{Protocol, VersionId, Workspace};

use super::candidate::{Candidate, sort};
use super::lost::behind_lost;
use super::reading::Fixed;
use super::seen::Seen;
use super::shape::shape;

/// So many packets that are whole are hardly chance.
const BEGUN_MIN: usize = 3;

/// What is looked for.
pub(super) struct Search<'a> {
    pub(super) protocol: &'a Arc<Protocol>,
    pub(super) version: Option<VersionId>,
    pub(super) fixed: Fixed,
    /// Frames, compressed.
    pub(super) shapes: &'a [(bool, bool)],
    pub(super) inflate_max: usize,
}

/// Everything that pieces may be in one protocol, the best first.
pub(super) fn all(
    search: &Search<'_>,
    pieces: &[&[u8]],
    workspace: &mut Workspace,
) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (framed, compressed) in search.shapes {
        if let Some(shape) = shape(search, pieces, *framed, *compressed, 0) {
            found.extend(Seen::new(search, &shape, workspace).all());
        }
    }
    // Packets behind them that are none do not make it another stream.
    let is_begin = |known: &Candidate| {
        known.begun >= BEGUN_MIN || (known.is_clean || known.is_whole) && known.bits > 0.0
    };
    if !found.iter().any(is_begin) {
        for (_, compressed) in search.shapes.iter().filter(|(framed, _)| *framed) {
            if let Some(start) = behind_lost(search, pieces, *compressed, workspace)
                && let Some(shape) = shape(search, pieces, true, *compressed, start)
            {
                found.extend(Seen::new(search, &shape, workspace).all());
            }
        }
    }
    sort(&mut found);
    found
}

//! What bytes may be: every protocol, version, state, direction and shape in which they can be read, each with
//! how much it explains.

use std::sync::Arc;

use midwire_definition::{Protocol, VersionId, Workspace};

use super::candidate::{Candidate, sort};
use super::lost::behind_lost;
use super::reading::Fixed;
use super::seen::Seen;
use super::shape::shape;

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
        let shape_from = |start| shape(search, pieces, *framed, *compressed, start);
        let mut is_begun = false;
        if let Some(shape) = shape_from(0) {
            let from_start = Seen::new(search, &shape, workspace).all();
            let is_begin = |candidate: &Candidate| candidate.begins_whole && candidate.bits > 0.0;
            is_begun = from_start.iter().any(is_begin);
            found.extend(from_start);
        }
        if *framed
            && !is_begun
            && let Some(start) = behind_lost(search, pieces, *compressed, workspace)
            && let Some(shape) = shape_from(start)
        {
            found.extend(Seen::new(search, &shape, workspace).all());
        }
    }
    sort(&mut found);
    found
}

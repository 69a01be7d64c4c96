//! Something that bytes may be, and how much speaks for it.

use std::sync::Arc;

use midwire_definition::{Protocol, StateId, VersionId};
use midwire_session::Direction;

/// Candidates that differ by less are as good as each other.
pub(super) const EQUAL: f64 = 4.0;

/// Something that bytes may be.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) protocol: Arc<Protocol>,
    /// The oldest and the newest version that reads the same.
    pub(super) versions: (VersionId, VersionId),
    /// The bytes say the version.
    pub(super) version_said: bool,
    pub(super) state: StateId,
    /// `None`: both.
    pub(super) direction: Option<Direction>,
    pub(super) framed: bool,
    pub(super) compressed: bool,
    /// Bytes in front of the first frame.
    pub(super) lost: usize,
    pub(super) names: Vec<Arc<str>>,
    pub(super) bits: f64,
    pub(super) explained: usize,
    pub(super) len: usize,
    pub(super) reasons: String,
    /// Everything was read, to the last byte.
    pub(super) is_whole: bool,
    /// The first packet was.
    pub(super) begins_whole: bool,
    /// So many at the beginning were.
    pub(super) begun: usize,
    /// All packets were, but for the last one's end that is missing.
    pub(super) is_clean: bool,
    /// What the fields are, whatever they hold.
    pub(super) signature: u64,
}

impl Candidate {
    /// `play clientbound set_slot`, with the protocol's versions.
    pub(super) fn in_words(&self) -> String {
        let state = self.protocol.state_name(self.state);
        let state = if state.is_empty() { String::new() } else { format!("{state} ") };
        let direction = self.direction.map_or("both".to_owned(), |direction| direction.to_string());
        let name = self.names.first().map_or("", |name| name);
        let more = if self.names.len() > 1 { ", .." } else { "" };
        let versions = self.versions_in_words();
        format!("{} {versions} {state}{direction} {name}{more}", self.protocol.name)
    }

    /// `1.20.2..1.21.4`
    pub(super) fn versions_in_words(&self) -> String {
        let key = |version| self.protocol.versions.get(version).key.to_string();
        let (oldest, newest) = self.versions;
        if oldest == newest { key(newest) } else { format!("{}..{}", key(oldest), key(newest)) }
    }
}

/// The best first; of equals what is said more often or earlier, and the newer version.
pub(super) fn sort(found: &mut [Candidate]) {
    let likely = |candidate: &Candidate| match candidate.protocol.state_name(candidate.state) {
        "play" => 0,
        // Who speaks first is the client.
        _ if candidate.direction == Some(Direction::Serverbound) => 1,
        _ => 2,
    };
    found.sort_by(|a, b| {
        let bits = b.bits.total_cmp(&a.bits);
        bits.then(likely(a).cmp(&likely(b))).then(b.versions.1.cmp(&a.versions.1))
    });
}

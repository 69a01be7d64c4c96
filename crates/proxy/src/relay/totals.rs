//! What went through, in all sessions.

use midwire_session::Counters;

/// What went through, in all sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) sessions: u64,
    pub(crate) packets: u64,
    /// Bytes received, by direction.
    pub(crate) bytes: [u64; 2],
    /// Sessions with packets that were not counted to the end, since their connections were joined.
    pub(crate) joined: u64,
}

impl Totals {
    pub(super) fn add(&mut self, ended: Result<[Counters; 2], tokio::task::JoinError>) {
        let Ok(counters) = ended else { return };
        let [serverbound, clientbound] = &counters;
        let had_packets = serverbound.frames + clientbound.frames > 0;
        let is_joined = serverbound.joined_bytes + clientbound.joined_bytes > 0;
        self.joined += u64::from(had_packets && is_joined);
        for (direction, counters) in counters.iter().enumerate() {
            self.packets += counters.frames;
            self.bytes[direction] += counters.bytes;
        }
    }
}

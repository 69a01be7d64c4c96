//! How much reassembly keeps, and how long it waits.

use std::time::Duration;

/// Limits of reassembly. What reaches one is given up as a gap, or forgotten; it is not an error. Those of time
/// hold where [`Streams::pass_time`](super::Streams::pass_time) is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Streams that are followed at once, those that have ended but may have stragglers included.
    /// One takes some 400 bytes.
    pub streams_max: usize,
    /// Bytes that wait in one direction behind missing ones.
    pub waiting_len_max: usize,
    /// Bytes that wait in all streams.
    pub waiting_total_max: usize,
    /// Packets of a stream that may pass while a hole in it stays.
    pub waiting_packets_max: u64,
    /// How long a hole may stay.
    pub waiting_time_max: Duration,
    /// Packets of a stream that may pass once the receiver said that it has what is missing: they
    /// are in the capture in another order, or not at all.
    pub received_packets_max: u64,
    /// How long after that.
    pub received_time_max: Duration,
    /// Packets of a stream that may pass before its start is taken to be the first byte seen, where
    /// no handshake was.
    pub start_packets_max: u64,
    /// How long that may take.
    pub start_time_max: Duration,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            streams_max: 16_384,
            waiting_len_max: 4 << 20,
            waiting_total_max: 16 << 20,
            waiting_packets_max: 4_096,
            waiting_time_max: Duration::from_secs(30),
            received_packets_max: 1_024,
            received_time_max: Duration::from_secs(2),
            start_packets_max: 256,
            start_time_max: Duration::from_millis(500),
        }
    }
}

//! What one session may cost.

use std::time::Duration;

use midwire_codec::INFLATE_MAX;

/// Limits of a session. Each has a name, which messages give, and can be raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `buffer_max`: bytes of one direction that are held back (by a verdict, or behind a packet
    /// that is) or wait to be polled. While there are more, that direction is not read and nothing
    /// is injected into it. Default 8 MiB.
    pub buffer_max: usize,
    /// `frame_length_max`: the most that a frame's length may say, instead of the definition's.
    /// Default: the definition's.
    pub frame_length_max: Option<usize>,
    /// `inflate_max`: plain bytes of one compressed payload. Default 8 MiB.
    pub inflate_max: usize,
    /// `in_flight_max`: frames in a row that may be in the old or in the new form after a packet
    /// has announced a new one; then the new one is taken for certain. Default 256.
    pub in_flight_max: u32,
    /// `packet_length_max`: bytes of one packet of a protocol without frames. The end of a longer one
    /// is not looked for: its direction is relayed as it comes from there. Default: the definition's,
    /// or 1 MiB.
    pub packet_length_max: Option<usize>,
    /// `packet_wait`: how long nothing more of a packet must come before what a judge has made wait
    /// of it goes on without it; only without frames. Default 3 s.
    pub packet_wait: Duration,
    /// `legacy_wait`: how long nothing else must follow before bytes that may be a legacy ping are
    /// taken for one. Default 100 ms.
    pub legacy_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            buffer_max: 8 << 20,
            frame_length_max: None,
            inflate_max: INFLATE_MAX,
            in_flight_max: 256,
            packet_length_max: None,
            packet_wait: Duration::from_secs(3),
            legacy_wait: Duration::from_millis(100),
        }
    }
}

//! What comes out of reassembly.

use std::net::SocketAddr;

use midwire_codec::Direction;

use crate::timestamp::Timestamp;

/// A stream, counted from 0 in the order of its first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// Something that happened in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEvent<'a> {
    /// A connection begins, or the capture of one. Always a stream's first event.
    Opened {
        /// Which.
        stream: StreamId,
        /// When its first packet was seen.
        at: Timestamp,
        /// Who connected. Where no handshake was seen, the other end than the server's.
        client: SocketAddr,
        /// To whom. Where no handshake was seen, the end with a known port, or the lower one.
        server: SocketAddr,
        /// The handshake was seen: the first byte of each direction is the connection's first.
        from_start: bool,
    },
    /// The next bytes of a direction.
    Bytes {
        /// Which stream.
        stream: StreamId,
        /// Which way they travel.
        direction: Direction,
        /// When they were captured.
        at: Timestamp,
        /// How much of the direction is in front of them, gaps included.
        offset: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Bytes of a direction are not in the capture. What follows continues behind them.
    Gap {
        /// Which stream.
        stream: StreamId,
        /// Which direction.
        direction: Direction,
        /// When they were given up.
        at: Timestamp,
        /// How much of the direction is in front of them.
        offset: u64,
        /// How many are missing.
        len: u64,
    },
    /// A direction has come to its end: nothing more of it follows.
    Finished {
        /// Which stream.
        stream: StreamId,
        /// Which direction.
        direction: Direction,
        /// When.
        at: Timestamp,
    },
    /// A stream is over. Always its last event.
    Ended {
        /// Which stream.
        stream: StreamId,
        /// When its last packet was seen.
        at: Timestamp,
        /// Why.
        how: StreamEnd,
    },
}

/// Why a stream is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// Both directions came to their end.
    Finished,
    /// The sender of this direction broke it off.
    Reset(Direction),
    /// Another connection between the same ends began.
    Replaced,
    /// It was the one that was silent for longest when `streams_max` was reached.
    Forgotten,
    /// The capture ends here.
    Capture,
}

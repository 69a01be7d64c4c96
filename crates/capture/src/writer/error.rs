//! Why something was not recorded.

use std::io;

use midwire_codec::Direction;

use super::{FACTS_MAX, SESSIONS_MAX};
use crate::note::NOTE_LEN_MAX;
use crate::recording::FRAME_LEN_MAX;

/// Why something was not recorded. Nothing of it is in the file.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file does not take it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The session was not opened, or has been closed.
    #[error("session {0} is not open in this capture")]
    NotOpen(u64),
    /// The session was opened before.
    #[error("session {0} is open already")]
    OpenAlready(u64),
    /// As many sessions are open as may be.
    #[error("more than {SESSIONS_MAX} sessions at once (sessions_max)")]
    TooManySessions,
    /// The direction has ended.
    #[error("session {session}: bytes {direction} behind that direction's end")]
    Ended {
        /// Which session.
        session: u64,
        /// Which direction.
        direction: Direction,
    },
    /// Frames are bounded by what a reader puts together.
    #[error("a frame of {len} bytes, where {FRAME_LEN_MAX} may be (frame_len_max)")]
    FrameTooLong {
        /// Its length.
        len: usize,
    },
    /// Notes are bounded by what fits into an option.
    #[error("a note of {len} bytes, where {NOTE_LEN_MAX} fit")]
    NoteTooLong {
        /// How long it would have been.
        len: usize,
    },
    /// A session has more facts than are kept.
    #[error("session {session}: more than {FACTS_MAX} facts")]
    TooManyFacts {
        /// Which session.
        session: u64,
    },
    /// A fact's name is not one.
    #[error("{0:?} is not a fact's name")]
    Key(String),
}

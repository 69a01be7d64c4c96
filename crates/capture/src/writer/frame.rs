//! What is recorded: sessions and frames.

use std::ops::Range;
use std::time::Duration;

use midwire_codec::Direction;

use super::connection::Ends;
use crate::note::push_pair;
use crate::provenance::{Fate, Origin};
use crate::timestamp::Timestamp;

/// Since when facts hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// The number of the packet by which they became known, which is next.
    pub number: u64,
    /// The first packet of which they hold: that one, or the one behind it.
    pub from: u64,
}

/// A name and a value.
pub type Fact<'a> = (&'a str, &'a str);

/// A session that begins, or one that goes on from another file.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// Its number. It may be used again once the session is closed.
    pub session: u64,
    /// When.
    pub at: Timestamp,
    /// The client's leg: the client's address, and the one that it connected to.
    pub client: Ends,
    /// The server's leg: midwire's own address there, and the server's. May come later, see
    /// [`Writer::server_connected`](super::Writer::server_connected).
    pub server: Option<Ends>,
    /// What is known about it: `docs/captures.md` lists the names.
    pub facts: &'a [Fact<'a>],
}

/// The bytes of a frame, and what in them nobody may read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Content<'a> {
    /// The frame with its prefix, decrypted.
    pub bytes: &'a [u8],
    /// Ranges of `bytes` that are stored as stars.
    pub blank: &'a [Range<usize>],
}

impl<'a> From<&'a [u8]> for Content<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { bytes, blank: &[] }
    }
}

/// What came and what was sent.
#[derive(Clone, Copy, Debug)]
pub enum Recorded<'a> {
    /// Sent as it came.
    Passed(Content<'a>),
    /// It came, and was not sent.
    Dropped(Content<'a>),
    /// Something else was sent than came.
    Changed {
        /// What came.
        came: Content<'a>,
        /// What was sent.
        sent: Content<'a>,
    },
    /// It was sent, and did not come.
    Injected(Content<'a>),
    /// It came, and is sent after others that come behind it: [`Sent`](Self::Sent) follows in its turn,
    /// with the same number. Both together are a delayed frame of which the halves have places of their own.
    Came(Content<'a>),
    /// What came before others is sent.
    Sent(Content<'a>),
}

/// A frame, frames in a row that are kept together, or bytes of a stream that is not cut into frames.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Whose.
    pub session: u64,
    /// Its number in the session; 0 for bytes of a stream that is not cut into frames. Numbers may be
    /// left out and come in any order; they cost nothing where each is one more than the one before.
    pub number: u64,
    /// How many frames it is: of those behind the first each has the next number. More than one are told apart
    /// again by the lengths that stand in them; at least 1.
    pub count: u64,
    /// Which way it travels.
    pub direction: Direction,
    /// When it came, or was made.
    pub at: Timestamp,
    /// The bytes.
    pub bytes: Recorded<'a>,
    /// Who made it.
    pub origin: Origin,
    /// Who decided that it is dropped, changed, delayed or injected, if anybody did.
    pub decided_by: Option<Origin>,
    /// What matched it, in the order in which it did: rules' places, scripts' names.
    pub by: &'a [&'a str],
    /// How it is marked.
    pub marks: &'a [&'a str],
    /// How much later than it came it was sent.
    pub delayed: Option<Duration>,
}

impl<'a> Frame<'a> {
    /// A frame that is sent as its sender sent it.
    #[must_use]
    pub fn passed(
        session: u64,
        number: u64,
        direction: Direction,
        at: Timestamp,
        bytes: &'a [u8],
    ) -> Self {
        Self {
            session,
            number,
            count: 1,
            direction,
            at,
            bytes: Recorded::Passed(bytes.into()),
            origin: Origin::sender(direction),
            decided_by: None,
            by: &[],
            marks: &[],
            delayed: None,
        }
    }

    /// What became of it.
    #[must_use]
    pub fn fate(&self) -> Fate {
        match self.bytes {
            Recorded::Dropped(_) => Fate::Dropped,
            Recorded::Changed { .. } => Fate::Changed,
            Recorded::Came(_) | Recorded::Sent(_) => Fate::Delayed,
            Recorded::Passed(_) | Recorded::Injected(_) if self.delayed.is_some() => Fate::Delayed,
            Recorded::Passed(_) | Recorded::Injected(_) => Fate::Passed,
        }
    }
}

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Both directions came to their end.
    Finished,
    /// The sender of this direction broke it off.
    Reset(Direction),
}

/// What a record is of a frame that others overtake.
pub(crate) const HALVES: [&str; 2] = ["came", "sent"];

/// Nothing, for one frame that passed as it came and has the next number.
pub(super) fn frame_note(note: &mut String, frame: &Frame<'_>, last_number: u64) {
    note.clear();
    let fate = frame.fate();
    let is_plain = matches!(frame.bytes, Recorded::Passed(Content { blank: [], .. }))
        && fate == Fate::Passed
        && frame.origin == Origin::sender(frame.direction)
        && frame.by.is_empty()
        && frame.marks.is_empty();
    let follows = is_plain && last_number.checked_add(1) == Some(frame.number);
    if !follows {
        push_pair(note, "n", &frame.number.to_string());
    }
    if frame.count > 1 {
        push_pair(note, "frames", &frame.count.to_string());
    }
    if is_plain {
        return;
    }
    push_pair(note, "origin", frame.origin.as_str());
    push_pair(note, "fate", fate.as_str());
    match frame.bytes {
        Recorded::Came(_) => push_pair(note, "half", HALVES[0]),
        Recorded::Sent(_) => push_pair(note, "half", HALVES[1]),
        _ => {}
    }
    if let Some(decided_by) = frame.decided_by {
        push_pair(note, "decided_by", decided_by.as_str());
    }
    for by in frame.by {
        push_pair(note, "by", by);
    }
    for mark in frame.marks {
        push_pair(note, "mark", mark);
    }
    if let Some(delayed) = frame.delayed {
        push_pair(note, "delay_ns", &delayed.as_nanos().to_string());
    }
    let blanked = match frame.bytes {
        Recorded::Passed(one)
        | Recorded::Dropped(one)
        | Recorded::Injected(one)
        | Recorded::Came(one)
        | Recorded::Sent(one) => one.blank.len(),
        Recorded::Changed { came, sent } => came.blank.len().max(sent.blank.len()),
    };
    if blanked > 0 {
        push_pair(note, "redacted", &blanked.to_string());
    }
}

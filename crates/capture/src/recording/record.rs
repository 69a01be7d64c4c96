//! What midwire recorded, as it is read again.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use midwire_codec::{Direction, Framing};

use crate::note::Note;
use crate::provenance::{Fate, Leg, Origin};
use crate::timestamp::Timestamp;

/// Something that midwire recorded. Sessions are told apart by their section and number.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    /// A leg of a session begins: the client's with the session, the server's where it first differs.
    Opened {
        /// Which session.
        session: u64,
        /// Which leg.
        leg: Leg,
        /// When.
        at: Timestamp,
        /// The end towards the client.
        client: SocketAddr,
        /// The end towards the server.
        server: SocketAddr,
        /// What was known then. The pairs `session`, `leg` and, where the session began in an earlier file,
        /// `continued` are among them.
        facts: Note<'a>,
    },
    /// Something became known about a session.
    Facts {
        /// Which session.
        session: u64,
        /// When.
        at: Timestamp,
        /// What. The pair `session` is among them.
        facts: Note<'a>,
    },
    /// A frame, or bytes of a stream that is not cut into frames.
    Frame(RecordedFrame<'a>),
    /// Records are not in the file. What of the file was passed over says the reader.
    Missing {
        /// Of which session.
        session: u64,
        /// Of which leg.
        leg: Leg,
        /// Of which direction.
        direction: Direction,
        /// Bytes.
        len: u64,
    },
    /// A record is not as it was written: its checksum says so. Where its numbers are right it follows all the same, with
    /// what it holds; else what it held is missing where it belongs.
    Damaged {
        /// Where it is in the file.
        offset: u64,
        /// Bytes of frames or streams in it that are not given.
        len: u64,
    },
    /// A direction of a session came to its end.
    DirectionEnded {
        /// Which session.
        session: u64,
        /// Which direction.
        direction: Direction,
        /// When.
        at: Timestamp,
    },
    /// A session is over. Sessions that were open when midwire stopped have none.
    Closed {
        /// Which session.
        session: u64,
        /// When.
        at: Timestamp,
        /// The direction whose sender broke it off.
        reset: Option<Direction>,
    },
}

/// Which of a frame's two forms a record has: where one was changed, there are two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// What came, and was sent.
    Both,
    /// What came. It was dropped, or something else was sent, or it is sent behind others.
    Came,
    /// What was sent in place of what came, or behind others, or was injected.
    Sent,
}

/// A frame that midwire recorded, or frames in a row that it kept together.
#[derive(Clone, Copy, Debug)]
pub struct RecordedFrame<'a> {
    /// Of which session.
    pub session: u64,
    /// Its number in the session; 0 for bytes of a stream that is not cut into frames. Both records of a
    /// changed frame have the same.
    pub number: u64,
    /// How many frames it is, as the recording says: of those behind the first each has the next number, and
    /// [`split`](Self::split) tells them apart. At least 1.
    pub count: u64,
    /// Which way it travels.
    pub direction: Direction,
    /// When it came, or was made.
    pub at: Timestamp,
    /// The bytes, or as much as there is.
    pub bytes: &'a [u8],
    /// Whether the record has all of its bytes: not where some are missing, or there are more than
    /// [`FRAME_LEN_MAX`](super::FRAME_LEN_MAX).
    pub is_whole: bool,
    /// Which of its forms this is.
    pub form: Form,
    /// Who made it.
    pub origin: Origin,
    /// What became of it.
    pub fate: Fate,
    /// Where in the file its first packet starts.
    pub offset: u64,
    pub(super) note: Option<Note<'a>>,
}

impl<'a> RecordedFrame<'a> {
    /// The frames that it is, by a framing. What is left where bytes are missing, or where they are framed
    /// otherwise, comes as the last one.
    pub fn split(self, framing: Framing) -> impl Iterator<Item = Self> {
        let (mut rest, mut number) = (Some(self.bytes), self.number);
        let mut count = self.count.max(1);
        std::iter::from_fn(move || {
            let bytes = rest.take()?;
            let first = if count > 1 { framing.next(bytes).ok().flatten() } else { None };
            let Some((one, behind)) = first.and_then(|first| bytes.split_at_checked(first.len))
            else {
                return Some(Self { number, count, bytes, ..self });
            };
            rest = Some(behind).filter(|behind| !behind.is_empty());
            let one = Self { number, count: 1, bytes: one, is_whole: true, ..self };
            (number, count) = (number.saturating_add(1), count - 1);
            Some(one)
        })
    }

    /// Who decided what becomes of it, if anybody did.
    #[must_use]
    pub fn decided_by(&self) -> Option<Origin> {
        Origin::from_word(&self.note?.get("decided_by")?)
    }

    /// What matched it, in the order in which it did, such as rules' places. Foreign text: not escaped for a
    /// terminal.
    pub fn by(&self) -> impl Iterator<Item = Cow<'a, str>> {
        self.values("by")
    }

    /// How it is marked. Foreign text, as well.
    pub fn marks(&self) -> impl Iterator<Item = Cow<'a, str>> {
        self.values("mark")
    }

    fn values(&self, key: &'static str) -> impl Iterator<Item = Cow<'a, str>> {
        let pairs = self.note.into_iter().flat_map(Note::pairs);
        pairs.filter_map(move |(name, value)| (name == key).then_some(value))
    }

    /// How much later than it came it was sent.
    #[must_use]
    pub fn delayed(&self) -> Option<Duration> {
        Some(Duration::from_nanos(self.note?.number("delay_ns")?))
    }

    /// How many of its parts were replaced by stars.
    #[must_use]
    pub fn redacted(&self) -> u64 {
        self.note.and_then(|note| note.number("redacted")).unwrap_or(0)
    }
}

//! What a recording is told of a session: every byte that was sent, in the order in which it was, with what
//! became of it on its way.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use midwire_codec::{Direction, Origin};

use crate::decision::Tags;
use crate::event::{Elapsed, PacketNumber};

/// Whether a session is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Recording {
    /// It is not.
    #[default]
    Off,
    /// With the places of secrets, which are not to be kept. Packets that may have some are read for that.
    Masked,
    /// As it is.
    Whole,
}

/// How bytes went that a driver passed by the session, or did not pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outside {
    /// They came and were sent.
    Passed,
    /// They came and were not sent.
    Dropped,
    /// The driver made them, and sent them.
    Made,
}

/// Something to be recorded. What belongs to one direction comes in the order in which it is sent; what is
/// dropped stands where it would have been sent.
#[derive(Clone, Debug)]
pub struct Record {
    /// Which way it travels.
    pub direction: Direction,
    /// When it came, or was made.
    pub at: Elapsed,
    /// What it is.
    pub content: Recorded,
}

impl Record {
    /// What is recorded where this had its turn to come and never had it.
    pub(crate) fn lost(self) -> Self {
        let content = match self.content {
            Recorded::Opaque(bytes) => {
                let frame = RecordedFrame {
                    number: PacketNumber(0),
                    origin: Origin::sender(self.direction),
                    passage: Passage::Dropped(bytes),
                    decided_by: None,
                    tags: Tags::default(),
                    delayed: None,
                };
                Recorded::Frame(Box::new(frame))
            }
            content => content,
        };
        Self { content, ..self }
    }
}

/// What is recorded.
#[derive(Clone, Debug)]
pub enum Recorded {
    /// Whole frames, one after the other, sent as they came; the number of the first, from which the
    /// others' follow.
    Frames(PacketNumber, Bytes),
    /// Bytes that are not cut into frames, sent as they came.
    Opaque(Marked),
    /// A frame, or a packet of a protocol without frames, by itself.
    Frame(Box<RecordedFrame>),
    /// What comes in this direction is compressed from here on, or not any more.
    Compression {
        /// From which plain size on; `None`: no more.
        threshold: Option<u32>,
        /// The first packet that is read so.
        from: PacketNumber,
    },
    /// Variables of the connection have other values in this direction.
    Variables {
        /// Which of [`Protocol::conn`](midwire_definition::Protocol::conn), and their values.
        values: Vec<(usize, i64)>,
        /// The first packet that is read with them.
        from: PacketNumber,
    },
}

/// A frame and what became of it.
#[derive(Clone, Debug)]
pub struct RecordedFrame {
    /// Its number; 0 for bytes that midwire made where nothing is cut into frames.
    pub number: PacketNumber,
    /// Who made it.
    pub origin: Origin,
    /// Its bytes.
    pub passage: Passage,
    /// Who decided about it, if anybody did.
    pub decided_by: Option<Origin>,
    /// The rules that matched it, and its marks. There are no lines for the log.
    pub tags: Tags,
    /// How long it was held back, if it was.
    pub delayed: Option<Duration>,
}

/// The bytes of a frame, by what became of it.
#[derive(Clone, Debug)]
pub enum Passage {
    /// It was sent as it came.
    Passed(Marked),
    /// It was not sent.
    Dropped(Marked),
    /// Something else was sent.
    Changed {
        /// What came.
        came: Marked,
        /// What was sent.
        sent: Marked,
    },
    /// It came, and others are sent before it: what is sent has a record of its own.
    Came(Marked),
    /// It is sent, after others that came behind it.
    Sent(Marked),
    /// It was sent, and nobody had sent it.
    Injected(Marked),
}

/// Bytes, and where in them secrets stand.
#[derive(Clone, Debug, Default)]
pub struct Marked {
    /// The bytes, as on the wire.
    pub bytes: Bytes,
    /// Ranges of them.
    pub secret: Vec<Range<usize>>,
}

impl From<Bytes> for Marked {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, secret: Vec::new() }
    }
}

impl Marked {
    /// What follows so many bytes.
    pub(crate) fn from(&self, start: usize) -> Self {
        let start = start.min(self.bytes.len());
        let secret = self.secret.iter();
        let secret =
            secret.map(|range| range.start.max(start) - start..range.end.max(start) - start);
        Self {
            bytes: self.bytes.slice(start..),
            secret: secret.filter(|r| !r.is_empty()).collect(),
        }
    }

    /// Bytes of which all may be secret.
    pub(crate) fn secret(bytes: Bytes) -> Self {
        let secret = std::iter::once(0..bytes.len()).filter(|range| !range.is_empty()).collect();
        Self { bytes, secret }
    }
}

/// What will be recorded of a frame when its turn to be sent has come.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) number: PacketNumber,
    /// When it came, or was made.
    pub(crate) at: Elapsed,
    pub(crate) origin: Origin,
    pub(crate) decided_by: Option<Origin>,
    pub(crate) tags: Tags,
    /// It is held back.
    pub(crate) is_delayed: bool,
    /// Others overtake it, so what came has been recorded.
    pub(crate) is_loose: bool,
    /// What came; `None` if it did not come.
    pub(crate) came: Option<Marked>,
}

impl Note {
    /// The record of its bytes being sent now.
    pub(crate) fn sent(self, direction: Direction, sent: Marked, now: Elapsed) -> Record {
        let passage = match self.came.clone() {
            None => Passage::Injected(sent),
            Some(_) if self.is_loose => Passage::Sent(sent),
            Some(came) if came.bytes == sent.bytes => Passage::Passed(came),
            Some(came) => Passage::Changed { came, sent },
        };
        let delayed = self.is_delayed.then(|| now.0.saturating_sub(self.at.0));
        self.record(direction, passage, delayed)
    }

    /// The record of its being dropped.
    pub(crate) fn dropped(self, direction: Direction) -> Option<Record> {
        let came = self.came.clone()?;
        (!self.is_loose).then(|| self.record(direction, Passage::Dropped(came), None))
    }

    /// The record of its having come, if others are to overtake it.
    pub(crate) fn came(&self, direction: Direction) -> Option<Record> {
        let came = self.came.clone()?;
        Some(self.clone().record(direction, Passage::Came(came), None))
    }

    fn record(self, direction: Direction, passage: Passage, delayed: Option<Duration>) -> Record {
        let Self { number, at, origin, decided_by, tags, .. } = self;
        let frame = RecordedFrame { number, origin, passage, decided_by, tags, delayed };
        Record { direction, at, content: Recorded::Frame(Box::new(frame)) }
    }
}

/// What is recorded of bytes when their turn to be sent has come.
#[derive(Clone, Debug, Default)]
pub(crate) enum Keep {
    /// Nothing: nobody records, or it has been.
    #[default]
    Nothing,
    /// Whole frames, from this number on, which came then.
    Run(PacketNumber, Elapsed),
    /// A frame that goes on as it came, or in part, where its start was sent before.
    Note(Box<Note>),
    /// This.
    Record(Box<Record>),
}

impl Keep {
    /// What is recorded as these bytes are sent.
    pub(crate) fn sent(self, direction: Direction, bytes: &Bytes, now: Elapsed) -> Option<Record> {
        match self {
            Self::Nothing => None,
            Self::Run(first, at) => {
                let content = Recorded::Frames(first, bytes.clone());
                Some(Record { direction, at, content })
            }
            Self::Note(note) => {
                let came = note.came.clone().unwrap_or_default();
                Some(note.sent(direction, came, now))
            }
            Self::Record(record) => Some(*record),
        }
    }
}

//! What sessions tell a recording.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use midwire_capture::{Closing, Ends};
use midwire_session::{Direction, Elapsed, Event, Marked, Passage, Record, Recorded, Setup};

/// Something of one session.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) session: u64,
    /// When the session began: its times count from here.
    pub(crate) begun: SystemTime,
    pub(crate) items: Vec<Told>,
    /// What it takes in memory, about.
    cost: usize,
    /// Bytes of frames and streams in it.
    payload: u64,
}

/// What is told.
#[derive(Debug)]
pub(crate) enum Told {
    /// The session is recorded from here on. It stands where the session began, so that times count from
    /// there also when it is read.
    Opened(Box<Opened>),
    /// Bytes passed, or did not.
    Record(Record),
    /// Something became known. Packets are told where only some are kept.
    Event(Event),
    /// A direction has come to its end.
    Ended(Direction, Elapsed),
    /// It is over.
    Closed(Closing, Elapsed),
}

/// What is known of a session at its start.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) client: Ends,
    pub(crate) server: Option<Ends>,
    /// The server as it was asked for.
    pub(crate) to: Arc<str>,
    /// How its bytes are read.
    pub(crate) setup: Arc<Setup>,
}

/// What each thing that is told takes besides its bytes.
const BASE_COST: usize = 128;

impl Entry {
    pub(crate) fn new(session: u64, begun: SystemTime) -> Self {
        Self { session, begun, items: Vec::new(), cost: BASE_COST, payload: 0 }
    }

    pub(crate) fn push(&mut self, told: Told) {
        let len = len(&told);
        self.cost = self.cost.saturating_add(BASE_COST + len);
        self.payload += if matches!(told, Told::Record(_)) { len as u64 } else { 0 };
        self.items.push(told);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    pub(super) fn payload(&self) -> u64 {
        self.payload
    }

    /// All so far, and nothing is left.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.session, self.begun))
    }
}

fn len(told: &Told) -> usize {
    let marked = |marked: &Marked| marked.bytes.len();
    match told {
        Told::Record(Record { content, .. }) => match content {
            Recorded::Frames(_, bytes) => bytes.len(),
            Recorded::Opaque(bytes) => marked(bytes),
            Recorded::Frame(frame) => match &frame.passage {
                Passage::Passed(one)
                | Passage::Dropped(one)
                | Passage::Came(one)
                | Passage::Sent(one)
                | Passage::Injected(one) => marked(one),
                Passage::Changed { came, sent } => marked(came) + marked(sent),
            },
            Recorded::Compression { .. } | Recorded::Variables { .. } => 0,
        },
        Told::Event(Event::Packet(packet)) => packet.payload.as_ref().map_or(0, Bytes::len),
        Told::Opened(..) | Told::Event(_) | Told::Ended(..) | Told::Closed(..) => 0,
    }
}

//! What a session has to tell its recording, on the way into the queue.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::BytesMut;
use midwire_session::{Event, Record, Recording};

use super::Recorder;
use super::entry::{Entry, Opened, Told};
use super::queue::Full;
use crate::queue::Sender;

/// A session's end of a recording.
#[derive(Debug)]
pub(crate) struct Tape {
    recorder: Arc<Recorder>,
    entry: Entry,
    /// It was told that the session is over.
    is_closed: bool,
}

impl Tape {
    /// A session is recorded from here on.
    pub(crate) fn new(
        recorder: Arc<Recorder>,
        session: u64,
        begun: SystemTime,
        opened: Opened,
    ) -> Self {
        let mut entry = Entry::new(session, begun);
        entry.push(Told::Opened(Box::new(opened)));
        Self { recorder, entry, is_closed: false }
    }

    pub(crate) fn recording(&self) -> Recording {
        self.recorder.recording()
    }

    /// Takes a buffer of which all has been read, and gives an empty one of this size.
    pub(crate) fn change_buffer(&self, full: BytesMut, len: usize) -> BytesMut {
        self.recorder.spares.change(full, len)
    }

    /// Whether packets are to be told.
    pub(crate) fn keeps_some(&self) -> bool {
        self.recorder.keeps_some()
    }

    pub(crate) fn record(&mut self, record: Record) {
        self.entry.push(Told::Record(record));
    }

    /// Takes what a recording needs of an event.
    pub(crate) fn event(&mut self, event: &Event) {
        let is_needed = match event {
            Event::Packet(_) => self.keeps_some(),
            Event::State { .. } | Event::Version { .. } => true,
            Event::Key { .. } => self.recording() == Recording::Whole,
            _ => false,
        };
        if is_needed {
            self.entry.push(Told::Event(event.clone()));
        }
    }

    pub(crate) fn push(&mut self, told: Told) {
        if matches!(told, Told::Closed(..)) && std::mem::replace(&mut self.is_closed, true) {
            return;
        }
        self.entry.push(told);
    }

    /// Hands over what there is, if there is room. `false`: there is not.
    pub(crate) fn try_flush(&mut self) -> bool {
        if self.entry.is_empty() {
            return true;
        }
        match self.recorder.queue.try_put(self.entry.take()) {
            Ok(()) => true,
            Err(Full(entry)) => {
                self.entry = entry;
                false
            }
        }
    }

    /// Hands over what there is, once there is room.
    pub(crate) async fn flush(&mut self, events: &Sender) {
        if self.try_flush() {
            return;
        }
        let session = self.entry.session;
        let wait = self.recorder.queue.put(self.entry.take()).await;
        self.recorder.waited(wait, session, events);
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        if !self.entry.is_empty() {
            // The program ends, and nothing comes after this.
            self.recorder.queue.put_anyway(self.entry.take());
        }
    }
}

//! What passed in a session, as frames in a file.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use midwire_capture::note::is_key;
use midwire_capture::{
    Content, FRAME_LEN_MAX, Fact, Frame, Recorded as Bits, SEGMENT_LEN_MAX, Timestamp, WriteError,
    Writer,
};
use midwire_codec::frames;
use midwire_session::{
    Direction, Marked, Origin, PacketNumber, Passage, Record, Recorded, RecordedFrame,
};

use super::Counts;
use super::writer::{Known, of};

/// A place in a recording.
pub(super) struct Put<'a, W> {
    pub(super) writer: &'a mut Writer<W>,
    pub(super) session: u64,
    pub(super) at: Timestamp,
    /// The file is followed by another one when it has so many bytes.
    pub(super) len_max: u64,
    pub(super) counts: &'a Counts,
}

impl<W: Write> Put<'_, W> {
    /// Gives what is left for the next file.
    pub(super) fn record(
        &mut self,
        known: &mut Known,
        keeps_all: bool,
        record: Record,
    ) -> Result<Option<Record>, WriteError> {
        let Record { direction, at, content } = record;
        let done = match content {
            Recorded::Frames(first, bytes) => {
                let rest = self.run(known, keeps_all, direction, first.0, &bytes)?;
                return Ok(rest.map(|(number, end)| {
                    let rest = bytes.slice(end..);
                    let content = Recorded::Frames(PacketNumber(number), rest);
                    Record { direction, at, content }
                }));
            }
            Recorded::Opaque(bytes) => self.opaque(direction, &bytes),
            Recorded::Frame(frame) => {
                known.next = known.next.max(frame.number.0.saturating_add(1));
                // What is in two halves is forgotten with the second.
                let is_half = matches!(frame.passage, Passage::Came(_));
                let is_kept =
                    keeps_all || frame.number.0 == 0 || known.kept.contains(&frame.number);
                if !is_half {
                    known.kept.remove(&frame.number);
                }
                if is_kept { self.frame(direction, &frame) } else { Ok(()) }
            }
            Recorded::Compression { threshold, from } => {
                let threshold = threshold.map_or("off".to_owned(), |size| size.to_string());
                let key = of(direction, "compression.serverbound", "compression.clientbound");
                self.writer.facts(self.session, self.at, known.since(from), &[(key, &threshold)])
            }
            Recorded::Variables { values, from } => {
                let facts = values.iter().filter_map(|(place, value)| {
                    let (name, _) = known.protocol.conn.get(*place)?;
                    Some((format!("conn.{name}.{direction}"), value.to_string()))
                });
                let facts: Vec<(String, String)> = facts.filter(|(key, _)| is_key(key)).collect();
                let facts: Vec<Fact<'_>> =
                    facts.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
                self.writer.facts(self.session, self.at, known.since(from), &facts)
            }
        };
        done.map(|()| None)
    }

    fn count(&self, frames: u64, bytes: usize) {
        self.counts.frames.fetch_add(frames, Ordering::Relaxed);
        self.counts.payload.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Frames that went on as they came. Gives the number and the place of the first one for the next file.
    fn run(
        &mut self,
        known: &mut Known,
        keeps_all: bool,
        direction: Direction,
        first: u64,
        bytes: &Bytes,
    ) -> Result<Option<(u64, usize)>, WriteError> {
        let Some(framing) = &known.framing else {
            return self.opaque(direction, &bytes.clone().into()).map(|()| None);
        };
        let mut row = Row::new(first, 0);
        for frame in frames(framing, bytes).map_while(Result::ok) {
            let range = frame.range();
            let len = range.len();
            if row.len() + len > self.row_len_max() {
                self.row(direction, bytes, &row)?;
                row = Row::new(row.next(), row.end);
                if row.start > 0 && self.writer.len() >= self.len_max {
                    return Ok(Some((row.first, row.start)));
                }
            }
            // Longer than a reader would put together.
            if len > FRAME_LEN_MAX {
                break;
            }
            known.next = row.next().saturating_add(1);
            if keeps_all || known.kept.remove(&PacketNumber(row.next())) {
                row.add(len);
            } else {
                self.row(direction, bytes, &row)?;
                row = Row::new(row.next().saturating_add(1), range.end);
            }
        }
        self.row(direction, bytes, &row)?;
        if row.end < bytes.len() {
            self.opaque(direction, &bytes.slice(row.end..).into())?;
        }
        Ok(None)
    }

    /// How long frames in a row may be that are kept in one packet, which is whole in the file or not at all.
    fn row_len_max(&self) -> usize {
        let room = self.len_max.saturating_sub(self.writer.len());
        usize::try_from(room).unwrap_or(usize::MAX).min(SEGMENT_LEN_MAX)
    }

    fn row(&mut self, direction: Direction, bytes: &Bytes, row: &Row) -> Result<(), WriteError> {
        if row.count == 0 {
            return Ok(());
        }
        let bytes = bytes.get(row.start..row.end).unwrap_or_default();
        let frame = Frame::passed(self.session, row.first, direction, self.at, bytes);
        self.writer.frame(&Frame { count: row.count, ..frame })?;
        self.count(row.count, bytes.len());
        Ok(())
    }

    /// Bytes that are not cut into frames.
    fn opaque(&mut self, direction: Direction, marked: &Marked) -> Result<(), WriteError> {
        let mut start = 0;
        while start < marked.bytes.len() {
            let end = marked.bytes.len().min(start + FRAME_LEN_MAX);
            let blank: Vec<_> = marked
                .secret
                .iter()
                .map(|range| {
                    range.start.clamp(start, end) - start..range.end.clamp(start, end) - start
                })
                .filter(|range| !range.is_empty())
                .collect();
            let content = Content { bytes: &marked.bytes[start..end], blank: &blank };
            let frame = Frame::passed(self.session, 0, direction, self.at, &[]);
            self.writer.frame(&Frame { bytes: Bits::Passed(content), ..frame })?;
            self.count(0, end - start);
            start = end;
        }
        Ok(())
    }

    fn frame(&mut self, direction: Direction, frame: &RecordedFrame) -> Result<(), WriteError> {
        let content = |marked: &'_ Marked| -> (Bytes, Vec<std::ops::Range<usize>>) {
            (marked.bytes.clone(), marked.secret.clone())
        };
        let (one, other) = match &frame.passage {
            Passage::Passed(one)
            | Passage::Dropped(one)
            | Passage::Came(one)
            | Passage::Sent(one)
            | Passage::Injected(one) => (content(one), None),
            Passage::Changed { came, sent } => (content(came), Some(content(sent))),
        };
        let first = Content { bytes: &one.0, blank: &one.1 };
        let other = other.as_ref().map(|(bytes, blank)| Content { bytes, blank });
        let bits = match &frame.passage {
            Passage::Passed(_) => Bits::Passed(first),
            Passage::Dropped(_) => Bits::Dropped(first),
            Passage::Came(_) => Bits::Came(first),
            Passage::Sent(_) => Bits::Sent(first),
            Passage::Injected(_) => Bits::Injected(first),
            Passage::Changed { .. } => {
                Bits::Changed { came: first, sent: other.unwrap_or_default() }
            }
        };
        let is_sent = matches!(frame.passage, Passage::Sent(_));
        self.count(u64::from(!is_sent), first.bytes.len() + other.map_or(0, |o| o.bytes.len()));
        let origin = match frame.origin {
            Origin::Client | Origin::Server => Origin::sender(direction),
            origin => origin,
        };
        let (by, marks) = (texts(&frame.tags.rules), texts(&frame.tags.marks));
        let frame = Frame {
            session: self.session,
            number: frame.number.0,
            count: 1,
            direction,
            at: self.at,
            bytes: bits,
            origin,
            decided_by: frame.decided_by,
            by: &by,
            marks: &marks,
            delayed: frame.delayed,
        };
        match self.writer.frame(&frame) {
            // A name can be as long as it likes; the bytes are what counts.
            Err(WriteError::NoteTooLong { .. }) => {
                self.writer.frame(&Frame { by: &[], marks: &[], ..frame })
            }
            written => written,
        }
    }
}

fn texts(shared: &[Arc<str>]) -> Vec<&str> {
    shared.iter().map(|text| &**text).collect()
}

/// Frames in a row.
struct Row {
    /// The number of the first.
    first: u64,
    count: u64,
    start: usize,
    end: usize,
}

impl Row {
    /// None so far: the first would have this number, and start here.
    fn new(first: u64, start: usize) -> Self {
        Self { first, count: 0, start, end: start }
    }

    fn len(&self) -> usize {
        self.end - self.start
    }

    /// The number that would follow.
    fn next(&self) -> u64 {
        self.first.saturating_add(self.count)
    }

    fn add(&mut self, len: usize) {
        self.count += 1;
        self.end += len;
    }
}

//! What a recording says of a frame, put back into the events that the frame makes when it is played.

use std::sync::Arc;

use midwire_capture::{Fate as RecordedFate, Origin as RecordedOrigin, RecordedFrame, Timestamp};
use midwire_session::{Direction, Elapsed, Event, Fate, Origin, PacketEvent, PacketNumber, Tags};

/// What a recording says of a frame.
#[derive(Clone)]
pub(super) struct Provenance {
    pub(super) number: u64,
    pub(super) direction: Direction,
    pub(super) at: Timestamp,
    pub(super) origin: Origin,
    pub(super) fate: Fate,
    decided_by: Option<Origin>,
    tags: Option<Arc<Tags>>,
}

impl Provenance {
    /// Of a frame that came so long after its session's beginning.
    pub(super) fn of(frame: &RecordedFrame<'_>, elapsed: Elapsed) -> Self {
        let delay = frame.delayed().unwrap_or_default();
        Self {
            number: frame.number,
            direction: frame.direction,
            at: frame.at,
            origin: origin(frame.origin),
            fate: match frame.fate {
                RecordedFate::Passed => Fate::Passed,
                RecordedFate::Dropped => Fate::Dropped,
                RecordedFate::Changed if frame.delayed().is_none() => Fate::Changed,
                RecordedFate::Changed | RecordedFate::Delayed => {
                    Fate::Delayed(elapsed.after(delay))
                }
            },
            decided_by: frame.decided_by().map(origin),
            tags: tags_of(frame),
        }
    }

    /// The same of one that was never sent, if that is known.
    pub(super) fn unsent(self, is_known: bool) -> Self {
        let fate = if is_known { Fate::Dropped } else { self.fate };
        Self { fate, ..self }
    }

    /// Puts it into the events that the frame made.
    pub(super) fn put_back(&self, elapsed: Elapsed, events: &mut [Event]) {
        for event in events {
            if let Event::Packet(packet) = event {
                self.put_back_into(packet);
            } else if let Some(at) = event.at_mut() {
                *at = elapsed;
            }
        }
    }

    fn put_back_into(&self, packet: &mut PacketEvent) {
        if self.number > 0 {
            packet.number = PacketNumber(self.number);
        }
        (packet.origin, packet.fate) = (self.origin, self.fate);
        let is_changed = self.fate == Fate::Changed || packet.sent.is_some();
        packet.changed_by = self.decided_by.filter(|_| is_changed);
        packet.tags.clone_from(&self.tags);
    }
}

fn tags_of(frame: &RecordedFrame<'_>) -> Option<Arc<Tags>> {
    let rules = frame.by().map(|by| by.as_ref().into()).collect();
    let marks = frame.marks().map(|mark| mark.as_ref().into()).collect();
    let tags = Tags { rules, marks, logs: Vec::new() };
    (!tags.is_empty()).then(|| Arc::new(tags))
}

fn origin(recorded: RecordedOrigin) -> Origin {
    match recorded {
        RecordedOrigin::Client => Origin::Client,
        RecordedOrigin::Server => Origin::Server,
        RecordedOrigin::Midwire => Origin::Midwire,
        RecordedOrigin::Rule => Origin::Rule,
        RecordedOrigin::Script => Origin::Script,
        RecordedOrigin::User => Origin::User,
    }
}

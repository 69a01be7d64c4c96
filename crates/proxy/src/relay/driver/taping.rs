//! What a recording is told of a session.

use midwire_capture::Closing;
use midwire_session::Event;

use super::Driver;
use crate::queue::Sender;
use crate::record::Told;

impl Driver {
    /// Takes an event for those who are shown it, and for the recording.
    pub(super) fn take_event(&mut self, event: Event) {
        if let Event::Closed { counters, at } = &event {
            (self.counters, self.closed) = (*counters, true);
            let closing = self.broken.map_or(Closing::Finished, Closing::Reset);
            self.tell_tape(Told::Closed(closing, *at));
        }
        if let Some(tape) = &mut self.tape {
            tape.event(&event);
        }
        let is_told_alone = match &event {
            Event::Packet(packet) => packet.tags.as_ref().is_none_or(|tags| tags.logs.is_empty()),
            Event::Opaque { .. } => true,
            _ => false,
        };
        if self.shows || !is_told_alone {
            self.events.push(event);
        }
    }

    pub(super) fn tell_tape(&mut self, told: Told) {
        if let Some(tape) = &mut self.tape {
            tape.push(told);
        }
    }

    /// Tells the recording what there is, once there is room for it.
    pub(in crate::relay) async fn flush_tape(&mut self, events: &Sender) {
        if let Some(tape) = &mut self.tape {
            tape.flush(events).await;
        }
    }
}

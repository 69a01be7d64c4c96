//! Packets that are sent because of another: beside it, or it once more.
//!
//! ```text
//!   in front of X      X      copies of X   behind X     all in the queue of X's direction
//!   ──────────────▶ ───────▶ ─────────────▶ ───────▶
//!          │ those that travel the other way go into the other queue when their turn has come
//!          ▼
//! ```
//!
//! A packet is made when its turn has come, so that it has the form that its receiver reads just
//! there, however long it waited.

use std::sync::Arc;

use midwire_codec::{Direction, Origin};

use super::Session;
use super::inject::Injected;
use crate::decision::{Beside, Content, Tags};
use crate::event::{Notice, PacketNumber};
use crate::order::{Copied, Gate, Item, Loose, Made, Next};
use crate::record::Note;
use crate::scratch::Scratch;

impl Session {
    /// Queues a packet beside or behind another of the same direction.
    pub(super) fn put_beside(&mut self, direction: Direction, item: Item, scratch: &mut Scratch) {
        match self.may_inject(direction, item.cost()) {
            Ok(()) => self.put(direction, item, scratch),
            Err(error) => self.refuse(item, error.to_string()),
        }
    }

    /// It is the turn of a packet that goes beside another.
    pub(super) fn send_next(
        &mut self,
        direction: Direction,
        next: Box<Next>,
        scratch: &mut Scratch,
    ) {
        if next.beside.direction != direction {
            return self.put_beside(next.beside.direction, Item::Beside(next), scratch);
        }
        let payload = match &next.beside.packet {
            Content::Payload(payload) => Ok(payload.clone()),
            Content::Fields { name, fields } => {
                self.composed(direction, name, fields, scratch).map_err(|error| error.to_string())
            }
        };
        let known = payload.and_then(|payload| {
            let known = self.known(direction, &payload, next.beside.forced, scratch);
            known.map(|known| (known, payload)).map_err(|error| error.to_string())
        });
        let (known, payload) = match known {
            Ok(known) => known,
            Err(reason) => return self.refuse(Item::Beside(next), reason),
        };
        let Next { beside, origin, generation, .. } = *next;
        let Beside { by, forced, .. } = beside;
        let injected = Injected { payload, origin, by, forced, generation };
        let (_, items) = self.announce(direction, known, injected, scratch);
        self.send_all(direction, items, scratch);
    }

    /// It is the turn of an injected packet, and of what goes beside it.
    fn send_all(&mut self, direction: Direction, items: Vec<Item>, scratch: &mut Scratch) {
        for item in items {
            // It has been found to be defined where its turn is.
            match item {
                Item::Payload(made) => {
                    self.send_made(direction, Made { forced: true, ..made }, scratch);
                }
                item => self.send_item(direction, item, scratch),
            }
        }
    }

    /// It is the turn of a packet once more.
    pub(super) fn send_copy(
        &mut self,
        direction: Direction,
        copy: Box<Copied>,
        scratch: &mut Scratch,
    ) {
        let threshold = self.sides[direction.index()].sent.threshold;
        let fits = copy.came.as_ref().is_some_and(|came| came.threshold == threshold);
        if copy.payload.is_empty() && !fits {
            let reason = "compression was switched, and it was not read".to_owned();
            return self.refuse(Item::Copy(copy), reason);
        }
        let known = match self.known(direction, &copy.payload, true, scratch) {
            Ok(known) => Some(known),
            Err(_) if fits => None,
            Err(error) => return self.refuse(Item::Copy(copy), error.to_string()),
        };
        let Copied { payload, came, effects, origin, by, .. } = *copy;
        if let Some(known) = known {
            let copied = payload.clone();
            let injected = Injected { payload, origin, by, forced: true, generation: 0 };
            let (_, items) = self.announce(direction, known, injected, scratch);
            for item in items {
                match item {
                    // The frame as it came, where that still fits.
                    Item::Payload(made) if came.is_some() && made.payload == copied => {
                        let made = Made { instead: came.clone(), effects: effects.clone(), ..made };
                        self.send_made(direction, made, scratch);
                    }
                    item => self.send_item(direction, item, scratch),
                }
            }
            return;
        }
        // Not read, so there is nothing to report but that it is there.
        self.side(direction).counters.injected += 1;
        self.packets += 1;
        let number = PacketNumber(self.packets);
        let note = self.is_recorded().then(|| {
            Box::new(Note {
                number,
                at: self.now,
                origin,
                decided_by: by.as_ref().map(|_| Origin::Rule),
                tags: Tags { rules: by.into_iter().collect(), ..Tags::default() },
                is_delayed: false,
                is_loose: false,
                came: None,
            })
        });
        let (changed, forced) = (false, true);
        let made = Made { number, payload, instead: came, changed, forced, effects, note };
        self.send_made(direction, made, scratch);
    }

    /// It is the turn of a packet that others have overtaken.
    pub(super) fn send_loose(&mut self, direction: Direction, loose: Loose, scratch: &mut Scratch) {
        let sent = &self.sides[direction.index()].sent;
        // What was not read cannot be framed anew.
        let is_framed =
            !matches!(loose.item, Item::Frame(..)) || sent.threshold == loose.form.threshold;
        if sent.state == loose.form.state && is_framed {
            self.send_item(direction, loose.item, scratch);
        } else {
            self.notice(Notice::TooLate { number: loose.number });
        }
    }

    /// Queues the packets of which the delay is over.
    pub(super) fn release_loose(&mut self, direction: Direction, scratch: &mut Scratch) {
        let now = self.now;
        while let Some((_, loose)) = self.side(direction).order.pop_loose(Some(now)) {
            if self.side(direction).opaque {
                self.notice(Notice::TooLate { number: loose.number });
            } else {
                self.put(direction, Item::Loose(loose), scratch);
            }
        }
    }

    /// Nothing more comes: what was put off goes in front of the end, each in its time.
    pub(super) fn end_loose(&mut self, direction: Direction, scratch: &mut Scratch) {
        while let Some((until, loose)) = self.side(direction).order.pop_loose(None) {
            if self.side(direction).opaque {
                self.notice(Notice::TooLate { number: loose.number });
            } else {
                self.deliver(direction, Item::Loose(loose), Gate::Until(until), scratch);
            }
        }
    }

    /// Says that something which was to be injected is not sent.
    pub(super) fn refuse(&mut self, item: Item, reason: String) {
        match item {
            Item::Payload(made) => {
                self.notice(Notice::InjectionRefused { number: made.number, reason });
            }
            Item::Beside(next) => {
                let Next { beside, number, .. } = *next;
                self.refused_beside(number, beside.by, reason);
            }
            Item::Copy(copy) => {
                let Copied { of, by, .. } = *copy;
                self.refused_beside(of, by, reason);
            }
            Item::Loose(loose) => self.notice(Notice::TooLate { number: loose.number }),
            Item::Bytes(..) | Item::Frame(..) | Item::End => {}
        }
    }

    pub(super) fn refused_beside(
        &mut self,
        number: PacketNumber,
        by: Option<Arc<str>>,
        reason: String,
    ) {
        self.note_refused(by.as_deref());
        self.notice(Notice::SendRefused { number, by, reason });
    }

    /// Counts that something which a rule wanted could not be done.
    pub(super) fn note_refused(&mut self, by: Option<&str>) {
        if let Some(name) = by
            && let Some(rules) = self.judged.as_mut().and_then(|judged| judged.rules.as_mut())
        {
            rules.note_refused(name);
        }
    }
}

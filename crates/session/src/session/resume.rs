//! Deciding about intercepted packets.

use bytes::Bytes;
use midwire_codec::Origin;

use super::Session;
use crate::event::{Event, Fate, PacketNumber};
use crate::form::Effects;
use crate::interest::Watch;
use crate::order::{Gate, Item, Made};
use crate::record::Keep;
use crate::scratch::Scratch;
use crate::verdict::{UnknownPacket, Verdict};

impl Session {
    pub(super) fn decide_held(
        &mut self,
        number: PacketNumber,
        verdict: Verdict,
        scratch: &mut Scratch,
    ) -> Result<(), UnknownPacket> {
        let mut held = self.sides.iter().filter_map(|side| side.order.held(number));
        let held = held.next().cloned().ok_or(UnknownPacket(number))?;
        if matches!(verdict, Verdict::Intercept) {
            return Ok(());
        }
        let mut ruling = self.rule_on(&held, verdict, &mut scratch.workspace);
        self.tell_refused(number, &mut ruling);
        let direction = held.direction;
        let mut gate = Gate::Open;
        let fate = match (ruling.delay, &ruling.new) {
            _ if ruling.dropped => Fate::Dropped,
            (Some(delay), _) => {
                let until = self.now.after(delay.wait);
                gate = Gate::Until(until);
                Fate::Delayed(until)
            }
            (None, Some(_)) => Fate::Changed,
            (None, None) => Fate::Passed,
        };
        if fate == Fate::Dropped {
            self.side(direction).counters.dropped += 1;
            self.diverge(&held.came.effects, &Effects::default());
            let record = self.side(direction).order.note_of(number).map(|mut note| {
                note.decided_by = Some(Origin::User);
                note.dropped(direction)
            });
            let item = record
                .flatten()
                .map(|record| Item::Bytes(Bytes::new(), Keep::Record(Box::new(record))));
            self.side(direction).order.decide(number, item, gate);
        } else if let Some(new) = &ruling.new {
            self.side(direction).counters.changed += 1;
            let workspace = &mut scratch.workspace;
            let effects = self.effects_at(direction, new, &held.form, workspace);
            self.diverge(&held.came.effects, &effects);
            let mut note = self.side(direction).order.note_of(number);
            if let Some(note) = &mut note {
                note.decided_by = Some(Origin::User);
            }
            let made = Made {
                note,
                number,
                payload: new.clone(),
                instead: Some(held.came),
                changed: true,
                forced: true,
                effects,
            };
            self.side(direction).order.decide(number, Some(Item::Payload(made)), gate);
        } else {
            self.side(direction).order.open(number, gate);
        }
        if self.watch > Watch::Nothing {
            let sent = ruling.new.filter(|_| self.watch == Watch::Packets);
            self.event(Event::Resumed { number, at: self.now, fate, sent });
        }
        self.pump(direction, scratch);
        Ok(())
    }
}

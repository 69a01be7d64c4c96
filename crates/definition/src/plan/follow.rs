//! Following anchors in a packet that was read.

use super::anchor::{Anchor, Hop, Next, Spot};
use super::workspace::{ABSENT, START};
use super::{Activation, Field, Found, Kind, LayoutId, Packet, Plan};
use crate::value;

/// What is shown the spots of an anchor; `true` ends it.
type See<'f, 'a> = dyn FnMut(&mut Packet<'a>, Spot<'a, '_>) -> bool + 'f;

impl<'a> Packet<'a> {
    /// The plan it was read by.
    pub fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// The connection's variables that it was read with.
    pub fn conn(&self) -> &'a [i64] {
        self.conn
    }

    /// Where the body starts in the payload.
    #[inline]
    pub fn body_start(&self) -> u32 {
        self.ws.slots.get(START as usize).copied().unwrap_or(0)
    }

    /// The block of the packet's body, where anchors start.
    pub fn body(&self) -> Activation {
        self.root()
    }

    /// The first field that an anchor leads to without passing a list, block or recursive type. `None`:
    /// there is none, or [`each`](Self::each) must be asked.
    #[inline]
    pub fn first(&self, from: Activation, anchor: &Anchor) -> Option<Found<'a>> {
        for hop in &anchor.hops {
            let Next::Here(member, _) = &hop.next else { return None };
            let field = self.plan.fields.get(hop.field as usize)?;
            if field.guard.is_none() || self.plan.is_present(self.ws, from.base, field.guard) {
                let place = self.field_place(from.base, field)?;
                return Some(Found { field, place, act: from, element: None, member: *member });
            }
        }
        None
    }

    /// Shows what an anchor leads to, in order, until `see` says that it has seen enough; and whether it
    /// has. Of a packet that failed, what was read before.
    pub fn each(&mut self, from: Activation, anchor: &Anchor, see: &mut See<'_, 'a>) -> bool {
        let before = (self.ws.checkpoint(), self.ws.counts());
        self.ws.begin_counting();
        let enough = self.follow(from, &anchor.hops, see);
        self.ws.restore(before.0);
        self.ws.set_counts(before.1);
        enough
    }

    fn follow(&mut self, act: Activation, hops: &[Hop], see: &mut See<'_, 'a>) -> bool {
        let plan = self.plan;
        for hop in hops {
            let field = &plan.fields[hop.field as usize];
            if !plan.is_present(self.ws, act.base, field.guard) {
                continue;
            }
            let enough = match &hop.next {
                Next::Here(member, inside) => match self.field_place(act.base, field) {
                    Some(place) => {
                        let found = Found { field, place, act, element: None, member: *member };
                        see(self, Spot { found, inside })
                    }
                    None => false,
                },
                Next::Inner(layout, slot, hops) => {
                    match self.ws.slots[(act.base + slot) as usize] {
                        ABSENT => false,
                        base => self.follow(Activation { base, layout: *layout }, hops, see),
                    }
                }
                Next::Each(_, hops) => self.follow_each(act, field, hops, see),
                Next::Element(index, layout, hops) => {
                    let Kind::Array(array) = &field.kind else { continue };
                    match self.element_start(act, array, *index) {
                        Some(at) => {
                            self.follow_element(act, field, (*index, *layout, at), hops, see).0
                        }
                        None => false,
                    }
                }
                Next::Opened(forms) => self.follow_opened(act, field, forms, see),
            };
            if enough {
                return true;
            }
        }
        false
    }

    fn follow_each(
        &mut self,
        act: Activation,
        field: &'a Field,
        hops: &[Hop],
        see: &mut See<'_, 'a>,
    ) -> bool {
        let Kind::Array(array) = &field.kind else { return false };
        let count = self.ws.slots[(act.base + array.count_slot) as usize];
        let mut at = self.ws.resolve(act.base, array.first);
        if count == ABSENT || at == ABSENT {
            return false;
        }
        for index in 0..count {
            let before = self.ws.checkpoint();
            let (enough, end) =
                self.follow_element(act, field, (index, array.element, at), hops, see);
            self.ws.restore(before);
            match end {
                _ if enough => return true,
                Some(end) => at = end,
                None => return false,
            }
        }
        false
    }

    /// Follows into one element; tells where it ends.
    fn follow_element(
        &mut self,
        act: Activation,
        field: &'a Field,
        (index, layout, at): (u32, LayoutId, u32),
        hops: &[Hop],
        see: &mut See<'_, 'a>,
    ) -> (bool, Option<u32>) {
        if self.ws.count_walked(1).is_err() {
            return (false, None);
        }
        let (inner, end) = self.open_element(act, layout, at);
        if !hops.is_empty() {
            return (self.follow(inner, hops, see), end);
        }
        let Some(end) = end else { return (false, None) };
        let buffer = self.buffer_of(act);
        let place = super::Place { buffer, start: at, end };
        let found = Found { field, place, act: inner, element: Some(index), member: None };
        (see(self, Spot { found, inside: &[] }), Some(end))
    }

    fn follow_opened(
        &mut self,
        act: Activation,
        field: &'a Field,
        forms: &[(LayoutId, Vec<Hop>)],
        see: &mut See<'_, 'a>,
    ) -> bool {
        let Some(place) = self.field_place(act.base, field) else { return false };
        let before = self.ws.checkpoint();
        let enough = match self.opened_activation(act.base, field, place) {
            Some(inner) => match forms.iter().find(|(layout, _)| *layout == inner.layout) {
                Some((_, hops)) => self.follow(inner, hops, see),
                None => false,
            },
            None => false,
        };
        self.ws.restore(before);
        enough
    }

    /// The number of elements of a list, if all of them were read.
    pub fn count_of(&self, found: &Found<'a>) -> Option<u32> {
        match &found.field.kind {
            Kind::Array(array) if found.element.is_none() => {
                match self.ws.slots[(found.act.base + array.count_slot) as usize] {
                    ABSENT => None,
                    count => Some(count),
                }
            }
            _ => None,
        }
    }

    /// The number that a found field or part of one is.
    #[inline]
    pub fn int_of(&self, found: &Found<'a>) -> Option<i128> {
        let whole = match &found.field.kind {
            Kind::Int(repr)
            | Kind::Enum { repr, .. }
            | Kind::Flags { repr, .. }
            | Kind::Bits { repr, .. } => repr.read(self.bytes(found.place)).ok()?.0,
            Kind::Bool | Kind::Presence => {
                i128::from(self.bytes(found.place).first().is_some_and(|byte| *byte != 0))
            }
            _ => self.value_of(found)?.as_int()?,
        };
        Some(found.member.map_or(whole, |m| m.of(whole)))
    }

    /// The content of a found text or bytes: without a length in front.
    #[inline]
    pub fn content_of(&self, found: &Found<'a>) -> Option<&[u8]> {
        if found.element.is_some() {
            return None;
        }
        let raw = self.bytes(found.place);
        match &found.field.kind {
            Kind::Str { len, .. } | Kind::Bytes { len } => Some(value::content(len, raw)),
            Kind::Uuid | Kind::Tail => Some(raw),
            _ => None,
        }
    }
}

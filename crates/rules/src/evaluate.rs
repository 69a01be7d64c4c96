//! Asking a packet. Nothing is allocated for what is compared where it lies; words of chat components,
//! paths in NBT and texts in other encodings than UTF-8 are the exceptions.

use std::borrow::Cow;

use midwire_definition::chat;
use midwire_definition::plan::anchor::{peek_float, peek_int};
use midwire_definition::plan::{Found, Kind, Packet};
use midwire_definition::value::{Encoding, Value as Held};

use crate::envelope::Envelope;
use crate::inside::{self, Inside};
use crate::predicate::{Num, Place, Pred, Side, Str};
use crate::syntax::ast::{Arithmetic, Comparison};
use crate::value::Number;

/// Lists in each other that one expression can look through.
pub(crate) const SLOTS_MAX: usize = 8;

/// What one packet is asked with.
pub(crate) struct Evaluator<'e, 'a> {
    envelope: &'e Envelope<'e>,
    payload: &'e [u8],
    body: usize,
    /// What elements of lists are bound to: as many as the expression needs.
    slots: &'e mut [Option<Found<'a>>],
}

type Fields<'p, 'a> = Option<&'p mut Packet<'a>>;

impl<'e, 'a: 'e> Evaluator<'e, 'a> {
    #[inline]
    pub(crate) fn new(envelope: &'e Envelope<'e>, slots: &'e mut [Option<Found<'a>>]) -> Self {
        let (payload, body) = (envelope.payload, envelope.body as usize);
        Evaluator { envelope, payload, body, slots }
    }

    /// With fields that were read already, whose payload counts.
    #[inline]
    pub(crate) fn with(
        envelope: &'e Envelope<'e>,
        packet: &Packet<'a>,
        slots: &'e mut [Option<Found<'a>>],
    ) -> Self {
        let (payload, body) = (packet.payload(), packet.body_start() as usize);
        Evaluator { envelope, payload, body, slots }
    }

    /// The address of a side.
    pub(crate) fn address(&self, side: Side) -> Option<std::net::IpAddr> {
        match side {
            Side::Client => self.envelope.client,
            Side::Server => self.envelope.server,
        }
    }

    pub(crate) fn pred(&mut self, pred: &Pred, mut packet: Fields<'_, 'a>) -> bool {
        match pred {
            Pred::Const(is) => *is,
            Pred::Not(inner) => !self.pred(inner, packet),
            Pred::All(parts) => parts.iter().all(|part| self.pred(part, packet.as_deref_mut())),
            Pred::Any(parts) => parts.iter().any(|part| self.pred(part, packet.as_deref_mut())),
            Pred::FixedInt { at, repr, member, op, value } => {
                match peek_int(self.payload, self.body + *at as usize, *repr, *member) {
                    Some(found) => op.holds(found.cmp(value)),
                    None => false,
                }
            }
            Pred::Malformed => {
                self.envelope.malformed
                    || packet.is_some_and(|p| p.error().is_some() || !p.rest().is_empty())
            }
            Pred::Injected => self.envelope.injected,
            Pred::Changed => self.envelope.changed,
            Pred::Compare(op, a, b) => {
                let a = self.num(a, packet.as_deref_mut());
                match (a, self.num(b, packet)) {
                    (Some(a), Some(b)) => match a.compare(b) {
                        Some(order) => op.holds(order),
                        None => *op == Comparison::NotEqual,
                    },
                    _ => false,
                }
            }
            Pred::Within(num, ranges) => self.num(num, packet).is_some_and(|n| {
                ranges.iter().any(|(first, last)| {
                    n.compare(*first).is_some_and(|order| order.is_ge())
                        && n.compare(*last).is_some_and(|order| order.is_le())
                })
            }),
            Pred::True(num) => match self.num(num, packet) {
                Some(Number::Int(n)) => n != 0,
                Some(Number::Float(n)) => n != 0.0,
                None => false,
            },
            Pred::Text { of, matcher, negated } => {
                self.str(of, packet, &mut |text| matcher.is_match(text) != *negated)
            }
            Pred::Texts { op, a, b } => self.texts(*op, a, b, packet),
            Pred::Address(side, nets) => {
                let address = match side {
                    Side::Client => self.envelope.client,
                    Side::Server => self.envelope.server,
                };
                address.is_some_and(|address| nets.iter().any(|net| net.contains(address)))
            }
            Pred::HasNum(num) => self.num(num, packet).is_some(),
            Pred::HasStr(of) => self.str(of, packet, &mut |_| true),
            Pred::Has(place) => self.place(place, packet, &mut |_, _| true),
            Pred::HasInside(place, path) => self.inside(place, path, packet, &mut |_| true),
            Pred::Exists { .. } | Pred::ForAll { .. } => self.quantified(pred, packet),
        }
    }

    fn quantified(&mut self, pred: &Pred, packet: Fields<'_, 'a>) -> bool {
        let Some(packet) = packet else { return false };
        match pred {
            Pred::Exists { from, anchors, slot, body } => {
                self.elements(*from, anchors, *slot, packet, &mut |this, packet| {
                    this.pred(body, Some(packet))
                })
            }
            Pred::ForAll { list, elements, from, slot, body } => {
                self.place(list, Some(packet), &mut |_, _| true)
                    && !self.elements(*from, elements, *slot, packet, &mut |this, packet| {
                        !this.pred(body, Some(packet))
                    })
            }
            _ => false,
        }
    }

    /// Binds what anchors lead to to a slot, one after the other, until `see` has seen enough.
    fn elements(
        &mut self,
        from: Option<usize>,
        anchors: &[midwire_definition::plan::anchor::Anchor],
        slot: usize,
        packet: &mut Packet<'a>,
        see: &mut dyn FnMut(&mut Self, &mut Packet<'a>) -> bool,
    ) -> bool {
        let start = match from {
            None => packet.body(),
            Some(outer) => match self.slots.get(outer).copied().flatten() {
                Some(found) => found.activation(),
                None => return false,
            },
        };
        let Some(anchor) = anchors.iter().find(|a| a.layout() == start.layout()) else {
            return false;
        };
        let before = self.slots.get(slot).copied().flatten();
        let enough = packet.each(start, anchor, &mut |packet, spot| {
            if let Some(bound) = self.slots.get_mut(slot) {
                *bound = Some(spot.found);
            }
            see(self, packet)
        });
        if let Some(bound) = self.slots.get_mut(slot) {
            *bound = before;
        }
        enough
    }

    /// Shows what stands at a place; gives whether `see` has seen enough.
    #[inline]
    fn place(
        &mut self,
        place: &Place,
        packet: Fields<'_, 'a>,
        see: &mut dyn FnMut(&mut Packet<'a>, &Found<'a>) -> bool,
    ) -> bool {
        let Some(packet) = packet else { return false };
        let (start, anchor) = match place {
            Place::Body(anchor) => (packet.body(), &**anchor),
            Place::Within(slot, anchors) => {
                let Some(found) = self.slots.get(*slot).copied().flatten() else { return false };
                let start = found.activation();
                match anchors.iter().find(|a| a.layout() == start.layout()) {
                    Some(anchor) => (start, anchor),
                    None => return false,
                }
            }
            Place::Slot(slot) => {
                let Some(found) = self.slots.get(*slot).copied().flatten() else { return false };
                return see(packet, &found);
            }
        };
        if anchor.is_direct() {
            return match packet.first(start, anchor) {
                Some(found) => see(packet, &found),
                None => false,
            };
        }
        packet.each(start, anchor, &mut |packet, spot| see(packet, &spot.found))
    }

    fn inside(
        &mut self,
        place: &Place,
        path: &[midwire_definition::plan::anchor::Step],
        packet: Fields<'_, 'a>,
        see: &mut dyn FnMut(Inside<'_>) -> bool,
    ) -> bool {
        self.place(place, packet, &mut |packet, found| match packet.value_of(found) {
            Some(Held::Nbt(bytes, form)) => inside::each(bytes, form, path, see),
            _ => false,
        })
    }

    pub(crate) fn num(&mut self, num: &Num, mut packet: Fields<'_, 'a>) -> Option<Number> {
        match num {
            Num::Const(n) => Some(*n),
            Num::FixedInt { at, repr, member } => {
                peek_int(self.payload, self.body + *at as usize, *repr, *member).map(Number::Int)
            }
            Num::FixedFloat { at, repr } => {
                peek_float(self.payload, self.body + *at as usize, *repr).map(Number::Float)
            }
            Num::Field(place) => {
                let mut number = None;
                self.place(place, packet, &mut |packet, found| {
                    number = number_of(packet, found);
                    number.is_some()
                });
                number
            }
            Num::Inside(place, path) => {
                let mut number = None;
                self.inside(place, path, packet, &mut |inside| {
                    number = inside.number();
                    number.is_some()
                });
                number
            }
            Num::Id => self.envelope.id.map(|id| Number::Int(id.into())),
            Num::Length => Some(Number::Int(self.envelope.length.into())),
            Num::Time => Some(Number::Float(self.envelope.time.as_secs_f64())),
            Num::Session => Some(Number::Int(self.envelope.session.into())),
            Num::Conn(at) => self.envelope.conn.get(*at).map(|n| Number::Int((*n).into())),
            Num::Count(place) => {
                let mut count = None;
                self.place(place, packet, &mut |packet, found| {
                    count = packet.count_of(found);
                    count.is_some()
                });
                count.map(|n| Number::Int(n.into()))
            }
            Num::Size(of, is_text) => {
                let mut size = 0;
                let is_there = self.str(of, packet, &mut |text| {
                    size = match is_text {
                        true => String::from_utf8_lossy(text).chars().count(),
                        false => text.len(),
                    };
                    true
                });
                is_there.then_some(Number::Int(size as i128))
            }
            Num::Byte(of) => {
                let mut byte = None;
                self.str(of, packet, &mut |bytes| {
                    byte = bytes.first().copied();
                    byte.is_some()
                });
                byte.map(|byte| Number::Int(byte.into()))
            }
            Num::Arithmetic(op, a, b) => {
                let a = self.num(a, packet.as_deref_mut())?;
                arithmetic(*op, a, self.num(b, packet)?)
            }
            Num::Truth(pred) => Some(Number::Int(self.pred(pred, packet).into())),
        }
    }

    /// Shows a text or bytes, if they are there; gives what `see` gives of them.
    pub(crate) fn str(
        &mut self,
        of: &Str,
        mut packet: Fields<'_, 'a>,
        see: &mut dyn FnMut(&[u8]) -> bool,
    ) -> bool {
        match of {
            Str::Const(text) => see(text),
            Str::Payload => see(self.payload),
            Str::Text(place) => self.place(place, packet, &mut |packet, found| {
                let Some(content) = packet.content_of(found) else { return false };
                match &found.field.kind {
                    Kind::Str { encoding: Encoding::Utf8, .. } => see_utf8(content, see),
                    _ => match packet.value_of(found) {
                        Some(Held::Text(text, ..)) => see(text.as_bytes()),
                        _ => false,
                    },
                }
            }),
            Str::Bytes(place) => self.place(place, packet, &mut |packet, found| {
                packet.content_of(found).is_some_and(&mut *see)
            }),
            Str::Uuid(place) => {
                self.place(place, packet, &mut |packet, found| match packet.value_of(found) {
                    Some(Held::Uuid(uuid)) => see(&uuid_text(uuid)),
                    _ => false,
                })
            }
            Str::Name(place) => {
                self.place(place, packet, &mut |packet, found| match packet.value_of(found) {
                    Some(Held::Enum(_, Some(name))) => see(name.as_bytes()),
                    Some(Held::Enum(number, None)) => see(number.to_string().as_bytes()),
                    _ => false,
                })
            }
            Str::Words(place) => {
                self.place(place, packet, &mut |packet, found| match packet.value_of(found) {
                    Some(Held::Text(text, ..)) => see(chat::from_text(&text).as_bytes()),
                    Some(Held::Nbt(bytes, form)) => see(chat::from_nbt(bytes, form).as_bytes()),
                    _ => false,
                })
            }
            Str::Inside(place, path) => self
                .inside(place, path, packet, &mut |inside| inside.text(&mut *see).unwrap_or(false)),
            Str::Slice(of, from, to) => self.str(of, packet, &mut |bytes| {
                let from = *from as usize;
                let to = to.map_or(bytes.len(), |to| to as usize);
                bytes.get(from..to).is_some_and(&mut *see)
            }),
            Str::Join(a, b) => {
                let mut joined = Vec::new();
                let mut add = |part: &[u8]| {
                    joined.extend_from_slice(part);
                    true
                };
                let is_there =
                    self.str(a, packet.as_deref_mut(), &mut add) && self.str(b, packet, &mut add);
                is_there && see(&joined)
            }
            Str::Digits(num) => match self.num(num, packet) {
                Some(Number::Int(n)) => see(n.to_string().as_bytes()),
                Some(Number::Float(n)) => see(n.to_string().as_bytes()),
                None => false,
            },
        }
    }

    fn texts(&mut self, op: Comparison, a: &Str, b: &Str, mut packet: Fields<'_, 'a>) -> bool {
        let mut right = None;
        self.str(b, packet.as_deref_mut(), &mut |text| {
            right = Some(text.to_vec());
            true
        });
        let Some(right) = right else { return false };
        self.str(a, packet, &mut |left| match op {
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Contains => memchr::memmem::find(left, &right).is_some(),
            Comparison::StartsWith => left.starts_with(&right),
            Comparison::EndsWith => left.ends_with(&right),
            _ => false,
        })
    }
}

fn see_utf8(content: &[u8], see: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    match String::from_utf8_lossy(content) {
        Cow::Borrowed(text) => see(text.as_bytes()),
        Cow::Owned(text) => see(text.as_bytes()),
    }
}

fn number_of(packet: &Packet<'_>, found: &Found<'_>) -> Option<Number> {
    if let Kind::Float(_) = found.field.kind {
        return match packet.value_of(found)? {
            Held::F32(n) => Some(Number::Float(n.into())),
            Held::F64(n) => Some(Number::Float(n)),
            _ => None,
        };
    }
    packet.int_of(found).map(Number::Int)
}

/// What is too large for a number, or divided by 0, is not there.
pub(crate) fn arithmetic(op: Arithmetic, a: Number, b: Number) -> Option<Number> {
    if let (Number::Int(a), Number::Int(b)) = (a, b) {
        return match op {
            Arithmetic::Add => a.checked_add(b),
            Arithmetic::Subtract => a.checked_sub(b),
            Arithmetic::Multiply => a.checked_mul(b),
            Arithmetic::Divide => a.checked_div(b),
            Arithmetic::Remainder => a.checked_rem(b),
        }
        .map(Number::Int);
    }
    let (a, b) = (a.as_float(), b.as_float());
    if b == 0.0 && matches!(op, Arithmetic::Divide | Arithmetic::Remainder) {
        return None;
    }
    Some(Number::Float(match op {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide => a / b,
        Arithmetic::Remainder => a % b,
    }))
}

/// As people write it: `069a79f4-44e9-4726-a5be-fca90e38aaf5`.
pub(crate) fn uuid_text(uuid: [u8; 16]) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (i, byte) in uuid.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 15)];
        at += 2;
    }
    text
}

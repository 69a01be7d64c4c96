//! Compiled expressions: what is asked of one kind of packet at one version.

use std::net::IpAddr;
use std::sync::Arc;

use midwire_definition::plan::anchor::{Anchor, Step};
use midwire_definition::plan::{FloatRepr, IntRepr, Member};

use crate::matcher::Matcher;
use crate::syntax::ast::{Arithmetic, Comparison};
use crate::value::Number;

/// Something that is true or false.
#[derive(Debug)]
pub(crate) enum Pred {
    Const(bool),
    Not(Box<Pred>),
    All(Vec<Pred>),
    Any(Vec<Pred>),
    Malformed,
    Injected,
    Changed,
    /// A number at a constant place of the body, compared with a constant.
    FixedInt {
        at: u32,
        repr: IntRepr,
        member: Option<Member>,
        op: Comparison,
        value: i128,
    },
    Compare(Comparison, Num, Num),
    /// In one of these ranges, both ends included.
    Within(Num, Vec<(Number, Number)>),
    /// Not 0.
    True(Num),
    Text {
        of: Str,
        matcher: Matcher,
        negated: bool,
    },
    /// Two texts that are both looked up.
    Texts {
        op: Comparison,
        a: Str,
        b: Str,
    },
    Address(Side, Vec<Net>),
    /// It is there.
    HasNum(Num),
    HasStr(Str),
    Has(Place),
    /// Something in NBT is there.
    HasInside(Place, Box<[Step]>),
    /// It is so for one of those that an anchor leads to.
    Exists {
        from: Option<usize>,
        anchors: Vec<Anchor>,
        slot: usize,
        body: Box<Pred>,
    },
    /// The list is there, and it is so for all of its elements.
    ForAll {
        list: Place,
        elements: Vec<Anchor>,
        from: Option<usize>,
        slot: usize,
        body: Box<Pred>,
    },
}

/// Where a field is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// In the packet's body.
    Body(Arc<Anchor>),
    /// In the block of what is bound to a slot, by its layout.
    Within(usize, Arc<[Anchor]>),
    /// What is bound to a slot.
    Slot(usize),
}

/// A number.
#[derive(Debug)]
pub(crate) enum Num {
    Const(Number),
    Field(Place),
    FixedInt {
        at: u32,
        repr: IntRepr,
        member: Option<Member>,
    },
    FixedFloat {
        at: u32,
        repr: FloatRepr,
    },
    /// In NBT.
    Inside(Place, Box<[Step]>),
    Id,
    Length,
    Time,
    Session,
    Conn(usize),
    Count(Place),
    /// Characters of a text, or bytes.
    Size(Box<Str>, bool),
    /// The one byte that this is.
    Byte(Box<Str>),
    Arithmetic(Arithmetic, Box<Num>, Box<Num>),
    Truth(Box<Pred>),
}

/// A text or bytes.
#[derive(Debug)]
pub(crate) enum Str {
    Const(Box<[u8]>),
    /// A text, as UTF-8.
    Text(Place),
    /// Bytes, without a length in front.
    Bytes(Place),
    /// A UUID as people write it.
    Uuid(Place),
    /// An enum's name, or its number.
    Name(Place),
    /// The words of a chat component.
    Words(Place),
    /// In NBT.
    Inside(Place, Box<[Step]>),
    /// Id and fields.
    Payload,
    Slice(Box<Str>, u32, Option<u32>),
    Join(Box<Str>, Box<Str>),
    /// A number as people write it.
    Digits(Box<Num>),
}

/// A side of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// Addresses whose first bits agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Net {
    pub(crate) address: IpAddr,
    pub(crate) bits: u8,
}

impl Net {
    /// `10.0.0.0/8`, `::1`
    pub(crate) fn parse(text: &str) -> Option<Net> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Net { address, bits })
    }

    pub(crate) fn contains(self, address: IpAddr) -> bool {
        let first = |a: u128, b: u128, width: u32| {
            let shift = width - u32::from(self.bits);
            a.checked_shr(shift).unwrap_or(0) == b.checked_shr(shift).unwrap_or(0)
        };
        // An IPv4 address that came over an IPv6 socket is itself.
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => first(u32::from(a).into(), u32::from(b).into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => first(a.into(), b.into(), 128),
            (IpAddr::V6(a), IpAddr::V4(b)) => first(a.into(), b.to_ipv6_mapped().into(), 128),
            (IpAddr::V4(_), IpAddr::V6(_)) => false,
        }
    }
}

/// What a predicate needs to look at.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The payload's bytes.
    pub(crate) payload: bool,
    /// A run of the plan.
    pub(crate) run: bool,
    /// A run of all of it.
    pub(crate) whole: bool,
    /// Somewhere to bind elements of lists to.
    pub(crate) slots: bool,
}

impl Needs {
    fn payload(&mut self) {
        self.payload = true;
    }

    fn run(&mut self) {
        (self.payload, self.run) = (true, true);
    }

    pub(crate) fn of(pred: &Pred) -> Needs {
        let mut needs = Needs::default();
        needs.pred(pred);
        needs
    }

    pub(crate) fn pred(&mut self, pred: &Pred) {
        match pred {
            Pred::Const(_) | Pred::Injected | Pred::Changed | Pred::Address(..) => {}
            Pred::Malformed => {
                self.run();
                self.whole = true;
            }
            Pred::Not(inner) => self.pred(inner),
            Pred::All(parts) | Pred::Any(parts) => parts.iter().for_each(|part| self.pred(part)),
            Pred::FixedInt { .. } => self.payload(),
            Pred::Compare(_, a, b) => {
                self.num(a);
                self.num(b);
            }
            Pred::Within(num, _) | Pred::True(num) | Pred::HasNum(num) => self.num(num),
            Pred::Text { of, .. } | Pred::HasStr(of) => self.str(of),
            Pred::Texts { a, b, .. } => {
                self.str(a);
                self.str(b);
            }
            Pred::Has(_) | Pred::HasInside(..) => self.run(),
            Pred::Exists { body, .. } | Pred::ForAll { body, .. } => {
                self.run();
                self.slots = true;
                self.pred(body);
            }
        }
    }

    pub(crate) fn num(&mut self, num: &Num) {
        match num {
            Num::Const(_) | Num::Id | Num::Length | Num::Time | Num::Session | Num::Conn(_) => {}
            Num::Field(_) | Num::Inside(..) | Num::Count(_) => self.run(),
            Num::FixedInt { .. } | Num::FixedFloat { .. } => self.payload(),
            Num::Size(of, _) | Num::Byte(of) => self.str(of),
            Num::Arithmetic(_, a, b) => {
                self.num(a);
                self.num(b);
            }
            Num::Truth(pred) => self.pred(pred),
        }
    }

    pub(crate) fn str(&mut self, of: &Str) {
        match of {
            Str::Const(_) => {}
            Str::Payload => self.payload(),
            Str::Slice(of, ..) => self.str(of),
            Str::Join(a, b) => {
                self.str(a);
                self.str(b);
            }
            Str::Digits(num) => self.num(num),
            Str::Text(_)
            | Str::Bytes(_)
            | Str::Uuid(_)
            | Str::Name(_)
            | Str::Words(_)
            | Str::Inside(..) => self.run(),
        }
    }
}

//! What a rule does to one kind of packet, compiled.

use std::sync::Arc;
use std::time::Duration;

use midwire_codec::Direction;
use midwire_definition::Given;
use midwire_definition::plan::anchor::Step;

use super::decision::{Color, Position};
use super::fill::{Fill, Spot};
use super::replace::Pair;
use crate::valued::Valued;

/// What a rule does to one kind of packet.
#[derive(Debug)]
pub(super) enum Act {
    Drop,
    Pass,
    Intercept,
    Duplicate,
    Delay {
        by: Duration,
        unordered: bool,
    },
    Mark(Color),
    /// By the place of the name in the set.
    Count(u32),
    /// Values, or the packet itself where there is none; `None`: this packet does not have it.
    Log(Vec<Option<Valued>>),
    Disconnect(Valued),
    Edit(Vec<EditCode>),
    Send(SendCode),
}

/// One change of a packet.
#[derive(Debug)]
pub(super) enum EditCode {
    Set {
        spot: Spot,
        /// The rest of the path, where it goes on inside NBT.
        inside: Arc<[Step]>,
        fill: Fill,
        /// The value is something inside NBT, too.
        reads_inside: bool,
    },
    /// A constant that hides the packet.
    Given(Box<str>, Given),
    Replace {
        spot: Spot,
        /// The rest of the path, where it goes on inside NBT.
        inside: Arc<[Step]>,
        form: Words,
        pairs: Arc<[Pair]>,
    },
}

/// What kind of text words are replaced in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    Plain,
    /// A component in JSON.
    Json,
    /// A component in NBT.
    Nbt,
}

/// A packet to send.
#[derive(Debug)]
pub(super) struct SendCode {
    pub(super) direction: Direction,
    pub(super) position: Position,
    pub(super) packet: Arc<str>,
    pub(super) fields: Fill,
    pub(super) forced: bool,
}

impl Act {
    /// Whether the packet's fields have to be read for it.
    pub(super) fn asks(&self) -> bool {
        match self {
            Act::Edit(_) => true,
            Act::Log(values) => values.iter().flatten().any(|value| value.constant().is_none()),
            Act::Disconnect(why) => why.constant().is_none(),
            Act::Send(send) => send.fields.asks(),
            _ => false,
        }
    }
}

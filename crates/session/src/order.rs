//! What is held back in one direction, in the order in which it will be sent.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use midwire_codec::{Direction, Origin};

use crate::decision::Beside;
use crate::encryption::RequestId;
use crate::event::{Elapsed, PacketNumber};
use crate::form::{Effects, Form};
use crate::record::{Keep, Note};

/// What is sent when its turn comes.
#[derive(Debug)]
pub(crate) enum Item {
    /// Bytes as they came.
    Bytes(Bytes, Keep),
    /// A frame as it came, which changes its receiver.
    Frame(Bytes, Effects, Keep),
    /// A payload of which a frame is made in the form that its receiver then reads.
    Payload(Made),
    /// A packet that is made when its turn has come.
    Beside(Box<Next>),
    /// A packet once more.
    Copy(Box<Copied>),
    /// A packet that others have overtaken.
    Loose(Box<Loose>),
    /// The end of the stream.
    End,
}

/// A payload of which a frame is to be made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) number: PacketNumber,
    /// Id and fields, plain.
    pub(crate) payload: Bytes,
    /// What came, in place of which it is sent; `None` for an injected packet.
    pub(crate) instead: Option<Came>,
    /// The payload is another one than came.
    pub(crate) changed: bool,
    /// It is sent whether it is defined in the receiver's state or not.
    pub(crate) forced: bool,
    pub(crate) effects: Effects,
    /// What is recorded of it.
    pub(crate) note: Option<Box<Note>>,
}

/// A packet that is sent because of another.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) beside: Beside,
    pub(crate) origin: Origin,
    /// The other packet.
    pub(crate) number: PacketNumber,
    /// How many injected packets it is sent because of, one because of the other.
    pub(crate) generation: u8,
}

/// A packet that is sent once more.
#[derive(Clone, Debug)]
pub(crate) struct Copied {
    /// Its number.
    pub(crate) of: PacketNumber,
    /// Id and fields, plain. Empty if nobody needed them.
    pub(crate) payload: Bytes,
    /// The frame as it came, if it was not changed.
    pub(crate) came: Option<Came>,
    pub(crate) effects: Effects,
    pub(crate) origin: Origin,
    pub(crate) by: Option<Arc<str>>,
}

/// A packet that what follows it does not wait for.
#[derive(Debug)]
pub(crate) struct Loose {
    pub(crate) number: PacketNumber,
    /// The form that it was read in.
    pub(crate) form: Form,
    pub(crate) item: Item,
}

/// A frame as it came.
#[derive(Clone, Debug)]
pub(crate) struct Came {
    pub(crate) frame: Bytes,
    /// The threshold of the form it came in.
    pub(crate) threshold: Option<u32>,
    /// What it changes.
    pub(crate) effects: Effects,
}

/// What must happen before it is an item's turn, besides those in front of it.
#[derive(Debug)]
pub(crate) enum Gate {
    Open,
    /// This time comes.
    Until(Elapsed),
    /// Somebody decides.
    Held(Box<Held>),
    /// An answer from outside comes; and then this.
    Asked(RequestId, Box<Gate>),
}

/// An intercepted packet.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) number: PacketNumber,
    pub(crate) direction: Direction,
    pub(crate) came: Came,
    /// The form it was read in.
    pub(crate) form: Form,
    /// Id and fields, plain, and where the fields start.
    pub(crate) payload: Bytes,
    pub(crate) body: u32,
    /// The payload that goes on if nobody decides otherwise, where it is another one.
    pub(crate) new: Option<Bytes>,
}

#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) item: Item,
    pub(crate) gate: Gate,
}

/// The queue of a direction. Empty, it holds no memory.
#[derive(Debug, Default)]
pub(crate) struct Order {
    queue: VecDeque<Waiting>,
    bytes: usize,
    loose: Option<Box<PutOff>>,
}

/// Packets that nothing waits for, by the time when they come into the queue.
type PutOff = BTreeMap<(Elapsed, PacketNumber), Box<Loose>>;

/// What an item costs besides its bytes.
const ITEM_COST: usize = std::mem::size_of::<Waiting>();

impl Item {
    pub(crate) fn cost(&self) -> usize {
        ITEM_COST
            + match self {
                Self::Bytes(bytes, _) | Self::Frame(bytes, ..) => bytes.len(),
                Self::Payload(made) => {
                    made.payload.len() + made.instead.as_ref().map_or(0, |came| came.frame.len())
                }
                Self::Beside(next) => size_of::<Next>().saturating_add(next.beside.packet.size()),
                Self::Copy(copy) => {
                    let frame = copy.came.as_ref().map_or(0, |came| came.frame.len());
                    size_of::<Copied>() + copy.payload.len() + frame
                }
                Self::Loose(loose) => size_of::<Loose>().saturating_add(loose.item.cost()),
                Self::End => 0,
            }
    }
}

impl Item {
    /// What would be recorded of it.
    pub(crate) fn into_note(self) -> Option<Box<Note>> {
        match self {
            Self::Frame(_, _, Keep::Note(note)) => Some(note),
            Self::Payload(made) => made.note,
            Self::Loose(loose) => loose.item.into_note(),
            Self::Bytes(..) | Self::Frame(..) | Self::Beside(_) | Self::Copy(_) | Self::End => None,
        }
    }
}

impl Order {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether nothing at all is held.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.loose.is_none()
    }

    /// Bytes that are held, with what it takes to hold them.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn push(&mut self, item: Item, gate: Gate) {
        self.bytes += item.cost();
        self.queue.push_back(Waiting { item, gate });
    }

    /// Keeps a packet out of the queue until a time.
    pub(crate) fn put_off(&mut self, loose: Box<Loose>, until: Elapsed) {
        self.bytes = self.bytes.saturating_add(ITEM_COST + loose.item.cost());
        self.loose.get_or_insert_default().insert((until, loose.number), loose);
    }

    /// The next packet that was put off, and until when; by `now`, if that is given.
    pub(crate) fn pop_loose(&mut self, now: Option<Elapsed>) -> Option<(Elapsed, Box<Loose>)> {
        let loose = self.loose.as_mut()?;
        let is_due = |(until, _): &(Elapsed, PacketNumber)| now.is_none_or(|now| *until <= now);
        let first = loose.first_entry().filter(|first| is_due(first.key()))?;
        let ((until, _), found) = first.remove_entry();
        if loose.is_empty() {
            self.loose = None;
        }
        self.bytes = self.bytes.saturating_sub(ITEM_COST + found.item.cost());
        Some((until, found))
    }

    /// When the turn of the first item comes, or of one that was put off, if a time says so.
    pub(crate) fn due(&self) -> Option<Elapsed> {
        let first = self.queue.front().and_then(|first| match first.gate {
            Gate::Until(time) => Some(time),
            Gate::Open | Gate::Held(_) | Gate::Asked(..) => None,
        });
        let loose = self.loose.as_ref().and_then(|loose| loose.keys().next());
        first.into_iter().chain(loose.map(|(until, _)| *until)).min()
    }

    /// When all that is held has had its turn, if only times say so; `None`: somebody decides, or nothing is
    /// held for a time.
    pub(crate) fn last_due(&self) -> Option<Elapsed> {
        let mut last = None;
        for waiting in &self.queue {
            match waiting.gate {
                Gate::Held(_) | Gate::Asked(..) => return None,
                Gate::Until(time) => last = last.max(Some(time)),
                Gate::Open => {}
            }
        }
        last
    }

    /// The first item, if it is its turn.
    pub(crate) fn pop(&mut self, now: Elapsed) -> Option<Item> {
        match self.queue.front()?.gate {
            Gate::Held(_) | Gate::Asked(..) => return None,
            Gate::Until(time) if time > now => return None,
            Gate::Until(_) | Gate::Open => {}
        }
        let waiting = self.queue.pop_front()?;
        self.bytes -= waiting.item.cost();
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
        Some(waiting.item)
    }

    /// The intercepted packet of a number.
    pub(crate) fn held(&self, number: PacketNumber) -> Option<&Held> {
        self.queue.iter().find_map(|waiting| match &waiting.gate {
            Gate::Held(held) if held.number == number => Some(&**held),
            _ => None,
        })
    }

    /// What is recorded of an intercepted packet.
    pub(crate) fn note_of(&self, number: PacketNumber) -> Option<Box<Note>> {
        let is_it = |w: &&Waiting| matches!(&w.gate, Gate::Held(held) if held.number == number);
        match &self.queue.iter().find(is_it)?.item {
            Item::Frame(_, _, Keep::Note(note)) => Some(note.clone()),
            Item::Payload(made) => made.note.clone(),
            _ => None,
        }
    }

    /// Decides about an intercepted packet: what is sent in its place (nothing, when dropped), and
    /// when.
    pub(crate) fn decide(&mut self, number: PacketNumber, item: Option<Item>, gate: Gate) {
        let is_it = |w: &Waiting| matches!(&w.gate, Gate::Held(held) if held.number == number);
        let Some(at) = self.queue.iter().position(is_it) else { return };
        self.bytes -= self.queue[at].item.cost();
        match item {
            Some(item) => {
                self.bytes += item.cost();
                self.queue[at] = Waiting { item, gate };
            }
            None => {
                self.queue.remove(at);
            }
        }
    }

    /// Opens the gate of an intercepted packet whose item stays.
    pub(crate) fn open(&mut self, number: PacketNumber, gate: Gate) {
        let held = self
            .queue
            .iter_mut()
            .find(|waiting| matches!(&waiting.gate, Gate::Held(held) if held.number == number));
        if let Some(waiting) = held {
            waiting.gate = gate;
        }
    }

    /// The answer to a request has come.
    pub(crate) fn answered(&mut self, request: RequestId) {
        for waiting in &mut self.queue {
            if let Gate::Asked(id, then) = &mut waiting.gate
                && *id == request
            {
                waiting.gate = std::mem::replace(then, Gate::Open);
            }
        }
    }

    /// All that is held.
    pub(crate) fn into_items(self) -> impl Iterator<Item = Item> {
        let loose = self.loose.map(|loose| *loose).unwrap_or_default();
        let loose = loose.into_values().map(|loose| loose.item);
        self.queue.into_iter().map(|waiting| waiting.item).chain(loose)
    }
}

//! What is decided about a packet besides whether it goes on: packets beside it, marks, log lines.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use midwire_codec::Direction;
use midwire_definition::{Edits, Given};

use crate::verdict::Verdict;

/// All that is decided about a packet.
///
/// What goes together is done together: a packet can be changed, delayed and marked, and others sent
/// beside it. One that is dropped is not changed, delayed, held or copied; what goes beside it goes in
/// its place.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// It does not go on.
    pub drop: bool,
    /// Changes of its fields, and who wants them. They read what came, and are made together. If that
    /// cannot be done, those that cannot be made are left out.
    pub edits: Vec<(Option<Arc<str>>, Edits)>,
    /// It goes on with this payload: id and fields, plain. `edits` do not count then.
    pub replace: Option<Bytes>,
    /// It goes on later.
    pub delay: Option<Delay>,
    /// It waits for [`Session::resume`](crate::Session::resume), and what follows it waits behind.
    pub intercept: bool,
    /// So many more of it go directly behind it, as it goes on itself.
    pub copies: u32,
    /// Packets that are sent because of it. Those of the same place go in this order.
    pub beside: Vec<Beside>,
    /// The session is ended, and the client is told why.
    pub disconnect: Option<Disconnect>,
    /// What is said about it.
    pub tags: Tags,
    /// What somebody wanted and could not have, and why; each is told in a notice.
    pub refused: Vec<(Option<Arc<str>>, String)>,
}

/// How a packet is delayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// So long, counted from when it came.
    pub wait: Duration,
    /// What follows it does not wait behind it. A packet that changes the session's state keeps its
    /// place all the same.
    pub loose: bool,
}

/// A packet that is sent because of another.
#[derive(Clone, Debug, PartialEq)]
pub struct Beside {
    /// In front of the other or behind it. If they travel in opposite directions: when the other's
    /// turn has come, or when it has been sent.
    pub place: Place,
    /// Which way it travels.
    pub direction: Direction,
    /// What is sent.
    pub packet: Content,
    /// Send it even if it changes the session's state.
    pub forced: bool,
    /// Who wants it.
    pub by: Option<Arc<str>>,
}

/// The end of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnect {
    /// What the client is told, with its game's own packet.
    pub why: Arc<str>,
    /// Who wants it.
    pub by: Option<Arc<str>>,
}

/// On which side of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Directly in front of it.
    Before,
    /// Directly behind it.
    After,
}

/// What a packet is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A name and fields. It is made when its turn comes, as its receiver then reads it.
    Fields {
        /// The packet's name.
        name: Arc<str>,
        /// Its fields; what they do not say is 0, empty or follows from the others.
        fields: Given,
    },
    /// Id and fields, plain.
    Payload(Bytes),
}

/// What is said about a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// The rules that matched, in their order.
    pub rules: Vec<Arc<str>>,
    /// Marks, such as colours.
    pub marks: Vec<Arc<str>>,
    /// Lines for the log. A packet with any is reported whatever is watched.
    pub logs: Vec<Log>,
}

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Who wants it.
    pub by: Option<Arc<str>>,
    /// What it says; `None`: the packet says enough.
    pub text: Option<Arc<str>>,
}

impl Tags {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.marks.is_empty() && self.logs.is_empty()
    }

    /// What a recording keeps: lines for the log may say anything, secrets included.
    pub(crate) fn kept(&self) -> Self {
        Self { rules: self.rules.clone(), marks: self.marks.clone(), logs: Vec::new() }
    }

    /// Says what `other` says as well.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.rules.append(&mut other.rules);
        self.marks.append(&mut other.marks);
        self.logs.append(&mut other.logs);
    }
}

impl From<Verdict> for Decision {
    fn from(verdict: Verdict) -> Self {
        let mut decision = Self::default();
        match verdict {
            Verdict::Pass => {}
            Verdict::Drop => decision.drop = true,
            Verdict::Edit(edits) => decision.edits.push((None, edits)),
            Verdict::Replace(payload) => decision.replace = Some(payload),
            Verdict::Intercept => decision.intercept = true,
            Verdict::Delay(wait) => decision.delay = Some(Delay { wait, loose: false }),
        }
        decision
    }
}

impl Content {
    /// About how many bytes it is.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Fields { fields, .. } => size_of_given(fields),
            Self::Payload(payload) => payload.len(),
        }
    }
}

fn size_of_given(value: &Given) -> usize {
    // Iterative: a value may be nested deeply.
    let (mut size, mut left) = (0usize, vec![value]);
    while let Some(value) = left.pop() {
        size += size_of::<Given>();
        match value {
            Given::Text(text) => size += text.len(),
            Given::Bytes(bytes) => size += bytes.len(),
            Given::List(list) => left.extend(list),
            Given::Object(fields) => {
                for (name, value) in fields {
                    size += name.len();
                    left.push(value);
                }
            }
            Given::Null | Given::Bool(_) | Given::Int(_) | Given::Float(_) => {}
        }
    }
    size
}

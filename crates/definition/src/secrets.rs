//! Where secrets stand in a packet, for whoever keeps its bytes and is not to keep those.

use std::ops::Range;

use crate::json::is_secret;
use crate::plan::{DecodeError, Flow, Group, Kind, Len, Node, Packet, Place, Plan, Visitor};
use crate::value::Value;

/// Where the secrets of a payload stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Ranges of the payload, in order and apart from each other. Of a compressed part with a secret in it that
    /// is all that is compressed.
    pub ranges: Vec<Range<usize>>,
    /// Some of them are in what was inflated from a part of the payload.
    pub are_inside: bool,
}

impl Secrets {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && !self.are_inside
    }

    /// Whether a byte of the payload is part of one.
    #[must_use]
    pub fn holds(&self, at: usize) -> bool {
        let next = self.ranges.partition_point(|range| range.end <= at);
        self.ranges.get(next).is_some_and(|range| range.start <= at)
    }
}

impl Plan {
    /// Whether any field is marked `@secret`.
    #[must_use]
    pub fn has_secrets(&self) -> bool {
        self.fields.iter().any(|field| field.marks.secret || holds_secret(&field.kind))
    }
}

/// Whether a part of a number is marked so.
pub(crate) fn holds_secret(kind: &Kind) -> bool {
    match kind {
        Kind::Bits { members, .. } => members.iter().any(|member| member.marks.secret),
        _ => false,
    }
}

impl Packet<'_> {
    /// Where secrets stand in the payload. What of a packet cannot be read, or is left over, is taken for one
    /// if the packet has any: all that lies behind the last field that was read whole.
    pub fn secrets(&mut self) -> Secrets {
        if !self.plan.has_secrets() {
            return Secrets::default();
        }
        let reached = self.body_start() as usize;
        let mut found = Found { secrets: Secrets::default(), blocks: Vec::new(), reached };
        self.walk(&mut found);
        let Found { mut secrets, reached, .. } = found;
        let len = self.payload.len();
        match self.error() {
            // It stands somewhere behind the last field that was read.
            Some(error) => {
                let offset = if error.buffer == 0 { error.offset as usize } else { reached };
                secrets.are_inside |= error.buffer != 0;
                secrets.ranges.push(reached.min(offset)..len);
            }
            None => secrets.ranges.push(self.end() as usize..len),
        }
        secrets.ranges.retain(|range| range.start < range.end.min(len));
        secrets.ranges.sort_unstable_by_key(|range| range.start);
        secrets.ranges.dedup_by(|next, range| {
            let is_one = next.start <= range.end;
            if is_one {
                range.end = range.end.max(next.end);
            }
            is_one
        });
        secrets
    }
}

struct Found {
    secrets: Secrets,
    /// Of each buffer that was inflated, where in the payload it was compressed.
    blocks: Vec<(u32, Range<usize>)>,
    /// Where the last field ends that was read.
    reached: usize,
}

impl Found {
    /// A place of the payload, or of the part of it that was inflated.
    fn add(&mut self, place: Place) {
        if place.start >= place.end {
            return;
        }
        let range = match place.buffer {
            0 => Some(place.start as usize..place.end as usize),
            buffer => self.block(buffer),
        };
        self.secrets.are_inside |= place.buffer != 0;
        self.secrets.ranges.extend(range);
    }

    /// Where in the payload a buffer was compressed.
    fn block(&self, buffer: u32) -> Option<Range<usize>> {
        self.blocks.iter().find(|(known, _)| *known == buffer).map(|(_, range)| range.clone())
    }

    fn reach(&mut self, place: Place) {
        if place.buffer == 0 {
            self.reached = self.reached.max(place.end as usize);
        }
    }
}

impl Visitor for Found {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        if matches!(node.field.kind, Kind::Let(_)) || matches!(value, Value::Absent) {
            return;
        }
        self.reach(node.place);
        if !is_secret(node) && !holds_secret(&node.field.kind) {
            return;
        }
        let Place { buffer, start, end } = node.place;
        // What says the length stays, so that the packet can be read.
        let (Value::Text(_, bytes, _) | Value::Bytes(bytes)) = value else {
            return self.add(node.place);
        };
        let (Kind::Str { len, .. } | Kind::Bytes { len }) = &node.field.kind else {
            return self.add(node.place);
        };
        let content = bytes.len() as u32;
        let behind = match len {
            Len::Until { mark, .. } => {
                u32::from(node.raw.last() == Some(mark) && content < end - start)
            }
            _ => 0,
        };
        let end = end.saturating_sub(behind);
        self.add(Place { buffer, start: end.saturating_sub(content).max(start), end });
    }

    fn presence(&mut self, node: &Node<'_>) {
        self.reach(node.place);
    }

    fn inflated(&mut self, node: &Node<'_>, buffer: u32, _: &[u8]) {
        let Place { buffer: around, start, end } = node.place;
        let prefix = match &node.field.kind {
            Kind::Block { len: Len::Prefix { repr, .. }, .. } => {
                repr.read(node.raw).map_or(0, |(_, width)| width)
            }
            _ => 0,
        };
        let packed = match around {
            0 => Some((start + prefix).min(end) as usize..end as usize),
            around => self.block(around),
        };
        // Buffers are used again and again.
        self.blocks.retain(|(known, _)| *known != buffer);
        self.blocks.extend(packed.map(|range| (buffer, range)));
    }

    fn rest(&mut self, place: Place, _: &[u8]) {
        self.add(place);
    }

    fn opens(&self, node: &Node<'_>) -> bool {
        !is_secret(node)
    }

    fn leave_bytes(&mut self, node: &Node<'_>, error: Option<&DecodeError>) {
        if error.is_some() {
            self.add(node.place);
        }
    }

    fn open(&mut self, node: &Node<'_>, _: Group) -> Flow {
        if !is_secret(node) {
            return Flow::Enter;
        }
        self.add(node.place);
        Flow::Skip
    }

    fn close(&mut self, _: &Node<'_>) {}
}

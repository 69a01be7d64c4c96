//! Where secrets stand in a packet, for whoever keeps its bytes and is not to keep those.

use std::ops::Range;

use crate::json::is_secret;
use crate::plan::{Flow, Group, Kind, Len, Node, Packet, Plan, Visitor};
use crate::value::Value;

/// Where the secrets of a payload stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// In these ranges, in order.
    In(Vec<Range<usize>>),
    /// In what was inflated from a part of the payload, so that no range of it can be told.
    Inside,
}

impl Secrets {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::In(ranges) if ranges.is_empty())
    }
}

impl Plan {
    /// Whether any field is marked `@secret`.
    #[must_use]
    pub fn has_secrets(&self) -> bool {
        let has = |kind: &Kind| match kind {
            Kind::Bits { members, .. } => members.iter().any(|member| member.marks.secret),
            _ => false,
        };
        self.fields.iter().any(|field| field.marks.secret || has(&field.kind))
    }
}

impl Packet<'_> {
    /// Where secrets stand in the payload. What of a packet cannot be read is taken for one, if the packet
    /// has any.
    pub fn secrets(&mut self) -> Secrets {
        if !self.plan.has_secrets() {
            return Secrets::In(Vec::new());
        }
        let mut found = Found { ranges: Vec::new(), is_inside: false };
        self.walk(&mut found);
        let len = self.payload.len();
        if let Some(error) = self.error() {
            let read = found.ranges.last().map_or(0, |range| range.end);
            let from = usize::try_from(error.offset).unwrap_or(len).min(len);
            found.ranges.push(from.max(read).min(len)..len);
        }
        if found.is_inside {
            return Secrets::Inside;
        }
        found.ranges.retain(|range| !range.is_empty() && range.end <= len);
        Secrets::In(found.ranges)
    }
}

struct Found {
    ranges: Vec<Range<usize>>,
    is_inside: bool,
}

impl Found {
    /// A part of a node's bytes, counted from its own start.
    fn add(&mut self, node: &Node<'_>, part: Range<usize>) {
        if node.place.buffer != 0 {
            self.is_inside |= !part.is_empty();
            return;
        }
        let start = node.place.start as usize;
        self.ranges.push(start + part.start..start + part.end);
    }
}

impl Visitor for Found {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        let holds = |kind: &Kind| match kind {
            Kind::Bits { members, .. } => members.iter().any(|member| member.marks.secret),
            _ => false,
        };
        if !is_secret(node) && !holds(&node.field.kind) {
            return;
        }
        let all = node.place.end.saturating_sub(node.place.start) as usize;
        let part = match (value, &node.field.kind) {
            (Value::Absent, _) => return,
            // What says the length stays, so that the packet can be read.
            (Value::Text(_, bytes, _) | Value::Bytes(bytes), kind) => {
                let (Kind::Str { len, .. } | Kind::Bytes { len }) = kind else {
                    return self.add(node, 0..all);
                };
                let behind = match len {
                    Len::Until { mark, .. } => {
                        usize::from(node.raw.last() == Some(mark) && bytes.len() < all)
                    }
                    _ => 0,
                };
                let end = all.saturating_sub(behind);
                end.saturating_sub(bytes.len())..end
            }
            _ => 0..all,
        };
        self.add(node, part);
    }

    fn open(&mut self, node: &Node<'_>, _: Group) -> Flow {
        if !is_secret(node) {
            return Flow::Enter;
        }
        self.add(node, 0..node.place.end.saturating_sub(node.place.start) as usize);
        Flow::Skip
    }

    fn close(&mut self, _: &Node<'_>) {}
}

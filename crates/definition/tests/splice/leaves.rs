//! Every value of a packet with its path and bytes, in wire order.

use midwire_definition::Packet;
use midwire_definition::plan::{Flow, Group, Node, Place, Visitor};
use midwire_definition::value::Value;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf {
    pub(crate) path: String,
    pub(crate) value: String,
    pub(crate) place: Place,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Debug, Default)]
pub(crate) struct Leaves {
    pub(crate) list: Vec<Leaf>,
    /// Lists, with their number of elements.
    pub(crate) lists: Vec<(String, u32)>,
    open: Vec<String>,
}

/// The values of a packet.
pub(crate) fn leaves(packet: &mut Packet<'_>) -> Leaves {
    let mut all = Leaves::default();
    packet.walk(&mut all);
    for leaf in &mut all.list {
        leaf.bytes = packet.bytes(leaf.place).to_vec();
    }
    all
}

impl Leaves {
    fn path(&self, node: &Node<'_>) -> String {
        let around = self.open.last().map_or("", |path| path);
        match (node.index, around) {
            (Some(index), around) => format!("{around}[{index}]"),
            (None, "") => node.name.into(),
            (None, around) => format!("{around}.{}", node.name),
        }
    }
}

impl Visitor for Leaves {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        let (path, value) = (self.path(node), format!("{value:?}"));
        self.list.push(Leaf { path, value, place: node.place, bytes: Vec::new() });
    }

    fn open(&mut self, node: &Node<'_>, group: Group) -> Flow {
        let path = self.path(node);
        if let Group::List(count) = group {
            self.lists.push((path.clone(), count));
        }
        self.open.push(path);
        Flow::Enter
    }

    fn close(&mut self, _: &Node<'_>) {
        self.open.pop();
    }
}

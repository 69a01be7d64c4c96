//! Fields that the definition has marked, with the paths that edits name them by.

use midwire_definition::Packet;
use midwire_definition::plan::{Flow, Group, Node, Visitor};
use midwire_definition::value::Value;

/// Calls `found` with each field of one value outside of lists, and its path.
pub(crate) fn each_field(
    packet: &mut Packet<'_>,
    found: impl FnMut(&dyn Fn() -> String, &Node<'_>, &Value<'_>),
) {
    packet.walk(&mut Fields { around: Vec::new(), found });
}

struct Fields<F> {
    /// The names of the structs around.
    around: Vec<String>,
    found: F,
}

impl<F: FnMut(&dyn Fn() -> String, &Node<'_>, &Value<'_>)> Visitor for Fields<F> {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        let path = || {
            let around: Vec<&str> = self.around.iter().map(String::as_str).collect();
            [&around[..], &[node.name]].concat().join(".")
        };
        (self.found)(&path, node, value);
    }

    fn open(&mut self, node: &Node<'_>, group: Group) -> Flow {
        match group {
            Group::Struct => {
                self.around.push(node.name.to_owned());
                Flow::Enter
            }
            // what is looked for is said once
            Group::List(_) => Flow::Skip,
        }
    }

    fn close(&mut self, _: &Node<'_>) {
        self.around.pop();
    }
}

//! What stands in front of the place from which on nobody can read.

use midwire_definition::plan::{Flow, Group, Node, Visitor};
use midwire_definition::value::Value;
use midwire_definition::{Plan, Workspace};

/// The last number that was read of a packet, with its name: most likely a kind that nobody knows.
struct Last(Option<String>);

impl Visitor for Last {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        if let Some(number) = value.as_int().filter(|_| !node.name.is_empty()) {
            self.0 = Some(format!("{} {number}", node.name));
        }
    }

    fn open(&mut self, _: &Node<'_>, _: Group) -> Flow {
        Flow::Enter
    }

    fn close(&mut self, _: &Node<'_>) {}
}

/// The last number of a packet that takes all that comes, as `encoding 21`.
pub(super) fn last_number(
    plan: &Plan,
    bytes: &[u8],
    body: u32,
    conn: &[i64],
    workspace: &mut Workspace,
) -> Option<String> {
    let mut last = Last(None);
    plan.decode(bytes, body, conn, workspace).walk(&mut last);
    last.0
}

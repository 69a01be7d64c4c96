//! Telling the server the address it is known by, not the one that the client was told.

use midwire_definition::plan::{Flow, Group, Kind, Node, Visitor};
use midwire_definition::value::Value;
use midwire_definition::{Edits, Given, Packet};

use crate::setup::HostRewrite;

/// What an address field will say: the new host with what stood behind the old one. Behind a zero
/// character mod loaders and forwarding proxies put their own data; a final dot is how a name that
/// was looked up by an SRV record is written.
fn host(old: &str, new: &str) -> String {
    let (name, suffix) = match old.find('\0') {
        Some(at) => old.split_at(at),
        None => (old, ""),
    };
    let dot = if name.ends_with('.') { "." } else { "" };
    format!("{new}{dot}{suffix}")
}

/// The edits that put the address into a packet's marked fields; none if it says so already.
pub(crate) fn edits(packet: &mut Packet<'_>, to: &HostRewrite) -> Edits {
    let mut marked = Marked { to, around: Vec::new(), edits: Edits::new() };
    packet.walk(&mut marked);
    marked.edits
}

struct Marked<'a> {
    to: &'a HostRewrite,
    /// The names of the structs around.
    around: Vec<String>,
    edits: Edits,
}

impl Visitor for Marked<'_> {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        let marks = &node.field.marks;
        let new = match (value, &node.field.kind) {
            (Value::Text(old, ..), Kind::Str { .. }) if marks.host => {
                let new = host(old, &self.to.host);
                (new != **old).then_some(Given::Text(new))
            }
            (Value::Int(old), _) if marks.port => {
                let new = i128::from(self.to.port);
                (new != *old).then_some(Given::Int(new))
            }
            _ => None,
        };
        if let Some(new) = new {
            let path: Vec<&str> = self.around.iter().map(String::as_str).collect();
            self.edits.set(&[&path[..], &[node.name]].concat().join("."), new);
        }
    }

    fn open(&mut self, node: &Node<'_>, group: Group) -> Flow {
        match group {
            Group::Struct => {
                self.around.push(node.name.to_owned());
                Flow::Enter
            }
            // an address is said once
            Group::List(_) => Flow::Skip,
        }
    }

    fn close(&mut self, _: &Node<'_>) {
        self.around.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn what_stands_behind_the_host_is_kept() {
        assert_eq!(host("localhost", "a.example"), "a.example");
        assert_eq!(host("localhost.", "a.example"), "a.example.");
        assert_eq!(host("localhost\0FML2\0", "a.example"), "a.example\0FML2\0");
        assert_eq!(host("\0FML\0", "a.example"), "a.example\0FML\0");
    }
}

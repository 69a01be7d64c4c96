//! Telling the server the address it is known by, not the one that the client was told.

use midwire_definition::plan::Kind;
use midwire_definition::value::Value;
use midwire_definition::{Edits, Given, Packet};

use crate::marked::each_field;
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
    let mut edits = Edits::new();
    each_field(packet, |path, node, value| {
        let marks = &node.field.marks;
        let new = match (value, &node.field.kind) {
            (Value::Text(old, ..), Kind::Str { .. }) if marks.host => {
                let new = host(old, &to.host);
                (new != **old).then_some(Given::Text(new))
            }
            (Value::Int(old), _) if marks.port => {
                let new = i128::from(to.port);
                (new != *old).then_some(Given::Int(new))
            }
            _ => None,
        };
        if let Some(new) = new {
            edits.set(&path(), new);
        }
    });
    edits
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

//! Whether a packet has values that programs write: bytes that are taken for another packet often have text that is
//! none, or a bool that is neither 0 nor 1.

use midwire_definition::Packet;
use midwire_definition::plan::{Flow, Group, Node, Visitor};
use midwire_definition::value::{Encoding, Value};

/// Whether all texts of a packet are some, and all bools are 0 or 1.
pub(super) fn is_sound(packet: &mut Packet<'_>) -> bool {
    let mut found = Found { is_sound: true };
    packet.walk(&mut found);
    found.is_sound
}

struct Found {
    is_sound: bool,
}

impl Visitor for Found {
    fn value(&mut self, _: &Node<'_>, value: &Value<'_>) {
        self.is_sound &= match value {
            Value::Text(text, bytes, Encoding::Utf8) => text.as_bytes() == *bytes,
            Value::Bool(byte) => *byte <= 1,
            _ => true,
        };
    }

    fn open(&mut self, _: &Node<'_>, _: Group) -> Flow {
        if self.is_sound { Flow::Enter } else { Flow::Skip }
    }

    fn close(&mut self, _: &Node<'_>) {}
}

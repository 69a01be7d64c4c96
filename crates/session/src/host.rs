//! Telling the server the address it is known by, not the one that the client was told.

use midwire_codec::ByteOrder;
use midwire_codec::varint::write_uvarint;
use midwire_definition::Packet;
use midwire_definition::plan::{Flow, Group, IntRepr, Kind, Len, Node, Place, Visitor};
use midwire_definition::value::Value;

use crate::setup::HostRewrite;

/// What an address field will say: the new host with what stood behind the old one. Behind a zero
/// character mod loaders and forwarding proxies put their own data; a final dot is how a name that was
/// looked up by an SRV record is written.
pub(crate) fn host(old: &str, new: &str) -> String {
    let (name, suffix) = match old.find('\0') {
        Some(at) => old.split_at(at),
        None => (old, ""),
    };
    let dot = if name.ends_with('.') { "." } else { "" };
    format!("{new}{dot}{suffix}")
}

/// The payload with the new address in its marked fields; `None` if it has none, or says so already.
pub(crate) fn rewrite(mut packet: Packet<'_>, to: &HostRewrite) -> Option<Vec<u8>> {
    let mut found = Found { to, fields: Vec::new() };
    packet.walk(&mut found);
    let payload = packet.payload();
    let mut out = Vec::with_capacity(payload.len() + to.host.len());
    let mut copied = 0;
    for (place, new) in found.fields {
        out.extend_from_slice(payload.get(copied..place.start as usize)?);
        out.extend_from_slice(&new);
        copied = place.end as usize;
    }
    out.extend_from_slice(payload.get(copied..)?);
    (out != payload).then_some(out)
}

/// The marked fields, in wire order, and what they will be.
struct Found<'a> {
    to: &'a HostRewrite,
    fields: Vec<(Place, Vec<u8>)>,
}

impl Visitor for Found<'_> {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        let marks = &node.field.marks;
        let new = match (value, &node.field.kind) {
            (Value::Text(old, ..), Kind::Str { len: Len::Prefix { repr, .. }, .. })
                if marks.host =>
            {
                text(*repr, &host(old, &self.to.host))
            }
            (Value::Int(_), Kind::Int(repr)) if marks.port => number(*repr, self.to.port.into()),
            _ => None,
        };
        if let Some(new) = new.filter(|_| node.place.buffer == 0) {
            self.fields.push((node.place, new));
        }
    }

    fn open(&mut self, _: &Node<'_>, _: Group) -> Flow {
        Flow::Enter
    }

    fn close(&mut self, _: &Node<'_>) {}
}

/// A text behind its length in bytes.
fn text(prefix: IntRepr, text: &str) -> Option<Vec<u8>> {
    let mut bytes = number(prefix, u32::try_from(text.len()).ok()?)?;
    bytes.extend_from_slice(text.as_bytes());
    Some(bytes)
}

fn number(repr: IntRepr, value: u32) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    match repr {
        IntRepr::Varint | IntRepr::Uvarint => write_uvarint(value, &mut bytes),
        IntRepr::Fixed { bytes: width, order, .. } if width <= 4 => {
            let width = usize::from(width);
            if width < 4 && value >> (8 * width) != 0 {
                return None;
            }
            match order {
                ByteOrder::Big => bytes.extend_from_slice(&value.to_be_bytes()[4 - width..]),
                ByteOrder::Little => bytes.extend_from_slice(&value.to_le_bytes()[..width]),
            }
        }
        _ => return None,
    }
    Some(bytes)
}

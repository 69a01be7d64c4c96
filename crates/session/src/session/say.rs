//! Telling a player something in the game's own chat.

use std::sync::Arc;

use midwire_codec::{Direction, Origin};
use midwire_definition::PacketDefinition;

use super::Session;
use crate::event::Elapsed;
use crate::scratch::Scratch;
use crate::verdict::NewPacket;

/// The group of packets that are lines of chat.
const GROUP: &str = "chat";
/// Its view of the words that people read.
const TEXT: &str = "text";

impl Session {
    /// Tells the client's player something in the game's chat: the first packet of the definition's group
    /// `chat` with a view `text` that can be made in the receiver's protocol state. It goes behind all that
    /// has come so far. Gives whether there is such a packet, and room for it.
    pub fn say(&mut self, text: &str, at: Elapsed, scratch: &mut Scratch) -> bool {
        self.now = at;
        let direction = Direction::Clientbound;
        let protocol = self.setup.protocol.clone();
        let Some(group) = protocol.group_named(GROUP) else { return false };
        let Some(view) = group.view_named(TEXT) else { return false };
        let state = self.sides[direction.index()].sent.state;
        let telling = |packet: &Arc<PacketDefinition>| {
            let place = group.place_of(packet.state, packet.direction, &packet.name)?;
            let views = group.views_of(&protocol, self.tables.version, packet)?;
            let fields = views.get(view)?.as_ref()?.given(text)?;
            Some((place, packet.name.clone(), fields))
        };
        let packets = self.tables.packets(state, direction);
        let mut found: Vec<_> = packets.filter_map(telling).collect();
        found.sort_by_key(|(place, ..)| *place);
        for (_, name, fields) in found {
            if let Ok(payload) = self.composed(direction, &name, &fields, scratch) {
                let packet = NewPacket { payload, origin: Origin::Midwire, forced: false };
                return self.inject_behind(direction, packet, scratch).is_ok();
            }
        }
        false
    }
}

//! What a server says of itself in the game's list of servers, where midwire says it.

use bytes::BytesMut;
use midwire_definition::Given;
use midwire_definition::json::write_string;
use midwire_session::{Direction, Elapsed, NewPacket, Origin, Scratch, Session, Setup};

/// Tells a client that waits for it why the server does not say it, and ends that direction. Gives whether
/// it was told: the session's state may be another, or the definition have no such packet.
pub(in crate::relay) fn tell(
    session: &mut Session,
    setup: &Setup,
    text: &str,
    at: Elapsed,
    scratch: &mut Scratch,
) -> bool {
    let list = list(setup, session.version_number(), text);
    let told = send(session, "server_info", "response", Given::Text(list), at, scratch);
    if told {
        session.handle_end(Direction::Clientbound, &mut BytesMut::new(), at, scratch);
    }
    told
}

/// Sends the client a packet of one field, if the session's state has it. Gives whether it does.
pub(super) fn send(
    session: &mut Session,
    name: &str,
    field: &str,
    value: Given,
    at: Elapsed,
    scratch: &mut Scratch,
) -> bool {
    let fields = Given::Object(vec![(field.to_owned(), value)]);
    let direction = Direction::Clientbound;
    // A definition of the user's own may have other fields.
    let Ok(payload) = session.compose(direction, name, &fields, scratch) else { return false };
    let packet = NewPacket { payload, origin: Origin::Midwire, forced: false };
    session.inject(direction, packet, at, scratch).is_ok()
}

/// What is said: the reason as the description, at the client's own version, since another would be shown
/// as the reason.
pub(super) fn list(setup: &Setup, number: Option<i64>, text: &str) -> String {
    let versions = &setup.protocol().versions;
    let number = number.unwrap_or(-1);
    let mut json = String::from("{\"version\":{\"name\":");
    write_string(&versions.get(versions.by_number(number).0).key, &mut json);
    json.push_str(&format!(",\"protocol\":{number}}},"));
    json.push_str("\"players\":{\"max\":0,\"online\":0},\"description\":{\"text\":");
    write_string(text, &mut json);
    json.push_str("}}");
    json
}

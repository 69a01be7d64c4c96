//! What a client says who has no server: each packet is heard, and none goes on.

use std::sync::{Arc, Mutex, PoisonError};

use midwire_definition::{Packet, PacketDefinition, StateId, VersionId};
use midwire_session::{Direction, Judge, Origin, PacketInfo, Verdict};

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// What the server says of itself in the game's list of servers, which is asked by a client of this
    /// version.
    List { number: Option<i64> },
    /// The same number back.
    Ping { time: i128 },
    /// Anything else.
    Other,
}

/// Hears packets and drops them.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The version that the client says.
    number: Option<i64>,
    requests: Vec<Request>,
}

impl Heard {
    /// What was wanted since the last time.
    pub(super) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.state().requests)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Judge for Heard {
    fn interest(
        &self,
        _: VersionId,
        _: StateId,
        direction: Direction,
        _: Option<&PacketDefinition>,
    ) -> bool {
        direction == Direction::Serverbound
    }

    fn judge(&mut self, info: &PacketInfo<'_>, fields: Option<&mut Packet<'_>>) -> Verdict {
        let mut state = self.state();
        let name = info.definition.map_or("", |definition| &definition.name);
        let request = match (name, fields) {
            ("set_protocol", Some(fields)) => {
                let number = fields.int("protocol_version");
                state.number = number.and_then(|number| i64::try_from(number).ok());
                Request::Other
            }
            ("ping_start", _) => Request::List { number: state.number },
            ("ping", Some(fields)) => match fields.int("time") {
                Some(time) => Request::Ping { time },
                None => Request::Other,
            },
            _ => Request::Other,
        };
        state.requests.push(request);
        Verdict::Drop
    }

    fn origin(&self) -> Origin {
        Origin::Midwire
    }
}

//! Packets as they are read, and edits of them as they are tried.

use std::collections::HashMap;

use midwire_definition::given::parse;
use midwire_definition::json::write_fields;
use midwire_definition::splice::{Editable, editable_paths};
use midwire_definition::{EditError, Edits, Given, Packet, Workspace};

use crate::leaves::{Leaves, leaves};
use crate::packets::Sample;
use crate::wishes::hex;

/// A packet as it is read.
pub(crate) struct State {
    pub(crate) leaves: Leaves,
    /// What is behind its body.
    pub(crate) rest: Vec<u8>,
}

impl State {
    /// `None`: it is malformed.
    pub(crate) fn read(sample: &Sample, payload: &[u8], ws: &mut Workspace) -> Option<State> {
        let mut packet = sample.plan().decode(payload, sample.body, &sample.conn, ws);
        if packet.error().is_some() {
            return None;
        }
        let rest = packet.rest().to_vec();
        Some(State { leaves: leaves(&mut packet, sample.body), rest })
    }
}

/// A packet that is to be edited.
pub(crate) struct Before<'s> {
    pub(crate) sample: &'s Sample,
    pub(crate) state: State,
    /// What the encoder says can be edited.
    pub(crate) editable: HashMap<String, Editable>,
    /// All fields, as one gives them.
    pub(crate) given: Given,
}

impl<'s> Before<'s> {
    pub(crate) fn read(sample: &'s Sample, ws: &mut Workspace) -> Before<'s> {
        let Some(state) = State::read(sample, &sample.payload, ws) else {
            panic!("{} cannot be read: {}", sample.label, hex(&sample.payload));
        };
        let mut packet = sample.plan().decode(&sample.payload, sample.body, &sample.conn, ws);
        let editable = editable_paths(&mut packet).into_iter().collect();
        let given = given(&mut packet, &state.leaves);
        Before { sample, state, editable, given }
    }

    /// Whether another value of it may change which fields there are.
    pub(crate) fn reshapes(&self, path: &str) -> bool {
        self.editable.get(path).is_none_or(|editable| editable.reshapes)
    }

    /// Whether every list that a path goes through has that element.
    pub(crate) fn has_elements(&self, path: &str) -> bool {
        path.match_indices('[').all(|(at, _)| {
            let index = path[at + 1..].split(']').next().and_then(|n| n.parse::<u32>().ok());
            let count = self.state.leaves.list_at(&path[..at]).map_or(0, |list| list.count);
            index.is_some_and(|index| index < count)
        })
    }
}

/// A packet's fields as its JSON has them, with secrets as they are.
fn given(packet: &mut Packet<'_>, leaves: &Leaves) -> Given {
    let mut text = String::new();
    write_fields(packet, &mut text);
    let mut given = parse(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    if text.contains("{\"secret\":") {
        for leaf in &leaves.list {
            if let Some(place) = at(&mut given, &leaf.path)
                && place.get("secret").is_some()
            {
                *place = Given::Object(vec![("$raw".into(), Given::Bytes(leaf.bytes.clone()))]);
            }
        }
    }
    given
}

/// The value at a path.
pub(crate) fn at<'g>(given: &'g mut Given, path: &str) -> Option<&'g mut Given> {
    let mut place = given;
    for part in path.split(['.', '[']) {
        if place.get("$prefix").or(place.get("$end")).is_some() {
            place = member(place, "value")?;
        }
        place = match (part.strip_suffix(']'), place) {
            (Some(index), Given::List(items)) => items.get_mut(index.parse::<usize>().ok()?)?,
            (None, place) => member(place, part)?,
            _ => return None,
        };
    }
    Some(place)
}

fn member<'g>(given: &'g mut Given, name: &str) -> Option<&'g mut Given> {
    match given {
        Given::Object(members) => members.iter_mut().find(|(n, _)| n == name).map(|(_, v)| v),
        _ => None,
    }
}

/// Edits that are tried, for messages.
pub(crate) struct Try<'b> {
    pub(crate) before: &'b Before<'b>,
    pub(crate) edits: Edits,
    pub(crate) new: Vec<u8>,
}

impl<'b> Try<'b> {
    pub(crate) fn of(before: &'b Before<'b>, edits: Edits) -> Try<'b> {
        Try { before, edits, new: Vec::new() }
    }

    pub(crate) fn fail(&self, why: &str) -> ! {
        let sample = self.before.sample;
        panic!(
            "{} at version {:?}: {:?}\n{why}\nwas {}\nnew {}",
            sample.label,
            sample.version,
            self.edits,
            hex(&sample.payload),
            hex(&self.new),
        )
    }

    /// Makes the edits and reads what comes of them, which must be a packet as whole as the one before.
    pub(crate) fn make(&mut self, ws: &mut Workspace) -> Result<State, EditError> {
        let sample = self.before.sample;
        let front = [0xee; 2];
        let mut out = front.to_vec();
        let mut packet = sample.plan().decode(&sample.payload, sample.body, &sample.conn, ws);
        let result = packet.splice(&self.edits, &mut out);
        if out[..2] != front || result.is_err() && out.len() > 2 {
            self.fail("what was there before is not the same");
        }
        result?;
        self.new = out.split_off(2);
        let Some(after) = State::read(sample, &self.new, ws) else {
            self.fail("it cannot be read");
        };
        if after.rest != self.before.state.rest {
            self.fail("what is behind it is not the same");
        }
        if self.new[..sample.body as usize] != sample.payload[..sample.body as usize] {
            self.fail("its id is not the same");
        }
        Ok(after)
    }
}

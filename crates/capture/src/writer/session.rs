//! A session that is open, over all files.

use midwire_codec::Direction;

use super::connection::{Connection, Ends};
use super::{Counts, Fact};
use crate::note::push_pair;
use crate::provenance::Leg;
use crate::timestamp::Timestamp;

/// An open session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Connection,
    pub(super) server: Option<Connection>,
    pub(super) ends: [Option<Ends>; 2],
    pub(super) began: Timestamp,
    pub(super) last_number: u64,
    pub(super) facts: Vec<(String, String)>,
    /// It began in an earlier file, and nothing of it is in this one yet.
    pub(super) is_away: bool,
}

impl Session {
    /// What follows goes into another file.
    pub(super) fn leave(&mut self, opened: &mut u64) {
        let [Some(client), _] = self.ends else { return };
        let ended = Direction::BOTH.map(|direction| self.client.has_ended(direction));
        self.client = Connection::new(Leg::Client, client, *opened).with_ended(ended);
        self.server = None;
        self.is_away = true;
        *opened += 1;
    }

    /// Something of it is about to be written: it begins in this file, if it has not yet.
    pub(super) fn come_back(
        &mut self,
        number: u64,
        at: Timestamp,
        batch: &mut Vec<u8>,
        note: &mut String,
        counts: &mut Counts,
    ) {
        if !std::mem::replace(&mut self.is_away, false) {
            return;
        }
        let (began, last_number) = (self.began.0.to_string(), self.last_number.to_string());
        let said = [("continued", last_number.as_str()), ("began", began.as_str())];
        let facts = self.facts.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        session_note(note, number, Leg::Client, said.into_iter().chain(facts));
        let packets = self.client.go_on(batch, at, note);
        counts.count(packets, at);
    }
}

pub(super) fn session_note<'a>(
    note: &mut String,
    session: u64,
    leg: Leg,
    facts: impl Iterator<Item = Fact<'a>>,
) {
    note.clear();
    push_pair(note, "session", &session.to_string());
    push_pair(note, "leg", leg.as_str());
    for (key, value) in facts {
        push_pair(note, key, value);
    }
}

//! A session that is open, over all files.

use std::collections::VecDeque;

use midwire_codec::Direction;

use super::connection::{Connection, Ends};
use super::{Counts, Fact, Since};
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
    /// What holds of the frame that was written last.
    pub(super) facts: Vec<(String, String)>,
    /// What has been said of frames behind that, in the order in which it was.
    pub(super) later: VecDeque<Later>,
    /// It began in an earlier file, and nothing of it is in this one yet.
    pub(super) is_away: bool,
}

/// Facts that hold from a frame on that has not been written.
#[derive(Debug)]
pub(super) struct Later {
    since: Since,
    facts: Vec<(String, String)>,
}

/// So much may be said of later frames; more is taken as if it held.
const LATER_MAX: usize = 64;

impl Session {
    /// Facts hold: of all frames from here on, or only of later ones.
    pub(super) fn know(&mut self, since: Option<Since>, facts: &[Fact<'_>]) {
        let facts = facts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        match since {
            Some(since) => self.later.push_back(Later { since, facts: facts.collect() }),
            None => facts.for_each(|fact| put(&mut self.facts, fact)),
        }
        if self.later.len() > LATER_MAX {
            self.reach_next();
        }
    }

    /// A frame is about to be written, of which this holds as well.
    pub(super) fn reach(&mut self, number: u64) {
        while self.later.front().is_some_and(|later| later.since.from <= number) {
            self.reach_next();
        }
    }

    fn reach_next(&mut self) {
        let reached = self.later.pop_front().into_iter().flat_map(|later| later.facts);
        reached.for_each(|fact| put(&mut self.facts, fact));
    }

    /// All facts with these ones, as they will be once all hold.
    pub(super) fn facts_with(&self, facts: &[Fact<'_>]) -> Vec<(String, String)> {
        let mut all = self.facts.clone();
        let later = self.later.iter().flat_map(|later| later.facts.iter().cloned());
        let new = facts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        later.chain(new).for_each(|fact| put(&mut all, fact));
        all
    }

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
        let mut packets = self.client.go_on(batch, at, note);
        for later in &self.later {
            let facts = later.facts.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            facts_note(note, number, Some(later.since), facts);
            packets += self.client.remark(batch, at, note);
        }
        counts.count(packets, at);
    }
}

fn put(facts: &mut Vec<(String, String)>, (key, value): (String, String)) {
    match facts.iter_mut().find(|(known, _)| *known == key) {
        Some((_, known)) => *known = value,
        None => facts.push((key, value)),
    }
}

/// The note of what has become known of a session.
pub(super) fn facts_note<'a>(
    note: &mut String,
    session: u64,
    since: Option<Since>,
    facts: impl Iterator<Item = Fact<'a>>,
) {
    note.clear();
    push_pair(note, "session", &session.to_string());
    if let Some(Since { number, from }) = since {
        push_pair(note, "n", &number.to_string());
        push_pair(note, "from", &from.to_string());
    }
    for (key, value) in facts {
        push_pair(note, key, value);
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

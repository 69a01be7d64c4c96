//! Two hundred rules as people write them, of which none matches what is said here.

use std::sync::Arc;

use bytes::BytesMut;
use midwire_definition::{LoadError, Loader, Root, builtin};
use midwire_rules::Lexicon;
use midwire_rules::rule::{Looks, RuleSet};
use midwire_session::{Elapsed, Options, Rules, Scratch, Session, Setup};

use crate::recording::Direction;
use crate::traffic::Traffic;

struct Text(String);

impl Loader for Text {
    fn load(&self, _: &str) -> Result<String, LoadError> {
        Ok(self.0.clone())
    }
}

/// What the words that are muted begin with.
const WORDS: [&str; 10] = [
    "casino",
    "giveaway",
    "discord.gg/",
    "spoiler",
    "noob",
    "free rank",
    "lottery",
    "hacks",
    "vote ",
    "shop ",
];

/// The rules.
pub(crate) fn text() -> String {
    let mut lines = Vec::new();
    for n in 0..100 {
        let word = WORDS[n % WORDS.len()];
        lines.push(format!("hide clientbound group:chat where text contains \"{word}{n}\""));
    }
    for n in 0..40 {
        lines.push(format!("drop clientbound spawn_entity where type == {}", 5000 + n));
        lines.push(format!("set clientbound set_slot where slot == {}: slot = 0", 1000 + n));
    }
    for n in 0..10 {
        lines.push(format!("set clientbound update_health where health == -{n}.5: health = 20"));
        lines.push(format!("log serverbound position where y > {}: x, y, z", 90_000 + n));
    }
    lines.join("\n")
}

/// How many packets of a flood the rules were asked about, and how many of those were decoded.
pub(crate) fn looks(traffic: &Traffic) -> Looks {
    let protocol = builtin(traffic.protocol).expect("it is built in");
    let root = Root { path: "bench.rules", loader: &Text(text()) };
    let set = RuleSet::load(&[root], &Arc::new(Lexicon::new(&protocol)));
    let set = set.unwrap_or_else(|problems| panic!("the rules are right: {problems}"));
    let rules = Rules::new(set, None);
    let options = Options { rules: Some(rules.clone()), ..Options::default() };
    let mut session = Session::new(Setup::new(protocol, options));
    let mut scratch = Scratch::default();
    let flood = (Direction::Clientbound, traffic.flood.clone());
    for (direction, bytes) in traffic.opening.iter().chain([&flood]) {
        let direction = match direction {
            Direction::Serverbound => midwire_session::Direction::Serverbound,
            Direction::Clientbound => midwire_session::Direction::Clientbound,
        };
        let mut bytes = BytesMut::from(&bytes[..]);
        session.handle_bytes(direction, &mut bytes, Elapsed::default(), &mut scratch);
        while session.poll_output().is_some() {}
    }
    drop(session);
    rules.looks()
}

//! What a capture that midwire wrote says, read with the library of captures.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use midwire_capture::{
    Decoded, Decoder, Form, Item, Leg, Reader, Record, RecordedFrame, Recordings,
};

use super::recording::Direction;

/// A file of midwire's.
#[derive(Debug, Default)]
pub struct Captured {
    /// By section and number.
    pub sessions: BTreeMap<(u32, u64), Session>,
    /// Places where the file is not as it should be, in words.
    pub damage: Vec<String>,
    pub sections: u32,
}

/// A session in it.
#[derive(Debug, Default)]
pub struct Session {
    pub facts: Vec<(String, String)>,
    pub frames: Vec<Frame>,
    /// What the senders sent and the receivers got, by direction.
    pub came: [Vec<u8>; 2],
    pub sent: [Vec<u8>; 2],
    /// Which directions have come to their end.
    pub ended: [bool; 2],
    pub closed: bool,
    pub reset: bool,
}

/// A record of a frame, or of bytes. Frames in a row of a protocol that is not built in are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub number: u64,
    pub direction: Direction,
    pub form: Form,
    /// What became of it, who made it and by what that was decided.
    pub fate: &'static str,
    pub origin: &'static str,
    pub by: Vec<String>,
    pub len: usize,
    pub redacted: u64,
    pub delayed_millis: Option<u128>,
}

impl Captured {
    pub fn read(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Self::of(BufReader::new(file))
    }

    pub fn of(input: impl Read) -> Self {
        let mut reader = Reader::new(input);
        let (mut decoder, mut recordings) = (Decoder::default(), Recordings::default());
        let mut captured = Self::default();
        while let Some(item) = reader.next().expect("a capture") {
            match item {
                Item::Section(section) => captured.sections = section.index + 1,
                Item::Damage(damage) => captured.damage.push(format!("{damage:?}")),
                Item::Packet(packet) => {
                    let Decoded::Tcp(segment) = decoder.packet(&packet) else {
                        panic!("a packet that is not TCP")
                    };
                    let section = packet.section;
                    let known = recordings.push(&packet, &segment, |record| {
                        captured.take(section, record);
                    });
                    assert!(known, "a packet of no session");
                }
                Item::Interface(_) | Item::Other { .. } => {}
            }
        }
        captured
    }

    /// The only session.
    pub fn one(&self) -> &Session {
        assert_eq!(self.sessions.len(), 1, "{:?}", self.sessions.keys());
        self.sessions.values().next().unwrap()
    }

    fn take(&mut self, section: u32, record: Record<'_>) {
        let session = |number| (section, number);
        match record {
            Record::Damaged { offset, .. } => panic!("a record at {offset} is damaged"),
            Record::Opened { session: number, leg, facts, .. } => {
                let known = self.sessions.entry(session(number)).or_default();
                if leg == Leg::Client {
                    known.add(facts.pairs().map(|(key, value)| (key, value.into_owned())));
                }
            }
            Record::Facts { session: number, facts, .. } => {
                let known = self.sessions.entry(session(number)).or_default();
                known.add(facts.pairs().map(|(key, value)| (key, value.into_owned())));
            }
            Record::Frame(frame) => {
                let known = self.sessions.entry(session(frame.session)).or_default();
                let at = frame.direction.index();
                if frame.form != Form::Sent {
                    known.came[at].extend_from_slice(frame.bytes);
                }
                if frame.form != Form::Came {
                    known.sent[at].extend_from_slice(frame.bytes);
                }
                let new = |frame: RecordedFrame<'_>| Frame {
                    number: frame.number,
                    direction: Direction::of_index(at),
                    form: frame.form,
                    fate: frame.fate.as_str(),
                    origin: frame.origin.as_str(),
                    by: frame.by().map(Into::into).collect(),
                    len: frame.bytes.len(),
                    redacted: frame.redacted(),
                    delayed_millis: frame.delayed().map(|delay| delay.as_millis()),
                };
                let protocol = known.fact("protocol").and_then(midwire_definition::builtin);
                match protocol.and_then(|protocol| protocol.stack.framing) {
                    Some(framing) => known.frames.extend(frame.split(framing).map(new)),
                    None => known.frames.push(new(frame)),
                }
            }
            Record::Missing { len, .. } => self.damage.push(format!("{len} bytes are missing")),
            Record::DirectionEnded { session: number, direction, .. } => {
                self.sessions.entry(session(number)).or_default().ended[direction.index()] = true;
            }
            Record::Closed { session: number, reset, .. } => {
                let known = self.sessions.entry(session(number)).or_default();
                (known.closed, known.reset) = (true, reset.is_some());
            }
        }
    }
}

impl Session {
    fn add<'a>(&mut self, pairs: impl Iterator<Item = (&'a str, String)>) {
        self.facts.extend(pairs.map(|(key, value)| (key.to_owned(), value)));
    }

    /// The last value of a fact.
    pub fn fact(&self, key: &str) -> Option<&str> {
        let found = self.facts.iter().rev().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    }
}

//! Plays a recording through midwire: both end points at once, in the recorded order.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::ends::{Ending, Ends, Server};
use super::program::Program;
use super::random::Random;
use super::recording::{Direction, Event, Line};

/// How the recorded reads are cut into writes.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    AsRecorded,
    Random(u64),
    EveryByte,
}

/// How far midwire may keep back what it was sent.
#[derive(Clone, Copy, Debug)]
pub enum Framing {
    /// Every byte goes on at once.
    Raw,
    /// Frames with a variable-length prefix; a legacy ping (first byte FE) has none.
    Minecraft,
    /// The same until encryption: the first frame clientbound and the third one serverbound.
    EncryptedMinecraft,
    /// Two bytes that count themselves and what follows.
    Terraria,
}

/// What went through, as the test knows it.
pub struct Replayed {
    /// Every line of the JSON log.
    pub log: Vec<Value>,
    /// Bytes in whole frames, and how many frames, per connection and direction.
    pub framed: HashMap<(usize, Direction), Framed>,
}

/// Replays `lines` through a fresh midwire and compares every byte at both ends.
///
/// A recorded read is sent only when everything before it has arrived at its far end; what midwire
/// may keep is the beginning of a frame.
pub fn replay(protocol: &str, lines: &[Line], framing: Framing, cut: Cut) -> Replayed {
    replay_with(protocol, lines, framing, cut, &[])
}

/// The same with more arguments.
pub fn replay_with(
    protocol: &str,
    lines: &[Line],
    framing: Framing,
    cut: Cut,
    more: &[&str],
) -> Replayed {
    let server = Server::start();
    let arguments = [&["--json", "--all"], more].concat();
    let (program, proxy) = Program::proxy(protocol, server.address, &arguments);
    let mut pieces = Pieces::new(cut);
    let mut connections: BTreeMap<usize, Connection> = BTreeMap::new();
    let mut framed = HashMap::new();
    for line in lines {
        let number = line.connection;
        let what = |e| format!("connection {number}, {cut:?}: {e}{}", program.story());
        match &line.event {
            Event::Open => {
                let connection = Connection::open(Ends::open(proxy, &server), number, framing);
                connections.insert(number, connection);
            }
            Event::Data(direction, bytes) => {
                let connection = connections.get_mut(&number).expect("an open connection");
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    let (piece, after) = rest.split_at(pieces.next_len(rest.len()));
                    connection.send(*direction, piece, what);
                    rest = after;
                }
            }
            Event::Finish(direction) => {
                let connection = connections.get_mut(&number).expect("an open connection");
                connection.finish(*direction, what);
                let frames = connection.sent(*direction).frames.clone();
                framed.insert((number, *direction), frames);
            }
            // Both directions have finished: nothing is left to let go of but the sockets.
            Event::Close => drop(connections.remove(&number)),
        }
    }
    assert!(connections.is_empty(), "the recording leaves a connection open");
    let ended = program.interrupt();
    assert!(ended.status.success(), "{}: {}", ended.status, ended.diagnostics);
    Replayed { log: ended.json(), framed }
}

struct Pieces {
    cut: Cut,
    random: Random,
}

impl Pieces {
    fn new(cut: Cut) -> Self {
        let seed = if let Cut::Random(seed) = cut { seed } else { 0 };
        Self { cut, random: Random::new(seed) }
    }

    fn next_len(&mut self, left: usize) -> usize {
        match self.cut {
            Cut::AsRecorded => left,
            Cut::EveryByte => 1,
            // Prefixes are short, so short pieces find more mistakes than even ones would.
            Cut::Random(_) => match self.random.below(4) {
                0 => left,
                1 => 1 + self.random.below(left.min(4)),
                2 => 1 + self.random.below(left.min(64)),
                _ => 1 + self.random.below(left),
            },
        }
    }
}

struct Connection {
    ends: Ends,
    number: usize,
    serverbound: Sent,
    clientbound: Sent,
    framing: Framing,
    legacy_ping: bool,
}

#[derive(Default)]
struct Sent {
    bytes: Vec<u8>,
    finished: bool,
    frames: Framed,
    /// How much has been compared at the far end.
    compared: usize,
}

/// Where frames end in the bytes of one direction.
#[derive(Clone, Debug, Default)]
pub struct Framed {
    pub bytes: usize,
    pub count: usize,
    /// Nothing after `bytes` has frames: it is encrypted, or broken, or never had any.
    pub raw: bool,
}

impl Connection {
    fn open(ends: Ends, number: usize, framing: Framing) -> Self {
        Self {
            ends,
            number,
            serverbound: Sent::default(),
            clientbound: Sent::default(),
            framing,
            legacy_ping: false,
        }
    }

    fn sent(&mut self, direction: Direction) -> &mut Sent {
        match direction {
            Direction::Serverbound => &mut self.serverbound,
            Direction::Clientbound => &mut self.clientbound,
        }
    }

    fn send(&mut self, direction: Direction, piece: &[u8], what: impl Fn(String) -> String) {
        let first = direction == Direction::Serverbound && self.serverbound.bytes.is_empty();
        if first && piece[0] == 0xfe && !matches!(self.framing, Framing::Raw | Framing::Terraria) {
            self.legacy_ping = true;
        }
        let framing = if self.legacy_ping { Framing::Raw } else { self.framing };
        let sent = self.sent(direction);
        sent.bytes.extend_from_slice(piece);
        sent.frames.find(&sent.bytes, framing, direction);
        self.ends.sender(direction).send(piece);
        self.compare(direction, what);
    }

    fn finish(&mut self, direction: Direction, what: impl Fn(String) -> String) {
        self.sent(direction).finished = true;
        self.ends.sender(direction).finish();
        self.compare(direction, what);
    }

    /// Waits for what must have arrived by now, and compares it.
    fn compare(&mut self, direction: Direction, what: impl Fn(String) -> String) {
        let number = self.number;
        let sent = match direction {
            Direction::Serverbound => &mut self.serverbound,
            Direction::Clientbound => &mut self.clientbound,
        };
        let due =
            if sent.finished || sent.frames.raw { sent.bytes.len() } else { sent.frames.bytes };
        let late = |reason: &str, count: usize| {
            let name = direction.name();
            what(format!("{name}: {reason}; {count} of {due} bytes have arrived"))
        };
        let receiver = self.ends.receiver(direction);
        sent.compared = receiver.wait(
            |arrived| {
                let ended = !sent.finished || arrived.ending.is_some();
                arrived.bytes.len() > sent.bytes.len() || arrived.bytes.len() >= due && ended
            },
            |arrived| {
                let (sent, from) = (&sent.bytes, sent.compared);
                let common = arrived.bytes.len().min(sent.len());
                let equal = |&place: &usize| arrived.bytes[place] == sent[place];
                if let Some(place) = (from..common).find(|place| !equal(place)) {
                    panic!("{}", late(&format!("byte {place} is changed"), common));
                }
                let surplus = arrived.bytes.len() - common;
                assert!(surplus == 0, "{}", late(&format!("{surplus} bytes more came"), common));
                common
            },
            |arrived| match arrived.ending {
                Some(ending) => late(&format!("it was {ending:?} too soon"), arrived.bytes.len()),
                None => late("what is due does not come", arrived.bytes.len()),
            },
        );
        if sent.finished {
            let ending = receiver.wait(|_| true, |arrived| arrived.ending, |_| String::new());
            assert_eq!(ending, Some(Ending::Finished), "connection {number}, {direction:?}");
        }
    }
}

impl Framed {
    /// Goes on from where it stopped, to the last whole frame of `bytes`.
    fn find(&mut self, bytes: &[u8], framing: Framing, direction: Direction) {
        let encrypted_after = match direction {
            Direction::Clientbound => 1,
            Direction::Serverbound => 3,
        };
        while !self.raw {
            let rest = &bytes[self.bytes..];
            let frame = match framing {
                Framing::Raw => Frame::None,
                Framing::EncryptedMinecraft if self.count == encrypted_after => Frame::None,
                Framing::Minecraft | Framing::EncryptedMinecraft => minecraft_frame(rest),
                Framing::Terraria => terraria_frame(rest),
            };
            match frame {
                Frame::Whole(len) => {
                    self.bytes += len;
                    self.count += 1;
                }
                Frame::Begun => return,
                Frame::None => self.raw = true,
            }
        }
    }
}

enum Frame {
    Whole(usize),
    Begun,
    /// No frame can begin so.
    None,
}

fn minecraft_frame(bytes: &[u8]) -> Frame {
    let mut payload = 0;
    for (place, &byte) in bytes.iter().enumerate().take(3) {
        payload |= usize::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return whole_if_present(place + 1 + payload, bytes);
        }
    }
    if bytes.len() < 3 { Frame::Begun } else { Frame::None }
}

fn terraria_frame(bytes: &[u8]) -> Frame {
    match bytes {
        // A frame holds at least its length and an id.
        [0..=2, 0, ..] => Frame::None,
        [low, high, ..] => whole_if_present(usize::from(u16::from_le_bytes([*low, *high])), bytes),
        _ => Frame::Begun,
    }
}

fn whole_if_present(len: usize, bytes: &[u8]) -> Frame {
    if len <= bytes.len() { Frame::Whole(len) } else { Frame::Begun }
}

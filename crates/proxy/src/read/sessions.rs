//! All sessions that are being read at once, recorded ones and those of streams.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use midwire_capture::note::Note;
use midwire_capture::{Leg, Record, StreamEnd, StreamEvent, Timestamp};
use midwire_definition::{Protocol, VersionId, Workspace};
use midwire_session::{Direction, Event, Scratch, Watch};

use super::choose::Choice;
use super::out::Out;
use super::replay::Replay;
use super::stream::Stream;

/// What tells sessions apart while they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Recorded(u64),
    Stream(u64),
    Line(u64),
}

/// What sessions are read with, one after the other.
pub(super) struct Tools {
    pub(super) choice: Choice,
    pub(super) scratch: Scratch,
    pub(super) workspace: Workspace,
    pub(super) inflate_max: usize,
    pub(super) watch: Watch,
}

/// A recorded session.
struct Recorded {
    number: u64,
    replay: Replay,
    /// Something of it is missing, so what it says of itself counts.
    is_torn: bool,
}

/// All sessions.
pub(super) struct Sessions {
    pub(super) tools: Tools,
    out: Rc<RefCell<Out>>,
    recorded: HashMap<Key, Recorded>,
    streams: HashMap<Key, Stream>,
    /// Numbers that sessions have had.
    numbers: HashSet<u64>,
    last_number: u64,
    pub(super) count: u64,
    /// Streams that were passed over, and the ports that they went to.
    pub(super) passed_over: u64,
    pub(super) passed_ports: Vec<u16>,
    /// Bytes of streams that are not in the capture.
    pub(super) missing: u64,
    /// When the last packet was.
    pub(super) now: Timestamp,
    events: Vec<Event>,
}

/// Ports that are named in a message.
const PORTS_MAX: usize = 8;

impl Sessions {
    pub(super) fn new(tools: Tools, out: Rc<RefCell<Out>>) -> Self {
        Self {
            tools,
            out,
            recorded: HashMap::new(),
            streams: HashMap::new(),
            numbers: HashSet::new(),
            last_number: 0,
            count: 0,
            passed_over: 0,
            passed_ports: Vec::new(),
            missing: 0,
            now: Timestamp(0),
            events: Vec::new(),
        }
    }

    /// A number for a session: the one that it had, unless another has it.
    fn number(&mut self, wanted: Option<u64>) -> u64 {
        let number = match wanted {
            Some(wanted) if wanted > 0 && !self.numbers.contains(&wanted) => wanted,
            _ => {
                let mut next = self.last_number + 1;
                while self.numbers.contains(&next) {
                    next += 1;
                }
                self.last_number = next;
                next
            }
        };
        self.numbers.insert(number);
        self.count += 1;
        number
    }

    /// A new part of a file: sessions of the part before it are not gone on with.
    pub(super) fn forget_recorded(&mut self) {
        let mut open: Vec<(u64, Key)> =
            self.recorded.iter().map(|(key, open)| (open.number, *key)).collect();
        open.sort_unstable_by_key(|(number, _)| *number);
        for (_, key) in open {
            let Some(mut open) = self.recorded.remove(&key) else { continue };
            open.replay.settle(&mut self.tools.scratch, &mut self.events);
            self.give(open.number, open.replay.begun);
            self.out.borrow_mut().ended(open.number);
        }
    }

    /// Gives what sessions reported to whoever shows it.
    fn give(&mut self, number: u64, begun: Timestamp) {
        if !self.events.is_empty() {
            let events = std::mem::take(&mut self.events);
            self.out.borrow_mut().events(number, begun, events);
        }
    }

    /// What midwire recorded.
    pub(super) fn record(&mut self, record: Record<'_>) {
        match record {
            Record::Opened { session, leg: Leg::Client, at, client, server, facts } => {
                self.open_recorded(session, at, client, server, facts);
            }
            Record::Opened { .. } => {}
            Record::Facts { session, facts, .. } => {
                if let Some(open) = self.recorded.get_mut(&Key::Recorded(session))
                    && open.is_torn
                {
                    enter(&mut open.replay, facts);
                }
            }
            Record::Frame(frame) => {
                let Some(open) = self.recorded.get_mut(&Key::Recorded(frame.session)) else {
                    return;
                };
                open.replay.frame(&frame, &mut self.tools.scratch, &mut self.events);
                let (number, begun) = (open.number, open.replay.begun);
                self.give(number, begun);
            }
            Record::Missing { session, direction, len, .. } => {
                self.missing += len;
                let Some(open) = self.recorded.get_mut(&Key::Recorded(session)) else { return };
                open.is_torn = true;
                let begun = open.replay.begun;
                let text = format!("{len} {direction} bytes of the recording are missing here");
                open.replay.tell(text, self.now, &mut self.events);
                let number = open.number;
                self.give(number, begun);
            }
            Record::DirectionEnded { session, direction, at } => {
                let Some(open) = self.recorded.get_mut(&Key::Recorded(session)) else { return };
                open.replay.end(direction, at, &mut self.tools.scratch, &mut self.events);
                let (number, begun) = (open.number, open.replay.begun);
                self.give(number, begun);
            }
            Record::Closed { session, at, reset } => {
                let Some(mut open) = self.recorded.remove(&Key::Recorded(session)) else { return };
                open.replay.close(reset, at, &mut self.tools.scratch, &mut self.events);
                self.give(open.number, open.replay.begun);
                self.out.borrow_mut().ended(open.number);
            }
        }
    }

    fn open_recorded(
        &mut self,
        session: u64,
        at: Timestamp,
        client: SocketAddr,
        server: SocketAddr,
        facts: Note<'_>,
    ) {
        let name = facts.get("protocol");
        let protocol = name.as_deref().and_then(|name| self.tools.choice.named(name));
        let unknown = name.filter(|_| protocol.is_none());
        let Some(protocol) = protocol.or_else(|| self.tools.choice.raw()) else { return };
        let is_continued = facts.number("continued").is_some();
        let version = version_of(&protocol, facts).filter(|_| is_continued);
        let setup = self.tools.choice.setup(&protocol, version);
        let number = self.number(Some(session));
        let mut replay = Replay::new(setup, at, self.tools.watch);
        let server = facts.get("to").map_or_else(|| server.to_string(), Into::into).into();
        self.out.borrow_mut().opened(number, at, client, &server);
        replay.drain(&mut self.events);
        if let Some(name) = unknown {
            let text = format!("no definition is called {name}: its packets are not read");
            replay.tell(text, at, &mut self.events);
        }
        if is_continued {
            enter(&mut replay, facts);
        }
        let begun = replay.begun;
        self.recorded.insert(Key::Recorded(session), Recorded { number, replay, is_torn: false });
        self.give(number, begun);
    }

    /// What happened to a stream.
    pub(super) fn stream(&mut self, event: StreamEvent<'_>) {
        match event {
            StreamEvent::Opened { stream, at, client, server, from_start } => {
                if !self.tools.choice.admits(server.port()) {
                    return self.pass_over(server.port());
                }
                let begin = Stream::new(at, client, server, from_start);
                self.streams.insert(Key::Stream(stream.0), begin);
            }
            StreamEvent::Bytes { stream, direction, at, bytes, .. } => {
                self.stream_bytes(Key::Stream(stream.0), direction, at, bytes);
            }
            StreamEvent::Gap { stream, direction, at, offset, len } => {
                self.act(Key::Stream(stream.0), |stream, tools, events| {
                    stream.gap(direction, offset, len, at, tools, events);
                });
                self.missing += len;
            }
            StreamEvent::Finished { stream, direction, at } => {
                self.act(Key::Stream(stream.0), |stream, tools, events| {
                    stream.end(direction, at, tools, events);
                });
            }
            StreamEvent::Ended { stream, at, how } => {
                let reset = match how {
                    StreamEnd::Reset(direction) => Some(direction),
                    _ => None,
                };
                let is_closed = matches!(how, StreamEnd::Finished | StreamEnd::Reset(_));
                self.end_stream(Key::Stream(stream.0), at, is_closed, reset);
            }
        }
    }

    fn stream_bytes(&mut self, key: Key, direction: Direction, at: Timestamp, bytes: &[u8]) {
        self.act(key, |stream, tools, events| {
            stream.bytes(direction, bytes, at, tools, events);
        });
    }

    /// Does something with a stream, and shows what comes of it. One that is none of those wanted is
    /// forgotten.
    fn act(&mut self, key: Key, act: impl FnOnce(&mut Stream, &mut Tools, &mut Vec<Event>)) {
        let Some(mut stream) = self.streams.remove(&key) else { return };
        act(&mut stream, &mut self.tools, &mut self.events);
        if stream.is_unwanted() {
            return self.pass_over(stream.server.port());
        }
        self.show(&mut stream);
        self.streams.insert(key, stream);
    }

    /// Shows what came of a stream, from when on it is known what it is.
    fn show(&mut self, stream: &mut Stream) {
        if self.events.is_empty() {
            return;
        }
        let number = match stream.number {
            Some(number) => number,
            None => {
                let number = self.number(None);
                stream.number = Some(number);
                let server = stream.server_name.clone();
                self.out.borrow_mut().opened(number, stream.begun, stream.client, &server);
                number
            }
        };
        self.give(number, stream.begun);
    }

    fn end_stream(&mut self, key: Key, at: Timestamp, is_closed: bool, reset: Option<Direction>) {
        let Some(mut stream) = self.streams.remove(&key) else { return };
        stream.decide(true, &mut self.tools, &mut self.events);
        if stream.is_unwanted() {
            if !stream.is_empty() {
                self.pass_over(stream.server.port());
            }
            return;
        }
        stream.finish(at, is_closed, reset, &mut self.tools, &mut self.events);
        self.show(&mut stream);
        if let Some(number) = stream.number {
            self.out.borrow_mut().ended(number);
        }
    }

    fn pass_over(&mut self, port: u16) {
        self.passed_over += 1;
        if port != 0 && self.passed_ports.len() < PORTS_MAX && !self.passed_ports.contains(&port) {
            self.passed_ports.push(port);
        }
    }

    /// A line of a recording forwarder's file.
    pub(super) fn line(&mut self, line: crate::recorded::Line) {
        use crate::recorded::Event as Happened;
        let at = Timestamp((line.millis.max(0.0) * 1e6) as u64);
        let key = Key::Line(line.connection);
        match line.event {
            Happened::Open { is_stream: false } => {}
            Happened::Open { is_stream: true } => {
                self.end_stream(key, at, false, None);
                let port = u16::try_from(line.connection).unwrap_or(u16::MAX);
                let client = SocketAddr::from(([0, 0, 0, 0], port));
                let server = SocketAddr::from(([0, 0, 0, 0], 0));
                let mut stream = Stream::new(at, client, server, true);
                stream.server_name = "the server".into();
                self.streams.insert(key, stream);
            }
            Happened::Data(direction, bytes) => self.stream_bytes(key, direction, at, &bytes),
            Happened::Finish(direction) => {
                self.act(key, |stream, tools, events| stream.end(direction, at, tools, events));
            }
            Happened::Close => self.end_stream(key, at, true, None),
        }
    }

    /// Nothing more is read.
    pub(super) fn finish(&mut self) {
        let at = self.now;
        self.forget_recorded();
        let mut open: Vec<Key> = self.streams.keys().copied().collect();
        open.sort_unstable_by_key(|key| match key {
            Key::Recorded(number) | Key::Stream(number) | Key::Line(number) => *number,
        });
        for key in open {
            self.end_stream(key, at, false, None);
        }
    }
}

/// The version that a recording names.
fn version_of(protocol: &Arc<Protocol>, facts: Note<'_>) -> Option<VersionId> {
    protocol.versions.by_text(&facts.get("version")?)
}

/// Goes on in the state that a recording names.
fn enter(replay: &mut Replay, facts: Note<'_>) {
    for direction in Direction::BOTH {
        let of = |fact: &str| facts.get(&format!("{fact}.{direction}"));
        let session = &mut replay.session;
        let (state, compression) = (of("state"), of("compression"));
        if state.is_none() && compression.is_none() {
            continue;
        }
        let named = state.and_then(|name| session.protocol().state_named(&name));
        let state = named.unwrap_or(session.state(direction));
        let threshold = match compression.as_deref() {
            Some("off") => None,
            Some(number) => Some(number.parse().unwrap_or(0)),
            None => session.is_compressed(direction).then_some(0),
        };
        session.enter(direction, state, threshold);
    }
}

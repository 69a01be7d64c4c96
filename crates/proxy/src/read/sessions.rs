//! All sessions that are being read at once, recorded ones and those of streams.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use midwire_capture::note::Note;
use midwire_capture::{Leg, Record, RecordedFrame, StreamEnd, StreamEvent, Timestamp};
use midwire_session::{Direction, Event};

use super::counts::lock;
use super::index::OpenSession;
use super::numbering::Numbers;
use super::out::Out;
use super::replay::Replay;
use super::said::{Said, version_of};
use super::stream::Stream;
use super::tools::{Tools, Viewed};
use super::waiting::Waiting;

/// What tells sessions apart while they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    Stream(u64),
    Line(u64),
}

/// A recorded session.
pub(super) struct Recorded {
    pub(super) number: u64,
    client: SocketAddr,
    server: Arc<str>,
    pub(super) replay: Replay,
    /// Memory for what waits in it, when it was looked at last.
    pub(super) waiting: usize,
    /// Packets of it that were counted.
    counted: u64,
    said: Said,
    /// The number of its last frame.
    last: u64,
    /// When it began, be it in an earlier file.
    began: Timestamp,
}

impl Recorded {
    /// A frame is next.
    fn follow(&mut self, frame: &RecordedFrame<'_>) {
        let is_behind_others = frame.number > self.last.saturating_add(1);
        self.said.frame(frame.number, is_behind_others, &mut self.replay);
        let more = frame.count.saturating_sub(1);
        self.last = self.last.max(frame.number.saturating_add(more));
    }

    /// How many packets there are that were not counted.
    pub(super) fn count(&mut self) -> u64 {
        let packets = self.replay.packets();
        packets - std::mem::replace(&mut self.counted, packets)
    }
}

/// All sessions.
pub(super) struct Sessions {
    pub(super) tools: Tools,
    out: Rc<RefCell<Out>>,
    /// By the number that their recording gives them: mostly a few.
    pub(super) recorded: BTreeMap<u64, Recorded>,
    /// Those that were open where an earlier file ended, by what the next one knows them by.
    pub(super) away: HashMap<(u64, SocketAddr), Recorded>,
    /// Those that are passed over, with when they began.
    unwanted: HashSet<(u64, SocketAddr, Timestamp)>,
    pub(super) streams: HashMap<Key, Stream>,
    pub(super) waiting: Waiting,
    pub(super) numbers: Numbers,
    pub(super) count: u64,
    /// Streams that were passed over, and the ports that they went to.
    pub(super) passed_over: u64,
    pub(super) passed_ports: Vec<u16>,
    /// Bytes of streams that are not in the capture.
    pub(super) missing: u64,
    /// When the last packet was.
    pub(super) now: Timestamp,
    /// Frames of sessions that are over.
    pub(super) frames: u64,
    /// Packets of recorded sessions.
    pub(super) recorded_packets: u64,
    pub(super) events: Vec<Event>,
}

/// Sessions of earlier files that may go on in another.
const AWAY_MAX: usize = 8_192;

/// Bytes with compressed packets that are read at once: they may become a thousand times as many, and those of one
/// packet are gone before the next is there.
const PACKED_LEN: usize = 8 << 10;

/// Ports that are named in a message.
const PORTS_MAX: usize = 8;

impl Sessions {
    pub(super) fn new(tools: Tools, out: Rc<RefCell<Out>>) -> Self {
        Self {
            tools,
            out,
            recorded: BTreeMap::new(),
            away: HashMap::new(),
            unwanted: HashSet::new(),
            streams: HashMap::new(),
            waiting: Waiting::default(),
            numbers: Numbers::default(),
            count: 0,
            passed_over: 0,
            passed_ports: Vec::new(),
            missing: 0,
            now: Timestamp(0),
            frames: 0,
            recorded_packets: 0,
            events: Vec::new(),
        }
    }

    /// A number for a session: the one that it had, unless another has it.
    fn number(&mut self, wanted: Option<u64>) -> u64 {
        self.count += 1;
        self.numbers.next(wanted)
    }

    /// A new part of a file: sessions of the part before it are not gone on with.
    pub(super) fn forget_recorded(&mut self) {
        let open = std::mem::take(&mut self.recorded).into_values().collect();
        self.give_up(open);
        self.numbers.close();
    }

    /// A file is over: sessions that are open may go on in the next one.
    pub(super) fn leave_file(&mut self) {
        if self.away.len() + self.recorded.len() > AWAY_MAX {
            let open = self.away.drain().map(|(_, open)| open).collect();
            self.give_up(open);
        }
        let mut replaced = Vec::new();
        for (session, open) in std::mem::take(&mut self.recorded) {
            replaced.extend(self.away.insert((session, open.client), open));
        }
        self.give_up(replaced);
        self.numbers.close();
    }

    /// Nothing more comes of these sessions.
    fn give_up(&mut self, mut gone: Vec<Recorded>) {
        gone.sort_unstable_by_key(|open| open.number);
        for mut open in gone {
            self.waiting.change(&mut open.waiting, 0);
            open.replay.settle(false, &mut self.tools.scratch, &mut self.events);
            self.recorded_packets += open.count();
            self.give(open.number, open.replay.begun);
            self.is_over(&open.replay);
            self.out.borrow_mut().ended(open.number);
        }
    }

    /// Gives what sessions reported to whoever shows it.
    pub(super) fn give(&mut self, number: u64, begun: Timestamp) {
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
                if let Some(open) = self.recorded.get_mut(&session) {
                    open.said.add(facts, &mut open.replay);
                }
            }
            Record::Frame(frame) => {
                if frame.count == 1 {
                    return self.frame(&frame);
                }
                let open = self.recorded.get(&frame.session);
                match open.and_then(|open| open.replay.framing) {
                    Some(framing) => frame.split(framing).for_each(|frame| self.frame(&frame)),
                    None => self.frame(&frame),
                }
            }
            Record::Missing { session, leg, direction, len } => {
                self.missing += len;
                let Some(open) = self.recorded.get_mut(&session) else { return };
                let begun = open.replay.begun;
                let text = format!("{len} {direction} bytes of the recording are missing here");
                open.replay.tell(text, self.now, &mut self.events);
                if leg == Leg::Client {
                    open.said.enter(&mut open.replay);
                }
                open.replay.drain(&mut self.events);
                let number = open.number;
                self.give(number, begun);
            }
            // Who goes through the file tells it, with the file's name.
            Record::Damaged { .. } => {}
            Record::DirectionEnded { session, direction, at } => {
                let Some(open) = self.recorded.get_mut(&session) else { return };
                if open.replay.session.has_ended(direction) {
                    // A file that goes on says again what an earlier one has said.
                    return;
                }
                open.replay.end(direction, at, &mut self.tools.scratch, &mut self.events);
                self.recorded_packets += open.count();
                let (number, begun) = (open.number, open.replay.begun);
                self.give(number, begun);
            }
            Record::Closed { session, at, reset } => {
                let Some(mut open) = self.recorded.remove(&session) else { return };
                self.waiting.change(&mut open.waiting, 0);
                open.replay.close(reset, at, &mut self.tools.scratch, &mut self.events);
                self.recorded_packets += open.count();
                self.give(open.number, open.replay.begun);
                self.is_over(&open.replay);
                self.out.borrow_mut().ended(open.number);
            }
        }
    }

    fn frame(&mut self, frame: &RecordedFrame<'_>) {
        let Some(open) = self.recorded.get_mut(&frame.session) else { return };
        open.follow(frame);
        open.replay.frame(frame, &mut self.tools.scratch, &mut self.events);
        self.recorded_packets += open.count();
        self.waiting.change(&mut open.waiting, open.replay.waiting());
        let (number, begun) = (open.number, open.replay.begun);
        self.give(number, begun);
        self.keep_within();
    }

    /// Counts what nobody has seen of a session that is over.
    fn is_over(&mut self, replay: &Replay) {
        let (frames, bytes) = replay.came();
        self.frames += frames;
        if let Viewed::Counts(counts) = &self.tools.view {
            lock(counts).came(frames, bytes);
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
        let earlier = facts.number("began").map(Timestamp);
        if let Some(open) = self.away.remove(&(session, client)) {
            if earlier == Some(open.began) {
                return self.go_on(session, open, facts);
            }
            self.give_up(vec![open]);
        }
        let began = earlier.unwrap_or(at);
        let asked = facts.get("to");
        let asked = asked.as_deref().and_then(|to| to.rsplit_once(':')?.1.parse().ok());
        let ports = [server.port(), asked.unwrap_or(server.port())];
        if !ports.iter().any(|port| self.tools.choice.admits(*port)) {
            if self.unwanted.len() >= AWAY_MAX {
                self.unwanted.clear();
            }
            // The next file of a rotation has it again.
            if self.unwanted.insert((session, client, began)) {
                self.pass_over(ports[1]);
            }
            return;
        }
        let name = facts.get("protocol");
        let protocol = name.as_deref().and_then(|name| self.tools.choice.named(name));
        let unknown = name.filter(|_| protocol.is_none());
        let Some(protocol) = protocol.or_else(|| self.tools.choice.raw()) else { return };
        let is_continued = facts.number("continued").is_some();
        let version = version_of(&protocol, facts).filter(|_| is_continued);
        let number = self.number(Some(session));
        let mut replay = self.tools.replay(&protocol, version, at);
        let server: Arc<str> =
            facts.get("to").map_or_else(|| server.to_string(), Into::into).into();
        self.out.borrow_mut().opened(number, at, client, &server);
        replay.drain(&mut self.events);
        if let Some(name) = unknown {
            let text = format!("no definition is called {name}: its packets are not read");
            replay.tell(text, at, &mut self.events);
        }
        // It may begin in another state than its protocol.
        let said = Said::begin(facts, &mut replay);
        replay.drain(&mut self.events);
        let last = facts.number("continued").unwrap_or(0);
        let begun = replay.begun;
        let counted = 0;
        let waiting = 0;
        let open = Recorded { number, client, server, replay, waiting, counted, said, last, began };
        self.recorded.insert(session, open);
        self.give(number, begun);
    }

    /// A session of an earlier file goes on in this one.
    fn go_on(&mut self, session: u64, mut open: Recorded, facts: Note<'_>) {
        let last = facts.number("continued").unwrap_or(0);
        if last > open.last {
            let text = format!("packets {} to {last} are in none of these files", open.last + 1);
            open.replay.tell(text, self.now, &mut self.events);
            open.last = last;
            open.said.add(facts, &mut open.replay);
            open.said.enter(&mut open.replay);
            open.replay.drain(&mut self.events);
        }
        let (number, begun) = (open.number, open.replay.begun);
        self.recorded.insert(session, open);
        self.give(number, begun);
    }

    /// The recorded sessions that are open, to go on with them from here; `None` while something is in the
    /// air.
    pub(super) fn open_sessions(&self) -> Option<Vec<OpenSession>> {
        let mut open = Vec::with_capacity(self.recorded.len());
        for (recorded, session) in &self.recorded {
            let snapshot = session.replay.snapshot()?;
            let protocol = session.replay.session.protocol();
            open.push(OpenSession {
                numbers: (*recorded, session.number),
                begun: session.replay.begun,
                client: session.client,
                server: session.server.to_string(),
                protocol: protocol.name.to_string(),
                version: protocol.versions.get(snapshot.version).key.to_string(),
                snapshot,
            });
        }
        open.sort_unstable_by_key(|open| open.numbers);
        Some(open)
    }

    /// Goes on with a session that was open.
    pub(super) fn reopen(&mut self, open: OpenSession) {
        let OpenSession { numbers: (recorded, number), begun, client, server, .. } = open;
        let Some(protocol) = self.tools.choice.named(&open.protocol) else { return };
        let version = protocol.versions.by_text(&open.version);
        let version = version.filter(|_| open.snapshot.is_known);
        self.count += 1;
        let mut replay = self.tools.replay(&protocol, version, begun);
        let server: Arc<str> = server.into();
        self.out.borrow_mut().opened(number, begun, client, &server);
        replay.session.restore(&open.snapshot);
        replay.drain(&mut self.events);
        let counted = replay.packets();
        let said = Said::default();
        let last = open.snapshot.packets;
        let (waiting, began) = (0, begun);
        let open = Recorded { number, client, server, replay, waiting, counted, said, last, began };
        self.recorded.insert(recorded, open);
        self.give(number, begun);
    }

    /// What sessions are read with, for others.
    pub(super) fn into_tools(self) -> Tools {
        self.tools
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
                self.keep_within();
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

    /// Nothing came for a while: what a stream is, is found out by what there is of it.
    pub(super) fn pass_time(&mut self, now: Timestamp) {
        let due: Vec<Key> =
            self.streams.iter().filter(|(_, stream)| stream.is_due(now)).map(|(k, _)| *k).collect();
        for key in due {
            self.act(key, |stream, tools, events| stream.pass_time(now, tools, events));
        }
    }

    fn stream_bytes(&mut self, key: Key, direction: Direction, at: Timestamp, bytes: &[u8]) {
        let is_packed = bytes.len() > PACKED_LEN
            && self.streams.get(&key).is_some_and(|stream| stream.is_packed(direction));
        let len = if is_packed { PACKED_LEN } else { bytes.len().max(1) };
        for part in bytes.chunks(len) {
            self.act(key, |stream, tools, events| {
                stream.bytes(direction, part, at, tools, events);
            });
        }
        self.keep_within();
    }

    /// Makes room where too much waits.
    fn keep_within(&mut self) {
        if self.tools.has_tried && self.waiting.is_much() {
            self.tools.forget_tried();
        }
        if self.waiting.is_too_much() {
            self.make_room();
        }
    }

    /// Does something with a stream, and shows what comes of it. One that is none of those wanted is
    /// forgotten.
    pub(super) fn act(
        &mut self,
        key: Key,
        act: impl FnOnce(&mut Stream, &mut Tools, &mut Vec<Event>),
    ) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        act(stream, &mut self.tools, &mut self.events);
        let waiting = stream.waiting_now();
        self.waiting.change(&mut stream.waiting, waiting);
        if stream.is_unwanted() {
            let port = stream.server.port();
            self.streams.remove(&key);
            return self.pass_over(port);
        }
        if self.events.is_empty() {
            return;
        }
        let (begun, number) = (stream.begun, stream.number);
        match number {
            Some(number) => self.give(number, begun),
            // It gets its number now.
            None => {
                let Some(mut stream) = self.streams.remove(&key) else { return };
                self.show(&mut stream);
                self.streams.insert(key, stream);
            }
        }
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
        self.waiting.change(&mut stream.waiting, 0);
        stream.decide(true, &mut self.tools, &mut self.events);
        if stream.is_unwanted() {
            if !stream.is_empty() {
                self.pass_over(stream.server.port());
            }
            return;
        }
        stream.finish(at, is_closed, reset, &mut self.tools, &mut self.events);
        self.show(&mut stream);
        if let Some(replay) = stream.replay() {
            self.is_over(replay);
        }
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
        let away = self.away.drain().map(|(_, open)| open).collect();
        self.give_up(away);
        let mut open: Vec<Key> = self.streams.keys().copied().collect();
        open.sort_unstable_by_key(|key| match key {
            Key::Stream(number) | Key::Line(number) => *number,
        });
        for key in open {
            self.end_stream(key, at, false, None);
        }
    }
}

//! A driver without sockets: it feeds bytes to a session and writes down what it does.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use midwire_codec::{Deflater, Direction, write_compressed};
use midwire_definition::{
    Given, LoadError, Loader, PacketDefinition, Protocol, Root, StateId, VersionId,
};
use midwire_rules::Lexicon;
use midwire_rules::rule::RuleSet;
use midwire_session::{
    Beside, Content, Decision, Elapsed, Event, Fate, Judge, Options, Output, PacketEvent,
    PacketInfo, Passage, Place, Record, Recorded, Recording, Request, RequestId, Rules, Scratch,
    Session, Setup, Verdict, Watch,
};

pub use Direction::{Clientbound, Serverbound};

/// Two states whose packets have different ids, and a packet for each thing that can change.
pub const TOY: &str = r#"
protocol toy "Toy" {
  endian big
  states first, second
  start first
  stack {
    cipher: aes128_cfb8 off
    frame { length: varint max 2097151 }
    compression: zlib_threshold off
    id: varint
  }
  conn { n: i32 = 0 }
}
packet first both say = 3 { text: str[varint] }
packet first both dark = 4
packet first both go = 5 {}
packet first both go_mine = 6 {}
packet first both squeeze = 7 { threshold: varint }
packet first both lock = 8 {}
packet first both count = 9 { n: varint }
packet second both say = 0x13 { text: str[varint] }
packet second both go_mine = 0x16 {}
packet second both squeeze = 0x17 { threshold: varint }

on first serverbound go { state = second }
on first clientbound go { state = second }
on first serverbound go_mine { state serverbound = second }
on first clientbound go_mine { state clientbound = second }
on second serverbound go_mine { state serverbound = first }
on second clientbound go_mine { state clientbound = first }
on first serverbound squeeze { compression.on(threshold) }
on first clientbound squeeze { compression.on(threshold) }
on second serverbound squeeze { compression.on(threshold) }
on second clientbound squeeze { compression.on(threshold) }
on first serverbound lock { cipher.on() }
on first clientbound lock { cipher.on() }
on first serverbound count { conn.n = n }
on first clientbound count { conn.n = n }
"#;

struct One<'a>(&'a str);

impl Loader for One<'_> {
    fn load(&self, _: &str) -> Result<String, LoadError> {
        Ok(self.0.to_owned())
    }
}

pub fn protocol(text: &str) -> Arc<Protocol> {
    Protocol::load("test.wire", &One(text)).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Rules for a protocol, which stand in `test.rules`.
pub fn rules(protocol: &Arc<Protocol>, text: &str, before: Option<&Rules>) -> Arc<Rules> {
    let root = Root { path: "test.rules", loader: &One(text) };
    let set = RuleSet::load(&[root], &Arc::new(Lexicon::new(protocol)));
    let set = set.unwrap_or_else(|problems| panic!("{problems}"));
    Rules::new(set, before)
}

/// The definition of Minecraft.
pub fn minecraft() -> Arc<Protocol> {
    midwire_definition::builtin("minecraft").unwrap()
}

/// A frame of the toy and of Minecraft: a length of one or more bytes, then the payload.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    midwire_codec::varint::write_uvarint(payload.len() as u32, &mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}

/// A frame with compression on.
pub fn squeezed(threshold: usize, payload: &[u8]) -> Vec<u8> {
    thread_local!(static DEFLATER: RefCell<Deflater> = RefCell::default());
    let mut bytes = Vec::new();
    DEFLATER.with_borrow_mut(|deflater| {
        write_compressed(payload, threshold, deflater, &mut bytes).unwrap();
    });
    frame(&bytes)
}

/// Id 3 and a text.
pub fn say(text: &str) -> Vec<u8> {
    frame(&said(3, text))
}

/// A payload that is an id and a text.
pub fn said(id: u8, text: &str) -> Vec<u8> {
    let mut payload = vec![id, text.len() as u8];
    payload.extend_from_slice(text.as_bytes());
    payload
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a recording holds, as the streams that it says were there.
#[derive(Default)]
pub struct Tape {
    pub records: Vec<Record>,
    /// What came and what was sent, by direction.
    pub came: [Vec<u8>; 2],
    pub sent: [Vec<u8>; 2],
}

impl Tape {
    fn take(&mut self, record: Record) {
        let at = record.direction.index();
        let (came, sent) = (&mut self.came[at], &mut self.sent[at]);
        match &record.content {
            Recorded::Frames(_, bytes) => {
                came.extend_from_slice(bytes);
                sent.extend_from_slice(bytes);
            }
            Recorded::Opaque(marked) => {
                came.extend_from_slice(&marked.bytes);
                sent.extend_from_slice(&marked.bytes);
            }
            Recorded::Frame(frame) => match &frame.passage {
                Passage::Passed(both) => {
                    came.extend_from_slice(&both.bytes);
                    sent.extend_from_slice(&both.bytes);
                }
                Passage::Dropped(gone) | Passage::Came(gone) => came.extend_from_slice(&gone.bytes),
                Passage::Injected(new) | Passage::Sent(new) => sent.extend_from_slice(&new.bytes),
                Passage::Changed { came: old, sent: new } => {
                    came.extend_from_slice(&old.bytes);
                    sent.extend_from_slice(&new.bytes);
                }
            },
            Recorded::Compression { .. } | Recorded::Variables { .. } => {}
        }
        self.records.push(record);
    }

    /// The numbers of frames and what became of them, in the order of the recording.
    pub fn fates(&self) -> Vec<String> {
        let mut fates = Vec::new();
        for record in &self.records {
            match &record.content {
                Recorded::Frames(first, bytes) => fates.push(format!("{first}+ {}", bytes.len())),
                Recorded::Opaque(marked) => fates.push(format!("bytes {}", marked.bytes.len())),
                Recorded::Variables { values, .. } => fates.push(format!("assign {values:?}")),
                Recorded::Compression { threshold, .. } => {
                    fates.push(format!("squeeze {threshold:?}"))
                }
                Recorded::Frame(frame) => {
                    let fate = match &frame.passage {
                        Passage::Passed(_) => "passed",
                        Passage::Dropped(_) => "dropped",
                        Passage::Changed { .. } => "changed",
                        Passage::Came(_) => "came",
                        Passage::Sent(_) => "sent",
                        Passage::Injected(_) => "injected",
                    };
                    let by: String =
                        frame.tags.rules.iter().map(|by| format!(" by {by}")).collect();
                    fates.push(format!("{} {fate}{by}", frame.number));
                }
            }
        }
        fates
    }
}

/// A session, the bytes it has not taken yet, and what came out.
pub struct Driver {
    pub session: Session,
    pub scratch: Scratch,
    pub now: Elapsed,
    pub pending: [BytesMut; 2],
    /// What was sent, by direction.
    pub sent: [Vec<u8>; 2],
    /// The sizes of the pieces in which it was sent.
    pub pieces: [Vec<usize>; 2],
    pub events: Vec<Event>,
    /// What was recorded.
    pub tape: Tape,
    pub requests: Vec<(RequestId, Request)>,
    /// Events and ends as lines, and sent bytes as hex.
    pub lines: Vec<String>,
    pub rules: Option<Arc<Rules>>,
    protocol: Arc<Protocol>,
}

impl Driver {
    pub fn new(text: &str) -> Self {
        Self::with(protocol(text), Options::default())
    }

    pub fn with(protocol: Arc<Protocol>, options: Options) -> Self {
        Self::of(&Setup::new(protocol, options))
    }

    pub fn of(setup: &Arc<Setup>) -> Self {
        let mut session = Session::new(setup.clone());
        session.set_watch(Watch::Packets);
        let mut driver = Self {
            session,
            scratch: Scratch::default(),
            now: Elapsed::default(),
            pending: Default::default(),
            sent: Default::default(),
            pieces: Default::default(),
            events: Vec::new(),
            tape: Tape::default(),
            requests: Vec::new(),
            lines: Vec::new(),
            rules: None,
            protocol: setup.protocol().clone(),
        };
        driver.drain();
        driver
    }

    /// With rules, unwatched and recorded.
    pub fn taped(text: &str, rules: &str) -> Self {
        let mut driver = Self::unwatched(text);
        driver.session.set_recording(Recording::Masked);
        if !rules.is_empty() {
            driver.set_rules(rules);
        }
        driver
    }

    pub fn unwatched(text: &str) -> Self {
        let mut driver = Self::new(text);
        driver.session.set_watch(Watch::Nothing);
        driver
    }

    /// With rules that stand in `test.rules`.
    pub fn ruled(text: &str, rules: &str) -> Self {
        let mut driver = Self::new(text);
        driver.set_rules(rules);
        driver
    }

    /// Sets rules that stand in `test.rules`, in the place of those before.
    pub fn set_rules(&mut self, text: &str) -> &mut Self {
        let rules = self::rules(&self.protocol, text, self.rules.as_deref());
        self.session.set_rules(Some(rules.clone())).unwrap();
        self.rules = Some(rules);
        self.drain()
    }

    pub fn judged(text: &str, judge: impl Judge + 'static) -> Self {
        let mut driver = Self::new(text);
        driver.session.set_judge(Some(Box::new(judge)));
        driver
    }

    pub fn feed(&mut self, direction: Direction, bytes: &[u8]) -> &mut Self {
        self.take(direction, bytes);
        self.drain()
    }

    /// Feeds bytes without asking for outputs.
    pub fn take(&mut self, direction: Direction, bytes: &[u8]) -> &mut Self {
        let pending = &mut self.pending[direction.index()];
        pending.extend_from_slice(bytes);
        self.session.handle_bytes(direction, pending, self.now, &mut self.scratch);
        self
    }

    pub fn end(&mut self, direction: Direction) -> &mut Self {
        let pending = &mut self.pending[direction.index()];
        self.session.handle_end(direction, pending, self.now, &mut self.scratch);
        self.drain()
    }

    pub fn reset(&mut self, direction: Direction) -> &mut Self {
        self.session.handle_reset(direction, self.now);
        self.drain()
    }

    /// Lets time pass.
    pub fn wait(&mut self, millis: u64) -> &mut Self {
        self.now = self.now.after(Duration::from_millis(millis));
        if self.session.poll_timeout().is_some_and(|due| due <= self.now) {
            self.session.handle_timeout(self.now, &mut self.scratch);
        }
        self.drain()
    }

    pub fn resume(&mut self, number: u64, verdict: Verdict) -> &mut Self {
        let number = midwire_session::PacketNumber(number);
        self.session.resume(number, verdict, self.now, &mut self.scratch).unwrap();
        self.drain()
    }

    pub fn drain(&mut self) -> &mut Self {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send { direction, bytes } => {
                    assert!(!bytes.is_empty(), "an empty send");
                    self.sent[direction.index()].extend_from_slice(&bytes);
                    self.pieces[direction.index()].push(bytes.len());
                    self.lines.push(format!("{direction} {}", hex(&bytes)));
                }
                Output::Finish { direction } => self.lines.push(format!("{direction} finish")),
                Output::Abort { direction } => self.lines.push(format!("{direction} abort")),
                Output::Request(request, what) => {
                    self.lines.push("request".to_owned());
                    self.requests.push((request, what));
                }
                Output::Event(event) => {
                    self.lines.push(self.line(&event));
                    self.events.push(event);
                }
                Output::Record(record) => self.tape.take(record),
            }
        }
        self
    }

    /// The lines since the last call.
    pub fn lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    pub fn sent(&self, direction: Direction) -> &[u8] {
        &self.sent[direction.index()]
    }

    pub fn packets(&self) -> impl Iterator<Item = &PacketEvent> {
        self.events.iter().filter_map(|event| match event {
            Event::Packet(packet) => Some(packet),
            _ => None,
        })
    }

    fn line(&self, event: &Event) -> String {
        let state = |state: StateId| self.protocol.state_name(state).to_owned();
        match event {
            Event::Opened { .. } => "opened".to_owned(),
            Event::Packet(packet) => self.packet_line(packet),
            Event::Resumed { number, fate, .. } => format!("#{number} resumed: {}", fate.as_str()),
            Event::Opaque { direction, offset, bytes, .. } => {
                format!("{direction} opaque {} at {offset}", bytes.len())
            }
            Event::State { direction, state: new, .. } => format!("{direction} in {}", state(*new)),
            Event::Version { version, assumed, .. } => {
                format!("version {}{}", version.key, if *assumed { " assumed" } else { "" })
            }
            Event::LostFraming { direction, error, closed, .. } => {
                format!(
                    "{direction} lost framing{}: {error}",
                    if *closed { ", closed" } else { "" }
                )
            }
            Event::Key { key, .. } => format!("{key:?}"),
            Event::Notice { notice, .. } => format!("notice: {notice}"),
            Event::Closed { counters, .. } => {
                let [up, down] = counters;
                format!("closed {}/{} {}/{}", up.frames, up.bytes, down.frames, down.bytes)
            }
        }
    }

    fn packet_line(&self, packet: &PacketEvent) -> String {
        let id = packet.id.map_or("-".to_owned(), |id| id.to_string());
        let name = packet.definition.as_ref().map_or(format!("?{id}"), |d| d.name.to_string());
        let state = self.protocol.state_name(packet.state);
        let state = if state.is_empty() { String::new() } else { format!("{state} ") };
        let (number, direction, fate) = (packet.number, packet.direction, packet.fate.as_str());
        let problem = packet.problem.as_ref().map_or(String::new(), |error| format!(" ! {error}"));
        format!("#{number} {direction} {state}{name} {fate}{problem}")
    }
}

/// A judge that is a function of the packet.
pub struct By<F>(pub F);

impl<F: FnMut(&PacketInfo<'_>) -> Verdict + Send> Judge for By<F> {
    fn interest(
        &self,
        _: VersionId,
        _: StateId,
        _: Direction,
        _: Option<&PacketDefinition>,
    ) -> bool {
        true
    }

    fn judge(
        &mut self,
        info: &PacketInfo<'_>,
        _: Option<&mut midwire_definition::Packet<'_>>,
    ) -> Verdict {
        (self.0)(info)
    }
}

/// A judge that is a function of the packet, and may decide more than a verdict.
pub struct Deciding<F>(pub F);

impl<F: FnMut(&PacketInfo<'_>, &mut Decision) + Send> Judge for Deciding<F> {
    fn interest(
        &self,
        _: VersionId,
        _: StateId,
        _: Direction,
        _: Option<&PacketDefinition>,
    ) -> bool {
        true
    }

    fn judge(
        &mut self,
        _: &PacketInfo<'_>,
        _: Option<&mut midwire_definition::Packet<'_>>,
    ) -> Verdict {
        Verdict::Pass
    }

    fn decide(
        &mut self,
        info: &PacketInfo<'_>,
        _: Option<&mut midwire_definition::Packet<'_>>,
        decision: &mut Decision,
    ) {
        (self.0)(info, decision);
    }
}

/// Decides all this about the packet of a number, and passes the others.
pub fn deciding(number: u64, decision: Decision) -> impl Judge {
    Deciding(move |info: &PacketInfo<'_>, to: &mut Decision| {
        if info.number.0 == number {
            *to = decision.clone();
        }
    })
}

/// A `say` with this text that the rule `text` puts beside a packet.
pub fn saying(place: Place, direction: Direction, text: &str) -> Beside {
    let fields = Given::Object(vec![("text".to_owned(), Given::Text(text.to_owned()))]);
    Beside {
        place,
        direction,
        packet: Content::Fields { name: "say".into(), fields },
        forced: false,
        by: Some(text.into()),
    }
}

/// Decides about the packet of a number, and passes the others.
pub fn on(number: u64, verdict: Verdict) -> impl Judge {
    By(
        move |info: &PacketInfo<'_>| {
            if info.number.0 == number { verdict.clone() } else { Verdict::Pass }
        },
    )
}

pub fn bytes(payload: &[u8]) -> Bytes {
    Bytes::copy_from_slice(payload)
}

pub fn fate_of(driver: &Driver, number: u64) -> Fate {
    driver.packets().find(|packet| packet.number.0 == number).unwrap().fate
}

//! Every interleaving of two peers round each packet that changes the session.
//!
//! Two scripted peers write frames in the form that they are in when they write, and change it when
//! they send or get a packet that says so. The order of all that can happen — each peer writes its
//! next frame, the session reads the next frame of a direction, a held packet is let go — is
//! explored to the end. Whatever the order, the session must read each frame as what its sender
//! wrote, and pass each byte.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use midwire_codec::Direction;
use midwire_definition::{Dialect, Protocol, StateId};
use midwire_session::{Options, Output, PacketNumber, Scratch, Setup, Verdict};
use support::{Clientbound, Driver, Serverbound, TOY};

/// What getting or sending a packet changes.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// The state of one direction, or of both.
    State(Option<Direction>, &'static str),
    /// Both directions are compressed from this size on.
    Compress(usize),
}

/// A packet that a peer will send, once it has got what it waits for.
#[derive(Clone, Debug)]
struct Line {
    name: &'static str,
    body: Vec<u8>,
    after: Option<&'static str>,
    changes: Vec<Change>,
}

fn line(name: &'static str, body: &[u8]) -> Line {
    Line { name, body: body.to_vec(), after: None, changes: Vec::new() }
}

impl Line {
    fn after(self, name: &'static str) -> Self {
        Self { after: Some(name), ..self }
    }

    fn change(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }
}

/// What two peers say.
struct Play {
    setup: Arc<Setup>,
    dialect: Arc<Dialect>,
    /// By direction: the client's lines, the server's lines.
    lines: [Vec<Line>; 2],
}

/// A frame on its way.
#[derive(Clone)]
struct Flying {
    bytes: Vec<u8>,
    line: usize,
}

/// One end.
#[derive(Clone)]
struct Peer {
    writes: Direction,
    state: StateId,
    threshold: Option<usize>,
    said: usize,
    got: Vec<&'static str>,
}

impl Peer {
    fn make(&mut self, changes: &[Change], protocol: &Protocol) {
        for change in changes {
            match change {
                Change::State(only, state) => {
                    if only.is_none_or(|only| only == self.writes) {
                        self.state = protocol.state_named(state).unwrap();
                    }
                }
                Change::Compress(threshold) => self.threshold = Some(*threshold),
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    /// The peer that writes in this direction writes its next frame.
    Write(Direction),
    /// The session reads the next frame of this direction.
    Read(Direction),
    /// The session reads all frames of this direction that are there, at least two.
    ReadAll(Direction),
    /// What is held back is let go.
    Release,
}

/// What is done with one of the packets.
#[derive(Clone, Copy, Debug)]
enum Hold {
    Nothing,
    Intercept(u64),
    Delay(u64),
}

struct World<'a> {
    play: &'a Play,
    driver: Driver,
    peers: [Peer; 2],
    /// Written, not yet read by the session.
    wire: [VecDeque<Flying>; 2],
    /// Read by the session, not yet sent.
    inside: [VecDeque<Flying>; 2],
    written: [Vec<u8>; 2],
    truth: [Vec<(StateId, &'static str)>; 2],
    hold: Hold,
    released: bool,
}

impl<'a> World<'a> {
    fn new(play: &'a Play, hold: Hold, scratch: Scratch) -> Self {
        let mut driver = Driver::of(&play.setup);
        driver.scratch = scratch;
        match hold {
            Hold::Nothing => {}
            Hold::Intercept(number) => {
                driver.session.set_judge(Some(Box::new(support::on(number, Verdict::Intercept))));
            }
            Hold::Delay(number) => {
                let delay = Verdict::Delay(Duration::from_millis(5));
                driver.session.set_judge(Some(Box::new(support::on(number, delay))));
            }
        }
        let peer = |writes| Peer {
            writes,
            state: play.setup.protocol().start,
            threshold: None,
            said: 0,
            got: Vec::new(),
        };
        Self {
            play,
            driver,
            peers: [peer(Serverbound), peer(Clientbound)],
            wire: Default::default(),
            inside: Default::default(),
            written: Default::default(),
            truth: Default::default(),
            hold,
            released: false,
        }
    }

    fn acts(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        for direction in Direction::BOTH {
            let peer = &self.peers[direction.index()];
            let next = self.play.lines[direction.index()].get(peer.said);
            if next.is_some_and(|line| line.after.is_none_or(|name| peer.got.contains(&name))) {
                acts.push(Act::Write(direction));
            }
        }
        for direction in Direction::BOTH {
            match self.wire[direction.index()].len() {
                0 => {}
                // held packets are explored without this, or there are too many orders
                2.. if matches!(self.hold, Hold::Nothing) => {
                    acts.extend([Act::Read(direction), Act::ReadAll(direction)]);
                }
                _ => acts.push(Act::Read(direction)),
            }
        }
        let is_held = match self.hold {
            Hold::Nothing => false,
            Hold::Intercept(_) => self.inside.iter().any(|inside| !inside.is_empty()),
            Hold::Delay(_) => self.driver.session.poll_timeout().is_some(),
        };
        if is_held && !self.released {
            acts.push(Act::Release);
        }
        acts
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Write(direction) => self.write(direction),
            Act::Read(direction) => self.read(direction, 1),
            Act::ReadAll(direction) => self.read(direction, usize::MAX),
            Act::Release => {
                self.released = true;
                match self.hold {
                    Hold::Nothing => {}
                    Hold::Intercept(number) => {
                        let Driver { session, scratch, now, .. } = &mut self.driver;
                        session.resume(PacketNumber(number), Verdict::Pass, *now, scratch).unwrap();
                    }
                    Hold::Delay(_) => {
                        let Driver { session, scratch, now, .. } = &mut self.driver;
                        *now = now.after(Duration::from_millis(5));
                        session.handle_timeout(*now, scratch);
                    }
                }
            }
        }
        self.deliver();
    }

    fn write(&mut self, direction: Direction) {
        let index = direction.index();
        let peer = &mut self.peers[index];
        let line = &self.play.lines[index][peer.said];
        let definition = self.play.dialect.packet_named(peer.state, direction, line.name);
        let definition =
            definition.unwrap_or_else(|| panic!("no {} in {peer:?}", line.name, peer = peer.state));
        let mut payload = vec![u8::try_from(definition.id).unwrap()];
        payload.extend_from_slice(&line.body);
        let bytes = match peer.threshold {
            None => support::frame(&payload),
            Some(threshold) => support::squeezed(threshold, &payload),
        };
        self.truth[index].push((peer.state, line.name));
        self.written[index].extend_from_slice(&bytes);
        self.wire[index].push_back(Flying { bytes, line: peer.said });
        peer.said += 1;
        peer.make(&line.changes, self.play.setup.protocol());
    }

    fn read(&mut self, direction: Direction, count: usize) {
        let index = direction.index();
        let count = count.min(self.wire[index].len());
        let frames: Vec<_> = self.wire[index].drain(..count).collect();
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes.clone()).collect();
        self.inside[index].extend(frames);
        self.driver.take(direction, &bytes);
    }

    /// What the session sends reaches the peers.
    fn deliver(&mut self) {
        while let Some(output) = self.driver.session.poll_output() {
            match output {
                Output::Send { direction, bytes } => {
                    let index = direction.index();
                    self.driver.sent[index].extend_from_slice(&bytes);
                    let mut len = bytes.len();
                    while len > 0 {
                        let frame = self.inside[index].pop_front().expect("sent what never came");
                        len = len.checked_sub(frame.bytes.len()).expect("sent part of a frame");
                        let line = &self.play.lines[index][frame.line];
                        let peer = &mut self.peers[direction.opposite().index()];
                        peer.got.push(line.name);
                        peer.make(&line.changes, self.play.setup.protocol());
                    }
                }
                Output::Event(event) => self.driver.events.push(event),
                other => panic!("{other:?}"),
            }
        }
    }

    fn check(&self, path: &[Act]) {
        let protocol = self.play.setup.protocol();
        for direction in Direction::BOTH {
            let index = direction.index();
            assert_eq!(self.driver.sent[index], self.written[index], "{direction} {path:?}");
            let seen: Vec<_> = self
                .driver
                .packets()
                .filter(|packet| packet.direction == direction)
                .map(|packet| {
                    let name = packet.definition.as_ref().map_or("?", |d| &*d.name);
                    (packet.state, name)
                })
                .collect();
            let name =
                |(state, name): &(StateId, &str)| format!("{}.{name}", protocol.state_name(*state));
            assert_eq!(
                seen.iter().map(name).collect::<Vec<_>>(),
                self.truth[index].iter().map(name).collect::<Vec<_>>(),
                "{direction} with {:?} after {path:?}",
                self.hold
            );
        }
        let waiting = self.acts();
        assert!(waiting.is_empty());
        let lines = self.play.lines.iter().map(Vec::len).sum::<usize>();
        assert_eq!(self.driver.packets().count(), lines, "not all was said: {path:?}");
    }
}

/// Whether two acts come to the same in either order.
fn are_independent(a: Act, b: Act) -> bool {
    let pair = |a, b| match (a, b) {
        (Act::Write(a), Act::Write(b)) => a != b,
        (Act::Write(a), Act::Read(b)) => a == b,
        _ => false,
    };
    pair(a, b) || pair(b, a)
}

/// Explores every order, and gives how many there are. Of orders that differ only in acts that come
/// to the same, one is enough.
fn explore(play: &Play, hold: Hold) -> usize {
    let mut orders = 0;
    // acts that were tried, and what else can be done at each point
    let mut path: Vec<Act> = Vec::new();
    let mut open: Vec<Vec<Act>> = Vec::new();
    let mut scratch = Scratch::default();
    loop {
        let mut world = World::new(play, hold, scratch);
        let mut before: Vec<Act> = Vec::new();
        for act in &path {
            before = world.acts();
            world.act(*act);
        }
        loop {
            let mut acts = world.acts();
            if acts.is_empty() {
                break;
            }
            if let Some(last) = path.last() {
                let is_twin = |act: &Act| {
                    *act < *last && before.contains(act) && are_independent(*act, *last)
                };
                acts.retain(|act| !is_twin(act));
            }
            let Some(act) = acts.pop() else { break };
            open.push(acts);
            path.push(act);
            before = world.acts();
            world.act(act);
        }
        if world.acts().is_empty() {
            world.check(&path);
            orders += 1;
        }
        scratch = world.driver.scratch;
        loop {
            let Some(others) = open.last_mut() else { return orders };
            path.pop();
            match others.pop() {
                Some(act) => {
                    path.push(act);
                    break;
                }
                None => {
                    open.pop();
                }
            }
        }
    }
}

/// Explores a play with no packet held, and with each held and delayed.
fn explore_all(play: &Play) {
    let packets = play.lines.iter().map(Vec::len).sum::<usize>() as u64;
    let holds = (1..=packets).flat_map(|n| [Hold::Intercept(n), Hold::Delay(n)]);
    for hold in std::iter::once(Hold::Nothing).chain(holds) {
        let orders = explore(play, hold);
        assert!(orders > 10, "only {orders} orders with {hold:?}");
    }
}

fn toy(client: Vec<Line>, server: Vec<Line>) -> Play {
    let setup = Setup::new(support::protocol(TOY), Options::default());
    let dialect = setup.protocol().dialect(setup.protocol().versions.newest());
    Play { setup, dialect, lines: [client, server] }
}

fn say(text: &str) -> Line {
    let mut body = vec![u8::try_from(text.len()).unwrap()];
    body.extend_from_slice(text.as_bytes());
    line("say", &body)
}

/// A text that is compressed where compression is on.
fn tell() -> Line {
    say(&"long ".repeat(20))
}

fn squeeze() -> Line {
    line("squeeze", &[64]).change(Change::Compress(64))
}

/// Three packets each way, none of which is waited for.
const ORDERS_OF_THREE_AND_THREE: usize = 3989;

fn go() -> Line {
    line("go", &[]).change(Change::State(None, "second"))
}

fn go_mine(direction: Direction) -> Line {
    line("go_mine", &[]).change(Change::State(Some(direction), "second"))
}

fn back_mine(direction: Direction) -> Line {
    line("go_mine", &[]).change(Change::State(Some(direction), "first"))
}

#[test]
fn compression_switched_on_by_the_server() {
    let play = toy(vec![say("a"), tell(), say("c")], vec![say("d"), squeeze(), tell()]);
    assert_eq!(explore(&play, Hold::Nothing), ORDERS_OF_THREE_AND_THREE);
    explore_all(&toy(vec![say("a"), tell()], vec![squeeze(), tell()]));
}

#[test]
fn compression_switched_on_by_the_client() {
    let play = toy(vec![say("a"), squeeze(), tell()], vec![say("b"), tell(), say("c")]);
    assert_eq!(explore(&play, Hold::Nothing), ORDERS_OF_THREE_AND_THREE);
    explore_all(&toy(vec![squeeze(), tell()], vec![say("a"), tell()]));
}

#[test]
fn a_state_of_both_directions_changed_by_the_server() {
    let play = toy(vec![say("a"), say("b"), say("c")], vec![say("d"), go(), say("e")]);
    assert_eq!(explore(&play, Hold::Nothing), ORDERS_OF_THREE_AND_THREE);
    explore_all(&toy(vec![say("a"), say("b")], vec![go(), say("c")]));
}

#[test]
fn a_state_of_both_directions_changed_by_the_client() {
    let play = toy(vec![say("a"), go(), say("b")], vec![say("c"), say("d"), say("e")]);
    assert_eq!(explore(&play, Hold::Nothing), ORDERS_OF_THREE_AND_THREE);
    explore_all(&toy(vec![go(), say("b")], vec![say("c"), say("d")]));
}

#[test]
fn states_of_single_directions_changed_to_and_fro() {
    let client = vec![go_mine(Serverbound), say("b"), back_mine(Serverbound)];
    explore_all(&toy(client, vec![go_mine(Clientbound), say("c")]));
}

#[test]
fn two_changes_in_a_row() {
    explore_all(&toy(vec![say("a"), tell()], vec![squeeze(), go(), tell()]));
    explore_all(&toy(vec![say("a"), tell()], vec![go(), squeeze(), say("e")]));
}

#[test]
fn changes_from_both_sides() {
    let client = vec![say("a"), go_mine(Serverbound), tell()];
    explore_all(&toy(client, vec![squeeze(), say("e")]));
}

fn minecraft(number: i64, client: Vec<Line>, server: Vec<Line>) -> Play {
    let setup = Setup::new(support::minecraft(), Options::default());
    let version = setup.protocol().versions.by_number(number).0;
    let dialect = setup.protocol().dialect(version);
    Play { setup, dialect, lines: [client, server] }
}

fn set_protocol(number: u32) -> Line {
    let mut body = Vec::new();
    midwire_codec::varint::write_uvarint(number, &mut body);
    body.extend_from_slice(b"\x09localhost\x63\xdd\x02");
    line("set_protocol", &body).change(Change::State(None, "login"))
}

fn compress() -> Line {
    line("compress", &[0x80, 0x02]).change(Change::Compress(256)).after("login_start")
}

fn keep_alive() -> Line {
    line("keep_alive", &[0, 0, 0, 0, 0, 0, 0, 1])
}

#[test]
fn a_login_of_1_12_2() {
    let success = line("success", b"\x24c7456f87-14b8-3402-9ab9-da5f3572771c\x04Alva");
    let client = vec![
        set_protocol(340),
        line("login_start", b"\x04Alva"),
        keep_alive().after("success"),
        line("chat", b"\x02hi"),
    ];
    let server = vec![
        compress(),
        success.change(Change::State(None, "play")),
        line("held_item_slot", &[0]),
        keep_alive(),
    ];
    explore_all(&minecraft(340, client, server));
}

#[test]
fn a_login_of_1_20_4_and_back_to_configuration() {
    let own = |direction, state| Change::State(Some(direction), state);
    let uuid = [7; 16];
    let client = vec![
        set_protocol(765),
        line("login_start", &[b"\x04Alva", &uuid[..]].concat()),
        line("login_acknowledged", &[]).after("success").change(own(Serverbound, "configuration")),
        line("finish_configuration", &[])
            .after("finish_configuration")
            .change(own(Serverbound, "play")),
        keep_alive(),
        line("configuration_acknowledged", &[])
            .after("start_configuration")
            .change(own(Serverbound, "configuration")),
    ];
    let server = vec![
        compress(),
        line("success", &[&uuid[..], b"\x04Alva\x00"].concat())
            .change(own(Clientbound, "configuration")),
        line("finish_configuration", &[])
            .after("login_acknowledged")
            .change(own(Clientbound, "play")),
        keep_alive().after("finish_configuration"),
        line("start_configuration", &[]).change(own(Clientbound, "configuration")),
        keep_alive().after("configuration_acknowledged"),
    ];
    explore_all(&minecraft(765, client, server));
}

//! A stream of somebody's capture: what it is has to be found out, and in its middle where frames begin.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use midwire_capture::Timestamp;
use midwire_codec::cipher::KEY_LEN;
use midwire_definition::{Protocol, VersionId};
use midwire_session::{Direction, Event};

use super::choose::{LOOK_LEN, Sniffed};
use super::guess::{Guess, Guessing, worth};
use super::lost::{Lost, forms, give_up, go_on, tear};
use super::replay::Replay;
use super::tools::{Tools, Viewed};

/// Bytes of a stream that are kept until it is known what it is.
const KEPT_MAX: usize = 256 << 10;

/// After so much time what a stream without a start is, is guessed by what there is of it.
const GUESSED_WAIT: Duration = Duration::from_secs(5);

/// A stream.
pub(super) struct Stream {
    pub(super) begun: Timestamp,
    /// When the last of it came, or it was looked at.
    latest: Timestamp,
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    pub(super) server_name: Arc<str>,
    /// Its handshake was seen.
    from_start: bool,
    /// What the server sends was taken for the client's.
    is_turned: bool,
    /// Its number as a session, once it is shown.
    pub(super) number: Option<u64>,
    /// Memory for what waits in it, when it was looked at last.
    pub(super) waiting: usize,
    stage: Stage,
}

enum Stage {
    /// It is not known what it is.
    Unknown {
        kept: Vec<Kept>,
        len: usize,
        /// When there are so many bytes, it is tried again.
        tried_at: usize,
        /// It was tried when it had lasted for long.
        is_old: bool,
    },
    /// It is read. Where frames begin may have to be found in a direction.
    Read { replay: Box<Replay>, lost: Box<[Option<Lost>; 2]> },
    /// It is none of those that are wanted.
    Unwanted,
}

/// What came of a stream of which it is not known what it is.
#[derive(Clone)]
pub(super) enum Kept {
    Bytes(Direction, Timestamp, Box<[u8]>),
    Gap(Direction, Timestamp, u64, u64),
    End(Direction, Timestamp),
}

impl Stream {
    pub(super) fn new(
        begun: Timestamp,
        client: SocketAddr,
        server: SocketAddr,
        from_start: bool,
    ) -> Self {
        Self {
            begun,
            latest: begun,
            client,
            server,
            server_name: server.to_string().into(),
            from_start,
            is_turned: false,
            number: None,
            waiting: 0,
            stage: Stage::Unknown { kept: Vec::new(), len: 0, tried_at: 0, is_old: false },
        }
    }

    pub(super) fn is_unwanted(&self) -> bool {
        matches!(self.stage, Stage::Unwanted)
    }

    /// What reads it.
    pub(super) fn replay(&self) -> Option<&Replay> {
        match &self.stage {
            Stage::Read { replay, .. } => Some(replay),
            Stage::Unknown { .. } | Stage::Unwanted => None,
        }
    }

    /// Whether no byte of it came.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.stage, Stage::Unknown { len: 0, .. })
    }

    /// Which way something went.
    fn facing(&self, direction: Direction) -> Direction {
        if self.is_turned { direction.opposite() } else { direction }
    }

    /// Bytes came.
    pub(super) fn bytes(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        at: Timestamp,
        tools: &mut Tools,
        events: &mut Vec<Event>,
    ) {
        let direction = self.facing(direction);
        self.latest = at;
        match &mut self.stage {
            Stage::Unwanted => {}
            Stage::Unknown { kept, len, .. } => {
                kept.push(Kept::Bytes(direction, at, bytes.into()));
                *len += bytes.len();
                self.decide(false, tools, events);
            }
            Stage::Read { replay, lost } => {
                let lost = &mut lost[direction.index()];
                let bytes = replay.decrypted(direction, bytes);
                let Some(searched) = lost else {
                    return replay.stream(direction, &bytes, at, tools, events);
                };
                searched.take(&bytes, at);
                go_on(replay, direction, lost, false, tools, events);
            }
        }
    }

    /// Bytes are missing.
    pub(super) fn gap(
        &mut self,
        direction: Direction,
        offset: u64,
        len: u64,
        at: Timestamp,
        tools: &mut Tools,
        events: &mut Vec<Event>,
    ) {
        let direction = self.facing(direction);
        match &mut self.stage {
            Stage::Unwanted => {}
            Stage::Unknown { kept, .. } => {
                keep_gap(kept, direction, at, offset, len);
                self.decide(false, tools, events);
            }
            Stage::Read { replay, lost } => {
                let mut text = format!("{len} {direction} bytes are missing at offset {offset}");
                if !replay.session.is_framed(direction) {
                    replay.session.handle_missing(direction, len);
                } else if replay.session.protocol().stack.framing.is_some() {
                    let cut = tear(replay, direction, lost, len, at, tools, events);
                    if cut > 0 {
                        text.push_str(&format!(", behind {cut} bytes of a frame"));
                    }
                    if replay.ciphers[direction.index()].is_some() {
                        text.push_str(&format!(
                            "; the {KEY_LEN} bytes behind them cannot be decrypted"
                        ));
                    }
                } else {
                    text.push_str(&leave_frameless(replay, direction, at, tools, events));
                    replay.session.handle_missing(direction, len);
                }
                replay.tell(text, at, events);
            }
        }
    }

    /// Whether what comes in a direction may become a thousand times as much, and is read as it comes.
    pub(super) fn is_packed(&self, direction: Direction) -> bool {
        let direction = self.facing(direction);
        match &self.stage {
            Stage::Read { replay, lost } => {
                lost.iter().all(Option::is_none) && replay.session.is_compressed(direction)
            }
            Stage::Unknown { .. } | Stage::Unwanted => false,
        }
    }

    /// Memory for what waits in it, as it is now.
    pub(super) fn waiting_now(&self) -> usize {
        match &self.stage {
            Stage::Unknown { kept, len, .. } => len + kept.len() * KEPT_COST,
            Stage::Read { replay, lost } => {
                replay.waiting() + lost.iter().flatten().map(Lost::cost).sum::<usize>()
            }
            Stage::Unwanted => 0,
        }
    }

    /// Too much waits in all streams: what this one is is found out by what there is of it, or what waits in it is
    /// shown as bytes.
    pub(super) fn relieve(&mut self, at: Timestamp, tools: &mut Tools, events: &mut Vec<Event>) {
        let waiting = self.waiting_now();
        let Stage::Read { replay, lost } = &mut self.stage else {
            return self.decide(true, tools, events);
        };
        for direction in Direction::BOTH {
            let searched = lost[direction.index()].as_ref().map_or(0, Lost::cost);
            let len = replay.waiting_of(direction) + searched;
            // What makes no difference may wait on.
            if len < waiting / 4 || len == 0 {
                continue;
            }
            if replay.session.protocol().stack.framing.is_some() {
                give_up(replay, direction, lost, at, tools, events);
            } else {
                let len = replay.waiting_of(direction);
                let why = leave_frameless(replay, direction, at, tools, events);
                let what = "of a packet that is not whole";
                replay.tell_given_up(len, direction, &format!("{what}{why}"), at, events);
            }
        }
    }

    pub(super) fn end(
        &mut self,
        direction: Direction,
        at: Timestamp,
        tools: &mut Tools,
        events: &mut Vec<Event>,
    ) {
        let direction = self.facing(direction);
        match &mut self.stage {
            Stage::Unwanted => {}
            Stage::Unknown { kept, .. } => kept.push(Kept::End(direction, at)),
            Stage::Read { replay, lost } => {
                go_on(replay, direction, &mut lost[direction.index()], true, tools, events);
                replay.end(direction, at, &mut tools.scratch, events);
            }
        }
    }

    /// Nothing more of it comes.
    pub(super) fn finish(
        &mut self,
        at: Timestamp,
        is_closed: bool,
        reset: Option<Direction>,
        tools: &mut Tools,
        events: &mut Vec<Event>,
    ) {
        let reset = reset.map(|direction| self.facing(direction));
        let Stage::Read { replay, lost } = &mut self.stage else { return };
        for direction in Direction::BOTH {
            go_on(replay, direction, &mut lost[direction.index()], true, tools, events);
        }
        if is_closed {
            replay.close(reset, at, &mut tools.scratch, events);
        } else {
            replay.give_up(at, &mut tools.scratch, events);
        }
    }

    /// Whether it is not known what it is, and there is so much time since it began that what there is has to do.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        matches!(&self.stage, Stage::Unknown { len: 1.., is_old: false, .. })
            && now.since(self.begun) >= GUESSED_WAIT
    }

    /// Nothing came for a while.
    pub(super) fn pass_time(&mut self, now: Timestamp, tools: &mut Tools, events: &mut Vec<Event>) {
        self.latest = now;
        self.decide(false, tools, events);
    }

    /// Finds out what it is, if that can be.
    pub(super) fn decide(&mut self, is_end: bool, tools: &mut Tools, events: &mut Vec<Event>) {
        let is_due = self.is_due(self.latest);
        let Stage::Unknown { kept, len, tried_at, is_old } = &mut self.stage else { return };
        *is_old |= is_due;
        let may_wait = !*is_old;
        let is_last = is_end || *len >= KEPT_MAX;
        let port = self.server.port();
        let insists = tools.choice.insists_on(port);
        let by_port = tools.choice.by_port(port);
        let torn = torn(kept);
        if !self.from_start || torn.contains(&true) {
            if *len < *tried_at && !is_last && !is_due {
                return;
            }
            *tried_at = *len * 2;
            // Who says what a server says is the server, unless the port is one that is known.
            let turns: &[bool] = match self.from_start || tools.choice.is_server_port(port) {
                true => &[false],
                false => &[false, true],
            };
            let [serverbound, clientbound] = first_bytes(kept);
            for turn in turns {
                let first = match turn {
                    false => [&serverbound[..], &clientbound],
                    true => [&clientbound[..], &serverbound],
                };
                if let Some(protocol) = tools.choice.begins(first) {
                    // What it begins with is what such a session begins with.
                    self.turn(*turn);
                    return self.begin(&protocol, None, tools, events);
                }
            }
            let protocols: Vec<_> = match &by_port {
                Some(protocol) => vec![protocol.clone()],
                None => tools.choice.candidates().into_iter().map(|(known, _)| known).collect(),
            };
            let is_certain = by_port.is_some();
            let from_start = self.from_start;
            let torn = torn.map(|is_torn| is_torn && from_start);
            let len = *len;
            let guessing = Guessing { kept, len, torn, turns, is_last, may_wait, is_certain };
            let guessed = guessing.best(&protocols, tools);
            if let Some(guess) = guessed {
                self.turn(guess.is_turned);
                return self.enter(&guess, tools, events);
            }
            if !is_last {
                return;
            }
            if !self.from_start {
                return match (insists, protocols.first()) {
                    (true, Some(protocol)) => self.begin_within(&protocol.clone(), tools, events),
                    _ => self.stage = Stage::Unwanted,
                };
            }
        }
        if let Some(protocol) = by_port.filter(|_| insists) {
            return self.begin(&protocol, None, tools, events);
        }
        let Stage::Unknown { kept, len, .. } = &mut self.stage else { return };
        let first = first_bytes(kept);
        let by_port = tools.choice.by_port(port);
        match tools.choice.sniff([&first[0], &first[1]]) {
            Sniffed::Is(protocol) => self.begin(&protocol, None, tools, events),
            // Both have spoken, and nobody knows the words: then the port tells.
            Sniffed::NeedsMore if !is_last && first.iter().any(Vec::is_empty) => {}
            Sniffed::NeedsMore if !is_last && first.iter().all(|first| first.len() < 512) => {}
            Sniffed::NeedsMore | Sniffed::Nothing => match by_port {
                Some(protocol) if *len > 0 => self.begin(&protocol, None, tools, events),
                _ if insists && *len > 0 => {
                    let Some(raw) = tools.choice.raw() else { return };
                    self.begin(&raw, None, tools, events);
                }
                _ if is_last || matches!(&first, [a, b] if !a.is_empty() && !b.is_empty()) => {
                    self.stage = Stage::Unwanted;
                }
                _ => {}
            },
        }
    }

    /// It is of this protocol: what was kept of it is read.
    fn begin(
        &mut self,
        protocol: &Arc<Protocol>,
        version: Option<VersionId>,
        tools: &mut Tools,
        events: &mut Vec<Event>,
    ) {
        let mut replay = Box::new(tools.replay(protocol, version, self.begun));
        replay.drain(events);
        let next = Stage::Read { replay, lost: Box::new([None, None]) };
        self.go_on(next, tools, events);
    }

    /// It is of this protocol, and nothing tells where in a session it begins.
    fn begin_within(
        &mut self,
        protocol: &Arc<Protocol>,
        tools: &mut Tools,
        events: &mut Vec<Event>,
    ) {
        // It does not begin as such a session does, where that is known.
        if !Direction::BOTH.into_iter().any(|direction| protocol.has_detect(direction)) {
            return self.begin(protocol, None, tools, events);
        }
        let mut replay = Box::new(tools.replay(protocol, None, self.begun));
        replay.drain(events);
        let mut lost = [None, None];
        let what = if protocol.stack.framing.is_some() {
            let version = [replay.session.version_read()];
            lost = Direction::BOTH
                .map(|to| Some(Lost::in_the_middle(forms(protocol, to, &version), 0)));
            "frames are searched"
        } else {
            for direction in Direction::BOTH {
                replay.leave(direction, self.begun, &mut tools.scratch, events);
            }
            "without frames nothing says where a packet begins"
        };
        let text = format!("the capture begins in the middle of the session; {what}");
        replay.tell(text, self.begun, events);
        self.go_on(Stage::Read { replay, lost: Box::new(lost) }, tools, events);
    }

    fn go_on(&mut self, next: Stage, tools: &mut Tools, events: &mut Vec<Event>) {
        let Stage::Unknown { kept, .. } = std::mem::replace(&mut self.stage, next) else { return };
        // They have been turned.
        let is_turned = std::mem::take(&mut self.is_turned);
        for kept in kept {
            match kept {
                Kept::Bytes(direction, at, bytes) => {
                    self.bytes(direction, &bytes, at, tools, events);
                }
                Kept::Gap(direction, at, offset, len) => {
                    self.gap(direction, offset, len, at, tools, events);
                }
                Kept::End(direction, at) => self.end(direction, at, tools, events),
            }
        }
        self.is_turned = is_turned;
    }

    /// It is read as was guessed.
    fn enter(&mut self, guess: &Guess, tools: &mut Tools, events: &mut Vec<Event>) {
        let (mut replay, lost) = guess.open(self.begun, tools);
        replay.drain(events);
        replay.tell(guess.told(), self.begun, events);
        self.go_on(Stage::Read { replay, lost: Box::new(lost) }, tools, events);
    }

    /// How well it can be read as a guess says: the more, the better.
    pub(super) fn try_as(guess: &Guess, kept: Vec<Kept>, tools: &mut Tools) -> i64 {
        let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut stream = Self::new(Timestamp(0), nobody, nobody, false);
        stream.stage = Stage::Unknown { kept, len: 0, tried_at: 0, is_old: false };
        let view = std::mem::replace(&mut tools.view, Viewed::Packets);
        let mut events = Vec::new();
        stream.enter(guess, tools, &mut events);
        tools.view = view;
        let unread: usize = match &stream.stage {
            Stage::Read { lost, .. } => lost.iter().flatten().map(Lost::len).sum(),
            Stage::Unknown { .. } | Stage::Unwanted => 0,
        };
        events.iter().map(|event| worth(event, tools)).sum::<i64>() - unread as i64 / 16
    }

    /// What was taken for the client's is the server's.
    fn turn(&mut self, is_turned: bool) {
        if !is_turned {
            return;
        }
        self.is_turned = true;
        std::mem::swap(&mut self.client, &mut self.server);
        self.server_name = self.server.to_string().into();
        if let Stage::Unknown { kept, .. } = &mut self.stage {
            kept.iter_mut().for_each(Kept::turn);
        }
    }
}

impl Kept {
    pub(super) const fn turn(&mut self) {
        let (Self::Bytes(direction, ..) | Self::Gap(direction, ..) | Self::End(direction, _)) =
            self;
        *direction = direction.opposite();
    }
}

/// Memory for something that is kept, besides its bytes.
const KEPT_COST: usize = 2 * size_of::<Kept>() + 16;

/// Keeps a gap: with the one in front of it, if there is nothing between them. Captures without payloads are all gaps.
fn keep_gap(kept: &mut Vec<Kept>, direction: Direction, at: Timestamp, offset: u64, len: u64) {
    let last = kept.iter_mut().rev().take(2);
    for earlier in last {
        match earlier {
            Kept::Gap(to, _, start, more) if *to == direction => {
                if start.saturating_add(*more) == offset {
                    *more = more.saturating_add(len);
                    return;
                }
                break;
            }
            Kept::Gap(..) => {}
            Kept::Bytes(..) | Kept::End(..) => break,
        }
    }
    kept.push(Kept::Gap(direction, at, offset, len));
}

/// Without frames nothing says where the next packet begins: a direction is shown as bytes from here on, and the
/// other, if how it is to be read may be among what is lost. Gives what to say about that.
fn leave_frameless(
    replay: &mut Replay,
    direction: Direction,
    at: Timestamp,
    tools: &mut Tools,
    events: &mut Vec<Event>,
) -> String {
    let mut text = "; without frames nothing says where the next packet begins".to_owned();
    let other = direction.opposite();
    let is_other_unsure = replay.session.may_change_other(direction);
    replay.leave(direction, at, &mut tools.scratch, events);
    if is_other_unsure && replay.session.is_framed(other) {
        replay.leave(other, at, &mut tools.scratch, events);
        text.push_str(&format!(
            ", and how {other} packets are to be read may be among what is missing: both directions are \
             shown as bytes"
        ));
    }
    text
}

/// The first bytes of both directions, up to what is missing.
fn first_bytes(kept: &[Kept]) -> [Vec<u8>; 2] {
    let mut first = [Vec::new(), Vec::new()];
    let mut is_torn = [false; 2];
    for kept in kept {
        match kept {
            Kept::Bytes(direction, _, bytes) if !is_torn[direction.index()] => {
                let first = &mut first[direction.index()];
                let room = LOOK_LEN.saturating_sub(first.len());
                first.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Kept::Gap(direction, ..) => is_torn[direction.index()] = true,
            Kept::Bytes(..) | Kept::End(..) => {}
        }
    }
    first
}

/// In which directions something is missing, before it was known what they are.
fn torn(kept: &[Kept]) -> [bool; 2] {
    Direction::BOTH.map(|direction| {
        kept.iter().any(|kept| matches!(kept, Kept::Gap(of, ..) if *of == direction))
    })
}

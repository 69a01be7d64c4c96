//! A stream of somebody's capture: what it is has to be found out, and in its middle where frames begin.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use midwire_capture::Timestamp;
use midwire_codec::Inflater;
use midwire_definition::{Protocol, StateId, VersionId};
use midwire_session::{Direction, Event};

use super::choose::{LOOK_LEN, Sniffed};
use super::replay::Replay;
use super::sessions::Tools;
use super::sync::{Form, Found, Search};
use crate::defs::releases;

/// Bytes of a stream that are kept until it is known what it is.
const KEPT_MAX: usize = 256 << 10;
/// Bytes in which the next frame is searched.
const SEARCHED_MAX: usize = 1 << 20;
/// Places at which a stream's middle may begin with a frame.
const MIDDLE_OFFSETS_MAX: usize = 8 << 10;
/// Versions that are tried.
const VERSIONS_MAX: usize = 80;

/// A stream.
pub(super) struct Stream {
    pub(super) begun: Timestamp,
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    pub(super) server_name: Arc<str>,
    /// Its handshake was seen.
    from_start: bool,
    /// Its number as a session, once it is shown.
    pub(super) number: Option<u64>,
    stage: Stage,
}

enum Stage {
    /// It is not known what it is.
    Unknown {
        kept: Vec<Kept>,
        len: usize,
        /// When there are so many bytes, it is tried again.
        tried_at: usize,
    },
    /// It is read. Where frames begin may have to be found in a direction.
    Read { replay: Box<Replay>, lost: [Option<Lost>; 2] },
    /// It is none of those that are wanted.
    Unwanted,
}

/// What came of a stream of which it is not known what it is.
enum Kept {
    Bytes(Direction, Timestamp, Box<[u8]>),
    Gap(Direction, Timestamp, u64, u64),
    End(Direction, Timestamp),
}

/// A direction in which it is not known where the next frame begins.
#[derive(Default)]
struct Lost {
    bytes: BytesMut,
    at: Timestamp,
    /// Where the search goes on.
    start: usize,
    /// Bytes that were given up.
    skipped: u64,
    /// How the frames may be read, if that is not as before.
    forms: Option<Vec<Form>>,
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
            client,
            server,
            server_name: server.to_string().into(),
            from_start,
            number: None,
            stage: Stage::Unknown { kept: Vec::new(), len: 0, tried_at: 0 },
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

    pub(super) fn bytes(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        at: Timestamp,
        tools: &mut Tools,
        events: &mut Vec<Event>,
    ) {
        match &mut self.stage {
            Stage::Unwanted => {}
            Stage::Unknown { kept, len, .. } => {
                kept.push(Kept::Bytes(direction, at, bytes.into()));
                *len += bytes.len();
                self.decide(false, tools, events);
            }
            Stage::Read { replay, lost } => {
                let Some(searched) = &mut lost[direction.index()] else {
                    return replay.bytes(direction, bytes, at, &mut tools.scratch, events);
                };
                searched.bytes.extend_from_slice(bytes);
                searched.at = at;
                search(replay, direction, lost, false, tools, events);
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
        match &mut self.stage {
            Stage::Unwanted => {}
            Stage::Unknown { kept, .. } => {
                kept.push(Kept::Gap(direction, at, offset, len));
                self.decide(false, tools, events);
            }
            Stage::Read { replay, lost } => {
                let mut text = format!("{len} {direction} bytes are missing at offset {offset}");
                let is_framed = replay.session.protocol().stack.framing.is_some();
                if replay.session.is_framed(direction) && is_framed {
                    let searched = lost[direction.index()].get_or_insert_default();
                    let cut = replay.cut(direction) + searched.bytes.len();
                    searched.bytes.clear();
                    (searched.start, searched.skipped) = (0, 0);
                    if cut > 0 {
                        text.push_str(&format!(", behind {cut} bytes of a frame"));
                    }
                } else if replay.session.is_framed(direction) {
                    text.push_str("; without frames nothing says where the next packet begins");
                    replay.session.leave(direction);
                }
                replay.tell(text, at, events);
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
        match &mut self.stage {
            Stage::Unwanted => {}
            Stage::Unknown { kept, .. } => kept.push(Kept::End(direction, at)),
            Stage::Read { replay, lost } => {
                search(replay, direction, lost, true, tools, events);
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
        let Stage::Read { replay, lost } = &mut self.stage else { return };
        for direction in Direction::BOTH {
            search(replay, direction, lost, true, tools, events);
        }
        if is_closed {
            replay.close(reset, at, &mut tools.scratch, events);
        } else {
            replay.give_up(at, &mut tools.scratch, events);
        }
    }

    /// Finds out what it is, if that can be.
    pub(super) fn decide(&mut self, is_end: bool, tools: &mut Tools, events: &mut Vec<Event>) {
        let Stage::Unknown { kept, len, tried_at } = &mut self.stage else { return };
        let is_last = is_end || *len >= KEPT_MAX;
        if !self.from_start {
            if *len < *tried_at && !is_last {
                return;
            }
            *tried_at = *len * 2;
        }
        let insists = tools.choice.insists_on(self.server.port());
        let by_port = tools.choice.by_port(self.server.port());
        if !self.from_start
            && let Some(protocol) =
                tools.choice.begins(first_bytes(kept).each_ref().map(|b| &b[..]))
        {
            // What it begins with is what such a session begins with.
            return self.begin(&protocol, None, tools, events);
        }
        if !self.from_start {
            let protocols: Vec<_> = match by_port {
                Some(protocol) => vec![protocol],
                None => tools.choice.candidates().into_iter().map(|(known, _)| known).collect(),
            };
            for protocol in &protocols {
                if let Some((direction, found)) = middle(kept, protocol, is_last, tools) {
                    return self.enter(protocol, direction, found, tools, events);
                }
            }
            if !is_last {
                return;
            }
            return match (insists, protocols.first()) {
                (true, Some(protocol)) => self.begin(&protocol.clone(), None, tools, events),
                _ => self.stage = Stage::Unwanted,
            };
        }
        if let Some(protocol) = by_port.filter(|_| insists) {
            return self.begin(&protocol, None, tools, events);
        }
        let first = first_bytes(kept);
        let by_port = tools.choice.by_port(self.server.port());
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
        let next = Stage::Read { replay, lost: [None, None] };
        self.go_on(next, tools, events);
    }

    fn go_on(&mut self, next: Stage, tools: &mut Tools, events: &mut Vec<Event>) {
        let Stage::Unknown { kept, .. } = std::mem::replace(&mut self.stage, next) else { return };
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
    }

    /// It is read from its middle on, as found in a direction.
    fn enter(
        &mut self,
        protocol: &Arc<Protocol>,
        direction: Direction,
        found: Found,
        tools: &mut Tools,
        events: &mut Vec<Event>,
    ) {
        let form = found.form;
        let mut replay = Box::new(tools.replay(protocol, Some(form.version), self.begun));
        replay.drain(events);
        let version = protocol.versions.get(form.version);
        let mut how = vec![format!("as {}", protocol.title)];
        if version.number != 0 {
            how.push(format!("{} ({})", version.release, version.number));
        }
        let state = protocol.state_name(form.state);
        if !state.is_empty() {
            how.push(state.to_owned());
        }
        if form.compressed {
            how.push("compressed".to_owned());
        }
        let text = format!(
            "the capture begins in the middle of the session, which is read {}: assumed",
            how.join(" ")
        );
        replay.tell(text, self.begun, events);
        let forms = |of: Direction| -> Vec<Form> {
            let all = forms(protocol, of, &[form.version]);
            // The other direction is most likely in the same state.
            let (like, other): (Vec<Form>, Vec<Form>) =
                all.into_iter().partition(|other| *other == form);
            let first = like.into_iter().chain(other);
            if of == direction { vec![form] } else { first.collect() }
        };
        let lost = Direction::BOTH
            .map(|direction| Some(Lost { forms: Some(forms(direction)), ..Lost::default() }));
        self.go_on(Stage::Read { replay, lost }, tools, events);
    }
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

/// The forms that frames of a direction may be in.
fn forms(protocol: &Protocol, direction: Direction, versions: &[VersionId]) -> Vec<Form> {
    let states = protocol.states.len().max(1);
    let play = protocol.state_named("play");
    let mut order: Vec<StateId> = (0..=u8::MAX).map(StateId).take(states).collect();
    order.sort_by_key(|state| Some(*state) != play);
    let compressed: &[bool] =
        if protocol.stack.compression.is_some() { &[true, false] } else { &[false] };
    let mut forms = Vec::new();
    for version in versions {
        let dialect = protocol.dialect(*version);
        for state in &order {
            let has = |packet: &std::sync::Arc<midwire_definition::PacketDefinition>| {
                packet.state == *state && packet.direction == direction
            };
            if dialect.packets().any(has) {
                forms.extend(compressed.iter().map(|compressed| Form {
                    version: *version,
                    state: *state,
                    compressed: *compressed,
                }));
            }
        }
    }
    forms
}

/// How a stream that is read from its middle can be read.
fn middle(
    kept: &[Kept],
    protocol: &Arc<Protocol>,
    is_end: bool,
    tools: &mut Tools,
) -> Option<(Direction, Found)> {
    let framing = protocol.stack.framing?;
    let versions = match tools.choice.version_of(protocol) {
        Some(version) => vec![version],
        None => releases(protocol).into_iter().rev().take(VERSIONS_MAX).collect(),
    };
    for direction in Direction::BOTH {
        let mut bytes = Vec::new();
        for kept in kept {
            match kept {
                Kept::Bytes(of, _, part) if *of == direction => bytes.extend_from_slice(part),
                Kept::Gap(of, ..) if *of == direction => break,
                _ => {}
            }
        }
        let forms = forms(protocol, direction, &versions);
        let search = Search {
            protocol,
            framing,
            direction,
            forms: &forms,
            is_end,
            offsets_max: MIDDLE_OFFSETS_MAX,
        };
        let mut inflater = Inflater::new(tools.inflate_max);
        if let Ok(found) = search.find(&bytes, 0, &mut inflater, &mut tools.workspace) {
            return Some((direction, found));
        }
    }
    None
}

/// Searches the next frame of a direction, and reads on from there.
fn search(
    replay: &mut Replay,
    direction: Direction,
    lost: &mut [Option<Lost>; 2],
    is_end: bool,
    tools: &mut Tools,
    events: &mut Vec<Event>,
) {
    let Some(searched) = &mut lost[direction.index()] else { return };
    let protocol = replay.session.protocol().clone();
    let Some(framing) = protocol.stack.framing else {
        lost[direction.index()] = None;
        return;
    };
    let as_before = [Form {
        version: replay.session.version_read(),
        state: replay.session.state(direction),
        compressed: replay.session.is_compressed(direction),
    }];
    let forms = searched.forms.as_deref().unwrap_or(&as_before);
    let search =
        Search { protocol: &protocol, framing, direction, forms, is_end, offsets_max: usize::MAX };
    let mut inflater = Inflater::new(tools.inflate_max);
    match search.find(&searched.bytes, searched.start, &mut inflater, &mut tools.workspace) {
        Ok(Found { offset, form }) => {
            let skipped = searched.skipped + offset as u64;
            let at = searched.at;
            let bytes = searched.bytes.split_off(offset);
            lost[direction.index()] = None;
            if skipped > 0 {
                let text = format!("{direction} frames are found again {skipped} bytes further");
                replay.tell(text, at, events);
            }
            replay.session.enter(direction, form.state, form.compressed.then_some(0));
            replay.bytes(direction, &bytes, at, &mut tools.scratch, events);
        }
        Err(start) => {
            searched.start = start;
            if is_end || searched.bytes.len() > SEARCHED_MAX {
                let gone = if is_end { searched.bytes.len() } else { start.max(SEARCHED_MAX / 2) };
                let gone = gone.min(searched.bytes.len());
                let _ = searched.bytes.split_to(gone);
                searched.start = start.saturating_sub(gone);
                searched.skipped += gone as u64;
            }
            if is_end && searched.skipped > 0 {
                let (skipped, at) = (searched.skipped, searched.at);
                let text = format!("in {skipped} more {direction} bytes no frame was found");
                replay.tell(text, at, events);
                lost[direction.index()] = None;
            }
        }
    }
}

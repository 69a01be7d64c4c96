//! What a stream is and how it is read where its start is not there: of all that it may be, that is taken
//! by which most of its first bytes are packets.

use std::sync::Arc;

use midwire_capture::Timestamp;
use midwire_codec::Inflater;
use midwire_definition::{PacketDefinition, Protocol, StateId, VersionId};
use midwire_session::{Direction, Event};

use super::lost::{Lost, forms};
use super::nonsense::is_read;
use super::replay::Replay;
use super::stream::{Kept, Stream};
use super::sync::{Form, Search};
use super::tools::Tools;
use crate::defs::releases;

/// Places at which a stream's middle may begin with a frame: where the port says what it is, and where it may
/// be anything.
const MIDDLE_OFFSETS_MAX: usize = 8 << 10;
const UNKNOWN_OFFSETS_MAX: usize = 1 << 10;
/// Versions that are tried.
const VERSIONS_MAX: usize = 80;
/// Bytes that are read to find out how well something can be read.
const TRIED_LEN: usize = 64 << 10;
/// Bytes from which on a version is guessed: many have the same packets at first.
const GUESSED_LEN_MIN: usize = 32 << 10;

/// Frames that a version must read to be tried further.
const ALIKE_FRAMES: usize = 2;

/// What is known of a stream without a start.
pub(super) struct Guessing<'a> {
    pub(super) kept: &'a [Kept],
    /// Bytes of both directions in that.
    pub(super) len: usize,
    /// In which directions something is missing, where the first bytes of others are known to be the first.
    pub(super) torn: [bool; 2],
    /// Whether the ends may be the other way round.
    pub(super) turns: &'a [bool],
    /// Nothing more comes.
    pub(super) is_last: bool,
    /// It has not lasted for long.
    pub(super) may_wait: bool,
    /// The port says what it is.
    pub(super) is_certain: bool,
}

/// How a stream may be read.
pub(super) struct Guess {
    protocol: Arc<Protocol>,
    /// The server's end was taken for the client's.
    pub(super) is_turned: bool,
    form: Form,
    start: Start,
}

/// Where it begins.
#[derive(Clone, Copy)]
enum Start {
    /// In a direction a frame begins here; in the other, somewhere.
    Middle { direction: Direction, offset: usize },
    /// One direction at its start, the other behind what is missing.
    Torn { missing: Direction },
}

impl Guessing<'_> {
    /// The guess by which it can be read best, if it can be read at all.
    pub(super) fn best(&self, protocols: &[Arc<Protocol>], tools: &mut Tools) -> Option<Guess> {
        let is_said = self.is_certain && tools.choice.says_version();
        if self.len < GUESSED_LEN_MIN && self.may_wait && !self.is_last && !is_said {
            return None;
        }
        tools.has_tried = true;
        let mut is_sealed = false;
        let guesses = match self.torn {
            [false, false] => self.middles(protocols, tools),
            [true, true] => {
                let middles = self.middles(protocols, tools);
                is_sealed = middles.is_empty();
                if is_sealed { sealed(protocols, tools) } else { middles }
            }
            [is_serverbound, _] => {
                let missing =
                    if is_serverbound { Direction::Serverbound } else { Direction::Clientbound };
                self.torn(missing, protocols, tools)
            }
        };
        let is_only = guesses.len() == 1 && self.is_certain;
        // Of something unknown a part may be packets by chance.
        let least = if self.is_certain && !is_sealed { i64::MIN } else { 0 };
        let mut best: Option<(i64, Guess)> = None;
        for guess in guesses {
            if is_only {
                return Some(guess);
            }
            let worth = Stream::try_as(&guess, self.first(guess.is_turned), tools);
            if worth > best.as_ref().map_or(least, |(most, _)| *most) {
                best = Some((worth, guess));
            }
        }
        best.map(|(_, guess)| guess)
    }

    /// What there is at first.
    fn first(&self, is_turned: bool) -> Vec<Kept> {
        let mut left = TRIED_LEN;
        let mut first = Vec::new();
        for kept in self.kept {
            let mut kept = kept.clone();
            if let Kept::Bytes(_, _, bytes) = &mut kept {
                if bytes.len() > left {
                    *bytes = bytes[..left].into();
                }
                left -= bytes.len();
            }
            if is_turned {
                kept.turn();
            }
            first.push(kept);
            if left == 0 {
                break;
            }
        }
        first
    }

    /// The bytes of a direction up to what is missing, and where in them segments begin.
    fn bytes(&self, direction: Direction) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut segments) = (Vec::new(), Vec::new());
        for kept in self.kept {
            match kept {
                Kept::Bytes(of, _, part) if *of == direction => {
                    segments.push(bytes.len());
                    bytes.extend_from_slice(part);
                }
                Kept::Gap(of, ..) if *of == direction && !bytes.is_empty() => break,
                _ => {}
            }
        }
        (bytes, segments)
    }

    /// Ways to read it from somewhere in its middle on: for each protocol and orientation one place, in the
    /// versions that read what is there.
    fn middles(&self, protocols: &[Arc<Protocol>], tools: &mut Tools) -> Vec<Guess> {
        let mut guesses = Vec::new();
        let offsets_max = if self.is_certain { MIDDLE_OFFSETS_MAX } else { UNKNOWN_OFFSETS_MAX };
        for protocol in protocols {
            let Some(framing) = protocol.stack.framing else { continue };
            let versions = versions(protocol, tools);
            for is_turned in self.turns {
                let found = Direction::BOTH.into_iter().find_map(|direction| {
                    let came = if *is_turned { direction.opposite() } else { direction };
                    let (bytes, segments) = self.bytes(came);
                    let forms = forms(protocol, direction, &versions);
                    let search = Search {
                        protocol,
                        framing,
                        direction,
                        forms: &forms,
                        segments: &segments,
                        may_differ: false,
                        passed: 0,
                        is_end: self.is_last,
                        offsets_max,
                    };
                    let mut inflater = Inflater::new(tools.inflate_max);
                    let found = search.find(&bytes, 0, &mut inflater, &mut tools.workspace).ok()?;
                    let mut forms = vec![found.form];
                    if self.is_certain {
                        // Neighbours have most packets alike: a few frames do not tell them apart.
                        let rest = bytes.get(found.offset..).unwrap_or_default();
                        forms.extend(versions.iter().filter_map(|version| {
                            let form = Form { version: *version, ..found.form };
                            let search = Search { forms: &[form], segments: &[], ..search };
                            let workspace = &mut tools.workspace;
                            let read = search.reads(rest, ALIKE_FRAMES, &mut inflater, workspace);
                            read.filter(|form| *form != found.form)
                        }));
                    }
                    Some((direction, found.offset, forms))
                });
                let Some((direction, offset, forms)) = found else { continue };
                guesses.extend(forms.into_iter().map(|form| Guess {
                    protocol: protocol.clone(),
                    is_turned: *is_turned,
                    form,
                    start: Start::Middle { direction, offset },
                }));
            }
        }
        guesses
    }

    /// Ways to read a session of which a direction is there from its first byte on, and the first packets of
    /// the other one are not: one for each version and protocol state in which the first frame is a packet.
    fn torn(
        &self,
        missing: Direction,
        protocols: &[Arc<Protocol>],
        tools: &mut Tools,
    ) -> Vec<Guess> {
        let direction = missing.opposite();
        let (bytes, segments) = self.bytes(direction);
        let mut guesses = Vec::new();
        for protocol in protocols {
            let Some(framing) = protocol.stack.framing else { continue };
            let compressed = protocol.stack.compression.unwrap_or(false);
            for version in versions(protocol, tools) {
                for state in (0..=u8::MAX).map(StateId).take(protocol.states.len().max(1)) {
                    let form = Form { version, state, compressed };
                    let search = Search {
                        protocol,
                        framing,
                        direction,
                        forms: &[form],
                        segments: &segments,
                        may_differ: false,
                        passed: 0,
                        is_end: self.is_last,
                        offsets_max: 1,
                    };
                    let mut inflater = Inflater::new(tools.inflate_max);
                    if search.reads(&bytes, 1, &mut inflater, &mut tools.workspace).is_some() {
                        let start = Start::Torn { missing };
                        let protocol = protocol.clone();
                        guesses.push(Guess { protocol, is_turned: false, form, start });
                    }
                }
            }
        }
        guesses
    }
}

/// Ways to read a session of which the first packets are missing and others are encrypted, where there are keys:
/// in each version from where encryption begins.
fn sealed(protocols: &[Arc<Protocol>], tools: &Tools) -> Vec<Guess> {
    let mut guesses = Vec::new();
    for protocol in protocols.iter().filter(|_| tools.choice.has_keys()) {
        for version in versions(protocol, tools) {
            let dialect = protocol.dialect(version);
            let begins = |packet: &&Arc<PacketDefinition>| {
                packet.events.iter().any(|event| event.may_encrypt())
            };
            guesses.extend(dialect.packets().find(begins).map(|packet| Guess {
                protocol: protocol.clone(),
                is_turned: false,
                form: Form { version, state: packet.state, compressed: false },
                start: Start::Torn { missing: packet.direction },
            }));
        }
    }
    guesses
}

/// The versions that a session may have, the newest in front, and those behind the others that few play.
fn versions(protocol: &Protocol, tools: &Tools) -> Vec<VersionId> {
    if let Some(version) = tools.choice.version_of(protocol) {
        return vec![version];
    }
    let is_played = |version: &VersionId| {
        let key = &protocol.versions.get(*version).key;
        key.chars().all(|c| c.is_ascii_digit() || c == '.')
    };
    let (played, other): (Vec<_>, Vec<_>) =
        releases(protocol).into_iter().rev().partition(is_played);
    played.into_iter().chain(other).take(VERSIONS_MAX).collect()
}

impl Guess {
    /// The session, and where in its directions frames are to be searched.
    pub(super) fn open(
        &self,
        begun: Timestamp,
        tools: &mut Tools,
    ) -> (Box<Replay>, [Option<Lost>; 2]) {
        let form = self.form;
        let mut replay = Box::new(tools.replay(&self.protocol, Some(form.version), begun));
        let lost = match self.start {
            Start::Middle { direction, offset } => Direction::BOTH.map(|of| {
                Some(if of == direction {
                    Lost::in_the_middle(vec![form], offset)
                } else {
                    Lost::in_the_middle(self.other_forms(of), 0)
                })
            }),
            Start::Torn { .. } => {
                let threshold = form.compressed.then_some(0);
                for direction in Direction::BOTH {
                    replay.session.enter(direction, form.state, threshold);
                }
                [None, None]
            }
        };
        (replay, lost)
    }

    /// The other direction is most likely in the same state.
    fn other_forms(&self, direction: Direction) -> Vec<Form> {
        let all = forms(&self.protocol, direction, &[self.form.version]);
        let (like, other): (Vec<Form>, Vec<Form>) =
            all.into_iter().partition(|other| *other == self.form);
        like.into_iter().chain(other).collect()
    }

    /// What is assumed, for people.
    pub(super) fn told(&self) -> String {
        let Self { protocol, form, .. } = self;
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
        let what = match self.start {
            Start::Middle { .. } => "the capture begins in the middle of the session".to_owned(),
            Start::Torn { missing } => {
                format!("{missing} bytes are missing at the session's start")
            }
        };
        format!("{what}, which is read {}: assumed", how.join(" "))
    }
}

/// How much an event says for how it was read: packets that can be read to their end for it, others against it.
pub(super) fn worth(event: &Event, tools: &mut Tools) -> i64 {
    match event {
        Event::Packet(packet) if is_read(event, &mut tools.workspace) => {
            let plan = packet.definition.as_ref().and_then(|definition| definition.plan.as_ref());
            // Nearly any bytes are a packet that takes all that there is.
            if plan.is_none_or(|plan| plan.takes_rest()) { 1 } else { 4 }
        }
        Event::Packet(_) => -12,
        Event::Opaque { bytes, .. } => -(bytes.len() as i64) / 32,
        Event::LostFraming { .. } => -64,
        _ => 0,
    }
}

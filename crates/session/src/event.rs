//! What a session reports: plain data for printers, captures and views.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use midwire_codec::{CompressionError, Direction, FrameError, Key, Origin};
use midwire_definition::{DecodeError, PacketDefinition, Protocol, StateId, Version, VersionId};
use midwire_rules::Envelope;

use crate::decision::Tags;
use crate::rules::Peers;

/// Time since the session began. A live driver measures it, a replay takes the recorded one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Elapsed(pub Duration);

impl Elapsed {
    /// This long after the start, in milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// So much later; the end of time where that does not exist.
    #[must_use]
    pub const fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }
}

/// A packet of a session, counted from 1 over both directions in the order of arrival, injected
/// ones included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketNumber(pub u64);

impl fmt::Display for PacketNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The session began. Always the first event.
    Opened {
        /// What its packets are read by.
        protocol: Arc<Protocol>,
    },
    /// A packet. Only while the session is watched, see [`Watch`](crate::Watch).
    Packet(PacketEvent),
    /// An intercepted packet has been decided about.
    Resumed {
        /// The number its packet event had.
        number: PacketNumber,
        /// When.
        at: Elapsed,
        /// What became of it.
        fate: Fate,
        /// The payload that was sent, where it is not the one that came.
        sent: Option<Bytes>,
    },
    /// Bytes of a direction that is not cut into frames. Only with
    /// [`Watch::Packets`](crate::Watch::Packets).
    Opaque {
        /// Which way they travel.
        direction: Direction,
        /// Where in that direction's stream they start.
        offset: u64,
        /// When they came.
        at: Elapsed,
        /// The bytes.
        bytes: Bytes,
        /// The ranges of them that may be secrets, in order: they are not to be shown.
        secret: Vec<Range<usize>>,
    },
    /// The packets that now come in a direction are those of another protocol state.
    State {
        /// Which direction.
        direction: Direction,
        /// The new state.
        state: StateId,
        /// The first packet that is read in it.
        from: PacketNumber,
        /// When.
        at: Elapsed,
    },
    /// The version is known.
    Version {
        /// The version whose definitions are used.
        version: Version,
        /// The number that the connection gave, if it gave one.
        number: Option<i64>,
        /// The number is not listed; this is the nearest version below.
        assumed: bool,
        /// When.
        at: Elapsed,
    },
    /// Nothing says where the next frame of a direction starts, or the next packet of a protocol
    /// without frames. From here on it is relayed as it comes, or the session was closed, as set.
    LostFraming {
        /// Which direction.
        direction: Direction,
        /// What is wrong; its offset counts from the start of that direction's stream. It names
        /// the limit, if it is about one.
        error: Lost,
        /// The session was closed.
        closed: bool,
        /// When.
        at: Elapsed,
    },
    /// The key of a session that is encrypted from here on, for who is asked to write it down.
    Key {
        /// The key; it shows itself nowhere.
        key: Key,
        /// When.
        at: Elapsed,
    },
    /// Something worth a line.
    Notice {
        /// What.
        notice: Notice,
        /// When.
        at: Elapsed,
    },
    /// Both directions have ended. Always the last event.
    Closed {
        /// What went through, by [`Direction::index`].
        counters: [Counters; 2],
        /// When.
        at: Elapsed,
    },
}

impl Event {
    /// When it happened: zero for the first event of a session.
    #[must_use]
    pub fn at(&self) -> Elapsed {
        match self {
            Self::Opened { .. } => Elapsed::default(),
            Self::Packet(packet) => packet.at,
            Self::Resumed { at, .. }
            | Self::Opaque { at, .. }
            | Self::State { at, .. }
            | Self::Version { at, .. }
            | Self::Key { at, .. }
            | Self::LostFraming { at, .. }
            | Self::Notice { at, .. }
            | Self::Closed { at, .. } => *at,
        }
    }

    /// The same, to be changed; `None`: it happened when the session began.
    pub fn at_mut(&mut self) -> Option<&mut Elapsed> {
        match self {
            Self::Opened { .. } => None,
            Self::Packet(packet) => Some(&mut packet.at),
            Self::Resumed { at, .. }
            | Self::Opaque { at, .. }
            | Self::State { at, .. }
            | Self::Version { at, .. }
            | Self::Key { at, .. }
            | Self::LostFraming { at, .. }
            | Self::Notice { at, .. }
            | Self::Closed { at, .. } => Some(at),
        }
    }
}

/// A packet, and what was done with it. The fields are for whoever looks at it to read:
/// `definition.plan` over `payload` from `body`, with `conn`.
#[derive(Clone, Debug)]
pub struct PacketEvent {
    /// Its number in the session.
    pub number: PacketNumber,
    /// Which way it travels.
    pub direction: Direction,
    /// The protocol state it was read in.
    pub state: StateId,
    /// The version it was read with.
    pub version: VersionId,
    /// Its id, unless the payload ends before that or cannot be inflated.
    pub id: Option<i64>,
    /// What the id stands for; `None`: unknown.
    pub definition: Option<Arc<PacketDefinition>>,
    /// Id and fields, plain. `None` when only ids are watched. Of a payload that cannot be inflated
    /// these are the bytes as they came, and `problem` says so.
    pub payload: Option<Bytes>,
    /// Where the fields start in the payload.
    pub body: u32,
    /// Bytes of the plain payload.
    pub length: u32,
    /// Bytes of the frame as it came; 0 for an injected one, whose frame is made when its turn
    /// comes.
    pub wire_length: u32,
    /// Where the frame started in its direction's stream; 0 for an injected one.
    pub offset: u64,
    /// When it came.
    pub at: Elapsed,
    /// The connection's variables, as the plan wants them.
    pub conn: Arc<[i64]>,
    /// Who sent it.
    pub origin: Origin,
    /// What was done with it.
    pub fate: Fate,
    /// Who changed it, if anybody did.
    pub changed_by: Option<Origin>,
    /// The plain payload that was sent, where it is not the one that came.
    pub sent: Option<Bytes>,
    /// What is said about it: which rules matched, and how it is marked.
    pub tags: Option<Arc<Tags>>,
    /// Why the payload could not be made plain.
    pub problem: Option<CompressionError>,
    /// What is wrong with how the payload was compressed, though it could be made plain. Games differ in
    /// what they refuse.
    pub flaw: Option<Box<CompressionError>>,
    /// The frame's length as it was written, where it took more bytes than it need.
    pub length_raw: Option<Box<[u8]>>,
    /// The payload cannot be read, and may be that of a packet with secrets: its bytes are not to be shown.
    pub is_hidden: bool,
}

impl PacketEvent {
    /// The packet as filters see it, in the session of these peers.
    #[must_use]
    pub fn envelope(&self, peers: Peers) -> Envelope<'_> {
        let payload = self.payload.as_deref().filter(|_| self.problem.is_none());
        Envelope {
            version: self.version,
            state: self.state,
            direction: self.direction,
            id: self.id,
            definition: self.definition.as_deref(),
            length: self.length,
            time: self.at.0,
            session: peers.session,
            client: peers.client,
            server: peers.server,
            malformed: self.problem.is_some() || self.flaw.is_some(),
            injected: self.origin != Origin::sender(self.direction),
            changed: self.fate == Fate::Changed || self.sent.is_some(),
            conn: &self.conn,
            payload: payload.unwrap_or_default(),
            body: self.body,
        }
    }
}

/// What was done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Sent on as it came.
    Passed,
    /// Not sent on.
    Dropped,
    /// Sent on with another payload.
    Changed,
    /// Sent on later, not before this time.
    Delayed(Elapsed),
    /// Waits for [`Session::resume`](crate::Session::resume).
    Held,
}

impl Fate {
    /// The word for it in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Dropped => "dropped",
            Self::Changed => "changed",
            Self::Delayed(_) => "delayed",
            Self::Held => "held",
        }
    }
}

/// Why nothing says where the next frame starts, or the next packet of a protocol without frames.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    /// A frame's header is wrong.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// There is no such packet.
    #[error("at offset {offset} {}", unknown(*direction, *id, state))]
    Unknown {
        /// Where it starts in its direction's stream.
        offset: u64,
        /// Which direction.
        direction: Direction,
        /// Its id, if packets of that protocol have one.
        id: Option<i128>,
        /// The protocol state it came in; empty in a protocol without states.
        state: Arc<str>,
    },
    /// Its fields cannot be read.
    #[error(
        "packet {name} at offset {offset} cannot be read, so nothing says where it ends: {error}"
    )]
    Malformed {
        /// Where it starts in its direction's stream.
        offset: u64,
        /// Its name; empty where the id cannot be read.
        name: Arc<str>,
        /// What is wrong; its offset counts from the start of the packet.
        error: Box<DecodeError>,
    },
    /// It is longer than is kept for finding its end.
    #[error(
        "packet {name} at offset {offset} has {found} or more bytes, which is above the packet length \
         max of {max} (setting packet_length_max)"
    )]
    TooLong {
        /// Where it starts in its direction's stream.
        offset: u64,
        /// Its name; empty where the id is not known yet.
        name: Arc<str>,
        /// Bytes that it has at least.
        found: u64,
        /// The limit in force.
        max: usize,
    },
    /// It takes no bytes, and so would the next.
    #[error("packet {name} at offset {offset} has no bytes, so it could be anywhere")]
    Nothing {
        /// Where it starts in its direction's stream.
        offset: u64,
        /// Its name.
        name: Arc<str>,
    },
    /// It takes all that comes.
    #[error("packet {name} at offset {offset} takes all that comes{}", after(behind.as_deref()))]
    Endless {
        /// Where it starts in its direction's stream.
        offset: u64,
        /// Its name.
        name: Arc<str>,
        /// The last number in front of what takes all, as `encoding 21`.
        behind: Option<Arc<str>>,
    },
}

fn after(behind: Option<&str>) -> String {
    behind.map_or_else(String::new, |number| format!(" behind {number}"))
}

fn unknown(direction: Direction, id: Option<i128>, state: &str) -> String {
    let place = if state.is_empty() { String::new() } else { format!(" in {state}") };
    let what = id.map_or_else(String::new, |id| format!(" {id}"));
    format!("there is no {direction} packet{what}{place}, so nothing says where it ends")
}

/// What went through one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes that came.
    pub bytes: u64,
    /// Frames that came.
    pub frames: u64,
    /// Bytes that were given out to be sent.
    pub sent_bytes: u64,
    /// Packets that were not sent on.
    pub dropped: u64,
    /// Packets that were sent on with another payload.
    pub changed: u64,
    /// Packets that were injected.
    pub injected: u64,
    /// Those of the bytes that came after the connections were joined: no frames are counted in them.
    pub joined_bytes: u64,
}

/// Something worth a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// From here on both directions are encrypted.
    Encrypted,
    /// From here on both directions are encrypted, and read.
    Reading,
    /// None of the keys that were given is that of the session.
    NoKey,
    /// A packet that the client has signed for its own account was taken out, as the server knows it as
    /// another.
    NotOwn,
    /// Encryption cannot be begun, or an account cannot join: the client is told, and the session ends.
    LoginRefused {
        /// Why.
        reason: String,
    },
    /// An old client's ping; both directions are relayed as they come.
    LegacyPing,
    /// An old client's ping was answered with this text, and not by the server.
    LegacyAnswer {
        /// What it was told.
        text: String,
    },
    /// The protocol has neither frames nor packets; both directions are relayed as they come.
    NoFrames,
    /// A packet of a protocol without frames takes all that comes. From its start on its direction
    /// is relayed as it comes.
    NoEnd {
        /// Which direction.
        direction: Direction,
        /// Where it starts in that direction's stream.
        offset: u64,
        /// Its name.
        name: Arc<str>,
        /// The last number in front of what takes all, as `encoding 21`.
        behind: Option<Arc<str>>,
    },
    /// A packet that a judge was to see did not come whole in time. What there was of it has been
    /// passed on, and it is not judged.
    LatePacket {
        /// Which direction.
        direction: Direction,
        /// Where it starts in that direction's stream.
        offset: u64,
        /// Bytes of it that there were.
        bytes: usize,
    },
    /// The connection ended within a frame. What there was of it has been passed on.
    CutFrame {
        /// Which direction.
        direction: Direction,
        /// Bytes of it that there were.
        bytes: usize,
        /// Where it started in that direction's stream.
        offset: u64,
    },
    /// An edit could not be made; the packet went on without it.
    EditRefused {
        /// Which packet.
        number: PacketNumber,
        /// Who wanted it, if that has a name.
        by: Option<Arc<str>>,
        /// Why.
        reason: String,
    },
    /// A packet was not sent beside another.
    SendRefused {
        /// The other packet.
        number: PacketNumber,
        /// Who wanted it, if that has a name.
        by: Option<Arc<str>>,
        /// Why.
        reason: String,
    },
    /// Somebody ended the session, and the client could not be told why.
    NotTold {
        /// The packet because of which it ends.
        number: PacketNumber,
        /// Who wanted it, if that has a name.
        by: Option<Arc<str>>,
        /// Why not.
        reason: String,
    },
    /// A packet that was delayed loosely was not sent: the receiver's protocol state is another by
    /// now.
    TooLate {
        /// Which packet.
        number: PacketNumber,
    },
    /// Rules would do something, but the session's version is assumed.
    OnlyWatching,
    /// What the driver has to say.
    Told(Arc<str>),
    /// A packet to be injected was not sent: when its turn had come, it was not defined any more in
    /// the receiver's protocol state, or did not fit a frame.
    InjectionRefused {
        /// Which packet.
        number: PacketNumber,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encrypted => {
                f.write_str("encrypted from here: the game works, packets cannot be read")
            }
            Self::Reading => f.write_str("encrypted from here, and read"),
            Self::NoKey => f.write_str(
                "encrypted from here, and none of the keys fits: packets cannot be read",
            ),
            Self::NotOwn => f.write_str(
                "the client is not the account's own, so its chat is not signed: what it signs for \
                 itself is taken out",
            ),
            Self::LoginRefused { reason } => {
                write!(f, "{reason}, so the client is told, and the session ends")
            }
            Self::LegacyPing => {
                f.write_str("ping of an old client: it is answered by the server, and not read")
            }
            Self::LegacyAnswer { text } => {
                write!(f, "ping of an old client: midwire has answered it: {text}")
            }
            Self::NoFrames => {
                f.write_str("this protocol has no frames: bytes are passed on, and not read")
            }
            Self::NoEnd { direction, offset, name, behind } => write!(
                f,
                "{direction} bytes are passed on from offset {offset}, and not read: {name} takes \
                 all that comes{}",
                after(behind.as_deref())
            ),
            Self::LatePacket { direction, offset, bytes } => write!(
                f,
                "the rest of a {direction} packet did not come: its first {bytes} byte(s), from \
                 offset {offset} on, were passed on, and no rule sees it (setting packet_wait)"
            ),
            Self::CutFrame { direction, bytes, offset } => write!(
                f,
                "{direction} ended within a frame: its first {bytes} byte(s), from offset \
                 {offset} on, were passed on"
            ),
            Self::EditRefused { number, by: None, reason } => {
                write!(f, "packet {number} went on as it came: {reason}")
            }
            Self::EditRefused { number, by: Some(by), reason } => {
                write!(f, "{by}: packet {number} went on without that change: {reason}")
            }
            Self::SendRefused { number, by, reason } => {
                if let Some(by) = by {
                    write!(f, "{by}: ")?;
                }
                write!(f, "nothing was sent beside packet {number}: {reason}")
            }
            Self::NotTold { by, reason, .. } => {
                if let Some(by) = by {
                    write!(f, "{by}: ")?;
                }
                write!(f, "the session ends, and the client was not told why: {reason}")
            }
            Self::TooLate { number } => write!(
                f,
                "packet {number} was not sent: it was delayed loosely, and its receiver is in \
                 another protocol state by now"
            ),
            Self::OnlyWatching => f.write_str(
                "this version is not listed, so rules only watch and count (--trust-version lets \
                 them act)",
            ),
            Self::Told(text) => f.write_str(text),
            Self::InjectionRefused { number, reason } => {
                write!(f, "packet {number} was not injected: {reason}")
            }
        }
    }
}

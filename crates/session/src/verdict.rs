//! What can be decided about a packet, and who decides.

use std::time::Duration;

use bytes::Bytes;
use midwire_codec::{Direction, Origin};
use midwire_definition::{
    EditError, Edits, Packet, PacketDefinition, StateId, VersionId, Workspace,
};
use midwire_rules::Envelope;
use thiserror::Error;

use crate::decision::Decision;
use crate::event::{Elapsed, PacketNumber};
use crate::rules::Peers;

/// What happens to a packet.
#[derive(Clone, Debug, Default)]
pub enum Verdict {
    /// It goes on as it came.
    #[default]
    Pass,
    /// It does not go on.
    Drop,
    /// It goes on with these fields changed. If that cannot be done, it goes on as it came.
    Edit(Edits),
    /// It goes on with this payload: id and fields, plain.
    Replace(Bytes),
    /// It waits for [`Session::resume`](crate::Session::resume), and what follows it waits behind.
    Intercept,
    /// It goes on so much later, and what follows it waits behind.
    Delay(Duration),
}

/// A packet that is to be judged.
#[derive(Clone, Copy, Debug)]
pub struct PacketInfo<'a> {
    /// Its number in the session.
    pub number: PacketNumber,
    /// Which way it travels.
    pub direction: Direction,
    /// The protocol state it was read in.
    pub state: StateId,
    /// The version it was read with.
    pub version: VersionId,
    /// The session's own version is not listed, and this is the nearest below it; or it has not
    /// said one yet, and this is the newest.
    pub assumed: bool,
    /// Its id.
    pub id: i64,
    /// What the id stands for; `None`: unknown.
    pub definition: Option<&'a PacketDefinition>,
    /// Id and fields, plain. Empty if it is compressed and nobody [reads](Judge::reads) it.
    pub payload: &'a [u8],
    /// Where the fields start in the payload.
    pub body: u32,
    /// Bytes of the plain payload.
    pub length: u32,
    /// Bytes of the frame as it came; 0 for one that is injected.
    pub wire_length: u32,
    /// Who sent it.
    pub origin: Origin,
    /// When it came.
    pub at: Elapsed,
}

impl PacketInfo<'_> {
    /// The packet as filters see it when it comes, in the session of these peers, whose connection has these
    /// variables.
    #[must_use]
    pub fn envelope<'e>(&'e self, peers: Peers, conn: &'e [i64]) -> Envelope<'e> {
        Envelope {
            version: self.version,
            state: self.state,
            direction: self.direction,
            id: Some(self.id),
            definition: self.definition,
            length: self.length,
            time: self.at.0,
            session: peers.session,
            client: peers.client,
            server: peers.server,
            malformed: false,
            injected: self.origin != Origin::sender(self.direction),
            changed: false,
            conn,
            payload: self.payload,
            body: self.body,
        }
    }
}

/// Decides about packets: compiled rules, a script, a person's breakpoints, or several of them.
pub trait Judge: Send {
    /// Whether packets of a definition are to be shown to [`judge`](Self::judge); `None` stands for
    /// those with unknown ids. Asked once for each definition of a version, so the answer must not
    /// change unless the judge is set anew. What nobody has interest in is not even inflated.
    fn interest(
        &self,
        version: VersionId,
        state: StateId,
        direction: Direction,
        definition: Option<&PacketDefinition>,
    ) -> bool;

    /// Whether it looks at the fields of packets of a definition that it has interest in. If not,
    /// they are not inflated for it, and not decoded. Asked when [`interest`](Self::interest) is.
    fn reads(
        &self,
        version: VersionId,
        state: StateId,
        direction: Direction,
        definition: Option<&PacketDefinition>,
    ) -> bool {
        let _ = (version, state, direction, definition);
        true
    }

    /// Whether this surely does nothing about a packet that is not compressed and has these variables of its
    /// connection: it then goes on as if nobody had interest in it.
    fn is_quiet(&self, info: &PacketInfo<'_>, conn: &[i64], workspace: &mut Workspace) -> bool {
        let _ = (info, conn, workspace);
        false
    }

    /// Decides about a packet. `fields` is there if the packet is known and not opaque, and this
    /// judge [reads](Self::reads) it; what could not be read of it says [`Packet::error`].
    fn judge(&mut self, info: &PacketInfo<'_>, fields: Option<&mut Packet<'_>>) -> Verdict;

    /// Decides about a packet, and about what is done besides. At first it is to pass.
    fn decide(
        &mut self,
        info: &PacketInfo<'_>,
        fields: Option<&mut Packet<'_>>,
        decision: &mut Decision,
    ) {
        *decision = self.judge(info, fields).into();
    }

    /// Who is named as having changed a packet.
    fn origin(&self) -> Origin {
        Origin::Rule
    }
}

/// A packet that nobody sent.
#[derive(Clone, Debug)]
pub struct NewPacket {
    /// Id and fields, plain.
    pub payload: Bytes,
    /// Who sends it.
    pub origin: Origin,
    /// Send it even if its id is not defined in the receiver's protocol state, or if it changes the
    /// session's state.
    pub forced: bool,
}

/// Why a packet was not injected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InjectError {
    /// The direction is relayed as it comes: it is encrypted, its framing is lost, or it has none.
    #[error("{direction} bytes are not cut into frames here")]
    Opaque {
        /// Which direction.
        direction: Direction,
    },
    /// The direction has ended.
    #[error("{direction} has ended")]
    Ended {
        /// Which direction.
        direction: Direction,
    },
    /// The payload ends before its id does.
    #[error("the payload has no packet id")]
    NoId,
    /// The receiver's protocol state has no such packet.
    #[error("no {direction} packet {id} in the receiver's protocol state")]
    Undefined {
        /// Which direction.
        direction: Direction,
        /// The packet id.
        id: i64,
    },
    /// The packet would change the session's state.
    #[error("packet {id} changes the session's state")]
    ChangesState {
        /// The packet id.
        id: i64,
    },
    /// Too many bytes of that direction wait already.
    #[error(
        "{held} bytes wait, with {len} more that is above the buffer max of {max} (setting buffer_max)"
    )]
    Full {
        /// Bytes that wait.
        held: usize,
        /// Bytes of the new payload.
        len: usize,
        /// The limit in force.
        max: usize,
    },
    /// The protocol has no frames, and the payload's fields do not end where it does.
    #[error(
        "the payload is not one whole packet, and without frames nothing else says where it ends"
    )]
    NoPacket,
    /// No frame can hold the payload.
    #[error("{0}")]
    Frame(#[from] midwire_codec::FrameError),
}

/// Why a payload was not made.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// The receiver's protocol state has no packet of that name.
    #[error("there is no {direction} packet `{name}` in {state}")]
    Undefined {
        /// Which direction.
        direction: Direction,
        /// The name that was asked for.
        name: String,
        /// The receiver's protocol state.
        state: String,
    },
    /// The packet's fields are not known.
    #[error("the fields of `{name}` are not known")]
    Opaque {
        /// Its name.
        name: String,
    },
    /// A field cannot be written as it was given.
    #[error("{0}")]
    Fields(#[from] EditError),
}

/// Why a receiver was not told that its connection ends.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum DisconnectError {
    /// The definition's group `disconnect` has no packet for it.
    #[error("{state} has no {direction} packet that ends a connection")]
    Undefined {
        /// Which direction.
        direction: Direction,
        /// The receiver's protocol state.
        state: String,
    },
    /// Part of a packet has been sent.
    #[error("part of a {direction} packet has been sent")]
    Partial {
        /// Which direction.
        direction: Direction,
    },
    /// The packet cannot be made.
    #[error("{0}")]
    Compose(#[from] ComposeError),
    /// The packet cannot be sent.
    #[error("{0}")]
    Inject(#[from] InjectError),
}

/// There is no intercepted packet of that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no intercepted packet has number {0}")]
pub struct UnknownPacket(pub PacketNumber);

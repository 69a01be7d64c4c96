//! What is known of a packet without its fields.

use std::net::IpAddr;
use std::time::Duration;

use midwire_codec::Direction;
use midwire_definition::{PacketDefinition, StateId, VersionId};

/// A packet and the session it belongs to, without its fields.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The version it was read with.
    pub version: VersionId,
    /// The protocol state it was read in.
    pub state: StateId,
    /// Which way it travels.
    pub direction: Direction,
    /// Its id, if it has one that could be read.
    pub id: Option<i64>,
    /// What the id stands for; `None`: unknown.
    pub definition: Option<&'a PacketDefinition>,
    /// Bytes of id and fields, plain.
    pub length: u32,
    /// Since the session began.
    pub time: Duration,
    /// The session's number, counted from 1.
    pub session: u64,
    /// The address of the client.
    pub client: Option<IpAddr>,
    /// The address of the server.
    pub server: Option<IpAddr>,
    /// It could not be inflated, or something else is wrong that its fields do not tell.
    pub malformed: bool,
    /// Nobody of the two peers sent it.
    pub injected: bool,
    /// It was sent on with other bytes.
    pub changed: bool,
    /// The connection's variables.
    pub conn: &'a [i64],
    /// Id and fields, plain; empty where only the envelope is known.
    pub payload: &'a [u8],
    /// Where the fields start in the payload.
    pub body: u32,
}

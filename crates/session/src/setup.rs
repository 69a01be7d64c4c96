//! What all sessions of one listener, or of one capture, share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use midwire_codec::{Framing, Key};
use midwire_definition::{Protocol, StateId, VersionId};

use crate::encryption::Encryption;
use crate::interest::Tables;
use crate::limits::Limits;
use crate::rules::Rules;

/// How sessions are to be run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What a session may cost.
    pub limits: Limits,
    /// Read every session with this version, whatever it says itself.
    pub version: Option<VersionId>,
    /// The state that sessions begin in, instead of the definition's: what came before was done by
    /// somebody else, on each side on its own.
    pub start: Option<StateId>,
    /// Tell the server that its client was told this address.
    pub rewrite_host: Option<HostRewrite>,
    /// Where a server that sends its client elsewhere sends it, instead of where it says: put into fields
    /// marked `@host` and `@port` of clientbound packets.
    pub transfer_to: Option<HostRewrite>,
    /// What to do when nothing says where the next frame starts.
    pub on_lost_framing: OnLostFraming,
    /// What players are told in the game's chat once this is set while they play.
    pub announcement: Option<Arc<str>>,
    /// What is done about packets. Rules for other definitions than the sessions are read by do
    /// nothing.
    pub rules: Option<Arc<Rules>>,
    /// Rules act in sessions whose version is assumed too, where they otherwise only watch and count.
    pub trust_version: bool,
    /// How logins that ask for encryption are treated; `None`: ciphertext passes, unread.
    pub encryption: Option<Encryption>,
    /// Keys of which one may be that of the session: it was recorded, and nobody stood in the middle.
    pub cipher_keys: Arc<[Key]>,
}

impl Options {
    /// Whether packets are needed that others can do without: those that send clients elsewhere, and those
    /// that are signed for a client's own account.
    fn needs_marked(&self) -> bool {
        let encryption = self.encryption.as_ref();
        self.transfer_to.is_some() || encryption.is_some_and(|own| own.plays_as.get().is_some())
    }
}

/// The most bytes of a packet without a frame where neither the definition nor a setting says.
const PACKET_LENGTH_MAX: usize = 1 << 20;

/// The address that is put into fields marked `@host` and `@port` of the packet that says the
/// version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRewrite {
    /// A host name, without a final dot.
    pub host: Arc<str>,
    /// A port.
    pub port: u16,
}

/// What to do with a session when a direction's framing is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnLostFraming {
    /// Relay that direction as it comes.
    #[default]
    Relay,
    /// Close both connections.
    Close,
}

/// A protocol and how its sessions are to be run, with the tables that they share. Tables are made
/// for each version when a session first needs them.
#[derive(Debug)]
pub struct Setup {
    pub(crate) protocol: Arc<Protocol>,
    pub(crate) options: Options,
    /// The protocol's framing, with the limit in force.
    pub(crate) framing: Option<Framing>,
    /// The protocol has packets, and nothing but their fields says where they end.
    pub(crate) frameless: bool,
    /// The most bytes of a packet without a frame, with the limit in force.
    pub(crate) packet_length_max: usize,
    pub(crate) conn: Arc<[i64]>,
    /// The state that both directions begin in.
    pub(crate) start: StateId,
    /// By version, and whether packets are needed that only settings ask for.
    tables: Arc<Mutex<HashMap<(VersionId, bool), Arc<Tables>>>>,
}

/// The protocol is another, or its states, stages or connection variables are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the protocol's states, stages or connection variables are others")]
pub struct OtherProtocol;

impl Setup {
    /// Sessions of this protocol, run like this.
    #[must_use]
    pub fn new(protocol: Arc<Protocol>, options: Options) -> Arc<Self> {
        let mut framing = protocol.stack.framing;
        if let (Some(framing), Some(max)) = (&mut framing, options.limits.frame_length_max) {
            framing.max = max;
        }
        let conn = protocol.initial_conn().into();
        let frameless = protocol.is_frameless();
        let start = options.start.unwrap_or(protocol.start);
        let packet_length_max = options.limits.packet_length_max;
        let packet_length_max =
            packet_length_max.or(protocol.stack.packet_length_max).unwrap_or(PACKET_LENGTH_MAX);
        Arc::new(Self {
            protocol,
            options,
            framing,
            frameless,
            packet_length_max,
            conn,
            start,
            tables: Arc::default(),
        })
    }

    /// The same, run in another way. The limits stay as they are.
    #[must_use]
    pub fn with_options(&self, options: Options) -> Arc<Self> {
        let options = Options { limits: self.options.limits, ..options };
        Arc::new(Self {
            protocol: self.protocol.clone(),
            options,
            conn: self.conn.clone(),
            tables: self.tables.clone(),
            ..*self
        })
    }

    /// The same for sessions whose server is known by another address, if the address is rewritten at
    /// all. Both share their tables.
    #[must_use]
    pub fn with_host(&self, host: HostRewrite) -> Arc<Self> {
        let rewrite_host = self.options.rewrite_host.as_ref().map(|_| host);
        Arc::new(Self {
            protocol: self.protocol.clone(),
            options: Options { rewrite_host, ..self.options.clone() },
            conn: self.conn.clone(),
            tables: self.tables.clone(),
            ..*self
        })
    }

    /// Whether a session of one can go on as one of the other.
    #[must_use]
    pub fn is_interchangeable_with(&self, other: &Self) -> bool {
        let (a, b) = (&self.protocol, &other.protocol);
        let names = |protocol: &Protocol| -> Vec<Arc<str>> {
            protocol.conn.iter().map(|(name, _)| name.clone()).collect()
        };
        a.name == b.name
            && a.states == b.states
            && a.start == b.start
            && self.start == other.start
            && a.stack == b.stack
            && names(a) == names(b)
            && self.framing == other.framing
    }

    /// The protocol.
    #[must_use]
    pub fn protocol(&self) -> &Arc<Protocol> {
        &self.protocol
    }

    /// How sessions are run.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// How its bytes are cut into frames, with the limit in force; `None`: they are not.
    #[must_use]
    pub fn framing(&self) -> Option<&Framing> {
        self.framing.as_ref()
    }

    pub(crate) fn tables(&self, version: VersionId) -> Arc<Tables> {
        let mut tables = self.tables.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let marked = self.options.needs_marked();
        let make = || Arc::new(Tables::new(&self.protocol, version, marked));
        tables.entry((version, marked)).or_insert_with(make).clone()
    }
}

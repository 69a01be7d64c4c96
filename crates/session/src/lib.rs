//! One game connection through midwire, as a state machine without input, output or clock.
//!
//! ```text
//!             handle_bytes(Serverbound)  ┌─────────┐  Send { Serverbound }
//!  client  ─────────────────────────────▶│         │────────────────────────▶  server
//!          ◀─────────────────────────────│ Session │◀────────────────────────
//!             Send { Clientbound }       └────┬────┘  handle_bytes(Clientbound)
//!                                             │ Event
//!                                             ▼
//!                                printers, captures, views
//! ```
//!
//! Sockets, a capture file and a test drive it by the same calls; see [`Session`].
//!
//! ```
//! use bytes::BytesMut;
//! use midwire_definition::builtin;
//! use midwire_session::{
//!     Direction, Elapsed, Event, Options, Output, Scratch, Session, Setup, Watch,
//! };
//!
//! let terraria = builtin("terraria").expect("it is built in");
//! let mut session = Session::new(Setup::new(terraria, Options::default()));
//! session.set_watch(Watch::Packets);
//! let mut scratch = Scratch::default();
//!
//! // a frame, and the start of another, which waits for the rest
//! let mut bytes = BytesMut::from(&b"\x0f\0\x01\x0bTerraria319\x03\0"[..]);
//! let at = Elapsed::from_millis(5);
//! session.handle_bytes(Direction::Serverbound, &mut bytes, at, &mut scratch);
//! assert_eq!(bytes, b"\x03\0"[..]);
//!
//! let mut seen = Vec::new();
//! while let Some(output) = session.poll_output() {
//!     seen.push(match output {
//!         Output::Send { direction, bytes } => format!("{} bytes {direction}", bytes.len()),
//!         Output::Finish { direction } => format!("no more {direction}"),
//!         Output::Abort { direction } => format!("reset {direction}"),
//!         Output::Event(Event::Packet(packet)) => {
//!             let name = packet.definition.map_or("unknown".into(), |known| known.name.clone());
//!             format!("packet {} {} {name}", packet.number, packet.direction)
//!         }
//!         Output::Event(Event::Version { number, .. }) => format!("version {number:?}"),
//!         Output::Event(_) | Output::Record(_) | Output::Request(..) => continue,
//!     });
//! }
//! assert_eq!(seen, ["version Some(319)", "packet 1 serverbound Hello", "15 bytes serverbound"]);
//! ```

mod decision;
mod encryption;
mod event;
mod form;
mod host;
mod id;
mod interest;
mod judged;
mod legacy;
mod limits;
mod marked;
mod order;
mod payload;
mod record;
mod rules;
mod scratch;
mod session;
mod setup;
mod stage;
mod verdict;

pub use decision::{Beside, Content, Decision, Delay, Disconnect, Log, Place, Tags};
pub use encryption::{Answer, Encryption, Join, KeyPair, Refused, Request, RequestId, Token};
pub use event::{Counters, Elapsed, Event, Fate, Lost, Notice, PacketEvent, PacketNumber};
pub use interest::Watch;
pub use limits::Limits;
pub use midwire_codec::{Direction, Key, Origin};
pub use record::{Marked, Outside, Passage, Record, Recorded, RecordedFrame, Recording};
pub use rules::{Peers, RuleCount, Rules};
pub use scratch::Scratch;
pub use session::{
    Ciphered, DirectionSnapshot, FormSnapshot, Output, PacketStart, Parting, Session, Snapshot,
};
pub use setup::{HostRewrite, OnLostFraming, Options, OtherProtocol, Setup};
pub use verdict::{
    ComposeError, DisconnectError, InjectError, Judge, NewPacket, PacketInfo, UnknownPacket,
    Verdict,
};

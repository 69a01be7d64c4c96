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

mod event;
mod form;
mod host;
mod id;
mod interest;
mod legacy;
mod limits;
mod order;
mod payload;
mod scratch;
mod session;
mod setup;
mod verdict;

pub use event::{Counters, Elapsed, Event, Fate, Notice, Origin, PacketEvent, PacketNumber};
pub use interest::Watch;
pub use limits::Limits;
pub use midwire_codec::Direction;
pub use scratch::Scratch;
pub use session::{Output, Session};
pub use setup::{HostRewrite, OnLostFraming, Options, Setup};
pub use verdict::{
    ComposeError, InjectError, Judge, NewPacket, PacketInfo, UnknownPacket, Verdict,
};

//! Captures: what passed through midwire, in files that Wireshark opens; and the captures of others.
//!
//! ```text
//!  Writer                                   a section of pcapng
//!   session_opened ─────────────────────▶ ┌──────────────────────────────────────────────────┐
//!   frame, facts                          │ SYN  client's leg    "midwire: session=1 ..."    │
//!   session_closed                        │ data client's leg    as the client sent or got it │
//!                                         │ data server's leg    only where it differs        │
//!  Reader ◀────────────────────────────── └──────────────────────────────────────────────────┘
//!     │ Item: packets, sections, damage         or pcap, or pcapng of somebody else
//!     ▼
//!  Decoder     Ethernet, VLAN, SLL, loopback, raw; IPv4, IPv6, fragments; TCP
//!     │ Segment
//!     ├──▶ Recordings   what midwire wrote: sessions, frames, what became of them
//!     └──▶ Streams      anybody's TCP: bytes in order, gaps where they are gone
//! ```
//!
//! Nothing here opens a file, keeps a clock or knows a game. Files are anything that is
//! [`Read`](std::io::Read) or [`Write`](std::io::Write); memory does not grow with them. How a capture
//! is laid out is told in `docs/captures.md`.
//!
//! ```
//! use midwire_capture::{
//!     Closing, Decoded, Decoder, Ends, Frame, Item, Opening, Reader, Record, Recordings, Timestamp,
//!     Writer,
//! };
//! use midwire_codec::Direction;
//!
//! let at = Timestamp(1_800_000_000_000_000_000);
//! let client = Ends { client: "127.0.0.1:50000".parse()?, server: "127.0.0.1:25565".parse()? };
//! let facts = [("protocol", "minecraft")];
//!
//! let mut writer = Writer::new(Vec::new(), "an example");
//! writer.session_opened(&Opening { session: 1, at, client, server: None, facts: &facts })?;
//! writer.frame(&Frame::passed(1, 1, Direction::Serverbound, at, b"\x02hi"))?;
//! writer.session_closed(1, Closing::Finished, at)?;
//! let file = writer.into_inner()?;
//!
//! let mut reader = Reader::new(&file[..]);
//! let (mut decoder, mut recordings) = (Decoder::default(), Recordings::default());
//! let mut frames = Vec::new();
//! while let Some(item) = reader.next()? {
//!     let Item::Packet(packet) = item else { continue };
//!     let Decoded::Tcp(segment) = decoder.packet(&packet) else { continue };
//!     recordings.push(&packet, &segment, |record| {
//!         if let Record::Frame(frame) = record {
//!             frames.push((frame.number, frame.direction, frame.bytes.to_vec()));
//!         }
//!     });
//! }
//! assert_eq!(frames, [(1, Direction::Serverbound, b"\x02hi".to_vec())]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checksum;
mod decode;
mod format;
mod index;
pub mod note;
mod numbers;
mod provenance;
mod read;
mod recording;
mod streams;
mod tail;
mod timestamp;
mod writer;

pub use decode::{Decoded, Decoder, FRAGMENT_WAIT, FRAGMENTED_MAX, FRAGMENTS_MAX, NotTcp, Segment};
pub use format::LinkType;
pub use index::{
    CONTEXTS_MAX, Freshness, HEAD_LEN, INDEX_VERSION, Index, IndexBuilder, IndexError,
    IndexedPacket, KEY_PLACES_MAX, KEYS_MAX, KeyTotals, PLACES_MAX, STARTS_MAX, STATES_LEN_MAX,
    Stamp, Start,
};
pub use provenance::{Fate, Leg, Origin};
pub use read::{
    BLOCK_LEN_MAX, Context, Damage, INTERFACES_MAX, Interface, Item, Options, Packet, Problem,
    ReadError, Reader, Section,
};
pub use recording::{FRAME_LEN_MAX, Form, LEGS_MAX, Record, RecordedFrame, Recordings, StateError};
pub use streams::{StreamEnd, StreamEvent, StreamId, StreamLimits, Streams};
pub use tail::{Tail, tail};
pub use timestamp::Timestamp;
pub use writer::{
    BATCH_LEN, Closing, Content, Ends, FACTS_MAX, Fact, Frame, Opening, Recorded, SEGMENT_LEN_MAX,
    SESSIONS_MAX, Since, WriteError, Writer,
};

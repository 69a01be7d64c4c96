//! Captures.
mod checksum;
mod decode;
mod format;
pub mod note;
mod provenance;
mod read;
mod recording;
mod streams;
mod timestamp;
mod writer;

pub use decode::*;
pub use format::LinkType;
pub use provenance::{Fate, Leg, Origin};
pub use read::{
    BLOCK_LEN_MAX, Context, Damage, INTERFACES_MAX, Interface, Item, Options, Packet, Problem,
    ReadError, Reader, Section,
};
pub use recording::*;
pub use streams::*;
pub use timestamp::Timestamp;
pub use writer::*;

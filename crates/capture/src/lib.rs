//! Captures.
mod checksum;
mod format;
pub mod note;
mod provenance;
mod timestamp;
mod writer;

pub use format::LinkType;
pub use provenance::{Fate, Leg, Origin};
pub use timestamp::Timestamp;
pub use writer::*;

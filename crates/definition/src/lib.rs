//! Definitions of game protocols: text in the wire language, compiled to plans that read and write packets.

mod builtin;
pub mod chat;
mod check;
mod codes;
mod coverage;
mod detect;
pub mod diagnostics;
pub mod escape;
pub mod given;
mod groups;
pub mod json;
mod limits;
pub mod line;
pub mod nbt;
mod packed;
pub mod plan;
mod protocol;
mod resolve;
mod secrets;
pub mod sources;
pub mod splice;
mod stream;
pub mod syntax;
mod table;
pub mod tree;
pub mod value;
mod version;

pub use builtin::{Builtin, BuiltinUntested, builtin, builtins};
pub use check::{Report, TestFailure, check, check_extended};
pub use coverage::{Coverage, CoverageEntry, Gap, coverage};
pub use detect::Detected;
pub use diagnostics::{Diagnostic, Diagnostics, Severity, render};
pub use given::Given;
pub use groups::{Component, Group, Hiding, View, ViewForm, ViewKind, ViewValue};
pub use limits::Limits;
pub use packed::Packing;
pub use plan::{DecodeError, DecodeErrorKind, Extent, Packet, Plan, Progress, Workspace};
pub use protocol::{
    Dialect, Effect, Event, PacketDefinition, Problems, Protocol, Stack, StateId, VersionFrom,
};
pub use secrets::Secrets;
pub use sources::{LoadError, Loader, Root, SourceFile, Sources};
pub use splice::{EditError, Edits};
pub use stream::Measured;
pub use table::Table;
pub use version::{Version, VersionId, Versions};

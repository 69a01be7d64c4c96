//! Filters: expressions about packets, typed against a protocol, compiled to predicates over plan anchors.
//! And rules, which say what is done about packets: see [`rule`].
//!
//! ```text
//!  text ──syntax──▶ Expr ──Filter::check──▶ Filter ──compile(version)──▶ Compiled ──▶ true or false
//!                            │ for all packets and versions in scope        │ by state, direction, id:
//!                            ▼                                              ▼ Never, EnvelopeOnly, Fields
//!                       messages with carets                           reads no further than the last
//!                                                                      field that is asked for
//! ```
//!
//! ```
//! use std::time::Duration;
//!
//! use midwire_codec::Direction;
//! use midwire_definition::{Workspace, builtin};
//! use midwire_rules::{Envelope, Filter, Interest, Scope};
//!
//! let terraria = builtin("terraria").expect("it is built in");
//! let source = "Hello.version startswith 'Terraria'";
//! let (filter, warnings) = Filter::parse(source, &terraria, Scope::default()).expect("it is right");
//! assert!(warnings.is_empty());
//!
//! let version = terraria.versions.newest();
//! let compiled = filter.compile(version);
//! let (state, direction) = (terraria.start, Direction::Serverbound);
//! let dialect = terraria.dialect(version);
//! let hello = dialect.packet(state, direction, 1).map(|packet| &**packet);
//! assert_eq!(compiled.interest(state, direction, hello), Interest::Fields);
//! assert_eq!(compiled.interest(state, direction, None), Interest::Never);
//!
//! let payload = b"\x01\x0bTerraria326";
//! let envelope = Envelope {
//!     version,
//!     state,
//!     direction,
//!     id: Some(1),
//!     definition: hello,
//!     length: payload.len() as u32,
//!     time: Duration::ZERO,
//!     session: 1,
//!     client: None,
//!     server: None,
//!     malformed: false,
//!     injected: false,
//!     changed: false,
//!     conn: &[],
//!     payload,
//!     body: 1,
//! };
//! assert!(compiled.matches_payload(&envelope, &mut Workspace::default()));
//! ```

mod check;
mod codes;
mod describe;
mod direct;
mod envelope;
mod evaluate;
mod filter;
mod inside;
mod kinds;
mod lexicon;
mod lower;
mod matcher;
mod predicate;
mod program;
pub mod rule;
mod scope;
pub mod syntax;
mod value;
mod valued;

pub use codes::FILTER_CODES;
pub use describe::{FieldRow, describe};
pub use envelope::Envelope;
pub use filter::{Compiled, Filter, Interest};
pub use lexicon::Lexicon;
pub use lower::{ENVELOPE, FLAGS, FUNCTIONS};
pub use scope::{Scope, ScopePackets};
pub use value::{Number, Value, ValueKind};

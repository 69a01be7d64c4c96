//! Rules: what is done about packets, written one a line. `docs/rules.md` has the language.
//!
//! ```text
//!  files ──load──▶ rules ──check, all versions──▶ RuleSet ──at(version)──▶ VersionRules
//!                                                    │                         │ by state, direction, id
//!                                    RuleState ──────┴───── judge ◀────────────┘
//!                                  of one session             │
//!                                                             ▼
//!                                                         Decision
//! ```
//!
//! ```
//! use std::sync::Arc;
//!
//! use midwire_codec::Direction;
//! use midwire_definition::{LoadError, Loader, Root, Workspace, builtin};
//! use midwire_rules::rule::{Decision, RuleSet};
//! use midwire_rules::{Envelope, Lexicon};
//!
//! struct File;
//!
//! impl Loader for File {
//!     fn load(&self, _path: &str) -> Result<String, LoadError> {
//!         Ok("full: set clientbound PlayerLifeMana where life < 20: life = life_max".to_owned())
//!     }
//! }
//!
//! let terraria = builtin("terraria").ok_or("no such definition")?;
//! let lexicon = Arc::new(Lexicon::new(&terraria));
//! let set = RuleSet::load(&[Root { path: "full.rules", loader: &File }], &lexicon)?;
//!
//! let version = terraria.versions.newest();
//! let dialect = terraria.dialect(version);
//! let payload = [16, 5, 9, 0, 0x90, 1];
//! let envelope = Envelope {
//!     version,
//!     state: terraria.start,
//!     direction: Direction::Clientbound,
//!     id: Some(16),
//!     definition: dialect.packet(terraria.start, Direction::Clientbound, 16).map(|p| &**p),
//!     length: 6,
//!     time: std::time::Duration::ZERO,
//!     session: 1,
//!     client: None,
//!     server: None,
//!     malformed: false,
//!     injected: false,
//!     changed: false,
//!     conn: &terraria.initial_conn(),
//!     payload: &payload,
//!     body: 1,
//! };
//! let (mut state, mut decision) = (set.begin(), Decision::default());
//! let rules = set.at(version);
//! set.judge(&rules, &mut state, &envelope, true, &mut Workspace::default(), &mut decision);
//! assert_eq!(decision.payload, Some(vec![16, 5, 0x90, 1, 0x90, 1]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod act;
pub mod ast;
mod behind;
mod check;
mod codes;
mod compile;
mod constants;
mod decision;
mod doubled;
mod fill;
mod guard;
mod injected;
mod judge;
mod load;
mod parse;
mod quiet;
mod replace;
mod set;
mod state;
mod tables;
mod wish;

pub use codes::RULE_CODES;
pub use decision::{
    Color, Decision, Delay, Disconnect, LogLine, Mark, Outcome, Position, Refused, RuleId, Sent,
};
pub use load::RULES_MAX;
pub use parse::parse;
pub use set::{RuleInfo, RuleSet};
pub use state::{Counter, Looks, RuleState};
pub use tables::VersionRules;

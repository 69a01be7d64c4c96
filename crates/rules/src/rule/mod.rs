//! Rules: what is done about packets, written one a line.

mod act;
pub mod ast;
mod check;
mod codes;
mod compile;
mod constants;
mod decision;
mod fill;
mod injected;
mod judge;
mod load;
mod parse;
mod replace;
mod set;
mod state;
mod tables;

pub use codes::RULE_CODES;
pub use decision::{
    Color, Decision, Delay, Disconnect, LogLine, Mark, Outcome, Position, Refused, RuleId, Sent,
};
pub use load::RULES_MAX;
pub use parse::parse;
pub use set::{RuleInfo, RuleSet};
pub use state::{Counter, Looks, RuleState};
pub use tables::VersionRules;

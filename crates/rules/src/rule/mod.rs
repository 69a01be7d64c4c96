//! Rules: what is done about packets, written one a line.

pub mod ast;
mod codes;
mod constants;
mod load;
mod parse;

pub use codes::RULE_CODES;
pub use load::RULES_MAX;
pub use parse::parse;

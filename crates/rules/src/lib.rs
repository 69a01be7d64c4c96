//! Filters: expressions about packets, typed against a protocol, compiled to predicates over plan anchors.

mod check;
mod codes;
mod describe;
mod envelope;
mod evaluate;
mod filter;
mod inside;
mod lexicon;
mod lower;
mod matcher;
mod predicate;
mod program;
pub mod rule;
mod scope;
pub mod syntax;
mod value;
mod value_expr;
mod valued;

pub use codes::FILTER_CODES;
pub use describe::{FieldRow, describe};
pub use envelope::Envelope;
pub use filter::{Compiled, Filter, Interest};
pub use lexicon::Lexicon;
pub use lower::{ENVELOPE, FLAGS, FUNCTIONS};
pub use scope::{Scope, ScopePackets};
pub use value::{Number, Value, ValueKind};
pub use value_expr::{CompiledValue, ValueExpr};

//! Filters.

mod codes;
pub mod rule;
pub mod syntax;

pub use codes::FILTER_CODES;

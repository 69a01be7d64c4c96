//! Filters.

mod codes;
pub mod syntax;

pub use codes::FILTER_CODES;

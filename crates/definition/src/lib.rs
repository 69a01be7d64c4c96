//! placeholder

pub mod diagnostics;
pub mod sources;
pub mod syntax;

pub use diagnostics::{Diagnostic, Diagnostics, Severity, render};
pub use sources::{LoadError, Loader, SourceFile, Sources};

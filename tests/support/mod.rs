//! What the whole-program tests share: recordings, a running midwire, both end points.

// Each test file is a crate of its own and uses a part of this; in tests a panic is the report.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod captured;
pub mod dns;
pub mod ends;
pub mod files;
pub mod minecraft;
pub mod program;
pub mod random;
pub mod recording;
pub mod replay;
pub mod services;
pub mod truth;

use std::time::Duration;

/// How long any single wait of a test may last: far above what a loaded machine needs.
pub const PATIENCE: Duration = Duration::from_secs(60);

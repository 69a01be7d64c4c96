//! `midwire read`: recorded sessions are shown as they would have been while they passed.
#![cfg(unix)]
#![allow(unreachable_pub, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

#[path = "read/bounded.rs"]
mod bounded;
#[path = "read/damaged.rs"]
mod damaged;
#[path = "read/files.rs"]
mod files;
#[path = "read/following.rs"]
mod following;
#[path = "read/golden.rs"]
mod golden;
#[path = "read/keys.rs"]
mod keys;
#[path = "read/large.rs"]
mod large;
#[path = "read/live.rs"]
mod live;
#[path = "read/lossy.rs"]
mod lossy;
#[path = "read/ours.rs"]
mod ours;
#[path = "read/theirs.rs"]
mod theirs;
#[path = "read/trying.rs"]
mod trying;

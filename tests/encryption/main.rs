//! Encrypted sessions through the whole program: real keys, real sockets, scripted peers.

#![allow(unreachable_pub, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "online-auth")]
mod account;
mod login;
mod peers;
#[cfg(feature = "online-auth")]
#[allow(dead_code, reason = "each test uses its part")]
#[path = "../accounts/world.rs"]
mod world;

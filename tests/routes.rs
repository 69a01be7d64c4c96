//! Routes: which server a client's first bytes lead to, and what hands it over to another later.
//!
//! Only Unix has a ctrl-c that one program can send to another.
#![cfg(unix)]
#![allow(unreachable_pub, clippy::unwrap_used)]

mod support;

#[path = "routes/amp.rs"]
mod amp;
#[path = "routes/documented.rs"]
mod documented;
#[path = "routes/errors.rs"]
mod errors;
#[path = "routes/handover.rs"]
mod handover;
#[path = "routes/headers.rs"]
mod headers;
#[path = "routes/sniffing.rs"]
mod sniffing;
#[path = "routes/world.rs"]
mod world;

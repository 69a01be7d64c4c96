//! Edits of packets and packets made from values, told byte by byte.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod blocks;
mod builtin;
mod checks;
mod conditions;
mod copying;
mod faults;
mod late;
mod leaves;
mod lists;
mod making;
mod properties;
mod support;
mod unread;
mod values;

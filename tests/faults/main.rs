//! The fault bench: whatever peers and the network do, nothing is lost or reordered on what goes on, the
//! other side is told, and memory and files return to where they were.
//!
//! ```text
//! cargo test -p midwire-proxy --test faults -- --nocapture
//! ```
//! prints the table. `MIDWIRE_FAULT_RUNS=20` does everything so many times, with other seeds.
//!
//! Only Linux tells how much memory and how many files another program holds.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod bench;
mod ends;
mod faults;
mod talk;

use bench::Bench;
use faults::{Fault, killed, table};

/// One test, so that nothing else disturbs what is measured.
#[test]
fn no_fault_loses_or_reorders_bytes_and_none_leaves_anything_behind() {
    support::files::allow(12_000);
    let runs = std::env::var("MIDWIRE_FAULT_RUNS").ok().and_then(|runs| runs.parse().ok());
    let runs = runs.unwrap_or(2);
    let mut rows = vec![bench::head()];
    for protocol in ["raw", "minecraft", "terraria"] {
        let mut bench = Bench::start(protocol);
        for Fault { name, run } in table() {
            rows.push(bench.row(name, runs, run));
        }
        rows.push(killed(protocol, runs));
    }
    println!("{}", rows.join("\n"));
}

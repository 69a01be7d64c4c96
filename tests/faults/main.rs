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
use faults::{killed, table};

/// One test, so that nothing else disturbs what is measured. A fault that only one protocol knows makes a row
/// of its own, as [`killed`] does.
#[test]
fn no_fault_loses_or_reorders_bytes_and_none_leaves_anything_behind() {
    support::files::allow(3 * 4_000 + 1_000);
    let runs = std::env::var("MIDWIRE_FAULT_RUNS").ok().and_then(|runs| runs.parse().ok());
    let runs = runs.unwrap_or(2);
    // Mostly it waits: the protocols take turns by themselves.
    let rows = std::thread::scope(|scope| {
        let of = |protocol| {
            scope.spawn(move || {
                let mut bench = Bench::start(protocol);
                let rows = table().into_iter().map(|fault| bench.row(fault.name, runs, fault.run));
                let mut rows: Vec<String> = rows.collect();
                rows.push(killed(protocol, runs));
                rows
            })
        };
        let protocols = ["raw", "minecraft", "terraria"].map(of);
        protocols.map(|rows| rows.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    println!("{}\n{}", bench::head(), rows.concat().join("\n"));
}

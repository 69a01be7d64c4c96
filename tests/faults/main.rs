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
mod passwords;
mod talk;

use bench::{Bench, Way};
use faults::{killed, table};
use passwords::wrong_passwords;

const WAYS: [Way; 4] = [
    Way { name: "raw", protocol: "raw", joins: true },
    Way { name: "minecraft", protocol: "minecraft", joins: false },
    Way { name: "terraria", protocol: "terraria", joins: false },
    Way { name: "terraria, joined", protocol: "terraria", joins: true },
];

/// One test, so that nothing else disturbs what is measured. A fault that only one protocol knows makes a row
/// of its own, as [`killed`] does.
#[test]
fn no_fault_loses_or_reorders_bytes_and_none_leaves_anything_behind() {
    support::files::allow(WAYS.len() as u64 * 4_000 + 1_000);
    let runs = std::env::var("MIDWIRE_FAULT_RUNS").ok().and_then(|runs| runs.parse().ok());
    let runs = runs.unwrap_or(2);
    // Mostly it waits: the ways take turns by themselves.
    let rows = std::thread::scope(|scope| {
        let of = |way: Way| {
            scope.spawn(move || {
                let mut bench = Bench::start(way);
                let rows = table().into_iter().map(|fault| bench.row(fault.name, runs, fault.run));
                let mut rows: Vec<String> = rows.collect();
                rows.push(killed(way, runs));
                rows
            })
        };
        WAYS.map(of)
            .map(|rows| rows.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let mut rows = rows.concat();
    rows.push(wrong_passwords(runs));
    println!("{}\n{}", bench::head(), rows.join("\n"));
}

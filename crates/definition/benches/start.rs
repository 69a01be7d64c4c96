//! What it costs to begin: to read the built-in definition of Minecraft, to compile one version of it, and
//! the memory of all at once.
//!
//! CPU time of this thread. Times are those of a first use, in a fresh copy of the definition each; what is
//! said is the median of the rounds.

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;
use midwire_definition::{BuiltinUntested, Protocol, Versions};

const ROUNDS: usize = 15;

/// Targets: microseconds, and bytes.
const COMPILE_MAX: Duration = Duration::from_millis(30);
const ALL_MAX: u64 = 60 << 20;

fn load() -> std::sync::Arc<Protocol> {
    Protocol::load_checked("minecraft.wire", &BuiltinUntested).expect("the built-in text is right")
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn timed<T>(act: impl FnOnce() -> T) -> Duration {
    let start = ThreadTime::now();
    black_box(act());
    start.elapsed()
}

/// The newest version of each number that a release has, from 1.7 on.
fn releases(versions: &Versions) -> Vec<midwire_definition::VersionId> {
    let is_release = |number| (4..0x4000_0000).contains(&number);
    let (first, _) = versions.by_number(4);
    let ids = versions.iter().filter(|(id, version)| *id >= first && is_release(version.number));
    let mut ids: Vec<_> = ids.map(|(_, version)| versions.by_number(version.number).0).collect();
    ids.sort();
    ids.dedup();
    ids
}

fn main() {
    let read = median((0..ROUNDS).map(|_| timed(load)).collect());
    println!("read the definition                      {:8.2} ms", millis(read));

    let protocol = load();
    let versions = releases(&protocol.versions);
    let mut worst = Duration::ZERO;
    for key in ["1.8.9", "1.16.5", "1.21.4", "26.3"] {
        let Some(version) = protocol.versions.by_text(key) else { continue };
        let times = (0..ROUNDS).map(|_| {
            let protocol = load();
            timed(|| protocol.dialect(version))
        });
        let time = median(times.collect());
        worst = worst.max(time);
        println!("compile {key:<8}                         {:8.2} ms", millis(time));
    }

    let mut kept = None;
    let info = allocation_counter::measure(|| {
        let protocol = load();
        for version in &versions {
            protocol.dialect(*version);
        }
        kept = Some(protocol);
    });
    let bytes = info.bytes_current.max(0) as u64;
    println!(
        "{} numbers compiled at once, definition included  {:8.1} MB, {:.1} MB at most",
        versions.len(),
        megabytes(bytes),
        megabytes(info.bytes_max)
    );
    drop(kept);
    let good = worst < COMPILE_MAX && info.bytes_max < ALL_MAX;
    println!("{}", if good { "ok" } else { "not ok: slower or larger than wanted" });
    std::process::exit(i32::from(!good));
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

//! The numbers as Prometheus reads them.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{BOUNDS, Counter, Failure, MALFORMED, Told, Way};
use crate::print::put;
use crate::record::{Recorder, Recordings};

/// The names of the directions, by index.
const WAYS: [&str; 2] = ["serverbound", "clientbound"];

/// A counter of each direction.
type OfWay = (&'static str, &'static str, fn(&Way) -> &Counter);

const OF_WAYS: [OfWay; 9] = [
    ("received_bytes", "Bytes that came.", |way| &way.bytes),
    ("received_frames", "Frames that came.", |way| &way.frames),
    ("sent_bytes", "Bytes that went on.", |way| &way.sent_bytes),
    ("dropped_packets", "Packets that did not go on.", |way| &way.dropped),
    ("changed_packets", "Packets that went on changed.", |way| &way.changed),
    ("injected_packets", "Packets that nobody sent.", |way| &way.injected),
    ("unknown_packets", "Packets without a definition, where packets are looked at.", |way| {
        &way.unknown
    }),
    ("undecodable_packets", "Packets that could not be inflated, where packets are looked at.", {
        |way| &way.undecodable
    }),
    ("framing_lost", "Directions in which nothing says where the next frame starts.", |way| {
        &way.framing_lost
    }),
];

/// All numbers, a family after the other.
pub(super) fn text(told: &Told) -> String {
    let Told { metrics, losses, recordings } = told;
    let mut out = String::new();
    let (opened, ended) = (metrics.opened.get(), metrics.ended.get());
    family(&mut out, "sessions_open", "gauge", "Sessions that are open.");
    put(&mut out, format_args!("midwire_sessions_open {}\n", opened.saturating_sub(ended)));
    one(&mut out, "sessions_total", "Sessions that were begun.", opened);
    let turned_away = metrics.turned_away.get();
    one(&mut out, "turned_away_total", "Clients for which there was no room.", turned_away);
    family(&mut out, "sessions_failed_total", "counter", "Sessions without a server, and why.");
    for (why, counter) in Failure::ALL.iter().zip(&metrics.failed) {
        let (why, n) = (why.as_str(), counter.get());
        put(&mut out, format_args!("midwire_sessions_failed_total{{reason=\"{why}\"}} {n}\n"));
    }
    for (name, help, counter) in OF_WAYS {
        family(&mut out, &format!("{name}_total"), "counter", help);
        for (direction, way) in WAYS.iter().zip(&metrics.ways) {
            let n = counter(way).get();
            put(&mut out, format_args!("midwire_{name}_total{{direction=\"{direction}\"}} {n}\n"));
        }
    }
    let malformed = MALFORMED.load(Ordering::Relaxed);
    let help = "Packets with fields that could not be read, where packets are looked at.";
    one(&mut out, "malformed_packets_total", help, malformed);
    one(&mut out, "lost_events_total", "Packets that a view was too slow for.", losses.get());
    recorded(&mut out, recordings);
    latency(&mut out, told);
    process(&mut out);
    out
}

/// What recordings have taken; nothing where there is none.
fn recorded(out: &mut String, recordings: &Recordings) {
    let sum = |of: &dyn Fn(&Recorder) -> u64| recordings.each().map(|one| of(one)).sum::<u64>();
    if recordings.each().next().is_none() {
        return;
    }
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let frames = sum(&|one| count(&one.counts().frames));
    one(out, "recorded_frames_total", "Frames that were recorded.", frames);
    let bytes = sum(&|one| count(&one.counts().payload));
    one(out, "recorded_bytes_total", "Bytes of frames and streams that were recorded.", bytes);
    let waits = sum(&Recorder::waits);
    one(out, "recording_waits_total", "Times that a session waited for its recording.", waits);
    let failed = sum(&|one| one.counts().failed.load(Ordering::Relaxed).into());
    family(out, "recordings_failed", "gauge", "Recordings that nothing is written to any more.");
    put(out, format_args!("midwire_recordings_failed {failed}\n"));
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    put(out, format_args!("# HELP midwire_{name} {help}\n# TYPE midwire_{name} {kind}\n"));
}

fn one(out: &mut String, name: &str, help: &str, n: u64) {
    family(out, name, "counter", help);
    put(out, format_args!("midwire_{name} {n}\n"));
}

fn latency(out: &mut String, told: &Told) {
    const NAME: &str = "relay_seconds";
    let help = "From reading bytes to having written them, of a sample of the reads.";
    family(out, NAME, "histogram", help);
    let latency = &told.metrics.latency;
    let mut so_far = 0;
    for (bound, class) in BOUNDS.iter().zip(&latency.classes) {
        so_far += class.get();
        let bound = *bound as f64 / 1e6;
        put(out, format_args!("midwire_{NAME}_bucket{{le=\"{bound}\"}} {so_far}\n"));
    }
    so_far += latency.classes[BOUNDS.len()].get();
    let sum = latency.micros.get() as f64 / 1e6;
    put(
        out,
        format_args!(
            "midwire_{NAME}_bucket{{le=\"+Inf\"}} {so_far}\nmidwire_{NAME}_sum {sum}\n\
             midwire_{NAME}_count {so_far}\n"
        ),
    );
}

/// What the system knows of the process; nothing where it does not tell.
fn process(out: &mut String) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    if let Some(kib) = kib {
        let bytes = kib.saturating_mul(1024);
        put(
            out,
            format_args!(
                "# HELP process_resident_memory_bytes Resident memory.\n\
                 # TYPE process_resident_memory_bytes gauge\n\
                 process_resident_memory_bytes {bytes}\n"
            ),
        );
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        // One of them is the list itself.
        let open = files.count().saturating_sub(1);
        put(
            out,
            format_args!(
                "# HELP process_open_fds Open file descriptors.\n\
                 # TYPE process_open_fds gauge\nprocess_open_fds {open}\n"
            ),
        );
    }
}

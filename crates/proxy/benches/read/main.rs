//! How fast `midwire read` goes through captures, with how much memory, and how fast tshark does.
//!
//! ```text
//! cargo bench -p midwire-proxy --bench read [-- [--check] WORD..]
//! ```
//! makes its own files, runs `midwire` and, where it is installed, `tshark` over them with the files in the
//! page cache, and prints the rows that contain all words. With `--check` it exits with 1 where a target is
//! missed. The files are large: `MIDWIRE_BENCH_SCALE=0.1` makes them smaller.

mod files;
mod run;

use std::path::Path;
use std::process::ExitCode;

use files::{Kind, make};
use run::{Ran, best, tshark};

/// The most memory that reading may take, whatever the file's size.
const MEMORY_MAX: u64 = 64 << 20;

/// What is measured.
struct Row {
    name: &'static str,
    kind: Kind,
    arguments: &'static [&'static str],
    /// As simple a filter for tshark.
    tshark: Option<&'static str>,
    /// Packets, and bytes of the file, a second.
    targets: (f64, f64),
    /// Seconds for a file of 1 GB.
    gigabyte_max: Option<f64>,
}

const ROWS: [Row; 7] = [
    Row {
        name: "stats, 47-byte frames",
        kind: Kind::Small,
        arguments: &["--stats", "--no-index"],
        tshark: Some("tcp.len == 11"),
        targets: (1e6, 0.0),
        gigabyte_max: None,
    },
    Row {
        name: "stats, 16 KiB frames",
        kind: Kind::Large,
        arguments: &["--stats", "--no-index"],
        tshark: Some("tcp.len == 11"),
        targets: (0.0, 400e6),
        gigabyte_max: None,
    },
    Row {
        name: "stats, 47-byte frames of tcpdump",
        kind: Kind::Foreign,
        arguments: &["--stats", "--no-index"],
        tshark: None,
        targets: (1e6, 0.0),
        gigabyte_max: None,
    },
    Row {
        name: "filter by name, 47-byte frames",
        kind: Kind::Small,
        arguments: &["-Y", "update_health"],
        tshark: Some("tcp.len == 11"),
        targets: (1e6, 0.0),
        gigabyte_max: None,
    },
    Row {
        name: "filter by a field, 47-byte frames",
        kind: Kind::Small,
        arguments: &["-Y", "update_health.health < 5"],
        tshark: None,
        targets: (1e6, 0.0),
        gigabyte_max: Some(5.0),
    },
    Row {
        name: "filter by a field of most packets",
        kind: Kind::Small,
        arguments: &["-Y", "custom_payload.channel == \"none\""],
        tshark: None,
        targets: (1e6, 0.0),
        gigabyte_max: Some(5.0),
    },
    Row {
        name: "filter by a field, 16 KiB frames",
        kind: Kind::Large,
        arguments: &["-Y", "update_health.health < 5"],
        tshark: None,
        targets: (0.0, 400e6),
        gigabyte_max: Some(5.0),
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // Cargo passes this to benches; `cargo test --benches` only wants to see that they run.
    let timed = args.iter().any(|arg| arg == "--bench");
    let check = args.iter().any(|arg| arg == "--check");
    let keep = args.iter().any(|arg| arg == "--keep");
    let words: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let scale = match std::env::var("MIDWIRE_BENCH_SCALE").ok().and_then(|text| text.parse().ok()) {
        Some(scale) => scale,
        None if timed => 1.0,
        None => 0.001,
    };
    let mut missed = false;
    let mut made: Vec<(Kind, files::Made)> = Vec::new();
    for row in ROWS.iter().filter(|row| words.iter().all(|word| row.name.contains(*word))) {
        missed |= !measure(row, of_kind(row.kind, &mut made, scale), timed);
    }
    let wanted = |name: &str| words.iter().all(|word| name.contains(*word));
    if AT_ONCE.iter().any(|name| wanted(name)) {
        let file = of_kind(Kind::Small, &mut made, scale);
        for name in AT_ONCE.iter().filter(|name| wanted(name)) {
            missed |= !at_once(name, file, timed);
        }
    }
    for (_, file) in made.iter().filter(|_| !keep) {
        file.remove();
    }
    if check && missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Measures a row, and tells whether its targets are reached.
fn measure(row: &Row, file: &files::Made, timed: bool) -> bool {
    let path = file.path.to_str().expect("a path in text");
    let Ran { seconds, memory } = best(&[&["read", path], row.arguments].concat(), timed);
    let packets = file.packets as f64 / seconds;
    let bytes = file.len as f64 / seconds;
    let other = row.tshark.and_then(|filter| tshark(Path::new(path), filter, timed));
    let ratio = other.map(|other| other / seconds);
    let (packets_min, bytes_min) = row.targets;
    let gigabyte = 1e9 / bytes;
    let is_reached = packets >= packets_min
        && bytes >= bytes_min
        && memory <= MEMORY_MAX
        // Of large frames nobody reads more than memory gives; tshark's time is for each packet.
        && ratio.is_none_or(|ratio| row.kind == Kind::Large || ratio >= 20.0)
        && row.gigabyte_max.is_none_or(|max| gigabyte <= max);
    let versus = ratio.map_or(String::new(), |ratio| format!("  {ratio:5.1} times tshark"));
    println!(
        "{:36} {:8.3} s  {:6.2} M packets/s  {:7.1} MB/s  {:6.2} s/GB  {:3} MiB{versus}{}",
        row.name,
        seconds,
        packets / 1e6,
        bytes / 1e6,
        gigabyte,
        memory >> 20,
        if is_reached || !timed { "" } else { "  MISSED" },
    );
    is_reached
}

/// The file of a kind, made when it is first asked for.
fn of_kind(kind: Kind, made: &mut Vec<(Kind, files::Made)>, scale: f64) -> &files::Made {
    let known = made.iter().position(|(known, _)| *known == kind).unwrap_or_else(|| {
        made.push((kind, make(kind, scale)));
        made.len() - 1
    });
    &made[known].1
}

/// What the index beside a long file gives at once.
const AT_ONCE: [&str; 2] = ["jump to a packet", "stats by the index"];

fn at_once(name: &str, file: &files::Made, timed: bool) -> bool {
    let path = file.path.to_str().expect("a path in text");
    let wanted = (file.packets * 9 / 10).to_string();
    let arguments = match name == AT_ONCE[0] {
        true => vec!["read", path, "--packet", &wanted],
        false => vec!["read", path, "--stats"],
    };
    file.forget_index();
    let first = best(&arguments, false).seconds;
    let seconds = best(&arguments, timed).seconds;
    let is_reached = seconds < 0.1;
    println!(
        "{name:36} {:8.3} s  of {} packets; when the index is made {first:.3} s{}",
        seconds,
        file.packets,
        if is_reached || !timed { "" } else { "  MISSED" },
    );
    is_reached
}

//! What the plain forwarder reaches, against `socat` and against bare loops.
//!
//! ```text
//! cargo bench -p midwire-proxy --bench raw [-- WORD..]
//! ```
//! runs each as a process of its own between the ends of connections on this machine, by turns, and
//! prints for the rows that contain all words the throughput, what that is of the best of `socat` and the bare
//! splice loop in the same round, and the CPU time that the process in the middle took for a gigabyte.
//! It exits with 1 if midwire reaches less than [`BOUND`] of the best.
//!
//! The ends share the machine with what is measured, so only ratios and CPU time say much.

mod bare;
mod between;
mod ends;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

use between::{Between, Subject};
use support::loopback::listen;
use support::quantile;

/// The least that midwire must reach of the best of `socat` and a bare splice loop, in one run.
const BOUND: f64 = 0.95;
/// Bytes that are written at once.
const CHUNKS: [usize; 4] = [1 << 10, 8 << 10, 64 << 10, 1 << 20];
/// Connections at once.
const CONNECTIONS: [usize; 2] = [1, 16];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(loops) = bare::asked_for(&args) {
        return loops;
    }
    // Cargo passes this to benches; `cargo test --benches` only wants to see that they run.
    let timed = args.iter().any(|arg| arg == "--bench");
    if !cfg!(target_os = "linux") {
        println!("nothing measured: only Linux has splice, and tells the CPU time of others");
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<String> = args.into_iter().filter(|arg| !arg.starts_with('-')).collect();
    let server = listen();
    let to = server.local_addr().expect("a bound socket has an address");
    let all: Vec<Between> =
        Subject::ALL.into_iter().filter_map(|subject| Between::start(subject, to)).collect();
    if !all.iter().any(|between| between.subject == Subject::Socat) {
        println!("socat is not there (apt-get install socat): measured without it");
    }
    let mut is_below = false;
    for connections in CONNECTIONS {
        for chunk in CHUNKS {
            let row = format!("{connections} x {}", size(chunk));
            if !wanted.iter().all(|word| row.contains(word.as_str())) {
                continue;
            }
            let bytes = if timed { (chunk * 40_000).clamp(200 << 20, 1 << 30) } else { chunk };
            let rounds = if timed { 9 } else { 1 };
            let mut took: Vec<Vec<Took>> = all.iter().map(|_| Vec::new()).collect();
            for round in 0..rounds + 1 {
                for turn in 0..all.len() {
                    let at = (round + turn) % all.len();
                    let one = measure(&all[at], &server, connections, chunk, bytes);
                    // The first of each makes memory and pipes.
                    if round > 0 {
                        took[at].push(one);
                    }
                }
            }
            if timed {
                is_below |= !print(&row, &all, &took);
            }
        }
    }
    if is_below { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What one flood took.
#[derive(Clone, Copy)]
struct Took {
    bytes_a_second: f64,
    cpu_seconds_a_gigabyte: f64,
}

fn measure(
    between: &Between,
    server: &std::net::TcpListener,
    connections: usize,
    chunk: usize,
    bytes: usize,
) -> Took {
    let ends: Vec<_> =
        (0..connections).map(|_| ends::Ends::open(between.running.address, server)).collect();
    let before = between.running.cpu_when_idle();
    let took = ends::flood(ends, chunk, bytes);
    let cpu = between.running.cpu_when_idle() - before;
    Took {
        bytes_a_second: bytes as f64 / took.as_secs_f64(),
        cpu_seconds_a_gigabyte: cpu as f64 / bytes as f64,
    }
}

/// Prints a line for each; whether midwire is fast enough.
fn print(row: &str, all: &[Between], took: &[Vec<Took>]) -> bool {
    println!(
        "{row:12} {:22} {:>8} {:>8} {:15} {:>9}",
        "by", "MB/s", "of best", "(quartiles)", "CPU s/GB"
    );
    let is_bar = |at: &usize| {
        matches!(all[*at].subject, Subject::Socat | Subject::LargeSocat | Subject::Splice)
    };
    let best = |round: usize| {
        let bars = (0..all.len()).filter(is_bar).map(|at| took[at][round].bytes_a_second);
        bars.fold(0.0, f64::max)
    };
    let mut enough = true;
    for (between, took) in all.iter().zip(took) {
        let mut speed: Vec<f64> = took.iter().map(|took| took.bytes_a_second / 1e6).collect();
        // The system counts it in hundredths of seconds, so that one round alone says little.
        let cpu: f64 = took.iter().map(|took| took.cpu_seconds_a_gigabyte).sum();
        let of_best = |(round, took): (usize, &Took)| took.bytes_a_second / best(round);
        let mut ratios: Vec<f64> = took.iter().enumerate().map(of_best).collect();
        let [low, ratio, high] = [1, 2, 3].map(|quarter| quantile(&mut ratios, quarter, 4));
        let verdict = match between.subject {
            Subject::Quiet if ratio < BOUND => {
                enough = false;
                "BELOW"
            }
            Subject::Quiet => "ok",
            _ => "",
        };
        println!(
            "{:12} {:22} {:8.0} {ratio:8.2} {:15} {:9.3} {verdict}",
            "",
            between.subject.name(),
            quantile(&mut speed, 1, 2),
            format!("({low:.2}..{high:.2})"),
            cpu / took.len() as f64,
        );
    }
    enough
}

fn size(bytes: usize) -> String {
    match bytes {
        0x10_0000.. => format!("{} MiB", bytes >> 20),
        _ => format!("{} KiB", bytes >> 10),
    }
}

//! Programs that are measured.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Of so many runs the fastest counts.
const ROUNDS: usize = 3;

/// How a program ran.
pub(crate) struct Ran {
    pub(crate) seconds: f64,
    /// The most memory that it had, in bytes.
    pub(crate) memory: u64,
}

/// Runs midwire a few times.
pub(crate) fn best(arguments: &[&str], timed: bool) -> Ran {
    let rounds = if timed { ROUNDS } else { 1 };
    let runs = (0..rounds).map(|_| run(Path::new(env!("CARGO_BIN_EXE_midwire")), arguments));
    let mut best = Ran { seconds: f64::MAX, memory: 0 };
    for ran in runs {
        best.seconds = best.seconds.min(ran.seconds);
        best.memory = best.memory.max(ran.memory);
    }
    best
}

/// Seconds that tshark takes with a filter; `None`: it is not installed.
pub(crate) fn tshark(file: &Path, filter: &str, timed: bool) -> Option<f64> {
    let mut version = Command::new("tshark");
    let version = version.arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !timed || !version.is_ok_and(|status| status.success()) {
        return None;
    }
    let file = file.to_str()?;
    Some(run(Path::new("tshark"), &["-n", "-r", file, "-Y", filter]).seconds)
}

fn run(program: &Path, arguments: &[&str]) -> Ran {
    let begin = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let status = format!("/proc/{}/status", child.id());
    let mut memory = 0;
    loop {
        // What it had at most is in there as long as it runs.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
        memory = memory.max(now.unwrap_or(0) * 1024);
        if child.try_wait().expect("it can be waited for").is_some() {
            return Ran { seconds: begin.elapsed().as_secs_f64(), memory };
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

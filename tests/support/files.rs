//! What another program holds, and what this one may open. Only Linux tells.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::PATIENCE;
use super::program::Program;

/// Allows this program so many open files, if the system lets it; gives how many it may have.
#[cfg(target_os = "linux")]
pub fn allow(count: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(current) = current.filter(|current| *current < count) else { return count };
    let wanted = maximum.map_or(count, |maximum| maximum.min(count));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
        Ok(()) => wanted,
        Err(_) => current,
    }
}

/// How many files and sockets a program has open.
pub fn handles(program: &Program) -> usize {
    fs::read_dir(proc(program, "fd")).expect("the program runs").count()
}

/// Bytes of memory that a program alone holds, once that does not change any more.
pub fn memory(program: &Program) -> u64 {
    let deadline = Instant::now() + PATIENCE;
    let mut last = memory_now(program);
    let mut same = 0;
    while same < 4 && Instant::now() < deadline {
        sleep(Duration::from_millis(50));
        let now = memory_now(program);
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    last
}

/// The same at this moment.
pub fn memory_now(program: &Program) -> u64 {
    let status = fs::read_to_string(proc(program, "status")).expect("the program runs");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kilobytes.expect("Linux tells the memory of a program") * 1024
}

fn proc(program: &Program, file: &str) -> String {
    format!("/proc/{}/{file}", program.id())
}

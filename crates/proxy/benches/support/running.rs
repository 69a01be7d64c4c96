//! A program that is measured, as a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running process between the ends.
pub(crate) struct Running {
    process: Child,
    pub(crate) address: SocketAddr,
    /// Nanoseconds of CPU time of a process.
    cpu: fn(u32) -> u64,
}

impl Running {
    /// Starts it, and waits until it says on stderr where it listens. `None`: there is no such program.
    /// `cpu` gives the nanoseconds of CPU time that a process has taken.
    pub(crate) fn start(mut command: Command, cpu: fn(u32) -> u64) -> Option<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().ok()?;
        let said = BufReader::new(process.stderr.take().expect("piped diagnostics"));
        let mut lines = said.lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, after) = line.split_once("listening on ")?;
            // `socat` says the family first.
            after.trim().trim_start_matches("AF=2 ").parse().ok()
        });
        // Whatever else it says is not to fill its pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { process, address: address.expect("it says where it listens"), cpu })
    }

    /// Nanoseconds of CPU time that it has taken, once it does nothing more.
    pub(crate) fn cpu_when_idle(&self) -> u64 {
        self.when_idle(self.cpu)
    }

    /// The same by another count.
    pub(crate) fn when_idle(&self, cpu: fn(u32) -> u64) -> u64 {
        let now = || cpu(self.process.id());
        let mut before = now();
        loop {
            std::thread::sleep(Duration::from_millis(15));
            let now = now();
            if now.abs_diff(before) < 50_000 {
                return now;
            }
            before = now;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

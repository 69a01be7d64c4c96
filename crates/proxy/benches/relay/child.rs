//! What is measured, each as a process of its own.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use crate::support::running::Running;
use crate::traffic::Traffic;
use crate::{bare, rules};

/// Who stands between the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A bare copy.
    Copy,
    /// A bare copy that looks at each frame's length and id.
    Peek,
    /// midwire, showing nothing.
    Quiet,
    /// The same with its connections joined once nothing needs the frames.
    Joined,
    /// The first, counting for somebody who watches it.
    Watched,
    /// midwire, with its listing thrown away.
    Listing,
    /// midwire, with its JSON thrown away.
    Json,
    /// midwire, showing nothing, with a file of no rules: without one it would not look at frames.
    NoRules,
    /// midwire, showing nothing, with rules of which none matches.
    Rules,
    /// The same with its listing thrown away.
    ListedRules,
    /// midwire, showing nothing and recording all.
    Recorded,
    /// midwire, recording all and with its listing thrown away.
    ListedRecorded,
}

impl Subject {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Copy => "bare copy",
            Self::Peek => "bare peek",
            Self::Quiet => "-q, all frames",
            Self::Joined => "-q, joined",
            Self::Watched => "-q, metrics",
            Self::Listing => "listing",
            Self::Json => "--json",
            Self::NoRules => "no rules",
            Self::Rules => "200 rules",
            Self::ListedRules => "listing, rules",
            Self::Recorded => "-q -w FILE",
            Self::ListedRecorded => "-w FILE",
        }
    }
}

impl Subject {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(self, traffic: &Traffic, server: SocketAddr) -> Running {
        let cpu = match self {
            Subject::Recorded | Subject::ListedRecorded => relaying,
            _ => cpu,
        };
        Running::start(self.command(traffic, server), cpu).expect("the program starts")
    }

    fn command(self, traffic: &Traffic, server: SocketAddr) -> Command {
        let protocol = traffic.protocol;
        let to = server.to_string();
        let own = || Command::new(std::env::current_exe().expect("this program has a path"));
        let midwire = |view: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_midwire"));
            let listen = ["--listen", "127.0.0.1:0", "--to", &to];
            command.args(["proxy", protocol]).args(listen).args(view);
            command
        };
        let mut command = match self {
            Subject::Copy => own(),
            Subject::Peek => own(),
            // What is measured is looking at each frame, which with nothing shown is not done for long.
            Subject::Quiet => midwire(&["-q", "--set", "join=never"]),
            Subject::Joined => midwire(&["-q", "--set", "farewell=off"]),
            Subject::Watched => midwire(&["-q", "--set", "join=never", "--metrics", "0"]),
            Subject::Listing => midwire(&[]),
            Subject::Recorded | Subject::ListedRecorded => {
                let name = format!("midwire-{}-{self:?}.pcapng", std::process::id());
                let file = folder().join(name);
                let file = file.to_str().expect("a path in Unicode").to_owned();
                // So that the disk does not fill up.
                let ring = ["-w", &file, "-b", "filesize:200000", "-b", "files:2"];
                let quiet = ["-q", "--set", "join=never"];
                let quiet = if self == Subject::Recorded { &quiet[..] } else { &[] };
                midwire(&[quiet, &ring].concat())
            }
            Subject::Json => midwire(&["--json"]),
            Subject::NoRules | Subject::Rules | Subject::ListedRules => {
                let text = if self == Subject::NoRules { String::new() } else { rules::text() };
                let name = format!("midwire-{}-{self:?}.rules", std::process::id());
                let file = std::env::temp_dir().join(name);
                fs::write(&file, text).expect("a file for the rules");
                let file = file.to_str().expect("a path in Unicode").to_owned();
                let quiet = if self == Subject::ListedRules { &[][..] } else { &["-q"] };
                midwire(&[quiet, &["--rules", &file]].concat())
            }
        };
        match self {
            Subject::Copy => command.args([bare::COPY, protocol, &to]),
            Subject::Peek => command.args([bare::PEEK, protocol, &to]),
            _ => &mut command,
        };
        command
    }
}

/// Whether the system tells the CPU time of other processes' threads.
pub(crate) fn can_be_measured() -> bool {
    fs::read_to_string("/proc/self/schedstat").is_ok()
}

/// Where recordings go, and are removed again.
fn folder() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("midwire-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for recordings");
    folder
}

/// Removes what was recorded.
pub(crate) fn remove_recordings() {
    // There may be none.
    let _ = fs::remove_dir_all(folder());
}

/// Nanoseconds of CPU time of a process's threads that relay, not of those that record.
fn relaying(process: u32) -> u64 {
    cpu_of(process, |name| name != "recorder" && name != "sync")
}

/// Waits until one that records has written all.
pub(crate) fn wait_until_written(child: &Running) {
    // It lets a fifth of a second pass before it writes.
    std::thread::sleep(std::time::Duration::from_millis(300));
    child.when_idle(cpu);
}

/// Nanoseconds of CPU time of a process.
fn cpu(process: u32) -> u64 {
    cpu_of(process, |_| true)
}

/// The same of those of its threads that have such names.
fn cpu_of(process: u32, counts: impl Fn(&str) -> bool) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("the process runs");
    let of = |thread: std::io::Result<fs::DirEntry>| -> Option<u64> {
        let thread = thread.ok()?.path();
        if !counts(fs::read_to_string(thread.join("comm")).ok()?.trim()) {
            return None;
        }
        let text = fs::read_to_string(thread.join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    threads.filter_map(of).sum()
}

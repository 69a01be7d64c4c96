//! What is measured, each as a process of its own.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use crate::bare;
use crate::support::running::Running;

/// Who stands between the ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// `midwire proxy raw -q`.
    Quiet,
    /// The same copying all, as where there is no splice.
    Inspected,
    /// A bare splice loop, two threads a connection.
    Splice,
    /// `socat` as it is.
    Socat,
    /// `socat` with a buffer of 256 KiB.
    LargeSocat,
    /// A bare copy on tokio.
    Copy,
}

impl Subject {
    pub(crate) const ALL: [Self; 6] =
        [Self::Quiet, Self::Inspected, Self::Splice, Self::Socat, Self::LargeSocat, Self::Copy];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Quiet => "midwire raw -q",
            Self::Inspected => "same, join=never",
            Self::Splice => "bare splice loop",
            Self::Socat => "socat",
            Self::LargeSocat => "socat -b 262144",
            Self::Copy => "bare tokio copy",
        }
    }

    fn command(self, to: SocketAddr) -> Command {
        let own = || Command::new(std::env::current_exe().expect("this program has a path"));
        let to = to.to_string();
        let mut command = match self {
            Self::Quiet | Self::Inspected => Command::new(env!("CARGO_BIN_EXE_midwire")),
            Self::Splice | Self::Copy => own(),
            Self::Socat | Self::LargeSocat => Command::new("socat"),
        };
        let listen = ["proxy", "raw", "-q", "--listen", "127.0.0.1:0", "--to", &to];
        let connect = format!("TCP:{to},nodelay");
        match self {
            Self::Quiet => command.args(listen),
            Self::Inspected => command.args(listen).args(["--set", "join=never"]),
            Self::Splice => command.args([bare::SPLICE, &to]),
            Self::Copy => command.args([bare::COPY, &to]),
            Self::Socat => command.args(["-d", "-d", SOCAT, &connect]),
            Self::LargeSocat => command.args(["-d", "-d", "-b", "262144", SOCAT, &connect]),
        };
        command
    }
}

const SOCAT: &str = "TCP-LISTEN:0,bind=127.0.0.1,fork,nodelay";

/// What stands between the ends now.
pub(crate) struct Between {
    pub(crate) subject: Subject,
    pub(crate) running: Running,
}

impl Between {
    /// Starts it, and waits until it listens; `None`: the program is not there.
    pub(crate) fn start(subject: Subject, to: SocketAddr) -> Option<Self> {
        Some(Self { subject, running: Running::start(subject.command(to), cpu)? })
    }
}

/// Nanoseconds of CPU time of a process, of its threads that are over, and of its children that are.
fn cpu(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process runs");
    let (_, after_name) = stat.rsplit_once(')').expect("the name is in brackets");
    let ticks =
        after_name.split_whitespace().skip(11).take(4).filter_map(|t| t.parse::<u64>().ok());
    // A tick is a hundredth of a second on every Linux.
    ticks.sum::<u64>() * 10_000_000
}

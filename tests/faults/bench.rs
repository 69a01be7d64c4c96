//! A running midwire to which things are done, and what is seen of it.

use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::PATIENCE;
use crate::support::ends::{Ends, Server};
use crate::support::files::{handles, memory_now};
use crate::support::program::Program;
use crate::talk::Talk;

/// How long a client may take to begin, in the bench.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_millis(1500);
/// Sessions at once, at most.
pub(crate) const MANY: usize = 2_000;
/// What memory may differ by: the allocator keeps some of what was used, in pieces.
const MEMORY_SLACK: u64 = 4 << 20;
/// Noticing may take so long at most, besides what a limit says.
const NOTICE_MAX: Duration = Duration::from_secs(10);

/// What one run of a fault came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    /// Bytes that did not arrive, or not in their place.
    pub(crate) lost: u64,
    /// How long it took until the other side was told; `None`: there was nothing to tell.
    pub(crate) noticed: Option<Duration>,
}

/// How midwire is run. A farewell adds bytes to what a server says, so there is none.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) protocol: &'static str,
    /// Whether connections are joined when nothing needs frames any more.
    pub(crate) joins: bool,
}

impl Way {
    /// A running midwire.
    pub(crate) fn proxy(self, server: SocketAddr, more: &[&str]) -> (Program, SocketAddr) {
        let join = if self.joins { "join=auto" } else { "join=never" };
        let settings = ["-q", "--set", "farewell=off", "--set", join];
        Program::proxy(self.protocol, server, &[&settings, more].concat())
    }
}

/// A midwire between a server and clients.
pub(crate) struct Bench {
    pub(crate) way: Way,
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    pub(crate) server: Server,
    pub(crate) talk: Talk,
    /// The most memory that it has held with [`MANY`] sessions that do nothing.
    held: u64,
}

impl Bench {
    pub(crate) fn start(way: Way) -> Self {
        let server = Server::start();
        let timeout = format!("handshake_timeout={}", HANDSHAKE_TIMEOUT.as_millis());
        let (program, address) = way.proxy(server.address, &["--set", &timeout]);
        let talk = Talk::recorded(way.protocol);
        let mut bench = Self { way, program, address, server, talk, held: 0 };
        // The allocator gives memory back to the system in large pieces only, and so not always: what many
        // sessions took once may stay, to be used again. More than that must never be held.
        for _ in 0..3 {
            let connect = || TcpStream::connect(address).unwrap();
            let many = (0..MANY).map(|_| (connect(), bench.server.accept_stream()));
            let many: Vec<_> = many.collect();
            bench.held = bench.held.max(bench.memory_now());
            drop(many);
            bench.settled_files(None);
        }
        bench
    }

    pub(crate) fn open(&self) -> Ends {
        Ends::open(self.address, &self.server)
    }

    /// Does something so many times; a line of the table.
    pub(crate) fn row(
        &mut self,
        name: &str,
        runs: u64,
        run: fn(&mut Self, u64) -> Outcome,
    ) -> String {
        let files = self.settled_files(None);
        let before = self.settled_memory();
        let outcomes: Vec<Outcome> = (1..=runs).map(|number| run(self, number)).collect();
        let left = self.settled_files(Some(files));
        let after = self.settled_memory();
        let lost: u64 = outcomes.iter().map(|outcome| outcome.lost).sum();
        let noticed = outcomes.iter().filter_map(|outcome| outcome.noticed).max();
        let what = format!("{} {name}", self.way.name);
        assert_eq!(lost, 0, "{what}: bytes are lost or out of order{}", self.program.story());
        assert!(noticed < Some(NOTICE_MAX), "{what}: noticed after {noticed:?}");
        assert!(left <= files, "{what}: {left} files stay open, {files} were");
        let held = before.max(self.held);
        assert!(after < held + MEMORY_SLACK, "{what}: {after} bytes, {before} before");
        line(
            self.way.name,
            name,
            outcomes.len() as u64,
            lost,
            noticed,
            Some([before, after]),
            Some([files, left]),
        )
    }

    /// How many files it has open once its sessions are over; as few as before, if it gets there.
    fn settled_files(&self, before: Option<usize>) -> usize {
        let deadline = Instant::now() + PATIENCE;
        let (mut last, mut same) = (handles(&self.program), 0);
        loop {
            sleep(Duration::from_millis(20));
            let now = handles(&self.program);
            same = if now == last { same + 1 } else { 0 };
            last = now;
            let is_there = before.map_or(same >= 3, |before| now <= before);
            if is_there || Instant::now() > deadline {
                return now;
            }
        }
    }

    /// How much memory it holds, once that has not grown or shrunk for a little.
    fn settled_memory(&self) -> u64 {
        let (mut last, mut same) = (self.memory_now(), 0);
        while same < 3 {
            sleep(Duration::from_millis(15));
            let now = self.memory_now();
            same = if now == last { same + 1 } else { 0 };
            last = now;
        }
        last
    }

    /// Bytes of memory now, for who compares while sessions are open.
    pub(crate) fn memory_now(&self) -> u64 {
        memory_now(&self.program)
    }
}

pub(crate) fn head() -> String {
    format!(
        "{:16} {:33} {:>4} {:>5} {:>10} {:>9} {:>9} {:>6} {:>6}",
        "by", "fault", "runs", "lost", "noticed", "KiB, then", "after", "files", "after"
    )
}

pub(crate) fn line(
    way: &str,
    name: &str,
    runs: u64,
    lost: u64,
    noticed: Option<Duration>,
    memory: Option<[u64; 2]>,
    files: Option<[usize; 2]>,
) -> String {
    let noticed = noticed.map_or("-".into(), |n| format!("{:.1} ms", n.as_secs_f64() * 1e3));
    let memory = memory.map(|m| m.map(|bytes| (bytes >> 10).to_string()));
    let [before, after] = memory.unwrap_or_else(|| ["-".into(), "-".into()]);
    let files = files.map(|f| f.map(|count| count.to_string()));
    let [opened, left] = files.unwrap_or_else(|| ["-".into(), "-".into()]);
    format!(
        "{way:16} {name:33} {runs:4} {lost:5} {noticed:>10} {before:>9} {after:>9} {opened:>6} {left:>6}"
    )
}

//! What relaying costs against loops that only copy.
//!
//! ```text
//! cargo bench -p midwire-proxy --bench relay [-- WORD..]
//! ```
//! runs `midwire` and bare loops as processes of their own between the two ends of a connection on
//! this machine, by turns, and prints the rows that contain all words: the CPU time that the process in
//! the middle took for a packet, and what that is of the bare copy's. It exits with 1 if a ratio is over
//! its bound.
//!
//! The ends share the machine with what is measured, so only CPU time and ratios say much.

mod bare;
mod child;
mod ends;
#[path = "../../../../tests/support/recording.rs"]
#[allow(dead_code, unreachable_pub)]
mod recording;
mod rules;
#[path = "../support/mod.rs"]
mod support;
mod traffic;

use std::process::ExitCode;

use child::Subject;
use ends::Ends;
use support::loopback::listen;
use support::quantile;
use support::running::Running;
use traffic::Traffic;

/// The most that a packet may cost with nothing shown, in bare copies. Tiny packets are measured, but not
/// held to it: already the bare loop that only looks where they end is above.
const BOUND: f64 = 2.0;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(loops) = bare::asked_for(&args) {
        return loops;
    }
    // Cargo passes this to benches; `cargo test --benches` only wants to see that they run.
    let timed = args.iter().any(|arg| arg == "--bench");
    if !child::can_be_measured() {
        println!("nothing measured: the CPU time of a thread is known on Linux alone");
        return ExitCode::SUCCESS;
    }
    let wanted = args.into_iter().filter(|arg| !arg.starts_with('-')).collect();
    let mut bench = Bench { timed, wanted, over: false };
    let kinds = traffic::all();
    let copy = Subject::Copy;
    let unseen = [Subject::Peek, Subject::Quiet, Subject::Joined, Subject::Watched];
    bench.floods(&kinds, "unseen", copy, &unseen, 64 << 20, Some(BOUND));
    bench.floods(&kinds, "listed", copy, &[Subject::Listing, Subject::Json], 3 << 20, None);
    let games: Vec<Traffic> = kinds.into_iter().filter(|t| t.protocol == "minecraft").collect();
    bench.floods(&games, "metrics", Subject::Quiet, &[Subject::Watched], 64 << 20, None);
    let bound = Some(RULES_BOUND);
    bench.floods(&games, "200 rules", Subject::NoRules, &[Subject::Rules], 64 << 20, bound);
    let listed = [Subject::ListedRules];
    bench.floods(&games, "200 rules, listed", Subject::Listing, &listed, 3 << 20, bound);
    bench.looks(&games);
    bench.recorded(&games);
    child::remove_recordings();
    let kinds = games;
    bench.answers(&kinds[0]);
    if bench.over { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The most that a packet may cost with rules of which none matches, in packets without rules.
const RULES_BOUND: f64 = 1.15;

/// What is left of the throughput where it is recorded.
const RECORDED_BOUND: f64 = 0.9;

struct Bench {
    timed: bool,
    wanted: Vec<String>,
    over: bool,
}

/// What one flood took.
#[derive(Clone, Copy)]
struct Took {
    /// CPU time of the process in the middle.
    cpu_ns_a_packet: f64,
    bytes_a_second: f64,
}

impl Bench {
    fn rounds(&self) -> usize {
        if self.timed { 11 } else { 1 }
    }

    fn wants(&self, words: &[&str]) -> bool {
        let row = words.join(" ");
        self.wanted.iter().all(|wanted| row.contains(wanted.as_str()))
    }

    /// Much in one direction.
    fn floods(
        &mut self,
        kinds: &[Traffic],
        title: &str,
        base: Subject,
        subjects: &[Subject],
        bytes: usize,
        bound: Option<f64>,
    ) {
        let is_wanted = |traffic: &Traffic, subject: &Subject| {
            self.wants(&[title, traffic.name, subject.name()])
        };
        if !kinds.iter().any(|traffic| subjects.iter().any(|s| is_wanted(traffic, s))) {
            return;
        }
        self.line(&format!(
            "{title:32} {:14} {:>10} {:>8} {:>6}  {:13} at most",
            "by", "ns/packet", "MB/s", "ratio", "(quartiles)"
        ));
        for traffic in kinds {
            let subjects: Vec<Subject> = subjects
                .iter()
                .copied()
                .filter(|subject| self.wants(&[title, traffic.name, subject.name()]))
                .collect();
            if subjects.is_empty() {
                continue;
            }
            let bytes = if self.timed { bytes } else { traffic.flood.len() };
            let subjects = [&[base], &subjects[..]].concat();
            let mut rounds = by_turns(&subjects, traffic, self.rounds(), |child, ends| {
                flood(child, ends, traffic, bytes)
            });
            let copied = rounds.remove(0);
            self.flood_row(traffic, base, &copied, &copied, None);
            for (subject, took) in subjects[1..].iter().zip(&rounds) {
                let is_held =
                    matches!(subject, Subject::Quiet | Subject::Rules | Subject::ListedRules);
                let is_bound = is_held && !traffic.is_tiny();
                let bound = bound.filter(|_| is_bound);
                self.flood_row(traffic, *subject, took, &copied, bound);
            }
        }
    }

    /// What recording costs, in throughput and in the time of the threads that relay: of bursts, and of floods
    /// that last longer than a recording can wait to be written, which no disk keeps up with.
    fn recorded(&mut self, kinds: &[Traffic]) {
        const UNSEEN: [Subject; 2] = [Subject::Quiet, Subject::Recorded];
        const LISTED: [Subject; 2] = [Subject::Listing, Subject::ListedRecorded];
        self.recorded_floods("recorded", kinds, 24 << 20, self.rounds(), UNSEEN);
        self.recorded_floods("recorded, listed", kinds, 3 << 20, self.rounds(), LISTED);
        let rounds = self.rounds().min(5);
        self.recorded_floods("recorded, lasting", kinds, 256 << 20, rounds, UNSEEN);
    }

    fn recorded_floods(
        &mut self,
        title: &str,
        kinds: &[Traffic],
        bytes: usize,
        rounds: usize,
        subjects: [Subject; 2],
    ) {
        let is_wanted = |traffic: &&Traffic| self.wants(&[title, traffic.name]);
        if !kinds.iter().any(|traffic| is_wanted(&traffic)) {
            return;
        }
        self.line(&format!(
            "{title:32} {:14} {:>10} {:>8} {:>8}  at least",
            "by", "relay ns", "MB/s", "of it"
        ));
        let kinds: Vec<&Traffic> = kinds.iter().filter(is_wanted).collect();
        for traffic in kinds {
            let bytes = if self.timed { bytes } else { traffic.flood.len() };
            let times = (bytes / traffic.flood.len()).max(1);
            let rounds = by_turns(&subjects, traffic, rounds, |child, ends| {
                let before = child.cpu_when_idle();
                let took = ends.flood(traffic, times);
                let relaying = child.cpu_when_idle() - before;
                let speed = (times * traffic.flood.len()) as f64 / took.as_secs_f64();
                if self.timed {
                    child::wait_until_written(child);
                }
                (relaying as f64 / (times * traffic.packets) as f64, speed / 1e6)
            });
            for (subject, took) in subjects.iter().zip(&rounds) {
                let base = rounds.first().unwrap_or(took);
                let mut ratios: Vec<f64> =
                    took.iter().zip(base).map(|(took, base)| took.1 / base.1).collect();
                let (mut cpu, mut speed): (Vec<f64>, Vec<f64>) = took.iter().copied().unzip();
                let ratio = quantile(&mut ratios, 1, 2);
                let verdict = match *subject {
                    first if first == subjects[0] => String::new(),
                    _ if ratio >= RECORDED_BOUND => format!("{RECORDED_BOUND:.2} ok"),
                    _ => {
                        self.over |= self.timed;
                        format!("{RECORDED_BOUND:.2} UNDER")
                    }
                };
                self.line(&format!(
                    "{:32} {:14} {:10.1} {:8.0} {ratio:8.2}  {verdict}",
                    traffic.name,
                    subject.name(),
                    quantile(&mut cpu, 1, 2),
                    quantile(&mut speed, 1, 2),
                ));
            }
        }
    }

    fn flood_row(
        &mut self,
        traffic: &Traffic,
        subject: Subject,
        took: &[Took],
        copied: &[Took],
        bound: Option<f64>,
    ) {
        let mut ratios: Vec<f64> =
            took.iter().zip(copied).map(|(a, b)| a.cpu_ns_a_packet / b.cpu_ns_a_packet).collect();
        let [low, ratio, high] = [1, 2, 3].map(|quarter| quantile(&mut ratios, quarter, 4));
        let mut cpu: Vec<f64> = took.iter().map(|took| took.cpu_ns_a_packet).collect();
        let mut speed: Vec<f64> = took.iter().map(|took| took.bytes_a_second / 1e6).collect();
        let verdict = match bound {
            None => String::new(),
            Some(bound) if ratio <= bound => format!("{bound} ok"),
            Some(bound) => {
                self.over |= self.timed;
                format!("{bound} OVER")
            }
        };
        self.line(&format!(
            "{:32} {:14} {:10.1} {:8.0} {ratio:6.2}  ({low:.2}..{high:.2})  {verdict}",
            traffic.name,
            subject.name(),
            quantile(&mut cpu, 1, 2),
            quantile(&mut speed, 1, 2),
        ));
    }

    /// One small packet there and one back, again and again.
    fn answers(&self, traffic: &Traffic) {
        const SUBJECTS: [Subject; 4] =
            [Subject::Copy, Subject::Quiet, Subject::Listing, Subject::Json];
        let title = "one packet there and back";
        if !self.wants(&[title]) {
            return;
        }
        self.line(&format!("{title:32} {:14} {:>10} {:>8}", "by", "p50 us", "p99 us"));
        let times = if self.timed { 3000 } else { 10 };
        let rounds = by_turns(&SUBJECTS, traffic, self.rounds(), |_, ends| {
            let mut micros = ends.answers(traffic, times);
            (quantile(&mut micros, 50, 100), quantile(&mut micros, 99, 100))
        });
        for (subject, took) in SUBJECTS.iter().zip(&rounds) {
            let (mut middle, mut slow): (Vec<f64>, Vec<f64>) = took.iter().copied().unzip();
            let (middle, slow) = (quantile(&mut middle, 1, 2), quantile(&mut slow, 1, 2));
            let name = subject.name();
            self.line(&format!("{:32} {name:14} {middle:10.1} {slow:8.1}", traffic.name));
        }
    }

    /// How many packets the rules were asked about.
    fn looks(&self, kinds: &[Traffic]) {
        let title = "200 rules, packets";
        if !self.wants(&[title]) {
            return;
        }
        self.line(&format!("{title:32} {:>10} {:>10} {:>10}", "in all", "judged", "decoded"));
        for traffic in kinds {
            let looks = rules::looks(traffic);
            assert!(looks.decoded <= looks.judged);
            self.line(&format!(
                "{:32} {:>10} {:>10} {:>10}",
                traffic.name, traffic.packets, looks.judged, looks.decoded
            ));
        }
    }

    fn line(&self, line: &str) {
        if self.timed {
            println!("{line}");
        }
    }
}

/// Measures each subject once a round, in an order that turns, and gives each one's rounds.
fn by_turns<T>(
    subjects: &[Subject],
    traffic: &Traffic,
    rounds: usize,
    measure: impl Fn(&Running, Ends) -> T,
) -> Vec<Vec<T>> {
    let server = listen();
    let address = server.local_addr().expect("a bound socket has an address");
    let children: Vec<Running> =
        subjects.iter().map(|subject| subject.start(traffic, address)).collect();
    let mut results: Vec<Vec<T>> = subjects.iter().map(|_| Vec::new()).collect();
    let open = |child: &Running| Ends::open(child.address, &server, traffic);
    // Nobody's first session counts: memory and tables are made in it.
    for child in &children {
        measure(child, open(child));
    }
    for round in 0..rounds {
        for turn in 0..children.len() {
            let at = (round + turn) % children.len();
            results[at].push(measure(&children[at], open(&children[at])));
        }
    }
    results
}

fn flood(child: &Running, ends: Ends, traffic: &Traffic, bytes: usize) -> Took {
    let times = (bytes / traffic.flood.len()).max(1);
    let before = child.cpu_when_idle();
    let took = ends.flood(traffic, times);
    let cpu = child.cpu_when_idle() - before;
    Took {
        cpu_ns_a_packet: cpu as f64 / (times * traffic.packets) as f64,
        bytes_a_second: (times * traffic.flood.len()) as f64 / took.as_secs_f64(),
    }
}

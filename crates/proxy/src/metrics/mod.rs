//! What midwire counts while it runs, for whoever watches it from outside.
//!
//! Sessions add what has come since they last did so once for each read, so the numbers are those of now.

mod http;
mod text;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use midwire_session::{Counters, Direction, Event};

pub(crate) use self::http::{Server, address};
use crate::queue::Losses;
use crate::record::Recordings;

/// Packets with fields that could not be read, as far as somebody looked at them: only views do.
pub(crate) static MALFORMED: AtomicU64 = AtomicU64::new(0);

/// A number that only grows.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Counter {
    fn add(&self, n: u64) {
        if n > 0 {
            self.0.fetch_add(n, Ordering::Relaxed);
        }
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a client was not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server's name is not known.
    Lookup,
    /// It refused, or could not be reached.
    Refused,
    /// It did not answer in time.
    Timeout,
    /// It is midwire itself.
    Itself,
    /// midwire was asked to end.
    Ending,
}

impl Failure {
    const ALL: [Self; 5] = [Self::Lookup, Self::Refused, Self::Timeout, Self::Itself, Self::Ending];

    fn as_str(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Itself => "itself",
            Self::Ending => "ending",
        }
    }
}

/// The bounds of the latency's classes, in microseconds.
const BOUNDS: [u64; 13] =
    [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000];

/// How long bytes took from being read to being written.
#[derive(Debug, Default)]
struct Latency {
    /// One more than there are bounds: what took longer than the last.
    classes: [Counter; BOUNDS.len() + 1],
    micros: Counter,
}

#[derive(Debug, Default)]
struct Way {
    bytes: Counter,
    frames: Counter,
    sent_bytes: Counter,
    dropped: Counter,
    changed: Counter,
    injected: Counter,
    unknown: Counter,
    undecodable: Counter,
    framing_lost: Counter,
}

/// All that is counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    opened: Counter,
    ended: Counter,
    turned_away: Counter,
    failed: [Counter; Failure::ALL.len()],
    ways: [Way; 2],
    latency: Latency,
}

impl Metrics {
    pub(crate) fn session_opened(&self) {
        self.opened.add(1);
    }

    pub(crate) fn session_ended(&self) {
        self.ended.add(1);
    }

    pub(crate) fn turned_away(&self) {
        self.turned_away.add(1);
    }

    pub(crate) fn failed(&self, why: Failure) {
        self.failed[why as usize].add(1);
    }
}

/// Of so many reads the time of one is taken.
const SAMPLED: u32 = 16;

/// What one session has added so far.
#[derive(Debug)]
pub(crate) struct Meter {
    metrics: Arc<Metrics>,
    added: [Counters; 2],
    reads: u32,
}

impl Meter {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, added: Default::default(), reads: 0 }
    }

    /// Adds what a session has counted since the last time.
    pub(crate) fn add(&mut self, now: [Counters; 2]) {
        for (way, (now, added)) in self.metrics.ways.iter().zip(now.iter().zip(&mut self.added)) {
            if now == added {
                continue;
            }
            way.bytes.add(now.bytes.saturating_sub(added.bytes));
            way.frames.add(now.frames.saturating_sub(added.frames));
            way.sent_bytes.add(now.sent_bytes.saturating_sub(added.sent_bytes));
            way.dropped.add(now.dropped.saturating_sub(added.dropped));
            way.changed.add(now.changed.saturating_sub(added.changed));
            way.injected.add(now.injected.saturating_sub(added.injected));
            *added = *now;
        }
    }

    /// Adds what is seen only where packets are looked at.
    pub(crate) fn add_events(&self, events: &[Event]) {
        for event in events {
            match event {
                Event::Packet(packet) => {
                    let way = self.way(packet.direction);
                    way.unknown.add((packet.id.is_some() && packet.definition.is_none()).into());
                    way.undecodable.add(packet.problem.is_some().into());
                }
                Event::LostFraming { direction, .. } => self.way(*direction).framing_lost.add(1),
                _ => {}
            }
        }
    }

    fn way(&self, direction: Direction) -> &Way {
        &self.metrics.ways[direction.index()]
    }

    /// Whether the time of this read is to be taken.
    pub(crate) fn is_sampled(&mut self) -> bool {
        self.reads = self.reads.wrapping_add(1);
        self.reads % SAMPLED == 1
    }

    /// What was read has all been written after so long.
    pub(crate) fn took(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let class = BOUNDS.partition_point(|bound| *bound < micros);
        self.metrics.latency.classes[class].add(1);
        self.metrics.latency.micros.add(micros);
    }
}

/// All that is told: what was counted, and what the system knows.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) losses: Losses,
    pub(crate) recordings: Recordings,
}

//! What decoding by plan costs against decoders written by hand.
//!
//! ```text
//! cargo bench -p midwire-definition --bench decode [-- WORD..]
//! ```
//! prints, for the rows that contain all words, the CPU time of one packet, medians, and the ratio. It
//! exits with 1 if a ratio is over its bound.

mod clock;
mod hand;
mod packets;

use std::hint::black_box;
use std::process::ExitCode;

use clock::{Measured, Side, compare};
use midwire_definition::plan::{Flow, Group, Node, Visitor};
use midwire_definition::value::Value;
use midwire_definition::{Plan, Workspace};

/// The most that finding all positions may cost, in decoders written by hand.
const BOUND: f64 = 1.5;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // Cargo passes this to benches; `cargo test --benches` only wants to see that they run.
    let timed = args.iter().any(|arg| arg == "--bench");
    let wanted: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let mut table = Table { timed, wanted, over: false };
    table.head();
    rows(&mut table);
    if table.over { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn rows(table: &mut Table<'_>) {
    let kind = packets::player_controls();
    packet(table, "PlayerControls", &kind, hand::player_controls, hand::PlayerControls::sum);
    let kind = packets::entity_move();
    packet(table, "rel_entity_move", &kind, hand::entity_move, hand::EntityMove::sum);
    let kind = packets::sync_npc();
    packet(table, "SyncNPC", &kind, hand::sync_npc, hand::SyncNpc::sum);

    let kind = packets::strings();
    let mut out = Vec::new();
    let decode = move |payload| hand::strings(payload, &mut out).map(|()| out.len());
    positions(table, "8 strings", &kind, decode);
    let mut out = Vec::new();
    let sum = move |payload| {
        hand::strings(payload, &mut out).expect("the packet is whole");
        out.iter().map(|text| text_sum(text)).sum()
    };
    values(table, "8 strings", &kind, sum);

    let kind = packets::varints();
    let mut out = Vec::new();
    let decode = move |payload: &[u8]| hand::varints(payload, &mut out).map(|()| out.len());
    positions(table, "64 varints", &kind, decode);
    let mut out = Vec::new();
    let sum = move |payload: &[u8]| {
        hand::varints(payload, &mut out).expect("the packet is whole");
        out.iter().fold(0, |sum: u64, n| sum.wrapping_add(*n as u64))
    };
    values(table, "64 varints", &kind, sum);
}

/// Both rows of a packet that becomes a struct.
fn packet<'a, T>(
    table: &mut Table<'_>,
    name: &str,
    kind: &'a packets::Kind,
    decode: impl Fn(&'a [u8]) -> Result<T, hand::Fault> + Copy + 'a,
    sum: impl Fn(&T) -> u64 + 'a,
) {
    positions(table, name, kind, decode);
    values(table, name, kind, move |payload| sum(&decode(payload).expect("the packet is whole")));
}

fn plan(kind: &packets::Kind) -> &Plan {
    kind.definition.plan.as_deref().expect("the packet has a body")
}

/// Finding every position, against decoding into a struct.
fn positions<'a, T>(
    table: &mut Table<'_>,
    name: &str,
    kind: &'a packets::Kind,
    mut decode: impl FnMut(&'a [u8]) -> Result<T, hand::Fault> + 'a,
) {
    let plan = plan(kind);
    let mut ws = Workspace::default();
    for payload in kind.payloads() {
        let packet = plan.decode(payload, 1, &kind.conn, &mut ws);
        assert!(packet.error().is_none() && packet.rest().is_empty(), "{name}: {packet:?}");
    }
    let hand = side(kind, move |payload| {
        assert!(black_box(&decode(black_box(payload))).is_ok());
    });
    let run = side(kind, move |payload| {
        let packet = plan.decode(black_box(payload), 1, &kind.conn, &mut ws);
        assert!(black_box(&packet).error().is_none());
    });
    table.row(name, "all positions", Some(BOUND), hand, run);
}

/// Reading every value: shown to a visitor, against summing up the struct.
fn values<'a>(
    table: &mut Table<'_>,
    name: &str,
    kind: &'a packets::Kind,
    mut sum: impl FnMut(&'a [u8]) -> u64 + 'a,
) {
    let plan = plan(kind);
    let mut ws = Workspace::default();
    let mut walk = move |payload: &'a [u8]| {
        let mut all = Sum(0);
        plan.decode(payload, 1, &kind.conn, &mut ws).walk(&mut all);
        all.0
    };
    for payload in kind.payloads() {
        assert_eq!(sum(payload), walk(payload), "{name}");
    }
    let hand = side(kind, move |payload| {
        black_box(sum(black_box(payload)));
    });
    let run = side(kind, move |payload| {
        black_box(walk(black_box(payload)));
    });
    table.row(name, "all values, visited", None, hand, run);
}

fn side<'a>(kind: &'a packets::Kind, mut once: impl FnMut(&'a [u8]) + 'a) -> Side<'a> {
    let payloads: Vec<&[u8]> = kind.payloads().collect();
    Box::new(move |times| {
        for _ in 0..times {
            for payload in &payloads {
                once(payload);
            }
        }
        times * payloads.len()
    })
}

/// All values of a packet as one number, so that nobody can leave one out.
struct Sum(u64);

impl Visitor for Sum {
    fn value(&mut self, _: &Node<'_>, value: &Value<'_>) {
        let n = match value {
            Value::F32(f) => f.to_bits().into(),
            Value::Text(_, bytes, _) => text_sum(bytes),
            value => value.as_int().unwrap_or(0) as u64,
        };
        self.0 = self.0.wrapping_add(n);
    }

    fn open(&mut self, _: &Node<'_>, _: Group) -> Flow {
        Flow::Enter
    }

    fn close(&mut self, _: &Node<'_>) {}
}

fn text_sum(bytes: &[u8]) -> u64 {
    bytes.len() as u64 + bytes.first().map_or(0, |b| u64::from(*b))
}

/// The table of results.
struct Table<'a> {
    timed: bool,
    wanted: Vec<&'a String>,
    over: bool,
}

impl Table<'_> {
    fn head(&self) {
        if self.timed {
            println!(
                "{:16} {:22} {:>9} {:>9} {:>6}  {:13} at most",
                "packet", "what", "hand ns", "plan ns", "ratio", "(quartiles)"
            );
        }
    }

    fn row(&mut self, name: &str, what: &str, bound: Option<f64>, hand: Side<'_>, run: Side<'_>) {
        let row = format!("{name} {what}");
        if !self.wanted.iter().all(|wanted| row.contains(wanted.as_str())) {
            return;
        }
        if !self.timed {
            let (mut hand, mut run) = (hand, run);
            hand(1);
            run(1);
            return;
        }
        let Measured { hand, plan, ratio: [low, median, high] } = compare(hand, run);
        let verdict = match bound {
            None => String::new(),
            Some(bound) if median <= bound => format!("{bound:.1} ok"),
            Some(bound) => {
                self.over = true;
                format!("{bound:.1} OVER")
            }
        };
        println!(
            "{name:16} {what:22} {hand:9.1} {plan:9.1} {median:6.2}  ({low:.2}..{high:.2})  {verdict}"
        );
    }
}

//! What 200 rules of which none matches cost on recorded play traffic: the median of many rounds on this
//! machine, a packet, over all packets of the recording; and how many of those were looked at, and decoded.
//! Fails when the cost is above its target.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

#[path = "../tests/rules_support/mod.rs"]
mod rules_support;
#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use midwire_definition::{Root, Workspace};
use midwire_rules::rule::{Decision, RuleSet};
use midwire_rules::{Interest, Lexicon};
use midwire_session::Peers;
use rules_support::texts;
use support::{packets, protocol_of};

const CAPTURE: &str = "mc-1.20.4-offline";
const ROUNDS: usize = 101;
/// What one packet may cost that rules have to be asked about.
const TARGET_NS: f64 = 3_000.0;

/// 200 rules as people have them: much chat, some moves, and much that this session never sees.
fn rules() -> String {
    let mut text = String::new();
    for n in 0..40 {
        writeln!(text, "hide clientbound group:chat where text contains \"spam{n}\" nocase")
            .unwrap();
        writeln!(text, "set clientbound update_health where health == {n}.123: health = 20")
            .unwrap();
        writeln!(text, "drop clientbound entity_velocity where entity_id == {n} + 9000000")
            .unwrap();
        writeln!(text, "mark red clientbound spawn_entity where type == {n} + 5000").unwrap();
        writeln!(text, "log serverbound window_click where slot == {n} + 1000").unwrap();
    }
    text
}

fn main() {
    let protocol = protocol_of(CAPTURE);
    let begun = Instant::now();
    let lexicon = Arc::new(Lexicon::new(&protocol));
    println!("names of the protocol: {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
    let text = rules();
    let loader = texts(&[("bench.rules", &text)]);
    for _ in 0..2 {
        let begun = Instant::now();
        RuleSet::load(&[Root { path: "bench.rules", loader: &loader }], &lexicon).unwrap();
        println!("200 rules read and checked: {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
    }
    let set = RuleSet::load(&[Root { path: "bench.rules", loader: &loader }], &lexicon).unwrap();
    assert_eq!(set.rules().len(), 200);
    let packets = packets(CAPTURE, &protocol);
    let begun = Instant::now();
    let rules = set.at(packets.last().unwrap().packet.version);
    println!("compiled for a version: {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
    let wanted: Vec<_> = packets
        .iter()
        .map(|recorded| &recorded.packet)
        .filter(|packet| {
            let definition = packet.definition.as_deref();
            rules.interest(packet.state, packet.direction, definition) != Interest::Never
        })
        .collect();
    let mut state = set.begin();
    let (mut decision, mut ws) = (Decision::default(), Workspace::default());
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        state = set.begin();
        let begun = Instant::now();
        for packet in &wanted {
            let envelope = packet.envelope(Peers { session: 1, ..Peers::default() });
            set.judge(&rules, &mut state, &envelope, true, &mut ws, &mut decision);
            assert!(black_box(&decision).is_nothing(), "no rule matches");
        }
        rounds.push(begun.elapsed().as_nanos() as f64);
    }
    rounds.sort_by(f64::total_cmp);
    let median = rounds[ROUNDS / 2];
    let each = median / state.looks().judged.max(1) as f64;
    let looks = state.looks();
    println!(
        "{} packets, {} judged, {} decoded; {each:.1} ns a packet judged, {:.2} ns a packet of all",
        packets.len(),
        looks.judged,
        looks.decoded,
        median / packets.len() as f64,
    );
    assert!(looks.judged == wanted.len() as u64 && looks.decoded <= looks.judged);
    assert!(each <= TARGET_NS, "{each:.2} ns is above {TARGET_NS} ns");
}

//! Where bytes tell that no rule acts, none does: of recorded packets, as they are, cut and damaged.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod rules_support;
mod support;

use std::sync::Arc;

use midwire_definition::{Root, Workspace};
use midwire_rules::rule::{Decision, RuleSet};
use midwire_rules::{Envelope, Lexicon};
use rules_support::texts;
use support::{packets, protocol_of};

/// Rules of which some are quiet about most packets of their kind.
const RULES: &[&str] = &[
    "log both * where packet.length == 12",
    "set clientbound update_health where health < 19.5: health = 20",
    "drop clientbound spawn_entity where type in {3, 5, 100..120}",
    "mark red clientbound spawn_entity where x > 0 and type == 2",
    "hide clientbound group:chat where text contains \"joined\"",
    "hide clientbound group:chat where text matches /l[vw]a/ and text contains \"A\" nocase",
    "log clientbound system_chat where not text(content) contains \"a\"",
    "mark blue serverbound position where on_ground and y > 4.5",
    "mark blue serverbound position where y < 5 every 3",
    "drop serverbound settings where locale startswith \"en\" and viewDistance != 3",
    "log serverbound custom_payload where data contains hex \"6e\"",
    "log both keep_alive where keep_alive_id != 7",
    "log clientbound entity_destroy where entity_ids == 3",
    "log clientbound rel_entity_move where entity_id in {1..4, 9} once",
    "duplicate clientbound held_item_slot where slot == 0",
];

#[test]
fn of_packets_that_rules_are_quiet_about_they_say_nothing() {
    let (mut quiet, mut acted) = (0, 0);
    for capture in ["mc-1.20.4-offline", "mc-1.8.8-offline", "mc-1.21.4-offline"] {
        let protocol = protocol_of(capture);
        let lexicon = Arc::new(Lexicon::new(&protocol));
        let all = RULES.join("\n");
        let files = RULES.iter().copied().chain([all.as_str()]);
        let sets: Vec<RuleSet> = files
            .map(|text| {
                let loader = texts(&[("r.rules", text)]);
                let root = Root { path: "r.rules", loader: &loader };
                RuleSet::load(&[root], &lexicon).unwrap_or_else(|why| panic!("{why}"))
            })
            .collect();
        let packets = packets(capture, &protocol);
        let (mut decision, mut ws) = (Decision::default(), Workspace::default());
        for (at, recorded) in packets.iter().enumerate() {
            let envelope = recorded.envelope();
            let whole = envelope.payload;
            let mut forms = vec![whole.to_vec()];
            for n in 1..4 {
                // Never the id: that is another packet.
                let body = envelope.body as usize;
                let place = body + (at * 31 + n * 7) % (whole.len() - body).max(1);
                forms.push(whole[..place].to_vec());
                let mut damaged = whole.to_vec();
                if let Some(byte) = damaged.get_mut(place) {
                    *byte = byte.wrapping_mul(31).wrapping_add(n as u8 * 77);
                }
                forms.push(damaged);
            }
            for (payload, set) in forms.iter().flat_map(|form| sets.iter().map(move |s| (form, s)))
            {
                let envelope = Envelope { payload, length: payload.len() as u32, ..envelope };
                let rules = set.at(envelope.version);
                let Envelope { state, direction, definition, body, .. } = envelope;
                let is_quiet = rules.is_quiet(state, direction, definition, payload, body);
                let mut memory = set.begin();
                set.judge(&rules, &mut memory, &envelope, true, &mut ws, &mut decision);
                let is_asked = memory.looks().judged > 0;
                quiet += u32::from(is_quiet && is_asked);
                acted += u32::from(!decision.is_nothing());
                let name = definition.map_or("", |definition| &definition.name);
                assert!(
                    !is_quiet || decision.is_nothing(),
                    "{capture} {} {name}: {:?} of {payload:02x?}",
                    recorded.key,
                    decision.hits
                );
            }
        }
    }
    assert!(quiet > 1000 && acted > 1000, "{quiet} are quiet, of {acted} rules act");
}

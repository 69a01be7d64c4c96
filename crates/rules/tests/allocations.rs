//! Asking a packet allocates nothing once the workspace has grown. Not so are `malformed`, which reads all
//! of a packet, NBT included, and what is built when it is asked for: words of chat, what is inside NBT.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;

use midwire_definition::Workspace;
use midwire_rules::{Filter, Lexicon, Scope, syntax};

#[test]
fn numbers_texts_flags_and_lists_are_asked_without_allocating() {
    let capture = "mc-1.20.4-offline";
    let protocol = support::protocol_of(capture);
    let packets = support::packets(capture, &protocol);
    let lexicon = Arc::new(Lexicon::new(&protocol));
    let version = packets.last().unwrap().packet.version;
    for source in [
        "packet.length > 40 and serverbound",
        "position.x > 20",
        "update_health.health < 5 or update_health.food in {1, 2, 5..9}",
        "custom_payload.channel contains \"brand\"",
        "custom_payload.channel contains \"BRAND\" nocase",
        "login_start.username == \"Alva\"",
        "player_info.action.add_player",
        "tags.tags.tag_type == \"minecraft:item\"",
        "any(player_info.data, it.player.name startswith \"B\")",
        "tags.tags.tags.entries == 39",
        "group:movement.x > 20",
    ] {
        let expr = syntax::parse(0, source).unwrap();
        let compiled = Filter::check(expr, &lexicon, Scope::default()).unwrap().0.compile(version);
        let mut ws = Workspace::default();
        let mut ask = || {
            let mut count = 0;
            for recorded in &packets {
                let envelope = recorded.envelope();
                count += u32::from(compiled.matches_payload(&envelope, &mut ws));
            }
            count
        };
        let first = ask();
        let info = allocation_counter::measure(|| assert_eq!(ask(), first));
        assert_eq!(info.count_total, 0, "{source}");
    }
}

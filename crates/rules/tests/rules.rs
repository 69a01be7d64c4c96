//! What rules do to packets, by action.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod rules_support;

use midwire_codec::Direction::{Clientbound, Serverbound};
use rules_support::{Table, load};

#[test]
fn the_rules_of_the_design_are_right() {
    let text = r#"
hide clientbound group:chat where text contains "buy gold" nocase
set clientbound update_health where health < 1: health = 20, food = 20
replace clientbound group:chat text "Steve" with "Alex"
delay 150ms serverbound use_entity
send clientbound system_chat { content: "welcome", is_action_bar: true } after clientbound login
"#;
    match load("minecraft", text) {
        Ok((_, warnings)) => println!("{warnings}"),
        Err(errors) => panic!("{errors}"),
    }
    let terraria = "log serverbound PlayerControls where player == conn.me and position.y < 300";
    match load("terraria", terraria) {
        Ok((_, warnings)) => println!("{warnings}"),
        Err(errors) => panic!("{errors}"),
    }
}

#[test]
fn set_gives_fields_other_values() {
    let rule = "set clientbound update_health where health < 1: health = 20, food = 20";
    for version in ["1.8", "1.12.2", "1.20.4", "1.21.4"] {
        let mut table = Table::new("minecraft", version, rule);
        let low = table.packet("play", Clientbound, "update_health", r#"{"health":0.5,"food":3}"#);
        assert!(table.judge(&low, 0).payload.is_some());
        assert_eq!(table.sent(&low), r#"{"health":20.0,"food":20,"food_saturation":0.0}"#);
        let full = table.packet("play", Clientbound, "update_health", r#"{"health":9}"#);
        assert!(table.judge(&full, 0).is_nothing());
    }
    let _ = Serverbound;
}

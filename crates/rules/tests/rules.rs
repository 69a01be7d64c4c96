//! What rules do to packets, by action, at several versions.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod rules_support;

use std::time::Duration;

use midwire_codec::Direction::{Clientbound, Serverbound};
use midwire_definition::{Root, Workspace};
use midwire_rules::Interest;
use midwire_rules::rule::{Color, Decision, Outcome, Position, RuleId, RuleSet};
use rules_support::{Made, Table, lexicon, load, texts};

const VERSIONS: [&str; 5] = ["1.8.8", "1.12.2", "1.16.5", "1.20.4", "1.21.4"];

fn health(table: &mut Table, health: &str) -> Made {
    let json = format!(r#"{{"health":{health},"food":3}}"#);
    table.packet("play", Clientbound, "update_health", &json)
}

/// A line of chat that no player signed, as each version has it.
fn said(table: &mut Table, words: &str) -> Made {
    let number = table.protocol.versions.get(table.version).number;
    let (name, json) = match number {
        ..759 => ("chat", format!(r#"{{"message":"{{\"text\":\"{words}\"}}"}}"#)),
        759..765 => ("system_chat", format!(r#"{{"content":"{{\"text\":\"{words}\"}}"}}"#)),
        _ => ("system_chat", format!(r#"{{"content":{{"type":"string","value":"{words}"}}}}"#)),
    };
    table.packet("play", Clientbound, name, &json)
}

/// The words of the chat line that is sent.
fn words(table: &mut Table, made: &Made) -> String {
    let payload = table.decision.payload.clone().unwrap_or_else(|| made.payload.clone());
    let plan = made.definition.plan.clone().unwrap();
    let (conn, version) = (table.conn.clone(), table.version);
    let mut packet = plan.decode(&payload, made.body, &conn, &mut table.workspace);
    assert!(packet.error().is_none() && packet.rest().is_empty(), "it can be read to its end");
    let group = table.protocol.group_named("chat").unwrap();
    let views = group.views_of(&table.protocol, version, &made.definition).unwrap();
    let view = views[group.view_named("text").unwrap()].clone().unwrap();
    match view.value(&mut packet) {
        Some(midwire_definition::ViewValue::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_rules_of_the_design_are_right() {
    for (protocol, text) in [
        (
            "minecraft",
            r#"
hide clientbound group:chat where text contains "buy gold" nocase
set clientbound update_health where health < 1: health = 20, food = 20
replace clientbound group:chat text "Steve" with "Alex"
delay 150ms serverbound use_entity
send clientbound system_chat { content: "welcome", is_action_bar: true } after clientbound login
"#,
        ),
        ("terraria", "log serverbound PlayerControls where player == conn.me and position.y < 300"),
    ] {
        let (set, _) = load(protocol, text).unwrap_or_else(|errors| panic!("{errors}"));
        assert!(!set.rules().is_empty());
    }
}

#[test]
fn set_gives_fields_other_values() {
    let rule = "set clientbound update_health where health < 1: health = 20, food = 20";
    for version in VERSIONS {
        let mut table = Table::new("minecraft", version, rule);
        let low = health(&mut table, "0.5");
        assert_eq!(table.judge(&low, 0).changed_by, [RuleId(0)]);
        assert_eq!(table.sent(&low), r#"{"health":20.0,"food":20,"food_saturation":0.0}"#);
        let full = health(&mut table, "9");
        assert!(table.judge(&full, 0).is_nothing(), "{version}");
    }
}

#[test]
fn assignments_read_the_original_and_apply_together() {
    let rules = "
set clientbound position: x = z, z = x, yaw = yaw + 90
set clientbound position: y = x * 2";
    let mut table = Table::new("minecraft", "1.16.5", rules);
    let made = table.packet("play", Clientbound, "position", r#"{"x":1,"y":2,"z":3,"yaw":10}"#);
    assert_eq!(table.judge(&made, 0).changed_by, [RuleId(0), RuleId(1)]);
    let sent = table.sent(&made);
    assert!(sent.starts_with(r#"{"x":3.0,"y":2.0,"z":1.0,"yaw":100.0,"#), "{sent}");
}

#[test]
fn a_constant_and_a_list_have_names() {
    let rules = "
let staff = {\"anna\", \"bob\"}
let most = 10 * 2
hide clientbound group:chat where text in staff
set clientbound update_health where health in {most, 5..6}: health = most - 1";
    let mut table = Table::new("minecraft", "1.21.4", rules);
    for (text, is_hidden) in [("anna", true), ("carl", false)] {
        let line = said(&mut table, text);
        let is = table.judge(&line, 0).outcome == Outcome::Drop(RuleId(0));
        assert_eq!(is, is_hidden, "{text}");
    }
    let made = health(&mut table, "5.5");
    table.judge(&made, 0);
    assert!(table.sent(&made).starts_with(r#"{"health":19.0,"#));
}

#[test]
fn every_element_of_a_list_is_set_or_one() {
    let rules = "
set clientbound entity_destroy where count(entity_ids) == 3: entity_ids = [7, 8]
set clientbound window_items where window_id == 1: items.item_count = 64
set clientbound window_items where window_id == 2: items[1].item_count = 5
";
    let mut table = Table::new("minecraft", "1.16.5", rules);
    let made = table.packet("play", Clientbound, "entity_destroy", r#"{"entity_ids":[1,2,3]}"#);
    table.judge(&made, 0);
    assert_eq!(table.sent(&made), r#"{"entity_ids":[7,8]}"#);
    assert_eq!(table.decision.payload.as_ref().unwrap()[1..], [2, 7, 8], "the count follows");
    let items = r#"[{"present":true,"item_id":1,"item_count":1},{"present":true,"item_id":2,"item_count":2}]"#;
    for (window, counts) in [(1, [64, 64]), (2, [1, 5])] {
        let json = format!(r#"{{"window_id":{window},"items":{items}}}"#);
        let made = table.packet("play", Clientbound, "window_items", &json);
        assert_eq!(table.judge(&made, 0).refused, []);
        let sent = table.sent(&made);
        for count in counts {
            assert!(sent.contains(&format!(r#""item_count":{count}"#)), "{sent}");
        }
    }
}

#[test]
fn a_field_that_is_not_there_yet_comes_with_its_flag() {
    let rules = "
set serverbound PlayerControls where not has velocity: velocity = { x: 1, y: -2.5 }
set serverbound PlayerControls where has velocity: velocity = absent, control.up = true";
    let mut table = Table::new("terraria", "1.4.4.9", rules);
    let bare = table.packet("", Serverbound, "PlayerControls", r#"{"player":1}"#);
    assert_eq!(table.judge(&bare, 0).refused, []);
    let sent = table.sent(&bare);
    assert!(
        sent.contains(r#""velocity":{"x":1.0,"y":-2.5}"#) && sent.contains("has_velocity"),
        "{sent}"
    );
    let moving =
        table.packet("", Serverbound, "PlayerControls", r#"{"player":1,"velocity":{"x":1,"y":1}}"#);
    table.judge(&moving, 0);
    let sent = table.sent(&moving);
    assert!(!sent.contains("velocity") && sent.contains(r#""control":["up"]"#), "{sent}");
}

#[test]
fn nbt_and_names_are_set() {
    let rules = "
set clientbound tile_entity_data: nbt_data.Text1 = \"hello\", nbt_data.x = 5
set clientbound game_state_change where reason == start_raining: reason = stop_raining";
    let mut table = Table::new("minecraft", "1.12.2", rules);
    let json = r#"{"nbt_data":{"type":"compound","name":"","value":{
        "Text1":{"type":"string","value":"old"},"x":{"type":"int","value":1}}}}"#;
    let made = table.packet("play", Clientbound, "tile_entity_data", json);
    assert_eq!(table.judge(&made, 0).refused, []);
    let sent = table.sent(&made);
    assert!(sent.contains("hello") && sent.contains("5") && !sent.contains("old"), "{sent}");
    let rain =
        table.packet("play", Clientbound, "game_state_change", r#"{"reason":"start_raining"}"#);
    table.judge(&rain, 0);
    assert!(table.sent(&rain).contains("stop_raining"));
}

/// A sign whose lines are in NBT.
const SIGN: &str = r#"{"nbt_data":{"type":"compound","value":{
    "Text1":{"type":"string","value":"hehe"},"Text2":{"type":"string","value":"hey"},
    "Lines":{"type":"list","value":{"type":"string","value":["he","no","he"]}},
    "Items":{"type":"list","value":{"type":"compound","value":[
        {"id":{"type":"string","value":"the"}},{"id":{"type":"string","value":"he"}}]}}}}}"#;

#[test]
fn texts_are_replaced_at_paths_into_nbt() {
    for (path, after) in [
        ("nbt_data.Text1 \"he\" with \"HE\"", "HEHE hey he no he the he"),
        ("nbt_data.Text1 matches /h(.)$/ with \"H$1\"", "heHe hey he no he the he"),
        ("nbt_data.Lines \"he\" with \"HE\"", "hehe hey HE no HE the he"),
        ("nbt_data.Lines[2] \"he\" with \"HE\"", "hehe hey he no HE the he"),
        ("nbt_data.Items.id \"he\" with \"HE\"", "hehe hey he no he tHE HE"),
        ("nbt_data.Items[1].id \"he\" with \"HE\"", "hehe hey he no he the HE"),
    ] {
        let rule = format!("for minecraft 1.20.4\nreplace clientbound tile_entity_data {path}");
        let mut table = Table::new("minecraft", "1.20.4", &rule);
        let made = table.packet("play", Clientbound, "tile_entity_data", SIGN);
        assert_eq!(table.judge(&made, 0).refused, [], "{path}");
        assert_eq!(table.decision.changed_by, [RuleId(0)], "{path}");
        let sent = table.sent(&made);
        let words: Vec<&str> = sent
            .split(['"', ':', ','])
            .filter(|word| word.to_lowercase().contains("he") || *word == "no")
            .collect();
        assert_eq!(words.join(" "), after, "{sent}");
    }
}

#[test]
fn every_element_of_a_list_in_nbt_is_set_or_one() {
    for (path, ids) in [("Items.id", ["x", "x"]), ("items[1].id", ["the", "x"])] {
        let rule = format!(
            "for minecraft 1.20.4\nset clientbound tile_entity_data: nbt_data.{path} = \"x\""
        );
        let mut table = Table::new("minecraft", "1.20.4", &rule);
        let made = table.packet("play", Clientbound, "tile_entity_data", SIGN);
        assert_eq!(table.judge(&made, 0).refused, [], "{path}");
        let sent = table.sent(&made);
        let [a, b] = ids.map(|id| format!("{{\"type\":\"string\",\"value\":\"{id}\"}}"));
        assert!(sent.contains(&format!("[{{\"id\":{a}}},{{\"id\":{b}}}]")), "{sent}");
    }
}

#[test]
fn one_element_s_value_is_not_given_to_all() {
    let rule = "set clientbound window_items: items.item_count = items.item_count + 1";
    let errors = load("minecraft", rule).map(|_| ()).unwrap_err();
    assert!(errors.contains("R021") && errors.contains("list[0]"), "{errors}");
    let one = "set clientbound window_items: items[1].item_count = items[1].item_count + 1";
    assert!(load("minecraft", one).is_ok());
    let rule = "
for minecraft 1.20.4
set clientbound tile_entity_data: nbt_data.Items.id = nbt_data.Items.id + \"!\"";
    let mut table = Table::new("minecraft", "1.20.4", rule);
    let made = table.packet("play", Clientbound, "tile_entity_data", SIGN);
    let refused = table.judge(&made, 0).refused.clone();
    assert!(refused[0].reason.contains("value of the first"), "{refused:?}");
}

#[test]
fn texts_are_replaced_in_what_another_rule_sets() {
    let rules = "
replace clientbound group:chat text \"x\" with \"y\"
set clientbound group:chat: text = \"new x\"";
    for version in VERSIONS {
        let mut table = Table::new("minecraft", version, rules);
        let line = said(&mut table, "xx");
        assert_eq!(table.judge(&line, 0).refused, [], "{version}");
        assert_eq!(words(&mut table, &line), "new y", "{version}");
    }
    let rules = "
for minecraft 1.20.4
set clientbound tile_entity_data: nbt_data.Text1 = \"he is new\"
replace clientbound tile_entity_data nbt_data.text1 \"he\" with \"she\"";
    let mut table = Table::new("minecraft", "1.20.4", rules);
    let made = table.packet("play", Clientbound, "tile_entity_data", SIGN);
    assert_eq!(table.judge(&made, 0).refused, []);
    let sent = table.sent(&made);
    assert!(sent.contains("\"she is new\""), "{sent}");
}

#[test]
fn a_format_code_that_is_not_there_is_not_counted() {
    let rule = "replace clientbound group:chat text \"§c\" with \"§a\"";
    for version in VERSIONS {
        let mut table = Table::new("minecraft", version, rule);
        for (before, after, hits) in [("hi", "hi", 0), ("§cred", "§ared", 1)] {
            let line = said(&mut table, before);
            assert_eq!(table.judge(&line, 0).is_nothing(), hits == 0, "{version} {before}");
            assert_eq!(table.state.counter(RuleId(0)).hits, hits, "{version} {before}");
            let sent = table.sent(&line);
            assert!(sent.contains(after), "{version} {sent}");
        }
    }
}

#[test]
fn what_cannot_be_replaced_in_what_is_set_is_refused() {
    let rules = "
for minecraft 1.20.4
set clientbound tile_entity_data: nbt_data = { type: \"string\", value: \"new\" }
replace clientbound tile_entity_data nbt_data.Text1 \"he\" with \"she\"";
    let mut table = Table::new("minecraft", "1.20.4", rules);
    let made = table.packet("play", Clientbound, "tile_entity_data", SIGN);
    let refused = table.judge(&made, 0).refused.clone();
    assert_eq!(refused.iter().map(|refused| refused.rule).collect::<Vec<_>>(), [RuleId(1)]);
    assert!(refused[0].reason.contains("as a whole"), "{refused:?}");
}

#[test]
fn chat_is_set_and_replaced_at_every_version() {
    let rules = "
set clientbound group:chat where text == \"ping\": text = \"pong \\\"1\\\"\"
replace clientbound group:chat text \"Steve\" with \"Alex\"
replace clientbound group:chat text matches /(\\w+) joined/ with \"hello $1\"
replace clientbound group:chat text \"WORLD\" nocase with \"all\"";
    for version in VERSIONS {
        let mut table = Table::new("minecraft", version, rules);
        for (before, after) in [
            ("ping", "pong \"1\""),
            ("Steve joined", "hello Alex"),
            ("hi world", "hi all"),
            ("nothing", "nothing"),
        ] {
            let line = said(&mut table, before);
            let is_changed = table.judge(&line, 0).payload.is_some();
            assert_eq!(is_changed, before != after, "{version} {before}");
            assert_eq!(table.decision.refused, [], "{version} {before}");
            assert_eq!(words(&mut table, &line), after, "{version}");
        }
        assert_eq!(
            table.state.counter(RuleId(1)).hits,
            1,
            "one that replaces nothing does not act"
        );
    }
}

#[test]
fn signed_lines_are_hidden_by_the_means_of_the_game() {
    let rule = "hide clientbound group:chat where text contains \"gold\"";
    let mut table = Table::new("minecraft", "1.20.4", rule);
    let signed =
        table.packet("play", Clientbound, "player_chat", r#"{"plain_message":"buy gold"}"#);
    let decision = table.judge(&signed, 0);
    assert_eq!(
        (decision.outcome, decision.changed_by.as_slice()),
        (Outcome::Pass, &[RuleId(0)][..])
    );
    assert!(table.sent(&signed).contains(r#""filter_type":1"#));
    let plain = said(&mut table, "gold");
    assert_eq!(table.judge(&plain, 0).outcome, Outcome::Drop(RuleId(0)));
    let mut old = Table::new("minecraft", "1.8.8", rule);
    let plain = said(&mut old, "gold");
    assert_eq!(old.judge(&plain, 0).outcome, Outcome::Drop(RuleId(0)));
}

#[test]
fn drop_pass_and_disconnect_end_and_others_go_on() {
    let rules = "
count seen clientbound update_health
pass clientbound update_health where health > 10
mark red clientbound update_health
disconnect \"health \" + health clientbound update_health where health < 1
drop clientbound update_health where health < 5
log clientbound update_health";
    let mut table = Table::new("minecraft", "1.21.4", rules);
    let hits = |table: &mut Table, value: &str| {
        let made = health(table, value);
        table.judge(&made, 0).hits.iter().map(|rule| rule.0).collect::<Vec<_>>()
    };
    assert_eq!(hits(&mut table, "20"), [0, 1]);
    assert_eq!(hits(&mut table, "0.5"), [0, 2, 3]);
    let disconnect = table.decision.disconnect.clone().unwrap();
    assert_eq!((disconnect.rule, disconnect.why.as_str()), (RuleId(3), "health 0.5"));
    assert_eq!(table.decision.marks[0].color, Color::Red);
    assert_eq!(hits(&mut table, "2"), [0, 2, 4]);
    assert_eq!(table.decision.outcome, Outcome::Drop(RuleId(4)));
    assert_eq!(hits(&mut table, "7"), [0, 2, 5]);
    assert_eq!(table.decision.logs[0].text, None, "the packet itself");
    let counts: Vec<_> =
        table.set.counts_of(&table.state).map(|(n, c)| (n.to_string(), c)).collect();
    assert_eq!(counts, [("seen".to_owned(), 4)]);
}

#[test]
fn delays_intercepts_and_duplicates_are_said() {
    let rules = "
delay 150ms clientbound update_health
slow: delay 2s unordered clientbound update_health where health < 1
duplicate clientbound update_health
intercept clientbound update_health where food > 2";
    let mut table = Table::new("minecraft", "1.12.2", rules);
    let made = health(&mut table, "0.5");
    let decision = table.judge(&made, 0);
    let delay = decision.delay.unwrap();
    assert_eq!((delay.rule, delay.by, delay.unordered), (RuleId(1), Duration::from_secs(2), true));
    assert_eq!((decision.duplicates, decision.outcome), (1, Outcome::Intercept(RuleId(3))));
    let names: Vec<&str> = table.set.rules().iter().map(|rule| &*rule.name).collect();
    assert_eq!(names, ["test.rules:2", "slow", "test.rules:4", "test.rules:5"]);
}

#[test]
fn packets_are_sent_with_values_of_the_one_they_go_with() {
    let rule = "
send clientbound system_chat { content: \"health \" + health, is_action_bar: true }
  before clientbound update_health where health < 5";
    let mut table = Table::new("minecraft", "1.21.4", rule);
    let made = health(&mut table, "1.5");
    let sent = table.judge(&made, 0).sends[0].clone();
    assert_eq!(
        (sent.direction, sent.position, &*sent.packet, sent.forced),
        (Clientbound, Position::Before, "system_chat", false)
    );
    let made = table.made("play", Clientbound, "system_chat", &sent.fields);
    let shown = table.sent_of(&made);
    assert!(shown.contains("health 1.5") && shown.contains(r#""is_action_bar":true"#), "{shown}");
    let old = "send clientbound chat { message: \"hi\" } after clientbound login";
    let mut old = Table::new("minecraft", "1.8.8", old);
    let login = old.packet("play", Clientbound, "login", "{}");
    let sent = old.judge(&login, 0).sends[0].clone();
    let made = old.made("play", Clientbound, "chat", &sent.fields);
    assert!(old.sent_of(&made).contains(r#"{\"text\":\"hi\"}"#));
}

#[test]
fn logs_are_lines_of_values() {
    let rule = "log clientbound position: packet.time, x, y, \"a,b\" + \"\\\"\"";
    let mut table = Table::new("minecraft", "1.20.4", rule);
    let made = table.packet("play", Clientbound, "position", r#"{"x":1.5,"y":-2}"#);
    let line = table.judge(&made, 250).logs[0].text.clone();
    assert_eq!(line.as_deref(), Some("0.25,1.5,-2,\"a,b\"\"\""));
}

#[test]
fn a_value_that_a_packet_does_not_have_is_an_empty_place_in_the_line() {
    for (rule, health_line, chat_line) in [
        ("log clientbound update_health, system_chat: health, is_action_bar", "1,", ",false"),
        (
            "log clientbound update_health, system_chat: packet.name, food",
            "update_health,3",
            "system_chat,",
        ),
    ] {
        let mut table = Table::new("minecraft", "1.20.4", rule);
        let made = health(&mut table, "1");
        let line = table.judge(&made, 0).logs[0].text.clone();
        assert_eq!(line.as_deref(), Some(health_line), "{rule}");
        let made = said(&mut table, "hi");
        let line = table.judge(&made, 0).logs[0].text.clone();
        assert_eq!(line.as_deref(), Some(chat_line), "{rule}");
    }
}

#[test]
fn a_field_of_one_packet_and_one_of_another_are_both_found() {
    let condition = "health < 5 and is_action_bar";
    let rule = format!("mark red clientbound update_health, system_chat where {condition}");
    let (_, warnings) = load("minecraft", &rule).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(warnings.contains("F022") && warnings.contains("is_action_bar"), "{warnings}");
}

#[test]
fn versions_need_no_quotes() {
    for (condition, acts) in [
        ("session.version == 1.10", vec!["1.10"]),
        ("session.version in {1.10, 1.20}", vec!["1.10", "1.20"]),
        ("session.version >= 1.20", vec!["1.20", "1.20.4"]),
        ("session.version in 1.20..1.20.6", vec!["1.20", "1.20.4"]),
        ("session.version == ten", vec!["1.10"]),
    ] {
        let rule = format!("let ten = 1.10\nmark red clientbound update_health where {condition}");
        for version in ["1.9", "1.10", "1.20", "1.20.4"] {
            let mut table = Table::new("minecraft", version, &rule);
            let made = health(&mut table, "1");
            let is_marked = !table.judge(&made, 0).marks.is_empty();
            assert_eq!(is_marked, acts.contains(&version), "{condition} at {version}");
        }
    }
}

#[test]
fn a_value_that_there_never_is_is_an_error() {
    for rule in [
        "set clientbound update_health: health = 5 % 0, food = 1",
        "set clientbound update_health: food = food / 0",
        "log clientbound update_health: health, 1/0",
        "disconnect 1/0 + \"\" clientbound update_health",
        "send clientbound update_health { health: 1 / 0.0 } after clientbound login",
    ] {
        let errors = load("minecraft", rule).map(|_| ()).unwrap_err();
        assert!(errors.contains("F029") && errors.contains("divides by 0"), "{errors}");
    }
}

#[test]
fn two_rules_that_set_one_field_get_a_warning_with_both_places() {
    let warnings = |text: &str| load("minecraft", text).unwrap().1;
    let twice = warnings(
        "set clientbound update_health: food = 1\nset clientbound update_health where health < 5: food = 2",
    );
    assert!(twice.contains("R026") && twice.contains("set here already"), "{twice}");
    assert!(twice.contains("test.rules:2:") && twice.contains("test.rules:1:"), "{twice}");
    for apart in [
        // Which of the two it is, the packet says.
        "set clientbound update_health where health < 5: food = 1\nset clientbound update_health where health > 9: food = 2",
        "set clientbound update_health: food = 1\nset clientbound update_health: health = 2",
        "set clientbound update_health: food = 1\nset clientbound experience: level = 2",
        "for minecraft ..1.19\nset clientbound update_health: food = 1",
    ] {
        assert!(!warnings(apart).contains("R026"), "{apart}");
    }
}

#[test]
fn a_time_of_nothing_is_an_error_where_one_is_needed() {
    for rule in [
        "log clientbound update_health every 0s",
        "log clientbound update_health rate 3/0s",
        "log clientbound update_health after 0ms",
        "delay 0ms clientbound update_health",
    ] {
        let errors = load("minecraft", rule).map(|_| ()).unwrap_err();
        assert!(errors.contains("R009") && errors.contains("no time at all"), "{errors}");
    }
}

#[test]
fn a_field_that_a_sent_packet_is_given_twice_is_an_error() {
    let rule = "send clientbound update_health { food: 1, Food: 2 } after clientbound login";
    let errors = load("minecraft", rule).map(|_| ()).unwrap_err();
    assert!(errors.contains("R026") && errors.contains("here first"), "{errors}");
}

#[test]
fn names_of_the_games_own_source_lead_to_the_packet() {
    for (name, packet) in [("set_health", "update_health"), ("system_chat_message", "system_chat")] {
        let rule = format!("log clientbound {name}");
        let errors = load("minecraft", &rule).map(|_| ()).unwrap_err();
        assert!(errors.contains(&format!("here it is called `{packet}`")), "{errors}");
        let rule = format!("log both * where {name}");
        let errors = load("minecraft", &rule).map(|_| ()).unwrap_err();
        assert!(errors.contains(&format!("here it is called `{packet}`")), "{errors}");
    }
}

#[test]
fn modifiers_say_when_a_rule_acts() {
    for (modifiers, times, acts) in [
        ("once", vec![0, 1, 2], vec![0]),
        ("every 3", vec![0, 1, 2, 3, 4, 5], vec![2, 5]),
        ("every 5s", vec![0, 4_999, 5_000, 9_000, 10_000], vec![0, 5_000, 10_000]),
        ("rate 2/10s", vec![0, 1, 2, 9_999, 10_000, 10_001, 10_002], vec![0, 1, 10_000, 10_001]),
        ("over 2/10s", vec![0, 1, 2, 3, 10_000, 10_001, 10_002], vec![2, 3, 10_002]),
        ("after 5s", vec![0, 4_999, 5_000, 6_000], vec![5_000, 6_000]),
        ("after 1s every 2 once", vec![0, 1_000, 2_000, 3_000, 4_000], vec![2_000]),
    ] {
        let rule = format!("drop clientbound update_health where health < 1 {modifiers}");
        let mut table = Table::new("minecraft", "1.20.4", &rule);
        let made = health(&mut table, "0");
        let mut acted = Vec::new();
        for at in times {
            if !table.judge(&made, at).is_nothing() {
                acted.push(at);
            }
        }
        assert_eq!(acted, acts, "{modifiers}");
    }
}

#[test]
fn a_change_that_does_not_fit_is_refused_and_the_others_are_made() {
    let rules = "
set clientbound update_health: food = food * 2000000000
set clientbound update_health: health = 20";
    let mut table = Table::new("minecraft", "1.20.4", rules);
    let made = health(&mut table, "1");
    let decision = table.judge(&made, 0);
    assert_eq!(decision.changed_by, [RuleId(1)]);
    assert_eq!(decision.refused[0].rule, RuleId(0));
    assert!(decision.refused[0].reason.contains("does not fit"), "{}", decision.refused[0].reason);
    assert!(table.sent(&made).starts_with(r#"{"health":20.0,"food":3,"#));
    assert_eq!(table.state.counter(RuleId(0)).refused, 1);
}

#[test]
fn in_a_session_of_an_assumed_version_rules_only_watch() {
    let rules = "
count low clientbound update_health
mark red clientbound update_health
set clientbound update_health: health = 20
drop clientbound update_health";
    let mut table = Table::new("minecraft", "1.20.4", rules);
    table.trusted = false;
    let made = health(&mut table, "1");
    let decision = table.judge(&made, 0);
    assert_eq!((decision.outcome, decision.payload.is_some()), (Outcome::Pass, false));
    assert!(decision.only_watched && decision.hits.len() == 4 && decision.marks.len() == 1);
}

#[test]
fn rules_that_are_the_same_after_a_reload_remember() {
    let mut table = Table::new(
        "minecraft",
        "1.20.4",
        "a: drop clientbound update_health once\nb: count low clientbound update_health",
    );
    let made = health(&mut table, "1");
    table.judge(&made, 0);
    table.judge(&made, 0);
    let text = "b: count LOW clientbound update_health\na: drop clientbound update_health once";
    let (new, _) = load("minecraft", text).unwrap();
    let old = std::mem::replace(&mut table.set, new);
    table.state = table.set.carry(&old, std::mem::take(&mut table.state));
    assert_eq!(table.judge(&made, 1).hits, [RuleId(0)], "`once` was used up");
    assert_eq!(table.state.counter(RuleId(1)).hits, 1);
    assert_eq!(table.set.counts_of(&table.state).next().unwrap().1, 2, "counts go on");
}

#[test]
fn files_include_each_other_once() {
    let loader = texts(&[
        (
            "test.rules",
            "include \"more/chat.rules\"\ninclude \"more/chat.rules\"\nlog clientbound chat",
        ),
        (
            "more/chat.rules",
            "let gold = \"gold\"\nmute: hide clientbound group:chat where text contains gold",
        ),
    ]);
    let (set, _) = rules_support::load_files("minecraft", &loader).unwrap();
    let rules: Vec<_> = set
        .rules()
        .iter()
        .map(|rule| format!("{} {}:{}", rule.name, rule.file, rule.line))
        .collect();
    assert_eq!(rules, ["mute more/chat.rules:2", "test.rules:3 test.rules:3"]);
}

#[test]
fn packets_that_no_rule_names_need_no_look() {
    let rules = "
drop clientbound update_health where health < 1
mark red clientbound login
log both * where packet.length > 1000";
    let (set, _) = load("minecraft", rules).unwrap();
    let version = set.protocol().versions.by_text("1.20.4").unwrap();
    let dialect = set.protocol().dialect(version);
    let play = set.protocol().state_named("play").unwrap();
    let interest = |name: &str| {
        let packet = dialect.packet_named(play, Clientbound, name).unwrap();
        set.interest(version, play, Clientbound, Some(packet))
    };
    assert_eq!(interest("update_health"), Interest::Fields);
    assert_eq!(interest("login"), Interest::EnvelopeOnly);
    let (few, _) = load("minecraft", "drop clientbound update_health where health < 1").unwrap();
    let packet = dialect.packet_named(play, Clientbound, "login").unwrap();
    assert_eq!(few.interest(version, play, Clientbound, Some(packet)), Interest::Never);
    assert_eq!(few.interest(version, play, Clientbound, None), Interest::Never);
}

#[test]
fn nothing_is_allocated_when_no_rule_matches() {
    let mut text = String::new();
    for n in 0..100 {
        text.push_str(&format!("drop clientbound update_health where food == {n} + 100\n"));
        text.push_str(&format!(
            "hide clientbound open_window where window_title contains \"{n}x\"\n"
        ));
    }
    let mut table = Table::new("minecraft", "1.20.1", &text);
    let made = health(&mut table, "1");
    let window =
        table.packet("play", Clientbound, "open_window", r#"{"window_title":"{\"text\":\"a\"}"}"#);
    table.judge(&made, 0);
    table.judge(&window, 0);
    let counted = allocation_counter::measure(|| {
        for at in 0..50 {
            assert!(table.judge(&made, at).is_nothing());
            assert!(table.judge(&window, at).is_nothing());
        }
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn any_text_is_read_or_refused() {
    proptest::proptest!(proptest::test_runner::Config::with_cases(300), |(
        text in r#"((drop|set|hide|log|send|replace|let|include|for|delay 5s|mark red|count a) (clientbound|serverbound|both|) ?(update_health|chat|group:chat|\*|login)? ?(where)? ?[a-z0-9"'{}\[\]():=,./ ]{0,30}\n?){0,4}"#,
        noise in ".{0,40}",
    )| {
        let loader = texts(&[("test.rules", &format!("{text}{noise}"))]);
        let root = Root { path: "test.rules", loader: &loader };
        let _ = RuleSet::load(&[root], &lexicon("minecraft"));
    });
    let _ = (Decision::default(), Workspace::default());
}

#[test]
fn constants_do_not_grow_without_bound() {
    let mut text = String::from("let a0 = \"aaaaaaaaaaaaaaaa\"\n");
    for n in 0..40 {
        text.push_str(&format!("let a{} = a{n} + a{n}\n", n + 1));
    }
    let errors = load("minecraft", &text).unwrap_err();
    assert!(errors.contains("error[R021]"), "{errors}");
    let list: Vec<String> = (0..5_000).map(|n| n.to_string()).collect();
    let mut text = format!("let many = {{{}}}\n", list.join(", "));
    for _ in 0..100 {
        text.push_str("log clientbound update_health where food in many\n");
    }
    let errors = load("minecraft", &text).unwrap_err();
    assert!(errors.contains("error[R024]"), "{errors}");
}

#[test]
fn packets_of_unknown_ids_are_met_by_rules_about_all() {
    let (set, warnings) = load("minecraft", "drop both * where unknown").unwrap();
    assert_eq!(warnings, "");
    let protocol = set.protocol().clone();
    let play = protocol.state_named("play").unwrap();
    let version = protocol.versions.newest();
    assert_eq!(set.interest(version, play, Serverbound, None), Interest::EnvelopeOnly);
}

#[test]
fn a_value_that_some_versions_take_is_a_warning() {
    let (_, warnings) = load("minecraft", "set clientbound spawn_entity: type = creeper").unwrap();
    assert!(warnings.contains("warning[R014]"), "{warnings}");
    assert!(load("minecraft", "set clientbound spawn_entity: type = creper").is_err());
}

//! The recipes of `docs/cookbook.md`: each is read off the page and tried on what its comment names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/recorded.rs"]
mod recorded;
mod support;

use std::path::Path;
use std::sync::Arc;

use bytes::BytesMut;
use midwire_codec::Direction;
use midwire_definition::{Protocol, Workspace, builtin};
use midwire_session::{
    Elapsed, Event, Fate, Options, Output, Rules, Scratch, Session, Setup, Watch,
};
use recorded::{Recorded, Step, recording};
use support::{Clientbound, Serverbound};

/// A recipe: where it stands, its rules, and the lines of the comment in front of them.
struct Recipe {
    title: String,
    comment: Vec<String>,
    rules: String,
}

fn recipes() -> Vec<Recipe> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cookbook.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (mut recipes, mut title, mut comment) = (Vec::new(), String::new(), String::new());
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("## ") {
            title = heading.to_owned();
        } else if let Some(first) = line.strip_prefix("<!--") {
            comment = first.to_owned();
            while !comment.contains("-->") {
                comment.push('\n');
                comment.push_str(lines.next().unwrap());
            }
        } else if line == "```rules" {
            let rules: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let comment = std::mem::take(&mut comment).replace("-->", "");
            let comment = comment.lines().map(|line| line.trim().to_owned()).collect();
            recipes.push(Recipe { title: title.clone(), comment, rules: rules.join("\n") });
        }
    }
    recipes
}

/// What the receivers of a session saw, as lines of JSON by direction; what was logged; what was delayed.
#[derive(Default)]
struct Seen {
    packets: [Vec<String>; 2],
    logs: Vec<String>,
    delayed: Vec<String>,
}

/// Plays a recorded session through rules, and reads what comes out as its receivers do.
fn play(protocol: &Arc<Protocol>, rules: &Arc<Rules>, recorded: &Recorded, seen: &mut Seen) {
    let options = Options { rules: Some(rules.clone()), ..Options::default() };
    let mut session = Session::new(Setup::new(protocol.clone(), options));
    session.set_watch(Watch::Packets);
    let mut reader = Session::new(Setup::new(protocol.clone(), Options::default()));
    reader.set_watch(Watch::Packets);
    let (mut scratch, mut workspace) = (Scratch::default(), Workspace::default());
    let mut pending: [BytesMut; 2] = Default::default();
    let mut sent: [BytesMut; 2] = Default::default();
    let start = recorded.steps.first().map_or(0, |(at, _)| *at);
    let last = recorded.steps.last().map_or(0, |(at, _)| *at) + 5000;
    let end = [(last, Step::End(Serverbound)), (last, Step::End(Clientbound))];
    for (at, step) in recorded.steps.iter().chain(&end) {
        let now = Elapsed::from_millis(at - start);
        while let Some(due) = session.poll_timeout().filter(|due| *due <= now) {
            session.handle_timeout(due, &mut scratch);
            pump(&mut session, &mut reader, &mut sent, due, &mut scratch, &mut workspace, seen);
        }
        match step {
            Step::Data(direction, bytes) => {
                let pending = &mut pending[direction.index()];
                pending.extend_from_slice(bytes);
                session.handle_bytes(*direction, pending, now, &mut scratch);
            }
            Step::End(direction) => {
                let pending = &mut pending[direction.index()];
                session.handle_end(*direction, pending, now, &mut scratch);
            }
        }
        pump(&mut session, &mut reader, &mut sent, now, &mut scratch, &mut workspace, seen);
    }
}

fn pump(
    session: &mut Session,
    reader: &mut Session,
    sent: &mut [BytesMut; 2],
    now: Elapsed,
    scratch: &mut Scratch,
    workspace: &mut Workspace,
    seen: &mut Seen,
) {
    while let Some(output) = session.poll_output() {
        match output {
            Output::Send { direction, bytes } => {
                let sent = &mut sent[direction.index()];
                sent.extend_from_slice(&bytes);
                reader.handle_bytes(direction, sent, now, scratch);
            }
            Output::Event(Event::Packet(packet)) => {
                let logs = packet.tags.iter().flat_map(|tags| &tags.logs);
                seen.logs.extend(logs.filter_map(|log| log.text.as_deref().map(str::to_owned)));
                if let (Fate::Delayed(_), Some(definition)) = (packet.fate, &packet.definition) {
                    seen.delayed.push(format!("{} {}", packet.direction, definition.name));
                }
            }
            Output::Event(Event::Notice { notice, .. }) => {
                assert!(!notice.to_string().contains(".rules:"), "{notice}");
            }
            _ => {}
        }
        while let Some(output) = reader.poll_output() {
            let Output::Event(Event::Packet(packet)) = output else { continue };
            let Some(definition) = &packet.definition else { continue };
            let mut line = format!("\"name\":\"{}\",", definition.name);
            if let (Some(plan), Some(payload)) = (&definition.plan, &packet.payload) {
                let mut fields = plan.decode(payload, packet.body, &packet.conn, workspace);
                midwire_definition::json::write_fields(&mut fields, &mut line);
            }
            seen.packets[packet.direction.index()].push(line);
        }
    }
}

/// The frames that a comment gives.
fn frames(comment: &[String]) -> Recorded {
    let step = |line: &String| {
        let (direction, hex) = line.split_once(' ')?;
        let direction = match direction {
            "serverbound" => Serverbound,
            "clientbound" => Clientbound,
            _ => return None,
        };
        let bytes = hex.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        Some((0, Step::Data(direction, bytes)))
    };
    Recorded { steps: comment.iter().filter_map(step).collect() }
}

fn direction(word: &str) -> Direction {
    if word == "serverbound" { Serverbound } else { Clientbound }
}

#[test]
fn each_recipe_does_what_it_says() {
    let recipes = recipes();
    let mut titles: Vec<&str> = recipes.iter().map(|recipe| &*recipe.title).collect();
    titles.dedup();
    assert_eq!(titles.len(), 13, "{titles:?}");
    for Recipe { title, comment, rules: text } in &recipes {
        let on = comment[0].strip_prefix("on ");
        let protocol = if on == Some("terraria") { "terraria" } else { "minecraft" };
        let protocol = builtin(protocol).unwrap();
        let rules = support::rules(&protocol, text, None);
        let mut seen = Seen::default();
        match on {
            Some(name) => {
                for recorded in recording(name) {
                    play(&protocol, &rules, &recorded, &mut seen);
                }
            }
            None => play(&protocol, &rules, &frames(&comment[1..]), &mut seen),
        }
        let counts = rules.counts();
        assert!(counts.iter().any(|rule| rule.hits > 0), "{title}: no rule acts: {counts:?}");
        assert!(counts.iter().all(|rule| rule.refused == 0), "{title}: {counts:?}");
        let mut checks = 0;
        for check in &comment[1..] {
            let (what, rest) = check.split_once(' ').unwrap_or((check, ""));
            let (way, words) = rest.split_once(' ').unwrap_or((rest, ""));
            let packets = &seen.packets[direction(way).index()];
            let is_seen = packets.iter().any(|packet| packet.contains(words));
            match what {
                "sees" => assert!(is_seen, "{title}: nobody sees {words}: {packets:#?}"),
                "misses" => assert!(!is_seen, "{title}: somebody sees {words}"),
                "logs" => {
                    let found = seen.logs.iter().any(|line| line.contains(rest));
                    assert!(found, "{title}: {rest} in {:?}", seen.logs);
                }
                "delayed" => assert!(seen.delayed.iter().any(|line| line == rest), "{title}"),
                _ => continue,
            }
            checks += 1;
        }
        assert!(checks > 0, "{title}: nothing is checked");
    }
}

/// Without rules, the receivers of the recordings see what the recipes take away: else they would show
/// nothing.
#[test]
fn what_recipes_take_away_is_there_without_them() {
    for Recipe { title, comment, .. } in &recipes() {
        let on = comment[0].strip_prefix("on ");
        let protocol = if on == Some("terraria") { "terraria" } else { "minecraft" };
        let protocol = builtin(protocol).unwrap();
        let rules = support::rules(&protocol, "", None);
        let mut seen = Seen::default();
        match on {
            Some(name) => {
                for recorded in recording(name) {
                    play(&protocol, &rules, &recorded, &mut seen);
                }
            }
            None => play(&protocol, &rules, &frames(&comment[1..]), &mut seen),
        }
        for check in &comment[1..] {
            let Some(rest) = check.strip_prefix("misses ") else { continue };
            let (way, words) = rest.split_once(' ').unwrap();
            let packets = &seen.packets[direction(way).index()];
            assert!(packets.iter().any(|packet| packet.contains(words)), "{title}: {words}");
        }
    }
}

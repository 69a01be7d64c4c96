//! Rules in a running midwire: what they do to the bytes, and what happens when somebody saves them.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use support::ends::{Ending, Ends, Server};
use support::program::{Ended, Program};

const GAME: &str = r#"protocol game "A game" {
  frame { length: u8, id: u8 }
}
packet Move = 2 both { x: i16, y: i16 }
packet Say = 3 both { text: str[u8] }
packet Bye = 4 clientbound { why: str[u8] }

group chat {
  text: str
  hide drop
  serverbound Say { text = text }
  clientbound Say { text = text }
}
group disconnect {
  text: str
  clientbound Bye { text = why }
}
"#;

/// A folder with the game and a file of rules, for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("midwire-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a fresh folder");
        fs::write(folder.join("game.wire"), GAME).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Saves a file as editors do: a new one takes the place of the old one.
    fn save(&self, name: &str, text: &str) -> String {
        let new = self.0.join(format!("{name}.new"));
        fs::write(&new, text).unwrap();
        fs::rename(&new, self.0.join(name)).unwrap();
        self.path(name)
    }

    /// A proxy for the game with these rules.
    fn proxy(&self, server: &Server, more: &[&str]) -> (Program, Ends) {
        let (program, address) = Program::proxy(&self.path("game.wire"), server.address, more);
        let ends = Ends::open(address, server);
        (program, ends)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn say(text: &str) -> Vec<u8> {
    let len = text.len() as u8;
    [&[len + 2, 3, len], text.as_bytes()].concat()
}

fn notice(text: &str) -> impl FnMut(&Value) -> bool {
    move |line| {
        line["type"] == "notice" && line["message"].as_str().is_some_and(|m| m.contains(text))
    }
}

fn run(arguments: &[&str]) -> Ended {
    Program::start(arguments).wait()
}

/// What three lines of chat become on their way to the server, and what goes back to the client.
fn made(name: &str, rules: &str) -> (Vec<u8>, Vec<u8>) {
    let folder = Folder::new(name);
    let rules = folder.save("test.rules", rules);
    let server = Server::start();
    let (program, mut ends) = folder.proxy(&server, &["--json", "--all", "--rules", &rules]);
    for text in ["one", "two", "three"] {
        ends.client.send(&say(text));
        // One after the other, so that all that is sent because of it has its place.
        program.wait_for_json("the packet", |line| {
            line["fields"]["text"] == text && line["origin"] == "client"
        });
    }
    ends.client.finish();
    ends.server.expect_ending(Ending::Finished);
    ends.server.finish();
    ends.client.expect_ending(Ending::Finished);
    let bytes =
        |end: &support::ends::End| end.wait(|_| true, |a| a.bytes.clone(), |_| String::new());
    (bytes(&ends.server), bytes(&ends.client))
}

fn with(parts: &[&str]) -> Vec<u8> {
    parts.iter().flat_map(|text| say(text)).collect()
}

#[test]
fn the_receiver_gets_exactly_what_each_action_makes() {
    let on = "serverbound Say where text == \"two\"";
    let cases: [(&str, String, Vec<u8>, Vec<u8>); 12] = [
        ("drop", format!("drop {on}"), with(&["one", "three"]), vec![]),
        (
            "hide",
            "hide serverbound group:chat where text == \"two\"".into(),
            with(&["one", "three"]),
            vec![],
        ),
        ("pass", format!("pass {on}\ndrop serverbound Say"), with(&["two"]), vec![]),
        ("set", format!("set {on}: text = \"2\""), with(&["one", "2", "three"]), vec![]),
        (
            "replace",
            "replace serverbound Say text \"o\" with \"0\"".into(),
            with(&["0ne", "tw0", "three"]),
            vec![],
        ),
        ("delay", format!("delay 100ms {on}"), with(&["one", "two", "three"]), vec![]),
        (
            "unordered",
            format!("delay 300ms unordered {on}"),
            with(&["one", "three", "two"]),
            vec![],
        ),
        ("duplicate", format!("duplicate {on}"), with(&["one", "two", "two", "three"]), vec![]),
        (
            "before",
            format!("send serverbound Say {{ text: \"x\" }} before {on}"),
            with(&["one", "x", "two", "three"]),
            vec![],
        ),
        (
            "after",
            format!("send serverbound Say {{ text: \"y\" }} after {on}"),
            with(&["one", "two", "y", "three"]),
            vec![],
        ),
        (
            "across",
            format!("send clientbound Move {{ x: -1, y: 5 }} after {on}"),
            with(&["one", "two", "three"]),
            vec![5, 2, 0xff, 0xff, 0, 5],
        ),
        (
            "watch",
            format!("log {on}\nmark red {on}\ncount n {on}"),
            with(&["one", "two", "three"]),
            vec![],
        ),
    ];
    for (name, rules, to_server, to_client) in cases {
        assert_eq!(made(name, &rules), (to_server, to_client), "{rules}");
    }
}

#[test]
fn a_rule_that_disconnects_tells_the_client_in_its_games_words() {
    let folder = Folder::new("disconnect");
    let rules =
        folder.save("test.rules", "disconnect \"go to bed\" serverbound Say where text == \"no\"");
    let server = Server::start();
    let (program, mut ends) = folder.proxy(&server, &["--json", "--all", "--rules", &rules]);
    ends.client.send(&with(&["yes", "no", "never"]));
    ends.client.expect_ending(Ending::Finished);
    ends.server.expect_ending(Ending::Finished);
    ends.client.expect(b"\x0b\x04\x09go to bed");
    ends.server.expect(&say("yes"));
    drop(ends);
    let ended = program.interrupt();
    let dropped = ended.json().into_iter().find(|line| line["fate"] == "dropped").unwrap();
    assert_eq!(dropped["rules"][0], "test.rules:1");
    assert_eq!(dropped["fields"]["text"], "no");
}

#[test]
fn a_saved_file_counts_at_once_and_a_broken_one_changes_nothing() {
    let folder = Folder::new("saved-rules");
    let file = folder.save("mute.rules", "replace serverbound Say text \"a\" with \"b\"\n");
    let server = Server::start();
    let (program, mut ends) = folder.proxy(&server, &["--json", "--all", "--rules", &file]);
    let mut sent = Vec::new();
    let mut says = |ends: &mut Ends, text: &str, becomes: &str| {
        ends.client.send(&say(text));
        sent.extend(say(becomes));
        ends.server.expect(&sent);
    };
    says(&mut ends, "a", "b");
    folder.save("mute.rules", "\n\nreplace serverbound Say texd \"a\" with \"c\"\n");
    program.wait_for_json("the error is told", notice("mute.rules:3"));
    says(&mut ends, "a", "b");
    folder.save("mute.rules", "replace serverbound Say text \"a\" with \"c\"\n");
    program.wait_for_json("the new rules", notice("nothing is wrong with them any more"));
    says(&mut ends, "a", "c");
    drop(ends);
    let ended = program.interrupt();
    assert!(ended.diagnostics.contains("        1  mute.rules:1\n"), "{}", ended.diagnostics);
    let told = &ended.diagnostics;
    assert!(told.contains("texd") && told.contains("did you mean `text`?"), "{told}");
    assert!(told.contains("^"), "{told}");
    let stayed = ended.json().iter().any(|line| {
        line["message"].as_str().is_some_and(|m| {
            m.starts_with("mute.rules:3 ")
                && m.contains("; the rules of ")
                && m.ends_with(" are active")
        })
    });
    assert!(stayed);
}

#[test]
fn files_that_come_and_go_in_a_folder_count() {
    let folder = Folder::new("folder-rules");
    let rules = folder.0.join("rules");
    fs::create_dir(&rules).unwrap();
    let server = Server::start();
    let named = rules.to_str().unwrap();
    let (program, mut ends) = folder.proxy(&server, &["--json", "--all", "--rules", named]);
    let mut sent = Vec::new();
    let mut says = |ends: &mut Ends, text: &str, becomes: &str| {
        ends.client.send(&say(text));
        sent.extend(say(becomes));
        ends.server.expect(&sent);
    };
    says(&mut ends, "a", "a");
    // A hidden file and one with another ending are none. All come at once, so that they are read once.
    let filled = folder.0.join("filled");
    fs::create_dir(&filled).unwrap();
    for (name, text) in [
        (".20.rules", "replace serverbound Say text \"a\" with \"z\""),
        ("20.rules~", "replace serverbound Say text \"a\" with \"y\""),
        ("20.rules", "replace serverbound Say text \"a\" with \"b\""),
        ("10.rules", "hello: drop serverbound Say where text == \"x\""),
    ] {
        fs::write(filled.join(name), text).unwrap();
    }
    fs::remove_dir(&rules).unwrap();
    fs::rename(&filled, &rules).unwrap();
    program.wait_for_json("the rules", notice("read again"));
    says(&mut ends, "a", "b");
    ends.client.send(&say("x"));
    fs::remove_file(rules.join("20.rules")).unwrap();
    let mut told = 0;
    program.wait_for_json("one file less", |line| {
        told += usize::from(notice("read again")(line));
        told == 2
    });
    let ended = {
        drop(ends);
        program.interrupt()
    };
    let counts: Vec<&str> = ended.diagnostics.lines().filter(|l| l.starts_with("     ")).collect();
    assert_eq!(counts, ["        1  hello"], "{}", ended.diagnostics);
}

#[test]
fn players_are_told_in_chat_where_that_is_asked_for() {
    let folder = Folder::new("say");
    let file = folder.save("mute.rules", "drop serverbound Move\n");
    let server = Server::start();
    let (program, mut ends) =
        folder.proxy(&server, &["--json", "--all", "--say", "--rules", &file]);
    ends.client.send(&say("a"));
    ends.server.expect(&say("a"));
    folder.save("mute.rules", "dorp serverbound Move\n");
    program.wait_for_json("the player is told", |line| {
        line["origin"] == "midwire"
            && line["fields"]["text"]
                .as_str()
                .is_some_and(|text| text.starts_with("midwire: mute.rules:1 "))
    });
    folder.save("mute.rules", "drop serverbound Move\n");
    program.wait_for_json("the player is told again", |line| {
        line["fields"]["text"] == "midwire: the rules are right again"
    });
    drop(ends);
    program.interrupt();
}

#[test]
fn players_are_not_told_where_files_lie() {
    let folder = Folder::new("say-path");
    let file = folder.save("main.rules", "drop serverbound Move\n");
    let server = Server::start();
    let (program, mut ends) =
        folder.proxy(&server, &["--json", "--all", "--say", "--rules", &file]);
    ends.client.send(&say("a"));
    ends.server.expect(&say("a"));
    folder.save("main.rules", "include \"lists/gone.rules\"\n");
    let mut told = String::new();
    program.wait_for_json("the player is told", |line| {
        let text = line["fields"]["text"].as_str().filter(|_| line["origin"] == "midwire");
        told.push_str(text.unwrap_or_default());
        text.is_some()
    });
    assert!(told.contains("main.rules:1") && told.contains("gone.rules"), "{told}");
    let place = folder.0.to_str().unwrap();
    assert!(!told.contains(place), "{told}");
    drop(ends);
    program.interrupt();
}

#[test]
fn a_file_that_is_saved_without_end_counts_all_the_same() {
    let folder = Folder::new("restless");
    let file = folder.save("mute.rules", "replace serverbound Say text \"a\" with \"b\"\n");
    let server = Server::start();
    let (program, mut ends) = folder.proxy(&server, &["--json", "--all", "--rules", &file]);
    ends.client.send(&say("a"));
    ends.server.expect(&say("b"));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // It ends by itself where the test has failed.
            for save in 0..5_000 {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let lines = "# again\n".repeat(save % 100);
                let rule = "replace serverbound Say text \"a\" with \"c\"\n";
                folder.save("mute.rules", &format!("{lines}{rule}"));
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        program.wait_for_json("the new rules", notice("read again"));
        is_over.store(true, Ordering::Relaxed);
    });
    ends.client.send(&say("a"));
    ends.server.expect(&[say("b"), say("c")].concat());
    drop(ends);
    program.interrupt();
}

#[test]
fn rules_that_are_wrong_at_the_start_end_the_program_with_a_caret() {
    let folder = Folder::new("wrong-rules");
    let file = folder.save("mute.rules", "drop serverbound Mvoe\n");
    let game = folder.path("game.wire");
    let ended =
        run(&["proxy", &game, "--to", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--rules", &file]);
    assert_eq!(ended.status.code(), Some(2));
    let told = &ended.diagnostics;
    assert!(told.contains("mute.rules:1:18") && told.contains("did you mean `Move`?"), "{told}");
    let missing = folder.path("none.rules");
    let ended = run(&["proxy", &game, "--to", "127.0.0.1:1", "--rules", &missing]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.diagnostics.contains("no such file"), "{}", ended.diagnostics);
}

#[test]
fn check_says_whether_rules_are_right() {
    let folder = Folder::new("check-rules");
    let check = |text: &str, more: &[&str]| {
        let file = folder.save("mute.rules", text);
        run(&[&["check", &file], more].concat())
    };
    let good =
        check("for minecraft\nhide clientbound group:chat where text contains \"gold\"\n", &[]);
    assert_eq!(good.status.code(), Some(0), "{}{}", good.output, good.diagnostics);
    assert!(good.output.contains("ok for minecraft: 1 rule"), "{}", good.output);
    let game = folder.path("game.wire");
    let good = check("drop serverbound Move where x > 5\n", &["--protocol", &game]);
    assert_eq!(good.status.code(), Some(0), "{}{}", good.output, good.diagnostics);
    // what it is for is found out where it does not say
    let good = check("drop clientbound SmartTextMessage\n", &[]);
    assert!(good.output.contains("ok for terraria"), "{}{}", good.output, good.diagnostics);
    let wrong = check("drop serverbound Move where z > 5\n", &["--protocol", &game]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(wrong.output.contains("not ok: 1 error"), "{}", wrong.output);
    assert!(wrong.diagnostics.contains("mute.rules:1:29"), "{}", wrong.diagnostics);
}

#[test]
fn check_takes_a_folder_as_rules_of_the_proxy_do() {
    let folder = Folder::new("check-folder");
    folder.save("a.rules", "for minecraft\nlow: log clientbound update_health where health < 5\n");
    folder.save("b.rules", "mark red clientbound login\n");
    let good = run(&["check", &folder.path("")]);
    assert_eq!(good.status.code(), Some(0), "{}{}", good.output, good.diagnostics);
    assert!(good.output.contains("ok for minecraft: 2 rules"), "{}", good.output);
    folder.save("b.rules", "low: mark red clientbound login\n");
    let wrong = run(&["check", &folder.path("")]);
    assert_eq!(wrong.status.code(), Some(1), "{}", wrong.output);
    assert!(wrong.diagnostics.contains("R005"), "{}", wrong.diagnostics);
}

#[test]
fn check_takes_the_protocol_that_knows_the_names_and_says_which() {
    let folder = Folder::new("check-guess");
    let file = folder.save("mute.rules", "mark rde clientbound update_health\n");
    let wrong = run(&["check", &file]);
    assert_eq!(wrong.status.code(), Some(1));
    let told = &wrong.diagnostics;
    assert!(told.contains("R022") && !told.contains("R003"), "{told}");
    assert!(wrong.output.contains("taken for minecraft"), "{}", wrong.output);
    let file = folder.save("all.rules", "log both *\n");
    let good = run(&["check", &file]);
    assert!(good.output.contains("ok for minecraft"), "{}", good.output);
}

#[test]
fn a_rule_that_waits_for_somebody_is_warned_of_where_nobody_can_be_asked() {
    let folder = Folder::new("nobody");
    let file = folder.save("hold.rules", "for minecraft\nintercept clientbound update_health\n");
    let ended = run(&["check", &file]);
    let told = ended.diagnostics;
    assert!(told.contains("hold.rules:2") && told.contains("never go on"), "{told}");
    assert!(told.contains("delay 5s"), "{told}");
    assert!(ended.output.ends_with("1 rule, 1 warning\n"), "{}", ended.output);
}

#[test]
fn what_rules_log_is_data_and_goes_to_stdout() {
    let folder = Folder::new("log");
    let rules = folder.save("where.rules", "log serverbound Move: x, y / 2\n");
    let server = Server::start();
    let (program, mut ends) = folder.proxy(&server, &["-q", "--rules", &rules]);
    let moves = [5, 2, 0, 5, 0xff, 0xfe, 5, 2, 1, 0, 0, 9];
    ends.client.send(&moves);
    ends.server.expect(&moves);
    drop(ends);
    let ended = program.interrupt();
    assert_eq!(ended.output, "5,-1\n256,4\n");
}

#[test]
fn a_thousand_saves_in_a_flood_lose_and_reorder_nothing() {
    let folder = Folder::new("flood");
    let texts: Vec<String> = (0..2)
        .map(|n| format!("count seen{n} both Say\nreplace both Say text \"{n}\" with \"{n}\"\n"))
        .collect();
    let file = folder.save("flood.rules", &texts[0]);
    let server = Server::start();
    let (program, mut ends) = folder.proxy(&server, &["-q", "--rules", &file]);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut sent: [Vec<u8>; 2] = Default::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut saves = 0;
            while saves < 1000 || !stop.load(std::sync::atomic::Ordering::Relaxed) {
                folder.save("flood.rules", &texts[saves % 2]);
                saves += 1;
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        });
        let begun = std::time::Instant::now();
        let mut n = 0u64;
        // Long enough for several looks at the file.
        while begun.elapsed() < std::time::Duration::from_secs(4) {
            let lines: Vec<u8> = (0..50).flat_map(|i| say(&format!("{n} {i}"))).collect();
            ends.client.send(&lines);
            ends.server.send(&lines);
            for sent in &mut sent {
                sent.extend_from_slice(&lines);
            }
            n += 1;
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    ends.server.expect(&sent[0]);
    ends.client.expect(&sent[1]);
    drop(ends);
    program.interrupt();
}

#[test]
fn rules_are_found_from_any_folder() {
    let folder = Folder::new("relative");
    folder.save("mute.rules", "include \"more/names.rules\"\n");
    fs::create_dir(folder.0.join("more")).unwrap();
    fs::write(folder.0.join("more/names.rules"), "drop serverbound Say\n").unwrap();
    let check =
        run(&["check", &folder.path("mute.rules"), "--protocol", &folder.path("game.wire")]);
    assert!(check.output.contains("1 rule"), "{}{}", check.output, check.diagnostics);
    assert!(Path::new(&folder.path("mute.rules")).exists());
}

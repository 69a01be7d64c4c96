//! Sessions in which rules change, drop, delay and send packets: the recording says what each side saw.

use super::Folder;
use crate::support::captured::{Captured, Session};
use crate::support::ends::{Ending, Ends, Server};
use crate::support::program::{Ended, Program, packets};

const GAME: &str = r#"protocol game "A game" {
  frame { length: u8, id: u8 }
}
packet Move = 2 both { x: i16, y: i16 }
packet Say = 3 both { text: str[u8] }
packet Login = 4 serverbound { name: str[u8], password: str[u8] @secret }
packet Bye = 5 clientbound { why: str[u8] }

group disconnect {
  text: str
  clientbound Bye { text = why }
}
"#;

pub(super) fn say(text: &str) -> Vec<u8> {
    let len = text.len() as u8;
    [&[len + 2, 3, len], text.as_bytes()].concat()
}

pub(super) fn with(parts: &[&str]) -> Vec<u8> {
    parts.iter().flat_map(|text| say(text)).collect()
}

/// What a session of lines was, as its ends saw it and as it was recorded.
struct Told {
    session: Session,
    /// What was sent and what arrived, by direction.
    said: [Vec<u8>; 2],
    got: [Vec<u8>; 2],
}

/// The client says these lines at once, then the server these, and both end.
fn tell(name: &str, rules: &str, client: &[&str], server: &[&str], last: &[u8]) -> Told {
    let folder = Folder::new(name);
    let game = folder.save("game.wire", GAME);
    let rules = folder.save("test.rules", rules);
    let file = folder.path("it.pcapng");
    let peer = Server::start();
    let more = ["-q", "--rules", &rules, "-w", &file];
    let (program, proxy) = Program::proxy(&game, peer.address, &more);
    let mut ends = Ends::open(proxy, &peer);
    let said = [with(client), with(server)];
    ends.client.send(&said[0]);
    // What is sent because of others may go either way, so each way waits for the other.
    let arrived = |bytes: &[u8]| bytes.ends_with(last);
    ends.server.wait(|a| arrived(&a.bytes), |_| (), |a| format!("{:x?}", a.bytes));
    ends.server.send(&said[1]);
    ends.server.finish();
    ends.client.expect_ending(Ending::Finished);
    ends.client.finish();
    ends.server.expect_ending(Ending::Finished);
    let bytes = |end: &crate::support::ends::End| {
        end.wait(|_| true, |a| a.bytes.clone(), |_| String::new())
    };
    let got = [bytes(&ends.server), bytes(&ends.client)];
    let ended = program.interrupt();
    assert!(ended.status.success(), "{}", ended.diagnostics);
    let mut captured = Captured::read(&folder.file("it.pcapng"));
    assert_eq!(captured.damage, [""; 0]);
    Told { session: captured.sessions.remove(&(0, 1)).unwrap(), said, got }
}

fn check(name: &str, rules: &str) -> Session {
    let (client, server) = (["one", "two", "three", "end"], ["four", "five", "six"]);
    let told = tell(name, rules, &client, &server, &say("end"));
    for at in [0, 1] {
        assert_eq!(told.session.came[at], told.said[at], "{name}, what came, direction {at}");
        assert_eq!(told.session.sent[at], told.got[at], "{name}, what was sent, direction {at}");
    }
    assert!(told.session.closed && !told.session.reset, "{name}");
    told.session
}

/// Number, direction, form, fate, origin and by what, of all but what passed.
fn fates(session: &Session) -> Vec<String> {
    let frames = session.frames.iter().filter(|f| f.fate != "passed" || !f.by.is_empty());
    let line = |frame: &crate::support::captured::Frame| {
        let by = frame.by.last().map_or("nobody", |by| by);
        let by = by.rsplit_once('/').map_or(by, |(_, name)| name);
        let direction = frame.direction.name();
        format!(
            "{} {direction} {:?} {} {} {by}",
            frame.number, frame.form, frame.fate, frame.origin
        )
    };
    frames.map(line).collect()
}

#[test]
fn both_forms_of_a_changed_packet_are_recorded_and_by_whom() {
    let session =
        check("changed", "set both Say where text in {\"two\", \"five\"}: text = \"other\"");
    let found = fates(&session);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].starts_with("2 serverbound Came changed client"), "{found:?}");
    assert!(found[1].starts_with("2 serverbound Sent changed client"), "{found:?}");
    assert!(found[2].starts_with("6 clientbound Came changed server"), "{found:?}");
    assert!(found[3].contains("test.rules:1"), "{found:?}");
}

#[test]
fn dropped_packets_are_recorded_where_they_came() {
    let session = check("dropped", "drop both Say where text in {\"two\", \"five\"}");
    let found = fates(&session);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("2 serverbound Came dropped client"), "{found:?}");
    assert!(found[1].starts_with("6 clientbound Came dropped server"), "{found:?}");
}

#[test]
fn packets_that_nobody_sent_are_recorded_where_they_went() {
    let rules = "send serverbound Say { text: \"before\" } before serverbound Say where text == \"two\"\n\
                 send clientbound Say { text: \"after\" } after clientbound Say where text == \"five\"\n\
                 duplicate both Say where text in {\"three\", \"six\"}";
    let session = check("sent", rules);
    let injected: Vec<_> = session.frames.iter().filter(|f| f.origin == "rule").collect();
    assert_eq!(injected.len(), 4, "{:?}", session.frames);
    assert!(injected.iter().all(|f| f.by.iter().any(|by| by.contains("test.rules"))));
}

#[test]
fn delayed_packets_are_recorded_in_the_order_in_which_they_went() {
    let session = check("delayed", "delay 100ms both Say where text in {\"two\", \"five\"}");
    let delayed: Vec<_> = session.frames.iter().filter(|f| f.fate == "delayed").collect();
    assert_eq!(delayed.len(), 2, "{:?}", session.frames);
    assert!(delayed.iter().all(|f| f.delayed_millis.is_some_and(|wait| wait >= 100)));
}

#[test]
fn a_packet_that_others_overtake_is_recorded_where_it_came_and_where_it_went() {
    check("overtaken", "delay 150ms unordered both Say where text in {\"two\", \"five\"}");
}

/// What the client says under rules, as it is listed while it is recorded, and as the recording reads. The client
/// finishes once the server has got so many bytes.
fn listed_and_read(
    folder: &Folder,
    rules: &str,
    said: &[&str],
    there: usize,
    filter: &[&str],
) -> (Vec<serde_json::Value>, Ended) {
    let game = folder.save("game.wire", GAME);
    let rules = folder.save("test.rules", rules);
    let file = folder.path("it.pcapng");
    let peer = Server::start();
    let more = [&["--json", "--rules", &rules, "-w", &file], filter].concat();
    let (program, proxy) = Program::proxy(&game, peer.address, &more);
    let mut ends = Ends::open(proxy, &peer);
    ends.client.send(&with(said));
    ends.server.wait(
        |seen| seen.bytes.len() >= there,
        |_| (),
        |_| "packets are missing".to_owned(),
    );
    ends.client.finish();
    ends.server.expect_ending(Ending::Finished);
    ends.server.finish();
    ends.client.expect_ending(Ending::Finished);
    let live = program.interrupt().json();
    let args = ["read", "-r", &file, "--json", "--protocol", &game];
    (live, Program::start(&[&args, filter].concat()).wait())
}

/// Packets as they are listed and as they are read back.
#[test]
fn a_packet_that_others_overtake_is_one_packet_that_was_delayed() {
    let folder = Folder::new("overtaken-read");
    let rules = "delay 150ms unordered both Say where text in {\"two\", \"late\"}\n\
                 set both Say where text == \"late\": text = \"later\"";
    let there = with(&["one", "two", "later", "three"]).len();
    let (live, ended) =
        listed_and_read(&folder, rules, &["one", "two", "late", "three"], there, &[]);
    let read = ended.json();
    let about = |log: &[serde_json::Value]| {
        let mut all: Vec<String> = packets(log)
            .map(|line| {
                let sent = line["sent"]["fields"]["text"].as_str().unwrap_or("-");
                let (n, fate, by) = (&line["n"], &line["fate"], &line["changed_by"]);
                format!("{n} {} {fate} {by} {sent}", line["fields"]["text"])
            })
            .collect();
        all.sort();
        all
    };
    assert_eq!(about(&read), about(&live), "{}", ended.diagnostics);
    assert_eq!(packets(&read).count(), 4);
    assert_eq!(packets(&read).filter(|line| line["fate"] == "delayed").count(), 2);
    let (file, game) = (folder.path("it.pcapng"), folder.path("game.wire"));
    let listed = Program::start(&["read", "-r", &file, "--protocol", &game]).wait().output;
    let changed = listed.lines().filter(|line| line.contains("~ Say")).count();
    assert_eq!(changed, 1, "{listed}");
    let stats =
        Program::start(&["read", "-r", &file, "--protocol", &game, "--stats"]).wait().output;
    assert!(stats.contains("        4  100.0%"), "{stats}");
}

/// All that rules did and said stands in the recording, not only what they did last.
#[test]
fn what_rules_did_is_read_back_as_it_was_listed() {
    let rules = "mark red both Say where text == \"two\"\n\
         count pairs both Say where text in {\"one\", \"two\"}\n\
         mark blue both Say where text in {\"two\", \"four\"}\n\
         set both Say where text == \"two\": text = \"other\"\n\
         duplicate both Say where text == \"three\"\n\
         drop both Say where text == \"four\"\n\
         send serverbound Say { text: \"new\" } after serverbound Say where text == \"five\"\n\
         mark green serverbound Say where text == \"new\" and injected";
    let said = ["one", "two", "three", "four", "five", "six"];
    let (live, ended) = listed_and_read(&Folder::new("said"), rules, &said, 0, &[]);
    let read = ended.json();
    let said = |log: &[serde_json::Value]| -> Vec<serde_json::Value> {
        packets(log)
            .map(|line| {
                let keys =
                    ["n", "time", "origin", "fate", "changed_by", "rules", "marks", "fields"];
                keys.iter().map(|key| (key.to_string(), line[key].clone())).collect()
            })
            .collect()
    };
    assert_eq!(said(&read), said(&live), "{}", ended.diagnostics);
    let marks: Vec<_> = packets(&read).filter(|line| !line["marks"].is_null()).collect();
    assert_eq!(marks.len(), 3, "{marks:?}");
    assert_eq!(marks[0]["rules"].as_array().unwrap().len(), 4, "{marks:?}");
}

/// What was changed and delayed is both, for filters too.
#[test]
fn what_was_changed_and_delayed_is_read_back_as_both() {
    let rules = "set both Say where text == \"two\": text = \"other\"\n\
                 delay 20ms both Say where text in {\"two\", \"three\"}";
    let (live, ended) = listed_and_read(
        &Folder::new("both"),
        rules,
        &["one", "two", "three"],
        0,
        &["-Y", "changed"],
    );
    let read = ended.json();
    let said = |log: &[serde_json::Value]| -> Vec<String> {
        let keys = ["n", "time", "fate", "delay", "changed_by", "fields"];
        packets(log).map(|line| keys.map(|key| line[key].to_string()).join(" ")).collect()
    };
    assert_eq!(said(&live).len(), 1, "{live:?}");
    assert_eq!(said(&read), said(&live));
}

#[test]
fn everything_at_once_still_adds_up() {
    let rules = "drop both Say where text == \"three\"\n\
                 set both Say where text == \"two\": text = \"a longer text than it was\"\n\
                 delay 60ms both Say where text in {\"one\", \"four\"}\n\
                 duplicate both Say where text in {\"one\", \"five\"}\n\
                 send clientbound Say { text: \"hi\" } after serverbound Say where text == \"one\"\n\
                 drop clientbound Say where text == \"six\"";
    check("all", rules);
}

#[test]
fn a_farewell_is_recorded_and_so_is_what_was_lost_by_it() {
    let folder = Folder::new("farewell");
    let game = folder.save("game.wire", GAME);
    let rules = folder.save(
        "test.rules",
        "delay 60s serverbound Say where text == \"late\"\n\
         disconnect \"no swearing\" serverbound Say where text == \"damn\"",
    );
    let file = folder.path("it.pcapng");
    let peer = Server::start();
    let more = ["-q", "--rules", &rules, "-w", &file];
    let (program, proxy) = Program::proxy(&game, peer.address, &more);
    let mut ends = Ends::open(proxy, &peer);
    ends.client.send(&with(&["one", "late", "two", "damn"]));
    ends.client.expect_ending(Ending::Finished);
    ends.client.finish();
    ends.server.expect_any_ending();
    ends.server.finish();
    let got = ends.client.wait(|_| true, |a| a.bytes.clone(), |_| String::new());
    program.interrupt();
    let captured = Captured::read(&folder.file("it.pcapng"));
    let session = captured.one();
    assert_eq!(session.sent[1], got);
    assert_eq!(session.came[0], with(&["one", "late", "two", "damn"]));
    assert_eq!(session.sent[0], with(&["one"]));
}

#[test]
fn secrets_are_stars_unless_they_are_asked_for() {
    let login = |password: &str| {
        let name = b"\x04alva";
        let len = password.len() as u8;
        let body = [&[4][..], name, &[len], password.as_bytes()].concat();
        [&[body.len() as u8], &body[..]].concat()
    };
    for (more, kept) in [(&[][..], "*******"), (&["--record-secrets"][..], "hunter2")] {
        let folder = Folder::new(&format!("secret-{}", more.len()));
        let game = folder.save("game.wire", GAME);
        let file = folder.path("it.pcapng");
        let peer = Server::start();
        let more = [&["-q", "-w", &file], more].concat();
        let (program, proxy) = Program::proxy(&game, peer.address, &more);
        let mut ends = Ends::open(proxy, &peer);
        let said = [say("hello"), login("hunter2"), say("there")].concat();
        // The start of a frame that never ends is not read, so none of it is kept.
        ends.client.send(&[&said[..], &login("hunter2")[..12]].concat());
        ends.server.expect(&said);
        ends.client.finish();
        ends.server.expect_ending(Ending::Finished);
        let got = ends.server.wait(|_| true, |a| a.bytes.clone(), |_| String::new());
        assert_eq!(got, [&said[..], &login("hunter2")[..12]].concat());
        ends.server.finish();
        program.interrupt();
        let captured = Captured::read(&folder.file("it.pcapng"));
        let session = captured.one();
        let masked = [say("hello"), login(kept), say("there")].concat();
        assert!(session.sent[0].starts_with(&masked), "{:?}", session.sent[0]);
        let all = std::fs::read(folder.file("it.pcapng")).unwrap();
        let holds = all.windows(4).any(|bytes| bytes == b"hunt");
        assert_eq!(holds, kept == "hunter2");
        let redacted: u64 = session.frames.iter().map(|frame| frame.redacted).sum();
        assert_eq!(redacted > 0, !holds);
    }
}

//! What a player sees when it goes wrong: the game's own words in place of a bare reset, and nothing at
//! all where the server has spoken.

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::ends::{End, Ending, Ends, Server, free_address};
use support::minecraft::{frame, handshake, text};
use support::program::{Program, packets};

const JSON: [&str; 2] = ["--json", "--all"];
const HELLO: &[u8] = b"\x0f\x00\x01\x0bTerraria326";

#[test]
fn a_terraria_client_is_kicked_with_the_reason() {
    let nobody = free_address();
    let (program, proxy) = Program::proxy("terraria", nobody, &JSON);
    let mut client = client(proxy);
    // Nothing is said to a client that has said nothing.
    for byte in HELLO {
        assert_eq!(client.wait(|_| true, |arrived| arrived.bytes.len(), |_| String::new()), 0);
        client.send(&[*byte]);
    }
    client.expect(&kick(&format!("midwire: cannot reach {nobody}: connection refused")));
    client.expect_ending(Ending::Finished);
    drop(client);
    let log = program.interrupt().json();
    let packets: Vec<_> = packets(&log).map(|p| (&p["name"], &p["fate"], &p["origin"])).collect();
    assert_eq!(packets.len(), 2, "{packets:?}");
    assert_eq!((packets[0].0, packets[0].1), (&"Hello".into(), &"dropped".into()));
    assert_eq!((packets[1].0, packets[1].2), (&"Kick".into(), &"midwire".into()));
}

#[test]
fn legacy_pings_are_answered_with_the_reason_in_their_own_form() {
    let nobody = free_address();
    let (program, proxy) = Program::proxy("minecraft", nobody, &[]);
    let reason = format!("midwire: cannot reach {nobody}: connection refused");
    let with_host = [
        &[0xfe, 0x01, 0xfa, 0x00, 0x0b][..],
        &utf16("MC|PingHost"),
        &[0x00, 0x19, 74, 0x00, 0x09],
        &utf16("127.0.0.1"),
        &[0, 0, 0x63, 0xdd],
    ]
    .concat();
    for (request, text) in [
        (vec![0xfe], format!("{reason}\u{a7}0\u{a7}0")),
        (vec![0xfe, 0x01], format!("\u{a7}1\0127\0midwire\0{reason}\x000\x000")),
        (with_host, format!("\u{a7}1\x0074\0midwire\0{reason}\x000\x000")),
    ] {
        let mut client = client(proxy);
        client.send(&request);
        let units = utf16(&text);
        let len = (units.len() / 2) as u16;
        client.expect(&[&[0xff][..], &len.to_be_bytes(), &units].concat());
        client.expect_ending(Ending::Finished);
    }
    let listing = program.interrupt().output;
    let told = format!("ping of an old client: midwire has answered it: {reason}");
    assert_eq!(listing.matches(&told).count(), 3, "{listing}");
}

#[test]
fn a_minecraft_client_reads_the_reason_in_the_list_and_at_login() {
    let nobody = free_address();
    let (_program, proxy) = Program::proxy("minecraft", nobody, &[]);
    let reason = format!("midwire: cannot reach {nobody}: connection refused");

    let mut joining = client(proxy);
    joining.send(&handshake(765, "localhost", 25_565, 2));
    let component = format!("{{\"text\":\"{reason}\"}}");
    joining.expect(&frame(&[&[0], &text(&component)[..]].concat()));
    // What it goes on to say does not turn the end into a reset.
    joining.send(&frame(b"\x00\x04Alva\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    joining.expect_ending(Ending::Finished);

    // A version that nobody knows is answered as its own.
    for (number, name) in [(765, "1.20.4"), (9_000, "26.3")] {
        let mut pinging = client(proxy);
        pinging.send(&[handshake(number, "localhost", 25_565, 1), frame(&[0])].concat());
        let list = server_list(number, name, &reason);
        pinging.expect(&list);
        let ping = frame(&[1, 1, 2, 3, 4, 5, 6, 7, 8]);
        pinging.send(&ping);
        pinging.expect(&[list, ping].concat());
        pinging.expect_ending(Ending::Finished);
    }
}

#[test]
fn a_name_that_nobody_knows_is_said() {
    let (_program, proxy) = Program::proxy_with("terraria", &["--to", "no-such-host.invalid:7777"]);
    let mut client = client(proxy);
    client.send(HELLO);
    client.expect(&kick("midwire: cannot reach no-such-host.invalid:7777: the name is not known"));
    client.expect_ending(Ending::Finished);
}

#[test]
fn what_has_no_words_is_reset_as_it_would_be_without_midwire() {
    let wire = std::env::temp_dir().join(format!("midwire-words-{}.wire", std::process::id()));
    std::fs::write(&wire, "protocol toy { frame { length: u8, id: u8 } }\n").unwrap();
    let toy = wire.to_str().unwrap();
    for (protocol, more) in [("raw", &[][..]), (toy, &[]), ("terraria", &["--set", "farewell=off"])]
    {
        let (_program, proxy) = Program::proxy(protocol, free_address(), more);
        let Some(mut client) = End::connect_unless_reset(proxy) else { continue };
        client.read();
        client.expect_ending(Ending::Reset);
    }
    std::fs::remove_file(wire).unwrap();
}

#[test]
fn a_game_of_ones_own_has_its_own_words() {
    let wire = std::env::temp_dir().join(format!("midwire-own-{}.wire", std::process::id()));
    let definition = "protocol toy { frame { length: u8, id: u8 } }
packet Hi = 1 serverbound {}
packet Bye = 2 clientbound { code: u8, why: str[u8] }
group disconnect { text: str, clientbound Bye { text = why } }
";
    std::fs::write(&wire, definition).unwrap();
    let nobody = free_address();
    let (_program, proxy) = Program::proxy(wire.to_str().unwrap(), nobody, &[]);
    let mut client = client(proxy);
    client.send(&[1, 1]);
    let reason = format!("midwire: cannot reach {nobody}: connection refused");
    let len = reason.len() as u8;
    client.expect(&[&[len + 3, 2, 0, len], reason.as_bytes()].concat());
    client.expect_ending(Ending::Finished);
    std::fs::remove_file(wire).unwrap();
}

#[test]
fn a_client_that_is_silent_or_endless_is_reset() {
    let wait = ["--set", "farewell_wait=300"];
    let (_program, proxy) = Program::proxy("minecraft", free_address(), &wait);
    let began = Instant::now();
    client(proxy).expect_ending(Ending::Reset);
    assert!(began.elapsed() >= Duration::from_millis(300));

    let (_program, proxy) = Program::proxy("minecraft", free_address(), &[]);
    let mut endless = client(proxy);
    endless.send(&frame(&[0x7e; 100]));
    // No frame of this length ever ends in time.
    endless.send(&[&[0xff, 0xff, 0x7f][..], &[0; 50_000]].concat());
    endless.send_until_full(&[0; 50_000], 1 << 20);
    endless.expect_ending(Ending::Reset);
}

#[test]
fn a_client_for_which_there_is_no_room_is_told_so() {
    let server = Server::start();
    let one = ["--set", "sessions_max=1"];
    let (_program, proxy) = Program::proxy("terraria", server.address, &one);
    let mut first = Ends::open(proxy, &server);
    let mut second = client(proxy);
    second.send(HELLO);
    let reason = "midwire: 1 of 1 sessions are open, and no more are allowed (sessions_max)";
    second.expect(&kick(reason));
    second.expect_ending(Ending::Finished);
    first.client.send(HELLO);
    first.server.expect(HELLO);
}

#[test]
fn a_reset_of_the_server_is_told_behind_its_last_whole_frame() {
    let server = Server::start();
    let (program, proxy) = Program::proxy("terraria", server.address, &JSON);
    let mut ends = Ends::open(proxy, &server);
    ends.client.send(HELLO);
    ends.server.expect(HELLO);
    let slot = [5, 0, 3, 0, 0];
    let begun = [9, 0, 7, 1];
    ends.server.send(&[&slot[..], &begun].concat());
    ends.client.expect(&slot);
    ends.server.reset();
    let kick = kick(&format!("midwire: the connection to {} broke off", server.address));
    ends.client.expect(&[&slot[..], &kick].concat());
    ends.client.expect_ending(Ending::Finished);
    drop(ends.client);
    let closed = |line: &Value| line["type"] == "session" && line["event"] == "closed";
    program.wait_for_json("the session's end", closed);
}

#[test]
fn a_server_that_has_said_why_is_not_spoken_for() {
    let kicked = frame(&[&[0x1b], &nbt("bye")[..]].concat());
    for reset in [false, true] {
        let server = Server::start();
        let (_program, proxy) = Program::proxy("minecraft", server.address, &[]);
        let (mut ends, sent) = in_play(proxy, &server);
        ends.server.send(&kicked);
        let sent = [sent, kicked.clone()].concat();
        ends.client.expect(&sent);
        if reset {
            ends.server.reset();
            ends.client.expect_ending(Ending::Reset);
        } else {
            ends.server.finish();
            ends.client.expect_ending(Ending::Finished);
        }
        ends.client.expect(&sent);
    }
}

#[test]
fn a_server_that_vanishes_from_play_is_spoken_for() {
    // With nothing to show, too, where bytes might go past the session.
    for (reset, view) in [(false, &[][..]), (true, &[]), (false, &["-q"]), (true, &["-q"])] {
        let server = Server::start();
        let (program, proxy) = Program::proxy("minecraft", server.address, view);
        let (mut ends, sent) = in_play(proxy, &server);
        let half_a_frame = [40, 0x24, 0, 0];
        ends.server.send(&half_a_frame);
        let text = if reset {
            ends.server.reset();
            format!("midwire: the connection to {} broke off", server.address)
        } else {
            ends.server.finish();
            format!("midwire: {} has ended the connection and gave no reason", server.address)
        };
        let kick = frame(&[&[0x1b], &nbt(&text)[..]].concat());
        ends.client.expect(&[sent, kick].concat());
        ends.client.expect_ending(Ending::Finished);
        let ended = program.interrupt();
        let said = [ended.output, ended.diagnostics].concat();
        assert!(said.contains("its first 4 byte(s) were not passed on"), "{said}");
    }
}

#[test]
fn a_server_that_vanishes_when_it_has_let_the_client_in_is_spoken_for() {
    // In 1.21.4 the packet that lets in has the id that `disconnect` has in the next state.
    for (version, id) in [(765, 1), (769, 2)] {
        let server = Server::start();
        let (_program, proxy) = Program::proxy("minecraft", server.address, &["-q"]);
        let mut ends = Ends::open(proxy, &server);
        let login = frame(b"\x00\x04Alva\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        let hello = [handshake(version, "localhost", 25_565, 2), login].concat();
        ends.client.send(&hello);
        ends.server.expect(&hello);
        let success = frame(b"\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x04Alva\0");
        ends.server.send(&success);
        ends.client.expect(&success);
        let acknowledged = frame(b"\x03");
        ends.client.send(&acknowledged);
        ends.server.expect(&[hello, acknowledged].concat());
        ends.server.finish();
        let text =
            format!("midwire: {} has ended the connection and gave no reason", server.address);
        let kick = frame(&[&[id], &nbt(&text)[..]].concat());
        ends.client.expect(&[success, kick].concat());
        ends.client.expect_ending(Ending::Finished);
    }
}

#[test]
fn a_server_that_says_nothing_in_the_list_is_spoken_for() {
    let server = Server::start();
    let limit = ["--set", "handshake_timeout=2500"];
    let (_impatient, limited) = Program::proxy("minecraft", server.address, &limit);
    let (_program, proxy) = Program::proxy("minecraft", server.address, &[]);
    let asked = [handshake(765, "localhost", 25_565, 1), frame(&[0])].concat();
    let ask = |proxy| {
        let mut ends = Ends::open(proxy, &server);
        ends.client.send(&asked);
        ends.server.expect(&asked);
        ends
    };
    let expect = |client: &End, reason: &str| {
        client.expect(&server_list(765, "1.20.4", reason));
        client.expect_ending(Ending::Finished);
    };
    let mute = ask(limited);
    expect(
        &mute.client,
        "midwire: the server did not answer within 2500 ms (handshake_timeout), so the session is ended",
    );
    let Ends { client, server: gone } = ask(proxy);
    gone.reset();
    expect(&client, &format!("midwire: the connection to {} broke off", server.address));
    let mut ended = ask(proxy);
    ended.server.finish();
    let why = format!("midwire: {} has ended the connection and gave no reason", server.address);
    expect(&ended.client, &why);
}

#[test]
fn a_server_that_has_answered_in_the_list_is_not_spoken_for() {
    let server = Server::start();
    let (_program, proxy) = Program::proxy("minecraft", server.address, &[]);
    for resets in [false, true] {
        let mut ends = Ends::open(proxy, &server);
        let asked = [handshake(765, "localhost", 25_565, 1), frame(&[0])].concat();
        ends.client.send(&asked);
        ends.server.expect(&asked);
        let answer = frame(&[&[0], &text("{}")[..]].concat());
        ends.server.send(&answer);
        ends.client.expect(&answer);
        if resets {
            ends.server.reset();
        } else {
            ends.server.finish();
        }
        ends.client.expect_ending(if resets { Ending::Reset } else { Ending::Finished });
        ends.client.expect(&answer);
    }
}

#[test]
fn a_player_is_told_behind_all_that_has_come_when_midwire_ends() {
    for view in [&[][..], &["-q"]] {
        let server = Server::start();
        let (program, proxy) = Program::proxy("minecraft", server.address, view);
        let (mut ends, sent) = in_play(proxy, &server);
        let in_flight = keep_alive().repeat(3_000);
        ends.server.send(&[&in_flight[..], &[40, 0x24, 0]].concat());
        program.signal("TERM");
        let kick = frame(&[&[0x1b], &nbt("midwire ends")[..]].concat());
        ends.client.expect(&[sent, in_flight, kick].concat());
        ends.client.expect_ending(Ending::Finished);
        // What the client says before it goes is heard.
        ends.client.send(&keep_alive());
        ends.client.finish();
        ends.server.expect_ending(Ending::Finished);
        ends.server.wait(
            |arrived| arrived.bytes.ends_with(&keep_alive()),
            |_| (),
            |arrived| format!("the last of {} bytes is another", arrived.bytes.len()),
        );
        let ended = program.wait();
        assert!(ended.status.success(), "{:?}", ended.status);
    }
}

#[test]
fn clients_that_stay_when_midwire_ends_do_not_keep_it() {
    let server = Server::start();
    let patient = ["--set", "close_wait=60000"];
    let (program, proxy) = Program::proxy("minecraft", server.address, &patient);
    let (ends, _) = in_play(proxy, &server);
    // It has not even begun.
    let silent = Ends::open(proxy, &server);
    let begun = Instant::now();
    program.interrupt();
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    for ends in [ends, silent] {
        ends.client.expect_ending(Ending::Finished);
        ends.server.expect_ending(Ending::Finished);
    }
}

#[test]
fn what_rules_delay_comes_before_the_reason() {
    let rules = std::env::temp_dir().join(format!("midwire-late-{}.rules", std::process::id()));
    std::fs::write(&rules, "delay 300ms clientbound keep_alive\n").unwrap();
    let server = Server::start();
    let named = ["-q", "--rules", rules.to_str().unwrap()];
    let (_program, proxy) = Program::proxy("minecraft", server.address, &named);
    let (mut ends, sent) = in_play(proxy, &server);
    ends.server.send(&keep_alive());
    ends.server.finish();
    let text = format!("midwire: {} has ended the connection and gave no reason", server.address);
    let kick = frame(&[&[0x1b], &nbt(&text)[..]].concat());
    ends.client.expect(&[sent, keep_alive(), kick].concat());
    ends.client.expect_ending(Ending::Finished);
    std::fs::remove_file(rules).unwrap();
}

#[test]
fn a_server_that_ends_after_its_client_is_not_spoken_for() {
    let server = Server::start();
    let (_program, proxy) = Program::proxy("minecraft", server.address, &[]);
    let (mut ends, sent) = in_play(proxy, &server);
    ends.client.finish();
    ends.server.expect_ending(Ending::Finished);
    ends.server.finish();
    ends.client.expect_ending(Ending::Finished);
    ends.client.expect(&sent);
}

#[test]
fn nothing_is_put_into_an_encrypted_connection() {
    for finishes in [false, true] {
        let server = Server::start();
        let (_program, proxy) = Program::proxy("minecraft", server.address, &[]);
        let mut ends = Ends::open(proxy, &server);
        let key = frame(&[&[1][..], &[3, 1, 2, 3, 3, 4, 5, 6]].concat());
        let asked = frame(&[1, 0, 2, 8, 8, 2, 9, 9]);
        ends.client.send(&handshake(765, "localhost", 25_565, 2));
        ends.server.expect(&handshake(765, "localhost", 25_565, 2));
        ends.server.send(&asked);
        ends.client.expect(&asked);
        ends.client.send(&key);
        ends.server.expect(&[handshake(765, "localhost", 25_565, 2), key].concat());
        ends.server.send(&[0xa5; 77]);
        let sent = [&asked[..], &[0xa5; 77]].concat();
        ends.client.expect(&sent);
        if finishes {
            ends.server.finish();
            ends.client.expect_ending(Ending::Finished);
        } else {
            ends.server.reset();
            ends.client.expect_ending(Ending::Reset);
        }
        ends.client.expect(&sent);
    }
}

#[test]
fn a_client_that_does_not_go_is_let_go_in_time() {
    let server = Server::start();
    let wait = ["--json", "--all", "--set", "farewell_wait=300"];
    let (program, proxy) = Program::proxy("minecraft", server.address, &wait);
    let (mut ends, _) = in_play(proxy, &server);
    ends.server.finish();
    ends.client.expect_ending(Ending::Finished);
    let closed = |line: &Value| line["type"] == "session" && line["event"] == "closed";
    program.wait_for_json("the session's end", closed);
}

/// A session of 1.20.4 in play, and what the client has got so far.
fn in_play(proxy: SocketAddr, server: &Server) -> (Ends, Vec<u8>) {
    let mut ends = Ends::open(proxy, server);
    let login = frame(b"\x00\x04Alva\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let success = frame(b"\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x04Alva\0");
    let mut to_server = [handshake(765, "localhost", 25_565, 2), login].concat();
    ends.client.send(&to_server);
    ends.server.expect(&to_server);
    let mut to_client = success.clone();
    ends.server.send(&success);
    ends.client.expect(&to_client);
    // acknowledged; then configuration is finished, both ways; then a keep alive
    for (from_client, bytes) in
        [(true, frame(&[3])), (false, frame(&[2])), (true, frame(&[2])), (false, keep_alive())]
    {
        if from_client {
            ends.client.send(&bytes);
            to_server.extend_from_slice(&bytes);
            ends.server.expect(&to_server);
        } else {
            ends.server.send(&bytes);
            to_client.extend_from_slice(&bytes);
            ends.client.expect(&to_client);
        }
    }
    (ends, to_client)
}

/// What a server says of itself that is the reason.
fn server_list(number: usize, name: &str, reason: &str) -> Vec<u8> {
    let list = format!(
        "{{\"version\":{{\"name\":\"{name}\",\"protocol\":{number}}},\"players\":{{\"max\":0,\
         \"online\":0}},\"description\":{{\"text\":\"{reason}\"}}}}"
    );
    frame(&[&[0], &text(&list)[..]].concat())
}

fn keep_alive() -> Vec<u8> {
    frame(&[0x24, 0, 0, 0, 0, 0, 0, 0, 1])
}

fn client(proxy: SocketAddr) -> End {
    let mut client = End::connect(proxy);
    client.read();
    client
}

/// Terraria's message 2.
fn kick(reason: &str) -> Vec<u8> {
    let mut body = vec![2, 0];
    body.extend_from_slice(&text(reason));
    let length = (body.len() + 2) as u16;
    [&length.to_le_bytes()[..], &body].concat()
}

/// A text component as NBT without a name.
fn nbt(text: &str) -> Vec<u8> {
    let length = (text.len() as u16).to_be_bytes();
    [&b"\x0a\x08\0\x04text"[..], &length, text.as_bytes(), &[0]].concat()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

//! Limits and timeouts of sessions: each ends what is too much, says which setting it was, and leaves the
//! others alone.
//!
//! Only Unix has a ctrl-c that one program can send to another.
#![cfg(unix)]

mod support;

use std::time::{Duration, Instant};

use support::ends::{End, Ending, Ends, Server};
use support::minecraft::{frame, handshake};
use support::program::{Ended, Program};
use support::recording::Direction;

const HELLO: &[u8] = b"\x0f\x00\x01\x0bTerraria326";

#[test]
fn a_client_that_says_too_little_is_ended_and_the_setting_is_named() {
    let server = Server::start();
    let (program, proxy) = proxy("terraria", &server, "handshake_timeout=2500");
    let silent = Ends::open(proxy, &server);
    let mut slow = Ends::open(proxy, &server);
    let mut playing = Ends::open(proxy, &server);
    playing.client.send(HELLO);
    playing.server.expect(HELLO);
    playing.server.send(b"\x03\x00\x03");
    playing.client.expect(b"\x03\x00\x03");
    let begun = Instant::now();
    for byte in &HELLO[..10] {
        slow.client.send(&[*byte]);
        std::thread::sleep(Duration::from_millis(30));
    }
    for ends in [&silent, &slow] {
        for direction in Direction::BOTH {
            ends.receiver(direction).expect_ending(Ending::Finished);
        }
    }
    assert!(begun.elapsed() > Duration::from_secs(2), "{:?}", begun.elapsed());
    // What there was of its packet has been passed on.
    slow.server.expect(&HELLO[..10]);
    playing.client.send(b"\x03\x00\x06");
    playing.server.expect(&[HELLO, b"\x03\x00\x06"].concat());
    let ended = program.interrupt();
    assert_eq!(said(&ended, "2500 ms (handshake_timeout)"), 2, "{}", ended.diagnostics);
}

#[test]
fn a_client_that_has_left_the_first_state_may_take_its_time() {
    let server = Server::start();
    let (program, proxy) = proxy("minecraft", &server, "handshake_timeout=2000");
    let mut ends = Ends::open(proxy, &server);
    let asks_for_status = [7, 0, 0, 1, b'a', 0, 80, 1];
    ends.client.send(&asks_for_status);
    ends.server.expect(&asks_for_status);
    std::thread::sleep(Duration::from_millis(3000));
    ends.client.send(&[1, 0]);
    ends.server.expect(&[&asks_for_status[..], &[1, 0]].concat());
    let ended = program.interrupt();
    assert_eq!(said(&ended, "handshake_timeout"), 0, "{}", ended.diagnostics);
}

#[test]
fn a_server_that_does_not_answer_is_given_up_and_the_setting_is_named() {
    let server = Server::start();
    for (protocol, said_first, reason_at) in
        [("terraria", HELLO.to_vec(), 5), ("minecraft", login(), 2)]
    {
        let (program, proxy) = proxy(protocol, &server, "handshake_timeout=2500");
        let mut mute = Ends::open(proxy, &server);
        mute.client.send(&said_first);
        mute.server.expect(&said_first);
        mute.client.expect_any_ending();
        let reason = "the server did not answer within 2500 ms (handshake_timeout)";
        let told = mute.client.wait(|_| true, |arrived| arrived.bytes.clone(), |_| String::new());
        let told = String::from_utf8_lossy(&told[reason_at..]).into_owned();
        assert!(told.contains(reason), "{told}");
        let ended = program.interrupt();
        assert_eq!(said(&ended, reason), 1, "{}", ended.diagnostics);
    }
}

#[test]
fn a_server_that_has_answered_once_may_take_its_time() {
    let server = Server::start();
    let (program, proxy) = proxy("minecraft", &server, "handshake_timeout=2000");
    let mut ends = Ends::open(proxy, &server);
    ends.client.send(&login());
    ends.server.expect(&login());
    // A part of a packet is enough.
    ends.server.send(&[10, 1]);
    std::thread::sleep(Duration::from_millis(3000));
    let rest = [b"\x01x\x01k".as_slice(), &[4, 1, 2, 3, 4]].concat();
    ends.server.send(&rest);
    ends.client.expect(&[&[10, 1], &rest[..]].concat());
    let ended = program.interrupt();
    assert_eq!(said(&ended, "handshake_timeout"), 0, "{}", ended.diagnostics);
}

#[test]
fn bytes_without_packets_may_begin_when_they_like() {
    let server = Server::start();
    let (program, proxy) = proxy("raw", &server, "handshake_timeout=200");
    let mut ends = Ends::open(proxy, &server);
    std::thread::sleep(Duration::from_millis(600));
    ends.client.send(b"at last");
    ends.server.expect(b"at last");
    let ended = program.interrupt();
    assert_eq!(said(&ended, "handshake_timeout"), 0, "{}", ended.diagnostics);
}

#[test]
fn a_session_in_which_nothing_happens_is_ended_only_if_that_is_set() {
    let server = Server::start();
    let (program, proxy) = proxy("raw", &server, "idle_timeout=2000");
    let mut ends = Ends::open(proxy, &server);
    let begun = Instant::now();
    // A byte now and then is enough, from either side.
    for direction in Direction::BOTH.into_iter().cycle().take(6) {
        std::thread::sleep(Duration::from_millis(500));
        ends.sender(direction).send(b".");
    }
    ends.server.expect(b"...");
    ends.client.expect(b"...");
    for direction in Direction::BOTH {
        ends.receiver(direction).expect_ending(Ending::Finished);
    }
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(4900), "{took:?}");
    let ended = program.interrupt();
    assert_eq!(said(&ended, "2000 ms (idle_timeout)"), 1, "{}", ended.diagnostics);
}

#[test]
fn a_player_whose_session_is_ended_is_told_the_setting() {
    let server = Server::start();
    let (program, proxy) = proxy("terraria", &server, "idle_timeout=2000");
    let mut ends = Ends::open(proxy, &server);
    ends.client.send(HELLO);
    ends.server.expect_ending(Ending::Finished);
    ends.client.expect_ending(Ending::Finished);
    let told = ends.client.wait(|_| true, |arrived| arrived.bytes.clone(), |_| String::new());
    let disconnect = 2;
    assert_eq!(told.get(2), Some(&disconnect), "{told:x?}");
    let text = String::from_utf8_lossy(&told);
    assert!(text.contains("2000 ms (idle_timeout)"), "{text}");
    let ended = program.interrupt();
    assert_eq!(said(&ended, "idle_timeout"), 1, "{}", ended.diagnostics);
}

#[test]
fn a_client_with_as_many_sessions_as_it_may_have_is_turned_away_until_one_ends() {
    let server = Server::start();
    let (program, proxy) = proxy("raw", &server, "sessions_per_client_max=2");
    let first = Ends::open(proxy, &server);
    let mut second = Ends::open(proxy, &server);
    expect_turned_away(proxy);
    second.client.send(b"still here");
    second.server.expect(b"still here");
    drop(first.client);
    first.server.expect_ending(Ending::Finished);
    drop(first.server);
    // Its session is over when both ends have gone, which nothing here tells.
    let served = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        let client = End::connect_unless_reset(proxy);
        client.is_some() && server.try_accept(Duration::from_millis(200)).is_some()
    });
    assert!(served, "no place became free");
    let ended = program.interrupt();
    assert!(said(&ended, "sessions_per_client_max") > 0, "{}", ended.diagnostics);
}

#[test]
fn more_sessions_than_there_may_be_are_turned_away() {
    let server = Server::start();
    let (program, proxy) = proxy("raw", &server, "sessions_max=1");
    let mut first = Ends::open(proxy, &server);
    expect_turned_away(proxy);
    first.client.send(b"still here");
    first.server.expect(b"still here");
    let ended = program.interrupt();
    assert_eq!(said(&ended, "sessions_max"), 1, "{}", ended.diagnostics);
}

fn proxy(protocol: &str, server: &Server, set: &str) -> (Program, std::net::SocketAddr) {
    Program::proxy(protocol, server.address, &["-q", "--set", set])
}

/// Connects, and waits until the proxy has ended that.
/// What a client of Minecraft begins with that wants to play.
fn login() -> Vec<u8> {
    let name = frame(b"\x00\x04Alva\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    [handshake(765, "localhost", 25_565, 2), name].concat()
}

fn expect_turned_away(proxy: std::net::SocketAddr) {
    if let Some(mut client) = End::connect_unless_reset(proxy) {
        client.read();
        client.expect_any_ending();
    }
}

/// How many lines of the diagnostics say something.
fn said(ended: &Ended, what: &str) -> usize {
    ended.diagnostics.lines().filter(|line| line.contains(what)).count()
}

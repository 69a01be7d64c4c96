//! A pattern in the client's later bytes hands the connection over.

use std::time::{Duration, Instant};

use crate::support::ends::Ending;
use crate::support::random::Random;
use crate::world::World;

const CHALLENGE: &[u8] = b"STARTAMP 7f3a\n";

fn config(settings: &str, then: &str) -> String {
    format!(
        "[settings]\n{settings}\n[[route]]\nname = \"lines\"\nlisten = \"127.0.0.1:0\"\nprotocol = \"raw\"\nto = \"{{0}}\"\n\
         then = {{ text = \"STARTAMP 7f3a\\n\", {then} }}\n\
         [[route]]\nname = \"calls\"\nprotocol = \"amp\"\nto = \"{{1}}\"\n"
    )
}

#[test]
fn what_came_before_is_the_old_servers_and_the_rest_the_new_ones_wherever_it_is_cut() {
    // Bytes may be slow on a loaded machine.
    let patient = "partial_wait = 60000";
    let world = World::new(2, &config(patient, "route = \"calls\""));
    let dropping = World::new(2, &config(patient, "route = \"calls\", drop_match = true"));
    let call = b"\x00\x04_ask\x00\x011\x00\x08_command\x00\x03Sum\x00\x00";
    let all = [b"STARTAMP? hello\nSTART", CHALLENGE, call].concat();
    let at = 21;
    for (world, from) in [(&world, at), (&dropping, at + CHALLENGE.len())] {
        for pieces in [1, 2, 5, 14, 1000] {
            let mut client = world.client();
            let mut old = world.server(0);
            World::send_in(pieces, &mut client, &all);
            old.expect(&all[..at]);
            old.expect_ending(Ending::Finished);
            old.send(b"last words");
            old.finish();
            client.expect(b"last words");
            let mut new = world.server(1);
            new.expect(&all[from..]);
            new.send(b"answer");
            client.expect(b"last wordsanswer");
            client.finish();
            new.expect_ending(Ending::Finished);
            new.finish();
            client.expect_ending(Ending::Finished);
        }
    }
}

#[test]
fn a_pattern_that_comes_first_leaves_the_old_server_nothing() {
    let world = World::new(2, &config("", "route = \"calls\""));
    let mut client = world.client();
    client.send(CHALLENGE);
    let mut old = world.server(0);
    old.expect_ending(Ending::Finished);
    old.finish();
    world.server(1).expect(CHALLENGE);
}

#[test]
fn all_that_the_old_server_still_says_comes_before_the_new_one() {
    let world = World::new(2, &config("drain_wait = 60000", "route = \"calls\""));
    let mut client = world.client();
    let mut old = world.server(0);
    client.send(&[CHALLENGE, b"more"].concat());
    old.expect_ending(Ending::Finished);
    let long = Random::new(5).bytes(3_000_000);
    old.send(&long);
    std::thread::sleep(Duration::from_millis(100));
    old.send(b"end");
    old.finish();
    let mut new = world.server(1);
    new.send(b"new");
    client.expect(&[&long[..], b"end", b"new"].concat());
    new.expect(&[CHALLENGE, b"more"].concat());
}

#[test]
fn an_old_server_that_does_not_end_is_given_up_after_a_while() {
    let world = World::new(2, &config("drain_wait = 200", "route = \"calls\""));
    let mut client = world.client();
    let mut old = world.server(0);
    let begun = Instant::now();
    client.send(CHALLENGE);
    old.send(b"said before");
    let mut new = world.server(1);
    assert!(begun.elapsed() >= Duration::from_millis(190));
    new.expect(CHALLENGE);
    old.expect_any_ending();
    new.send(b", and after");
    client.expect(b"said before, and after");
}

#[test]
fn an_old_server_that_is_gone_does_not_keep_the_client_from_the_new_one() {
    let world = World::new(2, &config("drain_wait = 60000", "route = \"calls\""));
    let mut client = world.client();
    let old = world.server(0);
    client.send(CHALLENGE);
    old.expect_ending(Ending::Finished);
    old.reset();
    let mut new = world.server(1);
    new.expect(CHALLENGE);
    new.send(b"answer");
    client.expect(b"answer");
}

#[test]
fn the_beginning_of_a_pattern_is_let_go_after_a_moment() {
    let world = World::new(2, &config("", "route = \"calls\""));
    let mut client = world.client();
    let old = world.server(0);
    client.send(b"x");
    old.expect(b"x");
    for round in 0..10u32 {
        let begun = Instant::now();
        client.send(b"START");
        let wanted = [&b"x"[..], &b"START".repeat(round as usize + 1)].concat();
        old.expect(&wanted);
        let waited = begun.elapsed();
        assert!(waited >= Duration::from_millis(15), "it is held: {waited:?}");
    }
}

#[test]
fn a_pattern_that_comes_slowly_is_whole_for_the_new_server() {
    let world = World::new(2, &config("", "route = \"calls\""));
    let mut client = world.client();
    let mut old = world.server(0);
    client.send(b"ab");
    for byte in CHALLENGE.chunks(1) {
        client.send(byte);
        std::thread::sleep(Duration::from_millis(40));
    }
    client.send(b"rest");
    old.expect_any_ending();
    old.finish();
    world.server(1).expect(&[CHALLENGE, b"rest"].concat());
}

#[test]
fn what_is_held_when_the_client_ends_is_the_old_servers() {
    let world = World::new(2, &config("partial_wait = 60000", "route = \"calls\""));
    let mut client = world.client();
    let old = world.server(0);
    client.send(b"hello STARTAMP");
    client.finish();
    old.expect(b"hello STARTAMP");
    old.expect_ending(Ending::Finished);
}

#[test]
fn an_answer_of_its_own_may_follow_the_pattern() {
    let text = config("", "respond = { text = \"welcome\\n\" }");
    let world = World::new(1, text.split("[[route]]\nname = \"calls\"").next().unwrap());
    let mut client = world.client();
    client.send(&[b"hi\n", CHALLENGE].concat());
    let mut old = world.server(0);
    old.expect(b"hi\n");
    old.send(b"bye\n");
    old.finish();
    client.expect(b"bye\nwelcome\n");
    client.expect_ending(Ending::Finished);
}

#[test]
fn a_client_that_goes_while_the_old_server_ends_comes_to_no_new_one() {
    let world = World::new(2, &config("drain_wait = 60000", "route = \"calls\""));
    let mut client = world.client();
    let mut old = world.server(0);
    client.send(CHALLENGE);
    old.expect_ending(Ending::Finished);
    client.reset();
    old.send(b"x");
    old.finish();
    let mut client = world.client();
    client.send(CHALLENGE);
    let mut old = world.server(0);
    old.finish();
    let new = world.server(1);
    new.expect(CHALLENGE);
}

#[test]
fn many_bytes_that_are_no_pattern_pass_as_they_come() {
    let world = World::new(2, &config("", "route = \"calls\""));
    let mut client = world.client();
    let mut old = world.server(0);
    // Full of beginnings.
    let mut bytes = Random::new(9).bytes(2_000_000);
    for at in (0..bytes.len() - 20).step_by(97) {
        bytes[at..at + 8].copy_from_slice(b"STARTAMP");
    }
    bytes.push(b'.');
    client.send(&bytes);
    old.expect(&bytes);
    client.send(CHALLENGE);
    old.expect_ending(Ending::Finished);
    old.finish();
    world.server(1).expect(CHALLENGE);
}

#[test]
fn a_connection_may_be_handed_over_again() {
    let config = r#"
[[route]]
name = "one"
listen = "127.0.0.1:0"
protocol = "raw"
to = "{0}"
then = [{ text = "two!", route = "two", drop_match = true }, { hex = "00 ?? 00", to = "{2}", protocol = "raw" }]

[[route]]
name = "two"
protocol = "raw"
to = "{1}"
then = { text = "one!", route = "one", drop_match = true }
"#;
    let world = World::new(3, config);
    let mut client = world.client();
    client.send(b"a two! b one! c two! d one! e \x00\x09\x00 f");
    for (number, bytes) in [(0, &b"a "[..]), (1, b" b "), (0, b" c "), (1, b" d "), (0, b" e ")] {
        let mut server = world.server(number);
        server.expect(bytes);
        server.expect_ending(Ending::Finished);
        server.finish();
    }
    world.server(2).expect(b"\x00\x09\x00 f");
}

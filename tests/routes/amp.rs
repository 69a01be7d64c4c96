//! The text's own case: a predefined challenge, then AMP, read as boxes by `protocols/amp.wire`.

use crate::support::ends::Ending;
use crate::world::World;

#[test]
fn lines_until_the_challenge_and_boxes_behind_it() {
    let config = r#"
[[route]]
name = "lines"
listen = "127.0.0.1:0"
protocol = "raw"
to = "{0}"
then = { text = "STARTAMP\n", route = "calls", drop_match = true }

[[route]]
name = "calls"
protocol = "amp"
to = "{1}"
"#;
    let world = World::with(2, config, &["--json"]);
    let mut client = world.client();
    let mut lines = world.server(0);
    client.send(b"hello\n");
    lines.expect(b"hello\n");
    lines.send(b"HELLO\n");
    client.expect(b"HELLO\n");
    let call = b"\x00\x04_ask\x00\x011\x00\x08_command\x00\x03Sum\x00\x01a\x00\x0220\x00\x00";
    client.send(&[&b"STARTAMP\n"[..], call].concat());
    lines.expect_ending(Ending::Finished);
    lines.finish();
    let mut calls = world.server(1);
    calls.expect(call);
    let answer = b"\x00\x07_answer\x00\x011\x00\x05total\x00\x0242\x00\x00";
    calls.send(answer);
    client.expect(&[&b"HELLO\n"[..], answer].concat());
    for (protocol, server) in [("raw", 0), ("amp", 1)] {
        let address = world.servers[server].address.to_string();
        world.program.wait_for_json("one session, two protocols", |line| {
            line["event"] == "opened"
                && line["protocol"] == protocol
                && line["server"] == address
                && line["session"] == 1
        });
    }
    for (direction, key) in [("serverbound", "_ask"), ("clientbound", "_answer")] {
        world.program.wait_for_json("a box", |line| {
            line["name"] == "box"
                && line["direction"] == direction
                && line["fields"]["pairs"][0]["key"] == key
        });
    }
    client.finish();
    calls.expect_ending(Ending::Finished);
    calls.finish();
    client.expect_ending(Ending::Finished);
}

#[test]
fn a_challenge_that_is_the_new_servers_stands_in_front_of_the_boxes() {
    let config = r#"
[[route]]
listen = "127.0.0.1:0"
protocol = "raw"
to = "{0}"
then = [
  { text = "STARTAMP\n", to = "{1}", protocol = "amp" },
  { hex = "0004 5f61736b", to = "{1}", protocol = "amp" },
]
"#;
    let call = b"\x00\x04_ask\x00\x011\x00\x08_command\x00\x03Sum\x00\x00";
    for challenge in [&b"STARTAMP\n"[..], b""] {
        let world = World::with(2, config, &["--json"]);
        let mut client = world.client();
        let all = [challenge, call].concat();
        client.send(&all);
        let mut old = world.server(0);
        old.expect_ending(Ending::Finished);
        old.finish();
        world.server(1).expect(&all);
        world.program.wait_for_json("the call", |line| {
            line["name"] == "box" && line["fields"]["pairs"][1]["value"] == "Sum"
        });
    }
}

//! PROXY headers: taken, passed, sent, and wrong ones.

use crate::support::ends::Ending;
use crate::world::World;

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 51000 443\r\n";
const V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\xc7\x38\x01\xbb";
const HANDSHAKE: &[u8] = b"\x10\x00\x81\x06\x09localhost\x63\xdd\x01\x01\x00";

fn config(how: &str) -> String {
    format!(
        "[settings]\nsniff_wait = 5000\n[[route]]\nlisten = \"127.0.0.1:0\"\nmatch = {{ detect = \"minecraft\" }}\n\
         protocol = \"minecraft\"\nto = \"{{0}}\"\n{how}\n"
    )
}

#[test]
fn a_header_is_taken_and_its_source_is_the_client() {
    for header in [V1, V2] {
        let world = World::with(1, &config("proxy_header = \"take\""), &["--json"]);
        let mut client = world.client();
        World::send_in(1, &mut client, &[header, HANDSHAKE].concat());
        world.server(0).expect(HANDSHAKE);
        world.program.wait_for_json("the client of the header", |line| {
            line["event"] == "opened" && line["client"] == "192.0.2.1:51000"
        });
        world.program.wait_for_json("the handshake", |line| line["name"] == "set_protocol");
    }
}

#[test]
fn a_header_is_passed_on_and_the_packets_behind_it_are_read() {
    for header in [V1, V2] {
        let world = World::with(1, &config("proxy_header = \"pass\""), &["--json"]);
        let mut client = world.client();
        client.send(&[header, HANDSHAKE].concat());
        world.server(0).expect(&[header, HANDSHAKE].concat());
        world.program.wait_for_json("the handshake", |line| line["name"] == "set_protocol");
    }
}

#[test]
fn a_header_is_sent_with_the_address_of_the_client_or_that_of_its_own_header() {
    for (how, begins) in [
        ("send_proxy_header = \"v1\"", &b"PROXY TCP4 127.0.0.1 127.0.0.1 "[..]),
        (
            "send_proxy_header = \"v2\"",
            &b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x7f\0\0\x01\x7f\0\0\x01"[..],
        ),
    ] {
        let world = World::new(1, &config(how));
        let mut client = world.client();
        client.send(HANDSHAKE);
        let server = world.server(0);
        server.wait(
            |arrived| arrived.bytes.ends_with(HANDSHAKE),
            |arrived| assert!(arrived.bytes.starts_with(begins), "{:?}", arrived.bytes),
            |arrived| format!("{:?}", arrived.bytes),
        );
    }
    let world = World::new(1, &config("proxy_header = \"take\"\nsend_proxy_header = \"v1\""));
    let mut client = world.client();
    client.send(&[V2, HANDSHAKE].concat());
    world.server(0).expect(&[V1, HANDSHAKE].concat());
}

#[test]
fn a_client_without_the_header_that_it_must_send_is_closed() {
    let wrong: [(&[u8], &str); 5] = [
        (HANDSHAKE, "no PROXY header in front"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 51000\r\n", "not two addresses and two ports"),
        (b"PROXY TCP9 a b c d\r\n", "neither TCP4, TCP6 nor UNKNOWN"),
        (b"\r\n\r\n\0\r\nQUIT\n\x31", "version 3 in a binary header"),
        (&V2[..20], "did not come whole"),
    ];
    for (bytes, said) in wrong {
        let world = World::with(1, &config("proxy_header = \"take\""), &["--json"]);
        let mut client = world.client();
        client.send(bytes);
        client.expect_any_ending();
        world.program.wait_for_json(said, |line| {
            line["type"] == "notice"
                && line["message"].as_str().is_some_and(|text| text.contains(said))
        });
    }
}

#[test]
fn a_check_of_the_proxy_itself_is_no_error() {
    let config = "[[route]]\nlisten = \"127.0.0.1:0\"\nproxy_header = \"take\"\nprotocol = \"raw\"\nto = \"{0}\"\n";
    let world = World::new(1, config);
    for header in [&b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"[..], b"PROXY UNKNOWN\r\n"] {
        let mut client = world.client();
        client.send(header);
        client.finish();
        let mut server = world.server(0);
        server.expect_ending(Ending::Finished);
        server.finish();
        client.expect_ending(Ending::Finished);
    }
}

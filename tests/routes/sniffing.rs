//! First bytes choose.

use std::time::{Duration, Instant};

use crate::support::ends::{End, Ending, Server};
use crate::support::program::Program;
use crate::world::World;

const HANDSHAKE: &[u8] = b"\x10\x00\x81\x06\x09localhost\x63\xdd\x01\x01\x00";
const HELLO: &[u8] = b"\x0f\x00\x01\x0bTerraria326";
const CALL: &[u8] = b"\x00\x04_ask\x00\x011\x00\x08_command\x00\x03Sum\x00\x00";
const HTTP: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const SSH: &[u8] = b"SSH-2.0-OpenSSH_9.9\r\n";

/// A ClientHello that asks for a server and speaks one protocol inside.
fn client_hello(name: &str, alpn: &str) -> Vec<u8> {
    let part = |content: &[u8]| [&(content.len() as u16).to_be_bytes()[..], content].concat();
    let name = part(&[&[0][..], &part(name.as_bytes())].concat());
    let alpn = part(&[&[alpn.len() as u8][..], alpn.as_bytes()].concat());
    let extensions = [&[0, 0][..], &part(&name), &[0, 16], &part(&alpn)].concat();
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0], &part(&extensions)].concat();
    let message = [&[1, 0][..], &part(&body)].concat();
    [&[22, 3, 1][..], &part(&message)].concat()
}

/// Every kind of match, and a route for the rest.
const ALL: &str = r#"
[settings]
sniff_wait = 30000

[[route]]
name = "game"
listen = "127.0.0.1:0"
match = { detect = "minecraft" }
protocol = "minecraft"
to = "{0}"

[[route]]
name = "web"
listen = "127.0.0.1:0"
match = [{ text = "GET " }, { text = "POST " }]
protocol = "raw"
to = "{1}"

[[route]]
name = "secure web"
listen = "127.0.0.1:0"
match = { server_name = "*.example.org", alpn = "h2" }
protocol = "raw"
to = "{2}"

[[route]]
name = "terraria"
listen = "127.0.0.1:0"
match = { detect = "terraria" }
protocol = "terraria"
to = "{3}"

[[route]]
name = "banner"
listen = "127.0.0.1:0"
match = { hex = "2d 32 ?? 30", at = 3 }
protocol = "raw"
to = "{4}"

[[route]]
name = "calls"
listen = "127.0.0.1:0"
match = { detect = "amp" }
protocol = "amp"
to = "{5}"

[[route]]
name = "rest"
listen = "127.0.0.1:0"
protocol = "raw"
to = "{6}"
"#;

/// Every route on one listener: port 0 is a listener of its own for each, so they share a written port.
fn on_one_port(config: &str) -> String {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    config.replace("127.0.0.1:0", &free.to_string())
}

#[test]
fn each_kind_of_match_leads_to_its_server_wherever_the_bytes_are_cut() {
    let world = World::new(7, &on_one_port(ALL));
    let secure = client_hello("play.example.org", "h2");
    let other = client_hello("play.example.com", "h2");
    let cases: [(&[u8], usize); 9] = [
        (HANDSHAKE, 0),
        (HTTP, 1),
        (b"POST /x HTTP/1.1\r\n", 1),
        (&secure, 2),
        (HELLO, 3),
        (SSH, 4),
        (CALL, 5),
        (&other, 6),
        (b"hello, is this a server?", 6),
    ];
    for (bytes, number) in cases {
        for pieces in [1, 2, 3, 7, 50, 1000] {
            let mut client = world.client();
            World::send_in(pieces, &mut client, bytes);
            let mut server = world.server(number);
            server.expect(bytes);
            // Games get whole frames.
            let more: &[u8] = match number {
                0 => b"\x01\x00",
                3 => b"\x03\x00\x06",
                _ => b"more",
            };
            server.send(more);
            client.expect(more);
            client.send(more);
            server.expect(&[bytes, more].concat());
            client.finish();
            server.expect_ending(Ending::Finished);
            server.finish();
            client.expect_ending(Ending::Finished);
        }
    }
}

#[test]
fn every_cut_of_a_handshake_leads_to_the_game() {
    let world = World::new(7, &on_one_port(ALL));
    for cut in 1..HANDSHAKE.len() {
        let mut client = world.client();
        client.send(&HANDSHAKE[..cut]);
        std::thread::sleep(Duration::from_millis(2));
        client.send(&HANDSHAKE[cut..]);
        world.server(0).expect(HANDSHAKE);
    }
}

#[test]
fn auto_reads_each_client_by_its_own_protocol() {
    let server = Server::start();
    let (program, address) =
        Program::proxy("auto", server.address, &["--json", "--set", "sniff_wait=30000"]);
    for (bytes, protocol) in
        [(HANDSHAKE, "minecraft"), (HELLO, "terraria"), (CALL, "amp"), (HTTP, "raw"), (SSH, "raw")]
    {
        for pieces in [1, 1000] {
            let mut client = End::connect(address);
            World::send_in(pieces, &mut client, bytes);
            let mut end = server.accept();
            end.read();
            end.expect(bytes);
            program.wait_for_json(protocol, |line| {
                line["event"] == "opened" && line["protocol"] == protocol
            });
        }
    }
    let told = program.diagnostics();
    assert!(
        told.contains("told by their first bytes: amp, minecraft, terraria, all others unread"),
        "{told}"
    );
}

#[test]
fn where_the_server_speaks_first_it_is_connected_when_the_time_is_up() {
    let config = on_one_port(ALL).replace("30000", "150");
    let world = World::new(7, &config);
    let begun = Instant::now();
    let mut client = world.client();
    let mut server = world.server(6);
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(140), "{waited:?}");
    server.send(b"SSH-2.0-server\r\n");
    client.expect(b"SSH-2.0-server\r\n");
    client.send(SSH);
    server.expect(SSH);
}

#[test]
fn without_anything_to_match_a_server_is_connected_at_once() {
    let config = "[settings]\nsniff_wait = 30000\n[[route]]\nlisten = \"127.0.0.1:0\"\nprotocol = \"raw\"\nto = \"{0}\"\n";
    let world = World::new(1, config);
    let client = world.client();
    let mut server = world.server(0);
    server.send(b"first");
    client.expect(b"first");
}

#[test]
fn what_may_still_match_is_waited_for_until_the_time_is_up() {
    let config = on_one_port(ALL).replace("30000", "200");
    let world = World::new(7, &config);
    let mut client = world.client();
    client.send(&HANDSHAKE[..10]);
    let mut server = world.server(6);
    server.expect(&HANDSHAKE[..10]);
    client.send(&HANDSHAKE[10..]);
    server.expect(HANDSHAKE);
    server.send(b"x");
    client.expect(b"x");
}

#[test]
fn an_old_ping_is_the_games_when_nothing_follows_it() {
    let config = on_one_port(ALL).replace("30000", "100");
    let world = World::new(7, &config);
    for ping in [&b"\xfe"[..], b"\xfe\x01"] {
        let mut client = world.client();
        client.send(ping);
        let mut server = world.server(0);
        server.expect(ping);
        server.send(b"\xff\0\0");
        client.expect(b"\xff\0\0");
    }
}

#[test]
fn no_more_bytes_are_looked_at_than_the_limit() {
    let config = on_one_port(ALL).replace("sniff_wait", "sniff_max = 12\nsniff_wait");
    let world = World::new(7, &config);
    let mut client = world.client();
    client.send(HANDSHAKE);
    world.server(6).expect(HANDSHAKE);
    client = world.client();
    client.send(HTTP);
    world.server(1).expect(HTTP);
}

#[test]
fn a_client_that_ends_while_it_is_looked_at_takes_its_end_along() {
    let world = World::new(7, &on_one_port(ALL));
    let mut client = world.client();
    client.send(b"GE");
    client.finish();
    let mut server = world.server(6);
    server.expect(b"GE");
    server.expect_ending(Ending::Finished);
    server.send(b"answer");
    server.finish();
    client.expect(b"answer");
    client.expect_ending(Ending::Finished);
}

#[test]
fn a_client_that_is_reset_while_it_is_looked_at_reaches_nobody_and_ends_nothing() {
    let world = World::new(7, &on_one_port(ALL));
    for _ in 0..20 {
        let mut client = world.client();
        client.send(b"GE");
        client.reset();
    }
    let mut client = world.client();
    client.send(HTTP);
    world.server(1).expect(HTTP);
    // Nobody but that client came to a server.
    let ended = world.program.interrupt();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("21 sessions"), "{}", ended.diagnostics);
}

#[test]
fn clients_that_say_next_to_nothing_do_not_keep_others_waiting() {
    let config = on_one_port(ALL).replace("30000", "8000");
    let world = World::new(7, &config);
    let mut slow: Vec<End> = (0..300).map(|_| world.client()).collect();
    for client in &mut slow {
        client.send(b"G");
    }
    let begun = Instant::now();
    let mut client = world.client();
    client.send(HTTP);
    world.server(1).expect(HTTP);
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
    // Their time is limited: each goes where the rest goes.
    for _ in &slow {
        world.server(6).expect(b"G");
    }
}

#[test]
fn a_client_for_whom_there_is_no_route_is_turned_away_and_that_is_said() {
    let config = "[[route]]\nlisten = \"127.0.0.1:0\"\nmatch = { text = \"GET \" }\nprotocol = \"raw\"\nto = \"{0}\"\n";
    let world = World::new(1, config);
    let mut client = world.client();
    client.send(b"PUT ");
    client.expect_any_ending();
    let mut client = world.client();
    client.send(b"GET ");
    world.server(0).expect(b"GET ");
    let ended = world.program.interrupt();
    assert!(
        ended.output.contains("was turned away: no route is for what it sent"),
        "{}{}",
        ended.output,
        ended.diagnostics
    );
}

#[test]
fn an_answer_of_its_own_is_sent_and_the_connection_ended_or_kept() {
    let config = r#"
[[route]]
name = "web"
listen = "127.0.0.1:0"
match = { text = "GET " }
respond = { text = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nthis port speaks Minecraft only\n" }

[[route]]
name = "stays"
listen = "127.0.0.1:0"
respond = { hex = "01 02 03", after = "stay" }
"#;
    let config = on_one_port(config);
    let world = World::new(0, &config);
    let mut client = world.client();
    client.send(HTTP);
    let answer =
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nthis port speaks Minecraft only\n";
    client.expect(answer.as_bytes());
    client.expect_ending(Ending::Finished);
    let mut client = world.client();
    client.send(b"hello");
    client.expect(&[1, 2, 3]);
    client.send(&[0; 100_000]);
    client.finish();
    client.expect_ending(Ending::Finished);
    let ended = world.program.interrupt();
    assert!(ended.output.contains("midwire's own answer (web)"), "{}", ended.output);
    let counted = format!("{} bytes serverbound", HTTP.len() + 5 + 100_000);
    assert!(ended.diagnostics.contains(&counted), "{}", ended.diagnostics);
}

#[test]
fn a_server_that_is_down_is_the_same_end_as_without_routes() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let config = format!(
        "[[route]]\nlisten = \"127.0.0.1:0\"\nmatch = {{ text = \"x\" }}\nprotocol = \"raw\"\nto = \"{free}\"\n"
    );
    let world = World::new(0, &config);
    let mut client = world.client();
    client.send(b"x");
    client.expect_ending(Ending::Reset);
}

#[test]
fn a_player_whose_server_is_down_is_told_though_first_bytes_were_read() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let (program, address) = Program::proxy("auto", free, &["--set", "sniff_wait=3000"]);
    for (bytes, text) in
        [(HANDSHAKE, "cannot reach".to_owned()), (b"\xfe\x01", utf16("cannot reach"))]
    {
        let mut client = End::connect(address);
        client.read();
        World::send_in(5, &mut client, bytes);
        client.wait(
            |arrived| String::from_utf8_lossy(&arrived.bytes).contains(&text),
            |_| (),
            |arrived| format!("{:?}", arrived.bytes),
        );
    }
    let output = program.interrupt().output;
    assert_eq!(output.matches("is not there now").count(), 1, "{output}");
}

/// A text as UTF-16, read as if it were ASCII.
fn utf16(text: &str) -> String {
    text.chars().flat_map(|c| ['\0', c]).collect()
}

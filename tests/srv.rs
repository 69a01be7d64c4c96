//! Names without a port, which lead where their SRV records say, and servers that are down at the start.

mod support;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use support::dns::Dns;
use support::ends::{End, Ending, Ends, Server, free_address};
use support::minecraft::{frame, handshake, varint};
use support::program::Program;

const NAME: &str = "play.example.org";

#[test]
fn a_record_is_followed_and_told_to_the_server() {
    let server = Server::start();
    let port = server.address.port();
    for at_length in [false, true] {
        let records = [(5, 0, port, "localhost")];
        let dns = if at_length { Dns::at_length(&records) } else { Dns::start(&records) };
        for (more, host, said) in
            [(&[][..], "localhost", port), (&["--keep-host"][..], "typed", 25_565)]
        {
            let (_program, proxy) = proxy(NAME, &dns, more);
            let mut ends = Ends::open(proxy, &server);
            ends.client.send(&handshake(765, "typed", 25_565, 2));
            ends.server.expect(&handshake(765, host, said, 2));
        }
        assert!(dns.asked().iter().all(|name| name == "_minecraft._tcp.play.example.org"));
    }
}

#[test]
fn the_next_record_counts_where_one_leads_nowhere() {
    let server = Server::start();
    let port = server.address.port();
    let dns = Dns::start(&[(9, 0, port, "localhost"), (1, 0, free_address().port(), "localhost")]);
    let (_program, proxy) = proxy(NAME, &dns, &[]);
    let mut ends = Ends::open(proxy, &server);
    ends.client.send(&handshake(765, "typed", 25_565, 2));
    ends.server.expect(&handshake(765, "localhost", port, 2));
}

#[test]
fn without_records_the_name_and_the_usual_port_stand() {
    for records in [&[][..], &[(0, 0, 0, ".")]] {
        let dns = Dns::start(records);
        let (_program, proxy) = proxy("no-such-host.invalid", &dns, &[]);
        let reason = "midwire: cannot reach no-such-host.invalid:25565: the name is not known";
        told(proxy, reason);
    }
}

#[test]
fn a_name_server_that_is_silent_is_not_waited_for() {
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let dns = format!("dns={}", silent.local_addr().unwrap());
    let more =
        ["--json", "--to", "no-such-host.invalid", "--set", &dns, "--set", "dns_timeout=200"];
    let (program, proxy) = Program::proxy_with("minecraft", &more);
    program.wait_for_json("a notice on the name server", |line| {
        line["message"].as_str().is_some_and(|text| text.contains("dns_timeout"))
    });
    told(proxy, "midwire: cannot reach no-such-host.invalid:25565: the name is not known");
}

#[test]
fn a_port_that_was_typed_is_meant() {
    let dns = Dns::start(&[(0, 0, free_address().port(), "localhost")]);
    let (_program, proxy) = proxy("no-such-host.invalid:7", &dns, &[]);
    told(proxy, "midwire: cannot reach no-such-host.invalid:7: the name is not known");
    assert_eq!(dns.asked(), [""; 0]);
}

#[test]
fn records_that_lead_to_midwire_itself_are_refused() {
    let port = free_address().port();
    let dns = Dns::start(&[(0, 0, port, "localhost")]);
    let set = format!("dns={}", dns.address);
    let listen = format!("127.0.0.1:{port}");
    let ended =
        Program::start(&["proxy", "minecraft", "--to", NAME, "--listen", &listen, "--set", &set])
            .wait();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("itself"), "{}", ended.diagnostics);

    // Later on, too.
    dns.set(&[(0, 0, free_address().port(), "localhost")]);
    let (_program, proxy) = proxy(NAME, &dns, &[]);
    dns.set(&[(0, 0, proxy.port(), "localhost")]);
    told(proxy, "midwire: cannot reach play.example.org:25565: that is midwire itself");
}

#[test]
fn where_a_record_has_led_is_said_when_nobody_is_there() {
    let port = free_address().port();
    let dns = Dns::start(&[(0, 0, port, "localhost")]);
    let (_program, proxy) = proxy(NAME, &dns, &[]);
    told(
        proxy,
        &format!(
            "midwire: cannot reach {NAME}:25565: its SRV record says localhost:{port}: connection \
             refused"
        ),
    );
}

#[test]
fn a_server_that_is_down_at_the_start_is_a_warning() {
    // Nobody can be told so who has no words for it.
    for (protocol, then) in [("minecraft", "; clients are told so"), ("raw", "")] {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_address().port()));
        let (program, proxy) = Program::proxy(protocol, address, &["--json"]);
        let warning = format!("the server {address} is not there now: connection refused{then}");
        program.wait_for_json(&warning, |line| line["message"] == *warning);
        // It is served as soon as it is there.
        let listener = TcpListener::bind(address).unwrap();
        let _client = End::connect(proxy);
        listener.accept().unwrap();
    }
}

#[test]
fn a_server_that_is_there_at_the_start_gets_no_empty_connection() {
    let server = Server::start();
    let (program, proxy) = Program::proxy("minecraft", server.address, &["--json"]);
    let mut ends = Ends::open(proxy, &server);
    ends.client.send(&handshake(765, "typed", 25_565, 2));
    ends.server.expect(&handshake(765, "typed", 25_565, 2));
    drop(ends);
    let log = program.interrupt().json();
    assert!(log.iter().all(|line| line["type"] != "notice"), "{log:?}");
}

fn proxy(to: &str, dns: &Dns, more: &[&str]) -> (Program, SocketAddr) {
    let set = format!("dns={}", dns.address);
    Program::proxy_with("minecraft", &[&["--to", to, "--set", &set], more].concat())
}

/// Joins, and expects to be told why not.
fn told(proxy: SocketAddr, reason: &str) {
    let mut client = End::connect(proxy);
    client.read();
    client.send(&handshake(765, "typed", 25_565, 2));
    let component = format!("{{\"text\":\"{reason}\"}}");
    let length = varint(component.len());
    client.expect(&frame(&[&[0], &length[..], component.as_bytes()].concat()));
    client.expect_ending(Ending::Finished);
}

//! Watching midwire from outside: its numbers, its log, and its questions on a terminal.

mod support;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use support::PATIENCE;
use support::ends::{End, Ending, Ends, Server, free_address};
use support::program::Program;

const HELLO: &[u8] = b"\x0f\x00\x01\x0bTerraria326";
/// A packet of an unknown id.
const UNKNOWN: [u8; 5] = [5, 0, 240, 0xab, 0xcd];
/// A packet whose fields end early.
const CUT_SHORT: [u8; 6] = [6, 0, 13, 3, 0, 0];

#[test]
fn the_numbers_of_open_sessions_are_those_of_now() {
    let server = Server::start();
    let (program, proxy, metrics) = watched("terraria", server.address, &["--json", "--all"]);
    let before = Numbers::of(metrics);
    assert_eq!(before.get("midwire_sessions_open"), 0.0);
    assert!(before.get("process_open_fds") > 3.0);
    assert!(before.get("process_resident_memory_bytes") > 1e6);

    let mut ends = Ends::open(proxy, &server);
    let sent = [HELLO, &UNKNOWN, &CUT_SHORT].concat();
    ends.client.send(&sent);
    ends.server.expect(&sent);
    ends.server.send(&[5, 0, 3, 0, 0]);
    ends.client.expect(&[5, 0, 3, 0, 0]);
    let now = Numbers::when(metrics, |now| {
        now.get("midwire_malformed_packets_total") > 0.0
            && now.get("midwire_received_frames_total{direction=\"clientbound\"}") > 0.0
    });
    for (name, value) in [
        ("midwire_sessions_open", 1),
        ("midwire_sessions_total", 1),
        ("midwire_turned_away_total", 0),
        ("midwire_received_bytes_total{direction=\"serverbound\"}", sent.len()),
        ("midwire_received_frames_total{direction=\"serverbound\"}", 3),
        ("midwire_sent_bytes_total{direction=\"serverbound\"}", sent.len()),
        ("midwire_received_bytes_total{direction=\"clientbound\"}", 5),
        ("midwire_received_frames_total{direction=\"clientbound\"}", 1),
        ("midwire_unknown_packets_total{direction=\"serverbound\"}", 1),
        ("midwire_unknown_packets_total{direction=\"clientbound\"}", 0),
        ("midwire_malformed_packets_total", 1),
        ("midwire_lost_events_total", 0),
    ] {
        assert_eq!(now.get(name), value as f64, "{name}");
    }
    assert!(now.get("midwire_relay_seconds_count") >= 1.0);
    assert!(now.get("midwire_relay_seconds_sum") < 10.0);
    let all = now.get("midwire_relay_seconds_bucket{le=\"+Inf\"}");
    assert_eq!(all, now.get("midwire_relay_seconds_count"));
    assert!(now.get("midwire_relay_seconds_bucket{le=\"0.00001\"}") <= all);

    drop(ends);
    let after = Numbers::when(metrics, |now| now.get("midwire_sessions_open") == 0.0);
    assert_eq!(after.get("midwire_sessions_total"), 1.0);
    assert_eq!(program.interrupt().status.code(), Some(0));
}

#[test]
fn clients_that_are_not_served_are_counted_by_reason() {
    let server = Server::start();
    let one = ["-q", "--set", "sessions_max=1"];
    let (_program, proxy, metrics) = watched("raw", server.address, &one);
    let first = Ends::open(proxy, &server);
    if let Some(mut second) = End::connect_unless_reset(proxy) {
        second.read();
        second.expect_any_ending();
    }
    Numbers::when(metrics, |now| now.get("midwire_turned_away_total") == 1.0);
    drop(first);

    let (_program, proxy, metrics) = watched("terraria", free_address(), &["-q"]);
    let mut client = End::connect(proxy);
    client.read();
    client.send(HELLO);
    client.expect_ending(Ending::Finished);
    let refused = "midwire_sessions_failed_total{reason=\"refused\"}";
    let now = Numbers::when(metrics, |now| now.get(refused) == 1.0);
    assert_eq!(now.get("midwire_sessions_failed_total{reason=\"timeout\"}"), 0.0);
}

#[test]
fn only_what_asks_for_the_numbers_gets_them() {
    let (_program, _, metrics) = watched("raw", free_address(), &["-q"]);
    assert!(metrics.ip().is_loopback());
    let status = |request: &[u8]| {
        let answer = ask(metrics, request);
        answer.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(status(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 OK");
    assert_eq!(status(b"GET /metrics?a=b HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 OK");
    assert_eq!(status(b"GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 Not Found");
    assert_eq!(status(b"POST /metrics HTTP/1.1\r\n\r\n"), "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(status(b"\r\n\r\n"), "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(status(&[b'a'; 9000]), "HTTP/1.1 400 Bad Request");
    // More silent clients than are answered at once hold up nobody for long.
    let silent: Vec<TcpStream> =
        (0..20).map(|_| TcpStream::connect(metrics).expect("a listening port")).collect();
    assert_eq!(status(b"GET /metrics HTTP/1.1\r\n\r\n"), "HTTP/1.1 200 OK");
    drop(silent);
}

#[test]
fn a_port_for_the_numbers_that_is_taken_is_named() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = Program::start(&[
        "proxy",
        "raw",
        "--to",
        "127.0.0.1:1",
        "--listen",
        "127.0.0.1:0",
        "--metrics",
        &port,
    ])
    .wait();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains(&port), "{}", ended.diagnostics);
}

#[test]
fn the_log_tells_sessions_apart_and_says_nothing_unasked() {
    let server = Server::start();
    let talk = |more: &[&str]| {
        let (program, proxy) = Program::proxy("terraria", server.address, more);
        let mut ends = Ends::open(proxy, &server);
        ends.client.send(HELLO);
        ends.server.expect(HELLO);
        ends.client.finish();
        ends.server.expect_ending(Ending::Finished);
        ends.server.finish();
        ends.client.expect_ending(Ending::Finished);
        program.interrupt().diagnostics
    };
    let log = talk(&["-q", "--log", "debug"]);
    let session = |text: &str| {
        let wanted = log.lines().find(|line| line.contains(text));
        let line = wanted.unwrap_or_else(|| panic!("no {text}:\n{log}"));
        assert!(line.contains("session{number=1 client=127.0.0.1:"), "{line}");
        assert!(line.contains(&format!("server=\"{}\"", server.address)), "{line}");
        assert!(line.contains("protocol=\"terraria\""), "{line}");
    };
    ["accepted", "connected", "number=326", "closed"].into_iter().for_each(session);
    let quiet = talk(&["-q"]);
    assert!(!quiet.contains("session{"), "{quiet}");
    let warnings = talk(&["-q", "--log", "midwire=warn"]);
    assert!(!warnings.contains("session{"), "{warnings}");

    let ended = Program::start(&["proxy", "raw", "--to", "127.0.0.1:1", "--log", "loud"]).wait();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("--log loud"), "{}", ended.diagnostics);
}

#[cfg(target_os = "linux")]
mod terminal {
    use std::process::{Child, Command, Stdio};
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// A midwire on a terminal of its own.
    struct Terminal {
        child: Child,
        said: Receiver<Vec<u8>>,
        screen: String,
    }

    impl Terminal {
        fn start(arguments: &str) -> Self {
            // A shell that stays between would take ctrl-c too, and end with its own code.
            let command = format!("exec {} {arguments}", support::program::binary().display());
            let mut child = Command::new("script")
                .args(["-qefc", &command, "/dev/null"])
                .env("SHELL", "/bin/sh")
                .env("XDG_CONFIG_HOME", support::program::nowhere())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("the script command runs");
            let mut output = child.stdout.take().expect("piped output");
            let (sender, said) = channel();
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(len @ 1..) = output.read(&mut buffer) {
                    if sender.send(buffer[..len].to_vec()).is_err() {
                        return;
                    }
                }
            });
            Self { child, said, screen: String::new() }
        }

        fn expect(&mut self, text: &str) {
            let until = Instant::now() + PATIENCE;
            while !self.screen.contains(text) {
                let left = until.saturating_duration_since(Instant::now());
                let said = self.said.recv_timeout(left);
                let said = said.unwrap_or_else(|_| panic!("no {text}:\n{}", self.screen));
                self.screen.push_str(&String::from_utf8_lossy(&said));
            }
        }

        fn enter(&mut self, text: &str) {
            self.screen.clear();
            let mut input = self.child.stdin.as_ref().expect("piped input");
            input.write_all(text.as_bytes()).expect("a terminal that takes input");
            input.flush().expect("a terminal that takes input");
        }

        fn end(&mut self) -> Option<i32> {
            self.child.wait().expect("a program that was started").code()
        }
    }

    impl Drop for Terminal {
        fn drop(&mut self) {
            // Fails only for one that has ended.
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }

    #[test]
    fn midwire_alone_asks_and_plays() {
        let server = Server::start();
        let mut terminal = Terminal::start("");
        terminal.expect("[minecraft] ");
        terminal.enter("teraria\n");
        terminal.expect("did you mean terraria?");
        terminal.enter("terraria\n");
        terminal.expect("[127.0.0.1] ");
        terminal.enter(&format!("{}\n", server.address));
        terminal.expect("listening on ");
        terminal.expect("ctrl-c ends");
        let (_, after) = terminal.screen.split_once("listening on ").unwrap();
        let proxy: SocketAddr = after.split_whitespace().next().unwrap().parse().unwrap();
        let mut ends = Ends::open(proxy, &server);
        ends.client.send(HELLO);
        ends.server.expect(HELLO);
        terminal.expect("Hello");
        drop(ends);
        terminal.enter("\x03");
        assert_eq!(terminal.end(), Some(0));
    }

    #[test]
    fn the_window_stays_open_on_an_error() {
        // All ports that midwire would try.
        let (first, _taken) = taken(21);
        let folder = std::env::temp_dir().join(format!("midwire-ask-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let wire = folder.join("busy.wire");
        let text = format!("protocol busy {{ port {first}, frame {{ length: u8, id: u8 }} }}\n");
        std::fs::write(&wire, text).unwrap();
        let mut terminal = Terminal::start("");
        terminal.expect("[minecraft] ");
        terminal.enter(&format!("{}\n", wire.display()));
        terminal.expect("[127.0.0.1] ");
        terminal.enter("127.0.0.1:1\n");
        terminal.expect("another program uses that port");
        terminal.expect("press Enter to close ");
        assert!(terminal.child.try_wait().unwrap().is_none(), "the window has closed");
        terminal.enter("\n");
        assert_eq!(terminal.end(), Some(3));
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// So many ports in a row, all taken, and the first of them.
    fn taken(count: u16) -> (u16, Vec<TcpListener>) {
        for first in (20_000..32_000).step_by(usize::from(count)) {
            let take = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
            let taken: Vec<_> = (first..first + count).map_while(|port| take(port).ok()).collect();
            if taken.len() == usize::from(count) {
                return (first, taken);
            }
        }
        panic!("there are no {count} free ports in a row");
    }
}

#[test]
fn midwire_alone_without_a_terminal_says_what_it_is() {
    let ended = Program::start(&[]).wait();
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.output.contains("midwire proxy minecraft --to"), "{}", ended.output);
}

/// A midwire with numbers.
fn watched(protocol: &str, server: SocketAddr, more: &[&str]) -> (Program, SocketAddr, SocketAddr) {
    let more = [&["--metrics", "127.0.0.1:0"], more].concat();
    let (program, proxy) = Program::proxy(protocol, server, &more);
    let until = Instant::now() + PATIENCE;
    loop {
        let said = program.diagnostics();
        let found =
            said.split_once("metrics on http://").and_then(|(_, rest)| rest.split_once('/'));
        if let Some((address, _)) = found {
            return (program, proxy, address.parse().expect("an address"));
        }
        assert!(Instant::now() < until, "nothing on the metrics:{}", program.story());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The numbers at one time.
struct Numbers(String);

impl Numbers {
    fn of(metrics: SocketAddr) -> Self {
        let answer = ask(metrics, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        Self(body.to_owned())
    }

    /// As soon as this is true of them.
    fn when(metrics: SocketAddr, reached: impl Fn(&Self) -> bool) -> Self {
        let until = Instant::now() + PATIENCE;
        loop {
            let now = Self::of(metrics);
            if reached(&now) {
                return now;
            }
            assert!(Instant::now() < until, "never reached:\n{}", now.0);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn get(&self, name: &str) -> f64 {
        let line = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let number = line.unwrap_or_else(|| panic!("no {name}:\n{}", self.0));
        number.parse().expect("a number")
    }
}

/// Sends a request, and gives the whole answer.
fn ask(metrics: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect_timeout(&metrics, PATIENCE).expect("a listening port");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(request).expect("a request");
    let mut answer = Vec::new();
    // An answer to a request that is too long may end in a reset.
    stream.read_to_end(&mut answer).ok();
    String::from_utf8(answer).expect("text")
}

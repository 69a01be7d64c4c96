//! What a connection through the program keeps of a direct one: its bytes, its ends, its flow; and
//! what the program says when something is wrong.
//!
//! Only Unix has a ctrl-c that one program can send to another.
#![cfg(unix)]

mod support;

use std::net::{Ipv4Addr, TcpListener};

use serde_json::Value;

use support::ends::{End, Ending, Ends, Server, free_address};
use support::minecraft::{frame, handshake};
use support::program::{Program, packets};
use support::random::Random;
use support::recording::Direction;

const JSON: [&str; 2] = ["--json", "--all"];

#[test]
fn each_side_may_finish_alone() {
    for protocol in ["raw", "minecraft", "terraria"] {
        for first in Direction::BOTH {
            let second = opposite(first);
            let server = Server::start();
            let (_program, proxy) = Program::proxy(protocol, server.address, &[]);
            let mut ends = Ends::open(proxy, &server);
            ends.sender(first).finish();
            ends.receiver(first).expect_ending(Ending::Finished);
            // Frames in none of the protocols: what cannot be read is still relayed.
            let bytes = Random::new(7).bytes(300_000);
            ends.sender(second).send(&bytes);
            ends.sender(second).finish();
            ends.receiver(second).expect(&bytes);
            ends.receiver(second).expect_ending(Ending::Finished);
        }
    }
}

#[test]
fn a_frame_that_never_ends_arrives_when_its_sender_finishes() {
    let server = Server::start();
    let (_program, proxy) = Program::proxy("terraria", server.address, &[]);
    let mut ends = Ends::open(proxy, &server);
    let frame_of_9_bytes_cut_short = [9, 0, 1, 5];
    ends.client.send(&frame_of_9_bytes_cut_short);
    ends.client.finish();
    ends.server.expect(&frame_of_9_bytes_cut_short);
    ends.server.expect_ending(Ending::Finished);
}

#[test]
fn a_reset_travels_to_the_other_side() {
    for protocol in ["raw", "minecraft"] {
        let server = Server::start();
        let (_program, proxy) = Program::proxy(protocol, server.address, &[]);

        let ends = Ends::open(proxy, &server);
        ends.server.reset();
        ends.client.expect_ending(Ending::Reset);

        let ends = Ends::open(proxy, &server);
        ends.client.reset();
        ends.server.expect_ending(Ending::Reset);
    }
}

#[test]
fn a_receiver_that_does_not_read_stops_its_sender_and_nobody_else() {
    const MOST: usize = 512 << 20;
    // Above what the system keeps for two connections, and far below what is offered.
    const BOUND: usize = 64 << 20;
    let flood = Random::new(3).bytes(1 << 20);
    // Unknown packets of 65,000 bytes.
    let mut frames = flood.clone();
    for frame in frames.chunks_mut(65_000) {
        let len = frame.len() as u16;
        frame[..2].copy_from_slice(&len.to_le_bytes());
        frame[2] = 250;
    }
    for (protocol, bytes) in [("raw", flood), ("terraria", frames)] {
        for stopped in Direction::BOTH {
            let server = Server::start();
            let (_program, proxy) = Program::proxy(protocol, server.address, &[]);
            let mut ends = Ends::open_unread(proxy, &server);
            ends.sender(stopped).read();
            let taken = ends.sender(stopped).send_until_full(&bytes, MOST);
            assert!(taken < BOUND, "{protocol}: {taken} bytes were taken with nobody reading");

            let other = opposite(stopped);
            let small = [5, 0, 250, 1, 2];
            ends.sender(other).send(&small);
            ends.receiver(other).expect(&small);

            ends.sender(other).read();
            ends.sender(stopped).finish();
            let whole = bytes.iter().copied().cycle().take(taken).collect::<Vec<u8>>();
            ends.receiver(stopped).expect(&whole);
            ends.receiver(stopped).expect_ending(Ending::Finished);
        }
    }
}

#[test]
fn many_sessions_at_once_keep_their_bytes_apart() {
    let server = Server::start();
    let (_program, proxy) = Program::proxy("raw", server.address, &[]);
    let mut random = Random::new(11);
    let mut sessions: Vec<(Ends, [Vec<u8>; 2])> = (0..64)
        .map(|_| {
            let ends = Ends::open(proxy, &server);
            (ends, [random.bytes(100_000), random.bytes(100_000)])
        })
        .collect();
    for (ends, bytes) in &mut sessions {
        for direction in Direction::BOTH {
            ends.sender(direction).send(&bytes[direction as usize]);
        }
    }
    for (ends, bytes) in &sessions {
        for direction in Direction::BOTH {
            ends.receiver(direction).expect(&bytes[direction as usize]);
        }
    }
}

#[test]
fn pieces_of_all_sizes_keep_their_order_when_nobody_looks_at_them() {
    let server = Server::start();
    let (program, proxy) = Program::proxy("raw", server.address, &["-q"]);
    let mut ends = Ends::open(proxy, &server);
    let sent = [1, 2].map(|seed| Random::new(seed).bytes(12 << 20));
    std::thread::scope(|scope| {
        let Ends { client, server } = &mut ends;
        for (end, bytes, seed) in [(client, &sent[0], 3), (server, &sent[1], 4)] {
            scope.spawn(move || {
                let mut random = Random::new(seed);
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let most = [40, 4_000, 40_000, 1_000_000][random.below(4)];
                    let (piece, after) = rest.split_at((1 + random.below(most)).min(rest.len()));
                    end.send(piece);
                    // A pause now and then: small pieces are copied, what comes without one is not.
                    if random.below(8) == 0 {
                        std::thread::sleep(std::time::Duration::from_millis(1));
                    }
                    rest = after;
                }
                end.finish();
            });
        }
    });
    for direction in Direction::BOTH {
        ends.receiver(direction).expect(&sent[direction as usize]);
        ends.receiver(direction).expect_ending(Ending::Finished);
    }
    drop(ends);
    let said = program.interrupt().diagnostics;
    let bytes = 12 << 20;
    let summary =
        format!("1 session, 0 packets: {bytes} bytes serverbound, {bytes} bytes clientbound\n");
    assert!(said.ends_with(&summary), "{said}");
}

#[test]
fn a_session_that_nobody_looks_at_is_joined_and_the_summary_says_so() {
    const HELLO: &[u8] = b"\x0f\x00\x01\x0bTerraria326";
    let part_of_a_frame = [9, 0, 250, 1];
    // With a farewell frames are needed to the end: only between two of them it can be said.
    let joined = ["-q", "--set", "farewell=off"];
    for (more, is_joined) in [
        (&joined[..], true),
        (&[&joined[..], &["--set", "join=never"]].concat(), false),
        (&["-q"], false),
    ] {
        let server = Server::start();
        let (program, proxy) = Program::proxy("terraria", server.address, more);
        let mut ends = Ends::open(proxy, &server);
        ends.client.send(&[HELLO, &part_of_a_frame].concat());
        // What waits for the rest of its frame goes on at once when frames are of no interest.
        let first = if is_joined { [HELLO, &part_of_a_frame].concat() } else { HELLO.to_vec() };
        ends.server.expect(&first);
        ends.client.send(&[2, 3, 4, 5, 6]);
        ends.server.expect(&[HELLO, &part_of_a_frame, &[2, 3, 4, 5, 6]].concat());
        drop(ends);
        let said = program.interrupt().diagnostics;
        let counted =
            if is_joined { "1 session, 1 packet: 24" } else { "1 session, 2 packets: 24" };
        assert!(said.contains(counted), "{said}");
        assert_eq!(said.contains("later packets of 1 session"), is_joined, "{said}");
    }
}

#[test]
fn bytes_without_packets_are_counted_and_shown_only_when_asked_for() {
    for (more, is_shown) in [(&[][..], false), (&["-x"][..], true)] {
        let server = Server::start();
        let (program, proxy) = Program::proxy("raw", server.address, more);
        let mut ends = Ends::open(proxy, &server);
        ends.client.send(b"hello");
        ends.server.expect(b"hello");
        ends.client.finish();
        ends.server.finish();
        ends.server.expect_ending(Ending::Finished);
        ends.client.expect_ending(Ending::Finished);
        let ended = program.interrupt();
        assert_eq!(ended.output.contains("68 65 6c 6c 6f"), is_shown, "{}", ended.output);
        let closed = "closed: 0 packets, 5 bytes serverbound; 0 packets, 0 bytes clientbound";
        assert!(ended.output.contains(closed), "{}", ended.output);
    }
}

#[test]
fn ctrl_c_ends_open_sessions_and_succeeds() {
    let server = Server::start();
    let (program, proxy) = Program::proxy("raw", server.address, &JSON);
    let mut ends = Ends::open(proxy, &server);
    ends.client.send(b"hello");
    ends.server.expect(b"hello");
    let ended = program.interrupt();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
    ends.client.expect_any_ending();
    ends.server.expect_any_ending();
}

#[test]
fn a_server_that_is_down_is_named_and_the_next_client_is_served() {
    let nobody = free_address();
    let (program, proxy) = Program::proxy("raw", nobody, &JSON);
    for _ in 0..2 {
        if let Some(mut client) = End::connect_unless_reset(proxy) {
            client.read();
            client.expect_any_ending();
        }
    }
    program.wait_for_json("a notice that names the server", |line| {
        let message = line["message"].as_str().unwrap_or_default();
        line["type"] == "notice" && message.contains(&nobody.to_string())
    });
}

#[test]
fn a_port_in_use_is_named_and_ends_the_program_with_3() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended =
        Program::start(&["proxy", "raw", "--to", "127.0.0.1:1", "--listen", &address]).wait();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains(&address), "{}", ended.diagnostics);
}

#[test]
fn a_usual_port_in_use_moves_to_the_next_free_one() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let definition = std::env::temp_dir().join(format!("midwire-busy-{port}.wire"));
    let text =
        format!("protocol busy \"Busy\" {{ port {port}, frame {{ length: u8, id: u8 }} }}\n");
    std::fs::write(&definition, text).unwrap();
    // the server is who holds the port: a game's own server on the same machine
    let to = format!("127.0.0.1:{port}");
    let program = Program::start(&["proxy", definition.to_str().unwrap(), "--to", &to]);
    let address = program.address();
    assert_eq!(address.ip(), Ipv4Addr::LOCALHOST);
    assert!(address.port() > port, "{address} is not behind {port}");
    let told = program.wait_for_diagnostics("into the game");
    assert!(told.contains(&format!("port {port} is another program's")), "{told}");
    assert!(told.contains(&format!("type {address} into the game")), "{told}");
    std::fs::remove_file(definition).unwrap();
}

#[test]
fn a_proxy_to_itself_is_refused() {
    let address = free_address().to_string();
    let ended = Program::start(&["proxy", "raw", "--to", &address, "--listen", &address]).wait();
    assert!(!ended.status.success());
    assert!(ended.diagnostics.contains("itself"), "{}", ended.diagnostics);
}

#[test]
fn the_host_in_a_handshake_becomes_the_servers_name() {
    const SENT_TO_MODDED_CLIENTS: &str = "\0FML3\0";
    let server = Server::start();
    let port = server.address.port();
    let to = format!("localhost:{port}");
    let typed = format!("127.0.0.1{SENT_TO_MODDED_CLIENTS}");
    let rewritten = format!("localhost{SENT_TO_MODDED_CLIENTS}");
    for (more, host, host_port) in
        [(&[][..], &rewritten, port), (&["--keep-host"][..], &typed, 25_565)]
    {
        let arguments = [&JSON[..], &["--to", &to], more].concat();
        let (program, proxy) = Program::proxy_with("minecraft", &arguments);
        let mut ends = Ends::open(proxy, &server);
        ends.client.send(&handshake(765, &typed, 25_565, 2));
        ends.server.expect(&handshake(765, host, host_port, 2));
        let login = frame(&[&[0_u8, 4][..], b"Alva", &[0; 16]].concat());
        ends.client.send(&login);
        ends.server.expect(&[handshake(765, host, host_port, 2), login].concat());
        drop(ends);
        let log = program.interrupt().json();
        let fates: Vec<&str> = of_peers(&log).map(|line| line["fate"].as_str().unwrap()).collect();
        let first = if more.is_empty() { "changed" } else { "passed" };
        assert_eq!(fates, [first, "passed"]);
    }
}

#[test]
fn a_handshake_that_begins_like_a_legacy_ping_is_a_handshake() {
    let server = Server::start();
    let (program, proxy) = Program::proxy("minecraft", server.address, &JSON);
    let mut ends = Ends::open(proxy, &server);
    let length_without_host = 1 + 2 + 2 + 2 + 1;
    let handshake = handshake(765, &"a".repeat(254 - length_without_host), 25_565, 2);
    assert_eq!(handshake[..2], [0xfe, 0x01]);
    ends.client.send(&handshake);
    ends.server.expect(&handshake);
    drop(ends);
    let log = program.interrupt().json();
    let names: Vec<&Value> = of_peers(&log).map(|line| &line["name"]).collect();
    assert_eq!(names, ["set_protocol"]);
}

#[test]
fn what_cannot_be_read_passes_and_is_reported() {
    let server = Server::start();
    let (program, proxy) = Program::proxy("terraria", server.address, &JSON);
    let mut ends = Ends::open(proxy, &server);
    let hello = b"\x0f\x00\x01\x0bTerraria326";
    let unknown = [5, 0, 240, 0xab, 0xcd];
    let cut_short = [6, 0, 13, 3, 0, 0];
    let no_frame = [0, 0, 1, 2, 3];
    let mut sent = Vec::new();
    for bytes in [&hello[..], &unknown, &cut_short, &no_frame, b"anything"] {
        sent.extend_from_slice(bytes);
        ends.client.send(bytes);
        ends.server.expect(&sent);
    }
    drop(ends);

    let log = program.interrupt().json();
    let lines: Vec<&Value> = of_peers(&log).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["name"], "Hello");
    assert_eq!(lines[0]["fields"]["version"], "Terraria326");
    assert_eq!((&lines[1]["name"], &lines[1]["id"]), (&Value::Null, &Value::from(240)));
    assert_eq!(lines[2]["name"], "PlayerControls");
    assert_eq!(lines[2]["fields"]["player"], 3);
    let error = &lines[2]["error"];
    assert!(error["field"].is_string() && error["message"].is_string(), "{error}");
    assert!(error["offset"].is_u64(), "{error}");
    // After what was reported as unreadable, that direction has no packets.
    let lost = log.iter().any(|line| line["type"] == "notice" && line["session"] == 1);
    assert!(lost, "no notice says that the frames were lost");
}

/// The packets that the peers sent: whose end is seen first decides whether midwire has a last word for the client.
fn of_peers(log: &[Value]) -> impl Iterator<Item = &Value> {
    packets(log).filter(|line| line["origin"] != "midwire")
}

fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Serverbound => Direction::Clientbound,
        Direction::Clientbound => Direction::Serverbound,
    }
}

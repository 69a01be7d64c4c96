//! `midwire doctor`: what is wrong, before anybody plays.

mod support;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use serde_json::Value;
use support::dns::Dns;
use support::ends::free_address;
use support::program::{Ended, Program};

#[test]
fn a_minecraft_server_is_named_with_its_version_and_players() {
    // A MOTD that would clear the screen, in parts.
    let info = r#"{"version":{"name":"1.20.4","protocol":765},"players":{"online":3,"max":20},
        "description":{"text":"A \u001b[2J","extra":[{"text":"world"}]}}"#;
    let server = minecraft(info);
    for protocol in [&["minecraft"][..], &[]] {
        let ended = doctor(protocol, &["--to", &server.to_string()]);
        assert_eq!(ended.status.code(), Some(0), "{}{}", ended.output, ended.diagnostics);
        let game = line(&ended, "game");
        let said = "ok     game         Minecraft 1.20.4 (protocol 765), 3 of 20 players, \
                    \"A \\x1b[2Jworld\", ping ";
        assert!(game.starts_with(said), "{game}");
        assert!(line(&ended, "server").contains(&format!("{server} takes connections")));
        assert!(ended.output.ends_with("all is well\n"), "{}", ended.output);
    }
    let ended = doctor(&["minecraft"], &["--json", "--to", &server.to_string()]);
    let game = finding(&ended, "game");
    for (name, value) in
        [("version", Value::from("1.20.4")), ("protocol", 765.into()), ("online", 3.into())]
    {
        assert_eq!(game[name], value);
    }
    assert_eq!(game["motd"], "A \u{1b}[2Jworld");
    assert!(game["ping_us"].is_u64());
    assert_eq!(ended.json().last().unwrap()["ok"], true);
}

#[test]
fn a_server_that_is_down_is_wrong() {
    let nobody = free_address();
    for protocol in [&["minecraft"][..], &[]] {
        let ended = doctor(protocol, &["--to", &nobody.to_string()]);
        assert_eq!(ended.status.code(), Some(1));
        let server = line(&ended, "server");
        assert_eq!(
            server,
            format!("wrong  server       {nobody} cannot be reached: connection refused")
        );
        assert!(ended.output.ends_with("something is wrong, see above\n"), "{}", ended.output);
    }
    let ended = doctor(&["terraria"], &["--to", "no-such-host.invalid"]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(line(&ended, "name").contains("no-such-host.invalid is not known"));
}

#[test]
fn terraria_and_rfb_are_told_by_what_they_say() {
    let kicks = serve(|stream| {
        let mut hello = [0; 15];
        if stream.read_exact(&mut hello).is_ok() && hello[2] == 1 {
            stream.write_all(b"\x19\0\x02\x02\x13LegacyMultiplayer.4\0").ok();
        }
    });
    let vnc = serve(|stream| {
        stream.write_all(b"RFB 003.008\n").ok();
        let mut answer = [0; 12];
        if stream.read_exact(&mut answer).is_ok() && answer == *b"RFB 003.008\n" {
            stream.write_all(&[2, 2, 19]).ok();
        }
    });
    for protocol in ["terraria", ""] {
        let protocol: Vec<&str> = [protocol].into_iter().filter(|p| !p.is_empty()).collect();
        let ended = doctor(&protocol, &["--to", &kicks.to_string()]);
        assert_eq!(
            line(&ended, "game"),
            "ok     game         Terraria, of another version than 1.4.5.8"
        );
        assert_eq!(ended.status.code(), Some(0), "{}", ended.output);
    }
    for protocol in [&["rfb"][..], &[]] {
        let ended = doctor(protocol, &["--to", &vnc.to_string()]);
        let said = "ok     game         RFB 003.008, security password, VeNCrypt";
        assert_eq!(line(&ended, "game"), said);
    }
}

#[test]
fn what_is_no_known_game_is_said() {
    let mute = serve(|stream| {
        stream.write_all(b"SSH-2.0-nothing\r\n").ok();
        stream.read_to_end(&mut Vec::new()).ok();
    });
    let to = mute.to_string();
    let ended = doctor(&[], &["--to", &to, "--set", "connect_timeout=2000"]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.output);
    assert!(line(&ended, "game").contains("no game that midwire knows"), "{}", ended.output);
    let ended = doctor(&["minecraft"], &["--to", &to, "--set", "connect_timeout=2000"]);
    assert!(line(&ended, "game").contains("does not answer as Minecraft"), "{}", ended.output);
    // Without a ping, a connection is all that there is.
    let ended = doctor(&["raw"], &["--to", &to]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.output);
    assert!(line(&ended, "game").starts_with("note "), "{}", ended.output);
}

#[test]
fn a_record_is_followed() {
    let server = minecraft("{}");
    let dns = Dns::start(&[(0, 0, server.port(), "localhost")]);
    let set = format!("dns={}", dns.address);
    let ended = doctor(&["minecraft"], &["--to", "play.example.org", "--set", &set]);
    let leads = format!("play.example.org:25565 leads to localhost:{} by its SRV", server.port());
    assert!(line(&ended, "name").contains(&leads), "{}", ended.output);
    assert_eq!(
        line(&ended, "game").split(", ping").next().unwrap(),
        "ok     game         Minecraft ?"
    );
}

#[test]
fn who_uses_the_port_is_said() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let ended = doctor(&["terraria"], &["--listen", &address.to_string()]);
    assert_eq!(ended.status.code(), Some(1));
    let port = line(&ended, "port");
    assert!(port.starts_with("wrong"), "{port}");
    assert!(port.contains(&address.to_string()), "{port}");
    if cfg!(target_os = "linux") {
        assert!(port.contains(&format!("process {}", std::process::id())), "{port}");
    }
    drop(taken);
    let ended = doctor(&["terraria"], &["--listen", &address.to_string()]);
    assert_eq!(line(&ended, "port"), format!("ok     port         {address} is free"));
    assert!(line(&ended, "address").contains(&format!("type {address} into Terraria")));
    assert_eq!(ended.status.code(), Some(0));
}

#[test]
fn definitions_that_cannot_be_read_are_wrong() {
    let folder = std::env::temp_dir().join(format!("midwire-doctor-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("good.wire"), "protocol good { frame { length: u8, id: u8 } }\n")
        .unwrap();
    let defs = ["--listen", "127.0.0.1:0", "--defs", folder.to_str().unwrap()];
    let ended = doctor(&["raw"], &defs);
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.output, ended.diagnostics);
    std::fs::write(folder.join("bad.wire"), "protocol bad { frame { length: } }\n").unwrap();
    let ended = doctor(&["raw"], &defs);
    assert_eq!(ended.status.code(), Some(1));
    assert!(line(&ended, "definitions").contains("bad.wire"), "{}", ended.output);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_typed_for_vnc_is_a_port_and_has_a_password() {
    for name in ["rfb", "vnc"] {
        let ended = doctor(&[name], &["--to", "127.0.0.1:1"]);
        assert_eq!(ended.status.code(), Some(2), "{}", ended.diagnostics);
        let said = ended.diagnostics;
        assert!(said.contains("did you mean display 1, port 5901?"), "{said}");
    }
    let said = doctor(&["rfb"], &[]).output;
    for line in said.lines().filter(|line| line.contains("another device")) {
        assert!(line.contains(" --client-password-file FILE"), "{line}");
    }
}

fn doctor(protocol: &[&str], more: &[&str]) -> Ended {
    // The usual ports of this machine are no concern of the tests.
    let listen: &[&str] =
        if more.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
    Program::start(&[&["doctor"], protocol, listen, more].concat()).wait()
}

/// The first line about something.
fn line(ended: &Ended, about: &str) -> String {
    let is_it = |line: &&str| line.split_whitespace().nth(1) == Some(about);
    let found = ended.output.lines().find(is_it);
    found.unwrap_or_else(|| panic!("nothing on {about}:\n{}", ended.output)).to_owned()
}

fn finding(ended: &Ended, about: &str) -> Value {
    let found = ended.json().into_iter().find(|line| line["about"] == about);
    found.unwrap_or_else(|| panic!("nothing on {about}:\n{}", ended.output))
}

/// A server that does the same with each client.
fn serve(act: impl Fn(&mut TcpStream) + Send + Sync + Copy + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || act(&mut stream));
        }
    });
    address
}

/// A server that says this of itself and answers a ping.
fn minecraft(info: &'static str) -> SocketAddr {
    serve(move |stream| {
        let Some(handshake) = frame(stream) else { return };
        if handshake.first() != Some(&0) || frame(stream) != Some(vec![0]) {
            return;
        }
        let mut payload = vec![0];
        varint(info.len(), &mut payload);
        payload.extend_from_slice(info.as_bytes());
        let mut answer = Vec::new();
        varint(payload.len(), &mut answer);
        answer.extend_from_slice(&payload);
        stream.write_all(&answer).ok();
        if let Some(ping) = frame(stream) {
            stream.write_all(&[&[9][..], &ping].concat()).ok();
        }
    })
}

/// The payload of a frame of less than 128 bytes.
fn frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut len = [0];
    stream.read_exact(&mut len).ok()?;
    let mut payload = vec![0; len[0].into()];
    stream.read_exact(&mut payload).ok()?;
    Some(payload)
}

fn varint(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

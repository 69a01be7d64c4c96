//! VNC through the program: both sides are authenticated, then joined; and what the viewer is told when
//! that cannot be.
#![cfg(unix)]

mod support;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use midwire_rfb::Password;
use support::ends::{End, Ending, Server};
use support::program::{Program, binary};

/// What clients have to give, and what the server wants. Neither may ever be shown.
const CLIENT_PASSWORD: &str = "front-pw";
const SERVER_PASSWORD: &str = "inner-pw";

/// The server's challenge.
const CHALLENGE: &[u8; 16] = b"sixteen bytes...";

/// What a server says once a client is in, and a key that the client presses.
const SERVER_INIT: &[u8] =
    b"\x00\x14\x00\x12\x20\x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0\0\0\0\x01s";
const KEY: &[u8] = &[4, 1, 0, 0, 0, 0, 0, 0x61];
const BELL: &[u8] = &[2];

/// A file with a password, which goes with this value.
struct Secret(PathBuf);

impl Secret {
    fn new(name: &str, password: &str) -> Self {
        let file = format!("midwire-rfb-{}-{name}-{password}", std::process::id());
        let path = std::env::temp_dir().join(file);
        std::fs::write(&path, format!("{password}\n")).expect("a file is written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .expect("its mode is set");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the folder of temporary files is named in UTF-8")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// Midwire between clients that know [`CLIENT_PASSWORD`] and a server that wants [`SERVER_PASSWORD`].
fn proxy(name: &str, server: SocketAddr, more: &[&str]) -> (Program, SocketAddr) {
    let client = Secret::new(name, CLIENT_PASSWORD);
    let inner = Secret::new(name, SERVER_PASSWORD);
    let files = ["--client-password-file", client.path(), "--server-password-file", inner.path()];
    // They are read before it listens.
    Program::proxy("rfb", server, &[&files[..], more].concat())
}

/// One end that says and hears bytes in order.
struct Talk {
    end: End,
    heard: usize,
    /// Whether bytes are sent one by one.
    slowly: bool,
}

impl Talk {
    fn new(mut end: End, slowly: bool) -> Self {
        end.read();
        Self { end, heard: 0, slowly }
    }

    fn say(&mut self, bytes: &[u8]) {
        let len = if self.slowly { 1 } else { bytes.len().max(1) };
        bytes.chunks(len).for_each(|piece| self.end.send(piece));
    }

    fn hear(&mut self, len: usize) -> Vec<u8> {
        let (from, to) = (self.heard, self.heard + len);
        self.heard = to;
        self.end.wait(
            |arrived| arrived.bytes.len() >= to,
            |arrived| arrived.bytes[from..to].to_vec(),
            |arrived| {
                let got = arrived.bytes[from..].escape_ascii();
                format!("{len} bytes were to come, and there are \"{got}\"")
            },
        )
    }

    fn hears(&mut self, bytes: &[u8]) {
        let heard = self.hear(bytes.len());
        assert_eq!(heard.escape_ascii().to_string(), bytes.escape_ascii().to_string());
    }

    /// Nothing more comes, and the connection ends in order.
    fn hears_the_end(&self) {
        self.end.expect_ending(Ending::Finished);
        let heard = self.heard;
        self.end.wait(
            |_| true,
            |arrived| assert_eq!(arrived.bytes.len(), heard),
            |_| String::new(),
        );
    }
}

fn version(minor: u8) -> Vec<u8> {
    format!("RFB 003.00{minor}\n").into_bytes()
}

/// A client up to its answer, which it is to send.
fn challenged(proxy: SocketAddr, minor: u8, slowly: bool) -> (Talk, [u8; 16]) {
    let mut client = Talk::new(End::connect(proxy), slowly);
    client.hears(&version(8));
    client.say(&version(minor));
    if minor == 3 {
        client.hears(&[0, 0, 0, 2]);
    } else {
        client.hears(&[1, 2]);
        client.say(&[2]);
    }
    let challenge = client.hear(16).try_into().expect("these are 16 bytes");
    (client, challenge)
}

fn answer(password: &str, challenge: &[u8; 16]) -> [u8; 16] {
    Password::new(password.as_bytes()).answer(challenge)
}

/// The server's part up to its result, which it is to send.
fn server_side(server: &Server, minor: u8, slowly: bool) -> Talk {
    let mut server = Talk::new(server.accept(), slowly);
    server.say(&version(minor));
    server.hears(&version(minor));
    if minor == 3 {
        server.say(&[0, 0, 0, 2]);
    } else {
        server.say(&[2, 2, 1]);
        server.hears(&[2]);
    }
    server.say(CHALLENGE);
    server.hears(&answer(SERVER_PASSWORD, CHALLENGE));
    server
}

#[test]
fn what_lies_behind_both_handshakes_comes_first() {
    for (minor, server_minor) in [(8, 8), (3, 8), (8, 3), (7, 7), (3, 3), (7, 3), (3, 7)] {
        for (slowly, quiet) in [(false, "-q"), (true, "-q"), (false, "--json"), (true, "--json")] {
            let server = Server::start();
            let name = format!("{minor}{server_minor}{slowly}{quiet}");
            let (_program, proxy) = proxy(&name, server.address, &[quiet]);
            let (mut client, challenge) = challenged(proxy, minor, slowly);
            // Behind its answer a client has no business to go on, and it does.
            client.say(&[&answer(CLIENT_PASSWORD, &challenge)[..], &[1], KEY].concat());
            let mut server = server_side(&server, server_minor, slowly);
            server.say(&[&[0; 4], SERVER_INIT, BELL].concat());

            client.hears(&[&[0; 4], SERVER_INIT, BELL].concat());
            server.hears(&[&[1], KEY].concat());
            client.say(KEY);
            server.hears(KEY);
            server.say(BELL);
            client.hears(BELL);
            client.end.finish();
            server.hears_the_end();
            server.say(BELL);
            client.hears(BELL);
            server.end.finish();
            client.hears_the_end();
        }
    }
}

#[test]
fn packets_of_a_joined_session_are_listed() {
    let server = Server::start();
    let (program, proxy) = proxy("listed", server.address, &["--json"]);
    let (mut client, challenge) = challenged(proxy, 8, false);
    client.say(&answer(CLIENT_PASSWORD, &challenge));
    let mut server = server_side(&server, 8, false);
    server.say(&[0; 4]);
    client.hears(&[0; 4]);
    client.say(&[&[1], KEY].concat());
    server.hears(&[&[1], KEY].concat());
    server.say(&[SERVER_INIT, BELL].concat());
    client.hears(&[SERVER_INIT, BELL].concat());
    let ended = program.interrupt();
    let lines = ended.json();
    let names: Vec<_> =
        lines.iter().filter(|line| line["type"] == "packet").map(|line| &line["name"]).collect();
    assert_eq!(names.len(), 4, "{}", ended.output);
    for name in ["ClientInit", "KeyEvent", "ServerInit", "Bell"] {
        assert!(names.iter().any(|found| **found == *name), "{name}: {}", ended.output);
    }
    for text in [&ended.output, &ended.diagnostics] {
        assert!(!text.contains(CLIENT_PASSWORD) && !text.contains(SERVER_PASSWORD), "{text}");
    }
}

#[test]
fn a_wrong_password_is_told_and_leads_nowhere() {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    server.set_nonblocking(true).unwrap();
    let (program, proxy) = proxy("wrong", server.local_addr().unwrap(), &["-q"]);
    for minor in [8, 7, 3] {
        let (mut client, challenge) = challenged(proxy, minor, false);
        client.say(&[&answer("other-pw", &challenge)[..], &[1]].concat());
        client.hears(&[0, 0, 0, 1]);
        if minor == 8 {
            client.hears(b"\0\0\0\x15the password is wrong");
        }
        client.hears_the_end();
    }
    program.wait_for_diagnostics(
        "the client was refused: the client's password is wrong (3 of 10 within 60 s: \
         auth_attempts_max)",
    );
    assert!(server.accept().is_err(), "the server was asked");
}

#[test]
fn wrong_passwords_are_counted_when_they_are_given() {
    let server = Server::start();
    let more = ["-q", "--set", "auth_attempts_max=2", "--set", "auth_window=3600000"];
    let (program, proxy) = proxy("attempts", server.address, &more);
    // This one has its challenge before the attempts are used up.
    let (mut early, early_challenge) = challenged(proxy, 8, false);
    let (mut wrong, wrong_challenge) = challenged(proxy, 8, false);
    for _ in 0..2 {
        let (mut client, challenge) = challenged(proxy, 8, false);
        client.say(&answer("other-pw", &challenge));
        client.hears(&[0, 0, 0, 1]);
    }
    let told = b"the client has given a wrong password too often (2 times within 3600 s: auth_attempts_max)";
    let reason = [&(told.len() as u32).to_be_bytes()[..], told].concat();
    for (minor, none) in [(8, &[0][..]), (7, &[0]), (3, &[0; 4])] {
        let mut client = Talk::new(End::connect(proxy), false);
        client.hears(&version(8));
        client.say(&version(minor));
        client.hears(&[none, &reason].concat());
        client.hears_the_end();
    }
    early.say(&answer(CLIENT_PASSWORD, &early_challenge));
    // Whether it was the right one must not show any more.
    wrong.say(&answer("other-pw", &wrong_challenge));
    for client in [&mut early, &mut wrong] {
        client.hears(&[&[0, 0, 0, 1], &reason[..]].concat());
        client.hears_the_end();
    }
    program.wait_for_diagnostics("too often");
}

#[test]
fn whoever_is_slow_is_not_waited_for() {
    let server = Server::start();
    let (program, proxy) =
        proxy("slow", server.address, &["-q", "--set", "handshake_timeout=2500"]);
    let mut silent = Talk::new(End::connect(proxy), false);
    let mut drips = Talk::new(End::connect(proxy), false);
    drips.say(b"RFB 0");
    for client in [&mut silent, &mut drips] {
        client.hears(&version(8));
        client.hears_the_end();
    }
    program.wait_for_diagnostics(
        "the client did not go on with the handshake within 2.5 s (handshake_timeout)",
    );
    let told = "did not finish the handshake within 2.5 s (handshake_timeout)";

    let (mut client, challenge) = challenged(proxy, 8, false);
    client.say(&answer(CLIENT_PASSWORD, &challenge));
    let mute = Talk::new(server.accept(), false);
    let reason = format!("the server {told}");
    client.hears(&[&[0, 0, 0, 1], &(reason.len() as u32).to_be_bytes()[..]].concat());
    client.hears(reason.as_bytes());
    client.hears_the_end();
    mute.end.expect_any_ending();
}

#[test]
fn people_may_take_longer_for_a_password_than_programs_for_a_version() {
    let server = Server::start();
    let waits = ["--set", "handshake_timeout=2500", "--set", "password_timeout=6500"];
    let (program, proxy) = proxy("typing", server.address, &[&["-q"], &waits[..]].concat());
    let (mut client, challenge) = challenged(proxy, 8, false);
    std::thread::sleep(Duration::from_millis(3000));
    client.say(&answer("other-pw", &challenge));
    client.hears(&[0, 0, 0, 1]);

    let (mut client, _) = challenged(proxy, 8, false);
    let reason = "the client did not go on with the handshake within 6.5 s (password_timeout)";
    client.hears(&[&[0, 0, 0, 1], &(reason.len() as u32).to_be_bytes()[..]].concat());
    client.hears(reason.as_bytes());
    client.hears_the_end();
    program.wait_for_diagnostics(reason);
}

#[test]
fn a_server_that_is_down_is_told_to_the_viewer() {
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let (_program, proxy) = proxy("down", address, &["-q"]);
    let (mut client, challenge) = challenged(proxy, 8, false);
    client.say(&answer(CLIENT_PASSWORD, &challenge));
    client.hears(&[0, 0, 0, 1, 0, 0, 0]);
    let len = client.hear(1)[0].into();
    let reason = String::from_utf8(client.hear(len)).unwrap();
    assert!(reason.starts_with("the server cannot be reached: connection refused"), "{reason}");
    client.hears_the_end();

    // Who needs no password is told in all versions.
    let (_program, proxy) = Program::proxy("rfb", address, &["-q"]);
    for (minor, none) in [(8, &[0][..]), (7, &[0]), (3, &[0; 4])] {
        let mut client = Talk::new(End::connect(proxy), false);
        client.hears(&version(8));
        client.say(&version(minor));
        client.hears(&[none, &[0, 0, 0]].concat());
        let len = client.hear(1)[0].into();
        let reason = String::from_utf8(client.hear(len)).unwrap();
        assert!(reason.contains("connection refused"), "{reason}");
        client.hears_the_end();
    }
}

#[test]
fn a_server_that_refuses_midwire_is_quoted_without_what_steers_a_terminal() {
    let server = Server::start();
    let (program, proxy) = proxy("refuses", server.address, &["-q"]);
    let (mut client, challenge) = challenged(proxy, 8, false);
    client.say(&answer(CLIENT_PASSWORD, &challenge));
    let mut inner = server_side(&server, 8, false);
    inner.say(b"\0\0\0\x01\0\0\0\x09go \x1b[2Jaw");
    let reason = br"the server refuses midwire's password: go \x1b[2Jaw";
    client.hears(&[&[0, 0, 0, 1], &(reason.len() as u32).to_be_bytes()[..], reason].concat());
    client.hears_the_end();
    inner.end.expect_any_ending();
    program.wait_for_diagnostics(r"the server refuses midwire's password: go \x1b[2Jaw");
}

#[test]
fn a_client_that_leaves_while_midwire_logs_in_lets_the_server_go() {
    let server = Server::start();
    let (program, proxy) = proxy("leaves", server.address, &["-q"]);
    let (mut client, challenge) = challenged(proxy, 8, false);
    client.say(&answer(CLIENT_PASSWORD, &challenge));
    let inner = Talk::new(server.accept(), false);
    drop(client);
    inner.end.expect_any_ending();
    program.wait_for_diagnostics("the client left while midwire logged in to the server");
}

#[test]
fn without_passwords_both_sides_need_none() {
    let server = Server::start();
    let (_program, proxy) = Program::proxy("rfb", server.address, &["-q"]);
    for (minor, server_minor) in [(8, 8), (7, 3), (3, 7)] {
        let mut client = Talk::new(End::connect(proxy), false);
        client.hears(&version(8));
        client.say(&version(minor));
        let mut inner = Talk::new(server.accept(), false);
        inner.say(&version(server_minor));
        inner.hears(&version(server_minor));
        match server_minor {
            3 => inner.say(&[0, 0, 0, 1]),
            _ => {
                inner.say(&[1, 1]);
                inner.hears(&[1]);
            }
        }
        if server_minor == 8 {
            inner.say(&[0; 4]);
        }
        match minor {
            3 => client.hears(&[0, 0, 0, 1]),
            _ => {
                client.hears(&[1, 1]);
                client.say(&[1]);
            }
        }
        if minor == 8 {
            client.hears(&[0; 4]);
        }
        client.say(&[0]);
        inner.hears(&[0]);
        inner.say(SERVER_INIT);
        client.hears(SERVER_INIT);
    }
}

#[test]
fn garbage_in_place_of_a_handshake_ends_that_session_alone() {
    let server = Server::start();
    let (program, proxy) = proxy("garbage", server.address, &["-q"]);
    let mut web = Talk::new(End::connect(proxy), false);
    web.say(b"GET / HTTP/1.1\r\n\r\n");
    web.hears(&version(8));
    web.hears_the_end();
    program.wait_for_diagnostics("the client does not speak RFB: it begins with \"G\"");

    let (mut client, challenge) = challenged(proxy, 8, false);
    client.say(&answer(CLIENT_PASSWORD, &challenge));
    let mut ssh = Talk::new(server.accept(), false);
    ssh.say(b"SSH-2.0-OpenSSH_9.2\r\n");
    client.hears(&[0, 0, 0, 1]);
    program.wait_for_diagnostics("the server does not speak RFB: it begins with \"S\"");
    drop(ssh);

    let (mut client, challenge) = challenged(proxy, 8, false);
    client.say(&answer(CLIENT_PASSWORD, &challenge));
    let mut inner = server_side(&server, 8, false);
    inner.say(&[&[0; 4], SERVER_INIT].concat());
    client.hears(&[&[0; 4], SERVER_INIT].concat());
}

#[test]
fn ctrl_c_ends_a_handshake_that_waits() {
    let server = Server::start();
    let (program, proxy) = proxy("ctrl-c", server.address, &["-q"]);
    let (client, _) = challenged(proxy, 8, false);
    let ended = program.interrupt();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
    client.end.expect_any_ending();
}

/// The exit code and the diagnostics of a program that ends by itself.
fn ended(arguments: &[&str]) -> (Option<i32>, String) {
    let ended = Program::start(&[&["proxy", "rfb"], arguments].concat()).wait();
    (ended.status.code(), ended.diagnostics)
}

#[test]
fn what_cannot_be_meant_is_told() {
    let file = Secret::new("usage", CLIENT_PASSWORD);
    for (arguments, told) in [
        (&["--to", "studio:1"][..], "did you mean display 1, port 5901?"),
        (&["--to", "studio::5901"], "did you mean port 5901, studio:5901?"),
        (&["--to", "studio", "--listen", "127.0.0.1:1"], "did you mean display 1, port 5901?"),
        (&["--to", "studio", "--listen", "0.0.0.0:5900"], "give the password that clients need"),
        (&["--to", "studio", "--client-password", "x"], "unexpected argument"),
        (&["--to", "studio", "--server-password=x"], "unexpected argument"),
    ] {
        let (code, diagnostics) = ended(arguments);
        assert_eq!(code, Some(2), "{diagnostics}");
        assert!(diagnostics.contains(told), "{diagnostics}");
    }
    let (code, diagnostics) = ended(&["--to", "studio", "--client-password-file", "/no/such/file"]);
    assert_eq!(code, Some(3), "{diagnostics}");
    let with = ["proxy", "raw", "--to", "studio:1", "--server-password-file", file.path()];
    let ended = Program::start(&with).wait();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.diagnostics);
}

#[test]
fn a_password_file_that_others_can_read_is_told() {
    let file = Secret::new("open", CLIENT_PASSWORD);
    std::fs::set_permissions(&file.0, std::fs::Permissions::from_mode(0o644)).unwrap();
    let server = Server::start();
    let (program, _) =
        Program::proxy("rfb", server.address, &["--client-password-file", file.path()]);
    let told = program.diagnostics();
    assert!(told.contains("others can read this password; chmod 600"), "{told}");
}

#[test]
fn passwords_come_from_the_environment_too() {
    let server = Server::start();
    let to = server.address.to_string();
    let mut child = Command::new(binary())
        .args(["proxy", "rfb", "-q", "--listen", "127.0.0.1:0", "--to", &to])
        .env("MIDWIRE_CLIENT_PASSWORD", CLIENT_PASSWORD)
        .env("MIDWIRE_SERVER_PASSWORD", SERVER_PASSWORD)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let address = lines.next().unwrap().unwrap();
    let proxy = address.strip_prefix("listening on ").unwrap().parse().unwrap();
    let (mut client, challenge) = challenged(proxy, 8, false);
    client.say(&answer(CLIENT_PASSWORD, &challenge));
    let mut inner = server_side(&server, 8, false);
    inner.say(&[0; 4]);
    client.hears(&[0; 4]);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A folder with files that only their owner can read.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("midwire-rfb-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder is made");
        for (name, text) in files {
            std::fs::write(path.join(name), text).expect("a file is written");
            std::fs::set_permissions(path.join(name), std::fs::Permissions::from_mode(0o600))
                .expect("its mode is set");
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// The example of docs/vnc.md, with these servers.
fn documented(studio: SocketAddr, kitchen: SocketAddr) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vnc.md");
    let page = std::fs::read_to_string(path).expect("the page is there");
    let (_, example) = page.split_once("```toml\n").expect("it has an example");
    let (example, _) = example.split_once("```").expect("the example ends");
    let places = [
        ("127.0.0.1:5900", "127.0.0.1:0".to_owned()),
        ("studio:5901", studio.to_string()),
        ("kitchen:5901", kitchen.to_string()),
    ];
    places.iter().fold(example.to_owned(), |text, (name, address)| {
        assert!(text.contains(name), "{name}");
        text.replace(name, address)
    })
}

#[test]
fn a_clients_password_chooses_its_server() {
    let (studio, kitchen) = (Server::start(), Server::start());
    let folder = Folder::new(
        "several",
        &[
            ("midwire.toml", &documented(studio.address, kitchen.address)),
            ("studio.client", "to-studio\n"),
            ("studio.server", SERVER_PASSWORD),
            ("kitchen.client", "to-kitch\n"),
        ],
    );
    let file = folder.0.join("midwire.toml");
    let file = file.to_str().expect("the folder is named in UTF-8");
    for view in ["-q", "--json"] {
        let program = Program::start(&["proxy", "--config", file, view]);
        let told = program.wait_for_diagnostics("ctrl-c ends");
        let (_, after) = told.split_once("listening on ").expect("it says where it listens");
        let proxy = after.split(": ").next().unwrap().parse().unwrap();
        // Of a password eight bytes count.
        let (mut client, challenge) = challenged(proxy, 8, false);
        client.say(&answer("to-studio", &challenge));
        let mut inner = server_side(&studio, 8, false);
        inner.say(&[0; 4]);
        client.hears(&[0; 4]);
        client.say(&[1]);
        inner.hears(&[1]);
        inner.say(SERVER_INIT);
        client.hears(SERVER_INIT);

        let (mut client, challenge) = challenged(proxy, 3, false);
        client.say(&[&answer("to-kitchen", &challenge)[..], &[1]].concat());
        let mut inner = Talk::new(kitchen.accept(), false);
        inner.say(&version(7));
        inner.hears(&version(7));
        inner.say(&[1, 1]);
        inner.hears(&[1]);
        client.hears(&[0; 4]);
        inner.hears(&[1]);

        let (mut client, challenge) = challenged(proxy, 8, false);
        client.say(&answer("elsewhere", &challenge));
        client.hears(&[0, 0, 0, 1]);
        let ended = program.interrupt();
        assert!(ended.status.success(), "{}", ended.diagnostics);
        if view == "--json" {
            let lines = ended.json();
            let servers: Vec<_> = lines.iter().filter_map(|line| line["server"].as_str()).collect();
            let (studio, kitchen) = (studio.address.to_string(), kitchen.address.to_string());
            assert!(servers.contains(&&*studio) && servers.contains(&&*kitchen), "{servers:?}");
        }
    }
}

#[test]
fn servers_that_one_password_would_mean_are_refused() {
    let folder = Folder::new(
        "same",
        &[
            ("one", "password1"),
            ("two", "password2"),
            (
                "midwire.toml",
                "[[route]]\nprotocol = \"rfb\"\nlisten = \"0\"\n\
             [[route.server]]\nto = \"studio\"\nclient_password_file = \"one\"\n\
             [[route.server]]\nto = \"kitchen\"\nclient_password_file = \"two\"\n",
            ),
        ],
    );
    let file = folder.0.join("midwire.toml");
    let file = file.to_str().expect("the folder is named in UTF-8");
    let ended = Program::start(&["proxy", "--config", file]).wait();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.diagnostics);
    for told in ["kitchen:5900 has the client's password of studio:5900", "the first 8 bytes count"]
    {
        assert!(ended.diagnostics.contains(told), "{}", ended.diagnostics);
    }
}

#[test]
fn a_handshake_costs_nothing_but_its_connection() {
    let server = Server::start();
    let (program, proxy) = proxy("many", server.address, &["-q"]);
    let open = || std::fs::read_dir(format!("/proc/{}/fd", program.id())).unwrap().count();
    let before = open();
    let clients: Vec<_> = (0..200).map(|_| challenged(proxy, 8, false)).collect();
    assert!(open() >= before + 200);
    drop(clients);
    let deadline = std::time::Instant::now() + support::PATIENCE;
    while open() > before {
        assert!(std::time::Instant::now() < deadline, "{} and {before}", open());
        std::thread::sleep(Duration::from_millis(20));
    }
}

//! Wrong passwords, which only VNC has.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

use midwire_rfb::Password;

use crate::bench::line;
use crate::support::PATIENCE;
use crate::support::ends::Server;
use crate::support::files::{handles, memory_now};
use crate::support::program::Program;

const RIGHT: &str = "right-pw";
/// Wrong ones in each run.
const WRONG: u64 = 50;
/// What memory may differ by once that was done before.
const MEMORY_SLACK: u64 = 2 << 20;
const VERSION: &[u8; 12] = b"RFB 003.008\n";

/// Clients that give wrong passwords are told and gone, nobody hears of them, and who has the right one is
/// served between them.
pub(crate) fn wrong_passwords(runs: u64) -> String {
    let file = std::env::temp_dir().join(format!("midwire-faults-{}", std::process::id()));
    std::fs::write(&file, RIGHT).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let server = Server::start();
    let given = ["-q", "--client-password-file", file.to_str().unwrap()];
    let many = ["--set", "auth_attempts_max=1000000", "--set", "probe=off"];
    let (program, address) = Program::proxy("rfb", server.address, &[&given[..], &many].concat());
    let attempts = || (0..WRONG).map(|_| refused(address)).max();
    attempts();
    let (memory, files) = (memory_now(&program), settled(&program, None));
    let (mut noticed, mut lost) = (None, 0);
    for _ in 0..runs {
        noticed = noticed.max(attempts());
        lost += served(address, &server);
    }
    let left = settled(&program, Some(files));
    let after = memory_now(&program);
    std::fs::remove_file(file).unwrap();
    assert_eq!(lost, 0, "bytes are lost behind the handshake{}", program.story());
    assert_eq!(left, files, "files stay open");
    assert!(after < memory + MEMORY_SLACK, "{after} bytes, {memory} before");
    line(
        "rfb",
        "wrong passwords",
        runs * WRONG,
        lost,
        noticed,
        Some([memory, after]),
        Some([files, left]),
    )
}

/// A client up to its answer to the challenge.
fn challenged(address: SocketAddr, password: &str) -> TcpStream {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(hear::<12>(&mut client), *VERSION);
    client.write_all(VERSION).unwrap();
    assert_eq!(hear::<2>(&mut client), [1, 2]);
    client.write_all(&[2]).unwrap();
    let challenge = hear::<16>(&mut client);
    client.write_all(&Password::new(password.as_bytes()).answer(&challenge)).unwrap();
    client
}

/// How long it takes until a client with a wrong password has been told so and let go.
fn refused(address: SocketAddr) -> Duration {
    let mut client = challenged(address, "wrong-pw");
    let since = Instant::now();
    assert_eq!(hear::<4>(&mut client), [0, 0, 0, 1]);
    let mut reason = Vec::new();
    client.read_to_end(&mut reason).unwrap();
    assert!(reason.len() > 4, "a reason is given");
    since.elapsed()
}

/// A client with the right password and the server; how many bytes behind the handshake are lost.
fn served(address: SocketAddr, server: &Server) -> u64 {
    let mut client = challenged(address, RIGHT);
    // The first connection that the server gets: of the others it has not heard.
    let mut inner = server.accept_stream();
    inner.set_read_timeout(Some(PATIENCE)).unwrap();
    inner.write_all(VERSION).unwrap();
    assert_eq!(hear::<12>(&mut inner), *VERSION);
    inner.write_all(&[1, 1]).unwrap();
    assert_eq!(hear::<1>(&mut inner), [1]);
    let behind = *b"\0\0\0\0behind the handshake";
    inner.write_all(&behind).unwrap();
    client.write_all(b"\x01and the other way..").unwrap();
    let heard =
        [hear::<24>(&mut client) == behind, hear::<20>(&mut inner) == *b"\x01and the other way.."];
    heard.iter().filter(|whole| !**whole).count() as u64
}

fn hear<const LEN: usize>(stream: &mut TcpStream) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// How many files it has open once that does not change any more, or is as few as before.
fn settled(program: &Program, before: Option<usize>) -> usize {
    let deadline = Instant::now() + PATIENCE;
    let mut last = handles(program);
    loop {
        sleep(Duration::from_millis(50));
        let now = handles(program);
        if before.map_or(now == last, |before| now <= before) || Instant::now() > deadline {
            return now;
        }
        last = now;
    }
}

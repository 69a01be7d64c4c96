//! `kill -9` at any moment: what is in the file is what passed, up to a second before.
//!
//! MIDWIRE_KILLS says how often; a few are enough to see whether it works at all.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::Folder;
use crate::support::captured::Captured;
use crate::support::ends::{Ending, Ends, Server};
use crate::support::program::Program;
use crate::support::random::Random;

/// What a recording may be short of.
const SHORT: Duration = Duration::from_secs(1);
/// Programs at once.
const AT_ONCE: usize = 3;

const GAME: &str = r#"protocol game "A game" {
  frame { length: u16, id: u8 }
}
packet Say = 3 both { text: str[..] }
"#;

/// One end of a session under load: it sends what its random numbers give, and notes what comes.
struct Peer {
    stream: TcpStream,
    seed: u64,
}

/// What a peer sent, and what had come when.
struct Seen {
    sent: Vec<u8>,
    got: Vec<u8>,
    came: Vec<(Instant, usize)>,
}

impl Peer {
    fn play(self, stop: &AtomicBool) -> Seen {
        let mut reader = self.stream.try_clone().unwrap();
        thread::scope(|scope| {
            let reading = scope.spawn(move || {
                let (mut got, mut came) = (Vec::new(), Vec::new());
                let mut buffer = vec![0; 64 << 10];
                while let Ok(len @ 1..) = reader.read(&mut buffer) {
                    got.extend_from_slice(&buffer[..len]);
                    came.push((Instant::now(), got.len()));
                }
                (got, came)
            });
            let mut random = Random::new(self.seed);
            let mut sent = Vec::new();
            let mut writer = &self.stream;
            while !stop.load(Ordering::Relaxed) {
                let mut bytes = Vec::new();
                for _ in 0..1 + random.below(40) {
                    let len = match random.below(20) {
                        0 => random.below(9000),
                        _ => random.below(80),
                    };
                    let len = len + 1;
                    bytes.extend_from_slice(&(len as u16).to_be_bytes());
                    bytes.push(3);
                    bytes.extend_from_slice(&random.bytes(len - 1));
                }
                if writer.write_all(&bytes).is_err() {
                    break;
                }
                sent.extend_from_slice(&bytes);
                thread::sleep(Duration::from_micros(random.below(600) as u64));
            }
            let (got, came) = reading.join().unwrap();
            // The last write may have gone in part, which is no whole frame for the capture either.
            Seen { sent, got, came }
        })
    }
}

/// One program, killed after a while, and its file gone on with.
fn kill_once(seed: u64) {
    let mut random = Random::new(seed);
    let folder = Folder::new(&format!("kill-{seed}"));
    let game = folder.save("game.wire", GAME);
    let file = folder.path("it.pcapng");
    let server = Server::start();
    let (program, proxy) = Program::proxy(&game, server.address, &["-q", "-w", &file]);
    let client = TcpStream::connect(proxy).unwrap();
    let other = server.accept_stream();
    let handles = [client.try_clone().unwrap(), other.try_clone().unwrap()];
    let peers = [Peer { stream: client, seed }, Peer { stream: other, seed: seed ^ 0x5555 }];
    let stop = AtomicBool::new(false);
    let (seen, killed) = thread::scope(|scope| {
        let playing = peers.map(|peer| scope.spawn(|| peer.play(&stop)));
        thread::sleep(Duration::from_millis(20 + random.below(1400) as u64));
        let killed = Instant::now();
        program.signal("KILL");
        stop.store(true, Ordering::Relaxed);
        drop(program);
        handles.iter().for_each(|handle| drop(handle.shutdown(Shutdown::Both)));
        (playing.map(|peer| peer.join().unwrap()), killed)
    });
    let captured = Captured::read(&folder.file("it.pcapng"));
    // A record may be cut off at its end, and there alone.
    assert!(captured.damage.len() <= 1, "seed {seed}: {:?}", captured.damage);
    let nothing = Default::default();
    let session = captured.sessions.values().next().unwrap_or(&nothing);
    let [client, server_end] = &seen;
    for (at, from, to) in [(0, client, server_end), (1, server_end, client)] {
        let recorded = &session.sent[at];
        assert_eq!(session.came[at], *recorded, "seed {seed}");
        let common = recorded.len().min(from.sent.len());
        assert!(recorded[..common] == from.sent[..common], "seed {seed}, direction {at}");
        let common = recorded.len().min(to.got.len());
        assert!(recorded[..common] == to.got[..common], "seed {seed}, direction {at}");
        let due = to.came.iter().take_while(|(when, _)| killed.duration_since(*when) >= SHORT);
        let due = due.last().map_or(0, |(_, len)| *len);
        assert!(
            recorded.len() >= due,
            "seed {seed}, direction {at}: {} bytes are recorded; {due} had arrived {SHORT:?} before",
            recorded.len()
        );
    }
    let (program, proxy) = Program::proxy(&game, server.address, &["-q", "-w", &file]);
    let mut ends = Ends::open(proxy, &server);
    let line = [&[0, 6, 3][..], b"hello"].concat();
    ends.client.send(&line);
    ends.server.expect(&line);
    ends.client.finish();
    ends.server.expect_ending(Ending::Finished);
    ends.server.finish();
    let ended = program.interrupt();
    assert!(ended.status.success(), "{}", ended.diagnostics);
    let again = Captured::read(&folder.file("it.pcapng"));
    assert_eq!(again.damage, [""; 0], "seed {seed}");
    if let Some(before) = captured.sessions.values().next() {
        let kept = again.sessions.values().next().unwrap();
        assert!(kept.sent == before.sent, "seed {seed}: what was there is still there");
    }
    let last = again.sessions.last_key_value().unwrap().1;
    assert_eq!(last.sent[0], line, "seed {seed}");
}

#[test]
fn a_killed_recording_reads_back_to_what_passed() {
    let runs = std::env::var("MIDWIRE_KILLS").ok();
    let runs: u64 = runs.map_or(12, |text| text.parse().expect("MIDWIRE_KILLS is a number"));
    let next = Mutex::new(1..=runs);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let seed = next.lock().unwrap().next();
                    let Some(seed) = seed else { break };
                    kill_once(seed);
                }
            });
        }
    });
}

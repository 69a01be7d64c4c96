//! What sessions cost while nothing happens or one side does not read, and what is left of them when they
//! are over.
//!
//! Only Linux tells how much memory another program holds.
#![cfg(target_os = "linux")]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::PATIENCE;
use support::ends::{Ending, Ends, Server};
use support::files::{allow, handles, memory};
use support::program::Program;
use support::recording::{self, Direction, Event};

/// The most that an idle session may hold.
const IDLE_MAX: u64 = 8 << 10;
/// Sessions before the first measure: pools, tables and thread memory are made by them.
const FEW: usize = 100;
/// Sessions at the second measure, where the system allows so many files: each takes two here, and two
/// of the program.
const MANY: usize = 2_000;

/// How many sessions there can be at once.
fn many() -> usize {
    let files = allow(2 * MANY as u64 + 100) as usize;
    let many = MANY.min(files.saturating_sub(100) / 2);
    assert!(many > FEW, "{files} files are too few to measure anything");
    many
}
/// The most that a session may hold whose one side sends and whose other side does not read: the bytes
/// that wait to be written (`write_max`, 256 KiB) and one read more, with room to spare.
const STALLED_MAX: u64 = 4 << 20;

/// Lets one test at a time have so many sockets.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Bytes by direction, in order, each sent when those before it have arrived.
type Talk = Vec<(Direction, Vec<u8>)>;

#[test]
fn a_session_before_its_first_byte_holds_little() {
    for protocol in ["minecraft", "terraria", "raw"] {
        expect_little(protocol, &[], &Vec::new());
    }
    expect_little("raw", &["-q"], &Vec::new());
    // Nobody says anything, so each goes where all others go.
    expect_little("auto", &["-q", "--set", "sniff_wait=1"], &Vec::new());
    // With a timer each.
    expect_little("minecraft", &["-q", "--set", "idle_timeout=600000"], &Vec::new());
}

#[test]
fn a_game_that_pauses_holds_little() {
    let game = recorded("mc-1.20.4-offline");
    expect_little("minecraft", &["-q"], &game);
    expect_little("auto", &["-q"], &game);
    // What waits to be shown is nobody's: little enough is said that it is all shown by the time of
    // the measure.
    let mut said = 0;
    let start = game.into_iter().take_while(|(_, bytes)| {
        said += bytes.len();
        said < 4_000
    });
    expect_little("minecraft", &["--json"], &start.collect());
}

#[test]
fn a_session_that_waits_for_the_rest_of_a_frame_holds_little_more_than_that() {
    let hello = b"\x0f\x00\x01\x0bTerraria326";
    let mut sent = hello.to_vec();
    // Of a frame of 5,000 bytes the first 1,000.
    sent.extend_from_slice(&5_000_u16.to_le_bytes());
    sent.resize(hello.len() + 1_000, 250);
    let _alone = alone();
    let mut proxied = Proxied::start("terraria", &["-q", "--set", "join=never"]);
    let mut open = |count: usize| {
        for _ in 0..count {
            proxied.open(&Vec::new());
            let (client, server) = proxied.sessions.last_mut().unwrap();
            client.write_all(&sent).unwrap();
            let mut arrived = [0; 15];
            server.read_exact(&mut arrived).unwrap();
            assert_eq!(arrived, *hello);
        }
        proxied.memory()
    };
    let count = many();
    let few = open(FEW);
    let many = open(count - FEW);
    let max = IDLE_MAX + 1_000;
    assert_at_most(max, few, many, count - FEW, "terraria, part of a frame");
}

#[test]
fn bytes_that_are_only_relayed_leave_nothing_behind() {
    let talk = vec![
        (Direction::Serverbound, vec![7; 100_000]),
        (Direction::Clientbound, vec![8; 300_000]),
    ];
    expect_little("raw", &["-q"], &talk);
}

#[test]
fn sessions_that_are_over_give_back_what_they_held() {
    let game = recorded("mc-1.20.4-offline");
    let _alone = alone();
    let mut proxied = Proxied::start("minecraft", &["-q"]);
    let handles_at_start = proxied.handles();
    let mut peaks = Vec::new();
    for _ in 0..6 {
        for _ in 0..FEW {
            proxied.open(&game);
        }
        peaks.push(proxied.memory());
        proxied.sessions.clear();
        let deadline = Instant::now() + PATIENCE;
        while proxied.handles() > handles_at_start {
            assert!(Instant::now() < deadline, "sockets stay open: {}", proxied.handles());
            sleep(Duration::from_millis(10));
        }
    }
    // The system gets memory back in large pieces, so what counts is that it is used again.
    // Some of it is not in one piece any more; a session that is kept would be 5,000 bytes and more.
    let leaked = peaks[5].saturating_sub(peaks[2]);
    assert!(leaked / (3 * FEW as u64) < 1_024, "{peaks:?}: {leaked} bytes more for the same");
}

#[test]
fn a_flood_that_nobody_reads_is_not_kept() {
    const MOST: usize = 512 << 20;
    // Unknown packets of Terraria, of 65,000 bytes each.
    let mut flood = vec![0x55; 650_000];
    for frame in flood.chunks_mut(65_000) {
        let len = frame.len() as u16;
        frame[..2].copy_from_slice(&len.to_le_bytes());
        frame[2] = 250;
    }
    for protocol in ["raw", "terraria"] {
        let server = Server::start();
        let (program, address) = Program::proxy(protocol, server.address, &["-q"]);
        let mut ends = Ends::open_unread(address, &server);
        let before = memory(&program);
        let taken = ends.server.send_until_full(&flood, MOST);
        let more = memory(&program).saturating_sub(before);
        assert!(taken < MOST, "{protocol}: {taken} bytes were taken with nobody reading");
        assert!(more < STALLED_MAX, "{protocol}: {more} bytes are held of {taken}");
        ends.server.finish();
        ends.client.read();
        let whole = flood.iter().copied().cycle().take(taken).collect::<Vec<u8>>();
        ends.client.expect(&whole);
        ends.client.expect_ending(Ending::Finished);
    }
}

/// Opens few and many sessions that say `talk` and then nothing.
fn expect_little(protocol: &str, view: &[&str], talk: &Talk) {
    let _alone = alone();
    let mut proxied = Proxied::start(protocol, view);
    for _ in 0..FEW {
        proxied.open(talk);
    }
    let few = proxied.memory();
    let count = many();
    for _ in FEW..count {
        proxied.open(talk);
    }
    let many = proxied.memory();
    assert_at_most(IDLE_MAX, few, many, count - FEW, &format!("{protocol} {view:?}"));
}

/// So many sessions more took what the memory has grown by.
fn assert_at_most(max: u64, few: u64, many: u64, count: usize, what: &str) {
    let each = many.saturating_sub(few) / count as u64;
    assert!(each <= max, "{what}: {each} bytes a session ({few} to {many})");
    println!("{what}: {each} bytes for each of {count} sessions");
}

/// A midwire, and the ends of its sessions.
struct Proxied {
    program: Program,
    address: SocketAddr,
    server: TcpListener,
    sessions: Vec<(TcpStream, TcpStream)>,
}

impl Proxied {
    fn start(protocol: &str, view: &[&str]) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let to = server.local_addr().expect("a bound socket has an address");
        let (program, address) = Program::proxy(protocol, to, view);
        Self { program, address, server, sessions: Vec::new() }
    }

    fn open(&mut self, talk: &Talk) {
        let mut client = TcpStream::connect(self.address).expect("midwire accepts");
        let speaks_first = matches!(talk.first(), Some((Direction::Serverbound, _)));
        if let Some((_, bytes)) = talk.first().filter(|_| speaks_first) {
            // It may be these that say where the connection goes.
            client.write_all(bytes).expect("midwire takes bytes");
        }
        let (mut server, _) = self.server.accept().expect("midwire connects");
        for end in [&client, &server] {
            end.set_read_timeout(Some(PATIENCE)).expect("an open socket");
            end.set_nodelay(true).expect("an open socket");
        }
        for (at, (direction, bytes)) in talk.iter().enumerate() {
            let (from, to) = match direction {
                Direction::Serverbound => (&mut client, &mut server),
                Direction::Clientbound => (&mut server, &mut client),
            };
            if at > 0 || !speaks_first {
                from.write_all(bytes).expect("midwire takes bytes");
            }
            let mut arrived = vec![0; bytes.len()];
            to.read_exact(&mut arrived).expect("they arrive");
            assert!(arrived == *bytes, "other bytes than were sent arrived");
        }
        self.sessions.push((client, server));
    }

    fn memory(&self) -> u64 {
        memory(&self.program)
    }

    fn handles(&self) -> usize {
        handles(&self.program)
    }
}

/// What was said in the first connection of a recording.
fn recorded(name: &str) -> Talk {
    let mut talk = Talk::new();
    for line in recording::read(name).into_iter().filter(|line| line.connection == 1) {
        let Event::Data(direction, bytes) = line.event else { continue };
        match talk.last_mut() {
            Some((last, all)) if *last == direction => all.extend_from_slice(&bytes),
            _ => talk.push((direction, bytes)),
        }
    }
    talk
}

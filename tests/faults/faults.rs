//! What is done to midwire.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::bench::{Bench, HANDSHAKE_TIMEOUT, MANY, Outcome, line};
use crate::ends::{BOTH, exchange, finish, lost, opposite, out_of_place, told};
use crate::support::ends::{End, Ending, Ends, Server};
use crate::support::program::Program;
use crate::support::random::Random;
use crate::support::recording::Direction;
use crate::talk::{Cut, Talk};

const NO_PAUSE: Duration = Duration::ZERO;
/// The most that a silent client may cost.
const SILENT_MAX: u64 = 8 << 10;

/// Something that goes wrong.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// Lets it go wrong once; the number is a seed.
    pub(crate) run: fn(&mut Bench, u64) -> Outcome,
}

/// All that is done to each protocol.
pub(crate) fn table() -> Vec<Fault> {
    let fault = |name, run| Fault { name, run };
    vec![
        fault("bytes in ones", |bench, _| cut(bench, Cut::Ones, NO_PAUSE)),
        fault("random pieces", |bench, seed| cut(bench, Cut::Random(seed), NO_PAUSE)),
        fault("all in one piece", |bench, _| cut(bench, Cut::Merged, NO_PAUSE)),
        fault("random pieces, late", |bench, seed| {
            cut(bench, Cut::Random(seed), Duration::from_millis(3))
        }),
        fault("client stalls, server floods", |bench, seed| {
            stall(bench, Direction::Clientbound, seed)
        }),
        fault("server stalls, client floods", |bench, seed| {
            stall(bench, Direction::Serverbound, seed)
        }),
        fault("client finishes, server goes on", |bench, _| {
            half_close(bench, Direction::Serverbound)
        }),
        fault("server finishes, client goes on", |bench, _| {
            half_close(bench, Direction::Clientbound)
        }),
        fault("client resets, anywhere", |bench, seed| reset(bench, Direction::Serverbound, seed)),
        fault("server resets, anywhere", |bench, seed| reset(bench, Direction::Clientbound, seed)),
        fault("garbage before the handshake", |bench, seed| garbage(bench, 0, seed)),
        fault("garbage after the handshake", |bench, seed| {
            garbage(bench, bench.talk.pieces.len(), seed)
        }),
        fault("server killed, and back", server_killed),
        fault("2,000 clients that say nothing", |bench, _| silent(bench, MANY, &[])),
        fault("200 clients that begin and stop", |bench, _| silent(bench, 200, &[0x0f])),
    ]
}

fn cut(bench: &mut Bench, cut: Cut, pause: Duration) -> Outcome {
    let mut ends = bench.open();
    let said = BOTH.map(|which| bench.talk.of(which));
    exchange(&mut ends, &said, cut, pause);
    Outcome { lost: finish(&mut ends, &said), noticed: None }
}

/// Who receives in a direction does not read for long, while the other side sends what it can; then reads.
fn stall(bench: &mut Bench, direction: Direction, seed: u64) -> Outcome {
    const MOST: usize = 256 << 20;
    let mut ends = Ends::open_unread(bench.address, &bench.server);
    let other = opposite(direction);
    ends.sender(direction).read();
    let opening = bench.talk.of(direction);
    let flood = [opening, Random::new(seed).bytes(1 << 20)].concat();
    let taken = ends.sender(direction).send_until_full(&flood, MOST);
    assert!(taken < MOST, "{taken} bytes were taken with nobody reading");
    // The other way is free.
    let back = bench.talk.of(other);
    ends.sender(other).send(&back);
    ends.sender(other).finish();
    let mut lost = self::lost(ends.receiver(other), &back, true);
    ends.sender(other).read();
    ends.sender(direction).finish();
    let whole: Vec<u8> = flood.iter().copied().cycle().take(taken).collect();
    lost += self::lost(ends.receiver(direction), &whole, true);
    Outcome { lost, noticed: None }
}

/// The sender of a direction has said all; the other goes on for a while.
fn half_close(bench: &mut Bench, direction: Direction) -> Outcome {
    let mut ends = bench.open();
    let said = BOTH.map(|which| bench.talk.of(which));
    let other = opposite(direction);
    ends.sender(direction).send(&said[direction as usize]);
    ends.sender(direction).finish();
    let since = Instant::now();
    let noticed = told(ends.receiver(direction), since, Some(Ending::Finished));
    ends.sender(other).send(&said[other as usize]);
    Outcome { lost: finish(&mut ends, &said), noticed: Some(noticed) }
}

/// The sender of a direction is gone after each of the first pieces of a session, and after some others.
fn reset(bench: &mut Bench, direction: Direction, seed: u64) -> Outcome {
    let count = bench.talk.pieces.len();
    let mut random = Random::new(seed);
    let some: Vec<usize> = (0..8).map(|_| random.below(count)).collect();
    let mut outcome = Outcome::default();
    for at in (0..count.min(10)).chain(some) {
        let mut ends = bench.open();
        for (which, piece) in &bench.talk.pieces[..at] {
            ends.sender(*which).send(piece);
        }
        let sent = bench.talk.until(at, direction);
        let Ends { client, server } = ends;
        let (gone, left) = match direction {
            Direction::Serverbound => (client, server),
            Direction::Clientbound => (server, client),
        };
        let since = Instant::now();
        gone.reset();
        let noticed = told(&left, since, Some(Ending::Reset));
        outcome.lost += out_of_place(&left, &sent);
        outcome.noticed = outcome.noticed.max(Some(noticed));
    }
    outcome
}

/// Both sides say something that is in no protocol, after so many pieces of a session.
fn garbage(bench: &mut Bench, after: usize, seed: u64) -> Outcome {
    let mut ends = bench.open();
    let mut random = Random::new(seed);
    let said = BOTH.map(|which| {
        let garbage = random.bytes(20_000);
        [bench.talk.until(after, which), garbage].concat()
    });
    exchange(&mut ends, &said, Cut::Random(seed), NO_PAUSE);
    Outcome { lost: finish(&mut ends, &said), noticed: None }
}

/// The server dies with its connections; clients come in vain; it comes back at the same address.
fn server_killed(bench: &mut Bench, _: u64) -> Outcome {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = listener.local_addr().unwrap();
    let (program, address) = Program::proxy(bench.protocol, to, &["-q"]);
    let mut clients: Vec<End> = (0..5).map(|_| End::connect(address)).collect();
    let accepted: Vec<TcpStream> = (0..5).map(|_| listener.accept().unwrap().0).collect();
    clients.iter_mut().for_each(End::read);
    drop(listener);
    let since = Instant::now();
    for stream in accepted {
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
    let noticed = clients.iter().map(|client| told(client, since, None)).max();
    if let Some(mut client) = End::connect_unless_reset(address) {
        client.read();
        client.expect_any_ending();
    }
    let listener = TcpListener::bind(to).unwrap();
    let mut client = End::connect(address);
    let (server, _) = listener.accept().unwrap();
    client.send(&bench.talk.of(Direction::Serverbound));
    drop(client);
    let mut arrived = Vec::new();
    std::io::Read::read_to_end(&mut &server, &mut arrived).unwrap();
    let sent = bench.talk.of(Direction::Serverbound);
    let common = arrived.iter().zip(&sent).take_while(|(a, b)| a == b).count();
    drop(program);
    Outcome { lost: (sent.len().max(arrived.len()) - common) as u64, noticed }
}

/// Clients that say nothing, or not enough. Others are served meanwhile; where midwire can know that
/// something is missing it ends them, else they go by themselves.
fn silent(bench: &mut Bench, count: usize, start: &[u8]) -> Outcome {
    let before = bench.memory_now();
    let begun = Instant::now();
    let mut sessions = Vec::with_capacity(count);
    for _ in 0..count {
        let mut client = TcpStream::connect(bench.address).unwrap();
        std::io::Write::write_all(&mut client, start).unwrap();
        sessions.push((client, bench.server.accept_stream()));
    }
    let each = bench.memory_now().saturating_sub(before) / count as u64;
    assert!(each <= SILENT_MAX, "{each} bytes for each of {count} clients");
    let served = cut(bench, Cut::Merged, NO_PAUSE);
    let mut noticed = None;
    if bench.protocol != "raw" {
        for (client, server) in &sessions {
            for end in [client, server] {
                end.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
                // Its beginning arrives, and then the end.
                while matches!(std::io::Read::read(&mut &*end, &mut [0; 64]), Ok(1..)) {}
            }
        }
        assert!(begun.elapsed() >= HANDSHAKE_TIMEOUT, "ended after {:?}", begun.elapsed());
        noticed = Some(begun.elapsed());
    }
    Outcome { noticed, ..served }
}

/// The program is told to end while sessions talk.
pub(crate) fn killed(protocol: &str, runs: u64) -> String {
    let talk = Talk::recorded(protocol);
    let mut noticed = None;
    let mut lost = 0;
    for _ in 0..runs {
        let server = Server::start();
        let (program, address) = Program::proxy(protocol, server.address, &["-q"]);
        let mut sessions: Vec<Ends> = (0..20).map(|_| Ends::open(address, &server)).collect();
        for ends in &mut sessions {
            for direction in BOTH {
                ends.sender(direction).send(&talk.of(direction));
            }
        }
        sleep(Duration::from_millis(50));
        let since = Instant::now();
        program.signal("TERM");
        for ends in &sessions {
            for direction in BOTH {
                let receiver = ends.receiver(direction);
                noticed = noticed.max(Some(told(receiver, since, None)));
                lost += out_of_place(receiver, &talk.of(direction));
            }
        }
        let ended = program.wait();
        assert!(ended.status.success(), "{}: {}", ended.status, ended.diagnostics);
    }
    assert_eq!(lost, 0, "{protocol}: other bytes than were sent arrived");
    line(protocol, "kill -TERM", runs, lost, noticed, None, None)
}

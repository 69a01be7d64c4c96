//! What a session costs beside its cipher, both connections encrypted with one key. CPU time of one thread, ratios
//! of rounds that follow each other. `cipher --check` fails where a ratio is below 0.9:
//!
//! - nothing is changed: of a bare loop that decrypts many bytes at a time and passes the ciphertext on;
//! - a packet was injected, so all is encrypted anew: of a loop that decrypts and encrypts with the same code.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use cpu_time::ThreadTime;
use midwire_codec::varint::write_uvarint;
use midwire_codec::{Decryptor, Direction, Encryptor};
use midwire_session::{Elapsed, Key, NewPacket, Options, Origin, Output, Scratch, Session, Setup};

const KEY: [u8; 16] = *b"a shared secret!";
const ROUNDS: usize = 15;
const RATIO_MIN: f64 = 0.9;
/// Bytes of one read, and of all of a round.
const READ: usize = 64 << 10;
const READS: usize = 32;

fn frame(payload: &[u8], out: &mut Vec<u8>) {
    write_uvarint(payload.len() as u32, out);
    out.extend_from_slice(payload);
}

/// Packets of play as a 1.21.1 server sends them: of 47 bytes, and a chunk of 44 KB every 200.
fn traffic(len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 50_000);
    let mut n = 0;
    while bytes.len() < len {
        n += 1;
        let size = if n % 200 == 0 { 44_000 } else { 46 };
        let mut payload = vec![0x2e; size];
        payload[1..].fill((n % 251) as u8);
        frame(&payload, &mut bytes);
    }
    bytes.truncate(len);
    bytes
}

fn encrypted(encryptor: &mut Encryptor, plain: &[u8]) -> Vec<u8> {
    let mut bytes = plain.to_vec();
    encryptor.encrypt(&mut bytes);
    bytes
}

/// A session in play.
struct Playing {
    session: Session,
    scratch: Scratch,
    server: Encryptor,
}

impl Playing {
    fn new(setup: &std::sync::Arc<Setup>) -> Self {
        let mut playing = Self {
            session: Session::new(setup.clone()),
            scratch: Scratch::default(),
            server: Encryptor::new(&KEY.into(), &KEY),
        };
        let mut client = Encryptor::new(&KEY.into(), &KEY);
        let mut clear = Vec::new();
        frame(b"\0\xff\x05\x09localhost\x63\xdd\x02", &mut clear);
        frame(&[&b"\0\x04Alva"[..], &[7; 16]].concat(), &mut clear);
        playing.feed(Direction::Serverbound, &clear);
        clear.clear();
        frame(b"\x01\0\x02\x30\x30\x02tk\0", &mut clear);
        playing.feed(Direction::Clientbound, &clear);
        clear.clear();
        frame(b"\x01\x02ab\x02cd", &mut clear);
        playing.feed(Direction::Serverbound, &clear);
        for (direction, payload) in [
            (Direction::Clientbound, [&b"\x02"[..], &[7; 16], b"\x04Alva\0\0"].concat()),
            (Direction::Serverbound, vec![3]),
            (Direction::Clientbound, vec![3]),
            (Direction::Serverbound, vec![3]),
        ] {
            clear.clear();
            frame(&payload, &mut clear);
            let encryptor =
                if direction == Direction::Clientbound { &mut playing.server } else { &mut client };
            let cipher = encrypted(encryptor, &clear);
            playing.feed(direction, &cipher);
        }
        playing
    }

    fn feed(&mut self, direction: Direction, bytes: &[u8]) {
        let mut bytes = BytesMut::from(bytes);
        self.take(direction, &mut bytes);
        assert!(bytes.is_empty());
    }

    fn take(&mut self, direction: Direction, bytes: &mut BytesMut) {
        self.session.handle_bytes(direction, bytes, Elapsed::default(), &mut self.scratch);
        while let Some(output) = self.session.poll_output() {
            if let Output::Send { bytes, .. } = output {
                black_box(bytes);
            }
        }
    }
}

/// The time of a way to treat reads; those are made beforehand.
fn time(reads: &[Vec<u8>], mut each: impl FnMut(&mut BytesMut)) -> Duration {
    let mut all: Vec<BytesMut> = reads.iter().map(|read| BytesMut::from(&read[..])).collect();
    let began = ThreadTime::now();
    for bytes in &mut all {
        each(bytes);
    }
    began.elapsed()
}

fn main() -> ExitCode {
    let check = std::env::args().any(|arg| arg == "--check");
    let protocol = midwire_definition::builtin("minecraft").expect("it is built in");
    let options = Options { cipher_keys: [Key::from(KEY)].into(), ..Options::default() };
    let setup = Setup::new(protocol, options);
    let plain = traffic(READ * READS);
    let mut ratios = [Vec::new(), Vec::new()];
    let mut rates = [[0f64; 2]; 2];
    for _ in 0..ROUNDS {
        for changed in [false, true] {
            let mut playing = Playing::new(&setup);
            if changed {
                let payload = Bytes::from_static(&[0x7f, 1]);
                let packet = NewPacket { payload, origin: Origin::User, forced: true };
                let at = Elapsed::default();
                let way = Direction::Clientbound;
                playing
                    .session
                    .inject(way, packet, at, &mut playing.scratch)
                    .expect("it is played");
                while playing.session.poll_output().is_some() {}
            }
            let cipher = encrypted(&mut playing.server, &plain);
            let reads: Vec<Vec<u8>> = cipher.chunks(READ).map(<[u8]>::to_vec).collect();
            let mut decryptor = Decryptor::new(&KEY.into(), &KEY);
            let mut encryptor = Encryptor::new(&KEY.into(), &KEY);
            let mut scratch = BytesMut::new();
            let bare = time(&reads, |bytes| {
                if changed {
                    decryptor.decrypt(bytes);
                    encryptor.encrypt(bytes);
                } else {
                    scratch.clear();
                    scratch.extend_from_slice(bytes);
                    decryptor.decrypt(&mut scratch);
                }
                black_box(bytes.split().freeze());
            });
            let mut left = BytesMut::new();
            let session = time(&reads, |bytes| {
                // as the relay gives it: what was left, and what was read behind it
                let mut given = BytesMut::with_capacity(left.len() + bytes.len());
                given.extend_from_slice(&left);
                given.extend_from_slice(bytes);
                playing.take(Direction::Clientbound, &mut given);
                left = BytesMut::from(&given[..]);
            });
            let frames = playing.session.counters(Direction::Clientbound).frames;
            assert!(frames > plain.len() as u64 / 400, "{frames} frames were read");
            let index = usize::from(changed);
            ratios[index].push(bare.as_secs_f64() / session.as_secs_f64());
            for (rate, time) in rates[index].iter_mut().zip([bare, session]) {
                *rate = rate.max(plain.len() as f64 / time.as_secs_f64() / 1e6);
            }
        }
    }
    let mut is_fast = true;
    for (what, (ratios, rates)) in
        ["nothing changed", "encrypted anew"].iter().zip(ratios.iter_mut().zip(rates))
    {
        ratios.sort_by(f64::total_cmp);
        let median = ratios[ratios.len() / 2];
        is_fast &= median >= RATIO_MIN;
        println!(
            "{what}: {median:.3} of the bare loop ({:.0} against {:.0} MB/s)",
            rates[1], rates[0]
        );
    }
    ExitCode::from(u8::from(check && !is_fast))
}

//! How fast captures are written, and read back through reassembly to bytes of streams.
//!
//! CPU time and wall time of one thread, files in the page cache, the best of some rounds. `capture
//! --check` fails where a target is missed.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use midwire_capture::{
    Decoded, Decoder, Ends, Frame, Index, IndexBuilder, IndexedPacket, Item, Opening, Reader,
    Record, Recordings, Stamp, StreamEvent, Streams, Timestamp, Writer,
};
use midwire_codec::Direction;

const ROUNDS: usize = 5;

struct Case {
    name: &'static str,
    frame_len: usize,
    sessions: u64,
    frames: u64,
    /// Packets, and bytes of the file, a second.
    targets: (f64, f64),
}

/// To a packet of any file.
const JUMP_MAX: Duration = Duration::from_millis(100);

const CASES: [Case; 3] = [
    Case {
        name: "47-byte frames, 1 session",
        frame_len: 47,
        sessions: 1,
        frames: 2_000_000,
        targets: (1e6, 0.0),
    },
    Case {
        name: "47-byte frames, 100 sessions",
        frame_len: 47,
        sessions: 100,
        frames: 2_000_000,
        targets: (1e6, 0.0),
    },
    Case {
        name: "16 KiB frames, 1 session",
        frame_len: 16 << 10,
        sessions: 1,
        frames: 20_000,
        targets: (0.0, 400e6),
    },
];

struct Time {
    wall: Duration,
    cpu: Duration,
}

fn timed<T>(act: impl FnOnce() -> T) -> (T, Time) {
    let (wall, cpu) = (Instant::now(), ThreadTime::now());
    let value = black_box(act());
    (value, Time { wall: wall.elapsed(), cpu: cpu.elapsed() })
}

fn best(mut act: impl FnMut() -> Time) -> Time {
    let times = (0..ROUNDS).map(|_| act());
    times.min_by_key(|time| time.cpu).expect("there are rounds")
}

fn write<W: Write>(out: W, case: &Case) -> W {
    let mut writer = Writer::new(out, "bench");
    let mut at = Timestamp(1_800_000_000_000_000_000);
    for session in 0..case.sessions {
        let end = |host: u8, port: u64| ([127, 0, 0, host], port as u16).into();
        let client = Ends { client: end(1, 40_000 + session), server: end(1, 25_565) };
        let opening = Opening { session, at, client, server: None, facts: &[] };
        writer.session_opened(&opening).expect("it is written");
    }
    let bytes: Vec<u8> = (0..case.frame_len).map(|n| n as u8).collect();
    for n in 0..case.frames {
        at.0 += 1_000;
        let direction = Direction::BOTH[usize::from((n / case.sessions).is_multiple_of(4))];
        let number = n / case.sessions + 1;
        let frame = Frame::passed(n % case.sessions, number, direction, at, &bytes);
        writer.frame(&frame).expect("it is written");
    }
    writer.into_inner().expect("it is written")
}

/// Packets, and bytes of all streams.
fn read(path: &Path) -> (u64, u64) {
    let mut reader = Reader::new(File::open(path).expect("the file is there"));
    let (mut decoder, mut streams) = (Decoder::default(), Streams::default());
    let (mut packets, mut total) = (0, 0);
    let mut count = |event: StreamEvent<'_>| {
        if let StreamEvent::Bytes { bytes, .. } = event {
            total += black_box(bytes).len() as u64;
        }
    };
    while let Some(item) = reader.next().expect("it is a capture") {
        let Item::Packet(packet) = item else { continue };
        packets += 1;
        if let Decoded::Tcp(segment) = decoder.packet(&packet) {
            streams.push(&segment, packet.at, &mut count);
        }
    }
    streams.finish(&mut count);
    (packets, total)
}

/// Bytes of all frames.
fn records(path: &Path) -> u64 {
    let mut reader = Reader::new(File::open(path).expect("the file is there"));
    let (mut decoder, mut recordings) = (Decoder::default(), Recordings::default());
    let mut total = 0;
    while let Some(item) = reader.next().expect("it is a capture") {
        let Item::Packet(packet) = item else { continue };
        if let Decoded::Tcp(segment) = decoder.packet(&packet) {
            recordings.push(&packet, &segment, |record| {
                if let Record::Frame(frame) = record {
                    total += black_box(frame.bytes).len() as u64;
                }
            });
        }
    }
    total
}

/// An index of a capture of midwire's, as it lies in a file.
fn index(path: &Path) -> Vec<u8> {
    let mut reader = Reader::new(File::open(path).expect("the file is there"));
    let (mut decoder, mut recordings) = (Decoder::default(), Recordings::default());
    let mut builder = IndexBuilder::default();
    loop {
        // One packet is one frame here.
        let start = builder
            .wants_start()
            .then(|| (reader.offset(), recordings.save().expect("nothing waits")));
        let Some(item) = reader.next().expect("it is a capture") else { break };
        let Item::Packet(packet) = item else { continue };
        let Decoded::Tcp(segment) = decoder.packet(&packet) else { continue };
        let mut found = None;
        recordings.push(&packet, &segment, |record| {
            if let Record::Frame(frame) = record {
                found =
                    Some((frame.offset, frame.at, frame.bytes.len() as u32, frame.session as u32));
            }
        });
        let Some((offset, at, len, session)) = found else { continue };
        if let (Some((offset, state)), Some(context)) = (start, reader.context()) {
            builder.start(offset, at, context, &state);
        }
        builder.packet(&IndexedPacket { offset, at, len, keys: &[session, 1_000 + len % 50] });
    }
    let context = reader.context().expect("it has sections").clone();
    let end = reader.offset();
    builder.finish(Stamp::new(end, 0, b""), end, &context, b"").expect("it is small").to_bytes()
}

/// Reads the index, and then the capture from the start before a packet to that packet.
fn jump(path: &Path, index: &[u8], wanted: u64) -> u64 {
    let index = Index::from_bytes(index).expect("it was made here");
    let start = index.start(wanted).expect("there are packets");
    let mut file = File::open(path).expect("the file is there");
    file.seek(SeekFrom::Start(start.offset)).expect("the file is long enough");
    let mut reader = Reader::resume(file, start.offset, start.context.clone());
    let (mut decoder, mut recordings) =
        (Decoder::default(), Recordings::restore(start.state).expect("it was saved here"));
    let (mut packet_number, mut len) = (start.packet, 0);
    while packet_number <= wanted {
        let Some(item) = reader.next().expect("it is a capture") else { break };
        let Item::Packet(packet) = item else { continue };
        let Decoded::Tcp(segment) = decoder.packet(&packet) else { continue };
        recordings.push(&packet, &segment, |record| {
            if let Record::Frame(frame) = record {
                packet_number += 1;
                len = frame.bytes.len() as u64;
            }
        });
    }
    len
}

fn items(path: &Path) -> u64 {
    let mut reader = Reader::new(File::open(path).expect("the file is there"));
    let mut packets = 0;
    while let Some(item) = reader.next().expect("it is a capture") {
        packets += u64::from(matches!(black_box(item), Item::Packet(_)));
    }
    packets
}

fn path() -> PathBuf {
    std::env::temp_dir().join(format!("midwire-bench-{}.pcapng", std::process::id()))
}

fn line(what: &str, time: &Time, packets: u64, bytes: u64) {
    let (wall, cpu) = (time.wall.as_secs_f64(), time.cpu.as_secs_f64());
    println!(
        "  {what:<22} {:>7.2} M packets/s  {:>6.0} MB/s  {:>6.1} CPU ns/packet",
        packets as f64 / wall / 1e6,
        bytes as f64 / wall / 1e6,
        cpu * 1e9 / packets as f64
    );
}

fn main() -> ExitCode {
    let mut missed = false;
    for case in &CASES {
        println!("{}", case.name);
        let path = path();
        let file = File::create(&path).expect("files can be made");
        write(&file, case);
        let len = file.metadata().expect("the file is there").len();
        let total = case.frames * case.frame_len as u64;

        let time = best(|| timed(|| write(io::sink(), case)).1);
        line("write (to nowhere)", &time, case.frames, len);
        let time = best(|| timed(|| items(&path)).1);
        line("read packets", &time, case.frames, len);
        let time = best(|| {
            let (bytes, time) = timed(|| records(&path));
            assert_eq!(bytes, total);
            time
        });
        line("read frames", &time, case.frames, len);
        let time = best(|| {
            let ((packets, bytes), time) = timed(|| read(&path));
            assert!(packets >= case.frames && bytes == total);
            time
        });
        line("read and reassemble", &time, case.frames, len);
        let wall = time.wall.as_secs_f64();
        let (packets, bytes) = (case.frames as f64 / wall, len as f64 / wall);
        missed |= packets < case.targets.0 || bytes < case.targets.1;
        let index = index(&path);
        let time = best(|| {
            let (len, time) = timed(|| jump(&path, &index, case.frames - 7));
            assert_eq!(len, case.frame_len as u64);
            time
        });
        println!(
            "  jump to a packet       {:>7.2} ms, with an index of {:.1} MB",
            time.wall.as_secs_f64() * 1e3,
            index.len() as f64 / 1e6
        );
        missed |= time.wall > JUMP_MAX;
        std::fs::remove_file(&path).expect("it was made here");
    }
    if missed {
        println!(
            "a target is missed: 1 M packets/s of 47 bytes, 400 MB/s of 16 KiB, 100 ms a jump"
        );
    }
    let checked = std::env::args().any(|argument| argument == "--check");
    if missed && checked { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

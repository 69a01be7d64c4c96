//! Captures to measure with: a game of Minecraft 1.20.1, without compression.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use midwire_capture::{Closing, Ends, Frame, Item, Opening, Reader, Timestamp, Writer};
use midwire_codec::Direction;

/// What is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Frames of 47 bytes.
    Small,
    /// The same as tcpdump writes it.
    Foreign,
    /// Frames of 16 KiB.
    Large,
}

/// A file.
pub(crate) struct Made {
    pub(crate) path: PathBuf,
    pub(crate) packets: u64,
    pub(crate) len: u64,
}

impl Made {
    pub(crate) fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
        self.forget_index();
    }

    /// The next who wants an index makes one.
    pub(crate) fn forget_index(&self) {
        let mut index = self.path.clone().into_os_string();
        index.push(".mwix");
        let _ = std::fs::remove_file(index);
    }
}

/// One packet in so many says how the player is.
const HEALTH_EVERY: u64 = 100;

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = varint(payload.len());
    frame.extend_from_slice(payload);
    frame
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A message of a plugin that makes a frame of so many bytes.
fn plugin_message(len: usize) -> Vec<u8> {
    let header = varint(len).len();
    let channel = b"\x17\x0bbench:bytes";
    let mut payload = channel.to_vec();
    payload.resize(len - header, 7);
    frame(&payload)
}

/// Makes a file.
pub(crate) fn make(kind: Kind, scale: f64) -> Made {
    let (len, count) = match kind {
        Kind::Small => (47, 10_000_000),
        Kind::Foreign => (47, 3_000_000),
        Kind::Large => (16 << 10, 62_000),
    };
    let count = ((count as f64 * scale) as u64).max(500);
    let name = format!("midwire-read-bench-{}-{kind:?}.pcapng", std::process::id());
    let path = std::env::temp_dir().join(name);
    let file = BufWriter::new(File::create(&path).expect("a file for the bench"));
    let mut writer = Writer::new(file, "bench");
    let mut at = Timestamp(1_800_000_000_000_000_000);
    let client =
        Ends { client: ([127, 0, 0, 1], 40_000).into(), server: ([127, 0, 0, 1], 25_565).into() };
    let facts = [("protocol", "minecraft")];
    let opening = Opening { session: 1, at, client, server: None, facts: &facts };
    writer.session_opened(&opening).expect("it is written");
    let (to_server, to_client) = (Direction::Serverbound, Direction::Clientbound);
    let mut number = 0;
    let mut write = |direction, bytes: &[u8]| {
        number += 1;
        at.0 += 20_000;
        writer.frame(&Frame::passed(1, number, direction, at, bytes)).expect("it is written");
    };
    write(to_server, &frame(b"\x00\xfb\x05\x0a127.0.0.1.\x63\xdd\x02"));
    write(to_server, &frame(b"\x00\x04Alva\x00"));
    write(to_client, &frame(&[&[2][..], &[7; 16], b"\x04Alva\x00"].concat()));
    let message = plugin_message(len);
    // 0x57: update_health of 1.20.1.
    let health = frame(&[&[0x57][..], &20f32.to_be_bytes(), &[20], &5f32.to_be_bytes()].concat());
    for n in 0..count {
        let bytes = if n % HEALTH_EVERY == 0 { &health } else { &message };
        write(to_client, bytes);
    }
    writer.session_closed(1, Closing::Finished, at).expect("it is written");
    writer.into_inner().expect("it is written").into_inner().expect("it is written");
    if kind == Kind::Foreign {
        without_notes(&path);
    }
    let len = std::fs::metadata(&path).expect("it is there").len();
    Made { path, packets: number, len }
}

/// The same packets in a pcap file.
fn without_notes(path: &PathBuf) {
    let from = path.with_extension("from");
    std::fs::rename(path, &from).expect("it can be renamed");
    let mut reader = Reader::new(File::open(&from).expect("it is there"));
    let mut file = BufWriter::new(File::create(path).expect("a file for the bench"));
    for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 262_144, 101] {
        file.write_all(&word.to_le_bytes()).expect("it is written");
    }
    while let Some(item) = reader.next().expect("it is a capture") {
        let Item::Packet(packet) = item else { continue };
        let at = packet.at.unwrap_or_default().0;
        let len = packet.data.len() as u32;
        for word in [(at / 1_000_000_000) as u32, (at % 1_000_000_000) as u32, len, len] {
            file.write_all(&word.to_le_bytes()).expect("it is written");
        }
        file.write_all(packet.data).expect("it is written");
    }
    file.flush().expect("it is written");
    std::fs::remove_file(from).expect("it can be removed");
}

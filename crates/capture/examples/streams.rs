//! Prints the TCP streams of a capture: `streams FILE`. A line each:
//!
//! ```text
//! stream N CLIENT SERVER          the handshake was seen, or "?" in front of the client
//! bytes N DIRECTION LEN HASH      the bytes that came out, and their 64-bit FNV-1a
//! gap N DIRECTION OFFSET LEN
//! ended N HOW
//! damage ...
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;

use midwire_capture::{Decoded, Decoder, Item, Reader, StreamEvent, StreamId, Streams};
use midwire_codec::Direction;

#[derive(Clone, Copy)]
struct Bytes {
    len: u64,
    hash: u64,
}

#[derive(Default)]
struct Print {
    bytes: BTreeMap<StreamId, [Option<Bytes>; 2]>,
}

impl Print {
    fn event(&mut self, event: StreamEvent<'_>) {
        match event {
            StreamEvent::Opened { stream, client, server, from_start, .. } => {
                let mark = if from_start { "" } else { "?" };
                println!("stream {} {mark}{client} {server}", stream.0);
            }
            StreamEvent::Bytes { stream, direction, bytes, .. } => {
                let seen = &mut self.bytes.entry(stream).or_default()[direction.index()];
                let seen = seen.get_or_insert(Bytes { len: 0, hash: 0xcbf2_9ce4_8422_2325 });
                seen.len += bytes.len() as u64;
                for byte in bytes {
                    seen.hash = (seen.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
                }
            }
            StreamEvent::Gap { stream, direction, offset, len, .. } => {
                println!("gap {} {direction} {offset} {len}", stream.0);
            }
            StreamEvent::Finished { .. } => {}
            StreamEvent::Ended { stream, how, .. } => {
                for (direction, bytes) in
                    Direction::BOTH.into_iter().zip(self.bytes.remove(&stream).unwrap_or_default())
                {
                    let Some(Bytes { len, hash }) = bytes else { continue };
                    println!("bytes {} {direction} {len} {hash:016x}", stream.0);
                }
                println!("ended {} {how:?}", stream.0);
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: streams FILE")?;
    let mut reader = Reader::new(File::open(path)?);
    let (mut decoder, mut streams) = (Decoder::default(), Streams::default());
    let mut print = Print::default();
    while let Some(item) = reader.next()? {
        match item {
            Item::Packet(packet) => match decoder.packet(&packet) {
                Decoded::Tcp(segment) => {
                    streams.push(&segment, packet.at, |event| print.event(event));
                }
                Decoded::Fragment => {}
                Decoded::Other(reason) => println!("other {reason:?}"),
            },
            Item::Damage(damage) => println!("damage {damage}"),
            _ => {}
        }
    }
    streams.finish(|event| print.event(event));
    Ok(())
}

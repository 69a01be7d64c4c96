//! Captures of every file format, link and network: see `data/README.md`.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::fs::File;
use std::path::{Path, PathBuf};

use midwire_capture::{Decoded, Decoder, Item, NotTcp, Reader, StreamEnd, StreamEvent, Streams};

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "pcap"));
    paths.sort();
    paths
}

fn saying(len: usize, n: usize) -> Vec<u8> {
    (0..len).map(|i| (i * n + i / 256) as u8).collect()
}

#[test]
fn the_same_conversation_is_read_from_all_of_them() {
    let paths = captures();
    assert_eq!(paths.len(), 16);
    for path in paths {
        let mut reader = Reader::new(File::open(&path).unwrap());
        let mut decoder = Decoder::default().with_checksums();
        let mut streams = Streams::default();
        let (mut opened, mut ended, mut bytes) = (Vec::new(), Vec::new(), [vec![], vec![]]);
        let mut take = |event: StreamEvent<'_>| match event {
            StreamEvent::Opened { client, server, from_start, .. } => {
                opened.push((client.port(), server.port(), from_start));
            }
            StreamEvent::Bytes { direction, bytes: more, .. } => {
                bytes[direction.index()].extend_from_slice(more);
            }
            StreamEvent::Gap { .. } => panic!("{}: {event:?}", path.display()),
            StreamEvent::Finished { .. } => {}
            StreamEvent::Ended { how, .. } => ended.push(how),
        };
        while let Some(item) = reader.next().unwrap() {
            match item {
                Item::Packet(packet) => match decoder.packet(&packet) {
                    Decoded::Tcp(segment) => streams.push(&segment, packet.at, &mut take),
                    Decoded::Fragment => {}
                    Decoded::Other(reason) => panic!("{}: {reason:?}", path.display()),
                },
                Item::Section(_) => {}
                item => panic!("{}: {item:?}", path.display()),
            }
        }
        streams.finish(&mut take);
        assert_eq!(opened, [(50_000, 25_565, true)], "{}", path.display());
        assert_eq!(bytes[0], [saying(100, 3), saying(7, 11)].concat(), "{}", path.display());
        assert_eq!(bytes[1], [saying(1_200, 5), saying(1, 9)].concat(), "{}", path.display());
        assert_eq!(ended, [StreamEnd::Finished]);
    }
}

/// What every packet of a file turns out to be, when `spoil` has been at its bytes.
fn decode_all(name: &str, spoil: impl Fn(&mut Vec<u8>)) -> Vec<Result<usize, Option<NotTcp>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let mut reader = Reader::new(File::open(path).unwrap());
    let mut decoder = Decoder::default();
    let mut all = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        let Item::Packet(packet) = item else { continue };
        let mut bytes = packet.data.to_vec();
        spoil(&mut bytes);
        all.push(match decoder.bytes(packet.link, &bytes, packet.original_len, packet.at) {
            Decoded::Tcp(segment) => Ok(segment.payload.len() + segment.missing as usize),
            Decoded::Fragment => Err(None),
            Decoded::Other(reason) => Err(Some(reason)),
        });
    }
    all
}

#[test]
fn a_packet_cut_at_any_byte_keeps_its_length_or_says_that_it_is_cut() {
    for path in captures() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let whole = decode_all(name, |_| {});
        for len in 0..200 {
            let cut = decode_all(name, |bytes| bytes.truncate(len));
            for (cut, whole) in cut.iter().zip(&whole) {
                match (cut, whole) {
                    (Ok(cut), Ok(whole)) => assert_eq!(cut, whole),
                    // A datagram without all of its fragments.
                    (Err(None), _) => {}
                    (Err(reason), _) => assert_eq!(*reason, Some(NotTcp::Cut), "{name} at {len}"),
                    (Ok(_), Err(_)) => panic!("{name}: a cut packet says more than a whole one"),
                }
            }
        }
    }
}

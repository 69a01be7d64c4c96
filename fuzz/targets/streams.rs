#![no_main]

use std::collections::HashMap;

use midwire_capture::{Segment, StreamEvent, StreamLimits, Streams, Timestamp};

type Sent<'a> = (bool, u16, bool, u16, u8, u8, u8, &'a [u8]);

libfuzzer_sys::fuzz_target!(|input: (u32, Vec<Sent<'_>>)| {
    let (first, segments) = input;
    let limits = StreamLimits {
        streams_max: 8,
        waiting_total_max: 4_096,
        waiting_packets_max: 64,
        received_packets_max: 8,
        ..StreamLimits::default()
    };
    let mut streams = Streams::new(limits);
    // Bytes given and missing so far, by stream and direction; whether it has ended.
    let mut seen: HashMap<_, ([u64; 2], [bool; 2], bool)> = HashMap::new();
    let mut take = |event: StreamEvent<'_>| match event {
        StreamEvent::Opened { stream, .. } => {
            assert!(seen.insert(stream, Default::default()).is_none());
        }
        StreamEvent::Bytes { stream, direction, offset, bytes, .. } => {
            let (at, finished, ended) = seen.get_mut(&stream).unwrap();
            assert!(!*ended && !finished[direction.index()] && !bytes.is_empty());
            assert_eq!(offset, at[direction.index()]);
            at[direction.index()] += bytes.len() as u64;
        }
        StreamEvent::Gap { stream, direction, offset, len, .. } => {
            let (at, finished, ended) = seen.get_mut(&stream).unwrap();
            assert!(!*ended && !finished[direction.index()] && len > 0);
            assert_eq!(offset, at[direction.index()]);
            at[direction.index()] += len;
        }
        StreamEvent::Finished { stream, direction, .. } => {
            let (_, finished, ended) = seen.get_mut(&stream).unwrap();
            assert!(!*ended && !finished[direction.index()]);
            finished[direction.index()] = true;
        }
        StreamEvent::Ended { stream, .. } => {
            assert!(!std::mem::replace(&mut seen.get_mut(&stream).unwrap().2, true));
        }
    };
    let mut at = 0;
    for (up, sequence, far, acknowledgment, flags, port, missing, payload) in segments {
        at += u64::from(missing) << 20;
        let client = ([127, 0, 0, 1], 1_000 + u16::from(port % 16)).into();
        let server = ([127, 0, 0, 2], 25_565).into();
        let (source, destination) = if up { (client, server) } else { (server, client) };
        let shift = if far { 16 } else { 0 };
        let segment = Segment {
            source,
            destination,
            sequence: first.wrapping_add(u32::from(sequence) << shift),
            acknowledgment: first.wrapping_add(u32::from(acknowledgment)),
            flags,
            payload,
            missing: u32::from(missing % 8),
        };
        streams.push(&segment, Some(Timestamp(at)), &mut take);
        assert!(streams.waiting() <= 4_096);
    }
    streams.finish(&mut take);
    assert_eq!(streams.waiting(), 0);
    assert!(seen.values().all(|(_, _, ended)| *ended));
});

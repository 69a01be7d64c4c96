#![no_main]

use midwire_codec::{ByteOrder, Counts, Framing, Prefix, frames};

const PREFIXES: [Prefix; 5] = [Prefix::Varint, Prefix::U8, Prefix::U16, Prefix::U24, Prefix::U32];

libfuzzer_sys::fuzz_target!(|input: (u8, bool, bool, u8, u32, u8, &[u8])| {
    let (prefix, big, whole, before, max, min, bytes) = input;
    let framing = Framing {
        before: usize::from(before % 8),
        prefix: PREFIXES[usize::from(prefix) % PREFIXES.len()],
        order: if big { ByteOrder::Big } else { ByteOrder::Little },
        counts: if whole { Counts::Whole } else { Counts::Rest },
        max: max as usize,
        min: usize::from(min),
    };
    let mut read = frames(&framing, bytes);
    let mut end = 0;
    while let Some(Ok(frame)) = read.next() {
        assert_eq!(frame.range().start, end);
        end = frame.range().end;
        let alone = framing.next(&bytes[frame.range()]).unwrap().unwrap();
        assert_eq!((alone.len, alone.header_len()), (frame.len, frame.header_len()));
        assert_eq!(framing.next(&bytes[frame.range().start..end - 1]), Ok(None));
    }
    assert_eq!(read.consumed(), end);
    assert_ne!(framing.needed(&bytes[end..]), Ok(0));
});

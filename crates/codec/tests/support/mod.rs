//! What several of the codec's tests need.

use midwire_codec::{FrameError, Framing, frames};

/// What a stream of bytes was read as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) payloads: Vec<Vec<u8>>,
    /// Bytes that are no whole frame.
    pub(crate) rest: Vec<u8>,
    pub(crate) error: Option<FrameError>,
}

/// Reads `wire` as it would come over a network: whole, cut in two at every point, and byte by byte.
/// All ways must give the same; that is what is returned.
pub(crate) fn read_however_split(framing: &Framing, wire: &[u8]) -> Read {
    let whole = read_in(framing, &[wire]);
    for cut in 0..=wire.len() {
        let (first, second) = wire.split_at(cut);
        assert_eq!(read_in(framing, &[first, second]), whole, "cut after {cut} bytes");
    }
    let bytes: Vec<&[u8]> = wire.chunks(1).collect();
    assert_eq!(read_in(framing, &bytes), whole, "byte by byte");
    whole
}

/// Reads pieces as they arrive, keeping what is incomplete for the next.
fn read_in(framing: &Framing, pieces: &[&[u8]]) -> Read {
    let mut read = Read { payloads: Vec::new(), rest: Vec::new(), error: None };
    let (mut buffer, mut before) = (Vec::new(), 0);
    for piece in pieces {
        buffer.extend_from_slice(piece);
        if read.error.is_some() {
            continue;
        }
        let mut frames = frames(framing, &buffer);
        let mut expected_start = 0;
        for frame in frames.by_ref() {
            match frame {
                Ok(frame) => {
                    assert_eq!(frame.range().start, expected_start, "frames touch");
                    assert_eq!(frame.range().len(), frame.len);
                    assert_eq!(frame.header_len() + frame.payload.len(), frame.len);
                    expected_start = frame.range().end;
                    read.payloads.push(buffer[frame.payload].to_vec());
                }
                Err(error) => read.error = Some(error.shifted(before)),
            }
        }
        assert_eq!(frames.consumed(), expected_start);
        let consumed = frames.consumed();
        if read.error.is_none() {
            assert_needed_is_a_lower_bound(framing, &buffer[consumed..]);
        }
        buffer.drain(..consumed);
        before += consumed as u64;
    }
    read.rest = buffer;
    read
}

/// With fewer bytes than `needed`, whatever they are, there is no frame yet.
fn assert_needed_is_a_lower_bound(framing: &Framing, rest: &[u8]) {
    let needed = framing.needed(rest).expect("no frame, and no error");
    assert!(needed > 0, "what is not a whole frame needs something");
    for filler in [0x00, 0xff] {
        let mut more = rest.to_vec();
        more.resize(rest.len() + (needed - 1).min(100), filler);
        assert!(!matches!(framing.next(&more), Ok(Some(_))), "{needed} were needed of {rest:?}");
    }
}

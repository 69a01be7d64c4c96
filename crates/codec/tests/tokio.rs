//! The tokio-util codec: what it gives for whole, cut and broken streams.
#![cfg(feature = "tokio")]

use bytes::{Bytes, BytesMut};
use hex_literal::hex;
use midwire_codec::tokio::{FrameCodec, Received, UndecodableReason};
use midwire_codec::{CompressionError, FrameError, Framing, Prefix};
use tokio_util::codec::{Decoder, Encoder};

fn codec() -> FrameCodec {
    FrameCodec::new(Framing::new(Prefix::Varint, 2_097_151))
}

/// Everything a codec gives for bytes that come in `pieces`, and then end.
fn received(codec: &mut FrameCodec, pieces: &[&[u8]]) -> Vec<Received> {
    let (mut buffer, mut items) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while let Some(item) = codec.decode(&mut buffer).expect("no io") {
            items.push(item);
        }
    }
    while let Some(item) = codec.decode_eof(&mut buffer).expect("no io") {
        items.push(item);
    }
    assert!(buffer.is_empty(), "nothing is kept back");
    items
}

fn frame(wire: &[u8], payload: &[u8]) -> Received {
    Received::Frame { wire: Bytes::copy_from_slice(wire), payload: Bytes::copy_from_slice(payload) }
}

fn undecodable(wire: &[u8], reason: impl Into<UndecodableReason>) -> Received {
    Received::Undecodable { wire: Bytes::copy_from_slice(wire), reason: reason.into() }
}

#[test]
fn frames_come_one_by_one_with_their_own_bytes() {
    let wire = hex!("02 6869  00");
    let expected = [frame(&hex!("02 6869"), b"hi"), frame(&[0], b"")];
    for cut in 0..wire.len() {
        let (first, second) = wire.split_at(cut);
        assert_eq!(received(&mut codec(), &[first, second]), expected);
    }
}

#[test]
fn compression_begins_between_two_frames() {
    let mut codec = codec();
    let mut wire = BytesMut::new();
    codec.encode(&hex!("03 8002")[..], &mut wire).unwrap();
    codec.set_compression(Some(256));
    codec.encode(&b"short"[..], &mut wire).unwrap();
    codec.encode(Bytes::from(vec![7; 256]), &mut wire).unwrap();
    assert_eq!(wire[..11], *b"\x03\x03\x80\x02\x06\0short");

    codec.set_compression(None);
    let Some(Received::Frame { payload, .. }) = codec.decode(&mut wire).unwrap() else {
        panic!("no frame");
    };
    assert_eq!(payload[..], hex!("038002"));
    codec.set_compression(Some(256));
    for expected in [&b"short"[..], &[7; 256]] {
        let Some(Received::Frame { payload, .. }) = codec.decode(&mut wire).unwrap() else {
            panic!("no frame");
        };
        assert_eq!(payload, expected);
    }
}

#[test]
fn a_frame_that_does_not_inflate_is_given_raw_and_the_next_is_read() {
    let mut codec = codec();
    codec.set_compression(Some(256));
    let items = received(&mut codec, &[&hex!("00  02 00aa")]);
    let reason = CompressionError::PlainLenCut { payload_len: 0 };
    assert_eq!(items, [undecodable(&[0], reason), frame(&hex!("02 00aa"), &[0xaa])]);
}

#[test]
fn lost_framing_gives_everything_from_there_on_raw() {
    let items = received(&mut codec(), &[&hex!("01 61 80808080"), b"more", b"and more"]);
    let lost = FrameError::PrefixTooWide { offset: 0, width_max: 3, max: 2_097_151 };
    assert_eq!(
        items,
        [
            frame(b"\x01a", b"a"),
            undecodable(&[0x80; 4], lost.clone()),
            undecodable(b"more", lost.clone()),
            undecodable(b"and more", lost),
        ]
    );
}

#[test]
fn a_stream_that_ends_inside_a_frame_gives_what_there_was() {
    let items = received(&mut codec(), &[&hex!("05 6162")]);
    assert_eq!(items, [undecodable(&hex!("05 6162"), UndecodableReason::Cut { needed: 3 })]);
}

#[test]
fn a_payload_over_the_limit_is_not_written() {
    let mut wire = BytesMut::new();
    let mut codec = FrameCodec::new(Framing::new(Prefix::U8, 255));
    let error = codec.encode(&[0; 256][..], &mut wire).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("frame length max of 255"), "{error}");
    assert!(wire.is_empty());
}

//! Sized and compressed blocks.

use hex_literal::hex;

use crate::support::{define, int, json, text};

fn deflated(wrapper: midwire_codec::Wrapper, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    midwire_codec::Deflater::new(9).deflate(wrapper, plain, &mut out);
    out
}

fn inflated(wrapper: midwire_codec::Wrapper, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    midwire_codec::Inflater::default().inflate_block(wrapper, bytes, &mut out).unwrap();
    out
}

#[test]
fn a_sized_block_gets_its_new_size_and_keeps_what_is_behind_its_fields() {
    let def = define("b: sized[varint] { s: str[u8] }, z: u8");
    let body = hex!("84 00  01 61  be ef  ff");
    assert_eq!(
        def.edited(&body, |e| e.set("b.s", text("abc"))).unwrap(),
        hex!("06  03 616263  be ef  ff")
    );
    assert_eq!(
        def.edited(&body, |e| e.set("b.s", text("b"))).unwrap(),
        hex!("84 00  01 62  be ef  ff")
    );
}

#[test]
fn a_compressed_block_is_edited_inside_and_else_stays_as_it_is() {
    use midwire_codec::Wrapper;
    for (name, wrapper) in
        [("zlib", Wrapper::Zlib), ("deflate", Wrapper::Deflate), ("gzip", Wrapper::Gzip)]
    {
        let def =
            define(&format!("a: u8, n: u16, b: {name}[n] {{ x: varint, y: str[u8] }}, z: u8"));
        let plain = hex!("8500 02 6869 cc");
        let stored = deflated(wrapper, &plain);
        let mut body = vec![7];
        body.extend_from_slice(&(stored.len() as u16).to_be_bytes());
        body.extend_from_slice(&stored);
        body.push(0xff);

        let out = def.edited(&body, |e| e.set("a", int(8))).unwrap();
        assert_eq!(out[1..], body[1..], "{name}");
        let out = def.edited(&body, |e| e.set("b.x", int(5))).unwrap();
        assert_eq!(out, body, "{name}: nothing changed inside");
        let out = def.edited(&body, |e| e.set("b.y", text("hello"))).unwrap();
        let size = usize::from(u16::from_be_bytes([out[1], out[2]]));
        assert_eq!(out.len(), 1 + 2 + size + 1);
        assert_eq!(inflated(wrapper, &out[3..3 + size]), hex!("8500 05 68656c6c6f cc"), "{name}");
        assert_eq!(out.last(), Some(&0xff));
    }
}

#[test]
fn what_is_behind_a_compressed_stream_is_kept() {
    use midwire_codec::Wrapper;
    let def = define("b: zlib[..] { x: u8 }");
    let mut body = deflated(Wrapper::Zlib, &[1]);
    body.extend_from_slice(b"tail");
    let out = def.edited(&body, |e| e.set("b.x", int(2))).unwrap();
    assert!(out.ends_with(b"tail"));
    assert_eq!(inflated(Wrapper::Zlib, &out), [2]);
}

#[test]
fn blocks_inside_lists_and_blocks_are_edited() {
    use midwire_codec::Wrapper;
    let def = define("l: [u8] zlib[u8] { s: sized[u8] { x: u8 } }");
    let stored = deflated(Wrapper::Zlib, &[1, 5]);
    let mut body = vec![2];
    for _ in 0..2 {
        body.push(stored.len() as u8);
        body.extend_from_slice(&stored);
    }
    let out = def.edited(&body, |e| e.set("l[1].s.x", int(6))).unwrap();
    let second = 2 + stored.len();
    assert_eq!(out[..second], body[..second], "the first one stays compressed");
    assert_eq!(inflated(Wrapper::Zlib, &out[second + 1..]), [1, 6]);
}

#[test]
fn what_a_block_has_behind_its_fields_is_made_from_values_as_well() {
    let def = define("b: sized[u8] { x: u8 }, l: [u8] sized[u8] { y: u8 }, s: sized[u8] u8, z: u8");
    let body = hex!("03 01 beef  01 02 02 cc  02 03 dd  ff");
    let read = def.decoded(&body);
    assert_eq!(def.encoded(&read).unwrap(), body, "{read}");
    assert_eq!(
        def.edited(&body, |e| e.set("b", json("{\"$rest\":\"\"}"))).unwrap(),
        hex!("01 01  01 02 02 cc  02 03 dd  ff")
    );
}

//! PROXY headers of version 1 and 2, as haproxy's proxy-protocol.txt describes them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;

use hex_literal::hex;
use midwire_route::{ProxyHeader, Read, read_header};
use proptest::prelude::*;

const LEN_MAX: usize = 4096;

/// What the bytes are, and that each part of a header waits.
fn read(bytes: &[u8]) -> Read {
    let whole = read_header(bytes, LEN_MAX);
    if let Read::Header(header) = whole {
        for len in 0..header.len {
            assert_eq!(read_header(&bytes[..len], LEN_MAX), Read::NeedsMore, "{len}");
        }
        assert_eq!(read_header(&bytes[..header.len], LEN_MAX), whole);
    }
    whole
}

fn header(bytes: &[u8]) -> (usize, Option<(String, String)>) {
    let Read::Header(header) = read(bytes) else { panic!("{:?}", read(bytes)) };
    (header.len, header.addresses.map(|(from, to)| (from.to_string(), to.to_string())))
}

fn wrong(bytes: &[u8]) -> String {
    let Read::Wrong(error) = read(bytes) else { panic!("{:?}", read(bytes)) };
    error.to_string()
}

#[test]
fn a_line_names_both_ends() {
    let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 51000 443\r\n";
    let both = Some(("192.0.2.1:51000".into(), "192.0.2.2:443".into()));
    assert_eq!(header(line), (line.len(), both.clone()));
    assert_eq!(header(&[&line[..], b"\r\nmore"].concat()), (line.len(), both));
    let line = b"PROXY TCP6 2001:db8::1 ::1 0 65535\r\n";
    assert_eq!(header(line).1, Some(("[2001:db8::1]:0".into(), "[::1]:65535".into())));
    assert_eq!(header(b"PROXY UNKNOWN\r\n"), (15, None));
    let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(91));
    assert_eq!(header(longest.as_bytes()), (107, None));
}

#[test]
fn a_line_that_is_wrong_is_said_to_be() {
    assert!(wrong(b"PROXY TCP5 1.1.1.1 1.1.1.1 1 2\r\n").contains("neither TCP4"));
    assert!(wrong(b"PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n").contains("not two addresses"));
    assert!(wrong(b"PROXY TCP4 1.1.1.1 1.1.1.1 1 2 3\r\n").contains("not two addresses"));
    assert!(wrong(b"PROXY TCP4 1.1.1.256 1.1.1.1 1 2\r\n").contains("a source that is no address"));
    assert!(wrong(b"PROXY TCP4 ::1 1.1.1.1 1 2\r\n").contains("a source that is no address"));
    assert!(wrong(b"PROXY TCP6 ::1 1.1.1.1 1 2\r\n").contains("a destination that is no address"));
    assert!(wrong(b"PROXY TCP4 1.1.1.1 1.1.1.1 65536 2\r\n").contains("a source port"));
    assert!(wrong(b"PROXY TCP4 1.1.1.1 1.1.1.1 1 02\r\n").contains("a destination port"));
    assert!(wrong(b"PROXY TCP4 1.1.1.1 1.1.1.1 1 +2\r\n").contains("a destination port"));
    assert!(wrong(b"PROXY TCP4  1.1.1.1 1.1.1.1 1 2\r\n").contains("not two addresses"));
    assert!(wrong(b"PROXY TCP4 1.1.1.1\n").contains("a control character"));
    assert!(wrong(format!("PROXY UNKNOWN {}", "f".repeat(93)).as_bytes()).contains("within 107"));
    assert!(wrong(b"PROXY \x00").contains("a control character"));
}

#[test]
fn a_binary_header_names_both_ends_and_is_as_long_as_it_says() {
    let v4 = hex!("0d0a0d0a000d0a515549540a 21 11 000c c0000201 c0000202 c738 01bb");
    let both = Some(("192.0.2.1:51000".into(), "192.0.2.2:443".into()));
    assert_eq!(header(&v4), (28, both.clone()));
    let more = hex!("0d0a0d0a000d0a515549540a 21 11 0010 c0000201 c0000202 c738 01bb 04000100 99");
    assert_eq!(header(&more), (32, both));
    let v6 = hex!(
        "0d0a0d0a000d0a515549540a 21 21 0024"
        "20010db8000000000000000000000001 00000000000000000000000000000001 0001 ffff"
    );
    assert_eq!(header(&v6).1, Some(("[2001:db8::1]:1".into(), "[::1]:65535".into())));
}

#[test]
fn a_header_of_the_proxy_itself_or_of_another_kind_names_nobody() {
    assert_eq!(header(&hex!("0d0a0d0a000d0a515549540a 20 00 0000")), (16, None));
    assert_eq!(
        header(&hex!("0d0a0d0a000d0a515549540a 20 11 000c c0000201 c0000202 c738 01bb")).1,
        None
    );
    assert_eq!(header(&hex!("0d0a0d0a000d0a515549540a 21 00 0000")), (16, None));
    assert_eq!(
        header(&hex!("0d0a0d0a000d0a515549540a 21 12 000c c0000201 c0000202 c738 01bb")).1,
        None
    );
    let unix = [&hex!("0d0a0d0a000d0a515549540a 21 31 00d8")[..], &[0; 216]].concat();
    assert_eq!(header(&unix), (232, None));
}

#[test]
fn a_binary_header_that_is_wrong_is_said_to_be() {
    assert!(wrong(&hex!("0d0a0d0a000d0a515549540a 11")).contains("version 1"));
    assert!(wrong(&hex!("0d0a0d0a000d0a515549540a 22")).contains("unknown command 2"));
    assert!(wrong(&hex!("0d0a0d0a000d0a515549540a 21 41")).contains("family 0x41"));
    assert!(wrong(&hex!("0d0a0d0a000d0a515549540a 21 13")).contains("family 0x13"));
    assert!(wrong(&hex!("0d0a0d0a000d0a515549540a 21 11 000b")).contains("11 bytes do not hold"));
    assert!(wrong(&hex!("0d0a0d0a000d0a515549540a 21 11 ffff")).contains("longer than 4096"));
}

#[test]
fn what_is_no_header_is_absent_at_its_first_other_byte() {
    for bytes in [&b"G"[..], b"PROXX", b"PROXY\t", b"\r\n\r\nx", b"\r\n\r\n\0\r\nQUIX", b"\n"] {
        assert_eq!(read(bytes), Read::Absent, "{bytes:?}");
        assert_eq!(read(&bytes[..bytes.len() - 1]), Read::NeedsMore);
    }
}

#[test]
fn what_is_written_is_read_back() {
    for (from, to) in [
        ("192.0.2.1:1", "192.0.2.2:65535"),
        ("[2001:db8::1]:1", "[::1]:2"),
        ("192.0.2.1:1", "[::1]:2"),
        ("[::ffff:192.0.2.1]:1", "192.0.2.2:2"),
    ] {
        let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
        for is_binary in [false, true] {
            let bytes = ProxyHeader::write(is_binary, from, to);
            let Read::Header(header) = read(&bytes) else { panic!("{bytes:?}") };
            assert_eq!(header.len, bytes.len());
            let (read_from, read_to) = header.addresses.unwrap();
            assert_eq!(read_from.ip().to_canonical(), from.ip().to_canonical());
            assert_eq!((read_from.port(), read_to.port()), (from.port(), to.port()));
            assert_eq!(read_to.ip().to_canonical(), to.ip().to_canonical());
        }
    }
}

#[test]
fn a_control_character_is_told_before_and_at_the_lines_end() {
    for bytes in [&b"PROXY \0"[..], b"PROXY \0\r\n", b"PROXY TCP4 \x80\r\nmore"] {
        assert!(wrong(bytes).contains("a control character"), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn what_is_settled_stays_whatever_follows(
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
        begin in 0usize..4,
    ) {
        let begins: [&[u8]; 4] =
            [b"", b"PROXY ", b"PROXY TCP4 1.", &hex!("0d0a0d0a000d0a515549540a 21 11 000c")];
        let bytes = [begins[begin], &bytes].concat();
        let mut settled = None;
        for len in 0..=bytes.len() {
            let now = read_header(&bytes[..len], LEN_MAX);
            match settled {
                Some(before) => prop_assert_eq!(now, before),
                None if now != Read::NeedsMore => settled = Some(now),
                None => {}
            }
        }
    }
}

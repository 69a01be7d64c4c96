//! Both directions in one paste: each block for itself, with its direction if the text says it.

use super::super::{Toward, parse};

const THERE: [u8; 4] = [0x0f, 0, 1, 0x0b];
const BACK: [u8; 5] = [0xde, 0xad, 0xbe, 0xef, 0];

/// What is read of a text: directions and bytes.
fn read(text: &str) -> Vec<(Option<Toward>, Vec<u8>)> {
    let parts = parse(text, None);
    assert!(parts.iter().all(|part| part.problems.is_empty()), "{text}\n{parts:?}");
    parts.into_iter().map(|part| (part.toward, part.bytes)).collect()
}

#[test]
fn marks_say_where_bytes_go() {
    let expected = [(Some(Toward::Server), THERE.to_vec()), (Some(Toward::Client), BACK.to_vec())];
    for text in [
        "> 0f 00 01 0b\n< de ad be ef 00\n",
        ">>> 0f 00\n>>> 01 0b\n<<< de ad be ef 00\n",
        ">\n0f 00 01 0b\n<\nde ad be ef 00\n",
        "C->S: 0f 00 01 0b\nS->C: de ad be ef 00\n",
        "[C->S] 0f 00 01 0b\n[S->C] de ad be ef 00\n",
        "C2S 0f00010b\nS2C deadbeef00\n",
        "[12:00:01] client -> server 0f 00 01 0b\n[12:00:01] server -> client de ad be ef 00\n",
        "client → server\n0f 00 01 0b\n\nserver → client\nde ad be ef 00\n",
        "client <- server: de ad be ef 00\n",
        "serverbound: 0f 00 01 0b\nclientbound: de ad be ef 00\n",
        "11-26 14:22:01.123  1234  1234 D Net: C->S 0f 00 01 0b\n11-26 14:22:01.123  1234  1234 D Net: S->C de ad be ef 00\n",
        "C->S\n0000  0f 00 01 0b                                        ....\n\n\
         S->C\n0000  de ad be ef 00                                     .....\n",
    ] {
        let found = read(text);
        let expected = if found.len() == 1 { &expected[1..] } else { &expected[..] };
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_stream_that_wireshark_follows_has_both_directions() {
    let dump = "00000000  0f 00 01 0b                                        ....\n\
                \x20   00000000  de ad be ef 00                                     .....\n\
                00000004  0f 00 01 0b                                        ....\n";
    let arrays = "char peer0_0[] = { /* Packet 1 */\n0x0f, 0x00, 0x01, 0x0b };\n\
                  char peer1_0[] = { /* Packet 2 */\n0xde, 0xad, 0xbe, 0xef, 0x00 };\n\
                  char peer0_1[] = { /* Packet 3 */\n0x0f, 0x00, 0x01, 0x0b };\n";
    let expected = [
        (Some(Toward::Server), THERE.to_vec()),
        (Some(Toward::Client), BACK.to_vec()),
        (Some(Toward::Server), THERE.to_vec()),
    ];
    for text in [dump, arrays] {
        assert_eq!(read(text), expected, "{text}");
    }
    let socat = "> 2026/11/26 14:22:01.000123456  length=4 from=0 to=3\n 0f 00 01 0b\n--\n\
                 < 2026/11/26 14:22:01.223456  length=5 from=0 to=4\n de ad be ef 00\n--\n\
                 > 2026/11/26 14:22:01.323456  length=4 from=4 to=7\n 0f 00 01 0b\n--\n";
    assert_eq!(read(socat), expected);
    let nc = "> 00000000 0f 00 01 0b                                     # ....\n\
              < 00000000 de ad be ef 00                                  # .....\n\
              > 00000004 0f 00 01 0b                                     # ....\n";
    assert_eq!(
        read(nc).into_iter().map(|(toward, _)| toward).collect::<Vec<_>>(),
        expected.each_ref().map(|(toward, _)| *toward)
    );
}

#[test]
fn who_sends_and_receives_parts_blocks_without_a_direction() {
    let expected = [(None, THERE.to_vec()), (None, BACK.to_vec()), (None, THERE.to_vec())];
    let text = "send: 0f 00 01 0b\nrecv: de ad be ef 00\nsend: 0f 00 01 0b\n";
    assert_eq!(read(text), expected);
}

#[test]
fn marks_of_one_kind_may_be_something_else() {
    assert_eq!(read("> 0f 00\n> 01 0b\n"), [(None, THERE.to_vec())]);
    assert_eq!(read("send: 0f 00 01 0b\n"), [(None, THERE.to_vec())]);
    assert_eq!(read("<Buffer 0f 00 01 0b>\n"), [(None, THERE.to_vec())]);
    assert_eq!(read("%C2S%00\n"), [(None, b"\xc2S\0".to_vec())]);
    // The characters of a dump may be anything.
    let text = "0000  63 2d 3e 73 0f 00 01 0b                            c->s....\n";
    assert_eq!(read(text), [(None, [&b"c->s"[..], &THERE].concat())]);
}

#[test]
fn lines_of_blocks_are_counted_from_the_first() {
    let parts = parse("> 0f 00 01\n< de ad\n> 0f 00 zz\n", None);
    assert_eq!(parts[2].ignored, [(3, "zz".to_owned())]);
}

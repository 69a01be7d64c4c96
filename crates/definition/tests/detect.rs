//! Which protocol some first bytes are of.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use hex_literal::hex;
use midwire_codec::Direction::{Clientbound, Serverbound};
use midwire_definition::Detected::{IfNothingFollows, NeedsMore, No, Yes};
use midwire_definition::{Detected, LoadError, Loader, Problems, Protocol, builtin};
use proptest::prelude::*;

const LEN_MAX: usize = 4096;

struct Text<'a>(&'a str);

impl Loader for Text<'_> {
    fn load(&self, _: &str) -> Result<String, LoadError> {
        Ok(self.0.to_owned())
    }
}

fn loaded(text: &str) -> Result<Arc<Protocol>, Box<Problems>> {
    Protocol::load("game.wire", &Text(text))
}

fn built_in(name: &str) -> Arc<Protocol> {
    builtin(name).unwrap()
}

fn detect(protocol: &Protocol, bytes: &[u8]) -> Detected {
    protocol.detect(Serverbound, bytes, LEN_MAX)
}

/// The answer for the whole, and that no part of it says otherwise.
fn for_every_part(protocol: &Protocol, bytes: &[u8]) -> Detected {
    let whole = detect(protocol, bytes);
    for len in 0..bytes.len() {
        let part = detect(protocol, &bytes[..len]);
        let agrees = match whole {
            Yes => part != No,
            No => true,
            NeedsMore | IfNothingFollows => part != No && part != Yes,
        };
        assert!(agrees, "{len} bytes: {part:?}, all: {whole:?}");
        if part == Yes || part == No {
            assert_eq!(part, whole, "what is settled stays: {len}");
        }
    }
    whole
}

const CLIENT_HELLO: &[u8] = &hex!(
    "16 03 01 02 00 01 00 01fc 0303 0000000000000000000000000000000000000000000000000000000000000000 20"
);

/// First bytes of clients of other protocols.
fn others() -> Vec<Vec<u8>> {
    let mut others: Vec<Vec<u8>> = [
        &b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"[..],
        b"POST /x HTTP/1.1\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"RFB 003.008\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n",
        CLIENT_HELLO,
        &hex!("16 03 01 00 f7 01 0000f3 0303"),
        &hex!("16 03 01 05 c8 01 0005c4 0303"),
        &hex!("16 03 01 08 54 01 000850 0303"),
        &[0xff; 64],
    ]
    .iter()
    .map(|bytes| bytes.to_vec())
    .collect();
    others.push((1..=255).collect());
    others
}

#[test]
fn a_handshake_of_minecraft_is_told_at_its_last_byte() {
    let minecraft = built_in("minecraft");
    let handshake = hex!("10 00 8106 09 6c6f63616c686f7374 63dd 02");
    assert_eq!(for_every_part(&minecraft, &handshake), Yes);
    assert_eq!(detect(&minecraft, &handshake[..16]), NeedsMore);
    assert_eq!(for_every_part(&minecraft, &[&handshake[..], &hex!("01 00")].concat()), Yes);
    let mut other = handshake;
    other[16] = 9;
    assert_eq!(for_every_part(&minecraft, &other), No, "no such next state");
}

#[test]
fn pings_of_old_clients_are_told_when_nothing_follows() {
    let minecraft = built_in("minecraft");
    assert_eq!(for_every_part(&minecraft, &hex!("fe")), IfNothingFollows);
    assert_eq!(for_every_part(&minecraft, &hex!("fe 01")), IfNothingFollows);
    let ping = hex!("fe 01 fa 000b 004d0043007c00500069006e00670048006f00730074 0019 4a");
    assert_eq!(for_every_part(&minecraft, &ping), Yes);
    assert_eq!(for_every_part(&minecraft, &hex!("fe 02 05")), No);
    let mut long = hex!("fe 01 00 8106 f601").to_vec();
    long.extend([b'a'; 246]);
    long.extend(hex!("63dd 02"));
    assert_eq!(long.len(), 256);
    assert_eq!(for_every_part(&minecraft, &long), Yes, "254 bytes begin with the same two");
}

#[test]
fn a_hello_of_terraria_or_its_mod_loader_is_told() {
    let terraria = built_in("terraria");
    assert_eq!(for_every_part(&terraria, &hex!("0f00 01 0b 5465727261726961 333236")), Yes);
    let modded = hex!("1e00011a744d6f644c6f616465722076323032342e31302e332e30212121");
    assert_eq!(for_every_part(&terraria, &modded), Yes);
    assert_eq!(detect(&terraria, &hex!("0f00 01 0b 54")), NeedsMore);
    assert_eq!(
        detect(&terraria, &hex!("0f00 01 0b 5478")),
        No,
        "told by the first byte that differs"
    );
    assert_eq!(detect(&terraria, &hex!("0f00 02")), No);
    assert_eq!(detect(&terraria, &hex!("0f00 01 05 5465727261")), No, "too short for its frame");
}

#[test]
fn a_call_of_amp_is_told_by_its_keys() {
    let amp = built_in("amp");
    assert_eq!(for_every_part(&amp, &hex!("0004 5f61736b 0001 31")), Yes);
    assert_eq!(for_every_part(&amp, &hex!("0008 5f636f6d6d616e64 0003")), Yes);
    let later =
        hex!("0001 41 0001 39 0004 5f61736c 0001 31 0008 5f636f6d6d616e64 0003 53756d 0000");
    assert_eq!(for_every_part(&amp, &later), Yes);
    assert_eq!(detect(&amp, &later[..later.len() - 1]), NeedsMore);
    let without = hex!("0001 41 0001 39 0000");
    assert_eq!(for_every_part(&amp, &without), No);
    assert_eq!(detect(&amp, &hex!("0001 41 7fff")), No, "longer than what is looked at");
}

#[test]
fn bytes_of_other_protocols_are_of_none() {
    for name in ["minecraft", "terraria", "amp"] {
        let protocol = built_in(name);
        for bytes in others() {
            assert_eq!(for_every_part(&protocol, &bytes), No, "{name} {bytes:02x?}");
            assert_eq!(detect(&protocol, &[]), NeedsMore);
        }
        assert_eq!(protocol.detect(Clientbound, b"x", LEN_MAX), No);
        assert!(protocol.has_detect(Serverbound) && !protocol.has_detect(Clientbound));
    }
}

#[test]
fn the_first_packets_of_one_are_of_no_other() {
    let first: [(&str, Vec<u8>); 3] = [
        ("minecraft", hex!("10 00 8106 09 6c6f63616c686f7374 63dd 02").to_vec()),
        ("terraria", hex!("0f00 01 0b 5465727261726961 333236").to_vec()),
        ("amp", hex!("0004 5f61736b 0001 31 0008 5f636f6d6d616e64 0003 53756d 0000").to_vec()),
    ];
    for name in ["minecraft", "terraria", "amp"] {
        let protocol = built_in(name);
        for (of, bytes) in &first {
            let wanted = if name == *of { Yes } else { No };
            assert_eq!(for_every_part(&protocol, bytes), wanted, "{name}: {of}");
        }
    }
}

#[test]
fn signs_compare_numbers_texts_enums_and_elements() {
    let of = |signs: &str| {
        let text = "protocol game { frame { length: u8, id: u8 }, detect both_ways }\n\
             packet A = 1 serverbound { n: u8, kind: enum u8 { a, b }, name: str[u8], list: [u8] u8, yes: bool }\n";
        let text = text.replace("both_ways", &format!("serverbound A {signs}"));
        let protocol = loaded(&text).unwrap_or_else(|problems| panic!("{problems}"));
        for_every_part(&protocol, &hex!("0a 01 05 01 02 6869 02 0708 01"))
    };
    for holds in [
        "",
        "where n == 5",
        "where n >= 5 and n < 6 and n != 4",
        "where kind == b",
        "where kind != a",
        "where name == \"hi\"",
        "where name startswith \"h\"",
        "where name != \"ho\"",
        "where list[..] == 8",
        "where list[1] == 8 and yes == true",
        "where n in 5..5",
    ] {
        assert_eq!(of(holds), Yes, "{holds}");
    }
    for holds_not in [
        "where n == 4",
        "where n > 5",
        "where kind == a",
        "where name == \"h\"",
        "where name startswith \"ho\"",
        "where list[..] == 9",
        "where list[2] == 8",
        "where yes == false",
        "where n in 6..9",
        "where n == 5 and n == 6",
        "where n startswith \"5\"",
    ] {
        assert_eq!(of(holds_not), No, "{holds_not}");
    }
}

#[test]
fn what_depends_on_the_rest_is_told_when_the_frame_is_there() {
    let text = "protocol game { frame { length: u8, id: u8 }, detect serverbound A where last == \"x\" }\n\
                packet A = 1 serverbound { n: u8, if remaining > 1 { more: u8 }, last: str[..] }\n";
    let game = loaded(text).unwrap();
    assert_eq!(for_every_part(&game, &hex!("04 01 00 05 78")), Yes);
    assert_eq!(for_every_part(&game, &hex!("03 01 00 78")), Yes);
    assert_eq!(for_every_part(&game, &hex!("03 01 00 79")), No);
}

#[test]
fn what_is_longer_than_is_looked_at_is_none() {
    let text = "protocol game { frame { length: u16, id: u8 }, detect serverbound A }\n\
                packet A = 1 serverbound { all: bytes[..] }\n";
    let game = loaded(text).unwrap();
    assert_eq!(game.detect(Serverbound, &hex!("00 08 01"), 10), NeedsMore);
    assert_eq!(game.detect(Serverbound, &hex!("00 09 01"), 10), No);
}

fn told(text: &str) -> String {
    loaded(text).err().map_or_else(String::new, |problems| problems.to_string())
}

#[test]
fn a_line_that_cannot_be_told_is_refused_with_the_nearest_name() {
    let around = |line: &str| {
        told(&format!(
            "protocol game {{\n  frame {{ length: u16, id: u8 }}\n  {line}\n}}\n\
             packet Hello = 1 serverbound {{ version: str[u8] }}\npacket Blob = 2 serverbound\n"
        ))
    };
    let message = around("detect serverbound Helo");
    assert!(message.contains("error[W083]: no serverbound packet is called `Helo`"), "{message}");
    assert!(
        message.contains("game.wire:3:22") && message.contains("did you mean `Hello`?"),
        "{message}"
    );
    let message = around("detect clientbound Hello");
    assert!(message.contains("no clientbound packet is called `Hello`"), "{message}");
    let message = around("detect serverbound Hello where versoin startswith \"x\"");
    assert!(message.contains("the packet has no field `versoin`"), "{message}");
    assert!(message.contains("did you mean `version`?"), "{message}");
    assert!(around("detect serverbound Blob").contains("`Blob` is opaque"));
    assert!(around("detect serverbound hex \"\"").contains("these are no bytes"));
    assert!(around("detect serverbound hex \"f\"").contains("W013"));
    assert!(
        around("detect serverbound Hello where version in 3..1").contains("no number is in 3..1")
    );
    assert!(
        around("detect serverbound Hello where version == 1.5").contains("a sign compares with")
    );
    assert!(around("detect Hello").contains("W001"));
    assert!(around("detect serverbound Hello where version").contains("`startswith`"));
    assert!(
        around("detect serverbound Hello where version startswith 5").contains("a text in quotes")
    );
    assert_eq!(around("detect serverbound Hello where version startswith \"x\""), "");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_answer_is_never_taken_back(bytes in proptest::collection::vec(any::<u8>(), 0..80), flip in any::<usize>()) {
        for name in ["terraria", "amp"] {
            for_every_part(&built_in(name), &bytes);
        }
        let mut bytes = hex!("10 00 8106 09 6c6f63616c686f7374 63dd 02").to_vec();
        let at = flip % bytes.len();
        bytes[at] ^= 1 << (flip / 32 % 8);
        for_every_part(&built_in("minecraft"), &bytes);
    }

    #[test]
    fn random_bytes_are_of_none(bytes in proptest::collection::vec(any::<u8>(), 600)) {
        // A first byte of 0 or FE may begin one; all others are settled at once.
        prop_assume!(bytes[0] != 0 && bytes[0] != 0xfe);
        for name in ["terraria", "amp"] {
            prop_assert_ne!(detect(&built_in(name), &bytes), Yes);
        }
        prop_assert_ne!(detect(&built_in("minecraft"), &bytes), Yes);
        prop_assert_eq!(detect(&built_in("amp"), &bytes), No);
    }
}

/// The server of VNC speaks first, in a state whose packets have no id.
#[test]
fn a_server_of_vnc_is_told_by_its_first_words() {
    let rfb = built_in("rfb");
    assert!(!rfb.has_detect(Serverbound));
    let says = |bytes: &[u8]| rfb.detect(Clientbound, bytes, LEN_MAX);
    for version in ["RFB 003.003\n", "RFB 003.008\n", "RFB 003.889\n", "RFB 005.000\n"] {
        assert_eq!(says(version.as_bytes()), Yes, "{version}");
        for len in 0..12 {
            assert_eq!(says(&version.as_bytes()[..len]), NeedsMore, "{len} bytes of {version}");
        }
    }
    assert_eq!(says(b"RFB 003.008\n\x02\x01\x02"), Yes);
    for other in ["SSH-2.0-OpenSSH_9.9\r\n", "220 ready\r\n", "RFC 003.008\n", "RFB\r\n----------"]
    {
        assert_eq!(says(other.as_bytes()), No, "{other}");
    }
}

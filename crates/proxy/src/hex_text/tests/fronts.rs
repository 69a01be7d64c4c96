//! What logs have in front of bytes is no bytes.

use super::super::parse;
use super::{chars, dump, in_pairs, spaced};

const BYTES: &[u8; 33] = b"\x0f\x00\x01\x0bTerraria326 |x\n\xde\xad\xbe\xef 0: dead12";

const FRONTS: [&str; 34] = [
    "recv: ",
    "recv ",
    "send> ",
    "add: ",
    "feed ",
    "C->S: ",
    "client -> server: ",
    "[12:00:01] server -> client ",
    "[12:00:01] ",
    "12:00:01.125 ",
    "2026-11-26T14:22:01.123Z INFO net: ",
    "2026-11-26T14:22:01.123456+01:00 DEBUG a::b: ",
    "2026-11-26 14:22:01,123 1234 WARNING net ",
    "2026/11/26 14:22:01 main.go:12: ",
    "26/11/2026 14:22:01 ",
    "11-26 14:22:01.123  1234  1234 D Net: ",
    "11-26 14:22:01.123  1234  5678 D dead: ",
    "11-26 14:22:01.123 12345 12346 I MyApp Net: ",
    "D/Net ( 123): ",
    "D/Net(12345): ",
    "INFO  [netty] ",
    "[INFO] [netty] ",
    "docker | ",
    "mc-server-1  | ",
    "Nov 26 14:22:01 host app[123]: ",
    "Nov  6 14:22:01 dead app[123]: ",
    "<13>Nov 26 14:22:01 host app: ",
    "Thu Nov 26 14:22:01 2026 ",
    "[   12.345678] net: ",
    "[Client thread/INFO]: ",
    "[14:22:01] [Netty Server IO #1/DEBUG]: ",
    "  | ",
    ">>> ",
    "→ server  ",
];

fn rows(bytes: &[u8]) -> Vec<(&'static str, String)> {
    let octal = |at: usize, row: &[u8]| format!("{at:07o} {}", spaced(row));
    vec![
        ("xxd", dump(bytes, |at, row| format!("{at:08x}: {:<39}  {}", in_pairs(row), chars(row)))),
        (
            "hexdump -C",
            dump(bytes, |at, row| format!("{at:08x}  {:<48}  |{}|", spaced(row), chars(row)))
                + &format!("{:08x}\n", bytes.len()),
        ),
        (
            "tshark",
            dump(bytes, |at, row| format!("{at:04x}  {:<47}   {}", spaced(row), chars(row))),
        ),
        ("od", dump(bytes, octal) + &format!("{:07o}\n", bytes.len())),
        (
            "od -A x",
            dump(bytes, |at, row| format!("{at:06x} {:<47}  >{}<", spaced(row), chars(row)))
                + &format!("{:06x}\n", bytes.len()),
        ),
    ]
}

fn behind(front: &str, text: &str) -> String {
    text.lines().map(|line| format!("{front}{line}\n")).collect()
}

/// What is read of a text, if that is not the bytes.
fn misread(text: &str, bytes: &[u8]) -> Option<String> {
    let parts = parse(text, None);
    let is_read = parts.len() == 1 && parts[0].bytes == bytes && parts[0].problems.is_empty();
    (!is_read).then(|| format!("{text}{parts:?}\n"))
}

#[test]
fn rows_of_dumps_may_stand_behind_anything() {
    let mut wrong = String::new();
    for front in FRONTS {
        for len in [BYTES.len(), 16, 32, 17] {
            for (_, text) in rows(&BYTES[..len]) {
                wrong.extend(misread(&behind(front, &text), &BYTES[..len]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_row_alone_may_stand_behind_what_logs_have() {
    let mut wrong = String::new();
    for front in FRONTS {
        for (name, text) in rows(&BYTES[..11]) {
            let parts = parse(&behind(front, text.lines().next().unwrap()), None);
            let bytes: Vec<u8> = parts.iter().flat_map(|part| part.bytes.clone()).collect();
            let is_told = parts.iter().any(|part| !part.problems.is_empty());
            if bytes != BYTES[..11] && !is_told {
                wrong.push_str(&format!("{name}: {front}{text}{parts:?}\n"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn plain_hex_may_stand_behind_what_logs_have() {
    let mut wrong = String::new();
    for front in FRONTS {
        for bytes in [&[0xde, 0xad][..], &[0x0f, 0, 1, 0x0b], &[0xde, 0xad, 0xbe, 0xef, 0xfa, 0xce]]
        {
            for text in [spaced(bytes), ::hex::encode(bytes), in_pairs(bytes)] {
                // Words alone in front of letters alone: nobody can tell them apart.
                let is_word = front == "feed "
                    || !text.bytes().any(|byte| byte.is_ascii_digit())
                        && ["recv ", "send> ", "add: ", "recv: "].contains(&front);
                if !is_word {
                    let line = format!("{front}{text}\n");
                    wrong.extend(misread(&line, bytes));
                    wrong.extend(misread(&line.repeat(2), &[bytes, bytes].concat()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn rows_of_which_the_first_alone_is_behind_words_are_one_dump() {
    for (name, text) in rows(BYTES) {
        let found = parse(&format!("recv: {text}"), None);
        assert_eq!(found.len(), 1, "{name}\n{found:?}");
        assert_eq!(found[0].bytes, BYTES, "{name}\n{found:?}");
    }
}

#[test]
fn a_missing_row_behind_words_is_told() {
    let (_, text) = rows(BYTES).swap_remove(0);
    let lines: Vec<&str> = text.lines().collect();
    let found = parse(&behind("recv: ", &[lines[0], lines[2]].join("\n")), None);
    assert!(found.iter().any(|part| !part.problems.is_empty()), "{found:?}");
}

#[test]
fn what_may_be_an_offset_is_asked_for() {
    let parts = parse("0000 0f 00 01 0b 54\n", None);
    assert!(parts[0].bytes.is_empty() && parts[0].problems[0].1.contains("--as dump"), "{parts:?}");
    let parts = parse("0010 0f 00 01 0b 54\n", None);
    assert!(parts[0].notes[0].contains("--as dump"), "{parts:?}");
}

#[test]
fn lines_of_a_log_without_bytes_are_none() {
    let text = "12:00:00.5 INFO connected to 10.0.0.1\n12:00:01.5 INFO recv 0f 00 01\n12:00:02.5 INFO closed\n";
    let found = &parse(text, None)[0];
    assert_eq!(found.bytes, [0x0f, 0, 1], "{found:?}");
}

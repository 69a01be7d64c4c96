//! What people paste into `midwire decode`, and what they are told when it cannot be read.
#![cfg(unix)]

mod support;

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use support::program::{Ended, Program};

const HELLO: &str = "0f 00 01 0b 54 65 72 72 61 72 69 61 33 32 36";
const TERRARIA: [&str; 4] = ["--protocol", "terraria", "--direction", "serverbound"];

fn decode(arguments: &[&str], input: &[u8]) -> Ended {
    let all = [&["decode"], &TERRARIA[..], arguments].concat();
    Program::start_with_input(&all, input).wait()
}

#[track_caller]
fn reads_hello(ended: &Ended) {
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.output, ended.diagnostics);
    assert!(ended.output.contains("Terraria326"), "{}{}", ended.output, ended.diagnostics);
}

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).expect("a writable folder for tests");
    path
}

#[test]
fn without_a_file_the_hex_comes_from_standard_input() {
    reads_hello(&decode(&[], HELLO.as_bytes()));
    reads_hello(&decode(&["-"], HELLO.as_bytes()));
    // A pipe is not asked for a paste.
    assert!(!decode(&[], HELLO.as_bytes()).diagnostics.contains("ctrl-d"));
}

#[test]
fn numbers_that_are_longer_than_they_need_be_are_told_and_kept() {
    // An id of two bytes, in a frame whose length takes three: 1.21.4's serverbound keep_alive in play.
    let packet = "8a 80 00  9a 00  00 00 00 00 00 00 00 07";
    let minecraft = ["decode", "--protocol", "minecraft", "--protocol-version", "1.21.4"];
    let place = ["--state", "play", "--direction", "serverbound", "--hex", packet];
    let json = Program::start(&[&minecraft[..], &place, &["--json"]].concat()).wait();
    assert_eq!(json.status.code(), Some(0), "{}{}", json.output, json.diagnostics);
    let line = &json.json()[0];
    assert_eq!(line["id"], 0x1a);
    assert_eq!(line["id_raw"], "9a00");
    assert_eq!(line["length_raw"], "8a8000");
    let shown = Program::start(&[&minecraft[..], &place].concat()).wait();
    let expected = "id 26 (0x1a), written longer than it need be: 9a00";
    assert!(shown.output.contains(expected), "{}", shown.output);
    assert!(shown.output.contains("written longer than it need be: 8a8000"), "{}", shown.output);
    let usual = Program::start(
        &[&minecraft[..], &place[..5], &["09 1a 0000000000000007", "--json"]].concat(),
    );
    let line = &usual.wait().json()[0];
    assert!(line.get("id_raw").is_none() && line.get("length_raw").is_none(), "{line}");
}

#[test]
fn what_bytes_hold_is_shown_and_with_open_told() {
    // 1.21.4's clientbound custom_payload in play: the brand.
    let packet = "19 0f 6d696e6563726166743a6272616e64 07 76616e696c6c61";
    let minecraft = ["decode", "--protocol", "minecraft", "--protocol-version", "1.21.4"];
    let place = ["--state", "play", "--direction", "clientbound", "--unframed", "--hex", packet];
    let run = |more: &[&str]| Program::start(&[&minecraft[..], &place, more].concat()).wait();
    let shown = run(&[]);
    assert_eq!(shown.status.code(), Some(0), "{}{}", shown.output, shown.diagnostics);
    assert!(shown.output.contains("brand"), "{}", shown.output);
    assert!(shown.output.contains("\"vanilla\""), "{}", shown.output);
    let plain = &run(&["--json"]).json()[0];
    assert_eq!(plain["fields"]["data"], "0776616e696c6c61");
    assert!(plain.get("opened").is_none(), "{plain}");
    let opened = &run(&["--json", "--open"]).json()[0];
    assert_eq!(opened["fields"], plain["fields"]);
    assert_eq!(opened["opened"]["data"]["brand"], "vanilla");
    assert!(opened.get("opened_errors").is_none(), "{opened}");
    let encode = ["encode", "--lines", "--protocol", "minecraft", "--unframed"];
    let line = format!("{opened}\n");
    let again = Program::start_with_input(&encode, line.as_bytes()).wait();
    assert_eq!(again.output.trim(), packet.replace(' ', ""), "{}", again.diagnostics);
    // Bytes that are no brand are no wrong packet.
    let odd = packet.replace("07 76616e696c6c61", "99");
    let odd = [&minecraft[..], &place[..6], &[&odd, "--json", "--open"]].concat();
    let odd = Program::start(&odd).wait();
    assert_eq!(odd.status.code(), Some(0), "{}{}", odd.output, odd.diagnostics);
    let line = &odd.json()[0];
    assert_eq!(line["fields"]["data"], "99");
    assert_eq!(line["opened_errors"]["data"]["field"], "brand");
    assert_eq!(run(&["--open"]).status.code(), Some(2));
}

#[test]
fn a_packet_that_was_compressed_wrongly_is_shown_and_marked() {
    let keep_alive = [&[0x1a][..], &7u64.to_be_bytes()].concat();
    let zlib = |plain: &[u8]| {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(plain).unwrap();
        zlib.finish().unwrap()
    };
    let (exact, more) = (zlib(&keep_alive), zlib(&[&keep_alive[..], b"more"].concat()));
    let place = ["--protocol-version", "1.21.4", "--state", "play", "--direction", "serverbound"];
    for (stream, said) in [
        (&[&exact[..], b"xyz"].concat(), "3 bytes are left over behind the compressed data"),
        (&more, "plain bytes go on after the declared 9"),
    ] {
        let payload = [&[9][..], stream].concat();
        let frame = [&[payload.len() as u8][..], &payload].concat();
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        let arguments = ["decode", "--protocol", "minecraft", "--hex", &hex];
        let shown = Program::start(&[&arguments[..], &place].concat()).wait();
        assert_eq!(shown.status.code(), Some(1), "{}", shown.output);
        assert!(shown.output.contains(&format!("! {said}")), "{}", shown.output);
        assert!(shown.output.contains("keep_alive_id"), "{}", shown.output);
        let json = Program::start(&[&arguments[..], &place, &["--json"]].concat()).wait();
        let line = &json.json()[0];
        assert_eq!(line["error"]["message"], said, "{line}");
        assert!(line["fields"].is_object(), "{line}");
    }
}

#[test]
fn a_packet_that_is_cut_shows_what_was_read_and_how_much_is_wanted() {
    let ended = decode(&["--hex", "0f 00 01 0b 54 65 72"], b"");
    assert_eq!(ended.status.code(), Some(1), "{}", ended.output);
    for expected in ["Hello", "version", "8 more byte(s) wanted", "8 more bytes are wanted of it"] {
        assert!(ended.output.contains(expected), "{expected} is not in:\n{}", ended.output);
    }
    // The whole packets in front of it are shown as ever.
    let ended = decode(&["--hex", &format!("{HELLO} 0f 00 01"), "--json"], b"");
    let lines = ended.json();
    assert_eq!(lines[0]["fields"]["version"], "Terraria326");
    assert_eq!(lines[1]["name"], "Hello");
    assert!(lines[1]["error"]["message"].as_str().unwrap().contains("wanted"), "{}", lines[1]);
    assert_eq!(
        lines[2]["message"],
        "the frame at 15 is cut: 12 more bytes are wanted of it, and 3 are there"
    );
}

#[test]
fn text_as_powershell_writes_it_is_read() {
    let units: Vec<u16> = "\u{feff}".encode_utf16().chain(HELLO.encode_utf16()).collect();
    for (name, order) in [("le", u16::to_le_bytes as fn(u16) -> [u8; 2]), ("be", u16::to_be_bytes)]
    {
        let bytes: Vec<u8> = units.iter().flat_map(|unit| order(*unit)).collect();
        let file = file(&format!("utf16-{name}.txt"), &bytes);
        reads_hello(&decode(&[file.to_str().unwrap()], b""));
        reads_hello(&decode(&[], &bytes));
    }
}

#[test]
fn an_odd_number_of_digits_is_called_so() {
    let ended = decode(&["--hex", "0f0"], b"");
    assert_eq!(ended.status.code(), Some(2));
    assert!(
        ended.diagnostics.contains("an odd number of hex digits: `0f0` (line 1)"),
        "{}",
        ended.diagnostics
    );
}

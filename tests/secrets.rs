//! Secrets of packets that cannot be read whole: in no output of any command, live or from a file.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use support::ends::{Ending, Ends, Server};
use support::minecraft::{frame, text, varint};
use support::program::Program;
use support::random::Random;

/// What is never to be seen.
const PLANTED: &[u8] = b"Xq7Zt9Kw3vJ5mLp8";
/// So many bytes of it in a row are too many.
const SEEN: usize = 4;

/// Secrets in every kind of place. 42 is the star that stands for what was taken out of a recording.
const FRAMED: &str = r#"protocol leaky "Leaky" {
  endian big
  stack { frame { length: varint max 2097151 }, compression: zlib_threshold off, id: varint }
}
packet both say = 3 { text: str[varint] }
packet both login = 4 { name: str[varint], password: str[varint] @secret, n: u8 }
packet both short = 5 { kind: u8, count: i16, list: [count] u8, key: bytes[u16] @secret, after: str[varint] }
packet both listed = 6 { list: [u8] { key: str[u8] @secret, n: u8 }, end: u16 }
packet both parted = 7 { data: sized[u8] { key: str[u8] @secret }, after: u8 }
packet both inner = 8 { name: str[u8], data: zlib[u8] { name: str[varint], key: str[varint] @secret } }
packet both bounded = 9 { key: bytes[u32 max 100] @secret }
packet both bits = 10 { flags: bits varint { low: u8, key: u24 @secret }, n: u8 }
packet both squeeze = 11 { threshold: varint }
packet both star = 42 { text: bytes[..] }
on serverbound squeeze { compression.on(threshold) }
on clientbound squeeze { compression.on(threshold) }
"#;

/// The same where fields alone say where packets end.
const FRAMELESS: &str = r#"protocol leaky "Leaky" {
  endian big
  stack { frame none, id: u8 }
}
packet both say = 3 { text: str[u8] }
packet both login = 4 { name: str[u8], size: i16, password: bytes[size] @secret, n: u8 }
packet both bounded = 9 { key: bytes[u32 max 100] @secret }
"#;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("secrets-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let all = three.iter().fold(0, |all, byte| all << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for at in 0..4 {
            let digit = DIGITS[(all >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every form in which a part of it would be recognised.
fn forms() -> Vec<String> {
    let mut forms = Vec::new();
    for part in PLANTED.windows(SEEN) {
        let pairs: Vec<String> = part.iter().map(|byte| format!("{byte:02x}")).collect();
        let numbers: Vec<String> = part.iter().map(u8::to_string).collect();
        let number = u32::from_be_bytes(part.try_into().unwrap());
        let swapped = number.swap_bytes();
        forms.extend([
            String::from_utf8(part.to_vec()).unwrap(),
            pairs.join(""),
            pairs.join("").to_uppercase(),
            pairs.join(" "),
            numbers.join(","),
            numbers.join(", "),
            numbers.join(" "),
            number.to_string(),
            swapped.to_string(),
        ]);
    }
    // In base64 whatever stands in front of it.
    for part in PLANTED.windows(6) {
        forms.push(base64(part));
    }
    forms
}

#[track_caller]
fn unseen(what: &str, output: &str) {
    for form in forms() {
        if let Some(at) = output.find(&form) {
            let start = output[..at].rfind('\n').map_or(0, |at| at + 1);
            let line = output[start..].lines().next().unwrap_or_default();
            panic!("{what} shows {form:?} in\n{line}");
        }
    }
}

/// Packets with the secret in them, whole: a name, and the payload.
fn packets() -> Vec<(&'static str, Vec<u8>)> {
    let key = |len: &[u8]| [len, PLANTED].concat();
    let short = key(&[PLANTED.len() as u8]);
    let inner = zlib(&[&text("alva")[..], &short].concat());
    let long: Vec<u8> = (0..100).flat_map(|n| [&short[..], &[n]].concat()).collect();
    vec![
        ("login", [&[4][..], &text("alva"), &short, &[7]].concat()),
        (
            "short",
            [&[5, 1, 0, 2, 8, 9][..], &key(&[0, PLANTED.len() as u8]), &text("end")].concat(),
        ),
        ("listed", [&[6, 2][..], &short, &[1], &short, &[2, 0, 9]].concat()),
        ("long list", [&[6, 100][..], &long, &[0, 9]].concat()),
        ("parted", [&[7, PLANTED.len() as u8 + 1][..], &short, &[7]].concat()),
        ("inner", [&[8][..], &text("bo"), &[inner.len() as u8][..], &inner].concat()),
        ("bounded", [&[9][..], &key(&[0, 0, 0, PLANTED.len() as u8])].concat()),
    ]
}

/// The same with something wrong in front of the secret, within it, and behind it.
fn broken() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for (name, whole) in packets() {
        let step = if whole.len() > 200 { 97 } else { 1 };
        for len in (1..whole.len()).step_by(step) {
            all.push((format!("{name} cut at {len}"), whole[..len].to_vec()));
        }
        all.push((format!("{name} with more behind"), [&whole, PLANTED].concat()));
    }
    let short = [&[PLANTED.len() as u8][..], PLANTED].concat();
    let mut add = |name: &str, parts: &[&[u8]]| all.push((name.to_owned(), parts.concat()));
    add(
        "login whose name has no length",
        &[&[4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &short, &[7]],
    );
    add(
        "login whose name has a length below 0",
        &[&[4, 0xff, 0xff, 0xff, 0xff, 0x0f], &short, &[7]],
    );
    add("login whose password is longer", &[&[4], &text("alva"), &[200], PLANTED, &[7]]);
    add("login whose password is shorter", &[&[4], &text("alva"), &[2], PLANTED, &[7]]);
    add("login whose length is the secret", &[&[4], &text("alva"), PLANTED]);
    add("short whose count is below 0", &[&[5, 1, 0xff, 0xff], &[0, 16], PLANTED, &[0]]);
    add("short whose count is the secret", &[&[5, 1], PLANTED]);
    add("listed with a longer list", &[&[6, 3], &short, &[1], &short, &[2]]);
    add("parted whose key is shorter than its part", &[&[7, 17, 3], PLANTED, &[7]]);
    add("parted that is longer than the packet", &[&[7, 60, 16], PLANTED]);
    add("inner that is no zlib", &[&[8, 2, b'b', b'o', 16], PLANTED]);
    let cut = zlib(&[&text("alva")[..], &[60], PLANTED].concat());
    add("inner that ends early", &[&[8, 2, b'b', b'o', cut.len() as u8], &cut]);
    add("bounded above its bound", &[&[9, 0, 0, 1, 0], PLANTED]);
    add("bounded by the secret", &[&[9], PLANTED]);
    add("bits written longer than they need be", &[&[10, 0xd8, 0xf1, 0xdd, 0x81, 0x00, 7]]);
    all
}

/// A connection of a recording forwarder: each part of `data` in a read of its own.
fn connection(number: usize, data: &[Vec<u8>], out: &mut String) {
    let mut line = |rest: &str| {
        out.push_str(&format!("{{\"t\":{number},\"conn\":{number},{rest}}}\n"));
    };
    line("\"ev\":\"open\"");
    for bytes in data {
        line(&format!("\"ev\":\"data\",\"dir\":\"c2s\",\"b64\":\"{}\"", base64(bytes)));
    }
    line("\"ev\":\"fin\",\"dir\":\"c2s\"");
    line("\"ev\":\"close\"");
}

/// Everything that can be made of a file.
fn read_all(file: &str, definition: &str, folder: &Folder) {
    let columns = "name,fields,error,rest,bytes,sent,id_raw,length_raw,password,key,data,list";
    let ways: [&[&str]; 9] = [
        &[],
        &["-x"],
        &["-V"],
        &["-x", "-V"],
        &["--json"],
        &["--csv", columns],
        &["--tsv", columns],
        &["--stats"],
        &["-Y", "malformed", "-x"],
    ];
    for way in ways {
        let ended =
            Program::start(&[&["read", "-r", file, "--protocol", definition], way].concat()).wait();
        assert!(!ended.output.is_empty(), "read {way:?}: {}", ended.diagnostics);
        unseen(&format!("read {way:?}"), &ended.output);
        unseen(&format!("read {way:?}"), &ended.diagnostics);
    }
    let rules = "log both *\nmark red both *\nset both login: n = 9\n";
    let rules = folder.write("it.rules", rules);
    for way in [&["--samples", "1000"][..], &["--samples", "1000", "--json"]] {
        let head = ["rules", "try", &rules, "--on", file, "--protocol", definition];
        let ended = Program::start(&[&head[..], way].concat()).wait();
        assert!(!ended.output.is_empty(), "rules try {way:?}: {}", ended.diagnostics);
        unseen(&format!("rules try {way:?}"), &(ended.output + &ended.diagnostics));
    }
}

/// Everything that `decode` makes of lines of hex.
fn decode_all(lines: &str, definition: &str, more: &[&str]) {
    let ways: [&[&str]; 6] =
        [&[], &["--all"], &["--json"], &["--json", "--open"], &["--guess"], &["--guess", "--json"]];
    for way in ways {
        let head = ["decode", "--lines", "--protocol", definition, "--direction", "serverbound"];
        let arguments = [&head[..], more, way].concat();
        let ended = Program::start_with_input(&arguments, lines.as_bytes()).wait();
        unseen(&arguments.join(" "), &(ended.output + &ended.diagnostics));
    }
}

#[test]
fn packets_that_cannot_be_read_whole_show_no_secret() {
    let folder = Folder::new("malformed");
    let definition = folder.write("leaky.wire", FRAMED);
    let (mut recording, mut framed, mut unframed) = (String::new(), String::new(), String::new());
    for (number, (_, payload)) in broken().iter().enumerate() {
        let say = frame(&[&[3][..], &text("hi")].concat());
        connection(number + 1, &[say, frame(payload)], &mut recording);
        framed.push_str(&format!("{}\n", hex(&frame(payload))));
        unframed.push_str(&format!("{}\n", hex(payload)));
    }
    let file = folder.write("it.stream.jsonl", recording);
    read_all(&file, &definition, &folder);
    decode_all(&framed, &definition, &[]);
    decode_all(&unframed, &definition, &["--unframed"]);
}

#[test]
fn whole_packets_show_no_secret_either() {
    let folder = Folder::new("whole");
    let definition = folder.write("leaky.wire", FRAMED);
    let (mut recording, mut framed) = (String::new(), String::new());
    for (number, (_, payload)) in packets().iter().enumerate() {
        connection(number + 1, &[frame(payload)], &mut recording);
        framed.push_str(&format!("{}\n", hex(&frame(payload))));
    }
    let file = folder.write("it.stream.jsonl", recording);
    read_all(&file, &definition, &folder);
    decode_all(&framed, &definition, &[]);
}

#[test]
fn frames_that_are_cut_show_no_secret() {
    let folder = Folder::new("cut");
    let definition = folder.write("leaky.wire", FRAMED);
    let (mut recording, mut lines, mut number) = (String::new(), String::new(), 0);
    for (_, payload) in packets() {
        let whole = frame(&payload);
        let step = if whole.len() > 200 { 97 } else { 1 };
        for len in (1..whole.len()).step_by(step) {
            number += 1;
            let parts = [whole[..len / 2].to_vec(), whole[len / 2..len].to_vec()];
            connection(number, &parts, &mut recording);
            lines.push_str(&format!("{}\n", hex(&whole[..len])));
        }
    }
    let file = folder.write("it.stream.jsonl", recording);
    read_all(&file, &definition, &folder);
    decode_all(&lines, &definition, &[]);
}

/// Frames that are compressed, each wrong in its own way.
fn badly_compressed() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (_, payload) in packets() {
        // Not made smaller, so that its bytes stand there as they are.
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::none());
        std::io::Write::write_all(&mut encoder, &payload).unwrap();
        let packed = encoder.finish().unwrap();
        let with = |size: Vec<u8>, packed: &[u8]| frame(&[&size[..], packed].concat());
        all.push(with(varint(payload.len()), &packed));
        all.push(with(varint(payload.len()), &packed[..packed.len() - 3]));
        all.push(with(varint(payload.len()), &packed[..packed.len() - 8]));
        all.push(with(varint(payload.len() + 5), &packed));
        all.push(with(varint(3), &packed));
        all.push(with(vec![0xff; 6], &packed));
        all.push(with(vec![0], &payload[..payload.len() - 3]));
    }
    all
}

#[test]
fn compressed_packets_that_cannot_be_read_whole_show_no_secret() {
    let folder = Folder::new("compressed");
    let definition = folder.write("leaky.wire", FRAMED);
    let (mut recording, mut lines, mut number) = (String::new(), String::new(), 0);
    let squeeze = frame(&[11, 1]);
    for bad in badly_compressed() {
        number += 1;
        connection(number, &[squeeze.clone(), bad.clone()], &mut recording);
        lines.push_str(&format!("{}\n", hex(&[&squeeze[..], &bad].concat())));
        for len in [5, bad.len() / 2, bad.len() - 1] {
            number += 1;
            connection(number, &[squeeze.clone(), bad[..len].to_vec()], &mut recording);
            lines.push_str(&format!("{}\n", hex(&[&squeeze[..], &bad[..len]].concat())));
        }
    }
    let file = folder.write("it.stream.jsonl", recording);
    read_all(&file, &definition, &folder);
    decode_all(&lines, &definition, &[]);
}

/// Packets of a protocol without frames behind which nothing can be found any more.
fn endless() -> Vec<Vec<u8>> {
    let whole = [&[4, 4][..], b"alva", &[0, 16], PLANTED, &[7]].concat();
    let mut all: Vec<Vec<u8>> = (1..whole.len()).map(|len| whole[..len].to_vec()).collect();
    all.push([&[4, 4][..], b"alva", &[0xff, 0xff], PLANTED, &[7]].concat());
    all.push([&[4, 4][..], b"alva", PLANTED].concat());
    all.push([&[9, 0, 0, 1, 0][..], PLANTED].concat());
    all.push([&[9][..], PLANTED].concat());
    all
}

#[test]
fn without_frames_what_has_no_end_shows_no_secret() {
    let folder = Folder::new("frameless");
    let definition = folder.write("leaky.wire", FRAMELESS);
    let (mut recording, mut lines) = (String::new(), String::new());
    for (number, bytes) in endless().iter().enumerate() {
        let half = bytes.len() / 2;
        connection(2 * number + 1, std::slice::from_ref(bytes), &mut recording);
        let parts = [bytes[..half].to_vec(), bytes[half..].to_vec()];
        connection(2 * number + 2, &parts, &mut recording);
        lines.push_str(&format!("{}\n", hex(bytes)));
    }
    let file = folder.write("it.stream.jsonl", recording);
    read_all(&file, &definition, &folder);
    decode_all(&lines, &definition, &[]);
}

#[test]
fn where_no_frame_begins_bytes_are_shown() {
    for (more, bytes) in [(&["--json"][..], "000005060708"), (&[], "00 00 05 06 07 08")] {
        let arguments = [&["decode", "--protocol", "terraria", "--hex", "000005060708"], more];
        let ended = Program::start(&arguments.concat()).wait();
        assert!(ended.output.contains(bytes), "{}", ended.output);
    }
}

/// Sends each through a proxy, and gives what it said and what it recorded.
fn relayed(definition: &str, folder: &Folder, all: &[Vec<Vec<u8>>], more: &[&str]) -> String {
    let server = Server::start();
    let file = folder.path("it.pcapng");
    let _ = fs::remove_file(&file);
    let (proxy, address) =
        Program::proxy(definition, server.address, &[&["-w", &file], more].concat());
    for parts in all {
        let mut ends = Ends::open(address, &server);
        let (last, first) = parts.split_last().unwrap();
        for (at, part) in first.iter().enumerate() {
            ends.client.send(part);
            ends.server.expect(&parts[..=at].concat());
        }
        // What is cut goes on when nothing more can come.
        ends.client.send(last);
        ends.client.finish();
        ends.server.expect(&parts.concat());
        ends.server.expect_ending(Ending::Finished);
        ends.server.finish();
        ends.client.expect_ending(Ending::Finished);
    }
    let ended = proxy.interrupt();
    ended.output + &ended.diagnostics
}

#[test]
fn a_proxy_neither_shows_nor_records_a_secret_of_a_packet_that_it_cannot_read() {
    let folder = Folder::new("live");
    let definition = folder.write("leaky.wire", FRAMED);
    let mut random = Random::new(7);
    let squeeze = frame(&[11, 1]);
    let mut all: Vec<Vec<Vec<u8>>> = broken()
        .into_iter()
        .filter(|_| random.below(3) == 0)
        .map(|(_, payload)| vec![frame(&payload)])
        .collect();
    all.extend(badly_compressed().into_iter().map(|bad| vec![squeeze.clone(), bad]));
    for (_, payload) in packets() {
        let whole = frame(&payload);
        all.push(vec![whole[..whole.len() - 1].to_vec()]);
        all.push(vec![whole[..whole.len() / 2].to_vec()]);
    }
    for more in [&["-x"][..], &["-V"], &["--json"], &["-q"]] {
        let said = relayed(&definition, &folder, &all, more);
        unseen(&format!("proxy {more:?}"), &said);
        let bytes = fs::read(folder.path("it.pcapng")).unwrap();
        for part in PLANTED.windows(SEEN) {
            let found = bytes.windows(SEEN).any(|bytes| bytes == part);
            assert!(!found, "proxy {more:?} records {:?}", String::from_utf8_lossy(part));
        }
    }
}

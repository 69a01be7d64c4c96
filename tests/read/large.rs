//! Packets of many megabytes, shown in all ways: memory does not grow with what is made of them.
#![cfg(target_os = "linux")]

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use midwire_capture::{Frame, Opening, Writer};
use midwire_codec::Direction::{self, Clientbound, Serverbound};

use crate::files::{Folder, as_pcap, at, ends, read_well, records};
use crate::lossy::{self, file};
use crate::support::minecraft::{handshake, text};
use crate::support::program;

/// Of the program as tests run it, which is larger than the one that people run.
const MEMORY_MAX: u64 = 80 << 20;
/// What a packet says at most.
const PLAIN_MAX: usize = 8 << 20;

/// A session as tcpdump writes it: in segments of up to so many bytes.
fn pcap(port: u16, segment: usize, sent: &[(Direction, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), "a test");
    let peers = ends(1, port);
    let opening = Opening { session: 1, at: at(0.0), client: peers, server: None, facts: &[] };
    writer.session_opened(&opening).unwrap();
    let mut number = 0;
    for (direction, bytes) in sent {
        for part in bytes.chunks(segment) {
            number += 1;
            let frame = Frame::passed(1, number, *direction, at(number as f64), part);
            writer.frame(&frame).unwrap();
        }
    }
    as_pcap(&writer.into_inner().unwrap())
}

/// A number of Minecraft's, of any size.
fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn frame(payload: &[u8]) -> Vec<u8> {
    [&varint(payload.len())[..], payload].concat()
}

/// A frame of Minecraft's once packets from 256 bytes on are compressed.
fn packed(payload: &[u8]) -> Vec<u8> {
    if payload.len() < 256 {
        return frame(&[&[0][..], payload].concat());
    }
    let mut deflated = ZlibEncoder::new(varint(payload.len()), Compression::best());
    deflated.write_all(payload).unwrap();
    frame(&deflated.finish().unwrap())
}

/// A session of Minecraft 1.21.4 in which these packets come, and last of all a `keep_alive`.
fn playing(segment: usize, packets: &[Vec<u8>]) -> Vec<u8> {
    let start = [&[0][..], &text("Alva"), &[0; 16]].concat();
    let success = [&[2][..], &[0; 16], &text("Alva"), &[0]].concat();
    let clientbound = [packed(&success), packed(&[3])].concat();
    let mut sent = vec![
        (Serverbound, handshake(769, "127.0.0.1", 25_565, 2)),
        (Serverbound, frame(&start)),
        (Clientbound, frame(&[3, 0x80, 0x02])),
        (Clientbound, clientbound),
        (Serverbound, packed(&[3])),
        (Serverbound, packed(&[3])),
    ];
    sent.push((Clientbound, packets.iter().flat_map(|packet| packed(packet)).collect()));
    // What comes last waits for what its sender had heard.
    for _ in 0..3 {
        sent.push((Clientbound, packed(&[0x27, 0, 0, 0, 0, 0, 0, 0, 7])));
        sent.push((Serverbound, packed(&[0x1a, 0, 0, 0, 0, 0, 0, 0, 7])));
    }
    pcap(25_565, segment, &sent)
}

/// The most memory that reading a capture takes until this is shown, in bytes, while its end has not come.
fn most_memory(capture: &[u8], arguments: &[&str], last: &str) -> u64 {
    let mut child = Command::new(program::binary())
        .args(["read", "-"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut input = child.stdin.take().unwrap();
    let id = child.id();
    std::thread::scope(|scope| {
        let given = scope.spawn(move || {
            input.write_all(capture).unwrap();
            input
        });
        let (mut shown, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
        while !shown.windows(last.len()).any(|part| part == last.as_bytes()) {
            let read = output.read(&mut buffer).unwrap();
            assert!(read > 0, "{last} is not shown with {arguments:?}");
            let kept = shown.len().saturating_sub(last.len());
            shown.drain(..kept);
            shown.extend_from_slice(&buffer[..read]);
        }
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        drop(given.join().unwrap());
        std::io::copy(&mut output, &mut std::io::sink()).unwrap();
        assert!(child.wait().unwrap().success());
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().split(' ').next().unwrap().parse::<u64>().unwrap() << 10
    })
}

fn assert_bounded(capture: &[u8], arguments: &[&str], last: &str) {
    let memory = most_memory(capture, arguments, last);
    assert!(memory < MEMORY_MAX, "{} MiB with {arguments:?}", memory >> 20);
}

/// A list of compounds, each with one entry whose name comes twice: the most text for the fewest bytes.
fn compounds() -> Vec<u8> {
    let count = PLAIN_MAX / 12;
    let one = b"\x01\x00\x01a\x05\x01\x00\x01a\x05\x00";
    let list = [&b"\x09\x0a"[..], &(count as u32).to_be_bytes(), &one.repeat(count)].concat();
    [&[0x73][..], &list, &[0]].concat()
}

/// 500 compounds inside each other, and a million numbers in the innermost.
fn nested() -> Vec<u8> {
    let (depth, count) = (500, 1 << 20);
    let begin = b"\x0a\x00\x01a".repeat(depth);
    let numbers = b"\x01\x00\x00\x05".repeat(count);
    [&[0x73, 0x0a][..], &begin, &numbers, &vec![0; depth + 2]].concat()
}

/// A chunk of the world with so many bytes of blocks.
fn chunk() -> Vec<u8> {
    let len = PLAIN_MAX - 200;
    [&[0x28][..], &[0; 8], &[0x0a, 0], &varint(len), &vec![0; len], &[0; 7]].concat()
}

#[test]
fn a_screen_in_one_piece_takes_no_more_as_text() {
    let start = |direction, bytes: &[u8]| (direction, bytes.to_vec());
    let format = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
    let size = [1920_u16.to_be_bytes(), 1080_u16.to_be_bytes()].concat();
    let init = [&size[..], &format, &[0, 0, 0, 4], b"test"].concat();
    let pixels: Vec<u8> = (0..1920 * 1080 * 4_u32).map(|n| (n / 7) as u8).collect();
    let update = [&[0, 0, 0, 1, 0, 0, 0, 0][..], &size, &[0, 0, 0, 0], &pixels, &[2]].concat();
    let sent = [
        start(Clientbound, b"RFB 003.008\n"),
        start(Serverbound, b"RFB 003.008\n"),
        start(Clientbound, b"\x01\x01"),
        start(Serverbound, b"\x01"),
        start(Clientbound, b"\0\0\0\0"),
        start(Serverbound, b"\x01"),
        start(Clientbound, &init),
        (Clientbound, update),
        start(Serverbound, b"\x03\x01\0\0\0\0\0\x01\0\x01"),
        start(Clientbound, b"\x02"),
        start(Serverbound, b"\x03\x01\0\0\0\0\0\x01\0\x01"),
        start(Clientbound, b"\x02"),
    ];
    let capture = pcap(5_900, 60_000, &sent);
    for arguments in [&["--json"][..], &["-x"], &["-V"], &["--csv", "name,rectangles"]] {
        assert_bounded(&capture, arguments, "Bell");
    }
}

#[test]
fn a_packet_of_eight_megabytes_takes_no_more_as_text() {
    for packet in [compounds(), nested(), chunk()] {
        let capture = playing(1_400, &[packet]);
        for arguments in [&["--json"][..], &["-x"], &["-V"]] {
            assert_bounded(&capture, arguments, "keep_alive");
        }
        let columns = ["--csv", "content,chunk_data,name"];
        assert_bounded(&capture, &columns, "keep_alive");
    }
}

/// 60 KB may be as many packets of eight megabytes as fit into middle a gigabyte.
#[test]
fn packets_that_come_together_are_not_all_there_at_once() {
    let capture = playing(60_000, &[chunk(), chunk(), chunk(), chunk(), chunk(), chunk(), chunk()]);
    assert_bounded(&capture, &["--json"], "keep_alive");
    assert_bounded(&capture, &[], "keep_alive");
}

/// What is long in a column is shown as it is in JSON.
#[test]
fn long_cells_are_whole() {
    let folder = Folder::new("cells");
    let (depth, count) = (3, 1 << 18);
    let begin = b"\x0a\x00\x01a".repeat(depth);
    let numbers: Vec<u8> = (0..count)
        .flat_map(|n: u32| {
            [&b"\x01\x00\x03"[..], &[b'a' + (n % 26) as u8, b'"', b'='], &[5]].concat()
        })
        .collect();
    let content = [&[0x73, 0x0a][..], &begin, &numbers, &vec![0; depth + 2]].concat();
    let len = 1 << 20;
    let text = [&[0x28][..], &[0; 8], &[0x0a, 0], &varint(len), &vec![7; len], &[0; 7]].concat();
    let file = folder.write("cells.pcap", &playing(1_400, &[content, text]));
    let json = read_well(&[&file, "--json"]).output;
    let of = |name: &str| {
        let name = format!("\"name\":\"{name}\"");
        json.lines().find(|line| line.contains(&name)).unwrap().to_owned()
    };
    let csv =
        read_well(&[&file, "-Y", "system_chat or map_chunk", "--csv", "name,chunk_data,content"]);
    let lines: Vec<&str> = csv.output.lines().collect();
    assert_eq!(lines.len(), 3);
    let line = of("system_chat");
    let (_, content) = line.split_once("\"fields\":{\"content\":").unwrap();
    let (content, _) = content.split_once(",\"is_action_bar\"").unwrap();
    assert!(content.len() > 2 << 20, "it is long");
    assert!(lines[1] == format!("system_chat,,\"{}\"", content.replace('"', "\"\"")));
    let data = "07".repeat(len);
    assert!(of("map_chunk").contains(&format!("\"chunk_data\":\"{data}\"")));
    assert!(lines[2] == format!("map_chunk,{data},"));
}

/// All versions are tried there.
#[test]
fn a_capture_that_begins_in_the_middle_takes_no_more() {
    let pcap = lossy::pcap("mc-1.21.4-offline", "minecraft");
    let all = records(&pcap);
    let middle = all.len() / 4;
    let capture = file(all.into_iter().skip(middle));
    assert_bounded(&capture, &["--json"], "\"type\":\"packet\"");
}

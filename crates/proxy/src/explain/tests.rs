use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use midwire_definition::Protocol;
use midwire_session::Direction;

use super::*;
use crate::protocols;

/// A definition with all that a view has to show.
const TOY: &str = r#"protocol toy "Toy" {
  endian big
  port 4000
  frame { length: u8, id: u8 }
}
packet Everything = 1 clientbound {
  /// Which one.
  id: varint
  name: str[u8]
  at: { x: f32, y: f32 }
  keys: bits u8 { slot: u4, up: u1, kind: i3 }
  list: [u8] u8
  key: bytes[2] @secret
  data: zlib[u16] { count: u16, more: str[u8] }
  blob: bytes[u8]
}
"#;

static PROTOCOL: LazyLock<Arc<Protocol>> = LazyLock::new(|| read("secret", TOY));
/// The same without secrets, of which more is shown where they cannot be read.
static OPEN: LazyLock<Arc<Protocol>> = LazyLock::new(|| read("open", &TOY.replace(" @secret", "")));

fn read(name: &str, text: &str) -> Arc<Protocol> {
    let file = format!("midwire-view-{name}-{}.wire", std::process::id());
    let path = std::env::temp_dir().join(file);
    std::fs::write(&path, text).unwrap();
    let protocol = protocols::find(path.to_str().unwrap(), &[]).unwrap();
    std::fs::remove_file(path).unwrap();
    protocol
}

fn payload(name: &str) -> Vec<u8> {
    let mut zlib = Vec::new();
    let plain = [&[0, 7][..], &[5], b"words"].concat();
    midwire_codec::Deflater::new(6).deflate(midwire_codec::Wrapper::Zlib, &plain, &mut zlib);
    let mut out = vec![1, 42, name.len() as u8];
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(&1.5f32.to_be_bytes());
    out.extend_from_slice(&(-2f32).to_be_bytes());
    out.push(0b1010_1111);
    out.extend_from_slice(&[3, 7, 8, 9]);
    out.extend_from_slice(&[0xaa, 0xbb]);
    out.extend_from_slice(&(zlib.len() as u16).to_be_bytes());
    out.extend_from_slice(&zlib);
    out.push(200);
    out.extend((0..200).map(|n: u8| n));
    out
}

/// What a view makes of a packet of the toy protocol.
fn shown(payload: &[u8], width: Option<usize>, color: bool, all: bool) -> String {
    shown_of(&PROTOCOL, payload, width, color, all)
}

fn shown_of(
    protocol: &Protocol,
    payload: &[u8],
    width: Option<usize>,
    color: bool,
    all: bool,
) -> String {
    let dialect = protocol.dialect(protocol.versions.newest());
    let packet = dialect.packet(protocol.start, Direction::Clientbound, 1).unwrap();
    let plan = packet.plan.as_ref().unwrap();
    let mut workspace = Workspace::default();
    let mut read = plan.decode(payload, 1, &[], &mut workspace);
    let view = View { style: Style { is_terminal: width.is_some(), color }, width, all };
    let mut out = String::new();
    view.packet(&mut read, 1, &mut out);
    out
}

/// Compares with a file beside this one, or writes it if MIDWIRE_WRITE_GOLDEN is set.
#[track_caller]
fn golden(name: &str, text: &str) {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/explain/golden").join(name);
    if std::env::var_os("MIDWIRE_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name} differs; MIDWIRE_WRITE_GOLDEN=1 writes it anew:\n{text}");
}

#[test]
fn a_packet_is_shown_for_a_pipe_and_for_terminals_of_any_width() {
    let good = payload("Alva 漢字");
    golden("piped.txt", &shown(&good, None, false, false));
    golden("80.txt", &shown(&good, Some(80), false, false));
    golden("120.txt", &shown(&good, Some(120), false, false));
    golden("160.txt", &shown(&good, Some(160), false, false));
    golden("all.txt", &shown(&good, None, false, true));
}

#[test]
fn what_could_not_be_read_is_marked() {
    let good = payload("Alva");
    let mut bad = good.clone();
    bad[2] = 250;
    let rest = [&good[..], b"and more"].concat();
    golden("malformed.txt", &shown_of(&OPEN, &bad, None, false, false));
    golden("malformed-80.txt", &shown_of(&OPEN, &bad, Some(80), false, false));
    // Inside of what was compressed, and behind the last field.
    golden("rest-80.txt", &shown_of(&OPEN, &rest, Some(80), false, false));
    // Where there are secrets, any of it may be one.
    golden("malformed-secret.txt", &shown(&bad, Some(80), false, false));
    golden("rest-secret.txt", &shown(&rest, Some(80), false, false));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for name in [
        "Alva",
        "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
        "e\u{301}é😀✅\u{200d}\u{202e}\x1b[31m",
        "\u{301}\u{301}x",
    ] {
        for width in [40, 60, 79, 80, 81, 100, 110, 120, 149, 150, 200] {
            for line in shown(&payload(name), Some(width), false, false).lines() {
                let columns = midwire_definition::escape::width(line);
                assert!(columns <= width, "{columns} > {width}: {line}");
                assert!(!line.contains(midwire_definition::escape::is_unsafe), "{line:?}");
            }
        }
    }
}

#[test]
fn colours_add_nothing_but_colours() {
    for width in [None, Some(80), Some(160)] {
        let (plain, color) = (
            shown(&payload("Alva"), width, false, false),
            shown(&payload("Alva"), width, true, false),
        );
        assert_eq!(uncolored(&color), plain);
        assert!(color != plain);
    }
}

fn uncolored(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        out.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    out + rest
}

/// Pieces of text with the colour that each has.
fn colored(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut color = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        if !before.is_empty() {
            out.push((color.clone(), before.to_owned()));
        }
        let (code, after) = after.split_once('m').unwrap();
        color = if code == "0" { String::new() } else { code.to_owned() };
        rest = after;
    }
    out
}

#[test]
fn a_field_and_its_bytes_have_one_colour_and_its_neighbours_others() {
    let bytes = payload("Alva");
    for width in [80, 160] {
        let text = shown(&bytes, Some(width), true, false);
        let pieces = colored(&text);
        // The colour of each name in the tree.
        let names: HashMap<&str, &str> = pieces
            .iter()
            .filter(|(color, text)| color.starts_with("38;5;") && text.len() > 2)
            .map(|(color, text)| (text.as_str(), color.as_str()))
            .collect();
        // The colours of the payload's first bytes, as they stand in the hex.
        let hex: Vec<(&str, &str)> = pieces
            .iter()
            .filter(|(color, text)| color.starts_with("38;5;") && text.len() == 2 && text != "id")
            .filter(|(_, text)| u8::from_str_radix(text, 16).is_ok())
            .map(|(color, text)| (color.as_str(), text.as_str()))
            .collect();
        assert_eq!(hex[2].1, "04", "{text}");
        for (at, (color, _)) in hex.iter().enumerate().skip(2).take(5) {
            assert_eq!(*color, names["name"], "byte {at}");
        }
        assert_ne!(names["name"], hex[1].0);
        assert_ne!(names["name"], hex[7].0);
        assert_ne!(names["count"], names["more"]);
    }
}

#[test]
fn what_is_secret_is_shown_nowhere() {
    for (width, all) in [(None, false), (None, true), (Some(80), false), (Some(160), true)] {
        let text = shown(&payload("Alva"), width, false, all);
        let (_, hex) = text.split_once("**").unwrap();
        assert!(!text.contains("aa bb") && hex.contains("**"), "{text}");
    }
}

#[test]
fn any_bytes_are_shown_without_a_panic() {
    let good = payload("Alva");
    for len in 0..good.len() {
        for width in [None, Some(80), Some(160)] {
            shown(&good[..len], width, true, len % 2 == 0);
        }
    }
    let view = View { style: Style::PLAIN, width: Some(80), all: false };
    let mut out = String::new();
    view.unknown(&[], 0, false, &mut out);
    view.unknown(&[1], 1, false, &mut out);
    view.unknown(&[0; 1000], 9, false, &mut out);
    assert!(out.contains("991 bytes not read"), "{out}");
}

#[test]
fn fields_are_named_beside_the_lines_that_they_begin_in() {
    let bytes: Vec<u8> = (0x40..0x40 + 22).collect();
    let place = |start, end| Place { buffer: 0, start, end };
    let mut explained = Explained::default();
    explained.rows.push(row("name", place(1, 6), RowState::Read));
    explained.rows.push(row("x", place(18, 20), RowState::Read));
    explained.rows.push(row("", place(20, 22), RowState::Unread));
    let explained = with_id(explained, &bytes, 1);
    let mut out = String::new();
    write_bytes(&explained, &bytes, Style::PLAIN, &mut out, &mut midwire_definition::json::keep);
    assert_eq!(
        out,
        "      0000  |40|41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f  \
         @ABCDEFGHIJKLMNO  0 id, 1 name\n      \
         0010   50 51|52 53!54 55                                \
         PQRSTU            18 x, 20 not read\n"
    );
}

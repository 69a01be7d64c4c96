//! Bytes from a peer that means harm: nothing crashes, hangs or takes more than its limit.
#![allow(clippy::unwrap_used)]

mod support;

use midwire_definition::line::{Line, write_summary};
use midwire_definition::{Limits, Packet, Protocol, Workspace, builtin, json};
use support::{Node, Shown, body, fails, load, packet, tree};

/// The packet `P` of these bytes, looked at.
fn look<T>(protocol: &Protocol, bytes: &[u8], see: impl FnOnce(&mut Packet<'_>) -> T) -> T {
    let definition = packet(protocol, "P");
    let mut ws = Workspace::default();
    let conn = protocol.initial_conn();
    see(&mut definition.plan.as_ref().unwrap().decode(bytes, 0, &conn, &mut ws))
}

/// What is wrong with the packet `P` of these bytes where lists have 1,000 elements at most, and what is shown.
fn limited(protocol: &Protocol, bytes: &[u8]) -> (String, Node) {
    let definition = packet(protocol, "P");
    let mut ws = Workspace::new(Limits { elements_max: 1000, ..Limits::default() });
    let mut packet = definition.plan.as_ref().unwrap().decode(bytes, 0, &[], &mut ws);
    (packet.error().unwrap().to_string(), tree(&mut packet))
}

fn depth(node: &Node) -> usize {
    1 + node.children().iter().map(depth).max().unwrap_or(0)
}

#[test]
fn text_nested_deeper_than_the_limit_is_shown_to_the_limit() {
    let terraria = builtin("terraria").unwrap();
    let kick = packet(&terraria, "Kick");
    // Mode 1, an empty text, one substitution: as deep as a frame is long.
    let bytes = [1, 0, 1].repeat(20_000);
    let mut ws = Workspace::default();
    let conn = terraria.initial_conn();
    let mut packet = kick.plan.as_ref().unwrap().decode(&bytes, 0, &conn, &mut ws);
    let error = packet.error().expect("it is nested too deep").to_string();
    assert!(error.ends_with("65 is over depth_max 64"), "{error}");
    assert!(depth(&tree(&mut packet)) < 200);
    let mut text = String::new();
    json::write_fields(&mut packet, &mut text);
    write_summary(&mut packet, 200, &mut Line::default());
    assert!(text.len() < 20_000);
}

#[test]
fn lists_in_lists_are_shown_as_deep_as_they_are_read() {
    let protocol = load(&format!(
        "{}type T {{ kids: [u8] T }}\npacket P = 0 clientbound {{ t: T }}\n",
        support::HEAD
    ));
    let (error, node) = fails(&protocol, &[1; 100_000]);
    assert!(error.contains("depth_max"), "{error}");
    assert!((64..200).contains(&depth(&node)));
}

#[test]
fn a_list_that_fails_between_two_elements_shows_those_that_were_read() {
    let list = |definition: &str, bytes: &[u8]| {
        let (error, node) = fails(&body(definition), bytes);
        let Shown::List(count, children) = &node.at("a").shown else { panic!("{node:?}") };
        let numbers: Vec<i128> = children.iter().map(Node::number).collect();
        (*count, numbers, error)
    };
    // No end mark: its second byte is missing.
    let (count, numbers, error) = list("a: [until u16 == 0] u8", &[1, 2, 3]);
    assert_eq!((count, numbers), (2, vec![1, 2]));
    assert_eq!(error, "a ends early at 2, 1 more byte(s) wanted");
    // As many as may be, and then no end.
    let (count, numbers, error) = list("a: [until u8 == 0 max 2] u8", &[1, 2, 3, 4]);
    assert_eq!((count, numbers), (2, vec![1, 2]));
    assert_eq!(error, "a at 2: 3 is over max 2");
    // The element is what fails.
    let (_, node) = fails(&body("a: [until u8 == 0] { x: u8, y: u16 }"), &[1, 2, 3, 4, 5]);
    assert_eq!(node.at("a").children().len(), 2);
    assert_eq!(node.at("a[1].x").number(), 4);
    assert!(node.get("a[1].y").is_none());
}

#[test]
fn elements_without_bytes_do_not_go_on_for_ever() {
    let (error, node) = limited(&body("a: [until 255] nothing"), &[1, 2, 3]);
    assert_eq!(error, "a[1000] at 0: 1001 is over elements_max 1000");
    assert_eq!(node.at("a").children().len(), 1000);
    // They count, however quickly they could be passed.
    let many = body("a: [u8] { b: [u16] nothing }");
    let (error, _) = limited(&many, &[&[9][..], &[1, 0].repeat(9)].concat());
    assert_eq!(error, "a[3].b at 7: 1028 is over elements_max 1000");
    let (error, _) = limited(&body("a: [1001] nothing"), &[]);
    assert_eq!(error, "a at 0: 1001 is over elements_max 1000");
}

#[test]
fn paths_into_a_list_that_failed_find_nothing() {
    // Its positions are kept for every 64th element; those behind the failure have none.
    let protocol = body("a: [u16] { n: varint, m: varint }");
    let bytes = [&[1, 0x2c][..], &[7; 200], &[0x80]].concat();
    look(&protocol, &bytes, |p| {
        assert!(p.error().is_some());
        for index in [0, 99, 100, 101, 128, 200, 299, 300] {
            assert_eq!(p.int(&format!("a[{index}].n")), None);
        }
    });
    // Of elements of one size the count is known before the bytes are there.
    for definition in ["a: [u16] { b: bytes[16000000], n: u8 }", "a: [u16] u32"] {
        look(&body(definition), &[1, 0x2c, 0, 0, 0, 9, 1], |p| {
            for index in [0, 1, 268, 269, 299] {
                assert_eq!(p.int(&format!("a[{index}]")), None);
                assert_eq!(p.int(&format!("a[{index}].n")), None);
            }
        });
    }
}

#[test]
fn looking_at_many_elements_holds_on_to_none() {
    let protocol = body("a: [u16] { b: [u8] u8, c: varint }");
    let bytes = [&[0x10, 0][..], &[1, 5, 6].repeat(0x1000)].concat();
    let definition = packet(&protocol, "P");
    let mut ws = Workspace::default();
    let mut p = definition.plan.as_ref().unwrap().decode(&bytes, 0, &[], &mut ws);
    for index in 0..0x1000 {
        assert_eq!(p.int(&format!("a[{index}].b[0]")), Some(5));
        assert_eq!(p.int(&format!("a[{index}].c")), Some(6));
        assert_eq!(p.count_at(&format!("a[{index}].b")), Some(1));
    }
    assert!(ws.held_bytes() < 10_000, "{}", ws.held_bytes());
}

#[test]
fn types_that_contain_themselves_without_a_byte_are_bounded() {
    let text = "type A(n) { if n > 0 { l: A(n - 1), r: A(n - 1) } }\npacket P = 0 clientbound { a: A(40) }\n";
    let (error, _) = limited(&load(&format!("{}{text}", support::HEAD)), &[]);
    assert!(error.ends_with("over elements_max 1000"), "{error}");
}

#[test]
fn blocks_of_one_packet_inflate_to_no_more_than_the_limit() {
    use flate2::{Compression, write::ZlibEncoder};
    use std::io::Write as _;
    let pack = |plain: &[u8]| {
        let mut z = ZlibEncoder::new(Vec::new(), Compression::best());
        z.write_all(plain).unwrap();
        z.finish().unwrap()
    };
    let zeros = pack(&[0; 1000]);
    let with_len = |data: &[u8]| [&(data.len() as u16).to_be_bytes(), data].concat();
    let protocol = body("a: [u8] zlib[u16] { ... }");
    let bytes = [&[4][..], &with_len(&zeros).repeat(4)].concat();
    let definition = packet(&protocol, "P");
    let read = |inflate_max| {
        let mut ws = Workspace::new(Limits { inflate_max, ..Limits::default() });
        let p = definition.plan.as_ref().unwrap().decode(&bytes, 0, &[], &mut ws);
        p.error().map(ToString::to_string)
    };
    assert_eq!(read(4000), None);
    let error = read(3999).unwrap();
    let start = 1 + 3 * (2 + zeros.len()) + 2;
    assert_eq!(error, format!("a[3] at {start}: 4000 is over inflate_max 3999"));
}

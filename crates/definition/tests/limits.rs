//! What a peer's bytes may make the program do.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Write;
use std::time::{Duration, Instant};

use midwire_definition::{DecodeErrorKind, Limits, Protocol, Workspace};
use support::{body, hex, load, packet, problems, tree, with_body};

/// The name of the limit that reading packet `P` meets.
fn limit(protocol: &Protocol, bytes: &[u8], limits: Limits) -> (&'static str, String) {
    let definition = packet(protocol, "P");
    let mut ws = Workspace::new(limits);
    let packet = definition.plan.as_ref().unwrap().decode(bytes, 0, &[], &mut ws);
    let error = packet.error().expect("over a limit");
    match &error.kind {
        DecodeErrorKind::Limit { limit, .. } => (limit, error.to_string()),
        _ => ("", error.to_string()),
    }
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// Reads and walks, which must not take long; gives the error and the number of nodes.
fn quick(protocol: &Protocol, bytes: &[u8]) -> (Option<String>, usize) {
    let definition = packet(protocol, "P");
    let mut ws = Workspace::default();
    let before = Instant::now();
    let mut packet = definition.plan.as_ref().unwrap().decode(bytes, 0, &[], &mut ws);
    let error = packet.error().map(|e| e.to_string());
    let read = before.elapsed();
    let nodes = tree(&mut packet).all().len();
    let took = before.elapsed();
    assert!(took < Duration::from_secs(20), "reading took {read:?}, all {took:?}");
    (error, nodes)
}

const TEXT: &str = "type Text { text: str[u8], parts: [u8] Text }";

#[test]
fn recursion_ends_at_depth_max() {
    let text = format!("{}{TEXT}\n", with_body("t: Text"));
    let nested = |depth: usize| {
        let mut bytes = [0, 1].repeat(depth);
        bytes.extend([0, 0]);
        bytes
    };
    let protocol = load(&text);
    // Each element is a layout and holds a type, which is another.
    let (error, _) = quick(&protocol, &nested(31));
    assert_eq!(error, None);
    let (name, error) = limit(&protocol, &nested(32), Limits::default());
    assert_eq!(name, "depth_max");
    assert!(error.ends_with("at 64: 65 is over depth_max 64"), "{error}");
    let limits = Limits { depth_max: 4, ..Limits::default() };
    assert_eq!(limit(&protocol, &nested(2), limits).0, "depth_max");
}

#[test]
fn a_packet_that_is_too_deep_is_walked_only_as_deep() {
    let protocol = load(&format!("{}{TEXT}\n", with_body("t: Text")));
    let bytes = [0, 1].repeat(100_000);
    let (error, nodes) = quick(&protocol, &bytes);
    assert!(error.unwrap().contains("depth_max"));
    assert!(nodes < 1_000, "{nodes}");
}

#[test]
fn recursion_without_bytes_ends_at_depth_max() {
    let protocol = load(&format!("{}type Turn {{ n: [1] Turn }}\n", with_body("t: Turn")));
    let (error, nodes) = quick(&protocol, &[]);
    assert!(error.unwrap().contains("depth_max"));
    assert!(nodes < 1_000, "{nodes}");
    // Two branches a level: every one of them would be 2^64 steps.
    let protocol = load(&format!("{}type Turn {{ n: [2] Turn }}\n", with_body("t: Turn")));
    let (error, nodes) = quick(&protocol, &[]);
    assert!(error.unwrap().contains("depth_max"));
    assert!(nodes < 1_000, "{nodes}");
}

#[test]
fn counts_that_lie_are_refused_before_anything_is_made() {
    for element in ["u8", "str[u8]", "varint", "{ a: u8, b: str[u8] }", "{ a: [u8] u8 }"] {
        let protocol = body(&format!("a: [u32] {element}"));
        let (error, nodes) = quick(&protocol, &hex("000fffff 01"));
        assert!(error.is_some(), "{element}");
        assert!(nodes < 10);
        let (name, error) = limit(&protocol, &hex("ffffffff 01"), Limits::default());
        assert_eq!(name, "elements_max", "{error}");
        assert_eq!(error, "a at 0: 4294967295 is over elements_max 1048576");
    }
    for len in ["str[u32]", "bytes[u32]", "latin1[u32]", "utf16[u32]", "sized[u32] { a: u8 }"] {
        let protocol = body(&format!("a: {len}"));
        let definition = packet(&protocol, "P");
        let mut ws = Workspace::default();
        let bytes = hex("ffffffff 01");
        let packet = definition.plan.as_ref().unwrap().decode(&bytes, 0, &[], &mut ws);
        let error = packet.error().unwrap();
        assert!(matches!(error.kind, DecodeErrorKind::Short { .. }), "{len}: {error}");
        assert_eq!(error.path_text(), "a");
        assert!(ws.held_bytes() < 1 << 16);
    }
}

#[test]
fn negative_counts_are_refused() {
    for ty in ["[i16] u8", "[i16] str[u8]", "str[i16]", "bytes[i16]", "utf16[i16]", "zlib[i16] u8"]
    {
        let protocol = body(&format!("a: {ty}"));
        let (_, error) = limit(&protocol, &hex("ffff 01"), Limits::default());
        assert!(error.contains("length -1 is negative"), "{ty}: {error}");
    }
    let protocol = body("n: u8, a: [n - 5] u8");
    let (_, error) = limit(&protocol, &hex("01 01"), Limits::default());
    assert_eq!(error, "a at 1: length -4 is negative");
}

#[test]
fn elements_max_is_kept_by_every_kind_of_array() {
    let limits = Limits { elements_max: 10, ..Limits::default() };
    let text = |element: &str| {
        [
            format!("a: [u8] {element}"),
            format!("n: u8, a: [n] {element}"),
            format!("n: u8, a: [..] {element}"),
            format!("n: u8, a: [while it.x >= 0] {element}"),
            format!("n: u8, a: [until u8 == 0] {element}"),
            format!("n: u8, a: [until sum(1) >= n] {element}"),
            format!("n: u8, a: [11] {element}"),
            format!("n: u8, a: [3] [4] {element}"),
        ]
    };
    let element = "{ x: u8, if x == 2 { y: u8 } }";
    for (i, text) in text(element).iter().enumerate() {
        let protocol = body(text);
        let mut bytes = vec![11];
        bytes.extend([1; 30]);
        let (name, error) = limit(&protocol, &bytes, limits);
        assert_eq!(name, "elements_max", "{i} {text}: {error}");
    }
}

#[test]
fn max_in_the_definition_is_kept() {
    let cases = [
        ("a: [u8 max 3] u8", "04 01020304", "a at 0: 4 is over max 3"),
        ("a: [u8 max 3] str[u8]", "04 01020304", "a at 0: 4 is over max 3"),
        ("n: u8, a: [n max 3] u8", "04 01020304", "a at 1: 4 is over max 3"),
        ("a: str[u8 max 3]", "04 61616161", "a at 1: 4 is over max 3"),
        ("a: bytes[u8 max 3]", "04 61616161", "a at 1: 4 is over max 3"),
        ("a: [u8] str[u8 max 3]", "01 04 61616161", "a[0] at 2: 4 is over max 3"),
        ("a: [while it > 0 max 3] u8", "01010101 00", "a at 3: 4 is over max 3"),
        ("a: [until u8 == 0 max 3] u8", "01010101 00", "a at 3: 4 is over max 3"),
        ("a: sized[u8 max 3] { a: u8 }", "04 61616161", "a at 1: 4 is over max 3"),
    ];
    for (text, bytes, expected) in cases {
        let (name, error) = limit(&body(text), &hex(bytes), Limits::default());
        assert_eq!((name, error.as_str()), ("max", expected), "{text}");
    }
}

#[test]
fn an_inflate_bomb_ends_at_inflate_max() {
    let bomb = deflated(&vec![0; 9 << 20]);
    assert!(bomb.len() < 20_000);
    let protocol = body("d: deflate[..] { n: u8, rest: bytes[..] }");
    let (_, error) = limit(&protocol, &bomb, Limits::default());
    assert!(error.contains("inflate_max"), "{error}");
    assert!(error.contains("8388608"), "{error}");
    let limits = Limits { inflate_max: 100, ..Limits::default() };
    let (_, error) = limit(&protocol, &deflated(&[1; 101]), limits);
    assert!(error.contains("inflate_max") && error.contains("100"), "{error}");
    // A workspace whose limits are set later keeps them as well.
    let definition = packet(&protocol, "P");
    let mut ws = Workspace::default();
    ws.limits.inflate_max = 100;
    let bytes = deflated(&[1; 101]);
    let packet = definition.plan.as_ref().unwrap().decode(&bytes, 0, &[], &mut ws);
    assert!(packet.error().unwrap().to_string().contains("inflate_max"));
}

#[test]
fn many_blocks_inflate_no_more_than_one_may() {
    let bomb = deflated(&vec![0; 7 << 20]);
    let mut bytes = vec![8];
    for _ in 0..8 {
        bytes.extend((bomb.len() as u16).to_be_bytes());
        bytes.extend(&bomb);
    }
    let protocol = body("blocks: [u8] deflate[u16] { rest: bytes[..] }");
    let (name, error) = limit(&protocol, &bytes, Limits::default());
    assert_eq!(name, "inflate_max", "{error}");
    assert!(error.starts_with("blocks[1] "), "{error}");
    assert!(quick(&protocol, &bytes).0.is_some());
    // Blocks in blocks.
    let mut inner = vec![3];
    for _ in 0..3 {
        inner.extend((bomb.len() as u16).to_be_bytes());
        inner.extend(&bomb);
    }
    let outer = deflated(&inner);
    let mut bytes = vec![200];
    for _ in 0..200 {
        bytes.extend((outer.len() as u16).to_be_bytes());
        bytes.extend(&outer);
    }
    let protocol = body("a: [u8] deflate[u16] { b: [u8] deflate[u16] { rest: bytes[..] } }");
    let (error, nodes) = quick(&protocol, &bytes);
    assert!(error.unwrap().contains("inflate_max"));
    assert!(nodes < 20, "{nodes}");
}

#[test]
fn elements_without_bytes_end_fast() {
    let elements = ["nothing", "{ let a = 1 }", "{ if remaining > 100 { x: u8 } }", "bytes[0]"];
    for element in elements {
        let protocol = body(&format!("a: [u32] {element}"));
        let (error, nodes) = quick(&protocol, &hex("000f4240"));
        assert_eq!(error, None, "{element}");
        assert!(nodes > 1_000_000, "{element}: {nodes}");
        let protocol = body(&format!("a: [u32] [u32] {element}"));
        let mut bytes = hex("00010000");
        bytes.extend(hex("000fffff").repeat(0x10000));
        let (error, nodes) = quick(&protocol, &bytes);
        assert!(error.unwrap().contains("elements_max"), "{element}");
        assert!(nodes < 3_000_000, "{element}: {nodes}");
        let protocol = body(&format!("a: [..] {element}, b: bytes[..]"));
        assert_eq!(quick(&protocol, &hex("0102")).0, None, "{element}");
        let protocol = body(&format!("a: [while 1] {element}"));
        assert!(quick(&protocol, &hex("0102")).0.unwrap().contains("elements_max"), "{element}");
        let protocol = body(&format!("a: [until sum(0) > 0] {element}"));
        assert!(quick(&protocol, &hex("0102")).0.unwrap().contains("elements_max"), "{element}");
    }
}

#[test]
fn a_run_length_total_that_lies_ends_with_the_bytes() {
    let protocol = body("w: i16, h: i16, t: [until sum(it.run + 1) >= w * h] { run: u8 }");
    let (error, nodes) = quick(&protocol, &hex("7fff 7fff ff ff ff"));
    assert_eq!(error.unwrap(), "t[3].run ends early at 7, 1 more byte(s) wanted");
    assert!(nodes < 20);
    let (error, nodes) = quick(&protocol, &hex("ffff 0001"));
    assert_eq!((error, nodes), (None, 4));
    let protocol = body("w: i16, h: i16, t: [w * h] { run: u8, x: str[u8] }");
    assert!(quick(&protocol, &hex("7fff 7fff ff ff ff")).0.unwrap().contains("elements_max"));
}

#[test]
fn nbt_ends_at_nbt_depth_max() {
    let protocol = body("n: nbt");
    let nested = |depth: usize| {
        let mut bytes = vec![9];
        bytes.extend(hex("09 00000001").repeat(depth));
        bytes.extend(hex("01 00000000"));
        bytes
    };
    assert_eq!(quick(&protocol, &nested(511)).0, None);
    let (error, _) = quick(&protocol, &nested(600));
    assert!(error.unwrap().contains("nbt_depth_max 512"));
    let limits = Limits { nbt_depth_max: 3, ..Limits::default() };
    assert!(limit(&protocol, &nested(4), limits).1.contains("nbt_depth_max 3"));
    assert!(quick(&protocol, &nested(1_000_000)).0.is_some());
}

#[test]
fn packed_numbers_of_any_width_and_count_stay_in_bounds() {
    let protocol = body("w: i32, n: i32, p: packed(w, n)");
    for (w, n, error) in [
        ("00000000", "7fffffff", false),
        ("00000001", "7fffffff", true),
        ("00000040", "7fffffff", true),
        ("00000041", "00000001", false),
        ("ffffffff", "00000001", false),
        ("00000004", "ffffffff", false),
        ("00000004", "80000000", false),
    ] {
        let (found, _) = quick(&protocol, &hex(&format!("{w}{n}")));
        assert_eq!(found.is_some(), error, "{w} {n}: {found:?}");
    }
}

// ---- definitions that cost too much --------------------------------------------------------------

/// What is wrong with a definition, and that it was found out in little time.
fn soon_wrong(text: &str) -> String {
    let begun = std::time::Instant::now();
    let shown = problems(text);
    // Far above what it takes, and far below what it took.
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    shown
}

#[test]
fn one_name_for_very_many_declarations_is_told_a_few_times() {
    let many = |item: &dyn Fn(usize) -> String| (0..5_000).map(item).collect::<String>();
    for items in [
        many(&|n| format!("packet P = {n} both {{ a: u8 }}\n")),
        many(&|n| format!("type T @..{n} {{ a: u8 }}\n")),
    ] {
        let shown =
            soon_wrong(&format!("protocol x {{ frame {{ length: u16, id: u16 }} }}\n{items}"));
        let told = shown.matches("is declared twice").count();
        assert!((1..=20).contains(&told), "{told}");
    }
}

#[test]
fn a_definition_that_differs_at_every_version_is_checked_as_far_as_is_sensible() {
    let versions: Vec<String> = (0..3_000).map(|n| n.to_string()).collect();
    let fields: Vec<String> = (0..3_000).map(|n| format!("@{n}.. f{n}: u8")).collect();
    let shown = soon_wrong(&format!(
        "protocol x {{ versions {{ {} }}, frame {{ length: u16, id: u8 }} }}\npacket P = 1 both {{\n{}\n}}\n",
        versions.join(", "),
        fields.join("\n"),
    ));
    assert!(shown.contains("error[W079]: checking this takes more than"), "{shown}");
}

#[test]
fn ids_that_change_at_every_version_are_checked_as_far_as_is_sensible() {
    let versions: Vec<String> = (0..2_000).map(|n| n.to_string()).collect();
    let names: Vec<String> = (0..2_000).map(|n| format!("N{n}")).collect();
    let moves: Vec<String> = (1..2_000).map(|n| format!("{n}: move N{n} first")).collect();
    let shown = soon_wrong(&format!(
        "protocol x {{ states s, versions {{ {} }}, frame {{ length: u16, id: u16 }} }}\n\
         ids s clientbound {{\n0: {}\n{}\n}}\n",
        versions.join(", "),
        names.join(" "),
        moves.join("\n"),
    ));
    assert!(shown.contains("error[W079]: the ids change too often"), "{shown}");
}

#[test]
fn thousands_of_mistakes_are_not_all_looked_for() {
    let packets: String =
        (0..20_000).map(|n| format!("packet P{n} = {n} both {{ a: q8 }}\n")).collect();
    let shown =
        soon_wrong(&format!("protocol x {{ frame {{ length: u16, id: u16 }} }}\n{packets}"));
    assert_eq!(shown.matches("error[W034]").count(), 20);
}

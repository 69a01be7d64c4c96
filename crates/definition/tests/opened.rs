//! What bytes hold: `@open` behind a field of bytes. It is shown to who looks, and never the packet's.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use hex_literal::hex;
use midwire_definition::json::{write_fields, write_opened};
use midwire_definition::tree::{RowState, TreeLimits, rows};
use midwire_definition::{EditError, Edits, Given, Limits, Packet, Protocol, Workspace};
use proptest::prelude::*;
use support::{body, fails, packet, problems, with_body};

fn with_packet<T>(
    protocol: &Arc<Protocol>,
    bytes: &[u8],
    limits: Limits,
    look: impl FnOnce(&mut Packet<'_>) -> T,
) -> T {
    let definition = packet(protocol, "P");
    let (mut ws, conn) = (Workspace::new(limits), protocol.initial_conn());
    look(&mut definition.plan.as_ref().unwrap().decode(bytes, 0, &conn, &mut ws))
}

fn spliced(packet: &mut Packet<'_>, path: &str, value: Given) -> Result<Vec<u8>, EditError> {
    let (mut edits, mut out) = (Edits::new(), Vec::new());
    edits.set(path, value);
    packet.splice(&edits, &mut out).map(|()| out)
}

/// What `--open` adds, and that the packet is read as if nothing were opened.
fn opened(fields: &str, bytes: &[u8]) -> String {
    let protocol = body(fields);
    with_packet(&protocol, bytes, Limits::default(), |packet| {
        assert!(packet.error().is_none() && packet.rest().is_empty(), "{:?}", packet.error());
        let (mut before, mut after, mut out) = Default::default();
        write_fields(packet, &mut before);
        write_opened(packet, &mut out);
        write_fields(packet, &mut after);
        assert_eq!(before, after);
        // It can be asked again, and says the same.
        let mut again = String::new();
        write_opened(packet, &mut again);
        assert_eq!(out, again);
        let whole = format!("{{\"x\":0{out}}}");
        assert!(serde_json::from_str::<serde_json::Value>(&whole).is_ok(), "{whole}");
        out
    })
}

/// Depth, name, value and bytes of each row.
fn shown(fields: &str, bytes: &[u8]) -> Vec<String> {
    with_packet(&body(fields), bytes, Limits::default(), |packet| {
        let rows = rows(packet, TreeLimits::default());
        let line = |row: &midwire_definition::tree::Row| {
            let mark = if row.state == RowState::Malformed { "!" } else { "" };
            let (start, end) = (row.place.start, row.place.end);
            format!("{mark}{} {} {start}..{end} {}", row.depth, row.name, row.value)
        };
        rows.iter().map(line).collect()
    })
}

#[test]
fn bytes_are_opened_with_the_fields_before_them() {
    let fields = "n: u8, data: bytes[u8] @open { items: [n] u8, rest: str[..] }, z: u8";
    let bytes = hex!("02 05 0708 616263 09");
    assert_eq!(opened(fields, &bytes), r#","opened":{"data":{"items":[7,8],"rest":"abc"}}"#);
    let expected = [
        "0 n 0..1 2",
        "0 data 1..7 5 bytes: 07 08 61 62 63",
        "1 items 2..4 2 elements: 7 8",
        "1 rest 4..7 \"abc\"",
        "0 z 7..8 9",
    ];
    assert_eq!(shown(fields, &bytes), expected);
}

#[test]
fn paths_lead_into_what_bytes_hold() {
    let protocol = body(
        "a: bytes[u8] @open { list: [..] { x: u8, y: u8 } }, b: bytes[u8] @open [..] u16, \
         c: u8, d: bytes[..] @open match c { 1 => { t: str[..] }, else => nothing }",
    );
    let bytes = hex!("04 01020304 04 00050006 01 6869");
    with_packet(&protocol, &bytes, Limits::default(), |packet| {
        assert_eq!(packet.int("a.list[1].y"), Some(4));
        assert_eq!(packet.count_at("a.list"), Some(2));
        assert_eq!(packet.int("b[1]"), Some(6));
        assert_eq!(packet.text("d.t").as_deref(), Some("hi"));
        for absent in ["a.list[2].y", "a.nothing", "b[2]", "b.x", "c.t", "d.t.u", "a[0]"] {
            assert_eq!(packet.int(absent), None, "{absent}");
        }
    });
    with_packet(&protocol, &hex!("00 00 02 6869"), Limits::default(), |packet| {
        assert_eq!(packet.text("d.t"), None);
    });
}

#[test]
fn text_before_says_what_bytes_hold() {
    let fields = r#"channel: str[u8], data: bytes[..] @open match channel {
        "brand" => { brand: str[u8] }
        "names" => [..] str[until 0]
        else => nothing
    }"#;
    assert_eq!(opened(fields, b"\x05brand\x03abc"), r#","opened":{"data":{"brand":"abc"}}"#);
    // The last goes with its end or without.
    for bytes in [&b"\x05namesab\0\0c"[..], b"\x05namesab\0\0c\0"] {
        let out = opened(fields, bytes);
        assert!(out.starts_with(r#","opened":{"data":["ab","","#), "{out}");
    }
    assert_eq!(opened(fields, b"\x05names"), r#","opened":{"data":[]}"#);
    assert_eq!(opened(fields, b"\x03abcxyz"), "");
    assert_eq!(shown(fields, b"\x03abcxyz").len(), 2);
}

#[test]
fn what_is_wrong_in_the_bytes_is_not_wrong_in_the_packet() {
    let fields = "data: bytes[u8] @open { a: u8, s: str[u8], b: u16 }, z: u8";
    let out = opened(fields, &hex!("03 01 05 61 09"));
    assert_eq!(
        out,
        r#","opened":{"data":{"a":1}},"opened_errors":{"data":{"field":"s","offset":4,"message":"ends early: 4 more byte(s) wanted"}}"#
    );
    let rows = shown(fields, &hex!("03 01 05 61 09"));
    assert_eq!(rows[1], "1 a 1..2 1");
    assert_eq!(rows[2], "!1 s 4..4 ends early: 4 more byte(s) wanted");
    assert_eq!(rows[3], "0 z 4..5 9");
    // Nor are bytes that it does not reach.
    let out = opened(fields, &hex!("07 01 00 0002 aabbcc 09"));
    assert_eq!(out, r#","opened":{"data":{"a":1,"s":"","b":2,"$rest":"aabbcc"}}"#);
    assert_eq!(opened(fields, &hex!("00 09")).matches("opened_errors").count(), 1);
}

#[test]
fn of_several_the_first_that_takes_all_bytes_is_shown() {
    let fields =
        "data: bytes[..] @open { a: u16, b: u16 } @open { s: str[u8] } @open { l: [..] u8 }";
    assert_eq!(opened(fields, &hex!("0001 0002")), r#","opened":{"data":{"a":1,"b":2}}"#);
    assert_eq!(opened(fields, &hex!("02 6162")), r#","opened":{"data":{"s":"ab"}}"#);
    assert_eq!(opened(fields, &hex!("09 61")), r#","opened":{"data":{"l":[9,97]}}"#);
    // If none does, the first.
    let fields = "data: bytes[..] @open { a: u16 } @open { s: str[u8] }";
    assert_eq!(opened(fields, &hex!("0301 ff")), r#","opened":{"data":{"a":769,"$rest":"ff"}}"#);
}

#[test]
fn bytes_in_lists_and_blocks_are_opened_where_they_are() {
    let fields = "list: [u8] { n: u8, data: bytes[n] @open [..] i8 }";
    let out = opened(fields, &hex!("03 01 ff 00 02 0102"));
    assert_eq!(out, r#","opened":{"list[0].data":[-1],"list[1].data":[],"list[2].data":[1,2]}"#);
    let out = opened("b: sized[u8] { data: bytes[..] @open { x: u8 } }", &hex!("01 07"));
    assert_eq!(out, r#","opened":{"b.data":{"x":7}}"#);
    let out = opened("o: opt bytes[u8] @open { x: u8 }", &hex!("01 01 07"));
    assert_eq!(out, r#","opened":{"o":{"x":7}}"#);
    assert_eq!(opened("o: opt bytes[u8] @open { x: u8 }", &hex!("00")), "");
}

#[test]
fn secrets_stay_closed_and_what_is_opened_is_not_opened_further() {
    assert_eq!(opened("data: bytes[..] @secret @open { x: u8 }", &hex!("07")), "");
    assert_eq!(shown("data: bytes[..] @secret @open { x: u8 }", &hex!("07")).len(), 1);
    let out = opened("d: bytes[..] @open { e: bytes[..] @open { x: u8 } }", &hex!("07"));
    assert_eq!(out, r#","opened":{"d":{"e":"07"}}"#);
    // So a type may open itself.
    let text = format!("{}type T {{ n: u8, more: bytes[..] @open T }}\n", with_body("t: T"));
    let protocol = support::load(&text);
    with_packet(&protocol, &hex!("01 02 03"), Limits::default(), |packet| {
        assert_eq!(packet.int("t.more.n"), Some(2));
    });
}

#[test]
fn opening_is_bounded_like_reading() {
    let protocol = body("list: [u8] { data: bytes[u8] @open [u8] { if true { } } }");
    let bytes = hex!("02 01 ff 01 ff");
    let limits = |elements_max| Limits { elements_max, ..Limits::default() };
    let out = |limits| {
        with_packet(&protocol, &bytes, limits, |packet| {
            let mut out = String::new();
            write_opened(packet, &mut out);
            out
        })
    };
    assert!(!out(limits(600)).contains("opened_errors"));
    // Together they have 510 elements, which a packet must not have if they were its own.
    let out = out(limits(400));
    assert!(out.contains(r#""opened_errors":{"list[1].data""#), "{out}");
    assert!(out.contains("elements_max"), "{out}");
}

#[test]
fn edits_do_not_care_what_bytes_hold() {
    let protocol = body("n: u8, data: bytes[u8] @open { items: [n] u8, m: u8 = n }, s: str[u8]");
    let bytes = hex!("02 02 0708 01 61");
    with_packet(&protocol, &bytes, Limits::default(), |packet| {
        let out = spliced(packet, "n", Given::Int(9)).unwrap();
        assert_eq!(out, hex!("09 02 0708 01 61"));
        let out = spliced(packet, "data", Given::Bytes(vec![1, 2, 3])).unwrap();
        assert_eq!(out, hex!("02 03 010203 01 61"));
    });
}

#[test]
fn open_stands_behind_bytes_of_a_struct() {
    for (fields, code) in [
        ("a: u8 @open u8", "W104"),
        ("a: [2] bytes[1] @open u8", "W104"),
        ("a: bits u8 { x: u8 @open u8 }", "W104"),
        ("a: bytes[..] @open Nothing", "W034"),
        ("a: bytes[..] @open { b: [c] u8 }, c: u8", "W0"),
        ("a: bytes[..] @open", "W001"),
    ] {
        let found = problems(&with_body(fields));
        assert!(found.contains(code), "{fields}: {found}");
    }
    let found = problems(&format!("{}type B = bytes[..] @open u8\n", with_body("b: B")));
    assert!(found.contains("W104"), "{found}");
}

#[test]
fn texts_end_at_a_byte() {
    let protocol = body("a: str[until 0], b: bytes[until 0x2c max 3], z: u8");
    let seen = support::read(&protocol, b"ab\0x,\x07");
    assert_eq!(seen.at("a").shown, support::Shown::Text("ab".into()));
    assert_eq!(seen.at("a").range(), (0, 3));
    assert_eq!(seen.at("b").shown, support::Shown::Bytes(b"x".to_vec()));
    support::read(&protocol, b"\0xyz,\x07");
    assert_eq!(fails(&protocol, b"ab").0, "a ends early at 2, 1 more byte(s) wanted");
    let (error, _) = fails(&protocol, b"\0wxyz,\x07");
    assert!(error.starts_with("b at 1") && error.contains("max"), "{error}");
    with_packet(&protocol, b"ab\0x,\x07", Limits::default(), |packet| {
        let text = |text: &str| Given::Text(text.into());
        assert_eq!(spliced(packet, "a", text("")).unwrap(), b"\0x,\x07");
        assert_eq!(spliced(packet, "a", text("cde")).unwrap(), b"cde\0x,\x07");
        assert!(spliced(packet, "a", text("c\0e")).is_err());
        assert!(spliced(packet, "b", Given::Bytes(b"a,b".to_vec())).is_err());
        assert!(spliced(packet, "b", Given::Bytes(b"abcd".to_vec())).is_err());
    });
    for wrong in ["a: str[until 256]", "a: str[until u16 == 0]", "a: utf16[until 0]"] {
        assert!(problems(&with_body(wrong)).contains("W037"), "{wrong}");
    }
}

// ---- Minecraft -------------------------------------------------------------------------------------

/// Bytes that look a little like sections: small counts, palettes and longs.
fn sections() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::collection::vec(0u8..9, 1..12),
        2 => Just(hex!("1000 00 01 00 00 01 00").to_vec()),
        1 => Just([&hex!("0001 04 02 00 01 8002")[..], &[1; 2048]].concat()),
        1 => Just(vec![0; 2048]),
        1 => prop::collection::vec(any::<u8>(), 1..40),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_may_stand_where_chunks_do(
        data in sections(),
        bit_map in 0i128..0x1_0000,
        version in prop::sample::select(vec![47, 110, 340, 404, 498, 578, 754, 756, 758, 769, 770, 775]),
    ) {
        let minecraft = midwire_definition::builtin("minecraft").unwrap();
        let version = minecraft.versions.by_number(version).0;
        let definition = support::packet_at(&minecraft, "map_chunk", version);
        let plan = definition.plan.as_ref().unwrap();
        let (mut ws, conn) = (Workspace::default(), minecraft.initial_conn());
        let mut fields = vec![("chunk_data".into(), Given::Bytes(data))];
        let mut made = Vec::new();
        let has_map = {
            let mut probe = Vec::new();
            plan.encode(&Given::Object(Vec::new()), &conn, &mut ws, &mut probe).unwrap();
            plan.decode(&probe, 0, &conn, &mut ws).int("bit_map").is_some()
        };
        if has_map {
            fields.push(("bit_map".into(), Given::Int(bit_map)));
        }
        plan.encode(&Given::Object(fields), &conn, &mut ws, &mut made).unwrap();
        let mut packet = plan.decode(&made, 0, &conn, &mut ws);
        let mut plain = String::new();
        write_fields(&mut packet, &mut plain);
        let (mut out, shown) = (String::new(), rows(&mut packet, TreeLimits::default()));
        write_opened(&mut packet, &mut out);
        prop_assert!(out.starts_with(",\"opened\":{\"chunk_data\":"), "{}", out);
        let whole = format!("{{\"x\":0{out}}}");
        prop_assert!(serde_json::from_str::<serde_json::Value>(&whole).is_ok(), "{}", whole);
        prop_assert!(shown.len() < 10_000);
        // Nothing of it is left behind.
        let mut again = String::new();
        write_fields(&mut packet, &mut again);
        prop_assert_eq!(plain, again);
        prop_assert!(packet.error().is_none() && packet.rest().is_empty());
    }
}

//! Every type of the language, from text to values: numbers, named numbers, text, bytes, NBT.
#![allow(clippy::unwrap_used)]

mod support;

use hex_literal::hex;
use support::{Node, Shown, body, fails, load, problems, read, with_body};

fn ints(fields: &str, bytes: &[u8]) -> Vec<i128> {
    read(&body(fields), bytes).children().iter().map(Node::number).collect()
}

fn shown(field: &str, bytes: &[u8]) -> Shown {
    let seen = read(&body(field), bytes);
    assert_eq!(seen.children().len(), 1, "{seen:?}");
    seen.children()[0].shown.clone()
}

fn text(field: &str, bytes: &[u8]) -> String {
    match shown(field, bytes) {
        Shown::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

// ---- numbers -----------------------------------------------------------------------------------

#[test]
fn fixed_integers_are_read_in_both_byte_orders() {
    for (ty, bytes, expected) in [
        ("u8", &hex!("ff")[..], 0xff),
        ("i8", &hex!("80"), -0x80),
        ("u16", &hex!("0102"), 0x0102),
        ("u16be", &hex!("0102"), 0x0102),
        ("u16le", &hex!("0102"), 0x0201),
        ("i16", &hex!("fffe"), -2),
        ("i16le", &hex!("feff"), -2),
        ("u24", &hex!("010203"), 0x01_0203),
        ("u24le", &hex!("010203"), 0x03_0201),
        ("i24", &hex!("fffffe"), -2),
        ("i24le", &hex!("000080"), -0x80_0000),
        ("u32", &hex!("ffffffff"), 0xffff_ffff),
        ("u32le", &hex!("01020304"), 0x0403_0201),
        ("i32", &hex!("80000000"), i32::MIN.into()),
        ("i32le", &hex!("ffffff7f"), i32::MAX.into()),
        ("u64", &hex!("ffffffffffffffff"), u64::MAX.into()),
        ("u64le", &hex!("0100000000000080"), 0x8000_0000_0000_0001),
        ("i64", &hex!("8000000000000000"), i64::MIN.into()),
        ("i64le", &hex!("feffffffffffffff"), -2),
        ("u128", &hex!("00000000000000010000000000000000"), 1 << 64),
        ("u128le", &hex!("02000000000000000000000000000000"), 2),
        ("angle", &hex!("c0"), -64),
    ] {
        assert_eq!(ints(&format!("a: {ty}"), bytes), [expected], "{ty}");
        let (error, _) = fails(&body(&format!("a: {ty}")), &bytes[1..]);
        assert_eq!(error, "a ends early at 0, 1 more byte(s) wanted", "{ty}");
    }
}

#[test]
fn the_byte_order_of_the_protocol_is_the_default() {
    let text = with_body("a: u16, b: u16be, c: f32, d: u24").replace("endian big", "endian little");
    let seen = read(&load(&text), &hex!("0100 0001 0000803f 010000"));
    assert_eq!(seen.at("a").number(), 1);
    assert_eq!(seen.at("b").number(), 1);
    assert_eq!(seen.at("c").shown, Shown::Float(1.0));
    assert_eq!(seen.at("d").number(), 1);
    // A protocol that says nothing is big endian.
    let text = with_body("a: u16").replace("endian big, ", "");
    assert_eq!(read(&load(&text), &hex!("0001")).at("a").number(), 1);
}

#[test]
fn variable_integers_are_read_in_every_form() {
    for (ty, bytes, expected) in [
        ("varint", &hex!("00")[..], 0),
        ("varint", &hex!("7f"), 127),
        ("varint", &hex!("8001"), 128),
        ("varint", &hex!("ffffffff07"), i32::MAX.into()),
        ("varint", &hex!("ffffffff0f"), -1),
        ("varint", &hex!("8080808008"), i32::MIN.into()),
        // Longer than needed: kept, and worth the same.
        ("varint", &hex!("8000"), 0),
        ("varint", &hex!("8180808000"), 1),
        ("varlong", &hex!("ffffffffffffffffff01"), -1),
        ("varlong", &hex!("ffffffffffffffff7f"), i64::MAX.into()),
        ("uvarint", &hex!("ffffffff0f"), u32::MAX.into()),
        ("uvarint", &hex!("ac02"), 300),
        ("varint128", &hex!("ffffffffffffffffff01"), u64::MAX.into()),
        ("zigzag32", &hex!("01"), -1),
        ("zigzag32", &hex!("02"), 1),
        ("zigzag32", &hex!("ffffffff0f"), i32::MIN.into()),
        ("zigzag64", &hex!("ffffffffffffffffff01"), i64::MIN.into()),
    ] {
        let seen = read(&body(&format!("a: {ty}, b: u8")), &[bytes, &[9]].concat());
        assert_eq!(seen.at("a").number(), expected, "{ty} {bytes:x?}");
        assert_eq!(seen.at("a").range(), (0, bytes.len() as u32));
        assert_eq!(seen.at("b").number(), 9);
    }
    for (ty, longest) in
        [("varint", 5), ("uvarint", 5), ("zigzag32", 5), ("varlong", 10), ("varint128", 19)]
    {
        let protocol = body(&format!("a: {ty}, b: u8"));
        let (error, _) = fails(&protocol, &[0x80; 20]);
        assert_eq!(error, format!("a at 0: variable-length integer longer than {longest} bytes"));
        let (error, _) = fails(&protocol, &[0x80; 2]);
        assert_eq!(error, "a ends early at 0, 1 more byte(s) wanted");
    }
}

#[test]
fn fractions_are_read_in_every_width() {
    let all = "a: f16, b: f16le, c: f32, d: f32le, e: f64, f: f64le";
    let bytes = hex!("3e00 00c0 bfc00000 0000c03f 3ff8000000000000 000000000000f8bf");
    let seen = read(&body(all), &bytes);
    let values: Vec<_> = seen.children().iter().map(|c| c.shown.clone()).collect();
    let expected = [1.5, -2.0, -1.5, 1.5, 1.5, -1.5].map(Shown::Float);
    assert_eq!(values, expected);
    // The smallest, the largest, and what is no number, as half floats.
    assert_eq!(shown("a: f16", &hex!("0001")), Shown::Float(2f64.powi(-24)));
    assert_eq!(shown("a: f16", &hex!("7bff")), Shown::Float(65504.0));
    assert_eq!(shown("a: f16", &hex!("fc00")), Shown::Float(f64::NEG_INFINITY));
    assert!(matches!(shown("a: f16", &hex!("7e00")), Shown::Float(n) if n.is_nan()));
    assert!(matches!(shown("a: f32", &hex!("7fc00001")), Shown::Float(n) if n.is_nan()));
}

#[test]
fn every_byte_but_0_is_true() {
    let protocol = body("a: bool, b: bool, c: bool, if c { d: u8 }");
    let seen = read(&protocol, &hex!("00 01 02 07"));
    assert_eq!(seen.at("a").shown, Shown::Bool(0));
    assert_eq!(seen.at("b").shown, Shown::Bool(1));
    assert_eq!(seen.at("c").shown, Shown::Bool(2), "the byte is kept");
    assert_eq!(seen.at("d").number(), 7);
}

#[test]
fn a_uuid_is_sixteen_bytes() {
    let bytes = hex!("00112233445566778899aabbccddeeff");
    assert_eq!(shown("a: uuid", &bytes), Shown::Bytes(bytes.to_vec()));
    assert!(fails(&body("a: uuid"), &bytes[..15]).0.contains("1 more byte(s)"));
}

// ---- named numbers -----------------------------------------------------------------------------

fn named(n: i128, name: &str) -> Shown {
    Shown::Enum(n, Some(name.into()))
}

#[test]
fn enums_count_on_and_keep_numbers_without_a_name() {
    let field = "a: enum u8 { none one, five = 5 six \"in quotes\" = 0x10 last }";
    for (byte, name) in
        [(0, "none"), (1, "one"), (5, "five"), (6, "six"), (16, "in quotes"), (17, "last")]
    {
        assert_eq!(shown(field, &[byte]), named(byte.into(), name));
    }
    assert_eq!(shown(field, &[2]), Shown::Enum(2, None));
    assert_eq!(shown("a: enum i8 { minus = -1 zero }", &[0xff]), named(-1, "minus"));
    assert_eq!(shown("a: enum varint { x = -1, y = 300 }", &hex!("ac02")), named(300, "y"));
    assert_eq!(shown("a: enum varint { x = -1, y = 300 }", &hex!("ffffffff0f")), named(-1, "x"));
    assert_eq!(shown("a: enum u16le { x = 0x0102 }", &hex!("0201")), named(0x102, "x"));
    // Of two names of one number the first counts.
    assert_eq!(shown("a: enum u8 { x = 1 y = 1 }", &[1]), named(1, "x"));
    assert_eq!(shown("a: enum bool { no yes }", &[1]), named(1, "yes"));
}

#[test]
fn enums_of_text_are_text() {
    let field = "a: enum str[u8] { low = \"minecraft:low\", high }";
    assert_eq!(text(field, b"\x0dminecraft:low"), "minecraft:low");
    assert_eq!(text(field, b"\x05other"), "other");
}

#[test]
fn flags_are_bits_from_the_lowest() {
    let flags =
        |n: i128, names: &[&str]| Shown::Flags(n, names.iter().map(|n| (*n).into()).collect());
    let field = "a: flags u8 { a b, d = 3 e }";
    assert_eq!(shown(field, &[0b0001_1011]), flags(27, &["a", "b", "d", "e"]));
    assert_eq!(shown(field, &[0b1110_0100]), flags(0xe4, &[]), "unknown bits are kept");
    assert_eq!(shown("a: flags u16 { a, z = 15 }", &hex!("8001")), flags(0x8001, &["a", "z"]));
    assert_eq!(shown("a: flags u16le { a, z = 15 }", &hex!("0180")), flags(0x8001, &["a", "z"]));
    assert_eq!(shown("a: flags varint { a, b = 7 }", &hex!("8001")), flags(128, &["b"]));
    assert_eq!(shown("a: flags i32 { z = 31 }", &hex!("80000000")), flags(i32::MIN.into(), &["z"]));
    let wide = [&[0x80][..], &[0; 15]].concat();
    let Shown::Flags(_, set) = shown("a: flags u128 { a, z = 127 }", &wide) else { panic!() };
    assert_eq!(set, ["z"]);
}

#[test]
fn a_flag_of_any_byte_decides_what_follows() {
    for (ty, bytes) in [
        ("u8", &hex!("80")[..]),
        ("u16", &hex!("8000")),
        ("u16le", &hex!("0080")),
        ("i32", &hex!("80000000")),
        ("u64le", &hex!("0000000000000080")),
    ] {
        let bit = bytes.len() * 8 - 1;
        let protocol = body(&format!(
            "f: flags {ty} {{ a, z = {bit} }}, if f.z {{ x: u8 }}, if not f.z {{ y: u8 }}, if f.a {{ w: u8 }}"
        ));
        let seen = read(&protocol, &[bytes, &[7]].concat());
        assert_eq!(seen.at("x").number(), 7, "{ty}");
        let seen = read(&protocol, &[&vec![0; bytes.len()][..], &[8]].concat());
        assert_eq!(seen.at("y").number(), 8, "{ty}");
    }
    let protocol = body("f: flags varint { a, z = 7 }, if f.z { x: u8 }");
    assert_eq!(read(&protocol, &hex!("8001 07")).at("x").number(), 7);
    assert_eq!(read(&protocol, &hex!("01")).children().len(), 1);
}

#[test]
fn bits_are_cut_from_either_end() {
    let parts = |field: &str, bytes: &[u8]| match shown(field, bytes) {
        Shown::Bits(parts) => parts.into_iter().map(|(_, n)| n).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(parts("a: bits u8 { x: u4, z: u4 }", &[0x12]), [1, 2], "the highest first");
    assert_eq!(parts("a: bits u8 msb { x: u4, z: u4 }", &[0x12]), [1, 2]);
    assert_eq!(parts("a: bits u8 lsb { x: u4, z: u4 }", &[0x12]), [2, 1]);
    assert_eq!(parts("a: bits u8 { x: i3, pad 2, z: u3 }", &[0b1010_0110]), [-3, 6]);
    assert_eq!(parts("a: bits u8 lsb { x: i3, pad 2, z: u3 }", &[0b1100_0110]), [-2, 6]);
    assert_eq!(parts("a: bits u16le lsb { x: u1, z: u15 }", &hex!("0300")), [1, 1]);
    // Minecraft's position: 26, 26 and 12 bits, each signed.
    let position = "a: bits u64 { x: i26, z: i26, y: i12 }";
    assert_eq!(parts(position, &hex!("ffffffbfffffc001")), [-2, -4, 1]);
    assert_eq!(parts("a: bits varint lsb { x: u3, z: u5 }", &hex!("8a01")), [2, 17]);
    let Shown::Bits(parts) = shown("a: bits u128 { x: u128 }", &[0xff; 16]) else { panic!() };
    assert_eq!(parts[0].1, -1, "the bits of the largest, as a signed number");
}

#[test]
fn parts_of_bits_and_flags_are_numbers_in_conditions() {
    let protocol = body(
        "b: bits u16 { low: u4, signed: i4, on: u1, rest: u7 }\n\
         if b.signed == -1 { x: u8 }\nif b.on { y: u8 }\nlist: [b.low] u8\nlet sum = b.low + b.rest",
    );
    let seen = read(&protocol, &hex!("2f85 01 02 03 04"));
    assert_eq!(seen.at("x").number(), 1);
    assert_eq!(seen.at("y").number(), 2);
    assert_eq!(seen.at("list").children().len(), 2);
    assert_eq!(seen.at("sum").number(), 7);
    let seen = read(&protocol, &hex!("0000"));
    assert_eq!(seen.get("y"), None);
}

// ---- text and bytes ----------------------------------------------------------------------------

#[test]
fn text_has_its_length_in_front_or_elsewhere() {
    for (field, bytes) in [
        ("a: str[u8]", &b"\x03abc"[..]),
        ("a: str[u16]", b"\x00\x03abc"),
        ("a: str[u16le]", b"\x03\x00abc"),
        ("a: str[i32]", b"\x00\x00\x00\x03abc"),
        ("a: str[varint]", b"\x83\x00abc"),
        ("a: str[uvarint]", b"\x03abc"),
        ("a: str[zigzag32]", b"\x06abc"),
        ("a: str[3]", b"abc"),
        ("a: str[1 + 2]", b"abc"),
        ("a: str[..]", b"abc"),
        ("a: str[varint max 3]", b"\x03abc"),
    ] {
        assert_eq!(text(field, bytes), "abc", "{field}");
    }
    assert_eq!(text("a: str[varint]", b"\x00"), "");
    let seen = read(&body("n: u8, a: str[n - 1], b: u8"), b"\x04abc\x09");
    assert_eq!(seen.at("a").shown, Shown::Text("abc".into()));
    assert_eq!(seen.at("a").range(), (1, 4));
    let seen = read(&body("a: str[u8], b: u8"), b"\x03abc\x09");
    assert_eq!(seen.at("a").range(), (0, 4), "the length is part of it");
}

#[test]
fn text_is_read_in_every_encoding() {
    assert_eq!(text("a: str[u8]", b"\x04\xf0\x9f\x98\x80"), "\u{1f600}");
    assert_eq!(text("a: str[u8]", b"\x02\xc3("), "\u{fffd}(", "what is no text is shown as such");
    assert_eq!(text("a: latin1[u8]", b"\x02\xe9\xff"), "\u{e9}\u{ff}");
    assert_eq!(text("a: utf16[u8]", &hex!("02 0041 00e9")), "A\u{e9}");
    assert_eq!(text("a: utf16[u16]", &hex!("0002 d83d de00")), "\u{1f600}", "units are counted");
    assert_eq!(text("a: utf16[u8]", &hex!("01 d83d")), "\u{fffd}");
    assert_eq!(text("a: utf16[2]", &hex!("0041 0042")), "AB");
    assert_eq!(text("a: mutf8[u16]", &hex!("0002 c080")), "\0");
    assert_eq!(text("a: mutf8[u16]", &hex!("0006 eda0bd edb880")), "\u{1f600}");
    let (error, _) = fails(&body("a: utf16[u8]"), &hex!("02 0041 00"));
    assert_eq!(error, "a ends early at 4, 1 more byte(s) wanted");
}

#[test]
fn text_that_is_cut_says_how_much_is_missing() {
    let (error, seen) = fails(&body("a: u8, b: str[u8]"), b"\x01\x05abc");
    assert_eq!(error, "b ends early at 5, 2 more byte(s) wanted");
    assert_eq!(seen.children().len(), 1);
    let (error, _) = fails(&body("a: u8, b: str[u16]"), b"\x01\x05");
    assert_eq!(error, "b ends early at 1, 1 more byte(s) wanted");
}

#[test]
fn bytes_have_their_length_in_front_or_elsewhere() {
    for (field, bytes) in [
        ("a: bytes[u8]", &hex!("02 0102")[..]),
        ("a: bytes[varint]", &hex!("02 0102")),
        ("a: bytes[2]", &hex!("0102")),
        ("a: bytes[..]", &hex!("0102")),
    ] {
        assert_eq!(shown(field, bytes), Shown::Bytes(vec![1, 2]), "{field}");
    }
    let seen = read(&body("n: u8, m: u8, a: bytes[n * m], b: u8"), &hex!("02 02 01020304 09"));
    assert_eq!(seen.at("a").range(), (2, 6));
    assert_eq!(shown("a: bytes[0]", &[]), Shown::Bytes(vec![]));
}

#[test]
fn padding_and_an_unknown_tail_are_kept() {
    let seen = read(&body("a: u8, pad 3, b: u8, ..."), &hex!("01 aabbcc 02 dd ee"));
    let names: Vec<_> = seen.children().iter().map(|c| (c.name.as_str(), c.range())).collect();
    assert_eq!(names, [("a", (0, 1)), ("", (1, 4)), ("b", (4, 5)), ("", (5, 7))]);
    assert_eq!(seen.children()[1].shown, Shown::Bytes(vec![0xaa, 0xbb, 0xcc]));
    assert_eq!(seen.children()[3].shown, Shown::Bytes(vec![0xdd, 0xee]));
    let seen = read(&body("a: u8, ..."), &hex!("01"));
    assert_eq!(seen.children()[1].shown, Shown::Bytes(vec![]));
    assert!(fails(&body("a: u8, pad 3"), &hex!("01 aa")).0.contains("2 more byte(s) wanted"));
}

// ---- NBT, packed numbers -----------------------------------------------------------------------

#[test]
fn nbt_is_passed_in_its_four_forms() {
    let named = hex!("0a 0001 61 01 0001 62 05 00");
    let nameless = hex!("0a 01 0001 62 05 00");
    for (ty, bytes) in [
        ("named_nbt", &named[..]),
        ("opt_named_nbt", &named),
        ("opt_named_nbt", &hex!("00")),
        ("nbt", &nameless),
        ("opt_nbt", &nameless),
        ("opt_nbt", &hex!("00")),
        ("nbt", &hex!("08 0003 616263")),
    ] {
        let seen = read(&body(&format!("a: {ty}, b: u8")), &[bytes, &[9]].concat());
        assert_eq!(seen.at("a").shown, Shown::Nbt(bytes.to_vec()), "{ty}");
        assert_eq!(seen.at("b").range(), (bytes.len() as u32, bytes.len() as u32 + 1), "{ty}");
        for cut in 0..bytes.len() {
            let (error, _) = fails(&body(&format!("a: {ty}, b: u8")), &bytes[..cut]);
            assert!(error.starts_with("a ends early at "), "{ty} {cut}: {error}");
        }
    }
    // Every tag: numbers, arrays, a list of lists, a list of compounds, an empty list.
    let all = hex!(
        "0a 01 0000 01 02 0000 0002 03 0000 00000003 04 0000 0000000000000004"
        "05 0000 3f800000 06 0000 3ff0000000000000 07 0000 00000002 0102 08 0000 0001 61"
        "0b 0000 00000001 00000001 0c 0000 00000001 0000000000000001"
        "09 0000 09 00000001 01 00000002 0102 09 0000 0a 00000002 00 01 0000 05 00"
        "09 0000 00 00000000 00"
    );
    let seen = read(&body("a: nbt, b: u8"), &[&all[..], &[9]].concat());
    assert_eq!(seen.at("a").range(), (0, all.len() as u32));
    let (error, _) = fails(&body("x: u8, a: nbt"), &hex!("00 0d"));
    assert_eq!(error, "a at 1: no NBT tag has type 13");
    let (error, _) = fails(&body("a: nbt"), &hex!("07 ffffffff"));
    assert_eq!(error, "a at 1: NBT list of -1 elements");
}

#[test]
fn packed_numbers_fill_words_of_64_bits() {
    let protocol = body("w: u8, n: u8, a: packed(w, n), b: u8");
    for (width, count, words) in [
        (1, 64, 1),
        (1, 65, 2),
        (4, 16, 1),
        (5, 12, 1),
        (5, 13, 2),
        (15, 9, 3),
        (64, 2, 2),
        (33, 2, 2),
        (4, 0, 0),
        (0, 9, 0),
    ] {
        let data = vec![7; words * 8];
        let seen = read(&protocol, &[&[width, count][..], &data, &[9]].concat());
        let expected = Shown::Packed { bytes: data, width: width.into(), count: count.into() };
        assert_eq!(seen.at("a").shown, expected, "{width} {count}");
        assert_eq!(seen.at("b").number(), 9);
    }
    assert!(fails(&protocol, &hex!("04 10 00")).0.starts_with("a ends early at 3, 7 more"));
    read(&body("a: packed(4, 16) in u64"), &[0; 8]);
    assert!(problems(&with_body("a: packed(4, 16) in u32")).contains("W032"));
}

// ---- names -------------------------------------------------------------------------------------

#[test]
fn names_ignore_case_and_underscores_and_keep_their_form() {
    let seen = read(
        &body("Item_Count: u8, list: [itemcount] u8, `odd name`: u8, if `ODD name` == 2 { x: u8 }"),
        &hex!("01 05 02 03"),
    );
    assert_eq!(seen.children()[0].name, "Item_Count");
    assert_eq!(seen.children()[2].name, "odd name");
    let names = "match if let pad else type opt str in not and or enum flags bits then outer it conn remaining version count sized packet test on";
    let fields: Vec<_> = names.split(' ').map(|name| format!("{name}: u8")).collect();
    let seen = read(&body(&fields.join("\n")), &vec![1; fields.len()]);
    let found: Vec<_> = seen.children().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(found.join(" "), names);
}

#[test]
fn a_field_called_like_a_word_of_the_language_is_that_field() {
    for name in ["remaining", "version", "it", "outer", "count", "bytes", "has"] {
        let protocol = body(&format!("{name}: u8, if {name} == 7 {{ x: u8 }}, a: [{name} - 6] u8"));
        let seen = read(&protocol, &hex!("07 01 02"));
        assert_eq!(seen.at("x").number(), 1, "{name}");
        assert_eq!(seen.at("a").children().len(), 1, "{name}");
    }
    let protocol = body("conn: { me: u8 }, if conn.me == 7 { x: u8 }");
    assert_eq!(read(&protocol, &hex!("07 01")).at("x").number(), 1);
}

// ---- elements of one value ---------------------------------------------------------------------

#[test]
fn a_list_goes_on_while_a_part_of_its_last_element_says_so() {
    for element in ["bits u8 { more: u1, slot: u7 }", "flags u8 { slot = 0, more = 7 }"] {
        let protocol = body(&format!("l: [while it.more] {element}, z: u8"));
        let seen = read(&protocol, &hex!("81 82 03 09"));
        assert_eq!(seen.at("l").children().len(), 3, "{element}");
        assert_eq!(seen.at("z").number(), 9);
        assert_eq!(read(&protocol, &hex!("00 09")).at("l").children().len(), 1);
        let (error, _) = fails(&protocol, &hex!("81"));
        assert_eq!(error, "l[1] ends early at 1, 1 more byte(s) wanted");
    }
    let seen =
        read(&body("l: [until sum(it.n) >= 3] bits u8 { n: u4, m: u4 }, z: u8"), &hex!("15 26 09"));
    assert_eq!(seen.at("l").children().len(), 2);
    // A field of the element, and one outside, come before what the element itself has.
    let seen = read(
        &body("more: bits u8 { x: u8 }, l: [while it.more] { more: bool }"),
        &hex!("00 01 01 00"),
    );
    assert_eq!(seen.at("l").children().len(), 3);
    let shown = problems(&with_body("l: [while it.mor] bits u8 { more: u1, slot: u7 }"));
    assert!(shown.contains("error[W054]: `it` has no part `mor`"), "{shown}");
    assert!(shown.contains("did you mean `more`?"), "{shown}");
}

#[test]
fn what_is_computed_from_a_field_that_is_nowhere_is_an_error() {
    let shown = problems(&with_body("n: u8 = count(lst), list: [..] u8"));
    assert!(shown.contains("error[W053]: `lst` is not a field of this struct"), "{shown}");
    assert!(shown.contains("did you mean `list`?"), "{shown}");
    let shown = problems(&with_body("n: u8 = list, list: [..] u8"));
    assert!(shown.contains("`list` is a list, a number is needed here"), "{shown}");
    // Only what is computed looks ahead: what is read has to be known by then.
    let shown = problems(&with_body("l: [n] u8, n: u8"));
    assert!(shown.contains("`n` is not a field that comes before this one"), "{shown}");
}

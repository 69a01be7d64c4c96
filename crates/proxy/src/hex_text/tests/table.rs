//! How people have bytes at hand: each is read right, or refused with what to do.

use super::super::{Form, HexText, parse};
use super::expect;

/// The bytes that most of the texts are.
const BYTES: [u8; 8] = [0x0f, 0, 1, 0x0b, 0x54, 0x65, 0xff, 0x80];

/// Nothing is read without a word: what is told has these words in it.
#[track_caller]
fn told(text: &str, words: &str) -> HexText {
    let parts = parse(text, None);
    let problems: Vec<_> = parts.iter().flat_map(|part| &part.problems).collect();
    assert!(problems.iter().any(|(_, problem)| problem.contains(words)), "{text}\n{parts:?}");
    parts[0].clone()
}

#[test]
fn arrays_of_the_usual_languages_are_read() {
    for text in [
        "unsigned char a[] = {\n  0x0f, 0x00, 0x01, 0x0b, 0x54, 0x65, 0xff, 0x80\n};\nunsigned int a_len = 8;\n",
        "unsigned char pkt_0x03_bin[] = {\n  0x0f, 0x00, 0x01, 0x0b, 0x54, 0x65,\n  0xff, 0x80\n};\n",
        "  0x0f, 0x00, 0x01, 0x0b, 0x54, 0x65, 0xff, 0x80\n",
        "/* Frame (8 bytes) */\nstatic const unsigned char pkt1[8] = {\n\
         0x0f, 0x00, 0x01, 0x0b, 0x54, 0x65, 0xff, 0x80  /* ....Te.. */\n};\n",
        "new byte[] { 15, 0, 1, 11, 84, 101, -1, -128 }",
        "byte[] a = {0x0F, 0x00, 0x01, 0x0B, 0x54, 0x65, (byte) 0xFF, (byte)0x80};",
        "byte[] a = {15, 0, 1, 11, 84, 101, (byte) 255, (byte) 128};",
        "byteArrayOf(0x0f, 0, 1, 11, 0x54, 0x65, 0xff.toByte(), 0x80.toByte())",
        "[]byte{0xf, 0x0, 0x1, 0xb, 0x54, 0x65, 0xff, 0x80}",
        "[15 0 1 11 84 101 255 128]",
        "let a: [u8; 8] = [0x0f, 0x00, 0x01, 0x0b, 0x54, 0x65, 0xff, 0x80];",
        "vec![15u8, 0, 1, 11, 84, 101, 255, 128]",
        "[0f, 00, 01, 0b, 54, 65, ff, 80]",
        "[15,0,1,11,84,101,255,128]",
        "{\"type\":\"Buffer\",\"data\":[15,0,1,11,84,101,255,128]}",
        "Uint8Array(8) [\n   15,   0,  1, 11,\n   84, 101, 255, 128\n]",
        "bytes([15, 0, 1, 11, 84, 101, 255, 128])",
        "$1 = {0xf, 0x0, 0x1, 0xb, 0x54, 0x65, 0xff, 0x80}",
        "{0x0f, 0, 1, '\\v', 'T', 'e', 255, 0x80}",
        "{0b00001111, 0b0, 1, 11, 84, 101, 255, 128}",
    ] {
        expect(text, &BYTES);
    }
    expect("{0x01, 0, 3}", &[1, 0, 3]);
    expect("$1 = {0x1, 0x0 <repeats 15 times>, 0x2}", &[&[1][..], &[0; 15], &[2]].concat());
    let both = expect("{0x01, 0x02}, {0x03}", &[1, 2, 3]);
    assert!(both.notes[0].starts_with("2 arrays"), "{both:?}");
}

#[test]
fn an_element_that_is_no_byte_is_told_with_its_place() {
    let found = told(
        "unsigned char a[] = {\n  0x01, 300, 0x03 };",
        "column 9, element 2: `300` is no byte",
    );
    assert_eq!((found.problems[0].0, found.bytes.len()), (2, 0));
    told("{0x01, LEN, 3}", "element 2: `LEN` is no number");
    told("{0x01, 010}", "octal");
    told("{0x01, 0a}", "has no 0x");
    told("[15, 0, -129]", "element 3: `-129`");
    told("[1, 2, , 4]", "element 3");
    assert!(!parse("15 300", Some(Form::Decimal))[0].problems.is_empty());
}

#[test]
fn a_paste_that_is_cut_is_told() {
    for text in [
        "unsigned char a[] = { 0x0f, 0x00, 0x01",
        "{ 0x03, 0x",
        "[15, 0, 1, 2",
        "[15, 0, 1, ... 900 more items ]",
        "unsigned char a[4] = { 0x0f, 0x00, 0x01 };",
        "unsigned char a[] = {\n  0x0f, 0x00\n};\nunsigned int a_len = 3;\n",
        "0x03, 0x",
        "0x03, 0x00, 0x04, 0x0",
        "0f 00 01 0",
        "<Buffer 0f 00 01 0b ... 50 more bytes>",
        "0f:00:01:0b:…",
        r"b'\x0f\x00\x",
        r#"b"\x0f\x00\x0"#,
        r#""\x0f\x00\x01"#,
        "0000000 000f 0b01\n*\n",
        "00000000  0f 00 01 0b  0f 00 01 0b  0f 00 01 0b 0f 00 01 0b |................|\n*\n",
        "0000000 000f 000b\n",
    ] {
        let parts = parse(text, None);
        assert!(parts.iter().any(|part| !part.problems.is_empty()), "{text}\n{parts:?}");
    }
}

#[test]
fn strings_are_read_as_they_are_escaped() {
    for text in [
        r"b'\x0f\x00\x01\x0bTe\xff\x80'",
        r#"b"\x0f\x00\x01\x0bTe\xff\x80""#,
        r#"bytearray(b"\x0f\x00\x01\x0bTe\xff\x80")"#,
        r#""\x0f\x00\x01\x0b\x54\x65\xff\x80""#,
        r"printf '\x0f\x00\x01\x0bTe\xff\x80'",
        r"printf '\017\000\001\013Te\377\200'",
        r"$'\x0f\x00\x01\x0bTe\xff\x80'",
        r#"[]byte("\x0f\x00\x01\vTe\xff\x80")"#,
        "\"\\x0f\\x00\\x01\\x0b\" \\\n  \"Te\" \"\\xff\\x80\"",
        "\u{201c}\\x0f\\x00\\x01\\x0bTe\\xff\\x80\u{201d}",
        r"\x0f\x00\x01\x0b\x54\x65\xff\x80",
        r"\x0f00010b5465ff80",
    ] {
        expect(text, &BYTES);
    }
    expect(r#""\u000f\u0000\u0001Te""#, &[0x0f, 0, 1, b'T', b'e']);
    expect("b'\u{2013}'", "\u{2013}".as_bytes());
    told(r#""\u00ff""#, "\\x");
    let lua = expect(r#""\015\189\200\0""#, &[15, 189, 200, 0]);
    assert!(lua.notes[0].contains("decimal"), "{lua:?}");
    for (text, bytes) in [
        (r#""\x{FE}\x{1}""#, &[0xfe, 1][..]),
        (r"\376\001\000", &[0xfe, 1, 0]),
        (r#""\254\001\0""#, &[0o254, 1, 0]),
        (r#""\0\1\7""#, &[0, 1, 7]),
        (r#"local s = "\198\25\0Te""#, &[198, 25, 0, b'T', b'e']),
    ] {
        expect(text, bytes);
    }
    let open = expect(r#""\101\001""#, &[0o101, 1]);
    assert!(open.notes[0].contains("--as lua"), "{open:?}");
    assert_eq!(parse(r#""\101\001""#, Some(Form::Lua))[0].bytes, [101, 1]);
    assert_eq!(parse(r#""\101\001""#, Some(Form::String))[0].notes, [""; 0]);
    assert_eq!(expect(r#""\376\001""#, &[0xfe, 1]).notes, [""; 0]);
    assert_eq!(expect(r#""\0\1\7""#, &[0, 1, 7]).notes, [""; 0]);
    told(r#""\189\376""#, "more than 255");
    // With control characters it is no text.
    let units = expect(r#""\u00fe\u0001""#, &[0xfe, 1]);
    assert!(units.notes[0].contains("one byte each"), "{units:?}");
}

#[test]
fn base64_of_any_width_is_read() {
    let bytes: Vec<u8> = (0..40u8).map(|i| i.wrapping_mul(37)).collect();
    let whole = super::super::to_base64(&bytes);
    for width in [4, 8, 10, 12, 16, 20, 64, 76] {
        let lines: Vec<&str> =
            whole.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
        expect(&lines.join("\n"), &bytes);
        expect(&lines.join("\r\n"), &bytes);
    }
    let url = whole.replace('+', "-").replace('/', "_");
    expect(url.trim_end_matches('='), &bytes);
    expect(&format!("data:application/octet-stream;base64,{whole}"), &bytes);
    expect(&format!("-----BEGIN DATA-----\n{whole}\n-----END DATA-----\n"), &bytes);
    for words in ["Hello\nWorld", "Some\nword\nHere", "hello world"] {
        assert!(parse(words, None)[0].bytes.is_empty(), "{words}");
    }
}

#[test]
fn what_stands_around_a_dump_is_taken_off() {
    let dump = [
        "00000000: 0f00 010b 5465 7272 6172 6961 3332 3620  ....Terraria326 ",
        "00000010: 7c78 0a                                  |x.",
    ];
    let bytes = b"\x0f\0\x01\x0bTerraria326 |x\n";
    let lines = |line: &dyn Fn(usize, &str) -> String| {
        dump.iter().enumerate().map(|(n, text)| line(n, text) + "\n").collect::<String>()
    };
    for text in [
        lines(&|_, text| format!("> {text}")),
        lines(&|_, text| format!("> > {text}")),
        lines(&|n, text| format!("{:6}\t{text}", n + 1)),
        lines(&|n, text| format!("{}: {text}", n + 9)),
        lines(&|n, text| format!("{:3} {text}", n + 1)),
        lines(&|n, text| format!("{:3} | {text}", n + 1)),
        lines(&|_, text| format!("{text}\r")),
        lines(&|_, text| text.replace(' ', "\u{a0}")),
        format!("```\n{}```\n", lines(&|_, text| text.to_owned())),
        lines(&|_, text| format!("\u{1b}[1;32m{text}\u{1b}[0m")),
        lines(&|_, text| format!("    {text}")),
    ] {
        let found = expect(&text, bytes);
        assert_eq!(found.ignored, [], "{text}");
    }
    let found = expect(&format!("$ xxd packet\n{}$ ", lines(&|_, text| text.to_owned())), bytes);
    assert_eq!(found.ignored.len(), 2, "{found:?}");
    for time in [
        "[10:11:12] ",
        "10:11:12 ",
        "10:11:12.125  ",
        "2026-11-26T10:11:12Z ",
        "[2026-11-26 10:11:12,5] ",
    ] {
        for hex in ["0f00010b", "0f 00 01 0b"] {
            expect(&format!("{time}{hex}\n"), &[0x0f, 0, 1, 0x0b]);
        }
    }
    expect("10:11:12 0f:00:01", &[0x10, 0x11, 0x12, 0x0f, 0, 1]);
    for numbers in ["254, 130, 16, 36", "254,130,16,36", "254;130;16;36", " 254 130  16  36\n"] {
        expect(numbers, &[254, 130, 16, 36]);
    }
    expect("6, 0, 42, 1, 20, 0", &[6, 0, 42, 1, 20, 0]);
    expect("15 00 10 11", &[0x15, 0, 0x10, 0x11]);
    expect("0f\u{2013}00\u{2013}01\u{2013}0b", &[0x0f, 0, 1, 0x0b]);
    expect("0f\u{a0}00\u{200b}01\u{2009}0b", &[0x0f, 0, 1, 0x0b]);
    expect("> 0f 00\n> 01 0b\n", &[0x0f, 0, 1, 0x0b]);
    expect("[15, 0, \u{2212}1]", &[15, 0, 255]);
    // Bytes that count upwards are no line numbers.
    expect("1 2\n2 3\n", &[1, 2, 2, 3]);
    expect("01 aa\n02 bb\n", &[1, 0xaa, 2, 0xbb]);
}

#[test]
fn dumps_of_debuggers_and_network_tools_are_read() {
    for text in [
        "0x7ffe10:\t0x0f\t0x00\t0x01\t0x0b\t0x54\t0x65\t0xff\t0x80\n",
        "0x7ffe10:\t0x000f\t0x0b01\t0x6554\t0x80ff\n",
        "0x7ffe10 <buf>:\t0x0b01000f\t0x80ff6554\n",
        "0x7ffe10:\t0x80ff65540b01000f\n",
        "0x16fdff3f8: 0f 00 01 0b 54 65 ff 80                          ....Te..\n",
        "00a2f8f0  0f 00 01 0b-54 65 ff 80                          ....Te..\n",
        "\t0x0000:  0f00 010b 5465 ff80                      ....Te..\n",
        "12:00:00.000000 IP 10.0.0.1.1 > 10.0.0.2.2: Flags [P.], length 8\n\t0x0000:  0f00 010b 5465 ff80\n",
        "0000   0f 00 01 0b 54 65 ff 80                           ....Te..\n",
        "0000  0f 00 01 0b 54 65 ff 80                           ....Te..\n\n",
        "=> Send data, 8 bytes (0x8)\n0000: 0f 00 01 0b 54 65 ff 80                         ....Te..\n",
        "net: 00000000: 0f 00 01 0b 54 65 ff 80                          ....Te..\n",
    ] {
        expect(text, &BYTES);
    }
    // curl has one space behind a whole row.
    expect(
        "0000: 47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a GET / HTTP/1.1..\n",
        b"GET / HTTP/1.1\r\n",
    );
    told("0x0:\t15\t0\t1\t11\n", "x/64xb");
    told("* Connected to a\n> GET / HTTP/1.1\n> Host: a\n< HTTP/1.1 200 OK\n", "curl --trace -");
    told("=> Send header, 16 bytes (0x10)\n0000: GET / HTTP/1.1\n", "curl --trace -");
}

#[test]
fn of_od_and_hexdump_the_last_offset_tells_the_length() {
    for (text, bytes) in [
        ("0000000 000f 0001\n0000003\n", &[0x0f, 0, 1][..]),
        ("0000000 000f\n0000001\n", &[0x0f]),
        ("000000 000f 0001\n000003\n", &[0x0f, 0, 1]),
        ("0000000 000017 000001\n0000003\n", &[0x0f, 0, 1]),
        ("0000000 0b01000f 00000054\n0000005\n", &[0x0f, 0, 1, 0x0b, 0x54]),
    ] {
        expect(text, bytes);
    }
    // Rows that repeat: hexdump counts in hex, od in octal, and both write the same.
    let text = "0000000 0000 0000 0000 0000 0000 0000 0000 0000\n*\n0000100\n";
    let found = told(text, "--as hexdump or --as od");
    assert!(found.bytes.is_empty());
    assert_eq!(parse(text, Some(Form::Hexdump))[0].bytes, [0; 256]);
    assert_eq!(parse(text, Some(Form::Od))[0].bytes, [0; 64]);
    let odd = "0000000 0f 00 01 0b 54 65 72 72 61 72 69 61 33 32 36 20\n0000020 7c\n0000021\n";
    assert_eq!(parse(odd, Some(Form::Od))[0].bytes.len(), 17);
    assert_eq!(parse(" 000f 0b01\n", Some(Form::Od))[0].bytes, [0x0f, 0, 1, 0x0b]);
    let note = &parse(" 000f 0b01\n", None)[0].notes;
    assert!(note[0].contains("--as numbers"), "{note:?}");
}

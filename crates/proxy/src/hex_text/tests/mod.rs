use proptest::prelude::*;

use super::*;

mod blocks;
mod forms;
mod fronts;
mod generated;
mod table;
mod tools;

const BYTES: [u8; 19] = *b"\x0f\x00\x01\x0bTerraria326 |x\n";

/// A text is one piece, of these bytes, and nothing is wrong with it.
#[track_caller]
fn expect(text: &str, bytes: &[u8]) -> HexText {
    let mut parts = parse(text, None);
    assert_eq!(parts.len(), 1, "{text}\n{parts:?}");
    assert_eq!(::hex::encode(&parts[0].bytes), ::hex::encode(bytes), "{text}\n{parts:?}");
    assert_eq!(parts[0].problems, [], "{text}");
    parts.swap_remove(0)
}

/// What is read of a text that is one piece without anything else.
#[track_caller]
fn bytes(text: &str) -> Vec<u8> {
    let parts = parse(text, None);
    assert_eq!(parts.len(), 1, "{text}");
    assert_eq!(parts[0].ignored, [], "{text}");
    assert_eq!(parts[0].problems, [], "{text}");
    parts[0].bytes.clone()
}

fn ignored(found: &HexText) -> Vec<(usize, &str)> {
    found.ignored.iter().map(|(line, word)| (*line, word.as_str())).collect()
}

#[test]
fn digits_may_stand_together_or_apart() {
    for text in [
        "0f00010b",
        "0f 00 01 0b",
        "0F:00:01:0B",
        "0f00 010b",
        "0f-00-01-0b",
        "f 0 1 b",
        "0f000\n10b",
        "<Buffer 0f 00 01 0b>",
        "\u{feff}0f 00\r\n01 0b\r\n",
    ] {
        assert_eq!(parse(text, None)[0].bytes, [0x0f, 0, 1, 0x0b], "{text}");
    }
    assert!(bytes("").is_empty());
}

#[test]
fn prefixes_are_taken_off() {
    for text in [
        "0x0f, 0x00, 0x1, 0x0B",
        "[0x0f,0x00,0x01,0x0b]",
        r#""\x0f\x00\x01\x0b""#,
        r"\x0f\x00\x01\x0b",
        "0x0f00010b",
        "0x0fu8, 0x00u8, 0x01u8, 0x0bu8",
    ] {
        assert_eq!(bytes(text), [0x0f, 0, 1, 0x0b], "{text}");
    }
}

#[test]
fn of_a_c_array_only_the_bytes_count() {
    let found =
        &parse("unsigned char p[4] = {\n  0x0f, 0x00,\n  0x01, 0x0b };\nint len = 4;", None)[0];
    assert_eq!(found.bytes, [0x0f, 0, 1, 0x0b]);
    let expected =
        [(1, "unsigned"), (1, "char"), (1, "p"), (1, "4"), (4, "int"), (4, "len"), (4, "4")];
    assert_eq!(ignored(found), expected);
}

#[test]
fn comments_of_wireshark_are_no_bytes_whatever_is_in_them() {
    let text = "/* Frame (4 bytes) */\nstatic const unsigned char pkt1[4] = {\n\
                0x0f, 0x00, 0x01, 0x0b  /* 0x41, */..0x42 */\n};\n";
    assert_eq!(parse(text, None)[0].bytes, [0x0f, 0, 1, 0x0b]);
}

#[test]
fn strings_of_python_and_c_are_read_with_their_escapes() {
    for (text, expected) in [
        (r"b'\x0f\x00\x01\x0bTerraria326'", &b"\x0f\x00\x01\x0bTerraria326"[..]),
        (r#"data = b"it's\n\\\t\"" # the rest"#, b"it's\n\\\t\""),
        (r#""\x01" "b2" "\x03""#, b"\x01b2\x03"),
        (r#""\001\0\377""#, b"\x01\0\xff"),
        ("\"\\x0f\\x00\" \\\n\"\\x01\"", b"\x0f\x00\x01"),
        (r"\x0f\x00Terra", b"\x0f\x00Terra"),
        (r">>> b'a' b'\x00'", b"a\0"),
    ] {
        assert_eq!(parse(text, None)[0].bytes, expected, "{text}");
    }
    let odd = &parse(r"b'\x0\q'", None)[0];
    assert_eq!(odd.problems.len(), 2, "{odd:?}");
}

#[test]
fn dumps_of_the_usual_tools_are_read() {
    for text in [
        "00000000: 0f00 010b 5465 7272 6172 6961 3332 3620  ....Terraria326 \n\
         00000010: 7c78 0a                                  |x.\n",
        "00000000  0f 00 01 0b 54 65 72 72  61 72 69 61 33 32 36 20  |....Terraria326 |\n\
         00000010  7c 78 0a                                          ||x.|\n00000013\n",
        "0000   0f 00 01 0b 54 65 72 72 61 72 69 61 33 32 36 20   ....Terraria326 \n\
         0010   7c 78 0a                                          |x.\n",
        "0000  0f 00 01 0b 54 65 72 72 61 72 69 61 33 32 36 20  ....Terraria326\n\
         0010  7c 78 0a                                         |x.\n",
        "0000000 0f 00 01 0b 54 65 72 72 61 72 69 61 33 32 36 20\n0000010 7c 78 0a\n0000013\n",
        "000000 0f 00 01 0b 54 65 72 72 61 72 69 61 33 32 36 20  >....Terraria326 <\n\
         000010 7c 78 0a                                         >|x.<\n000013\n",
        // od's own offsets are octal.
        "0000000 0f 00 01 0b 54 65 72 72 61 72 69 61 33 32 36 20\n0000020 7c 78 0a\n0000023\n",
        // hexdump without -C: numbers of two bytes.
        "0000000 000f 0b01 6554 7272 7261 6169 3233 2036\n0000010 787c 000a\n0000013\n",
        "00000000: 0b01000f 72726554 61697261 20363233  ....Terraria326 \n\
         00000010: 000a787c                             |x..\n00000013:\n",
        "0x7ffe10:\t0x0f\t0x00\t0x01\t0x0b\t0x54\t0x65\t0x72\t0x72\n\
         0x7ffe18 <buf+8>:\t0x61\t0x72\t0x69\t0x61\t0x33\t0x32\t0x36\t0x20\n\
         0x7ffe20:\t0x7c\t0x78\t0x0a\n",
        "           00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F\n\
         00000000   0F 00 01 0B 54 65 72 72 61 72 69 61 33 32 36 20  ....Terraria326 \n\
         00000010   7C 78 0A                                         |x.\n",
        "┌────────┬─────────────────────────┬─────────────────────────┬────────┬────────┐\n\
         │00000000│ 0f 00 01 0b 54 65 72 72 ┊ 61 72 69 61 33 32 36 20 │•⋄••Terr┊aria326 │\n\
         │00000010│ 7c 78 0a                ┊                         │|x_     ┊        │\n\
         └────────┴─────────────────────────┴─────────────────────────┴────────┴────────┘\n",
        "\t0x0000:  0f00 010b 5465 7272 6172 6961 3332 3620  ....Terraria326.\n\
         \t0x0010:  7c78 0a                                  |x.\n",
    ] {
        assert_eq!(bytes(text), BYTES, "{text}");
    }
}

#[test]
fn characters_that_look_like_hex_are_not_read_twice() {
    // Without a next line only the characters tell where the bytes end.
    for text in [
        "0000  61 62 20 63 64  ab cd\n",
        "00000000: 6162 2063 64                             ab cd\n",
        "00000000  61 62 20 63 64                                    |ab cd|\n",
        "0000   61 62 20 63 64                                    ab cd",
    ] {
        assert_eq!(bytes(text), b"ab cd", "{text}");
    }
}

#[test]
fn a_dump_may_begin_anywhere_and_leave_out_what_repeats() {
    let text = "00000100  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n\
                *\n00000140  01  |.|\n00000141\n";
    let mut expected = vec![0; 64];
    expected.push(1);
    assert_eq!(bytes(text), expected);
    assert_eq!(parse(text, None)[0].notes, ["the dump begins at offset 0x100"]);
}

#[test]
fn a_dump_that_claims_to_repeat_without_end_is_no_dump() {
    let text = "00000000  00 00  |..|\n*\nffffffffff  01  |.|\n";
    assert!(parse(text, None).iter().all(|part| part.bytes.len() < 100));
}

#[test]
fn a_row_that_is_missing_is_told_with_the_line_behind_it() {
    let row = |n: usize| {
        format!("{:08x}: 0001 0203 0405 0607 0809 0a0b 0c0d 0e0f  ................\n", n * 16)
    };
    let parts = parse(&[row(0), row(1), row(3), row(4)].concat(), None);
    assert_eq!(parts.len(), 2);
    assert_eq!((parts[0].bytes.len(), parts[1].bytes.len()), (32, 32));
    let problem = "offset 0x30 is behind a gap: 16 bytes from 0x20 on are missing";
    assert_eq!(parts[1].problems, [(3, problem.to_owned())]);
    // A row twice, or rows in another order.
    let parts = parse(&[row(0), row(1), row(1), row(2)].concat(), None);
    assert_eq!(parts[1].problems[0].0, 3);
}

#[test]
fn lines_left_out_of_a_dump_without_offsets_are_told() {
    let found = &parse(" 00 00 00 00\n*\n 01\n", None)[0];
    assert_eq!(found.problems.len(), 1, "{found:?}");
    assert_eq!(found.problems[0].0, 2);
}

#[test]
fn several_dumps_are_several_pieces() {
    let text = "Frame (4 bytes):\n0000  0f 00 01 0b  ....\n\nFrame (2 bytes):\n0000  68 69  hi\n";
    let parts = parse(text, None);
    let found: Vec<&[u8]> = parts.iter().map(|part| &part.bytes[..]).collect();
    assert_eq!(found, [&b"\x0f\x00\x01\x0b"[..], b"hi"]);
    assert!(parts.iter().all(|part| part.problems.is_empty()));
}

#[test]
fn characters_that_are_others_than_the_bytes_are_told() {
    let text = "00000000: 0f00 010b 5465 7272 6172 6961 3332 3620  ....Derraria326 \n\
                00000010: 7c78 0a                                  |y.\n";
    let parts = parse(text, None);
    let lines: Vec<usize> = parts[0].problems.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [1, 2], "{parts:?}");
    assert!(parts[0].problems[0].1.ends_with("first at byte 5 of the line"), "{parts:?}");
    let framed = parse("00000000  0f 00 01 0b  |..x.|\n00000004\n", None);
    assert_eq!((framed[0].bytes.len(), framed[0].problems.len()), (4, 1), "{framed:?}");
    let octal = parse("0000000 000017 005401 062524 071162\n0000010\n", None);
    assert_eq!(octal[0].bytes, *b"\x0f\0\x01\x0bTerr");
}

#[test]
fn junk_is_left_out_and_told() {
    let found = &parse("packet: 0f 00 zz\n# 01", None)[0];
    assert_eq!(found.bytes, [0x0f, 0]);
    assert_eq!(ignored(found), [(1, "packet"), (1, "zz"), (2, "# 01")]);
}

#[test]
fn words_that_look_like_hex_are_words_where_words_stand() {
    for text in [
        "received a bad packet of 4 bytes: 0f 00 01 0b",
        "[12:01:33.125] → server 0f 00 01 0b // dead beef",
        "$ echo 0f00010b",
        "send(0f 00 01 0b) ok",
    ] {
        assert_eq!(parse(text, None)[0].bytes, [0x0f, 0, 1, 0x0b], "{text}");
    }
    assert_eq!(bytes("deadbeef"), [0xde, 0xad, 0xbe, 0xef]);
    assert_eq!(bytes("dead beef"), [0xde, 0xad, 0xbe, 0xef]);
}

#[test]
fn base64_is_known_and_told() {
    for text in [
        "DwABC1RlcnJhcmlhMzI2",
        "'DwABC1RlcnJhcmlhMzI2'",
        "payload: DwABC1RlcnJhcmlhMzI2",
        "DwABC1RlcnJhcmlh\nMzI2",
        r#"{"b64":"DwABC1RlcnJhcmlhMzI2"}"#,
    ] {
        let found = &parse(text, None)[0];
        assert_eq!(found.bytes, b"\x0f\0\x01\x0bTerraria326", "{text}");
        assert_eq!(found.notes.len(), 1, "{text}");
    }
    // Digits are hex, unless it is said that they are not.
    assert_eq!(bytes("0f00010b"), [0x0f, 0, 1, 0x0b]);
    assert_eq!(parse("0f00010b", Some(Form::Base64))[0].bytes.len(), 6);
    assert!(parse("hello world", None)[0].bytes.is_empty());
}

#[test]
fn numbers_that_cannot_be_hex_are_decimal() {
    assert_eq!(parse("[15, 0, 1, 211]", None)[0].bytes, [15, 0, 1, 211]);
    assert_eq!(parse("new byte[] { 15, 0, -1 }", None)[0].bytes, [15, 0, 255]);
    let both = &parse("[15, 0, 1, 11]", None)[0];
    assert_eq!(both.bytes, [15, 0, 1, 11]);
    assert!(both.notes[0].contains("--as hex"), "{both:?}");
    assert_eq!(parse("[15, 0, 1, 11]", Some(Form::Hex))[0].bytes, [0x15, 0, 1, 0x11]);
    // With zeros in front it is hex, as Rust's {:02x?} writes it.
    let padded = &parse("[15, 00, 01, 11]", None)[0];
    assert_eq!(padded.bytes, [0x15, 0, 1, 0x11]);
    assert!(padded.notes[0].contains("--as decimal"), "{padded:?}");
}

#[test]
fn any_text_is_read_without_a_panic() {
    for text in [
        "0",
        "é 0x",
        "\\x",
        "\\xé0",
        "0x0xx",
        "00000000:",
        "0000  é",
        "*\n*\n",
        "a  b   c",
        "b'",
        "│",
        "│00│",
    ] {
        for form in [None, Some(Form::Dump), Some(Form::String), Some(Form::Base64)] {
            parse(text, form);
        }
    }
}

fn chars(bytes: &[u8]) -> String {
    let shown = |byte: &u8| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' };
    bytes.iter().map(shown).collect()
}

/// Rows of 16 bytes: the offset, what stands around it, bytes in groups, and the characters.
fn dump(bytes: &[u8], line: impl Fn(usize, &[u8]) -> String) -> String {
    bytes.chunks(16).enumerate().map(|(n, row)| line(n * 16, row) + "\n").collect()
}

fn spaced(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x} ")).collect::<String>().trim_end().to_owned()
}

fn in_pairs(bytes: &[u8]) -> String {
    bytes.chunks(2).map(|pair| ::hex::encode(pair) + " ").collect::<String>().trim_end().to_owned()
}

/// Every form that the usual tools write, of some bytes.
fn written(bytes: &[u8]) -> Vec<(&'static str, String)> {
    let c: Vec<String> = bytes.iter().map(|byte| format!("0x{byte:02x}")).collect();
    let x: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    let python: String = bytes
        .iter()
        .map(|byte| match byte {
            b'\n' => "\\n".to_owned(),
            b'\\' => "\\\\".to_owned(),
            b'\'' => "\\'".to_owned(),
            0x20..0x7f => char::from(*byte).to_string(),
            _ => format!("\\x{byte:02x}"),
        })
        .collect();
    let plain = ::hex::encode(bytes);
    let lines: Vec<&str> =
        plain.as_bytes().chunks(60).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let end = format!("{:08x}\n", bytes.len());
    vec![
        ("hex stream", plain.clone()),
        ("spaced", spaced(bytes)),
        ("upper", spaced(bytes).to_uppercase()),
        ("xxd -p", lines.join("\n")),
        ("xxd", dump(bytes, |at, row| format!("{at:08x}: {:<39}  {}", in_pairs(row), chars(row)))),
        (
            "hexdump -C",
            dump(bytes, |at, row| {
                let (a, b) = row.split_at(row.len().min(8));
                format!("{at:08x}  {:<23}  {:<23}  |{}|", spaced(a), spaced(b), chars(row))
            }) + &end,
        ),
        (
            "od -A x -t x1z",
            dump(bytes, |at, row| format!("{at:06x} {:<47}  >{}<", spaced(row), chars(row)))
                + &format!("{:06x}\n", bytes.len()),
        ),
        (
            "tshark -x",
            dump(bytes, |at, row| format!("{at:04x}  {:<47}   {}", spaced(row), chars(row))),
        ),
        (
            "tshark -x, cut",
            dump(bytes, |at, row| {
                format!("{at:04x}  {:<47}   {}", spaced(row), chars(row)).trim_end().to_owned()
            }),
        ),
        ("xxd -i", format!("unsigned char a[] = {{\n  {}\n}};", c.join(", "))),
        ("escaped", format!("\"{x}\"")),
        ("python", format!("b'{python}'")),
    ]
}

/// Each was read as something else once: its end as a direction, as lines that repeat, its start as `0x`.
#[test]
fn characters_at_the_end_of_a_dump_are_bytes() {
    for end in ["s2c", "c>s", "s->c", "*", " *", "**", "- *", ">", "<", "|", "--", "// a", "[s2c]"]
    {
        for front in ["", "A> ", "[a b] ", "0000  net: "] {
            let bytes = [&[0; 16][..], end.as_bytes()].concat();
            for (form, text) in written(&bytes).into_iter().filter(|(form, _)| is_dump(form)) {
                let text: String = text.lines().map(|line| format!("{front}{line}\n")).collect();
                let parts = parse(&text, None);
                assert_eq!(parts.len(), 1, "{form}:\n{text}{parts:?}");
                assert_eq!(parts[0].bytes, bytes, "{form}:\n{text}{parts:?}");
            }
        }
    }
}

#[test]
fn base64_may_begin_as_a_number_does() {
    for text in ["0XaLAAAAAAAAAAAAAAAAAA==", "0xau/AAAAAAAAAAAAAAAAA==", "0XfuuAAAAAAAAAAAAAAAAA=="]
    {
        let parts = parse(text, None);
        assert_eq!(to_base64(&parts[0].bytes), text);
    }
    for text in ["0xFEL, 0x01L", "0xfeu8, 0x01_u8", "0xFEi8 0x01i8"] {
        assert_eq!(parse(text, None)[0].bytes, [0xfe, 0x01], "{text}");
    }
}

/// Whether a form is a dump with offsets that other words may stand in front of.
fn is_dump(form: &str) -> bool {
    ["xxd", "hexdump -C", "od -A x -t x1z", "tshark -x"].contains(&form)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_usual_tools_write_comes_back(bytes in proptest::collection::vec(any::<u8>(), 1..80)) {
        for (form, text) in written(&bytes) {
            let parts = parse(&text, None);
            prop_assert_eq!(parts.len(), 1, "{}:\n{}", form, text);
            prop_assert_eq!(&parts[0].bytes, &bytes, "{}:\n{}", form, text);
        }
        let base64 = to_base64(&bytes);
        prop_assert_eq!(&parse(&base64, Some(Form::Base64))[0].bytes, &bytes);
        if base64.len() >= 24 {
            prop_assert_eq!(&parse(&base64, None)[0].bytes, &bytes, "{}", base64);
        }
        let decimal = format!("{bytes:?}");
        prop_assert_eq!(&parse(&decimal, Some(Form::Decimal))[0].bytes, &bytes);
    }

    #[test]
    fn bytes_that_are_text_come_back_too(text in "[ -~]{1,60}|[0-9a-f |<>.]{1,60}| {0,30}[a-f0-9 ]{0,20}x") {
        for (form, written) in written(text.as_bytes()) {
            let parts = parse(&written, None);
            prop_assert_eq!(parts.len(), 1, "{}:\n{}", form, written);
            prop_assert_eq!(&parts[0].bytes[..], text.as_bytes(), "{}:\n{}", form, written);
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,200}|[0-9a-fx:|>< \\n*\\\\'\"b,{}\\[\\]-]{0,200}") {
        for form in <Form as ValueEnum>::value_variants().iter().map(|form| Some(*form)).chain([None]) {
            prop_assert!(!parse(&text, form).is_empty());
        }
    }
}

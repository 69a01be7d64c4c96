//! Bytes as languages, debuggers and editors other than the usual tools write them.

use super::super::{Form, parse};
use super::expect;

/// The bytes that most of the texts are.
const BYTES: [u8; 4] = [0xfe, 0x01, 0x02, 0x4a];

#[track_caller]
fn refused(text: &str, words: &str) {
    let parts = parse(text, None);
    let problems: Vec<_> = parts.iter().flat_map(|part| &part.problems).collect();
    assert!(problems.iter().any(|(_, problem)| problem.contains(words)), "{text}\n{parts:?}");
    assert!(parts.iter().all(|part| part.bytes.is_empty()), "{text}\n{parts:?}");
}

#[test]
fn bytes_may_have_the_marks_of_any_language() {
    let mut wrong = Vec::new();
    for text in [
        "FE-01-02-4A",
        "fe:01:02:4a",
        "0xFE,0x01,0x02,0x4A",
        "0XFE 0X01 0X02 0X4A",
        "#FE#01#02#4A",
        "#FE #01 #02 #4A",
        "&HFE, &H1, &H2, &H4A",
        "&HFE &H01 &H02 &H4A",
        "Dim b() As Byte = {&HFE, &H1, &H2, &H4A}",
        "Array(&HFE, &H1, &H2, 74)",
        "FEh 01h 02h 4Ah",
        "db 0FEh, 1, 02h, 4Ah",
        "packet: db 0FEh, 1, 2, 'J' ; the first, of many",
        "  db 0feh, 01h\n  db 02h, 4ah\n",
        "$FE $01 $02 $4A",
        "  dc.b $FE,$01,$02,$4A",
        "const A: array[0..3] of Byte = ($FE, $01, $02, $4A);",
        "16#FE#, 16#01#, 16#02#, 16#4A#",
        "(16#FE#, 1, 2, 16#4A#)",
        "X'FE01024A'",
        "SELECT x'fe01024a';",
        "x\"FE01024A\"",
        "8'hFE, 8'h01, 8'h02, 8'h4A",
        "H'FE', H'01', H'02', H'4A'",
        "#xFE #x01 #x02 #x4A",
        r"\xFE01024A",
        r"'\xfe01024a'::bytea",
        "<fe01024a>",
        "<fe01 024a>",
        "{length = 4, bytes = 0xfe01024a}",
        "[]byte{254, 1, 2, 74}",
        "[]byte{0xfe, 0x1, 0x2, 0x4a}",
        "[254 1 2 74]",
        "bytearray(b'\\xfe\\x01\\x02J')",
        "Buffer <fe 01 02 4a>",
        "<Buffer fe 01 02 4a>",
        "Uint8Array(4) [ 254, 1, 2, 74 ]",
        "Uint8Array [ 254, 1, 2, 74 ]",
        "<Uint8Array fe 01 02 4a>",
        "(byte)0xFE, (byte)0x01, (byte)0x02, (byte)0x4A",
        "constexpr std::array<unsigned char, 4> data = {\n    0xFE, 0x01, 0x02, 0x4A\n};",
        "let data: [u8; 0x04] = [\n    0xFE, 0x01, 0x02, 0x4A\n];",
        "data = bytes([\n    0xFE, 0x01, 0x02, 0x4A\n])",
        "const data = new Uint8Array([\n    0xFE, 0x01, 0x02, 0x4A\n]);",
        "data := [...]byte{\n    0xFE, 0x01, 0x02, 0x4A,\n}",
        "final byte[] data = {\n    (byte)0xFE, (byte)0x01, (byte)0x02, (byte)0x4A\n};",
        "data = {\n    0xFE, 0x01, 0x02, 0x4A\n}",
        "std::array<byte, 4>{ byte{0xFE}, byte{0x01}, byte{0x02}, byte{0x4A} }",
        "chr(0xFE).chr(0x01).chr(0x02).chr(0x4A)",
        "'\\xfe', '\\x01', '\\x02', 'J'",
        r"\x{FE}\x{01}\x{02}J",
        "0b11111110, 0b00000001, 0b00000010, 0b01001010",
        "0b1111_1110 0b0000_0001 0b0000_0010 0b0100_1010",
        "11111110 00000001 00000010 01001010",
        "11111110 00000001 00000010 01001010                    ...J",
        "11111110000000010000001001001010",
        "%FE%01%02J",
        "%fe%01%02%4a",
        "GET /scrape?info_hash=%FE%01%02J&left=12",
        "=FE=01=02J",
        "<<254,1,2,74>>",
        "<<16#FE, 16#01, 16#02, 16#4A>>",
        "[-2 1 2 74]",
        "chr(254).chr(1).chr(2).chr(74)",
        "Chr(254) & Chr(1) & Chr(2) & Chr(74)",
        "#FE01024A",
        "E'\\\\xfe01024a'",
        "\"\\\\xfe\\\\x01\\\\x02J\"",
        "INSERT INTO t VALUES(1, X'FE01024A');",
        "ArrayBuffer { [Uint8Contents]: <fe 01 02 4a>, byteLength: 4 }",
        "length: 4 fe 01 02 4a",
        "len=4 from=0 to=3 fe 01 02 4a",
        "id=0x0f len=4: fe 01 02 4a",
        "127.0.0.1:5555 -> 127.0.0.1:7777 fe 01 02 4a",
        "=FE=01=\n=02J\n",
    ] {
        let found = parse(text, None);
        let is_read = found.len() == 1 && found[0].bytes == BYTES && found[0].problems.is_empty();
        wrong.extend((!is_read).then(|| format!("{text}\n{found:?}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_can_be_two_things_is_told_or_refused() {
    let binary = expect("0b11111110", &[0xfe]);
    assert!(binary.notes[0].contains("--as hex"), "{binary:?}");
    assert_eq!(parse("0b11111110", Some(Form::Hex))[0].bytes, [0x0b, 0x11, 0x11, 0x11, 0x10]);
    refused("00000000 00000001", "--as binary or --as hex");
    assert_eq!(parse("00000000 00000001", Some(Form::Hex))[0].bytes.len(), 8);
    assert_eq!(parse("00000000 00000001", Some(Form::Binary))[0].bytes, [0, 1]);
    expect("00000001", &[0, 0, 0, 1]);
    expect("0b 11 01 10", &[0x0b, 0x11, 0x01, 0x10]);
    let form = expect("a=%FE+%01", &[0xfe, b' ', 1]);
    assert!(form.notes[0].contains("space"), "{form:?}");
    refused("dw 0FE01h, 1", "which comes first");
    refused(":0400000001020304F2\n:00000001FF\n", "objcopy -I ihex");
    refused("S1070000010203048E\nS9030000FC\n", "objcopy -I srec");
    refused("<~s8W-!~>", "Ascii85");
    refused("begin 644 packet\n#_@$\"\n`\nend\n", "uudecode");
    refused("009C61O)~M2nh-c3=Iws5D^j+", "no hex");
    let spaces = expect("\\xfe \\x01J\\x02", &[0xfe, 1, b'J', 2]);
    assert!(spaces.notes[0].contains("quotes"), "{spaces:?}");
    let latin = expect("'\u{b7}\\x0E'", &[0xc2, 0xb7, 0x0e]);
    assert!(latin.notes[0].contains("UTF-8"), "{latin:?}");
    refused("$FE, LEN, $01", "`LEN` is no byte");
    refused("{length = 40, bytes = 0xfe010203 04050607 ... 0a0b0c0d }", "40 in the data");
    let cut = &parse("%FE%01%0", None)[0];
    assert_eq!(cut.problems.len(), 1, "{cut:?}");
    let node = &parse("<Buffer fe 01 02 03 ... 12 more bytes>", None)[0];
    assert_eq!((node.bytes.len(), node.problems.len()), (4, 1), "{node:?}");
    let line_end = &parse("=FE=01\nTe=02=03", None)[0];
    assert_eq!(line_end.problems[0].0, 1, "{line_end:?}");
}

#[test]
fn characters_beside_bytes_without_offsets_are_no_bytes() {
    for text in ["61 62 20 63 64  ab cd", "6162 2063 64  ab cd\n", "61 62 20 63 64           ab cd"]
    {
        expect(text, b"ab cd");
    }
    expect("fe 01 02 64  ...d\n", &[0xfe, 1, 2, b'd']);
}

#[test]
fn dumps_of_editors_and_libraries_are_read() {
    let bytes = b"\xfe\x01\x02Terraria |12 \0\xff\x09abc";
    for text in [
        // netty's ByteBufUtil.
        "         +-------------------------------------------------+\n\
         \x20        |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |\n\
         +--------+-------------------------------------------------+----------------+\n\
         |00000000| fe 01 02 54 65 72 72 61 72 69 61 20 7c 31 32 20 |...Terraria |12 |\n\
         |00000010| 00 ff 09 61 62 63                               |...abc          |\n\
         +--------+-------------------------------------------------+----------------+\n",
        // PowerShell 5.
        "\n\n           Path: C:\\packet.bin\n\n\
         \x20          00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F\n\n\
         00000000   FE 01 02 54 65 72 72 61 72 69 61 20 7C 31 32 20  \u{fe}..Terraria |12 \n\
         00000010   00 FF 09 61 62 63                                .\u{ff}.abc\n",
        // PowerShell 7.
        "\n   Label: Byte[] (System.Byte[]) <1B2C3D4E>\n\n\
         \x20         Offset Bytes                                           Ascii\n\
         \x20                00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F\n\
         \x20         ------ ----------------------------------------------- -----\n\
         0000000000000000 FE 01 02 54 65 72 72 61 72 69 61 20 7C 31 32 20 \u{fe}\u{fffd}\u{fffd}Terraria |12 \n\
         0000000000000010 00 FF 09 61 62 63                               \u{fffd}\u{ff}\u{fffd}abc\n",
        // HxD.
        "Offset(h) 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F\n\n\
         00000000  FE 01 02 54 65 72 72 61 72 69 61 20 7C 31 32 20  \u{fe}..Terraria |12 \n\
         00000010  00 FF 09 61 62 63                                .\u{ff}.abc\n",
        // 010 Editor.
        "0000h: FE 01 02 54 65 72 72 61 72 69 61 20 7C 31 32 20  \u{fe}..Terraria |12 \n\
         0010h: 00 FF 09 61 62 63                                .\u{ff}.abc\n",
        // ImHex.
        "Hex View  00 01 02 03 04 05 06 07  08 09 0A 0B 0C 0D 0E 0F\n\n\
         00000000  FE 01 02 54 65 72 72 61  72 69 61 20 7C 31 32 20  ...Terraria |12 \n\
         00000010  00 FF 09 61 62 63                                 ...abc          \n",
        // certutil.
        "    0000  fe 01 02 54 65 72 72 61  72 69 61 20 7c 31 32 20   ...Terraria |12 \n\
         \x20   0010  00 ff 09 61 62 63                                  ...abc\n",
        "0000\tfe 01 02 54 65 72 72 61  72 69 61 20 7c 31 32 20   ...Terraria |12 \n\
         0010\t00 ff 09 61 62 63                                  ...abc\n",
        // scapy.
        "0000  FE 01 02 54 65 72 72 61 72 69 61 20 7C 31 32 20  ...Terraria |12 \n\
         0010  00 FF 09 61 62 63                                ...abc\n",
        // openssl s_client, ncat.
        "0000 - fe 01 02 54 65 72 72 61-72 69 61 20 7c 31 32 20   ...Terraria |12 \n\
         0010 - 00 ff 09 61 62 63                                 ...abc\n",
        "[0000]   FE 01 02 54 65 72 72 61   72 69 61 20 7C 31 32 20   ...Terraria |12 \n\
         [0010]   00 FF 09 61 62 63                                   ...abc\n",
        "<0000> fe 01 02 54 65 72 72 61 72 69 61 20 7c 31 32 20\n<0010> 00 ff 09 61 62 63\n",
        "+0000 fe 01 02 54 65 72 72 61 72 69 61 20 7c 31 32 20\n+0010 00 ff 09 61 62 63\n",
        "0000 | fe 01 02 54 65 72 72 61 72 69 61 20 7c 31 32 20 | ...Terraria |12 \n\
         0010 | 00 ff 09 61 62 63 | ...abc\n",
        "00000000`0012f8f0  fe 01 02 54 65 72 72 61-72 69 61 20 7c 31 32 20  ...Terraria |12 \n\
         00000000`0012f900  00 ff 09 61 62 63                                ...abc\n",
        // DOS and Windows debuggers.
        "0B2F:0100  FE 01 02 54 65 72 72 61-72 69 61 20 7C 31 32 20   ...Terraria |12 \n\
         0B2F:0110  00 FF 09 61 62 63                                 ...abc\n",
    ] {
        expect(text, bytes);
    }
    let short = "0000000000000000 FE 01 02 54                                     \u{fe}\u{fffd}\u{fffd}T\n";
    expect(short, b"\xfe\x01\x02T");
    let netty = "12:00:01.125 [nioEventLoopGroup-2-1] INFO  [netty] - [id: 0x6f2c9a01] READ: 4B\n\
                 \x20        +-------------------------------------------------+\n\
                 \x20        |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |\n\
                 +--------+-------------------------------------------------+----------------+\n\
                 |00000000| fe 01 02 4a                                     |...J            |\n\
                 +--------+-------------------------------------------------+----------------+\n";
    expect(netty, &BYTES);
}

//! What is shown of a packet: JSON, one line, a tree.

#![allow(clippy::unwrap_used)]

use hex_literal::hex;
use midwire_codec::Direction;
use midwire_definition::sources::{LoadError, Loader};
use midwire_definition::{Packet, Protocol, Workspace, json, line, tree};

struct Text(String);

impl Loader for Text {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        match path {
            "t.wire" => Ok(self.0.clone()),
            _ => Err(LoadError::NotFound { path: path.to_owned() }),
        }
    }
}

/// Reads `bytes` as the packet `P` of a protocol with these declarations, and shows it.
fn with<T>(declarations: &str, bytes: &[u8], show: impl FnOnce(&mut Packet<'_>) -> T) -> T {
    let text = format!(
        "protocol t \"T\" {{\n endian big\n versions {{ 1 \"1.0\" }}\n port 1\n frame {{ length: u16, id: u8 }}\n}}\n{declarations}\n"
    );
    let protocol = match Protocol::load("t.wire", &Text(text)) {
        Ok(protocol) => protocol,
        Err(problems) => panic!("{problems}"),
    };
    let dialect = protocol.dialect(protocol.versions.newest());
    let state = dialect.packets().next().unwrap().state;
    let definition = dialect.packet_named(state, Direction::Clientbound, "P").unwrap();
    let plan = definition.plan.as_ref().unwrap();
    let mut ws = Workspace::default();
    show(&mut plan.decode(bytes, 0, &[], &mut ws))
}

fn fields(declarations: &str, bytes: &[u8]) -> String {
    let text = with(declarations, bytes, |packet| {
        let mut out = String::new();
        json::write_fields(packet, &mut out);
        out
    });
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
    text
}

/// The JSON of a packet with these fields.
fn json_of(body: &str, bytes: &[u8]) -> String {
    fields(&format!("packet P = 1 clientbound {{\n{body}\n}}"), bytes)
}

fn summary(declarations: &str, bytes: &[u8], width: usize) -> String {
    with(declarations, bytes, |packet| {
        let mut shown = line::Line::new();
        line::write_summary(packet, width, &mut shown);
        assert!(shown.width() <= width, "{}", shown.as_str());
        let pieces: String = shown.spans().map(|span| span.text).collect();
        assert_eq!(pieces, shown.as_str());
        shown.as_str().to_owned()
    })
}

fn line_of(body: &str, bytes: &[u8]) -> String {
    summary(&format!("packet P = 1 clientbound {{\n{body}\n}}"), bytes, 100)
}

mod json_form {
    use super::*;

    #[test]
    fn integers_are_exact() {
        let all = json_of(
            "a: u8, b: i8, c: i64, d: u64, e: u128, f: varint, g: varlong, h: zigzag32",
            &hex!(
                "ff ff 8000000000000000 ffffffffffffffff ffffffffffffffffffffffffffffffff
                 ffffffff0f 80808080808080808001 03"
            ),
        );
        assert_eq!(
            all,
            concat!(
                r#"{"a":255,"b":-1,"c":-9223372036854775808,"d":18446744073709551615,"#,
                r#""e":340282366920938463463374607431768211455,"f":-1,"g":-9223372036854775808,"h":-2}"#
            )
        );
    }

    #[test]
    fn an_over_long_varint_has_its_bytes_beside_it() {
        assert_eq!(json_of("a: varint", &hex!("8500")), r#"{"a":{"value":5,"$raw":"8500"}}"#);
        assert_eq!(
            json_of("a: varint", &hex!("ffffffff7f")),
            r#"{"a":{"value":-1,"$raw":"ffffffff7f"}}"#
        );
        assert_eq!(json_of("a: varint", &hex!("00")), r#"{"a":0}"#);
    }

    #[test]
    fn floats_are_the_shortest_that_read_back() {
        let all = json_of(
            "a: f32, b: f64, c: f16, d: f32, e: f32",
            &hex!("3dcccccd 3fb999999999999a 3c00 80000000 7149f2ca"),
        );
        assert_eq!(all, r#"{"a":0.1,"b":0.1,"c":1.0,"d":-0.0,"e":1e30}"#);
    }

    #[test]
    fn floats_that_are_no_numbers_are_text() {
        let all = json_of(
            "a: f32, b: f32, c: f64, d: f32, e: f32le, f: f16",
            &hex!("7f800000 ff800000 7ff8000000000000 7fc00001 0100c07f fe01"),
        );
        assert_eq!(
            all,
            concat!(
                r#"{"a":"Infinity","b":"-Infinity","c":"NaN","d":{"value":"NaN","$raw":"7fc00001"},"#,
                r#""e":{"value":"NaN","$raw":"0100c07f"},"f":{"value":"NaN","$raw":"fe01"}}"#
            )
        );
    }

    #[test]
    fn a_bool_that_is_neither_0_nor_1_keeps_its_byte() {
        assert_eq!(
            json_of("a: bool, b: bool, c: bool", &hex!("00 01 05")),
            r#"{"a":false,"b":true,"c":{"value":true,"$raw":"05"}}"#
        );
    }

    #[test]
    fn text_is_escaped_and_what_is_no_text_keeps_its_bytes() {
        assert_eq!(
            json_of("a: str[u8]", b"\x09\"\\\n\x1b\xe2\x80\xae\x7f."),
            r#"{"a":"\"\\\n\u001b\u202e\u007f."}"#
        );
        assert_eq!(
            json_of("a: str[varint]", &hex!("02 61ff")),
            r#"{"a":{"value":"a�","$raw":"0261ff"}}"#
        );
        assert_eq!(
            json_of("a: str[varint]", &hex!("8100 61")),
            r#"{"a":{"value":"a","$raw":"810061"}}"#
        );
        assert_eq!(json_of("a: latin1[u8]", &hex!("01 e9")), r#"{"a":"é"}"#);
        assert_eq!(json_of("a: mutf8[u8]", &hex!("02 c080")), r#"{"a":"\u0000"}"#);
        assert_eq!(json_of("a: mutf8[u8]", &hex!("01 00")), r#"{"a":{"value":"�","$raw":"0100"}}"#);
    }

    #[test]
    fn bytes_uuids_enums_flags_and_bits() {
        let all = json_of(
            "a: bytes[u8], b: uuid, c: enum u8 { one, two }, d: enum u8 { one, two }
             e: flags u8 { up, left, down }, f: flags i8 { up }, g: bits u8 msb { x: i4, y: u2, pad 2 }
             h: flags u8 { up }",
            &hex!("02 0aff 069a79f444e94726a5befca90e38aaf5 01 07 05 c1 fb 00"),
        );
        assert_eq!(
            all,
            concat!(
                r#"{"a":"0aff","b":"069a79f4-44e9-4726-a5be-fca90e38aaf5","c":"two","d":7,"#,
                r#""e":["up","down"],"f":["up",192],"g":{"x":-1,"y":2,"$pad":3},"h":[]}"#
            )
        );
    }

    #[test]
    fn what_is_not_there_has_no_key_and_is_null_in_a_list() {
        let body = "a: opt u8, b: opt u8, c: [u8] opt u8\nif a == 9 { d: u8 }\ne: u8";
        assert_eq!(
            json_of(body, &hex!("00 01 05 02 00 01 07 03")),
            r#"{"b":5,"c":[null,7],"e":3}"#
        );
    }

    #[test]
    fn structs_and_lists_nest() {
        let declarations = "type V { x: u8, y: u8 }
            packet P = 1 clientbound { at: V, all: [u8] V, deep: [u8] [u8] u8, inner: sized[u8] { a: u8, b: [..] V } }";
        assert_eq!(
            fields(declarations, &hex!("01 02 02 03 04 05 06 02 01 09 00 03 07 08 09")),
            r#"{"at":{"x":1,"y":2},"all":[{"x":3,"y":4},{"x":5,"y":6}],"deep":[[9],[]],"inner":{"a":7,"b":[{"x":8,"y":9}]}}"#
        );
    }

    #[test]
    fn a_computed_field_is_shown() {
        assert_eq!(json_of("a: u8\nlet b = a * 2", &hex!("05")), r#"{"a":5,"b":10}"#);
    }

    #[test]
    fn padding_is_shown_when_it_is_not_zero() {
        let body = "pad 2, a: u8, pad 1, b: u8, pad 1";
        assert_eq!(json_of(body, &hex!("0000 01 00 02 00")), r#"{"a":1,"b":2}"#);
        assert_eq!(
            json_of(body, &hex!("0001 01 00 02 ff")),
            r#"{"$pad":"0001","a":1,"b":2,"$pad3":"ff"}"#
        );
    }

    #[test]
    fn an_unknown_tail_is_kept() {
        assert_eq!(json_of("a: u8\n...", &hex!("01 02 03")), r#"{"a":1,"$tail":"0203"}"#);
        assert_eq!(json_of("a: u8\n...", &hex!("01")), r#"{"a":1}"#);
    }

    #[test]
    fn secrets_show_only_their_length() {
        let body =
            "a: str[varint] @secret, b: bytes[u8] @secret, c: u32 @secret, d: [u8] u8 @secret";
        let text = json_of(body, &hex!("03 616263 02 0001 00000001 02 0708"));
        assert_eq!(
            text,
            r#"{"a":{"secret":3},"b":{"secret":2},"c":{"secret":4},"d":{"secret":3}}"#
        );
    }

    #[test]
    fn secrets_behind_a_length_or_a_bool_stay_secret() {
        let body = "a: opt str[u8] @secret, b: sized[u8] bytes[..] @secret, c: [u8] str[u8] @secret, d: sized[u8] { x: u8 } @secret";
        let text = json_of(body, &hex!("01 01 61 02 6161 01 01 61 01 61"));
        assert_eq!(
            text,
            r#"{"a":{"secret":1},"b":{"secret":2},"c":{"secret":3},"d":{"secret":2}}"#
        );
    }

    #[test]
    fn the_count_of_a_list_can_be_over_long() {
        assert_eq!(
            json_of("a: [varint] u8", &hex!("8200 01 02")),
            r#"{"a":{"value":[1,2],"$prefix":"8200"}}"#
        );
        assert_eq!(json_of("a: [varint] u8, b: u8", &hex!("02 01 02 03")), r#"{"a":[1,2],"b":3}"#);
    }

    #[test]
    fn an_end_mark_that_says_more_is_kept() {
        assert_eq!(
            json_of("a: [until u8 == 0] u8, b: u8", &hex!("01 02 00 05")),
            r#"{"a":[1,2],"b":5}"#
        );
        assert_eq!(
            json_of("a: [until u8 > 9] u8, b: u8", &hex!("01 02 0b 05")),
            r#"{"a":{"value":[1,2],"$end":"0b"},"b":5}"#
        );
        assert_eq!(
            json_of("a: [until u8 > 9] u8, b: u8", &hex!("0b 05")),
            r#"{"a":{"value":[],"$end":"0b"},"b":5}"#
        );
    }

    #[test]
    fn packed_numbers_are_a_list() {
        assert_eq!(json_of("a: packed(4, 3)", &hex!("0000000000000321")), r#"{"a":[1,2,3]}"#);
        assert_eq!(
            json_of("a: packed(4, 3)", &hex!("1000000000000321")),
            r#"{"a":{"value":[1,2,3],"$raw":"1000000000000321"}}"#
        );
        assert_eq!(json_of("a: packed(0, 3)", &hex!("")), r#"{"a":[]}"#);
        assert_eq!(
            json_of("a: packed(64, 1)", &hex!("ffffffffffffffff")),
            r#"{"a":[18446744073709551615]}"#
        );
    }

    #[test]
    fn nbt_is_typed() {
        assert_eq!(
            json_of("a: nbt, b: u8", &hex!("03 00000005 07")),
            r#"{"a":{"type":"int","value":5},"b":7}"#
        );
    }

    #[test]
    fn what_the_content_of_a_block_leaves_is_kept() {
        assert_eq!(
            json_of("a: sized[u8] { x: u8 }, b: u8", &hex!("03 01 0203 04")),
            r#"{"a":{"x":1,"$rest":"0203"},"b":4}"#
        );
        assert_eq!(
            json_of("a: sized[u8] u8, b: u8", &hex!("02 01 02 04")),
            r#"{"a":1,"$rest":"02","b":4}"#
        );
    }

    #[test]
    fn an_over_long_varint_in_an_inflated_block_has_its_bytes_beside_it() {
        // zlib of 85 00, stored.
        let bytes = hex!("0d 7801 01 0200 fdff 8500 010c0086");
        assert_eq!(
            json_of("a: zlib[u8] { x: varint }", &bytes),
            r#"{"a":{"x":{"value":5,"$raw":"8500"}}}"#
        );
    }

    #[test]
    fn inflated_blocks_are_shown_like_others() {
        // zlib of 00 05, stored.
        let bytes = hex!("0d 7801 01 0200 fdff 0005 00070006");
        assert_eq!(json_of("a: zlib[u8] { x: u16 }", &bytes), r#"{"a":{"x":5}}"#);
    }

    #[test]
    fn of_a_packet_that_ends_early_what_was_read_is_shown() {
        let text = with(
            "packet P = 1 clientbound { a: u8, b: [u8] { c: u16 }, d: u8 }",
            &hex!("01 02 0005 00"),
            |packet| {
                let mut out = String::new();
                json::write_fields(packet, &mut out);
                out.push(' ');
                json::write_error(packet.error().unwrap(), &mut out);
                out
            },
        );
        assert_eq!(
            text,
            r#"{"a":1,"b":[{"c":5},{}]} {"field":"b","offset":5,"message":"ends early: 1 more byte(s) wanted"}"#
        );
    }
}

mod one_line {
    use super::*;

    #[test]
    fn numbers_have_names_and_two_decimals() {
        assert_eq!(
            line_of(
                "health: f32, food: varint, food_saturation: f32",
                &hex!("41a00000 14 40a00000")
            ),
            "health=20 food=20 food_saturation=5"
        );
        let floats = [16.3125f64, 22.8, -0.004, 1e-9, 1e300, -3.0, f64::NAN];
        let bytes: Vec<u8> = floats.iter().flat_map(|f| f.to_be_bytes()).collect();
        assert_eq!(
            line_of("a: f64, b: f64, c: f64, d: f64, e: f64, f: f64, g: f64", &bytes),
            "a=16.31 b=22.80 c=-0.004 d=1.00e-9 e=1.00e300 f=-3 g=NaN"
        );
    }

    #[test]
    fn a_true_bool_is_its_name_and_a_false_one_is_left_out() {
        let body = "x: u8, on_ground: bool, flying: bool";
        assert_eq!(line_of(body, &hex!("05 01 00")), "x=5 on_ground");
        assert_eq!(line_of("a: bool, b: bool", &hex!("00 00")), "!a !b");
        assert_eq!(line_of("a: [u8] u8, b: flags u8 { x }", &hex!("00 00")), "a=[] b=0");
    }

    #[test]
    fn flags_and_enums_have_names() {
        let body =
            "keys: flags u8 { up down jump }, mode: enum u8 { walk, fly }, other: enum u8 { walk }";
        assert_eq!(line_of(body, &hex!("45 01 09")), "keys=up|jump|0x40 mode=fly other=9");
    }

    #[test]
    fn chat_has_no_name_and_is_quoted_and_escaped() {
        let body = "content: str[u8] @chat, is_action_bar: bool";
        let text = br#"{"text":"maintenance \"at\" midnight\u001b[31m"}"#;
        let bytes = [&[text.len() as u8], &text[..], &[0]].concat();
        assert_eq!(line_of(body, &bytes), r#""maintenance \"at\" midnight\x1b[31m""#);
        assert_eq!(line_of("c: nbt @chat", &hex!("08 0002 6869")), r#""hi""#);
        assert_eq!(line_of("c: str[u8] @chat, n: u8", b"\x05\xc2\xa7ahi\x07"), r#""hi" n=7"#);
        assert_eq!(line_of("lines: [2] str[u8] @chat", b"\x01a\x01b"), r#"lines=["a" "b"]"#);
    }

    #[test]
    fn structs_are_flattened_and_a_position_has_no_name() {
        let declarations = "type V { x: f32, y: f32 }
            packet P = 1 clientbound { position: V, velocity: V, location: bits u16 { x: i8, y: i8 }, of: [u8] V }";
        let bytes = hex!("3f800000 40000000 3f000000 00000000 ff02 01 3f800000 40000000");
        assert_eq!(
            summary(declarations, &bytes, 100),
            "x=1 y=2 velocity.x=0.50 velocity.y=0 x=-1 y=2 of=[{x=1 y=2}]"
        );
    }

    #[test]
    fn long_lists_and_bytes_are_shown_by_their_length() {
        let body = "a: [u8] u8, b: [u8] u8, c: bytes[u8], d: bytes[u8]";
        let bytes = hex!("04 01 02 03 04 05 01 02 03 04 05 03 0a0b0c 0a 00112233445566778899");
        assert_eq!(
            line_of(body, &bytes),
            "a=[1 2 3 4] b=[×5] c=0a0b0c d=0011223344556677…(10 bytes)"
        );
    }

    #[test]
    fn telling_fields_come_first_and_hidden_ones_not_at_all() {
        let body = "a: u8, b: u8 @hide, c: u8 @telling, d: { e: u8 @telling, f: u8 }, g: { h: u8 } @telling";
        assert_eq!(line_of(body, &hex!("01 02 03 04 05 06")), "c=3 d.e=4 g.h=6 a=1 d.f=5");
    }

    #[test]
    fn counts_that_only_measure_are_left_out() {
        assert_eq!(
            line_of("added_count: u8, other: u8, added: [added_count] u8", &hex!("02 07 01 02")),
            "other=7 added=[1 2]"
        );
    }

    #[test]
    fn attributes_change_how_a_number_is_shown() {
        let declarations = "table item { 1 stone, 2 dirt }
            type Color { r: u8, g: u8, b: u8 } @color
            packet P = 1 clientbound { a: u8 @ref item, b: u8 @ref item, c: u16 @hex, d: Color, e: u32 @color, f: u8 @unit \"px\", g: [2] u8 @ref item, h: u8 @unit \"tiles\" }";
        assert_eq!(
            summary(declarations, &hex!("01 09 beef ff8800 00112233 05 02 03 04"), 120),
            "a=stone b=9 c=0xbeef d=#ff8800 e=#112233 f=5px g=[dirt 3] h=4"
        );
    }

    #[test]
    fn secrets_are_stars() {
        let body = "a: str[u8] @secret, b: sized[u8] bytes[..] @secret, c: [u8] u8 @secret, d: u32 @secret, e: str[u8] @secret @chat, f: bool @secret";
        assert_eq!(
            line_of(body, &hex!("01 61 01 61 01 61 00000061 01 61 01")),
            "a=*** b=*** c=*** d=*** e=*** f=***"
        );
    }

    #[test]
    fn what_could_not_be_read_stands_at_the_end_and_has_its_room() {
        let declarations = "type C { kind: varint, data: u16 }
            packet P = 1 clientbound { slot: u8, name: str[u8], item: { added: [varint] C } }";
        let bytes = [&hex!("24 14")[..], &[b'x'; 20], &hex!("02 01 0005 01 00")].concat();
        assert_eq!(
            summary(declarations, &bytes, 110),
            "slot=36 name=\"xxxxxxxxxxxxxxxxxxxx\" item.added=[{kind=1 data=5} {kind=1}]; item.added[1].data ends early at 27"
        );
        assert_eq!(
            summary(declarations, &bytes, 60),
            "slot=36 name=\"xxxxxxxx…; item.added[1].data ends early at 27"
        );
        assert_eq!(line_of("a: u8", &hex!("01 02 03")), "a=1; 2 bytes left over");
        assert_eq!(line_of("a: u16", &hex!("01")), "a ends early at 0");
    }

    #[test]
    fn foreign_text_is_escaped_and_long_text_is_cut() {
        assert_eq!(line_of("a: str[u8]", b"\x05\x1b[2J\n"), r#"a="\x1b[2J\n""#);
        let long = [&[200u8][..], &[b'x'; 200]].concat();
        assert_eq!(line_of("a: str[u8]", &long), format!("a=\"{}…\"", "x".repeat(46)));
        assert_eq!(summary("packet P = 1 clientbound { a: str[u8] }", &long, 10), "a=\"xxxxxx…");
        assert_eq!(summary("packet P = 1 clientbound { a: str[u8] }", &long, 0), "");
    }

    #[test]
    fn pieces_say_what_they_are() {
        with("packet P = 1 clientbound { a: u8, t: str[u8], b: u16 }", b"\x05\x01x", |packet| {
            let mut shown = line::Line::new();
            shown.push(line::Role::Dim, "→ ");
            line::write_summary(packet, 80, &mut shown);
            let pieces: Vec<_> = shown.spans().map(|s| (s.text, s.role)).collect();
            use line::Role::*;
            assert_eq!(
                pieces,
                [
                    ("→ ", Dim),
                    ("a=", FieldName),
                    ("5", Number),
                    (" ", Plain),
                    ("t=", FieldName),
                    ("\"x\"", Text),
                    ("; ", Plain),
                    ("b ends early at 3", Error),
                ]
            );
        });
    }

    #[test]
    fn opaque_bytes_are_shown_by_their_start() {
        let mut shown = line::Line::new();
        line::write_bytes(&hex!("4a 00 01 9c 77"), 13, &mut shown);
        assert_eq!(shown.as_str(), "4a 00 01 9c …");
    }
}

mod field_tree {
    use super::*;
    use tree::{RowState, TreeLimits};

    fn rows(declarations: &str, bytes: &[u8], limits: TreeLimits) -> Vec<tree::Row> {
        with(declarations, bytes, |packet| tree::rows(packet, limits))
    }

    /// Rows as text: place, name, type, value.
    fn tree_of(declarations: &str, bytes: &[u8]) -> String {
        let rows = rows(declarations, bytes, TreeLimits::default());
        let mut out = String::new();
        for row in rows {
            let buffer =
                if row.place.buffer > 0 { format!("{}:", row.place.buffer) } else { String::new() };
            let state = match row.state {
                RowState::Read => "",
                RowState::Part => " part",
                RowState::Computed => " computed",
                RowState::Partial => " partial",
                RowState::Malformed => " malformed",
                RowState::Unread => " unread",
            };
            let doc = if row.doc.is_empty() { String::new() } else { format!(" -- {}", row.doc) };
            out.push_str(&format!(
                "{buffer}{}..{} {}{}: {} = {}{state}{doc}\n",
                row.place.start,
                row.place.end,
                "  ".repeat(row.depth as usize),
                row.name,
                row.kind,
                row.value
            ));
        }
        out
    }

    #[test]
    fn every_row_has_its_type_its_value_and_its_bytes() {
        let declarations = "type V { x: f32, y: f32 }
            table item { 1 stone }
            packet P = 1 clientbound {
              /// Which one.
              /// More about it.
              id: varint @ref item
              name: str[u8]
              at: V
              n: u8
              all: [n] V
              list: [u8] varint
              keys: flags u8 { up, down }
              mode: enum u8 { walk }
              corner: bits u8 { x: u4, y: i4 }
              let twice = n * 2
              key: bytes[2] @secret
              angle: u8 @unit \"tiles\"
            }";
        let bytes =
            hex!("01 02 6869 3f800000 40000000 01 00000000 3f000000 02 05 8101 81 07 f1 0102 09");
        assert_eq!(
            tree_of(declarations, &bytes),
            "\
0..1 id: varint = stone (1) -- Which one.
1..4 name: str[u8] = \"hi\"
4..12 at: struct = 
4..8   x: f32 = 1
8..12   y: f32 = 2
12..13 n: u8 = 1
13..21 all: [n] struct = 1 elements
13..21   [0]: struct = 
13..17     x: f32 = 0
17..21     y: f32 = 0.5
21..25 list: [u8] varint = 2 elements
22..23   [0]: varint = 5
23..25   [1]: varint = 129
25..26 keys: flags u8 = 0x81: up | 0x80
26..27 mode: enum u8 = 7 (unknown)
27..28 corner: bits u8 = 0xf1
27..28   x: u4 = 15 part
27..28   y: i4 = 1 part
28..28 twice: = n * 2 = 2 computed
28..30 key: bytes[2] = ***
30..31 angle: u8 = 9 tiles
"
        );
    }

    #[test]
    fn what_could_not_be_read_is_the_last_row() {
        assert_eq!(
            tree_of(
                "packet P = 1 clientbound { a: u8, b: { c: str[u8], d: u32 }, e: u8 }",
                &hex!("01 01 61 0002")
            ),
            "\
0..1 a: u8 = 1
1..5 b: struct =  partial
1..3   c: str[u8] = \"a\"
3..5 b.d: = ends early: 2 more byte(s) wanted malformed
"
            .replace(": = ends", ":  = ends")
        );
        assert_eq!(
            tree_of("packet P = 1 clientbound { a: u8 }", &hex!("01 02 03")),
            "0..1 a: u8 = 1\n1..3 :  = 2 bytes left over unread\n"
        );
    }

    #[test]
    fn bytes_that_say_whether_something_is_there_have_rows() {
        assert_eq!(
            tree_of(
                "packet P = 1 clientbound { a: opt u8, b: [u8] opt u8, c: sized[u8] { x: u8 } }",
                &hex!("01 05 01 00 02 07 09")
            ),
            "\
0..1 present: bool = true
1..2 a: u8 = 5
2..4 b: [u8] struct = 1 elements
3..4   [0]: bool = false
3..4   [0]:  = absent
4..7 c: sized[u8] = 
5..6   x: u8 = 7
6..7   :  = 1 bytes left over unread
"
        );
    }

    #[test]
    fn inflated_blocks_have_places_of_their_own() {
        let bytes = hex!("07 0d 7801 01 0200 fdff 0005 00070006");
        assert_eq!(
            tree_of("packet P = 1 clientbound { a: u8, z: zlib[u8] { x: u16 } }", &bytes),
            "0..1 a: u8 = 7\n1..15 z: zlib[u8] = \n1:0..2   x: u16 = 5\n"
        );
    }

    #[test]
    fn long_lists_end_in_a_row_that_counts_the_rest() {
        let limits = TreeLimits { elements_max: 2, ..TreeLimits::default() };
        let bytes = [&[5u8][..], &[1, 2, 3, 4, 5], &[9]].concat();
        let rows = rows("packet P = 1 clientbound { a: [u8] u8, b: u8 }", &bytes, limits);
        let shown: Vec<_> = rows.iter().map(|r| format!("{}={}", r.name, r.value)).collect();
        assert_eq!(shown, ["a=5 elements", "[0]=1", "[1]=2", "=… 3 more elements", "b=9"]);
        let limits = TreeLimits { rows_max: 3, ..TreeLimits::default() };
        let rows = super::field_tree::rows(
            "packet P = 1 clientbound { a: [u8] u8, b: u8 }",
            &bytes,
            limits,
        );
        assert_eq!(rows.last().unwrap().value, "… 4 more rows");
        assert_eq!(rows.len(), 4);
    }

    #[test]
    fn each_byte_belongs_to_the_innermost_row() {
        let declarations = "packet P = 1 clientbound { a: u8, b: { c: str[u8], d: [u8] u8 }, e: bits u8 { x: u8 } }";
        let bytes = hex!("01 01 61 01 05 07");
        let rows = rows(declarations, &bytes, TreeLimits::default());
        let names: Vec<_> = tree::owners(&rows, bytes.len())
            .into_iter()
            .map(|owner| rows[owner.unwrap() as usize].name.clone())
            .collect();
        assert_eq!(names, ["a", "c", "c", "d", "[0]", "e"]);
    }

    #[test]
    fn values_are_escaped_and_cut() {
        let limits = TreeLimits { width_max: 12, ..TreeLimits::default() };
        let bytes = [&[40u8][..], b"\x1b[2J", &[b'x'; 36]].concat();
        let rows = rows("packet P = 1 clientbound { a: str[u8] }", &bytes, limits);
        assert_eq!(rows[0].value, r#""\x1b[2Jxxx…"#);
    }
}

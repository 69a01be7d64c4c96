//! What `docs/language.md` says can be edited, and what is refused.
#![allow(clippy::unwrap_used)]

use hex_literal::hex;
use midwire_codec::Direction;
use midwire_definition::given::{Given, parse};
use midwire_definition::sources::{LoadError, Loader};
use midwire_definition::{Edits, Protocol, StateId, VersionId, Workspace};

struct Text(String);

impl Loader for Text {
    fn load(&self, _: &str) -> Result<String, LoadError> {
        Ok(self.0.clone())
    }
}

/// The body with these fields set; `null` deletes.
fn edited(fields: &str, body: &[u8], edits: &str) -> Result<Vec<u8>, String> {
    let text = format!(
        "protocol t {{ frame {{ length: u16, id: u8 }} }}\npacket P = 1 both {{ {fields} }}"
    );
    let protocol = Protocol::load("t.wire", &Text(text)).unwrap();
    let dialect = protocol.dialect(VersionId(0));
    let packet = dialect.packet(StateId(0), Direction::Serverbound, 1).unwrap();
    let mut ws = Workspace::default();
    let mut packet = packet.plan.as_ref().unwrap().decode(body, 0, &[], &mut ws);
    let Given::Object(given) = parse(edits).unwrap() else { panic!("{edits}") };
    let mut edits = Edits::new();
    for (path, value) in given {
        match value {
            Given::Null => edits.delete(&path),
            value => edits.set(&path, value),
        };
    }
    let mut out = Vec::new();
    packet.splice(&edits, &mut out).map(|()| out).map_err(|error| error.to_string())
}

#[test]
fn what_is_there_follows_from_what_is_set_and_deleted() {
    for (fields, absent, set, present) in [
        ("a: opt u8", &hex!("00")[..], r#"{"a":5}"#, &hex!("01 05")[..]),
        ("f: flags u8 { x }, if f.x { a: u8 }", &hex!("00"), r#"{"a":5}"#, &hex!("01 05")),
        ("f: bool, if f { a: u8 }", &hex!("00"), r#"{"a":5}"#, &hex!("01 05")),
        ("n: u8, if n & 4 != 0 { a: u8 }", &hex!("01"), r#"{"a":5}"#, &hex!("05 05")),
    ] {
        assert_eq!(edited(fields, absent, set).as_deref(), Ok(present), "{fields}");
        assert_eq!(edited(fields, present, r#"{"a":null}"#).as_deref(), Ok(absent), "{fields}");
    }
    for (fields, body, set, wanted) in [
        ("k: u8, if k == 3 { a: u8 }", &hex!("00")[..], r#"{"a":5}"#, &hex!("03 05")[..]),
        ("k: u8, match k { 3 => { a: u8 } }", &hex!("00"), r#"{"a":5}"#, &hex!("03 05")),
        (
            "k: u8, f: bool, if k == 3 and f { a: u8 }",
            &hex!("00 00"),
            r#"{"a":5}"#,
            &hex!("03 01 05"),
        ),
        ("n: u8, if n > 0 { a: u8 }", &hex!("02 05"), r#"{"a":null}"#, &hex!("00")),
        ("n: u8, if n > 0 { a: u8 }", &hex!("00"), r#"{"n":1,"a":5}"#, &hex!("01 05")),
        ("n: u8, if n in {1, 2} { a: u8 }", &hex!("00"), r#"{"n":2,"a":5}"#, &hex!("02 05")),
        ("n: u8, if n % 2 == 1 { a: u8 }", &hex!("00"), r#"{"n":3,"a":5}"#, &hex!("03 05")),
        ("n: u8, l: [n] u8", &hex!("01 07"), r#"{"l":[1,2,3]}"#, &hex!("03 010203")),
        ("n: u8, l: [n * 2 + 1] u8", &hex!("00 07"), r#"{"l":[1,2,3]}"#, &hex!("01 010203")),
        ("n: u8, s: str[n]", &hex!("01 61"), r#"{"s":"bc"}"#, &hex!("02 6263")),
        ("n: u8, z: sized[n] { a: [u8] u8 }", &hex!("01 00"), r#"{"z.a":[9]}"#, &hex!("02 01 09")),
        ("n: u8, l: [n * n] u8", &hex!("01 07"), r#"{"n":2,"l":[1,2,3,4]}"#, &hex!("02 01020304")),
        ("n: u8, a: [n] u8, b: [n] u8", &hex!("00"), r#"{"a":[1],"b":[2]}"#, &hex!("01 01 02")),
        (
            "n: u8, a: [n] u8, let m = n, b: [m] u8",
            &hex!("00"),
            r#"{"a":[1],"b":[2]}"#,
            &hex!("01 01 02"),
        ),
        ("v: u8 = 3, a: u8", &hex!("07 01"), r#"{"a":2}"#, &hex!("07 02")),
        ("v: u8 = 3, a: u8", &hex!("07 01"), r#"{"v":4}"#, &hex!("04 01")),
        ("t: u8 = bytes(s), s: str[u8]", &hex!("02 01 61"), r#"{"s":"bc"}"#, &hex!("03 02 6263")),
        ("t: u8 = bytes(s), s: str[u8]", &hex!("02 01 61"), r#"{"t":9}"#, &hex!("09 01 61")),
        (
            "w: u8, h: u8, l: [w * h] u8",
            &hex!("01 01 07"),
            r#"{"w":2,"l":[1,2]}"#,
            &hex!("02 01 0102"),
        ),
    ] {
        assert_eq!(edited(fields, body, set).as_deref(), Ok(wanted), "{fields} {set}");
    }
}

#[test]
fn what_could_be_made_true_in_several_ways_or_in_none_is_refused() {
    for (fields, body, set) in [
        ("n: u8, if n > 0 { a: u8 }", &hex!("00")[..], r#"{"a":5}"#),
        ("n: u8, if n in {1, 2} { a: u8 }", &hex!("00"), r#"{"a":5}"#),
        ("n: u8, m: u8, if n == 1 or m == 1 { a: u8 }", &hex!("00 00"), r#"{"a":5}"#),
        ("n: u8, match n { 1, 2 => { a: u8 } }", &hex!("00"), r#"{"a":5}"#),
        ("n: u8, if n % 2 == 1 { a: u8 }", &hex!("00"), r#"{"a":5}"#),
        ("n: u8, let half = n / 2, if half == 1 { a: u8 }", &hex!("00"), r#"{"a":5}"#),
        ("n: u8, l: [n * n] u8", &hex!("01 07"), r#"{"l":[1,2,3,4]}"#),
        ("n: u8, l: [n / 2] u8", &hex!("02 07"), r#"{"l":[1,2]}"#),
        ("w: u8, h: u8, l: [w * h] u8", &hex!("01 01 07"), r#"{"l":[1,2]}"#),
        ("n: u8, a: [n] u8, b: [n] u8", &hex!("00"), r#"{"a":[1]}"#),
        ("n: u8, a: [n] u8, let m = n, b: [m] u8", &hex!("00"), r#"{"b":[1]}"#),
        ("n: u8, l: [n] u8", &hex!("00"), r#"{"n":2}"#),
        ("n: u8, let half = n / 2", &hex!("02"), r#"{"half":3}"#),
    ] {
        let result = edited(fields, body, set);
        assert!(result.is_err(), "{fields} {set}: {result:02x?}");
    }
}

//! What is compared where it lies says of any bytes, whole, cut or damaged, what is said of the packet that
//! was read from them.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use midwire_codec::Direction;
use midwire_definition::{LoadError, Loader, PacketDefinition, Protocol, Workspace};
use midwire_rules::{Compiled, Envelope, Filter, Lexicon, Scope, syntax};
use proptest::prelude::*;

const TEXT: &str = r#"
protocol toy "Toy" { endian big, frame { length: varint, id: u8 } }
packet Numbers = 1 both {
  a: u8, b: i16, c: u24, d: i64, e: u64, f: f32, g: f64, h: f16, yes: bool
  keys: flags u8 { up down }, parts: bits u16 { x: u4, y: i5, z: u7 }
  v: varint, w: varlong, z: zigzag32, big: uvarint, kind: enum varint { one = 1 two }
  last: i32, late: bool
}
packet Texts = 2 both {
  id: uuid, who: varint, name: str[varint], short: str[u8], long: bytes[u16], few: str[4]
  wide: utf16[u8], old: latin1[u8], most: str[i8 max 9], rest: bytes[..]
}
packet Tail = 3 both { n: varint, text: str[..] }
packet Group = 4 both { in: { a: varint, b: varint }, opt: opt u8, behind: varint }
"#;

struct One;

impl Loader for One {
    fn load(&self, _path: &str) -> Result<String, LoadError> {
        Ok(TEXT.to_owned())
    }
}

const NUMBERS: [&str; 20] = [
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
    "g",
    "h",
    "yes",
    "keys",
    "keys.down",
    "parts.x",
    "parts.y",
    "parts.z",
    "v",
    "w",
    "z",
    "big",
    "kind",
    "last",
];
const TEXTS: [&str; 9] = ["id", "name", "short", "long", "few", "wide", "old", "most", "rest"];

/// Conditions of which all packets of a kind are asked.
fn sources() -> Vec<(i64, String)> {
    let mut all = Vec::new();
    for field in NUMBERS {
        for op in ["==", "!=", "<", "<=", ">", ">="] {
            for value in ["0", "1", "-1", "127", "128", "1.5", "300", "-0.0"] {
                all.push((1, format!("Numbers.{field} {op} {value}")));
            }
        }
        all.push((1, format!("Numbers.{field} in {{1, 3..200, -7..-2}}")));
        all.push((1, format!("not (Numbers.{field} != 1) or Numbers.a == 9")));
        all.push((1, format!("Numbers.{field} > 0 and Numbers.late and packet.length > 3")));
    }
    for text in TEXTS {
        for op in ["==", "!=", "contains", "startswith", "endswith"] {
            for value in
                ["\"\"", "\"a\"", "\"ab\"", "\"é\"", "\"\u{fffd}\"", "hex \"80\"", "hex \"61 62\""]
            {
                all.push((2, format!("Texts.{text} {op} {value}")));
            }
            all.push((2, format!("Texts.{text} {op} \"A\" nocase and Texts.who < 1000")));
        }
        all.push((2, format!("Texts.{text} matches /a.b/ or Texts.who == 1")));
        all.push((2, format!("Texts.{text} in {{\"a\", \"ab\", \"\u{fffd}\"}}")));
        all.push((2, format!("not Texts.{text} contains \"a\"")));
        all.push((2, format!("has Texts.{text} and count(Texts.{text}) > 1")));
    }
    for source in ["text == \"ab\"", "text contains \"é\"", "n == 300 and Tail.text != \"\""] {
        all.push((3, format!("Tail.{source}")));
    }
    for source in ["in.a < 5", "in.b == 200", "behind == 3", "opt == 1", "in.b != 3 and malformed"]
    {
        all.push((4, format!("Group.{source}")));
    }
    all
}

/// A condition, the packet id it is about, and how it is written.
type Asked = (i64, String, Compiled);

fn toy() -> &'static (Arc<Lexicon>, Vec<Asked>) {
    static ALL: OnceLock<(Arc<Lexicon>, Vec<Asked>)> = OnceLock::new();
    ALL.get_or_init(|| {
        let lexicon = Arc::new(Lexicon::new(&Protocol::load("toy.wire", &One).unwrap()));
        let version = lexicon.protocol().versions.newest();
        let compile = |(id, source): (i64, String)| {
            let expr = syntax::parse(0, &source).unwrap();
            // What cannot be compared is for other tests.
            let (filter, _) = Filter::check(expr, &lexicon, Scope::default()).ok()?;
            Some((id, source, filter.compile(version)))
        };
        let all: Vec<Asked> = sources().into_iter().filter_map(compile).collect();
        assert!(all.len() > 900, "{} conditions are right", all.len());
        (lexicon, all)
    })
}

fn asked(compiled: &Compiled, definition: &PacketDefinition, payload: &[u8]) -> (bool, bool) {
    let protocol = toy().0.protocol();
    let envelope = Envelope {
        version: protocol.versions.newest(),
        state: protocol.start,
        direction: Direction::Clientbound,
        id: Some(definition.id),
        definition: Some(definition),
        length: payload.len() as u32,
        time: Duration::ZERO,
        session: 1,
        client: None,
        server: None,
        malformed: false,
        injected: false,
        changed: false,
        conn: &[],
        payload,
        body: 1,
    };
    let (mut ws, mut other) = (Workspace::default(), Workspace::default());
    let is = compiled.matches_payload(&envelope, &mut ws);
    let plan = definition.plan.as_ref().unwrap();
    let mut fields = plan.decode(payload, 1, &[], &mut other);
    (is, compiled.matches(&envelope, Some(&mut fields)))
}

fn agree(id: i64, payload: &[u8]) -> Result<(), String> {
    let (lexicon, all) = toy();
    let protocol = lexicon.protocol();
    let dialect = protocol.dialect(protocol.versions.newest());
    let definition = dialect.packet(protocol.start, Direction::Clientbound, id).unwrap();
    for (_, source, compiled) in all.iter().filter(|asked| asked.0 == id) {
        let (bytes, read) = asked(compiled, definition, payload);
        if bytes != read {
            return Err(format!("{source} is {bytes} of the bytes {payload:02x?}, {read} as read"));
        }
    }
    Ok(())
}

/// Bytes as they may be in a packet: small numbers and letters more often than others.
fn byte() -> impl Strategy<Value = u8> {
    let usual = vec![
        0u8, 1, 2, 3, 4, 0x7f, 0x80, 0x81, 0xff, b'a', b'b', b'A', 0xc3, 0xa9, 0xef, 0xbf, 0xbd,
    ];
    prop_oneof![3 => proptest::sample::select(usual), 1 => any::<u8>()]
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[abAé]{0,4}".prop_map(String::into_bytes),
        proptest::collection::vec(byte(), 0..6),
        // A length of two bytes.
        Just(vec![b'a'; 200]),
    ]
}

fn texts() -> impl Strategy<Value = Vec<u8>> {
    let (who, all) = (0u32..100_000, proptest::collection::vec(text(), 8));
    (who, all, proptest::collection::vec(byte(), 20)).prop_map(|(who, all, fixed)| {
        let mut out = vec![2];
        out.extend(&fixed[..16]);
        varint(who, &mut out);
        varint(all[0].len() as u32, &mut out);
        out.extend(&all[0]);
        out.push(all[1].len() as u8);
        out.extend(&all[1]);
        out.extend((all[2].len() as u16).to_be_bytes());
        out.extend(&all[2]);
        out.extend(&fixed[16..]);
        out.push((all[3].len() / 2) as u8);
        out.extend(&all[3][..all[3].len() / 2 * 2]);
        out.push(all[4].len() as u8);
        out.extend(&all[4]);
        out.push(all[5].len() as u8);
        out.extend(&all[5]);
        out.extend(&all[6]);
        out
    })
}

fn varint(mut n: u32, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn of_any_bytes_both_ways_say_the_same(
        id in 1u8..=4,
        body in proptest::collection::vec(byte(), 0..90),
    ) {
        let payload = [vec![id], body].concat();
        agree(id.into(), &payload).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn of_texts_cut_anywhere_both_ways_say_the_same(payload in texts(), cut in any::<proptest::sample::Index>()) {
        agree(2, &payload).map_err(TestCaseError::fail)?;
        let cut = 1 + cut.index(payload.len());
        agree(2, &payload[..cut]).map_err(TestCaseError::fail)?;
    }
}

//! Random filters over random packets say what a naive interpreter over the packet's JSON says.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use midwire_codec::Direction;
use midwire_definition::{LoadError, Loader, Protocol, Workspace, json};
use midwire_rules::{Envelope, Filter, Interest, Lexicon, Scope, syntax};
use proptest::prelude::*;
use serde_json::Value;

const TEXT: &str = r#"
protocol toy "Toy" { endian big, frame { length: varint, id: u8 } }
type Item { kind: varint, tag: str[u8], parts: [u8] i8 }
packet P = 1 both {
  a: u8
  b: i16
  keys: flags u8 { up down left right }
  c: varint
  name: str[u8]
  if keys.up { extra: u16, if a > 100 { deep: i8 } } else { other: str[u8] }
  items: [u8] Item
  nums: [u8] varint
  small: opt u16
  last: i32
}
"#;

struct One;

impl Loader for One {
    fn load(&self, _path: &str) -> Result<String, LoadError> {
        Ok(TEXT.to_owned())
    }
}

fn lexicon() -> &'static Arc<Lexicon> {
    static ALL: OnceLock<Arc<Lexicon>> = OnceLock::new();
    ALL.get_or_init(|| Arc::new(Lexicon::new(&Protocol::load("toy.wire", &One).unwrap())))
}

/// A number in a packet, or in an element.
#[derive(Clone, Debug)]
enum Num {
    Field(&'static str),
    Const(i64),
    Count(&'static str),
    Sum(Box<Num>, Box<Num>),
    Product(Box<Num>, Box<Num>),
    Quotient(Box<Num>, Box<Num>),
}

#[derive(Clone, Debug)]
enum Cond {
    Compare(&'static str, Num, Num),
    Within(Num, i64, i64),
    Text(&'static str, &'static str, String),
    Flag(&'static str),
    Has(&'static str),
    Not(Box<Cond>),
    And(Box<Cond>, Box<Cond>),
    Or(Box<Cond>, Box<Cond>),
    Any(Box<Cond>),
    All(Box<Cond>),
}

impl fmt::Display for Num {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Num::Field(name) => write!(f, "{name}"),
            Num::Const(n) => write!(f, "{n}"),
            Num::Count(name) => write!(f, "count({name})"),
            Num::Sum(a, b) => write!(f, "({a} + {b})"),
            Num::Product(a, b) => write!(f, "({a} * {b})"),
            Num::Quotient(a, b) => write!(f, "({a} / {b})"),
        }
    }
}

impl fmt::Display for Cond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cond::Compare(op, a, b) => write!(f, "{a} {op} {b}"),
            Cond::Within(a, low, high) => write!(f, "{a} in {{{low}..{high}, 77}}"),
            Cond::Text(name, op, text) => write!(f, "{name} {op} \"{text}\""),
            Cond::Flag(name) => write!(f, "{name}"),
            Cond::Has(name) => write!(f, "has {name}"),
            Cond::Not(a) => write!(f, "not ({a})"),
            Cond::And(a, b) => write!(f, "({a} and {b})"),
            Cond::Or(a, b) => write!(f, "({a} or {b})"),
            Cond::Any(a) => write!(f, "any(P.items, {a})"),
            Cond::All(a) => write!(f, "all(P.items, {a})"),
        }
    }
}

fn num(within: bool) -> BoxedStrategy<Num> {
    let fields = match within {
        true => vec!["it.kind", "it.parts", "it.parts[0]", "P.a", "P.nums"],
        false => vec![
            "P.a",
            "P.b",
            "P.c",
            "P.keys",
            "P.extra",
            "P.deep",
            "P.small",
            "P.last",
            "P.nums",
            "P.nums[1]",
            "P.items.kind",
            "P.items[0].kind",
            "P.items.parts",
            "P.items[1].parts[0]",
        ],
    };
    let lists = if within { vec!["it.parts"] } else { vec!["P.items", "P.nums", "P.items.parts"] };
    let leaf = prop_oneof![
        4 => proptest::sample::select(fields).prop_map(Num::Field),
        2 => (-5i64..130).prop_map(Num::Const),
        1 => proptest::sample::select(lists).prop_map(Num::Count),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        let pair = (inner.clone(), inner).prop_map(|(a, b)| (Box::new(a), Box::new(b)));
        prop_oneof![
            pair.clone().prop_map(|(a, b)| Num::Sum(a, b)),
            pair.clone().prop_map(|(a, b)| Num::Product(a, b)),
            pair.prop_map(|(a, b)| Num::Quotient(a, b)),
        ]
    })
    .boxed()
}

fn cond(within: bool) -> BoxedStrategy<Cond> {
    let texts = if within { vec!["it.tag"] } else { vec!["P.name", "P.other", "P.items.tag"] };
    let has = match within {
        true => vec!["it.kind", "it.parts[1]", "it.parts"],
        false => vec![
            "P.extra",
            "P.deep",
            "P.other",
            "P.small",
            "P.items[1]",
            "P.nums",
            "P.items.parts",
            "P.last",
        ],
    };
    let ops = vec!["==", "!=", "<", "<=", ">", ">="];
    let text_ops = vec!["==", "!=", "contains", "startswith", "endswith"];
    let mut leaves = vec![
        (proptest::sample::select(ops), num(within), num(within))
            .prop_map(|(op, a, b)| Cond::Compare(op, a, b))
            .boxed(),
        (num(within), -5i64..100, -5i64..100).prop_map(|(a, x, y)| Cond::Within(a, x, y)).boxed(),
        (proptest::sample::select(texts), proptest::sample::select(text_ops), "[ab]{0,2}")
            .prop_map(|(name, op, text)| Cond::Text(name, op, text))
            .boxed(),
        proptest::sample::select(has).prop_map(Cond::Has).boxed(),
    ];
    if !within {
        let flags = vec!["P.keys.up", "P.keys.right"];
        leaves.push(proptest::sample::select(flags).prop_map(Cond::Flag).boxed());
        leaves.push(cond(true).prop_map(|c| Cond::Any(Box::new(c))).boxed());
        leaves.push(cond(true).prop_map(|c| Cond::All(Box::new(c))).boxed());
    }
    proptest::strategy::Union::new(leaves)
        .prop_recursive(3, 8, 2, |inner| {
            let pair = (inner.clone(), inner.clone()).prop_map(|(a, b)| (Box::new(a), Box::new(b)));
            prop_oneof![
                inner.prop_map(|a| Cond::Not(Box::new(a))),
                pair.clone().prop_map(|(a, b)| Cond::And(a, b)),
                pair.prop_map(|(a, b)| Cond::Or(a, b)),
            ]
        })
        .boxed()
}

fn packet() -> impl Strategy<Value = Vec<u8>> {
    let text = || {
        "[abx]{0,3}".prop_map(|text: String| [&[text.len() as u8][..], text.as_bytes()].concat())
    };
    let parts = || proptest::collection::vec(any::<u8>(), 0..3);
    let item = (0u8..100, text(), parts())
        .prop_map(|(kind, tag, parts)| [vec![kind], tag, vec![parts.len() as u8], parts].concat());
    let items = proptest::collection::vec(item, 0..4);
    let nums = proptest::collection::vec(0u8..100, 0..4);
    let head = (any::<u8>(), any::<i16>(), 0u8..16, 0u8..128, text(), text());
    let tail = (any::<u16>(), any::<u8>(), items, nums, any::<bool>(), any::<i32>());
    (head, tail).prop_map(|((a, b, keys, c, name, other), (extra, deep, items, nums, is, last))| {
        let mut out = vec![1, a];
        out.extend((b % 200).to_be_bytes());
        out.extend([keys, c]);
        out.extend(name);
        if keys & 1 != 0 {
            out.extend((extra % 200).to_be_bytes());
            out.extend((a > 100).then_some(deep));
        } else {
            out.extend(other);
        }
        out.push(items.len() as u8);
        items.iter().for_each(|item| out.extend(item));
        out.push(nums.len() as u8);
        out.extend(nums);
        out.push(is.into());
        out.extend(is.then_some([0, 7]).into_iter().flatten());
        out.extend((last % 100).to_be_bytes());
        out
    })
}

/// What the naive interpreter looks at: the packet, and the element that is `it`.
struct Naive<'v> {
    packet: &'v Value,
    it: Option<&'v Value>,
}

impl Naive<'_> {
    /// All values that a path leads to.
    fn all(&self, path: &str) -> Vec<Value> {
        let (first, path) = path.split_once('.').unwrap_or((path, ""));
        let mut found =
            vec![if first == "it" { self.it.unwrap().clone() } else { self.packet.clone() }];
        for part in path.split('.') {
            let (name, index) = match part.split_once('[') {
                Some((name, index)) => {
                    (name, Some(index.trim_end_matches(']').parse::<usize>().unwrap()))
                }
                None => (part, None),
            };
            let mut next = Vec::new();
            for value in found {
                let many = match value {
                    Value::Array(list) => list,
                    other => vec![other],
                };
                for value in many {
                    let Some(inner) = value.get(name) else { continue };
                    match index {
                        Some(index) => next.extend(inner.get(index).cloned()),
                        None => next.push(inner.clone()),
                    }
                }
            }
            found = next;
        }
        found
    }

    /// The numbers that a path leads to, those of lists one by one.
    fn numbers(&self, path: &str) -> Vec<i128> {
        let mut out = Vec::new();
        for value in self.all(path) {
            match value {
                Value::Number(n) => out.push(n.as_i64().unwrap().into()),
                Value::Array(list) if path.ends_with("keys") => {
                    let bit = |v: &Value| match v.as_str() {
                        Some("up") => 1,
                        Some("down") => 2,
                        Some("left") => 4,
                        _ => 8,
                    };
                    out.push(list.iter().map(bit).sum());
                }
                Value::Array(list) => {
                    out.extend(list.iter().map(|n| i128::from(n.as_i64().unwrap())))
                }
                other => panic!("{path} is {other}"),
            }
        }
        out
    }

    /// All values that an expression can have: one for each choice of elements.
    fn num(&self, num: &Num) -> Vec<i128> {
        let both = |a: &Num, b: &Num, join: fn(i128, i128) -> Option<i128>| {
            let (a, b) = (self.num(a), self.num(b));
            a.iter()
                .flat_map(|a| b.iter().filter_map(|b| join(*a, *b)).collect::<Vec<_>>())
                .collect()
        };
        match num {
            Num::Field(path) => self.numbers(path),
            Num::Const(n) => vec![(*n).into()],
            Num::Count(path) => self
                .all(path)
                .iter()
                .filter_map(Value::as_array)
                .map(|list| list.len() as i128)
                .collect(),
            Num::Sum(a, b) => both(a, b, i128::checked_add),
            Num::Product(a, b) => both(a, b, i128::checked_mul),
            Num::Quotient(a, b) => both(a, b, i128::checked_div),
        }
    }

    fn cond(&self, cond: &Cond) -> bool {
        match cond {
            Cond::Compare(op, a, b) => {
                let (a, b) = (self.num(a), self.num(b));
                a.iter().any(|a| {
                    b.iter().any(|b| match *op {
                        "==" => a == b,
                        "!=" => a != b,
                        "<" => a < b,
                        "<=" => a <= b,
                        ">" => a > b,
                        _ => a >= b,
                    })
                })
            }
            Cond::Within(a, low, high) => {
                let (low, high) = (i128::from(*low), i128::from(*high));
                self.num(a).iter().any(|n| low <= *n && *n <= high || *n == 77)
            }
            Cond::Text(path, op, text) => self.all(path).iter().any(|value| {
                let found = value.as_str().unwrap();
                match *op {
                    "==" => found == text,
                    "!=" => found != text,
                    "contains" => found.contains(text.as_str()),
                    "startswith" => found.starts_with(text.as_str()),
                    _ => found.ends_with(text.as_str()),
                }
            }),
            Cond::Flag(path) => {
                let name = path.rsplit('.').next().unwrap();
                let keys = self.all("P.keys");
                keys.iter().any(|keys| keys.as_array().unwrap().iter().any(|key| key == name))
            }
            Cond::Has(path) => !self.all(path).is_empty(),
            Cond::Not(a) => !self.cond(a),
            Cond::And(a, b) => self.cond(a) && self.cond(b),
            Cond::Or(a, b) => self.cond(a) || self.cond(b),
            Cond::Any(a) => {
                self.elements().is_some_and(|list| list.iter().any(|it| self.with(it).cond(a)))
            }
            Cond::All(a) => {
                self.elements().is_some_and(|list| list.iter().all(|it| self.with(it).cond(a)))
            }
        }
    }

    fn elements(&self) -> Option<&Vec<Value>> {
        self.packet.get("items")?.as_array()
    }

    fn with<'s>(&'s self, it: &'s Value) -> Naive<'s> {
        Naive { packet: self.packet, it: Some(it) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn a_filter_says_what_a_naive_interpreter_says(condition in cond(false), bytes in packet(), cut in 0usize..200) {
        let source = condition.to_string();
        let lexicon = lexicon();
        let protocol = lexicon.protocol();
        let version = protocol.versions.newest();
        let expr = syntax::parse(0, &source).map_err(|e| TestCaseError::fail(format!("{source}: {e:?}")))?;
        let (filter, _) = Filter::check(expr, lexicon, Scope::default())
            .map_err(|e| TestCaseError::fail(format!("{source}: {e:?}")))?;
        let compiled = filter.compile(version);
        let (state, direction) = (protocol.start, Direction::Clientbound);
        let dialect = protocol.dialect(version);
        let definition = dialect.packet(state, direction, 1).unwrap();
        // Some packets are cut: what was read before the fault is still there.
        let payload = &bytes[..if cut < bytes.len() && cut > 0 { cut } else { bytes.len() }];
        let envelope = Envelope {
            version, state, direction, id: Some(1), definition: Some(definition),
            length: payload.len() as u32, time: Duration::ZERO, session: 1, client: None, server: None,
            malformed: false, injected: false, changed: false, conn: &[], payload, body: 1,
        };
        let (mut ws, mut other) = (Workspace::default(), Workspace::default());
        let is = compiled.matches_payload(&envelope, &mut ws);
        let plan = definition.plan.as_ref().unwrap();
        let mut fields = plan.decode(payload, 1, &[], &mut other);
        prop_assert_eq!(is, compiled.matches(&envelope, Some(&mut fields)), "two ways: {}", source);
        if compiled.interest(state, direction, Some(definition)) == Interest::Never {
            prop_assert!(!is);
        }
        if fields.error().is_none() {
            let mut text = String::new();
            json::write_fields(&mut fields, &mut text);
            let packet: Value = serde_json::from_str(&text).unwrap();
            let naive = Naive { packet: &packet, it: None };
            prop_assert_eq!(is, naive.cond(&condition), "{} of {}", source, text);
        }
    }
}

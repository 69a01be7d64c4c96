//! The engine against a reader that follows the definition word for word: every packet of the built-in
//! definitions at several versions, and definitions made at random.
#![allow(
    clippy::unwrap_used,
    clippy::collapsible_match,
    clippy::manual_is_multiple_of,
    clippy::type_complexity
)]

#[path = "reference/definition.rs"]
mod definition;
#[path = "reference/generate.rs"]
mod generate;
#[path = "reference/reader.rs"]
mod reader;
mod support;

use std::fmt::Write as _;

use definition::{Definition, goes};
use generate::Random;
use midwire_definition::plan::{Flow, Group, Kind, Node, Place, Visitor};
use midwire_definition::syntax::ast::PacketItem;
use midwire_definition::value::Value;
use midwire_definition::{
    Builtin, DecodeErrorKind, PacketDefinition, Protocol, VersionId, Workspace, builtin,
};
use reader::{Reader, Shown, Tree, float_bits, part};
use support::Texts;

/// What the engine shows, in the reader's form.
#[derive(Default)]
struct Seen {
    open: Vec<(Tree, Vec<Tree>)>,
    done: Vec<Tree>,
}

impl Seen {
    fn add(&mut self, tree: Tree) {
        self.open.last_mut().map_or(&mut self.done, |(_, children)| children).push(tree);
    }
}

fn seen(node: &Node<'_>, shown: Shown) -> Tree {
    let name = if node.index.is_some() { "" } else { node.name };
    Tree {
        name: name.to_owned(),
        index: node.index,
        inflated: node.place.buffer > 0,
        start: node.place.start,
        end: node.place.end,
        shown,
    }
}

impl Visitor for Seen {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        if matches!((value, node.index), (Value::Absent, None)) {
            return;
        }
        let shown = match value {
            Value::Int(n) => Shown::Int(*n),
            Value::F32(n) => Shown::Float(float_bits((*n).into())),
            Value::F64(n) => Shown::Float(float_bits(*n)),
            Value::Bool(n) => Shown::Bool(*n),
            Value::Uuid(bytes) => Shown::Bytes(bytes.to_vec()),
            Value::Enum(n, name) => Shown::Enum(*n, name.map(|name| name.to_string())),
            Value::Flags(n, members) => {
                let set = members.iter().filter(|m| n >> m.bit & 1 == 1);
                Shown::Flags(*n, set.map(|m| m.name.to_string()).collect())
            }
            Value::Bits(n, members) => {
                let of =
                    |shift: u8, width: u8, signed| part(*n, shift.into(), width.into(), signed);
                let parts =
                    members.iter().map(|m| (m.name.to_string(), of(m.shift, m.width, m.signed)));
                Shown::Bits(parts.collect())
            }
            Value::Text(text, ..) => Shown::Text(Some(text.to_string())),
            Value::Bytes(bytes) | Value::Nbt(bytes, _) => Shown::Bytes(bytes.to_vec()),
            Value::Packed(bytes, width, count) => Shown::Packed(bytes.to_vec(), *width, *count),
            Value::Absent => Shown::Absent,
        };
        self.add(seen(node, shown));
    }

    fn open(&mut self, node: &Node<'_>, group: Group) -> Flow {
        let shown = match group {
            Group::Struct => Shown::Struct(Vec::new()),
            Group::List(count) => Shown::List(count, Vec::new()),
        };
        self.open.push((seen(node, shown), Vec::new()));
        Flow::Enter
    }

    fn close(&mut self, _: &Node<'_>) {
        let (mut tree, found) = self.open.pop().unwrap();
        match &mut tree.shown {
            Shown::Struct(children) | Shown::List(_, children) => *children = found,
            _ => unreachable!(),
        }
        self.add(tree);
    }

    fn rest(&mut self, place: Place, bytes: &[u8]) {
        self.add(Tree {
            name: String::new(),
            index: None,
            inflated: place.buffer > 0,
            start: place.start,
            end: place.end,
            shown: Shown::Unread(bytes.to_vec()),
        });
    }
}

/// The first difference between what the engine and what the reader shows.
fn difference(path: &str, engine: &[Tree], reader: &[Tree]) -> Option<String> {
    for (i, (a, b)) in engine.iter().zip(reader).enumerate() {
        let path = match (b.index, b.name.as_str()) {
            (Some(index), _) => format!("{path}[{index}]"),
            (None, "") => format!("{path}.#{i}"),
            (None, name) => format!("{path}.{name}"),
        };
        let head = |t: &Tree| (t.name.clone(), t.index, t.inflated, t.start, t.end);
        if head(a) != head(b) {
            return Some(format!("{path}: {a:?}\n  is not {b:?}"));
        }
        let inside = match (&a.shown, &b.shown) {
            (Shown::Struct(a), Shown::Struct(b)) => difference(&path, a, b),
            (Shown::List(n, a), Shown::List(m, b)) if n == m => difference(&path, a, b),
            (Shown::Text(_), Shown::Text(None)) => None,
            (a, b) => (a != b).then(|| format!("{path}: {a:?} is not {b:?}")),
        };
        if inside.is_some() {
            return inside;
        }
    }
    let (n, m) = (engine.len(), reader.len());
    let next = |trees: &[Tree], n: usize| trees.get(n).map(|t| format!("{t:?}"));
    (n != m).then(|| {
        format!("{path}: {n} parts are not {m}: {:?} {:?}", next(engine, m), next(reader, n))
    })
}

struct Case<'a> {
    protocol: &'a Protocol,
    written: &'a Definition,
    version: VersionId,
    packet: &'a PacketDefinition,
    item: &'a PacketItem,
}

impl Case<'_> {
    /// What is different; `Ok` tells whether the packet could be read.
    fn compare(&self, ws: &mut Workspace, payload: &[u8], conn: &[i64]) -> Result<bool, String> {
        let plan = self.packet.plan.as_ref().unwrap();
        let mut packet = plan.decode(payload, 0, conn, ws);
        let error = packet.error().cloned();
        let end = packet.end() as usize;
        assert_eq!(packet.rest(), &payload[end..]);
        let mut engine = Seen::default();
        packet.walk(&mut engine);
        if let Some(DecodeErrorKind::Limit { limit: "depth_max" | "elements_max", .. }) =
            error.as_ref().map(|e| &e.kind)
        {
            return Ok(false);
        }
        let version = self.version.0 as usize;
        let reader = Reader::new(self.written, version, self.packet.direction, conn);
        let body = self.item.body.as_ref().unwrap();
        let outcome = reader.read(body, payload, 0);
        let report = |what: String| {
            let key = &self.protocol.versions.get(self.version).key;
            let mut text = format!("{} at {key} of ", self.packet.name);
            payload.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
            format!("{text}\n  engine: {error:?}\n  reader: {:?}\n  {what}", outcome.error)
        };
        if error.is_some() != outcome.error.is_some() {
            return Err(report("only one of them fails".into()));
        }
        if error.is_none() && end != outcome.end {
            return Err(report(format!("ends at {end}, not {}", outcome.end)));
        }
        if outcome.error.as_ref().is_some_and(|fail| fail.damaged) {
            return Ok(false);
        }
        if let Some(found) = difference("", &engine.done, &outcome.fields) {
            return Err(report(found));
        }
        if let (Some(error), Some(fail)) = (&error, &outcome.error) {
            let wanted: String = fail.path.join(".").replace(".[", "[");
            // Lists of fixed size fail as a whole.
            let found = error.path_text();
            if !wanted.starts_with(&found) {
                return Err(report(format!("fails at `{found}`, not `{wanted}`")));
            }
        }
        Ok(error.is_none())
    }
}

fn written_packet<'a>(
    written: &'a Definition,
    protocol: &Protocol,
    version: VersionId,
    packet: &PacketDefinition,
) -> Option<&'a PacketItem> {
    let state = protocol.state_name(packet.state);
    written.packets.iter().find(|item| {
        item.name.text == *packet.name
            && item.state.as_ref().map_or("", |name| &name.text) == state
            && goes(item.directions, packet.direction)
            && written.admits(&item.gates, version.0 as usize, packet.direction)
    })
}

fn builtin_packets(name: &str, numbers: &[i64], rounds: usize) {
    let protocol = builtin(name).unwrap();
    let written = Definition::load(&format!("{name}.wire"), &Builtin);
    let listed = |(id, v): (VersionId, &midwire_definition::Version)| {
        let same = &written.versions[id.0 as usize];
        assert_eq!((&*v.key, v.number), (same.key.as_str(), same.number));
    };
    protocol.versions.iter().for_each(listed);
    let mut random = Random::new(0x5eed);
    let mut ws = Workspace::default();
    let mut wrong = Vec::new();
    let (mut read, mut tried) = (0, 0);
    for number in numbers {
        let (version, _) = protocol.versions.by_number(*number);
        let dialect = protocol.dialect(version);
        let mut packets: Vec<_> = dialect.packets().filter(|p| p.plan.is_some()).collect();
        packets.sort_by_key(|p| (p.state, p.direction as u8, p.id));
        for packet in packets {
            let item = written_packet(&written, &protocol, version, packet)
                .unwrap_or_else(|| panic!("{} is not written", packet.name));
            if item.body.is_none() {
                continue;
            }
            let case = Case { protocol: &protocol, written: &written, version, packet, item };
            let tests = written.tests.iter().filter(|t| t.packet.text == *packet.name);
            let seeds: Vec<&[u8]> = tests.map(|t| t.bytes.node.as_slice()).collect();
            for _ in 0..rounds {
                let payload = random.payload(&seeds);
                let mut conn = protocol.initial_conn();
                conn.iter_mut()
                    .for_each(|c| *c = if random.one_in(2) { *c } else { random.below(3) as i64 });
                tried += 1;
                match case.compare(&mut ws, &payload, &conn) {
                    Ok(whole) => read += usize::from(whole),
                    Err(difference) => {
                        wrong.push(difference);
                        break;
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong, such as\n{}",
        wrong.len(),
        wrong[..wrong.len().min(8)].join("\n")
    );
    assert!(read * 8 > tried, "only {read} of {tried} packets were read");
}

fn rounds(usual: usize) -> usize {
    let more = std::env::var("MIDWIRE_ROUNDS").ok().and_then(|n| n.parse::<usize>().ok());
    usual * more.unwrap_or(1)
}

#[test]
fn terraria_packets_are_read_as_they_are_written() {
    builtin_packets("terraria", &[228, 248, 269, 279, 318, 319, 326], rounds(30));
}

#[test]
fn minecraft_packets_are_read_as_they_are_written() {
    let numbers = [
        47, 107, 340, 393, 477, 578, 754, 756, 758, 760, 761, 763, 765, 766, 768, 769, 771, 773,
        775, 777,
    ];
    builtin_packets("minecraft", &numbers, rounds(12));
}

#[test]
fn random_definitions_are_read_as_they_are_written() {
    let mut ws = Workspace::default();
    let mut wrong = Vec::new();
    let mut read = 0;
    let first = std::env::var("MIDWIRE_SEED").ok().and_then(|n| n.parse::<u64>().ok()).unwrap_or(1);
    for seed in first..first + rounds(400) as u64 {
        let mut random = Random::new(seed);
        let text = random.definition();
        let texts = Texts::new(&[("test.wire", &text)]);
        let protocol = Protocol::load("test.wire", &texts)
            .unwrap_or_else(|problems| panic!("seed {seed}\n{text}\n{problems}"));
        let written = Definition::load("test.wire", &texts);
        for (version, _) in protocol.versions.iter() {
            let dialect = protocol.dialect(version);
            for packet in dialect.packets() {
                let Some(item) = written_packet(&written, &protocol, version, packet) else {
                    continue;
                };
                let case = Case { protocol: &protocol, written: &written, version, packet, item };
                for _ in 0..20 {
                    let payload = random.payload(&[]);
                    let conn = [random.below(3) as i64];
                    match case.compare(&mut ws, &payload, &conn) {
                        Ok(whole) => read += usize::from(whole),
                        Err(difference) => {
                            wrong.push(format!("seed {seed}\n{text}\n{difference}"));
                            break;
                        }
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong, such as\n{}",
        wrong.len(),
        wrong[..wrong.len().min(3)].join("\n")
    );
    assert!(read > 100, "only {read} packets were read");
}

/// Kept so that a kind that is added is thought of here, too.
#[test]
fn padding_and_tails_are_bytes_without_a_name() {
    let protocol = support::body("a: u8\npad 2\n...");
    let node = support::read(&protocol, &[1, 2, 3, 4]);
    assert_eq!(node.children().len(), 3);
    let packet = support::packet(&protocol, "P");
    let _ = packet.plan.as_ref().map(|_| Kind::Tail);
}

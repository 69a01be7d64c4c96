//! What the tests of this crate share: packets as trees to look at, and definitions from texts.
#![allow(dead_code, unreachable_pub, reason = "each test uses its own part")]

use std::collections::HashMap;
use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::plan::{Flow, Group, Kind, Node as Place_, Place, Visitor};
use midwire_definition::sources::{LoadError, Loader};
use midwire_definition::value::Value;
use midwire_definition::{Packet, PacketDefinition, Protocol, StateId, VersionId, Workspace};

/// What a packet holds, as [`Packet::walk`] shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub name: String,
    pub index: Option<u32>,
    pub place: Place,
    /// Not on the wire.
    pub computed: bool,
    pub shown: Shown,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    Int(i128),
    Enum(i128, Option<String>),
    Flags(i128, Vec<String>),
    Bits(Vec<(String, i128)>),
    Float(f64),
    Bool(u8),
    Text(String),
    Bytes(Vec<u8>),
    Nbt(Vec<u8>),
    Packed { bytes: Vec<u8>, width: u32, count: u32 },
    Absent,
    Struct(Vec<Node>),
    List(u32, Vec<Node>),
}

impl Node {
    /// The node at a path such as `a.b[2].c`.
    pub fn at(&self, path: &str) -> &Node {
        self.get(path).unwrap_or_else(|| panic!("no `{path}` in {self:#?}"))
    }

    pub fn get(&self, path: &str) -> Option<&Node> {
        let mut node = self;
        for part in path.split(['.', '[']).filter(|part| !part.is_empty()) {
            node = match part.strip_suffix(']') {
                Some(index) => node.children().get(index.parse::<usize>().unwrap())?,
                None => node.children().iter().find(|child| child.name == part)?,
            };
        }
        Some(node)
    }

    pub fn children(&self) -> &[Node] {
        match &self.shown {
            Shown::Struct(children) | Shown::List(_, children) => children,
            _ => &[],
        }
    }

    /// The number that this is.
    pub fn number(&self) -> i128 {
        match &self.shown {
            Shown::Int(n) | Shown::Enum(n, _) | Shown::Flags(n, _) => *n,
            Shown::Bool(n) => (*n).into(),
            other => panic!("`{}` is {other:?}", self.name),
        }
    }

    /// First byte and one past the last.
    pub fn range(&self) -> (u32, u32) {
        (self.place.start, self.place.end)
    }

    /// All nodes below this one, in order.
    pub fn all(&self) -> Vec<&Node> {
        let mut all = Vec::new();
        let mut open = vec![self];
        while let Some(node) = open.pop() {
            all.push(node);
            open.extend(node.children().iter().rev());
        }
        all
    }
}

/// Everything that can be seen of a packet; the top node is the body.
pub fn tree(packet: &mut Packet<'_>) -> Node {
    let mut seen = Seen { open: vec![(None, Vec::new())] };
    packet.walk(&mut seen);
    let (_, children) = seen.open.pop().unwrap();
    assert!(seen.open.is_empty(), "what was opened is closed");
    let place = Place { buffer: 0, start: 0, end: packet.end() };
    Node {
        name: String::new(),
        index: None,
        place,
        computed: false,
        shown: Shown::Struct(children),
    }
}

struct Seen {
    open: Vec<(Option<Node>, Vec<Node>)>,
}

impl Seen {
    fn add(&mut self, node: Node) {
        self.open.last_mut().unwrap().1.push(node);
    }
}

fn node(of: &Place_<'_>, shown: Shown) -> Node {
    Node {
        name: of.name.to_owned(),
        index: of.index,
        place: of.place,
        computed: matches!(of.field.kind, Kind::Let(_)),
        shown,
    }
}

impl Visitor for Seen {
    fn value(&mut self, of: &Place_<'_>, value: &Value<'_>) {
        let bits = |n: i128, shift: u8, width: u8, signed: bool| {
            let rest = 128 - u32::from(width);
            let up = (n as u128) << (rest - u32::from(shift));
            if signed { up as i128 >> rest } else { (up >> rest) as i128 }
        };
        let shown = match value {
            Value::Int(n) => Shown::Int(*n),
            Value::F32(n) => Shown::Float((*n).into()),
            Value::F64(n) => Shown::Float(*n),
            Value::Bool(n) => Shown::Bool(*n),
            Value::Uuid(bytes) => Shown::Bytes(bytes.to_vec()),
            Value::Enum(n, name) => Shown::Enum(*n, name.map(|name| name.to_string())),
            Value::Flags(n, members) => {
                let set = members.iter().filter(|m| n >> m.bit & 1 == 1);
                Shown::Flags(*n, set.map(|m| m.name.to_string()).collect())
            }
            Value::Bits(n, members) => Shown::Bits(
                members
                    .iter()
                    .map(|m| (m.name.to_string(), bits(*n, m.shift, m.width, m.signed)))
                    .collect(),
            ),
            Value::Text(text, ..) => Shown::Text(text.to_string()),
            Value::Bytes(bytes) => Shown::Bytes(bytes.to_vec()),
            Value::Nbt(bytes, _) => Shown::Nbt(bytes.to_vec()),
            Value::Packed(bytes, packing) => {
                let (width, count) = (packing.width, packing.count);
                Shown::Packed { bytes: bytes.to_vec(), width, count }
            }
            Value::Absent => Shown::Absent,
        };
        self.add(node(of, shown));
    }

    fn open(&mut self, of: &Place_<'_>, group: Group) -> Flow {
        let shown = match group {
            Group::Struct => Shown::Struct(Vec::new()),
            Group::List(count) => Shown::List(count, Vec::new()),
        };
        self.open.push((Some(node(of, shown)), Vec::new()));
        Flow::Enter
    }

    fn close(&mut self, of: &Place_<'_>) {
        let (open, children) = self.open.pop().unwrap();
        let mut open = open.unwrap();
        assert_eq!((open.name.as_str(), open.index), (of.name, of.index), "closes what was opened");
        match &mut open.shown {
            Shown::Struct(list) | Shown::List(_, list) => *list = children,
            _ => unreachable!(),
        }
        self.add(open);
    }
}

/// Files by name.
pub struct Texts(HashMap<String, String>);

impl Texts {
    pub fn new(files: &[(&str, &str)]) -> Texts {
        Texts(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }
}

impl Loader for Texts {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        self.0.get(path).cloned().ok_or_else(|| LoadError::NotFound { path: path.to_owned() })
    }
}

/// A definition that must be right.
pub fn load(text: &str) -> Arc<Protocol> {
    load_files(&[("test.wire", text)])
}

/// The first file, with what it includes.
pub fn load_files(files: &[(&str, &str)]) -> Arc<Protocol> {
    Protocol::load(files[0].0, &Texts::new(files)).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What is wrong with a definition, as people read it.
pub fn problems(text: &str) -> String {
    problems_of(&[("test.wire", text)])
}

pub fn problems_of(files: &[(&str, &str)]) -> String {
    match Protocol::load(files[0].0, &Texts::new(files)) {
        Err(problems) => problems.to_string(),
        Ok(protocol) => midwire_definition::render(&protocol.warnings, &protocol.sources, false),
    }
}

/// A protocol of one version, big endian, without frames, whose packet `P` has id 0 and this body.
pub fn body(text: &str) -> Arc<Protocol> {
    load(&with_body(text))
}

pub fn with_body(text: &str) -> String {
    format!("{HEAD}packet P = 0 clientbound {{\n{text}\n}}\n")
}

/// The first lines of a small definition.
pub const HEAD: &str = "protocol test { endian big, frame { length: u16, id: u8 } }\n";

/// The packet of that name in the newest version, clientbound if it goes both ways.
pub fn packet(protocol: &Protocol, name: &str) -> Arc<PacketDefinition> {
    packet_at(protocol, name, protocol.versions.newest())
}

pub fn packet_at(protocol: &Protocol, name: &str, version: VersionId) -> Arc<PacketDefinition> {
    let dialect = protocol.dialect(version);
    let states = 0..protocol.states.len() as u8;
    let found = states.into_iter().find_map(|state| {
        let there = |d| dialect.packet_named(StateId(state), d, name).cloned();
        there(Direction::Clientbound).or_else(|| there(Direction::Serverbound))
    });
    found.unwrap_or_else(|| panic!("no packet {name}"))
}

/// Packet `P` of these bytes, which must be all of it.
pub fn read(protocol: &Protocol, bytes: &[u8]) -> Node {
    read_as(protocol, &packet(protocol, "P"), bytes)
}

pub fn read_as(protocol: &Protocol, definition: &PacketDefinition, bytes: &[u8]) -> Node {
    let mut ws = Workspace::default();
    let conn = protocol.initial_conn();
    let plan = definition.plan.as_ref().expect("the packet has a body");
    let mut packet = plan.decode(bytes, 0, &conn, &mut ws);
    assert!(packet.error().is_none(), "{}: {}", definition.name, packet.error().unwrap());
    assert_eq!(packet.rest(), b"", "{}: nothing is left over", definition.name);
    tree(&mut packet)
}

/// The error of packet `P` of these bytes, and what could be seen of it.
pub fn fails(protocol: &Protocol, bytes: &[u8]) -> (String, Node) {
    let definition = packet(protocol, "P");
    let mut ws = Workspace::default();
    let conn = protocol.initial_conn();
    let mut packet = definition.plan.as_ref().unwrap().decode(bytes, 0, &conn, &mut ws);
    let error = packet.error().expect("this cannot be read").to_string();
    (error, tree(&mut packet))
}

/// The bytes of hexadecimal digits.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).expect("hexadecimal digits") as u8)
        .collect();
    assert!(digits.len().is_multiple_of(2));
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

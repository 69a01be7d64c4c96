//! Packets of every plan of a protocol: grown, recorded, and those of its own tests.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::sources::Loader;
use midwire_definition::syntax::ast::{Directions, Item, TestExpectation, TestItem, VersionRef};
use midwire_definition::syntax::parse;
use midwire_definition::{
    Builtin, PacketDefinition, Plan, Protocol, StateId, VersionId, Workspace,
};

use crate::grow::Grower;
use crate::rng::Rng;

/// A packet to try things on.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// The connection's variables.
    pub(crate) conn: Vec<i64>,
    /// `play clientbound map_chunk`
    pub(crate) label: String,
    pub(crate) definition: Arc<PacketDefinition>,
    pub(crate) version: VersionId,
    /// Id and body.
    pub(crate) payload: Vec<u8>,
    pub(crate) body: u32,
}

impl Sample {
    pub(crate) fn plan(&self) -> &Plan {
        self.definition.plan.as_ref().expect("only packets with a body are tried")
    }
}

/// Packets of one plan.
pub(crate) type Samples = Vec<Sample>;

/// A packet's name as people find it.
pub(crate) fn label(protocol: &Protocol, definition: &PacketDefinition) -> String {
    let state = protocol.state_name(definition.state);
    let space = if state.is_empty() { "" } else { " " };
    format!("{state}{space}{} {}", definition.direction, definition.name)
}

/// Every plan of these versions once for each packet that is read by it.
fn plans(
    protocol: &Protocol,
    versions: impl Iterator<Item = VersionId>,
) -> Vec<(String, Arc<PacketDefinition>, VersionId)> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for version in versions {
        let dialect = protocol.dialect(version);
        let mut packets: Vec<_> = dialect.packets().collect();
        packets.sort_by_key(|p| (p.state, p.direction.index(), p.id));
        for definition in packets {
            let Some(plan) = &definition.plan else { continue };
            let label = label(protocol, definition);
            if seen.insert((Arc::as_ptr(plan), label.clone())) {
                all.push((label, definition.clone(), version));
            }
        }
    }
    all
}

/// The id as it stands in front of a body.
fn id_bytes(protocol: &Protocol, id: i64) -> Vec<u8> {
    let mut bytes = protocol.stack.before_id.to_vec();
    match protocol.stack.id.fixed_size() {
        Some(width) => bytes.extend(&id.to_le_bytes()[..width as usize]),
        None => midwire_codec::varint::write_varint(id as i32, &mut bytes),
    }
    bytes
}

/// The packet of a recorded payload, at the newest version of that number.
pub(crate) fn recorded(
    protocol: &Protocol,
    number: i64,
    direction: Direction,
    payload: &[u8],
) -> Option<Sample> {
    let (version, _) = protocol.versions.by_number(number);
    let dialect = protocol.dialect(version);
    let definition = dialect.packet(protocol.start, direction, (*payload.first()?).into())?;
    definition.plan.as_ref()?;
    let label = label(protocol, definition);
    let (conn, payload) = (protocol.initial_conn(), payload.to_vec());
    Some(Sample { conn, label, definition: definition.clone(), version, payload, body: 1 })
}

/// Packets of every plan of these versions, and the recorded ones with those of their plan.
pub(crate) fn generated(
    protocol: &Protocol,
    versions: impl Iterator<Item = VersionId>,
    recorded: Vec<Sample>,
    effort: usize,
) -> Vec<Samples> {
    let conns = conns(protocol);
    let mut all: Vec<Samples> = Vec::new();
    let mut places = BTreeMap::new();
    for (label, definition, version) in plans(protocol, versions) {
        let plan = definition.plan.clone().expect("it was found by its plan");
        let mut rng = Rng::named(&format!("{label} {}", protocol.versions.get(version).key));
        let id = id_bytes(protocol, definition.id);
        let mut seen = HashSet::new();
        let mut samples = Vec::new();
        for (i, conn) in conns.iter().enumerate() {
            let count = if i == 0 { effort } else { 0 };
            let bodies = Grower::new(&plan, conn, &mut rng, &mut seen).bodies(count);
            samples.extend(bodies.into_iter().map(|body| Sample {
                conn: conn.clone(),
                label: label.clone(),
                definition: definition.clone(),
                version,
                payload: [id.as_slice(), &body].concat(),
                body: id.len() as u32,
            }));
        }
        samples.extend(with_rest(&samples));
        places.insert((Arc::as_ptr(&plan), label.clone()), all.len());
        all.push(samples);
    }
    for sample in recorded {
        let plan = sample.definition.plan.as_ref().map(Arc::as_ptr);
        if let Some(place) = plan.and_then(|plan| places.get(&(plan, sample.label.clone()))) {
            all[*place].push(sample);
        }
    }
    all
}

/// The connection's variables as they are at first, and with each of them another.
fn conns(protocol: &Protocol) -> Vec<Vec<i64>> {
    let first = protocol.initial_conn();
    let mut all = vec![first.clone()];
    all.extend((0..first.len()).map(|i| {
        let mut conn = first.clone();
        conn[i] = 256;
        conn
    }));
    all
}

/// The last of these packets with bytes behind it that no field explains, if it can have those.
fn with_rest(samples: &[Sample]) -> Option<Sample> {
    let mut sample = samples.iter().rfind(|s| s.conn == samples[0].conn)?.clone();
    sample.payload.extend([0xc0, 0xff, 0xee]);
    let mut ws = Workspace::default();
    let packet = sample.plan().decode(&sample.payload, sample.body, &sample.conn, &mut ws);
    let is_whole = packet.error().is_none();
    is_whole.then_some(sample)
}

/// The packets in the tests of a built-in definition, by plan.
pub(crate) fn tested(protocol: &Protocol, path: &str) -> Vec<Samples> {
    let mut tests = Vec::new();
    tests_of(path, &mut tests);
    let mut all: BTreeMap<(String, usize), Samples> = BTreeMap::new();
    for test in tests.iter().filter(|t| !matches!(t.expect, TestExpectation::Error(_))) {
        for sample in samples_of(protocol, test) {
            let mut ws = Workspace::default();
            let packet = sample.plan().decode(&sample.payload, sample.body, &sample.conn, &mut ws);
            if packet.error().is_none() {
                let plan = std::ptr::from_ref(sample.plan()) as usize;
                all.entry((sample.label.clone(), plan)).or_default().push(sample);
            }
        }
    }
    let mut all: Vec<Samples> = all.into_values().collect();
    // Addresses are others every time.
    all.sort_by_key(|samples| (samples[0].label.clone(), samples[0].version));
    all
}

/// All tests of a definition and the files that it includes.
fn tests_of(path: &str, out: &mut Vec<TestItem>) {
    let (file, _) = parse(0, &Builtin.load(path).expect("it is built in"));
    for item in file.items {
        match item {
            Item::Test(test) => out.push(test),
            Item::Include(include) => tests_of(&include.node, out),
            _ => {}
        }
    }
}

/// The packets of a test: it may be for both directions.
fn samples_of(protocol: &Protocol, test: &TestItem) -> Samples {
    let version = match test.version.as_ref().map(|v| &v.node) {
        None => protocol.versions.newest(),
        Some(VersionRef::Number(number)) => protocol.versions.by_number(*number).0,
        Some(VersionRef::Key(text)) => protocol.versions.by_text(text).expect("it is listed"),
    };
    let dialect = protocol.dialect(version);
    let directions = match test.direction {
        Some(Directions::Serverbound) => vec![Direction::Serverbound],
        Some(Directions::Clientbound) => vec![Direction::Clientbound],
        _ => vec![Direction::Serverbound, Direction::Clientbound],
    };
    let state = test.state.as_ref().map_or("", |state| &state.text);
    let state: StateId = protocol.state_named(state).unwrap_or(protocol.start);
    let packets = directions.into_iter().filter_map(|direction| {
        let definition = dialect.packet_named(state, direction, &test.packet.text)?.clone();
        definition.plan.as_ref()?;
        let id = id_bytes(protocol, definition.id);
        Some(Sample {
            conn: protocol.initial_conn(),
            label: label(protocol, &definition),
            definition,
            version,
            payload: [id.as_slice(), &test.bytes.node].concat(),
            body: id.len() as u32,
        })
    });
    packets.collect()
}

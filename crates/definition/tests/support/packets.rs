//! Packets of every plan of a protocol, made of random bytes that are grown until they are one.
#![allow(dead_code, unreachable_pub, reason = "each test uses its own part")]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::{
    DecodeErrorKind, PacketDefinition, Plan, Protocol, StateId, VersionId, Workspace,
};

use super::leaves::{Form, Held, Leaf, Leaves, leaves};

/// The same numbers for the same seed, on every machine.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Below `n`, which is not 0.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }
}

/// A packet to try things on.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The connection's variables.
    pub conn: Vec<i64>,
    /// `play clientbound map_chunk`
    pub label: String,
    pub definition: Arc<PacketDefinition>,
    pub version: VersionId,
    /// Id and body.
    pub payload: Vec<u8>,
    pub body: u32,
}

impl Sample {
    pub fn plan(&self) -> &Plan {
        self.definition.plan.as_ref().expect("only packets with a body are tried")
    }
}

/// A plan and one of the packets that are read by it.
pub struct Read {
    pub label: String,
    pub definition: Arc<PacketDefinition>,
    pub version: VersionId,
}

/// A packet's name as people find it.
pub fn label(protocol: &Protocol, definition: &PacketDefinition) -> String {
    let state = protocol.state_name(definition.state);
    let space = if state.is_empty() { "" } else { " " };
    format!("{state}{space}{} {}", definition.direction, definition.name)
}

/// Every plan of these versions once, under the first packet that is read by it.
pub fn plans(protocol: &Protocol, versions: impl Iterator<Item = VersionId>) -> Vec<Read> {
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
                all.push(Read { label, definition: definition.clone(), version });
            }
        }
    }
    all
}

/// The id as it stands in front of a body.
pub fn id_bytes(protocol: &Protocol, id: i64) -> Vec<u8> {
    let mut bytes = vec![0; protocol.stack.before_id as usize];
    match protocol.stack.id.fixed_size() {
        Some(1) => bytes.push(id as u8),
        Some(_) => unimplemented!("ids of several bytes"),
        None => midwire_codec::varint::write_varint(id as i32, &mut bytes),
    }
    bytes
}

/// How likely which bytes are.
#[derive(Clone, Copy)]
enum Mood {
    /// Zeros, and few others that are small.
    Quiet,
    /// Small numbers.
    Small,
    /// All bytes alike.
    Wild,
    /// Zeros, ones and bytes with all bits.
    Edges,
}

fn byte(mood: Mood, rng: &mut Rng) -> u8 {
    let n = rng.next();
    let high = (n >> 32) as u8;
    match mood {
        Mood::Quiet if n % 5 > 0 => 0,
        Mood::Quiet => high % 6,
        Mood::Small if n % 3 == 0 => 0,
        Mood::Small => high % 20,
        Mood::Wild => high,
        Mood::Edges => [0, 0, 1, 0xff, 0x7f, high][(n % 6) as usize],
    }
}

/// Bytes that grow into a body.
#[derive(Debug, Clone, Default, PartialEq)]
struct Seed {
    bytes: Vec<u8>,
    /// What is deflated behind them.
    inner: Option<Vec<u8>>,
}

impl Seed {
    fn body(&self) -> Vec<u8> {
        let mut body = self.bytes.clone();
        if let Some(inner) = &self.inner {
            // One last block, stored as it is.
            let len = inner.len() as u16;
            body.push(1);
            body.extend(len.to_le_bytes());
            body.extend((!len).to_le_bytes());
            body.extend(inner);
        }
        body
    }
}

const SIZE_MAX: usize = 3000;

/// Grows a body out of a seed, until all of it is read.
fn grow(
    plan: &Plan,
    conn: &[i64],
    mut seed: Seed,
    mood: Mood,
    rng: &mut Rng,
    ws: &mut Workspace,
) -> Option<(Seed, Leaves)> {
    for _ in 0..300 {
        let body = seed.body();
        let mut packet = plan.decode(&body, 0, conn, ws);
        let end = packet.end() as usize;
        let Some(error) = packet.error() else {
            if seed.inner.is_none() && end < seed.bytes.len() {
                seed.bytes.truncate(end);
                continue;
            }
            if end != body.len() {
                return None;
            }
            return Some((seed, leaves(&mut packet)));
        };
        let offset = error.offset as usize;
        if let (DecodeErrorKind::Inflate(_), None) = (&error.kind, &seed.inner) {
            seed.bytes.truncate(offset);
            seed.inner = Some(Vec::new());
            continue;
        }
        let into = match (error.buffer, &mut seed.inner) {
            (0, None) => &mut seed.bytes,
            (1, Some(inner)) => inner,
            _ => return None,
        };
        match &error.kind {
            DecodeErrorKind::Short { wanted } => {
                let wanted = *wanted as usize;
                if wanted + into.len() > SIZE_MAX {
                    return None;
                }
                // Inside a block each step costs more.
                let more = if error.buffer > 0 { rng.below(40) as usize } else { 0 };
                into.extend((0..wanted + more).map(|_| byte(mood, rng)));
            }
            _ => {
                into.truncate(offset);
                into.push(byte(Mood::Small, rng));
            }
        }
    }
    None
}

/// Shapes (sets of fields) of one plan that are kept although each of their fields was seen before.
const SHAPES_MAX: usize = 30;

/// Bodies of a plan, as different as are found: each has a field or a shape that those before it (and
/// `fields`) do not have, but for the first few.
pub fn bodies(
    plan: &Plan,
    conn: &[i64],
    count: usize,
    fields: &mut HashSet<(usize, bool)>,
    rng: &mut Rng,
) -> Vec<Vec<u8>> {
    let mut ws = Workspace::default();
    let mut shapes = HashSet::new();
    let mut kept: Vec<(Seed, Leaves)> = Vec::new();
    let mut bare = 0;
    let mut dull = 0;
    let mut patience = if count == 0 { 20 } else { 40 };
    while dull < patience && kept.len() < 200 {
        dull += 1;
        let mood = *rng.pick(&[Mood::Quiet, Mood::Quiet, Mood::Small, Mood::Wild, Mood::Edges]);
        let seed = mutated(&kept, mood, rng);
        let Some((seed, all)) = grow(plan, conn, seed, mood, rng, &mut ws) else { continue };
        let values = all.list.iter().map(|leaf| (leaf.field, false));
        let lists = all.holders.iter().map(|h| (h.field, h.count.is_some_and(|n| n > 0)));
        let shape: BTreeSet<_> = values.chain(lists).collect();
        let before = fields.len();
        fields.extend(&shape);
        let fresh = fields.len() > before;
        let another = shapes.len() < SHAPES_MAX && shapes.insert(shape);
        if fresh || another && (count > 0 || kept.is_empty()) {
            // The more there are, the more can be found by changing one.
            patience += if fresh { 20 } else { 5 };
            dull = 0;
            kept.push((seed, all));
        } else if bare < count && !kept.iter().any(|(k, _)| *k == seed) {
            bare += 1;
            kept.push((seed, all));
        }
    }
    kept.iter().map(|(seed, _)| seed.body()).collect()
}

/// A new seed: nothing, or one that was good, changed or cut somewhere.
fn mutated(kept: &[(Seed, Leaves)], mood: Mood, rng: &mut Rng) -> Seed {
    if kept.is_empty() || rng.one_in(6) {
        let len = *rng.pick(&[0, 0, 1, 3, 8, 40]);
        return Seed { bytes: (0..len).map(|_| byte(mood, rng)).collect(), inner: None };
    }
    let (seed, all) = rng.pick(kept);
    let mut seed = seed.clone();
    let (buffer, bytes) = match &mut seed.inner {
        Some(inner) => (1, inner),
        None => (0, &mut seed.bytes),
    };
    // What others depend on is a number.
    let says = |leaf: &&Leaf| {
        let number = matches!(leaf.held, Held::Number(_)) && leaf.form != Form::Computed;
        number && leaf.place.buffer == buffer && leaf.place.start < leaf.place.end
    };
    let telling: Vec<_> = all.list.iter().filter(says).collect();
    let at = if telling.is_empty() || rng.one_in(4) {
        let Some(last) = bytes.len().checked_sub(1) else { return seed };
        let at = rng.below(last as u64 + 1) as usize;
        bytes[at] = byte(mood, rng);
        at
    } else {
        let leaf = rng.pick(&telling);
        let (start, end) = (leaf.place.start as usize, leaf.place.end as usize);
        let at = *rng.pick(&[start, end - 1]);
        match &leaf.form {
            Form::Enum { names, .. } if !names.is_empty() => bytes[at] = rng.pick(names).0 as u8,
            Form::Bool => bytes[at] = u8::from(bytes[at] == 0),
            Form::Flags(..) => bytes[at] ^= 1 << rng.below(8),
            _ => bytes[at] = byte(Mood::Small, rng),
        }
        end - 1
    };
    if rng.one_in(2) {
        bytes.truncate(at + 1);
    }
    seed
}

/// The packet of a recorded payload.
pub fn recorded(
    protocol: &Protocol,
    version: VersionId,
    state: StateId,
    direction: Direction,
    payload: &[u8],
) -> Option<Sample> {
    let (id, width) = match protocol.stack.id.fixed_size() {
        Some(_) => (i64::from(*payload.first()?), 1),
        None => {
            let (id, width) = midwire_codec::varint::read_varint(payload).ok()??;
            (id.into(), width)
        }
    };
    let dialect = protocol.dialect(version);
    let definition = dialect.packet(state, direction, id)?.clone();
    definition.plan.as_ref()?;
    let label = label(protocol, &definition);
    let (conn, payload) = (protocol.initial_conn(), payload.to_vec());
    Some(Sample { conn, label, definition, version, payload, body: width as u32 })
}

/// Packets of one plan.
pub type Samples = Vec<Sample>;

/// Packets of every plan of these versions, and the recorded ones with those of their plan.
pub fn generated(
    protocol: &Protocol,
    versions: impl Iterator<Item = VersionId>,
    recorded: Vec<Sample>,
    effort: usize,
) -> Vec<Samples> {
    let conn = protocol.initial_conn();
    let other = vec![1; conn.len()];
    let mut all: Vec<Samples> = Vec::new();
    let mut places = BTreeMap::new();
    for read in plans(protocol, versions) {
        let plan = read.definition.plan.clone().expect("it was found by its plan");
        // Another packet of the definition must not change what is tried on this one.
        let name = format!("{} {}", read.label, read.version.0);
        let seed = name.bytes().fold(7u64, |n, b| n.wrapping_mul(31).wrapping_add(b.into()));
        let mut rng = Rng::new(seed);
        let id = id_bytes(protocol, read.definition.id);
        let t = std::time::Instant::now();
        let mut fields = HashSet::new();
        let mut samples = Vec::new();
        for (conn, effort) in [(&conn, effort), (&other, 0)] {
            let bodies = bodies(&plan, conn, effort, &mut fields, &mut rng);
            samples.extend(bodies.into_iter().map(|body| Sample {
                conn: conn.clone(),
                label: read.label.clone(),
                definition: read.definition.clone(),
                version: read.version,
                payload: [id.as_slice(), &body].concat(),
                body: id.len() as u32,
            }));
            if conn.is_empty() {
                break;
            }
        }
        if t.elapsed().as_millis() > 100 {
            eprintln!("{} {} {:?}", read.label, samples.len(), t.elapsed());
        }
        places.insert((Arc::as_ptr(&plan), read.label.clone()), all.len());
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

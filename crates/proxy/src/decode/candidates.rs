//! What bytes may be: every protocol, version, state, direction and shape in which they can be read, each with
//! how much it explains.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use midwire_codec::{Framing, Inflater};
use midwire_definition::tree::{TreeLimits, rows};
use midwire_definition::{
    Dialect, Effect, Extent, Packet, PacketDefinition, Plan, Progress, Protocol, StateId,
    VersionId, Workspace,
};
use midwire_session::Direction;

use super::evidence::Evidence;
use super::reading::{Fixed, Form, Plain, plain};
use crate::defs::releases;
use crate::wire_id;

/// Packets of a stream that are looked at.
const PACKETS_MAX: usize = 24;
/// Of bytes that begin within a frame, so many are passed at most to find the next.
const LOST_MAX: usize = 1 << 20;
/// Frames that are looked at in search of the first.
const STEPS_MAX: usize = 4_000_000;
/// Frames that have to follow each other behind what was passed.
const CHAIN_MIN: usize = 3;
/// Of them so many are remembered.
const CHAIN_MAX: usize = 64;
/// Places that are tried as the first.
const STARTS_MAX: usize = 64;
/// A change of direction within a stream is rare.
const TURN: f64 = -6.0;
/// What each byte of a frame's length tells that leads to its end.
const FRAME: f64 = 7.0;
/// Of one frame at most.
const FRAME_MAX: f64 = 14.0;
/// Bytes without a frame, where there are frames otherwise, are less likely.
const UNFRAMED: f64 = -10.0;
/// What the compression stage tells that can be taken off.
const STORED: f64 = 5.0;
const INFLATED: f64 = 30.0;
/// Candidates that differ by less are as good as each other.
pub(super) const EQUAL: f64 = 4.0;

/// Something that bytes may be.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) protocol: Arc<Protocol>,
    /// The oldest and the newest version that reads the same.
    pub(super) versions: (VersionId, VersionId),
    /// The bytes say the version.
    pub(super) version_said: bool,
    pub(super) state: StateId,
    /// `None`: both.
    pub(super) direction: Option<Direction>,
    pub(super) framed: bool,
    pub(super) compressed: bool,
    /// Bytes in front of the first frame.
    pub(super) lost: usize,
    pub(super) names: Vec<Arc<str>>,
    pub(super) bits: f64,
    pub(super) explained: usize,
    pub(super) len: usize,
    pub(super) reasons: String,
    /// Everything was read, to the last byte.
    pub(super) is_whole: bool,
    /// The first packet was.
    begins_whole: bool,
    /// What the fields are, whatever they hold.
    signature: u64,
}

impl Candidate {
    /// `play clientbound set_slot`, with the protocol's versions.
    pub(super) fn in_words(&self) -> String {
        let state = self.protocol.state_name(self.state);
        let state = if state.is_empty() { String::new() } else { format!("{state} ") };
        let direction = self.direction.map_or("both".to_owned(), |direction| direction.to_string());
        let name = self.names.first().map_or("", |name| name);
        let more = if self.names.len() > 1 { ", .." } else { "" };
        let versions = self.versions_in_words();
        format!("{} {versions} {state}{direction} {name}{more}", self.protocol.name)
    }

    /// `1.20.2..1.21.4`
    pub(super) fn versions_in_words(&self) -> String {
        let key = |version| self.protocol.versions.get(version).key.to_string();
        let (oldest, newest) = self.versions;
        if oldest == newest { key(newest) } else { format!("{}..{}", key(oldest), key(newest)) }
    }
}

/// What is looked for.
pub(super) struct Search<'a> {
    pub(super) protocol: &'a Arc<Protocol>,
    pub(super) version: Option<VersionId>,
    pub(super) fixed: Fixed,
    /// Frames, compressed.
    pub(super) shapes: &'a [(bool, bool)],
    pub(super) inflate_max: usize,
}

/// The bytes of pieces under one shape.
struct Shape {
    framed: bool,
    compressed: bool,
    payloads: Vec<Payload>,
    lost: usize,
    len: usize,
    /// What the frames and the compression tell.
    bits: f64,
    /// The frames do not end where the bytes do.
    problem: Option<String>,
}

struct Payload {
    bytes: Vec<u8>,
    /// Its end is missing.
    cut: bool,
    /// Bytes around it.
    around: usize,
    problem: Option<String>,
}

/// Everything that pieces may be in one protocol, the best first.
pub(super) fn all(
    search: &Search<'_>,
    pieces: &[&[u8]],
    workspace: &mut Workspace,
) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (framed, compressed) in search.shapes {
        let shape_from = |start| shape(search, pieces, *framed, *compressed, start);
        let Some(shape) = shape_from(0) else { continue };
        let from_start = Seen::new(search, &shape, workspace).all();
        let is_begin = |candidate: &Candidate| candidate.begins_whole && candidate.bits > 0.0;
        let is_begun = from_start.iter().any(is_begin);
        found.extend(from_start);
        if *framed
            && !is_begun
            && let Some(start) = behind_lost(search, pieces, *compressed, workspace)
            && let Some(shape) = shape_from(start)
        {
            found.extend(Seen::new(search, &shape, workspace).all());
        }
    }
    sort(&mut found);
    found
}

/// Where the first frame begins behind the end of one that began before the bytes.
///
/// Frames follow each other from many places, but nearly always come to the true ones soon. So it is found out
/// what those are, and then from where on they are the same.
fn behind_lost(
    search: &Search<'_>,
    pieces: &[&[u8]],
    compressed: bool,
    workspace: &mut Workspace,
) -> Option<usize> {
    let framing = search.protocol.stack.framing?;
    let bytes = pieces.first()?;
    let mut steps = 0;
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for start in 1..bytes.len().min(LOST_MAX) {
        if steps > STEPS_MAX || chains.len() == STARTS_MAX {
            break;
        }
        let chain = chain(&framing, bytes, start, &mut steps);
        chains.extend(chain.filter(|chain| chain.len() >= CHAIN_MIN));
    }
    let mut passed: HashMap<usize, usize> = HashMap::new();
    for at in chains.iter().flatten() {
        *passed.entry(*at).or_default() += 1;
    }
    let (anchor, _) = passed.into_iter().max_by_key(|(at, count)| (*count, usize::MAX - at))?;
    let shape_from = |start| shape(search, pieces, true, compressed, start);
    let shape = shape_from(anchor)?;
    let mut found = Seen::new(search, &shape, workspace).all();
    sort(&mut found);
    let best = found.into_iter().next()?;
    let (dialect, _) = search.protocol.packets_at(best.versions.1);
    let packets = Packets { version: best.versions.1, without_plans: Arc::new(dialect) };
    let mut first = (best.bits, anchor);
    for start in chains.iter().filter(|chain| chain.contains(&anchor)).map(|chain| chain[0]) {
        let Some(shape) = shape_from(start) else { continue };
        let mut seen = Seen::new(search, &shape, workspace);
        if let Some(candidate) = seen.candidate(&packets, best.state, best.direction)
            && candidate.bits > first.0
        {
            first = (candidate.bits, start);
        }
    }
    Some(first.1)
}

/// Where frames begin that follow each other from a place to the end of some bytes; the last may be cut.
fn chain(framing: &Framing, bytes: &[u8], start: usize, steps: &mut usize) -> Option<Vec<usize>> {
    let mut rest = start;
    let mut found = Vec::new();
    while rest < bytes.len() {
        *steps += 1;
        if found.len() < CHAIN_MAX {
            found.push(rest);
        }
        match framing.next(&bytes[rest..]) {
            Ok(Some(frame)) if frame.len > 0 && !frame.payload.is_empty() => rest += frame.len,
            Ok(None) => break,
            _ => return None,
        }
    }
    Some(found)
}

/// The best first; of equals the newer version, and what is said more often.
pub(super) fn sort(found: &mut [Candidate]) {
    let likely = |candidate: &Candidate| match candidate.protocol.state_name(candidate.state) {
        "play" => 0,
        _ => 1,
    };
    found.sort_by(|a, b| {
        let bits = b.bits.total_cmp(&a.bits);
        bits.then(likely(a).cmp(&likely(b))).then(b.versions.1.cmp(&a.versions.1))
    });
}

fn shape(
    search: &Search<'_>,
    pieces: &[&[u8]],
    framed: bool,
    compressed: bool,
    start: usize,
) -> Option<Shape> {
    let mut shape = Shape {
        framed,
        compressed,
        payloads: Vec::new(),
        lost: 0,
        len: pieces.iter().map(|piece| piece.len()).sum(),
        bits: 0.0,
        problem: None,
    };
    let framing = search.protocol.stack.framing.filter(|_| framed);
    let mut inflater = Inflater::new(search.inflate_max);
    for (at, piece) in pieces.iter().enumerate() {
        let Some(framing) = framing else {
            shape.payloads.push(Payload {
                bytes: piece.to_vec(),
                cut: false,
                around: 0,
                problem: None,
            });
            continue;
        };
        let mut rest = if at == 0 { start } else { 0 };
        shape.lost += rest;
        while rest < piece.len() && shape.payloads.len() < PACKETS_MAX {
            let frame = match framing.next(&piece[rest..]) {
                Ok(Some(frame)) => frame,
                Ok(None) => {
                    let left = piece.len() - rest;
                    let extent = framing.extent(&piece[rest..]).ok().flatten();
                    if let Some(extent) = extent.filter(|extent| extent.start < left && !compressed)
                    {
                        let bytes = piece[rest + extent.start..].to_vec();
                        let around = left - bytes.len();
                        // The more of a frame is missing, the less it was one.
                        shape.bits += if extent.end <= 4 * left { 2.0 } else { -10.0 };
                        shape.payloads.push(Payload { bytes, cut: true, around, problem: None });
                    }
                    shape.problem = Some("the last frame is cut".to_owned());
                    break;
                }
                Err(error) => {
                    shape.bits -= 60.0;
                    shape.problem = Some(format!("no frame at {rest}: {error}"));
                    break;
                }
            };
            let payload = &piece[rest..][frame.payload.clone()];
            let plain = plain(compressed, payload, &mut inflater);
            let header = frame.len - payload.len();
            shape.bits += (FRAME * header as f64).min(FRAME_MAX);
            if compressed {
                shape.bits += staged(&plain, payload.len());
            }
            shape.payloads.push(Payload {
                bytes: plain.payload,
                cut: false,
                around: header,
                problem: plain.problem.or(plain.flaw),
            });
            rest += frame.len;
        }
    }
    shape.bits = shape.bits.min(40.0 + 6.0 * shape.payloads.len() as f64);
    (!shape.payloads.is_empty()).then_some(shape)
}

/// What the compression stage tells of a payload that was so long with it.
fn staged(plain: &Plain, len: usize) -> f64 {
    match &plain.problem {
        Some(_) => -60.0,
        None if plain.payload.len() + 1 != len => INFLATED,
        None => STORED,
    }
}

/// A packet and what it tells: by the payload's number and the address of the plan.
type Cache = HashMap<(usize, usize), Arc<Told>>;

struct Told {
    evidence: Evidence,
    signature: u64,
}

struct Seen<'a> {
    search: &'a Search<'a>,
    shape: &'a Shape,
    cache: Cache,
    workspace: &'a mut Workspace,
}

/// The packets of a version, found when they are asked for.
struct Packets {
    version: VersionId,
    without_plans: Arc<Dialect>,
}

impl<'a> Seen<'a> {
    fn new(search: &'a Search<'a>, shape: &'a Shape, workspace: &'a mut Workspace) -> Self {
        Self { search, shape, cache: HashMap::new(), workspace }
    }

    fn all(&mut self) -> Vec<Candidate> {
        let protocol = self.search.protocol;
        let versions = match self.search.version {
            Some(version) => vec![version],
            None => releases(protocol),
        };
        let mut found: Vec<Candidate> = Vec::new();
        let mut known: Option<(Arc<Dialect>, VersionId)> = None;
        for version in versions {
            let without_plans = match &known {
                Some((dialect, last)) if version <= *last => dialect.clone(),
                _ => {
                    let (dialect, last) = protocol.packets_at(version);
                    known.insert((Arc::new(dialect), last)).0.clone()
                }
            };
            let packets = Packets { version, without_plans };
            for candidate in self.of_version(&packets) {
                self.add(candidate, &mut found);
            }
        }
        found
    }

    /// Adds a candidate, or the version of it to what reads the same.
    fn add(&self, candidate: Candidate, found: &mut Vec<Candidate>) {
        let same = found.iter_mut().rev().find(|known| {
            known.signature == candidate.signature
                && known.names == candidate.names
                && known.state == candidate.state
                && known.direction == candidate.direction
                && (known.bits - candidate.bits).abs() < EQUAL
        });
        match same {
            Some(known) => {
                let oldest = known.versions.0;
                *known = Candidate { versions: (oldest, candidate.versions.1), ..candidate };
            }
            None => found.push(candidate),
        }
    }

    fn of_version(&mut self, packets: &Packets) -> Vec<Candidate> {
        let Fixed { state, direction } = self.search.fixed;
        let states = self.search.protocol.states.len().max(1);
        let states: Vec<StateId> = match state {
            Some(state) => vec![state],
            None => (0..=u8::MAX).map(StateId).take(states).collect(),
        };
        let mut directions: Vec<Option<Direction>> = match direction {
            Some(direction) => vec![Some(direction)],
            None => Direction::BOTH.map(Some).to_vec(),
        };
        if direction.is_none() && self.shape.payloads.len() > 1 {
            directions.push(None);
        }
        let mut found: Vec<Candidate> = Vec::new();
        for state in states {
            for direction in &directions {
                if let Some(candidate) = self.candidate(packets, state, *direction) {
                    // Both directions only if that explains more than one.
                    let is_needed = direction.is_some()
                        || found.iter().all(|other| {
                            other.state != state || other.bits + EQUAL < candidate.bits
                        });
                    if is_needed {
                        found.push(candidate);
                    }
                }
            }
        }
        found
    }

    /// What the pieces are if they begin in a state; `None` if not even the first packet is there.
    fn candidate(
        &mut self,
        packets: &Packets,
        state: StateId,
        direction: Option<Direction>,
    ) -> Option<Candidate> {
        let protocol = self.search.protocol.clone();
        let shape = self.shape;
        let mut form = Form {
            protocol: protocol.clone(),
            version: packets.version,
            version_known: false,
            states: [Some(state); 2],
            direction,
            framed: shape.framed,
            compressed: shape.compressed,
            sure: true,
            conn: protocol.initial_conn(),
        };
        let mut candidate = Candidate {
            protocol: protocol.clone(),
            versions: (packets.version, packets.version),
            version_said: false,
            state,
            direction,
            framed: shape.framed,
            compressed: shape.compressed,
            lost: shape.lost,
            names: Vec::new(),
            bits: shape.bits - if shape.lost > 0 { 20.0 } else { 0.0 },
            explained: 0,
            len: shape.len,
            reasons: String::new(),
            is_whole: shape.problem.is_none() && shape.lost == 0,
            begins_whole: false,
            signature: 0,
        };
        if protocol.state_name(state) == "play" {
            candidate.bits += 2.0;
        }
        if protocol.stack.framing.is_some() && !shape.framed {
            candidate.bits += UNFRAMED;
        }
        let Fixed { state: fixed_state, direction: fixed_direction } = self.search.fixed;
        let is_placed = shape.framed && fixed_state.is_some() && fixed_direction.is_some();
        let mut signature = DefaultHasher::new();
        let mut reasons: Vec<String> = shape.problem.iter().cloned().collect();
        let mut inflater = Inflater::new(self.search.inflate_max);
        for (at, payload) in shape.payloads.iter().enumerate() {
            // Compression that begins within the stream.
            let inflated;
            let (at, payload) = match form.compressed && !shape.compressed {
                true => {
                    let plain = plain(true, &payload.bytes, &mut inflater);
                    candidate.bits += staged(&plain, payload.bytes.len());
                    let (bytes, problem) = (plain.payload, plain.problem.or(plain.flaw));
                    inflated = Payload { bytes, problem, ..*payload };
                    (at + PACKETS_MAX, &inflated)
                }
                false => (at, payload),
            };
            let before = form.direction;
            let both: &[Direction] = match &direction {
                Some(direction) => std::slice::from_ref(direction),
                None => &Direction::BOTH,
            };
            let mut best: Option<Best> = None;
            for way in both {
                let (definition, told) = self.told(packets, &form, *way, at, payload);
                let turn = if before.is_some_and(|before| before != *way) { TURN } else { 0.0 };
                let bits = told.evidence.bits + turn;
                if best.as_ref().is_none_or(|(most, ..)| bits > *most) {
                    best = Some((bits, *way, definition, told));
                }
            }
            let (bits, way, definition, told) = best?;
            let is_first = candidate.names.is_empty();
            // What is no packet anywhere is one that is not known where it was said to be.
            if is_first && !is_placed {
                definition.as_ref()?;
            }
            let Evidence { explained, problem, .. } = &told.evidence;
            candidate.bits += bits - if payload.problem.is_some() { 20.0 } else { 0.0 };
            candidate.explained +=
                explained + if definition.is_some() { payload.around } else { 0 };
            let is_whole = problem.is_none() && payload.problem.is_none() && definition.is_some();
            candidate.is_whole &= is_whole;
            candidate.begins_whole |= is_first && is_whole;
            told.signature.hash(&mut signature);
            let name = definition.as_ref().map_or("?".into(), |definition| definition.name.clone());
            if reasons.len() < 2 || problem.is_some() && reasons.len() < 3 {
                reasons.push(told.evidence.reasons());
            }
            candidate.names.push(name);
            form.direction = Some(way);
            if let Some(definition) = definition {
                self.follow(packets, &mut form, way, &definition, payload)?;
                candidate.version_said |= form.version_known;
            }
        }
        candidate.reasons = reasons.join("; ");
        candidate.signature = signature.finish();
        Some(candidate)
    }

    /// What a payload is in some state, and what that tells.
    fn told(
        &mut self,
        packets: &Packets,
        form: &Form,
        direction: Direction,
        at: usize,
        payload: &Payload,
    ) -> (Option<Arc<PacketDefinition>>, Arc<Told>) {
        let protocol = &form.protocol;
        let state = form.states[direction.index()].unwrap_or(protocol.start);
        if protocol.is_frameless() {
            return self.measured(form, state, direction, payload);
        }
        let unknown = |id| {
            let evidence = Evidence::unknown(id);
            (None, Arc::new(Told { evidence, signature: 0 }))
        };
        let Some((id, body)) = wire_id::read(&protocol.stack, state, &payload.bytes) else {
            return unknown(None);
        };
        let Some(definition) = packets.without_plans.packet(state, direction, id) else {
            return unknown(Some(id));
        };
        let plan = protocol.plan_of(packets.version, definition);
        let key = plan.as_ref().map_or(0, |plan| Arc::as_ptr(plan) as usize);
        // A plan may read the connection's variables, which a stream changes.
        let is_cached = form.conn == protocol.initial_conn();
        if let Some(told) = self.cache.get(&(at, key)).filter(|_| is_cached) {
            return (Some(definition.clone()), told.clone());
        }
        let told =
            Arc::new(tell(plan.as_deref(), payload, body as u32, &form.conn, self.workspace));
        if is_cached {
            self.cache.insert((at, key), told.clone());
        }
        (Some(definition.clone()), told)
    }

    /// The same where a packet ends with its fields.
    fn measured(
        &mut self,
        form: &Form,
        state: StateId,
        direction: Direction,
        payload: &Payload,
    ) -> (Option<Arc<PacketDefinition>>, Arc<Told>) {
        let dialect = form.protocol.dialect(form.version);
        let measured = dialect.measure(
            &form.protocol.stack,
            state,
            direction,
            &form.conn,
            &payload.bytes,
            &mut Progress::default(),
            self.workspace,
        );
        let Some(definition) = measured.definition else {
            let evidence = Evidence::unknown(measured.id);
            return (None, Arc::new(Told { evidence, signature: 0 }));
        };
        let len = match measured.extent {
            Extent::Whole(len) => len,
            _ => payload.bytes.len(),
        };
        let first =
            Payload { bytes: payload.bytes[..len].to_vec(), cut: false, around: 0, problem: None };
        let told =
            tell(definition.plan.as_deref(), &first, measured.body, &form.conn, self.workspace);
        (Some(definition), Arc::new(told))
    }

    /// What a packet makes of those behind it; `None` if it says that the version is another.
    fn follow(
        &mut self,
        packets: &Packets,
        form: &mut Form,
        direction: Direction,
        definition: &PacketDefinition,
        payload: &Payload,
    ) -> Option<()> {
        let protocol = form.protocol.clone();
        if !protocol.has_events(packets.version, definition) {
            return Some(());
        }
        let id = definition.id;
        let dialect = protocol.dialect(packets.version);
        let state = definition.state;
        let Some(whole) = dialect.packet(state, direction, id) else { return Some(()) };
        let Some(plan) = &whole.plan else { return Some(()) };
        let body =
            wire_id::read(&protocol.stack, state, &payload.bytes).map_or(0, |(_, body)| body);
        let conn = form.conn.clone();
        let mut packet: Packet<'_> =
            plan.decode(&payload.bytes, body as u32, &conn, self.workspace);
        if whole.says_version && self.search.version.is_none() {
            let number = protocol.version_from.as_ref().and_then(|from| from.number(&mut packet));
            if let Some(number) = number {
                let (version, _) = protocol.versions.by_number(number);
                let wire = |version| protocol.versions.get(version).number;
                if wire(version) != wire(packets.version) {
                    return None;
                }
                form.version_known = true;
            }
        }
        for effect in whole.events.iter().flat_map(|event| event.effects(&packet)) {
            match effect {
                Effect::State { direction, state } if self.search.fixed.state.is_none() => {
                    for each in Direction::BOTH {
                        if direction.is_none_or(|direction| direction == each) {
                            form.states[each.index()] = Some(state);
                        }
                    }
                }
                Effect::Assign { variable, value } => {
                    if let Some(place) = form.conn.get_mut(variable as usize) {
                        *place = value;
                    }
                }
                Effect::Compression { threshold } => {
                    form.compressed = form.framed && threshold >= 0;
                }
                Effect::State { .. } | Effect::Cipher => {}
            }
        }
        Some(())
    }
}

/// What a payload tells if a plan reads it.
fn tell(
    plan: Option<&Plan>,
    payload: &Payload,
    body: u32,
    conn: &[i64],
    workspace: &mut Workspace,
) -> Told {
    let evidence = Evidence::of(plan, &payload.bytes, body, payload.cut, conn, workspace);
    let mut signature = DefaultHasher::new();
    if let Some(plan) = plan {
        let limits =
            TreeLimits { elements_max: 8, rows_max: 200, width_max: 0, ..TreeLimits::default() };
        let mut packet = plan.decode(&payload.bytes, body, conn, workspace);
        for row in rows(&mut packet, limits) {
            (row.name, row.kind, row.place.buffer, row.place.start, row.place.end)
                .hash(&mut signature);
        }
    }
    Told { evidence, signature: signature.finish() }
}

/// A score, a direction, a packet, and what is told of it.
type Best = (f64, Direction, Option<Arc<PacketDefinition>>, Arc<Told>);

//! The packets that payloads may be in each version, state and direction, and what these tell.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::rc::Rc;
use std::sync::Arc;

use midwire_codec::Inflater;
use midwire_definition::tree::{TreeLimits, rows};
use midwire_definition::{
    Dialect, Effect, Extent, Packet, PacketDefinition, Plan, Progress, StateId, VersionId,
    Workspace,
};
use midwire_session::Direction;

use super::candidate::{Candidate, EQUAL};
use super::candidates::Search;
use super::evidence::Evidence;
use super::reading::{Fixed, Form, plain};
use super::shape::{PACKETS_MAX, Payload, Shape, staged};
use crate::defs::releases;
use crate::wire_id;

/// A change of direction or of the state within a stream is rare.
const TURN: f64 = -6.0;
/// A protocol without frames, of which no length tells where it begins.
const FRAMELESS: f64 = -12.0;
/// In it bytes behind the first packet may be anything, unless that tells so much.
const BEHIND: f64 = -20.0;
const BEHIND_MIN: f64 = 20.0;
/// Bytes without a frame, where there are frames otherwise, are less likely.
const UNFRAMED: f64 = -10.0;

/// A packet and what it tells: by the payload's number and the address of the plan.
type Cache = HashMap<(usize, usize), Arc<Told>>;

/// Which packet something is, if it is one, and what it tells.
type Known = (Option<Arc<PacketDefinition>>, Arc<Told>);

struct Told {
    evidence: Evidence,
    signature: u64,
}

/// A packet in another state than those in front of it lead to, or compressed where they are not.
struct Moved {
    /// What the change tells, which is less than nothing, and the compression.
    bits: f64,
    state: StateId,
    inflated: Option<Rc<Payload>>,
    known: Known,
}

impl Moved {
    fn bits(&self) -> f64 {
        self.bits + self.known.1.evidence.bits
    }
}

pub(super) struct Seen<'a> {
    search: &'a Search<'a>,
    shape: &'a Shape,
    cache: Cache,
    workspace: &'a mut Workspace,
}

/// The packets of a version, found when they are asked for.
pub(super) struct Packets {
    pub(super) version: VersionId,
    pub(super) without_plans: Arc<Dialect>,
}

impl<'a> Seen<'a> {
    pub(super) fn new(
        search: &'a Search<'a>,
        shape: &'a Shape,
        workspace: &'a mut Workspace,
    ) -> Self {
        Self { search, shape, cache: HashMap::new(), workspace }
    }

    pub(super) fn all(&mut self) -> Vec<Candidate> {
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
    pub(super) fn candidate(
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
            begun: 0,
            is_clean: false,
            signature: 0,
        };
        if protocol.state_name(state) == "play" {
            candidate.bits += 2.0;
        }
        if protocol.is_frameless() {
            candidate.bits += FRAMELESS;
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
                    // That it goes on as it began tells little.
                    candidate.bits += staged(&plain, payload.bytes.len()).min(1.0);
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
            let mut best: Option<(f64, Direction, Known)> = None;
            for way in both {
                let known = self.told(packets, &form, *way, at, payload);
                let turn = if before.is_some_and(|before| before != *way) { TURN } else { 0.0 };
                let bits = known.1.evidence.bits + turn;
                if best.as_ref().is_none_or(|(most, ..)| bits > *most) {
                    best = Some((bits, *way, known));
                }
            }
            let (mut bits, way, mut known) = best?;
            let is_first = candidate.names.is_empty();
            let moved;
            let mut payload = payload;
            if candidate.is_clean
                && !is_good(&known)
                && let Some(found) = self.moved(packets, &form, way, at, payload, &mut inflater)
            {
                moved = found;
                candidate.bits += moved.bits;
                form.states[way.index()] = Some(moved.state);
                if let Some(inflated) = &moved.inflated {
                    form.compressed = true;
                    payload = inflated;
                }
                bits = moved.known.1.evidence.bits;
                known = moved.known.clone();
            }
            let (definition, told) = known;
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
            candidate.begun += usize::from(is_whole && candidate.begun == candidate.names.len());
            candidate.is_clean = (is_first || candidate.is_clean)
                && (is_whole || payload.missing.is_some() && !is_first);
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

    /// What a payload is if the other side has changed the state or has begun to compress, which these
    /// bytes do not show; `None` if it is no packet even so.
    fn moved(
        &mut self,
        packets: &Packets,
        form: &Form,
        way: Direction,
        at: usize,
        payload: &Payload,
        inflater: &mut Inflater,
    ) -> Option<Moved> {
        let protocol = &form.protocol;
        let may_begin = form.framed && !form.compressed && protocol.stack.compression.is_some();
        let inflated = may_begin
            .then(|| plain(true, &payload.bytes, inflater))
            .filter(|plain| plain.problem.is_none() && plain.flaw.is_none())
            .map(|plain| (TURN + staged(&plain, payload.bytes.len()), plain.payload));
        let before = form.states[way.index()].unwrap_or(protocol.start);
        let states = (0..=u8::MAX).map(StateId).take(protocol.states.len().max(1));
        let states: Vec<StateId> = match self.search.fixed.state {
            Some(_) => vec![before],
            // What leads back is said by the side that is here.
            None => states.filter(|state| *state >= before).collect(),
        };
        let mut best: Option<Moved> = None;
        for stage in [Some(None), inflated.map(Some)].into_iter().flatten() {
            let stage_bits = stage.as_ref().map_or(0.0, |(bits, _)| *bits);
            let inflated =
                stage.map(|(_, bytes)| Rc::new(Payload { bytes, problem: None, ..*payload }));
            let place = if inflated.is_some() { at + PACKETS_MAX } else { at };
            for state in &states {
                let mut form = form.clone();
                form.states[way.index()] = Some(*state);
                let told_of = inflated.as_deref().unwrap_or(payload);
                let known = self.told(packets, &form, way, place, told_of);
                let bits = stage_bits + if *state == before { 0.0 } else { TURN };
                let moved = Moved { bits, state: *state, inflated: inflated.clone(), known };
                let is_better = best.as_ref().is_none_or(|best| moved.bits() > best.bits());
                if is_good(&moved.known) && is_better {
                    best = Some(moved);
                }
            }
        }
        best
    }

    /// What a payload is in some state, and what that tells.
    fn told(
        &mut self,
        packets: &Packets,
        form: &Form,
        direction: Direction,
        at: usize,
        payload: &Payload,
    ) -> Known {
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
    ) -> Known {
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
        let first = Payload {
            bytes: payload.bytes[..len].to_vec(),
            missing: None,
            around: 0,
            problem: None,
        };
        let mut told =
            tell(definition.plan.as_deref(), &first, measured.body, &form.conn, self.workspace);
        if len < payload.bytes.len() && told.evidence.bits < BEHIND_MIN {
            told.evidence.bits += BEHIND;
        }
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

/// Something that is a packet to its last byte.
fn is_good(known: &Known) -> bool {
    known.0.is_some() && known.1.evidence.problem.is_none()
}

/// What a payload tells if a plan reads it.
fn tell(
    plan: Option<&Plan>,
    payload: &Payload,
    body: u32,
    conn: &[i64],
    workspace: &mut Workspace,
) -> Told {
    let evidence = Evidence::of(plan, &payload.bytes, body, payload.missing, conn, workspace);
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

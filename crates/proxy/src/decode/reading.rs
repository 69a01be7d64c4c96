//! Bytes cut into packets, under one assumption of what they are.

use std::sync::Arc;

use midwire_codec::{CompressionError, Framing, Inflater, frames, split};
use midwire_definition::plan::{Flow, Group, Node, Visitor};
use midwire_definition::value::Value;
use midwire_definition::{
    Effect, Packet, PacketDefinition, Protocol, StateId, VersionId, Workspace,
};
use midwire_session::Direction;

use super::candidate::Candidate;
use super::stream;
use crate::wire_id;

/// What bytes are assumed to be.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) protocol: Arc<Protocol>,
    pub(super) version: VersionId,
    /// A packet, or who asks, has said the version.
    pub(super) version_known: bool,
    /// The protocol state of each direction, if it is known.
    pub(super) states: [Option<StateId>; 2],
    /// The direction of the packet before.
    pub(super) direction: Option<Direction>,
    pub(super) framed: bool,
    pub(super) compressed: bool,
    /// The states and the direction are what packets are read in, however others would fit.
    pub(super) sure: bool,
    pub(super) conn: Vec<i64>,
}

/// What must not be guessed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fixed {
    pub(super) state: Option<StateId>,
    pub(super) direction: Option<Direction>,
}

/// A packet that was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Id and fields, plain.
    pub(super) payload: Vec<u8>,
    pub(super) body: u32,
    pub(super) wire_length: Option<u32>,
    pub(super) id: Option<i64>,
    pub(super) definition: Option<Arc<PacketDefinition>>,
    pub(super) state: StateId,
    pub(super) direction: Direction,
    pub(super) version: VersionId,
    pub(super) conn: Vec<i64>,
    /// Why the payload could not be made plain.
    pub(super) problem: Option<String>,
    /// What is wrong with how it was compressed, though it could be made plain.
    pub(super) flaw: Option<String>,
    /// The length in front of it, if it takes more bytes than it need.
    pub(super) length_raw: Option<Vec<u8>>,
    /// It is known, and read to its last byte.
    pub(super) is_whole: bool,
    /// How little it looks like what it is taken for.
    pub(super) penalty: u64,
    /// What cannot be read of it may be a secret, though it is not known what it is.
    pub(super) is_hidden: bool,
}

/// All packets of some bytes.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) packets: Vec<Found>,
    /// Bytes in front of the first packet, the end of a frame that began before them.
    pub(super) lost: usize,
    /// Where what is no packet begins.
    pub(super) rest: usize,
    /// Why there is such a rest.
    pub(super) problem: Option<String>,
    /// The rest may be part of a secret.
    pub(super) is_hidden: bool,
    /// What follows these bytes is assumed to be.
    pub(super) form: Form,
    /// What it was taken for first of all that it may be, and what it may be as well.
    pub(super) guesses: Vec<Candidate>,
}

pub(super) const OPAQUE: u64 = 3;
pub(super) const MALFORMED: u64 = 20;
const UNKNOWN: u64 = 30;
const NO_FRAME: u64 = 40;
/// Frames that fit are hardly ever chance.
const UNFRAMED: u64 = 12;
/// Of the plain bytes of a frame that is cut so many are shown.
const CUT_MAX: usize = 1 << 20;
/// Odd values count up to so many.
const ODD_MAX: u64 = 10;

impl Reading {
    /// The penalty of a packet, on average.
    pub(super) fn penalty(&self) -> f64 {
        let sum: u64 = self.packets.iter().map(|found| found.penalty).sum();
        let lost = if self.problem.is_some() { NO_FRAME } else { 0 };
        let unframed = self.form.protocol.stack.framing.is_some() && !self.form.framed;
        let lost = lost + if unframed { UNFRAMED } else { 0 };
        (sum + lost) as f64 / self.packets.len().max(1) as f64
    }

    /// Nothing about it is odd enough to look for something better.
    pub(super) fn is_clean(&self) -> bool {
        self.penalty() < MALFORMED as f64 / 2.0
    }
}

/// Reads bytes under an assumption.
pub(super) fn read(
    mut form: Form,
    fixed: Fixed,
    bytes: &[u8],
    inflate_max: usize,
    workspace: &mut Workspace,
) -> Reading {
    if form.protocol.is_frameless() && form.framed {
        return stream::read(form, fixed, bytes, workspace);
    }
    let mut inflater = Inflater::new(inflate_max);
    let mut packets = Vec::new();
    let framing = form.protocol.stack.framing.filter(|_| form.framed);
    let Some(framing) = framing else {
        packets.push(packet(&mut form, fixed, bytes, None, &mut inflater, workspace));
        let (rest, guesses) = (bytes.len(), Vec::new());
        let is_hidden = false;
        return Reading { packets, lost: 0, rest, problem: None, is_hidden, form, guesses };
    };
    let mut rest = 0;
    let mut problem = None;
    let mut is_lost = false;
    for frame in frames(&framing, bytes) {
        match frame {
            Ok(frame) => {
                rest = frame.payload.end;
                let wire_length = u32::try_from(frame.len).ok();
                let payload = &bytes[frame.payload];
                let whole = &bytes[rest - frame.len..rest];
                let length_raw = framing.overlong(whole, payload.len()).map(<[u8]>::to_vec);
                let mut found =
                    packet(&mut form, fixed, payload, wire_length, &mut inflater, workspace);
                found.length_raw = length_raw;
                packets.push(found);
            }
            Err(error) => {
                problem = Some(format!("no frame begins here: {error}"));
                // As in a listing: what is a secret there cannot be told, and somebody wants to see it.
                is_lost = true;
                break;
            }
        }
    }
    let mut id = None;
    if problem.is_none() && rest < bytes.len() {
        let missing = framing.needed(&bytes[rest..]).unwrap_or(0);
        let there = bytes.len() - rest;
        problem = Some(format!(
            "the frame at {rest} is cut: {missing} more bytes are wanted of it, and {there} are there"
        ));
        // What there is of it is read as far as it goes.
        if let Some(start) = payload_start(&framing, &bytes[rest..], missing)
            && start < there
        {
            let payload = plain_of_cut(form.compressed, &bytes[rest + start..], &mut inflater);
            let wire_length = u32::try_from(there).ok();
            let stage = std::mem::replace(&mut form.compressed, false);
            let framed = std::mem::replace(&mut form.framed, false);
            let mut found =
                packet(&mut form, fixed, &payload, wire_length, &mut inflater, workspace);
            (form.compressed, form.framed) = (stage, framed);
            id = found.id;
            if found.definition.is_some() {
                found.is_whole = false;
                // That it ends early is counted with the frame.
                found.penalty = 0;
                packets.push(found);
                rest = bytes.len();
            }
        }
    }
    let is_hidden = problem.is_some() && !is_lost && may_have_secrets(&form, fixed, id);
    Reading { packets, lost: 0, rest, problem, is_hidden, form, guesses: Vec::new() }
}

/// Whether packets that some bytes may be have secrets; `id`: theirs, as far as it is known.
pub(super) fn may_have_secrets(form: &Form, fixed: Fixed, id: Option<i64>) -> bool {
    let dialect = form.protocol.dialect(form.version);
    dialect.packets().any(|known| {
        id.is_none_or(|id| known.id == id)
            && fixed.state.is_none_or(|state| known.state == state)
            && fixed.direction.is_none_or(|direction| known.direction == direction)
            && known.plan.as_ref().is_some_and(|plan| plan.has_secrets())
    })
}

/// What there is of a payload that is not all there, or not whole, without the compression stage.
fn plain_of_cut(compressed: bool, payload: &[u8], inflater: &mut Inflater) -> Vec<u8> {
    if !compressed {
        return payload.to_vec();
    }
    let Ok(parts) = split(payload) else { return Vec::new() };
    let mut plain = Vec::new();
    match parts.plain_len {
        // What there is of it is there even where it then fails.
        Some(len) => {
            let _ = inflater.inflate_prefix(parts.data, len.min(CUT_MAX), &mut plain);
        }
        None => plain.extend_from_slice(parts.data),
    }
    plain
}

/// The packet id at the start of a compressed payload that is not all there, or not whole.
fn id_of_cut(form: &Form, fixed: Fixed, payload: &[u8], inflater: &mut Inflater) -> Option<i64> {
    let plain = plain_of_cut(true, payload, inflater);
    let state = fixed.state.or(form.states[0]).unwrap_or(form.protocol.start);
    wire_id::read(&form.protocol.stack, state, &plain).map(|(id, _)| id)
}

/// Where the payload of a frame begins of which so many bytes are missing.
fn payload_start(framing: &Framing, cut: &[u8], missing: usize) -> Option<usize> {
    // As if the rest were there: at most as long as a frame may be.
    let mut whole = cut.to_vec();
    whole.resize(cut.len().checked_add(missing)?, 0);
    framing.next(&whole).ok()?.map(|frame| frame.payload.start)
}

fn packet(
    form: &mut Form,
    fixed: Fixed,
    payload: &[u8],
    wire_length: Option<u32>,
    inflater: &mut Inflater,
    workspace: &mut Workspace,
) -> Found {
    let Plain { payload, problem, flaw } = plain(form.compressed, payload, inflater);
    let of_cut = match problem {
        Some(_) => id_of_cut(form, fixed, &payload, inflater),
        None => None,
    };
    let stack = &form.protocol.stack;
    let start = form.protocol.start;
    let state = fixed.state.or(form.states[0]).unwrap_or(start);
    let id = if problem.is_none() { wire_id::read(stack, state, &payload) } else { None };
    let is_hidden = id.is_none() && may_have_secrets(form, fixed, of_cut);
    let mut found = Found {
        is_hidden,
        body: id.map_or(0, |(_, body)| body as u32),
        id: id.map(|(id, _)| id),
        payload,
        wire_length,
        definition: None,
        state,
        direction: fixed.direction.or(form.direction).unwrap_or(Direction::Serverbound),
        version: form.version,
        conn: form.conn.clone(),
        problem,
        flaw,
        length_raw: None,
        is_whole: false,
        penalty: UNKNOWN,
    };
    if found.id.is_some() {
        choose(form, fixed, &mut found, workspace);
    }
    let is_expected =
        |found: &Found| found.is_whole && form.states[found.direction.index()] == Some(found.state);
    if !is_expected(&found)
        && let Some(plain) = begins_compressed(form, fixed, &found, inflater, workspace)
        && (!found.is_whole || is_expected(&plain))
    {
        form.compressed = true;
        found = plain;
    }
    if found.flaw.is_some() {
        found.is_whole = false;
        found.penalty += ODD_MAX / 2;
    }
    follow(form, fixed, &found, workspace);
    found
}

/// A packet as it is if compression has begun with it, which the other side has said; `None` if it is not.
fn begins_compressed(
    form: &Form,
    fixed: Fixed,
    found: &Found,
    inflater: &mut Inflater,
    workspace: &mut Workspace,
) -> Option<Found> {
    let may_begin = form.framed
        && !form.compressed
        && form.direction.is_some()
        && form.states[found.direction.index()].is_some()
        && form.protocol.stack.compression.is_some();
    if !may_begin {
        return None;
    }
    let Plain { payload, problem: None, flaw: None } = plain(true, &found.payload, inflater) else {
        return None;
    };
    let (id, body) = wire_id::read(&form.protocol.stack, found.state, &payload)?;
    let (id, body) = (Some(id), body as u32);
    let mut inflated =
        Found { id, body, payload, definition: None, is_hidden: false, ..found.clone() };
    choose(form, fixed, &mut inflated, workspace);
    inflated.is_whole.then_some(inflated)
}

/// A payload without the compression stage.
pub(super) struct Plain {
    pub(super) payload: Vec<u8>,
    pub(super) problem: Option<String>,
    pub(super) flaw: Option<String>,
}

/// Takes off the compression stage, if there is one.
pub(super) fn plain(compressed: bool, payload: &[u8], inflater: &mut Inflater) -> Plain {
    let stored = |bytes: &[u8]| Plain { payload: bytes.to_vec(), problem: None, flaw: None };
    if !compressed {
        return stored(payload);
    }
    let broken = |error: CompressionError| Plain {
        payload: payload.to_vec(),
        problem: Some(error.to_string()),
        flaw: None,
    };
    let parts = match split(payload) {
        Ok(parts) => parts,
        Err(error) => return broken(error),
    };
    let Some(len) = parts.plain_len else { return stored(parts.data) };
    let mut out = Vec::new();
    match inflater.inflate(parts.data, len, &mut out) {
        Ok(()) => Plain { payload: out, problem: None, flaw: None },
        Err(error) if error.is_plain_whole() => {
            Plain { payload: out, problem: None, flaw: Some(error.to_string()) }
        }
        Err(error) => broken(error),
    }
}

/// Chooses the state and direction in which a packet reads best.
fn choose(form: &Form, fixed: Fixed, found: &mut Found, workspace: &mut Workspace) {
    let dialect = form.protocol.dialect(form.version);
    let Some(id) = found.id else { return };
    let mut best: Option<(u8, u64, u8)> = None;
    for direction in Direction::BOTH {
        if fixed.direction.is_some_and(|fixed| fixed != direction) {
            continue;
        }
        for state in (0..=u8::MAX).map(StateId).take(form.protocol.states.len().max(1)) {
            if fixed.state.is_some_and(|fixed| fixed != state) {
                continue;
            }
            let Some(definition) = dialect.packet(state, direction, id) else { continue };
            let penalty = judge(definition, &found.payload, found.body, &found.conn, workspace);
            // What the packets before make likely.
            let known = form.states[direction.index()];
            let odd_state = u8::from(known.is_some_and(|known| known != state)) * 2;
            let odd_way = u8::from(form.direction.is_some_and(|known| known != direction));
            // Of what is known, only the state may have been changed by the other side.
            let class = match (odd_state + odd_way > 0, odd_way > 0, penalty < MALFORMED) {
                _ if !form.sure => 0,
                (false, _, true) => 0,
                (true, false, true) => 1,
                (false, _, false) => 2,
                _ => 3,
            };
            let rank = (class, penalty, odd_state + odd_way);
            if best.is_none_or(|best| rank < best) {
                best = Some(rank);
                found.penalty = penalty;
                found.is_whole = penalty < MALFORMED;
                (found.state, found.direction) = (state, direction);
                found.definition = Some(definition.clone());
            }
        }
    }
}

/// How little a payload looks like a packet.
pub(super) fn judge(
    definition: &PacketDefinition,
    payload: &[u8],
    body: u32,
    conn: &[i64],
    workspace: &mut Workspace,
) -> u64 {
    let Some(plan) = &definition.plan else { return OPAQUE };
    let mut packet = plan.decode(payload, body, conn, workspace);
    if packet.error().is_some() || !packet.rest().is_empty() {
        return MALFORMED;
    }
    let mut odd = Odd(0);
    packet.walk(&mut odd);
    odd.0.min(ODD_MAX)
}

/// Counts values that no program would send.
struct Odd(u64);

impl Visitor for Odd {
    fn value(&mut self, _node: &Node<'_>, value: &Value<'_>) {
        let is_odd_float = |n: f64| n.is_nan() || n != 0.0 && !(1e-9..1e12).contains(&n.abs());
        let is_odd = match value {
            Value::Text(text, ..) => {
                text.chars().any(|c| c == '\u{fffd}' || c.is_control() && c != '\n')
            }
            Value::Enum(_, None) => true,
            Value::Bool(b) => *b > 1,
            Value::F32(n) => is_odd_float((*n).into()),
            Value::F64(n) => is_odd_float(*n),
            _ => false,
        };
        self.0 += u64::from(is_odd);
    }

    fn open(&mut self, _node: &Node<'_>, _group: Group) -> Flow {
        if self.0 < ODD_MAX { Flow::Enter } else { Flow::Skip }
    }

    fn close(&mut self, _node: &Node<'_>) {}
}

/// What a packet makes of those after it.
pub(super) fn follow(form: &mut Form, fixed: Fixed, found: &Found, workspace: &mut Workspace) {
    let Some(definition) = &found.definition else { return };
    form.direction = Some(found.direction);
    form.states[found.direction.index()] = Some(found.state);
    let Some(plan) = &definition.plan else { return };
    let protocol = form.protocol.clone();
    let mut packet: Packet<'_> = plan.decode(&found.payload, found.body, &found.conn, workspace);
    if definition.says_version && !form.version_known {
        let number = protocol.version_from.as_ref().and_then(|from| from.number(&mut packet));
        if let Some(number) = number {
            form.version = protocol.versions.by_number(number).0;
            form.version_known = true;
        }
    }
    for effect in definition.events.iter().flat_map(|event| event.effects(&packet)) {
        match effect {
            Effect::State { direction, state } if fixed.state.is_none() => {
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
            // What has no frame is the plain payload, compressed or not on its way.
            Effect::Compression { threshold } => form.compressed = form.framed && threshold >= 0,
            Effect::State { .. } | Effect::Cipher => {}
        }
    }
}

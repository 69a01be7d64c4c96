//! Bytes of a protocol without frames: packets one after the other, each as long as its fields say.

use midwire_definition::{Extent, Measured, Progress, StateId, Workspace};
use midwire_session::Direction;

use super::reading::{
    Fixed, Form, Found, MALFORMED, OPAQUE, Reading, follow, judge, may_have_secrets,
};

/// A packet that bytes may be, and how well they fit it; less is better.
struct Candidate {
    measured: Measured,
    state: StateId,
    direction: Direction,
    rank: (u8, u64, u8),
}

/// Reads packets up to the first whose end is not found: that one gets all that is left.
pub(super) fn read(
    mut form: Form,
    fixed: Fixed,
    bytes: &[u8],
    workspace: &mut Workspace,
) -> Reading {
    let mut packets = Vec::new();
    let mut rest = 0;
    let mut problem = None;
    while rest < bytes.len() {
        let left = &bytes[rest..];
        let best = candidates(&form, fixed, left, workspace).min_by_key(|best| best.rank);
        let Some(best) = best.filter(|best| best.measured.definition.is_some()) else {
            problem = Some(no_packet(&form, fixed, left));
            break;
        };
        if best.measured.extent == Extent::Nothing {
            problem = Some("the packet that would begin here has no bytes".to_owned());
            break;
        }
        let found = found(&form, best, left);
        rest += found.payload.len();
        follow(&mut form, fixed, &found, workspace);
        packets.push(found);
    }
    let is_hidden = problem.is_some() && may_have_secrets(&form, fixed, None);
    Reading { packets, lost: 0, rest, problem, is_hidden, form, guesses: Vec::new() }
}

fn candidates<'a>(
    form: &'a Form,
    fixed: Fixed,
    bytes: &'a [u8],
    workspace: &'a mut Workspace,
) -> impl Iterator<Item = Candidate> + 'a {
    let dialect = form.protocol.dialect(form.version);
    let states = (0..=u8::MAX).map(StateId).take(form.protocol.states.len().max(1));
    let places = states.flat_map(|state| Direction::BOTH.map(|direction| (state, direction)));
    let places = places.filter(move |(state, direction)| {
        fixed.direction.is_none_or(|fixed| fixed == *direction)
            && fixed.state.is_none_or(|fixed| fixed == *state)
    });
    places.map(move |(state, direction)| {
        let stack = &form.protocol.stack;
        let progress = &mut Progress::default();
        let measured =
            dialect.measure(stack, state, direction, &form.conn, bytes, progress, workspace);
        let (class, penalty) = match &measured.extent {
            Extent::Whole(len) => {
                let payload = &bytes[..*len];
                let known = measured.definition.as_deref();
                let judged = known.map_or(MALFORMED, |known| {
                    judge(known, payload, measured.body, &form.conn, workspace)
                });
                (0, judged)
            }
            Extent::Endless => (0, OPAQUE),
            Extent::Needs(_) => (1, MALFORMED),
            Extent::Malformed(_) | Extent::Nothing => (2, MALFORMED),
            Extent::Unknown(_) => (3, MALFORMED),
        };
        // Without ids many packets fit: the state that the packets before have led to comes first, unless
        // its packet cannot be.
        let known = form.states[direction.index()].unwrap_or(form.protocol.start);
        let is_odd = u8::from(known != state && fixed.state.is_none());
        let class = if is_odd == 0 && class < 2 { 0 } else { 1 + class };
        let odd_way = u8::from(form.direction.is_some_and(|known| known != direction));
        Candidate { measured, state, direction, rank: (class, penalty, 2 * is_odd + odd_way) }
    })
}

/// The packet of a candidate; one whose end is not found takes all.
fn found(form: &Form, candidate: Candidate, bytes: &[u8]) -> Found {
    let Candidate { measured, state, direction, rank } = candidate;
    let is_whole = matches!(measured.extent, Extent::Whole(_) | Extent::Endless);
    let len = match measured.extent {
        Extent::Whole(len) => len,
        _ => bytes.len(),
    };
    Found {
        payload: bytes[..len].to_vec(),
        body: measured.body,
        wire_length: u32::try_from(len).ok(),
        id: measured.id,
        definition: measured.definition,
        state,
        direction,
        version: form.version,
        conn: form.conn.clone(),
        problem: None,
        flaw: None,
        length_raw: None,
        is_hidden: false,
        is_whole,
        penalty: rank.1,
    }
}

/// Why no packet begins at some bytes.
fn no_packet(form: &Form, fixed: Fixed, bytes: &[u8]) -> String {
    let direction = fixed.direction.or(form.direction);
    let direction = direction.map_or_else(String::new, |direction| format!(" {direction}"));
    let known = form.direction.and_then(|direction| form.states[direction.index()]);
    let state = fixed.state.or(known);
    let (stack, within) = (&form.protocol.stack, state.unwrap_or(form.protocol.start));
    let id = crate::wire_id::read(stack, within, bytes);
    let id = match (id, stack.id_in(within).fixed_size()) {
        (Some((id, _)), size) if size != Some(0) => format!(" {id}"),
        _ => String::new(),
    };
    let state = state.map_or("", |state| form.protocol.state_name(state));
    let state = if state.is_empty() { String::new() } else { format!(" in {state}") };
    format!("no packet begins here: there is no{direction} packet{id}{state}")
}

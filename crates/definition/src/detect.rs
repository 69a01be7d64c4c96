//! Which protocol some first bytes are of, as far as its definition's `detect` lines tell.
//!
//! ```text
//!   first bytes ──▶ each line: Yes │ No │ NeedsMore │ IfNothingFollows ──▶ the best of them
//! ```
//!
//! A line that names a packet wants the first frame to be that packet from its first byte to its last, and
//! its signs to hold; what can be told from a part of it is told at once.

use midwire_codec::Direction;

use crate::diagnostics::{Diagnostic, suggest};
use crate::plan::{
    DecodeErrorKind, Extent, Item, Kind, Packet, PathSegment, Plan, Progress, Workspace,
};
use crate::protocol::{PacketDefinition, Protocol};
use crate::syntax::ast::{
    Compare, DetectItem, DetectWhat, Directions, Literal, Sign, SignTest, lookup_key, same_name,
};
use crate::value::{Encoding, Value, content};

/// Elements of a list that are looked at for `[..]`.
const ELEMENTS_MAX: u32 = 64;

/// Whether some first bytes are of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detected {
    /// They are not, whatever follows.
    No,
    /// They may be the beginning of it.
    NeedsMore,
    /// They are, if nothing follows them.
    IfNothingFollows,
    /// They are.
    Yes,
}

impl Protocol {
    /// Whether it says how the first bytes of a direction look.
    pub fn has_detect(&self, direction: Direction) -> bool {
        self.detects.iter().any(|line| goes(line, direction))
    }

    /// Whether the first bytes of a direction are of this protocol. `bytes` are all that came so far; a
    /// packet longer than `len_max` bytes is not looked for.
    pub fn detect(&self, direction: Direction, bytes: &[u8], len_max: usize) -> Detected {
        let lines = self.detects.iter().filter(|line| goes(line, direction));
        let told = lines.map(|line| match &line.what {
            DetectWhat::Bytes { bytes: wanted, alone } => begins(bytes, &wanted.node, *alone),
            DetectWhat::Packet { packet, signs } => {
                let dialect = self.dialect(self.versions.newest());
                match dialect.packet_named(self.start, direction, &packet.text) {
                    Some(found) => self.is_packet(found, signs, bytes, len_max),
                    None => Detected::No,
                }
            }
        });
        told.max().unwrap_or(Detected::No)
    }

    fn is_packet(
        &self,
        wanted: &PacketDefinition,
        signs: &[Sign],
        bytes: &[u8],
        len_max: usize,
    ) -> Detected {
        let Some(plan) = &wanted.plan else { return Detected::No };
        let (payload, end) = match &self.stack.framing {
            None => (bytes.get(..bytes.len().min(len_max)).unwrap_or(bytes), None),
            Some(framing) => match framing.extent(bytes) {
                Err(_) => return Detected::No,
                Ok(None) => return Detected::NeedsMore,
                Ok(Some(frame)) if frame.end > len_max => return Detected::No,
                Ok(Some(frame)) => {
                    let came = bytes.get(frame.start..).unwrap_or(&[]);
                    let len = frame.end.saturating_sub(frame.start);
                    (came.get(..came.len().min(len)).unwrap_or(came), Some(len))
                }
            },
        };
        if self.stack.compression == Some(true) {
            return Detected::No;
        }
        let before = self.stack.before_id.len();
        let id = match payload.get(before..) {
            None => &[],
            Some(bytes) => bytes,
        };
        let body = match self.stack.id_in(self.start).read(id) {
            Ok((number, width)) if number == i128::from(wanted.id) => before + width as usize,
            Ok(_) => return Detected::No,
            Err(failed) => {
                return match (failed.extent(), end) {
                    (Extent::Needs(more), Some(len)) if left(payload, more) > len => Detected::No,
                    (Extent::Needs(_), _) => Detected::NeedsMore,
                    _ => Detected::No,
                };
            }
        };
        let body = u32::try_from(body).unwrap_or(u32::MAX);
        let conn = self.initial_conn();
        let ws = &mut Workspace::default();
        let is_whole = match end {
            Some(len) if payload.len() >= len => {
                let packet = plan.decode(payload, body, &conn, ws);
                if packet.error().is_some() || !packet.rest().is_empty() {
                    return Detected::No;
                }
                true
            }
            // Where what is left matters, nothing can be said of a part.
            Some(_) if plan.takes_rest => return Detected::NeedsMore,
            end => match plan.measure(payload, body, &conn, &mut Progress::default(), ws) {
                Extent::Whole(at) if end.is_none() => {
                    let packet = payload.get(..at).unwrap_or(payload);
                    return hold(plan, packet, body, &conn, signs, ws).unwrap_or(Detected::No);
                }
                Extent::Needs(more) if left(payload, more) > end.unwrap_or(len_max) => {
                    return Detected::No;
                }
                Extent::Needs(_) => false,
                _ => return Detected::No,
            },
        };
        match hold(plan, payload, body, &conn, signs, ws) {
            None if !is_whole => Detected::NeedsMore,
            Some(Detected::Yes) if !is_whole => Detected::NeedsMore,
            told => told.unwrap_or(Detected::No),
        }
    }
}

/// How long a packet is at least that wants so many more bytes.
fn left(payload: &[u8], more: u64) -> usize {
    payload.len().saturating_add(usize::try_from(more).unwrap_or(usize::MAX))
}

fn goes(line: &DetectItem, direction: Direction) -> bool {
    match line.direction {
        Directions::Serverbound => direction == Direction::Serverbound,
        Directions::Clientbound => direction == Direction::Clientbound,
        Directions::Both => true,
    }
}

fn begins(bytes: &[u8], wanted: &[u8], alone: bool) -> Detected {
    let both = bytes.len().min(wanted.len());
    if bytes.get(..both) != wanted.get(..both) {
        return Detected::No;
    }
    match bytes.len().cmp(&wanted.len()) {
        std::cmp::Ordering::Less => Detected::NeedsMore,
        std::cmp::Ordering::Equal if alone => Detected::IfNothingFollows,
        std::cmp::Ordering::Greater if alone => Detected::No,
        _ => Detected::Yes,
    }
}

/// Whether all signs hold of a packet; `None` where that cannot be told from this part of it.
fn hold(
    plan: &Plan,
    payload: &[u8],
    body: u32,
    conn: &[i64],
    signs: &[Sign],
    ws: &mut Workspace,
) -> Option<Detected> {
    let mut packet = plan.decode(payload, body, conn, ws);
    let mut all = Some(Detected::Yes);
    for sign in signs {
        match holds(&mut packet, plan, sign) {
            Some(true) => {}
            Some(false) => return Some(Detected::No),
            None => all = None,
        }
    }
    all
}

fn holds(packet: &mut Packet<'_>, plan: &Plan, sign: &Sign) -> Option<bool> {
    let path = sign.path.node.as_str();
    let Some((list, behind)) = path.split_once("[..]") else {
        return holds_at(packet, plan, path, &sign.test);
    };
    let Some(count) = packet.count_at(list) else {
        return packet.error().is_none().then_some(false);
    };
    let mut told = packet.error().is_none().then_some(false);
    for index in 0..count.min(ELEMENTS_MAX) {
        match holds_at(packet, plan, &format!("{list}[{index}]{behind}"), &sign.test) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => told = None,
        }
    }
    told
}

fn holds_at(packet: &mut Packet<'_>, plan: &Plan, path: &str, test: &SignTest) -> Option<bool> {
    if let Some(told) = packet.look(path, |value| test_value(value, test)) {
        return Some(told);
    }
    let Some(error) = packet.error() else { return Some(false) };
    let text = match test {
        SignTest::StartsWith(text) => &text.node,
        SignTest::Compare(Compare::Equal, value) => match &value.node {
            Literal::Str(text) => text,
            _ => return None,
        },
        _ => return None,
    };
    // A text of which a part has come.
    let is_here = matches!(&error.path[..], [PathSegment::Field(name)] if same_name(name, path))
        && matches!(error.kind, DecodeErrorKind::Short { .. })
        && error.buffer == 0;
    let field = plan.fields.iter().find(|field| same_name(&field.name, path))?;
    let Kind::Str { encoding: Encoding::Utf8 | Encoding::Latin1 | Encoding::Mutf8, len, .. } =
        &field.kind
    else {
        return None;
    };
    if !is_here || !text.is_ascii() {
        return None;
    }
    let came = content(len, packet.rest());
    let both = came.len().min(text.len());
    (came.get(..both) != text.as_bytes().get(..both)).then_some(false)
}

/// Whether a value passes; `None` if it is of another kind.
fn test_value(value: &Value<'_>, test: &SignTest) -> Option<bool> {
    match (test, value) {
        (SignTest::StartsWith(wanted), Value::Text(text, ..)) => {
            Some(text.starts_with(wanted.node.as_str()))
        }
        (SignTest::StartsWith(wanted), Value::Bytes(bytes)) => {
            Some(bytes.starts_with(wanted.node.as_bytes()))
        }
        (SignTest::StartsWith(_), _) => Some(false),
        (SignTest::In(first, last), value) => {
            Some(value.as_int().is_some_and(|n| (*first..=*last).contains(&n)))
        }
        (SignTest::Compare(sign, wanted), value) => Some(compared(value, *sign, &wanted.node)),
    }
}

fn compared(value: &Value<'_>, sign: Compare, wanted: &Literal) -> bool {
    let is = |order: std::cmp::Ordering| match sign {
        Compare::Equal => order.is_eq(),
        Compare::NotEqual => order.is_ne(),
        Compare::Less => order.is_lt(),
        Compare::LessEqual => order.is_le(),
        Compare::Greater => order.is_gt(),
        Compare::GreaterEqual => order.is_ge(),
    };
    match (wanted, value) {
        (Literal::Str(text), Value::Text(found, ..)) => is((**found).cmp(text.as_str())),
        (Literal::Bytes(bytes), Value::Bytes(found)) => is((*found).cmp(bytes.as_slice())),
        (Literal::Bytes(bytes), Value::Text(_, found, _)) => is((*found).cmp(bytes.as_slice())),
        (Literal::Name(name) | Literal::Str(name), Value::Enum(_, found)) => {
            let same = found.is_some_and(|found| lookup_key(found) == lookup_key(name));
            match sign {
                Compare::Equal => same,
                Compare::NotEqual => !same,
                _ => false,
            }
        }
        (Literal::Int(n), value) => value.as_int().is_some_and(|found| is(found.cmp(n))),
        (Literal::Bool(b), value) => value.as_int().is_some_and(|n| is((n != 0).cmp(b))),
        _ => false,
    }
}

/// What is wrong with the `detect` lines of a definition that is right otherwise.
pub(crate) fn check(protocol: &Protocol) -> Vec<Diagnostic> {
    protocol.detects.iter().flat_map(|line| check_line(protocol, line)).collect()
}

fn check_line(protocol: &Protocol, line: &DetectItem) -> Vec<Diagnostic> {
    let DetectWhat::Packet { packet, signs } = &line.what else {
        let DetectWhat::Bytes { bytes, .. } = &line.what else { return Vec::new() };
        let message = "these are no bytes, with which everything begins";
        let is_empty = bytes.node.is_empty();
        return is_empty
            .then(|| Diagnostic::error("W083", bytes.span, message))
            .into_iter()
            .collect();
    };
    let newest = protocol.versions.newest();
    let dialect = protocol.dialect(newest);
    let direction = match line.direction {
        Directions::Clientbound => Direction::Clientbound,
        _ => Direction::Serverbound,
    };
    let Some(found) = dialect.packet_named(protocol.start, direction, &packet.text) else {
        let state = protocol.state_name(protocol.start);
        let begin = if state.is_empty() { String::new() } else { format!(" in state {state}") };
        let message = format!("no {direction} packet{begin} is called `{}`", packet.text);
        let names: Vec<_> = dialect
            .packets()
            .filter(|p| p.state == protocol.start && p.direction == direction)
            .map(|p| p.name.clone())
            .collect();
        let error = Diagnostic::error("W083", packet.span, message);
        let near = suggest(&packet.text, names.iter().map(|name| &**name));
        return vec![match near {
            Some(near) => error.label(format!("did you mean `{near}`?")),
            None => error.help("a direction's first bytes are of a packet in the start state"),
        }];
    };
    let Some(plan) = &found.plan else {
        let message = format!("`{}` is opaque, so nothing tells it from other bytes", packet.text);
        return vec![Diagnostic::error("W083", packet.span, message)];
    };
    signs.iter().filter_map(|sign| check_path(plan, sign).or_else(|| check_test(sign))).collect()
}

/// What a field is compared with can be compared.
fn check_test(sign: &Sign) -> Option<Diagnostic> {
    let (span, message) = match &sign.test {
        SignTest::In(first, last) if first > last => {
            (sign.path.span, format!("no number is in {first}..{last}"))
        }
        SignTest::Compare(_, value) => match value.node {
            Literal::Float(_) | Literal::List(_) | Literal::Absent => {
                let what = "a sign compares with a whole number, a text, bytes, a name or a bool";
                (value.span, what.to_owned())
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(Diagnostic::error("W083", span, message))
}

/// The names of a sign's path are those of fields.
fn check_path(plan: &Plan, sign: &Sign) -> Option<Diagnostic> {
    let names = sign.path.node.split(['.', '[', ']']).map(|name| name.trim_matches('`'));
    let mut is_first = true;
    for name in names.filter(|n| n.starts_with(|c: char| c.is_alphabetic() || c == '_')) {
        let mut known = Vec::new();
        match is_first {
            true => top(plan, &plan.layouts.first()?.items, &mut known),
            false => known.extend(plan.fields.iter().map(|field| &*field.name)),
        }
        is_first = false;
        if !known.iter().any(|known| same_name(known, name)) {
            let message = format!("the packet has no field `{name}`");
            let error = Diagnostic::error("W083", sign.path.span, message);
            return Some(match suggest(name, known.into_iter()) {
                Some(near) => error.label(format!("did you mean `{near}`?")),
                None => error,
            });
        }
    }
    None
}

/// The fields of a packet itself, in whatever arm they stand.
fn top<'p>(plan: &'p Plan, items: &'p [Item], out: &mut Vec<&'p str>) {
    for item in items {
        match item {
            Item::Field(id) => {
                out.extend(plan.fields.get(*id as usize).map(|field| &*field.name));
            }
            Item::Branch(id) => {
                let branch = plan.branches.get(*id as usize);
                for arm in branch.iter().flat_map(|branch| &branch.arms) {
                    top(plan, &arm.items, out);
                }
            }
        }
    }
}

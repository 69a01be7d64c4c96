//! How much bytes look like what they are taken for: each value tells how likely it is that it was meant,
//! against bytes of other packets, in bits. What is opaque tells nothing.

use std::fmt::Write as _;

use midwire_definition::plan::{
    DecodeError, DecodeErrorKind, Flow, Group, IntRepr, Kind, Len, Node, PathSegment, Visitor,
};
use midwire_definition::value::Value;
use midwire_definition::{Plan, Workspace};

use super::weight;

/// One packet tells at most so many bits.
const BITS_MAX: f64 = 90.0;
/// It is less than nothing that a packet has another end than its fields.
const MALFORMED: f64 = -60.0;
/// Of a packet that is cut, each byte behind the fields that are there tells so much less.
const UNREAD: f64 = -0.3;
const UNREAD_MAX: f64 = -6.0;
/// All elements of one list tell at most so much: what fits one often fits all.
const LIST_MAX: f64 = 30.0;
/// Elements of one list that are looked at.
const ELEMENTS_MAX: u32 = 24;

/// What one packet tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Evidence {
    pub(super) bits: f64,
    /// Bytes of the payload that fields explain.
    pub(super) explained: usize,
    /// What is wrong.
    pub(super) problem: Option<String>,
    counts: Counts,
}

/// Values that are as they should be, and all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    texts: [u32; 2],
    floats: [u32; 2],
    names: [u32; 2],
    bools: [u32; 2],
    uuids: [u32; 2],
    nbt: u32,
    opaque: usize,
}

impl Evidence {
    /// A packet that is not defined there.
    pub(super) fn unknown(id: Option<i64>) -> Self {
        let problem =
            Some(id.map_or("ends within its packet id".into(), |id| format!("no packet {id}")));
        Self { bits: MALFORMED - 10.0, problem, ..Self::default() }
    }

    /// What a payload tells that is taken for a packet; `missing`: so many bytes of its end are.
    pub(super) fn of(
        plan: Option<&Plan>,
        payload: &[u8],
        body: u32,
        missing: Option<usize>,
        conn: &[i64],
        workspace: &mut Workspace,
    ) -> Self {
        let Some(plan) = plan else {
            let opaque = payload.len().saturating_sub(body as usize);
            let counts = Counts { opaque, ..Counts::default() };
            return Self { explained: body as usize, counts, ..Self::default() };
        };
        let mut packet = plan.decode(payload, body, conn, workspace);
        let end = packet.end() as usize;
        let left = packet.rest().len();
        let cut = missing.is_some();
        // What a field wants is no more than the frame is said to have.
        let is_end = packet.error().is_some_and(|error| match error.kind {
            DecodeErrorKind::Short { wanted } => {
                missing.is_some_and(|missing| wanted <= missing as u64)
            }
            _ => false,
        });
        let of_cut = if is_end { cut_text(plan, packet.error(), packet.rest()) } else { None };
        let problem = packet.error().map(|error| {
            let path = error.path_text();
            let space = if path.is_empty() { "" } else { " " };
            format!("{path}{space}{} at {}", error.kind, error.offset)
        });
        let mut seen =
            Seen { bits: 0.0, counts: Counts::default(), open: Vec::new(), takes_rest: false };
        packet.walk(&mut seen);
        let Seen { mut bits, counts, takes_rest, .. } = seen;
        let explained = end.saturating_sub(counts.opaque);
        bits = bits.min(BITS_MAX);
        let problem = match problem {
            Some(text) => {
                bits = match is_end {
                    true => {
                        let unread = (UNREAD * left as f64).max(UNREAD_MAX);
                        bits - 2.0 + of_cut.map_or(unread, weight::text)
                    }
                    false => MALFORMED + bits.clamp(-20.0, 20.0),
                };
                Some(text)
            }
            None if left > 0 => {
                bits = MALFORMED + bits.clamp(-20.0, 20.0);
                Some(format!("{left} bytes left over"))
            }
            None if cut && takes_rest => {
                bits -= 2.0;
                None
            }
            None if cut => {
                bits -= 30.0;
                Some("it is whole, though its frame is not".to_owned())
            }
            None => {
                // That its fields end where it ends is hardly chance.
                bits += if takes_rest { 0.0 } else { 10.0 };
                None
            }
        };
        Self { bits, explained, problem, counts }
    }

    /// What it was, in a few words.
    pub(super) fn reasons(&self) -> String {
        let mut out = self.problem.clone().unwrap_or_default();
        let Counts { texts, floats, names, bools, uuids, nbt, opaque } = self.counts;
        let mut tell = |[good, all]: [u32; 2], right: &str, wrong: &str| {
            if all == 0 {
                return;
            }
            if !out.is_empty() {
                out.push_str(", ");
            }
            let _ = match good == all {
                true => write!(out, "{all} {right}"),
                false => write!(out, "{} of {all} {wrong}", all - good),
            };
        };
        tell(texts, "text", "texts odd");
        tell(names, "known names", "names unknown");
        tell(floats, "floats", "floats odd");
        tell(bools, "bools", "bools odd");
        tell(uuids, "UUIDs", "UUIDs odd");
        tell([nbt, nbt], "NBT", "");
        if opaque > 0 {
            let comma = if out.is_empty() { "" } else { ", " };
            let _ = write!(out, "{comma}{opaque} bytes opaque");
        }
        if out.is_empty() {
            out.push_str("fits");
        }
        out
    }
}

/// What there is of a text at the end of a packet that is cut in it.
fn cut_text<'a>(plan: &Plan, error: Option<&DecodeError>, rest: &'a [u8]) -> Option<&'a str> {
    let [PathSegment::Field(name)] = error?.path.as_slice() else { return None };
    let field = plan.fields_of(0).into_iter().find(|field| field.name == *name)?;
    let Kind::Str { len: Len::Prefix { repr, .. }, .. } = &field.kind else { return None };
    let width = match repr {
        IntRepr::Fixed { bytes, .. } => usize::from(*bytes),
        _ => rest.iter().position(|byte| *byte < 0x80)? + 1,
    };
    let bytes = rest.get(width..)?;
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        // The cut may be in the middle of a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()
        }
        Err(_) => None,
    }
}

struct Seen {
    bits: f64,
    counts: Counts,
    /// Of each open list what all told before it; `None`: another group.
    open: Vec<Option<f64>>,
    /// Something in it goes to the end, whatever that is.
    takes_rest: bool,
}

impl Seen {
    fn count(
        &mut self,
        is_good: bool,
        kind: fn(&mut Counts) -> &mut [u32; 2],
        good: f64,
        bad: f64,
    ) {
        let [right, all] = kind(&mut self.counts);
        *all += 1;
        *right += u32::from(is_good);
        self.bits += if is_good { good } else { bad };
    }

    fn float(&mut self, bits: f64) {
        self.count(bits > 0.0, |counts| &mut counts.floats, bits, bits);
    }

    fn text(&mut self, text: &str, is_json: bool) {
        match weight::is_odd_text(text) {
            true => self.count(false, |counts| &mut counts.texts, 0.0, weight::ODD),
            false => {
                let form = if is_json { weight::json(text) } else { 0.0 };
                let bits = weight::text(text) + form;
                self.count(true, |counts| &mut counts.texts, bits, 0.0);
            }
        }
    }

    fn number(&mut self, node: &Node<'_>, n: i128) {
        let is_fixed = matches!(&node.field.kind, Kind::Int(IntRepr::Fixed { .. }));
        let marks = &node.field.marks;
        match &marks.reference_table {
            // What has no number is -1.
            Some(_) if n == -1 => {}
            Some(table) => {
                let is_known = table.name_of(n).is_some();
                self.count(is_known, |counts| &mut counts.names, 2.0, -8.0);
            }
            None if is_fixed => self.bits += weight::fixed(node.raw.len(), n),
            None => self.bits += weight::varint(node.raw, n),
        }
    }

    fn bool(&mut self, byte: u8) {
        self.count(byte <= 1, |counts| &mut counts.bools, weight::bool(byte), weight::ODD);
    }
}

impl Visitor for Seen {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        match value {
            Value::Int(n) if !matches!(node.field.kind, Kind::Let(_)) => self.number(node, *n),
            Value::Int(_) | Value::Absent | Value::Packed(..) => {}
            Value::F32(n) => self.float(weight::float((*n).into(), node.raw)),
            Value::F64(n) => self.float(weight::float(*n, node.raw)),
            Value::Bool(b) => self.bool(*b),
            Value::Uuid(uuid) => {
                let version = uuid[6] >> 4;
                let is_good = (1..=8).contains(&version) && uuid[8] >> 6 == 2 || *uuid == [0; 16];
                self.count(is_good, |counts| &mut counts.uuids, 6.0, -6.0);
            }
            Value::Enum(n, name) => {
                let bits = weight::named(*n, &node.field.kind);
                self.count(name.is_some(), |counts| &mut counts.names, bits, weight::ODD);
            }
            Value::Flags(n, members) => {
                let known = members.iter().fold(0i128, |sum, member| {
                    sum | 1i128.checked_shl(member.bit.into()).unwrap_or(0)
                });
                let width = 8 * node.raw.len() as u32;
                let free = f64::from(width.saturating_sub(members.len() as u32)).min(8.0);
                let mask = 1i128.checked_shl(width).map_or(-1, |bit| bit - 1);
                self.bits += if n & mask & !known == 0 { free } else { -6.0 };
            }
            Value::Bits(n, members) => self.bits += weight::parts(*n, members),
            Value::Text(text, ..) => {
                if let Kind::Str { len: Len::Rest, .. } = node.field.kind {
                    self.takes_rest = true;
                }
                self.text(text, node.field.marks.component);
            }
            Value::Bytes(bytes) => {
                if let Kind::Bytes { len: Len::Rest } | Kind::Tail = node.field.kind {
                    self.takes_rest = true;
                }
                if !node.field.is_opened() {
                    self.counts.opaque += bytes.len();
                }
            }
            Value::Nbt(bytes, _) => {
                self.counts.nbt += 1;
                self.bits += weight::nbt(bytes.len());
            }
        }
    }

    fn open(&mut self, node: &Node<'_>, group: Group) -> Flow {
        if node.index.is_some_and(|index| index >= ELEMENTS_MAX) || self.open.len() > 64 {
            return Flow::Skip;
        }
        if let (Group::List(count), Kind::Array(_)) = (group, &node.field.kind)
            && count > 100_000
        {
            return Flow::Skip;
        }
        let is_list = matches!(group, Group::List(_));
        self.open.push(is_list.then_some(self.bits));
        Flow::Enter
    }

    fn close(&mut self, _: &Node<'_>) {
        if let Some(Some(before)) = self.open.pop() {
            self.bits = self.bits.min(before + LIST_MAX);
        }
    }

    fn presence(&mut self, node: &Node<'_>) {
        self.bool(node.raw.first().copied().unwrap_or(u8::MAX));
    }

    fn opens(&self, node: &Node<'_>) -> bool {
        node.raw.len() <= 4096
    }

    fn leave_bytes(&mut self, _: &Node<'_>, error: Option<&DecodeError>) {
        self.bits += if error.is_some() { -6.0 } else { 6.0 };
    }
}

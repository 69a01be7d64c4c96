//! How much bytes look like what they are taken for: each value tells how likely it is that it was meant,
//! against bytes at random, in bits. What is opaque tells nothing.

use std::fmt::Write as _;

use midwire_definition::plan::{DecodeError, Flow, Group, Kind, Len, Node, Visitor};
use midwire_definition::value::Value;
use midwire_definition::{Plan, Workspace};

/// One packet tells at most so many bits.
const BITS_MAX: f64 = 90.0;
/// It is less than nothing that a packet has another end than its fields.
const MALFORMED: f64 = -60.0;
/// Bytes that are looked at of one text.
const TEXT_MAX: usize = 24;
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

    /// What a payload tells that is taken for a packet; `cut` if its end is missing.
    pub(super) fn of(
        plan: Option<&Plan>,
        payload: &[u8],
        body: u32,
        cut: bool,
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
        let problem = packet.error().map(|error| {
            let path = error.path_text();
            let space = if path.is_empty() { "" } else { " " };
            (error.kind.to_string(), format!("{path}{space}{} at {}", error.kind, error.offset))
        });
        let mut seen =
            Seen { bits: 0.0, counts: Counts::default(), open: Vec::new(), takes_rest: false };
        packet.walk(&mut seen);
        let Seen { mut bits, counts, takes_rest, .. } = seen;
        let explained = end.saturating_sub(counts.opaque);
        bits = bits.min(BITS_MAX);
        let problem = match problem {
            Some((kind, text)) => {
                let is_end = kind.contains("ends early");
                bits = if cut && is_end { bits - 2.0 } else { MALFORMED + bits.clamp(-20.0, 20.0) };
                Some(text)
            }
            None if left > 0 => {
                bits = MALFORMED + bits.clamp(-20.0, 20.0);
                Some(format!("{left} bytes left over"))
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

struct Seen {
    bits: f64,
    counts: Counts,
    /// Of each open group, whether its elements count.
    open: Vec<()>,
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

    fn float(&mut self, n: f64, good: f64) {
        let is_good = n == 0.0 || n.is_finite() && (1e-5..1e8).contains(&n.abs());
        self.count(is_good, |counts| &mut counts.floats, good, -12.0);
    }

    fn text(&mut self, text: &str) {
        let is_odd = |c: char| c == '\u{fffd}' || c.is_control() && !matches!(c, '\n' | '\t');
        if text.chars().take(256).any(is_odd) {
            return self.count(false, |counts| &mut counts.texts, 0.0, -14.0);
        }
        let letters = text.chars().take(TEXT_MAX);
        let bits: f64 = letters.map(|c| if c.is_ascii() { 1.4 } else { 0.6 }).sum();
        self.count(true, |counts| &mut counts.texts, 1.0 + bits, 0.0);
    }

    /// Numbers are small more often than not.
    fn number(&mut self, node: &Node<'_>, n: i128) {
        let marks = &node.field.marks;
        if let Some(table) = &marks.reference_table {
            let is_known = table.name_of(n).is_some();
            self.count(is_known, |counts| &mut counts.names, 2.0, -8.0);
            return;
        }
        let size = node.raw.len() as f64;
        let needed = if n < 0 { (!n).max(1) } else { n.max(1) };
        let used = (128 - needed.leading_zeros()).div_ceil(8) as f64;
        let is_fixed =
            matches!(&node.field.kind, Kind::Int(midwire_definition::plan::IntRepr::Fixed { .. }));
        self.bits += match is_fixed {
            // Bytes that only repeat the sign.
            true => ((size - used) * 3.0).clamp(0.0, 9.0),
            false if size > 1.0 && node.raw.last() == Some(&0) => -10.0,
            false if n < -1 => -3.0,
            false => (2.0 - size).max(-2.0),
        };
    }
}

impl Visitor for Seen {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        match value {
            Value::Int(n) if !matches!(node.field.kind, Kind::Let(_)) => self.number(node, *n),
            Value::Int(_) | Value::Absent | Value::Packed(..) => {}
            Value::F32(n) => self.float((*n).into(), 4.0),
            Value::F64(n) => self.float(*n, 7.0),
            Value::Bool(b) => self.count(*b <= 1, |counts| &mut counts.bools, 5.0, -14.0),
            Value::Uuid(uuid) => {
                let version = uuid[6] >> 4;
                let is_good = (1..=8).contains(&version) && uuid[8] >> 6 == 2 || *uuid == [0; 16];
                self.count(is_good, |counts| &mut counts.uuids, 6.0, -6.0);
            }
            Value::Enum(_, name) => {
                self.count(name.is_some(), |counts| &mut counts.names, 4.0, -14.0);
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
            Value::Bits(..) => {}
            Value::Text(text, ..) => {
                if let Kind::Str { len: Len::Rest, .. } = node.field.kind {
                    self.takes_rest = true;
                }
                self.text(text);
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
                self.bits += 6.0 + (bytes.len() as f64 / 2.0).min(24.0);
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
        self.open.push(());
        Flow::Enter
    }

    fn close(&mut self, _: &Node<'_>) {
        self.open.pop();
    }

    fn presence(&mut self, node: &Node<'_>) {
        let is_good = node.raw.first().is_some_and(|byte| *byte <= 1);
        self.count(is_good, |counts| &mut counts.bools, 5.0, -14.0);
    }

    fn opens(&self, node: &Node<'_>) -> bool {
        node.raw.len() <= 4096
    }

    fn leave_bytes(&mut self, _: &Node<'_>, error: Option<&DecodeError>) {
        self.bits += if error.is_some() { -6.0 } else { 6.0 };
    }
}

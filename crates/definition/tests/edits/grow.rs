//! Bodies of a plan, grown out of a few bytes: where reading fails, what it wants is added.

use std::collections::{BTreeSet, HashMap, HashSet};

use midwire_definition::{DecodeErrorKind, Plan, Workspace};

use crate::leaves::{Form, Held, Leaf, Leaves, Part, leaves};
use crate::rng::Rng;

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
        Mood::Quiet if !n.is_multiple_of(5) => 0,
        Mood::Quiet => high % 6,
        Mood::Small if n.is_multiple_of(3) => 0,
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

    /// The buffer that its last bytes are in, and those.
    fn deepest(&mut self) -> (u32, &mut Vec<u8>) {
        match &mut self.inner {
            Some(inner) => (1, inner),
            None => (0, &mut self.bytes),
        }
    }
}

const SIZE_MAX: usize = 3000;
/// Steps of one body, and of one with a block, where each costs more.
const STEPS_MAX: usize = 300;
const STEPS_IN_BLOCK_MAX: usize = 40;
/// Bodies of a plan.
const BODIES_MAX: usize = 200;
/// Shapes (sets of fields) of one plan that are kept although each of their fields was seen before.
const SHAPES_MAX: usize = 50;

/// Looks for bodies of one plan.
pub(crate) struct Grower<'p> {
    plan: &'p Plan,
    conn: &'p [i64],
    rng: &'p mut Rng,
    ws: Workspace,
    kept: Vec<(Seed, Leaves)>,
    /// Fields, names in enums, and whether a list has elements, that a body was kept for.
    seen: &'p mut HashSet<(usize, usize)>,
    shapes: HashSet<BTreeSet<(usize, usize)>>,
}

impl<'p> Grower<'p> {
    pub(crate) fn new(
        plan: &'p Plan,
        conn: &'p [i64],
        rng: &'p mut Rng,
        seen: &'p mut HashSet<(usize, usize)>,
    ) -> Grower<'p> {
        let (ws, kept, shapes) = (Workspace::default(), Vec::new(), HashSet::new());
        Grower { plan, conn, rng, ws, kept, seen, shapes }
    }

    /// Bodies as different as are found: each has a field or a shape that those before it do not have,
    /// but for the first `count`. With none wanted, only those that have a field nobody has seen.
    pub(crate) fn bodies(mut self, count: usize) -> Vec<Vec<u8>> {
        let mut bare = 0;
        for _ in 0..12 {
            let mood = self.mood();
            let len = *self.rng.pick(&[0, 0, 1, 3, 8, 40]);
            let bytes = (0..len).map(|_| byte(mood, self.rng)).collect();
            let Some(grown) = self.grow(Seed { bytes, inner: None }, mood) else { continue };
            if self.is_news(&grown.1, count > 0) {
                self.kept.push(grown);
            } else if bare < count && !self.kept.iter().any(|(k, _)| *k == grown.0) {
                bare += 1;
                self.kept.push(grown);
            }
        }
        // Each number of each kept body is set to what may make another of it; two of a kind will do.
        let mut tried: HashMap<(usize, i128), u8> = HashMap::new();
        let mut next = 0;
        while next < self.kept.len() && self.kept.len() < BODIES_MAX {
            for (field, place, value, width) in tellings(&mut self.kept[next]) {
                let times = tried.get(&(field, value)).copied().unwrap_or(0);
                if times == 2 {
                    continue;
                }
                let cut = times == 0;
                let mut seed = self.kept[next].0.clone();
                let (_, bytes) = seed.deepest();
                let new = &value.to_le_bytes()[..width];
                bytes.splice(place..place + width, new.iter().copied());
                if cut {
                    bytes.truncate(place + width);
                }
                if self.try_seed(seed, count) {
                    *tried.entry((field, value)).or_default() += 1;
                }
            }
            // Something may follow if bytes are left.
            for more in [1, 5] {
                let mut seed = self.kept[next].0.clone();
                seed.deepest().1.extend(vec![0; more]);
                self.try_seed(seed, count);
            }
            next += 1;
        }
        self.kept.iter().map(|(seed, _)| seed.body()).collect()
    }

    fn mood(&mut self) -> Mood {
        *self.rng.pick(&[Mood::Quiet, Mood::Quiet, Mood::Small, Mood::Wild, Mood::Edges])
    }

    /// Keeps what a seed grows into if that is news; tells whether it grew at all.
    fn try_seed(&mut self, seed: Seed, count: usize) -> bool {
        // Some lists end only at a large number, others have to be short.
        let grown = (0..4).find_map(|_| {
            let mood = self.mood();
            self.grow(seed.clone(), mood)
        });
        let Some(grown) = grown else { return false };
        if self.is_news(&grown.1, count > 0) {
            self.kept.push(grown);
        }
        true
    }

    /// Whether a body has what none before it has.
    fn is_news(&mut self, all: &Leaves, shapes: bool) -> bool {
        let values = all.list.iter().map(|leaf| (leaf.field, 0));
        let lists = all.lists.iter().map(|list| (list.field, 1 + usize::from(list.count > 0)));
        // Another arm may have the same fields, or none.
        let names = all.list.iter().filter_map(|leaf| match (&leaf.form, &leaf.held) {
            (Form::Enum { names, .. }, Held::Number(n)) => {
                let name = names.iter().position(|(number, _)| number == n);
                Some((leaf.field, 3 + name.unwrap_or(names.len())))
            }
            _ => None,
        });
        let shape: BTreeSet<_> = values.chain(lists).chain(names).collect();
        let before = self.seen.len();
        self.seen.extend(&shape);
        let fresh = self.seen.len() > before;
        let another = shapes && self.shapes.len() < SHAPES_MAX && self.shapes.insert(shape);
        fresh || another
    }

    /// Grows a body out of a seed, until all of it is read.
    fn grow(&mut self, mut seed: Seed, mood: Mood) -> Option<(Seed, Leaves)> {
        let mut steps = 0;
        while steps < if seed.inner.is_some() { STEPS_IN_BLOCK_MAX } else { STEPS_MAX } {
            steps += 1;
            let body = seed.body();
            let mut packet = self.plan.decode(&body, 0, self.conn, &mut self.ws);
            let end = packet.end() as usize;
            let Some(error) = packet.error() else {
                if seed.inner.is_none() && end < seed.bytes.len() {
                    seed.bytes.truncate(end);
                    continue;
                }
                if end != body.len() {
                    return None;
                }
                let all = leaves(&mut packet, 0);
                let unread = all.tiles.iter().find(|tile| tile.part == Part::Rest);
                if let (Some(tile), Some(inner)) = (unread, &mut seed.inner)
                    && !self.rng.one_in(4)
                {
                    inner.truncate(tile.place.start as usize);
                    continue;
                }
                return Some((seed, all));
            };
            let offset = error.offset as usize;
            if let (DecodeErrorKind::Inflate(_), None) = (&error.kind, &seed.inner) {
                seed.bytes.truncate(offset);
                seed.inner = Some(Vec::new());
                continue;
            }
            let (buffer, into) = seed.deepest();
            if buffer != error.buffer {
                return None;
            }
            match &error.kind {
                DecodeErrorKind::Short { wanted } => {
                    let wanted = *wanted as usize;
                    if wanted + into.len() > SIZE_MAX {
                        return None;
                    }
                    let more = if buffer > 0 { self.rng.below(100) as usize } else { 0 };
                    into.extend((0..wanted + more).map(|_| byte(mood, self.rng)));
                }
                _ => {
                    into.truncate(offset);
                    into.push(byte(Mood::Small, self.rng));
                }
            }
        }
        None
    }
}

/// Numbers in a body's last buffer that others may depend on, the last of each field: field, position,
/// another value, and its width.
fn tellings((seed, all): &mut (Seed, Leaves)) -> Vec<(usize, usize, i128, usize)> {
    let (buffer, _) = seed.deepest();
    let mut fields = HashSet::new();
    let mut found = Vec::new();
    let here = |leaf: &&Leaf| leaf.place.buffer == buffer && leaf.place.start < leaf.place.end;
    for leaf in all.list.iter().rev().filter(here) {
        let (start, width) =
            (leaf.place.start as usize, (leaf.place.end - leaf.place.start) as usize);
        if width > 8 || !fields.insert(leaf.field) {
            continue;
        }
        let now = match leaf.held {
            Held::Number(n) => n,
            _ => continue,
        };
        let values: Vec<i128> = match &leaf.form {
            Form::Int { .. } => (0..5).chain([0x80, 0xff]).collect(),
            Form::Bool => vec![0, 1],
            Form::Enum { names, .. } => {
                let unknown = names.iter().map(|(n, _)| n + 1).max();
                names.iter().map(|(n, _)| *n).chain(unknown).collect()
            }
            Form::Flags(members, _) => {
                members.iter().map(|(_, bit)| now ^ 1 << bit).chain([-1]).collect()
            }
            Form::Bits(..) => vec![0, -1],
            _ => continue,
        };
        found.extend(values.into_iter().map(|value| (leaf.field, start, value, width)));
    }
    found
}

//! Edits of every place of a packet, and what must hold after them.
//!
//! What a packet holds before and after is read by walking it, and compared byte by byte; nothing here asks
//! the encoder what it did.
#![allow(dead_code, unreachable_pub, reason = "each test uses its own part")]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use midwire_definition::given::parse;
use midwire_definition::json::write_fields;
use midwire_definition::plan::Place;
use midwire_definition::splice::{Editable, editable_paths};
use midwire_definition::syntax::ast::{Encoding, Transform};
use midwire_definition::{EditError, Edits, Given, Packet, Workspace};

use super::leaves::{Form, Held, Holder, Leaf, Leaves, Size, leaves, plain};
use super::packets::{Rng, Sample, Samples};

/// A value for a field, and what it holds then.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The field's, or that of a part of it.
    pub path: String,
    pub given: Given,
    pub holds: Held,
}

/// A packet as it is read.
pub struct State {
    pub leaves: Leaves,
    pub rest: Vec<u8>,
}

/// A packet that is to be edited.
struct Before {
    state: State,
    /// What the encoder says can be edited.
    editable: HashMap<String, Editable>,
    /// All fields, as one gives them.
    given: Given,
}

impl Before {
    /// Whether another value of it may change which fields there are.
    fn reshapes(&self, path: &str) -> bool {
        self.editable.get(path).is_none_or(|editable| editable.reshapes)
    }
}

pub fn read(sample: &Sample, payload: &[u8], ws: &mut Workspace) -> Option<State> {
    let mut packet = sample.plan().decode(payload, sample.body, &sample.conn, ws);
    if packet.error().is_some() {
        return None;
    }
    let rest = packet.rest().to_vec();
    Some(State { leaves: leaves(&mut packet), rest })
}

fn read_before(sample: &Sample, ws: &mut Workspace) -> Option<Before> {
    let state = read(sample, &sample.payload, ws)?;
    let mut packet = sample.plan().decode(&sample.payload, sample.body, &sample.conn, ws);
    let editable = editable_paths(&mut packet).into_iter().collect();
    let given = given(&mut packet, &state.leaves);
    Some(Before { state, editable, given })
}

/// A packet's fields as its JSON has them, with secrets as they are.
pub fn given(packet: &mut Packet<'_>, leaves: &Leaves) -> Given {
    let mut text = String::new();
    write_fields(packet, &mut text);
    let mut given = parse(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    if text.contains("{\"secret\":") {
        for leaf in &leaves.list {
            if let Some(place) = at(&mut given, &leaf.path)
                && place.get("secret").is_some()
            {
                *place = Given::Object(vec![("$raw".into(), Given::Bytes(leaf.bytes.clone()))]);
            }
        }
    }
    given
}

/// The value at a path.
fn at<'g>(given: &'g mut Given, path: &str) -> Option<&'g mut Given> {
    let mut place = given;
    for part in path.split(['.', '[']) {
        if place.get("$prefix").or(place.get("$end")).is_some() {
            place = member(place, "value")?;
        }
        place = match (part.strip_suffix(']'), place) {
            (Some(index), Given::List(items)) => items.get_mut(index.parse::<usize>().ok()?)?,
            (None, place) => member(place, part)?,
            _ => return None,
        };
    }
    Some(place)
}

fn member<'g>(given: &'g mut Given, name: &str) -> Option<&'g mut Given> {
    match given {
        Given::Object(members) => members.iter_mut().find(|(n, _)| n == name).map(|(_, v)| v),
        _ => None,
    }
}

/// What is done to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// A field that is there gets another value.
    Set,
    /// A field that is not there gets one.
    Add,
    Delete,
    Insert,
    Remove,
}

impl Act {
    pub fn name(self) -> &'static str {
        match self {
            Act::Set => "set",
            Act::Add => "add",
            Act::Delete => "delete",
            Act::Insert => "insert",
            Act::Remove => "remove",
        }
    }
}

/// What came of the edits of one place of a packet, over all packets and versions.
#[derive(Debug, Default, Clone)]
pub struct Outcome {
    pub made: usize,
    /// By kind of error, with the first message.
    pub refused: BTreeMap<String, (usize, String)>,
}

/// What came of all edits.
#[derive(Debug, Default)]
pub struct Tally {
    pub places: BTreeMap<(String, Act, String), Outcome>,
    pub packets: usize,
    /// Packets that were made again from their values: byte for byte, and those whose blocks were deflated
    /// anew or that say "yes" in an odd way.
    pub made_again: (usize, usize),
    /// Edits of several fields at once.
    pub together: usize,
    pub messages: BTreeSet<String>,
}

impl Tally {
    fn note(&mut self, sample: &Sample, act: Act, path: &str, result: Result<(), &EditError>) {
        let key = (sample.label.clone(), act, plain(path));
        let outcome = self.places.entry(key).or_default();
        match result {
            Ok(()) => outcome.made += 1,
            Err(e) => {
                let (count, _) =
                    outcome.refused.entry(kind(e)).or_insert_with(|| (0, e.to_string()));
                *count += 1;
            }
        }
    }

    /// A line for each place where an edit was refused; `always` if no packet was found that takes it.
    pub fn refusals(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for ((label, act, path), outcome) in &self.places {
            for kind in outcome.refused.keys() {
                let how = if outcome.made == 0 { "always" } else { "sometimes" };
                lines.push(format!("{} {label} {path}: {kind} {how}", act.name()));
            }
        }
        lines.sort();
        lines
    }

    /// Compares what was refused with the committed list.
    pub fn compare(&self, file: &str) {
        let path = format!("{}/tests/edits/{file}", env!("CARGO_MANIFEST_DIR"));
        let found: String = self.refusals().iter().map(|line| format!("{line}\n")).collect();
        if std::env::var_os("MIDWIRE_WRITE_GOLDEN").is_some() {
            std::fs::write(&path, &found).expect("the list can be written");
        }
        let known = std::fs::read_to_string(&path).unwrap_or_default();
        let difference = |a: &str, b: &str| -> Vec<String> {
            let b: HashSet<&str> = b.lines().collect();
            a.lines().filter(|line| !b.contains(line)).map(str::to_owned).collect()
        };
        let (more, fewer) = (difference(&found, &known), difference(&known, &found));
        let message = |line: &String| {
            let found = self.places.iter().find(|((label, act, path), _)| {
                line.starts_with(&format!("{} {label} {path}: ", act.name()))
            });
            let reasons = found.map(|(_, outcome)| format!("{:?}", outcome.refused));
            format!("{line} {}", reasons.unwrap_or_default())
        };
        let more: Vec<String> = more.iter().map(message).collect();
        assert!(
            more.is_empty() && fewer.is_empty(),
            "refused, and not in {file}:\n{}\nin {file}, and not refused:\n{}",
            more.join("\n"),
            fewer.join("\n")
        );
    }

    /// Only so many kinds of refusal are right for an edit whose value fits its field.
    pub fn only_known_kinds(&self) {
        for ((label, act, path), outcome) in &self.places {
            for (kind, (_, message)) in &outcome.refused {
                let known: &[&str] = match act {
                    Act::Set => &["Contradiction", "List", "WrongLength"],
                    Act::Add => &["Condition", "List", "UnknownField", "WrongLength", "WrongType"],
                    Act::Delete => &["Condition", "List"],
                    // A count of one byte ends at 255.
                    Act::Insert => &["List", "OutOfRange", "WrongLength"],
                    Act::Remove => &["List", "WrongLength"],
                };
                let act = act.name();
                assert!(known.contains(&kind.as_str()), "{act} {label} {path}: {kind}: {message}");
            }
        }
    }

    /// Numbers for people.
    pub fn summary(&self) -> String {
        let mut acts: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
        let mut kinds: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
        for ((_, act, _), outcome) in &self.places {
            let (places, made, refused) = acts.entry(act.name()).or_default();
            *places += 1;
            *made += outcome.made;
            for (kind, (count, _)) in &outcome.refused {
                *refused += count;
                let (places, edits) = kinds.entry((act.name(), kind)).or_default();
                *places += 1;
                *edits += count;
            }
        }
        let mut text = format!("{} packets of {} messages\n", self.packets, self.messages.len());
        let (same, other) = self.made_again;
        text += &format!("made from values: {same} byte for byte, {other} otherwise\n");
        text += &format!("all at once: {}\n", self.together);
        for (act, (places, made, refused)) in acts {
            text += &format!("{act}: {places} places, {made} made, {refused} refused\n");
        }
        for ((act, kind), (places, edits)) in kinds {
            text += &format!("  {act} {kind}: {places} places, {edits} edits\n");
        }
        text
    }
}

/// The name of an error's kind.
pub fn kind(error: &EditError) -> String {
    let text = format!("{error:?}");
    text.split([' ', '{']).next().unwrap_or("").to_owned()
}

// ---- values ------------------------------------------------------------------------------------

fn number(low: i128, high: i128, now: i128, rng: &mut Rng) -> i128 {
    let wide = (high as u128).wrapping_sub(low as u128);
    let random = match wide {
        u128::MAX => i128::from(rng.next()),
        wide => low.wrapping_add((u128::from(rng.next()) % (wide + 1)) as i128),
    };
    let small = (rng.below(20) as i128).clamp(low, high);
    let candidates = [low, high, random, small, now.wrapping_add(1), now.wrapping_sub(1)];
    *rng.pick(&candidates)
}

/// Bits as the number that they are in a field that goes up to `high`: unsigned, or signed.
fn wrapped(bits: i128, high: i128) -> i128 {
    let width = 128 - high.leading_zeros();
    match width % 8 {
        // One bit short of whole bytes: the highest is the sign.
        7 => bits << (127 - width) >> (127 - width),
        _ => bits & high,
    }
}

/// Text of so many units, with characters of all widths.
fn text(encoding: Encoding, units: usize, rng: &mut Rng) -> String {
    let chars: &[char] = match encoding {
        Encoding::Latin1 => &['a', 'Z', '0', ' ', 'é', 'ÿ'],
        _ => &['a', 'Z', '0', ' ', 'é', '€', '😀', '"', '\\', '\u{7f}', '\0'],
    };
    let mut text = String::new();
    loop {
        let c = *rng.pick(chars);
        let mut with = text.clone();
        with.push(c);
        match units_of(encoding, &with).cmp(&units) {
            std::cmp::Ordering::Less => text = with,
            std::cmp::Ordering::Equal => return with,
            std::cmp::Ordering::Greater if units == 0 => return String::new(),
            std::cmp::Ordering::Greater => {}
        }
    }
}

/// The length of a text as its prefix counts it.
fn units_of(encoding: Encoding, text: &str) -> usize {
    match encoding {
        Encoding::Utf8 => text.len(),
        Encoding::Latin1 => text.chars().count(),
        Encoding::Utf16 => text.encode_utf16().count(),
        Encoding::Mutf8 => text
            .encode_utf16()
            .map(|unit| match unit {
                1..=0x7f => 1,
                0 | 0x80..=0x7ff => 2,
                _ => 3,
            })
            .sum(),
    }
}

/// Another length: the same where it is said elsewhere, at most what fits where it is free.
fn another_len(size: Size, max: Option<i64>, now: usize, rng: &mut Rng) -> usize {
    match size {
        Size::Said => now,
        Size::Free(most) => {
            let most = max.map_or(most, |max| most.min(max as u64)).min(200);
            let short = most.min(8);
            *rng.pick(&[rng.clone().below(most + 1), short, 0, rng.clone().below(short + 1)])
                as usize
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Other values of a field, by part where it has parts.
pub fn wishes(leaf: &Leaf, rng: &mut Rng) -> Vec<Wish> {
    let wish = |given, holds| vec![Wish { path: leaf.path.clone(), given, holds }];
    let now = match leaf.held {
        Held::Number(n) => n,
        _ => 0,
    };
    match &leaf.form {
        Form::Int { low, high } => {
            let n = number(*low, *high, now, rng).clamp(*low, *high);
            wish(Given::Int(n), Held::Number(n))
        }
        Form::Computed => wish(Given::Int(now + 1), Held::Number(now + 1)),
        Form::Bool => wish(Given::Bool(now == 0), Held::Number((now == 0).into())),
        Form::Enum { names, low, high } => {
            if !names.is_empty() && !rng.one_in(3) {
                let (n, name) = rng.pick(names);
                return wish(Given::Text(name.clone()), Held::Number(*n));
            }
            let n = number(*low, *high, now, rng).clamp(*low, *high);
            wish(Given::Int(n), Held::Number(n))
        }
        Form::Flags(members, high) => {
            let part = |(name, bit): &(String, u8)| Wish {
                path: format!("{}.{name}", leaf.path),
                given: Given::Bool(now >> bit & 1 == 0),
                holds: Held::Number(wrapped(now ^ 1 << bit, *high)),
            };
            let mut all: Vec<_> = members.iter().map(part).collect();
            let chosen: Vec<_> = members.iter().filter(|_| rng.one_in(2)).collect();
            let names = chosen.iter().map(|(name, _)| Given::Text(name.clone())).collect();
            let bits = chosen.iter().fold(0, |bits, (_, bit)| bits | 1 << bit);
            all.extend(wish(Given::List(names), Held::Number(wrapped(bits, *high))));
            all
        }
        Form::Bits(members, high) => members
            .iter()
            .map(|(name, shift, width, signed)| {
                let span = 1i128 << width;
                let n = i128::from(rng.next()).rem_euclid(span);
                let shown = if *signed && n >= span / 2 { n - span } else { n };
                let mask = (span - 1) << shift;
                Wish {
                    path: format!("{}.{name}", leaf.path),
                    given: Given::Int(shown),
                    holds: Held::Number(wrapped(now & !mask | n << shift, *high)),
                }
            })
            .collect(),
        Form::Float(size) => {
            let wild = match size {
                8 => f64::from_bits(rng.next()),
                4 => f64::from(f32::from_bits(rng.next() as u32)),
                _ => 0.25,
            };
            let f = *rng.pick(&[
                0.0,
                -0.0,
                1.5,
                -2.0,
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::NAN,
                wild,
            ]);
            let given = match f {
                f if f.is_nan() => Given::Text("NaN".into()),
                f64::INFINITY => Given::Text("Infinity".into()),
                f64::NEG_INFINITY => Given::Text("-Infinity".into()),
                f => Given::Float(f),
            };
            wish(given, Held::Float(f.to_bits()))
        }
        Form::Uuid => {
            let bytes: Vec<u8> = (0..16).map(|_| rng.next() as u8).collect();
            wish(Given::Text(hex(&bytes)), Held::Bytes(bytes))
        }
        Form::Text { encoding, size, max } => {
            let now = match &leaf.held {
                Held::Text(text) => units_of(*encoding, text),
                _ => 0,
            };
            let len = another_len(*size, *max, now, rng);
            let text = text(*encoding, len, rng);
            wish(Given::Text(text.clone()), Held::Text(text))
        }
        Form::Bytes { size, max } => {
            let now = match &leaf.held {
                Held::Bytes(bytes) => bytes.len(),
                _ => 0,
            };
            let len = another_len(*size, *max, now, rng);
            let bytes: Vec<u8> = (0..len).map(|_| rng.next() as u8).collect();
            wish(Given::Text(hex(&bytes)), Held::Bytes(bytes))
        }
        Form::Nbt { named } => {
            let mut tag = vec![
                ("type".to_owned(), Given::Text("string".into())),
                ("value".to_owned(), Given::Text("edited".into())),
            ];
            let mut bytes = vec![8];
            if *named {
                tag.insert(0, ("name".into(), Given::Text("n".into())));
                bytes.extend([0, 1, b'n']);
            }
            bytes.extend([0, 6]);
            bytes.extend(b"edited");
            wish(Given::Object(tag), Held::Bytes(bytes))
        }
        Form::Packed { width, count } => {
            if *width == 0 || *width > 64 || *count > 5000 {
                return Vec::new();
            }
            let mask = u64::MAX >> (64 - width);
            let numbers: Vec<u64> = (0..*count).map(|_| rng.next() & mask).collect();
            let mut bytes = Vec::new();
            for word in numbers.chunks((64 / width) as usize) {
                let word = word.iter().enumerate().fold(0, |w, (i, n)| w | n << (i as u32 * width));
                bytes.extend(word.to_be_bytes());
            }
            let numbers = numbers.into_iter().map(|n| Given::Int(n.into())).collect();
            wish(Given::List(numbers), Held::Bytes(bytes))
        }
        Form::Pad => {
            let bytes: Vec<u8> = leaf.bytes.iter().map(|_| rng.next() as u8).collect();
            wish(Given::Text(hex(&bytes)), Held::Bytes(bytes))
        }
        Form::Tail => {
            let bytes: Vec<u8> = (0..1 + rng.below(8)).map(|_| rng.next() as u8).collect();
            wish(Given::Text(hex(&bytes)), Held::Bytes(bytes))
        }
        Form::Nothing => Vec::new(),
    }
}

/// The value that a field has, as one gives it.
pub fn as_it_is(leaf: &Leaf) -> Option<Given> {
    Some(match (&leaf.held, &leaf.form) {
        (_, Form::Pad | Form::Tail) => Given::Text(hex(&leaf.bytes)),
        (Held::Number(n), Form::Bool) => Given::Bool(*n != 0),
        (Held::Number(n), _) => Given::Int(*n),
        (Held::Float(bits), _) => match f64::from_bits(*bits) {
            f if f.is_finite() => Given::Float(f),
            _ => return None,
        },
        (Held::Text(text), Form::Text { encoding, .. }) => {
            let plain = !text.contains(char::REPLACEMENT_CHARACTER) && *encoding != Encoding::Mutf8;
            if !plain {
                return None;
            }
            Given::Text(text.clone())
        }
        (Held::Bytes(bytes), Form::Bytes { .. } | Form::Nbt { .. } | Form::Uuid) => {
            Given::Bytes(bytes.clone())
        }
        _ => return None,
    })
}

fn same(a: &Held, b: &Held) -> bool {
    match (a, b) {
        (Held::Float(a), Held::Float(b)) => {
            a == b || f64::from_bits(*a).is_nan() && f64::from_bits(*b).is_nan()
        }
        (a, b) => a == b,
    }
}

// ---- checks ------------------------------------------------------------------------------------

/// What is tried, for messages.
struct Try<'s> {
    sample: &'s Sample,
    before: &'s Before,
    edits: String,
}

impl Try<'_> {
    fn fail(&self, why: &str, new: Option<&[u8]>) -> ! {
        panic!(
            "{} at version {:?}: {}\n{why}\nwas {}\nnew {}",
            self.sample.label,
            self.sample.version,
            self.edits,
            hex(&self.sample.payload),
            new.map_or(String::new(), hex),
        )
    }

    /// Reads the new bytes, which must be a packet as whole as the one before.
    fn read(&self, new: &[u8], ws: &mut Workspace) -> State {
        let Some(after) = read(self.sample, new, ws) else {
            self.fail("it cannot be read", Some(new))
        };
        if after.rest != self.before.state.rest {
            self.fail("what is behind it is not the same", Some(new));
        }
        if new[..self.sample.body as usize] != self.sample.payload[..self.sample.body as usize] {
            self.fail("its id is not the same", Some(new));
        }
        after
    }
}

fn splice(sample: &Sample, edits: &Edits, ws: &mut Workspace) -> Result<Vec<u8>, EditError> {
    let mut out = Vec::new();
    let mut packet = sample.plan().decode(&sample.payload, sample.body, &sample.conn, ws);
    packet.splice(edits, &mut out)?;
    Ok(out)
}

/// Of packets with more values only a few edits are tried: each takes time.
const LARGE: usize = 3000;

/// Tries every edit of all packets.
pub fn try_all(plans: &[Samples], tally: &mut Tally) {
    let mut ws = Workspace::default();
    for samples in plans {
        let mut known: BTreeMap<String, Leaf> = BTreeMap::new();
        for sample in samples {
            let Some(state) = read(sample, &sample.payload, &mut ws) else { continue };
            for leaf in state.leaves.list.iter().filter(|l| l.form != Form::Computed) {
                known.entry(plain(&leaf.path)).or_insert_with(|| leaf.clone());
            }
        }
        let mut rng = Rng::new(samples.len() as u64);
        for sample in samples {
            try_everything(sample, &known, &mut rng, &mut ws, tally);
        }
    }
}

/// Tries every edit of a packet. `absent` are fields of other packets of the same plan.
pub fn try_everything(
    sample: &Sample,
    absent: &BTreeMap<String, Leaf>,
    rng: &mut Rng,
    ws: &mut Workspace,
    tally: &mut Tally,
) {
    let Some(before) = read_before(sample, ws) else {
        panic!("{} cannot be read: {}", sample.label, hex(&sample.payload));
    };
    tally.packets += 1;
    tally.messages.insert(sample.label.clone());
    if before.state.leaves.list.len() <= LARGE {
        set_to_what_they_are(sample, &before, ws);
    }
    made_again(sample, &before, ws, tally);
    let mut places = chosen(&before.state.leaves);
    let large = before.state.leaves.list.len() > LARGE;
    if large {
        places.retain(|_| rng.one_in(10));
    }
    let mut plainly = Vec::new();
    for leaf in &places {
        for wish in wishes(leaf, rng) {
            if set(sample, &before, leaf, &wish, ws, tally) && wish.path == leaf.path {
                plainly.push((leaf, wish));
            }
        }
        if leaf.guarded && leaf.form != Form::Computed {
            delete(sample, &before, &leaf.path, leaf.field, ws, tally);
        }
    }
    all_together(sample, &before, &plainly, ws, tally);
    let here: HashSet<String> = before.state.leaves.list.iter().map(|l| plain(&l.path)).collect();
    for (path, leaf) in absent {
        if !large && !here.contains(path) && has_elements(&before.state.leaves, &leaf.path) {
            add(sample, &before, leaf, rng, ws, tally);
        }
    }
    let mut lists: HashSet<usize> = HashSet::new();
    for list in before.state.leaves.holders.iter().filter(|h| h.count.is_some()) {
        if lists.insert(list.field) && (!large || rng.one_in(4)) {
            come_and_go(sample, &before, list, rng, ws, tally);
        }
    }
}

/// Of each field the first, and of long lists the last.
fn chosen(all: &Leaves) -> Vec<Leaf> {
    let mut ends: HashMap<usize, (usize, usize)> = HashMap::new();
    for (i, leaf) in all.list.iter().enumerate() {
        ends.entry(leaf.field).and_modify(|(_, last)| *last = i).or_insert((i, i));
    }
    let is_end = |i: usize, leaf: &Leaf| {
        let (first, last) = ends[&leaf.field];
        i == first || i == last
    };
    let chosen = all.list.iter().enumerate().filter(|(i, leaf)| is_end(*i, leaf));
    chosen.map(|(_, leaf)| leaf.clone()).collect()
}

/// A value that is given as it is leaves all bytes as they are.
fn set_to_what_they_are(sample: &Sample, before: &Before, ws: &mut Workspace) {
    let mut edits = Edits::new();
    for leaf in &before.state.leaves.list {
        // Of fields that take no edits of their own, the others tell.
        if let (Some(given), false) = (as_it_is(leaf), leaf.form == Form::Computed) {
            edits.set(&leaf.path, given);
        }
    }
    let attempt = Try { sample, before, edits: "all fields to what they are".into() };
    match splice(sample, &edits, ws) {
        Ok(new) if new == sample.payload => {}
        Ok(new) => attempt.fail("the bytes are not the same", Some(&new)),
        Err(e) => attempt.fail(&format!("refused: {e}"), None),
    }
}

/// A packet is made from nothing but its values.
fn made_again(sample: &Sample, before: &Before, ws: &mut Workspace, tally: &mut Tally) {
    let mut new = sample.payload[..sample.body as usize].to_vec();
    let attempt = Try { sample, before, edits: "made from its values".into() };
    if let Err(e) = sample.plan().encode(&before.given, &sample.conn, ws, &mut new) {
        attempt.fail(&format!("refused: {e}"), None);
    }
    let whole = [new.as_slice(), &before.state.rest].concat();
    if whole == sample.payload {
        tally.made_again.0 += 1;
        return;
    }
    tally.made_again.1 += 1;
    let packed = |h: &Holder| matches!(h.transform, Some(t) if t != Transform::Sized);
    let differs_in_one = whole.len() == sample.payload.len()
        && whole.iter().zip(&sample.payload).all(|(new, was)| new == was || *new == 1 && *was > 1);
    if !before.state.leaves.holders.iter().any(packed) && !differs_in_one {
        attempt.fail("the bytes are not the same", Some(&whole));
    }
    let Some(after) = read(sample, &whole, ws) else { attempt.fail("unread", Some(&whole)) };
    let values = |state: &State| -> Vec<(String, Held)> {
        state.leaves.list.iter().map(|l| (l.path.clone(), l.held.clone())).collect()
    };
    let (was, is) = (values(&before.state), values(&after));
    if was != is {
        let at =
            was.iter().zip(&is).position(|(was, is)| was != is).unwrap_or(was.len().min(is.len()));
        attempt.fail(&format!("was {:?}, is {:?}", was.get(at), is.get(at)), Some(&whole));
    }
}

/// Fields that can be set alone can be set together.
fn all_together(
    sample: &Sample,
    before: &Before,
    wishes: &[(&Leaf, Wish)],
    ws: &mut Workspace,
    tally: &mut Tally,
) {
    let chosen: Vec<_> = wishes.iter().filter(|(_, w)| !before.reshapes(&w.path)).collect();
    if chosen.len() < 2 {
        return;
    }
    let mut edits = Edits::new();
    for (_, wish) in &chosen {
        edits.set(&wish.path, wish.given.clone());
    }
    let attempt = Try { sample, before, edits: format!("{edits:?}") };
    let new = match splice(sample, &edits, ws) {
        Ok(new) => new,
        Err(e) => attempt.fail(&format!("refused together: {e}"), None),
    };
    let after = attempt.read(&new, ws);
    for (leaf, wish) in &chosen {
        match after.leaves.get(&leaf.path) {
            Some(found) if same(&found.held, &wish.holds) => {}
            other => attempt.fail(&format!("{} is {other:?}", leaf.path), Some(&new)),
        }
    }
    let edited = |other: &Leaf| chosen.iter().any(|(leaf, _)| leaf.path == other.path);
    kept(&attempt, &after, &new, &edited, false);
    tally.together += 1;
}

/// Whether every list that a path goes through has that element.
fn has_elements(all: &Leaves, path: &str) -> bool {
    path.match_indices('[').all(|(at, _)| {
        let index = path[at + 1..].split(']').next().and_then(|n| n.parse::<u32>().ok());
        let list = all.holders.iter().find(|h| h.path == path[..at]);
        let count = list.and_then(|list| list.count).unwrap_or(0);
        index.is_some_and(|index| index < count)
    })
}

/// Sets one field; `false` if that was refused.
fn set(
    sample: &Sample,
    before: &Before,
    leaf: &Leaf,
    wish: &Wish,
    ws: &mut Workspace,
    tally: &mut Tally,
) -> bool {
    let mut edits = Edits::new();
    edits.set(&wish.path, wish.given.clone());
    let attempt = Try { sample, before, edits: format!("{} = {:?}", wish.path, wish.given) };
    let new = match splice(sample, &edits, ws) {
        Ok(new) => new,
        Err(e) => {
            tally.note(sample, Act::Set, &wish.path, Err(&e));
            return false;
        }
    };
    let after = attempt.read(&new, ws);
    tally.note(sample, Act::Set, &wish.path, Ok(()));
    match after.leaves.get(&leaf.path) {
        None => attempt.fail("the field is gone", Some(&new)),
        Some(found) if !same(&found.held, &wish.holds) => {
            attempt.fail(&format!("it holds {:?}, not {:?}", found.held, wish.holds), Some(&new));
        }
        Some(_) => {}
    }
    let reshapes = before.reshapes(&wish.path);
    kept(&attempt, &after, &new, &|other| other.path == leaf.path, reshapes);
    true
}

/// What two lists share, by place in each; and what only one has.
struct Matched {
    both: Vec<(usize, usize)>,
    gone: Vec<usize>,
    came: Vec<usize>,
}

/// Most lists are the same, or differ in one place.
fn matched<'l, T>(old: &'l [T], new: &'l [T], key: impl Fn(&'l T) -> (&'l str, usize)) -> Matched {
    let same = |(old, new): (&'l T, &'l T)| key(old) == key(new);
    let front = old.iter().zip(new).take_while(|(old, new)| same((old, new))).count();
    let (old_rest, new_rest) = (&old[front..], &new[front..]);
    let behind = old_rest.iter().rev().zip(new_rest.iter().rev());
    let behind = behind.take_while(|(old, new)| same((old, new))).count();
    let mut found =
        Matched { both: (0..front).map(|i| (i, i)).collect(), gone: vec![], came: vec![] };
    let ends = (old.len() - behind, new.len() - behind);
    let mut middle: BTreeMap<_, usize> = (front..ends.1).map(|i| (key(&new[i]), i)).collect();
    for i in front..ends.0 {
        match middle.remove(&key(&old[i])) {
            Some(j) => found.both.push((i, j)),
            None => found.gone.push(i),
        }
    }
    found.came = middle.into_values().collect();
    found.both.extend((0..behind).map(|i| (ends.0 + i, ends.1 + i)));
    found
}

/// Every field but those edited is as it was, and so is every byte around the fields that changed.
fn kept(
    attempt: &Try<'_>,
    after: &State,
    new: &[u8],
    edited: &dyn Fn(&Leaf) -> bool,
    reshapes: bool,
) {
    let (was, is) = (&attempt.before.state.leaves, &after.leaves);
    let leaves = matched(&was.list, &is.list, |leaf| (&leaf.path, leaf.field));
    if !reshapes && !(leaves.gone.is_empty() && leaves.came.is_empty()) {
        let gone = leaves.gone.iter().map(|i| &was.list[*i].path).collect::<Vec<_>>();
        let came = leaves.came.iter().map(|i| &is.list[*i].path).collect::<Vec<_>>();
        attempt.fail(&format!("{gone:?} are gone, {came:?} came"), Some(new));
    }
    let wire = |leaf: &&Leaf| leaf.form != Form::Computed;
    let gone = leaves.gone.iter().map(|i| &was.list[*i]).filter(wire);
    let came = leaves.came.iter().map(|i| &is.list[*i]).filter(wire);
    let mut old_places: Vec<Place> = gone.map(|leaf| leaf.place).collect();
    let mut new_places: Vec<Place> = came.map(|leaf| leaf.place).collect();
    for (i, j) in leaves.both {
        let (leaf, found) = (&was.list[i], &is.list[j]);
        if edited(leaf) {
            old_places.push(leaf.place);
            new_places.push(found.place);
        } else if wire(&leaf) && found.bytes != leaf.bytes {
            let why = format!("`{}` was {:?}, is {:?}", leaf.path, leaf.held, found.held);
            attempt.fail(&why, Some(new));
        }
    }
    // A list whose elements come or go has another prefix.
    let holders = matched(&was.holders, &is.holders, |holder| (&holder.path, holder.field));
    old_places.extend(holders.gone.iter().map(|i| was.holders[*i].place));
    new_places.extend(holders.came.iter().map(|i| is.holders[*i].place));
    for (i, j) in holders.both {
        if was.holders[i].count != is.holders[j].count {
            old_places.push(was.holders[i].place);
            new_places.push(is.holders[j].place);
        }
    }
    bytes_around(attempt, after, new, old_places, new_places);
}

/// The bytes of each buffer in front of the first change and behind the last.
fn bytes_around(
    attempt: &Try<'_>,
    after: &State,
    new: &[u8],
    mut old_places: Vec<Place>,
    mut new_places: Vec<Place>,
) {
    let before = attempt.before;
    // A change inside a block changes the block around it: all of it if it is compressed, else its length.
    for (state, places) in [(&before.state, &mut old_places), (after, &mut new_places)] {
        let mut grown = true;
        while grown {
            grown = false;
            for block in state.leaves.holders.iter().filter(|h| h.transform.is_some()) {
                let inside = places.iter().any(|p| is_inside(p, block, state));
                if inside && !places.contains(&block.place) {
                    places.push(block.place);
                    grown = true;
                }
            }
        }
    }
    if before.state.leaves.buffers.len() != after.leaves.buffers.len() {
        return;
    }
    for (number, (old, now)) in
        before.state.leaves.buffers.iter().zip(&after.leaves.buffers).enumerate()
    {
        let here = |places: &[Place]| -> Option<(usize, usize)> {
            let mine = places.iter().filter(|p| p.buffer as usize == number);
            let start = mine.clone().map(|p| p.start).min()?;
            let end = mine.map(|p| p.end).max()?;
            Some((start as usize, end as usize))
        };
        let (old_place, new_place) = (here(&old_places), here(&new_places));
        if old_place.is_none() && new_place.is_none() {
            if old != now {
                attempt.fail(&format!("buffer {number} changed"), Some(new));
            }
            continue;
        }
        let starts = [old_place, new_place].into_iter().flatten().map(|(start, _)| start);
        let start = starts.min().unwrap_or(0);
        let behind = |len: usize, place: Option<(usize, usize)>| place.map(|(_, end)| len - end);
        let behind = [behind(old.len(), old_place), behind(now.len(), new_place)];
        let behind = behind.into_iter().flatten().min().unwrap_or(0);
        if old[..start] != now[..start] {
            attempt.fail(&format!("bytes in front changed in buffer {number}"), Some(new));
        }
        if old[old.len() - behind..] != now[now.len() - behind..] {
            attempt.fail(&format!("bytes behind changed in buffer {number}"), Some(new));
        }
    }
}

fn is_inside(place: &Place, block: &Holder, state: &State) -> bool {
    match block.transform {
        Some(Transform::Sized) => {
            block.place.buffer == place.buffer
                && block.place.start <= place.start
                && place.end <= block.place.end
        }
        // The blocks of a packet are few, and each has a buffer of its own.
        Some(_) => {
            let inner =
                state.leaves.list.iter().find(|l| {
                    l.path.starts_with(&block.path) && l.place.buffer != block.place.buffer
                });
            inner.is_some_and(|inner| inner.place.buffer == place.buffer)
        }
        None => false,
    }
}

fn delete(
    sample: &Sample,
    before: &Before,
    path: &str,
    field: usize,
    ws: &mut Workspace,
    tally: &mut Tally,
) {
    let mut edits = Edits::new();
    edits.delete(path);
    let attempt = Try { sample, before, edits: format!("delete {path}") };
    let new = match splice(sample, &edits, ws) {
        Ok(new) => new,
        Err(e) => return tally.note(sample, Act::Delete, path, Err(&e)),
    };
    let after = attempt.read(&new, ws);
    tally.note(sample, Act::Delete, path, Ok(()));
    if after.leaves.list.iter().any(|l| l.path == path && l.field == field) {
        attempt.fail("it is still there", Some(&new));
    }
    turned(&attempt, &after, &new);
}

fn add(
    sample: &Sample,
    before: &Before,
    leaf: &Leaf,
    rng: &mut Rng,
    ws: &mut Workspace,
    tally: &mut Tally,
) {
    if leaf.form == Form::Computed {
        return;
    }
    let Some(wish) = wishes(leaf, rng).pop() else { return };
    let mut edits = Edits::new();
    edits.set(&wish.path, wish.given.clone());
    let attempt = Try { sample, before, edits: format!("{} = {:?}", wish.path, wish.given) };
    let new = match splice(sample, &edits, ws) {
        Ok(new) => new,
        Err(e) => return tally.note(sample, Act::Add, &wish.path, Err(&e)),
    };
    let after = attempt.read(&new, ws);
    tally.note(sample, Act::Add, &wish.path, Ok(()));
    match after.leaves.get(&leaf.path) {
        None => attempt.fail("the field is not there", Some(&new)),
        // Bits that were not given are 0.
        Some(_) if matches!(leaf.form, Form::Flags(..) | Form::Bits(..)) => {}
        Some(found) if !same(&found.held, &wish.holds) => {
            attempt.fail(&format!("it holds {:?}, not {:?}", found.held, wish.holds), Some(&new));
        }
        Some(_) => {}
    }
    turned(&attempt, &after, &new);
}

/// Where fields come or go, others stay but for the numbers that say so.
fn turned(attempt: &Try<'_>, after: &State, new: &[u8]) {
    let (was, is) = (&attempt.before.state.leaves.list, &after.leaves.list);
    let mut turned = 0;
    for (i, j) in matched(was, is, |leaf| (&leaf.path, leaf.field)).both {
        let (leaf, found) = (&was[i], &is[j]);
        if leaf.form == Form::Computed || found.bytes == leaf.bytes {
            continue;
        }
        let says = matches!(
            leaf.form,
            Form::Int { .. } | Form::Bool | Form::Enum { .. } | Form::Flags(..) | Form::Bits(..)
        );
        turned += 1;
        if !says || turned > 3 {
            let why = format!("`{}` was {:?}, is {:?}", leaf.path, leaf.held, found.held);
            attempt.fail(&why, Some(new));
        }
    }
}

/// The elements of a list, as paths in it and bytes.
fn elements(all: &Leaves, list: &str) -> Vec<Vec<(String, Vec<u8>)>> {
    let mut out: Vec<Vec<(String, Vec<u8>)>> = Vec::new();
    for leaf in all.list.iter().filter(|l| l.form != Form::Computed) {
        let Some(rest) = leaf.path.strip_prefix(list).and_then(|p| p.strip_prefix('[')) else {
            continue;
        };
        let (index, inside) = rest.split_once(']').unwrap();
        let index: usize = index.parse().unwrap();
        out.resize_with(out.len().max(index + 1), Vec::new);
        out[index].push((inside.to_owned(), leaf.bytes.clone()));
    }
    out
}

fn come_and_go(
    sample: &Sample,
    before: &Before,
    list: &Holder,
    rng: &mut Rng,
    ws: &mut Workspace,
    tally: &mut Tally,
) {
    let count = list.count.unwrap_or(0);
    let was = elements(&before.state.leaves, &list.path);
    if count > 0 {
        let index = rng.below(count.into()) as u32;
        let mut edits = Edits::new();
        edits.remove(&format!("{}[{index}]", list.path));
        let text = format!("remove {}[{index}]", list.path);
        let attempt = Try { sample, before, edits: text };
        match splice(sample, &edits, ws) {
            Err(e) => tally.note(sample, Act::Remove, &list.path, Err(&e)),
            Ok(new) => {
                let after = attempt.read(&new, ws);
                tally.note(sample, Act::Remove, &list.path, Ok(()));
                let mut wanted = was.clone();
                if !wanted.is_empty() {
                    wanted.remove(index as usize);
                }
                listed(&attempt, &after, list, count - 1, &wanted, &new);
            }
        }
    }
    let index = rng.below(u64::from(count) + 1) as u32;
    // One like another, else an empty one, whatever that is.
    let mut attempts: Vec<Given> = Vec::new();
    if count > 0 {
        let like = format!("{}[{}]", list.path, rng.below(count.into()));
        attempts.extend(at(&mut before.given.clone(), &like).cloned());
    }
    attempts.extend([Given::Object(Vec::new()), Given::Int(1), Given::Text("00".into())]);
    attempts.push(Given::List(Vec::new()));
    let mut refused = None;
    for given in attempts {
        let mut edits = Edits::new();
        edits.insert(&list.path, index, given.clone());
        let text = format!("insert {given:?} at {}[{index}]", list.path);
        let attempt = Try { sample, before, edits: text };
        match splice(sample, &edits, ws) {
            Err(EditError::WrongType { .. }) => continue,
            Err(e) => {
                refused = Some(e);
                break;
            }
            Ok(new) => {
                let after = attempt.read(&new, ws);
                tally.note(sample, Act::Insert, &list.path, Ok(()));
                let now = elements(&after.leaves, &list.path);
                let mut wanted = was.clone();
                if !now.is_empty() {
                    wanted.insert(index as usize, now[index as usize].clone());
                }
                return listed(&attempt, &after, list, count + 1, &wanted, &new);
            }
        }
    }
    if let Some(e) = refused {
        tally.note(sample, Act::Insert, &list.path, Err(&e));
    }
}

fn listed(
    attempt: &Try<'_>,
    after: &State,
    list: &Holder,
    count: u32,
    wanted: &[Vec<(String, Vec<u8>)>],
    new: &[u8],
) {
    let found = after.leaves.holders.iter().find(|h| h.path == list.path && h.field == list.field);
    let Some(found) = found else {
        if count == 0 {
            // With its last element the list itself may go.
            return;
        }
        attempt.fail("the list is gone", Some(new))
    };
    if found.count != Some(count) {
        attempt.fail(&format!("{:?} elements, not {count}", found.count), Some(new));
    }
    // Whether another element follows may be said by the elements themselves.
    let now = elements(&after.leaves, &list.path);
    if now.len() != wanted.len() || now.iter().zip(wanted).filter(|(a, b)| a != b).count() > 0 {
        attempt.fail(&format!("elements are {now:?}, not {wanted:?}"), Some(new));
    }
    let inside = format!("{}[", list.path);
    let outside = |leaf: &Leaf| !leaf.path.starts_with(&inside) && leaf.form != Form::Computed;
    let (was, is) = (&attempt.before.state.leaves.list, &after.leaves.list);
    let leaves = matched(was, is, |leaf| (&leaf.path, leaf.field));
    if let Some(i) = leaves.gone.iter().find(|i| outside(&was[**i])) {
        attempt.fail(&format!("`{}` is gone", was[*i].path), Some(new));
    }
    let differ =
        leaves.both.iter().filter(|(i, j)| outside(&was[*i]) && was[*i].bytes != is[*j].bytes);
    // The list's count.
    let differ = differ.count();
    if differ > 1 {
        attempt.fail(&format!("{differ} fields beside the list changed"), Some(new));
    }
}

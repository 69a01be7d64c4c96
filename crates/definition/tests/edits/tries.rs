//! Edits of every place of a packet, and what must hold after them.
//!
//! What a packet holds before and after is read by walking it, and compared tile by tile; nothing here asks
//! the encoder what it did.

use std::collections::{BTreeMap, HashMap, HashSet};

use midwire_definition::{EditError, Edits, Given, Workspace};

use crate::compare::{Differences, differences, first_other_value, is_default, is_size_of_packed};
use crate::leaves::{Form, Held, Leaf, Leaves, Part, Tile, plain};
use crate::packets::{Sample, Samples};
use crate::rng::Rng;
use crate::state::{Before, State, Try};
use crate::tally::{Act, Tally};
use crate::wishes::{Wish, as_it_is, same, wishes};

/// Of packets with more values only a few edits are tried: each takes time.
const LARGE: usize = 3000;
/// Elements that a list is given to have as many as another field says.
const REMEDY_MAX: i128 = 400;

/// What is done to the packets of one plan.
pub(crate) struct Tries<'t> {
    pub(crate) tally: &'t mut Tally,
    pub(crate) ws: &'t mut Workspace,
    pub(crate) rng: Rng,
    /// Fields that all values were tried in.
    thorough: HashSet<usize>,
    /// Fields of any of the packets.
    known: BTreeMap<String, Leaf>,
}

/// Tries every edit of all packets.
pub(crate) fn try_all(plans: &[Samples], tally: &mut Tally) {
    let mut ws = Workspace::default();
    for samples in plans {
        let rng = Rng::named(&samples[0].label);
        let (thorough, known) = (HashSet::new(), BTreeMap::new());
        let mut tries = Tries { tally, ws: &mut ws, rng, thorough, known };
        tries.packets(samples);
    }
}

impl Tries<'_> {
    fn packets(&mut self, samples: &[Sample]) {
        let mut all: Vec<Before<'_>> = samples.iter().map(|s| Before::read(s, self.ws)).collect();
        for before in &all {
            for leaf in before.state.leaves.list.iter().filter(|l| l.form != Form::Computed) {
                self.known.entry(plain(&leaf.path)).or_insert_with(|| leaf.clone());
            }
        }
        for before in &all {
            self.packet(before);
        }
        all.retain(|before| before.state.leaves.list.len() <= LARGE);
        for (i, before) in all.iter().enumerate() {
            self.becomes(before, &all[(i + 1) % all.len()]);
        }
    }

    /// Tries every edit of a packet.
    fn packet(&mut self, before: &Before<'_>) {
        let leaves = &before.state.leaves;
        self.tally.packets += 1;
        self.tally.messages.insert(before.sample.label.clone());
        self.offered(before);
        let large = leaves.list.len() > LARGE;
        if !large {
            self.as_they_are(before);
        }
        self.made_again(before);
        let mut places = chosen(leaves);
        if large {
            places.retain(|_| self.rng.one_in(10));
        }
        let mut plainly = Vec::new();
        for leaf in &places {
            let all = self.thorough.insert(leaf.field);
            for wish in wishes(leaf, all, &mut self.rng) {
                if self.set(before, leaf, &wish) && wish.path == leaf.path {
                    plainly.push((*leaf, wish));
                }
            }
            self.set_to_sample(before, leaf);
            if leaf.guarded && leaf.form != Form::Computed {
                self.delete(before, leaf);
            }
        }
        self.all_together(before, plainly);
        let here: HashSet<String> = leaves.list.iter().map(|l| plain(&l.path)).collect();
        let absent: Vec<Leaf> = self
            .known
            .iter()
            .filter(|(path, leaf)| !here.contains(*path) && before.has_elements(&leaf.path))
            .map(|(_, leaf)| leaf.clone())
            .collect();
        if !large {
            absent.iter().for_each(|leaf| self.add(before, leaf));
        }
        let mut lists: HashSet<usize> = HashSet::new();
        for list in &leaves.lists {
            if lists.insert(list.field) && (!large || self.rng.one_in(4)) {
                self.remove(before, list);
                self.insert(before, list);
                self.replace(before, list);
            }
        }
    }

    /// Notes which fields the encoder offers, and which are there.
    fn offered(&mut self, before: &Before<'_>) {
        let leaves = &before.state.leaves;
        let fields: HashMap<&str, &Leaf> =
            leaves.list.iter().map(|leaf| (leaf.path.as_str(), leaf)).collect();
        for path in before.editable.keys() {
            let part = || path.rsplit_once('.').map_or("", |(field, _)| field);
            let field = if fields.contains_key(path.as_str()) { path } else { part() };
            if !fields.contains_key(field) {
                Try::of(before, Edits::new()).fail(&format!("`{path}` is offered, but not there"));
            }
            self.tally.is_offered(before.sample, field);
        }
        for leaf in leaves.list.iter().filter(|l| !matches!(l.form, Form::Nothing)) {
            self.tally.is_there(before.sample, &leaf.path);
        }
    }

    /// Without edits and with values that are given as they are all bytes stay as they are.
    fn as_they_are(&mut self, before: &Before<'_>) {
        let mut edits = Edits::new();
        for leaf in &before.state.leaves.list {
            // Of fields that take no edits of their own, the others tell.
            if let (Some(given), false) = (as_it_is(leaf), leaf.form == Form::Computed) {
                edits.set(&leaf.path, given);
            }
        }
        for edits in [Edits::new(), edits] {
            let mut attempt = Try::of(before, edits);
            match attempt.make(self.ws) {
                Ok(_) if attempt.new == before.sample.payload => {}
                Ok(_) => attempt.fail("the bytes are not the same"),
                Err(e) => attempt.fail(&format!("refused: {e}")),
            }
        }
    }

    /// A packet is made from nothing but its values.
    fn made_again(&mut self, before: &Before<'_>) {
        let sample = before.sample;
        let mut attempt = Try::of(before, Edits::new());
        attempt.new = sample.payload[..sample.body as usize].to_vec();
        let made = sample.plan().encode(&before.given, &sample.conn, self.ws, &mut attempt.new);
        if let Err(e) = made {
            attempt.fail(&format!("made from its values, refused: {e}"));
        }
        attempt.new.extend(&before.state.rest);
        if attempt.new == sample.payload {
            self.tally.made_again.0 += 1;
            return;
        }
        self.tally.made_again.1 += 1;
        let Some(after) = State::read(sample, &attempt.new, self.ws) else {
            attempt.fail("made from its values, it cannot be read");
        };
        let differ = differences(&before.state.leaves.tiles, &after.leaves.tiles);
        let mut differ = differ.unwrap_or_else(|why| attempt.fail(&why));
        // Another deflater, and another byte than 1 for "it is there".
        differ.changed.retain(|(old, new)| match old.part {
            Part::Packed => false,
            Part::Presence => new.bytes != [1] || old.bytes == [0],
            _ => true,
        });
        if !differ.is_empty() {
            attempt.fail(&format!("made from its values\n{}", differ.text()));
        }
    }

    fn set(&mut self, before: &Before<'_>, leaf: &Leaf, wish: &Wish) -> bool {
        let mut edits = Edits::new();
        edits.set(&wish.path, wish.given.clone());
        let mut attempt = Try::of(before, edits);
        let after = match attempt.make(self.ws) {
            Ok(after) => after,
            Err(e) => {
                self.tally.refused(before.sample, Act::Set, &wish.path, &e);
                self.remedy(attempt, leaf, wish, &e);
                return false;
            }
        };
        self.tally.made(before.sample, Act::Set, &wish.path);
        match after.leaves.get(&leaf.path) {
            None => attempt.fail("the field is gone"),
            // A length that brings what it measures becomes that of what was compressed.
            Some(found)
                if !same(&found.held, &wish.holds) && !brings_packed(found, before, &after) =>
            {
                attempt.fail(&format!("it holds {:?}, not {:?}", found.held, wish.holds));
            }
            Some(_) => {}
        }
        self.only(&attempt, &after, &[&leaf.path], before.reshapes(&wish.path));
        true
    }

    /// A field takes the value that the encoder itself tells of it.
    fn set_to_sample(&mut self, before: &Before<'_>, leaf: &Leaf) {
        let parts: Vec<String> = match &leaf.form {
            Form::Flags(members, _) => members.iter().map(|m| format!(".{}", m.0)).collect(),
            Form::Bits(members, _) => members.iter().map(|m| format!(".{}", m.0)).collect(),
            _ => vec![String::new()],
        };
        for part in parts {
            let path = format!("{}{part}", leaf.path);
            let Some(editable) = before.editable.get(&path) else { continue };
            let mut edits = Edits::new();
            edits.set(&path, editable.sample.clone());
            let mut attempt = Try::of(before, edits);
            match attempt.make(self.ws) {
                Err(e) => self.tally.refused(before.sample, Act::Set, &path, &e),
                Ok(after) => {
                    let found = after.leaves.get(&leaf.path);
                    if found.is_none_or(|found| same(&found.held, &leaf.held)) {
                        attempt.fail("it holds what it held");
                    }
                    self.only(&attempt, &after, &[&leaf.path], editable.reshapes);
                }
            }
        }
    }

    /// Where a number needs a list to have so many elements, both are made together.
    fn remedy(&mut self, attempt: Try<'_>, leaf: &Leaf, wish: &Wish, error: &EditError) {
        let EditError::WrongLength { path, wanted, .. } = error else { return };
        let Some(list) = attempt.before.state.leaves.list_at(path) else { return };
        if !(0..=REMEDY_MAX).contains(wanted) || path.starts_with(&leaf.path) {
            return;
        }
        let mut refused = None;
        for given in [Given::Object(Vec::new()), Given::Int(1), Given::List(Vec::new())] {
            let mut edits = attempt.edits.clone();
            for _ in i128::from(list.count)..*wanted {
                edits.insert(path, list.count, given.clone());
            }
            for index in *wanted..list.count.into() {
                edits.remove(&format!("{path}[{index}]"));
            }
            let mut attempt = Try::of(attempt.before, edits);
            match attempt.make(self.ws) {
                Err(e) => refused = Some(e),
                Ok(after) => {
                    let found = after.leaves.get(&leaf.path);
                    if found.is_none_or(|found| !same(&found.held, &wish.holds)) {
                        attempt.fail("with as many elements it is not what it was set to");
                    }
                    let count = after.leaves.list_at(path).map(|list| i128::from(list.count));
                    if count != Some(*wanted) {
                        attempt.fail(&format!("{count:?} elements, not {wanted}"));
                    }
                    self.tally.remedied += 1;
                    return;
                }
            }
        }
        if let Some(e) = refused {
            attempt.fail(&format!("with as many elements as it wants it is refused: {e}"));
        }
    }

    /// Nothing differs but the fields at these paths and what follows from them; where they choose which
    /// fields there are, others come with default values, and go.
    fn only(&mut self, attempt: &Try<'_>, after: &State, edited: &[&str], reshapes: bool) {
        let (was, is) = (&attempt.before.state.leaves, &after.leaves);
        let mut differ = differ(attempt, &was.tiles, after).without_sizes().without_counts(was, is);
        differ.changed.retain(|(old, _)| !edited.contains(&old.path.as_str()));
        if reshapes {
            differ.gone.clear();
            let came = differ.came.clone();
            let is_made = |tile: &Tile| is_made(tile, is) || is_size_of_packed(tile, &came, is);
            differ.came.retain(|tile| !is_made(tile));
        }
        if !differ.is_empty() {
            attempt.fail(&differ.text());
        }
    }

    /// Fields that can be set alone can be set together.
    fn all_together(&mut self, before: &Before<'_>, mut wishes: Vec<(&Leaf, Wish)>) {
        wishes.retain(|(_, wish)| !before.reshapes(&wish.path));
        if wishes.len() < 2 {
            return;
        }
        let mut edits = Edits::new();
        let mut last: BTreeMap<&str, &Wish> = BTreeMap::new();
        for (leaf, wish) in &wishes {
            edits.set(&wish.path, wish.given.clone());
            last.insert(&leaf.path, wish);
        }
        let mut attempt = Try::of(before, edits);
        let after = match attempt.make(self.ws) {
            Ok(after) => after,
            Err(e) => attempt.fail(&format!("refused together: {e}")),
        };
        for (path, wish) in &last {
            match after.leaves.get(path) {
                Some(found) if same(&found.held, &wish.holds) => {}
                other => attempt.fail(&format!("{path} is {other:?}")),
            }
        }
        let edited: Vec<&str> = last.into_keys().collect();
        self.only(&attempt, &after, &edited, false);
        self.tally.together += 1;
    }

    /// With the values of another packet a packet becomes that one.
    fn becomes(&mut self, before: &Before<'_>, other: &Before<'_>) {
        // What is behind a body would be read as what is deleted.
        let rest = [before, other].iter().any(|b| !b.state.rest.is_empty());
        if rest || before.sample.conn != other.sample.conn {
            return;
        }
        let Given::Object(fields) = &other.given else { return };
        let mut edits = Edits::new();
        if let Given::Object(old) = &before.given {
            for (name, _) in old.iter().filter(|(name, _)| other.given.get(name).is_none()) {
                edits.delete(name);
            }
        }
        for (name, value) in fields {
            edits.set(name, value.clone());
        }
        let mut attempt = Try::of(before, edits);
        let after = match attempt.make(self.ws) {
            Ok(after) => after,
            Err(e) => attempt.fail(&format!("it does not become another packet: {e}")),
        };
        if let Some(why) = first_other_value(&other.state.leaves, &after.leaves) {
            attempt.fail(&format!("it is not what it was to become\n{why}"));
        }
        self.tally.became += 1;
    }

    fn add(&mut self, before: &Before<'_>, leaf: &Leaf) {
        // The last but one has a length that fits, and most are no default.
        let mut wishes = wishes(leaf, true, &mut self.rng);
        let at = wishes.len().saturating_sub(2);
        let Some(wish) = (at < wishes.len()).then(|| wishes.swap_remove(at)) else { return };
        let mut edits = Edits::new();
        edits.set(&wish.path, wish.given.clone());
        let mut attempt = Try::of(before, edits);
        let after = match attempt.make(self.ws) {
            Ok(after) => after,
            Err(e) => return self.tally.refused(before.sample, Act::Add, &wish.path, &e),
        };
        self.tally.made(before.sample, Act::Add, &wish.path);
        match after.leaves.get(&leaf.path) {
            None => attempt.fail("the field is not there"),
            // Bits that were not given are 0.
            Some(_) if matches!(leaf.form, Form::Bits(..)) => {}
            Some(found) if !same(&found.held, &wish.holds) => {
                attempt.fail(&format!("it holds {:?}, not {:?}", found.held, wish.holds));
            }
            Some(_) => {}
        }
        let (was, is) = (&before.state.leaves, &after.leaves);
        let mut differ =
            differ(&attempt, &was.tiles, &after).without_sizes().without_counts(was, is);
        differ.came.retain(|tile| tile.path != leaf.path && !is_made(tile, is));
        self.turned(&attempt, (differ, is), Act::Add, &wish.path);
    }

    fn delete(&mut self, before: &Before<'_>, leaf: &Leaf) {
        let mut edits = Edits::new();
        edits.delete(&leaf.path);
        let mut attempt = Try::of(before, edits);
        let after = match attempt.make(self.ws) {
            Ok(after) => after,
            Err(e) => return self.tally.refused(before.sample, Act::Delete, &leaf.path, &e),
        };
        self.tally.made(before.sample, Act::Delete, &leaf.path);
        if after.leaves.list.iter().any(|l| l.path == leaf.path && l.chain == leaf.chain) {
            attempt.fail("it is still there");
        }
        let (was, is) = (&before.state.leaves, &after.leaves);
        let mut differ =
            differ(&attempt, &was.tiles, &after).without_sizes().without_counts(was, is);
        differ.came.retain(|tile| !is_made(tile, is));
        self.turned(&attempt, (differ, is), Act::Delete, &leaf.path);
    }

    /// Where fields come or go, others stay but for those that say so: they are noted.
    fn turned(
        &mut self,
        attempt: &Try<'_>,
        (mut differ, after): (Differences<'_>, &Leaves),
        act: Act,
        path: &str,
    ) {
        let mut with = Vec::new();
        differ.changed.retain(|(old, new)| {
            let bits = flags(old, &attempt.before.state.leaves).zip(flags(new, after));
            // A field may need several that are not set; but one that is set is in its way alone.
            let is_wrong = |(was, is): (i128, i128)| {
                (was ^ is).count_ones() > 1 && (act == Act::Delete || was & !is != 0)
            };
            if bits.is_some_and(is_wrong) {
                attempt.fail(&format!("`{}`: other flags changed, too", old.path));
            }
            let says = says(old, &attempt.before.state.leaves);
            with.extend(says.then(|| named(old)));
            !says
        });
        differ.came.retain(|new| {
            let says = says(new, after);
            with.extend(says.then(|| named(new)));
            !says
        });
        differ.gone.clear();
        if !differ.is_empty() {
            attempt.fail(&differ.text());
        }
        if !with.is_empty() {
            self.tally.follows(attempt.before.sample, act, path, &with);
        }
    }
}

pub(crate) fn differ<'s>(attempt: &Try<'_>, old: &'s [Tile], after: &'s State) -> Differences<'s> {
    differences(old, &after.leaves.tiles).unwrap_or_else(|why| attempt.fail(&why))
}

/// Whether something that came is what nobody gave: a default, or the size of that.
fn is_made(tile: &Tile, leaves: &Leaves) -> bool {
    match tile.part {
        Part::Value => tile.of.and_then(|of| leaves.list.get(of)).is_some_and(is_default),
        _ => true,
    }
}

/// Whether a field is the length of a compressed block that was not there before.
fn brings_packed(leaf: &Leaf, before: &Before<'_>, after: &State) -> bool {
    let packed = |state: &State| -> Vec<usize> {
        let tiles = state.leaves.tiles.iter().filter(|tile| tile.part == Part::Packed);
        tiles.map(|tile| tile.bytes.len()).collect()
    };
    let (was, is) = (packed(&before.state), packed(after));
    let length = |len: &usize| same(&leaf.held, &Held::Number(*len as i128));
    is.len() > was.len() && is.iter().any(length)
}

/// The bits of a tile that is flags.
fn flags(tile: &Tile, leaves: &Leaves) -> Option<i128> {
    match leaves.list.get(tile.of?) {
        Some(Leaf { form: Form::Flags(..), held: Held::Number(n), .. }) => Some(*n),
        _ => None,
    }
}

/// What a tile is called in lists.
fn named(tile: &Tile) -> String {
    match tile.part {
        Part::Presence => format!("{}?", tile.path),
        _ => tile.path.clone(),
    }
}

/// Whether a tile is a number, which may say that another field is there.
fn says(tile: &Tile, leaves: &Leaves) -> bool {
    let form = tile.of.and_then(|of| leaves.list.get(of)).map(|leaf| &leaf.form);
    match form {
        Some(Form::Flags(..) | Form::Bits(..) | Form::Bool) => tile.part == Part::Value,
        Some(Form::Int { .. } | Form::Enum { .. }) => tile.part == Part::Value,
        _ => tile.part == Part::Presence,
    }
}

/// Of each field the first, and of long lists the last.
fn chosen(all: &Leaves) -> Vec<&Leaf> {
    let mut ends: HashMap<usize, (usize, usize)> = HashMap::new();
    for (i, leaf) in all.list.iter().enumerate() {
        ends.entry(leaf.field).and_modify(|(_, last)| *last = i).or_insert((i, i));
    }
    let is_end = |i: usize, leaf: &Leaf| {
        let (first, last) = ends[&leaf.field];
        i == first || i == last
    };
    let chosen = all.list.iter().enumerate().filter(|(i, leaf)| is_end(*i, leaf));
    chosen.map(|(_, leaf)| leaf).collect()
}

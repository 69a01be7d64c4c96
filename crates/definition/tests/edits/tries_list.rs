//! Edits of lists: an element less, one more, and all of them given.

use midwire_definition::{EditError, Edits, Given};

use crate::compare::{elements, shifted};
use crate::leaves::{List, Part, Tile};
use crate::state::{Before, State, Try, at};
use crate::tally::Act;
use crate::tries::{Tries, differ};

impl Tries<'_> {
    pub(crate) fn remove(&mut self, before: &Before<'_>, list: &List) {
        if list.count == 0 {
            return;
        }
        let index = self.rng.below(list.count.into()) as usize;
        let mut edits = Edits::new();
        edits.remove(&format!("{}[{index}]", list.path));
        let mut attempt = Try::of(before, edits);
        let after = match attempt.make(self.ws) {
            Ok(after) => after,
            Err(e) => return self.tally.refused(before.sample, Act::Remove, &list.path, &e),
        };
        self.tally.made(before.sample, Act::Remove, &list.path);
        let mut old = before.state.leaves.tiles.clone();
        let gone = format!("{}[{index}]", list.path);
        old.retain(|tile| !tile.path.starts_with(&gone));
        let old = shifted(&old, &list.path, index + 1, -1);
        self.listed(&attempt, &after, list, &old, list.count - 1);
    }

    pub(crate) fn insert(&mut self, before: &Before<'_>, list: &List) {
        let index = self.rng.below(u64::from(list.count) + 1) as u32;
        // One like another, else an empty one, whatever that is.
        let mut attempts: Vec<(Given, Option<u64>)> = Vec::new();
        if list.count > 0 {
            let like = self.rng.below(list.count.into());
            let given = at(&mut before.given.clone(), &format!("{}[{like}]", list.path)).cloned();
            attempts.extend(given.map(|given| (given, Some(like))));
        }
        let empty = [Given::Object(Vec::new()), Given::Int(1), Given::Text("00".into())];
        attempts.extend(empty.map(|given| (given, None)));
        attempts.push((Given::List(Vec::new()), None));
        for (given, like) in attempts {
            let mut edits = Edits::new();
            edits.insert(&list.path, index, given);
            let mut attempt = Try::of(before, edits);
            let mut after = match attempt.make(self.ws) {
                Err(EditError::WrongType { .. }) => continue,
                Err(e) => return self.tally.refused(before.sample, Act::Insert, &list.path, &e),
                Ok(after) => after,
            };
            self.tally.made(before.sample, Act::Insert, &list.path);
            if let Some(like) = like {
                let was = &elements(&before.state.leaves, &list.path)[like as usize];
                let is = &elements(&after.leaves, &list.path)[index as usize];
                if was != is {
                    attempt.fail(&format!("the new element is {is:02x?}, not {was:02x?}"));
                }
            }
            let old = shifted(&before.state.leaves.tiles, &list.path, index as usize, 1);
            let came = format!("{}[{index}]", list.path);
            after.leaves.tiles.retain(|tile| !tile.path.starts_with(&came));
            return self.listed(&attempt, &after, list, &old, list.count + 1);
        }
        Try::of(before, Edits::new()).fail(&format!("`{}` takes no element", list.path));
    }

    /// A list that is given as a whole: turned round, without elements, and with one twice.
    pub(crate) fn replace(&mut self, before: &Before<'_>, list: &List) {
        let given = at(&mut before.given.clone(), &list.path).cloned();
        let items = match given {
            Some(Given::List(items)) => items,
            Some(given) => match given.get("value") {
                Some(Given::List(items)) => items.clone(),
                _ => return,
            },
            None => return,
        };
        let was = elements(&before.state.leaves, &list.path);
        let turned: Vec<usize> = (0..items.len()).rev().collect();
        let twice: Vec<usize> = (0..items.len()).chain(0..items.len().min(1)).collect();
        for order in [turned, twice, Vec::new()] {
            let mut edits = Edits::new();
            let new: Vec<Given> = order.iter().map(|i| items[*i].clone()).collect();
            edits.set(&list.path, Given::List(new));
            let mut attempt = Try::of(before, edits);
            let mut after = match attempt.make(self.ws) {
                Ok(after) => after,
                Err(e) => {
                    self.tally.refused(before.sample, Act::Replace, &list.path, &e);
                    continue;
                }
            };
            self.tally.made(before.sample, Act::Replace, &list.path);
            let wanted: Vec<_> = order.iter().map(|i| was[*i].clone()).collect();
            let found = elements(&after.leaves, &list.path);
            if found != wanted {
                attempt.fail(&format!("elements are {found:02x?}, not {wanted:02x?}"));
            }
            let outside = |tiles: &[Tile]| -> Vec<Tile> {
                let inside = format!("{}[", list.path);
                tiles.iter().filter(|t| !t.path.starts_with(&inside)).cloned().collect()
            };
            let old = outside(&before.state.leaves.tiles);
            after.leaves.tiles = outside(&after.leaves.tiles);
            self.listed(&attempt, &after, list, &old, order.len() as u32);
        }
    }

    /// A list has so many elements now, and nothing else differs from the old tiles.
    fn listed(&self, attempt: &Try<'_>, after: &State, list: &List, old: &[Tile], count: u32) {
        let found =
            after.leaves.lists.iter().find(|l| l.path == list.path && l.field == list.field);
        if found.map(|found| found.count) != Some(count) {
            attempt.fail(&format!("{found:?}, not {count}"));
        }
        let (was, is) = (&attempt.before.state.leaves, &after.leaves);
        let mut differ = differ(attempt, old, after).without_sizes().without_counts(was, is);
        // What is in front of elements and behind them is one where there are none.
        let around = |tile: &&Tile| {
            !(tile.path == list.path && matches!(tile.part, Part::Front | Part::Back))
        };
        differ.gone.retain(around);
        differ.came.retain(around);
        // The list may be in it.
        differ.changed.retain(|(old, _)| old.part != Part::Packed);
        if !differ.is_empty() {
            attempt.fail(&differ.text());
        }
    }
}

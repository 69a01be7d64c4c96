//! Two packets, tile by tile: what changed, what is gone, what came.

use std::collections::BTreeMap;

use crate::leaves::{Form, Held, Leaf, Leaves, Part, Size, Tile};
use crate::wishes::same;

/// Where tiles of two packets differ.
#[derive(Debug, Default)]
pub(crate) struct Differences<'s> {
    pub(crate) changed: Vec<(&'s Tile, &'s Tile)>,
    pub(crate) gone: Vec<&'s Tile>,
    pub(crate) came: Vec<&'s Tile>,
    /// The sizes of compressed blocks that changed, before and after.
    sizes: Vec<(usize, usize)>,
}

/// What differs; tiles that both have stand in the same order, or that is told.
pub(crate) fn differences<'s>(old: &'s [Tile], new: &'s [Tile]) -> Result<Differences<'s>, String> {
    let same = |(old, new): (&Tile, &Tile)| key(old) == key(new);
    let front = old.iter().zip(new).take_while(|(old, new)| same((old, new))).count();
    let behind = old[front..].iter().rev().zip(new[front..].iter().rev());
    let behind = behind.take_while(|(old, new)| same((old, new))).count();
    let (old_end, new_end) = (old.len() - behind, new.len() - behind);

    let mut found = Differences::default();
    let mut both: Vec<(usize, usize)> = (0..front).map(|i| (i, i)).collect();
    let middle = (front..new_end).map(|i| (key(&new[i]), i));
    let mut middle: BTreeMap<_, usize> = middle.collect();
    let mut last = None;
    for (i, tile) in old.iter().enumerate().take(old_end).skip(front) {
        match middle.remove(&key(tile)) {
            Some(j) if last.is_some_and(|last| j < last) => {
                return Err(format!("{} {:?} is somewhere else", tile.path, tile.part));
            }
            Some(j) => {
                last = Some(j);
                both.push((i, j));
            }
            None => found.gone.push(tile),
        }
    }
    let mut came: Vec<usize> = middle.into_values().collect();
    came.sort_unstable();
    found.came = came.into_iter().map(|j| &new[j]).collect();
    both.extend((0..behind).map(|i| (old_end + i, new_end + i)));
    let differ = both.into_iter().map(|(i, j)| (&old[i], &new[j]));
    found.changed = differ.filter(|(old, new)| old.bytes != new.bytes).collect();
    Ok(found)
}

fn key(tile: &Tile) -> (&str, u64, Part) {
    (&tile.path, tile.chain, tile.part)
}

impl Differences<'_> {
    /// Takes out what follows from the others: the size of a list or block that is another now, a
    /// compressed block in which something changed. What is left was edited, or nobody knows why.
    pub(crate) fn without_sizes(mut self) -> Self {
        let mut buffers: Vec<u32> = Vec::new();
        let all = self.changed.iter().map(|(old, _)| *old).chain(self.gone.iter().copied());
        buffers.extend(all.chain(self.came.iter().copied()).map(|tile| tile.place.buffer));
        let packed = self.changed.iter().filter(|(old, _)| old.part == Part::Packed);
        self.sizes = packed.map(|(old, new)| (old.bytes.len(), new.bytes.len())).collect();
        self.changed.retain(|(old, new)| match old.part {
            Part::Front | Part::Back if old.of.is_some() => old.of == new.of,
            Part::Front => old.size == new.size,
            // The blocks of a packet are few: something inside of one of them is told by its number.
            Part::Packed => !buffers.iter().any(|buffer| *buffer > old.place.buffer),
            _ => true,
        });
        self
    }

    /// Takes out numbers that say how many elements a list has, or how long a text is, and say it rightly.
    pub(crate) fn without_counts(mut self, old: &Leaves, new: &Leaves) -> Self {
        let counts = |leaves: &Leaves| -> BTreeMap<String, i128> {
            leaves.lists.iter().map(|list| (list.path.clone(), list.count.into())).collect()
        };
        let (was, is) = (counts(old), counts(new));
        let mut moved: Vec<(i128, i128)> = was
            .iter()
            .filter_map(|(path, was)| Some((*was, *is.get(path)?)))
            .filter(|(was, is)| was != is)
            .collect();
        moved.extend(self.sizes.iter().map(|(was, is)| (*was as i128, *is as i128)));
        moved.extend(
            self.changed.iter().filter_map(|(was, is)| length(old, was).zip(length(new, is))),
        );
        self.changed.retain(|(tile, now)| {
            let numbers = number(old, tile).zip(number(new, now));
            // It may be one more than what it counts.
            let fits = |(a, b): (i128, i128)| moved.iter().any(|(was, is)| a - was == b - is);
            !numbers.is_some_and(fits)
        });
        self
    }

    /// Everything that differs, for messages.
    pub(crate) fn text(&self) -> String {
        let name = |tile: &Tile| match tile.part {
            Part::Value => format!("`{}`", tile.path),
            part => format!("`{}` ({part:?})", tile.path),
        };
        let changed = self.changed.iter().map(|(old, new)| {
            format!("{} was {:02x?}, is {:02x?}", name(old), old.bytes, new.bytes)
        });
        let gone = self.gone.iter().map(|tile| format!("{} is gone", name(tile)));
        let came = self.came.iter().map(|tile| format!("{} came", name(tile)));
        changed.chain(gone).chain(came).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.gone.is_empty() && self.came.is_empty()
    }
}

fn number(leaves: &Leaves, tile: &Tile) -> Option<i128> {
    match (tile.part, leaves.list.get(tile.of?)?) {
        (Part::Value, Leaf { held: Held::Number(n), form: Form::Int { .. }, .. }) => Some(*n),
        _ => None,
    }
}

/// Whether a number says how long a compressed block is that came with it.
pub(crate) fn is_size_of_packed(tile: &Tile, came: &[&Tile], leaves: &Leaves) -> bool {
    let packed = came.iter().filter(|tile| tile.part == Part::Packed);
    let mut sizes = packed.map(|tile| tile.bytes.len() as i128);
    number(leaves, tile).is_some_and(|number| sizes.any(|size| size == number))
}

/// The length of a text or bytes, if it is said elsewhere: then these are all its bytes.
fn length(leaves: &Leaves, tile: &Tile) -> Option<i128> {
    match (tile.part, &leaves.list.get(tile.of?)?.form) {
        (Part::Value, Form::Text { size, .. } | Form::Bytes { size, .. }) => {
            (*size == Size::Said).then_some(tile.bytes.len() as i128)
        }
        _ => None,
    }
}

/// Whether a value is one that nobody gave.
pub(crate) fn is_default(leaf: &Leaf) -> bool {
    match (&leaf.held, &leaf.form) {
        (Held::Number(n), Form::Enum { names, .. }) => {
            *n == 0 || names.first().is_some_and(|(first, _)| n == first)
        }
        (Held::Number(n), _) => *n == 0,
        (Held::Float(bits), _) => *bits == 0,
        (Held::Text(text), _) => text.chars().all(|c| c == '\0'),
        (Held::Bytes(bytes), Form::Nbt { .. }) => bytes.len() < 8,
        (Held::Bytes(bytes), _) => bytes.iter().all(|b| *b == 0),
        (Held::Nothing, _) => true,
    }
}

/// The elements of a list, as paths in it and bytes.
pub(crate) fn elements(all: &Leaves, list: &str) -> Vec<Vec<(String, Part, Vec<u8>)>> {
    let mut out: Vec<Vec<(String, Part, Vec<u8>)>> = Vec::new();
    if let Some(list) = all.list_at(list) {
        // Elements may hold nothing.
        out.resize_with(list.count as usize, Vec::new);
    }
    for tile in &all.tiles {
        let inside = tile.path.strip_prefix(list).and_then(|p| p.strip_prefix('['));
        let Some((index, inside)) = inside.and_then(|rest| rest.split_once(']')) else { continue };
        let index: usize = index.parse().expect("an index is a number");
        out.resize_with(out.len().max(index + 1), Vec::new);
        // Of what is compressed anew the content counts.
        let is_packed = tile.part == Part::Packed;
        let bytes = if is_packed { Vec::new() } else { tile.bytes.clone() };
        out[index].push((inside.to_owned(), tile.part, bytes));
    }
    out
}

/// Tiles as they are called when the elements of a list from `index` on are so many further.
pub(crate) fn shifted(tiles: &[Tile], list: &str, index: usize, by: isize) -> Vec<Tile> {
    let shift = |tile: &Tile| {
        let mut tile = tile.clone();
        let rest = tile.path.strip_prefix(list).and_then(|path| path.strip_prefix('['));
        if let Some((number, rest)) = rest.and_then(|rest| rest.split_once(']')) {
            let number: usize = number.parse().expect("an index is a number");
            let moved = number.saturating_add_signed(by);
            if number >= index {
                tile.path = format!("{list}[{moved}]{rest}");
            }
        }
        tile
    };
    tiles.iter().map(shift).collect()
}

/// Whether two packets hold the same values under the same names.
pub(crate) fn first_other_value(old: &Leaves, new: &Leaves) -> Option<String> {
    let differs = |(old, new): (&Leaf, &Leaf)| old.path != new.path || !same(&old.held, &new.held);
    let pairs = old.list.iter().zip(&new.list);
    let text = |leaf: &Leaf| format!("`{}` {:?}", leaf.path, leaf.held);
    for (old, new) in pairs {
        if differs((old, new)) {
            return Some(format!("was {}, is {}", text(old), text(new)));
        }
    }
    let (was, is) = (old.list.len(), new.list.len());
    (was != is).then(|| format!("was {was} values, is {is}"))
}

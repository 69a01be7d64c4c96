//! Changing single tags where they lie: what is not changed keeps its bytes, odd forms and all.

use std::ops::Range;

use super::write::{NotNbtKind, inferred, payload};
use super::{NbtError, Passing, TagKind, fixed_size, text};
use crate::given::Given;
use crate::plan::NbtForm;

/// A step into NBT: the name of a tag just as it is, or the place of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'e> {
    Name(&'e str),
    Index(u32),
}

/// What is wanted of the tag at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Change<'e> {
    /// To have this value, and the type it has; or to be there. Typed JSON says another type. `null`
    /// deletes.
    Set(&'e Given),
    /// A named tag is left out.
    Delete,
    /// Another element in front of this one of the original list or array.
    Insert(u32, &'e Given),
    /// An element is taken out.
    Remove,
}

/// Why a tag cannot be changed, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotEdited {
    /// From the root inwards, as `display.Lore[2]`.
    pub(crate) path: String,
    pub(crate) kind: NotEditedKind,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotEditedKind {
    #[error("there is no such tag{}", near(.nearest.as_deref()))]
    Missing { nearest: Option<String> },
    #[error("there are {count} elements")]
    Index { count: u32 },
    #[error("a {found} has no {wanted} inside")]
    NoGroup { found: &'static str, wanted: &'static str },
    #[error("an element is taken out by `remove`, and a named tag deleted")]
    Removal,
    #[error("the elements are of type {wanted}, not {found}")]
    Element { wanted: &'static str, found: &'static str },
    #[error("it is changed as a whole and in part")]
    Both,
    #[error(transparent)]
    Value(#[from] NotNbtKind),
    #[error(transparent)]
    Nbt(#[from] NbtError),
}

fn near(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

/// The bytes of a value with these changes made. Of several changes of one tag the last counts, and
/// indices are those of the original. Of tags with one name the last is meant, as in the game.
///
/// # Errors
/// The first change that cannot be made.
pub(crate) fn edited<'e>(
    bytes: &[u8],
    form: NbtForm,
    depth_max: u32,
    changes: impl IntoIterator<Item = (Vec<Step<'e>>, Change<'e>)>,
) -> Result<Vec<u8>, NotEdited> {
    let mut root = Wish::default();
    for (path, change) in changes {
        let mut at = &mut root;
        for step in path {
            at = at.inside(step);
        }
        match change {
            Change::Insert(index, value) => at.inserts.push((index, value)),
            whole => at.whole = Some(whole),
        }
    }
    let mut edit = Edit { bytes, depth_max, pieces: Vec::new(), path: Vec::new() };
    let done = edit.root(&root, form);
    let path = edit.path();
    done.map_err(|kind| NotEdited { path, kind })?;
    Ok(edit.joined())
}

/// What is wanted of one tag and of what is inside.
#[derive(Default)]
struct Wish<'e> {
    whole: Option<Change<'e>>,
    inserts: Vec<(u32, &'e Given)>,
    names: Vec<(&'e str, Wish<'e>)>,
    elements: Vec<(u32, Wish<'e>)>,
}

impl<'e> Wish<'e> {
    fn inside(&mut self, step: Step<'e>) -> &mut Wish<'e> {
        match step {
            Step::Name(name) => found_or_new(&mut self.names, name),
            Step::Index(index) => found_or_new(&mut self.elements, index),
        }
    }

    fn has_parts(&self) -> bool {
        !(self.inserts.is_empty() && self.names.is_empty() && self.elements.is_empty())
    }
}

fn found_or_new<'w, 'e, K: PartialEq>(
    wishes: &'w mut Vec<(K, Wish<'e>)>,
    key: K,
) -> &'w mut Wish<'e> {
    let at = wishes.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
        wishes.push((key, Wish::default()));
        wishes.len() - 1
    });
    &mut wishes[at].1
}

/// A payload: its type, and where it lies.
#[derive(Clone)]
struct Lies {
    kind: TagKind,
    place: Range<usize>,
}

struct Edit<'b> {
    bytes: &'b [u8],
    depth_max: u32,
    /// What replaces which bytes; the ranges do not overlap.
    pieces: Vec<(Range<usize>, Vec<u8>)>,
    /// Where the edit is, to be told if it fails there.
    path: Vec<String>,
}

type Done = Result<(), NotEditedKind>;

impl Edit<'_> {
    fn root(&mut self, wish: &Wish<'_>, form: NbtForm) -> Done {
        let mut at = 0;
        let byte = super::byte(self.bytes, &mut at).map_err(|(_, error)| error)?;
        let kind = TagKind::from_byte(byte).ok_or(NbtError::Tag { tag: byte })?;
        if wish.whole.is_some() {
            return Err(NotEditedKind::Both);
        }
        if kind == TagKind::End {
            let nothing = NotEditedKind::NoGroup { found: "lone end tag", wanted: "tag" };
            return if wish.has_parts() { Err(nothing) } else { Ok(()) };
        }
        if form.named {
            super::skip_string(self.bytes, &mut at).map_err(|(_, error)| error)?;
        }
        let end = self.end_of(kind, at)?;
        self.inside(&Lies { kind, place: at..end }, wish)
    }

    /// Where a payload ends.
    fn end_of(&self, kind: TagKind, at: usize) -> Result<usize, NotEditedKind> {
        let mut passing = Passing { at, next: Some(kind as u8), open: Vec::new() };
        passing.payload(self.bytes, self.depth_max).map_err(|(_, error)| error)?;
        Ok(passing.at)
    }

    /// Changes what is inside of a payload.
    fn inside(&mut self, tag: &Lies, wish: &Wish<'_>) -> Done {
        let is_list = !wish.inserts.is_empty() || !wish.elements.is_empty();
        let wanted = if is_list { "elements" } else { "tags" };
        let no_group = NotEditedKind::NoGroup { found: tag.kind.name(), wanted };
        match tag.kind {
            TagKind::Compound if !is_list => self.compound(tag, wish),
            TagKind::List if wish.names.is_empty() => self.list(tag, wish),
            TagKind::ByteArray | TagKind::IntArray | TagKind::LongArray
                if wish.names.is_empty() =>
            {
                self.array(tag, wish)
            }
            _ if wish.has_parts() => Err(no_group),
            _ => Ok(()),
        }
    }

    fn compound(&mut self, tag: &Lies, wish: &Wish<'_>) -> Done {
        let mut found: Vec<Option<(usize, Lies)>> = vec![None; wish.names.len()];
        let mut names = Vec::new();
        let mut at = tag.place.start;
        let end = loop {
            let start = at;
            let byte = super::byte(self.bytes, &mut at).map_err(|(_, error)| error)?;
            if byte == 0 {
                break start;
            }
            let kind = TagKind::from_byte(byte).ok_or(NbtError::Tag { tag: byte })?;
            super::skip_string(self.bytes, &mut at).map_err(|(_, error)| error)?;
            let name = text(&self.bytes[start + 3..at]);
            let end = self.end_of(kind, at)?;
            for ((wanted, _), found) in wish.names.iter().zip(&mut found) {
                if *wanted == name {
                    *found = Some((start, Lies { kind, place: at..end }));
                }
            }
            names.push(name);
            at = end;
        };
        let mut added = Vec::new();
        for ((name, wish), found) in wish.names.iter().zip(found) {
            self.path.push((*name).to_owned());
            match found {
                Some((start, tag)) => self.named(start, &tag, wish)?,
                None => match wish.whole {
                    Some(Change::Delete | Change::Set(Given::Null)) if !wish.has_parts() => {}
                    Some(Change::Set(value)) if !wish.has_parts() => {
                        let (kind, value) = typed(value)
                            .map_or_else(|| inferred(value).map(|kind| (kind, value)), Ok)?;
                        added.push(kind as u8);
                        super::write::string(name, &mut added)?;
                        payload(kind, value, self.depth_max, &mut added)?;
                    }
                    Some(Change::Remove) => return Err(NotEditedKind::Removal),
                    _ => {
                        let names = names.iter().map(|name| &**name);
                        let nearest = crate::diagnostics::suggest(name, names).map(Into::into);
                        return Err(NotEditedKind::Missing { nearest });
                    }
                },
            }
            self.path.pop();
        }
        self.put(end..end, added);
        Ok(())
    }

    /// Changes a named tag that begins at `start`.
    fn named(&mut self, start: usize, tag: &Lies, wish: &Wish<'_>) -> Done {
        let place = tag.place.clone();
        match wish.whole {
            None => self.inside(tag, wish),
            Some(_) if wish.has_parts() => Err(NotEditedKind::Both),
            Some(Change::Delete | Change::Set(Given::Null)) => {
                self.put(start..place.end, Vec::new());
                Ok(())
            }
            Some(Change::Set(value)) => {
                let mut out = Vec::new();
                let kind = match typed(value) {
                    Some((kind, value)) => {
                        payload(kind, value, self.depth_max, &mut out)?;
                        kind
                    }
                    None => {
                        self.same_kind(tag, value, &mut out)?;
                        tag.kind
                    }
                };
                if kind != tag.kind {
                    self.put(start..start + 1, vec![kind as u8]);
                }
                self.put(place, out);
                Ok(())
            }
            Some(Change::Remove | Change::Insert(..)) => Err(NotEditedKind::Removal),
        }
    }

    /// Writes a plain value as what a payload is now.
    fn same_kind(&self, tag: &Lies, value: &Given, out: &mut Vec<u8>) -> Done {
        match (tag.kind, value) {
            (TagKind::List, Given::List(items)) => {
                let now = self.bytes.get(tag.place.start).copied().unwrap_or(0);
                let of = match (TagKind::from_byte(now), items.first()) {
                    (Some(TagKind::End) | None, Some(first)) => element_kind(first)?,
                    (Some(kind), _) => kind,
                    (None, None) => TagKind::End,
                };
                out.push(of as u8);
                super::write::count(items.len(), out)?;
                items.iter().try_for_each(|item| self.element(of, item, out))
            }
            _ => Ok(payload(tag.kind, value, self.depth_max, out)?),
        }
    }

    /// Writes an element of a list.
    fn element(&self, of: TagKind, value: &Given, out: &mut Vec<u8>) -> Done {
        let value = match typed(value) {
            Some((kind, value)) if kind == of => value,
            Some((kind, _)) => {
                return Err(NotEditedKind::Element { wanted: of.name(), found: kind.name() });
            }
            None => value,
        };
        Ok(payload(of, value, self.depth_max, out)?)
    }

    fn list(&mut self, tag: &Lies, wish: &Wish<'_>) -> Done {
        let start = tag.place.start;
        let mut at = start;
        let byte = super::byte(self.bytes, &mut at).map_err(|(_, error)| error)?;
        let count = super::length(self.bytes, &mut at).map_err(|(_, error)| error)?;
        let mut of = TagKind::from_byte(byte);
        // What an empty list says about its elements is often nothing; the first tells.
        if let (0, Some((_, first))) = (count, wish.inserts.first()) {
            let kind = match of {
                Some(TagKind::End) | None => element_kind(first)?,
                Some(kind) => kind,
            };
            if of != Some(kind) {
                self.put(start..start + 1, vec![kind as u8]);
            }
            of = Some(kind);
        }
        let of = of.ok_or(NbtError::Tag { tag: byte })?;
        self.elements(of, at, (start + 1, count), wish)
    }

    fn array(&mut self, tag: &Lies, wish: &Wish<'_>) -> Done {
        let start = tag.place.start;
        let mut at = start;
        let count = super::length(self.bytes, &mut at).map_err(|(_, error)| error)?;
        let of = match tag.kind {
            TagKind::ByteArray => TagKind::Byte,
            TagKind::IntArray => TagKind::Int,
            _ => TagKind::Long,
        };
        self.elements(of, at, (start, count), wish)
    }

    /// Changes elements, the first of which is at `first`; their number stands at `counted`.
    fn elements(
        &mut self,
        of: TagKind,
        first: usize,
        (counted, count): (usize, u32),
        wish: &Wish<'_>,
    ) -> Done {
        let mut wanted: Vec<_> = wish.elements.iter().map(|(index, wish)| (*index, wish)).collect();
        wanted.sort_by_key(|(index, _)| *index);
        let mut inserts = wish.inserts.clone();
        inserts.sort_by_key(|(index, _)| *index);
        let (mut next, mut at) = (0, first);
        let mut removed = 0u32;
        for (index, value) in &inserts {
            at = self.element_at(of, (next, at), *index, count)?;
            next = *index;
            let mut out = Vec::new();
            self.path.push(format!("[{index}]"));
            self.element(of, value, &mut out)?;
            self.path.pop();
            self.put(at..at, out);
        }
        (next, at) = (0, first);
        for (index, wish) in wanted {
            self.path.push(format!("[{index}]"));
            if index >= count {
                return Err(NotEditedKind::Index { count });
            }
            at = self.element_at(of, (next, at), index, count)?;
            next = index;
            let tag = Lies { kind: of, place: at..self.end_of_element(of, at)? };
            match wish.whole {
                None => self.inside(&tag, wish)?,
                Some(_) if wish.has_parts() => return Err(NotEditedKind::Both),
                Some(Change::Remove) => {
                    removed += 1;
                    self.put(tag.place, Vec::new());
                }
                Some(Change::Set(value)) if *value != Given::Null => {
                    let mut out = Vec::new();
                    match typed(value) {
                        Some(_) => self.element(of, value, &mut out)?,
                        None => self.same_kind(&tag, value, &mut out)?,
                    }
                    self.put(tag.place, out);
                }
                Some(_) => return Err(NotEditedKind::Removal),
            }
            self.path.pop();
        }
        let new = count as usize - removed as usize + inserts.len();
        if new != count as usize {
            let mut out = Vec::new();
            super::write::count(new, &mut out)?;
            self.put(counted..counted + 4, out);
        }
        Ok(())
    }

    /// Where element `index` starts, counted on from one that is known.
    fn element_at(
        &self,
        of: TagKind,
        (mut next, mut at): (u32, usize),
        index: u32,
        count: u32,
    ) -> Result<usize, NotEditedKind> {
        if index > count {
            return Err(NotEditedKind::Index { count });
        }
        if let Some(size) = fixed_size(of as u8) {
            return Ok(at + (index - next) as usize * size as usize);
        }
        while next < index {
            at = self.end_of(of, at)?;
            next += 1;
        }
        Ok(at)
    }

    fn end_of_element(&self, of: TagKind, at: usize) -> Result<usize, NotEditedKind> {
        if of == TagKind::End { Ok(at) } else { self.end_of(of, at) }
    }

    fn put(&mut self, place: Range<usize>, bytes: Vec<u8>) {
        if place.is_empty() && bytes.is_empty() || self.bytes.get(place.clone()) == Some(&bytes) {
            return;
        }
        self.pieces.push((place, bytes));
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            if !path.is_empty() && !step.starts_with('[') {
                path.push('.');
            }
            path.push_str(step);
        }
        path
    }

    /// The old bytes with the new ones between.
    fn joined(mut self) -> Vec<u8> {
        // What is put in stands in front of what begins there.
        self.pieces.sort_by_key(|(place, _)| (place.start, place.end));
        let mut out = Vec::with_capacity(self.bytes.len());
        let mut at = 0;
        for (place, bytes) in &self.pieces {
            out.extend_from_slice(self.bytes.get(at..place.start).unwrap_or(&[]));
            out.extend_from_slice(bytes);
            at = place.end;
        }
        out.extend_from_slice(self.bytes.get(at..).unwrap_or(&[]));
        out
    }
}

/// The type and value of typed JSON, `{"type":"int","value":5}`.
fn typed(value: &Given) -> Option<(TagKind, &Given)> {
    let Given::Object(members) = value else { return None };
    let (Given::Text(kind), payload) = (value.get("type")?, value.get("value")?) else {
        return None;
    };
    let kind = TagKind::from_name(kind).filter(|kind| *kind != TagKind::End)?;
    (members.len() == 2).then_some((kind, payload))
}

/// The type of an element that says its type, or has one that is clear.
fn element_kind(value: &Given) -> Result<TagKind, NotEditedKind> {
    Ok(match typed(value) {
        Some((kind, _)) => kind,
        None => inferred(value)?,
    })
}
